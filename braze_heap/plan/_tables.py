"""Tracking plans as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from braze_heap.mapping._policies import DELETION

if TYPE_CHECKING:
    from braze_heap.plan._model import PlannedEvent, PlannedProperty, TrackingPlan


def privacy(planned: PlannedProperty) -> str:
    """Return the kind of personal data; empty if *planned* is not personal."""
    if planned.personal:
        return "personal"
    if planned.sensitive:
        return "sensitive"
    return "may identify" if planned.identifying else ""


def privacy_counts(plan: TrackingPlan) -> dict[str, int]:
    """Return the number of names of each kind of personal data, and the identity."""
    found = {
        (privacy(planned), planned.name)
        for properties in (*(e.properties for e in plan.events), plan.user_properties)
        for planned in properties
    }
    number = Counter(kind for kind, _ in found)
    is_anything_sent = bool(plan.events or plan.user_properties)
    return {
        "marked by Braze": number["personal"],
        "sensitive without a mark": number["sensitive"],
        "may identify": number["may identify"] + is_anything_sent,
    }


def deletion(event_type: str) -> str:
    """Return the effect of events of *event_type*, which delete users, as sentences."""
    where = " It only arrives in storage files." if event_type == DELETION else ""
    return f"It deletes the user in Heap.{where}"


def absent(plan: TrackingPlan) -> list[tuple[str, str]]:
    """Return the types that never become an event in Heap, with the reason."""
    unsent = [(event.event_type, event.why) for event in plan.unsent]
    return unsent + [
        (event_type, deletion(event_type)) for event_type in plan.deletions
    ]


def origin(planned: PlannedProperty) -> str:
    """Return the source of a property, in words."""
    if planned.field:
        return planned.field
    if planned.origin == "fixed":
        return "fixed"
    names = ", ".join(planned.sources)
    return f"derived from {names}" if names else "derived"


def traffic(planned: PlannedEvent | PlannedProperty) -> str:
    """Return the count and share in observed traffic, as text; empty without any."""
    if planned.observed is None:
        return ""
    return f"{planned.observed:,} ({planned.share or 0:.1%})"


def release(number: int) -> str:
    """Return a Currents release in words. 2 includes all before."""
    return "2 or before" if number <= 2 else str(number)


TRAITS: Final = ("category", "channel", "action")
"""Attributes by which an event can be chosen."""


def notes(event: PlannedEvent) -> Iterator[str]:
    """Yield the remarks about an event."""
    if event.note:
        yield event.note
    if event.takes_new_fields:
        yield "Fields that Braze adds later are sent too, under their own names."


def markdown(plan: TrackingPlan) -> str:
    """Return *plan* as one Markdown page."""
    return "\n".join(_markdown_lines(plan)) + "\n"


def _markdown_lines(plan: TrackingPlan) -> Iterator[str]:
    kinds = ", ".join(f"{n} {kind}" for kind, n in privacy_counts(plan).items())
    yield "# Tracking plan\n"
    yield f"{len(plan.events)} events, {len(plan.user_properties)} user properties.\n"
    yield f"Personal data: {kinds} (the identity included)."
    for event in plan.events:
        yield from _event_lines(event)
    if plan.user_properties:
        yield "\n## User properties"
        yield from _property_lines(plan.user_properties)
    combos = [
        f"{_cell(n)}: {_cell(', '.join(e))}" for n, e in plan.combo_events.items()
    ]
    yield from _list(f"## Combo events to make in Heap\n\n{COMBO_EVENTS}", combos)
    unsent = [f"{_code(name)}: {_cell(why)}" for name, why in absent(plan)]
    yield from _list("## Never an event in Heap", unsent)
    policies = [f"{_cell(n)}: {_cell(value)}" for n, value in plan.policies.items()]
    yield from _list("## Policies", policies)


def _list(heading: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"\n{heading}\n"
        yield from (f"- {item}" for item in items)


def _event_lines(event: PlannedEvent) -> Iterator[str]:
    yield f"\n## {_cell(event.name)}\n"
    yield f"{_cell(event.meaning)}\n"
    yield (
        f"From {_code(event.event_type)} ({event.event_class}, {event.status}), "
        f"Currents release {release(event.since)}, wire form: {event.wire}."
    )
    words = ((kind, getattr(event, kind)) for kind in TRAITS)
    if shown := ", ".join(f"{kind} {word}" for kind, word in words if word):
        yield f"\n{_cell(shown)}"
    if event.observed is not None:
        yield f"\nObserved: {traffic(event)} of all events."
    yield from (f"\n{_cell(note)}" for note in notes(event))
    yield from _property_lines(event.properties)
    unsent = [f"{_code(field.name)}: {_cell(field.why)}" for field in event.unsent]
    yield from _list("Not sent:", unsent)


COMBO_EVENTS: Final = (
    "A chart over all channels needs one event. Make each of these in Heap by hand, or "
    'send one name with event_names="action".'
)
"""Purpose of combo events."""


def _property_lines(found: Sequence[PlannedProperty]) -> Iterator[str]:
    if not found:
        yield "\nNo properties."
        return
    rows = [property_cells(planned) for planned in found]
    yield f"\n| {' | '.join(rows[0])} |"
    yield f"|{' --- |' * len(rows[0])}"
    for row in rows:
        cells = (_code(c) if h in CODE else _cell(c) for h, c in row.items())
        yield f"| {' | '.join(cells)} |"


CODE: Final = ("property", "example")
"""Headings of columns whose cells are shown as code."""


def property_cells(planned: PlannedProperty) -> dict[str, str]:
    """Return the cells of a property by heading, for a table of properties."""
    types = ", ".join(getattr(planned, "event_types", ()))
    cells = {
        "property": planned.name,
        "type": planned.type,
        "example": planned.example,
        "from": origin(planned) + (f" ({types})" if types else ""),
        "personal data": privacy(planned),
        "since": release(planned.since),
        "wire form": planned.wire,
        "meaning": planned.doc,
    }
    if planned.observed is not None:
        cells["observed"] = traffic(planned)
    return cells


_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|&~])")


def _cell(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Return *text* as code, with the bars of a table escaped."""
    line = " ".join(text.split()).replace("|", "\\|")
    if not line:
        return ""
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{line}{space}{fence}"


