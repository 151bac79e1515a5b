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
from braze_heap.config._tables import LogConfig, ServeConfig, SinkConfig, StateConfig
from braze_heap.config._transform import TransformConfig

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
        field: Field of an attrs class, if it is one.
    """

    kind: Any
    field: "attrs.Attribute[Any] | None" = None

    @property
    def name(self) -> str:
        """Name of the field."""
        return self.field.name if self.field else ""

    def named_default(self, table: object) -> object:
        """Return the value in *table*, or the name of the default if that is long."""
        value = getattr(table, self.name)
        is_default = self.field is not None and value is self.field.default
        return shown_default(self.field) if self.field and is_default else value

    @property
    def is_secret(self) -> bool:
        """Whether the value must not be shown."""
        return bool(self.field and declaration_of(self.field).secret)

    @property
    def variable(self) -> str:
        """Variable that sets the secret by default; empty for other keys."""
        return declaration_of(self.field).variable if self.field else ""


@functools.cache
def declared_in(options: type) -> Mapping[str, DeclaredKey]:
    """Return the declarations of a table, or of the options of a sink, by key."""
    kinds = types_of(options)
    return {
        key_of(field): DeclaredKey(kinds[field.name], field)
        for field in sorted(attrs.fields(options), key=lambda field: field.inherited)
        if parser_of(kinds[field.name]) and key_of(field) != "*"
    }


@functools.cache
def sink_options(kind: str) -> Mapping[str, DeclaredKey] | None:
    """Return the declarations of the options of a sink; `None` if it is foreign."""
    if kind != "heap":
        return _OPTIONS.get(kind)
    from braze_heap.heap._options import HeapOptions

    options = {**declared_in(HeapOptions)}
    del options["api_key"]  # a key of the table itself
    return options


_OPTIONS: Final[Mapping[str, Mapping[str, DeclaredKey]]] = {
    "file": {"max_bytes": DeclaredKey(int)},
    "console": {},
    "memory": {},
}


KINDS: Final = ("heap", *_OPTIONS)
"""Kinds of sinks of this library."""


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
