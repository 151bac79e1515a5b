"""One event, or one unreadable body, that was not delivered."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import attrs

from braze_heap._options import copy_of_mapping
from braze_heap.events import CurrentsEvent
from braze_heap.exceptions import DeadLetterError
from braze_heap.parsing import id_text
from braze_heap.reasons import Reason
from braze_heap.wire import RawEvent

MAX_INFLATED: Final = 64 << 20
"""Largest size of a gzipped body that can be replayed, uncompressed, in bytes."""

MAX_DETAIL: Final = 1_000
"""Characters of a detail that are kept."""

UNKNOWN_TIME: Final = datetime.fromtimestamp(0, UTC)
"""Time of a damaged record if its own time cannot be read."""

RecordFormat: TypeAlias = Literal["json", "bytes", "gzip"]
"""An event as JSON; an unreadable body as received; the same, gzipped."""


def storable(text: str) -> str:
    """Return *text* with U+FFFD for NUL and lone surrogates, which databases refuse."""
    return _UNSTORABLE.sub("\ufffd", text)


def in_utc(moment: datetime) -> datetime:
    """Return *moment* in UTC, which is its zone if it has none."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


@attrs.frozen
class DeadRecord:
    """
    An event, or an unreadable body, that was not delivered.

    Texts have U+FFFD for NUL and lone surrogates, so that every store keeps them.

    Attributes:
        key: The id of the event and a digest of its content and destination. Repeats
            have the same key; another event with the same id has another key.
        reason: A `braze_heap.Reason`, or a reason that the sink defines.
        detail: Cause, for people. Never contains a value.
        at: Time of the failure, in UTC. A time without zone is taken as UTC.
        original: The event or body, whole.
        format: Encoding of *original*.
        event_type: The type that a path or schema named, if the event does not.
        mappers: Mappers that took part and are not shipped: ``module:qualname`` by
            event key; see `Transformer.team_mappers`. A replay needs them again.
        destination: Destination of the sink that it failed to reach; see `Sink`. Empty
            if the sink names none.
    """

    key: str = attrs.field(converter=storable)
    reason: str = attrs.field(converter=storable)
    detail: str = attrs.field(converter=storable)
    at: datetime = attrs.field(converter=in_utc)
    original: bytes = attrs.field(repr=False)
    format: RecordFormat = "json"
    event_type: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(storable)
    )
    mappers: Mapping[str, str] = attrs.field(
        factory=dict, converter=copy_of_mapping, hash=False
    )
    destination: str = attrs.field(default="", converter=storable)

    @classmethod
    def of(
        cls,
        original: Any,
        reason: str,
        detail: str,
        at: datetime,
        *,
        zipped: bool = False,
        mappers: Mapping[str, str] = MappingProxyType({}),
        destination: str = "",
    ) -> DeadRecord:
        """
        Return the record of *original*.

        Args:
            original: An event, decoded or typed, or the bytes of a body.
            reason: See `DeadRecord.reason`.
            detail: Cause, for people; cut after `MAX_DETAIL` characters.
            at: Now, UTC.
            zipped: Whether the bytes are gzipped.
            mappers: See `DeadRecord.mappers`.
            destination: See `DeadRecord.destination`.
        """
        data, format_ = _encode(original)
        if zipped and format_ == "bytes":
            format_ = "gzip"
        typed = original.event_type if isinstance(original, RawEvent) else None
        # Two files may have equal damaged bytes. The detail names the place.
        place = detail if format_ == "bytes" else ""
        key = _key(original, data, f"{destination}\0{typed or place}")
        detail = detail[:MAX_DETAIL]
        return cls(
            key, str(reason), detail, at, data, format_, typed, mappers, destination
        )

    @property
    def is_damaged(self) -> bool:
        """Whether the store could not read all of the record."""
        return self.reason == Reason.DAMAGED_RECORD

    def source(self) -> Any:
        """
        Return the original in a form that a transformer accepts.

        Raises:
            DeadLetterError: The record is damaged.
        """
        try:
            if self.is_damaged:
                raise ValueError
            if self.format != "json":
                raw = self.original
                return raw if self.format == "bytes" else _inflate(raw)
            event = json.loads(self.original)
        except (ValueError, OSError, EOFError, RecursionError, zlib.error):
            raise DeadLetterError(f"the record {self.key[:64]!r} is damaged") from None
        return RawEvent(event, self.event_type) if self.event_type else event

    def to_json(self) -> str:
        """
        Return the record as one line of JSON.

        An event is readable. A body, or an event that is damaged, is in Base64.
        """
        row = attrs.asdict(self)
        row["at"] = self.at.isoformat()
        try:
            is_event = self.format == "json"
            row["original"] = json.loads(self.original) if is_event else None
        except (ValueError, RecursionError):
            row["format"] = "bytes"
        if row["format"] != "json":
            row["original"] = base64.b64encode(self.original).decode()
        return json.dumps(row, separators=(",", ":"))


def _inflate(data: bytes) -> bytes:
    with gzip.open(io.BytesIO(data)) as stream:
        body = stream.read(MAX_INFLATED + 1)
    if len(body) > MAX_INFLATED:
        raise ValueError("the body is too large to be replayed")
    return body


def _encode(original: Any) -> tuple[bytes, RecordFormat]:
    if isinstance(original, bytes):
        return original, "bytes"
    value = original.value if isinstance(original, RawEvent) else original
    value = value.to_raw() if isinstance(value, CurrentsEvent) else value
    try:
        text = json.dumps(
            value, sort_keys=True, default=_to_text, separators=(",", ":")
        )
    except (TypeError, ValueError, RecursionError):
        text = json.dumps(f"<a {type(value).__name__} that is not JSON>")
    return text.encode(), "json"


def _to_text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _key(original: Any, data: bytes, place: str) -> str:
    digest = hashlib.sha256(place.encode("utf-8", "replace") + b"\0" + data)
    name = event_id(original)
    return f"{name[:255]}:{digest.hexdigest()[:32]}" if name else digest.hexdigest()


def event_id(original: Any) -> str | None:
    """Return the id that Braze gave to an event; ``None`` if it has none."""
    value = original.value if isinstance(original, RawEvent) else original
    if isinstance(value, CurrentsEvent):
        return value.id
    found = id_text(value.get("id")) if isinstance(value, Mapping) else None
    return found if found and found.isascii() and found.isprintable() else None
