"""Tests of dead-letter records, stores and purges."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import itertools
import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braze_heap.events import EmailClick
from braze_heap.exceptions import DeadLetterError, DeadLetterFull
from braze_heap.state import (
    DISCARD,
    DeadRecord,
    Purged,
    SqliteDeadLetter,
    Stats,
    event_id,
    purge,
    stats,
)
from braze_heap.testing import make_event
from braze_heap.wire import RawEvent

AT = datetime(2024, 1, 1, tzinfo=UTC)


def record(original: Any, reason: str = "bad_time", at: datetime = AT) -> DeadRecord:
    """Make a record of *original*."""
    return DeadRecord.of(original, reason, "a detail", at)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteDeadLetter]:
    """Yield an empty store."""
    opened = SqliteDeadLetter(tmp_path / "dead.db")
    yield opened
    opened.close()


def test_a_time_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the zone of the machine is."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert record({"id": "a"}, at=AT.replace(tzinfo=None)).at == AT
    finally:
        monkeypatch.undo()
        time.tzset()


def test_records_are_read_as_they_were_appended(
    store: SqliteDeadLetter, dead_letter_at: Callable[..., SqliteDeadLetter]
) -> None:
    """Records are complete, in order, and still there after reopening."""
    records = [
        record({"id": "a", "x": [1, {"y": "\U0001f600\ud800"}]}),
        record(b"\xff\x00 no JSON"),
        DeadRecord.of(gzip.compress(b"body"), "unreadable", "", AT, zipped=True),
        record(RawEvent({"id": "b"}, "users.messages.email.Click")),
        record([1, 2]),
        record("text"),
        record(None),
    ]
    store.append(records)
    store.close()

    again = dead_letter_at(store._database.path)

    assert list(again.read()) == records
    assert [r.source() for r in again.read()] == [
        {"id": "a", "x": [1, {"y": "\U0001f600\ud800"}]},
        b"\xff\x00 no JSON",
        b"body",
        RawEvent({"id": "b"}, "users.messages.email.Click"),
        [1, 2],
        "text",
        None,
    ]
    again.close()


def test_a_repeated_event_is_one_record(store: SqliteDeadLetter) -> None:
    """The same event again is one record, with the newest reason."""
    store.append([record({"id": "a", "x": 1}), record({"x": 1, "id": "a"})])
    store.append([record({"id": "a", "x": 1}, "mapper_error")])

    (kept,) = store.read()
    assert kept.reason == "mapper_error"


def test_another_event_with_the_same_id_is_kept(store: SqliteDeadLetter) -> None:
    """Two events with one id and different content are two records."""
    store.append([record({"id": "a", "x": 1}), record({"id": "a", "x": 2})])

    assert [r.source()["x"] for r in store.read()] == [1, 2]
    assert all(r.key.startswith("a:") for r in store.read())


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_a_record(value: Any) -> None:
    """The original is kept unchanged, and the key has a bounded length."""
    made = record(value)

    assert json.dumps(made.source(), sort_keys=True) == json.dumps(
        value, sort_keys=True
    )
    assert made.key == record(value).key
    assert len(made.key) <= 300
    json.loads(made.to_json())


@pytest.mark.parametrize(
    "odd",
    [object(), {1: 2, "a": 3}, 10**5000, {"x": {1, 2}}],
    ids=["object", "keys", "number", "set"],
)
def test_a_value_that_is_not_json_is_a_record_too(odd: Any) -> None:
    """A record can be made of any object."""
    assert record(odd).original


def test_only_the_owner_can_read_the_files(
    store: SqliteDeadLetter, tmp_path: Path
) -> None:
    """The mode is 0600, also of the log and of an existing file."""
    store.append([record({"id": "a"})])
    loose = tmp_path / "loose.db"
    loose.touch(0o666)
    SqliteDeadLetter(loose).close()

    modes = {
        file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()
    }
    assert set(modes.values()) == {0o600}
    assert "dead.db-wal" in modes


def test_commits_are_durable(store: SqliteDeadLetter) -> None:
    """The journal is a write-ahead log that is synchronized at each commit."""
    assert store._query("PRAGMA journal_mode") == [("wal",)]
    assert store._query("PRAGMA synchronous") == [(2,)]


def test_append_at_the_cap_keeps_all_records_or_none(
    tmp_path: Path, dead_letter_at: Callable[..., SqliteDeadLetter]
) -> None:
    """At the cap nothing of a batch is written; forgetting records makes room."""
    store = dead_letter_at(tmp_path / "dead.db", max_bytes=100_000)
    store.append([record({"id": "first", "x": "x" * 10_000})])
    batch = [record({"id": f"{n}", "x": "x" * 20_000}) for n in range(10)]

    with pytest.raises(DeadLetterFull, match="Replay or purge"):
        store.append(batch)

    assert [r.source()["id"] for r in store.read()] == ["first"]
    store.forget([r.key for r in store.read()])
    store.append(batch[:2])
    assert store.stats().records == 2
    assert (tmp_path / "dead.db").stat().st_size <= 100_000


def test_forgetting_shrinks_used_bytes(store: SqliteDeadLetter, tmp_path: Path) -> None:
    """The file keeps its size, but uses less of the cap."""
    store.append([record({"id": f"{n}", "x": "x" * 20_000}) for n in range(10)])
    full = store.used_bytes()

    store.forget([r.key for r in store.read()])

    assert full > 200_000
    assert store.used_bytes() == 0
    assert (tmp_path / "dead.db").stat().st_size >= full


@pytest.mark.parametrize("is_replaced", [False, True])
def test_append_raises_if_the_file_was_moved(
    store: SqliteDeadLetter, tmp_path: Path, is_replaced: bool
) -> None:
    """Events are not written to a file that was moved or replaced."""
    store.append([record({"id": "first"})])
    (tmp_path / "dead.db").rename(tmp_path / "old.db")
    if is_replaced:
        (tmp_path / "dead.db").touch()

    with pytest.raises(DeadLetterError, match="moved or deleted"):
        store.append([record({"id": "second"})])


def test_another_kind_of_file_raises(tmp_path: Path) -> None:
    """The error names the kind of file, and quotes nothing."""
    (tmp_path / "dead.db").write_text("canary " * 100)

    with pytest.raises(DeadLetterError, match="it is text") as caught:
        SqliteDeadLetter(tmp_path / "dead.db")
    with pytest.raises(DeadLetterError, match=f"folder {tmp_path / 'no'} for"):
        SqliteDeadLetter(tmp_path / "no" / "dead.db")

    assert caught.value.__cause__ is None


def test_closing_leaves_one_file(store: SqliteDeadLetter, tmp_path: Path) -> None:
    """After closing, one file contains everything: it can be copied and moved."""
    store.append([record({"id": "a"})])

    store.close()

    assert [file.name for file in tmp_path.iterdir()] == ["dead.db"]


def test_failed_forget_rolls_back(store: SqliteDeadLetter) -> None:
    """An iterable of keys that raises removes nothing, and the store stays usable."""

    def keys() -> Iterator[str]:
        yield kept.key
        raise RuntimeError

    kept = record({"id": "a"})
    store.append([kept])

    with pytest.raises(RuntimeError):
        store.forget(keys())
    store.append([record({"id": "b"})])

    assert store.stats().records == 2


@pytest.mark.parametrize(
    "original",
    [
        {"id": "a-1"},
        RawEvent({"id": "a-1"}, "users.messages.email.Click"),
        make_event(EmailClick, id="a-1"),
    ],
    ids=["object", "record", "typed"],
)
def test_a_key_begins_with_the_id_of_the_event(original: Any) -> None:
    """The id that Braze gave is the beginning of the key, in every form of event."""
    assert event_id(original) == "a-1"
    assert record(original).key.startswith("a-1:")


def test_a_closed_store_raises(store: SqliteDeadLetter) -> None:
    """A second close does nothing; any other use raises."""
    store.close()
    store.close()

    with pytest.raises(DeadLetterError, match="is closed: open it again"):
        store.append([record({"id": "a"})])


def test_threads_share_a_store(
    store: SqliteDeadLetter, dead_letter_at: Callable[..., SqliteDeadLetter]
) -> None:
    """Four threads on two connections lose nothing."""
    other = dead_letter_at(store._database.path)

    def write(name: str, to: SqliteDeadLetter) -> None:
        for number in range(10):
            to.append([record({"id": f"{name}-{number}"})])

    threads = [
        threading.Thread(target=write, args=(f"{n}", (store, other)[n % 2]))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.stats().records == 40
    other.close()


WRITER = """
import sys
from datetime import UTC, datetime
from braze_heap.state import DeadRecord, SqliteDeadLetter
with SqliteDeadLetter(sys.argv[1]) as store:
    for n in range(50):
        event = {"id": f"{sys.argv[2]}-{n}"}
        store.append([DeadRecord.of(event, "x", "", datetime.now(UTC))])
