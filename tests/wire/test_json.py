"""JSON in any arrangement: every event in order, every damage with its place."""

import gzip
import io
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braze_heap import Reason
from braze_heap.testing import make_raw
from braze_heap.testing.strategies import json_values, raw_events
from braze_heap.wire import RawEvent, UnknownFormatError, Unreadable, read_events

EVENTS = [
    make_raw("users.messages.email.Click", link_alias='a "quoted" [name], {odd}\\'),
    make_raw("users.behaviors.Purchase", purchase_properties={"]": ["}", {"[": {}}]}),
    make_raw(
        "users.messages.sms.Send", only=(), campaign_name="\u304a\u77e5\u3089\u305b"
    ),
    {"event_type": "users.messages.pigeon.Send"},
]


def a_line_each(documents, end="\n"):
    """Write each document on a line."""
    return "".join(json.dumps(document) + end for document in documents)


ARRANGEMENTS = {
    "body": lambda events: json.dumps({"events": events}),
    "tight body": lambda events: json.dumps({"events": events}, separators=(",", ":")),
    "pretty body": lambda events: json.dumps({"events": events}, indent=2),
    "unescaped body": lambda events: json.dumps({"events": events}, ensure_ascii=False),
    "array": json.dumps,
    "pretty array": lambda events: json.dumps(events, indent="\t"),
    "array, a line each": lambda events: (
        "[\n" + ",\n".join(map(json.dumps, events)) + "\n]\n"
    ),
    "body, a line each": lambda events: (
        '{"events": [\n' + ",\n".join(map(json.dumps, events)) + "\n]}\n"
    ),
    "lines": a_line_each,
    "lines without an end": lambda events: a_line_each(events)[:-1],
    "lines of Windows": lambda events: a_line_each(events, "\r\n"),
    "lines with gaps": lambda events: "\n \n" + a_line_each(events, "\n\n"),
    "documents in a row": lambda events: "".join(map(json.dumps, events)),
    "documents with blanks": lambda events: " ".join(map(json.dumps, events)),
    "pretty documents": lambda events: "\n".join(
        json.dumps(e, indent=2) for e in events
    ),
    "a body per line": lambda events: a_line_each({"events": [e]} for e in events),
    "an array per line": lambda events: a_line_each([e] for e in events),
    "pretty bodies": lambda events: "\n".join(
        json.dumps({"events": [e]}, indent=2) for e in events
    ),
    "body in blanks": lambda events: (
        "\r\n\t " + json.dumps({"events": events}) + "\n\n"
    ),
    "mark": lambda events: "\ufeff" + json.dumps({"events": events}),
    "mark and lines": lambda events: "\ufeff" + a_line_each(events),
}

SOME_EVENTS = raw_events("users.behaviors.CustomEvent", "users.UserOrphan")

arranged = pytest.mark.parametrize("arrangement", ARRANGEMENTS)


def values_of(source):
    """Return the events of *source*; there must be no damage."""
    read = list(read_events(source))
    assert [part for part in read if isinstance(part, Unreadable)] == []
    return [event.value for event in read]


def split(source):
    """Return the events of *source*, then its damages."""
    read = list(read_events(source))
    return (
        [part.value for part in read if isinstance(part, RawEvent)],
        [part for part in read if isinstance(part, Unreadable)],
    )


# --- Arrangements ---------------------------------------------------------------------


@arranged
def test_events_are_read_from_any_layout(arrangement):
    """Every event is read, in order."""
    assert values_of(ARRANGEMENTS[arrangement](EVENTS)) == EVENTS


@arranged
def test_a_single_event_is_read_from_any_layout(arrangement):
    """One event needs no different arrangement."""
    assert EVENTS[:1] == values_of(ARRANGEMENTS[arrangement](EVENTS[:1]))


@arranged
def test_layouts_are_read_gzipped(arrangement):
    """Compression is detected from the first bytes, not from a name."""
    text = ARRANGEMENTS[arrangement](EVENTS)

    assert values_of(gzip.compress(text.encode())) == EVENTS


@arranged
def test_layouts_are_read_in_small_pieces(arrangement, monkeypatch):
    """The boundaries between the pieces of a stream make no difference."""
    monkeypatch.setattr("braze_heap.wire._stream.CHUNK", 7)

    assert values_of(ARRANGEMENTS[arrangement](EVENTS)) == EVENTS


