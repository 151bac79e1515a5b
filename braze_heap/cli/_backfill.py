"""``braze-heap backfill``: all objects of a bucket or folder, in several runs."""

import math
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import attrs
import click

from braze_heap import Pipeline
from braze_heap.backfill import BackfillReport
from braze_heap.backfill import backfill as deliver_objects
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli import _sinks as sinks
from braze_heap.cli._inputs import ReadFailedError, WrongFormatError, first_of
from braze_heap.cli._output import refuse_input
from braze_heap.cli._progress import RunProgress, format_duration
from braze_heap.cli._report import RunOutcome, RunResult, Section
from braze_heap.cli._run import Delivery, delivery_options
from braze_heap.config import Config
from braze_heap.sinks import Sink
from braze_heap.sinks._protocol import destination_of, destinations_of
from braze_heap.state import Progress, SqliteState, SqlState
from braze_heap.wire import UnknownFormatError


@ui.command(
    one="events went to the dead letter, and --strict is given",
    zero="all objects are delivered, also if events went to the dead letter",
    more=sinks.SINKS_HELP,
    without=ui.SIGNALS,
)
@click.argument("url", type=opts.FilePath(exists=True, urls=True))
@opts.storage_option
@delivery_options(
    "there are dead letters",
    sinks.sink_option("Destination, but not stdout."),
    *sinks.state_options(
        "Keep progress, dead letters and user properties here. Name the state of the "
        "live service to send user properties, too.  [default: state.db]"
    ),
)
@opts.WINDOW[0]
@opts.WINDOW[1]
@opts.option(
    "--max-time SECONDS",
    "Stop between two batches after this time, with status 75.",
    type=opts.FloatRange(min=0, min_open=True),
)
def backfill(
    url: Path | opts.StoreUrl,
    delivery: Delivery,
    since: datetime | None,
    until: datetime | None,
    max_time: float | None,
) -> None:
    """
    Send all objects of a bucket or folder, in several runs.

    The state notes what is delivered, so that the same command continues after a stop
    or a crash, and later sends only what is new. After a crash, up to 1,000 events are
    sent again; Heap ignores them. Objects of types of which --include and --exclude
    leave nothing to send are not read.

    Ctrl-C and SIGTERM end it between two batches; a second one, at once.

    A file or store that cannot be read is status 2. A stop by a signal or --max-time is
    status 75, and so is another running backfill.

    Examples::

        braze-heap backfill s3://bucket/currents --sink 'heap:?app_id=11' --yes
        braze-heap backfill gs://bucket --sink file:calls.jsonl --since 2026-01-15
        braze-heap backfill currents/ --sink 'heap:?app_id=11' --state live.db
    """
    config = delivery.config
    transformer = opts.build_transformer(config)
    spec, path = sinks.spec_or_exit(config), sinks.place_of_state(config)
    if spec in sinks.STDOUT:
        raise ui.UnusableError(
            "--sink: a backfill records what was delivered, which cannot be known for "
            "stdout. "
            "Write to a file, such as --sink file:calls.jsonl, or use braze-heap send."
        )
    read = url
    if isinstance(url, Path):
        refuse_input(path, [url], "--state")
        url = opts.StoreUrl(str(url))
    with delivery.opened(f"the events of {url}", path, read) as sink:
        if destination_of(sink) is None:
            raise ui.UnusableError(
                f"--sink: progress is kept per destination, but {type(sink).__name__} "
                "names none. Give it an attribute destination, such as 'warehouse eu'."
            )
        with sinks.state_of(config) as kept:
            advice = _advice(config, sink, kept)
            end = time.monotonic() + max_time if max_time else math.inf
            run = _BackfillRun(url, end, kept.progress, (since, until), advice)
            stores = kept.dead_letter, None if advice else kept.ledger
            result = delivery.deliver(
                sink, stores, transformer, run.work, sleep=run.sleep
            )
    if result.outcome.failure and not run.report.objects:
        raise result.outcome.failure
    again = "It continues where this one stopped."
    result = attrs.evolve(result, source=str(url), state=path, again=again)
    run.complete(result).finish("stdout", delivery.ending)


def _advice(config: Config, sink: Sink, state: SqliteState | SqlState) -> str:
    """
    Return advice how to send user properties; empty if they are sent.

    They need the state of the live service, unless the sink is a file, which keeps all
    values that it gets.
    """
    place = sinks.named_place(config)
    if place is None:
        return "Its state knows the newer ones: name it with --state to send them."
    is_file = sinks.file_of(config.sink.to_spec())
    if is_file or all(map(state.ledger.knows, destinations_of(sink))):
        return ""
    return (
        f"Its state knows the newer ones, but {place} knows none of this destination. "
        "Name the state of the live service to send them."
    )


@attrs.define
class _BackfillRun:
    """
    One run.

    Attributes:
        end: End of its time, in monotonic seconds.
        hours: First hour and end of the last one.
        advice: Advice how to send user properties; empty if they are sent.
        left: Estimated seconds for the rest.
        cause: Cause of its end between two batches; empty while it may go on.
    """

    url: opts.StoreUrl
    end: float
    progress: Progress
    hours: tuple[datetime | None, datetime | None]
    advice: str
    report: BackfillReport = attrs.field(factory=BackfillReport)
    left: float | None = None
    cause: str = ""

    def is_over(self) -> bool:
        """Return whether it is to end: after a signal, or when its time is over."""
        if not self.cause and time.monotonic() >= self.end:
            self.cause = "--max-time"
        return bool(self.cause)

    def sleep(self, seconds: float) -> None:
        """Sleep between two attempts; raise `KeyboardInterrupt` if the run must end."""
        end = time.monotonic() + seconds
        while not self.is_over() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))
        if self.is_over():
            raise KeyboardInterrupt

    def _note_signal(self, number: int) -> None:
        self.cause = ui.name_of(number)

    def work(self, pipeline: Pipeline, shown: RunProgress) -> None:
        """Run the backfill."""

        def note(report: BackfillReport) -> None:
            self.report = report
            shown.total, shown.done = report.bytes, report.bytes_read
            shown.add_events(0)
            self.left = shown.left

        try:
            with ui.noted(self._note_signal):
                self.report = deliver_objects(
                    self.url.url,
                    pipeline,
                    progress=self.progress,
                    storage_options=self.url.storage_options,
                    since=self.hours[0],
                    until=self.hours[1],
                    user_properties=not self.advice,
                    stop=self.is_over,
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
        if self.cause and (report.is_stopped or outcome.status > 128):
            left = f", about {format_duration(self.left)} left" if self.left else ""
            note = f"Stopped by {self.cause}, and nothing is lost{left}."
            outcome = RunOutcome(ui.UnavailableError.exit_code, note)
        return attrs.evolve(result, outcome=outcome, more=[*self._sections()])

    def _sections(self) -> Iterator[Section]:
        """Yield the parts about objects."""
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
            title += ": none in these hours, so there is nothing to deliver"
        yield Section(title=title, rows=rows)
        failures = [("-", text) for text in first_of(report.failures.values())]
        yield Section(title="Could not be read", rows=failures)
        number, note = report.skipped_user_properties, ""
        if number and self.advice:
            note = (
                f"\nUser properties are not sent ({number}), because older ones would "
                f"replace those of the live service. {self.advice}"
            )
        yield Section("skipped_user_properties", number, note=note)
