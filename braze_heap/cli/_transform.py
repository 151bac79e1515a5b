"""``braze-heap transform``: events in any form, as calls, one JSON object a line."""

import difflib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.text import Text

from braze_heap import EVENT_TYPES, Transformer
from braze_heap.cli._console import (
    Stream,
    console,
    plural,
    redirect_to_devnull,
    safe,
    show,
)
from braze_heap.cli._inputs import STDIN, Input, InputPath, find_inputs
from braze_heap.cli._options import (
    Setup,
    build_transformer,
    setup_of,
    transformer_options,
)
from braze_heap.cli._output import as_inputs, refuse_input
from braze_heap.cli._paths import FilePath
from braze_heap.cli._report import TransformReport, report_view
from braze_heap.cli._run import Run, RunOutcome

_EPILOG = """\b
Examples:
  braze-heap transform batch.json > calls.jsonl
  braze-heap transform s3-export/ -o calls.jsonl.gz --strict
  braze-heap transform s3-export/ -o calls.jsonl --jobs 0
  zcat *.json.gz | braze-heap transform - | head
  braze-heap transform --event-type users.behaviors.Purchase records.json

\b
Exit status:
  0  done, also if events were rejected
  1  events were rejected, and --strict is given
  2  a file cannot be read or written, or is not JSON or Avro; there is no
     input; an option is wrong; or a worker died
  130, 143  stopped by Ctrl-C, or by SIGTERM
  141  the reader of the output closed the pipe
The file of -o appears when it is complete; else nothing is changed there.
"""


@click.command(
    epilog=_EPILOG, short_help="Turn events into calls, one JSON object a line."
)
@click.argument(
    "files",
    nargs=-1,
    metavar="[FILE ...]",
    type=InputPath(),
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=FilePath(dir_okay=False, allow_dash=True),
    default=STDIN,
    help="Write the calls to this file, compressed if it ends in .gz. "
    "By default to stdout.",
)
@click.option(
    "--event-type",
    metavar="TYPE",
    help="Type of records from storage, where neither they nor their path tell it.",
)
@transformer_options
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(0),
    default=1,
    help="Use N processes (0 = one per core). The output and its order stay the same. "
    "Stdin and pipes are read by one process.  [default: 1]",
)
@click.option("--strict", is_flag=True, help="Exit with 1 if an event was rejected.")
@click.option(
    "--all-types", is_flag=True, help="Name all types and fields in the report."
)
@click.option("-q", "--quiet", is_flag=True, help="No report and no progress bar.")
def transform(
    files: tuple[Path, ...],
    output: Path,
    event_type: str | None,
    jobs: int,
    strict: bool,
    all_types: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """
    Turn Currents events into Heap calls, one JSON object a line.

    Reads request bodies, JSON arrays and lines, and Avro files, gzipped or not; the
    files of directories; stdin for "-", or where nothing is named. A report of what
    became of the events goes to stderr. In a directory, files that hold no events, such
    as CSV, are skipped and reported.
    """
    inputs = find_inputs(files or (piped(),))
    warn_of_type(event_type)
    refuse_input(output, as_inputs(options["config"]), "--output")
    setup = setup_of(**options)
    run = _run(setup, build_transformer(setup), inputs, event_type, jobs)
    started = time.monotonic()
    outcome = run.write_to(output, None if quiet else _bar_console(output))
    seconds = time.monotonic() - started
    if not quiet and (run.report.received or not outcome.failure):
        show_report(run_view(run, outcome, seconds, shows_all=all_types))
    if outcome.failure:
        raise outcome.failure
    sys.exit(outcome.status or int(strict and run.report.rejected.total() > 0))


def _run(
    setup: Setup,
    transformer: Transformer,
    inputs: Sequence[Input],
    event_type: str | None,
    jobs: int,
) -> Run:
    report = TransformReport(transformer._identity.field)
    if jobs == 1:
        return Run(transformer, inputs, event_type, report)
    from braze_heap.cli._jobs import SplitRun, cores

    return SplitRun(
        transformer, inputs, event_type, report, setup=setup, jobs=jobs or cores()
    )


def show_report(view: RenderableType, stream: Stream = "stderr") -> None:
    """Write the report, unless nobody reads it: the exit status matters more."""
    try:
        show(view, console(stream))
    except OSError:  # also a terminal that was closed
        redirect_to_devnull(stream)


def piped() -> Path:
    """
    Return stdin, where no input is named.

    Raises:
        click.UsageError: It is a terminal.
    """
    if sys.stdin.isatty():
        raise click.UsageError("Nothing to read. Name a file, or pipe events in.")
    return STDIN


def warn_of_type(event_type: str | None) -> None:
    """Point out an event type that this version does not know."""
    if event_type is None or event_type in EVENT_TYPES:
        return
    close = difflib.get_close_matches(event_type, EVENT_TYPES, 1)
    hint = f" Did you mean {close[0]}?" if close else ""
    click.echo(
        f"Note: {safe(event_type)} is no type that this version knows.{hint}", err=True
    )


def _bar_console(output: Path) -> Console | None:
    """Return where a progress bar does not run into the calls."""
    is_mixed = output == STDIN and sys.stdout.isatty()
    return None if is_mixed else console("stderr")


def run_view(
    run: Run, outcome: RunOutcome, seconds: float, *, shows_all: bool
) -> Group:
    """Show how a run went, for people."""
    speed = run.report.received / max(seconds, 0.001)
    summary = (
        f"{plural(run.report.received, 'event')} from "
        f"{plural(len(run.inputs), 'file')} in {seconds:,.1f} s, {speed:,.0f} a second"
    )
    note = [Text(outcome.note, "bold red")] if outcome.note else []
    return Group(*note, Text(summary), report_view(run.report, shows_all=shows_all))
