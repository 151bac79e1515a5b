"""Keys of all tables, with their names in files and in the environment."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from braze_heap._options import declaration_of, parser_of
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


def heap_options() -> Mapping[str, Field]:
    """Return the declarations of the options of a Heap sink that are not secret."""
    from braze_heap.heap._options import HeapOptions

    options = declared_in(HeapOptions)
    return {key: options[key] for key in options if key != "api_key"}  # of the table


def is_own_kind(kind: object) -> bool:
    """Return whether a kind of sink is not one of this library, so has own options."""
    return isinstance(kind, str) and kind not in KINDS


def declared_keys(table: str) -> Mapping[str, Field]:
    """Return the declarations of a table; of ``sink`` also those of a Heap sink."""
    own = declared_in(TABLES[table])
    return {**own, **heap_options()} if table == "sink" else own


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
