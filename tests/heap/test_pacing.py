"""Tests of the rate limits, under a clock that only sleeping advances."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

import pytest

from braze_heap._sansio import run_steps
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap._answers import Answer
from braze_heap.heap._core import HeapCore, Post
from braze_heap.heap._delivery import deliver
from braze_heap.heap._options import HeapOptions
from braze_heap.heap._pacing import WINDOW, LocalPacer, Ticket
from braze_heap.heap.calls import Track
from tests.heap.support import MOMENT, Clock


class RateMeter:
    """Count the events of any 60 seconds."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.seen: deque[tuple[float, Counter[str]]] = deque()
        self.sums: Counter[str] = Counter()
        self.sum = self.total = self.most = self.most_of_one = 0

    def take(self, identities: Iterable[str]) -> None:
        """Count a request that is sent now."""
        cost = Counter(identities)
        while self.seen and self.clock.now - self.seen[0][0] >= 60.0:
            old = self.seen.popleft()[1]
            self.sums.subtract(old)
            self.sum -= old.total()
        self.seen.append((self.clock.now, cost))
        self.sums.update(cost)
        self.sum += cost.total()
        self.total += cost.total()
        self.most = max(self.most, self.sum)
        self.most_of_one = max(self.most_of_one, *(self.sums[i] for i in cost))


def backfill(batches: Iterable[list[Track]], clock: Clock, latency: float) -> RateMeter:
    """Deliver *batches*, and retry each until it succeeds."""
    meter = RateMeter(clock)
    core = HeapCore(HeapOptions("11", clock=clock, now=clock, random=lambda: 0.5))
    batch: list[Track] = []

    def perform(step: Any) -> Answer | None:
        if not isinstance(step, Post):
            clock.sleep(step.seconds)
            return None
        meter.take(identities(step.body))
        clock.sleep(latency)
        return Answer(200)

    for batch in batches:
        while True:
            try:
                run_steps(deliver(core, batch), perform)
                break
            except SinkUnavailable as error:
                clock.sleep(error.retry_after or 0.0)
    return meter


def identities(body: bytes) -> list[str]:
    """Return the identity of each event in a body."""
    return [part.split(b'"', 1)[0].decode() for part in body.split(b'"identity":"')[1:]]


def batch_of(number: int, people: int, hot: int = 0) -> list[Track]:
    """Make 1,000 events, *hot* of them of one identity."""
    start = number * 1000
    return [
        Track(
            "E",
            "hot" if i < hot else f"p{(start + i) % people}",
            MOMENT,
            f"k{start + i}",
            {},
        )
        for i in range(1000)
    ]


