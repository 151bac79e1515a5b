"""Rows of the table of a SQLite dead letter: statements, and conversion to records."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, get_args

from braze_heap.reasons import Reason
from braze_heap.state._record import UNKNOWN_TIME, DeadRecord, RecordFormat, in_utc

INSERT: Final = """
INSERT INTO dead_letters
    (key, reason, detail, at, original, format, event_type, mappers, destination)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    reason = excluded.reason,
    detail = excluded.detail,
    original = excluded.original,
    format = excluded.format,
    event_type = excluded.event_type,
    mappers = CASE excluded.mappers WHEN '{}' THEN mappers ELSE excluded.mappers END
"""
INSERT_ZEROS: Final = """
INSERT INTO dead_letters (reason, detail, at, original, format, mappers, destination)
VALUES ('', '', '', zeroblob(?), '', '', '')
"""
_ROW: Final = """
SELECT rowid, key, reason, detail, at, original, format, event_type, mappers,
    destination
FROM dead_letters
"""
SELECT_NEXT: Final = f"{_ROW} WHERE rowid > ? ORDER BY rowid LIMIT 1"
SELECT_ONE: Final = f"{_ROW} WHERE rowid = ?"

SELECT_SIZE: Final = """
SELECT ifnull(sum(length(original)), 0) FROM dead_letters WHERE key = ?
"""

# The index has pages of its own, so it may be readable if a page of rows is damaged.
SELECT_KEYS: Final = """
SELECT rowid, key FROM dead_letters INDEXED BY sqlite_autoindex_dead_letters_1
WHERE rowid > ?
"""

_IS_VALID_KEY: Final = "typeof(key) = 'text' AND key NOT GLOB '*[^ -~]*'"
DELETE: Final = "DELETE FROM dead_letters WHERE key = ?"
DELETE_ROW: Final = f"""
DELETE FROM dead_letters WHERE rowid = ? AND NOT ({_IS_VALID_KEY})
"""  # noqa: S608 (of constants)

COUNT: Final = f"""
SELECT reason, count(*), sum(length(original)), min(at), max(at), min(
    {_IS_VALID_KEY} AND typeof(original) = 'blob' AND datetime(at) IS NOT NULL
    AND format IN ('json', 'bytes', 'gzip') AND mappers GLOB '{{*}}'), destination
FROM dead_letters NOT INDEXED GROUP BY reason, destination ORDER BY reason, destination
"""  # noqa: S608 (of constants)

ROW_KEY: Final = re.compile(r"damaged-row-(\d+)")
"""Key made of the number of a row, because the row's own key cannot be read."""


def to_row(record: DeadRecord) -> tuple[Any, ...]:
    """Return the values of *record* for `INSERT`."""
    return (
        record.key,
        record.reason,
        record.detail,
        record.at.isoformat(),
        record.original,
        record.format,
        record.event_type,
        json.dumps(record.mappers, separators=(",", ":")),
        record.destination,
    )


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
