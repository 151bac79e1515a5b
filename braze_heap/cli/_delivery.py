"""Deliver events for a command: retry, show progress, and report in every case."""

import contextlib
import logging
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import attrs
import click
from rich.console import Console

from braze_heap import Pipeline, Report, SinkUnavailable, Transformer
from braze_heap.cli import _console as ui
from braze_heap.cli import _sinks as sinks
from braze_heap.cli._inputs import ReadFailedError
from braze_heap.cli._options import option
from braze_heap.cli._progress import RunProgress, format_duration, progress
from braze_heap.cli._report import RunOutcome, RunReport, RunResult
from braze_heap.cli._signals import name_of, status_of, stopped_by_signals
from braze_heap.exceptions import DeliveryError, is_of_mapper, retry_after_of
from braze_heap.heap._pacing import EVENTS_A_MINUTE
from braze_heap.heap.calls import Call
from braze_heap.observers import BatchDetails
from braze_heap.sinks import Receipt, Sink
from braze_heap.sinks._protocol import ClosingContextManager, destination_of
from braze_heap.state import DeadLetter, Ledger

PATIENCE: Final = 600.0
"""Seconds: longer than a deployment of Heap takes."""

Work: TypeAlias = Callable[[Pipeline, RunProgress], Report | None]
"""Function that passes batches to a pipeline and counts the units read."""

patience_option: Final = option(
    "--patience SECONDS",
    "Seconds to retry while the sink does not answer. Waiting for Heap's rate limits "
    "does not count.",
    type=click.FloatRange(min=0),
    default=PATIENCE,
)


class _InvalidReceipt(SinkUnavailable):
    """A bug of the sink, which a retry would only repeat."""


