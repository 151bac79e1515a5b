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

    def __iter__(self) -> Iterator[Element]:
        closing = b""  # of the array of events, and the object around it
        while self._skip_gap():
            if closing and self._buffer.startswith(closing[:1], self._at):
                self._take(1)
                closing = closing[1:]
                continue
            if not closing and (opening := self._opening()):
                self._take(len(opening))
                closing = b"]" if opening == b"[" else b"]}"
                continue
            if closing == b"}":
                length, _ = self._measure_bracketed(depth=1)
                flaw = "more than events in a request body"
            elif self._buffer[self._at] in b"{[":
                length, flaw = self._measure_bracketed()
            else:
                length, flaw = self._measure(_SCALAR if closing else _LINE)
            offset = self._dropped + self._at
            yield Element(offset, self._take(length), bool(closing), flaw)
            closing = b"" if flaw else closing
        if closing:
            offset, flaw = self._dropped + self._at, "ends before its array does"
            yield Element(offset, b"", is_event=True, flaw=flaw)

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

    def _measure(self, pattern: re.Pattern[bytes]) -> tuple[int, str]:
        """Return the length of what *pattern* matches, and its flaw."""
        while True:
            found = pattern.match(self._buffer, self._at)
            end = found.end() if found else len(self._buffer)
            if end - self._at > MAX_ELEMENT:
                return end - self._at, f"over {MAX_ELEMENT:,} bytes without an end"
            if end < len(self._buffer) or not self._more():
                return max(end - self._at, 1), ""

    def _measure_bracketed(self, depth: int = 0) -> tuple[int, str]:
        """Return the length up to the bracket that closes all, and its flaw."""
        done = 0
        while len(self._buffer) - self._at <= MAX_ELEMENT:
            for token in _TOKEN.finditer(self._buffer, self._at + done):
                if token[0] == b'"':
                    break
                done = token.end() - self._at
                depth += (token[0] in b"{[") - (token[0] in b"}]")
                if depth == 0:
                    return done, ""
            if not self._more():
                return len(self._buffer) - self._at, "ends before its object does"
        length = len(self._buffer) - self._at
        return length, f"over {MAX_ELEMENT:,} bytes without an end"

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
