"""
From the bytes of a request to its events: bounded, and stricter than for files.

A webhook that takes any JSON for a batch answers 200 to what was never an event. So the
envelope is Braze's, or the body is unreadable.
"""

from __future__ import annotations

import itertools
import re
import zlib
from typing import Any, Final

from braze_heap.receiver._limits import Limits
from braze_heap.wire import TooLargeError, UnreadableError, decode
from braze_heap.wire._elements import EVENTS

_GZIP: Final = 16 + zlib.MAX_WBITS
_PIECE: Final = 1 << 14
_MOST_MEMBERS: Final = 100
_MOST_TOKENS: Final = 1_000_000
_TOKEN: Final = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"?|[{}\[\]]|[^\s,\[\]{}"]++', re.DOTALL
)


class TooManyError(ValueError):
    """
    Too much for one request; half of it would do.
    """


def inflated(data: bytes, most: int) -> bytes:
    """
    Return gzipped *data* unzipped, or its first ``most + 1`` bytes.

    Raises:
        UnreadableError: It is no gzip, damaged, cut, or made of very many members.
    """
    out = bytearray()
    members = [zlib.decompressobj(_GZIP)]
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        while piece and len(out) <= most:
            if members[-1].eof and not piece.strip(b"\0"):
                break
            if members[-1].eof:
                members.append(zlib.decompressobj(_GZIP))
            out += _inflated(members[-1], piece, most + 1 - len(out))
            piece = members[-1].unused_data
            if len(members) > _MOST_MEMBERS:
                raise UnreadableError(f"gzip of over {_MOST_MEMBERS} members")
    if data and len(out) <= most and not members[-1].eof:
        raise UnreadableError("gzip that ends too early")
    return bytes(out)


def _inflated(member: zlib._Decompress, piece: bytes, most: int) -> bytes:
    try:
        return member.decompress(piece, most)
    except zlib.error:
        raise UnreadableError("not gzip, or damaged") from None


def events_in(body: bytes, limits: Limits) -> list[Any]:
    """
    Return the events of a request, decoded. A probe holds none.

    Raises:
        TooManyError: More events than *limits* allow, or too large with two of them.
        UnreadableError: Anything but ``{"events": [...]}``, or one event too large.
    """
    if len(body) > limits.body:
        if holds(body[: limits.body], 2):
            raise TooManyError
        raise UnreadableError(f"one event of over {limits.body:,} bytes, or no batch")
    try:
        events = _events_of(decode(body))
    except UnreadableError as error:
        enough = 2 if isinstance(error, TooLargeError) else limits.events + 1
        if holds(body, enough):
            raise TooManyError from None
        raise
    if len(events) > limits.events:
        raise TooManyError
    return events


def holds(body: bytes, number: int) -> bool:
    """
    Tell whether *body* begins a batch with so many events, without parsing it.

    Linear in time. A batch too odd for the tokens that are looked at is no such batch.
    """
    batch = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    opening = EVENTS.match(batch)
    if not opening:
        return False
    depth = found = 0
    tokens = _TOKEN.finditer(batch, opening.end())
    for token in itertools.islice(tokens, _MOST_TOKENS):
        kind = batch[token.start()]
        if depth == 0 and kind in b"]}":
            break
        found += depth == 0
        if found == number:
            return True
        depth += (kind in b"{[") - (kind in b"}]")
    return False


def _events_of(value: Any) -> list[Any]:
    """
    Return the events of a decoded envelope.
    """
    if value is None or value in ({}, []):
        return []
    if not isinstance(value, dict):
        raise UnreadableError("no object with events")
    if "events" not in value:
        raise UnreadableError("an object without events")
    events = value["events"]
    if events is None:
        return []
    if not isinstance(events, list):
        raise UnreadableError("events is no list")
    return events
