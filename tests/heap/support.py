"""Calls, a clock, and one way to use both sinks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define

from braze_heap.heap import AsyncHeapSink, HeapSink
from braze_heap.heap.calls import Call, Track
from braze_heap.sinks import Receipt
from braze_heap.testing.fake_heap import FakeHeap

MOMENT = "2024-01-01T00:00:00+00:00"


def track(number: int, identity: str | None = None, **properties: Any) -> Track:
    """Make an event with *number* in its key."""
    name = f"person-{number % 200}" if identity is None else identity
    properties = {"n": number, **properties}
    return Track("Braze Email Click", name, MOMENT, f"key-{number}", properties)


def tracks(count: int) -> list[Call]:
    """Make *count* events of 200 identities."""
    return [track(number) for number in range(count)]


@define
class Clock:
    """A clock that only sleeping advances."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance by *seconds*."""
        self.now += seconds

    async def async_sleep(self, seconds: float) -> None:
        """Advance by *seconds*."""
        self.now += seconds


Deliver = Callable[..., Receipt]
"""Send batches in order with a new sink, and return the last receipt."""


Batch = Sequence[Call] | Callable[[], Sequence[Call]]
"""Calls, or a function that makes them when they are sent."""


def deliver(heap: FakeHeap, *batches: Batch, **options: Any) -> Receipt:
    """Deliver with `HeapSink`."""
    options = {"base_url": heap.url, "allow_http": True, "sleep": _skip_sleep} | options
    receipt = Receipt()
    with HeapSink(options.pop("app_id", "11"), **options) as sink:
        for batch in batches:
            receipt = sink.send(batch() if callable(batch) else batch)
    return receipt


def deliver_async(heap: FakeHeap, *batches: Batch, **options: Any) -> Receipt:
    """Deliver with `AsyncHeapSink`."""
    sleep = options.pop("sleep", None)
    options = {"base_url": heap.url, "allow_http": True, **options}
    options["sleep"] = _async(sleep or _skip_sleep)

    async def run() -> Receipt:
        receipt = Receipt()
        async with AsyncHeapSink(options.pop("app_id", "11"), **options) as sink:
            for batch in batches:
                receipt = await sink.send(batch() if callable(batch) else batch)
        return receipt

    return asyncio.run(run())


def _async(sleep: Callable[[float], object]) -> Callable[[float], Any]:
    async def asleep(seconds: float) -> None:
        sleep(seconds)

    return asleep


def _skip_sleep(seconds: float) -> None:
    pass


SHELLS = (deliver, deliver_async)
"""Both sinks, for the same cases."""
