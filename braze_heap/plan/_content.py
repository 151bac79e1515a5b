"""Content of a tracking plan."""

from typing import Literal, TypeAlias

import attrs

Type: TypeAlias = Literal[
    "any",
    "boolean as text",
    "JSON as text",
    "list as text",
    "number",
    "text",
    "text or number",
    "time as text",
]
"""
Type of a value in Heap, which has text and numbers only.

Booleans are ``true`` and ``false``, items of a list are joined with ``||``, and times
are ISO 8601 in UTC.
"""

Origin: TypeAlias = Literal["field", "derived", "fixed"]
"""An unchanged field, a value made from fields, or a constant."""


@attrs.frozen
class PlannedProperty:
    """
    A property that an event can have.

    Attributes:
        name: Name in Heap. ``*`` represents names that are not known beforehand.
        type: Type of the value in Heap.
        example: An invented value, as text.
        field: Braze field with the same value, or ``None``.
        origin: Whether the value is a field, derived, or always the same.
        sources: Fields that the value or the name depends on.
        personal: Whether Braze marks one of the sources as personal data.
        sensitive: Whether one of the sources is personal data that Braze does not mark.
        since: First Currents release with the property; 2 for all until 2.
        doc: Meaning of the value.
        identifying: Whether one of the sources may identify a person in another way: a
            device, a user agent, a URL, the accuracy of a location, free text, custom
            and unknown fields.
    """

    name: str
    type: Type
    example: str
    field: str | None
    origin: Origin
    sources: tuple[str, ...]
    personal: bool
    sensitive: bool
    since: int
    doc: str
    identifying: bool = False

    @property
    def is_personal(self) -> bool:
        """Whether Braze or this library marks it as personal data."""
        return self.personal or self.sensitive


@attrs.frozen
class PlannedUserProperty(PlannedProperty):
    """
    A property that a user can have.

    Attributes:
        event_types: Types of the events that set it.
    """

    event_types: tuple[str, ...] = ()


@attrs.frozen
class UnsentField:
    """
    A field that does not reach Heap as a property of its own.

    Attributes:
        name: Name as Braze writes it; dotted within an object.
        why: The reason, as a sentence.
    """

    name: str
    why: str


@attrs.frozen
class PlannedEvent:
    """
    An event that Heap can get.

    Attributes:
        name: Name in Heap. Parts in ``<`` and ``>`` differ from event to event.
        event_type: Type as Braze writes it.
        event_class: Name of the class.
        meaning: Description of the event.
        since: Currents release that added the type; 2 for all until 2.
        status: Status of the type in Braze, such as ``current``.
        properties: Properties, sorted by name.
        unsent: Fields that do not become properties, sorted by name.
        takes_new_fields: Whether fields that this version does not know are sent too,
            under their own names.
        note: Remarks; may be empty.
    """

    name: str
    event_type: str
    event_class: str
    meaning: str
    since: int
    status: str
    properties: tuple[PlannedProperty, ...]
    unsent: tuple[UnsentField, ...] = ()
    takes_new_fields: bool = False
    note: str = ""


@attrs.frozen
class UnsentType:
    """
    A type whose events never become an event in Heap.

    Attributes:
        event_type: Type as Braze writes it.
        event_class: Name of the class.
        why: The reason, as a sentence.
    """

    event_type: str
    event_class: str
    why: str


@attrs.frozen
class PlanContent:
    """
    Content of a `TrackingPlan`, which documents the attributes, without its text forms.
    """

    events: tuple[PlannedEvent, ...]
    user_properties: tuple[PlannedUserProperty, ...] = ()
    unsent: tuple[UnsentType, ...] = ()
    deletions: tuple[str, ...] = ()
