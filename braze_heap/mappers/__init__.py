"""Mappers: functions from an event to a Heap event and user properties."""

from braze_heap.mappers._custom import custom_event, purchase
from braze_heap.mappers._declared import Declared, UnknownFieldError, declare
from braze_heap.mappers._default import DEFAULT_MAPPERS, default
from braze_heap.mappers._registry import (
    Explanation,
    Key,
    Mapper,
    MapperConflictError,
    MapperRegistry,
    Mappers,
    Registration,
)
from braze_heap.mappers._standard import standard

__all__ = [
    "DEFAULT_MAPPERS",
    "Declared",
    "Explanation",
    "Key",
    "Mapper",
    "MapperConflictError",
    "MapperRegistry",
    "Mappers",
    "Registration",
    "UnknownFieldError",
    "custom_event",
    "declare",
    "default",
    "purchase",
    "standard",
]
