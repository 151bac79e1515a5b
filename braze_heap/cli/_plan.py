"""``braze-heap plan``: all that can reach Heap, as a page, a table or a file."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._output import refuse_input, write_text
from braze_heap.plan import PlanError, TrackingPlan, diff, tracking_plan
from braze_heap.plan._tables import deletion, privacy_counts

Format: TypeAlias = Literal["table", "markdown", "csv", "json", "html"]


@click.command(
    short_help="Show all that can reach Heap.",
    epilog=ui.epilog(
        """
        braze-heap plan
        braze-heap plan --format html -o plan.html
        braze-heap plan --json -o plan.json
        braze-heap plan --personal-data keep --diff plan.json
        """,
        one="with --diff, something differs",
        zero="done; with --diff, nothing differs",
    ),
)
@opts.transformer_options
@opts.format_options(
    *("table", "markdown", "csv", "json", "html"),
    text="html is a page to search and sort; --diff compares with json.",
)
@opts.option(
    "--diff old OLD.json",
    "Show what differs from this plan instead; as text, or as JSON.",
    type=opts.FilePath(exists=True, dir_okay=False),
)
@opts.output_option("Write to this file.")
def plan(form: Format, old: Path | None, output: Path, **options: Any) -> None:
    """
    Show the tracking plan: every event and user property that can reach Heap.

    For each one its meaning, type, an invented example, whether it is personal data,
    the Braze type and field it is from, and what is not sent and why.
    """
    if old and form not in ("table", "json"):
        raise click.UsageError("--diff is shown as text, or with --json.")
    refuse_input(output, [old, options["config"]], "--output")
    before = _read(old) if old else None
    planned = tracking_plan(opts.build_transformer(opts.Setup.of(**options)))
    difference = diff(before, planned) if before else None
    writers: Mapping[str, Callable[[], str | RenderableType]] = {
        "table": lambda: _view(planned),
        "markdown": planned.to_markdown,
        "csv": planned.to_csv,
        "json": planned.to_json,
        "html": planned.to_html,
    }
    if difference is not None:
        lines = "".join(f"{ui.safe(x, 500)}\n" for x in str(difference).splitlines())
        writers = {"table": lambda: lines, "json": difference.to_json}
    with ui.exit_on_broken_pipe():
        write_text(writers[form](), output, ui.PIPED_WIDTH)
    sys.exit(int(bool(difference)))


def _read(path: Path) -> TrackingPlan:
    try:
        return TrackingPlan.from_json(path.read_bytes())
    except OSError as error:
        raise ui.UnusableError(
            f"cannot read {path}: {ui.describe_os_error(error)}"
        ) from None
    except PlanError as error:
        raise ui.UnusableError(f"{path}: {ui.safe(str(error), 500)}") from None


def _view(planned: TrackingPlan) -> Group:
    events = [
        (
            event.name,
            event.event_type,
            len(event.properties),
            sum(p.is_personal for p in event.properties) or "-",
            len(event.unsent) or "-",
            str(event.since),
        )
        for event in planned.events
    ]
    columns = ("event", "type", "properties", "personal", "not sent", "since")
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in privacy_counts(planned).items())
    return Group(
        Text(f"Personal data: {kinds} (the identity included)\n"),
        ui.rows_view(events, columns),
        *_user_properties_view(planned),
        *_absent_view(planned),
        Text("\nEvery property: braze-heap plan --format html -o plan.html"),
    )


def _user_properties_view(planned: TrackingPlan) -> Iterator[RenderableType]:
    yield from ui.section(
        f"User properties: {len(planned.user_properties)}",
        [
            (p.name, p.type, "yes" if p.is_personal else "-", ", ".join(p.event_types))
            for p in planned.user_properties
        ],
        columns=("name", "type", "personal", "from"),
    )


def _absent_view(planned: TrackingPlan) -> Iterator[RenderableType]:
    absent = [(event.event_type, event.why) for event in planned.unsent]
    absent += [(event_type, deletion(event_type)) for event_type in planned.deletions]
    title = f"Never an event in Heap: {ui.plural(len(absent), 'type')}"
    yield from ui.section(title, absent)
