"""Text under a personal name is redacted where no class declares the field."""

import copy
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap.events import EVENT_TYPES, event_fields
from braze_heap.policies._walk import REDACTED
from braze_heap.policies.word_guard import (
    is_personal_name,
    without_personal_text,
)
from tests.support.for_each import for_each

PERSONAL = """
email EMAIL e-mail e_mail eMail recipient_email recipientEmail RecipientEMail emails
email2 user.email contact-email emailaddress emailAddress email_address useremail
phone phone_number phoneNumber PhoneNumbers telephone tel fax msisdn mobile cellphone
cell iban passport lng geo coordinates address shipping-address addressLine1 street zip
zipcode zip_code postcode postCode postal ip IPAddress ipv4 client.ip lat lon latitude
birth birthDate date_of_birth dob birthday gender ssn token accessToken auth_token
password passwd secret firstname first_name lastName surname full-name given_name
username tokens addresses
""".split()

IMPERSONAL = """
nilsson lattice latest salon iphone zipper ship shipping tokenize tokenizer description
gendered streetwear cellar hotel faxed geometry megalith secretary mailbox_provider
emailing name product_name campaign_name color total_value order_id equip recipe
telegram url user_id platform trip tip late longest dobby flat balcony vip
""".split()


@for_each("name", PERSONAL)
def test_a_personal_word_is_found(name: str) -> None:
    """At any place of the name, in any spelling of several words."""
    assert is_personal_name(name)
    assert is_personal_name(f"customer_{name}")
    assert is_personal_name(f"custom_properties.{name}.value")


@for_each("name", IMPERSONAL)
def test_a_name_that_only_contains_such_letters_is_not_personal(name: str) -> None:
    assert not is_personal_name(name)
    assert not is_personal_name(f"custom_properties.{name}")


@pytest.mark.parametrize(
    ("name", "value"),
    [("email_opt_in", True), ("token_count", 5), ("lat", 52.5), ("phone", None)]
    + [("email", {}), ("coordinates", [13.4, 52.5]), ("email", {"count": 2})],
)
def test_a_value_that_is_not_text_stays(name: str, value: Any) -> None:
    """A number of tokens and a consent identify nobody."""
    redacted: list[str] = []

    assert without_personal_text(name, value, redacted) == value
    assert redacted == []


@pytest.mark.parametrize(
    ("value", "expected", "redacted"),
    [
        ({"email": "a@b", "size": "M"}, {"size": "M"}, ["p.email"]),
        (
            {"address": {"city": "Ulm", "floor": 3}},
            {"address": {"floor": 3}},
            ["p.address.city"],
        ),
        (
            {"a": [{"ip": "1"}, {"ip": "2", "b": "c"}]},
            {"a": [{}, {"b": "c"}]},
            ["p.a.ip"] * 2,
        ),
        ({"emails": ["a@b", "c@d"]}, {}, ["p.emails"]),
        ({"emails": [[1, {"x": "a@b"}]]}, {}, ["p.emails"]),
        ({"tags": ["a", "b"]}, {"tags": ["a", "b"]}, []),
        ({"a": '{"zip":"1","n":"x"}'}, {"a": '{"n":"x"}'}, ["p.a.zip"]),
        ({"a": '[{"zip":"1"}]'}, {"a": "[{}]"}, ["p.a.zip"]),
        ({"a": '{"n": "x"}'}, {"a": '{"n": "x"}'}, []),
        ({"a": '{"n":1.10,"n":1e400}'}, {"a": '{"n":1.10,"n":1e400}'}, []),
        ({"a": '{"n":1,"zip":"1","n":2}'}, {"a": '{"n":1,"n":2}'}, ["p.a.zip"]),
        ({"a": '[{"zip":"1","zip":2}]'}, {"a": '[{"zip":2}]'}, ["p.a.zip"]),
        ({"a": '{"b":{"zip":"1","zip":"2"}}'}, {"a": '{"b":{}}'}, ["p.a.b.zip"] * 2),
        ({"a": '{"b":{"zip":"1"},"b":2}'}, {"a": '{"b":{},"b":2}'}, ["p.a.b.zip"]),
        ({"a": '{"n": 1, "zip": "1'}, {}, ["p.a"]),
        ({"a": r'{"n": 1, "\u007aip": "1'}, {}, ["p.a"]),
        ({"a": '{"zip" => "1"}'}, {}, ["p.a"]),
        ({"a": "{'zip' = '1'}"}, {}, ["p.a"]),
        ({"a": f'{{"{"n" * 2_000}_zip": "1'}, {}, ["p.a"]),
        ({"a": r'{"\ud835\udc33\u0069p": "1'}, {}, ["p.a"]),
        ({"a": '{"n": "zip", "b": "1'}, {"a": '{"n": "zip", "b": "1'}, []),
        ({"a": '{"n": 1, "b": "1'}, {"a": '{"n": 1, "b": "1'}, []),
    ],
)
def test_text_is_redacted_at_any_depth(
    value: Any, expected: Any, redacted: list[str]
) -> None:
    """Within objects, lists and JSON text, and counted by its path."""
    found: list[str] = []
    given = copy.deepcopy(value)

    assert without_personal_text("p", value, found) == expected
    assert found == redacted
    assert value == given


