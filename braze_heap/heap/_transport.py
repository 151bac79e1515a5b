"""
A transport for httpx2 whose timeout covers the whole exchange, not each read.

The timeouts of httpx2 apply to each read, so a server that sends one byte per second
blocks the caller indefinitely. Built on the network backends of httpcore2.

The system's resolver cannot be interrupted. It runs in a daemon thread, which is
abandoned at the deadline and ends with the resolver.
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
from concurrent.futures import Future
from typing import Any, Final

import httpcore2
import httpx2

codecs.lookup("idna")
"""Host names need this codec. If its first import fails because no file descriptor is
free, Python never tries again."""

_READ: Final = 4096
_WRITE: Final = 16 << 10


class _Deadline(threading.local):
    """End of the exchange of this thread, in seconds of `time.monotonic`."""

    at: float = 0.0

    def left(self) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the exchange took too long")
        return left


class _DeadlineStream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(min(max_bytes, _READ), self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE):
            self._inner.write(buffer[start : start + _WRITE], self._deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        left = self._deadline.left()
        return _DeadlineStream(
            self._inner.start_tls(ssl_context, server_hostname, left), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = _addresses(host, port, self._deadline.left())
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = self._deadline.left() / left
            connect = self._inner.connect_tcp
            try:
                stream = connect(address, port, share, socket_options=socket_options)
                return _DeadlineStream(stream, self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if left == 1:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """Resolve *host* to at least one address within *seconds*."""
    found: Future[list[str]] = Future()

    def resolve() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result([str(address[0]) for *_, address in answers])
        except (OSError, UnicodeError) as error:
            found.set_exception(error)

    threading.Thread(target=resolve, name="braze_heap-resolver", daemon=True).start()
    try:
        addresses = found.result(seconds)
        if not addresses:
            raise socket.gaierror("the host has no address")
    except TimeoutError:
        raise httpcore2.ConnectTimeout("the resolver took too long") from None
    except (OSError, UnicodeError) as error:
        # the pool discards the cause of an exception, but not its context
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
    """Send each request within its ``timeout``, from the first byte to the last."""

    def __init__(self, context: ssl.SSLContext, proxy: str | None = None) -> None:
        self._deadline = _Deadline()
        parts = httpx2.Proxy(proxy) if proxy else None
        self._pool = httpcore2.ConnectionPool(
            context,
            httpcore2.Proxy(str(parts.url), parts.raw_auth) if parts else None,
            max_connections=100,  # further requests wait
            keepalive_expiry=30.0,
            network_backend=_Backend(self._deadline),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send *request*. Its read timeout applies to the whole exchange."""
        seconds = request.extensions["timeout"]["read"]
        self._deadline.at = time.monotonic() + seconds
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
        """Close every connection."""
        self._pool.close()


def tls_for(url: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's certificates."""
    if url.startswith("http:"):  # unused, and loading the certificates takes 30 ms
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx2.create_ssl_context(trust_env=False)


def proxy_from_environment(host: str) -> str | None:
    """
    Return the https proxy for *host* from the environment, or ``None``.

    `ValueError` is raised for an unusable one, without its password.
    """
    proxy = urllib.request.getproxies().get("https")
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    url = proxy if "://" in proxy else f"http://{proxy}"
    try:
        httpx2.Proxy(url)
        is_usable = url.startswith(("http://", "https://"))
    except (ValueError, httpx2.InvalidURL):
        is_usable = False
    if not is_usable or not urllib.parse.urlsplit(url).hostname:
        raise ValueError("HTTPS_PROXY must be http://host:port; SOCKS is not supported")
    return url
