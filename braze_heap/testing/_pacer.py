"""Tests of the contract of pacers, for pacers of your own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from braze_heap.heap._bulk import MAX_ITEMS
from braze_heap.heap._pacing import WINDOW, Pacer, Ticket, require_pacer
from braze_heap.testing._checks import THREADS, expect, in_threads, require_factory

_SLACK: Final = 5.0  # seconds that a pacer may count longer, because clocks differ


def check_pacer(factory: Callable[[], Pacer], *, shared: bool = False) -> None:
    """
    Raise unless the pacers of *factory* fulfill the contract of `Pacer`.

    The times are made up: they start now, and end about ten days later. Nothing sleeps.
    A pacer with a clock of its own must be made to use the times that it is given.

    Args:
        factory: Returns a pacer. Called several times if *shared*. Its store contains
            no reservations, and is not used for anything else.
        shared: Whether all pacers of *factory* have one limit together, which outlives
            the processes that use it.

    Raises:
        AssertionError: A pacer violates the contract. The message says which part.
        TypeError: *factory* is a pacer, not a function that returns one.
    """
    require_factory("check_pacer", factory, "MyPacer")
    pacers = [factory() for _ in range(2 if shared else 1)]
    for pacer in pacers:
        require_pacer(pacer)
    trial = _Trial(pacers, min(MAX_ITEMS, pacers[0].limit, pacers[0].identity_limit))
    for check in [*_CHECKS, _check_abandoned] if shared else _CHECKS:
        check(trial)
        trial.commit()
        trial.now += 86_400.0  # so that nothing of this check still counts


@attrs.define
class _Trial:
    """
    Pacers under test at a made-up time.

    Attributes:
        pacers: They take turns.
        size: Events that a pacer without reservations lets a sink send at once.
        tickets: Reservations that are neither committed nor refunded.
    """

    pacers: list[Pacer]
    size: int
    now: float = attrs.field(factory=time.time)
    tickets: list[Ticket] = attrs.field(factory=list)

    @property
    def pacer(self) -> Pacer:
        """The next pacer."""
        self.pacers.append(self.pacers.pop(0))
        return self.pacers[0]

    def reserve(self, identity: str, number: int) -> Ticket | None:
        """Return the ticket; ``None`` if the pacer is at a limit."""
        reply = self.pacer.reserve({identity: number}, self.now)
        if isinstance(reply, Ticket):
            self.tickets.append(reply)
            return reply
        expect(
            _is_within_a_minute(reply),
            "reserve should return a Ticket, or the seconds until it may succeed: more "
            "than 0, at most those of a minute",
        )
        return None

    def fill(self) -> None:
        """Reserve as much as the limit of the app allows, of many identities."""
        for size in (self.size, 1):
            while self.reserve(_identity(), size):
                taken = sum(sum(each.cost.values()) for each in self.tickets)
                limit = self.pacers[0].limit
                expect(taken <= limit, "reserve should keep the limit of the app")

    def commit(self) -> None:
        """Commit all tickets."""
        while self.tickets:
            self.pacer.commit(self.tickets.pop(), self.now)


def _is_within_a_minute(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value <= WINDOW + _SLACK


def _identity() -> str:
    return f"check-pacer-é-{uuid.uuid4().hex}"


def _check_room(trial: _Trial) -> None:
    mine, others = _identity(), _identity()
    before = trial.pacer.room([mine, others], trial.now)
    expect(
        isinstance(before, Mapping)
        and before.keys() == {mine, others}
        and all(type(number) is int for number in before.values())
        and before[mine] >= trial.size,
        "room should return the events left to each identity, ints by identity",
    )
    is_accepted = trial.reserve(mine, 1) is not None
    expect(is_accepted, "a pacer without reservations should accept a request")
    after = trial.pacer.room([mine, others], trial.now)
    is_less = after == {mine: before[mine] - 1, others: before[others]}
    expect(is_less, "room should be less by what is reserved for the identity")


def _check_identity(trial: _Trial) -> None:
    identity = _identity()
    taken: list[tuple[float, int]] = []
    end = trial.now + 3 * WINDOW
    while trial.now < end:
        for size in (max(1, trial.size // 3), 1):
            while trial.reserve(identity, size):
                trial.commit()
                taken.append((trial.now, size))
                lately = sum(n for at, n in taken if at > trial.now - WINDOW)
                is_within = lately <= trial.pacer.identity_limit
                expect(is_within, "reserve should keep the limit of an identity")
        trial.now += WINDOW / 8


def _check_app(trial: _Trial) -> None:
    trial.fill()
    trial.commit()
    trial.now += WINDOW + _SLACK
    ended = trial.reserve(_identity(), trial.size) is not None
    expect(ended, "a committed reservation should end after a minute")


def _check_all_or_nothing(trial: _Trial) -> None:
    mine, others = _identity(), _identity()
    room = trial.pacer.room([mine], trial.now)
    cost = {mine: 1, others: trial.pacer.identity_limit + 1}
    requirement = "reserve should return no ticket for more than the limit of"
    is_ticket = isinstance(trial.pacer.reserve(cost, trial.now), Ticket)
    expect(not is_ticket, f"{requirement} an identity")
    unchanged = trial.pacer.room([mine], trial.now) == room
    expect(unchanged, "reserve should reserve nothing if it returns no ticket")
    cost = {_identity(): 1 for _ in range(trial.pacer.limit + 1)}
    is_ticket = isinstance(trial.pacer.reserve(cost, trial.now), Ticket)
    expect(not is_ticket, f"{requirement} the app")
    is_valid = _is_within_a_minute(trial.pacer.wait(cost, trial.now))
    expect(is_valid, "wait should return the seconds of a minute for more than a limit")


def _check_refund(trial: _Trial) -> None:
    trial.fill()
    first = trial.tickets.pop(0)
    trial.pacer.refund(first)
    ((identity, number),) = first.cost.items()
    again = trial.reserve(identity, number)
    expect(again is not None, "refund should release the reservation at once")
    is_full = trial.reserve(_identity(), 1) is None
    expect(is_full, "refund should release no other reservation")


def _check_commit(trial: _Trial) -> None:
    trial.fill()
    for seconds in (WINDOW - 1.0, WINDOW - 0.1):
        trial.now += seconds
        is_full = trial.reserve(_identity(), trial.size) is None
        expect(is_full, "a reservation should count until 60 seconds after its commit")
        trial.commit()


def _check_wait(trial: _Trial) -> None:
    early, late = _identity(), _identity()
    cost = {early: trial.size}
    fits = trial.pacer.wait(cost, trial.now) == 0
    expect(fits, "wait should return 0 for a cost that fits, and reserve nothing")
    for identity in (early, late):
        while trial.reserve(identity, trial.size):
            trial.commit()
        trial.now += WINDOW / 3
    seconds = trial.pacer.wait(cost, trial.now)
    is_short = 0 < seconds <= WINDOW / 3 + _SLACK
    expect(is_short, "wait should return the seconds until enough of the identity ends")
    trial.now += seconds + 0.001
    has_room = trial.reserve(early, trial.size) is not None
    expect(has_room, "reserve should succeed after the seconds that wait returns")


def _check_abandoned(trial: _Trial) -> None:
    trial.fill()
    trial.tickets.clear()  # their process died
    trial.now += 3_600.0
    has_room = trial.reserve(_identity(), trial.size) is not None
    expect(has_room, "a reservation whose process died should end within an hour")


def _check_threads(trial: _Trial) -> None:
    pacers, now, limit = trial.pacers, trial.now, trial.pacer.limit
    size = min(trial.size, max(1, limit // 100))

    def take(number: int) -> int:
        taken, pacer = 0, pacers[number % len(pacers)]
        while taken <= limit:
            if not isinstance(pacer.reserve({_identity(): size}, now), Ticket):
                break
            taken += size
        return taken

    total = sum(in_threads(take, range(THREADS)))
    expect(total <= limit, "threads should not exceed the limit of the app")


_CHECKS: Final = (
    _check_room,
    _check_identity,
    _check_app,
    _check_all_or_nothing,
    _check_refund,
    _check_commit,
    _check_wait,
    _check_threads,
)
