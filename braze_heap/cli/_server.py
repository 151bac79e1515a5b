"""A port with uvicorn, and its connections. Needs the extra ``server``."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, ClassVar, Final, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from braze_heap.cli._console import UnusableError, handled, plural, safe
from braze_heap.cli._progress import format_duration
from braze_heap.cli._serve import logger
from braze_heap.receiver.service import Service

BACKLOG: Final = 100
"""Connections that wait to be accepted, and that are accepted at once."""

MAX_CONNECTIONS: Final = 1_000

RESERVED: Final = 64
"""File descriptors for sinks, dead letters, name service and the log."""

KEEP_ALIVE: Final = 75
"""Seconds before an idle connection closes: more than the 60 of cloud load balancers,
so that none of them sends into a connection that closes."""


def bound(host: str, port: int) -> socket.socket:
    """Return a listening socket; *port* 0 is any free one."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        number = error.errno or 0
        why = os.strerror(number) if number > 0 else error.strerror
        raise UnusableError(
            f"cannot listen on {safe(host)}, port {port}: {why}. Name another one with "
            "--host or --port."
        ) from None
    # Accepted sockets inherit it. Without it the body of an answer waits 40 ms for the
    # acknowledgement of its head, on every kept-alive connection.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of *listener*."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class BoundedProtocol(H11Protocol):
    """
    HTTP/1.1 with h11, which limits heads to 64 KiB, for *most* connections.

    If there are too many, the one that has waited longest for a request is closed;
    those that never sent one come first. A head that is not complete after
    *head_seconds* closes its connection, too.
    """

    most: ClassVar[int]
    head_seconds: ClassVar[float]
    waiting: ClassVar[dict["BoundedProtocol", None]]
    _timer: asyncio.TimerHandle | None = None
    _has_served = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()
        if len(self.connections) > self.most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
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
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
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
    """Return the protocol of one server, with as many connections as descriptors."""
    most = MAX_CONNECTIONS
    with contextlib.suppress(ModuleNotFoundError):  # Windows has no such limit
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            most = max(RESERVED, min(MAX_CONNECTIONS, soft - RESERVED - BACKLOG))
    own: dict[str, Any] = {"most": most, "head_seconds": head_seconds, "waiting": {}}
    return type("BoundedProtocol", (BoundedProtocol,), own)


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; at once after a second signal."""
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, and wait for requests."""
        service = cast("Service", self.config.app)
        requests, _ = service.receiver.in_flight
        if requests:
            in_flight = plural(requests, "request") + " in flight"
            grace = format_duration(self.config.timeout_graceful_shutdown or 0)
            text = "Stopping: waiting for %s, for up to %s; Ctrl-C stops at once"
            logger.info(text, in_flight, grace)
        await super().shutdown(sockets)


def server_of(service: Service, grace: float) -> uvicorn.Server:
    """Return a server that does not run yet; *grace* is the time to stop in seconds."""
    # No limit_concurrency: its 503 lacks the Retry-After that ours has.
    config = uvicorn.Config(
        service,
        http=bounded_protocol(KEEP_ALIVE),
        backlog=BACKLOG,
        interface="asgi3",
        lifespan="on",
        ws="none",
        log_config=None,
        log_level="error",  # its warnings do not say what to do
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(grace)),
    )
    return _Server(config)


def run_until_stopped(server: uvicorn.Server, listener: socket.socket) -> None:
    """
    Run *server* in this thread until SIGTERM, SIGHUP or Ctrl-C, and return after its
    shutdown. A second signal cuts requests off.
    """
    # Also for a signal before uvicorn handles it. Uvicorn raises its own ones again.
    with handled(lambda h: server.handle_exit if h is not signal.SIG_IGN else None):
        server.run([listener])


@contextlib.contextmanager
def serving(server: uvicorn.Server, listener: socket.socket) -> Iterator[str]:
    """Run *server* in a thread during the block, and yield its URL."""
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        yield url_of(listener)
    finally:
        server.should_exit = True
        thread.join()
