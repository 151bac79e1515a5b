"""
From bytes to decoded events: request bodies, files, and what damaged them.

Nothing here knows what an event means; limits on size and depth come before parsing.
"""

from braze_heap._json import decode
from braze_heap._json_limits import (
    MAX_DEPTH,
    MAX_STRUCTURE,
    TooLargeError,
    UnreadableError,
)
from braze_heap.wire._body import events_of
from braze_heap.wire._formats import UnknownFormatError
from braze_heap.wire._read import RawEvent, Read, Unreadable
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
