"""HTTP server of `FakeHeap`: `http.server` with limits, pauses and bounded waits."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Mapping
from http.client import responses
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar, Final

from attrs import field, frozen

_MAX_LINE: Final = 64 * 1024
_LINGER: Final = 2.0
_IS_WINDOWS: Final = os.name == "nt"


@frozen
class WireRequest:
    """
    Complete HTTP request.

    Attributes:
        method: HTTP method; case-sensitive.
        path: Path without the query.
        headers: Values by name in lower case; repeated ones are joined with a comma.
        body: Body.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(factory=dict, hash=False)
    body: bytes = field(default=b"", repr=False)


@frozen
class WireResponse:
    """
    HTTP response.

    Attributes:
        status: 200 to 999.
        body: Body, sent unchanged.
        headers: Added to the framing. ``Content-Length`` and ``Transfer-Encoding``
            replace the correct framing, and the connection is closed afterwards.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict, hash=False)

    @classmethod
    def json(cls, status: int, content: object) -> WireResponse:
        """Return a response with *content* as JSON."""
        headers = {"Content-Type": "application/json"}
        return cls(status, json.dumps(content).encode(), headers)

    @classmethod
    def text(cls, status: int, content: str) -> WireResponse:
        """Return a response with *content* as plain text."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        return cls(status, content.encode(), headers)

    @property
    def has_own_framing(self) -> bool:
        """Whether only the end of the connection surely ends this response."""
        names = {name.lower() for name in self.headers}
        own = ("content-length", "transfer-encoding", "connection")
        return not names.isdisjoint(own)

    def to_bytes(self, *, keep_alive: bool, is_head: bool = False) -> bytes:
        """Return the bytes on the wire. The response to HEAD has no body."""
        given = {name.lower() for name in self.headers}
        has_body = self.status not in (204, 304)
        headers = dict(self.headers)
        if has_body and given.isdisjoint(("content-length", "transfer-encoding")):
            headers["Content-Length"] = str(len(self.body))
        if not keep_alive and "connection" not in given:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        body = self.body if has_body and not is_head else b""
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _phrase(status: int) -> str:
    return responses.get(status, "Unknown")


class HttpError(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.response = WireResponse.text(status, text or _phrase(status))


class Connection(BaseHTTPRequestHandler):
    """Connection of a client: reads requests, and sends the responses of the server."""

    server: Any  # a FakeServer
    raw_requestline: bytes
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float | None] = 60.0  # without a byte
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Serve requests until one side ends the connection."""
        with contextlib.suppress(OSError):
            super().handle()

    def parse_request(self) -> bool:
        """Parse the head of a request, unless it was cut."""
        return self.raw_requestline.endswith(b"\n") and super().parse_request()

    def log_message(self, *_: object, **__: object) -> None:
        """Write no log."""

    def serve(self) -> None:
        """Read the body of one request, and send its response."""
        try:
            request = self._read_request()
        except HttpError as error:
            self.send_error(error.status)
            return
        response = self.server.respond(self, request)
        self.close_connection |= response is None or response.has_own_framing
        if response is not None:
            is_head = request.method == "HEAD"
            keep_alive = not self.close_connection
            self.send(response.to_bytes(keep_alive=keep_alive, is_head=is_head))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve  # noqa: N815
    do_PATCH = do_OPTIONS = serve  # noqa: N815

    def _read_request(self) -> WireRequest:
        if self.headers.defects or self.request_version == "HTTP/0.9":
            raise HttpError(400)
        headers = {
            name: ", ".join(self.headers.get_all(name, ()))
            for name in map(str.lower, self.headers)
        }
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers:
            raise HttpError(411)  # no client of Heap needs chunks
        if not length.isdecimal():
            raise HttpError(400)
        if int(length) > self.server.max_body:
            raise HttpError(413)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError
        return WireRequest(self.command, self.path.partition("?")[0], headers, body)

    def send_error(self, code: int, *_: object, **__: object) -> None:
        """Answer a request that cannot be read, and close the connection."""
        self.close_connection = True
        self.server.reject(code)
        self.send(HttpError(code).response.to_bytes(keep_alive=False))
        # Closing with unread bytes would reset the connection and lose the response.
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_LINGER)
        end = time.monotonic() + _LINGER
        while time.monotonic() < end and self.connection.recv(_MAX_LINE):
            pass

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.connection.sendall(data)

    def reset(self) -> None:
        """Reset the connection (RST)."""
        linger_zero = struct.pack("hh" if _IS_WINDOWS else "ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        self.rfile.close()  # An open file would keep the socket open.
        self.connection.close()

    def sleep(self, seconds: float) -> bool:
        """Wait *seconds*, and return whether the server is still open."""
        return not self.server.closing.wait(seconds)

    def wait_for_client(self, seconds: float) -> bool:
        """
        Wait *seconds*, or until the client or the server closes.

        Returns:
            Whether the whole time passed.
        """
        end = time.monotonic() + seconds
        if select.select([self.connection], [], [], seconds)[0]:
            if not self.connection.recv(1, socket.MSG_PEEK):
                return False
            # The client has sent more. Its end can no longer be seen.
            return self.sleep(max(0.0, end - time.monotonic()))
        return not self.server.closing.is_set()


class FakeServer(socketserver.ThreadingTCPServer):
    """
    Server on a free port of 127.0.0.1 that can pause without losing its port.

    Attributes:
        max_body: Maximum size of a body in bytes.
        connected: Called for each new connection.
        respond: Returns the response to a request, or ``None`` to close the connection.
        reject: Called with the status of a request that cannot be read.
        closing: Set when the server closes. It ends every wait.
    """

    allow_reuse_address = not _IS_WINDOWS
    request_queue_size = 128

    def __init__(
        self,
        max_body: int,
        connected: Callable[[], object],
        respond: Callable[[Connection, WireRequest], WireResponse | None],
        reject: Callable[[int], object],
    ) -> None:
        super().__init__(("127.0.0.1", 0), Connection, bind_and_activate=False)
        self.max_body = max_body
        self.connected = connected
        self.respond = respond
        self.reject = reject
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, Any] = {}
        self._listener: threading.Thread | None = None
        self.server_bind()

    def listen(self) -> None:
        """Accept connections, in a thread."""
        if self._listener is None and not self.closing.is_set():
            self.server_activate()
            # It looks every 20 milliseconds whether it has to stop.
            self._listener = _thread("listener", self.serve_forever, 0.02)
            self._listener.start()

    def pause(self) -> None:
        """Close all connections and stop listening, but keep the port."""
        if self._listener is not None:
            self._stop_listening()
            self.socket = socket.socket(self.address_family, self.socket_type)
            self.server_bind()
            self._hang_up()

    def close(self) -> None:
        """Close everything, and end every wait."""
        self.closing.set()
        self._stop_listening()
        self._hang_up()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a new connection, in a thread."""
        self.connected()
        serve = self.process_request_thread
        thread = _thread("connection", serve, request, client_address)
        with self._lock:
            self._open[thread] = request
        thread.start()

    def close_request(self, request: Any) -> None:
        """Close the connection of this thread."""
        with self._lock:
            super().close_request(request)
            self._open.pop(threading.current_thread(), None)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self.shutdown()
            self._listener.join()
            self._listener = None
        self.server_close()

    def _hang_up(self) -> None:
        with self._lock:
            connections = list(self._open.items())
            for _, connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        end = time.monotonic() + 5.0
        for thread, _ in connections:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))


def _thread(name: str, target: Callable[..., object], *args: Any) -> threading.Thread:
    name = f"FakeHeap-{name}"
    return threading.Thread(target=target, args=args, name=name, daemon=True)
