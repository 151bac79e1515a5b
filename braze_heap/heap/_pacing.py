"""
Rate limits of Heap, enforced before sending. All times are monotonic seconds.

Events count from the time of the answer, because Heap may have received them as late as
that. Otherwise a slow network could compress the events of two minutes into one.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

import attrs

EVENTS_A_MINUTE: Final = 15_000
"""Heap, Bulk Track: events per minute and app."""

IDENTITY_EVENTS_A_MINUTE: Final = 1_000
"""Heap, Bulk Track: events per minute and identity."""

WINDOW: Final = 60.0
"""Seconds in Heap's minute."""

MARGIN: Final = 0.25
"""Extra seconds, because clocks differ."""

_SLOT: Final = 0.1
"""Seconds that are counted together, as if at their end."""


@attrs.define(eq=False)
class Ticket:
    """
    Reservation for a request in flight.

    Attributes:
        cost: Number of events by identity.
    """

    cost: Mapping[str, int] = attrs.field(repr=False)


class Pacer:
    """
    Sliding windows for the app and for each identity. Thread-safe.

    Args:
        events_a_minute: Limit of the app.
        identity_events_a_minute: Limit of each identity.
    """

    def __init__(
        self,
        events_a_minute: int = EVENTS_A_MINUTE,
        identity_events_a_minute: int = IDENTITY_EVENTS_A_MINUTE,
    ) -> None:
        if min(events_a_minute, identity_events_a_minute) < 1:
            raise ValueError("a rate is at least 1 event a minute")
        self.limit: Final = events_a_minute
        self.identity_limit: Final = identity_events_a_minute
        self._lock = threading.Lock()
        self._slots: deque[tuple[float, Counter[str]]] = deque()
        self._sums: Counter[str] = Counter()
        self._sum = 0

    def room(self, identity: str, now: float) -> int:
        """Return the number of events of *identity* that may be sent now."""
        with self._lock:
            self._expire(now)
            return self.identity_limit - self._sums[identity]

    def reserve(self, cost: Mapping[str, int], now: float) -> Ticket | float:
        """Reserve all of *cost*, or return the seconds until that may succeed."""
        with self._lock:
            self._expire(now)
            wait = self._wait(cost, now)
            if wait:
                return wait
            self._sums.update(cost)
            self._sum += sum(cost.values())
            return Ticket(cost)

    def wait(self, cost: Mapping[str, int], now: float) -> float:
        """Return the seconds until `reserve` may succeed for *cost*."""
        with self._lock:
            self._expire(now)
            return self._wait(cost, now)

    def commit(self, ticket: Ticket, now: float) -> None:
        """
        Count *ticket* from now on, because Heap accepted it or may have accepted it.
        """
        end = math.ceil(now / _SLOT) * _SLOT + WINDOW + MARGIN
        with self._lock:
            if not self._slots or self._slots[-1][0] < end:
                self._slots.append((end, Counter()))
            self._slots[-1][1].update(ticket.cost)

    def refund(self, ticket: Ticket) -> None:
        """Release *ticket*, because Heap rejected the request and does not count it."""
        with self._lock:
            self._release(ticket.cost)

    def _expire(self, now: float) -> None:
        while self._slots and self._slots[0][0] <= now:
            self._release(self._slots.popleft()[1])

    def _release(self, cost: Mapping[str, int]) -> None:
        for identity, number in cost.items():
            self._sum -= number
            self._sums[identity] -= number
            if not self._sums[identity]:
                del self._sums[identity]

    def _wait(self, cost: Mapping[str, int], now: float) -> float:
        excess = self._sum + sum(cost.values()) - self.limit
        excesses = {
            identity: over
            for identity, number in cost.items()
            if (over := self._sums[identity] + number - self.identity_limit) > 0
        }
        for end, slot in self._slots:
            if excess <= 0 and not excesses:
                return 0.0
            seconds = end - now
            excess -= slot.total()
            excesses = {
                identity: left
                for identity, over in excesses.items()
                if (left := over - slot[identity]) > 0
            }
            if excess <= 0 and not excesses:
                return seconds
        return WINDOW if excess > 0 or excesses else 0.0
