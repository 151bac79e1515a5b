"""``braze-heap dead-letters``: events that could not be delivered."""

import codecs
import functools
import gzip
import json
import re
import shlex
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final, Self, cast

import attrs
import click
from rich.text import Text

from braze_heap import Pipeline, Reason, Report, replay
from braze_heap._text import did_you_mean
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli import _sinks as sinks
from braze_heap.cli._output import Output, open_output, refuse_input
from braze_heap.cli._progress import RunProgress
from braze_heap.cli._report import Section, destination_option, meaning, print_result
from braze_heap.cli._run import Delivery, delivery_options
from braze_heap.cli._sinks import StatePlace
from braze_heap.config import Config
from braze_heap.sinks._protocol import place_of
from braze_heap.state import (
    UNKNOWN_TIME,
    DeadLetter,
    DeadRecord,
    Found,
    PersonFilter,
    SqliteState,
    SqlState,
    export,
    search,
    search_ledger,
)

PERSONAL: Final = "This is personal data, unmasked."

_path_argument: Final = click.argument("path", metavar="[STATE.db]", required=False)


def state_argument(word: str = "") -> opts.Decorator:
    """
    Add the argument ``[STATE.db]``; by default, see `_place`.

    Args:
        word: The next argument. A single word on the command line is this one, unless
            it is a file or a URL, or an option selects dead letters.
    """

    def add(command: Any) -> Any:
        def run(path: str | None, setup: opts.Setup, **values: Any) -> Any:
            is_alone = path is not None and word and values[word] is None
            is_place = isinstance(opts.place_of(path or ""), opts.StoreUrl)
            is_place |= bool(opts.given(*_SELECTING)) or Path(path or "").exists()
            if is_alone and not is_place:
                path, values[word] = None, path
            return command(path=_place(path, setup.config), **values)

        functools.update_wrapper(run, command)
        return _path_argument(opts.setup_options("state")(run))

    return add


_SELECTING: Final = ("everything", "reason", "before", "age")


def _place(path: str | None, config: Config) -> StatePlace:
    """Return the state of the argument, of the configuration, or the default one."""
    if path is not None:
        kind, context = sinks.StatePath(exists=True), click.get_current_context()
        place: StatePlace = kind.convert(path, None, context)
        return place
    if found := sinks.existing_place(config):
        return found
    raise click.UsageError(
        f"Missing argument 'STATE.db': there is no {config.state.path} in this folder. "
        "Name the state file, or set it below [state] in the file of --config."
    )


reason_option: Final = opts.option("--reason WORD", "Only those with this reason.")


@click.group(
    name="dead-letters",
    epilog=ui.epilog(
        """
        braze-heap dead-letters list state.db
        braze-heap dead-letters show state.db event-17
        braze-heap dead-letters replay state.db --sink 'heap:?app_id=11'
        """
    ),
)
def dead_letters() -> None:
    """
    Manage events that could not be delivered.

    `braze-heap send` and `serve` keep them in the state file, state.db by default:
    complete, with the reason and the destination. The file contains personal data.
    Without STATE.db, the commands take the state that the configuration names, or
    state.db in the current folder.
    """


@dead_letters.add_command
@ui.command()
@state_argument()
@reason_option
@opts.option(
    "--limit",
    "Number of dead letters to list, the oldest first.",
    type=click.IntRange(min=0),
    default=20,
)
@opts.json_option
def list_cmd(path: StatePlace, reason: str | None, limit: int, as_json: bool) -> None:
    """
    Count the dead letters by reason, and show the oldest ones.

    No values of events are shown. Times are UTC.

    Examples::

        braze-heap dead-letters list state.db
        braze-heap dead-letters list state.db --reason bad_time --limit 100
        braze-heap dead-letters list state.db --json | jq '.letters[].key'
    """
    with sinks.read_state(path) as state:
        _check_reason(reason, state)
        read = state.dead_letter.read()
        records = (r for r in read if reason in (None, r.reason))
        result = [*_listing(records, path, limit)]
    print_result(result, as_json=as_json)


