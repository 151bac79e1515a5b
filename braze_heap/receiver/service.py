"""
ASGI service: a receiver with pages for health, readiness and metrics.

``braze-heap serve`` runs one on uvicorn.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, TypeVar

import attrs

from braze_heap._errors import describe_exception
from braze_heap.exceptions import DeadLetterFull
from braze_heap.receiver._http import Request, Response
from braze_heap.receiver._metrics import Metrics, RequestMetrics
from braze_heap.receiver._receiver import AsyncReceiver, logger, require_receiver
from braze_heap.receiver.asgi import (
    ASGIReceiver,
    Message,
    Receive,
    Send,
    respond,
    send_response,
    to_request,
)

__all__ = ["Metrics", "RequestMetrics", "Service"]

READY_AFTER: Final = 30.0
"""Seconds after a failure until a service is ready again."""

PAGE_TIMEOUT: Final = 0.5
"""Seconds that a page waits for the dead letter."""

_Result = TypeVar("_Result")

_PLAIN: Final = "text/plain; charset=utf-8"
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Service:
    """
    Endpoint for Braze with pages for health, readiness and metrics.

    GET or HEAD of ``/healthz`` returns 200 while the process runs. ``/metrics`` returns
    Prometheus' text format. ``/readyz`` returns 503 while the receiver is closing or
    the dead letter cannot be written, and for 30 seconds after a batch failed. The
    pages need no token and contain only counts.

    Every other request goes to the endpoint, because Braze permanently disables a feed
    that answers 404.

    Args:
        receiver: Receiver to serve.
        metrics: Observer of the receiver's pipeline.
        dead_letter_counts: Returns the records in the dead letter by reason. It may be
            slow: it runs in its own thread at most a twentieth of the time, and
            ``/metrics`` shows the last result.
        on_request: Called with each request to the endpoint, before its response is
            sent. Exceptions are logged.
    """

    def __init__(
        self,
        receiver: AsyncReceiver,
        metrics: Metrics,
        *,
        dead_letter_counts: Callable[[], Mapping[str, int]] = dict,
        on_request: Callable[[RequestMetrics], object] = lambda _: None,
    ) -> None:
        require_receiver("Service", receiver, AsyncReceiver)
        if not callable(getattr(receiver.pipeline.dead_letter, "ready", None)):
            raise TypeError(
                "Service needs a dead letter with the method ready; see DeadLetter"
            )
        self.receiver = receiver
        self.metrics = metrics
        self._endpoint = ASGIReceiver(receiver)
        self._counts = _OwnThread(dead_letter_counts, rest=20.0)
        self._writable = _OwnThread(lambda: receiver.pipeline.dead_letter.ready())
        self._on_request = on_request
        self._pages: Mapping[str, Callable[[], Awaitable[Response]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """
        Serve one request, or the lifespan of the server.

        Raises:
            ValueError: The protocol is not HTTP.
        """
        if scope["type"] != "http":
            await self._endpoint(scope, receive, send)
        elif page := self._page(scope):
            await send_response(send, _for_method(await page(), scope["method"]))
        else:
            await respond(send, self._handle(to_request(scope, receive)))

    def _page(self, scope: Message) -> Callable[[], Awaitable[Response]] | None:
        if scope["method"] not in ("GET", "HEAD"):
            return None
        return self._pages.get(scope["path"].removeprefix(scope.get("root_path", "")))

    async def _handle(self, request: Request) -> Response:
        with self.metrics.measure_request() as measured:
            response = await self.receiver.handle(request)
            measured.status = response.status
        try:
            self._on_request(measured)
        except Exception as error:
            logger.error("on_request raised %s", describe_exception(error))
        return response

    async def _healthz(self) -> Response:
        return _text(200, "alive\n")

    async def _readyz(self) -> Response:
        problem = await self._problem()
        return _text(503, f"{problem}\n") if problem else _text(200, "ready\n")

    async def _problem(self) -> str | None:
        if not self.receiver.is_open:
            return "closing"
        failed_at = self.metrics.failed_at
        if failed_at is not None and self.metrics.clock() - failed_at < READY_AFTER:
            return "the last batch could not be delivered"
        try:
            if not await self._writable.run(PAGE_TIMEOUT):
                return "the dead letter is slow to write"
        except DeadLetterFull:
            return "the dead letter, or its disk, is full"
        except Exception:
            return "the dead letter cannot be written"
        return None

    async def _metrics(self) -> Response:
        with contextlib.suppress(Exception):
            await self._counts.run(PAGE_TIMEOUT)
        dead = self._counts.result
        return _text(
            200, self.metrics.text(*self.receiver.in_flight, dead), _PROMETHEUS
        )


class _OwnThread(Generic[_Result]):
    """
    Run *work* in its own thread, one run at a time for all callers.

    Args:
        work: Function; may be slow and may raise.
        rest: Pause after a run, as a multiple of its duration.

    Attributes:
        result: Result of the last run; `None` before it and after a failure.
    """

    def __init__(self, work: Callable[[], _Result], rest: float = 0.0) -> None:
        self.result: _Result | None = None
        self._work = work
        self._rest = rest
        self._next = -math.inf
        self._thread = ThreadPoolExecutor(1, "braze-heap-service")
        self._running: Future[None] | None = None

    async def run(self, seconds: float) -> bool:
        """
        Wait for the current or a new run, and return whether it ended in time.

        Raises:
            Exception: Exception of *work*.
        """
        running = self._running
        if running is None or running.done():
            if time.monotonic() < self._next:
                return True
            running = self._running = self._thread.submit(self._run)
        waiting = asyncio.wrap_future(running)
        done, _ = await asyncio.wait({waiting}, timeout=seconds)
        if done:
            await waiting
        return bool(done)

    def _run(self) -> None:
        start = time.monotonic()
        try:
            self.result = self._work()
        except Exception:
            self.result = None
            raise
        finally:
            end = time.monotonic()
            self._next = end + self._rest * (end - start)


def _text(status: int, text: str, content_type: str = _PLAIN) -> Response:
    body = text.encode()
    length = str(len(body))
    headers = {"content-type": content_type, "content-length": length}
    headers["cache-control"] = "no-store"
    return Response(status, tuple(headers.items()), body)


def _for_method(response: Response, method: str) -> Response:
    return attrs.evolve(response, body=b"") if method == "HEAD" else response
