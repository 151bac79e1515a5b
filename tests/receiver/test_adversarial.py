"""
Tests that adversarial bodies cost bounded time and memory.

Figures of the last campaign: see `docs/explanation/proofs.md`.
"""

import json
import logging
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from braze_heap.receiver import Request
from braze_heap.receiver._envelope import decompress
from braze_heap.testing import make_raw
from tests.receiver.adversaries import HEAVY, MIB, PLAIN, ZIPPED, bomb
from tests.receiver.test_contract import batch, click
from tests.receiver.transports import AUTHORIZED, Endpoint, library

STACK = 128 << 10
GZIP = ("Content-Encoding", "gzip")
NAMES = [*PLAIN, *ZIPPED]
MARKED = [
    pytest.param(name, marks=[pytest.mark.campaign] if name in HEAVY else [])
    for name in NAMES
]
MOST_SECONDS = 5.0
MOST_MEMORY = 600 * MIB


def made(name: str) -> tuple[int, bytes, list[tuple[str, str]]]:
    status, make = {**PLAIN, **ZIPPED}[name]
    return status, make(), [GZIP] if name in ZIPPED else []


def in_a_thread(work: Any) -> Any:
    """Run *work* in a thread with a small stack, as on musl and some servers."""
    results: list[Any] = []
    before = threading.stack_size(STACK)
    try:
        thread = threading.Thread(target=lambda: results.append(work()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return results[0]


@pytest.mark.parametrize("name", MARKED)
def test_an_adversarial_body_gets_its_status(name, caplog):
    """Events are accounted for, and the log shows none of them."""
    status, body, headers = made(name)
    there = Endpoint(library)

    answer = in_a_thread(lambda: there.post(body, *headers))

    kept = [record.original for record in there.dead.records]
    assert status == answer.status
    assert ([body] if status == 400 else []) == kept[:1]
    assert all(len(record.getMessage()) < 300 for record in caplog.records)
    assert not any("\n" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    "token",
    ["\x00", "é", "\ud800", "Bearer", "a" * 10**6, "\n", "%s%n", "${jndi:x}", "'--"],
    ids=range(9),
)
def test_a_malformed_token_is_unauthorized(token):
    """401: the comparison does not raise."""
    there = Endpoint(library)

    for value in (token, f"Bearer {token}"):
        assert there.post(b"", ("Authorization", value), authorized=False).status == 401


def mutated(chance: random.Random) -> bytes:
    """Return a batch with changed bytes, or events replaced by other JSON."""
    events: list[Any] = [click(id=str(chance.random())) for _ in range(3)]
    for _ in range(chance.randrange(3)):
        odd = chance.choice([None, [], {}, 5, "x", float("nan"), -1, "\ud800", 2**70])
        name = chance.choice([*make_raw("users.behaviors.CustomEvent"), "id", "time"])
        events[chance.randrange(3)][name] = odd
    body = bytearray(batch(*events))
    for _ in range(chance.choice([0, 1, 1, 2, 5, 50])):
        at = chance.randrange(len(body))
        piece = chance.choice([b"", b'"', b"{", b"]", b",", b"\\", b"\xff", b"0" * 20])
        body[at : at + chance.choice([0, 1, 1, 10])] = piece
    return bytes(body)


def is_accounted_for(there: Endpoint, body: bytes) -> bool:
    """Return whether each event of *body*, or the whole body, is accounted for."""
    headers = [AUTHORIZED]
    there.dead.records.clear()
    answer = there.receiver.handle(Request("POST", headers, body))
    if answer.status == 400:
        return [body] == [record.original for record in there.dead.records]
    if answer.status == 413:
        return there.dead.records == []
    report = there.reports[-1]
    kept = len(there.dead.records)
    skipped, lost = report.skipped_by_reason, report.dead_lettered_by_reason
    total = report.delivered + sum(skipped.values()) + sum(lost.values())
    return answer.status == 200 and report.received == total and kept <= total


class Reported(Endpoint):
    """Endpoint that collects its reports."""

    def __init__(self) -> None:
        super().__init__(library)
        run = self.pipeline.run
        self.reports: list[Any] = []
        self.pipeline.run = lambda source: self._kept(run(source))  # type: ignore[method-assign]

    def _kept(self, report: Any) -> Any:
        self.reports.append(report)
        return report


@pytest.mark.parametrize("seed", range(4))
def test_a_mutated_body_is_accounted_for(seed):
    """Each event is delivered, skipped or stored, or the body is; 500 bodies a seed."""
    chance = random.Random(seed)
    there = Reported()
    bodies = [mutated(chance) for _ in range(500)]

    assert [body for body in bodies if not is_accounted_for(there, body)] == []
    assert len(there.reports) > 100


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_mutated_bodies_are_accounted_for(seed):
    """Campaign of 2,000 bodies a seed."""
    chance = random.Random(seed)
    there = Reported()
    bodies = (mutated(chance) for _ in range(2_000))

    assert [body for body in bodies if not is_accounted_for(there, body)] == []


def peak() -> int:
    """Return the peak memory of this process since the last call, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def measured(path: str, *headers: str) -> tuple[float, int]:
    """Return the seconds that a body takes, and the memory growth in bytes."""
    logging.disable()
    there = Endpoint(library)
    there.post(batch(click()))
    body = Path(path).read_bytes()
    peak()
    before = peak()
    start = time.perf_counter()
    in_a_thread(lambda: there.post(body, *[GZIP for _ in headers]))
    seconds = time.perf_counter() - start
    return seconds, peak() - before


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", NAMES)
def test_an_adversarial_body_takes_bounded_time_and_memory(name, tmp_path):
    """Under 5 seconds and 600 MiB of growth, in a separate process."""
    _, body, headers = made(name)
    (tmp_path / "body").write_bytes(body)
    command = [sys.executable, "-m", "tests.receiver.test_adversarial"]
    command += [str(tmp_path / "body"), *[value for _, value in headers]]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True)

    seconds, memory = json.loads(done.stdout)
    print(f"{name}: {seconds:.2f} s, {memory / MIB:.0f} MiB")
    assert seconds < MOST_SECONDS
    assert memory < MOST_MEMORY


def test_a_bomb_is_decompressed_up_to_the_limit():
    """Output ends one byte after the limit, which shows that it is exceeded."""
    assert len(decompress(bomb(b"\0" * MIB, 5), 1000)) == 1001


if __name__ == "__main__":
    print(json.dumps(measured(*sys.argv[1:])))
