"""
What Heap accepts, and the one place where values are made legal for it.

Limits are those of Heap's server-side API documentation. Lengths count UTF-16 units.
"""

import dataclasses
import datetime as dt
import functools
import hashlib
import itertools
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum, StrEnum
from types import NoneType
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import attrs

from braze_heap._json import encode_text, writer
from braze_heap._json_limits import MAX_FAST_VALUES, within_fast_limits
from braze_heap._text import cut_utf16, utf16_length
from braze_heap.exceptions import BrazeHeapError

__all__ = [
    "MAX_IDENTITY",
    "MAX_INTEGER",
    "MAX_PROPERTIES",
    "MAX_TEXT",
    "AddUserProperties",
    "Adjustment",
    "Call",
    "DeleteUser",
    "Nested",
    "PropertyEncoder",
    "Track",
    "UnsupportedValueError",
    "Value",
    "legal_key",
    "timestamp",
]

MAX_TEXT: Final = 1023
"""Names and values of properties: strings of fewer than 1,024 characters."""

MAX_IDENTITY: Final = 255
"""Longest identity. A longer one is refused: cutting it would merge people."""

MAX_PROPERTIES: Final = 1000
"""Properties of one call. A custom event of Braze has at most 256."""

MAX_INTEGER: Final = 2**53
"""Beyond it, JavaScript cannot tell an integer from its neighbour."""

Value: TypeAlias = str | int | float
"""What Heap takes as the value of a property."""

Nested: TypeAlias = Literal["flatten", "json", "drop"]
"""What becomes of objects: dotted names, JSON text, or nothing."""


class Adjustment(StrEnum):
    """
    How a value was changed to be legal. Each one is counted.
    """

    CUT = "cut"
    """A text, a name or a joined list was longer than Heap takes."""

    RENAMED = "renamed"
    """A name was empty, reserved by Heap, or taken by another property."""

    CHARACTERS = "characters"
    """NUL and lone surrogates became U+FFFD."""

    NUMBER_AS_TEXT = "number_as_text"
    """An integer beyond 2^53, an infinity or NaN became text."""

    TOO_MANY = "too_many"
    """A property beyond the first 1,000 was left out."""


class UnsupportedValueError(BrazeHeapError, TypeError):
    """
    A property has a value that JSON has no form for. The message never quotes it.

    Attributes:
        type_name: Name of the type of the value.
        property_name: Name of the property; "" as long as it is not known.
    """

    def __init__(self, type_name: str, property_name: str = "") -> None:
        super().__init__(type_name, property_name)
        self.type_name = type_name
        self.property_name = property_name

    def __str__(self) -> str:
        where = f"property {self.property_name[:100]!r}" if self.property_name else "it"
        return (
            f"{where} holds a value of the type {self.type_name}, which JSON does not "
            "have: use text, a number, a boolean, a date, a list, a dict, or an "
            "instance of an attrs class or a dataclass"
        )


@attrs.define
class Track:
    """
    An event of one user.

    Attributes:
        event: Its name.
        identity: Who; Heap creates users that it does not know.
        timestamp: When, ISO 8601 with offset, UTC.
        idempotency_key: Heap ignores later calls with the same key.
        properties: Legal names and values.
    """

    event: str
    identity: str = attrs.field(repr=False)
    timestamp: str
    idempotency_key: str
    properties: dict[str, Value] = attrs.field(repr=lambda p: f"<{len(p)} properties>")

    def to_dict(self) -> dict[str, Any]:
        """
        Return the object that goes into the ``events`` of a bulk Track call.
        """
        return {
            "event": self.event,
            "identity": self.identity,
            "timestamp": self.timestamp,
            "idempotency_key": self.idempotency_key,
            "properties": self.properties,
        }

    def to_json(self) -> str:
        """
        Return the same object as one line of JSON.
        """
        return encode_text(self.to_dict())


@attrs.define
class AddUserProperties:
    """
    Facts about one user; the last write wins, whatever its age.

    Attributes:
        identity: Who; Heap creates users that it does not know.
        properties: Legal names and values.
    """

    identity: str = attrs.field(repr=False)
    properties: dict[str, Value] = attrs.field(repr=lambda p: f"<{len(p)} properties>")

    def to_dict(self) -> dict[str, Any]:
        """
        Return the object that goes into the ``users`` of a bulk call.
        """
        return {"identity": self.identity, "properties": self.properties}

    def to_json(self) -> str:
        """
        Return the same object as one line of JSON.
        """
        return encode_text(self.to_dict())


