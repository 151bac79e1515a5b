"""
The standard mapping of an event class with the policies worked in, for speed.

Most events are told the standard way. For their classes the names are known beforehand,
so only the values are left to look at. Tests compare it with the long road.
"""

import functools
from collections.abc import Callable, Container, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import attrs

from braze_heap.calls import (
    MAX_INTEGER,
    Legalizer,
    Track,
    holds_few,
    is_plain,
    legal_key,
    timestamp,
)
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.events._kinds import MISFIT, Kind
from braze_heap.events._schema import schema_of
from braze_heap.identity import flaw_of
from braze_heap.mappers._standard import (
    CUSTOM_EVENT,
    MACHINE_OPEN,
    decoded,
    is_machine_open,
    own_name,
)
from braze_heap.naming import Naming
from braze_heap.parsing import YEAR_2100
from braze_heap.payloads import StandardEvent
from braze_heap.privacy import Redaction

Namer: TypeAlias = Callable[[Any, Legalizer], str]
"""
From the own name of an event, if it has one, to its name in Heap.
"""

Teller: TypeAlias = Callable[[str, dict[str, Any], str, str, int], Track]
"""
From a name, legal properties, an identity, an id and a time to the call.
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
        tell: Adds what all events of the class have.
    """

    cls: type[CurrentsEvent]
    name: str
    named: Namer | None
    dropped: tuple[str, ...]
    json_texts: frozenset[str]
    nested: tuple[str, ...]
    tell: Teller

    def takes(self, fields: Mapping[str, Any]) -> bool:
        """
        Tell whether an event is short enough: a call has room for 1,000 properties.
        """
        return all(holds_few(fields.get(name)) for name in self.nested)

    def track(
        self,
        fields: dict[str, Any],
        identity: str,
        legalizer: Legalizer,
        left_out: list[str],
    ) -> Track:
        """
        Use the *fields* of a typed event up: they become the properties.

        Args:
            fields: Typed.
            identity: Who.
            legalizer: Makes values legal.
            left_out: Gets the names of the personal data that is left out.
        """
        event_id, time = fields.pop("id"), fields.pop("time")
        for field in self.dropped:
            if field in fields:
                del fields[field]
                left_out.append(field)
        for field in self.json_texts:
            if field in fields:
                fields[field] = decoded(fields[field])
        own = fields.get("name")
        name = self.named(own, legalizer) if self.named else self.name
        legalizer.settle(fields, [*fields])
        return self.tell(name, fields, identity, event_id, time)


Glance: TypeAlias = Callable[
    [dict[str, Any], Container[str], Legalizer, list[str]], Track | None
]
"""
From a decoded event to its call; ``None``, and nothing done, if it needs a closer look.

Gets the ids that were seen already, what makes values legal, and the list for the names
of what is left out.
"""


def glance_of(road: ShortRoad, identity: str) -> Glance:
    """
    Return the function that goes *road* with events of the HTTP form that are complete
    and have nothing odd about them.

    Long, for it is one loop in effect: each further call costs a twentieth of it.

    Args:
        road: Where to.
        identity: The field that names the user.
    """
    schema = schema_of(road.cls)
    in_user, in_properties = schema.names_in("user"), schema.names_in("properties")
    others = [
        (
            name,
            _json_text if name in road.json_texts else _told(kind),
        )
        for name, kind in schema.kinds.items()
        if name in road.json_texts or not kind.is_text
    ]
    are_plain = all(fit in _TOLD.values() for _, fit in others)
    name, named, dropped, tell = road.name, road.named, road.dropped, road.tell

    def glance(
        raw: dict[str, Any],
        seen: Container[str],
        legalizer: Legalizer,
        left_out: list[str],
    ) -> Track | None:
        try:
            user, properties = raw["user"], raw["properties"]
            time, event_id, who = raw["time"], raw["id"], user[identity]
        except (KeyError, TypeError):
            return None
        if (
            len(raw) != 5
            or type(user) is not dict
            or type(properties) is not dict
            or type(time) is not int
            or not 0 < time < YEAR_2100
            or type(event_id) is not str
            or not event_id
            or event_id in seen
            or type(who) is not str
            or flaw_of(who)
            or not in_user.issuperset(user)
            or not in_properties.issuperset(properties)
        ):
            return None
        fields = properties | user
        odd = {}
        for field, fit in others:
            if field in fields and (value := fields.pop(field)) is not None:
                odd[field] = value = fit(value)
                if value is MISFIT:
                    return None
        try:
            text = "".join(fields.values())
        except TypeError:
            fields = {field: v for field, v in fields.items() if v is not None}
            if not all(isinstance(value, str) for value in fields.values()):
                return None
            text = "".join(fields.values())
        fields |= odd
        for field in dropped:
            if field in fields:
                del fields[field]
                left_out.append(field)
        called = named(fields.get("name"), legalizer) if named else name
        if not is_plain(text):
            legalizer.settle(fields, [*fields])
        elif not are_plain:
            legalizer.settle(fields, odd)
        return tell(called, fields, who, event_id, time)

    return glance


def _flag(value: Any) -> Any:
    return ("true" if value else "false") if type(value) is bool else MISFIT


def _integer(value: Any) -> Any:
    is_exact = type(value) is int and -MAX_INTEGER <= value <= MAX_INTEGER
    return value if is_exact else MISFIT


def _number(value: Any) -> Any:
    is_number = type(value) is float or type(value) is int
    return value if is_number and -MAX_INTEGER <= value <= MAX_INTEGER else MISFIT


_TOLD: Final = MappingProxyType(
    {"boolean": _flag, "int": _integer, "float": _number, "double": _number}
)
"""What becomes of scalars that are told as they are, but for the odd ones."""


def _json_text(value: Any) -> Any:
    is_short = isinstance(value, str) and holds_few(value)
    return decoded(value) if is_short else MISFIT


def _told(kind: Kind) -> Callable[[Any], Any]:
    """
    Return what fits values of *kind*, and tells them if that is all there is to do.
    """
    if kind.name != "json object":
        return _TOLD.get(kind.name, kind.fit)
    return lambda value: kind.fit(value) if holds_few(value) else MISFIT


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
    keeps_user_id = "user_id" in schema.places and "user_id" not in dropped
    if keeps_user_id or "time_ms" in schema.places:
        return None
    sample = cls(id="", time=1)

    @functools.lru_cache(1024)
    def in_heap(own: str) -> str:
        return naming.event_name(StandardEvent(own), sample)

    def named(own: Any, legalizer: Legalizer) -> str:
        return legalizer.text(in_heap(own_name(own) or cls.display_name))

    name = in_heap(cls.display_name)
    if not is_plain(name):
        return None
    return ShortRoad(
        cls,
        name,
        named if cls.event_type == CUSTOM_EVENT else None,
        dropped,
        schema.json_texts.difference(dropped),
        tuple(
            name
            for name, kind in schema.kinds.items()
            if name in schema.json_texts or kind.name == "json object"
        ),
        _teller(cls, fixed),
    )


def _teller(cls: type[CurrentsEvent], fixed: Mapping[str, Any]) -> Teller:
    event_type = cls.event_type
    is_open = MACHINE_OPEN in schema_of(cls).places

    def tell(
        name: str, properties: dict[str, Any], identity: str, event_id: str, time: int
    ) -> Track:
        properties["event_type"] = event_type
        if is_open:
            is_machine = is_machine_open(properties)
            properties["is_machine_open"] = "true" if is_machine else "false"
        for field, value in fixed.items():
            properties.setdefault(field, value)
        return Track(name, identity, timestamp(time), legal_key(event_id), properties)

    return tell
