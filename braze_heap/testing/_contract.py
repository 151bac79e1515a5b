"""
Heap's contract for one item of a request, written only from Heap's documentation.

It shares no code with the part of the library that makes values legal, so that a
mistake there cannot hide here. Lengths are UTF-16 code units, as in Heap's JavaScript.

`rejections` are problems that Heap itself rejects, in its words. `assert_legal` adds
those that Heap accepts silently and that cannot be undone: identities that many people
share, and events that would count twice.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

ItemKind: TypeAlias = Literal["event", "user", "deletion"]
"""An event, the properties of a user, or a user to delete."""

# The largest legal lengths, numbers and counts, with their source.
EVENT_UNITS: Final = 1_024  # Heap, Track: "limited to 1024 characters"
IDENTITY_UNITS: Final = 255  # Heap, Track and Add User Properties: "limited to 255"
PROPERTY_UNITS: Final = 1_023  # name and value; Heap: "fewer than 1024 characters"
KEY_UNITS: Final = 1_023  # idempotency key and session id; Heap documents no limit
PROPERTY_COUNT: Final = 1_000  # properties of one item; Heap documents no limit
SAFE_INTEGER: Final = 2**53  # the magnitude that a JavaScript number stores exactly
MAX_USER_ID: Final = 2**53 - 1  # ``user_id`` of Heap's own SDK

SHARED_IDENTITIES: Final = frozenset(
    "-1 [redacted] anon anonymous anonymous_id distinct_id email external_id false"
    " guest id n/a nan nil none not_authenticated null string true undefined unknown"
    " user user_id".split()
) | {"[object object]"}
"""Texts in lower case that many people share. Heap would merge these people forever."""

_YEARS: Final = range(1970, 2100)

_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:[0-5]\d)",
    re.ASCII,
)
"""At most three digits of a second, because Heap answers 400 to more."""

_NUMBER: Final = re.compile(r"0|[1-9]\d{0,15}", re.ASCII)

_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_MAX_SHOWN: Final = 60  # Characters of a property name in a path

_FIELDS: Final = MappingProxyType(
    {
        "event": (
            "event identity user_id properties timestamp idempotency_key session_id"
        ).split(),
        "user": ("identity", "properties"),
        "deletion": ("identity", "user_id"),
    }
)

_REQUIRED: Final = MappingProxyType(
    {"event": ("event",), "user": ("identity", "properties"), "deletion": ()}
)

_TEXTS: Final = MappingProxyType(
    {
        "event": EVENT_UNITS,
        "identity": IDENTITY_UNITS,
        "user_id": None,
        "timestamp": None,
        "idempotency_key": None,
    }
)
"""Fields that are text, with their maximum length, in the order of Heap's messages."""

_ADVISABLE: Final = MappingProxyType(
    {
        "properties": "{} if it is empty",
        "timestamp": "or Heap uses the time of arrival",
        "idempotency_key": "or a repeat counts twice",
    }
)
"""Fields of an event that Heap does not require, and why a legal event has them."""


def assert_legal(call: object) -> None:
    """
    Raise unless Heap accepts *call*, and stores what it means.

    Args:
        call: A call with a ``to_dict()``, or the object that goes into the ``events``
            or ``users`` list of a request.

    Raises:
        AssertionError: Lists every violation with its path. It never shows values.
    """
    __tracebackhide__ = True
    if found := problems(call):
        raise AssertionError("Heap's contract forbids this call:\n" + "\n".join(found))


def problems(obj: object) -> list[str]:
    """Return every violation that `assert_legal` finds in *obj*."""
    to_dict = getattr(obj, "to_dict", None)
    item = to_dict() if callable(to_dict) else obj
    if not isinstance(item, dict):
        return ["call should be object"]
    kind: ItemKind = "user" if "properties" in item else "deletion"
    if "event" in item or "timestamp" in item or "idempotency_key" in item:
        kind = "event"
    return [
        *rejections(item, kind, "call"),
        *_hazards(item, kind, "call"),
        *_encoding_problems(item),
    ]


def utf16_units(text: str) -> int:
    """Return the length in JavaScript: characters beyond U+FFFF count twice."""
    if text.isascii():
        return len(text)
    return len(text) + sum(char > "\uffff" for char in text)


def rejections(item: object, kind: ItemKind, path: str) -> Iterator[str]:
    """Yield the reasons for which Heap rejects *item*, with paths below *path*."""
    if not isinstance(item, dict):
        yield f"{path} should be object"
        return
    if unknown := [_shown(key) for key in item if key not in _FIELDS[kind]]:
        names = ", ".join(unknown)
        yield f"{path} should NOT have additional properties: {names}"
    for name in _REQUIRED[kind]:
        if name not in item:
            yield f"{path} should have required property '{name}'"
    for name, most in _TEXTS.items():
        if name in item:
            yield from text_problems(item[name], f"{path}.{name}", most)
    if kind != "user" and ("identity" in item) == ("user_id" in item):
        yield f"{path} should match exactly one schema in oneOf: identity or user_id"
    number = _NUMBER.fullmatch(str(item.get("user_id", "0")))
    if not number or int(number[0]) > MAX_USER_ID:
        yield f'{path}.user_id should match pattern "^[0-9]+$"'
    if isinstance(item.get("timestamp"), str) and not _moment(item["timestamp"]):
        yield f'{path}.timestamp should match format "date-time"'
    session_id = item.get("session_id", 0)
    if not isinstance(session_id, str) and not _is_number(session_id):
        yield f"{path}.session_id should be number,string"
    if "properties" in item:
        yield from _properties(item["properties"], kind, f"{path}.properties")


