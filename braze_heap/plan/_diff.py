"""Differences between two tracking plans."""

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, Literal, TypeAlias, TypeVar

import attrs

from braze_heap.plan._content import PlannedEvent, PlannedProperty
from braze_heap.plan._tables import privacy
from braze_heap.plan._tracking_plan import SCHEMA, TrackingPlan
from braze_heap.policies.word_guard import is_personal_name

Subject: TypeAlias = Literal["event", "property", "user property", "deletion"]
Kind: TypeAlias = Literal["added", "removed", "renamed", "changed"]


@attrs.frozen
class Change:
    """
    One difference between two plans.

    Attributes:
        kind: Kind of the change.
        subject: Kind of the changed object.
        name: Name of the object; the old one if it was renamed.
        event: Name of its event, in the new plan if possible; empty for users.
        event_type: Braze type of that event; empty for users.
        attribute: Changed attribute, such as ``name``; empty for additions and
            removals, except ``personal data`` of a field that was unknown and redacted,
            and is sent now.
        old: Old value of the attribute.
        new: New value of the attribute.
    """

    kind: Kind
    subject: Subject
    name: str
    event: str = ""
    event_type: str = ""
    attribute: str = ""
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        sign = _SIGNS[self.kind]
        place = f" of {self.event}" if self.subject == "property" else ""
        if self.event_type and self.subject == "event":
            place = f" ({self.event_type})"
        change = ""
        if self.attribute:
            is_new_name = self.attribute == "name"
            label = "" if is_new_name else f" {self.attribute}: {self.old or 'none'}"
            change = f"{label} -> {self.new or 'none'}"
        return f"{sign} {self.subject} {self.name}{place}{':' * bool(change)}{change}"


_SIGNS: Final = {"added": "+", "removed": "-", "renamed": ">", "changed": "~"}


@attrs.frozen
class PlanDiff:
    """
    Changes from one tracking plan to another. False if it is empty.

    Attributes:
        changes: Events first, then properties, user properties and deletions. Each
            group is sorted by name.
    """

    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes)) or "No differences."

    def to_json(self) -> str:
        """Return the changes as JSON."""
        changes = [attrs.asdict(change) for change in self.changes]
        data = {"schema": SCHEMA, "changes": changes}
        return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def diff(old: TrackingPlan, new: TrackingPlan) -> PlanDiff:
    """
    Return what *new* adds, removes, renames and changes.

    Another name for the same event type, or for the same field of an event, is one
    renaming. Types and marks of personal data are compared; examples and descriptions
    are not.
    """
    by_name = attrgetter("event_type", "name")
    events = _paired(old.events, new.events, by_name, attrgetter("event_type"))
    found = (_renaming("event", was, now, now or was) for was, now in events)
    changes = sorted(filter(None, found), key=by_name)
    unknown = next((event for event in old.events if event.event_type == "*"), None)
    for was, now in events:
        if was and now:
            changes += _property_changes(was.properties, now.properties, now, was)
        elif now and unknown:
            added = _property_changes((), now.properties, now, unknown)
            changes += (change for change in added if change.attribute)
    changes += _property_changes(old.user_properties, new.user_properties, None)
    for event_type in sorted(set(old.deletions) ^ set(new.deletions)):
        kind: Kind = "added" if event_type in new.deletions else "removed"
        changes.append(Change(kind, "deletion", event_type))
    return PlanDiff(tuple(changes))


_T = TypeVar("_T")
_Pair: TypeAlias = tuple[_T | None, _T | None]


def _paired(
    old: Sequence[_T],
    new: Sequence[_T],
    key: Callable[[_T], Hashable],
    group: Callable[[_T], Hashable],
) -> list[_Pair[_T]]:
    """Pair items with the same key. Of the others, pair the only two of a group."""
    olds, news = {key(o): o for o in old}, {key(n): n for n in new}
    pairs: list[_Pair[_T]] = [(o, news[k]) for k, o in olds.items() if k in news]
    groups: dict[Hashable, tuple[list[_T], list[_T]]] = defaultdict(lambda: ([], []))
    for k, o in olds.items():
        if k not in news:
            groups[group(o)][0].append(o)
    for k, n in news.items():
        if k not in olds:
            groups[group(n)][1].append(n)
    for name, (removed, added) in groups.items():
        if name is not None and len(removed) == len(added) == 1:
            pairs.append((removed[0], added[0]))
        else:
            pairs += [(item, None) for item in removed]
            pairs += [(None, item) for item in added]
    return pairs


def _property_changes(
    old: Sequence[PlannedProperty],
    new: Sequence[PlannedProperty],
    event: PlannedEvent | None,
    old_event: PlannedEvent | None = None,
) -> list[Change]:
    by_name = attrgetter("name")
    pairs = _paired(old, new, by_name, _property_group)
    subject: Subject = "property" if event else "user property"
    changes = (change for pair in pairs for change in _changes(subject, *pair, event))
    return sorted((_with_privacy(c, new, old_event) for c in changes), key=by_name)


def _with_privacy(
    change: Change, new: Sequence[PlannedProperty], old_event: PlannedEvent | None
) -> Change:
    """Return *change*, marked if the field was redacted as unknown and is sent now."""
    if change.kind != "added" or old_event is None:
        return change
    planned = next(each for each in new if each.name == change.name)
    is_redacted = any(field.name == "*" for field in old_event.unsent)
    if old_event.takes_new_fields:
        is_redacted = is_redacted and is_personal_name(planned.field or "")
    if planned.field is None or planned.is_personal or not is_redacted:
        return change
    now = privacy(planned) or "sent"
    return attrs.evolve(
        change, attribute="personal data", old="redacted as unknown", new=now
    )


def _property_group(planned: PlannedProperty) -> Hashable:
    if planned.field is None:
        return None
    event_types = getattr(planned, "event_types", ())
    return planned.field, planned.name.endswith("*"), event_types


def _changes(
    subject: Subject,
    old: PlannedProperty | None,
    new: PlannedProperty | None,
    event: PlannedEvent | None,
) -> Iterator[Change]:
    if renaming := _renaming(subject, old, new, event):
        yield renaming
    if old is None or new is None:
        return
    for attribute, was, now in (
        ("type", old.type, new.type),
        ("personal data", privacy(old), privacy(new)),
    ):
        if was != now:
            place = _place(event)
            yield Change("changed", subject, new.name, *place, attribute, was, now)


def _renaming(
    subject: Subject, old: Any, new: Any, event: PlannedEvent | None
) -> Change | None:
    place = _place(event)
    if old is None:
        return Change("added", subject, new.name, *place)
    if new is None:
        return Change("removed", subject, old.name, *place)
    if old.name == new.name:
        return None
    return Change("renamed", subject, old.name, *place, "name", old.name, new.name)


def _place(event: PlannedEvent | None) -> tuple[str, str]:
    return (event.name, event.event_type) if event else ("", "")
