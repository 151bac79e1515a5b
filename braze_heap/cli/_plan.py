"""``braze-heap plan``: all that can reach Heap, as a page, a table or a file."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap.cli._console import (
    UnusableError,
    console,
    exit_on_broken_pipe,
    grid,
    heading,
    indented,
    plural,
    safe,
    show,
)
from braze_heap.cli._inputs import STDIN
from braze_heap.cli._options import transformer_from_options, transformer_options
from braze_heap.cli._output import as_inputs, open_output, refuse_input
from braze_heap.cli._paths import FilePath
from braze_heap.plan import PlanDiff, PlanError, TrackingPlan, diff, tracking_plan

Format: TypeAlias = Literal["table", "markdown", "csv", "json", "html"]

_EPILOG = """\b
Examples:
  braze-heap plan
  braze-heap plan --format html -o plan.html
  braze-heap plan --format json -o plan.json
  braze-heap plan --personal-data keep --diff plan.json

\b
Exit status:
  0  done; with --diff, nothing differs
  1  with --diff, something differs
  2  a file cannot be read or written, or an option is wrong
"""

_PIPED_WIDTH: Final = 200
"""Columns of a table that is piped: each row on one line, for grep."""


@click.command(epilog=_EPILOG, short_help="Show all that can reach Heap.")
@transformer_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "markdown", "csv", "json", "html"]),
    default="table",
    show_default=True,
    help="html is a page to search and sort; json is what --diff compares with.",
)
@click.option(
    "--diff",
    "old",
    metavar="OLD.json",
    type=FilePath(exists=True, dir_okay=False),
    help="Show what differs from this plan instead; as text, or with --format json.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=FilePath(dir_okay=False, allow_dash=True),
    default=STDIN,
    help="Write to this file. By default to stdout.",
)
def plan(form: Format, old: Path | None, output: Path, **options: Any) -> None:
    """
    Show the tracking plan: every event and user property that can reach Heap.

    For each one its meaning, type, an invented example, whether it is personal data,
    the Braze type and field it is from, and what is left out and why.
    """
    if old and form not in ("table", "json"):
        raise click.UsageError("--diff is shown as text, or with --format json.")
    refuse_input(output, as_inputs(old, options["config"]), "--output")
    before = _read(old) if old else None
    planned = tracking_plan(transformer_from_options(**options))
    difference = diff(before, planned) if before else None
    with exit_on_broken_pipe("stdout"):
        if difference is not None:
            _write(_diff_text(difference, form), output)
        elif form == "table" and output == STDIN:
            show(_view(planned), console("stdout", _PIPED_WIDTH))
        else:
            _write(_text(planned, form), output)
    sys.exit(int(bool(difference)))


def _read(path: Path) -> TrackingPlan:
    try:
        return TrackingPlan.from_json(path.read_bytes())
    except OSError as error:
        raise UnusableError(f"cannot read {path}: {error.strerror or error}") from None
    except PlanError as error:
        raise UnusableError(f"{path}: {safe(str(error), 500)}") from None


def _write(text: str, path: Path) -> None:
    """Write *text* in UTF-8, whatever the encoding of the terminal."""
    data = text.encode("utf-8", "replace")
    with open_output(path, ()) as file:
        sys.stdout.flush()
        file.write(data)
        file.flush()


def _diff_text(difference: PlanDiff, form: Format) -> str:
    if form == "json":
        return difference.to_json()
    return "".join(f"{safe(line, 500)}\n" for line in str(difference).splitlines())


def _text(planned: TrackingPlan, form: Format) -> str:
    if form == "table":
        out = console("stdout", _PIPED_WIDTH)
        out.width = _PIPED_WIDTH
        with out.capture() as capture:
            out.print(_view(planned))
        return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())
    return {
        "markdown": planned.to_markdown,
        "csv": planned.to_csv,
        "json": planned.to_json,
        "html": planned.to_html,
    }[form]()


def _view(planned: TrackingPlan) -> Group:
    return Group(
        _events_view(planned),
        *_user_properties_view(planned),
        *_absent_view(planned),
        *_more(),
    )


def _events_view(planned: TrackingPlan) -> RenderableType:
    numbers = ("properties", "personal", "left out", "since")
    table = grid("event", "type", *numbers, right=numbers)
    for event in planned.events:
        table.add_row(
            Text(safe(event.name)),
            Text(safe(event.event_type)),
            str(len(event.properties)),
            str(sum(p.is_personal for p in event.properties) or "-"),
            str(len(event.unsent) or "-"),
            str(event.since),
        )
    return table


def _user_properties_view(planned: TrackingPlan) -> Iterator[RenderableType]:
    if not planned.user_properties:
        return
    yield heading(f"User properties: {len(planned.user_properties)}")
    table = grid("name", "type", "personal", "from")
    for fact in planned.user_properties:
        personal = "yes" if fact.is_personal else "-"
        types = ", ".join(fact.event_types)
        table.add_row(Text(safe(fact.name)), fact.type, personal, Text(safe(types)))
    yield indented(table)


def _absent_view(planned: TrackingPlan) -> Iterator[RenderableType]:
    absent = [(event.event_type, event.why) for event in planned.unsent]
    absent += [(event_type, "Deletes the user.") for event_type in planned.deletions]
    if not absent:
        return
    yield heading(f"Never an event in Heap: {plural(len(absent), 'type')}")
    table = grid("_type", "_why")
    for event_type, why in absent:
        table.add_row(Text(safe(event_type)), Text(safe(why, 300)))
    yield indented(table)


def _more() -> Iterator[RenderableType]:
    yield Text("\nEvery property: braze-heap plan --format html -o plan.html")
