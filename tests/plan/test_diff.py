import json
from typing import Any

import attrs

import braze_heap as bh
from braze_heap.events import EmailClick, EmailOpen
from braze_heap.plan import (
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
    TrackingPlan,
    diff,
    tracking_plan,
)

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


def without(name: str) -> tuple[PlannedProperty, ...]:
    """Return the properties of clicks but the one called *name*."""
    return tuple(p for p in OLD.events[1].properties if p.name != name)


def shown(new: TrackingPlan, old: TrackingPlan = OLD) -> list[str]:
    return str(diff(old, new)).splitlines()


def test_equal_plans_have_no_differences() -> None:
    """The difference of equal plans is false, and has a text."""
    assert not diff(OLD, OLD)
    assert shown(OLD) == ["No differences."]


def test_removed_property_is_a_removal() -> None:
    """A property of only one plan is a removal or an addition."""
    fewer = with_click(properties=without("link_alias"))

    assert shown(fewer) == ["- property link_alias of Braze Email Click"]
    assert shown(OLD, fewer) == ["+ property link_alias of Braze Email Click"]


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


def renamed(*names: tuple[str, str]) -> TrackingPlan:
    """Return the plan with other names for properties of clicks."""
    by_name = dict(names)
    return with_click(
        properties=tuple(
            attrs.evolve(p, name=by_name.get(p.name, p.name))
            for p in OLD.events[1].properties
        )
    )


def test_renamed_properties_are_paired_by_field() -> None:
    """Two properties that exchange their order are paired with their own fields."""
    new = renamed(("link_alias", "zz"), ("link_id", "aa"))

    assert shown(new) == [
        "> property link_alias of Braze Email Click: -> zz",
        "> property link_id of Braze Email Click: -> aa",
    ]


def test_two_new_names_of_one_field_are_not_a_renaming() -> None:
    """If a field becomes two properties, the old one is removed and both are added."""
    (link,) = (p for p in OLD.events[1].properties if p.name == "link_alias")
    both = (attrs.evolve(link, name="a"), attrs.evolve(link, name="b"))

    assert shown(with_click(properties=(*without("link_alias"), *both))) == [
        "+ property a of Braze Email Click",
        "+ property b of Braze Email Click",
        "- property link_alias of Braze Email Click",
    ]


def test_property_of_no_field_is_not_paired() -> None:
    """Constants of one event are an addition and a removal, not a renaming."""
    (link,) = (p for p in OLD.events[1].properties if p.name == "link_alias")
    old = with_click(properties=(attrs.evolve(link, name="a", field=None),))
    new = with_click(properties=(attrs.evolve(link, name="b", field=None),))

    assert shown(new, old) == [
        "- property a of Braze Email Click",
        "+ property b of Braze Email Click",
    ]


def test_name_with_a_star_is_not_paired_with_one_without() -> None:
    """A property for all names within an object is not renamed to a single one."""
    assert shown(with_link(name="links.*")) == [
        "- property link_alias of Braze Email Click",
        "+ property links.* of Braze Email Click",
    ]


def user_property(name: str, *event_types: str) -> TrackingPlan:
    """Return a plan with one user property."""
    (link,) = (p for p in OLD.events[1].properties if p.name == "link_alias")
    planned = PlannedUserProperty(**attrs.asdict(link), event_types=event_types)
    return TrackingPlan((), (attrs.evolve(planned, name=name),))


def test_user_property_of_the_same_events_is_renamed() -> None:
    """The same field under another name is a renaming only for the same events."""
    old = user_property("a", "x")

    assert shown(user_property("b", "x"), old) == ["> user property a: -> b"]
    assert shown(user_property("b", "y"), old) == [
        "- user property a",
        "+ user property b",
    ]


def test_renamed_event_is_one_change() -> None:
    """Another name of an event is one renaming, and its properties are compared."""
    new = with_click(name="Newsletter Click", properties=without("link_alias"))

    assert shown(new) == [
        "> event Braze Email Click (users.messages.email.Click): -> Newsletter Click",
        "- property link_alias of Newsletter Click",
    ]


def test_removed_event_is_one_removal() -> None:
    """An event of only one plan is one removal or addition, without its properties."""
    fewer = attrs.evolve(OLD, events=OLD.events[:2])
    line = "+ event Braze Email Open (users.messages.email.Open)"

    assert shown(fewer) == [line.replace("+", "-")]
    assert shown(OLD, fewer)[0] == line


