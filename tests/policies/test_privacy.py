"""Personal data is left out, hashed or kept, before any mapper sees the event."""

import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.events import (
    EVENT_TYPES,
    CurrentsEvent,
    CustomEvent,
    EmailClick,
    UnknownEvent,
    event_fields,
)
from braze_heap.heap.calls import Track
from braze_heap.policies.privacy import (
    PERSONAL_NAMES,
    PersonalData,
    personal_data,
)
from braze_heap.policies.redaction import Redaction
from braze_heap.testing import make_raw
from tests.support import REGENERATE

KEY = b"0123456789abcdef"


def names(event: CurrentsEvent, policy: object) -> list[str]:
    return Redaction(personal_data(policy)).apply(event)  # type: ignore[arg-type]


def an_email_click() -> EmailClick:
    return EmailClick(
        id="1", time=1, email_address="a@example.com", link_alias="hero", ip_pool="main"
    )


def test_personal_fields_are_left_out_and_named() -> None:
    """The default leaves out what Braze marks, and says what it was."""
    event = an_email_click()

    assert names(event, "drop") == ["email_address"]
    assert event.email_address is None
    assert event.link_alias == "hero"


def test_keep_keeps_everything() -> None:
    """Sending personal data takes one word."""
    event = an_email_click()

    assert names(event, "keep") == []
    assert event.email_address == "a@example.com"


def test_hashed_text_joins_under_the_same_key() -> None:
    """A hash is the HMAC-SHA-256 of the text, so that equal values stay equal."""
    event = an_email_click()

    names(event, PersonalData("hash", key=KEY))

    expected = hmac.new(KEY, b"a@example.com", hashlib.sha256).hexdigest()
    assert event.email_address == expected


def test_only_named_fields_can_be_left_out() -> None:
    """Under ``keep`` marks do not count: the names decide."""
    event = an_email_click()

    assert names(event, PersonalData("keep", {"ip_pool": "drop"})) == ["ip_pool"]
    assert event.email_address == "a@example.com"


@pytest.mark.parametrize("policy", [{"ip_pool"}, frozenset({"ip_pool"}), ["ip_pool"]])
def test_a_set_is_rejected_with_both_possible_meanings(policy: object) -> None:
    """Whether the fields that it does not name are sent would be a guess."""
    with pytest.raises(TypeError) as caught:
        bh.Transformer(personal_data=policy)  # type: ignore[arg-type]

    assert "PersonalData('keep', {'ip_pool': 'drop'})" in str(caught.value)
    assert "write {'ip_pool': 'keep'}" in str(caught.value)


@pytest.mark.parametrize("policy", [None, False, 5, b"drop", PersonalData])
def test_any_other_type_is_rejected_with_advice(policy: object) -> None:
    """No bare error of the interpreter."""
    with pytest.raises(TypeError, match="must be 'drop', 'keep', a mapping or"):
        bh.Transformer(personal_data=policy)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: PersonalData("hash", KEY), TypeError, "key is written key="),
        (lambda: PersonalData("hash", key="text"), TypeError, "not a str"),
        (lambda: PersonalData("hash", key=b"short"), ValueError, "has 5 bytes"),
        (lambda: PersonalData("keep", {"dob": "hash"}), ValueError, "needs a secret"),
        (
            lambda: PersonalData("keep", {"a.b": "hash"}, key=b"x" * 15),
            ValueError,
            "has 15 bytes, but needs at least 16",
        ),
        (lambda: PersonalData("keep", key=KEY), ValueError, "no treatment is 'hash'"),
        (lambda: PersonalData("keep", {"dob": ["drop"]}), ValueError, "not \\['drop'"),
        (lambda: PersonalData("keep", {5: "drop"}), TypeError, "by field name"),
        (lambda: PersonalData(None), ValueError, "not None"),
        (lambda: PersonalData("keep", {"dob"}), TypeError, "must be a mapping"),
    ],
)
def test_a_wrong_policy_raises_when_it_is_made(
    make: Any, error: type[Exception], message: str
) -> None:
    """Not event by event; and the message never shows the key."""
    with pytest.raises(error, match=message) as caught:
        make()

    assert KEY.decode() not in str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        {"custom_properties.email": "hash", "custom_properties.to.email": "hash"},
        {"custom_properties": {"email": "hash", "to": {"email": "hash"}}},
    ],
)
@pytest.mark.parametrize("default", ["drop", "keep", "hash"])
def test_overrides_within_objects_are_hashed(default: Any, overrides: Any) -> None:
    """Dotted, or as a mapping within the mapping; whatever the default is."""
    raw = make_raw(
        CustomEvent, custom_properties={"email": "a", "to": {"email": "b"}, "n": 1}
    )
    policy = PersonalData(default, overrides, key=KEY)

    for source in (raw, json.dumps(raw).encode()):
        (call,) = bh.Transformer(personal_data=policy).transform(source).calls
        assert isinstance(call, Track)
        assert {
            n: v for n, v in call.properties.items() if n.startswith("custom_")
        } == {
            "custom_properties.email": hmac.new(KEY, b"a", "sha256").hexdigest(),
            "custom_properties.to.email": hmac.new(KEY, b"b", "sha256").hexdigest(),
            "custom_properties.n": 1,
        }


