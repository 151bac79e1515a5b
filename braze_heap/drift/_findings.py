"""Findings in observed traffic: names, JSON types and counts, never a value."""

from typing import Literal, TypeAlias

import attrs

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
        return f"{number_of_events(self.count)} ({_percent(self.share)})"

    def __str__(self) -> str:
        where = f"{self.event_type} {self.place}.{self.name}"
        return f"{where}: {self.found}, {self.frequency}"


@attrs.frozen
class RedactedField:
    """
    A custom or unknown field whose text the word guard redacts by default.

    Attributes:
        event_type: Type as Braze writes it.
        name: Name, dotted within an object, such as ``custom_properties.email``.
        count: Number of events with such text.
    """

    event_type: str
    name: str
    count: int

    def __str__(self) -> str:
        return f"{self.event_type} {self.name}, {number_of_events(self.count)}"


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
        return f"{self.event_type}, {number_of_events(self.count)}"


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
class DriftContent:
    """Content of a `Drift`, which documents the attributes, without its text forms."""

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


def number_of_events(count: int) -> str:
    """Return *count* with its noun."""
    return "1 event" if count == 1 else f"{count:,} events"


def _percent(share: float) -> str:
    """Return *share* as a percentage, 0 or 100 only if it is exact."""
    percent = round(share * 100)
    if percent == 0 and share > 0:
        return "under 1%"
    return "over 99%" if percent == 100 and share < 1 else f"{percent}%"
