"""Calls of Heap's server-side API, and its limits. Lengths count UTF-16 units."""

import datetime as dt
import functools
import hashlib
import math
import re
from typing import Any, Final, TypeAlias

import attrs

from braze_heap._json import encode_text

__all__ = [
    "MAX_IDENTITY",
    "MAX_INTEGER",
    "MAX_PROPERTIES",
    "MAX_TEXT",
    "AddUserProperties",
    "Call",
    "DeleteUser",
    "Track",
    "Value",
    "timestamp",
    "to_idempotency_key",
]

MAX_TEXT: Final = 1023
"""Names and values of properties: strings of fewer than 1,024 characters."""

MAX_IDENTITY: Final = 255
"""Longest identity. A longer one is rejected: truncating it would merge people."""

MAX_PROPERTIES: Final = 1000
"""Maximum number of properties of one call. A custom event of Braze has 256 or less."""

MAX_INTEGER: Final = 2**53
"""Largest integer up to which JavaScript represents every integer exactly."""

EARLIEST_WINS: Final = re.compile(r"braze_(app_.+_)?first_session_at\Z")
"""Names of user properties whose earliest value wins. For others the newest wins."""

Value: TypeAlias = str | int | float
"""Value of a property, as Heap accepts it."""


class _HeapCall:
    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        raise NotImplementedError  # pragma: no cover

    def to_json(self) -> str:
        """Return the object of `to_dict` as one line of JSON."""
        return encode_text(self.to_dict())


@attrs.define
class Track(_HeapCall):
    """
    An event of one user.

    Attributes:
        event: Name of the event.
        identity: Identity of the user. Heap creates users that it does not know.
        timestamp: Time of the event, ISO 8601 with offset, UTC.
        idempotency_key: Heap ignores later calls with the same key.
        properties: Legal names and values.
    """

    event: str
    identity: str = attrs.field(repr=False)
    timestamp: str
    idempotency_key: str
    properties: dict[str, Value] = attrs.field(repr=lambda p: f"<{len(p)} properties>")

    def to_dict(self) -> dict[str, Any]:
        """Return the object that goes into the ``events`` of a bulk Track call."""
        return {
            "event": self.event,
            "identity": self.identity,
            "timestamp": self.timestamp,
            "idempotency_key": self.idempotency_key,
            "properties": self.properties,
        }


@attrs.define
class AddUserProperties(_HeapCall):
    """
    Properties of one user. In Heap the last write wins, whatever its age.

    Time, event id and destinations are not sent to Heap, and do not affect equality.

    Attributes:
        identity: Identity of the user. Heap creates users that it does not know.
        properties: Legal names and values.
        time: Time of the event that states them, in UTC epoch seconds.
        event_id: Id of that event.
        destinations: Destinations of a `Tee` that it is for; empty for all of them.
    """

    identity: str = attrs.field(repr=False)
    properties: dict[str, Value] = attrs.field(repr=lambda p: f"<{len(p)} properties>")
    time: float = attrs.field(default=0.0, eq=False, repr=False, kw_only=True)
    event_id: str = attrs.field(default="", eq=False, repr=False, kw_only=True)
    destinations: frozenset[str] = attrs.field(
        default=frozenset(), eq=False, repr=False, kw_only=True
    )

    def order(self, name: str) -> tuple[float, str]:
        """
        Return the rank of the value of *name*. The greatest one wins.

        It is the time, negative for a name of `EARLIEST_WINS`, and the event id.
        """
        is_earliest = EARLIEST_WINS.search(name) is not None
        return -self.time if is_earliest else self.time, self.event_id

    def to_dict(self) -> dict[str, Any]:
        """Return the object that goes into the ``users`` of a bulk call."""
        return {"identity": self.identity, "properties": self.properties}


@attrs.define
class DeleteUser(_HeapCall):
    """
    The deletion of one user and all their events. It cannot be undone.

    Attributes:
        identity: Identity of the user.
    """

    identity: str = attrs.field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that goes into the ``users`` of a deletion call."""
        return {"identity": self.identity}


Call: TypeAlias = Track | AddUserProperties | DeleteUser
"""One item of a Heap request."""


def timestamp(seconds: float) -> str:
    """Format UTC epoch *seconds* for Heap, as in ``2017-03-10T22:21:56+00:00``."""
    if type(seconds) is int:
        return timestamp_of_second(seconds)
    milliseconds = math.floor(seconds * 1000) / 1000
    return _to_datetime(milliseconds).isoformat(timespec="milliseconds")


def _to_datetime(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


@functools.lru_cache(8192)
def timestamp_of_second(seconds: int) -> str:
    """Return the `timestamp` of whole *seconds*."""
    return _to_datetime(seconds).isoformat()


def to_idempotency_key(key: str) -> str:
    """Return *key*; its SHA-256 if it is not ASCII, not printable, or over 255 long."""
    if len(key) <= MAX_IDENTITY and key.isascii() and key.isprintable():
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
