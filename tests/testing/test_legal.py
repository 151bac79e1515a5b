"""Tests of the independent judge of Heap's contract."""

from __future__ import annotations

import math
from typing import Any

import pytest

from braze_heap.testing._legal import assert_legal, problems


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
    """A call object the way the library makes them."""

    def __init__(self, plain: object) -> None:
        self._plain = plain

    def to_dict(self) -> object:
        """Give the plain object."""
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
def test_legal_calls_pass(legal: dict[str, Any]) -> None:
    """What lies on the legal side of every limit has no problems."""
    assert problems(legal) == []


ILLEGAL_TRACKS: list[tuple[str, dict[str, Any]]] = [
    ("event: should be present", track(event=...)),
    ("event: should be a string", track(event=None)),
    ("event: should not be empty", track(event="")),
    ("event: should be at most 1024", track(event="e" * 1025)),
    ("event: should be at most 1024", track(event="\U0001f600" * 512 + "x")),
    ("event: should not hold NUL", track(event="a\0b")),
    ("event: should not hold a lone surrogate", track(event="a\ud800")),
    ("identity: exactly one", track(identity=...)),
    ("identity: exactly one", track(user_id="17")),
    ("identity: should be a string", track(identity=17)),
    ("identity: should not be empty", track(identity="")),
    ("identity: should be at most 255", track(identity="i" * 256)),
    ("identity: should be at most 255", track(identity="\U0001f600" * 128)),
    ("identity: should not be blank", track(identity=" \u2003")),
    ("identity: should not hold control", track(identity="a\tb")),
    ("identity: should not hold control", track(identity="a\x7fb")),
    ("identity: should not hold control", track(identity="a\x85b")),
    ("identity: should not hold U+FFFD", track(identity="a\ufffdb")),
    ("identity: should not hold a lone surrogate", track(identity="\udfff")),
    ("user_id: should be the text", track(identity=..., user_id=17)),
    (
        "user_id: should be the text",
        track(identity=..., user_id="5b3ddc6f1cc18cd8f2a3d9c1"),
    ),
    ("user_id: should be the text", track(identity=..., user_id="-1")),
    ("user_id: should be the text", track(identity=..., user_id=str(2**53))),
    ("user_id: should be the text", track(identity=..., user_id="1\u0661")),
    ("properties: should be present", track(properties=...)),
    ("properties: should be an object", track(properties=[])),
    ("properties: should be an object", track(properties=None)),
    (
        "properties: should have at most 1000",
        track(properties={str(n): n for n in range(1001)}),
    ),
    ("properties['b']: should be a string or a number", track(properties={"b": True})),
    ("properties['b']: should be a string or a number", track(properties={"b": None})),
    ("properties['b']: should be a string or a number", track(properties={"b": {}})),
    ("properties['b']: should be a string or a number", track(properties={"b": ["x"]})),
    ("properties['b']: should be finite", track(properties={"b": math.nan})),
    ("properties['b']: should be finite", track(properties={"b": -math.inf})),
    ("properties['b']: should be an integer", track(properties={"b": 2**53 + 1})),
    ("properties['b']: should be an integer", track(properties={"b": -(10**5000)})),
    ("properties['b']: should be at most 1023", track(properties={"b": "v" * 1024})),
    (
        "properties['b']: should be at most 1023",
        track(properties={"b": "\U0001f600" * 512}),
    ),
    ("properties['b']: should not hold NUL", track(properties={"b": "\0"})),
    ("properties['b']: should not hold a lone", track(properties={"b": "\udc00"})),
    ("properties[''] (key): should not be empty", track(properties={"": 1})),
    ("(key): should be at most 1023", track(properties={"k" * 1024: 1})),
    ("(key): should not hold NUL", track(properties={"a\0": 1})),
    ("(key): should not hold a lone surrogate", track(properties={"\ud83d": 1})),
    ("properties[<int>] (key): should be a string", track(properties={1: 1})),
    ("timestamp: should be present", track(timestamp=...)),
    ("idempotency_key: should be present", track(idempotency_key=...)),
    ("idempotency_key: should be a string", track(idempotency_key=7)),
    ("idempotency_key: should not be empty", track(idempotency_key="")),
    ("idempotency_key: should be at most 1023", track(idempotency_key="k" * 1024)),
    ("session_id: should be", track(session_id=True)),
    ("session_id: should be", track(session_id=None)),
    ("'app_id': is not a field", track(app_id="11")),
    ("<int>: is not a field", {**track(), 5: 5}),  # type: ignore[dict-item]
    ("call: should be encodable", track(properties={"b": object()})),
]


