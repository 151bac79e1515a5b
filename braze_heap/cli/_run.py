"""Runs of commands over many events: written calls, or a delivery to a sink."""

import contextlib
import functools
import math
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import attrs
import click
from rich.console import Console

from braze_heap import (
    Call,
    Pipeline,
    Report,
    SinkUnavailable,
    Transformer,
    TransformResult,
)
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli import _sinks as sinks
from braze_heap.cli._inputs import (
    FEW,
    UNIT,
    Input,
    Inputs,
    ReadFailedError,
    Source,
    batches,
)
from braze_heap.cli._output import Output, is_replaced, open_output, write_calls
from braze_heap.cli._progress import RunProgress, format_duration, progress
from braze_heap.cli._report import (
    TOP,
    Ending,
    RunOutcome,
    RunReport,
    RunResult,
    ending_options,
)
from braze_heap.config import Config
from braze_heap.exceptions import DeliveryError, StateError, retry_after_of
from braze_heap.heap._pacing import EVENTS_A_MINUTE
from braze_heap.observers import BatchDetails, Outcome
from braze_heap.sinks import Receipt, Sink
from braze_heap.state import DeadLetter, Ledger

Work: TypeAlias = Callable[[Pipeline, RunProgress], Report | None]
"""Function that passes batches to a pipeline, and returns a report or ``None``."""

_patience_option: Final = opts.option(
    "--patience SECONDS",
    "Seconds to retry while the sink does not answer. Waiting for Heap's rate limits "
    "does not count.",
    type=opts.FloatRange(min=0),
    default=600.0,  # longer than a deployment of Heap takes
)


@attrs.define
class Run:
    """
    Transform inputs into written calls. The report counts only what was written.

    Attributes:
        unit: Bytes of input at whose multiples a batch ends.
        observe: Function that gets the result of each batch.
        config: Configuration of the transformer, for workers.
        jobs: Maximum number of workers; 0 is one per core.
        before: Events of the current file that were processed.
    """

    transformer: Transformer
    inputs: Inputs
    unit: int = UNIT
    config: Config = attrs.field(factory=Config)
    jobs: int = 1
    observe: Callable[[TransformResult], object] = lambda _: None
    report: RunReport = attrs.field(init=False)
    before: int = attrs.field(init=False, default=0)

    @report.default
    def _empty(self) -> RunReport:
        identity = self.transformer._identity.field
        return RunReport(identity, skipped_files=self.inputs.skipped)

    @classmethod
    def of(
        cls, config: Config, source: Source, jobs: int = 1, own: Collection[Path] = ()
    ) -> "Run":
        """Return a run. The command writes the files *own*; they are not read."""
        transformer = opts.build_transformer(config)
        selects = transformer._mapping.generic.sends_type
        is_selective = transformer._policies.selection is not None
        inputs = source.find(own, selects if is_selective else None)
        return Run(transformer, inputs, config=config, jobs=jobs)

    def result(
        self, path: Output, bar: Console | None, *, all_types: bool = False
    ) -> RunResult:
        """Transform all inputs into *path*, and return the result."""
        started = time.monotonic()
        done = "Processed before that:"
        if is_replaced(path):
            done = "The file was not written. Read before that:"

        def work() -> None:
            self._write_to(path, bar)
            self.inputs.check_any_read()

        outcome = outcome_of(work, done)
        return RunResult(
            report=self.report,
            outcome=outcome,
            seconds=time.monotonic() - started,
            source=str(self.inputs),
            top=None if all_types else TOP,
        )

    def progress(self, bar: Console | None) -> AbstractContextManager[RunProgress]:
        """Measure the run, with a bar if the inputs are long."""
        size = self.inputs.size
        return progress("Transforming", size, bar if size > 5_000_000 else None)

    def _write_to(self, path: Output, bar: Console | None) -> None:
        if self.jobs != 1:
            from braze_heap.cli._jobs import write_in_parts

            if write_in_parts(self, path, bar):
                return
        with open_output(path, self.inputs.each) as file, self.progress(bar) as shown:
            for source in self.inputs.each:
                self.transform(source, file, shown)

    def transform(self, source: Input, file: IO[bytes], shown: RunProgress) -> None:
        """Transform one input into an open file; an error comes after whole batches."""
        self.before = 0
        reads = self.inputs.read_one(source, shown.advance)
        for batch in batches(reads, self.unit, FEW):
            try:
                result = self.transformer.transform(batch)
            except DeliveryError as error:
                raise ui.mapper_unavailable(error) from None
            with ui.defer_sigint():
                write_calls(file, result.calls)
                self.report.add(result, batch, source.name, self.before)
                self.observe(result)
            self.before += len(batch)
            shown.add_events(len(batch))


class _InvalidReceipt(SinkUnavailable):
    """A bug of the sink, which a retry would only repeat."""


