"""From decoded events to typed ones: nothing converted, nothing lost."""

import copy
import json
import math
import struct
import subprocess
import sys
from datetime import datetime
from decimal import Decimal

import attrs
import cattrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braze_heap import EventError, Reason, UnknownEvent, parse_event
from braze_heap.events import (
    EVENT_TYPES,
    CurrentsEvent,
    CustomEvent,
    EmailClick,
    EmailOpen,
    EmailSend,
    HasCampaign,
    Location,
    ProfileUpdate,
    Purchase,
    RcsInboundReceive,
    SessionEnd,
    SmsInboundReceive,
    SurveyResponse,
    ToolInvocation,
    event_fields,
)
from braze_heap.parsing import YEAR_2100, configure_converter, make_converter
from braze_heap.testing import make_event, make_raw
from braze_heap.testing.strategies import events, json_values, raw_events
from tests.support.for_each import for_each
from tests.support.strategies import odd_raw_events

CLICK = "users.messages.email.Click"
TIME = 1_767_225_600
CANARY = "canary-7f3a"

ODD = {"nulls": True, "unknown_fields": True, "invalid": True}
"""How odd raw events can be drawn."""

every_type = for_each("event_type", sorted(EVENT_TYPES))


def http(event_type=CLICK, **parts):
    """Build an event in the HTTP form; what is set to ``...`` is left out."""
    raw = {
        "event_type": event_type,
        "id": "event-1",
        "time": TIME,
        "user": {},
        "properties": {},
        **parts,
    }
    return {name: part for name, part in raw.items() if part is not ...}


def problems_of(raw, **options):
    """Return what ``strict=True`` has to say against *raw*."""
    with pytest.raises(EventError) as raised:
        parse_event(raw, strict=True, **options)
    return raised.value.problems


def carried_by_all_forms(cls):
    """Name the fields that each wire form has."""
    fields = event_fields(cls).values()
    carried = [f.name for f in fields if f.http and f.storage]
    return carried or [f.name for f in fields]


def forms_of(event):
    """Write *event* in the three wire forms, with the fields that all of them carry."""
    names = carried_by_all_forms(type(event))
    fields = {n: v for n, v in vars(event).items() if n in names}
    return [
        make_raw(type(event), form=form, only=(), **fields)
        for form in ("http", "storage", "union")
    ]


def outcome_of(raw):
    """Return the event that *raw* is, or the reason why it is none."""
    try:
        return parse_event(raw)
    except EventError as error:
        return error.reason


# --- Round trip -----------------------------------------------------------------------


@every_type
def test_full_events_are_valid(event_type):
    """An event with every field set is read without a invalid, and none is left out."""
    event = parse_event(make_raw(event_type), strict=True)
    carried = {n for n, f in event_fields(type(event)).items() if f.http}

    assert type(event) is EVENT_TYPES[event_type]
    assert {n for n, value in vars(event).items() if value is not None} >= carried
    assert not event.extra


@every_type
def test_full_events_survive_the_round_trip(event_type):
    """``to_raw`` gives an event in the HTTP form back as it came."""
    raw = make_raw(event_type)

    assert raw == parse_event(raw).to_raw()


@every_type
@for_each("form", ["http", "storage", "union"])
def test_every_type_has_the_keys_of_user_in_every_wire_form(event_type, form):
    """
    They are typed fields, whether Braze documents them for the type or not, and
    ``to_raw`` puts them into ``user``.
    """
    keys = {
        "user_id": "0123456789abcdef01234567",
        "external_user_id": "somebody",
        "device_id": "device-1",
        "timezone": "Europe/Paris",
    }
    raw = make_raw(event_type, form=form, **keys)
    event = parse_event(raw, event_type=event_type, strict=True)

    assert keys == {name: getattr(event, name) for name in keys}
    assert not event.extra
    assert keys == event.to_raw()["user"]
    assert event == parse_event(event.to_raw())


@every_type
def test_parsing_does_not_change_the_raw_event(event_type):
    """Reading does not change what is read."""
    raw = make_raw(event_type) | {"new": {"a": [1]}}
    before = copy.deepcopy(raw)
    parse_event(raw).to_raw()

    assert before == raw


@given(raw_events())
def test_http_events_come_back_as_they_came(raw):
    """``to_raw`` is the inverse of reading, to the last field and value."""
    assert raw == parse_event(raw, strict=True).to_raw()


