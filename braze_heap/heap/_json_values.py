"""
Values of any type as JSON, and as JSON text of a limited length.

Heap accepts at most 1,023 UTF-16 units, so long lists are truncated. Only whole
elements are omitted.
"""

import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Final
from uuid import UUID

import attrs

from braze_heap._json import writer
from braze_heap._text import utf16_length
from braze_heap.exceptions import BrazeHeapError
from braze_heap.heap.calls import MAX_TEXT


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


def as_json(value: Any) -> Any:
    """
    Convert the outermost layer of *value* towards a JSON type; repeat until it is one.

    Instances of attrs classes and dataclasses become objects, an enum its value, a
    scalar of numpy its Python number. Others raise `UnsupportedValueError`.
    """
    if type(value) in JSON_TYPES:
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


def to_json_type(value: Any) -> Any:
    while type(value) not in JSON_TYPES:
        value = as_json(value)
    return value


def name_text(name: Any) -> str:
    """Return a property name, or a key of an object, as text."""
    while isinstance(name, Enum):
        name = name.value
    if isinstance(name, str) or type(name) in JSON_TYPES:
        return str(name)
    raise UnsupportedValueError(f"{type(name).__name__} as a name")


def with_text_keys(value: Any) -> Any:
    value = to_json_type(value)
    if type(value) is dict:
        return {name_text(k): with_text_keys(v) for k, v in value.items()}
    if type(value) is list:
        return [with_text_keys(v) for v in value]
    return value


JSON_TYPES: Final = frozenset((str, int, float, bool, NoneType, dict, list))


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

json_text: Final = writer(as_json, allow_nan=True)


def json_within(
    value: list[Any] | dict[str, Any], limit: int = MAX_TEXT
) -> tuple[str, int]:
    """
    Return valid JSON of at most *limit* UTF-16 units, and the number of omissions.

    It has the first elements of a list, or members of an object, that fit as a whole.
    NaN and infinities, which JSON does not have, are texts.
    """
    if isinstance(value, dict):
        parts = (f"{json_text(str(n))}:{valid_json(v)}" for n, v in value.items())
        opening, closing = "{}"
    else:
        parts = (valid_json(element) for element in value)
        opening, closing = "[]"
    fitting: list[str] = []
    room = limit - 1
    for part in parts:
        room -= utf16_length(part) + 1
        if room < 0:
            break
        fitting.append(part)
    return f"{opening}{','.join(fitting)}{closing}", len(value) - len(fitting)


def fitting_when_joined(texts: Iterable[str]) -> int:
    """Return the number of *texts*, from the first, that fit, joined by ``||``."""
    number, length = 0, -2
    for text in texts:
        length += utf16_length(text) + 2
        if length > MAX_TEXT:
            break
        number += 1
    return number


def not_finite_text(number: float) -> str:
    """Return *number*, an infinity or NaN, as text."""
    return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(number, "NaN")


def valid_json(value: Any) -> str:
    """Return *value* as JSON, with texts for NaN and infinities."""
    text = json_text(value)
    return json_text(_finite(value)) if "NaN" in text or "Infinity" in text else text


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return not_finite_text(value)
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list) else value
