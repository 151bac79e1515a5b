"""Backfills: what a run delivers, what the next one continues, and what is refused."""

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import braze_heap as bh
from braze_heap.backfill import BackfillReport, backfill
from braze_heap.exceptions import ProgressError
from braze_heap.sinks import Receipt, Sink
from braze_heap.state import BackfillKey, Position
from braze_heap.storage import _objects
from braze_heap.testing import make_raw
from braze_heap.wire import UnknownFormatError
from tests.storage.layout import CLICK, OPEN, content, key
from tests.storage.test_read import Store
from tests.test_pipeline import MemoryDeadLetter

DAY = "2026-01-15"


class MemoryProgress:
    """Progress in memory."""

    def __init__(self) -> None:
        self.kept: dict[BackfillKey, dict[tuple[str, str, int], Position]] = {}
        self.locked: set[BackfillKey] = set()

    def positions(self, backfill: BackfillKey, /) -> Iterator[Position]:
        return iter([*self.kept.get(backfill, {}).values()])

    def commit(self, backfill: BackfillKey, positions: Sequence[Position], /) -> None:
        kept = self.kept.setdefault(backfill, {})
        kept.update({(p.url, p.version, p.size): p for p in positions})

    @contextmanager
    def lock(self, backfill: BackfillKey, /) -> Iterator[None]:
        if backfill in self.locked:
            raise ProgressError("this backfill is running already")
        self.locked.add(backfill)
        try:
            yield
        finally:
            self.locked.remove(backfill)

    def close(self) -> None:
        pass


