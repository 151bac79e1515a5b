"""
What became of a source, counted.

The law: ``received == delivered + skipped + dead_lettered``.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

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
"""Unfamiliar types and fields that a report names."""

OTHERS: Final = "(others)"


def _bounded(names: Mapping[str, int]) -> Mapping[str, int]:
    """
    Return the first of *names*, the others as one: a sender may make up any number.
    """
    if len(names) <= MAX_NAMES:
        return names
    told = ((name, number) for name, number in names.items() if name != OTHERS)
    first = dict(itertools.islice(told, MAX_NAMES))
    return {**first, OTHERS: sum(names.values()) - sum(first.values())}


@attrs.frozen
class Report:
    """
    What became of a source. Each event is counted once.

    Attributes:
        received: How many events came; an unreadable body counts as one.
        delivered: How many the sink settled, repeats with their first.
        skipped_by_reason: How many a policy left out.
        dead_lettered_by_reason: How many are in the dead letter (or discarded).
        repeated: How many of the events repeat an earlier one of their batch.
        calls: How many calls the sink settled.
        unknown: How often there was what the classes do not know, by type or field;
            see `TransformResult`. Of a thousand names each, of more in sum.
        missing_mappers: How many records a replay kept because the transformer lacks a
            mapper that they list, by event key and ``module:qualname``.
        other_destinations: Number of records that a replay left, because they failed at
            another destination, by destination. They are not received.
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
        """How many a policy left out."""
        return sum(self.skipped_by_reason.values())

    @property
    def dead_lettered(self) -> int:
        """How many are in the dead letter."""
        return sum(self.dead_lettered_by_reason.values())

    def __add__(self, other: Report) -> Report:
        return Report(
            self.received + other.received,
            self.delivered + other.delivered,
            _added(self.skipped_by_reason, other.skipped_by_reason),
            _added(self.dead_lettered_by_reason, other.dead_lettered_by_reason),
            self.repeated + other.repeated,
            self.calls + other.calls,
            _added(self.unknown, other.unknown),
            _added(self.missing_mappers, other.missing_mappers),
            other_destinations=_added(
                self.other_destinations, other.other_destinations
            ),
            invalid=_added(self.invalid, other.invalid),
            adjustments=_added(self.adjustments, other.adjustments),
            not_sent=_added(self.not_sent, other.not_sent),
            compiled_errors=_added(self.compiled_errors, other.compiled_errors),
        )

    def outcomes(self) -> Iterator[tuple[str, str, int]]:
        """Yield the number of events per outcome and reason."""
        yield "delivered", "", self.delivered
        for reason, number in self.skipped_by_reason.items():
            yield "skipped", reason, number
        for reason, number in self.dead_lettered_by_reason.items():
            yield "dead_lettered", reason, number


def summarize(report: Report) -> str:
    """Return ``10 events = 8 delivered + 1 skipped + 1 dead-lettered``."""
    events = "1 event" if report.received == 1 else f"{report.received:,} events"
    return (
        f"{events} = {report.delivered:,} delivered + {report.skipped:,} skipped + "
        f"{report.dead_lettered:,} dead-lettered"
    )


def counts(report: Report) -> dict[str, Any]:
    """Return the counts of *report* as JSON values, for a line of a log."""
    return {
        "events": report.received,
        "delivered": report.delivered,
        "skipped": dict(report.skipped_by_reason),
        "dead_lettered": dict(report.dead_lettered_by_reason),
    }


_Key = TypeVar("_Key")


def _added(one: Mapping[_Key, int], other: Mapping[_Key, int]) -> dict[_Key, int]:
    return dict(Counter(one) + Counter(other)) if other else dict(one)
