"""Read files, streams and bytes in any wire form, without loading them into memory."""

import gzip
import inspect
import io
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, cast

import attrs

from braze_heap._wiring import kind_of
from braze_heap.wire import _avro, _json
from braze_heap.wire._elements import CHUNK
from braze_heap.wire._formats import UnknownFormatError
from braze_heap.wire._read import Read, Unreadable

if TYPE_CHECKING:
    from braze_heap.storage._objects import ObjectFile

AVRO: Final = b"Obj\x01"
"""Beginning of an Avro file."""

GZIP: Final = b"\x1f\x8b"
"""Beginning of gzipped data."""


def read_events(
    source: "os.PathLike[str] | BinaryIO | bytes | str",
    *,
    event_type: str | None = None,
) -> Iterator[Read]:
    """
    Read the events of *source* in order, and report unreadable parts.

    Args:
        source: A path (an `os.PathLike`), an open binary file, the content itself, or
            the URL of an object, such as ``"s3://bucket/key.avro"``. It contains a
            request body, a JSON array, one event, JSON lines, a sequence of JSON
            documents, or an Avro container file. Each may be gzipped. Files are
            streamed. A ``str`` is content unless it is a URL, which is opened: pass
            content of strangers as bytes.
        event_type: The type of storage records. By default it is taken from the Avro
            schema, from ``event_type=...`` in the path, or from a file name that begins
            with the type.

    Returns:
        A `RawEvent` for each event, an `Unreadable` for each damage. All events before
        a damage are returned; JSON lines continue after it.

    Raises:
        ValueError: At once, if *source* is text that is a path, or a URL in a `Path`.
        TypeError: At once, if *source* is something else.
        OSError: While reading, if the path or URL cannot be opened, or the store failed
            again and again.
        UnknownFormatError: Before the first event, if *source* is neither JSON nor
            Avro. It is a `ValueError`.
        Exception: Any error of an open file, unchanged, after the events before it. An
            error of a stream is not damage.
        ModuleNotFoundError: For an Avro file without the extra ``avro``, and for a URL
            without the extra of its store.
    """
    if isinstance(source, str):
        if is_url(source):
            return _read_url(source.strip(), event_type)
        refuse_path(source)
        source = source.encode("utf-8", "surrogatepass")
    if isinstance(source, bytes | bytearray | memoryview):
        return _read_with_name(io.BytesIO(source), event_type)
    if isinstance(source, os.PathLike):
        return _read_path(source, event_type)
    if not callable(getattr(source, "read", None)):
        raise TypeError(
            "read_events takes a path, an open binary file or content, "
            f"not {type(source).__name__}"
        )
    return _read_with_name(source, event_type)


def _read_path(path: "os.PathLike[str]", event_type: str | None) -> Iterator[Read]:
    name = os.fsdecode(path)
    if _URL_AS_PATH.match(name) and not os.path.exists(name):  # noqa: PTH110
        raise ValueError(_NO_URL)
    return _read_file(name, event_type or type_in_path(name))


def _read_file(name: str, event_type: str | None) -> Iterator[Read]:
    with open(name, "rb", buffering=0) as file:
        yield from _read_with_name(file, event_type)


def _read_url(url: str, event_type: str | None) -> Iterator[Read]:
    from braze_heap.storage._objects import locate, open_object

    with open_object(locate(url)) as file:
        yield from read_object(file, event_type or type_in_path(url))


def read_object(file: "ObjectFile", event_type: str | None) -> Iterator[Read]:
    """
    Read the events of the object *file*.

    Raises:
        OSError: The store failed, or the object was overwritten meanwhile. Then its
            parts do not fit together, which is not damage.
    """
    for read in _read_with_name(file, event_type):
        if isinstance(read, Unreadable):
            file.check_unchanged()
        yield read
    if file.is_long:
        file.check_unchanged()


def _read_with_name(file: Any, event_type: str | None) -> Iterator[Read]:
    """Read the events of *file*, and add its name to unreadable parts."""
    name, source = _name_of(file), _Source(file)
    try:
        yield from _finished(_read(source, source, event_type), name)
    except UnknownFormatError as error:
        raise attrs.evolve(error, source=name) from None


def _finished(reads: Iterator[Read], source: str) -> Iterator[Read]:
    """Yield *reads* with the name of *source*, and columns in lower case."""
    for read in reads:
        if isinstance(read, Unreadable):
            read = attrs.evolve(read, source=source)
        elif isinstance(read.value, dict) and "ID" in read.value:
            read = attrs.evolve(read, value=_in_lower_case(read.value))
        yield read


