"""
What delivery costs: events a second, processor time an event, and memory.

``python tests/benchmarks/delivery.py throughput [EVENTS]``
``python tests/benchmarks/delivery.py memory [EVENTS]``
``python tests/benchmarks/delivery.py traced [EVENTS]``

A `FakeHeap` listens in another process: its work and memory are not counted. For
throughput Heap's rates are lifted; for memory they are kept, on a clock that only
sleeping moves. ``traced`` counts what Python holds, to the byte, and takes five times
as long.
"""

import asyncio
import contextlib
import functools
import itertools
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import braze_heap as bh
from braze_heap.heap import AsyncHeapSink, HeapSink
from braze_heap.heap.calls import Call
from braze_heap.pipeline import AsyncPipeline, Pipeline
from braze_heap.state import DISCARD
from braze_heap.testing import make_raw

HEAP = """
from braze_heap.testing import FakeHeap
with FakeHeap(rate_limits=False) as heap:
    print(heap.url, flush=True)
    while input():
        heap.clear()
        print("clear", flush=True)
"""
PEOPLE = 900
ROUNDS = 5
"""The best of so many is told: other work on the machine only slows down."""

LIFTED = {"events_a_minute": 10**9, "identity_events_a_minute": 10**9}
MARKS = (10, 25, 50, 75, 100)
"""Percent of the events after which memory is measured."""


class Clock:
    """A clock that only sleeping moves."""

    now = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let *seconds* go by."""
        self.now += seconds


@contextlib.contextmanager
def heap_elsewhere() -> Iterator[tuple[str, Callable[[], None]]]:
    """Run a Heap in another process; give its URL, and what makes it forget."""
    command = [sys.executable, "-c", HEAP]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def clear() -> None:
            print("clear", file=stdin, flush=True)
            stdout.readline()

        yield stdout.readline().strip(), clear
        print(file=stdin, flush=True)


def clicks(count: int) -> Iterator[dict[str, Any]]:
    """Make clicks in emails, each with its own id and time."""
    event = make_raw("users.messages.email.Click")
    for number in range(count):
        user = {"external_user_id": f"person-{number % PEOPLE}"}
        click = {"id": f"event-{number}", "time": 1700000000 + number, "user": user}
        yield {**event, **click}


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Cut *items*."""
    waiting = iter(items)
    return iter(lambda: list(itertools.islice(waiting, size)), [])


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Give the seconds that *work* takes, by the clock and of the processor."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy


def send_sync(url: str, calls: list[Call], size: int) -> None:
    """Send with the sync sink."""
    with HeapSink("11", base_url=url, allow_http=True, **LIFTED) as sink:
        for batch in batches(calls, size):
            assert sink.send(batch).accepted == len(batch)


async def send_async(url: str, calls: list[Call], size: int) -> None:
    """Send with the async sink."""
    async with AsyncHeapSink("11", base_url=url, allow_http=True, **LIFTED) as sink:
        for batch in batches(calls, size):
            assert (await sink.send(batch)).accepted == len(batch)


def run_sync(url: str, events: list[Any], size: int) -> None:
    """Map and send with the sync pipeline."""
    with HeapSink("11", base_url=url, allow_http=True, **LIFTED) as sink:
        pipeline = Pipeline(bh.Transformer(), sink, DISCARD, batch_size=size)
        assert pipeline.run(iter(events)).delivered == len(events)


async def run_async(url: str, events: list[Any], size: int) -> None:
    """Map and send with the async pipeline."""
    async with AsyncHeapSink("11", base_url=url, allow_http=True, **LIFTED) as sink:
        pipeline = AsyncPipeline(bh.Transformer(), sink, DISCARD, batch_size=size)
        assert (await pipeline.run(iter(events))).delivered == len(events)


def throughput(count: int) -> None:
    """Print events a second and processor time an event, for each way to deliver."""
    events = list(clicks(count))
    calls = bh.Transformer().transform(events).calls
    ways: dict[str, tuple[Callable[..., Any], list[Any]]] = {
        "sink, sync": (send_sync, calls),
        "sink, async": (send_async, calls),
        "pipeline, sync": (run_sync, events),
        "pipeline, async": (run_async, events),
    }
    print("what            batch   events/s   processor, us an event")
    with heap_elsewhere() as (url, clear):
        for size, (name, (way, items)) in itertools.product((1000, 100), ways.items()):
            rounds = []
            for _ in range(ROUNDS):
                clear()
                rounds.append(timed(functools.partial(run, way, url, items, size)))
            taken, busy = map(min, zip(*rounds, strict=True))
            cost = busy / count * 1e6
            print(f"{name:15} {size:5} {count / taken:10,.0f} {cost:10.1f}")


def run(way: Callable[..., Any], *given: Any) -> None:
    """Call *way*, and await what it gives."""
    if (work := way(*given)) is not None:
        asyncio.run(work)


def resident() -> float:
    """Give the memory of this process in MB, as Linux counts it."""
    pages = Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]
    return int(pages) * 4096 / 1e6


def traced() -> float:
    """Give the memory that Python has allocated, in MB."""
    return tracemalloc.get_traced_memory()[0] / 1e6


def memory(count: int, measure: Callable[[], float]) -> Iterator[tuple[int, float]]:
    """Give the memory in MB after each of `MARKS`, at Heap's rate."""
    clock = Clock()
    times: Any = {"clock": clock, "sleep": clock.sleep}
    marks, done = [count * mark // 100 for mark in MARKS], 0
    with (
        heap_elsewhere() as (url, clear),
        HeapSink("11", base_url=url, allow_http=True, **times) as sink,
    ):
        pipeline = Pipeline(bh.Transformer(), sink, DISCARD, patience=1e9, **times)
        for report in pipeline.batches(clicks(count)):
            done += report.delivered
            if done >= marks[0]:
                yield marks.pop(0), measure()
                clear()
                marks.append(sys.maxsize)


def main(what: str, count: int) -> None:
    """Measure."""
    if what == "throughput":
        throughput(count)
        return
    if what == "traced":
        tracemalloc.start()
    for events, size in memory(count, traced if what == "traced" else resident):
        print(f"{events} events: {size:.2f} MB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200_000)
