"""A run over many inputs, in batches, so that memory does not grow with them."""

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import IO

import attrs
from rich.console import Console

from braze_heap import Transformer, TransformResult
from braze_heap.cli import _console as ui
from braze_heap.cli._inputs import FEW, UNIT, Advance, Input, Inputs, Source, batches
from braze_heap.cli._options import build_transformer
from braze_heap.cli._output import Output, is_replaced, open_output, write_calls
from braze_heap.cli._progress import RunProgress, progress
from braze_heap.cli._report import TOP, RunOutcome, RunReport, RunResult
from braze_heap.cli._signals import defer_sigint, name_of, status_of, stopped_by_signals
from braze_heap.config import Config
from braze_heap.exceptions import DeliveryError


@attrs.define
class Run:
    """
    Transform inputs into written calls. The report counts only what was written.

    Attributes:
        unit: Bytes of input at whose multiples a batch ends.
        observe: Function that gets the result of each batch.
        before: Events of the current file that were processed.
    """

    transformer: Transformer
    inputs: Inputs
    unit: int = UNIT
    observe: Callable[[TransformResult], object] = lambda _: None
    report: RunReport = attrs.field(init=False)
    before: int = attrs.field(init=False, default=0)

    @report.default
    def _empty(self) -> RunReport:
        identity = self.transformer._identity.field
        return RunReport(identity, skipped_files=self.inputs.skipped)

    @classmethod
    def of(
        cls, config: Config, source: Source, jobs: int = 1, own: Collection[str] = ()
    ) -> "Run":
        """
        Return a run in *jobs* processes; 0 is one per core.

        The command writes the files *own*; they are not read.
        """
        transformer = build_transformer(config)
        selects = transformer._mapping.generic.sends_type
        is_selective = transformer._policies.selection is not None
        inputs = source.find(own, selects if is_selective else None)
        if jobs == 1:
            return Run(transformer, inputs)
        from braze_heap.cli._jobs import SplitRun, cores

        return SplitRun(transformer, inputs, config=config, jobs=jobs or cores())

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
        with open_output(path, self.inputs.each) as file, self.progress(bar) as shown:
            for source in self.inputs.each:
                self.transform(source, file, shown.advance, shown)

    def transform(
        self,
        source: Input,
        file: IO[bytes],
        advance: Advance,
        shown: RunProgress | None = None,
    ) -> None:
        """Transform one input into an open file; an error comes after whole batches."""
        self.before = 0
        reads = self.inputs.read_one(source, advance)
        for batch in batches(reads, self.unit, FEW):
            try:
                result = self.transformer.transform(batch)
            except DeliveryError as error:
                raise ui.mapper_unavailable(error) from None
            with defer_sigint():
                write_calls(file, result.calls)
                self.report.add(result, batch, source.name, self.before)
                self.observe(result)
            self.before += len(batch)
            if shown:
                shown.add_events(len(batch))


def outcome_of(work: Callable[[], object], done: str) -> RunOutcome:
    """Do *work*, and return its outcome; *done* introduces the report of a part."""
    try:
        with stopped_by_signals():
            work()
    except KeyboardInterrupt as error:
        return RunOutcome(status_of(error), f"Stopped by {name_of(error)}. {done}")
    except BrokenPipeError:
        ui.redirect_to_devnull("stdout")
        return RunOutcome(ui.SIGPIPE_EXIT, f"{ui.PIPE_CLOSED} {done}")
    except ui.UnusableError as error:
        return RunOutcome(error.exit_code, f"Stopped by an error. {done}", error)
    return RunOutcome()