def _listing(
    records: Iterable[DeadRecord], path: StatePlace, limit: int
) -> Iterator[Section]:
    """Yield the *records* by reason, and the first *limit*; without their events."""
    groups: dict[str, dict[str, Any]] = {}
    letters: list[dict[str, Any]] = []
    destinations: Counter[str] = Counter()
    for record in records:
        at = record.at.isoformat()
        destinations[record.destination] += 1
        first = {"reason": record.reason, "records": 0, "oldest": at, "newest": at}
        group = groups.setdefault(record.reason, first)
        group["records"] += 1
        group["oldest"] = min(group["oldest"], at)
        group["newest"] = max(group["newest"], at)
        if len(letters) < limit:
            letters.append(_to_dict(record))
    number = destinations.total()
    note = f"{ui.plural(number, 'dead letter')} in {path}"
    yield Section("records", number, note=note)
    by_reason = sorted(groups.values(), key=lambda group: -group["records"])
    rows = []
    for group in by_reason:
        word, times = group["reason"], (group["oldest"][:16], group["newest"][:16])
        rows.append((word, group["records"], *times, meaning(word)))
    headings = ("reason", "records", "oldest (UTC)", "newest (UTC)", "meaning")
    yield Section("by_reason", by_reason, "By reason", rows, columns=headings)
    yield Section.of_counts(
        "by_destination", "By destination", destinations, destination_option
    )
    rest = number - len(letters)
    more = f"... and {rest:,} more (--limit)\n" * bool(rest)
    command = f"braze-heap dead-letters show {shlex.quote(str(path))} KEY"
    yield Section(
        "letters",
        letters,
        f"The oldest {len(letters):,}" if rest else "Dead letters",
        [
            (each["reason"], _short(each["key"]), each["event_type"], each["detail"])
            for each in letters
        ],
        f"{more}\nTo see one with its event: {command}",
    )


def _short(key: str) -> str:
    """Return a key with enough of its hash to distinguish it from others."""
    name, colon, digest = key.rpartition(":")
    return f"{name}{colon}{digest[: 8 if name else 16]}"


def _to_dict(record: DeadRecord) -> dict[str, Any]:
    without = attrs.filters.exclude("original")
    values = attrs.asdict(record, recurse=False, filter=without)
    return values | {"at": record.at.isoformat(), "bytes": len(record.original)}


def _check_known(flaw: str, words: Iterable[str], known: Iterable[str]) -> None:
    """Raise a `click.UsageError` with *flaw* if a word is not *known*."""
    every = sorted(map(str, set(known)))
    for word in words:
        if word not in every:
            listed = ", ".join(shlex.quote(ui.safe(each)) for each in every)
            hint = did_you_mean(word, every)
            raise click.UsageError(
                f"{flaw} {ui.safe(word)!r}.{hint} There are: {listed}."
            )


def _check_reason(reason: str | None, state: SqliteState | SqlState) -> None:
    """Check that records can have the *reason*; a sink can have its own ones."""
    known = {*Reason, *state.dead_letter.stats().by_reason}
    _check_known("--reason: there is no reason", [reason] if reason else [], known)


@dead_letters.add_command
@ui.command()
@state_argument("key")
@click.argument("key", metavar="KEY", required=False)
@opts.option("--original", "Only the event, as it is kept.")
@opts.json_option
def show_cmd(path: StatePlace, key: str | None, original: bool, as_json: bool) -> None:
    """
    Show one dead letter with all its values: this is personal data.

    KEY is a key from `list`, an event's id, or the beginning of either.

    Examples::

        braze-heap dead-letters show state.db event-17
        braze-heap dead-letters show state.db event-17 --original > event.json
    """
    if key is None:
        raise click.UsageError("Missing argument 'KEY'.")
    if original and as_json:
        raise click.UsageError("--original and --json exclude each other.")
    with sinks.read_state(path) as state:
        record = _found(state.dead_letter, key)
    click.echo(PERSONAL, err=True)
    if not original:
        print_result(_whole(record), as_json=as_json)
        return
    text = original_text(record)
    with ui.exit_on_broken_pipe():
        click.echo(ui.safe_lines(text) if sys.stdout.isatty() else text)