@arranged
@settings(max_examples=5)
@given(events=st.lists(SOME_EVENTS, min_size=1, max_size=3))
def test_any_events_are_read_from_any_layout(arrangement, events):
    """The content of events makes no difference to their boundaries."""
    assert events == values_of(ARRANGEMENTS[arrangement](events))


@pytest.mark.parametrize("arrangement", ["body", "array", "pretty body"])
@settings(max_examples=30)
@given(elements=st.lists(json_values(), min_size=1, max_size=5))
def test_elements_need_not_be_objects(arrangement, elements):
    """
    Any item in the place of an event is delivered, because parsing decides about it.
    """
    assert elements == values_of(ARRANGEMENTS[arrangement](elements))


@pytest.mark.parametrize(
    "probe",
    ["", " \n", "{}", "[]", "null", '{"events": []}', '{"events": null}', "\ufeff"],
)
def test_probes_have_no_events(probe):
    """The probes of Braze are read without events and without damage."""
    assert values_of(probe) == []


def test_more_keys_before_the_events_are_passed_over():
    """An envelope may say more than its events."""
    assert values_of(json.dumps({"sent_at": [1, {"a": 2}], "events": EVENTS})) == EVENTS


def test_an_event_may_have_a_field_named_events():
    """An object that says its type is an event."""
    event = {"event_type": "t", "events": [1, 2]}

    assert [event] == values_of(json.dumps(event))


def test_offsets_are_bytes_from_the_start():
    """Each event has the offset of its beginning."""
    body = json.dumps({"events": EVENTS}, ensure_ascii=False, indent=1).encode()
    found = [
        json.JSONDecoder().raw_decode(body[event.offset :].decode())[0]
        for event in read_events(body)
    ]

    assert found == EVENTS


@pytest.mark.parametrize("arrangement", ["pretty body", "pretty array", "lines"])
def test_offsets_beyond_the_first_piece_of_a_stream_are_from_its_start(
    arrangement, monkeypatch
):
    """The pieces that were read before count."""
    monkeypatch.setattr("braze_heap.wire._stream.CHUNK", 64)
    events = [{"id": f"event-{number}"} for number in range(50)]
    body = ARRANGEMENTS[arrangement](events).encode()

    offsets = [event.offset for event in read_events(io.BytesIO(body))]

    decoded = (json.JSONDecoder().raw_decode(body[at:].decode()) for at in offsets)
    assert [event for event, _ in decoded] == events


def test_lines_have_their_offsets():
    """An event on a line begins where its line begins."""
    offsets = [
        event.offset for event in read_events(b'{"a": 1}\n\n{"b": "\xc3\xa9"}\n{}1\n')
    ]

    assert offsets[:2] == [0, 10]


def test_events_keep_the_type_that_is_given():
    """Records without a type get the one that the caller knows."""
    (event,) = read_events('{"id": "a"}', event_type="users.messages.email.Click")

    assert event == RawEvent({"id": "a"}, "users.messages.email.Click", 0)


def test_reprs_show_no_values():
    """Raw events and damages may contain personal data."""
    event, damage = read_events('{"email": "jane@example.com"}\n{"email": "jane@')

    assert "jane" not in f"{event!r} {damage!r}"


# --- Damage ---------------------------------------------------------------------------


def test_one_bad_line_costs_one_line():
    """Lines stand for themselves: the ones behind a damage are read."""
    lines = [json.dumps(event) for event in EVENTS]
    lines[1:1] = ['{"cut": "he']
    events, damages = split("\n".join(lines))

    assert events == EVENTS
    assert [len(lines[0]) + 1] == [damage.offset for damage in damages]


@pytest.mark.parametrize("bad", [0, 1, 2, 3])
def test_one_bad_line_costs_one_line_at_any_place(bad):
    """That is true of the first line and the last one too."""
    lines = [json.dumps(event) for event in EVENTS]
    lines[bad] = lines[bad][:-1]
    events, damages = split("\n".join(lines) + "\n")

    assert EVENTS[:bad] + EVENTS[bad + 1 :] == events
    assert [lines[bad].encode()] == [damage.raw.strip() for damage in damages]


