"""
The standard mapping of an event class with the policies worked in, for speed.

Most events are told the standard way. For their classes the names are known beforehand,
so only the values are left to look at. Tests compare it with the long road.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from braze_heap._json_limits import within_fast_limits
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.events._schema import schema_of
from braze_heap.heap._encoder import PropertyEncoder, is_legal_text
from braze_heap.heap.calls import Track, timestamp, to_idempotency_key
from braze_heap.mappers._standard import (
    CUSTOM_EVENT,
    MACHINE_OPEN,
    decoded,
    is_machine_open,
    own_name,
)
from braze_heap.mappers._user_properties import UserProperties
from braze_heap.payloads import StandardEvent
from braze_heap.policies.naming import Naming
from braze_heap.policies.privacy import Redaction

Namer: TypeAlias = Callable[[Any, PropertyEncoder], str]
"""From the own name of an event, if it has one, to its name in Heap."""

Dress: TypeAlias = Callable[[dict[str, Any]], None]
"""
Adds to the legal properties of an event, which have its type, what all events of its
class have besides.
"""


@attrs.frozen
class ShortRoad:
    """
    What `standard` makes of the events of one class.

    Attributes:
        cls: The class.
        name: What its events are called, legal.
        named: What those are called that have names of their own; ``None`` if none has.
        dropped: The fields that are personal data and left out.
        json_texts: The fields that hold JSON as text.
        nested: The fields that may become many properties.
        dress: Adds what all events of the class have, besides their type.
        user_properties: Gives the user properties about their users that they state,
            if they state any.
    """

    cls: type[CurrentsEvent]
    name: str
    named: Namer | None
    dropped: tuple[str, ...]
    json_texts: frozenset[str]
    nested: tuple[str, ...]
    dress: Dress | None
    user_properties: Callable[[Any], UserProperties] | None

    def takes(self, fields: Mapping[str, Any]) -> bool:
        """
        Tell whether an event is short enough: a call has room for 1,000 properties.
        """
        return all(is_small(fields.get(name)) for name in self.nested)

    def track(
        self,
        fields: dict[str, Any],
        identity: str,
        encoder: PropertyEncoder,
        redacted: list[str],
    ) -> Track:
        """
        Use the *fields* of a typed event up: they become the properties.

        Args:
            fields: Typed.
            identity: Who.
            encoder: Makes values legal.
            redacted: Gets the names of the personal data that is left out.
        """
        event_id, time = fields.pop("id"), fields.pop("time")
        for field in self.dropped:
            if field in fields:
                del fields[field]
                redacted.append(field)
        for field in self.json_texts:
            if field in fields:
                fields[field] = decoded(fields[field])
        own = fields.get("name")
        name = self.named(own, encoder) if self.named else self.name
        encoder.legalize_in_place(fields, [*fields])
        fields["event_type"] = self.cls.event_type
        if self.dress:
            self.dress(fields)
        return Track(
            name, identity, timestamp(time), to_idempotency_key(event_id), fields
        )


def is_small(value: Any) -> bool:
    """
    Tell whether *value* surely becomes far fewer properties than a call may have, and
    no parser would have read it otherwise.
    """
    return (
        len(value) <= _MAX_JSON_TEXT
        if type(value) is str
        else within_fast_limits(value)
    )


_MAX_JSON_TEXT: Final = 3_000
"""Characters of a JSON text that is decoded without a second look."""


def short_road(
    cls: type[CurrentsEvent],
    naming: Naming,
    redaction: Redaction,
    fixed: Mapping[str, Any],
    user_properties: Callable[[Any], UserProperties] | None,
) -> ShortRoad | None:
    """
    Return the short road for *cls*; ``None`` if its events need the long one.

    Args:
        cls: The event class.
        naming: What events and properties are called.
        redaction: What the policy leaves out.
        fixed: Properties that every event has; their names are legal.
        user_properties: Gives the user properties about their users.
    """
    if issubclass(cls, UnknownEvent) or redaction.alters(cls):
        return None
    if naming.touches_properties or callable(naming.event_names):
        return None
    schema = schema_of(cls)
    dropped = redaction.dropped(cls)
    keeps_user_id = "user_id" in schema.places and "user_id" not in dropped
    if keeps_user_id or "time_ms" in schema.places:
        return None
    sample = cls(id="", time=1)

    @functools.lru_cache(1024)
    def in_heap(own: str) -> str:
        return naming.event_name(StandardEvent(own), sample)

    def named(own: Any, encoder: PropertyEncoder) -> str:
        return encoder.text(in_heap(own_name(own) or cls.display_name))

    name = in_heap(cls.display_name)
    is_custom = cls.event_type == CUSTOM_EVENT
    if not is_legal_text(name):
        return None
    return ShortRoad(
        cls,
        name,
        named if is_custom and "name" not in dropped else None,
        dropped,
        schema.json_texts.difference(dropped),
        tuple(
            name
            for name, kind in schema.kinds.items()
            if name in schema.json_texts or kind.name == "json object"
        ),
        _dress_of(cls, fixed),
        user_properties,
    )


def _dress_of(cls: type[CurrentsEvent], fixed: Mapping[str, Any]) -> Dress | None:
    is_open = MACHINE_OPEN in schema_of(cls).places
    if not is_open and not fixed:
        return None

    def dress(properties: dict[str, Any]) -> None:
        if is_open:
            is_machine = is_machine_open(properties)
            properties["is_machine_open"] = "true" if is_machine else "false"
        for field, value in fixed.items():
            properties.setdefault(field, value)

    return dress
