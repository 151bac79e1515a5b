"""``braze-heap send``: events in any form, to Heap or another sink."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NoReturn

import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap import DISCARD, Pipeline, Track
from braze_heap.cli._console import (
    console,
    grid,
    heading,
    indented,
    plural,
    safe,
)
from braze_heap.cli._delivered import finish, next_view
from braze_heap.cli._delivery import Delivery, Work, patience_option
from braze_heap.cli._inputs import (
    STDIN,
    TOP_NAMES,
    Input,
    InputPath,
    ReadFailedError,
    batches,
    check_any_read,
    find_inputs,
    read_or_skip,
)
from braze_heap.cli._options import transformer_from_options, transformer_options
from braze_heap.cli._output import refuse_input
from braze_heap.cli._paths import FilePath
from braze_heap.cli._progress import DeliveryProgress, format_duration
from braze_heap.cli._reasons import CALLS
from braze_heap.cli._report import TransformReport
from braze_heap.cli._run import Run
from braze_heap.cli._sinks import (
    STDOUT,
    HeapTarget,
    confirm,
    file_of,
    open_sink_or_exit,
    refuse_files,
    sink_option,
    yes_option,
)
from braze_heap.cli._stores import OWN_SUFFIXES, max_bytes_option, open_store
from braze_heap.cli._transform import piped, run_view, show_report, warn_of_type
from braze_heap.heap._pacing import EVENTS_A_MINUTE
from braze_heap.state import DeadLetter
from braze_heap.wire import Read

DEAD_LETTER: Final = Path("dead.db")
"""Where dead letters go unless another place is named."""

AGAIN: Final = (
    "It starts over; Heap ignores events it already has, but a file sink will contain "
    "duplicates."
)

_EPILOG = """\b
Examples:
  braze-heap send currents/
  braze-heap send currents/ --sink 'heap:?app_id=11&region=eu'
  zcat *.gz | braze-heap send --sink 'heap:?app_id=11' --yes
  braze-heap send batch.json --sink file:calls.jsonl --dead-letter lost.db

\b
Sinks:
  heap:?app_id=11       Heap; also region=eu, events_a_minute=5000, and more
  file:calls.jsonl.gz   a file, appended to; - and console: are stdout
  acme.sinks:Bucket?a=b any other one: MODULE:NAME, on PYTHONPATH
  acme:bucket?a=b       one that an installed package registers by a name
The API key of Heap, which only deletions need, is read from the environment
variable HEAP_API_KEY, or the one that api_key_env=NAME in the sink names.

\b
Exit status:
  0    done, also if events went to the dead letter
  1    events went to the dead letter, and --strict is given
  2    a file cannot be read, or is not JSON or Avro; there is no input;
       an option is wrong; or nobody confirmed
  75   the sink or the dead letter is not available: run it again later
  130, 143  stopped by Ctrl-C, or by SIGTERM
  141  the reader of the output closed the pipe
