"""
Decode events from request bodies and files.

This package knows nothing about the meaning of events. It checks the limits on size and
depth before it decodes anything.
"""

from braze_heap._json import decode
from braze_heap._json_limits import (
    MAX_DEPTH,
    MAX_STRUCTURE,
    TooLargeError,
    UnreadableError,
)
from braze_heap.wire._formats import UnknownFormatError
from braze_heap.wire._read import RawEvent, Read, Unreadable, events_of
from braze_heap.wire._source import read_events, type_in_path

__all__ = [
    "MAX_DEPTH",
    "MAX_STRUCTURE",
    "RawEvent",
    "Read",
    "TooLargeError",
    "UnknownFormatError",
    "Unreadable",
    "UnreadableError",
    "decode",
    "events_of",
    "read_events",
    "type_in_path",
]
