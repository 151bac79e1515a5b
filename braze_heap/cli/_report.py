"""The report of a run: counts by reason, and the first events of each reason."""

import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NoReturn, Self

import attrs
from rich.console import Console, Group, RenderableType
from rich.text import Text

from braze_heap import (
    AddUserProperties,
    Call,
    DeleteUser,
    Reason,
    Rejected,
    Report,
    SkipReason,
    Track,
    TransformResult,
)
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._sinks import StatePlace
from braze_heap.heap._encoder import Adjustment
from braze_heap.report import InvalidField
from braze_heap.wire import Read, Unreadable

MAX_EXAMPLES: Final = 3
"""Maximum number of events that a report names for each reason."""

TOP: Final = 10
"""Maximum number of event types and of fields in a report without ``--all-types``."""

MORE_TYPES: Final = "more type|(--all-types names them)"
"""Text after the number of types that are not shown; see `section`."""

MAX_PATH: Final = 100
"""Characters of a path that a report shows."""

CALLS: Final[Mapping[type[Call], str]] = MappingProxyType(
    {
        Track: "event",
        AddUserProperties: "update of user properties",
        DeleteUser: "deletion",
    }
)
"""Name of each kind of call in reports."""

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        SkipReason.NO_IDENTITY: (
            "The event has no identity. "
            "--identity user_id uses Braze's own id of the profile."
        ),
        SkipReason.NOT_MAPPED: "The mapping skips these events on purpose.",
        SkipReason.EXCLUDED: "The options include and exclude do not select them.",
        SkipReason.SUPPRESSED: "The option suppress names the identity.",
        SkipReason.SAMPLED: "The person is not in the sample of the option sample.",
        SkipReason.OUTDATED: (
            "They only state user properties, and newer events state these too."
        ),
        SkipReason.USER_PROPERTIES: (
            "The backfill sends no user properties. --state with the state of the "
            "live service sends them."
        ),
        SkipReason.MACHINE: 'A machine opened or clicked, and machines="drop" is set.',
        Reason.SINK_DOWN: "The sink did not answer for 72 hours.",
        Reason.NOT_AN_OBJECT: "One entry of the batch is not an object.",
        Reason.BAD_EVENT_TYPE: (
            "event_type is missing or not a string. "
            "Records from storage do not carry it: name it with --event-type."
        ),
        Reason.BAD_USER: "user is not an object.",
        Reason.BAD_PROPERTIES: "properties is not an object.",
        Reason.BAD_TIME: "time is not between 1970 and 2100, in UTC epoch seconds.",
        Reason.BAD_IDENTITY: (
            "The identity is a placeholder, or not the id of one person. "
            "Heap would merge all users who share it, and cannot undo that."
        ),
        Reason.IDENTITY_TOO_LONG: (
            "The identity has over 255 characters. Truncating it would merge people."
        ),
        Reason.DUPLICATE_ID_CONFLICT: (
            "An earlier event has the same id but different content."
        ),
        Reason.MAPPER_ERROR: "The mapper failed on the event: fix the mapper.",
        Reason.MAPPER_UNAVAILABLE: (
            "A lookup of the mapper failed for an hour, or for all events for 72 hours."
        ),
        Reason.INTERNAL_ERROR: "A bug in braze_heap: please report it.",
        Reason.UNREADABLE: (
            "Damaged, or neither JSON nor Avro. Everything before it was read."
        ),
        Reason.MAPPER_MISSING: (
            "The mappers of these events are missing. Name them with --transformer, or "
            "replay with --force."
        ),
        Reason.DAMAGED_RECORD: (
            "The dead letter cannot read them. "
            "`dead-letters show KEY --original` prints what is left."
        ),
        Reason.REJECTED_BY_HEAP: "Heap rejects the call, even in a request of its own.",
    }
)
"""Meaning of each reason for which an event has no call, and the remedy."""

