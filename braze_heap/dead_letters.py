"""
Where events go that cannot be delivered: kept whole, by reason, until somebody decides.

A store is anything with `append`, `read`, `forget` and `close`. `replay`, `purge`,
`export` and `stats` work with every store. Times are UTC.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import itertools
import json
import os
import sqlite3
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import attrs

from braze_heap._person_search import Match, PersonSearch
from braze_heap.events import CurrentsEvent
from braze_heap.report import Report
from braze_heap.sinks._managed import ClosesAtExit
from braze_heap.sinks._simple import sync_directory
from braze_heap.sinks.exceptions import DeadLetterError, DeadLetterFull
from braze_heap.wire import RawEvent

if TYPE_CHECKING:
    from braze_heap.pipeline import Pipeline

__all__ = [
    "DISCARD",
    "MAX_BYTES",
    "MAX_DETAIL",
    "MAX_INFLATED",
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

MAX_INFLATED: Final = 64 << 20
"""Bytes that a gzipped body may have without gzip to be replayed."""

MAX_DETAIL: Final = 1_000
"""Characters of a detail that are kept."""

Coding: TypeAlias = Literal["json", "bytes", "gzip"]
"""An event as JSON; a body that could not be read, as it came; the same, gzipped."""


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
    """

    key: str
    reason: str
    detail: str
    at: datetime
    original: bytes = attrs.field(repr=False)
    coding: Coding = "json"
    event_type: str | None = None

    @classmethod
    def of(
        cls,
        original: Any,
        reason: str,
        detail: str,
        at: datetime,
        *,
        zipped: bool = False,
    ) -> DeadRecord:
        """
        Return the record of *original*.

        Args:
            original: An event, decoded or typed, or the bytes of a body.
            reason: Why.
            detail: What to look for.
            at: Now, UTC.
            zipped: Whether the bytes are gzipped.
        """
        data, coding = _written(original)
        if zipped and coding == "bytes":
            coding = "gzip"
        typed = original.event_type if isinstance(original, RawEvent) else None
        key = _key(original, data, typed or "")
        return cls(key, str(reason), detail[:MAX_DETAIL], at, data, coding, typed)

    def source(self) -> Any:
        """
        Return the original in a form that a transformer takes.

        Raises:
            DeadLetterError: The record is damaged.
        """
        try:
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
    found = value.get("id") if isinstance(value, Mapping) else None
    is_id = isinstance(found, str) and found.isascii() and found.isprintable()
    return found if is_id and found else None


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

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS dead_letters (
    key TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    at TEXT NOT NULL,
    original BLOB NOT NULL,
    coding TEXT NOT NULL,
    event_type TEXT
)
"""
_INSERT: Final = """
INSERT INTO dead_letters (key, reason, detail, at, original, coding, event_type)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET reason = excluded.reason, detail = excluded.detail
"""
_NEXT: Final = """
SELECT rowid, key, reason, detail, at, original, coding, event_type
FROM dead_letters WHERE rowid > ? ORDER BY rowid LIMIT 1
"""
_COUNTS: Final = """
SELECT reason, count(*), sum(length(original)), min(at), max(at)
FROM dead_letters GROUP BY reason ORDER BY reason
"""


class SqliteDeadLetter(ClosesAtExit):
    """
    A dead letter in one file of SQLite. Several processes may share it.

    Each `append` is one transaction, on the disk when it returns (WAL,
    ``synchronous=FULL``). The file belongs to its owner alone (mode 0600). What is
    forgotten is overwritten; in the log too, at once or, if another process reads just
    then, at the next `forget` or `close`. It is opened anew when it is first used, so
    it may be made before a fork; not used before one. A file that is moved or deleted
    meanwhile is an error, not a place to write to.

    Args:
        path: The file; made if there is none. Its directory must exist.
        max_bytes: Cap of the file, without its write-ahead log.

    Raises:
        DeadLetterError: Here, if the file cannot be opened, or is no dead letter.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES
    ) -> None:
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._pid = os.getpid()
        self._is_closed = False
        with self._guarded():
            _opened(self._path, max_bytes).close()

    def __repr__(self) -> str:
        return f"SqliteDeadLetter({str(self._path)!r})"

    def append(self, records: Sequence[DeadRecord], /) -> None:
        """
        Keep *records*, all or none; see `DeadLetter.append`.
        """
        rows = [(*_columns(record),) for record in records]
        with self._transaction() as db:
            db.executemany(_INSERT, rows)
        self._expect_file()

    def read(self) -> Iterator[DeadRecord]:
        """
        Return the records, oldest first. One at a time is in memory.
        """
        last = -1
        while rows := self._query(_NEXT, last):
            last = rows[0][0]
            yield _record(rows[0])

    def forget(self, keys: Iterable[str], /) -> None:
        """
        Remove the records with these keys, from the log too.
        """
        with self._transaction() as db:
            db.executemany(
                "DELETE FROM dead_letters WHERE key = ?", [(k,) for k in keys]
            )
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

    def replay(self, pipeline: Pipeline) -> Report:
        """
        Deliver what can be delivered today; see `replay`.
        """
        return replay(self, pipeline)

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

    def used_bytes(self) -> int:
        """
        Return how much of *max_bytes* is taken. The file does not shrink, this does.
        """
        sql = "SELECT (page_count - freelist_count) * page_size FROM"
        pragmas = ("page_count", "freelist_count", "page_size")
        tables = ", ".join(f"pragma_{name}()" for name in pragmas)
        return int(self._query(f"{sql} {tables}")[0][0])

    def stats(self) -> Stats:
        """
        Return how many records there are, by reason.
        """
        rows = self._query(_COUNTS)
        return Stats(
            by_reason={row[0]: row[1] for row in rows},
            size=sum(row[2] for row in rows),
            oldest=min((_moment(row[3]) for row in rows), default=None),
            newest=max((_moment(row[4]) for row in rows), default=None),
        )

    def _expect_file(self) -> None:
        """
        Raise if what was committed lies in a file that nobody finds.
        """
        with self._guarded():
            found = self._path.stat() if self._path.exists() else None
        if found is None or (found.st_dev, found.st_ino) != self._file:
            raise DeadLetterError(
                "the file of the dead letter was moved or deleted: make a new one"
            )

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with self._lock, self._guarded():
            return self._connection().execute(sql, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._guarded():
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
            self._db, self._pid = _opened(self._path, self._max_bytes), os.getpid()
            found = self._path.stat()
            self._file = found.st_dev, found.st_ino
        if self._pid != os.getpid():
            raise DeadLetterError(
                "this SqliteDeadLetter was used before a fork: make one in each process"
            )
        return self._db

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            is_full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
            kind = getattr(error, "sqlite_errorname", type(error).__name__)
        except OSError as error:
            is_full, kind = False, type(error).__name__
        else:
            return
        if is_full:
            raise DeadLetterFull(self._max_bytes)
        raise DeadLetterError(f"the dead letter cannot be used ({kind})")


def _opened(path: Path, max_bytes: int) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    db = sqlite3.connect(
        path, timeout=5.0, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(db, max_bytes)
    except BaseException:
        db.close()
        raise
    sync_directory(path.parent)
    return db


def _prepare(db: sqlite3.Connection, max_bytes: int) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    db.execute(_SCHEMA)
    (page_size,) = db.execute("PRAGMA page_size").fetchone()
    db.execute(f"PRAGMA max_page_count = {max(1, max_bytes // page_size)}")


def _columns(record: DeadRecord) -> tuple[Any, ...]:
    return (
        record.key,
        record.reason,
        _storable(record.detail),
        record.at.isoformat(),
        record.original,
        record.coding,
        record.event_type and _storable(record.event_type),
    )


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _record(row: Sequence[Any]) -> DeadRecord:
    _, key, reason, detail, at, original, coding, event_type = row
    return DeadRecord(key, reason, detail, _moment(at), original, coding, event_type)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


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
        is_event = record.coding == "json"
        look = person.in_event if is_event else person.in_body
        return look(record.original) or person.in_text(record.detail)

    return match


def replay(
    dead_letter: DeadLetter, pipeline: Pipeline, *, batch_size: int = 100
) -> Report:
    """
    Run the records through today's mapping and sink, and return what became of them.

    A record is forgotten only after the sink settled it, or today's policy left it out.
    What is still refused, or damaged, stays under its key. *pipeline* must have
    *dead_letter* for its own; an unreadable body that can be read today may become
    several records. Heap keeps the first event of an id: what another one says under
    the same id (``duplicate_id_conflict``) is taken as a repeat, and changes nothing.

    Raises:
        SinkUnavailable: Midway. What was settled before is forgotten; the rest stays.
        ValueError: *pipeline* has another dead letter.
    """
    if pipeline.dead_letter is not dead_letter:
        raise ValueError("replay through a pipeline that has this dead letter")
    report, stays = Report(), set[str]()
    waiting = (record for record in dead_letter.read() if record.key not in stays)
    for batch in _batches(waiting, batch_size):
        done, kept = pipeline.run_records(batch)
        dead_letter.forget(record.key for record in batch if record.key not in kept)
        stays |= kept
        report += done
    return report


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
