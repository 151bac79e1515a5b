"""Dead letter in one file of SQLite."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import IO, Any, Final

import attrs

from braze_heap._wiring import OfOneProcess
from braze_heap.exceptions import DeadLetterError, DeadLetterFull
from braze_heap.sinks._protocol import ClosingContextManager
from braze_heap.state import _sqlite_rows as _rows
from braze_heap.state._ledger import Entries, LedgerEntry, LedgerKey
from braze_heap.state._protocol import Stats, export, stats
from braze_heap.state._purge import PersonFilter, Purged, purge
from braze_heap.state._record import DeadRecord
from braze_heap.state._sqlite_errors import DamagedFileError, FileSpace
from braze_heap.state._sqlite_file import (
    LAYOUT,
    lock_file,
    open_file,
    resolve_path,
    transaction,
)

MAX_BYTES: Final = 1 << 30
"""Default cap of a store, in bytes. Delivery stops if the store is full."""

MIN_BYTES: Final = 1 << 16
"""Smallest cap of a store, in bytes."""

_USED: Final = """
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()
"""

_ROW_BYTES: Final = 512
"""Bytes of a row in addition to the original, about."""


class SqliteDeadLetter(OfOneProcess, ClosingContextManager):
    """
    A dead letter in one file of SQLite. Several processes may share it. Thread-safe.

    Each `append` is one transaction, on the disk when it returns (WAL,
    ``synchronous=FULL``). Only the owner can read the file (mode 0600). Forgotten
    records are overwritten, also in the log: at once or, if another process reads at
    that moment, at the next `forget` or `close`.

    The file is opened on first use. So an instance may be created before a fork, but
    not used before one. If the file is moved or deleted, `append` raises.

    An existing file is used only if it is empty or a dead letter. Any other file stays
    unchanged. A row that cannot be read is one damaged record
    (`DeadRecord.is_damaged`).

    Args:
        path: The file. Its folder must exist.
        max_bytes: Cap of the file, without its write-ahead log; at least 64 KiB.
        create: Whether to create the file if it does not exist.

    Raises:
        DeadLetterError: The file cannot be opened, or is not a dead letter.
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
        if max_bytes < MIN_BYTES:
            raise ValueError(f"max_bytes is {MIN_BYTES:,} at least, not {max_bytes:,}")
        self._path = resolve_path(path)
        self._name = os.fspath(path)
        self._space = FileSpace(self._path, max_bytes)
        self._create = create
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._failed: int | None = None
        self._pid = os.getpid()
        self._is_closed = False
        with self._translate_errors():
            self._open().close()

    def __repr__(self) -> str:
        return f"SqliteDeadLetter({self._name!r})"

    def append(self, records: Sequence[DeadRecord], /) -> None:
        """
        Keep *records*, all or none; see `DeadLetter.append`.

        Without records, check whether the next ones can be written. If the last attempt
        failed, the check writes as many bytes and undoes that.
        """
        rows = [_rows.to_row(record) for record in records]
        failed = self._failed or 0
        size = sum(_ROW_BYTES + len(r.original) for r in records) if rows else failed
        try:
            self._space.check(size)
            if rows:
                with self._transaction(size) as db:
                    db.executemany(_rows.INSERT, rows)
            else:
                self._check_writable()
            self._check_file_unmoved()
        except DeadLetterError:
            self._failed = max(size, failed)
            raise
        if size >= failed:
            self._failed = None

    def _check_writable(self) -> None:
        with self._transaction() as db:
            db.execute(f"PRAGMA user_version = {LAYOUT}")  # rewrites a page
        if self._failed is None:
            return
        with self._lock, self._translate_errors(self._failed):
            db = self._connection()
            db.execute("PRAGMA cache_size = 10")  # makes SQLite write before a commit
            try:
                db.execute("BEGIN IMMEDIATE")
                db.execute(_rows.INSERT_ZEROS, (self._failed,))
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                db.execute("PRAGMA cache_size = -2000")

    def read(self) -> Iterator[DeadRecord]:
        """
        Return the records, oldest first. Only one at a time is in memory.

        A row that cannot be read is a damaged record. If a page of the file is damaged,
        each row on it is a damaged record.
        """
        last = -1
        try:
            while rows := self._query(_rows.SELECT_NEXT, last):
                last = rows[0][0]
                yield _rows.from_row(rows[0])
            return
        except DamagedFileError:
            rest = sorted(self._query(_rows.SELECT_KEYS, last))
        for row, key in rest:
            try:
                yield from map(_rows.from_row, self._query(_rows.SELECT_ONE, row))
            except DamagedFileError:
                yield _rows.from_row((row, key, *[None] * 7))

    def forget(self, keys: Iterable[str], /) -> None:
        """
        Remove the records with these keys, from the log too.

        They are removed in several transactions if the disk has not enough room to log
        all of them.

        Raises:
            DeadLetterFull: The disk has not enough room to log one of them.
        """
        waiting = [[*keys]]
        with contextlib.suppress(DeadLetterFull):
            self._query("PRAGMA wal_checkpoint(PASSIVE)")  # may free room for the log
        while waiting:
            chunk = waiting.pop()
            try:
                self._delete(chunk)
            except DeadLetterFull as full:
                half = len(chunk) // 2
                if not half:
                    (size,) = self._query(_rows.SELECT_SIZE, *chunk)[0]
                    needed = 2 * int(size) + full.needed_bytes
                    raise attrs.evolve(full, needed_bytes=needed) from None
                waiting += [chunk[half:], chunk[:half]]

    def _delete(self, keys: Sequence[str]) -> None:
        rows = [match[1] for key in keys if (match := _rows.ROW_KEY.fullmatch(key))]
        texts = [(_rows.replace_surrogates(key),) for key in keys]
        with self._transaction() as db:
            db.executemany(_rows.DELETE, texts)
            db.executemany(_rows.DELETE_ROW, [(row,) for row in rows])
        self._query("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._is_closed = True
            if self._db is not None and self._pid == os.getpid():
                self._db.close()
                self._db = None

    def purge(self, person: PersonFilter) -> Purged:
        """Remove a person from the file, also from a ledger in it; see `purge`."""
        return purge(self, person)

    @property
    def ledger(self) -> SqliteLedger:
        """A ledger in the same file."""
        return SqliteLedger(self)

    def export(self, stream: IO[str]) -> int:
        """Write the records as JSON lines; see `export`."""
        return export(self, stream)

    @contextlib.contextmanager
    def replay_lock(self) -> Iterator[None]:
        """
        Prevent other replays of the file, in any process, inside the block.

        Raises:
            DeadLetterError: Another replay of the file is running.
        """
        with contextlib.ExitStack() as lock:
            with self._translate_errors():
                try:
                    name = f"{self._path.name}-replay"
                    lock.enter_context(lock_file(self._path.with_name(name)))
                except BlockingIOError:
                    raise DeadLetterError(
                        f"another replay of {self._path} is running: wait for its end"
                    ) from None
            yield

    def used_bytes(self) -> int:
        """
        Return how much of *max_bytes* is used. It shrinks with `forget`; the file stays
        as large as it is.
        """
        return int(self._query(_USED)[0][0])

    def stats(self) -> Stats:
        """Return the counts; see `braze_heap.state.stats`."""
        try:
            rows = self._query(_rows.COUNT)
        except DamagedFileError:
            return stats(self)
        moments = [_rows.parse_time(at) for row in rows for at in row[3:5]]
        known = [moment for moment in moments if moment]
        is_valid = all(row[5] and _rows.is_valid_text(row[0]) for row in rows)
        if not is_valid or len(known) < len(moments):
            return stats(self)
        return Stats(
            by_reason={row[0]: row[1] for row in rows},
            size=sum(row[2] for row in rows),
            oldest=min(known, default=None),
            newest=max(known, default=None),
        )

    def by_reason(self) -> Mapping[str, int]:
        """
        Return the number of records by reason, without checking the rows for damage.

        Much faster than `stats`.
        """
        return dict(self._query(_rows.COUNT_BY_REASON))

    def _check_file_unmoved(self) -> None:
        """Raise if the file was moved or deleted after it was opened."""
        with self._translate_errors():
            found = self._path.stat() if self._path.exists() else None
        if found is None or (found.st_dev, found.st_ino) != self._file:
            raise DeadLetterError(
                f"the file of the dead letter, {self._path}, was moved or deleted: "
                "make a new one"
            )

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with self._lock, self._translate_errors():
            return self._connection().execute(sql, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self, size: int = 0) -> Iterator[sqlite3.Connection]:
        """Run the block in a transaction that writes about *size* bytes."""
        with self._lock, self._translate_errors(size):
            db = self._connection()
            with transaction(db):
                yield db

    def _connection(self) -> sqlite3.Connection:
        """Return the connection of this process."""
        if self._is_closed:
            raise DeadLetterError("this SqliteDeadLetter is closed: make a new one")
        if self._db is None:
            self._db, self._pid = self._open(), os.getpid()
            found = self._path.stat()
            self._file = found.st_dev, found.st_ino
        if self._pid != os.getpid():
            # "How To Corrupt An SQLite Database File": a child process must not use the
            # connection of its parent, nor close it.
            raise DeadLetterError(
                "this SqliteDeadLetter was used before a fork: make one in each process"
            )
        return self._db

    def _open(self) -> sqlite3.Connection:
        return open_file(self._path, self._space.max_bytes, create=self._create)

    @contextlib.contextmanager
    def _translate_errors(self, size: int = 0) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            failure = self._space.to_error(error, size, self._used())
        else:
            return
        raise failure

    def _used(self) -> int:
        used = 0
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                (used,) = self._db.execute(_USED).fetchone()
        return used


_CREATE_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS user_properties (
    destination TEXT NOT NULL,
    identity TEXT NOT NULL,
    name TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (identity, name, destination)
) WITHOUT ROWID
"""
_HAS_LEDGER: Final = "SELECT 1 FROM sqlite_master WHERE name = 'user_properties'"
_SELECT_ENTRY: Final = """
SELECT entry FROM user_properties WHERE destination = ? AND identity = ? AND name = ?
"""
_SELECT_ENTRIES: Final = """
SELECT destination, identity, name, entry FROM user_properties
WHERE (identity, name, destination) > (?, ?, ?)
ORDER BY identity, name, destination LIMIT 1000
"""
_WRITE_ENTRY: Final = "INSERT OR REPLACE INTO user_properties VALUES (?, ?, ?, ?)"

_UNCAPPED: Final = 1 << 43
"""Largest size of a file of SQLite with pages of 4 KiB, about."""


class SqliteLedger(ClosingContextManager):
    """
    A ledger in one file of SQLite. Several processes may share it. Thread-safe.

    Each `update` is one transaction, on the disk when it returns. An entry takes about
    200 bytes. The file is handled as that of a `SqliteDeadLetter`, and may be the same.

    Args:
        file: Path of the file, which has no cap then; or an open dead letter, whose cap
            counts for both.

    Raises:
        DeadLetterError: The file cannot be opened, or belongs to another program.
    """

    def __init__(self, file: str | os.PathLike[str] | SqliteDeadLetter) -> None:
        self._owns_file = not isinstance(file, SqliteDeadLetter)
        if not isinstance(file, SqliteDeadLetter):
            file = SqliteDeadLetter(file, max_bytes=_UNCAPPED)
        self._file = file

    def __repr__(self) -> str:
        return f"SqliteLedger({self._file._name!r})"

    def update(
        self, keys: AbstractSet[LedgerKey], change: Callable[[Entries], Entries], /
    ) -> None:
        """Change entries; see `Ledger.update`."""
        with self._file._transaction() as db:
            db.execute(_CREATE_LEDGER)
            found = {key: db.execute(_SELECT_ENTRY, key).fetchone() for key in keys}
            entries = {key: _entry(row[0]) for key, row in found.items() if row}
            rows = [(*k, entry.to_json()) for k, entry in change(entries).items()]
            db.executemany(_WRITE_ENTRY, rows)
        self._file._check_file_unmoved()

    def read(self) -> Iterator[tuple[LedgerKey, LedgerEntry]]:
        """Return all entries, those of a user together. A damaged one is empty."""
        if not self._exists():
            return
        last = ("", "", "")
        while rows := self._file._query(_SELECT_ENTRIES, *last):
            for destination, identity, name, text in rows:
                yield LedgerKey(destination, identity, name), _entry(text)
                last = (identity, name, destination)

    def forget(self, identities: Iterable[str], /) -> None:
        """Remove the entries of these users, from the log of the file too."""
        users = [(identity,) for identity in identities]
        if not users or not self._exists():
            return
        with self._file._transaction() as db:
            db.executemany("DELETE FROM user_properties WHERE identity = ?", users)
        self._file._query("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file, unless it is that of an open dead letter."""
        if self._owns_file:
            self._file.close()

    def _exists(self) -> bool:
        return bool(self._file._query(_HAS_LEDGER))


def _entry(text: Any) -> LedgerEntry:
    try:
        return LedgerEntry.from_json(text)
    except (TypeError, ValueError, AttributeError):
        return LedgerEntry()
