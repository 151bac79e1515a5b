"""Helpers of the tests of contracts."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from braze_heap._wiring import kind_of

_In = TypeVar("_In")
_Out = TypeVar("_Out")

THREADS: Final = 8  # Threads that use one object at the same time

MANY_KEYS: Final = 1_500  # of one transaction: a batch has a thousand users


def require_factory(check: str, factory: object, made: str) -> None:
    """Raise a `TypeError` unless *factory*, which makes a *made*, can be called."""
    if not callable(factory):
        raise TypeError(
            f"{check} needs a function that makes the object, not {kind_of(factory)}: "
            f"write lambda: {made}(...)"
        )


def expect(is_fulfilled: bool, requirement: str) -> None:
    """Raise an `AssertionError` with the text *requirement* unless *is_fulfilled*."""
    if not is_fulfilled:
        raise AssertionError(requirement)


@contextlib.contextmanager
def expect_no_error(requirement: str) -> Iterator[None]:
    """Raise an `AssertionError` with the text *requirement* if the block raises."""
    try:
        yield
    except Exception as error:
        raise AssertionError(requirement) from error


@contextlib.contextmanager
def expect_error(error: type[Exception], requirement: str) -> Iterator[None]:
    """Raise an `AssertionError` with *requirement* unless the block raises *error*."""
    try:
        yield
    except error:
        return
    raise AssertionError(requirement)


def in_threads(function: Callable[[_In], _Out], inputs: Iterable[_In]) -> list[_Out]:
    """Return the results of *function*, which threads call at the same time."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, inputs))
