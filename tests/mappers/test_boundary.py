"""Tests of the boundary between the transformer and a team's functions."""

import copy
import dataclasses
import datetime as dt
import enum
import json
from collections import UserString
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import (
    CustomEvent,
    EmailBounce,
    EmailClick,
    EmailEvent,
    ProfileUpdate,
)
from braze_heap.mappers import MapperRegistry
from braze_heap.testing import make_event, make_raw
from tests.support.for_each import for_each

ITEMS = {"price": 5, "items": [{"sku": "a"}]}


def mapped_by(
    mapper: Callable[[Any], Any], key: Any = bh.CurrentsEvent
) -> bh.Transformer:
    """Return a transformer that maps all events, or those of *key*, with *mapper*."""
    return bh.Transformer(bh.DEFAULT_MAPPERS.override(key, mapper))


def purchase_of(**more: Any) -> dict[str, Any]:
    """Return a custom event with nested properties."""
    return make_raw(
        CustomEvent, name="Order", custom_properties=copy.deepcopy(ITEMS), **more
    )


def destructive(event: CustomEvent) -> bh.HeapEvent:
    """Change everything that an event holds."""
    properties: Any = event.custom_properties
    properties["items"][0]["sku"] = "changed"
    properties["items"].append("changed")
    price = properties.pop("price")
    event.name = "changed"
    event.id = "changed"
    event.time = 1
    event.external_user_id = "changed"
    if event.extra:
        extra: Any = event.extra
        extra["news"].append("changed")
        extra.clear()
    return bh.HeapEvent("Order", {"price": price})


@pytest.mark.parametrize("form", ["decoded", "typed", "bytes"])
def test_a_mapper_cannot_change_the_original(form: str) -> None:
    """An equal repeat stays equal, and the source is left as it was."""
    raw = purchase_of(id="a")
    raw["properties"]["news"] = [1]
    event = bh.parse_event(copy.deepcopy(raw))
    sources: dict[str, Any] = {
        "decoded": [raw, copy.deepcopy(raw)],
        "typed": [event, copy.deepcopy(event)],
        "bytes": json.dumps({"events": [raw, raw]}).encode(),
    }
    before = copy.deepcopy(sources[form])

    result = mapped_by(destructive).transform(sources[form])

    assert (len(result.calls), result.repeated, result.rejected) == (1, 1, [])
    assert sources[form] == before
    (call,) = result.calls
    assert isinstance(call, bh.Track)
    assert call.properties == {"price": 5}
    assert (call.idempotency_key, call.identity) == ("a", event.external_user_id)
    assert call.timestamp != "1970-01-01T00:00:01+00:00"


def test_a_mapper_that_changes_its_event_and_raises_keeps_the_original() -> None:
    """The dead letter gets what Braze sent."""

    def fails(event: CustomEvent) -> None:
        destructive(event)
        raise KeyError

    (rejected,) = mapped_by(fails).transform([purchase_of(id="a")]).rejected

    assert rejected.raw["properties"]["custom_properties"] == ITEMS
    assert (rejected.event_id, rejected.reason) == ("a", "mapper_error")


@bh.custom_event("Order")
@attrs.define
class Order:
    """Properties of which one is not described further."""

    price: Any
    items: Any


def test_a_mapper_of_a_typed_class_cannot_change_the_original() -> None:
    """What the class does not describe is a copy, too."""

    def change(order: Order) -> None:
        order.items[0].clear()
        order.items.clear()

    raw = purchase_of()
    mappers = bh.DEFAULT_MAPPERS.add(Order, change)

    result = bh.Transformer(mappers).transform([raw, raw])

    assert result.repeated == 1
    assert raw["properties"]["custom_properties"] == ITEMS


def test_functions_for_identity_cannot_change_the_event() -> None:
    """A mapper sees what Braze sent, whatever the function before it did."""

    def identify(event: Any) -> str:
        event.custom_properties.clear()
        event.name = "changed"
        return "someone"

    (call,) = bh.Transformer(identity=identify).transform(purchase_of()).calls

    assert isinstance(call, bh.Track)
    assert call.event == "Braze Custom Order"
    assert call.properties["custom_properties.price"] == 5


