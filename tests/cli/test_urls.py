"""URLs of object stores in commands, on the file system in memory of fsspec."""

import gzip
import json
import logging
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from braze_heap.cli import _inputs, _output
from braze_heap.cli._inputs import Source
from braze_heap.storage import _objects
from tests.cli.conftest import Run, click_event, keys, lines
from tests.storage import layout
from tests.storage.layout import CLICK, CUSTOM, OPEN, content, key


@pytest.fixture
def bucket() -> Iterator[str]:
    """Return the URL of a bucket in Currents' layout: 36 objects with an event each."""
    files, root = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    for number, name in enumerate(layout.keys()):
        files.pipe(f"{root}/in/{name}", content(1, number))
    yield f"memory:/{root}"
    files.rm(root, recursive=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder in Currents' layout, as `bucket`."""
    for number, name in enumerate(layout.keys()):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content(1, number))
    return tmp_path / "in"


def put(url: str, data: bytes) -> str:
    with fsspec.open(url, "wb") as file:
        file.write(data)
    return url


def exists(url: str) -> bool:
    files, path = fsspec.url_to_fs(url)
    return bool(files.exists(path))


def read(url: str) -> bytes:
    with fsspec.open(url) as file:
        return bytes(file.read())


@pytest.mark.parametrize("command", ["transform", "send --sink - --discard"])
def test_urls_and_paths_are_read_in_their_order(
    command: str, run: Run, bucket: str, batch: Path
) -> None:
    """
    A prefix, a file and an object give their events one by one, and a file: URL of the
    same file nothing.
    """
    obj = put(f"{bucket}/one.jsonl", lines([click_event(107)]))
    name, *options = command.split()
    batch.write_bytes(lines([click_event(101), click_event(102)]))

    done = run(name, f"{bucket}/in", batch, obj, f"file://{batch}", *options)

    assert done.exit_code == 0
    ids = keys(done.stdout)
    assert ids[36:] == ["event-101", "event-102", "event-107"]
    assert sorted(ids[:36]) == sorted(f"event-{n}" for n in range(36))
    assert "39 events from 38 files" in done.stderr


def test_a_file_url_may_name_this_machine(run: Run, batch: Path) -> None:
    """The host localhost is that of every local path; another one is not."""
    here = run("transform", f"file://localhost{batch}")
    there = run("transform", f"file://elsewhere{batch}")

    assert keys(here.stdout) == ["event-1", "event-2"]
    assert there.exit_code == 2


NARROWED = [
    ("--since 2026-01-16 --until 2026-01-17", 12),
    ("--since 2026-01-15T07 --until 2026-01-15T12", 3),
    ("--since 2026-01-15-07 --until 2026-01-15T13:00+01:00", 3),
    ("--until 2026-01-16", 12),
    ("--since 2026-02-01T23:59", 3),
    (f"--include {CLICK} --since 2026-02-01", 4),
    (f"--exclude {CLICK} --exclude {OPEN}", 12),
    ("--since 2030-01-01", 0),
    ("--include users.canvas.Entry", 0),
]