@pytest.mark.parametrize(
    "known", ["dob", "email_address", "is_amp", "custom_properties.x"]
)
def test_a_known_name_silences_no_warning_about_another(known: str) -> None:
    """Every name that no class has is a warning of its own."""
    names = (known, "emial_address", "lastname", "frist_name.x")

    with pytest.warns(UserWarning, match="No event class") as caught:
        bh.Transformer(personal_data=dict.fromkeys(names, "drop"))  # type: ignore[arg-type]

    assert sorted(str(warning.message).split("'")[1] for warning in caught) == [
        "emial_address",
        "frist_name",
        "lastname",
    ]


def test_a_mapping_overrides_single_fields() -> None:
    """The other fields follow the default."""
    event = an_email_click()

    assert names(event, {"email_address": "keep", "ip_pool": "drop"}) == ["ip_pool"]
    assert event.email_address == "a@example.com"


def test_a_dotted_name_reaches_into_objects() -> None:
    """A team can leave out what it put into its own custom properties."""
    properties = {"plan": "pro", "contact": {"email": "a@example.com", "x": 1}}
    event = CustomEvent(id="1", time=1, custom_properties=properties)

    redacted = Redaction(
        PersonalData(overrides={"custom_properties.contact.email": "drop"})
    ).apply(event)

    assert redacted == ["custom_properties.contact.email"]
    assert event.custom_properties == {"plan": "pro", "contact": {"x": 1}}
    assert properties["contact"] == {"email": "a@example.com", "x": 1}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"a": [{"email": "x", "b": 1}, "c"]}, {"a": [{"b": 1}, "c"]}),
        ({"a": '{"email": "x", "b": 1}'}, {"a": '{"b":1}'}),
        ({"a": '[{"email": "x"}]', "c": 2}, {"a": "[{}]", "c": 2}),
        ({"a": '{"email": "x", "b'}, {}),
        ({"a": r'{"\u0065mail": "x", "b'}, {}),
    ],
)
def test_a_dotted_name_reaches_through_lists_and_json_text(
    given: dict[str, object], expected: dict[str, object]
) -> None:
    """
    However a team wraps a value, it does not get out; text that was cut goes whole.
    """
    event = CustomEvent(id="1", time=1, custom_properties=given)

    assert names(event, {"custom_properties.a.email": "drop"}) == [
        "custom_properties.a.email"
    ]
    assert event.custom_properties == expected


@pytest.mark.parametrize("treatment", ["drop", "hash"])
@pytest.mark.parametrize("name", ["contact.email", "order.coupon"])
@pytest.mark.parametrize(
    ("event_type", "field"),
    [
        ("users.behaviors.CustomEvent", "custom_properties"),
        ("users.profile.Update", "custom_attributes"),
        ("users.messages.email.Click", "brand_new"),
    ],
)
@pytest.mark.filterwarnings("ignore:No event class has a field")
def test_a_dotted_name_is_that_of_nested_values_and_of_names_with_dots(
    event_type: str, field: str, name: str, treatment: Any
) -> None:
    """Both have the same name in Heap, and both are hashed once."""
    outer, _, inner = name.partition(".")
    key = KEY if treatment == "hash" else b""
    policy = PersonalData(overrides={f"{field}.{name}": treatment}, key=key)
    hashed = hmac.new(KEY, b"J", "sha256").hexdigest()

    for value in ({name: "J"}, {outer: {inner: "J"}}, {"a": 1, outer: {inner: "J"}}):
        raw = make_raw(event_type)
        raw["properties"][field] = value
        result = bh.Transformer(personal_data=policy).transform(raw)

        sent = {
            text
            for call in result.calls
            if isinstance(call, Track | bh.AddUserProperties)
            for key, text in call.properties.items()
            if key.endswith(name)
        }
        assert sent == ({hashed} if treatment == "hash" else set())
        assert result.redacted[f"{field}.{name}"] == (treatment == "drop")


