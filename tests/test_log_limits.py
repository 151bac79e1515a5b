"""Tests of the rate limit for log messages."""

import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap._log_limits import INTERVAL, MAX_CAUSES, LogRateLimiter


class Clock:
    """Clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1e9 + 0.1

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_the_first_occurrence_is_logged_at_once_and_then_one_a_minute() -> None:
    """A message has the number suppressed since the last one."""
    clock = Clock()
    limiter = LogRateLimiter(clock)
    logged: list[int | None] = []
    for _ in range(180):
        logged.append(limiter.record("down"))
        clock.now += 1.0

    assert [number for number in logged if number is not None] == [0, 59, 59]
    assert [at for at, number in enumerate(logged) if number is not None] == [
        0,
        60,
        120,
    ]


def test_causes_are_limited_separately() -> None:
    """A second cause is logged at once while the first repeats."""
    limiter = LogRateLimiter(Clock())

    assert [limiter.record(c) for c in "aabab"] == [0, None, 0, None, None]


def test_memory_and_lines_are_bounded() -> None:
    """More than 100 causes share one message a minute until the interval is over."""
    clock = Clock()
    limiter = LogRateLimiter(clock)

    lines = [n for n in map(limiter.record, range(10_000)) if n is not None]
    held = len(limiter._causes)
    clock.now += INTERVAL

    assert (len(lines), held) == (MAX_CAUSES + 1, MAX_CAUSES + 1)
    assert limiter.record("new") == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 90)), max_size=60))
def test_every_occurrence_is_counted(steps: list[tuple[str, float]]) -> None:
    """Messages, the occurrences they count and those still waiting add up."""
    clock = Clock()
    limiter = LogRateLimiter(clock)
    seen = 0
    for cause, seconds in steps:
        clock.now += seconds
        number = limiter.record(cause)
        seen += 0 if number is None else 1 + number

    assert seen + sum(line.suppressed for line in limiter._causes.values()) == len(
        steps
    )


def test_threads_do_not_lose_counts() -> None:
    """Eight threads log one message, and all other occurrences are counted."""
    clock = Clock()
    limiter = LogRateLimiter(clock)

    def work() -> None:
        for _ in range(500):
            limiter.record("down")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.now += INTERVAL

    assert limiter.record("down") == 3999


def test_suppressed_messages_are_logged_at_debug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The record has the machine-readable context as an attribute."""
    caplog.set_level("DEBUG")
    limiter = LogRateLimiter(Clock())
    for _ in range(2):
        limiter.log(
            logging.getLogger("braze_heap.test"),
            logging.ERROR,
            "down",
            context={"errno": 1},
        )

    assert [r.levelname for r in caplog.records] == ["ERROR", "DEBUG"]
    assert vars(caplog.records[0])["braze_context"] == {"errno": 1, "suppressed": 0}


def test_flush_logs_a_cause_that_stopped_a_minute_ago(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The number suppressed is logged once."""
    clock = Clock()
    limiter, logger = LogRateLimiter(clock), logging.getLogger("braze_heap.test")
    for _ in range(3):
        limiter.log(logger, logging.ERROR, "down")
    limiter.flush()
    clock.now += INTERVAL
    for _ in range(3):
        limiter.flush()

    assert caplog.messages == ["down", "down (2 more since the last line)"]


def test_flush_at_the_end_logs_every_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    limiter, logger = LogRateLimiter(Clock()), logging.getLogger("braze_heap.test")
    for cause in ("a", "b", "a"):
        limiter.log(logger, logging.ERROR, cause)
    limiter.flush(at_end=True)
    limiter.flush(at_end=True)

    assert caplog.messages == ["a", "b", "a (1 more since the last line)"]
