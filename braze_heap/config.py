"""
All options of a transformer as one value: from code, a dictionary, TOML, the
environment.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Self, get_args, get_origin

import attrs

from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of
from braze_heap.exceptions import BrazeHeapError
from braze_heap.heap._encoder import Nested
from braze_heap.heap.calls import Value
from braze_heap.mappers import (
    DEFAULT_MAPPERS,
    MapperRegistry,
    Mappers,
)
from braze_heap.mappers._custom import exactly
from braze_heap.mappers._default import DELIVERY_TYPES, ENGAGEMENT_TYPES
from braze_heap.mappers._registry import registry_of
from braze_heap.policies.identity import PLACEHOLDER_IDENTITIES, Identity, first_of
from braze_heap.policies.naming import Naming
from braze_heap.policies.privacy import PersonalData, Treatment
from braze_heap.transformer import Transformer

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
"""Another one; its value is an address such as ``tcp://10.0.0.1:80``."""

_PRESETS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {"all": (), "engagement": ENGAGEMENT_TYPES, "delivery": DELIVERY_TYPES}
)


class ConfigError(BrazeHeapError, ValueError):
    """
    A configuration that means nothing. The text names every flaw with its path.
    """


def _texts(given: Any) -> Any:
    """
    Return *given* as a tuple of texts, where one text may stand for itself.
    """
    return (given,) if isinstance(given, str) else tuple(given)


