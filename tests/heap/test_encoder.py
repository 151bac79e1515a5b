"""Tests of making names and values legal for Heap."""

import datetime as dt
import json
import math
import pickle
from collections import Counter, UserDict
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap.heap._encoder import (
    Adjustment,
    PropertyEncoder,
    are_legal_texts,
    is_legal_text,
    to_simple_value,
)
from braze_heap.heap._json_values import UnsupportedValueError
from braze_heap.heap.calls import AddUserProperties, Track, timestamp
from braze_heap.testing import assert_legal
from braze_heap.testing.strategies import json_values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ("", ""),
        (5, 5),
        (-1.5, -1.5),
        (True, "true"),
        (False, "false"),
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (1e300, 1e300),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (["a", 1, None, True], "a||1||true"),
        ([], "[]"),
        ([None], ""),
        ("a\0b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("x" * 1024, "x" * 1023),
        ("🎉" * 512, "🎉" * 511),
        (10**5000, hex(10**5000)[:1023]),
        (Decimal("19.90"), 19.9),
        (dt.datetime(2025, 1, 2, 3, tzinfo=dt.UTC), "2025-01-02T03:00:00+00:00"),
        (dt.date(2025, 1, 2), "2025-01-02"),
        (StrEnum("Colour", "RED").RED, "red"),
        (("a", "b"), "a||b"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_become_legal(value: Any, expected: object) -> None:
    """Each kind of value has one legal form. Numbers stay numbers."""
    assert PropertyEncoder().properties({"p": value}) == {"p": expected}


def test_a_list_of_objects_is_json_with_a_count() -> None:
    """Whole elements are omitted if they do not fit, and the count says how many."""
    rows = [{"a": "é"}, *({"a": "x" * 400} for _ in range(3))]
    encoder = PropertyEncoder()

    legal = encoder.properties({"p": rows})

    assert json.loads(str(legal["p"])) == rows[:3]
    assert legal["p.count"] == 4
    assert encoder.adjustments == {Adjustment.TRUNCATED: 1}


def test_a_list_of_objects_can_be_columns() -> None:
    """Each field of the objects has its values, in the order of the objects."""
    rows = [{"id": "a", "price": 1.5}, {"id": "b"}, {"id": "c", "price": 2}]
    encoder = PropertyEncoder(lists="columns")

    legal = encoder.properties({"p": rows})

    assert legal == {"p.id": "a||b||c", "p.price": "1.5||||2", "p.count": 3}
    assert encoder.user_properties({"p": rows[:1]}).keys() == {"p", "p.count"}


def test_a_joined_list_loses_whole_elements() -> None:
    """No element is cut in two."""
    encoder = PropertyEncoder()

    legal = encoder.properties({"p": ["x" * 500] * 3})

    assert legal == {"p": "||".join(["x" * 500] * 2)}
    assert encoder.adjustments == {Adjustment.TRUNCATED: 1}


def test_a_joined_list_of_the_maximum_length_is_whole() -> None:
    """1,023 characters fit, with the separators."""
    encoder = PropertyEncoder()
    texts = ["x" * 500, "y" * 521]

    assert encoder.properties({"p": texts}) == {"p": "||".join(texts)}
    assert not encoder.adjustments


@pytest.mark.parametrize(
    ("nested", "value", "expected", "adjustments"),
    [
        ("flatten", ["a", None, 1, None], "a||1", {Adjustment.OMITTED: 2}),
        ("flatten", ["a||b", "c"], "a¦¦b||c", {Adjustment.CHARACTERS: 1}),
        ("flatten", ["a|", "c"], "a¦||c", {Adjustment.CHARACTERS: 1}),
        ("flatten", ["a||b"], "a¦¦b", {Adjustment.CHARACTERS: 1}),
        ("flatten", ["a|b", "c"], "a|b||c", {}),
        ("flatten", ["", "c"], "||c", {}),
        ("drop", {"a": {"b": 1}}, None, {Adjustment.OMITTED: 1}),
        ("drop", {}, None, {}),
    ],
)
def test_a_part_of_a_value_that_is_not_sent_is_counted(
    nested: Any, value: object, expected: object, adjustments: dict[Adjustment, int]
) -> None:
    """Null in a list, a separator in an element, and an object that is dropped."""
    encoder = PropertyEncoder(nested)

    assert encoder.properties({"p": value}).get("p") == expected
    assert encoder.adjustments == adjustments


@given(
    st.dictionaries(
        st.sampled_from(["a", "a.b", "b", "id"]),
        st.recursive(
            st.none() | st.just("X"),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["a", "a.b", "b"]), inner)
            ),
        ),
    ),
    st.sampled_from(["flatten", "json", "drop"]),
    st.sampled_from(["json", "columns"]),
)
def test_each_value_is_sent_or_counted(given: Any, nested: Any, lists: Any) -> None:
    """Whatever the names and the form of objects and lists."""
    for method in ("properties", "user_properties"):
        encoder = PropertyEncoder(nested, lists)

        legal = getattr(encoder, method)(given)

        sent = sum(str(value).count("X") for value in legal.values())
        assert (
            sent == str(given).count("X") or Adjustment.OMITTED in encoder.adjustments
        )


