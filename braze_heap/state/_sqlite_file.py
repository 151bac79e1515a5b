"""
Recognize, create and lock a state file: one file of SQLite with all state.

An existing file is not changed before it is recognized as a state file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from braze_heap.exceptions import StateError
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

_DEAD_LETTERS: Final = """
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
"""
_TABLES: Final = frozenset(
    ("dead_letters", "dead_letter_bytes", "user_properties", "positions")
)

_SIZE: Final = f"(ifnull(length({{}}.original), 0) + {ROW_BYTES})"
_NEW, _OLD = _SIZE.format("new"), _SIZE.format("old")

_TRIGGER: Final = """
CREATE TRIGGER dead_letter_{0} AFTER {0} ON dead_letters BEGIN
    UPDATE dead_letter_bytes SET total = max(0, total {1});
END
"""

_CREATE: Final = (
    _DEAD_LETTERS,
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

# POSIX: closing a file drops all locks of the process on it, SQLite's too.
_CREATE_LOCK: Final = threading.Lock()


def open_file(path: Path, *, create: bool) -> sqlite3.Connection:
    """
    Open the state file at *path*. An empty file becomes one.

    Args:
        path: Absolute, without symbolic links.
        create: Whether to create the file if it does not exist.

    Raises:
        StateError: The file does not exist, or is not a state file.
        OSError, sqlite3.Error: The file cannot be opened.
    """
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
    if status.st_size == 0 or _is_unfinished(path):
        if not create:
            raise StateError(f"{path} is not a state file: it is empty")
        return
    _Contents.of(path).check(path)


def _is_unfinished(path: Path) -> bool:
    """Return whether a journal will make SQLite restore the file to an empty one."""
    journal = path.with_name(f"{path.name}-journal")
    try:
        with journal.open("rb") as file:
            head = file.read(20)
    except FileNotFoundError:
        return False
    return head[:8] == b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" and not any(head[16:20])


@attrs.frozen
class _Contents:
    """Header and tables of a SQLite file, by which a state file is recognized."""

    application_id: int
    layout: int
    tables: tuple[str, ...]
    columns: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> _Contents:
        """Read *path*, and change nothing."""
        # To read a database in WAL mode, SQLite creates files beside it, unless it is
        # opened as immutable. Without these files no process has it open: that is safe.
        beside = (path.with_name(f"{path.name}-{end}") for end in ("wal", "journal"))
        is_open = any(other.exists() for other in beside)
        uri = f"{path.as_uri()}?mode=ro{'' if is_open else '&immutable=1'}"
        try:
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as db:
                db.text_factory = _decode_text
                db.execute("BEGIN")  # so that all reads see one state of the file
                return cls.read(db)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
                raise
        raise StateError(f"{path} is not a state file: it is {_kind(path)}")

    @classmethod
    def read(cls, db: sqlite3.Connection) -> _Contents:
        """Read an open database."""
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        columns = db.execute("SELECT name FROM pragma_table_info('dead_letters')")
        return cls(
            _pragma(db, "application_id"),
            _pragma(db, "user_version"),
            tuple(name for (name,) in tables),
            tuple(name for (name,) in columns),
        )

    def check(self, path: Path) -> None:
        """Raise if this version of braze_heap cannot use the file."""
        if self.application_id != APPLICATION_ID:
            tables = ", ".join(map(ascii, self.tables[:5])) or "none"
            raise StateError(
                f"{path} is not a state file: it is a SQLite database of another "
                f"application (application_id {self.application_id}, tables: {tables})"
            )
        if self.layout != LAYOUT:
            other = "a newer" if self.layout > LAYOUT else "an older"
            raise StateError(
                f"{path} was made by {other} version of braze_heap (layout "
                f"{self.layout}; this version uses {LAYOUT}): use that version, or "
                "name another file"
            )
        if (
            not {*self.columns} >= attrs.fields_dict(DeadRecord).keys()
            or not {*self.tables} >= _TABLES
        ):
            raise StateError(
                f"{path} claims to be a state file (layout {self.layout}), but has "
                "other tables: move it away"
            )


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        try:
            check_format(file.read(HEAD))
        except UnknownFormatError as error:
            return error.looks_like
    return "JSON"


def _pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    if _pragma(db, "application_id") != APPLICATION_ID:
        with transaction(db):
            contents = _Contents.read(db)  # another process may have created it
            if contents.tables:
                contents.check(path)
            else:
                for statement in _CREATE:
                    db.execute(statement)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Run the block in a transaction, which is undone if the block raises."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def resolve_path(path: str | os.PathLike[Any]) -> Path:
    """
    Return the absolute path of the file *path*, without symbolic links.

    Raises:
        TypeError: *path* is not text or a `Path`.
        ValueError: SQLite would take *path* for a database in memory.
    """
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError(f"a state file is named by a str or a Path, not {path!r}")
    if name in ("", ":memory:") or name.startswith("file:"):
        raise ValueError(
            f"state needs a file, not {name!r}, because it must outlive the process. "
            "Name a file; to keep no dead letters write DISCARD (--discard)"
        )
    return Path(os.path.realpath(name))


_LOCKED: Final = set[tuple[int, Path]]()
"""
Files that a process has locked, with its id, because `lockf` only excludes others and
a fork inherits the set, but not the lock.
"""


@contextlib.contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """
    Create and lock the file *path* until the block or the process ends.

    On systems without `fcntl` it excludes only the same process. The lock is not
    inherited by a fork.

    Raises:
        BlockingIOError: It is locked already.
    """
    key = os.getpid(), path
    with _CREATE_LOCK:
        if key in _LOCKED:
            raise BlockingIOError
        _LOCKED.add(key)
    try:
        with _lock_for_processes(path):
            yield
    finally:
        _LOCKED.discard(key)


@contextlib.contextmanager
def _lock_for_processes(path: Path) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    owner = os.getpid()
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists() or not os.path.samestat(os.fstat(lock), path.stat()):
            raise BlockingIOError  # its owner removed it after `os.open`
        try:
            yield
        finally:
            if os.getpid() == owner:  # still locked, so no other process has it
                path.unlink(missing_ok=True)
    finally:
        os.close(lock)
