"""
Exactly typed values from JSON, without ambiguous conversions.

`cattrs` converts ``"1.5"`` to ``1.5``, and a string to a list of letters. It notices an
unsupported type only when it meets a value. Here, an invalid value raises
`InvalidValueError`, and an unsupported type raises when it is registered.
"""

import contextlib
import dataclasses
import datetime as dt
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import MISSING
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import attrs

from braze_heap.exceptions import BrazeHeapError, delivery_error_of

Reader: TypeAlias = Callable[[Any], Any]
"""Function from a JSON value to a typed value. Raises `InvalidValueError`."""


class InvalidValueError(BrazeHeapError, ValueError):
    """
    A value does not fit its type.

    Attributes:
        reason: Kind of the value and the expected type; never the value itself.
        path: Name of the field, such as ``items[].price``; "" for the whole object.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def inside(self, step: str) -> "InvalidValueError":
        """Return the same error with *step* before its path."""
        joint = "." if self.path and not self.path.startswith("[") else ""
        return InvalidValueError(self.reason, f"{step}{joint}{self.path}")


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
    if dataclasses.is_dataclass(cls):
        fields = [field for field in dataclasses.fields(cls) if field.init]
        required = {f.name for f in fields if f.default is MISSING is f.default_factory}
        hints = {field.name: hints[field.name] for field in fields}
    elif typing.is_typeddict(cls):
        required = cls.__required_keys__
    else:
        hints = {name: hints.get(name, Any) for name in cls._fields}
        required = hints.keys() - cls._field_defaults
    return [Member(n, n, hint, n in required) for n, hint in hints.items()]


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
        raise invalid.inside(step) from invalid


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
    if origin is None and _is_in(hint, _SCALARS):
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


def _is_in(hint: Any, table: Collection[Any]) -> bool:
    try:
        return hint in table
    except TypeError:  # not hashable
        return False


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


def _kind(value: Any) -> str:
    """Return the kind of a JSON value for an error message."""
    if value is None:
        return "null"
    return _KINDS.get(type(value), type(value).__name__)


_KINDS: Final[Mapping[type, str]] = {
    bool: "a boolean",
    dict: "an object",
    float: "a number",
    int: "a number",
    list: "a list",
    str: "text",
    tuple: "a list",
}


def _not(value: Any, name: str) -> InvalidValueError:
    return InvalidValueError(f"{_kind(value)}, not {name}")


def _exactly(cls: type) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is cls:
            return value
        raise _not(value, cls.__name__)

    return read


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
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
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

DICTS: Final = frozenset(
    (dict, Mapping, typing.get_origin(typing.MutableMapping[Any, Any]))
)

LISTS: Final[Mapping[Any, Callable[[list[Any]], Any]]] = {
    list: list,
    Sequence: list,
    Iterable: list,
    Collection: list,
    typing.get_origin(typing.MutableSequence[Any]): list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    Set: frozenset,
    typing.get_origin(typing.MutableSet[Any]): set,
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
        raise TypeError(
            f"is a dict with keys of the type {_type_name(key)}, and the keys of a "
            "JSON object are text. Use dict[str, ...], and convert in the mapper"
        )
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
        raise InvalidValueError(f"{_kind(value)}, not one of its literals")

    return read


def _enum(cls: type[Enum]) -> Reader:
    values = [member.value for member in cls]
    if not any(v is None or type(v) in _KINDS or isinstance(v, str) for v in values):
        raise _unsupported(cls)

    def read(value: Any) -> Any:
        member: Enum | None
        try:
            member = cls(value)
        except Exception:  # ValueError; or anything, of the team's own _missing_
            member = None
        is_bool = isinstance(value, bool)
        if member is None or isinstance(member.value, bool) is not is_bool:
            raise InvalidValueError(f"{_kind(value)}, not a value of {cls.__name__}")
        return member

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
    ordered = sorted(options, key=lambda o: o is not int)
    readers = [
        (_reader(o, known), {m.name for m in members_of(o)} if has_members(o) else {})
        for o in ordered
    ]
    others = [o for o in options if o is not types.NoneType]
    names = " or ".join(map(_type_name, options))

    def read(value: Any) -> Any:
        candidates = readers
        if isinstance(value, dict):
            candidates = sorted(readers, key=lambda r: -len(r[1] & value.keys()))
        invalid: InvalidValueError | None = None
        for reader, _ in candidates:
            try:
                return reader(value)
            except InvalidValueError as error:
                invalid = invalid if reader is _null else error
        if invalid and len(others) == 1:
            raise invalid
        raise _not(value, names)

    return read
