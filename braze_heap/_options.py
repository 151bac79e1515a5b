"""
Options that are declared once, each as a field of an attrs class.

Its annotation is the type, `option` adds default and documentation. The rest derives
from them: constructors (`takes`), the text form in URLs and environment variables
(`parser_of`), ``help()``, and the tables of the documentation.
"""

import functools
import json
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeVar, cast

import attrs

from braze_heap._text import did_you_mean
from braze_heap._wiring import check_arguments, check_number, kind_of

_P = ParamSpec("_P")
_S = TypeVar("_S")
_O = TypeVar("_O")
_T = TypeVar("_T")

SWITCHES: Final = types.MappingProxyType(
    {
        **dict.fromkeys(("1", "true", "yes", "on"), True),
        **dict.fromkeys(("0", "false", "no", "off"), False),
    }
)
"""Text forms of a bool, in lower case."""


@attrs.frozen
class Declaration:
    """
    Declaration of an option, except for its name, type and default value.

    Attributes:
        text: The documentation: one sentence or noun phrase, with units.
        secret: Whether no repr shows its value.
        positive: Whether it must be a positive, finite number.
        between: Smallest and largest number that it can be.
        filled: Whether it must not be empty.
        shown: Name of the default value, if its repr is long.
        matches: Pattern of the whole text, and a message for another one.
        example: Value in an example of a configuration, if there is no default value.
        key: Name in a configuration, if it differs from that of the field.
        variable: Environment variable that sets a secret, unless another one is named.
    """

    text: str = ""
    secret: bool = False
    positive: bool = False
    between: tuple[float, float] | None = None
    filled: bool = False
    shown: str = ""
    matches: tuple[str, str] | None = None
    example: object = None
    key: str = ""
    variable: str = ""


def declaration_of(field: "attrs.Attribute[Any]") -> Declaration:
    """Return the declaration of an option; an empty one if it has none."""
    return cast("Declaration", field.metadata.get(Declaration, Declaration()))


def doc_of(field: "attrs.Attribute[Any]") -> str:
    """Return the documentation of an option; empty if it has none."""
    return declaration_of(field).text


def shown_default(field: "attrs.Attribute[Any]") -> object:
    """Return the default value of an option, or its name if its repr is long."""
    return declaration_of(field).shown or field.default


def doc(text: str, **declared: Any) -> dict[Any, Declaration]:
    """
    Return the metadata of a field that is not made by `option`.

    That is one that can be passed by position: type checkers read ``kw_only`` only in a
    call of `attrs.field`. *declared*: see `Declaration`.
    """
    return {Declaration: Declaration(text, **declared)}


def option(
    default: _T,
    text: str,
    *,
    converter: Callable[[Any], Any] | None = None,
    **declared: Any,
) -> _T:
    """
    Declare an option. A *default* that is a dict is copied for each instance.

    *converter* applies to values of the constructor; *declared*: see `Declaration`.
    """
    if converter is None and type(default) is dict:
        converter = copy_of_mapping
    declaration = Declaration(text, **declared)
    name = declaration.shown
    show = (lambda v: name if v is default else repr(v)) if name else None
    return attrs.field(
        default=default,
        repr=show or not declaration.secret,
        converter=converter,
        metadata={Declaration: declaration},
    )


def copy_of_mapping(value: Any) -> Any:
    """Return *value* as a new dict if it is a mapping; a converter of attrs."""
    return dict(value) if isinstance(value, Mapping) else value


def documented(options: type[_T]) -> type[_T]:
    """Add the documentation of each option to the docstring of the class *options*."""
    options.__doc__ = f"{options.__doc__ or ''}\n{_section('Attributes', options)}"
    return options


def _section(title: str, options: Any) -> str:
    lines = [f"        {f.name}: {doc_of(f)}" for f in attrs.fields(options)]
    return "\n".join([f"    {title}:", *lines, ""])


def takes(
    options: Callable[_P, _O],
) -> Callable[[Callable[[_S, _O], None]], Callable[Concatenate[_S, _P], None]]:
    """
    Turn an ``__init__`` of one argument, an instance of the attrs class *options*, into
    one that takes its fields. It checks them, and has a hint for an unknown option.
    """
    cls: Any = typing.get_origin(options) or options
    names = {field.name for field in attrs.fields(cls)}

    def decorate(init: Callable[[_S, _O], None]) -> Callable[Concatenate[_S, _P], None]:
        @functools.wraps(init)
        def __init__(  # noqa: N807 (its name in a traceback)
            self: _S, /, *args: _P.args, **kwargs: _P.kwargs
        ) -> None:
            user = type(self).__name__
            for name in kwargs:
                if name not in names:
                    hint = did_you_mean(name, names)
                    raise TypeError(f"{user} has no option {name!r}.{hint}")
            try:
                given = cls(*args, **kwargs)
            except TypeError as error:  # a missing argument, or one too many
                text = str(error).replace(cls.__name__, user)
                raise TypeError(text) from None
            check(given)
            init(self, given)

        # `inspect.signature` reads what a wrapper wraps. The annotations of attrs are
        # the types that converters take.
        cls.__init__.__annotations__ = {f.name: f.type for f in attrs.fields(cls)}
        wrapper = cast("Any", __init__)
        wrapper.__wrapped__ = cls.__init__
        wrapper.__annotations__ = cls.__init__.__annotations__
        wrapper.__doc__ = f"\n{_section('Args', cls)}"
        return __init__

    return decorate


