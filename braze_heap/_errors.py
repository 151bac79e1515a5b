"""
How an exception is told: where its text must not be, and where it says too little.
"""

import contextlib
import traceback
from collections.abc import Iterator


def place_of(error: Exception) -> str:
    """
    Name an exception by its class and place; its text may quote personal data.
    """
    name = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:  # never raised, or passed on without its traceback
        return name
    return f"{name} in {frames[-1].name} ({frames[-1].filename}:{frames[-1].lineno})"


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
