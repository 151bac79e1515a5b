"""
Braze Currents events, typed, as calls for Heap.

>>> import braze_heap as bh
>>> result = bh.Transformer().transform(body)
>>> result.calls, result.skipped, result.rejected
"""

from braze_heap.calls import AddUserProperties, Call, DeleteUser, Track
from braze_heap.events import EVENT_TYPES, CurrentsEvent, UnknownEvent
from braze_heap.identity import first_of
from braze_heap.mappers import (
    DEFAULT_MAPPERS,
    DELIVERY,
    ENGAGEMENT,
    MapperRegistry,
    Mappers,
    custom_event,
    declare,
    purchase,
    standard,
)
from braze_heap.naming import Naming
from braze_heap.parsing import EventError, parse_event
from braze_heap.payloads import (
    HeapEvent,
    HeapUserDeletion,
    HeapUserProperties,
    StandardEvent,
)
from braze_heap.privacy import PersonalData
from braze_heap.reasons import Reason, SkipReason
from braze_heap.results import Rejected, Skipped, TransformResult
from braze_heap.transformer import Transformer
from braze_heap.wire import read_events

__all__ = [
    "DEFAULT_MAPPERS",
    "DELIVERY",
    "ENGAGEMENT",
    "EVENT_TYPES",
    "AddUserProperties",
    "Call",
    "CurrentsEvent",
    "DeleteUser",
    "EventError",
    "HeapEvent",
    "HeapUserDeletion",
    "HeapUserProperties",
    "MapperRegistry",
    "Mappers",
    "Naming",
    "PersonalData",
    "Reason",
    "Rejected",
    "SkipReason",
    "Skipped",
    "StandardEvent",
    "Track",
    "TransformResult",
    "Transformer",
    "UnknownEvent",
    "custom_event",
    "declare",
    "first_of",
    "parse_event",
    "purchase",
    "read_events",
    "standard",
]
