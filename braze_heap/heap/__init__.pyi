"""Public names of the package, each listed once."""

from braze_heap.heap._encoder import (
    Adjustment as Adjustment,
    Nested as Nested,
    PropertyEncoder as PropertyEncoder,
)
from braze_heap.heap._json_values import UnsupportedValueError as UnsupportedValueError
from braze_heap.heap._options import HeapOptions as HeapOptions
from braze_heap.heap._pacing import (
    LocalPacer as LocalPacer,
    Pacer as Pacer,
    Ticket as Ticket,
)
from braze_heap.heap._sink import AsyncHeapSink as AsyncHeapSink, HeapSink as HeapSink
