"""Tests of faults at the first, a middle and the last request."""

from __future__ import annotations

import random
import time

import pytest

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import Track
from braze_heap.sinks import Receipt
from braze_heap.testing.fake_heap import FakeHeap, Fault, Latency, Reset, Stall, Status
from tests.heap.support import SHELLS, Deliver, tracks
from tests.support.faults import (
    CutStatusLine,
    Drip,
    EndlessBody,
    Garbage,
    HalfClose,
    redirect,
)

DEADLINE = 3.0

STATUSES = [301, 400, 401, 404, 408, 413, 422, 429, 500, 503]
NAMED = b"postBody.events[0].properties should be object"
LYING = b"postBody.events[0] should NOT be valid"
CUT = {"Content-Length": "4000"}
CLOSED = {"Connection": "close"}

FAULTS: list[Fault] = [
    *map(Status, STATUSES),
    Status(503, apply=True),
    Status(400, body=NAMED),
    Status(400, body=LYING * 200),
    Status(400, body=b"postBody.events[999999] should be object"),
    Status(400, body=b"\xff\xfe events[-1] events[\xd9\xa1]"),
    Status(429, headers={"Retry-After": "0"}),
    Status(429, headers={"Retry-After": "86400"}),
    Status(503, headers={"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}),
    Status(200, headers=CUT, body=b"{}"),
    Status(200, headers=CUT, body=b"{}", apply=True),
    Status(503, headers=CUT, body=b"{}"),
    Status(204, apply=True),
    Reset(),
    Reset(after_applying=True),
    Stall(30),
    Stall(30, apply=True),
    Drip(0.01),
    HalfClose(),
    HalfClose(apply=True),
    CutStatusLine(),
    CutStatusLine(apply=True),
    EndlessBody(apply=True),
    EndlessBody(chunked=False),
    EndlessBody(400),
    EndlessBody(503),
    redirect("http://127.0.0.1:9/api/track"),
    redirect("https://heapanalytics.com/api/track", code=301, apply=True),
    Garbage(),
    Garbage(apply=True),
    Latency(0.02),
    Latency(0.1),
]

SIZES = (1, 2, 30)


def positions(calls: int) -> list[int]:
    """Return the first, a middle and the last index of *calls*."""
    return sorted({0, calls // 2, calls - 1})


def in_three(batch: list[Track]) -> int:
    """
    Return the body size that splits *batch* into three requests, if it is large enough.
    """
    return sum(len(call.to_json()) + 1 for call in batch) // 3 + 200


def assert_exactly_once(
    heap: FakeHeap, shell: Deliver, size: int, script: list[Fault], **options: object
) -> None:
    """Deliver under *script*, and again without faults if that raises."""
    batch = tracks(size)
    heap.clear()
    heap.calm()
    heap.script(*script)
    start = time.monotonic()
    timeout = 0.06 if size > 100 else 0.03
    given = {"max_bytes": in_three(batch), "timeout": timeout, "deadline": DEADLINE}
    try:
        receipt = shell(heap, batch, **given | options)
    except SinkUnavailable:
        heap.calm()
        receipt = shell(heap, batch)
    rejected = {f"key-{rejection.index}" for rejection in receipt.rejections}

    assert time.monotonic() - start < DEADLINE + 2
    assert receipt.accepted + len(rejected) == size
    assert len(rejected) <= len(script)
    assert heap.events.keys() >= {f"key-{n}" for n in range(size)} - rejected
    assert heap.counts.events == len(heap.events)
    assert len(heap.requests) <= 64 + 6


@pytest.mark.parametrize("shell", SHELLS, ids=["sync", "async"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: repr(fault)[:60])
def test_fault_neither_loses_nor_duplicates(
    heap: FakeHeap, shell: Deliver, fault: Fault
) -> None:
    """After one fault at any request, each event is in Heap once or rejected."""
    for size in SIZES:
        for position in positions(min(size, 3)):
            assert_exactly_once(heap, shell, size, [Fault()] * position + [fault])


@pytest.mark.campaign
@pytest.mark.parametrize("shell", SHELLS, ids=["sync", "async"])
@pytest.mark.parametrize("size", [100, 1000])
def test_fault_neither_loses_nor_duplicates_many(
    heap: FakeHeap, shell: Deliver, size: int
) -> None:
    """The same for 100 and 1,000 events."""
    for fault in FAULTS:
        for position in positions(3):
            assert_exactly_once(heap, shell, size, [Fault()] * position + [fault])


def test_permanent_fault_ends_at_the_deadline(heap: FakeHeap, shell: Deliver) -> None:
    """Retries end at the deadline, and back off before."""
    heap.always(Status(503))
    start = time.monotonic()

    with pytest.raises(SinkUnavailable):
        shell(heap, tracks(10), deadline=0.3, sleep=time.sleep)

    assert time.monotonic() - start < 1.3
    assert len(heap.requests) <= 6


@pytest.mark.parametrize("fault", [Drip(0.02), EndlessBody(503), Stall(30)])
def test_timeout_covers_the_whole_exchange(
    heap: FakeHeap, shell: Deliver, fault: Fault
) -> None:
    """The timeout applies to the whole exchange, not to each read."""
    heap.always(fault)
    start = time.monotonic()

    with pytest.raises(SinkUnavailable):
        shell(heap, tracks(1), timeout=0.1, deadline=0.25)

    assert time.monotonic() - start < 0.75


def test_rejected_connection_is_retried_later(heap: FakeHeap, shell: Deliver) -> None:
    """A rejected connection raises; a later batch succeeds."""
    heap.pause()
    with pytest.raises(SinkUnavailable, match="ConnectError"):
        shell(heap, tracks(3), deadline=0.3)
    heap.resume()

    assert shell(heap, tracks(3)) == Receipt(3)


def random_script(seed: int) -> tuple[int, list[Fault]]:
    """Return a batch size and up to six faults."""
    dice = random.Random(seed)
    script = [dice.choice([Fault(), *FAULTS]) for _ in range(dice.randint(1, 6))]
    return dice.choice((1, 2, 7, 100)), script


@pytest.mark.parametrize("shell", SHELLS, ids=["sync", "async"])
def test_random_faults(heap: FakeHeap, shell: Deliver) -> None:
    """Faults in any order and number lose nothing."""
    for seed in range(10):
        size, script = random_script(seed)
        assert_exactly_once(heap, shell, size, script, timeout=0.05)


@pytest.mark.campaign
@pytest.mark.parametrize("shell", SHELLS, ids=["sync", "async"])
def test_ten_thousand_random_faults(heap: FakeHeap, shell: Deliver) -> None:
    """The same, 5,000 times for each sink."""
    for seed in range(1000, 6000):
        size, script = random_script(seed)
        assert_exactly_once(heap, shell, size, script, timeout=0.05)