@given(odd_raw_events(unknown_fields=True, invalid=True))
def test_invalid_events_are_returned_unchanged(raw):
    """Unknown fields and invalid come back at the place where they stood."""
    assert raw == parse_event(raw).to_raw()


@every_type
@settings(max_examples=2)
@given(data=st.data())
def test_parsing_the_raw_form_gives_an_equal_event(event_type, data):
    """parse, to_raw, parse is the identity for every type, also with nulls."""
    event = parse_event(data.draw(odd_raw_events(event_type, **ODD)))

    assert event == parse_event(event.to_raw())


@given(st.data(), st.sampled_from(sorted(EVENT_TYPES)))
def test_stored_events_survive_the_round_trip(data, event_type):
    """A storage record becomes an equal event again through the HTTP form."""
    form = data.draw(st.sampled_from(["storage", "union"]))
    record = data.draw(odd_raw_events(event_type, form=form, **ODD))
    event = parse_event(record, event_type=event_type)

    assert event == parse_event(event.to_raw())


@given(events())
def test_events_made_by_hand_survive_the_round_trip(event):
    """An event that was made in code is read back from its HTTP form."""
    assert event == parse_event(event.to_raw(), strict=True)


@given(odd_raw_events(nulls=True))
def test_null_is_absent(raw):
    """A null field is one that is not there, never an unknown or a invalid."""
    without_nulls = raw | {
        part: {n: v for n, v in raw[part].items() if v is not None}
        for part in ("user", "properties")
    }

    assert parse_event(without_nulls, strict=True) == parse_event(raw, strict=True)


# --- Three forms ----------------------------------------------------------------------


@every_type
def test_forms_of_a_full_event_are_equal(event_type):
    """An event is the same, whichever form brought it."""
    cls = EVENT_TYPES[event_type]
    names = carried_by_all_forms(cls)
    http_event, stored, union = (
        parse_event(make_raw(cls, form=form, only=names), event_type=event_type)
        for form in ("http", "storage", "union")
    )

    assert http_event == stored == union


@every_type
@settings(max_examples=2)
@given(data=st.data())
def test_forms_are_equal(event_type, data):
    """Any event of any type is the same, whichever form brought it."""
    event = data.draw(events(EVENT_TYPES[event_type]))
    http_event, stored, union = (
        parse_event(raw, event_type=event_type, strict=True) for raw in forms_of(event)
    )

    assert http_event == stored == union


@every_type
def test_stored_events_may_have_gained_their_type(event_type):
    """A storage record with its type beside its fields is still a storage record."""
    record = make_raw(event_type, form="storage")
    expected = parse_event(record, event_type=event_type)

    assert expected == parse_event(record | {"event_type": event_type})


def test_flat_event_without_a_user_may_have_gained_its_type():
    """So is one whose type has no user that could give it away."""
    record = {"event_type": "agentconsole.ToolInvocation", "id": "a", "time": 1}
    event = parse_event(record | {"tool_name": "search"})

    assert ToolInvocation(id="a", time=1, tool_name="search") == event


def test_custom_properties_in_a_union_are_read():
    """
    Should Braze make ``properties`` optional, its union is seen through as any other.
    """
    record = make_raw(CustomEvent, form="storage", only=("name", "custom_properties"))
    union = record | {"properties": {"string": record["properties"]}}
    event_type = CustomEvent.event_type

    assert parse_event(record, event_type=event_type) == parse_event(
        union, event_type=event_type
    )


def test_renamed_fields_are_read_under_both_names():
    """A flat record may use the names of the HTTP form."""
    event = make_event(CustomEvent, custom_properties={"a": 1})
    flat = {"id": event.id, "time": event.time, "user_id": event.user_id}
    flat["external_user_id"] = event.external_user_id
    flat["custom_properties"] = {"a": 1}

    assert event == parse_event(flat, event_type=CustomEvent.event_type)


def test_nothing_is_lost_when_a_field_comes_under_both_names():
    """A record with a field under both of its names keeps both values."""
    flat = {"id": "a", "time": 1, "properties": '{"one": 1}'}
    flat["custom_properties"] = '{"other": 2}'
    written = json.dumps(parse_event(flat, event_type=CustomEvent.event_type).to_raw())

    assert all(name in written for name in ("one", "other"))


