"""
Selection of events by type, class, category, channel or action.

A selection is resolved when it is created, so that a typo raises before any event
arrives.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeGuard

import attrs

from braze_heap import events
from braze_heap._text import did_you_mean, is_glob
from braze_heap._wiring import kind_of, warn
from braze_heap.events import EVENT_TYPES, CurrentsEvent, UnknownEvent
from braze_heap.events._catalog import catalog

__all__ = ["DELIVERY", "ENGAGEMENT", "EventChoice", "Events"]

EventChoice: TypeAlias = str | type[CurrentsEvent]
"""
One choice of events. Text is an event type; a glob of types or class names, such as
``users.messages.*.Click`` or ``Email*``; the name of a class or group; a category, such
as ``message_engagement``; ``engagement`` or ``delivery``; ``channel:email``; or
``action:click``.
"""

Events: TypeAlias = EventChoice | Collection[EventChoice | Collection[EventChoice]]
"""One choice of events, or several; `ENGAGEMENT` and `DELIVERY` can be among them."""

_ENGAGEMENT: Final = frozenset(
    """
    click conversion custom_event dismiss enroll enter exit experiment_split impression
    inbound install location open progress purchase read spam submit subscription_change
    uninstall unsubscribe
    """.split()
)
_DELIVERY: Final = frozenset(
    """
    abort bounce carrier_send defer delivery enroll fail forward forward_skip
    optimizer_send outcome receive reject retry send soft_bounce
    """.split()
)

ENGAGEMENT: Final = frozenset(
    event_type for event_type, e in catalog().items() if e.action in _ENGAGEMENT
)
"""
Event types for actions of people: opens, clicks, purchases, consent, Canvas steps.

