"""Bases of the parts of a `SqliteState` and of a `SqlState`, and their rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, get_args

import attrs

from braze_heap._wiring import OfOneProcess
from braze_heap.exceptions import DeadLetterError, ProgressError, StateError
from braze_heap.reasons import Reason
from braze_heap.sinks._protocol import ClosingContextManager
from braze_heap.state._ledger import LedgerEntry
from braze_heap.state._protocol import BackfillKey, DeadLetter, export
from braze_heap.state._purge import PersonFilter, Purged, purge
from braze_heap.state._record import UNKNOWN_TIME, DeadRecord, RecordFormat, in_utc

if TYPE_CHECKING:
    from braze_heap.state._sql_database import SqlDatabase
    from braze_heap.state._state_file import StateFile


_DatabaseT = TypeVar("_DatabaseT", bound="StateFile | SqlDatabase")


class StatePart(OfOneProcess, ClosingContextManager, Generic[_DatabaseT]):
    """One part of the state in a database, which it closes if it opened it."""

    _kind: ClassVar[type[StateError]]
    _database: _DatabaseT
    _owns_database = False

    @classmethod
    def _of(cls, database: _DatabaseT) -> Self:
        part = cls.__new__(cls)
        part._database = database
        return part

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._database.name!r})"

    def close(self) -> None:
        """Close the file, unless it is that of a `SqliteState`."""
        if self._owns_database:
            self._database.close()


class DeadLetterPart(StatePart[_DatabaseT], DeadLetter):
    _kind = DeadLetterError

    def replay_lock(self) -> AbstractContextManager[None]:
        """
        Prevent other replays of the state, in any process, inside the block.

        Raises:
            DeadLetterError: Another replay is running.
        """
        return self._database.lock(self._kind, "replay", "replay")

    def purge(self, person: PersonFilter) -> Purged:
        """Remove a person from the dead letters and the ledger beside them."""
        return purge(self, person)

    def export(self, stream: IO[str]) -> int:
        """Write the records as JSON lines; see `braze_heap.state.export`."""
        return export(self, stream)


class ProgressPart(StatePart[_DatabaseT]):
    _kind = ProgressError

    def lock(self, backfill: BackfillKey, /) -> AbstractContextManager[None]:
        """Prevent the same backfill in any process or thread; see `Progress.lock`."""
        task = f"backfill of {backfill.url} to {backfill.destination}"
        return self._database.lock(self._kind, lock_name(backfill), task)


def lock_name(backfill: BackfillKey) -> str:
    digest = hashlib.sha256("\0".join(backfill).encode("utf-8", "replace"))
    return f"backfill-{digest.hexdigest()[:16]}"


def parse_entry(text: Any) -> LedgerEntry:
    """Return the entry in *text*; an empty one if that is damaged."""
    try:
        return LedgerEntry.from_json(text)
    except (TypeError, ValueError, AttributeError):
        return LedgerEntry()


def to_row(record: DeadRecord) -> dict[str, Any]:
    """Return the values of *record* by column."""
    row = attrs.asdict(record, recurse=False)
    names = json.dumps(record.mappers, separators=(",", ":"))
    return {**row, "at": record.at.isoformat(), "mappers": names}


def from_row(row: Sequence[Any]) -> DeadRecord:
    """Return the record of a row. A damaged one has the values that can be read."""
    number, key, reason, detail, at, original, format_, event_type, mappers, to = row
    if isinstance(original, str):  # edited by hand
        original = original.encode("utf-8", "surrogateescape")
    moment, names = parse_time(at), _parse_mappers(mappers)
    flaws = {
        "key": not is_valid_text(key),
        "reason": not is_valid_text(reason),
        "detail": not isinstance(detail, str),
        "at": moment is None,
        "original": not isinstance(original, bytes),
        "format": format_ not in get_args(RecordFormat),
        "event_type": not (event_type is None or is_valid_text(event_type)),
        "mappers": names is None,
        "destination": not is_valid_text(to),
    }
    if names is not None and moment is not None and not any(flaws.values()):
        return DeadRecord(
            key, reason, detail, moment, original, format_, event_type, names, to
        )
    columns = ", ".join(name for name, is_flawed in flaws.items() if is_flawed)
    return DeadRecord(
        key if is_valid_text(key) else f"damaged-row-{number}",
        Reason.DAMAGED_RECORD,
        f"row {number} of the file is damaged: {columns}",
        moment or UNKNOWN_TIME,
        original if isinstance(original, bytes) else b"",
        "bytes",
        destination=to if is_valid_text(to) else "",
    )


def is_valid_text(text: object) -> bool:
    """Return whether *text* is text without surrogates, which mark damaged bytes."""
    if not isinstance(text, str):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_time(text: Any) -> datetime | None:
    """Return the time of the column ``at``; ``None`` if it is damaged."""
    try:
        return in_utc(datetime.fromisoformat(text))
    except (TypeError, ValueError, OverflowError):
        return None


def _parse_mappers(text: Any) -> dict[str, str] | None:
    if text == "{}":
        return {}
    try:
        names = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    is_valid = isinstance(names, dict) and all(map(is_valid_text, names.values()))
    return names if is_valid else None