def test_error_about_a_value_survives_a_pickle() -> None:
    """Its copy in another process names the property and the type too."""
    with pytest.raises(UnsupportedValueError, match=r"property 'p'.*object") as raised:
        PropertyEncoder().properties({"p": object()})

    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


@pytest.mark.parametrize("given", [{("a",): 1}, {"p": {("a",): 1}}])
def test_a_name_that_json_does_not_have_is_an_error(given: dict[Any, Any]) -> None:
    """A tuple is not a name, neither of a property nor in an object."""
    with pytest.raises(UnsupportedValueError, match="tuple as a name"):
        PropertyEncoder().properties(given)


@attrs.frozen
class Plan:
    name: str
    seats: int


@pytest.mark.parametrize(
    "value", [Plan("pro", 5), UserDict(name="pro", seats=5)], ids=["class", "mapping"]
)
def test_objects_of_other_types_are_flattened(value: object) -> None:
    """An instance of a class, and a mapping that is not a dict, are objects."""
    assert PropertyEncoder().properties({"p": value}) == {"p.name": "pro", "p.seats": 5}


def test_null_is_omitted() -> None:
    """Nulls and empty objects are omitted."""
    assert PropertyEncoder().properties({"p": None, "q": {"r": None}, "s": {}}) == {}


@pytest.mark.parametrize(
    ("nested", "expected"),
    [
        ("flatten", {"a.b.c": 1, "a.d": "x||y", "e": 2}),
        ("json", {"a": '{"b":{"c":1},"d":["x","y"]}', "e": 2}),
        ("drop", {"e": 2}),
    ],
)
def test_nested_policy_decides_about_objects(
    nested: Any, expected: dict[str, object]
) -> None:
    """Objects become dotted names, become JSON text, or are omitted."""
    given_properties = {"a": {"b": {"c": 1}, "d": ["x", "y"]}, "e": 2}

    assert PropertyEncoder(nested).properties(given_properties) == expected


def test_colliding_names_are_numbered() -> None:
    """A scalar keeps its name. A name that collides with it gets a number."""
    encoder = PropertyEncoder()

    legal = encoder.properties({"a": {"b": 1}, "a.b": 2, "": 3, "x" * 1030: 4})

    assert legal == {"a.b": 2, "a.b_2": 1, "_1": 3, "x" * 1023: 4}
    assert encoder.adjustments == {Adjustment.RENAMED: 2, Adjustment.TRUNCATED: 1}


def test_names_equal_after_truncation_stay_two_properties() -> None:
    """Two names that differ beyond the limit remain two properties."""
    legal = PropertyEncoder().properties({"x" * 1030: 1, "x" * 1031: 2})

    assert sorted(legal.values()) == [1, 2]


def test_reserved_user_properties_are_prefixed() -> None:
    """``id`` in any casing and ``user_id`` are reserved by Heap."""
    encoder = PropertyEncoder()

    legal = encoder.user_properties({"id": 1, "ID": 2, "user_id": 3, "email": "a"})

    assert legal == {"braze_id": 1, "braze_ID": 2, "braze_user_id": 3, "email": "a"}
    assert encoder.adjustments == {Adjustment.RENAMED: 3}


