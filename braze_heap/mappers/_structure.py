"""
Exactly typed values from JSON, without ambiguous conversions.

`cattrs` converts ``"1.5"`` to ``1.5``, and a string to a list of letters. It notices an
unsupported type only when it meets a value. Here, an invalid value raises
`InvalidValueError`, and an unsupported type raises when it is registered.
"""

import contextlib
import dataclasses
import datetime as dt
import inspect
import re
import types
import typing
from collections import abc
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import attrs

from braze_heap._text import json_kind
from braze_heap.exceptions import BrazeHeapError, delivery_error_of

Reader: TypeAlias = Callable[[Any], Any]
"""Function from a JSON value to a typed value. Raises `InvalidValueError`."""


@attrs.frozen
class InvalidValueError(BrazeHeapError, ValueError):
    """
    A value does not fit its type.

    Attributes:
        reason: Kind of the value and the expected type; never the value itself.
        path: Name of the field, such as ``items[].price``; "" for the whole object.
    """

    reason: str
    path: str = ""


_Known: TypeAlias = dict[type, Reader]


def reader_of(cls: Any, known: _Known | None = None) -> Reader:
    """
    Return the function that reads objects into a class with members.

    Args:
        cls: An attrs class, dataclass, TypedDict or NamedTuple.
        known: The readers of the classes that contain it.

    Raises:
        TypeError: A field has a type that no JSON value fits.
        NameError: A field names a type that is not defined, or not yet.
    """
    known = {} if known is None else known
    if cls in known:
        return lambda value: known[cls](value)  # a class that contains itself
    known[cls] = _object  # replaced below
    fields = [(m, _member_reader(cls, m, known)) for m in members_of(cls)]
    is_tuple = issubclass(cls, tuple)

    def read(value: Any) -> Any:
        if is_tuple and type(value) in _ARRAYS:
            if len(value) > len(fields):
                raise InvalidValueError(f"a list of another length than {cls.__name__}")
            value = {m.name: each for (m, _), each in zip(fields, value, strict=False)}
        given = {}
        value = _object(value)
        for member, read_member in fields:
            if member.name in value:
                inner = value[member.name]
                given[member.argument] = _inside(member.name, read_member, inner)
            elif member.is_required:
                raise InvalidValueError("missing", member.name)
        try:
            return cls(**given)
        except Exception as error:  # of a validator or converter of the team
            if unavailable := delivery_error_of(error):
                raise unavailable from None
            reason = f"{cls.__name__} raises {type(error).__name__}"
            raise InvalidValueError(reason) from error

    known[cls] = read
    return read


class Member(NamedTuple):
    """One field of a class, by its name in JSON and that of the argument."""

    name: str
    argument: str
    hint: Any
    is_required: bool
    has_converter: bool = False


def members_of(cls: Any) -> list[Member]:
    """Return the fields of an attrs class, dataclass, TypedDict or NamedTuple."""
    hints = typing.get_type_hints(cls, None, {cls.__name__: cls}, include_extras=True)
    if attrs.has(cls):
        return [
            Member(
                a.name,
                a.alias or a.name,
                hints.get(a.name, Any if a.type is None else a.type),
                a.default is attrs.NOTHING,
                a.converter is not None,
            )
            for a in attrs.fields(cls)
            if a.init
        ]
    if typing.is_typeddict(cls):
        required = cls.__required_keys__
        return [Member(n, n, hint, n in required) for n, hint in hints.items()]
    return [
        Member(p.name, p.name, hints.get(p.name, Any), p.default is p.empty)
        for p in inspect.signature(cls).parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]


def _member_reader(cls: Any, member: Member, known: _Known) -> Reader:
    try:
        return _reader(member.hint, known)
    except TypeError as error:
        if member.has_converter:
            return _anything
        raise TypeError(f"{cls.__name__}.{member.name} {error}") from None


def _inside(step: str, read: Reader, value: Any) -> Any:
    try:
        return read(value)
    except InvalidValueError as invalid:
        joint = "." if invalid.path and not invalid.path.startswith("[") else ""
        path = f"{step}{joint}{invalid.path}"
        raise InvalidValueError(invalid.reason, path) from invalid


