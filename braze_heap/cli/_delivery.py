"""Deliver events for a command: retry, show progress, and report in every case."""

import contextlib
import logging
import math
import sys
from collections.abc import Callable, Iterator, Mapping
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
from braze_heap.cli._report import RunReport, RunResult
from braze_heap.cli._run import outcome_of
from braze_heap.exceptions import (
    DeliveryError,
    StateError,
    is_of_mapper,
    retry_after_of,
)
from braze_heap.heap._pacing import EVENTS_A_MINUTE
from braze_heap.observers import BatchDetails
from braze_heap.sinks import Receipt, Sink
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


class RetryingPipeline(Pipeline):
    """
    A pipeline that retries for a limited time, and shows why it waits.

    It stops after *limit* seconds without a success. *progress* gets messages, waits
    and processed events.

    Attributes:
        report: Counts of the events so far.
        is_pipe_closed: Whether the reader of the output closed the pipe.
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
        self.is_pipe_closed = False
        self._limit = limit
        self._progress = progress
        self._failed_at: float | None = None
        self._cause: DeliveryError | None = None

    def _perform(self, step: Any) -> object:
        try:
            done = super()._perform(step)
        except Exception as error:
            self.is_pipe_closed = _is_broken_pipe(error)
            raise
        if isinstance(done, Receipt):
            try:
                done.checked(len(step.calls))
            except ValueError:
                raise _InvalidReceipt(
                    "invalid receipt: accepted + rejections must equal the batch size; "
                    "test the sink with braze_heap.testing.check_sink"
                ) from None
        return done

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
        is_stdout = self.spec in sinks.STDOUT
        ceiling = math.inf
        if heap := sinks.HeapTarget.of(self.sink):
            ceiling = heap.options.events_a_minute or EVENTS_A_MINUTE
        with progress("Sending", total, bar, ceiling) as shown:
            pipeline = RetryingPipeline(
                transformer,
                self.sink,
                self.dead_letter,
                0.0 if is_stdout else self.patience,
                shown,
                ledger=sinks.ledger_for(
                    self.spec, self.sink, self.ledger, shown.on_message
                ),
                **self.options,
            )

            def deliver() -> None:
                with _reported_once(), _errors_of(pipeline, is_stdout=is_stdout):
                    with contextlib.closing(self.sink):
                        pipeline.report = work(pipeline, shown) or pipeline.report
                    if is_stdout:
                        sys.stdout.flush()

            outcome = outcome_of(deliver, "Processed before that:")
            seconds = shown.seconds
        if isinstance(outcome.failure, ReadFailedError):
            note = "Not everything could be read. Processed the rest:"
            outcome = attrs.evolve(outcome, note=note)
        return RunResult(
            report=RunReport.of(pipeline.report),
            outcome=outcome,
            seconds=seconds,
            sink=sinks.describe_sink(self.spec, heap),
        )


@contextlib.contextmanager
def _errors_of(pipeline: RetryingPipeline, *, is_stdout: bool) -> Iterator[None]:
    """Raise errors of a delivery as those to show, or as a `BrokenPipeError`."""
    try:
        yield
    except (DeliveryError, StateError, OSError) as error:
        if is_stdout and (pipeline.is_pipe_closed or _is_broken_pipe(error)):
            raise BrokenPipeError from None
        if isinstance(error, OSError):
            if is_stdout:
                ui.redirect_to_devnull("stdout")
            raise sinks.close_error(error) from None
        if isinstance(error, DeliveryError) and is_of_mapper(error):
            raise ui.mapper_unavailable(error) from None
        if isinstance(error, StateError):
            raise sinks.state_failure(error) from None
        if isinstance(error, SinkUnavailable):
            raise ui.UnavailableError(sinks.describe_outage(error)) from None
        raise ui.UnavailableError(str(error)) from None


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
