"""Each policy of the transformer, by what reaches Heap."""

import datetime as dt
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import EmailBounce, EmailClick, EmailSend, UserDeleteRequest
from braze_heap.exceptions import DeliveryError
from braze_heap.policies.derived import DERIVED_PROPERTIES
from braze_heap.policies.sampling import share_of
from braze_heap.testing import make_raw

CLICK = EmailClick.event_type
OPEN = "users.messages.email.Open"
CUSTOM = "users.behaviors.CustomEvent"


def event(event_type: str = CLICK, **properties: Any) -> dict[str, Any]:
    """Return an event with these properties, of the user ``cust-1``."""
    return {
        "event_type": event_type,
        "id": "e1",
        "time": 1763900000,
        "user": {"external_user_id": "cust-1", "user_id": "5f7c"},
        "properties": properties,
    }


def transform(*events: Any, **options: Any) -> bh.TransformResult:
    """Return the result for *events*."""
    return bh.Transformer(**options).transform([*events])


def properties_of(*events: Any, **options: Any) -> Any:
    """Return the properties of the only call."""
    (call,) = transform(*events, **options).calls
    return call.to_dict()["properties"]


def names_of(*events: Any, **options: Any) -> list[str]:
    """Return the names of the tracked events."""
    calls = transform(*events, **options).calls
    return [call.event for call in calls if isinstance(call, bh.Track)]


# Names


def test_a_custom_event_and_a_type_of_braze_have_two_names() -> None:
    """Revenue of *Purchase* does not count twice."""
    own = event(CUSTOM, name="Purchase") | {"id": "e2"}
    events = [event("users.behaviors.Purchase"), own]

    assert names_of(*events) == ["Braze Purchase", "Braze Custom Purchase"]
    naming = bh.Naming(event_prefix="B ", custom_event_prefix="")
    assert names_of(*events, naming=naming) == ["B Purchase", "Purchase"]


def test_names_by_action_are_one_for_all_channels() -> None:
    """Message engagement events with a channel are *Message* and their action."""
    sms = event("users.messages.sms.ShortLinkClick") | {"id": "e2"}
    session = event("users.behaviors.app.SessionStart") | {"id": "e3"}

    names = names_of(event(), sms, session, naming=bh.Naming("action"))

    assert names == [
        "Braze Message Click",
        "Braze Message Click",
        "Braze Session Start",
    ]


def test_names_by_action_need_the_channel() -> None:
    """Without it, events of all channels could not be told apart."""
    with pytest.raises(ValueError, match="must include 'channel'"):
        bh.Transformer(naming=bh.Naming("action"), derived_properties=["action"])


# Derived properties


def test_a_click_has_channel_action_message_and_domain() -> None:
    """The campaign comes before the Canvas step."""
    click = event(
        campaign_id="c1",
        campaign_name="Spring",
        canvas_step_id="s1",
        url="https://Shop.example:443/a",
        send_time=1763899990,
    )

    properties = properties_of(click)

    assert {name: properties[name] for name in DERIVED_PROPERTIES} == {
        "channel": "email",
        "action": "click",
        "message_key": "c1",
        "message_name": "Spring",
        "link_domain": "shop.example",
        "seconds_since_send": 10,
    }
    assert properties["send_time"] == "2025-11-23T12:13:10+00:00"


def test_a_canvas_step_is_a_message_too() -> None:
    """Its id is the key, else that of the Canvas."""
    step = event(canvas_step_id="s1", canvas_id="v1", canvas_name="Welcome")

    properties = properties_of(step)

    assert (properties["message_key"], properties["message_name"]) == ("s1", "Welcome")


@pytest.mark.parametrize("spelled", ["email", "Email", " EMAIL "])
def test_the_channel_of_a_subscription_is_spelled_as_that_of_messages(
    spelled: str,
) -> None:
    """An unsubscribe rate by channel has one name on both sides."""
    change = event(
        "users.behaviors.subscription.GlobalStateChange",
        channel=spelled,
        subscription_status="Unsubscribed",
    )

    track, _ = transform(change).calls

    assert isinstance(track, bh.Track)
    assert track.properties["channel"] == "email"
    assert track.properties["subscription_channel"] == spelled


