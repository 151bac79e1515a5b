"""
Errors of a SQLite dead letter, with advice, and the disk space that a write needs.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path
from types import MappingProxyType
from typing import Final

import attrs

from braze_heap.exceptions import DeadLetterError, DeadLetterFull

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


@attrs.frozen
class FileSpace:
    """Space for the file at *path*, whose cap is *max_bytes*."""

    path: Path
    max_bytes: int

    def check(self, size: int) -> None:
        """
        Raise `DeadLetterFull` if *size* bytes and a later purge do not fit on the disk.
        """
        free, needed = self._free(), self._needed(size)
        if free < needed:
            raise DeadLetterFull(self.max_bytes, None, free, needed)

    def to_error(
        self, error: sqlite3.Error | OSError, size: int, used: int
    ) -> DeadLetterError:
        """
        Return *error*, of a write of *size* bytes, with advice. The file uses *used*.
        """
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        needed, free = self._needed(size), self._free()
        is_no_space = getattr(error, "errno", None) == errno.ENOSPC
        if is_no_space or (code in _UNWRITABLE and free < needed):
            return DeadLetterFull(self.max_bytes, used, free, needed)
        if code == sqlite3.SQLITE_FULL:
            if free < self.max_bytes - used:
                return DeadLetterFull(self.max_bytes, used, free, needed)
            return DeadLetterFull(self.max_bytes, used, None, size)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return DamagedFileError(
                f"the dead letter {self.path} is damaged ({name}): export what can "
                "be read, and move the file away"
            )
        flaw = getattr(error, "strerror", None) or name
        advice = _ADVICE.get(code, "")
        return DeadLetterError(
            f"the dead letter {self.path} cannot be used ({flaw}){advice}"
        )

    def _needed(self, size: int) -> int:
        """
        Return the free bytes that a write of *size* bytes needs.

        The log has to fit into the file, and a purge writes to the log again.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        try:
            logged = log.stat().st_size
        except OSError:
            logged = 0
        return 2 * size + logged + _MARGIN

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self.path.parent).free
        except OSError:
            return self.max_bytes
