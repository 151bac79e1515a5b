import array
import contextlib
import fcntl
import gzip
import io
import itertools
import json
import mmap
import os
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braze_heap.cli import _jobs
from braze_heap.cli._inputs import Input, Inputs, Source
from braze_heap.cli._progress import RunProgress
from braze_heap.cli._report import RunOutcome
from braze_heap.cli._run import Run as CallRun
from braze_heap.config import Config
from braze_heap.wire import _json
from braze_heap.wire._stream import CHUNK
from tests.cli.conftest import MAIN, Run, click_event, keys, lines, start

pytestmark = pytest.mark.slow

BOM = b"\xef\xbb\xbf"
CONFIG = Config()
PIPE = 1 << 16

Process: TypeAlias = "subprocess.Popen[bytes]"


def line(value: Any) -> bytes:
    return json.dumps(value).encode()


ROWS = st.one_of(
    st.builds(lambda n: line(click_event(n)), st.integers(0, 5)),
    st.builds(lambda n: line(click_event(n, user={})), st.integers(0, 5)),
    st.builds(lambda n: line(click_event(n, time=None)), st.integers(0, 5)),
    st.builds(lambda n: line([click_event(n), click_event(n + 1)]), st.integers(0, 5)),
    st.builds(lambda n: b'{"torn' + b"x" * n, st.integers(0, 300)),
    st.sampled_from([b"", b" ", b"[]", b"7", b'{"events": [{}, 1]}', b"\xff"]),
)


@st.composite
def files_of_lines(draw: st.DrawFn) -> bytes:
    """
    Draw lines of every kind, with either end of line, and with or without a last one.
    """
    rows = [line(click_event(0)), line(click_event(1)), *draw(st.lists(ROWS))]
    ends = [draw(st.sampled_from([b"\n", b"\r\n"])) for _ in rows]
    content = b"".join(itertools.chain(*zip(rows, ends, strict=True)))
    content = draw(st.sampled_from([b"", BOM])) + content
    return draw(st.sampled_from([content, content.rstrip(b"\r\n")]))


def file(path: Path, content: bytes) -> Input:
    path.write_bytes(content)
    return Input(path, len(content))


def reads(*inputs: Input) -> list[Any]:
    return [read for one in inputs for read in one.read(lambda _: None)]