def test_each_derived_property_can_be_switched_off() -> None:
    """What is left is listed; the names of own fields stay the same."""
    inbound = event("users.messages.sms.InboundReceive", action="Subscribed")

    properties = properties_of(inbound, derived_properties=["channel"])

    assert properties["channel"] == "sms"
    assert "action" not in properties
    assert properties["subscription_action"] == "Subscribed"


@pytest.mark.parametrize("name", [*DERIVED_PROPERTIES, "event_type", "sample_rate"])
def test_a_field_with_a_taken_name_gets_a_number(name: str) -> None:
    """It overwrites nothing, and is counted."""
    result = transform(event() | {"properties": {name: "mine"}})

    (call,) = result.calls
    assert isinstance(call, bh.Track)
    assert call.properties[f"{name}_2"] == "mine"
    assert call.properties["event_type"] == CLICK
    assert result.adjustments["renamed"] == 1


def test_unknown_derived_properties_are_an_error() -> None:
    """A typo is named, with the right word."""
    with pytest.raises(ValueError, match="Did you mean 'channel'"):
        bh.Transformer(derived_properties=["chanel"])


# Values


def test_times_are_dates_for_heap() -> None:
    """Seconds and milliseconds become ISO 8601 in UTC."""
    token = event(
        "users.behaviors.pushnotification.TokenStateChange",
        push_token_created_at=1763800000,
        time_ms=1763900000123,
    )

    properties = properties_of(token)

    assert properties["push_token_created_at"] == "2025-11-22T08:26:40+00:00"
    assert properties["time_ms"] == "2025-11-23T12:13:20.123+00:00"


def test_durations_of_agents_say_their_unit() -> None:
    """Milliseconds do not have the name of the seconds of a session."""
    agent = event("agentconsole.AgentExecuted", duration=1250)
    session = event("users.behaviors.app.SessionEnd", duration=2.5) | {"id": "e2"}

    first, second = transform(agent, session).calls

    assert first.to_dict()["properties"]["duration_ms"] == 1250
    assert second.to_dict()["properties"]["duration"] == 2.5


@pytest.mark.parametrize("form", ["http", "storage"])
def test_a_message_variation_has_one_name_in_all_forms(form: Any) -> None:
    """Braze calls the field otherwise over HTTP."""
    raw = make_raw("users.messages.banner.Click", form=form)
    item = bh.wire.RawEvent(raw, "users.messages.banner.Click")

    properties = properties_of(item)

    assert "canvas_step_message_variation_id" in properties
    assert "canvas_step_message_variation_api_id" not in properties


@pytest.mark.parametrize("mark", ["true", "True", "apple_mpp", "1", True, 5])
def test_any_mark_is_that_of_a_machine(mark: Any) -> None:
    """Braze announces more granular values."""
    opened = event(OPEN, machine_open=mark)

    assert properties_of(opened)["is_machine_open"] == "true"
    assert [s.reason for s in transform(opened, machines="drop").skipped] == ["machine"]


@pytest.mark.parametrize("mark", [None, "", " ", "false", "False", "0", False, "no"])
def test_no_mark_and_spellings_of_false_are_people(mark: Any) -> None:
    """They are tracked as opens by people."""
    opened = event(OPEN, machine_open=mark)

    assert properties_of(opened, machines="drop")["is_machine_open"] == "false"


def test_machines_are_dropped_from_events_with_new_fields() -> None:
    """A field that Braze adds changes nothing about it, and is counted."""
    result = transform(event(OPEN, machine_open="true", new="x"), machines="drop")

    assert [skipped.reason for skipped in result.skipped] == ["machine"]
    assert result.unknown == {f"{OPEN} new": 1}


# Personal data


@pytest.mark.parametrize(
    "name", ["recipient_email", "phone", "ip_address", "homeAddress", "user.email"]
)
def test_text_under_a_personal_name_is_redacted(name: str) -> None:
    """In fields that no class declares, and in custom properties; its path counts."""
    custom = event(CUSTOM, name="A", custom_properties={name: "jane", "size": "L"})

    unknown = transform(event(**{name: "jane"}))
    result = transform(custom)

    assert unknown.redacted[name] == 1
    assert "jane" not in str(unknown.calls[0].to_dict())
    assert result.redacted[f"custom_properties.{name}"] == 1
    properties = result.calls[0].to_dict()["properties"]
    assert properties["custom_properties.size"] == "L"
    assert "jane" not in str(properties)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("email_opt_in", True), ("token_count", 5), ("nilsson", "x")),
        *(("emailing", "x"), ("shipping", "x"), ("filename", "x"), ("hotel", "x")),
    ],
)
def test_numbers_booleans_and_other_words_are_not_redacted(
    name: str, value: Any
) -> None:
    """The guard is for text under whole words."""
    custom = event(CUSTOM, name="A", custom_properties={name: value}, **{name: value})

    result = transform(custom)

    properties = result.calls[0].to_dict()["properties"]
    assert {name, f"custom_properties.{name}"} <= properties.keys()


