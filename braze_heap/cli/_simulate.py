"""``braze-heap simulate``: try an endpoint as Braze would use it."""

import math
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import click
from rich.text import Text

from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._progress import progress
from braze_heap.cli._report import Section, print_result
from braze_heap.cli._run import outcome_of
from braze_heap.testing import SimulatedBraze, make_malformed, make_traffic
from braze_heap.testing.simulated_braze import Fate, Simulation

USER_PREFIX: Final = "braze-heap-test-"  # of the external user ids of all test events

FAULT: Final = 0.05  # share of answers that get lost, and of events sent twice

PROBES: Final = 2  # requests without events


def _checked(_: click.Context, __: click.Parameter, url: str) -> str:
    try:
        SimulatedBraze().send((), url, limit=-1)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return url


_COUNT: Final = click.IntRange(0)
_SOME: Final = click.IntRange(1)
_POSITIVE: Final = click.FloatRange(min=0, min_open=True)
_SHARE: Final = click.FloatRange(0, 1)


@ui.command(
    one="it would not, or the endpoint cannot be reached",
    zero="Braze would treat every event as delivered",
)
@click.argument("url", callback=_checked)
@opts.option(
    "--token-env NAME",
    "Environment variable with the bearer token, or several of which the first is "
    "sent. If it is not set, you are asked on a terminal; elsewhere none is sent.",
    default=opts.TOKEN_VARIABLE,
)
@opts.option("--events number N", "Number of test events.", type=_SOME, default=500)
@opts.option("--malformed N", "Malformed events to add.", type=_COUNT, default=0)
@opts.seed_option
@opts.option(
    "--lose-answers SHARE",
    "Share of the answers to throw away, so that their events come again.",
    type=_SHARE,
    default=FAULT,
)
@opts.option(
    "--send-twice SHARE",
    "Share of the events to send twice.",
    type=_SHARE,
    default=FAULT,
)
@opts.option(
    "--rate N",
    "Events a second.",
    type=_POSITIVE,
    default=math.inf,
    show_default="no pauses",
)
@opts.option(
    "--patience SECONDS",
    "Seconds to keep trying. Braze tries for 5 days.",
    type=_POSITIVE,
    default=120.0,
)
@opts.yes_option("Do not ask before sending to other hosts.")
@opts.json_option
def simulate(
    url: str,
    token_env: str,
    number: int,
    malformed: int,
    seed: int,
    patience: float,
    yes: bool,
    as_json: bool,
    **faults: Any,
) -> None:
    """
    Send test events to URL, as Braze's HTTP connector does.

    They go to wherever the endpoint delivers: the external user id of each begins with
    "braze-heap-test-". A request without events comes first; nothing else is sent
    unless that is accepted. Redirects are not followed.

    Examples::

        braze-heap simulate http://127.0.0.1:8000/currents
        BRAZE_TOKEN=... braze-heap simulate https://example.com/ --events 2000
        braze-heap simulate https://currents.example.com/ --malformed 20 --yes
    """
    _confirm(url, ui.plural(number + malformed, "test event"), is_agreed=yes)
    token = _token(token_env)
    braze = SimulatedBraze(token=token, seed=seed, probes=PROBES, **faults)
    _probe(braze, url, token_env)
    start = time.time() // 1 - 86_400  # yesterday
    events = mixed_events(
        make_traffic(number, seed=seed, start=start, user_prefix=USER_PREFIX),
        make_malformed(malformed, seed=seed, user_prefix=USER_PREFIX),
        seed,
    )
    done = braze.send(events, lambda _: None, limit=-1)  # nothing is sent yet
    with progress("Sending", len(events), ui.console("stderr")) as shown:

        def watch(simulation: Simulation) -> None:
            nonlocal done
            done, before = simulation, shown.done
            shown.done = len(events) - simulation.fates[Fate.PENDING]
            shown.add_events(shown.done - before)

        outcome = outcome_of(
            lambda: braze.send(events, url, limit=patience, watch=watch),
            "Processed before that:",
        )
    print_result(sections(done, token_env, outcome.note), as_json=as_json)
    sys.exit(outcome.status or int(not is_good(done)))


def mixed_events(events: Iterable[Any], others: Iterable[Any], seed: int) -> list[Any]:
    """Return *events* with *others* at random places."""
    mixed = [*events]
    chance = random.Random(seed)  # noqa: S311 (no secret)
    for other in others:
        mixed.insert(chance.randint(0, len(mixed)), other)
    return mixed


