"""
Metrics for OpenTelemetry; needs only its API. Names follow its conventions.
"""

from __future__ import annotations

import importlib
from typing import Any

from braze_heap._errors import requires_extra
from braze_heap.observers import BatchDetails

__all__ = ["OpenTelemetryObserver"]


class OpenTelemetryObserver:
    """
    Counts events by fate and reason, and times batches.

    ``braze_heap.events`` (counter, attributes ``fate`` and ``reason``),
    ``braze_heap.batch.duration`` (histogram in seconds, attributes ``outcome`` and
    ``sink``), ``braze_heap.invalid`` (counter, attributes ``class``, ``field`` and
    ``reason``) and ``braze_heap.adjustments`` (counter, attribute ``kind``).

    Args:
        meter: Of OpenTelemetry; that of the global provider by default.

    Raises:
        ImportError: Without ``opentelemetry-api``.
    """

    def __init__(self, meter: Any = None) -> None:
        if meter is None:
            with requires_extra("OpenTelemetryObserver", "'braze_heap[otel]'"):
                metrics = importlib.import_module("opentelemetry.metrics")
            meter = metrics.get_meter("braze_heap")
        self._events = meter.create_counter(
            "braze_heap.events", unit="{event}", description="Events by their fate"
        )
        self._invalid_fields = meter.create_counter(
            "braze_heap.invalid",
            unit="{event}",
            description="Custom events that do not fit the class declared for them",
        )
        self._adjustments = meter.create_counter(
            "braze_heap.adjustments",
            unit="{value}",
            description="Values that were changed to be legal for Heap",
        )
        self._duration = meter.create_histogram(
            "braze_heap.batch.duration", unit="s", description="Batches, start to end"
        )

    def __call__(self, details: BatchDetails, /) -> None:
        """
        Count a batch.
        """
        attributes = {"outcome": details.outcome, "sink": details.sink}
        self._duration.record(details.seconds, attributes)
        report = details.report
        if report is None:
            return
        for fate, reason, number in report.fates():
            self._events.add(number, {"fate": fate, "reason": reason})
        for invalid, number in report.invalid.items():
            labels = ("class", "field", "reason")
            self._invalid_fields.add(number, dict(zip(labels, invalid, strict=True)))
        for kind, number in report.adjustments.items():
            self._adjustments.add(number, {"kind": kind})
