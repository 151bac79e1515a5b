"""Limits of JSON from outside, checked in its bytes before a parser reads it."""

import itertools
import json
import re
from typing import Any, Final

from braze_heap.exceptions import BrazeHeapError

MAX_DEPTH: Final = 64
"""
Objects and arrays inside one another. Parsers recurse in C, so a deep document ends the
process on a thread with a small stack. Depth is therefore counted first.
"""

MAX_STRUCTURE: Final = 1_000_000
"""Brackets and commas of a document: 9 MB of ``{},`` would become 225 MB of objects."""

MAX_UNCHECKED_BRACKETS: Final = 750
"""
Brackets, possibly all inside one another, that a parser reads unchecked. orjson takes
about 100 bytes of the stack for each, and ``json`` 120.
"""

MAX_FAST_VALUES: Final = 300
"""Values in one event, or in one field of it, that are mapped without a full check."""

_MAX_FAST_PARTS: Final = MAX_DEPTH - 4
"""Objects and lists of such an event, which may all be inside one another."""

_SCALARS: Final = frozenset((str, int, bool, type(None)))

MAX_EXACT: Final = 2.0**53
"""Above it, a float may be an integer that orjson rounded."""


class UnreadableError(BrazeHeapError, ValueError):
    """The bytes are not JSON, or exceed a limit. The text says where."""


class TooLargeError(UnreadableError):
    """JSON of over `MAX_STRUCTURE` brackets and commas. Send fewer events."""


def within_fast_limits(value: Any) -> bool:
    """
    Return whether the unchecked decoding of *value* is guaranteed to equal that of
    `braze_heap._json.decode`, and becomes far fewer properties than a call may have.
    """
    left = MAX_FAST_VALUES
    waiting: list[Any] = [[value]]
    for part in waiting:
        left -= len(part)
        if left < 0 or len(waiting) >= _MAX_FAST_PARTS:
            return False
        for inner in part.values() if type(part) is dict else part:
            cls = type(inner)
            if cls is dict or cls is list:
                waiting.append(inner)
            elif cls is float:
                if not -MAX_EXACT <= inner <= MAX_EXACT:
                    return False
            elif cls not in _SCALARS:
                return False
    return True


def count_brackets(data: bytes) -> int:
    """Return the number of opening brackets in *data*."""
    # `bytes.count` takes four times as long.
    without = len(data.replace(b"{", b"")) + len(data.replace(b"[", b""))
    return 2 * len(data) - without


def check_limits(data: bytes) -> bool:
    """
    Raise `UnreadableError` for JSON over `MAX_DEPTH`, or over `MAX_STRUCTURE`.

    Return whether *data* has only the key ``events``, if it is JSON. Linear in its
    length; never recurses.
    """
    if len(data) <= _SHORT and count_brackets(data) <= MAX_DEPTH:
        return False
    unescaped = _without_escapes(data)
    if len(data) > MAX_STRUCTURE and _structure_size(unescaped) > MAX_STRUCTURE:
        raise TooLargeError(f"over {MAX_STRUCTURE:,} brackets and commas")
    brackets = _without_strings(unescaped.translate(_AS_BRACES, _NO_BRACKETS))
    is_only_events = find_events_array(data) is not None
    if is_only_events and _closes_within(brackets[2:-2], MAX_DEPTH - 2):
        return True
    if not _closes_within(brackets, MAX_DEPTH):
        depths = itertools.accumulate(map(_STEP.__getitem__, brackets))
        if max(depths, default=0) > MAX_DEPTH:
            raise UnreadableError(f"over {MAX_DEPTH} levels deep")
    return False


def find_events_array(data: bytes) -> slice | None:
    """Return the place of the array in ``{"events": [...]}``; else ``None``."""
    opening, end = _EVENTS.match(data), _END.search(data, max(len(data) - 9, 0))
    return slice(opening.end() - 1, end.start() + 1) if opening and end else None


def split_events(body: bytes, events: slice, size: int) -> list[slice]:
    """
    Split the *events* of an array in *body* into parts of about *size* bytes.

    A part is not JSON if something inside of an event looks like an event.
    """
    parts, start = [], events.start
    while comma := _BETWEEN.search(body, start + size, events.stop):
        parts.append(slice(start, comma.start(1)))
        start = comma.end(1)
    return [*parts, slice(start, events.stop)]


def may_repeat_events(data: bytes) -> bool:
    """Return whether the outermost object may have two ``events`` keys."""
    if data.count(b'"events"') > 1:
        return True
    return b"\\" in data and _ESCAPED_LETTER.search(data) is not None


def repeats_events(text: str) -> bool:
    """Return whether *text* is an object with two ``events`` keys."""
    outermost: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[:] = [key for key, _ in pairs]
        return {}

    json.loads(text, object_pairs_hook=keep, parse_int=str)
    return text.lstrip().startswith("{") and outermost.count("events") > 1


_ESCAPED_LETTER: Final = re.compile(rb"\\u00[67]")
r"""An ASCII letter written as ``\u00XX``: it could disguise an ``events`` key."""

_EVENTS: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"events"[ \t\r\n]*:[ \t\r\n]*\[')
_END: Final = re.compile(rb"\][ \t\r\n]*\}[ \t\r\n]*\Z")
_BETWEEN: Final = re.compile(rb'\}[ \t\r\n]*(,)[ \t\r\n]*(?=\{[ \t\r\n]*"event_type")')
"""Comma between two events that begin as those of Braze do. No string contains it."""

_AS_BRACES: Final = bytes.maketrans(b"[]", b"{}")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b'{}[]"'))
_NO_STRUCTURE: Final = bytes(set(range(256)) - set(b'{}[],"'))
_SHORT: Final = 1 << 12
_LONG: Final = 1 << 18
_MANY_ESCAPES: Final = 1 << 14
_STRING: Final = re.compile(rb'"[^"]*"?')
_STEP: Final = {ord("{"): 1, ord("}"): -1}


def _without_escapes(data: bytes) -> bytes:
    """Return *data* without the quotes that do not end a string."""
    # Splitting is faster for a few escapes, replacing takes less memory for many.
    if b"\\" not in data:
        return data
    if len(data) > _LONG and data.count(b"\\") > _MANY_ESCAPES:
        return data.replace(rb"\\", b"").replace(rb"\"", b"")
    first, *escaped = data.split(b"\\")
    if b"" in escaped:
        first, *escaped = data.replace(rb"\\", b"").split(b"\\")
    return first + b"".join([piece[1:] for piece in escaped])


def _without_strings(structure: bytes) -> bytes:
    left = structure.replace(b'""""""""', b"").replace(b'""', b"")
    return _STRING.sub(b"", left) if b'"' in left else left


def _structure_size(unescaped: bytes) -> int:
    """Return the number of brackets and commas of a document without escapes."""
    structure = unescaped.translate(None, _NO_STRUCTURE)
    if len(structure) <= MAX_STRUCTURE:
        return len(structure)
    return len(_without_strings(structure))


def _closes_within(brackets: bytes, limit: int) -> bool:
    """Return whether all *brackets* close, and at most *limit* are open at a time."""
    for _ in range(limit):
        shorter = brackets.replace(b"{}", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return not brackets
