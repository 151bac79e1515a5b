"""Real servers on loopback, and a client on a bare socket."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn

from braze_heap.receiver.asgi import ASGIReceiver
from tests.receiver.transports import TOKEN, Endpoint, asgi

HEAD = (
    "POST /braze HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{more}"
)


@contextlib.contextmanager
def uvicorn_of(app: Any, **options: Any) -> Iterator[int]:
    """Serve *app* in a thread inside the block; yield its port."""
    config = uvicorn.Config(app, log_config=None, ws="none", **options)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def served(http: str = "h11", **options: Any) -> Iterator[tuple[int, Endpoint]]:
    """Serve an endpoint; yield its port and the endpoint."""
    there = Endpoint(asgi, **options)
    with uvicorn_of(ASGIReceiver(there.receiver), http=http) as port:
        yield port, there


def head(*headers: str, token: str = TOKEN) -> bytes:
    """Return the head of a request."""
    more = "".join(f"{header}\r\n" for header in (*headers, ""))
    return HEAD.format(token=token, more=more).encode()


def counted(body: bytes, *headers: str, token: str = TOKEN) -> bytes:
    """Return a request with a Content-Length."""
    return head(f"Content-Length: {len(body)}", *headers, token=token) + body


def chunked(body: bytes, size: int, *headers: str) -> bytes:
    """Return a request in chunks of *size* bytes."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head("Transfer-Encoding: chunked", *headers) + framed + b"0\r\n\r\n"


class Wire:
    """Client connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send *data* unchanged."""
        self._socket.sendall(data)

    def close_sending(self) -> None:
        """Shut down the sending side."""
        self._socket.shutdown(socket.SHUT_WR)

    def status(self) -> int:
        """Read one response with its body, and return its status."""
        line = self._file.readline()
        length = 0
        while (header := self._file.readline().strip().lower()) != b"":
            if header.startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        self._file.read(length)
        return int(line.split()[1])
