"""Sink protocol, and sinks for files, memory, the console and other sinks."""

from braze_heap.sinks._local import ConsoleSink, JsonLinesSink, MemorySink
from braze_heap.sinks._protocol import AsyncSink, Receipt, Rejection, Sink
from braze_heap.sinks._spec import SinkFactory, open_sink
from braze_heap.sinks._wrappers import Buffered, Filtered, Tee, ThreadedSink

__all__ = [
    "AsyncSink",
    "Buffered",
    "ConsoleSink",
    "Filtered",
    "JsonLinesSink",
    "MemorySink",
    "Receipt",
    "Rejection",
    "Sink",
    "SinkFactory",
    "Tee",
    "ThreadedSink",
    "open_sink",
]
