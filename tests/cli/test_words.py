from braze_heap.calls import Degradation
from braze_heap.cli._words import DEGRADATIONS, REASONS
from braze_heap.reasons import Reason, SkipReason


def test_every_reason_is_explained() -> None:
    """
    A report has words for each reason that the library has.
    """
    assert {*Reason, *SkipReason} == REASONS.keys()


def test_every_degradation_is_explained() -> None:
    """
    A report has words for each change that the library makes.
    """
    assert set(Degradation) == DEGRADATIONS.keys()