@pytest.mark.parametrize(
    ("command", "options", "files"),
    [
        *(("transform", *each) for each in NARROWED),
        *((each, *NARROWED[5]) for each in ("send", "drift", "plan --observed")),
    ],
)
def test_hours_and_types_in_paths_choose_the_files(
    command: str,
    options: str,
    files: int,
    run: Run,
    bucket: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They mean the same for a URL and a folder; no file of them is no error."""
    read: list[str] = []
    original = _inputs.Input.read

    def noted(self: Any, *args: Any) -> Any:
        read.append(self.name)
        return original(self, *args)

    monkeypatch.setattr(_inputs.Input, "read", noted)

    for source in (f"{bucket}/in", folder):
        output = () if command == "send" else ("-o", "/dev/null")
        done = run(*command.split(), source, *options.split(), *output)

        assert done.exit_code in (0, 1), done.stderr
        assert len(read) == files
        read.clear()


def test_types_that_state_user_properties_are_read(run: Run, bucket: str) -> None:
    """What `--include` skips only as events is not left out by its path."""
    uninstall = "users.behaviors.Uninstall"
    put(f"{bucket}/in/{key(uninstall, '2026-01-15', 7)}", content(1, 99))

    chosen = run("transform", f"{bucket}/in", "--include", CLICK)
    without = run(
        "transform", f"{bucket}/in", "--include", CLICK, "--exclude", uninstall
    )

    assert "braze_app_app_uninstalled_at" in chosen.stdout
    assert len(chosen.stdout.splitlines()) == len(without.stdout.splitlines()) + 1


def test_drift_compares_only_the_selected_events(run: Run, batch: Path) -> None:
    """Events of other types are not counted, also where no path names a type."""
    every = run("drift", batch)
    none = run("drift", batch, "--exclude", CLICK)

    assert every.stdout.startswith("2 events")
    assert none.stdout.startswith("0 events")


def test_paths_without_hours_are_reported(
    run: Run, bucket: str, batch: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Files without an hour are not read with --since; only such ones are an error."""
    with caplog.at_level(logging.WARNING):
        done = run("transform", f"{bucket}/in", batch, "--since", "2026-02-01")
    alone = run("transform", batch, "--since", "2026-02-01")
    stdin = run("transform", "--since", "2026-02-01", stdin=b"{}")

    assert done.exit_code == 0
    assert "12 events from 12 files" in done.stderr
    assert f"in their path: 1, such as {batch}" in caplog.text
    assert alone.exit_code == stdin.exit_code == 2
    assert "files without date=YYYY-MM-DD-HH in their path: 1" in alone.stderr
    assert "such as stdin" in stdin.stderr


@pytest.mark.parametrize(
    ("options", "flaw"),
    [
        ("--since yesterday", "'yesterday' is not a date or an hour"),
        ("--since 2026-02-01 --until 2026-02-01", "is not before until"),
        ("--include users.messages.email.Clik*", "email.Clik*"),
        ("--storage-option secret", "write KEY=VALUE"),
        ("--storage-option =hunter2", "write KEY=VALUE"),
        ("--storage-option a={hunter2", "the value of a is not JSON"),
        ("--storage-option a=hunter2 --storage-option a=x", "a is given twice"),
    ],
)
def test_wrong_options_are_explained(
    options: str, flaw: str, run: Run, bucket: str
) -> None:
    """The message has the wrong value, but never that of a storage option."""
    done = run("transform", f"{bucket}/in", *options.split())

    assert done.exit_code == 2
    assert flaw in done.stderr.replace("\n", " ")
    assert "hunter2" not in done.stderr


def test_storage_options_need_a_url(run: Run, batch: Path) -> None:
    """They would have no effect on a path."""
    done = run("transform", batch, "--storage-option", "profile=x")

    assert done.exit_code == 2
    assert "--storage-option is for URLs" in done.stderr


def test_storage_options_reach_the_store_and_no_message(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Booleans and objects are JSON, other values text."""
    given: dict[str, Any] = {}

    def refuse(url: str, **options: Any) -> None:
        given.update(options)
        raise ConnectionError(f"no answer for hunter2, {options}")

    monkeypatch.setattr(fsspec, "url_to_fs", refuse)
    values = ("secret=hunter2", "anon=false", 'client_kwargs={"token": "hunter3"}')

    done = run("transform", "memory://x", *(f"--storage-option={v}" for v in values))

    assert done.exit_code == 2
    assert given["anon"] is False
    assert given["client_kwargs"] == {"token": "hunter3"}
    assert "cannot read memory://x: ConnectionError: no answer for …" in done.stderr
    assert "hunter" not in done.stderr


@pytest.mark.parametrize(
    ("url", "flaw"),
    [
        (
            "memory://nowhere/x",
            "cannot read memory://nowhere/x: there is no such bucket",
        ),
        ("s33://bucket/x", "unknown scheme, 's33'. Did you mean 's3'?"),
        ("s3:/bucket/x", "s3:/bucket/x is not a whole URL: write s3://bucket/x"),
        ("file:/tmp/missing", "is not a whole URL: write file:///tmp/missing"),
        ("file:///missing", "'/missing' does not exist."),
        ("gs://bucket/x", "pip install 'braze_heap[gcs]'"),
    ],
)
@pytest.mark.parametrize(
    "command", ["transform", "send", "drift", "plan --observed", "explain"]
)
def test_urls_that_cannot_be_read_are_explained(
    command: str, url: str, flaw: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command says what to do, with the status of files that do not exist."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)

    done = run(*command.split(), url)

    assert done.exit_code == 2
    assert flaw in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "transform {ok} --config {url}",
        "plan --diff {url}",
    ],
)
def test_options_that_take_no_url_say_so(command: str, run: Run, batch: Path) -> None:
    """A URL is not reported as a missing file."""
    done = run(*command.format(ok=batch, url="s3://ada:hunter2@b/x").split())

    assert done.exit_code == 2
    assert "s3://…@b/x is a URL, but this takes a path" in done.stderr


@pytest.mark.parametrize("sink", ["file:s3://bucket/calls.jsonl", "s3://bucket/x"])
def test_sinks_take_no_url(sink: str, run: Run, batch: Path) -> None:
    """Nothing can be appended to an object; the message names the other ways."""
    done = run("send", batch, "--sink", sink, "--discard")

    assert done.exit_code == 2
    assert "transform --output URL" in done.stderr


@pytest.fixture
def failing(bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of an object whose second range cannot be read."""
    fetch = _objects.ObjectFile._fetch

    def refused(self: Any, start: int) -> bytes:
        if start and "broken" in self.name:
            raise _objects.PermanentStoreError(f"cannot read {self.name}: gone")
        return fetch(self, start)

    monkeypatch.setattr(_objects, "CHUNK", 1_000)
    monkeypatch.setattr(_objects.ObjectFile, "_fetch", refused)
    return put(f"{bucket}/broken/{CLICK}.jsonl", content(100))


def test_object_that_fails_in_the_middle_ends_a_transformation(
    failing: str, run: Run, bucket: str, batch: Path
) -> None:
    """The events before it are written, the status is 2, and -o leaves nothing."""
    output = f"{bucket}/calls.jsonl"

    shown = run("transform", failing, batch)
    written = run("transform", failing, batch, "-o", output)

    assert shown.exit_code == written.exit_code == 2
    assert 0 < len(keys(shown.stdout)) < 100
    assert f"Error: cannot read {failing}: gone" in shown.stderr
    assert "The file was not written" in written.stderr
    assert not exists(output)


def test_object_that_fails_in_the_middle_does_not_stop_sending(
    failing: str, run: Run, batch: Path
) -> None:
    """The other files are sent, and the status is 2, as with local files."""
    batch.write_bytes(lines([click_event(101)]))

    done = run("send", failing, batch, "--sink", "-", "--discard")

    assert done.exit_code == 2
    assert keys(done.stdout)[-1:] == ["event-101"]
    assert f"Error: cannot read {failing}: gone" in done.stderr


def test_object_that_holds_no_events_is_treated_as_a_file(
    run: Run, bucket: str
) -> None:
    """Under a prefix it is skipped and reported; named itself it is an error."""
    csv = put(f"{bucket}/in/notes.csv", b"a,b\n1,2\n")

    below = run("transform", f"{bucket}/in")
    named = run("transform", f"{bucket}/in", csv)

    assert below.exit_code == 0
    assert "1 file skipped: no events in them" in below.stderr
    assert csv in below.stderr
    assert named.exit_code == 2
    assert named.stdout == ""


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("name", ["calls.jsonl", "calls.jsonl.gz"])
def test_output_goes_to_a_url(
    name: str, jobs: str, run: Run, bucket: str, folder: Path
) -> None:
    """It is compressed by its suffix, and replaces an object that is there."""
    expected = run("transform", folder).stdout_bytes
    output = put(f"{bucket}/out/{name}", b"old")

    done = run("transform", folder, "-o", output, "--jobs", jobs)

    data = read(output)
    assert done.exit_code == 0
    assert expected == (gzip.decompress(data) if name.endswith(".gz") else data)


def test_several_jobs_read_urls(run: Run, bucket: str, folder: Path) -> None:
    """Workers open objects themselves; only this process can read its memory."""
    expected = run("transform", folder).stdout_bytes

    assert run("transform", f"local://{folder}", "--jobs=2").stdout_bytes == expected
    assert run("transform", f"{bucket}/in", "--jobs=2").stdout_bytes == expected


@pytest.mark.parametrize("command", ["drift --json", "plan --json"])
def test_reports_go_to_a_url(command: str, run: Run, bucket: str, batch: Path) -> None:
    """`drift` and `plan` write what they would print."""
    name, form = command.split()
    words = [name, batch] if name == "drift" else [name]

    printed = run(*words, form)
    run(*words, form, "-o", f"{bucket}/report.json")

    assert json.loads(read(f"{bucket}/report.json")) == json.loads(printed.stdout)


def test_dead_letters_are_exported_to_a_url(
    run: Run, bucket: str, tmp_path: Path
) -> None:
    """An object takes the place of the file."""
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(lines([click_event(1, time=None)]))
    store = tmp_path / "state.db"
    run("send", bad, "--sink", "memory:", "--state", store)

    done = run("dead-letters", "export", store, "-o", f"{bucket}/dead.jsonl")

    assert done.exit_code == 0, done.output
    assert read(f"{bucket}/dead.jsonl")


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError, ValueError])
def test_output_that_is_interrupted_leaves_the_object_as_it_is(
    error: type[BaseException], bucket: str
) -> None:
    """Nothing half-written appears, and later writes are not held back."""
    from braze_heap.cli._options import StoreUrl

    url = StoreUrl(f"{bucket}/calls.jsonl")
    with pytest.raises(error), _output.open_output(url) as file:  # noqa: PT012
        file.write(b"half")
        file.flush()
        raise error

    assert not exists(url.url)
    with _output.open_output(url) as file:
        file.write(b"whole")
    assert read(url.url) == b"whole"