@attrs.frozen
class TransformConfig:
    """
    The options of `Transformer` that are plain data. Services keep them where they keep
    the rest of their configuration.

    Attributes:
        preset: Which events: ``all``, ``engagement`` (what people did) or ``delivery``
            (what was sent).
        only: Types, classes or groups by name; all others are left out.
        leave_out: Types, classes or groups by name that are left out.
        identity: ``external_user_id`` or ``user_id``; several for the first that there
            is.
        identity_prefix: What identities from all but the first field begin with.
        placeholder_identities: Texts that cannot be an identity because many users can
            share them, such as ``null``; they replace the default list,
            `braze_heap.policies.identity.PLACEHOLDER_IDENTITIES`.
        personal_data: ``drop``, ``keep`` or ``hash``.
        personal_fields: Field name to treatment, where one field differs.
        hash_key: The secret of ``hash``. Rather from the environment than a file.
        event_names: ``display`` (``Email Click``) or ``type``
            (``users.messages.email.Click``).
        event_prefix: What the names of standard events begin with.
        event_renames: Name in Heap to the name to send instead.
        property_prefix: What the names of the properties of standard events begin with.
        property_renames: Property name to the name to send instead.
        nested: What becomes of objects: ``flatten``, ``json`` or ``drop``.
        machines: Whether opens and clicks by machines are told: ``keep`` or ``drop``.
        deletions: Whether ``users.UserDeleteRequest`` deletes the user in Heap.
        local_time: Whether events have hour and weekday on the user's clock.
        fixed_properties: Properties that every event has.
    """

    preset: Literal["all", "engagement", "delivery"] = "all"
    only: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    leave_out: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    identity: tuple[Literal["external_user_id", "user_id"], ...] = attrs.field(
        default=("external_user_id",), converter=_texts
    )
    identity_prefix: str = "braze:"
    placeholder_identities: tuple[str, ...] | None = None
    personal_data: Treatment = "drop"
    personal_fields: dict[str, Treatment] = attrs.field(factory=dict)
    hash_key: str = attrs.field(default="", repr=False)
    event_names: Literal["display", "type"] = "display"
    event_prefix: str = "Braze "
    event_renames: dict[str, str] = attrs.field(factory=dict)
    property_prefix: str = ""
    property_renames: dict[str, str] = attrs.field(factory=dict)
    nested: Nested = "flatten"
    machines: Literal["keep", "drop"] = "keep"
    deletions: bool = False
    local_time: bool = False
    fixed_properties: dict[str, Value] = attrs.field(factory=dict)

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
        converter.register_structure_hook(Value, lambda value, _: _scalar(value))
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
        kinds = {field.name: field.type for field in attrs.fields(cls)}
        _check_names(cls, given, variables=True)
        try:
            found = cls.from_dict(
                {n: _from_text(n, text, kinds[n]) for n, text in given.items()}
            )
        except ConfigError as error:
            raise ConfigError(f"in the environment: {error}") from None
        changes = {name: getattr(found, name) for name in given}
        return attrs.evolve(cls() if base is None else base, **changes)

    def mappers(
        self, mappers: MapperRegistry | Mappers | None = None
    ) -> MapperRegistry:
        """
        Return *mappers*, by default the shipped ones, for the chosen events.

        Raises:
            ConfigError: A name that is not an event type, class or group, or a choice
                that leaves nothing.

        Warns:
            UserWarning: An event type that this version does not have.
        """
        if self.preset not in _PRESETS:
            hint = did_you_mean(str(self.preset), _PRESETS)
            raise ConfigError(f"there is no preset {self.preset!r}.{hint}")
        chosen = DEFAULT_MAPPERS if mappers is None else registry_of(mappers)
        types = _PRESETS[self.preset]
        try:
            chosen = chosen.only(*types) if types else chosen
            chosen = chosen.only(*self.only) if self.only else chosen
            return chosen.except_(*self.leave_out)
        except ValueError as error:
            raise ConfigError(str(error)) from None

    def transformer(
        self, mappers: MapperRegistry | Mappers | None = None
    ) -> Transformer:
        """
        Return the transformer that this describes.

        Args:
            mappers: A team's own registry, instead of the shipped one.

        Raises:
            ConfigError: See `mappers`; or an option that has no effect beside the
                others, such as `hash_key` without ``hash``.
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
            self.mappers(mappers),
            identity=self._identity(),
            placeholder_identities=(
                PLACEHOLDER_IDENTITIES
                if self.placeholder_identities is None
                else self.placeholder_identities
            ),
            personal_data=PersonalData(
                self.personal_data, self.personal_fields, self.hash_key.encode()
            ),
            naming=Naming(
                self.event_names,
                self.event_prefix,
                self.event_renames,
                self.property_prefix,
                self.property_renames,
            ),
            nested=self.nested,
            machines=self.machines,
            deletions=self.deletions,
            local_time=self.local_time,
            fixed_properties=self.fixed_properties,
        )

    def _identity(self) -> Identity:
        if len(self.identity) == 1:
            if self.identity_prefix != attrs.fields(type(self)).identity_prefix.default:
                raise ConfigError(
                    "identity_prefix has no effect, because identity is one field: it "
                    "stands before the ids of the second and further fields"
                )
            return self.identity[0]
        return first_of(*self.identity, prefix=self.identity_prefix)


def variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    Return the text of each environment variable that sets an option, by option.
    """
    found = {
        name.removeprefix(ENVIRONMENT_PREFIX): text
        for name, text in (os.environ if environ is None else environ).items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }
    return {n.lower(): t for n, t in found.items() if not _is_of_kubernetes(n, t)}


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
    cls: type[TransformConfig], options: Mapping[str, Any], *, variables: bool = False
) -> None:
    if not isinstance(options, Mapping):
        raise ConfigError(f"the options must be a mapping, not {kind_of(options)}")
    known = [field.name for field in attrs.fields(cls)]
    for name, value in options.items():
        if name in known:
            continue
        is_table = isinstance(value, dict)
        hint = did_you_mean(name, [*known, *[_TABLE] * is_table])
        place = f"{ENVIRONMENT_PREFIX}{name.upper()}: " if variables else ""
        kind = "table" if is_table else "option"
        raise ConfigError(f"{place}there is no {kind} {name!r}.{hint}")


def _flaw(error: BaseException, kind: Any) -> str:
    """
    Return what is wrong with a value of an option, or of a part of it.
    """
    from cattrs.v import format_exception

    if get_origin(kind) is not Literal:
        return format_exception(error, kind)
    value, known = str(error).partition(" not in literal")[0], get_args(kind)
    hint = did_you_mean(value, known)
    return f"{value!r} is not one of {', '.join(known)}.{hint}"


def _with_tuples(cls: type[TransformConfig], options: Mapping[str, Any]) -> Any:
    """
    Let one name stand where several may.
    """
    several = {f.name for f in attrs.fields(cls) if "tuple" in str(f.type)}
    return {
        name: (value,) if name in several and isinstance(value, str) else value
        for name, value in options.items()
    }


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | int | float):
        raise TypeError(f"{type(value).__name__} is no text or number")
    return value


def _from_text(name: str, text: str, kind: Any) -> Any:
    if kind is bool:
        if text.lower() not in ("true", "false", "1", "0", "yes", "no"):
            raise ConfigError(f"{ENVIRONMENT_PREFIX}{name.upper()} is true or false")
        return text.lower() in ("true", "1", "yes")
    if "dict" in str(kind):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise ConfigError(
                f"{ENVIRONMENT_PREFIX}{name.upper()} is no JSON object"
            ) from None
    if "tuple" in str(kind):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