@pytest.mark.parametrize(
    ("options", "is_sent"),
    [
        ({}, (False, False)),
        ({"personal_data": "keep"}, (True, True)),
        ({"unknown_fields": "send"}, (True, False)),
        ({"custom_fields": "send"}, (False, True)),
        ({"unknown_fields": "drop", "custom_fields": "send"}, (False, True)),
        ({"personal_data": {"email": "keep"}}, (True, False)),
        ({"personal_data": {"custom_properties.email": "keep"}}, (False, True)),
    ],
)
@pytest.mark.filterwarnings("ignore:No event class has a field")
def test_a_team_can_allow_a_name(
    options: dict[str, Any], is_sent: tuple[bool, bool]
) -> None:
    """For one field, for one property, or for all of a kind."""
    custom = event(CUSTOM, name="A", custom_properties={"email": "j"}, email="j")

    properties = properties_of(custom, **options)

    found = "email" in properties, "custom_properties.email" in properties
    assert found == is_sent


def test_dropping_unknown_fields_counts_them() -> None:
    """Numbers too; fields of the class stay."""
    result = transform(event(new=5, link_alias="a"), unknown_fields="drop")

    assert result.redacted["new"] == 1
    assert result.calls[0].to_dict()["properties"]["link_alias"] == "a"


@bh.custom_event("Signed Up")
@attrs.define
class SignedUp:
    """A typed custom event that declares a personal name."""

    email: str
    score: int


def test_a_declared_field_of_a_typed_class_reaches_its_mapper() -> None:
    """If the properties do not fit, the standard mapper gets it redacted."""
    mappers = bh.DEFAULT_MAPPERS.add(
        SignedUp, lambda up: bh.HeapEvent("Up", {"email": up.email})
    )
    custom = {"email": "a@b.example", "score": 5}
    raw = event(CUSTOM, name="Signed Up", custom_properties=custom)

    assert properties_of(raw, mappers=mappers) == {"email": "a@b.example"}
    for score in (5.5, None, "5"):
        custom["score"] = score
        result = transform(raw, mappers=mappers)
        assert result.invalid.total() == 1
        assert result.redacted["custom_properties.email"] == 1
        assert "a@b.example" not in str(result.calls[0].to_dict())


@pytest.mark.parametrize(
    ("given", "sent", "removed"),
    [
        (
            "https://a.example/x?token=s&utm_source=b",
            "https://a.example/x?utm_source=b",
            ["token"],
        ),
        ("https://a.example/#otp=1", "https://a.example/", ["#"]),
        ("https://jane:pw@a.example/", "https://a.example/", ["@"]),
        ("mailto:jane@a.example", "mailto:", ["mailto:"]),
        ("/relative?email=j&utm_id=1", "/relative?utm_id=1", ["email"]),
    ],
)
def test_links_keep_only_listed_parameters(
    given: str, sent: str, removed: list[str]
) -> None:
    """What is removed is counted by name, in fields and in custom properties."""
    click = transform(event(url=given))
    custom = transform(event(CUSTOM, name="A", custom_properties={"link": given}))
    unknown = transform(event(new_link=given))

    assert click.calls[0].to_dict()["properties"]["url"] == sent
    assert [click.redacted[f"url?{name}"] for name in removed] == [1] * len(removed)
    assert custom.calls[0].to_dict()["properties"]["custom_properties.link"] == sent
    assert unknown.calls[0].to_dict()["properties"]["new_link"] == sent


@pytest.mark.parametrize(
    ("patterns", "sent"),
    [
        (("*",), "https://a.example/?a=1&b=2"),
        ((), "https://a.example/"),
        (("B",), "https://a.example/?b=2"),
    ],
)
def test_url_parameters_choose_what_stays(patterns: Any, sent: str) -> None:
    """Globs, in any letter case; none; or all."""
    click = event(url="https://a.example/?a=1&b=2")

    assert properties_of(click, url_parameters=patterns)["url"] == sent