@pytest.mark.parametrize(
    ("output", "flaw"),
    [
        ("{0}/in/" + key(CUSTOM, "2026-01-15", 0), "is read. Name another file"),
        ("{0}/out/", "names no object"),
        ("memory://bucket", "names no object"),
        ("s33://bucket/x", "unknown scheme"),
        ("gs://bucket/x", "pip install 'braze_heap[gcs]'"),
    ],
)
def test_output_that_cannot_be_written_is_explained(
    output: str, flaw: str, run: Run, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status is 2, and what is there stays as it is."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    before = sorted(fsspec.filesystem("memory").find(bucket))

    done = run("transform", f"{bucket}/in", "-o", output.format(bucket))

    assert done.exit_code == 2
    assert flaw in done.stderr
    assert sorted(fsspec.filesystem("memory").find(bucket)) == before


def test_output_that_fails_at_its_end_is_an_error(
    run: Run, bucket: str, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that refuses the last part is named, and a later write works."""
    from fsspec.implementations.memory import MemoryFile

    output = f"{bucket}/calls.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(MemoryFile, "commit", lambda _: 1 / 0)
        refused = run("transform", batch, "-o", output)
    absent = not exists(output)
    done = run("transform", batch, "-o", output)

    assert refused.exit_code == 2
    assert f"cannot write {output}: ZeroDivisionError" in refused.stderr
    assert absent
    assert done.exit_code == 0
    assert exists(output)


def test_explain_reads_one_object(run: Run, bucket: str) -> None:
    """An object is read as a file; a folder is refused as a directory."""
    name = key(CLICK, "2026-01-15", 7)

    one = run("explain", f"{bucket}/in/{name}")
    folder = run("explain", f"{bucket}/in")

    assert one.exit_code == 0
    assert "EmailClick" in one.stdout
    assert folder.exit_code == 2
    assert "is a folder. Name one of its files." in folder.stderr


def test_progress_counts_the_bytes_of_objects(bucket: str) -> None:
    """The pieces add up to the size of all objects."""
    from braze_heap.cli._options import StoreUrl

    inputs = Source((StoreUrl(f"{bucket}/in"),)).find()
    pieces: list[int] = []

    list(inputs.read(pieces.append))

    assert len(pieces) == 36
    assert sum(pieces) == inputs.size > 0
