"""Read files, streams and bytes in any wire form, without loading them into memory."""

import io
import os
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import attrs

from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of, warn
from braze_heap.events import EVENT_TYPES
from braze_heap.events._catalog import catalog
from braze_heap.wire import _avro, _json
from braze_heap.wire._formats import UnknownFormatError
from braze_heap.wire._read import Read, Unreadable
from braze_heap.wire._stream import Inflated, Stream, stream_of

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
        ValueError: At once, if *source* is text that is a path, or a URL in a `Path`;
            or if *event_type* is the name of a class, or empty.
        TypeError: At once, if *source* is something else, or *event_type* a class.
        OSError: While reading, if the path or URL cannot be opened, or the store failed
            again and again.
        UnknownFormatError: Before the first event, if *source* is neither JSON nor
            Avro. It is a `ValueError`.
        Exception: Any error of an open file, unchanged, after the events before it. An
            error of a stream is not damage.
        ModuleNotFoundError: For an Avro file without the extra ``avro``, and for a URL
            without the extra of its store.

    Warns:
        UserWarning: This version does not know *event_type*.
    """
    check_event_type(event_type)
    return read_source(source, event_type)


def check_event_type(event_type: object) -> None:
    """Raise unless *event_type* is the type of records, and warn of an unknown one."""
    is_text = isinstance(event_type, str)
    if event_type is None or (is_text and event_type in EVENT_TYPES):
        return
    name = getattr(event_type, "__name__", event_type)
    named = next((t for t, each in catalog().items() if each.class_name == name), "")
    example = repr(named or "users.messages.email.Click")
    if not isinstance(event_type, str):
        given = kind_of(event_type)
        raise TypeError(f"event_type must be text such as {example}, not {given}")
    if named or not event_type.strip():
        flaw = "the name of a class" if named else "empty"
        raise ValueError(f"event_type is {flaw}: write a type such as {example}")
    hint = did_you_mean(event_type, EVENT_TYPES)
    warn(f"event_type: this version has no class for the type {event_type!r}.{hint}")


def read_source(source: Any, event_type: str | None) -> Iterator[Read]:
    """Read the events of *source*; see `read_events`. Any *event_type* is taken."""
    if isinstance(source, str):
        if is_url(source):
            return _read_url(source.strip(), event_type)
        refuse_path(source)
        source = source.encode("utf-8", "surrogatepass")
    if isinstance(source, bytes | bytearray | memoryview):
        return _read_with_name(io.BytesIO(source), event_type)
    if isinstance(source, os.PathLike):
        name = os.fsdecode(source)
        if _URL_AS_PATH.match(name) and not os.path.exists(name):  # noqa: PTH110
            raise ValueError(
                "Path(...) changes URLs: pass the URL as a str to read_events"
            )
        return _read_path(name, event_type)
    if not callable(getattr(source, "read", None)):
        raise TypeError(
            "read_events takes a path, an open binary file or content, "
            f"not {type(source).__name__}"
        )
    return _read_with_name(source, event_type)


def _read_path(name: str, event_type: str | None) -> Iterator[Read]:
    with open(name, "rb", buffering=0) as file:
        yield from _read_with_name(file, event_type or type_in_path(name))


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
    stream = stream_of(file)
    try:
        yield from _finished(_read(stream, event_type), stream.name)
    except UnknownFormatError as error:
        raise attrs.evolve(error, source=stream.name) from None


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


def _read(stream: Stream, event_type: str | None) -> Iterator[Read]:
    start = stream.peek(len(AVRO))
    if start and GZIP.startswith(start[: len(GZIP)]):
        yield from _read_gzip(stream, event_type)
    elif start and AVRO.startswith(start):
        yield from _avro.read(stream, event_type)
    else:
        yield from _json.read(stream, event_type)


def _read_gzip(stream: Stream, event_type: str | None) -> Iterator[Read]:
    """Read the events of a gzip stream, with one `Unreadable` for its damage."""
    cut: Unreadable | None = None  # the event that the damage truncates
    inflated = Inflated(stream)
    for read in _read(inflated, event_type):
        if cut:
            yield cut
        cut = read if inflated.damage and isinstance(read, Unreadable) else None
        if not cut:
            yield read
    if inflated.damage:
        where = cut or Unreadable(inflated.size, "")
        yield attrs.evolve(where, detail=inflated.damage)


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
    if is_url(text):
        return "a URL is not content: write read_events(url)"
    return "a str is content, not a path: write read_events(Path(...)) for a file"


def is_json_lines(file: BinaryIO) -> bool:
    """Return whether `read_events` reads *file* as JSON lines, not zipped."""
    stream = stream_of(file)
    is_other = stream.peek(len(AVRO)).startswith((GZIP, AVRO))
    return not is_other and _json.is_json_lines(stream)


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
    has_mark = stream_of(file).peek(len(_json.BOM)) == _json.BOM
    file.seek((len(_json.BOM) if has_mark else 0) + max(start - 1, 0))
    stream = stream_of(file)
    reads = _json.read_lines(stream, event_type, start, end)
    yield from _finished(reads, stream.name)


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
