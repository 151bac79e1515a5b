"""
Observers of delivery, called once per batch with counts but no values.

Included: `braze_heap.observers.opentelemetry` and `braze_heap.observers.prometheus`.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import attrs

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