def test_prefixed_names_never_overwrite() -> None:
    """A renamed user property does not replace another."""
    legal = PropertyEncoder().user_properties({"braze_id": "kept", "id": "moved"})

    assert sorted(map(str, legal.values())) == ["kept", "moved"]


def test_properties_beyond_1000_are_omitted() -> None:
    """The first 1,000 properties are kept, the others are counted."""
    encoder = PropertyEncoder()

    for times in (1, 2):
        legal = encoder.properties({f"p{i}": i for i in range(1003)})

        assert len(legal) == 1000
        assert encoder.adjustments == {Adjustment.TOO_MANY: 3 * times}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("a\0", "a\ufffd"), ("\ud800", "\ufffd"), ("", "_1"), ("é", "é")),
        *(("x" * 511, "x" * 511), ("x" * 1023, "x" * 1023), ("x" * 1024, "x" * 1023)),
    ],
)
def test_names_become_legal(name: str, expected: str) -> None:
    """Names obey the limits of texts, and are never empty."""
    assert PropertyEncoder().properties({name: 5}) == {expected: 5}


def test_numbered_names_are_legal() -> None:
    """A long name is truncated so that its number fits."""
    names = {"🎉" * 600 + str(number): number for number in range(30)}

    legal = PropertyEncoder().properties(names)

    assert sorted(legal.values()) == [*range(30)]
    assert_legal(Track("e", "somebody", timestamp(1), "key", legal))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x" * 1024, Adjustment.TRUNCATED),
        ("é" * 1024, Adjustment.TRUNCATED),
        ("a\0b\0", Adjustment.CHARACTERS),
        (-(2**53) - 1, Adjustment.NUMBER_AS_TEXT),
        (math.inf, Adjustment.NUMBER_AS_TEXT),
    ],
)
def test_changed_value_is_counted_once(value: object, kind: Adjustment) -> None:
    """Each changed property counts once, however many flaws its value has."""
    encoder = PropertyEncoder()

    encoder.properties({"plain": "a", "p": value, "q": {"r": value}})

    assert encoder.adjustments == {kind: 2}


@pytest.mark.parametrize(
    "value", ["x" * 1023, "é" * 1023, "🎉" * 511, 2**53, -(2**53), "", 0, 1e300]
)
def test_values_at_the_limit_are_unchanged(value: object) -> None:
    """Values at the limit are unchanged, also inside objects."""
    encoder = PropertyEncoder()

    legal = encoder.properties({"p": value, "q": {"r": value}})

    assert legal == {"p": value, "q.r": value}
    assert encoder.adjustments == {}


def test_booleans_become_text() -> None:
    """Booleans become text at the top, inside an object, and in a list."""
    legal = PropertyEncoder().properties(
        {"a": False, "b": {"c": False}, "d": [True, False]}
    )

    assert legal == {"a": "false", "b.c": "false", "d": "true||false"}


@given(st.dictionaries(st.text(), json_values()), st.sampled_from(["flatten", "json"]))
def test_any_json_becomes_legal(properties: dict[str, Any], nested: Any) -> None:
    """An independent validator accepts the call for any properties."""
    legal = PropertyEncoder(nested).properties(properties)

    assert_legal(Track("e", "somebody", timestamp(1), "key", legal))


@given(st.dictionaries(st.text(), json_values()))
def test_any_json_becomes_legal_user_properties(properties: dict[str, Any]) -> None:
    """An independent validator accepts any user properties, reserved names included."""
    legal = PropertyEncoder().user_properties(properties)

    assert_legal(AddUserProperties("somebody", legal))


def test_encoder_does_not_modify_its_argument() -> None:
    """The dict that a mapper returned is not modified."""
    properties = {"a": True, "b": {"c": 1}}

    PropertyEncoder().properties(properties)

    assert properties == {"a": True, "b": {"c": 1}}


def test_legal_values_are_not_counted() -> None:
    """Legal values need no adjustments."""
    encoder = PropertyEncoder()

    encoder.properties({"a": "b", "c": True, "d": {"e": [1, 2]}})

    assert encoder.adjustments == Counter()


