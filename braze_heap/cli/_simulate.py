"""``braze-heap simulate``: try an endpoint as Braze would use it."""

import math
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._progress import progress
from braze_heap.testing import SimulatedBraze, make_malformed, make_traffic
from braze_heap.testing.simulated_braze import Fate, Simulation

USER_PREFIX: Final = "braze-heap-test-"
"""Prefix of the external user ids of all test events."""

FAULTS: Final[Mapping[str, float]] = MappingProxyType(
    {"lose_answers": 0.05, "send_twice": 0.05}
)
"""Shares of the answers and events with a fault, by default and in the demo."""

PROBES: Final = 2
"""Requests without events."""

_DAY: Final = 86_400


class EndpointError(click.ClickException):
    """The endpoint rejects a request without events."""

    exit_code = 1


def _checked(_: click.Context, __: click.Parameter, url: str) -> str:
    try:
        SimulatedBraze().send((), url, limit=-1)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return url


_POSITIVE: Final = click.FloatRange(min=0, min_open=True)
_SHARE: Final = click.FloatRange(0, 1)

behavior_options: Final = opts.group(
    "braze",
    lambda **values: SimulatedBraze(probes=PROBES, **values),
    opts.seed_option,
    opts.option(
        "--lose-answers SHARE",
        "Share of the answers to throw away, so that their events come again.",
        type=_SHARE,
        default=FAULTS["lose_answers"],
    ),
    opts.option(
        "--send-twice SHARE",
        "Share of the events to send twice.",
        type=_SHARE,
        default=FAULTS["send_twice"],
    ),
    opts.option(
        "--rate N",
        "Events a second.",
        type=_POSITIVE,
        default=math.inf,
        show_default="no pauses",
    ),
)


@click.command(
    short_help="Try an endpoint, as Braze would use it.",
    epilog=ui.epilog(
        """
        braze-heap simulate http://127.0.0.1:8000/currents
        BRAZE_TOKEN=... braze-heap simulate https://example.com/ --events 2000
        braze-heap simulate https://currents.example.com/ --malformed 20 --yes
        """,
        one="it would not, or the endpoint cannot be reached",
        zero="Braze would treat every event as delivered",
    ),
)
@click.argument("url", callback=_checked)
@opts.option(
    "--token-env NAME",
    "Environment variable with the bearer token, or several of which the first is "
    "sent. If it is not set, you are asked on a terminal; elsewhere none is sent.",
    default=opts.TOKEN_VARIABLE,
)
@opts.option(
    "--events number N", "Number of test events.", type=click.IntRange(1), default=500
)
@opts.option(
    "--malformed N",
    "Number of malformed events to mix in.",
    type=click.IntRange(0),
    default=0,
)
@behavior_options
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
    braze: SimulatedBraze,
    patience: float,
    yes: bool,
    as_json: bool,
) -> None:
    """
    Send test events to URL, the way that Braze's custom HTTP connector does.

    They go to wherever the endpoint delivers: the external user id of each begins with
    "braze-heap-test-". A request without events comes first; nothing else is sent
    unless that is accepted. Redirects are not followed.
    """
    _confirm(url, ui.plural(number + malformed, "test event"), is_agreed=yes)
    braze = attrs.evolve(braze, token=_token(token_env))
    _probe(braze, url, token_env)
    events = mixed_events(
        make_traffic(
            number,
            seed=braze.seed,
            start=time.time() // 1 - _DAY,
            user_prefix=USER_PREFIX,
        ),
        make_malformed(malformed, seed=braze.seed, user_prefix=USER_PREFIX),
        braze.seed,
    )
    result = attrs.evolve(_send(braze, events, url, patience), token_env=token_env)
    ui.print_result(result.view, result.to_dict, as_json=as_json)
    sys.exit(ui.INTERRUPTED if result.is_interrupted else int(not result.is_good))


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
    """
    Send a request without events.

    Raises:
        UnusableError: The token is not valid.
        EndpointError: The endpoint does not accept the request.
    """
    try:
        probe = attrs.evolve(braze, probes=1, lose_answers=0).send((), url, limit=0)
    except ValueError as error:
        raise ui.UnusableError(str(error)) from None
    for failure in probe.failures:
        raise EndpointError(f"no answer ({failure}). {failure_advice(failure)}")
    for status in probe.statuses:
        if not 200 <= status < 300:
            raise EndpointError(f"answer {status}. {_advice(status, token_env)}")


