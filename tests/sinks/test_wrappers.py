"""Tests of the sinks that wrap other sinks."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import Call, Track
from braze_heap.sinks import (
    Buffered,
    Filtered,
    MemorySink,
    Receipt,
    Rejection,
    Sink,
    Tee,
    ThreadedSink,
)
from braze_heap.testing import check_async_sink, check_sink, make_raw
from tests.heap.support import track, tracks

NUMBERS = itertools.count()


class Picky(MemorySink):
    """Sink that rejects some calls, and can be unavailable."""

    def __init__(self, *numbers: int, is_down: bool = False) -> None:
        super().__init__()
        self.numbers = numbers
        self.is_down = is_down
        self.batches: list[int] = []
        self.closed = 0
        self.destination = f"picky {next(NUMBERS)}"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Reject the configured calls."""
        if self.is_down:
            raise SinkUnavailable("down", 7.0)
        super().send(calls)
        self.batches.append(len(calls))
        rejections = tuple(
            Rejection(index, "unwanted", 400)
            for index, call in enumerate(calls)
            if isinstance(call, Track) and call.properties.get("n") in self.numbers
        )
        return Receipt(len(calls) - len(rejections), rejections)

    def close(self) -> None:
        """Count calls of `close`."""
        self.closed += 1


REJECTED = track(-1)


def test_wrappers_satisfy_the_contract() -> None:
    """The public contract test passes for each wrapper."""
    check_sink(
        lambda: Tee(Picky(-1), Picky()),
        rejected=REJECTED,
        unavailable=lambda: Tee(Picky(), Picky(is_down=True)),
    )
    check_sink(
        lambda: Filtered(Picky(-1), lambda call: True),
        rejected=REJECTED,
        unavailable=lambda: Filtered(Picky(is_down=True), lambda call: True),
    )
    check_sink(
        lambda: Buffered(Picky(-1), seconds=0.01),
        rejected=REJECTED,
        unavailable=lambda: Buffered(Picky(is_down=True), seconds=0.01),
    )


def test_tee_combines_rejections() -> None:
    """A call is accepted only if every sink accepts it."""
    receipt = Tee(Picky(1, 2), Picky(2, 3)).send(tracks(5))

    assert receipt.accepted == 2
    assert [rejection.index for rejection in receipt.rejections] == [1, 2, 3]


def test_the_sinks_of_a_tee_have_different_names() -> None:
    """The ledger keeps user properties under them. Two filters of a sink are two."""
    sink = MemorySink()
    named = [Filtered(sink, bool, name=name) for name in ("clicks", "opens")]
    for pair in (sink, MemorySink()), (Buffered(sink), sink), (named[0], named[0]):
        with pytest.raises(ValueError, match="two sinks of a Tee have the same dest"):
            Tee(*pair)
    assert Tee(*named, Filtered(sink, bool)).send(tracks(2)).accepted == 2


@pytest.mark.parametrize("name", [5, b"x", None, " ", "\t"])
def test_the_name_of_a_filter_is_a_text(name: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="needs a text as name"):
        Filtered(MemorySink(), bool, name=name)


@pytest.mark.parametrize("field", ["missing", "withheld"])
@pytest.mark.parametrize(
    "value", [None, [], 5, {0: None}, {0: ["a"]}, {0: "a"}, {"0": frozenset()}]
)
def test_missing_destinations_are_sets_of_texts(field: str, value: Any) -> None:
    """Otherwise the batch is undecided, as for any other invalid receipt."""

    class Wrong(MemorySink):
        def send(self, calls: Sequence[Call], /) -> Receipt:
            return Receipt(len(calls), **{field: value})

    pipeline = bh.Pipeline(bh.Transformer(), Wrong(), bh.DISCARD)
    with pytest.raises(SinkUnavailable, match="missing and withheld must"):
        pipeline.run(make_raw("users.messages.email.Bounce"))


