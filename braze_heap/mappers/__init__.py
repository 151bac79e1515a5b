"""
The rules: which Heap event and user properties an event becomes.
"""

from braze_heap.mappers._default import DEFAULT_MAPPERS
from braze_heap.mappers._registry import (
    Explanation,
    Mapper,
    MapperConflictError,
    MapperRegistry,
    Mappers,
    Rule,
)
from braze_heap.mappers._standard import standard

__all__ = [
    "DEFAULT_MAPPERS",
    "Explanation",
    "Mapper",
    "MapperConflictError",
    "MapperRegistry",
    "Mappers",
    "Rule",
    "standard",
]
