"""Tables of dead letters, and one dead letter in full."""

import gzip
import json
import shlex
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import attrs
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap.cli._console import grid, heading, indented, plural, safe
from braze_heap.cli._reasons import meaning
from braze_heap.state import DeadRecord

_DIGITS: Final = 8
"""Digits of the digest in a list. Enough to distinguish two contents."""


@attrs.define
class _ReasonGroup:
    """Number and period of the dead letters with one reason."""

    oldest: datetime
    newest: datetime
    records: int = 0

    def add(self, at: datetime) -> None:
        self.oldest = min(self.oldest, at)
        self.newest = max(self.newest, at)
        self.records += 1


@attrs.define
class Listing:
    """
    Number of dead letters by reason, and the oldest ones. Contains no event.

    Attributes:
        by_reason: The groups.
        letters: The oldest, as JSON objects.
        limit: Maximum number of *letters*.
    """

    limit: int
    by_reason: dict[str, _ReasonGroup] = attrs.field(factory=dict)
    letters: list[dict[str, Any]] = attrs.field(factory=list)

    @classmethod
    def of(cls, records: Iterable[DeadRecord], limit: int) -> Self:
        """Return the listing of *records*, which shows the first *limit*."""
        listing = cls(limit)
        for record in records:
            group = listing.by_reason.setdefault(
                record.reason, _ReasonGroup(record.at, record.at)
            )
            group.add(record.at)
            if len(listing.letters) < limit:
                listing.letters.append(_to_dict(record))
        return listing

    @property
    def total(self) -> int:
        """Number of dead letters."""
        return sum(group.records for group in self.by_reason.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the listing as a JSON object."""
        by_reason = [
            {
                "reason": reason,
                "records": group.records,
                "oldest": group.oldest.isoformat(),
                "newest": group.newest.isoformat(),
            }
            for reason, group in self._groups()
        ]
        return {
            "records": self.total,
            "by_reason": by_reason,
            "letters": self.letters,
        }

    def view(self, path: Path) -> RenderableType:
        """Return the listing as text; *path* is the file of the dead letters."""
        return Group(
            Text(f"{plural(self.total, 'dead letter')} in {path}"),
            *self._reasons(),
            *self._first(path),
        )

    def _groups(self) -> list[tuple[str, _ReasonGroup]]:
        return sorted(self.by_reason.items(), key=lambda item: -item[1].records)

    def _reasons(self) -> Iterator[RenderableType]:
        for reason, group in self._groups():
            yield heading(f"{safe(reason)}: {plural(group.records, 'dead letter')}")
            yield indented(Text(meaning(reason)))
            oldest, newest = _minute(group.oldest), _minute(group.newest)
            period = oldest if oldest == newest else f"{oldest} to {newest}"
            yield indented(Text(f"{period} UTC"))

    def _first(self, path: Path) -> Iterator[RenderableType]:
        if not self.letters:
            return
        yield heading(f"The oldest {len(self.letters):,}" if self._rest else "Each")
        table = grid("_reason", "_letter")
        for letter in self.letters:
            key, detail = _short(letter["key"]), safe(letter["detail"], 300)
            typed = safe(letter["event_type"] or "")
            title = " ".join(filter(None, (key, typed)))
            table.add_row(Text(safe(letter["reason"])), Text(f"{title}\n{detail}"))
        yield indented(table)
        if self._rest:
            yield Text(f"  ... and {self._rest:,} more (--limit)")
        command = f"braze-heap dead-letters show {shlex.quote(str(path))} KEY"
        yield Text(f"\nOne of them, whole: {command}")

    @property
    def _rest(self) -> int:
        return self.total - len(self.letters)


def _to_dict(record: DeadRecord) -> dict[str, Any]:
    return {
        "key": record.key,
        "reason": record.reason,
        "detail": record.detail,
        "at": record.at.isoformat(),
        "format": record.format,
        "event_type": record.event_type,
        "mappers": record.mappers,
        "bytes": len(record.original),
    }


def _short(key: str) -> str:
    """Return enough of *key* to distinguish it from others."""
    name, colon, digest = key.rpartition(":")
    return safe(f"{name}{colon}{digest[: _DIGITS if name else 2 * _DIGITS]}", 300)


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")


def letter_view(record: DeadRecord) -> RenderableType:
    """Return *record* and its complete original as text."""
    table = grid("_what", "_value")
    shown = _to_dict(record)
    for name in ("key", "reason", "detail", "at", "event_type", "format"):
        if shown[name]:
            table.add_row(name, Text(safe(str(shown[name]), 2_000)))
    table.add_row("", Text(meaning(record.reason)))
    for key, name in record.mappers.items():
        table.add_row("mapper", Text(safe(f"{name}, for {key}", 2_000)))
    lines = original_text(record).splitlines()
    original = "\n".join(safe(line, len(line)) for line in lines)
    return Group(table, heading("original"), Text(original))


def _escaped(character: str) -> str:
    return character if character == "\n" else json.dumps(character)[1:-1]


def original_text(record: DeadRecord) -> str:
    """Return the original as text: an event as JSON, a body as it came."""
    raw = record.original
    try:
        if record.format == "json":
            text = json.dumps(json.loads(raw), ensure_ascii=False, indent=2)
            return "".join(c if c.isprintable() else _escaped(c) for c in text)
        body = gzip.decompress(raw) if record.format == "gzip" else raw
    except (ValueError, RecursionError, OSError, EOFError, zlib.error):
        body = raw
    return body.decode("utf-8", "backslashreplace")
