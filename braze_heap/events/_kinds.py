"""
The types of Currents fields, and which decoded values fit them.

One table of tests, used by every reader. A test is exact: ``true`` is no number, ``5``
is no text. What does not fit is kept beside the typed fields, never converted.
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
"""What a test gives back for a value that does not fit."""


@attrs.frozen
class FieldType:
    """
    A type of field.

    Attributes:
        name: Its name in Braze's documentation.
        fit: Gives a decoded value back as the field holds it, or `INVALID`.
        is_text: Whether all texts fit, and nothing else.
    """

    name: str
    fit: Callable[[Any], Any]
    is_text: bool = False


def shortest_float32(value: float) -> float:
    """
    Return the shortest decimal that stands for the same 32-bit number as *value*.

    Avro keeps 32 bits of 3.14, which reads 3.140000104904175. A number that is no
    32-bit number is given back as it is.
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
    fits = value.__class__ is list and all(v.__class__ is str for v in value)
    return value if fits else INVALID


def _nullable_texts(value: Any) -> Any:
    fits = value.__class__ is list and all(
        v is None or v.__class__ is str for v in value
    )
    return value if fits else INVALID


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
