"""Tables of a `SqlState`: dead letters, ledger and progress."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from braze_heap.exceptions import (
    DeadLetterError,
    LedgerError,
    ProgressError,
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
from braze_heap.state._sql_database import TABLES, SqlDatabase

_CHUNK: Final = 1_000
"""Rows of a query or a deletion."""

_RECORDS: Final = 16
"""Records that are in memory together; bodies are large."""


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


_DEAD_LETTERS: Final = sa.Table(
    "braze_heap_dead_letters",
    TABLES,
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
    TABLES,
    _text("identity", primary_key=True),
    _text("name", primary_key=True),
    _text("destination", primary_key=True),
    _text("entry"),
)
_POSITIONS: Final = sa.Table(
    "braze_heap_positions",
    TABLES,
    _text("destination", primary_key=True),
    _text("backfill", primary_key=True),
    _text("url", primary_key=True),
    _text("version", primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("is_done", sa.Boolean, nullable=False),
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
        key, waiting = _DEAD_LETTERS.c.key, map(storable, keys)
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
        identity, waiting = _USER_PROPERTIES.c.identity, iter(identities)
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
