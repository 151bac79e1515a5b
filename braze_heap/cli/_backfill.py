"""``braze-heap backfill``: all objects of a bucket or folder, in several runs."""

import math
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
import click

from braze_heap import Pipeline
from braze_heap.backfill import BackfillReport
from braze_heap.backfill import backfill as deliver_objects
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli import _sinks as sinks
from braze_heap.cli._delivery import deliver, patience_option
from braze_heap.cli._inputs import ReadFailedError, WrongFormatError, first_of
from braze_heap.cli._progress import RunProgress, format_duration
from braze_heap.cli._report import (
    Ending,
    RunOutcome,
    RunResult,
    Section,
    ending_options,
)
from braze_heap.cli._signals import Stopping
from braze_heap.sinks import Sink
from braze_heap.sinks._protocol import destination_of, destinations_of
from braze_heap.state import Progress, SqliteState, SqlState
from braze_heap.wire import UnknownFormatError

AGAIN: Final = "It continues where this one stopped."

NO_USER_PROPERTIES: Final = (
    "User properties are not sent ({}), because older ones would replace those of the "
    "live service. {}"
)
NAME_STATE: Final = "Its state knows the newer ones: name it with --state to send them."
NOT_ITS_STATE: Final = (
    "Its state knows the newer ones, but {} knows none of this destination. "
    "Name the state of the live service to send them."
)


@click.command(
    short_help="Send all objects of a bucket or folder; continue after a stop.",
    epilog=ui.epilog(
        f"""
        braze-heap backfill s3://bucket/currents --sink 'heap:?app_id=11' --yes
        braze-heap backfill gs://bucket --sink file:calls.jsonl --since 2026-01-15
        braze-heap backfill currents/ --sink 'heap:?app_id=11' --state live.db

{sinks.SINKS_HELP}

Running a command again continues it. A file or store that cannot be read is status 2,
a stop by a signal or --max-time is status 75, and so is another running backfill.
        """,
        one="events went to the dead letter, and --strict is given",
        zero="all objects are delivered, also if events went to the dead letter",
    ),
)
@click.argument("url", type=opts.FilePath(exists=True, urls=True))
@opts.storage_option
@opts.setup_options(
    "transform sink state",
    sinks.sink_option("Destination, but not stdout."),
    *sinks.state_options(
        "Keep progress, dead letters and user properties here. Name the state of the "
        "live service to send user properties, too.  [default: state.db]"
    ),
)
@opts.yes_option()
@opts.WINDOW[0]
@opts.WINDOW[1]
@opts.option(
    "--max-time SECONDS",
    "Stop between two batches after this time, with status 75.",
    type=click.FloatRange(min=0, min_open=True),
)
@patience_option
@ending_options("there are dead letters")
def backfill(
    url: Path | opts.StoreUrl,
    setup: opts.Setup,
    yes: bool,
    since: datetime | None,
    until: datetime | None,
    max_time: float | None,
    patience: float,
    ending: Ending,
) -> None:
    """
    Send the events of all objects below URL, or in a folder, to a sink.

    The state notes what is delivered, so that the same command continues after a stop
    or a crash, and later sends only what is new. After a crash, up to 1,000 events are
    sent again; Heap ignores them. Objects of types of which --include and --exclude
    leave nothing to send are not read.

    Ctrl-C and SIGTERM end it between two batches; a second one, at once.
    """
    config = setup.config
    transformer = opts.build_transformer(config)
    spec, path = sinks.spec_or_exit(config), sinks.place_of_state(config)
    if spec in sinks.STDOUT:
        raise ui.UnusableError(
            "--sink: a backfill notes what arrived, but nobody knows that of stdout. "
            "Write to a file, such as --sink file:calls.jsonl, or use braze-heap send."
        )
    sinks.refuse_files(spec, path, setup.file)
    if isinstance(url, Path):
        _refuse_own_files(url, spec, path)
        url = opts.StoreUrl(str(url))
    stopping = Stopping(time.monotonic() + max_time if max_time else math.inf)
    with sinks.sink_to_deliver_to(config) as sink:
        if destination_of(sink) is None:
            raise ui.UnusableError(
                f"--sink: progress is kept per destination, but {type(sink).__name__} "
                "names none. Give it an attribute destination, such as 'warehouse eu'."
            )
        sinks.confirm_heap(sink, f"the events of {url}", is_agreed=yes)
        with sinks.state_of(config) as kept:
            place = sinks.named_place(config)
            advice = _advice(spec, sink, kept, place) if place else NAME_STATE
            run = _BackfillRun(url, stopping, kept.progress, (since, until), advice)
            result = deliver(
                spec,
                sink,
                (kept.dead_letter, None if advice else kept.ledger),
                transformer,
                run.work,
                patience=patience,
                bar=ending.bar,
                sleep=stopping.sleep,
            )
    if result.outcome.failure and not run.report.objects:
        raise result.outcome.failure
    result = attrs.evolve(result, source=str(url), state=path, again=AGAIN)
    run.complete(result).finish("stdout", ending)


