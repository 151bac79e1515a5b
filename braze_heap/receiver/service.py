"""
ASGI service: a receiver with pages for health, readiness and metrics.

``braze-heap serve`` runs one on uvicorn.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import importlib
import math
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import attrs

from braze_heap._errors import describe_exception, requires_extra
from braze_heap._wiring import require
from braze_heap.exceptions import DeadLetterFull, StateError
from braze_heap.observers import BatchDetails
from braze_heap.observers.prometheus import PrometheusObserver
from braze_heap.reasons import Reason
from braze_heap.receiver import _http
from braze_heap.receiver._http import Request, Response
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
from braze_heap.report import Report, counts

__all__ = ["Metrics", "Service"]

READY_AFTER: Final = 30.0
"""Seconds after a failure until a service is ready again."""

PAGE_TIMEOUT: Final = 0.5
"""Seconds that a page waits for the dead letter."""

_PLAIN: Final = "text/plain; charset=utf-8"
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"

PARTS: Final = ("receiver", "sink", "mapper", "ledger", "dead_letter")
"""Parts of a service that can be the cause of a 503."""

_PART: Final = {
    "unavailable": "sink",
    "mapper": "mapper",
    "ledger": "ledger",
    "dead_letter": "dead_letter",
}
"""Part that is the cause of an outcome. Of ``throttled`` it is Heap's rate limit."""

_UNREADABLE: Final = Report(
    received=1, dead_lettered_by_reason={str(Reason.UNREADABLE): 1}
)


_REPORTS: Final = contextvars.ContextVar[list[Report]]("braze_heap_reports")
"""Reports of the batches of the request that runs in this context."""


class Metrics(PrometheusObserver):
    """
    Count requests, events and batches in a registry of its own. Thread-safe.

    Pass it to the pipeline of the receiver as an observer.

    Args:
        clock: Monotonic seconds.

    Attributes:
        report: Counts of all events; an unreadable body is one event.
        cancelled: Requests that the server cancelled.

    Raises:
        ImportError: ``prometheus_client`` is not installed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        with requires_extra("Metrics", "'braze_heap[server]'"):
            client = importlib.import_module("prometheus_client")
        super().__init__(client.CollectorRegistry())
        client.ProcessCollector(registry=self.registry)
        self.report = Report()
        self.cancelled = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._failed_at: dict[str, float] = {}
        self._requests = self._make(
            "Counter", "requests", "Responses of the endpoint", ["status"]
        )
        for status in _http.STATUSES:
            self._requests.labels(status)
        gauge = functools.partial(self._make, "Gauge")
        self._in_flight = gauge("requests_in_flight", "Batches in flight")
        self._bytes = gauge("bytes_in_flight", "Bytes of bodies in flight")
        self._ready = gauge("ready", "Whether /readyz finds a part ready", ["part"])
        self._dead_letter_bytes = gauge(
            "dead_letter_bytes", "Bytes of all dead letters; NaN if unknown"
        )

    def __call__(self, details: BatchDetails, /) -> None:
        """Count a batch."""
        super().__call__(details)
        report = details.report or Report()
        with self._lock:
            self.report += report
            if part := _PART.get(details.outcome):
                self._failed_at[part] = self._clock()
            elif details.outcome == "processed":
                self._failed_at.pop("sink", None)
                self._failed_at.pop("mapper", None)
        if (reports := _REPORTS.get(None)) is not None:
            reports.append(report)

    async def _measure(
        self, handling: Awaitable[Response]
    ) -> tuple[Response, Report, float]:
        """Count one request; return its response, counts of its events, and seconds."""
        start, reports = self._clock(), list[Report]()
        status, token = 503, _REPORTS.set(reports)
        try:
            response = await handling
            status = response.status
        except BaseException:  # the server cancels it, and answers 503
            self.cancelled += 1
            raise
        finally:
            _REPORTS.reset(token)
            self._requests.labels(status).inc()
        if status == _http.UNREADABLE.status:  # one event without a batch
            reports.append(_UNREADABLE)
            self._count(_UNREADABLE)
            with self._lock:
                self.report += _UNREADABLE
        return response, sum(reports, Report()), self._clock() - start

    def failures(self) -> dict[str, float]:
        """
        Return the parts that failed a batch, with the seconds since. A processed batch
        proves that sink and mappers work again.
        """
        now = self._clock()
        with self._lock:
            return {part: now - at for part, at in self._failed_at.items()}

    def text(
        self,
        in_flight: tuple[int, int] = (0, 0),
        not_ready: Set[str] = frozenset(),
        dead_letter_bytes: float = math.nan,
    ) -> str:
        """
        Return all metrics in Prometheus' text format 0.0.4.

        Args:
            in_flight: Batches and bytes in flight.
            not_ready: Parts that are not ready.
            dead_letter_bytes: Size of the dead letters.
        """
        self._in_flight.set(in_flight[0])
        self._bytes.set(in_flight[1])
        for part in PARTS:
            self._ready.labels(part).set(part not in not_ready)
        self._dead_letter_bytes.set(dead_letter_bytes)
        text: bytes = self._client.generate_latest(self.registry)
        return text.decode()


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
        store = receiver.pipeline.dead_letter
        require("Service", "a dead letter with the method ready", store, "ready")
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
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        page = self._pages.get(path)
        if page and scope["method"] in ("GET", "HEAD"):
            response = await page()
            if scope["method"] == "HEAD":
                response = attrs.evolve(response, body=b"")
            await send_response(send, response)
        else:
            await respond(send, self._handle(to_request(scope, receive)))

    async def _handle(self, request: Request) -> Response:
        try:
            handling = self.receiver.handle(request)
            response, report, seconds = await self.metrics._measure(handling)
        except asyncio.CancelledError:
            cause = "it took longer than the shutdown waits, or the client disconnected"
            self.receiver._log_problem(503, f"Request cut off (503): {cause}")
            raise
        ms = seconds * 1000
        text = str(report) if report.received else "0 events"
        context = {"status": response.status, **counts(report), "ms": round(ms, 1)}
        shown = response.status, text, ms
        logger.info("%s  %s  %.0f ms", *shown, extra={"braze_context": context})
        return response

    async def _healthz(self) -> Response:
        return _text(200, "alive\n")

    async def _readyz(self) -> Response:
        problems, _ = await self._check()
        if not problems:
            # nobody knows yet whether a sink that failed works again
            seconds = self.metrics.failures().get("sink")
            note = f"sink: no success since {seconds:.0f} s\n" if seconds else ""
            return _text(200, f"ready\n{note}")
        parts = ", ".join(each.part for each in problems)
        details = "; ".join(
            f"{each.part}: {each.detail or each.text}" for each in problems
        )
        self.receiver._log_problem(503, f"Not ready (503): {details}", cause=parts)
        lines = (f"{each.part}: {each.text}\n" for each in problems)
        return _text(503, "".join(lines))

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
    A part of a service that is not ready, and the cause.

    The log has *detail* instead of *text* if it is given: it may have paths and hosts.
    """

    part: str
    text: str
    detail: str = ""


def _text(status: int, text: str, content_type: str = _PLAIN) -> Response:
    body = text.encode()
    headers = {
        "content-type": content_type,
        "content-length": str(len(body)),
        "cache-control": "no-store",
    }
    return Response(status, tuple(headers.items()), body)
