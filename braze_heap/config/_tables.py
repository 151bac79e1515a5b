"""Tables of a configuration, each declared once: key, type, default and meaning."""

import urllib.parse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from braze_heap._options import documented, option
from braze_heap._state_limits import MAX_BYTES, MIN_BYTES
from braze_heap.config._values import ConfigError

if TYPE_CHECKING:
    from braze_heap.receiver import Tokens
    from braze_heap.sinks import Sink
    from braze_heap.state import SqliteState, SqlState


@documented
@attrs.frozen(kw_only=True)
class SinkConfig:
    """
    Table ``[sink]``: the destination, as one text or as a kind with its options.
    """

    spec: str = option(
        "",
        "The sink as one text, such as ``heap:?app_id=11&region=eu``, instead of "
        "*kind* and its options. See `open_sink`.",
        filled=True,
    )
    kind: str = option(
        "heap",
        "``heap``, ``file``, ``console``, ``memory``, the name of an installed sink, "
        "or ``module:name``. A sink is code: it is imported and called.",
        filled=True,
    )
    path: str = option(
        "", "Path of a ``file``, such as ``calls.jsonl.gz``.", filled=True
    )
    api_key: str = option(
        "",
        "API key of the Heap app. Only deletions need it.",
        secret=True,
        variable="HEAP_API_KEY",
    )
    options: Mapping[str, Any] = option(
        {},
        "Options of *kind*. In a file they are keys of the table.",
        secret=True,
        key="*",
    )

    def to_spec(self) -> str:
        """Return the sink as one text without secrets; empty if there is no sink."""
        if self.spec or not (self.path or self.options or self.kind != "heap"):
            return self.spec
        options = {name: _to_text(value) for name, value in self.options.items()}
        if ":" in self.kind:
            name = self.kind
            options |= {"path": self.path} if self.path else {}
        else:
            name = f"{self.kind}:{self.path}"
        return f"{name}?{urllib.parse.urlencode(options)}" if options else name

    def open(self) -> "Sink":
        """
        Open the sink.

        Raises:
            ConfigError: No sink is configured.
            SinkSpecError: See `open_sink`.
        """
        from braze_heap.sinks import open_sink

        spec = self.to_spec()
        if not spec:
            raise ConfigError("there is no sink: set app_id, kind or spec in [sink]")
        has_key = self.api_key and spec.startswith("heap:")
        return open_sink(spec, **({"api_key": self.api_key} if has_key else {}))


def _to_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@documented
@attrs.frozen(kw_only=True)
class StateConfig:
    """
    Table ``[state]``: dead letters, user properties and progress.
    """

    path: str = option("state.db", "Path of the state file.", filled=True)
    url: str = option(
        "",
        "URL of a database, instead of *path*, such as "
        "``postgresql+psycopg://user@host/name``. Replicas share it. Only one without "
        "a password may be in the file.",
        secret=True,
    )
    max_bytes: int = option(
        MAX_BYTES,
        "Largest size of all dead letters in the state file, in bytes.",
        between=(MIN_BYTES, 1 << 50),
    )

    def open(self) -> "SqliteState | SqlState":
        """
        Open the state; a file is created if it does not exist.

        Raises:
            StateError: See `SqliteState` and `SqlState`.
        """
        from braze_heap.state import SqliteState, SqlState

        if self.url:
            return SqlState(self.url)
        return SqliteState(self.path, max_bytes=self.max_bytes)


@documented
@attrs.frozen(kw_only=True)
class ServeConfig:
    """
    Table ``[serve]``: the endpoint.
    """

    host: str = option("127.0.0.1", "Address to use; 0.0.0.0 for all.", filled=True)
    port: int = option(8080, "Port; 0 for any free one.", between=(0, 65535))
    grace: float = option(
        25.0,
        "Seconds to let in-flight requests finish on shutdown. Kubernetes waits 30.",
        between=(1, 86_400),
    )
    token: str = option(
        "",
        "The bearer token, or two while one is replaced, separated by a space.",
        secret=True,
        variable="BRAZE_TOKEN",
    )

    def tokens(self, source: str = "serve.token") -> "Tokens":
        """
        Return the tokens.

        Args:
            source: Name of the place of the tokens, for a message.

        Raises:
            ValueError: There is no token, or one is not valid in a header.
        """
        from braze_heap.receiver import Tokens

        return Tokens.from_env(source, {source: self.token})


@documented
@attrs.frozen(kw_only=True)
class LogConfig:
    """
    Table ``[log]``: the log of the service.
    """

    level: Literal["debug", "info", "warning", "error"] = option(
        "info", "Least severe records to write."
    )
    format: Literal["text", "json"] = option(
        "text", "Lines of text, or one JSON object a line."
    )
