"""State in one file of SQLite: dead letters, ledger, and progress of backfills."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import attrs

from braze_heap._state_limits import MAX_BYTES, MIN_BYTES
from braze_heap._wiring import OfOneProcess, check_number, several
from braze_heap.exceptions import (
    DeadLetterError,
    DeadLetterFull,
    LedgerError,
    StateError,
)
from braze_heap.sinks._protocol import ClosingContextManager
from braze_heap.state._ledger import Entries, LedgerEntry, LedgerKey
from braze_heap.state._parts import (
    DeadLetterPart,
    ProgressPart,
    StatePart,
    from_row,
    is_valid_text,
    parse_entry,
    parse_time,
    to_row,
)
from braze_heap.state._protocol import BackfillKey, Position, Stats, stats
from braze_heap.state._record import DeadRecord, storable
from braze_heap.state._state_file import (
    LAYOUT,
    ROW_BYTES,
    DamagedFileError,
    StateFile,
)

_INSERT: Final = """
INSERT INTO dead_letters
    (key, reason, detail, at, original, format, event_type, mappers, destination)
VALUES (
    :key, :reason, :detail, :at, :original, :format, :event_type, :mappers, :destination
)
ON CONFLICT (key) DO UPDATE SET
    reason = excluded.reason,
    detail = excluded.detail,
    original = excluded.original,
    format = excluded.format,
    event_type = excluded.event_type,
    mappers = CASE excluded.mappers WHEN '{}' THEN mappers ELSE excluded.mappers END
"""
_INSERT_ZEROS: Final = """
INSERT INTO dead_letters (reason, detail, at, original, format, mappers, destination)
VALUES ('', '', '', zeroblob(?), '', '', '')
"""
_TOTAL: Final = "SELECT total FROM dead_letter_bytes"
_ROW: Final = """
SELECT rowid, key, reason, detail, at, original, format, event_type, mappers,
    destination
FROM dead_letters
"""
_SELECT_NEXT: Final = f"{_ROW} WHERE rowid > ? ORDER BY rowid LIMIT 1"
# The index has pages of its own, so it may be readable if a page of rows is damaged.
_SELECT_KEYS: Final = """
SELECT rowid, key FROM dead_letters INDEXED BY sqlite_autoindex_dead_letters_1
WHERE rowid > ?
"""
_SELECT_SIZE: Final = """
SELECT ifnull(sum(length(original)), 0) FROM dead_letters WHERE key = ?
"""
_IS_VALID_KEY: Final = "typeof(key) = 'text' AND key NOT GLOB '*[^ -~]*'"
_DELETE_ROW: Final = f"""
DELETE FROM dead_letters WHERE rowid = ? AND NOT ({_IS_VALID_KEY})
"""  # noqa: S608 (of constants)
_COUNT: Final = f"""
SELECT reason, count(*), sum(length(original)), min(at), max(at), min(
    {_IS_VALID_KEY} AND typeof(original) = 'blob' AND datetime(at) IS NOT NULL
    AND format IN ('json', 'bytes', 'gzip') AND mappers GLOB '{{*}}'), destination
FROM dead_letters NOT INDEXED GROUP BY reason, destination ORDER BY reason, destination
"""  # noqa: S608 (of constants)

_ROW_KEY: Final = re.compile(r"damaged-row-(\d+)")
"""Key made of the number of a row, because the row's own key cannot be read."""


class _SqlitePart(StatePart[StateFile]):
    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        self._database = StateFile(path, create=create, kind=self._kind)
        self._owns_database = True

    def _query(self, sql: str, *values: Any) -> list[Any]:
        return self._database.query(self._kind, sql, *values)

    def _transaction(
        self, size: int = 0
    ) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        return self._database.transaction(self._kind, size)