Enrollments in control groups are included, because lift is measured against them.
Sessions are not, because Heap has its own.
"""

DELIVERY: Final = frozenset(
    event_type for event_type, e in catalog().items() if e.action in _DELIVERY
)
"""Event types for sends and their results: deliveries, bounces, aborts, retries."""

_KINDS: Final = ("channel", "action", "category")
_ANY: Final = "*"
PRESETS: Final = MappingProxyType({"engagement": ENGAGEMENT, "delivery": DELIVERY})
"""Name of each preset, to its event types."""


@attrs.frozen
class ResolvedChoice:
    """
    The event types of one choice.

    *types* have a class; *pattern* is the glob of those without one, ``""`` for none.
    """

    name: str
    types: frozenset[str]
    pattern: str = ""

    def covers(self, event_type: str, known: Collection[str]) -> bool:
        """Return whether *event_type* is among them; *known* are types with classes."""
        if event_type in known:
            return event_type in self.types
        return bool(self.pattern) and fnmatchcase(event_type, self.pattern)


@attrs.frozen
class Selection:
    """
    The events to send.

    Attributes:
        included: The choices to send; without any, all events are sent.
        excluded: The choices not to send, not even their user properties.
        known: The event types that have classes.
        types: Those of the known types that are sent.
    """

    included: tuple[ResolvedChoice, ...]
    excluded: tuple[ResolvedChoice, ...]
    known: Collection[str] = attrs.field(repr=False)
    types: frozenset[str]

    def selects(self, event_type: str) -> bool:
        """Return whether events of *event_type*, known or not, are sent."""
        if event_type in self.known:
            return event_type in self.types
        is_included = not self.included or self._is_in(self.included, event_type)
        return is_included and self.keeps_user_properties(event_type)

    def keeps_user_properties(self, event_type: str) -> bool:
        """
        Return whether the user properties of events of *event_type* are sent.

        They are sent, even if the event is not, unless the type is excluded.
        """
        return not self._is_in(self.excluded, event_type)

    @property
    def future_types(self) -> list[str]:
        """The chosen event types that no class has; Braze may not have them either."""
        choices = (*self.included, *self.excluded)
        return [c.name for c in choices if not c.types and c.pattern == c.name]

    def only_in_storage(self) -> list[str]:
        """Return the included choices of which no event can arrive over HTTP."""
        entries = catalog()
        return [
            choice.name
            for choice in self.included
            if choice.types
            and all(t in entries and not entries[t].http for t in choice.types)
        ]

    def _is_in(self, choices: Iterable[ResolvedChoice], event_type: str) -> bool:
        return any(choice.covers(event_type, self.known) for choice in choices)


def select_events(
    include: Events = (),
    exclude: Events = (),
    event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
    other_types: Collection[str] = (),
) -> Selection:
    """
    Return the selection of the union of *include*, or of all, without *exclude*.

    Args:
        include: The events to send.
        exclude: The events not to send, not even their user properties.
        event_types: The event classes by type.
        other_types: Types without a class that mappers are registered for.

    Raises:
        ValueError, TypeError: A choice is invalid, or nothing is selected.

    Warns:
        UserWarning: No class has a dotted type. Braze may have added it.
    """
    vocabulary = Vocabulary(event_types, other_types)
    included = vocabulary.resolve("include", include)
    excluded = vocabulary.resolve("exclude", exclude)
    types = types_of(included) if included else vocabulary.known
    types -= types_of(excluded)
    if not types and not any(choice.pattern == _ANY for choice in included):
        names = [choice.name for choice in included]
        hint = did_you_mean(names[0], vocabulary.known) if names else ""
        shown = (", ".join(c.name for c in chosen) for chosen in (included, excluded))
        raise ValueError(
            "include ({}) and exclude ({}) select none of this version's event types, "
            "so every event would be skipped.{}".format(*shown, hint)
        )
    return Selection(included, excluded, vocabulary.known, types)


def types_of(choices: Iterable[ResolvedChoice]) -> frozenset[str]:
    """Return the event types of all *choices*."""
    return frozenset().union(*(choice.types for choice in choices))


def types_in_each(option: str, choices: Iterable[Events]) -> frozenset[str]:
    """
    Return the event types of this version that are in each of the *choices*.

    Raises:
        ValueError: A choice names no event type, or no type is in all of them. The
            message begins with *option*.
    """
    vocabulary, names = Vocabulary(), []
    types = vocabulary.known
    for choice in choices:
        found = vocabulary.resolve(option, choice)
        types &= types_of(found)
        names.append(", ".join(each.name for each in found))
    if not types:
        raise ValueError(f"{option}: no event type is in {' and '.join(names)}")
    return types


class Vocabulary:
    """The words that choose events; see `select_events` for the arguments."""

    def __init__(
        self,
        event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
        other_types: Collection[str] = (),
    ) -> None:
        self.known: frozenset[str] = frozenset((*event_types, *other_types))
        self._classes = event_types
        entries = {t: self._entry(t) for t in event_types}
        self._sets = dict(PRESETS)  # word to types
        self._class_names: dict[str, str] = {}  # event type to name
        for event_type, entry in entries.items():
            if entry is None:
                self._class_names[event_type] = event_types[event_type].__name__
                continue
            self._class_names[event_type] = entry.class_name
            details = {kind: getattr(entry, kind) for kind in _KINDS}
            words = [f"{kind}:{word}" for kind, word in details.items() if word]
            for word in (*words, *filter(None, [entry.category])):
                self._sets[word] = self._sets.get(word, frozenset()) | {event_type}

    def resolve(self, option: str, choices: Any) -> tuple[ResolvedChoice, ...]:
        """
        Return the event types of each of *choices*, which were given to *option*.

        Raises and warns as `select_events` does.
        """
        resolved = tuple(self._resolve(option, each) for each in _flat(option, choices))
        for choice in resolved:
            if not choice.types and not choice.pattern:
                raise ValueError(
                    f"{option}: none of the event types has {choice.name!r}: add its "
                    "type and class to event_types"
                )
        return resolved

    def _entry(self, event_type: str) -> Any:
        own = getattr(self._classes, "_added", self._classes).get(event_type)
        return (
            catalog().get(event_type) if own is None else getattr(own, "_entry", None)
        )

    def _resolve(self, option: str, choice: EventChoice) -> ResolvedChoice:
        if not isinstance(choice, str):
            return self._of_class(choice)
        if choice in self.known:
            return ResolvedChoice(choice, frozenset((choice,)))
        if choice in self._sets:
            return ResolvedChoice(choice, self._sets[choice] & self.known)
        if is_glob(choice):
            return self._of_glob(option, choice)
        named = frozenset(t for t, name in self._class_names.items() if name == choice)
        if named:
            return ResolvedChoice(choice, named)
        found = getattr(events, choice, None) if choice.isidentifier() else None
        if _is_event_class(found):
            return attrs.evolve(self._of_class(found), name=choice)
        kind, _, word = choice.partition(":")
        if ":" in choice and kind in _KINDS:
            own = [w.partition(":")[2] for w in self._sets if w.startswith(f"{kind}:")]
            raise ValueError(
                f"{option}: unknown {kind} {word!r}; there are: "
                f"{', '.join(sorted(own)) or 'none'}.{self._suggestion(word, own)}"
            )
        if "." in choice:
            hint = did_you_mean(choice, self.known)
            warn(f"{option}: no event class has the type {choice!r}.{hint}")
            return ResolvedChoice(choice, frozenset(), choice)
        raise ValueError(
            f"{option}: {choice!r} is not an event type, a class, a group, a category, "
            f"'engagement', 'delivery', 'channel:...' or 'action:...'."
            f"{self._suggestion(choice)}"
        )

    def _of_class(self, cls: type[CurrentsEvent]) -> ResolvedChoice:
        own = cls.__dict__.get("event_type")
        is_alone = self._classes is EVENT_TYPES and own in self.known
        # the type of a shipped class is known without loading the others
        candidates = [own] if is_alone and own else self._classes
        types = {t for t in candidates if issubclass(self._classes[t], cls)}
        is_open = issubclass(UnknownEvent, cls)
        return ResolvedChoice(cls.__name__, frozenset(types), _ANY if is_open else "")

    def _of_glob(self, option: str, glob: str) -> ResolvedChoice:
        types = {t for t in self.known if fnmatchcase(t, glob)}
        types |= {t for t, name in self._class_names.items() if fnmatchcase(name, glob)}
        if not types:
            raise ValueError(
                f"{option}: no event type or class matches {glob!r}."
                f"{did_you_mean(glob, self.known)}"
            )
        return ResolvedChoice(glob, frozenset(types), glob)

    def _suggestion(self, choice: str, known: Collection[str] = ()) -> str:
        word = choice.rpartition(":")[2].strip().lower().replace(" ", "_")
        if word in self._sets:
            return f" Did you mean {word!r}?"
        for kind in _KINDS:
            if f"{kind}:{word}" in self._sets:
                return f" Did you mean '{kind}:{word}'?"
        groups = [name for name in dir(events) if name[:1].isupper()]
        words = (*self._class_names.values(), *self._sets, *groups, *self.known)
        return did_you_mean(choice, known or words)


def _flat(option: str, choices: Any) -> Iterator[EventChoice]:
    """Yield the single choices in *choices*, which may contain sets such as presets."""
    if isinstance(choices, str) or _is_event_class(choices):
        yield choices
    elif isinstance(choices, Collection) and not isinstance(choices, bytes | Mapping):
        for choice in sorted(choices, key=str) if isinstance(choices, Set) else choices:
            yield from _flat(option, choice)
    else:
        raise TypeError(
            f"{option} takes event types, event classes, and words such as "
            f"'engagement' or 'channel:email', not {kind_of(choices)}"
        )


def _is_event_class(value: object) -> TypeGuard[type[CurrentsEvent]]:
    return isinstance(value, type) and issubclass(value, CurrentsEvent)
