"""
Public names of the package, each listed once.
"""

from braze_heap.heap._sink import (
    AsyncHeapSink as AsyncHeapSink,
    HeapOptions as HeapOptions,
    HeapSink as HeapSink,
)
