"""
``braze-heap demo``: a batch of an invented shop, and what Heap gets of it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from importlib import resources
from itertools import zip_longest
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap import (
    EVENT_TYPES,
    AddUserProperties,
    Track,
    Transformer,
    TransformResult,
    read_events,
)
from braze_heap.cli._console import (
    console,
    grid,
    heading,
    heard,
    indented,
    plural,
    show,
)
from braze_heap.cli._report import Report, degraded_view, left_out_view, reasons_view

_EPILOG = """\b
Examples:
  braze-heap demo
  braze-heap demo --batch | braze-heap transform > calls.jsonl
"""

_SHOWN = "Added To Cart"
"""Name of the custom event that is shown before and after."""

_INTRODUCTION = """\
A day at a coffee shop that does not exist: a welcome series, a push about a restock, \
carts, purchases, text messages. And what real traffic brings along: an address that \
bounces, somebody without an account, a type that is newer than this version, a time \
that is none, and an event that is delivered twice."""

_NEWER = "newer than this version"

_MAX_WIDTH: Final = 120
"""Columns that the demo takes, where the terminal has as many."""

_NEXT: Final = (
    ("braze-heap demo --batch | braze-heap transform", "its calls, as JSON"),
    ("braze-heap transform FILE -o calls.jsonl", "your own events"),
    ("braze-heap events email", "all events of email"),
)


@click.command(epilog=_EPILOG, short_help="See it work, on a batch it brings.")
@click.option("--batch", is_flag=True, help="Write the batch itself, and nothing else.")
def demo(batch: bool) -> None:
    """
    Transform a batch that the package brings, and show what becomes of it.

    Needs no data, no network and no arguments. All names and values are invented.
    """
    body = resources.files("braze_heap.cli").joinpath("demo.json").read_bytes()
    with heard("stdout"):
        if batch:
            click.echo(body, nl=False)
        else:
            out = console("stdout")
            show(_view(body, min(out.width, _MAX_WIDTH)), out)


def _view(body: bytes, width: int) -> Group:
    batch = [*read_events(body)]
    result = Transformer().transform(batch)
    report = Report("external_user_id")
    report.add(result, batch, "", before=0)
    return Group(
        Text(_INTRODUCTION),
        *_came_in(report),
        *_before_and_after(_shown(result), (width - 3) // 2),
        *_calls(result),
        *_user_properties(result),
        *_no_calls(report),
        *left_out_view(report.left_out, report.identity, top=None),
        *degraded_view(report.degraded),
        *_next(),
    )


def _came_in(report: Report) -> Iterator[RenderableType]:
    yield heading(f"What came in: {plural(report.received, 'event')}")
    table = grid("_family", "_count", "_types", right=("_count",))
    for family, types in _families(report.event_types).items():
        named = ", ".join(f"{name} {count}" for name, count in types.items())
        table.add_row(family, str(types.total()), named)
    yield indented(table)


def _families(event_types: Counter[str]) -> dict[str, Counter[str]]:
    families: dict[str, Counter[str]] = {}
    for event_type, count in event_types.items():
        family, _, name = event_type.rpartition(".")
        families.setdefault(family, Counter())[name] = count
    return families


def _shown(result: TransformResult) -> dict[str, Any]:
    raws: Iterator[dict[str, Any]] = (origin.value for origin in result.origins)
    return next(raw for raw in raws if raw["properties"].get("name") == _SHOWN)


def _before_and_after(raw: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    result = Transformer().transform(raw)
    yield heading("One of them, before and after")
    before = pretty(raw, width - 2)
    after = pretty(result.calls[0].to_dict(), width)
    table = grid("  Braze Currents", "Heap")
    for left, right in zip_longest(before, after, fillvalue=""):
        table.add_row(_marked(left, result.left_out.keys(), width), _cut(right, width))
    yield table
    yield Text("- personal data, left out; the external_user_id is the identity")


_NAME: Final = re.compile(r'\s*"([^"]*)":')


def _marked(line: str, left_out: Set[str], width: int) -> Text:
    named = _NAME.match(line)
    if named and named[1] in left_out:
        return Text(_cut(f"- {line}", width), "red")
    return Text(_cut(f"  {line}", width))


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 3] + "..."


def pretty(value: Any, width: int, margin: int = 0, name: str = "") -> list[str]:
    """
    Return *value* as lines of JSON: on one line where it fits into *width*.

    Args:
        value: Anything that JSON can say.
        width: Columns of a line.
        margin: Columns that are taken already.
        name: What stands before the value, if it is a member of an object.
    """
    label = f"{json.dumps(name)}: " if name else ""
    line = label + json.dumps(value, ensure_ascii=False)
    if margin + len(line) <= width:
        return [line]
    if isinstance(value, dict):
        inner = [pretty(v, width, margin + 2, k) for k, v in value.items()]
        return [f"{label}{{", *_joined(inner), "}"]
    if isinstance(value, list):
        inner = [pretty(v, width, margin + 2) for v in value]
        return [f"{label}[", *_joined(inner), "]"]
    if len(label) < width / 2:
        return [line]
    return [label.rstrip(), f"  {line.removeprefix(label)}"]


def _joined(parts: Sequence[list[str]]) -> list[str]:
    """
    Return the lines of *parts*, indented, a comma behind each part but the last.
    """
    ended = [[*part[:-1], f"{part[-1]},"] for part in parts[:-1]] + [*parts[-1:]]
    return [f"  {line}" for part in ended for line in part]


def _calls(result: TransformResult) -> Iterator[RenderableType]:
    yield heading(f"What Heap gets: {plural(len(result.calls), 'call')}")
    tracks = [call for call in result.calls if isinstance(call, Track)]
    names = Counter(track.event for track in tracks)
    unknown = result.event_types.keys() - EVENT_TYPES.keys()
    newer = {t.event for t in tracks if t.properties.get("event_type") in unknown}
    table = grid("_event", "_count", "_note", right=("_count",))
    for name, count in names.most_common():
        table.add_row(name, str(count), _NEWER if name in newer else "")
    yield indented(table)


def _user_properties(result: TransformResult) -> Iterator[RenderableType]:
    updates = [c for c in result.calls if isinstance(c, AddUserProperties)]
    if updates:
        yield Text("  and what is known about the users now:")
    table = grid("_identity", "_properties")
    for update in updates:
        table.add_row(Text(update.identity), Text("\n".join(_facts(update))))
    yield indented(table)


def _facts(update: AddUserProperties) -> Iterator[str]:
    return (f"{name} = {value}" for name, value in update.properties.items())


def _no_calls(report: Report) -> Iterator[RenderableType]:
    if report.repeated:
        yield heading(f"Delivered twice: {plural(report.repeated, 'event')}")
        yield Text(
            "  The repeat is equal to the first, so it makes no call of its own."
        )
    yield from reasons_view("Skipped", report.skipped, report.examples)
    yield from reasons_view("Rejected", report.rejected, report.examples)


def _next() -> Iterator[RenderableType]:
    yield heading("What next")
    table = grid("_command", "_what")
    for command, what in _NEXT:
        table.add_row(Text(command, "cyan"), what)
    yield indented(table)
