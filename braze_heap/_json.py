"""
JSON that comes from outside, bounded before it is parsed and forgiving in its text; and
JSON on its way out.

orjson does the work where it is installed. It decides nothing: whatever it refuses, or
would read or write in another way than ``json``, is left to ``json``.
"""

import itertools
import json
import re
from collections.abc import Callable
from typing import Any, Final

from braze_heap.exceptions import BrazeHeapError

try:
    import orjson as _orjson
except ImportError:
    _fast: Any = None
else:
    _fast = _orjson

MAX_DEPTH: Final = 64
"""
Objects and arrays inside of one another. Parsers recurse in C, where a deep document
ends the process on a thread with a small stack; so depth is counted first.
"""

MAX_STRUCTURE: Final = 1_000_000
"""
Brackets and commas of one document: 9 MB of ``{},`` would become 225 MB of objects.
"""


class UnreadableError(BrazeHeapError, ValueError):
    """
    The bytes hold no JSON, or JSON beyond the limits. The text says where.
    """


class TooLargeError(UnreadableError):
    """
    JSON of over `MAX_STRUCTURE` brackets and commas: fewer events may be readable.
    """


def decode(body: bytes | str) -> Any:
    """
    Return the JSON value that *body* holds; ``None`` if it is blank.

    A byte order mark is skipped and invalid UTF-8 becomes U+FFFD. NaN, infinities and
    integers of any length are read; an integer of over 4,300 digits comes as text.

    Raises:
        UnreadableError: No JSON, text behind it, two ``events`` keys in the outermost
            object, or over `MAX_DEPTH`.
        TooLargeError: Over `MAX_STRUCTURE`.
    """
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    may_repeat_events = not _is_one_list(data) and _names_events_twice(data)
    if _is_for_fast(data) and not may_repeat_events:
        try:
            return _fast.loads(data)
        except ValueError:
            pass
    text = body if isinstance(body, str) else _text(data)
    text = text.removeprefix("\ufeff")
    if not text or text.isspace():
        return None
    try:
        return _loads(text, may_repeat_events)
    except json.JSONDecodeError as error:
        flaw = error.msg.removesuffix(" at")
        raise UnreadableError(f"not JSON: {flaw} at character {error.pos}") from None


def glimpse(body: bytes) -> list[Any] | None:
    """
    Return the events of a request, read without a look at how deep they are and, by
    orjson, how long their numbers; ``None`` where `decode` has to look at *body* first.

    It spares the looks of `decode` for a caller who looks at each event: one for which
    `is_modest` holds, or all whose values are texts, is what `decode` gives. If there
    is one that is not, *body* needs `decode`.
    """
    if len(body) > _MAX_FAST:
        return None
    place = _list_of_events(body)
    if place is None or _brackets(body) > _MAX_UNSEEN:
        return None
    try:
        # A list and nothing behind it: so there is no second key either.
        events: list[Any] = (
            _fast.loads(memoryview(body)[place])
            if _fast
            else json.loads(body[place].decode())
        )
    except (ValueError, RecursionError):
        return None
    return events


def _brackets(body: bytes) -> int:
    """
    Return how many brackets open in *body*. ``count`` takes four times as long.
    """
    without = len(body.replace(b"{", b"")) + len(body.replace(b"[", b""))
    return 2 * len(body) - without


def is_modest(value: Any) -> bool:
    """
    Tell whether *value*, as `glimpse` read it, is surely what `decode` gives, and
    becomes far fewer properties than a call may have.
    """
    left = FEW
    waiting: list[Any] = [[value]]
    for part in waiting:
        left -= len(part)
        if left < 0 or len(waiting) >= _MAX_PARTS:
            return False
        for inner in part.values() if type(part) is dict else part:
            cls = type(inner)
            if cls is dict or cls is list:
                waiting.append(inner)
            elif cls is float and not -_EXACT <= inner <= _EXACT:
                return False
    return True


FEW: Final = 300
"""Values in one event, or in one field of it, that are passed at a glance."""

