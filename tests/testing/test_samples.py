"""Sample events: plausible, the same each time, and nobody's."""

import json
import re
import subprocess
import sys

import pytest

from braze_heap import EVENT_TYPES, CurrentsEvent, UnknownEvent, parse_event
from braze_heap.events import (
    CustomEvent,
    EmailClick,
    EmailEvent,
    HasCampaign,
    ProfileUpdate,
    Purchase,
    SmsInboundReceive,
    ToolInvocation,
    event_fields,
)
from braze_heap.testing import make_event, make_raw
from braze_heap.testing._samples import EXTERNAL_USER_ID, USER_ID

CLICK = "users.messages.email.Click"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

every_type = pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
every_form = pytest.mark.parametrize("form", ["http", "storage", "union"])


def texts_in(value):
    """Yield every text inside of *value*."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)


# --- make_event -----------------------------------------------------------------------


def test_events_have_an_id_a_time_and_a_user():
    """What every event has is filled, and nothing else."""
    event = make_event(EmailClick)
    expected = EmailClick(
        id=event.id,
        time=1_767_225_600,
        user_id="0123456789abcdef01234567",
        external_user_id="example-user-1",
    )

    assert expected == event


@every_type
def test_events_of_any_type_can_be_made(event_type):
    """Each type can be made without naming a field, also those that know no user."""
    event = make_event(EVENT_TYPES[event_type])

    assert EVENT_TYPES[event_type] is type(event)
    assert UUID.fullmatch(event.id)


def test_events_have_what_is_named():
    """Named fields are set, and overrule what would be filled."""
    event = make_event(EmailClick, id="a", user_id="u", link_alias="hero")

    assert (event.id, event.user_id, event.link_alias) == ("a", "u", "hero")


def test_none_leaves_a_field_out_of_events():
    """An anonymous user is one argument away."""
    assert make_event(EmailClick, external_user_id=None).external_user_id is None


def test_events_of_unknown_types_can_be_made():
    """An unknown event needs its type."""
    event = make_event(UnknownEvent, event_type="users.messages.pigeon.Send")

    assert event.event_type == "users.messages.pigeon.Send"


def test_misspelt_fields_of_events_are_answered_with_a_close_one():
    """A typo in a test is an error, not a field that is missing."""
    with pytest.raises(TypeError, match=r"'link_alis'.*'link_alias'"):
        make_event(EmailClick, link_alis="hero")


@pytest.mark.parametrize(
    ("cls", "field"),
    [
        (EmailClick, {"link_alias": 5}),
        (EmailClick, {"is_amp": "true"}),
        (Purchase, {"price": "3.14"}),
        (CustomEvent, {"custom_properties": []}),
    ],
)
def test_values_of_another_type_are_refused(cls, field):
    """A typed event cannot hold a invalid, so a test cannot make one by mistake."""
    with pytest.raises(TypeError, match=r"holds .*, never .*\. Use make_raw"):
        make_event(cls, **field)


@pytest.mark.parametrize("group", [CurrentsEvent, HasCampaign, EmailEvent])
def test_groups_are_no_events(group):
    """Braze sends no event that is only a group."""
    with pytest.raises(TypeError, match=f"^{group.__name__} is not an event type"):
        make_event(group)


def test_own_classes_can_be_made():
    """A class of your own is made like a shipped one."""

    class PigeonSend(HasCampaign, event_type="users.messages.pigeon.Send"):
        """A pigeon took off."""

        ring: str | None = None

    assert make_event(PigeonSend, ring="r").ring == "r"
    assert make_raw(PigeonSend)["properties"]["ring"] == "Example ring"


# --- make_raw -------------------------------------------------------------------------


@every_form
@every_type
def test_raw_events_are_deterministic(event_type, form):
    """Two calls give equal events, and not the same objects."""
    one, other = make_raw(event_type, form=form), make_raw(event_type, form=form)

    assert (one, False) == (other, one is other)


@every_form
@every_type
def test_raw_events_are_valid(event_type, form):
    """Every value has the type of its field, and every field is known."""
    event = parse_event(
        make_raw(event_type, form=form), event_type=event_type, strict=True
    )

    assert not event.extra


@every_type
def test_raw_events_are_full(event_type):
    """Every field that Braze documents for the form is filled."""
    fields = event_fields(EVENT_TYPES[event_type]).values()
    raw = make_raw(event_type)
    filled = {*raw["user"], *raw["properties"], "id", "time"}

    assert filled == {f.name for f in fields if f.http} or {f.name for f in fields}


@every_type
def test_raw_events_are_json(event_type):
    """A raw event can be written to a fixture and read again."""
    raw = make_raw(event_type)

    assert raw == json.loads(json.dumps(raw))


@every_type
def test_persons_are_obviously_fake(event_type):
    """Addresses are at example.com, numbers are ones that are never given out."""
    texts = list(texts_in(make_raw(event_type)))
    addresses = {found for text in texts for found in re.findall(r"@([\w.]+)", text)}
    numbers = {found for text in texts for found in re.findall(r"\+\d+", text)}

    assert addresses <= {"example.com"}
    assert {number[:-2] for number in numbers} <= {"+155555501"}


@every_type
def test_ids_look_like_ids(event_type):
    """Braze's ids are UUIDs, its user ids 24 hexadecimal digits."""
    raw = make_raw(event_type)
    ids = {
        n: v for n, v in raw["properties"].items() if n.startswith(("canvas_", "app_"))
    }

    assert all(UUID.fullmatch(v) for n, v in ids.items() if n.endswith("_id"))
    assert re.fullmatch("[0-9a-f]{24}", raw["user"].get("user_id", "0" * 24))


