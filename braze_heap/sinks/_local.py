"""Sinks for memory, the console and files."""

from __future__ import annotations

import contextlib
import copy
import errno
import gzip
import io
import logging
import mmap
import os
import stat
import sys
import threading
import zlib
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path, PurePath
from typing import IO, Any, Final

from braze_heap._errors import errno_of, error_context
from braze_heap._json import encode
from braze_heap._wiring import OfOneProcess, check_number, kind_of
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import Call, DeleteUser, Track
from braze_heap.reasons import Reason
from braze_heap.sinks._protocol import ClosingContextManager, Receipt, Rejection
from braze_heap.wire._source import is_url

logger: logging.Logger = logging.getLogger("braze_heap.sinks")


class MemorySink(OfOneProcess, ClosingContextManager):
    """Store copies of the calls in memory. For tests."""

    destination = "memory"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls: list[Call] = []
        """The calls that were sent so far, in order."""

    def __repr__(self) -> str:
        return f"<MemorySink with {len(self.calls)} calls>"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Append copies of *calls* to the list."""
        with self._lock:
            self.calls += copy.deepcopy(list(calls))
        return Receipt(accepted=len(calls))

    def close(self) -> None:
        """Do nothing; the calls remain available."""


class ConsoleSink(OfOneProcess, ClosingContextManager):
    """
    Print one line per call, for people. Shows personal values.

    Args:
        stream: Text stream; standard output by default.
    """

    destination = "console"

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return "<ConsoleSink>"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Print *calls*."""
        text = "".join(f"{_line(call)}\n" for call in calls)
        (self._stream or sys.stdout).write(text)
        return Receipt(accepted=len(calls))

    def close(self) -> None:
        """Do nothing; the stream stays open."""


def _line(call: Call) -> str:
    if isinstance(call, Track):
        texts = [call.timestamp, call.event]
    else:
        is_deletion = isinstance(call, DeleteUser)
        texts = ["DELETE" if is_deletion else "user properties"]
    properties: Mapping[str, object] = getattr(call, "properties", {})
    context = [f"{name}={value!r}" for name, value in properties.items()]
    return "  ".join([*(repr(t)[1:-1] for t in (*texts, call.identity) if t), *context])


NO_URL: Final = (
    "objects of a store cannot be appended to. Use braze-heap transform --output URL, "
    "or write a file and copy it there"
)
"""Advice about a URL where calls are appended."""


class JsonLinesSink(OfOneProcess, ClosingContextManager):
    """
    Append each call as one line of JSON. For replays, dry runs and debugging.

    A batch is passed to the operating system before `send` returns, and is on disk
    after `close`. If the file was moved or deleted meanwhile, a new one is opened. If
    `send` raises, a file contains nothing of the batch; a stream may contain a part.
    When a file is opened again, a line truncated by a crash is terminated. A ``.gz``
    file truncated by a crash of the machine is not repaired, but refused, because
    nothing that is appended to it could be read.

    Args:
        target: Path, or a text or binary stream, which the sink does not close. If the
            path ends with ``.gz``, each batch is one gzip member.
        max_bytes: Size at which a new file is started; full files are renamed to
            ``out.1.jsonl``, ``out.2.jsonl`` and so on.

    Raises:
        ValueError: The file has other content than lines of JSON objects, is compressed
            although its name does not say so, or the reverse.
        OSError: The file cannot be opened.
    """

    def __init__(
        self, target: str | os.PathLike[str] | IO[Any], *, max_bytes: int | None = None
    ) -> None:
        if max_bytes is not None:
            check_number("max_bytes", max_bytes)
        self._lock = threading.Lock()
        self._is_closed = False
        self._path: Path | None = None
        self._file: _RotatedFile | _LineStream
        if isinstance(target, str) and is_url(target):
            raise ValueError(f"a JsonLinesSink does not accept a URL: {NO_URL}")
        if isinstance(target, str | os.PathLike):
            self._path = Path(target)
            check_lines(self._path)
            self._place = self._path.resolve()
            self._file = _RotatedFile(self._path.absolute(), max_bytes)
        elif max_bytes is not None:
            raise ValueError("max_bytes is for a path: a stream is not rotated")
        elif hasattr(target, "write"):
            self._file = _LineStream(target)
        else:
            raise TypeError(
                f"a JsonLinesSink needs a path or a stream, not {kind_of(target)}"
            )

    @property
    def destination(self) -> str:
        """Kind of sink, and absolute path of the file; see `Sink`."""
        return f"file {self._place}" if self._path else "stream"

    def __repr__(self) -> str:
        return f"<JsonLinesSink to {self._path or 'a stream'}>"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Append *calls*.

        Raises:
            SinkUnavailable: The file cannot be written, or the sink is closed.
        """
        lines = [_json_line(call) for call in calls]
        with self._lock:
            self._write(b"".join(line for line in lines if line))
        rejections = tuple(
            Rejection(index, Reason.INTERNAL_ERROR, detail="cannot be written as JSON")
            for index, line in enumerate(lines)
            if line is None
        )
        return Receipt(len(calls) - len(rejections), rejections)

    def close(self) -> None:
        """Flush a file to disk and close it. A stream is flushed and stays open."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._file.close()

    def _write(self, data: bytes) -> None:
        if self._is_closed:
            raise SinkUnavailable("this JsonLinesSink is closed: create a new one")
        try:
            self._file.write(data)
        except OSError as error:
            detail = f"{self._path or 'a stream'} cannot be written: {error.strerror}"
            number = errno_of(error.errno) or type(error).__name__
            context = error_context(error)
            raise SinkUnavailable(f"{detail} ({number})", context=context) from None