def test_urls_with_secret_keys_never_keep_a_query() -> None:
    """Whatever the option says."""
    custom = event(
        CUSTOM, name="A", custom_properties={"checkout_url": "https://a.example/c?k=1"}
    )

    properties = properties_of(custom, url_parameters=("*",))

    assert properties["custom_properties.checkout_url"] == "https://a.example/c"


def test_a_mapper_sees_clean_links() -> None:
    """It cannot send a token by mistake."""
    seen: list[Any] = []
    mappers = bh.DEFAULT_MAPPERS.override(EmailClick, lambda e: seen.append(e.url))

    transform(event(url="https://a.example/?token=s"), mappers=mappers)

    assert seen == ["https://a.example/"]


def test_new_names_reach_the_user_properties_of_shipped_mappers() -> None:
    """Two workspaces do not overwrite each other's consent."""
    change = event(
        "users.behaviors.subscriptiongroup.StateChange",
        subscription_group_id="g1",
        subscription_status="Subscribed",
    )
    renames = {"eu_braze_subscription_group_g1": "newsletter"}
    naming = bh.Naming(property_prefix="eu_", property_renames=renames)

    _, stated = transform(change, naming=naming).calls

    assert stated.to_dict()["properties"] == {
        "newsletter": "Subscribed",
        "eu_braze_subscription_group_g1_changed_at": "2025-11-23T12:13:20+00:00",
    }


# Selection


def test_a_selection_skips_other_events_and_keeps_user_properties() -> None:
    """A bounce is not selected, but what it says about the user is sent."""
    bounce = event(EmailBounce.event_type) | {"id": "e2"}
    send = event(EmailSend.event_type) | {"id": "e3"}

    result = transform(event(), bounce, send, include="action:click")

    assert [type(call) for call in result.calls] == [bh.Track, bh.AddUserProperties]
    assert [(s.reason, s.event_id) for s in result.skipped] == [("excluded", "e3")]
    assert result.not_sent == {"excluded": 1}
    assert result.mapped == 2


def test_an_exclusion_removes_everything_of_a_type() -> None:
    """User properties, too."""
    result = transform(event(EmailBounce.event_type), exclude=[EmailBounce])

    assert result.calls == []
    assert [skipped.reason for skipped in result.skipped] == ["excluded"]


def test_an_excluded_event_needs_no_identity() -> None:
    """It is no dead letter for something that is not sent."""
    anonymous = event() | {"user": {"external_user_id": "null"}}

    result = transform(anonymous, exclude="channel:email")

    assert [skipped.reason for skipped in result.skipped] == ["excluded"]


def test_presets_are_sets_of_types() -> None:
    """Their union is the union of what they select."""
    assert EmailSend.event_type in bh.DELIVERY
    both = bh.Transformer(include=bh.ENGAGEMENT | bh.DELIVERY)

    assert len(both.transform([event(), event(EmailSend.event_type)]).skipped) == 0


@pytest.mark.parametrize("word", ["EmailClik", "users.messages.*.Clik", "channel:mail"])
def test_a_word_that_selects_nothing_is_an_error(word: str) -> None:
    """With the right word."""
    with pytest.raises(ValueError, match="Did you mean"):
        bh.Transformer(include=word)


# People


@pytest.mark.parametrize("suppress", [{"cust-1"}, lambda who: who == "cust-1"])
def test_nothing_of_a_suppressed_person_is_sent(suppress: Any) -> None:
    """Events and user properties of others are."""
    other = event(EmailBounce.event_type) | {"id": "e2"}
    other["user"] = {"external_user_id": "cust-2"}

    result = transform(event(), other, suppress=suppress)

    assert {call.identity for call in result.calls} == {"cust-2"}
    assert [skipped.reason for skipped in result.skipped] == ["suppressed"]


def test_a_suppressed_person_is_deleted_all_the_same() -> None:
    """Suppression never blocks a deletion."""
    request = event(UserDeleteRequest.event_type)

    result = transform(
        request,
        suppress={"cust-5f7c"},
        deletions=True,
        delete_identity=lambda e: f"cust-{e.user_id}",
    )

    assert result.calls == [bh.DeleteUser("cust-5f7c")]


