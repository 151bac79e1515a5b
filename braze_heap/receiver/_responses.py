"""Responses of a receiver. The status decides whether Braze sends events again."""

from __future__ import annotations

import math
from typing import Final

from braze_heap.receiver._http import Response

MIN_RETRY_AFTER: Final = 1
MAX_RETRY_AFTER: Final = 3600
"""Bounds of ``Retry-After``, in seconds."""

DEFAULT_RETRY_AFTER: Final = 5.0
"""Seconds, if a sink gives no time to wait or no slot is free."""


def _response(status: int, result: str, **headers: str) -> Response:
    body = b'{"result":"%b"}' % result.encode()
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    framing = [("content-type", "application/json"), ("content-length", str(len(body)))]
    return Response(status, (*framing, *named), body)


ACCEPTED: Final = _response(200, "accepted")
"""Each event is delivered, skipped or in the dead letter. Braze must not resend."""

UNREADABLE: Final = _response(400, "unreadable")
"""The body is in the dead letter. Braze splits the batch and resends."""

UNAUTHORIZED: Final = _response(401, "unauthorized", www_authenticate="Bearer")
"""The token is missing or invalid; the body was not read."""

METHOD_NOT_ALLOWED: Final = _response(405, "method_not_allowed", allow="POST")

TOO_LARGE: Final = _response(413, "too_large")
"""Nothing is accepted. Braze splits the batch and resends."""

UNSUPPORTED_ENCODING: Final = _response(
    415, "unsupported_encoding", accept_encoding="gzip"
)


STATUSES: Final = (200, 400, 401, 405, 413, 415, 429, 503)
"""Every status that a receiver answers."""


def retry_later(
    seconds: float | None = None, *, is_throttled: bool = False
) -> Response:
    """
    Return the response to a batch that must be resent.

    Args:
        seconds: Time to wait; rounded up to whole seconds of one hour at most.
        is_throttled: Whether a rate limit of Heap is the cause.
    """
    wait = DEFAULT_RETRY_AFTER if seconds is None or math.isnan(seconds) else seconds
    after = str(math.ceil(min(max(wait, MIN_RETRY_AFTER), MAX_RETRY_AFTER)))
    status, result = (429, "rate_limited") if is_throttled else (503, "unavailable")
    return _response(status, result, retry_after=after)