def _moment(text: str) -> datetime | None:
    if not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _properties(value: object, kind: ItemKind, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} should be object"
        return
    for key, content in value.items():
        is_valid = isinstance(key, str) and 0 < utf16_units(key) <= PROPERTY_UNITS
        is_reserved = kind == "user" and (key == "user_id" or str(key).lower() == "id")
        if not is_valid or is_reserved:
            yield f"{path} property name {_shown(key)} is invalid"
        if isinstance(content, str):
            if utf16_units(content) > PROPERTY_UNITS:
                yield from text_problems(content, _at(path, key), PROPERTY_UNITS)
        elif not _is_number(content):
            yield from _items(content, kind, _at(path, key))


def _items(value: object, kind: ItemKind, path: str) -> Iterator[str]:
    if kind == "user":
        yield f"{path} should be number,string"
    elif not isinstance(value, list):
        yield f"{path} should be array,number,string"
    else:
        for index, item in enumerate(value):
            if not isinstance(item, str) and not _is_number(item):
                yield f"{path}[{index}] should be number,string"


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def text_problems(
    value: object, path: str, most: int | None = None, least: int = 1
) -> Iterator[str]:
    """Yield the reasons for which *value* is not a text of a legal length."""
    if not isinstance(value, str):
        yield f"{path} should be string"
    elif len(value) < least:
        yield f"{path} should NOT be shorter than {least} characters"
    elif most is not None and utf16_units(value) > most:
        yield f"{path} should NOT be longer than {most} characters"


def _hazards(item: dict[Any, Any], kind: ItemKind, path: str) -> Iterator[str]:
    """Yield problems that Heap accepts, but that lose or mix up data there."""
    if kind == "event":
        for name, reason in _ADVISABLE.items():
            if name not in item:
                yield f"{path} should have the property '{name}', {reason}"
    if isinstance(item.get("identity"), str):
        yield from _identity_hazards(item["identity"], f"{path}.identity")
    moment = _moment(str(item.get("timestamp")))
    if moment and moment.year not in _YEARS:
        years = f"{_YEARS[0]} to {_YEARS[-1]}"
        yield f"{path}.timestamp should be in the years {years}, in UTC"
    for name in ("idempotency_key", "session_id"):
        text = str(item.get(name))
        yield from text_problems(text, f"{path}.{name}", KEY_UNITS, least=0)
    for name, value in item.items():
        if name != "properties":
            yield from _text_hazards(value, _at(path, name))
    if isinstance(item.get("properties"), dict):
        yield from _property_hazards(item["properties"], f"{path}.properties")


def _identity_hazards(value: str, path: str) -> Iterator[str]:
    word = value.strip().lower()
    if value and not word:
        yield f"{path} should not be blank"
    elif word in SHARED_IDENTITIES or set(word) == {"0"}:
        yield f"{path} should not be a word that many people share"
    if "{{" in value or "{%" in value:
        yield f"{path} should not contain unrendered Liquid"
    if any(unicodedata.category(char) == "Cc" for char in value):
        yield f"{path} should not contain control characters"
    if "\ufffd" in value:
        yield f"{path} should not contain U+FFFD"


def _property_hazards(properties: dict[Any, Any], path: str) -> Iterator[str]:
    if len(properties) > PROPERTY_COUNT:
        yield f"{path} should NOT have more than {PROPERTY_COUNT} properties"
    for key, value in properties.items():
        at = _at(path, key)
        yield from _text_hazards(key, f"{at} (name)")
        yield from _text_hazards(value, at)
        if isinstance(value, list):
            yield f"{at} should be number,string"
        if isinstance(value, int) and abs(value) > SAFE_INTEGER:
            yield f"{at} should be an integer of at most 2^53 in magnitude"


def _text_hazards(value: object, path: str) -> Iterator[str]:
    if isinstance(value, str) and "\0" in value:
        yield f"{path} should not contain NUL"
    if isinstance(value, str) and _SURROGATE.search(value):
        yield f"{path} should not contain a lone surrogate"


def _encoding_problems(item: dict[Any, Any]) -> Iterator[str]:
    try:
        json.dumps(item, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        yield f"call should be encodable as JSON in UTF-8 ({type(error).__name__})"


def _at(path: str, key: object) -> str:
    is_plain = isinstance(key, str) and key.isidentifier() and len(key) <= _MAX_SHOWN
    return f"{path}.{key}" if is_plain else f"{path}[{_shown(key)}]"


def _shown(key: object) -> str:
    if not isinstance(key, str):
        return f"<{type(key).__name__}>"
    return ascii(key if len(key) <= _MAX_SHOWN else f"{key[:_MAX_SHOWN]}...")
