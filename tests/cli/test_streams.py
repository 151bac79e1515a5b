"""What only a process of its own shows: pipes, signals, terminals."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import MAIN, click_event, keys, lines, start

pytestmark = pytest.mark.slow

BATCH = 1_000


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "many.jsonl"
    path.write_bytes(lines([click_event(n) for n in range(3 * BATCH)]))
    return path


def test_reader_that_goes_away_ends_the_run_quietly(many: Path) -> None:
    """A broken pipe has no traceback, its own exit status, and a report."""
    process = start("transform", many)
    assert process.stdout
    first = process.stdout.readline()
    process.stdout.close()

    _, stderr = process.communicate(timeout=20)

    assert json.loads(first)["idempotency_key"] == "event-0"
    assert process.returncode == 141
    assert stderr.startswith(b"The reader of the output closed the pipe.")
    assert b"Traceback" not in stderr


@pytest.mark.parametrize("command", [("events", "--json"), ("demo",)])
def test_broken_pipe_of_other_commands_is_quiet_too(command: tuple[str, ...]) -> None:
    """What is written for people may be left unread."""
    read, write = os.pipe()
    os.close(read)
    process = start(*command, stdout=write)
    os.close(write)

    _, stderr = process.communicate(timeout=20)

    assert stderr == b""
    assert process.returncode in (1, 141)


def test_report_that_nobody_reads_does_not_change_the_exit_status(many: Path) -> None:
    """The exit status says what became of the events."""
    read, write = os.pipe()
    os.close(read)
    process = start("transform", many, "-o", os.devnull, stderr=write)
    os.close(write)

    process.communicate(timeout=20)

    assert process.returncode == 0


STOPS = [
    ("SIGINT", "Ctrl-C", 130),
    ("SIGTERM", "SIGTERM", 143),
    ("SIGHUP",) * 2 + (129,),
]


@pytest.mark.parametrize(("number", "name", "status"), STOPS)
def test_signal_ends_the_run_between_whole_lines(
    number: str, name: str, status: int, tmp_path: Path
) -> None:
    """
    Calls on stdout end with a whole line, the report counts them, and the status tells
    which signal it was.
    """
    calls = tmp_path / "calls.jsonl"
    with calls.open("wb") as stdout:
        process = start("transform", stdin=subprocess.PIPE, stdout=stdout)
    assert process.stdin
    process.stdin.write(lines([click_event(n) for n in range(BATCH + 5)]))
    process.stdin.flush()
    _wait_for(lambda: calls.stat().st_size)
    process.send_signal(getattr(signal, number))

    _, stderr = process.communicate(timeout=20)

    report = stderr.decode().splitlines()
    written = keys(calls.read_text("utf-8"))
    assert process.returncode == status
    assert report[0] == f"Stopped by {name}. Processed before that:"
    assert f"{len(written):,} events from 1 file" in report[1]
    assert [f"event-{n}" for n in range(len(written))] == written


@pytest.mark.parametrize(("number", "name", "status"), STOPS)
def test_signal_ends_a_plan_with_observed_events(
    number: str, name: str, status: int, tmp_path: Path
) -> None:
    """The plan is not written, and the report says what was read."""
    pipe = tmp_path / "events"
    os.mkfifo(pipe)
    process = start("plan", "--observed", pipe)
    with pipe.open("wb") as events:
        events.write(lines([click_event(n) for n in range(BATCH)]))
        events.flush()
        time.sleep(1)
        process.send_signal(getattr(signal, number))
        stdout, stderr = process.communicate(timeout=20)

    assert process.returncode == status
    assert stdout == b""
    assert f"Stopped by {name}. Processed before that:\n".encode() in stderr
    assert b"events from 1 file" in stderr


@pytest.mark.slow
@pytest.mark.parametrize("before", [None, "what was there\n"])
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_file_that_is_not_complete_never_appears(
    number: str, before: str | None, tmp_path: Path
) -> None:
    """
    Until the end, and after any signal, there is what was there; unless the process is
    killed, nothing else is left, and the report says so.
    """
    calls = tmp_path / "calls.jsonl"
    if before is not None:
        calls.write_text(before)
    process = start("transform", "-o", calls, stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(lines([click_event(n) for n in range(BATCH + 5)]))
    process.stdin.flush()
    _wait_for(lambda: any(part.stat().st_size for part in tmp_path.glob(".*.part")))
    process.send_signal(getattr(signal, number))

    _, stderr = process.communicate(timeout=20)

    assert process.returncode != 0
    assert (calls.read_text("utf-8") if calls.exists() else None) == before
    if number != "SIGKILL":
        assert not [*tmp_path.glob(".*")]
        assert "The file was not written. Read before that:" in stderr.decode()


def _wait_for(condition: Callable[[], object]) -> None:
    while not condition():
        time.sleep(0.01)


def test_missing_avro_package_is_one_line_of_advice(tmp_path: Path) -> None:
    """Without the extra avro, the command says what to install and exits with 2."""
    path = tmp_path / "1.avro"
    path.write_bytes(b"Obj\x01")
    code = f"import sys; sys.modules['fastavro'] = None; {MAIN}"
    process = start("transform", path, code=code)

    _, stderr = process.communicate(timeout=20)

    assert process.returncode == 2
    assert (
        stderr
        == b"Error: Avro files need the extra avro: pip install 'braze_heap[avro]'\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_full_disk_is_named() -> None:
    """Calls that cannot be written end the run with an error."""
    with open("/dev/full", "wb") as full:
        process = start("transform", stdin=subprocess.PIPE, stdout=full)
        _, stderr = process.communicate(lines([click_event()]), timeout=20)

    assert process.returncode == 2
    assert b"Error: cannot write stdout: No space left on device\n" in stderr
    assert b"Traceback" not in stderr


FULL = [
    *("--help", "--version", "send --help", "dead-letters list --help"),
    *("plan", "plan --format csv", "events", "explain {0}", "drift {0}", "check"),
    *("send {0}", "send {0} --json", "transform {0} --json -o {0}.calls"),
    *("send {0} --discard --sink file:{0}.calls --json",),
    *("send {0} --discard --sink -", "send {0} --discard --sink console:"),
]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
@pytest.mark.parametrize("command", FULL)
def test_stdout_that_cannot_be_written_is_an_error(command: str, batch: Path) -> None:
    """No command ends with a traceback or with success then."""
    with open("/dev/full", "wb") as full:
        process = start(*command.format(batch).split(), stdout=full)
        _, stderr = process.communicate(timeout=60)

    assert process.returncode == 2
    assert b"cannot write stdout: No space left on device" in stderr
    assert b"Traceback" not in stderr
    assert b"Exception ignored" not in stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("transform {0} -o {1}", 0),
        ("transform {0} --json", 2),  # somebody wants this report
        ("send {0} --discard --sink file:{1}", 0),
        ("transform missing", 2),
        ("no-such-command", 2),
    ],
)
def test_full_disk_of_the_log_changes_nothing_but_the_log(
    command: str, expected: int, batch: Path, tmp_path: Path
) -> None:
    """Messages are lost; calls are written, and the status is the usual one."""
    calls = tmp_path / "calls.jsonl"
    words = command.format(batch, calls).split()
    with open("/dev/full", "wb") as full:
        process = start(*words, stderr=full)
        stdout, _ = process.communicate(timeout=60)

    assert process.returncode == expected
    if "{0}" in command:
        written = calls.read_text() if calls.exists() else stdout.decode()
        assert keys(written) == ["event-1", "event-2"]


def test_terminal_without_input_is_told_what_to_do() -> None:
    """Nothing waits for a person to type events."""
    pty = pytest.importorskip("pty")
    terminal, stdin = pty.openpty()
    process = start("transform", stdin=stdin)

    _, stderr = process.communicate(timeout=20)
    os.close(stdin)
    os.close(terminal)

    assert process.returncode == 2
    assert b"Nothing to read. Name a file, or pipe events in." in stderr


@pytest.mark.parametrize(("size", "shows"), [(60, True), (1, False)])
def test_long_runs_show_their_progress_on_a_terminal(
    size: int, shows: bool, tmp_path: Path
) -> None:
    """From 5 MB on there is a bar; its end leaves the report alone."""
    pty = pytest.importorskip("pty")
    big = click_event(properties={"url": "u" * 100_000})
    path = tmp_path / "long.jsonl"
    path.write_bytes(lines([big | {"id": str(n)} for n in range(size)]))
    terminal, stderr = pty.openpty()
    process = start("transform", path, stdout=subprocess.DEVNULL, stderr=stderr)
    os.close(stderr)

    seen = _read_terminal(terminal)

    assert process.wait(timeout=20) == 0
    assert shows is (b"Transforming" in seen)
    assert b"events from 1 file" in seen or b"1 event from 1 file" in seen


def _read_terminal(terminal: int) -> bytes:
    seen = b""
    try:
        while data := os.read(terminal, 65536):
            seen += data
    except OSError:
        pass
    os.close(terminal)
    return seen


@pytest.mark.parametrize("command", ["transform", "send"])
def test_stdin_that_is_not_ready_is_not_at_its_end(command: str) -> None:
    """What would still come is not lost with the exit status of success."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.write(write, lines([click_event(1)]))
    process = start(command, "-", stdin=read)

    _, stderr = process.communicate(timeout=20)
    os.close(read)
    os.close(write)

    assert process.returncode == 2
    assert b"not ready: make it blocking" in stderr


