import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from braze_heap.cli._console import Stopped, UnusableError, _stop, defer_sigint
from braze_heap.cli._output import open_output
from tests.cli.conftest import MAIN, Run, click_event, keys, lines

DONE = "done"


def interrupted(times: int, done: list[str], number: int = signal.SIGINT) -> None:
    """Be interrupted *times* inside of an unbroken block, then do something in it."""
    with defer_sigint():
        for _ in range(times):
            os.kill(os.getpid(), number)
        done.append(DONE)


def test_ctrl_c_waits_for_the_end_of_an_unbroken_block() -> None:
    """What must be done whole is done whole, and stops behind."""
    done: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        interrupted(1, done)

    assert done == [DONE]


def test_second_ctrl_c_does_not_wait() -> None:
    """A block that hangs can be left."""
    done: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        interrupted(2, done)

    assert done == []


def test_ignored_ctrl_c_stays_ignored() -> None:
    """Shells let their background jobs ignore Ctrl-C."""
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    done: list[str] = []

    interrupted(1, done)

    assert done == [DONE]
    assert signal.signal(signal.SIGINT, usual) is signal.SIG_IGN


def test_output_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """The error says which file, and why."""
    path = tmp_path / "missing" / "calls.jsonl"

    with pytest.raises(UnusableError) as caught, open_output(path, []):
        pass

    assert f"cannot write {path}: No such file or directory" == caught.value.message


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_bytes(lines([click_event(1)]))
    return path


def test_output_keeps_the_mode_of_the_file_that_it_replaces(
    run: Run, events: Path, tmp_path: Path
) -> None:
    """Who could read the calls before can read them after, and nobody else."""
    calls = tmp_path / "calls.jsonl"
    calls.write_text("before")
    calls.chmod(0o640)

    done = run("transform", events, "-o", calls)

    assert done.exit_code == 0
    assert keys(calls.read_text("utf-8")) == ["event-1"]
    assert calls.stat().st_mode & 0o777 == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"calls.jsonl", "events.jsonl"}


def test_new_output_has_the_usual_mode(run: Run, events: Path, tmp_path: Path) -> None:
    """The umask decides, as for any new file."""
    before = os.umask(0o027)
    try:
        run("transform", events, "-o", tmp_path / "calls.jsonl")
    finally:
        os.umask(before)

    assert (tmp_path / "calls.jsonl").stat().st_mode & 0o777 == 0o640


def test_output_at_a_symbolic_link_is_its_target(
    run: Run, events: Path, tmp_path: Path
) -> None:
    """The link stays one, also if its target is not there yet."""
    (tmp_path / "data").mkdir()
    link = tmp_path / "calls.jsonl.gz"
    link.symlink_to("data/calls.jsonl.gz")

    for _ in range(2):
        done = run("transform", events, "-o", link)

        assert done.exit_code == 0
        assert link.is_symlink()
        assert keys(gzip.decompress(link.read_bytes()).decode()) == ["event-1"]


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
def test_stdout_by_any_name_is_appended_to(
    name: str, events: Path, tmp_path: Path
) -> None:
    """What the shell redirects to stays the same file, with what was in it."""
    calls = tmp_path / "calls.jsonl"
    calls.write_text("before\n")
    with calls.open("ab") as stdout:
        subprocess.run(
            [sys.executable, "-c", MAIN, "transform", "-q", events, "-o", name],
            stdout=stdout,
            check=True,
        )

    before, call = calls.read_text("utf-8").splitlines()
    assert before == "before"
    assert keys(call) == ["event-1"]


def test_output_can_be_a_named_pipe(events: Path, tmp_path: Path) -> None:
    """What is no file is written as it is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = [sys.executable, "-c", MAIN, "transform", "-q", events, "-o", pipe]
    process = subprocess.Popen(words)

    content = pipe.read_text("utf-8")

    assert process.wait(20) == 0
    assert keys(content) == ["event-1"]
    assert pipe.is_fifo()


ALIASES = ["same", "relative", "symlink", "hardlink", "folder"]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("alias", ALIASES)
def test_output_that_is_an_input_is_refused(
    alias: str,
    jobs: int,
    run: Run,
    events: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the file is called, it is read and not written."""
    monkeypatch.chdir(tmp_path)
    before = events.read_bytes()
    output = tmp_path / "alias"
    inputs = [events]
    match alias:
        case "same":
            output = events
        case "relative":
            output = Path("events.jsonl")
        case "symlink":
            output.symlink_to(events)
        case "hardlink":
            output.hardlink_to(events)
        case "folder":
            output, inputs = events, [tmp_path]

    done = run("transform", *inputs, "-o", output, "--jobs", jobs)

    assert done.exit_code == 2
    assert "which is read. Name another file with --output" in done.stderr
    assert events.read_bytes() == before


