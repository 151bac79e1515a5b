"""Event types to their classes, which load when they are first used."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from braze_heap import events
from braze_heap._wiring import kind_of
from braze_heap.events._base import CurrentsEvent
from braze_heap.events._catalog import CatalogEntry, catalog


class EventTypes(Mapping[str, type[CurrentsEvent]]):
    """
    Event types, as Braze writes them, to their classes. Loads families on demand.

    A team's own classes join with ``EVENT_TYPES | {"users.messages.x.Send": XSend}``;
    the right side wins.

    Raises:
        TypeError: One of the classes added does not derive from `CurrentsEvent`.
    """

    def __init__(self, added: Mapping[str, type[CurrentsEvent]] | None = None) -> None:
        self._added = dict(added or {})
        for event_type, cls in self._added.items():
            if not isinstance(cls, type) or not issubclass(cls, CurrentsEvent):
                raise TypeError(
                    f"the class of the event type {event_type!r} must derive from "
                    f"CurrentsEvent, not be {kind_of(cls)}"
                )
        self._loaded = dict(self._added)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return "EVENT_TYPES" if self is EVENT_TYPES else (EventTypes, (self._added,))

    def __getitem__(self, event_type: str) -> type[CurrentsEvent]:
        if event_type not in self._loaded:
            self._loaded[event_type] = getattr(events, catalog()[event_type].class_name)
        return self._loaded[event_type]

    def __contains__(self, event_type: object) -> bool:
        return event_type in self._added or event_type in catalog()

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*catalog(), *self._added)))

    def __len__(self) -> int:
        return len(catalog().keys() | self._added)

    def __or__(self, added: Mapping[str, type[CurrentsEvent]]) -> "EventTypes":
        return EventTypes(self._added | dict(added))

    def __repr__(self) -> str:
        return f"<EventTypes: {len(self)} types>"


EVENT_TYPES: Final = EventTypes()
"""All event types up to Currents release 13 (2026-10-07)."""


def catalog_entry(cls: type[CurrentsEvent]) -> CatalogEntry:
    """
    Return the details of the type of an event class.

    Raises:
        TypeError: *cls* is not an event class, or is a group of several types.
    """
    entry = getattr(cls, "_entry", None)
    if not isinstance(entry, CatalogEntry):
        raise TypeError(
            f"{kind_of(cls)} has no entry in the catalog: pass the class of one event "
            "type, such as EmailClick"
        )
    return entry
