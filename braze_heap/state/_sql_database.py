"""Database of a `SqlState`: connections, tables, locks, errors and parts."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from braze_heap._errors import requires_extra
from braze_heap._wiring import kind_of, several
from braze_heap.exceptions import (
    DeadLetterError,
    LedgerError,
    ProgressError,
    StateError,
)
from braze_heap.state._ledger import Entries, LedgerEntry, LedgerKey
from braze_heap.state._parts import (
    DeadLetterPart,
    ProgressPart,
    StatePart,
    from_row,
    lock_name,
    parse_entry,
    to_row,
)
from braze_heap.state._protocol import BackfillKey, Position, Stats
from braze_heap.state._record import DeadRecord, in_utc, storable
from braze_heap.state._state_file import lock_file

_EXAMPLE: Final = "postgresql+psycopg://user@host/name"
_DRIVERS: Final = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary"}

# So that a host that vanished is noticed within a minute.
_LIBPQ: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

# A process that is stopped in a transaction must not stop the others for long.
_LIMITS: Final = sa.text(
    "SELECT set_config('lock_timeout', '30s', true),"
    " set_config('idle_in_transaction_session_timeout', '60s', true)"
)
_LOCK_CLASS: Final = 0x62726865  # "brhe", in the locks of the database
_STRIPES: Final = 64
_LOCK_STRIPES: Final = sa.text(
    f"SELECT pg_advisory_xact_lock({_LOCK_CLASS}, stripe)"  # noqa: S608 (a constant)
    " FROM unnest(CAST(:stripes AS integer[])) AS stripe"
)
_CREATION: Final = -1
"""Stripe of the creation of tables."""

_LOCK_KEY: Final = "hashtextextended(current_schema() || ' ' || :name, 0)"
_LOCK: Final = sa.text(f"SELECT pg_try_advisory_lock({_LOCK_KEY})")
_UNLOCK: Final = sa.text(f"SELECT pg_advisory_unlock({_LOCK_KEY})")

_CAUSES: Final = {
    "25006": "the server is read-only: name the primary, not a replica",
    "42501": "the user lacks a permission: grant SELECT, INSERT, UPDATE and DELETE on "
    "the tables; to create them, CREATE on the schema",
    "42703": "a table has other columns: is it of another version of braze_heap?",
    "42P01": "a table was removed: restart the process to create it again",
    "53100": "the disk of the server is full",
    "55P03": "another process has locked the rows for over 30 seconds",
}

_TABLES: Final = sa.MetaData()

_CHUNK: Final = 1_000
"""Rows of a query or a deletion."""

_RECORDS: Final = 16
"""Records that are in memory together; bodies are large."""


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


_DEAD_LETTERS: Final = sa.Table(
    "braze_heap_dead_letters",
    _TABLES,
    sa.Column(
        "number",
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
        sa.Identity(),
        primary_key=True,
    ),
    _text("key", unique=True),
    _text("reason"),
    _text("detail"),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("original", sa.LargeBinary, nullable=False),
    _text("format"),
    sa.Column("event_type", sa.Text),
    _text("mappers"),
    _text("destination"),
)
_USER_PROPERTIES: Final = sa.Table(
    "braze_heap_user_properties",
    _TABLES,
    _text("identity", primary_key=True),
    _text("name", primary_key=True),
    _text("destination", primary_key=True),
    _text("entry"),
)
_POSITIONS: Final = sa.Table(
    "braze_heap_positions",
    _TABLES,
    _text("destination", primary_key=True),
    _text("backfill", primary_key=True),
    _text("url", primary_key=True),
    _text("version", primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("is_done", sa.Boolean, nullable=False),
)


class SqlDatabase:
    """The database of a `SqlState`, named by its URL without password. Thread-safe."""

    def __init__(self, database: str | sa.URL | sa.Engine) -> None:
        self._owns_engine = not isinstance(database, sa.Engine)
        if isinstance(database, sa.Engine):
            _check_dialect(database.url, database.dialect)
            self.engine = database
        else:
            self.engine = _make_engine(database)
        self.name = self.engine.url.set(password=None, query={}).render_as_string()
        self._is_sqlite = self.engine.dialect.name == "sqlite"
        if not self._is_sqlite:
            isolated = self.engine.execution_options(isolation_level="READ COMMITTED")
            self.engine = isolated
        self._preparation = threading.Lock()
        self._use_of_held = threading.Lock()
        self._held: dict[str, sa.Connection] = {}
        self._has_tables = False
        self._is_closed = False
        self._pid = os.getpid()

    def close(self) -> None:
        """Close the connections, unless they are of an engine of the caller."""
        self._is_closed = True
        if self._owns_engine:
            self.engine.dispose(close=self._pid == os.getpid())

    @contextlib.contextmanager
    def transaction(
        self, kind: type[StateError], lock: str = ""
    ) -> Iterator[sa.Connection]:
        """
        Run the block in a transaction, which is undone if the block raises.

        If this process held the *lock* with this name, it fails unless it still does.
        """
        with self._translate_errors(kind):
            engine = self._prepared_engine()
            held = self._held.get(lock)
            if held is None:
                with engine.begin() as db:
                    self._begin(db)
                    yield db
                return
            with self._use_of_held:
                if held.invalidated:
                    raise kind(
                        f"the connection to {self.name} that held a lock was lost: "
                        "another process may run the same. Run it again"
                    )
                with held.begin():
                    yield held

    def _begin(self, db: sa.Connection) -> None:
        if self._is_sqlite:
            db.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            db.execute(_LIMITS)

    def lock_users(self, db: sa.Connection, identities: Iterable[str]) -> None:
        """Prevent other changes of the entries of these users in the transaction."""
        hashes = (zlib.crc32(i.encode("utf-8", "replace")) for i in identities)
        self._lock_stripes(db, {number % _STRIPES for number in hashes})

    def _lock_stripes(self, db: sa.Connection, stripes: set[int]) -> None:
        """Lock, in one order, so that transactions cannot wait for each other."""
        if not self._is_sqlite:
            db.execute(_LOCK_STRIPES, {"stripes": sorted(stripes)})

    @contextlib.contextmanager
    def lock(self, kind: type[StateError], name: str, task: str) -> Iterator[None]:
        """Raise if a second *task* with this state and *name* runs, in any process."""
        with contextlib.ExitStack() as ends:
            with self._translate_errors(kind):
                if not self._try_lock(name, ends):
                    raise StateError(
                        f"another {task} with {self.name} is running: wait for its end"
                    )
            yield

    def _try_lock(self, name: str, ends: contextlib.ExitStack) -> bool:
        """Lock *name* until *ends*; return whether it was free."""
        engine = self._prepared_engine()
        if self._is_sqlite:
            path = os.path.realpath(f"{engine.url.database}-{name}")
            return lock_file(Path(path), ends)
        db = ends.enter_context(engine.connect())
        db.detach()
        is_free: bool = db.execute(_LOCK, {"name": name}).scalar_one()
        db.commit()
        if is_free:
            self._held[name] = db
            ends.callback(self._release, name)
        return is_free

    def _release(self, name: str) -> None:
        db = self._held.pop(name, None)
        if db is None or self._pid != os.getpid():  # it is of the parent
            return
        with contextlib.suppress(SQLAlchemyError):  # a lost connection has no lock
            db.execute(_UNLOCK, {"name": name})
            db.commit()

    def _prepared_engine(self) -> sa.Engine:
        """Return the engine for this process, after the tables exist."""
        if self._is_closed:
            raise StateError("this SqlState is closed: make a new one")
        if self._has_tables and self._pid == os.getpid():
            return self.engine
        with self._preparation:
            if self._pid != os.getpid():
                self.engine.dispose(close=False)  # they belong to the parent
                self._pid = os.getpid()
                self._held = {}
            if not self._has_tables:
                if self._is_sqlite and (path := self.engine.url.database):
                    Path(path).touch(0o600)
                with self.engine.begin() as db:
                    self._begin(db)
                    self._lock_stripes(db, {_CREATION})
                    _TABLES.create_all(db)
                self._has_tables = True
        return self.engine

    @contextlib.contextmanager
    def _translate_errors(self, kind: type[StateError]) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            cause = self._cause(error)
        except StateError as error:
            raise kind(str(error)) from None
        else:
            return
        # Not a cause: the text of the driver may have values.
        raise kind(f"the state in {self.name} cannot be used: {cause}") from None

    def _cause(self, error: Exception) -> str:
        if not isinstance(error, DBAPIError):
            return f"{type(error).__name__}: {error}"
        driver = error.orig
        code = getattr(driver, "sqlstate", None) or getattr(driver, "pgcode", None)
        if code in _CAUSES:
            return _CAUSES[code]
        is_connecting = error.statement is None
        text = f"{type(driver).__name__}"
        if is_connecting or self._is_sqlite:
            text = " ".join(str(driver).split())
            if password := self.engine.url.password:
                text = text.replace(str(password), "…")
        return f"{text[:500]} (SQLSTATE {code})" if code else text[:500]


def _make_engine(database: str | sa.URL) -> sa.Engine:
    if not isinstance(database, str | sa.URL):
        raise TypeError(
            f"SqlState needs the URL of a database or an Engine of SQLAlchemy, not "
            f"{kind_of(database)}"
        )
    try:
        url = sa.make_url(database)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect()
    except (ArgumentError, ValueError):
        url = None
    # A password that is not encoded may end in the host.
    if url is None or "@" in (url.host or ""):
        raise ValueError(
            f"this is not the URL of a database: write {_EXAMPLE}, with special "
            "characters of a password percent-encoded. Or keep the state in a file: "
            "SqliteState(path)"
        )
    dialect = url.get_dialect()
    _check_dialect(url, dialect)
    driver = url.drivername.partition("+")[2]
    options: dict[str, Any] = {"timeout": 30.0} if dialect.name == "sqlite" else {}
    if driver in _DRIVERS:
        options = {k: v for k, v in _LIBPQ.items() if k not in url.query}
    with requires_extra("SqlState", f"'{_DRIVERS.get(driver, driver)}'"):
        return sa.create_engine(
            url, connect_args=options, pool_pre_ping=True, hide_parameters=True
        )


def _check_dialect(url: sa.URL, dialect: Any) -> None:
    """Raise unless the database and its driver can be used."""
    if dialect.name not in ("postgresql", "sqlite"):
        raise ValueError(f"SqlState works with PostgreSQL, not with {dialect.name}")
    if dialect.is_async:
        raise ValueError(
            f"the driver {dialect.driver} is async: use psycopg, such as {_EXAMPLE}"
        )
    path = url.database or ""
    if dialect.name == "sqlite" and (path in ("", ":memory:") or "file:" in path):
        raise ValueError(
            "SqlState needs a file of SQLite, such as sqlite:////var/lib/state.db: its "
            "state must outlive the process"
        )


class _SqlPart(StatePart[SqlDatabase]):
    def _pages(
        self, query: sa.Select[Any], key: Sequence[sa.Column[Any]], size: int = _CHUNK
    ) -> Iterator[Sequence[Any]]:
        """Yield the rows of *query* by *key*, each *size* in a transaction."""
        query = query.order_by(*key).limit(size)
        page: Sequence[Any] = ()
        while True:
            after = query
            if page:
                last = [getattr(page[-1], column.name) for column in key]
                after = query.where(sa.tuple_(*key) > sa.tuple_(*last))
            with self._database.transaction(self._kind) as db:
                page = db.execute(after).all()
            if not page:
                return
            yield page


def _insert(db: sa.Connection, table: sa.Table) -> Any:
    """Return an insertion into *table* that replaces nothing yet."""
    is_sqlite = db.dialect.name == "sqlite"
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


def _replace(
    db: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert *rows*, in place of those with the same primary key."""
    if not rows:
        return
    new = _insert(db, table)
    key = [column.name for column in table.primary_key]
    values = {c.name: new.excluded[c.name] for c in table.c if not c.primary_key}
    in_order = sorted(rows, key=lambda row: [row[name] for name in key])
    db.execute(new.on_conflict_do_update(index_elements=key, set_=values), in_order)


