"""Reading of one layer of a configuration: a file, or the environment."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from braze_heap._options import declaration_of, parser_of, unique
from braze_heap._text import did_you_mean, similar
from braze_heap._wiring import warn
from braze_heap.config._tables import (
    ENVIRONMENT_PREFIX,
    TABLES,
    Key,
    declared_keys,
    file_keys,
    is_own_kind,
    variables,
)
from braze_heap.config._values import ConfigError

_KUBERNETES: Final = re.compile(
    r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)=.*"
    r"|(\w+_)?PORT=(tcp|udp|sctp)://.*"
)
"""Variables, without the prefix, that Kubernetes sets in each pod for a service that is
called ``braze-heap`` or ``braze-heap-...``."""

_READ_BY_COMMANDS: Final = f"{ENVIRONMENT_PREFIX}CONFIG"

_PASSWORD: Final = re.compile(r"://[^/@]*:[^@]*@|password=", re.IGNORECASE)


@attrs.frozen
class Given:
    """
    A value as it was given.

    Attributes:
        value: The value; text if it is from a variable.
        place: The beginning of an error message about it.
        source: Kind and name of the place.
    """

    value: Any = attrs.field(repr=False)
    place: str
    source: str


Layer = dict[Key, Given]


def read_file(path: "os.PathLike[str] | str", errors: list[str]) -> Layer:
    """Return what a TOML file, or a JSON file by its suffix, sets. See `load`."""
    content = _parsed(Path(path))
    layer: Layer = {}
    for table, values in content.items():
        if table not in TABLES or not isinstance(values, dict):
            errors.append(f"{path}: {_wrong_table(table)}")
            continue
        for key, value in values.items():
            if error := _wrong_key(table, key, value, values):
                errors.append(f"{path}: {error}")
            else:
                layer[table, key] = Given(
                    value, f"{path}: {table}.{key}", f"file {path}"
                )
    return layer


def _parsed(file: Path) -> dict[str, Any]:
    is_json = file.suffix.lower() == ".json"
    kind = "JSON" if is_json else "TOML"
    try:
        text = file.read_bytes().decode("utf-8-sig")
        content = (
            json.loads(text, object_pairs_hook=unique)
            if is_json
            else tomllib.loads(text)
        )
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8 text: save it as UTF-8") from None
    except ValueError as error:
        raise ConfigError(f"{file} is not {kind}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{file} is nested too deeply") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{file} must hold one JSON object, with an object per table")
    return content


def _wrong_table(name: str) -> str:
    """Return why a name at the top level of a file means nothing."""
    if name in TABLES:
        return f"{name} must be a table: write [{name}]"
    if table := next((t for t in TABLES if name in file_keys(t)), None):
        return f"{name!r} is outside of its table: write it as {table}.{name}"
    hint = did_you_mean(name.lower(), TABLES)
    return f"there is no table {name!r}.{hint} Tables are {', '.join(TABLES)}"


def _wrong_key(
    table: str, key: str, value: Any, beside: Mapping[str, Any]
) -> str | None:
    """Return why a key in a table of a file means nothing; `None` if it is right."""
    keys = [*file_keys(table)]
    declared = declared_keys(table).get(key)
    if declared and declaration_of(declared).secret:
        if key == "url" and not has_password(str(value)):
            return None
        return (
            f"{table}.{key} is a secret, which must not be in this file: name a "
            f"variable with {key}_env, or a file with {key}_file"
        )
    if key in keys or (table == "sink" and is_own_kind(beside.get("kind"))):
        return None
    for other in TABLES:
        if key in file_keys(other) or key in declared_keys(other):
            return f"there is no key {key!r} in [{table}]: write it below [{other}]"
    hint = did_you_mean(key.lower(), keys)
    return f"there is no key {key!r} in [{table}].{hint}"


def has_password(text: str) -> bool:
    """Return whether *text* is a URL with a password."""
    return bool(_PASSWORD.search(text))


def read_environ(environ: Mapping[str, str], kind: object) -> Layer:
    """Return what variables set, if the file has a *kind* of sink. Warn of others."""
    known, layer, unknown = variables(), Layer(), []
    kind = environ.get(f"{ENVIRONMENT_PREFIX}SINK__KIND", kind)
    prefix = f"{ENVIRONMENT_PREFIX}SINK__"
    for name, text in environ.items():
        if name in known:
            layer[known[name]] = Given(text, name, f"variable {name}")
        elif name.startswith(prefix) and is_own_kind(kind):
            key = name.removeprefix(prefix).lower()
            layer["sink", key] = Given(text, name, f"variable {name}")
        elif (
            name.upper().startswith(ENVIRONMENT_PREFIX)
            and name != _READ_BY_COMMANDS
            and not _KUBERNETES.fullmatch(f"{name[len(ENVIRONMENT_PREFIX) :]}={text}")
        ):
            meant = similar(name.upper(), known, likeness=0.75)
            unknown.append(f"{name} (did you mean {meant[0]}?)" if meant else name)
    if unknown:
        warn(f"environment variables that set nothing: {', '.join(unknown)}")
    return layer


def parse_text(given: Given, kind: Any) -> Any:
    """Return the value that a text describes, or raise a `ConfigError`."""
    parse = parser_of(kind)
    if not given.value.strip(" ,") and kind not in (str, str | None):
        raise ConfigError(f"{given.place} is empty: set or remove it")
    try:
        return parse(given.value) if parse else given.value
    except ValueError as error:
        raise ConfigError(f"{given.place}: {error}") from None
