"""
The independent judge of what goes to Heap, written from Heap's contract alone.

It shares no code with the part of the library that makes values legal, so that a
mistake there cannot hide here. It judges one object at a time: an element of the
``events`` or ``users`` list of a request. Lengths are UTF-16 code units, the way Heap's
JavaScript counts.

Beyond what Heap itself enforces it refuses what Heap takes silently and nobody can
undo: identities that many people share, and events whose repeat would count twice.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, Literal

__all__ = ["FieldType", "assert_legal", "problems", "utf16_units"]

FieldType = Literal["track", "user_properties", "deletion"]
"""
Which list the object goes into: events to track, users to describe, users to delete.
"""

EVENT_UNITS: Final = 1_024
"""Longest event name. Heap, Track: "limited to 1024 characters"."""

IDENTITY_UNITS: Final = 255
"""
Longest identity. Heap, Track and Add User Properties: "limited to 255 characters".
"""

PROPERTY_UNITS: Final = 1_023
"""Longest property key and value. Heap: "fewer than 1024 characters"."""

KEY_UNITS: Final = 1_023
"""Longest idempotency key that this judge lets pass; Heap names no limit."""

PROPERTY_COUNT: Final = 1_000
"""Most properties of one object that this judge lets pass; Heap names no limit."""

SAFE_INTEGER: Final = 2**53
"""Largest magnitude of an integer that a JavaScript number holds exactly."""

MAX_USER_ID: Final = 2**53 - 1
"""Largest ``user_id`` of Heap's own SDK."""

SHARED_IDENTITIES: Final = frozenset(
    (
        "-1",
        "[object object]",
        "[redacted]",
        "anon",
        "anonymous",
        "anonymous_id",
        "distinct_id",
        "email",
        "external_id",
        "false",
        "guest",
        "id",
        "n/a",
        "nan",
        "nil",
        "none",
        "not_authenticated",
        "null",
        "string",
        "true",
        "undefined",
        "unknown",
        "user",
        "user_id",
    )
)
"""
Texts that many people share, in lower case: Heap would merge all of them, for ever.
"""

_YEARS: Final = range(1970, 2100)

_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:[0-5]\d)",
    re.ASCII,
)

_NUMBER: Final = re.compile(r"0|[1-9]\d{0,15}", re.ASCII)

_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_SHOWN: Final = 60
"""Characters of a key that a path shows."""


def assert_legal(call: object) -> None:
    """
    Fail unless Heap would take *call* and mean by it what we mean.

    Args:
        call: A call with a ``to_dict()``, or the plain object that goes into the
            ``events`` or ``users`` list of a request.

    Raises:
        AssertionError: Every broken rule with its path. Values are never shown.
    """
    __tracebackhide__ = True
    found = problems(call)
    if found:
        raise AssertionError("Heap's contract forbids this call:\n" + "\n".join(found))


def problems(obj: object, kind: FieldType | None = None) -> list[str]:
    """
    List every rule of Heap's contract that *obj* breaks.

    Args:
        obj: As for `assert_legal`.
        kind: What *obj* is. Told from its keys when not given: ``event`` makes it a
            track, ``properties`` user properties, anything else a deletion.

    Returns:
        One text per broken rule, ``path: rule``; empty when *obj* is legal.
    """
    plain = _plain(obj)
    if not isinstance(plain, dict):
        return ["call: should be an object"]

    return [
        *_object_problems(plain, kind or _kind_of(plain)),
        *_encoding_problems(plain),
    ]


def utf16_units(text: str) -> int:
    """Measure *text* the way JavaScript does: characters beyond U+FFFF count twice."""
    return (
        len(text)
        if text.isascii()
        else len(text) + sum(char > "\uffff" for char in text)
    )


def is_timestamp(text: str) -> bool:
    """
    Tell whether *text* is a date and time in ISO 8601 with offset, in a year that
    exists, with at most three fraction digits: Heap answers 400 to more.
    """
    return _TIMESTAMP.fullmatch(text) is not None and _parsed(text) is not None


def is_user_id(text: str) -> bool:
    """Tell whether *text* is a number that Heap's SDK can have given: 0 to 2^53-1."""
    return _NUMBER.fullmatch(text) is not None and int(text) <= MAX_USER_ID


def _plain(obj: object) -> object:
    to_dict = getattr(obj, "to_dict", None)

    return to_dict() if callable(to_dict) else obj


def _kind_of(obj: dict[object, object]) -> FieldType:
    if "event" in obj:
        return "track"

    return "user_properties" if "properties" in obj else "deletion"


def _object_problems(obj: dict[object, object], kind: FieldType) -> Iterator[str]:
    fields = _fields(kind)
    for key in obj:
        if key not in fields:
            yield f"{_shown(key)}: is not a field that Heap knows here"
    for name, check in fields.items():
        if name in obj:
            yield from check(obj[name], name)
    yield from _missing(obj, kind)


