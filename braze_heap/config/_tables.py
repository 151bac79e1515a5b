"""Tables and keys of a configuration, each declared once, and their names."""

import functools
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from braze_heap._options import (
    declaration_of,
    documented,
    option,
    parser_of,
    types_of,
)
from braze_heap._state_limits import MAX_BYTES, MIN_BYTES
from braze_heap.config._load import load_transformer
from braze_heap.config._values import ConfigError
from braze_heap.mappers import DEFAULT_MAPPERS, MapperRegistry, Mappers
from braze_heap.policies.identity import FirstOfField, Identity, first_of
from braze_heap.policies.naming import Naming
from braze_heap.policies.privacy import PersonalData, Treatment
from braze_heap.transformer import Transformer, TransformerOptions

if TYPE_CHECKING:
    from braze_heap.receiver import Tokens
    from braze_heap.sinks import Sink
    from braze_heap.state import SqliteState, SqlState


@documented
@attrs.frozen(kw_only=True)
class TransformConfig(TransformerOptions):
    """
    Table ``[transform]``: the options of `Transformer` that are plain data.
    """

    import_name: str = option(
        "",
        "Your own mappers as ``module:name``, such as ``mappers:registry``: a registry "
        "or `Mappers`, a function from `TransformConfig` to `Transformer`, or a "
        "`Transformer`, which has its own options. Importing it runs its code.",
        filled=True,
        key="transformer",
    )
    identity: tuple[FirstOfField, ...] = option(
        ("external_user_id",),
        "``external_user_id`` or ``user_id``; of several, with or without "
        "``device_id``, the first that is present.",
        converter=lambda given: (given,) if isinstance(given, str) else tuple(given),
        filled=True,
    )
    identity_prefix: str = option(
        "braze:", "Beginning of identities from all but the first field."
    )
    personal_data: Treatment = option("drop", "``drop``, ``keep`` or ``hash``.")
    personal_fields: Mapping[str, Treatment] = option(
        {}, "Field name to treatment, for fields that differ from *personal_data*."
    )
    hash_key: str = option(
        "",
        "Secret of ``hash``, at least 16 bytes.",
        secret=True,
        filled=True,
    )
    event_names: Literal["display", "type", "action"] = option(
        "display",
        "``display`` (``Email Click``), ``type`` (``users.messages.email.Click``) or "
        "``action`` (``Message Click`` for all channels).",
    )
    event_prefix: str = option("Braze ", "Beginning of the names of standard events.")
    custom_event_prefix: str | None = option(
        None,
        "Beginning of the names of custom events. By default that of standard events "
        "and ``Custom``.",
        example="Braze Custom ",
    )
    event_renames: Mapping[str, str] = option(
        {}, "Name in Heap to the name to send instead."
    )
    property_prefix: str = option(
        "", "Beginning of the names of properties of standard events."
    )
    property_renames: Mapping[str, str] = option(
        {}, "Property name to the name to send instead."
    )

    def transformer(
        self,
        mappers: MapperRegistry | Mappers | None = None,
        *,
        given: Sequence[str] | None = None,
    ) -> Transformer:
        """
        Return the transformer that this describes.

        Args:
            mappers: A team's own registry, instead of the one that `import_name` names
                or the shipped one.
            given: Names, for a message, of the options that were set. By default of
                those that differ from their default value.

        Raises:
            ConfigError: `import_name` cannot be imported.
            ValueError: See `Transformer`; ``hash`` without a key, or an
                `identity_prefix` without effect, for example.
            TypeError: See `Transformer`.

        Warns:
            UserWarning: A name that this version does not have; see `Transformer`.
        """
        if self.import_name and mappers is None:
            own = attrs.evolve(self, import_name="")
            if given is None:
                values = attrs.asdict(TransformConfig(), recurse=False).items()
                given = [name for name, value in values if getattr(own, name) != value]
            return load_transformer(self.import_name, own, given)
        return Transformer(
            DEFAULT_MAPPERS if mappers is None else mappers,
            identity=self._identity(),
            personal_data=PersonalData(
                self.personal_data, self.personal_fields, self.hash_key.encode()
            ),
            naming=Naming(
                self.event_names,
                self.event_prefix,
                self.event_renames,
                self.property_prefix,
                self.property_renames,
                self.custom_event_prefix,
            ),
            **{name: getattr(self, name) for name in types_of(TransformerOptions)},
        )

    def _identity(self) -> Identity:
        if len(self.identity) == 1:
            if self.identity_prefix != attrs.fields(type(self)).identity_prefix.default:
                raise ValueError(
                    "identity_prefix has no effect, because identity is one field: it "
                    "is put in front of the ids of the second and further fields"
                )
            if self.identity[0] == "device_id":
                raise ValueError(
                    "identity cannot be device_id only, because a person can use "
                    "several devices: put external_user_id or user_id before it"
                )
            return self.identity[0]
        return first_of(*self.identity, prefix=self.identity_prefix)


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
        filled=True,
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
        options = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self.options.items()
        }
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
        return open_sink(spec, **({"api_key": self.api_key} if self.api_key else {}))


