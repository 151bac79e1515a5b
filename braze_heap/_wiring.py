"""
Checks for mistakes in the arguments of constructors, made before any event arrives.
"""

import functools
import inspect
import sys
import warnings


def is_async(function: object) -> bool:
    """
    Return whether *function* is known to give something to await or ``async for``.

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
    Return what *value* is, for a message. Never shows the value, which may be secret.
    """
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else _name_of(value)


def _name_of(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeio' else 'a'} {name}"


def warn(text: str) -> None:
    """
    Issue a UserWarning for the line outside of this package that called it.
    """
    depth, frame = 1, sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith(_PACKAGE):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, UserWarning, stacklevel=depth + 1)


_PACKAGE = "braze_heap."


_PACKAGE = "braze_heap."


def check_function(what: str, function: object, *, takes: str = "an event") -> None:
    """
    Raise if *function* cannot be called with one argument, without ``await``.

    Args:
        what: What it is, for the message.
        function: Any value.
        takes: What it is called with, for the message.

    Raises:
        TypeError: It cannot.
    """
    if not callable(function):
        raise TypeError(
            f"{what} must be a function of {takes}, not {kind_of(function)}"
        )
    if is_async(function):
        raise TypeError(
            f"{what} is async, but it is called without await: write a plain function"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # not every callable written in C has one
        return
    try:
        signature.bind(None)
    except TypeError as error:
        raise TypeError(
            f"{what} takes {signature}, but is called with {takes}: {error}"
        ) from None
