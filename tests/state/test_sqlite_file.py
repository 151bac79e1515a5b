"""Tests of the SQLite file: recognition, damage, disk space, locks."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.exceptions import DeadLetterError, DeadLetterFull
from braze_heap.sinks import MemorySink
from braze_heap.state import (
    MAX_BYTES,
    DeadRecord,
    SqliteDeadLetter,
    stats,
)
from braze_heap.state._state_file import APPLICATION_ID, LAYOUT
from braze_heap.testing import make_raw

AT = datetime(2024, 1, 1, tzinfo=UTC)

TABLE = "CREATE TABLE dead_letters (key TEXT PRIMARY KEY)"


def record(number: int, size: int = 0) -> DeadRecord:
    """Make a record of a valid event."""
    event = make_raw("users.messages.email.Click", id=f"e{number}", url="x" * size)
    return DeadRecord.of(
        event, "bad_time", "a detail", AT, destination=MemorySink.destination
    )


def execute(path: Path, *statements: str) -> None:
    """Change the file at *path* without the library."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def pragma(path: Path, name: str) -> Any:
    """Return the value of a pragma of the file."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(f"PRAGMA {name}").fetchone()[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a closed dead letter with three records."""
    path = tmp_path / "dead.db"
    with SqliteDeadLetter(path) as store:
        store.append([record(number) for number in range(3)])
    return path


def test_the_header_identifies_a_state_file(path: Path) -> None:
    """The header has the application id and the number of the layout."""
    assert pragma(path, "application_id") == APPLICATION_ID
    assert pragma(path, "user_version") == LAYOUT
    assert path.read_bytes()[68:72] == b"BHdl"


FOREIGN: dict[str, Callable[[Path], object]] = {
    "rollback": lambda p: execute(p, "CREATE TABLE mine (a)"),
    "wal": lambda p: execute(p, "PRAGMA journal_mode=WAL", "CREATE TABLE mine (a)"),
    "same table": lambda p: execute(p, "CREATE TABLE dead_letters (key, mine)"),
    "no table": lambda p: execute(p, "PRAGMA user_version=0", "VACUUM"),
    "other application": lambda p: execute(p, TABLE, "PRAGMA application_id=1"),
    "other version": lambda p: execute(p, TABLE, "PRAGMA user_version=3"),
    "text": lambda p: p.write_text("id,name\n1,Ada\n" * 100),
    "json": lambda p: p.write_text('{"events": []}'),
    "toml": lambda p: p.write_text("[state]\npath = 'state.db'\n"),
    "gzip": lambda p: p.write_bytes(b"\x1f\x8b\x08" + bytes(600)),
    "binary": lambda p: p.write_bytes(bytes(range(256)) * 4),
    "cut": lambda p: p.write_bytes(b"SQLite format 3\0" + bytes(2)),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_another_kind_of_file_stays_unchanged(kind: str, tmp_path: Path) -> None:
    """
    Content, mode and journal do not change, nothing appears beside it, and the error
    names the file.
    """
    path = tmp_path / "other.db"
    FOREIGN[kind](path)
    path.chmod(0o640)
    before = path.read_bytes()

    with pytest.raises(DeadLetterError, match=r"other.db (is|.* damaged|.* cannot)"):
        SqliteDeadLetter(path)

    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wal", "a SQLite database of another application .*tables: 'mine'"),
        ("no table", "tables: none"),
        ("json", "it is JSON$"),
        ("toml", "it is JSON or TOML"),
        ("gzip", "it is binary data"),
        ("text", "it is CSV"),
        ("binary", "it is binary data"),
    ],
)
def test_the_error_names_the_kind_of_file(
    kind: str, words: str, tmp_path: Path
) -> None:
    """The error quotes nothing of the file but names of tables."""
    FOREIGN[kind](tmp_path / "other.db")

    with pytest.raises(DeadLetterError, match=f"is not a state file.*{words}"):
        SqliteDeadLetter(tmp_path / "other.db")


