"""``braze-heap send``: events in any form, to Heap or another sink."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

import attrs
import click

from braze_heap import DISCARD, ENGAGEMENT, Pipeline, Track, TransformResult
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli import _sinks as sinks
from braze_heap.cli._inputs import Source, batches, source_options
from braze_heap.cli._output import refuse_input
from braze_heap.cli._progress import RunProgress, format_duration
from braze_heap.cli._report import Ending, RunReport, Section, next_steps
from braze_heap.cli._run import Delivery, Run, delivery_options
from braze_heap.events._catalog import category_of
from braze_heap.heap._pacing import EVENTS_A_MINUTE
from braze_heap.mapping._batch import named

AGAIN: Final = (
    "It starts over; Heap ignores events it already has, but a file sink will contain "
    "duplicates."
)

_OF_DELIVERIES: Final = (
    *("yes", "strict", "quiet", "discard", "patience"),
    *("state__path", "state__max_bytes"),
)
"""Parameters that somebody who expects a dry run does not give."""


@ui.command(
    one="events went to the dead letter, and --strict is given",
    zero="done, also if events went to the dead letter",
    more=sinks.SINKS_HELP,
    without=(),
)
@opts.storage_option
@source_options
@delivery_options(
    "there are dead letters",
    sinks.sink_option("Destination. Without it nothing is sent: a dry run."),
    *sinks.state_options(),
)
@opts.option("--dry-run", "Send nothing, also if a sink is configured.")
@opts.option("--discard", "Count what cannot be delivered; keep no state.")
@opts.all_types_option
def send(
    source: Source, delivery: Delivery, dry_run: bool, discard: bool, all_types: bool
) -> None:
    """
    Send Currents events to Heap, or to another sink.

    Reads what `braze-heap transform` reads. Each event is delivered, skipped by a
    policy, or kept in the dead letter, and counted once. A report comes last; it goes
    to stderr where calls go to stdout.

    If reading a file fails, the events before the failure and the other files are sent.
    The exit status is 2 and the message names the file: run the command again. In a
    folder, files that hold no events, such as CSV, are skipped and reported.

    Running a command again is safe: Heap ignores events it already has.

    Examples::

        braze-heap send currents/
        braze-heap send s3://bucket/a --since 2026-01-15 --sink 'heap:?app_id=11'
        braze-heap send currents/ --sink 'heap:?app_id=11&region=eu'
        zcat *.gz | braze-heap send --sink 'heap:?app_id=11' --yes
        braze-heap send batch.json --sink file:calls.jsonl --state trial.db
    """
    config, ending = delivery.config, delivery.ending
    options = [name for name in ("--state", "--max-bytes") if config.is_option(name)]
    if discard and options:
        raise click.UsageError(f"{options[0]} and --discard exclude each other.")
    is_real = not dry_run and opts.given(*_OF_DELIVERIES)
    if is_real and not config.sink.to_spec():
        raise click.UsageError(
            f"Missing option '--sink', because {is_real[0]} is given. Name the "
            "destination, such as --sink 'heap:?app_id=11', or add --dry-run."
        )
    kept = None if discard else sinks.place_of_state(config)
    run = Run.of(config, source, own=sinks.files_of(kept))
    inputs, spec = run.inputs, config.sink.to_spec()
    if dry_run or not spec:
        _dry_run(run, all_types, ending)
    if written := opts.STDIN if spec in sinks.STDOUT else sinks.file_of(spec):
        refuse_input(written, inputs.each, "--sink")

    def work(pipeline: Pipeline, shown: RunProgress) -> None:
        for batch in batches(inputs.read(shown.advance)):
            pipeline.run(batch)

    with (
        delivery.opened(f"the events of {inputs}", kept) as sink,
        sinks.state_of(config) if kept else contextlib.nullcontext() as state,
    ):
        if state and not ending.quiet:
            place = ui.safe(str(kept), 500)
            click.echo(f"What cannot be delivered goes to {place}.", err=True)
        stores = (state.dead_letter, state.ledger) if state else (DISCARD, None)
        result = delivery.deliver(
            sink, stores, run.transformer, work, total=inputs.size
        )
    result.report.skipped_files += inputs.skipped
    result = attrs.evolve(result, source=str(inputs), state=kept, again=AGAIN)
    result.finish(sinks.report_stream(spec), ending)


def _dry_run(run: Run, all_types: bool, ending: Ending) -> NoReturn:
    forecast = Forecast()
    run.observe = forecast.add
    result = run.result(Path(os.devnull), ending.bar, all_types=all_types)
    if result.outcome.failure and not run.report.counts.received:
        raise result.outcome.failure
    more = [*forecast.sections(run.report, result.top)]
    attrs.evolve(result, more=more).finish("stdout", ending)


@attrs.define
class Forecast:
    """
    Forecast of what a delivery would send to Heap.

    Attributes:
        people: Hashes of the identities: 64 bits, so that millions fit into memory.
        event_types: Number of events to send by type.
    """

    people: set[int] = attrs.field(factory=set)
    event_types: Counter[str] = attrs.field(factory=Counter)

    def add(self, result: TransformResult) -> None:
        """Add the calls of a batch."""
        self.people.update(hash(call.identity) for call in result.calls)
        self.event_types.update(
            named(item)[0] or ""
            for call, item in zip(result.calls, result.origins, strict=True)
            if isinstance(call, Track)
        )

    def sections(self, report: RunReport, top: int | None) -> Iterator[Section]:
        """Yield what a delivery would send of the events of *report*."""
        total, categories = self.event_types.total(), Counter[str]()
        for event_type, number in self.event_types.items():
            categories[category_of(event_type)] += number
        minutes = total / EVENTS_A_MINUTE
        rows = [*report.calls.items(), ("user", len(self.people))]
        rows.append(("dead letter", report.counts.dead_lettered))
        lines = [(n, ui.plural(n, noun).partition(" ")[2]) for noun, n in rows if n]
        least = format_duration(minutes * 60) if minutes >= 1 else "less than a minute"
        yield Section(
            "people",
            len(self.people),
            "Dry run: nothing was sent. With --sink it would send",
            lines or [(0, "events")],
            f"{least}, because Heap accepts {EVENTS_A_MINUTE:,} events a minute",
        )
        yield Section("minutes", round(minutes, 1))
        counts = {"category": categories, "type": self.event_types}
        for kind, count in counts.items():
            shares = [(name, n, f"{n / total:.1%}") for name, n in count.most_common()]
            title = f"Events to send by {kind}"
            values = dict(count.most_common())
            yield Section(f"events_by_{kind}", values, title, shares, top=top)
        engagement = sum(self.event_types[kind] for kind in ENGAGEMENT)
        saved = total - engagement
        note = saved and (
            f"\n--include engagement would skip {saved:,} of these events "
            f"({saved / total:.1%}), such as sends, deliveries and sessions."
        )
        yield Section("events_with_engagement_alone", engagement, note=note or "")
        command = "braze-heap send ... --sink 'heap:?app_id=YOUR_APP_ID'"
        yield next_steps([(command, "send it")])
