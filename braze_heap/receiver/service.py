"""
ASGI service: a receiver with pages for health, readiness and metrics.

``braze-heap serve`` runs one on uvicorn.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import attrs

from braze_heap._errors import describe_exception
from braze_heap.exceptions import DeadLetterFull, StateError
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
from braze_heap.report import counts, summarize

__all__ = ["Metrics", "Service"]

READY_AFTER: Final = 30.0
"""Seconds after a failure until a service is ready again."""

PAGE_TIMEOUT: Final = 0.5
"""Seconds that a page waits for the dead letter."""

_PLAIN: Final = "text/plain; charset=utf-8"
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Service:
    """
    Endpoint for Braze with pages for health, readiness and metrics.

    GET or HEAD of ``/healthz`` returns 200 while the process runs. ``/metrics`` returns
    Prometheus' text format, at a cost that does not grow with the dead letters.
    ``/readyz`` returns 503 and the cause while the receiver is closing or the dead
    letter cannot be written. It does so too for 30 seconds after the sink, a mapper or
    the ledger failed a batch. The pages need no token and contain only counts.

    Every other request goes to the endpoint, because Braze permanently disables a feed
    that answers 404. Each is logged at INFO, by ``braze_heap.receiver``.

    Args:
        receiver: Receiver to serve.
        metrics: Observer of the receiver's pipeline.
    """

    def __init__(self, receiver: AsyncReceiver, metrics: Metrics) -> None:
        require_receiver("Service", receiver, AsyncReceiver)
        if not callable(getattr(receiver.pipeline.dead_letter, "ready", None)):
            raise TypeError(
                "Service needs a dead letter with the method ready; see DeadLetter"
            )
        self.receiver = receiver
        self.metrics = metrics
        self._endpoint = ASGIReceiver(receiver)
        self._thread = ThreadPoolExecutor(1, "braze-heap-service")
        self._checking: Future[tuple[_Problem | None, float]] | None = None
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
        try:
            with self.metrics._measure_request() as measured:
                response = await self.receiver.handle(request)
                measured.status = response.status
        except asyncio.CancelledError:
            cause = "it took longer than the shutdown waits, or the client disconnected"
            self.receiver._log_problem(503, f"Request cut off (503): {cause}")
            raise
        _log_request(measured)
        return response

    async def _healthz(self) -> Response:
        return _text(200, "alive\n")

    async def _readyz(self) -> Response:
        problems, _ = await self._check()
        if not problems:
            return _text(200, f"ready\n{self._last_failure()}")
        parts = ", ".join(each.part for each in problems)
        details = "; ".join(f"{each.part}: {each.detail}" for each in problems)
        self.receiver._log_problem(503, f"Not ready (503): {details}", cause=parts)
        lines = (f"{each.part}: {each.text}\n" for each in problems)
        return _text(503, "".join(lines))

    def _last_failure(self) -> str:
        """Return a note, because nobody knows yet whether the sink works again."""
        seconds = self.metrics.failures().get("sink")
        return f"sink: no success since {seconds:.0f} s\n" if seconds else ""

    async def _metrics(self) -> Response:
        problems, size = await self._check()
        parts = {each.part for each in problems}
        text = self.metrics.text(self.receiver.in_flight, parts, size)
        return _text(200, text, _PROMETHEUS)

    async def _check(self) -> tuple[list[_Problem], float]:
        """Return what is not ready, and the bytes of all dead letters."""
        problems = [
            _Problem(part, f"it failed a batch {seconds:.0f} s ago; see the log")
            for part, seconds in self.metrics.failures().items()
            if seconds < READY_AFTER and part != "dead_letter"
        ]
        if not self.receiver.is_open:
            problems.append(_Problem("receiver", "it is closing"))
        if self._checking is None or self._checking.done():  # one for all pages
            self._checking = self._thread.submit(self._check_dead_letter)
        waiting = asyncio.wrap_future(self._checking)
        done, _ = await asyncio.wait({waiting}, timeout=PAGE_TIMEOUT)
        if not done:
            text = f"it does not answer within {PAGE_TIMEOUT:g} s"
            return [*problems, _Problem("dead_letter", text)], math.nan
        problem, size = await waiting
        return [*problems, *([problem] if problem else [])], size

    def _check_dead_letter(self) -> tuple[_Problem | None, float]:
        dead_letter, size = self.receiver.pipeline.dead_letter, math.nan
        try:
            size = float(getattr(dead_letter, "used_bytes", lambda: math.nan)())
            dead_letter.ready()
        except DeadLetterFull as error:
            what = "it" if error.free_bytes is None else "its disk"
            text = f"{what} is full; see the log"
            return _Problem("dead_letter", text, str(error)), size
        except Exception as error:
            is_ours = isinstance(error, StateError)
            detail = str(error) if is_ours else describe_exception(error)
            text = "it cannot be written; see the log"
            return _Problem("dead_letter", text, detail), size
        return None, size


@attrs.frozen
class _Problem:
    """
    A part of a service that is not ready.

    Attributes:
        part: One of `PARTS`.
        text: Cause for everyone.
        detail: Cause for the log; may have paths and hosts.
    """

    part: str
    text: str
    detail: str = attrs.field()

    @detail.default
    def _text(self) -> str:
        return self.text


def _log_request(request: RequestMetrics) -> None:
    ms = request.seconds * 1000
    context = {"status": request.status, **counts(request.report), "ms": round(ms, 1)}
    text = summarize(request.report) if request.report.received else "0 events"
    logger.info(
        "%s  %s  %.0f ms", request.status, text, ms, extra={"braze_context": context}
    )


def _text(status: int, text: str, content_type: str = _PLAIN) -> Response:
    body = text.encode()
    length = str(len(body))
    headers = {"content-type": content_type, "content-length": length}
    headers["cache-control"] = "no-store"
    return Response(status, tuple(headers.items()), body)


def _for_method(response: Response, method: str) -> Response:
    return attrs.evolve(response, body=b"") if method == "HEAD" else response
