"""
What was computed before.
"""

from braze_heap._memo import Memo


def test_a_value_is_made_once() -> None:
    """
    It is kept from then on.
    """
    made: list[int] = []
    memo = Memo[int, int](lambda key: made.append(key) or -key, 10)  # type: ignore[func-returns-value]

    assert [memo[1], memo[2], memo[1]] == [-1, -2, -1]
    assert made == [1, 2]


def test_a_full_memo_starts_anew() -> None:
    """
    It never holds more than it may, and still answers.
    """
    memo = Memo[int, int](lambda key: -key, 2)

    assert [memo[key] for key in (1, 2, 3, 1)] == [-1, -2, -3, -1]
    assert len(memo) == 2
