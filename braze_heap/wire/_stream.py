"""Bytes of a file object, with look-ahead, and without a loss if it fails."""

import contextlib
import gzip
import inspect
import io
import os
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, Final, cast

from braze_heap._wiring import kind_of

CHUNK: Final = 1 << 18
"""Bytes read at a time."""


class Stream:
    """
    Buffered bytes of the function *read*, which returns up to a number of bytes.

    Attributes:
        name: Name of the file; empty if it has none.
        error: Error of *read*. It is raised once the bytes before it are read.
    """

    def __init__(self, read: Callable[[int], bytes], name: str = "") -> None:
        self.name = name
        self.error: BaseException | None = None
        self._fetch = read
        self._ahead = io.BytesIO()

    def read1(self, size: int = -1) -> bytes:
        """Return up to *size* bytes as soon as there are some, and none at the end."""
        if data := self._ahead.read(size):
            return data
        self.check()
        try:
            self._ahead = io.BytesIO(self._fetch(CHUNK))
        except InterruptedError:
            return self.read1(size)
        except BaseException as error:
            self.error = error
            raise
        return self._ahead.read(size)

    def pieces(self) -> Iterator[bytes]:
        """Yield bytes as they arrive, up to the end or an error."""
        with contextlib.suppress(Exception):
            while piece := self.read1():
                yield piece

    def read(self, size: int = -1, /) -> bytes:
        """
        Return *size* bytes, or fewer at the end or an error, which `check` raises.

        For libraries, which may take an error for the end of the file or for damage.
        """
        parts = [b""]
        with contextlib.suppress(Exception):
            while size and (part := self.read1(size)):
                parts.append(part)
                size -= len(part)
        return b"".join(parts)

    def peek(self, size: int) -> bytes:
        """Return the same as `read`, but do not consume it."""
        data = self.read(size)
        self.unread(data)
        return data

    def unread(self, data: bytes) -> None:
        """Put *data* in front of the next bytes."""
        self._ahead = io.BytesIO(data + self._ahead.read())

    def check(self) -> None:
        """Raise the error of the file, if there was one."""
        if self.error is not None:
            raise self.error


class Inflated(Stream):
    """
    A gzip stream that ends at its damage.

    Attributes:
        damage: Description of the damage; empty before it is found.
        size: Number of bytes that were inflated.
    """

    def __init__(self, stream: Stream) -> None:
        super().__init__(self._inflate)
        self.damage = ""
        self.size = 0
        self._stream = stream
        self._file = gzip.GzipFile(fileobj=cast("IO[bytes]", stream))

    def _inflate(self, size: int) -> bytes:
        data = b""
        try:
            if not self.damage:
                data = self._file.read1(size)
        except (EOFError, OSError, zlib.error) as error:
            self._stream.check()
            self.damage = f"broken gzip: {error}"
        if not data:
            self._stream.check()
        self.size += len(data)
        return data


def stream_of(file: Any) -> Stream:
    """Return a stream of the file object of a caller."""
    # Unlike `read`, it returns available bytes before it raises or waits.
    read = getattr(file, "read1", file.read)

    def fetch(size: int) -> bytes:
        nonlocal read
        try:
            data = _checked(read(size))
        except io.UnsupportedOperation:
            if read == file.read:
                raise
            read = file.read  # `read1` is inherited, but not supported
            return fetch(size)
        # A buffered file that is not ready reads as empty with ``read1`` and as None
        # with ``read``: only the latter distinguishes it from the end.
        return data or (_checked(file.read(1)) if read != file.read else b"")

    name = getattr(file, "name", "")
    return Stream(fetch, os.fsdecode(name) if isinstance(name, str | bytes) else "")


def _checked(data: Any) -> bytes:
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
