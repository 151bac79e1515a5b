"""The whole configuration, from options, variables, a file and defaults."""

import itertools
import os
import re
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from braze_heap._options import check_value, declaration_of
from braze_heap._text import did_you_mean
from braze_heap._wiring import IMPORT_STRING
from braze_heap.config._layers import (
    Given,
    Layer,
    has_password,
    parse_text,
    read_environ,
    read_file,
)
from braze_heap.config._tables import (
    KINDS,
    TABLES,
    Field,
    Key,
    LogConfig,
    ServeConfig,
    SinkConfig,
    StateConfig,
    TransformConfig,
    declared_in,
    is_own_kind,
    sink_options,
)
from braze_heap.config._values import ConfigError, convert
from braze_heap.sinks._spec import GROUP

if TYPE_CHECKING:
    from braze_heap.receiver import Tokens
    from braze_heap.sinks import Sink
    from braze_heap.state import SqliteState, SqlState
    from braze_heap.transformer import Transformer

_MAX_BYTES: Final = 1 << 16
"""Bytes of the file of a secret."""


@attrs.frozen(kw_only=True)
class Config:
    """
    All that an operator sets. Secrets are not in its repr.

    Attributes:
        transform: Mapping, choice of events, personal data.
        sink: Destination.
        state: Dead letters, user properties, progress.
        serve: Endpoint.
        log: Log of the service.
        sources: Keys that were set, such as ``serve.port``, to the place: an option,
            a variable or a file.
    """

    transform: TransformConfig = attrs.field(factory=TransformConfig)
    sink: SinkConfig = attrs.field(factory=SinkConfig)
    state: StateConfig = attrs.field(factory=StateConfig)
    serve: ServeConfig = attrs.field(factory=ServeConfig)
    log: LogConfig = attrs.field(factory=LogConfig)
    sources: Mapping[str, str] = attrs.field(factory=dict, eq=False, repr=False)

    @classmethod
    def from_file(
        cls,
        path: "os.PathLike[str] | str",
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Return the configuration in a file, overridden by variables; see `load`."""
        return cls.load(path, environ)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return the configuration in environment variables; see `load`."""
        return cls.load(environ=environ)

    @classmethod
    def load(
        cls,
        path: "os.PathLike[str] | str | None" = None,
        environ: Mapping[str, str] | None = None,
        options: Mapping[tuple[str, str], tuple[Any, str]] | None = None,
        *,
        secrets_of: Collection[str] = tuple(TABLES),
    ) -> Self:
        """
        Return the configuration; an option wins over a variable, that over the file.

        ``BRAZE_HEAP_SERVE__PORT=8080`` sets *port* in ``[serve]``. In variables, lists
        are separated by commas, and tables are JSON objects. A secret, such as
        ``serve.token``, is set by a variable (``BRAZE_HEAP_SERVE__TOKEN``), or its
        place is named by ``token_env`` or ``token_file``. Of a file of a secret, the
        line end is removed. A table, such as ``personal_fields``, is replaced as a
        whole. Variables that Kubernetes sets for a service with this name
        (``BRAZE_HEAP_SERVICE_HOST``, ``BRAZE_HEAP_PORT_80_TCP``) are ignored.

        Args:
            path: A TOML file, or a JSON file by its suffix.
            environ: The environment. By default that of the process.
            options: Table and key to value and name, such as ``--port``.
            secrets_of: Tables whose secrets are read, because not every user may.

        Raises:
            OSError: The file cannot be read.
            ConfigError: A table, key or value that means nothing, or a secret that
                cannot be read: all of them, one a line, each with its place.

        Warns:
            UserWarning: Variables with the prefix that set nothing.
        """
        environ = os.environ if environ is None else environ
        errors: list[str] = []
        in_file = read_file(path, errors) if path is not None else {}
        kind = in_file.get(("sink", "kind"))
        in_environ = read_environ(environ, kind.value if kind else None)
        in_options: Layer = {
            key: Given(value, name, f"option {name}")
            for key, (value, name) in (options or {}).items()
        }
        found = _merge((in_file, in_environ, in_options), errors)
        _read_secrets(found, environ, secrets_of, errors)
        tables = {}
        for table, options_of in TABLES.items():
            tables[table] = values = dict[str, Any]()
            for key, declared in declared_in(options_of).items():
                try:
                    if given := found.get((table, key)):
                        values[declared.name] = _value(given, declared)
                except ValueError as error:
                    errors.append(str(error))
        tables["sink"]["options"] = _sink_options(found, errors)
        place = found.get(("state", "path"))
        if place and "://" in str(place.value):
            errors.append(f"{place.place} is a URL: name it with url or url_env")
        if tables["state"].get("url") and (cap := found.get(("state", "max_bytes"))):
            errors.append(f"{cap.place} is for a state in a file, not a database")
        if errors:
            raise ConfigError("\n".join(errors))
        sources = {".".join(key): given.source for key, given in found.items()}
        made = {table: TABLES[table](**values) for table, values in tables.items()}
        return cls(**made, sources=sources)

    def is_option(self, name: str) -> bool:
        """Return whether an option of a command, such as ``--port``, is given."""
        return f"option {name}" in self.sources.values()

    def transformer(self) -> "Transformer":
        """
        Return the transformer of ``[transform]``.

        Raises:
            ConfigError: See `TransformConfig.transformer`. An error of a key names the
                place of the key.
        """
        given = [
            f"{key} ({source})"
            for key, source in self.sources.items()
            if key.startswith("transform.") and key != "transform.transformer"
        ]
        try:
            return self.transform.transformer(given=given if self.sources else None)
        except ConfigError:
            raise
        except (ValueError, TypeError) as error:
            words = re.findall(r"\w+", str(error))
            named = [key for key in given if key.partition(" ")[0][10:] in words]
            place = ", ".join(named) or "[transform]"
            raise ConfigError(f"{place}: {error}") from None

    def open_sink(self) -> "Sink":
        """Open the sink of ``[sink]``: see `SinkConfig.open`."""
        return self.sink.open()

    def open_state(self) -> "SqliteState | SqlState":
        """Open the state of ``[state]``: see `StateConfig.open`."""
        return self.state.open()

    def tokens(self) -> "Tokens":
        """Return the tokens of ``[serve]``: see `ServeConfig.tokens`."""
        source = self.sources.get("serve.token", "variable BRAZE_TOKEN")
        return self.serve.tokens(source.partition(" ")[2])

    def values(self) -> Iterator[tuple[str, str, str]]:
        """
        Yield key, value as text, and source of everything that is set or has a default.

        A secret, and an option of a sink that this library does not know, is ``set``.
        """
        for table in TABLES:
            part = getattr(self, table)
            shown = {
                key: _shown_in(part, declared)
                for key, declared in declared_in(TABLES[table]).items()
            }
            if table == "sink":
                if part.spec:  # replaces them
                    del shown["kind"], shown["path"]
                is_own = is_own_kind(part.kind)
                for key, value in part.options.items():
                    shown[key] = _shown(value, is_secret=is_own)
            for key, text in shown.items():
                name = f"{table}.{key}"
                yield name, text, self.sources.get(name, "default")


def _shown_in(part: object, declared: Field) -> str:
    value = getattr(part, declared.name)
    text = _shown(value, is_secret=declaration_of(declared).secret)
    is_long = value is declared.default and len(text) > _MAX_DEFAULT
    return f"{len(value)} texts" if is_long and isinstance(value, Collection) else text


_MAX_DEFAULT: Final = 200  # characters


def _shown(value: Any, *, is_secret: bool) -> str:
    """Return a value as text; of a secret, or a URL with a password, if it is set."""
    if isinstance(value, Mapping):
        value = [f"{name}={each}" for name, each in value.items()]
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, Collection) and not isinstance(value, str):
        text = ", ".join(map(str, value))
    else:
        text = "" if value is None else str(value)
    if is_secret or has_password(text):
        text = "set" if text else "not set"
    return text


