"""
Decide when a component that keeps failing counts as down for good.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

__all__ = ["DOWN_AFTER", "MAX_GAP", "Outage"]

DOWN_AFTER: Final = 72 * 3600.0
"""Seconds. Braze repeats a batch for five days and then disables the feed."""

MAX_GAP: Final = 6 * 3600.0
"""Seconds between two attempts that still belong to one outage."""


class Outage:
    """
    Failures of one component since its last success. Thread-safe; a restart forgets it.

    An outage is long only if somebody tried all the time: after a gap of more than
    *max_gap* seconds without an attempt, it counts from the next failure. Two failures
    on Friday and on Monday say nothing about the weekend.

    Args:
        clock: Monotonic seconds.
        after: Seconds of failures from which on the component counts as down.
        max_gap: Longest time between two attempts of one outage, in seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        after: float = DOWN_AFTER,
        max_gap: float = MAX_GAP,
    ) -> None:
        self._clock = clock
        self._after = after
        self._max_gap = max_gap
        self._lock = threading.Lock()
        self._first = 0.0
        self._last: float | None = None

    def succeeded(self) -> None:
        """
        Note a success, which ends the outage.
        """
        self._last = None

    def failed(self, began: float | None = None) -> bool:
        """
        Note a failed attempt, and return whether the component now counts as down.

        Args:
            began: When the attempt began, in seconds of the clock; by default now. An
                attempt that takes long, because it retries inside, is not a gap.
        """
        now = self._clock()
        began = now if began is None else began
        with self._lock:
            if self._last is None or began - self._last > self._max_gap:
                self._first = began
            self._last = now
            return now - self._first >= self._after