_MAX_PARTS: Final = MAX_DEPTH - 4
"""Objects and lists, which may all be inside of one another, in an event likewise."""

_EXACT: Final = 2.0**53
"""Beyond it, a float may be an integer that orjson rounded."""

_MAX_UNSEEN: Final = 750
"""
Brackets, which may all be inside of one another, that a parser is given unseen. orjson
takes about 100 bytes of the stack for each, and ``json`` 120.
"""


def _is_for_fast(data: bytes) -> bool:
    return bool(_fast) and len(data) <= _MAX_FAST and not _has_long_number(data)


_MAX_FAST: Final = 1 << 19
"""Bytes that orjson reads: it takes twelve times as much memory while it does."""


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace")


def _loads(text: str, may_repeat_events: bool) -> Any:
    if may_repeat_events and _has_two_event_lists(text):
        raise UnreadableError("two events keys in one object")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(text, parse_int=_int_or_text)


def _int_or_text(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


_ONLY_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER: Final = b"0" * 19
"""Digits of the smallest integer that does not fit 64 bits: orjson rounds it."""


def _has_long_number(data: bytes) -> bool:
    digits = data.translate(_ONLY_ZEROS)
    if _LONG_NUMBER not in digits:
        return False
    *before, _ = digits.split(_LONG_NUMBER)
    return any(part.rstrip(b"0")[-1:] in b"[,:- \t\r\n" for part in before)


def _names_events_twice(data: bytes) -> bool:
    """
    Tell whether the outermost object may have two ``events``; if not, it has not.
    """
    if data.count(b'"events"') > 1:
        return True
    return b"\\" in data and _ESCAPED_LETTER.search(data) is not None


_ESCAPED_LETTER: Final = re.compile(rb"\\u00[67]")
"""A plain letter written as an escape, as nobody does who does not hide one."""


def _has_two_event_lists(text: str) -> bool:
    outermost: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[:] = [key for key, _ in pairs]
        return {}

    json.loads(text, object_pairs_hook=keep, parse_int=str)
    return text.lstrip().startswith("{") and outermost.count("events") > 1


def _is_one_list(data: bytes) -> bool:
    """
    Tell whether *data*, if it is JSON, is ``{"events": [...]}`` with nothing beside.

    That is known on the way: the limits are checked here. Linear in the length of
    *data*; never recurses.

    Raises:
        UnreadableError: JSON over `MAX_DEPTH`.
        TooLargeError: JSON over `MAX_STRUCTURE`.
    """
    if len(data) <= _SHORT and _brackets(data) <= MAX_DEPTH:
        return False
    plain = _without_escapes(data)
    if len(data) > MAX_STRUCTURE and _structure(plain) > MAX_STRUCTURE:
        raise TooLargeError(f"over {MAX_STRUCTURE:,} brackets and commas")
    brackets = _without_texts(plain.translate(_AS_BRACES, _NO_BRACKETS))
    looks_so = _list_of_events(data) is not None
    if looks_so and _is_flat(brackets[2:-2], MAX_DEPTH - 2):
        return True
    if not _is_flat(brackets, MAX_DEPTH) and _depth(brackets) > MAX_DEPTH:
        raise UnreadableError(f"over {MAX_DEPTH} levels deep")
    return False


def _list_of_events(data: bytes) -> slice | None:
    """
    Return where the list stands in ``{"events": [...]}``, if *data* looks so at both
    ends.
    """
    opening, end = _EVENTS.match(data), _END.search(data, max(len(data) - 9, 0))
    return slice(opening.end() - 1, end.start() + 1) if opening and end else None


_EVENTS: Final = re.compile(rb'\s*\{\s*"events"\s*:\s*\[')
_END: Final = re.compile(rb"\]\s*\}\s*\Z")
_AS_BRACES: Final = bytes.maketrans(b"[]", b"{}")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b'{}[]"'))
_NO_STRUCTURE: Final = bytes(set(range(256)) - set(b'{}[],"'))
_SHORT: Final = 1 << 12
_LONG: Final = 1 << 18
_MANY_ESCAPES: Final = 1 << 14
_TEXT: Final = re.compile(rb'"[^"]*"?')
_STEP: Final = {ord("{"): 1, ord("}"): -1}


