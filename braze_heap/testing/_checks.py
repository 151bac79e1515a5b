"""Helpers of the tests of contracts."""

import contextlib
from collections.abc import Iterator
from typing import Final

THREADS: Final = 8
"""Threads that use one object at the same time."""


def expect(is_fulfilled: bool, requirement: str) -> None:
    """
    Raise unless *is_fulfilled*.

    Raises:
        AssertionError: With *requirement* as its text.
    """
    if not is_fulfilled:
        raise AssertionError(requirement)


@contextlib.contextmanager
def expect_no_error(requirement: str) -> Iterator[None]:
    """
    Raise if the block raises.

    Raises:
        AssertionError: With *requirement* as its text, and the error as its cause.
    """
    try:
        yield
    except Exception as error:
        raise AssertionError(requirement) from error
