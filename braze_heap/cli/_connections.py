"""
Connections of a server, limited in number and in the time and size of an incomplete
request. Needs the extra ``server``.
"""

import asyncio
import logging
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

BACKLOG: Final = 100
"""Connections that wait to be accepted, and that are accepted at once."""

MAX_CONNECTIONS: Final = 1_000

RESERVED: Final = 64
"""File descriptors for sinks, dead letters, name service and the log."""

logger: Final = logging.getLogger("braze_heap.serve")


class BoundedProtocol(H11Protocol):
    """
    HTTP/1.1 with h11, which limits heads to 64 KiB, for some number of connections.

    If there are too many, the one that has waited longest for a request is closed;
    those that never sent one come first. A head that is not complete in time closes its
    connection, too.

    Attributes:
        most: Maximum number of open connections.
        head_seconds: Maximum seconds for the head of a request.
        waiting: Connections between two requests, the oldest first.
    """

    most: ClassVar[int]
    head_seconds: ClassVar[float]
    waiting: ClassVar[dict["BoundedProtocol", None]]
    _timer: asyncio.TimerHandle | None = None
    _has_served = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(transport)
        self._wait_for_head()
        if len(self.connections) > self.most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait_for_head()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request; uvicorn's keep-alive timeout is running."""
        self._has_served = True
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.waiting[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Reject bytes that are not HTTP."""
        logger.warning(
            "Request rejected (400): it is not HTTP/1.1. If Braze sent it, let the "
            "proxy end TLS and speak HTTP/1.1 to this port"
        )
        super().send_400_response(msg)

    def _wait_for_head(self) -> None:
        self.waiting.setdefault(self)
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        self.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _make_room(self) -> None:
        logger.warning(
            "%s connections are open, as many as may be (see ulimit -n): the oldest "
            "that sends nothing is closed for each new one",
            self.most,
        )
        fresh = (each for each in self.waiting if not each._has_served)
        oldest = next(fresh, None) or next(iter(self.waiting))
        self.waiting.pop(oldest)
        oldest.transport.close()


def bounded_protocol(head_seconds: float) -> type[BoundedProtocol]:
    """Return the protocol of one server."""
    own: dict[str, Any] = {"most": _most(), "head_seconds": head_seconds, "waiting": {}}
    return type("BoundedProtocol", (BoundedProtocol,), own)


def _most() -> int:
    """Return the number of connections that the limit of file descriptors allows."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return MAX_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(RESERVED, min(MAX_CONNECTIONS, soft - RESERVED - BACKLOG))