@pytest.mark.parametrize("bad", ["note", "{note"])
def test_bad_lines_at_the_start_cost_a_line_each(bad):
    """Two bad lines before the first event are two damages."""
    read = read_events(f'{bad}\n{bad}\n{{"id": 1}}\n{{"id": 2}}\n')

    width = len(bad) + 1
    assert [0, width, 2 * width, 2 * width + 10] == [part.offset for part in read]


@pytest.mark.parametrize("bad", ["nope", "{'a': 1}", '{"a": nan}', "[1,]"])
def test_one_bad_element_costs_one_element(bad):
    """An element that is not JSON, with balanced brackets, costs only itself."""
    first, *others = (json.dumps(event) for event in EVENTS)
    body = '{"events": [' + ", ".join([first, bad, *others]) + "]}"
    events, damages = split(body)

    assert events == EVENTS
    assert [body.index(bad)] == [damage.offset for damage in damages]


@pytest.mark.parametrize("arrangement", ["body", "array", "pretty body", "lines"])
def test_everything_before_truncation_is_delivered(arrangement):
    """A document cut at any byte gives its whole events, then one damage."""
    whole = ARRANGEMENTS[arrangement](EVENTS[2:] + EVENTS[2:]).encode()
    for end in range(len(whole.rstrip())):
        events, damages = split(whole[:end])

        assert (EVENTS[2:] + EVENTS[2:])[: len(events)] == events
        assert len(damages) <= 1
        assert all(damage.offset <= end for damage in damages)


@pytest.mark.parametrize("arrangement", ["body", "array"])
def test_every_event_before_truncation_is_delivered(arrangement):
    """An event whose last byte is there is delivered, wherever the cut is behind it."""
    whole = ARRANGEMENTS[arrangement](EVENTS).encode()
    texts = [json.dumps(event).encode() for event in EVENTS]
    ends = [whole.index(text) + len(text) for text in texts]
    for cut in range(ends[0], len(whole)):
        events, _ = split(whole[:cut])

        assert sum(end <= cut for end in ends) == len(events)


@pytest.mark.parametrize("cut", [1, 2, 10])
def test_an_array_without_its_end_is_damaged(cut):
    """A missing end is reported, even if everything before it can be read."""
    body = json.dumps({"events": EVENTS})[:-cut]
    _, damages = split(body)

    assert [damage.reason for damage in damages] == [Reason.UNREADABLE]


def test_damage_has_its_cause_and_first_bytes():
    """A damage says what is wrong, and keeps what was there."""
    _, (damage,) = split('{"events": [{"id": 1}, {"id": ')

    assert damage.offset == 23
    assert damage.detail == "ends before its object does"
    assert damage.raw == b'{"id": '


def test_damage_keeps_64_kib():
    """Of a large damage, the start is kept."""
    _, damages = split('{"events": ["' + "x" * 100_000)

    assert len(damages[0].raw) == 65_536


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ('{"events": 5}', "events is not a list"),
        ('{"events": {"id": 1}}', "events is not a list"),
        ('{"events": []} trailing', "not JSON"),
        ('{"events": [], "events": []}', "more than events"),
        ('{"a": 1, "events": [], "events": []}', "two events keys"),
        ("{nonsense", "ends before its object does"),
        ("{\x01}", "not JSON"),
    ],
)
def test_unreadable_bodies_are_named(body, detail):
    """A body without events is one damage, with its cause."""
    events, damages = split(body)

    assert events == []
    assert [detail in damage.detail for damage in damages] == [True]


def test_events_before_trailing_text_are_delivered():
    """Text behind a body is a damage of its own."""
    events, damages = split(json.dumps({"events": EVENTS}) + "\ntrailing")

    assert (events, len(damages)) == (EVENTS, 1)


def test_invalid_utf8_costs_characters_not_events():
    """Bytes that are not UTF-8 become U+FFFD."""
    assert values_of(b'{"events": [{"a": "x\xff"}]}') == [{"a": "x\ufffd"}]


