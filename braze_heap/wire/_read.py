"""
What reading gives: events, and what could not be read.
"""

from typing import Any, TypeAlias

import attrs

from braze_heap.reasons import Reason


@attrs.frozen
class RawEvent:
    """
    One decoded event, nothing about it checked yet.

    Attributes:
        value: What the decoder gave; for an event it is a dictionary.
        event_type: The type that the path or the Avro schema names, for storage
            records; ``None`` where the event says it itself.
        offset: Bytes from the start of the (inflated) source to the line or element
            that holds the event; to its block in an Avro file.
    """

    value: Any = attrs.field(repr=False)
    event_type: str | None = None
    offset: int = 0


@attrs.frozen
class Unreadable:
    """
    A part of a source that could not be read.

    Attributes:
        offset: Bytes from the start of the (inflated) source to the damage.
        detail: What is wrong there. Never a value.
        raw: The first bytes of the damage, up to 64 KiB; the whole body where one was
            given in memory.
        source: Name of the file; empty if it has none.
        reason: Always `Reason.UNREADABLE`.
    """

    offset: int
    detail: str
    raw: Any = attrs.field(default=b"", repr=False)
    source: str = ""
    reason: Reason = attrs.field(default=Reason.UNREADABLE, init=False)


Read: TypeAlias = RawEvent | Unreadable
"""What reading a source gives, in order."""
