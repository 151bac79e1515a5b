"""Sinks and state of commands: options, opening, and files that may clash."""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

import attrs
import click

from braze_heap._errors import describe_exception
from braze_heap.cli import _console as ui
from braze_heap.cli._options import Decorator, FilePath, option
from braze_heap.exceptions import (
    DeadLetterFull,
    SinkSpecError,
    SinkUnavailable,
    StateError,
)
from braze_heap.sinks import Sink, open_sink
from braze_heap.sinks._protocol import destination_of
from braze_heap.state import MAX_BYTES, MIN_BYTES, Ledger, SqliteState, SqlState

if TYPE_CHECKING:
    from braze_heap.heap import HeapOptions, HeapSink

API_KEY: Final = "HEAP_API_KEY"
"""Environment variable with the API key of the app; only deletions need it."""

STATE: Final = Path("state.db")
"""Default path of the state file."""

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

OWN_SUFFIXES: Final = ("-wal", "-shm", "-journal", "-replay")
"""Suffixes of the files beside a state file that belong to it."""

_HTTP: Final = ("anyio", "httpcore2", "httpx2")
_HEAP: Final = "braze_heap.heap._sink"

_Command = TypeVar("_Command", bound=Callable[..., Any])


@attrs.frozen
class StateUrl:
    """
    URL of a database that keeps the state. As text it has no password.

    Attributes:
        url: The URL.
    """

    url: str = attrs.field(repr=False)

    def __str__(self) -> str:
        return re.sub(r"(://[^:/]*):.*@", r"\1@", self.url).partition("?")[0]


StatePlace: TypeAlias = Path | StateUrl
"""Place of the state of a command."""


def place_of(text: str) -> StatePlace:
    """Return the URL of a database, or a path, also of a ``file:`` URL."""
    text = text.removeprefix("file://")
    return StateUrl(text) if "://" in text else Path(text)


