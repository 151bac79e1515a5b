"""Tests of the sinks for memory, the console and files."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import resource
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import AddUserProperties, DeleteUser
from braze_heap.sinks import ConsoleSink, JsonLinesSink, MemorySink, Receipt
from braze_heap.testing._sinks import check_sink
from tests.heap.support import track, tracks


def lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines, plain or gzipped."""
    opened: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_memory_sink_satisfies_the_contract() -> None:
    """The public contract test passes."""
    made: list[MemorySink] = []

    def factory() -> MemorySink:
        made.append(MemorySink())
        return made[-1]

    check_sink(factory, received=lambda: [c.to_dict() for c in made[-1].calls])


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_json_lines_sink_satisfies_the_contract(tmp_path: Path, name: str) -> None:
    """The public contract test passes; a full disk raises `SinkUnavailable`."""
    numbers: Iterator[int] = iter(range(100))
    paths: list[Path] = []

    def factory() -> JsonLinesSink:
        paths.append(tmp_path / f"{next(numbers)}-{name}")
        return JsonLinesSink(paths[-1])

    check_sink(
        factory,
        received=lambda: lines(paths[-1]),
        unavailable=lambda: JsonLinesSink("/dev/full"),
    )


def test_each_call_is_one_appended_line(tmp_path: Path) -> None:
    """Each line has the form of an item of Heap's bulk requests."""
    path = tmp_path / "out.jsonl"
    calls = [track(1, "é"), AddUserProperties("jane", {"a": 1}), DeleteUser("jane")]

    for call in calls:
        with JsonLinesSink(path) as sink:
            sink.send([call])

    assert lines(path) == [call.to_dict() for call in calls]


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_batch_is_readable_before_close(tmp_path: Path, name: str) -> None:
    """After `send` the whole batch can be read from the file."""
    path = tmp_path / name
    sink = JsonLinesSink(path)

    sink.send(tracks(3))

    assert len(lines(path)) == 3
    sink.close()


def test_a_truncated_line_is_terminated(tmp_path: Path) -> None:
    """After a crash the next call starts on a new line."""
    path = tmp_path / "out.jsonl"
    path.write_text('{"event": "ha')

    with JsonLinesSink(path) as sink:
        sink.send([track(1)])

    assert path.read_text("utf-8").splitlines() == ['{"event": "ha', track(1).to_json()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("out.jsonl", gzip.compress(b"{}\n", mtime=1)),
        ("out.jsonl", b"event,identity\n"),
        ("out.jsonl", bytes(20)),
        ("out.jsonl.gz", b"{}\n"),
        ("out.jsonl.gz", b"garbage"),
        ("out.jsonl.gz", gzip.compress(b"event,identity\n", mtime=1)),
        ("out.jsonl.gz", gzip.compress(b"{}\n", mtime=1)[:-1]),
        ("out.jsonl.gz", gzip.compress(b"{}\n", mtime=0) * 2 + b"x"),
        ("out.jsonl.gz", (gzip.compress(b"{}\n", mtime=0) * 2)[:-9]),
    ],
)
def test_a_file_with_other_content_is_refused(
    name: str, content: bytes, tmp_path: Path
) -> None:
    """Calls that are appended to it could not be read."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"of JSON objects, so nothing can be append"):
        JsonLinesSink(path)

    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_file_of_another_program_is_continued(name: str, tmp_path: Path) -> None:
    """Such as one that ``gzip`` has compressed, or an empty one."""
    for content in (b"", b"{}\n" * 9):
        path = tmp_path / name
        is_zipped = content and path.suffix == ".gz"
        path.write_bytes(gzip.compress(content) if is_zipped else content)

        with JsonLinesSink(path) as sink:
            sink.send([track(1)])

        assert len(lines(path)) == content.count(b"\n") + 1


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_rotation_loses_nothing(tmp_path: Path, name: str) -> None:
    """A full file is renamed to the next free number."""
    path = tmp_path / name
    with JsonLinesSink(path, max_bytes=500) as sink:
        for number in range(20):
            sink.send([track(number)])

    files = sorted(tmp_path.iterdir())
    found = {line["properties"]["n"] for file in files for line in lines(file)}
    assert found == set(range(20))
    assert {"out.1.jsonl", "out.2.jsonl"} <= {
        file.name.removesuffix(".gz") for file in files
    }


def test_a_failed_rotation_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sink is unavailable while the file cannot be renamed, and loses nothing."""

    def rename(path: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "out.jsonl"
    with JsonLinesSink(path, max_bytes=10) as sink:
        sink.send([track(1)])
        with monkeypatch.context() as broken:
            broken.setattr(Path, "rename", rename)
            with pytest.raises(SinkUnavailable, match="Permission denied"):
                sink.send([track(2)])
        sink.send([track(2)])

    assert [line["properties"]["n"] for line in lines(tmp_path / "out.1.jsonl")] == [1]
    assert [line["properties"]["n"] for line in lines(path)] == [2]


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_that_was_moved_or_deleted_is_opened_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, replace: bool
) -> None:
    """What is accepted is in the file that the path names."""
    path = tmp_path / "calls.jsonl"
    with JsonLinesSink(path) as sink:
        sink.send([track(1)])
        path.unlink()
        if replace:
            path.write_text("")
        sink.send([track(2)])
        sink.send([track(3)])

    assert [line["idempotency_key"] for line in lines(path)] == ["key-2", "key-3"]
    assert caplog.messages == [f"{path} was moved or deleted: a new file is opened"]