EDGES = ["", "a", "x" * 511, "x" * 512, "x" * 1023, "x" * 1024, "é" * 511, "é" * 512]
EDGES += [
    "é" * 1023,
    "🎉" * 511,
    "🎉" * 512,
    "a\0",
    "\ud800",
    "é\udfff",
    "\ufffd",
    "\x1f",
]

edge_texts = st.sampled_from(EDGES) | st.text(max_size=9)


@given(st.lists(edge_texts, max_size=6))
def test_fast_checks_accept_only_legal_texts(texts: list[str]) -> None:
    """The fast checks accept no text that the encoder would change."""
    encoder = PropertyEncoder()
    changed = [text for text in texts if encoder.text(text) != text]

    assert not (changed and are_legal_texts(texts, "".join(texts)))
    assert not any(map(is_legal_text, changed))
    for value in [*texts, texts]:
        simple = to_simple_value(value)
        legal = PropertyEncoder().properties({"a": value})
        assert simple is None or {"a": simple} == legal


@given(st.dictionaries(st.sampled_from(["a", "b", "a.b", "é", ""]), json_values()))
def test_flatten_plain_equals_add(value: dict[str, Any]) -> None:
    """
    If `flatten_plain` returns properties, `add` gives the same without adjustments.
    """
    encoder = PropertyEncoder()
    added: dict[str, Any] = {}
    encoder.add(added, "c", value)
    changes = encoder.adjustments.copy()

    flat = encoder.flatten_plain("c", value)

    assert flat is None or (flat == added and not changes)
    assert encoder.adjustments == changes
    assert encoder.legal_names.names.issuperset(flat or ())


def test_flatten_plain_flattens_usual_objects() -> None:
    """Objects with distinct, legal names need no counted change."""
    value = {"a": {"b": [{"c": 1}], "d": True, "e": None}, "f": 1.5, "g": ["x", "y"]}
    encoder = PropertyEncoder()

    assert encoder.flatten_plain("c", value) == {
        "c.a.b": '[{"c":1}]',
        "c.a.b.count": 1,
        "c.a.d": "true",
        "c.f": 1.5,
        "c.g": "x||y",
    }
    assert encoder.flatten_plain("c", {"a.b": 1, "a": {"b": 2}}) is None
    assert encoder.flatten_plain("c", dict.fromkeys(map(str, range(400)), 1)) is None


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a" * 1023], True),
        (["a" * 1024], False),
        (["a" * 1023] * 3, True),
        (["a" * 1023, "b" * 1024], False),
        (["é" * 511] * 3, True),
        (["é" * 512] * 3, False),
        (["a", "\0"], False),
        (["é", "\ud800"], False),
    ],
)
def test_legal_texts_are_checked_at_once(texts: list[str], expected: bool) -> None:
    """One check of the concatenated texts accepts usual texts, however many."""
    assert are_legal_texts(texts, "".join(texts)) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(
            ("a" * 511, "a" * 511),
            ("a" * 512, None),
            ("é", "é"),
            ("\0", None),
            ("é\0", None),
        ),
        *((2**53, 2**53), (2**53 + 1, None), (-(2**53), -(2**53)), (math.nan, None)),
        *((True, "true"), (False, "false"), (None, None), ({}, None), ([], None)),
        *((["a", "b"], "a||b"), (["a", 1], None), (["a" * 512], None)),
    ],
)
def test_to_simple_value(value: object, expected: object) -> None:
    """``None`` is returned if a change of the value would have to be counted."""
    assert to_simple_value(value) == expected


def test_flattened_value_never_uses_a_used_name() -> None:
    """Of two values for one dotted name, the flattened one gets a number."""
    given_properties = {"a": {"b": "1"}, "a.b": "2", "c": {"b": 1, "c": "x" * 600}}
    encoder = PropertyEncoder()

    for _ in range(2):  # the second time, the names are known
        legal = encoder.properties(given_properties)

        assert legal == {"a.b": "2", "a.b_2": "1", "c.b": 1, "c.c": "x" * 600}
    assert encoder.adjustments == {Adjustment.RENAMED: 2}
