"""
Who an event is about: taken as it is, or not at all.
"""

import pytest

from braze_heap.identity import IdentityError, checked_identity
from braze_heap.reasons import Reason, SkipReason


@pytest.mark.parametrize(
    "value",
    ["cust-1", "a" * 255, "Été", " padded ", "nullable", "100", "00a", "🎉" * 127],
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
    + ["a\ufffd", "a\ud800"],
)
def test_what_many_could_share_is_refused(value: object) -> None:
    """
    Heap would merge everyone with such an identity, for ever.
    """
    with pytest.raises(IdentityError) as caught:
        checked_identity(value)

    assert caught.value.reason is Reason.BAD_IDENTITY


@pytest.mark.parametrize("value", ["a" * 256, "🎉" * 128, 10**300, 10**5000], ids=type)
def test_a_long_identity_is_refused_not_cut(value: object) -> None:
    """
    Over 255 UTF-16 units, cutting would merge people.
    """
    with pytest.raises(IdentityError) as caught:
        checked_identity(value)

    assert caught.value.reason is Reason.IDENTITY_TOO_LONG
