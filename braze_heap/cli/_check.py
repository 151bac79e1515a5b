"""``braze-heap check``: whether everything is in place, before anything is sent."""

import contextlib
import os
import shlex
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap import Transformer
from braze_heap.cli import _console as ui
from braze_heap.cli import _sinks as sinks
from braze_heap.cli._options import (
    NEW_TOKEN,
    TOKEN_VARIABLE,
    Setup,
    json_option,
    never_over_http,
    option,
    token_env_option,
    transformer_options,
)
from braze_heap.events._catalog import category_of
from braze_heap.heap._pacing import EVENTS_A_MINUTE, IDENTITY_EVENTS_A_MINUTE
from braze_heap.mapping._policies import DELETION
from braze_heap.receiver import Tokens
from braze_heap.state import MAX_BYTES, SqliteState

if TYPE_CHECKING:
    from braze_heap.heap import HeapSink

_STORAGE_ALONE: Final = (
    f"{DELETION} arrives in storage files alone: send these, for `serve` never gets it."
)

_NEARLY_FULL: Final = 0.9
"""Share of their cap from which on dead letters are a problem."""


@attrs.frozen
class Finding:
    """
    One thing that was looked at.

    Attributes:
        check: What.
        detail: What was found.
        advice: What to do, or to know.
        ok: Whether it is well.
    """

    check: str
    detail: str
    advice: str = ""
    ok: bool = True


@click.command(
    short_help="See whether everything is in place.",
    epilog=ui.epilog(
        """
        braze-heap check
        braze-heap check --config service.toml --sink 'heap:?app_id=11&region=eu'
        braze-heap check --sink 'heap:?app_id=11' --state state.db --json
        """,
        one="there is a problem",
        zero="all is well",
    ),
)
@transformer_options
@sinks.sink_option("A sink to look at; see `braze-heap send --help`.")
@sinks.state_option("A state file or database to look at.", type=sinks.place_of)
@token_env_option(
    "the bearer token of `serve` to look at. "
    f"[default: {TOKEN_VARIABLE}, if it is set]",
)
@option(
    "--timeout SECONDS",
    "Maximum seconds for an answer of the host.",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
)
@json_option
def check(
    spec: str | None,
    state: sinks.StatePlace | None,
    max_bytes: int | None,
    token_env: str | None,
    timeout: float,
    as_json: bool,
    **options: Any,
) -> None:
    """
    Look at configuration, sink, host and state, and show what to do.

    No event is sent. Nothing is written, except the tables of a database. The host of
    Heap gets one request without content (HEAD), through the same proxy as events.
    """
    if max_bytes and not state:
        raise click.UsageError("--max-bytes is for --state.")
    transformer, findings = _configuration(options)
    if spec is not None:
        findings += _guarded("sink", _sink(spec, transformer, timeout))
    findings += _tokens(token_env)
    if state is not None:
        findings += _guarded("state", _state(state, max_bytes))
    is_well = all(finding.ok for finding in findings)
    result = {"ok": is_well, "checks": [attrs.asdict(finding) for finding in findings]}
    ui.print_result(lambda: _view(findings), lambda: result, as_json=as_json)
    sys.exit(int(not is_well))


def _problem(check: str, detail: str, advice: str = "") -> Finding:
    return Finding(check, ui.safe(detail, 1_000), advice, ok=False)


def _configuration(options: dict[str, Any]) -> tuple[Transformer, list[Finding]]:
    """
    Return the transformer, and the findings about it.

    Unknown events are a problem here, and a warning elsewhere. Unknown personal fields
    are a warning, because they may be newer than the classes.
    """
    flaws: list[str] = []
    values: list[str] = []
    transformer = Transformer()
    with warnings.catch_warnings(record=True, action="always") as caught:
        try:
            setup = Setup.of(**options)
            transformer = setup.transformer()
            described = setup.described(transformer)
            values = [f"{name} = {value}" for name, value in described]
            if setup.spec is None:  # a team's own one can set more
                values.append("all else by default")
        except ui.UnusableError as error:
            flaws.append(error.message)
        except (ValueError, TypeError, OSError) as error:
            flaws.append(str(error))
    for warning in caught:
        if not issubclass(warning.category, UserWarning):
            continue
        if str(warning.message).startswith("No event class has a field"):
            ui.show_warning(warning.message)
        else:
            flaws.append(str(warning.message))
    name, advice = "configuration", "See docs/reference/configuration.md."
    findings = [_problem(name, flaw, advice) for flaw in flaws]
    if not values:
        return transformer, findings
    findings = findings or [Finding(name, ui.safe("; ".join(values), 2_000))]
    if transformer._deletions:
        findings.append(Finding("deletions", "enabled", _STORAGE_ALONE))
    return transformer, [*findings, _selection(transformer)]


def _selection(transformer: Transformer) -> Finding:
    """Return how many event types of each category are sent, and what never comes."""
    policies = transformer._policies
    selected, every = Counter[str](), Counter[str]()
    for event_type in policies.options.event_types:
        category = category_of(event_type)
        every[category] += 1
        selected[category] += policies.selects(event_type)
    shares = [f"{selected[name]} of {number} {name}" for name, number in every.items()]
    detail = f"event types: {', '.join(shares)}"
    selection = policies.selection
    if selection is None:
        return Finding("events", f"{detail}; and unknown types")
    future = ", ".join(selection.future_types)
    notes = [
        *["User properties that other events state are sent, too."]
        * bool(selection.included and policies.options.user_properties == "all"),
        *[f"This version has no class for {future}."] * bool(future),
        *never_over_http(transformer),
    ]
    return Finding("events", detail, ui.safe(" ".join(notes), 2_000), ok=not future)


