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
What Heap gets as the value. Heap knows text and numbers: booleans are ``true`` and
``false``, items of a list are joined with ``||``, times are ISO 8601 in UTC.
"""

Origin: TypeAlias = Literal["field", "derived", "fixed"]
"""A field as it is; made of fields or whatever else varies; always the same."""


@attrs.frozen
class PlannedProperty:
    """
    A property that an event can have.

    Attributes:
        name: In Heap. ``*`` stands for names that nobody knows beforehand.
        type: What Heap gets as its value.
        example: A value, as text; invented.
        field: The field of the Braze event that it repeats; ``None`` if it is none.
        origin: Whether it repeats a field, is derived, or is always the same.
        sources: The fields that it was seen to depend on, its name included.
        personal: Whether Braze sentinels one of its sources as personal data.
        sensitive: Whether one of its sources is personal data that Braze does not mark.
        since: The Currents release from which on Braze sends it; 2 for it and before.
        doc: What it holds.
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

    @property
    def is_personal(self) -> bool:
        """
        Whether it is personal data, in Braze's judgement or in that of this library.
        """
        return self.personal or self.sensitive


@attrs.frozen
class PlannedUserProperty(PlannedProperty):
    """
    A property that a user can have.

    Attributes:
        event_types: The types of the events that set it.
    """

    event_types: tuple[str, ...] = ()


@attrs.frozen
class UnsentField:
    """
    A field that does not reach Heap as a property of its own.

    Attributes:
        name: As Braze writes it; dotted where it lies within an object.
        why: Which policy leaves it out.
    """

    name: str
    why: str


@attrs.frozen
class PlannedEvent:
    """
    An event that Heap can get.

    Attributes:
        name: In Heap. What stands in ``<`` and ``>`` differs from event to event.
        event_type: The type as Braze writes it.
        event_class: The name of its class.
        meaning: What happened.
        since: The Currents release that added the type; 2 for it and all before.
        status: What Braze says about the life of the type.
        properties: By name.
        unsent: The fields that do not become properties, by name.
        takes_new_fields: Whether fields that this version does not know are sent too,
            under their own names.
        note: What else there is to know; empty if nothing.
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
        event_type: The type as Braze writes it.
        event_class: The name of its class.
        why: What leaves it out.
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