def test_a_dotted_name_has_everything_below_it() -> None:
    """Nested, or by a name with dots."""
    given = {"to": {"a": 1}, "to.b": 2, "to.c.d": "e", "tot": 3, "x": {"to.b": 4}}
    event = CustomEvent(id="1", time=1, custom_properties=given)

    redacted = names(event, {"custom_properties.to": "drop"})

    assert redacted == ["custom_properties.to"]
    assert event.custom_properties == {"tot": 3, "x": {"to.b": 4}}


@pytest.mark.parametrize(
    "extra",
    [{"to.email_address": "J"}, {"a": {"to.gender": "J"}}, {"a": {"to": {"dob": "J"}}}],
)
def test_the_end_of_a_name_with_dots_is_personal(extra: dict[str, Any]) -> None:
    """An unknown field has it as a name with dots, or as nested names."""
    event = EmailClick(id="1", time=1, extra=extra)

    assert len(Redaction(PersonalData()).apply(event)) == 1
    assert "J" not in str(event.extra)


def extras(path: str, value: object) -> Iterator[dict[str, Any]]:
    """Yield unknown fields with *value* at *path*, nested in each possible way."""
    yield {path: value}
    for at, letter in enumerate(path):
        if letter == ".":
            for inner in extras(path[at + 1 :], value):
                yield {path[:at]: inner}


@pytest.mark.parametrize("value", ["J", ["J"], [{"x": "J"}], {"x": "J"}, '{"x":"J'])
@pytest.mark.parametrize("place", ["properties", "user"])
@pytest.mark.parametrize(
    "event_type", ["users.messages.email.Click", "users.messages.kakao.Send"]
)
@pytest.mark.parametrize(
    ("overrides", "path", "is_sent"),
    [
        ({}, "input.text.t", False),
        ({}, "a.user_id.x", False),
        ({}, "a.b.email", False),
        ({}, "a.b.c", True),
        ({"newf": "drop"}, "newf.a.b", False),
        ({"newf": "drop"}, "x.newf.b", False),
        ({"newf.a": "drop"}, "newf.a.b.c", False),
        ({"newf.a": "drop"}, "newf.ab.c", True),
        ({"newf.a": "drop"}, "x.newf.a", True),
        ({"newf": "keep"}, "newf.dob.email", True),
        ({"newf": "keep", "newf.a": "drop"}, "newf.a.b", False),
        ({"newf.a": "keep"}, "newf.a.dob.email", True),
        ({"newf.dob": "keep"}, "newf.dob.x", True),
        ({"newf.dob.x": "keep"}, "newf.dob.x", False),
        ({"input": "keep"}, "a.input.b", True),
        ({"custom_properties": "drop"}, "custom_properties.a.b", False),
        ({"custom_properties.a": "drop"}, "custom_properties.a.b", False),
    ],
)
@pytest.mark.filterwarnings("ignore:No event class has a field", "ignore:The treatment")
def test_nested_names_and_a_name_with_dots_are_treated_alike(
    overrides: Any, path: str, is_sent: bool, event_type: str, place: str, value: Any
) -> None:
    """A policy names a path, and a personal name counts at any place in it."""
    transformer = bh.Transformer(personal_data=overrides)
    for extra in extras(path, value):
        if extra.keys() & {"custom_properties"} and event_type.endswith("Click"):
            continue
        raw = make_raw("users.messages.email.Click") | {"event_type": event_type}
        raw[place] |= extra

        for source in (raw, json.dumps(raw).encode()):
            (call,) = transformer.transform(source).calls
            assert ('"J' in call.to_json().replace("\\", "")) is is_sent, extra


