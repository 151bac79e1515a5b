"""What became of the events of a run: counts by reason, and the first few of each."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap import Call, Reason, Rejected, Skipped, TransformResult
from braze_heap.cli._console import grid, heading, indented, plural, safe
from braze_heap.cli._reasons import ADJUSTMENTS, CALLS, meaning
from braze_heap.heap._encoder import Adjustment
from braze_heap.report import InvalidField
from braze_heap.wire import Read, Unreadable

MAX_EXAMPLES = 3
"""Events that a report names for each reason."""

TOP = 10
"""Event types, and fields, that a report names unless it is asked for all."""

MAX_PATH = 100
"""Characters of a path that a report shows."""


@attrs.frozen
class Example:
    """
    One event that made no call. Never holds a value of it.

    Attributes:
        source: The file that it came from.
        number: Which of its events, from 1 on; 0 where that is not known.
        offset: Bytes before it, where that is known.
        event_type: As Braze writes it, where it could be read.
        event_id: Braze's id, where it could be read.
        detail: What is wrong with it.
    """

    source: str
    number: int = 0
    offset: int = 0
    event_type: str | None = None
    event_id: str | None = None
    detail: str = ""

    def __str__(self) -> str:
        named = f"id {safe(self.event_id)}" if self.event_id else ""
        typed = safe(self.event_type) if self.event_type else ""
        where = ", ".join(filter(None, (*self._place(), typed, named)))
        return f"{where}: {safe(self.detail, 300)}" if self.detail else where

    def _place(self) -> Iterator[str]:
        yield _path(self.source)
        if self.number:
            at = f" at byte {self.offset:,}" if self.offset else ""
            yield f"event {self.number:,}{at}"


@attrs.define
class TransformReport:
    """
    The sum of all batches of a run.

    Attributes:
        identity: The field that names the user; it is sent, though not as a property.
        skipped_files: Why each file of a folder that holds no events was skipped.
    """

    identity: str
    received: int = 0
    mapped: int = 0
    repeated: int = 0
    calls: Counter[type[Call]] = attrs.field(factory=Counter)
    event_types: Counter[str] = attrs.field(factory=Counter)
    skipped: Counter[str] = attrs.field(factory=Counter)
    rejected: Counter[str] = attrs.field(factory=Counter)
    redacted: Counter[str] = attrs.field(factory=Counter)
    adjustments: Counter[Adjustment] = attrs.field(factory=Counter)
    invalid: Counter[InvalidField] = attrs.field(factory=Counter)
    examples: dict[str, list[Example]] = attrs.field(factory=dict)
    skipped_files: list[str] = attrs.field(factory=list)

    def add(
        self, result: TransformResult, batch: Sequence[Read], source: str, before: int
    ) -> None:
        """Add what became of *batch*, which *before* events of *source* preceded."""
        self.received += result.received
        self.mapped += result.mapped
        self.repeated += result.repeated
        self.calls.update(map(type, result.calls))
        self.event_types += result.event_types
        self.redacted += result.redacted
        self.adjustments += result.adjustments
        self.invalid += result.invalid
        for skipped in result.skipped:
            self.skipped[skipped.reason] += 1
            self._keep(skipped.reason, _example(skipped, source))
        if result.rejected:
            self._add_rejected(result.rejected, batch, source, before)

    def _add_rejected(
        self,
        rejected: Sequence[Rejected],
        batch: Sequence[Read],
        source: str,
        before: int,
    ) -> None:
        for event, index in _positions(rejected, batch):
            self.rejected[event.reason] += 1
            place = (source, before + index + 1, batch[index].offset)
            self._keep(event.reason, _example(event, *place, event.detail))

    def merge(self, other: "TransformReport", before: int) -> None:
        """Add the report on a piece of a file, which *before* events of it preceded."""
        self.received += other.received
        self.mapped += other.mapped
        self.repeated += other.repeated
        self.calls += other.calls
        self.event_types += other.event_types
        self.skipped += other.skipped
        self.rejected += other.rejected
        self.redacted += other.redacted
        self.adjustments += other.adjustments
        self.skipped_files += other.skipped_files
        self.invalid += other.invalid
        for reason, examples in other.examples.items():
            for example in examples:
                shift = before if example.number else 0
                self._keep(reason, attrs.evolve(example, number=example.number + shift))

    def _keep(self, reason: str, example: Example) -> None:
        examples = self.examples.setdefault(reason, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(example)


def _example(
    event: Skipped | Rejected,
    source: str,
    number: int = 0,
    offset: int = 0,
    detail: str = "",
) -> Example:
    return Example(source, number, offset, event.event_type, event.event_id, detail)


def _path(source: str) -> str:
    """Return the end of a path, where storage tells one file from another."""
    start = "..." if len(source) > MAX_PATH else ""
    return start + safe(source[-MAX_PATH:], 8 * MAX_PATH)


def _positions(
    rejected: Sequence[Rejected], batch: Sequence[Read]
) -> Iterator[tuple[Rejected, int]]:
    """Find the rejected events in their batch; damage is told by its order alone."""
    index_of = {id(read): index for index, read in enumerate(batch)}
    damages = (i for i, read in enumerate(batch) if isinstance(read, Unreadable))
    for event in rejected:
        if event.reason is Reason.UNREADABLE:
            yield event, next(damages)
        else:
            yield event, index_of[id(event.raw)]


def report_view(report: TransformReport, *, shows_all: bool = False) -> Group:
    """Show what became of the events, for people."""
    top = None if shows_all else TOP
    return Group(
        _totals(report),
        *_types_view(report.event_types, top),
        *reasons_view("Skipped", report.skipped, report.examples),
        *reasons_view("Rejected", report.rejected, report.examples),
        *redacted_view(report.redacted, report.identity, top),
        *adjustments_view(report.adjustments),
        *skipped_files_view(report.skipped_files, top),
        *invalid_view(report.invalid),
    )


def skipped_files_view(
    skipped: Sequence[str], top: int | None = TOP
) -> Iterator[RenderableType]:
    """Show how many files of a folder were skipped, and what the first look like."""
    if skipped:
        yield heading(f"{plural(len(skipped), 'file')} skipped: no events in them")
        table = grid("_dash", "_file")
        for message in skipped[:top]:
            table.add_row("-", Text(safe(message, 500)))
        yield indented(table)
    if top is not None and len(skipped) > top:
        yield Text(f"  ... and {plural(len(skipped) - top, 'more file')}")


def _totals(report: TransformReport) -> RenderableType:
    repeats = plural(report.repeated, "repeat") + " of an earlier event among them"
    table = grid("_name", "_count", "_note", right=("_count",))
    table.add_row("events", f"{report.received:,}", "")
    table.add_row("  mapped", f"{report.mapped:,}", repeats if report.repeated else "")
    table.add_row("  skipped", f"{report.skipped.total():,}", "")
    table.add_row("  rejected", f"{report.rejected.total():,}", "")
    kinds = [plural(count, CALLS[kind]) for kind, count in report.calls.items()]
    table.add_row("calls", f"{report.calls.total():,}", ", ".join(kinds))
    return table


def _types_view(counts: Counter[str], top: int | None) -> Iterator[RenderableType]:
    if not counts:
        return
    yield heading("Events by type")
    table = grid("_type", "_count", right=("_count",))
    for event_type, count in counts.most_common(top):
        table.add_row(Text(safe(event_type)), f"{count:,}")
    yield indented(table)
    yield from rest(len(counts), top, "more type")


def rest(number: int, top: int | None, noun: str) -> Iterator[RenderableType]:
    """Say how many of *number* come behind the first *top*, if any do."""
    if top is not None and number > top:
        more = plural(number - top, noun)
        yield Text(f"  ... and {more} (--all-types names them)")


def reasons_view(
    title: str, counts: Counter[str], examples: dict[str, list[Example]]
) -> Iterator[RenderableType]:
    """Show why events made no call, how many, and the first few."""
    if counts:
        yield heading(f"{title}: {plural(counts.total(), 'event')}")
    for reason, count in counts.most_common():
        table = grid("_reason", "_count", "_meaning")
        table.add_row(Text(safe(reason), "bold"), f"{count:,}", meaning(reason))
        yield indented(table)
        if reason in examples:
            yield from _examples_view(examples[reason], count)


def _examples_view(shown: Sequence[Example], count: int) -> Iterator[RenderableType]:
    table = grid("_dash", "_example")
    for example in shown:
        table.add_row("-", Text(str(example)))
    if (more := count - len(shown)) > 0:
        table.add_row("", f"... and {more:,} more")
    yield indented(table, 4)


def redacted_view(
    counts: Counter[str], identity: str, top: int | None = TOP
) -> Iterator[RenderableType]:
    """Show which personal fields were left out, and how often."""
    if not counts:
        return
    yield heading("Personal fields left out (--personal-data keep sends them)")
    table = grid("_field", "_count", "_note", right=("_count",))
    for name, count in counts.most_common(top):
        note = "sent as the identity alone" if name == identity else ""
        table.add_row(Text(safe(name)), f"{count:,}", note)
    yield indented(table)
    yield from rest(len(counts), top, "more field")


def adjustments_view(counts: Mapping[Any, int]) -> Iterator[RenderableType]:
    """Show which values had to be changed for Heap, and how often."""
    if not counts:
        return
    yield heading("Changed to be legal for Heap")
    table = grid("_kind", "_count", "_note", right=("_count",))
    for kind, count in Counter(counts).most_common():
        table.add_row(kind, f"{count:,}", ADJUSTMENTS[Adjustment(kind)])
    yield indented(table)


def invalid_view(counts: Mapping[InvalidField, int]) -> Iterator[RenderableType]:
    """Show which properties do not fit the classes that a team declared for them."""
    if not counts:
        return
    yield heading("Mapped as any custom event: they do not fit the class declared")
    table = grid("_invalid_value", "_count", right=("_count",))
    for invalid, count in Counter(counts).most_common(TOP):
        table.add_row(Text(safe(str(invalid), 200)), f"{count:,}")
    yield indented(table)
