"""Tests of the search for a person: forms of an id, and suspicions."""

import base64
import gzip
import html
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from braze_heap.state import DeadRecord, Purged, SqliteDeadLetter, search

AT = datetime(2024, 1, 1, tzinfo=UTC)

PHONE = "+4915112345678"
EMAIL = "Jané.Doe+tag@Example.com"

people = pytest.mark.parametrize("person", [PHONE, EMAIL, "cust-4711", "Søren-1234"])


def event(properties: object) -> DeadRecord:
    return DeadRecord.of({"id": "1", "properties": properties}, "bad_time", "", AT)


def body(data: bytes) -> DeadRecord:
    zipped = data.startswith(b"\x1f\x8b")
    return DeadRecord.of(data, "unreadable", "", AT, zipped=zipped)


def outcome(record: DeadRecord, person: str) -> str:
    """Return ``removed``, ``suspected`` or ``kept``."""
    found = search([record], person)
    return "removed" if found.keys else "suspected" if found.suspected else "kept"


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04X}" for character in text)


@people
@pytest.mark.parametrize(
    "written",
    [
        lambda p: {"x": p},
        lambda p: {"x": p.upper()},
        lambda p: {"x": f" {p}\n"},
        lambda p: {p: True},
        lambda p: [[{"x": [p]}]],
        lambda p: {"x": json.dumps({"y": json.dumps([p])})},
        lambda p: {"x": json.dumps({"y": json.dumps([p])})[:-3]},
        lambda p: {"x": f'{{"y": "{escaped(p)}"}}'},
        lambda p: {"x": f"https://example.com/?a=1&e={quote(p)}&z=2"},
        lambda p: {"x": f"https://example.com/?u={quote(quote(p))}"},
        lambda p: {"x": f"<p>{''.join(f'&#{ord(c)};' for c in p)}</p>"},
        lambda p: {"x": f"Write to {html.escape(p)}."},
    ],
)
def test_an_event_with_the_person_in_any_place_is_removed(
    person: str, written: Callable[[str], object]
) -> None:
    """The person is found in every field and key, in JSON text, URLs and other text."""
    assert outcome(event(written(person)), person) == "removed"
    assert outcome(event(written("somebody-else")), person) == "kept"


@people
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("write", [str, str.upper, escaped, quote, json.dumps])
def test_a_body_in_any_encoding_is_removed(
    person: str, encoding: str, write: Callable[[str], str]
) -> None:
    """The person is found in plain, compressed and damaged bodies, with any escapes."""
    data = f'{{"events": [{{"x": "{write(person)}"'.encode(encoding)
    noise = bytes(range(256)) * 40

    assert outcome(body(data), person) == "removed"
    assert outcome(body(gzip.compress(data)), person) == "removed"
    assert outcome(body(gzip.compress(gzip.compress(data))), person) == "removed"
    assert outcome(body(gzip.compress(data + noise)[:-9]), person) == "removed"


@pytest.mark.parametrize(
    "written",
    ["4915112345678", "004915112345678", "+49 (151) 123-45678", "tel:+4915112345678"]
    + [4915112345678],
)
def test_a_phone_number_is_found_in_other_forms(written: object) -> None:
    """A phone number is found with other prefixes and separators."""
    assert outcome(event({"x": written}), PHONE) == "removed"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"user_id": 42}, "removed"),
        ({"customerId": "42"}, "removed"),
        ({"nested": [{"member_id": 42.0}]}, "removed"),
        ({"answer": "42"}, "suspected"),
        ({"answer": 42}, "suspected"),
        ({"x": "order 42"}, "suspected"),
        ({"x": "order 421"}, "kept"),
        ({"user_id": "421", "x": 1.42, "y": True}, "kept"),
    ],
)
def test_a_short_id_is_certain_only_in_an_identity_field(
    properties: object, expected: str
) -> None:
    """Elsewhere a short text may be a coincidence, so it is only suspected."""
    assert outcome(event(properties), "42") == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"user_id": 42, ', "removed"),
        (b'{"external_user_id":"42"', "removed"),
        (b'{"time": 42, ', "suspected"),
        (b'{"time": 1042, ', "kept"),
    ],
)
def test_a_short_id_in_a_body_is_certain_only_in_an_identity_field(
    data: bytes, expected: str
) -> None:
    """The name of the field before the id decides."""
    assert outcome(body(data), "42") == expected


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (body(gzip.compress(b"somebody")[:-4]), "damaged"),
        (body(b"PK\x03\x04..."), "zip"),
        (event({"x": f"braze_{PHONE}@cust-4711"}), "longer word"),
        (event({"x": base64.b64encode(b"ab cust-4711").decode()}), "Base64"),
    ],
)
def test_a_suspected_record_has_a_reason(record: DeadRecord, why: str) -> None:
    """A record that cannot be searched, or only may match, is kept and named."""
    found = search([record], "cust-4711")

    assert found.keys == []
    assert [*found.suspected] == [record.key]
    assert why in found.suspected[record.key]


