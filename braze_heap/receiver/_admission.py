"""Limits of a receiver, and the accounting of requests in flight."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

import attrs

from braze_heap._wiring import check_number
from braze_heap.exceptions import BrazeHeapError

MIB: Final = 1 << 20


@attrs.frozen
class Limits:
    """
    Bounds of a receiver.

    Depth and structure of JSON have bounds of their own, see `braze_heap.wire`.

    Attributes:
        body: Bytes of an uncompressed body. Braze's largest legitimate batch has 10 MB.
        events: Events in a batch. Braze sends up to 100.
        requests: Batches in flight, from the last byte of the body to the response.
        in_flight: Bytes in flight, of all requests. A larger body cannot be written to
            the dead letter either.
        body_seconds: Seconds for a body to arrive (ASGI only).
    """

    body: int = 16 * MIB
    events: int = 1_000
    requests: int = 8
    in_flight: int = 64 * MIB
    body_seconds: float = 30.0

    def __attrs_post_init__(self) -> None:
        for name in ("body", "events", "requests", "in_flight"):
            check_number(name, getattr(self, name))
        check_number("body_seconds", self.body_seconds, float, least=0.001)
        if self.in_flight < self.body:
            raise ValueError("in_flight must be at least as large as one body")


class CapacityError(BrazeHeapError):
    """Too many requests are in flight, or the receiver is closing."""


class RequestBuffer:
    """Received bytes of one request, truncated to `Limits.in_flight`."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._pieces: list[bytes] = []
        self.size = 0
        self.is_truncated = False

    def append(self, piece: bytes) -> bool:
        """Append *piece*, and return whether to read on."""
        room = self._admission.reserve(self.size, len(piece))
        self.is_truncated = room < len(piece)
        self._pieces.append(piece[:room] if self.is_truncated else piece)
        self.size += room
        return not self.is_truncated

    def body(self) -> bytes:
        """Return the bytes received so far."""
        self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]


class Admission:
    """Requests and bytes in flight, bounded by *limits*. Thread-safe."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._requests = 0
        self._size = 0
        self.is_open = True

    @property
    def in_flight(self) -> tuple[int, int]:
        """Number of requests and of bytes in flight."""
        with self._changed:
            return self._requests, self._size

    @contextlib.contextmanager
    def buffer(self) -> Iterator[RequestBuffer]:
        """Provide a buffer whose bytes are in flight until the block ends."""
        buffer = RequestBuffer(self)
        self._require_open()
        try:
            yield buffer
        finally:
            with self._changed:
                self._size -= buffer.size

    def reserve(self, own: int, more: int) -> int:
        """
        Reserve up to *more* bytes for a request that already has *own*.

        They are fewer only if this is the only request, so that waiting would not help.
        Otherwise raise `CapacityError`.
        """
        with self._changed:
            room = self._limits.in_flight - self._size
            if room < more and self._size > own:
                most = self._limits.in_flight
                raise CapacityError(f"all {most:,} bytes for bodies are in use")
            reserved = min(room, more)
            self._size += reserved
            return reserved

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Occupy one slot for a batch inside the block."""
        with self._changed:
            self._require_open()
            if self._requests >= self._limits.requests:
                raise CapacityError(
                    f"all {self._requests} batch slots are in use: the "
                    "sink is slower than the feed"
                )
            self._requests += 1
        try:
            yield
        finally:
            with self._changed:
                self._requests -= 1
                self._changed.notify_all()

    def close(self, seconds: float) -> bool:
        """
        Reject new requests, and return whether those in flight end within *seconds*.
        """
        with self._changed:
            self.is_open = False
            return self._changed.wait_for(lambda: not self._requests, seconds)

    def _require_open(self) -> None:
        if not self.is_open:
            raise CapacityError("the receiver is closing")
