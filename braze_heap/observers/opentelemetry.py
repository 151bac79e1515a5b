"""
Metrics for OpenTelemetry; needs only its API. Names follow its conventions.
"""

from __future__ import annotations

import importlib
from typing import Any

from braze_heap._errors import needed_by
from braze_heap.observers import BatchDetails

__all__ = ["OpenTelemetryObserver"]


class OpenTelemetryObserver:
    """
    Counts events by fate and reason, and times batches.

    ``braze_heap.events`` (counter, attributes ``fate`` and ``reason``) and
    ``braze_heap.batch.duration`` (histogram in seconds, attributes ``outcome`` and
    ``sink``).

    Args:
        meter: Of OpenTelemetry; that of the global provider by default.

    Raises:
        ImportError: Without ``opentelemetry-api``.
    """

    def __init__(self, meter: Any = None) -> None:
        if meter is None:
            with needed_by("OpenTelemetryObserver", "'braze_heap[otel]'"):
                metrics = importlib.import_module("opentelemetry.metrics")
            meter = metrics.get_meter("braze_heap")
        self._events = meter.create_counter(
            "braze_heap.events", unit="{event}", description="Events by their fate"
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
        for fate, reason, number in details.report.fates() if details.report else ():
            self._events.add(number, {"fate": fate, "reason": reason})