def test_a_file_in_a_deleted_folder_is_unavailable(tmp_path: Path) -> None:
    """Nothing could be written."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with JsonLinesSink(folder / "calls.jsonl") as sink:
        (folder / "calls.jsonl").unlink()
        folder.rmdir()
        with pytest.raises(SinkUnavailable, match="cannot be written"):
            sink.send([track(1)])


def test_a_stream_is_not_rotated() -> None:
    """An option without an effect is an error."""
    with pytest.raises(ValueError, match="a stream is not rotated"):
        JsonLinesSink(io.StringIO(), max_bytes=5)


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_batch_is_written_completely_or_not_at_all(tmp_path: Path, name: str) -> None:
    """On a full disk the file has its earlier content and nothing of the batch."""
    path = tmp_path / name
    batch = [track(n, text=secrets.token_hex(400)) for n in range(10)]
    with JsonLinesSink(path) as sink:
        sink.send([track(1)])
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(SinkUnavailable, match="cannot be written") as failed:
                sink.send(batch)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        assert failed.value.context == {"error": "OSError", "errno": errno.EFBIG}

        assert len(lines(path)) == 1
        sink.send(batch)

    assert len(lines(path)) == 11


def test_values_without_json_form_are_rejected(tmp_path: Path) -> None:
    """Invalid data is a rejection, not an unavailable sink."""
    with JsonLinesSink(tmp_path / "out.jsonl") as sink:
        receipt = sink.send([track(1), track(2, x="\ud800"), track(3, x=float("nan"))])

    assert [rejection.index for rejection in receipt.rejections] == [1, 2]
    assert len(lines(tmp_path / "out.jsonl")) == 1


def test_streams_stay_open() -> None:
    """The stream of the caller is flushed, not closed."""
    for stream in (io.StringIO(), io.BytesIO()):
        with JsonLinesSink(stream) as sink:
            sink.send([track(1)])

        assert stream.getvalue() in (
            track(1).to_json() + "\n",
            (track(1).to_json() + "\n").encode(),
        )


class Sipping(io.RawIOBase):
    """Raw stream with partial writes and a capacity."""

    def __init__(self, room: int = sys.maxsize) -> None:
        super().__init__()
        self.taken = b""
        self.room = room

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int | None:
        if len(self.taken) >= self.room:
            return None
        self.taken += bytes(data[:7])
        return len(data[:7])


@pytest.mark.parametrize("is_text", [True, False])
def test_partial_writes_are_continued(is_text: bool) -> None:
    """An unbuffered stream may write a part; stdout is one under PYTHONUNBUFFERED."""
    raw, sent = Sipping(), tracks(3)
    stream = io.TextIOWrapper(raw, "utf-8", write_through=True)  # type: ignore[type-var]

    receipt = JsonLinesSink(stream if is_text else raw).send(sent)

    assert receipt == Receipt(3)
    assert raw.taken.decode() == "".join(f"{call.to_json()}\n" for call in sent)


def test_a_full_stream_is_unavailable() -> None:
    """A batch that is not written completely raises `SinkUnavailable`."""
    with pytest.raises(SinkUnavailable, match="cannot be written"):
        JsonLinesSink(Sipping(room=50)).send(tracks(3))


def test_a_closed_file_is_unavailable(tmp_path: Path) -> None:
    """Sending after `close` raises `SinkUnavailable`."""
    sink = JsonLinesSink(tmp_path / "out.jsonl")
    sink.close()

    with pytest.raises(SinkUnavailable, match="create a new one"):
        sink.send([track(1)])


def test_close_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing flushes the file and its directory to disk."""
    synced: list[bool] = []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda number: synced.append(stat.S_ISDIR(os.fstat(number).st_mode)),
    )

    with JsonLinesSink(tmp_path / "out.jsonl.gz") as sink:
        sink.send([track(1)])

    assert synced == [False, True]


def test_console_is_for_people() -> None:
    """The console has one line per call; line breaks in values are escaped."""
    stream = io.StringIO()

    with ConsoleSink(stream) as sink:
        receipt = sink.send([track(1, "ja\nne"), DeleteUser("jane")])

    assert receipt == Receipt(2)
    assert stream.getvalue().splitlines() == [
        "2024-01-01T00:00:00+00:00  Braze Email Click  ja\\nne  n=1",
        "DELETE  jane",
    ]


def test_a_format_that_is_not_written_is_an_error(tmp_path: Path) -> None:
    """Nothing is created under a name that promises another format."""
    path = tmp_path / "out.jsonl.zst"

    with pytest.raises(ValueError, match=r"\.zst is not written"):
        JsonLinesSink(path)

    assert not path.exists()
