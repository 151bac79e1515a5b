"""
``braze-heap serve``: the endpoint that a Currents feed is pointed at.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shlex
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import click

from braze_heap import Pipeline
from braze_heap.cli._console import UnusableError, plural, safe
from braze_heap.cli._options import transformer_from_options, transformer_options
from braze_heap.cli._paths import FilePath
from braze_heap.cli._progress import format_duration
from braze_heap.cli._request_log import RequestLog, logging_to
from braze_heap.cli._server import bound, check_extra, run_until_told, server_of, url_of
from braze_heap.cli._simulate import is_here
from braze_heap.cli._sinks import (
    SILENTLY,
    HeapTarget,
    describe_sink,
    open_sink_or_exit,
    refuse_files,
    sink_option,
)
from braze_heap.cli._stores import max_bytes_option, open_store
from braze_heap.events import EVENT_TYPES
from braze_heap.receiver import AsyncReceiver, Tokens
from braze_heap.receiver.service import Metrics, Service
from braze_heap.sinks import Sink

CALLS: Final = "file:calls.jsonl"
"""The sink of a first try: nothing leaves the machine."""

DEAD_LETTER: Final = Path("dead.db")

GRACE: Final = 25.0
"""Seconds; Kubernetes kills after 30."""

_VARIABLE: Final = "BRAZE_TOKEN"

_WHERE_TO: Final = (
    "name where the events go, such as --sink 'heap:?app_id=11'. "
    f"--sink {CALLS} only writes them to a file."
)

_EPILOG = """\b
Examples:
  braze-heap serve
  BRAZE_TOKEN=... braze-heap serve --sink 'heap:?app_id=11&region=eu'
  BRAZE_TOKEN=... braze-heap serve --sink file:calls.jsonl --host 0.0.0.0

\b
Sinks:
  heap:?app_id=11       Heap; also region=eu, events_a_minute=5000, and more
  file:calls.jsonl.gz   a file, appended to; - and console: are stdout
  acme.sinks:Bucket?a=b any other one: MODULE:NAME, on PYTHONPATH
A sink is code: the module is imported, and what is named is called.
The API key of Heap, which only deletions need, is read from the environment
variable HEAP_API_KEY, or the one that api_key_env=NAME in the sink names.

\b
Besides the endpoint there are /healthz, /readyz and /metrics (Prometheus).

\b
Exit status:
  0  stopped by SIGTERM, SIGHUP or Ctrl-C, and everything in hand was settled
  1  stopped, and requests were cut off; Braze sends their events again
  2  an option is wrong, the port is taken, a file cannot be used