_OTHER_FORMATS: Final = (
    ".7z .avro .br .bz2 .lz4 .orc .parquet .snappy .tar .tgz .xz .zip .zst".split()
)


def is_zipped(path: str | os.PathLike[str]) -> bool:
    """
    Return whether a file with the name *path* is written compressed.

    Raises:
        ValueError: The name ends like a format that is not written.
    """
    suffix = PurePath(path).suffix.lower()
    if suffix in _OTHER_FORMATS:
        raise ValueError(
            f"{os.fspath(path)}: {suffix} is not written. Name a file that ends in "
            ".jsonl, or in .jsonl.gz, which is compressed"
        )
    return suffix == ".gz"


def _json_line(call: Call) -> bytes | None:
    try:
        return encode(call.to_dict()) + b"\n"
    except (TypeError, ValueError):
        return None


class _LineStream:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        file = getattr(self._stream, "buffer", self._stream)
        if isinstance(file, io.RawIOBase):  # for example stdout with PYTHONUNBUFFERED
            self._stream.flush()
            _write_whole(file, data)
        else:
            is_text = isinstance(self._stream, io.TextIOBase)
            self._stream.write(data.decode() if is_text else data)
            self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


class _RotatedFile:
    def __init__(self, path: Path, max_bytes: int | None) -> None:
        self._path = path
        self._max_bytes = max_bytes or sys.maxsize
        self._open: FileIO | None = _open_lines(path)

    def write(self, data: bytes) -> None:
        if self._open and not _is_at(self._path, self._open):
            logger.warning("%s was moved or deleted: a new file is opened", self._path)
            self.close()
        file = self._open or _open_lines(self._path)
        self._open = file
        if file.tell() >= self._max_bytes:
            self.close()
            self._path.rename(_next_free(self._path))
            self._open = file = _open_lines(self._path)
        end = file.seek(0, os.SEEK_END)
        if data and is_zipped(self._path):
            data = gzip.compress(data, mtime=0)
        try:
            _write_whole(file, data)
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise

    def close(self) -> None:
        file, self._open = self._open, None
        if file is not None:
            with file:
                try:
                    os.fsync(file.fileno())
                except OSError as error:  # pipes and devices do not support it
                    if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                        raise
            sync_directory(self._path.parent)


def _is_at(path: Path, file: FileIO) -> bool:
    """Return whether *path* still names *file*. Pipes and devices may have no path."""
    opened = os.fstat(file.fileno())
    if not stat.S_ISREG(opened.st_mode):
        return True
    try:
        return os.path.samestat(opened, path.stat())
    except FileNotFoundError:
        return False


def _write_whole(file: io.RawIOBase, data: bytes) -> None:
    """Write *data* to an unbuffered file, whose writes may be partial."""
    rest = memoryview(data)
    while rest:
        written = file.write(rest)
        if not written:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        rest = rest[written:]


def sync_directory(path: Path) -> None:
    """Flush the names in a directory to disk, if the system supports it."""
    with contextlib.suppress(OSError):
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def check_lines(path: Path) -> None:
    """Raise a `ValueError` if *path* is a file to which calls cannot be appended."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        if not is_zipped(path):
            first = file.read(1)
        else:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                # Only the last batch can be truncated: those before it are not read.
                file.seek(max(data.rfind(_MEMBER), 0))
            try:
                with gzip.open(file) as text:
                    first = text.read(1)
                    while text.read(1 << 20):
                        pass
            except (EOFError, gzip.BadGzipFile, zlib.error):
                first = b""
    if first != b"{":
        kind = "complete gzip with lines" if is_zipped(path) else "lines"
        raise ValueError(
            f"{path} is not {kind} of JSON objects, so nothing can be appended to it: "
            "rename it, or name another file"
        )


_MEMBER: Final = gzip.compress(b"", mtime=0)[:8]
"""Beginning of a batch in a ``.gz`` file."""


def _open_lines(path: Path) -> FileIO:
    is_text = not is_zipped(path)
    file = FileIO(os.fspath(path), "ab")
    if is_text and file.tell():
        with path.open("rb") as written:
            written.seek(-1, os.SEEK_END)
            if written.read(1) != b"\n":
                file.write(b"\n")
    return file


def _next_free(path: Path) -> Path:
    name, dot, suffixes = path.name.partition(".")
    number = 1
    while (free := path.with_name(f"{name}.{number}{dot}{suffixes}")).exists():
        number += 1
    return free
