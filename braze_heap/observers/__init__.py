"""
Observers of delivery, called once per batch with counts but no values.

Included: `braze_heap.observers.opentelemetry` and `braze_heap.observers.prometheus`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final, Literal, Protocol, TypeAlias

import attrs

from braze_heap.heap._encoder import Adjustment
from braze_heap.reasons import Reason, SkipReason
from braze_heap.report import Report

__all__ = ["BatchDetails", "Observer", "Outcome"]

Outcome: TypeAlias = Literal[
    "processed", "throttled", "unavailable", "mapper", "ledger", "dead_letter"
]
"""
``processed``: the report accounts for every event. Otherwise the run raised, and the
batch must be sent again. Heap limits the rate (``throttled``), the sink is
``unavailable``, or a ``mapper`` cannot map now. Or the ``ledger`` of user properties or
the ``dead_letter`` cannot be used.
"""


@attrs.frozen
class BatchDetails:
    """
    Outcome and duration of one batch.

    Attributes:
        outcome: See `Outcome`.
        report: Counts of a processed batch, otherwise `None`.
        seconds: Duration of mapping, delivery and writing dead letters.
        sink: Class name of the sink.
        retry_after: Seconds to wait, if an unavailable sink gives them.
    """

    outcome: Outcome
    report: Report | None
    seconds: float
    sink: str
    retry_after: float | None = None


class Observer(Protocol):
    """Callable that takes `BatchDetails`. Its exceptions are logged and ignored."""

    def __call__(self, details: BatchDetails, /) -> None: ...


@attrs.frozen
class Counter:
    """
    A counter, with its name without a prefix, and its unit for OpenTelemetry.

    *fixed* has the values of the labels, if they are known before an event.
    """

    name: str
    text: str
    unit: str = "{event}"
    labels: tuple[str, ...] = ()
    fixed: Sequence[tuple[str, ...]] = ()


COUNTERS: Final = (
    Counter(
        "events_received", "Events in processed batches, including repeats by Braze"
    ),
    Counter(
        "events",
        "Events by outcome; the sum is that of events_received",
        labels=("outcome", "reason"),
        fixed=[
            ("delivered", ""),
            *itertools.product(["skipped"], SkipReason),
            *itertools.product(["dead_lettered"], Reason),
        ],
    ),
    Counter("calls", "Calls that the sink accepted", "{call}"),
    Counter(
        "unknown",
        "Occurrences of unknown types and fields; braze-heap drift lists them",
        "{value}",
    ),
    Counter(
        "invalid",
        "Custom events and purchases that are invalid for their declared class",
        labels=("class", "field", "reason"),
    ),
    Counter(
        "adjustments",
        "Values changed to be legal for Heap",
        "{value}",
        ("kind",),
        [*zip(Adjustment)],
    ),
    Counter(
        "not_sent",
        "Parts of delivered events that were not sent",
        "{part}",
        ("reason",),
        [*zip(SkipReason)],
    ),
    Counter("compiled_errors", "Events mapped slowly because of a bug in braze_heap"),
)


def counts_of(report: Report) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Yield name of a counter, values of its labels, and the number to add."""
    yield "events_received", (), report.received
    for outcome, reason, number in report.outcomes():
        yield "events", (outcome, reason), number
    yield "calls", (), report.calls
    yield "unknown", (), sum(report.unknown.values())
    for invalid, number in report.invalid.items():
        yield "invalid", invalid, number
    for kind, number in report.adjustments.items():
        yield "adjustments", (kind,), number
    for reason, number in report.not_sent.items():
        yield "not_sent", (reason,), number
    yield "compiled_errors", (), sum(report.compiled_errors.values())
