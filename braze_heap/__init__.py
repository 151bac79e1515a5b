"""
Braze Currents events, typed, as calls for Heap.

>>> import braze_heap as bh
>>> result = bh.Transformer().transform(body)
>>> result.calls, result.skipped, result.rejected
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from braze_heap.calls import AddUserProperties, Call, DeleteUser, Track
    from braze_heap.config import ConfigError, TransformConfig
    from braze_heap.dead_letters import DISCARD, SqliteDeadLetter
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
        default,
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
    from braze_heap.pipeline import AsyncPipeline, Pipeline
    from braze_heap.plan import TrackingPlan, tracking_plan
    from braze_heap.privacy import PersonalData
    from braze_heap.reasons import Reason, SkipReason
    from braze_heap.receiver import UNAUTHENTICATED, AsyncReceiver, Receiver
    from braze_heap.report import Report
    from braze_heap.results import Rejected, Skipped, TransformResult
    from braze_heap.sinks import (
        AsyncHeapSink,
        DeliveryError,
        HeapSink,
        JsonLinesSink,
        MemorySink,
        SinkUnavailable,
        open_sink,
    )
    from braze_heap.transformer import Transformer
    from braze_heap.wire import read_events

__all__ = [
    "DEFAULT_MAPPERS",
    "DELIVERY",
    "DISCARD",
    "ENGAGEMENT",
    "EVENT_TYPES",
    "UNAUTHENTICATED",
    "AddUserProperties",
    "AsyncHeapSink",
    "AsyncPipeline",
    "AsyncReceiver",
    "Call",
    "ConfigError",
    "CurrentsEvent",
    "DeleteUser",
    "DeliveryError",
    "EventError",
    "HeapEvent",
    "HeapSink",
    "HeapUserDeletion",
    "HeapUserProperties",
    "JsonLinesSink",
    "MapperRegistry",
    "Mappers",
    "MemorySink",
    "Naming",
    "PersonalData",
    "Pipeline",
    "Reason",
    "Receiver",
    "Rejected",
    "Report",
    "SinkUnavailable",
    "SkipReason",
    "Skipped",
    "SqliteDeadLetter",
    "StandardEvent",
    "Track",
    "TrackingPlan",
    "TransformConfig",
    "TransformResult",
    "Transformer",
    "UnknownEvent",
    "custom_event",
    "declare",
    "default",
    "first_of",
    "open_sink",
    "parse_event",
    "purchase",
    "read_events",
    "standard",
    "tracking_plan",
]

_HOMES: Final = MappingProxyType(
    {
        "AddUserProperties": "calls",
        "AsyncHeapSink": "sinks",
        "AsyncPipeline": "pipeline",
        "AsyncReceiver": "receiver",
        "Call": "calls",
        "ConfigError": "config",
        "CurrentsEvent": "events",
        "DEFAULT_MAPPERS": "mappers",
        "DELIVERY": "mappers",
        "DISCARD": "dead_letters",
        "DeleteUser": "calls",
        "DeliveryError": "sinks",
        "ENGAGEMENT": "mappers",
        "EVENT_TYPES": "events",
        "EventError": "parsing",
        "HeapEvent": "payloads",
        "HeapSink": "sinks",
        "HeapUserDeletion": "payloads",
        "HeapUserProperties": "payloads",
        "JsonLinesSink": "sinks",
        "MapperRegistry": "mappers",
        "Mappers": "mappers",
        "MemorySink": "sinks",
        "Naming": "naming",
        "PersonalData": "privacy",
        "Pipeline": "pipeline",
        "Reason": "reasons",
        "Receiver": "receiver",
        "Rejected": "results",
        "Report": "report",
        "SinkUnavailable": "sinks",
        "SkipReason": "reasons",
        "Skipped": "results",
        "SqliteDeadLetter": "dead_letters",
        "StandardEvent": "payloads",
        "Track": "calls",
        "TrackingPlan": "plan",
        "TransformConfig": "config",
        "TransformResult": "results",
        "Transformer": "transformer",
        "UNAUTHENTICATED": "receiver",
        "UnknownEvent": "events",
        "custom_event": "mappers",
        "declare": "mappers",
        "default": "mappers",
        "first_of": "identity",
        "open_sink": "sinks",
        "parse_event": "parsing",
        "purchase": "mappers",
        "read_events": "wire",
        "standard": "mappers",
        "tracking_plan": "plan",
    }
)
"""
Public name to the module that defines it. Each loads when it is first used: importing
the package is free.
"""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return __all__
