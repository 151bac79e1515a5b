"""
From the bytes of a request to its events: bounded, and stricter than for files.

A webhook that takes any JSON for a batch answers 200 to what was never an event. So the
envelope is Braze's, or the body is unreadable.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final

from braze_heap.exceptions import BrazeHeapError
from braze_heap.receiver._admission import Limits
from braze_heap.wire import MAX_DEPTH, TooLargeError, UnreadableError, decode

_GZIP: Final = 16 + zlib.MAX_WBITS
_PIECE: Final = 1 << 14
_MOST_MEMBERS: Final = 100
_MOST_STEPS: Final = 1_000_000
_OPENING: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_EVENTS: Final = re.compile(rb'\s*"events"\s*:\s*\[')
_PLAIN: Final = rb'[^{}\[\]"]++|"[^"]*+"'
_STEP: Final = re.compile(
    rb'(?:[^{}\[\],"]++|"[^"]*+"|[{\[](?:' + _PLAIN + rb')*+[}\]])*+(?:[{}\[\],"]|\Z)'
)
"""Up to a comma, to a bracket with brackets inside, or to what is wrong."""

_EMPTY: Final = re.compile(rb"\s*,")
_COMMA: Final = ord(",")
_QUOTE: Final = ord('"')


class TooManyError(BrazeHeapError, ValueError):
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
        UnreadableError: Neither ``{"events": [...]}`` nor one event, or an event that
            is too large.
    """
    if len(body) > limits.body:
        if holds(body, 2):
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

    Linear in time. A batch too odd for the steps that are made is no such batch.
    """
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in body else body
    at = opening.end() if (opening := _OPENING.match(plain)) else 0
    members = _steps(plain, at)
    while at and not _EVENTS.match(plain, at):
        at = _behind_comma(plain, members)
    if not at:
        return False
    elements = _steps(plain, plain.index(b"[", at) + 1)
    return all(_behind_comma(plain, elements) for _ in range(number - 1))


def _steps(plain: bytes, at: int) -> Iterator[re.Match[bytes]]:
    return itertools.islice(_STEP.finditer(plain, at), _MOST_STEPS)


def _behind_comma(plain: bytes, steps: Iterator[re.Match[bytes]]) -> int:
    """
    Return where the member or element ends that *steps* are in, its comma too; 0 if no
    other follows, or it is empty.
    """
    depth = at = 0
    for step in steps:
        at = at or step.start()
        end = step.end()
        kind = plain[end - 1]
        if kind == _COMMA and not depth:
            return 0 if _EMPTY.match(plain, at) else end
        depth += (kind in b"{[") - (kind in b"}]")
        if not 0 <= depth <= MAX_DEPTH or kind == _QUOTE:
            break
    return 0


def _events_of(value: Any) -> list[Any]:
    """
    Return the events of a decoded envelope.
    """
    if value is None or value in ({}, []):
        return []
    if not isinstance(value, dict):
        raise UnreadableError("no object with events")
    if "events" not in value:
        return [_bare_event(value)]
    events = value["events"]
    if events is None:
        return []
    if not isinstance(events, list):
        raise UnreadableError("events is not a list")
    return events


def _bare_event(value: dict[str, Any]) -> dict[str, Any]:
    """
    Return *value*, an object without ``events``, as the only event of its request.

    Raises:
        UnreadableError: It has no ``event_type``, ``id`` or ``time``.
    """
    missing = [key for key in ("event_type", "id", "time") if key not in value]
    if missing == ["event_type"]:
        raise UnreadableError(
            "one record as in storage, without its type: add event_type to the record"
        )
    if missing:
        raise UnreadableError("an object without events")
    return value
