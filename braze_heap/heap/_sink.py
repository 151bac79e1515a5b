"""Heap sinks, sync and async: httpx2 around the sans-I/O protocol."""

from __future__ import annotations

import http.cookiejar
import os
import time
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import anyio
import attrs
import httpcore2
import httpx2

from braze_heap._options import option, takes
from braze_heap._sansio import run_steps, run_steps_async
from braze_heap._wiring import OfOneProcess, check_async, check_function
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap._answers import MAX_ANSWER, Answer, Failure
from braze_heap.heap._core import (
    HeapCore,
    PacerCall,
    Post,
    Secret,
    Sleep,
    Step,
    Steps,
)
from braze_heap.heap._delivery import deliver
from braze_heap.heap._options import HeapOptions, check_together
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

HOSTS: Final = {"us": "https://heapanalytics.com", "eu": "https://c.eu.heap-api.com"}
"""Hosts by data region. Heap, server-side API."""

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


@attrs.frozen(kw_only=True)
class _HeapSinkArguments(HeapOptions):
    transport: httpx2.BaseTransport | None = option(
        None,
        "Transport of httpx2, for tests. It must end an exchange within its timeout.",
    )
    sleep: Callable[[float], object] = option(time.sleep, "Sleeps for seconds.")


@attrs.frozen(kw_only=True)
class _AsyncHeapSinkArguments(HeapOptions):
    transport: httpx2.AsyncBaseTransport | None = option(
        None, "Transport of httpx2, for tests."
    )
    sleep: Callable[[float], Awaitable[object]] = option(
        anyio.sleep, "Sleeps for seconds."
    )


class _HeapSinkBase(OfOneProcess):
    _client: Any

    def _configure(self, options: HeapOptions) -> None:
        check_together(options)
        self._host = _url_of_host(options)
        parts = urllib.parse.urlsplit(self._host)
        proxy = None
        if options.trust_env:
            proxy = proxy_from_environment(parts.hostname or "")
        self._proxy = Secret(proxy or "")
        self._core = HeapCore(options, parts.netloc + (" (by proxy)" if proxy else ""))

    def __repr__(self) -> str:
        app_id = self._core.settings.app_id
        return f"{type(self).__name__}(app_id={app_id!r}, base_url={self._host!r})"

    @property
    def destination(self) -> str:
        """Kind of sink, host and app; see `Sink`."""
        return f"heap {self._host} {self._core.settings.app_id}"

    def _steps(self, calls: Sequence[Call]) -> Steps:
        if self._client.is_closed:
            name = type(self).__name__
            raise SinkUnavailable(f"this {name} is closed: create a new one")
        return deliver(self._core, calls)

    def _request(self, post: Post) -> dict[str, Any]:
        secret = post.authorization
        return {
            "method": "POST",
            "url": self._host + post.path,
            "content": post.body,
            "headers": {"authorization": secret.reveal()} if secret else {},
            "timeout": post.timeout,
        }


