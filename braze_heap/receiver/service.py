"""
A receiver as a service of its own: health, readiness and metrics beside the endpoint.

An ASGI application for any server; ``braze-heap serve`` runs one on uvicorn.
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
    answer,
    request_of,
    respond,
)

__all__ = ["Metrics", "RequestMetrics", "Service"]

UNREADY: Final = 30.0
"""Seconds after a failure for which a service is not ready. Then it may try again."""

PATIENCE: Final = 0.5
"""Seconds that a page waits for the dead letter."""

_Result = TypeVar("_Result")

_PLAIN: Final = "text/plain; charset=utf-8"
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Service:
    """
    An endpoint for Braze, and three pages for those who look after it.

    GET or HEAD of ``/healthz`` is 200 while the process lives; of ``/readyz``, 503 when
    it is closing, when the last batch found no sink or dead letter less than 30 seconds
    ago, or while the dead letter cannot be written; of ``/metrics``, Prometheus' text
    format. They ask for no token, and hold counts alone.

    Everything else is the endpoint, whatever its path: at a 404 Braze stops for good.

    Args:
        receiver: The endpoint.
        metrics: The same that observes the pipeline of *receiver*.
        stored: Records in the dead letter by reason. It may take long: it runs in a
            thread of its own, a twentieth of the time at most, and ``/metrics`` shows
            the last result.
        told: Is told of each request to the endpoint, just before its answer. What it
            raises is logged.
    """

    def __init__(
        self,
        receiver: AsyncReceiver,
        metrics: Metrics,
        *,
        stored: Callable[[], Mapping[str, int]] = dict,
        told: Callable[[RequestMetrics], object] = lambda _: None,
    ) -> None:
        require_receiver("Service", receiver, AsyncReceiver)
        self.receiver = receiver
        self.metrics = metrics
        self._endpoint = ASGIReceiver(receiver)
        self._stored = _OwnThread(stored, rest=20.0)
        self._writable = _OwnThread(lambda: receiver.pipeline.dead_letter.append(()))
        self._told = told
        self._pages: Mapping[str, Callable[[], Awaitable[Response]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """
        Serve one request, or the life of the server.

        Raises:
            ValueError: Another protocol.
        """
        if scope["type"] != "http":
            await self._endpoint(scope, receive, send)
        elif page := self._page(scope):
            await answer(send, _headed(await page(), scope["method"]))
        else:
            await respond(send, self._handled(request_of(scope, receive)))

    def _page(self, scope: Message) -> Callable[[], Awaitable[Response]] | None:
        if scope["method"] not in ("GET", "HEAD"):
            return None
        return self._pages.get(scope["path"].removeprefix(scope.get("root_path", "")))

    async def _handled(self, request: Request) -> Response:
        with self.metrics.exchange() as exchange:
            response = await self.receiver.handle(request)
            exchange.status = response.status
        try:
            self._told(exchange)
        except Exception as error:
            logger.error("An answer could not be told: %s", describe_exception(error))
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
        if failed_at is not None and self.metrics.clock() - failed_at < UNREADY:
            return "the last batch could not be settled"
        try:
            if not await self._writable.run(PATIENCE):
                return "the dead letter takes long to write"
        except DeadLetterFull:
            return "the dead letter, or its disk, is full"
        except Exception:
            return "the dead letter cannot be written"
        return None

    async def _metrics(self) -> Response:
        with contextlib.suppress(Exception):
            await self._stored.run(PATIENCE)
        dead = self._stored.result
        return _text(
            200, self.metrics.text(*self.receiver.in_flight, dead), _PROMETHEUS
        )


class _OwnThread(Generic[_Result]):
    """
    Runs *work* in a thread of its own, once at a time however many ask for it.

    Args:
        work: May take long, and may raise.
        rest: How long it is not run again, as a multiple of the time that it took.

    Attributes:
        result: The last one; `None` before the first, and after a failure.
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
        Run it, or wait for the run that has begun, and return whether it ended in time.

        Raises:
            Exception: What it raised.
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
        began = time.monotonic()
        try:
            self.result = self._work()
        except Exception:
            self.result = None
            raise
        finally:
            ended = time.monotonic()
            self._next = ended + self._rest * (ended - began)


def _text(status: int, text: str, kind: str = _PLAIN) -> Response:
    body = text.encode()
    length = str(len(body))
    head = {"content-type": kind, "content-length": length, "cache-control": "no-store"}
    return Response(status, tuple(head.items()), body)


def _headed(response: Response, method: str) -> Response:
    return attrs.evolve(response, body=b"") if method == "HEAD" else response
