"""A run over many inputs, in batches, so that memory stays flat."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import attrs
from rich.console import Console

from braze_heap import Transformer
from braze_heap.cli._console import (
    PIPE_CLOSED,
    SIGPIPE_EXIT,
    UnusableError,
    mapper_unavailable,
    redirect_to_devnull,
)
from braze_heap.cli._inputs import (
    FEW,
    UNIT,
    Advance,
    Input,
    batches,
    check_any_read,
    read_or_skip,
)
from braze_heap.cli._output import is_replaced, open_output, write_calls
from braze_heap.cli._progress import progress
from braze_heap.cli._report import TransformReport
from braze_heap.cli._signals import defer_sigint, name_of, status_of, stopped_by_signals
from braze_heap.exceptions import DeliveryError


@attrs.frozen
class RunOutcome:
    """
    Result of a run.

    Attributes:
        status: Exit status.
        note: Message for the user; empty if the run finished.
        failure: Error that stopped the run.
    """

    status: int = 0
    note: str = ""
    failure: UnusableError | None = None


@attrs.define
class Run:
    """
    Transform inputs into written calls. The report counts only what was written.

    Attributes:
        unit: Bytes of input at whose multiples a batch ends.
    """

    transformer: Transformer
    inputs: Sequence[Input]
    event_type: str | None
    report: TransformReport
    unit: int = UNIT

    def write_to(self, path: Path, bar: Console | None) -> RunOutcome:
        """
        Transform all inputs into the file at *path*, with a bar on the console *bar*.
        """
        done = "Processed before that:"
        if is_replaced(path):
            done = "The file was not written. Read before that:"
        try:
            with stopped_by_signals():
                self._write_to(path, bar)
                check_any_read(self.inputs, self.report.skipped_files)
        except KeyboardInterrupt as error:
            return RunOutcome(status_of(error), f"Stopped by {name_of(error)}. {done}")
        except BrokenPipeError:
            redirect_to_devnull("stdout")
            return RunOutcome(SIGPIPE_EXIT, f"{PIPE_CLOSED} {done}")
        except UnusableError as error:
            return RunOutcome(error.exit_code, f"Stopped by an error. {done}", error)
        return RunOutcome()

    def _write_to(self, path: Path, bar: Console | None) -> None:
        with (
            open_output(path, self.inputs) as file,
            progress(self.inputs, bar) as advance,
        ):
            for source in self.inputs:
                self.transform(source, file, advance)

    def transform(self, source: Input, file: IO[bytes], advance: Advance) -> None:
        """
        Transform one input into an open file.

        Raises:
            UnusableError: The input cannot be read completely, or a mapper cannot
                decide. The calls of earlier batches are written.
        """
        before = 0
        skipped = self.report.skipped_files
        reads = read_or_skip(source, self.event_type, advance, skipped)
        for batch in batches(reads, self.unit, FEW):
            try:
                result = self.transformer.transform(batch)
            except DeliveryError as error:
                raise mapper_unavailable(error) from None
            with defer_sigint():
                write_calls(file, result.calls)
                self.report.add(result, batch, source.name, before)
            before += len(batch)
