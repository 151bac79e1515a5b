"""
Memory over a long run, at Heap's rate, into a Heap in another process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "delivery.py"


def sizes(what: str, count: int) -> dict[int, float]:
    """
    Give the memory in MB after a tenth, a quarter, a half, ... of *count* events.
    """
    command = [sys.executable, str(BENCHMARK), what, str(count)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.removesuffix(" MB").split(" events: ") for line in text.splitlines()]
    return {int(events): float(size) for events, size in rows}


@pytest.mark.campaign
def test_python_holds_no_more_after_more_events() -> None:
    """
    Between 50,000 and 200,000 events what Python holds grows by less than 1 byte each.
    """
    found = sizes("traced", 200_000)

    assert found[200_000] - found[50_000] < 0.15


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_stays_flat() -> None:
    """
    Between 50,000 and 200,000 events the resident memory grows by less than 4 MB.
    """
    found = sizes("memory", 200_000)

    assert found[200_000] - found[50_000] < 4.0
