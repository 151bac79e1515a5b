"""
State in a PostgreSQL server, which is started for these tests.

Needs the extra ``engines``, and the programs of ``apt-get install postgresql``.
"""

import json
import multiprocessing
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.exceptions import (
    DeadLetterError,
    DeliveryError,
    LedgerError,
    ProgressError,
)
from braze_heap.state import (
    BackfillKey,
    DeadRecord,
    Entries,
    LedgerEntry,
    LedgerKey,
    Position,
    SqlState,
    Statement,
)
from braze_heap.testing import (
    check_dead_letter,
    check_ledger,
    check_progress,
    make_raw,
)

pytestmark = pytest.mark.engines

PASSWORD = "p@ss/wörd"
ENCODED = "p%40ss%2Fw%C3%B6rd"
BACKFILL = BackfillKey("heap", "s3://bucket/currents")
PROCESSES = 4
ROUNDS = 25
"""Transactions of each process."""


class Server:
    """A server in a temporary folder, which its own user owns."""

    def __init__(self, folder: str, programs: Path) -> None:
        self.folder = folder
        self.programs = programs
        self.user = "postgres" if os.getuid() == 0 else None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        Path(folder, "password").write_text(PASSWORD, encoding="utf-8")
        if self.user:
            for path in (folder, f"{folder}/password"):
                shutil.chown(path, self.user)
        options = "--auth-host=scram-sha-256 --auth-local=trust --no-sync -U postgres"
        self.run(
            "initdb", *options.split(), f"--pwfile={folder}/password", "-E", "UTF8"
        )

    def run(self, program: str, *arguments: str) -> None:
        command = [self.programs / program, "-D", f"{self.folder}/data", *arguments]
        subprocess.run(
            command,
            check=True,
            user=self.user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self.run("pg_ctl", "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")

    def url(
        self, database: str, user: str = "postgres", password: str = ENCODED
    ) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Run *statements* as the owner; return the rows of the last."""
        import psycopg

        address = f"host={self.folder} port={self.port} dbname={database} user=postgres"
        with psycopg.connect(address, autocommit=True) as db:
            for statement in statements:
                result = db.execute(statement)  # type: ignore[call-overload]
            return result.fetchall() if result.description else []


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a server; skip without its programs."""
    pytest.importorskip("sqlalchemy", reason="needs the extra engines")
    pytest.importorskip("psycopg", reason="needs the extra engines")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    path = shutil.which("pg_ctl") or (found and found[-1])
    if not path:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    if os.getuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("root cannot run PostgreSQL: add the user postgres")
    folder = tempfile.mkdtemp(prefix="braze-heap-")
    try:
        running = Server(folder, Path(path).parent)
        running.start()
        yield running
        running.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """Make an empty database; return its name."""
    name = f"state_{time.monotonic_ns()}"
    server.execute(f"CREATE DATABASE {name}")
    yield name
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def url(server: Server, database: str) -> str:
    """URL of an empty database."""
    return server.url(database)


@pytest.fixture
def make_state(url: str) -> Iterator[Callable[..., SqlState]]:
    """Open states, which are closed when the test is over."""
    with ExitStack() as states:
        yield lambda url=url: states.enter_context(SqlState(url))


def record(name: str) -> DeadRecord:
    return DeadRecord.of({"id": name}, "bad_time", "", datetime.now(UTC))


def test_the_contracts_are_fulfilled(make_state: Callable[..., SqlState]) -> None:
    """Each part passes the check of its protocol."""
    check_dead_letter(lambda: make_state().dead_letter)
    check_ledger(lambda: make_state().ledger, durable=True)
    check_progress(lambda: make_state().progress)


# --- Several processes ----------------------------------------------------------------


def in_processes(work: Callable[[str, int], None], url: str) -> None:
    """Run *work* in several new processes at the same time."""
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=work, args=(url, number)) for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * PROCESSES


def append_overlapping(url: str, process: int) -> None:
    with SqlState(url) as state:
        for number in range(ROUNDS):
            shared = [record(f"shared-{n}") for n in range(number, number + 20)]
            mine = record(f"own-{process}-{number}")
            records = [mine, *shared]
            state.dead_letter.append(records[:: 1 if process % 2 else -1])
            state.dead_letter.forget([shared[0].key])


def test_processes_append_and_forget_the_same_records(
    url: str, make_state: Callable[..., SqlState]
) -> None:
    """No record is lost or doubled, and no process waits for another one's end."""
    in_processes(append_overlapping, url)

    keys = [r.key.partition(":")[0] for r in make_state().dead_letter.read()]
    own = {f"own-{p}-{n}" for p in range(PROCESSES) for n in range(ROUNDS)}
    assert len({*keys}) == len(keys)
    assert {*keys} >= own


USERS = [LedgerKey("heap", f"user-{number}", "count") for number in range(30)]


