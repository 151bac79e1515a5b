import functools
import re

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import CustomEvent, EmailClick, EmailSend, event_fields
from braze_heap.heap.calls import AddUserProperties, Track
from braze_heap.plan import PlannedEvent, PlannedProperty, TrackingPlan, tracking_plan
from braze_heap.testing import make_raw

POLICIES = {
    "default": bh.Transformer(),
    "keep": bh.Transformer(personal_data="keep"),
    "hash": bh.Transformer(
        personal_data=bh.PersonalData("hash", key=b"only for the tests")
    ),
    "braze id": bh.Transformer(identity="user_id", deletions=True),
    "local, prefixed": bh.Transformer(
        local_time=True,
        naming=bh.Naming(event_names="type", property_prefix="p_"),
        fixed_properties={"source": "braze"},
    ),
    "json, no machines": bh.Transformer(nested="json", machines="drop"),
    "engagement": bh.Transformer(include=bh.ENGAGEMENT),
}


@functools.cache
def plan_under(policy: str) -> TrackingPlan:
    return tracking_plan(POLICIES[policy])


@pytest.fixture(scope="module")
def plan() -> TrackingPlan:
    return plan_under("default")


def is_planned(name: str, planned: set[str]) -> bool:
    """Tell whether one of the *planned* names covers *name*."""
    return name in planned or any(_pattern(p).fullmatch(name) for p in planned)


@functools.cache
def _pattern(planned: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"<[^<>]+>|\\\*", ".+", re.escape(planned)))


def small(
    transformer: bh.Transformer, *classes: type[bh.CurrentsEvent]
) -> TrackingPlan:
    return tracking_plan(transformer, {cls.event_type: cls for cls in classes})


def event_of(plan: TrackingPlan, name: str) -> PlannedEvent:
    return next(event for event in plan.events if event.name == name)


def property_of(event: PlannedEvent, name: str) -> PlannedProperty:
    return next(planned for planned in event.properties if planned.name == name)


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(name, marks=[pytest.mark.slow] if number else [])
        for number, name in enumerate(POLICIES)
    ],
)
def test_everything_that_is_sent_is_in_the_plan(policy: str) -> None:
    """All calls for events of all types are in the plan, under every policy."""
    transformer = POLICIES[policy]
    planned = plan_under(policy)
    missing = []
    for event_type in bh.EVENT_TYPES:
        events = [e for e in planned.events if e.event_type == event_type]
        users = {"user_id", "external_user_id"}
        fields = event_fields(bh.EVENT_TYPES[event_type]).items()
        documented = {name for name, field in fields if field.documented}
        bare = make_raw(event_type, only=users & documented)
        for raw in (make_raw(event_type), bare):
            for call in transformer.transform(raw).calls:
                if isinstance(call, Track):
                    named = [e for e in events if is_planned(call.event, {e.name})]
                    names = {p.name for e in named for p in e.properties}
                elif isinstance(call, AddUserProperties):
                    names = {p.name for p in planned.user_properties}
                else:
                    assert event_type in planned.deletions
                    continue
                missing += [
                    (event_type, name)
                    for name in call.properties
                    if not is_planned(name, names)
                ]

    assert not missing


def test_every_type_has_an_event_or_a_reason(plan: TrackingPlan) -> None:
    """Each type has an event in the plan, or a reason why not."""
    known = {e.event_type for e in plan.events} | {e.event_type for e in plan.unsent}

    assert {*bh.EVENT_TYPES, "*"} == known


def test_every_field_has_a_property_or_a_reason(plan: TrackingPlan) -> None:
    """Each field becomes a property, or is in the list of unsent fields."""
    for event in plan.events:
        if event.event_type != "*":
            fields = event_fields(bh.EVENT_TYPES[event.event_type]).items()
            documented = {name for name, field in fields if field.documented}
            known = {p.field for p in event.properties} | {f.name for f in event.unsent}
            absent = documented - known - {"id", "time", "time_ms", "name"}
            assert not absent, event.name


def test_undocumented_user_field_has_a_remark(
    plan: TrackingPlan,
) -> None:
    """Fields that Braze does not document for the type have a remark."""
    event = event_of(plan, "Braze Purchase")

    assert property_of(event, "timezone").doc.endswith(
        "Braze does not document it for the type."
    )
    assert not property_of(event, "device_id").doc.endswith("for the type.")


def test_default_plan_has_no_personal_data(plan: TrackingPlan) -> None:
    """By default no property of an event or user is personal data."""
    sent = [p for event in plan.events for p in event.properties]

    assert not [p.name for p in (*sent, *plan.user_properties) if p.is_personal]


def test_kept_personal_data_has_the_mark_of_its_field() -> None:
    """Properties have the marks of their fields, for every type."""
    planned = plan_under("keep")

    for event in planned.events:
        if event.event_type != "*":
            fields = event_fields(bh.EVENT_TYPES[event.event_type])
            for found in event.properties:
                if found.field:
                    field = fields[found.field]
                    assert (found.personal, found.sensitive) == (
                        field.personal,
                        field.sensitive,
                    )
    assert {p.name for p in planned.user_properties if p.is_personal} >= {"email"}


