"""
Where events go that cannot be delivered: kept whole, by reason, until somebody decides.

A store is anything with `append`, `read`, `forget` and `close`. `replay`, `purge`,
`export` and `stats` work with every store. Times are UTC.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import gzip
import hashlib
import io
import itertools
import json
import logging
import os
import re
import shutil
import sqlite3
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    Protocol,
    TypeAlias,
    get_args,
)

import attrs

from braze_heap._wiring import kind_of
from braze_heap.events import CurrentsEvent
from braze_heap.exceptions import DeadLetterError, DeadLetterFull
from braze_heap.parsing import id_text
from braze_heap.reasons import Reason
from braze_heap.report import Report
from braze_heap.sinks._protocol import ClosingContextManager
from braze_heap.state._file import (
    LAYOUT,
    absolute,
    locked,
    open_file,
)
from braze_heap.state._person_search import Match, PersonSearch
from braze_heap.wire import RawEvent

if TYPE_CHECKING:
    from braze_heap.pipeline import Pipeline
    from braze_heap.transformer import Transformer

__all__ = [
    "DISCARD",
    "MAX_BYTES",
    "MAX_DETAIL",
    "MAX_INFLATED",
    "MIN_BYTES",
    "UNKNOWN_TIME",
    "Coding",
    "DeadLetter",
    "DeadRecord",
    "Found",
    "Purged",
    "SqliteDeadLetter",
    "Stats",
    "Who",
    "event_id",
    "export",
    "purge",
    "replay",
    "search",
    "stats",
]

MAX_BYTES: Final = 1 << 30
"""Cap of a store. A full one stops delivery: rather late than lost."""

MIN_BYTES: Final = 1 << 16
"""Smallest cap of a store."""

MAX_INFLATED: Final = 64 << 20
"""Bytes that a gzipped body may have without gzip to be replayed."""

MAX_DETAIL: Final = 1_000
"""Characters of a detail that are kept."""

Coding: TypeAlias = Literal["json", "bytes", "gzip"]
"""An event as JSON; a body that could not be read, as it came; the same, gzipped."""

logger: logging.Logger = logging.getLogger("braze_heap.state.dead_letters")


def _copied(names: Mapping[str, str]) -> Mapping[str, str]:
    return dict(names)


@attrs.frozen
class DeadRecord:
    """
    An event, or an unreadable body, that was not delivered.

    Attributes:
        key: The id of the event and a digest of its content: repeats have the same, and
            another event that claims the id does not.
        reason: A word of `braze_heap.Reason`.
        detail: What to look for. Never a value.
        at: When it was given up, UTC.
        original: All of it.
        coding: How *original* is to be read.
        event_type: The type that a path or schema told, where the event does not.
        mappers: Mappers that took part and are not shipped: ``module:qualname`` by
            event key; see `Transformer.team_mappers`. A replay needs them again.
    """

    key: str
    reason: str
    detail: str
    at: datetime
    original: bytes = attrs.field(repr=False)
    coding: Coding = "json"
    event_type: str | None = None
    mappers: Mapping[str, str] = attrs.field(
        factory=dict, converter=_copied, hash=False
    )

    @classmethod
    def of(
        cls,
        original: Any,
        reason: str,
        detail: str,
        at: datetime,
        *,
        zipped: bool = False,
        mappers: Mapping[str, str] = MappingProxyType({}),
    ) -> DeadRecord:
        """
        Return the record of *original*.

        Args:
            original: An event, decoded or typed, or the bytes of a body.
            reason: Why.
            detail: What to look for.
            at: Now, UTC.
            zipped: Whether the bytes are gzipped.
            mappers: See `DeadRecord.mappers`.
        """
        data, coding = _written(original)
        if zipped and coding == "bytes":
            coding = "gzip"
        typed = original.event_type if isinstance(original, RawEvent) else None
        # Damage is told apart by its place: two files may be damaged alike.
        place = detail if coding == "bytes" else ""
        key = _key(original, data, typed or place)
        detail = detail[:MAX_DETAIL]
        return cls(key, str(reason), detail, at, data, coding, typed, mappers)

    @property
    def is_damaged(self) -> bool:
        """
        Whether the store could not read all of the record.
        """
        return self.reason == Reason.DAMAGED_RECORD

    def source(self) -> Any:
        """
        Return the original in a form that a transformer takes.

        Raises:
            DeadLetterError: The record is damaged.
        """
        try:
            if self.is_damaged:
                raise ValueError
            if self.coding != "json":
                raw = self.original
                return raw if self.coding == "bytes" else _inflated(raw)
            event = json.loads(self.original)
        except (ValueError, OSError, EOFError, RecursionError, zlib.error):
            raise DeadLetterError(f"the record {self.key[:64]!r} is damaged") from None
        return RawEvent(event, self.event_type) if self.event_type else event

    def to_json(self) -> str:
        """
        Return the record as one line of JSON; the event readable, a body in base64, and
        what is damaged too.
        """
        shown = attrs.asdict(self)
        shown["at"] = self.at.isoformat()
        try:
            is_event = self.coding == "json"
            shown["original"] = json.loads(self.original) if is_event else None
        except (ValueError, RecursionError):
            shown["coding"] = "bytes"
        if shown["coding"] != "json":
            shown["original"] = base64.b64encode(self.original).decode()
        return json.dumps(shown, separators=(",", ":"))


def _inflated(data: bytes) -> bytes:
    with gzip.open(io.BytesIO(data)) as stream:
        body = stream.read(MAX_INFLATED + 1)
    if len(body) > MAX_INFLATED:
        raise ValueError("the body is too large to be replayed")
    return body


def _written(original: Any) -> tuple[bytes, Coding]:
    if isinstance(original, bytes):
        return original, "bytes"
    value = original.value if isinstance(original, RawEvent) else original
    value = value.to_raw() if isinstance(value, CurrentsEvent) else value
    try:
        text = json.dumps(value, sort_keys=True, default=_shown, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        text = json.dumps(f"<a {type(value).__name__} that is no JSON>")
    return text.encode(), "json"


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _key(original: Any, data: bytes, event_type: str) -> str:
    digest = hashlib.sha256(event_type.encode("utf-8", "replace") + b"\0" + data)
    name = event_id(original)
    return f"{name[:255]}:{digest.hexdigest()[:32]}" if name else digest.hexdigest()


def event_id(original: Any) -> str | None:
    """
    Return the id that Braze gave to an event, if it has one.
    """
    value = original.value if isinstance(original, RawEvent) else original
    if isinstance(value, CurrentsEvent):
        return value.id
    found = id_text(value.get("id")) if isinstance(value, Mapping) else None
    return found if found and found.isascii() and found.isprintable() else None


class DeadLetter(Protocol):
    """
    A store of records. Usable from threads.
    """

    def append(self, records: Sequence[DeadRecord], /) -> None:
        """
        Keep *records*, all or none. They are durable when this returns; the same key
        again changes nothing but the reason.

        Raises:
            DeadLetterFull: There is no room.
            DeadLetterError: They cannot be kept.
        """
        ...

    def read(self) -> Iterator[DeadRecord]:
        """
        Return the records, oldest first. What is read may be forgotten meanwhile.
        """
        ...

    def forget(self, keys: Iterable[str], /) -> None:
        """
        Remove the records with these keys. Unknown keys are none of its business.
        """
        ...

    def close(self) -> None:
        """
        Release everything. A second call does nothing.
        """
        ...


class _Discard:
    """
    Keeps nothing.
    """

    def __repr__(self) -> str:
        return "DISCARD"

    def append(self, records: Sequence[DeadRecord], /) -> None: ...

    def read(self) -> Iterator[DeadRecord]:
        return iter(())

    def forget(self, keys: Iterable[str], /) -> None: ...

    def close(self) -> None: ...


DISCARD: Final[DeadLetter] = _Discard()
"""
No dead letter: what cannot be delivered is counted, and **gone**. For dry runs, and for
those who have the events elsewhere.
"""

_INSERT: Final = """
INSERT INTO dead_letters
    (key, reason, detail, at, original, coding, event_type, mappers)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    reason = excluded.reason,
    detail = excluded.detail,
    original = excluded.original,
    coding = excluded.coding,
    event_type = excluded.event_type,
    mappers = CASE excluded.mappers WHEN '{}' THEN mappers ELSE excluded.mappers END
