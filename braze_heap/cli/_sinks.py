"""Sinks and state of commands: options, opening, and files that may clash."""

import contextlib
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import attrs
import click

from braze_heap._errors import describe_exception
from braze_heap._options import declaration_of
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._output import refuse_input
from braze_heap.config import Config
from braze_heap.config._tables import declared_keys
from braze_heap.exceptions import (
    DeadLetterFull,
    DeliveryError,
    SinkSpecError,
    SinkUnavailable,
    StateError,
    is_of_mapper,
)
from braze_heap.sinks import Sink
from braze_heap.sinks._protocol import destinations_of
from braze_heap.state import MAX_BYTES, Ledger, SqliteState, SqlState

if TYPE_CHECKING:
    from braze_heap.heap import HeapOptions, HeapSink

API_KEY: Final = declaration_of(declared_keys("sink")["api_key"]).variable
"""Environment variable with the API key of the app; only deletions need it."""

STDOUT: Final = ("-", "console:")
"""Sinks that write to stdout."""

SILENTLY: Final = (
    "Heap accepts events for a wrong app ID without an error. Compare it with the one "
    "under Manage > Projects in Heap."
)

SINKS_HELP: Final = """Sinks:
  heap:?app_id=11       Heap; also region=eu, events_a_minute=5000, and more
  file:calls.jsonl.gz   a file, appended to; - and console: are stdout
  acme.sinks:Bucket?a=b any other one: MODULE:NAME, on PYTHONPATH
  acme:bucket?a=b       one that an installed package registers by a name
A sink is code: the module is imported, and the name in it is called.
The API key of Heap, which only deletions need, is read from the environment
variable HEAP_API_KEY, or the one that api_key_env=NAME in the sink names."""

StatePlace: TypeAlias = opts.Place
"""Place of the state of a command."""

StatePath: Final = functools.partial(opts.FilePath, dir_okay=False, urls=True)
"""The path of a state file, or the URL of a database."""


def sink_option(text: str) -> opts.Decorator:
    """Return ``--sink``, the destination of a command."""
    return opts.key_option("sink.spec", "--sink SPEC", text)


def state_options(
    text: str = (
        "Keep what cannot be delivered, and the newest user properties, in this file, "
        "or database (its URL).  [default: state.db]"
    ),
    **settings: Any,
) -> tuple[opts.Decorator, opts.Decorator]:
    """Return ``--state``, a state file or database, and ``--max-bytes``."""
    settings = {"type": StatePath(), **settings}
    state_option = opts.key_option("state.path", "--state FILE", text, **settings)
    return state_option, max_bytes_option


max_bytes_option: Final = opts.key_option(
    "state.max_bytes",
    "--max-bytes BYTES",
    f"Largest size of all dead letters.  [default: {MAX_BYTES}, which is 1 GiB]",
)


def place_of_state(config: Config) -> StatePlace:
    """Return the place of the state of a command."""
    state = config.state
    return opts.StoreUrl(state.url) if state.url else Path(state.path)


def named_place(config: Config) -> StatePlace | None:
    """Return the place of the state of a command; `None` if nothing names it."""
    is_named = not {"state.path", "state.url"}.isdisjoint(config.sources)
    return place_of_state(config) if is_named else None


def existing_place(config: Config) -> StatePlace | None:
    """Return the place that `named_place` returns, or the default one if it exists."""
    default = Path(config.state.path)
    return named_place(config) or (default if default.exists() else None)


def spec_or_exit(config: Config) -> str:
    """Return the sink as text; raise a `click.UsageError` if none is configured."""
    if spec := config.sink.to_spec():
        return spec
    raise click.UsageError(
        "Missing option '--sink'. Name the destination, such as --sink "
        "'heap:?app_id=11', or set it below [sink] in the file of --config."
    )


@attrs.frozen
class HeapTarget:
    """Options and host of a Heap sink."""

    options: "HeapOptions"
    host: str

    @classmethod
    def of(cls, sink: Sink) -> "HeapTarget | None":
        """Return the destination of *sink*; ``None`` if that is not Heap."""
        heap = sys.modules.get("braze_heap.heap._sink")
        if heap is None or not isinstance(sink, heap.HeapSink):
            return None
        heap_sink = cast("HeapSink", sink)
        return cls(heap_sink._core.settings, heap_sink._host)

    def __str__(self) -> str:
        return f"Heap: app {ui.safe(self.options.app_id)} at {ui.safe(self.host, 200)}"


