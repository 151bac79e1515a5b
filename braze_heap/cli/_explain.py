"""``braze-heap explain``: what becomes of one event, step by step."""

import inspect
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap import (
    AddUserProperties,
    Call,
    CurrentsEvent,
    EventError,
    Track,
    Transformer,
    TransformResult,
    UnknownEvent,
    parse_event,
)
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
from braze_heap.cli._inputs import STDIN, InputPath, find_inputs
from braze_heap.cli._json_format import format_json
from braze_heap.cli._options import (
    Setup,
    build_transformer,
    setup_of,
    transformer_options,
)
from braze_heap.cli._reasons import ADJUSTMENTS, CALLS, REASONS
from braze_heap.events import event_fields
from braze_heap.plan import TrackingPlan, tracking_plan
from braze_heap.policies.privacy import PERSONAL_NAMES
from braze_heap.wire import Read, Unreadable

_EPILOG = """\b
Examples:
  braze-heap explain event.json
  braze-heap explain batch.json --number 3
  head -1 events.jsonl | braze-heap explain -
  braze-heap explain record.json --event-type users.behaviors.Purchase

\b
Exit status:
  0  done, also if no call comes of the event
  2  the file cannot be read, or holds no such event
"""

_WIDTH: Final = 96
"""Columns of the explanation, where the terminal has as many."""

_HIDDEN: Final = "..."
"""What stands for a personal value."""


@click.command(epilog=_EPILOG, short_help="Show what becomes of one event, and why.")
@click.argument(
    "file",
    metavar="EVENT.json",
    type=InputPath(dir_okay=False),
)
@click.option("--event-type", metavar="TYPE", help="Type of a record from storage.")
@click.option(
    "-n",
    "--number",
    type=click.IntRange(min=1),
    default=1,
    help="Which event of the file. By default the first.",
)
@click.option("--show-values", is_flag=True, help="Show personal values, too.")
@transformer_options
def explain(
    file: Path,
    event_type: str | None,
    number: int,
    show_values: bool,
    **options: Any,
) -> None:
    """
    Show step by step how one event becomes calls.

    The steps are parsing, the choice of the mapper, the policies, and the calls. Reads
    any form; "-" is stdin.
    """
    read = _read(file, event_type, number)
    setup = setup_of(**options)
    case = _Case(read, build_transformer(setup), setup, show_values)
    out = console("stdout")
    out.width = min(out.width, _WIDTH)
    with exit_on_broken_pipe("stdout"):
        show(_view(case), out)


def _read(path: Path, event_type: str | None, number: int) -> Read:
    (source,) = find_inputs((path,))
    reads = source.read(event_type, lambda _: None)
    read = next(itertools.islice(reads, number - 1, None), None)
    if read is None:
        name = "stdin" if path == STDIN else safe(str(path), 200)
        raise UnusableError(f"{name} holds no event number {number}.")
    return read


@attrs.frozen
class _Case:
    """One event under explanation."""

    read: Read
    transformer: Transformer
    setup: Setup
    shows_values: bool
    event: CurrentsEvent | None = attrs.field(init=False)
    problems: EventError | None = attrs.field(init=False)
    result: TransformResult = attrs.field(init=False)

    @event.default
    def _parsed(self) -> CurrentsEvent | None:
        try:
            return self._parse(strict=False)
        except EventError:
            return None

    @problems.default
    def _flaws(self) -> EventError | None:
        try:
            self._parse(strict=True)
        except EventError as error:
            return error
        return None

    @result.default
    def _transformed(self) -> TransformResult:
        return self.transformer.transform([self.read])

    def plan(self) -> TrackingPlan:
        """Return what events of the type can become."""
        if self.event is None or isinstance(self.event, UnknownEvent):
            return tracking_plan(self.transformer, {})
        return tracking_plan(
            self.transformer, {self.event.event_type: type(self.event)}
        )

    def _parse(self, strict: bool) -> CurrentsEvent | None:
        if isinstance(self.read, Unreadable):
            return None
        return parse_event(
            self.read.value, event_type=self.read.event_type, strict=strict
        )


def _view(case: _Case) -> Group:
    return Group(
        *_reading(case),
        *_fields(case),
        *_flaws(case),
        *_mapper(case),
        *_policies(case),
        *_outcome(case),
    )


def _reading(case: _Case) -> Iterator[RenderableType]:
    yield Text("1. Reading", "bold")
    if case.event is None:
        yield indented(Text("It cannot be read as an event."))
        return
    cls = type(case.event)
    doc = (inspect.getdoc(cls) or "").partition("\n")[0]
    form = "HTTP form" if _is_http(case.read) else "record from storage"
    table = grid("_what", "_value")
    table.add_row("form", form)
    table.add_row("type", Text(safe(case.event.event_type, 200)))
    table.add_row("class", Text(f"{cls.__name__}: {doc.replace('``', '')}"))
    yield indented(table)
    if isinstance(case.event, UnknownEvent):
        yield indented(Text("This version does not know the type; see its fields."))


def _is_http(read: Read) -> bool:
    value = getattr(read, "value", None)
    return isinstance(value, dict) and any(
        isinstance(value.get(part), dict) for part in ("user", "properties")
    )


def _fields(case: _Case) -> Iterator[RenderableType]:
    if case.event is None:
        return
    known = event_fields(type(case.event))
    given = [name for name in case.event.__dict__ if name in known]
    yield heading(f"2. Fields: {len(given)} of {len(known)} that the class has")
    table = grid("name", "type", "value", "_mark")
    for name in given:
        field = known[name]
        is_personal = field.personal or field.sensitive
        shown = _shown(getattr(case.event, name), is_personal and not case.shows_values)
        table.add_row(name, field.kind, shown, "personal data" if is_personal else "")
    yield indented(table)


