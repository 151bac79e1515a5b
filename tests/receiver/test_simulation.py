"""Simulation of Braze, a receiver and Heap, with faults on both sides."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.heap import HeapSink
from braze_heap.receiver import Receiver, Request, Response
from braze_heap.state import SqliteDeadLetter
from braze_heap.testing import SimulatedBraze, make_malformed, make_traffic
from braze_heap.testing.fake_heap import FakeHeap, Fault, Poison, Reset, Status
from braze_heap.testing.simulated_braze import VirtualClock
from tests.support.faults import CutStatusLine, Garbage, HalfClose

TOKEN = "a-token-of-the-simulation"
CLOCK = VirtualClock()
FAULTS = [
    *[Status(status) for status in (408, 429, 500, 502, 503, 504, 529)],
    Status(503, apply=True),
    Status(429, headers={"Retry-After": "3"}),
    Status(503, headers={"Retry-After": "90"}),
    Status(200, headers={"Content-Length": "9"}, body=b"{}", apply=True),
    Status(401),
    Reset(),
    Reset(after_applying=True),
    HalfClose(),
    CutStatusLine(),
    Garbage(),
]
"""What passes. What Heap refuses for good is told by the event, see `is_poison`."""


def is_poison(item: Any) -> bool:
    """Return whether Heap rejects an event, each time it is sent."""
    return str(item.get("idempotency_key", "")).endswith("00")


@pytest.fixture
def heap() -> Iterator[FakeHeap]:
    """Fake Heap in virtual time, with its rate limits."""
    with FakeHeap(clock=CLOCK) as heap:
        yield heap


def unreliable(
    handle: Callable[[Request], Response], dice: random.Random
) -> Callable[[Request], Response]:
    """Lose one in ten requests, and one in ten responses."""

    def call(request: Request) -> Response:
        if dice.random() < 0.1:
            raise ConnectionResetError
        response = handle(request)
        if dice.random() < 0.1:
            raise TimeoutError
        return response

    return call


def run(heap: FakeHeap, path: Path, seed: int, number: int) -> None:
    """Send *number* events, and check that each is delivered or stored."""
    dice = random.Random(seed)
    events = make_traffic(number, seed=seed)
    events += make_malformed(number // 50, seed=seed)
    dice.shuffle(events)
    heap.clear()
    heap.calm()
    heap.always(Poison(is_poison))
    heap.script(*(dice.choice([Fault(), *FAULTS]) for _ in range(dice.randint(0, 30))))
    braze = SimulatedBraze(
        token=TOKEN,
        seed=seed,
        batch_size=dice.choice((1, 7, 100)) if number < 1000 else 100,
        lose_answers=dice.choice((0.0, 0.2)),
        send_twice=dice.choice((0.0, 0.2)),
        reorder=dice.choice((0.0, 0.3)),
        probes=2,
    )
    with (
        SqliteDeadLetter(path / f"{seed}.db") as dead,
        HeapSink(
            "11",
            base_url=heap.url,
            allow_http=True,
            timeout=2.0,
            clock=CLOCK,
            now=CLOCK,
            sleep=CLOCK.sleep,
            random=dice.random,
        ) as sink,
    ):
        pipeline = bh.Pipeline(bh.Transformer(), sink, dead, clock=CLOCK, now=CLOCK)
        receiver = Receiver(pipeline, TOKEN, now=CLOCK)
        simulation = braze.send(
            events, unreliable(receiver.handle, dice), clock=CLOCK, sleep=CLOCK.sleep
        )

        simulation.assert_all_delivered()
        assert simulation.requests < 20 * (len(events) / braze.batch_size + 10)
        assert_delivered_or_stored(events, heap, dead)


def assert_delivered_or_stored(
    events: list[Any], heap: FakeHeap, dead: SqliteDeadLetter
) -> None:
    """Valid events are in Heap once; all others are in the dead letter once."""
    result = bh.Transformer().transform(events)
    tracks = [call for call in result.calls if isinstance(call, bh.Track)]
    told = {track.idempotency_key for track in tracks}
    poison = {key for key in told if key.endswith("00")}
    kept = Counter(record.reason for record in dead.read())
    refused = kept.pop("rejected_by_heap", 0)

    assert heap.events.keys() == told - poison
    assert heap.counts.events == len(told - poison)
    assert refused == len(poison)
    assert kept == Counter(str(rejected.reason) for rejected in result.rejected)


@pytest.mark.parametrize("seed", range(12))
def test_faults_on_both_sides_lose_and_duplicate_no_event(
    heap: FakeHeap, tmp_path: Path, seed: int
) -> None:
    """After finitely many requests every event is in Heap or the dead letter."""
    run(heap, tmp_path, seed, number=150)


@pytest.mark.campaign
def test_1000_runs_of_1000_events(heap: FakeHeap, tmp_path: Path) -> None:
    """Campaign of a million events."""
    for seed in range(1000, 2000):
        run(heap, tmp_path, seed, number=1000)
        (tmp_path / f"{seed}.db").unlink()
