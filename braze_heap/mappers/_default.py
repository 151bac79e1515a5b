"""The registry of the shipped mappers."""

from typing import Any, Final

import attrs

from braze_heap.events import CurrentsEvent
from braze_heap.mappers._registry import Key, Mapper, MapperRegistry, Registration
from braze_heap.mappers._standard import standard
from braze_heap.mappers.shipped import DECISIONS
from braze_heap.payloads import HeapEvent, Payload, StandardEvent, payloads_of

_MAPPERS: Final[tuple[tuple[Key, Mapper], ...]] = (
    (CurrentsEvent, standard),
    *DECISIONS.items(),
)

DEFAULT_MAPPERS: Final = MapperRegistry(
    {key: Registration.of(key, mapper) for key, mapper in _MAPPERS}
).as_fallback()
"""A mapper for every event type. Mappers of a team take precedence."""


def default(
    event: CurrentsEvent, name: str | None = None, /, **changes: Any
) -> tuple[Payload, ...]:
    """
    Return all payloads of the shipped mapper of *event*, with properties added.

    They include the user properties of the shipped mapper; `standard` returns only the
    event.

    Args:
        event: Event to map.
        name: Name of the event in place of Braze's display name.
        changes: Properties of the event to add or to replace; ``None`` removes one.
    """
    mapper = DEFAULT_MAPPERS.mapper_for(event)
    payloads = payloads_of(mapper(event) if mapper else None)
    return tuple(
        _changed(p, name, changes) if isinstance(p, HeapEvent) else p for p in payloads
    )


def _changed(
    payload: HeapEvent, name: str | None, changes: dict[str, Any]
) -> HeapEvent:
    properties = {**payload.properties, **changes}
    if name and isinstance(payload, StandardEvent):
        payload = attrs.evolve(payload, name=name, has_own_name=False)
    return attrs.evolve(payload, properties=properties)
