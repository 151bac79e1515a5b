"""Prometheus metrics. Needs ``prometheus_client``."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, Final, get_args

from braze_heap._errors import requires_extra
from braze_heap._wiring import require
from braze_heap.observers import COUNTERS, BatchDetails, Outcome, counts_of
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
            self._client = importlib.import_module("prometheus_client")
        self.registry = self._client.REGISTRY if registry is None else registry
        needed = "a CollectorRegistry of prometheus_client"
        require("PrometheusObserver", needed, self.registry, "register")
        self._counters = {
            each.name: self._make("Counter", each.name, each.text, each.labels)
            for each in COUNTERS
        }
        self._seconds = self._make(
            "Histogram",
            "batch_seconds",
            "Duration of batches: mapping, delivery and dead letters",
            ("outcome",),
            buckets=BUCKETS,
        )
        for each in COUNTERS:
            for values in each.fixed:
                self._counters[each.name].labels(*values)
        for outcome in get_args(Outcome):
            self._seconds.labels(outcome)

    def _make(
        self, kind: str, name: str, text: str, labels: Iterable[str] = (), **more: Any
    ) -> Any:
        """Return a new metric of the registry."""
        made = getattr(self._client, kind)
        name = f"braze_heap_{name}"
        try:
            return made(name, text, labels, registry=self.registry, **more)
        except ValueError:  # a duplicate
            raise ValueError(
                f"the registry already has {name}: give one PrometheusObserver to all "
                "pipelines, or pass another registry"
            ) from None

    def __call__(self, details: BatchDetails, /) -> None:
        """Count one batch."""
        self._seconds.labels(details.outcome).observe(details.seconds)
        self._count(details.report or Report())

    def _count(self, report: Report) -> None:
        for name, labels, number in counts_of(report):
            if number:
                counter = self._counters[name]
                (counter.labels(*labels) if labels else counter).inc(number)
