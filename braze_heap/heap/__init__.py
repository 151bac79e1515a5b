"""
What is specific to Heap: calls, legal values, limits, delivery.

The sinks need the extra ``http``; they are imported when they are first used.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from braze_heap import _lazy
from braze_heap._errors import requires_extra

if TYPE_CHECKING:
    from braze_heap.heap._sink import AsyncHeapSink, HeapOptions, HeapSink

__all__ = ["AsyncHeapSink", "HeapOptions", "HeapSink"]

_HOMES: Final = MappingProxyType(dict.fromkeys(__all__, "_sink"))

if not TYPE_CHECKING:  # a type checker would take every misspelled name for this

    def __getattr__(name: str) -> Any:
        with requires_extra(name, "'braze_heap[http]'"):
            return _lazy.load(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return __all__
