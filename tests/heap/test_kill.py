"""Tests of SIGKILL during delivery."""

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


def acknowledged(log: Path) -> int:
    """Return the number of acknowledged batches. An incomplete line does not count."""
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    return max((int(line) + 1 for line in whole.split()), default=0)


def run_and_kill(heap: FakeHeap, dead: Path, log: Path, dice: random.Random) -> None:
    """Run the sender from where the last one stopped, and kill it at a random time."""
    before = heap.counts.requests
    process = subprocess.Popen(
        [
            sys.executable,
            crashing_sender.__file__,
            heap.url,
            dead,
            str(acknowledged(log)),
            log,
        ]
    )
    while heap.counts.requests == before and process.poll() is None:
        time.sleep(0.002)
    time.sleep(dice.uniform(0.0, 0.06))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def kill_loop(heap: FakeHeap, tmp_path: Path, loops: int) -> None:
    """Kill *loops* processes, then finish, replay and compare."""
    heap.always(Poison(lambda item: item["properties"]["link_alias"] == "poison"))
    dead, log = tmp_path / "dead.db", tmp_path / "acknowledged"
    dice = random.Random(loops)
    for _ in range(loops):
        run_and_kill(heap, dead, log, dice)
    done = acknowledged(log)
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
    """Assert that each event is either in Heap or in the dead letter."""
    kept = {record.key.split(":")[0]: record.reason for record in store.read()}
    bad = {f"event-{n}": "bad_time" for n in range(count) if n % 10 == 3}
    rejected = {f"event-{n}": "rejected_by_heap" for n in range(count) if n % 10 == 7}

    assert kept == bad | rejected
    assert heap.events.keys() == {f"event-{n}" for n in range(count)} - kept.keys()
    assert store._query("PRAGMA integrity_check") == [("ok",)]


def test_two_sigkills(heap: FakeHeap, tmp_path: Path) -> None:
    """Two kills neither lose nor duplicate events."""
    kill_loop(heap, tmp_path, 2)


@pytest.mark.campaign
def test_sender_survives_200_sigkills(heap: FakeHeap, tmp_path: Path) -> None:
    """The same, 200 times."""
    kill_loop(heap, tmp_path, 200)
