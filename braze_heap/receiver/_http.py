"""
Requests and responses, independent of a framework.

The status of a response decides whether Braze sends events again.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from braze_heap.exceptions import BrazeHeapError

Text: TypeAlias = str | bytes
Body: TypeAlias = bytes | Iterable[bytes] | AsyncIterable[bytes]
"""Complete body, or an iterable of its pieces; `AsyncReceiver` also awaits them."""


class IncompleteBodyError(BrazeHeapError):
    """The sender disconnected before the body was complete. Adapters raise it."""


def _pairs(headers: Mapping[Text, Text] | Iterable[tuple[Text, Text]]) -> Headers:
    found: Any = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((_text(name).lower(), _text(value)) for name, value in found)


def _text(value: Text) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


Headers: TypeAlias = tuple[tuple[str, str], ...]


@attrs.frozen
class Request:
    """
    HTTP request. Its repr shows only the method.

    Attributes:
        method: HTTP method; case-sensitive.
        headers: Pairs of name and value, as text or bytes. Names may repeat.
        body: Complete or in pieces. It is not read before the token is checked.
    """

    method: str = "POST"
    headers: Headers = attrs.field(default=(), converter=_pairs, repr=False)
    body: Body = attrs.field(default=b"", repr=False)

    def values(self, name: str) -> list[str]:
        """Return the values of the header *name* (lower case), in order."""
        return [value for known, value in self.headers if known == name]


@attrs.frozen
class Response:
    """
    HTTP response. It never contains data of the request.

    Attributes:
        status: 200, 400, 401, 405, 413, 415, 429 or 503.
        headers: Pairs of name and value.
        body: JSON such as ``{"result":"accepted"}``.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


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
    Return the response to a batch that must be resent, after whole seconds up to one
    hour. It *is_throttled* if a rate limit of Heap is the cause.
    """
    wait = 5.0 if seconds is None or math.isnan(seconds) else seconds
    after = str(math.ceil(min(max(wait, 1), 3600)))
    status, result = (429, "rate_limited") if is_throttled else (503, "unavailable")
    return _response(status, result, retry_after=after)
