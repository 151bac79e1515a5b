"""JSON in and out: the same results with orjson, without it, and by plain ``json``."""

import enum
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap import Track, _json, transformer
from braze_heap._json_limits import MAX_DEPTH, UnreadableError
from braze_heap.receiver import Receiver, Request, _envelope
from braze_heap.sinks import MemorySink
from braze_heap.state import DeadRecord
from braze_heap.testing.strategies import batches, json_values
from braze_heap.wire import RawEvent, Unreadable, events_of, read_events
from braze_heap.wire import _json as json_lines
from tests.support.for_each import for_each

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


def plainly(given: bytes | str) -> Any:
    """Return what `decode` is to return, with ``json`` and without any shortcut."""
    data = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
    if depth_of(data) > MAX_DEPTH:
        raise UnreadableError(f"over {MAX_DEPTH} levels deep")
    text = given if isinstance(given, str) else given.decode(errors="replace")
    text = text.removeprefix("\ufeff")
    if not text or text.isspace():
        return None
    keys: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys[:] = [key for key, _ in pairs]
        return dict(pairs)

    def read(digits: str) -> int | str:
        return int(digits) if len(digits.lstrip("-")) <= 4_300 else digits

    try:
        value = json.loads(text, object_pairs_hook=keep, parse_int=read)
    except json.JSONDecodeError as error:
        flaw = error.msg.removesuffix(" at")
        raise UnreadableError(f"not JSON: {flaw} at character {error.pos}") from None
    if isinstance(value, dict) and keys.count("events") > 1:
        raise UnreadableError("two events keys in one object")
    return value


def depth_of(data: bytes) -> int:
    """Return the greatest number of brackets that are open at a time."""
    depth = most = at = 0
    is_text = False
    while at < len(data):
        if data[at] == ord("\\"):
            at += 1
        elif data[at] == ord('"'):
            is_text = not is_text
        elif not is_text and data[at] in b"{}[]":
            depth += 1 if data[at] in b"{[" else -1
            most = max(most, depth)
        at += 1
    return most


def assert_decoded_plainly(given: bytes | str) -> None:
    """Fail unless *given* is decoded as `plainly` does, with orjson and without."""
    expected = outcome(plainly, given)

    assert outcome(_json.decode, given) == expected
    assert outcome(slowly(_json.decode), given) == expected


@settings(max_examples=150)
@given(blanks, documents, blanks)
def test_documents_are_decoded_equally(before: str, document: str, behind: str) -> None:
    """Each way gives the same value or the same error for any document."""
    body = before + document + behind

    assert_decoded_plainly(body)
    assert_decoded_plainly(body.encode())


@given(batches(), st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_damaged_batches_are_decoded_equally(
    batch: dict[str, Any], place: int, scratch: bytes
) -> None:
    """Overwritten bytes have the same consequence."""
    body = bytearray(json.dumps(batch).encode())
    place %= len(body)
    body[place : place + len(scratch)] = scratch

    assert_decoded_plainly(bytes(body))


@for_each("number", NUMBERS)
@for_each("form", ["{}", "[{}]", '{{"a":{}}}', '["a",{}]', '"{}"', "[ {}]"])
def test_numbers_are_decoded_equally(number: str, form: str) -> None:
    """An integer of any length keeps all its digits, wherever it stands."""
    body = form.format(number).encode()

    assert_decoded_plainly(body)


@for_each("depth", [62, 63, 64, 65, 66, 2_000])
@for_each("core", ["1", '"]]"', '"\\"["', '{"a":[]}', ""])
@for_each("form", ["{}", '{{"events":[{}]}}', '{{"events":[]{}}}'])
def test_depth_is_limited_equally(depth: int, core: str, form: str) -> None:
    """The limits apply to both libraries."""
    body = form.format("[" * depth + core + "]" * depth).encode()

    assert_decoded_plainly(body)


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
        closely = shown(slowly(transform)(body))

    assert closely == shown(transform(body))
    assert closely == shown(slowly(transform)(body))


def in_order(calls: Iterable[bh.Call]) -> list[Any]:
    """Return *calls* with their properties in the order of their names."""
    found = []
    for call in calls:
        content = call.to_dict()
        properties = content.pop("properties", {})
        found.append((content, sorted(properties.items())))
    return found


def shown(result: bh.TransformResult) -> str:
    """
    Return all of *result*, also values, which no repr shows. The order of properties
    makes no difference.
    """
    return repr(
        (
            result,
            in_order(result.calls),
            [*result.origins],
            [r.raw for r in result.rejected],
        )
    )


@settings(max_examples=150)
@given(st.sampled_from(PLACES), documents)
def test_fast_decoded_bodies_give_equal_results(
    place: tuple[str, str], document: str
) -> None:
    """Calls, counts and reasons equal those of the checked decoder for any property."""
    body = a_body(*place, document, 0)

    assert_read_alike(body)


@for_each("number", NUMBERS)
@for_each("place", PLACES)
@for_each("form", ["{}", '{{"a":{}}}', "[{}]", '{{"a":[[{}]]}}'])
def test_fast_decoded_numbers_give_equal_results(
    number: str, place: tuple[str, str], form: str
) -> None:
    """No integer is rounded on the short way either."""
    body = a_body(*place, form.format(number), 0)

    assert_read_alike(body)


@for_each("blank", ["", " ", "\r\n", "\t", "\x0b", "\x0c", "\u00a0"])
@for_each(
    "form",
    ["{}x", "x{}", "{{x{}", '{{"events"x:[]}}', '{{"events":x[]}}', '{{"events":[]x}}'],
)
def test_only_blanks_of_json_are_blanks(form: str, blank: str) -> None:
    """A form feed is no blank, on the short way either."""
    body = form.replace("x", blank).format('{"events":[]}').encode()

    assert_read_alike(body)


@settings(max_examples=80)
@given(
    st.lists(st.tuples(st.sampled_from(PLACES), documents), min_size=1, max_size=6),
    st.integers(1, 400),
    st.sampled_from(["", " ", "\n  "]),
)
def test_parts_of_long_bodies_give_equal_results(
    properties: list[tuple[tuple[str, str], str]], size: int, blank: str
) -> None:
    """It makes no difference where a body is split, whatever is in it."""
    bodies = [a_body(*place, document, 2) for place, document in properties]
    events = [body[12:-2] for body in bodies]
    body = b'{"events":[%b]}' % f"{blank},{blank}".encode().join(events)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_json, "_MAX_FAST", 1_000)
        patch.setattr(_json, "_PART", size)
        assert_read_alike(body)


