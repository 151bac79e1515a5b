"""
A process to be killed: delivers batches of events, some of them bad, without end.

Arguments: URL of a Heap, path of a dead letter, number of the first batch, path of the
log of acknowledged batches. A batch is acknowledged after its run.
"""

from __future__ import annotations

import os
import sys

import braze_heap as bh
from braze_heap.heap import HeapSink
from braze_heap.pipeline import Pipeline
from braze_heap.state import SqliteDeadLetter

BATCH = 20


def events(start: int) -> list[dict[str, object]]:
    """Make a batch. Of every ten events one has no time, and Heap rejects one."""
    return [
        {
            "id": f"event-{number}",
            "event_type": "users.messages.email.Click",
            "time": 0 if number % 10 == 3 else 1700000000,
            "user": {"external_user_id": f"person-{number % 7}"},
            "properties": {"link_alias": "poison" if number % 10 == 7 else "hero"},
        }
        for number in range(start, start + BATCH)
    ]


def main(url: str, path: str, start: int, log: str) -> None:
    """Deliver from batch *start* on, and log acknowledged batches."""
    sink = HeapSink("11", base_url=url, allow_http=True)
    pipeline = Pipeline(bh.Transformer(), sink, SqliteDeadLetter(path))
    with open(log, "a", encoding="utf-8", buffering=1) as acknowledged:
        while True:
            report = pipeline.run(events(start * BATCH))
            assert report.received == BATCH
            acknowledged.write(f"{start}\n")
            os.fsync(acknowledged.fileno())
            start += 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
