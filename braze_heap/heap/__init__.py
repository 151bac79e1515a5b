"""
What is specific to Heap: calls, legal values, limits, delivery.

The sinks need the extra ``http``; they are imported when they are first used.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from braze_heap import _lazy
from braze_heap._errors import needed_by

if TYPE_CHECKING:
    from braze_heap.heap._options import HeapOptions
    from braze_heap.heap._sink import AsyncHeapSink, HeapSink

__all__ = ["AsyncHeapSink", "HeapOptions", "HeapSink"]

_HOMES: Final = MappingProxyType(
    {"AsyncHeapSink": "_sink", "HeapOptions": "_options", "HeapSink": "_sink"}
)

if not TYPE_CHECKING:  # a type checker would take every misspelled name for this

    def __getattr__(name: str) -> Any:
        with needed_by(name, "'braze_heap[http]'"):
            return _lazy.load(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return __all__
