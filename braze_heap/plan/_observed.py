"""Counts of real traffic in a tracking plan."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final, TypeVar

import attrs

from braze_heap.heap.calls import AddUserProperties, Track
from braze_heap.mapping._batch import named
from braze_heap.plan._json_schema import is_pattern, pattern_of
from braze_heap.plan._model import (
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
    TrackingPlan,
)
from braze_heap.results import TransformResult

_Planned = TypeVar("_Planned", PlannedEvent, PlannedProperty, PlannedUserProperty)


class PlanObserver:
    """
    Count the calls of real traffic by the events and properties of a plan.

    Args:
        plan: The plan, of the transformer whose results are counted.

    Attributes:
        unplanned: Number of calls and properties that are not in the plan, by name.
    """

    def __init__(self, plan: TrackingPlan) -> None:
        self.unplanned: Counter[str] = Counter()
        self._plan = plan
        self._count: Counter[tuple[str, ...]] = Counter()
        names: dict[tuple[str, ...], list[str]] = {}
        for event in plan.events:
            names.setdefault((event.event_type,), []).append(event.name)
            names[event.event_type, event.name] = [p.name for p in event.properties]
        names[_USER] = [planned.name for planned in plan.user_properties]
        self._names = {key: _Names(found) for key, found in names.items()}

    def add(self, result: TransformResult) -> None:
        """Count the calls of *result*."""
        for call, item in zip(result.calls, result.origins, strict=True):
            if isinstance(call, Track):
                self._count[_TRACK] += 1
                event_type = named(item)[0] or ""
                is_known = (event_type,) in self._names
                key = (event_type if is_known else "*",)
                if name := self._add(key, [call.event]):
                    self._add((*key, *name), call.properties)
            elif isinstance(call, AddUserProperties):
                self._count[_USER] += 1
                self._add(_USER, call.properties)

    def _add(self, key: tuple[str, ...], names: Iterable[str]) -> set[str]:
        """Count *names*, and return the planned names that represent them."""
        find = self._names[key].find if key in self._names else lambda _: None
        found = {name: find(name) for name in names}
        planned = set(filter(None, found.values()))
        self._count.update((*key, name) for name in planned)
        self.unplanned.update(name for name in found if not found[name])
        return planned

    def observed(self) -> TrackingPlan:
        """
        Return the plan with counts, and with shares.

        The share of an event is its part of all events. The share of a property is its
        part of the events, and of a user property its part of all updates of users.
        """
        events = []
        for event in self._plan.events:
            (counted,) = self._counted([event], (event.event_type,), _TRACK)
            key = (event.event_type, event.name)
            properties = tuple(self._counted(event.properties, key, key))
            events.append(attrs.evolve(counted, properties=properties))
        users = tuple(self._counted(self._plan.user_properties, _USER, _USER))
        return attrs.evolve(self._plan, events=tuple(events), user_properties=users)

    def _counted(
        self, items: Iterable[_Planned], key: tuple[str, ...], all_of: tuple[str, ...]
    ) -> Iterator[_Planned]:
        """Yield *items* of *key* with their counts and their shares of *all_of*."""
        for item in items:
            number = self._count[(*key, item.name)]
            share = number / (self._count[all_of] or 1)
            yield attrs.evolve(item, observed=number, share=share)


_TRACK: Final = ()
_USER: Final = ("",)


class _Names:
    """Planned names, of which some represent names that are not known beforehand."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        patterns = sorted(filter(is_pattern, names), key=len, reverse=True)
        self._patterns = [(re.compile(pattern_of(name)), name) for name in patterns]

    def find(self, name: str) -> str | None:
        """Return the planned name that represents *name*."""
        if name in self._names:
            return name
        return next((n for p, n in self._patterns if p.match(name)), None)
