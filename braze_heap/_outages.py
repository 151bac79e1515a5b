"""
Failures over time: of a sink, of a mapper, of one event. In memory only, so a restart
counts anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import attrs

GIVE_UP_AFTER: Final = 72 * 3600.0
"""Seconds. Braze repeats a batch for five days and then disables the feed."""

MAX_GAP: Final = 6 * 3600.0
"""Longest time between two failures of one outage, in seconds."""

EVENT_GIVE_UP_AFTER: Final = 3600.0
"""Seconds that one event may fail while its mapper works for others."""

MAX_EVENTS: Final = 10_000
"""Failing events that are remembered."""


@attrs.define
class Outage:
    """
    Failures without a success between them, and without a gap of over `MAX_GAP`.

    Attributes:
        since: Time of the first failure in seconds; ``None`` if there is none.
        latest: Time of the latest failure in seconds.
    """

    since: float | None = None
    latest: float = 0.0

    def failed(self, now: float) -> float:
        """
        Note a failure, and return the seconds since the first one.
        """
        if self.since is None or now - self.latest > MAX_GAP:
            self.since = now
        self.latest = now
        return now - self.since

    def end(self) -> None:
        """
        Note a success.
        """
        self.since = None


Verdict: TypeAlias = Literal["undecided", "suspect", "unavailable", "down"]
"""
Meaning of a failure: undecided, so the batch is to be sent again; suspect, so the event
is to be given up as soon as the mapper works for another one; unavailable, so the event
is to be given up now; down, so the mapper is to be given up.
"""


@attrs.define
class _MapperState:
    outage: Outage = attrs.field(factory=Outage)
    succeeded_at: float | None = None


class MapperOutages:
    """
    Decides what becomes of events whose mapper raises a `DeliveryError`. Thread-safe.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._mappers: dict[int, _MapperState] = {}
        self._events: dict[int, Outage] = {}

    def succeeded(self, mapper: object, event_id: str) -> None:
        """
        Note that *mapper* mapped an event.
        """
        if not self._mappers:  # nothing fails, so nothing is to be remembered
            return
        now = self._clock()
        with self._lock:
            if state := self._mappers.get(id(mapper)):
                state.outage.end()
                state.succeeded_at = now
                self._events.pop(hash((id(mapper), event_id)), None)
                if not self._events:
                    del self._mappers[id(mapper)]

    def failed(self, mapper: object, event_id: str) -> Verdict:
        """
        Note that *mapper* raised a `DeliveryError` for an event.
        """
        now = self._clock()
        key = hash((id(mapper), event_id))
        with self._lock:
            state = self._mappers.setdefault(id(mapper), _MapperState())
            if state.outage.failed(now) >= GIVE_UP_AFTER:
                return "down"
            if key not in self._events and len(self._events) >= MAX_EVENTS:
                self._forget_stale(now)
            if key not in self._events and len(self._events) >= MAX_EVENTS:
                return "undecided"
            event = self._events.setdefault(key, Outage())
            if event.failed(now) < EVENT_GIVE_UP_AFTER:
                return "undecided"
            return "unavailable" if _works(state, event) else "suspect"

    def is_event_at_fault(self, mapper: object, event_id: str) -> bool:
        """
        Return whether *mapper* mapped another event since this one began to fail.
        """
        with self._lock:
            state = self._mappers.get(id(mapper), _MapperState())
            event = self._events.get(hash((id(mapper), event_id)), Outage())
            return _works(state, event)

    def _forget_stale(self, now: float) -> None:
        for key, event in [*self._events.items()]:
            if now - event.latest > MAX_GAP:
                del self._events[key]


def _works(state: _MapperState, event: Outage) -> bool:
    at, since = state.succeeded_at, event.since
    return at is not None and since is not None and at >= since