@attrs.define
class DeleteUser:
    """
    The deletion of one user and all their events. There is no way back.

    Attributes:
        identity: Who.
    """

    identity: str = attrs.field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """
        Return the object that goes into the ``users`` of a deletion call.
        """
        return {"identity": self.identity}

    def to_json(self) -> str:
        """
        Return the same object as one line of JSON.
        """
        return encode_text(self.to_dict())


Call: TypeAlias = Track | AddUserProperties | DeleteUser
"""One thing for Heap to do."""


def timestamp(seconds: float) -> str:
    """
    Return UTC epoch *seconds* as Heap writes times: ``2017-03-10T22:21:56+00:00``.
    """
    return second(seconds) if type(seconds) is int else _fraction(seconds)


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


@functools.lru_cache(8192)
def second(seconds: int) -> str:
    """
    Return the `timestamp` of whole *seconds*.
    """
    return _moment(seconds).isoformat()


def _fraction(seconds: float) -> str:
    return _moment(math.floor(seconds * 1000) / 1000).isoformat(timespec="milliseconds")


def legal_key(key: str) -> str:
    """
    Return *key* as an idempotency key: itself, or its SHA-256 where it is unfit.
    """
    if len(key) <= MAX_IDENTITY and key.isascii() and key.isprintable():
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def is_plain(text: str) -> bool:
    """
    Tell whether *text* is legal as it is, and so every part of it.
    """
    if len(text) > MAX_TEXT or "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return len(text) <= _SURELY_SHORT or utf16_length(text) <= MAX_TEXT


def are_plain(texts: Collection[str], joined: str) -> bool:
    """
    Tell whether all of *texts* are surely legal as they are; *joined* is all in one.
    """
    if "\0" in joined:
        return False
    limit = MAX_TEXT
    if not joined.isascii():
        limit = _SURELY_SHORT
        try:
            joined.encode()
        except UnicodeEncodeError:
            return False
    if len(joined) > limit:
        for text in texts:  # half as dear as max() or all()
            if len(text) > limit:
                return False
    return True


def plain_value(value: Any) -> Value | None:
    """
    Return *value* as Heap takes it, if there is nothing odd about it.
    """
    cls = type(value)
    if cls is bool:
        return "true" if value else "false"
    if cls is int or cls is float:
        return value if -MAX_INTEGER <= value <= MAX_INTEGER else None
    if cls is list and value:
        try:
            value = "||".join(value)
        except TypeError:
            return None
    elif cls is not str:
        return None
    is_plain = len(value) <= _SURELY_SHORT and value.isascii() and "\0" not in value
    return value if is_plain else None


def _put_leaves(found: dict[str, Value], path: str, value: dict[str, Any]) -> bool:
    """
    Put what is in *value* into *found* under dotted names; tell whether all is plain.
    """
    if len(value) > MAX_FAST_VALUES:
        return False
    for key, inner in value.items():
        name = f"{path}.{key}"
        cls = type(inner)
        if cls is dict:
            if not _put_leaves(found, name, inner):
                return False
            continue
        told = plain_value(inner)
        if told is None and cls is list and within_fast_limits(inner):
            is_nested = not _CONTAINERS.isdisjoint(map(type, inner))
            told = plain_value(_json_text(inner)) if is_nested else None
        if told is not None and name not in found:
            found[name] = told
        elif inner is not None:
            return False
    return True