class Failing(bh.MemorySink):
    """A sink that accepts *batches* batches, and is down then."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def send(self, calls: Sequence[bh.Call], /) -> Receipt:
        if not self.left:
            raise bh.SinkUnavailable("down")
        self.left -= 1
        return super().send(calls)


@pytest.fixture
def bucket() -> Iterator[str]:
    """Return the URL of a bucket with three objects of 25, 0 and 25 events."""
    url = f"memory://{uuid.uuid4().hex}"
    put(url, key(CLICK, DAY, 7), content(25))
    put(url, key(CLICK, DAY, 8), b"")
    put(url, key(OPEN, DAY, 7), content(25, start=25))
    yield url
    MemoryFileSystem().rm(url.removeprefix("memory:/"), recursive=True)


def put(url: str, name: str, data: bytes) -> None:
    fsspec.filesystem("memory").pipe(f"{url}/{name}", data)


@pytest.fixture
def progress() -> MemoryProgress:
    return MemoryProgress()


def pipeline(sink: Sink, batch_size: int = 10, **options: Any) -> bh.Pipeline:
    dead_letter = options.pop("dead_letter", None) or MemoryDeadLetter()
    transformer = bh.Transformer(**options.pop("transformer", {}))
    return bh.Pipeline(transformer, sink, dead_letter, batch_size=batch_size, **options)


def ids(sink: bh.MemorySink) -> list[str]:
    tracks = (call for call in sink.calls if isinstance(call, bh.Track))
    return [str(call.idempotency_key) for call in tracks]


ALL = [f"event-{number}" for number in range(50)]


# --- What a run delivers --------------------------------------------------------------


def test_each_event_is_delivered_once(bucket: str, progress: MemoryProgress) -> None:
    """All objects are delivered, in batches that span them, and counted."""
    sink, seen = bh.MemorySink(), list[BackfillReport]()

    report = backfill(
        bucket, pipeline(sink), progress=progress, on_progress=seen.append
    )

    assert ids(sink) == ALL
    assert (report.objects, report.done, report.done_before) == (3, 3, 0)
    assert report.bytes == report.bytes_read > 0
    assert report.events.received == report.events.delivered == 50
    assert report.is_finished
    assert [r.events.received for r in seen] == [0, 10, 20, 30, 40, 50, 50]
    assert [r.done for r in seen] == [0, 0, 0, 2, 2, 2, 3]


def test_a_finished_backfill_delivers_only_what_is_new(
    bucket: str, progress: MemoryProgress
) -> None:
    """Objects that are done are skipped; a new one, and one overwritten, are not."""
    backfill(bucket, pipeline(bh.MemorySink()), progress=progress)
    put(bucket, key(CLICK, DAY, 9), content(5, start=100))
    put(bucket, key(OPEN, DAY, 7), content(26, start=25))
    sink = bh.MemorySink()

    report = backfill(bucket, pipeline(sink), progress=progress)

    assert ids(sink) == [f"event-{n}" for n in (*range(100, 105), *range(25, 51))]
    assert (report.objects, report.done, report.done_before) == (4, 4, 2)
    assert backfill(bucket, pipeline(sink), progress=progress).events.received == 0


def test_hours_and_types_are_chosen(bucket: str, progress: MemoryProgress) -> None:
    """The choice is that of `find`; progress is shared with another choice."""
    sink = bh.MemorySink()
    options: dict[str, Any] = {"since": dt.date(2026, 1, 15), "include": OPEN}

    backfill(bucket, pipeline(sink), progress=progress, **options)
    assert ids(sink) == ALL[25:]

    backfill(bucket, pipeline(sink), progress=progress, exclude="users.behaviors.*")
    assert sorted(ids(sink)) == sorted(ALL)


def test_types_that_are_not_sent_are_not_read(
    bucket: str, progress: MemoryProgress
) -> None:
    """Objects of types that the transformer excludes are not counted."""
    sink = bh.MemorySink()
    chosen = pipeline(sink, transformer={"include": OPEN})

    assert backfill(bucket, chosen, progress=progress).objects == 1
    assert ids(sink) == ALL[25:]


# --- What the next run continues ------------------------------------------------------


@pytest.mark.parametrize("batches", range(6))
def test_a_failed_run_is_continued(
    bucket: str, progress: MemoryProgress, batches: int
) -> None:
    """The next run delivers what no decided batch contains, and nothing twice."""
    first, second = Failing(batches), bh.MemorySink()

    if batches < 5:
        with pytest.raises(bh.SinkUnavailable):
            backfill(bucket, pipeline(first), progress=progress)
    else:
        backfill(bucket, pipeline(first), progress=progress)
    report = backfill(bucket, pipeline(second), progress=progress)

    assert ids(first) + ids(second) == ALL
    assert report.done == 3
    assert report.events_before == {0: 0, 1: 10, 2: 20, 3: 5, 4: 15, 5: 0}[batches]


@pytest.mark.parametrize("calls", range(1, 8))
def test_stop_ends_a_run_between_batches(
    bucket: str, progress: MemoryProgress, calls: int
) -> None:
    """Whenever it is true, the report says so, and the next run continues."""
    first, second = bh.MemorySink(), bh.MemorySink()
    count = iter(range(1, 100))

    report = backfill(
        bucket, pipeline(first), progress=progress, stop=lambda: next(count) >= calls
    )
    backfill(bucket, pipeline(second), progress=progress)

    assert report.is_stopped
    assert not report.is_finished
    assert report.events.received == len(ids(first)) < 50
    assert ids(first) + ids(second) == ALL


def test_stop_ends_a_run_that_reads_delivered_events_again(
    bucket: str, progress: MemoryProgress
) -> None:
    """A long object does not delay it."""
    sink = bh.MemorySink()
    calls = iter(range(100))
    backfill(bucket, pipeline(sink), progress=progress, stop=lambda: next(calls) == 2)
    calls = iter(range(100))

    again = backfill(
        bucket, pipeline(sink), progress=progress, stop=lambda: next(calls) == 1
    )

    assert (again.is_stopped, again.events_before) == (True, 10)
    assert again.events.received == 0


def test_damaged_events_are_dead_letters_and_count_as_read(
    bucket: str, progress: MemoryProgress
) -> None:
    """A damaged line is dead-lettered once, although its object is read twice."""
    put(bucket, key(CLICK, DAY, 7), content(4) + b'{"id": tru\n' + content(20, start=4))
    dead, sink = MemoryDeadLetter(), Failing(1)

    with pytest.raises(bh.SinkUnavailable):
        backfill(bucket, pipeline(sink, dead_letter=dead), progress=progress)
    assert [record.reason for record in dead.read()] == ["unreadable"]
    sink.left = -1
    report = backfill(bucket, pipeline(sink, dead_letter=dead), progress=progress)

    assert ids(sink) == [f"event-{n}" for n in (*range(24), *range(25, 50))]
    assert report.events.dead_lettered == 0
    assert report.is_finished


def test_progress_is_kept_for_each_destination(
    bucket: str, progress: MemoryProgress, tmp_path: Path
) -> None:
    """A trial into a file suppresses nothing in another file."""
    for name in ("a", "b"):
        with bh.JsonLinesSink(tmp_path / name) as sink:
            report = backfill(bucket, pipeline(sink), progress=progress)
        assert report.events.delivered == 50


# --- Failures -------------------------------------------------------------------------


def test_an_object_that_cannot_be_read_is_left_to_the_next_run(
    bucket: str, progress: MemoryProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its events before, and the other objects, are delivered; the report names it."""
    put(bucket, key(CLICK, DAY, 7), content(2_000, start=1_000))
    monkeypatch.setattr(_objects, "CHUNK", 10_000)
    monkeypatch.setattr(Store, "requests", [])
    failing = PermissionError("the token has expired")

    def fail(start: int) -> None:
        if start >= 20_000:
            raise failing

    monkeypatch.setattr(Store, "before", staticmethod(fail))
    sink, url = bh.MemorySink(), bucket.replace("memory", "flaky")

    first = backfill(url, pipeline(sink), progress=progress)
    (failed,) = first.failures
    before = len(ids(sink))
    monkeypatch.setattr(Store, "before", staticmethod(lambda start: None))
    second = backfill(url, pipeline(sink), progress=progress)

    assert failed.endswith("date=2026-01-15-07/445/zone/part+0.jsonl")
    assert CLICK in failed
    assert "credentials are missing, expired" in first.failures[failed]
    assert not first.is_finished
    assert first.done == 2
    assert 25 < before == first.events.received < 2_025
    assert second.is_finished
    assert ids(sink)[:-25].count("event-25") == 1
    assert len(ids(sink)) == len(set(ids(sink))) == 2_025


