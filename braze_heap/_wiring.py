"""Checks of constructor arguments, so that mistakes fail before any event arrives."""

import functools
import importlib
import inspect
import numbers
import os
import pkgutil
import re
import sys
import types
import warnings
from collections import Counter, deque
from collections.abc import Iterable
from types import GeneratorType
from typing import Any, Final, NoReturn, TypeVar

from braze_heap._text import did_you_mean
from braze_heap.exceptions import BrazeHeapError

_I = TypeVar("_I", bound=Iterable[Any])


class OfOneProcess:
    """Base of classes whose instances have locks, files or connections."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"{name} cannot be pickled or copied, because its locks, files and "
            f"connections belong to this process: make the {name} in the process that "
            "uses it, for example in the initializer of a multiprocessing.Pool"
        )


def is_async(function: object) -> bool:
    """
    Return whether *function* is a coroutine function or an async generator function.

    A plain function that returns a coroutine is not recognized.
    """
    while isinstance(function, functools.partial):
        function = function.func
    return any(
        inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each)
        for each in (function, getattr(type(function), "__call__", None))  # noqa: B004
    )


def kind_of(value: object) -> str:
    """
    Return a description such as ``a str`` or ``the class Tee``, for error messages.

    The value is never shown because it may be secret.
    """
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeio' else 'a'} {name}"


def warn(text: str) -> None:
    """Issue a UserWarning that points to the calling line outside this package."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith(_PACKAGE):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, UserWarning, stacklevel=depth + 1)


_PACKAGE: Final = "braze_heap."


def require(
    user: str, needed: str, given: object, method: str, *, is_awaited: bool = False
) -> None:
    """
    Raise a `TypeError` unless *given* is an object with *method*, as *user* calls it:
    without ``await``, unless it *is_awaited*.
    """
    hint = f": write {given.__name__}(...)" if isinstance(given, type) else ""
    function = getattr(given, method, None)
    is_class = isinstance(given, type)
    if not (is_class or callable(function) or type(given).__module__ == "builtins"):
        hint = f", which has no method {method}"
    if is_class or type(given) in _NO_PARTS or not callable(function):
        raise TypeError(f"{user} needs {needed}, not {kind_of(given)}{hint}")
    if is_async(function) and not is_awaited:
        raise TypeError(
            f"{type(given).__name__}.{method} is async, but {user} calls it without "
            "await: make it a plain method"
        )


def check_name(needs: str, name: object) -> None:
    """Raise, with *needs* as the beginning of the message, if *name* is not a name."""
    if not isinstance(name, str):
        raise TypeError(f"{needs}, not {kind_of(name)}")
    if not name or name.isspace():
        raise ValueError(f"{needs} that is not empty")


_NO_PARTS: Final = (list, deque, dict, Counter, set, GeneratorType)
"""Types that have methods with the names of those of stores and sinks."""


def several(name: str, given: _I, one: str) -> _I:
    """Return *given*, called *name*. Raise a `TypeError` if it is only *one* value."""
    is_one = isinstance(given, str | bytes | bytearray | os.PathLike)
    if is_one or not isinstance(given, Iterable):
        raise TypeError(f"{name} must be a list, not {kind_of(given)}: write [{one}]")
    return given


def check_number(
    name: str, value: Any, kind: object = int, *, least: float | None = 1
) -> None:
    """
    Raise unless *value* is a number of the *kind*, `int` or `float`, and at least
    *least*. Every whole number is a `float`, too.
    """
    base: Any = numbers.Integral if kind is int else numbers.Real
    if isinstance(value, bool) or not isinstance(value, base):
        needed = "a whole number" if kind is int else "a number"
        raise TypeError(f"{name} must be {needed}, not {kind_of(value)}")
    if least is not None and not value >= least:  # nor is NaN
        raise ValueError(f"{name} must be at least {least:,}, not {value:,}")


def check_switch(name: str, value: object) -> None:
    """Raise a `TypeError` unless *value* is a bool: the text ``"no"`` would be true."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {kind_of(value)}")


def check_function(name: str, function: object, *, takes: str = "an event") -> None:
    """Raise unless *function*, given as *name*, takes one argument, without await."""
    check_arguments(name, function, (takes,))


def check_async(name: str, function: object) -> None:
    """Raise a `TypeError` unless *function* can return what is awaited."""
    if not callable(function) or isinstance(function, types.BuiltinFunctionType):
        raise TypeError(
            f"{name} is awaited, so it must be an async function, not "
            f"{kind_of(function)}: write async def"
        )


def check_arguments(name: str, function: object, takes: tuple[str, ...]) -> None:
    """
    Raise a `TypeError` unless *function* can be called with the arguments that *takes*
    describes, without ``await``.
    """
    described = " and ".join(takes) or "no arguments"
    if not callable(function):
        raise TypeError(
            f"{name} must be a function of {described}, not {kind_of(function)}"
        )
    if is_async(function):
        raise TypeError(
            f"{name} is async, but it is called without await: write a plain function"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some callables written in C have none
        return
    try:
        signature.bind(*takes)
    except TypeError as error:
        raise TypeError(
            f"{name} takes {signature}, but is called with {described}: {error}"
        ) from None


IMPORT_STRING: Final = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([\w.]+)")


class UnknownNameError(BrazeHeapError, LookupError):
    """A text does not name an object in a module that can be imported."""


def import_named(text: str) -> Any:
    """
    Return the object that *text* names, such as ``acme.sinks:make_sink``.

    Importing the module runs its code, and its exceptions are passed on.

    Raises:
        UnknownNameError: There is no such module or name.
    """
    match = IMPORT_STRING.fullmatch(text)
    if not match:
        raise UnknownNameError("it is not of the form module:name.")
    path, names = match.groups()
    try:
        found = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if not f"{path}.".startswith(f"{error.name}."):
            raise  # the module exists, but one of its imports does not
        modules = (module.name for module in pkgutil.iter_modules([""]))
        hint = did_you_mean(str(error.name), modules)
        raise UnknownNameError(f"there is no module {error.name!r}.{hint}") from None
    for name in names.split("."):
        if not hasattr(found, name):
            hint = did_you_mean(name, [n for n in dir(found) if not n.startswith("_")])
            raise UnknownNameError(f"{path} has no {name!r}.{hint}")
        found, path = getattr(found, name), f"{path}.{name}"
    return found