class StatePath(FilePath):
    """The path of a state file, or the URL of a database."""

    def __init__(self, **options: Any) -> None:
        super().__init__(dir_okay=False, **options)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return *value* as a path or a URL."""
        if isinstance(place := place_of(str(value)), Path):
            place = super().convert(value, param, ctx)
        return place


def sink_option(text: str, *, required: bool = False) -> Decorator:
    """Return ``--sink``, the destination of a command."""
    return option("--sink spec SPEC", text, required=required)


def state_option(text: str, **options: Any) -> Decorator:
    """Add ``--state``, a state file or database, and ``--max-bytes``."""

    settings = {"type": StatePath(), **options}

    def add(command: _Command) -> _Command:
        add_path = option("--state FILE", text, **settings)
        return add_path(max_bytes_option(command))

    return add


max_bytes_option: Final = option(
    "--max-bytes BYTES",
    f"Largest size of all dead letters.  [default: {MAX_BYTES}, which is 1 GiB]",
    type=click.IntRange(min=MIN_BYTES),
)

state_argument: Final = click.argument(
    "path", metavar="STATE.db", type=StatePath(exists=True)
)


@attrs.frozen
class HeapTarget:
    """
    Destination of a Heap sink.

    Attributes:
        options: The options of the sink.
        host: URL of the host.
    """

    options: "HeapOptions"
    host: str

    @classmethod
    def of(cls, sink: Sink) -> "HeapTarget | None":
        """Return the destination of *sink*; ``None`` if that is not Heap."""
        heap = sys.modules.get(_HEAP)
        if heap is None or not isinstance(sink, heap.HeapSink):
            return None
        heap_sink = cast("HeapSink", sink)
        return cls(heap_sink._core.settings, heap_sink._host)

    def __str__(self) -> str:
        return f"Heap: app {ui.safe(self.options.app_id)} at {ui.safe(self.host, 200)}"


def open_sink_or_exit(spec: str) -> Sink:
    """
    Return the sink that *spec* names; the API key of Heap is in the environment.

    Raises:
        UnusableError: It names none, a package is missing, or its code fails.
    """
    try:
        return open_sink(_with_key(spec))
    except SinkSpecError as error:
        raise ui.UnusableError(f"--sink: {error}") from None
    except ModuleNotFoundError as error:
        if error.name not in _HTTP:
            raise ui.UnusableError(f"the sink needs the package {error.name}") from None
        advice = "pip install 'braze_heap[cli,http]'"
        raise ui.UnusableError(f"a Heap sink needs an extra: {advice}") from None
    except Exception as error:
        flaw = f"{describe_sink(spec, None)} raised {describe_exception(error)}"
        raise ui.UnusableError(f"--sink: {flaw}") from None


def _with_key(spec: str) -> str:
    is_heap = spec.partition(":")[0] == "heap"
    if not is_heap or "api_key" in spec or not os.environ.get(API_KEY):
        return spec
    return f"{spec}{'&' if '?' in spec else '?'}api_key_env={API_KEY}"


def describe_sink(spec: str, target: HeapTarget | None) -> str:
    """Return the name of a sink in reports: without its options."""
    return str(target) if target else ui.safe(spec.partition("?")[0], 200)


def describe_outage(error: SinkUnavailable) -> str:
    """Return that the sink is not available, and why."""
    detail = ui.safe(f"{error.detail}{error.answer}", 800)
    return f"the sink is not available: {detail}"


def close_error(error: OSError) -> ui.UnusableError:
    """Return the error to show after closing a sink raised *error*."""
    flaw = ui.describe_os_error(error)
    return ui.UnusableError(f"the sink cannot be closed: {flaw}")


def report_stream(spec: str) -> ui.Stream:
    """Return the stream for reports: not the one that calls go to."""
    return "stderr" if spec in STDOUT else "stdout"


def ledger_for(
    spec: str, sink: Sink, ledger: Ledger | None, warn: Callable[[str], object]
) -> Ledger | None:
    """
    Return *ledger*; ``None`` if *sink* is stdout, which keeps no values, or unnamed.

    Args:
        spec: The sink as the user wrote it.
        sink: The open sink.
        ledger: The ledger of the state file.
        warn: Called with a message if the sink does not name its destination.
    """
    if ledger is None or spec in STDOUT:
        return None
    if destination_of(sink) is None:
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


def is_of_state(path: Path, state: StatePlace) -> bool:
    """Return whether *path* is the file *state* or one of its other files."""
    if isinstance(state, StateUrl):
        return False
    found, own = os.path.realpath(path), os.path.realpath(state)
    return found in (own, *(f"{own}{suffix}" for suffix in OWN_SUFFIXES))


def refuse_files(spec: str, state: StatePlace | None, config: Path | None) -> None:
    """
    Check that calls are not appended to a file with another purpose.

    Raises:
        UnusableError: The sink appends to the file *state*, to a file of SQLite beside
            it, or to the file of options *config*.
    """
    path = file_of(spec)
    if path and state and is_of_state(path, state):
        raise ui.UnusableError(f"--sink: {path} is the state file. Name another file.")
    if path and config and os.path.realpath(path) == os.path.realpath(config):
        raise ui.UnusableError(f"--sink: {path} is the file of --config. Name another.")


def confirm_heap(sink: Sink, events: str, *, is_agreed: bool) -> None:
    """
    If *sink* is Heap, show host and app, and ask, unless it *is_agreed*.

    Raises:
        UnusableError: The answer is no, or there is nobody to ask.
    """
    if target := HeapTarget.of(sink):
        click.echo(f"{target}\n{SILENTLY}", err=True)
        ui.confirm(f"Send {events} there?", "sent", is_agreed=is_agreed)


@contextlib.contextmanager
def open_state(
    path: StatePlace, *, is_made: bool = False, max_bytes: int | None = None
) -> Iterator[SqliteState | SqlState]:
    """
    Open the state at *path*; *is_made* creates a file if it does not exist.

    Raises:
        UnusableError: It does not exist, or is another file, which stays as it is. Or a
            database cannot be used.
    """
    if max_bytes and isinstance(path, StateUrl):
        raise click.UsageError("--max-bytes is for a state in a file, not a database.")
    try:
        state: SqliteState | SqlState
        try:
            if isinstance(path, StateUrl):
                state = SqlState(path.url)
            else:
                cap = max_bytes or MAX_BYTES
                state = SqliteState(path, max_bytes=cap, create=is_made)
        except (ValueError, ModuleNotFoundError) as error:
            raise ui.UnusableError(ui.sentence(error)) from None
        with state:
            yield state
    except StateError as error:
        name = f"{path}: " if isinstance(error, DeadLetterFull) else ""
        raise ui.UnusableError(f"{name}{error}.") from None
