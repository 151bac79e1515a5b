"""
How much is taken in at once.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

import attrs

from braze_heap.exceptions import BrazeHeapError

MIB: Final = 1 << 20


@attrs.frozen
class Limits:
    """
    Bounds of a receiver.

    Depth and structure have bounds of their own, see `braze_heap.wire`.

    Attributes:
        body: Bytes of a body, unzipped. Braze's largest legitimate batch has 10 MB.
        events: In a batch. Braze sends up to 100.
        requests: Batches in hand, from the last byte of the body to the answer.
        in_flight: Bytes in hand, of all requests. What is larger than this cannot be
            kept either.
        body_seconds: For a body to come, where the server tells (ASGI).
    """

    body: int = 16 * MIB
    events: int = 1_000
    requests: int = 8
    in_flight: int = 64 * MIB
    body_seconds: float = 30.0

    def __attrs_post_init__(self) -> None:
        if min(self.body, self.events, self.requests, self.body_seconds) <= 0:
            raise ValueError("a limit is positive")
        if self.in_flight < self.body:
            raise ValueError("in_flight must hold one body at least")


_CLOSING: Final = "the receiver is closing"


class CapacityError(BrazeHeapError):
    """
    Too much is in hand, or the receiver is closing.
    """


class Share:
    """
    The bytes of one request, as they come.

    Attributes:
        is_cut: Whether there are more of them than could ever be held.
    """

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._pieces: list[bytes] = []
        self.size = 0
        self.is_cut = False

    def takes(self, piece: bytes) -> bool:
        """
        Take *piece*; tell whether the next one is wanted.

        Raises:
            CapacityError: The others hold too much.
        """
        room = self._hand.grow(self.size, len(piece))
        self.is_cut = room < len(piece)
        self._pieces.append(piece[:room] if self.is_cut else piece)
        self.size += room
        return not self.is_cut

    def body(self) -> bytes:
        """
        Return what was taken.
        """
        self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]


class Hand:
    """
    What is in hand of all requests. Thread-safe.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._requests = 0
        self._size = 0
        self._is_closing = False

    @property
    def is_open(self) -> bool:
        """
        Whether anything more is taken.
        """
        return not self._is_closing

    @property
    def held(self) -> tuple[int, int]:
        """
        How many requests are in hand, and how many bytes.
        """
        with self._changed:
            return self._requests, self._size

    @contextlib.contextmanager
    def share(self) -> Iterator[Share]:
        """
        Hold the bytes of a request for as long as the block lasts.
        """
        share = Share(self)
        if self._is_closing:
            raise CapacityError(_CLOSING)
        try:
            yield share
        finally:
            with self._changed:
                self._size -= share.size

    def grow(self, own: int, more: int) -> int:
        """
        Return how many of *more* bytes fit, for one who holds *own* of them already.
        """
        with self._changed:
            room = self._limits.in_flight - self._size
            if room < more and self._size > own:
                most = self._limits.in_flight
                raise CapacityError(
                    f"the bodies of all requests have {most:,} bytes already"
                )
            taken = min(room, more)
            self._size += taken
            return taken

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """
        Have one of the places for a batch for as long as the block lasts.
        """
        with self._changed:
            if self._is_closing:
                raise CapacityError(_CLOSING)
            if self._requests >= self._limits.requests:
                raise CapacityError(
                    f"all places for batches ({self._requests}) are taken"
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
        Take nothing more, and wait for what is in hand; tell whether it was settled.
        """
        with self._changed:
            self._is_closing = True
            return self._changed.wait_for(lambda: not self._requests, seconds)
