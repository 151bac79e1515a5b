"""
What is answered, to the byte.
"""

import math

import pytest

from braze_heap.receiver import _responses


@pytest.mark.parametrize(
    ("seconds", "after"),
    [
        (None, "5"),
        (math.nan, "5"),
        (-1.0, "1"),
        (0.2, "1"),
        (1.5, "2"),
        (3600.0, "3600"),
        (math.inf, "3600"),
    ],
)
def test_a_wait_is_whole_seconds_of_one_hour_at_most(seconds, after):
    """
    Rounded up, so that nobody comes too early.
    """
    assert dict(_responses.retry_later(seconds).headers)["retry-after"] == after


@pytest.mark.parametrize(
    ("is_throttled", "status", "body"),
    [
        (False, 503, b'{"result":"unavailable"}'),
        (True, 429, b'{"result":"rate_limited"}'),
    ],
)
def test_who_keeps_us_is_told(is_throttled, status, body):
    """
    429 for Heap's rates, 503 for anything else; framed, as JSON.
    """
    answer = _responses.retry_later(7, is_throttled=is_throttled)

    assert (answer.status, answer.body) == (status, body)
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "retry-after": "7",
    }
