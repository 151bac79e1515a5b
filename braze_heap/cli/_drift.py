"""``braze-heap drift``: what Braze sends and this version does not know."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import click
from rich.console import Console, Group, RenderableType
from rich.text import Text

from braze_heap.cli._console import (
    console,
    exit_on_broken_pipe,
    grid,
    heading,
    indented,
    plural,
    safe,
)
from braze_heap.cli._inputs import (
    STDIN,
    Input,
    InputPath,
    check_any_read,
    find_inputs,
    read_or_skip,
)
from braze_heap.cli._output import open_output
from braze_heap.cli._paths import FilePath
from braze_heap.cli._progress import progress
from braze_heap.cli._reasons import meaning
from braze_heap.cli._report import TOP, rest, skipped_files_view
from braze_heap.cli._transform import piped, show_report, warn_of_type
from braze_heap.drift import Drift, DriftObserver, NewType, SeenField

Format: TypeAlias = Literal["text", "markdown", "json"]

_PIPED_WIDTH: Final = 200
"""Columns of a table that is piped: each row on one line, for grep."""

_EPILOG = """\b
Examples:
  braze-heap drift s3-export/
  zcat *.json.gz | braze-heap drift -
  braze-heap drift currents/ --format markdown -o drift.md
  braze-heap drift currents/ --ignore users.messages.email.Click.link_color

\b
Exit status:
  0  nothing new
  1  there is a new type, a new field, or another type of value
  2  a file cannot be read or written, or an option is wrong
