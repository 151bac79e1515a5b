"""
Keeps a log readable while one cause repeats.
"""

from __future__ import annotations

import functools
import logging
import math
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

import attrs

INTERVAL: Final = 60.0
"""Seconds between two lines about the same cause."""

MAX_CAUSES: Final = 100
"""Causes that are told apart within an interval; all beyond share one line."""


@attrs.define
class _Line:
    at: float = -math.inf
    suppressed: int = 0
    again: Callable[[int], object] = lambda _: None


class Repeats:
    """
    Logs the first occurrence of a cause at once, and while it repeats one line a
    minute, with the number suppressed; `flush` logs the numbers of causes that stopped.
    Thread-safe, in bounded memory.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: dict[Hashable, _Line] = {}
        self._has_suppressed = False

    def log(
        self,
        logger: logging.Logger,
        level: int,
        text: str,
        context: Mapping[str, Any] | None = None,
        **extra: Any,
    ) -> None:
        """
        Log *text*, at DEBUG if it was logged less than a minute ago.

        Args:
            logger: Logger to use.
            level: Level of what is not suppressed.
            text: The cause in words. Must hold no value of an event.
            context: The same for machines: ``host``, ``error``, ``errno``, ``status``.
            extra: Further attributes of the log record.
        """

        def write(level: int, number: int) -> None:
            own = {**extra, "braze_context": {**(context or {}), "suppressed": number}}
            logger.log(level, "%s%s", text, counted(number), extra=own)

        number = self.suppressed(text, functools.partial(write, level))
        write(logging.DEBUG if number is None else level, number or 0)

    def suppressed(
        self, cause: Hashable, again: Callable[[int], object] = lambda _: None
    ) -> int | None:
        """
        Note an occurrence of *cause*.

        Args:
            cause: Tells causes apart.
            again: Logs the cause with a number of suppressed occurrences; see `flush`.

        Returns:
            If it is to be logged, the number of occurrences that were suppressed since
            the last line; else ``None``.
        """
        now = self._clock()
        with self._lock:
            line = self._lines.get(cause) or self._begun(cause, now)
            if now - line.at < INTERVAL:
                line.suppressed += 1
                line.again = again
                self._has_suppressed = True
                return None
            number, line.at, line.suppressed = line.suppressed, now, 0
            return number

    def flush(self, *, at_end: bool = False) -> None:
        """
        Log the causes that were suppressed and have not come again for a minute.

        Args:
            at_end: Whether to log all that were suppressed.
        """
        if not self._has_suppressed:
            return
        now = self._clock()
        with self._lock:
            waiting = [line for line in self._lines.values() if line.suppressed]
            due = [x for x in waiting if at_end or now - x.at >= INTERVAL]
            self._has_suppressed = len(due) < len(waiting)
            writes = [functools.partial(x.again, x.suppressed) for x in due]
            for line in due:
                line.at, line.suppressed = now, 0
        for write in writes:
            write()

    def _begun(self, cause: Hashable, now: float) -> _Line:
        """
        Return the line of a cause that is new; the shared one if there are very many.
        """
        if len(self._lines) >= MAX_CAUSES:
            recent = (c for c, line in self._lines.items() if now - line.at < INTERVAL)
            self._lines = {cause: self._lines[cause] for cause in recent}
        shared = "many causes" if len(self._lines) >= MAX_CAUSES else cause
        return self._lines.setdefault(shared, _Line())


def counted(suppressed: int | None) -> str:
    """
    Return how a line ends after which so many were suppressed.
    """
    return f" ({suppressed:,} more since the last line)" if suppressed else ""