def test_tee_closes_every_sink() -> None:
    """An exception of one `close` does not keep the others open."""

    class Broken(Picky):
        def close(self) -> None:
            super().close()
            raise OSError("no way")

    first, last = Broken(), Picky()

    with pytest.raises(OSError, match="no way"):
        Tee(first, last).close()

    assert (first.closed, last.closed) == (1, 1)


def test_filtered_keeps_indexes() -> None:
    """The index of a rejection is that of the original batch."""
    sink = Filtered(
        Picky(3), lambda call: isinstance(call, Track) and call.properties["n"] != 0
    )

    receipt = sink.send(tracks(5))

    assert (receipt.accepted, receipt.rejections[0].index) == (4, 3)


def test_buffered_combines_batches_of_threads() -> None:
    """Batches are sent together, and each thread gets its own receipt."""
    inner = Picky(*range(0, 400, 100))
    batches = [[track(n * 100 + i) for i in range(100)] for n in range(4)]

    with Buffered(inner, size=400, seconds=5) as sink, ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(sink.send, batches))

    assert inner.batches == [400]
    assert [r.accepted for r in receipts] == [99] * 4
    assert [r.rejections[0].index for r in receipts] == [0] * 4


def test_buffered_waits_no_longer_than_seconds() -> None:
    """A single batch is sent after *seconds*, or when the sink is closed."""
    start = time.monotonic()
    with Buffered(Picky(), size=1000, seconds=0.05) as sink:
        assert sink.send(tracks(3)) == Receipt(3)
    assert time.monotonic() - start < 1.0

    sink = Buffered(Picky(), size=1000, seconds=60)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sink.send, tracks(3))
        while sink._batch is None:
            time.sleep(0.001)
        sink.close()
        assert waiting.result(5) == Receipt(3)


def test_buffered_closes_after_the_last_decision() -> None:
    """The wrapped sink is not closed while a batch is undecided."""
    started, decided = threading.Event(), threading.Event()
    happened: list[str] = []

    class Slow(Picky):
        def send(self, calls: Sequence[Call], /) -> Receipt:
            started.set()
            decided.wait(10)
            happened.append("sent")
            return super().send(calls)

        def close(self) -> None:
            happened.append("closed")

    sink = Buffered(Slow(), size=1)
    with ThreadPoolExecutor(2) as pool:
        sent = pool.submit(sink.send, tracks(1))
        started.wait(10)
        closed = pool.submit(sink.close)
        decided.set()
        assert (sent.result(10), closed.result(10)) == (Receipt(1), None)

    assert happened == ["sent", "closed"]


