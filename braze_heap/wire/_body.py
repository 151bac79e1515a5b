"""Events of a decoded document."""

from typing import Any

from braze_heap._json_limits import UnreadableError


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