_Check = Callable[[object, str], Iterator[str]]


def _fields(kind: FieldType) -> dict[str, _Check]:
    if kind == "user_properties":
        return {"identity": _identity, "properties": _user_properties}
    person: dict[str, _Check] = {"identity": _identity, "user_id": _user_id}
    if kind == "deletion":
        return person

    return {
        **person,
        "event": _event,
        "properties": _properties,
        "timestamp": _timestamp,
        "idempotency_key": _idempotency_key,
        "session_id": _session_id,
    }


def _missing(obj: dict[object, object], kind: FieldType) -> Iterator[str]:
    if ("identity" in obj) + ("user_id" in obj) != 1:
        yield "identity: exactly one of identity and user_id should be present"
    if kind != "deletion" and "properties" not in obj:
        yield "properties: should be present, {} when empty"
    if kind == "track":
        yield from _missing_of_track(obj)


def _missing_of_track(obj: dict[object, object]) -> Iterator[str]:
    if "event" not in obj:
        yield "event: should be present"
    if "timestamp" not in obj:
        yield "timestamp: should be present, Heap would take the time of arrival"
    if "idempotency_key" not in obj:
        yield "idempotency_key: should be present, a repeat would count twice"


def _event(value: object, path: str) -> Iterator[str]:
    yield from _text(value, path, most=EVENT_UNITS)


def _idempotency_key(value: object, path: str) -> Iterator[str]:
    yield from _text(value, path, most=KEY_UNITS)


def _session_id(value: object, path: str) -> Iterator[str]:
    if isinstance(value, int):
        yield from _number(value, path)
    else:
        yield from _text(value, path, most=KEY_UNITS)


def _user_id(value: object, path: str) -> Iterator[str]:
    if not (isinstance(value, str) and is_user_id(value)):
        yield f"{path}: should be the text of a number from 0 to {MAX_USER_ID}"


def _identity(value: object, path: str) -> Iterator[str]:
    yield from _text(value, path, most=IDENTITY_UNITS)
    if isinstance(value, str) and value:
        yield from _identity_text(value, path)


def _identity_text(value: str, path: str) -> Iterator[str]:
    word = value.strip().lower()
    if not word:
        yield f"{path}: should not be blank"
    elif word in SHARED_IDENTITIES or set(word) == {"0"}:
        yield f"{path}: should not be a word that many people share"
    if "{{" in value or "{%" in value:
        yield f"{path}: should not hold unrendered Liquid"
    if any(unicodedata.category(char) == "Cc" for char in value):
        yield f"{path}: should not hold control characters"
    if "\ufffd" in value:
        yield f"{path}: should not hold U+FFFD"


def _timestamp(value: object, path: str) -> Iterator[str]:
    if not (isinstance(value, str) and is_timestamp(value)):
        yield f"{path}: should be ISO 8601 with offset"
        return
    moment = _parsed(value)
    if moment is None or moment.year not in _YEARS:
        yield f"{path}: should lie in the years {_YEARS[0]} to {_YEARS[-1]}, in UTC"


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _user_properties(value: object, path: str) -> Iterator[str]:
    yield from _properties(value, path)
    for key in value if isinstance(value, dict) else ():
        if isinstance(key, str) and (key.lower() == "id" or key == "user_id"):
            yield f"{path}[{_shown(key)}]: is a name that Heap reserves"


def _properties(value: object, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: should be an object, {{}} when empty"
        return
    if len(value) > PROPERTY_COUNT:
        yield f"{path}: should have at most {PROPERTY_COUNT} properties"
    for key, content in value.items():
        at = f"{path}[{_shown(key)}]"
        yield from _text(key, f"{at} (key)", most=PROPERTY_UNITS)
        yield from _property_value(content, at)


def _property_value(value: object, path: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from _text(value, path, most=PROPERTY_UNITS, least=0)
    else:
        yield from _number(value, path)


def _number(value: object, path: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield f"{path}: should be a string or a number"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield f"{path}: should be finite"
    elif abs(value) > SAFE_INTEGER:
        yield f"{path}: should be an integer of at most 2^53 in magnitude"


def _text(value: object, path: str, *, most: int, least: int = 1) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path}: should be a string"
        return
    if len(value) < least:
        yield f"{path}: should not be empty"
    if utf16_units(value) > most:
        yield f"{path}: should be at most {most} UTF-16 units long"
    if "\0" in value:
        yield f"{path}: should not hold NUL"
    if _SURROGATE.search(value):
        yield f"{path}: should not hold a lone surrogate"


def _encoding_problems(obj: dict[object, object]) -> Iterator[str]:
    try:
        json.dumps(obj, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as problem:
        yield f"call: should be encodable as JSON in UTF-8 ({type(problem).__name__})"


def _shown(key: object) -> str:
    if not isinstance(key, str):
        return f"<{type(key).__name__}>"

    return ascii(key if len(key) <= _SHOWN else key[:_SHOWN] + "...")