def _in_lower_case(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of a warehouse that writes names of columns in upper case."""
    names = [name.lower() if name.isupper() else name for name in record]
    is_clear = len(set(names)) == len(names)
    return dict(zip(names, record.values(), strict=True)) if is_clear else record


def _name_of(file: Any) -> str:
    name = getattr(file, "name", "")
    return os.fsdecode(name) if isinstance(name, str | bytes) else ""


def _read(file: Any, source: "_Source", event_type: str | None) -> Iterator[Read]:
    """Read the events of *file*, either *source* itself or inflated from it."""
    start = _start(file, len(AVRO))
    raw = _Raw(file, start)
    stream = io.BufferedReader(raw, CHUNK)
    if _begins_with(GZIP, start):
        yield from _inflated(raw, source, event_type)
    elif _begins_with(AVRO, start):
        yield from _avro.read(stream, event_type, source.check)
    else:
        yield from _json.read(stream, event_type)


def _begins_with(magic: bytes, start: bytes) -> bool:
    """Return whether *start* begins with *magic*, or is a part of it."""
    return bool(start) and magic.startswith(start[: len(magic)])


_PATH: Final = re.compile(
    r"[a-z][a-z0-9+.-]+:/.*"  # a URL, also as pathlib writes one
    r"|(?:[^{\[].*)?[/\\][^/\\]*"  # with a separator
    r"|.*\.(?:jsonl?|ndjson|avro|csv|txt|gz|zip|zst|parquet)"
    r'|[^{\["]*\.[a-z][a-z0-9]{0,9}',  # with any other file extension
    re.IGNORECASE,
)
_URL_AS_PATH: Final = re.compile(r"[a-z][a-z0-9+.-]+:[/\\]", re.IGNORECASE)
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]+(?:::[a-z0-9+.-]+)*://\S", re.IGNORECASE)
_MAX_PATH: Final = 4096

PATH_HINT: Final = (
    "a str is content, not a path: write read_events(Path(...)) for a file"
)
_NO_URL: Final = "Path(...) changes URLs: pass the URL as a str to read_events"
_URL_HINT: Final = "a URL is not content: write read_events(url)"


def is_path(text: str) -> bool:
    """Return whether *text* is a path or a URL rather than JSON."""
    text = text.strip()
    is_one_line = len(text) <= _MAX_PATH and text.isprintable()
    return is_one_line and _PATH.fullmatch(text) is not None


def is_url(text: str) -> bool:
    """Return whether *text* is a URL, such as ``s3://bucket/key``."""
    return _URL.match(text.strip()) is not None and is_path(text)


def refuse_path(text: str) -> None:
    """Raise a `ValueError` with advice if *text* is a path or a URL."""
    if is_path(text):
        raise ValueError(path_hint(text))


def path_hint(text: str) -> str:
    """Return advice about *text*, a path or a URL that was passed as content."""
    return _URL_HINT if is_url(text) else PATH_HINT


def is_json_lines(file: BinaryIO) -> bool:
    """Return whether `read_events` reads *file* as JSON lines, not zipped."""
    start = _start(file, len(AVRO))
    if start.startswith((GZIP, AVRO)):
        return False
    return _json.is_json_lines(io.BufferedReader(_Raw(file, start), CHUNK))


def read_lines(
    file: BinaryIO, event_type: str | None, start: int, end: int
) -> Iterator[Read]:
    """
    Read the events of the lines of *file* that begin from *start* to before *end*.

    All parts of a file together equal the result of `read_events`, in the same order
    and with the same offsets.

    Args:
        file: JSON lines (`is_json_lines`), at its beginning, and seekable.
        event_type: The type of storage records.
        start: Smallest offset of the first line, as in `RawEvent`.
        end: Lines from this offset on are not read.
    """
    mark = len(_json.BOM) if _start(file, len(_json.BOM)) == _json.BOM else 0
    file.seek(mark + max(start - 1, 0))
    stream = io.BufferedReader(_Raw(_Source(file), b""), CHUNK)
    reads = _json.read_lines(stream, event_type, start, end)
    yield from _finished(reads, _name_of(file))


def _start(file: Any, size: int) -> bytes:
    start = b""
    while len(start) < size and (more := file.read(size - len(start))):
        start += more
    return start


def _inflated(raw: "_Raw", source: "_Source", event_type: str | None) -> Iterator[Read]:
    """Read the events of a gzip stream, with one `Unreadable` for its damage."""
    cut: Unreadable | None = None  # the event that the damage truncates
    until_error = cast("IO[bytes]", _UntilError(raw, source))
    with gzip.GzipFile(fileobj=until_error) as file:
        inflated = _Inflated(file, source)
        for read in _read(inflated, source, event_type):
            if cut:
                yield cut
            cut = read if inflated.damage and isinstance(read, Unreadable) else None
            if not cut:
                yield read
    if inflated.damage:
        where = cut or Unreadable(inflated.read_so_far, "")
        yield attrs.evolve(where, detail=inflated.damage)


class _Inflated:
    """A gzip stream that ends at its damage, and keeps its description."""

    def __init__(self, stream: gzip.GzipFile, source: "_Source") -> None:
        self._stream = stream
        self._source = source
        self.damage = ""
        self.read_so_far = 0

    def read(self, size: int = -1) -> bytes:
        if self.damage:
            return b""
        try:
            data = self._stream.read1(size)
        except (EOFError, OSError, zlib.error) as error:
            self._source.check()
            self.damage = f"broken gzip: {error}"
            return b""
        if not data:
            self._source.check()
        self.read_so_far += len(data)
        return data


@attrs.frozen
class _UntilError:
    """
    A stream that ends at an error of *source*, because gzip would lose buffered bytes
    if it got the error. `_Inflated` raises the error at that end.
    """

    raw: "_Raw"
    source: "_Source"

    def read(self, size: int = -1) -> bytes:
        try:
            return self.raw.read(size)
        except Exception:
            if not self.source.has_failed:
                raise
            return b""


class _Source:
    """
    The file object of a caller. It keeps the file's error, which `check` raises.

    The libraries that read from it may take an error for the end of the file, or for
    damage.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._error: BaseException | None = None
        # Unlike `read`, it returns available bytes before it raises or waits.
        self._read = getattr(file, "read1", file.read)

    def read(self, size: int, /) -> bytes:
        self.check()
        try:
            data = self._checked(self._read(size))
            # A buffered file that is not ready reads as empty with ``read1`` and as
            # None with ``read``: only the latter distinguishes it from the end.
            if not data and size and self._read != self._file.read:
                data = self._checked(self._file.read(1))
            return data
        except InterruptedError:  # io reads again
            raise
        except BaseException as error:
            if isinstance(error, io.UnsupportedOperation) and self._falls_back():
                return self.read(size)
            self._error = error
            raise

    @property
    def has_failed(self) -> bool:
        return self._error is not None

    def check(self) -> None:
        """Raise the error of `read`, if there was one."""
        if self._error is not None:
            raise self._error

    def _falls_back(self) -> bool:
        """Use ``read`` instead of a ``read1`` that is inherited but not supported."""
        before, self._read = self._read, self._file.read
        return bool(before != self._read)

    def _checked(self, data: Any) -> bytes:
        if data is None:
            raise BlockingIOError("the file is not ready: make it blocking")
        if isinstance(data, str):
            raise TypeError("the file is open as text: open it with open(path, 'rb')")
        if not isinstance(data, bytes | bytearray | memoryview):
            if inspect.iscoroutine(data):
                data.close()  # it would warn that nobody awaits it
            raise TypeError(
                f"read() of the file returned {kind_of(data)}, not bytes: pass a file "
                "that is read without await"
            )
        return bytes(data)


class _Raw(io.RawIOBase):
    """A raw stream from *start* and an object with ``read``, to be buffered."""

    def __init__(self, file: Any, start: bytes) -> None:
        self._file = file
        self._start = start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._start or self._file.read(len(buffer))
        size = min(len(data), len(buffer))
        buffer[:size] = data[:size]
        self._start = data[size:]
        return size


_IN_PATH: Final = re.compile(r"event_type(?:=|%(?:25)*3d)([a-z0-9_.]+)", re.IGNORECASE)
_FILE_NAME: Final = re.compile(
    r"((?:users|agentconsole|contentoptimizer)(?:\.[A-Za-z]+)*?\.[A-Z][A-Za-z]*)\b"
)


def type_in_path(path: str) -> str | None:
    """Return the event type in a storage path, or at the beginning of a file name."""
    if found := _IN_PATH.findall(path):
        return str(found[-1])
    named = _FILE_NAME.match(PurePath(path).name)
    return named[1] if named else None