"""
_TRIAL: Final = """
INSERT INTO dead_letters (reason, detail, at, original, coding)
VALUES ('', '', '', zeroblob(?), '')
"""
_ROW: Final = """
SELECT rowid, key, reason, detail, at, original, coding, event_type, mappers
FROM dead_letters
"""
_NEXT: Final = f"{_ROW} WHERE rowid > ? ORDER BY rowid LIMIT 1"
_ONE: Final = f"{_ROW} WHERE rowid = ?"

_SIZE: Final = "SELECT ifnull(sum(length(original)), 0) FROM dead_letters WHERE key = ?"

_BY_INDEX: Final = """
SELECT rowid, key FROM dead_letters INDEXED BY sqlite_autoindex_dead_letters_1
WHERE rowid > ?
"""
"""The keys, from other pages of the file than the rows."""

_SOUND_KEY: Final = "typeof(key) = 'text' AND key NOT GLOB '*[^ -~]*'"
_DELETE: Final = "DELETE FROM dead_letters WHERE key = ?"
_DELETE_ROW: Final = f"""
DELETE FROM dead_letters WHERE rowid = ? AND NOT ({_SOUND_KEY})
"""  # noqa: S608 (of constants)

_COUNTS: Final = f"""
SELECT reason, count(*), sum(length(original)), min(at), max(at), min(
    {_SOUND_KEY} AND typeof(original) = 'blob' AND datetime(at) IS NOT NULL
    AND coding IN ('json', 'bytes', 'gzip') AND mappers GLOB '{{*}}')