@pytest.mark.parametrize(
    "inner", ['{"a":1},{"event_type":2}', '"},{\\"event_type\\":"']
)
def test_what_looks_like_an_event_is_not_split(inner: str) -> None:
    """Objects and texts inside of an event stay whole in a long body."""
    body = a_body(*PLACES[0], f'{{"list": [{inner}]}}', 2_000)

    assert len(body) > _json._MAX_FAST // 2
    assert_read_alike(body)


@pytest.mark.parametrize("library", ["orjson", "json"])
def test_long_bodies_keep_the_short_way(library: str) -> None:
    """A body over 512 KiB is decoded in parts, without the checks of `decode`."""
    body = a_body(*PLACES[2], "1", 4_000)
    assert len(body) > _json._MAX_FAST
    road = transform if library == "orjson" else slowly(transform)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_json, "decode", None)
        patch.setattr(transformer, "decode", None)
        assert road(body).received == 4_002


def test_an_odd_event_of_a_long_body_costs_its_part() -> None:
    """One integer that orjson would round does not decode all of the body again."""
    body = a_body(*PLACES[0], '{"n": 123456789012345678901234567890}', 4_000)
    sizes: list[int] = []

    def decode(part: bytes) -> Any:
        sizes.append(len(part))
        return plainly(part)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_json, "decode", decode)
        result = transform(body)

    assert sum(sizes) < 2 * _json._PART
    assert "123456789012345678901234567890" in shown(result)


class Letters:
    """A dead letter in memory."""

    def __init__(self) -> None:
        self.records: list[DeadRecord] = []

    def append(self, records: Any) -> None:
        self.records += records

    def close(self) -> None: ...


def received(body: bytes, **options: Any) -> str:
    """Return the response to *body*, the calls that it leads to, and dead letters."""
    sink, letters, seen = MemorySink(), Letters(), []
    pipeline = bh.Pipeline(
        bh.Transformer(**options),
        sink,
        letters,  # type: ignore[arg-type]
        observers=[lambda details: seen.append(details.report)],
        now=lambda: 0.0,
    )
    receiver = Receiver(pipeline, "t" * 20, now=lambda: 0.0)
    headers = [("authorization", f"Bearer {'t' * 20}")]
    response = receiver.handle(Request("POST", headers, body))
    return repr(
        (response, in_order(sink.calls), [*map(attrs.asdict, letters.records)], seen)
    )


