"""JSON in and out: the same results with and without orjson."""

import enum
import json
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap import Track, _json, transformer
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
    """Put documents into lists and objects; keys repeat."""
    members = st.tuples(texts, blanks, inner).map(lambda m: f"{m[0]}:{m[1]}{m[2]}")
    lists = st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
    return lists | st.lists(members, max_size=4).map(lambda m: "{" + ",".join(m) + "}")


documents = st.recursive(scalars, in_brackets, max_leaves=12)


def outcome(road: Callable[[Any], Any], given: Any) -> str:
    """Return what comes of *given*, to the last bit, or why nothing does."""
    try:
        return repr(road(given))
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


def slowly(road: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return *road* as it is where orjson is not installed."""

    def take(given: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_json, "_fast", None)
            return road(given)

    return take


@settings(max_examples=400)
@given(blanks, documents, blanks)
def test_documents_are_decoded_equally(before: str, document: str, behind: str) -> None:
    """Both libraries give the same value or the same error for any document."""
    for given_text in (body := before + document + behind, body.encode()):
        assert outcome(slowly(_json.decode), given_text) == outcome(
            _json.decode, given_text
        )


@given(batches(), st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_damaged_batches_are_decoded_equally(
    batch: dict[str, Any], place: int, scratch: bytes
) -> None:
    """Overwritten bytes have the same consequence."""
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
def test_numbers_are_decoded_equally(number: str, form: str) -> None:
    """An integer of any length keeps all its digits, wherever it stands."""
    body = form.format(number).encode()

    assert outcome(slowly(_json.decode), body) == outcome(_json.decode, body)


@pytest.mark.parametrize("depth", [62, 63, 64, 65, 66, 2_000])
@pytest.mark.parametrize("core", ["1", '"]]"', '"\\"["', '{"a":[]}', ""])
@pytest.mark.parametrize("form", ["{}", '{{"events":[{}]}}', '{{"events":[]{}}}'])
def test_depth_is_limited_equally(depth: int, core: str, form: str) -> None:
    """The limits apply to both libraries."""
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
    """The look that spares regular batches a search lets nothing through."""
    text = body % ",".join(['{"user":{"a":"b]}"}}'] * 300)

    for road in (_json.decode, slowly(_json.decode)):
        found = outcome(road, text)
        assert expected in (found if "Error" in found else "read")


def a_body(event_type: str, name: str, document: str, number: int) -> bytes:
    """Return a request with *document* as a property of the second of its events."""
    event = """{"event_type": "%s", "id": "e%d", "time": 1763900000,
        "user": {"external_user_id": "a"}, "properties": {%s}}"""
    properties = ["", f'"{name}": {document}', *[""] * number]
    events = [event % (event_type, n, text) for n, text in enumerate(properties)]
    return f'{{"events": [{",".join(events)}]}}'.encode()


PLACES = [
    ("users.behaviors.CustomEvent", "custom_properties"),
    ("users.behaviors.Purchase", "price"),
    ("users.messages.email.Click", "send_time"),
    ("users.messages.email.Click", "suspected_bot_click_reason"),
    ("users.messages.email.Click", "unheard_of"),
    ("users.messages.email.Never", "news"),
]

transform = bh.Transformer().transform
for event_type, _ in PLACES:
    transform(a_body(event_type, "news", "1", 0))


def assert_read_alike(body: bytes) -> None:
    """
    Fail unless *body* gives the same at a glance, with orjson and without, and closely.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformer, "decode_events_fast", lambda _: None)
        closely = repr(slowly(transform)(body))

    assert closely == repr(transform(body))
    assert closely == repr(slowly(transform)(body))


@settings(max_examples=400)
@given(st.sampled_from(PLACES), documents)
def test_fast_decoded_bodies_give_equal_results(
    place: tuple[str, str], document: str
) -> None:
    """Calls, counts and reasons equal those of the checked decoder for any property."""
    body = a_body(*place, document, 0)

    assert_read_alike(body)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", ["{}", '{{"a":{}}}', "[{}]", '{{"a":[[{}]]}}'])
def test_fast_decoded_numbers_give_equal_results(
    number: str, place: tuple[str, str], form: str
) -> None:
    """No integer is rounded on the short way either."""
    body = a_body(*place, form.format(number), 0)

    assert_read_alike(body)


@pytest.mark.parametrize("depth", [10, 58, 59, 60, 61, 62, 300, 740, 2_000])
@pytest.mark.parametrize("place", PLACES)
def test_fast_decoded_depth_is_limited_equally(
    depth: int, place: tuple[str, str]
) -> None:
    """A body that is too deep is unreadable as a whole, wherever the depth is."""
    body = a_body(*place, "[" * depth + "]" * depth, 3)

    assert_read_alike(body)
    assert (depth > 60) == (transform(body).received == 1)


@pytest.mark.parametrize("fast", ["_json._fast", "None"])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_the_stack_is_large_enough_for_unchecked_bodies(
    opening: str, fast: str
) -> None:
    """A thread with 128 KiB of stack reads the deepest body that parsers get unseen."""
    closing = "]" if opening == "[" else "1}"
    depth = _json.MAX_UNCHECKED_BRACKETS - 10
    body = a_body(*PLACES[0], opening * depth + closing[-1] * depth, 0)
    body = body.replace(b'"a":}', b'"a":1}')
    script = f"""
import threading, braze_heap as bh
from braze_heap import _json
_json._fast = {fast}
transform, found = bh.Transformer().transform, []
threading.stack_size(128 << 10)
thread = threading.Thread(target=lambda: found.append(transform({body!r})))
thread.start()
thread.join()
print(found[0].rejected[0].reason)
"""

    output = subprocess.check_output([sys.executable, "-c", script], text=True)

    assert output == "unreadable\n"


@given(json_values().filter(lambda value: isinstance(value, dict | list)))
def test_encoded_values_decode_equally(value: dict[str, Any] | list[Any]) -> None:
    """Both libraries write what reads back as the value, or refuse it."""
    written = outcome(_json.encode, value)

    assert written.startswith("b'") == outcome(slowly(_json.encode), value).startswith(
        "b'"
    )
    if written.startswith("b'"):
        assert json.loads(_json.encode(value)) == value


class Color(enum.StrEnum):
    """A text of a team's own."""

    RED = "red"


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, [math.nan], "\ud800", 2**64, -(2**63) - 1, b"x", {1}, object()]
    + [None, "null", {1: 2}, (1, 2), Color.RED, True, 0.1, 1e-7, "\x7f\u2028\x01"],
)
def test_unusual_values_are_encoded_or_rejected_equally(value: Any) -> None:
    """NaN never becomes null, and no digit is lost."""

    def meaning(road: Callable[[Any], Any]) -> Any:
        try:
            return json.loads(road({"a": value}))
        except (TypeError, ValueError) as error:
            return type(error).__name__

    assert meaning(slowly(_json.encode)) == meaning(_json.encode)


def test_lone_surrogates_stay_in_a_line_of_text() -> None:
    """A line of JSON is text, so it can contain lone surrogates."""
    call = Track("e", "a\ud800", "2025-11-23T12:13:20+00:00", "k", {})

    assert '"identity":"a\ud800"' in call.to_json()
