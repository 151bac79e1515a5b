"""Measuring on a machine that others use too."""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

Step: TypeAlias = Callable[[int], object]
"""Something to measure. Gets the number of the round, to take other input each time."""


TURN: Final = 5
"""Batches of a step before the next one has its turn, as in a backfill."""


def cpu_seconds(steps: Mapping[str, Step], rounds: int) -> dict[str, list[float]]:
    """
    Return the CPU seconds of each step in each round, in a random order each time.

    CPU time of the thread, not time on the clock: what others do on the machine counts
    as little as it can.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds):
        for name, step in random.sample([*steps.items()], len(steps)):
            start = time.thread_time()
            for number in range(turn * TURN, turn * TURN + TURN):
                step(number)
            seconds[name].append((time.thread_time() - start) / TURN)
    return seconds


def ratios(seconds: Mapping[str, list[float]], base: str) -> dict[str, float]:
    """Return the median of the ratios of each step to *base* in the same round."""
    return {
        name: statistics.median(
            t / b for t, b in zip(times, seconds[base], strict=True)
        )
        for name, times in seconds.items()
    }
