"""Tests of Heap's calls."""

from typing import Any

import pytest

from braze_heap.heap.calls import (
    AddUserProperties,
    DeleteUser,
    Track,
    timestamp,
    to_idempotency_key,
)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            Track("e", "a", "2025-01-02", "k", {"p": "é"}),
            (
                '{"event":"e","identity":"a","timestamp":"2025-01-02",'
                '"idempotency_key":"k","properties":{"p":"é"}}'
            ),
        ),
        (
            AddUserProperties("somebody", {"p": 1}),
            '{"identity":"somebody","properties":{"p":1}}',
        ),
        (DeleteUser("somebody"), '{"identity":"somebody"}'),
    ],
)
def test_call_as_json_line(call: Any, expected: str) -> None:
    """A line in a file of calls equals the object sent to Heap."""
    assert call.to_json() == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1, "1970-01-01T00:00:01+00:00"),
        (1763900000, "2025-11-23T12:13:20+00:00"),
        (1763900000.123, "2025-11-23T12:13:20.123+00:00"),
        (4102444799, "2099-12-31T23:59:59+00:00"),
        (4102444799.9999, "2099-12-31T23:59:59.999+00:00"),
    ],
)
def test_timestamp_format(seconds: float, expected: str) -> None:
    """
    Timestamps are ISO 8601 in UTC with an offset, and with milliseconds for floats.
    """
    assert timestamp(seconds) == expected


@pytest.mark.parametrize("key", ["7c6e5b0b-6987", "a" * 255])
def test_legal_event_id_is_the_idempotency_key(key: str) -> None:
    """A legal event id is used unchanged as idempotency key."""
    assert to_idempotency_key(key) == key


@pytest.mark.parametrize("key", ["a" * 256, "é", "a\n", "\ud800"])
def test_illegal_event_id_is_hashed(key: str) -> None:
    """An illegal event id is replaced by its SHA-256."""
    assert len(to_idempotency_key(key)) == 64


def test_repr_hides_identity_and_values() -> None:
    """The repr of a call contains neither the identity nor any value."""
    calls = [
        Track("Event", "secret-person", timestamp(1), "key", {"p": "secret"}),
        AddUserProperties("secret-person", {"p": "secret"}),
        DeleteUser("secret-person"),
    ]

    assert "secret" not in repr(calls)


def test_order_of_user_properties() -> None:
    """The newest value wins, except for first sessions, whose earliest wins."""
    call = AddUserProperties("somebody", {}, time=5.0, event_id="e")

    assert call.order("braze_app_1_last_session_at") == (5.0, "e")
    assert call.order("braze_app_1_first_session_at") == (-5.0, "e")
