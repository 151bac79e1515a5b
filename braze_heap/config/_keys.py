"""Keys of all tables, with their names in files and in the environment."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from braze_heap._options import (
    declaration_of,
    key_of,
    parser_of,
    shown_default,
    types_of,
)
from braze_heap.config._tables import (
    LogConfig,
    ServeConfig,
    SinkConfig,
    StateConfig,
    TransformConfig,
)

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


@attrs.frozen
class DeclaredKey:
    """
    Declaration of a key.

    Attributes:
        kind: Type.
        field: Field of an attrs class.
    """

    kind: Any
    field: "attrs.Attribute[Any]"

    def named_default(self, table: object) -> object:
        """Return the value in *table*, or the name of the default if that is long."""
        value = getattr(table, self.field.name)
        return shown_default(self.field) if value is self.field.default else value

    @property
    def is_secret(self) -> bool:
        """Whether the value must not be shown."""
        return declaration_of(self.field).secret

    @property
    def variable(self) -> str:
        """Variable that sets the secret by default; empty for other keys."""
        return declaration_of(self.field).variable


@attrs.frozen
class _NoOptions:
    """Options of a sink that has none."""


@attrs.frozen
class _FileOptions:
    """Options of a sink that writes a file."""

    max_bytes: int | None = None


_OPTIONS: Final = {"file": _FileOptions, "console": _NoOptions, "memory": _NoOptions}

KINDS: Final = ("heap", *_OPTIONS)
"""Kinds of sinks of this library."""


@functools.cache
def declared_in(options: type) -> Mapping[str, DeclaredKey]:
    """Return the declarations of a table, or of the options of a sink, by key."""
    kinds = types_of(options)
    return {
        key_of(field): DeclaredKey(kinds[field.name], field)
        for field in sorted(attrs.fields(options), key=lambda field: field.inherited)
        if parser_of(kinds[field.name]) and key_of(field) != "*"
    }


def sink_options(kind: str) -> Mapping[str, DeclaredKey] | None:
    """Return the declarations of the options of a sink; `None` if it is foreign."""
    if kind in _OPTIONS:
        return declared_in(_OPTIONS[kind])
    if kind != "heap":
        return None
    from braze_heap.heap._options import HeapOptions

    options = declared_in(HeapOptions)
    return {key: options[key] for key in options if key != "api_key"}  # of the table


def is_own_kind(kind: object) -> bool:
    """Return whether a kind of sink is not one of this library, so has own options."""
    return isinstance(kind, str) and kind not in KINDS


def declared_keys(table: str) -> Mapping[str, DeclaredKey]:
    """Return the declarations of a table; of ``sink`` also those of a Heap sink."""
    own = declared_in(TABLES[table])
    return {**own, **(sink_options("heap") or {})} if table == "sink" else own


def file_keys(table: str) -> Iterator[str]:
    """Yield the keys of a table in a file. A secret has two, which name its place."""
    for key, declared in declared_keys(table).items():
        if not declared.is_secret or key == "url":
            yield key
        if declared.is_secret:
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
