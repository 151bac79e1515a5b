"""One JSON document from outside: limits first, then parsing, then the events in it."""

import contextlib
import json
import math
import subprocess
import sys
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap.testing.strategies import json_values
from braze_heap.wire import (
    MAX_DEPTH,
    MAX_STRUCTURE,
    TooLargeError,
    UnreadableError,
    decode,
    events_of,
)

MEGABYTE = 1_000_000


def depth_of(value):
    """Return how many objects and arrays of *value* lie inside of one another."""
    if not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inner), default=0)


def nested(depth, core):
    """Put *core* into arrays and objects, in turns."""
    for level in range(depth):
        core = {"[": core} if level % 2 else [core]
    return core


def on_a_small_thread(code):
    """Run *code* on a thread with a stack of 128 KiB; return what it prints."""
    script = f"""
import threading
from braze_heap.wire import UnreadableError, decode
def run():
{code}
try:
    threading.stack_size(128 * 1024)
except ValueError:
    threading.stack_size(256 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return ran.stdout + ran.stderr


# --- Text -----------------------------------------------------------------------------


@given(json_values())
def test_any_json_is_read(value):
    """The output of ``json`` is read, as text and as bytes."""
    text = json.dumps(value, ensure_ascii=False)

    assert value == decode(text) == decode(text.encode())


@pytest.mark.parametrize(
    "blank", [b"", b" ", b"\r\n\t ", "", "\ufeff", b"\xef\xbb\xbf"]
)
def test_blank_bodies_have_no_value(blank):
    """An empty body is not an error, because Braze probes an endpoint with one."""
    assert decode(blank) is None


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"a": 1}', '\ufeff{"a": 1}'])
def test_byte_order_marks_are_skipped(body):
    """A byte order mark before the document means nothing."""
    assert decode(body) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'"a\xffb"', "a\ufffdb"),
        (b'"\xe2\x82"', "\ufffd"),
        (b'"\xc3\xa9\xff"', "\xe9\ufffd"),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
    ],
)
def test_invalid_utf8_is_replaced(body, text):
    """Bytes that are not UTF-8 become U+FFFD; the document stays readable."""
    assert text == decode(body)


@pytest.mark.parametrize("body", [b'"\\ud800"', '"\\ud800"', '"\ud800"'])
def test_lone_surrogates_are_read(body):
    """A document with a lone surrogate is read."""
    assert decode(body) == "\ud800"


def test_numbers_beyond_json_are_read():
    """NaN and infinities are read: other decoders write them."""
    nan, *infinities = decode(b"[NaN, Infinity, -Infinity]")

    assert math.isnan(nan)
    assert infinities == [math.inf, -math.inf]


def test_endless_integers_become_text():
    """One integer of over 4,300 digits does not cost its batch."""
    assert decode(b'{"a": ' + b"9" * 5_000 + b', "b": 5}') == {"a": "9" * 5_000, "b": 5}


def test_long_integers_stay_numbers():
    """Integers that Python reads are numbers, of any size."""
    assert decode(b"9" * 4_000) == int("9" * 4_000)


def test_last_of_equal_keys_wins():
    """Keys may repeat inside of events; the last one counts."""
    assert decode(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1, 2",
        b'{"a": }',
        b"nonsense",
        b'{"events": []} trailing',
        b'{"events": []}{"events": []}',
        b"{'a': 1}",
        b"[1,]",
        b"\x00",
        '{"events": []}'.encode("utf-16"),
        '{"events": []}'.encode("utf-32-le"),
        b"\x1f\x8b\x08\x00",
    ],
)
def test_invalid_json_is_unreadable(body):
    """Anything else, text behind the document included, is an error."""
    with pytest.raises(UnreadableError, match="not JSON"):
        decode(body)


def test_errors_name_the_place_and_no_content():
    """The error says at which character, and shows nothing of the document."""
    with pytest.raises(UnreadableError) as raised:
        decode(b'{"email": "jane@example.com" nonsense}')

    assert str(raised.value) == "not JSON: Expecting ',' delimiter at character 29"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_unreadable(data):
    """No bytes cause any other error."""
    try:
        decode(data)
    except UnreadableError as error:
        assert str(error)  # noqa: PT017


# --- Depth ----------------------------------------------------------------------------


@pytest.mark.parametrize("core", [1, "[", '"', "\\", '\\"[', "]]]]", "\\\\", ""])
def test_depth_is_counted_outside_of_texts(core):
    """64 levels are read, whatever brackets, quotes and backslashes the texts hold."""
    value = nested(MAX_DEPTH, core)

    assert value == decode(json.dumps(value))


@pytest.mark.parametrize("core", [1, "[", '"', "\\", '\\"[', "]]]]", "\\\\", ""])
def test_one_level_more_is_unreadable(core):
    """65 levels are refused, whatever closing brackets the texts hold."""
    with pytest.raises(UnreadableError, match="over 64 levels deep"):
        decode(json.dumps(nested(MAX_DEPTH + 1, core)))


@given(
    st.lists(
        st.text(alphabet='[]{}",\\:ab\n\u00e9', max_size=6), min_size=1, max_size=5
    ),
    st.integers(MAX_DEPTH - 3, MAX_DEPTH + 2),
    st.booleans(),
)
def test_depth_is_that_of_the_document(texts, depth, ascii_only):
    """A document is refused if and only if it is too deep."""
    document = nested(depth, dict.fromkeys(texts, texts))
    body = json.dumps(document, ensure_ascii=ascii_only)
    is_too_deep = depth_of(document) > MAX_DEPTH

    try:
        was_too_deep = document != decode(body)
    except UnreadableError:
        was_too_deep = True

    assert is_too_deep == was_too_deep


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":', '{"\\"":['])
def test_depth_cannot_end_a_small_thread(opening):
    """A hundred thousand levels are refused before anything recurses into them."""
    code = f"""
    try:
        decode({opening!r} * 100_000)
    except UnreadableError as error:
        print(error)