def test_raw_events_can_be_named_by_class():
    """The class says the type."""
    assert make_raw(CLICK) == make_raw(EmailClick)


def test_only_what_is_named_is_filled():
    """``only`` keeps a fixture small."""
    raw = make_raw(CLICK, only=("link_alias",), url="https://example.com/")
    expected = {"link_alias": "hero", "url": "https://example.com/"}

    assert raw.keys() == {"event_type", "id", "time", "user", "properties"}
    assert raw["properties"] == expected


@every_form
def test_none_leaves_a_field_out_of_raw_events(form):
    """A field set to ``None`` is absent."""
    event_type = "users.messages.email.Click"
    raw = make_raw(event_type, form=form, link_alias=None)

    assert parse_event(raw, event_type=event_type).link_alias is None


def test_raw_events_may_be_invalid():
    """Values are not checked: some tests need what Braze got wrong."""
    assert make_raw(CLICK, link_alias=[5])["properties"]["link_alias"] == [5]


def test_stored_events_are_flat_and_without_a_type():
    """A storage record is flat, carries no type, and has properties as JSON text."""
    names = ("user_id", "name", "custom_properties")
    record = make_raw(
        CustomEvent, form="storage", only=names, custom_properties={"a": 1}
    )

    assert {"id", "time", "user_id", "name", "properties"} == record.keys()
    assert record["properties"] == '{"a": 1}'


def test_stored_floats_are_widened():
    """A storage record holds what an Avro reader makes of 32 bits."""
    record = make_raw(Purchase, form="storage", price=3.14)

    assert record["price"] == 3.140000104904175


def test_unions_are_spelled_out():
    """The form of avro-tools names the type of each value that may be null."""
    record = make_raw(SmsInboundReceive, form="union")

    assert UUID.fullmatch(record["id"])
    assert record["message_body"] == {"string": "Example message body"}
    assert record["media_urls"] == {
        "array": [{"string": "https://example.com/media/1.jpg"}]
    }


@pytest.mark.parametrize(
    ("cls", "name", "value", "union"),
    [
        (Purchase, "price", 3.14, {"float": 3.14}),
        (Purchase, "price", 3, {"float": 3.0}),
        (Purchase, "ad_tracking_enabled", True, {"boolean": True}),
        (ToolInvocation, "duration", 5, {"int": 5}),
        (ProfileUpdate, "time_ms", 2**40, {"long": 2**40}),
        (ProfileUpdate, "custom_attributes", {"a": 1}, {"string": '{"a": 1}'}),
        (
            EmailClick,
            "suspected_bot_click_reason",
            ["ip_address"],
            {"array": ["ip_address"]},
        ),
    ],
)
def test_unions_name_the_avro_type(cls, name, value, union):
    """Each kind of value has the name of its Avro type."""
    assert union == make_raw(cls, form="union", **{name: value})[name]


def test_misspelt_types_are_answered_with_a_close_one():
    """A typo in a type is an error."""
    with pytest.raises(ValueError, match=f"Clik'. Did you mean '{re.escape(CLICK)}'"):
        make_raw("users.messages.email.Clik")


@pytest.mark.parametrize("named", [{"link_alis": "a"}, {"only": ("link_alis",)}])
def test_misspelt_fields_are_answered_with_a_close_one(named):
    """A typo in a field is an error, named as a value or under ``only``."""
    with pytest.raises(TypeError, match=r"'link_alis'.*'link_alias'"):
        make_raw(CLICK, **named)


# --- The module -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "module", ["hypothesis", "pytest", "braze_heap.testing.fake_heap", "cattrs"]
)
def test_importing_the_help_is_light(module):
    """``braze_heap.testing`` needs the core alone, and starts no server's imports."""
    code = "import braze_heap.testing, sys; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert module not in ran.stdout.split()


def test_fake_heap_is_there_when_asked_for():
    """The Heap of your own is a name of the module, and loads late."""
    from braze_heap import testing
    from braze_heap.testing.fake_heap import FakeHeap

    assert testing.FakeHeap is FakeHeap
    assert "FakeHeap" in dir(testing)


@pytest.mark.parametrize("form", ["http", "storage"])
def test_a_raw_event_of_few_fields_has_a_user(form):
    """Otherwise it would be skipped, and a test of one field would test nothing."""
    raw = make_raw(EmailClick, only=["link_alias"], form=form)

    event = parse_event(raw, event_type=EmailClick.event_type)

    assert (event.external_user_id, event.user_id) == (EXTERNAL_USER_ID, USER_ID)
    assert event.link_alias == "hero"
    named = make_raw(EmailClick, only=["user_id"], form=form)
    assert parse_event(named, event_type=CLICK).external_user_id is None
    anonymous = make_raw(EmailClick, only=[], external_user_id=None)
    assert anonymous["user"] == {"user_id": USER_ID}