"""

_SAMPLE: Final[Mapping[str, Any]] = {
    "event_type": "users.messages.email.Click",
    "id": "try-1",
    "time": 1763900000,
    "user": {"external_user_id": "braze-heap-test-1"},
    "properties": {"link_alias": "hero"},
}


class CutOffError(click.ClickException):
    """
    Somebody else has the rest: Braze sends it again.
    """

    exit_code = 1


@click.command(epilog=_EPILOG, short_help="Run the endpoint for a Currents feed.")
@sink_option(f"Where the events go. Required with a token; {CALLS} in a trial.")
@click.option(
    "--token-env",
    metavar="NAME",
    help="Environment variable with the bearer token, or two while one is replaced. "
    f"[default: {_VARIABLE}; without it and --sink, a token is made for a try]",
)
@click.option(
    "--dead-letter",
    "path",
    metavar="FILE",
    type=FilePath(dir_okay=False),
    default=DEAD_LETTER,
    show_default=True,
    help="Keep here what cannot be delivered.",
)
@max_bytes_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to use.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="0 is any that is free.",
)
@click.option(
    "--grace",
    metavar="SECONDS",
    type=click.FloatRange(min=1),
    default=GRACE,
    show_default=True,
    help="How long requests in hand may take when it is stopped.",
)
@transformer_options
@click.option("--log-json", is_flag=True, help="Log as JSON, one object a line.")
def serve(
    spec: str | None,
    token_env: str | None,
    path: Path,
    max_bytes: int | None,
    host: str,
    port: int,
    grace: float,
    log_json: bool,
    **options: Any,
) -> None:
    """
    Take Currents events over HTTP, and deliver them before each answer.

    Without options it is a trial: a token is made and shown once, and the calls go to a
    file. Braze needs https: put a proxy or a load balancer before it.
    """
    check_extra()
    log = RequestLog(sys.stderr, is_json=log_json)
    metrics = Metrics()
    with contextlib.ExitStack() as stack:
        stack.enter_context(logging_to(log))
        transformer = transformer_from_options(**options)
        access = _access(spec, token_env, host, is_log=log_json)
        spec = spec or CALLS
        refuse_files(spec, path, options["config"])
        listener = stack.enter_context(bound(host, port))
        store = stack.enter_context(open_store(path, is_made=True, max_bytes=max_bytes))
        counted = stack.enter_context(open_store(path))
        sink = stack.enter_context(_closing(open_sink_or_exit(spec), log, metrics))
        _ = [
            *EVENT_TYPES.values()
        ]  # loaded now: later no descriptor may be left for it
        pipeline = Pipeline(transformer, sink, store, observers=[metrics])
        receiver = AsyncReceiver(pipeline, access.tokens)
        service = Service(
            receiver,
            metrics,
            stored=counted.by_reason,
            told=log.request,
        )
        server = server_of(service, grace, lambda: _say_stopping(log, receiver, grace))
        _greet(log, url_of(listener), access, _target(sink, spec), path)
        run_until_told(server, listener)
        asyncio.run(receiver.close(0))
    if metrics.cut_off:
        cut = plural(metrics.cut_off, "request")
        raise CutOffError(f"{cut} cut off. Braze sends the events again.")


def _greet(
    log: RequestLog, url: str, access: "_Access", target: str, path: Path
) -> None:
    if log.is_json:
        log.tell("listening", url=url, sink=target)
    else:
        click.echo(_greeting(url, access, target, path), err=True)


def _say_stopping(log: RequestLog, receiver: AsyncReceiver, grace: float) -> None:
    requests, _ = receiver.in_flight
    if requests:
        waits = (
            f"{plural(requests, 'request')} in hand, for up to {format_duration(grace)}"
        )
        log.tell(f"Stopping: waits for {waits}; Ctrl-C cuts them off")


@attrs.frozen
class _Access:
    """
    Who may send, and how that is said.

    Attributes:
        tokens: Of the receiver.
        variable: Where the token comes from; `None` if it was made.
        made: The token, if it was made.
    """

    tokens: Tokens
    variable: str | None
    made: str | None = attrs.field(default=None, repr=False)


def _access(
    spec: str | None, variable: str | None, host: str, *, is_log: bool
) -> _Access:
    """
    Return the tokens of the environment; for a trial, one that is made.

    Made anew at each start, a token would stop the feed for good: Braze takes a 401 for
    an answer. And a feed whose events go to a file by default would never reach Heap.

    Raises:
        UnusableError: There is no token or no sink, and this is not a trial.
    """
    name = variable or _VARIABLE
    if spec is not None and not spec.strip():
        raise UnusableError(f"--sink is empty: {_WHERE_TO}")
    has_token = bool(os.environ.get(name, "").split())
    is_trial = spec is None and variable is None and not is_log and is_here(host)
    if is_trial and not has_token:
        made = secrets.token_urlsafe(24)
        return _Access(Tokens(made), None, made)
    try:
        tokens = Tokens.from_env(name)
    except ValueError as error:
        raise UnusableError(f"{error}. For a new one: openssl rand -hex 32") from None
    if spec is None:
        flaw = f"{name} is set, so this is not a trial, and --sink is missing"
        raise UnusableError(f"{flaw}: {_WHERE_TO}")
    return _Access(tokens, name)


@contextlib.contextmanager
def _closing(sink: Sink, log: RequestLog, metrics: Metrics) -> Iterator[Sink]:
    """
    Close *sink* at the end, and then tell what became of all events.
    """
    try:
        yield sink
    finally:
        try:
            sink.close()
        except OSError as error:
            flaw = error.strerror or type(error).__name__
            raise UnusableError(f"the sink cannot be closed: {flaw}") from None
        finally:
            log.total("Stopped.", metrics.report)


def _target(sink: Sink, spec: str) -> str:
    target = HeapTarget.of(sink)
    return f"{target}" if target else describe_sink(spec, target)


def _greeting(url: str, access: _Access, target: str, path: Path) -> str:
    """
    Return what a person needs: what to enter in Braze, and how to try it.
    """
    where = f"\n{_MARGIN}made for this try; set {_VARIABLE} to have one that stays"
    token = f"{access.made}{where}" if access.made else f"in {access.variable}"
    lines = [
        f"The endpoint for Braze is {url}/ - Ctrl-C stops it.",
        "",
        f"  calls go to    {target}",
        f"  dead letters   {safe(str(path), 200)}",
        f"  to watch       {url}/metrics, /healthz, /readyz",
        "",
        "Enter in Braze, as a Current of the kind Custom HTTP (or Heap):",
        "  endpoint       https://YOUR-HOST/  (of a proxy with TLS before this)",
        f"  bearer token   {token}",
        "",
        "Try it from another terminal:",
        f"  {_curl(url, access)}",
        "",
    ]
    if target.startswith("Heap: "):
        lines[3:3] = textwrap.wrap(
            SILENTLY, 78, initial_indent=_MARGIN, subsequent_indent=_MARGIN
        )
    return "\n".join(lines)


_MARGIN: Final = " " * 17


def _curl(url: str, access: _Access) -> str:
    body = json.dumps({"events": [_SAMPLE]})
    token = access.made or f"${{{access.variable}%% *}}"
    return f'curl -i {url}/ -H "Authorization: Bearer {token}" -d {shlex.quote(body)}'
