"""
The shipped rules, and choices among them.
"""

import importlib
from typing import Final

from braze_heap.events import CurrentsEvent
from braze_heap.events._index import FAMILIES
from braze_heap.mappers._registry import MapperRegistry
from braze_heap.mappers._standard import standard


def _shipped() -> MapperRegistry:
    registry = MapperRegistry().add(CurrentsEvent, standard)
    for family in FAMILIES:
        module = importlib.import_module(f"braze_heap.mappers.{family}")
        for event_type, mapper in module.RULES.items():
            registry = registry.add(event_type, mapper)
    return registry.as_fallback()


DEFAULT_MAPPERS: Final = _shipped()
"""Every event type, each decided on purpose. Rules of a team come before them."""
