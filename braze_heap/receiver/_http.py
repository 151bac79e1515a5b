"""
What comes in and what goes out, whatever carries it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from braze_heap.exceptions import BrazeHeapError

Text: TypeAlias = str | bytes
Body: TypeAlias = bytes | Iterable[bytes] | AsyncIterable[bytes]
"""All of it, or its pieces as they come; the asynchronous receiver awaits them."""


class IncompleteBodyError(BrazeHeapError):
    """
    The sender went away before the body was complete. Adapters raise it out of a body.
    """


def _pairs(headers: Mapping[Text, Text] | Iterable[tuple[Text, Text]]) -> Headers:
    found: Any = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((_text(name).lower(), _text(value)) for name, value in found)


def _text(value: Text) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


Headers: TypeAlias = tuple[tuple[str, str], ...]


@attrs.frozen
class Request:
    """
    A request. Nothing of it is in its repr.

    Attributes:
        method: As HTTP spells it.
        headers: Pairs of name and value, a repeated header repeated; text or bytes.
        body: All of it, or its pieces. It is not touched before the token is checked.
    """

    method: str = "POST"
    headers: Headers = attrs.field(default=(), converter=_pairs, repr=False)
    body: Body = attrs.field(default=b"", repr=False)

    def values(self, name: str) -> list[str]:
        """
        Return the values of the header *name* (in small letters), in order.
        """
        return [value for known, value in self.headers if known == name]


@attrs.frozen
class Response:
    """
    An answer: one of a few constants, so that it echoes nothing.

    Attributes:
        status: 200, 400, 401, 405, 413, 415, 429 or 503.
        headers: Pairs of name and value.
        body: JSON, a word.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
