"""
Files, streams and bytes: which of the wire forms they hold, read without loading them.
"""

import gzip
import io
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, BinaryIO, Final

from braze_heap.wire import _avro, _json
from braze_heap.wire._elements import CHUNK
from braze_heap.wire._read import Read, Unreadable

_AVRO: Final = b"Obj\x01"
_GZIP: Final = b"\x1f\x8b"


def read_events(
    source: "os.PathLike[str] | BinaryIO | bytes | str",
    *,
    event_type: str | None = None,
) -> Iterator[Read]:
    """
    Read the events of *source* in order, and name what cannot be read.

    Args:
        source: A path (an `os.PathLike`; a ``str`` is content), an open binary file, or
            the content itself. It holds a request body, a JSON array, one event, JSON
            lines or a sequence of JSON documents, or an Avro container file, each of
            them gzipped or not. Files are streamed.
        event_type: The type of storage records. By default the Avro schema tells it, or
            ``event_type=...`` in the path, or a file name that begins with the type.

    Yields:
        A `RawEvent` for each event, an `Unreadable` for each damage. Everything before
        a damage is delivered; JSON lines go on behind it.

    Raises:
        OSError: The path cannot be opened.
        ModuleNotFoundError: An Avro file without the extra ``avro``.
    """
    if isinstance(source, str):
        source = source.encode("utf-8", "surrogatepass")
    if isinstance(source, bytes):
        yield from _read(io.BytesIO(source), event_type)
    elif isinstance(source, os.PathLike):
        with open(source, "rb") as file:
            yield from _read(file, event_type or type_in_path(os.fspath(source)))
    else:
        yield from _read(source, event_type)


def _read(file: BinaryIO, event_type: str | None) -> Iterator[Read]:
    start = _start(file, len(_AVRO))
    stream = io.BufferedReader(_Raw(file, start), CHUNK)
    if start.startswith(_GZIP):
        yield from _inflated(stream, event_type)
    elif start.startswith(_AVRO):
        yield from _avro.read(stream, event_type)
    else:
        yield from _json.read(stream, event_type)


def holds_lines(file: BinaryIO) -> bool:
    """
    Tell whether `read_events` reads *file* as JSON lines, neither inflated nor Avro.
    """
    start = _start(file, len(_AVRO))
    if start.startswith((_GZIP, _AVRO)):
        return False
    return _json.are_lines(io.BufferedReader(_Raw(file, start), CHUNK))


def read_lines(
    file: BinaryIO, event_type: str | None, start: int, end: int
) -> Iterator[Read]:
    """
    Read the events of those lines of *file* that begin from *start* to before *end*.

    The parts of a file read so are what `read_events` reads of it, in the same order
    and with the same offsets.

    Args:
        file: JSON lines, as `holds_lines` tells; at its beginning, and seekable.
        event_type: The type of storage records.
        start: An offset as `RawEvent` has it: where the first line may begin.
        end: Where no line may begin any more.
    """
    mark = len(_json.BOM) if _start(file, len(_json.BOM)) == _json.BOM else 0
    file.seek(mark + max(start - 1, 0))
    stream = io.BufferedReader(_Raw(file, b""), CHUNK)
    yield from _json.read_lines(stream, event_type, start, end)


def _start(file: Any, size: int) -> bytes:
    start = b""
    while len(start) < size and (more := file.read(size - len(start))):
        start += more
    return start


def _inflated(stream: BinaryIO, event_type: str | None) -> Iterator[Read]:
    with gzip.open(stream) as inflated:
        source = _Inflated(inflated)
        yield from _read(source, event_type)  # type: ignore[arg-type]
    if source.damage:
        yield Unreadable(source.read_so_far, source.damage)


class _Inflated:
    """
    A gzip stream that ends at its damage, and remembers it.
    """

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self.damage = ""
        self.read_so_far = 0

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read1(size)
        except (EOFError, OSError, zlib.error) as error:
            self.damage = f"broken gzip: {error}"
            return b""
        self.read_so_far += len(data)
        return data


class _Raw(io.RawIOBase):
    """
    Anything that has a ``read``, as a raw stream that can be buffered; what was read of
    it before comes first.
    """

    def __init__(self, file: Any, start: bytes) -> None:
        self._file = file
        self._start = start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data, self._start = self._start or self._file.read(len(buffer)), b""
        buffer[: len(data)] = data
        return len(data)


_IN_PATH: Final = re.compile(r"event_type=([A-Za-z0-9_.]+)")
_FILE_NAME: Final = re.compile(
    r"((?:users|agentconsole|contentoptimizer)(?:\.[A-Za-z]+)*?\.[A-Z][A-Za-z]*)\b"
)


def type_in_path(path: str) -> str | None:
    """
    Return the event type that a storage path names, or a file name begins with.
    """
    if found := _IN_PATH.findall(path):
        return str(found[-1])
    named = _FILE_NAME.match(PurePath(path).name)
    return named[1] if named else None
