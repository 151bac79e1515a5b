"""
``kill -9`` while events are delivered and dead letters written.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import braze_heap as bh
from braze_heap.heap import HeapSink
from braze_heap.pipeline import Pipeline
from braze_heap.state import SqliteDeadLetter
from braze_heap.testing.fake_heap import FakeHeap, Poison
from tests.heap import crashing_sender
from tests.heap.crashing_sender import BATCH, events


def settled(log: Path) -> int:
    """
    Give how many batches were acknowledged; a line that is cut is none.
    """
    text = log.read_text() if log.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    return max((int(line) + 1 for line in whole.split()), default=0)


def live_and_die(heap: FakeHeap, dead: Path, log: Path, dice: random.Random) -> None:
    """
    Start where the last one stopped, and be killed somewhere.
    """
    before = heap.counts.requests
    process = subprocess.Popen(
        [
            sys.executable,
            crashing_sender.__file__,
            heap.url,
            dead,
            str(settled(log)),
            log,
        ]
    )
    while heap.counts.requests == before and process.poll() is None:
        time.sleep(0.002)
    time.sleep(dice.uniform(0.0, 0.06))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def kill_loop(heap: FakeHeap, tmp_path: Path, loops: int) -> None:
    """
    Kill *loops* processes; then finish, replay, and count.
    """
    heap.always(Poison(lambda item: item["properties"]["link_alias"] == "poison"))
    dead, log = tmp_path / "dead.db", tmp_path / "acknowledged"
    dice = random.Random(loops)
    for _ in range(loops):
        live_and_die(heap, dead, log, dice)
    done = settled(log)
    store = SqliteDeadLetter(dead)
    with HeapSink("11", base_url=heap.url, allow_http=True) as sink:
        pipeline = Pipeline(bh.Transformer(), sink, store)
        pipeline.run(events(done * BATCH))
        assert_nothing_lost(heap, store, (done + 1) * BATCH)
        heap.calm()
        report = bh.replay(store, pipeline)
    numbers = range((done + 1) * BATCH)

    assert report.delivered == len([n for n in numbers if n % 10 == 7])
    assert {r.reason for r in store.read()} == {"bad_time"}
    assert heap.counts.events == len(heap.events)
    assert heap.events.keys() == {f"event-{n}" for n in numbers if n % 10 != 3}
    store.close()


def assert_nothing_lost(heap: FakeHeap, store: SqliteDeadLetter, count: int) -> None:
    """
    Every event is in Heap or in the dead letter, and in one of them alone.
    """
    kept = {record.key.split(":")[0]: record.reason for record in store.read()}
    bad = {f"event-{n}": "bad_time" for n in range(count) if n % 10 == 3}
    refused = {f"event-{n}": "rejected_by_heap" for n in range(count) if n % 10 == 7}

    assert kept == bad | refused
    assert heap.events.keys() == {f"event-{n}" for n in range(count)} - kept.keys()
    assert store._query("PRAGMA integrity_check") == [("ok",)]


def test_kill_loses_and_doubles_nothing(heap: FakeHeap, tmp_path: Path) -> None:
    """
    Two deaths.
    """
    kill_loop(heap, tmp_path, 2)


@pytest.mark.campaign
def test_two_hundred_deaths(heap: FakeHeap, tmp_path: Path) -> None:
    """
    The same, 200 times.
    """
    kill_loop(heap, tmp_path, 200)