FROM dead_letters NOT INDEXED GROUP BY reason ORDER BY reason
"""  # noqa: S608 (of constants)
_BY_REASON: Final = "SELECT reason, count(*) FROM dead_letters GROUP BY reason"
"""Reads only the index of reasons, if the file has one."""
_USED: Final = """
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()
"""
_ROW_KEY: Final = re.compile(r"damaged-row-(\d+)")
"""A key that is made of the number of a row, because its own cannot be read."""

UNKNOWN_TIME: Final = datetime.fromtimestamp(0, UTC)
"""Time of a damaged record, if its own cannot be read."""

_ROW_BYTES: Final = 512
"""About how many bytes a row has beside the original."""

_MARGIN: Final = 1 << 16
"""Bytes that SQLite needs beside the records."""


class SqliteDeadLetter(ClosingContextManager):
    """
    A dead letter in one file of SQLite. Several processes may share it.

    Each `append` is one transaction, on the disk when it returns (WAL,
    ``synchronous=FULL``). The file belongs to its owner alone (mode 0600). What is
    forgotten is overwritten; in the log too, at once or, if another process reads just
    then, at the next `forget` or `close`. It is opened anew when it is first used, so
    it may be made before a fork; not used before one. A file that is moved or deleted
    meanwhile is an error, not a place to write to.

    An existing file is used only if it is empty or a dead letter; any other one is left
    as it is. A row that cannot be read is one damaged record (`DeadRecord.is_damaged`).

    Args:
        path: The file. Its folder must exist.
        max_bytes: Cap of the file, without its write-ahead log; 64 KiB at least.
        create: Whether to make the file if it does not exist.

    Raises:
        DeadLetterError: Here, if the file cannot be opened, or is not a dead letter.
        ValueError: *path* names no file, such as ``":memory:"``; or a cap that is too
            small.
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
        self._path = absolute(path)
        self._name = os.fspath(path)
        self._max_bytes = max_bytes
        self._create = create
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._failed: int | None = None
        self._pid = os.getpid()
        self._is_closed = False
        with self._guarded():
            self._opened().close()

    def __repr__(self) -> str:
        return f"SqliteDeadLetter({self._name!r})"

    def append(self, records: Sequence[DeadRecord], /) -> None:
        """
        Keep *records*, all or none; see `DeadLetter.append`.

        Without records it tries whether the next ones can be written: as many bytes as
        failed before, if the last attempt failed.
        """
        rows = [(*_columns(record),) for record in records]
        failed = self._failed or 0
        size = sum(_ROW_BYTES + len(r.original) for r in records) if rows else failed
        try:
            self._expect_room(size)
            if rows:
                with self._transaction(size) as db:
                    db.executemany(_INSERT, rows)
            else:
                self._try_to_write()
            self._expect_file()
        except DeadLetterError:
            self._failed = max(size, failed)
            raise
        if size >= failed:
            self._failed = None

    def _try_to_write(self) -> None:
        with self._transaction() as db:
            db.execute(f"PRAGMA user_version = {LAYOUT}")  # rewrites a page
        if self._failed is None:
            return
        with self._lock, self._guarded(self._failed):
            db = self._connection()
            db.execute("PRAGMA cache_size = 10")  # so that it is written at once
            try:
                db.execute("BEGIN IMMEDIATE")
                db.execute(_TRIAL, (self._failed,))
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                db.execute("PRAGMA cache_size = -2000")

    def read(self) -> Iterator[DeadRecord]:
        """
        Return the records, oldest first. One at a time is in memory.

        A row that cannot be read is a damaged record. Where a page of the file is
        damaged, each row on it is one.
        """
        last = -1
        try:
            while rows := self._query(_NEXT, last):
                last = rows[0][0]
                yield _record(rows[0])
            return
        except _DamagedError:
            rest = sorted(self._query(_BY_INDEX, last))
        for row, key in rest:
            try:
                yield from map(_record, self._query(_ONE, row))
            except _DamagedError:
                yield _record((row, key, *[None] * 7))

    def forget(self, keys: Iterable[str], /) -> None:
        """
        Remove the records with these keys, from the log too.

        Where the disk has not enough room to log all of them, they are removed in
        several transactions.

        Raises:
            DeadLetterFull: It has not even enough room to log one of them.
        """
        waiting = [[*keys]]
        with contextlib.suppress(DeadLetterFull):
            self._query("PRAGMA wal_checkpoint(PASSIVE)")  # now it may have room to
        while waiting:
            chunk = waiting.pop()
            try:
                self._delete(chunk)
            except DeadLetterFull as full:
                half = len(chunk) // 2
                if not half:
                    (size,) = self._query(_SIZE, *chunk)[0]
                    needed = 2 * int(size) + full.needed_bytes
                    raise attrs.evolve(full, needed_bytes=needed) from None
                waiting += [chunk[half:], chunk[:half]]

    def _delete(self, keys: Sequence[str]) -> None:
        rows = [match[1] for key in keys if (match := _ROW_KEY.fullmatch(key))]
        with self._transaction() as db:
            db.executemany(_DELETE, [(_storable(key),) for key in keys])
            db.executemany(_DELETE_ROW, [(row,) for row in rows])
        self._query("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """
        Close the file.
        """
        with self._lock:
            self._is_closed = True
            if self._db is not None and self._pid == os.getpid():
                self._db.close()
                self._db = None

    def replay(self, pipeline: Pipeline, *, force: bool = False) -> Report:
        """
        Deliver what can be delivered today; see `replay`.
        """
        return replay(self, pipeline, force=force)

    def purge(self, who: Who) -> Purged:
        """
        Remove the records of a person; see `purge`.
        """
        return purge(self, who)

    def export(self, stream: IO[str]) -> int:
        """
        Write the records as JSON lines; see `export`.
        """
        return export(self, stream)

    @contextlib.contextmanager
    def _only_replay(self) -> Iterator[None]:
        with contextlib.ExitStack() as lock:
            with self._guarded():
                try:
                    name = f"{self._path.name}-replay"
                    lock.enter_context(locked(self._path.with_name(name)))
                except BlockingIOError:
                    raise DeadLetterError(
                        f"another replay of {self._path} is running: wait for its end"
                    ) from None
            yield

    def used_bytes(self) -> int:
        """
        Return how much of *max_bytes* is taken. The file does not shrink, this does.
        """
        return int(self._query(_USED)[0][0])

    def stats(self) -> Stats:
        """
        Return how many records there are, by reason.
        """
        try:
            rows = self._query(_COUNTS)
        except _DamagedError:
            return stats(self)
        moments = [_moment(at) for row in rows for at in row[3:5]]
        known = [moment for moment in moments if moment]
        is_sound = all(row[5] and _is_clean(row[0]) for row in rows)
        if not is_sound or len(known) < len(moments):
            return stats(self)
        return Stats(
            by_reason={row[0]: row[1] for row in rows},
            size=sum(row[2] for row in rows),
            oldest=min(known, default=None),
            newest=max(known, default=None),
        )

    def by_reason(self) -> Mapping[str, int]:
        """
        Return the number of records by reason, quickly: rows are not checked for
        damage.
        """
        return dict(self._query(_BY_REASON))

    def _expect_file(self) -> None:
        """
        Raise if what was committed lies in a file that nobody finds.
        """
        with self._guarded():
            found = self._path.stat() if self._path.exists() else None
        if found is None or (found.st_dev, found.st_ino) != self._file:
            raise DeadLetterError(
                f"the file of the dead letter, {self._path}, was moved or deleted: "
                "make a new one"
            )

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with self._lock, self._guarded():
            return self._connection().execute(sql, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self, size: int = 0) -> Iterator[sqlite3.Connection]:
        """
        Return the connection in a transaction that writes about *size* bytes.
        """
        with self._lock, self._guarded(size):
            db = self._connection()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def _connection(self) -> sqlite3.Connection:
        """
        Return the connection of this process.

        SQLite, How To Corrupt: a connection is not carried over a fork, nor closed.
        """
        if self._is_closed:
            raise DeadLetterError("this SqliteDeadLetter is closed: make a new one")
        if self._db is None:
            self._db, self._pid = self._opened(), os.getpid()
            found = self._path.stat()
            self._file = found.st_dev, found.st_ino
        if self._pid != os.getpid():
            raise DeadLetterError(
                "this SqliteDeadLetter was used before a fork: make one in each process"
            )
        return self._db

    def _opened(self) -> sqlite3.Connection:
        return open_file(self._path, self._max_bytes, create=self._create)

    @contextlib.contextmanager
    def _guarded(self, size: int = 0) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            failure = self._explained(error, size)
        else:
            return
        raise failure

    def _explained(self, error: sqlite3.Error | OSError, size: int) -> DeadLetterError:
        """
        Return *error* of an operation on *size* bytes as what to do about it.
        """
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        needed, free, used = self._needed(size), self._free_bytes(), self._used()
        is_no_space = getattr(error, "errno", None) == errno.ENOSPC
        if is_no_space or (code in _UNWRITABLE and free < needed):
            return DeadLetterFull(self._max_bytes, used, free, needed)
        if code == sqlite3.SQLITE_FULL:
            if free < self._max_bytes - used:
                return DeadLetterFull(self._max_bytes, used, free, needed)
            return DeadLetterFull(self._max_bytes, used, None, size)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return _DamagedError(
                f"the dead letter {self._path} is damaged ({name}): export what can "
                "be read, and move the file away"
            )
        flaw = getattr(error, "strerror", None) or name
        advice = _ADVICE.get(code, "")
        return DeadLetterError(
            f"the dead letter {self._path} cannot be used ({flaw}){advice}"
        )

    def _expect_room(self, size: int) -> None:
        """
        Raise if the disk has no room for *size* bytes more and for what comes then.

        The log has to fit into the file, and what a purge logs onto the disk.
        """
        free, needed = self._free_bytes(), self._needed(size)
        if free < needed:
            raise DeadLetterFull(self._max_bytes, None, free, needed)

    def _needed(self, size: int) -> int:
        """
        Return how many bytes must be free on the disk for a write of *size* bytes.
        """
        log = self._path.with_name(f"{self._path.name}-wal")
        try:
            logged = log.stat().st_size
        except OSError:
            logged = 0
        return 2 * size + logged + _MARGIN

    def _free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self._path.parent).free
        except OSError:
            return self._max_bytes

    def _used(self) -> int:
        used = 0
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                (used,) = self._db.execute(_USED).fetchone()
        return used


class _DamagedError(DeadLetterError):
    """
    A page of the file is damaged.
    """


_UNWRITABLE: Final = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
"""What SQLite also reports where the disk is full."""

_ADVICE: Final = MappingProxyType(
    {
        sqlite3.SQLITE_BUSY: ": another process has had it locked for 5 seconds",
        sqlite3.SQLITE_READONLY: ": make file and folder writable",
        sqlite3.SQLITE_CANTOPEN: ": make file and folder readable and writable",
        sqlite3.SQLITE_IOERR: (
            ": look for a quota, a limit on the size of files (ulimit -f), or a fault "
            "of the disk"
        ),
    }
)


def _columns(record: DeadRecord) -> tuple[Any, ...]:
    return (
        record.key,
        record.reason,
        _storable(record.detail),
        record.at.isoformat(),
        record.original,
        record.coding,
        record.event_type and _storable(record.event_type),
        json.dumps(record.mappers, separators=(",", ":")),
    )


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _record(row: Sequence[Any]) -> DeadRecord:
    """
    Return the record of a row; if it is damaged, with what can be read of it.
    """
    number, key, reason, detail, at, original, coding, event_type, mappers = row
    if isinstance(original, str):  # written by hand
        original = original.encode("utf-8", "surrogateescape")
    moment, names = _moment(at), _mappers(mappers)
    flaws = {
        "key": not _is_clean(key),
        "reason": not _is_clean(reason),
        "detail": not isinstance(detail, str),
        "at": moment is None,
        "original": not isinstance(original, bytes),
        "coding": coding not in get_args(Coding),
        "event_type": not (event_type is None or _is_clean(event_type)),
        "mappers": names is None,
    }
    if names is not None and moment is not None and not any(flaws.values()):
        return DeadRecord(
            key, reason, _storable(detail), moment, original, coding, event_type, names
        )
    columns = ", ".join(name for name, is_flawed in flaws.items() if is_flawed)
    return DeadRecord(
        key if _is_clean(key) else f"damaged-row-{number}",
        Reason.DAMAGED_RECORD,
        f"row {number} of the file is damaged: {columns}",
        moment or UNKNOWN_TIME,
        original if isinstance(original, bytes) else b"",
        "bytes",
    )


def _is_clean(text: object) -> bool:
    """
    Return whether *text* is text without the surrogates that damaged bytes leave.
    """
    if not isinstance(text, str):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _mappers(text: Any) -> dict[str, str] | None:
    if text == "{}":
        return {}
    try:
        names = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    is_valid = isinstance(names, dict) and all(map(_is_clean, names.values()))
    return names if is_valid else None


@attrs.frozen
class Stats:
    """
    What a dead letter holds.

    Attributes:
        by_reason: Records by reason.
        size: Bytes of the originals.
        oldest: When the first of them was given up, UTC.
        newest: And the last.
    """

    by_reason: Mapping[str, int]
    size: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None

    @property
    def records(self) -> int:
        """
        How many there are.
        """
        return sum(self.by_reason.values())


Who: TypeAlias = str | Callable[[DeadRecord], bool]
"""An identity, or whatever tells the records of a person."""


def stats(dead_letter: DeadLetter) -> Stats:
    """
    Return what *dead_letter* holds, by reading all of it.
    """
    reasons: Counter[str] = Counter()
    moments: list[datetime] = []
    size = 0
    for record in dead_letter.read():
        reasons[record.reason] += 1
        size += len(record.original)
        moments = [
            min(record.at, *moments[:1] or [record.at]),
            max(record.at, *moments[1:] or [record.at]),
        ]
    return Stats(dict(sorted(reasons.items())), size, *moments)


def export(dead_letter: DeadLetter, stream: IO[str]) -> int:
    """
    Write every record as a line of JSON, and return how many there were.

    The file holds personal data: guard it.
    """
    count = 0
    for record in dead_letter.read():
        stream.write(f"{record.to_json()}\n")
        count += 1
    return count


@attrs.frozen
class Purged:
    """
    The outcome of a purge.

    Attributes:
        removed: Number of records that were removed.
        suspected: Key of each record that may be about the person and was kept, to the
            reason why it is suspected. Look at them, and remove them with
            ``purge(store, lambda record: record.key in purged.suspected)``.
    """

    removed: int
    suspected: Mapping[str, str] = MappingProxyType({})

    def __str__(self) -> str:
        text = f"{self.removed:,} removed"
        if self.suspected:
            keys = ", ".join(key[:64] for key in itertools.islice(self.suspected, 3))
            text += f", {len(self.suspected):,} suspected and kept ({keys}"
            text += ", ...)" if len(self.suspected) > 3 else ")"
        return text


def purge(dead_letter: DeadLetter, who: Who) -> Purged:
    """
    Remove the records of a person; return how many there were, and which others may be
    about that person.

    Args:
        dead_letter: The store.
        who: An identity, email address or phone number. It is searched in every field,
            in JSON text within fields, and in bodies that could not be read, whatever
            their encoding. Or a predicate: then nothing is only suspected.

    Raises:
        ValueError: The identity is blank.
    """
    found = search(dead_letter.read(), who)
    dead_letter.forget(found.keys)
    return Purged(len(found.keys), found.suspected)


@attrs.frozen
class Found:
    """
    Records of a person.

    Attributes:
        keys: Of the records that are about the person.
        suspected: Key of each record that may be, to the reason.
    """

    keys: Sequence[str]
    suspected: Mapping[str, str]


def search(records: Iterable[DeadRecord], who: Who) -> Found:
    """
    Return which of *records* `purge` removes, and which it suspects.
    """
    keys: list[str] = []
    suspected: dict[str, str] = {}
    matches = _matcher(who)
    for record in records:
        match = matches(record)
        if match and match.is_certain:
            keys.append(record.key)
        elif match:
            suspected[record.key] = match.why
    return Found(keys, suspected)


def _matcher(who: Who) -> Callable[[DeadRecord], Match | None]:
    if callable(who):
        return lambda record: Match() if who(record) else None
    person = PersonSearch(who)

    def match(record: DeadRecord) -> Match | None:
        if record.is_damaged and not record.original:
            return Match("is damaged, so that it cannot be searched")
        is_event = record.coding == "json"
        look = person.in_event if is_event else person.in_body
        return look(record.original) or person.in_text(record.detail)

    return match


def replay(
    dead_letter: DeadLetter,
    pipeline: Pipeline,
    *,
    batch_size: int = 100,
    force: bool = False,
) -> Report:
    """
    Run the records through today's mapping and sink, and return what became of them.

    A record is forgotten only after the sink settled it, or today's policy left it out.
    What is still refused, or damaged, stays under its key. *pipeline* must have
    *dead_letter* for its own; an unreadable body that can be read today may become
    several records. Heap keeps the first event of an id: what another one says under
    the same id (``duplicate_id_conflict``) is taken as a repeat, and changes nothing.

    A record also stays, as ``mapper_missing``, if one of the mappers that it lists is
    not in today's transformer: the shipped mapping would give its event another name,
    under the same idempotency key. `Report.missing_mappers` counts these mappers. A
    mapper that was corrected or added is no obstacle.

    Args:
        dead_letter: The store.
        pipeline: Today's transformer and sink, and *dead_letter*.
        batch_size: Events that are sent together.
        force: Whether to replay records whose mappers are missing, too.

    Raises:
        SinkUnavailable: Midway. What was settled before is forgotten; the rest stays.
        DeadLetterError: Another replay of this dead letter is running; or it fails.
        ValueError: *pipeline* has another dead letter.
        TypeError: *pipeline* is not a `Pipeline`.
    """
    if not hasattr(pipeline, "run_records"):
        raise TypeError(f"replay needs a Pipeline, not {kind_of(pipeline)}")
    if pipeline.dead_letter is not dead_letter:
        raise ValueError("replay through a pipeline that has this dead letter")
    missing = _MissingMappers(pipeline.transformer, force=force)
    report, stays = Report(), set[str]()
    with _only_replay(dead_letter):
        waiting = (
            record
            for record in dead_letter.read()
            if record.key not in stays and not missing.keep(record)
        )
        for batch in _batches(waiting, batch_size):
            done, kept = pipeline.run_records(batch)
            dead_letter.forget(record.key for record in batch if record.key not in kept)
            stays |= kept
            report += done
    return report + missing.report()


class _MissingMappers:
    """
    Mappers that a transformer lacks, and how many records stay because of them.
    """

    def __init__(self, transformer: Transformer, *, force: bool) -> None:
        # A wrapper that only has `transform` lacks all of them.
        self._missing = getattr(transformer, "missing_mappers", dict)
        self._force = force
        self._known: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
        self._records = 0
        self._mappers: Counter[str] = Counter()

    def keep(self, record: DeadRecord) -> bool:
        """
        Return whether *record* has to stay, and count it.
        """
        if self._force or not record.mappers:
            return False
        listed = tuple(record.mappers.items())
        if listed not in self._known:
            self._known[listed] = self._missing(record.mappers)
        missing = [f"{key} {name}" for key, name in self._known[listed].items()]
        for name in missing:
            if name not in self._mappers:
                logger.warning("Not replayed, the transformer has no mapper %s", name)
        self._mappers.update(missing)
        self._records += bool(missing)
        return bool(missing)

    def report(self) -> Report:
        """
        Return the records as dead-lettered, and the mappers that they lack.
        """
        lost = {str(Reason.MAPPER_MISSING): self._records} if self._records else {}
        return Report(
            self._records, dead_lettered_by_reason=lost, missing_mappers=self._mappers
        )


_REPLAYED: Final[dict[int, object]] = {}
"""Replays that run in this process, by the `id` of their store."""


@contextlib.contextmanager
def _only_replay(dead_letter: DeadLetter) -> Iterator[None]:
    """
    Raise if another replay of *dead_letter* is running; of a file, in any process.
    """
    token = object()
    if _REPLAYED.setdefault(id(dead_letter), token) is not token:
        raise DeadLetterError("another replay of this dead letter is running")
    try:
        with contextlib.ExitStack() as lock:
            if isinstance(dead_letter, SqliteDeadLetter):
                lock.enter_context(dead_letter._only_replay())
            yield
    finally:
        del _REPLAYED[id(dead_letter)]


def _batches(
    records: Iterable[DeadRecord], size: int
) -> Iterator[Sequence[DeadRecord]]:
    """
    Return *records* in batches; a body is a batch of its own.
    """
    for is_event, group in itertools.groupby(records, lambda r: r.coding == "json"):
        most = size if is_event else 1
        waiting = iter(group)
        while batch := list(itertools.islice(waiting, most)):
            yield batch
