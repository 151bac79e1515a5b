"""
Heap over the network: a sync and an async shell on httpx2 around one core.
"""

from __future__ import annotations

import http.cookiejar
import os
import random as _random
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Literal, NoReturn, TypedDict, Unpack

import anyio
import attrs
import httpcore2
import httpx2

from braze_heap._sansio import drive, drive_async
from braze_heap._text import did_you_mean
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap._answers import MAX_ANSWER, Answer, Failure
from braze_heap.heap._bulk import MAX_BYTES
from braze_heap.heap._core import HeapCore, Post, Secret, Settings, Sleep, Step
from braze_heap.heap._pacing import (
    EVENTS_A_MINUTE,
    IDENTITY_EVENTS_A_MINUTE,
    Pacer,
)
from braze_heap.heap._transport import (
    DeadlineTransport,
    proxy_from_environment,
    tls_for,
)
from braze_heap.heap.calls import Call
from braze_heap.sinks._protocol import (
    AsyncClosingContextManager,
    ClosingContextManager,
    Receipt,
)

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


class HeapOptions(TypedDict, total=False):
    """
    What both Heap sinks take. Seconds everywhere.

    Attributes:
        region: ``"us"`` or ``"eu"``.
        base_url: Another host, in the place of the region's.
        api_key: Of the app, for deletions.
        deadline: For a batch, all attempts and pauses included.
        timeout: For one exchange.
        max_bytes: Of a request body.
        events_a_minute: Of the app.
        identity_events_a_minute: Of each identity.
        allow_http: Whether *base_url* may be ``http``.
        trust_env: Whether the proxies of the environment are used.
        clock: Monotonic seconds.
        now: UTC epoch seconds.
        random: 0 to 1.
    """

    region: Literal["us", "eu"]
    base_url: str | None
    api_key: str | None
    deadline: float
    timeout: float
    max_bytes: int
    events_a_minute: int
    identity_events_a_minute: int
    allow_http: bool
    trust_env: bool
    clock: Callable[[], float]
    now: Callable[[], float]
    random: Callable[[], float]


class HeapSink(ClosingContextManager):
    """
    Delivers calls to Heap. One sink, one app; usable from threads.

    Events go first, then the properties of users, merged in the order of the calls,
    then deletions. Across batches the last arrival wins. Keeps Heap's rates, and never
    waits beyond its deadline. After a fork each process has its own connections, and
    its own count of Heap's rates: share *events_a_minute* among them.

    Args:
        app_id: Of your Heap environment. Heap takes a wrong one **silently**.
        transport: Of httpx2, for tests. It must end an exchange within its timeout.
        sleep: Takes seconds.
        options: See `HeapOptions`.

    Raises:
        ValueError: Here, for a host that is not https, or limits that make no sense.
    """

    def __init__(
        self,
        app_id: str,
        *,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
        **options: Unpack[HeapOptions],
    ) -> None:
        self._host, self._core, self._proxy = _wired(app_id, options)
        self._sleep = sleep
        self._transport = transport
        self._client, self._pid = self._connected(), os.getpid()

    def __repr__(self) -> str:
        return _shown(self, self._core, self._host)

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


class AsyncHeapSink(AsyncClosingContextManager):
    """
    `HeapSink` for asyncio and trio: the same arguments, awaited. Its connections are of
    the event loop that opened them: one sink, one loop.

    Args:
        app_id: Of your Heap environment. Heap takes a wrong one **silently**.
        transport: Of httpx2, for tests.
        sleep: Takes seconds.
        options: See `HeapOptions`.
    """

    def __init__(
        self,
        app_id: str,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
        **options: Unpack[HeapOptions],
    ) -> None:
        self._host, self._core, proxy = _wired(app_id, options)
        self._sleep = sleep
        self._client = httpx2.AsyncClient(
            transport=transport
            or httpx2.AsyncHTTPTransport(
                tls_for(self._host), proxy=proxy.reveal() if proxy else None
            ),
            **_client_options(),
        )

    def __repr__(self) -> str:
        return _shown(self, self._core, self._host)

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


def _wired(app_id: str, options: HeapOptions) -> tuple[str, HeapCore, Secret | None]:
    if unknown := options.keys() - HeapOptions.__annotations__.keys():
        hint = did_you_mean(min(unknown), HeapOptions.__annotations__)
        raise TypeError(f"a Heap sink has no option {min(unknown)!r}.{hint}")
    host = _host(options)
    key = options.get("api_key")
    parts = urllib.parse.urlsplit(host)
    proxy = (
        proxy_from_environment(parts.hostname or "")
        if options.get("trust_env")
        else None
    )
    settings = Settings(
        app_id=_checked_app_id(app_id),
        host=f"{parts.netloc} (by proxy)" if proxy else parts.netloc,
        api_key=Secret(key) if key else None,
        deadline=_positive(options.get("deadline", 10.0), "deadline"),
        timeout=_positive(options.get("timeout", 5.0), "timeout"),
        max_bytes=int(_positive(options.get("max_bytes", MAX_BYTES), "max_bytes")),
        clock=options.get("clock", time.monotonic),
        now=options.get("now", time.time),
        random=options.get("random", _random.random),
    )
    pacer = Pacer(
        options.get("events_a_minute", EVENTS_A_MINUTE),
        options.get("identity_events_a_minute", IDENTITY_EVENTS_A_MINUTE),
    )
    return host, HeapCore(settings, pacer), Secret(proxy) if proxy else None


def _host(options: HeapOptions) -> str:
    region = options.get("region", "us")
    if region not in HOSTS:
        raise ValueError(f"region is 'us' or 'eu', not {region!r}")
    url = options.get("base_url") or HOSTS[region]
    parts = urllib.parse.urlsplit(url)
    schemes = ("https", "http") if options.get("allow_http") else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError("base_url is https://host; http only with allow_http=True")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("base_url holds a host and at most a path, nothing else")
    try:
        httpx2.URL(url, port=parts.port)
    except (httpx2.InvalidURL, ValueError):
        raise ValueError("base_url is no URL: look at its host and port") from None
    return url.rstrip("/")


def _checked_app_id(app_id: object) -> str:
    if not isinstance(app_id, str) or not app_id or app_id != app_id.strip():
        raise ValueError(
            "app_id is the text that Heap shows under Manage > Projects, without spaces"
        )
    return app_id


def _positive(number: float, name: str) -> float:
    if not 0 < number < float("inf"):
        raise ValueError(f"{name} is a positive number")
    return number


def _client_options() -> dict[str, Any]:
    refuse_all = http.cookiejar.DefaultCookiePolicy(allowed_domains=[])
    return {
        "headers": _HEADERS,
        "cookies": http.cookiejar.CookieJar(refuse_all),
        "follow_redirects": False,
        "trust_env": False,
    }


def _shown(sink: object, core: HeapCore, host: str) -> str:
    return f"{type(sink).__name__}(app_id={core.settings.app_id!r}, base_url={host!r})"


def _refuse_closed(sink: object, client: httpx2.Client | httpx2.AsyncClient) -> None:
    if client.is_closed:
        raise SinkUnavailable(f"this {type(sink).__name__} is closed: make a new one")


def _refuse_pickle() -> NoReturn:
    raise TypeError(
        "a Heap sink holds connections and a key: build it in the process that uses it"
    )
