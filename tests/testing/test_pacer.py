"""The contract of pacers, against pacers that violate one part of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from braze_heap.heap import LocalPacer, Pacer, Ticket
from braze_heap.testing import check_pacer


class Right:
    """A pacer that delegates to one with limits of 100 and 20."""

    limit = 100
    identity_limit = 20

    def __init__(self) -> None:
        self.inner = LocalPacer(self.limit, self.identity_limit)

    def room(self, identities: Collection[str], now: float, /) -> Mapping[str, int]:
        return self.inner.room(identities, now)

    def reserve(self, cost: Mapping[str, int], now: float, /) -> Ticket | float:
        return self.inner.reserve(cost, now)

    def wait(self, cost: Mapping[str, int], now: float, /) -> float:
        return self.inner.wait(cost, now)

    def commit(self, ticket: Ticket, now: float, /) -> None:
        self.inner.commit(ticket, now)

    def refund(self, ticket: Ticket, /) -> None:
        self.inner.refund(ticket)


class AppOverLimit(Right):
    def __init__(self) -> None:
        self.inner = LocalPacer(self.limit + 1, self.identity_limit)


class IdentityOverLimit(Right):
    def __init__(self) -> None:
        self.inner = LocalPacer(self.limit, self.identity_limit + 1)


class NoRoomForOne(Right):
    def room(self, identities: Collection[str], now: float, /) -> Mapping[str, int]:
        return {**super().room([*identities][1:], now)}


class ListOfRooms(Right):
    def room(self, identities: Collection[str], now: float, /) -> Any:
        return [*super().room(identities, now).values()]


class RoomAsText(Right):
    def room(self, identities: Collection[str], now: float, /) -> Any:
        return {each: str(n) for each, n in super().room(identities, now).items()}


class RoomAsFloat(Right):
    def room(self, identities: Collection[str], now: float, /) -> Any:
        return {each: float(n) for each, n in super().room(identities, now).items()}


class WaitsAsText(Right):
    def wait(self, cost: Mapping[str, int], now: float, /) -> Any:
        return str(super().wait(cost, now))


class ReturnsTrue(Right):
    def reserve(self, cost: Mapping[str, int], now: float, /) -> Ticket | float:
        reply = super().reserve(cost, now)
        return reply if isinstance(reply, Ticket) else True


class ConstantRoom(Right):
    def room(self, identities: Collection[str], now: float, /) -> Mapping[str, int]:
        return dict.fromkeys(identities, self.identity_limit)


class NeverReserves(Right):
    def reserve(self, cost: Mapping[str, int], now: float, /) -> Ticket | float:
        return 60.0


class ReservesWhatFits(Right):
    def reserve(self, cost: Mapping[str, int], now: float, /) -> Ticket | float:
        reply = super().reserve(cost, now)
        for identity, number in cost.items() if not isinstance(reply, Ticket) else ():
            self.inner.reserve({identity: number}, now)
        return reply


class ReturnsZero(Right):
    def reserve(self, cost: Mapping[str, int], now: float, /) -> Ticket | float:
        reply = super().reserve(cost, now)
        return reply if isinstance(reply, Ticket) else 0.0


class EndsEarly(Right):
    def commit(self, ticket: Ticket, now: float, /) -> None:
        super().commit(ticket, now - 1.5)


class CountsFromReservation(Right):
    def reserve(self, cost: Mapping[str, int], now: float, /) -> Ticket | float:
        reply = super().reserve(cost, now)
        return Ticket(cost, str(now)) if isinstance(reply, Ticket) else reply

    def commit(self, ticket: Ticket, now: float, /) -> None:
        super().commit(ticket, float(ticket.key))


class NeverEnds(Right):
    def commit(self, ticket: Ticket, now: float, /) -> None:
        pass


class NoRefund(Right):
    def refund(self, ticket: Ticket, /) -> None:
        pass


class RefundsTwice(Right):
    def refund(self, ticket: Ticket, /) -> None:
        super().refund(ticket)
        super().refund(ticket)


class WaitsAlways(Right):
    def wait(self, cost: Mapping[str, int], now: float, /) -> float:
        return super().wait(cost, now) or 1.0


class WaitsAMinute(Right):
    def wait(self, cost: Mapping[str, int], now: float, /) -> float:
        return super().wait(cost, now) and 60.0


class WaitsTooShort(Right):
    def wait(self, cost: Mapping[str, int], now: float, /) -> float:
        return super().wait(cost, now) / 2


class NeverWaits(Right):
    def wait(self, cost: Mapping[str, int], now: float, /) -> float:
        return 0.0


class Unlocked(Right):
    """Decides first, and reserves later."""

    def reserve(self, cost: Mapping[str, int], now: float, /) -> Ticket | float:
        seconds = self.wait(cost, now)
        if seconds:
            return seconds
        time.sleep(0.002)  # other threads run
        self.inner.limit = 10**9
        reply = self.inner.reserve(cost, now)
        self.inner.limit = self.limit
        return reply


@pytest.mark.parametrize(
    "limits", [(15_000, 1_000), (10, 4), (1, 1), (100, 1_000)], ids=str
)
def test_pacers_of_one_process_fulfill_the_contract(limits: tuple[int, int]) -> None:
    """`LocalPacer` passes with any limits."""
    check_pacer(lambda: LocalPacer(*limits))
    check_pacer(Right)


@pytest.mark.parametrize(
    ("pacer", "message"),
    [
        (AppOverLimit, "reserve should keep the limit of the app"),
        (IdentityOverLimit, "reserve should keep the limit of an identity"),
        (NoRoomForOne, "room should return the events left to each identity"),
        (ListOfRooms, "room should return the events left to each identity"),
        (RoomAsText, "room should return the events left to each identity"),
        (RoomAsFloat, "room should return the events left to each identity"),
        (WaitsAsText, "wait should return the seconds of a minute"),
        (ReturnsTrue, "should return a Ticket, or the seconds"),
        (ConstantRoom, "room should be less by what is reserved"),
        (NeverReserves, "without reservations should accept"),
        (ReservesWhatFits, "reserve should reserve nothing if"),
        (ReturnsZero, "should return a Ticket, or the seconds"),
        (EndsEarly, "count until 60 seconds after its commit"),
        (CountsFromReservation, "count until 60 seconds after its commit"),
        (NeverEnds, "a committed reservation should end"),
        (NoRefund, "refund should release the reservation"),
        (RefundsTwice, "refund should release no other"),
        (WaitsAlways, "wait should return 0 for a cost that fits"),
        (WaitsAMinute, "wait should return the seconds until enough"),
        (WaitsTooShort, "reserve should succeed after the seconds"),
        (NeverWaits, "wait should return the seconds of a minute"),
        (Unlocked, "threads should not exceed"),
    ],
)
def test_the_contract_rejects_a_faulty_pacer(pacer: type[Right], message: str) -> None:
    """A pacer that violates one part of the contract fails in that part."""
    with pytest.raises(AssertionError, match=message):
        check_pacer(pacer)


def test_the_contract_rejects_pacers_that_share_nothing() -> None:
    """Pacers with limits of their own are not shared."""
    with pytest.raises(AssertionError, match="room should be less"):
        check_pacer(lambda: LocalPacer(), shared=True)


def test_shared_pacers_end_reservations_of_dead_processes() -> None:
    """Else a crash would take a part of the limit away forever."""
    pacer = Right()

    with pytest.raises(AssertionError, match="whose process died should end"):
        check_pacer(lambda: pacer, shared=True)


def test_the_contract_needs_a_factory_of_pacers() -> None:
    """A pacer instead of a function, or a function of something else, is an error."""
    with pytest.raises(TypeError, match="not a LocalPacer: write lambda"):
        check_pacer(LocalPacer())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="pacer has no limit"):
        check_pacer(lambda: object())  # type: ignore[arg-type, return-value]


def test_a_pacer_is_a_pacer_for_type_checkers() -> None:
    """Classes with the methods are pacers, without a base class."""
    pacers: list[Pacer] = [LocalPacer(), Right()]

    assert [each.limit for each in pacers] == [15_000, 100]
