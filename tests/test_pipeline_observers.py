"""Tests of the shipped observers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from braze_heap.observers import BatchDetails
from braze_heap.report import InvalidField, Report

DETAILS = BatchDetails(
    outcome="processed",
    report=Report(
        5,
        2,
        {"no_identity": 1},
        {"bad_time": 2},
        invalid={InvalidField("Order", "price", "text, not float"): 3},
        adjustments={"truncated": 4},
        not_sent={"excluded": 5},
        compiled_errors={"users.messages.email.Click": 6},
    ),
    seconds=0.5,
    sink="HeapSink",
)
FAILED = BatchDetails("throttled", None, 0.5, "HeapSink", 7.0)


def test_prometheus_counts() -> None:
    """Events by outcome and reason, batches by outcome."""
    client = pytest.importorskip("prometheus_client")
    from braze_heap.observers.prometheus import PrometheusObserver

    registry = client.CollectorRegistry()
    observe = PrometheusObserver(registry)
    observe(DETAILS)
    observe(FAILED)

    def value(name: str, **labels: str) -> float | None:
        found: float | None = registry.get_sample_value(name, labels)
        return found

    events = "braze_heap_events_total"
    batches = "braze_heap_batch_seconds_count"
    assert value(events, outcome="delivered", reason="") == 2
    assert value(events, outcome="dead_lettered", reason="bad_time") == 2
    assert value(batches, outcome="throttled") == 1
    invalid = {"class": "Order", "field": "price", "reason": "text, not float"}
    assert value("braze_heap_invalid_total", **invalid) == 3
    assert value("braze_heap_adjustments_total", kind="truncated") == 4
    assert value("braze_heap_not_sent_total", reason="excluded") == 5
    assert value("braze_heap_compiled_errors_total") == 6


def test_opentelemetry_counts() -> None:
    """OpenTelemetry gets the same counts."""
    metrics = pytest.importorskip("opentelemetry.sdk.metrics")
    export = pytest.importorskip("opentelemetry.sdk.metrics.export")
    from braze_heap.observers.opentelemetry import OpenTelemetryObserver

    reader = export.InMemoryMetricReader()
    provider = metrics.MeterProvider(metric_readers=[reader])
    observe = OpenTelemetryObserver(provider.get_meter("test"))
    observe(DETAILS)
    observe(FAILED)

    data = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    points = {metric.name: metric.data.data_points for metric in data}
    counted = {
        (point.attributes["outcome"], point.attributes["reason"]): point.value
        for point in points["braze_heap.events"]
    }
    assert counted == {
        ("delivered", ""): 2,
        ("skipped", "no_identity"): 1,
        ("dead_lettered", "bad_time"): 2,
    }
    assert len(points["braze_heap.batch.duration"]) == 2
    (invalid,) = points["braze_heap.invalid"]
    assert (invalid.value, dict(invalid.attributes)) == (
        3,
        {"class": "Order", "field": "price", "reason": "text, not float"},
    )
    (adjustments,) = points["braze_heap.adjustments"]
    assert (adjustments.value, dict(adjustments.attributes)) == (
        4,
        {"kind": "truncated"},
    )
    (omitted,) = points["braze_heap.not_sent"]
    assert (omitted.value, dict(omitted.attributes)) == (5, {"reason": "excluded"})
    (errors,) = points["braze_heap.compiled_errors"]
    assert errors.value == 6
    provider.shutdown()


def test_no_extra_is_imported() -> None:
    """Sinks, pipeline and observers do not import an extra."""
    code = (
        "import sys, braze_heap.pipeline, braze_heap.sinks, braze_heap.observers;"
        "import braze_heap.observers.prometheus, braze_heap.observers.opentelemetry;"
        "bad = {'httpx2', 'anyio', 'opentelemetry', 'prometheus_client', 'click'};"
        "sys.exit(', '.join(bad & set(sys.modules)) or None)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
