"""
Decode JSON from outside, with limits and tolerant of damaged text, and encode JSON.

orjson is only an accelerator, where it is installed. Anything that it rejects, or would
read or write differently from ``json``, is left to ``json``.
"""

import bisect
import json
import re
from collections.abc import Callable
from typing import Any, Final

from braze_heap._json_limits import (
    MAX_DEPTH,
    MAX_STRUCTURE,
    MAX_UNCHECKED_BRACKETS,
    UnreadableError,
    check_limits,
    count_brackets,
    find_events_array,
    may_repeat_events,
    repeats_events,
    split_events,
)

try:
    import orjson as _orjson
except ImportError:
    _fast: Any = None
else:
    _fast = _orjson


def decode(body: bytes | str) -> Any:
    """
    Return the JSON value in *body*; ``None`` if it is blank.

    A byte order mark is skipped and invalid UTF-8 becomes U+FFFD. NaN, infinities and
    integers of any length are read; an integer of over 4,300 digits becomes a ``str``.

    Raises:
        UnreadableError: Not JSON, text behind it, two ``events`` keys in the outermost
            object, or over `MAX_DEPTH`.
        TooLargeError: Over `MAX_STRUCTURE`.
    """
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    is_ambiguous = not check_limits(data) and may_repeat_events(data)
    is_short = len(data) <= _MAX_FAST
    if _fast and is_short and not is_ambiguous and not _has_long_number(data):
        try:
            return _fast.loads(data)
        except ValueError:
            pass
    text = body if isinstance(body, str) else data.decode(errors="replace")
    return _decode_text(text, is_ambiguous)


def _decode_text(text: str, is_ambiguous: bool, **hooks: Any) -> Any:
    """Return the JSON value in *text*, within the limits, as `json` reads it."""
    text = text.removeprefix("\ufeff")
    if not text or text.isspace():
        return None
    try:
        if is_ambiguous and repeats_events(text):
            raise UnreadableError("two events keys in one object")
        return _loads(text, **hooks)
    except json.JSONDecodeError as error:
        flaw = error.msg.removesuffix(" at")
        raise UnreadableError(f"not JSON: {flaw} at character {error.pos}") from None


class EventsBody:
    """
    A request body whose events are decoded when they are read.

    *places* are the elements of its array, in parts of at least one event. Nothing else
    is decoded, so a second key or text behind the array is an error.
    """

    def __init__(self, body: bytes, places: list[slice]) -> None:
        self._body = memoryview(body)
        self._places = places
        self._ends: list[int] = []
        self._exact: dict[int, list[Any]] = {}

    def decode_fast(self) -> list[Any]:
        """
        Return all events, without the depth and number checks of `decode`. Raise
        `ValueError` or `RecursionError` for a part that is not JSON, or too deep.
        """
        events: list[Any] = []
        for place in self._places:
            part: Any = self._body[place.start - 1 : place.stop + 1]
            if len(self._places) > 1:  # its neighbors are commas
                part = b"[%b]" % part[1:-1]
            events += _fast.loads(part) if _fast else json.loads(str(part, "utf-8"))
            self._ends.append(len(events))
        return events

    def exact(self, number: int) -> Any:
        """
        Return the event *number* as `decode` returns it, always the same object. Raise
        `UnreadableError` if its part of the body is over `MAX_DEPTH`.
        """
        part = bisect.bisect_right(self._ends, number)
        if part not in self._exact:
            elements = bytes(self._body[self._places[part]])
            self._exact[part] = decode(b'{"events":[%b]}' % elements)["events"]
        return self._exact[part][number - (self._ends[part - 1] if part else 0)]


class SentEvents(list[Any]):
    """Elements of a batch that a sender made. If none is an event, it is at fault."""


class UncheckedEvents(SentEvents):
    """
    Events whose depth and numbers are not checked.

    Users must verify each event with `within_fast_limits`, unless all its values are
    strings, and put `EventsBody.exact` in its place if it fails.
    """

    def __init__(self, body: EventsBody) -> None:
        super().__init__(body.decode_fast())
        self.body = body


