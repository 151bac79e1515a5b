"""Suppressed people and samples are decided by the identity, alike for all types."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap.events import EmailSend
from braze_heap.policies.sampling import Sampling, share_of, suppressor
from braze_heap.policies.selection import DELIVERY

SEND, CLICK = "users.messages.email.Send", "users.messages.email.Click"


@pytest.mark.parametrize(
    "suppress",
    [
        {"cust-1"},
        ["cust-1"],
        {"cust-1": 1},
        "cust-1 x".split(),
        lambda i: i == "cust-1",
    ],
)
def test_a_container_or_function_suppresses(suppress: Any) -> None:
    decide = suppressor(suppress)

    assert decide is not None
    assert decide("cust-1")
    assert not decide("cust-2")


def test_a_set_that_grows_is_up_to_date() -> None:
    """Deleted people are added while the process runs."""
    deleted: set[str] = set()
    decide = suppressor(deleted)
    deleted.add("cust-1")

    assert decide is not None
    assert decide("cust-1")


class Filter:
    """A container that cannot be iterated, such as a Bloom filter."""

    def __contains__(self, identity: object) -> bool:
        return identity == "cust-1"


def test_a_container_needs_nothing_but_in() -> None:
    decide = suppressor(Filter())

    assert decide is not None
    assert decide("cust-1")


async def in_database(identity: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("suppress", "message"),
    [
        ("cust-1", "write suppress="),
        (b"cust-1", "a set of identities or a function"),
        ({1, 2}, "contains an int, which is never equal"),
        (5, "must be a function of an identity"),
        (set, "not the class set"),
        (in_database, "is async"),
        (lambda: True, "is called with an identity"),
        (iter(["cust-1"]), "must be a function of an identity"),
    ],
)
def test_any_other_suppression_is_an_error(suppress: Any, message: str) -> None:
    """Text would match parts of identities, and numbers would never match."""
    with pytest.raises(TypeError, match=message):
        suppressor(suppress)


def test_nobody_is_suppressed_by_default() -> None:
    assert suppressor(None) is None


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_sample_contains_a_smaller_one(
    identity: str, one: float, other: float
) -> None:
    """So a funnel from a type at 10 % to one at 50 % loses nobody."""
    small, large = sorted((one, other))
    sampling = Sampling({"EmailSend": small, "EmailClick": large})

    assert sampling.keeps(identity, SEND) <= sampling.keeps(identity, CLICK)


@given(st.text())
def test_nobody_is_in_a_sample_of_0_and_everybody_in_one_of_1(identity: str) -> None:
    sampling = Sampling({"EmailSend": 0, "EmailClick": 1})

    assert not sampling.keeps(identity, SEND)
    assert sampling.keeps(identity, CLICK)
    assert sampling.keeps(identity, "users.messages.email.Open")


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
@pytest.mark.parametrize(
    "template", ["{}", "cust-{:08}", "5f7c{:020x}", "{}@acme.example"]
)
def test_a_sample_has_its_share_of_any_kind_of_identities(
    rate: float, template: str
) -> None:
    """Numbers in sequence are spread as evenly as random ids."""
    kept = sum(share_of(template.format(n)) < rate for n in range(20_000))

    assert kept / 20_000 == pytest.approx(rate, abs=0.012)


def test_the_hash_is_the_same_in_every_process() -> None:
    """Python's own hash of text differs from process to process."""
    code = (
        "from braze_heap.policies.sampling import share_of; print(share_of('cust-1'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert float(done.stdout) == share_of("cust-1") == 0.30805735064136996


def test_an_identity_with_a_lone_surrogate_has_a_share() -> None:
    """It is text, and no text makes sampling fail."""
    assert 0 <= share_of("\ud800") < 1


@pytest.mark.parametrize(
    ("sample", "rates"),
    [
        ({"EmailSend": 0.1}, (0.1, 1)),
        ({EmailSend: 0.1}, (0.1, 1)),
        ({"channel:email": 0.1}, (0.1, 0.1)),
        ({"channel:email": 0.1, "EmailClick": 1}, (0.1, 1)),
        ({"EmailClick": 1, "channel:email": 0.1}, (0.1, 1)),
        ({"delivery": 0.2, "channel:email": 0.2}, (0.2, 0.2)),
        ({DELIVERY: 0.2, "EmailClick": 0.5}, (0.2, 0.5)),
        ({}, (1, 1)),
    ],
)
def test_a_choice_of_one_type_wins_over_one_of_several(
    sample: Any, rates: tuple[float, float]
) -> None:
    """In the same words as ``include``, in any order."""
    sampling = Sampling(sample)

    assert (sampling.rate_of(SEND), sampling.rate_of(CLICK)) == rates


def test_types_without_a_class_are_sampled_by_glob() -> None:
    sampling = Sampling({"users.messages.*": 0.1})

    assert sampling.rate_of("users.messages.fax.Send") == 0.1
    assert sampling.rate_of("users.fax.Send") == 1


@pytest.mark.parametrize(
    ("sample", "error", "message"),
    [
        (0.1, TypeError, r"such as \{'EmailSend': 0.1\}"),
        ({"EmailSend": "0.1"}, TypeError, "must be a number"),
        ({"EmailSend": True}, TypeError, "must be a number"),
        ({"EmailSend": 10}, ValueError, "from 0 to 1, not 10: write 0.1 for 10 %"),
        ({"EmailSend": -0.1}, ValueError, "from 0 to 1"),
        ({"EmailSend": float("nan")}, ValueError, "from 0 to 1"),
        ({"EmailSent": 0.1}, ValueError, "sample: .* Did you mean 'EmailSend'"),
        ({"delivery": 0.1, "channel:email": 0.2}, ValueError, "two shares, 0.1 and"),
        ({"EmailSend": 0.1, SEND: 0.2}, ValueError, "two shares, 0.1 and"),
    ],
)
def test_a_wrong_sample_is_an_error(
    sample: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Sampling(sample)