"""


@click.command(epilog=_EPILOG, short_help="Show what Braze sends that is new.")
@click.argument(
    "files",
    nargs=-1,
    metavar="[FILE ...]",
    type=InputPath(),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="markdown and json also have the Python lines to add.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=FilePath(dir_okay=False, allow_dash=True),
    default=STDIN,
    help="Write to this file. By default to stdout.",
)
@click.option(
    "--event-type",
    metavar="TYPE",
    help="Type of records from storage, where neither they nor their path tell it.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="NAME",
    help="Leave out an event type, a field, or TYPE.FIELD. May be repeated.",
)
@click.option(
    "--all-types",
    is_flag=True,
    help="List all types and fields not seen in this input.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def drift(
    files: tuple[Path, ...],
    form: Format,
    output: Path,
    event_type: str | None,
    ignore: tuple[str, ...],
    all_types: bool,
    quiet: bool,
) -> None:
    """
    Compare observed Currents events with what this version knows.

    Lists new event types, new fields, and values of other types than documented. Also
    lists documented types and fields not seen in the input. Reads the same input as
    `braze-heap transform`. Shows names, types and counts, never a value. The exit
    status is for cron and CI.
    """
    inputs = find_inputs(files or (piped(),))
    warn_of_type(event_type)
    bar = None if quiet else console("stderr")
    observed = _observed(inputs, event_type, bar)
    found = observed.ignoring(ignore)
    for name in ignore:
        if observed.ignoring([name]).ignored == observed.ignored:
            click.echo(f"Note: --ignore {safe(name)} matches nothing here.", err=True)
    with exit_on_broken_pipe("stdout"), open_output(output, inputs) as file:
        file.write(_text(found, form, output, all_types).encode("utf-8", "replace"))
        file.flush()
    sys.exit(int(found.has_findings))


def _observed(
    inputs: Sequence[Input], event_type: str | None, bar: Console | None
) -> Drift:
    observer, skipped = DriftObserver(), list[str]()
    with progress(inputs, bar, "Reading") as advance:
        for source in inputs:
            for read in read_or_skip(source, event_type, advance, skipped):
                observer.add(read)
    check_any_read(inputs, skipped)
    if skipped:
        show_report(Group(*skipped_files_view(skipped)))
    return observer.drift()


def _text(found: Drift, form: Format, output: Path, shows_all: bool) -> str:
    if form == "json":
        return found.to_json()
    if form == "markdown":
        return found.to_markdown()
    out = console("stdout", _PIPED_WIDTH)
    if output != STDIN:
        out = Console(file=out.file, width=_PIPED_WIDTH, color_system=None)
    with out.capture() as capture:
        out.print(drift_view(found, shows_all=shows_all))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def drift_view(found: Drift, *, shows_all: bool = False) -> Group:
    """Return the findings as text."""
    top = None if shows_all else TOP
    return Group(
        _summary(found),
        *_types_view(found.new_types),
        *_fields_view("New fields", found.new_fields),
        *_fields_view("Values of other types than documented", found.type_changes),
        *_fields_view("Documented only for the other form", found.other_form),
        *_malformed_view(found.malformed),
        *_unseen_fields_view(found, top),
        *_unseen_types_view(found.unseen_types, top),
        *_more(found),
    )


def _summary(found: Drift) -> RenderableType:
    findings = {
        "new type": len(found.new_types),
        "new field": len(found.new_fields),
        "change of types": len(found.type_changes),
        "new name that was not kept": found.truncated,
    }
    parts = [plural(count, noun) for noun, count in findings.items() if count]
    ignored = f"; {plural(found.ignored, 'finding')} ignored" if found.ignored else ""
    style = "bold red" if found.has_findings else "bold green"
    return Text.assemble(
        f"{plural(found.events, 'event')}: ",
        (", ".join(parts) or "nothing new", style),
        ignored,
    )


def _types_view(types: Sequence[NewType]) -> Iterator[RenderableType]:
    if types:
        yield heading("New event types")
    for new in types:
        family = new.module.rpartition(".")[2] or "new"
        where = f", {new.class_name} of the family {family}" if new.class_name else ""
        count = plural(new.count, "event")
        yield Text.assemble("  ", (safe(new.event_type), "bold"), f"  {count}{where}")
        table = grid("_place", "_field", "_types", "_count")
        for field in new.fields:
            types_seen = ", ".join(field.types)
            name = Text(safe(field.name))
            table.add_row(field.place, name, types_seen, field.frequency)
        yield indented(table, 4)


def _fields_view(title: str, fields: Sequence[SeenField]) -> Iterator[RenderableType]:
    if not fields:
        return
    yield heading(title)
    table = grid("_type", "_place", "_field", "_found", "_count")
    for field in fields:
        table.add_row(
            Text(safe(field.event_type)),
            field.place,
            Text(safe(field.name)),
            field.found,
            field.frequency,
        )
    yield indented(table)


def _malformed_view(
    malformed: Sequence[tuple[str, int]],
) -> Iterator[RenderableType]:
    if not malformed:
        return
    count = sum(count for _, count in malformed)
    yield heading(f"Not read: {plural(count, 'event')}")
    table = grid("_reason", "_count", "_meaning", right=("_count",))
    for reason, number in malformed:
        table.add_row(Text(reason, "bold"), f"{number:,}", meaning(reason))
    yield indented(table)


def _unseen_fields_view(found: Drift, top: int | None) -> Iterator[RenderableType]:
    if not found.unseen_fields:
        return
    yield heading("Documented fields not seen in this input")
    table = grid("_type", "_form", "_names")
    for unseen in found.unseen_fields[:top]:
        names = ", ".join(unseen.names[:top])
        more = len(unseen.names) - len(unseen.names[:top])
        names += f" and {more} more" if more else ""
        form = f"{unseen.form}, {plural(unseen.count, 'event')}"
        table.add_row(Text(safe(unseen.event_type)), form, names)
    yield indented(table)
    yield from rest(len(found.unseen_fields), top, "more type")


def _unseen_types_view(
    types: Sequence[str], top: int | None
) -> Iterator[RenderableType]:
    if not types:
        return
    yield heading(f"Documented types not seen in this input: {len(types)}")
    yield from (Text(f"  {safe(event_type)}") for event_type in types[:top])
    yield from rest(len(types), top, "more type")


def _more(found: Drift) -> Iterator[RenderableType]:
    if found.new_types or found.new_fields:
        yield Text("\nPython lines to add: braze-heap drift ... --format markdown")
