"""
Names and values are made legal for Heap in one place.
"""

import datetime as dt
import math
from collections import Counter
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap.heap.calls import (
    AddUserProperties,
    Adjustment,
    DeleteUser,
    PropertyEncoder,
    Track,
    are_plain,
    is_plain,
    legal_key,
    plain_value,
    timestamp,
)
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
        (-math.inf, "-Infinity"),
        (["a", 1, None, True], "a||1||true"),
        ([], "[]"),
        ([None], ""),
        ([{"a": "é"}], '[{"a":"é"}]'),
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
def test_a_value_becomes_legal(value: Any, expected: object) -> None:
    """
    Each kind of value has one legal form; numbers stay numbers.
    """
    assert PropertyEncoder().properties({"p": value}) == {"p": expected}


def test_null_is_left_out() -> None:
    """
    Null is no value in Heap, and an empty object holds none.
    """
    assert PropertyEncoder().properties({"p": None, "q": {"r": None}, "s": {}}) == {}


@pytest.mark.parametrize(
    ("nested", "expected"),
    [
        ("flatten", {"a.b.c": 1, "a.d": "x||y", "e": 2}),
        ("json", {"a": '{"b":{"c":1},"d":["x","y"]}', "e": 2}),
        ("drop", {"e": 2}),
    ],
)
def test_objects_follow_the_policy(nested: Any, expected: dict[str, object]) -> None:
    """
    Objects become dotted names, JSON text, or nothing.
    """
    given_properties = {"a": {"b": {"c": 1}, "d": ["x", "y"]}, "e": 2}

    assert PropertyEncoder(nested).properties(given_properties) == expected


def test_colliding_names_are_numbered_and_nothing_is_overwritten() -> None:
    """
    A plain property keeps its name; what collides with it gets another.
    """
    encoder = PropertyEncoder()

    legal = encoder.properties({"a": {"b": 1}, "a.b": 2, "": 3, "x" * 1030: 4})

    assert legal == {"a.b": 2, "a.b_2": 1, "_1": 3, "x" * 1023: 4}
    assert encoder.adjustments == {Adjustment.RENAMED: 2, Adjustment.CUT: 1}


def test_names_that_are_alike_after_cutting_stay_apart() -> None:
    """
    Two names that differ behind the limit stay two properties.
    """
    legal = PropertyEncoder().properties({"x" * 1030: 1, "x" * 1031: 2})

    assert sorted(legal.values()) == [1, 2]


def test_heaps_own_names_are_no_user_properties() -> None:
    """
    ``id`` in any casing and ``user_id`` belong to Heap.
    """
    encoder = PropertyEncoder()

    legal = encoder.user_properties({"id": 1, "ID": 2, "user_id": 3, "email": "a"})

    assert legal == {"braze_id": 1, "braze_ID": 2, "braze_user_id": 3, "email": "a"}
    assert encoder.adjustments == {Adjustment.RENAMED: 3}


def test_reserved_names_never_overwrite() -> None:
    """
    A renamed user property does not take the place of another.
    """
    legal = PropertyEncoder().user_properties({"braze_id": "kept", "id": "moved"})

    assert sorted(map(str, legal.values())) == ["kept", "moved"]


def test_more_than_a_thousand_properties_are_counted_out() -> None:
    """
    The first 1,000 properties stay, the others are counted.
    """
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
def test_a_name_becomes_legal(name: str, expected: str) -> None:
    """
    Names are held to what texts are held to, and are never empty.
    """
    assert PropertyEncoder().properties({name: 5}) == {expected: 5}


