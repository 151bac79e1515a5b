"""
From batches to calls: each event is mapped, skipped or rejected, and counted once.
"""

import copy
import gzip
import json
import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap.events import (
    CustomEvent,
    EmailClick,
    HasCampaign,
    PushOpen,
)
from braze_heap.testing import assert_legal, make_raw
from braze_heap.testing.strategies import batches, json_values
from braze_heap.wire import RawEvent
from tests.support.for_each import for_each

CLICK = "users.messages.email.Click"


def an_event(**changes: Any) -> dict[str, Any]:
    raw = {
        "event_type": CLICK,
        "id": "e1",
        "time": 1763900000,
        "user": {"external_user_id": "cust-1"},
        "properties": {"link_alias": "hero", "email_address": "a@example.com"},
    }
    return {k: v for k, v in (raw | changes).items() if v is not ...}


def the_call(source: Any, **options: Any) -> dict[str, Any]:
    (call,) = bh.Transformer(**options).transform(source).calls
    return call.to_dict()


def the_rejection(source: Any, **options: Any) -> bh.Rejected:
    (rejected,) = bh.Transformer(**options).transform(source).rejected
    return rejected


@for_each("event_type", sorted(bh.EVENT_TYPES))
@for_each("local_time", [False, True])
def test_device_and_time_zone_are_properties_of_every_type(
    event_type: str, local_time: bool
) -> None:
    """
    Whether Braze documents them for the type or not, the names are the same, and none
    is counted as unknown.
    """
    user = {"external_user_id": "a", "device_id": "d", "timezone": "Asia/Tokyo"}
    raw = an_event(event_type=event_type, user=user, properties={})
    transformer = bh.Transformer(
        local_time=local_time, personal_data={"device_id": "keep"}
    )
    transformer.transform([raw])

    result = transformer.transform([raw])
    track = result.calls[0].to_dict()

    given = {name: track["properties"].get(name) for name in ("device_id", "timezone")}
    assert given == {"device_id": "d", "timezone": "Asia/Tokyo"}
    assert ("local_hour" in track["properties"]) is local_time
    assert not result.unknown


def test_an_unknown_property_does_not_hide_the_time_zone_of_the_user() -> None:
    """Both reach Heap, under two names."""
    raw = an_event(
        event_type="users.behaviors.Purchase",
        user={"external_user_id": "a", "timezone": "Europe/Paris"},
        properties={"timezone": "GMT"},
    )

    call = the_call(raw)
    properties = call["properties"]

    assert call["event"] == "Braze Purchase"
    assert properties["timezone"] == "Europe/Paris"
    assert properties["timezone_2"] == "GMT"


def test_an_event_becomes_a_track_call() -> None:
    """Name, identity, time and key come from the event; properties are its fields."""
    assert the_call(an_event()) == {
        "event": "Braze Email Click",
        "identity": "cust-1",
        "timestamp": "2025-11-23T12:13:20+00:00",
        "idempotency_key": "e1",
        "properties": {
            "link_alias": "hero",
            "event_type": CLICK,
            "channel": "email",
            "action": "click",
        },
    }


@pytest.mark.parametrize(
    "source",
    [
        an_event(),
        [an_event()],
        {"events": [an_event()]},
        json.dumps({"events": [an_event()]}),
        json.dumps({"events": [an_event()]}).encode(),
        json.dumps([an_event()]),
        json.dumps(an_event()),
        bh.parse_event(an_event()),
        [bh.parse_event(an_event())],
        iter([an_event()]),
        RawEvent(an_event()),
        (an_event(),),
    ],
    ids=lambda source: type(source).__name__,
)
def test_every_kind_of_source_gives_the_same_call(source: Any) -> None:
    """Bytes, text, decoded batches, raw and typed events mean the same."""
    assert the_call(source) == the_call(an_event())


