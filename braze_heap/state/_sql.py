"""State in a database of SQLAlchemy, which several replicas share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from braze_heap._errors import requires_extra
from braze_heap._wiring import OfOneProcess
from braze_heap.sinks._protocol import ClosingContextManager

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

    from braze_heap.state._sql_database import SqlDeadLetter, SqlLedger, SqlProgress


class SqlState(OfOneProcess, ClosingContextManager):
    """
    Dead letters, ledger and progress in PostgreSQL, for several processes and hosts.

    SQLite works too, for tests; a `SqliteState` does more in a file. Needs the extra
    ``sql`` and a driver, such as ``psycopg[binary]``. Thread-safe.

    The tables ``braze_heap_dead_letters``, ``braze_heap_user_properties`` and
    ``braze_heap_positions`` are created on first use, unless they exist. Each operation
    is one transaction, durable when it returns as far as the server is configured so.
    The state has no cap: watch the disk of the server.

    Connections are opened when they are needed. After a fork, a process opens its own.

    Args:
        database: URL such as ``postgresql+psycopg://user@host/name``, or an `Engine`,
            which `close` leaves open. Without a password in the URL, psycopg takes it
            from ``PGPASSWORD`` or ``~/.pgpass``.

    Attributes:
        dead_letter: See `DeadLetter`. It also has ``stats``, ``purge``, ``export`` and
            ``replay_lock`` of a `SqliteDeadLetter`.
        ledger: See `Ledger`.
        progress: See `Progress`. A lock belongs to a connection of its own: it is
            released when its process dies.

    Raises:
        ModuleNotFoundError: The extra or the driver is not installed.
        ValueError: *database* is not a URL, or of another kind of database.
        TypeError: *database* is neither text nor an `Engine`.
    """

    dead_letter: SqlDeadLetter
    ledger: SqlLedger
    progress: SqlProgress

    def __init__(self, database: str | URL | Engine) -> None:
        with requires_extra("SqlState", "'braze_heap[sql]'"):
            from braze_heap.state import _sql_database

        self._database = _sql_database.SqlDatabase(database)
        self.dead_letter = _sql_database.SqlDeadLetter._of(self._database)
        self.ledger = _sql_database.SqlLedger._of(self._database)
        self.progress = _sql_database.SqlProgress._of(self._database)

    def __repr__(self) -> str:
        return f"SqlState({self._database.name!r})"

    def close(self) -> None:
        """Close the connections, unless they are of an engine of the caller."""
        self._database.close()