@pytest.mark.parametrize("name", ["contact.email", "contact.to.email"])
def test_a_kept_path_includes_properties_whose_names_have_dots(name: str) -> None:
    """The guard leaves what is below it."""
    policy = PersonalData(overrides={"custom_properties.contact": "keep"})
    event = CustomEvent(id="1", time=1, custom_properties={name: "J", "email": "K"})

    assert Redaction(policy).guard(event) == ["custom_properties.email"]
    assert event.custom_properties == {name: "J"}


def test_long_names_with_dots_take_linear_time() -> None:
    """The elements of a list and the values of an object share them."""
    name = "a." * 20_000
    extra = {name: [0] * 10_000, f"{name}b": dict.fromkeys(map(str, range(1_000)), "")}
    event = EmailClick(id="1", time=1, extra=extra)
    redaction = Redaction(PersonalData(overrides={"a.b": "drop"}))
    redaction.treatment_of_unknown(EmailClick, "a")  # loads the class

    start = time.thread_time()
    redaction.apply(event)

    assert time.thread_time() - start < 2


@pytest.mark.parametrize(
    "given", [{"a": {"b": 1}}, {"a": "[hero"}, {"a": '{"b": 1}'}, {"a": None}, {"c": 1}]
)
def test_a_dotted_name_leaves_other_values_as_they_are(
    given: dict[str, object],
) -> None:
    """JSON text without the name is not encoded again."""
    event = CustomEvent(id="1", time=1, custom_properties=given)

    assert names(event, {"custom_properties.a.email": "drop"}) == []
    assert event.custom_properties == given


def test_a_dotted_name_applies_inside_unknown_fields() -> None:
    """Objects in unknown types and in invalid values are treated as well."""
    event = UnknownEvent(
        id="1",
        time=1,
        event_type="users.messages.kakao.Send",
        extra={"contact": {"email": "a@example.com", "x": 1}, "/user/contact": "b"},
    )

    with pytest.warns(UserWarning, match="No event class has a field 'contact'"):
        redacted = names(event, {"contact.email": "drop"})

    assert redacted == ["contact.email"]
    assert event.extra == {"contact": {"x": 1}, "/user/contact": "b"}


def test_unknown_types_are_redacted_by_name() -> None:
    """If no class marks a field, its name decides."""
    event = UnknownEvent(
        id="1",
        time=1,
        event_type="users.messages.kakao.Send",
        extra={"email_address": "a@example.com", "kakao_id": 5, "/user/dob": "1990"},
    )

    redacted = Redaction(PersonalData()).apply(event)

    assert sorted(redacted) == ["/user/dob", "email_address"]
    assert event.extra == {"kakao_id": 5}


CONTACT = {"email_address": "a@example.com", "id": 7, "more": [{"dob": "1990", "x": 1}]}


@pytest.mark.parametrize("value", [CONTACT, [CONTACT], json.dumps(CONTACT)])
def test_personal_names_inside_unknown_fields_are_redacted(value: Any) -> None:
    """Objects, lists of them and JSON text in unknown fields, and in unknown types."""
    for event in (
        UnknownEvent(
            id="1", time=1, extra={"contact": value}, event_type="users.kakao.Send"
        ),
        EmailClick(id="1", time=1, extra={"contact": value}),
    ):
        redacted = Redaction(PersonalData()).apply(event)

        assert sorted(redacted) == ["contact.email_address", "contact.more.dob"]
        rest: Any = event.extra["contact"]
        rest = json.loads(rest) if isinstance(rest, str) else rest
        assert rest in ({"id": 7, "more": [{"x": 1}]}, [{"id": 7, "more": [{"x": 1}]}])


