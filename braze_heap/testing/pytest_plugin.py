"""
A pytest fixture with a `FakeHeap`. Add it in a ``conftest.py``::

    pytest_plugins = ["braze_heap.testing.pytest_plugin"]
"""

from __future__ import annotations

from collections.abc import Iterator

from braze_heap._errors import requires_extra
from braze_heap.testing.fake_heap import FakeHeap

with requires_extra(__name__, "'braze_heap[testing]'"):
    import pytest

__all__ = ["fake_heap"]


@pytest.fixture
def fake_heap() -> Iterator[FakeHeap]:
    """
    Provide a new `FakeHeap` with its defaults, and close it after the test.

    Raises:
        Exception: After the test, the first error of your predicates or faults.
    """
    with FakeHeap() as heap:
        yield heap
    for error in heap.errors:
        raise error
