"""More faults of a `FakeHeap`, for the delivery tests."""

from __future__ import annotations

import socket
import time

from attrs import field, frozen

from braze_heap.testing.fake_heap import Exchange, Fault, Status, WireResponse


@frozen
class Drip(Fault):
    """Send the usual answer one byte at a time, then close the connection."""

    interval: float

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Send the answer in pieces."""
        response = exchange.proceed()
        if response is not None:
            exchange.record.status = response.status
            for byte in response.to_bytes(keep_alive=False):
                exchange.connection.send(bytes((byte,)))
                if not exchange.connection.wait_for_client(self.interval):
                    break
        return None


@frozen
class HalfClose(Fault):
    """Close the sending side (FIN) without a byte, and keep the connection open."""

    apply: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Close the sending side."""
        if self.apply:
            exchange.proceed()
        exchange.connection.connection.shutdown(socket.SHUT_WR)
        exchange.connection.wait_for_client(60.0)
        return None


@frozen
class Garbage(Fault):
    """Send bytes that are not HTTP, and close the connection."""

    data: bytes = b"\x16\x03\x01\x00\xff\xfe\x00 not HTTP at all\r\n\r\n\x00\x80"
    apply: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Send the bytes."""
        if self.apply:
            exchange.proceed()
        exchange.connection.send(self.data)
        return None


@frozen
class CutStatusLine(Garbage):
    """Send half a status line, and close the connection."""

    data: bytes = b"HTTP/1.1 20"


@frozen
class EndlessBody(Fault):
    """Send a complete head, and a body that ends with the connection."""

    code: int = 200
    chunked: bool = True
    apply: bool = False
    seconds: float = field(default=60.0)

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Send until the client closes the connection."""
        if self.apply:
            exchange.proceed()
        framing = "Transfer-Encoding: chunked" if self.chunked else "Connection: close"
        head = f"HTTP/1.1 {self.code} Status\r\n{framing}\r\n\r\n"
        exchange.connection.send(head.encode())
        piece = b"400\r\n" + b" " * 1024 + b"\r\n" if self.chunked else b" " * 1024
        end = time.monotonic() + self.seconds
        while time.monotonic() < end and exchange.connection.wait_for_client(0.001):
            exchange.connection.send(piece)
        return None


def redirect(to: str, code: int = 307, *, apply: bool = False) -> Fault:
    """Return a fault that answers with a redirect to *to*."""
    return Status(code, {"Location": to}, apply=apply)
