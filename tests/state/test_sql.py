"""State in a database of SQLAlchemy, here a file of SQLite. See test_postgresql.py."""

import os
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
import braze_heap.state
from braze_heap.exceptions import DeadLetterError, LedgerError, ProgressError
from braze_heap.state import (
    BackfillKey,
    DeadRecord,
    LedgerEntry,
    LedgerKey,
    Position,
    SqlState,
    Statement,
    stats,
)
from braze_heap.testing import check_dead_letter, check_ledger, check_progress


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package itself does not need it."""
    monkeypatch.delitem(sys.modules, "braze_heap.state._sql_database", raising=False)
    monkeypatch.delattr(braze_heap.state, "_sql_database", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)

    with pytest.raises(ModuleNotFoundError, match=r"pip install 'braze_heap\[sql\]'"):
        SqlState("postgresql+psycopg://h/d")


@pytest.fixture(autouse=True)
def _sqlalchemy(request: pytest.FixtureRequest) -> None:
    if request.function is not test_a_missing_extra_is_named:
        install = "needs SQLAlchemy: pip install 'braze_heap[engines]'"
        pytest.importorskip("sqlalchemy", reason=install)


@pytest.fixture
def make_state(tmp_path: Path) -> Iterator[Callable[[], SqlState]]:
    """Open states with the same file, which are closed when the test is over."""
    with ExitStack() as states:
        url = f"sqlite:///{tmp_path}/state.db"
        yield lambda: states.enter_context(SqlState(url))


def record(number: int, destination: str = "heap") -> DeadRecord:
    """Make a record of an event."""
    event, now = {"id": f"event-{number}"}, datetime.now(UTC)
    return DeadRecord.of(event, "bad_time", "", now, destination=destination)


def test_the_contracts_are_fulfilled(make_state: Callable[[], SqlState]) -> None:
    """Each part passes the check of its protocol."""
    check_dead_letter(lambda: make_state().dead_letter)
    check_ledger(lambda: make_state().ledger, durable=True)
    check_progress(lambda: make_state().progress)


def test_only_the_owner_can_read_the_file(
    make_state: Callable[[], SqlState], tmp_path: Path
) -> None:
    """The mode is 0600."""
    make_state().dead_letter.ready()

    assert stat.S_IMODE((tmp_path / "state.db").stat().st_mode) == 0o600


def test_counts_are_those_of_reading_all(make_state: Callable[[], SqlState]) -> None:
    """They are made by the database."""
    store = make_state().dead_letter
    assert store.stats() == stats(store)

    store.append([record(1), record(2), record(1, "another heap")])

    assert store.stats() == stats(store)


def test_a_purge_covers_the_ledger(make_state: Callable[[], SqlState]) -> None:
    """A person is removed from both."""
    state = make_state()
    key = LedgerKey("heap", "jane", "plan")
    entry = LedgerEntry(Statement(1.0, "1", "gold"))
    state.ledger.update({key}, lambda _: {key: entry})
    event = {"id": "1", "user": {"external_user_id": "jane"}}
    at = datetime.now(UTC)
    state.dead_letter.append([DeadRecord.of(event, "bad_time", "", at)])

    done = state.dead_letter.purge("jane")

    assert str(done) == "1 removed, 1 forgotten by the ledger"
    assert [*state.dead_letter.read(), *state.ledger.read()] == []


def test_one_replay_runs_at_a_time(make_state: Callable[[], SqlState]) -> None:
    """Another process with the same database is refused until the end."""
    one, two = make_state(), make_state()
    pipeline = bh.Pipeline(bh.Transformer(), bh.MemorySink(), two.dead_letter)
    with (
        one.dead_letter.replay_lock(),
        pytest.raises(DeadLetterError, match="another replay with sqlite"),
    ):
        bh.replay(two.dead_letter, pipeline)

    assert bh.replay(two.dead_letter, pipeline).received == 0


def test_damaged_rows_do_not_stop_delivery(
    make_state: Callable[[], SqlState], tmp_path: Path
) -> None:
    """A damaged record says so; a damaged entry is empty."""
    state = make_state()
    key = LedgerKey("heap", "jane", "plan")
    state.ledger.update({key}, lambda _: {key: LedgerEntry(claims={"t": 1.0})})
    state.dead_letter.append([record(1)])
    with closing(sqlite3.connect(tmp_path / "state.db")) as db, db:
        db.execute("UPDATE braze_heap_user_properties SET entry = '[1, {'")
        db.execute("UPDATE braze_heap_dead_letters SET mappers = '['")

    (damaged,) = state.dead_letter.read()

    assert damaged.is_damaged
    assert [*state.ledger.read()] == [(key, LedgerEntry())]


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("state.db", "write postgresql\\+psycopg://user@host/name"),
        ("postgres://user:secret@host/name", "write postgresql\\+psycopg://"),
        ("postgresql://user:sec@secret@host/name", "percent-encoded"),
        ("postgresql://user:secret@host:port/name", "write postgresql\\+psycopg://"),
        ("mysql://user:secret@host/name", "works with PostgreSQL, not with mysql"),
        ("postgresql+asyncpg://user:secret@host/name", "asyncpg is async: use psycopg"),
        ("sqlite://", "needs a file of SQLite"),
        ("sqlite:///:memory:", "needs a file of SQLite"),
        ("sqlite:///file:x?mode=memory&uri=true", "needs a file of SQLite"),
    ],
)
def test_a_wrong_url_is_an_error_with_advice(url: str, advice: str) -> None:
    """The message never has the password."""
    with pytest.raises(ValueError, match=advice) as error:
        SqlState(url)

    assert "sec" not in str(error.value)


@pytest.mark.parametrize("database", [None, 3, Path("state.db")])
def test_another_argument_is_an_error(database: Any) -> None:
    """Only text and an engine are accepted."""
    with pytest.raises(TypeError, match="needs the URL of a database or an Engine"):
        SqlState(database)


def test_a_ledger_knows_its_destinations(make_state: Callable[[], SqlState]) -> None:
    """Those of which it has an entry."""
    ledger = make_state().ledger
    key = LedgerKey("heap one 11", "user", "plan")
    ledger.update({key}, lambda _: {key: LedgerEntry(Statement(1.0, "event", "x"))})

    assert ledger.knows("heap one 11")
    assert not ledger.knows("heap one 12")


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL without driver means psycopg."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(ModuleNotFoundError, match=r"pip install 'psycopg\[binary\]'"):
        SqlState("postgresql://host/name")


def test_the_representation_has_no_secret() -> None:
    """Password and options are left out."""
    pytest.importorskip("psycopg", reason="needs psycopg")
    with SqlState("postgresql://jane:secret@host/name?sslpassword=secret") as state:
        shown = repr([state, state.dead_letter, state.ledger, state.progress])

    assert "jane:***@host/name" in shown
    assert "secret" not in shown


def test_an_error_has_the_class_of_the_part(tmp_path: Path) -> None:
    """So a pipeline knows that its batch is to be sent again."""
    (tmp_path / "text.db").write_text("no database, but a text " * 100)
    backfill = BackfillKey("heap", "s3://bucket")
    for file, cause in [("no/such.db", "No such file"), ("text.db", "not a database")]:
        with SqlState(f"sqlite:///{tmp_path}/{file}") as state:
            with pytest.raises(DeadLetterError, match=cause):
                state.dead_letter.ready()
            with pytest.raises(LedgerError, match=cause):
                state.ledger.forget(["jane"])
            with pytest.raises(ProgressError, match=cause):
                state.progress.commit(backfill, [Position("s3://bucket/a", "", 1, 1)])
            with pytest.raises(ProgressError, match=cause):
                state.progress.lock(backfill).__enter__()


def test_a_closed_state_is_an_error(make_state: Callable[[], SqlState]) -> None:
    """It says what to do."""
    state = make_state()
    state.close()
    state.close()

    with pytest.raises(DeadLetterError, match="is closed: make a new one"):
        state.dead_letter.append([record(1)])


def test_an_engine_of_the_caller_stays_open(tmp_path: Path) -> None:
    """Its connections are used, and are the caller's to close."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/state.db")
    with SqlState(engine) as state:
        state.dead_letter.append([record(1)])
    with engine.connect() as db:
        rows = db.exec_driver_sql("SELECT count(*) FROM braze_heap_dead_letters")
        assert rows.scalar_one() == 1
    engine.dispose()


def test_a_state_may_be_used_before_a_fork(make_state: Callable[[], SqlState]) -> None:
    """The child opens connections of its own."""
    state = make_state()
    state.dead_letter.append([record(1)])
    child = os.fork()
    if child == 0:
        failed = 1
        try:
            state.dead_letter.append([record(2)])
            failed = 0
        finally:
            os._exit(failed)

    assert os.waitpid(child, 0)[1] == 0
    assert len([*state.dead_letter.read()]) == 2