def _value(given: Given, declared: Field) -> Any:
    """Return a value of the declared type, or raise a `ValueError` with its place."""
    is_text = given.source.startswith("variable ")
    value = parse_text(given, declared.type) if is_text else given.value
    value = convert(declared.type, value, given.place)
    check_value(declared, declared.type, value, given.place)
    return value


def _merge(layers: tuple[Layer, ...], errors: list[str]) -> Layer:
    """Return the values that win; later layers do."""
    found: Layer = {}
    for layer in layers:
        clashes = [pair for pair in itertools.combinations(layer, 2) if _exclude(*pair)]
        if ("sink", "spec") in layer and not (_is_heap(layer) and _is_heap(found)):
            for name in ("api_key", "api_key_env", "api_key_file"):  # of another sink
                found.pop(("sink", name), None)
        for key, other in itertools.product(layer, [*found]):
            if other == ("sink", "spec") and _exclude(key, other):
                clashes.append((other, key))
            elif _exclude(key, other):
                found.pop(other, None)
        found |= layer
        for one, other in clashes:
            places = f"{found[one].place} and {found[other].place}"
            errors.append(f"{places} exclude each other: keep one")
    return found


def _exclude(one: Key, other: Key) -> bool:
    """Return whether of two keys only one can be in force."""
    (table, name), (other_table, other_name) = one, other
    if one == other or table != other_table:
        return False
    if table == "state":
        return "max_bytes" not in (name, other_name)
    bases = {
        each.removesuffix("_env").removesuffix("_file") for each in (name, other_name)
    }
    is_of_spec = table == "sink" and "spec" in bases  # a sink as text, and an option
    return len(bases) == 1 or (is_of_spec and "api_key" not in bases)


