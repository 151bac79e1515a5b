"""Registry of mappers: an immutable value, never global."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar, overload

import attrs

from braze_heap import events
from braze_heap._text import did_you_mean, is_glob
from braze_heap._wiring import check_function, kind_of, warn
from braze_heap.events import EVENT_TYPES, CurrentsEvent, UnknownEvent
from braze_heap.exceptions import BrazeHeapError
from braze_heap.mappers._custom import custom_of
from braze_heap.mappers._declared import Declared
from braze_heap.mappers._structure import reader_of
from braze_heap.payloads import PAYLOADS, Mapped

Mapper: TypeAlias = Callable[[Any], Mapped]
"""Function from a typed event to payloads for Heap."""

Key: TypeAlias = type[CurrentsEvent] | type[Any] | str
"""
Events of a mapper: an event class, a channel base or a group; an event type as Braze
writes it, known or not; or a class that `custom_event` or `purchase` marks.
"""


@attrs.frozen
class Registration:
    """
    Entry of a registry: a mapper with its key and origin.

    Attributes:
        key: Events of the mapper.
        mapper: The function.
        origin: Module and name of the function; file and line unless it is shipped.
        is_fallback: Whether every entry that is not a fallback takes precedence.
    """

    key: Key
    mapper: Mapper
    origin: str
    is_fallback: bool = False

    @classmethod
    def of(cls, key: Key, mapper: Mapper) -> Registration:
        """Return the entry of *mapper* for *key*. The mapper is not checked."""
        return cls(key, mapper, origin_of(mapper))


@attrs.frozen
class Explanation:
    """
    Explanation of the choice of a mapper for an event class.

    Attributes:
        event: The class.
        winner: The entry that applies; ``None`` if the class has no mapper.
        beaten: The other entries for the class, nearest first.
    """

    event: type[CurrentsEvent]
    winner: Registration | None
    beaten: tuple[Registration, ...]

    def __str__(self) -> str:
        name = self.event.__name__
        if self.winner is None:
            return f"{name}: skipped, because it has no mapper."
        lines = [
            f"{name}: {self.winner.origin}, the mapper for {_name(self.winner.key)}"
        ]
        lines += [f"  instead of {r.origin}, for {_name(r.key)}" for r in self.beaten]
        return "\n".join(lines)


@attrs.frozen
class MapperConflictError(BrazeHeapError, ValueError):
    """
    Two mappers for the same events. Use ``override`` or ``|`` to replace the first.

    Attributes:
        first: The existing entry.
        second: The rejected entry.
    """

    first: Registration
    second: Registration

    def __str__(self) -> str:
        return (
            f"{_name(self.first.key)} already has a mapper, {self.first.origin}. "
            f"To replace it with {self.second.origin}, use override()."
        )


class MapperRegistry:
    """
    Immutable set of mappers by event class or type. Methods return a new registry.

    The first entry that exists applies to an event: the one for its type by name, then
    those for its class and the bases of it in method resolution order. These are the
    class itself, its channel, the groups in the order of the class, and
    `CurrentsEvent`. The shipped mappers are fallbacks: a team's mapper for a whole
    channel takes precedence over the shipped mapper for one of its types.
    """

    def __init__(
        self, entries: Mapping[Key, Registration] = MappingProxyType({})
    ) -> None:
        self._registrations: Final = MappingProxyType(dict(entries))
        self._found: Final[dict[type[CurrentsEvent], Registration | None]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self._registrations),)

    @property
    def registrations(self) -> Mapping[Key, Registration]:
        """The entries by key."""
        return self._registrations

    def add(self, key: Key, mapper: Mapper) -> MapperRegistry:
        """
        Return this registry with another mapper.

        Raises:
            MapperConflictError: There is a mapper for *key*.
        """
        key = _mapper_key(key)
        entry = _entry(key, mapper)
        if key in self._registrations:
            raise MapperConflictError(self._registrations[key], entry)
        return MapperRegistry({**self._registrations, key: entry})

    def override(self, key: Key, mapper: Mapper) -> MapperRegistry:
        """
        Return this registry with *mapper* for *key*, replacing an existing one.

        A mapper for the event type of a class, or the class of a type, is replaced too.
        """
        key = _mapper_key(key)
        beside = _other_key(key)
        others = {
            k: registration
            for k, registration in self._registrations.items()
            if k != beside or registration.is_fallback
        }
        return MapperRegistry({**others, key: _entry(key, mapper)})

    def without(self, *keys: Key) -> MapperRegistry:
        """
        Return this registry without the mappers for *keys*. The next nearest apply.

        Raises:
            KeyError: One of *keys* has no mapper.
        """
        for key in keys:
            if key not in self._registrations:
                raise KeyError(f"{_name(key)} has no mapper")
        return MapperRegistry(
            {k: r for k, r in self._registrations.items() if k not in keys}
        )

    def as_fallback(self) -> MapperRegistry:
        """Return this registry with all its entries as fallbacks of later ones."""
        return MapperRegistry(
            {
                k: attrs.evolve(r, is_fallback=True)
                for k, r in self._registrations.items()
            }
        )

    def __or__(self, other: MapperRegistry | Mappers) -> MapperRegistry:
        """
        Return a registry with the mappers of both sides.

        If both have one for a key, the right one takes precedence; but a mapper of a
        team always takes precedence over a shipped one.
        """
        if not isinstance(other, MapperRegistry | Mappers):
            return NotImplemented
        entries = dict(self._registrations)
        for key, entry in registry_of(other).registrations.items():
            left = entries.get(key, entry)
            if left.is_fallback or not entry.is_fallback:
                entries[key] = entry
        return MapperRegistry(entries)

    def mapper_for(self, event: CurrentsEvent | type[CurrentsEvent]) -> Mapper | None:
        """Return the mapper of *event*, or of a class; ``None`` if it is skipped."""
        entry = self.registration_for(event)
        return entry.mapper if entry else None

    def registration_for(
        self, event: CurrentsEvent | type[CurrentsEvent]
    ) -> Registration | None:
        """Return the entry that applies to *event*; ``None`` if it is skipped."""
        cls = event if isinstance(event, type) else type(event)
        if cls not in self._found:
            entry = next(iter(self._candidates(event)), None)
            if issubclass(cls, UnknownEvent):
                return entry
            self._found[cls] = entry
        return self._found[cls]

    def _candidates(
        self, event: CurrentsEvent | type[CurrentsEvent], event_type: str | None = None
    ) -> list[Registration]:
        """Return the entries for *event* or a class. The first one applies."""
        cls = event if isinstance(event, type) else type(event)
        if not issubclass(cls, CurrentsEvent) and not custom_of(cls):
            raise TypeError(f"expected an event or its class, not {kind_of(event)}")
        if event_type is None:
            event_type = getattr(event, "event_type", "")
        keys: tuple[Any, ...] = (event_type, *cls.__mro__)
        nearest_first = [
            self._registrations[key] for key in keys if key in self._registrations
        ]
        return sorted(nearest_first, key=lambda entry: entry.is_fallback)

    def explain(self, event: CurrentsEvent | type[CurrentsEvent]) -> Explanation:
        """Explain the choice of the mapper of *event*."""
        cls = event if isinstance(event, type) else type(event)
        candidates = self._candidates(event)
        winner = candidates[0] if candidates else None
        return Explanation(cls, winner, tuple(candidates[1:]))

    def custom_registrations(self) -> Mapping[tuple[str, str | None], Registration]:
        """
        Return the entries for typed custom events and purchases.

        Their keys are the event type, and the name or product of the class. Any other
        entry takes precedence over a fallback with the same key.
        """
        entries = sorted(self._registrations.values(), key=lambda e: not e.is_fallback)
        found = ((custom_of(entry.key), entry) for entry in entries)
        return {(c.event_type, c.name): entry for c, entry in found if c}

    def fields(self) -> Mapping[Key, tuple[str, ...]]:
        """
        Return the fields that declared mappers read by name, by key.

        The tracking plan has the fields that functions read.
        """
        return {
            key: entry.mapper.fields
            for key, entry in self._registrations.items()
            if isinstance(entry.mapper, Declared)
        }

    def undecided(
        self, event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES
    ) -> list[str]:
        """
        Return the event types without a mapper of the team.

        A mapper for `CurrentsEvent` does not count.
        """
        return [
            event_type
            for event_type, cls in event_types.items()
            if all(
                entry.is_fallback or entry.key is CurrentsEvent
                for entry in self._candidates(cls, event_type)[:1]
            )
        ]

    def __repr__(self) -> str:
        return f"<MapperRegistry: {len(self._registrations)} mappers>"


_A = TypeVar("_A", bound=CurrentsEvent)
_B = TypeVar("_B", bound=CurrentsEvent)
_C = TypeVar("_C", bound=CurrentsEvent)
_R = TypeVar("_R", bound=Mapped)
_T = TypeVar("_T")


class Mappers:
    """
    Collector of mappers for use as a decorator. Nothing is global.

    >>> mappers = Mappers()
    >>> @mappers.maps(EmailClick)
    ... def click(event: EmailClick) -> HeapEvent: ...
    >>> mappers.registry()
    <MapperRegistry: 1 mappers>
    """

    def __init__(self) -> None:
        self._registry = MapperRegistry()

    @overload
    def maps(
        self, event: type[_A], /
    ) -> Callable[[Callable[[_A], _R]], Callable[[_A], _R]]: ...
    @overload
    def maps(
        self, event: type[_A], second: type[_B], /
    ) -> Callable[[Callable[[_A | _B], _R]], Callable[[_A | _B], _R]]: ...
    @overload
    def maps(
        self, event: type[_A], second: type[_B], third: type[_C], /
    ) -> Callable[[Callable[[_A | _B | _C], _R]], Callable[[_A | _B | _C], _R]]: ...
    @overload
    def maps(
        self, *events: type[_A]
    ) -> Callable[[Callable[[_A], _R]], Callable[[_A], _R]]: ...
    @overload
    def maps(
        self, *event_types: str
    ) -> Callable[[Callable[[Any], _R]], Callable[[Any], _R]]: ...
    def maps(self, *keys: Any) -> Callable[[Mapper], Mapper]:
        """
        Register the decorated function for event classes, groups, or types by name.

        The function is returned unchanged, so tests can call it directly.

        Raises:
            MapperConflictError: One of them has a mapper in this collector.
            TypeError: No key, a key that is not an event, or a mapper that cannot be
                called with an event.
            ValueError: A name is not an event type or class.

        Warns:
            UserWarning: No class has an event type, which may be a typo.
        """
        if not keys:
            raise TypeError("maps() needs an event class, or an event type as text")
        for key in keys:
            if callable(key) and not isinstance(key, type):
                name = getattr(key, "__name__", "the function")
                raise TypeError(
                    "maps() needs an event class before it gets the mapper: "
                    f"write @mappers.maps(EmailClick) above {name}"
                )

        def register(mapper: Mapper) -> Mapper:
            registry = self._registry
            for key in keys:
                registry = registry.add(key, mapper)
            self._registry = registry
            return mapper

        return register

    def maps_custom(
        self, custom: type[_T], /
    ) -> Callable[[Callable[[_T], _R]], Callable[[_T], _R]]:
        """
        Register the function for a class marked with `custom_event` or `purchase`.

        It gets the properties as an instance of that class.

        Raises:
            MapperConflictError: The class has a mapper in this collector.
            TypeError: The class is not marked.
        """
        if custom_of(custom) is None:
            raise TypeError(
                "maps_custom() needs a class with @custom_event(name) or @purchase() "
                f"above it, not {kind_of(custom)}"
            )
        return self.maps(custom)  # type: ignore[type-var]

    def registry(self) -> MapperRegistry:
        """Return the mappers collected so far, as a registry that does not change."""
        return self._registry

    def __or__(self, other: MapperRegistry | Mappers) -> MapperRegistry:
        """Return a registry with the mappers of both sides; see `MapperRegistry`."""
        return self._registry | other

    def __repr__(self) -> str:
        return f"<Mappers: {len(self._registry.registrations)} mappers>"


def registry_of(mappers: MapperRegistry | Mappers) -> MapperRegistry:
    """Return *mappers* as a registry, with the mappers collected so far."""
    if isinstance(mappers, Mappers):
        return mappers.registry()
    if not isinstance(mappers, MapperRegistry):
        raise TypeError(
            f"mappers must be a MapperRegistry or Mappers, not {kind_of(mappers)}"
        )
    return mappers


def _other_key(key: Key) -> Key | None:
    """Return the event type of a class, or the class of an event type."""
    if isinstance(key, str):
        return EVENT_TYPES.get(key)
    event_type = getattr(key, "event_type", None)
    is_event = issubclass(key, CurrentsEvent) and isinstance(event_type, str)
    return event_type if is_event else None


def _mapper_key(key: Any) -> Key:
    """Return the checked *key* of a mapper; the class for the name of one."""
    is_class = isinstance(key, type) and issubclass(key, CurrentsEvent)
    if is_class or custom_of(key) or (isinstance(key, str) and key in EVENT_TYPES):
        return key  # type: ignore[no-any-return]
    if not isinstance(key, str):
        raise TypeError(
            "expected an event class, or an event type as a string, such as "
            f"maps(EmailClick), not {kind_of(key)}"
        )
    if is_glob(key):
        raise ValueError(f"a mapper is for one event type, not for the pattern {key!r}")
    if "." in key:
        hint = did_you_mean(key, EVENT_TYPES)
        warn(f"No event class has the type {key!r}.{hint}")
        return key
    found = getattr(events, key, None)
    if isinstance(found, type) and issubclass(found, CurrentsEvent):
        return found
    hint = did_you_mean(key, (*dir(events), *EVENT_TYPES))
    raise ValueError(f"{key!r} is not an event type, class or group.{hint}")


def _entry(key: Key, mapper: Mapper) -> Registration:
    """Return the entry of *mapper*. Raise if it cannot map the events of *key*."""
    what = f"the mapper for {_name(key)}"
    if isinstance(mapper, type) and not issubclass(mapper, PAYLOADS):
        raise TypeError(f"{what} is {kind_of(mapper)}: pass an instance")
    if custom_of(key) and isinstance(key, type):
        with contextlib.suppress(NameError):  # defined below; a transformer checks it
            reader_of(key)
    if isinstance(mapper, Declared):
        cls = EVENT_TYPES.get(key) if isinstance(key, str) else key
        if cls is not None and issubclass(cls, CurrentsEvent):
            mapper.check(cls)
    else:
        check_function(what, mapper)
    return Registration.of(key, mapper)


def origin_of(mapper: Callable[..., Any]) -> str:
    """Return module and name of a function; file and line unless it is shipped."""
    if isinstance(mapper, Declared):
        return f"declare({mapper.name!r})"
    function = inspect.unwrap(mapper)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    place = f"{getattr(function, '__module__', '?')}.{name}"
    code = getattr(function, "__code__", None)
    if code is None or place.startswith("braze_heap.mappers."):
        return place
    return f"{place} ({code.co_filename}:{code.co_firstlineno})"


def _name(key: Key) -> str:
    return key if isinstance(key, str) else key.__name__
