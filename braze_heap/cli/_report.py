"""Results of commands: sections for people and programs, and the report of a run."""

import contextlib
import itertools
import json
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn, Self

import attrs
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from braze_heap import (
    AddUserProperties,
    DeleteUser,
    Reason,
    Report,
    SkipReason,
    Track,
    TransformResult,
)
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._sinks import StatePlace
from braze_heap.events._schema import docs_in
from braze_heap.heap._encoder import Adjustment
from braze_heap.wire import Read, Unreadable

MAX_EXAMPLES: Final = 3
"""Maximum number of events that a report names for each reason."""

TOP: Final = 10
"""Maximum number of event types and of fields in a report without ``--all-types``."""

CALLS: Final = {
    Track: "event",
    AddUserProperties: "update of user properties",
    DeleteUser: "deletion",
}
"""Name of each kind of call in reports."""

AS_IDENTITY: Final = "sent only as the identity"
"""Remark on the redacted field with the identity."""


@attrs.frozen
class Section:
    """
    Part of a result: a value for programs; title, table and note for people. If the
    table has no rows, people see nothing.

    Attributes:
        name: Key of the value in the JSON form; empty if only people see the section.
        rows: Cells of the table: `Text`, or numbers, shares (`float`), flags, tuples,
            and text from anywhere. ``None`` for a section without a table.
        note: Lines below the table.
        columns: Headings of the table.
        top: Number of rows to show; ``None`` shows all, as the option *hint* does.
    """

    name: str = ""
    value: Any = None
    title: str = ""
    rows: Collection[Sequence[object]] | None = None
    note: str | Text = ""
    columns: Sequence[str] = attrs.field(default=(), kw_only=True)
    top: int | None = attrs.field(default=None, kw_only=True)
    hint: str = attrs.field(default="--all-types", kw_only=True)

    @classmethod
    def of(
        cls, name: str, title: str, items: Collection[Any], *columns: str, **more: Any
    ) -> Self:
        """Return a section with a row for each item: its *columns*, or all of it."""
        pairs = items.items() if isinstance(items, Mapping) else items
        rows = [_row(item, columns) for item in pairs]
        headings = [column.replace("_", " ") for column in columns]
        return cls(name, items, title, rows, columns=headings, **more)

    @classmethod
    def of_counts(
        cls,
        name: str,
        title: str,
        counts: Mapping[Any, int],
        meaning: Callable[[str], str] = lambda _: "",
        **options: Any,
    ) -> Self:
        """Return a section with *counts* by name, the largest first."""
        found = {str(key): number for key, number in Counter(counts).most_common()}
        rows = [(key, n, meaning(key)) for key, n in found.items()]
        return cls(name, found, title, rows, **options)

    def __rich__(self) -> Group:
        return Group(*self._lines())

    def _lines(self) -> Iterator[RenderableType]:
        if not (self.note if self.rows is None else self.rows):
            return
        if self.title:
            yield Text.assemble("\n", (self.title, "bold"))
        indent = (0, 0, 0, 2 * bool(self.title))
        if self.rows:
            yield Padding(self._table(self.rows), indent, expand=False)
            if self.top is not None and len(self.rows) > self.top:
                more = f"... and {len(self.rows) - self.top:,} more ({self.hint})"
                yield Padding(Text(more), indent, expand=False)
        if self.note:
            yield Padding(self.note, indent, expand=False)

    def _table(self, rows: Collection[Sequence[object]]) -> Table:
        """
        Return the rows without empty columns: integers to the right, with ``,`` between
        thousands.
        """
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.show_header = bool(self.columns)
        shown = []
        values = zip(*rows, strict=True)
        columns = itertools.zip_longest(values, self.columns, fillvalue="")
        for column, name in columns:
            cells = [*map(_cell, column)]
            if any(cells):
                table.add_column(name, overflow="fold")
                shown.append(cells)
                if any(type(value) is int for value in column):
                    table.columns[-1].justify = "right"
        for row in itertools.islice(zip(*shown, strict=True), self.top):
            table.add_row(*row)
        return table


def _row(item: Any, columns: Sequence[str]) -> Sequence[object]:
    if columns:
        is_dict = isinstance(item, dict)
        return [item[name] if is_dict else getattr(item, name) for name in columns]
    return (item,) if isinstance(item, str) else item


