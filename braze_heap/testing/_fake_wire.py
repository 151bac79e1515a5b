"""
The network under `FakeHeap`: a small threaded HTTP/1.1 server that can be told to
misbehave.

Not built on `http.server`, which hides the socket that the faults need.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from attrs import field, frozen

IDLE: Final = 60.0
"""Seconds that a connection may be silent."""

_HEAD_BYTES: Final = 64 * 1024
_READ_BYTES: Final = 64 * 1024
_JOIN_SECONDS: Final = 5.0
_LINGER: Final = 2.0
_IS_WINDOWS: Final = os.name == "nt"
_WITHOUT_BODY: Final = (204, 304)


@frozen
class RequestRecord:
    """
    What is remembered of one request. Bodies are not.

    Attributes:
        method: As sent.
        path: Without the query.
        status: The answer, None if no complete answer was given.
        items: Events, users or accounts in the body; 0 if the body could not be read.
        size: Bytes of the body, without chunk framing.
    """

    method: str
    path: str
    status: int | None
    items: int
    size: int


@frozen
class WireRequest:
    """
    A request read to its end.

    Attributes:
        method: As sent.
        path: Without the query.
        headers: Names in lower case.
        body: Without chunk framing.
        keep_alive: Whether the client wants to go on using its connection.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(factory=dict, hash=False)
    body: bytes = field(default=b"", repr=False)
    keep_alive: bool = True


@frozen
class WireResponse:
    """
    An answer with its framing.

    Attributes:
        status: 200 to 999.
        body: Sent as it is.
        headers: Added to the usual ones. ``Content-Length`` and ``Transfer-Encoding``
            replace the true framing, and the connection is closed after them.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict, hash=False)

    @classmethod
    def json(cls, status: int, content: object) -> WireResponse:
        """Answer with *content* as JSON."""
        return cls(
            status, json.dumps(content).encode(), {"Content-Type": "application/json"}
        )

    @classmethod
    def text(cls, status: int, content: str) -> WireResponse:
        """Answer with *content* as plain text."""
        return cls(
            status, content.encode(), {"Content-Type": "text/plain; charset=utf-8"}
        )

    @property
    def keeps_alive(self) -> bool:
        """
        Whether a client can find the end of this answer without the end of the
        connection.
        """
        names = {name.lower() for name in self.headers}

        return names.isdisjoint(("content-length", "transfer-encoding", "connection"))

    def to_bytes(self, *, keep_alive: bool, is_head: bool = False) -> bytes:
        """Write the answer as it goes over the wire; to a HEAD without its body."""
        lines = [f"HTTP/1.1 {self.status} {reason(self.status)}"]
        lines += [
            f"{name}: {value}" for name, value in self._all_headers(keep_alive).items()
        ]
        body = b"" if is_head or self.status in _WITHOUT_BODY else self.body

        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def _all_headers(self, keep_alive: bool) -> dict[str, str]:
        usual: dict[str, str] = {} if keep_alive else {"Connection": "close"}
        if self.status not in _WITHOUT_BODY:
            usual["Content-Length"] = str(len(self.body))
        ours = {name.lower() for name in self.headers}
        framed = ours & {"content-length", "transfer-encoding"}
        if framed:
            usual.pop("Content-Length", None)
        kept = {
            name: value for name, value in usual.items() if name.lower() not in ours
        }

        return {**kept, **self.headers}


def reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class NotHttpError(Exception):
    """A request that cannot be read; the connection ends after its answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.response = WireResponse.text(status, text)


