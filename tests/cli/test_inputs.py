import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from braze_heap.cli._console import UnusableError
from braze_heap.cli._inputs import BATCH, BATCH_BYTES, Source, batches
from braze_heap.wire import RawEvent, Read
from tests.cli.conftest import Run, click_event, keys, lines


def test_directory_is_read_recursively_in_order_without_hidden_files(
    tmp_path: Path,
) -> None:
    """
    All files count, whatever their names, but for those that systems leave behind.
    """
    for name in ("b/1.avro", "a/2.json.gz", "c", ".DS_Store", ".git/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    found = [read.place for read in Source((tmp_path,)).find().each]

    assert [tmp_path / "a/2.json.gz", tmp_path / "b/1.avro", tmp_path / "c"] == found


def test_batches_are_bounded_in_number() -> None:
    """A long input comes in batches of a thousand events."""
    reads = [RawEvent({}, None, 0)] * (2 * BATCH + 1)

    assert [len(batch) for batch in batches(reads)] == [BATCH, BATCH, 1]


def test_batches_are_bounded_in_bytes() -> None:
    """Large events come in smaller batches, so that memory stays flat."""
    reads = [RawEvent({}, None, n * BATCH_BYTES // 2) for n in range(8)]

    assert [len(batch) for batch in batches(reads)] == [3, 1, 3, 1]


def test_batches_end_with_the_unit() -> None:
    """
    No batch goes over a place where workers may cut a file, so batches are the same.
    """
    reads = [RawEvent({}, None, offset) for offset in (0, 40, 99, 100, 199, 350)]

    assert [len(batch) for batch in batches(reads, unit=100)] == [3, 2, 1]


@pytest.mark.parametrize("error", [UnusableError("gone"), KeyboardInterrupt()])
def test_what_was_read_before_an_error_is_a_batch(error: BaseException) -> None:
    """Neither an I/O error nor Ctrl-C costs the events that were read already."""

    def reads() -> Iterator[Read]:
        yield RawEvent({}, None, 0)
        raise error

    got = batches(reads())

    assert [RawEvent({}, None, 0)] == next(got)
    with pytest.raises(type(error)):
        next(got)


def test_what_a_folder_holds_besides_files_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Hidden names below a named folder, links to folders and pipes are not read, and a
    note says so; the named folder itself, and those above it, may be hidden.
    """
    root = tmp_path / ".cache" / "x"
    (root / "sub" / ".git").mkdir(parents=True)
    for name in ("b.jsonl", "sub/a.jsonl", ".hidden.jsonl", "sub/.git/c.jsonl"):
        (root / name).write_text("{}")
    (root / "linked.jsonl").symlink_to("b.jsonl")
    (root / "folder").symlink_to(tmp_path)
    (root / "broken").symlink_to("missing")
    os.mkfifo(root / "pipe")

    found = Source((root,)).find().each

    names = [str(Path(read.name).relative_to(root)) for read in found]
    assert names == ["b.jsonl", "linked.jsonl", "sub/a.jsonl"]
    note = capsys.readouterr().err
    for left in (
        ".hidden.jsonl",
        "sub/.git",
        "folder",
        "broken",
        "pipe",
    ):
        assert f"{root}/{left}" in note


def test_a_path_that_is_too_long_is_not_a_matter_of_permissions(run: Run) -> None:
    """Advice fits the error, or is left out."""
    done = run("transform", "x" * 300)

    assert done.exit_code == 2
    assert "File name too long." in done.stderr
    assert "permissions" not in done.stderr


def test_folder_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """What lies in it would be missing without a word."""
    (tmp_path / "locked").mkdir()
    (tmp_path / "a.jsonl").touch()
    scan = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)

    done = run("transform", tmp_path)

    assert done.exit_code == 2
    assert f"cannot use {tmp_path}/locked: Permission denied." in done.stderr


COMMANDS = [
    "transform {0}",
    "transform {ok} -o {0}",
    "transform {ok} -o {0} --jobs 2",
    "send {0}",
    "send {ok} --sink file:{0}",
    "send {ok} --sink memory: --state {0}",
    "serve --port 0 --state {0}",
    "plan -o {0}",
    "plan --config {0}",
    "plan --diff {0}",
    "explain {0}",
    "drift {0}",
    "drift {ok} -o {0}",
    "check --state {0}",
    "check --sink file:{0}",
    "dead-letters list {0}",
    "dead-letters replay {0} --sink memory:",
    "dead-letters export {0}",
]


@pytest.mark.parametrize("flaw", [errno.EACCES, errno.ELOOP, errno.EIO])
@pytest.mark.parametrize("command", COMMANDS)
def test_path_that_cannot_be_looked_at_is_an_error(
    command: str,
    flaw: int,
    run: Run,
    batch: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A folder above may not be searched, a disk may fail: status 2, path and reason.
    """
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path / "closed" / "file")
    stat = os.stat

    def failing(name: object, **options: object) -> os.stat_result:
        if str(name) == path:
            raise OSError(flaw, os.strerror(flaw), path)
        return stat(name, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "stat", failing)

    done = run(*(word.format(path, ok=batch) for word in command.split()))

    assert done.exit_code == 2 or (command.startswith("check") and done.exit_code == 1)
    assert done.stderr or "PROBLEM" in done.stdout
    assert path in done.output
    assert "Traceback" not in done.output


def test_file_that_is_named_twice_is_read_once(run: Run, tmp_path: Path) -> None:
    """Such as by its folder, and by a folder above; a note says so."""
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "1.jsonl"
    path.write_bytes(lines([click_event()]))

    shown = run("transform", tmp_path, path.parent, path)

    assert keys(shown.stdout) == ["event-1"]
    assert "Note: 2 files named more than once, and read once." in shown.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("transform", ""),
        ("drift", ""),
        ("send", "", "--sink", "memory:"),
        ("plan", "--observed", ""),
        ("check", ""),
        ("backfill", "", "--sink", "memory:"),
        ("dead-letters", "list", ""),
        ("transform", "events.jsonl", "--config", ""),
        ("transform", "events.jsonl", "-o", ""),
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """A variable that is not set must not send everything below the folder."""
    monkeypatch.chdir(tmp_path)
    Path("events.jsonl").write_text("{}\n", encoding="utf-8")

    shown = run(*words)

    assert shown.exit_code == 2
    assert "empty" in shown.stderr