def test_a_suppression_that_fails_is_named_or_asked_again() -> None:
    """An error dead-letters the event; a lookup that is down decides nothing."""

    def failing(who: str) -> bool:
        raise KeyError(who)

    def down(who: str) -> bool:
        raise DeliveryError("no answer")

    (rejected,) = transform(event(), suppress=failing).rejected
    assert rejected.reason == "mapper_error"
    assert "failing" in rejected.detail
    with pytest.raises(DeliveryError):
        transform(event(), suppress=down)


def test_a_sample_is_of_people_so_that_funnels_hold() -> None:
    """The same people are in the sample of both types; all user properties are sent."""
    events = [
        event(event_type)
        | {"id": f"{number}-{event_type}", "user": {"external_user_id": f"p{number}"}}
        for number in range(300)
        for event_type in (CLICK, OPEN, EmailBounce.event_type)
    ]

    result = transform(*events, sample={"EmailClick": 0.3, OPEN: 0.3})

    tracks = [call for call in result.calls if isinstance(call, bh.Track)]
    people = {
        name: {t.identity for t in tracks if t.event == f"Braze Email {name}"}
        for name in ("Click", "Open", "Bounce")
    }
    expected = {f"p{n}" for n in range(300) if share_of(f"p{n}") < 0.3}
    assert people["Click"] == people["Open"] == expected
    assert 60 < len(expected) < 120
    assert len(people["Bounce"]) == 300
    rates = {t.event: t.properties.get("sample_rate") for t in tracks}
    assert rates["Braze Email Click"] == 0.3
    assert rates["Braze Email Bounce"] is None
    assert result.event_types[CLICK] == 300
    assert {skipped.reason for skipped in result.skipped} == {"sampled"}


def test_a_sampled_event_still_states_user_properties() -> None:
    """The event itself is counted as omitted."""
    bounce = event(EmailBounce.event_type)

    result = transform(bounce, sample={"EmailBounce": 0})

    assert [type(call) for call in result.calls] == [bh.AddUserProperties]
    assert result.not_sent == {"sampled": 1}


def test_user_properties_can_be_left_to_others() -> None:
    """The events are tracked without them."""
    bounce = event(EmailBounce.event_type)

    assert [type(c) for c in transform(bounce, user_properties="none").calls] == [
        bh.Track
    ]


def test_derived_values_of_a_team_come_after_any_mapper() -> None:
    """The function gets the event and the payload, and its properties win."""
    mappers = bh.DEFAULT_MAPPERS.override(
        EmailClick, lambda e: bh.HeapEvent("Mine", {"a": 1})
    )

    def derive(event: bh.CurrentsEvent, payload: bh.HeapEvent) -> dict[str, Any]:
        return {"a": 2, "name": payload.name, "type": event.event_type}

    properties = properties_of(event(), mappers=mappers, derive=derive)

    assert properties == {"a": 2, "name": "Mine", "type": CLICK}


def test_a_mapper_can_name_identity_and_time() -> None:
    """Both are checked like those of the event."""
    when = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    mappers = bh.DEFAULT_MAPPERS.override(
        EmailClick, lambda e: bh.HeapEvent("A", identity="team-1", time=when)
    )

    (call,) = transform(event(), mappers=mappers).calls

    assert isinstance(call, bh.Track)
    assert call.identity == "team-1"
    assert call.timestamp == "2026-01-02T00:00:00+00:00"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (bh.HeapEvent("A", identity="null"), "bad_identity"),
        (bh.HeapEvent("A", time=-5), "mapper_error"),
        (bh.HeapEvent("A", time=dt.datetime(2026, 1, 1)), "mapper_error"),
        (bh.HeapEvent("A", time=True), "mapper_error"),
    ],
)
def test_a_wrong_identity_or_time_of_a_mapper_rejects_the_event(
    payload: bh.HeapEvent, reason: str
) -> None:
    """The detail names the mapper."""
    mappers = bh.DEFAULT_MAPPERS.override(EmailClick, lambda e: payload)

    (rejected,) = transform(event(), mappers=mappers).rejected

    assert rejected.reason == reason
    assert "lambda" in rejected.detail


# Deletion


def test_deletions_without_an_identity_for_them_are_an_error() -> None:
    """Braze's request has only its own id."""
    with pytest.raises(ValueError, match="delete_identity"):
        bh.Transformer(deletions=True)
    with pytest.raises(ValueError, match="no effect without deletions"):
        bh.Transformer(delete_identity=lambda e: e.user_id)
    with pytest.raises(ValueError, match="exclude removes"):
        bh.Transformer(identity="user_id", deletions=True, exclude="UserDeleteRequest")