@documented
@attrs.frozen(kw_only=True)
class StateConfig:
    """
    Table ``[state]``: dead letters, user properties and progress.
    """

    path: str = option(
        "state.db",
        "Path of the state file.",
        filled=True,
        matches=(
            r"(?!:memory:$|file:).*",
            "must be the path of a file, because the state must outlive the process",
        ),
    )
    url: str = option(
        "",
        "URL of a database, instead of *path*, such as "
        "``postgresql+psycopg://user@host/name``. Replicas share it. Only one without "
        "a password may be in the file.",
        secret=True,
        filled=True,
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
        filled=True,
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


# --- Keys -----------------------------------------------------------------------------

ENVIRONMENT_PREFIX: Final = "BRAZE_HEAP_"
"""Beginning of the names of environment variables."""

Key: TypeAlias = tuple[str, str]
"""Names of a table and of a key in it."""

TABLES: Final[Mapping[str, type]] = {
    "transform": TransformConfig,
    "sink": SinkConfig,
    "state": StateConfig,
    "serve": ServeConfig,
    "log": LogConfig,
}


Field: TypeAlias = "attrs.Attribute[Any]"
"""Declaration of a key: a field that `option` has made."""


KINDS: Final = ("heap", "file", "console", "memory")
"""Kinds of sinks of this library."""


@functools.cache
def declared_in(options: type) -> Mapping[str, Field]:
    """Return the declarations of a table, or of the options of a sink, by key."""
    return {
        declaration_of(field).key or field.name: field
        for field in sorted(attrs.fields(options), key=lambda field: field.inherited)
        if parser_of(field.type) and declaration_of(field).key != "*"
    }


@attrs.frozen
class _FileOptions:
    max_bytes: int | None = option(
        None, "Size at which a new file is started.", positive=True
    )


def sink_options(kind: str) -> Mapping[str, Field]:
    """Return the declarations of the options of a *kind* of sink, without its key."""
    if kind != "heap":
        return declared_in(_FileOptions) if kind == "file" else {}
    from braze_heap.heap._options import HeapOptions

    options = declared_in(HeapOptions)
    return {key: options[key] for key in options if key != "api_key"}  # of the table


def is_own_kind(kind: object) -> bool:
    """Return whether a kind of sink is not one of this library, so has own options."""
    return isinstance(kind, str) and kind not in KINDS


def declared_keys(table: str) -> Mapping[str, Field]:
    """Return the declarations of a table; of ``sink`` also those of a Heap sink."""
    own = declared_in(TABLES[table])
    return {**own, **sink_options("heap")} if table == "sink" else own


def file_keys(table: str) -> Iterator[str]:
    """Yield the keys of a table in a file. A secret has two, which name its place."""
    for key, declared in declared_keys(table).items():
        is_secret = declaration_of(declared).secret
        if not is_secret or key == "url":
            yield key
        if is_secret:
            yield f"{key}_env"
            yield f"{key}_file"


def variable_of(table: str, key: str) -> str:
    """Return the environment variable that sets a key."""
    return f"{ENVIRONMENT_PREFIX}{table}__{key}".upper()


@functools.cache
def variables() -> Mapping[str, Key]:
    """Return the keys by environment variable; a secret can be set itself, too."""
    return {
        variable_of(table, key): (table, key)
        for table in TABLES
        for key in (*declared_keys(table), *file_keys(table))
    }
