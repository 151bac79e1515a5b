"""
Names in Heap are part of the public interface: charts of analysts are made of them.

``python -m tests.regenerate`` writes ``released.json``, which has the names of events,
properties and user properties, by type of value.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import EmailClick, Purchase, UserDeleteRequest
from braze_heap.plan import (
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
    TrackingPlan,
    diff,
    tracking_plan,
)
from tests.support import REGENERATE

RELEASED = Path(__file__).with_name("released.json")

MAJOR = """
{changes}
Saved charts in Heap break if one of these names or types changes or disappears.
Undo the change. If it is intended, it needs a new major version: describe it in
CHANGELOG.md, then run `python -m tests.regenerate`. docs/explanation/versions.md has
the rules."""


def names_of(plan: TrackingPlan) -> dict[str, Any]:
    """Return the names of *plan*, by type of value."""
    return {
        "events": {
            event.event_type: {"name": event.name} | _by_type(event.properties)
            for event in plan.events
        },
        "user properties": _by_type(plan.user_properties),
        "deletions": list(plan.deletions),
    }


def _by_type(properties: Iterable[PlannedProperty]) -> dict[str, str]:
    """Return the names of *properties*, separated by blanks, by type of value."""
    names: dict[str, list[str]] = {}
    for each in properties:
        names.setdefault(each.type, []).append(each.name)
    return {kind: " ".join(sorted(found)) for kind, found in sorted(names.items())}


def plan_of(names: dict[str, Any]) -> TrackingPlan:
    """Return a plan that has *names*, as `names_of` returns them, and no texts."""
    events = [
        PlannedEvent(types["name"], t, "", "", 2, "", tuple(_properties(types)))
        for t, types in names["events"].items()
    ]
    user_properties = tuple(
        PlannedUserProperty(**attrs.asdict(each))
        for each in _properties(names["user properties"])
    )
    return TrackingPlan(tuple(events), user_properties, (), tuple(names["deletions"]))


def _properties(types: dict[str, Any]) -> Iterator[PlannedProperty]:
    flags: Any = ("field", (), False, False, 2, "")
    for kind in types.keys() - {"name"}:
        for name in types[kind].split():
            yield PlannedProperty(name, kind, "", name, *flags)


def major_changes(names: dict[str, Any], new: TrackingPlan) -> list[str]:
    """Return the changes from the released *names* to *new* that break a chart."""
    return [
        str(change)
        for change in diff(plan_of(names), new).changes
        if change.kind in ("removed", "renamed")
        or change.attribute == "type"
        or change.subject == "deletion"
    ]


@pytest.fixture(scope="module")
def plan() -> TrackingPlan:
    return tracking_plan(bh.Transformer())


def test_no_event_or_property_of_a_release_is_renamed_or_removed(
    plan: TrackingPlan,
) -> None:
    """Another name or type of value, or none, is a new major version."""
    changes = major_changes(json.loads(RELEASED.read_text("utf-8")), plan)

    assert not changes, MAJOR.format(changes="\n".join(changes))


def test_the_released_names_are_current(plan: TrackingPlan) -> None:
    """An added name is protected as soon as it is there."""
    assert json.loads(RELEASED.read_text("utf-8")) == names_of(plan), REGENERATE


TYPES = {cls.event_type: cls for cls in (EmailClick, Purchase, UserDeleteRequest)}


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (
            {"naming": bh.Naming(event_renames={"Braze Email Click": "Click"})},
            "> event Braze Email Click (users.messages.email.Click): -> Click",
        ),
        (
            {"exclude": [Purchase]},
            "- event Braze Purchase (users.behaviors.Purchase)",
        ),
        (
            {"naming": bh.Naming(property_renames={"link_alias": "link"})},
            "> property link_alias of Braze Email Click: -> link",
        ),
        (
            {"personal_data": {"link_alias": "drop"}},
            "- property link_alias of Braze Email Click",
        ),
        (
            {"nested": "json"},
            "- property purchase_properties.* of Braze Purchase",
        ),
        (
            {"deletions": True, "identity": "user_id"},
            "+ deletion users.UserDeleteRequest",
        ),
    ],
)
def test_a_change_that_breaks_a_chart_is_found(
    options: dict[str, Any], change: str
) -> None:
    """The change is listed as `braze-heap plan --diff` shows it."""
    released = names_of(tracking_plan(bh.Transformer(), TYPES))

    new = tracking_plan(bh.Transformer(**options), TYPES)

    assert change in major_changes(released, new)


def test_another_type_of_value_is_a_major_change() -> None:
    """A sum over a number fails if the number becomes text."""
    released = names_of(tracking_plan(bh.Transformer(), TYPES))
    types = released["events"]["users.behaviors.Purchase"]
    types["text"] = types["text"].replace("currency ", "")
    types["number"] += " currency"

    (change,) = major_changes(released, tracking_plan(bh.Transformer(), TYPES))

    assert change == "~ property currency of Braze Purchase: type: number -> text"


def test_an_added_name_is_not_a_major_change() -> None:
    """Releases of Braze Currents add events and properties to minor versions."""
    released = names_of(tracking_plan(bh.Transformer(), TYPES))

    new = tracking_plan(bh.Transformer(fixed_properties={"source": "braze"}), TYPES)

    assert new.events != tracking_plan(bh.Transformer(), TYPES).events
    assert major_changes(released, new) == []


if __name__ == "__main__":
    text = json.dumps(names_of(tracking_plan(bh.Transformer())), indent=1)
    RELEASED.write_text(f"{text}\n", "utf-8")
