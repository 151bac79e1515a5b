"""
Recognize, create, migrate and lock the file of `SqliteDeadLetter`.

An existing file is not changed before it is recognized as a dead letter.
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

from braze_heap.exceptions import DeadLetterError
from braze_heap.sinks._local import sync_directory

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

APPLICATION_ID: Final = int.from_bytes(b"BHdl")
"""``PRAGMA application_id`` of a dead letter."""

LAYOUT: Final = 1
"""``PRAGMA user_version``. Files of the first layout, which had no number, have 0."""

_FIRST_COLUMNS: Final = (*"key reason detail at original coding event_type".split(),)
"""Columns of the first layout; ``coding`` is ``format`` today."""

_COLUMNS: Final = frozenset({*_FIRST_COLUMNS, "format", "mappers"} - {"coding"})

_TABLE: Final = """
CREATE TABLE dead_letters (
    key TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    at TEXT NOT NULL,
    original BLOB NOT NULL,
    format TEXT NOT NULL,
    event_type TEXT,
    mappers TEXT NOT NULL DEFAULT '{}'
)
"""
_MIGRATE_FIRST_LAYOUT: Final = (
    "ALTER TABLE dead_letters RENAME COLUMN coding TO format",
    "ALTER TABLE dead_letters ADD COLUMN mappers TEXT NOT NULL DEFAULT '{}'",
)
# For the counts of a service, which reads them all the time.
_CREATE_INDEX: Final = "CREATE INDEX dead_letters_by_reason ON dead_letters (reason)"

# POSIX: closing a file drops all locks of the process on it, SQLite's too.
_CREATE_LOCK: Final = threading.Lock()

_KINDS: Final = (
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"Obj\x01", "an Avro file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"{", "JSON text"),
    (b"[", "JSON text"),
)


def open_file(path: Path, max_bytes: int, *, create: bool) -> sqlite3.Connection:
    """
    Open the dead letter at *path*. An empty file becomes a dead letter.

    Args:
        path: Absolute, without symbolic links.
        max_bytes: Cap of the file.
        create: Whether to create the file if it does not exist.

    Raises:
        DeadLetterError: The file does not exist, or is not a dead letter.
        OSError, sqlite3.Error: The file cannot be opened.
    """
    with _CREATE_LOCK:
        _check_or_create(path, create=create)
    db = sqlite3.connect(
        path, timeout=5.0, isolation_level=None, check_same_thread=False
    )
    try:
        db.text_factory = _decode_text
        _prepare(db, path, max_bytes)
    except BaseException:
        db.close()
        raise
    return db


def _decode_text(text: bytes) -> str:
    """Decode *text*. Invalid bytes become surrogates, which mark damage."""
    return text.decode("utf-8", "surrogateescape")


def _check_or_create(path: Path, *, create: bool) -> None:
    """
    Raise if the file at *path* is not a dead letter. Create an empty file if missing.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if not create:
            raise DeadLetterError(f"the dead letter {path} does not exist") from None
        if not path.parent.is_dir():
            raise DeadLetterError(
                f"the folder {path.parent} for {path.name} does not exist: create it"
            ) from None
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        sync_directory(path.parent)
        return
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise DeadLetterError(f"{path} is {kind}: name a file for the dead letter")
    if not os.access(path, os.R_OK | os.W_OK):
        raise DeadLetterError(
            f"the dead letter {path} cannot be read and written: change its mode or "
            "owner, or check whether the disk is mounted read-only"
        )
    if status.st_size == 0 or _is_unfinished(path):
        if not create:
            raise DeadLetterError(f"{path} is not a dead letter: it is empty")
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
    """Header and table of a SQLite file, by which a dead letter is recognized."""

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
        raise DeadLetterError(f"{path} is not a dead letter: it is {_kind(path)}")

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
        if self.application_id == APPLICATION_ID and self.layout > LAYOUT:
            raise DeadLetterError(
                f"{path} was made by a newer version of braze_heap (layout "
                f"{self.layout}; this version knows {LAYOUT}): install that version"
            )
        if self.application_id == APPLICATION_ID:
            if self.layout < LAYOUT or not {*self.columns} >= _COLUMNS:
                raise DeadLetterError(
                    f"{path} claims to be a dead letter (layout {self.layout}), but "
                    "has another table: move it away"
                )
        elif not self.is_first_layout:
            tables = ", ".join(map(ascii, self.tables[:5])) or "none"
            raise DeadLetterError(
                f"{path} is not a dead letter: it is a SQLite database of another "
                f"application (application_id {self.application_id}, tables: {tables})"
            )

    @property
    def is_first_layout(self) -> bool:
        """Whether it is a dead letter of the first layout, which had no number."""
        has_no_number = self.application_id == self.layout == 0
        return has_no_number and self.columns == _FIRST_COLUMNS


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    for magic, kind in _KINDS:
        if head.startswith(magic):
            return kind
    is_text = all(byte >= 0x20 or byte in b"\t\r\n" for byte in head)
    return "text" if is_text else "not a SQLite database"


def _pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _prepare(db: sqlite3.Connection, path: Path, max_bytes: int) -> None:
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    if _pragma(db, "application_id") != APPLICATION_ID:
        _migrate(db, path)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")
    pages = max_bytes // _pragma(db, "page_size")
    db.execute(f"PRAGMA max_page_count = {pages}")


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Create the table, or migrate the first layout, in one transaction."""
    with transaction(db):
        contents = _Contents.read(db)  # another process may have migrated it
        if contents.tables:
            contents.check(path)
        if contents.application_id != APPLICATION_ID:
            for statement in _MIGRATE_FIRST_LAYOUT if contents.tables else (_TABLE,):
                db.execute(statement)
            db.execute(_CREATE_INDEX)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {LAYOUT}")


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
        raise TypeError(f"the path of a dead letter is a str or a Path, not {path!r}")
    if name in ("", ":memory:") or name.startswith("file:"):
        raise ValueError(
            f"a dead letter needs a file, not {name!r}: its records must outlive "
            "the process. Name a file, or write DISCARD (--discard) to keep nothing"
        )
    return Path(os.path.realpath(name))


@contextlib.contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """
    Create and lock the file *path* until the block or the process ends.

    Does nothing on systems without `fcntl`.

    Raises:
        BlockingIOError: It is locked already.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists() or not os.path.samestat(os.fstat(lock), path.stat()):
            raise BlockingIOError  # its owner removed it after `os.open`
        try:
            yield
        finally:
            path.unlink(
                missing_ok=True
            )  # still locked, so no other process has locked it
    finally:
        os.close(lock)
