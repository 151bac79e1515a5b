"""Options by what reaches Heap: values, names, counts and reasons."""

import hmac
import json
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.events import CurrentsEvent, EmailClick, EmailOpen
from braze_heap.testing import make_raw
from braze_heap.wire import RawEvent
from tests.mapping.oddities import AddedToCart, generic

CLICK = "users.messages.email.Click"
OPEN = "users.messages.email.Open"
SEND = "users.messages.email.Send"
CUSTOM = "users.behaviors.CustomEvent"
KEY = b"0123456789abcdef"


def event_of(
    event_type: str, properties: dict[str, Any], event_id: str = "e1", **user: Any
) -> dict[str, Any]:
    return {
        "event_type": event_type,
        "id": event_id,
        "time": 1763900000,
        "user": {"external_user_id": "cust-1", **user},
        "properties": properties,
    }


def order(**properties: Any) -> dict[str, Any]:
    return event_of(CUSTOM, {"name": "Order", **properties})


def names_of(result: bh.TransformResult) -> list[str]:
    return [call.event for call in result.calls if isinstance(call, bh.Track)]


def properties_of(result: bh.TransformResult) -> dict[str, Any]:
    (call,) = result.calls
    return call.to_dict()["properties"]  # type: ignore[no-any-return]


@pytest.fixture(params=["compiled", "generic"])
def transformer(request: pytest.FixtureRequest) -> Any:
    """
    Return a function that makes a transformer, with and without compiled functions,
    and without the policies that have tests of their own.
    """
    make: Any = bh.Transformer if request.param == "compiled" else generic
    others = {"derived_properties": (), "custom_fields": "send"}
    return lambda *args, **options: make(*args, **(others | options))


NESTED = {
    "email": "a@example.com",
    "card": {"email": "b@example.com"},
    "list": [{"email": "c@example.com", "sku": "A"}],
}


def test_keeping_a_nested_field_changes_nothing_else(transformer: Any) -> None:
    """The other personal fields are still redacted, by their names."""
    event = order(custom_properties=NESTED, first_name="Jane")
    event["user"]["user_id"] = "b1"

    result = transformer(personal_data={"custom_properties.email": "keep"}).transform(
        event
    )

    assert properties_of(result) == {
        "name": "Order",
        "event_type": CUSTOM,
        "custom_properties.email": "a@example.com",
        "custom_properties.card.email": "b@example.com",
        "custom_properties.list": '[{"email":"c@example.com","sku":"A"}]',
        "custom_properties.list.count": 1,
    }
    assert result.redacted == {"user_id": 1, "external_user_id": 1, "first_name": 1}


@pytest.mark.parametrize(
    ("overrides", "left"),
    [
        (
            {"custom_properties.email": "drop"},
            {
                "custom_properties.card.email": "b@example.com",
                "custom_properties.list": '[{"email":"c@example.com","sku":"A"}]',
                "custom_properties.list.count": 1,
            },
        ),
        (
            {"custom_properties": {"list": {"email": "drop"}, "card": "drop"}},
            {
                "custom_properties.email": "a@example.com",
                "custom_properties.list": '[{"sku":"A"}]',
                "custom_properties.list.count": 1,
            },
        ),
        ({"custom_properties": "drop"}, {}),
    ],
    ids=["name", "inside a list", "whole"],
)
def test_a_nested_field_is_dropped_where_the_policy_names_it(
    transformer: Any, overrides: Any, left: dict[str, Any]
) -> None:
    """A path names one place; the same name elsewhere stays."""
    result = transformer(personal_data=overrides).transform(
        order(custom_properties=NESTED)
    )

    assert properties_of(result) == {"name": "Order", "event_type": CUSTOM, **left}
    dropped = {"external_user_id": 1}
    for path, treatment in bh.PersonalData(overrides=overrides).overrides.items():
        assert treatment == "drop"
        dropped[path] = 1
    assert result.redacted == dropped