"""

    assert on_a_small_thread(code) == "over 64 levels deep\n"


def test_greatest_depth_is_safe_on_a_small_stack():
    """A document within the limit can be parsed on a small stack."""
    body = json.dumps(nested(MAX_DEPTH, 1))
    code = f"""
    print(decode({body!r}) == {nested(MAX_DEPTH, 1)!r})
"""

    assert on_a_small_thread(code) == "True\n"


# --- Structure ------------------------------------------------------------------------


def test_greatest_structure_is_read():
    """A million brackets and commas are read."""
    commas = MAX_STRUCTURE - 2

    assert len(decode(b"[" + b"0," * commas + b"0]")) == commas + 1


@pytest.mark.parametrize("piece", [b"0,", b"{},", b"[],", b'"",'])
def test_more_structure_is_unreadable(piece):
    """More are refused before they become objects of forty times their size."""
    with pytest.raises(TooLargeError, match="over 1,000,000 brackets and commas"):
        decode(b"[" + piece * MAX_STRUCTURE + b"0]")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 4 * MEGABYTE,
        b'{"a":' * MEGABYTE,
        b"[" + b"{}," * MEGABYTE + b"0]",
        b'"' * 4 * MEGABYTE,
        b'"' + b"\\" * 4 * MEGABYTE,
        b'"' + b'\\"' * 2 * MEGABYTE + b'"',
        b'"' + b'\\\\"' * MEGABYTE,
        b'"' + b"\\u0041" * (MEGABYTE // 2) + b'"',
        b"\xff" * 4 * MEGABYTE,
        b"9" * 4 * MEGABYTE,
        b"{" + b" " * 4 * MEGABYTE,
    ],
    ids=lambda body: repr(body[:9]),
)
def test_hostile_bodies_cost_linear_time(body):
    """Four megabytes of anything are decided in two seconds."""
    start = time.process_time()
    with contextlib.suppress(UnreadableError):
        decode(body)

    assert time.process_time() - start < 2


@pytest.mark.parametrize("escape", [b'\\"', b"\\\\", b"\\u3042", b"\\n"])
def test_escapes_cost_little_memory(escape):
    """Checking and reading a text of escapes takes at most ten times its size."""
    body = b'"' + escape * (MEGABYTE // len(escape)) + b'"'
    tracemalloc.start()
    try:
        decode(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 10 * MEGABYTE


# --- Events ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "probe",
    [b"", b" \n", b"{}", b"[]", b"null", b'{"events": []}', b'{"events": null}', ""],
)
def test_probes_are_empty_batches(probe):
    """The probes of Braze contain no events, and are not an error."""
    assert events_of(decode(probe)) == []


@pytest.mark.parametrize(
    ("document", "events"),
    [
        ({"events": [{"id": 1}, 5, None]}, [{"id": 1}, 5, None]),
        ([{"id": 1}, {"id": 2}], [{"id": 1}, {"id": 2}]),
        ({"event_type": "t", "id": 1}, [{"event_type": "t", "id": 1}]),
        ({"id": 1, "time": 2}, [{"id": 1, "time": 2}]),
        ({"event_type": "t", "events": 5}, [{"event_type": "t", "events": 5}]),
        ({"events": [1], "sent_at": 5}, [1]),
        (5, [5]),
    ],
)
def test_events_are_found(document, events):
    """A batch, a list of events and a single event are distinguished."""
    assert events == events_of(document)


@pytest.mark.parametrize("events", [{}, {"id": 1}, 5, "x", True])
def test_events_that_are_not_a_list_are_unreadable(events):
    """An envelope whose events are not a list is unreadable."""
    with pytest.raises(UnreadableError, match="events is not a list"):
        events_of({"events": events})


@pytest.mark.parametrize(
    "body",
    [
        b'{"events": [], "events": []}',
        b'{"events": [{"id": 1}], "a": {"events": 5}, "events": []}',
        b' {"events":[],\n"events":null}',
        b'{"events": [{"id": 1}], "\\u0065vents": []}',
    ],
)
def test_two_lists_of_events_are_unreadable(body):
    """An envelope with two ``events`` keys would lose one of them silently."""
    with pytest.raises(UnreadableError, match="two events keys"):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        '{"events": [{"events": 1, "properties": {"events": 2}}]}',
        '[{"events": 1}, {"events": 2}]',
        '{"events": [{"a": "\\"events\\": []"}]}',
        '{"a": "\\"events\\"", "events": []}',
    ],
)
def test_inner_events_keys_are_legal(body):
    """Inside of events, ``events`` is a name like any other."""
    assert json.loads(body) == decode(body)
