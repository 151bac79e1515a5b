"""Prometheus metrics. Needs ``prometheus_client``."""

from __future__ import annotations

import importlib
from typing import Any

from braze_heap._errors import requires_extra
from braze_heap.observers import BatchDetails

__all__ = ["PrometheusObserver"]


class PrometheusObserver:
    """
    Count events by outcome and reason, and measure the duration of batches.

    ``braze_heap_events_total{outcome,reason}``,
    ``braze_heap_batch_seconds{outcome,sink}``,
    ``braze_heap_invalid_total{class,field,reason}``,
    ``braze_heap_adjustments_total{kind}``, ``braze_heap_not_sent_total{reason}`` and
    ``braze_heap_compiled_errors_total``.

    Args:
        registry: Registry of prometheus_client; by default its global one.

    Raises:
        ImportError: ``prometheus_client`` is not installed.
    """

    def __init__(self, registry: Any = None) -> None:
        with requires_extra("PrometheusObserver", "'braze_heap[prometheus]'"):
            client = importlib.import_module("prometheus_client")
        options = {"registry": registry} if registry is not None else {}
        self._events = client.Counter(
            "braze_heap_events", "Events by outcome", ("outcome", "reason"), **options
        )
        self._invalid_fields = client.Counter(
            "braze_heap_invalid",
            "Custom events that are invalid for their declared class",
            ("class", "field", "reason"),
            **options,
        )
        self._adjustments = client.Counter(
            "braze_heap_adjustments",
            "Values changed to be legal for Heap",
            ("kind",),
            **options,
        )
        self._not_sent = client.Counter(
            "braze_heap_not_sent",
            "Calls not made for events of which something else is sent",
            ("reason",),
            **options,
        )
        self._compiled_errors = client.Counter(
            "braze_heap_compiled_errors",
            "Events mapped slowly because of a bug in braze_heap",
            **options,
        )
        self._seconds = client.Histogram(
            "braze_heap_batch_seconds",
            "Duration of batches",
            ("outcome", "sink"),
            **options,
        )

    def __call__(self, details: BatchDetails, /) -> None:
        """Count one batch."""
        self._seconds.labels(details.outcome, details.sink).observe(details.seconds)
        report = details.report
        if report is None:
            return
        for outcome, reason, number in report.outcomes():
            self._events.labels(outcome, reason).inc(number)
        for invalid, number in report.invalid.items():
            self._invalid_fields.labels(*invalid).inc(number)
        for kind, number in report.adjustments.items():
            self._adjustments.labels(kind).inc(number)
        for reason, number in report.not_sent.items():
            self._not_sent.labels(reason).inc(number)
        self._compiled_errors.inc(sum(report.compiled_errors.values()))