def test_a_nested_field_is_hashed_under_the_key(transformer: Any) -> None:
    """Text becomes its HMAC-SHA-256; a number cannot be hashed, and is dropped."""
    policy = bh.PersonalData(
        "drop",
        {"custom_properties.email": "hash", "custom_properties.age": "hash"},
        key=KEY,
    )
    event = order(custom_properties={"email": "a@example.com", "age": 40})

    result = transformer(personal_data=policy).transform(event)

    expected = hmac.digest(KEY, b"a@example.com", "sha256").hex()
    assert properties_of(result) == {
        "name": "Order",
        "event_type": CUSTOM,
        "custom_properties.email": expected,
    }
    assert result.redacted == {"custom_properties.age": 1, "external_user_id": 1}


def test_a_function_names_standard_events(transformer: Any) -> None:
    """
    It gets the event after redaction. The prefix comes before its name, and custom
    events keep the names that a team chose.
    """
    seen: list[CurrentsEvent] = []

    def event_name(event: CurrentsEvent) -> str:
        seen.append(event)
        return f"{type(event).__name__} {event.event_type.rpartition('.')[2]}"

    naming = bh.Naming(event_name, event_renames={"Braze EmailOpen Open": "Opened"})
    click = event_of(CLICK, {"email_address": "a@example.com", "link_alias": "hero"})
    events = [click, event_of(OPEN, {}, "e2"), order() | {"id": "e3"}]

    result = transformer(naming=naming).transform(events)

    assert names_of(result) == [
        "Braze EmailClick Click",
        "Opened",
        "Braze Custom Order",
    ]
    assert isinstance(seen[0], EmailClick)
    assert (seen[0].email_address, seen[0].link_alias) == (None, "hero")


@pytest.mark.parametrize("name", ["x" * 1_024, "a\0b"])
def test_a_name_of_a_function_is_made_legal(transformer: Any, name: str) -> None:
    """It is truncated or replaced as other texts are, and that is counted."""
    naming = bh.Naming(lambda _: name, event_prefix="p")

    result = transformer(naming=naming).transform(event_of(CLICK, {}))

    assert names_of(result) == [f"p{name}"[:1_023].replace("\0", "\ufffd")]
    assert result.adjustments.total() == 1


def test_a_function_for_names_that_fails_rejects_its_event(transformer: Any) -> None:
    """An exception or a name that is not text rejects this event only."""

    def event_name(event: CurrentsEvent) -> Any:
        if event.id == "raises":
            raise KeyError(event.id)
        return 5 if event.id == "number" else "ok"

    events = [event_of(CLICK, {}, name) for name in ("a", "raises", "number", "b")]

    result = transformer(naming=bh.Naming(event_name)).transform(events)

    assert names_of(result) == ["Braze ok", "Braze ok"]
    assert [(r.reason, r.event_id) for r in result.rejected] == [
        ("mapper_error", "raises"),
        ("mapper_error", "number"),
    ]
    assert (
        "event_names returned a value of the type int, not a name"
        in result.rejected[1].detail
    )


def test_an_event_outside_of_a_selection_is_skipped(transformer: Any) -> None:
    """What *exclude* removes from *include* is skipped as excluded."""
    events = [event_of(CLICK, {}), event_of(OPEN, {}, "e2"), event_of(SEND, {}, "e3")]
    chosen = transformer(include=[EmailClick, EmailOpen], exclude=EmailOpen)

    result = chosen.transform(events)

    assert names_of(result) == ["Braze Email Click"]
    assert [(s.reason, s.event_type) for s in result.skipped] == [
        ("excluded", OPEN),
        ("excluded", SEND),
    ]


@pytest.mark.parametrize(
    "selection",
    [
        {"include": ("users.messages.email.*",), "exclude": (SEND,)},
        {"include": {OPEN, "EmailClick"}},
        {"include": "channel:email", "exclude": "action:send"},
    ],
    ids=["glob", "types", "words"],
)
def test_a_selection_is_the_same_however_it_is_written(
    transformer: Any, selection: dict[str, Any]
) -> None:
    """Types, globs, classes and words choose; the order of choices does not matter."""
    events = [event_of(t, {}, t) for t in (CLICK, OPEN, SEND, CUSTOM)]

    result = transformer(**selection).transform(events)

    assert [call.idempotency_key for call in result.calls] == [CLICK, OPEN]


