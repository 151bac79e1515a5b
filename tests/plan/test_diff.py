import json
from typing import Any

import attrs

import braze_heap as bh
from braze_heap.events import EmailClick, EmailOpen
from braze_heap.plan import PlannedEvent, TrackingPlan, diff, tracking_plan

OLD = tracking_plan(
    bh.Transformer(), {cls.event_type: cls for cls in (EmailClick, EmailOpen)}
)


def with_click(**changes: Any) -> TrackingPlan:
    """Return the plan with another entry for clicks."""
    unknown, click, opened = OLD.events
    return attrs.evolve(OLD, events=(unknown, attrs.evolve(click, **changes), opened))


def with_link(**changes: Any) -> TrackingPlan:
    """Return the plan with another entry for the link of clicks."""
    click: PlannedEvent = OLD.events[1]
    return with_click(
        properties=tuple(
            attrs.evolve(p, **changes) if p.name == "link_alias" else p
            for p in click.properties
        )
    )


def shown(new: TrackingPlan, old: TrackingPlan = OLD) -> list[str]:
    return str(diff(old, new)).splitlines()


def test_equal_plans_have_no_differences() -> None:
    """The difference of equal plans is false, and has a text."""
    assert not diff(OLD, OLD)
    assert shown(OLD) == ["No differences."]


def test_removed_property_is_a_removal() -> None:
    """A property of only one plan is a removal or an addition."""
    fewer = with_click(properties=OLD.events[1].properties[1:])

    assert shown(fewer) == ["- property app_group_id of Braze Email Click"]
    assert shown(OLD, fewer) == ["+ property app_group_id of Braze Email Click"]


def test_renamed_property_is_one_change() -> None:
    """The same field under another name is one renaming."""
    assert shown(with_link(name="link")) == [
        "> property link_alias of Braze Email Click: -> link"
    ]


def test_type_and_mark_are_compared() -> None:
    """Types and marks of personal data are compared, and examples are not."""
    assert shown(
        with_link(type="number", personal=True, example="other", doc="other")
    ) == [
        "~ property link_alias of Braze Email Click: type: text -> number",
        "~ property link_alias of Braze Email Click: personal data: none -> personal",
    ]


def test_renamed_event_is_one_change() -> None:
    """Another name of an event is one renaming, and its properties are compared."""
    new = with_click(name="Newsletter Click", properties=OLD.events[1].properties[1:])

    assert shown(new) == [
        "> event Braze Email Click (users.messages.email.Click): -> Newsletter Click",
        "- property app_group_id of Newsletter Click",
    ]


def test_removed_event_is_one_removal() -> None:
    """An event of only one plan is one removal or addition, without its properties."""
    fewer = attrs.evolve(OLD, events=OLD.events[:2])

    assert shown(fewer) == ["- event Braze Email Open (users.messages.email.Open)"]
    assert shown(OLD, fewer) == ["+ event Braze Email Open (users.messages.email.Open)"]


def test_new_deletion_is_an_addition() -> None:
    """A type that newly deletes users is an addition."""
    new = attrs.evolve(OLD, deletions=("users.UserDeleteRequest",))

    assert shown(new) == ["+ deletion users.UserDeleteRequest"]


def test_difference_can_be_written_as_json() -> None:
    """The JSON form has all attributes of a change."""
    (change,) = json.loads(diff(OLD, with_link(name="link")).to_json())["changes"]

    assert change == {
        "kind": "renamed",
        "what": "property",
        "name": "link_alias",
        "event": "Braze Email Click",
        "event_type": "users.messages.email.Click",
        "attribute": "name",
        "old": "link_alias",
        "new": "link",
    }
