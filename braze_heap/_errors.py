"""Descriptions of exceptions without payload data, and messages for missing extras."""

import contextlib
import errno
import traceback
from collections.abc import Iterator
from typing import Final


def describe_exception(error: Exception) -> str:
    """
    Return class, error number and source line of *error*.

    The text of the exception is omitted because it may quote personal data.
    """
    number = errno_of(error.errno) if isinstance(error, OSError) else ""
    name = f"{type(error).__name__} {number}".rstrip()
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return name
    return f"{name} in {frames[-1].name} ({frames[-1].filename}:{frames[-1].lineno})"


def errno_of(number: int | None) -> str:
    """
    Return text such as ``errno 28 ENOSPC``; empty if *number* is missing or 0.

    Resolver errors are negative and have no symbol.
    """
    return f"errno {number} {errno.errorcode.get(number, '')}".strip() if number else ""


def error_context(error: Exception) -> dict[str, str | int]:
    """Return class and error number of *error* for structured logs."""
    number = error.errno if isinstance(error, OSError) else None
    context: dict[str, str | int] = {"error": type(error).__name__}
    return context if number is None else {**context, "errno": number}


_RETRIED: Final = ("BlockingIOError", "SSLWantReadError", "SSLWantWriteError")
"""Errors that event loops handle all the time; never the cause of a failure."""


def system_error(error: BaseException) -> OSError | None:
    """Return the innermost operating system error in the causes of *error*."""
    found = None
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        if isinstance(inner, OSError) and type(inner).__name__ not in _RETRIED:
            found = inner
        if isinstance(inner, BaseExceptionGroup):
            inner = inner.exceptions[0]
        else:
            inner = inner.__cause__ or inner.__context__
    return found


@contextlib.contextmanager
def requires_extra(name: str, package: str) -> Iterator[None]:
    """Name, if the feature *name* lacks a module, the *package* to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"{name} needs {error.name}: pip install {package}"
        raise ModuleNotFoundError(message, name=error.name) from None
