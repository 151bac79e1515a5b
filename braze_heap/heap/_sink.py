"""
Heap over the network: a sync and an async shell on httpx2 around one core.
"""

from __future__ import annotations

import http.cookiejar
import os
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, NoReturn

import anyio
import attrs
import httpcore2
import httpx2

from braze_heap._options import option, takes
from braze_heap._sansio import drive, drive_async
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap._answers import MAX_ANSWER, Answer, Failure
from braze_heap.heap._core import HeapCore, Post, Secret, Sleep, Step
from braze_heap.heap._options import HeapOptions
from braze_heap.heap._pacing import Pacer
from braze_heap.heap._transport import (
    DeadlineTransport,
    proxy_from_environment,
    tls_for,
)
from braze_heap.heap.calls import Call
from braze_heap.sinks._closing import AsyncClosesAtExit, ClosesAtExit
from braze_heap.sinks._protocol import Receipt

HOSTS: Final = {
    "us": "https://heapanalytics.com",
    "eu": "https://c.eu.heap-api.com",
}
"""Heap, server-side API: the hosts by data region."""

_NETWORK: Final = (
    httpx2.HTTPError,
    httpx2.StreamError,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.TimeoutException,
    httpcore2.ConnectionNotAvailable,
    OSError,
)
_HEADERS: Final = {
    "accept": "application/json",
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "braze-heap",
}


@attrs.frozen(kw_only=True)
class _Arguments(HeapOptions):
    transport: httpx2.BaseTransport | None = option(
        None,
        "Transport of httpx2, for tests. It must end an exchange within its timeout.",
    )
    sleep: Callable[[float], object] = option(time.sleep, "Sleeps for seconds.")


@attrs.frozen(kw_only=True)
class _AsyncArguments(HeapOptions):
    transport: httpx2.AsyncBaseTransport | None = option(
        None, "Transport of httpx2, for tests."
    )
    sleep: Callable[[float], Awaitable[object]] = option(
        anyio.sleep, "Sleeps for seconds."
    )


class HeapSink(ClosesAtExit):
    """
    Delivers calls to Heap. One sink, one app; usable from threads.

    Events go first, then the properties of users, merged in the order of the calls,
    then deletions. Across batches the last arrival wins. Keeps Heap's rates, and never
    waits beyond its deadline. After a fork each process has its own connections, and
    its own count of Heap's rates: share *events_a_minute* among them.

    Raises:
        ValueError: By the constructor, for a host that is not https, or limits that
            make no sense.
    """

    @takes(_Arguments)
    def __init__(self, options: _Arguments) -> None:
        self._host, self._core, self._proxy = _configure(options)
        self._sleep = options.sleep
        self._transport = options.transport
        self._client, self._pid = self._connected(), os.getpid()

    def __repr__(self) -> str:
        return _repr(self, self._core, self._host)

    def __reduce__(self) -> NoReturn:
        _refuse_pickle()

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Settle *calls* within the deadline.

        Raises:
            SinkUnavailable: Heap could not decide in time, or our configuration is
                wrong; the log says which. Or the sink is closed.
        """
        _refuse_closed(self, self._client)
        receipt: Receipt = drive(self._core.deliver(calls), self._perform)
        return receipt

    def close(self) -> None:
        """
        Close the connections.
        """
        self._client.close()

    def _perform(self, step: Step) -> Answer | Failure | None:
        if isinstance(step, Sleep):
            self._sleep(step.seconds)
            return None
        seen = _Seen()
        try:
            self._exchange(step, seen)
        except _NETWORK as error:
            seen.failure = Failure.of(error)
        return seen.answer()

    def _exchange(self, post: Post, seen: _Seen) -> None:
        url = self._host + post.path
        with self._own_client().stream("POST", url, **_sent(post)) as seen.head:
            for piece in _pieces(seen.head):
                if seen.is_full_with(piece):
                    break
            seen.is_over = True

    def _own_client(self) -> httpx2.Client:
        """
        Return connections that no other process has: a fork shares the sockets.
        """
        if self._pid != os.getpid():
            self._client, self._pid = self._connected(), os.getpid()
        return self._client

    def _connected(self) -> httpx2.Client:
        transport = self._transport
        if transport is None:
            proxy = self._proxy.reveal() if self._proxy else None
            transport = DeadlineTransport(tls_for(self._host), proxy)
        return httpx2.Client(transport=transport, **_client_options())


class AsyncHeapSink(AsyncClosesAtExit):
    """
    `HeapSink` for asyncio and trio: the same arguments, awaited.

    Its connections belong to the event loop that opened them: one sink, one loop.
    """

    @takes(_AsyncArguments)
    def __init__(self, options: _AsyncArguments) -> None:
        self._host, self._core, proxy = _configure(options)
        self._sleep = options.sleep
        self._client = httpx2.AsyncClient(
            transport=options.transport
            or httpx2.AsyncHTTPTransport(
                tls_for(self._host), proxy=proxy.reveal() if proxy else None
            ),
            **_client_options(),
        )

    def __repr__(self) -> str:
        return _repr(self, self._core, self._host)

    def __reduce__(self) -> NoReturn:
        _refuse_pickle()

    async def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Settle *calls* within the deadline; see `HeapSink.send`.
        """
        _refuse_closed(self, self._client)
        receipt: Receipt = await drive_async(self._core.deliver(calls), self._perform)
        return receipt

    async def close(self) -> None:
        """
        Close the connections.
        """
        await self._client.aclose()

    async def _perform(self, step: Step) -> Answer | Failure | None:
        if isinstance(step, Sleep):
            await self._sleep(step.seconds)
            return None
        seen = _Seen()
        try:
            with anyio.fail_after(step.timeout):
                await self._exchange(step, seen)
        except _NETWORK as error:
            seen.failure = Failure.of(error)
        return seen.answer()

    async def _exchange(self, post: Post, seen: _Seen) -> None:
        url = self._host + post.path
        async with self._client.stream("POST", url, **_sent(post)) as seen.head:
            if seen.head.is_stream_consumed:
                seen.is_full_with(seen.head.content)
            else:
                async for piece in seen.head.aiter_raw():
                    if seen.is_full_with(piece):
                        break
            seen.is_over = True


