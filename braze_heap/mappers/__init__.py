"""Mappers: functions from an event to a Heap event and user properties."""

from braze_heap.mappers._custom import custom_event, purchase
from braze_heap.mappers._declared import Declared, UnknownFieldError, declare
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
from braze_heap.mappers.shipped import DEFAULT_MAPPERS, default

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
