"""
Which mapper says what an event becomes: an immutable value, never global.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar, overload

import attrs

from braze_heap.events import EVENT_TYPES, CurrentsEvent, UnknownEvent
from braze_heap.mappers._custom import custom_of
from braze_heap.mappers._declared import Declared
from braze_heap.mappers._structure import reader_of
from braze_heap.payloads import Mapped

Mapper: TypeAlias = Callable[[Any], Mapped]
"""From a typed event to what it becomes in Heap. An ordinary function."""

Key: TypeAlias = type[CurrentsEvent] | type[Any] | str
"""
What a mapper is for: an event class, a channel base, a group; an event type as Braze
writes it, known or not; or a class that `custom_event` or `purchase` marks.
"""


@attrs.frozen
class Condition:
    """
    A choice of events: those of *keys*, or all others.
    """

    keys: tuple[Key, ...]
    keeps: bool

    def admits(self, cls: type[CurrentsEvent], event_type: str) -> bool:
        """
        Tell whether events of this class and type are chosen.
        """
        named = any(
            key == event_type if isinstance(key, str) else issubclass(cls, key)
            for key in self.keys
        )
        return named is self.keeps


@attrs.frozen
class Rule:
    """
    A mapper, what it is for, and where it comes from.

    Attributes:
        key: What it is for.
        mapper: The function.
        origin: Where the function stands: module, name, file and line.
        conditions: What `MapperRegistry.only` and `MapperRegistry.except_` left of it.
        is_fallback: Whether every other rule comes before it, however far.
    """

    key: Key
    mapper: Mapper
    origin: str
    conditions: tuple[Condition, ...] = ()
    is_fallback: bool = False

    def admits(self, cls: type[CurrentsEvent], event_type: str) -> bool:
        """
        Tell whether the rule is for events of this class and type at all.
        """
        return all(c.admits(cls, event_type) for c in self.conditions)


@attrs.frozen
class Explanation:
    """
    Why a registry treats an event class as it does.

    Attributes:
        event: The class.
        winner: The rule that decides; ``None`` if no rule is for the class.
        left_out: Whether ``only`` or ``except_`` switched the class off.
        beaten: The other rules for the class, the nearest first.
    """

    event: type[CurrentsEvent]
    winner: Rule | None
    left_out: bool
    beaten: tuple[Rule, ...]

    def __str__(self) -> str:
        name = self.event.__name__
        if self.winner is None:
            return f"{name}: no rule is for it, so it is left out."
        lines = [f"{name}: {self.winner.origin}, the rule for {_name(self.winner.key)}"]
        if self.left_out:
            lines = [f"{name}: left out by only() or except_()."]
        lines += [f"  before {r.origin}, for {_name(r.key)}" for r in self.beaten]
        return "\n".join(lines)


class MapperConflictError(ValueError):
    """
    Two mappers for the same events. Use ``override`` or ``|`` if the second shall win.

    Attributes:
        first: The rule that was there.
        second: The rule that was to join it.
    """

    def __init__(self, first: Rule, second: Rule) -> None:
        super().__init__(first, second)
        self.first = first
        self.second = second

    def __str__(self) -> str:
        return (
            f"{_name(self.first.key)} has a mapper already, {self.first.origin}. "
            f"To put {self.second.origin} in its place, use override()."
        )


class MapperRegistry:
    """
    Rules by what they are for. A value: changing it gives a new one.

    For an event, the rule for its type by name comes first, then the rules for its
    class and the bases of its class in method resolution order: the class itself, its
    channel, then the groups in the order in which the class lists them, and
    `CurrentsEvent` at the end. The first one found decides. The shipped rules are
    fallbacks: a team's rule for a whole channel comes before the shipped rule for one
    of its types.
    """

    def __init__(self, rules: Mapping[Key, Rule] = MappingProxyType({})) -> None:
        self._rules: Final = MappingProxyType(dict(rules))
        self._found: Final[dict[type[CurrentsEvent], Rule | None]] = {}

    @property
    def rules(self) -> Mapping[Key, Rule]:
        """
        The rules by what they are for.
        """
        return self._rules

    def add(self, key: Key, mapper: Mapper) -> MapperRegistry:
        """
        Return this registry with one mapper more.

        Raises:
            MapperConflictError: There is a mapper for *key*.
        """
        rule = _rule(key, mapper)
        if key in self._rules:
            raise MapperConflictError(self._rules[key], rule)
        return MapperRegistry({**self._rules, key: rule})

    def override(self, key: Key, mapper: Mapper) -> MapperRegistry:
        """
        Return this registry with *mapper* in the place of what was there for *key*.
        """
        return MapperRegistry({**self._rules, key: _rule(key, mapper)})

    def without(self, *keys: Key) -> MapperRegistry:
        """
        Return this registry without the mappers for *keys*; the next nearest decide.

        Raises:
            KeyError: There is no mapper for one of them.
        """
        for key in keys:
            if key not in self._rules:
                raise KeyError(f"there is no mapper for {_name(key)}")
        return MapperRegistry({k: r for k, r in self._rules.items() if k not in keys})

    def only(self, *keys: Key) -> MapperRegistry:
        """
        Return this registry for the events of *keys* alone; the others are skipped.

        Rules that join later are not concerned.
        """
        return self._conditional(Condition(keys, keeps=True))

    def except_(self, *keys: Key) -> MapperRegistry:
        """
        Return this registry for all but the events of *keys*; those are skipped.
        """
        return self._conditional(Condition(keys, keeps=False))

    def _conditional(self, condition: Condition) -> MapperRegistry:
        return MapperRegistry(
            {
                key: attrs.evolve(rule, conditions=(*rule.conditions, condition))
                for key, rule in self._rules.items()
            }
        )

    def as_fallback(self) -> MapperRegistry:
        """
        Return this registry with all its rules behind those that will join it.
        """
        return MapperRegistry(
            {k: attrs.evolve(r, is_fallback=True) for k, r in self._rules.items()}
        )

    def __or__(self, other: MapperRegistry) -> MapperRegistry:
        return MapperRegistry({**self._rules, **other._rules})

    def mapper_for(self, event: CurrentsEvent | type[CurrentsEvent]) -> Mapper | None:
        """
        Return the mapper that decides about *event*, or about events of that class.

        ``None`` means that such events are left out.
        """
        rule = self.rule_for(event)
        return rule.mapper if rule else None

    def rule_for(self, event: CurrentsEvent | type[CurrentsEvent]) -> Rule | None:
        """
        Return the rule that decides about *event*; ``None`` if it is left out.
        """
        cls = event if isinstance(event, type) else type(event)
        try:
            return self._found[cls]
        except KeyError:
            return self._find(cls, event)

    def _find(
        self, cls: type[CurrentsEvent], event: CurrentsEvent | type[CurrentsEvent]
    ) -> Rule | None:
        event_type = getattr(event, "event_type", "")
        rule = next(self._candidates(cls, event_type), None)
        if rule and not rule.admits(cls, event_type):
            rule = None
        if not issubclass(cls, UnknownEvent):
            self._found[cls] = rule
        return rule

    def _candidates(self, cls: type[CurrentsEvent], event_type: str) -> Iterator[Rule]:
        keys: tuple[Any, ...] = (event_type, *cls.__mro__)
        nearest_first = [self._rules[key] for key in keys if key in self._rules]
        return iter(sorted(nearest_first, key=lambda rule: rule.is_fallback))

    def explain(self, event: CurrentsEvent | type[CurrentsEvent]) -> Explanation:
        """
        Tell which mapper decides about *event*, where it comes from, and why it wins.
        """
        cls = event if isinstance(event, type) else type(event)
        event_type = getattr(event, "event_type", "")
        winner, *beaten = (*self._candidates(cls, event_type), None)
        left_out = winner is not None and not winner.admits(cls, event_type)
        return Explanation(cls, winner, left_out, tuple(filter(None, beaten)))

    def custom_rules(self) -> Mapping[tuple[str, str | None], Rule]:
        """
        Return the rules for typed custom events and purchases.

        Their keys are the event type, and the name or product that the class is for.
        """
        found = ((custom_of(rule.key), rule) for rule in self._rules.values())
        return {(c.event_type, c.name): rule for c, rule in found if c}

    def fields(self) -> Mapping[Key, tuple[str, ...]]:
        """
        Return which fields the declared mappers read by name, by what they are for.

        What functions read cannot be told; the tracking plan shows what they send.
        """
        return {
            key: rule.mapper.fields
            for key, rule in self._rules.items()
            if isinstance(rule.mapper, Declared)
        }

    def undecided(
        self, event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES
    ) -> list[str]:
        """
        Return the event types that only the rule for `CurrentsEvent`, or none, covers.
        """
        return [
            event_type
            for event_type, cls in event_types.items()
            if (rule := next(self._candidates(cls, event_type), None)) is None
            or rule.key is CurrentsEvent
        ]

    def __repr__(self) -> str:
        return f"<MapperRegistry: {len(self._rules)} rules>"


_A = TypeVar("_A", bound=CurrentsEvent)
_B = TypeVar("_B", bound=CurrentsEvent)
_C = TypeVar("_C", bound=CurrentsEvent)
_R = TypeVar("_R", bound=Mapped)
_T = TypeVar("_T")


class Mappers:
    """
    Collects mappers where they are written. An instance: nothing is global.

    >>> mappers = Mappers()
    >>> @mappers.maps(EmailClick)
    ... def click(event: EmailClick) -> HeapEvent: ...
    >>> mappers.registry()
    <MapperRegistry: 1 rules>
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

        The function stays what it is; a test calls it directly.

        Raises:
            MapperConflictError: One of them has a mapper in this collector.
            TypeError: Nothing to map, or something that is no event.
        """
        if not keys:
            raise TypeError("maps() needs an event class, or an event type as text")

        def register(mapper: Mapper) -> Mapper:
            for key in keys:
                self._registry = self._registry.add(key, mapper)
            return mapper

        return register

    def maps_custom(
        self, custom: type[_T], /
    ) -> Callable[[Callable[[_T], _R]], Callable[[_T], _R]]:
        """
        Register the decorated function for a class that `custom_event` or `purchase`
        marks.

        It gets the properties as an instance of that class.

        Raises:
            MapperConflictError: The class has a mapper in this collector.
            TypeError: The class is not marked.
        """
        if custom_of(custom) is None:
            raise TypeError(
                f"{custom.__name__} is not marked: put @custom_event(name) above it"
            )
        return self.maps(custom)  # type: ignore[type-var]

    def registry(self) -> MapperRegistry:
        """
        Return what was collected so far.
        """
        return self._registry


def _rule(key: Key, mapper: Mapper) -> Rule:
    is_event = isinstance(key, type) and issubclass(key, CurrentsEvent)
    if not is_event and not isinstance(key, str) and not custom_of(key):
        raise TypeError(
            f"a mapper is for an event class or an event type as text, not {key!r}"
        )
    if not callable(mapper):
        raise TypeError(f"the mapper for {_name(key)} is {mapper!r}: not callable")
    if custom_of(key) and isinstance(key, type):
        with contextlib.suppress(NameError):  # defined below; a transformer checks it
            reader_of(key)
    if isinstance(mapper, Declared):
        cls = EVENT_TYPES.get(key) if isinstance(key, str) else key
        if cls is not None and issubclass(cls, CurrentsEvent):
            mapper.check(cls)
    return Rule(key, mapper, origin_of(mapper))


def origin_of(mapper: Callable[..., Any]) -> str:
    """
    Return where a function is defined: module, name, file and line.
    """
    if isinstance(mapper, Declared):
        return f"declare({mapper.name!r})"
    function = inspect.unwrap(mapper)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    place = f"{getattr(function, '__module__', '?')}.{name}"
    code = getattr(function, "__code__", None)
    return f"{place} ({code.co_filename}:{code.co_firstlineno})" if code else place


def _name(key: Key) -> str:
    return key if isinstance(key, str) else key.__name__