@pytest.mark.parametrize(
    "branch", ["string", "int", "long", "float", "double", "boolean", "array", "map"]
)
def test_custom_properties_that_look_like_unions_stay(branch):
    """
    Over HTTP an object is an object, also with the name of an Avro type as its key.
    """
    properties = {branch: "x"}
    raw = http(CustomEvent.event_type, properties={"custom_properties": properties})

    assert properties == parse_event(raw, strict=True).custom_properties


def test_stored_custom_properties_that_look_like_unions_stay():
    """Custom properties are their owner's, in JSON text too."""
    record = make_raw(CustomEvent, form="union", custom_properties={"string": "x"})
    event = parse_event(record, event_type=CustomEvent.event_type)

    assert event.custom_properties == {"string": "x"}


def test_unknown_http_fields_that_look_like_unions_stay():
    """An unknown property over HTTP is kept as it is."""
    raw = http(properties={"new": {"string": "x"}})

    assert parse_event(raw).extra == {"new": {"string": "x"}}


def test_texts_over_http_are_not_unions():
    """A union where the HTTP form has a text is a invalid."""
    event = parse_event(http(properties={"link_alias": {"string": "hero"}}))

    assert (event.link_alias, event.extra) == (None, {"link_alias": {"string": "hero"}})


@pytest.mark.parametrize(
    "stored",
    [
        ["a", None, "b"],
        {"array": ["a", None, "b"]},
        {"array": [{"string": "a"}, None, {"string": "b"}]},
    ],
    ids=["bare", "union", "union of unions"],
)
def test_nullable_items_are_read_in_each_form(stored):
    """Arrays whose items may be null are read from storage records of either kind."""
    record = {"id": "a", "time": 1, "user_id": "u", "media_urls": stored}
    event = parse_event(record, event_type=SmsInboundReceive.event_type, strict=True)

    assert event.media_urls == ["a", None, "b"]


def test_null_items_are_invalid_where_the_facts_know_none():
    """An array whose items are never null is a invalid with one."""
    reasons = ["user_agent", None]
    event = parse_event(http(properties={"suspected_bot_click_reason": reasons}))

    assert {"suspected_bot_click_reason": reasons} == event.extra


# --- Exact types ----------------------------------------------------------------------

MISFITS = [
    (EmailClick, "link_alias", 5),
    (EmailClick, "link_alias", True),
    (EmailClick, "link_alias", ["hero"]),
    (EmailClick, "link_alias", {"a": 1}),
    (EmailClick, "send_time", "5"),
    (EmailClick, "send_time", 5.0),
    (EmailClick, "send_time", True),
    (EmailClick, "is_amp", "false"),
    (EmailClick, "is_amp", 0),
    (EmailClick, "is_amp", 1),
    (EmailClick, "suspected_bot_click_reason", "user_agent"),
    (EmailClick, "suspected_bot_click_reason", [5]),
    (EmailClick, "suspected_bot_click_reason", {"0": "user_agent"}),
    (EmailOpen, "machine_open", True),
    (EmailSend, "message_extras", {"a": 1}),
    (Purchase, "price", "3.14"),
    (Purchase, "price", True),
    (SurveyResponse, "answer_single_number", "5"),
    (SurveyResponse, "answer_single_number", False),
    (CustomEvent, "custom_properties", [1]),
    (CustomEvent, "custom_properties", 5),
    (CustomEvent, "custom_properties", "no JSON"),
    (CustomEvent, "custom_properties", "[1]"),
    (CustomEvent, "custom_properties", "null"),
    (RcsInboundReceive, "media_urls", ["a", 5]),
]


@for_each(("cls", "name", "value"), MISFITS)
def test_nothing_is_converted(cls, name, value):
    """A value of another type than the field's is kept in ``extra``, as it is."""
    event = parse_event(http(cls.event_type, properties={name: value}))

    assert (None, {name: value}) == (getattr(event, name), event.extra)
    assert type(value) is type(event.extra[name])


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        (EmailClick, "link_alias", ""),
        (EmailClick, "link_alias", "[REDACTED]"),
        (EmailClick, "send_time", 0),
        (EmailClick, "send_time", -(2**63)),
        (EmailClick, "is_amp", False),
        (EmailClick, "suspected_bot_click_reason", []),
        (EmailSend, "message_extras", '{"cut": "here'),
        (Purchase, "price", 3),
        (Purchase, "price", 3.14),
        (SurveyResponse, "answer_single_number", 5),
        (CustomEvent, "custom_properties", {}),
    ],
)
def test_unusual_values_of_the_right_type_are_valid(cls, name, value):
    """Braze promises types, not contents: whatever has the type is taken as it is."""
    event = parse_event(http(cls.event_type, properties={name: value}), strict=True)

    assert value == getattr(event, name)
    assert type(value) is type(getattr(event, name))