class RetryingPipeline(Pipeline):
    """
    A pipeline that retries for *limit* seconds, and shows why it waits in *progress*.

    Attributes:
        report: Counts of the events so far.
    """

    def __init__(
        self, *args: Any, limit: float, progress: RunProgress, **options: Any
    ) -> None:
        observers = [self._processed]
        super().__init__(*args, observers=observers, patience=math.inf, **options)
        self.report = Report()
        self._limit = limit
        self._progress = progress
        self._failed_at: float | None = None

    def _send(self, calls: Sequence[Call]) -> object:
        receipt = super()._send(calls)
        if isinstance(receipt, Receipt):
            try:
                receipt.checked(len(calls))
            except ValueError as error:
                raise _InvalidReceipt(
                    f"{error}; test the sink with braze_heap.testing.check_sink"
                ) from None
        return receipt

    def _log_failure(self, error: DeliveryError, outcome: Outcome) -> None:
        """Log nothing, because the command reports the error."""

    def _processed(self, details: BatchDetails) -> None:
        if details.report is None:
            return
        if self._failed_at is not None:
            self._progress.on_message("The delivery goes on.")
        self._failed_at = None
        self.report += details.report
        self._progress.add_events(details.report.received)

    def _wait(self, seconds: float, cause: DeliveryError) -> object:
        """Wait, unless that would exceed the limit, or a retry cannot help."""
        if isinstance(cause, _InvalidReceipt):
            raise cause
        is_throttled = isinstance(cause, SinkUnavailable) and cause.throttled
        is_paced = is_throttled and retry_after_of(cause) is not None
        if self._failed_at is None and not is_paced:
            self._failed_at = self._clock()
            if self._limit:
                detail = ui.safe(getattr(cause, "detail", str(cause)), 500)
                limit = f"Trying for up to {format_duration(self._limit)} (--patience)"
                text = f"Waiting: {detail}. {limit}; Ctrl-C is harmless."
                self._progress.on_message(text)
        began = math.inf if self._failed_at is None else self._failed_at
        if self._clock() + seconds - began > self._limit:
            raise cause.with_traceback(None) from None
        self._progress.show_wait(seconds)
        return super()._wait(seconds, cause)


@attrs.frozen
class Delivery:
    """Options of a command that delivers events to a sink."""

    setup: opts.Setup
    yes: bool
    patience: float
    ending: Ending

    @property
    def config(self) -> Config:
        """The configuration of the command."""
        return self.setup.config

    @contextlib.contextmanager
    def opened(
        self, events: str, state: opts.Place | None, *read: opts.Place
    ) -> Iterator[Sink]:
        """
        Open the sink for `deliver`, which closes it; so does an error.

        It must not write the *state*, or a file that is *read*. If it is Heap, show
        host and app, and ask before *events* go there.
        """
        spec, file = self.config.sink.to_spec(), self.setup.file
        sinks.refuse_files(spec, state, file, *read)
        sink = sinks.open_sink_or_exit(self.config)
        try:
            if target := sinks.HeapTarget.of(sink):
                click.echo(f"{target}\n{sinks.SILENTLY}", err=True)
                question = f"Send {events} there?"
                ui.confirm(question, "sent", is_agreed=self.yes)
            yield sink
        except BaseException:
            with contextlib.suppress(Exception):  # the first error counts
                sink.close()
            raise

    def deliver(
        self,
        sink: Sink,
        stores: tuple[DeadLetter, Ledger | None],
        transformer: Transformer,
        work: Work,
        *,
        total: int = 0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> RunResult:
        """
        Do *work*, which reads *total* units, close *sink*, and return the result.

        Without a ledger in *stores*, only user properties of this run are known. A
        failure of stdout is not retried.
        """
        (dead_letter, ledger), spec = stores, self.config.sink.to_spec()
        is_stdout = spec in sinks.STDOUT
        ceiling = math.inf
        if heap := sinks.HeapTarget.of(sink):
            ceiling = heap.options.events_a_minute or EVENTS_A_MINUTE
        with progress("Sending", total, self.ending.bar, ceiling) as shown:
            pipeline = RetryingPipeline(
                transformer,
                sink,
                dead_letter,
                ledger=sinks.ledger_for(spec, sink, ledger, shown.on_message),
                limit=0.0 if is_stdout else self.patience,
                progress=shown,
                sleep=sleep,
            )

            def run() -> None:
                try:
                    with contextlib.closing(sink):
                        pipeline.report = work(pipeline, shown) or pipeline.report
                    if is_stdout:
                        sys.stdout.flush()
                except (DeliveryError, StateError, OSError) as error:
                    if is_stdout and (cause := ui.error_of("stdout")):
                        ended = ui.unwritten("stdout", cause)
                        is_closed = isinstance(ended, SystemExit)
                        raise (BrokenPipeError if is_closed else ended) from None
                    raise sinks.failure_of(error) from None

            outcome = outcome_of(run, "Processed before that:")
            seconds = shown.seconds
        if isinstance(outcome.failure, ReadFailedError):
            note = "Not everything could be read. Processed the rest:"
            outcome = attrs.evolve(outcome, note=note)
        return RunResult(
            report=RunReport(counts=pipeline.report),
            outcome=outcome,
            seconds=seconds,
            sink=sinks.describe_sink(spec, heap),
        )


def delivery_options(what: str, *options: opts.Decorator) -> opts.Decorator:
    """Add the options of a `Delivery`: *options* of keys, and --strict for *what*."""

    def add(command: Any) -> Any:
        def run(
            setup: opts.Setup, yes: bool, patience: float, ending: Ending, **values: Any
        ) -> Any:
            delivery = Delivery(setup, yes, patience, ending)
            return command(delivery=delivery, **values)

        functools.update_wrapper(run, command)
        run = _patience_option(ending_options(what)(run))
        run = opts.yes_option()(run)
        return opts.setup_options("transform sink state", *options)(run)

    return add


def outcome_of(work: Callable[[], object], done: str) -> RunOutcome:
    """Do *work*, and return its outcome; *done* introduces the report of a part."""
    try:
        with ui.stopped_by_signals():
            work()
    except KeyboardInterrupt as error:
        status = ui.status_of(error)
        return RunOutcome(status, f"Stopped by {ui.name_of(status - 128)}. {done}")
    except BrokenPipeError:
        ui.redirect_to_devnull("stdout")
        return RunOutcome(ui.SIGPIPE_EXIT, f"{ui.PIPE_CLOSED} {done}")
    except ui.UnusableError as error:
        return RunOutcome(error.exit_code, f"Stopped by an error. {done}", error)
    return RunOutcome()
