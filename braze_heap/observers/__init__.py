"""
Who wants to know how delivery goes: told once a batch, with counts and never values.

Ready-made: `braze_heap.observers.opentelemetry` and `braze_heap.observers.prometheus`,
for those who have these packages.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import attrs

from braze_heap.report import Report

__all__ = ["BatchDetails", "Observer", "Outcome"]

Outcome: TypeAlias = Literal["settled", "throttled", "unavailable", "dead_letter"]
"""
Settled: the report counts everything. The others: the run raised, and the batch is
still the caller's; for Heap's rates, for the sink, or for the dead letter.
"""


@attrs.frozen
class BatchDetails:
    """
    What became of one batch.

    Attributes:
        outcome: See `Outcome`.
        report: The counts of a settled batch; `None` of another.
        seconds: From the first byte of mapping to the last of delivery.
        sink: The class of the sink.
        retry_after: Seconds that an unavailable sink asks for, if it does.
    """

    outcome: Outcome
    report: Report | None
    seconds: float
    sink: str
    retry_after: float | None = None


class Observer(Protocol):
    """
    Any callable that takes `BatchDetails`. What it raises is logged, and nothing else.
    """

    def __call__(self, details: BatchDetails, /) -> None: ...
