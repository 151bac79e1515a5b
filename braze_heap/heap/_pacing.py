"""
Rate limits of Heap, enforced before sending.

Events count from the time of the answer, because Heap may have received them as late as
that. Otherwise a slow network could compress the events of two minutes into one.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Collection, Mapping
from typing import Final, Protocol

import attrs

from braze_heap._wiring import OfOneProcess, check_arguments, check_number, kind_of

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
        key: Name of the reservation, for a pacer that keeps it in a store.
    """

    cost: Mapping[str, int] = attrs.field(repr=False)
    key: str = ""


class Pacer(Protocol):
    """
    Rate limits of one Heap app, which several sinks may share. Thread-safe.

    A sink reserves the events of a request, sends it, and then calls `commit` or
    `refund`. A reservation counts until then, and after `commit` for 60 seconds more. A
    process may end in between, so a pacer of several processes also ends reservations
    that are much older than a request. Identities are personal data.

    The sinks call these methods without ``await``, and `AsyncHeapSink` in a thread. An
    exception of `room`, `reserve` or `wait` becomes `SinkUnavailable`, so the batch is
    sent again. One of `commit` or `refund` is logged, because Heap has decided.
    `braze_heap.testing.check_pacer` tests this contract.

    *now* is in UTC epoch seconds, from the option ``now`` of the sink. Hosts must have
    synchronized clocks, unless the pacer uses the clock of its server instead.

    Attributes:
        limit: Events a minute of the app. No cost is larger.
        identity_limit: Events a minute of each identity.
    """

    @property
    def limit(self) -> int: ...

    @property
    def identity_limit(self) -> int: ...

    def room(self, identities: Collection[str], now: float, /) -> Mapping[str, int]:
        """
        Return the number of events of each of *identities* that may be sent now.

        The limit of the app is not considered.
        """
        ...

    def reserve(self, cost: Mapping[str, int], now: float, /) -> Ticket | float:
        """
        Reserve all of *cost*, or nothing.

        Args:
            cost: Number of events by identity.
            now: UTC epoch seconds.

        Returns:
            A ticket, or the positive number of seconds until this may succeed.
        """
        ...

    def wait(self, cost: Mapping[str, int], now: float, /) -> float:
        """Return the seconds until `reserve` may succeed for *cost*; 0 for now."""
        ...

    def commit(self, ticket: Ticket, now: float, /) -> None:
        """
        Count *ticket* for 60 seconds from now on.

        Heap accepted the request, or may have accepted it as late as now.
        """
        ...

    def refund(self, ticket: Ticket, /) -> None:
        """Release *ticket*, because Heap does not count the request."""
        ...


def require_pacer(pacer: object) -> None:
    """Raise `TypeError` unless *pacer* is a `Pacer`, `ValueError` for a limit of 0."""
    kind = kind_of(pacer)
    if isinstance(pacer, type):
        raise TypeError(f"pacer is {kind}: pass an instance, {pacer.__name__}(...)")
    lacking = [name for name in (*_LIMITS, *_METHODS) if not hasattr(pacer, name)]
    if lacking:
        raise TypeError(
            f"pacer has no {', '.join(lacking)}, but is {kind}: see the protocol "
            "braze_heap.heap.Pacer"
        )
    for name, takes in _METHODS.items():
        check_arguments(f"pacer.{name}", getattr(pacer, name), takes)
    for name in _LIMITS:
        check_number(f"pacer.{name}", getattr(pacer, name))


_LIMITS: Final = ("limit", "identity_limit")
_METHODS: Final = {
    "room": ("identities", "a time"),
    "reserve": ("a cost", "a time"),
    "wait": ("a cost", "a time"),
    "commit": ("a ticket", "a time"),
    "refund": ("a ticket",),
}


class LocalPacer(OfOneProcess):
    """
    Pacer of one process: sliding windows for the app and for each identity.

    Pass one instance to several sinks of one Heap app. Its times are those of the
    option ``clock`` of the sinks.

    Args:
        events_a_minute: Limit of the app.
        identity_events_a_minute: Limit of each identity.
    """

    def __init__(
        self,
        events_a_minute: int = EVENTS_A_MINUTE,
        identity_events_a_minute: int = IDENTITY_EVENTS_A_MINUTE,
    ) -> None:
        check_number("events_a_minute", events_a_minute)
        check_number("identity_events_a_minute", identity_events_a_minute)
        self.limit = events_a_minute
        self.identity_limit = identity_events_a_minute
        self._lock = threading.Lock()
        self._slots: deque[tuple[float, Counter[str]]] = deque()
        self._sums: Counter[str] = Counter()
        self._sum = 0

    def __repr__(self) -> str:
        return (
            f"LocalPacer(events_a_minute={self.limit}, "
            f"identity_events_a_minute={self.identity_limit})"
        )

    def room(self, identities: Collection[str], now: float, /) -> dict[str, int]:
        """Return the room of each identity; see `Pacer.room`."""
        with self._lock:
            self._expire(now)
            return {each: self.identity_limit - self._sums[each] for each in identities}

    def reserve(self, cost: Mapping[str, int], now: float, /) -> Ticket | float:
        """Reserve *cost*; see `Pacer.reserve`."""
        with self._lock:
            self._expire(now)
            wait = self._wait(cost, now)
            if wait:
                return wait
            self._sums.update(cost)
            self._sum += sum(cost.values())
            return Ticket(cost)

    def wait(self, cost: Mapping[str, int], now: float, /) -> float:
        """Return the seconds until *cost* fits; see `Pacer.wait`."""
        with self._lock:
            self._expire(now)
            return self._wait(cost, now)

    def commit(self, ticket: Ticket, now: float, /) -> None:
        """Count *ticket* for 60 seconds; see `Pacer.commit`."""
        end = math.ceil(now / _SLOT) * _SLOT + WINDOW + MARGIN
        with self._lock:
            if not self._slots or self._slots[-1][0] < end:
                self._slots.append((end, Counter()))
            self._slots[-1][1].update(ticket.cost)

    def refund(self, ticket: Ticket, /) -> None:
        """Release *ticket*; see `Pacer.refund`."""
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
        over = {i: self._sums[i] + n - self.identity_limit for i, n in cost.items()}
        excesses = +Counter(over)  # only the positive ones
        if excess <= 0 and not excesses:
            return 0.0
        for end, slot in self._slots:
            excess -= slot.total()
            excesses -= slot
            if excess <= 0 and not excesses:
                return end - now
        return WINDOW