class HeapSink(_HeapSinkBase, ClosingContextManager):
    """
    Deliver calls to one Heap app. Thread-safe.

    Events are sent first, then user properties, then deletions. User properties of one
    user are merged in the order of the calls. Across batches the last write wins; a
    pipeline with a ledger sends the newest. The sink respects Heap's rate limits, and
    does not wait beyond its deadline. After a fork each process has its own connections
    and rate limits: pass a *pacer* that processes share, or divide *events_a_minute*.

    Raises:
        ValueError: An option is invalid, such as a host that is not https.
    """

    _client: httpx2.Client

    @takes(_HeapSinkArguments)
    def __init__(self, options: _HeapSinkArguments) -> None:
        self._configure(options)
        check_function("sleep", options.sleep, takes="seconds")
        self._sleep = options.sleep
        self._transport = options.transport
        self._client, self._pid = self._new_client(), os.getpid()

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Send *calls* until each is accepted or rejected, within the deadline.

        Raises:
            SinkUnavailable: Heap did not decide in time, the configuration is wrong, or
                the sink is closed. The message says which.
        """
        receipt: Receipt = run_steps(self._steps(calls), self._perform)
        return receipt

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _perform(self, step: Step) -> Any:
        if isinstance(step, Sleep):
            self._sleep(step.seconds)
            return None
        if isinstance(step, PacerCall):
            return step.method()
        response = _ReceivedResponse()
        try:
            with self._own_client().stream(**self._request(step)) as response.head:
                for chunk in _chunks(response.head):
                    if response.add(chunk):
                        break
                response.is_done = True
        except _NETWORK as error:
            response.failure = Failure.of(error)
        return response.answer()

    def _own_client(self) -> httpx2.Client:
        """Return the client of this process: a fork would share the sockets."""
        if self._pid != os.getpid():
            self._client, self._pid = self._new_client(), os.getpid()
        return self._client

    def _new_client(self) -> httpx2.Client:
        transport = self._transport
        if transport is None:
            proxy = self._proxy.reveal() or None
            transport = DeadlineTransport(tls_for(self._host), proxy)
        return httpx2.Client(transport=transport, **_client_options())


class AsyncHeapSink(_HeapSinkBase, AsyncClosingContextManager):
    """
    `HeapSink` for asyncio and trio. Use a sink only in one event loop, because its
    connections belong to that loop.
    """

    _client: httpx2.AsyncClient

    @takes(_AsyncHeapSinkArguments)
    def __init__(self, options: _AsyncHeapSinkArguments) -> None:
        self._configure(options)
        check_async("sleep", options.sleep)
        self._sleep = options.sleep
        transport = options.transport
        if transport is None:
            proxy = self._proxy.reveal() or None
            transport = httpx2.AsyncHTTPTransport(tls_for(self._host), proxy=proxy)
        self._client = httpx2.AsyncClient(transport=transport, **_client_options())

    async def send(self, calls: Sequence[Call], /) -> Receipt:
        """Send *calls* until each is accepted or rejected; see `HeapSink.send`."""
        receipt: Receipt = await run_steps_async(self._steps(calls), self._perform)
        return receipt

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _perform(self, step: Step) -> Any:
        if isinstance(step, Sleep):
            await self._sleep(step.seconds)
            return None
        if isinstance(step, PacerCall):
            return await anyio.to_thread.run_sync(step.method)
        response = _ReceivedResponse()
        try:
            with anyio.fail_after(step.timeout):
                async with self._client.stream(**self._request(step)) as response.head:
                    async for chunk in _async_chunks(response.head):
                        if response.add(chunk):
                            break
                    response.is_done = True
        except _NETWORK as error:
            response.failure = Failure.of(error)
        return response.answer()


@attrs.define
class _ReceivedResponse:
    """
    The part of a response that was received.

    It *is_done* if the body was read to its end or to `MAX_ANSWER` bytes.
    """

    head: httpx2.Response | None = None
    text: bytes = attrs.field(default=b"", repr=False)
    is_done: bool = False
    failure: Failure = attrs.field(factory=lambda: Failure("NoAnswer"))

    def add(self, chunk: bytes) -> bool:
        """Append *chunk*, and return whether the maximum is exceeded."""
        is_full = len(self.text) + len(chunk) > MAX_ANSWER
        self.text = (self.text + chunk)[:MAX_ANSWER]
        return is_full

    def answer(self) -> Answer | Failure:
        if self.head is None:
            return self.failure
        status, headers = self.head.status_code, self.head.headers
        is_chunked = headers.get("transfer-encoding", "").lower().endswith("chunked")
        is_framed = status == 204 or is_chunked or "content-length" in headers
        is_complete = is_framed and self.is_done
        return Answer(status, headers.get("retry-after"), self.text, is_complete)


def _chunks(response: httpx2.Response) -> Iterable[bytes]:
    # the body of a mock transport is already read
    return [response.content] if response.is_stream_consumed else response.iter_raw()


async def _async_chunks(response: httpx2.Response) -> AsyncIterator[bytes]:
    if response.is_stream_consumed:
        yield response.content
        return
    async for chunk in response.aiter_raw():
        yield chunk


def _url_of_host(options: HeapOptions) -> str:
    url = options.base_url or HOSTS[options.region]
    parts = urllib.parse.urlsplit(url)
    schemes = ("https", "http") if options.allow_http else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError("base_url must be https://host; http:// needs allow_http")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "base_url must have only a host and a path: no user, query or fragment"
        )
    try:
        httpx2.URL(url, port=parts.port)
    except (httpx2.InvalidURL, ValueError):
        raise ValueError("base_url is not a URL: check its host and port") from None
    return str(httpx2.URL(url)).rstrip("/")  # one text for all spellings


def _client_options() -> dict[str, Any]:
    refuse_all = http.cookiejar.DefaultCookiePolicy(allowed_domains=[])
    return {
        "headers": {
            "accept": "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "user-agent": "braze-heap",
        },
        "cookies": http.cookiejar.CookieJar(refuse_all),
        "follow_redirects": False,
        "trust_env": False,
    }
