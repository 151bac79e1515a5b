"""``braze-heap serve``: the endpoint of a Currents feed, and its log."""

import asyncio
import contextlib
import functools
import importlib
import json
import logging
import secrets
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import attrs
import click

from braze_heap import Pipeline
from braze_heap._errors import describe_exception, error_context
from braze_heap._log_limits import LogRateLimiter, suppressed_note
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli import _sinks as sinks
from braze_heap.config import Config, SinkConfig
from braze_heap.events import EVENT_TYPES
from braze_heap.receiver import AsyncReceiver
from braze_heap.receiver.service import Metrics, Service
from braze_heap.report import counts
from braze_heap.sinks import Sink

logger: Final = logging.getLogger("braze_heap.serve")

CALLS: Final = "file:calls.jsonl"
"""Default sink in trial mode: nothing leaves the machine."""

_SAMPLE: Final[Mapping[str, Any]] = {
    "event_type": "users.messages.email.Click",
    "id": "try-1",
    "time": 1763900000,
    "user": {"external_user_id": "braze-heap-test-1"},
    "properties": {"link_alias": "hero"},
}


@ui.command(
    one="stopped, and requests were cut off; Braze sends their events again",
    zero="stopped by SIGTERM, SIGHUP or Ctrl-C, all requests answered",
    more=sinks.SINKS_HELP,
    without=(ui.UNAVAILABLE, *ui.SIGNALS, ui.SIGPIPE_EXIT),
)
@opts.setup_options(
    "transform sink state serve",
    sinks.sink_option(f"Destination. Required with a token; {CALLS} in trial mode."),
    opts.key_option(
        "serve.token_env",
        "--token-env NAME",
        "Environment variable with the bearer token, or two while one is replaced.  "
        f"[default: {opts.TOKEN_VARIABLE}; "
        "without it and --sink, a token is generated]",
    ),
    *sinks.state_options(),
    opts.key_option("serve.host"),
    opts.key_option("serve.port"),
    opts.key_option("serve.grace", "--grace SECONDS"),
    opts.key_option(
        "log.format",
        "--log-json",
        "Log as JSON, one object a line.",
        flag_value="json",
        type=str,
    ),
    opts.key_option("log.level", "--log-level"),
)
def serve(setup: opts.Setup) -> None:
    """
    Run the endpoint for a Currents feed.

    Events are delivered before each answer. Without options it runs in trial mode: it
    generates a token and prints it once, and writes the calls to a file. Braze needs
    https: use a proxy or a load balancer.

    Besides the endpoint there are /healthz, /readyz and /metrics (Prometheus).

    Examples::

        braze-heap serve
        BRAZE_TOKEN=... braze-heap serve --sink 'heap:?app_id=11&region=eu'
        BRAZE_TOKEN=... braze-heap serve --sink file:calls.jsonl --host 0.0.0.0
    """
    require_server()
    from braze_heap.cli._server import bound, run_until_stopped, server_of, url_of

    config = setup.config
    log = LineHandler(sys.stderr, is_json=config.log.format == "json")
    client = importlib.import_module("prometheus_client")
    client.disable_created_metrics()  # they double the page
    metrics = Metrics()
    with contextlib.ExitStack() as stack:
        stack.enter_context(logging_to(log, config.log.level))
        transformer = opts.build_transformer(config)
        for text in opts.never_over_http(transformer):
            logger.warning("%s", text)
        config = in_force(setup)
        spec, state = config.sink.to_spec(), sinks.place_of_state(config)
        listener = stack.enter_context(bound(config.serve.host, config.serve.port))
        stores = stack.enter_context(sinks.state_of(config))
        sink = sinks.open_sink_or_exit(config)
        stack.callback(_close, sink, log, metrics)
        _ = [*EVENT_TYPES.values()]  # later no file descriptor may be left to load them
        ledger = sinks.ledger_for(spec, sink, stores.ledger, logger.warning)
        pipeline = Pipeline(
            transformer, sink, stores.dead_letter, ledger=ledger, observers=[metrics]
        )
        receiver = AsyncReceiver(pipeline, config.tokens())
        service = Service(receiver, metrics)
        server = server_of(service, config.serve.grace)
        url, target = url_of(listener), sinks.HeapTarget.of(sink)
        sink_name = sinks.describe_sink(spec, target)
        context = {"url": url, "sink": sink_name, "state": str(state)}
        logger.info("Listening at %s", url, extra={"braze_context": context})
        if not log.is_json:
            click.echo(_greeting(url, config, sink_name, state), err=True)
        run_until_stopped(server, listener)
        asyncio.run(receiver.close(0))
    if metrics.cancelled:
        cut = ui.plural(metrics.cancelled, "request")
        raise click.ClickException(f"{cut} cut off. Braze sends the events again.")


def require_server() -> None:
    """Raise an `UnusableError` if a package of the service is missing."""
    ui.require_extra("serving", "server", "prometheus_client", "uvicorn")


def in_force(setup: opts.Setup) -> Config:
    """
    Return the configuration; in trial mode, with a generated token, and a sink.

    Outside of trial mode, token and sink are required: a 401 after a restart would make
    Braze disable the feed, and events in a default file would never reach Heap.
    """
    config = _with_trial(setup.config)
    place = sinks.place_of_state(config)
    sinks.refuse_files(config.sink.to_spec(), place, setup.file)
    return config


