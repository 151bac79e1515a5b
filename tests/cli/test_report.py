import typing

from braze_heap.cli._report import CALLS, meaning
from braze_heap.heap._encoder import Adjustment
from braze_heap.heap.calls import Call
from braze_heap.reasons import Reason, SkipReason


def test_every_reason_is_explained() -> None:
    """A report has words for each reason that the library has."""
    reasons = {*Reason, *SkipReason}

    assert {word for word in reasons if len(meaning(word, "")) < 20} == set()
    assert "``" not in "".join(map(meaning, reasons))


def test_a_reason_names_the_option_that_helps() -> None:
    """The documentation of a reason is for programs, which have no such options."""
    assert "--event-type" in meaning(Reason.BAD_EVENT_TYPE)
    assert "--identity user_id" in meaning(SkipReason.NO_IDENTITY)
    assert "--state" in meaning(SkipReason.USER_PROPERTIES)
    assert "--original" in meaning(Reason.DAMAGED_RECORD)
    assert meaning(Reason.MAPPER_ERROR).endswith("Fix the mapper.")


def test_every_adjustment_is_explained() -> None:
    """A report has words for each change that the library makes."""
    assert {kind for kind in Adjustment if len(meaning(kind, "")) < 20} == set()


def test_every_kind_of_call_has_a_name() -> None:
    """A report has words for each thing that Heap can be asked to do."""
    assert set(typing.get_args(Call)) == CALLS.keys()