@pytest.mark.parametrize("cls", [CustomEvent, Purchase, ProfileUpdate])
def test_json_text_is_decoded_for_object_fields(cls):
    """An object that comes as JSON text, as in storage records, is read."""
    (name,) = (n for n, f in event_fields(cls).items() if f.kind == "json object")
    raw = http(cls.event_type, properties={name: '{"a": {"b": [1, null]}}'})

    assert getattr(parse_event(raw, strict=True), name) == {"a": {"b": [1, None]}}


@given(odd_raw_events(invalid=True))
def test_typed_fields_never_lie(raw):
    """Each value is either in its field, with the field's type, or in ``extra``."""
    classes = {
        "string": (str,),
        "json text": (str,),
        "int": (int,),
        "boolean": (bool,),
        "float": (int, float),
        "double": (int, float),
        "array<string>": (list,),
        "json object": (dict,),
    }
    event = parse_event(raw)
    kinds = {n: f.kind for n, f in event_fields(type(event)).items()}
    liars = {
        name
        for name, value in vars(event).items()
        if name != "extra" and type(value) not in classes[kinds[name]]
    }

    assert set() == liars


@given(odd_raw_events(invalid=True))
def test_strict_names_every_invalid_value(raw):
    """The paths of the problems are those of the invalid, all of them, no others."""
    lenient = parse_event(raw)
    places = {n: f.place for n, f in event_fields(type(lenient)).items()}
    names = [key.rpartition("/")[2] for key in lenient.extra]
    expected = {f"{places[name]}.{name}" for name in names}

    found = {p.path for p in problems_of(raw)} if expected else set()

    assert expected == found


def test_strict_names_every_invalid_value_with_its_type():
    """One error lists all invalid: where, what is there, what should be there."""
    raw = http(user={"timezone": 5}, properties={"is_amp": "no", "link_alias": []})
    expected = [
        "user.timezone is a number (int), not string",
        "properties.is_amp is text, not boolean",
        "properties.link_alias is a list, not string",
    ]

    assert expected == [str(problem) for problem in problems_of(raw)]


def test_strict_names_envelope_and_fields_at_once():
    """A flawed id or time does not hide the other flaws, nor they it."""
    raw = http(id=5, time="1700000000", properties={"link_alias": 5})

    assert {"id", "time", "properties.link_alias"} == {
        problem.path for problem in problems_of(raw)
    }


def test_strict_takes_unknown_fields():
    """Unknown fields are not flaws."""
    raw = http(properties={"new": 1}, user={"new": 2}, new=3)

    assert parse_event(raw, strict=True).extra == {"new": 1, "/user/new": 2, "/new": 3}


def test_strict_takes_unknown_types():
    """Unknown types are not flaws."""
    raw = http("users.messages.pigeon.Send", properties={"ring": 5})

    assert UnknownEvent is type(parse_event(raw, strict=True))


@for_each("strict", [True, False])
@every_type
def test_errors_never_show_values(event_type, strict):
    """An error has path and kind, never the value, because it may be personal data."""
    cls = EVENT_TYPES[event_type]
    invalid = {n: {CANARY: [CANARY]} for n in event_fields(cls)} | {"time": CANARY}

    with pytest.raises(EventError) as raised:
        parse_event(make_raw(cls, **invalid), strict=strict)

    assert CANARY not in f"{raised.value} {raised.value!r}"


def test_errors_of_the_envelope_never_show_values():
    """Nor does an error about an event that cannot be one."""
    raw = http([CANARY], id=[CANARY], time=[CANARY], user=CANARY, properties=[CANARY])

    assert CANARY not in repr(problems_of(raw))


