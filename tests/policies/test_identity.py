"""An identity is taken unchanged or refused; what many users can share is refused."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap.config import TransformConfig
from braze_heap.events import EmailClick
from braze_heap.parsing import parse_event
from braze_heap.policies.identity import (
    PLACEHOLDER_IDENTITIES,
    IdentityError,
    IdentityPolicy,
    first_of,
    identify_by,
)
from braze_heap.reasons import Reason, SkipReason
from braze_heap.testing import make_event, make_raw
from tests.support.for_each import for_each

check = IdentityPolicy("external_user_id").check


def hexadecimal(name: str, text: str) -> str:
    return hashlib.new(name, text.encode()).hexdigest()


@for_each(
    "value",
    ["cust-1", "a" * 255, "Été", " padded ", "nullable", "100", "00a", "🎉" * 127]
    + ["Été 1", "é" * 255, "a\x7e\xa0\ud7ff\ue000\ufffc", "\ufffe", "a\u200bb"]
    + ["nilsson", "true-north-7", "0a", "-12", "user-17", "guest42", "1", "10"]
    + ["idris", "email@example.com", "null@example.com", "n", "0x1", "{a}", "%}"]
    + [hexadecimal("sha256", "jane"), hexadecimal("md5", "jane")],
)
def test_an_identity_is_taken_as_it_is(value: str) -> None:
    """Text that can name one person is not changed, whatever words it contains."""
    assert check(value) == value


@pytest.mark.parametrize("number", [42, -12, 10])
def test_a_whole_number_is_its_decimal_text(number: int) -> None:
    """A number as external id becomes its digits."""
    assert check(number) == str(number)


@pytest.mark.parametrize("value", [None, "", " ", "\t\n", "\u2003"])
def test_no_identity_is_skipped(value: object) -> None:
    """A missing, empty or blank identity is not a fault of the event."""
    with pytest.raises(IdentityError) as caught:
        check(value)

    assert caught.value.reason is SkipReason.NO_IDENTITY


@for_each(
    "value",
    [True, False, 1.5, 0.0, [], {}, ["a"], 0, -1]
    + "null NULL nil none NaN n/a N/A undefined unknown anonymous Anon Guest".split()
    + "user true False -1 -1.0 0 000 0.0 -0 not_authenticated Distinct_ID".split()
    + "anonymous_id user_id external_id id email string".split()
    + ["[object Object]", "[REDACTED]", "00000000-0000-0000-0000-000000000000"]
    + ["(null)", "<nil>", "[none]", "[(null)]", " ( undefined ) ", '"null"', " none "]
    + [
        "[]",
        "()",
        "-",
        "\u200bnull",
        "nu\u00adll",
        "\ufeffundefined",
        "\uff2e\uff35\uff2c\uff2c",
    ],
)
def test_placeholders_are_rejected(value: object) -> None:
    """In any letter case, and with or without what surrounds them."""
    with pytest.raises(IdentityError) as caught:
        check(value)

    assert caught.value.reason is Reason.BAD_IDENTITY


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256"])
@pytest.mark.parametrize("text", ["", "null"])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_hashes_of_empty_values_are_rejected(
    name: str, text: str, case: Callable[[str], str]
) -> None:
    """Whoever hashes ids before sending them hashes a missing id too."""
    with pytest.raises(IdentityError, match="placeholder"):
        check(case(hexadecimal(name, text)))


@pytest.mark.parametrize(
    "value", ["{{${user_id}}}", "cust-{{ id }}", "a{% if x %}", "x{{", "{%"]
)
def test_unrendered_liquid_is_rejected(value: str) -> None:
    """A template that Braze did not fill in is the same for all users."""
    with pytest.raises(IdentityError, match="Liquid"):
        check(value)


@pytest.mark.parametrize(
    "value", ["\u200b", "\u200b \ufeff", "\u3164", "\u2800", "\u00ad\u2060", "\ufe0f"]
)
def test_invisible_text_is_rejected(value: str) -> None:
    """Text of invisible characters only does not name anybody."""
    with pytest.raises(IdentityError, match="invisible"):
        check(value)


@pytest.mark.parametrize(
    "value",
    ["a\x00b", "a\nb", "a\x7f", "a\x85", "a\ufffd", "a\ud800", "a\udfff", "a\x1f"]
    + ["a\x9f"],
)
def test_damaged_text_is_rejected(value: str) -> None:
    """Control characters, surrogates and U+FFFD replace what was an id."""
    with pytest.raises(IdentityError, match="control character"):
        check(value)


@given(
    word=st.sampled_from(sorted(PLACEHOLDER_IDENTITIES)),
    case=st.sampled_from([str.lower, str.upper, str.title]),
    around=st.sampled_from(
        [("(", ")"), ("<", ">"), ("[", "]"), ("", ""), ("[<", ">]")]
    ),
    blank=st.sampled_from(["", " ", "\u00a0", "\u200b"]),
)
def test_the_fast_check_agrees_with_the_full_check(
    word: str, case: Callable[[str], str], around: Sequence[str], blank: str
) -> None:
    """No spelling of a placeholder passes, by itself or as a user of an event."""
    opening, closing = around or ("", "")
    text = f"{blank}{opening}{blank}{case(word)}{blank}{closing}{blank}"
    result = bh.Transformer().transform(
        make_raw("users.messages.email.Click", external_user_id=text)
    )

    assert not IdentityPolicy("user_id").is_legal(text)
    assert [rejected.reason for rejected in result.rejected] == ["bad_identity"]


@pytest.mark.parametrize("value", ["a" * 256, "🎉" * 128, 10**300, 10**5000], ids=type)
def test_a_long_identity_is_rejected_not_truncated(value: object) -> None:
    """Over 255 UTF-16 units, cutting would merge people."""
    with pytest.raises(IdentityError) as caught:
        check(value)

    assert caught.value.reason is Reason.IDENTITY_TOO_LONG


def test_a_number_of_255_digits_is_taken() -> None:
    """Its decimal text is as long as an identity may be."""
    number = 10**255 - 1

    assert check(number) == "9" * 255


def test_the_list_can_be_replaced() -> None:
    """Some of these words are user names somewhere, and some teams have others."""
    own = IdentityPolicy("user_id", {"Test User"})

    assert own.check("guest") == "guest"
    assert own.check("000") == "000"
    with pytest.raises(IdentityError, match="'Test User'"):
        own.check("[test user]")


@pytest.mark.parametrize("placeholders", ["guest", [1], None])
def test_a_list_of_something_else_is_an_error(placeholders: Any) -> None:
    """One text would be taken for its letters."""
    with pytest.raises(TypeError, match="placeholder_identities"):
        bh.Transformer(placeholder_identities=placeholders)


def test_the_list_can_be_configured() -> None:
    """By default it is the built-in one."""
    click = make_raw("users.messages.email.Click", external_user_id="guest")
    own = TransformConfig(placeholder_identities=("a", "n/a"))

    assert own.placeholder_identities == ("a", "n/a")
    assert own.transformer().transform(click).calls
    assert not TransformConfig().transformer().transform(click).calls


BRAZE = first_of("external_user_id", "user_id", prefix="braze:")


@pytest.mark.parametrize(
    ("identity", "ids"),
    [
        (BRAZE, (None, "null")),
        (BRAZE, (None, 0)),
        (BRAZE, ("null", "5f7c")),
        (first_of("external_user_id", "user_id", prefix="b"), (None, "<NULL>")),
        (first_of("external_user_id", "user_id", prefix="n"), (None, "ull")),
        (lambda e: f"acme/{e.external_user_id}", (None, "5f7c")),
        (lambda e: f"acme/{e.external_user_id}", ("", "5f7c")),
        (lambda e: f"acme/{e.external_user_id or ''}", (None, "5f7c")),
        (lambda e: f"acme_{e.external_user_id}", ("undefined", "5f7c")),
        (lambda e: f"acme-{e.external_user_id.lower()}", ("NaN", "5f7c")),
        (lambda e: f"{e.external_user_id}@acme", ("[null]", "5f7c")),
        (lambda e: f"acme/{e.external_user_id}/web", ("0", "5f7c")),
        (lambda e: f"acme/{e.user_id}", ("cust-1", "{{x}}")),
        (lambda _: f"crm:{None}", ("cust-1", "5f7c")),
        (lambda _: "crm|[object Object]", ("cust-1", "5f7c")),
        (lambda e: str(e.external_user_id), (None, "5f7c")),
    ],
)
def test_an_identity_is_checked_with_and_without_its_prefix(
    identity: Any, ids: tuple[Any, Any]
) -> None:
    """A placeholder behind a prefix is shared by as many users as without one."""
    click = make_raw("users.messages.email.Click")
    click["user"] |= dict(zip(("external_user_id", "user_id"), ids, strict=True))

    result = bh.Transformer(identity=identity).transform(click)

    assert result.calls == []
    assert [rejected.reason for rejected in result.rejected] == ["bad_identity"]


@pytest.mark.parametrize(
    ("identity", "ids", "expected"),
    [
        (BRAZE, (None, "user-17"), "braze:user-17"),
        (BRAZE, ("acme/guest", "5f7c"), "acme/guest"),
        (lambda e: f"acme/{e.external_user_id}", ("user-17", "user"), "acme/user-17"),
        (lambda e: e.user_id, ("0", "5f-0"), "5f-0"),
        (lambda _: "crm:17:0", ("cust-1", "5f7c"), "crm:17:0"),
        (
            lambda _: "https://acme.example/jane/",
            ("1", "5"),
            "https://acme.example/jane/",
        ),
        (lambda e: f"acme_{e.external_user_id}", ("nil-son", "null"), "acme_nil-son"),
    ],
)
def test_a_prefix_makes_no_legal_id_illegal(
    identity: Any, ids: tuple[Any, Any], expected: str
) -> None:
    """Ids that contain such a word, and ids composed of numbers, are taken."""
    click = make_raw("users.messages.email.Click")
    click["user"] |= dict(zip(("external_user_id", "user_id"), ids, strict=True))

    (call,) = bh.Transformer(identity=identity).transform(click).calls

    assert call.identity == expected


@pytest.mark.parametrize(
    "identity",
    ["external_user_id", identify_by("external_user_id")],
    ids=["field", "function"],
)
@pytest.mark.parametrize(
    "event_type",
    ["users.messages.email.Click", "users.behaviors.subscription.GlobalStateChange"]
    + ["users.UserDeleteRequest", "users.acme.New"],
)
def test_nothing_is_sent_under_a_placeholder(identity: Any, event_type: str) -> None:
    """Neither events nor user properties nor deletions, from bytes or decoded."""
    raw = {"id": "1", "event_type": event_type, "time": 1, "properties": {}}
    raw["user"] = {"external_user_id": "Null", "user_id": "5f7c"}
    raw["properties"] = {"subscription_status": "Subscribed", "channel": "email"}
    transformer = bh.Transformer(
        identity=identity,
        deletions=True,
        delete_identity=identify_by("external_user_id"),
    )

    for source in (raw, json.dumps({"events": [raw]}).encode()):
        result = transformer.transform(source)
        assert result.calls == []
        assert [rejected.reason for rejected in result.rejected] == ["bad_identity"]


def test_the_detail_names_the_placeholder_and_no_value() -> None:
    """
    A reader learns which rule refused it; the value itself stays in the dead letter.
    """
    clicks = [
        make_raw("users.messages.email.Click", id=text, external_user_id=text)
        for text in ("[NULL]", "jane{{x}}", "jane\n")
    ]

    details = [r.detail for r in bh.Transformer().transform(clicks).rejected]

    assert details[0].startswith("the identity is the placeholder 'null'")
    assert not any("jane" in detail for detail in details)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (("e", "u"), "e"),
        ((None, "u"), "braze:u"),
        ((" ", "u"), "braze:u"),
        (("", "u"), "braze:u"),
        ((None, 7), "braze:7"),
        ((None, " "), None),
        ((None, None), None),
    ],
)
def test_the_first_id_that_there_is_names_the_user(
    ids: tuple[object, object], expected: object
) -> None:
    """The others carry the prefix, so that two kinds of ids are never taken for one."""
    event = make_event(EmailClick)
    event.external_user_id, event.user_id = ids  # type: ignore[assignment]

    identify = first_of("external_user_id", "user_id", prefix="braze:")
    assert identify(event) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (("external_user_id", "device_id"), "device:d-1"),
        (("external_user_id", "user_id", "device_id"), "device:5f7c"),
        (("device_id", "user_id"), "d-1"),
    ],
)
def test_an_event_can_be_identified_by_its_device(
    fields: tuple[Any, ...], expected: str
) -> None:
    """Only together with another field, because a device is not a person."""
    raw = make_raw(EmailClick)
    raw["user"] = {"user_id": "5f7c", "device_id": "d-1"}
    identity = first_of(*fields, prefix="device:")

    for personal_data in ("drop", "keep"):
        transformer = bh.Transformer(identity=identity, personal_data=personal_data)
        assert [call.identity for call in transformer.transform(raw).calls] == [
            expected
        ]


def test_first_of_can_be_configured_with_the_device() -> None:
    config = TransformConfig(identity=("external_user_id", "device_id"))
    raw = make_raw(EmailClick)
    raw["user"] = {"device_id": "d-1"}

    (call,) = config.transformer().transform(raw).calls

    assert call.identity == "braze:d-1"


def test_the_device_alone_is_an_error_that_names_first_of() -> None:
    with pytest.raises(ValueError, match="first_of\\('external_user_id', 'device_id'"):
        identify_by("device_id")  # type: ignore[arg-type]


@pytest.mark.parametrize("prefix", ["x" * 220, "a\tb:", "{{x}}:", "\ufffd"])
def test_a_prefix_with_which_no_identity_is_legal_is_an_error(prefix: str) -> None:
    """Otherwise everybody without the first id would be rejected."""
    with pytest.raises(ValueError, match="makes all identities illegal"):
        first_of("external_user_id", "user_id", prefix=prefix)

    first_of("external_user_id", "user_id", prefix="x" * 219)


def test_a_misspelled_field_of_first_of_gets_a_suggestion() -> None:
    with pytest.raises(ValueError, match="Did you mean 'device_id'"):
        first_of("external_user_id", "devise_id", prefix="")  # type: ignore[arg-type]


@pytest.mark.parametrize("is_bytes", [True, False])
def test_an_identity_function_whose_lookup_is_down_decides_nothing(
    is_bytes: bool,
) -> None:
    """The event is neither skipped nor rejected: the batch is to be sent again."""

    def look_up(event: Any) -> str:
        raise bh.DeliveryError("the CRM is down")

    raw = make_raw(EmailClick)
    source = json.dumps({"events": [raw]}).encode() if is_bytes else raw

    with pytest.raises(bh.DeliveryError, match="the CRM is down"):
        bh.Transformer(identity=look_up).transform(source)


IDS = st.sampled_from(
    [
        None,
        "",
        " ",
        "null",
        "None",
        "cust-1",
        "Danone",
        "a|user",
        "nilsson",
        "5f7c",
        "0",
    ]
)


@given(
    st.sampled_from(
        ["{}", "b:{}", "{}@b", "b{}", "b/{}|x", "{}:user", "x:{}:", "None{}"]
    ),
    IDS,
    IDS,
    st.booleans(),
)
def test_the_fast_check_of_a_composed_identity_agrees_with_the_full_one(
    template: str, external: Any, user_id: Any, is_lower: bool
) -> None:
    """It takes nothing that the full check rejects."""
    text = template.format(external)
    identity = text.lower() if is_lower else text
    event = make_event(EmailClick)
    event.external_user_id, event.user_id = external, user_id
    policy = IdentityPolicy(lambda _: identity)

    if policy.is_legal(identity) and policy._is_surely_legal(identity, event):
        assert policy._flaw_in_part(identity, event) is None


def test_an_identity_of_another_type_is_seen() -> None:
    """An invalid identity is kept in ``extra``, and is not a missing one."""
    raw = make_raw("users.messages.email.Click")
    raw["user"]["external_user_id"] = ["a"]
    event = parse_event(raw)

    assert identify_by("external_user_id")(event) == ["a"]
    assert identify_by("user_id")(event) == event.user_id


def test_a_field_that_identifies_no_user_is_an_error() -> None:
    """Only the two ids of Braze can be named."""
    with pytest.raises(ValueError, match="not 'email'"):
        identify_by("email")  # type: ignore[arg-type]


def composed(template: str, external_user_id: object) -> list[bh.TransformResult]:
    """Map an event whose identity is *template* filled with its external id."""
    raw = make_raw(EmailClick)
    raw["user"]["external_user_id"] = external_user_id
    transformer = bh.Transformer(identity=lambda e: template.format(e.external_user_id))
    body = json.dumps({"events": [raw]}).encode()
    return [transformer.transform(raw), transformer.transform(body)]


@for_each(
    "template", ["b:{}", "b-{}", "b_{}", "{}@b", "{}:eu", ".{}", "b={}", "b {}", "b~{}"]
)
@for_each("missing", [None, "", " ", False, 0, [], "null", "(none)"])
def test_no_function_composes_an_identity_of_a_missing_id(
    template: str, missing: object
) -> None:
    """Python writes a missing id as ``None``, and an empty one leaves the separator."""
    for result in composed(template, missing):
        assert [r.reason for r in result.rejected] == [Reason.BAD_IDENTITY]


@pytest.mark.parametrize("template", ["braze{}", "{}braze"])
@pytest.mark.parametrize("word", [None, "null", "undefined", "anonymous", "\u200b"])
def test_a_word_is_found_without_a_separator(template: str, word: object) -> None:
    for result in composed(template, word):
        assert [r.reason for r in result.rejected] == [Reason.BAD_IDENTITY]


@for_each("template", ["b:{}", "b/{}", "urn:b:{}", "{}", "b{}", "{}|b"])
@for_each(
    "legal", ["john:null", "x/guest", "a|user", "Danone", "nilsson", "7:0", "user-17"]
)
def test_a_legal_id_stays_legal_behind_a_prefix(template: str, legal: str) -> None:
    """It may contain any word."""
    for result in composed(template, legal):
        assert [call.identity for call in result.calls] == [template.format(legal)]


def test_a_function_may_change_the_letter_case_of_a_legal_id() -> None:
    raw = make_raw(EmailClick, external_user_id="DaNone")
    transformer = bh.Transformer(identity=lambda e: "b:" + e.external_user_id.lower())

    assert [call.identity for call in transformer.transform(raw).calls] == ["b:danone"]


def test_a_field_named_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="names a field twice"):
        first_of("user_id", "user_id", prefix="b:")
