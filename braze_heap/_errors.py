"""
How an exception is told: where its text must not be, and where it says too little.
"""

import contextlib
import traceback
from collections.abc import Iterator
from typing import Final


def place_of(error: Exception) -> str:
    """
    Name an exception by its class and place; its text may quote personal data.
    """
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name} ({frame.filename}:{frame.lineno})"


_WAITING: Final = ("BlockingIOError", "SSLWantReadError", "SSLWantWriteError")
"""What event loops see all the time, and never the cause of a failure."""


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