def test_event_renames_apply_to_events_that_a_team_names(transformer: Any) -> None:
    """Neither prefix nor new property names touch events of a team's mappers."""
    team = bh.Mappers()

    @team.maps(EmailClick)
    def click(event: EmailClick) -> Any:
        return [bh.HeapEvent("Clicked", {"send_id": "s"}), bh.standard(event)]

    @team.maps_custom(AddedToCart)
    def added(event: AddedToCart) -> bh.HeapEvent:
        return bh.HeapEvent("Added", {"new": event.brand_new})

    naming = bh.Naming(
        event_renames={"Clicked": "Click", "Braze Email Click": "Std", "Added": "Cart"},
        property_renames={"send_id": "send"},
    )
    properties = {"name": "Added To Cart", "custom_properties": {"brand_new": "x"}}
    events = [event_of(CLICK, {"send_id": "s"}), event_of(CUSTOM, properties, "e2")]

    result = transformer(bh.DEFAULT_MAPPERS | team, naming=naming).transform(events)

    assert [(c.event, c.idempotency_key, c.properties) for c in result.calls] == [
        ("Click", "e1", {"send_id": "s"}),
        ("Std", "e1:2", {"send": "s", "event_type": CLICK}),
        ("Cart", "e2", {"new": "x"}),
    ]


@pytest.mark.parametrize("mark", ["machine_open", "is_suspected_bot_click"])
@pytest.mark.parametrize("field", [{"brand_new": 1}, {"Brand New": {"a": [1]}}])
def test_machines_are_dropped_if_the_event_has_unknown_fields(
    transformer: Any, mark: str, field: dict[str, Any]
) -> None:
    """The fields are counted as unknown, and people with them are still sent."""
    event_type = OPEN if mark == "machine_open" else CLICK
    flag: Any = "true" if mark == "machine_open" else True
    events = [
        event_of(event_type, {mark: flag, **field}),
        event_of(event_type, field, "e2"),
    ]
    new = transformer(machines="drop")

    for _ in range(2):
        result = new.transform(events)

        assert [(s.reason, s.event_id) for s in result.skipped] == [("machine", "e1")]
        assert [call.idempotency_key for call in result.calls] == ["e2"]
        assert result.unknown == {f"{event_type} {name}": 2 for name in field}
        assert result.redacted == {"external_user_id": 1}


@pytest.mark.parametrize("value", [5, True, ["a@example.com"], {"a": "b"}])
def test_an_invalid_value_of_a_personal_field_is_redacted(
    transformer: Any, value: Any
) -> None:
    """Its type does not matter. It is counted as redacted, and as unknown."""
    event = event_of(CLICK, {"email_address": value, "link_alias": "hero"})

    result = transformer().transform(event)

    assert properties_of(result) == {"link_alias": "hero", "event_type": CLICK}
    assert result.redacted == {"email_address": 1, "external_user_id": 1}
    assert result.unknown == {f"{CLICK} email_address": 1}


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (5, {"email_address": 5}),
        (["a", "b"], {"email_address": "a||b"}),
        ({"a": "b"}, {"email_address.a": "b"}),
    ],
)
def test_an_invalid_value_of_a_personal_field_is_sent_if_it_is_kept(
    transformer: Any, value: Any, sent: dict[str, Any]
) -> None:
    """It becomes legal properties, as an unknown field does."""
    policy = {"email_address": "keep"}

    result = transformer(personal_data=policy).transform(
        event_of(CLICK, {"email_address": value})
    )

    assert properties_of(result) == {"event_type": CLICK, **sent}


@pytest.mark.parametrize("value", [5, ["a@example.com"], {"a": "b"}])
def test_an_invalid_value_is_never_sent_instead_of_its_hash(
    transformer: Any, value: Any
) -> None:
    """Only text has a hash; anything else is redacted."""
    policy = bh.PersonalData("hash", key=KEY)

    result = transformer(personal_data=policy).transform(
        event_of(CLICK, {"email_address": value})
    )

    expected = hmac.digest(KEY, b"cust-1", "sha256").hex()
    assert properties_of(result) == {
        "event_type": CLICK,
        "external_user_id": expected,
    }
    assert result.redacted == {"email_address": 1}


