"""Tests of the contract of sinks, for sinks of your own."""

from __future__ import annotations

import asyncio
import copy
import gc
import time
import weakref
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Self, TypeVar

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import AddUserProperties, Call, Track
from braze_heap.sinks import AsyncSink, Receipt, Sink
from braze_heap.testing._checks import THREADS, expect, in_threads, require_factory

_Outcome = TypeVar("_Outcome")


def check_sink(
    factory: Callable[[], Sink],
    *,
    received: Callable[[], Sequence[dict[str, Any]]] | None = None,
    rejected: Call | None = None,
    unavailable: Callable[[], Sink] | None = None,
) -> None:
    """
    Raise unless the sinks of *factory* fulfill the contract of `Sink`.

    Args:
        factory: Returns a sink that is ready for use. Called several times.
        received: Returns the calls that arrived since the last sink was made, as
            ``call.to_dict()``. Without it, order and loss are not checked.
        rejected: A call that the destination rejects, and only that one.
        unavailable: Returns a sink whose destination cannot decide.

    Raises:
        AssertionError: A sink violates the contract. The message says which part.
        TypeError: *factory* is a sink, not a function that returns one.
    """
    require_factory("check_sink", factory, "MySink")
    _check_batches(factory)
    _check_threads(factory, received)
    if received is not None:
        _check_order(factory, received)
    if rejected is not None:
        _check_partial_rejection(factory, rejected)
    if unavailable is not None:
        _check_unavailable(unavailable)


async def check_async_sink(
    factory: Callable[[], AsyncSink],
    *,
    received: Callable[[], Sequence[dict[str, Any]]] | None = None,
    rejected: Call | None = None,
    unavailable: Callable[[], AsyncSink] | None = None,
) -> None:
    """
    Raise unless the sinks of *factory* fulfill the contract of `AsyncSink`.

    The contract is that of `check_sink`, with tasks instead of threads. Await it in the
    asyncio loop of your sinks.

    Args:
        factory: Returns a sink that is ready for use. Called several times, in the
            loop.
        received: As for `check_sink`; called in a thread.
        rejected: As for `check_sink`.
        unavailable: Returns a sink whose destination cannot decide.

    Raises:
        AssertionError: A sink violates the contract. The message says which part.
    """
    loop = asyncio.get_running_loop()

    def awaited(make: Callable[[], AsyncSink]) -> Callable[[], Sink]:
        return lambda: _Awaited(make, loop)

    await asyncio.to_thread(
        check_sink,
        awaited(factory),
        received=received,
        rejected=rejected,
        unavailable=awaited(unavailable) if unavailable else None,
    )


class _Awaited(Sink):
    """Adapter from `AsyncSink` to `Sink`, for threads other than that of its loop."""

    def __init__(
        self, make: Callable[[], AsyncSink], loop: asyncio.AbstractEventLoop
    ) -> None:
        async def make_in_loop() -> AsyncSink:
            return make()

        self._loop = loop
        self._sink = self._wait(make_in_loop())

    def send(self, calls: Sequence[Call], /) -> Receipt:
        return self._wait(self._sink.send(calls))

    def close(self) -> None:
        self._wait(self._sink.close())

    def __enter__(self) -> Self:
        self._wait(self._sink.__aenter__())
        return self

    def __exit__(self, *error: Any) -> None:
        self._wait(self._sink.__aexit__(*error))

    def _wait(self, work: Coroutine[Any, Any, _Outcome]) -> _Outcome:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _track(number: int, identity: str = "check-sink") -> Track:
    key = f"check-sink-{identity}-{number}"
    return Track("Check", identity, "2024-01-01T00:00:00+00:00", key, {"n": number})


def _mixed() -> list[Call]:
    return [_track(1), AddUserProperties("check-sink", {"a": 1}), _track(2)]


def _check_batches(factory: Callable[[], Sink]) -> None:
    with factory() as sink:
        sink.send(_mixed())
        sink.close()
        sink.close()
    with factory() as sink:
        empty, receipt = sink.send([]), sink.send(_mixed())
    expect(empty == Receipt(), "the receipt of an empty batch should be empty")
    expect(receipt == Receipt(3), "three good calls should be accepted")
    batch = _mixed()
    before = copy.deepcopy(batch)
    with factory() as sink:
        sink.send(batch)
    expect(batch == before, "send should not change its batch")
    with factory() as sink:
        expect(sink.send(tuple(batch)).accepted == 3, "send should accept a tuple")
    call = _track(1)
    watched = weakref.ref(call)
    with factory() as sink:
        sink.send([call])
        del call
        gc.collect()
        for _ in range(50):  # a thread of the sink may be at its end
            if watched() is None:
                break
            time.sleep(0.01)
        expect(watched() is None, "a sink should keep no reference to a batch")


def _check_order(
    factory: Callable[[], Sink], received: Callable[[], Sequence[dict[str, Any]]]
) -> None:
    calls = [_track(number) for number in range(50)]
    with factory() as sink:
        sink.send(calls[:20])
        sink.send(calls[20:])
    numbers = [call["properties"].get("n") for call in received() if "event" in call]
    expect(numbers == list(range(50)), "the calls of an identity should stay in order")


def _check_threads(
    factory: Callable[[], Sink], received: Callable[[], Sequence[dict[str, Any]]] | None
) -> None:
    batches = [
        [_track(number, f"thread-{thread}") for number in range(25)]
        for thread in range(THREADS)
    ]
    with factory() as sink:
        receipts = in_threads(sink.send, batches)
    expect(receipts == [Receipt(25)] * THREADS, "threads should not mix receipts")
    if received is not None:
        keys = {call["idempotency_key"] for call in received()}
        expect(len(keys) == 25 * THREADS, "no call of any thread should be lost")


def _check_partial_rejection(factory: Callable[[], Sink], rejected: Call) -> None:
    with factory() as sink:
        receipt = sink.send([_track(1), rejected, _track(2)])
    expect(receipt.accepted == 2, "one rejected call should not affect the others")
    indexes = [rejection.index for rejection in receipt.rejections]
    expect(indexes == [1], "a rejection should have the index of its call")
    expect(bool(receipt.rejections[0].reason), "a rejection should have a reason")


def _check_unavailable(factory: Callable[[], Sink]) -> None:
    with factory() as sink:
        try:
            sink.send([_track(1)])
        except SinkUnavailable as error:
            after = error.retry_after
            expect(after is None or after >= 0, "retry_after should not be negative")
            return
    raise AssertionError("a sink that cannot decide should raise SinkUnavailable")
