"""OpenTelemetry metrics. Needs only ``opentelemetry-api``."""

from __future__ import annotations

import importlib
from typing import Any

from braze_heap._errors import requires_extra
from braze_heap.observers import BatchDetails

__all__ = ["OpenTelemetryObserver"]


class OpenTelemetryObserver:
    """
    Count events by outcome and reason, and measure the duration of batches.

    ``braze_heap.events`` (counter, attributes ``outcome`` and ``reason``),
    ``braze_heap.batch.duration`` (histogram in seconds, attributes ``outcome`` and
    ``sink``), ``braze_heap.invalid`` (counter, attributes ``class``, ``field`` and
    ``reason``), ``braze_heap.adjustments`` (counter, attribute ``kind``),
    ``braze_heap.not_sent`` (counter, attribute ``reason``) and
    ``braze_heap.compiled_errors`` (counter).

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
        self._events = meter.create_counter(
            "braze_heap.events", unit="{event}", description="Events by outcome"
        )
        self._invalid_fields = meter.create_counter(
            "braze_heap.invalid",
            unit="{event}",
            description="Custom events that are invalid for their declared class",
        )
        self._adjustments = meter.create_counter(
            "braze_heap.adjustments",
            unit="{value}",
            description="Values changed to be legal for Heap",
        )
        self._not_sent = meter.create_counter(
            "braze_heap.not_sent",
            unit="{call}",
            description="Calls not made for events of which something else is sent",
        )
        self._compiled_errors = meter.create_counter(
            "braze_heap.compiled_errors",
            unit="{event}",
            description="Events mapped slowly because of a bug in braze_heap",
        )
        self._duration = meter.create_histogram(
            "braze_heap.batch.duration", unit="s", description="Duration of batches"
        )

    def __call__(self, details: BatchDetails, /) -> None:
        """Count one batch."""
        attributes = {"outcome": details.outcome, "sink": details.sink}
        self._duration.record(details.seconds, attributes)
        report = details.report
        if report is None:
            return
        for outcome, reason, number in report.outcomes():
            self._events.add(number, {"outcome": outcome, "reason": reason})
        for invalid, number in report.invalid.items():
            labels = ("class", "field", "reason")
            self._invalid_fields.add(number, dict(zip(labels, invalid, strict=True)))
        for kind, number in report.adjustments.items():
            self._adjustments.add(number, {"kind": kind})
        for reason, number in report.not_sent.items():
            self._not_sent.add(number, {"reason": reason})
        if errors := sum(report.compiled_errors.values()):
            self._compiled_errors.add(errors)
