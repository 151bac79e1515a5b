"""
State of a Heap sink between batches, and the steps of its sans-I/O delivery protocol.

All durations are seconds.
"""

import json
import threading
from collections.abc import Generator, Iterable
from typing import Any, Final, TypeAlias

import attrs

from braze_heap._log_limits import LogRateLimiter
from braze_heap.heap._options import HeapOptions
from braze_heap.heap._pacing import Pacer
from braze_heap.heap._secret import Secret

PROOF_LIFE: Final = 300.0
"""Seconds for which an accepted request proves that the configuration is right."""

LEAST_BODY: Final = 64 << 10
"""Bytes. A 413 for a smaller body does not lower the limit of later requests."""

MAX_ACCEPTED_KEYS: Final = 100_000
"""Keys of accepted events to keep, from batches that failed later on."""


@attrs.frozen
class Post:
    """
    A request to send. Reply with an `Answer` or a `Failure`.

    Attributes:
        path: Path below the host.
        body: JSON.
        items: Number of items in the body.
        timeout: Seconds for the whole exchange.
        authorization: Value of the header, or ``None``.
    """

    path: str
    body: bytes = attrs.field(repr=False)
    items: int
    timeout: float
    authorization: Secret | None = None


@attrs.frozen
class Sleep:
    """Seconds to sleep. The reply is ignored."""

    seconds: float


Step: TypeAlias = Post | Sleep
Steps: TypeAlias = Generator[Step, Any, Any]


class HeapCore:
    """State of a Heap sink between batches. Thread-safe."""

    def __init__(self, settings: HeapOptions, pacer: Pacer, host: str = "Heap") -> None:
        self.settings = settings
        self.host = host
        self.pacer = pacer
        self.repeats = LogRateLimiter(settings.clock)
        self.app_id = json.dumps(settings.app_id).encode()
        self.max_bytes = settings.max_bytes
        self.token: tuple[Secret, float] | None = None
        self._accepted_at: float | None = None
        self._lock = threading.Lock()
        self._accepted_keys: dict[str, None] = {}

    def mark_accepted(self, keys: Iterable[str]) -> None:
        """
        Store *keys* of accepted events, to be skipped if their batch is sent again.
        """
        with self._lock:
            self._accepted_keys.update(dict.fromkeys(keys))
            for key in list(self._accepted_keys)[:-MAX_ACCEPTED_KEYS]:
                del self._accepted_keys[key]

    def unmark_accepted(self, keys: Iterable[str]) -> None:
        """Delete *keys*, because their batch is complete."""
        with self._lock:
            for key in keys if self._accepted_keys else ():
                self._accepted_keys.pop(key, None)

    def is_marked_accepted(self, key: str | None) -> bool:
        """Return whether Heap accepted *key* from a batch that failed later on."""
        return key in self._accepted_keys

    def note_acceptance(self) -> None:
        """Store the time as that of the last accepted request."""
        self._accepted_at = self.settings.clock()

    def accepted_lately(self) -> bool:
        """Return whether Heap accepted a request in the last five minutes."""
        at = self._accepted_at
        return at is not None and self.settings.clock() - at <= PROOF_LIFE

    def lower_max_bytes(self, size: int) -> None:
        """Lower the limit of bodies after Heap answered 413 to one of *size* bytes."""
        self.max_bytes = min(self.max_bytes, max(size // 2, LEAST_BODY))
