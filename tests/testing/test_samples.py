"""Sample events: plausible, the same on every run, with invented people."""

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
from tests.support.for_each import for_each

CLICK = "users.messages.email.Click"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

every_type = for_each("event_type", sorted(EVENT_TYPES))
every_form = for_each("form", ["http", "storage", "union"])

USER_ID = "0123456789abcdef01234567"


def texts_in(value):
    """Yield every text inside of *value*."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)


# --- make_event -----------------------------------------------------------------------


def test_event_has_an_id_a_time_and_a_user():
    """An event without named fields has an id, a time and a user, and nothing else."""
    event = make_event(EmailClick)
    expected = EmailClick(
        id=event.id,
        time=1_767_225_600,
        user_id="0123456789abcdef01234567",
        external_user_id="example-user-1",
    )

    assert expected == event


@every_type
def test_event_of_any_type_can_be_made(event_type):
    """Each type can be made without fields, including types without a user."""
    event = make_event(EVENT_TYPES[event_type])

    assert EVENT_TYPES[event_type] is type(event)
    assert UUID.fullmatch(event.id)


def test_named_fields_are_set():
    """Named fields are set, and override the defaults."""
    event = make_event(EmailClick, id="a", user_id="u", link_alias="hero")

    assert (event.id, event.user_id, event.link_alias) == ("a", "u", "hero")


def test_none_removes_a_field_of_an_event():
    """A field that is set to ``None`` is not in the event."""
    assert make_event(EmailClick, external_user_id=None).external_user_id is None


def test_event_of_an_unknown_type_can_be_made():
    """An `UnknownEvent` can be made with its type."""
    event = make_event(UnknownEvent, event_type="users.messages.pigeon.Send")

    assert event.event_type == "users.messages.pigeon.Send"


def test_misspelled_field_of_an_event_raises():
    """The error about an unknown field suggests a similar one."""
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
def test_value_of_another_type_raises(cls, field):
    """A value that the field cannot have raises, and the error names `make_raw`."""
    with pytest.raises(TypeError, match=r"holds .*, never .*\. Use make_raw"):
        make_event(cls, **field)


@pytest.mark.parametrize("group", [CurrentsEvent, HasCampaign, EmailEvent])
def test_group_cannot_be_made(group):
    """A class that is only a group of fields is not an event type."""
    with pytest.raises(TypeError, match=f"^{group.__name__} is not an event type"):
        make_event(group)


def test_own_class_can_be_made():
    """A class of your own can be made like a shipped one."""

    class PigeonSend(HasCampaign, event_type="users.messages.pigeon.Send"):
        """A pigeon took off."""

        ring: str | None = None

    assert make_event(PigeonSend, ring="r").ring == "r"
    assert make_raw(PigeonSend)["properties"]["ring"] == "Example ring"


# --- make_raw -------------------------------------------------------------------------


@every_form
@every_type
def test_raw_events_are_deterministic(event_type, form):
    """Two calls return equal events that are not the same object."""
    one, other = make_raw(event_type, form=form), make_raw(event_type, form=form)

    assert (one, False) == (other, one is other)


@every_form
@every_type
def test_raw_event_is_valid(event_type, form):
    """Every field is known, and every value has its type."""
    event = parse_event(
        make_raw(event_type, form=form), event_type=event_type, strict=True
    )

    assert not event.extra


@every_type
def test_raw_event_has_every_documented_field(event_type):
    """Every field that Braze documents for the form is filled."""
    fields = event_fields(EVENT_TYPES[event_type]).values()
    raw = make_raw(event_type)
    filled = {*raw["user"], *raw["properties"], "id", "time"}

    assert filled == {f.name for f in fields if f.http} or {f.name for f in fields}


@every_type
def test_raw_event_can_be_written_and_read(event_type):
    """A raw event is equal after it was written as JSON and read."""
    raw = make_raw(event_type)

    assert raw == json.loads(json.dumps(raw))


@every_type
def test_people_are_invented(event_type):
    """Addresses are at example.com, and numbers are reserved for examples."""
    texts = list(texts_in(make_raw(event_type)))
    addresses = {found for text in texts for found in re.findall(r"@([\w.]+)", text)}
    numbers = {found for text in texts for found in re.findall(r"\+\d+", text)}

    assert addresses <= {"example.com"}
    assert {number[:-2] for number in numbers} <= {"+155555501"}


@every_type
def test_ids_have_the_format_of_braze(event_type):
    """Ids are UUIDs, and user ids have 24 hexadecimal digits."""
    raw = make_raw(event_type)
    ids = {
        n: v for n, v in raw["properties"].items() if n.startswith(("canvas_", "app_"))
    }

    assert all(UUID.fullmatch(v) for n, v in ids.items() if n.endswith("_id"))
    assert re.fullmatch("[0-9a-f]{24}", raw["user"].get("user_id", "0" * 24))


def test_raw_event_can_be_made_from_a_class():
    """A class can be passed instead of its type."""
    assert make_raw(CLICK) == make_raw(EmailClick)


def test_only_limits_the_filled_fields():
    """With ``only``, no other fields are filled."""
    raw = make_raw(CLICK, only=("link_alias",), url="https://example.com/")
    expected = {"link_alias": "hero", "url": "https://example.com/"}

    assert raw.keys() == {"event_type", "id", "time", "user", "properties"}
    assert raw["properties"] == expected


@every_form
def test_none_removes_a_field_of_a_raw_event(form):
    """A field that is set to ``None`` is absent."""
    event_type = "users.messages.email.Click"
    raw = make_raw(event_type, form=form, link_alias=None)

    assert parse_event(raw, event_type=event_type).link_alias is None


def test_raw_event_may_be_invalid():
    """The values of a raw event are not checked."""
    assert make_raw(CLICK, link_alias=[5])["properties"]["link_alias"] == [5]


def test_storage_record_is_flat():
    """A storage record has no nesting and no type, and JSON properties as text."""
    names = ("user_id", "name", "custom_properties")
    record = make_raw(
        CustomEvent, form="storage", only=names, custom_properties={"a": 1}
    )

    assert {"id", "time", "user_id", "name", "properties"} == record.keys()
    assert record["properties"] == '{"a": 1}'


def test_storage_record_has_widened_floats():
    """A 32-bit number of a record has the value that an Avro reader returns."""
    record = make_raw(Purchase, form="storage", price=3.14)

    assert record["price"] == 3.140000104904175


def test_union_form_names_types_of_nullable_values():
    """The form of avro-tools has the type of each value that may be null."""
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
def test_union_form_has_avro_type_names(cls, name, value, union):
    """Each kind of value has the name of its Avro type."""
    assert union == make_raw(cls, form="union", **{name: value})[name]


def test_misspelled_type_raises():
    """The error about an unknown type suggests a similar one."""
    with pytest.raises(ValueError, match=f"Clik'. Did you mean '{re.escape(CLICK)}'"):
        make_raw("users.messages.email.Clik")


@pytest.mark.parametrize("named", [{"link_alis": "a"}, {"only": ("link_alis",)}])
def test_misspelled_field_of_a_raw_event_raises(named):
    """The error about an unknown field, or one in ``only``, suggests a similar one."""
    with pytest.raises(TypeError, match=r"'link_alis'.*'link_alias'"):
        make_raw(CLICK, **named)


# --- The module -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "module", ["hypothesis", "pytest", "braze_heap.testing.fake_heap", "cattrs"]
)
def test_importing_testing_needs_only_the_core(module):
    """Importing ``braze_heap.testing`` loads no extra and no server."""
    code = "import braze_heap.testing, sys; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert module not in ran.stdout.split()


def test_fake_heap_is_loaded_on_first_use():
    """`FakeHeap` is a name of the package, which is loaded when it is first used."""
    from braze_heap import testing
    from braze_heap.testing.fake_heap import FakeHeap

    assert testing.FakeHeap is FakeHeap
    assert "FakeHeap" in dir(testing)


@pytest.mark.parametrize("form", ["http", "storage"])
def test_raw_event_of_few_fields_has_a_user(form):
    """
    With ``only``, the ids of the user are filled, so that the event is not skipped.
    """
    raw = make_raw(EmailClick, only=["link_alias"], form=form)

    event = parse_event(raw, event_type=EmailClick.event_type)

    assert (event.external_user_id, event.user_id) == ("example-user-1", USER_ID)
    assert event.link_alias == "hero"
    named = make_raw(EmailClick, only=["user_id"], form=form)
    assert parse_event(named, event_type=CLICK).external_user_id is None
    anonymous = make_raw(EmailClick, only=[], external_user_id=None)
    assert anonymous["user"] == {"user_id": USER_ID}