@pytest.mark.parametrize(
    "command", ["transform {}", "send {}", "drift {}", "events", "explain {}"]
)
def test_closed_stdout_is_a_pipe_without_a_reader(command: str, batch: Path) -> None:
    """`>&-` has no traceback; a report that nobody reads does not matter."""
    status, stderr = in_shell(f"{command.format(batch)} >&-")

    assert status == (0 if command.startswith("send") else 141)
    assert "Traceback" not in stderr
    assert "Exception ignored" not in stderr


def test_closed_stdin_cannot_be_read() -> None:
    """`<&-` is an error, not an empty input and not a traceback."""
    assert in_shell("transform <&-") == (
        2,
        "Error: cannot read stdin: Bad file descriptor\n",
    )


def test_closed_stderr_does_not_change_the_output(batch: Path, tmp_path: Path) -> None:
    """`2>&-` loses the report, and nothing else."""
    output = tmp_path / "calls.jsonl"

    status, _ = in_shell(f"transform {batch} -o {output} 2>&-")

    assert status == 0
    assert keys(output.read_text()) == ["event-1", "event-2"]


def in_shell(command: str) -> tuple[int, str]:
    """Run a command with redirections; return its exit status, and its stderr."""
    program = shlex.join([sys.executable, "-m", "braze_heap"])
    done = subprocess.run(
        ["/bin/sh", "-c", f"{program} {command}"],
        capture_output=True,
        timeout=60,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_log_that_is_not_ready_changes_nothing_but_the_log(
    batch: Path, tmp_path: Path
) -> None:
    """Messages are lost if a reader does not keep up with a pipe that cannot block."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, bytes(4_096))
    output = tmp_path / "calls.jsonl"
    process = start("transform", batch, "-o", output, stderr=write)

    process.communicate(timeout=20)
    os.close(read)
    os.close(write)

    assert process.returncode == 0
    assert keys(output.read_text()) == ["event-1", "event-2"]
