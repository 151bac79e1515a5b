"""``braze-heap check``: whether everything is in place, before anything is sent."""

import contextlib
import functools
import http.client
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
from braze_heap.cli._serve import in_force, require_server
from braze_heap.config import Config
from braze_heap.events._catalog import category_of
from braze_heap.heap._pacing import EVENTS_A_MINUTE, IDENTITY_EVENTS_A_MINUTE
from braze_heap.mapping._policies import DELETION
from braze_heap.sinks._local import check_lines
from braze_heap.state import SqliteState
from braze_heap.storage import find
from braze_heap.storage._objects import shown

if TYPE_CHECKING:
    from braze_heap.heap import HeapSink

_SEE: Final = "`braze-heap config` prints every key with its meaning."

_LITTLE: Final = 100 << 20  # bytes; less free space is a problem

_NEARLY_FULL: Final = 0.9  # share of their cap from which dead letters are a problem


@attrs.frozen
class Finding:
    """Result of one check, and advice if there is something to do."""

    check: str
    detail: str
    advice: str = ""
    ok: bool = True


@ui.command(one="there is a problem", zero="all is well")
@click.argument(
    "url", metavar="[URL]", required=False, type=opts.FilePath(exists=True, urls=True)
)
@opts.storage_option
@opts.setup_options(
    "transform sink state serve",
    sinks.sink_option("A sink to look at; see `braze-heap send --help`."),
    *sinks.state_options(
        "A state file or database to look at.  [default: state.db]", type=opts.place_of
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
    type=opts.FloatRange(min=0, min_open=True),
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
    Look at configuration, sink, host, state and disk.

    Each value of the configuration is shown with its source, each problem with advice.
    No event is sent. Nothing is written, except the tables of a database. The host of
    Heap gets one request without content (HEAD), through the same proxy as events. Of
    URL, a folder or bucket of Currents files, the first object is looked up.

    Examples::

        braze-heap check
        braze-heap check --config service.toml --sink 'heap:?app_id=11&region=eu'
        braze-heap check --sink 'heap:?app_id=11' --state state.db --json
    """
    found, notes = _Findings(timeout), list[str]()
    values: list[tuple[str, str, str]] = []
    with found.about("configuration", _SEE):
        loaded = setup(warn=notes.append)
        values = [*loaded.config.values()]
        found.check(loaded)
    for note in notes:  # a variable of something else can have the prefix, too
        found.add("variables", note, ok="did you mean" not in note)
    if url is not None:
        found.check_storage(url)
    print_result(found.sections(values), as_json=as_json)
    sys.exit(int(not all(each.ok for each in found.each)))


class _Findings:
    """Results of all checks, with *timeout* seconds for an answer of the host."""

    def __init__(self, timeout: float) -> None:
        self.each: list[Finding] = []
        self._timeout = timeout
        self._transformer = Transformer()

    def add(
        self, check: str, detail: str, advice: str = "", *, ok: bool = True
    ) -> None:
        """Add one result."""
        safe = ui.safe(detail, 2_000), ui.safe(advice, 2_000)
        self.each.append(Finding(check, *safe, ok))

    def expect(self, check: str, detail: str, advice: str, *, ok: bool) -> None:
        """Add one result, with *advice* only if it is a problem."""
        self.add(check, detail, "" if ok else advice, ok=ok)

    @contextlib.contextmanager
    def about(self, check: str, advice: str = "") -> Iterator[None]:
        """Add a problem with *advice* if the block cannot look at its subject."""
        try:
            yield
        except ui.UnusableError as error:
            known = [each.detail for each in self.each if not each.ok]
            for flaw in error.message.split("\n"):
                if not any(flaw.startswith(detail) for detail in known):
                    self.add(check, flaw, advice, ok=False)
        except (OSError, ValueError, TypeError, ModuleNotFoundError) as error:
            if isinstance(error, OSError) and error.filename is not None:
                advice = ui.advice_about(error)
            self.add(check, str(error), advice, ok=False)

    def check(self, setup: opts.Setup) -> None:
        """Check all that the configuration names."""
        config = setup.config
        self._check_mapping(config)
        spec, place = config.sink.to_spec(), sinks.place_of_state(config)
        if spec:
            with self.about("sink", "See `braze-heap send --help`."):
                sinks.refuse_files(spec, place, setup.file)
                self._check_sink(config)
        else:
            advice = "Name one with --sink, or set it below [sink]."
            self.add("sink", "not configured, so not tested", advice)
        if source := config.sources.get("serve.token"):  # no token is shown
            with self.about("token", opts.NEW_TOKEN):
                kind, _, name = source.partition(" ")
                weakness = config.tokens().weakness()
                advice = f"It {weakness}" * bool(weakness)
                self.add("token", f"set, from the {kind} {name!r}", advice)
        with self.about("serve"):
            self._check_serve(setup)
        with self.about("state"):
            self._check_state(place, config.state.max_bytes)
        paths = [place if isinstance(place, Path) else None, sinks.file_of(spec)]
        for folder in dict.fromkeys(path.absolute().parent for path in paths if path):
            with self.about("disk"):
                self._check_disk(folder)

    def _check_mapping(self, config: Config) -> None:
        """Unknown events are a problem here, and a warning elsewhere."""
        notes = list[str]()
        with self.about("configuration", _SEE), opts.shown_warnings(notes.append):
            self._transformer = config.transformer()
            values = opts.described(config, self._transformer)
            text = "; ".join(f"{key} = {value}" for key, value in values)
            self.add("configuration", text)
            if self._transformer._deletions:
                note = f"{DELETION} arrives only in storage files: `send` these."
                self.add("deletions", "enabled", note)
            self._check_selection(self._transformer)
        for note in notes:  # a personal field may be newer than the classes
            is_field = note.startswith("No event class has a field")
            self.add("configuration", note, _SEE, ok=is_field)

    def _check_selection(self, transformer: Transformer) -> None:
        """Count event types by category, and name types that never arrive."""
        policies = transformer._policies
        selected, every = Counter[str](), Counter[str]()
        for event_type in policies.options.event_types:
            category = category_of(event_type)
            every[category] += 1
            selected[category] += policies.selects(event_type)
        shares = [f"{selected[name]} of {n} {name}" for name, n in every.items()]
        detail = f"event types: {', '.join(shares)}"
        selection = policies.selection
        if selection is None:
            self.add("events", f"{detail}; and unknown types")
            return
        future = ", ".join(selection.future_types)
        notes = opts.never_over_http(transformer)
        if future:
            notes.insert(0, f"This version has no class for {future}.")
        if selection.included and policies.options.user_properties == "all":
            notes.insert(0, "User properties that other events state are sent, too.")
        self.add("events", detail, " ".join(notes), ok=not future)

    def _check_sink(self, config: Config) -> None:
        spec = config.sink.to_spec()
        path = sinks.file_of(spec)
        if path is not None and path.exists():  # opening it could end a line in it
            check_lines(path)
            is_well = path.is_file() and os.access(path, os.W_OK)
            advice = "Make it writable, or name another file."
            self.expect("sink", sinks.describe_sink(spec, None), advice, ok=is_well)
            return
        with contextlib.closing(sinks.open_sink_or_exit(config)) as sink:
            target = sinks.HeapTarget.of(sink)
            self.add("sink", sinks.describe_sink(spec, target))
            if target is not None:
                self._check_heap(cast("HeapSink", sink), target)
        if path is not None:
            path.unlink(missing_ok=True)

    def _check_heap(self, sink: "HeapSink", target: sinks.HeapTarget) -> None:
        options = target.options
        self.add("app id", options.app_id, sinks.SILENTLY)
        try:  # as events do, through the proxy and the certificates of the sink
            answer = sink._client.head(target.host, timeout=self._timeout)
            self.add("host", f"{target.host} answers ({answer.status_code})")
        except Exception as error:
            flaw = f"{target.host} cannot be reached: {type(error).__name__}, {error}"
            advice = (
                "Look at region and base_url, name service, firewall and certificates. "
                "Behind a proxy add trust_env=1 to the sink."
            )
            self.add("host", flaw, advice, ok=False)
        of_identity = options.identity_events_a_minute or IDENTITY_EVENTS_A_MINUTE
        limits = (
            f"{options.events_a_minute or EVENTS_A_MINUTE:,} events a minute, "
            f"{of_identity:,} of each identity; "
            f"{options.deadline:g} s for a batch, {options.timeout:g} s for a request; "
            f"{options.max_bytes:,} bytes a request"
        )
        self.add("limits", limits)
        detail = "set" if options.api_key else "not set; only deletions need one"
        advice = f"The configuration has them: set the variable {sinks.API_KEY}."
        is_well = bool(options.api_key) or not self._transformer._deletions
        self.expect("API key", detail, advice, ok=is_well)

    def _check_serve(self, setup: opts.Setup) -> None:
        """Check what `serve` needs, if something of it is configured."""
        config = setup.config
        host, port = config.serve.host, config.serve.port
        named = [key for key in config.sources if key.startswith(("serve.", "log."))]
        if not named and opts.TOKEN_VARIABLE not in os.environ:
            if config.sink.to_spec():
                note = f"A service needs a token: set {opts.TOKEN_VARIABLE}."
                self.add("serve", "not configured", note)
            return
        require_server()
        from braze_heap.cli._server import bound

        in_force(setup)
        detail = "a service is running at"
        if not _is_served(host, port):
            bound(host, port).close()
            detail = "can listen on"
        self.add("serve", f"{detail} {host}, port {port}")

    def _check_state(self, path: sinks.StatePlace, cap: int) -> None:
        if isinstance(path, Path) and not os.path.lexists(
            real := os.path.realpath(path)
        ):
            folder = Path(real).parent
            is_well = os.access(folder, os.W_OK | os.X_OK)
            advice = "Make the directory, or make it writable."
            detail = f"{path} will be created when needed"
            flaw = f"{folder} cannot be written"
            self.expect("state", detail if is_well else flaw, advice, ok=is_well)
            return
        size = 0
        with sinks.open_state(path, max_bytes=cap) as state:
            state.dead_letter.ready()
            records = state.dead_letter.stats().records
            if isinstance(state, SqliteState):
                size = state.dead_letter.used_bytes()
        number = ui.plural(records, "dead letter")
        used = f", {size:,} of {cap:,} bytes" if isinstance(path, Path) else ""
        command = f"braze-heap dead-letters list {shlex.quote(str(path))}"
        advice = f"`{command}` lists the reasons; replay or purge them." * bool(records)
        is_well = size < _NEARLY_FULL * cap
        self.add("state", f"{path} has {number}{used}", advice, ok=is_well)

    def _check_disk(self, folder: Path) -> None:
        """Look at the free space below *folder*, unless that does not exist."""
        if folder.is_dir():
            free = shutil.disk_usage(folder).free
            text = f"{free / (1 << 30):,.1f} GiB are free in {folder}"
            advice = "A full disk stops the delivery: free space."
            self.expect("disk", text, advice, ok=free > _LITTLE)

    def check_storage(self, url: Path | opts.StoreUrl) -> None:
        """Look up the first object of a folder or bucket."""
        options = url.storage_options if isinstance(url, opts.StoreUrl) else None
        place = url.url if isinstance(url, opts.StoreUrl) else url
        with self.about("storage"):
            first = next(iter(find(place, storage_options=options)), None)
            name = shown(first.url) if first else "no files"
            advice = "Compare it with Braze."
            self.expect("storage", f"{url} has {name}", advice, ok=bool(first))

    def sections(self, values: list[tuple[str, str, str]]) -> Iterator[Section]:
        """Yield all findings, and the *values* of the configuration."""
        keys = ("key", "value", "source")
        named = [dict(zip(keys, value, strict=True)) for value in values]
        yield Section.of("values", "Configuration", named, *keys)
        states = {True: Text("OK", "green"), False: Text("PROBLEM", "bold red")}
        rows = [
            (states[each.ok], each.check, Text(f"{each.detail}\n{each.advice}".strip()))
            for each in self.each
        ]
        yield Section("checks", [*map(attrs.asdict, self.each)], "Checks", rows)
        problems = sum(not each.ok for each in self.each)
        end = ui.plural(problems, "problem") if problems else "No problem found."
        yield Section("ok", not problems, note=f"\n{end}")


def _is_served(host: str, port: int) -> bool:
    """Return whether it is our service that listens there already."""
    with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
        connection = http.client.HTTPConnection(host, port, timeout=1)
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            return connection.getresponse().read(10) == b"alive\n"
    return False