@pytest.mark.parametrize(
    "probe",
    [b"", b"  ", "", b"{}", b"[]", b"null", b'{"events": []}', {}, [], None]
    + [b'{"events": null}', {"events": None}, b"\xef\xbb\xbf"],
)
def test_a_probe_is_an_empty_batch(probe: Any) -> None:
    """Braze tries an endpoint with nothing at all."""
    assert bh.Transformer().transform(probe) == bh.TransformResult()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (5, "not_an_object"),
        (None, "not_an_object"),
        ([], "not_an_object"),
        (an_event(event_type=...), "bad_event_type"),
        (an_event(event_type=None), "bad_event_type"),
        (an_event(event_type=5), "bad_event_type"),
        (an_event(event_type=[]), "bad_event_type"),
        (an_event(event_type=" "), "bad_event_type"),
        (an_event(event_type="🎉" * 512), "bad_event_type"),
        (an_event(user="somebody"), "bad_user"),
        (an_event(properties=[]), "bad_properties"),
        (an_event(time=...), "bad_time"),
        (an_event(time=None), "bad_time"),
        (an_event(time="yesterday"), "bad_time"),
        (an_event(time=True), "bad_time"),
        (an_event(time=0), "bad_time"),
        (an_event(time=-5), "bad_time"),
        (an_event(time=float("nan")), "bad_time"),
        (an_event(time=4102444800), "bad_time"),
        (an_event(time=4102444800000), "bad_time"),
        (an_event(user={"external_user_id": "null"}), "bad_identity"),
        (an_event(user={"external_user_id": True}), "bad_identity"),
        (an_event(user={"external_user_id": 1.5}), "bad_identity"),
        (an_event(user={"external_user_id": ["a"]}), "bad_identity"),
        (an_event(user={"external_user_id": "a" * 256}), "identity_too_long"),
    ],
)
def test_a_malformed_event_is_rejected_by_its_reason(event: Any, reason: str) -> None:
    """The original is kept whole beside the reason."""
    rejected = the_rejection([event])

    assert rejected.reason == reason
    assert rejected.raw == event or event != event


@pytest.mark.parametrize(
    "user", [{}, None, ..., {"external_user_id": None}, {"external_user_id": " "}]
)
def test_an_anonymous_event_is_skipped(user: Any) -> None:
    """Without an external id there is nobody to track, and no fault either."""
    result = bh.Transformer().transform(an_event(user=user))

    assert [s.reason for s in result.skipped] == ["no_identity"]
    assert not result.calls
    assert not result.rejected


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{", "not JSON"),
        (b"[1] [2]", "not JSON"),
        (b'{"events": 5}', "events is not a list"),
        (b'{"events": [], "events": []}', "two events keys"),
        (b"[" * 100, "64 levels"),
        ('{"events": []}'.encode("utf-16"), "not JSON"),
    ],
)
def test_an_unreadable_body_is_kept_whole(body: bytes, detail: str) -> None:
    """What holds no events is one rejection, with its bytes."""
    rejected = the_rejection(body)

    assert (rejected.reason, rejected.raw) == ("unreadable", body)
    assert detail in rejected.detail


def test_a_bad_event_does_not_touch_the_others() -> None:
    """One malformed event in a batch costs that event."""
    good = [an_event(id=str(i)) for i in range(3)]

    alone = bh.Transformer().transform(good)
    beside = bh.Transformer().transform([good[0], 5, *good[1:], an_event(time=0)])

    assert beside.calls == alone.calls
    assert len(beside.rejected) == 2


def test_an_equal_repeat_is_delivered_once_and_counted() -> None:
    """A repeat shares the outcome of the first, also across wire forms."""
    flat = {"id": "e1", "time": 1763900000, "external_user_id": "cust-1"}
    flat |= {"link_alias": "hero", "email_address": "a@example.com"}

    result = bh.Transformer().transform(
        [an_event(), an_event(), RawEvent(flat, CLICK), an_event(user={}, id="e2")] * 2
    )

    assert (result.received, result.mapped, result.repeated) == (8, 6, 6)
    assert len(result.calls) == 1
    assert len(result.skipped) == 2


def test_an_unequal_repeat_is_rejected() -> None:
    """Heap would keep the first for ever, so the second must not vanish."""
    result = bh.Transformer().transform([an_event(), an_event(time=1763900001)])

    assert [r.reason for r in result.rejected] == ["duplicate_id_conflict"]
    assert len(result.calls) == 1