def test_numbered_names_are_legal() -> None:
    """
    The number of a long name that is taken fits behind what is left of it.
    """
    names = {"🎉" * 600 + str(number): number for number in range(30)}

    legal = PropertyEncoder().properties(names)

    assert sorted(legal.values()) == [*range(30)]
    assert_legal(Track("e", "somebody", timestamp(1), "key", legal))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x" * 1024, Adjustment.CUT),
        ("é" * 1024, Adjustment.CUT),
        ("a\0b\0", Adjustment.CHARACTERS),
        (-(2**53) - 1, Adjustment.NUMBER_AS_TEXT),
        (math.inf, Adjustment.NUMBER_AS_TEXT),
    ],
)
def test_a_changed_value_is_counted_once(value: object, kind: Adjustment) -> None:
    """
    Two properties that had to be changed are two, whatever was wrong inside of each.
    """
    encoder = PropertyEncoder()

    encoder.properties({"plain": "a", "p": value, "q": {"r": value}})

    assert encoder.adjustments == {kind: 2}


@pytest.mark.parametrize(
    "value", ["x" * 1023, "é" * 1023, "🎉" * 511, 2**53, -(2**53), "", 0, 1e300]
)
def test_what_is_just_legal_stays(value: object) -> None:
    """
    Values at the limit are not touched, plain or inside of objects.
    """
    encoder = PropertyEncoder()

    legal = encoder.properties({"p": value, "q": {"r": value}})

    assert legal == {"p": value, "q.r": value}
    assert encoder.adjustments == {}


def test_a_boolean_is_a_word_wherever_it_stands() -> None:
    """
    Alone, inside an object, and in a list.
    """
    legal = PropertyEncoder().properties(
        {"a": False, "b": {"c": False}, "d": [True, False]}
    )

    assert legal == {"a": "false", "b.c": "false", "d": "true||false"}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            Track("e", "a", "2025-01-02", "k", {"p": "é"}),
            (
                '{"event":"e","identity":"a","timestamp":"2025-01-02",'
                '"idempotency_key":"k","properties":{"p":"é"}}'
            ),
        ),
        (
            AddUserProperties("somebody", {"p": 1}),
            '{"identity":"somebody","properties":{"p":1}}',
        ),
        (DeleteUser("somebody"), '{"identity":"somebody"}'),
    ],
)
def test_a_call_is_a_line_of_json(call: Any, expected: str) -> None:
    """
    What a file of calls holds is what Heap gets.
    """
    assert call.to_json() == expected


@given(st.dictionaries(st.text(), json_values()), st.sampled_from(["flatten", "json"]))
def test_any_json_becomes_legal(properties: dict[str, Any], nested: Any) -> None:
    """
    Whatever the properties are, the call is legal under an independent validator.
    """
    legal = PropertyEncoder(nested).properties(properties)

    assert_legal(Track("e", "somebody", timestamp(1), "key", legal))


@given(st.dictionaries(st.text(), json_values()))
def test_any_json_becomes_legal_user_properties(properties: dict[str, Any]) -> None:
    """
    The same holds for properties of users, with Heap's own names in mind.
    """
    legal = PropertyEncoder().user_properties(properties)

    assert_legal(AddUserProperties("somebody", legal))


def test_a_legalizer_changes_no_argument() -> None:
    """
    The properties that a mapper returned are its own.
    """
    properties = {"a": True, "b": {"c": 1}}

    PropertyEncoder().properties(properties)

    assert properties == {"a": True, "b": {"c": 1}}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1, "1970-01-01T00:00:01+00:00"),
        (1763900000, "2025-11-23T12:13:20+00:00"),
        (1763900000.123, "2025-11-23T12:13:20.123+00:00"),
        (4102444799, "2099-12-31T23:59:59+00:00"),
        (4102444799.9999, "2099-12-31T23:59:59.999+00:00"),
    ],
)
def test_a_time_is_written_as_heap_writes_it(seconds: float, expected: str) -> None:
    """
    ISO 8601 with an offset, UTC, with milliseconds where there are some.
    """
    assert timestamp(seconds) == expected


@pytest.mark.parametrize("key", ["7c6e5b0b-6987", "a" * 255])
def test_a_fit_key_is_itself(key: str) -> None:
    """
    Braze's event id is the key.
    """
    assert legal_key(key) == key


@pytest.mark.parametrize("key", ["a" * 256, "é", "a\n", "\ud800"])
def test_an_unfit_key_is_its_digest(key: str) -> None:
    """
    Other ids are told apart by their SHA-256.
    """
    assert len(legal_key(key)) == 64