"""


def test_processes_share_a_file(store: SqliteDeadLetter) -> None:
    """
    Two processes write while this one reads and forgets: each record is read once.
    """
    command = [sys.executable, "-c", WRITER, str(store._database.path)]
    writers = [subprocess.Popen([*command, name]) for name in "ab"]
    forgotten: list[str] = []
    while any(writer.poll() is None for writer in writers):
        keys = [record.key for record in store.read()]
        store.forget(keys)
        forgotten += keys
    left = [record.key for record in store.read()]

    assert [writer.returncode for writer in writers] == [0, 0]
    assert len({*forgotten, *left}) == len([*forgotten, *left]) == 100


def test_reading_survives_forgetting(store: SqliteDeadLetter) -> None:
    """Records may be forgotten during iteration."""
    store.append([record({"id": f"{n}"}) for n in range(250)])

    for kept in itertools.islice(store.read(), 30):
        store.forget([kept.key])

    assert store.stats().records == 220


def test_purge_removes_a_person(store: SqliteDeadLetter, tmp_path: Path) -> None:
    """
    All records of the person, and no others, are removed, also from the bytes of the
    file.
    """
    store.append(
        [
            record({"id": "a", "user": {"external_user_id": "jane-canary"}}),
            record({"id": "b", "properties": {"deep": [{"email": "jane-canary"}]}}),
            record({"id": "c", "user": {"user_id": 42}}),
            record({"id": "d", "user": {"external_user_id": "joe"}, "x": "42"}),
            record(b'{"events": [{"external_user_id": "jane-canary"}'),
            record(b'{"events": [{"external_user_id": "joe"}'),
        ]
    )

    assert store.purge("jane-canary").removed == 3
    assert store.purge("42").removed == 1
    assert store.purge(lambda r: r.format == "bytes") == Purged(1)

    assert [r.source()["id"] for r in store.read()] == ["d"]
    store.close()
    assert all(b"canary" not in f.read_bytes() for f in tmp_path.iterdir())


@pytest.mark.parametrize(
    "original",
    ["jane-canary", ["jane-canary"], {"user": {"external_user_id": "jane-canary"}}]
    + [b'{"user": "jane-canary", ', b"jane-canary;joe"],
)
def test_purge_matches_whole_identities(store: SqliteDeadLetter, original: Any) -> None:
    """
    A part of a longer word does not match, in events, elements and unreadable bodies.
    """
    store.append([record(original)])

    for other in ("jane", "canary-b", "Xjane-canary", "jane-canaryX"):
        assert store.purge(other).removed == 0
    assert store.purge("jane-canary") == Purged(1)


def test_purge_takes_any_text(store: SqliteDeadLetter) -> None:
    """An identity that cannot be encoded is found too."""
    store.append([record({"user": {"external_user_id": "jane\ud800"}}), record(b"x")])

    assert store.purge("jane\ud800") == Purged(1)


def test_export_writes_json_lines(store: SqliteDeadLetter) -> None:
    """Events are readable; bodies are in Base64."""
    store.append([record({"id": "a"}), record(b"\xff")])
    stream = io.StringIO()

    assert store.export(stream) == 2

    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [row["original"] for row in rows] == [{"id": "a"}, "/w=="]
    assert [row["format"] for row in rows] == ["json", "bytes"]
    assert rows[0]["at"] == "2024-01-01T00:00:00+00:00"


def test_stats_by_reason_and_destination(store: SqliteDeadLetter) -> None:
    """The counts of the store equal the counts of its records."""
    later = AT + timedelta(days=1)
    store.append([record({"id": "a"}), record({"id": "b"}, "bad_user", later)])
    store.append([attrs.evolve(record({"id": "c"}), destination="heap 11")])

    found = store.stats()

    assert found == stats(store)
    assert found.by_reason == {"bad_time": 2, "bad_user": 1}
    assert found.by_destination == {"": 2, "heap 11": 1}
    assert (found.records, found.oldest, found.newest) == (3, AT, later)


def test_discard_keeps_nothing() -> None:
    """`DISCARD` implements the protocol, and is always empty."""
    DISCARD.append([record({"id": "a"})])
    DISCARD.forget(["a"])
    DISCARD.ready()
    DISCARD.close()

    assert list(DISCARD.read()) == []
    assert stats(DISCARD) == Stats({})
    assert purge(DISCARD, "jane") == Purged(0)
    assert repr(DISCARD) == "DISCARD"


def test_repr_hides_original() -> None:
    """The repr of a record does not contain values."""
    assert "canary" not in repr(record({"id": "a", "x": "canary"}))


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"jane")[:-4], b"no gzip", gzip.compress(b"")[:10] + b"\xff" * 20],
    ids=["cut", "other", "deflate"],
)
def test_a_damaged_body_raises(store: SqliteDeadLetter, body: bytes) -> None:
    """Damaged gzip raises an error with the key, and can be exported."""
    store.append([DeadRecord.of(body, "unreadable", "", AT, zipped=True)])

    (damaged,) = store.read()
    with pytest.raises(DeadLetterError, match="damaged"):
        damaged.source()
    assert store.purge("jane").removed == 0
    stream = io.StringIO()
    assert store.export(stream) == 1
    row = json.loads(stream.getvalue())
    assert row["format"] == "gzip"
    assert base64.b64decode(row["original"]) == body


def test_a_body_that_inflates_too_much_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inflated size of a body is bounded."""
    monkeypatch.setattr("braze_heap.state._record.MAX_INFLATED", 1000)
    body = gzip.compress(b" " * 1001)

    with pytest.raises(DeadLetterError, match="damaged"):
        DeadRecord.of(body, "unreadable", "", AT, zipped=True).source()