def test_an_unknown_type_is_tracked_under_its_own_name() -> None:
    """A new event type is news, not an error."""
    call = the_call(an_event(event_type="users.messages.kakao.Send"))

    assert call["event"] == "Braze users.messages.kakao.Send"
    assert call["properties"] == {
        "link_alias": "hero",
        "event_type": "users.messages.kakao.Send",
    }


def test_a_custom_event_keeps_its_own_name() -> None:
    """Custom properties become dotted names, lists of objects JSON and a count."""
    properties = {
        "name": "Added To Cart",
        "custom_properties": {"cart": {"value": 42.5, "items": [{"sku": "A"}]}},
    }

    call = the_call(
        an_event(event_type="users.behaviors.CustomEvent", properties=properties)
    )

    assert call["event"] == "Braze Custom Added To Cart"
    assert call["properties"] == {
        "name": "Added To Cart",
        "event_type": "users.behaviors.CustomEvent",
        "custom_properties.cart.value": 42.5,
        "custom_properties.cart.items": '[{"sku":"A"}]',
        "custom_properties.cart.items.count": 1,
        "action": "custom_event",
    }


def test_a_value_that_does_not_fit_is_mapped_all_the_same() -> None:
    """Invalid values, unknown fields and unknown parts of the user reach Heap."""
    call = the_call(
        an_event(
            user={"external_user_id": "cust-1", "tier": "gold"},
            properties={"is_amp": "yes", "brand_new": [1, 2]},
            trace="t1",
        )
    )

    assert call["properties"] == {
        "event_type": CLICK,
        "channel": "email",
        "action": "click",
        "is_amp": "yes",
        "user.tier": "gold",
        "brand_new": "1||2",
        "trace": "t1",
    }


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (1763900000, "2025-11-23T12:13:20+00:00"),
        ("1763900000", "2025-11-23T12:13:20+00:00"),
        (1763900000.5, "2025-11-23T12:13:20.500+00:00"),
        (1763900000123, "2025-11-23T12:13:20.123+00:00"),
        (1763900000123456, "2025-11-23T12:13:20.123+00:00"),
        (1763900000123456789, "2025-11-23T12:13:20.123+00:00"),
    ],
)
def test_a_time_is_read_in_any_unit(time: Any, expected: str) -> None:
    """Milliseconds never become the year 55840."""
    assert the_call(an_event(time=time))["timestamp"] == expected


def test_milliseconds_come_from_time_ms_where_it_agrees() -> None:
    """``time`` decides; ``time_ms`` adds what it cannot say."""
    kind = "users.behaviors.pushnotification.TokenStateChange"
    agreeing = an_event(event_type=kind, properties={"time_ms": 1763900000123})
    other = an_event(event_type=kind, properties={"time_ms": 1763900005123})

    assert the_call(agreeing)["timestamp"] == "2025-11-23T12:13:20.123+00:00"
    assert the_call(other)["timestamp"] == "2025-11-23T12:13:20+00:00"


def test_an_event_without_id_has_the_key_of_its_content() -> None:
    """The same content has the same key, so that a repeat is counted once."""
    first, again, other = (
        the_call(an_event(id=None, time=time))["idempotency_key"]
        for time in (1763900000, 1763900000, 1763900001)
    )

    assert first == again != other
    assert len(first) == 64


def test_identity_can_be_the_braze_id_or_a_function() -> None:
    """Heap must know the same people by the identity that is chosen."""
    event = an_event(user={"user_id": "b" * 24, "external_user_id": "cust-1"})

    assert the_call(event, identity="user_id")["identity"] == "b" * 24
    assert the_call(event, identity=lambda e: f"x-{e.id}")["identity"] == "x-e1"


def test_a_typo_in_an_option_is_an_error_at_once() -> None:
    """Wiring fails, not streaming."""
    with pytest.raises(ValueError, match="identity must be"):
        bh.Transformer(identity="userid")  # type: ignore[arg-type]


