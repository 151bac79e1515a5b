"""
Types of Currents fields, and validation of decoded values.

Validation is exact: ``true`` is not a number, ``5`` is not a string. Invalid values are
kept beside the typed fields, never converted.
"""

import math
import struct
from collections.abc import Callable
from types import MappingProxyType, NoneType
from typing import Any, Final

import attrs

from braze_heap._json import decode
from braze_heap._json_limits import UnreadableError
from braze_heap.events._declare import Float32, JsonObject, JsonText

INVALID: Final[Any] = object()
"""Result of validating an invalid value."""


@attrs.frozen
class FieldType:
    """
    A type of field.

    Attributes:
        name: Its name in Braze's documentation.
        validate: Returns the typed value of a decoded value, or `INVALID`.
        is_text: Whether any ``str`` is valid, and nothing else.
    """

    name: str
    validate: Callable[[Any], Any]
    is_text: bool = False


def shortest_float32(value: float) -> float:
    """
    Return the shortest decimal with the same 32-bit value as *value*.

    Avro stores 3.14 in 32 bits, which read 3.140000104904175. A number that is not a
    32-bit number is returned unchanged.
    """
    if not math.isfinite(value) or _to_float32(value) != value:
        return value
    shorter = (float(f"{value:.{digits}g}") for digits in range(6, 18))
    return next(short for short in shorter if _to_float32(short) == value)


def _to_float32(value: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.inf


def _exactly(*classes: type) -> Callable[[Any], Any]:
    return lambda value: value if value.__class__ in classes else INVALID


def _list_of(*classes: type) -> Callable[[Any], Any]:
    def validate(value: Any) -> Any:
        is_valid = value.__class__ is list and all(
            v.__class__ in classes for v in value
        )
        return value if is_valid else INVALID

    return validate


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else INVALID


def _object(value: Any) -> Any:
    if value.__class__ is str:
        try:
            value = decode(value)
        except UnreadableError:
            return INVALID
    return value if value.__class__ is dict else INVALID


FIELD_TYPES: Final = MappingProxyType(
    {
        str: FieldType("string", _text, is_text=True),
        int: FieldType("int", _exactly(int)),
        bool: FieldType("boolean", _exactly(bool)),
        float: FieldType("double", _exactly(int, float)),
        Float32: FieldType("float", _exactly(int, float)),
        list[str]: FieldType("array<string>", _list_of(str)),
        list[str | None]: FieldType("array<string>", _list_of(str, NoneType)),
        JsonText: FieldType("json text", _text, is_text=True),
        JsonObject: FieldType("json object", _object),
    }
)
"""Every type that an event field may be annotated with."""