class SqlDeadLetter(_SqlPart, DeadLetterPart[SqlDatabase]):
    """Dead letters of a `SqlState`; see `DeadLetter`."""

    def append(self, records: Sequence[DeadRecord], /) -> None:
        """Keep *records*, all or none; see `DeadLetter.append`."""
        if records:
            with self._database.transaction(DeadLetterError) as db:
                self._insert(db, records)

    def _insert(self, db: sa.Connection, records: Iterable[DeadRecord]) -> None:
        new = _insert(db, _DEAD_LETTERS)
        values = {name: new.excluded[name] for name in ("reason", "detail")}
        values["mappers"] = sa.case(
            (new.excluded.mappers == "{}", _DEAD_LETTERS.c.mappers),
            else_=new.excluded.mappers,
        )
        in_order = sorted(records, key=lambda record: record.key)
        rows = [{**to_row(record), "at": record.at} for record in in_order]
        db.execute(new.on_conflict_do_update(index_elements=["key"], set_=values), rows)

    def ready(self) -> None:
        """Insert a record and undo that; see `DeadLetter.ready`."""
        record = DeadRecord(f"ready:{uuid.uuid4()}", "", "", datetime.now(UTC), b"")
        with self._database.transaction(DeadLetterError) as db:
            self._insert(db, [record])
            db.rollback()

    def read(self) -> Iterator[DeadRecord]:
        """Return the records, the oldest first. Some are in memory at a time."""
        key = [_DEAD_LETTERS.c.number]
        for page in self._pages(sa.select(_DEAD_LETTERS), key, _RECORDS):
            for row in page:
                yield from_row([*row[:4], in_utc(row.at).isoformat(), *row[5:]])

    def forget(self, keys: Iterable[str], /) -> None:
        """Remove the records with these keys."""
        key, waiting = _DEAD_LETTERS.c.key, map(storable, several("keys", keys, "key"))
        while chunk := [*itertools.islice(waiting, _CHUNK)]:
            # Locked in the order of `append`, so that neither waits for the other.
            locked = sa.select(key).where(key.in_(chunk)).order_by(key)
            with self._database.transaction(DeadLetterError) as db:
                found = db.scalars(locked.with_for_update()).all()
                db.execute(sa.delete(_DEAD_LETTERS).where(key.in_(found)))

    @property
    def ledger(self) -> SqlLedger:
        """The ledger in the same database."""
        return SqlLedger._of(self._database)

    def stats(self) -> Stats:
        """Return the counts; see `braze_heap.state.stats`."""
        table, func = _DEAD_LETTERS.c, sa.func
        groups = [table.reason, table.destination]
        size, at = func.sum(func.length(table.original)), table.at
        counts = [func.count(), size, func.min(at), func.max(at)]
        query = sa.select(*groups, *counts).group_by(*groups)
        with self._database.transaction(DeadLetterError) as db:
            rows: Any = db.execute(query).all()
        return Stats.of(
            (reason, destination, count, int(size), in_utc(first), in_utc(last))
            for reason, destination, count, size, first, last in rows
        )


