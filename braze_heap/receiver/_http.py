"""Requests and responses, independent of a framework."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

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