def test_a_lone_surrogate_in_text_costs_only_its_character() -> None:
    """
    Escaped or not, the rest of its value and the other events of the body arrive.
    """
    events = [event_of(CLICK, {"link_alias": "a\ud800b"}), event_of(CLICK, {}, "e2")]
    escaped = json.dumps(events)
    plain = json.dumps(events, ensure_ascii=False)
    assert "\ud800" in plain

    for body, replaced in ((escaped, "a\ufffdb"), (plain, "a\ufffdb")):
        first, second = bh.Transformer().transform(body).calls

        assert first.to_dict()["properties"]["link_alias"] == replaced
        assert second.to_dict()["idempotency_key"] == "e2"


def test_a_text_that_is_only_a_lone_surrogate_is_unreadable() -> None:
    """It is rejected whole, not raised."""
    (rejected,) = bh.Transformer().transform("\ud800").rejected

    assert rejected.reason == "unreadable"


def test_standard_adds_replaces_and_removes_properties() -> None:
    """A change of ``None`` removes a property; the name stays as it is."""
    team = bh.Mappers()

    @team.maps(EmailClick)
    def click(event: EmailClick) -> bh.HeapEvent:
        return bh.standard(event, link_alias="new", send_id=None, more=True)

    event = event_of(CLICK, {"link_alias": "hero", "send_id": "s", "is_amp": True})

    (call,) = bh.Transformer(team, derived_properties=()).transform(event).calls

    assert call.to_dict()["event"] == "Braze Email Click"
    assert call.to_dict()["properties"] == {
        "link_alias": "new",
        "is_amp": "true",
        "event_type": CLICK,
        "more": "true",
    }


def test_standard_takes_a_name_and_leaves_the_event_as_it_is() -> None:
    """Policies for names apply to the given name; the event is not changed."""
    event = bh.parse_event(event_of(CLICK, {"link_alias": "hero"}))
    before = event.to_raw()

    payload = bh.standard(event, "Hit", name="x")

    assert payload.name == "Hit"
    assert payload.properties == {
        "external_user_id": "cust-1",
        "link_alias": "hero",
        "event_type": CLICK,
        "name": "x",
    }
    assert event.to_raw() == before


@pytest.mark.parametrize(
    ("machine_open", "expected"),
    [("true", "true"), ("false", "false"), (None, "false")],
)
@pytest.mark.parametrize("form", ["http", "storage", "typed"])
def test_every_open_states_whether_a_machine_opened(
    transformer: Any, machine_open: str | None, expected: str, form: str
) -> None:
    """Braze marks machines only; the property is on all opens."""
    event: Any = event_of(OPEN, {"machine_open": machine_open})
    if form == "storage":
        flat = {"id": "e1", "time": 1763900000, "external_user_id": "cust-1"}
        event = RawEvent({**flat, "machine_open": machine_open}, OPEN)
    elif form == "typed":
        event = bh.parse_event(event)

    found = properties_of(transformer().transform([event]))

    assert found["is_machine_open"] == expected
    assert found.get("machine_open") == machine_open


@pytest.mark.filterwarnings("ignore:property_renames")
@pytest.mark.parametrize("form", ["http", "storage", "typed"])
def test_new_names_of_properties_are_prefixed_first(
    transformer: Any, form: str
) -> None:
    """A rename names the prefixed property; colliding names are numbered."""
    naming = bh.Naming(
        property_prefix="b_",
        property_renames={"b_send_id": "sent", "b_dispatch_id": "sent"},
    )
    properties = {"send_id": "s", "dispatch_id": "d", "link_alias": "hero"}
    event: Any = event_of(CLICK, properties)
    if form == "storage":
        flat = {"id": "e1", "time": 1763900000, "external_user_id": "cust-1"}
        event = RawEvent({**flat, **properties}, CLICK)
    elif form == "typed":
        event = bh.parse_event(event)

    assert properties_of(transformer(naming=naming).transform([event])) == {
        "sent": "d",
        "sent_2": "s",
        "b_link_alias": "hero",
        "b_event_type": CLICK,
    }


