"""Conversion of names and values to those that are legal for Heap."""

import dataclasses
import datetime as dt
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

from braze_heap._json import writer
from braze_heap._json_limits import MAX_FAST_VALUES, within_fast_limits
from braze_heap._text import cut_utf16, utf16_length
from braze_heap.exceptions import BrazeHeapError
from braze_heap.heap._lists import (
    Lists,
    json_within,
    not_finite_text,
    number_within,
    render_list,
)
from braze_heap.heap.calls import MAX_INTEGER, MAX_PROPERTIES, MAX_TEXT, Value

Nested: TypeAlias = Literal["flatten", "json", "drop"]
"""Treatment of objects: dotted names, JSON text, or omission."""


class Adjustment(StrEnum):
    """Kind of change that made a value legal. Each change is counted."""

    TRUNCATED = "truncated"
    """A text, a name or a joined list was truncated to 1,023 UTF-16 units."""

    RENAMED = "renamed"
    """A name was empty, reserved by Heap, or used by another property."""

    CHARACTERS = "characters"
    """NUL or lone surrogates became U+FFFD."""

    NUMBER_AS_TEXT = "number_as_text"
    """An integer beyond 2^53, an infinity or NaN became text."""

    TOO_MANY = "too_many"
    """A property beyond the first 1,000 was omitted."""


class UnsupportedValueError(BrazeHeapError, TypeError):
    """
    JSON cannot represent the value of a property. The message does not quote it.

    Attributes:
        type_name: Type of the value.
        property_name: Name of the property; "" if it is not known yet.
    """

    def __init__(self, type_name: str, property_name: str = "") -> None:
        super().__init__(type_name, property_name)
        self.type_name = type_name
        self.property_name = property_name

    def __str__(self) -> str:
        where = f"property {self.property_name[:100]!r}" if self.property_name else "it"
        return (
            f"{where} has a value of the type {self.type_name}, which JSON cannot "
            "represent: use text, a number, a boolean, a date, a list, a dict, or an "
            "instance of an attrs class or a dataclass"
        )


def is_legal_text(text: str) -> bool:
    """Return whether *text*, and thus every part of it, is legal."""
    if len(text) > MAX_TEXT or "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return len(text) <= _SURELY_SHORT or utf16_length(text) <= MAX_TEXT


def are_legal_texts(texts: Collection[str], joined: str) -> bool:
    """Return whether all *texts*, concatenated in *joined*, are surely legal."""
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
        for text in texts:  # takes half the time of max() or all()
            if len(text) > limit:
                return False
    return True


def to_simple_value(value: Any) -> Value | None:
    """Convert *value*; return ``None`` if that may be an `Adjustment` to count."""
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
    if len(value) > _SURELY_SHORT:
        return None
    if value.isascii():
        return None if "\0" in value else value
    return None if _ILLEGAL.search(value) else value


