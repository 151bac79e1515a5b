"""
How much is taken in at once.
"""

import threading

import pytest

from braze_heap.receiver import Limits
from braze_heap.receiver._admission import Admission, CapacityError


@pytest.mark.parametrize("name", ["body", "events", "requests", "body_seconds"])
def test_a_limit_of_nothing_is_an_error(name):
    """
    Zero of anything is refused; the least above it is a limit.
    """
    with pytest.raises(ValueError, match="positive"):
        Limits(**{name: 0})

    assert getattr(Limits(**{name: 1}), name) == 1


def test_a_body_must_fit_into_the_hand():
    """
    As much as one body is enough, less is an error.
    """
    assert Limits(body=10, in_flight=10).in_flight == 10
    with pytest.raises(ValueError, match="one body"):
        Limits(body=10, in_flight=9)


def test_bytes_are_held_until_the_request_is_done():
    """
    What the block took is given back when it ends, also by an exception.
    """
    admission = Admission(Limits(body=10, in_flight=10))

    def fail() -> None:
        with admission.buffer() as buffer:
            assert buffer.append(b"abc")
            assert buffer.append(b"de")
            assert (admission.in_flight, buffer.body()) == ((0, 5), b"abcde")
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert admission.in_flight == (0, 0)


def test_one_who_holds_everything_is_truncated():
    """
    A request that is alone takes all there is room for, and is told that this is all.
    """
    admission = Admission(Limits(body=10, in_flight=10))
    with admission.buffer() as buffer:
        assert buffer.append(b"x" * 10)
        assert not buffer.is_truncated
        assert not buffer.append(b"yz")

        assert (buffer.is_truncated, buffer.size, buffer.body()) == (
            True,
            10,
            b"x" * 10,
        )


def test_two_do_not_hold_more_than_there_is_room_for():
    """
    The second one is put off where the first one's bytes leave no room, and not before.
    """
    admission = Admission(Limits(body=10, in_flight=10))
    with admission.buffer() as first, admission.buffer() as second:
        first.append(b"x" * 6)
        assert second.append(b"y" * 4)
        with pytest.raises(CapacityError):
            second.append(b"z")

        assert admission.in_flight == (0, 10)


def test_places_are_as_many_as_requests():
    """
    One more has none; a place that was left is free again.
    """
    admission = Admission(Limits(requests=2))
    with admission.slot():
        with admission.slot():
            assert admission.in_flight == (2, 0)
            with pytest.raises(CapacityError), admission.slot():
                pass
        with admission.slot():
            assert admission.in_flight == (2, 0)

    assert admission.in_flight == (0, 0)


def test_a_closed_hand_takes_nothing():
    """
    No bytes and no place, and nothing is left to wait for.
    """
    admission = Admission(Limits())
    assert admission.is_open

    assert admission.close(0.0) is True
    assert not admission.is_open
    with pytest.raises(CapacityError), admission.buffer():
        pass
    with pytest.raises(CapacityError), admission.slot():
        pass


def test_closing_waits_for_what_is_in_flight():
    """
    It tells that one is left when time is over, and returns when the last one is done.
    """
    admission = Admission(Limits())
    told = []
    closing = threading.Thread(target=lambda: told.append(admission.close(30.0)))
    with admission.slot():
        assert admission.close(0.0) is False
        closing.start()
    closing.join(5.0)

    assert told == [True]