@functools.cache
def types_of(options: type) -> Mapping[str, Any]:
    """Return the type of each option by name."""
    hints = typing.get_type_hints(options)
    return {field.name: hints[field.name] for field in attrs.fields(options)}


def check(options: Any) -> None:
    """Raise if a value of *options* is not one that its declaration allows."""
    cls: Any = type(options)
    kinds = types_of(cls)
    for field in attrs.fields(cls):
        name = field.name
        check_value(field, kinds[name], getattr(options, name), name)


def check_value(
    field: "attrs.Attribute[Any]", kind: Any, value: Any, name: str
) -> None:
    """
    Raise if *value* is not one that *field*, of the type *kind*, allows. Messages call
    the option *name*.
    """
    declared = declaration_of(field)
    if value is None and types.NoneType in _kinds_in(kind):
        return
    _check_type(kind, value, name)
    if declared.positive and not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a positive number")
    if (span := declared.between) and not span[0] <= value <= span[1]:
        raise ValueError(
            f"{name} must be from {span[0]:,} to {span[1]:,}, not {value:,}"
        )
    if declared.filled and not (value.strip() if isinstance(value, str) else value):
        raise ValueError(f"{name} must not be empty")
    if declared.matches and not _matches(declared.matches[0], value):
        raise ValueError(f"{name} {declared.matches[1]}")
    if kind is bool or typing.get_origin(kind) is Literal:
        choices = (True, False) if kind is bool else typing.get_args(kind)
        if not isinstance(value, str | bool) or value not in choices:
            listed = ", ".join(map(str, choices))
            raise ValueError(f"{name} must be one of {listed}, not {value!r}")
    elif typing.get_origin(kind) is Mapping and not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, not {kind_of(value)}")


def _check_type(kind: Any, value: object, name: str) -> None:
    """Raise if *kind* is a number or a function of nothing, but *value* is not."""
    kind = next(each for each in _kinds_in(kind) if each is not types.NoneType)
    if kind in (int, float):
        check_number(name, value, kind, least=None)
    elif typing.get_origin(kind) is Callable and typing.get_args(kind)[0] == []:
        check_arguments(name, value, ())


def _kinds_in(kind: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


def _matches(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def is_list(kind: Any) -> bool:
    """Return whether an option of the type *kind* takes several values."""
    return any(typing.get_origin(k) in (tuple, Collection) for k in _kinds_in(kind))


def parser_of(kind: Any) -> Callable[[str], Any] | None:
    """
    Return the function that reads an option of the type *kind* from text. It raises
    `ValueError`. ``None`` if the type has no text form, such as a function.
    """
    if kind is str:
        return str
    if kind in (int, float):
        return functools.partial(number, kind)
    if kind is bool:
        return _switch
    origin = typing.get_origin(kind)
    if is_list(kind):
        return lambda text: [part for part in map(str.strip, text.split(",")) if part]
    if len(kinds := _kinds_in(kind)) > 1:
        kinds = tuple(each for each in kinds if each is not types.NoneType)
        return parser_of(kinds[0]) if len(kinds) == 1 else None
    if origin is Literal:
        return str
    return _json_object if origin is Mapping else None


def number(kind: type, text: str) -> Any:
    """Return a number of the type *kind* in plain ASCII digits, or raise."""
    try:
        # Python also reads 8_080, and the digits of other scripts.
        return kind(text if text.isascii() and "_" not in text else "")
    except ValueError:
        needed = "whole number" if kind is int else "number"
        raise ValueError(f"{text!r} is not a {needed}") from None


def _switch(text: str) -> bool:
    if text.lower() not in SWITCHES:
        raise ValueError(f"{text!r} is not true or false, yes or no, 1 or 0")
    return SWITCHES[text.lower()]


def _json_object(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=unique)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("not a JSON object") from None


def unique(pairs: Iterable[tuple[str, _T]]) -> dict[str, _T]:
    """Return *pairs* as a dict; raise a `ValueError` if a name is in two of them."""
    found: dict[str, _T] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} is given twice")
        found[name] = value
    return found


def from_text(options: type, texts: Mapping[str, str]) -> dict[str, Any]:
    """
    Return the values of *options* that *texts* describe, by name. Raise a `ValueError`
    for an unknown option, one without a text form, or text that is not of its type.
    """
    parsers = {name: parser_of(kind) for name, kind in types_of(options).items()}
    known = [name for name, parser in parsers.items() if parser]
    values = {}
    for name, text in texts.items():
        parse = parsers.get(name)
        if parse is None:
            hint = did_you_mean(name, known)
            raise ValueError(f"no option {name!r}.{hint} There are: {', '.join(known)}")
        try:
            values[name] = parse(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return values
