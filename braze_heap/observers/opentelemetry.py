"""OpenTelemetry metrics. Needs only ``opentelemetry-api``."""

from __future__ import annotations

import importlib
from typing import Any

from braze_heap._errors import requires_extra
from braze_heap._wiring import require
from braze_heap.observers import COUNTERS, BatchDetails, counts_of
from braze_heap.report import Report

__all__ = ["OpenTelemetryObserver"]


class OpenTelemetryObserver:
    """
    Count events by outcome and reason, and measure the duration of batches.

    ``braze_heap.batch.duration`` is a histogram in seconds, with the attributes
    ``outcome`` and ``sink``. The counters are those of
    `braze_heap.observers.prometheus.PrometheusObserver`, as ``braze_heap.events`` with
    the attributes ``outcome`` and ``reason``, ``braze_heap.events_received`` and so on.

    Args:
        meter: OpenTelemetry meter; by default from the global provider.

    Raises:
        ImportError: ``opentelemetry-api`` is not installed.
    """

    def __init__(self, meter: Any = None) -> None:
        if meter is None:
            with requires_extra("OpenTelemetryObserver", "'braze_heap[otel]'"):
                metrics = importlib.import_module("opentelemetry.metrics")
            meter = metrics.get_meter("braze_heap")
        needed = "a Meter of OpenTelemetry"
        require("OpenTelemetryObserver", needed, meter, "create_counter")
        self._counters = {
            each.name: (
                each.labels,
                meter.create_counter(f"braze_heap.{each.name}", each.unit, each.text),
            )
            for each in COUNTERS
        }
        self._duration = meter.create_histogram(
            "braze_heap.batch.duration", unit="s", description="Duration of batches"
        )

    def __call__(self, details: BatchDetails, /) -> None:
        """Count one batch."""
        attributes = {"outcome": details.outcome, "sink": details.sink}
        self._duration.record(details.seconds, attributes)
        for name, values, number in counts_of(details.report or Report()):
            labels, counter = self._counters[name]
            if number:
                counter.add(number, dict(zip(labels, values, strict=True)))