COLUMNS: Final[Sequence[str]] = (
    "kind event property type example field origin sources personal sensitive"
    " may_identify since wire category channel action observed share event_type doc"
).split()
"""Columns of the CSV form."""


def csv_table(plan: TrackingPlan) -> str:
    """
    Return *plan* as CSV (RFC 4180), with a line for each event, property and field.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    file = io.StringIO(newline="")
    # With lines that end in "\n", the csv module would not quote a cell with "\r".
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in _rows(plan):
        writer.writerow([_csv_cell(row.get(column)) for column in COLUMNS])
    return file.getvalue()


def _rows(plan: TrackingPlan) -> Iterator[Mapping[str, object]]:
    for event in plan.events:
        shared = {"event": event.name, "event_type": event.event_type}
        yield _row("event", event) | shared | {"property": None}
        for planned in event.properties:
            yield _row("property", planned) | shared
        for field in event.unsent:
            yield _row("unsent field", field) | shared
    for user_property in plan.user_properties:
        yield _row("user property", user_property)
    for unsent in plan.unsent:
        yield _row("not sent", unsent)
    for event_type in plan.deletions:
        doc = deletion(event_type)
        yield {"kind": "deletion", "event_type": event_type, "doc": doc}
    for name, value in plan.policies.items():
        yield {"kind": "policy", "property": name, "doc": value}


def _row(kind: str, item: attrs.AttrsInstance) -> dict[str, object]:
    values = attrs.asdict(item, recurse=False)
    return {"kind": kind} | {_COLUMNS.get(n, n): v for n, v in values.items()}


_COLUMNS: Final = {
    "name": "property",
    "identifying": "may_identify",
    "meaning": "doc",
    "why": "doc",
    "event_types": "event_type",
}
"""Attribute to its column, if that has another name."""


def _csv_cell(value: object) -> str:
    """Return *value* as text that no spreadsheet takes for a formula."""
    if value is None or isinstance(value, bool):
        return "yes" if value else ""
    text = " ".join(value) if isinstance(value, tuple) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
