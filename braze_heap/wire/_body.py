"""
Which events a decoded document holds.
"""

from typing import Any

from braze_heap._json_limits import UnreadableError


def events_of(value: Any) -> list[Any]:
    """
    Return the events in a decoded document: a batch, a list of events, or one event.

    Nothing at all (``null``, ``{}``, ``{"events": null}``) is an empty batch: Braze
    probes an endpoint so.

    Raises:
        UnreadableError: ``events`` is something else than a list.
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
        raise UnreadableError("events is no list")
    return events
