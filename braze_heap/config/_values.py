"""Values of a configuration file or a variable, as the type of their option."""

import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from braze_heap._options import is_list
from braze_heap._text import did_you_mean, json_kind
from braze_heap.exceptions import BrazeHeapError

_KINDS: typing.Final[Mapping[Any, tuple[type | types.UnionType, str]]] = {
    str: (str, "text in quotes"),
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
    str | int | float: (str | int | float, "text, a number, true or false"),
}
"""Type of an option to the types of its values, and their name."""


class ConfigError(BrazeHeapError, ValueError):
    """A configuration that cannot be used. The text names each error with its place."""


def convert(kind: Any, value: Any, place: str) -> Any:
    """
    Return *value*, as TOML, JSON or a variable holds it, as the type *kind*, or raise a
    `ConfigError`. One text stands for a list of one. Each list becomes a tuple.
    """
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if is_list(kind):
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list | tuple):
            raise _mismatch(place, "a list of texts", value)
        if "" in values:
            raise ConfigError(f"{place} contains an empty text")
        inner = args[0] if typing.get_origin(args[0]) is Literal else str
        return tuple(convert(inner, v, f"{place}[{n}]") for n, v in enumerate(values))
    if origin is Mapping:
        if not isinstance(value, dict):
            raise _mismatch(place, "a table", value)
        return {key: convert(args[1], v, f"{place}.{key}") for key, v in value.items()}
    if origin is Literal:
        if value in args and isinstance(value, str):
            return value
        hint = did_you_mean(str(value), args)
        listed = ", ".join(args)
        raise ConfigError(f"{place} must be one of {listed}, not {value!r}.{hint}")
    if type(None) in args:
        kind = next(each for each in args if each is not type(None))
        return convert(kind, value, place)
    accepted, name = _KINDS[kind]
    is_switch = isinstance(value, bool) and kind in (int, float)
    if is_switch or not isinstance(value, accepted):
        raise _mismatch(place, name, value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{place} must be a finite number, not {value}")
    return value


def _mismatch(place: str, needed: str, value: Any) -> ConfigError:
    return ConfigError(f"{place} must be {needed}, not {json_kind(value)}")
