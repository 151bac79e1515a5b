"""Reading of one layer of a configuration: a file, or the environment."""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from braze_heap._options import parser_of
from braze_heap._text import did_you_mean, similar
from braze_heap._wiring import warn
from braze_heap.config._keys import (
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
    r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)"
)
"""Variables, without the prefix, that Kubernetes sets in each pod for a service that is
called ``braze-heap`` or ``braze-heap-...``."""

_KUBERNETES_PORT: Final = re.compile(r"(\w+_)?PORT")
"""The name, without the prefix, of one more such variable; its value is an address such
as ``tcp://10.0.0.1:80``."""

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
    """
    Return what a TOML file, or a JSON file by its suffix, sets.

    Raises:
        OSError: The file cannot be read.
        ConfigError: It is not TOML or JSON.
    """
    content = _parsed(Path(path))
    layer: Layer = {}
    for table, values in content.items():
        if table not in TABLES or not isinstance(values, dict):
            errors.append(f"{path}: {_wrong_table(table, values)}")
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
    kind = "JSON" if file.suffix.lower() == ".json" else "TOML"
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8 text: save it as UTF-8") from None
    try:
        content = (
            json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
            if kind == "JSON"
            else tomllib.loads(text)
        )
    except ValueError as error:
        raise ConfigError(f"{file} is not {kind}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{file} is nested too deeply") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{file} must hold one JSON object, with an object per table")
    return content


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} is given twice")
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _wrong_table(name: str, value: object) -> str:
    """Return why a name at the top level of a file means nothing."""
    if name in TABLES:
        return f"{name} must be a table: write [{name}]"
    if name == "braze_heap":
        return "the table [braze_heap] is now called [transform]"
    if table := next((t for t in TABLES if name in file_keys(t)), None):
        if isinstance(value, dict):
            return f"there is no table [{name}]: write [{table}.{name}]"
        return f"{name!r} is outside of its table: write it below [{table}]"
    kind = "table" if isinstance(value, dict) else "table or key"
    hint = did_you_mean(name.lower(), TABLES)
    return f"there is no {kind} {name!r}.{hint} Tables are {', '.join(TABLES)}"


def _wrong_key(
    table: str, key: str, value: Any, beside: Mapping[str, Any]
) -> str | None:
    """Return why a key in a table of a file means nothing; `None` if it is right."""
    keys = [*file_keys(table)]
    declared = declared_keys(table).get(key)
    if declared and declared.is_secret:
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
    """
    Return what environment variables set.

    Args:
        environ: The environment.
        kind: Kind of the sink in the file.

    Warns:
        UserWarning: Other variables with the prefix, which set nothing.
    """
    known, layer, unknown = variables(), Layer(), []
    kind = environ.get(f"{ENVIRONMENT_PREFIX}SINK__KIND", kind)
    prefix = f"{ENVIRONMENT_PREFIX}SINK__"
    for name, text in environ.items():
        rest = name[len(ENVIRONMENT_PREFIX) :]
        if name in known:
            layer[known[name]] = Given(text, name, f"variable {name}")
        elif name.startswith(prefix) and is_own_kind(kind):
            key = name.removeprefix(prefix).lower()
            layer["sink", key] = Given(text, name, f"variable {name}")
        elif (
            name.upper().startswith(ENVIRONMENT_PREFIX)
            and name != _READ_BY_COMMANDS
            and not _is_of_kubernetes(rest, text)
        ):
            unknown.append(f"{name}{_suggestion(name)}")
    if unknown:
        number = "1 environment variable sets" if len(unknown) == 1 else ""
        number = number or f"{len(unknown)} environment variables set"
        warn(f"{number} nothing: {', '.join(unknown)}")
    return layer


def parse_text(given: Given, kind: Any) -> Any:
    """
    Return the value that the text of a variable describes.

    Raises:
        ConfigError: The text does not describe one.
    """
    parse = parser_of(kind)
    if not given.value.strip(" ,") and kind not in (str, str | None):
        raise ConfigError(f"{given.place} is empty: set or remove it")
    try:
        return parse(given.value) if parse else given.value
    except ValueError as error:
        raise ConfigError(f"{given.place}: {error}") from None


def _suggestion(name: str) -> str:
    """Return the variable that *name* was probably meant to be."""
    known, upper = variables(), name.upper()
    rest = upper[len(ENVIRONMENT_PREFIX) :]
    found = [
        each
        for each in known
        if each.replace("__", "_") == upper.replace("__", "_")
        or each.endswith(f"__{rest}")
    ]
    if not found:
        parts = {each[len(ENVIRONMENT_PREFIX) :]: each for each in known}
        found = [parts[each] for each in similar(rest, parts, likeness=0.75)]
    return f" (did you mean {found[0]}?)" if found else ""


def _is_of_kubernetes(name: str, text: str) -> bool:
    is_address = re.match(r"(tcp|udp|sctp)://", text)
    return bool(
        _KUBERNETES.fullmatch(name) or (is_address and _KUBERNETES_PORT.fullmatch(name))
    )