def open_sink_or_exit(config: Config) -> Sink:
    """Return the sink of *config*; raise an `UnusableError` if it cannot be opened."""
    spec = config.sink.to_spec()
    sources = dict.fromkeys(
        source
        for key, source in config.sources.items()
        if key.startswith("sink.") and key != "sink.api_key"  # its place can be secret
    )
    name = "--sink" if config.is_option("--sink") else f"[sink] ({', '.join(sources)})"
    try:
        return config.open_sink()
    except SinkSpecError as error:
        raise ui.UnusableError(f"{name}: {error}") from None
    except ModuleNotFoundError as error:
        advice = "a Heap sink needs pip install 'braze_heap[cli,http]'"
        raise ui.UnusableError(
            f"{name} needs the package {error.name}; {advice}"
        ) from None
    except Exception as error:
        flaw = f"{describe_sink(spec, None)} raised {describe_exception(error)}"
        raise ui.UnusableError(f"{name}: {flaw}") from None


def describe_sink(spec: str, target: HeapTarget | None) -> str:
    """Return the name of a sink in reports: without its options."""
    return str(target) if target else ui.safe(spec.partition("?")[0], 200)


def failure_of(error: Exception) -> ui.UnusableError:
    """Return the error to show after *error* of a mapper, a sink or a state."""
    if isinstance(error, DeliveryError) and is_of_mapper(error):
        return ui.mapper_unavailable(error)
    if isinstance(error, SinkUnavailable):
        detail = ui.safe(f"{error.detail}{error.answer}", 800)
        return ui.UnavailableError(f"the sink is not available: {detail}")
    if isinstance(error, OSError):
        flaw = ui.describe_os_error(error)
        return ui.UnusableError(f"the sink cannot be closed: {flaw}")
    is_damage = isinstance(error, StateError) and error._is_damaged
    return (ui.UnusableError if is_damage else ui.UnavailableError)(ui.sentence(error))


def report_stream(spec: str) -> ui.Stream:
    """Return the stream for reports: not the one that calls go to."""
    return "stderr" if spec in STDOUT else "stdout"


def ledger_for(
    spec: str, sink: Sink, ledger: Ledger | None, warn: Callable[[str], object]
) -> Ledger | None:
    """
    Return *ledger*; ``None`` if *sink* is stdout, which keeps no values, or unnamed.

    *warn* is called with a message if the sink does not name its destination.
    """
    if ledger is None or spec in STDOUT:
        return None
    if "" in destinations_of(sink):
        warn(
            "The sink names no destination, so the newest user properties are known "
            "only until this ends."
        )
        return None
    return ledger


def file_of(spec: str) -> Path | None:
    """Return the file that a sink appends to."""
    scheme, _, rest = spec.partition(":")
    return Path(rest.partition("?")[0]) if scheme == "file" else None


def files_of(state: StatePlace | None) -> list[Path]:
    """Return a state file, and the files beside it that it can have."""
    if not isinstance(state, Path):
        return []
    own = os.path.realpath(state)
    names = ("", "-wal", "-shm", "-journal", "-replay")
    return [Path(f"{own}{name}") for name in names]


def refuse_files(
    spec: str, state: StatePlace | None, config: Path | None, *read: opts.Place
) -> None:
    """Raise an `UnusableError` if the sink appends to a file with another purpose."""
    if path := file_of(spec):
        refuse_input(path, read, "--sink")
        refuse_input(path, files_of(state), "--sink", "a file of the state")
        refuse_input(path, [config], "--sink", "the file of --config")


def state_of(config: Config) -> AbstractContextManager[SqliteState | SqlState]:
    """Open the state of a command: see `open_state`. A file is created."""
    place = place_of_state(config)
    return open_state(place, is_made=True, max_bytes=config.state.max_bytes)


@contextlib.contextmanager
def open_state(
    path: StatePlace, *, is_made: bool = False, max_bytes: int = MAX_BYTES
) -> Iterator[SqliteState | SqlState]:
    """Open the state at *path*; *is_made* creates a file if it does not exist."""
    try:
        if isinstance(path, opts.StoreUrl):
            state: SqliteState | SqlState = SqlState(path.url)
        else:
            state = SqliteState(path, max_bytes=max_bytes, create=is_made)
    except (ValueError, ModuleNotFoundError, StateError) as error:
        raise ui.UnusableError(ui.sentence(error)) from None
    try:
        with state:
            yield state
    except StateError as error:
        name = f"{path}: " if isinstance(error, DeadLetterFull) else ""
        raise ui.UnusableError(f"{name}{error}.") from None


@contextlib.contextmanager
def read_state(path: StatePlace) -> Iterator[SqliteState | SqlState]:
    """Open the state at *path* to read it; of a file on a read-only mount, a copy."""
    with contextlib.ExitStack() as stack:
        if isinstance(path, Path) and path.is_file() and not _is_writable(path):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            copy = Path(folder, path.name)
            for suffix in ("", "-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            path = copy
        yield stack.enter_context(open_state(path))


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)