def _confirm(url: str, events: str, *, is_agreed: bool) -> None:
    """Ask before *events* go to another machine."""
    parts = urlsplit(url)
    if is_agreed or opts.is_here(parts.hostname or ""):
        return
    host = ui.safe(parts.hostname or "", 200)
    click.echo(
        f"{events.capitalize()} will go to {host}, and on to where it delivers: to "
        f"Heap, if it does. Their users begin with {USER_PREFIX}.",
        err=True,
    )
    if parts.scheme == "http":
        click.echo("http is not encrypted: others can read the token.", err=True)
    ui.confirm("Send them?", "sent", is_agreed=False)


def _token(name: str) -> str | None:
    if tokens := os.environ.get(name, "").split():
        return tokens[0]
    if not sys.stdin.isatty():
        click.echo(f"Note: {ui.safe(name)} is not set, so no token is sent.", err=True)
        return None
    text = "Token (empty for none)"
    given: str = click.prompt(text, "", hide_input=True, show_default=False, err=True)
    return given or None


def _probe(braze: SimulatedBraze, url: str, token_env: str) -> None:
    """Send a request without events; raise if the endpoint does not accept it."""
    try:
        probe = attrs.evolve(braze, probes=1, lose_answers=0).send((), url, limit=0)
    except ValueError as error:
        raise ui.UnusableError(str(error)) from None
    for failure in probe.failures:
        raise click.ClickException(
            f"no answer ({failure}). Check that it runs, is reachable from here, and "
            "has this host, port and scheme. Braze needs a certificate of a public "
            "authority."
        )
    for status in probe.statuses:
        if not 200 <= status < 300:
            raise click.ClickException(f"answer {status}. {_advice(status, token_env)}")


def is_good(done: Simulation) -> bool:
    """Return whether every event was delivered."""
    return done.fates[Fate.DELIVERED] == len(done.events)


def sections(
    done: Simulation, token_env: str = "", note: str = ""
) -> Iterator[Section]:
    """Yield the result; *token_env* has the token, *note* says what ended it early."""
    yield Section("ok", is_good(done))
    yield Section("finished", not note, note=Text(note, "bold red"))
    events = ui.plural(len(done.events), "event")
    requests = ui.plural(done.requests, "request")
    note = f"{events} in {requests}, {done.seconds:,.1f} s"
    yield Section("events", len(done.events), note=note)
    yield Section("requests", done.requests)
    yield Section("seconds", round(done.seconds, 3))
    lost = f"{ui.plural(done.answers_lost, 'answer')} discarded on purpose"
    note = f"{lost}, so events were sent again" * bool(done.answers_lost)
    yield Section.of_counts("answers", "Answers", done.statuses, note=note)
    yield Section.of_counts("failures", "No answer", done.failures)
    yield Section("answers_lost", done.answers_lost)
    fates = {fate.value: done.fates[fate] for fate in Fate}
    title = "Status of the events in Braze"
    yield Section.of_counts("fates", title, fates, lambda name: _FATES[Fate(name)])
    verdict = _verdict(done, token_env)
    yield Section("verdict", verdict, note=Text(f"\n{verdict}", "bold"))


def _verdict(done: Simulation, token_env: str) -> str:
    if is_good(done):
        return "OK: Braze would treat every event as delivered."
    missed = (o.status for o in done.outcomes if o.fate is not Fate.DELIVERED)
    status = done.stopped_by or next(filter(None, missed), None)
    if status is None:
        return "FAILED: The endpoint did not answer. Check its log."
    return f"FAILED: answer {status}. {_advice(status, token_env)}"


_FATES: Final = {
    Fate.DELIVERED: "the endpoint accepted them; never sent again",
    Fate.DROPPED: "the endpoint rejects them, even one by one; lost",
    Fate.ABANDONED: "Braze stopped and emails you; not sent again",
    Fate.PENDING: "not accepted yet; Braze retries for 5 days, unless it stopped",
}


def _advice(status: int, token_env: str) -> str:
    status = 300 if 300 <= status < 400 else status
    return _ADVICE.get(status, _LATER).format(token=ui.safe(token_env))


_ADVICE: Final = {
    300: "Braze does not follow redirects. Give it the URL that this one leads to.",
    400: (
        "The endpoint cannot read the request. Answer 200 to a batch with malformed "
        "events, and store those: Braze drops events after a second 400."
    ),
    401: "The endpoint does not know the token. Compare it with the one in {token}.",
    403: "The endpoint, or a proxy before it, forbids the request. Let POST through.",
    404: "Nothing accepts events at this path. Compare it with the endpoint's path.",
    405: "Nothing accepts a POST at this path. Compare it with the endpoint's path.",
    413: "The endpoint rejects bodies of this size. Raise its limit to 16 MiB.",
}

_LATER: Final = (
    "The endpoint asks Braze to retry, which disables the integration after 5 days. "
    "Check the log of the endpoint."
)
