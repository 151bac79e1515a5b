"""Public names of the package, each listed once."""

from braze_heap._state_limits import MAX_BYTES as MAX_BYTES, MIN_BYTES as MIN_BYTES
from braze_heap.state._ledger import (
    CAPACITY as CAPACITY,
    CLAIM_SECONDS as CLAIM_SECONDS,
    Entries as Entries,
    Ledger as Ledger,
    LedgerEntry as LedgerEntry,
    LedgerKey as LedgerKey,
    MemoryLedger as MemoryLedger,
    Sent as Sent,
    Statement as Statement,
)
from braze_heap.state._protocol import (
    DISCARD as DISCARD,
    BackfillKey as BackfillKey,
    DeadLetter as DeadLetter,
    Position as Position,
    Progress as Progress,
    Stats as Stats,
    export as export,
    stats as stats,
)
from braze_heap.state._purge import (
    Found as Found,
    PersonFilter as PersonFilter,
    Purged as Purged,
    purge as purge,
    search as search,
    search_ledger as search_ledger,
)
from braze_heap.state._record import (
    MAX_DETAIL as MAX_DETAIL,
    MAX_INFLATED as MAX_INFLATED,
    UNKNOWN_TIME as UNKNOWN_TIME,
    DeadRecord as DeadRecord,
    RecordFormat as RecordFormat,
    event_id as event_id,
)
from braze_heap.state._sql import SqlState as SqlState
from braze_heap.state._sqlite import (
    SqliteDeadLetter as SqliteDeadLetter,
    SqliteLedger as SqliteLedger,
    SqliteProgress as SqliteProgress,
    SqliteState as SqliteState,
)
