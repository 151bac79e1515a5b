"""``braze-heap drift``: types and fields from Braze that this version does not know."""

import sys
from collections.abc import Iterator

import click
from rich.console import Group
from rich.text import Text

from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._inputs import Source, source_options
from braze_heap.cli._output import Output, refuse_input, write_text
from braze_heap.cli._progress import progress
from braze_heap.cli._report import TOP, Section, meaning, print_result, skipped_files
from braze_heap.config import Config, TransformConfig
from braze_heap.drift import Drift, DriftObserver
from braze_heap.drift._model import tables
from braze_heap.mapping._batch import named


@ui.command(
    one="there is a new type, a new field, or another type of value", zero="nothing new"
)
@opts.storage_option
@source_options
@opts.format_options(
    "text", "markdown", "json", text="markdown and json also have the Python lines."
)
@opts.output_option("Write to this file or URL.")
@opts.choices_option("--include EVENTS", "Compare only these; as with transform.")
@opts.choices_option("--exclude EVENTS", "Do not compare these; as with transform.")
@opts.option(
    "--ignore NAME",
    "Ignore an event type, a field, or TYPE.FIELD. May be repeated.",
    multiple=True,
)
@opts.all_types_option
@opts.quiet_option
def drift(
    source: Source,
    form: str,
    output: Output,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    ignore: tuple[str, ...],
    all_types: bool,
    quiet: bool,
) -> None:
    """
    Compare Currents events with what this version knows.

    Lists new event types, new fields, and values of other types than documented. Also
    lists documented types and fields not seen in the input. Reads the same input as
    `braze-heap transform`. Shows names, types and counts, never a value. The exit
    status is for cron and CI.

    Examples::

        braze-heap drift s3-export/
        braze-heap drift s3://bucket/braze --since 2026-01-15
        zcat *.json.gz | braze-heap drift -
        braze-heap drift currents/ --format markdown -o drift.md
        braze-heap drift currents/ --ignore users.messages.email.Click.link_color
    """
    selects = None
    if include or exclude:
        config = Config(transform=TransformConfig(include=include, exclude=exclude))
        selects = opts.build_transformer(config)._policies.selects
    inputs = source.find(selects=selects)
    refuse_input(output, inputs.each, "--output")
    bar, observer = None if quiet else ui.console("stderr"), DriftObserver()
    with progress("Reading", inputs.size, bar) as shown:
        for read in inputs.read(shown.advance):
            event_type = named(read)[0] if selects else None
            if not (selects and event_type) or selects(event_type):
                observer.add(read)
            shown.events += 1
            if not shown.events % 1_000:  # updates cost time
                shown.add_events(0)
    top = None if all_types else TOP
    print_result([skipped_files(inputs.skipped, top)], "stderr")
    observed = observer.drift()
    found = observed.ignoring(ignore)
    for name in ignore:
        if observed.ignoring([name]).ignored == observed.ignored:
            click.echo(
                f"Note: --ignore {ui.safe(name)} matches nothing here.", err=True
            )
    is_text = form == "text"
    view = Group(*_sections(found, top)) if is_text else getattr(found, f"to_{form}")()
    write_text(view, output)
    sys.exit(int(found.has_findings))


def _sections(found: Drift, top: int | None) -> Iterator[Section]:
    """Yield the findings; at most *top* of those that were not seen."""
    yield _summary(found)
    malformed = dict(found.malformed)
    title = f"Not read: {ui.plural(sum(malformed.values()), 'event')}"
    yield Section.of_counts("", title, malformed, meaning)
    for table in tables(found):
        yield Section(
            title=table.title,
            rows=[[_cell(value, top) for value in row] for row in table.rows],
            note=table.note,
            columns=table.headings,
            top=top if table.is_long else None,
        )
    if found.new_types or found.new_fields:
        more = "\nPython lines to add: braze-heap drift ... --format markdown"
        yield Section(note=more)


def _cell(value: object, top: int | None) -> object:
    if not isinstance(value, tuple):
        return value
    more = len(value) - len(value[:top])
    return ", ".join(value[:top]) + f" and {more} more" * bool(more)


def _summary(found: Drift) -> Section:
    findings = {
        "new type": len(found.new_types),
        "new field": len(found.new_fields),
        "type change": len(found.type_changes),
        "new name that was not kept": found.truncated,
    }
    parts = [ui.plural(count, noun) for noun, count in findings.items() if count]
    ignored = f"; {ui.plural(found.ignored, 'finding')} ignored" * bool(found.ignored)
    style = "bold red" if found.has_findings else "bold green"
    summary = (", ".join(parts) or "nothing new", style)
    events = ui.plural(found.events, "event")
    return Section(note=Text.assemble(f"{events}: ", summary, ignored))
