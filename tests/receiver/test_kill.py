"""Tests with ``kill -9`` of the receiver, while Braze sends and Heap fails."""

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from braze_heap.state import SqliteDeadLetter
from braze_heap.testing import SimulatedBraze, make_malformed, make_traffic
from braze_heap.testing.fake_heap import FakeHeap, Fault, Poison, Reset, Status
from tests.receiver import crashing_receiver
from tests.receiver.test_simulation import assert_delivered_or_stored, is_poison

TOKEN = "a-token-of-the-killed"
FASTER = 50.0
"""Seconds of Braze's in one of ours."""

FAULTS = [Status(503), Status(503, apply=True), Reset(after_applying=True), Fault()]


def fast_clock() -> float:
    """Return the time of a faster clock."""
    return time.time() * FASTER


def fast_sleep(seconds: float) -> None:
    """Sleep *seconds* of the fast clock."""
    time.sleep(seconds / FASTER)


class KillableReceiver:
    """Receiver process that is killed and restarted on the same port."""

    def __init__(self, heap: FakeHeap, dead: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = str(probe.getsockname()[1])
        self._heap, self._dead = heap, dead
        self.url = f"http://127.0.0.1:{self._port}/braze"
        self.start()

    def start(self) -> None:
        """Start the process."""
        script = crashing_receiver.__file__
        arguments = [self._port, self._heap.url, self._dead, TOKEN]
        self._process = subprocess.Popen([sys.executable, script, *arguments])

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        self._process.send_signal(signal.SIGKILL)
        assert self._process.wait() == -signal.SIGKILL


def send(url: str, seed: int, events: list[Any]) -> None:
    """Send *events* as Braze does, several requests at a time."""
    braze = SimulatedBraze(
        token=TOKEN, seed=seed, batch_size=20, lose_answers=0.1, send_twice=0.1
    )
    simulation = braze.send(
        events, url, clock=fast_clock, sleep=fast_sleep, concurrency=3
    )
    simulation.assert_all_delivered()


def kill_while_sending(heap: FakeHeap, tmp_path: Path, kills: int) -> None:
    """Kill a receiver *kills* times during traffic, and check every event."""
    dice = random.Random(kills)
    dead = tmp_path / "dead.db"
    everything: list[Any] = []
    receiver = KillableReceiver(heap, dead)
    with ThreadPoolExecutor(1) as sender:
        for death in range(kills):
            events = make_traffic(200, seed=death) + make_malformed(10, seed=death)
            dice.shuffle(events)
            everything += events
            heap.script(*dice.choices(FAULTS, k=4))
            before = heap.counts.requests
            sending = sender.submit(send, receiver.url, death, events)
            wait_for_traffic(heap, before, sending.done)
            time.sleep(dice.uniform(0.0, 0.05))
            receiver.kill()
            receiver.start()
            sending.result()
    receiver.kill()

    with SqliteDeadLetter(dead) as store:
        assert_delivered_or_stored(everything, heap, store)


def wait_for_traffic(heap: FakeHeap, before: int, is_done: Any) -> None:
    """Wait until Heap gets a request."""
    waiting = threading.Event()
    while heap.counts.requests == before and not is_done():
        waiting.wait(0.002)


@pytest.fixture
def heap() -> Iterator[FakeHeap]:
    """Fake Heap without rate limits."""
    with FakeHeap(rate_limits=False) as heap:
        heap.always(Poison(is_poison))
        yield heap


@pytest.mark.slow
def test_sigkill_loses_and_duplicates_no_event(heap: FakeHeap, tmp_path: Path) -> None:
    """Kill the receiver twice."""
    kill_while_sending(heap, tmp_path, 2)


@pytest.mark.campaign
def test_receiver_survives_100_sigkills(heap: FakeHeap, tmp_path: Path) -> None:
    """Campaign with 100 kills."""
    kill_while_sending(heap, tmp_path, 100)