class SqliteDeadLetter(_SqlitePart, DeadLetterPart[StateFile]):
    """
    A dead letter in a state file of SQLite. Several processes may share it.
    Thread-safe.

    Each `append` is one transaction, on the disk when it returns (WAL,
    ``synchronous=FULL``). Only the owner can read the file (mode 0600). Forgotten
    records are overwritten, also in the log: at once or, if another process reads at
    that moment, at the next `forget` or `close`.

    The file is opened on first use. So an instance may be created before a fork, but
    not used before one. If the file is moved or deleted, `append` raises.

    An existing file is used only if it is empty or a state file. Any other file stays
    unchanged. A row that cannot be read is one damaged record
    (`DeadRecord.is_damaged`).

    Args:
        path: The file. Its folder must exist.
        max_bytes: Cap of the dead letters in the file, at least 64 KiB. Nothing else in
            the file counts.
        create: Whether to create the file if it does not exist.

    Raises:
        DeadLetterError: The file cannot be opened, or is not a state file.
        ValueError: *path* does not name a file, such as ``":memory:"``; or *max_bytes*
            is too small.
    """

    _max_bytes = MAX_BYTES
    _failed: int | None = None

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = MAX_BYTES,
        create: bool = True,
    ) -> None:
        _check_cap(max_bytes)
        super().__init__(path, create=create)
        self._max_bytes = max_bytes

    def append(self, records: Sequence[DeadRecord], /) -> None:
        """Keep *records*, all or none; see `DeadLetter.append`."""
        if not records:
            return
        rows = [to_row(record) for record in records]
        size = sum(ROW_BYTES + len(record.original) for record in records)
        try:
            self._database.check_disk(size)
            with self._transaction(size) as db:
                self._insert(db, _INSERT, rows)
        except DeadLetterError:
            self._failed = max(size, self._failed or 0)
            raise
        if size >= (self._failed or 0):
            self._failed = None

    def ready(self) -> None:
        """
        Check whether the next records can be kept; see `DeadLetter.ready`.

        If the last `append` failed, this writes as many bytes and undoes that.
        """
        failed = self._failed or 0
        self._database.check_disk(failed)
        with self._transaction() as db:
            db.execute(f"PRAGMA user_version = {LAYOUT}")  # rewrites a page
        with self._database.use(self._kind, failed) as db:
            db.execute("PRAGMA cache_size = 10")  # makes SQLite write before a commit
            try:
                db.execute("BEGIN IMMEDIATE")
                zeros = max(0, failed - ROW_BYTES)
                self._insert(db, _INSERT_ZEROS, [(zeros,)])
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                db.execute("PRAGMA cache_size = -2000")

    def _insert(self, db: sqlite3.Connection, sql: str, rows: Sequence[Any]) -> None:
        """Insert *rows*. Raise if they grow above the cap."""
        (before,) = db.execute(_TOTAL).fetchone()
        db.executemany(sql, rows)
        (after,) = db.execute(_TOTAL).fetchone()
        if after > max(before, self._max_bytes):
            raise DeadLetterFull(self._max_bytes, before, needed_bytes=after - before)

    def read(self) -> Iterator[DeadRecord]:
        """
        Return the records, oldest first. Only one at a time is in memory.

        A row that cannot be read is a damaged record. If a page of the file is damaged,
        each row on it is a damaged record.
        """
        last = -1
        try:
            while rows := self._query(_SELECT_NEXT, last):
                last = rows[0][0]
                yield from_row(rows[0])
            return
        except DamagedFileError:
            rest = sorted(self._query(_SELECT_KEYS, last))
        for row, key in rest:
            try:
                yield from map(from_row, self._query(f"{_ROW} WHERE rowid = ?", row))
            except DamagedFileError:
                yield from_row((row, key, *[None] * 8))

    def forget(self, keys: Iterable[str], /) -> None:
        """
        Remove the records with these keys, from the log too.

        They are removed in several transactions if the disk has not enough room to log
        all of them.

        Raises:
            DeadLetterFull: The disk has not enough room to log one of them.
        """
        waiting = [[*several("keys", keys, "key")]]
        with contextlib.suppress(DeadLetterFull):
            self._query("PRAGMA wal_checkpoint(PASSIVE)")  # may free room for the log
        while waiting:
            chunk = waiting.pop()
            try:
                self._delete(chunk)
            except DeadLetterFull as full:
                half = len(chunk) // 2
                if not half:
                    (size,) = self._query(_SELECT_SIZE, *chunk)[0]
                    needed = 2 * int(size) + full.needed_bytes
                    raise attrs.evolve(full, needed_bytes=needed) from None
                waiting += [chunk[half:], chunk[:half]]

    def _delete(self, keys: Sequence[str]) -> None:
        rows = [match[1] for key in keys if (match := _ROW_KEY.fullmatch(key))]
        texts = [(storable(key),) for key in keys]
        with self._transaction() as db:
            db.executemany("DELETE FROM dead_letters WHERE key = ?", texts)
            db.executemany(_DELETE_ROW, [(row,) for row in rows])
        self._query("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def ledger(self) -> SqliteLedger:
        """The ledger in the same file."""
        return SqliteLedger._of(self._database)

    def used_bytes(self) -> int:
        """
        Return how much of *max_bytes* the records take. It shrinks with `forget`; the
        file stays as large as it is.
        """
        return int(self._query(_TOTAL)[0][0])

    def stats(self) -> Stats:
        """Return the counts; see `braze_heap.state.stats`."""
        try:
            rows = self._query(_COUNT)
        except DamagedFileError:
            return stats(self)
        groups = []
        for reason, number, size, first, last, is_valid, destination in rows:
            oldest, newest = parse_time(first), parse_time(last)
            is_valid = is_valid and is_valid_text(reason) and is_valid_text(destination)
            if not is_valid or oldest is None or newest is None:
                return stats(self)
            groups.append((reason, destination, number, size, oldest, newest))
        return Stats.of(groups)


def _check_cap(max_bytes: int) -> None:
    check_number("max_bytes", max_bytes, least=MIN_BYTES)


_SELECT_ENTRY: Final = """
SELECT entry FROM user_properties WHERE destination = ? AND identity = ? AND name = ?
"""
_SELECT_ENTRIES: Final = """
SELECT destination, identity, name, entry FROM user_properties
WHERE (identity, name, destination) > (?, ?, ?)
ORDER BY identity, name, destination LIMIT 1000
"""
_WRITE_ENTRY: Final = "INSERT OR REPLACE INTO user_properties VALUES (?, ?, ?, ?)"


class SqliteLedger(_SqlitePart):
    """
    A ledger in a state file of SQLite. Several processes may share it. Thread-safe.

    Each `update` is one transaction, on the disk when it returns. An entry takes about
    200 bytes. See `SqliteDeadLetter` for the arguments, and how the file is handled. It
    may be the same file.

    Raises:
        LedgerError: The file cannot be opened, or is not a state file.
    """

    _kind = LedgerError

    def update(
        self, keys: AbstractSet[LedgerKey], change: Callable[[Entries], Entries], /
    ) -> None:
        """Change entries; see `Ledger.update`."""
        with self._transaction() as db:
            found = {key: db.execute(_SELECT_ENTRY, key).fetchone() for key in keys}
            entries = {key: parse_entry(row[0]) for key, row in found.items() if row}
            rows = [(*k, entry.to_json()) for k, entry in change(entries).items()]
            db.executemany(_WRITE_ENTRY, rows)

    def read(self) -> Iterator[tuple[LedgerKey, LedgerEntry]]:
        """Return all entries, those of a user together. A damaged one is empty."""
        last = ("", "", "")
        while rows := self._query(_SELECT_ENTRIES, *last):
            for destination, identity, name, text in rows:
                yield LedgerKey(destination, identity, name), parse_entry(text)
                last = (identity, name, destination)

    def knows(self, destination: str) -> bool:
        """Return whether there is an entry of *destination*."""
        known = "SELECT EXISTS (SELECT 1 FROM user_properties WHERE destination = ?)"
        return bool(self._query(known, destination)[0][0])

    def forget(self, identities: Iterable[str], /) -> None:
        """Remove the entries of these users, from the log of the file too."""
        users = [
            (identity,) for identity in several("identities", identities, "identity")
        ]
        if not users:
            return
        with self._transaction() as db:
            db.executemany("DELETE FROM user_properties WHERE identity = ?", users)
        self._query("PRAGMA wal_checkpoint(TRUNCATE)")


_SELECT_POSITIONS: Final = """
SELECT url, version, size, events, is_done FROM positions
WHERE destination = ? AND backfill = ? AND (url, version) > (?, ?)
ORDER BY url, version LIMIT 1000
"""
_WRITE_POSITION: Final = "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?, ?)"


class SqliteProgress(_SqlitePart, ProgressPart[StateFile]):
    """
    Progress of backfills in a state file of SQLite. Thread-safe.

    Each `commit` is one transaction, on the disk when it returns. On systems without
    `fcntl` (Windows), `lock` only excludes the same process. The arguments are those of
    a `SqliteDeadLetter`, except for the cap.

    Raises:
        ProgressError: The file cannot be opened, or is not a state file.
    """

    def positions(self, backfill: BackfillKey, /) -> Iterator[Position]:
        """Return the positions; see `Progress.positions`."""
        last = ("", "")
        while rows := self._query(_SELECT_POSITIONS, *backfill, *last):
            for url, version, size, events, is_done in rows:
                yield Position(url, version, size, events, bool(is_done))
                last = (url, version)

    def commit(self, backfill: BackfillKey, positions: Sequence[Position], /) -> None:
        """Note *positions*; see `Progress.commit`."""
        rows = [(*backfill, *attrs.astuple(position)) for position in positions]
        with self._transaction() as db:
            db.executemany(_WRITE_POSITION, rows)


class SqliteState(OfOneProcess, ClosingContextManager):
    """
    All state in one file of SQLite, with one connection. Thread-safe.

    Several processes may share the file. See `SqliteDeadLetter` for how it is handled.

    Args:
        path: The file. Its folder must exist.
        max_bytes: Cap of the dead letters, at least 64 KiB. Ledger and progress do not
            count.
        create: Whether to create the file if it does not exist.

    Raises:
        StateError: The file cannot be opened, or is not a state file.
        ValueError: *path* does not name a file, such as ``":memory:"``; or *max_bytes*
            is too small.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = MAX_BYTES,
        create: bool = True,
    ) -> None:
        _check_cap(max_bytes)
        self._database = StateFile(path, create=create, kind=StateError)
        self.dead_letter: SqliteDeadLetter = SqliteDeadLetter._of(self._database)
        """Events that were not delivered."""
        self.dead_letter._max_bytes = max_bytes
        self.ledger: SqliteLedger = SqliteLedger._of(self._database)
        """Newest user properties."""
        self.progress: SqliteProgress = SqliteProgress._of(self._database)
        """Progress of backfills."""

    def __repr__(self) -> str:
        return f"SqliteState({self._database.name!r})"

    def close(self) -> None:
        """Close the file. Then no part can be used any more."""
        self._database.close()
