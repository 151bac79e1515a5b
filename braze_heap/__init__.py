"""
Braze Currents events, typed, as calls for Heap.

>>> import braze_heap as bh
>>> result = bh.Transformer().transform(body)
>>> result.calls, result.skipped, result.rejected
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from braze_heap import _lazy

if TYPE_CHECKING:
    from braze_heap import config as config
    from braze_heap import drift as drift
    from braze_heap import events as events
    from braze_heap import mappers as mappers
    from braze_heap import observers as observers
    from braze_heap import parsing as parsing
    from braze_heap import payloads as payloads
    from braze_heap import pipeline as pipeline
    from braze_heap import plan as plan
    from braze_heap import reasons as reasons
    from braze_heap import receiver as receiver
    from braze_heap import report as report
    from braze_heap import results as results
    from braze_heap import sinks as sinks
    from braze_heap import testing as testing
    from braze_heap import transformer as transformer
    from braze_heap import wire as wire
    from braze_heap.config import ConfigError, TransformConfig
    from braze_heap.events import EVENT_TYPES, CurrentsEvent, UnknownEvent
    from braze_heap.heap import calls as calls
    from braze_heap.heap.calls import AddUserProperties, Call, DeleteUser, Track
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
    from braze_heap.parsing import EventError, parse_event
    from braze_heap.payloads import (
        HeapEvent,
        HeapUserDeletion,
        HeapUserProperties,
        StandardEvent,
    )
    from braze_heap.pipeline import AsyncPipeline, Pipeline
    from braze_heap.plan import TrackingPlan, tracking_plan
    from braze_heap.policies import identity as identity
    from braze_heap.policies import local_time as local_time
    from braze_heap.policies import naming as naming
    from braze_heap.policies import privacy as privacy
    from braze_heap.policies.identity import first_of
    from braze_heap.policies.naming import Naming
    from braze_heap.policies.privacy import PersonalData
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
    from braze_heap.state import dead_letters as dead_letters
    from braze_heap.state.dead_letters import DISCARD, SqliteDeadLetter
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

_MODULES: Final = tuple(
    """
    calls config dead_letters drift events identity local_time mappers naming observers
    parsing payloads pipeline plan privacy reasons receiver report results sinks testing
    transformer wire
    """.split()
)
"""Public modules; ``braze_heap.testing`` needs no import of its own."""

if not TYPE_CHECKING:  # a type checker would take every misspelled name for this

    def __getattr__(name: str) -> Any:
        return _lazy.load(__name__, name, {**_HOMES, **{m: m for m in _MODULES}})


def __dir__() -> list[str]:
    return [*__all__, *_MODULES]
