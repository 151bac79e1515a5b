"""Metrics of a service: an observer of its pipeline that also counts requests."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import importlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Set
from typing import Final

import attrs

from braze_heap._errors import requires_extra
from braze_heap.observers import BatchDetails
from braze_heap.observers.prometheus import PrometheusObserver
from braze_heap.reasons import Reason
from braze_heap.receiver._responses import STATUSES, UNREADABLE
from braze_heap.report import Report

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


@attrs.define
class RequestMetrics:
    """
    One request to the endpoint, and counts of its events. Without values of events.

    Attributes:
        status: Status of the response.
        seconds: Time to the response.
        report: Counts of the processed events; empty for most responses except 200.
    """

    status: int = 503
    seconds: float = 0.0
    report: Report = attrs.field(factory=Report)


_REQUEST: Final = contextvars.ContextVar[RequestMetrics]("braze_heap_request")


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
        for status in STATUSES:
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
        if (request := _REQUEST.get(None)) is not None:
            request.report += report

    @contextlib.contextmanager
    def _measure_request(self) -> Iterator[RequestMetrics]:
        """
        Count one request, which includes the batches that run in the block.

        It is a 503 unless the block sets the status.
        """
        request, start = RequestMetrics(), self._clock()
        token = _REQUEST.set(request)
        try:
            yield request
        except BaseException:  # the server cancels it, and answers 503
            self.cancelled += 1
            raise
        finally:
            _REQUEST.reset(token)
            request.seconds = self._clock() - start
            self._requests.labels(request.status).inc()
            if request.status == UNREADABLE.status:  # one event without a batch
                request.report += _UNREADABLE
                self._count(_UNREADABLE)
                with self._lock:
                    self.report += _UNREADABLE

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
