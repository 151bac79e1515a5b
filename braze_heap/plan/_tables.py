"""Tracking plans as Markdown and as CSV."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from braze_heap.mapping._policies import DELETION
from braze_heap.plan._content import (
    PlanContent,
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
)


def privacy(planned: PlannedProperty) -> str:
    """Return the kind of personal data; empty if *planned* is not personal."""
    if planned.personal:
        return "personal"
    if planned.sensitive:
        return "sensitive"
    return "may identify" if planned.identifying else ""


def privacy_counts(plan: PlanContent) -> dict[str, int]:
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
        "sensitive by us": number["sensitive"],
        "may identify": number["may identify"] + is_anything_sent,
    }


def deletion(event_type: str) -> str:
    """Return the effect of events of *event_type*, which delete users, as sentences."""
    where = " It only arrives in storage files." if event_type == DELETION else ""
    return f"It deletes the user in Heap.{where}"


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


def markdown(plan: PlanContent) -> str:
    """Return *plan* as one Markdown page."""
    kinds = ", ".join(f"{n} {kind}" for kind, n in privacy_counts(plan).items())
    lines = [
        "# Tracking plan",
        "",
        f"{len(plan.events)} events, {len(plan.user_properties)} user properties.",
        "",
        f"Personal data: {kinds} (the identity included).",
        *(line for event in plan.events for line in _event_lines(event)),
        *_user_property_lines(plan.user_properties),
        *_combo_lines(plan),
        *_unsent_lines(plan),
    ]
    return "\n".join(lines) + "\n"


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
    if event.unsent:
        yield "\nNot sent:\n"
    yield from (f"- {_code(f.name)}: {_cell(f.why)}" for f in event.unsent)


def _user_property_lines(
    user_properties: Sequence[PlannedUserProperty],
) -> Iterator[str]:
    if user_properties:
        yield "\n## User properties"
        yield from _property_lines(user_properties)


def _combo_lines(plan: PlanContent) -> Iterator[str]:
    if plan.combo_events:
        yield f"\n## Combo events to make in Heap\n\n{COMBO_EVENTS}\n"
    for name, events in plan.combo_events.items():
        yield f"- {_cell(name)}: {_cell(', '.join(events))}"


COMBO_EVENTS: Final = (
    "A chart over all channels needs one event. Make each of these in Heap by hand, or "
    'send one name with event_names="action".'
)
"""Purpose of combo events."""


def _property_lines(found: Sequence[PlannedProperty]) -> Iterator[str]:
    if not found:
        yield "\nNo properties."
        return
    observed = ("observed",) if found[0].observed is not None else ()
    headings = (*_HEADINGS, *observed)
    yield f"\n| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for planned in found:
        cells = (
            _code(planned.name),
            planned.type,
            _code(planned.example),
            _cell(origin(planned)),
            privacy(planned),
            release(planned.since),
            planned.wire,
            _cell(planned.doc),
            *(traffic(planned) for _ in observed),
        )
        yield f"| {' | '.join(cells)} |"


_HEADINGS: Final = (
    *("property", "type", "example", "from", "personal data", "since", "wire form"),
    "meaning",
)


def _unsent_lines(plan: PlanContent) -> Iterator[str]:
    if plan.unsent:
        yield "\n## Not sent\n"
    yield from (f"- {_code(e.event_type)}: {_cell(e.why)}" for e in plan.unsent)
    if plan.deletions:
        yield "\n## Deletions\n"
    yield from (f"- {_code(t)}: {deletion(t)}" for t in plan.deletions)


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


def csv_table(plan: PlanContent) -> str:
    """
    Return *plan* as CSV (RFC 4180), with a line for each event, property and field.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    file = io.StringIO(newline="")
    # With lines that end in "\n", the csv module would not quote a cell with "\r".
    writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(plan):
        writer.writerow({name: _inert(str(cell)) for name, cell in row.items()})
    return file.getvalue()


def _rows(plan: PlanContent) -> Iterator[Mapping[str, object]]:
    for event in plan.events:
        shared = {"event": event.name, "event_type": event.event_type}
        head = {"kind": "event", "since": event.since, "doc": event.meaning}
        words = {kind: getattr(event, kind) for kind in TRAITS}
        yield shared | head | words | _counts(event)
        for planned in event.properties:
            yield shared | {"kind": "property"} | _property_cells(planned)
        for field in event.unsent:
            yield shared | {
                "kind": "unsent field",
                "property": field.name,
                "doc": field.why,
            }
    for user_property in plan.user_properties:
        types = " ".join(user_property.event_types)
        cells = _property_cells(user_property)
        yield cells | {"kind": "user property", "event_type": types}
    for unsent in plan.unsent:
        yield {"kind": "not sent", "event_type": unsent.event_type, "doc": unsent.why}
    for event_type in plan.deletions:
        doc = deletion(event_type)
        yield {"kind": "deletion", "event_type": event_type, "doc": doc}


def _property_cells(planned: PlannedProperty) -> dict[str, object]:
    return {
        "property": planned.name,
        "type": planned.type,
        "example": planned.example,
        "field": planned.field or "",
        "origin": planned.origin,
        "sources": " ".join(planned.sources),
        "personal": "yes" if planned.personal else "",
        "sensitive": "yes" if planned.sensitive else "",
        "may_identify": "yes" if planned.identifying else "",
        "since": planned.since,
        "doc": planned.doc,
        **_counts(planned),
    }


def _counts(planned: PlannedEvent | PlannedProperty) -> dict[str, object]:
    counts = {"observed": planned.observed, "share": planned.share}
    return {"wire": planned.wire, **(counts if planned.observed is not None else {})}


def _inert(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