FORKED = """
import os, sys
from datetime import UTC, datetime
from braze_heap.state import DeadRecord, SqliteDeadLetter
from braze_heap.exceptions import DeadLetterError
def keep(store, name):
    at = datetime.now(UTC)
    store.append([DeadRecord.of({"id": f"{name}-{n}"}, "x", "", at) for n in range(9)])
store = SqliteDeadLetter(sys.argv[1])
if sys.argv[2] == "used":
    keep(store, "before")
child = os.fork()
if not child:
    try:
        keep(store, "child")
    except DeadLetterError as error:
        os._exit(7 if "before a fork" in str(error) else 1)
    os._exit(0)
keep(store, "parent")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(("used", "code", "kept"), [("", 0, 18), ("used", 7, 18)])
def test_forks(store: SqliteDeadLetter, used: str, code: int, kept: int) -> None:
    """A store made before a fork works in each process; used before, it raises."""
    command = [sys.executable, "-c", FORKED, str(store._database.path), used]

    assert subprocess.run(command, timeout=30, check=False).returncode == code
    assert store.stats().records == kept


def test_a_full_disk_keeps_all_or_none(store: SqliteDeadLetter) -> None:
    """A failed write raises and keeps earlier records; with room it succeeds."""
    store.append([record({"id": "first"})])
    batch = [record({"id": f"{n}", "x": "x" * 1_000}) for n in range(200)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DeadLetterError):
            store.append(batch)
        assert store.stats().records == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    store.append(batch)
    assert store.stats().records == 201


def test_a_damaged_record_raises(store: SqliteDeadLetter) -> None:
    """Damage raises an error with the key, and does not stop a purge."""
    store.append([record({"id": "a"})])
    database = sqlite3.connect(store._database.path)
    database.execute("UPDATE dead_letters SET original = x'7b'")
    database.commit()
    database.close()

    (damaged,) = store.read()
    with pytest.raises(DeadLetterError, match="damaged"):
        damaged.source()
    shown = json.loads(damaged.to_json())
    assert (shown["format"], shown["original"]) == ("bytes", "ew==")
    assert store.purge("jane").removed == 0


def test_a_record_has_only_what_every_store_keeps() -> None:
    """NUL and lone surrogates are replaced, and times are in UTC."""
    zone = timezone(timedelta(hours=2))
    made = DeadRecord(
        "a\0", "b\ud800", "c\udfff", AT.astimezone(zone), b"", "bytes", "\0"
    )

    texts = made.key, made.reason, made.detail, made.event_type
    assert texts == ("a\ufffd", "b\ufffd", "c\ufffd", "\ufffd")
    assert made.at.isoformat() == AT.isoformat()
    assert record(1, at=AT.replace(tzinfo=None)).at == AT


def test_a_time_outside_of_the_calendar_is_damage(
    store: SqliteDeadLetter, tmp_path: Path
) -> None:
    """A row that was edited by hand does not stop the reading."""
    store.append([record({"id": "a"})])
    with contextlib.closing(sqlite3.connect(tmp_path / "dead.db")) as db, db:
        db.execute("UPDATE dead_letters SET at = '0001-01-01T00:00:00+05:00'")

    (damaged,) = store.read()
    assert damaged.is_damaged