def count_up(url: str, process: int) -> None:
    def change(entries: Entries) -> Entries:
        changed = {}
        for key in keys:
            old = entries.get(key, LedgerEntry()).newest or Statement(0.0, "", 0)
            count = int(str(old.value)) + 1
            changed[key] = LedgerEntry(attrs.evolve(old, value=count))
        return changed

    with SqlState(url) as state:
        for number in range(ROUNDS):
            keys = [USERS[(number + process + n) % len(USERS)] for n in range(20)]
            state.ledger.update({*keys}, change)


def test_processes_update_the_same_users(
    url: str, make_state: Callable[..., SqlState]
) -> None:
    """No update is lost: each of them counted up."""
    in_processes(count_up, url)

    entries = [entry.newest for _, entry in make_state().ledger.read()]
    total = sum(int(str(newest.value)) for newest in entries if newest)
    assert total == PROCESSES * ROUNDS * 20


def hold_lock(url: str, held: Any) -> None:
    with SqlState(url) as state, state.progress.lock(BACKFILL):
        held.set()
        time.sleep(600)


def test_the_lock_of_a_killed_process_is_released(
    url: str, make_state: Callable[..., SqlState]
) -> None:
    """While it lives, another process is refused."""
    context = multiprocessing.get_context("spawn")
    held, state = context.Event(), make_state()
    holder = context.Process(target=hold_lock, args=(url, held))
    holder.start()
    assert held.wait(60)
    with pytest.raises(ProgressError, match="another backfill of s3://bucket"):
        state.progress.lock(BACKFILL).__enter__()

    os.kill(holder.pid or 0, signal.SIGKILL)
    holder.join(60)

    for _ in range(200):  # until the server has noticed its end
        try:
            with state.progress.lock(BACKFILL):
                return
        except ProgressError:
            time.sleep(0.05)
    raise AssertionError("the lock is still held")


def test_nothing_is_noted_after_the_lock_was_lost(
    server: Server, make_state: Callable[..., SqlState]
) -> None:
    """Another backfill may have it: after a failover, for example."""
    state = make_state()
    position = Position("s3://bucket/currents/a", "1", 100, 10)
    with state.progress.lock(BACKFILL):
        state.progress.commit(BACKFILL, [position])
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
        for cause in ("cannot be used", "the connection .* that held a lock was lost"):
            with pytest.raises(ProgressError, match=cause):
                state.progress.commit(BACKFILL, [attrs.evolve(position, events=20)])

    assert [*state.progress.positions(BACKFILL)] == [position]
    with state.progress.lock(BACKFILL):
        state.progress.commit(BACKFILL, [attrs.evolve(position, events=20)])