def test_calls_show_nobody() -> None:
    """
    The repr of a call holds neither the identity nor any value.
    """
    calls = [
        Track("Event", "secret-person", timestamp(1), "key", {"p": "secret"}),
        AddUserProperties("secret-person", {"p": "secret"}),
        DeleteUser("secret-person"),
    ]

    assert "secret" not in repr(calls)


def test_counts_start_at_nothing() -> None:
    """
    Legal values are not counted as changed.
    """
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

odd_texts = st.sampled_from(EDGES) | st.text(max_size=9)


@given(st.lists(odd_texts, max_size=6))
def test_what_is_passed_at_a_glance_is_legal_as_it_is(texts: list[str]) -> None:
    """
    Texts, one by one or all in one, and other values: no look at all of them passes
    what a look at each would change.
    """
    encoder = PropertyEncoder()
    changed = [text for text in texts if encoder.text(text) != text]

    assert not (changed and are_plain(texts, "".join(texts)))
    assert not any(map(is_plain, changed))
    for value in [*texts, texts]:
        told = plain_value(value)
        assert told is None or {"a": told} == PropertyEncoder().properties({"a": value})


@given(st.dictionaries(st.sampled_from(["a", "b", "a.b", "é", ""]), json_values()))
def test_the_leaves_of_an_object_are_what_adding_it_gives(
    value: dict[str, Any],
) -> None:
    """
    Where an object is flattened at a glance, names and values are the same, nothing
    had to be changed, and its names were seen before.
    """
    seen: set[str] = set()
    encoder = PropertyEncoder(plain_names=seen)
    assert encoder.leaves("c", value) in (None, {})
    added: dict[str, Any] = {}
    encoder.add(added, "c", value)
    changes = encoder.adjustments.copy()

    leaves = encoder.leaves("c", value)

    assert leaves is None or (leaves == added and not changes)
    assert encoder.adjustments == changes
    assert seen.issuperset(leaves or ())


def test_the_leaves_of_usual_objects_are_known() -> None:
    """
    An object with values of each kind is flattened at a glance the second time.
    """
    value = {"a": {"b": [{"c": 1}], "d": True, "e": None}, "f": 1.5, "g": ["x", "y"]}
    encoder = PropertyEncoder()
    encoder.add({}, "c", value)

    assert encoder.leaves("c", value) == {
        "c.a.b": '[{"c":1}]',
        "c.a.d": "true",
        "c.f": 1.5,
        "c.g": "x||y",
    }
    assert encoder.leaves("c", {"a.b": 1, "a": {"b": 2}}) is None
    assert encoder.leaves("c", dict.fromkeys(map(str, range(400)), 1)) is None


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
def test_many_texts_are_looked_at_in_one(texts: list[str], expected: bool) -> None:
    """
    The look passes what is usual, however much there is of it.
    """
    assert are_plain(texts, "".join(texts)) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(("a" * 511, "a" * 511), ("a" * 512, None), ("é", None), ("\0", None)),
        *((2**53, 2**53), (2**53 + 1, None), (-(2**53), -(2**53)), (math.nan, None)),
        *((True, "true"), (False, "false"), (None, None), ({}, None), ([], None)),
        *((["a", "b"], "a||b"), (["a", 1], None), (["a" * 512], None)),
    ],
)
def test_a_plain_value_is_told_at_once(value: object, expected: object) -> None:
    """
    Whatever is odd about a value is left to a closer look.
    """
    assert plain_value(value) == expected


def test_a_flattened_value_never_takes_a_name_that_is_taken() -> None:
    """
    Of two values for one dotted name the second gets a number, whatever it is.
    """
    given_properties = {"a": {"b": "1"}, "a.b": "2", "c": {"b": 1, "c": "x" * 600}}
    encoder = PropertyEncoder()

    for _ in range(2):  # names are remembered
        legal = encoder.properties(given_properties)

        assert legal == {"a.b": "2", "a.b_2": "1", "c.b": 1, "c.c": "x" * 600}
    assert encoder.adjustments == {Adjustment.RENAMED: 2}
