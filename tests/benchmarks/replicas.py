"""
Two replicas under Heap's limit: on their own, with a static share, with a shared pacer.

    python -m tests.benchmarks.replicas

Each replica is a process with a sink of its own. One has three quarters of the events.
The clocks run five times as fast. The shared pacer is the one of the documentation.
"""

from __future__ import annotations

import multiprocessing
import re
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap import HeapSink
from braze_heap.heap.calls import Call, Track
from braze_heap.testing.fake_heap import FakeHeap

FASTER: Final = 5
PAGE: Final = Path(__file__).parents[2] / "docs/how-to/share-the-rate-limit.md"
LOADS: Final = {"a": 30_000, "b": 10_000}
WAYS: Final = {
    "nothing": {},
    "static share": {"events_a_minute": 7_500, "identity_events_a_minute": 500},
    "shared pacer": {"pacer": "pacer.db"},
}
BATCH: Final = 500
MOMENT: Final = "2026-01-15T07:00:00Z"


def clock() -> float:
    """Return fast seconds, comparable between processes."""
    return time.time() * FASTER


def sleep(seconds: float) -> None:
    """Sleep for fast seconds."""
    time.sleep(seconds / FASTER)


def sqlite_pacer(path: str) -> Any:
    """Return the pacer of the page."""
    code = re.search(r"# sqlite_pacer.py\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert code
    names: dict[str, Any] = {}
    exec(code[1], names)
    return names["SqlitePacer"](path)


def replica(name: str, url: str, options: dict[str, Any], barrier: Any) -> None:
    """Send all events of *name*."""
    own = {**options}
    if "pacer" in own:
        own["pacer"] = sqlite_pacer(own["pacer"])
    times = {"clock": clock, "now": clock, "sleep": sleep, "deadline": 600.0}
    with HeapSink("11", base_url=url, allow_http=True, **times, **own) as sink:
        barrier.wait()
        for start in range(0, LOADS[name], BATCH):
            calls: list[Call] = [
                Track(
                    "Click", f"p{n % 4_000}", "2026-01-15T07:00:00Z", f"{name}{n}", {}
                )
                for n in range(start, start + BATCH)
            ]
            for _ in range(10):
                try:
                    sink.send(calls)
                    break
                except SinkUnavailable:
                    continue
    barrier.wait()


def main() -> None:
    """Print a row for each way."""
    context = multiprocessing.get_context("spawn")
    print("| way | minutes | events a minute | requests | of them answered 429 |")
    for way, options in WAYS.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            FakeHeap("11", clock=clock) as heap,
        ):
            own = dict(options)
            if "pacer" in own:
                own["pacer"] = f"{folder}/{own['pacer']}"
            barrier = context.Barrier(len(LOADS) + 1)
            replicas = [
                context.Process(target=replica, args=(name, heap.url, own, barrier))
                for name in LOADS
            ]
            for each in replicas:
                each.start()
            barrier.wait()
            start = clock()
            barrier.wait()
            minutes = (clock() - start) / 60
            for each in replicas:
                each.join()
            counts = heap.counts
            assert counts.events == sum(LOADS.values()), counts
        rate = counts.events / minutes
        figures = f"{counts.requests} | {counts.rate_limited}"
        print(f"| {way} | {minutes:.1f} | {rate:,.0f} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
