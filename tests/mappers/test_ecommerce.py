"""Tests of the recommended e-commerce events, by value."""

import json
import pickle
import warnings
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.mappers.ecommerce import ECOMMERCE_MAPPERS, OrderPlaced
from braze_heap.testing import make_raw

LINE = {
    "product_id": "SK-0310",
    "product_name": "Merino hiking socks",
    "variant_id": "SK-0310-GR-L",
    "quantity": 2,
    "price": 14.5,
    "metadata": {"color": "grey"},
}
DISCOUNT = {"code": "HERBST10", "amount": 10, "type": "fixed"}
SHARED: dict[str, Any] = {"currency": "EUR", "source": "web"}
LINES: dict[str, Any] = {**SHARED, "total_value": 29, "products": [LINE]}
COSTS = {"subtotal_value": 24.1, "tax": 0, "shipping": 4.9}
DISCOUNTS = {"total_discounts": 10, "discounts": [DISCOUNT]}
ORDER = {"order_id": "ord-30955", **LINES, **DISCOUNTS}

EVENTS: dict[str, dict[str, Any]] = {
    "product_viewed": {
        "product_id": "BT-2041",
        "product_name": "Boot",
        "variant_id": "BT-42",
        "price": 169.9,
        "image_url": "https://i.example/b",
        **SHARED,
        "product_url": "https://s.example/b",
    },
    "cart_updated": {"cart_id": "cart-77120", **LINES, **COSTS},
    "checkout_started": {"checkout_id": "chk-5", "cart_id": "c-7", **LINES, **COSTS},
    "order_placed": {"cart_id": "cart-77120", **ORDER, **COSTS},
    "order_cancelled": {"cancel_reason": "customer_request", **ORDER, **COSTS},
    "order_refunded": ORDER,
}