ADJUSTMENTS: Final[Mapping[Adjustment, str]] = MappingProxyType(
    {
        Adjustment.TRUNCATED: "strings, names or lists truncated to 1,023 characters",
        Adjustment.RENAMED: "names that were empty, reserved by Heap, or taken",
        Adjustment.CHARACTERS: "strings with characters that Heap does not accept",
        Adjustment.NUMBER_AS_TEXT: "numbers beyond 2^53, infinite or NaN, as strings",
        Adjustment.TOO_MANY: "properties beyond the first 1,000 of an event",
    }
)
"""Meaning of each change that makes a value legal for Heap."""


def meaning(reason: str) -> str:
    """Return the meaning of *reason*; a sink can define reasons of its own."""
    return REASONS.get(reason, "Reason defined by the sink.")


@attrs.frozen
class Example:
    """
    One event without a call. Never contains a value of it.

    Attributes:
        source: Name of the file.
        number: Number of the event in the file, from 1; 0 if that is not known.
        offset: Bytes before it, if that is known.
        event_type: Type as Braze writes it, if it could be read.
        event_id: Braze's id, if it could be read.
        detail: Description of the problem.
    """

    source: str
    number: int = 0
    offset: int = 0
    event_type: str | None = None
    event_id: str | None = None
    detail: str = ""

    def __str__(self) -> str:
        named = f"id {ui.safe(self.event_id)}" if self.event_id else ""
        typed = ui.safe(self.event_type) if self.event_type else ""
        at = f" at byte {self.offset:,}" if self.offset else ""
        number = f"event {self.number:,}{at}" if self.number else ""
        where = ", ".join(filter(None, (_path(self.source), number, typed, named)))
        return f"{where}: {ui.safe(self.detail, 300)}" if self.detail else where


def _path(source: str) -> str:
    """Return the end of a path, which distinguishes files in storage."""
    start = "..." if len(source) > MAX_PATH else ""
    return start + ui.safe(source[-MAX_PATH:], 8 * MAX_PATH)


_COUNTER: Final = attrs.Factory(Counter[str])


