"""
How `braze-heap serve` bears a long run at the highest rate that the machine sustains.

``python tests/benchmarks/soak.py [MINUTES]``

Eight connections send batches of 100 as fast as they are answered. Of the events one in
200 is malformed; of the requests to Heap one in 200 fails. The service, the Heap and
the sender are a process each, on the same machine.
"""

import http.client
import itertools
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs

from braze_heap.testing import make_traffic

HEAP = """
import random, threading
from braze_heap.testing.fake_heap import FakeHeap, Fault, Reset, Status

class Sometimes(Fault):
    def play(self, exchange):
        fault = random.choice((Status(503), Reset(), Reset(after_applying=True)))
        return fault.play(exchange) if random.random() < 0.005 else exchange.proceed()

with FakeHeap(rate_limits=False) as heap:
    heap.always(Sometimes())
    print(heap.url, flush=True)
    while not threading.Event().wait(5):
        heap.clear()
"""
"""It forgets every five seconds, or it would be its memory that is measured."""

TOKEN = "a-token-of-the-soak"
CONNECTIONS = 8
BATCH = 100
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
PERIOD = 10.0
"""Seconds between two looks at the service."""


def bodies(seed: int) -> Iterator[bytes]:
    """Return request bodies without end, each event with an id of its own."""
    templates = []
    for number in range(20):
        events = make_traffic(BATCH, seed=f"{seed} {number}")
        for event in events:
            event["id"] = "THE-ID"
        if number % 2:
            events[number]["time"] = None
        parts = json.dumps({"events": events}).replace("%", "%%").split("THE-ID")
        templates.append("%s".join(parts))
    start = seed << 40
    for template in itertools.cycle(templates):
        yield (template % tuple(range(start, start + BATCH))).encode()
        start += BATCH


@attrs.define
class Sender:
    """One connection of Braze's."""

    port: int
    seed: int
    end: float
    seconds: list[float] = attrs.field(factory=list)
    statuses: Counter[int] = attrs.field(factory=Counter)

    def run(self) -> None:
        """Send until *end*, a batch again if it is refused."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for body in bodies(self.seed):
            status = 0
            while status != 200 and time.monotonic() < self.end:
                start = time.perf_counter()
                connection.request("POST", "/", body, HEADERS)
                with connection.getresponse() as response:
                    response.read()
                status = response.status
                self.seconds.append(time.perf_counter() - start)
                self.statuses[status] += 1
                time.sleep(0 if status == 200 else random.uniform(0.1, 0.5))
            if time.monotonic() >= self.end:
                return


def resident(pid: int) -> float:
    """Return the memory of a process in MB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


def soak(minutes: float, folder: str) -> None:
    """Run, and print a line every ten seconds and the sums at the end."""
    heap = subprocess.Popen(
        [sys.executable, "-c", HEAP], stdout=subprocess.PIPE, text=True
    )
    assert heap.stdout is not None
    url = heap.stdout.readline().strip()
    sink = (
        f"heap:?app_id=11&base_url={url}&allow_http=1"
        "&events_a_minute=1000000000&identity_events_a_minute=1000000000"
    )
    command = "from braze_heap.cli import main; main()"
    options = ["serve", "--port", "0", "--sink", sink, "--log-json"]
    service = subprocess.Popen(
        [sys.executable, "-c", command, *options],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "BRAZE_TOKEN": TOKEN},
    )
    assert service.stderr is not None
    port = int(re.search(r"\.1:(\d+)", service.stderr.readline())[1])  # type: ignore[index]
    log: list[str] = [""]

    def read_log() -> None:
        for line in service.stderr or ():
            log[0] = line

    reading = threading.Thread(target=read_log)
    reading.start()
    start = time.monotonic()
    senders = [Sender(port, n, start + minutes * 60) for n in range(CONNECTIONS)]
    threads = [threading.Thread(target=sender.run) for sender in senders]
    for thread in threads:
        thread.start()
    marks = watched(service.pid, senders, threads, start)
    service.terminate()
    service.wait()
    reading.join()
    heap.kill()
    told(marks, senders, time.monotonic() - start, log[0])


def watched(
    pid: int, senders: list[Sender], threads: list[threading.Thread], start: float
) -> list[float]:
    """Return the memory of the service, every ten seconds."""
    marks: list[float] = []
    while any(thread.is_alive() for thread in threads):
        time.sleep(PERIOD)
        marks.append(resident(pid))
        requests = sum(len(sender.seconds) for sender in senders)
        rate = requests * BATCH / (time.monotonic() - start)
        print(f"{time.monotonic() - start:6.0f} s  {rate:6.0f} events/s", end="  ")
        print(f"{marks[-1]:6.1f} MB", flush=True)
    return marks


def told(marks: list[float], senders: list[Sender], seconds: float, last: str) -> None:
    """Print the sums."""
    times = sorted(itertools.chain.from_iterable(s.seconds for s in senders))
    statuses = sum((sender.statuses for sender in senders), Counter[int]())
    settled = marks[len(marks) // 5 :]
    minutes = [number * PERIOD / 60 for number in range(len(settled))]
    slope = statistics.linear_regression(minutes, settled).slope
    print(f"{statuses[200] * BATCH / seconds:,.0f} events/s settled")
    print(f"answers {dict(statuses)}")
    for share in (0.5, 0.99, 0.999):
        print(f"p{share * 100:g} {times[int(share * len(times))] * 1000:.0f} ms")
    print(f"RSS {marks[0]:.1f} MB at first, {marks[-1]:.1f} MB at the end")
    print(f"slope after the first fifth {slope:+.3f} MB a minute")
    print(last.strip())


if __name__ == "__main__":
    minutes = float(sys.argv[1]) if sys.argv[1:] else 10.0
    with tempfile.TemporaryDirectory() as place:
        soak(minutes, place)
