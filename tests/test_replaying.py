"""Tests of replays: records that leave, records that stay, and batches."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

import braze_heap as bh
from braze_heap.exceptions import SinkUnavailable
from braze_heap.observers import BatchDetails
from braze_heap.pipeline import Pipeline
from braze_heap.sinks import MemorySink
from braze_heap.state import DeadRecord, SqliteDeadLetter
from tests.test_pipeline import FailingSink, MemoryDeadLetter, click, down


def test_replay_delivers_what_can_be_delivered(
    tmp_path: Path, dead_letter_at: Callable[..., SqliteDeadLetter]
) -> None:
    """Records that the sink accepts are removed; records that it rejects stay."""
    store = dead_letter_at(tmp_path / "dead.db")
    sink = FailingSink("a", "b")
    pipeline = Pipeline(bh.Transformer(), sink, store)
    pipeline.run([click("a"), click("b"), click("late", time=0), click("ok")])
    pipeline.run(b"no JSON")
    sink.rejected = ("b",)

    report = bh.replay(store, pipeline)

    assert report.received == 4
    assert (report.delivered, report.dead_lettered) == (1, 3)
    assert sorted(record.reason for record in store.read()) == [
        "bad_time",
        "rejected_by_heap",
        "unreadable",
    ]
    store.close()


def test_replay_keeps_damaged_records(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A damaged record stays, is counted and logged; the others are delivered."""
    dead = MemoryDeadLetter()
    at = datetime(2024, 1, 1, tzinfo=UTC)
    bad = DeadRecord("bad", "bad_time", "", at, b"{", "json")
    zipped = DeadRecord("zipped", "unreadable", "", at, b"no gzip", "gzip")
    dead.append([bad, zipped, DeadRecord.of(click("a"), "bad_time", "", at)])

    report = bh.replay(dead, Pipeline(bh.Transformer(), MemorySink(), dead))

    assert (report.received, report.delivered) == (3, 1)
    assert report.dead_lettered_by_reason == {"damaged_record": 1, "unreadable": 1}
    assert list(dead.records) == ["bad", "zipped"]
    assert "'bad' is damaged" in caplog.text


def test_replay_ends_with_a_store_that_appends_at_the_end() -> None:
    """A record that stays is tried only once."""

    class Queue(MemoryDeadLetter):
        appended = 0

        def append(self, records: Sequence[DeadRecord], /) -> None:
            self.appended += len(records)
            super().append(records)

        def read(self) -> Iterator[DeadRecord]:
            seen = 0
            while seen < self.appended:
                seen = self.appended
                yield from list(self.records.values())

    dead = Queue()
    pipeline = Pipeline(bh.Transformer(), FailingSink("a"), dead)
    pipeline.run([click("a")])

    assert bh.replay(dead, pipeline, batch_size=1).received == 1


def test_replay_sends_each_body_separately_and_events_in_batches() -> None:
    """Bodies that can be read today are delivered one by one."""
    dead = MemoryDeadLetter()
    at = datetime(2024, 1, 1, tzinfo=UTC)
    bodies = [json.dumps({"events": [click(name)]}).encode() for name in "ab"]
    dead.append([DeadRecord.of(body, "unreadable", "", at) for body in bodies])
    events = [click(f"{number}") for number in range(5)]
    dead.append([DeadRecord.of(event, "sink_down", "", at) for event in events])
    seen: list[BatchDetails] = []
    pipeline = Pipeline(bh.Transformer(), MemorySink(), dead, observers=[seen.append])

    assert bh.replay(dead, pipeline, batch_size=2).delivered == 7

    reports = [details.report for details in seen]
    assert [report.received for report in reports if report] == [1, 1, 2, 2, 1]
    assert dead.records == {}


def test_replay_stops_if_the_sink_is_unavailable(
    tmp_path: Path, dead_letter_at: Callable[..., SqliteDeadLetter]
) -> None:
    """Records that were not delivered stay."""
    store = dead_letter_at(tmp_path / "dead.db")
    sink = FailingSink("a")
    pipeline = Pipeline(bh.Transformer(), sink, store)
    pipeline.run([click("a")])
    sink.failures = iter(down(1))

    with pytest.raises(SinkUnavailable):
        bh.replay(store, pipeline)

    assert store.stats().records == 1
    store.close()


def test_replay_works_with_any_store() -> None:
    """A custom store needs three methods; a pipeline with another store raises."""
    dead = MemoryDeadLetter()
    sink = FailingSink("a")
    pipeline = Pipeline(bh.Transformer(), sink, dead)
    pipeline.run([click("a"), click("a", x=1)])
    sink.rejected = ()

    bh.replay(dead, pipeline, batch_size=1)

    assert dead.records == {}
    with pytest.raises(ValueError, match="this dead letter"):
        bh.replay(MemoryDeadLetter(), pipeline)


def test_replay_keeps_records_of_damaged_files(tmp_path: Path) -> None:
    """
    Equal damage in two files makes two records, with name and offset, which a replay
    does not change.
    """
    torn, cut = tmp_path / "torn.jsonl", tmp_path / "cut.jsonl.gz"
    line = json.dumps(click("good")).encode() + b"\n"
    torn.write_bytes(line + b'{"torn')
    (tmp_path / "torn-2.jsonl").write_bytes(line + b'{"torn')
    cut.write_bytes(gzip.compress(line)[:-4])
    with SqliteDeadLetter(tmp_path / "dead.db") as store:
        pipeline = Pipeline(bh.Transformer(), MemorySink(), store)
        for path in sorted(tmp_path.glob("*.jsonl*")):
            pipeline.run(bh.read_events(path))
        before = [*store.read()]

        report = bh.replay(store, pipeline)

        assert [*store.read()] == before
    assert report.dead_lettered_by_reason == {"unreadable": 3}
    for path in (torn, cut, tmp_path / "torn-2.jsonl"):
        place = f"{path} is unreadable at byte {len(line)}: "
        assert sum(place in record.detail for record in before) == 1


def test_a_body_that_can_be_read_today_is_delivered(tmp_path: Path) -> None:
    """A body that was unreadable before is replayed as its events."""
    body = json.dumps({"events": [click("one"), click("two")]}).encode()
    with SqliteDeadLetter(tmp_path / "dead.db") as store:
        store.append([DeadRecord.of(body, "unreadable", "x", datetime.now(UTC))])
        sink = MemorySink()

        report = bh.replay(store, Pipeline(bh.Transformer(), sink, store))

        assert (report.delivered, [*store.read()]) == (2, [])
