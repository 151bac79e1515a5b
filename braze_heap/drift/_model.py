"""Drift: names, JSON types and counts, never a value; and its forms."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import attrs

from braze_heap.drift._declarations import Lines, lines_for

SCHEMA: Final = 1  # Version of the JSON form

Form: TypeAlias = Literal["http", "storage"]
"""Nested form of HTTP requests, or flat records of storage."""

Place: TypeAlias = Literal["envelope", "user", "properties", "storage"]
"""Part of the HTTP form with a field; ``storage`` for flat records."""


@attrs.frozen
class SeenField:
    """
    A field, as it was observed in the events of one type.

    Attributes:
        event_type: Type as Braze writes it.
        place: Part of the event.
        name: Name as Braze writes it.
        types: JSON types, the most frequent first, such as ``text``, ``int``,
            ``list of text``.
        count: Number of events with the field.
        share: Share of the events of the type in the same form, 0 to 1.
        documented: Documented type of an invalid value; empty otherwise.
    """

    event_type: str
    place: Place
    name: str
    types: tuple[str, ...]
    count: int
    share: float
    documented: str = ""

    @property
    def found(self) -> str:
        """Observed types, and the documented one if it differs."""
        instead = f" where {self.documented} is documented" if self.documented else ""
        return " or ".join(self.types) + instead

    @property
    def frequency(self) -> str:
        """Number and share of the events, in words."""
        return f"{_number_of_events(self.count)} ({_percent(self.share)})"

    def __str__(self) -> str:
        where = f"{self.event_type} {self.place}.{self.name}"
        return f"{where}: {self.found}, {self.frequency}"


@attrs.frozen
class RedactedField:
    """
    A custom or unknown field whose text is redacted by default, because of its name.

    Attributes:
        event_type: Type as Braze writes it.
        name: Name, dotted within an object, such as ``custom_properties.email``.
        count: Number of events with such text.
    """

    event_type: str
    name: str
    count: int

    def __str__(self) -> str:
        return f"{self.event_type} {self.name}, {_number_of_events(self.count)}"


@attrs.frozen
class NewType:
    """
    An event type without a class.

    Attributes:
        event_type: Type as Braze writes it.
        count: Number of its events.
        fields: Observed fields, sorted by place and name.
        class_name: Suggested class name; empty if the type is not written like one of
            Braze.
        module: Module of its family; empty if the family is new, too.
    """

    event_type: str
    count: int
    fields: tuple[SeenField, ...]
    class_name: str
    module: str

    def __str__(self) -> str:
        return f"{self.event_type}, {_number_of_events(self.count)}"


@attrs.frozen
class UnseenFields:
    """
    Fields that are documented for a form of a type, but were always absent or null.

    Attributes:
        event_type: Type as Braze writes it.
        form: Observed form.
        count: Number of observed events of the type in the form.
        names: Fields that none of these events has.
    """

    event_type: str
    form: Form
    count: int
    names: tuple[str, ...]


@attrs.frozen
class Drift:
    """
    Differences between observed traffic and the event classes, sorted by name.

    Attributes:
        events: Number of events, including damaged ones.
        new_types: Event types without a class.
        new_fields: Fields that are unknown to the class of their type.
        type_changes: Values that do not fit a known field.
        other_form: Fields that are documented only for the other form. They are
            read too.
        redacted: Custom and unknown fields redacted by default, because of their names.
            They are not findings for the exit status of ``braze-heap drift``.
        unseen_fields: Documented fields of the observed types that were not seen.
        unseen_types: Types that were not observed.
        malformed: Number of unreadable events, by reason.
        truncated: Number of new fields and types that exceed the limits.
        ignored: Number of findings removed by `ignoring`.
    """

    events: int
    new_types: tuple[NewType, ...] = ()
    new_fields: tuple[SeenField, ...] = ()
    type_changes: tuple[SeenField, ...] = ()
    other_form: tuple[SeenField, ...] = ()
    redacted: tuple[RedactedField, ...] = ()
    unseen_fields: tuple[UnseenFields, ...] = ()
    unseen_types: tuple[str, ...] = ()
    malformed: tuple[tuple[str, int], ...] = ()
    truncated: int = 0
    ignored: int = 0

    @property
    def has_findings(self) -> bool:
        """Whether there are new types, new fields or invalid values."""
        return bool(
            self.new_types or self.new_fields or self.type_changes or self.truncated
        )

    def ignoring(self, names: Collection[str]) -> Drift:
        """
        Return the drift without known findings.

        Args:
            names: Event types, fields, or fields of one type as
                ``users.messages.email.Click.link_color``.
        """
        parts = ("new_types", "new_fields", "type_changes", "other_form", "redacted")
        kept: dict[str, Any] = {
            part: tuple(f for f in getattr(self, part) if not _is_among(f, names))
            for part in parts
        }
        findings = [part for part in parts if part != "redacted"]
        ignored = sum(len(getattr(self, p)) - len(kept[p]) for p in findings)
        return attrs.evolve(self, ignored=self.ignored + ignored, **kept)

    def lines_to_add(self, release: int | None = None) -> tuple[Lines, ...]:
        """
        Return Python declarations of the new types and fields.

        Args:
            release: Currents release that added them. The default is ``...``, which
                runs, but which type checkers report.
        """
        return tuple(lines_for(self, release))

    def to_dict(self) -> dict[str, Any]:
        """Return the drift as JSON values, with `has_findings` and `lines_to_add`."""
        lines = [attrs.asdict(lines) for lines in self.lines_to_add()]
        head = {"schema": SCHEMA, "has_findings": self.has_findings}
        found = attrs.asdict(self) | {"malformed": dict(self.malformed)}
        return head | found | {"lines_to_add": lines}

    def to_json(self) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n"

    def to_markdown(self) -> str:
        """Return the drift as one Markdown page."""
        return "\n".join(_markdown_lines(self)) + "\n"

    def __str__(self) -> str:
        findings = [
            *(f"new type {new}" for new in self.new_types),
            *(f"new field {field}" for field in self.new_fields),
            *(f"type change {field}" for field in self.type_changes),
        ]
        if self.truncated:
            findings.append(f"{self.truncated:,} more new names than are kept")
        return "\n".join(findings) or "Nothing new."


def _is_among(
    found: NewType | SeenField | RedactedField, names: Collection[str]
) -> bool:
    known_as = {found.event_type}
    if not isinstance(found, NewType):
        known_as |= {found.name, f"{found.event_type}.{found.name}"}
    return not known_as.isdisjoint(names)


def _percent(share: float) -> str:
    """Return *share* as a percentage, 0 and 100 only if they are exact."""
    if 0 < share < 0.001:
        return "under 0.1%"
    return "over 99.9%" if 0.999 < share < 1 else f"{share * 100:.3g}%"


def _markdown_lines(drift: Drift) -> Iterator[str]:
    verdict = (
        "Braze sends types or fields that the classes do not have."
        if drift.has_findings
        else "Nothing new."
    )
    yield f"# Drift\n\n{verdict} Read: {_number_of_events(drift.events)}."
    if drift.truncated:
        yield f"\n{drift.truncated:,} more new names than are kept."
    if drift.ignored:
        yield f"\nIgnored: {drift.ignored:,}."
    malformed = Table("Not read", ("reason", "count"), drift.malformed)
    for table in (malformed, *tables(drift)):
        if table.rows:
            yield f"\n## {table.title}\n"
            yield f"| {' | '.join(table.headings)} |"
            yield f"|{' --- |' * len(table.headings)}"
            yield from (f"| {' | '.join(map(_cell, row))} |" for row in table.rows)
            if table.note:
                yield f"\n{table.note}"
    lines_to_add = drift.lines_to_add()
    if lines_to_add:
        yield "\n## Lines to add"
    for lines in lines_to_add:
        yield from _paste(lines)


class Table(NamedTuple):
    """Findings of one kind for people; long if they are not about the input."""

    title: str
    headings: Sequence[str]
    rows: Sequence[tuple[Any, ...]]
    note: str = ""
    is_long: bool = False


def tables(drift: Drift) -> Iterator[Table]:
    """Yield the findings, except for what is not read."""

    def table(title: str, items: Sequence[Any], names: str, **more: Any) -> Table:
        rows = [*map(attrgetter(*names.split()), items)]
        headings = [name.replace("_", " ") for name in names.split()]
        return Table(title, headings, rows, **more)

    fields = "event_type place name found frequency"
    new_fields = [field for new in drift.new_types for field in new.fields]
    yield table(
        "New event types", drift.new_types, "event_type count class_name module"
    )
    yield table("Fields of new event types", new_fields, fields)
    yield table("New fields", drift.new_fields, fields)
    yield table("Values of other types than documented", drift.type_changes, fields)
    yield table("Documented only for the other form", drift.other_form, fields)
    title = "Redacted by default, because their names have a word such as email"
    note = 'To send one: personal_fields = {"NAME" = "keep"}'
    yield table(title, drift.redacted, "event_type name count", note=note)
    title = "Documented fields not seen in this input"
    names = "event_type form count names"
    yield table(title, drift.unseen_fields, names, is_long=True)
    types = [(event_type,) for event_type in drift.unseen_types]
    title = f"Documented types not seen in this input: {len(types):,}"
    yield Table(title, ("event type",), types, is_long=True)


def _cell(value: str | int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_code, value))
    return f"{value:,}" if isinstance(value, int) else _code(value)


def _paste(lines: Lines) -> Iterator[str]:
    place = _code(lines.module) if lines.module else "a module of a new family"
    if not lines.is_class:
        place = f"the body of {_code(lines.class_name)} in {place}"
        if lines.imports:
            place += f", which needs {_code(lines.imports)}"
    yield f"\nInto {place}:\n"
    imports = f"{lines.imports}\n\n\n" * (lines.is_class and bool(lines.imports))
    yield f"```python\n{imports}{lines.text}```"


_UNUSUAL: Final = re.compile(r"[^ -_a-{}~]")


def _code(text: str) -> str:
    """Return a name from outside as code that cannot contain markup."""
    text = text if len(text) <= 100 else f"{text[:97]}..."
    escaped = _UNUSUAL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return f"`{escaped}`" if escaped else ""


def _number_of_events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"