Running a command again is safe: Heap ignores events it already has.
"""


@click.command(epilog=_EPILOG, short_help="Send events to Heap, or another sink.")
@click.argument(
    "files",
    nargs=-1,
    metavar="[FILE ...]",
    type=InputPath(),
)
@sink_option("Destination. Without it nothing is sent: a dry run.")
@yes_option
@click.option(
    "--dead-letter",
    "store",
    metavar="FILE",
    type=FilePath(dir_okay=False),
    help=f"Store events that cannot be delivered here.  [default: {DEAD_LETTER}]",
)
@max_bytes_option
@click.option(
    "--discard", is_flag=True, help="Count what cannot be delivered; do not keep it."
)
@patience_option
@click.option(
    "--event-type",
    metavar="TYPE",
    help="Type of records from storage, where neither they nor their path tell it.",
)
@transformer_options
@click.option("--strict", is_flag=True, help="Exit with 1 if there are dead letters.")
@click.option(
    "--all-types", is_flag=True, help="Name all types and fields after a dry run."
)
@click.option("-q", "--quiet", is_flag=True, help="No report and no progress bar.")
def send(
    files: tuple[Path, ...],
    spec: str | None,
    yes: bool,
    store: Path | None,
    max_bytes: int | None,
    discard: bool,
    patience: float,
    event_type: str | None,
    strict: bool,
    all_types: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """
    Send Currents events to Heap, or to another sink.

    Reads what `braze-heap transform` reads. Each event is delivered, skipped by a
    policy, or kept in the dead letter, and counted once. A report comes last; it goes
    to stderr where calls go to stdout.

    If reading a file fails, the events before the failure and the other files are sent,
    the exit status is 2 and the message names the file: run the command again. In a
    folder, files that hold no events, such as CSV, are skipped and reported.
    """
    if discard and (store or max_bytes):
        name = "--dead-letter" if store else "--max-bytes"
        raise click.UsageError(f"{name} and --discard exclude each other.")
    kept = None if discard else store or DEAD_LETTER
    inputs = find_inputs(files or (piped(),), own=_files_of(kept))
    warn_of_type(event_type)
    transformer = transformer_from_options(**options)
    if spec is None:
        report = TransformReport(transformer._identity.field)
        run = Run(transformer, inputs, event_type, report)
        _dry_run(run, strict=strict, shows_all=all_types, quiet=quiet)
    if written := STDIN if spec in STDOUT else file_of(spec):
        refuse_input(written, inputs, "--sink")
    refuse_files(spec, kept, options["config"])
    source = plural(len(inputs), "file")
    with closing(open_sink_or_exit(spec)) as sink:
        confirm(HeapTarget.of(sink), f"the events of {source}", is_agreed=yes)
        with _dead_letter(kept, max_bytes, quiet=quiet) as dead_letter:
            delivery = Delivery(spec, sink, dead_letter, patience)
            size = sum(read.size for read in inputs)
            work = _sending(inputs, event_type, delivery.skipped_files)
            outcome = delivery.run(transformer, work, size, quiet=quiet)
    finish(delivery, outcome, source, kept, AGAIN, strict=strict, quiet=quiet)


def _files_of(store: Path | None) -> list[Path]:
    """Return the files of the dead letter, which may lie in a folder that is read."""
    suffixes = ("", *OWN_SUFFIXES) if store else ()
    return [Path(f"{store}{suffix}") for suffix in suffixes]


def _dry_run(run: Run, *, strict: bool, shows_all: bool, quiet: bool) -> NoReturn:
    started = time.monotonic()
    outcome = run.write_to(Path(os.devnull), None if quiet else console("stderr"))
    seconds = time.monotonic() - started
    if not quiet and (run.report.received or not outcome.failure):
        view = run_view(run, outcome, seconds, shows_all=shows_all)
        show_report(Group(view, *_dry_view(run.report)), "stdout")
    if outcome.failure:
        raise outcome.failure
    sys.exit(outcome.status or int(strict and run.report.rejected.total() > 0))


def _dry_view(report: TransformReport) -> Iterator[RenderableType]:
    yield heading("Dry run: nothing was sent. With --sink it would send")
    table = grid("_count", "_what", right=("_count",))
    for kind, count in report.calls.items():
        table.add_row(f"{count:,}", plural(count, CALLS[kind]).partition(" ")[2])
    if lost := report.rejected.total():
        table.add_row(f"{lost:,}", "for the dead letter")
    yield indented(table)
    minutes = report.calls[Track] / EVENTS_A_MINUTE
    least = format_duration(minutes * 60) if minutes >= 1 else "less than a minute"
    yield Text(f"  {least}, because Heap accepts {EVENTS_A_MINUTE:,} events a minute")
    yield from next_view(
        [("braze-heap send ... --sink 'heap:?app_id=YOUR_APP_ID'", "send it")]
    )


@contextlib.contextmanager
def _dead_letter(
    path: Path | None, max_bytes: int | None, *, quiet: bool
) -> Iterator[DeadLetter]:
    if path is None:
        yield DISCARD
        return
    with open_store(path, is_made=True, max_bytes=max_bytes) as store:
        if not quiet:
            click.echo(
                f"What cannot be delivered goes to {safe(str(path), 500)}.", err=True
            )
        yield store


def _sending(
    inputs: Sequence[Input], event_type: str | None, skipped: list[str]
) -> Work:
    def work(pipeline: Pipeline, progress: DeliveryProgress) -> None:
        for batch in batches(_reads(inputs, event_type, progress, skipped)):
            pipeline.run(batch)

    return work


def _reads(
    inputs: Sequence[Input],
    event_type: str | None,
    progress: DeliveryProgress,
    skipped: list[str],
) -> Iterator[Read]:
    """
    Read all *inputs*, also those behind one that cannot be read to its end.

    Raises:
        ReadFailedError: At the end, if some could not be read; it names them.
        WrongFormatError: No input holds events.
    """
    failures: list[str] = []
    for source in inputs:
        try:
            yield from read_or_skip(source, event_type, progress.advance, skipped)
        except ReadFailedError as error:
            failures.append(str(error))
    if failures:
        more = len(failures) - TOP_NAMES
        names = failures[:TOP_NAMES] + ([f"and {more:,} more"] if more > 0 else [])
        raise ReadFailedError("\n".join(names))
    check_any_read(inputs, skipped)