def shop_event(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return make_raw(
        "users.behaviors.CustomEvent",
        name=f"ecommerce.{name}",
        custom_properties=properties,
    )


def result_of(
    name: str, properties: dict[str, Any], *mappers: Any, **options: Any
) -> bh.TransformResult:
    return bh.Transformer(*mappers, **{"ecommerce": True, **options}).transform(
        shop_event(name, properties)
    )


def properties_of(name: str, properties: dict[str, Any], **options: Any) -> Any:
    result = result_of(name, properties, **options)
    assert not result.invalid
    (call,) = result.calls
    assert isinstance(call, bh.Track)
    assert call.event == f"Braze Custom ecommerce.{name}"
    return call.properties


@pytest.mark.parametrize("name", EVENTS)
def test_properties_of_each_event_have_names_of_their_own(name: str) -> None:
    """Values are those of Braze, lists of objects are JSON with a count."""
    given = EVENTS[name]
    expected = dict(given)
    for lines in expected.keys() & {"products", "discounts"}:
        expected[lines] = json.dumps(given[lines], separators=(",", ":"))
        expected[f"{lines}.count"] = 1

    sent = properties_of(name, given)

    assert {n: v for n, v in sent.items() if n in expected} == expected
    assert sent["name"] == f"ecommerce.{name}"
    assert sent["event_type"] == "users.behaviors.CustomEvent"
    assert sent["action"] == "custom_event"
    assert not [n for n in sent if n.startswith("custom_properties")]


@pytest.mark.parametrize("action", ["add", "remove", "replace"])
def test_the_action_of_a_cart_is_renamed(action: str) -> None:
    """The derived property ``action`` keeps its meaning."""
    given = {"cart_id": "c", "action": action, "currency": "EUR", "products": [LINE]}

    sent = properties_of("cart_updated", given)

    assert (sent["action"], sent["cart_action"]) == ("custom_event", action)


@pytest.mark.parametrize("amount", [29, -29, 29.5, 0, -0.5])
@pytest.mark.parametrize("name", [n for n in EVENTS if n != "product_viewed"])
def test_amounts_keep_their_sign(name: str, amount: float) -> None:
    """An amount is sent as it came, even that of a refund."""
    sent = properties_of(name, {**EVENTS[name], "total_value": amount})

    assert sent["total_value"] == amount


def test_product_lists_can_be_columns() -> None:
    """With ``lists="columns"`` each field of a line is a property."""
    sent = properties_of("order_placed", EVENTS["order_placed"], lists="columns")

    assert sent["products.count"] == 1
    assert sent["products.product_id"] == "SK-0310"
    assert sent["products.metadata.color"] == "grey"
    assert sent["discounts.amount"] == "10"


def test_alerts_of_a_view_are_a_list() -> None:
    """Several values of ``type`` are joined."""
    alerts = ["price_drop", "back_in_stock"]

    sent = properties_of("product_viewed", {**EVENTS["product_viewed"], "type": alerts})

    assert sent["type"] == "price_drop||back_in_stock"


def test_other_properties_of_the_shop_are_sent() -> None:
    """Those that collide with a field of the event are renamed, and counted."""
    added = {"country": "DE", "presentment_currency": {"tax": 1}, "platform": "shopify"}
    given = {**ORDER, **added, "action": "pay", "event_type": "x"}

    result = result_of("order_placed", given)
    sent: Any = result.calls[0].to_dict()["properties"]

    assert (sent["country"], sent["presentment_currency.tax"]) == ("DE", 1)
    assert (sent["platform"], sent["platform_2"]) == ("ios", "shopify")
    assert (sent["action_2"], sent["event_type_2"]) == ("pay", "x")
    assert result.adjustments == {"renamed": 3}


def test_personal_data_in_metadata_is_redacted_and_counted() -> None:
    """Secret keys of URLs, and text under personal names, do not leave."""
    metadata = {
        "order_status_url": "https://shop.example/o/1?key=41de&utm_source=x",
        "email": "jane@example.com",
    }
    line = {**LINE, "metadata": {"phone": "030 901820"}}

    given = {**ORDER, "metadata": metadata, "products": [line]}
    result = result_of("order_refunded", given)
    sent: Any = result.calls[0].to_dict()["properties"]

    assert sent["metadata.order_status_url"] == "https://shop.example/o/1"
    assert "jane" not in str(sent)
    assert "901820" not in str(sent)
    names = [n for n in result.redacted_fields if n.startswith("custom_")]
    assert sorted(names) == [
        "custom_properties.metadata.email",
        "custom_properties.metadata.order_status_url?key",
        "custom_properties.metadata.order_status_url?utm_source",
        "custom_properties.products.metadata.phone",
    ]


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"total_value": "29"}, "total_value", "text, not float"),
        ({"total_value": True}, "total_value", "a boolean, not float"),
        ({"products": "SK-0310"}, "products", "text, not a list"),
        ({"products": [{"price": "1"}]}, "products[].price", "text, not float"),
        ({"metadata": ["a"]}, "metadata", "a list, not an object"),
    ],
)
def test_event_that_does_not_fit_is_sent_like_any_custom_event(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    """It is counted by class, field and reason."""
    result = result_of("order_placed", {**ORDER, **changes})
    sent: Any = result.calls[0].to_dict()["properties"]

    assert sent["custom_properties.order_id"] == "ord-30955"
    assert result.invalid == {("OrderPlaced", field, reason): 1}


@pytest.mark.parametrize("name", [n for n in EVENTS if n != "cart_updated"])
def test_empty_event_does_not_fit(name: str) -> None:
    """An event without an amount or product is counted as invalid."""
    assert sum(result_of(name, {}).invalid.values()) == 1


def test_event_without_identifiers_and_lines_fits() -> None:
    """Older data has fewer properties, and a policy may redact identifiers."""
    sent = properties_of(
        "order_placed", ORDER, personal_data={"custom_properties.order_id": "drop"}
    )

    assert "order_id" not in sent
    assert sent["total_value"] == 29


@pytest.mark.parametrize("name", ["OrderPlaced", "Order_placed", "order_placed "])
def test_other_names_are_ordinary_custom_events(name: str) -> None:
    """Names are exact and case-sensitive."""
    (call,) = result_of(name, ORDER).calls

    assert "custom_properties.total_value" in call.to_dict()["properties"]


def test_they_are_opt_in() -> None:
    """By default an order is a custom event like any other."""
    result = bh.Transformer().transform(shop_event("order_placed", ORDER))

    properties: Any = result.calls[0].to_dict()["properties"]
    assert properties["custom_properties.total_value"] == 29


def test_the_registry_does_the_same_as_the_option_and_the_configuration() -> None:
    """All ways to turn it on give equal calls, also after pickling."""
    transformer = bh.Transformer(ecommerce=True)
    others = [
        bh.Transformer(bh.DEFAULT_MAPPERS | ECOMMERCE_MAPPERS),
        bh.TransformConfig(ecommerce=True).transformer(),
        pickle.loads(pickle.dumps(transformer)),
    ]
    event = shop_event("order_placed", ORDER)
    calls = transformer.transform(event).calls

    assert [each.transform(event).calls for each in others] == [calls] * 3
    assert transformer.transform(bh.parse_event(event)).calls == calls


def test_the_storage_form_gives_the_same_properties() -> None:
    """In files the custom properties are JSON text."""
    event = make_raw(
        "users.behaviors.CustomEvent",
        form="storage",
        name="ecommerce.order_placed",
        custom_properties=ORDER,
    )

    typed = bh.parse_event(event, event_type="users.behaviors.CustomEvent")
    (call,) = bh.Transformer(ecommerce=True).transform(typed).calls
    properties: Any = call.to_dict()["properties"]

    assert properties["total_value"] == 29
    assert properties["products.count"] == 1


def test_a_mapper_of_a_team_takes_precedence() -> None:
    """It may be for the shipped class, or for an own class for the same event."""

    @bh.custom_event("ecommerce.order_placed")
    @attrs.define
    class OwnOrder:
        order_id: str

    for cls in (OrderPlaced, OwnOrder):
        own = bh.MapperRegistry().add(cls, lambda o: bh.HeapEvent(o.order_id))
        for mappers in (own | ECOMMERCE_MAPPERS, ECOMMERCE_MAPPERS | own):
            (call,) = result_of(
                "order_placed", ORDER, bh.DEFAULT_MAPPERS | mappers
            ).calls
            assert call.to_dict()["event"] == "ord-30955"


def test_other_custom_events_keep_the_mapper_of_a_team() -> None:
    """A team's mapper for custom events takes those that do not fit, too."""
    mappers = bh.DEFAULT_MAPPERS.override(
        "users.behaviors.CustomEvent", lambda e: bh.HeapEvent("Own")
    )

    names = [
        result_of(name, properties, mappers).calls[0].to_dict()["event"]
        for name, properties in (
            ("order_placed", ORDER),
            ("order_placed", {}),
            ("x", {}),
        )
    ]

    assert names == ["Braze Custom ecommerce.order_placed", "Own", "Own"]


@pytest.mark.filterwarnings("ignore:ecommerce has no effect")
def test_selection_applies_to_them() -> None:
    """An event that is not selected is skipped as such, even without an identity."""
    transformer = bh.Transformer(ecommerce=True, include="action:click")
    event = shop_event("order_placed", ORDER)
    del event["user"]

    assert [s.reason for s in transformer.transform(event).skipped] == ["excluded"]


def test_their_properties_can_be_renamed_without_a_warning() -> None:
    """Names of e-commerce properties are known to the naming policy."""
    renames = {
        "total_value": "revenue",
        "variant_id": "variant",
        "cart_action": "change",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        naming = bh.Naming(property_renames=renames)
        result = result_of("order_placed", {**ORDER, "variant_id": "v"}, naming=naming)

    sent: Any = result.calls[0].to_dict()["properties"]
    assert (sent["revenue"], sent["variant"]) == (29, "v")


def test_the_plan_lists_them() -> None:
    """Each event is in the tracking plan with its own properties."""
    name = "users.behaviors.CustomEvent"

    plan = bh.tracking_plan(
        bh.Transformer(ecommerce=True), {name: bh.EVENT_TYPES[name]}
    )

    planned = {e.name: {p.name for p in e.properties} for e in plan.events}
    for each, properties in EVENTS.items():
        assert planned[f"Braze Custom ecommerce.{each}"] >= properties.keys()
    assert "cart_action" in planned["Braze Custom ecommerce.cart_updated"]