def test_a_function_for_names_cannot_change_the_event_either() -> None:
    """It gets a copy; a name that is not text rejects the event, and says so."""
    raw = make_raw(EmailClick, id="a")
    raw["properties"]["news"] = [1]

    def name(event: Any) -> Any:
        event.extra["news"].clear()
        return "Click" if event.id == "a" else 5

    transformer = bh.Transformer(naming=bh.Naming(event_names=name))
    result = transformer.transform([raw, {**raw, "id": "b"}])

    assert raw["properties"]["news"] == [1]
    assert [call.to_dict()["event"] for call in result.calls] == ["Braze Click"]
    assert (
        "event_names returned a value of the type int, not a name"
        in result.rejected[0].detail
    )


@for_each("event_type", list(bh.EVENT_TYPES))
def test_the_default_is_all_that_the_shipped_mapper_returns(event_type: str) -> None:
    """A mapper that adds a property loses no user property."""

    def add(event: bh.CurrentsEvent) -> Any:
        return bh.default(event, added=1)

    raw = make_raw(event_type)
    plain = bh.Transformer().transform(raw).calls
    calls = mapped_by(add, event_type).transform(raw).calls

    assert [type(call) for call in calls] == [type(call) for call in plain]
    for call, expected in zip(calls, plain, strict=True):
        if isinstance(call, bh.Track) and isinstance(expected, bh.Track):
            assert call.properties == {**expected.properties, "added": 1}
            assert call.event == expected.event
        else:
            assert call == expected


def test_the_default_renames_and_removes() -> None:
    """A name replaces that of the event, and ``None`` removes a property."""

    def rename(event: EmailBounce) -> Any:
        return bh.default(event, "Lost Email", campaign_name=None)

    event, user_properties = (
        mapped_by(rename, EmailEvent).transform(make_raw(EmailBounce)).calls
    )

    assert isinstance(event, bh.Track)
    assert event.event == "Braze Lost Email"
    assert "campaign_name" not in event.properties
    assert isinstance(user_properties, bh.AddUserProperties)
    assert user_properties.properties["braze_email_bounced_at"]


def test_the_default_of_a_type_without_a_class_is_its_event() -> None:
    """An unknown type has a shipped mapper too."""
    raw = {**make_raw(EmailClick), "event_type": "users.messages.fax.Send"}
    event = bh.parse_event({**raw, "properties": {"number": 5}})

    (payload,) = bh.default(event, added=1)

    assert isinstance(payload, bh.StandardEvent)
    assert payload.properties["number"] == 5
    assert payload.properties["added"] == 1


async def coroutine() -> None:
    """Stand for an async mapper."""


async def generator() -> AsyncIterator[bh.HeapEvent]:
    """Stand for an async mapper with yield."""
    yield bh.HeapEvent("X")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: "x", "a list of these, or None; it returned text"),
        (lambda: b"x", "a value of the type bytes"),
        (lambda: {"event": "X"}, "a value of the type dict"),
        (lambda: 5, "a value of the type int"),
        (lambda: True, "a value of the type bool"),
        (lambda: bh.HeapEvent, "the class HeapEvent, not an instance of it"),
        (lambda: ("X", {"a": 1}), "item 1 of the tuple that it returned is text"),
        (
            lambda: [bh.HeapEvent("X"), None],
            "item 2 of the list that it returned is No",
        ),
        (lambda: iter([1]), "item 1 of the list_iterator that it returned is"),
        (coroutine, "a coroutine: write def instead of async def"),
        (generator, "a async generator: write def instead of async def"),
        (lambda: bh.HeapEvent(""), "a HeapEvent without a name"),
        (lambda: bh.HeapEvent("  "), "a HeapEvent without a name"),
        (lambda: bh.HeapEvent("x".upper), "the name of a HeapEvent is a value of the"),
        (lambda: bh.HeapEvent("X", [1]), "the properties of a HeapEvent are a value"),
        (lambda: bh.HeapUserProperties(None), "properties of a HeapUserProperties are"),
    ],
)
def test_a_wrong_return_value_is_named(make: Callable[[], Any], told: str) -> None:
    """The detail names the mapper, what it returned and what to return."""

    def wrong(event: Any) -> Any:
        return make()

    (rejected,) = mapped_by(wrong).transform(make_raw(EmailClick)).rejected

    assert rejected.reason == "mapper_error"
    assert "wrong" in rejected.detail
    assert told in rejected.detail


def test_a_generator_is_several_payloads() -> None:
    """A mapper may yield what it has to say."""

    def both(event: Any) -> Iterator[bh.HeapEvent]:
        yield bh.HeapEvent("One")
        yield bh.HeapEvent("Two")

    calls = mapped_by(both).transform(make_raw(EmailClick)).calls

    assert [call.event for call in calls if isinstance(call, bh.Track)] == [
        "One",
        "Two",
    ]