@pytest.mark.parametrize(
    "limit", ["lock_timeout", "idle_in_transaction_session_timeout"]
)
def test_a_stopped_process_does_not_stop_the_others(
    limit: str, make_state: Callable[..., SqlState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They raise after 30 seconds, and the server undoes its transaction after 60."""
    import sqlalchemy

    from braze_heap.state import _sql_database

    limits = str(_sql_database._LIMITS)
    short = sqlalchemy.text(re.sub(rf"('{limit}'), '\d+s'", r"\1, '300ms'", limits))
    monkeypatch.setattr(_sql_database, "_LIMITS", short)
    one, two = make_state(), make_state()
    inside, over = threading.Event(), threading.Event()

    def stop(_: Entries) -> Entries:
        inside.set()
        assert over.wait(60)
        return {USERS[0]: LedgerEntry()}

    with ThreadPoolExecutor(1) as thread:
        stopped = thread.submit(one.ledger.update, {USERS[0]}, stop)
        assert inside.wait(60)
        try:
            if limit == "lock_timeout":
                with pytest.raises(LedgerError, match="another process has locked"):
                    two.ledger.update({USERS[0]}, dict)
            else:
                two.ledger.update({USERS[0]}, dict)
        finally:
            over.set()
        failure = stopped.exception()
    assert (failure is None) == (limit == "lock_timeout")
    assert failure is None or isinstance(failure, LedgerError)


def use_at_once(url: str, process: int) -> None:
    with SqlState(url) as state:
        state.dead_letter.ready()


def test_processes_create_the_tables_at_once(url: str) -> None:
    """One creates them, and the others wait."""
    in_processes(use_at_once, url)


def test_a_state_may_be_used_before_a_fork(make_state: Callable[..., SqlState]) -> None:
    """The child opens connections of its own, and those of the parent stay open."""
    state = make_state()
    state.dead_letter.append([record("parent")])
    child = os.fork()
    if child == 0:
        failed = 1
        try:
            state.dead_letter.append([record("child")])
            failed = 0
        finally:
            os._exit(failed)

    assert os.waitpid(child, 0)[1] == 0
    assert len([*state.dead_letter.read()]) == 2


# --- Failures -------------------------------------------------------------------------


def test_an_outage_lets_a_batch_be_sent_again(
    server: Server, make_state: Callable[..., SqlState]
) -> None:
    """Each part raises its error; when the server is back, the same state works."""
    state = make_state()
    sink = bh.MemorySink()
    pipeline = bh.Pipeline(
        bh.Transformer(), sink, state.dead_letter, ledger=state.ledger
    )
    raw = make_raw("users.behaviors.subscription.GlobalStateChange")
    body = json.dumps([raw, {"id": "bad"}]).encode()
    pipeline.run(body)
    server.stop()
    try:
        for use, kind in [
            (lambda: pipeline.run(body), DeliveryError),
            (state.dead_letter.ready, DeadLetterError),
            (lambda: state.ledger.forget(["jane"]), LedgerError),
            (lambda: state.progress.lock(BACKFILL).__enter__(), ProgressError),
        ]:
            with pytest.raises(kind, match="Connection refused") as error:  # type: ignore[arg-type]
                use()  # type: ignore[operator]
            assert PASSWORD not in str(error.value)
    finally:
        server.start()

    assert pipeline.run(body).delivered == 1
    assert len([*state.dead_letter.read()]) == 1


def roles(server: Server, database: str, *grants: str) -> str:
    """Make a user without permissions but *grants*; return its URL."""
    user = f"user_{time.monotonic_ns()}"
    server.execute(
        f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'",
        *(f"GRANT {grant} TO {user}" for grant in grants),
        database=database,
    )
    return server.url(database, user)


def test_a_user_without_permission_to_create_tables_is_told(
    server: Server, database: str, make_state: Callable[..., SqlState]
) -> None:
    """The default of PostgreSQL 15 for all but the owner."""
    state = make_state(roles(server, database))

    with pytest.raises(DeadLetterError, match="CREATE on the schema"):
        state.dead_letter.ready()


def test_the_documented_tables_and_permissions_suffice(
    server: Server, database: str, make_state: Callable[..., SqlState]
) -> None:
    """The statements of the how-to page make a state that passes all checks."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "share-state.md"
    statements = page.read_text().partition("```sql")[2].partition("```")[0]
    server.execute(*statements.split(";")[:-1], database=database)
    server.execute(f"ALTER ROLE braze PASSWORD '{PASSWORD}'")
    url = server.url(database, "braze")

    check_dead_letter(lambda: make_state(url).dead_letter)
    check_ledger(lambda: make_state(url).ledger, durable=True)
    check_progress(lambda: make_state(url).progress)


def test_a_missing_permission_is_named(
    server: Server, database: str, make_state: Callable[..., SqlState]
) -> None:
    """A user that may only read is not ready."""
    make_state().dead_letter.append([record("kept")])
    url = roles(server, database, "SELECT ON braze_heap_dead_letters")
    state = make_state(url)

    assert len([*state.dead_letter.read()]) == 1
    with pytest.raises(DeadLetterError, match="SELECT, INSERT, UPDATE and DELETE"):
        state.dead_letter.ready()


def test_a_replica_is_not_ready(
    server: Server, database: str, make_state: Callable[..., SqlState]
) -> None:
    """A server that only reads is named."""
    make_state().dead_letter.ready()
    server.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")

    with pytest.raises(DeadLetterError, match="read-only: name the primary"):
        make_state().dead_letter.ready()


def changed(url: str, old: str, new: str) -> str:
    assert old in url
    return url.replace(old, new)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (("/state_", "/no_state_"), 'database "no_state_.*" does not exist'),
        ((ENCODED, "secret"), "password authentication failed"),
        ((f":{ENCODED}", ""), "no password supplied"),
        (("127.0.0.1", "host.invalid"), "host.invalid"),
    ],
)
def test_a_connection_that_is_refused_is_explained(
    url: str,
    make_state: Callable[..., SqlState],
    change: Sequence[str],
    cause: str,
) -> None:
    """In the words of the server, without the password."""
    state = make_state(changed(url, *change))

    with pytest.raises(DeadLetterError, match=cause) as error:
        state.dead_letter.ready()

    assert not any(secret in str(error.value) for secret in (PASSWORD, "secret"))
    assert error.value.__cause__ is None


def test_the_password_may_be_a_variable(
    url: str, make_state: Callable[..., SqlState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver reads PGPASSWORD."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)

    make_state(changed(url, f":{ENCODED}", "")).dead_letter.ready()


def test_schemas_have_states_of_their_own(
    server: Server, database: str, make_state: Callable[..., SqlState]
) -> None:
    """Tables and locks are those of the first schema of the search path."""
    server.execute("CREATE SCHEMA one", "CREATE SCHEMA two", database=database)
    urls = [
        f"{server.url(database)}?options=-csearch_path%3D{schema}"
        for schema in ("one", "two")
    ]
    one, two = map(make_state, urls)
    one.dead_letter.append([record("one")])

    assert [*two.dead_letter.read()] == []
    with one.progress.lock(BACKFILL), two.progress.lock(BACKFILL):
        pass


def test_no_value_is_in_a_message(
    server: Server, database: str, make_state: Callable[..., SqlState]
) -> None:
    """Also if the text of the server has one."""
    state = make_state()
    state.dead_letter.ready()
    server.execute(
        "ALTER TABLE braze_heap_dead_letters ADD CHECK (key <> 'jane')",
        database=database,
    )

    with pytest.raises(DeadLetterError, match=r"CheckViolation.*23514") as error:
        state.dead_letter.append([attrs.evolve(record("1"), key="jane")])

    assert "jane" not in str(error.value)