@pytest.mark.parametrize("event_type", [CLICK, CUSTOM, "users.behaviors.Purchase"])
def test_local_time_comes_from_the_zone_of_the_user(
    transformer: Any, event_type: str
) -> None:
    """12:13 UTC on a Sunday is 21:13 in Tokyo; a wrong zone adds nothing."""
    there, nowhere = (
        event_of(event_type, {}, zone, timezone=zone)
        for zone in ("Asia/Tokyo", "Asia/Nowhere")
    )

    calls = transformer(local_time=True).transform([there, nowhere]).calls

    first, second = (call.to_dict()["properties"] for call in calls)
    assert (first["local_hour"], first["local_weekday"]) == (21, "Sunday")
    assert "local_hour" not in second
    assert second["timezone"] == "Asia/Nowhere"


def test_fixed_properties_give_way_to_those_of_the_event(transformer: Any) -> None:
    """Each event has them, unless it has a value of its own."""
    fixed = {"workspace": "eu", "link_alias": "none", "on": True}
    events = [event_of(CLICK, {"link_alias": "hero"}), event_of(CLICK, {}, "e2")]

    calls = transformer(fixed_properties=fixed).transform(events).calls

    assert [call.to_dict()["properties"] for call in calls] == [
        {"workspace": "eu", "link_alias": "hero", "on": "true", "event_type": CLICK},
        {"workspace": "eu", "link_alias": "none", "on": "true", "event_type": CLICK},
    ]


@pytest.mark.parametrize("count", [1, 20, 21, 40])
def test_unknown_fields_are_sent_and_counted_however_many(
    transformer: Any, count: int
) -> None:
    """Scalars and lists of texts stay; ``null`` is not a property."""
    fields: dict[str, Any] = {f"new_{number}": number for number in range(count)}
    fields["new_0"] = ["a", "b"]
    new = transformer()

    for number in range(2):
        event = event_of(CLICK, fields | {"none": None}, f"e{number}")
        result = new.transform(event)

        expected = fields | {"new_0": "a||b", "event_type": CLICK}
        assert properties_of(result) == expected
        names = [*fields, "none"]
        assert result.unknown == {f"{CLICK} {name}": 1 for name in names}


def test_a_function_cannot_change_what_is_sent(transformer: Any) -> None:
    """Functions for identities and for names get a copy of the event."""

    def changing(event: CurrentsEvent) -> str:
        assert isinstance(event, EmailClick)
        event.link_alias = "changed"
        event.url = "https://changed.example"
        return "somebody"

    event = event_of(CLICK, {"link_alias": "hero"})
    new = transformer(identity=changing, naming=bh.Naming(changing))

    result = new.transform(event)

    assert properties_of(result) == {"link_alias": "hero", "event_type": CLICK}
    assert names_of(result) == ["Braze somebody"]


def test_unknown_fields_keep_their_order(transformer: Any) -> None:
    """They come last, in the order of the event."""
    names = [f"{letter}_new" for letter in "qwertyuiop"]
    event = event_of(CLICK, dict.fromkeys(names, "x"))

    result = transformer().transform(event)

    assert [*properties_of(result)][-10:] == names
    assert [*result.unknown] == [f"{CLICK} {name}" for name in names]


@pytest.mark.parametrize("field", ["custom_properties", "brand_new"])
@pytest.mark.parametrize("number", [2**53 + 1, 10**30, -(10**30)])
def test_a_long_integer_in_an_object_is_sent_digit_by_digit(
    transformer: Any, field: str, number: int
) -> None:
    """No decoder turns it into a float; Heap gets text."""
    event = order(**{field: {"number": number, "deep": {"numbers": [number]}}})

    result = transformer().transform(json.dumps({"events": [event]}).encode())

    found = properties_of(result)
    assert found[f"{field}.number"] == str(number)
    assert found[f"{field}.deep.numbers"] == str(number)


@pytest.mark.parametrize("is_first", [True, False])
def test_an_empty_column_of_a_storage_record_is_not_a_property(
    transformer: Any, is_first: bool
) -> None:
    """Values before and after it are sent, and doubles that no class knows stay."""
    empty = dict.fromkeys(make_raw(CLICK, form="storage"))
    given = {"id": "e1", "time": 1763900000, "external_user_id": "cust-1"}
    given |= {"link_alias": "hero", "score": 0.10000000149011612}
    record = empty | given if is_first else given | {"send_id": None, "url": "u"}

    result = transformer().transform([RawEvent(record, CLICK)])

    expected = {"link_alias": "hero", "score": 0.10000000149011612, "event_type": CLICK}
    assert properties_of(result) == expected | ({} if is_first else {"url": "u"})
    assert result.unknown == {f"{CLICK} score": 1}


