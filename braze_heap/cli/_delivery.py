"""Deliver events for a command: retry, show progress, and report in every case."""

import contextlib
import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

import attrs
import click

from braze_heap import Pipeline, Report, SinkUnavailable, Transformer
from braze_heap._errors import describe_exception
from braze_heap.cli._console import (
    PIPE_CLOSED,
    SIGPIPE_EXIT,
    UnavailableError,
    UnusableError,
    console,
    mapper_unavailable,
    redirect_to_devnull,
    safe,
)
from braze_heap.cli._inputs import ReadFailedError
from braze_heap.cli._progress import (
    DeliveryProgress,
    delivery_progress,
    format_duration,
)
from braze_heap.cli._run import RunOutcome
from braze_heap.cli._signals import name_of, status_of, stopped_by_signals
from braze_heap.cli._sinks import STDOUT, HeapTarget
from braze_heap.exceptions import DeliveryError, is_of_mapper
from braze_heap.heap.calls import Call
from braze_heap.observers import BatchDetails
from braze_heap.sinks import Receipt, Sink
from braze_heap.sinks._protocol import ClosingContextManager
from braze_heap.state import DeadLetter

PATIENCE: Final = 600.0
"""Seconds: longer than a deployment of Heap takes."""


Work: TypeAlias = Callable[[Pipeline, DeliveryProgress], object]
"""Function that passes batches to a pipeline and counts the units read."""


patience_option: Final = click.option(
    "--patience",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=PATIENCE,
    show_default=True,
    help="Seconds to retry while the sink does not answer. Waiting for Heap's rate "
    "limits does not count.",
)