# --- What is unknown ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "extra"),
    [
        (http(properties={"new": 1}), {"new": 1}),
        (http(user={"new": 1}), {"/user/new": 1}),
        (http(new=1), {"/new": 1}),
        (http(properties={"new": None}), {"new": None}),
        (http(properties={"": 1}), {"": 1}),
        (http(user={"": 1}), {"/user/": 1}),
        ({**http(), "": 1}, {"/": 1}),
        (http(properties={"/user/new": 1}), {"/properties/~1user~1new": 1}),
        (http(properties={"~/": 1}), {"~/": 1}),
        (http(user={"~/": 1}), {"/user/~0~1": 1}),
        (http(properties={"user_id": "u"}), {"user_id": "u"}),
        (http(user={"link_alias": "a"}), {"/user/link_alias": "a"}),
        (http(link_alias="a"), {"/link_alias": "a"}),
        (http(properties={"id": 1}), {"id": 1}),
        (http(properties={"extra": 1}), {"extra": 1}),
        (http(extra={"a": 1}), {"/extra": {"a": 1}}),
        (http(user={"event_type": 1}), {"/user/event_type": 1}),
        (http(properties={"__class__": 1}), {"__class__": 1}),
        (http(properties={"to_raw": 1}), {"to_raw": 1}),
    ],
)
def test_unknown_fields_are_kept(raw, extra):
    """Properties are kept under their name, all else under its JSON Pointer."""
    event = parse_event(raw)

    assert extra == event.extra
    assert raw == event.to_raw()


@pytest.mark.parametrize("given_type", [None, CLICK])
@pytest.mark.parametrize("missing", ["event_type", "user", "properties", "id"])
def test_unknown_fields_are_kept_in_incomplete_events(missing, given_type):
    """A field more does not make up for an envelope with a field less."""
    raw = http(new=1, **{missing: ...})
    event = parse_event(
        raw, event_type=CLICK if missing == "event_type" else given_type
    )

    assert event.extra == {"/new": 1}


def test_an_event_with_properties_is_not_a_storage_record():
    """A column beside them, and no user, do not make it one."""
    event = parse_event(http(user=..., link_alias="beside"))

    assert event.extra == {"/link_alias": "beside"}


def test_unknown_types_are_values():
    """An event of an unknown type keeps all it has."""
    raw = http(
        "users.messages.pigeon.Send",
        user={"user_id": "u", "external_user_id": "x", "timezone": "UTC", "new": 1},
        properties={"ring": {"number": 5}},
    )
    event = parse_event(raw)
    expected = UnknownEvent(
        event_type="users.messages.pigeon.Send",
        id="event-1",
        time=TIME,
        user_id="u",
        external_user_id="x",
        timezone="UTC",
        extra={"ring": {"number": 5}, "/user/new": 1},
    )

    assert expected == event
    assert raw == event.to_raw()


def test_stored_events_of_unknown_types_are_values():
    """A flat record of an unknown type is read too, its unions seen through."""
    record = {"id": "a", "time": 1, "user_id": "u", "ring": {"string": "r"}}
    event = parse_event(record, event_type="users.messages.pigeon.Send")

    assert (event.user_id, event.extra) == ("u", {"ring": "r"})


@given(json_values().filter(lambda value: isinstance(value, dict)), st.text(min_size=1))
def test_unknown_events_are_returned_unchanged(properties, name):
    """Properties of an unknown type come back as they came."""
    raw = http(f"users.{name}", properties=properties)

    assert raw == parse_event(raw).to_raw()


def test_type_in_the_event_wins():
    """An event that carries its type is read as what it says it is."""
    event = parse_event(http(), event_type="users.messages.email.Open")

    assert EmailClick is type(event)


@for_each(
    ("raw", "reason", "path"),
    [
        (None, Reason.NOT_AN_OBJECT, ""),
        (5, Reason.NOT_AN_OBJECT, ""),
        ("event", Reason.NOT_AN_OBJECT, ""),
        ([http()], Reason.NOT_AN_OBJECT, ""),
        ({}, Reason.BAD_EVENT_TYPE, "event_type"),
        (http(...), Reason.BAD_EVENT_TYPE, "event_type"),
        (http(None), Reason.BAD_EVENT_TYPE, "event_type"),
        (http(5), Reason.BAD_EVENT_TYPE, "event_type"),
        (http([]), Reason.BAD_EVENT_TYPE, "event_type"),
        (http({}), Reason.BAD_EVENT_TYPE, "event_type"),
        (http(""), Reason.BAD_EVENT_TYPE, "event_type"),
        (http(" \t"), Reason.BAD_EVENT_TYPE, "event_type"),
        (http("x" * 1024), Reason.BAD_EVENT_TYPE, "event_type"),
        (http("\U0001f600" * 512), Reason.BAD_EVENT_TYPE, "event_type"),
        (http(user=[]), Reason.BAD_USER, "user"),
        (http(user="u"), Reason.BAD_USER, "user"),
        (http(user=0), Reason.BAD_USER, "user"),
        (http(properties=[]), Reason.BAD_PROPERTIES, "properties"),
        (http(properties=False), Reason.BAD_PROPERTIES, "properties"),
        (http(time=...), Reason.BAD_TIME, "time"),
        (http(time=None), Reason.BAD_TIME, "time"),
    ],
)
def test_values_that_are_not_events_are_rejected(raw, reason, path):
    """An unusable event is an error with a reason for reports."""
    with pytest.raises(EventError) as raised:
        parse_event(raw)

    assert (reason, path) == (raised.value.reason, raised.value.problems[0].path)