@attrs.define
class Link:
    """An attrs class."""

    url: str
    inner: Any = None


@dataclasses.dataclass
class Shop:
    """A dataclass."""

    city: str
    link: Any = None


class Color(enum.Enum):
    """An enum whose values are of several types."""

    RED = "red"
    BOX = (1, 2)


class Scalar:
    """A number as numpy has it."""

    ndim = 0

    def item(self) -> int:
        """Return the Python number."""
        return 7


MOMENT = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Link("a", Shop("b")), {"v.url": "a", "v.inner.city": "b"}),
        (Shop("b", Link("a")), {"v.city": "b", "v.link.url": "a"}),
        ({"k": Link("a")}, {"v.k.url": "a"}),
        ([Link("a", Color.RED)], {"v": '[{"url":"a","inner":"red"}]', "v.count": 1}),
        (
            {"k": [[Shop("b", Scalar())]]},
            {"v.k": '[[{"city":"b","link":7}]]', "v.k.count": 1},
        ),
        (Color.RED, {"v": "red"}),
        (Color.BOX, {"v": "1||2"}),
        ([Color.RED, Color.RED], {"v": "red||red"}),
        ({Color.RED: 1}, {"v.red": 1}),
        ([{Color.RED: 1}], {"v": '[{"red":1}]', "v.count": 1}),
        (Scalar(), {"v": 7}),
        ([Scalar(), 1], {"v": "7||1"}),
        (Decimal("1.5"), {"v": 1.5}),
        (MOMENT, {"v": "2026-01-02T00:00:00+00:00"}),
        (MOMENT.date(), {"v": "2026-01-02"}),
        ([UUID(int=1)], {"v": "00000000-0000-0000-0000-000000000001"}),
    ],
)
@pytest.mark.parametrize("payload", [bh.HeapEvent, bh.HeapUserProperties])
def test_values_of_a_mapper_become_json(
    payload: Any, value: Any, expected: dict[str, Any]
) -> None:
    """An attrs class or dataclass is an object, at any depth; an enum is its value."""

    def mapper(event: Any) -> Any:
        if payload is bh.HeapEvent:
            return bh.HeapEvent("X", {"v": value})
        return bh.HeapUserProperties({"v": value})

    (call,) = mapped_by(mapper).transform(make_raw(EmailClick)).calls

    assert call.to_dict()["properties"] == expected


NO_JSON: list[Any] = [
    "secret".upper,
    len,
    lambda: 1,
    object(),
    Link,
    b"secret",
    {"secret"},
    complex(1, 2),
    dt.timedelta(1),
    (letter for letter in "secret"),
    json,
]


