"""The sink of a command: from one line of text to a sink that the user agreed to."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs
import click

from braze_heap._errors import describe_exception
from braze_heap.cli._console import UnusableError, safe
from braze_heap.cli._stores import is_of_store
from braze_heap.exceptions import SinkSpecError
from braze_heap.sinks import Sink, open_sink

if TYPE_CHECKING:
    from braze_heap.heap import HeapOptions, HeapSink

API_KEY: Final = "HEAP_API_KEY"
"""Environment variable with the API key of the app; only deletions need it."""

STDOUT: Final = ("-", "console:")
"""Sinks that write where a report would be read."""

SILENTLY: Final = (
    "Heap accepts events for a wrong app ID without an error. Compare it with the one "
    "under Manage > Projects in Heap."
)

_Command = TypeVar("_Command", bound=Callable[..., Any])

_HTTP: Final = ("anyio", "httpcore2", "httpx2")
_HEAP: Final = "braze_heap.heap._sink"


def sink_option(text: str, *, required: bool = False) -> Callable[[_Command], _Command]:
    """Return the option that names a sink."""
    return click.option("--sink", "spec", metavar="SPEC", help=text, required=required)


yes_option: Final = click.option(
    "--yes", is_flag=True, help="Do not ask before sending to Heap."
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
        return f"Heap: app {safe(self.options.app_id)} at {safe(self.host, 200)}"


def open_sink_or_exit(spec: str) -> Sink:
    """
    Return the sink that *spec* names; the API key of Heap is in the environment.

    Raises:
        UnusableError: It names none, a package is missing, or its code fails.
    """
    try:
        return open_sink(_with_key(spec))
    except SinkSpecError as error:
        raise UnusableError(f"--sink: {error}") from None
    except ModuleNotFoundError as error:
        if error.name not in _HTTP:
            raise UnusableError(f"the sink needs the package {error.name}") from None
        advice = "pip install 'braze_heap[cli,http]'"
        raise UnusableError(f"a Heap sink needs an extra: {advice}") from None
    except Exception as error:
        name = describe_sink(spec, None)
        raise UnusableError(
            f"--sink: {name} raised {describe_exception(error)}"
        ) from None


def _with_key(spec: str) -> str:
    if spec.partition(":")[0] != "heap" or "api_key" in spec:
        return spec
    if not os.environ.get(API_KEY):
        return spec
    return f"{spec}{'&' if '?' in spec else '?'}api_key_env={API_KEY}"


def describe_sink(spec: str, target: HeapTarget | None) -> str:
    """Return what reports call a sink: without its options."""
    return str(target) if target else safe(spec.partition("?")[0], 200)


def file_of(spec: str) -> Path | None:
    """Return the file that a sink appends to."""
    scheme, _, rest = spec.partition(":")
    return Path(rest.partition("?")[0]) if scheme == "file" else None


def refuse_files(spec: str, store: Path | None, config: Path | None) -> None:
    """
    Make sure that calls are not appended to a file that is used otherwise.

    Args:
        spec: The sink.
        store: The dead letter.
        config: The file of options.

    Raises:
        UnusableError: The sink appends to one of them, or to a file of SQLite beside
            the dead letter.
    """
    path = file_of(spec)
    if path and store and is_of_store(path, store):
        raise UnusableError(f"--sink: {path} is the dead letter. Name another file.")
    if path and config and os.path.realpath(path) == os.path.realpath(config):
        raise UnusableError(f"--sink: {path} is the file of --config. Name another.")


def confirm(target: HeapTarget | None, what: str, *, is_agreed: bool) -> None:
    """
    Show where *what* goes if that is Heap, and ask, unless it *is_agreed*.

    Raises:
        UnusableError: The answer is no, or there is nobody to ask.
    """
    if target is None:
        return
    click.echo(f"{target}\n{SILENTLY}", err=True)
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise UnusableError(
            "stdin is not a terminal, so nothing was sent. Pass --yes to skip the "
            "confirmation."
        )
    if not click.confirm(f"Send {what} there?", err=True):
        raise UnusableError("not confirmed, and nothing was sent")