@attrs.define
class _Seen:
    """
    As much of an answer as came.

    Attributes:
        head: Status and headers.
        text: Of the body, `MAX_ANSWER` bytes at most.
        is_over: Whether that is all, or enough.
        failure: Of the network, at any time.
    """

    head: httpx2.Response | None = None
    text: bytes = attrs.field(default=b"", repr=False)
    is_over: bool = False
    failure: Failure = attrs.field(factory=lambda: Failure("NoAnswer"))

    def is_full_with(self, piece: bytes) -> bool:
        is_full = len(self.text) + len(piece) > MAX_ANSWER
        self.text = (self.text + piece)[:MAX_ANSWER]
        return is_full

    def answer(self) -> Answer | Failure:
        if self.head is None:
            return self.failure
        return Answer(
            status=self.head.status_code,
            retry_after=self.head.headers.get("retry-after"),
            text=self.text,
            complete=_is_framed(self.head) and self.is_over,
        )


def _pieces(got: httpx2.Response) -> Iterable[bytes]:
    """
    Return the body as it comes; the answers of a mock are there at once.
    """
    return (got.content,) if got.is_stream_consumed else got.iter_raw()


def _is_framed(got: httpx2.Response) -> bool:
    """
    Tell whether the end of the body is told, and not just the end of the connection.
    """
    chunked = got.headers.get("transfer-encoding", "").lower().endswith("chunked")
    return got.status_code == 204 or chunked or "content-length" in got.headers


def _sent(post: Post) -> dict[str, Any]:
    secret = post.authorization
    headers = {"authorization": secret.reveal()} if secret else {}
    return {"content": post.body, "headers": headers, "timeout": post.timeout}


def _configure(options: HeapOptions) -> tuple[str, HeapCore, Secret | None]:
    """
    Return the URL of the host, the core and the URL of the proxy.
    """
    _check_app_id(options.app_id)
    url = _url_of_host(options)
    parts = urllib.parse.urlsplit(url)
    proxy = proxy_from_environment(parts.hostname or "") if options.trust_env else None
    host = f"{parts.netloc} (by proxy)" if proxy else parts.netloc
    pacer = Pacer(options.events_a_minute, options.identity_events_a_minute)
    core = HeapCore(options, pacer, host)
    return url, core, Secret(proxy) if proxy else None


def _url_of_host(options: HeapOptions) -> str:
    url = options.base_url or HOSTS[options.region]
    parts = urllib.parse.urlsplit(url)
    schemes = ("https", "http") if options.allow_http else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError("base_url is https://host; http only with allow_http=True")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("base_url holds a host and at most a path, nothing else")
    try:
        httpx2.URL(url, port=parts.port)
    except (httpx2.InvalidURL, ValueError):
        raise ValueError("base_url is not a URL: check its host and port") from None
    return url.rstrip("/")


def _check_app_id(app_id: object) -> None:
    if not isinstance(app_id, str) or not app_id or app_id != app_id.strip():
        raise ValueError(
            "app_id is the text that Heap shows under Manage > Projects, without spaces"
        )


def _client_options() -> dict[str, Any]:
    refuse_all = http.cookiejar.DefaultCookiePolicy(allowed_domains=[])
    return {
        "headers": _HEADERS,
        "cookies": http.cookiejar.CookieJar(refuse_all),
        "follow_redirects": False,
        "trust_env": False,
    }


def _repr(sink: object, core: HeapCore, host: str) -> str:
    return f"{type(sink).__name__}(app_id={core.settings.app_id!r}, base_url={host!r})"


def _refuse_closed(sink: object, client: httpx2.Client | httpx2.AsyncClient) -> None:
    if client.is_closed:
        raise SinkUnavailable(f"this {type(sink).__name__} is closed: make a new one")


def _refuse_pickle() -> NoReturn:
    raise TypeError(
        "a Heap sink holds connections and a key: build it in the process that uses it"
    )