def test_a_typed_event_becomes_what_its_raw_event_becomes(transformer: Any) -> None:
    """Calls and counts are equal for each type, from HTTP and from storage."""
    new = transformer(identity="user_id", deletions=True, local_time=True)
    for event_type in sorted(bh.EVENT_TYPES):
        http = make_raw(event_type)
        record = make_raw(event_type, form="storage")
        for raw, typed in (
            (http, bh.parse_event(http)),
            (
                RawEvent(record, event_type),
                bh.parse_event(record, event_type=event_type),
            ),
        ):
            first, second = (new.transform([each]) for each in (raw, typed))

            assert first.calls == second.calls
            assert first.redacted == second.redacted
            assert first.unknown == second.unknown


def test_an_empty_column_beside_the_same_field_changes_nothing(
    transformer: Any,
) -> None:
    """A record may have a column under its name in storage and over HTTP."""
    record = make_raw(CUSTOM, form="storage")
    both = RawEvent({**record, "custom_properties": None}, CUSTOM)

    first = transformer().transform([RawEvent(record, CUSTOM)])
    second = transformer().transform([both])

    assert second.calls == first.calls
    assert second.adjustments == first.adjustments == {}


@pytest.mark.parametrize("column", ["user", "ring"])
@pytest.mark.parametrize("event_type", [CLICK, "users.messages.pigeon.Send"])
def test_a_column_called_user_and_a_type_without_a_class_are_sent(
    transformer: Any, event_type: str, column: str
) -> None:
    """A storage record is flat, whatever the names of its columns are."""
    record = {"id": "e1", "time": 1763900000, "external_user_id": "u", column: "r"}

    result = transformer().transform([RawEvent(record, event_type)])

    assert [call.identity for call in result.calls] == ["u"]
    assert properties_of(result) == {column: "r", "event_type": event_type}


def test_calls_that_are_outdated_have_their_origins_and_only_what_they_lost() -> None:
    """The newest value of each user property of a person stays."""

    def update(event_id: str, time: int, **attributes: Any) -> dict[str, Any]:
        properties = {"custom_attributes": attributes}
        return event_of("users.profile.Update", properties, event_id) | {"time": time}

    events = [
        update("new", 1763900009, plan="b"),
        event_of(CLICK, {}, "click"),
        update("old", 1763900001, plan="a", size="s"),
        update("older", 1763900000, plan="0"),
    ]

    result = bh.Transformer().transform(events)

    new, rest = (c for c in result.calls if isinstance(c, bh.AddUserProperties))
    name = "braze_custom_attributes"
    assert new.properties[f"{name}.plan"] == "b"
    assert f"{name}.size" in rest.properties
    lost = [call.properties for call in result.outdated]
    assert [(p[f"{name}.plan"], f"{name}.size" in p) for p in lost] == [
        ("a", False),
        ("0", False),
    ]
    assert [each["id"] for each in result.outdated_origins] == ["old", "older"]
    ids = [each["id"] for each in result.origins]
    assert ids == ["new", "new", "click", "old", "old", "older"]


def test_a_repeated_event_counts_as_its_first(transformer: Any) -> None:
    """Also if it was skipped, and as often as it comes."""
    opened = event_of(OPEN, {"machine_open": "true"})

    result = transformer(machines="drop").transform([opened] * 3)

    assert [(skip.reason, skip.event_id) for skip in result.skipped] == [
        (bh.SkipReason.MACHINE, "e1")
    ] * 3
    assert result.repeated == 2


def test_unknown_types_are_counted_and_unknown_fields_up_to_a_hundred(
    transformer: Any,
) -> None:
    fields = event_of(CLICK, {f"new_{number}": 1 for number in range(150)})
    types = [event_of("users.acme.Seen", {}, each) for each in "ab"]

    assert transformer().transform([fields]).unknown.total() == 100
    assert transformer().transform(types).unknown == {"users.acme.Seen": 2}