def test_another_database_that_is_open_stays_unchanged(tmp_path: Path) -> None:
    """A process that has the other database open can still write to it."""
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE mine (a)")

        with pytest.raises(DeadLetterError, match="'mine'"):
            SqliteDeadLetter(path)

        db.execute("INSERT INTO mine VALUES (1)")
        db.commit()
    assert pragma(path, "application_id") == 0


@pytest.mark.parametrize(("layout", "age"), [(LAYOUT + 1, "newer"), (1, "older")])
def test_another_layout_raises(path: Path, layout: int, age: str) -> None:
    """A file of another version of the package stays unchanged."""
    execute(path, f"PRAGMA user_version = {layout}")
    before = path.read_bytes()

    with pytest.raises(DeadLetterError, match=f"made by an? {age} version"):
        SqliteDeadLetter(path)

    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["", ":memory:", "file::memory:", "file:x?mode=rw"])
def test_records_are_never_kept_in_memory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that SQLite does not take for a file raise."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ValueError, match="needs a file"):
        SqliteDeadLetter(name)

    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_not_a_file_is_named(tmp_path: Path) -> None:
    """The error tells a folder, a device, a missing folder and a missing file apart."""
    (tmp_path / "file").touch()
    cases = {
        tmp_path: "is a folder",
        Path("/dev/null"): "is not a regular file",
        tmp_path / "no" / "dead.db": "folder .*/no for dead.db does not exist: create",
        tmp_path / "file" / "dead.db": "folder .*/file for dead.db does not exist",
    }
    for path, words in cases.items():
        with pytest.raises(DeadLetterError, match=words):
            SqliteDeadLetter(path)
    with pytest.raises(DeadLetterError, match=r"state file .*dead.db does not exist"):
        SqliteDeadLetter(tmp_path / "dead.db", create=False)
    with pytest.raises(DeadLetterError, match="it is empty"):
        SqliteDeadLetter(tmp_path / "file", create=False)
    with pytest.raises(ValueError, match="max_bytes must be at least 65,536, not 1"):
        SqliteDeadLetter(tmp_path / "dead.db", max_bytes=1)

    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_symbolic_link_is_followed(path: Path, tmp_path: Path) -> None:
    """A file has one log, under whatever name it is opened."""
    link = tmp_path / "link.db"
    link.symlink_to(path)

    with SqliteDeadLetter(link) as store, SqliteDeadLetter(path) as same:
        store.append([record(3)])

        assert same.stats().records == 4
        assert not (tmp_path / "link.db-wal").exists()


def test_the_working_directory_may_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is resolved when the store is made."""
    monkeypatch.chdir(tmp_path)
    store = SqliteDeadLetter("dead.db")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")

    store.append([record(1)])
    store.close()

    assert list((tmp_path / "other").iterdir()) == []
    assert repr(store) == "SqliteDeadLetter('dead.db')"


MAKER = """
import sys
from datetime import UTC, datetime
from braze_heap.state import DeadRecord, SqliteDeadLetter
with SqliteDeadLetter(sys.argv[1]) as store:
    store.append([DeadRecord.of({"id": sys.argv[2]}, "x", "", datetime.now(UTC))])