@pytest.mark.parametrize("event_type", ["x" * 1023, "\U0001f600" * 511, "\ud800", "\0"])
def test_unusual_event_types_are_types(event_type):
    """Any other text is the name of a type that may come one day."""
    assert event_type == parse_event(http(event_type)).event_type


@pytest.mark.parametrize("part", ["user", "properties"])
@pytest.mark.parametrize("nothing", [..., None])
def test_missing_parts_are_empty(part, nothing):
    """An event without user or properties is one with empty ones."""
    assert parse_event(http()) == parse_event(http(**{part: nothing}))


@given(json_values())
def test_any_value_is_parsed_or_rejected(value):
    """No JSON value does more than be refused."""
    assert isinstance(outcome_of(value), Reason | CurrentsEvent)


@pytest.mark.parametrize(
    "part", ["event_type", "id", "time", "user", "properties", "new", "link_alias"]
)
@settings(max_examples=25)
@given(value=json_values())
def test_any_envelope_is_parsed_or_rejected(part, value):
    """Whatever stands at a place of the envelope, the event is read or refused."""
    assert isinstance(outcome_of(http(**{part: value})), Reason | CurrentsEvent)


# --- Ids ------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [..., None, ""])
def test_missing_ids_are_made_from_the_content(nothing):
    """An event without an id gets a SHA-256 of what it says."""
    event = parse_event(http(id=nothing))

    assert event.id == parse_event(http(id=nothing)).id
    assert len(event.id) == len(bytes.fromhex(event.id).hex()) == 64


def test_generated_ids_differ_by_content():
    """Events with different contents get different ids."""
    raws = [
        http(id=...),
        http(id=..., time=TIME + 1),
        http(id=..., properties={"link_alias": "a"}),
        http(id=..., properties={"link_alias": "b"}),
        http(id=..., user={"link_alias": "a"}),
        http(EmailOpen.event_type, id=...),
    ]

    assert len(raws) == len({parse_event(raw).id for raw in raws})


def test_made_ids_do_not_depend_on_order():
    """Braze may write the same event with its keys in another order."""
    properties = {"link_alias": "a", "url": "u"}
    turned = dict(reversed(properties.items()))
    ids = {parse_event(http(id=..., properties=p)).id for p in (properties, turned)}

    assert len(ids) == 1


@pytest.mark.parametrize("odd", [5, 1.5, True, ["a"], {"a": 1}])
def test_invalid_ids_are_kept(odd):
    """An invalid id is kept in ``extra``, beside the generated one."""
    raw = http(id=odd)
    event = parse_event(raw)

    assert {"/id": odd} == event.extra
    assert raw == event.to_raw()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (5, "5"),
        (0, "0"),
        (-7, "-7"),
        (5.0, "5"),
        (1.5, "1.5"),
        (2**53 + 1, "9007199254740993"),
        (2**70, "1180591620717411303424"),
    ],
)
def test_numeric_ids_are_their_decimal_text(number, text):
    """A number identifies an event as its digits do, whatever its size."""
    assert text == parse_event(http(id=number)).id


@pytest.mark.parametrize("odd", [True, False, 1e300, math.nan, 2**5_000, [5], {"a": 1}])
def test_useless_ids_are_replaced_by_a_digest_of_the_content(odd):
    """A boolean, and a float that two ids may have been rounded to, are not ids."""
    assert len(parse_event(http(id=odd)).id) == 64