@given(content=files_of_lines(), unit=st.integers(1, 2_000))
def test_pieces_of_a_file_hold_what_the_file_holds(
    content: bytes, unit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """
    Wherever a file is cut, each line is read once, in order, and keeps its offset.
    """
    whole = file(tmp_path_factory.getbasetemp() / "whole.jsonl", content)

    pieces = [*whole.pieces(unit)]

    assert -(-len(content) // unit) == len(pieces)
    assert reads(whole) == reads(*pieces)
    assert sum(piece.size for piece in pieces) == len(content)


def test_line_over_the_limit_is_one_damage_over_many_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces that lie within a line hold nothing; the one where it begins names it."""
    monkeypatch.setattr(_json, "MAX_ELEMENT", 5_000)
    good = [line(click_event(n)) for n in range(4)]
    content = b"\n".join([*good[:2], b'{"' + b"x" * 600_000, *good[2:]])
    whole = file(tmp_path / "long.jsonl", content)

    read = reads(*whole.pieces(10_000))

    assert [hasattr(r, "detail") for r in read] == [False, False, True, False, False]
    assert reads(whole) == read


def test_pieces_within_a_line_are_not_read_to_its_end(tmp_path: Path) -> None:
    """A long line costs each piece little more than its size, not all that follows."""
    good = lines([click_event(1), click_event(2)])
    whole = file(tmp_path / "long.jsonl", good + b'"' + b"x" * 4_000_000)
    *before, _ = whole.pieces(100_000)
    told: list[int] = []

    for piece in before[1:]:
        assert [*piece.read(told.append)] == []

    assert sum(told) < len(before) * (100_000 + 2 * CHUNK)


def runs(inputs: list[Input], unit: int, jobs: int) -> tuple[CallRun, CallRun]:
    """Return the same run for one worker and for several."""
    transformer = CONFIG.transformer()
    many = CallRun(transformer, Inputs(inputs), unit, config=CONFIG, jobs=jobs)
    return CallRun(transformer, Inputs(inputs), unit), many


def results(run: CallRun, output: Path) -> tuple[bytes, str, RunOutcome]:
    outcome = run.result(output, None).outcome
    return output.read_bytes(), str(run.report), outcome


@settings(max_examples=15, deadline=None)
@given(
    contents=st.lists(files_of_lines(), min_size=1, max_size=3),
    unit=st.integers(200, 2_000),
    jobs=st.integers(2, 4),
)
def test_jobs_change_neither_output_nor_report(
    contents: list[bytes],
    unit: int,
    jobs: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Repeats, counts, numbers and offsets are those of one job, whatever the cuts."""
    folder = tmp_path_factory.mktemp("files")
    inputs = [file(folder / f"{n}.jsonl", c) for n, c in enumerate(contents)]
    one, many = runs(inputs, unit, jobs)

    expected = results(one, folder / "one.out")

    assert expected == results(many, folder / "many.out")


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Files of all forms, and many of them, with a flaw here and there."""
    fastavro = pytest.importorskip("fastavro")
    folder = tmp_path / "mixed"
    folder.mkdir()
    events = [click_event(n) for n in range(30)]
    for n in range(12):
        (folder / f"{n}.jsonl").write_bytes(lines(events[n:]) + b'{"torn\n')
    (folder / "array.json").write_bytes(json.dumps(events).encode())
    (folder / "lines.gz").write_bytes(gzip.compress(lines(events)))
    (folder / "mark.jsonl").write_bytes(BOM + lines(events))
    (folder / "torn.gz").write_bytes(gzip.compress(lines(events))[:-20])
    (folder / "empty").touch()
    avro = io.BytesIO()
    fields = [{"name": "id", "type": "string"}, {"name": "time", "type": "int"}]
    schema = {"type": "record", "name": "any", "fields": fields}
    fastavro.writer(avro, schema, [{"id": "a", "time": 1763900000}] * 5)
    (folder / "users.behaviors.Purchase.avro").write_bytes(avro.getvalue())
    return folder


def body(report: str) -> list[str]:
    """Return a report without the speed."""
    return report.splitlines()[1:]


def test_files_of_all_forms_come_out_in_order(run: Run, mixed: Path) -> None:
    """Many small files, compressed ones and Avro among them, are shared out whole."""
    expected = run("transform", mixed)

    actual = run("transform", mixed, "--jobs", "2")

    assert expected.stdout_bytes == actual.stdout_bytes
    assert body(expected.stderr) == body(actual.stderr)


@pytest.mark.parametrize("jobs", ["0", "2"])
def test_compressed_output_is_equal_inside(
    jobs: str, run: Run, mixed: Path, tmp_path: Path
) -> None:
    """A .gz is joined of compressed parts; nothing else is left beside it."""
    calls = tmp_path / "out" / "calls.jsonl.gz"
    calls.parent.mkdir()
    expected = run("transform", mixed).stdout_bytes

    run("transform", mixed, "-o", calls, "--jobs", jobs)

    assert expected == gzip.decompress(calls.read_bytes())
    assert [calls] == [*calls.parent.iterdir()]


def test_stdin_is_read_by_one_job(run: Run) -> None:
    """A pipe cannot be shared out, which is no error."""
    stdin = lines([click_event(1), click_event(2)])

    result = run("transform", "--jobs", "2", stdin=stdin)

    assert keys(result.stdout) == ["event-1", "event-2"]


def test_options_reach_the_workers(run: Run, mixed: Path, tmp_path: Path) -> None:
    """Workers transform by the configuration and the options of the command."""
    config = tmp_path / "config.toml"
    config.write_text('transform.event_prefix = "Ours "')
    args = ("transform", mixed, "--config", config, "--identity", "user_id")
    expected = run(*args).stdout

    actual = run(*args, "--jobs", "2").stdout

    assert expected == actual
    assert '"Ours Email Click","identity":"braze-1"' in actual.replace(": ", ":")


def test_wrong_configuration_is_told_before_workers_start(
    run: Run, mixed: Path, tmp_path: Path
) -> None:
    """An option that means nothing is one line, as with one job."""
    config = tmp_path / "config.toml"
    config.write_text('transform.event_prefx = "x"')
    args = ("transform", mixed, "--config", config)

    assert run(*args).stderr == run(*args, "--jobs", "2").stderr


def test_file_that_cannot_be_read_ends_the_run_in_its_turn(
    run: Run, mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files before it are done, those behind it are not, and the status is 2."""
    monkeypatch.setitem(sys.modules, "fastavro", None)
    (mixed / "zz.jsonl").write_bytes(lines([click_event()]))
    expected = run("transform", mixed)

    actual = run("transform", mixed, "--jobs", "2")

    assert (expected.exit_code, actual.exit_code) == (2, 2)
    assert expected.stdout == actual.stdout
    assert expected.stderr.splitlines()[2:] == actual.stderr.splitlines()[2:]


def test_parts_do_not_pile_up_behind_a_slow_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Two parts for each worker are begun, the rest waits for the first to be joined.
    """
    slow = file(tmp_path / "slow", lines([click_event(n) for n in range(2_000)]))
    quick = [file(tmp_path / f"{n}", lines([click_event(n)])) for n in range(20)]
    waiting: list[int] = []
    append = _jobs.append

    def counted(output: Any, part: Path) -> None:
        waiting.append(len([*part.parent.iterdir()]))
        append(output, part)

    monkeypatch.setattr(_jobs, "append", counted)
    _, many = runs([slow, *quick], 1 << 24, 2)

    many.result(tmp_path / "calls", None)

    assert len(waiting) == 21
    assert max(waiting) == 4


def test_workers_report_each_byte_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The progress of all workers adds up to the size of the file."""
    content = BOM + lines([click_event(n) for n in range(400)])
    _, many = runs([file(tmp_path / "file", content)], 5_000, 2)
    shown: list[int] = []
    monkeypatch.setattr(
        RunProgress, "add_events", lambda self, _: shown.append(self.done)
    )

    many.result(tmp_path / "calls", None)

    assert shown == sorted(shown)
    assert len(content) == shown[-1]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """More than a pipe and the workers can hold."""
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(40):
        events = [click_event(200 * n + i) for i in range(200)]
        (folder / f"{n:02}.jsonl").write_bytes(lines(events))
    return folder


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def begun(folder: Path, temporary: Path, jobs: int = 2, **env: str) -> Process:
    """Start a run and read its first line, so that it waits for somebody to read on."""
    process = start(
        *("transform", folder, "--jobs", jobs),
        env=os.environ | {"TMPDIR": str(temporary)} | env,
        start_new_session=True,
        bufsize=0,
    )
    assert process.stdout
    assert keys(process.stdout.readline().decode()) == ["event-0"]
    waiting = array.array("i", [0])
    while waiting[0] < PIPE - 2 * mmap.PAGESIZE:
        time.sleep(0.01)
        fcntl.ioctl(process.stdout, termios.FIONREAD, waiting)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_ctrl_c_stops_all_workers_and_tells_what_was_done(
    many: Path, temporary: Path, unbuffered: str
) -> None:
    """
    What is written is whole parts, counted; nothing is left, neither files nor workers.
    """
    process = begun(many, temporary, PYTHONUNBUFFERED=unbuffered)
    os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.3)  # nobody reads on while the signal breaks into a write

    stdout, stderr = process.communicate(timeout=20)

    report = stderr.decode().splitlines()
    written = keys(stdout.decode())
    assert process.returncode == 130
    assert report[0] == "Stopped by Ctrl-C. Processed before that:"
    assert report[1].startswith(f"{len(written) + 1:,} events from 40 files")
    assert [f"event-{n + 1}" for n in range(len(written))] == written
    assert b"Traceback" not in stderr
    assert [*temporary.iterdir()] == []


@pytest.mark.skipif(not shutil.which("pgrep"), reason="needs to find a worker")
def test_worker_that_is_killed_is_an_error(many: Path, temporary: Path) -> None:
    """
    The output is not silently short: the status is 2, and the report says how far.
    """
    process = begun(many, temporary)
    found = subprocess.check_output(["pgrep", "-P", str(process.pid)])
    os.kill(int(found.split()[-1]), signal.SIGKILL)

    stdout, stderr = process.communicate(timeout=20)

    written = len(keys(stdout.decode())) + 1
    assert process.returncode == 2
    assert b"Error: a worker process died. If memory ran out" in stderr
    assert f"{written:,} events from 40 files" in stderr.decode()
    assert [*temporary.iterdir()] == []


def test_reader_that_goes_away_ends_all(many: Path, temporary: Path) -> None:
    """A broken pipe stops the workers, has a report, and leaves no files."""
    process = begun(many, temporary)
    assert process.stdout
    process.stdout.close()

    _, stderr = process.communicate(timeout=20)

    assert process.returncode == 141
    assert stderr.startswith(b"The reader of the output closed the pipe.")
    assert [*temporary.iterdir()] == []


def test_sigterm_leaves_nothing(many: Path, temporary: Path) -> None:
    """
    The parts hold identities, so they do not outlive a run that is ended from outside.
    """
    process = begun(many, temporary)
    os.killpg(process.pid, signal.SIGTERM)

    _, stderr = process.communicate(timeout=20)

    assert process.returncode == 143
    assert stderr.startswith(b"Stopped by SIGTERM. Processed before that:\n")
    assert [*temporary.iterdir()] == []


def test_workers_do_not_outlive_their_run(many: Path, temporary: Path) -> None:
    """Where the run is killed, its workers end: nobody holds its output open."""
    process = begun(many, temporary, jobs=3)
    process.kill()

    process.communicate(timeout=20)

    assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_full_disk_is_named(many: Path, temporary: Path) -> None:
    """Parts that cannot be joined end the run with an error."""
    with open("/dev/full", "wb") as full:
        process = start(
            *("transform", many, "--jobs", 2),
            stdout=full,
            env=os.environ | {"TMPDIR": str(temporary)},
        )
        _, stderr = process.communicate(timeout=20)

    assert process.returncode == 2
    assert b"Error: cannot write stdout: No space left on device\n" in stderr
    assert [*temporary.iterdir()] == []


def test_workers_may_be_spawned(mixed: Path, run: Run) -> None:
    """Nothing that workers need must be inherited, for not every system forks."""
    code = f"import multiprocessing as m; m.set_start_method('spawn'); {MAIN}"
    expected = run("transform", mixed).stdout_bytes

    process = start("transform", mixed, "--jobs", 2, code=code)
    stdout, stderr = process.communicate(timeout=20)

    assert expected == stdout
    assert process.returncode == 0
    assert b"Traceback" not in stderr


def test_directories_that_others_look_into_hold_no_parts(run: Run, mixed: Path) -> None:
    """Parts lie in a hidden folder, which a run over the same directory leaves out."""
    calls = mixed / "calls"
    calls.touch()
    expected = Source((mixed,)).find().each
    seen: list[list[Input]] = []
    append = _jobs.append

    def looked(output: Any, part: Path) -> None:
        seen.append(Source((mixed,)).find().each)
        append(output, part)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_jobs, "append", looked)
        run("transform", *mixed.glob("*.jsonl"), "-o", calls, "--jobs", "2")

    assert len(seen) == 13
    assert all(
        [read.place for read in expected] == [read.place for read in inputs]
        for inputs in seen
    )
