"""
``python -m tests.benchmarks.options`` measures options, storage records, an unknown
field and memory for four mixes of events, and prints Markdown tables.

With a number, it measures as many rounds instead of 40.
"""

import functools
import json
import platform
import statistics
import sys
import tracemalloc
from collections.abc import Mapping
from typing import Final

import braze_heap as bh
from tests.benchmarks import contenders
from tests.benchmarks.__main__ import with_library
from tests.benchmarks.contenders import ORJSON, STDLIB, Way
from tests.benchmarks.inputs import MIXES, OPTIONS, as_storage, with_new_field
from tests.benchmarks.measuring import Step, cpu_seconds, ratios

ROUNDS: Final = 40
SEEDS: Final = 5


def whole_path() -> dict[str, Way]:
    """Return the way from bytes to bytes, and the ordinary loop, with each library."""
    ours = contenders.ours(bh.Transformer())
    ways: dict[str, Way] = {}
    for library in (ORJSON, STDLIB):
        loop = functools.partial(contenders.untyped, library=library)
        ways[f"braze_heap, {library.name}"] = with_library(ours, library)
        ways[f"ordinary loop, {library.name}"] = loop
    return ways


def with_options() -> dict[str, Way]:
    """Return the way from bytes to bytes under each of `OPTIONS`."""
    return {
        name: contenders.ours(bh.Transformer(**options))
        for name, options in OPTIONS.items()
    }


def costs(
    ways: Mapping[str, Way], bodies: list[bytes], rounds: int
) -> dict[str, float]:
    """Return the median ratio of each way to ``json.loads`` of the same bytes."""
    steps: dict[str, Step] = {"json.loads": lambda n: json.loads(bodies[n % SEEDS])}
    for name, way in ways.items():
        steps[name] = functools.partial(_with_body, way, bodies)
    return ratios(_measured(steps, rounds), "json.loads")


def _with_body(way: Way, bodies: list[bytes], number: int) -> bytes:
    return way(bodies[number % SEEDS])


def _measured(steps: Mapping[str, Step], rounds: int) -> dict[str, list[float]]:
    cpu_seconds(steps, 1)  # compiles, and learns names
    return cpu_seconds(steps, rounds)


def storage_ratio(bodies: list[bytes], rounds: int) -> float:
    """Return the cost of storage records relative to the same events over HTTP."""
    transform = bh.Transformer().transform
    events = [json.loads(each)["events"] for each in bodies]
    records = [as_storage(each) for each in bodies]
    steps: dict[str, Step] = {
        "http": lambda n: transform(events[n % SEEDS]),
        "storage": lambda n: transform(records[n % SEEDS]),
    }
    return ratios(_measured(steps, rounds), "http")["storage"]


def new_field_ratio(bodies: list[bytes], rounds: int) -> float:
    """Return the cost of events with an unknown field relative to those without."""
    way = contenders.ours(bh.Transformer())
    longer = [with_new_field(each) for each in bodies]
    steps: dict[str, Step] = {
        "known": lambda n: way(bodies[n % SEEDS]),
        "unknown": lambda n: way(longer[n % SEEDS]),
    }
    return ratios(_measured(steps, rounds), "known")["unknown"]


def memory(bodies: list[bytes]) -> float:
    """Return the kilobytes that a result keeps for each event of a body."""
    transform = bh.Transformer().transform
    for each in bodies:
        transform(each)
    tracemalloc.start()
    try:
        results = [transform(each) for each in bodies]
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return size / sum(result.received for result in results) / 1_000


def table(title: str, columns: Mapping[str, Mapping[str, float]]) -> str:
    """Return a Markdown table of *columns*, which map names of rows to figures."""
    names = next(iter(columns.values()))
    lines = [
        f"| {title} | {' | '.join(columns)} |",
        "| --- " * (len(columns) + 1) + "|",
    ]
    for name in names:
        figures = " | ".join(f"{column[name]:.2f}" for column in columns.values())
        lines.append(f"| {name} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    path, options, others = {}, {}, {}
    for mix, make_body in MIXES.items():
        bodies = [make_body(seed) for seed in range(SEEDS)]
        events = sum(len(json.loads(each)["events"]) for each in bodies)
        path[mix] = costs(whole_path(), bodies, rounds)
        found = costs(with_options(), bodies, rounds)
        options[mix] = {
            name: found[name] / found["default"]
            for name in OPTIONS
            if name != "default"
        }
        others[mix] = {
            "storage, to HTTP": storage_ratio(bodies, rounds),
            "one unknown field, to none": new_field_ratio(bodies, rounds),
            "kB kept by the result, per event": memory(bodies),
            "bytes per event": statistics.mean(map(len, bodies)) * SEEDS / events,
        }
    print(f"CPython {platform.python_version()}, {sys.executable}\n")
    print(table("bytes to bytes, in units of `json.loads`", path), "\n")
    print(table("one option, in units of the default", options), "\n")
    print(table("other", others))


if __name__ == "__main__":
    main()