class LegalNames:
    """Property names that are known to be legal. Shared by encoders, and bounded."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._paths: dict[str, _PathNames] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return LegalNames, ()

    def is_legal(self, name: Any) -> bool:
        """Return whether *name* is legal as it is."""
        if name in self.names:
            return True
        is_legal = type(name) is str and name != "" and to_simple_value(name) == name
        if is_legal and len(self.names) < _MAX_LEGAL_NAMES:
            self.names.add(name)
        return is_legal

    def below(self, path: str) -> "_PathNames":
        """Return the dotted names below *path*, by key."""
        try:
            return self._paths[path]
        except KeyError:
            names = _PathNames(path, 0, self)
            if len(self._paths) < _MAX_PATHS:
                self._paths[path] = names
            return names


class _PathNames(dict[str, str | None]):
    """Key of an object to its dotted name; ``None`` if the name may not be legal."""

    def __init__(self, path: str, depth: int, legal: LegalNames) -> None:
        super().__init__()
        self._path = path
        self._depth = depth
        self._legal = legal
        self._below: dict[str, _PathNames] = {}

    def __missing__(self, key: Any) -> str | None:
        if type(key) is not str:
            return None
        name = f"{self._path}.{key}"
        if not self._legal.is_legal(name):
            return None
        if name in self._legal.names:
            self[key] = name
        return name

    def below(self, key: str) -> "_PathNames | None":
        """Return the names one level down; ``None`` beyond a depth of 20."""
        try:
            return self._below[key]
        except KeyError:
            if self._depth >= _MAX_DEPTH or type(key) is not str:
                return None
            names = _PathNames(f"{self._path}.{key}", self._depth + 1, self._legal)
            if len(self._below) < _MAX_PATHS:
                self._below[key] = names
            return names


def _flatten_into(
    found: dict[str, Value], names: _PathNames, value: dict[str, Any]
) -> int:
    """
    Add the values in *value* to *found*, under *names*.

    Return their number; -1 if a change may have to be counted.
    """
    if len(value) > MAX_FAST_VALUES:
        return -1
    count = 0
    for key, inner in value.items():
        cls = type(inner)
        if cls is dict:
            inner_names = names.below(key)
            number = (
                -1 if inner_names is None else _flatten_into(found, inner_names, inner)
            )
            if number < 0:
                return -1
            count += number
            continue
        simple = to_simple_value(inner)
        if simple is None:
            if inner is None:
                continue
            if cls is not list or not within_fast_limits(inner):
                return -1
            is_nested = not _CONTAINERS.isdisjoint(map(type, inner))
            simple = to_simple_value(_json_text(inner)) if is_nested else None
            inner_names = names.below(key)
            of_count = inner_names["count"] if inner_names is not None else None
            if simple is None or of_count is None:
                return -1
            found[of_count] = len(inner)
            count += 1
        name = names[key]
        if name is None:
            return -1
        found[name] = simple
        count += 1
    return count


class PropertyEncoder:
    """
    Make names and values legal for Heap, and count the changes.

    Attributes:
        nested: Treatment of objects.
        lists: Form of lists of objects.
        adjustments: Number of changes of each kind.
        legal_names: Names known to be legal. Encoders may share and extend it.
    """

    def __init__(self, nested: Nested = "flatten", lists: Lists = "json") -> None:
        self.nested = nested
        self.lists: Lists = lists
        self.adjustments: Counter[Adjustment] = Counter()
        self.legal_names: LegalNames = LegalNames()

    def properties(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """
        Return *given* with legal names and values.

        Scalars keep their names. Flattened objects, and values that need another name,
        are added after them, under unused names.

        Raises:
            UnsupportedValueError: JSON cannot represent a value or a name.
        """
        legal = dict(given)
        illegal: list[str] = []
        if not self.legal_names.names.issuperset(given):
            illegal = [name for name in given if not self.legal_names.is_legal(name)]
        for name in illegal:
            del legal[name]
        self.legalize_in_place(legal, [*legal])
        for name in illegal:
            self.add(legal, _name_text(name), given[name])
        return self.limit_count(legal)

    def legalize_in_place(
        self, properties: dict[str, Any], names: Iterable[str]
    ) -> None:
        """
        Make the values under *names* legal, in place. All names must be legal.

        Flattened objects are added after scalars. Missing names are ignored.
        """
        others = []
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
                others.append(name)
        if others:
            # all are removed first, so that no flattened object uses their names
            for name, value in [(name, properties.pop(name, None)) for name in others]:
                self.add(properties, name, value)

    def limit_count(self, legal: dict[str, Value]) -> dict[str, Value]:
        """Return the first 1,000 of the properties *legal*, and count the others."""
        if len(legal) <= MAX_PROPERTIES:
            return legal
        self.adjustments[Adjustment.TOO_MANY] += len(legal) - MAX_PROPERTIES
        return dict(itertools.islice(legal.items(), MAX_PROPERTIES))

    def user_properties(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """
        Return *given* as user properties.

        Names reserved by Heap are prefixed, and lists of objects are JSON text.
        """
        lists, self.lists = self.lists, "json"
        try:
            return self._user_properties(given)
        finally:
            self.lists = lists

    def _user_properties(self, given: Mapping[str, Any]) -> dict[str, Value]:
        if _RESERVED_NAMES.isdisjoint(given):
            return self.properties(given)
        others = {n: v for n, v in given.items() if n not in _RESERVED_NAMES}
        legal = self.properties(others)
        for name in [n for n in given if n in _RESERVED_NAMES and given[n] is not None]:
            self.adjustments[Adjustment.RENAMED] += 1
            self.add(legal, f"braze_{name}", given[name])
        return self.limit_count(legal)

    def text(self, text: str) -> str:
        """Return *text* without illegal characters, truncated to 1,023 UTF-16 units."""
        if len(text) <= _SURELY_SHORT and text.isascii() and "\0" not in text:
            return text
        if _ILLEGAL.search(text):
            text = _ILLEGAL.sub("\ufffd", text)
            self.adjustments[Adjustment.CHARACTERS] += 1
        if len(text) > _SURELY_SHORT and utf16_length(text) > MAX_TEXT:
            text = cut_utf16(text, MAX_TEXT)
            self.adjustments[Adjustment.TRUNCATED] += 1
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
        Add *value*, made legal, to *legal* under *name* or an unused name.

        Raises:
            UnsupportedValueError: JSON cannot represent *value*.
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
        value = _to_json_type(value)
        if type(value) is list and not _JSON_TYPES.issuperset(map(type, value)):
            value = [_to_json_type(each) for each in value]
        if type(value) is dict and self.nested != "json":
            if self.nested == "flatten":
                self._flatten(legal, name, value)
        elif _is_list_of_containers(value):
            self._add_list(legal, name, value)
        elif value is not None and len(legal) >= MAX_PROPERTIES:
            self.adjustments[Adjustment.TOO_MANY] += 1
        elif value is not None:
            is_unused = name in self.legal_names.names and name not in legal
            unused = name if is_unused else self.unused_name(name, legal)
            is_text = type(value) is str
            legal[unused] = self.text(value) if is_text else self._scalar(value)

    def _add_list(self, legal: dict[str, Any], name: str, value: list[Any]) -> None:
        elements = _with_text_keys(value)
        rendered = render_list(name, elements, self.lists, _json_text)
        for own, part in rendered.properties:
            if len(legal) >= MAX_PROPERTIES:
                self.adjustments[Adjustment.TOO_MANY] += 1
            else:
                legal[self.unused_name(own, legal)] = self._scalar(part)
        self._count(Adjustment.TRUNCATED, rendered.truncated)
        self._count(Adjustment.CHARACTERS, rendered.replaced)
        self._count(Adjustment.TOO_MANY, rendered.too_many)

    def _count(self, adjustment: Adjustment, number: int) -> None:
        if number:
            self.adjustments[adjustment] += number

    def flatten_plain(self, path: str, value: Any) -> dict[str, Value] | None:
        """
        Return the properties that `add` would add under *path*.

        Return ``None`` if a change may have to be counted.
        """
        if type(value) is not dict or self.nested != "flatten":
            return None
        if self.lists != "json" and _has_list_of_containers(value):
            return None
        found: dict[str, Value] = {}
        count = _flatten_into(found, self.legal_names.below(path), value)
        is_simple = count == len(found) <= MAX_FAST_VALUES  # fewer: names collide
        return found if is_simple else None

    def add_object(
        self,
        legal: dict[str, Any],
        name: str,
        value: Any,
        flat: dict[str, Value] | None,
    ) -> None:
        """Add *value*; *flat* is what `flatten_plain` returned for it."""
        if flat and legal.keys().isdisjoint(flat):
            legal |= flat
        else:
            self.add(legal, name, value)

    def _flatten(self, legal: dict[str, Any], path: str, value: dict[str, Any]) -> None:
        for key, inner in value.items():
            name = f"{path}.{key if type(key) is str else _name_text(key)}"
            simple = to_simple_value(inner)
            if simple is None or name in legal or name not in self.legal_names.names:
                self.add(legal, name, inner)
            elif len(legal) < MAX_PROPERTIES:
                legal[name] = simple
            else:
                self.adjustments[Adjustment.TOO_MANY] += 1

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
            number = number_within(scalars, separator=2)
            self._count(Adjustment.TRUNCATED, number < len(scalars))
            return self.text("||".join(scalars[:number]))
        if cls is dict or cls is list:
            text, omitted = json_within(_with_text_keys(value), _json_text)
            self._count(Adjustment.TRUNCATED, bool(omitted))
            return self.text(text)
        return self._scalar(as_json(value))

    def unused_name(self, name: str, used: Mapping[str, Value]) -> str:
        """Return *name* made legal, with a number appended if it is used."""
        wanted = name if self.legal_names.is_legal(name) else self.text(name)
        if wanted and wanted not in used:
            return wanted
        self.adjustments[Adjustment.RENAMED] += 1
        start = cut_utf16(wanted, MAX_TEXT - 8)
        first = 2 if wanted else 1
        # counting from 2 would take quadratic time for thousands of equal names
        numbers = itertools.chain(range(first, 10), itertools.count(10 + len(used)))
        numbered = (f"{start}_{number}" for number in numbers)
        return next(unused for unused in numbered if unused not in used)


_MAX_SHOWN: Final = 100
"""Maximum number of characters of a name in a message."""

_RESERVED_NAMES: Final = frozenset(("id", "Id", "iD", "ID", "user_id"))
"""Names that Heap reserves among user properties."""


def as_json(value: Any) -> Any:
    """
    Convert the outermost layer of *value* towards a JSON type; repeat until it is one.

    Mappers return values of any type. Instances of attrs classes and dataclasses become
    objects, an enum its value, a scalar of numpy its Python number.

    Raises:
        UnsupportedValueError: JSON cannot represent *value*.
    """
    if type(value) in _JSON_TYPES:
        return value
    if isinstance(value, Enum):
        return value.value
    for base, to_scalar in _TO_SCALARS.items():
        if isinstance(value, base):
            return to_scalar(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, _BYTES):
        return list(value)
    if attrs.has(type(value)):
        return {a.name: getattr(value, a.name) for a in attrs.fields(type(value))}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if getattr(value, "ndim", None) == 0:  # numpy, without importing it
        scalar = value.item()
        if type(scalar) is not type(value):
            return scalar
    raise UnsupportedValueError(type(value).__name__)


def _to_json_type(value: Any) -> Any:
    while type(value) not in _JSON_TYPES:
        value = as_json(value)
    return value


def _name_text(name: Any) -> str:
    """Return a property name, or a key of an object, as text."""
    while isinstance(name, Enum):
        name = name.value
    if isinstance(name, str) or type(name) in _JSON_TYPES:
        return str(name)
    raise UnsupportedValueError(f"{type(name).__name__} as a name")


_JSON_TYPES: Final = frozenset((str, int, float, bool, NoneType, dict, list))


def _decimal_to_scalar(value: Decimal) -> float | str:
    number = float(value)
    is_too_large = math.isinf(number) and value.is_finite()
    return str(value) if is_too_large else number


_TO_SCALARS: Final[Mapping[type, Any]] = {
    str: str,
    int: int,
    float: float,
    Decimal: _decimal_to_scalar,
    UUID: str,
}

_BYTES: Final = (bytes, bytearray, memoryview)

_CONTAINERS: Final = frozenset((dict, list))

_SURELY_SHORT: Final = MAX_TEXT // 2
"""Characters that always fit: none has more than two UTF-16 units."""

_MAX_LEGAL_NAMES: Final = 10_000
_MAX_PATHS: Final = 1_000
_MAX_DEPTH: Final = 20
"""Levels of an object that are flattened without a full check."""

_ILLEGAL: Final = re.compile("[\0\ud800-\udfff]")


def _number_text(number: float) -> str:
    if number.__class__ is float:
        return not_finite_text(number)
    try:
        return str(number)
    except ValueError:
        return hex(int(number))


def _is_list_of_containers(value: Any) -> bool:
    return type(value) is list and not _CONTAINERS.isdisjoint(map(type, value))


def _has_list_of_containers(value: dict[str, Any]) -> bool:
    return any(
        _is_list_of_containers(inner)
        or (type(inner) is dict and _has_list_of_containers(inner))
        for inner in value.values()
    )


def _with_text_keys(value: Any) -> Any:
    value = _to_json_type(value)
    if type(value) is dict:
        return {_name_text(k): _with_text_keys(v) for k, v in value.items()}
    if type(value) is list:
        return [_with_text_keys(v) for v in value]
    return value


_json_text: Final = writer(as_json, allow_nan=True)
