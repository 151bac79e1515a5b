"""Connection to a state file, which the parts of the state share."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

from braze_heap._wiring import OfOneProcess
from braze_heap.exceptions import StateError
from braze_heap.sinks._protocol import ClosingContextManager
from braze_heap.state._sqlite_errors import to_state_error
from braze_heap.state._sqlite_file import (
    lock_file,
    open_file,
    resolve_path,
    transaction,
)


class StateFile:
    """
    One connection to a state file, opened on first use. Thread-safe.

    Each method takes the kind of error to raise: that of the part that is used.

    Args:
        path: The file. Its folder must exist.
        create: Whether to create the file if it does not exist.
        kind: Error to raise if the file cannot be opened.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool, kind: type[StateError]
    ) -> None:
        self.path: Path = resolve_path(path)
        self.name: str = os.fspath(path)
        self._create = create
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._pid = os.getpid()
        self._is_closed = False
        with self.errors(kind):
            open_file(self.path, create=create).close()

    def query(self, kind: type[StateError], sql: str, *values: Any) -> list[Any]:
        """Return all rows of a statement."""
        with self._lock, self.errors(kind):
            return self._connection().execute(sql, values).fetchall()

    @contextlib.contextmanager
    def transaction(
        self, kind: type[StateError], size: int = 0
    ) -> Iterator[sqlite3.Connection]:
        """
        Run the block in a transaction that writes about *size* bytes.

        Raises:
            StateError: It failed, or the file was moved or deleted before its end.
        """
        with self.use(kind, size) as db:
            with transaction(db):
                yield db
            self._check_unmoved()

    @contextlib.contextmanager
    def use(
        self, kind: type[StateError], size: int = 0
    ) -> Iterator[sqlite3.Connection]:
        """Lock the connection for the block, which writes about *size* bytes."""
        with self._lock, self.errors(kind, size):
            yield self._connection()

    @contextlib.contextmanager
    def lock(self, kind: type[StateError], name: str, task: str) -> Iterator[None]:
        """
        Prevent a second *task* with this file and *name*, in any process.

        Raises:
            StateError: It is running.
        """
        with contextlib.ExitStack() as lock:
            with self.errors(kind):
                try:
                    beside = self.path.with_name(f"{self.path.name}-{name}")
                    lock.enter_context(lock_file(beside))
                except BlockingIOError:
                    raise StateError(
                        f"another {task} with {self.path} is running: wait for its end"
                    ) from None
            yield

    @contextlib.contextmanager
    def errors(self, kind: type[StateError], size: int = 0) -> Iterator[None]:
        """Raise errors of the block as *kind*, with advice."""
        try:
            yield
        except (sqlite3.Error, OSError, StateError) as error:
            failure = to_state_error(error, self.path, size, kind)
        else:
            return
        raise failure

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
            self._db, self._pid = open_file(self.path, create=self._create), os.getpid()
            found = self.path.stat()
            self._file = found.st_dev, found.st_ino
        if self._pid != os.getpid():
            # "How To Corrupt An SQLite Database File": a child process must not use the
            # connection of its parent, nor close it.
            raise StateError(
                f"the state file {self.path} was used before a fork: open it in each "
                "process"
            )
        return self._db

    def _check_unmoved(self) -> None:
        found = self.path.stat() if self.path.exists() else None
        if found is None or (found.st_dev, found.st_ino) != self._file:
            raise StateError(
                f"the state file {self.path} was moved or deleted: open it again"
            )


class StatePart(OfOneProcess, ClosingContextManager):
    """
    One part of the state in a file, which it closes if it opened it.

    Args:
        path: Path of the file.
        create: Whether to create the file if it does not exist.
    """

    _kind: ClassVar[type[StateError]]
    _owns_file = True

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        self._file = StateFile(path, create=create, kind=self._kind)

    @classmethod
    def _of(cls, file: StateFile) -> Self:
        """Return the part in *file*, which others close."""
        part = cls.__new__(cls)
        part._file = file
        part._owns_file = False
        return part

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._file.name!r})"

    def close(self) -> None:
        """Close the file, unless it is that of a `SqliteState`."""
        if self._owns_file:
            self._file.close()

    def _query(self, sql: str, *values: Any) -> list[Any]:
        return self._file.query(self._kind, sql, *values)

    def _transaction(
        self, size: int = 0
    ) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        return self._file.transaction(self._kind, size)
