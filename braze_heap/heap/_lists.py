"""
Lists of objects, such as the products of an order, as values that Heap accepts.

A value is text of at most 1,023 UTF-16 units, so long lists are truncated. Only whole
elements are omitted. A second property has the number of elements.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal, TypeAlias

import attrs

from braze_heap._text import utf16_length
from braze_heap.heap.calls import MAX_PROPERTIES, MAX_TEXT, Value

Lists: TypeAlias = Literal["json", "columns"]
"""
Form of lists of objects: one JSON text, or for each field of the objects its values
joined by ``||``, which Heap reads as an array.
"""

WriteJson: TypeAlias = Callable[[Any], str]
"""Function that returns a value as compact JSON."""


@attrs.frozen
class RenderedList:
    """
    The properties that a list becomes.

    Attributes:
        properties: Names and values, including the number of elements as
            ``<name>.count``. If a field of the objects has this name too, rename it.
        truncated: Number of values that lack elements because they would be too long.
        replaced: Number of texts in which ``|`` became ``¦``, because it would read as
            the end of an element.
        too_many: Number of columns omitted beyond the first 1,000.
    """

    properties: list[tuple[str, Value]]
    truncated: int = 0
    replaced: int = 0
    too_many: int = 0


def render_list(
    name: str, elements: list[Any], lists: Lists, write: WriteJson
) -> RenderedList:
    """
    Return the properties for a list of objects or lists.

    Elements that are not objects have no columns: such a list is always JSON. The parts
    of a nested object have columns with dotted names; a list in it is JSON.

    Args:
        name: Name of the property.
        elements: Values of JSON, with at least one object or list among them.
        lists: See `Lists`. Heap has no arrays in user properties: pass ``json``.
        write: Writes compact JSON.
    """
    count = (f"{name}.count", len(elements))
    if lists == "json" or not all(type(each) in (dict, _NONE) for each in elements):
        text, omitted = json_within(elements, write)
        return RenderedList([(name, text), count], truncated=bool(omitted))
    columns: dict[str, dict[int, Any]] = {}
    for row, element in enumerate(elements[:_MAX_ROWS]):
        for path, value in _fields(name, element or {}):
            columns.setdefault(path, {})[row] = value
    properties: list[tuple[str, Value]] = [count]
    truncated = replaced = 0
    for path, column in [*columns.items()][:MAX_PROPERTIES]:
        cells = [_cell(column.get(row), write) for row in range(max(column) + 1)]
        shown = [_without_separator(cell) for cell in cells]
        number = number_within(shown, separator=2)
        is_cut = number < len(cells) or len(elements) > _MAX_ROWS
        replaced += cells[:number] != shown[:number]
        truncated += is_cut
        properties.append((path, "||".join(shown[:number])))
    too_many = max(0, len(columns) - MAX_PROPERTIES)
    return RenderedList(properties, truncated, replaced, too_many)


def json_within(
    value: list[Any] | dict[str, Any], write: WriteJson, limit: int = MAX_TEXT
) -> tuple[str, int]:
    """
    Return valid JSON of at most *limit* UTF-16 units, and the number of omissions.

    It has the first elements of a list, or members of an object, that fit as a whole.
    NaN and infinities, which JSON does not have, are texts.
    """
    if isinstance(value, dict):
        parts = (f"{write(str(n))}:{_valid(v, write)}" for n, v in value.items())
        opening, closing = "{}"
    else:
        parts = (_valid(element, write) for element in value)
        opening, closing = "[]"
    fitting: list[str] = []
    room = limit - 1
    for part in parts:
        room -= utf16_length(part) + 1
        if room < 0:
            break
        fitting.append(part)
    return f"{opening}{','.join(fitting)}{closing}", len(value) - len(fitting)


def number_within(texts: Iterable[str], separator: int, limit: int = MAX_TEXT) -> int:
    """
    Return the number of *texts*, from the first, that fit into *limit* UTF-16 units.

    Args:
        texts: The texts to join.
        separator: Length of the text between them.
        limit: The maximum length of the joined text.
    """
    number, length = 0, -separator
    for text in texts:
        length += utf16_length(text) + separator
        if length > limit:
            break
        number += 1
    return number


def not_finite_text(number: float) -> str:
    """Return *number*, an infinity or NaN, as text."""
    return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(number, "NaN")


def _fields(path: str, element: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in element.items():
        if type(value) is dict:
            yield from _fields(f"{path}.{name}", value)
        elif value is not None:
            yield f"{path}.{name}", value


def _cell(value: Any, write: WriteJson) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return value
    text = _valid(value, write)
    return text[1:-1] if text[:1] == '"' else text


def _without_separator(cell: str) -> str:
    is_split = "||" in cell or cell[:1] == "|" or cell[-1:] == "|"
    return cell.replace("|", "\N{BROKEN BAR}") if is_split else cell


def _valid(value: Any, write: WriteJson) -> str:
    text = write(value)
    return write(_finite(value)) if "NaN" in text or "Infinity" in text else text


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return not_finite_text(value)
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list) else value


_NONE: Final = type(None)
_MAX_ROWS: Final = MAX_TEXT // 2 + 2
"""Elements that a column can have: at least their separators must fit."""
