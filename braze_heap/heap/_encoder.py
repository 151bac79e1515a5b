"""Conversion of names and values to those that are legal for Heap."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from types import NoneType
from typing import Any, Final, Literal, TypeAlias

from braze_heap._json_limits import MAX_FAST_VALUES, within_fast_limits
from braze_heap._text import cut_utf16, utf16_length
from braze_heap.heap._json_values import (
    JSON_TYPES,
    UnsupportedValueError,
    as_json,
    fitting_when_joined,
    json_text,
    json_within,
    name_text,
    not_finite_text,
    to_json_type,
    valid_json,
    with_text_keys,
)
from braze_heap.heap.calls import MAX_INTEGER, MAX_PROPERTIES, MAX_TEXT, Value

Nested: TypeAlias = Literal["flatten", "json", "drop"]
"""Treatment of objects: dotted names, JSON text, or omission."""

Lists: TypeAlias = Literal["json", "columns"]
"""
Form of lists of objects: one JSON text, or for each field of the objects its values
joined by ``||``, which Heap reads as an array. A second property has their number.
"""


class Adjustment(StrEnum):
    """Kind of change that made a value legal. Each change is counted."""

    TRUNCATED = "truncated"
    """A text, a name or a joined list was truncated to 1,023 UTF-16 units."""

    RENAMED = "renamed"
    """A name was empty, reserved by Heap, or used by another property."""

    CHARACTERS = "characters"
    """
    NUL or lone surrogates became U+FFFD, or ``|`` in an element of a list U+00A6.
    """

    NUMBER_AS_TEXT = "number_as_text"
    """An integer beyond 2^53, an infinity or NaN became text."""

    TOO_MANY = "too_many"
    """A property beyond the first 1,000 was omitted."""

    OMITTED = "omitted"
    """
    An object under ``nested="drop"``, null in a list of scalars, or one of two values
    for one cell of a column was omitted.
    """


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
        separators = 2 * len(value) - 2
        try:
            value = "||".join(value)
        except TypeError:
            return None
        if value.count("|") > separators:
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
        self._below: dict[str, _DottedNames] = {}

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

    def below(self, path: str) -> "_DottedNames":
        """Return the names of the values in an object, by key."""
        names = self._below.get(path)
        if names is None:
            names = _DottedNames(path, self)
            if len(self._below) < _MAX_PATHS:
                self._below[path] = names
        return names


class _DottedNames(dict[str, str | None]):
    """Key of an object to its dotted name; ``None`` if the name may not be legal."""

    def __init__(self, path: str, legal: LegalNames) -> None:
        super().__init__()
        self._path = path
        self._legal = legal

    def __missing__(self, key: Any) -> str | None:
        name = f"{self._path}.{key}"
        if type(key) is not str or not self._legal.is_legal(name):
            return None
        if name in self._legal.names:
            self[key] = name
        return name


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
            self.add(legal, name_text(name), given[name])
        return self.limit_count(legal)

    def legalize_in_place(
        self, properties: dict[str, Any], names: Iterable[str]
    ) -> None:
        """
        Make the values under *names* legal in place. The names have to be legal.
        Missing names are ignored, and flattened objects are added after scalars.
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
        reserved = [name for name in given if name in RESERVED_NAMES]
        others = {n: v for n, v in given.items() if n not in RESERVED_NAMES}
        lists, self.lists = self.lists, "json"
        try:
            legal = self.properties(others)
            for name in reserved:
                if given[name] is not None:
                    self.adjustments[Adjustment.RENAMED] += 1
                    self.add(legal, f"braze_{name}", given[name])
        finally:
            self.lists = lists
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
        is_float = number.__class__ is float
        if is_float and math.isfinite(number):
            return number
        self.adjustments[Adjustment.NUMBER_AS_TEXT] += 1
        try:
            return not_finite_text(number) if is_float else self.text(str(number))
        except ValueError:  # over 4,300 digits
            return self.text(hex(int(number)))

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
            raise UnsupportedValueError(kind, name[:100]) from None

    def _add(self, legal: dict[str, Any], name: str, value: Any) -> None:
        value = to_json_type(value)
        if type(value) is list and not JSON_TYPES.issuperset(map(type, value)):
            value = [to_json_type(each) for each in value]
        if type(value) is dict and self.nested == "flatten":
            self._flatten(legal, name, value)
        elif type(value) is dict and self.nested == "drop":
            self._count(Adjustment.OMITTED, bool(value))
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
        for own, part in self._render_list(name, with_text_keys(value)):
            if len(legal) >= MAX_PROPERTIES:
                self.adjustments[Adjustment.TOO_MANY] += 1
            else:
                legal[self.unused_name(own, legal)] = self._scalar(part)

    def _render_list(self, name: str, elements: list[Any]) -> list[tuple[str, Value]]:
        """
        Return the properties that a list of objects or lists becomes.

        Elements that are not objects have no columns: such a list is always JSON. The
        parts of a nested object have columns with dotted names; a list in it is JSON.
        """
        count = (f"{name}.count", len(elements))
        if self.lists == "json" or not _OBJECTS.issuperset(map(type, elements)):
            return [(name, self._json(elements)), count]
        columns: dict[str, dict[int, Any]] = {}
        for row, element in enumerate(elements[:_MAX_ROWS]):
            for path, value in _fields(name, element or {}):
                column = columns.setdefault(path, {})
                self._count(Adjustment.OMITTED, row in column)
                column[row] = value
        properties: list[tuple[str, Value]] = [count]
        for path, column in [*columns.items()][:MAX_PROPERTIES]:
            cells = [_cell(column.get(row)) for row in range(max(column) + 1)]
            is_cut = len(elements) > _MAX_ROWS
            properties.append((path, self._joined(cells, is_cut=is_cut)))
        self._count(Adjustment.TOO_MANY, max(0, len(columns) - MAX_PROPERTIES))
        return properties

    def _joined(self, cells: list[str], *, is_cut: bool) -> str:
        """Return the first *cells*, as many as fit, joined by ``||``."""
        shown = [_without_separator(cell) for cell in cells]
        number = fitting_when_joined(shown)
        self._count(Adjustment.TRUNCATED, is_cut or number < len(cells))
        self._count(Adjustment.CHARACTERS, cells[:number] != shown[:number])
        return "||".join(shown[:number])

    def _json(self, value: list[Any] | dict[str, Any]) -> str:
        text, omitted = json_within(value)
        self._count(Adjustment.TRUNCATED, omitted > 0)
        return text

    def _count(self, adjustment: Adjustment, number: int) -> None:
        if number:
            self.adjustments[adjustment] += number

    def flatten_plain(self, path: str, value: Any) -> dict[str, Value] | None:
        """Return what `add` would add; ``None`` if a change may have to be counted."""
        if type(value) is not dict or self.nested != "flatten":
            return None
        found: dict[str, Value] = {}
        number = self._flatten_plain(found, path, value, levels=20)
        is_simple = number == len(found) <= MAX_FAST_VALUES  # fewer: names collide
        return found if is_simple else None

    def _flatten_plain(
        self, found: dict[str, Value], path: str, value: dict[str, Any], levels: int
    ) -> int:
        """Add the values in *value* to *found*; return their number, -1 if unusual."""
        if not levels or len(value) > MAX_FAST_VALUES:
            return -1
        number, names = 0, self.legal_names.below(path)
        for key, inner in value.items():
            name = names[key]
            if name is None:
                return -1
            if type(inner) is dict:
                below = self._flatten_plain(found, name, inner, levels - 1)
                if below < 0:
                    return -1
                number += below
                continue
            simple = to_simple_value(inner)
            if simple is None:
                if inner is None:
                    continue
                simple = _plain_list(inner) if self.lists == "json" else None
                count = self.legal_names.below(name)["count"]
                if simple is None or count is None:
                    return -1
                found[count] = len(inner)
                number += 1
            found[name] = simple
            number += 1
        return number

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
            name = f"{path}.{key if type(key) is str else name_text(key)}"
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
        if cls is list and (simple := to_simple_value(value)) is not None:
            return simple
        if cls is list and not JSON_TYPES.issuperset(map(type, value)):
            return self._scalar([as_json(v) for v in value])
        if cls is list and value and _CONTAINERS.isdisjoint(map(type, value)):
            scalars = [str(self._scalar(v)) for v in value if v is not None]
            self._count(Adjustment.OMITTED, len(value) - len(scalars))
            return self.text(self._joined(scalars, is_cut=False))
        if cls is dict or cls is list:
            return self.text(self._json(with_text_keys(value)))
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


