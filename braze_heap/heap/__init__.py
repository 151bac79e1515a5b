"""
Heap: calls, legal values, limits and delivery.

Each name is imported when it is first used. The sinks need the extra ``http``.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from braze_heap import _lazy
from braze_heap._errors import requires_extra

if TYPE_CHECKING:
    from braze_heap.heap._encoder import (
        Adjustment,
        Nested,
        PropertyEncoder,
        UnsupportedValueError,
    )
    from braze_heap.heap._options import HeapOptions
    from braze_heap.heap._sink import AsyncHeapSink, HeapSink

__all__ = [
    "Adjustment",
    "AsyncHeapSink",
    "HeapOptions",
    "HeapSink",
    "Nested",
    "PropertyEncoder",
    "UnsupportedValueError",
]

_HOMES: Final = MappingProxyType(
    {
        **dict.fromkeys(__all__, "_encoder"),
        "AsyncHeapSink": "_sink",
        "HeapOptions": "_options",
        "HeapSink": "_sink",
    }
)

if not TYPE_CHECKING:  # a type checker would take every misspelled name for this

    def __getattr__(name: str) -> Any:
        with requires_extra(name, "'braze_heap[http]'"):
            return _lazy.load(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return __all__
