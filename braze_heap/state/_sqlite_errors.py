"""Errors of a state file, with advice, and the disk space that a write needs."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path
from types import MappingProxyType
from typing import Final

from braze_heap.exceptions import DeadLetterError, DeadLetterFull, StateError

_MARGIN: Final = 1 << 16
"""Bytes that SQLite needs in addition to the records."""

# SQLite may report these instead of SQLITE_FULL if the disk is full.
_UNWRITABLE: Final = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)

_ADVICE: Final = MappingProxyType(
    {
        sqlite3.SQLITE_BUSY: ": another process has locked it for 5 seconds",
        sqlite3.SQLITE_READONLY: ": make file and folder writable",
        sqlite3.SQLITE_CANTOPEN: ": make file and folder readable and writable",
        sqlite3.SQLITE_IOERR: (
            ": check for a quota, a limit on the size of files (ulimit -f), or a fault "
            "of the disk"
        ),
    }
)


class DamagedFileError(DeadLetterError):
    """A page of the file is damaged."""


def check_disk(path: Path, size: int) -> None:
    """
    Raise `DeadLetterFull` if *size* bytes and a later purge do not fit on the disk.

    Args:
        path: The state file.
        size: Bytes to write.
    """
    free, needed = _free(path), _needed(path, size)
    if free is not None and free < needed:
        raise DeadLetterFull(free_bytes=free, needed_bytes=needed)


def to_state_error(
    error: Exception, path: Path, size: int, kind: type[StateError]
) -> StateError:
    """
    Return *error* with advice, as *kind*.

    Args:
        error: Error of SQLite, of the operating system, or a `StateError`.
        path: The state file.
        size: Bytes of the write that failed, about.
        kind: Error of the part of the state that was used.
    """
    if isinstance(error, StateError):
        return error if type(error) is not StateError else kind(str(error))
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    needed, free = _needed(path, size), _free(path)
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
            f"the state file {path} is damaged ({name}): export the dead letters that "
            "can be read, and move the file away"
        )
        damage._is_damaged = True
        return damage
    flaw = getattr(error, "strerror", None) or name
    advice = _ADVICE.get(code, "")
    return kind(f"the state file {path} cannot be used ({flaw}){advice}")


def _needed(path: Path, size: int) -> int:
    """
    Return the free bytes that a write of *size* bytes needs.

    The log has to fit into the file, and a purge writes to the log again.
    """
    log = path.with_name(f"{path.name}-wal")
    try:
        logged = log.stat().st_size
    except OSError:
        logged = 0
    return 2 * size + logged + _MARGIN


def _free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return None