def _send(
    braze: SimulatedBraze, events: list[Any], url: str, patience: float
) -> "SimulationResult":
    latest = braze.send(events, lambda _: None, limit=-1)
    decided = 0
    with progress("Sending", len(events), ui.console("stderr")) as shown:

        def watch(simulation: Simulation) -> None:
            nonlocal latest, decided
            latest = simulation
            before, decided = decided, len(events) - simulation.fates[Fate.PENDING]
            shown.done = decided
            shown.add_events(decided - before)

        try:
            braze.send(events, url, limit=patience, watch=watch)
        except KeyboardInterrupt:
            return SimulationResult(latest, is_interrupted=True)
    return SimulationResult(latest)


@attrs.frozen
class SimulationResult:
    """A simulation, whether Ctrl-C ended it, and the variable of the token."""

    simulation: Simulation
    is_interrupted: bool = False
    token_env: str = ""

    @property
    def is_good(self) -> bool:
        """Whether every event was delivered."""
        done = self.simulation
        return done.fates[Fate.DELIVERED] == len(done.events)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        done = self.simulation
        return {
            "ok": self.is_good,
            "finished": not self.is_interrupted,
            "verdict": self._verdict(),
            "events": len(done.events),
            "requests": done.requests,
            "seconds": round(done.seconds, 3),
            "answers": {str(status): n for status, n in done.statuses.items()},
            "failures": dict(done.failures),
            "answers_lost": done.answers_lost,
            "fates": {fate.value: done.fates[fate] for fate in Fate},
        }

    def view(self) -> Group:
        """Return the result as text."""
        done = self.simulation
        note = [Text("Stopped by Ctrl-C. Processed before that:", "bold red")]
        fates = [
            (fate.value, done.fates[fate], _FATES[fate] if done.fates[fate] else "")
            for fate in Fate
        ]
        return Group(
            *note * self.is_interrupted,
            Text(
                f"{ui.plural(len(done.events), 'event')} in "
                f"{ui.plural(done.requests, 'request')}, {done.seconds:,.1f} s"
            ),
            *self._answers_view(),
            *ui.section("Status of the events in Braze", fates),
            Text(f"\n{self._verdict()}", "bold"),
        )

    def _answers_view(self) -> Iterator[RenderableType]:
        done = self.simulation
        rows = [(str(status), n) for status, n in sorted(done.statuses.items())]
        rows += [(f"none ({failure})", n) for failure, n in done.failures.items()]
        yield from ui.section("Answers", rows)
        if done.answers_lost:
            lost = ui.plural(done.answers_lost, "answer")
            yield Text(f"  {lost} discarded on purpose; their events were sent again")

    def _verdict(self) -> str:
        done = self.simulation
        missed = [one for one in done.outcomes if one.fate is not Fate.DELIVERED]
        if not missed:
            return "OK: Braze would treat every event as delivered."
        if done.stopped_by is not None:
            return f"FAILED: {_advice(done.stopped_by, self.token_env)}"
        known = next((one.status for one in missed if one.status is not None), None)
        if known is None:
            return "FAILED: The endpoint did not answer. Check its log."
        return f"FAILED: answer {known}. {_advice(known, self.token_env)}"


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
    300: (
        "The endpoint redirects, and Braze is not known to follow. "
        "Give Braze the URL that this one leads to."
    ),
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


def failure_advice(failure: str) -> str:
    """Return what to do about a request without an answer."""
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