GUARDED = "personal data: redacted as unknown -> "


def test_field_that_was_redacted_as_unknown_is_pointed_out() -> None:
    """The guard redacted it by its name; known and unmarked, it is sent from now on."""
    place = "of Braze Email Click"
    (link,) = (p for p in OLD.events[1].properties if p.name == "link_alias")
    fields = {
        "mail_client": "",
        "device_token": "identifying",
        "user_phone": "personal",
        "color": "",
    }
    added = tuple(
        attrs.evolve(link, name=f, field=f, **({kind: True} if kind else {}))
        for f, kind in fields.items()
    )

    assert shown(with_click(properties=(*OLD.events[1].properties, *added))) == [
        f"+ property color {place}",
        f"+ property device_token {place}: {GUARDED}may identify",
        f"+ property mail_client {place}: {GUARDED}sent",
        f"+ property user_phone {place}",
    ]


def test_field_of_a_type_that_was_unknown_is_pointed_out() -> None:
    """An event of a new type has only these of its properties in the difference."""
    fewer = attrs.evolve(OLD, events=OLD.events[:2])

    assert shown(OLD, fewer)[1:] == [
        f"+ property ip_pool of Braze Email Open: {GUARDED}sent"
    ]


def test_field_that_was_sent_as_unknown_is_only_added() -> None:
    """Without the guard, nothing was redacted; if all was, all is pointed out."""
    classes = {EmailOpen.event_type: EmailOpen}
    new = tracking_plan(bh.Transformer(), classes)
    sent = tracking_plan(bh.Transformer(unknown_fields="send"), {})
    dropped = tracking_plan(bh.Transformer(unknown_fields="drop"), {})

    assert shown(new, sent) == [
        "+ event Braze Email Open (users.messages.email.Open)",
        "~ policy unknown_fields: send -> guard",
    ]
    assert f"+ property ip_pool of Braze Email Open: {GUARDED}sent" in shown(
        new, dropped
    )
    assert f"+ property link_id of Braze Email Open: {GUARDED}sent" not in shown(
        new, sent
    )
    assert f"+ property app_group_id of Braze Email Open: {GUARDED}sent" in shown(
        new, dropped
    )


def test_new_deletion_is_an_addition() -> None:
    """A type that newly deletes users is an addition."""
    new = attrs.evolve(OLD, deletions=("users.UserDeleteRequest",))

    assert shown(new) == ["+ deletion users.UserDeleteRequest"]
    assert shown(OLD, new) == ["- deletion users.UserDeleteRequest"]


def test_difference_can_be_written_as_json() -> None:
    """The JSON form has all attributes of a change."""
    (change,) = json.loads(diff(OLD, with_link(name="link")).to_json())["changes"]

    assert change == {
        "kind": "renamed",
        "subject": "property",
        "name": "link_alias",
        "event": "Braze Email Click",
        "event_type": "users.messages.email.Click",
        "attribute": "name",
        "old": "link_alias",
        "new": "link",
    }


def test_policies_that_open_what_is_redacted_are_changes() -> None:
    """The names of events and properties stay, but more of their values is sent."""
    classes = {EmailClick.event_type: EmailClick}
    opened = bh.Transformer(
        unknown_fields="send",
        custom_fields="send",
        url_parameters=["*"],
        personal_data={"custom_properties.coupon": "drop", "user_id": "keep"},
    )

    found = shown(
        new=tracking_plan(opened, classes), old=tracking_plan(bh.Transformer(), classes)
    )

    assert [line for line in found if "policy" in line] == [
        "~ policy custom_fields: guard -> send",
        "~ policy personal_data.custom_properties.coupon: none -> drop",
        "~ policy personal_data.user_id: none -> keep",
        "~ policy unknown_fields: guard -> send",
        "~ policy url_parameters: utm_* -> *",
    ]


def test_policies_are_in_every_form_of_the_plan() -> None:
    """A privacy officer sees them beside the properties; a table of names has none."""
    assert "- custom\\_fields: guard" in OLD.to_markdown()
    assert "policy,,custom_fields," in OLD.to_csv()
    assert "<code>custom_fields</code>" in OLD.to_html()
    assert TrackingPlan.from_json(OLD.to_json()).policies == OLD.policies


def test_a_plan_without_policies_is_compared_without_them() -> None:
    """A plan of an earlier version has none."""
    assert diff(attrs.evolve(OLD, policies={}), OLD).changes == ()
