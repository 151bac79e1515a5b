"""``braze-heap check``: whether everything is in place, before anything is sent."""

import contextlib
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import click
from rich.console import Group, RenderableType
from rich.text import Text

from braze_heap import Transformer
from braze_heap.cli import _console as ui
from braze_heap.cli._options import (
    Setup,
    json_option,
    seconds_option,
    transformer_options,
)
from braze_heap.cli._sinks import (
    API_KEY,
    SILENTLY,
    HeapTarget,
    dead_letter_option,
    describe_sink,
    file_of,
    open_sink_or_exit,
    open_store,
    sink_option,
)
from braze_heap.receiver import Tokens
from braze_heap.sinks import Sink
from braze_heap.state import MAX_BYTES, SqliteDeadLetter

if TYPE_CHECKING:
    from braze_heap.heap import HeapOptions, HeapSink

TOKEN_VARIABLE: Final = "BRAZE_TOKEN"  # noqa: S105 (a name)

_NEARLY_FULL: Final = 0.9
"""Share of its cap from which on a dead letter is a problem."""


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
        braze-heap check --sink 'heap:?app_id=11' --dead-letter dead.db --json
        """,
        one="there is a problem",
        zero="all is well",
    ),
)
@transformer_options
@sink_option("A sink to look at; see `braze-heap send --help`.")
@dead_letter_option("A dead letter to look at.", type=click.Path(path_type=Path))
@click.option(
    "--token-env",
    metavar="NAME",
    help="Environment variable with the bearer token of `serve` to look at. "
    f"[default: {TOKEN_VARIABLE}, if it is set]",
)
@seconds_option(
    "--timeout", 5.0, "How long the host may take to answer.", min=0, min_open=True
)
@json_option
def check(
    spec: str | None,
    store: Path | None,
    max_bytes: int | None,
    token_env: str | None,
    timeout: float,
    as_json: bool,
    **options: Any,
) -> None:
    """
    Look at configuration, sink, host and dead letter, and say what to do.

    No event is sent, and nothing is written. The host of Heap gets one request without
    content (HEAD), on the road that events take.
    """
    if max_bytes and not store:
        raise click.UsageError("--max-bytes is for --dead-letter.")
    findings = [*_findings(spec, timeout, options), *_tokens(token_env)]
    if store is not None:
        most = max_bytes or MAX_BYTES
        findings += _looked_at("dead letter", lambda: [_dead_letter(store, most)])
    is_well = all(finding.ok for finding in findings)
    checks = [attrs.asdict(finding) for finding in findings]
    with ui.exit_on_broken_pipe():
        ui.show_result(
            lambda: _view(findings),
            lambda: {"ok": is_well, "checks": checks},
            ui.console("stdout"),
            as_json=as_json,
        )
    sys.exit(int(not is_well))


def _findings(
    spec: str | None, timeout: float, options: dict[str, Any]
) -> Iterator[Finding]:
    transformer, findings = _configuration(options)
    yield from findings
    if spec is not None:
        yield from _looked_at("sink", lambda: _sink(spec, transformer, timeout))


def _configuration(options: dict[str, Any]) -> tuple[Transformer, list[Finding]]:
    """
    Return the transformer, and the findings about it. Events that this version does not
    have are a problem here, a warning elsewhere; a personal field may be newer than its
    class.
    """
    flaws: list[str] = []
    said: list[str] = []
    transformer = Transformer()
    with warnings.catch_warnings(record=True, action="always") as caught:
        try:
            setup = Setup.of(**options)
            transformer = setup.transformer()
            said = [f"{name} = {value}" for name, value in setup.described(transformer)]
            if setup.spec is None:  # a team's own one can set more
                said.append("all else by default")
        except ui.UnusableError as error:
            flaws.append(error.message)
        except (ValueError, TypeError, OSError) as error:
            flaws.append(str(error))
    for warning in caught:
        if not issubclass(warning.category, UserWarning):
            continue
        if str(warning.message).startswith("No event class has a field"):
            click.echo(f"Warning: {ui.safe(str(warning.message), 1_000)}", err=True)
        else:
            flaws.append(str(warning.message))
    if not flaws:
        return transformer, [Finding("configuration", ui.safe("; ".join(said), 2_000))]
    advice = "See docs/reference/configuration.md for all options."
    return transformer, [
        Finding("configuration", ui.safe(flaw, 1_000), advice, ok=False)
        for flaw in flaws
    ]


def _looked_at(name: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """
    Yield what *look* returns; if a path cannot be looked at, that is a problem, too.
    """
    try:
        yield from look()
    except (OSError, ValueError) as error:
        path = os.fsdecode(getattr(error, "filename", None) or "the path")
        flaw = f"{path}: {getattr(error, 'strerror', None) or error}"
        advice = "Check the permissions of the file and of the folders above it."
        yield Finding(name, ui.safe(flaw, 500), advice, ok=False)


def _sink(spec: str, transformer: Transformer, timeout: float) -> Iterator[Finding]:
    path = file_of(spec)
    if path is not None and path.exists():
        yield _existing(path, spec)
        return
    try:
        sink = open_sink_or_exit(spec)
    except ui.UnusableError as error:
        advice = "See `braze-heap send --help` for how a sink is written."
        yield Finding("sink", ui.safe(error.message, 1_000), advice, ok=False)
        return
    with contextlib.closing(sink):
        yield from _of_sink(sink, spec, transformer, timeout)
    if path is not None:
        path.unlink(missing_ok=True)


def _existing(path: Path, spec: str) -> Finding:
    """Look at a file without opening it: that could end a line in it."""
    is_well = path.is_file() and os.access(path, os.W_OK)
    advice = "" if is_well else "Make it writable, or name another file."
    return Finding("sink", describe_sink(spec, None), advice, ok=is_well)


def _of_sink(
    sink: Sink, spec: str, transformer: Transformer, timeout: float
) -> Iterator[Finding]:
    target = HeapTarget.of(sink)
    yield Finding("sink", describe_sink(spec, target))
    if target is None:
        return
    yield Finding("app id", ui.safe(target.options.app_id), SILENTLY)
    yield _host(cast("HeapSink", sink), target, timeout)
    yield Finding("limits", _limits(target.options))
    yield _api_key(target, transformer)


def _host(sink: "HeapSink", target: HeapTarget, timeout: float) -> Finding:
    """
    Ask for the host as events do, through the proxy and the certificates of the sink.
    """
    try:
        answer = sink._client.head(target.host, timeout=timeout)
    except Exception as error:
        flaw = f"{target.host} is not reached: {type(error).__name__}"
        advice = (
            "Look at region and base_url, name service, firewall and certificates. "
            "Behind a proxy add trust_env=1 to the sink."
        )
        return Finding("host", ui.safe(f"{flaw}, {error}", 500), advice, ok=False)
    return Finding("host", f"{target.host} answers ({answer.status_code})")


def _limits(options: "HeapOptions") -> str:
    return (
        f"{options.events_a_minute:,} events a minute, "
        f"{options.identity_events_a_minute:,} of each identity; "
        f"{options.deadline:g} s for a batch, {options.timeout:g} s for a request; "
        f"{options.max_bytes:,} bytes a request"
    )


def _api_key(target: HeapTarget, transformer: Transformer) -> Finding:
    if target.options.api_key:
        return Finding("API key", "set")
    if not transformer._deletions:
        return Finding("API key", "not set; only deletions need one")
    advice = f"Set the environment variable {API_KEY}."
    flaw = "not set, but the configuration has deletions"
    return Finding("API key", flaw, advice, ok=False)


def _dead_letter(path: Path, max_bytes: int) -> Finding:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path)
    try:
        with open_store(path, max_bytes=max_bytes) as store:
            store.append(())
            return _held(path, store, max_bytes)
    except ui.UnusableError as error:
        return Finding("dead letter", error.message, ok=False)


def _tokens(name: str | None) -> Iterator[Finding]:
    """Look at the tokens of `serve`, if there are any; none of them is shown."""
    if name is None and not os.environ.get(TOKEN_VARIABLE):
        return
    name = name or TOKEN_VARIABLE
    try:
        weakness = Tokens.from_env(name).weakness()
    except ValueError as error:
        advice = "For a new one: openssl rand -hex 32"
        yield Finding("token", str(error), advice, ok=False)
    else:
        yield Finding("token", f"{name} is set", f"It {weakness}" if weakness else "")


def _missing(path: Path) -> Finding:
    folder = path.absolute().parent
    if folder.is_dir() and os.access(folder, os.W_OK):
        return Finding("dead letter", f"{path} will be created when needed")
    advice = "Make the directory, or make it writable."
    return Finding("dead letter", f"{folder} cannot be written", advice, ok=False)


def _held(path: Path, store: SqliteDeadLetter, max_bytes: int) -> Finding:
    size, records = store.used_bytes(), store.stats().records
    held = f"{path} holds {ui.plural(records, 'dead letter')}"
    detail = f"{held}, {size:,} of {max_bytes:,} bytes"
    is_well = size < _NEARLY_FULL * max_bytes
    command = f"braze-heap dead-letters list {shlex.quote(str(path))}"
    advice = "" if not records else f"`{command}` says why; replay or purge them."
    return Finding("dead letter", detail, advice, ok=is_well)


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