def test_a_deep_event_costs_itself():
    """The limit on depth applies to each event, the others are delivered."""
    deep = "[" * 70 + "]" * 70
    events, damages = split('{"events": [{"id": 1}, ' + deep + ', {"id": 2}]}')

    assert events == [{"id": 1}, {"id": 2}]
    assert [damage.detail for damage in damages] == ["over 64 levels deep"]


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data):
    """No bytes raise anything but that they are not JSON."""
    for part in parts_of(data):
        assert 0 <= part.offset <= max(len(data), part.offset)


@given(st.text(alphabet='[]{}",\\:events1 \n\r\t\ufeff', max_size=60))
def test_anything_like_json_is_read(text):
    """No mixture of brackets, quotes and keys raises, or reads for ever."""
    assert len(parts_of(text.encode())) <= len(text) + 1


@given(
    st.sampled_from(sorted(ARRANGEMENTS)),
    st.integers(0, 10_000),
    st.binary(min_size=1, max_size=3),
)
def test_a_damaged_byte_raises_nothing(arrangement, place, scratch):
    """Overwritten bytes cost what they hit, never more than an exception would."""
    data = bytearray(ARRANGEMENTS[arrangement](EVENTS).encode())
    place %= len(data)
    data[place : place + len(scratch)] = scratch

    parts_of(bytes(data))


def parts_of(data):
    """Read *data*; none if it is refused because it is not JSON."""
    try:
        return list(read_events(data))
    except UnknownFormatError:
        return []


# --- Limits ---------------------------------------------------------------------------


@pytest.fixture
def small_limits(monkeypatch):
    """Make elements of 64 KiB the largest ones."""
    for module in ("_elements", "_json"):
        monkeypatch.setattr(f"braze_heap.wire.{module}.MAX_ELEMENT", 1 << 16)
    monkeypatch.setattr("braze_heap.wire._stream.CHUNK", 1 << 12)


class Endless(io.RawIOBase):
    """A stream that begins with *start*, then repeats *piece*; it ends in an error."""

    def __init__(self, start, piece):
        self._start = start
        self._pieces = piece * 4_096
        self._given = 0

    def read(self, size=-1):
        """Give up to *size* bytes."""
        assert self._given < 1 << 21, "2 MiB were read and no element was given up"
        start, self._start = self._start[:size], self._start[size:]
        given = start or self._pieces[:size]
        self._given += len(given)
        return given


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"{", b" "),
        (b'{"events"', b" "),
        (b'{"events":', b"\n"),
        (b'{"events": [', b"["),
        (b'{"events": [', b'{"a":'),
        (b'{"events": ["', b"x"),
        (b'{"events": ["', b"\\"),
        (b'{"events": [', b"1"),
        (b'{"events": [{"id": 1}, {"a": "', b"\\u0041"),
        (b'{"events": [{"id": 1}], ', b'"a",'),
        (b'{"a": ', b"[],"),
        (b'{"a": 1}\n', b"x"),
        (b'{"a": 1}\n{"b": "', b"x"),
    ],
)
@pytest.mark.usefixtures("small_limits")
def test_endless_elements_are_given_up(start, piece):
    """An element without an end is a damage, after a bounded number of bytes."""
    damage = next(
        part
        for part in read_events(Endless(start, piece))
        if isinstance(part, Unreadable)
    )

    assert Reason.UNREADABLE is damage.reason


@pytest.mark.usefixtures("small_limits")
def test_a_long_line_costs_itself():
    """The lines behind a line over the limit are read."""
    lines = ['{"id": 1}', '{"id": "' + "x" * 300_000 + '"}', '{"id": 2}', '{"id": 3}']
    events, damages = split("\n".join(lines) + "\n")

    assert events == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert [damage.detail for damage in damages] == ["a line of over 65,536 bytes"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b"["),
        (b"", b'{"a":['),
        (b"[", b'"'),
        (b"{", b" "),
        (b'{"a":"', b"\\"),
        (b'{"a":"', b"x"),
        (b"[", b"1"),
        (b"[", b","),
        (b"", b"{\n"),
        (b"", b"\n"),
    ],
    ids=repr,
)
def test_hostile_files_cost_linear_time(start, piece):
    """Half a megabyte of anything without events is decided in ten seconds."""
    data = start + piece * (500_000 // len(piece))
    began = time.process_time()
    list(read_events(data))

    assert time.process_time() - began < 10
