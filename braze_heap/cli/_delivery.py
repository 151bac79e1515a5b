"""
A delivery as commands do it: patient, told while it waits, and reported however it
ends.
"""

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
from braze_heap._errors import place_of
from braze_heap.cli._console import (
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
from braze_heap.sinks._closing import ClosesAtExit
from braze_heap.state.dead_letters import DeadLetter

PATIENCE: Final = 600.0
"""Seconds: outlasts a deployment of Heap, and no wrong configuration."""


Work: TypeAlias = Callable[[Pipeline, DeliveryProgress], object]
"""Gives batches to a pipeline, and advances a progress."""


patience_option: Final = click.option(
    "--patience",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=PATIENCE,
    show_default=True,
    help="How long to try again while the sink does not answer. Waiting for Heap's "
    "own rates does not count.",
)


@attrs.define(eq=False)
class RetryingSink(ClosesAtExit):
    """
    A sink that is given up after some time of failures, and says why it waits.

    Attributes:
        sink: The one behind.
        patience: Seconds of failures without a success.
        progress: Told of what happens.
        clock: Monotonic seconds.
        pause: Takes seconds.
        error: The last failure, until there is a success.
        since: When failures began.
        is_pipe_broken: Whether the reader of the output went away.
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
        """
        Settle *calls*; see `Sink.send`.
        """
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
        """
        Close the sink behind.
        """
        self.sink.close()

    def sleep(self, seconds: float) -> None:
        """
        Wait, as a pipeline does between attempts.

        Raises:
            SinkUnavailable: It waited long enough.
        """
        if self.error is None:
            raise SinkUnavailable(
                "the sink returns no receipt that adds up; "
                "braze_heap.testing.check_sink tells what a sink promises"
            )
        began = math.inf if self.since is None else self.since
        if self.clock() + seconds - began > self.patience:
            raise self.error.with_traceback(None) from None
        self.progress.show_wait(seconds)
        self.pause(seconds)

    def _note(self, error: Exception, started: float) -> None:
        self.is_pipe_broken = _is_broken_pipe(error)
        if not isinstance(error, SinkUnavailable):
            error = SinkUnavailable(f"the sink raised {place_of(error)}")
        self.error = error
        if not (error.throttled and error.retry_after is not None):
            self._tell(error.detail, started)

    def note_mapper(self, error: DeliveryError) -> None:
        """
        Note that a mapper, and not the sink, could not decide about a batch.
        """
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
        sink: Opened; closed at the end.
        dead_letter: Where what cannot be delivered goes.
        patience: Seconds; none for what writes to stdout.
        report: What was settled.
        seconds: How long it took.
        skipped_files: Why each file of a folder that holds no events was skipped.
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
        """
        Where in Heap it goes, if it goes there.
        """
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
            transformer: Of the pipeline.
            work: What is to be delivered.
            total: Units by which *work* advances; 0 if that is not known.
            quiet: Whether nothing is told meanwhile.
        """
        ceiling = self.target.events_a_minute if self.target else math.inf
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
            note = f"Stopped by {name_of(error)}. Done until then:"
            return RunOutcome(status_of(error), note)
        except (DeliveryError, OSError) as error:
            if self.spec in STDOUT and (sink.is_pipe_broken or _is_broken_pipe(error)):
                redirect_to_devnull("stdout")
                return RunOutcome(
                    SIGPIPE_EXIT, "Nobody reads the calls. Done until then:"
                )
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
    note = "Stopped by an error. Done until then:"
    if isinstance(error, ReadFailedError):
        note = "Not everything could be read. Done with the rest:"
    return RunOutcome(error.exit_code, note, error)
