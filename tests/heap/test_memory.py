"""Tests of memory in a long run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "delivery.py"


def sizes(kind: str, count: int) -> dict[int, float]:
    """Return the memory in MB by number of events, up to *count*."""
    command = [sys.executable, str(BENCHMARK), kind, str(count)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.removesuffix(" MB").split(" events: ") for line in text.splitlines()]
    return {int(events): float(size) for events, size in rows}


@pytest.mark.campaign
def test_python_memory_is_constant() -> None:
    """
    Between 50,000 and 200,000 events Python's memory grows by less than 1 byte each.
    """
    found = sizes("traced", 200_000)

    assert found[200_000] - found[50_000] < 0.15


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_process_memory_is_constant() -> None:
    """Between 50,000 and 200,000 events the resident memory grows by less than 4 MB."""
    found = sizes("memory", 200_000)

    assert found[200_000] - found[50_000] < 4.0
