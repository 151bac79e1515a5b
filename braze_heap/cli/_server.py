"""A port with uvicorn. Needs the extra ``server``."""

import contextlib
import errno
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from braze_heap.cli._console import UnusableError, safe
from braze_heap.receiver.service import Service

if TYPE_CHECKING:
    from uvicorn import Server

KEEP_ALIVE: Final = 75
"""Seconds before an idle connection closes: more than the 60 of cloud load balancers,
so that none of them sends into a connection that closes."""


def bound(host: str, port: int) -> socket.socket:
    """
    Return a listening socket; *port* 0 is any free one.

    Raises:
        UnusableError: The address cannot be used.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise UnusableError(_advice(error, host, port)) from None
    # Accepted sockets inherit it. Without it the body of an answer waits 40 ms for the
    # acknowledgement of its head, on every kept-alive connection.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _advice(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is in use. Name another one: --port {port + 1}"
        case errno.EACCES:
            return f"port {port} is for the administrator. Use one from 1024 on: --port"
    number = error.errno or 0
    why = os.strerror(number) if number > 0 else "unknown address"
    return f"cannot listen on {safe(host)} ({why}). Name an address of this machine."


def url_of(listener: socket.socket) -> str:
    """Return the URL of *listener*."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(
    service: Service, grace: float, stopping: Callable[[], object] = lambda: None
) -> "Server":
    """
    Return a server of *service* that does not run yet.

    Args:
        service: The ASGI application.
        grace: Seconds that in-flight requests may take after a stop.
        stopping: Called when the server accepts no more connections.
    """
    import uvicorn

    from braze_heap.cli._connections import BACKLOG, bounded_protocol

    class NotifyingServer(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            stopping()
            await super().shutdown(sockets)

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
    return NotifyingServer(config)


def run_until_stopped(server: "Server", listener: socket.socket) -> None:
    """
    Run *server* in this thread until SIGTERM, SIGHUP or Ctrl-C, and return after its
    shutdown. A second Ctrl-C cuts requests off.
    """
    with _ended_by_signals(server):
        server.run([listener])


@contextlib.contextmanager
def _ended_by_signals(server: "Server") -> Iterator[None]:
    """
    End *server* on a signal that comes before uvicorn handles it. At the end uvicorn
    raises its signal again, which these handlers ignore.
    """

    def end(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in _ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ending_signals() -> Iterator[signal.Signals]:
    yield from (signal.SIGINT, signal.SIGTERM)
    hangup = getattr(signal, "SIGHUP", None)  # not on Windows
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # nohup
        yield hangup


@contextlib.contextmanager
def serving(server: "Server", listener: socket.socket) -> Iterator[str]:
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