"""


@pytest.mark.parametrize("is_empty", [False, True])
def test_processes_create_one_file(is_empty: bool, tmp_path: Path) -> None:
    """Processes that start together use one file, and lose nothing."""
    path = tmp_path / "dead.db"
    if is_empty:
        path.touch()
    command = [sys.executable, "-c", MAKER, str(path)]
    makers = [subprocess.Popen([*command, name]) for name in "abcd"]

    assert [maker.wait(30) for maker in makers] == [0] * 4
    with SqliteDeadLetter(path) as store:
        assert store.stats().records == 4


def test_a_file_that_was_half_created_is_created_again(
    tmp_path: Path,
) -> None:
    """SQLite restores the file to an empty one by its journal."""
    path, journal = tmp_path / "dead.db", tmp_path / "dead.db-journal"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN")
        db.execute("CREATE TABLE half (a)")
        db.execute("INSERT INTO half VALUES (zeroblob(100000))")  # goes to the disk
        half = path.read_bytes(), journal.read_bytes()
    path.write_bytes(half[0])
    journal.write_bytes(half[1])
    assert half[0]

    with SqliteDeadLetter(path) as store:
        store.append([record(1)])
        assert store.stats().records == 1


DAMAGES = {
    "key is NULL": "key = NULL",
    "key has invalid bytes": "key = CAST(x'ff' AS TEXT)",
    "key is a blob": "key = x'ff00'",
    "reason is a blob": "reason = x'ff'",
    "reason has invalid bytes": "reason = CAST(x'ff' AS TEXT)",
    "at is no time": "at = 'yesterday'",
    "at is a number": "at = 12",
    "original is NULL": "original = NULL",
    "original is a number": "original = 1.5",
    "format is unknown": "format = 'zstd'",
    "mappers are no JSON": "mappers = '{'",
    "mappers are a list": "mappers = '[]'",
    "destination is NULL": "destination = NULL",
}


@pytest.fixture(params=DAMAGES)
def damaged(
    request: pytest.FixtureRequest, path: Path
) -> Iterator[tuple[SqliteDeadLetter, Path]]:
    """Yield the store, with its second record damaged."""
    lax = "REPLACE(sql, 'NOT NULL', '')"
    execute(
        path,
        "PRAGMA writable_schema = ON",
        f"UPDATE sqlite_master SET sql = {lax} WHERE name = 'dead_letters'",
    )
    execute(path, f"UPDATE dead_letters SET {DAMAGES[request.param]} WHERE rowid = 2")
    with SqliteDeadLetter(path) as store:
        yield store, path


def test_a_damaged_row_is_one_damaged_record(
    damaged: tuple[SqliteDeadLetter, Path],
) -> None:
    """Reading, counting, exporting and purging include the damaged record."""
    store, _ = damaged
    first, bad, last = store.read()
    stream = io.StringIO()

    assert (first, last) == (record(0), record(2))
    assert bad.is_damaged
    assert bad.detail.startswith("row 2 of the file is damaged: ")
    with pytest.raises(DeadLetterError, match="damaged"):
        bad.source()
    assert store.stats() == stats(store)
    assert store.stats().by_reason == {"bad_time": 2, "damaged_record": 1}
    assert store.export(stream) == 3
    assert [json.loads(line)["reason"] for line in stream.getvalue().splitlines()] == [
        "bad_time",
        "damaged_record",
        "bad_time",
    ]
    assert store.purge("nobody").removed == 0
    assert store.purge(lambda r: r.is_damaged).removed == 1
    assert [*store.read()] == [record(0), record(2)]


def test_replay_keeps_a_damaged_row(
    damaged: tuple[SqliteDeadLetter, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged row is counted and logged; the others are delivered."""
    store, _ = damaged

    report = bh.replay(store, bh.Pipeline(bh.Transformer(), MemorySink(), store))

    assert (report.received, report.delivered) == (3, 2)
    assert report.dead_lettered_by_reason == {"damaged_record": 1}
    (bad,) = store.read()
    assert bad.key in caplog.text


def test_an_event_that_comes_again_repairs_its_row(path: Path) -> None:
    """
    The values of the row are replaced, because the same key means the same content.
    """
    execute(path, "UPDATE dead_letters SET original = 7 WHERE rowid = 2")

    with SqliteDeadLetter(path) as store:
        store.append([record(1)])
        assert [*store.read()] == [record(0), record(1), record(2)]


@pytest.fixture
def torn(tmp_path: Path) -> Iterator[tuple[SqliteDeadLetter, int]]:
    """Yield a store of 200 records with a page of its table overwritten."""
    path = tmp_path / "dead.db"
    with SqliteDeadLetter(path) as store:
        store.append([record(number, 300) for number in range(200)])
    (size,) = (pragma(path, "page_size"),)
    data = bytearray(path.read_bytes())
    middle = data.index(b'"id":"e100"') // size * size
    data[middle : middle + size] = b"\xff" * size
    path.write_bytes(data)
    with SqliteDeadLetter(path) as store:
        yield store, size


