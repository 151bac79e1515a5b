"""
Bounded decoding of request bodies.

Only Braze's envelope or one event is accepted, unlike in files: a webhook that accepts
any JSON would respond 200 to requests without events.
"""

from __future__ import annotations

import re
import zlib
from typing import Any, Final

from braze_heap._json import decode_events_fast
from braze_heap.exceptions import BrazeHeapError
from braze_heap.receiver._admission import Limits
from braze_heap.wire import MAX_DEPTH, TooLargeError, UnreadableError, decode

_GZIP: Final = 16 + zlib.MAX_WBITS
_CHUNK: Final = 1 << 14
_MAX_MEMBERS: Final = 100
_MAX_BRACKETS: Final = 500_000
_OPENING: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_STRING: Final = rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)'
_FLAT: Final = rb'[{\[](?:[^{}\[\]"]++|%b)*+[}\]]' % _STRING
_TO_COMMA: Final = re.compile(
    rb'(?:[^{}\[\],"]++|%b)*+([{}\[\],]|\Z)' % _STRING, re.DOTALL
)
_TO_BRACKET: Final = re.compile(
    rb'(?:[^{}\[\]"]++|%b|%b)*+([{}\[\]]|\Z)' % (_STRING, _FLAT), re.DOTALL
)
"""Text up to a bracket, without what has nothing nested in it."""
_EVENTS: Final = re.compile(rb'"events"\s*:\s*\Z')
_EMPTY: Final = re.compile(rb"\s*,")


class BatchTooLargeError(BrazeHeapError, ValueError):
    """The batch is beyond a limit, and has several events: Braze can split it."""


def decompress(data: bytes, most: int) -> bytes:
    """
    Decompress gzip *data*, at most ``most + 1`` bytes of it.

    Raises:
        UnreadableError: *data* is not complete gzip data, or has over 100 members.
    """
    out = bytearray()
    members = [zlib.decompressobj(_GZIP)]
    for start in range(0, len(data), _CHUNK):
        piece = data[start : start + _CHUNK]
        while piece and len(out) <= most:
            if members[-1].eof and not piece.strip(b"\0"):
                break
            if members[-1].eof:
                members.append(zlib.decompressobj(_GZIP))
            try:
                out += members[-1].decompress(piece, most + 1 - len(out))
            except zlib.error:
                raise UnreadableError("not gzip data, or damaged") from None
            piece = members[-1].unused_data
            if len(members) > _MAX_MEMBERS:
                raise UnreadableError(f"gzip with more than {_MAX_MEMBERS} members")
    if data and len(out) <= most and not members[-1].eof:
        raise UnreadableError("gzip data is incomplete")
    return bytes(out)


def decode_batch(
    body: bytes, limits: Limits, *, is_zipped: bool, is_exact: bool = True
) -> list[Any]:
    """
    Return the events of a request body. A probe of Braze has none.

    Unless *is_exact*, they can be `UncheckedEvents`, which a `Transformer` checks.

    Raises:
        BatchTooLargeError: The batch is beyond *limits*, and has several events.
        UnreadableError: *body* is neither ``{"events": [...]}`` nor one event, or one
            event beyond *limits*.
    """
    body = decompress(body, limits.body) if is_zipped else body
    if len(body) > limits.body:
        if has_several_events(body):
            raise BatchTooLargeError
        raise UnreadableError(f"one event of over {limits.body:,} bytes")
    try:
        events: list[Any] | None = None if is_exact else decode_events_fast(body)
        if events is None:
            events = _events_of(decode(body))
    except TooLargeError:
        if has_several_events(body):
            raise BatchTooLargeError from None
        raise
    if len(events) > limits.events:
        raise BatchTooLargeError
    return events


def has_several_events(body: bytes) -> bool:
    """
    Return whether *body* starts a batch of more than one event, without parsing.

    False after half a million brackets.
    """
    opening = _OPENING.match(body)
    at, depth, is_inside = opening.end() if opening else len(body), 1, False
    for _ in range(_MAX_BRACKETS):
        is_shallow = depth == 1 + is_inside
        step: Any = (_TO_COMMA if is_shallow else _TO_BRACKET).match(body, at)
        kind = step[1]
        if depth == 1 and kind == b"[" and _EVENTS.search(body, at, step.start(1)):
            if _EMPTY.match(body, step.end()):
                return False
            is_inside = True
        at = step.end()
        depth += (kind in (b"{", b"[")) - (kind in (b"}", b"]"))
        if kind == b"," and is_inside:
            return True
        if not kind or depth > MAX_DEPTH or depth < 1 + is_inside:
            return False
    return False


def _events_of(value: Any) -> list[Any]:
    """Return the events of a decoded envelope; see `decode_batch`."""
    if value is None or value in ({}, []):
        return []
    if not isinstance(value, dict):
        raise UnreadableError('not a JSON object with "events"')
    if "events" not in value:
        missing = [key for key in ("event_type", "id", "time") if key not in value]
        if missing == ["event_type"]:
            raise UnreadableError(
                "a storage record without its type: add event_type to the record"
            )
        if missing:
            raise UnreadableError('a JSON object without "events"')
        return [value]
    events = value["events"]
    if events is None:
        return []
    if not isinstance(events, list):
        raise UnreadableError('"events" is not a list')
    return events
