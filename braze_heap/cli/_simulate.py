"""
``braze-heap simulate``: what Braze would make of an endpoint, before it is asked to.
"""

import contextlib
import ipaddress
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import click
from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from braze_heap.cli._console import (
    INTERRUPTED,
    UnusableError,
    console,
    exit_on_broken_pipe,
    grid,
    heading,
    indented,
    plural,
    safe,
    show,
)
from braze_heap.testing import SimulatedBraze, make_malformed, make_traffic
from braze_heap.testing._endpoint import post_to
from braze_heap.testing.simulated_braze import Fate, Simulation

_EPILOG = """\b
Examples:
  braze-heap simulate http://127.0.0.1:8000/currents
  BRAZE_TOKEN=... braze-heap simulate https://currents.example.com/ --events 2000
  braze-heap simulate https://currents.example.com/ --malformed 20 --yes

\b
Exit status:
  0  Braze would treat every event as delivered
  1  it would not, or the endpoint cannot be reached
  2  an option is wrong, or you did not agree
  130  stopped by Ctrl-C
"""

USER_PREFIX: Final = "braze-heap-test-"
"""Prefix of the external user ids of all test events."""

_DAY: Final = 86_400

_SHARE: Final = click.FloatRange(0, 1)


class EndpointError(click.ClickException):
    """The endpoint rejects a request without events."""

    exit_code = 1


def _checked(_: click.Context, __: click.Parameter, url: str) -> str:
    try:
        post_to(url, None)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return url


@click.command(epilog=_EPILOG, short_help="Try an endpoint, as Braze would use it.")
@click.argument("url", callback=_checked)
@click.option(
    "--token-env",
    metavar="NAME",
    default="BRAZE_TOKEN",
    show_default=True,
    help="Environment variable with the bearer token, or several of which the first is "
    "sent. If it is not set, you are asked on a terminal; elsewhere none is sent.",
)
@click.option(
    "--events",
    "number",
    metavar="N",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="Number of test events.",
)
@click.option(
    "--malformed",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of malformed events to mix in.",
)
@click.option(
    "--seed",
    metavar="N",
    type=int,
    default=1,
    show_default=True,
    help="Random seed. The same seed gives the same event ids.",
)
@click.option(
    "--lose-answers",
    metavar="SHARE",
    type=_SHARE,
    default=0.05,
    show_default=True,
    help="Share of the answers to throw away, so that their events come again.",
)
@click.option(
    "--send-twice",
    metavar="SHARE",
    type=_SHARE,
    default=0.05,
    show_default=True,
    help="Share of the events to send twice.",
)
@click.option(
    "--rate",
    metavar="N",
    type=click.FloatRange(min=0, min_open=True),
    default=math.inf,
    show_default="no pauses",
    help="Events a second.",
)
@click.option(
    "--patience",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="Seconds to keep trying. Braze tries for 5 days.",
)
@click.option("--yes", is_flag=True, help="Do not ask before sending to other hosts.")
def simulate(
    url: str,
    token_env: str,
    number: int,
    malformed: int,
    seed: int,
    lose_answers: float,
    send_twice: float,
    rate: float,
    patience: float,
    yes: bool,
) -> None:
    """
    Send test events to URL, the way that Braze's custom HTTP connector does.

    They go to wherever the endpoint delivers: the external user id of each begins with
    "braze-heap-test-". A request without events comes first; nothing else is sent
    unless that is taken. Redirects are not followed.
    """
    _confirm(url, plural(number + malformed, "test event"), is_agreed=yes)
    braze = SimulatedBraze(
        token=_token(token_env),
        seed=seed,
        lose_answers=lose_answers,
        send_twice=send_twice,
        probes=2,
        rate=rate,
    )
    _probe(braze, url, token_env)
    live = _sent(braze, _events(number, malformed, seed), url, patience)
    with exit_on_broken_pipe("stdout"):
        show(_view(live, token_env), console("stdout"))
    is_well = live.simulation.fates[Fate.DELIVERED] == len(live.simulation.events)
    sys.exit(INTERRUPTED if live.is_interrupted else int(not is_well))


