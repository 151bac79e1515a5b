from collections import Counter

import pytest

import braze_heap as bh
from braze_heap.events import CustomEvent, EmailBounce, EmailClick
from braze_heap.plan import PlanObserver, TrackingPlan
from braze_heap.testing import make_raw
from braze_heap.wire import RawEvent
from tests.plan.test_plan import event_of, property_of, small

TRANSFORMER = bh.Transformer()


@pytest.fixture(scope="module")
def plan() -> TrackingPlan:
    return small(TRANSFORMER, CustomEvent, EmailBounce, EmailClick)


def observe(plan: TrackingPlan, *events: object) -> tuple[TrackingPlan, Counter[str]]:
    observer = PlanObserver(plan)
    observer.add(TRANSFORMER.transform([*events]))
    return observer.observed(), observer.unplanned


@pytest.mark.parametrize(
    ("own_type", "path_type"),
    [
        ("users.messages.email.Click", "users.messages.email.Bounce"),
        ("users.messages.email.Click", None),
        (None, "users.messages.email.Click"),
    ],
)
def test_a_raw_event_is_counted_under_the_type_by_which_it_is_mapped(
    plan: TrackingPlan, own_type: str | None, path_type: str | None
) -> None:
    """The type of the event itself, before that of its file."""
    raw = {**make_raw(EmailClick), "event_type": own_type}

    observed, unplanned = observe(plan, RawEvent(raw, path_type))

    assert event_of(observed, "Braze Email Click").observed == 1
    assert not unplanned


def test_events_and_properties_have_counts_and_shares(plan: TrackingPlan) -> None:
    """The share of an event is of all events, that of a property of its event."""
    clicks = [make_raw(EmailClick, id=str(i)) for i in range(2)]
    clicks.append(make_raw(EmailClick, id="2", link_alias=None))
    observed, unplanned = observe(plan, *clicks, make_raw(EmailBounce))
    click = event_of(observed, "Braze Email Click")
    alias = property_of(click, "link_alias")
    (bounced,) = (p for p in observed.user_properties if p.name.endswith("bounced_at"))

    assert (click.observed, click.share) == (3, 0.75)
    assert (alias.observed, alias.share) == (2, pytest.approx(2 / 3))
    assert (bounced.observed, bounced.share) == (1, 1.0)
    assert event_of(observed, "Braze <event type>").observed == 0
    assert not unplanned


def test_names_that_vary_are_counted_under_their_placeholder(
    plan: TrackingPlan,
) -> None:
    """Custom events, their properties and unknown types are one planned name each."""
    events = [
        make_raw(
            CustomEvent, id="a", name="Signup", custom_properties={"x": 1, "y": 2}
        ),
        make_raw(CustomEvent, id="b", name="Logout", custom_properties={}),
        make_raw(EmailClick, id="c") | {"event_type": "users.new.Type"},
    ]
    observed, unplanned = observe(plan, *events)
    custom = event_of(observed, "Braze Custom <name of the custom event>")

    assert custom.observed == 2
    assert property_of(custom, "custom_properties.*").observed == 1
    assert event_of(observed, "Braze <event type>").observed == 1
    assert not unplanned


def test_storage_records_and_typed_events_are_counted(plan: TrackingPlan) -> None:
    """Events in any form are counted under their type."""
    record = RawEvent(
        make_raw(EmailClick, form="storage", id="a"), EmailClick.event_type
    )
    typed = bh.parse_event(make_raw(EmailClick, id="b"))
    observed, _ = observe(plan, record, typed)

    assert event_of(observed, "Braze Email Click").observed == 2


def test_names_outside_the_plan_are_reported(plan: TrackingPlan) -> None:
    """Fields that Braze added are counted by name, because the plan has none."""
    raw = make_raw(EmailClick)
    raw["properties"]["brand_new"] = "x"
    _, unplanned = observe(plan, raw)

    assert unplanned == {"brand_new": 1}


def test_plan_with_counts_is_written_and_read(plan: TrackingPlan) -> None:
    """JSON keeps the counts; Markdown, CSV and the page show them."""
    observed, _ = observe(plan, make_raw(EmailClick))

    assert TrackingPlan.from_json(observed.to_json()) == observed
    assert "Observed: 1 (100.0%) of all events." in observed.to_markdown()
    assert "observed 1 (100.0%)" in observed.to_html()
    assert ",email,click,1,1.0,users.messages.email.Click," in observed.to_csv()
    assert "Observed" not in plan.to_markdown()
    assert "observed " not in plan.to_html()
