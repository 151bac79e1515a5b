"""
JSON in and out: the same results with and without orjson.
"""

import enum
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braze_heap import Track, _json
from braze_heap.testing.strategies import batches, json_values

pytest.importorskip("orjson")

NUMBERS = """
0 -0 -0.0 1 12 0.1 1e5 1E-7 1e400 -1e400 1e-400 5e-324 123456789012345678
9223372036854775807 -9223372036854775808 -9223372036854775809 18446744073709551615
18446744073709551616 1234567890123456789 -1234567890123456789 99999999999999999999
-99999999999999999999 1e99999999999999999999 0.12345678901234567890123 NaN Infinity
-Infinity nan 01 1. .5 +1 --1 1e 0x10 12345678901234567890.5
""".split()

PIECES = [
    *("a", "é", "😀", "events", "\\u00e9", "\\u0065vents", "\\ud83d\\ude00", "\\ud800"),
    *("\\u0000", "\\n", "\\/", '\\"', "\\\\", "\\x", "\\u12", "\t", "\0", "\x7f"),
    *("\u2028", "{", "}", "[", "]", ",", ":", "12345678901234567890", "\ufeff"),
]

texts = st.lists(st.sampled_from(PIECES), max_size=4).map(
    lambda pieces: '"' + "".join(pieces) + '"'
)
blanks = st.sampled_from(["", "", "", " ", "\n", "\t", "\x0b", "\u00a0"])
scalars = st.sampled_from([*NUMBERS, "true", "false", "null", "None", ""]) | texts


def in_brackets(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """
    Put documents into lists and objects; keys repeat.
    """
    members = st.tuples(texts, blanks, inner).map(lambda m: f"{m[0]}:{m[1]}{m[2]}")
    lists = st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
    return lists | st.lists(members, max_size=4).map(lambda m: "{" + ",".join(m) + "}")


documents = st.recursive(scalars, in_brackets, max_leaves=12)


def outcome(road: Callable[[Any], Any], given: Any) -> str:
    """
    Return what comes of *given*, to the last bit, or why nothing does.
    """
    try:
        return repr(road(given))
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


def slowly(road: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """
    Return *road* as it is where orjson is not installed.
    """

    def take(given: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_json, "_fast", None)
            return road(given)

    return take


@settings(max_examples=400)
@given(blanks, documents, blanks)
def test_documents_are_read_alike(before: str, document: str, behind: str) -> None:
    """
    Whatever a document holds, both libraries give the same value or the same error.
    """
    for given_text in (body := before + document + behind, body.encode()):
        assert outcome(slowly(_json.decode), given_text) == outcome(
            _json.decode, given_text
        )


@given(batches(), st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_scratched_batches_are_read_alike(
    batch: dict[str, Any], place: int, scratch: bytes
) -> None:
    """
    Overwritten bytes have the same consequence.
    """
    body = bytearray(json.dumps(batch).encode())
    place %= len(body)
    body[place : place + len(scratch)] = scratch

    assert outcome(slowly(_json.decode), bytes(body)) == outcome(
        _json.decode, bytes(body)
    )


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "form", ["{}", "[{}]", '{{"a":{}}}', '["a",{}]', '"{}"', "[ {}]"]
)
def test_numbers_are_read_alike(number: str, form: str) -> None:
    """
    An integer of any length keeps all its digits, wherever it stands.
    """
    body = form.format(number).encode()

    assert outcome(slowly(_json.decode), body) == outcome(_json.decode, body)


@pytest.mark.parametrize("depth", [62, 63, 64, 65, 66, 2_000])
@pytest.mark.parametrize("core", ["1", '"]]"', '"\\"["', '{"a":[]}', ""])
@pytest.mark.parametrize("form", ["{}", '{{"events":[{}]}}', '{{"events":[]{}}}'])
def test_depth_is_bounded_alike(depth: int, core: str, form: str) -> None:
    """
    The limits hold whoever reads.
    """
    body = form.format("[" * depth + core + "]" * depth).encode()

    assert outcome(slowly(_json.decode), body) == outcome(_json.decode, body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"events":[%s]}', "read"),
        (' {"events" : [%s]\n} ', "read"),
        ('{"events":[%s],"a":[]}', "read"),
        ('{"events":[%s],"events":[]}', "two events keys in one object"),
        ('{"events":[%s],"events":null}', "two events keys in one object"),
        ('{"events":[],"x":[%s],"events":[]}', "two events keys in one object"),
        ('{"events":[%s],"\\u0065vents":[1]}', "two events keys in one object"),
        ('{"events":[%s]]}', "not JSON"),
        ('{"events":[[%s]}', "not JSON"),
        ('{"events":[%s]} 5', "not JSON"),
    ],
)
def test_a_second_list_of_events_is_found_in_long_bodies(
    body: str, expected: str
) -> None:
    """
    The look that spares regular batches a search lets nothing through.
    """
    text = body % ",".join(['{"user":{"a":"b]}"}}'] * 300)

    for road in (_json.decode, slowly(_json.decode)):
        found = outcome(road, text)
        assert expected in (found if "Error" in found else "read")


@given(json_values().filter(lambda value: isinstance(value, dict)))
def test_what_is_written_means_the_same(value: dict[str, Any]) -> None:
    """
    Both libraries write what reads back as the value, or refuse it.
    """
    written = outcome(_json.encode, value)

    assert written.startswith("b'") == outcome(slowly(_json.encode), value).startswith(
        "b'"
    )
    if written.startswith("b'"):
        assert json.loads(_json.encode(value)) == value


class Color(enum.StrEnum):
    """
    A text of a team's own.
    """

    RED = "red"


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, [math.nan], "\ud800", 2**64, -(2**63) - 1, b"x", {1}, object()]
    + [None, "null", {1: 2}, (1, 2), Color.RED, True, 0.1, 1e-7, "\x7f\u2028\x01"],
)
def test_odd_values_are_written_or_refused_alike(value: Any) -> None:
    """
    NaN never becomes null, and no digit is lost.
    """

    def meaning(road: Callable[[Any], Any]) -> Any:
        try:
            return json.loads(road({"a": value}))
        except (TypeError, ValueError) as error:
            return type(error).__name__

    assert meaning(slowly(_json.encode)) == meaning(_json.encode)


def test_half_a_character_stays_in_a_line_of_text() -> None:
    """
    A line of JSON is text, and can hold what UTF-8 cannot.
    """
    call = Track("e", "a\ud800", "2025-11-23T12:13:20+00:00", "k", {})

    assert '"identity":"a\ud800"' in call.to_json()