def _found(store: DeadLetter, key: str) -> DeadRecord:
    """
    Return the record that *key* means: its key, its event's id, or how one begins.

    Raises:
        UnusableError: It means none, or several.
    """
    found = [record for record in store.read() if record.key.startswith(key)]
    exact = [r for r in found if key in (r.key, r.key.rpartition(":")[0] or r.key)]
    if len(exact or found) == 1:
        return (exact or found)[0]
    names = ", ".join(ui.safe(record.key, 300) for record in found[:5])
    flaw = f"no dead letter has a key that begins with {ui.safe(key)!r}"
    if found:
        flaw = f"{len(found):,} keys begin with {ui.safe(key)!r}: {names}. Write one"
    raise ui.UnusableError(f"{flaw}. See `braze-heap dead-letters list`.")


def _whole(record: DeadRecord) -> Iterator[Section]:
    """Yield all values of *record*, and its original."""
    values = _to_dict(record)
    for name, value in values.items():
        yield Section(name, value)
    rows = [(n, str(v)) for n, v in values.items() if v and n != "mappers"]
    rows.insert(2, ("", meaning(record.reason)))
    rows += [("mapper", f"{name}, for {key}") for key, name in record.mappers.items()]
    text = original_text(record)
    yield Section("original", text, rows=rows, note=Text(f"\noriginal\n{text}"))


def original_text(record: DeadRecord) -> str:
    """Return the original as text: an event as JSON, a body as it came."""
    raw = record.original
    try:
        if record.format == "json":
            text = json.dumps(json.loads(raw), ensure_ascii=False, indent=2)
            return "".join(
                c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text
            )
        body = gzip.decompress(raw) if record.format == "gzip" else raw
    except (ValueError, RecursionError, OSError, EOFError, zlib.error):
        body = raw
    return body.decode("utf-8", "backslashreplace")


@dead_letters.add_command
@ui.command(
    one="dead letters remain, and --strict is given",
    zero="done, also if dead letters remain",
    without=(),
)
@_path_argument
@delivery_options(
    "dead letters remain",
    sinks.sink_option("Destination; see `braze-heap send --help`."),
    sinks.max_bytes_option,
)
@opts.option(
    "--destination destinations NAME",
    "Replay what failed at this destination; may be repeated. `list` names them.  "
    "[default: that of --sink]",
    multiple=True,
    show_default=False,
)
@opts.option("--force", "Also replay events whose mappers are missing today.")
def replay_cmd(
    path: str | None, delivery: Delivery, destinations: tuple[str, ...], force: bool
) -> None:
    """
    Deliver the dead letters of a destination by today's mapping.

    What the sink accepts, or a policy skips, is removed from the state file; the rest
    stays. So does an event that a mapper of your own took part in, if that mapper is
    missing today; the report names it. What failed at another destination stays, too.

    Examples::

        braze-heap dead-letters replay state.db --sink 'heap:?app_id=11'
        braze-heap dead-letters replay state.db --sink file:a.jsonl --config c.toml
    """
    config = delivery.config
    transformer = opts.build_transformer(config)
    spec, place = sinks.spec_or_exit(config), _place(path, config)

    def work(pipeline: Pipeline, _: RunProgress) -> Report:
        return replay(pipeline.dead_letter, pipeline, destinations=chosen, force=force)

    with (
        sinks.open_state(place, max_bytes=config.state.max_bytes) as state,
        delivery.opened(f"the dead letters in {place}", place) as sink,
    ):
        counts = state.dead_letter.stats().by_destination
        chosen = destinations or (place_of(sink),)
        _check_known("--destination: no dead letter is for", destinations, counts)
        stores = state.dead_letter, state.ledger
        result = delivery.deliver(sink, stores, transformer, work)
    again = "The dead letter contains only what still needs to be delivered."
    result = attrs.evolve(result, source=str(place), state=place, again=again)
    result.finish(sinks.report_stream(spec), delivery.ending)


