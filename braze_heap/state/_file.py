"""
The file of `SqliteDeadLetter`: recognize it, create it, bring it to today's layout.

Nothing about an existing file is changed before it is known to be a dead letter.
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
"""``PRAGMA user_version``. Files of the first layout, which had none, have 0."""

_COLUMNS: Final = ("key", "reason", "detail", "at", "original", "coding", "event_type")
"""Columns of the first layout."""

_ALL_COLUMNS: Final = (*_COLUMNS, "mappers")
"""Columns of today's layout."""

_TABLE: Final = """
CREATE TABLE dead_letters (
    key TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    at TEXT NOT NULL,
    original BLOB NOT NULL,
    coding TEXT NOT NULL,
    event_type TEXT
)
"""
_MAPPERS: Final = """
ALTER TABLE dead_letters ADD COLUMN mappers TEXT NOT NULL DEFAULT '{}'
"""
_BY_REASON: Final = """
CREATE INDEX dead_letters_by_reason ON dead_letters (reason)
"""
"""For the counts of a service, which asks for them all the time."""

_OPENING: Final = threading.Lock()
"""Held while a file is made: closing it drops SQLite's locks of the whole process."""

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
    Open the dead letter at *path*; a file without content is made one.

    Args:
        path: Absolute, without links.
        max_bytes: Cap of the file.
        create: Whether to make the file if it does not exist.

    Raises:
        DeadLetterError: It does not exist, or is not a dead letter.
        OSError, sqlite3.Error: It cannot be opened.
    """
    with _OPENING:
        _ensure_ours(path, create=create)
    db = sqlite3.connect(
        path, timeout=5.0, isolation_level=None, check_same_thread=False
    )
    try:
        db.text_factory = _decoded
        _prepare(db, path, max_bytes)
    except BaseException:
        db.close()
        raise
    return db


def _decoded(text: bytes) -> str:
    """
    Return *text*; invalid bytes become surrogates, by which damage is recognized.
    """
    return text.decode("utf-8", "surrogateescape")


def _ensure_ours(path: Path, *, create: bool) -> None:
    """
    Raise if there is another file at *path*; make an empty one if there is none.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if not create:
            raise DeadLetterError(f"there is no dead letter at {path}") from None
        if not path.parent.is_dir():
            flaw = f"there is no folder {path.parent} for {path.name}: make it first"
            raise DeadLetterError(flaw) from None
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        sync_directory(path.parent)
        return
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise DeadLetterError(f"{path} is {kind}: name a file for the dead letter")
    if not os.access(path, os.R_OK | os.W_OK):
        raise DeadLetterError(
            f"the dead letter {path} cannot be read and written: change its mode or "
            "owner, or look whether the disk is mounted read-only"
        )
    if status.st_size == 0 or _is_unfinished(path):
        if not create:
            raise DeadLetterError(f"{path} is not a dead letter: it is empty")
        return
    _Contents.of(path).check(path)


def _is_unfinished(path: Path) -> bool:
    """
    Return whether SQLite will undo what was written, which began with an empty file.
    """
    journal = path.with_name(f"{path.name}-journal")
    try:
        with journal.open("rb") as file:
            head = file.read(20)
    except FileNotFoundError:
        return False
    return head[:8] == b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" and not any(head[16:20])


@attrs.frozen
class _Contents:
    """
    What tells whose a SQLite file is.
    """

    application_id: int
    layout: int
    tables: tuple[str, ...]
    columns: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> _Contents:
        """
        Read *path* and change nothing.

        SQLite makes files beside a database in WAL mode, even to read it. Without them
        nobody has it open, so that it may be read as if it could not change.
        """
        beside = (path.with_name(f"{path.name}-{end}") for end in ("wal", "journal"))
        is_open = any(other.exists() for other in beside)
        uri = f"{path.as_uri()}?mode=ro{'' if is_open else '&immutable=1'}"
        try:
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as db:
                db.text_factory = _decoded
                db.execute("BEGIN")  # all of it from one state of the file
                return cls.read(db)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
                raise
        raise DeadLetterError(f"{path} is not a dead letter: it is {_kind(path)}")

    @classmethod
    def read(cls, db: sqlite3.Connection) -> _Contents:
        """
        Read an open database.
        """
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        columns = db.execute("SELECT name FROM pragma_table_info('dead_letters')")
        return cls(
            _pragma(db, "application_id"),
            _pragma(db, "user_version"),
            tuple(name for (name,) in tables),
            tuple(name for (name,) in columns),
        )

    def check(self, path: Path) -> None:
        """
        Raise if this version cannot use the file.
        """
        if self.application_id == APPLICATION_ID and self.layout > LAYOUT:
            raise DeadLetterError(
                f"{path} was made by a newer version of braze_heap (layout "
                f"{self.layout}; this version knows {LAYOUT}): install that version"
            )
        if self.application_id == APPLICATION_ID:
            if self.layout < LAYOUT or not {*_ALL_COLUMNS} <= {*self.columns}:
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
        """
        Whether it is a dead letter from before there was a number for its layout.
        """
        has_no_number = self.application_id == self.layout == 0
        return has_no_number and self.columns == _COLUMNS


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
    """
    Bring an empty file, or the first layout, to today's, in one transaction.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        contents = _Contents.read(db)  # another process may have been faster
        if contents.tables:
            contents.check(path)
        if contents.application_id != APPLICATION_ID:
            if not contents.tables:
                db.execute(_TABLE)
            db.execute(_MAPPERS)
            db.execute(_BY_REASON)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {LAYOUT}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def absolute(path: str | os.PathLike[Any]) -> Path:
    """
    Return where the file named *path* is, and stays if the working directory changes.

    Raises:
        ValueError: SQLite would keep the records in memory and lose them.
    """
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError(f"the path of a dead letter is a str or a Path, not {path!r}")
    if name in ("", ":memory:") or name.startswith("file:"):
        raise ValueError(
            f"a dead letter needs a file, not {name!r}: its records have to outlive "
            "the process. Name a file, or write DISCARD (--discard) to keep nothing"
        )
    return Path(os.path.realpath(name))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """
    Lock the file at *path*, which is made for it, until the block or the process ends.

    Where the system has no `fcntl`, nothing is locked.

    Raises:
        BlockingIOError: Somebody else has it locked.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists() or not os.path.samestat(os.fstat(lock), path.stat()):
            raise BlockingIOError  # the one before removed it just now
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while nobody else can have it locked
    finally:
        os.close(lock)
