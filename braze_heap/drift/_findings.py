"""What a look at traffic found. Names, JSON types and counts; never a value."""

from typing import Literal, TypeAlias

import attrs

Form: TypeAlias = Literal["http", "storage"]
"""The nested form of HTTP requests, and the flat records of storage."""

Place: TypeAlias = Literal["envelope", "user", "properties", "storage"]
"""The part of the HTTP form that holds a field; ``storage`` for flat records."""


@attrs.frozen
class SeenField:
    """
    A field, as it was observed in the events of one type.

    Attributes:
        event_type: As Braze writes it.
        place: Where it stood.
        name: As Braze writes it.
        types: Its JSON types, the most frequent first, such as ``text``, ``int``,
            ``list of text``.
        count: The events that have it so.
        share: Of the events of its type in the same form, from 0 to 1.
        documented: The kind of value that it does not fit; empty if it fits, or is new.
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
        """What was observed, beside what is documented."""
        instead = f" where {self.documented} is documented" if self.documented else ""
        return " or ".join(self.types) + instead

    @property
    def frequency(self) -> str:
        """How often, in words."""
        return f"{number_of_events(self.count)} ({_percent(self.share)})"

    def __str__(self) -> str:
        where = f"{self.event_type} {self.place}.{self.name}"
        return f"{where}: {self.found}, {self.frequency}"


@attrs.frozen
class NewType:
    """
    An event type without a class.

    Attributes:
        event_type: As Braze writes it.
        count: Its events.
        fields: What they hold, by place and name.
        class_name: What its class would be called here; empty if the type is not
            written like one of Braze's.
        module: The module of its family; empty if the family is new, too.
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
    Fields that are documented for a form of a type, and were absent or null in it.

    Attributes:
        event_type: As Braze writes it.
        form: The form that was observed.
        count: The events of the type that were observed in the form.
        names: The fields that none of them has.
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
    unseen_fields: tuple[UnseenFields, ...] = ()
    unseen_types: tuple[str, ...] = ()
    malformed: tuple[tuple[str, int], ...] = ()
    truncated: int = 0
    ignored: int = 0

    @property
    def has_findings(self) -> bool:
        """
        Whether Braze sends a type, a field or a value that the classes do not have.
        """
        return bool(
            self.new_types or self.new_fields or self.type_changes or self.truncated
        )


def number_of_events(count: int) -> str:
    """Return *count* with its noun."""
    return "1 event" if count == 1 else f"{count:,} events"


def _percent(share: float) -> str:
    """Return *share* as a percentage that is 0 or 100 only where it is so."""
    percent = round(share * 100)
    if percent == 0 and share > 0:
        return "under 1%"
    return "over 99%" if percent == 100 and share < 1 else f"{percent}%"
