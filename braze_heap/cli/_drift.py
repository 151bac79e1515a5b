"""``braze-heap drift``: types and fields from Braze that this version does not know."""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, TypeAlias

import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._inputs import Inputs, Source, source_options
from braze_heap.cli._output import Output, refuse_input, write_text
from braze_heap.cli._progress import RunProgress, progress
from braze_heap.cli._report import (
    MORE_TYPES,
    TOP,
    meaning,
    show_report,
    skipped_files_view,
)
from braze_heap.config import Config, TransformConfig
from braze_heap.drift import Drift, DriftObserver, NewType, RedactedField, SeenField
from braze_heap.mapping._batch import named

Format: TypeAlias = Literal["text", "markdown", "json"]

_UPDATE: Final = 1_000
"""Number of events between updates of the progress."""


@click.command(
    short_help="Show what Braze sends that is new.",
    epilog=ui.epilog(
        """
        braze-heap drift s3-export/
        braze-heap drift s3://bucket/braze --since 2026-01-15
        zcat *.json.gz | braze-heap drift -
        braze-heap drift currents/ --format markdown -o drift.md
        braze-heap drift currents/ --ignore users.messages.email.Click.link_color
        """,
        one="there is a new type, a new field, or another type of value",
        zero="nothing new",
    ),
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
    form: Format,
    output: Output,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    ignore: tuple[str, ...],
    all_types: bool,
    quiet: bool,
) -> None:
    """
    Compare observed Currents events with what this version knows.

    Lists new event types, new fields, and values of other types than documented. Also
    lists documented types and fields not seen in the input. Reads the same input as
    `braze-heap transform`. Shows names, types and counts, never a value. The exit
    status is for cron and CI.
    """
    selects = None
    if include or exclude:
        config = Config(transform=TransformConfig(include=include, exclude=exclude))
        selects = opts.build_transformer(config)._policies.selects
    inputs = source.find(selects=selects)
    refuse_input(output, inputs.each, "--output")
    bar = None if quiet else ui.console("stderr")
    with progress("Reading", inputs.size, bar) as shown:
        observed = _observed(inputs, shown, selects)
    found = observed.ignoring(ignore)
    for name in ignore:
        if observed.ignoring([name]).ignored == observed.ignored:
            click.echo(
                f"Note: --ignore {ui.safe(name)} matches nothing here.", err=True
            )
    writers: dict[Format, Callable[[], str | RenderableType]] = {
        "json": found.to_json,
        "markdown": found.to_markdown,
        "text": lambda: drift_view(found, shows_all=all_types),
    }
    write_text(writers[form](), output)
    sys.exit(int(found.has_findings))


def _observed(
    inputs: Inputs, shown: RunProgress, selects: Callable[[str], bool] | None
) -> Drift:
    observer = DriftObserver()
    for read in inputs.read(shown.advance):
        event_type = named(read)[0] if selects else None
        if not (selects and event_type) or selects(event_type):
            observer.add(read)
        shown.events += 1
        if not shown.events % _UPDATE:
            shown.add_events(0)
    if inputs.skipped:
        show_report(lambda: Group(*skipped_files_view(inputs.skipped)), None)
    return observer.drift()


def drift_view(found: Drift, *, shows_all: bool = False) -> Group:
    """Return the findings as text."""
    top = None if shows_all else TOP
    return Group(
        _summary(found),
        *_types_view(found.new_types),
        *_fields_view("New fields", found.new_fields),
        *_fields_view("Values of other types than documented", found.type_changes),
        *_fields_view("Documented only for the other form", found.other_form),
        *_redacted_view(found.redacted),
        *_malformed_view(found.malformed),
        *_unseen_fields_view(found, top),
        *_unseen_types_view(found.unseen_types, top),
        *_more(found),
    )


def _summary(found: Drift) -> RenderableType:
    findings = {
        "new type": len(found.new_types),
        "new field": len(found.new_fields),
        "change of types": len(found.type_changes),
        "new name that was not kept": found.truncated,
    }
    parts = [ui.plural(count, noun) for noun, count in findings.items() if count]
    ignored = (
        f"; {ui.plural(found.ignored, 'finding')} ignored" if found.ignored else ""
    )
    style = "bold red" if found.has_findings else "bold green"
    return Text.assemble(
        f"{ui.plural(found.events, 'event')}: ",
        (", ".join(parts) or "nothing new", style),
        ignored,
    )


def _types_view(types: Sequence[NewType]) -> Iterator[RenderableType]:
    if types:
        yield ui.heading("New event types")
    for new in types:
        family = new.module.rpartition(".")[2] or "new"
        where = f", {new.class_name} of the family {family}" if new.class_name else ""
        count = ui.plural(new.count, "event")
        yield Text.assemble(
            "  ", (ui.safe(new.event_type), "bold"), f"  {count}{where}"
        )
        rows = [
            (field.place, ui.safe(field.name), ", ".join(field.types), field.frequency)
            for field in new.fields
        ]
        yield ui.indented(ui.rows_view(rows), 4)


def _fields_view(title: str, fields: Sequence[SeenField]) -> Iterator[RenderableType]:
    yield from ui.section(
        title,
        [
            (ui.safe(f.event_type), f.place, ui.safe(f.name), f.found, f.frequency)
            for f in fields
        ],
    )


def _redacted_view(fields: Sequence[RedactedField]) -> Iterator[RenderableType]:
    yield from ui.section(
        "Redacted by default, because their names have a word such as email",
        [
            (ui.safe(f.event_type), ui.safe(f.name, 300), ui.plural(f.count, "event"))
            for f in fields
        ],
    )
    if fields:
        yield Text('  Allow one: personal_fields = {"custom_properties.NAME" = "keep"}')


def _malformed_view(malformed: Sequence[tuple[str, int]]) -> Iterator[RenderableType]:
    count = sum(count for _, count in malformed)
    rows = [(Text(r, "bold"), n, meaning(r)) for r, n in malformed]
    yield from ui.section(f"Not read: {ui.plural(count, 'event')}", rows)


def _unseen_fields_view(found: Drift, top: int | None) -> Iterator[RenderableType]:
    rows = []
    for unseen in found.unseen_fields:
        more = len(unseen.names) - len(unseen.names[:top])
        names = ", ".join(unseen.names[:top]) + (f" and {more} more" if more else "")
        form = f"{unseen.form}, {ui.plural(unseen.count, 'event')}"
        rows.append((ui.safe(unseen.event_type), form, Text(names)))
    title = "Documented fields not seen in this input"
    yield from ui.section(title, rows, top=top, more=MORE_TYPES)


def _unseen_types_view(
    types: Sequence[str], top: int | None
) -> Iterator[RenderableType]:
    title = f"Documented types not seen in this input: {len(types)}"
    rows = [(ui.safe(event_type),) for event_type in types]
    yield from ui.section(title, rows, top=top, more=MORE_TYPES)


def _more(found: Drift) -> Iterator[RenderableType]:
    if found.new_types or found.new_fields:
        yield Text("\nPython lines to add: braze-heap drift ... --format markdown")
