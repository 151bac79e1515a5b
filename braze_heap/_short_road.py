"""
The standard mapping of an event class with the policies worked in, for speed.

Most events are told the standard way. For their classes the names are known beforehand,
so only the values are left to look at. Tests compare it with the long road.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from braze_heap.calls import Legalizer, Track, is_plain, legal_key, timestamp
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.events._schema import schema_of
from braze_heap.mappers._standard import (
    CUSTOM_EVENT,
    MACHINE_OPEN,
    decoded,
    is_machine_open,
    own_name,
)
from braze_heap.naming import Naming
from braze_heap.parsing import Glance, glance_of
from braze_heap.payloads import StandardEvent
from braze_heap.privacy import Redaction


@attrs.define
class ShortRoad:
    """
    What `standard` makes of the events of one class.

    Attributes:
        name: The name in Heap, legal.
        event_type: The type as Braze writes it.
        dropped: The fields that are personal data and left out.
        json_texts: The fields that hold JSON as text.
        fixed: Properties that every event has.
        tells_machines: Whether the events say that a machine made them.
        named: From the own name of an event to its name in Heap; ``None`` where events
            have no names of their own.
        glance: Reads the events that fit at first sight.
    """

    name: str
    event_type: str
    dropped: tuple[str, ...]
    json_texts: tuple[str, ...]
    fixed: Mapping[str, Any]
    tells_machines: bool
    named: Callable[[str], str] | None
    glance: Glance

    def track(
        self,
        fields: dict[str, Any],
        identity: str,
        legalizer: Legalizer,
        left_out: list[str],
        doubtful: Iterable[str] | None = None,
    ) -> Track:
        """
        Use the *fields* of an event up: they become the properties, where they are.

        Args:
            fields: Typed.
            identity: Who.
            legalizer: Makes values legal.
            left_out: Gets the names of the personal data that is left out.
            doubtful: The fields that may be illegal; all, unless it is known better.
        """
        name = self.name
        if self.named and (own := own_name(fields.get("name"))):
            name = legalizer.text(self.named(own))
        key = legal_key(fields.pop("id"))
        time = timestamp(fields.pop("time"))
        for field in self.dropped:
            if field in fields:
                del fields[field]
                left_out.append(field)
        for field in self.json_texts:
            if field in fields:
                fields[field] = decoded(fields[field])
                doubtful = None
        legalizer.settle(fields, [*fields] if doubtful is None else doubtful)
        fields["event_type"] = self.event_type
        if self.tells_machines:
            fields["is_machine_open"] = "true" if is_machine_open(fields) else "false"
        if self.fixed:
            for field, value in self.fixed.items():
                fields.setdefault(field, value)
        return Track(name, identity, time, key, fields)


def short_road(
    cls: type[CurrentsEvent],
    naming: Naming,
    redaction: Redaction,
    fixed: Mapping[str, Any],
) -> ShortRoad | None:
    """
    Return the short road for *cls*; ``None`` if its events need the long one.

    Args:
        cls: The event class.
        naming: What events and properties are called.
        redaction: What the policy leaves out.
        fixed: Properties that every event has; their names are legal.
    """
    if issubclass(cls, UnknownEvent) or redaction.alters(cls):
        return None
    if naming.touches_properties or callable(naming.event_names):
        return None
    schema = schema_of(cls)
    dropped = redaction.dropped(cls)
    sample = cls(id="", time=1)
    name = naming.event_name(StandardEvent(cls.display_name), sample)
    keeps_user_id = "user_id" in schema.places and "user_id" not in dropped
    if keeps_user_id or "time_ms" in schema.places or not is_plain(name):
        return None
    texts = tuple(schema.json_texts - set(dropped))
    opens = MACHINE_OPEN in schema.places
    named = None
    if cls.event_type == CUSTOM_EVENT:
        named = functools.lru_cache(1024)(
            lambda own: naming.event_name(StandardEvent(own), sample)
        )
    return ShortRoad(
        name,
        cls.event_type,
        dropped,
        texts,
        fixed,
        opens,
        named,
        glance_of(cls),
    )
