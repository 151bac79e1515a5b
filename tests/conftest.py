"""
How Hypothesis runs: the same examples on every machine, unless asked to explore.

``python -m pytest --hypothesis-profile=explore`` tries more, and others each time.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from braze_heap.mapping import _batches
from braze_heap.state import SqliteDeadLetter

pytest_plugins = ["braze_heap.testing.pytest_plugin"]

settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore",
    deadline=None,
    max_examples=2_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# A hundred processes of the tests would compile the package again, each for itself.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_batches.RAISE_ERRORS = True
"""An exception in a compiled function fails the test, instead of being logged."""


@pytest.fixture
def dead_letter_at() -> Iterator[Callable[..., SqliteDeadLetter]]:
    """Open stores that are closed when the test is over."""
    with contextlib.ExitStack() as stores:

        def opened(*args: object, **options: object) -> SqliteDeadLetter:
            store = SqliteDeadLetter(*args, **options)  # type: ignore[arg-type]
            stores.callback(store.close)
            return store

        yield opened


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """
    Hear Ctrl-C, also where the test run was started in the background, deaf to it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
