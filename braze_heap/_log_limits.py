"""Rate limit for log messages, so that a log stays readable while one cause repeats."""

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
"""Seconds between two messages about the same cause."""

MAX_CAUSES: Final = 100
"""Causes that are counted separately within an interval; all others share one."""


@attrs.define
class _Cause:
    logged_at: float = -math.inf
    suppressed: int = 0
    write: Callable[[int], object] = lambda _: None


class LogRateLimiter:
    """
    Log the first occurrence of a cause at once, then one message a minute while it
    repeats, with the number suppressed. `flush` logs the numbers of causes that
    stopped. Thread-safe; memory is bounded.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._causes: dict[Hashable, _Cause] = {}
        self._has_suppressed = False

    def log(
        self,
        logger: logging.Logger,
        level: int,
        text: str,
        context: Mapping[str, Any] | None = None,
        cause: Hashable = None,
    ) -> None:
        """
        Log *text*, at DEBUG if it was logged less than a minute ago.

        Args:
            logger: Logger to use.
            level: Level of messages that are not suppressed.
            text: Description of the cause. Must not contain a value of an event.
            context: Machine-readable cause: ``host``, ``error``, ``errno``, ``status``.
            cause: Key that distinguishes causes; *text* by default.
        """

        def write(level: int, number: int) -> None:
            extra = {"braze_context": {**(context or {}), "suppressed": number}}
            logger.log(level, "%s%s", text, suppressed_note(number), extra=extra)

        number = self.record(cause or text, functools.partial(write, level))
        write(logging.DEBUG if number is None else level, number or 0)

    def record(
        self, cause: Hashable, write: Callable[[int], object] = lambda _: None
    ) -> int | None:
        """
        Count an occurrence of *cause*, which `flush` passes to *write* with a number.

        Returns:
            The number of occurrences suppressed since the last message; ``None`` if
            this one is suppressed too.
        """
        now = self._clock()
        with self._lock:
            known = self._causes.get(cause) or self._add(cause, now)
            if now - known.logged_at < INTERVAL:
                known.suppressed += 1
                known.write = write
                self._has_suppressed = True
                return None
            number, known.logged_at, known.suppressed = known.suppressed, now, 0
            return number

    def flush(self, *, at_end: bool = False) -> None:
        """Log causes that were suppressed, but not for a minute; *at_end*, all."""
        if not self._has_suppressed:
            return
        now = self._clock()
        with self._lock:
            waiting = [known for known in self._causes.values() if known.suppressed]
            due = [x for x in waiting if at_end or now - x.logged_at >= INTERVAL]
            self._has_suppressed = len(due) < len(waiting)
            writes = [functools.partial(x.write, x.suppressed) for x in due]
            for known in due:
                known.logged_at, known.suppressed = now, 0
        for write in writes:
            write()

    def _add(self, cause: Hashable, now: float) -> _Cause:
        """Return the entry of a new cause; the shared entry beyond `MAX_CAUSES`."""
        if len(self._causes) >= MAX_CAUSES:
            self._causes = {
                key: known
                for key, known in self._causes.items()
                if now - known.logged_at < INTERVAL
            }
        shared = "many causes" if len(self._causes) >= MAX_CAUSES else cause
        return self._causes.setdefault(shared, _Cause())


def suppressed_note(suppressed: int | None) -> str:
    """Return the end of a message that represents *suppressed* others; may be empty."""
    return f" ({suppressed:,} more since the last line)" if suppressed else ""