@pytest.mark.parametrize("form", ["http", "storage"])
@pytest.mark.parametrize("odd", [5, 1.5, True, None, ["a"], {"a": 1, "b": 2}])
def test_invalid_ids_lose_no_other_field(odd, form):
    """Unknown fields and invalid values are kept beside an invalid id."""
    raw = make_raw("users.messages.email.Click", form=form) | {"id": "a"}
    part = raw["properties"] if form == "http" else raw
    part |= {"new": 1, "newer": {"a": [1]}, "link_alias": 5}
    parsed = [
        parse_event(raw | {"id": given}, event_type="users.messages.email.Click")
        for given in ("a", odd)
    ]
    usual, event = ({**e.extra} for e in parsed)
    event.pop("/id", None)

    assert {"new", "newer", "link_alias"} <= usual.keys()
    assert usual == event


@pytest.mark.parametrize(
    "value", [b"bytes", datetime(2026, 1, 1), Decimal("1.5")], ids=repr
)
def test_ids_are_generated_from_any_decoded_value(value):
    """
    Avro knows values that JSON does not; they do not keep an event from getting an id.
    """
    event = parse_event(http(id=..., properties={"new": value}))

    assert event.id
    assert {"new": value} == event.extra


# --- Times ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (TIME, TIME),
        (1, 1),
        (YEAR_2100 - 1, YEAR_2100 - 1),
        (str(TIME), TIME),
        (f"{TIME}.75", TIME),
        (float(TIME), TIME),
        (TIME + 0.75, TIME),
        (TIME * 10**3 + 999, TIME),
        (TIME * 10**6 + 999_999, TIME),
        (TIME * 10**9 + 999_999_999, TIME),
        (str(TIME * 10**3), TIME),
        (TIME * 1e3, TIME),
        (YEAR_2100 * 10**3 - 1, YEAR_2100 - 1),
    ],
)
def test_times_are_read_in_any_unit(written, seconds):
    """
    Seconds, milli-, micro- and nanoseconds differ by size; digits in text are read.
    """
    assert seconds == parse_event(http(time=written)).time


@pytest.mark.parametrize(
    "written", [str(TIME), TIME + 0.75, TIME * 10**3, TIME * 10**6, float(TIME)]
)
def test_invalid_times_are_kept(written):
    """
    A time that is not a whole number of seconds is kept, and returned by ``to_raw``.
    """
    raw = http(time=written)
    event = parse_event(raw)

    assert {"/time": written} == event.extra
    assert raw == event.to_raw()


@for_each(
    "written",
    [
        0,
        -1,
        -TIME,
        YEAR_2100,
        YEAR_2100 * 10**3,
        YEAR_2100 * 10**6,
        YEAR_2100 * 10**9,
        10**11,
        10**12 - 1,
        253_402_300_799,
        253_402_300_799 * 10**3,
        253_402_300_799 * 10**6,
        10**15 - 1,
        10**18 - 1,
        "253402300799",
        10**30,
        10**400,
        -(10**400),
        1e308,
        math.nan,
        math.inf,
        -math.inf,
        True,
        False,
        "",
        "0",
        "-5",
        "soon",
        "1e9",
        "0x10",
        f" {TIME}",
        f"{TIME}\n",
        "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669",
        "9" * 5_000,
        [],
        {},
        [TIME],
    ],
)
def test_times_out_of_range_are_rejected(written):
    """From 1970 to 2100: anything else is a broken clock."""
    with pytest.raises(EventError) as raised:
        parse_event(http(time=written))

    assert Reason.BAD_TIME is raised.value.reason


@given(st.floats() | st.integers() | st.text() | st.from_regex(r"[0-9.]{1,25}"))
def test_any_time_is_in_range_or_rejected(written):
    """No time gets past the bounds."""
    outcome = outcome_of(http(time=written))

    assert outcome is Reason.BAD_TIME or 0 <= outcome.time < YEAR_2100


def test_milliseconds_replace_a_missing_time():
    """If a type has ``time_ms``, it replaces a missing ``time``."""
    raw = http(
        ProfileUpdate.event_type, time=None, properties={"time_ms": TIME * 1000 + 5}
    )

    assert parse_event(raw).time == TIME


# --- Floats ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", [3.14, 0.1, 19.99, 48.8584, -2.2945, 1e-30, 3.4e38, 16777216.0, 0.0, -0.5]
)
def test_32_bit_numbers_come_back_as_their_shortest_decimal(number):
    """Avro keeps 32 bits of a price: 3.14 comes as 3.140000104904175 and reads 3.14."""
    (widened,) = struct.unpack("f", struct.pack("f", number))
    record = {"id": "a", "time": 1, "user_id": "u", "price": widened}

    assert number == parse_event(record, event_type=Purchase.event_type).price