@pytest.mark.parametrize("words", ["transform - -o {0}", "transform {0}", "transform"])
def test_redirected_file_is_not_read_while_it_is_written(
    words: str, events: Path
) -> None:
    """Stdin and stdout are files, too, if the shell redirects them."""
    before = events.read_bytes()
    with events.open("rb") as stdin, events.open("ab") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, *words.format(events).split()],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert done.returncode == 2
    assert b"which is read" in done.stderr
    assert events.read_bytes() == before


@pytest.mark.parametrize("command", ["send", "dead-letters replay"])
def test_calls_do_not_go_into_the_dead_letter(
    command: str, run: Run, events: Path, tmp_path: Path
) -> None:
    """A sink that is the file of the dead letter is refused before it is opened."""
    store = tmp_path / "state.db"
    run("send", events, "--sink", "memory:", "--state", store)
    before = store.read_bytes()
    words = [events, "--state", store] if command == "send" else [store]

    done = run(*command.split(), *words, "--sink", f"file:{tmp_path}/./state.db")

    assert done.exit_code == 2
    assert "state.db is a file of the state. Name another file." in done.stderr
    assert store.read_bytes() == before


def test_calls_do_not_go_into_the_configuration(
    run: Run, events: Path, tmp_path: Path
) -> None:
    """A sink that is the file of --config is refused before it is opened."""
    file = tmp_path / "c.toml"
    file.write_text("[log]\n", encoding="utf-8")

    done = run("send", events, "--sink", f"file:{file}", "--config", file)

    assert done.exit_code == 2
    assert "c.toml is the file of --config. Name another file." in done.stderr
    assert file.read_text(encoding="utf-8") == "[log]\n"


def test_sigterm_waits_for_the_end_of_an_unbroken_block() -> None:
    """What must be done whole is done whole, whichever signal comes."""
    before = signal.signal(signal.SIGTERM, _stop)
    done: list[str] = []

    try:
        with pytest.raises(Stopped):
            interrupted(1, done, signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert done == [DONE]


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "--config", "own.json", "-o", "own.json"),
        ("plan", "--diff", "own.json", "-o", "own.json", "--format", "json"),
        ("transform", "in.jsonl", "--config", "own.json", "-o", "link.json"),
        ("send", "in.jsonl", "--config", "own.json", "--sink", "file:own.json"),
        ("serve", "--config", "own.json", "--sink", "file:own.json"),
    ],
)
def test_a_file_that_is_read_is_not_written(
    words: tuple[str, ...],
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither inputs nor files of options, under whichever name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BRAZE_TOKEN", "a-token-for-this-test")
    Path("in.jsonl").write_bytes(lines([click_event()]))
    Path("own.json").write_text("{}", encoding="utf-8")
    Path("link.json").symlink_to("own.json")

    shown = run(*words)

    assert shown.exit_code == 2
    assert "Name another" in shown.stderr
    assert Path("own.json").read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", "-replay"])
def test_the_files_of_a_dead_letter_are_not_written(
    suffix: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bad = lines([click_event(time=None)])
    run("send", "--sink", "memory:", "--state", "state.db", stdin=bad)
    before = {path.name for path in tmp_path.iterdir()}

    shown = [
        run("send", "--sink", f"file:state.db{suffix}", stdin=bad),
        run("dead-letters", "replay", "state.db", "--sink", f"file:state.db{suffix}"),
        run("dead-letters", "export", "state.db", "-o", f"state.db{suffix}"),
    ]

    assert [each.exit_code for each in shown] == [2, 2, 2]
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_name_in_capitals_is_compressed_too(run: Run, tmp_path: Path) -> None:
    """Systems that ignore letter case write such names."""
    output = tmp_path / "CALLS.GZ"

    shown = run("transform", "-o", output, stdin=lines([click_event()]))

    assert shown.exit_code == 0
    assert keys(gzip.decompress(output.read_bytes()).decode()) == ["event-1"]


@pytest.mark.parametrize(
    ("words", "ending"),
    [
        *(("transform -o {0}", each) for each in (".zst", ".bz2", ".ZIP", ".tar")),
        ("plan -o {0}", ".parquet"),
    ],
)
def test_a_format_that_is_not_written_is_an_error(
    words: str, ending: str, run: Run, tmp_path: Path
) -> None:
    """A file that does not have the format of its name would be a surprise."""
    output = tmp_path / f"calls{ending}"

    shown = run(*words.format(output).split(), stdin=lines([click_event()]))

    assert shown.exit_code == 2
    assert f"{ending.lower()} is not written" in shown.stderr
    assert not output.exists()
