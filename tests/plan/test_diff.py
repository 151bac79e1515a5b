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


def test_equal_plans_do_not_differ() -> None:
    """The difference is false, and says so."""
    assert not diff(OLD, OLD)
    assert shown(OLD) == ["No differences."]


def test_new_and_lost_properties() -> None:
    """A field that is gone is a removal; the other way round it is an addition."""
    fewer = with_click(properties=OLD.events[1].properties[1:])

    assert shown(fewer) == ["- property app_group_id of Braze Email Click"]
    assert shown(OLD, fewer) == ["+ property app_group_id of Braze Email Click"]


def test_renamed_property_is_one_change() -> None:
    """The same field under another name is neither lost nor new."""
    assert shown(with_link(name="link")) == [
        "> property link_alias of Braze Email Click: -> link"
    ]


def test_type_and_mark_are_compared() -> None:
    """Both are what privacy officers and analysts ask for; examples are not."""
    assert shown(
        with_link(type="number", personal=True, example="other", doc="other")
    ) == [
        "~ property link_alias of Braze Email Click: type: text -> number",
        "~ property link_alias of Braze Email Click: personal data: none -> personal",
    ]


def test_renamed_event_is_one_change() -> None:
    """Its properties are compared all the same."""
    new = with_click(name="Newsletter Click", properties=OLD.events[1].properties[1:])

    assert shown(new) == [
        "> event Braze Email Click (users.messages.email.Click): -> Newsletter Click",
        "- property app_group_id of Newsletter Click",
    ]


def test_new_and_lost_events() -> None:
    """A type that is gone is a removal, without a line for each of its properties."""
    fewer = attrs.evolve(OLD, events=OLD.events[:2])

    assert shown(fewer) == ["- event Braze Email Open (users.messages.email.Open)"]
    assert shown(OLD, fewer) == ["+ event Braze Email Open (users.messages.email.Open)"]


def test_deletions_are_compared() -> None:
    """That users are deleted is no detail."""
    new = attrs.evolve(OLD, deletions=("users.UserDeleteRequest",))

    assert shown(new) == ["+ deletion users.UserDeleteRequest"]


def test_difference_as_json() -> None:
    """Each change says what, where, and how it was and is."""
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
