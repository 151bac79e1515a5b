"""``braze-heap delete``: a person in Heap, and in the state file."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs
import click

from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli import _sinks as sinks
from braze_heap.cli._dead_letters import Removal, read_identities
from braze_heap.cli._report import Section, print_result
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import DeleteUser
from braze_heap.policies.identity import IdentityError, IdentityPolicy
from braze_heap.sinks import Sink
from braze_heap.sinks._protocol import InvalidReceiptError

LATER: Final = (
    "An event that comes later makes a new user in Heap. Suppress these identities: "
    "Transformer(suppress=...)."
)


@attrs.frozen
class _Deletion:
    """Deletion of people by a sink, and of their records from the state at *path*."""

    identities: Sequence[str]
    sink: str
    path: sinks.StatePlace | None
    removal: Removal

    def sections(self, rejected: Mapping[str, str] | None = None) -> Iterator[Section]:
        """Yield the result. *rejected* are the reasons, if the sink was asked."""
        is_done = rejected is not None
        rejected = rejected or {}
        requested = [i for i in self.identities if i not in rejected]
        yield Section("dry_run", not is_done)
        yield Section("sink", self.sink, note=self.sink)
        verb = "Requested" if is_done else "Would request"
        users = ui.plural(len(requested), "user")
        title = f"{verb} the deletion of {users} with all their events"
        yield Section.of("identities", title, requested, top=20, hint="--json")
        title = f"Rejected: {ui.plural(len(rejected), 'user')}"
        yield Section.of("rejected", title, rejected, top=20, hint="--json")
        verb = "Removed" if is_done else "Would remove"
        note = "\nNo state file was searched (--state)."
        if self.path:
            note = f"\n{verb} {self.removal} from {self.path}."
        yield Section("state", self.path and str(self.path), note=note)
        yield from self.removal.sections(self.path)
        yield Section(note=f"\n{LATER}" * is_done)


@ui.command(
    one="Heap rejected an identity, or dead letters may be about these people",
    zero="done, or a dry run that found nothing to look at",
    without=(),
)
@click.argument("identities", metavar="IDENTITY...", nargs=-1, required=True)
@opts.setup_options(
    "sink state",
    sinks.sink_option("Heap, with the API key in HEAP_API_KEY."),
    opts.key_option(
        "state.path",
        "--state FILE",
        "Also remove the people from this file: their dead letters and user "
        "properties.  [default: state.db, if it exists]",
        type=sinks.StatePath(exists=True),
    ),
)
@opts.option(
    "--suspected",
    "Also remove dead letters that may be about them. By default they are listed.",
)
@opts.option("--dry-run", "Show what would be deleted, and delete nothing.")
@opts.yes_option("Do not ask.")
@opts.json_option
def delete(
    identities: tuple[str, ...],
    setup: opts.Setup,
    suspected: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """
    Delete people in Heap by IDENTITY, with all their events.

    First shows what would be deleted, in which app and in the state file, and asks.
    IDENTITY is the text by which Heap knows the person. "-" reads identities from
    stdin, one a line, which keeps them out of the history of your shell.

    The state file comes first, so that no replay brings a deleted person back. All
    destinations in it are searched, for these identities only: purge other ids,
    addresses and phone numbers of the person with `braze-heap dead-letters purge`. A
    second run is safe.

    Heap deletes by the app ID of the main production environment, in all
    environments of the account, within days. It cannot be undone.

    Examples::

        braze-heap delete cust-21 --sink 'heap:?app_id=11' --state state.db
        braze-heap delete cust-21 --sink 'heap:?app_id=11' --dry-run
        braze-heap delete - --sink 'heap:?app_id=11' --yes < identities.txt
    """
    config = setup.config
    spec, path = sinks.spec_or_exit(config), sinks.existing_place(config)
    if suspected and path is None:
        raise click.UsageError("--suspected is for --state.")
    if dry_run and yes:
        raise click.UsageError("--dry-run and --yes exclude each other.")
    sinks.refuse_files(spec, path, setup.file)
    chosen = _checked(read_identities(identities))
    with (
        contextlib.closing(sinks.open_sink_or_exit(config)) as sink,
        sinks.open_state(path) if path else contextlib.nullcontext() as state,
    ):
        _expect_key(sink)
        removal = Removal.of(state, chosen, suspected=suspected)
        where = sinks.describe_sink(spec, sinks.HeapTarget.of(sink))
        deletion = _Deletion(chosen, where, path, removal)
        rejected = None
        if not dry_run:
            if not yes:
                print_result(deletion.sections(), "stderr")
            users = ui.plural(len(chosen), "user")
            ui.confirm(f"Delete {users} permanently?", "deleted", is_agreed=yes)
            if state:
                removal.forget(state)
            rejected = _send(sink, chosen)
    stream = sinks.report_stream(spec)
    print_result(deletion.sections(rejected), stream, as_json=as_json)
    sys.exit(int(bool(rejected or removal.found.suspected)))


def _checked(identities: Sequence[str]) -> Sequence[str]:
    """Return *identities*, if all are valid."""
    policy = IdentityPolicy("external_user_id")
    for identity in identities:
        try:
            policy.check(identity)
        except IdentityError as error:
            name = ui.safe(identity)
            raise click.UsageError(
                f"'{name}' was not deleted, nor any other: {error.detail}."
            ) from None
    return identities


def _expect_key(sink: Sink) -> None:
    """Check that a Heap sink has the API key, before anything is deleted."""
    target = sinks.HeapTarget.of(sink)
    if target is not None and not target.options.api_key:
        raise ui.UnusableError(
            "deletions need the API key of the app: set the environment variable "
            f"{sinks.API_KEY}, or name another one in --sink with api_key_env=NAME"
        )


def _send(sink: Sink, identities: Sequence[str]) -> dict[str, str]:
    """Request the deletions, and return the rejected identities with the reasons."""
    try:
        receipt = sink.send([DeleteUser(identity) for identity in identities])
    except SinkUnavailable as error:
        advice = "The deletion in Heap is not certain: run the same command again"
        text = f"{sinks.failure_of(error).message}. {advice}"
        if error.misconfigured:
            raise ui.UnusableError(f"{text}.") from None
        raise ui.UnavailableError(f"{text} later.") from None
    try:
        rejections = receipt.checked(len(identities)).rejections
    except InvalidReceiptError as error:
        raise ui.UnusableError(
            f"{error}. The deletion in Heap is not certain: test the sink with "
            "braze_heap.testing.check_sink."
        ) from None
    return {
        identities[each.index]: f"{each.reason} {each.detail}".strip()
        for each in rejections
    }
