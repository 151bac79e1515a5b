"""``braze-heap dead-letters``: events that could not be delivered."""

import codecs
import contextlib
import functools
import gzip
import itertools
import json
import re
import shlex
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final, cast

import attrs
import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap import Pipeline, Reason, Report, replay
from braze_heap._text import did_you_mean
from braze_heap.cli import _console as ui
from braze_heap.cli import _sinks as sinks
from braze_heap.cli._delivery import deliver, patience_option
from braze_heap.cli._options import (
    Setup,
    build_transformer,
    json_option,
    option,
    output_option,
    setup_options,
    yes_option,
)
from braze_heap.cli._output import Output, open_output
from braze_heap.cli._progress import RunProgress
from braze_heap.cli._report import Ending, ending_options, meaning
from braze_heap.cli._sinks import StatePlace
from braze_heap.sinks._protocol import destination_of
from braze_heap.state import (
    UNKNOWN_TIME,
    DeadLetter,
    DeadRecord,
    export,
    search,
    search_ledger,
)

PERSONAL: Final = "This is personal data, unmasked."

AGAIN: Final = "The dead letter contains only what still needs to be delivered."

_MAX_NAMED: Final = 5
"""Keys that an error names."""

_MAX_SUSPECTED: Final = 20
"""Keys of suspected dead letters that a purge names."""

_DIGITS: Final = 8
"""Digits of the digest in a list. Enough to distinguish two contents."""

optional_state: Final = click.argument(
    "path", metavar="[STATE.db]", required=False, type=sinks.StatePath(exists=True)
)
"""The state; by default that of the configuration."""

reason_option: Final = option("--reason WORD", "Only those with this reason.")


@click.group(
    name="dead-letters",
    epilog=ui.epilog(
        """
        braze-heap dead-letters list state.db
        braze-heap dead-letters show state.db event-17
        braze-heap dead-letters replay state.db --sink 'heap:?app_id=11'
        """
    ),
    short_help="See, replay, purge, export what could not be delivered.",
)
def dead_letters() -> None:
    """
    Manage events that could not be delivered.

    `braze-heap send` and `serve` keep them in the state file, state.db by default:
    complete, with the reason and the destination. The file contains personal data.
    """