def test_kept_personal_data_is_sent() -> None:
    """``user_id`` has another name in Heap, where it means something else."""
    call = the_call(
        an_event(user={"user_id": "b1", "external_user_id": "cust-1"}),
        personal_data="keep",
    )

    assert call["properties"] == {
        "external_user_id": "cust-1",
        "link_alias": "hero",
        "email_address": "a@example.com",
        "event_type": CLICK,
        "channel": "email",
        "action": "click",
        "braze_user_id": "b1",
    }


def transformer_with(mapper: Callable[[Any], Any]) -> bh.Transformer:
    return bh.Transformer(bh.DEFAULT_MAPPERS.override(EmailClick, mapper))


def test_a_mapper_that_raises_rejects_its_event_alone_and_is_named() -> None:
    """The text of the exception is not repeated: it may quote personal data."""

    def broken(event: EmailClick) -> bh.HeapEvent:
        raise KeyError(event.link_alias)

    events = [an_event(), an_event(event_type="users.messages.email.Open", id="e2")]
    result = transformer_with(broken).transform(events)

    (rejected,) = result.rejected
    assert rejected.reason == "mapper_error"
    assert rejected.raw == events[0]
    assert "broken" in rejected.detail
    assert "hero" not in rejected.detail
    assert len(result.calls) == 1


@pytest.mark.parametrize(
    "returned", [5, "text", [None], object(), bh.HeapEvent("", {}), {"a": 1}]
)
def test_a_mapper_that_returns_nonsense_rejects_its_event(returned: Any) -> None:
    """What is no payload is a fault of the mapper."""
    result = transformer_with(lambda event: returned).transform(an_event())

    assert [r.reason for r in result.rejected] == ["mapper_error"]


def test_a_mapper_may_say_nothing_or_several_things() -> None:
    """Each call has a key of its own; nothing said is skipped."""
    both = [bh.HeapEvent("A"), bh.HeapEvent("B"), bh.HeapUserProperties({"c": True})]

    nothing = transformer_with(lambda event: None).transform(an_event())
    several = transformer_with(lambda event: both).transform(an_event())

    assert [s.reason for s in nothing.skipped] == ["not_mapped"]
    assert [call.to_dict() for call in several.calls] == [
        {
            "event": "A",
            "identity": "cust-1",
            "timestamp": "2025-11-23T12:13:20+00:00",
            "idempotency_key": "e1",
            "properties": {},
        },
        {
            "event": "B",
            "identity": "cust-1",
            "timestamp": "2025-11-23T12:13:20+00:00",
            "idempotency_key": "e1:2",
            "properties": {},
        },
        {"identity": "cust-1", "properties": {"c": "true"}},
    ]
    assert several.origins == [an_event()] * 3


def test_no_mapper_sees_personal_data() -> None:
    """What the policy takes away cannot be sent by mistake."""
    seen = []
    transformer_with(lambda event: seen.append(event)).transform(an_event())

    assert seen[0].email_address is None
    assert seen[0].external_user_id is None


def test_typed_events_are_left_as_they_are() -> None:
    """The caller's events are not changed by policies."""
    event = bh.parse_event(an_event())
    before = copy.deepcopy(event)

    bh.Transformer().transform([event])

    assert event == before


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "x" * 1023,
        "x" * 1024,
        "é" * 1023,
        "🎉" * 511,
        "🎉" * 512,
        "a\0",
        "\ud800",
    ]
    + ["\ud83d\ude00", "", " "],
    ids=ascii,
)
def test_a_text_is_made_legal_in_every_form_of_an_event(text: str) -> None:
    """A raw event and the typed one give the same property."""
    event = an_event(properties={"link_alias": text, "is_amp": None, "ip_pool": "é"})

    (first,) = bh.Transformer().transform(bh.parse_event(event)).calls
    (second,) = bh.Transformer().transform(event).calls

    assert first.to_dict()["properties"] == second.to_dict()["properties"]
    assert_legal(second)


@given(batches())
@settings(max_examples=100)
def test_every_event_is_counted_once_and_every_call_is_legal(
    batch: dict[str, Any],
) -> None:
    """received == mapped + skipped + rejected, whatever comes."""
    result = bh.Transformer().transform(batch)

    assert result.received == len(batch["events"])
    assert result.mapped >= 0
    for call in result.calls:
        assert_legal(call)


