"""Policy for the names of events and properties in Heap."""

from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import attrs

from braze_heap._options import copy_of_mapping
from braze_heap._text import similar, utf16_length
from braze_heap._wiring import check_function, kind_of, warn
from braze_heap.events import CurrentsEvent
from braze_heap.events._schema import schema_of
from braze_heap.heap._encoder import RESERVED_NAMES, Nested, PropertyEncoder
from braze_heap.heap.calls import EARLIEST_WINS, MAX_TEXT, Value
from braze_heap.mappers import Declared, MapperRegistry
from braze_heap.mappers._custom import custom_of
from braze_heap.mappers._standard import TAKEN_NAMES, property_names
from braze_heap.payloads import HeapEvent, ReturnValueError, StandardEvent, described
from braze_heap.policies.redaction import CUSTOM_FIELDS

__all__ = ["Naming", "Style"]

Style: TypeAlias = Literal["display", "type", "action"] | Callable[[CurrentsEvent], str]
"""
Style of event names, or a function of the event.

``display`` is Braze's display name (``Email Click``), ``type`` the event type
(``users.messages.email.Click``). ``action`` is ``Message Click`` for message engagement
events with a channel, and the display name for others.
"""


HEAP_EMAIL: Final = "email"
"""Heap's built-in user property for the email address."""


_MAX_PREFIX: Final = 500
"""UTF-16 units of a prefix. Behind it fit 255 characters, the longest name in Braze."""


@attrs.frozen
class Naming:
    """
    The names of events and properties.

    Attributes:
        event_names: Style of the names of standard events. Custom events keep the names
            that your team chose.
        event_prefix: Beginning of the names of standard events.
        event_renames: Name in Heap, including the prefix, to the name to send instead.
            Applies to all events, including those named by your mappers.
        property_prefix: Beginning of the names of the properties of standard events,
            and of the user properties of shipped mappers.
        property_renames: Property name, flattened and prefixed, to the name to send
            instead. Applies to standard events, and to the user properties of shipped
            mappers: ``braze_subscription_group_<id>`` to ``newsletter``.
        custom_event_prefix: Beginning of the names of your custom events, so that a
            custom event *Purchase* and Braze's are two events in Heap; ``None`` for
            *event_prefix* and ``Custom``.

    Raises:
        ValueError: Unknown style, a prefix of over 500 UTF-16 units, or a new name that
            is empty or over 1,023 of them.
        TypeError: An option has another type.
    """

    event_names: Style = "display"
    event_prefix: str = "Braze "
    event_renames: Mapping[str, str] = attrs.field(
        default=MappingProxyType({}), converter=copy_of_mapping
    )
    property_prefix: str = ""
    property_renames: Mapping[str, str] = attrs.field(
        default=MappingProxyType({}), converter=copy_of_mapping
    )
    custom_event_prefix: str | None = None

    def __attrs_post_init__(self) -> None:
        if isinstance(self.event_names, str):
            if self.event_names not in ("display", "type", "action"):
                raise ValueError(
                    "event_names must be 'display', 'type', 'action' or a function, "
                    f"not {self.event_names!r}"
                )
        else:
            check_function("event_names", self.event_names)
        for option in ("event_prefix", "property_prefix", "custom_event_prefix"):
            prefix = getattr(self, option)
            if option == "custom_event_prefix" and prefix is None:
                continue
            if not isinstance(prefix, str):
                raise TypeError(f"{option} must be text, not {kind_of(prefix)}")
            if utf16_length(prefix) > _MAX_PREFIX:
                raise ValueError(
                    f"{option} has over {_MAX_PREFIX} UTF-16 units, so names behind it "
                    "would be truncated"
                )
        for option in ("event_renames", "property_renames"):
            renames = getattr(self, option)
            if not isinstance(renames, Mapping):
                raise TypeError(f"{option} must be a mapping, not {kind_of(renames)}")
            for name, new in renames.items():
                if not isinstance(name, str) or not isinstance(new, str):
                    raise TypeError(f"{option} must map text to text: {name!r}")
                if not new or new.isspace():
                    raise ValueError(f"{option} gives {name!r} an empty name")
                if utf16_length(new) > MAX_TEXT:
                    raise ValueError(
                        f"{option} gives {name!r} a name of over {MAX_TEXT:,} UTF-16 "
                        "units, which Heap does not accept"
                    )

    @property
    def touches_properties(self) -> bool:
        """Whether any property is renamed."""
        return bool(self.property_prefix or self.property_renames)

    def event_name(self, payload: HeapEvent, event: CurrentsEvent) -> str:
        """Return the name in Heap of *payload*, which a mapper returned for *event*."""
        name = payload.name
        if isinstance(payload, StandardEvent) and payload.has_own_name:
            name = f"{self.own_prefix}{name}"
        elif isinstance(payload, StandardEvent):
            if name == getattr(event, "display_name", None):
                name = self.standard_name(event)
            name = f"{self.event_prefix}{name}"
        return self.event_renames.get(name, name)

    def standard_name(self, event: CurrentsEvent) -> str:
        """Return the name of *event* in the chosen style, without prefix."""
        if callable(self.event_names):
            name: object = self.event_names(event)
            if isinstance(name, str) and name and not name.isspace():
                return name
            shown = "blank text" if isinstance(name, str) else described(name)
            raise ReturnValueError(f"event_names returned {shown}, not a name")
        return name_in_style(type(event), self.event_names) or event.event_type

    @property
    def own_prefix(self) -> str:
        """Beginning of the names of custom events."""
        prefix = self.custom_event_prefix
        return f"{self.event_prefix}Custom " if prefix is None else prefix

    def property_name(self, name: str) -> str:
        """Return the new name of the property *name*."""
        prefixed = f"{self.property_prefix}{name}"
        return self.property_renames.get(prefixed, prefixed)

    def user_properties(
        self, given: dict[str, Value], encoder: PropertyEncoder
    ) -> dict[str, Any]:
        """
        Return the legal user properties *given* of a shipped mapper under their new
        names. Heap's own ``email`` gets no prefix.
        """
        if not self.touches_properties or HEAP_EMAIL not in given:
            return self.properties(given, encoder)
        others = {name: value for name, value in given.items() if name != HEAP_EMAIL}
        return {HEAP_EMAIL: given[HEAP_EMAIL], **self.properties(others, encoder)}

    def properties(
        self, given: dict[str, Value], encoder: PropertyEncoder
    ) -> dict[str, Any]:
        """
        Return the legal properties *given* under their new names, legal and distinct.

        If new names are equal, the order of the old ones decides which is numbered.
        """
        if not self.touches_properties:
            return given
        new = {name: self.property_name(name) for name in given}
        names = given if len({*new.values()}) == len(new) else sorted(given)
        renamed: dict[str, Any] = {}
        for name in names:
            renamed[encoder.unused_name(new[name], renamed)] = given[name]
        return renamed


