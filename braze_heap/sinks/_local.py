"""
Sinks without a network: for tests, for people, for files.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import gzip
import io
import os
import sys
import threading
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import IO, Any

from braze_heap._errors import errno_of, error_context
from braze_heap._wiring import kind_of
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import AddUserProperties, Call, Track
from braze_heap.reasons import Reason
from braze_heap.sinks._protocol import ClosingContextManager, Receipt, Rejection


class MemorySink(ClosingContextManager):
    """
    Keeps copies of the calls. For tests.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls: list[Call] = []
        """What was sent, in order."""

    def __repr__(self) -> str:
        return f"<MemorySink with {len(self.calls)} calls>"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Keep a copy of *calls*.
        """
        with self._lock:
            self.calls += copy.deepcopy(list(calls))
        return Receipt(accepted=len(calls))

    def close(self) -> None:
        """
        Do nothing; the calls stay.
        """


class ConsoleSink(ClosingContextManager):
    """
    One line a call, for people. Shows personal values.

    Args:
        stream: Where to; standard output by default.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return "<ConsoleSink>"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Print *calls*.
        """
        text = "".join(f"{_line(call)}\n" for call in calls)
        (self._stream or sys.stdout).write(text)
        return Receipt(accepted=len(calls))

    def close(self) -> None:
        """
        Do nothing: the stream is not ours.
        """


def _line(call: Call) -> str:
    if isinstance(call, Track):
        return _row(call.timestamp, call.event, call.identity, call.properties)
    if isinstance(call, AddUserProperties):
        return _row("user properties", "", call.identity, call.properties)
    return _row("DELETE", "", call.identity, {})


def _row(*cells: object) -> str:
    *texts, properties = cells
    assert isinstance(properties, dict)  # noqa: S101 (for the type checker)
    context = [f"{name}={value!r}" for name, value in properties.items()]
    return "  ".join([*(repr(t)[1:-1] for t in texts if t), *context])


class JsonLinesSink(ClosingContextManager):
    """
    Appends each call as one line of JSON. For replays, dry runs and debugging.

    A batch is with the operating system, all of it, when `send` returns, and on the
    disk after `close`. Where `send` raises, a file holds nothing of it, a stream maybe
    a part. A line that a crash has cut is ended when the file is opened again; what a
    crash of the machine has cut in a ``.gz`` is not.

    Args:
        target: A path, or a text or binary stream that stays yours. In a path that ends
            with ``.gz`` each batch is compressed for itself.
        max_bytes: Size of the file from which on a new one is begun; the full one
            becomes ``out.1.jsonl``, the next ``out.2.jsonl``.
    """

    def __init__(
        self, target: str | os.PathLike[str] | IO[Any], *, max_bytes: int | None = None
    ) -> None:
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes is 1 at least")
        if not isinstance(target, str | os.PathLike) and not hasattr(target, "write"):
            raise TypeError(
                f"a JsonLinesSink needs a path or a stream, not {kind_of(target)}"
            )
        self._lock = threading.Lock()
        self._is_closed = False
        self._path = Path(target) if isinstance(target, str | os.PathLike) else None
        self._file: _File | _LineStream
        if isinstance(target, str | os.PathLike):
            self._file = _File(Path(target), max_bytes)
        else:
            self._file = _LineStream(target)

    def __repr__(self) -> str:
        return f"<JsonLinesSink to {self._path or 'a stream'}>"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Append *calls*.

        Raises:
            SinkUnavailable: The disk is full, or the sink is closed.
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
        """
        Flush what was written to the disk. A stream that was passed in stays open.
        """
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._file.close()

    def _write(self, data: bytes) -> None:
        if self._is_closed:
            raise SinkUnavailable("this JsonLinesSink is closed: make a new one")
        try:
            self._file.write(data)
        except OSError as error:
            detail = f"{self._path or 'a stream'} cannot be written: {error.strerror}"
            number = errno_of(error.errno) or type(error).__name__
            context = error_context(error)
            raise SinkUnavailable(f"{detail} ({number})", context=context) from None


def _json_line(call: Call) -> bytes | None:
    try:
        return f"{call.to_json()}\n".encode()
    except (TypeError, ValueError):
        return None


class _LineStream:
    """
    Somebody else's stream.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        file = getattr(self._stream, "buffer", self._stream)
        if isinstance(file, io.RawIOBase):  # such as stdout, under PYTHONUNBUFFERED
            self._stream.flush()
            _write_whole(file, data)
        else:
            is_text = isinstance(self._stream, io.TextIOBase)
            self._stream.write(data.decode() if is_text else data)
            self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


class _File:
    """
    A file of lines, and the full ones before it.
    """

    def __init__(self, path: Path, max_bytes: int | None) -> None:
        self._path = path
        self._max_bytes = max_bytes or sys.maxsize
        self._open: FileIO | None = _opened(path)

    def write(self, data: bytes) -> None:
        file = self._open or self._reopened()
        if file.tell() >= self._max_bytes:
            self.close()
            self._path.rename(_free(self._path))
            file = self._reopened()
        if data:
            is_zipped = self._path.suffix == ".gz"
            _write_all(file, gzip.compress(data, mtime=0) if is_zipped else data)

    def close(self) -> None:
        file, self._open = self._open, None
        if file is not None:
            with file:
                _sync(file)
            sync_directory(self._path.parent)

    def _reopened(self) -> FileIO:
        self._open = _opened(self._path)
        return self._open


def _write_all(file: FileIO, data: bytes) -> None:
    """
    Write all of *data*, or nothing.
    """
    end = file.seek(0, os.SEEK_END)
    try:
        _write_whole(file, data)
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(end)
        raise


def _write_whole(file: io.RawIOBase, data: bytes) -> None:
    """
    Write *data* to a file that takes as much at once as it likes.
    """
    rest = memoryview(data)
    while rest:
        written = file.write(rest)
        if not written:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        rest = rest[written:]


def _sync(file: FileIO) -> None:
    """
    Have *file* on the disk. Pipes and devices have none, and say so.
    """
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def sync_directory(path: Path) -> None:
    """
    Have the names in a directory on the disk, where the system can.
    """
    with contextlib.suppress(OSError):
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _opened(path: Path) -> FileIO:
    file = FileIO(path, "ab")
    if path.suffix != ".gz" and file.tell() and _last_byte(path) != b"\n":
        file.write(b"\n")
    return file


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _free(path: Path) -> Path:
    name, dot, suffixes = path.name.partition(".")
    number = 1
    while (free := path.with_name(f"{name}.{number}{dot}{suffixes}")).exists():
        number += 1
    return free