@given(json_values())
@settings(max_examples=150)
def test_no_json_value_makes_transform_raise(value: Any) -> None:
    """Any JSON is mapped, skipped or rejected."""
    for source in (value, [value], {"events": value}, json.dumps(value)):
        for call in bh.Transformer().transform(source).calls:
            assert_legal(call)


@pytest.mark.parametrize("key", [5, None, ("a",), b"a"])
def test_keys_that_are_no_texts_reject_their_event_alone(key: Any) -> None:
    """No JSON holds such an event, but a caller may."""
    odd = an_event(id="e2", properties={key: "x"})

    result = bh.Transformer().transform([an_event(), odd, an_event(id="e3")])

    assert [r.reason for r in result.rejected] == ["internal_error"]
    assert len(result.calls) == 2


@given(batches(), st.data())
@settings(max_examples=50)
def test_how_a_batch_is_split_makes_no_difference(
    batch: dict[str, Any], data: st.DataObject
) -> None:
    """Two halves give the calls of the whole, where ids are told apart."""
    unique = list({json.dumps(e, sort_keys=True): e for e in batch["events"]}.values())
    at = data.draw(st.integers(0, len(unique)))
    transform = bh.Transformer().transform

    whole = transform(unique)
    halves = transform(unique[:at]).calls + transform(unique[at:]).calls

    conflicts = [r for r in whole.rejected if r.reason == "duplicate_id_conflict"]
    if not conflicts and not whole.repeated:
        assert whole.calls == halves


@for_each("event_type", sorted(bh.EVENT_TYPES))
def test_every_type_becomes_a_legal_call_or_names_nobody(event_type: str) -> None:
    """A complete event of each type is tracked under its display name."""
    result = bh.Transformer().transform(make_raw(event_type))

    assert not result.rejected
    for call in result.calls:
        assert_legal(call)
    tracked = [call.event for call in result.calls if isinstance(call, bh.Track)]
    if event_type != CustomEvent.event_type and not result.skipped:
        assert tracked == [f"Braze {bh.EVENT_TYPES[event_type].display_name}"]


def test_a_rule_for_a_group_covers_its_events() -> None:
    """A rule for anything with a campaign concerns clicks and opens alike."""
    mappers = bh.MapperRegistry().add(HasCampaign, lambda e: bh.HeapEvent("Campaign"))
    push = an_event(event_type=PushOpen.event_type, id="e2")

    result = bh.Transformer(mappers).transform([an_event(), push])

    assert [call.to_dict()["event"] for call in result.calls] == ["Campaign"] * 2


@pytest.mark.parametrize("number", [290, 310, 2_000])
@pytest.mark.parametrize("depth", [1, 2])
def test_no_call_has_more_properties_than_a_call_has_room_for(number, depth):
    """An event with very many properties is truncated to 1,000, and that is counted."""
    event = make_raw("users.behaviors.CustomEvent")
    inner = {f"name {index}": index for index in range(number)}
    event["properties"]["custom_properties"] = inner if depth == 1 else {"in": inner}
    transformer = bh.Transformer()

    results = [transformer.transform([event]) for _ in range(2)]
    long = bh.Transformer(local_time=True, fixed_properties={}).transform([event])

    sizes = [len(result.calls[0].properties) for result in results]
    assert sizes[0] == sizes[1] == min(1_000, number + 12)
    assert results[0].adjustments["too_many"] == max(0, number + 12 - 1_000)
    assert len(long.calls[0].properties) <= 1_000


def test_colliding_names_take_no_time():
    """Thousands of long names that are cut to the same get numbers, in linear time."""
    event = make_raw("users.behaviors.CustomEvent")
    names = {f"{'x' * 1_100}{index}": index for index in range(900)}
    event["properties"]["custom_properties"] = names

    (call,) = bh.Transformer().transform([event]).calls

    assert len(call.properties) == 912
    assert max(map(len, call.properties)) <= 1_023


def test_a_text_that_is_a_path_is_explained() -> None:
    """It is unreadable, as any other text, and the detail says how to read a file."""
    result = bh.Transformer().transform("currents/events.jsonl")

    (rejected,) = result.rejected
    assert rejected.reason == bh.Reason.UNREADABLE
    assert "write read_events(Path(...))" in rejected.detail
    assert "currents" not in rejected.detail


