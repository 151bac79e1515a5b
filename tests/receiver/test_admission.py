"""Tests of limits and of requests in flight."""

import threading

import pytest

from braze_heap.receiver import Limits
from braze_heap.receiver._admission import Admission, CapacityError


@pytest.mark.parametrize("name", ["body", "events", "requests", "body_seconds"])
def test_a_limit_of_zero_is_an_error(name):
    """Each limit must be positive; 1 is accepted."""
    with pytest.raises(ValueError, match="must be at least"):
        Limits(**{name: 0})

    assert getattr(Limits(**{name: 1}), name) == 1


def test_in_flight_must_be_at_least_one_body():
    """As many bytes as one body are enough, fewer are an error."""
    assert Limits(body=10, in_flight=10).in_flight == 10
    with pytest.raises(ValueError, match="one body"):
        Limits(body=10, in_flight=9)


def test_bytes_are_in_flight_until_the_request_ends():
    """The bytes of a buffer are released when the block ends, also by an exception."""
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


def test_a_single_request_is_truncated_at_the_limit():
    """The only request gets all bytes that are left, and stops reading."""
    admission = Admission(Limits(body=10, in_flight=10))
    with admission.buffer() as buffer:
        assert buffer.append(b"x" * 10)
        assert not buffer.is_truncated
        assert not buffer.append(b"yz")

        assert buffer.is_truncated
        assert (buffer.size, buffer.body()) == (10, b"x" * 10)


def test_concurrent_requests_share_the_limit():
    """The second request raises only if the first leaves too few bytes."""
    admission = Admission(Limits(body=10, in_flight=10))
    with admission.buffer() as first, admission.buffer() as second:
        first.append(b"x" * 6)
        assert second.append(b"y" * 4)
        with pytest.raises(CapacityError):
            second.append(b"z")

        assert admission.in_flight == (0, 10)


def test_slots_are_bounded_by_requests():
    """One more slot raises; a released slot can be used again."""
    admission = Admission(Limits(requests=2))
    with admission.slot():
        with admission.slot():
            assert admission.in_flight == (2, 0)
            with pytest.raises(CapacityError), admission.slot():
                pass
        with admission.slot():
            assert admission.in_flight == (2, 0)

    assert admission.in_flight == (0, 0)


def test_a_closed_admission_rejects_requests():
    """A buffer or a slot raises after `close`."""
    admission = Admission(Limits())
    assert admission.is_open

    assert admission.close(0.0) is True
    assert not admission.is_open
    with pytest.raises(CapacityError), admission.buffer():
        pass
    with pytest.raises(CapacityError), admission.slot():
        pass


def test_closing_waits_for_requests_in_flight():
    """`close` returns false after the timeout, and true when the last request ends."""
    admission = Admission(Limits())
    closed = []
    closing = threading.Thread(target=lambda: closed.append(admission.close(30.0)))
    with admission.slot():
        assert admission.close(0.0) is False
        closing.start()
    closing.join(5.0)

    assert closed == [True]
