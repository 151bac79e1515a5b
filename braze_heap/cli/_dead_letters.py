"""``braze-heap dead-letters``: what could not be delivered, and what becomes of it."""

import codecs
import contextlib
import difflib
import itertools
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final, cast

import click

from braze_heap import Pipeline, Reason, replay
from braze_heap.cli._console import (
    UnusableError,
    console,
    exit_on_broken_pipe,
    plural,
    safe,
    show,
)
from braze_heap.cli._dead_letter_view import Listing, letter_view, original_text
from braze_heap.cli._delivered import finish
from braze_heap.cli._delivery import Delivery, Work, patience_option
from braze_heap.cli._inputs import STDIN
from braze_heap.cli._options import transformer_from_options, transformer_options
from braze_heap.cli._output import is_stdout, replaced
from braze_heap.cli._paths import FilePath
from braze_heap.cli._progress import DeliveryProgress
from braze_heap.cli._sinks import (
    HeapTarget,
    confirm,
    open_sink_or_exit,
    refuse_files,
    sink_option,
    yes_option,
)
from braze_heap.cli._stores import (
    is_of_store,
    max_bytes_option,
    open_store,
    store_argument,
)
from braze_heap.state import (
    UNKNOWN_TIME,
    DeadLetter,
    DeadRecord,
    Found,
    SqliteDeadLetter,
    export,
    search,
)

_EPILOG = """\b
Examples:
  braze-heap dead-letters list dead.db
  braze-heap dead-letters show dead.db event-17
  braze-heap dead-letters replay dead.db --sink 'heap:?app_id=11'
"""

PERSONAL: Final = "This is personal data, unmasked."

AGAIN: Final = "The dead letter contains only what still needs to be delivered."

_MAX_NAMED: Final = 5
"""Keys that an error names."""

_MAX_SUSPECTED: Final = 20
"""Keys of suspected dead letters that a purge names."""


@click.group(
    name="dead-letters",
    epilog=_EPILOG,
    short_help="See, replay, purge, export what could not be delivered.",
)
def dead_letters() -> None:
    """
    Manage events that could not be delivered.

    `braze-heap send` keeps them in a file, dead.db by default: complete and with
    the reason. The file contains personal data.
    """


_LIST_EPILOG = """\b
Examples:
  braze-heap dead-letters list dead.db
  braze-heap dead-letters list dead.db --reason bad_time --limit 100
  braze-heap dead-letters list dead.db --json | jq '.letters[].key'
"""


@dead_letters.command(
    name="list",
    epilog=_LIST_EPILOG,
    short_help="Summarize by reason and list the oldest.",
)
@store_argument
@click.option("--reason", metavar="WORD", help="Only those with this reason.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Number of dead letters to list, the oldest first.",
)
@click.option("--json", "as_json", is_flag=True, help="The same, as JSON.")
def list_(path: Path, reason: str | None, limit: int, as_json: bool) -> None:
    """
    Show how many dead letters there are, by reason, and name the oldest.

    No values of events are shown. Times are UTC.
    """
    with open_store(path) as store:
        _check_reason(reason, store)
        chosen = (r for r in store.read() if reason in (None, r.reason))
        listing = Listing.of(chosen, limit)
    with exit_on_broken_pipe("stdout"):
        if as_json:
            click.echo(json.dumps(listing.to_dict(), indent=2))
        else:
            show(listing.view(path), console("stdout", 200))


