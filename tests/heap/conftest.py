"""Fixtures of the delivery tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from braze_heap.testing.fake_heap import FakeHeap
from tests.heap.support import SHELLS, Deliver


@pytest.fixture
def heap() -> Iterator[FakeHeap]:
    """Run a Heap without rate limits. The sinks respect them anyway."""
    with FakeHeap(rate_limits=False) as running:
        yield running
    for error in running.errors:
        raise error


@pytest.fixture(params=SHELLS, ids=["sync", "async"])
def shell(request: pytest.FixtureRequest) -> Deliver:
    """Return each way to deliver."""
    chosen: Deliver = request.param
    return chosen
