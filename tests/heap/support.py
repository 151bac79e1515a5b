"""
What the tests of delivery share: calls, clocks, and one way to use both shells.
"""

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
    """
    Make a track that differs from others by *number*.
    """
    who = f"person-{number % 200}" if identity is None else identity
    context = {"n": number, **properties}
    return Track("Braze Email Click", who, MOMENT, f"key-{number}", context)


def tracks(count: int) -> list[Call]:
    """
    Make *count* tracks of 200 people.
    """
    return [track(number) for number in range(count)]


@define
class Clock:
    """
    A clock that only sleeping moves.
    """

    now: float = 1000.0

    def __call__(self) -> float:
        """
        Give the time.
        """
        return self.now

    def sleep(self, seconds: float) -> None:
        """
        Let *seconds* go by.
        """
        self.now += seconds

    async def async_sleep(self, seconds: float) -> None:
        """
        Let *seconds* go by.
        """
        self.now += seconds


Deliver = Callable[..., Receipt]
"""Sends batches, one after the other, with a new sink; gives the last receipt."""


Batch = Sequence[Call] | Callable[[], Sequence[Call]]
"""Calls, or what makes them when their time has come."""


def deliver(heap: FakeHeap, *batches: Batch, **options: Any) -> Receipt:
    """
    Deliver with the sync shell.
    """
    options = {"base_url": heap.url, "allow_http": True, "sleep": _wait_not} | options
    receipt = Receipt()
    with HeapSink(options.pop("app_id", "11"), **options) as sink:
        for batch in batches:
            receipt = sink.send(batch() if callable(batch) else batch)
    return receipt


def deliver_async(heap: FakeHeap, *batches: Batch, **options: Any) -> Receipt:
    """
    Deliver with the async shell.
    """
    sleep = options.pop("sleep", None)
    options = {"base_url": heap.url, "allow_http": True, **options}
    options["sleep"] = _async(sleep or _wait_not)

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


def _wait_not(seconds: float) -> None:
    pass


SHELLS = (deliver, deliver_async)
"""The same cases are for both."""