def _cell(value: object) -> str | Text:
    if isinstance(value, Text):
        return value
    if value is None or isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.1%}"
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return ui.safe(text, 1_000)


def next_steps(commands: Iterable[tuple[str, str]]) -> Section:
    """Return a list of commands with their purpose."""
    rows = [(Text(command, "cyan"), purpose) for command, purpose in commands]
    return Section(title="Next steps", rows=rows)


def print_result(
    result: Iterable[Section], stream: ui.Stream = "stdout", *, as_json: bool = False
) -> None:
    """
    Write a result for people, or with ``--json`` for programs.

    Exits without a message if the pipe is closed.
    """
    out = ui.console(stream)
    with ui.exit_on_broken_pipe(stream):
        if as_json:
            ui.write(to_json(to_values(result)), out)
            ui.raise_lost(stream)
        else:
            ui.show(Group(*result), out)


def to_values(result: Iterable[Section]) -> dict[str, Any]:
    """Return the JSON form of a result."""
    return {section.name: section.value for section in result if section.name}


def json_text(value: Any) -> str:
    """Return *value* as lines of JSON for people, long ones truncated."""
    lines = json.dumps(value, ensure_ascii=False, indent=2).splitlines()
    return "\n".join(ui.safe(line, 2_000) for line in lines)


def to_json(value: Any) -> str:
    """Return *value* as lines of JSON in ASCII, because names may contain anything."""
    return json.dumps(value, indent=2, default=str) + "\n"


_ADVICE: Final[Mapping[str, str]] = {
    SkipReason.NO_IDENTITY: "--identity user_id uses Braze's own id of the profile.",
    SkipReason.USER_PROPERTIES: "--state with that of the live service sends them.",
    Reason.BAD_EVENT_TYPE: "Of records from storage, name it with --event-type.",
    Reason.MAPPER_ERROR: "Fix the mapper.",
    Reason.MAPPER_MISSING: "Name it with --transformer, or replay with --force.",
    Reason.DAMAGED_RECORD: "`dead-letters show KEY --original` prints its content.",
}
"""Options and commands that help, which the documentation of a reason cannot name."""


def meaning(word: str, default: str = "Reason defined by the sink.") -> str:
    """Return the meaning of a reason or an adjustment, as documented, and advice."""
    for kind in (SkipReason, Reason, Adjustment):
        with contextlib.suppress(ValueError):
            doc = docs_in(kind).get(kind(word).name, "").replace("``", "")
            return " ".join((*doc.split(), _ADVICE.get(word, ""))).strip()
    return default


def destination_option(name: str) -> str:
    """Return the option that replays what failed at a destination."""
    return f"--destination {shlex.quote(name)}"


_TITLES: Final = {
    "event_types": "Events by type",
    "not_sent": "Parts of delivered events that were not sent",
    "missing_mappers": "Not replayed: mappers are missing (--transformer, --force)",
    "other_destinations": "Not replayed: they failed elsewhere",
    "redacted": "Personal fields redacted (--personal-data keep sends them)",
    "adjustments": "Changed to be legal for Heap",
    "invalid": "Mapped as any custom event: they do not fit the class declared",
    "compiled_errors": "Warning: mapped slowly, by a bug of braze_heap. Report it",
}
"""Headings of what a run counts by name."""


@attrs.frozen
class Example:
    """
    One event without a call. Never contains a value of it.

    Attributes:
        number: Number of the event in the file, from 1; 0 if that is not known.
        offset: Bytes before it.
    """

    source: str
    number: int = 0
    offset: int = 0
    event_type: str | None = None
    event_id: str | None = None
    detail: str = ""

    def __str__(self) -> str:
        place = f"event {self.number:,} at byte {self.offset:,}" if self.number else ""
        event_id = f"id {ui.safe(self.event_id)}" if self.event_id else ""
        parts = (self.source, place, ui.safe(self.event_type or "").strip(), event_id)
        where = ", ".join(filter(None, parts))
        return f"{where}: {self.detail}" if self.detail else where


