"""Prometheus metrics. Needs ``prometheus_client``."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterable
from typing import Any, Final, get_args

from braze_heap._errors import requires_extra
from braze_heap.heap._encoder import Adjustment
from braze_heap.observers import BatchDetails, Outcome
from braze_heap.reasons import Reason, SkipReason
from braze_heap.report import Report

__all__ = ["PrometheusObserver"]

BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds. A Heap sink stops retrying a batch after 10."""


class PrometheusObserver:
    """
    Count events by outcome and reason, and measure the duration of batches.

    The names are those of ``/metrics`` of ``braze-heap serve``:
    ``braze_heap_events_total{outcome,reason}``, ``braze_heap_events_received_total``,
    ``braze_heap_calls_total``, ``braze_heap_unknown_total``,
    ``braze_heap_invalid_total{class,field,reason}``,
    ``braze_heap_adjustments_total{kind}``, ``braze_heap_not_sent_total{reason}``,
    ``braze_heap_compiled_errors_total`` and the histogram
    ``braze_heap_batch_seconds{outcome}``. Every series whose labels have fixed values
    exists from the start, because Prometheus sees no increase of a new series.

    Args:
        registry: Registry of prometheus_client; by default its global one.

    Raises:
        ImportError: ``prometheus_client`` is not installed.
    """

    def __init__(self, registry: Any = None) -> None:
        with requires_extra("PrometheusObserver", "'braze_heap[prometheus]'"):
            client = importlib.import_module("prometheus_client")
        self.registry = client.REGISTRY if registry is None else registry
        self._received = self._counter(
            "events_received", "Events in processed batches, including repeats by Braze"
        )
        self._events = self._counter(
            "events",
            "Events by outcome; the sum is braze_heap_events_received_total",
            ("outcome", "reason"),
            [
                ("delivered", ""),
                *itertools.product(["skipped"], SkipReason),
                *itertools.product(["dead_lettered"], Reason),
            ],
        )
        self._calls = self._counter("calls", "Calls that the sink accepted")
        self._unknown = self._counter(
            "unknown",
            "Occurrences of unknown types and fields; braze-heap drift lists them",
        )
        self._invalid = self._counter(
            "invalid",
            "Custom events and purchases that are invalid for their declared class",
            ("class", "field", "reason"),
        )
        self._adjustments = self._counter(
            "adjustments",
            "Values changed to be legal for Heap",
            ("kind",),
            zip(Adjustment),
        )
        self._not_sent = self._counter(
            "not_sent",
            "Calls not made for events of which something else is sent",
            ("reason",),
            zip(SkipReason),
        )
        self._compiled_errors = self._counter(
            "compiled_errors", "Events mapped slowly because of a bug in braze_heap"
        )
        self._seconds = client.Histogram(
            "braze_heap_batch_seconds",
            "Duration of batches: mapping, delivery and dead letters",
            ("outcome",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        for outcome in get_args(Outcome):
            self._seconds.labels(outcome)

    def _counter(
        self,
        name: str,
        text: str,
        labels: tuple[str, ...] = (),
        fixed: Iterable[tuple[str, ...]] = (),
    ) -> Any:
        """Return a counter whose series with the *fixed* label values are at 0."""
        client = importlib.import_module("prometheus_client")
        full_name = f"braze_heap_{name}"
        counter = client.Counter(full_name, text, labels, registry=self.registry)
        for values in fixed:
            counter.labels(*values)
        return counter

    def __call__(self, details: BatchDetails, /) -> None:
        """Count one batch."""
        self._seconds.labels(details.outcome).observe(details.seconds)
        if details.report is not None:
            self._count(details.report)

    def _count(self, report: Report) -> None:
        self._received.inc(report.received)
        for outcome, reason, number in report.outcomes():
            self._events.labels(outcome, reason).inc(number)
        self._calls.inc(report.calls)
        self._unknown.inc(sum(report.unknown.values()))
        for invalid, number in report.invalid.items():
            self._invalid.labels(*invalid).inc(number)
        for kind, number in report.adjustments.items():
            self._adjustments.labels(kind).inc(number)
        for reason, number in report.not_sent.items():
            self._not_sent.labels(reason).inc(number)
        self._compiled_errors.inc(sum(report.compiled_errors.values()))
