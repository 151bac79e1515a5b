"""
State file: one file of SQLite with all state, and one connection to it.

An existing file is not changed before it is recognized as a state file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from braze_heap.exceptions import DeadLetterError, DeadLetterFull, StateError
from braze_heap.sinks._local import sync_directory
from braze_heap.state._record import DeadRecord
from braze_heap.wire._formats import HEAD, UnknownFormatError, check_format

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

APPLICATION_ID: Final = int.from_bytes(b"BHdl")
"""``PRAGMA application_id`` of a state file."""

LAYOUT: Final = 2
"""``PRAGMA user_version`` of a state file."""

ROW_BYTES: Final = 512
"""Bytes that a dead letter takes in addition to its original, about."""

_MARGIN: Final = 1 << 16
"""Bytes that SQLite needs in addition to the records."""

_SIZE: Final = f"(ifnull(length({{}}.original), 0) + {ROW_BYTES})"
_NEW, _OLD = _SIZE.format("new"), _SIZE.format("old")

_TRIGGER: Final = """
CREATE TRIGGER dead_letter_{0} AFTER {0} ON dead_letters BEGIN
    UPDATE dead_letter_bytes SET total = max(0, total {1});
END
"""

_TABLES: Final = {"dead_letters", "dead_letter_bytes", "user_properties", "positions"}

_CREATE: Final = (
    """
    CREATE TABLE dead_letters (
        key TEXT PRIMARY KEY,
        reason TEXT NOT NULL,
        detail TEXT NOT NULL,
        at TEXT NOT NULL,
        original BLOB NOT NULL,
        format TEXT NOT NULL,
        event_type TEXT,
        mappers TEXT NOT NULL,
        destination TEXT NOT NULL
    )
    """,
    # Bytes of all dead letters, so that the cap is checked without reading them.
    "CREATE TABLE dead_letter_bytes (total INTEGER NOT NULL)",
    "INSERT INTO dead_letter_bytes VALUES (0)",
    _TRIGGER.format("INSERT", f"+ {_NEW}"),
    _TRIGGER.format("UPDATE", f"+ {_NEW} - {_OLD}"),
    _TRIGGER.format("DELETE", f"- {_OLD}"),
    """
    CREATE TABLE user_properties (
        destination TEXT NOT NULL,
        identity TEXT NOT NULL,
        name TEXT NOT NULL,
        entry TEXT NOT NULL,
        PRIMARY KEY (identity, name, destination)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE positions (
        destination TEXT NOT NULL,
        backfill TEXT NOT NULL,
        url TEXT NOT NULL,
        version TEXT NOT NULL,
        size INTEGER NOT NULL,
        events INTEGER NOT NULL,
        is_done INTEGER NOT NULL,
        PRIMARY KEY (destination, backfill, url, version)
    ) WITHOUT ROWID
    """,
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {LAYOUT}",
)

# SQLite may report these instead of SQLITE_FULL if the disk is full.
_UNWRITABLE: Final = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)

_ADVICE: Final = {
    sqlite3.SQLITE_BUSY: ": another process has locked it for 5 seconds",
    sqlite3.SQLITE_READONLY: ": make file and folder writable",
    sqlite3.SQLITE_CANTOPEN: ": make file and folder readable and writable",
    sqlite3.SQLITE_IOERR: (
        ": check for a quota, a limit on the size of files (ulimit -f), or a fault "
        "of the disk"
    ),
}


class DamagedFileError(DeadLetterError):
    """A page of the file is damaged."""


class StateFile:
    """
    One connection to a state file, opened on first use. Thread-safe.

    Each method takes the kind of error to raise: that of the part that is used. A write
    of about *size* bytes names them in the error of a full disk.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool, kind: type[StateError]
    ) -> None:
        name = os.fspath(path)
        if not isinstance(name, str):
            raise TypeError(f"a state file is named by a str or a Path, not {path!r}")
        if name in ("", ":memory:") or name.startswith("file:"):
            raise ValueError(
                f"state needs a file, not {name!r}, because it must outlive the "
                "process: name a path. In a program, DISCARD keeps no dead letters"
            )
        self.name = name
        self.path = Path(os.path.realpath(name))
        self._create = create
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None
        self._pid = os.getpid()
        self._is_closed = False
        with self._errors(kind):
            _open(self.path, create=create).close()

    def query(self, kind: type[StateError], sql: str, *values: Any) -> list[Any]:
        """Return all rows of a statement."""
        with self.use(kind) as db:
            return db.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def transaction(
        self, kind: type[StateError], size: int = 0
    ) -> Iterator[sqlite3.Connection]:
        """Run the block in a transaction. Raise if the file is gone at its end."""
        with self.use(kind, size) as db:
            with _transaction(db):
                yield db
            found = self.path.stat() if self.path.exists() else None
            if not (found and self._file and os.path.samestat(found, self._file)):
                raise StateError(
                    f"the state file {self.path} was moved or deleted: open it again"
                )

    @contextlib.contextmanager
    def use(
        self, kind: type[StateError], size: int = 0
    ) -> Iterator[sqlite3.Connection]:
        """Lock the connection for the block."""
        with self._lock, self._errors(kind, size):
            yield self._connection()

    @contextlib.contextmanager
    def lock(self, kind: type[StateError], name: str, task: str) -> Iterator[None]:
        """Raise if a second *task* with this file and *name* runs, in any process."""
        with contextlib.ExitStack() as ends:
            with self._errors(kind):
                beside = self.path.with_name(f"{self.path.name}-{name}")
                if not lock_file(beside, ends):
                    raise StateError(
                        f"another {task} with {self.path} is running: wait for its end"
                    )
            yield

    def check_disk(self, size: int) -> None:
        """Raise unless a write of *size* bytes, and a later purge, fit on the disk."""
        free, needed = self._free(), self._needed(size)
        if free is not None and free < needed:
            raise DeadLetterFull(free_bytes=free, needed_bytes=needed)

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        with self._lock:
            self._is_closed = True
            if self._db is not None and self._pid == os.getpid():
                self._db.close()
                self._db = None

    def _connection(self) -> sqlite3.Connection:
        """Return the connection of this process."""
        if self._is_closed:
            raise StateError(f"the state file {self.path} is closed: open it again")
        if self._db is None:
            self._db, self._pid = _open(self.path, create=self._create), os.getpid()
            self._file = self.path.stat()
        if self._pid != os.getpid():
            # "How To Corrupt An SQLite Database File": a child process must not use the
            # connection of its parent, nor close it.
            raise StateError(
                f"the state file {self.path} was used before a fork: open it in each "
                "process"
            )
        return self._db

    @contextlib.contextmanager
    def _errors(self, kind: type[StateError], size: int = 0) -> Iterator[None]:
        """Raise errors of the block as *kind*, with advice."""
        try:
            yield
        except StateError as error:
            failure = error if type(error) is not StateError else kind(str(error))
        except (sqlite3.Error, OSError) as error:
            failure = self._to_state_error(error, kind, size)
        else:
            return
        raise failure

    def _to_state_error(
        self, error: Exception, kind: type[StateError], size: int
    ) -> StateError:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        needed, free = self._needed(size), self._free()
        is_full = (
            getattr(error, "errno", None) == errno.ENOSPC
            or code == sqlite3.SQLITE_FULL
            or (code in _UNWRITABLE and free is not None and free < needed)
        )
        if is_full:
            full = DeadLetterFull(free_bytes=free or 0, needed_bytes=needed)
            return full if kind is DeadLetterError else kind(str(full))
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            damage = (DamagedFileError if kind is DeadLetterError else kind)(
                f"the state file {self.path} is damaged ({name}): export the dead "
                "letters that can be read, and move the file away"
            )
            damage._is_damaged = True
            return damage
        flaw = getattr(error, "strerror", None) or name
        advice = _ADVICE.get(code, "")
        return kind(f"the state file {self.path} cannot be used ({flaw}){advice}")

    def _needed(self, size: int) -> int:
        """Return the free bytes that a write of *size* bytes needs."""
        log = self.path.with_name(f"{self.path.name}-wal")
        try:
            logged = log.stat().st_size
        except OSError:
            logged = 0
        # The log has to fit into the file, and a purge writes to the log again.
        return 2 * size + logged + _MARGIN

    def _free(self) -> int | None:
        try:
            return shutil.disk_usage(self.path.parent).free
        except OSError:
            return None