def _check_reason(reason: str | None, store: SqliteDeadLetter) -> None:
    """
    Make sure that records can have the *reason*; a sink can have its own ones.

    Raises:
        click.UsageError: Nothing in the library or in *store* has it.
    """
    if reason is None or reason in (*Reason, *store.stats().by_reason):
        return
    known = sorted({*map(str, Reason), *store.stats().by_reason})
    close = difflib.get_close_matches(reason, known, 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise click.UsageError(
        f"--reason: there is no reason {safe(reason)!r}.{hint} "
        f"There are: {', '.join(map(safe, known))}."
    )


_SHOW_EPILOG = """\b
Examples:
  braze-heap dead-letters show dead.db event-17
  braze-heap dead-letters show dead.db event-17 --original > event.json
"""


@dead_letters.command(name="show", epilog=_SHOW_EPILOG, short_help="Show one, whole.")
@store_argument
@click.argument("key", metavar="KEY")
@click.option("--original", is_flag=True, help="The event alone, as it is kept.")
def show_(path: Path, key: str, original: bool) -> None:
    """
    Show one dead letter with all its values: this is personal data.

    KEY is a key from `list`, an event's id, or the beginning of either.
    """
    with open_store(path) as store:
        record = _found(store, key, path)
    click.echo(PERSONAL, err=True)
    with exit_on_broken_pipe("stdout"):
        if original:
            text = original_text(record)
            if sys.stdout.isatty():
                text = "\n".join(safe(line, len(line)) for line in text.split("\n"))
            click.echo(text)
        else:
            show(letter_view(record), console("stdout"))


def _found(store: DeadLetter, key: str, path: Path) -> DeadRecord:
    found = [record for record in store.read() if record.key.startswith(key)]
    exact = [r for r in found if key in (r.key, r.key.rpartition(":")[0] or r.key)]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise UnusableError(
            f"no key begins with {safe(key)!r}. "
            f"`braze-heap dead-letters list {shlex.quote(str(path))}` names them."
        )
    names = ", ".join(safe(record.key, 300) for record in found[:_MAX_NAMED])
    raise UnusableError(f"{len(found):,} keys begin with {safe(key)!r}: {names}")


_REPLAY_EPILOG = """\b
Examples:
  braze-heap dead-letters replay dead.db --sink 'heap:?app_id=11'
  braze-heap dead-letters replay dead.db --sink file:a.jsonl --config new.toml

\b
Exit status:
  0    done, also if something stays
  1    dead letters remain, and --strict is given
  2    a file cannot be used, an option is wrong, or nobody confirmed
  75   the sink or the dead letter is not available: run it again later
  130, 143  stopped by Ctrl-C, or by SIGTERM
  141  the reader of the output closed the pipe
"""


@dead_letters.command(
    name="replay", epilog=_REPLAY_EPILOG, short_help="Redeliver dead letters."
)
@store_argument
@sink_option("Destination; see `braze-heap send --help`.", required=True)
@yes_option
@patience_option
@transformer_options
@max_bytes_option
@click.option(
    "--force",
    is_flag=True,
    help="Also replay events whose mappers are missing today.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 if dead letters remain.")
@click.option("-q", "--quiet", is_flag=True, help="No report and no progress bar.")
def replay_(
    path: Path,
    spec: str,
    yes: bool,
    patience: float,
    max_bytes: int | None,
    force: bool,
    strict: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """
    Run the dead letters through today's mapping, and deliver them.

    What the sink settles, or a policy leaves out, is removed from the dead letter; the
    rest stays. So does an event that a mapper of your own took part in, if that mapper
    is missing today; the report names it.
    """
    transformer = transformer_from_options(**options)
    refuse_files(spec, path, options["config"])
    with (
        open_store(path, max_bytes=max_bytes) as store,
        contextlib.closing(open_sink_or_exit(spec)) as sink,
    ):
        what = plural(store.stats().records, "dead letter")
        confirm(HeapTarget.of(sink), what, is_agreed=yes)
        delivery = Delivery(spec, sink, store, patience)
        outcome = delivery.run(
            transformer, _replaying(delivery, force=force), 0, quiet=quiet
        )
    finish(delivery, outcome, str(path), path, AGAIN, strict=strict, quiet=quiet)


def _replaying(delivery: Delivery, *, force: bool) -> Work:
    def work(pipeline: Pipeline, _: DeliveryProgress) -> None:
        delivery.report = replay(pipeline.dead_letter, pipeline, force=force)

    return work


_HOURS: Final = MappingProxyType({"h": 1, "d": 24, "w": 7 * 24})


def _age(text: str) -> timedelta:
    """Return a number of hours, days or weeks, such as ``30d``."""
    match = re.fullmatch(r"(\d{1,4})([hdw])", text, re.ASCII)
    if not match or not int(match[1]):
        raise click.BadParameter(f"{text!r} is not an age such as 12h, 30d or 8w.")
    return timedelta(hours=int(match[1]) * _HOURS[match[2]])


_PURGE_EPILOG = """\b
Examples:
  braze-heap dead-letters purge dead.db cust-21
  braze-heap dead-letters purge dead.db - --yes < identity.txt
  braze-heap dead-letters purge dead.db cust-21 --suspected
  braze-heap dead-letters purge dead.db --reason not_an_object
  braze-heap dead-letters purge dead.db --before 2026-01-31 --yes
  braze-heap dead-letters purge dead.db --older-than 30d --yes
"""


@dead_letters.command(
    name="purge",
    epilog=_PURGE_EPILOG,
    short_help="Delete dead letters, e.g. all of one person.",
)
@store_argument
@click.argument("identity", metavar="[IDENTITY]", required=False)
@click.option("--all", "everything", is_flag=True, help="Remove every dead letter.")
@click.option("--reason", metavar="WORD", help="Remove those with this reason.")
@click.option(
    "--before",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Remove those stored before this date, UTC.",
)
@click.option(
    "--older-than",
    "age",
    metavar="AGE",
    type=_age,
    help="Remove those that are older than this: 12h, 30d, 8w.",
)
@click.option(
    "--suspected",
    is_flag=True,
    help="Also remove those that may be about IDENTITY. By default they are listed.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge_(
    path: Path,
    identity: str | None,
    everything: bool,
    reason: str | None,
    before: datetime | None,
    age: timedelta | None,
    suspected: bool,
    yes: bool,
) -> None:
    """
    Remove dead letters for good.

    With IDENTITY (an id, an email address, a phone number) every event and every
    unreadable body is removed that contains it, in whatever field or encoding. Those
    that only may be about it, such as one that has a short id among other text, are
    named and kept. "-" reads IDENTITY from stdin, which keeps it out of the history of
    your shell. --reason, --before and --older-than
    narrow down.
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
    with open_store(path) as store:
        _check_reason(reason, store)
        found = search(filter(_choice(reason, before), store.read()), who)
        keys = [*found.keys, *(found.suspected if suspected else ())]
        if keys and not yes:
            _confirm(f"Remove {plural(len(keys), 'dead letter')} for good?")
        if keys:
            store.forget(keys)
    click.echo(f"{plural(len(keys), 'dead letter')} removed.")
    if not suspected:
        _name_suspected(found, path)


def _name_suspected(found: Found, path: Path) -> None:
    if not found.suspected:
        return
    several = len(found.suspected) > 1
    click.echo(
        f"{plural(len(found.suspected), 'dead letter')} may be about the same person, "
        f"and {'were' if several else 'was'} kept:"
    )
    for key, why in itertools.islice(found.suspected.items(), _MAX_SUSPECTED):
        click.echo(f"  {safe(key, 300)}: {why}")
    if (rest := len(found.suspected) - _MAX_SUSPECTED) > 0:
        click.echo(f"  ... and {rest:,} more")
    store = safe(shlex.quote(str(path)), 500)
    click.echo(
        f"Look at one: braze-heap dead-letters show {store} KEY\n"
        "Remove them too: the same command with --suspected"
    )


def _identity(given: str | None) -> str | None:
    if given == "-":
        if sys.stdin.isatty():
            given = str(click.prompt("Identity", err=True, hide_input=True))
        else:
            given = sys.stdin.readline().rstrip("\r\n")
    if given is not None and not given.strip():
        raise click.UsageError("The identity is empty.")
    return given


def _choice(
    reason: str | None, before: datetime | None
) -> Callable[[DeadRecord], bool]:
    end = before.replace(tzinfo=UTC) if before else None

    def is_old(record: DeadRecord) -> bool:
        return end is None or UNKNOWN_TIME < record.at < end

    return lambda record: reason in (None, record.reason) and is_old(record)


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise UnusableError(
            "stdin is not a terminal, so nothing was removed. Pass --yes to skip the "
            "confirmation."
        )
    if not click.confirm(question, err=True):
        raise UnusableError("not confirmed, and nothing was removed")


_EXPORT_EPILOG = """\b
Examples:
  braze-heap dead-letters export dead.db -o dead.jsonl.gz
  braze-heap dead-letters export dead.db | jq -r .reason | sort | uniq -c
"""


@dead_letters.command(
    name="export", epilog=_EXPORT_EPILOG, short_help="Write them as JSON lines."
)
@store_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=FilePath(dir_okay=False, allow_dash=True),
    default=STDIN,
    help="Write to this file, for its owner alone; compressed if it ends in .gz. "
    "By default to stdout.",
)
def export_(path: Path, output: Path) -> None:
    """
    Write the dead letters as JSON lines, whole: this is personal data.

    They stay in the dead letter. A body that could not be read is in base64.
    """
    if is_of_store(output, path) or (output.exists() and output.samefile(path)):
        raise UnusableError(f"{path} is the dead letter itself. Name another file.")
    with (
        open_store(path) as store,
        exit_on_broken_pipe("stdout"),
        _written(output) as stream,
    ):
        count = export(store, stream)
    click.echo(f"{plural(count, 'dead letter')}. {PERSONAL}", err=True)


@contextlib.contextmanager
def _written(path: Path) -> Iterator[IO[str]]:
    if is_stdout(path):
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        compresses = path.suffix == ".gz"
        with replaced(path, compresses=compresses, mode=0o600) as file:
            yield cast("IO[str]", codecs.getwriter("utf-8")(file))
    except OSError as error:
        raise UnusableError(f"cannot write {path}: {error.strerror or error}") from None
