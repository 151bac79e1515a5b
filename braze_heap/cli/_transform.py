"""``braze-heap transform``: events in any form, as calls, one JSON object a line."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import click
from rich.console import Console

from braze_heap.cli._console import epilog, plural
from braze_heap.cli._inputs import Input, Source, source_options
from braze_heap.cli._options import (
    STDIN,
    Setup,
    all_types_option,
    build_transformer,
    output_option,
    transformer_options,
)
from braze_heap.cli._output import refuse_input
from braze_heap.cli._report import TOP, Ending, RunReport, RunResult, ending_options
from braze_heap.cli._run import Run


@click.command(
    short_help="Turn events into calls, one JSON object a line.",
    epilog=epilog(
        """
        braze-heap transform batch.json > calls.jsonl
        braze-heap transform s3-export/ -o calls.jsonl.gz --strict
        braze-heap transform s3-export/ -o calls.jsonl --jobs 0
        zcat *.json.gz | braze-heap transform - | head
        braze-heap transform --event-type users.behaviors.Purchase records.json

        The file of -o appears when it is complete; else nothing is changed there.
        """,
        one="events were rejected, and --strict is given",
        zero="done, also if events were rejected",
    ),
)
@source_options
@output_option("Write the calls to this file, compressed if it ends in .gz.")
@transformer_options
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(0),
    default=1,
    help="Use N processes (0 = one per core). The output and its order stay the same. "
    "Stdin and pipes are read by one process.  [default: 1]",
)
@all_types_option
@ending_options("an event was rejected")
def transform(
    source: Source,
    output: Path,
    jobs: int,
    all_types: bool,
    ending: Ending,
    **options: Any,
) -> None:
    """
    Turn Currents events into Heap calls, one JSON object a line.

    Reads request bodies, JSON arrays and lines, and Avro files, gzipped or not; the
    files of directories; stdin for "-", or if no file is named. A report goes to
    stderr; with --json, to stdout if -o names a file. In a directory, files without
    events, such as CSV, are skipped and reported.
    """
    inputs = source.find()
    refuse_input(output, [options["config"]], "--output")
    run = make_run(Setup.of(**options), inputs, source.event_type, jobs)
    is_mixed = output == STDIN and sys.stdout.isatty()
    result = run_to(output, run, None if is_mixed else ending.bar, all_types)
    if result.outcome.failure and not run.report.received:
        ending = attrs.evolve(ending, quiet=True)
    is_free = ending.as_json and output != STDIN
    result.finish("stdout" if is_free else "stderr", ending)


def make_run(
    setup: Setup, inputs: Sequence[Input], event_type: str | None, jobs: int = 1
) -> Run:
    """Return a run in *jobs* processes; 0 is one per core."""
    transformer = build_transformer(setup)
    report = RunReport(transformer._identity.field)
    if jobs == 1:
        return Run(transformer, inputs, event_type, report)
    from braze_heap.cli._jobs import SplitRun, cores

    return SplitRun(
        transformer, inputs, event_type, report, setup=setup, jobs=jobs or cores()
    )


def run_to(path: Path, run: Run, bar: Console | None, all_types: bool) -> RunResult:
    """Write the calls of *run* to *path*, and return its result."""
    started = time.monotonic()
    outcome = run.write_to(path, bar)
    return RunResult(
        report=run.report,
        outcome=outcome,
        seconds=time.monotonic() - started,
        source=plural(len(run.inputs), "file"),
        top=None if all_types else TOP,
    )