def test_a_conflict_of_ids_points_out_braze_s_samples() -> None:
    """Whoever tries the test samples learns why all but one are rejected."""
    event = make_raw("users.messages.email.Click")
    result = bh.Transformer().transform([event, event | {"time": 1763900001}])

    (rejected,) = result.rejected
    assert "samples that Braze publishes share one id" in rejected.detail


def test_a_numeric_id_is_the_key_as_text() -> None:
    """In a batch as bytes, as text and decoded alike."""
    event = make_raw("users.messages.email.Click") | {"id": 2**53 + 1}
    batch = {"events": [event]}
    sources = [json.dumps(batch).encode(), json.dumps(batch), batch, [event]]

    results = [bh.Transformer().transform(source) for source in sources]

    assert [r.calls[0].idempotency_key for r in results] == ["9007199254740993"] * 4


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"id": 5}, {"id": "5"}),
        ({"id": "5"}, {"id": 5}),
        ({"id": 5.0}, {"id": 5}),
        ({"time": 1763900000}, {"time": "1763900000"}),
        ({"time": 1763900000}, {"time": 1763900000.0}),
        ({"more": math.nan}, {"more": math.nan}),
        ({"more": [1, {"a": 2.0}]}, {"more": [1.0, {"a": 2}]}),
    ],
)
def test_a_repeat_may_be_written_in_another_way(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """The same event is delivered once, and its repeat counts with it."""
    sink = bh.MemorySink()
    pipeline = bh.Pipeline(bh.Transformer(), sink, bh.DISCARD)

    report = pipeline.run([an_event(**first), an_event(**second)])

    assert (report.delivered, report.repeated, len(sink.calls)) == (2, 1, 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *((1, True), (0, False), ([1], [True]), ({"a": 1}, {"a": True}), (1, 2)),
        *(("a", ["a"]), (["a"], "a"), ([1], 1), ([1], [1, 2]), ({"a": 1}, [["a", 1]])),
        *(({"a": 1}, {"b": 1}), ({"a": None}, {})),
    ],
)
def test_another_content_under_one_id_is_a_conflict(first: Any, second: Any) -> None:
    """Python takes true for 1; JSON does not."""
    batch = [an_event(more=first), an_event(more=second)]

    assert the_rejection(batch).reason == bh.Reason.DUPLICATE_ID_CONFLICT


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_a_body_is_any_kind_of_bytes(make: Callable[[bytes], Any]) -> None:
    """A bytearray is a body, not a list of numbers."""
    body = make(json.dumps({"events": [an_event(), an_event()]}).encode())

    report = bh.Pipeline(bh.Transformer(), bh.MemorySink(), bh.DISCARD).run(body)

    assert (report.received, report.delivered) == (2, 2)


@pytest.mark.parametrize(
    "wrap", [lambda e: e, lambda e: [e], lambda e: MappingProxyType({"events": [e]})]
)
def test_an_event_is_any_mapping(wrap: Callable[[Any], Any]) -> None:
    event = MappingProxyType(an_event())

    report = bh.Pipeline(bh.Transformer(), bh.MemorySink(), bh.DISCARD).run(wrap(event))

    assert (report.received, report.delivered) == (1, 1)


@pytest.mark.parametrize("data", [gzip.compress(b"{}", mtime=0), b"Obj\x01avro"])
def test_the_bytes_of_a_file_are_told_where_to_go(data: bytes) -> None:
    """Gzip and Avro are formats of files."""
    assert "use read_events" in the_rejection(data).detail


def test_repr_of_a_result_shows_no_event() -> None:
    """Neither does the repr of its origins, which are whole events."""
    body = json.dumps(
        {"events": [make_raw(EmailClick, url="https://a.example/c4n4ry")]}
    )
    result = bh.Transformer().transform(body)

    assert "c4n4ry" in str(result.origins[0])
    assert "c4n4ry" not in repr(result)
    assert repr(result.origins) == "<1 origins>"
