"""
``python -m tests.benchmarks.jobs [MEGABYTES [ROUNDS]]``: one job against several.

One, and as many as there are cores, take turns, on the clock. Then the memory of a run
with several: the most that each process ever held, by parts of the output. Linux.
"""

import filecmp
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from braze_heap.testing import make_traffic

DEFAULTS = (1_000, 3)
MARKS = (10, 50, 98)
"""Percent of the output after which memory is read."""

COMMAND = "from braze_heap.cli import main; main()"


def make_file(path: Path, megabytes: int) -> int:
    """Write JSON lines, each id once, and return how many."""
    events = make_traffic(20_000)
    lines = [(json.dumps(event) + "\n", event["id"]) for event in events]
    rounds = 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < megabytes * 1_000_000:
            file.writelines(line.replace(id_, f"{id_}-{rounds}") for line, id_ in lines)
            rounds += 1
    return rounds * len(lines)


def begin(path: Path, output: Path, jobs: int) -> "subprocess.Popen[bytes]":
    """Start the command."""
    words = ["transform", path, "-o", output, "--jobs", jobs, "--quiet"]
    return subprocess.Popen([sys.executable, "-c", COMMAND, *map(str, words)])


def seconds(path: Path, output: Path, jobs: int) -> float:
    """Return how long a run takes."""
    start = time.perf_counter()
    if begin(path, output, jobs).wait():
        raise RuntimeError("the run failed")
    return time.perf_counter() - start


def most_held(parent: int) -> list[int]:
    """Return the peak of a process and of each of its workers until now, in MB."""
    children = (
        Path(f"/proc/{parent}/task/{parent}/children")
        .read_text(encoding="utf-8")
        .split()
    )
    statuses = [
        Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        for pid in [parent, *children]
    ]
    return [int(text.split("VmHWM:")[1].split()[0]) // 1024 for text in statuses]


def memory(path: Path, output: Path, jobs: int, size: int) -> None:
    """Print the peaks of a run whose output will have *size* bytes."""
    output.unlink()
    process = begin(path, output, jobs)
    marks = [*MARKS]
    last: list[int] = []
    while process.poll() is None:
        try:
            last = most_held(process.pid)
            done = output.stat().st_size / size * 100
        except (OSError, IndexError):
            continue
        if marks and done >= marks[0]:
            print(f"{marks.pop(0)} %: {last} MB", flush=True)
        time.sleep(0.02)
    print(f"last seen: {last} MB")


def main() -> None:
    """Make a file, measure, and print."""
    megabytes, rounds = map(int, [*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :]])
    jobs = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        outputs = {n: Path(folder) / f"{n}.jsonl" for n in (1, jobs)}
        events = make_file(path, megabytes)
        print(f"{events:,} events, {path.stat().st_size:,} bytes, {jobs} cores")
        times: dict[int, list[float]] = {n: [] for n in outputs}
        for _ in range(rounds):
            for n, output in outputs.items():
                times[n].append(seconds(path, output, n))
                print(f"--jobs {n}: {times[n][-1]:.1f} s", flush=True)
        ratios = [one / many for one, many in zip(*times.values(), strict=True)]
        print(f"times as fast: {statistics.median(ratios):.2f}, each {ratios}")
        print(f"equal: {filecmp.cmp(*outputs.values(), shallow=False)}")
        memory(path, outputs[jobs], jobs, outputs[1].stat().st_size)


if __name__ == "__main__":
    main()