RESERVED_NAMES: Final = frozenset(("id", "Id", "iD", "ID", "user_id"))
"""Names that Heap reserves among user properties."""


_CONTAINERS: Final = frozenset((dict, list))

_SURELY_SHORT: Final = MAX_TEXT // 2
"""Characters that always fit: none has more than two UTF-16 units."""

_MAX_LEGAL_NAMES: Final = 10_000
_MAX_PATHS: Final = 1_000

_ILLEGAL: Final = re.compile("[\0\ud800-\udfff]")


def _is_list_of_containers(value: Any) -> bool:
    return type(value) is list and not _CONTAINERS.isdisjoint(map(type, value))


def _plain_list(value: Any) -> Value | None:
    """Return a list of objects as text; ``None`` if it is another value, or long."""
    if not _is_list_of_containers(value) or not within_fast_limits(value):
        return None
    return to_simple_value(json_text(value))


def _fields(path: str, element: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in element.items():
        if type(value) is dict:
            yield from _fields(f"{path}.{name}", value)
        elif value is not None:
            yield f"{path}.{name}", value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return value
    text = valid_json(value)
    return text[1:-1] if text[:1] == '"' else text


def _without_separator(cell: str) -> str:
    is_split = "||" in cell or cell[:1] == "|" or cell[-1:] == "|"
    return cell.replace("|", "\N{BROKEN BAR}") if is_split else cell


_OBJECTS: Final = frozenset((dict, NoneType))
_MAX_ROWS: Final = MAX_TEXT // 2 + 2
"""Elements that a column can have: at least their separators must fit."""
