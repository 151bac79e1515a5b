import math
import time

import pytest

from braze_heap.cli._progress import RunProgress, format_duration


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.2, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "2 min"),
        (3_600, "1 h"),
        (4_000, "1 h 7 min"),
    ],
)
def test_durations_are_for_people(seconds: float, expected: str) -> None:
    """They are rounded up."""
    assert expected == format_duration(seconds)


@pytest.mark.parametrize(("ceiling", "left"), [(math.inf, 30), (15_000, 120)])
def test_time_left_respects_the_ceiling(ceiling: float, left: float) -> None:
    """The first minute of Heap's rate goes fast, and the rest does not."""
    started = time.monotonic() - 10
    progress = RunProgress(total=4_000, ceiling=ceiling, started=started)
    progress.advance(1_000)
    progress.events = 10_000

    assert progress.left == pytest.approx(left, rel=0.1)


def test_time_left_of_a_pipe_is_not_known() -> None:
    """Its length is not."""
    progress = RunProgress(total=0)
    progress.add_events(5)

    assert progress.left is None
    assert "left" not in str(progress)