def test_files_that_contain_no_events_are_skipped(
    bucket: str, progress: MemoryProgress
) -> None:
    """The report names them. If there are no others, it is an error."""
    put(bucket, "table.csv", b"a,b\n1,2\n")
    report = backfill(bucket, pipeline(bh.MemorySink()), progress=progress)

    assert [*report.skipped] == [f"{bucket.replace('//', '///')}/table.csv"]
    assert report.is_finished
    assert (report.objects, report.done) == (4, 3)
    with pytest.raises(UnknownFormatError, match=r"CSV"):
        backfill(f"{bucket}/table.csv", pipeline(bh.MemorySink()), progress=progress)


def test_an_hour_without_objects_is_no_error(
    bucket: str, progress: MemoryProgress
) -> None:
    """With a first or last hour, no objects are a success with 0 events."""
    for options in ({"since": dt.date(2026, 3, 1)}, {"until": dt.date(2025, 3, 1)}):
        report = backfill(
            bucket, pipeline(bh.MemorySink()), progress=progress, **options
        )
        assert report == BackfillReport()
        assert report.is_finished


def test_nothing_at_a_url_is_an_error(
    bucket: str, progress: MemoryProgress, tmp_path: Path
) -> None:
    """A missing or empty folder, a choice that nothing has, an unknown type."""
    target = pipeline(bh.MemorySink())
    since = dt.date(2026, 1, 1)

    for options in ({}, {"since": since}):
        with pytest.raises(FileNotFoundError, match="no such bucket"):
            backfill(f"{bucket}/typo", target, progress=progress, **options)
        with pytest.raises(FileNotFoundError, match="there are no objects in it"):
            backfill(tmp_path, target, progress=progress, **options)
    with pytest.raises(FileNotFoundError, match="Check include and exclude"):
        backfill(bucket, target, progress=progress, include="*.sms.*")
    with pytest.raises(ValueError, match=r"[Dd]id you mean"):
        backfill(bucket, target, progress=progress, include="engagment")