@dead_letters.command(
    name="list",
    epilog=ui.epilog(
        """
        braze-heap dead-letters list state.db
        braze-heap dead-letters list state.db --reason bad_time --limit 100
        braze-heap dead-letters list state.db --json | jq '.letters[].key'
        """
    ),
    short_help="Summarize by reason and list the oldest.",
)
@optional_state
@setup_options("state")
@reason_option
@option(
    "--limit",
    "Number of dead letters to list, the oldest first.",
    type=click.IntRange(min=0),
    default=20,
)
@json_option
def list_(
    path: StatePlace | None,
    setup: Setup,
    reason: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """
    Count the dead letters by reason, and show the oldest ones.

    No values of events are shown. Times are UTC.
    """
    path = path or sinks.named_place_or_exit(setup.config)
    with sinks.read_state(path) as state:
        store = state.dead_letter
        _check_reason(reason, store.stats().by_reason)
        listing = _listing(
            (r for r in store.read() if reason in (None, r.reason)), limit
        )
    out = ui.console("stdout", ui.PIPED_WIDTH)
    view = functools.partial(_listing_view, listing, path)
    ui.print_result(view, lambda: listing, out, as_json=as_json)


def _listing(records: Iterable[DeadRecord], limit: int) -> dict[str, Any]:
    """Return the *records* by reason, and the first *limit*; without their events."""
    groups: dict[str, dict[str, Any]] = {}
    letters: list[dict[str, Any]] = []
    destinations: Counter[str] = Counter()
    for record in records:
        at = record.at.isoformat()
        destinations[record.destination] += 1
        group = groups.setdefault(
            record.reason,
            {"reason": record.reason, "records": 0, "oldest": at, "newest": at},
        )
        group["records"] += 1
        group["oldest"], group["newest"] = (
            min(group["oldest"], at),
            max(group["newest"], at),
        )
        if len(letters) < limit:
            letters.append(_to_dict(record))
    by_reason = sorted(groups.values(), key=lambda group: -group["records"])
    return {
        "records": destinations.total(),
        "by_reason": by_reason,
        "by_destination": dict(destinations.most_common()),
        "letters": letters,
    }


def _listing_view(listing: dict[str, Any], path: StatePlace) -> Group:
    return Group(
        Text(f"{ui.plural(listing['records'], 'dead letter')} in {path}"),
        *_reasons_view(listing["by_reason"]),
        *ui.section(
            "By destination",
            [
                (number, shlex.quote(ui.safe(name)))
                for name, number in listing["by_destination"].items()
            ],
        ),
        *_letters_view(listing, path),
    )


def _reasons_view(groups: list[dict[str, Any]]) -> Iterator[RenderableType]:
    for group in groups:
        number = ui.plural(group["records"], "dead letter")
        yield ui.heading(f"{ui.safe(group['reason'])}: {number}")
        yield ui.indented(Text(meaning(group["reason"])))
        minutes = (group[name][:16].replace("T", " ") for name in ("oldest", "newest"))
        yield ui.indented(Text(f"{' to '.join(dict.fromkeys(minutes))} UTC"))


def _letters_view(
    listing: dict[str, Any], path: StatePlace
) -> Iterator[RenderableType]:
    letters = listing["letters"]
    rest = listing["records"] - len(letters)
    rows = [(letter["reason"], Text(_title(letter))) for letter in letters]
    yield from ui.section(f"The oldest {len(rows):,}" if rest else "Each", rows)
    if rest and rows:
        yield Text(f"  ... and {rest:,} more (--limit)")
    if rows:
        command = f"braze-heap dead-letters show {shlex.quote(str(path))} KEY"
        yield Text(f"\nOne of them, whole: {command}")


def _title(letter: dict[str, Any]) -> str:
    """Return enough of the key to distinguish it from others, type and detail."""
    name, colon, digest = letter["key"].rpartition(":")
    key = ui.safe(f"{name}{colon}{digest[: _DIGITS if name else 2 * _DIGITS]}", 300)
    first = " ".join(filter(None, (key, ui.safe(letter["event_type"] or ""))))
    return f"{first}\n{ui.safe(letter['detail'], 300)}"


def _to_dict(record: DeadRecord) -> dict[str, Any]:
    return {
        "key": record.key,
        "reason": record.reason,
        "detail": record.detail,
        "at": record.at.isoformat(),
        "format": record.format,
        "event_type": record.event_type,
        "destination": record.destination,
        "mappers": record.mappers,
        "bytes": len(record.original),
    }


def _check_reason(reason: str | None, by_reason: Mapping[str, int]) -> None:
    """
    Check that records can have the *reason*; a sink can have its own ones.

    Raises:
        click.UsageError: Nothing in the library or in the state has it.
    """
    known = sorted({*map(str, Reason), *by_reason})
    if reason is None or reason in known:
        return
    hint = did_you_mean(reason, known)
    raise click.UsageError(
        f"--reason: there is no reason {ui.safe(reason)!r}.{hint} "
        f"There are: {', '.join(map(ui.safe, known))}."
    )


@dead_letters.command(
    name="show",
    epilog=ui.epilog(
        """
        braze-heap dead-letters show state.db event-17
        braze-heap dead-letters show state.db event-17 --original > event.json
        """
    ),
    short_help="Show one, whole.",
)
@sinks.state_argument
@click.argument("key", metavar="KEY")
@option("--original", "Only the event, as it is kept.")
@json_option
def show_(path: StatePlace, key: str, original: bool, as_json: bool) -> None:
    """
    Show one dead letter with all its values: this is personal data.

    KEY is a key from `list`, an event's id, or the beginning of either.
    """
    if original and as_json:
        raise click.UsageError("--original and --json exclude each other.")
    with sinks.read_state(path) as state:
        record = _found(state.dead_letter, key, path)
    click.echo(PERSONAL, err=True)
    with ui.exit_on_broken_pipe():
        if original:
            text = original_text(record)
            click.echo(_safe_lines(text) if sys.stdout.isatty() else text)
            return
        data = {**_to_dict(record), "original": original_text(record)}
        out = ui.console("stdout")
        ui.show_result(lambda: letter_view(record), lambda: data, out, as_json=as_json)


def _found(store: DeadLetter, key: str, path: StatePlace) -> DeadRecord:
    """
    Return the record that *key* means: its key, its event's id, or how one begins.

    Raises:
        UnusableError: It means none, or several.
    """
    found = [record for record in store.read() if record.key.startswith(key)]
    exact = [r for r in found if key in (r.key, r.key.rpartition(":")[0] or r.key)]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise ui.UnusableError(
            f"no key begins with {ui.safe(key)!r}. "
            f"`braze-heap dead-letters list {shlex.quote(str(path))}` names them."
        )
    names = ", ".join(ui.safe(record.key, 300) for record in found[:_MAX_NAMED])
    raise ui.UnusableError(f"{len(found):,} keys begin with {ui.safe(key)!r}: {names}")


def letter_view(record: DeadRecord) -> RenderableType:
    """Return *record* and its complete original as text."""
    shown = _to_dict(record)
    names = ("key", "reason", "detail", "at", "destination", "event_type", "format")
    rows = [(name, str(shown[name])) for name in names if shown[name]]
    rows.append(("", meaning(record.reason)))
    rows += [("mapper", f"{name}, for {key}") for key, name in record.mappers.items()]
    table = ui.rows_view([(name, Text(ui.safe(value, 2_000))) for name, value in rows])
    return Group(
        table, ui.heading("original"), Text(_safe_lines(original_text(record)))
    )


def _safe_lines(text: str) -> str:
    return "\n".join(ui.safe(line, len(line)) for line in text.splitlines())


def _escaped(character: str) -> str:
    return character if character == "\n" else json.dumps(character)[1:-1]


def original_text(record: DeadRecord) -> str:
    """Return the original as text: an event as JSON, a body as it came."""
    raw = record.original
    try:
        if record.format == "json":
            text = json.dumps(json.loads(raw), ensure_ascii=False, indent=2)
            return "".join(c if c.isprintable() else _escaped(c) for c in text)
        body = gzip.decompress(raw) if record.format == "gzip" else raw
    except (ValueError, RecursionError, OSError, EOFError, zlib.error):
        body = raw
    return body.decode("utf-8", "backslashreplace")


@dead_letters.command(
    name="replay",
    epilog=ui.epilog(
        """
        braze-heap dead-letters replay state.db --sink 'heap:?app_id=11'
        braze-heap dead-letters replay state.db --sink file:a.jsonl --config c.toml
        """,
        one="dead letters remain, and --strict is given",
        zero="done, also if dead letters remain",
    ),
    short_help="Redeliver dead letters.",
)
@optional_state
@setup_options(
    "transform sink state",
    sinks.sink_option("Destination; see `braze-heap send --help`."),
    sinks.max_bytes_option,
)
@yes_option()
@patience_option
@option(
    "--destination destinations NAME",
    "Replay what failed at this destination; may be repeated. `list` names them.  "
    "[default: that of --sink]",
    multiple=True,
    show_default=False,
)
@option("--force", "Also replay events whose mappers are missing today.")
@ending_options("dead letters remain")
def replay_(
    path: StatePlace | None,
    setup: Setup,
    yes: bool,
    patience: float,
    destinations: tuple[str, ...],
    force: bool,
    ending: Ending,
) -> None:
    """
    Run the dead letters of a destination through today's mapping, and deliver them.

    What the sink accepts, or a policy skips, is removed from the state file; the rest
    stays. So does an event that a mapper of your own took part in, if that mapper is
    missing today; the report names it. What failed at another destination stays, too.
    """
    config = setup.config
    transformer = build_transformer(config)
    spec, path = sinks.spec_or_exit(config), path or sinks.named_place_or_exit(config)
    sinks.refuse_files(spec, path, setup.file)

    def work(pipeline: Pipeline, _: RunProgress) -> Report:
        return replay(pipeline.dead_letter, pipeline, destinations=chosen, force=force)

    with (
        sinks.open_state(path, max_bytes=config.state.max_bytes) as state,
        contextlib.closing(sinks.open_sink_or_exit(config)) as sink,
    ):
        counts = state.dead_letter.stats().by_destination
        chosen = destinations or (destination_of(sink) or "",)
        letters = ui.plural(sum(counts.get(to, 0) for to in chosen), "dead letter")
        _check_destinations(destinations, counts)
        sinks.confirm_heap(sink, letters, is_agreed=yes)
        stores, bar = (state.dead_letter, state.ledger), ending.bar
        result = deliver(
            spec, sink, stores, transformer, work, patience=patience, bar=bar
        )
    result = attrs.evolve(result, source=str(path), state=path, again=AGAIN)
    result.finish(sinks.report_stream(spec), ending)


def _check_destinations(given: Iterable[str], known: Mapping[str, int]) -> None:
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known)
            raise click.UsageError(
                f"--destination: no dead letter is for {ui.safe(name)!r}.{hint} "
                f"There are: {', '.join(shlex.quote(ui.safe(to)) for to in known)}."
            )


