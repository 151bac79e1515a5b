"""Split a stream of JSON at its brackets, without parsing it."""

import re
from collections.abc import Callable, Iterator
from typing import Final

import attrs

MAX_ELEMENT: Final = 16 << 20
"""Bytes of one line or element. The largest valid batch of Braze has about 10 MB."""

_GAP: Final = re.compile(rb"[\s,]*")
EVENTS: Final = re.compile(rb'\{\s*"events"\s*:\s*\[')
"""Beginning of a request body, up to its first event."""

_MAYBE_EVENTS: Final = re.compile(rb'\{\s*("(e(v(e(n(t(s("\s*:?\s*)?)?)?)?)?)?)?)?')
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["{}\[\]]', re.DOTALL)
_SCALAR: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[^\s,\[\]{}"]+', re.DOTALL)
_LINE: Final = re.compile(rb"[^\n]+")


@attrs.frozen
class Element:
    """
    A piece of a stream of JSON.

    Attributes:
        offset: Bytes from the start of the stream.
        data: Its bytes.
        is_event: Whether it is an item of an array of events.
        flaw: Reason why it is not a complete element; empty if it is one.
    """

    offset: int
    data: bytes
    is_event: bool = False
    flaw: str = ""


class Elements:
    """
    Iterator over the elements of a stream of JSON, in linear time and bounded memory.

    The outermost arrays, and ``events`` of an outermost object, are split into their
    elements.

    Args:
        read: Returns the next bytes of the stream, and none at its end.
    """

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._buffer = b""
        self._at = 0
        self._dropped = 0
        self._closing = b""
        self._flaw = ""

    def __iter__(self) -> Iterator[Element]:
        while self._skip_gap():
            if self._closing and self._buffer.startswith(self._closing[:1], self._at):
                self._take(1)
                self._closing = self._closing[1:]
            elif self._closing == b"}":
                length = self._bracketed_length(depth=1)
                self._flaw = "more than events in a request body"
                yield self._element(length)
            elif not self._closing and (opening := self._opening()):
                self._closing = b"]" if opening == b"[" else b"]}"
                self._take(len(opening))
            else:
                yield self._element(self._length())
        if self._closing:
            self._flaw = "ends before its array does"
            yield self._element(0)

    def _element(self, length: int) -> Element:
        offset = self._dropped + self._at
        is_event = bool(self._closing)
        if self._flaw:
            self._closing = b""
        flaw, self._flaw = self._flaw, ""
        return Element(offset, self._take(length), is_event, flaw)

    def _skip_gap(self) -> bool:
        while True:
            gap = _GAP.match(self._buffer, self._at)
            self._at = gap.end() if gap else self._at
            if self._at < len(self._buffer):
                return True
            if not self._more():
                return False

    def _opening(self) -> bytes:
        while (
            _MAYBE_EVENTS.fullmatch(self._buffer, self._at)
            and len(self._buffer) - self._at <= MAX_ELEMENT
            and self._more()
        ):
            pass
        if self._buffer.startswith(b"[", self._at):
            return b"["
        found = EVENTS.match(self._buffer, self._at)
        return found[0] if found else b""

    def _length(self) -> int:
        if self._buffer[self._at] in b"{[":
            return self._bracketed_length()
        scalar = _SCALAR if self._closing else _LINE
        while True:
            found = scalar.match(self._buffer, self._at)
            end = found.end() if found else len(self._buffer)
            if end - self._at > MAX_ELEMENT:
                self._flaw = f"over {MAX_ELEMENT:,} bytes without an end"
                return end - self._at
            if end < len(self._buffer) or not self._more():
                return max(end - self._at, 1)

    def _bracketed_length(self, depth: int = 0) -> int:
        done = 0
        while len(self._buffer) - self._at <= MAX_ELEMENT:
            for token in _TOKEN.finditer(self._buffer, self._at + done):
                if token[0] == b'"':
                    break
                done = token.end() - self._at
                depth += (token[0] in b"{[") - (token[0] in b"}]")
                if depth == 0:
                    return done
            if not self._more():
                self._flaw = "ends before its object does"
                return len(self._buffer) - self._at
        self._flaw = f"over {MAX_ELEMENT:,} bytes without an end"
        return len(self._buffer) - self._at

    def _more(self) -> bool:
        """Read the next chunk, and discard consumed bytes, so positions change."""
        data = self._read()
        self._dropped += self._at
        self._buffer = self._buffer[self._at :] + data
        self._at = 0
        return bool(data)

    def _take(self, length: int) -> bytes:
        start, self._at = self._at, self._at + length
        return self._buffer[start : self._at]