class SqlLedger(_SqlPart):
    """Ledger of a `SqlState`; see `Ledger`."""

    _kind = LedgerError

    def update(
        self, keys: AbstractSet[LedgerKey], change: Callable[[Entries], Entries], /
    ) -> None:
        """Change entries; see `Ledger.update`."""
        table, waiting = _USER_PROPERTIES.c, iter(keys)
        key_of = sa.tuple_(table.destination, table.identity, table.name)
        entries: dict[LedgerKey, LedgerEntry] = {}
        with self._database.transaction(LedgerError) as db:
            self._database.lock_users(db, {key.identity for key in keys})
            while chunk := [*itertools.islice(waiting, _CHUNK)]:
                found = sa.select(_USER_PROPERTIES).where(key_of.in_(chunk))
                entries |= map(_item, db.execute(found))
            rows = [
                {**key._asdict(), "entry": entry.to_json()}
                for key, entry in change(entries).items()
            ]
            _replace(db, _USER_PROPERTIES, rows)

    def read(self) -> Iterator[tuple[LedgerKey, LedgerEntry]]:
        """Return all entries, those of a user together. A damaged one is empty."""
        key = [*_USER_PROPERTIES.primary_key]
        for page in self._pages(sa.select(_USER_PROPERTIES), key):
            yield from map(_item, page)

    def knows(self, destination: str) -> bool:
        """Return whether there is an entry of *destination*."""
        found = _USER_PROPERTIES.c.destination == destination
        with self._database.transaction(LedgerError) as db:
            return bool(db.scalar(sa.select(sa.exists().where(found))))

    def forget(self, identities: Iterable[str], /) -> None:
        """Remove the entries of these users, for every destination."""
        identity, waiting = (
            _USER_PROPERTIES.c.identity,
            iter(several("identities", identities, "identity")),
        )
        while chunk := [*itertools.islice(waiting, _CHUNK)]:
            with self._database.transaction(LedgerError) as db:
                self._database.lock_users(db, chunk)
                db.execute(sa.delete(_USER_PROPERTIES).where(identity.in_(chunk)))


def _item(row: Any) -> tuple[LedgerKey, LedgerEntry]:
    key = LedgerKey(row.destination, row.identity, row.name)
    return key, parse_entry(row.entry)


class SqlProgress(_SqlPart, ProgressPart[SqlDatabase]):
    """Progress of a `SqlState`; see `Progress`."""

    def positions(self, backfill: BackfillKey, /) -> Iterator[Position]:
        """Return the newest position in each version of an object."""
        table = _POSITIONS.c
        query = sa.select(_POSITIONS).where(
            table.destination == backfill.destination, table.backfill == backfill.url
        )
        for page in self._pages(query, [table.url, table.version]):
            yield from (Position(*row[2:]) for row in page)

    def commit(self, backfill: BackfillKey, positions: Sequence[Position], /) -> None:
        """
        Note *positions*, all or none; see `Progress.commit`.

        In the block of `lock`, the connection of the lock is used. So nothing is noted
        after the lock was lost.
        """
        key = {"destination": backfill.destination, "backfill": backfill.url}
        rows = [{**key, **attrs.asdict(position)} for position in positions]
        if rows:
            name = lock_name(backfill)
            with self._database.transaction(ProgressError, name) as db:
                _replace(db, _POSITIONS, rows)
