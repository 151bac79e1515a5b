"""
Where calls go: one small protocol, and the sinks that ship.

The Heap sinks need the extra ``http``, and load it when they are first named.
"""

from typing import TYPE_CHECKING, Any

from braze_heap._errors import needed_by
from braze_heap.sinks._interface import AsyncSink, Receipt, Rejection, Sink
from braze_heap.sinks._open import SinkFactory, open_sink
from braze_heap.sinks._simple import ConsoleSink, JsonLinesSink, MemorySink
from braze_heap.sinks._wrappers import Buffered, Filtered, Tee, ThreadedSink
from braze_heap.sinks.exceptions import (
    DeadLetterError,
    DeadLetterFull,
    DeliveryError,
    SinkSpecError,
    SinkUnavailable,
)

if TYPE_CHECKING:
    from braze_heap.sinks._heap import AsyncHeapSink, HeapOptions, HeapSink

__all__ = [
    "AsyncHeapSink",
    "AsyncSink",
    "Buffered",
    "ConsoleSink",
    "DeadLetterError",
    "DeadLetterFull",
    "DeliveryError",
    "Filtered",
    "HeapOptions",
    "HeapSink",
    "JsonLinesSink",
    "MemorySink",
    "Receipt",
    "Rejection",
    "Sink",
    "SinkFactory",
    "SinkSpecError",
    "SinkUnavailable",
    "Tee",
    "ThreadedSink",
    "open_sink",
]

_LAZY = frozenset(("AsyncHeapSink", "HeapOptions", "HeapSink"))


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needed_by(name, "'braze_heap[http]'"):
        from braze_heap.sinks import _heap
    return getattr(_heap, name)


def __dir__() -> list[str]:
    return __all__