def _without_escapes(data: bytes) -> bytes:
    """
    Return *data* without the quotes that end no text.

    Splitting is the faster way for a few escapes, replacing the lighter one for many.
    """
    if b"\\" not in data:
        return data
    if len(data) > _LONG and data.count(b"\\") > _MANY_ESCAPES:
        return data.replace(rb"\\", b"").replace(rb"\"", b"")
    first, *escaped = data.split(b"\\")
    if b"" in escaped:
        first, *escaped = data.replace(rb"\\", b"").split(b"\\")
    return first + b"".join([piece[1:] for piece in escaped])


def _without_texts(structure: bytes) -> bytes:
    left = structure.replace(b'""""""""', b"").replace(b'""', b"")
    return _TEXT.sub(b"", left) if b'"' in left else left


def _structure(plain: bytes) -> int:
    """
    Return the number of brackets and commas of a document without escapes.
    """
    structure = plain.translate(None, _NO_STRUCTURE)
    if len(structure) <= MAX_STRUCTURE:
        return len(structure)
    return len(_without_texts(structure))


def _is_flat(brackets: bytes, limit: int) -> bool:
    """
    Tell whether all of *brackets* close, and at most *limit* are open at a time.
    """
    for _ in range(limit):
        shorter = brackets.replace(b"{}", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return not brackets


def _depth(brackets: bytes) -> int:
    return max(itertools.accumulate(map(_STEP.__getitem__, brackets)), default=0)


def is_json_text(value: Any) -> bool:
    """
    Tell whether *value* looks like an object or list in JSON.
    """
    return isinstance(value, str) and value[:1] in ("{", "[")


def encode(value: dict[str, Any] | list[Any]) -> bytes:
    """
    Return *value* as one line of JSON in UTF-8.

    Raises:
        TypeError: It holds what JSON does not know.
        ValueError: It holds NaN, an infinity, or half a character.
    """
    if _fast:
        try:
            data: bytes = _fast.dumps(value, option=_AS_JSON_DOES)
            if not _NULL.search(data):  # NaN is written so
                return data
        except TypeError:
            pass
    return _write(value).encode()


def encode_text(value: dict[str, Any]) -> str:
    """
    Return *value* as one line of JSON, half characters as they are.

    Raises:
        TypeError: It holds what JSON does not know.
        ValueError: It holds NaN or an infinity.
    """
    try:
        return encode(value).decode()
    except UnicodeEncodeError:
        return _write(value)


_NULL: Final = re.compile(b"null")
"""Found twice as fast as by ``in``."""

_AS_JSON_DOES: Final = (
    _fast.OPT_PASSTHROUGH_DATACLASS | _fast.OPT_PASSTHROUGH_DATETIME if _fast else None
)


def writer(default: Callable[[Any], Any], *, allow_nan: bool) -> Callable[[Any], str]:
    """
    Return a function that writes values as compact JSON, as ``json`` does.

    ``json`` sets up its C encoder anew for every value; where there is one, this sets
    it up once.

    Args:
        default: Gives what to write for a value that JSON does not know.
        allow_nan: Whether NaN and infinities are written as such.
    """
    encoder = json.JSONEncoder(
        ensure_ascii=False,
        separators=(",", ":"),
        check_circular=False,
        default=default,
        allow_nan=allow_nan,
    )
    text = json.encoder.encode_basestring
    try:
        pieces = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
            None, default, text, None, ":", ",", 0, 0, allow_nan
        )
    except (AttributeError, TypeError):  # another Python than CPython
        return encoder.encode
    return lambda value: "".join(pieces(value, 0))


_write: Final = writer(json.JSONEncoder().default, allow_nan=False)