def test_a_damaged_page_damages_only_its_rows(
    torn: tuple[SqliteDeadLetter, int],
) -> None:
    """
    Each row of the page is a damaged record under its key; the others are readable.
    """
    store, size = torn
    records = [*store.read()]
    bad = [r for r in records if r.is_damaged]

    assert len(records) == 200
    assert 1 <= len(bad) < size / 300
    assert {r.key.partition(":")[0] for r in records} == {f"e{n}" for n in range(200)}
    assert store.stats().by_reason["damaged_record"] == len(bad)
    assert store.export(io.StringIO()) == 200
    assert store.purge("nobody").removed == 0


def test_a_purge_suspects_rows_that_are_too_damaged_to_search(
    torn: tuple[SqliteDeadLetter, int],
) -> None:
    """ "0 removed" would be wrong if the person is in a row that cannot be searched."""
    store, _ = torn
    bad = {r.key for r in store.read() if r.is_damaged}

    suspected = store.purge("nobody").suspected

    assert suspected.keys() == bad
    assert {*suspected.values()} == {"is damaged, so that it cannot be searched"}


def test_removing_a_record_of_a_damaged_page_raises(
    torn: tuple[SqliteDeadLetter, int],
) -> None:
    """The error gives advice."""
    store, _ = torn

    with pytest.raises(DeadLetterError, match=r"damaged.*export the dead letters"):
        store.purge(lambda r: r.is_damaged)


@contextlib.contextmanager
def limited(size: int) -> Iterator[None]:
    """Limit the size of files of this process to *size* bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(store: SqliteDeadLetter, records: list[DeadRecord]) -> str:
    """Append *records* one by one, and return the error of the first that fails."""
    try:
        for one in records:
            store.append([one])
    except DeadLetterFull as error:
        return str(error)
    raise AssertionError("there is room for all of them")


def test_the_check_fails_while_the_failed_append_would_fail(path: Path) -> None:
    """
    A small record that fits in between does not change that; with room it succeeds.
    """
    big = record(9, 200_000)
    with SqliteDeadLetter(path) as store:
        with limited(100_000):
            with pytest.raises(DeadLetterError, match="ulimit -f"):
                store.append([big])
            store.append([record(4)])
            with pytest.raises(DeadLetterError, match="ulimit -f"):
                store.ready()

        store.ready()
        assert store.stats().records == 4
        store.append([big])
        assert store.stats().records == 5


def test_the_check_fails_at_the_cap(tmp_path: Path) -> None:
    """The check of a full store fails until records are forgotten."""
    with SqliteDeadLetter(tmp_path / "dead.db", max_bytes=100_000) as store:
        store.append([record(number, 20_000) for number in range(3)])
        with pytest.raises(DeadLetterFull, match=r"of 100,000 bytes.*Replay or purge"):
            store.append([record(9, 40_000)])
        with pytest.raises(DeadLetterFull, match="--max-bytes"):
            store.ready()

        store.forget(record(n, 20_000).key for n in range(3))
        store.ready()
        store.append([record(9, 40_000)])

        assert store.stats().records == 1


def test_a_full_dead_letter_can_be_replayed(tmp_path: Path) -> None:
    """Records that are rejected again are stored already, and need no more room."""

    def wordy(event: Any) -> None:
        raise ValueError

    mappers = bh.Mappers()
    mappers.maps("users.messages.email.Click")(wordy)
    refusing = bh.Transformer(bh.DEFAULT_MAPPERS | mappers.registry())
    with SqliteDeadLetter(tmp_path / "dead.db", max_bytes=100_000) as store:
        fill(store, [record(number, number % 40) for number in range(1_000)])
        before = store.stats().records

        report = bh.replay(store, bh.Pipeline(refusing, MemorySink(), store))

        assert report.dead_lettered == store.stats().records == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a separate disk of 2 MB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        done = False
    if not done:
        pytest.skip("needs the right to mount a disk in memory")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_can_be_purged_and_replayed(small_disk: Path) -> None:
    """The store is full before the room for the log of a purge is used."""
    with SqliteDeadLetter(small_disk / "dead.db") as store:
        error = fill(store, [record(number, 20_000) for number in range(1_000)])
        with pytest.raises(DeadLetterFull):
            store.ready()
        kept = store.stats().records

        assert store.purge(lambda r: r.key.startswith("e1:")).removed == 1
        report = bh.replay(store, bh.Pipeline(bh.Transformer(), MemorySink(), store))
        store.ready()

    assert report.delivered == kept - 1
    assert "the disk of the state file is full" in error
    assert f"{MAX_BYTES:,}" not in error


def test_freeing_the_named_bytes_of_a_full_disk_is_enough(small_disk: Path) -> None:
    """On a disk without any free byte, the error names the bytes to free."""
    with SqliteDeadLetter(small_disk / "dead.db") as store:
        store.append([record(number, 20_000) for number in range(20)])
        filling = small_disk / "filling"
        with contextlib.suppress(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4_096))
        with pytest.raises(DeadLetterFull) as caught:
            store.purge(lambda _: True)
        with pytest.raises(DeadLetterFull):
            store.ready()

        os.truncate(filling, filling.stat().st_size - caught.value.needed_bytes)

        assert store.purge(lambda _: True).removed == 20
        store.ready()


REPLAYER = """
import sys, time
import braze_heap as bh
from braze_heap.sinks import MemorySink
class Slow(MemorySink):
    def send(self, calls, /):
        print("sending", flush=True)
        time.sleep(60)