def test_property_derived_from_personal_data_is_personal() -> None:
    """A property that a mapper computes from an address is personal data."""
    mappers = bh.Mappers()

    @mappers.maps(EmailSend)
    def send(event: EmailSend) -> bh.HeapEvent:
        domain = (event.email_address or "").upper()
        return bh.HeapEvent("Newsletter", {"domain": domain, "team": "crm"})

    planned = small(bh.Transformer(mappers.registry(), personal_data="keep"), EmailSend)
    event = event_of(planned, "Newsletter")

    assert property_of(event, "domain").sources == ("email_address",)
    assert property_of(event, "domain").is_personal
    assert property_of(event, "team").origin == "fixed"
    assert "The mapper does not use it." in {f.why for f in event.unsent}


def test_event_behind_a_flag_is_in_the_plan() -> None:
    """An event that a mapper returns for one value of a flag is in the plan."""
    mappers = bh.Mappers()

    @mappers.maps(EmailClick)
    def click(event: EmailClick) -> bh.HeapEvent | None:
        if event.is_suspected_bot_click:
            return bh.HeapEvent("Bot")
        return bh.HeapEvent("Click", {"link": event.link_alias, "amp": event.is_amp})

    planned = small(bh.Transformer(mappers.registry()), EmailClick)

    assert [event.name for event in planned.events] == ["Bot", "Click"]
    assert property_of(planned.events[1], "link").field == "link_alias"
    assert property_of(planned.events[1], "amp").type == "boolean as text"


def test_typed_custom_event_and_read_property_are_in_the_plan() -> None:
    """Typed custom events and custom properties that a mapper reads are in the plan."""
    mappers = bh.Mappers()

    @bh.custom_event("Added To Cart")
    @attrs.define
    class AddedToCart:
        sku: str
        price: float | None = None

    @mappers.maps(AddedToCart)
    def added(cart: AddedToCart) -> bh.HeapEvent:
        return bh.HeapEvent("Cart", {"sku": cart.sku, "price": cart.price})

    @mappers.maps(CustomEvent)
    def custom(event: CustomEvent) -> bh.HeapEvent:
        color = (event.custom_properties or {}).get("color")
        return bh.HeapEvent("Custom", {"color": color})

    planned = small(bh.Transformer(mappers.registry()), CustomEvent)

    assert property_of(event_of(planned, "Cart"), "sku").sources == (
        "custom_properties",
    )
    assert property_of(event_of(planned, "Cart"), "price").type == "number"
    assert (
        property_of(event_of(planned, "Custom"), "color").field == "custom_properties"
    )


def test_varying_name_has_a_placeholder(plan: TrackingPlan) -> None:
    """Names that depend on the event have placeholders instead of invented values."""
    names = {event.name for event in plan.events}
    user_properties = {fact.name for fact in plan.user_properties}
    custom = event_of(plan, "Braze Custom <name of the custom event>")

    assert "Braze <event type>" in names
    assert "braze_subscription_group_<subscription_group_id>" in user_properties
    assert {
        "braze_email_subscription",
        "braze_<channel>_subscription",
    } <= user_properties
    assert property_of(custom, "custom_properties.*").type == "any"
    assert "q7" not in plan.to_json()


def test_hash_is_not_an_example() -> None:
    """
    The example of a hashed property is a description, because readers could try
    keys.
    """
    planned = small(POLICIES["hash"], EmailClick)
    address = property_of(event_of(planned, "Braze Email Click"), "email_address")

    assert address.example == "<64 hexadecimal digits>"
    assert address.is_personal


def test_failing_mapper_is_reported() -> None:
    """A mapper that raises is reported in the plan."""
    mappers = bh.Mappers()

    @mappers.maps(EmailClick)
    def click(event: EmailClick) -> bh.HeapEvent:
        raise RuntimeError

    (absent, *_) = [
        e
        for e in small(bh.Transformer(mappers.registry()), EmailClick).unsent
        if e.event_class == "EmailClick"
    ]

    assert absent.why.startswith("The mapper fails on every sample:")


def test_names_in_options_are_probed() -> None:
    """Renamed custom events and redacted nested properties are in the plan."""
    transformer = bh.Transformer(
        naming=bh.Naming(event_renames={"Braze Custom Order": "Order Placed"}),
        personal_data={"custom_properties.email": "drop"},
    )
    planned = small(transformer, CustomEvent)

    unsent = {f.name for f in event_of(planned, "Order Placed").unsent}
    assert "custom_properties.email" in unsent


def test_plan_is_deterministic(plan: TrackingPlan) -> None:
    """Two plans of one configuration are equal, and a part equals its whole."""
    again = small(bh.Transformer(), EmailClick, CustomEvent)

    assert again == small(bh.Transformer(), EmailClick, CustomEvent)
    assert set(again.events) <= set(plan.events)
