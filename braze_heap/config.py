"""
All options of a transformer as one value: from code, a dictionary, TOML, the
environment.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self, cast, get_args, get_origin

import attrs

from braze_heap._options import documented, from_text, is_list, option, types_of
from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of
from braze_heap.exceptions import BrazeHeapError
from braze_heap.heap.calls import Value
from braze_heap.mappers import (
    DEFAULT_MAPPERS,
    MapperRegistry,
    Mappers,
)
from braze_heap.mappers._custom import exactly
from braze_heap.policies.identity import FirstOfField, Identity, IdentityField, first_of
from braze_heap.policies.naming import Naming
from braze_heap.policies.privacy import PersonalData, Treatment
from braze_heap.transformer import Transformer, TransformerOptions

__all__ = ["ENVIRONMENT_PREFIX", "ConfigError", "TransformConfig"]

ENVIRONMENT_PREFIX: Final = "BRAZE_HEAP_"
"""What the names of environment variables begin with."""

_TABLE: Final = "braze_heap"
"""The table of a configuration file that holds the options."""

_KUBERNETES: Final = re.compile(
    r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)"
)
"""Variables, without the prefix, that Kubernetes sets in each pod for a service that is
called ``braze-heap`` or ``braze-heap-...``."""

_KUBERNETES_PORT: Final = re.compile(r"(\w+_)?PORT")
"""The name, without the prefix, of one more such variable; its value is an address such
as ``tcp://10.0.0.1:80``."""


class ConfigError(BrazeHeapError, ValueError):
    """A configuration that means nothing. The text names every flaw with its path."""


def _texts(given: Any) -> Any:
    """Return *given* as a tuple of texts, where one text may stand for itself."""
    return (given,) if isinstance(given, str) else tuple(given)


@documented
@attrs.frozen(kw_only=True)
class TransformConfig(TransformerOptions):
    """
    The options of `Transformer` that are plain data, so that a service can keep them
    with the rest of its configuration.
    """

    identity: tuple[FirstOfField, ...] = option(
        ("external_user_id",),
        "``external_user_id`` or ``user_id``; of several, with or without "
        "``device_id``, the first that is present.",
        converter=_texts,
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
        "Secret of ``hash``. Set it in the environment rather than in a file.",
        secret=True,
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

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> Self:
        """
        Return the configuration that *options* describe.

        Raises:
            ConfigError: An unknown option, or a value of another type; all of them.
        """
        import cattrs

        _check_names(cls, options)
        converter = cattrs.Converter()
        for exact in (str, bool):
            converter.register_structure_hook(exact, exactly)
        converter.register_structure_hook(float, lambda value, _: _number(value))
        converter.register_structure_hook(Value, lambda value, _: _scalar(value))
        converter.register_structure_hook_func(
            lambda kind: is_list(kind) and cast("Any", get_origin(kind)) is not tuple,
            lambda value, _: converter.structure(_listed(value), tuple[str, ...]),
        )
        try:
            return converter.structure(_with_tuples(cls, options), cls)
        except cattrs.BaseValidationError as error:
            flaws = cattrs.transform_error(error, "config", _flaw)
            raise ConfigError("; ".join(flaws)) from None

    @classmethod
    def from_file(cls, path: "os.PathLike[str] | str") -> Self:
        """
        Return the configuration in a TOML file, or in a JSON file by its suffix.

        The options are at the top level, or in a table ``[braze_heap]``. Any other
        table or key is an error, because nothing would read it.

        Raises:
            OSError: The file cannot be read.
            ConfigError: It is not TOML or JSON, or holds an unknown table or option, or
                a wrong value. The text names the file.
        """
        file = Path(path)
        is_json = file.suffix == ".json"
        try:
            text = file.read_text(encoding="utf-8")
            options = json.loads(text) if is_json else tomllib.loads(text)
        except ValueError as error:
            kind = "JSON" if is_json else "TOML"
            raise ConfigError(f"{file} is no {kind}: {error}") from None
        except RecursionError:
            raise ConfigError(f"{file} is nested too deeply") from None
        try:
            return cls.from_dict(_options_in(options))
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from None

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, *, base: Self | None = None
    ) -> Self:
        """
        Return the configuration in environment variables.

        ``BRAZE_HEAP_LOCAL_TIME=true`` sets `local_time`. Lists are separated by commas,
        mappings are JSON objects. Other variables with the prefix are an error, so that
        a typo does not go unnoticed. Those that Kubernetes sets for a service with this
        name (``BRAZE_HEAP_SERVICE_HOST``, ``BRAZE_HEAP_PORT_80_TCP``) are ignored.

        Args:
            environ: The environment. By default that of the process.
            base: The configuration that the variables override, such as that of a file.
                By default the default values.

        Raises:
            ConfigError: An unknown variable, or a value that its option does not take.
        """
        given = variables(environ)
        _check_names(cls, given, is_env=True)
        try:
            found = cls.from_dict(from_text(cls, given, variable_of))
        except ValueError as error:
            raise ConfigError(f"in the environment: {error}") from None
        changes = {name: getattr(found, name) for name in given}
        return attrs.evolve(cls() if base is None else base, **changes)

    def transformer(
        self, mappers: MapperRegistry | Mappers | None = None
    ) -> Transformer:
        """
        Return the transformer that this describes.

        Args:
            mappers: A team's own registry, instead of the shipped one.

        Raises:
            ConfigError: An option has no effect beside the others, such as `hash_key`
                without ``hash``.
            ValueError: See `Transformer`; ``hash`` without a key, for example.
            TypeError: See `Transformer`.

        Warns:
            UserWarning: A name that this version does not have; see `Transformer`.
        """
        treatments = (self.personal_data, *self.personal_fields.values())
        if self.hash_key and "hash" not in treatments:
            raise ConfigError(
                "hash_key is given, but nothing is hashed: set personal_data or a "
                "field in personal_fields to 'hash', or remove hash_key"
            )
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
                raise ConfigError(
                    "identity_prefix has no effect, because identity is one field: it "
                    "stands before the ids of the second and further fields"
                )
            return cast("IdentityField", self.identity[0])  # checked by the transformer
        return first_of(*self.identity, prefix=self.identity_prefix)


def variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the text of each environment variable that sets an option, by option."""
    found = {
        name.removeprefix(ENVIRONMENT_PREFIX): text
        for name, text in (os.environ if environ is None else environ).items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }
    return {n.lower(): t for n, t in found.items() if not _is_of_kubernetes(n, t)}


def variable_of(name: str) -> str:
    """Return the environment variable of an option."""
    return f"{ENVIRONMENT_PREFIX}{name.upper()}"


def _is_of_kubernetes(name: str, text: str) -> bool:
    is_address = re.match(r"(tcp|udp|sctp)://", text)
    return bool(
        _KUBERNETES.fullmatch(name) or (is_address and _KUBERNETES_PORT.fullmatch(name))
    )


def _options_in(content: Any) -> Mapping[str, Any]:
    """
    Return the options in a file, which are the whole *content* or one table of it.

    Raises:
        ConfigError: Nothing reads a part of it.
    """
    if not isinstance(content, dict):
        raise ConfigError("it holds no options: a JSON file holds one object")
    options = content.get(_TABLE, content)
    if not isinstance(options, dict):
        raise ConfigError(f"{_TABLE!r} is not a table: write [{_TABLE}]")
    unread = [name for name in content if options is not content and name != _TABLE]
    if unread:
        kind = "table" if isinstance(content[unread[0]], dict) else "option"
        raise ConfigError(
            f"nothing reads the {kind} {unread[0]!r}, because the file has a table "
            f"[{_TABLE}]: only that one is read. "
            + ("Remove it." if kind == "table" else "Move the option there.")
        )
    return options


def _check_names(
    cls: type[TransformConfig], options: Mapping[str, Any], *, is_env: bool = False
) -> None:
    if not isinstance(options, Mapping):
        raise ConfigError(f"the options must be a mapping, not {kind_of(options)}")
    known = [field.name for field in attrs.fields(cls)]
    for name, value in options.items():
        if name in known:
            continue
        is_table = isinstance(value, dict)
        hint = did_you_mean(name, [*known, *[_TABLE] * is_table])
        place = f"{variable_of(name)}: " if is_env else ""
        kind = "table" if is_table else "option"
        raise ConfigError(f"{place}there is no {kind} {name!r}.{hint}")


def _flaw(error: BaseException, kind: Any) -> str:
    """Return what is wrong with a value of an option, or of a part of it."""
    from cattrs.v import format_exception

    if is_list(kind):
        return "a list of texts is needed"
    if get_origin(kind) is not Literal:
        return format_exception(error, kind)
    value, known = str(error).partition(" not in literal")[0], get_args(kind)
    hint = did_you_mean(value, known)
    return f"{value!r} is not one of {', '.join(known)}.{hint}"


def _with_tuples(cls: type[TransformConfig], options: Mapping[str, Any]) -> Any:
    """Accept one name instead of several."""
    kinds = types_of(cls)
    return {
        name: (value,) if is_list(kinds[name]) and isinstance(value, str) else value
        for name, value in options.items()
    }


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{kind_of(value)} is not a number")
    return value


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        raise TypeError("a table is not a list")
    return value


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | int | float):
        raise TypeError(f"{type(value).__name__} is no text or number")
    return value