@attrs.define
class RunReport:
    """
    Sum of all batches of a run.

    Attributes:
        identity: Field with the identity. It is sent, but not as a property.
        counts: Counts of events. Without a sink, mapped events count as delivered, and
            rejected ones as dead-lettered.
        calls: Number of calls by kind; empty for a delivery.
        skipped_files: A message for each file of a folder that contains no events.
        examples: The first events of each reason.
    """

    identity: str = ""
    counts: Report = attrs.field(factory=Report)
    calls: Counter[str] = attrs.field(factory=Counter)
    event_types: Counter[str] = attrs.field(factory=Counter)
    redacted: Counter[str] = attrs.field(factory=Counter)
    skipped_files: list[str] = attrs.field(factory=list)
    examples: dict[str, list[Example]] = attrs.field(factory=dict)

    def add(
        self, result: TransformResult, batch: Sequence[Read], source: str, before: int
    ) -> None:
        """Add the result of *batch*, which *before* events of *source* preceded."""
        self.counts += Report(
            received=result.received,
            delivered=result.mapped,
            skipped_by_reason=Counter[str](each.reason for each in result.skipped),
            dead_lettered_by_reason=Counter[str](e.reason for e in result.rejected),
            repeated=result.repeated,
            calls=len(result.calls),
            invalid=result.invalid,
            adjustments=Counter[str](result.adjustments),
            not_sent=Counter[str](result.not_sent),
            compiled_errors=result.compiled_errors,
        )
        kinds = Counter(map(type, result.calls))
        self.calls += Counter({CALLS[kind]: number for kind, number in kinds.items()})
        self.event_types += result.event_types
        self.redacted += result.redacted
        for skip in result.skipped:
            example = Example(source, 0, 0, skip.event_type, skip.event_id)
            self._keep(skip.reason, example)
        unreadable = (n for n, read in enumerate(batch) if isinstance(read, Unreadable))
        for event in result.rejected:
            same = (n for n, read in enumerate(batch) if read is event.raw)
            number = next(unreadable if event.reason is Reason.UNREADABLE else same)
            place = (source, before + number + 1, batch[number].offset)
            named = (event.event_type, event.event_id, event.detail)
            self._keep(event.reason, Example(*place, *named))

    def merge(self, other: "RunReport", before: int) -> None:
        """Add the report of a part of a file, which *before* events of it preceded."""
        self.counts += other.counts
        self.calls += other.calls
        self.event_types += other.event_types
        self.redacted += other.redacted
        self.skipped_files += other.skipped_files
        for reason, examples in other.examples.items():
            for example in examples:
                shift = before if example.number else 0
                self._keep(reason, attrs.evolve(example, number=example.number + shift))

    def _keep(self, reason: str, example: Example) -> None:
        examples = self.examples.setdefault(str(reason), [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(example)


@attrs.frozen
class RunOutcome:
    """Exit status of a run; if it did not finish, a note and the error, if any."""

    status: int = 0
    note: str = ""
    failure: ui.UnusableError | None = None


@attrs.frozen
class Ending:
    """Options for the end of a command."""

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
        source: Number of files, or the path of a state file.
        sink: Empty if nothing was sent.
        state: State file or database; ``None`` if it was turned off.
        top: Maximum number of types and fields; ``None`` shows all.
        more: Sections at the end.
        again: Effect of running the command again; empty if there is no advice.
    """

    report: RunReport
    outcome: RunOutcome
    seconds: float
    source: str = ""
    sink: str = ""
    state: StatePlace | None = None
    top: int | None = TOP
    more: Sequence[Section] = ()
    again: str = ""

    def finish(self, stream: ui.Stream, ending: Ending) -> NoReturn:
        """Show the result on *stream*, and exit with its status."""
        failure = self.outcome.failure
        if not ending.quiet:
            try:
                print_result(self.sections(), stream, as_json=ending.as_json)
            except SystemExit:
                pass  # nobody wants to read it
            except ui.UnusableError as error:
                failure = failure or (None if self.outcome.status else error)
        if failure:
            raise failure
        is_failure = ending.strict and self.report.counts.dead_lettered > 0
        sys.exit(self.outcome.status or int(is_failure))

    def sections(self) -> Iterator[Section]:
        """Yield the parts of the result."""
        counts, note = self.report.counts, self.outcome.note
        failure = self.outcome.failure
        yield Section("finished", not note, note=Text(note, "bold red"))
        yield Section("error", failure.format_message() if failure else None)
        if counts.received and counts.received == counts.skipped:
            events = ui.plural(counts.received, "event")
            text = f"Nothing to send: {events}, all skipped."
            yield Section(note=Text(text, "bold yellow"))
        yield from self._totals()
        yield from self._details()
        yield from self.more
        yield next_steps(self._commands())
        if note and self.again:
            yield Section(note=f"\nRerun the same command. {self.again}")

    def _totals(self) -> Iterator[Section]:
        report, counts, (done, failed) = self.report, self.report.counts, self._verbs
        speed = counts.received / max(self.seconds, 0.001)
        summary = (
            f"{ui.plural(counts.received, 'event')} from {self.source} in "
            f"{self.seconds:,.1f} s, {speed:,.0f} a second"
        )
        place = f", to {self.sink}" if self.sink else ""
        yield Section("seconds", round(self.seconds, 3), note=f"{summary}{place}")
        yield Section("sink", self.sink or None)
        yield Section("state", str(self.state) if self.state else None)
        repeats = ui.plural(counts.repeated, "repeat")
        repeats += " of an earlier event among them"
        place = f"in {self.state}" if self.state else "discarded"
        is_kept = bool(self.sink and counts.dead_lettered)
        kinds = [ui.plural(number, kind) for kind, number in report.calls.items()]
        rows = [
            ("events", counts.received, ""),
            (f"  {done}", counts.delivered, repeats if counts.repeated else ""),
            ("  skipped", counts.skipped, ""),
            (f"  {failed}", counts.dead_lettered, place if is_kept else ""),
            ("calls", counts.calls, ", ".join(kinds)),
        ]
        yield Section("events", counts.received, rows=rows)
        yield Section(done, counts.delivered)
        yield Section("repeated", counts.repeated)
        yield Section("calls", counts.calls if self.sink else dict(report.calls))

    @property
    def _verbs(self) -> tuple[str, str]:
        """Participles for events with and without calls."""
        return ("delivered", "dead-lettered") if self.sink else ("mapped", "rejected")

    def _details(self) -> Iterator[Section]:
        report, counts = self.report, self.report.counts
        title = f"Skipped: {ui.plural(counts.skipped, 'event')}"
        reasons = counts.skipped_by_reason
        yield Section.of_counts("skipped", title, reasons, meaning)
        failed = self._verbs[1]
        title = f"{failed.capitalize()}: {ui.plural(counts.dead_lettered, 'event')}"
        reasons, name = counts.dead_lettered_by_reason, failed.replace("-", "_")
        yield Section.of_counts(name, title, reasons, meaning)
        examples = {k: [*map(attrs.asdict, v)] for k, v in report.examples.items()}
        rows = [(k, str(each)) for k, v in report.examples.items() for each in v]
        yield Section("examples", examples, "Examples", rows)
        for name, title in _TITLES.items():
            counted = getattr(report if hasattr(report, name) else counts, name)
            is_place = name == "other_destinations"
            remark = destination_option if is_place else self._remark
            yield Section.of_counts(name, title, counted, remark, top=self.top)
        yield skipped_files(report.skipped_files, self.top)
        yield Section("unknown", dict(counts.unknown))

    def _remark(self, name: str) -> str:
        is_identity = name == self.report.identity
        return AS_IDENTITY if is_identity else meaning(name, "")

    def _commands(self) -> Iterator[tuple[str, str]]:
        if self.state and self.report.counts.dead_lettered:
            path = shlex.quote(str(self.state))
            command = "braze-heap dead-letters"
            yield f"{command} list {path}", "list dead letters and reasons"
            yield f"{command} replay {path} --sink SPEC", "after the cause is fixed"
        if unknown := len(self.report.counts.unknown):
            noun = "type or field" if unknown == 1 else "types and fields"
            yield "braze-heap drift FILES", f"list {unknown:,} unknown {noun}"


def skipped_files(messages: Sequence[str], top: int | None) -> Section:
    """Return the number of skipped files of a folder, and reasons of the first ones."""
    title = f"{ui.plural(len(messages), 'file')} skipped: no events in them"
    return Section.of("skipped_files", title, [*messages], top=top)
