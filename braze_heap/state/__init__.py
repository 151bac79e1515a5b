"""
State that outlives a process: dead letters, the events that could not be delivered.

A dead letter keeps each event whole, with the reason, until it is replayed or purged.
It is anything with `append`, `read`, `forget` and `close`: see `DeadLetter`. Times are
UTC.
"""

from braze_heap.state._protocol import DISCARD, DeadLetter, Stats, export, stats
from braze_heap.state._purge import Found, PersonFilter, Purged, purge, search
from braze_heap.state._record import (
    MAX_DETAIL,
    MAX_INFLATED,
    UNKNOWN_TIME,
    DeadRecord,
    RecordFormat,
    event_id,
)
from braze_heap.state._sqlite import MAX_BYTES, MIN_BYTES, SqliteDeadLetter

__all__ = [
    "DISCARD",
    "MAX_BYTES",
    "MAX_DETAIL",
    "MAX_INFLATED",
    "MIN_BYTES",
    "UNKNOWN_TIME",
    "DeadLetter",
    "DeadRecord",
    "Found",
    "PersonFilter",
    "Purged",
    "RecordFormat",
    "SqliteDeadLetter",
    "Stats",
    "event_id",
    "export",
    "purge",
    "search",
    "stats",
]
