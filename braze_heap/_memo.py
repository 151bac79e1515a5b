"""
What was computed before.
"""

from collections.abc import Callable
from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class Memo(dict[_K, _V]):
    """
    What a function gives, by what it got: a dictionary that fills itself.

    Half as dear as `functools.lru_cache` where lookups are all that is done: it keeps
    no order, and when it is full it starts anew. Threads may share one.

    Args:
        make: The function.
        most: Entries that are kept.
    """

    def __init__(self, make: Callable[[_K], _V], most: int) -> None:
        super().__init__()
        self._make = make
        self._most = most

    def __missing__(self, key: _K) -> _V:
        if len(self) >= self._most:
            self.clear()
        value = self[key] = self._make(key)
        return value