def test_rate_of_the_app_is_respected() -> None:
    """
    45,000 calls take two minutes after the first 15,000, and no window exceeds the
    limit.
    """
    clock, events = Clock(), 45_000

    meter = backfill((batch_of(n, 900) for n in range(events // 1000)), clock, 0.05)

    assert meter.total == events
    assert clock.now - 1000 == pytest.approx((events / 15_000 - 1) * 60, rel=0.02)
    assert meter.most <= 15_000
    assert meter.most_of_one <= 1_000


@pytest.mark.campaign
def test_million_calls() -> None:
    """
    A million calls take the 66.67 minutes of Heap's rate, within 1 %.

    One identity has 66 of every 1,000, just below its limit.
    """
    clock = Clock()
    pool = [batch_of(n, 900, hot=66) for n in range(1000)]

    meter = backfill(pool, clock, 0.05)

    assert meter.total == 1_000_000
    assert (clock.now - 1000) / 60 == pytest.approx(66.67, rel=0.01)
    assert (meter.most, meter.most_of_one) == (15_000, 990)


def test_hot_identity_does_not_delay_others() -> None:
    """Of 10,000 events, 2,000 have one identity: only those need a minute."""
    clock = Clock()

    meter = backfill([batch_of(n, 900, hot=200) for n in range(10)], clock, 0.0)

    assert meter.total == 10_000
    assert meter.most_of_one == 1_000
    assert clock.now - 1000 == pytest.approx(60.25, abs=1.5)


def test_slow_answers_do_not_compress_the_window() -> None:
    """Events count from the answer on, because Heap may have received them then."""
    pacer = LocalPacer(10, 10)
    ticket = pacer.reserve({"a": 10}, 0.0)
    assert isinstance(ticket, Ticket)

    assert pacer.reserve({"b": 1}, 59.0) == 60.0
    pacer.commit(ticket, 59.0)

    assert pacer.reserve({"b": 1}, 118.0) == pytest.approx(1.25)
    assert isinstance(pacer.reserve({"b": 1}, 119.25), Ticket)


def test_refund_releases_the_reservation() -> None:
    """Events of a rejected request can be reserved again at once."""
    pacer = LocalPacer(10, 10)
    ticket = pacer.reserve({"a": 10}, 0.0)
    assert isinstance(ticket, Ticket)

    pacer.refund(ticket)

    assert isinstance(pacer.reserve({"a": 10}, 0.0), Ticket)


def test_rate_is_at_least_one() -> None:
    """A rate of 0 raises."""
    assert LocalPacer(1, 1).limit == 1
    for rates in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            LocalPacer(*rates)


def test_room_of_an_identity() -> None:
    """Events of other identities and expired events do not count."""
    pacer = LocalPacer(10, 5)
    ticket = pacer.reserve({"a": 2, "b": 5}, 0.0)
    assert isinstance(ticket, Ticket)
    pacer.commit(ticket, 0.0)

    assert pacer.room("abc", 60.2) == {"a": 3, "b": 0, "c": 5}
    assert pacer.room("abc", 60.25) == dict.fromkeys("abc", 5)


def test_wait_until_enough_events_expire() -> None:
    """The wait covers both limits, of the app and of the identity."""
    pacer = LocalPacer(10, 5)
    for moment, who in ((0.0, "a"), (10.0, "b")):
        ticket = pacer.reserve({who: 5}, moment)
        assert isinstance(ticket, Ticket)
        pacer.commit(ticket, moment)

    assert pacer.wait({"c": 5}, 20.0) == pytest.approx(40.25)
    assert pacer.wait({"c": 6}, 20.0) == WINDOW
    assert pacer.wait({"b": 1}, 20.0) == pytest.approx(50.25)
    assert pacer.wait({"a": 1, "b": 1}, 20.0) == pytest.approx(50.25)
    assert pacer.wait({"c": 1}, 60.25) == 0.0


def test_tenths_of_a_second_are_counted_together() -> None:
    """Two answers within a tenth of a second expire together, at its end."""
    pacer = LocalPacer(2, 2)
    for moment in (0.01, 0.1):
        ticket = pacer.reserve({"a": 1}, moment)
        assert isinstance(ticket, Ticket)
        pacer.commit(ticket, moment)

    assert pacer.wait({"a": 1}, 0.2) == pytest.approx(60.15)
    assert pacer.wait({"a": 2}, 0.2) == pytest.approx(60.15)


def test_threads_never_exceed_the_limit() -> None:
    """Concurrent threads reserve no more than the limit."""
    pacer = LocalPacer(1000, 1000)
    taken: list[int] = []

    def take() -> None:
        for _ in range(200):
            if isinstance(pacer.reserve({"a": 1}, 5.0), Ticket):
                taken.append(1)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 1000


def test_next_event_waits_for_the_oldest() -> None:
    """
    At the limit, one event waits for the oldest to expire, and two for the second
    oldest.
    """
    pacer = LocalPacer(2)
    for moment in (0.0, 10.0):
        ticket = pacer.reserve({"a": 1}, moment)
        assert isinstance(ticket, Ticket)
        pacer.commit(ticket, moment)

    wait = pacer.reserve({"b": 1}, 20.0)

    assert isinstance(wait, float)
    assert wait >= WINDOW - 20.0
    assert pacer.wait({"b": 2}, 20.0) == wait + 10.0
    assert isinstance(pacer.reserve({"b": 1}, 20.0 + wait), Ticket)
