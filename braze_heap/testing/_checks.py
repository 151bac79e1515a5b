"""What the tests of contracts share."""

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