def _age(text: str) -> timedelta:
    """Return a number of hours, days or weeks, such as ``30d``."""
    match = re.fullmatch(r"(\d{1,4})([hdw])", text, re.ASCII)
    if not match or not int(match[1]):
        raise click.BadParameter(f"{text!r} is not an age such as 12h, 30d or 8w.")
    units = {"h": "hours", "d": "days", "w": "weeks"}
    return timedelta(**{units[match[2]]: int(match[1])})


@dead_letters.add_command
@ui.command(one="done, but dead letters that may be about IDENTITY are kept")
@state_argument("identity")
@click.argument("identity", metavar="[IDENTITY]", required=False)
@opts.option("--all everything", "Remove every dead letter.")
@reason_option
@opts.option(
    "--before DATE",
    "Remove those stored before this date, UTC.",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
)
@opts.option(
    "--older-than age AGE",
    "Remove those that are older than this: 12h, 30d, 8w.",
    type=_age,
)
@opts.option(
    "--suspected",
    "Also remove those that may be about IDENTITY. By default they are listed.",
)
@opts.yes_option("Do not ask.")
@opts.json_option
def purge_cmd(
    path: StatePlace,
    identity: str | None,
    everything: bool,
    reason: str | None,
    before: datetime | None,
    age: timedelta | None,
    suspected: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """
    Remove dead letters permanently.

    With IDENTITY (an id, an email address, a phone number) every event and unreadable
    body that contains it is removed, in any field or encoding. Those that only may be
    about it, such as one with a short id among other text, are named and kept. "-"
    reads identities from stdin, one a line, which keeps them out of the history of
    your shell. All destinations are covered. --reason, --before and --older-than
    narrow down. Without them, the user properties of the person are removed from the
    ledger, too.

    Examples::

        braze-heap dead-letters purge state.db cust-21
        braze-heap dead-letters purge state.db - --yes < identities.txt
        braze-heap dead-letters purge state.db cust-21 --suspected
        braze-heap dead-letters purge state.db --reason not_an_object
        braze-heap dead-letters purge state.db --before 2026-01-31 --yes
        braze-heap dead-letters purge state.db --older-than 30d --yes
    """
    if before and age:
        raise click.UsageError("--before and --older-than exclude each other.")
    if age:
        before = datetime.now(UTC) - age
    if (identity is not None) == everything and (everything or not (reason or before)):
        raise click.UsageError(
            "Name an IDENTITY, --reason, --before, --older-than, or --all."
        )
    if suspected and identity is None:
        raise click.UsageError("--suspected needs an IDENTITY.")
    people = read_identities([identity]) if identity is not None else []
    end = before.replace(tzinfo=UTC) if before else None

    def is_chosen(record: DeadRecord) -> bool:
        is_old = end is None or UNKNOWN_TIME < record.at < end
        return is_old and reason in (None, record.reason)

    with sinks.open_state(path) as state:
        _check_reason(reason, state)
        removal = Removal.of(
            state,
            people,
            suspected=suspected,
            selects=is_chosen if reason or end or not people else None,
        )
        is_agreed = yes or not (removal.found.keys or removal.stated)
        ui.confirm(f"Remove {removal} permanently?", "removed", is_agreed=is_agreed)
        removal.forget(state)
    result = [Section(note=f"{removal} removed."), *removal.sections(path)]
    print_result(result, as_json=as_json)
    sys.exit(int(bool(removal.found.suspected)))


@attrs.frozen
class Removal:
    """Dead letters to remove, and identities whose user properties are removed."""

    found: Found
    stated: Sequence[str]

    @classmethod
    def of(
        cls,
        state: SqliteState | SqlState | None,
        people: Sequence[str],
        *,
        suspected: bool,
        selects: Callable[[DeadRecord], bool] | None = None,
    ) -> Self:
        """
        Return what *state* has about *people*, *suspected* dead letters if wanted.

        With *selects*, return only the dead letters that it selects; without people,
        all of these.
        """
        if state is None:
            return cls(Found([], {}), ())
        finders: Sequence[PersonFilter] = people or [lambda _: True]
        found = search(filter(selects, state.dead_letter.read()), *finders)
        if suspected:
            found = Found([*found.keys, *found.suspected], {})
        stated = {
            name
            for person in (() if selects else people)
            for name in search_ledger(state.ledger, person)
        }
        return cls(found, sorted(stated))

    def __str__(self) -> str:
        users = ui.plural(len(self.stated), "user")
        ledger = f" and the user properties of {users} in the ledger"
        return ui.plural(len(self.found.keys), "dead letter") + ledger * bool(
            self.stated
        )

    def forget(self, state: SqliteState | SqlState) -> None:
        """Remove them from *state*."""
        if self.found.keys:
            state.dead_letter.forget(self.found.keys)
        if self.stated:
            state.ledger.forget(self.stated)

    def sections(self, path: StatePlace | None) -> Iterator[Section]:
        """Yield them, and dead letters in *path* that may be about the same person."""
        suspected, store = self.found.suspected, shlex.quote(str(path))
        number = ui.plural(len(suspected), "dead letter")
        note = (
            f"\nLook at one: braze-heap dead-letters show {store} KEY\n"
            "Remove them too: the same command with --suspected"
        )
        yield Section("removed", [*self.found.keys])
        yield Section("forgotten", len(self.stated))
        yield Section(
            "suspected",
            dict(suspected),
            f"May be about the same person, and kept: {number}",
            suspected.items(),
            note,
            top=20,
            hint="--json",
        )


def read_identities(given: Iterable[str]) -> list[str]:
    """Return the identities *given*, each once; those of stdin for ``-``."""
    texts = (text for each in given for text in (_read() if each == "-" else [each]))
    identities = list(dict.fromkeys(texts))
    if not all(identity.strip() for identity in identities):
        raise click.UsageError("An IDENTITY is empty. Nothing was removed.")
    if not identities:
        raise click.UsageError("stdin has no identities: write one a line.")
    return identities


def _read() -> list[str]:
    """Return the lines of stdin, except empty ones."""
    if sys.stdin.isatty():
        return [str(click.prompt("Identity", err=True, hide_input=True))]
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError("stdin is not text in UTF-8.") from None
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [line for line in lines if line.strip()]


@dead_letters.add_command
@ui.command()
@state_argument()
@opts.output_option(
    "Write to this file, which only its owner can read, or URL; compressed if it ends "
    "in .gz."
)
def export_cmd(path: StatePlace, output: Output) -> None:
    """
    Write all dead letters as JSON lines: this is personal data.

    They stay in the state file. A body that could not be read is in base64.

    Examples::

        braze-heap dead-letters export state.db -o dead.jsonl.gz
        braze-heap dead-letters export state.db | jq -r .reason | sort | uniq -c
    """
    refuse_input(output, sinks.files_of(path), "--output", "a file of the state")
    with (
        sinks.read_state(path) as state,
        ui.exit_on_broken_pipe(),
        open_output(output, mode=0o600) as file,
    ):
        count = export(
            state.dead_letter, cast("IO[str]", codecs.getwriter("utf-8")(file))
        )
    click.echo(f"{ui.plural(count, 'dead letter')}. {PERSONAL}", err=True)