def _reader(hint: Any, known: _Known) -> Reader:
    """
    Return the function that reads values of the type *hint*.

    Raises:
        TypeError: No JSON value fits it. The text goes behind the name of a field.
    """
    hint = unwrapped(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return _literal(arguments)
    if origin in (typing.Union, types.UnionType):
        return _union(arguments, known)
    if origin is None and hint in _SCALARS:
        return _SCALARS[hint]
    outer = origin or hint
    if outer in DICTS:
        return _dict(arguments, known)
    if outer is tuple and arguments and arguments[-1] is not ...:
        return _tuple(arguments, known)
    if outer in LISTS:
        return _list(LISTS[outer], arguments, known)
    if isinstance(hint, type) and origin is None:
        if issubclass(hint, Enum):
            return _enum(hint)
        if has_members(hint):
            return reader_of(hint, known)
    raise _unsupported(hint)


def unwrapped(hint: Any) -> Any:
    """Return the type that *hint* means, without `typing.Annotated` and the like."""
    if typing.get_origin(hint) in _WRAPPERS:
        return unwrapped(typing.get_args(hint)[0])
    if isinstance(hint, typing.NewType):
        return unwrapped(hint.__supertype__)
    if isinstance(hint, dataclasses.InitVar):
        return unwrapped(hint.type)
    if hasattr(hint, "__value__"):  # type Name = ..., from Python 3.12 on
        return unwrapped(hint.__value__)
    return hint


def has_members(hint: Any) -> bool:
    """Return whether *hint* is a class that `members_of` knows."""
    if not isinstance(hint, type):
        return False
    is_named_tuple = issubclass(hint, tuple) and hasattr(hint, "_field_defaults")
    is_class = attrs.has(hint) or dataclasses.is_dataclass(hint)
    return is_class or is_named_tuple or typing.is_typeddict(hint)


def _unsupported(hint: Any) -> TypeError:
    return TypeError(
        f"has the type {_type_name(hint)}, which JSON does not have. Use str, int, "
        "float, bool, Decimal, date, datetime, time, UUID, an Enum, a Literal, an "
        "attrs class, a dataclass, a TypedDict, a NamedTuple; list, tuple, set, "
        "dict[str, ...] or a union of these; or Any, and convert in the mapper"
    )


def _type_name(hint: Any) -> str:
    is_plain = isinstance(hint, type) and not typing.get_args(hint)
    return hint.__name__ if is_plain else str(hint).replace("typing.", "")


_ARRAYS: Final = (list, tuple)
_JSON_TYPES: Final = (str, int, float, dict, types.NoneType, *_ARRAYS)


def _not(value: Any, name: str) -> InvalidValueError:
    return InvalidValueError(f"{json_kind(value)}, not {name}")


def _exactly(cls: type, value: Any) -> Any:
    """Return *value* if it is an instance of *cls* itself."""
    if type(value) is cls:
        return value
    raise _not(value, cls.__name__)


def _object(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    raise _not(value, "an object")


def _array(value: Any) -> Any:
    if type(value) in _ARRAYS:
        return value
    raise _not(value, "a list")


def _anything(value: Any) -> Any:
    return value


def _null(value: Any) -> None:
    if value is not None:
        raise _not(value, "null")


def _float(value: Any) -> float:
    """Return a float. An integer is valid, because 5 and 5.0 are the same in JSON."""
    if type(value) is float or (type(value) is int and abs(value) <= 2**53):
        return float(value)
    raise _not(value, "float")


def _decimal(value: Any) -> Decimal:
    if type(value) is int:
        return Decimal(value)
    text = str(value) if type(value) in (str, float) else ""
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    raise _not(value, "Decimal")


def _text_of(name: str, pattern: str, parse: Callable[[str], Any]) -> Reader:
    """Return the function that reads texts of one form."""
    form = re.compile(pattern, re.ASCII)

    def read(value: Any) -> Any:
        if type(value) is str and form.fullmatch(value):
            with contextlib.suppress(ValueError):  # such as the month 13
                return parse(value)
        raise _not(value, name)

    return read


_NUMBER: Final = re.compile(r"-?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,5})?", re.ASCII)
_DATE: Final = r"\d{4}-\d\d-\d\d"
_TIME: Final = r"\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?"
_HEX: Final = "[0-9a-fA-F]"

_SCALARS: Final[Mapping[Any, Reader]] = {
    Any: _anything,
    object: _anything,
    None: _null,
    types.NoneType: _null,
    str: partial(_exactly, str),
    int: partial(_exactly, int),
    bool: partial(_exactly, bool),
    float: _float,
    Decimal: _decimal,
    dt.date: _text_of("date", _DATE, dt.date.fromisoformat),
    dt.datetime: _text_of("datetime", f"{_DATE}[T ]{_TIME}", dt.datetime.fromisoformat),
    dt.time: _text_of("time", _TIME, dt.time.fromisoformat),
    UUID: _text_of("UUID", f"{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}", UUID),
}

_WRAPPERS: Final = (
    typing.Annotated,
    typing.Final,
    typing.Required,
    typing.NotRequired,
    getattr(typing, "ReadOnly", typing.Annotated),  # from Python 3.13 on
)

DICTS: Final = (dict, abc.Mapping, abc.MutableMapping)

LISTS: Final[Mapping[Any, Callable[[list[Any]], Any]]] = {
    list: list,
    abc.Sequence: list,
    abc.Iterable: list,
    abc.Collection: list,
    abc.MutableSequence: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    abc.Set: frozenset,
    abc.MutableSet: set,
}


def _list(make: Callable[[list[Any]], Any], items: Any, known: _Known) -> Reader:
    read_item = _reader(items[0] if items else Any, known)

    def read(value: Any) -> Any:
        found = [_inside("[]", read_item, item) for item in _array(value)]
        try:
            return make(found)
        except TypeError:  # a set of what is not hashable
            raise InvalidValueError("items that a set cannot hold") from None

    return read


def _tuple(items: tuple[Any, ...], known: _Known) -> Reader:
    readers = [_reader(item, known) for item in items]

    def read(value: Any) -> Any:
        if len(_array(value)) != len(readers):
            raise InvalidValueError(f"a list of another length than {len(readers)}")
        pairs = zip(readers, value, strict=True)
        return tuple([_inside("[]", reader, item) for reader, item in pairs])

    return read


def _dict(arguments: tuple[Any, ...], known: _Known) -> Reader:
    key, item = arguments or (Any, Any)
    outer = typing.get_origin(unwrapped(key)) or unwrapped(key)
    if outer in (int, float, bool, None) or outer in LISTS or has_members(outer):
        raise _unsupported(dict[key, item])  # type: ignore[valid-type]
    read_key, read_item = _reader(key, known), _reader(item, known)
    return lambda value: {
        _inside("[]", read_key, k): _inside("[]", read_item, v)
        for k, v in _object(value).items()
    }


def _literal(choices: tuple[Any, ...]) -> Reader:
    """Return the function that reads one of *choices*, such as members of an enum."""
    values = {
        key: choice
        for choice in choices
        if (key := _typed(choice.value if isinstance(choice, Enum) else choice))
    }
    if not values:
        raise _unsupported(f"Literal{list(choices)}")

    def read(value: Any) -> Any:
        key = _typed(value)
        if key in values:
            return values[key]
        raise _not(value, "one of its literals")

    return read


def _enum(cls: type[Enum]) -> Reader:
    if not any(isinstance(member.value, _JSON_TYPES) for member in cls):
        raise _unsupported(cls)

    def read(value: Any) -> Any:
        with contextlib.suppress(Exception):  # the team's own _missing_ may raise any
            member = cls(value)
            if isinstance(member.value, bool) is isinstance(value, bool):
                return member
        raise _not(value, f"a value of {cls.__name__}")

    return read


def _typed(value: Any) -> tuple[type, Any] | None:
    """Return a scalar with its type, so that true is not 1; ``None`` for others."""
    is_scalar = value is None or type(value) in (str, int, float, bool)
    return (type(value), value) if is_scalar else None


def _union(options: tuple[Any, ...], known: _Known) -> Reader:
    """
    Return the function that reads the first of *options* that fits.

    An integer is an int if that is among them, in any order. Of several classes the one
    with most of the names comes first.
    """
    others = [o for o in options if o is not types.NoneType]
    is_optional = len(others) < len(options)
    if len(others) == 1:
        read_other = _reader(others[0], known)
        return lambda value: None if value is None else read_other(value)
    readers = [
        (_reader(o, known), {m.name for m in members_of(o)} if has_members(o) else {})
        for o in sorted(others, key=lambda o: o is not int)
    ]
    names = " or ".join(map(_type_name, options))

    def read(value: Any) -> Any:
        if value is None and is_optional:
            return None
        candidates = readers
        if isinstance(value, dict):
            candidates = sorted(readers, key=lambda r: -len(r[1] & value.keys()))
        for reader, _ in candidates:
            try:
                return reader(value)
            except InvalidValueError:
                continue
        raise _not(value, names)

    return read