def _with_trial(config: Config) -> Config:
    has_sink, has_token = bool(config.sink.to_spec()), bool(config.serve.token.split())
    is_log = config.log.format == "json"
    if not (has_sink or has_token or is_log) and opts.is_here(config.serve.host):
        own = attrs.evolve(config.serve, token=secrets.token_urlsafe(24))
        return attrs.evolve(config, serve=own, sink=SinkConfig(spec=CALLS))
    try:
        config.tokens()
    except ValueError as error:
        raise ui.UnusableError(f"{error}. {opts.NEW_TOKEN}") from None
    if not has_sink:
        source = config.sources["serve.token"]
        raise ui.UnusableError(
            f"a token is set ({source}), so this is not a trial, and --sink is "
            "missing: name where the events go, such as --sink 'heap:?app_id=11'. "
            f"--sink {CALLS} only writes them to a file."
        )
    return config


def _close(sink: Sink, log: "LineHandler", metrics: Metrics) -> None:
    """Close *sink*, then log the totals."""
    try:
        sink.close()
    except OSError as error:
        raise sinks.failure_of(error) from None
    finally:
        log.flush_suppressed()
        context = {"braze_context": counts(metrics.report)}
        logger.info("Stopped. %s", metrics.report, extra=context)


def _greeting(url: str, config: Config, target: str, path: sinks.StatePlace) -> str:
    """Return the text at start: settings for Braze, and a command for a test."""
    source = config.sources.get("serve.token")
    token = f"in {source}"
    if not source:
        advice = f"generated for this run; set {opts.TOKEN_VARIABLE} to keep one"
        token = f"{config.serve.token}\n{_MARGIN}{advice}"
    lines = [
        f"The endpoint for Braze is {url}/ - Ctrl-C stops it.",
        "",
        f"  calls go to    {target}",
        f"  state          {ui.safe(str(path), 200)}",
        f"  monitoring     {url}/metrics, /healthz, /readyz",
        "",
        "Enter in Braze, as a Custom Currents Export (or a Heap Export):",
        "  endpoint       https://YOUR-HOST/  (a proxy with TLS, in front of this)",
        f"  bearer token   {token}",
        "",
        "Try it from another terminal:",
        f"  {_curl(url, config)}",
        "",
    ]
    if target.startswith("Heap: "):
        lines.insert(3, f"{_MARGIN}{sinks.SILENTLY}")
    return "\n".join(lines)


_MARGIN: Final = " " * 17


def _curl(url: str, config: Config) -> str:
    body = json.dumps({"events": [_SAMPLE]})
    kind, _, name = config.sources.get("serve.token", "").partition(" ")
    if kind == "file":
        token = f"$(cat {shlex.quote(name)})"
    else:
        token = f"${{{name}%% *}}" if kind else config.serve.token
    return f'curl -i {url}/ -H "Authorization: Bearer {token}" -d {shlex.quote(body)}'


class LineHandler(logging.StreamHandler[TextIO]):
    """
    Write each record as one line with the time in UTC, the same warning once a minute.

    Of an exception it writes class, number and place, because its text may quote
    events. If the stream is closed, lines are lost without an error.
    """

    def __init__(self, stream: TextIO, *, is_json: bool) -> None:
        super().__init__(stream)
        self._repeats = LogRateLimiter()
        self.is_json = is_json

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless the same warning was written in the last minute."""
        error, context = _exception(record), getattr(record, "braze_context", {})
        if error is not None and not isinstance(error, Exception):
            return  # a cancellation, at the end
        if record.levelno < logging.WARNING or "suppressed" in context:
            super().emit(record)  # the library limits its own warnings
            return
        text = record.msg if isinstance(record.msg, str) else _message(record)
        cause = error_context(error).items() if error else ()
        write = functools.partial(self._write, record)
        number = self._repeats.record((record.name, text, *cause), write)
        if number is not None:
            write(number)

    def _write(self, record: logging.LogRecord, suppressed: int) -> None:
        record.suppressed = suppressed
        record.created = time.time()  # of the line: the record may be an earlier one
        super().emit(record)

    def flush_suppressed(self) -> None:
        """Write the warnings that were suppressed, with their number."""
        self._repeats.flush(at_end=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*; of a faulty record as far as possible."""
        suppressed = getattr(record, "suppressed", 0)
        context = {**getattr(record, "braze_context", {})}
        message = _message(record)
        if error := _exception(record):
            message += f": {describe_exception(error)}"
            context |= error_context(error)
        if number := suppressed or context.pop("suppressed", 0):
            context["suppressed"] = number
        level = str(record.levelname).lower()
        message = ui.safe(message + suppressed_note(suppressed), 500)
        at = datetime.fromtimestamp(record.created, UTC)
        if self.is_json:
            time = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            own = {"level": level, "logger": str(record.name), "message": message}
            return json.dumps({"time": time, **own, **context, **own})
        prefix = f"{level}: " if record.levelno >= logging.WARNING else ""
        return f"{at:%Y-%m-%dT%H:%M:%SZ}  {prefix}{message}"

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's)
        """Lose a line that cannot be written."""


def _exception(record: logging.LogRecord) -> Any:
    info = record.exc_info
    return info[1] if isinstance(info, tuple) and len(info) > 1 else None


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage().strip()
    except Exception as error:  # wrong arguments, or a value without a text
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{text} (cannot be formatted: {type(error).__name__})".strip()


@contextlib.contextmanager
def logging_to(handler: logging.Handler, level: str = "info") -> Iterator[None]:
    """
    Send the records of every logger of the process to *handler* in the block.

    The *level* is for this library. Of other libraries only warnings are logged,
    because other records may quote requests.
    """
    root, own = logging.getLogger(), logging.getLogger("braze_heap")
    before = own.level
    own.setLevel(level.upper())
    handler.setLevel(level.upper())
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        own.setLevel(before)
