"""``braze-heap plan``: all that can reach Heap, as a page, a table or a file."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._events import trait_options
from braze_heap.cli._inputs import Source, source_options
from braze_heap.cli._output import Output, refuse_input, write_text
from braze_heap.cli._report import TOP, Ending, Section, print_result
from braze_heap.cli._run import Run
from braze_heap.plan import PlanError, PlanObserver, TrackingPlan, diff, tracking_plan
from braze_heap.plan._tables import deletion, privacy_counts, traffic


@ui.command(
    one="with --diff, something differs",
    zero="done; with --diff, nothing differs",
    without=(),
)
@opts.storage_option
@opts.setup_options("transform")
@opts.format_options(
    *("table", "markdown", "csv", "json", "html", "jsonschema"),
    text="html is a page to search and sort; --diff compares with json; jsonschema is "
    "a line with a JSON Schema for each event in Heap.",
)
@trait_options
@opts.option(
    "--observed FILE",
    "Add counts and shares from the events in these files, directories or URLs.",
    type=opts.InputPath(),
)
@source_options
@opts.option(
    "--diff old OLD.json",
    "Show what differs from this plan instead; as text, or as JSON.",
    type=opts.FilePath(exists=True, dir_okay=False),
)
@opts.output_option("Write to this file or URL.")
def plan(
    form: str,
    old: Path | None,
    output: Output,
    observed: Path | opts.StoreUrl | None,
    source: Source,
    setup: opts.Setup,
    choices: list[list[str]],
) -> None:
    """
    Show every event and user property that can reach Heap.

    Each one of this tracking plan has its meaning, type, an invented example, and its
    Braze type and field. Personal data is marked. What is not sent is listed with the
    reason. FILE names more files to count in, beside that of --observed.

    Examples::

        braze-heap plan
        braze-heap plan --format html -o plan.html
        braze-heap plan --json -o plan.json
        braze-heap plan --personal-data keep --diff plan.json
        braze-heap plan --channel email --action open,click
        braze-heap plan --observed currents/ --format html -o plan.html
    """
    if old and form not in ("table", "json"):
        raise click.UsageError("--diff is shown as text, or with --json.")
    if observed and (old or form == "jsonschema"):
        raise click.UsageError(
            "--diff and --format jsonschema show no counts: leave --observed out."
        )
    if not observed and source != Source(()):
        raise click.UsageError(
            "FILE, --event-type, --since and --until are for --observed FILE, which is "
            "missing."
        )
    refuse_input(output, [old, setup.file], "--output")
    before = _read(old) if old else None
    planned = tracking_plan(opts.build_transformer(setup.config))
    if observed:
        source = attrs.evolve(source, files=(observed, *source.files))
        run = Run.of(setup.config, source)
        refuse_input(output, run.inputs.each, "--output")
        planned = _with_traffic(planned, run)
    planned = planned.narrowed(*choices) if choices else planned
    view: str | RenderableType
    difference = None
    if before:
        difference = diff(before.narrowed(*choices) if choices else before, planned)
        view = difference.to_json() if form == "json" else Text(str(difference))
    elif form == "table":
        view = Group(*_sections(planned))
    else:
        view = getattr(planned, f"to_{form}")()
    write_text(view, output)
    sys.exit(int(bool(difference)))


def _with_traffic(planned: TrackingPlan, run: Run) -> TrackingPlan:
    """Return the plan with counts of the events that *run* reads."""
    observer = PlanObserver(planned)
    run.observe = observer.add
    result = run.result(Path(os.devnull), ui.console("stderr"))
    if failure := result.outcome.failure:
        raise failure
    if result.outcome.note:  # of a signal
        result.finish("stderr", Ending(strict=False, quiet=False, as_json=False))
    title = "Not in the plan; see braze-heap drift"
    unplanned = Section.of_counts("", title, observer.unplanned, top=TOP)
    print_result([*result.sections(), unplanned], "stderr")
    return observer.observed()


def _read(path: Path) -> TrackingPlan:
    try:
        return TrackingPlan.from_json(path.read_bytes())
    except PlanError as error:
        raise ui.UnusableError(f"{path}: {ui.safe(str(error), 500)}") from None


def _sections(planned: TrackingPlan) -> Iterator[Section]:
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in privacy_counts(planned).items())
    yield Section(note=f"Personal data: {kinds} (the identity included)\n")
    events = [
        (
            event.name,
            event.event_type,
            len(event.properties),
            sum(p.is_personal for p in event.properties) or "-",
            len(event.unsent) or "-",
            str(event.since),
            event.wire,
            traffic(event),
        )
        for event in planned.events
    ]
    columns = "event,type,properties,personal,not sent,since,wire,observed".split(",")
    yield Section(rows=events, columns=columns)
    title = f"User properties: {len(planned.user_properties)}"
    columns = [
        "name",
        "type",
        "is_personal",
        "wire",
        "observed",
        "share",
        "event_types",
    ]
    yield Section.of("", title, planned.user_properties, *columns)
    title = "Combo events to make in Heap, for charts over channels"
    yield Section.of("", title, planned.combo_events)
    absent = [(event.event_type, event.why) for event in planned.unsent]
    absent += [(event_type, deletion(event_type)) for event_type in planned.deletions]
    title = f"Never an event in Heap: {ui.plural(len(absent), 'type')}"
    yield Section(title=title, rows=absent)
    yield Section(note="\nEvery property: braze-heap plan --format html -o plan.html")