def test_a_whole_value_is_redacted_under_a_personal_name() -> None:
    assert without_personal_text("fax", "1", []) is REDACTED
    assert without_personal_text("fax", ["1"], []) is REDACTED


def quoted(text: str) -> str:
    """Return JSON of *text* as an encoder for web pages writes it."""
    return json.dumps(text).replace('\\"', "\\u0022")


@pytest.mark.parametrize("encode", [json.dumps, quoted])
@pytest.mark.parametrize("levels", range(5))
def test_truncated_json_with_a_personal_name_is_redacted(
    levels: int, encode: Callable[[str], str]
) -> None:
    """Also if it stands in JSON text, which is then redacted as a whole."""
    text = '{"email": "ada@acme.example'
    for _ in range(levels):
        text = encode(text)
    given = {"note": text, "color": "red"}
    redacted: list[str] = []

    kept = without_personal_text("custom_properties", given, redacted)

    assert kept == {"color": "red"}
    assert redacted == ["custom_properties.note"]


@pytest.mark.parametrize("encode", [json.dumps, quoted])
@pytest.mark.parametrize("levels", range(5))
def test_json_of_json_text_is_redacted(
    levels: int, encode: Callable[[str], str]
) -> None:
    """Personal text is found however often an object was encoded."""
    text = '{"email": "ada@acme.example"}'
    for _ in range(levels):
        text = encode(text)
    redacted: list[str] = []

    kept = without_personal_text("custom_properties.note", text, redacted)

    assert "ada" not in kept
    assert redacted == ["custom_properties.note.email"]


def test_an_allowed_path_stays_with_all_that_it_contains() -> None:
    """A typed class that declares the field, or a policy that names it, decides."""
    value = {"email": "a@b", "address": {"zip": "1"}, "phone": "2"}
    declared = {("p", "email"), ("p", "address")}
    redacted: list[str] = []

    kept = without_personal_text("p", value, redacted, declared.__contains__)

    assert kept == {"email": "a@b", "address": {"zip": "1"}}
    assert redacted == ["p.phone"]


def test_a_field_of_a_class_that_was_unknown_would_mostly_be_sent() -> None:
    """The guard is no burden: it hits few of the fields that are not personal."""
    fields = {
        name: field.personal or field.sensitive
        for cls in EVENT_TYPES.values()
        for name, field in event_fields(cls).items()
        if field.kind == "string"
    }
    hit = {n for n, personal in fields.items() if is_personal_name(n) and not personal}

    assert len(hit) < len(fields) / 12, hit


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*PERSONAL[:9], *IMPERSONAL[:9]]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_guarding_twice_is_guarding_once(value: Any) -> None:
    once = without_personal_text("p", value, [])
    redacted: list[str] = []

    assert without_personal_text("p", once, redacted) == once
    assert redacted == []


@given(JSON)
def test_every_change_is_counted(value: Any) -> None:
    """A value without a count is unchanged."""
    redacted: list[str] = []
    kept = without_personal_text("p", value, redacted)

    assert bool(redacted) is (json.dumps(kept) != json.dumps(value))


def test_many_long_names_take_linear_time() -> None:
    value = {f"{'a_' * 5_000}email{n}": "x" for n in range(200)}
    start = time.thread_time()

    assert without_personal_text("p", value, []) == {}
    assert time.thread_time() - start < 1
