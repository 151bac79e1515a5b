"""
State that outlives a process: dead letters, user properties, progress of backfills.

A dead letter keeps each event whole, with the reason, until it is replayed or purged:
see `DeadLetter`. A ledger keeps the newest statement about each user property: see
`Ledger`. A backfill notes how far it is: see `Progress`. Each is kept per destination.
`SqliteState` keeps all of them in one file, and `SqlState` in PostgreSQL. Times are
UTC.
"""

from braze_heap._state_limits import MAX_BYTES, MIN_BYTES
from braze_heap.state._ledger import (
    CAPACITY,
    CLAIM_SECONDS,
    Entries,
    Ledger,
    LedgerEntry,
    LedgerKey,
    MemoryLedger,
    Sent,
    Statement,
)
from braze_heap.state._progress import BackfillKey, Position, Progress
from braze_heap.state._protocol import DISCARD, DeadLetter, Stats, export, stats
from braze_heap.state._purge import (
    Found,
    PersonFilter,
    Purged,
    purge,
    search,
    search_ledger,
)
from braze_heap.state._record import (
    MAX_DETAIL,
    MAX_INFLATED,
    UNKNOWN_TIME,
    DeadRecord,
    RecordFormat,
    event_id,
)
from braze_heap.state._sql import SqlState
from braze_heap.state._sqlite import (
    SqliteDeadLetter,
    SqliteLedger,
    SqliteProgress,
    SqliteState,
)

__all__ = [
    "CAPACITY",
    "CLAIM_SECONDS",
    "DISCARD",
    "MAX_BYTES",
    "MAX_DETAIL",
    "MAX_INFLATED",
    "MIN_BYTES",
    "UNKNOWN_TIME",
    "BackfillKey",
    "DeadLetter",
    "DeadRecord",
    "Entries",
    "Found",
    "Ledger",
    "LedgerEntry",
    "LedgerKey",
    "MemoryLedger",
    "PersonFilter",
    "Position",
    "Progress",
    "Purged",
    "RecordFormat",
    "Sent",
    "SqlState",
    "SqliteDeadLetter",
    "SqliteLedger",
    "SqliteProgress",
    "SqliteState",
    "Statement",
    "Stats",
    "event_id",
    "export",
    "purge",
    "search",
    "search_ledger",
    "stats",
]
