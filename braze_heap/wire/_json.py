"""
Read JSON: request bodies, arrays, JSON lines, and sequences of documents.

JSON lines are read line by line, so that one bad line costs one line. Everything else
is split at its brackets, and each element is then decoded separately.
"""

import re
import sys
from collections.abc import Iterator
from typing import Final

from braze_heap._json import decode, decode_lines_fast
from braze_heap._json_limits import UnreadableError
from braze_heap.wire._elements import EVENTS, MAX_ELEMENT, Element, Elements
from braze_heap.wire._formats import HEAD, check_format, is_decided
from braze_heap.wire._read import RawEvent, Read, Unreadable, events_of
from braze_heap.wire._stream import Stream

BOM: Final = b"\xef\xbb\xbf"
"""Byte order mark. Offsets count from its end."""

_BLOCK: Final = 1 << 16
"""Bytes of lines that are decoded together. They stay in the caches of a processor."""

_MAX_RAW: Final = 1 << 16
_MAX_HEAD: Final = 1 << 20
_LIKE_JSON: Final = re.compile(rb"^[ \t]*[{\[]", re.MULTILINE)


def read(stream: Stream, event_type: str | None) -> Iterator[Read]:
    """
    Read the events of JSON in any layout.

    Raises:
        UnknownFormatError: The stream is not JSON.
    """
    head = _head(stream)
    if stream.error is None:
        check_format(head)
    if _has_lines(head):
        yield from _read_lines(stream, event_type)
        return
    for element in Elements(stream.read1):
        yield from _events_in(element, event_type)


def is_json_lines(stream: Stream) -> bool:
    """Return whether `read` would read *stream* line by line."""
    head = _head(stream)
    return stream.error is None and _has_lines(head)


def read_lines(
    stream: Stream, event_type: str | None, start: int, end: int
) -> Iterator[Read]:
    """
    Read the events of the lines that begin at offsets from *start* to before *end*.

    Args:
        stream: JSON lines, from the byte before *start*; all of them if *start* is 0.
        event_type: The type of storage records.
        start: Smallest offset of the first line.
        end: Lines from this offset on are not read.
    """
    offset = start - 1 if start else 0
    while start and offset < end and (piece := stream.read1()):
        line, newline, rest = piece.partition(b"\n")
        offset += len(line + newline)
        if newline:
            stream.unread(rest)
            break
    yield from _read_lines(stream, event_type, offset, end)


def _head(stream: Stream) -> bytes:
    """
    Return the beginning of *stream*, enough to detect its format and layout.

    It stays unread, without a byte order mark.
    """
    data, lines = bytearray(), 0
    for piece in stream.pieces():
        data += piece
        lines += piece.count(b"\n")
        is_enough = lines > 1 and is_decided(bytes(data[:HEAD]))
        if is_enough or len(data) >= _MAX_HEAD:
            break
    stream.unread(head := bytes(data).removeprefix(BOM))
    return head


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


def _read_lines(
    stream: Stream,
    event_type: str | None,
    start: int = 0,
    end: int = sys.maxsize,
) -> Iterator[Read]:
    for offset, block, is_cut in _blocks(stream, start, end):
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


def _blocks(stream: Stream, offset: int, end: int) -> Iterator[tuple[int, bytes, bool]]:
    """
    Yield whole lines as soon as they are read, in blocks, each with its offset.

    Of a line that is too long, the first bytes come, and true instead of false.
    """
    rest = bytearray()
    while offset < end and (data := stream.read1(_BLOCK)):
        newline = data.find(b"\n")
        if len(rest) + (newline + 1 or len(data)) > MAX_ELEMENT:
            yield offset, bytes(rest[:_MAX_RAW]), True
            offset += len(rest)
            while data and newline < 0:
                offset += len(data)
                data = stream.read1(_BLOCK)
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