def _confirm(url: str, what: str, *, is_agreed: bool) -> None:
    """
    Ask before *what* goes to another machine, unless it *is_agreed*.

    Raises:
        UnusableError: The answer is no, or there is nobody to ask.
    """
    parts = urlsplit(url)
    if is_agreed or is_here(parts.hostname or ""):
        return
    host = safe(parts.hostname or "", 200)
    click.echo(
        f"{what.capitalize()} will go to {host}, and on to where it delivers: to Heap, "
        f"if it does. Their users begin with {USER_PREFIX}.",
        err=True,
    )
    if parts.scheme == "http":
        click.echo("http is not encrypted: others can read the token.", err=True)
    if not sys.stdin.isatty():
        raise UnusableError(
            "stdin is not a terminal, so nothing was sent. Pass --yes to skip the "
            "confirmation."
        )
    if not click.confirm("Send them?", err=True):
        raise UnusableError("not confirmed, and nothing was sent")


def is_here(host: str) -> bool:
    """Return whether *host* is this machine."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _token(name: str) -> str | None:
    if tokens := os.environ.get(name, "").split():
        return tokens[0]
    if not sys.stdin.isatty():
        click.echo(f"Note: {safe(name)} is not set, so no token is sent.", err=True)
        return None
    asked = "Token (empty for none)"
    given: str = click.prompt(asked, "", hide_input=True, show_default=False, err=True)
    return given or None


def _events(number: int, malformed: int, seed: int) -> list[Any]:
    yesterday = time.time() // 1 - _DAY
    events: list[Any] = list(
        make_traffic(number, seed=seed, start=yesterday, user_prefix=USER_PREFIX)
    )
    chance = random.Random(seed)  # noqa: S311 (no secret)
    for event in make_malformed(malformed, seed=seed, user_prefix=USER_PREFIX):
        events.insert(chance.randint(0, len(events)), event)
    return events


def _probe(braze: SimulatedBraze, url: str, token_env: str) -> None:
    alone = attrs.evolve(braze, probes=1, lose_answers=0)
    try:
        probe = alone.send((), url, limit=0)
    except ValueError as error:
        raise UnusableError(str(error)) from None
    for failure in probe.failures:
        raise EndpointError(f"no answer ({failure}). {_reason(failure)}")
    for status in probe.statuses:
        if not 200 <= status < 300:
            raise EndpointError(f"answer {status}. {_advice(status, token_env)}")


@attrs.define
class _Live:
    """State of the simulation, also after Ctrl-C."""

    simulation: Simulation
    is_interrupted: bool = False


def _sent(braze: SimulatedBraze, events: list[Any], url: str, patience: float) -> _Live:
    live = _Live(braze.send(events, lambda _: None, limit=-1))
    with _bar(len(events)) as advance:

        def watch(simulation: Simulation) -> None:
            live.simulation = simulation
            advance(len(events) - simulation.fates[Fate.PENDING])

        try:
            braze.send(events, url, limit=patience, watch=watch)
        except KeyboardInterrupt:
            live.is_interrupted = True
    return live


@contextlib.contextmanager
def _bar(total: int) -> Iterator[Callable[[int], object]]:
    err = console("stderr")
    if not err.is_terminal:
        yield lambda _: None
        return
    with Progress(
        TextColumn("Decided"),
        BarColumn(),
        MofNCompleteColumn(),
        console=err,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


def _view(live: _Live, token_env: str) -> Group:
    done = live.simulation
    note = [Text("Stopped by Ctrl-C. Processed before that:", "bold red")]
    return Group(
        *note if live.is_interrupted else (),
        Text(
            f"{plural(len(done.events), 'event')} in "
            f"{plural(done.requests, 'request')}, {done.seconds:,.1f} s"
        ),
        *_answers_view(done),
        heading("Status of the events in Braze"),
        indented(_fates_view(done)),
        Text(f"\n{_verdict(done, token_env)}", "bold"),
    )


def _answers_view(done: Simulation) -> Iterator[RenderableType]:
    yield heading("Answers")
    table = grid("_answer", "_count", right=("_count",))
    for status, count in sorted(done.statuses.items()):
        table.add_row(str(status), f"{count:,}")
    for failure, count in done.failures.items():
        table.add_row(f"none ({failure})", f"{count:,}")
    yield indented(table)
    if done.answers_lost:
        lost = plural(done.answers_lost, "answer")
        yield Text(f"  {lost} discarded on purpose; their events were sent again")


def _fates_view(done: Simulation) -> RenderableType:
    table = grid("_fate", "_count", "_meaning", right=("_count",))
    for fate in Fate:
        count = done.fates[fate]
        table.add_row(fate.value, f"{count:,}", _FATES[fate] if count else "")
    return table


_FATES: Final = {
    Fate.DELIVERED: "the endpoint accepted them; never sent again",
    Fate.DROPPED: "the endpoint rejects them, even alone; lost",
    Fate.ABANDONED: "Braze stopped and emails you; not sent again",
    Fate.PENDING: "not accepted yet; Braze retries for 5 days, unless it stopped",
}


def _verdict(done: Simulation, token_env: str) -> str:
    missed = [one for one in done.outcomes if one.fate is not Fate.DELIVERED]
    if not missed:
        return "OK: Braze would treat every event as delivered."
    if done.stopped_by is not None:
        return f"FAILED: {_advice(done.stopped_by, token_env)}"
    known = next((one.status for one in missed if one.status is not None), None)
    if known is None:
        return "FAILED: The endpoint did not answer. Check its log."
    return f"FAILED: answer {known}. {_advice(known, token_env)}"


def _advice(status: int, token_env: str) -> str:
    if 300 <= status < 400:
        return (
            "The endpoint redirects, and Braze is not known to follow. "
            "Give Braze the URL that this one leads to."
        )
    return _ADVICE.get(status, _LATER).format(token=safe(token_env))


_ADVICE: Final = {
    400: (
        "The endpoint cannot read the request. Answer 200 to a batch with malformed "
        "events, and store those: Braze drops events after a second 400."
    ),
    401: "The endpoint does not know the token. Compare it with the one in {token}.",
    403: (
        "The endpoint, or a proxy before it, forbids the request. "
        "Let POST through from everywhere that Braze sends from."
    ),
    404: "Nothing accepts events at this path. Compare it with the endpoint's path.",
    405: "Nothing accepts a POST at this path. Compare it with the endpoint's path.",
    413: "The endpoint rejects bodies of this size. Raise its limit to 16 MiB.",
}

_LATER: Final = (
    "The endpoint asks Braze to retry, which disables the integration after 5 days. "
    "Check the log of the endpoint."
)


def _reason(failure: str) -> str:
    if failure not in _FAILURES and failure.startswith("SSL"):
        failure = "SSLError"
    return _FAILURES.get(failure, "Is it reachable from here? Check its log.")


_FAILURES: Final = {
    "ConnectionRefusedError": "Nothing listens there. Start it, or correct the URL.",
    "ConnectionResetError": "It closed the connection. Check port and scheme.",
    "RemoteDisconnected": "It closed the connection. Check port and scheme.",
    "BadStatusLine": "The answer is not HTTP. Check port and scheme.",
    "SSLCertVerificationError": (
        "Its certificate is not trusted here. Braze needs one of a public authority, "
        "for this host, that has not expired, with the whole chain."
    ),
    "SSLError": "TLS failed. Is that the right port, and https?",
    "TimeoutError": "It took too long. Is it reachable from here?",
    "gaierror": "The host has no address. Correct the URL.",
}