def _guarded(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield *findings*; a path that cannot be looked at is a problem, too."""
    try:
        yield from findings
    except (OSError, ValueError) as error:
        path = os.fsdecode(getattr(error, "filename", None) or "the path")
        flaw = f"{path}: {getattr(error, 'strerror', None) or error}"
        yield _problem(name, flaw, ui.PERMISSIONS)


def _sink(spec: str, transformer: Transformer, timeout: float) -> Iterator[Finding]:
    path = sinks.file_of(spec)
    if path is not None and path.exists():  # opening it could end a line in it
        is_well = path.is_file() and os.access(path, os.W_OK)
        advice = "" if is_well else "Make it writable, or name another file."
        yield Finding("sink", sinks.describe_sink(spec, None), advice, ok=is_well)
        return
    try:
        sink = sinks.open_sink_or_exit(spec)
    except ui.UnusableError as error:
        advice = "See `braze-heap send --help` for how a sink is written."
        yield _problem("sink", error.message, advice)
        return
    with contextlib.closing(sink):
        target = sinks.HeapTarget.of(sink)
        yield Finding("sink", sinks.describe_sink(spec, target))
        if target is not None:
            yield from _heap(cast("HeapSink", sink), target, transformer, timeout)
    if path is not None:
        path.unlink(missing_ok=True)


def _heap(
    sink: "HeapSink", target: sinks.HeapTarget, transformer: Transformer, timeout: float
) -> Iterator[Finding]:
    options = target.options
    yield Finding("app id", ui.safe(options.app_id), sinks.SILENTLY)
    try:  # as events do, through the proxy and the certificates of the sink
        answer = sink._client.head(target.host, timeout=timeout)
        yield Finding("host", f"{target.host} answers ({answer.status_code})")
    except Exception as error:
        flaw = f"{target.host} is not reached: {type(error).__name__}, {error}"
        advice = (
            "Look at region and base_url, name service, firewall and certificates. "
            "Behind a proxy add trust_env=1 to the sink."
        )
        yield _problem("host", flaw, advice)
    of_identity = options.identity_events_a_minute or IDENTITY_EVENTS_A_MINUTE
    limits = (
        f"{options.events_a_minute or EVENTS_A_MINUTE:,} events a minute, "
        f"{of_identity:,} of each identity; "
        f"{options.deadline:g} s for a batch, {options.timeout:g} s for a request; "
        f"{options.max_bytes:,} bytes a request"
    )
    yield Finding("limits", limits)
    if options.api_key:
        yield Finding("API key", "set")
    elif not transformer._deletions:
        yield Finding("API key", "not set; only deletions need one")
    else:
        advice = f"Set the environment variable {sinks.API_KEY}."
        flaw = "not set, but the configuration has deletions"
        yield _problem("API key", flaw, advice)


def _tokens(name: str | None) -> Iterator[Finding]:
    """Look at the tokens of `serve`, if there are any; none of them is shown."""
    if name is None and not os.environ.get(TOKEN_VARIABLE):
        return
    name = name or TOKEN_VARIABLE
    try:
        weakness = Tokens.from_env(name).weakness()
    except ValueError as error:
        yield _problem("token", str(error), NEW_TOKEN)
    else:
        yield Finding("token", f"{name} is set", f"It {weakness}" if weakness else "")


def _state(path: sinks.StatePlace, max_bytes: int | None) -> Iterator[Finding]:
    name = "state"
    if isinstance(path, Path) and not _exists(path):
        folder = path.absolute().parent
        if folder.is_dir() and os.access(folder, os.W_OK):
            yield Finding(name, f"{path} will be created when needed")
        else:
            advice = "Make the directory, or make it writable."
            yield _problem(name, f"{folder} cannot be written", advice)
        return
    size, cap = 0, max_bytes or MAX_BYTES
    try:
        with sinks.open_state(path, max_bytes=max_bytes) as state:
            state.dead_letter.ready()
            records = state.dead_letter.stats().records
            if isinstance(state, SqliteState):
                size = state.dead_letter.used_bytes()
    except ui.UnusableError as error:
        yield _problem(name, error.message)
        return
    number = ui.plural(records, "dead letter")
    used = f", {size:,} of {cap:,} bytes" if isinstance(path, Path) else ""
    command = f"braze-heap dead-letters list {shlex.quote(str(path))}"
    yield Finding(
        name,
        f"{path} holds {number}{used}",
        f"`{command}` lists the reasons; replay or purge them." if records else "",
        ok=size < _NEARLY_FULL * cap,
    )


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _view(findings: list[Finding]) -> RenderableType:
    states = {True: Text("OK", "green"), False: Text("PROBLEM", "bold red")}
    rows = [
        (
            states[finding.ok],
            finding.check,
            Text("\n".join(filter(None, (finding.detail, finding.advice)))),
        )
        for finding in findings
    ]
    problems = sum(not finding.ok for finding in findings)
    end = ui.plural(problems, "problem") if problems else "Everything is fine."
    return Group(ui.rows_view(rows), Text(f"\n{end}"))
