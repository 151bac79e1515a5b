"""
The rules that apply unless a team has its own.
"""

from typing import Final

from braze_heap.events import CurrentsEvent
from braze_heap.mappers._registry import MapperRegistry
from braze_heap.mappers._standard import standard
from braze_heap.payloads import HeapEvent


def tell_custom_event(event: CurrentsEvent) -> HeapEvent:
    """
    Track a custom event under the name that the team gave it.
    """
    name = getattr(event, "name", None)
    return standard(event, name if name and not name.isspace() else None)


DEFAULT_MAPPERS: Final = (
    MapperRegistry()
    .add(CurrentsEvent, standard)
    .add("users.behaviors.CustomEvent", tell_custom_event)
)
"""Every event type, as its own Heap event."""