@pytest.mark.parametrize(("rule", "illegal"), ILLEGAL_TRACKS)
def test_illegal_tracks_are_named(rule: str, illegal: dict[str, Any]) -> None:
    """Every broken rule of a track is told with its path."""
    found = problems(illegal, "track")

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
def test_shared_identities_are_illegal(word: str) -> None:
    """An identity that many people share is refused in any casing and padding."""
    found = problems({"identity": word})

    assert "identity: should not be a word that many people share" in found


@pytest.mark.parametrize(
    "timestamp",
    [
        "2017-03-10T22:21:56.1234+00:00",
        "2017-03-10T22:21:56.1234567Z",
        1489184516,
        "",
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
def test_timestamps_without_offset_or_sense_are_illegal(timestamp: object) -> None:
    """A timestamp is a complete ISO 8601 moment with its offset."""
    assert problems(track(timestamp=timestamp)) == [
        "timestamp: should be ISO 8601 with offset"
    ]


@pytest.mark.parametrize(
    "timestamp",
    ["1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2099-12-31T23:00:00-02:00"],
)
def test_years_are_bounded(timestamp: str) -> None:
    """A moment before 1970 or after 2099, in UTC, is a mistake and no event time."""
    expected = ["timestamp: should lie in the years 1970 to 2099, in UTC"]

    assert expected == problems(track(timestamp=timestamp))


@pytest.mark.parametrize("key", ["id", "ID", "Id", "iD", "user_id"])
def test_reserved_user_properties_are_illegal(key: str) -> None:
    """Heap reserves ``id`` in any casing and ``user_id`` among user properties."""
    expected = [f"properties['{key}']: is a name that Heap reserves"]

    assert expected == problems(user(properties={key: "x"}))


@pytest.mark.parametrize(
    ("rule", "illegal"),
    [
        ("identity: exactly one", user(identity=...)),
        ("'user_id': is not a field", user(user_id="17")),
        ("'timestamp': is not a field", user(timestamp="2017-03-10T22:21:56+00:00")),
        ("properties: should be an object", user(properties=[])),
        (
            "properties['b']: should be a string or a number",
            user(properties={"b": False}),
        ),
    ],
)
def test_illegal_user_properties_are_named(rule: str, illegal: dict[str, Any]) -> None:
    """Every broken rule of user properties is told with its path."""
    found = problems(illegal)

    assert any(rule in problem for problem in found), found


@pytest.mark.parametrize(
    "illegal", [{}, {"identity": "a", "user_id": "1"}, {"email": "a"}]
)
def test_deletions_name_exactly_one_person(illegal: dict[str, Any]) -> None:
    """A deletion names one person and nothing else."""
    assert problems(illegal)


@pytest.mark.parametrize("other", [None, [], "x", 5, [track()], Call(None)])
def test_other_things_are_no_calls(other: object) -> None:
    """What is no object is no call."""
    assert problems(other) == ["call: should be an object"]


def test_call_objects_are_judged_by_their_plain_form() -> None:
    """An object with ``to_dict`` is judged by what that gives."""
    assert_legal(Call(track()))

    with pytest.raises(AssertionError, match="timestamp: should be ISO 8601"):
        assert_legal(Call(track(timestamp="now")))


def test_every_problem_is_told_at_once() -> None:
    """The error lists all broken rules, each on its line."""
    with pytest.raises(AssertionError) as caught:
        assert_legal(track(event="", identity="null", properties={"x": None}))

    assert len(str(caught.value).splitlines()) == 4


def test_values_are_never_shown() -> None:
    """The error tells paths and rules, no personal values."""
    with pytest.raises(AssertionError) as caught:
        assert_legal(
            track(
                identity="jane@example.com\0", properties={"mail": ["jane@example.com"]}
            )
        )

    assert "jane" not in str(caught.value)


def test_a_named_kind_overrules_the_guess() -> None:
    """A track that lost its event is still judged as a track when told so."""
    assert "event: should be present" in problems(user(), "track")


def test_circular_and_deep_values_are_illegal() -> None:
    """What JSON cannot write is a problem, not a crash."""
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
