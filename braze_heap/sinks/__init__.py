"""
Where calls go: one small protocol, and the sinks that ship.

The Heap sinks need the extra ``http``, and load it when they are first named.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from braze_heap import _lazy
from braze_heap._errors import needed_by
from braze_heap.sinks._local import ConsoleSink, JsonLinesSink, MemorySink
from braze_heap.sinks._protocol import AsyncSink, Receipt, Rejection, Sink
from braze_heap.sinks._spec import SinkFactory, open_sink
from braze_heap.sinks._wrappers import Buffered, Filtered, Tee, ThreadedSink
from braze_heap.sinks.exceptions import (
    DeadLetterError,
    DeadLetterFull,
    DeliveryError,
    SinkSpecError,
    SinkUnavailable,
)

if TYPE_CHECKING:
    from braze_heap.heap._sink import AsyncHeapSink, HeapOptions, HeapSink

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

_HOMES: Final = MappingProxyType(
    {"AsyncHeapSink": "_heap", "HeapOptions": "_heap", "HeapSink": "_heap"}
)

if not TYPE_CHECKING:  # a type checker would take every misspelled name for this

    def __getattr__(name: str) -> Any:
        with needed_by(name, "'braze_heap[http]'"):
            return _lazy.load(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return __all__