_HOURS: Final = MappingProxyType({"h": 1, "d": 24, "w": 7 * 24})


def _age(text: str) -> timedelta:
    """Return a number of hours, days or weeks, such as ``30d``."""
    match = re.fullmatch(r"(\d{1,4})([hdw])", text, re.ASCII)
    if not match or not int(match[1]):
        raise click.BadParameter(f"{text!r} is not an age such as 12h, 30d or 8w.")
    return timedelta(hours=int(match[1]) * _HOURS[match[2]])


@dead_letters.command(
    name="purge",
    epilog=ui.epilog(
        """
        braze-heap dead-letters purge state.db cust-21
        braze-heap dead-letters purge state.db - --yes < identity.txt
        braze-heap dead-letters purge state.db cust-21 --suspected
        braze-heap dead-letters purge state.db --reason not_an_object
        braze-heap dead-letters purge state.db --before 2026-01-31 --yes
        braze-heap dead-letters purge state.db --older-than 30d --yes
        """
    ),
    short_help="Delete dead letters, e.g. all of one person.",
)
@sinks.state_argument
@click.argument("identity", metavar="[IDENTITY]", required=False)
@option("--all everything", "Remove every dead letter.")
@reason_option
@option(
    "--before DATE",
    "Remove those stored before this date, UTC.",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
)
@option(
    "--older-than age AGE",
    "Remove those that are older than this: 12h, 30d, 8w.",
    type=_age,
)
@option(
    "--suspected",
    "Also remove those that may be about IDENTITY. By default they are listed.",
)
@yes_option("Do not ask.")
@json_option
def purge_(
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
    reads IDENTITY from stdin, which keeps it out of the history of your shell. All
    destinations are covered. --reason, --before and --older-than narrow down. Without
    them, the user properties of the person are removed from the ledger, too.
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
    who = _identity(identity) or (lambda _: True)
    end = before.replace(tzinfo=UTC) if before else None

    def is_chosen(record: DeadRecord) -> bool:
        is_old = end is None or UNKNOWN_TIME < record.at < end
        return is_old and reason in (None, record.reason)

    with sinks.open_state(path) as state:
        store, ledger = state.dead_letter, state.ledger
        _check_reason(reason, store.stats().by_reason)
        found = search(filter(is_chosen, store.read()), who)
        keys = [*found.keys, *(found.suspected if suspected else ())]
        is_narrow = reason is not None or end is not None
        is_person = isinstance(who, str) and not is_narrow
        stated = search_ledger(ledger, str(who)) if is_person else ()
        letters = ui.plural(len(keys), "dead letter")
        also = in_ledger(stated)
        is_agreed = yes or not (keys or stated)
        question = f"Remove {letters}{also} permanently?"
        ui.confirm(question, "removed", is_agreed=is_agreed)
        if keys:
            store.forget(keys)
        if stated:
            ledger.forget(stated)
    kept = {} if suspected else found.suspected
    if as_json:
        result = {"removed": keys, "suspected": kept, "forgotten": len(stated)}
        click.echo(ui.to_json(result), nl=False)
        return
    click.echo(f"{letters}{also} removed.")
    for line in suspected_lines(kept, path):
        click.echo(line)


def in_ledger(identities: Sequence[str]) -> str:
    """
    Return words for the user properties of *identities* in the ledger, to put after
    those for dead letters; empty without identities.
    """
    if not identities:
        return ""
    users = ui.plural(len(identities), "user")
    return f" and the user properties of {users} in the ledger"


def suspected_lines(suspected: Mapping[str, str], path: StatePlace) -> Iterator[str]:
    """Yield lines about dead letters that may be about a person, if there are any."""
    if not suspected:
        return
    number = len(suspected)
    yield (
        f"{ui.plural(number, 'dead letter')} may be about the same person, "
        f"and {'were' if number > 1 else 'was'} kept:"
    )
    for key, why in itertools.islice(suspected.items(), _MAX_SUSPECTED):
        yield f"  {ui.safe(key, 300)}: {why}"
    if (rest := number - _MAX_SUSPECTED) > 0:
        yield f"  ... and {rest:,} more"
    store = ui.safe(shlex.quote(str(path)), 500)
    yield f"Look at one: braze-heap dead-letters show {store} KEY"
    yield "Remove them too: the same command with --suspected"


def _identity(given: str | None) -> str | None:
    if given == "-":
        if sys.stdin.isatty():
            given = str(click.prompt("Identity", err=True, hide_input=True))
        else:
            given = sys.stdin.readline().rstrip("\r\n")
    if given is not None and not given.strip():
        raise click.UsageError("The identity is empty.")
    return given


@dead_letters.command(
    name="export",
    epilog=ui.epilog(
        """
        braze-heap dead-letters export state.db -o dead.jsonl.gz
        braze-heap dead-letters export state.db | jq -r .reason | sort | uniq -c
        """
    ),
    short_help="Write them as JSON lines.",
)
@sinks.state_argument
@output_option(
    "Write to this file, which only its owner can read, or URL; compressed if it ends "
    "in .gz."
)
def export_(path: StatePlace, output: Output) -> None:
    """
    Write the dead letters as JSON lines, whole: this is personal data.

    They stay in the state file. A body that could not be read is in base64.
    """
    if isinstance(output, Path) and (
        sinks.is_of_state(output, path)
        or (isinstance(path, Path) and output.exists() and output.samefile(path))
    ):
        raise ui.UnusableError(f"{path} is the state file itself. Name another file.")
    with (
        sinks.read_state(path) as state,
        ui.exit_on_broken_pipe(),
        open_output(output, mode=0o600) as file,
    ):
        count = export(
            state.dead_letter, cast("IO[str]", codecs.getwriter("utf-8")(file))
        )
    click.echo(f"{ui.plural(count, 'dead letter')}. {PERSONAL}", err=True)
