"""Tests of the tracking plan of typed custom events."""

import typing as t

import attrs
import pytest

import braze_heap as bh
from braze_heap.plan import PlanObserver
from braze_heap.testing import make_raw
from tests.mappers import test_structure as typed

HINTS: list[t.Any] = [
    *(str, int, float, bool, t.Any, dict, list),
    *(typed.Decimal, typed.dt.date, typed.dt.datetime, typed.dt.time, typed.UUID),
    *(typed.Color, typed.Size, t.Literal["a"], t.Literal[typed.Color.RED]),
    *(int | None, str | list[str], typed.Item | None, t.Annotated[int, "unit"]),
    *(list[typed.Item], tuple[int, str], tuple[typed.Item, ...], set[str]),
    *(dict[str, typed.Item], dict[typed.Size, int], typed.Sku),
    *(typed.Place, typed.Options, typed.Point, typed.Bundle, list[typed.Bundle]),
]


@pytest.mark.parametrize("hint", HINTS, ids=str)
def test_typed_event_with_any_field_type_is_in_the_plan(hint: t.Any) -> None:
    """A typed custom event is in the plan, whatever the types of its fields."""
    cls = bh.custom_event("E")(attrs.make_class("C", {"x": attrs.field(type=hint)}))
    registry = bh.DEFAULT_MAPPERS.add(cls, lambda c: bh.HeapEvent("Typed Event"))
    classes = {t: c for t, c in bh.EVENT_TYPES.items() if t.endswith(".CustomEvent")}

    plan = bh.tracking_plan(bh.Transformer(registry), classes)

    assert '"Typed Event"' in plan.to_json()


def test_other_properties_of_a_shop_are_in_the_plan() -> None:
    """An e-commerce event is sent with whatever the shop adds, under its own name."""
    transformer = bh.Transformer(ecommerce=True)
    order = {"order_id": "1", "currency": "EUR", "total_value": 3, "market": "de"}
    event = make_raw(
        "users.behaviors.CustomEvent",
        name="ecommerce.order_placed",
        custom_properties=order,
    )
    classes = {t: c for t, c in bh.EVENT_TYPES.items() if t.endswith(".CustomEvent")}
    plan = bh.tracking_plan(transformer, classes)
    observer = PlanObserver(plan)

    observer.add(transformer.transform([event]))

    assert observer.unplanned == {}
    (planned,) = (e for e in plan.events if e.name.endswith("ecommerce.order_placed"))
    (other,) = (p for p in planned.properties if p.name == "*")
    assert (other.field, other.identifying) == ("custom_properties", True)
