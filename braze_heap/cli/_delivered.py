"""Report of a delivery, and the next commands."""

import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap import Report
from braze_heap.cli._console import Stream, grid, heading, indented, plural, safe
from braze_heap.cli._delivery import Delivery
from braze_heap.cli._report import (
    adjustments_view,
    invalid_view,
    reasons_view,
    skipped_files_view,
)
from braze_heap.cli._run import RunOutcome
from braze_heap.cli._sinks import STDOUT, describe_sink
from braze_heap.cli._transform import show_report


def finish(
    delivery: Delivery,
    outcome: RunOutcome,
    source: str,
    store: Path | None,
    again: str,
    *,
    strict: bool,
    quiet: bool,
) -> NoReturn:
    """
    Show the report of a delivery, and exit with its status.

    Args:
        delivery: The finished delivery.
        outcome: Its exit status, note and error.
        source: Number of files, or the path of a dead letter.
        store: Path of the dead letter; ``None`` if it was turned off.
        again: Effect of running the command again.
        strict: Whether dead letters are a failure.
        quiet: Whether to show nothing.
    """
    if not quiet:
        stream: Stream = "stderr" if delivery.spec in STDOUT else "stdout"
        view = _view(delivery, outcome, source, store)
        hint = f"\nRerun the same command. {again}" if outcome.note else ""
        show_report(Group(view, *filter(None, [hint])), stream)
    if outcome.failure:
        raise outcome.failure
    sys.exit(outcome.status or int(strict and delivery.report.dead_lettered > 0))


def _view(
    delivery: Delivery, outcome: RunOutcome, source: str, store: Path | None
) -> Group:
    report = delivery.report
    note = [Text(outcome.note, "bold red")] if outcome.note else []
    rate = (
        f"{delivery.seconds:,.1f} s, {report.received / delivery.seconds:,.0f} a second"
    )
    where = describe_sink(delivery.spec, delivery.target)
    return Group(
        *note,
        Text(f"{plural(report.received, 'event')} from {source} in {rate}, to {where}"),
        _totals(report, store),
        *reasons_view("Skipped", Counter(report.skipped_by_reason), {}),
        *reasons_view("Dead-lettered", Counter(report.dead_lettered_by_reason), {}),
        *_missing_mappers(report),
        *skipped_files_view(delivery.skipped_files),
        *adjustments_view(report.adjustments),
        *invalid_view(report.invalid),
        *next_view(_commands(report, store)),
    )


def _missing_mappers(report: Report) -> Iterator[RenderableType]:
    """List the mappers that the records of a replay need and the transformer lacks."""
    if not report.missing_mappers:
        return
    yield heading("Not replayed, because these mappers are missing")
    table = grid("_count", "_name", right=("_count",))
    for name, count in report.missing_mappers.items():
        table.add_row(f"{count:,}", Text(safe(name, 500)))
    yield indented(table)
    yield Text("  Name the mapping with --transformer, or use --force.")


def _totals(report: Report, store: Path | None) -> RenderableType:
    repeats = plural(report.repeated, "repeat") + " of an earlier event among them"
    place = f"in {store}" if store else "discarded"
    table = grid("_name", "_count", "_note", right=("_count",))
    table.add_row("events", f"{report.received:,}", "")
    table.add_row(
        "  delivered", f"{report.delivered:,}", repeats if report.repeated else ""
    )
    table.add_row("  skipped", f"{report.skipped:,}", "")
    table.add_row(
        "  dead-lettered",
        f"{report.dead_lettered:,}",
        Text(place if report.dead_lettered else ""),
    )
    table.add_row("calls", f"{report.calls:,}", "")
    return table


def _commands(report: Report, store: Path | None) -> Iterator[tuple[str, str]]:
    if report.dead_lettered and store:
        path = shlex.quote(str(store))
        yield f"braze-heap dead-letters list {path}", "list dead letters and reasons"
        yield (
            f"braze-heap dead-letters replay {path} --sink SPEC",
            "after the cause is fixed",
        )
    if unknown := len(report.unknown):
        what = f"{plural(unknown, 'name')} of unknown types and fields"
        yield "braze-heap drift FILES", what


def next_view(
    commands: Iterator[tuple[str, str]] | Sequence[tuple[str, str]],
) -> Iterator[RenderableType]:
    """List the next commands with their purpose."""
    table = grid("_command", "_what")
    for command, what in commands:
        table.add_row(Text(command, "cyan"), what)
    if table.row_count:
        yield heading("Next steps")
        yield indented(table)