# POSIX: closing a file drops all locks of the process on it, SQLite's too.
_CREATE_LOCK: Final = threading.Lock()


def _open(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open the state file at *path*. An empty file becomes one."""
    with _CREATE_LOCK:
        _check_or_create(path, create=create)
    db = sqlite3.connect(
        path, timeout=5.0, isolation_level=None, check_same_thread=False
    )
    try:
        db.text_factory = _decode_text
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _decode_text(text: bytes) -> str:
    """Decode *text*. Invalid bytes become surrogates, which mark damage."""
    return text.decode("utf-8", "surrogateescape")


def _check_or_create(path: Path, *, create: bool) -> None:
    """Raise if *path* is not a state file. Create an empty file if it is missing."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if not create:
            raise StateError(f"the state file {path} does not exist") from None
        if not path.parent.is_dir():
            raise StateError(
                f"the folder {path.parent} for {path.name} does not exist: create it"
            ) from None
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        sync_directory(path.parent)
        return
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise StateError(f"{path} is {kind}: name a file for the state")
    if not os.access(path, os.R_OK | os.W_OK):
        raise StateError(
            f"the state file {path} cannot be read and written: change its mode or "
            "owner, or check whether the disk is mounted read-only"
        )
    if status.st_size and not _is_unfinished(path):
        _check_unchanged(path)
    elif not create:
        raise StateError(f"{path} is not a state file: it is empty")


def _is_unfinished(path: Path) -> bool:
    """Return whether a journal will make SQLite restore the file to an empty one."""
    journal = path.with_name(f"{path.name}-journal")
    try:
        with journal.open("rb") as file:
            head = file.read(20)
    except FileNotFoundError:
        return False
    return head[:8] == b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" and not any(head[16:20])


def _check_unchanged(path: Path) -> None:
    """Raise if the file is not a state file, and change nothing."""
    # To read a database in WAL mode, SQLite creates files beside it, unless it is
    # opened as immutable. Without these files no process has it open: that is safe.
    beside = (path.with_name(f"{path.name}-{end}") for end in ("wal", "journal"))
    is_open = any(other.exists() for other in beside)
    uri = f"{path.as_uri()}?mode=ro{'' if is_open else '&immutable=1'}"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as db:
            db.text_factory = _decode_text
            db.execute("BEGIN")  # so that all reads see one state of the file
            _check_tables(db, path)
        return
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
            raise
    with path.open("rb") as file:
        head = file.read(HEAD)
        looks_like = "JSON" if head.lstrip().startswith(b"{") else "JSON or TOML"
        try:
            check_format(head)
        except UnknownFormatError as error:
            looks_like = error.looks_like
    raise StateError(f"{path} is not a state file: it is {looks_like}")


def _check_tables(db: sqlite3.Connection, path: Path) -> None:
    """Raise if this version of braze_heap cannot use the database at *path*."""
    application_id, layout = _pragma(db, "application_id"), _pragma(db, "user_version")
    tables = _names(db, "sqlite_master WHERE type = 'table'")
    columns = _names(db, "pragma_table_info('dead_letters')")
    if application_id != APPLICATION_ID:
        shown = ", ".join(map(ascii, tables[:5])) or "none"
        raise StateError(
            f"{path} is not a state file: it is a SQLite database of another "
            f"application (application_id {application_id}, tables: {shown})"
        )
    if layout != LAYOUT:
        other = "a newer" if layout > LAYOUT else "an older"
        raise StateError(
            f"{path} was made by {other} version of braze_heap (layout "
            f"{layout}; this version uses {LAYOUT}): use that version, or "
            "name another file"
        )
    expected = attrs.fields_dict(DeadRecord).keys()
    if not {*tables} >= _TABLES or not expected <= {*columns}:
        raise StateError(
            f"{path} claims to be a state file (layout {layout}), but has "
            "other tables: move it away"
        )


def _names(db: sqlite3.Connection, table: str) -> list[str]:
    return [name for (name,) in db.execute(f"SELECT name FROM {table}")]  # noqa: S608


def _pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    if _pragma(db, "application_id") != APPLICATION_ID:
        with _transaction(db):
            if _names(db, "sqlite_master WHERE type = 'table'"):
                _check_tables(db, path)  # another process may have created them
            else:
                for statement in _CREATE:
                    db.execute(statement)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Run the block in a transaction, which is undone if the block raises."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


_LOCKED: Final = set[tuple[int, Path]]()
"""
Files that a process has locked, with its id, because `lockf` only excludes others and
a fork inherits the set, but not the lock.
"""


def lock_file(path: Path, ends: contextlib.ExitStack) -> bool:
    """
    Lock the file *path* until *ends* or the process ends; return whether it was free.

    On systems without `fcntl` it excludes only the same process. The lock is not
    inherited by a fork.
    """
    owner = os.getpid()
    with _CREATE_LOCK:
        if (owner, path) in _LOCKED:
            return False
        _LOCKED.add((owner, path))
    ends.callback(_LOCKED.discard, (owner, path))
    if fcntl is None:
        return True
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    ends.callback(os.close, lock)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    if not path.exists() or not os.path.samestat(os.fstat(lock), path.stat()):
        return False  # its owner removed it after `os.open`

    def remove() -> None:
        if os.getpid() == owner:  # still locked, so no other process has it
            path.unlink(missing_ok=True)

    ends.callback(remove)
    return True
