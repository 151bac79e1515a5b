"""Counts of delivery: ``received == delivered + skipped + dead_lettered``."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import attrs

__all__ = ["InvalidField", "Report"]


class InvalidField(NamedTuple):
    """
    A kind of properties that do not fit the class that a team declared for them.

    Attributes:
        class_name: Name of the class.
        field: Name of its field, with dots and ``[]`` for what is inside; "" for all.
        reason: Kind of the value and expected type, such as ``text, not float``.
    """

    class_name: str
    field: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.class_name}.{self.field}" if self.field else self.class_name
        return f"{where}: {self.reason}"


MAX_NAMES: Final = 1_000
"""Unknown types and fields that a report names."""

OTHERS: Final = "(others)"


def _bounded(names: Mapping[str, int]) -> Mapping[str, int]:
    """Return the first of *names*, and the others as one, so that memory is bounded."""
    if len(names) <= MAX_NAMES:
        return names
    named = ((name, number) for name, number in names.items() if name != OTHERS)
    first = dict(itertools.islice(named, MAX_NAMES))
    return {**first, OTHERS: sum(names.values()) - sum(first.values())}


@attrs.frozen
class Report:
    """
    Outcome of the events of a source. Each event is counted once.

    Attributes:
        received: Number of events; an unreadable body counts as one.
        delivered: Number of events whose calls the sink accepted, including repeats.
        skipped_by_reason: Number of events that a policy skipped.
        dead_lettered_by_reason: Number of events in the dead letter, or discarded.
        repeated: Number of events that repeat an earlier one of their batch.
        calls: Number of calls that the sink accepted.
        unknown: Number of events by unknown type or field; see `TransformResult`. Names
            beyond a thousand are counted together.
        missing_mappers: Number of records that a replay kept because the transformer
            lacks a mapper that they list, by event key and ``module:qualname``.
        other_destinations: Number of records that a replay did not read, because they
            failed at another destination, by destination. They are not received.
        invalid: Number of custom events and purchases that do not fit the class that a
            team declared for them, by class, field and reason.
        not_sent: Number of parts of delivered events that were not sent, by reason: an
            event that is ``excluded`` or ``sampled``, an ``outdated`` user property.
        adjustments: Number of values that were changed to be legal for Heap, by kind of
            change; see `Adjustment`.
        compiled_errors: Number of events by type for which the compiled mapping raised,
            a bug of this library. The generic mapping took them.
    """

    received: int = 0
    delivered: int = 0
    skipped_by_reason: Mapping[str, int] = attrs.field(factory=dict)
    dead_lettered_by_reason: Mapping[str, int] = attrs.field(factory=dict)
    repeated: int = 0
    calls: int = 0
    unknown: Mapping[str, int] = attrs.field(factory=dict, converter=_bounded)
    missing_mappers: Mapping[str, int] = attrs.field(factory=dict, converter=_bounded)
    other_destinations: Mapping[str, int] = attrs.field(factory=dict, kw_only=True)
    invalid: Mapping[InvalidField, int] = attrs.field(factory=dict, kw_only=True)
    adjustments: Mapping[str, int] = attrs.field(factory=dict, kw_only=True)
    not_sent: Mapping[str, int] = attrs.field(factory=dict, kw_only=True)
    compiled_errors: Mapping[str, int] = attrs.field(factory=dict, kw_only=True)

    @property
    def skipped(self) -> int:
        """Number of events that a policy skipped."""
        return sum(self.skipped_by_reason.values())

    @property
    def dead_lettered(self) -> int:
        """Number of events in the dead letter."""
        return sum(self.dead_lettered_by_reason.values())

    def __str__(self) -> str:
        """Return ``10 events = 8 delivered + 1 skipped + 1 dead-lettered``."""
        events = "1 event" if self.received == 1 else f"{self.received:,} events"
        return (
            f"{events} = {self.delivered:,} delivered + {self.skipped:,} skipped + "
            f"{self.dead_lettered:,} dead-lettered"
        )

    def __add__(self, other: Report) -> Report:
        names = attrs.fields_dict(Report)
        return Report(**{n: _added(getattr(self, n), getattr(other, n)) for n in names})

    def outcomes(self) -> Iterator[tuple[str, str, int]]:
        """Yield the number of events per outcome and reason."""
        yield "delivered", "", self.delivered
        for reason, number in self.skipped_by_reason.items():
            yield "skipped", reason, number
        for reason, number in self.dead_lettered_by_reason.items():
            yield "dead_lettered", reason, number


def counts(report: Report) -> dict[str, Any]:
    """Return the counts of *report* as JSON values, for a line of a log."""
    return {
        "events": report.received,
        "delivered": report.delivered,
        "skipped": dict(report.skipped_by_reason),
        "dead_lettered": dict(report.dead_lettered_by_reason),
    }


def _added(one: Any, other: Any) -> Any:
    """Return the sum of two numbers, or of the numbers by each name."""
    if isinstance(one, int):
        return one + other
    return dict(Counter(one) + Counter(other)) if other else one