def _refuse_own_files(folder: Path, spec: str, state: sinks.StatePlace) -> None:
    """Raise an `UnusableError` if a file to be written is in the *folder*."""
    for name, path in (("--sink", sinks.file_of(spec)), ("--state", state)):
        if isinstance(path, Path) and path.resolve().is_relative_to(folder.resolve()):
            raise ui.UnusableError(
                f"{name}: {path} is in the folder that is read. Name a file elsewhere."
            )


def _advice(
    spec: str, sink: Sink, state: SqliteState | SqlState, path: sinks.StatePlace
) -> str:
    """
    Return the advice of the report if *state* is not that of a live service, because it
    knows no user property of the destination. A file keeps all values it gets.
    """
    if sinks.file_of(spec) or all(map(state.ledger.knows, destinations_of(sink))):
        return ""
    return NOT_ITS_STATE.format(path)


@attrs.define
class _BackfillRun:
    """
    One run.

    Attributes:
        hours: First hour and end of the last one.
        advice: Reason why no user properties are sent; empty if they are.
        report: Newest report.
        left: Estimated seconds for the rest; ``None`` if that is not known.
    """

    url: opts.StoreUrl
    stopping: Stopping
    progress: Progress
    hours: tuple[datetime | None, datetime | None]
    advice: str
    report: BackfillReport = attrs.field(factory=BackfillReport)
    left: float | None = None

    def work(self, pipeline: Pipeline, shown: RunProgress) -> None:
        """Run the backfill."""

        def note(report: BackfillReport) -> None:
            self.report, shown.total = report, report.bytes
            shown.show_done(report.bytes_read)
            self.left = shown.left

        try:
            with self.stopping.on_signals():
                self.report = deliver_objects(
                    self.url.url,
                    pipeline,
                    progress=self.progress,
                    storage_options=self.url.storage_options,
                    since=self.hours[0],
                    until=self.hours[1],
                    user_properties=not self.advice,
                    stop=self.stopping,
                    on_progress=note,
                )
        except UnknownFormatError as error:
            raise WrongFormatError(f"No file has events. {error}") from None
        except (ModuleNotFoundError, OSError, ValueError) as error:
            raise ui.UnusableError(ui.sentence(error)) from None
        if self.report.failures and not self.report.is_stopped:
            raise ReadFailedError("\n".join(first_of(self.report.failures.values())))

    def complete(self, result: RunResult) -> RunResult:
        """Return *result* with what is known about the objects."""
        outcome, report = result.outcome, self.report
        result.report.skipped_files += report.skipped.values()
        if self.stopping.cause and (report.is_stopped or outcome.status > 128):
            left = f", about {format_duration(self.left)} left" if self.left else ""
            note = f"Stopped by {self.stopping.cause}, and nothing is lost{left}."
            outcome = RunOutcome(ui.UnavailableError.exit_code, note)
        more = [*self._sections(is_named=isinstance(outcome.failure, ReadFailedError))]
        return attrs.evolve(result, outcome=outcome, more=more)

    def _sections(self, *, is_named: bool) -> Iterator[Section]:
        """Yield the parts about objects; *is_named*: the error names failed ones."""
        report = self.report
        for name, value in attrs.asdict(report).items():
            if name not in ("events", "skipped"):
                yield Section(name, value)
        yield Section("seconds_left", self.left and round(self.left))
        waiting = report.objects - report.done - len(report.skipped)
        rows = [
            (report.objects, "found"),
            (report.done_before, "delivered by earlier runs"),
            (report.done - report.done_before, "delivered by this run"),
            (waiting, "not delivered yet"),
        ]
        title = "Objects"
        if not report.objects:
            title = "Objects: none in these hours, so there is nothing to deliver"
        yield Section(title=title, rows=rows if report.objects else [(0, "found")])
        failures = [("-", text) for text in first_of(report.failures.values())]
        yield Section(title="Could not be read", rows=() if is_named else failures)
        number = report.skipped_user_properties
        note = f"\n{NO_USER_PROPERTIES.format(number, self.advice)}" * bool(number)
        yield Section("skipped_user_properties", number, note=note * bool(self.advice))
