"""
Types of Currents fields, and validation of decoded values.

Validation is exact: ``true`` is not a number, ``5`` is not a string. Invalid values are
kept beside the typed fields, never converted.
"""

import math
import struct
from collections.abc import Callable
from types import MappingProxyType
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
    if not math.isfinite(value) or not _is_float32(value):
        return value
    return next(
        short
        for digits in range(6, 18)
        if _is_same_float32(short := float(f"{value:.{digits}g}"), value)
    )


def _is_float32(value: float) -> bool:
    try:
        return bool(struct.unpack("f", struct.pack("f", value))[0] == value)
    except OverflowError:
        return False


def _is_same_float32(short: float, value: float) -> bool:
    try:
        return struct.pack("f", short) == struct.pack("f", value)
    except OverflowError:
        return False


def _exactly(cls: type) -> Callable[[Any], Any]:
    return lambda value: value if value.__class__ is cls else INVALID


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else INVALID


def _number(value: Any) -> Any:
    return value if value.__class__ in (int, float) else INVALID


def _texts(value: Any) -> Any:
    is_valid = value.__class__ is list and all(v.__class__ is str for v in value)
    return value if is_valid else INVALID


def _nullable_texts(value: Any) -> Any:
    is_valid = value.__class__ is list and all(
        v is None or v.__class__ is str for v in value
    )
    return value if is_valid else INVALID


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
        float: FieldType("double", _number),
        Float32: FieldType("float", _number),
        list[str]: FieldType("array<string>", _texts),
        list[str | None]: FieldType("array<string>", _nullable_texts),
        JsonText: FieldType("json text", _text, is_text=True),
        JsonObject: FieldType("json object", _object),
    }
)
"""Every type that an event field may be annotated with."""
