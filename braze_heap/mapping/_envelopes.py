"""
The three forms of an event in one: type, id, time, fields of the user, properties.

Only usual events have an envelope here. The generic mapping reads all others, and
explains what is wrong with them.
"""

import functools
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast

from braze_heap.events import CurrentsEvent
from braze_heap.events._field_types import shortest_float32
from braze_heap.events._schema import schema_of
from braze_heap.heap.calls import MAX_IDENTITY
from braze_heap.parsing import YEAR_2100
from braze_heap.wire import RawEvent

Envelope: TypeAlias = tuple[str, str, int, dict[str, Any], dict[str, Any]]
"""
Event type, id, UTC epoch seconds, fields of the user, properties.

The id is not empty, and a legal idempotency key as it is.
"""


def read_envelope(
    item: Any, event_types: Mapping[str, type[CurrentsEvent]]
) -> Envelope | None:
    """
    Return the envelope of *item*, an event in any form; ``None`` if it is unusual.

    Args:
        item: The event. It is not changed, and the envelope may share its dicts.
        event_types: The event classes by type.
    """
    if type(item) is dict:
        raw: Any = item
    elif type(item) is RawEvent:
        raw, event_type = item.value, item.event_type
        if type(raw) is dict and "event_type" not in raw:
            cls = event_types.get(event_type) if event_type else None
            return _of_storage(raw, str(event_type), cls) if cls else None
    else:
        is_typed = isinstance(item, CurrentsEvent)
        return _of_typed(item, event_types) if is_typed else None
    if type(raw) is not dict or len(raw) != 5:
        return None
    try:
        event_type, event_id, time = raw["event_type"], raw["id"], raw["time"]
        user, properties = raw["user"], raw["properties"]
    except KeyError:
        return None
    is_envelope = type(event_type) is str and type(user) is dict is type(properties)
    if is_envelope and _is_usual(event_id, time):
        return event_type, event_id, time, user, properties
    return None


def _of_typed(
    event: CurrentsEvent, event_types: Mapping[str, type[CurrentsEvent]]
) -> Envelope | None:
    properties = event.__dict__.copy()
    cls, event_id, time = type(event), properties.pop("id"), properties.pop("time")
    is_known = event_types.get(event.event_type) is cls and "extra" not in properties
    if not is_known or not _is_usual(event_id, time):
        return None
    names = schema_of(cls).names_in("user")
    user = {name: properties.pop(name) for name in names & properties.keys()}
    return event.event_type, event_id, time, user, properties


def _of_storage(
    record: dict[str, Any], event_type: str, cls: type[CurrentsEvent]
) -> Envelope | None:
    """Return the envelope of a storage record without Avro unions."""
    if "user" in record:
        return None
    columns = _columns_of(cast("Any", cls))  # mypy: not hashable
    user: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for stored, value in record.items():
        if value is None:
            if stored not in columns:
                return None
            continue
        kind = type(value)
        if kind is dict:  # may be a union
            return None
        name, is_user, is_float = columns.get(stored, (stored, False, False))
        if kind is float and is_float:
            value = shortest_float32(value)
        elif kind is list and not _TEXTS.issuperset(map(type, value)):
            return None
        fields = user if is_user else properties
        if name in fields:
            return None
        fields[name] = value
    event_id, time = properties.pop("id", None), properties.pop("time", None)
    if not _is_usual(event_id, time):
        return None
    return event_type, event_id, time, user, properties


def _is_usual(event_id: Any, time: Any) -> bool:
    """Return whether *event_id* and *time* are what Braze sends."""
    return (
        type(event_id) is str
        and event_id != ""
        and len(event_id) <= MAX_IDENTITY
        and event_id.isascii()
        and event_id.isprintable()
        and type(time) is int
        and 0 < time < YEAR_2100
    )


_TEXTS: Final = frozenset((str,))


@functools.lru_cache(1024)
def _columns_of(cls: Any) -> Mapping[str, tuple[str, bool, bool]]:
    """
    Return the columns of storage records of *cls*, by name.

    Each has the name of its field, whether it describes the user, and whether it has
    floats of 32 bits.
    """
    schema = schema_of(cls)
    return {
        stored: (
            name,
            schema.places[name] == "user",
            schema.kinds[name].name == "float",
        )
        for stored, name in schema.storage_names.items()
    }