def _shown(value: Any, hides: bool) -> Text:
    return Text(_HIDDEN if hides else safe(str(value), 60))


def _flaws(case: _Case) -> Iterator[RenderableType]:
    if case.problems:
        yield heading("Invalid values")
        for problem in case.problems.problems:
            yield indented(Text(safe(str(problem), 300)))
    extra = case.event.extra if case.event else {}
    if extra:
        title = "Unknown or invalid fields"
        yield heading(f"{title} ({len(extra)})")
        table = grid("_name", "_value")
        for name, value in extra.items():
            table.add_row(Text(safe(name)), _shown(value, not case.shows_values))
        yield indented(table)


def _mapper(case: _Case) -> Iterator[RenderableType]:
    if case.event is None:
        return
    yield heading("3. Mapper")
    explanation = case.transformer.mappers.explain(case.event)
    for line in str(explanation).splitlines():
        yield indented(Text(line))
    if explanation.winner and not explanation.excluded:
        yield indented(Text(_why(explanation.winner.key, case.event)))


def _why(key: object, event: CurrentsEvent) -> str:
    if key == event.event_type:
        return "It wins: it is for exactly this type."
    name = getattr(key, "__name__", str(key))
    if key is type(event):
        return "It wins: it is for exactly this class."
    return f"It wins: {name} is the nearest of the classes and groups with a mapper."


def _policies(case: _Case) -> Iterator[RenderableType]:
    yield heading("4. Policies")
    table = grid("_what", "_value")
    for option, value in case.setup.described(case.transformer):
        table.add_row(option.replace("_", " "), Text(safe(value, 1_000)))
    excluded = ", ".join(sorted(case.result.redacted)) or "nothing"
    table.add_row("redacted", Text(safe(excluded, 1_000)))
    for kind, count in case.result.adjustments.items():
        table.add_row("changed", f"{count} {kind}: {ADJUSTMENTS[kind]}")
    for invalid in case.result.invalid:
        table.add_row("invalid", Text(safe(str(invalid), 200)))
    if renamed := _renamed(case):
        table.add_row("renamed", Text(safe(", ".join(renamed), 1_000)))
    yield indented(table)


def _renamed(case: _Case) -> list[str]:
    """Return which fields of the event have another name as a property."""
    if case.event is None or isinstance(case.event, UnknownEvent):
        return []
    fields = case.event.__dict__
    plan = case.plan()
    sent = {n for c in case.result.calls if isinstance(c, Track) for n in c.properties}
    return sorted(
        {
            f"{planned.field} -> {planned.name}"
            for event in plan.events
            for planned in event.properties
            if planned.field in fields
            and planned.name in sent
            and planned.field != planned.name
        }
    )


def _outcome(case: _Case) -> Iterator[RenderableType]:
    calls = case.result.calls
    if not calls:
        yield heading("5. No call")
    for skipped in case.result.skipped:
        yield indented(Text(f"Skipped, {skipped.reason}: {REASONS[skipped.reason]}"))
    for rejected in case.result.rejected:
        reason = f"Rejected, {rejected.reason}: {REASONS[rejected.reason]}"
        yield indented(Text(f"{reason}\n{safe(rejected.detail, 500)}"))
    if calls:
        yield heading(f"5. {plural(len(calls), 'call')} to Heap")
    mask = _Mask.of(case)
    for call in calls:
        yield indented(Text(CALLS[type(call)]))
        lines = format_json(mask.masked(call), _WIDTH - 4)
        yield indented(Text("\n".join(safe(line, 2_000) for line in lines)), 4)


@attrs.frozen
class _Mask:
    """
    Hides what is personal in calls.

    Attributes:
        names: Properties that hold personal data.
        values: Personal values of the event, as text.
        is_off: Whether everything is shown.
    """

    names: frozenset[str]
    values: frozenset[str]
    is_off: bool

    @classmethod
    def of(cls, case: _Case) -> "_Mask":
        if case.event is None or case.shows_values:
            return cls(frozenset(), frozenset(), is_off=case.shows_values)
        plan = case.plan()
        planned = [p for event in plan.events for p in event.properties]
        names = {p.name for p in (*planned, *plan.user_properties) if p.is_personal}
        return cls(
            frozenset(names | PERSONAL_NAMES), _personal_values(case), is_off=False
        )

    def masked(self, call: Call) -> dict[str, Any]:
        """Return *call* as JSON has it, its personal values hidden."""
        data = call.to_dict()
        if self.is_off:
            return data
        data["identity"] = _HIDDEN
        if isinstance(call, Track | AddUserProperties):
            data["properties"] = {
                name: _HIDDEN if self._hides(name, value) else value
                for name, value in call.properties.items()
            }
        return data

    def _hides(self, name: str, value: object) -> bool:
        parts = {name, name.rpartition(".")[2], f"{name.partition('.')[0]}.*"}
        text = str(value)
        return not parts.isdisjoint(self.names) or any(v in text for v in self.values)


def _personal_values(case: _Case) -> frozenset[str]:
    if case.event is None:
        return frozenset()
    known = event_fields(type(case.event))
    found = (
        str(value)
        for name, value in case.event.__dict__.items()
        if name in known and (known[name].personal or known[name].sensitive)
    )
    return frozenset(value for value in found if len(value) > 3)