@pytest.mark.parametrize("name", ["bucket", "b@cket", "bu::ket"])
@pytest.mark.parametrize(
    "spelling", ["{}", "{}/", "{}//", "file://{}/", "{}/../{name}", "{name}"]
)
def test_two_backfills_of_one_url_refuse_each_other(
    progress: MemoryProgress,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spelling: str,
    name: str,
) -> None:
    """However the URL is written. Its objects are the same ones, too."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "events.jsonl").write_bytes(as_lines([make_raw(CLICK)]))
    monkeypatch.chdir(tmp_path)
    target, other = pipeline(bh.MemorySink()), spelling.format(folder, name=name)

    def again(report: BackfillReport) -> None:
        with pytest.raises(ProgressError, match="running already"):
            backfill(other, target, progress=progress)

    report = backfill(folder, target, progress=progress, on_progress=again)

    assert report.done == 1
    assert backfill(other, target, progress=progress).done_before == 1


# --- User properties ------------------------------------------------------------------


def states(number: int) -> list[dict[str, Any]]:
    event_type = "users.behaviors.subscription.GlobalStateChange"
    times = (1_763_900_000 + n for n in range(number))
    return [make_raw(event_type, id=f"s{n}", time=t) for n, t in enumerate(times)]


def as_lines(events: Iterable[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(event).encode() for event in events)


def test_user_properties_are_not_sent_but_counted(
    tmp_path: Path, progress: MemoryProgress
) -> None:
    """Events that state them are sent, without them."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(as_lines([*states(3), states(1)[0]]))
    sink, whole = bh.MemorySink(), bh.MemorySink()

    report = backfill(path, pipeline(sink, batch_size=2), progress=progress)
    pipeline(whole).run(states(3))

    calls = [call for call in whole.calls if isinstance(call, bh.Track)]
    assert sink.calls == [*calls, calls[0]]
    assert report.skipped_user_properties > 0
    assert report.events.delivered == 4


def test_user_properties_are_sent_with_a_ledger(
    tmp_path: Path, progress: MemoryProgress
) -> None:
    """They are, if the caller says so and gives the ledger; the newest wins."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(as_lines(reversed(states(3))))
    sink = bh.MemorySink()
    target = pipeline(sink, batch_size=1, ledger=bh.MemoryLedger())

    report = backfill(path, target, progress=progress, user_properties=True)

    sent = [call for call in sink.calls if isinstance(call, bh.AddUserProperties)]
    assert [call.event_id for call in sent] == ["s2"]
    assert report.skipped_user_properties == 0


def test_user_properties_need_a_ledger(bucket: str, progress: MemoryProgress) -> None:
    """Old values would replace the newer ones of the live service."""
    with pytest.raises(ValueError, match="the ledger of the live service"):
        backfill(
            bucket, pipeline(bh.MemorySink()), progress=progress, user_properties=True
        )


def test_an_event_of_user_properties_alone_is_skipped(
    tmp_path: Path, progress: MemoryProgress
) -> None:
    """It is counted with its repeats."""
    path = tmp_path / "events.jsonl"
    mappers = bh.Mappers()

    @mappers.maps(CLICK)
    def state(event: bh.CurrentsEvent) -> Any:
        return bh.HeapUserProperties({"clicked": True})

    events = [make_raw(CLICK, id=i, external_user_id=i) for i in "aba"]
    path.write_bytes(as_lines(events))
    sink = bh.MemorySink()

    report = backfill(
        path,
        pipeline(sink, transformer={"mappers": mappers}),
        progress=progress,
    )

    assert sink.calls == []
    assert report.events.skipped_by_reason == {"user_properties": 3}


# --- Wiring ---------------------------------------------------------------------------


def test_folders_of_a_bucket_share_their_progress(
    bucket: str, progress: MemoryProgress
) -> None:
    """What another URL has found is not delivered again; and only one may run."""
    sink = bh.MemorySink()
    folder = key(CLICK, DAY, 7).partition("/date=")[0]

    part = backfill(f"{bucket}/{folder}", pipeline(sink), progress=progress)
    whole = backfill(bucket, pipeline(sink), progress=progress)

    assert (part.objects, whole.objects, whole.done_before) == (2, 3, 2)
    assert ids(sink) == ALL
    assert len(progress.kept) == 1


def test_wiring_mistakes_raise_at_once(bucket: str, progress: MemoryProgress) -> None:
    """Each names what is needed."""
    nameless = pipeline(bh.MemorySink())
    nameless.sink = type("Nameless", (), {"send": None})()  # type: ignore[assignment]

    with pytest.raises(TypeError, match="give it an attribute destination"):
        backfill(bucket, nameless, progress=progress)
    with pytest.raises(TypeError, match="needs a Pipeline, not a MemorySink"):
        backfill(bucket, bh.MemorySink(), progress=progress)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="stop must be a function of no arguments"):
        backfill(bucket, pipeline(bh.MemorySink()), progress=progress, stop=True)  # type: ignore[arg-type]
