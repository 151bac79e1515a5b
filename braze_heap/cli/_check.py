"""``braze-heap check``: whether everything is in place, before anything is sent."""

import contextlib
import functools
import os
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import attrs
import click
from rich.text import Text

from braze_heap import Transformer
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli import _sinks as sinks
from braze_heap.cli._report import Section, print_result
from braze_heap.config import Config
from braze_heap.events._catalog import category_of
from braze_heap.heap._pacing import EVENTS_A_MINUTE, IDENTITY_EVENTS_A_MINUTE
from braze_heap.mapping._policies import DELETION
from braze_heap.state import SqliteState
from braze_heap.storage import find
from braze_heap.storage._objects import shown

if TYPE_CHECKING:
    from braze_heap.heap import HeapSink

_STORAGE_ONLY: Final = (
    f"{DELETION} arrives only in storage files: send these, because `serve` never "
    "receives it."
)

_SEE: Final = "See docs/reference/configuration.md."

_GIB: Final = 1 << 30

_LITTLE: Final = _GIB // 10
"""Bytes; less free space is a problem."""

_NEARLY_FULL: Final = 0.9
"""Share of their cap from which on dead letters are a problem."""


@attrs.frozen
class Finding:
    """
    Result of one check.

    Attributes:
        check: Subject of the check.
        detail: Result.
        advice: Advice for the user.
        ok: Whether there is no problem.
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
@click.argument(
    "url", metavar="[URL]", required=False, type=opts.FilePath(exists=True, urls=True)
)
@opts.storage_option
@opts.setup_options(
    "transform sink state serve",
    sinks.sink_option("A sink to look at; see `braze-heap send --help`."),
    *sinks.state_options(
        "A state file or database to look at.  [default: state.db]",
        type=sinks.place_of,
    ),
    opts.key_option(
        "serve.token_env",
        "--token-env NAME",
        "Environment variable with the bearer token of `serve` to look at.  "
        f"[default: {opts.TOKEN_VARIABLE}, if it is set]",
    ),
    load=lambda tables, values: functools.partial(opts.Setup.load, tables, values),
)
@opts.option(
    "--timeout SECONDS",
    "Maximum seconds for an answer of the host.",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
)
@opts.json_option
def check(
    url: Path | opts.StoreUrl | None,
    setup: Callable[..., opts.Setup],
    timeout: float,
    as_json: bool,
) -> None:
    """
    Look at configuration, sink, host, state and disk, and show what to do.

    Each value of the configuration is shown with its place. No event is sent. Nothing
    is written, except the tables of a database. The host of Heap gets one request
    without content (HEAD), through the same proxy as events. Of URL, a folder or bucket
    of Currents files, the first object is looked up.
    """
    findings: list[Finding] = []
    values: list[tuple[str, str, str]] = []
    notes: list[str] = []
    try:
        config = setup(warn=notes.append).config
    except ui.UnusableError as error:
        findings += [
            _problem("configuration", f, _SEE) for f in error.message.split("\n")
        ]
    else:
        values = [*config.values()]
        findings += _all_findings(config, timeout)
    for note in notes:  # a variable of something else can have the prefix, too
        findings.append(
            Finding("variables", ui.safe(note, 1_000), ok="did you mean" not in note)
        )
    if url is not None:
        findings.append(_storage(url))
    print_result(_sections(findings, values), as_json=as_json)
    sys.exit(int(not all(finding.ok for finding in findings)))


def _all_findings(config: Config, timeout: float) -> Iterator[Finding]:
    transformer, findings = _configuration(config)
    yield from findings
    spec, place = config.sink.to_spec(), sinks.place_of_state(config)
    if spec:
        yield from _guarded("sink", _sink(config, transformer, timeout))
    yield from _tokens(config)
    yield from _guarded("state", _state(place, config.state.max_bytes))
    paths = [place if isinstance(place, Path) else None, sinks.file_of(spec)]
    for folder in dict.fromkeys(path.absolute().parent for path in paths if path):
        yield from _guarded("disk", _disk(folder))


def _problem(check: str, detail: str, advice: str = "") -> Finding:
    return Finding(check, ui.safe(detail, 1_000), advice, ok=False)


def _configuration(config: Config) -> tuple[Transformer, list[Finding]]:
    """
    Return the transformer, and the findings about it.

    Unknown events are a problem here, and a warning elsewhere. Unknown personal fields
    are a warning, because they may be newer than the classes.
    """
    flaws: list[str] = []
    transformer = None
    with opts.shown_warnings(flaws.append):
        try:
            transformer = config.transformer()
        except (ValueError, TypeError) as error:
            flaws.append(str(error))
    for flaw in [*flaws]:
        if flaw.startswith("No event class has a field"):
            ui.show_warning(flaw)
            flaws.remove(flaw)
    findings = [_problem("configuration", flaw, _SEE) for flaw in flaws]
    if transformer is None:
        return Transformer(), findings
    values = (f"{key} = {value}" for key, value in opts.described(config, transformer))
    text = ui.safe("; ".join(values), 2_000)
    findings = findings or [Finding("configuration", text)]
    if transformer._deletions:
        findings.append(Finding("deletions", "enabled", _STORAGE_ONLY))
    return transformer, [*findings, _selection(transformer)]


def _selection(transformer: Transformer) -> Finding:
    """Return the number of event types by category, and types never received."""
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
        *opts.never_over_http(transformer),
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


def _sink(
    config: Config, transformer: Transformer, timeout: float
) -> Iterator[Finding]:
    spec = config.sink.to_spec()
    path = sinks.file_of(spec)
    if path is not None and path.exists():  # opening it could end a line in it
        is_well = path.is_file() and os.access(path, os.W_OK)
        advice = "" if is_well else "Make it writable, or name another file."
        yield Finding("sink", sinks.describe_sink(spec, None), advice, ok=is_well)
        return
    try:
        sink = sinks.open_sink_or_exit(config)
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


def _tokens(config: Config) -> Iterator[Finding]:
    """Look at the tokens of `serve`, if there are any; none of them is shown."""
    source = config.sources.get("serve.token")
    if source is None:
        return
    try:
        weakness = config.tokens().weakness()
    except ValueError as error:
        yield _problem("token", str(error), opts.NEW_TOKEN)
    else:
        yield Finding("token", f"{source} is set", f"It {weakness}" if weakness else "")


def _storage(url: Path | opts.StoreUrl) -> Finding:
    """Look up the first object of a folder or bucket."""
    options = url.storage_options if isinstance(url, opts.StoreUrl) else None
    place = url.url if isinstance(url, opts.StoreUrl) else url
    try:
        first = next(iter(find(place, storage_options=options)), None)
    except (ModuleNotFoundError, OSError, ValueError) as error:
        return _problem("storage", str(error))
    if first is None:
        return _problem("storage", f"{url} holds no files", "Compare it with Braze.")
    return Finding("storage", ui.safe(f"{url} holds {shown(first.url)}", 500))


def _disk(folder: Path) -> Iterator[Finding]:
    """Look at the free space below *folder*, unless that does not exist."""
    if folder.is_dir():
        free = shutil.disk_usage(folder).free
        text = f"{free / _GIB:,.1f} GiB are free in {folder}"
        advice = "" if free > _LITTLE else "A full disk stops the delivery: free space."
        yield Finding("disk", text, advice, ok=free > _LITTLE)


def _state(path: sinks.StatePlace, cap: int) -> Iterator[Finding]:
    name = "state"
    if isinstance(path, Path) and not _exists(path):
        folder = path.absolute().parent
        if folder.is_dir() and os.access(folder, os.W_OK):
            yield Finding(name, f"{path} will be created when needed")
        else:
            advice = "Make the directory, or make it writable."
            yield _problem(name, f"{folder} cannot be written", advice)
        return
    size = 0
    try:
        with sinks.open_state(path, max_bytes=cap) as state:
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


def _sections(
    findings: list[Finding], values: list[tuple[str, str, str]]
) -> Iterator[Section]:
    keys = ("key", "value", "source")
    lines = [f"{key} = {value}  ({source})" for key, value, source in values]
    named = [dict(zip(keys, value, strict=True)) for value in values]
    yield Section("values", named, note="\n".join([*lines, ""]) * bool(lines))
    states = {True: Text("OK", "green"), False: Text("PROBLEM", "bold red")}
    rows = [
        (states[each.ok], each.check, Text(f"{each.detail}\n{each.advice}".strip()))
        for each in findings
    ]
    yield Section("checks", [*map(attrs.asdict, findings)], rows=rows)
    problems = sum(not finding.ok for finding in findings)
    end = ui.plural(problems, "problem") if problems else "Everything is fine."
    yield Section("ok", not problems, note=f"\n{end}")