def test_truncated_json_text_with_a_personal_name_is_redacted() -> None:
    """It cannot be looked into; other text stays as it is."""
    extra = {"a": '{"dob": "19', "b": '{"x": "19', "c": "[see] dob", "d": "dob"}
    event = EmailClick(id="1", time=1, extra=extra)

    assert Redaction(PersonalData()).apply(event) == ["a"]
    assert event.extra == {**extra, "a": None}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (PersonalData("keep"), CONTACT),
        (PersonalData(overrides={"contact": "keep"}), CONTACT),
        (
            PersonalData("keep", {"dob": "drop"}),
            {**CONTACT, "more": [{"x": 1}]},
        ),
    ],
)
def test_the_policy_decides_inside_of_unknown_fields(
    policy: PersonalData, expected: object
) -> None:
    """A field that is kept on purpose is kept completely."""
    event = EmailClick(id="1", time=1, extra={"contact": CONTACT})

    Redaction(policy).apply(event)

    assert event.extra == {"contact": expected}


def test_personal_names_inside_of_unknown_fields_can_be_hashed() -> None:
    """Text is hashed; other values are redacted."""
    contact = {"email_address": "a@example.com", "dob": 1990}
    event = EmailClick(id="1", time=1, extra={"contact": contact})

    redacted = Redaction(PersonalData("hash", key=KEY)).apply(event)

    assert redacted == ["contact.dob"]
    assert [*event.extra["contact"]] == ["email_address"]
    assert len(event.extra["contact"]["email_address"]) == 64


def test_invalid_personal_fields_are_redacted() -> None:
    """A personal value of another type than expected is personal all the same."""
    event = EmailClick(id="1", time=1, extra={"email_address": ["a@example.com"]})

    assert Redaction(PersonalData()).apply(event) == ["email_address"]
    assert event.extra == {}


def test_the_personal_names_are_those_of_the_classes() -> None:
    """The list for unknown fields follows the marks on the classes."""
    marked = {
        name
        for cls in EVENT_TYPES.values()
        for name, field in event_fields(cls).items()
        if field.personal or field.sensitive
    }

    assert marked - {"device_id"} == PERSONAL_NAMES, REGENERATE


def test_a_name_has_one_treatment_over_all_types() -> None:
    """
    A field is personal in every type or in none, except ``device_id``, which Braze
    marks in one type alone.
    """
    treatments: dict[str, set[bool]] = {}
    for cls in EVENT_TYPES.values():
        for name, field in event_fields(cls).items():
            is_personal = field.personal or field.sensitive
            treatments.setdefault(name, set()).add(is_personal)

    assert [name for name, found in treatments.items() if len(found) > 1] == [
        "device_id"
    ]


@pytest.mark.parametrize(
    ("event_type", "names"),
    [
        ("users.messages.whatsapp.InboundReceive", "message_id in_reply_to media_urls"),
        ("users.messages.whatsapp.InboundReceive", "quick_reply_text"),
        ("users.messages.whatsapp.Send", "message_id"),
        ("users.messages.line.InboundReceive", "media_id"),
        ("users.messages.email.Retry", "retry_log"),
        ("users.messages.webhook.Failure", "endpoint_url url_path raw_response"),
        ("users.behaviors.pushnotification.TokenStateChange", "push_token_device_id"),
        ("users.messages.rcs.Send", "message_extras"),
        ("users.behaviors.app.FirstSession", "gender country language"),
        ("users.UserOrphan", "orphaned_by_id user_id"),
    ],
)
def test_fields_that_braze_does_not_mark_are_redacted_by_default(
    event_type: str, names: str
) -> None:
    """They contain phone numbers, messages, secrets or ids of people."""
    fields = dict.fromkeys(names.split(), "x")
    event = EVENT_TYPES[event_type](id="1", time=1, **fields)  # type: ignore[arg-type]

    redacted = Redaction(personal_data("drop")).apply(event)

    assert set(names.split()) <= set(redacted)


def test_the_mapping_form_changes_single_fields_of_the_default() -> None:
    """It is short for `PersonalData` with the default."""
    overrides = {"email_address": "keep", "ip_pool": "drop"}

    assert personal_data(overrides) == PersonalData("drop", overrides)  # type: ignore[arg-type]
    assert personal_data("keep") == PersonalData("keep", {})


def test_hashing_needs_a_key() -> None:
    """Without a secret, a hash of an email address can be guessed."""
    with pytest.raises(ValueError, match="needs a secret"):
        PersonalData("hash")


