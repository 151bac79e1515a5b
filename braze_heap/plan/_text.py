"""Tracking plans as Markdown and as CSV."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Final

from braze_heap.plan._values import (
    PlanContent,
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
)


def privacy(planned: PlannedProperty) -> str:
    """Return how personal data is marked; nothing where there is none."""
    if planned.personal:
        return "personal"
    return "sensitive" if planned.sensitive else ""


def origin(planned: PlannedProperty) -> str:
    """Return where a property comes from, in words."""
    if planned.field:
        return planned.field
    if planned.origin == "fixed":
        return "fixed"
    names = ", ".join(planned.sources)
    return f"derived from {names}" if names else "derived"


def release(number: int) -> str:
    """Return a Currents release in words; 2 stands for all before it, too."""
    return "2 or before" if number <= 2 else str(number)


def markdown(plan: PlanContent) -> str:
    """Return *plan* as one Markdown page."""
    lines = [
        "# Tracking plan",
        "",
        f"{len(plan.events)} events, {len(plan.user_properties)} user properties.",
        *(line for event in plan.events for line in _event_lines(event)),
        *_user_property_lines(plan.user_properties),
        *_unsent_lines(plan),
    ]
    return "\n".join(lines) + "\n"


def _event_lines(event: PlannedEvent) -> Iterator[str]:
    yield f"\n## {_cell(event.name)}\n"
    yield f"{_cell(event.meaning)}\n"
    yield (
        f"From {_code(event.event_type)} ({event.event_class}, {event.status}), "
        f"Currents release {release(event.since)}."
    )
    if event.note:
        yield f"\n{_cell(event.note)}"
    if event.takes_new_fields:
        yield "\nFields that Braze adds later are sent too, under their own names."
    yield from _property_lines(event.properties)
    if event.unsent:
        yield "\nLeft out:\n"
    yield from (f"- {_code(f.name)}: {_cell(f.why)}" for f in event.unsent)


def _user_property_lines(
    user_properties: Sequence[PlannedUserProperty],
) -> Iterator[str]:
    if user_properties:
        yield "\n## User properties"
        yield from _property_lines(user_properties)


def _property_lines(found: Sequence[PlannedProperty]) -> Iterator[str]:
    yield f"\n| {' | '.join(_HEADINGS)} |"
    yield f"|{' --- |' * len(_HEADINGS)}"
    for planned in found:
        cells = (
            _code(planned.name),
            planned.type,
            _code(planned.example),
            _cell(origin(planned)),
            privacy(planned),
            release(planned.since),
            _cell(planned.doc),
        )
        yield f"| {' | '.join(cells)} |"


_HEADINGS: Final = (
    "property",
    "type",
    "example",
    "from",
    "personal data",
    "since",
    "what it holds",
)


def _unsent_lines(plan: PlanContent) -> Iterator[str]:
    if plan.unsent:
        yield "\n## Not sent\n"
    yield from (f"- {_code(e.event_type)}: {_cell(e.why)}" for e in plan.unsent)
    if plan.deletions:
        yield "\n## Deletions\n"
    yield from (f"- {_code(t)} deletes the user." for t in plan.deletions)


_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|&~])")


def _cell(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """
    Return *text* as code, which Markdown leaves alone but for the bars of a table.
    """
    line = " ".join(text.split()).replace("|", "\\|")
    if not line:
        return ""
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{line}{space}{fence}"


COLUMNS: Final = (
    "kind",
    "event",
    "property",
    "type",
    "example",
    "field",
    "origin",
    "sources",
    "personal",
    "sensitive",
    "since",
    "event_type",
    "doc",
)
"""Of the CSV form."""


def csv_table(plan: PlanContent) -> str:
    """
    Return *plan* as CSV, a line for each property, left out field and event.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in _rows(plan):
        writer.writerow([_inert(str(cell)) for cell in row])
    return file.getvalue()


def _rows(plan: PlanContent) -> Iterator[tuple[object, ...]]:
    for event in plan.events:
        yield _row(
            "event", event.name, "", event.since, event.event_type, event.meaning
        )
        for planned in event.properties:
            yield _property_row("property", event.name, planned, event.event_type)
        for field in event.unsent:
            yield _row(
                "left out", event.name, field.name, "", event.event_type, field.why
            )
    for fact in plan.user_properties:
        yield _property_row("user property", "", fact, " ".join(fact.event_types))
    for absent in plan.unsent:
        yield _row("not sent", "", "", "", absent.event_type, absent.why)
    for event_type in plan.deletions:
        yield _row("deletion", "", "", "", event_type, "It deletes the user.")


def _row(
    kind: str, event: str, name: str, since: object, event_type: str, doc: str
) -> tuple[object, ...]:
    return (kind, event, name, *([""] * 7), since, event_type, doc)


def _property_row(
    kind: str, event: str, planned: PlannedProperty, event_type: str
) -> tuple[object, ...]:
    return (
        kind,
        event,
        planned.name,
        planned.type,
        planned.example,
        planned.field or "",
        planned.origin,
        " ".join(planned.sources),
        "yes" if planned.personal else "",
        "yes" if planned.sensitive else "",
        planned.since,
        event_type,
        planned.doc,
    )


def _inert(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