def assert_received_alike(body: bytes, **options: Any) -> None:
    """Fail unless the receiver does the same if it decodes *body* exactly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_envelope, "decode_events_fast", lambda _: None)
        exactly = received(body, **options)

    assert received(body, **options) == exactly
    assert slowly(lambda given: received(given, **options))(body) == exactly


@settings(max_examples=80)
@given(st.sampled_from(PLACES), documents)
def test_the_receiver_decodes_equally(place: tuple[str, str], document: str) -> None:
    """Response, calls, dead letters and observers equal those of the exact decoder."""
    assert_received_alike(a_body(*place, document, 1))


@pytest.mark.parametrize("depth", [10, 59, 60, 61, 300, 2_000])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "options", [{}, {"personal_data": {"custom_properties": "drop", "news": "drop"}}]
)
@pytest.mark.filterwarnings("ignore:No event class has a field 'news'")
def test_the_receiver_limits_depth_equally(
    options: dict[str, Any], place: tuple[str, str], depth: int
) -> None:
    """A body that is too deep is a dead letter as a whole, also in a redacted field."""
    body = a_body(*place, '{"a":' * depth + "1" + "}" * depth, 3)

    assert_received_alike(body, **options)
    assert ("over 64 levels deep" in received(body, **options)) == (depth > 60)


def test_a_transformer_of_a_team_gets_exact_events() -> None:
    """An object that looks into the events itself never sees a rounded integer."""
    seen: list[Any] = []
    inner = bh.Transformer()

    class Own:
        def transform(self, source: Any, **options: Any) -> Any:
            seen.extend(source)
            return inner.transform(source, **options)

    pipeline = bh.Pipeline(Own(), MemorySink(), Letters())  # type: ignore[arg-type]
    headers = [("authorization", f"Bearer {'t' * 20}")]
    body = a_body(*PLACES[0], '{"n": 123456789012345678901234567890}', 0)
    Receiver(pipeline, "t" * 20).handle(Request("POST", headers, body))

    value = seen[1]["properties"]["custom_properties"]["n"]
    assert value == 123456789012345678901234567890


def plain_reads(lines: list[bytes]) -> list[str]:
    """Return what `read_events` is to return for JSON lines, line by line."""
    found, offset = [], 0
    for line in lines:
        try:
            events = events_of(plainly(line)) if line.strip() else []
            found += [repr((RawEvent(event, None, offset), event)) for event in events]
        except UnreadableError as error:
            found.append(repr(Unreadable(offset, str(error))))
        offset += len(line) + 1
    return found


def line_reads(data: bytes) -> list[str]:
    """Return the results of `read_events` with the values of the events."""
    return [
        repr((read, read.value)) if isinstance(read, RawEvent) else repr(read)
        for read in read_events(data)
    ]


@settings(max_examples=100)
@given(st.lists(documents, max_size=6), st.integers(1, 300), st.booleans())
def test_lines_are_decoded_equally(
    lines: list[str], size: int, is_terminated: bool
) -> None:
    """Each line is read as if it were alone, wherever the blocks of lines end."""
    raw = [line.replace("\n", " ").encode() for line in lines]
    data = [b'{"a": 1}', b'{"a": 2}', *raw]
    text = b"\n".join(data) + b"\n" * is_terminated

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "_BLOCK", size)
        assert line_reads(text) == plain_reads(data)
        assert slowly(line_reads)(text) == plain_reads(data)


@for_each(
    "line",
    [
        *(f'{{"n": {number}}}' for number in NUMBERS),
        *('{"events": [{"a": 1}], "events": []}', '{"\\u0065vents": 1, "events": []}'),
        *('{"events": [{"a": 1}, {"a": 2}]}', '{"events": 5}', '{"events": null}'),
        *(
            "[1, 2]",
            "{}",
            "null",
            "5",
            '"text"',
            "[]",
            "",
            " ",
            "\r",
            '{"a": "\ud7ff"}',
        ),
        *(
            "[" * 64 + "]" * 64,
            "[" * 65 + "]" * 65,
            '{"a":' * 65 + "1" + "}" * 65,
            '{"a": "' + "[" * 99 + '"}',
        ),
    ],
)
def test_an_odd_line_is_decoded_equally(line: str) -> None:
    """An odd line among usual ones is read as if it were alone."""
    data = [b'{"a": 1}', b'{"a": 2}', line.encode(), b'{"a": 3}']

    assert line_reads(b"\n".join(data)) == plain_reads(data)
    assert slowly(line_reads)(b"\n".join(data)) == plain_reads(data)


@for_each("depth", [10, 58, 59, 60, 61, 62, 300, 740, 2_000])
@for_each("place", PLACES)
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
    """Each way writes what reads back as the value, or refuses what ``json`` does."""
    is_written = not outcome(as_json, value).endswith("Error")

    for road in (_json.encode, slowly(_json.encode)):
        if is_written:
            assert json.loads(road(value)) == value
        else:
            with pytest.raises(ValueError, match=r"JSON|encode|utf"):
                road(value)


def as_json(value: Any) -> bytes:
    """Return *value* as ``json`` writes it in UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


class Color(enum.StrEnum):
    """A text of a team's own."""

    RED = "red"


@for_each(
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

    assert meaning(_json.encode) == meaning(as_json)
    assert meaning(slowly(_json.encode)) == meaning(as_json)


def test_lone_surrogates_stay_in_a_line_of_text() -> None:
    """A line of JSON is text, so it can contain lone surrogates."""
    call = Track("e", "a\ud800", "2025-11-23T12:13:20+00:00", "k", {})

    assert '"identity":"a\ud800"' in call.to_json()