@attrs.define(eq=False)
class _CheckedSink(ClosingContextManager):
    """
    A sink whose receipts are checked.

    Attributes:
        is_pipe_closed: Whether the reader of the output closed the pipe.
    """

    sink: Sink
    is_pipe_closed: bool = False

    @property
    def destination(self) -> str | None:
        """See `Sink`."""
        return destination_of(self.sink)

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Send *calls*; see `Sink.send`."""
        try:
            receipt = self.sink.send(calls)
        except Exception as error:
            self.is_pipe_closed = _is_broken_pipe(error)
            raise
        try:
            return receipt.checked(len(calls))
        except ValueError:
            raise _InvalidReceipt(
                "invalid receipt: accepted + rejections must equal the batch size; "
                "test the sink with braze_heap.testing.check_sink"
            ) from None

    def close(self) -> None:
        """Close the wrapped sink."""
        self.sink.close()


class RetryingPipeline(Pipeline):
    """
    A pipeline that retries for a limited time, and shows why it waits.

    It stops after *limit* seconds without a success. *progress* gets messages, waits
    and processed events.

    Attributes:
        report: Counts of the events so far.
    """

    def __init__(
        self,
        transformer: Transformer,
        sink: Sink,
        dead_letter: DeadLetter,
        limit: float,
        progress: RunProgress,
        **options: Any,
    ) -> None:
        super().__init__(
            transformer,
            sink,
            dead_letter,
            observers=[self._processed],
            patience=math.inf,
            **options,
        )
        self.report = Report()
        self._limit = limit
        self._progress = progress
        self._failed_at: float | None = None
        self._cause: DeliveryError | None = None

    def _processed(self, details: BatchDetails) -> None:
        if details.report is None:
            return
        if self._failed_at is not None and self._cause is not None:
            what = "mapper works" if is_of_mapper(self._cause) else "sink answers"
            self._progress.on_message(f"The {what} again.")
        self._failed_at = None
        self.report += details.report
        self._progress.add_events(details.report.received)

    def _wait(self, seconds: float, cause: DeliveryError) -> object:
        """
        Wait between two attempts.

        Raises:
            DeliveryError: The wait would exceed the limit, or a retry cannot help.
        """
        if isinstance(cause, _InvalidReceipt):
            raise cause
        is_throttled = isinstance(cause, SinkUnavailable) and cause.throttled
        if not (is_throttled and retry_after_of(cause) is not None):
            self._show_cause(cause)
        began = math.inf if self._failed_at is None else self._failed_at
        if self._clock() + seconds - began > self._limit:
            raise cause.with_traceback(None) from None
        self._progress.show_wait(seconds)
        return super()._wait(seconds, cause)

    def _show_cause(self, cause: DeliveryError) -> None:
        self._cause = cause
        if self._failed_at is not None:
            return
        self._failed_at = self._clock()
        if self._limit:
            detail = getattr(cause, "detail", "")
            if is_of_mapper(cause):
                detail = ui.mapper_unavailable(cause).message
            wait = f"Trying for up to {format_duration(self._limit)} (--patience)"
            self._progress.on_message(
                f"Waiting: {ui.safe(detail, 500)}. {wait}; Ctrl-C is harmless."
            )


@attrs.frozen(eq=False)
class Delivery:
    """
    One delivery.

    Attributes:
        spec: The sink as the user wrote it.
        sink: The open sink; `run` closes it.
        dead_letter: Store for events that cannot be delivered.
        ledger: Newest user properties; ``None`` to know only those of this run.
        patience: Maximum seconds without a success; stdout is not retried.
        options: More arguments of the pipeline.
    """

    spec: str
    sink: Sink
    dead_letter: DeadLetter
    ledger: Ledger | None
    patience: float
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def is_stdout(self) -> bool:
        """Whether calls go to stdout."""
        return self.spec in sinks.STDOUT

    def run(
        self, transformer: Transformer, work: Work, total: int, bar: Console | None
    ) -> RunResult:
        """
        Do *work*, close the sink, and return the result.

        Args:
            transformer: Transformer of the pipeline.
            work: Passes the batches to the pipeline. It returns a report, or ``None``
                for the sum of the batches.
            total: Units that *work* reads; 0 if that is not known.
            bar: Console for the progress.
        """
        target = sinks.HeapTarget.of(self.sink)
        ceiling = math.inf
        if target:
            ceiling = target.options.events_a_minute or EVENTS_A_MINUTE
        sink, found = _CheckedSink(self.sink), list[Report]()
        with progress("Sending", total, bar, ceiling) as shown:
            limit = 0.0 if self.is_stdout else self.patience
            ledger = sinks.ledger_for(self.spec, sink, self.ledger, shown.on_message)
            pipeline = RetryingPipeline(
                transformer,
                sink,
                self.dead_letter,
                limit,
                shown,
                ledger=ledger,
                **self.options,
            )

            def run() -> None:
                with contextlib.closing(sink):
                    report = work(pipeline, shown)
                if report is not None:
                    found.append(report)
                if self.is_stdout:
                    sys.stdout.flush()

            outcome = self._outcome(run, sink)
            seconds = shown.seconds
        return RunResult(
            report=RunReport(counts=found[0] if found else pipeline.report),
            outcome=outcome,
            seconds=seconds,
            sink=sinks.describe_sink(self.spec, target),
        )

    def _outcome(self, run: Callable[[], object], sink: _CheckedSink) -> RunOutcome:
        before = "Processed before that:"
        try:
            with stopped_by_signals(), _reported_once():
                run()
        except KeyboardInterrupt as error:
            note = f"Stopped by {name_of(error)}. {before}"
            return RunOutcome(status_of(error), note)
        except (DeliveryError, OSError) as error:
            is_pipe_closed = sink.is_pipe_closed or _is_broken_pipe(error)
            if self.is_stdout and is_pipe_closed:
                ui.redirect_to_devnull("stdout")
                return RunOutcome(ui.SIGPIPE_EXIT, f"{ui.PIPE_CLOSED} {before}")
            if self.is_stdout and isinstance(error, OSError):
                ui.redirect_to_devnull("stdout")
            failure = _to_cli_error(error)
        except ui.UnusableError as error:
            failure = error
        else:
            return RunOutcome()
        note = f"Stopped by an error. {before}"
        if isinstance(failure, ReadFailedError):
            note = "Not everything could be read. Processed the rest:"
        return RunOutcome(failure.exit_code, note, failure)


def _is_broken_pipe(error: Exception) -> bool:
    return isinstance(error.__context__ or error, BrokenPipeError)


@contextlib.contextmanager
def _reported_once() -> Iterator[None]:
    """
    Keep the pipeline from logging why a batch failed: the command itself reports that.
    """

    def is_other(record: logging.LogRecord) -> bool:
        return not hasattr(record, "braze_outcome")

    logger = logging.getLogger("braze_heap.pipeline")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _to_cli_error(error: DeliveryError | OSError) -> ui.UnusableError:
    if isinstance(error, OSError):
        return sinks.close_error(error)
    if is_of_mapper(error):
        return ui.mapper_unavailable(error)
    if isinstance(error, SinkUnavailable):
        return ui.UnavailableError(sinks.describe_outage(error))
    return ui.UnavailableError(str(error))
