"""
The shipped rules: every type is decided on purpose, state becomes user properties
about users.
"""

import inspect
import json
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import EVENT_TYPES, EmailClick, EmailOpen, PushOpen
from braze_heap.mappers import UnknownFieldError, declare
from braze_heap.mappers._standard import property_names
from braze_heap.policies.naming import Naming
from braze_heap.testing import make_event, make_raw
from tests.support.for_each import for_each

STATE = "users.behaviors.subscription.GlobalStateChange"


def calls_of(*events: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    result = bh.Transformer(**options).transform(list(events))
    assert not result.rejected
    return [call.to_dict() for call in result.calls]


def state_change(state: str, time: int, **changes: Any) -> dict[str, Any]:
    return make_raw(
        STATE, id=f"{state}-{time}", time=time, subscription_status=state, **changes
    )


def test_every_type_is_decided() -> None:
    """Each type has a mapper under its name, so that one can be replaced by name."""
    assert [*bh.DEFAULT_MAPPERS.registrations] == [
        bh.CurrentsEvent,
        *sorted(EVENT_TYPES),
    ]


@for_each("event_type", sorted(EVENT_TYPES))
def test_a_shipped_mapper_takes_the_class_of_its_type(event_type: str) -> None:
    """A mapper of one type is annotated with the class of that type."""
    mapper = bh.DEFAULT_MAPPERS.mapper_for(EVENT_TYPES[event_type])
    assert mapper is not None
    (parameter, *_) = inspect.signature(mapper).parameters.values()

    assert parameter.annotation in (
        f"events.{EVENT_TYPES[event_type].__name__}",
        bh.CurrentsEvent,
    )


def test_the_newest_fact_about_a_user_wins_in_whatever_order() -> None:
    """In Heap the last write wins, so an older fact of a batch is not sent."""
    newer, older = state_change("Unsubscribed", 200), state_change("Subscribed", 100)

    user_properties = [
        c["properties"] for c in calls_of(newer, older) if "event" not in c
    ]

    assert user_properties == [
        {
            "braze_email_subscription": "Unsubscribed",
            "braze_email_subscription_changed_at": "1970-01-01T00:03:20+00:00",
        }
    ]


def test_facts_about_other_users_and_channels_stay() -> None:
    """UserProperties compete under one name of one user alone."""
    events = [
        state_change("Subscribed", 100),
        state_change("Subscribed", 101, channel="push"),
        state_change("Subscribed", 102, external_user_id="another"),
    ]

    user_properties = [c for c in calls_of(*events) if "event" not in c]

    assert len(user_properties) == 3


def test_a_profile_update_sets_email_only_if_personal_data_is_kept() -> None:
    """Heap's built-in property for the address has a name of its own."""
    update = make_raw("users.profile.Update")

    _, dropped = calls_of(update)
    _, kept = calls_of(update, personal_data="keep")
    _, hashed = calls_of(
        update, personal_data=bh.PersonalData("hash", key=b"0123456789abcdef")
    )

    assert "email" not in dropped["properties"]
    assert kept["properties"]["email"] == kept["properties"]["braze_email_address"]
    assert "email" not in hashed["properties"]


@pytest.mark.parametrize(
    ("nested", "cart"),
    [
        ("flatten", {".cart.value": 5, ".cart.gift": ""}),
        ("json", {".cart": '{"value":5,"gift":""}'}),
        ("drop", {}),
    ],
)
def test_each_custom_attribute_is_a_user_property(
    nested: str, cart: dict[str, object]
) -> None:
    """Thus an update replaces no other attribute, whatever the form of objects."""
    attributes = {"plan": "pro", "color": None, "cart": {"value": 5, "gift": None}}
    update = make_raw(
        "users.profile.Update", id="1", time=1_700_000_000, custom_attributes=attributes
    )
    later = make_raw(
        "users.profile.Update", id="2", time=1_700_000_009, custom_attributes={"b": 1}
    )

    user_properties = [
        call["properties"]
        for call in calls_of(update, later, nested=nested)
        if "event" not in call
    ]

    stated = [
        {n: v for n, v in properties.items() if n.startswith("braze_custom_attributes")}
        for properties in user_properties
    ]
    names = {".plan": "pro", ".color": ""} | cart
    assert stated == [
        {f"braze_custom_attributes{name}": value for name, value in names.items()},
        {"braze_custom_attributes.b": 1},
    ]


def test_a_deletion_has_to_be_asked_for() -> None:
    """By default the request is an event like any other."""
    request = make_raw("users.UserDeleteRequest")

    (told,) = calls_of(request, identity="user_id")
    (deletion,) = calls_of(request, identity="user_id", deletions=True)

    assert told["event"] == "Braze User Delete Request"
    assert deletion == {"identity": request["user"]["user_id"]}


def test_machines_are_marked_and_can_be_left_out() -> None:
    """Opens by privacy proxies and clicks by scanners are no engagement."""
    events = [
        make_raw("users.messages.email.Open", id="1", machine_open="true"),
        make_raw("users.messages.email.Open", id="2", machine_open=None),
        make_raw("users.messages.email.Click", id="3", is_suspected_bot_click=True),
        make_raw("users.messages.email.Click", id="4", is_suspected_bot_click=None),
    ]

    kept = [call["properties"] for call in calls_of(*events)]
    left = bh.Transformer(machines="drop").transform(events)

    assert [p.get("is_machine_open") for p in kept] == ["true", "false", None, None]
    assert kept[2]["is_suspected_bot_click"] == "true"
    assert [call.to_dict()["idempotency_key"] for call in left.calls] == ["2", "4"]
    assert [skipped.reason for skipped in left.skipped] == ["machine", "machine"]


def test_names_follow_the_policy() -> None:
    """Style, prefixes and renames apply to what is told the standard way."""
    click = make_raw(
        "users.messages.email.Click", only=["link_alias", "external_user_id"]
    )
    names = Naming(
        "type",
        "braze-",
        {"braze-users.messages.email.Click": "Click"},
        "braze-",
        {"braze-link_alias": "link"},
    )

    (call,) = calls_of(click, naming=names)

    assert call["event"] == "Click"
    assert call["properties"].keys() == {
        *("link", "braze-event_type", "braze-channel", "braze-action")
    }


def test_own_rules_keep_their_names() -> None:
    """Prefixes are not for names that a team chose itself."""
    mappers = bh.DEFAULT_MAPPERS.override(
        EmailClick, declare("Newsletter Click", {"link": "link_alias"})
    )
    click = make_raw("users.messages.email.Click", link_alias="hero")

    (call,) = calls_of(click, mappers=mappers, naming=Naming(property_prefix="x-"))

    assert (call["event"], call["properties"]) == ("Newsletter Click", {"link": "hero"})


@pytest.mark.filterwarnings("ignore:property_renames")
def test_renamed_properties_never_overwrite() -> None:
    """Two properties with one new name stay two properties."""
    click = make_raw(
        "users.messages.email.Click", only=["external_user_id", "url", "link_id"]
    )
    names = Naming(property_renames={"url": "link", "link_id": "link"})

    (call,) = calls_of(click, naming=names)

    assert call["properties"].keys() == {
        *("link", "link_2", "event_type", "channel", "action", "link_domain")
    }


def test_local_time_is_the_users() -> None:
    """Unknown zones, and texts that are none, are ignored."""

    def local(zone: str) -> tuple[object, object]:
        event = make_raw("users.messages.email.Open", time=1763900000, timezone=zone)
        (call,) = calls_of(event, local_time=True)
        properties = call["properties"]
        return properties.get("local_hour"), properties.get("local_weekday")

    assert local("Asia/Tokyo") == (21, "Sunday")
    assert local("America/New_York") == (7, "Sunday")
    assert local("../../etc/passwd") == (None, None)
    assert local("Nowhere/City") == (None, None)


def test_fixed_properties_stand_behind_the_events_own() -> None:
    """Every tracked event has them, whatever mapper told it."""
    open_ = make_raw("users.messages.email.Open", only=["external_user_id", "esp"])
    fixed = {"workspace": "EU", "esp": "none", "vip": True}

    (call,) = calls_of(open_, fixed_properties=fixed)

    assert call["properties"]["workspace"] == "EU"
    assert call["properties"]["vip"] == "true"
    assert call["properties"]["esp"] == open_["properties"]["esp"]


def test_first_of_tells_two_kinds_of_ids_apart() -> None:
    """Braze's id stands in for a missing external id, with a prefix."""
    identity = bh.first_of("external_user_id", "user_id", prefix="braze:")
    known = make_raw("users.messages.email.Open", external_user_id="cust-1")
    anonymous = make_raw("users.messages.email.Open", external_user_id=None)

    assert calls_of(known, identity=identity)[0]["identity"] == "cust-1"
    assert calls_of(anonymous, identity=identity)[0]["identity"] == (
        f"braze:{anonymous['user']['user_id']}"
    )


def test_a_declared_mapper_is_checked_when_it_is_added() -> None:
    """A misspelled field is an error while wiring, with the likely one."""
    with pytest.raises(UnknownFieldError, match="Did you mean 'link_alias'"):
        bh.MapperRegistry().add(EmailClick, declare("Click", {"link": "link_alais"}))


def test_a_declared_mapper_reads_fields_and_functions() -> None:
    """The common case needs no code."""
    mapper = declare("Click", {"link": "link_alias", "day": lambda e: e.time // 86400})
    registry = bh.MapperRegistry().add(EmailClick, mapper)

    assert mapper(
        make_event(EmailClick, link_alias="hero", time=86400)
    ) == bh.HeapEvent("Click", {"link": "hero", "day": 1})
    assert registry.fields() == {EmailClick: ("link_alias",)}


@bh.custom_event("Added To Cart")
@attrs.define
class AddedToCart:
    """A team's own event."""

    sku: str
    price: float
    gift: bool = False


def added(**properties: Any) -> dict[str, Any]:
    return make_raw(
        "users.behaviors.CustomEvent",
        name="Added To Cart",
        custom_properties=properties,
    )


def test_a_typed_custom_event_is_mapped_by_its_class() -> None:
    """Its mapper gets an instance, whose types are checked."""
    mappers = bh.Mappers()

    @mappers.maps_custom(AddedToCart)
    def cart(properties: AddedToCart) -> bh.HeapEvent:
        return bh.HeapEvent("Cart", {"sku": properties.sku, "price": properties.price})

    event = added(sku="A-1", price=5, colour="red")
    (call,) = calls_of(event, mappers=bh.DEFAULT_MAPPERS | mappers.registry())

    assert (call["event"], call["properties"]) == ("Cart", {"sku": "A-1", "price": 5})


@pytest.mark.parametrize(
    ("properties", "field", "reason"),
    [
        ({}, "sku", "missing"),
        ({"sku": 5, "price": 1}, "sku", "a number, not str"),
        ({"sku": "a", "price": "1"}, "price", "text, not float"),
    ],
)
def test_custom_properties_that_do_not_fit_are_mapped_as_any_custom_event(
    properties: Any, field: str, reason: str
) -> None:
    """Nothing is lost, and the invalid is counted by class, field and reason."""
    mappers = bh.DEFAULT_MAPPERS.add(AddedToCart, lambda cart: bh.HeapEvent("Cart"))

    result = bh.Transformer(mappers).transform(added(**properties))

    assert [call.to_dict()["event"] for call in result.calls] == [
        "Braze Custom Added To Cart"
    ]
    assert result.invalid == {("AddedToCart", field, reason): 1}


def test_purchases_are_typed_the_same_way() -> None:
    """A class can be for one product, or for all."""

    @bh.purchase()
    @attrs.define
    class Bought:
        size: str

    mappers = bh.DEFAULT_MAPPERS.add(
        Bought, lambda b: bh.HeapEvent("Bought", {"size": b.size})
    )
    event = make_raw("users.behaviors.Purchase", purchase_properties={"size": "L"})

    (call,) = calls_of(event, mappers=mappers)

    assert (call["event"], call["properties"]) == ("Bought", {"size": "L"})


def test_a_class_without_attrs_cannot_be_marked() -> None:
    """Wiring fails, not streaming."""
    with pytest.raises(TypeError, match=r"put @attrs\.define below"):

        @bh.custom_event("X")
        class Plain:
            pass


@for_each("event_type", sorted(EVENT_TYPES))
def test_no_personal_value_is_told_or_shown(event_type: str) -> None:
    """With personal data left out, a canary in each personal field appears nowhere."""
    cls = EVENT_TYPES[event_type]
    fields = bh.events.event_fields(cls)
    canaries = {
        name: f"canary {name}"
        for name, field in fields.items()
        if (field.personal or field.sensitive)
        and name != "external_user_id"
        and field.kind in ("string", "json text")
    }
    result = bh.Transformer().transform(make_raw(event_type, **canaries))
    typed = bh.parse_event(make_raw(event_type, **canaries))

    shown = json.dumps([call.to_dict() for call in result.calls]) + repr(
        (typed, result)
    )

    assert "canary" not in shown


@for_each("event_type", sorted(EVENT_TYPES))
def test_every_value_reaches_heap_or_is_named_as_redacted(event_type: str) -> None:
    """Nothing of a complete event is just gone."""
    raw = make_raw(event_type)
    raw["user"].setdefault("external_user_id", "somebody")
    result = bh.Transformer().transform(raw)
    (track,) = [call for call in result.calls if isinstance(call, bh.Track)]

    told = {name.partition(".")[0] for name in track.properties}
    renamed = property_names(EVENT_TYPES[event_type])
    told |= {field for field, name in renamed.items() if name in told}
    redacted = {name.rpartition("/")[2] for name in result.redacted}

    given = raw["user"].keys() | raw["properties"].keys()
    assert given - told - redacted == set()


OPTIONS: list[dict[str, Any]] = [
    {"personal_data": "keep"},
    {"personal_data": bh.PersonalData("hash", key=b"0123456789abcdef")},
    {"nested": "json"},
    {"nested": "drop"},
    {"naming": Naming("type", "", {}, "b-", {})},
    {"local_time": True, "machines": "drop", "user_properties": "none"},
    {"fixed_properties": {"source": "braze"}},
    {"identity": bh.first_of("external_user_id", "user_id", prefix="b:")},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
def test_every_option_gives_legal_calls_for_every_type(options: dict[str, Any]) -> None:
    """Policies change what is said, never whether Heap takes it."""
    from braze_heap.testing import assert_legal

    events = [make_raw(event_type) for event_type in EVENT_TYPES]
    result = bh.Transformer(**options).transform(events)

    assert not result.rejected
    for call in result.calls:
        assert_legal(call)


def test_two_teams_do_not_know_each_other() -> None:
    """Registries and options are values: one transformer does not change another."""
    one = bh.Transformer(
        bh.DEFAULT_MAPPERS.override(PushOpen, lambda e: bh.HeapEvent("One")),
        naming=Naming(event_prefix="1 "),
    )
    two = bh.Transformer(personal_data="keep")
    events = [make_raw(EmailOpen.event_type), make_raw(PushOpen.event_type)]
    before = two.transform(events)

    names = [call.to_dict()["event"] for call in one.transform(events).calls]

    assert names == ["1 Email Open", "One"]
    assert two.transform(events) == before