def test_other_people_are_not_suspected() -> None:
    """Ids that contain the identity are different people."""
    others = ["cust-47110", "cust-4711a", "acust-4711", "14711", "cust-471"]

    found = search([event({"user_id": other}) for other in others], "cust-4711")

    assert found.keys == []
    assert len(found.suspected) <= 1  # cust-4711a


def test_the_outcome_names_the_suspected_records(tmp_path: Path) -> None:
    """Suspected records are named by key, and a predicate removes them."""
    with SqliteDeadLetter(tmp_path / "dead.db") as store:
        store.append([event({"user_id": "42"}), event({"x": "42"}), event({"x": "43"})])

        purged = store.purge("42")

        (key,) = purged.suspected
        assert purged.removed == 1
        assert str(purged) == f"1 removed, 1 suspected and kept ({key[:64]})"
        assert store.purge(lambda r: r.key in purged.suspected) == Purged(1)
        assert store.stats().records == 1


@pytest.mark.parametrize(("number", "end"), [(3, "c" * 64), (4, "c" * 64 + ", ...")])
def test_the_outcome_shows_three_keys(number: int, end: str) -> None:
    """Each key is cut after 64 characters, and an ellipsis is for the rest."""
    suspected = {letter * 70: "why" for letter in "abcd"[:number]}
    shown = f"{'a' * 64}, {'b' * 64}, {end}"

    assert str(Purged(0, suspected)) == (
        f"0 removed, {number} suspected and kept ({shown})"
    )


def test_a_url_in_latin_1_is_searched() -> None:
    """Percent-encoded bytes may be Latin-1 as well as UTF-8."""
    url = f"https://example.com/?u={quote('Søren-1234', encoding='latin-1')}"

    assert outcome(event({"x": url}), "Søren-1234") == "removed"
    assert outcome(event({"x": url}), "Sören-1234") == "kept"


@pytest.mark.parametrize("person", ["", " ", 42, None])
def test_a_blank_identity_raises(person: object) -> None:
    """An identity that is blank or not a string raises."""
    with pytest.raises(ValueError, match="must be text, not"):
        search([], person)  # type: ignore[arg-type]


@given(st.text(min_size=1).filter(str.strip), st.text())
@example("CORP\\Jané", "")
@example('%11"', "")
def test_a_search_accepts_any_text(person: str, other: str) -> None:
    """A search never raises, and finds the identity in an identity field."""
    record = event({"user_id": person, "x": other})

    assert search([record, body(other.encode("utf-8", "replace"))], person).keys


@pytest.mark.parametrize("person", ["DOMAIN\\jdoe17", 'O"Neil-17', EMAIL])
@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_escapes_do_not_hide_a_person(person: str, times: int) -> None:
    """The person is found in JSON that was encoded as JSON several times."""
    text = person
    for _ in range(times):
        text = json.dumps({"x": text})

    assert outcome(event({"x": text}), person) == "removed"
    assert outcome(body(json.dumps({"x": text})[:-1].encode()), person) == "removed"


@people
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_json_within_base64_is_suspected(
    person: str, encode: Callable[[bytes], bytes]
) -> None:
    """The escapes of JSON inside Base64 do not hide a person."""
    data = encode(json.dumps({"person": person}).encode())

    assert outcome(body(data), person) == "suspected"
    assert outcome(event({"x": data.decode()}), person) == "suspected"
