"""
A transport for httpx2 whose timeout covers the whole exchange, not each read.

A server that drips one byte a second keeps every read happy and the caller waiting; the
clients of httpx2 have no other clock. Built on the network backends of httpcore2.

The system's resolver cannot be interrupted. It works in a thread that is left behind if
it takes too long, and ends when the resolver gives up.
"""

# ruff: noqa: ARG002 (the signatures are httpcore2's)

from __future__ import annotations

import codecs
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, Final

import httpcore2
import httpx2

codecs.lookup("idna")
"""Host names need it. If the first import failed for want of a descriptor, Python would
remember for ever that there is no such codec."""

_READ: Final = 4096
_WRITE: Final = 16 << 10


class _Ends(threading.local):
    """
    When the exchange of this thread must be over, in seconds of `time.monotonic`.
    """

    at: float = 0.0

    def left(self) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the exchange took too long")
        return left


class _DeadlineStream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream, ends: _Ends) -> None:
        self._inner = inner
        self._ends = ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(min(max_bytes, _READ), self._ends.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE):
            self._inner.write(buffer[start : start + _WRITE], self._ends.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        left = self._ends.left()
        return _DeadlineStream(
            self._inner.start_tls(ssl_context, server_hostname, left), self._ends
        )

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, ends: _Ends) -> None:
        self._ends = ends
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        *first, last = _addresses(host, port, self._ends.left())
        for tried, address in enumerate(first):
            share = self._ends.left() / (len(first) + 1 - tried)
            try:
                return self._connect(address, port, share, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connect(last, port, self._ends.left(), socket_options)

    def _connect(
        self,
        address: str,
        port: int,
        seconds: float,
        options: Iterable[httpcore2.SOCKET_OPTION] | None,
    ) -> httpcore2.NetworkStream:
        connect = self._inner.connect_tcp
        stream = connect(address, port, seconds, socket_options=options)
        return _DeadlineStream(stream, self._ends)


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """
    Return the addresses of *host*, at least one, within *seconds*.
    """
    found: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def resolve() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            found.put(error)
        else:
            found.put([str(address[0]) for *_, address in answers])

    threading.Thread(target=resolve, name="braze_heap-resolver", daemon=True).start()
    try:
        addresses = found.get(timeout=seconds)
    except Empty:
        raise httpcore2.ConnectTimeout("the resolver took too long") from None
    try:
        if isinstance(addresses, Exception):
            raise addresses
        if not addresses:
            raise socket.gaierror("the host has no address")
    except (OSError, UnicodeError) as error:
        # The pool drops the cause of an exception, but not its context.
        raise httpcore2.ConnectError("the host cannot be resolved") from error
    return addresses


class _Body(httpx2.SyncByteStream):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        self._inner.close()


class DeadlineTransport(httpx2.BaseTransport):
    """
    Sends a request within its ``timeout``, from the first byte to the last.

    Args:
        context: Of TLS.
        proxy: URL of a proxy, or ``None``.
        max_connections: Open at once; the next request waits for one.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        proxy: str | None = None,
        max_connections: int = 100,
    ) -> None:
        self._ends = _Ends()
        options: dict[str, Any] = {
            "ssl_context": context,
            "max_connections": max_connections,
            "keepalive_expiry": 30.0,
            "network_backend": _Backend(self._ends),
        }
        self._pool = _pool(proxy, options)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """
        Send *request*; the timeout for reading is that of the whole exchange.
        """
        seconds = request.extensions["timeout"]["read"]
        self._ends.at = time.monotonic() + seconds
        answer = self._pool.handle_request(
            httpcore2.Request(
                request.method,
                str(request.url),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """
        Close every connection.
        """
        self._pool.close()


def _pool(proxy: str | None, options: dict[str, Any]) -> httpcore2.ConnectionPool:
    if proxy is None:
        return httpcore2.ConnectionPool(**options)
    parts = httpx2.Proxy(proxy)
    return httpcore2.HTTPProxy(str(parts.url), proxy_auth=parts.raw_auth, **options)


def tls_for(url: str) -> ssl.SSLContext:
    """
    Return a context that trusts what the system trusts; for ``http`` one that is empty,
    as loading the certificates takes 30 ms.
    """
    if url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx2.create_ssl_context(trust_env=False)


def proxy_from_environment(host: str) -> str | None:
    """
    Return the https proxy that the environment names for *host*, if any.

    Raises:
        ValueError: It is none that we can use; without the password that it may hold.
    """
    named = urllib.request.getproxies().get("https")
    if not named or urllib.request.proxy_bypass(host):
        return None
    url = named if "://" in named else f"http://{named}"
    try:
        httpx2.Proxy(url)
        is_usable = url.startswith(("http://", "https://"))
    except (ValueError, httpx2.InvalidURL):
        is_usable = False
    if not is_usable or not urllib.parse.urlsplit(url).hostname:
        raise ValueError("HTTPS_PROXY is written http://host:port; SOCKS is not spoken")
    return url
