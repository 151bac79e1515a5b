"""
Who an event is about: taken as it is, or not at all.
"""

import pytest

from braze_heap.events import EmailClick
from braze_heap.identity import IdentityError, checked_identity, first_of, identify_by
from braze_heap.parsing import parse_event
from braze_heap.reasons import Reason, SkipReason
from braze_heap.testing import make_event, make_raw


@pytest.mark.parametrize(
    "value",
    ["cust-1", "a" * 255, "Été", " padded ", "nullable", "100", "00a", "🎉" * 127]
    + ["Été 1", "é" * 255, "a\x7e\xa0\ud7ff\ue000\ufffc", "\ufffe"],
)
def test_an_identity_is_taken_as_it_is(value: str) -> None:
    """
    Text that can name one person is not changed in any way.
    """
    assert checked_identity(value) == value


def test_a_whole_number_is_its_decimal_text() -> None:
    """
    A number as external id stands for its digits.
    """
    assert checked_identity(42) == "42"


@pytest.mark.parametrize("value", [None, "", " ", "\t\n", "\u2003"])
def test_no_identity_is_skipped(value: object) -> None:
    """
    A missing, empty or blank identity is no fault of the event.
    """
    with pytest.raises(IdentityError) as caught:
        checked_identity(value)

    assert caught.value.reason is SkipReason.NO_IDENTITY


@pytest.mark.parametrize(
    "value",
    [True, False, 1.5, [], {}, ["a"], "null", "NULL", " none ", "undefined", "NaN"]
    + ["anonymous", "Guest", "user", "unknown", "[REDACTED]", "0", "000", 0]
    + ["00000000-0000-0000-0000-000000000000", "a\x00b", "a\nb", "a\x7f", "a\x85"]
    + ["a\ufffd", "a\ud800", "a\udfff", "a\x1f", "a\x9f", "-"],
)
def test_what_many_could_share_is_refused(value: object) -> None:
    """
    Heap would merge everyone with such an identity, for ever.
    """
    with pytest.raises(IdentityError) as caught:
        checked_identity(value)

    assert caught.value.reason is Reason.BAD_IDENTITY
    assert str(caught.value) == "bad_identity"


@pytest.mark.parametrize("value", ["a" * 256, "🎉" * 128, 10**300, 10**5000], ids=type)
def test_a_long_identity_is_refused_not_cut(value: object) -> None:
    """
    Over 255 UTF-16 units, cutting would merge people.
    """
    with pytest.raises(IdentityError) as caught:
        checked_identity(value)

    assert caught.value.reason is Reason.IDENTITY_TOO_LONG


def test_a_number_of_255_digits_is_taken() -> None:
    """
    Its decimal text is as long as an identity may be.
    """
    number = 10**255 - 1

    assert checked_identity(number) == "9" * 255


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (("e", "u"), "e"),
        ((None, "u"), "braze:u"),
        ((" ", "u"), "braze:u"),
        (("", "u"), "braze:u"),
        ((None, 7), 7),
        ((None, " "), None),
        ((None, None), None),
    ],
)
def test_the_first_id_that_there_is_names_the_user(
    ids: tuple[object, object], expected: object
) -> None:
    """
    The others carry the prefix, so that two kinds of ids are never taken for one.
    """
    event = make_event(EmailClick)
    event.external_user_id, event.user_id = ids  # type: ignore[assignment]

    identify = first_of("external_user_id", "user_id", prefix="braze:")
    assert identify(event) == expected


def test_an_identity_of_another_type_is_seen() -> None:
    """
    What does not fit its field lies beside it, and is no missing identity.
    """
    raw = make_raw("users.messages.email.Click")
    raw["user"]["external_user_id"] = ["a"]
    event = parse_event(raw)

    assert identify_by("external_user_id")(event) == ["a"]
    assert identify_by("user_id")(event) == event.user_id


def test_a_field_that_names_nobody_is_an_error() -> None:
    """
    Only the two ids of Braze can be named.
    """
    with pytest.raises(ValueError, match="not 'email'"):
        identify_by("email")  # type: ignore[arg-type]