class Connection:
    """One connection: requests out of bytes, bytes into the socket, bounded waits."""

    def __init__(
        self, sock: socket.socket, stop: threading.Event, max_body: int
    ) -> None:
        sock.settimeout(IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._stop = stop
        self._max_body = max_body
        self._buffer = bytearray()

    def read_request(self) -> WireRequest:
        head = self._until(b"\r\n\r\n", _HEAD_BYTES).decode("latin-1")
        method, target, version, headers = _head_of(head)
        body = self._body(headers)
        close = (
            headers.get("connection", "").lower() == "close" or version == "HTTP/1.0"
        )

        return WireRequest(method, target.partition("?")[0], headers, body, not close)

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def end_sending(self) -> None:
        self._sock.shutdown(socket.SHUT_WR)

    def linger(self) -> None:
        """
        Read on for a moment: closing with unread bytes would take back the answer.
        """
        self.end_sending()
        self._sock.settimeout(_LINGER)
        end = time.monotonic() + _LINGER
        while time.monotonic() < end and self._sock.recv(_READ_BYTES):
            pass

    def hold(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        if seconds > 0 and not self._left_within(seconds):
            return not self._stop.wait(max(0.0, end - time.monotonic()))

        return seconds <= 0

    def sleep(self, seconds: float) -> bool:
        return not self._stop.wait(seconds)

    def reset(self) -> None:
        linger_zero = struct.pack("hh" if _IS_WINDOWS else "ii", 1, 0)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        self._sock.close()

    def close(self) -> None:
        self._sock.close()

    def _left_within(self, seconds: float) -> bool:
        self._sock.settimeout(seconds)
        try:
            return not self._sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        finally:
            self._sock.settimeout(IDLE)

    def _fill(self) -> None:
        data = self._sock.recv(_READ_BYTES)
        if not data:
            raise ConnectionError
        self._buffer += data

    def _until(self, mark: bytes, most: int) -> bytes:
        seen = 0
        while (place := self._buffer.find(mark, seen)) < 0:
            if len(self._buffer) > most:
                raise NotHttpError(431, "WireRequest Header Fields Too Large")
            seen = max(0, len(self._buffer) - len(mark) + 1)
            self._fill()

        return self._exactly(place + len(mark))[: -len(mark)]

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]

        return data

    def _body(self, headers: Mapping[str, str]) -> bytes:
        coding, length = headers.get("transfer-encoding"), headers.get("content-length")
        if coding is not None and (length is not None or coding.lower() != "chunked"):
            raise NotHttpError(400, "Bad Request")
        size = _number(length or "0", 10)
        if size > self._max_body:
            raise NotHttpError(413, "request entity too large")
        if headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

        return self._exactly(size) if coding is None else self._chunks()

    def _chunks(self) -> bytes:
        body = bytearray()
        while size := _number(
            self._line().partition(b";")[0].decode("latin-1").strip(), 16
        ):
            if len(body) + size > self._max_body:
                raise NotHttpError(413, "request entity too large")
            body += self._exactly(size)
            if self._exactly(2) != b"\r\n":
                raise NotHttpError(400, "Bad Request")
        while self._line():
            pass

        return bytes(body)

    def _line(self) -> bytes:
        return self._until(b"\r\n", _HEAD_BYTES)


def _head_of(head: str) -> tuple[str, str, str, dict[str, str]]:
    first, *lines = head.lstrip("\r\n").split("\r\n")
    headers: dict[str, str] = {}
    try:
        method, target, version = first.split(" ")
        for line in lines:
            name, value = line.split(":", 1)
            name = name.lower()
            headers[name] = (
                f"{headers[name]}, {value.strip()}"
                if name in headers
                else value.strip()
            )
    except ValueError:
        raise NotHttpError(400, "Bad Request") from None
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise NotHttpError(505, "HTTP Version Not Supported")

    return method, target, version, headers


def _number(text: str, base: int) -> int:
    try:
        if not (text.isascii() and text.isalnum()):
            raise ValueError
        return int(text, base)
    except ValueError:
        raise NotHttpError(400, "Bad Request") from None


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if not _IS_WINDOWS:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))

    return sock


class _Listener:
    """Accepts connections on a bound socket, in a thread of its own, until closed."""

    def __init__(
        self, sock: socket.socket, welcome: Callable[[socket.socket], None]
    ) -> None:
        sock.listen(128)
        sock.settimeout(0)
        self._sock = sock
        self._welcome = welcome
        self._waker, self._woken = socket.socketpair()
        self._thread = threading.Thread(
            target=self._run, name="FakeHeap-listener", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._waker.close()
        self._thread.join(_JOIN_SECONDS)
        self._woken.close()
        self._sock.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while all(key.fileobj is self._sock for key, _ in selector.select()):
                self._accept()

    def _accept(self) -> None:
        try:
            self._welcome(self._sock.accept()[0])
        except OSError:
            time.sleep(0.01)


class Server:
    """The listener, the open connections and their threads."""

    def __init__(
        self, host: str, max_body: int, serve: Callable[[Connection], None]
    ) -> None:
        self._host = host
        self._max_body = max_body
        self._serve = serve
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._reserved = _bound(host, 0)
        self.port: int = self._reserved.getsockname()[1]
        self._listener: _Listener | None = None

    def listen(self, refuses: Callable[[], bool]) -> None:
        if self._listener is None and not self._stop.is_set():
            self._listener = _Listener(
                self._reserved, lambda sock: self._welcome(sock, refuses)
            )

    def pause(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._reserved = _bound(self._host, self.port)
            self._hang_up()

    def close(self) -> None:
        self._stop.set()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._reserved.close()
        self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            connections = list(self._open.items())
            for _, sock in connections:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        end = time.monotonic() + _JOIN_SECONDS
        for thread, _ in connections:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))

    def _welcome(self, sock: socket.socket, refuses: Callable[[], bool]) -> None:
        wire = Connection(sock, self._stop, self._max_body)
        if refuses():
            wire.reset()
            return
        thread = threading.Thread(
            target=self._run, args=(wire,), name="FakeHeap-connection", daemon=True
        )
        with self._lock:
            self._open[thread] = sock
        thread.start()

    def _run(self, wire: Connection) -> None:
        try:
            with contextlib.suppress(OSError):
                self._serve(wire)
        finally:
            with self._lock:
                wire.close()
                self._open.pop(threading.current_thread(), None)