def name_in_style(cls: type[CurrentsEvent], style: object) -> str:
    """Return the name of the events of *cls* in *style*, which is not a function."""
    entry: Any = getattr(cls, "_entry", None)
    is_message = entry and entry.category == "message_engagement" and entry.channel
    if style == "action" and is_message and entry.action:
        return name_of_action(entry.action)
    name = "event_type" if style == "type" else "display_name"
    return str(getattr(cls, name, ""))


def name_of_action(action: str) -> str:
    """Return the name of the events of *action* of any channel."""
    return f"Message {action.replace('_', ' ').title()}"


def checked_naming(
    naming: Naming,
    mappers: MapperRegistry,
    event_types: Mapping[str, type[CurrentsEvent]],
    *,
    absent: Collection[str] = (),
    nested: Nested = "flatten",
    derives: bool = False,
) -> Naming:
    """
    Check *naming* and return it. Loads all event classes if it renames anything.

    Warn about a new name for a name that does not exist, or may be misspelled, and
    about one new name for two properties. Names of custom events, and names from
    functions, are not checked.

    Args:
        naming: The policy.
        mappers: Mappers whose events it names.
        event_types: Event classes by type.
        absent: Derived and similar properties that other options turn off.
        nested: Form of objects, which decides whether dotted names exist.
        derives: Whether a function of the team adds properties.

    Raises:
        TypeError: *naming* is not a `Naming`.
        ValueError: Heap, or the order of values, does not allow a new name of a user
            property.
    """
    if not isinstance(naming, Naming):
        raise TypeError(
            f"naming must be a Naming, not {kind_of(naming)}: "
            "write Naming(event_prefix=...)"
        )
    entries = mappers.registrations.values()
    # custom events have any properties, even those of a shipped class
    is_shipped = all(e.is_fallback and not custom_of(e.key) for e in entries)
    is_known = is_shipped and not derives
    if naming.event_renames and not callable(naming.event_names):
        known, prefix = _event_names(naming, mappers, event_types), naming.event_prefix
        for name in naming.event_renames:
            is_custom = name.startswith(naming.own_prefix)
            is_new = name.startswith(prefix) and "." in name
            is_open = not is_shipped or is_custom or is_new
            _warn("event", name, known, prefix, is_open=is_open)
    if naming.property_renames:
        _check_property_renames(naming, event_types, absent, nested, is_known)
    return naming


