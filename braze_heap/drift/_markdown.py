"""Drift as a Markdown page."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from braze_heap.drift._declarations import Lines
from braze_heap.drift._findings import (
    DriftContent,
    NewType,
    RedactedField,
    SeenField,
    number_of_events,
)


def markdown(drift: DriftContent, lines_to_add: Sequence[Lines]) -> str:
    """Return *drift* as one Markdown page that ends with *lines_to_add*."""
    verdict = (
        "Braze sends types or fields that the classes do not have."
        if drift.has_findings
        else "Nothing new."
    )
    lines = [
        "# Drift",
        "",
        f"{verdict} Read: {number_of_events(drift.events)}.",
        *_malformed(drift),
        *_new_types(drift.new_types),
        *_fields("New fields", drift.new_fields),
        *_fields("Values of other types", drift.type_changes),
        *_fields("Documented only for the other form", drift.other_form),
        *_redacted(drift.redacted),
        *_pastes(lines_to_add),
        *_unseen(drift),
    ]
    return "\n".join(lines) + "\n"


def _malformed(drift: DriftContent) -> Iterator[str]:
    if drift.truncated:
        yield f"\n{drift.truncated:,} more new names than are kept."
    if drift.ignored:
        yield f"\nIgnored: {drift.ignored:,}."
    if drift.malformed:
        yield "\n## Not read\n"
    yield from (f"- {_code(reason)}: {count:,}" for reason, count in drift.malformed)


def _new_types(types: Sequence[NewType]) -> Iterator[str]:
    if types:
        yield "\n## New event types"
    for new in types:
        module = f"in {_code(new.module)}" if new.module else "of a new family"
        name = f": {_code(new.class_name)} {module}" if new.class_name else ""
        yield f"\n### {_code(new.event_type)}\n"
        yield f"{number_of_events(new.count)}{name}."
        if new.fields:
            yield from _table(new.fields, is_of_one_type=True)


def _fields(title: str, fields: Sequence[SeenField]) -> Iterator[str]:
    if fields:
        yield f"\n## {title}"
        yield from _table(fields)


def _table(
    fields: Sequence[SeenField], *, is_of_one_type: bool = False
) -> Iterator[str]:
    headings = ["event type", "place", "field", "observed", "documented", "events"]
    rows = [
        [
            _code(f.event_type),
            f.place,
            _code(f.name),
            ", ".join(f.types),
            f.documented,
            f.frequency,
        ]
        for f in fields
    ]
    absent = {0} if is_of_one_type else set()
    absent |= set() if any(f.documented for f in fields) else {4}
    yield ""
    for row in (headings, ["---"] * len(headings), *rows):
        cells = [cell for index, cell in enumerate(row) if index not in absent]
        yield f"| {' | '.join(cells)} |"


def _redacted(fields: Sequence[RedactedField]) -> Iterator[str]:
    if fields:
        yield "\n## Redacted by the word guard\n"
        yield (
            "By default, text under these names is not sent. Allow a name once: "
            '`personal_fields = {"custom_properties.NAME" = "keep"}`.\n'
        )
    for field in fields:
        count = number_of_events(field.count)
        yield f"- {_code(field.event_type)} {_code(field.name)}: {count}"


def _pastes(pastes: Sequence[Lines]) -> Iterator[str]:
    if pastes:
        yield "\n## Lines to paste"
    for lines in pastes:
        module = _code(lines.module) if lines.module else "a module of a new family"
        text = lines.text
        if lines.is_class:
            yield f"\nInto {module}:\n"
            text = "\n\n\n".join(filter(None, (lines.imports.rstrip(), text)))
        else:
            needs = f" It needs {_code(lines.imports)}." if lines.imports else ""
            yield f"\nInto the body of {_code(lines.class_name)} in {module}.{needs}\n"
        yield f"```python\n{text}```"


def _unseen(drift: DriftContent) -> Iterator[str]:
    if drift.unseen_fields:
        yield "\n## Documented fields not seen in this input\n"
    for unseen in drift.unseen_fields:
        names = ", ".join(map(_code, unseen.names))
        yield f"- {_code(unseen.event_type)} ({unseen.form}): {names}"
    if drift.unseen_types:
        yield "\n## Documented types not seen in this input\n"
    yield from (f"- {_code(event_type)}" for event_type in drift.unseen_types)


_UNUSUAL: Final = re.compile(r"[^ -_a-{}~]")


def _code(text: str) -> str:
    """Return a name from outside as code that cannot contain markup."""
    text = text if len(text) <= 100 else f"{text[:97]}..."
    escaped = _UNUSUAL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return f"`{escaped}`" if escaped else ""
