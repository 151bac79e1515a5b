"""A list of objects stays readable: whole elements, valid JSON, and a count."""

import json
from collections import Counter
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap._text import utf16_length
from braze_heap.heap._encoder import Adjustment, Lists, PropertyEncoder
from braze_heap.heap._json_values import json_text, json_within
from braze_heap.heap.calls import MAX_PROPERTIES, MAX_TEXT, Value

PRODUCTS = [
    {"product_id": f"SKU-{n:04}", "price": 19.99, "metadata": {"color": "é🎉"}}
    for n in range(40)
]


Rendered = tuple[list[tuple[str, Value]], Counter[Adjustment]]
"""Properties of a list, and the changes that were counted."""


def render_list(name: str, elements: list[Any], lists: Lists) -> Rendered:
    encoder = PropertyEncoder(lists=lists)
    return encoder._render_list(name, elements), encoder.adjustments


def rendered(elements: list[Any], lists: Any = "json") -> dict[str, Any]:
    return dict(render_list("products", elements, lists)[0])


def test_a_short_list_is_json_as_a_whole() -> None:
    properties, changes = render_list("products", PRODUCTS[:2], "json")

    assert properties == [("products", json_text(PRODUCTS[:2])), ("products.count", 2)]
    assert not changes


def test_a_long_list_is_valid_json_of_its_first_elements() -> None:
    """And the count says how many there were."""
    properties, changes = render_list("products", PRODUCTS, "json")
    text = dict(properties)["products"]
    kept = json.loads(str(text))

    assert kept == PRODUCTS[: len(kept)]
    assert utf16_length(str(text)) <= MAX_TEXT
    assert utf16_length(json_text(PRODUCTS[: len(kept) + 1])) > MAX_TEXT
    assert dict(properties)["products.count"] == 40
    assert changes == {Adjustment.TRUNCATED: 1}


def test_an_element_that_is_too_long_is_omitted() -> None:
    assert rendered([{"text": "x" * 2_000}]) == {"products": "[]", "products.count": 1}


@pytest.mark.parametrize("elements", [[{"a": 1}, 2], [[1], [2]], [{"a": 1}, None, "b"]])
def test_a_list_with_other_elements_is_json_in_both_forms(elements: list[Any]) -> None:
    assert rendered(elements, "columns") == rendered(elements)
    assert json.loads(rendered(elements)["products"]) == elements


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_does_not_have_is_text(number: float) -> None:
    text = rendered([{"a": [number], "b": 1}])["products"]

    assert json.loads(text, parse_constant=pytest.fail)[0]["b"] == 1


@attrs.frozen
class Item:
    sku: str
    price: float


@pytest.mark.parametrize("lists", ["json", "columns"])
def test_instances_of_classes_are_objects(lists: Lists) -> None:
    """A list of instances has the properties of the list of their dicts."""
    items = [Item("a", 1.5), Item("b", 2.5)]
    objects = [attrs.asdict(item) for item in items]

    assert PropertyEncoder(lists=lists).properties({"items": items}) == (
        PropertyEncoder(lists=lists).properties({"items": objects})
    )


def test_columns_have_the_values_of_each_field() -> None:
    """Parts of nested objects have dotted names, as elsewhere."""
    assert rendered(PRODUCTS[:3], "columns") == {
        "products.count": 3,
        "products.product_id": "SKU-0000||SKU-0001||SKU-0002",
        "products.price": "19.99||19.99||19.99",
        "products.metadata.color": "é🎉||é🎉||é🎉",
    }


def test_columns_stay_aligned_where_a_field_is_missing() -> None:
    elements = [
        {"a": 1},
        {"b": True},
        None,
        {"a": None, "b": [1, {"c": "d"}]},
        {"a": "x"},
    ]

    assert rendered(elements, "columns") == {
        "products.count": 5,
        "products.a": "1||||||||x",
        "products.b": '||true||||[1,{"c":"d"}]',
    }


def test_a_long_column_is_truncated_between_values() -> None:
    """A short one keeps all of them."""
    elements = [{"id": n, "name": f"name {n}" * 9} for n in range(50)]
    properties, changes = render_list("p", elements, "columns")
    columns = dict(properties)
    names = str(columns["p.name"]).split("||")

    assert columns["p.id"] == "||".join(map(str, range(50)))
    assert names == [f"name {n}" * 9 for n in range(len(names))]
    assert len(names) < 50
    assert changes == {Adjustment.TRUNCATED: 1}


def test_a_value_that_is_too_long_ends_its_column() -> None:
    """Also a list within an object, because part of one would look complete."""
    properties, changes = render_list("p", [{"a": [*range(900)], "b": 1}], "columns")

    assert dict(properties) == {"p.count": 1, "p.a": "", "p.b": "1"}
    assert changes == {Adjustment.TRUNCATED: 1}


def test_a_separator_within_a_value_is_replaced_and_counted() -> None:
    """It would shift all following values."""
    properties, changes = render_list(
        "p", [{"a": "x||y", "b": "|"}, {"a": "z", "b": "s|t"}], "columns"
    )

    assert dict(properties) == {"p.count": 2, "p.a": "x¦¦y||z", "p.b": "¦||s|t"}
    assert changes == {Adjustment.CHARACTERS: 2}


def test_of_two_values_for_one_cell_the_last_is_sent() -> None:
    """A name with dots and nested names can have the same column."""
    properties, changes = render_list("p", [{"a": {"b": 1}, "a.b": 2}], "columns")

    assert dict(properties) == {"p.count": 1, "p.a.b": "2"}
    assert changes == {Adjustment.OMITTED: 1}


def test_a_field_named_count_does_not_replace_the_count() -> None:
    """Both are returned, in the order in which they take the name."""
    properties, _ = render_list("p", [{"count": 7}], "columns")

    assert properties == [("p.count", 1), ("p.count", "7")]


def test_columns_beyond_the_maximum_are_counted() -> None:
    elements = [{f"key {n} {m}": 1 for m in range(100)} for n in range(20)]
    properties, changes = render_list("p", elements, "columns")

    assert len(properties) == MAX_PROPERTIES + 1
    assert changes == {Adjustment.TOO_MANY: 1_000}


def test_more_elements_than_a_column_can_have_are_truncated() -> None:
    properties, changes = render_list("p", [{"a": ""}] * 5_000, "columns")

    assert dict(properties)["p.count"] == 5_000
    assert changes == {Adjustment.TRUNCATED: 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON), st.integers(2, 300))
def test_json_within_a_limit_is_valid_and_complete_up_to_where_it_ends(
    value: Any, limit: int
) -> None:
    text, omitted = json_within(value, limit)
    kept = json.loads(text, parse_constant=pytest.fail)

    assert utf16_length(text) <= limit
    assert len(kept) == len(value) - omitted
    if not omitted and "NaN" not in text and "Infinity" not in text:
        assert kept == value


@given(st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=4) | st.none()))
def test_columns_are_legal_texts_with_at_most_one_value_for_each_element(
    elements: list[Any],
) -> None:
    properties, _ = render_list("p", elements, "columns")

    assert properties.count(("p.count", len(elements))) >= 1
    for name, value in properties[1:] if elements else ():
        if name != "p":  # no object at all
            assert utf16_length(str(value)) <= MAX_TEXT
            assert len(str(value).split("||")) <= len(elements)
