"""Results of reading a source, and the events of a decoded document."""

from typing import Any, TypeAlias

import attrs

from braze_heap._json_limits import UnreadableError
from braze_heap.reasons import Reason


@attrs.frozen
class RawEvent:
    """
    One decoded event, not yet validated.

    Attributes:
        value: The decoded value; a dictionary if it is an event.
        event_type: The type in the path or the Avro schema, for storage records;
            ``None`` if the event contains it.
        offset: Bytes from the start of the (inflated) source to the line or element
            that contains the event; to its block in an Avro file.
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
        detail: Description of the damage. Never a value.
        raw: The first bytes of the damage, up to 64 KiB; the whole body if it was
            passed in memory.
        source: Name of the file; empty if it has none.
        reason: Always `Reason.UNREADABLE`.
    """

    offset: int
    detail: str
    raw: Any = attrs.field(default=b"", repr=False)
    source: str = ""
    reason: Reason = attrs.field(default=Reason.UNREADABLE, init=False)


Read: TypeAlias = RawEvent | Unreadable
"""One result of reading a source."""


def events_of(value: Any) -> list[Any]:
    """
    Return the events in a decoded document: a batch, a list of events, or one event.

    ``null``, ``{}`` and ``{"events": null}`` are empty batches, because Braze probes an
    endpoint with them.

    Raises:
        UnreadableError: ``events`` is not a list.
    """
    if value is None or value == {}:
        return []
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or "events" not in value or "event_type" in value:
        return [value]
    events = value["events"]
    if events is None:
        return []
    if not isinstance(events, list):
        raise UnreadableError("events is not a list")
    return events