class PropertyEncoder:
    """
    Makes names and values legal for Heap, and counts what it had to change.

    Args:
        nested: What becomes of objects.
        plain_names: Names known to be legal, to be shared between legalizers.

    Attributes:
        nested: What becomes of objects.
        adjustments: How often each kind of change was needed.
    """

    def __init__(
        self, nested: Nested = "flatten", plain_names: set[str] | None = None
    ) -> None:
        self.nested = nested
        self.adjustments: Counter[Adjustment] = Counter()
        self._plain_names = set() if plain_names is None else plain_names

    def properties(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """
        Return *given* with names and values that Heap takes.

        Plain values keep their names. Objects and whatever needs another name come
        behind them, under names that are free.

        Raises:
            UnsupportedValueError: JSON has no form for a value, or for a name.
        """
        legal = dict(given)
        odd: list[str] = []
        if not self._plain_names.issuperset(given):
            odd = [name for name in given if not self._is_plain_name(name)]
        for name in odd:
            del legal[name]
        self.settle(legal, [*legal])
        for name in odd:
            self.add(legal, _name_text(name), given[name])
        return self._bounded(legal)

    def settle(self, properties: dict[str, Any], names: Iterable[str]) -> None:
        """
        Make the values under *names* legal where they are; all names are legal.

        What becomes of objects comes behind the plain values. Names that are not there
        do no harm.
        """
        odd = []
        short = _SURELY_SHORT
        for name in names:
            value: Any = properties.get(name)
            cls = type(value)
            if cls is str:
                if len(value) > short or not value.isascii() or "\0" in value:
                    properties[name] = self.text(value)
            elif cls is bool:
                properties[name] = "true" if value else "false"
            elif cls is int or cls is float:
                if not -MAX_INTEGER <= value <= MAX_INTEGER:
                    properties[name] = self._number(value)
            else:
                odd.append(name)
        if odd:
            for name, value in [(name, properties.pop(name, None)) for name in odd]:
                self.add(properties, name, value)

    def _bounded(self, legal: dict[str, Value]) -> dict[str, Value]:
        if len(legal) <= MAX_PROPERTIES:
            return legal
        self.adjustments[Adjustment.TOO_MANY] += len(legal) - MAX_PROPERTIES
        return dict(itertools.islice(legal.items(), MAX_PROPERTIES))

    def user_properties(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """
        Return *given* as properties of a user: some names are Heap's own.
        """
        if _OWN_NAMES.isdisjoint(given):
            return self.properties(given)
        others = {n: v for n, v in given.items() if n not in _OWN_NAMES}
        legal = self.properties(others)
        for name in [n for n in given if n in _OWN_NAMES and given[n] is not None]:
            self.adjustments[Adjustment.RENAMED] += 1
            self.add(legal, f"braze_{name}", given[name])
        return self._bounded(legal)

    def text(self, text: str) -> str:
        """
        Return *text* without what Heap does not take, cut at 1,023 UTF-16 units.
        """
        if len(text) <= _SURELY_SHORT and text.isascii() and "\0" not in text:
            return text
        if _UNFIT.search(text):
            text = _UNFIT.sub("\ufffd", text)
            self.adjustments[Adjustment.CHARACTERS] += 1
        if len(text) > _SURELY_SHORT and utf16_length(text) > MAX_TEXT:
            text = cut_utf16(text, MAX_TEXT)
            self.adjustments[Adjustment.CUT] += 1
        return text

    def _number(self, number: float) -> Value:
        if -MAX_INTEGER <= number <= MAX_INTEGER:
            return number
        if number.__class__ is float and math.isfinite(number):
            return number
        self.adjustments[Adjustment.NUMBER_AS_TEXT] += 1
        return self.text(_number_text(number))

    def add(self, legal: dict[str, Any], name: str, value: Any) -> None:
        """
        Add *value* to what is *legal* already, under *name* or one that is free.

        Raises:
            UnsupportedValueError: JSON has no form for *value*.
        """
        try:
            self._add(legal, name, value)
        except UnsupportedValueError as error:
            if error.property_name:
                raise
            raise UnsupportedValueError(error.type_name, name) from None
        except RecursionError:
            kind = f"{type(value).__name__}, which contains itself or is too deep"
            raise UnsupportedValueError(kind, name[:_MAX_SHOWN]) from None

    def _add(self, legal: dict[str, Any], name: str, value: Any) -> None:
        while type(value) not in _JSON_TYPES:
            value = as_json(value)
        if type(value) is dict and self.nested != "json":
            if self.nested == "flatten":
                self._flatten(legal, name, value)
        elif value is not None and len(legal) >= MAX_PROPERTIES:
            self.adjustments[Adjustment.TOO_MANY] += 1
        elif value is not None:
            is_free = name in self._plain_names and name not in legal
            free = name if is_free else self.free_name(name, legal)
            is_text = type(value) is str
            legal[free] = self.text(value) if is_text else self._scalar(value)

    def leaves(self, path: str, value: Any) -> dict[str, Value] | None:
        """
        Return what `add` would add under *path*, if there is surely nothing odd about
        it and every name in it was legal before.
        """
        if type(value) is not dict or self.nested != "flatten":
            return None
        found: dict[str, Value] = {}
        are_plain = _put_leaves(found, path, value) and len(found) <= MAX_FAST_VALUES
        return found if are_plain and self._plain_names.issuperset(found) else None

    def _flatten(self, legal: dict[str, Any], path: str, value: dict[str, Any]) -> None:
        for key, inner in value.items():
            name = f"{path}.{key if type(key) is str else _name_text(key)}"
            told = plain_value(inner)
            if told is None or name in legal or name not in self._plain_names:
                self.add(legal, name, inner)
            elif len(legal) < MAX_PROPERTIES:
                legal[name] = told
            else:
                self.adjustments[Adjustment.TOO_MANY] += 1

    def _is_plain_name(self, name: str) -> bool:
        if name in self._plain_names:
            return True
        is_plain = (
            type(name) is str
            and 0 < len(name) <= _SURELY_SHORT
            and name.isascii()
            and "\0" not in name
        )
        if is_plain and len(self._plain_names) < _MAX_PLAIN_NAMES:
            self._plain_names.add(name)
        return is_plain

    def _scalar(self, value: Any) -> Value:
        cls = type(value)
        if cls is str:
            return self.text(value)
        if cls is bool:
            return "true" if value else "false"
        if cls is int or cls is float:
            return self._number(value)
        if cls is list and not _JSON_TYPES.issuperset(map(type, value)):
            return self._scalar([as_json(v) for v in value])
        if cls is list and value and _CONTAINERS.isdisjoint(map(type, value)):
            scalars = [str(self._scalar(v)) for v in value if v is not None]
            return self.text("||".join(scalars))
        if cls is dict or cls is list:
            return self.text(_nested_json_text(value))
        return self._scalar(as_json(value))

    def free_name(self, name: str, taken: Mapping[str, Value]) -> str:
        """
        Return *name*, legal, and numbered if it is taken.
        """
        wanted = name if self._is_plain_name(name) else self.text(name)
        if wanted and wanted not in taken:
            return wanted
        self.adjustments[Adjustment.RENAMED] += 1
        start = cut_utf16(wanted, MAX_TEXT - 8)
        first = 2 if wanted else 1
        numbers = itertools.chain(range(first, 10), itertools.count(10 + len(taken)))
        numbered = (f"{start}_{number}" for number in numbers)
        return next(free for free in numbered if free not in taken)


_MAX_SHOWN: Final = 100
"""Characters of a name in a message."""

_OWN_NAMES: Final = frozenset(("id", "Id", "iD", "ID", "user_id"))
"""Names that Heap keeps for itself among the properties of a user."""


def as_json(value: Any) -> Any:
    """
    Return *value* with its outermost part as JSON has it; call it until all is known.

    Mappers return values of any type: attrs classes and dataclasses become objects, an
    enum its value, a scalar of numpy its Python number.

    Raises:
        UnsupportedValueError: JSON has no form for it.
    """
    if type(value) in _JSON_TYPES:
        return value
    if isinstance(value, Enum):
        return value.value
    for cls in (str, int, float):
        if isinstance(value, cls):
            return cls(value)
    if isinstance(value, Decimal):
        number = float(value)
        is_too_large = math.isinf(number) and value.is_finite()
        return str(value) if is_too_large else number
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return _container_as_json(value)


def _container_as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, _BYTES):
        return list(value)
    if attrs.has(type(value)):
        return {a.name: getattr(value, a.name) for a in attrs.fields(type(value))}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if getattr(value, "ndim", None) == 0:  # numpy, which need not be installed
        scalar = value.item()
        if type(scalar) is not type(value):
            return scalar
    raise UnsupportedValueError(type(value).__name__)


def _name_text(name: Any) -> str:
    """
    Return the name of a property, or a key of an object, as text.
    """
    while isinstance(name, Enum):
        name = name.value
    if isinstance(name, str):
        return str(name)
    if type(name) in _JSON_TYPES:
        return str(name)
    raise UnsupportedValueError(f"{type(name).__name__} as a name")


_JSON_TYPES: Final = frozenset((str, int, float, bool, NoneType, dict, list))

_BYTES: Final = (bytes, bytearray, memoryview)

_CONTAINERS: Final = frozenset((dict, list))

_SURELY_SHORT: Final = MAX_TEXT // 2
"""Characters that fit, whatever they are: none takes more than two UTF-16 units."""

_MAX_PLAIN_NAMES: Final = 10_000

_UNFIT: Final = re.compile("[\0\ud800-\udfff]")


def _number_text(number: float) -> str:
    if number.__class__ is float:
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(number, "NaN")
    try:
        return str(number)
    except ValueError:
        return hex(int(number))


def _nested_json_text(value: dict[Any, Any] | list[Any]) -> str:
    try:
        return _json_text(value)
    except UnsupportedValueError:
        raise
    except TypeError:  # only the keys are left to be at fault
        return _json_text(_with_text_keys(value))


def _with_text_keys(value: Any) -> Any:
    while type(value) not in _JSON_TYPES:
        value = as_json(value)
    if type(value) is dict:
        return {_name_text(k): _with_text_keys(v) for k, v in value.items()}
    if type(value) is list:
        return [_with_text_keys(v) for v in value]
    return value


_json_text: Final = writer(as_json, allow_nan=True)