def _read_secrets(
    found: Layer,
    environ: Mapping[str, str],
    tables: Collection[str],
    errors: list[str],
) -> None:
    """Replace the names of variables and files in *found* by the secrets in them."""
    secrets = (
        (table, key, declaration_of(declared).variable)
        for table in TABLES
        for key, declared in declared_in(TABLES[table]).items()
        if declaration_of(declared).secret
    )
    for table, key, default in secrets:
        named = found.pop((table, f"{key}_env"), None)
        at = found.pop((table, f"{key}_file"), None)
        is_used = key != "api_key" or _is_heap(found)
        try:
            for place in filter(None, (named, at)):
                if not convert(str, place.value, place.place):
                    raise ConfigError(f"{place.place} is empty")
            given = named or at or found.get((table, key))
            if key == "api_key" and given and (kind := _kind_of(found)) in _KEYLESS:
                raise ConfigError(f"{given.place} has no effect: {kind!r} has no key")
            if table not in tables:
                continue
            if named:
                found[table, key] = _from_variable(named, environ)
            elif at:
                found[table, key] = _from_file(at)
            elif environ.get(default, "").strip() and is_used:
                given = Given(environ[default], default, f"variable {default}")
                found.setdefault((table, key), given)
        except ConfigError as error:
            errors.append(str(error))


_KEYLESS: Final = ("-", *KINDS[1:])
"""Sinks of this library without a key: all but Heap."""


def _kind_of(layer: Layer) -> object:
    """Return the kind of the sink, whether it is given as text or not."""
    if spec := layer.get(("sink", "spec")):
        return str(spec.value).partition(":")[0]
    kind = layer.get(("sink", "kind"))
    return kind.value if kind else "heap"


def _is_heap(layer: Layer) -> bool:
    """Return whether the sink is Heap, and does not name a variable of its own."""
    spec = layer.get(("sink", "spec"))
    return _kind_of(layer) == "heap" and "api_key" not in str(spec and spec.value)


def _from_variable(named: Given, environ: Mapping[str, str]) -> Given:
    """Return the secret in a variable. A message has no name that can be a secret."""
    name = named.value
    shown = f" {name}" if name.isidentifier() and name.isupper() else ""
    place, text = f"{named.place}: the variable{shown}", environ.get(name, "")
    if not text.strip():
        raise ConfigError(f"{place} is {'empty' if name in environ else 'not set'}")
    return Given(text.rstrip("\r\n"), place, f"variable {name}")


def _from_file(at: Given) -> Given:
    """Return the secret in a file. A message has no path that can be a secret."""
    path = at.value
    shown = f" {path}" if os.path.exists(os.path.dirname(path) or path) else ""  # noqa: PTH110, PTH120 (any text is a path)
    place = f"{at.place}: the file{shown}"
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        text = data.decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        flaw = error.strerror or type(error).__name__
        raise ConfigError(f"{place} cannot be read: {flaw}") from None
    except ValueError:
        raise ConfigError(f"{place} is not UTF-8 text") from None
    if "\0" in text or len(data) > _MAX_BYTES:
        raise ConfigError(f"{place} is not text, or too long for a secret")
    return Given(text, place, f"file {path}")


def _sink_options(found: Layer, errors: list[str]) -> dict[str, Any]:
    """Return the options of the kind of sink that *found* sets."""
    given = {
        key: value
        for (table, key), value in found.items()
        if table == "sink" and key not in ("spec", "api_key")
    }
    kind = given["kind"].value if "kind" in given else "heap"
    if not given or not isinstance(kind, str):
        return {}
    place = next(iter(given.values())).place
    is_name = is_own_kind(kind) and not IMPORT_STRING.fullmatch(kind)
    if is_name and not entry_points(group=GROUP, name=kind):
        hint = did_you_mean(kind.lower(), KINDS)
        known_kinds = f"Known kinds: {', '.join(KINDS)}, module:name"
        errors.append(
            f"{given['kind'].place}: unknown kind {kind!r}.{hint} {known_kinds}"
        )
    if kind == "heap" and "app_id" not in given:
        errors.append(f"{place}: a Heap sink needs sink.app_id, the app ID in Heap")
    path = given.pop("path", None)
    given.pop("kind", None)
    if kind == "file" and not (path and path.value):
        errors.append(f"{place}: a file sink needs sink.path")
    if path and kind != "file" and kind in KINDS:
        errors.append(f"{path.place} is for a file sink")
    elif path and "?" in str(path.value):
        errors.append(f"{path.place} contains a question mark")
    options: dict[str, Any] = {}
    known = sink_options(kind)
    for key, value in given.items():
        try:
            if is_own_kind(kind):  # the sink checks them when it is opened
                options[key] = convert(str | int | float, value.value, value.place)
            elif key in known:
                options[key] = _value(value, known[key])
            else:
                errors.append(f"{value.place}: a {kind} sink has no {key!r}")
        except ValueError as error:
            errors.append(str(error))
    if kind == "heap" and "app_id" in options:
        from braze_heap.heap._options import HeapOptions, check_together

        try:
            check_together(HeapOptions(**options))
        except ValueError as error:
            key, _, flaw = str(error).partition(" ")
            errors.append(f"{given[key].place} {flaw}")
    return {name: value for name, value in options.items() if value is not None}