@attrs.define
class RunReport:
    """
    Sum of all batches of a run.

    Attributes:
        identity: Field with the identity. It is sent, but not as a property.
        received: Number of events.
        done: Number of events that were mapped, or delivered.
        repeated: Number of events that repeat an earlier one of their batch.
        skipped: Number of skipped events by reason.
        failed: Number of rejected or dead-lettered events by reason.
        calls: Number of calls by kind; of a delivery all have the kind "".
        event_types: Number of events by type.
        redacted: Number of redacted values by field.
        adjustments: Number of adjusted values by kind.
        not_sent: Number of calls not made, by reason, for events of which something is
            sent.
        compiled_errors: Number of events by type for which the compiled mapping failed.
        invalid: Number of values that do not fit a team's class, by class and field.
        unknown: Number of unknown types and fields by name.
        missing_mappers: Number of records of a replay by missing mapper.
        other_destinations: Number of records that a replay left, by destination.
        skipped_files: A message for each file of a folder that contains no events.
        examples: The first events of each reason.
        verbs: Participles for *done* and *failed*.
    """

    identity: str = ""
    received: int = 0
    done: int = 0
    repeated: int = 0
    skipped: Counter[str] = _COUNTER
    failed: Counter[str] = _COUNTER
    calls: Counter[str] = _COUNTER
    event_types: Counter[str] = _COUNTER
    redacted: Counter[str] = _COUNTER
    adjustments: Counter[str] = _COUNTER
    not_sent: Counter[str] = _COUNTER
    compiled_errors: Counter[str] = _COUNTER
    invalid: Counter[InvalidField] = attrs.field(factory=Counter)
    unknown: Counter[str] = _COUNTER
    missing_mappers: Counter[str] = _COUNTER
    other_destinations: Counter[str] = _COUNTER
    skipped_files: list[str] = attrs.field(factory=list)
    examples: dict[str, list[Example]] = attrs.field(factory=dict)
    verbs: tuple[str, str] = ("mapped", "rejected")

    @classmethod
    def of(cls, report: Report) -> Self:
        """Return the report of a delivery."""
        return cls(
            received=report.received,
            done=report.delivered,
            repeated=report.repeated,
            skipped=Counter(report.skipped_by_reason),
            failed=Counter(report.dead_lettered_by_reason),
            calls=Counter({"": report.calls}),
            adjustments=Counter(report.adjustments),
            not_sent=Counter(report.not_sent),
            compiled_errors=Counter(report.compiled_errors),
            invalid=Counter(report.invalid),
            unknown=Counter(report.unknown),
            missing_mappers=Counter(report.missing_mappers),
            other_destinations=Counter(report.other_destinations),
            verbs=("delivered", "dead-lettered"),
        )

    def add(
        self, result: TransformResult, batch: Sequence[Read], source: str, before: int
    ) -> None:
        """Add the result of *batch*, which *before* events of *source* preceded."""
        kinds = Counter(map(type, result.calls))
        part = RunReport(
            received=result.received,
            done=result.mapped,
            repeated=result.repeated,
            skipped=Counter(str(skipped.reason) for skipped in result.skipped),
            failed=Counter(str(rejected.reason) for rejected in result.rejected),
            calls=Counter({CALLS[kind]: n for kind, n in kinds.items()}),
            event_types=Counter(result.event_types),
            redacted=Counter(result.redacted),
            adjustments=Counter({str(k): n for k, n in result.adjustments.items()}),
            not_sent=Counter({str(reason): n for reason, n in result.not_sent.items()}),
            compiled_errors=Counter(result.compiled_errors),
            invalid=Counter(result.invalid),
        )
        for skipped in result.skipped:
            example = Example(source, 0, 0, skipped.event_type, skipped.event_id)
            part._keep(skipped.reason, example)
        if result.rejected:
            for event, i in _positions(result.rejected, batch):
                place, named = (
                    (i + 1, batch[i].offset),
                    (event.event_type, event.event_id),
                )
                part._keep(event.reason, Example(source, *place, *named, event.detail))
        self.merge(part, before)

    def merge(self, other: "RunReport", before: int) -> None:
        """Add the report of a part of a file, which *before* events of it preceded."""
        for field in attrs.fields(RunReport):
            value = getattr(other, field.name)
            if isinstance(value, int | Counter):
                setattr(self, field.name, getattr(self, field.name) + value)
        self.skipped_files.extend(other.skipped_files)
        for reason, examples in other.examples.items():
            for example in examples:
                shift = before if example.number else 0
                self._keep(reason, attrs.evolve(example, number=example.number + shift))

    def _keep(self, reason: str, example: Example) -> None:
        examples = self.examples.setdefault(str(reason), [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(example)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        names = {"received": "events"}
        names |= dict(zip(("done", "failed"), self.verbs, strict=True))
        others = {"identity", "verbs", "invalid"}
        data = attrs.asdict(self, filter=lambda field, _: field.name not in others)
        data["calls"] = self.calls[""] if "" in self.calls else dict(self.calls)
        data["invalid"] = {str(name): number for name, number in self.invalid.items()}
        return {
            names.get(name, name).replace("-", "_"): value
            for name, value in data.items()
        }


def _positions(
    rejected: Sequence[Rejected], batch: Sequence[Read]
) -> Iterator[tuple[Rejected, int]]:
    """Find the rejected events in their batch; unreadable ones only have an order."""
    index_of = {id(read): index for index, read in enumerate(batch)}
    unreadable = (i for i, read in enumerate(batch) if isinstance(read, Unreadable))
    for event in rejected:
        if event.reason is Reason.UNREADABLE:
            yield event, next(unreadable)
        else:
            yield event, index_of[id(event.raw)]


@attrs.frozen
class RunOutcome:
    """
    Outcome of a run.

    Attributes:
        status: Exit status.
        note: Message for the user; empty if the run finished.
        failure: Error that stopped the run.
    """

    status: int = 0
    note: str = ""
    failure: ui.UnusableError | None = None


@attrs.frozen
class Ending:
    """
    Options for the end of a command.

    Attributes:
        strict: Whether rejected or dead-lettered events are a failure.
        quiet: Whether to show no report and no progress.
        as_json: Whether to write the report as JSON.
    """

    strict: bool
    quiet: bool
    as_json: bool

    @property
    def bar(self) -> Console | None:
        """The console for a progress bar."""
        return None if self.quiet else ui.console("stderr")


def ending_options(what: str) -> opts.Decorator:
    """Add ``--strict``, with which *what* is status 1, ``--json`` and ``--quiet``."""
    text = f"Exit with 1 if {what}."
    strict = opts.option("--strict", text)
    return opts.group("ending", Ending, strict, opts.json_option, opts.quiet_option)


@attrs.frozen(kw_only=True)
class RunResult:
    """
    Report of a run and its circumstances, for people and programs.

    Attributes:
        report: The counts.
        outcome: Outcome of the run.
        seconds: Duration.
        source: Number of files, or the path of a state file.
        sink: Description of the sink; empty if nothing was sent.
        state: State file or database; ``None`` if it was turned off.
        top: Maximum number of types and fields; ``None`` shows all.
        more: Parts at the end of the text.
        again: Effect of running the command again; empty if there is no advice.
        more_values: More values for programs.
    """

    report: RunReport
    outcome: RunOutcome
    seconds: float
    source: str = ""
    sink: str = ""
    state: StatePlace | None = None
    top: int | None = TOP
    more: Sequence[RenderableType] = ()
    again: str = ""
    more_values: Mapping[str, Any] = MappingProxyType({})

    def finish(self, stream: ui.Stream, ending: Ending) -> NoReturn:
        """Show the result on *stream*, and exit with its status."""
        if not ending.quiet:
            show_report(self.view, self.to_dict, stream, as_json=ending.as_json)
        if self.outcome.failure:
            raise self.outcome.failure
        is_failure = ending.strict and self.report.failed.total() > 0
        sys.exit(self.outcome.status or int(is_failure))

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        failure = self.outcome.failure
        return {
            "finished": not self.outcome.note,
            "error": failure.format_message() if failure else None,
            "seconds": round(self.seconds, 3),
            "sink": self.sink or None,
            "state": str(self.state) if self.state else None,
            **self.report.to_dict(),
            **self.more_values,
        }

    def view(self) -> Group:
        """Return the result as text."""
        note = self.outcome.note
        redo = f"\nRerun the same command. {self.again}" if note and self.again else ""
        return Group(
            *[Text(note, "bold red")] * bool(note),
            *self._all_skipped_view(),
            Text(self._summary()),
            self._totals(),
            *self._sections(),
            *self.more,
            *ui.next_steps(self._commands()),
            *[redo] * bool(redo),
        )

    def _all_skipped_view(self) -> Iterator[RenderableType]:
        report = self.report
        if report.received and report.received == report.skipped.total():
            reasons = ", ".join(f"{n:,} {r}" for r, n in report.skipped.most_common())
            number = ui.plural(report.received, "event")
            text = f"Nothing to send: {number}, all skipped ({reasons})."
            yield Text(text, "bold yellow")

    def _summary(self) -> str:
        received = self.report.received
        speed = received / max(self.seconds, 0.001)
        place = f", to {self.sink}" if self.sink else ""
        return (
            f"{ui.plural(received, 'event')} from {self.source} in "
            f"{self.seconds:,.1f} s, {speed:,.0f} a second{place}"
        )

    def _totals(self) -> RenderableType:
        report, (done, failed) = self.report, self.report.verbs
        repeats = ui.plural(report.repeated, "repeat")
        repeats += " of an earlier event among them"
        place = f"in {self.state}" if self.state else "discarded"
        is_kept = bool(self.sink and report.failed)
        kinds = [ui.plural(count, kind) for kind, count in report.calls.items() if kind]
        return ui.rows_view(
            [
                ("events", report.received, ""),
                (f"  {done}", report.done, repeats if report.repeated else ""),
                ("  skipped", report.skipped.total(), ""),
                (f"  {failed}", report.failed.total(), place if is_kept else ""),
                ("calls", report.calls.total(), ", ".join(kinds)),
            ]
        )

    def _sections(self) -> Iterator[RenderableType]:
        report, top, section = self.report, self.top, ui.section
        types = report.event_types.most_common()
        yield from section("Events by type", types, top=top, more=MORE_TYPES)
        yield from _reasons("Skipped", report.skipped, report.examples)
        yield from _reasons(report.verbs[1].title(), report.failed, report.examples)
        yield from section(
            "Calls not made for events of which something else is sent",
            [(r, n, meaning(r)) for r, n in report.not_sent.most_common()],
        )
        missing = [(count, name) for name, count in report.missing_mappers.items()]
        yield from section("Not replayed, because these mappers are missing", missing)
        if missing:
            yield Text("  Name the mapping with --transformer, or use --force.")
        others = report.other_destinations
        elsewhere = [(n, shlex.quote(ui.safe(to))) for to, n in others.most_common()]
        yield from section(
            "Left, because they failed at another destination", elsewhere
        )
        if others:
            yield Text("  --destination NAME replays them; it may be repeated.")
        notes = {report.identity: "sent only as the identity"}
        yield from section(
            "Personal fields redacted (--personal-data keep sends them)",
            [
                (n, count, notes.get(n, ""))
                for n, count in report.redacted.most_common()
            ],
            top=top,
            more="more field|(--all-types names them)",
        )
        adjusted = report.adjustments.most_common()
        rows = [(kind, n, ADJUSTMENTS[Adjustment(kind)]) for kind, n in adjusted]
        yield from section("Changed to be legal for Heap", rows)
        yield from skipped_files_view(report.skipped_files, top)
        yield from section(
            "Mapped as any custom event: they do not fit the class declared",
            report.invalid.most_common(TOP),
        )
        yield from section(
            "Warning: mapped slowly, because of a bug in braze_heap. Please report it",
            report.compiled_errors.most_common(),
            top=top,
            more=MORE_TYPES,
        )

    def _commands(self) -> Iterator[tuple[str, str]]:
        if self.state and self.report.failed:
            path = shlex.quote(str(self.state))
            command = "braze-heap dead-letters"
            yield f"{command} list {path}", "list dead letters and reasons"
            yield f"{command} replay {path} --sink SPEC", "after the cause is fixed"
        if unknown := len(self.report.unknown):
            names = ui.plural(unknown, "name") + " of unknown types and fields"
            yield "braze-heap drift FILES", names


def show_report(
    view: Any, value: Any, stream: ui.Stream = "stderr", *, as_json: bool = False
) -> None:
    """Write a report; a closed stream is ignored because the exit status matters."""
    try:
        ui.show_result(view, value, ui.console(stream), as_json=as_json)
    except OSError:  # also a terminal that was closed
        ui.redirect_to_devnull(stream)


def skipped_files_view(
    skipped: Sequence[str], top: int | None = TOP
) -> Iterator[RenderableType]:
    """Show the number of skipped files of a folder, and reasons of the first ones."""
    title = f"{ui.plural(len(skipped), 'file')} skipped: no events in them"
    yield from ui.section(title, [("-", x) for x in skipped], top=top, more="more file")


def _reasons(
    title: str, counts: Counter[str], examples: Mapping[str, Sequence[Example]]
) -> Iterator[RenderableType]:
    if counts:
        yield ui.heading(f"{title}: {ui.plural(counts.total(), 'event')}")
    for reason, count in counts.most_common():
        row = (Text(ui.safe(reason), "bold"), count, meaning(reason))
        yield ui.indented(ui.rows_view([row]))
        if shown := examples.get(reason, ()):
            rows = [("-", Text(str(example))) for example in shown]
            if (more := count - len(shown)) > 0:
                rows.append(("", Text(f"... and {more:,} more")))
            yield ui.indented(ui.rows_view(rows), 4)