@given(st.decimals("-99999", "99999", places=1) | st.decimals("-999", "999", places=3))
def test_six_digits_survive_32_bits(decimal):
    """Whatever has at most six digits reads from storage as over HTTP."""
    fields = {"duration": float(decimal)}
    stored = make_raw(SessionEnd, form="storage", only=(), **fields)
    event = parse_event(stored, event_type=SessionEnd.event_type)

    assert parse_event(make_raw(SessionEnd, only=(), **fields)) == event


@given(st.floats(width=32, allow_nan=False))
def test_shortest_decimals_have_the_same_32_bits(number):
    """Shortening changes how a number is written, not which one it is."""
    record = {"id": "a", "time": 1, "user_id": "u", "latitude": number}
    latitude = parse_event(record, event_type=Location.event_type).latitude

    assert struct.pack("f", number) == struct.pack("f", latitude)


def test_64_bit_numbers_are_unchanged():
    """A double from storage is what it is."""
    record = {"id": "a", "time": 1, "user_id": "u"}
    record["answer_single_number"] = 3.140000104904175
    event = parse_event(record, event_type=SurveyResponse.event_type)

    assert event.answer_single_number == 3.140000104904175


def test_numbers_over_http_are_unchanged():
    """Over HTTP a number is written in decimals already."""
    raw = http(Purchase.event_type, properties={"price": 3.140000104904175})

    assert parse_event(raw).price == 3.140000104904175


# --- Small stacks ---------------------------------------------------------------------


@pytest.mark.parametrize("depth", [60, 900, 100_000])
def test_deep_json_text_does_not_end_the_process(depth):
    """JSON text inside a field is bounded like any JSON: a small thread survives it."""
    code = f"""
import threading
from braze_heap import parse_event
raw = {http(CustomEvent.event_type)!r}
text = '{{"a":' * {depth} + "1" + "}}" * {depth}
raw["properties"]["custom_properties"] = text
threading.stack_size(64 * 1024)
thread = threading.Thread(target=parse_event, args=[raw])
thread.start()
thread.join()
print("alive")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert (ran.stdout, ran.stderr) == ("alive\n", "")


# --- Converters of others -------------------------------------------------------------


@attrs.define
class Envelope:
    """A class of somebody else, with an event in it."""

    source: str
    event: EmailClick


def test_any_converter_can_be_configured():
    """
    ``configure_converter`` teaches a converter to read events inside of other classes.
    """
    converter = cattrs.Converter()
    configure_converter(converter)
    raw = make_raw(CLICK)
    envelope = converter.structure({"source": "s", "event": raw}, Envelope)

    assert Envelope("s", parse_event(raw)) == envelope


def test_other_peoples_converters_write_events():
    """They write events in the HTTP form."""
    raw = make_raw(CLICK)

    assert raw == make_converter().unstructure(parse_event(raw))


def test_converters_are_as_exact_as_we_are():
    """A converter that would make text of numbers does not do so in events."""
    event = make_converter().structure(http(properties={"link_alias": 5}), EmailClick)

    assert (event.link_alias, event.extra) == (None, {"link_alias": 5})


def test_converters_can_be_strict():
    """Strictness is one argument away, there too."""
    raw = http(properties={"link_alias": 5})

    with pytest.raises(EventError, match=r"properties\.link_alias"):
        make_converter(strict=True).structure(raw, EmailClick)


@pytest.mark.parametrize("cls", [CurrentsEvent, HasCampaign, EmailClick])
def test_converters_read_bases_and_groups(cls):
    """For a base or a group the event says which class it is of."""
    assert parse_event(http()) == make_converter().structure(http(), cls)


def test_converters_take_the_type_from_the_class():
    """A storage record needs no type where the class gives it."""
    record = make_raw(CLICK, form="storage")

    assert parse_event(record, event_type=CLICK) == make_converter().structure(
        record, EmailClick
    )


def test_converters_reject_events_of_another_class():
    """An open is not a click."""
    with pytest.raises(EventError, match="EmailClick"):
        make_converter().structure(http(EmailOpen.event_type), EmailClick)


def test_events_survive_a_round_trip_through_json():
    """An event that is written as JSON and parsed again is equal."""
    event = parse_event(make_raw("users.behaviors.Purchase"))

    assert event == parse_event(json.loads(json.dumps(event.to_raw())))
