"""Tests of one file with all state: parts, cap, destinations, errors, progress."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.exceptions import (
    DeadLetterError,
    DeadLetterFull,
    LedgerError,
    ProgressError,
    StateError,
)
from braze_heap.sinks import Buffered, Filtered, Receipt, Rejection, Tee
from braze_heap.state import (
    BackfillKey,
    DeadRecord,
    Ledger,
    LedgerEntry,
    LedgerKey,
    Position,
    SqliteDeadLetter,
    SqliteLedger,
    SqliteProgress,
    SqliteState,
    Statement,
    _state_file,
    purge,
)
from braze_heap.testing import check_ledger, make_raw

AT = datetime(2024, 1, 1, tzinfo=UTC)
KEY = BackfillKey("heap one 11", "s3://bucket/currents")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    """Yield an empty state with the smallest cap."""
    with SqliteState(tmp_path / "state.db", max_bytes=1 << 16) as state:
        yield state


def record(number: int, size: int = 0, destination: str = "") -> DeadRecord:
    event = {"id": f"e{number}", "x": "x" * size}
    return DeadRecord.of(event, "bad_time", "", AT, destination=destination)


def write_ledger(ledger: SqliteLedger, number: int, size: int = 0) -> None:
    """Write an entry of the user *number*."""
    key = LedgerKey("heap one 11", f"user-{number}", "plan")
    entry = LedgerEntry(Statement(1.0, "event", "x" * size))
    ledger.update({key}, lambda _: {key: entry})


def test_parts_share_a_file_that_each_can_open_alone(
    state: SqliteState, tmp_path: Path
) -> None:
    """Closing a part leaves the state open; closing the state leaves one file."""
    position = Position("s3://bucket/currents/a.avro", "v1", 100, 7)
    with state.dead_letter, state.ledger, state.progress:
        state.dead_letter.append([record(1)])
        write_ledger(state.ledger, 1)
        state.progress.commit(KEY, [position])
    path = tmp_path / "state.db"

    with SqliteDeadLetter(path) as store, SqliteLedger(path) as ledger:
        assert [*store.read()] == [*state.dead_letter.read()] == [record(1)]
        assert len([*ledger.read()]) == 1
    with SqliteProgress(path) as progress:
        assert [*progress.positions(KEY)] == [position]
    state.close()
    assert [file.name for file in tmp_path.iterdir()] == ["state.db"]


def test_the_ledger_fulfills_its_contract(tmp_path: Path) -> None:
    """The parts of one file are independent."""
    with contextlib.ExitStack() as states:

        def make_ledger() -> Ledger:
            return states.enter_context(SqliteState(tmp_path / "state.db")).ledger

        check_ledger(make_ledger, durable=True)


def test_only_dead_letters_count_for_the_cap(state: SqliteState) -> None:
    """Ledger and progress take no room of the cap, and work if it is reached."""
    for number in range(100):
        write_ledger(state.ledger, number, 2_000)
    urls = [f"s3://bucket/currents/{number:0500}" for number in range(200)]
    state.progress.commit(KEY, [Position(url, "v", 1, 1) for url in urls])

    assert state.dead_letter.used_bytes() == 0
    state.dead_letter.append([record(1, 64_000)])
    with pytest.raises(DeadLetterFull, match="of 65,536 bytes are used"):
        state.dead_letter.append([record(2, 1_000)])
    with pytest.raises(DeadLetterFull):
        state.dead_letter.ready()
    write_ledger(state.ledger, 100, 2_000)
    state.progress.commit(KEY, [Position(urls[0], "v", 1, 1, is_done=True)])

    state.dead_letter.forget([record(1, 64_000).key])
    state.dead_letter.ready()
    state.dead_letter.append([record(2, 1_000)])


def test_used_bytes_follow_every_change(state: SqliteState) -> None:
    """They equal the sizes of the records, whatever is appended again or forgotten."""
    rng, kept = random.Random(1), dict[str, int]()
    for _ in range(300):
        one = record(rng.randrange(9), rng.randrange(2) * 500)
        if rng.random() < 0.6:
            state.dead_letter.append([one])
            kept[one.key] = len(one.original)
        else:
            state.dead_letter.forget([one.key])
            kept.pop(one.key, None)
        size = sum(kept.values())
        assert state.dead_letter.used_bytes() == size + len(kept) * 512
        assert state.dead_letter.stats().size == size


def test_a_lower_cap_keeps_what_is_there(state: SqliteState, tmp_path: Path) -> None:
    """Nothing can be added, but the same records can be appended again and removed."""
    records = [record(number, 20_000) for number in range(3)]
    with SqliteDeadLetter(tmp_path / "state.db") as large:
        large.append(records * 2)
        large.append([record(9, 20_000)])

    state.dead_letter.append(records)
    with pytest.raises(DeadLetterFull):
        state.dead_letter.append([record(5)])
    state.dead_letter.forget(one.key for one in records)
    state.dead_letter.append([record(5)])


def test_the_good_path_touches_no_disk(tmp_path: Path) -> None:
    """Without user properties and dead letters, the file is not even opened."""
    with SqliteState(tmp_path / "state.db") as state:
        pipeline = bh.Pipeline(
            bh.Transformer(), bh.MemorySink(), state.dead_letter, ledger=state.ledger
        )
        (tmp_path / "state.db").unlink()

        report = pipeline.run([make_raw("users.messages.email.Click")])

        assert report.delivered == 1
        assert list(tmp_path.iterdir()) == []


def test_an_event_that_fails_at_two_destinations_is_two_records(
    state: SqliteState,
) -> None:
    """`replay` takes those of its sink, counts the others, and takes them if asked."""
    broken = make_raw("users.messages.email.Click", id="e1", external_user_id="null")
    fixed = bh.Transformer(identity="user_id")
    sinks = [Named("app 11"), Named("app 12"), Named("app 13")]
    for sink in sinks[:2]:
        bh.Pipeline(bh.Transformer(), sink, state.dead_letter).run([broken])
    before = state.dead_letter.stats()
    pipelines = [bh.Pipeline(fixed, sink, state.dead_letter) for sink in sinks]

    none = bh.replay(state.dead_letter, pipelines[2])
    first = bh.replay(state.dead_letter, pipelines[0])
    with pytest.raises(TypeError, match=r"write \[destination\]"):
        bh.replay(state.dead_letter, pipelines[2], destinations="app 12")
    rest = bh.replay(state.dead_letter, pipelines[2], destinations=["app 12"])

    assert before.by_destination == {"app 11": 1, "app 12": 1}
    assert (none.received, none.other_destinations) == (0, {"app 11": 1, "app 12": 1})
    assert (first.delivered, first.other_destinations) == (1, {"app 12": 1})
    assert (rest.delivered, rest.other_destinations) == (1, {})
    assert [len(sink.calls) for sink in sinks] == [1, 0, 1]
    assert state.dead_letter.stats().records == 0


class Rejecting(bh.MemorySink):
    """Sink that rejects the first batch."""

    def __init__(self, destination: str) -> None:
        super().__init__()
        self.destination = destination
        self.rejects = True

    def send(self, calls: Sequence[Any], /) -> Receipt:
        """Reject the calls, or keep them."""
        if not self.rejects:
            return super().send(calls)
        self.rejects = False
        return Receipt(0, tuple(Rejection(i, "no") for i in range(len(calls))))


def test_what_an_unnamed_filter_could_not_deliver_stays_of_its_place(
    state: SqliteState,
) -> None:
    """A replay into another place does not deliver it there."""
    us, eu = Rejecting("heap us"), Rejecting("heap eu")
    wraps: list[Callable[[Any], Any]] = [
        lambda sink: Filtered(sink, lambda _: True),
        lambda sink: Buffered(Filtered(Tee(sink), lambda _: True), seconds=0),
    ]
    for number, wrap in enumerate(wraps):
        us.rejects = eu.rejects = True
        to_us, to_eu = (
            bh.Pipeline(bh.Transformer(), wrap(sink), state.dead_letter)
            for sink in (us, eu)
        )
        to_eu.run([make_raw("users.messages.email.Open", id=f"eu-{number}")])
        us.rejects = False

        report = bh.replay(state.dead_letter, to_us)
        assert report.other_destinations == {"heap eu": 1}
        assert bh.replay(state.dead_letter, to_eu).delivered == 1
        assert (len(us.calls), len(eu.calls)) == (0, number + 1)

    both = Tee(Filtered(us, lambda _: True), eu)
    pipeline = bh.Pipeline(bh.Transformer(), both, state.dead_letter)
    assert pipeline.destination == "heap eu + heap us"


class Named(bh.MemorySink):
    """Sink with a name."""

    def __init__(self, destination: str) -> None:
        super().__init__()
        self.destination = destination


def test_bodies_that_can_be_read_today_are_replayed(state: SqliteState) -> None:
    """Each body is a batch of its own, and is removed if its events are delivered."""
    clicks = [make_raw("users.messages.email.Click", id=f"e{n}") for n in range(3)]
    batches = [json.dumps({"events": part}) for part in (clicks[:2], clicks[2:])]
    pipeline = bh.Pipeline(bh.Transformer(), bh.MemorySink(), state.dead_letter)
    for detail, body in enumerate((*batches, "{")):
        original, to = body.encode(), pipeline.destination
        dead = DeadRecord.of(original, "unreadable", str(detail), AT, destination=to)
        state.dead_letter.append([dead])

    report = bh.replay(state.dead_letter, pipeline)

    assert report.delivered == 3
    assert report.dead_lettered_by_reason == {"unreadable": 1}
    assert [record.detail for record in state.dead_letter.read()] == ["2"]


def test_a_record_that_is_rejected_elsewhere_again_moves_there(
    state: SqliteState,
) -> None:
    """It is one record still, of the destination that rejected it last."""
    broken = make_raw("users.messages.email.Click", id="e1", external_user_id="null")
    bh.Pipeline(bh.Transformer(), Named("old"), state.dead_letter).run([broken])
    new = bh.Pipeline(bh.Transformer(), Named("new"), state.dead_letter)

    report = bh.replay(state.dead_letter, new, destinations=["old", "new"])

    assert (report.received, report.dead_lettered) == (1, 1)
    assert [one.destination for one in state.dead_letter.read()] == ["new"]


def test_a_purge_covers_all_destinations(state: SqliteState) -> None:
    """Dead letters and user properties of a person are removed everywhere."""
    for to in ("app 11", "app 12"):
        event = {"id": "1", "user": {"external_user_id": "jane"}}
        state.dead_letter.append([DeadRecord.of(event, "x", "", AT, destination=to)])
        key = LedgerKey(to, "jane", "plan")
        entry = LedgerEntry(Statement(1.0, "event", "gold"))
        state.ledger.update({key}, lambda _, k=key, e=entry: {k: e})  # type: ignore[misc]

    done = purge(state.dead_letter, "jane")

    assert (done.removed, done.forgotten) == (2, 1)
    assert [*state.ledger.read()] == []


Use = Callable[[SqliteState], object]

PARTS: dict[type[StateError], Use] = {
    DeadLetterError: lambda state: state.dead_letter.append([record(1)]),
    LedgerError: lambda state: write_ledger(state.ledger, 1),
    ProgressError: lambda state: state.progress.commit(
        KEY, [Position("s3://bucket/a", "v", 1, 1)]
    ),
}


def move(_: SqliteState, path: Path) -> None:
    path.rename(path.with_name("other.db"))


def damage(state: SqliteState, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        for table in ("dead_letters", "user_properties", "positions"):
            db.execute(f"DROP TABLE {table}")


MISUSES: dict[str, Callable[[SqliteState, Path], object]] = {
    "was moved or deleted": move,
    "is closed": lambda state, _: state.close(),
    "cannot be used": damage,
}


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("words", MISUSES)
def test_errors_name_the_state_file_and_are_those_of_the_part(
    kind: type[StateError], words: str, state: SqliteState, tmp_path: Path
) -> None:
    """A ledger or a progress does not raise errors about dead letters."""
    PARTS[kind](state)
    MISUSES[words](state, tmp_path / "state.db")

    with pytest.raises(kind, match=rf"^the state file .*/state\.db {words}"):
        PARTS[kind](state)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (SqliteState, StateError),
        (SqliteDeadLetter, DeadLetterError),
        (SqliteLedger, LedgerError),
        (SqliteProgress, ProgressError),
    ],
)
def test_another_file_is_refused_by_each_part(
    part: Callable[[Path], Any], kind: type[StateError], tmp_path: Path
) -> None:
    """The error is that of the part, and says what the file is."""
    (tmp_path / "state.db").write_text("some text")

    with pytest.raises(kind, match=r"is not a state file: it is text"):
        part(tmp_path / "state.db")
    with pytest.raises(ValueError, match="state needs a file, not ':memory:'"):
        part(":memory:")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE positions",
        "ALTER TABLE dead_letters RENAME COLUMN mappers TO mapper",
    ],
)
def test_a_state_file_with_other_tables_is_refused(change: str, tmp_path: Path) -> None:
    """A missing table, or a missing column, is found when the file is opened."""
    path = tmp_path / "state.db"
    SqliteState(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(change)

    with pytest.raises(StateError, match="has other tables: move it away"):
        SqliteState(path)


def test_a_ledger_knows_its_destinations(state: SqliteState) -> None:
    """Until the last entry of a destination is forgotten."""
    write_ledger(state.ledger, 1)

    assert state.ledger.knows("heap one 11")
    assert not state.ledger.knows("heap one 12")
    state.ledger.forget(["user-1"])
    assert not state.ledger.knows("heap one 11")


def test_progress_is_kept_by_backfill_and_version(state: SqliteState) -> None:
    """A newer position replaces the one of the same version only."""
    other = BackfillKey("heap one 12", KEY.url)
    first = [Position(f"s3://bucket/{n:04}", "v1", 10, n) for n in range(1_500)]
    state.progress.commit(KEY, first)
    state.progress.commit(other, first[:1])
    newer = Position(first[0].url, "v2", 20, 5, is_done=True)
    state.progress.commit(KEY, [newer, Position(first[1].url, "v1", 10, 9)])

    found = {(p.url, p.version): p for p in state.progress.positions(KEY)}

    assert len(found) == 1_501
    assert found[newer.url, "v2"] == newer
    assert found[first[0].url, "v1"] == first[0]
    assert found[first[1].url, "v1"].events == 9
    assert [*state.progress.positions(other)] == first[:1]


LOCKER = """
import os, sys, time
from braze_heap.state import BackfillKey, SqliteProgress
progress = SqliteProgress(sys.argv[1])
with progress.lock(BackfillKey(sys.argv[2], sys.argv[3])):
    if not os.fork():  # a child that outlives its parent does not keep the lock
        time.sleep(5)
        os._exit(0)
    print("locked", flush=True)
    time.sleep(60)
