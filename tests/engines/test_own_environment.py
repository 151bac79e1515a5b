"""The tests of engines, from ``python -m pytest -m engines``."""

import pytest

from tests.engines.__main__ import missing, run


@pytest.mark.engines
def test_engines_work_in_their_own_environment() -> None:
    """Arrow, Spark, DuckDB, Polars, pandas and Beam, in one environment of 1.4 GB."""
    if reason := missing():
        pytest.skip(reason)

    assert run().returncode == 0