@pytest.mark.parametrize("wrap", ["alone", "list", "dict", "deep", "attrs", "key"])
@pytest.mark.parametrize("value", NO_JSON, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("nested", ["flatten", "json"])
def test_a_value_without_a_form_in_json_rejects_its_event_alone(
    nested: Any, value: Any, wrap: str
) -> None:
    """The detail names the mapper, the property and the type, and never the value."""
    wrapped: dict[str, Any] = {
        "alone": lambda: value,
        "list": lambda: [1, value],
        "dict": lambda: {"a": value},
        "deep": lambda: {"a": [{"b": [value]}]},
        "attrs": lambda: Link("a", value),
        "key": lambda: [{value if value.__hash__ else len: 1}],
    }
    given = wrapped[wrap]()

    def mapper(event: EmailClick) -> Any:
        properties = {"good": 1} if event.id == "b" else {"good": 1, "link": given}
        return [bh.HeapUserProperties({"seen": 1}), bh.HeapEvent("X", properties)]

    registry = bh.DEFAULT_MAPPERS.override(EmailClick, mapper)
    transformer = bh.Transformer(registry, nested=nested)
    one = make_raw(EmailClick, id="a", time=1_700_000_100)
    other = make_raw(EmailClick, id="b", time=1_700_000_000)

    result = transformer.transform([one, other])

    (rejected,) = result.rejected
    name = (value if value.__hash__ else len).__class__ if wrap == "key" else None
    assert (rejected.reason, rejected.event_id) == ("mapper_error", "a")
    assert "mapper" in rejected.detail
    assert "property 'link" in rejected.detail
    assert (name or type(value)).__name__ in rejected.detail
    assert "secret" not in rejected.detail
    assert [type(call) for call in result.calls] == [bh.AddUserProperties, bh.Track]


def test_a_typed_event_with_a_value_without_a_form_in_json_is_rejected() -> None:
    """The shipped mappers send no repr either, on any path."""
    events = [
        make_event(CustomEvent, name="A", custom_properties={"a": object()}),
        make_event(ProfileUpdate, custom_attributes={"a": object()}),
    ]
    for event in events:
        for source in (event, event.to_raw()):
            result = bh.Transformer(personal_data="keep").transform([source])

            assert [str(r.reason) for r in result.rejected] == ["mapper_error"]
            assert "object" in result.rejected[0].detail


def test_fixed_properties_are_checked_while_wiring() -> None:
    """A value that no event could send is an error at once."""
    with pytest.raises(TypeError, match=r"fixed_properties: property 'f' .* function"):
        bh.Transformer(fixed_properties={"f": lambda: 1})  # type: ignore[dict-item]


def test_a_declared_mapper_is_held_to_the_same_values() -> None:
    """A small function that forgets its parentheses rejects the event."""
    mapper = bh.declare("Click", {"link": lambda event: event.link_alias.upper})

    (rejected,) = mapped_by(mapper, EmailClick).transform(make_raw(EmailClick)).rejected

    assert "declare('Click'): property 'link'" in rejected.detail


def test_a_typed_class_needs_no_other_mapper() -> None:
    """A registry of typed classes alone maps what fits them, and skips the others."""
    registry = MapperRegistry().add(Order, lambda order: bh.HeapEvent("Typed"))
    transformer = bh.Transformer(registry)

    fits = transformer.transform(purchase_of())
    other = transformer.transform(make_raw(CustomEvent, name="Order"))

    assert [call.to_dict()["event"] for call in fits.calls] == ["Typed"]
    assert [skip.reason for skip in other.skipped] == ["not_mapped"]
    assert other.invalid == {("Order", "price", "missing"): 1}


def test_the_mapper_of_a_typed_class_is_the_one_that_is_named() -> None:
    """A mapper that raises is named by its own place."""

    def typed_mapper(order: Order) -> None:
        raise KeyError

    registry = bh.DEFAULT_MAPPERS.add(Order, typed_mapper)

    (rejected,) = bh.Transformer(registry).transform(purchase_of()).rejected

    assert "typed_mapper" in rejected.detail


def endless(kind: str) -> Any:
    """Return a value that contains itself."""
    values: list[Any] = []
    names: dict[str, Any] = {"values": values}
    values.append(names if kind == "dict" else values)
    return {"list": values, "dict": names, "text": UserString("a")}[kind]


@pytest.mark.parametrize("kind", ["list", "dict", "text"])
@pytest.mark.parametrize(
    "make", [lambda v: bh.HeapEvent("X", v), bh.HeapUserProperties]
)
def test_a_value_that_contains_itself_is_named(
    kind: str, make: Callable[[Any], Any]
) -> None:
    """Each letter of a UserString is a UserString."""
    value = endless(kind)
    transformer = mapped_by(lambda _: make({"a": 1, "looped": value}))

    (rejected,) = transformer.transform(purchase_of()).rejected

    assert rejected.reason == bh.Reason.MAPPER_ERROR
    assert "property 'looped" in rejected.detail
    assert "contains itself" in rejected.detail


def test_a_number_beyond_the_floats_keeps_its_digits() -> None:
    transformer = mapped_by(lambda _: bh.HeapEvent("X", {"v": Decimal("1.5e500")}))

    (call,) = transformer.transform(purchase_of()).calls

    assert isinstance(call, bh.Track)
    assert call.properties["v"] == "1.5E+500"


def test_a_converter_that_cannot_decide_puts_the_batch_off() -> None:
    """Its lookup may work later, so the properties are not invalid."""

    def look_up(value: Any) -> Any:
        raise bh.SinkUnavailable("crm")

    @bh.custom_event("Order")
    @attrs.define
    class Order:
        price: Any = attrs.field(converter=look_up)

    mappers = bh.Mappers()
    mappers.maps_custom(Order)(lambda _: bh.HeapEvent("X"))
    transformer = bh.Transformer(bh.DEFAULT_MAPPERS | mappers)

    with pytest.raises(bh.SinkUnavailable) as raised:
        transformer.transform(purchase_of(id="a"))

    assert "id 'a'" in raised.value.__notes__[0]


def test_a_declared_property_needs_a_name_that_is_text() -> None:
    with pytest.raises(TypeError, match="need names that are text"):
        bh.declare("X", {5: "link_alias"})  # type: ignore[dict-item]
