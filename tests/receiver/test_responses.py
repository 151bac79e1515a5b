"""Tests of the responses, byte by byte."""

import math

import pytest

from braze_heap.receiver import _http


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
def test_retry_after_is_whole_seconds_up_to_one_hour(seconds, after):
    """The time is rounded up."""
    assert dict(_http.retry_later(seconds).headers)["retry-after"] == after


@pytest.mark.parametrize(
    ("is_throttled", "status", "result"),
    [(False, 503, "unavailable"), (True, 429, "rate_limited")],
)
def test_throttling_has_its_own_status(is_throttled, status, result):
    """429 for Heap's rate limits, 503 for any other cause."""
    body = b'{"result":"%b"}' % result.encode()
    response = _http.retry_later(7, is_throttled=is_throttled)

    assert (response.status, response.body) == (status, body)
    assert dict(response.headers) == {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "retry-after": "7",
    }
