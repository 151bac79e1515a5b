"""Spark gives the calls of one process, whatever fails."""

import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import braze_heap as bh
from braze_heap.events import EmailClick
from tests.engines.data import files, write_files

pa = pytest.importorskip("pyarrow", reason="needs pyarrow: python -m tests.engines")
arrow = pytest.importorskip("braze_heap.arrow")
spark = pytest.importorskip("braze_heap.spark")
pytest.importorskip("pyspark", reason="needs Spark: python -m tests.engines")

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(
        not (shutil.which("java") or "JAVA_HOME" in os.environ), reason="needs Java 17"
    ),
]

EVENTS = 40_000
Rows: TypeAlias = collections.Counter[tuple[Any, ...]]


def multiset(table: Any) -> Rows:
    """Return how often each row occurs. Paths of Spark are URLs."""
    rows = ({**row, "source": Path(row["source"]).name} for row in table.to_pylist())
    return collections.Counter(tuple(row.values()) for row in rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 40,000 events; one file is cut, and one is not a file of Currents."""
    return write_files(tmp_path_factory.mktemp("currents"), EVENTS, damaged=True)


@pytest.fixture(scope="module")
def expected(folder: Path) -> Any:
    """Return the calls of one process."""
    mappers = bh.DEFAULT_MAPPERS.override(
        EmailClick, lambda event: bh.HeapEvent("Own Click", {"link": event.url})
    )
    batches = (
        pa.record_batch({"path": [f"file:{path}"], "content": [path.read_bytes()]})
        for path in files(folder)
    )
    transformer = bh.Transformer(mappers)
    calls = arrow.transform_files(batches, transformer, originals=True)
    return pa.Table.from_batches(calls)


def run(
    master: str,
    folder: Path,
    out: Path,
    meanwhile: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Run the job, and *meanwhile* with its process id. Return what it prints."""
    command = [sys.executable, "-m", "tests.engines.spark_job", master, folder, out]
    log = out.with_suffix(".log")
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as job,
    ):
        try:
            meanwhile(job.pid)
            output = job.communicate(timeout=550)[0]
        finally:
            job.kill()
    assert job.returncode == 0, log.read_text()[-5000:]
    return {"log": log.read_text(), **json.loads(output.splitlines()[-1])}


def table(path: Path) -> Any:
    return pytest.importorskip("pyarrow.parquet").read_table(path)


def assert_equal(out: Path, expected: Any) -> None:
    """Compare calls and newest user properties with those of one process."""
    calls, newest = table(out / "calls"), table(out / "newest")
    wanted = pa.Table.from_batches(arrow.newest_user_properties(expected))

    assert multiset(calls) == multiset(expected)
    assert multiset(newest) == multiset(wanted)
    assert sum(calls["events"].to_pylist()) > EVENTS - 500
    assert {r["reason"] for r in calls.to_pylist() if r["outcome"] == "rejected"} == {
        "unreadable"
    }


@pytest.mark.parametrize("master", ["local[2]", "connect"])
def test_spark_gives_the_calls_of_one_process(
    master: str, folder: Path, expected: Any, tmp_path: Path
) -> None:
    """The same rows as often, with a mapper that is a lambda, and damaged files."""
    printed = run(master, folder, tmp_path / "out")

    assert_equal(tmp_path / "out", expected)
    assert ("connect" in printed["class"]) == (master == "connect")


def test_a_killed_executor_loses_and_repeats_nothing(
    folder: Path, expected: Any, tmp_path: Path
) -> None:
    """Its Java process, and so its Python, is killed when some tasks are done."""
    out = tmp_path / "out"
    killed: list[int] = []

    def kill_one(job: int) -> None:
        deadline = time.monotonic() + 500
        while len([*out.rglob("part-*.parquet")]) < 4:
            assert time.monotonic() < deadline, "no task was done in time"
            time.sleep(0.02)
        executor = "CoarseGrainedExecutorBackend"
        killed.append(next(pid for pid in below(job) if executor in command_of(pid)))
        os.kill(killed[0], signal.SIGKILL)

    printed = run("local-cluster[2,1,1024]", folder, out, kill_one)

    assert killed
    assert "ExecutorLostFailure" in printed["log"]
    assert_equal(out, expected)


def below(pid: int) -> Iterator[int]:
    """Yield the processes that *pid* started, and theirs."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            yield child
            yield from below(child)


def command_of(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")
        )
    except OSError:
        return ""


class Frame:
    """A data frame without Spark."""

    def __init__(self, *columns: str) -> None:
        self.columns = columns


def test_arguments_are_checked_before_spark_runs() -> None:
    """An error in a task would come late, and as a text of Java."""
    with pytest.raises(TypeError, match="calls needs a Transformer first"):
        spark.calls(Frame(), bh.DEFAULT_MAPPERS)
    with pytest.raises(ValueError, match="event_type is for records"):
        spark.calls(Frame("path", "content"), bh.Transformer(), event_type="x")
    with pytest.raises(ValueError, match="no column 'event_type'"):
        spark.calls(Frame("id", "time"), bh.Transformer())
