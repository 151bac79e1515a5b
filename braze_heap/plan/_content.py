"""Content of a tracking plan."""

from typing import Literal, TypeAlias

import attrs

from braze_heap.policies.naming import name_of_action

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

Wire: TypeAlias = Literal["HTTP", "storage", "both"]
"""Form in which Braze sends a value: HTTP requests, storage files, or both."""

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
        wire: Form in which Braze sends the sources.
        observed: Number of calls that had it; ``None`` if no traffic was observed.
        share: Their share of the event's calls, or of all updates of users.
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
    wire: Wire = "both"
    observed: int | None = None
    share: float | None = None

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
        category: Braze's group of the type; empty if it has none.
        channel: Messaging channel of all events of the type; empty if they have none.
        action: Action, such as ``click``, the same in all channels; may be empty.
        wire: Form in which Braze sends the type.
        observed: Number of calls; ``None`` if no traffic was observed.
        share: Their share of the calls of all events.
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
    category: str = ""
    channel: str = ""
    action: str = ""
    wire: Wire = "both"
    observed: int | None = None
    share: float | None = None


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
    """Content of a `TrackingPlan`, which documents the attributes."""

    events: tuple[PlannedEvent, ...]
    user_properties: tuple[PlannedUserProperty, ...] = ()
    unsent: tuple[UnsentType, ...] = ()
    deletions: tuple[str, ...] = ()

    @property
    def combo_events(self) -> dict[str, tuple[str, ...]]:
        """
        Combo events to make in Heap for charts over channels: name to events.

        There is one for each action with several names of events, so none if
        ``event_names="action"`` gives all channels one name.
        """
        names: dict[str, set[str]] = {}
        for event in self.events:
            if event.category == "message_engagement" and event.channel:
                names.setdefault(event.action, set()).add(event.name)
        return {
            name_of_action(action): tuple(sorted(found))
            for action, found in sorted(names.items())
            if len(found) > 1
        }
