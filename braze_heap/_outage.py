"""Decide when a component that keeps failing counts as down."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import attrs

DOWN_AFTER: Final = 72 * 3600.0
"""Seconds of failures. Braze repeats a batch for five days, then disables the feed."""

MAX_GAP: Final = 6 * 3600.0
"""Seconds between two attempts that still belong to one outage."""

EVENT_AFTER: Final = 3600.0
"""Seconds that one event may fail while its mapper works for others."""

MAX_EVENTS: Final = 10_000
"""Failing events that a process remembers."""


@attrs.define
class Outage:
    """
    Failures of one component since its last success. Thread-safe; a restart forgets it.

    After a gap of more than `MAX_GAP` without an attempt, an outage counts from the
    next failure. So failures on Friday and on Monday are two outages.

    Attributes:
        clock: Monotonic seconds.
        after: Seconds of failures from which on the component counts as down.
        since: Start of the first failed attempt, in seconds of the clock; ``None``
            after a success.
    """

    clock: Callable[[], float]
    after: float = DOWN_AFTER
    since: float | None = attrs.field(default=None, init=False)
    _last: float = attrs.field(default=0.0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @property
    def is_over(self) -> bool:
        """Whether there was a success, or no attempt for longer than `MAX_GAP`."""
        return self.since is None or self.clock() - self._last > MAX_GAP

    def succeeded(self) -> None:
        """Note a success, which ends the outage."""
        self.since = None

    def failed(self, began: float | None = None) -> bool:
        """
        Note a failed attempt, and return whether the component now counts as down.

        Args:
            began: When the attempt began, in seconds of the clock; by default now. An
                attempt that takes long, because it retries inside, is not a gap.
        """
        now = self.clock()
        began = now if began is None else began
        with self._lock:
            since = self.since
            if since is None or began - self._last > MAX_GAP:
                since = began
            self.since, self._last = since, now
            return now - since >= self.after


Verdict: TypeAlias = Literal["undecided", "suspect", "unavailable", "down"]
"""
Meaning of a failure.

* ``undecided``: send the batch again.
* ``suspect``: reject the event as soon as the mapper works for another one.
* ``unavailable``: reject the event.
* ``down``: reject every event of the mapper.
"""


@attrs.define
class _Mapper:
    outage: Outage
    succeeded_at: float = -math.inf

    def works_since(self, event: Outage | None) -> bool:
        """Return whether it mapped an event since *event* began to fail."""
        since = event.since if event else None
        return since is not None and self.succeeded_at >= since


class MapperOutages:
    """
    Failures of mappers that raise a `DeliveryError`, by event.

    Thread-safe, in bounded memory. A restart forgets them.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._mappers: dict[int, _Mapper] = {}
        self._events: dict[int, Outage] = {}

    def succeeded(self, mapper: object, event_id: str) -> None:
        """Note that *mapper* mapped an event."""
        if id(mapper) not in self._mappers:  # nothing failed, so nothing to remember
            return
        with self._lock:
            if state := self._mappers.get(id(mapper)):
                state.outage.succeeded()
                state.succeeded_at = self._clock()
                self._events.pop(_key(mapper, event_id), None)
                if not self._events:
                    del self._mappers[id(mapper)]

    def failed(self, mapper: object, event_id: str) -> Verdict:
        """Note that *mapper* raised a `DeliveryError` for an event."""
        key = _key(mapper, event_id)
        with self._lock:
            if id(mapper) not in self._mappers:
                self._mappers[id(mapper)] = _Mapper(Outage(self._clock))
            state = self._mappers[id(mapper)]
            if state.outage.failed():
                return "down"
            if key not in self._events:
                if len(self._events) >= MAX_EVENTS:
                    events = self._events.items()
                    self._events = {k: e for k, e in events if not e.is_over}
                if len(self._events) >= MAX_EVENTS:
                    return "undecided"
                self._events[key] = Outage(self._clock, after=EVENT_AFTER)
            event = self._events[key]
            if not event.failed():
                return "undecided"
            return "unavailable" if state.works_since(event) else "suspect"

    def is_event_at_fault(self, mapper: object, event_id: str) -> bool:
        """Return whether *mapper* mapped another event since this one began to fail."""
        with self._lock:
            state = self._mappers.get(id(mapper))
            event = self._events.get(_key(mapper, event_id))
            return state is not None and state.works_since(event)


def _key(mapper: object, event_id: str) -> int:
    """Return a key of fixed size: an id may have any length."""
    return hash((id(mapper), event_id))
