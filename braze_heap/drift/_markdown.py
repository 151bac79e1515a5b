"""Drift as a Markdown page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from braze_heap.drift._declarations import Lines

if TYPE_CHECKING:
    from braze_heap.drift._model import Drift, SeenField


def number_of_events(count: int) -> str:
    """Return *count* with its noun."""
    return "1 event" if count == 1 else f"{count:,} events"


def markdown(drift: Drift, lines_to_add: Sequence[Lines]) -> str:
    """Return *drift* as one Markdown page that ends with *lines_to_add*."""
    return "\n".join(_lines(drift, lines_to_add)) + "\n"


def _lines(drift: Drift, lines_to_add: Sequence[Lines]) -> Iterator[str]:
    verdict = (
        "Braze sends types or fields that the classes do not have."
        if drift.has_findings
        else "Nothing new."
    )
    yield f"# Drift\n\n{verdict} Read: {number_of_events(drift.events)}."
    if drift.truncated:
        yield f"\n{drift.truncated:,} more new names than are kept."
    if drift.ignored:
        yield f"\nIgnored: {drift.ignored:,}."
    malformed = [f"{_code(reason)}: {count:,}" for reason, count in drift.malformed]
    yield from _list("Not read", malformed)
    if drift.new_types:
        yield "\n## New event types"
    for new in drift.new_types:
        module = f"in {_code(new.module)}" if new.module else "of a new family"
        name = f": {_code(new.class_name)} {module}" if new.class_name else ""
        yield f"\n### {_code(new.event_type)}\n"
        yield f"{number_of_events(new.count)}{name}."
        yield from _table("", new.fields)
    yield from _table("## New fields", drift.new_fields)
    yield from _table("## Values of other types", drift.type_changes)
    yield from _table("## Documented only for the other form", drift.other_form)
    redacted = [
        f"{_code(f.event_type)} {_code(f.name)}: {number_of_events(f.count)}"
        for f in drift.redacted
    ]
    yield from _list(f"Redacted by the word guard\n\n{_REDACTED}", redacted)
    if lines_to_add:
        yield "\n## Lines to paste"
    for lines in lines_to_add:
        yield from _paste(lines)
    unseen = [
        f"{_code(each.event_type)} ({each.form}): {', '.join(map(_code, each.names))}"
        for each in drift.unseen_fields
    ]
    yield from _list("Documented fields not seen in this input", unseen)
    unseen = [_code(event_type) for event_type in drift.unseen_types]
    yield from _list("Documented types not seen in this input", unseen)


_REDACTED: Final = (
    "By default, text under these names is not sent. Allow a name once: "
    '`personal_fields = {"custom_properties.NAME" = "keep"}`.'
)


def _list(heading: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"\n## {heading}\n"
        yield from (f"- {item}" for item in items)


def _table(heading: str, fields: Sequence[SeenField]) -> Iterator[str]:
    """Yield a table of *fields*; without a heading, all are of one event type."""
    rows = [
        {
            "event type": _code(field.event_type),
            "place": field.place,
            "field": _code(field.name),
            "observed": ", ".join(field.types),
            "documented": field.documented,
            "events": field.frequency,
        }
        for field in fields
    ]
    if not rows:
        return
    absent = set() if heading else {"event type"}
    if not any(field.documented for field in fields):
        absent.add("documented")
    headings = [name for name in rows[0] if name not in absent]
    if heading:
        yield f"\n{heading}"
    yield f"\n| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(row[name] for name in headings)} |"


def _paste(lines: Lines) -> Iterator[str]:
    module = _code(lines.module) if lines.module else "a module of a new family"
    text = lines.text
    if lines.is_class:
        yield f"\nInto {module}:\n"
        text = "\n\n\n".join(filter(None, (lines.imports.rstrip(), text)))
    else:
        needs = f" It needs {_code(lines.imports)}." if lines.imports else ""
        yield f"\nInto the body of {_code(lines.class_name)} in {module}.{needs}\n"
    yield f"```python\n{text}```"


_UNUSUAL: Final = re.compile(r"[^ -_a-{}~]")


def _code(text: str) -> str:
    """Return a name from outside as code that cannot contain markup."""
    text = text if len(text) <= 100 else f"{text[:97]}..."
    escaped = _UNUSUAL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return f"`{escaped}`" if escaped else ""
