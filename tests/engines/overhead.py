"""
CPU time of the table of calls: ``python -m tests.engines.overhead [EVENTS] [ROUNDS]``.

The bare loop reads the same files and transforms chunks of the same size.
"""

import io
import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

import braze_heap as bh
import braze_heap.testing
from braze_heap import arrow
from braze_heap.wire import RawEvent, type_in_path
from tests.benchmarks.inputs import as_storage
from tests.benchmarks.measuring import TURN, cpu_seconds, ratios
from tests.engines.data import files, write_files

TRANSFORMER = bh.Transformer()


def bare(batches: list[pa.RecordBatch]) -> Iterator[object]:
    """Transform the files of *batches* without Arrow."""
    for batch in batches:
        for row in batch.to_pylist():
            content = io.BytesIO(row["content"])
            reads = bh.read_events(content, event_type=type_in_path(row["path"]))
            while chunk := [*itertools.islice(reads, arrow.CHUNK)]:
                yield TRANSFORMER.transform(chunk)


def bare_rows(batches: list[list[RawEvent]]) -> Iterator[object]:
    """Transform decoded records."""
    for batch in batches:
        yield TRANSFORMER.transform(batch)


def wide(reads: list[RawEvent]) -> pa.RecordBatch:
    """Return records of all types as a batch of columns, as an engine reads them."""
    records = [read.value | {"event_type": read.event_type} for read in reads]
    names = dict.fromkeys(name for record in records for name in record)
    return pa.record_batch({name: [r.get(name) for r in records] for name in names})


def main(events: int = 10_000, rounds: int = 9) -> None:
    """Print events a CPU second, and the ratio to the bare loop."""
    with tempfile.TemporaryDirectory() as folder:
        of_files = [
            pa.record_batch({"path": [str(path)], "content": [path.read_bytes()]})
            for path in files(write_files(Path(folder), events))
        ]
    body = json.dumps({"events": bh.testing.make_traffic(events)}).encode()
    every = as_storage(body)
    chunks = [every[n : n + arrow.CHUNK] for n in range(0, events, arrow.CHUNK)]
    of_rows = [*map(wide, chunks)]
    pairs: dict[str, dict[str, Any]] = {
        "files": {
            "bare loop": lambda _: [*bare(of_files)],
            "transform_files": lambda _: [
                *arrow.transform_files(of_files, TRANSFORMER)
            ],
        },
        "rows": {
            "bare loop": lambda _: [*bare_rows(chunks)],
            "transform_rows": lambda _: [*arrow.transform_rows(of_rows, TRANSFORMER)],
        },
    }
    for name, steps in pairs.items():
        seconds = cpu_seconds(steps, rounds)
        for step, ratio in ratios(seconds, "bare loop").items():
            rate = events / statistics.median(seconds[step])
            print(f"{name}: {step}: {rate:,.0f} events/cpu-s, {ratio:.3f} of bare")
    print(f"{rounds} rounds of {TURN} turns, {events:,} events")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