with bh.SqliteDeadLetter(sys.argv[1]) as store:
    bh.replay(store, bh.Pipeline(bh.Transformer(), Slow(), store))
"""


def test_a_second_replay_raises(path: Path) -> None:
    """A replay in another process counts too, until that process ends or is killed."""
    command = [sys.executable, "-c", REPLAYER, str(path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as other,
        SqliteDeadLetter(path) as store,
    ):
        assert other.stdout is not None
        assert other.stdout.readline() == b"sending\n"
        pipeline = bh.Pipeline(bh.Transformer(), MemorySink(), store)

        with pytest.raises(DeadLetterError, match=r"another replay with .* is running"):
            bh.replay(store, pipeline)
        other.kill()
        other.wait()

        assert bh.replay(store, pipeline).delivered == 3
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_replay_inside_a_replay_raises(path: Path) -> None:
    """A nested replay of the same store, or of the same file, raises."""
    with SqliteDeadLetter(path) as store, SqliteDeadLetter(path) as same:
        errors: list[str] = []

        class Nested(MemorySink):
            def send(self, calls: Any, /) -> bh.sinks.Receipt:
                for again in (store, same):
                    with pytest.raises(DeadLetterError, match="another replay"):
                        bh.replay(again, bh.Pipeline(bh.Transformer(), self, again))
                    errors.append("refused")
                return super().send(calls)

        report = bh.replay(store, bh.Pipeline(bh.Transformer(), Nested(), store))

    assert (report.delivered, errors) == (3, ["refused"] * 2)


def test_a_state_file_with_other_tables_stays_unchanged(tmp_path: Path) -> None:
    """The header identifies a state file, but the tables are not those of a layout."""
    path = tmp_path / "dead.db"
    execute(
        path,
        TABLE,
        f"PRAGMA application_id = {APPLICATION_ID}",
        f"PRAGMA user_version = {LAYOUT}",
    )
    before = path.read_bytes()

    with pytest.raises(DeadLetterError, match="has other tables: move it away"):
        SqliteDeadLetter(path)

    assert path.read_bytes() == before
