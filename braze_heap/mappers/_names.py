"""Persistent names of a team's mappers, which dead letters store and replays check."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.mappers._custom import custom_of
from braze_heap.mappers._declared import Declared
from braze_heap.mappers._registry import Key, Mapper, Registration
from braze_heap.mappers.shipped import DEFAULT_MAPPERS


def is_shipped(entry: Registration) -> bool:
    """
    Return whether *entry* is one of `DEFAULT_MAPPERS`.

    A shipped mapper under another key belongs to the team.
    """
    shipped = DEFAULT_MAPPERS.registrations.get(entry.key)
    return shipped is not None and shipped.mapper is entry.mapper


def names_of(entries: Iterable[Registration]) -> dict[str, str]:
    """Return ``module:qualname`` of each mapper, by event key."""
    return {key_name(entry.key): mapper_name(entry.mapper) for entry in entries}


def key_name(key: Key) -> str:
    """
    Return the event type of *key*, or the name of a class of several types.

    For a class of custom events or purchases, return the type and the name or product.
    """
    if isinstance(key, str):
        return key
    if custom := custom_of(key):
        return f"{custom.event_type} {custom.name or '*'}"
    event_type = vars(key).get("event_type")
    return event_type if isinstance(event_type, str) else key.__name__


def mapper_name(mapper: Mapper) -> str:
    """
    Return ``module:qualname`` of *mapper*.

    A partial has the name of its function, a callable instance that of its class. All
    declared mappers have the same name, so that a corrected declaration is found. A
    lambda is ``module:<lambda>``. A script that runs as ``__main__`` has the name by
    which it is imported.
    """
    while isinstance(mapper, functools.partial):
        mapper = mapper.func
    if isinstance(mapper, Declared):
        return "braze_heap:declare"
    name = getattr(mapper, "__qualname__", None) or type(mapper).__qualname__
    return f"{_module_name(getattr(mapper, '__module__', None) or '?')}:{name}"


def _module_name(name: str) -> str:
    if name != "__main__":
        return name
    main = sys.modules[name]
    spec = getattr(main, "__spec__", None)
    return spec.name if spec else Path(getattr(main, "__file__", None) or name).stem


def missing(
    listed: Mapping[str, str],
    entries: Iterable[Registration],
    event_types: Mapping[str, type[CurrentsEvent]],
) -> dict[str, str]:
    """
    Return the mappers in *listed* that are not in *entries* for their event key.

    A mapper for a class of several types, such as a channel, covers each of its types.
    """
    found: dict[str, set[Key]] = {}
    for entry in entries:
        found.setdefault(mapper_name(entry.mapper), set()).add(entry.key)
    return {
        key: name
        for key, name in listed.items()
        if not any(_covers(k, key, event_types) for k in found.get(name, ()))
    }


def _covers(
    key: Key, listed: str, event_types: Mapping[str, type[CurrentsEvent]]
) -> bool:
    is_base = isinstance(key, type) and issubclass(
        event_types.get(listed, UnknownEvent), key
    )
    return is_base or key_name(key) == listed
