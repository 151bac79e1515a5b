"""
Metrics for Prometheus; needs ``prometheus_client``.
"""

from __future__ import annotations

import importlib
from typing import Any

from braze_heap._errors import requires_extra
from braze_heap.observers import BatchDetails

__all__ = ["PrometheusObserver"]


class PrometheusObserver:
    """
    Counts events by fate and reason, and times batches.

    ``braze_heap_events_total{fate,reason}``,
    ``braze_heap_batch_seconds{outcome,sink}``,
    ``braze_heap_invalid_total{class,field,reason}`` and
    ``braze_heap_adjustments_total{kind}``.

    Args:
        registry: Of prometheus_client; its default one by default.

    Raises:
        ImportError: Without ``prometheus_client``.
    """

    def __init__(self, registry: Any = None) -> None:
        with requires_extra("PrometheusObserver", "'braze_heap[prometheus]'"):
            client = importlib.import_module("prometheus_client")
        where = {"registry": registry} if registry is not None else {}
        self._events = client.Counter(
            "braze_heap_events", "Events by their fate", ("fate", "reason"), **where
        )
        self._invalid_fields = client.Counter(
            "braze_heap_invalid",
            "Custom events that do not fit the class declared for them",
            ("class", "field", "reason"),
            **where,
        )
        self._adjustments = client.Counter(
            "braze_heap_adjustments",
            "Values that were changed to be legal for Heap",
            ("kind",),
            **where,
        )
        self._seconds = client.Histogram(
            "braze_heap_batch_seconds",
            "Batches, start to end",
            ("outcome", "sink"),
            **where,
        )

    def __call__(self, details: BatchDetails, /) -> None:
        """
        Count a batch.
        """
        self._seconds.labels(details.outcome, details.sink).observe(details.seconds)
        report = details.report
        if report is None:
            return
        for fate, reason, number in report.fates():
            self._events.labels(fate, reason).inc(number)
        for invalid, number in report.invalid.items():
            self._invalid_fields.labels(*invalid).inc(number)
        for kind, number in report.adjustments.items():
            self._adjustments.labels(kind).inc(number)