def _check_property_renames(
    naming: Naming,
    event_types: Mapping[str, type[CurrentsEvent]],
    absent: Collection[str],
    nested: Nested,
    is_known: bool,
) -> None:
    prefix = naming.property_prefix
    own = {cls: _properties_of(cls) for cls in event_types.values()}
    known = {*TAKEN_NAMES, "user"}.difference(absent).union(*own.values())
    known = {f"{prefix}{name}" for name in known - {"id", "time"}}
    for name, new in naming.property_renames.items():
        top, dot, _ = name.removeprefix(prefix).partition(".")
        is_prefixed = name.startswith(prefix)
        is_object = is_prefixed and top in CUSTOM_FIELDS
        if is_object and bool(dot) is not (nested == "flatten"):
            hint = f". Write {name}.<key>" if nested == "flatten" else ""
            hint = f". Write {prefix}{top}" if nested == "json" else hint
            warn(
                f"property_renames: with nested={nested!r} no property is called "
                f"{name!r}{hint}"
            )
        elif is_prefixed and top.startswith("braze_") and name not in known:
            _check_user_property(name, new)
        else:
            top = f"{prefix * is_prefixed}{top}"
            is_open = is_prefixed and not is_known
            _warn("property", top, known, prefix, is_open=is_open)
    pairs = {
        pair for names in own.values() for pair in _pairs_with_one_name(naming, names)
    }
    for new, first, second in sorted(pairs):
        warn(
            f"property_renames: {first!r} and {second!r} both become {new!r}. In an "
            f"event that has both, the second is sent as '{new}_2'"
        )


def _check_user_property(name: str, new: str) -> None:
    """Raise `ValueError` if Heap, or the order of values, does not allow *new*."""
    if new in RESERVED_NAMES:
        raise ValueError(
            f"property_renames gives {name!r} the name {new!r}, which Heap does not "
            "accept for user properties: choose another"
        )
    if EARLIEST_WINS.search(name) and not EARLIEST_WINS.search(new):
        raise ValueError(
            f"property_renames gives {name!r} the name {new!r}. Of this property the "
            "earliest value wins, so its name must end with 'braze_first_session_at'"
        )


def _pairs_with_one_name(
    naming: Naming, names: set[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield each new name that two of *names* get, and these."""
    by_name: dict[str, str] = {}
    for name in sorted(names):
        new = naming.property_name(name)
        first = by_name.setdefault(new, name)
        if first != name:
            yield new, first, name


def _properties_of(cls: type[CurrentsEvent]) -> set[str]:
    """Return the names of the properties that standard events of *cls* can have."""
    names = property_names(cls)
    return {names.get(field, field) for field in schema_of(cls).places}


def _event_names(
    naming: Naming,
    mappers: MapperRegistry,
    event_types: Mapping[str, type[CurrentsEvent]],
) -> set[str]:
    """Return the names in Heap, before renaming, of all events with a fixed name."""
    registered = mappers.registrations.values()
    customs = (custom.name for each in registered if (custom := custom_of(each.key)))
    own = (name_in_style(cls, naming.event_names) for cls in event_types.values())
    declared = {r.mapper.name for r in registered if isinstance(r.mapper, Declared)}
    named = {f"{naming.event_prefix}{name}" for name in own}
    return declared | named | {f"{naming.own_prefix}{name}" for name in customs if name}


def _warn(kind: str, name: str, known: set[str], prefix: str, *, is_open: bool) -> None:
    """Warn if *name* is not *known*; with *is_open*, only if a known one is similar."""
    if name in known:
        return
    unprefixed = {each.removeprefix(prefix): each for each in known}
    close = similar(name.removeprefix(prefix), unprefixed, likeness=0.8)
    if close or not is_open:
        hint = f" Did you mean {unprefixed[close[0]]!r}?" if close else ""
        warn(f"{kind}_renames: no {kind} is called {name!r}.{hint}")
