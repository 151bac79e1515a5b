"""Differences between two tracking plans."""

import json
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from typing import Final, Literal, TypeAlias, TypeVar

import attrs

from braze_heap.plan._model import SCHEMA, PlannedEvent, PlannedProperty, TrackingPlan
from braze_heap.plan._tables import privacy
from braze_heap.policies.word_guard import is_personal_name

Subject: TypeAlias = Literal["event", "property", "user property", "deletion", "policy"]
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
            label = f" {self.attribute}:" if self.subject != "policy" else ""
            old = "" if is_new_name else f"{label} {self.old or 'none'}"
            change = f"{old} -> {self.new or 'none'}"
        return f"{sign} {self.subject} {self.name}{place}{':' * bool(change)}{change}"


_SIGNS: Final = {"added": "+", "removed": "-", "renamed": ">", "changed": "~"}


@attrs.frozen
class PlanDiff:
    """
    Changes from one tracking plan to another. False if it is empty.

    Attributes:
        changes: Events first, then properties, user properties, deletions and policies.
            Each group is sorted by name.
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
    renaming. Types, marks of personal data and policies are compared; examples and
    descriptions are not.
    """
    changes = _changes(old.events, new.events)
    unknown = next((event for event in old.events if event.event_type == "*"), None)
    for was, now in _paired(old.events, new.events):
        if was and now:
            changes += _changes(was.properties, now.properties, now, was)
        elif now and unknown:
            none: Sequence[PlannedProperty] = ()
            added = _changes(none, now.properties, now, unknown)
            changes += (change for change in added if change.attribute)
    changes += _changes(old.user_properties, new.user_properties)
    for event_type in sorted(set(old.deletions) ^ set(new.deletions)):
        kind: Kind = "added" if event_type in new.deletions else "removed"
        changes.append(Change(kind, "deletion", event_type))
    if old.policies and new.policies:  # older plans have none
        for name in sorted(old.policies.keys() | new.policies.keys()):
            values = [each.policies.get(name, "") for each in (old, new)]
            if values[0] != values[1]:
                change = Change("changed", "policy", name, "", "", "value", *values)
                changes.append(change)
    return PlanDiff(tuple(changes))


_Item = TypeVar("_Item", PlannedEvent, PlannedProperty)


def _paired(
    old: Sequence[_Item], new: Sequence[_Item]
) -> list[tuple[_Item | None, _Item | None]]:
    """Pair items of the same name. Of the others, pair the only two of an origin."""
    olds, news = {_key(o): o for o in old}, {_key(n): n for n in new}
    pairs: list[tuple[_Item | None, _Item | None]]
    pairs = [(o, news[key]) for key, o in olds.items() if key in news]
    unpaired: dict[Hashable, tuple[list[_Item], list[_Item]]]
    unpaired = defaultdict(lambda: ([], []))
    for side, own, others in ((0, olds, news), (1, news, olds)):
        for key, item in own.items():
            if key not in others:
                unpaired[_origin(item)][side].append(item)
    for origin, (removed, added) in unpaired.items():
        if origin is not None and len(removed) == len(added) == 1:
            pairs.append((removed[0], added[0]))
        else:
            pairs += [(item, None) for item in removed]
            pairs += [(None, item) for item in added]
    return pairs


def _key(item: PlannedEvent | PlannedProperty) -> Hashable:
    return getattr(item, "event_type", ""), item.name


def _origin(item: PlannedEvent | PlannedProperty) -> Hashable:
    """Return what *item* keeps under another name; ``None`` if it is not known."""
    if isinstance(item, PlannedEvent):
        return item.event_type
    if item.field is None:
        return None
    return item.field, item.name.endswith("*"), getattr(item, "event_types", ())


def _changes(
    old: Sequence[_Item],
    new: Sequence[_Item],
    event: PlannedEvent | None = None,
    before: PlannedEvent | None = None,
) -> list[Change]:
    """Return the changes of events, of users, or of *event*, which was *before*."""
    pairs = _paired(old, new)
    found = (change for pair in pairs for change in _compared(*pair, event, before))
    return sorted(found, key=lambda change: (change.event_type, change.name))


def _compared(
    old: _Item | None,
    new: _Item | None,
    event: PlannedEvent | None,
    before: PlannedEvent | None,
) -> Iterator[Change]:
    subject: Subject = "property" if event else "user property"
    own = new or old
    if isinstance(own, PlannedEvent):
        subject, event = "event", own
    place = (event.name, event.event_type) if event else ("", "")

    def change(kind: Kind, name: str, *attribute: str) -> Change:
        return Change(kind, subject, name, *place, *attribute)

    if new is None:
        if old is not None:
            yield change("removed", old.name)
        return
    if old is None:
        yield change("added", new.name, *_newly_sent(new, before))
        return
    if old.name != new.name:
        yield change("renamed", old.name, "name", old.name, new.name)
    if isinstance(old, PlannedProperty) and isinstance(new, PlannedProperty):
        if old.type != new.type:
            yield change("changed", new.name, "type", old.type, new.type)
        was, now = privacy(old), privacy(new)
        if was != now:
            yield change("changed", new.name, "personal data", was, now)


def _newly_sent(
    new: PlannedEvent | PlannedProperty, before: PlannedEvent | None
) -> tuple[str, ...]:
    """Return a change of *new* if its field was redacted as unknown, and is sent."""
    if before is None or isinstance(new, PlannedEvent):
        return ()
    is_redacted = any(field.name == "*" for field in before.unsent)
    if before.takes_new_fields:
        is_redacted = is_redacted and is_personal_name(new.field or "")
    if new.field is None or new.is_personal or not is_redacted:
        return ()
    return "personal data", "redacted as unknown", privacy(new) or "sent"