def test_a_deletion_without_an_identity_is_a_dead_letter() -> None:
    """It is never skipped."""
    request = event(UserDeleteRequest.event_type)

    result = transform(request, deletions=True, delete_identity=lambda e: None)

    assert [rejected.reason for rejected in result.rejected] == ["bad_identity"]
    assert result.skipped == []


# Mutants that no test noticed


def test_event_renames_reach_the_events_of_own_mappers() -> None:
    """By the name that the mapper gave."""
    mappers = bh.DEFAULT_MAPPERS.override(EmailClick, lambda e: bh.HeapEvent("Mine"))

    names = names_of(
        event(), mappers=mappers, naming=bh.Naming(event_renames={"Mine": "Ours"})
    )

    assert names == ["Ours"]


def test_a_function_names_events() -> None:
    """It gets the event; the prefix comes before its result."""
    naming = bh.Naming(lambda e: e.event_type.rpartition(".")[2], "x-")

    assert names_of(event(), naming=naming) == ["x-Click"]


def test_text_with_half_a_character_is_a_source() -> None:
    """It becomes U+FFFD, and that is counted."""
    result = bh.Transformer().transform(
        '[{"event_type": "users.messages.email.Click", "id": "1", "time": 1, "user": '
        '{"external_user_id": "a"}, "properties": {"link_alias": "x\ud800"}}]'
    )

    (call,) = result.calls
    assert call.to_dict()["properties"]["link_alias"] == "x\ufffd"


def test_an_invalid_value_of_a_personal_field_is_redacted() -> None:
    """Its type does not matter."""
    result = transform(event(email_address=["jane@a.example"]))

    assert result.redacted["email_address"] == 1
    assert "jane" not in str(result.calls[0].to_dict())


def test_standard_changes_and_removes_properties() -> None:
    """Changes win over fields; ``None`` removes one."""
    mappers = bh.DEFAULT_MAPPERS.override(
        EmailClick, lambda e: bh.standard(e, link_alias="b", link_id=None, more=1)
    )

    properties = properties_of(event(link_alias="a", link_id="x"), mappers=mappers)

    assert properties["link_alias"] == "b"
    assert properties["more"] == 1
    assert "link_id" not in properties


class PigeonSend(bh.CurrentsEvent, event_type="users.acme.Send"):
    """A class of a team."""

    ring: str | None = None


def test_options_know_the_classes_of_a_team() -> None:
    """A field and a class are as known as shipped ones, so nothing is warned about."""
    transformer = bh.Transformer(
        event_types=bh.EVENT_TYPES | {"users.acme.Send": PigeonSend},
        personal_data={"ring": "drop"},
        sample={"PigeonSend": 0.5},
    )

    results = [
        transformer.transform(
            event("users.acme.Send", ring="r")
            | {"id": str(number)}
            | {"user": {"external_user_id": f"cust-{number}"}}
        )
        for number in range(20)
    ]

    calls = [call for result in results for call in result.calls]
    assert 0 < len(calls) < 20
    assert all("ring" not in call.to_dict()["properties"] for call in calls)


def test_a_typed_custom_event_without_properties_has_their_defaults() -> None:
    """A field that is missing is not an invalid one."""
    mappers = bh.Mappers()

    @bh.custom_event("Tip")
    @attrs.define
    class Tip:
        amount: float = 1.5

    @mappers.maps_custom(Tip)
    def tip(given: Tip) -> bh.HeapEvent:
        return bh.HeapEvent("Tip", {"amount": given.amount})

    result = transform(event(CUSTOM, name="Tip"), mappers=mappers)

    assert not result.invalid
    assert result.calls[0].to_dict()["properties"]["amount"] == 1.5


@pytest.mark.parametrize(
    ("options", "flaw"),
    [
        (
            {"mappers": bh.MapperRegistry().add(EmailClick, bh.standard)},
            "UserDeleteRequest has no mapper",
        ),
        ({"delete_identity": 5}, "^delete_identity "),
    ],
)
def test_deletions_without_an_effect_are_an_error(options: Any, flaw: str) -> None:
    with pytest.raises((TypeError, ValueError), match=flaw):
        bh.Transformer(identity="user_id", deletions=True, **options)
