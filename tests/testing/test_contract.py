"""Tests of Heap's contract, as `assert_legal` checks it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from braze_heap.testing._contract import assert_legal, problems
from tests.support.for_each import for_each


def track(**changes: object) -> dict[str, Any]:
    """Build a legal track, then change fields; a field set to Ellipsis is removed."""
    obj: dict[str, Any] = {
        "event": "Braze Email Click",
        "identity": "jane",
        "properties": {"link": "hero", "n": 3, "ratio": 0.5, "empty": ""},
        "timestamp": "2017-03-10T22:21:56+00:00",
        "idempotency_key": "key-1",
        **changes,
    }

    return {key: value for key, value in obj.items() if value is not ...}


def user(**changes: object) -> dict[str, Any]:
    """Build legal user properties, then change fields."""
    obj: dict[str, Any] = {
        "identity": "jane",
        "properties": {"braze_email": "opted_in"},
        **changes,
    }

    return {key: value for key, value in obj.items() if value is not ...}


class Call:
    """A call object like those of the library."""

    def __init__(self, plain: object) -> None:
        self._plain = plain

    def to_dict(self) -> object:
        """Return the object."""
        return self._plain


@pytest.mark.parametrize(
    "legal",
    [
        track(),
        track(properties={}),
        track(identity=..., user_id="0"),
        track(identity=..., user_id=str(2**53 - 1)),
        track(event="e" * 1024),
        track(identity="i" * 255),
        track(identity=" Jane "),
        track(identity="10"),
        track(identity="users"),
        track(identity="\U0001f600" * 127),
        track(properties={"k" * 1023: "v" * 1023}),
        track(properties={"\U0001f600" * 511: "\U0001f600" * 511}),
        track(properties={f"p{n}": n for n in range(1000)}),
        track(properties={"big": 2**53, "small": -(2**53), "float": 1e300}),
        track(properties={"id": "in events it is allowed", "user_id": "too"}),
        track(timestamp="1970-01-01T00:00:00Z"),
        track(timestamp="2099-12-31T23:59:59.999+00:00"),
        track(timestamp="2034-02-28T12:00:00.5-11:30"),
        track(idempotency_key="k" * 1023),
        track(session_id="17"),
        track(session_id=17),
        user(),
        user(properties={}),
        user(
            properties={
                "idx": 1,
                "userid": 2,
                "USER_ID": 3,
                "email": "jane@example.com",
            }
        ),
        {"identity": "jane"},
        {"user_id": "17"},
    ],
)
def test_values_at_the_limits_are_legal(legal: dict[str, Any]) -> None:
    """A call within every limit has no problems."""
    assert problems(legal) == []


ILLEGAL_TRACKS: list[tuple[str, dict[str, Any]]] = [
    ("call should have required property 'event'", track(event=...)),
    ("call.event should be string", track(event=None)),
    ("call.event should NOT be shorter than 1", track(event="")),
    ("call.event should NOT be longer than 1024", track(event="e" * 1025)),
    (
        "call.event should NOT be longer than 1024",
        track(event="\U0001f600" * 512 + "x"),
    ),
    ("call.event should not contain NUL", track(event="a\0b")),
    ("call.event should not contain a lone surrogate", track(event="a\ud800")),
    ("call should match exactly one", track(identity=...)),
    ("call should match exactly one", track(user_id="17")),
    ("call.identity should be string", track(identity=17)),
    ("call.identity should NOT be shorter than 1", track(identity="")),
    ("call.identity should NOT be longer than 255", track(identity="i" * 256)),
    ("call.identity should NOT be longer than 255", track(identity="\U0001f600" * 128)),
    ("call.identity should not be blank", track(identity=" \u2003")),
    ("call.identity should not contain control", track(identity="a\tb")),
    ("call.identity should not contain control", track(identity="a\x7fb")),
    ("call.identity should not contain control", track(identity="a\x85b")),
    ("call.identity should not contain U+FFFD", track(identity="a\ufffdb")),
    ("call.identity should not contain a lone surrogate", track(identity="\udfff")),
    ("call.user_id should be string", track(identity=..., user_id=17)),
    (
        "call.user_id should match pattern",
        track(identity=..., user_id="5b3ddc6f1cc18cd8f2a3d9c1"),
    ),
    ("call.user_id should match pattern", track(identity=..., user_id="-1")),
    ("call.user_id should match pattern", track(identity=..., user_id=str(2**53))),
    ("call.user_id should match pattern", track(identity=..., user_id="1\u0661")),
    ("call should have the property 'properties'", track(properties=...)),
    ("call.properties should be object", track(properties=[])),
    ("call.properties should be object", track(properties=None)),
    (
        "call.properties should NOT have more than 1000",
        track(properties={str(n): n for n in range(1001)}),
    ),
    ("call.properties.b should be array,number,string", track(properties={"b": True})),
    ("call.properties.b should be array,number,string", track(properties={"b": None})),
    ("call.properties.b should be array,number,string", track(properties={"b": {}})),
    ("call.properties.b should be number,string", track(properties={"b": ["x"]})),
    (
        "call.properties.b should be array,number,string",
        track(properties={"b": math.nan}),
    ),
    (
        "call.properties.b should be array,number,string",
        track(properties={"b": -math.inf}),
    ),
    ("call.properties.b should be an integer", track(properties={"b": 2**53 + 1})),
    ("call.properties.b should be an integer", track(properties={"b": -(10**5000)})),
    (
        "call.properties.b should NOT be longer than 1023",
        track(properties={"b": "v" * 1024}),
    ),
    (
        "call.properties.b should NOT be longer than 1023",
        track(properties={"b": "\U0001f600" * 512}),
    ),
    ("call.properties.b should not contain NUL", track(properties={"b": "\0"})),
    ("call.properties.b should not contain a lone", track(properties={"b": "\udc00"})),
    ("call.properties property name '' is invalid", track(properties={"": 1})),
    ("call.properties property name 'kkk", track(properties={"k" * 1024: 1})),
    ("(name) should not contain NUL", track(properties={"a\0": 1})),
    ("(name) should not contain a lone surrogate", track(properties={"\ud83d": 1})),
    ("call.properties property name <int> is invalid", track(properties={1: 1})),
    ("call should have the property 'timestamp'", track(timestamp=...)),
    ("call should have the property 'idempotency_key'", track(idempotency_key=...)),
    ("call.idempotency_key should be string", track(idempotency_key=7)),
    ("call.idempotency_key should NOT be shorter than 1", track(idempotency_key="")),
    (
        "call.idempotency_key should NOT be longer than 1023",
        track(idempotency_key="k" * 1024),
    ),
    ("call.session_id should be number,string", track(session_id=True)),
    ("call.session_id should be number,string", track(session_id=None)),
    ("call should NOT have additional properties: 'app_id'", track(app_id="11")),
    ("call should NOT have additional properties: <int>", {**track(), 5: 5}),  # type: ignore[dict-item]
    ("call should be encodable", track(properties={"b": object()})),
]


@for_each(("rule", "illegal"), ILLEGAL_TRACKS)
def test_violation_of_an_event_is_listed(rule: str, illegal: dict[str, Any]) -> None:
    """Each violation of an event is listed with its path."""
    found = problems(illegal)

    assert any(rule in problem for problem in found), found


SHARED = [
    "null",
    "undefined",
    "none",
    "nan",
    "anonymous",
    "guest",
    "user",
    "unknown",
    "0",
    "0000",
]
SHOUTED = [
    "NULL",
    "Undefined",
    "nAn",
    "Guest",
    "[REDACTED]",
    "[redacted]",
    " null ",
    "\tuser\n",
]


@pytest.mark.parametrize("word", [*SHARED, *SHOUTED])
def test_shared_identity_is_illegal(word: str) -> None:
    """An identity that many people share is illegal, in any case and with blanks."""
    found = problems({"identity": word})

    assert "call.identity should not be a word that many people share" in found


@pytest.mark.parametrize(
    "timestamp",
    [
        "2017-03-10T22:21:56.1234+00:00",
        "2017-03-10T22:21:56.1234567Z",
        "2017-03-10",
        "2017-03-10T22:21:56",
        "2017-03-10 22:21:56+00:00",
        "2017-03-10T22:21:56+0000",
        "2017-03-10T22:21+00:00",
        "2017-3-10T22:21:56+00:00",
        "2017-02-29T22:21:56+00:00",
        "2017-03-10T24:00:00+00:00",
        "2017-03-10T22:21:60+00:00",
        "2017-03-10T22:21:56+24:00",
        "2017-03-10T22:21:56+00:00\n",
        "\u0662017-03-10T22:21:56+00:00",
        "20170310T222156Z",
    ],
)
def test_timestamp_needs_a_valid_date_time_and_offset(timestamp: str) -> None:
    """A timestamp is a valid ISO 8601 date and time with an offset."""
    expected = ['call.timestamp should match format "date-time"']

    assert expected == problems(track(timestamp=timestamp))


@pytest.mark.parametrize(
    "timestamp",
    ["1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2099-12-31T23:00:00-02:00"],
)
def test_year_outside_1970_to_2099_is_illegal(timestamp: str) -> None:
    """The year of a timestamp in UTC is 1970 to 2099."""
    expected = ["call.timestamp should be in the years 1970 to 2099, in UTC"]

    assert expected == problems(track(timestamp=timestamp))


@pytest.mark.parametrize("key", ["id", "ID", "Id", "iD", "user_id"])
def test_reserved_user_property_is_illegal(key: str) -> None:
    """Heap reserves ``id`` in any case, and ``user_id``, for itself."""
    expected = [f"call.properties property name '{key}' is invalid"]

    assert expected == problems(user(properties={key: "x"}))


@pytest.mark.parametrize(
    ("rule", "illegal"),
    [
        ("call should have required property 'identity'", user(identity=...)),
        ("call should NOT have additional properties: 'user_id'", user(user_id="17")),
        ("call should NOT have additional properties: 'email'", user(email="a")),
        ("call.properties should be object", user(properties=[])),
        (
            "call.properties.b should be number,string",
            user(properties={"b": False}),
        ),
    ],
)
def test_violation_of_user_properties_is_listed(
    rule: str, illegal: dict[str, Any]
) -> None:
    """Each violation of user properties is listed with its path."""
    found = problems(illegal)

    assert any(rule in problem for problem in found), found


@pytest.mark.parametrize(
    "illegal", [{}, {"identity": "a", "user_id": "1"}, {"email": "a"}]
)
def test_deletion_names_exactly_one_person(illegal: dict[str, Any]) -> None:
    """A deletion with no person, two persons or another field is illegal."""
    assert problems(illegal)


@pytest.mark.parametrize("other", [None, [], "x", 5, [track()], Call(None)])
def test_value_that_is_not_an_object_is_illegal(other: object) -> None:
    """A call has to be a JSON object."""
    assert problems(other) == ["call should be object"]


def test_call_object_is_checked_as_its_dict() -> None:
    """An object with ``to_dict`` is checked as what that returns."""
    assert_legal(Call(track()))

    with pytest.raises(AssertionError, match="timestamp should match format"):
        assert_legal(Call(track(timestamp="now")))


def test_error_lists_all_violations() -> None:
    """The error lists all violations, each on its own line."""
    with pytest.raises(AssertionError) as caught:
        assert_legal(track(event="", identity="null", properties={"x": None}))

    assert len(str(caught.value).splitlines()) == 4


def test_error_shows_no_values() -> None:
    """The error shows paths, but no values, because they may be personal."""
    with pytest.raises(AssertionError) as caught:
        assert_legal(
            track(
                identity="jane@example.com\0", properties={"mail": ["jane@example.com"]}
            )
        )

    assert "jane" not in str(caught.value)


def test_event_without_a_name_is_still_an_event() -> None:
    """An item with an idempotency key is an event, even if its name is missing."""
    found = problems({"identity": "jane", "properties": {}, "idempotency_key": "a"})

    assert "call should have required property 'event'" in found


def test_value_that_json_cannot_encode_is_illegal() -> None:
    """Circular and deeply nested values are violations, and do not crash the check."""
    circle: dict[str, Any] = {}
    circle["self"] = circle
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    found = [
        problems(track(properties=circle)),
        problems(track(properties={"deep": deep})),
    ]

    assert all(any("encodable" in problem for problem in each) for each in found)