def test_an_unknown_treatment_is_rejected() -> None:
    """A typo must not become a policy."""
    with pytest.raises(ValueError, match="not 'remove'"):
        personal_data("remove")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"emial_address": "drop"}, "'emial_address'. Did you mean 'email_address'?"),
        ({"is_ampp": "drop"}, "'is_ampp'. Did you mean 'is_amp'?"),
        ({"custom_propertys.email": "drop"}, "Did you mean 'custom_properties'?"),
        (PersonalData("keep", {"zzz": "drop"}), "No event class has a field 'zzz'."),
        ({"email_address": "keep", "zzz": "drop"}, "has a field 'zzz'."),
        ({"link_alias": "drop", "zzz": "drop"}, "has a field 'zzz'."),
    ],
)
def test_a_name_that_no_class_has_is_a_warning(policy: object, expected: str) -> None:
    """
    A typo would send what it was to leave out; a field may be newer than its class.
    """
    with pytest.warns(UserWarning, match="No event class") as caught:
        bh.Transformer(personal_data=policy)  # type: ignore[arg-type]

    (warning,) = caught
    assert str(warning.message).endswith(expected)
    assert warning.filename == __file__


class Survey(CurrentsEvent, event_type="users.acme.Survey"):
    """A class of a team's own."""

    nickname: str | None = None


def test_names_that_some_class_has_are_no_warning() -> None:
    """Marked or not, dotted or not, of Braze or of a team's own."""
    names = {"email_address", "is_amp", "custom_properties.contact.email", "nickname"}
    types = {"users.acme.Survey": Survey}

    policy = PersonalData("keep", dict.fromkeys(names, "drop"))
    bh.Transformer(personal_data=policy, event_types=types)  # warnings are errors here


def test_personal_names_are_checked_without_loading_classes() -> None:
    """The usual policy costs no start-up time."""
    code = (
        "import sys, braze_heap as bh\n"
        "bh.Transformer(personal_data={'email_address': 'keep', 'dob': 'keep'})\n"
        "assert 'braze_heap.events.email' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_key_is_never_shown() -> None:
    """Secrets appear in no repr."""
    assert KEY.decode() not in repr(PersonalData("hash", key=KEY))


@pytest.mark.parametrize(
    "policy",
    [
        {"message_extras.a": "keep"},
        {"message_extras": {"a": "drop"}},
        PersonalData("drop", {"message_extras.a": "hash"}, key=KEY),
        PersonalData("hash", {"message_extras.a": "keep"}, key=KEY),
        PersonalData(
            "keep", {"custom_properties": "drop", "custom_properties.a": "keep"}
        ),
        {"custom_properties.a": "drop", "custom_properties.a.b.c": "keep"},
        {"custom_properties.a.b.c": "keep", "custom_properties.a.b": "drop"},
    ],
)
def test_an_override_within_a_dropped_field_is_a_warning(policy: Any) -> None:
    """The whole field is treated, so nothing reads the override."""
    with pytest.warns(
        UserWarning, match=r"has no effect, because '[\w.]+' as a whole is"
    ):
        bh.Transformer(personal_data=policy)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("url.token", "'url' is a URL: url_parameters chooses its query parameters"),
        ("send_time.x", "'send_time' is a number or a boolean"),
        ("is_amp.x", "'is_amp' is a number or a boolean"),
    ],
)
def test_an_override_within_a_number_or_url_is_a_warning(path: str, why: str) -> None:
    """It has no values with names. Text may be JSON that has."""
    with pytest.warns(UserWarning, match=f"no effect: {why}"):
        bh.Transformer(personal_data={path: "drop"})
    bh.Transformer(personal_data={"link_alias.x": "drop"})  # warnings are errors here


@pytest.mark.filterwarnings("ignore:No event class has a field")
@pytest.mark.parametrize("place", ["properties", "user"])
def test_a_personal_name_within_an_unknown_field_can_be_kept(place: str) -> None:
    raw = make_raw(EmailClick)
    raw[place]["order"] = {"email_address": "a@b.c", "to": {"phone_number": "+49"}}
    policy = {"order.email_address": "keep"}

    (call,) = bh.Transformer(personal_data=policy).transform(raw).calls

    assert isinstance(call, Track)
    sent = [v for n, v in call.properties.items() if "order" in n]
    assert sent == ["a@b.c"]