def decode_events_fast(body: bytes) -> UncheckedEvents | None:
    """Decode a request body in parts for orjson; ``None`` if it needs `decode`."""
    array = find_events_array(body)
    if array is None:
        return None
    brackets = count_brackets(body)
    places = [slice(array.start + 1, array.stop - 1)]
    if brackets > MAX_UNCHECKED_BRACKETS or len(body) > _MAX_FAST:
        if 2 * brackets + body.count(b",") > MAX_STRUCTURE:
            return None
        places = split_events(body, places[0], _PART)
        for part in map(body.__getitem__, places):
            if len(part) > _MAX_FAST or count_brackets(part) > MAX_UNCHECKED_BRACKETS:
                return None
    try:
        return UncheckedEvents(EventsBody(body, places))
    except (ValueError, RecursionError):
        return None


_PART: Final = 1 << 15
"""Bytes of a long body that are decoded together: enough to make its price small."""


def decode_lines_fast(lines: list[bytes]) -> list[Any] | None:
    """
    Decode lines as `decode` does; ``None`` if one of them needs `decode`. A second
    ``events`` key of an object is not found.
    """
    if max(map(count_brackets, lines)) > MAX_DEPTH:
        return None
    if _has_long_number(b" ".join(lines)):
        return None
    try:
        if _fast:
            return [*map(_fast.loads, lines)]
        return [json.loads(line.decode()) for line in lines]
    except ValueError:
        return None


_MAX_FAST: Final = 1 << 19
"""Bytes that orjson reads: it takes twelve times as much memory while it does."""


def _loads(text: str, **hooks: Any) -> Any:
    try:
        return json.loads(text, **hooks)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of over 4,300 digits
        return json.loads(text, parse_int=_int_or_text, **hooks)


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


def is_json_text(value: Any) -> bool:
    """
    Return whether *value* looks like JSON of an object or array.

    Blanks and a byte order mark may precede it. It may be JSON of such a text, whose
    quotes are escaped.
    """
    return (
        isinstance(value, str)
        and value[:1] in _BEFORE_JSON
        and _BEGINS_JSON.match(value) is not None
    )


_BEFORE_JSON: Final = frozenset('{["\ufeff \t\r\n')
_BEGINS_JSON: Final = re.compile(r'[\ufeff\s]*+(?:"(?:[\\"\s]|u0022)*+)?[{\[]')


def encode(value: dict[str, Any] | list[Any]) -> bytes:
    """
    Return *value* as one line of JSON in UTF-8. Raise `TypeError` if JSON cannot
    express it, `ValueError` for NaN, an infinity, or a lone surrogate.
    """
    if _fast:
        try:
            data: bytes = _fast.dumps(value, option=_LIKE_JSON)
            if not _NULL.search(data):  # orjson writes NaN as null
                return data
        except TypeError:
            pass
    return _write(value).encode()


def encode_text(value: dict[str, Any]) -> str:
    """Return *value* as `encode` does, but as text, which keeps lone surrogates."""
    try:
        return encode(value).decode()
    except UnicodeEncodeError:
        return _write(value)


class RepeatedNames(dict[str, Any]):
    """
    An object of JSON that has a name more than once.

    Its items are all *members*, in order. The value of a name is the last one.
    """

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        super().__init__(members)
        self._members = members

    def items(self) -> Any:
        return self._members

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RepeatedNames) and self._members == other._members


def object_of(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of JSON with *members*."""
    given = dict(members)
    return given if len(given) == len(members) else RepeatedNames(members)


def decode_all(text: str) -> Any:
    """Return the JSON value in *text*, as `decode`, but with all repeated names."""
    data = text.encode("utf-8", "surrogatepass")
    is_ambiguous = not check_limits(data) and may_repeat_events(data)
    return _decode_text(text, is_ambiguous, object_pairs_hook=object_of)


def encode_all(value: Any) -> str:
    """Return *value* as JSON, with repeated names, NaN and infinities."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_NULL: Final = re.compile(b"null")
"""Twice as fast as ``in``."""

_LIKE_JSON: Final = (
    _fast.OPT_PASSTHROUGH_DATACLASS | _fast.OPT_PASSTHROUGH_DATETIME if _fast else None
)


def writer(default: Callable[[Any], Any], *, allow_nan: bool) -> Callable[[Any], str]:
    """
    Return a function that writes values as compact JSON, as ``json`` does.

    *default* converts a value that JSON cannot express.
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
        # `json` sets up its C encoder again for every value; this does so once.
        pieces = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
            None, default, text, None, ":", ",", 0, 0, allow_nan
        )
    except (AttributeError, TypeError):  # not CPython
        return encoder.encode
    return lambda value: "".join(pieces(value, 0))


_write: Final = writer(json.JSONEncoder().default, allow_nan=False)
