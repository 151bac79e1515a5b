"""What one tracking plan has and another has not."""

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar

import attrs

from braze_heap.plan._text import privacy
from braze_heap.plan._tracking_plan import SCHEMA, TrackingPlan
from braze_heap.plan._values import (
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
)

What: TypeAlias = Literal["event", "property", "user property", "deletion"]
Kind: TypeAlias = Literal["added", "removed", "renamed", "changed"]


@attrs.frozen
class Change:
    """
    One difference between two plans.

    Attributes:
        kind: What was done.
        what: To what.
        name: Its name; where it was renamed, the old one.
        event: The name of the event that has it, in the new plan if it is there; empty
            for users.
        event_type: The Braze type of that event; empty for users.
        attribute: What changed of it, or ``name``; empty if it was added or removed.
        old: How it was.
        new: How it is.
    """

    kind: Kind
    what: What
    name: str
    event: str = ""
    event_type: str = ""
    attribute: str = ""
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        sign = _SIGNS[self.kind]
        place = f" of {self.event}" if self.what == "property" else ""
        if self.event_type and self.what == "event":
            place = f" ({self.event_type})"
        change = ""
        if self.attribute:
            is_new_name = self.attribute == "name"
            label = "" if is_new_name else f" {self.attribute}: {self.old or 'none'}"
            change = f"{label} -> {self.new or 'none'}"
        return f"{sign} {self.what} {self.name}{place}{':' * bool(change)}{change}"


_SIGNS: Final = {"added": "+", "removed": "-", "renamed": ">", "changed": "~"}


@attrs.frozen
class PlanDiff:
    """
    What became of a tracking plan. False if nothing did.

    Attributes:
        changes: Events first, then properties, then user properties; each by name.
    """

    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes)) or "Nothing differs."

    def to_json(self) -> str:
        """Return the changes as JSON."""
        changes = [attrs.asdict(change) for change in self.changes]
        data = {"schema": SCHEMA, "changes": changes}
        return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def diff(old: TrackingPlan, new: TrackingPlan) -> PlanDiff:
    """
    Return what *new* adds, removes, renames and changes.

    A new name for the same event type, or for the same field of the same event, is a
    new name, and neither addition nor removal. Types and sentinels of personal data are
    compared; examples and explanations are not.
    """
    events = _paired(old.events, new.events, _event_key, _event_kin)
    changes = [
        *_event_changes(events),
        *(
            change
            for was, now in events
            if was and now
            for change in _property_changes(was, now)
        ),
        *_user_property_changes(old, new),
        *_deletion_changes(old, new),
    ]
    return PlanDiff(tuple(changes))


_T = TypeVar("_T")
_Pair: TypeAlias = tuple[_T | None, _T | None]


def _paired(
    old: Sequence[_T],
    new: Sequence[_T],
    key: Callable[[_T], Hashable],
    kin: Callable[[_T], Hashable],
) -> list[_Pair[_T]]:
    """Pair what has the same key, and of the rest what is the only one of its kin."""
    olds, news = {key(o): o for o in old}, {key(n): n for n in new}
    pairs: list[_Pair[_T]] = [(o, news[k]) for k, o in olds.items() if k in news]
    groups: dict[Hashable, tuple[list[_T], list[_T]]] = defaultdict(lambda: ([], []))
    for k, o in olds.items():
        if k not in news:
            groups[kin(o)][0].append(o)
    for k, n in news.items():
        if k not in olds:
            groups[kin(n)][1].append(n)
    for group, (gone, come) in groups.items():
        if group is not None and len(gone) == len(come) == 1:
            pairs.append((gone[0], come[0]))
        else:
            pairs += [(g, None) for g in gone]
            pairs += [(None, c) for c in come]
    return pairs


def _event_key(event: PlannedEvent) -> Hashable:
    return event.event_type, event.name


def _event_kin(event: PlannedEvent) -> Hashable:
    return event.event_type


def _property_key(planned: PlannedProperty) -> Hashable:
    return planned.name


def _property_kin(planned: PlannedProperty) -> Hashable:
    if planned.field is None:
        return None
    return planned.field, planned.name.endswith("*")


def _user_property_kin(planned: PlannedUserProperty) -> Hashable:
    kin = _property_kin(planned)
    return None if kin is None else (kin, planned.event_types)


def _event_changes(pairs: Sequence[_Pair[PlannedEvent]]) -> list[Change]:
    found = (_renaming("event", o, n, n or o) for o, n in pairs)
    return sorted(filter(None, found), key=lambda c: (c.event_type, c.name))


def _property_changes(old: PlannedEvent, new: PlannedEvent) -> list[Change]:
    pairs = _paired(old.properties, new.properties, _property_key, _property_kin)
    return sorted(
        (c for pair in pairs for c in _changes("property", *pair, new)),
        key=lambda c: c.name,
    )


def _user_property_changes(old: TrackingPlan, new: TrackingPlan) -> list[Change]:
    user_properties = _paired(
        old.user_properties, new.user_properties, _property_key, _user_property_kin
    )
    return sorted(
        (c for pair in user_properties for c in _changes("user property", *pair, None)),
        key=lambda c: c.name,
    )


def _deletion_changes(old: TrackingPlan, new: TrackingPlan) -> Iterator[Change]:
    was, now = set(old.deletions), set(new.deletions)
    for event_type in sorted(was ^ now):
        kind: Kind = "added" if event_type in now else "removed"
        yield Change(kind, "deletion", event_type)


def _changes(
    what: What,
    old: PlannedProperty | None,
    new: PlannedProperty | None,
    event: PlannedEvent | None,
) -> Iterator[Change]:
    if renaming := _renaming(what, old, new, event):
        yield renaming
    if old is None or new is None:
        return
    for attribute, was, now in (
        ("type", old.type, new.type),
        ("personal data", privacy(old), privacy(new)),
    ):
        if was != now:
            place = _place(event)
            yield Change("changed", what, new.name, *place, attribute, was, now)


def _renaming(
    what: What, old: Any, new: Any, event: PlannedEvent | None
) -> Change | None:
    place = _place(event)
    if old is None:
        return Change("added", what, new.name, *place)
    if new is None:
        return Change("removed", what, old.name, *place)
    if old.name == new.name:
        return None
    return Change("renamed", what, old.name, *place, "name", old.name, new.name)


def _place(event: PlannedEvent | None) -> tuple[str, str]:
    return (event.name, event.event_type) if event else ("", "")
