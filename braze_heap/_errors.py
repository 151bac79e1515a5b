"""
How an exception is told: where its text must not be, and where it says too little.
"""

import contextlib
import errno
import traceback
from collections.abc import Iterator
from typing import Final


def place_of(error: Exception) -> str:
    """
    Name an exception by its class and place; its text may quote personal data.
    """
    number = errno_of(error.errno) if isinstance(error, OSError) else ""
    name = f"{type(error).__name__} {number}".rstrip()
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return name
    return f"{name} in {frames[-1].name} ({frames[-1].filename}:{frames[-1].lineno})"


def errno_of(number: int | None) -> str:
    """
    Return ``errno 28 ENOSPC``; empty without a number. Resolver errors are negative.
    """
    return f"errno {number} {errno.errorcode.get(number, '')}".strip() if number else ""


def error_context(error: Exception) -> dict[str, str | int]:
    """
    Return class and error number of *error*, for logs that machines read.
    """
    number = error.errno if isinstance(error, OSError) else None
    context: dict[str, str | int] = {"error": type(error).__name__}
    return context if number is None else {**context, "errno": number}


_WAITING: Final = ("BlockingIOError", "SSLWantReadError", "SSLWantWriteError")
"""Errors that event loops meet all the time: never the cause of a failure."""


def system_error(error: BaseException) -> OSError | None:
    """
    Return the error of the operating system below *error*, the innermost one.
    """
    found = None
    seen: set[int] = set()
    below: BaseException | None = error
    while below is not None and id(below) not in seen:
        seen.add(id(below))
        if isinstance(below, OSError) and type(below).__name__ not in _WAITING:
            found = below
        if isinstance(below, BaseExceptionGroup):
            below = below.exceptions[0]
        else:
            below = below.__cause__ or below.__context__
    return found


@contextlib.contextmanager
def needed_by(name: str, package: str) -> Iterator[None]:
    """
    Let a module that cannot be imported be told with what to install for *name*.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"{name} needs {error.name}: pip install {package}"
        raise ModuleNotFoundError(message, name=error.name) from None
