"""
Every answer there is. The status tells Braze who holds the events now.
"""

from __future__ import annotations

import math
from typing import Final

from braze_heap.receiver._http import Response

LEAST_WAIT: Final = 1
MOST_WAIT: Final = 3600
"""Seconds that a sender is asked to wait."""

USUAL_WAIT: Final = 5.0
"""Seconds to wait for a sink that does not say how long, and for a free place."""


def _answer(status: int, word: str, **headers: str) -> Response:
    body = b'{"result":"%b"}' % word.encode()
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    framing = [("content-type", "application/json"), ("content-length", str(len(body)))]
    return Response(status, (*framing, *named), body)


SETTLED: Final = _answer(200, "settled")
"""We hold them: delivered, skipped, or in the dead letter, durably."""

UNREADABLE: Final = _answer(400, "unreadable")
"""Cut this batch for us. Its bytes are in the dead letter."""

UNKNOWN: Final = _answer(401, "unauthorized", www_authenticate="Bearer")
"""We do not know you. The body was not read."""

NO_POST: Final = _answer(405, "post_only", allow="POST")

SEND_FEWER: Final = _answer(413, "send_fewer")
"""You hold them. Splitting helps."""

NO_GZIP: Final = _answer(415, "gzip_or_nothing", accept_encoding="gzip")


def later(seconds: float | None = None, *, is_throttled: bool = False) -> Response:
    """
    Return the answer to a batch that nobody decided about: it is still the sender's.

    Args:
        seconds: When to come again.
        is_throttled: Whether it is Heap's rates that keep us.
    """
    wait = USUAL_WAIT if seconds is None or math.isnan(seconds) else seconds
    after = str(math.ceil(min(max(wait, LEAST_WAIT), MOST_WAIT)))
    status, word = (429, "too_fast") if is_throttled else (503, "later")
    return _answer(status, word, retry_after=after)