def test_an_interrupt_wakes_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    If the leading thread is interrupted, the others raise, and later batches are sent.
    """
    sink = Buffered(Picky(), size=300, seconds=5)
    joined = threading.Event()

    def interrupted(load: object) -> None:
        joined.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(sink, "_wait_until_full", interrupted)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(sink.send, tracks(1))
        while sink._batch is None:
            time.sleep(0.001)
        second = pool.submit(sink.send, tracks(2))
        while sink._batch is not None and len(sink._batch.calls) < 3:
            time.sleep(0.001)
        joined.set()
        with pytest.raises(KeyboardInterrupt):
            first.result(10)
        with pytest.raises(SinkUnavailable, match="interrupted"):
            second.result(10)
    monkeypatch.undo()

    assert sink.send(tracks(300)) == Receipt(300)


@pytest.mark.parametrize(
    "wrap",
    [
        Tee,
        lambda sink: Filtered(sink, lambda call: True),
        lambda s: Buffered(s, size=1),
    ],
    ids=["tee", "filtered", "buffered"],
)
def test_invalid_receipt_raises(wrap: Callable[[MemorySink], Sink]) -> None:
    """A receipt that does not account for every call raises, also inside a wrapper."""

    class Miscounting(MemorySink):
        def send(self, calls: Sequence[Call], /) -> Receipt:
            return Receipt(len(calls) - 1)

    with pytest.raises(ValueError, match="invalid receipt"):
        wrap(Miscounting()).send(tracks(3))


def test_buffered_raises_in_every_thread() -> None:
    """Each thread of a shared batch raises `SinkUnavailable`."""
    sink = Buffered(Picky(is_down=True), size=300, seconds=5)
    heard: list[float | None] = []

    def send() -> None:
        try:
            sink.send(tracks(100))
        except SinkUnavailable as error:
            heard.append(error.retry_after)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert heard == [7.0] * 3


def test_threaded_sink_satisfies_the_contract() -> None:
    """The public contract test for async sinks passes."""
    made: list[Picky] = []

    def factory() -> ThreadedSink:
        made.append(Picky(-1))
        return ThreadedSink(made[-1])

    asyncio.run(
        check_async_sink(
            factory,
            received=lambda: [call.to_dict() for call in made[-1].calls],
            rejected=REJECTED,
            unavailable=lambda: ThreadedSink(Picky(is_down=True)),
        )
    )


def test_threaded_sink_is_async() -> None:
    """A sync sink is called in a thread from async code."""

    async def run() -> Receipt:
        async with ThreadedSink(Picky(1)) as sink:
            return await sink.send(tracks(3))

    assert asyncio.run(run()).accepted == 2


BAD_RECEIPTS: dict[str, Any] = {
    "detail": Receipt(0, (Rejection(0, "x", None, None),)),  # type: ignore[arg-type]
    "reason": Receipt(0, (Rejection(0, None),)),  # type: ignore[arg-type]
    "status": Receipt(0, (Rejection(0, "x", "400"),)),  # type: ignore[arg-type]
    "index": Receipt(0, (Rejection(0.0, "x"),)),  # type: ignore[arg-type]
    "bool": Receipt(0, (Rejection(index=False, reason="x"),)),
    "numbers": Receipt(0, (0,)),  # type: ignore[arg-type]
    "generator": Receipt(0, (r for r in [Rejection(0, "x")])),  # type: ignore[arg-type]
    "accepted": Receipt(1.0),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("receipt", BAD_RECEIPTS.values(), ids=BAD_RECEIPTS)
@pytest.mark.parametrize("wrap", [Tee, lambda sink: sink])
def test_a_pipeline_takes_no_malformed_receipt(
    wrap: Callable[[Any], Any], receipt: Any
) -> None:
    """The batch is undecided, and the log says that the sink is wrong."""

    class Odd(MemorySink):
        def send(self, calls: Sequence[Call], /) -> Receipt:
            return receipt  # type: ignore[no-any-return]

    pipeline = bh.Pipeline(bh.Transformer(), wrap(Odd()), bh.DISCARD)
    with pytest.raises(SinkUnavailable, match=r"has a bug: (invalid receipt|send)"):
        pipeline.run([make_raw("users.messages.email.Click")])


@pytest.mark.parametrize("wrap", [Tee, lambda s: Buffered(s, seconds=0), lambda s: s])
def test_a_sink_cannot_change_its_batch(wrap: Callable[[Any], Any]) -> None:
    """Else another attempt, or the next sink of a Tee, would get less."""
    batches: list[Any] = []

    class Greedy(MemorySink):
        def send(self, calls: Sequence[Call], /) -> Receipt:
            batches.append(calls)
            if len(batches) == 1:
                raise SinkUnavailable("later", retry_after=0)
            return Receipt(len(calls))

    pipeline = bh.Pipeline(
        bh.Transformer(), wrap(Greedy()), bh.DISCARD, patience=5, sleep=lambda _: None
    )
    pipeline.run([make_raw("users.messages.email.Click", id=f"{n}") for n in range(3)])

    assert [(type(batch), len(batch)) for batch in batches] == [(tuple, 3)] * 2