"""


def test_the_lock_of_a_killed_backfill_is_released(
    state: SqliteState, tmp_path: Path
) -> None:
    """While it lives, the same backfill raises in any process; others run."""
    command = [sys.executable, "-c", LOCKER, str(tmp_path / "state.db"), *KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"

        with pytest.raises(ProgressError, match=r"another backfill of s3://bucket"):
            state.progress.lock(KEY).__enter__()
        with state.progress.lock(BackfillKey("heap one 12", KEY.url)):
            other.kill()
        other.wait()
        with state.progress.lock(KEY):
            pass


@pytest.mark.parametrize("has_fcntl", [True, False])
def test_the_same_process_cannot_lock_twice(
    state: SqliteState, monkeypatch: pytest.MonkeyPatch, has_fcntl: bool
) -> None:
    """Also without `fcntl`, as on Windows; afterwards it can lock again."""
    if not has_fcntl:
        monkeypatch.setattr(_state_file, "fcntl", None)
    for _ in range(2):
        with (
            state.progress.lock(KEY),
            pytest.raises(ProgressError, match="is running: wait for its end"),
            state.progress.lock(KEY),
        ):
            pass


def test_a_lock_file_that_is_gone_is_not_locked(
    state: SqliteState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of a lock may remove its file while another process opens it."""
    fcntl = pytest.importorskip("fcntl")
    lock = tmp_path / "state.db-replay"
    monkeypatch.setattr(fcntl, "lockf", lambda *_: lock.unlink())

    with pytest.raises(DeadLetterError, match="another replay"):
        state.dead_letter.replay_lock().__enter__()


def test_a_part_shows_its_file(state: SqliteState, tmp_path: Path) -> None:
    """Its repr is its class and the name of the file."""
    name = str(tmp_path / "state.db")

    assert repr(state.ledger) == f"SqliteLedger({name!r})"