@attrs.define(eq=False)
class RetryingSink(ClosingContextManager):
    """
    A sink that retries for a limited time, and shows why it waits.

    Attributes:
        sink: The wrapped sink.
        patience: Maximum seconds without a success.
        progress: Gets messages and waits.
        clock: Monotonic seconds.
        pause: Sleep function, in seconds.
        error: The last failure; ``None`` after a success.
        since: Time of the first failure since the last success.
        is_pipe_broken: Whether the reader of the output closed the pipe.
    """

    sink: Sink
    patience: float
    progress: DeliveryProgress
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], object] = time.sleep
    error: DeliveryError | None = None
    since: float | None = None
    is_pipe_broken: bool = False

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Send *calls*; see `Sink.send`."""
        started = self.clock()
        try:
            receipt = self.sink.send(calls)
        except Exception as error:
            self._note(error, started)
            raise
        if self.since is not None and self.error is not None:
            what = "mapper works" if is_of_mapper(self.error) else "sink answers"
            self.progress.on_message(f"The {what} again.")
        self.error = self.since = None
        return receipt

    def close(self) -> None:
        """Close the wrapped sink."""
        self.sink.close()

    def sleep(self, seconds: float) -> None:
        """
        Wait between attempts of a pipeline.

        Raises:
            SinkUnavailable: The wait would exceed *patience*.
        """
        if self.error is None:
            raise SinkUnavailable(
                "invalid receipt: accepted + rejections must equal the batch size; "
                "test the sink with braze_heap.testing.check_sink"
            )
        began = math.inf if self.since is None else self.since
        if self.clock() + seconds - began > self.patience:
            raise self.error.with_traceback(None) from None
        self.progress.show_wait(seconds)
        self.pause(seconds)

    def _note(self, error: Exception, started: float) -> None:
        self.is_pipe_broken = _is_broken_pipe(error)
        if not isinstance(error, SinkUnavailable):
            error = SinkUnavailable(f"the sink raised {describe_exception(error)}")
        self.error = error
        if not (error.throttled and error.retry_after is not None):
            self._tell(error.detail, started)

    def note_mapper(self, error: DeliveryError) -> None:
        """Record that a mapper, not the sink, could not decide about a batch."""
        self.error = error
        self._tell(mapper_unavailable(error).message, self.clock())

    def _tell(self, detail: str, started: float) -> None:
        if self.since is not None:
            return
        self.since = started
        if self.patience:
            wait = f"Trying for up to {format_duration(self.patience)} (--patience)"
            detail = safe(detail, 500)
            self.progress.on_message(f"Waiting: {detail}. {wait}; Ctrl-C is harmless.")


class _RetryingPipeline(Pipeline):
    def _wait(self, seconds: float, cause: DeliveryError) -> object:
        if is_of_mapper(cause) and isinstance(self.sink, RetryingSink):
            self.sink.note_mapper(cause)
        return super()._wait(seconds, cause)


@attrs.define(eq=False)
class Delivery:
    """
    One delivery, and its report so far.

    Attributes:
        spec: The sink as the user wrote it.
        sink: The open sink; `run` closes it.
        dead_letter: Store for events that cannot be delivered.
        patience: Maximum seconds without a success; 0 for stdout.
        report: Counts of the events so far.
        seconds: Duration.
        skipped_files: A message for each skipped file of a folder.
    """

    spec: str
    sink: Sink
    dead_letter: DeadLetter
    patience: float = PATIENCE
    report: Report = attrs.field(factory=Report)
    seconds: float = 0.001
    skipped_files: list[str] = attrs.field(factory=list)

    @property
    def target(self) -> HeapTarget | None:
        """Heap app and limits of the sink, if it is a Heap sink."""
        return HeapTarget.of(self.sink)

    def run(
        self,
        transformer: Transformer,
        work: Work,
        total: int,
        *,
        quiet: bool,
    ) -> RunOutcome:
        """
        Do *work*, and close the sink.

        Args:
            transformer: Transformer of the pipeline.
            work: Passes the batches to the pipeline.
            total: Units that *work* reads; 0 if that is not known.
            quiet: Whether to show no progress.
        """
        ceiling = self.target.options.events_a_minute if self.target else math.inf
        patience = 0.0 if self.spec in STDOUT else self.patience
        bar = None if quiet else console("stderr")
        with delivery_progress(total, ceiling, bar) as progress:
            sink = RetryingSink(self.sink, patience, progress)
            pipeline = _RetryingPipeline(
                transformer,
                sink,
                self.dead_letter,
                sleep=sink.sleep,
                observers=[lambda details: self._note(details, progress)],
                patience=math.inf,
            )
            outcome = self._ended(lambda: self._work(work, pipeline, progress), sink)
            self.seconds = progress.seconds
        return outcome

    def _work(self, work: Work, pipeline: Pipeline, progress: DeliveryProgress) -> None:
        with contextlib.closing(pipeline.sink):
            work(pipeline, progress)
        if self.spec in STDOUT:
            sys.stdout.flush()

    def _note(self, details: BatchDetails, progress: DeliveryProgress) -> None:
        if details.report:
            self.report += details.report
            progress.add_events(details.report.received)

    def _ended(self, work: Callable[[], object], sink: RetryingSink) -> RunOutcome:
        try:
            with stopped_by_signals(), _reported_once():
                work()
        except KeyboardInterrupt as error:
            note = f"Stopped by {name_of(error)}. Processed before that:"
            return RunOutcome(status_of(error), note)
        except (DeliveryError, OSError) as error:
            if self.spec in STDOUT and (sink.is_pipe_broken or _is_broken_pipe(error)):
                redirect_to_devnull("stdout")
                return RunOutcome(SIGPIPE_EXIT, f"{PIPE_CLOSED} Processed before that:")
            if self.spec in STDOUT and isinstance(error, OSError):
                redirect_to_devnull("stdout")
            return _failed(_to_cli_error(error))
        except UnusableError as error:
            return _failed(error)
        return RunOutcome()


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


def _is_broken_pipe(error: Exception) -> bool:
    return isinstance(error.__context__ or error, BrokenPipeError)


def _to_cli_error(error: Exception) -> UnusableError:
    if isinstance(error, DeliveryError) and is_of_mapper(error):
        return mapper_unavailable(error)
    if isinstance(error, SinkUnavailable):
        detail = safe(f"{error.detail}{error.answer}", 800)
        return UnavailableError(f"the sink is not available: {detail}")
    if isinstance(error, OSError):
        flaw = error.strerror or type(error).__name__
        return UnusableError(f"the sink cannot be closed: {flaw}")
    return UnavailableError(str(error))


def _failed(error: UnusableError) -> RunOutcome:
    note = "Stopped by an error. Processed before that:"
    if isinstance(error, ReadFailedError):
        note = "Not everything could be read. Processed the rest:"
    return RunOutcome(error.exit_code, note, error)
