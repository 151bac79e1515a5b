"""
Read JSON: request bodies, arrays, JSON lines, and sequences of documents.

JSON lines are read line by line, so that one bad line costs one line. Everything else
is split at its brackets, and each element is then decoded separately.
"""

import io
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from braze_heap._json import decode, decode_lines_fast
from braze_heap._json_limits import UnreadableError
from braze_heap.wire._elements import CHUNK, EVENTS, MAX_ELEMENT, Element, Elements
from braze_heap.wire._formats import HEAD, check_format, is_decided
from braze_heap.wire._read import RawEvent, Read, Unreadable, events_of

BOM: Final = b"\xef\xbb\xbf"
"""Byte order mark. Offsets count from its end."""

_BLOCK: Final = 1 << 16
"""Bytes of lines that are decoded together. They stay in the caches of a processor."""

_MAX_RAW: Final = 1 << 16
_MAX_HEAD: Final = 1 << 20
_LIKE_JSON: Final = re.compile(rb"^[ \t]*[{\[]", re.MULTILINE)

Buffered: TypeAlias = "io.BufferedReader[Any]"


def read(stream: Buffered, event_type: str | None) -> Iterator[Read]:
    """
    Read the events of JSON in any layout.

    Raises:
        UnknownFormatError: The stream is not JSON.
    """
    head = _Head(stream)
    if head.failure is None:
        check_format(head.data)
    replayed = _Replayed(head, stream)
    if _has_lines(head.data):
        yield from _read_lines(replayed.read, event_type)
        return
    for element in Elements(replayed):
        yield from _events_in(element, event_type)


def is_json_lines(stream: Buffered) -> bool:
    """Return whether `read` would read *stream* line by line."""
    head = _Head(stream)
    return head.failure is None and _has_lines(head.data)


def read_lines(
    stream: Buffered, event_type: str | None, start: int, end: int
) -> Iterator[Read]:
    """
    Read the events of the lines that begin at offsets from *start* to before *end*.

    Args:
        stream: JSON lines, from the byte before *start*; all of them if *start* is 0.
        event_type: The type of storage records.
        start: Smallest offset of the first line.
        end: Lines from this offset on are not read.
    """
    offset = start
    if start:
        offset += _rest_of_line(stream, end - start) - 1
    yield from _read_lines(stream.read1, event_type, offset, end)


def _rest_of_line(stream: Buffered, limit: int) -> int:
    """Skip to the next line, or more than *limit* bytes, and return their number."""
    skipped = 0
    while skipped <= limit and (piece := stream.readline(CHUNK)):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


class _Head:
    """
    The beginning of a stream, enough to detect its format and layout.

    Attributes:
        data: Its bytes, without a byte order mark.
        failure: Error of the stream after them. It is raised once they are read, so
            that the events before it are not lost.
    """

    def __init__(self, stream: Buffered) -> None:
        self.failure: Exception | None = None
        data, lines = bytearray(), 0
        try:
            while (
                len(data) < _MAX_HEAD
                and not (lines > 1 and is_decided(bytes(data[:HEAD])))
                and (piece := stream.read1(CHUNK))
            ):
                data += piece
                lines += piece.count(b"\n")
        except Exception as error:
            self.failure = error
        self.data = bytes(data).removeprefix(BOM)


def _events_in(element: Element, event_type: str | None) -> Iterator[Read]:
    offset = element.offset
    try:
        if element.flaw:
            raise UnreadableError(element.flaw)
        value = decode(element.data)
        for event in [value] if element.is_event else events_of(value):
            yield RawEvent(event, event_type, offset)
    except UnreadableError as error:
        yield Unreadable(offset, str(error), element.data[:_MAX_RAW])


def _has_lines(head: bytes) -> bool:
    """
    Return whether each line is a document, judging by the first line that begins like
    JSON and the next one.

    Either one of them is a document, or both begin like one at the left margin, because
    the inside of a document would be indented. The beginning of an array or request
    body of several lines is not a document.
    """
    found = _LIKE_JSON.search(head)
    first, _, rest = head[found.start() if found else 0 :].strip().partition(b"\n")
    second = rest.partition(b"\n")[0]
    if first.strip() in (b"", b"{"):
        return False
    if first.startswith(b"[") or EVENTS.match(first):
        return _is_document(first)
    both_begin = first.startswith(b"{") and second.startswith(b"{")
    return both_begin or _is_document(first) or _is_document(second)


def _is_document(line: bytes) -> bool:
    try:
        return isinstance(decode(line), dict | list)
    except UnreadableError:
        return False


class _Replayed:
    """A stream including the beginning that was already read."""

    def __init__(self, head: _Head, stream: Buffered) -> None:
        self._head = io.BytesIO(head.data)
        self._failure = head.failure
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        return self._head.read(size) or self._rest().read1(size)

    def _rest(self) -> Buffered:
        if self._failure is not None:
            raise self._failure
        return self._stream


def _read_lines(
    read: Callable[[int], bytes],
    event_type: str | None,
    start: int = 0,
    end: int = sys.maxsize,
) -> Iterator[Read]:
    for offset, block, is_cut in _blocks(read, start, end):
        if is_cut and offset < end:
            flaw = f"a line of over {MAX_ELEMENT:,} bytes"
            yield Unreadable(offset, flaw, block)
            continue
        lines = block.removesuffix(b"\n").split(b"\n")
        is_short = len(block) <= 2 * _BLOCK
        values = decode_lines_fast(lines) if is_short else None
        for line, value in zip(lines, values or lines, strict=True):
            if offset >= end:
                return
            if value and type(value) is dict and "events" not in value:
                yield RawEvent(value, event_type, offset)
            elif line.strip():
                yield from _events_in(Element(offset, line), event_type)
            offset += len(line) + 1


def _blocks(
    read: Callable[[int], bytes], offset: int, end: int
) -> Iterator[tuple[int, bytes, bool]]:
    """
    Yield whole lines as soon as they are read, in blocks, each with its offset.

    Of a line that is too long, the first bytes come, and true instead of false.
    """
    rest = bytearray()
    while offset < end and (data := read(_BLOCK)):
        newline = data.find(b"\n")
        if len(rest) + (newline + 1 or len(data)) > MAX_ELEMENT:
            yield offset, bytes(rest[:_MAX_RAW]), True
            offset += len(rest)
            while data and newline < 0:
                offset += len(data)
                data = read(_BLOCK)
                newline = data.find(b"\n")
            offset += newline + 1
            data, rest = data[newline + 1 :], bytearray()
        cut = data.rfind(b"\n") + 1
        if cut:
            rest += data[:cut]
            yield offset, bytes(rest), False
            offset += len(rest)
            rest.clear()
        rest += data[cut:]
    if rest:
        yield offset, bytes(rest), False
