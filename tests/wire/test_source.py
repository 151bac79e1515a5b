"""
Where events are read from: paths, files, content; plain or gzipped; never loaded whole.
"""

import gzip
import io
import itertools
import json
import os
import pathlib
import subprocess
import sys
import textwrap

import fastavro
import pytest

from braze_heap.wire import RawEvent, Unreadable, read_events
from braze_heap.wire._source import read_lines, type_in_path
from tests.support.for_each import for_each

BODY = b'{"events": [{"id": 1}, {"id": 2}]}'
EVENTS = [{"id": 1}, {"id": 2}]
MEGABYTE = 1_000_000
measured = pytest.mark.skipif(
    not pathlib.Path("/proc/self/status").exists(), reason="measured by Linux"
)

BRAZE_S_LAYOUT = (
    "dataexport.prod-03.S3.integration.0a/event_type=users.messages.email.Click"
    "/date=2026-01-01-00/13"
)


def values_of(source, **options):
    """Return the events of *source*; a damage would be ``None``."""
    parts = read_events(source, **options)
    return [part.value if isinstance(part, RawEvent) else None for part in parts]


class Pipe:
    """Something that can only be read, as a socket's file can."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    def read(self, size):
        """Give some of the bytes that are asked for."""
        return self._file.read(min(size, 5))


# --- Sources --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        BODY,
        BODY.decode(),
        io.BytesIO(BODY),
        Pipe(BODY),
        io.BufferedReader(io.BytesIO(BODY)),
    ],
    ids=["bytes", "text", "file", "pipe", "buffered"],
)
def test_sources_may_be_content_or_files(source):
    """Content and open files are read alike."""
    assert values_of(source) == EVENTS


def test_damage_at_the_end_of_a_gzip_stream_has_its_offset():
    """The offset counts inflated bytes."""
    data = b'{"id": 1}\n' * 60_000
    *events, damage = read_events(io.BytesIO(gzip.compress(data)[:-4]))

    assert len(events) == 60_000
    assert damage.offset == len(data)


def test_a_file_that_was_opened_by_number_has_no_name(tmp_path):
    """Its damage names no source."""
    path = tmp_path / "events.json"
    path.write_bytes(b'{"cut')
    with open(os.open(path, os.O_RDONLY), "rb") as file:
        (damage,) = read_events(file)

    assert damage.source == ""


def test_lines_behind_text_are_read_as_they_arrive():
    """The first event is returned although the file goes on for ever."""
    lines = itertools.chain([b"text\n"], itertools.repeat(b'{"id": 1}\n', 1_000))
    file = io.BytesIO()
    file.read1 = lambda size: next(lines)
    events = (read for read in read_events(file) if isinstance(read, RawEvent))

    assert next(events).value == {"id": 1}
    assert len([*lines]) > 990


def test_sources_may_be_paths(tmp_path):
    """A path is opened, read and closed."""
    (tmp_path / "body.json").write_bytes(BODY)

    assert values_of(tmp_path / "body.json") == EVENTS


@pytest.mark.parametrize(
    "text",
    [
        "events.jsonl",
        "batch.json",
        "currents/2026/01",
        "./currents",
        r"C:\\data\\events.avro",
        "[2026]/events.jsonl",
    ],
)
def test_texts_that_are_paths_are_rejected(text):
    """A str is content; one that is a path raises at once, and says what to do."""
    with pytest.raises(ValueError, match=r"read_events\(Path"):
        read_events(text)


@pytest.mark.parametrize("text", ['{"id": "a/b.json"}', '[{"url": "s3://x"}]', ""])
def test_texts_that_are_json_are_content(text):
    """Paths within JSON mean nothing."""
    assert None not in values_of(text)


def test_urls_are_not_paths():
    """pathlib turns s3:// into s3:/, which would only be a missing file."""
    with pytest.raises(ValueError, match="pass the URL as a str"):
        list(read_events(pathlib.PurePosixPath("s3://bucket/events.jsonl")))


def test_folders_may_look_like_urls(tmp_path, monkeypatch):
    """A path that exists is read, whatever its name."""
    monkeypatch.chdir(tmp_path)
    pathlib.Path("s3:").mkdir()
    pathlib.Path("s3:/body.json").write_bytes(BODY)

    assert values_of(pathlib.Path("s3:/body.json")) == EVENTS


def test_files_open_as_text_are_explained(tmp_path):
    """The error says how to open the file."""
    (tmp_path / "body.json").write_bytes(BODY)
    with (
        (tmp_path / "body.json").open() as file,
        pytest.raises(TypeError, match=r"open\(path, 'rb'\)"),
    ):
        list(read_events(file))


@pytest.mark.parametrize("source", [None, 5, [b"{}"], {"events": []}])
def test_unsupported_sources_are_rejected(source):
    """Neither a path, nor a file, nor content."""
    with pytest.raises(TypeError, match="read_events takes"):
        read_events(source)


def test_missing_paths_raise(tmp_path):
    """A path that cannot be opened is the caller's error."""
    with pytest.raises(FileNotFoundError):
        list(read_events(tmp_path / "missing.json"))


def test_open_files_stay_open(tmp_path):
    """The caller's file stays open."""
    (tmp_path / "body.json").write_bytes(BODY)
    with (tmp_path / "body.json").open("rb") as file:
        list(read_events(file))

        assert not file.closed


def test_open_files_are_read_from_their_position():
    """Reading begins at the current position of a file."""
    file = io.BytesIO(b"header\n" + BODY)
    file.readline()

    assert values_of(file) == EVENTS


def test_reading_is_lazy():
    """An event is delivered before the rest of its stream is read."""
    read = []

    class Slow:
        """A stream of lines without an end."""

        def read(self, size):
            """Give a few lines."""
            read.append(size)
            return b'{"id": 1}\n' * 1_000

    next(read_events(Slow()))

    assert len(read) < 50


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("closed")])
def test_errors_of_a_file_are_not_swallowed(error):
    """A disk that fails is not a damaged file."""

    class Failing:
        """A stream that breaks."""

        def read(self, size):
            """Break."""
            raise error

    with pytest.raises(type(error), match=str(error)):
        list(read_events(Failing()))


# --- Gzip -----------------------------------------------------------------------------


def test_gzip_members_are_one_stream():
    """Concatenated gzip files are one, also within an event."""
    data = b"".join(gzip.compress(BODY[i : i + 5]) for i in range(0, len(BODY), 5))

    assert values_of(data) == EVENTS


def test_gzip_may_be_wrapped_twice():
    """Content that was compressed twice is inflated twice."""
    assert values_of(gzip.compress(gzip.compress(BODY))) == EVENTS


def test_truncated_gzip_gives_everything_before_the_end():
    """Lines that were inflated before the damage are delivered, then the damage."""
    lines = [{"id": n, "text": f"{n * 7919 % 10_007:x}" * 50} for n in range(2_000)]
    data = gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())
    values = values_of(data[: len(data) // 2])
    events = [value for value in values if value is not None]

    assert lines[: len(events)] == events
    assert len(events) > 500
    assert values == [*events, None]


@for_each("end", range(2, len(gzip.compress(BODY)) - 1))
def test_gzip_truncated_at_any_byte_is_damaged(end):
    """A gzip file without its end is one damage; its sound events are delivered."""
    *values, last = values_of(gzip.compress(BODY)[:end])

    assert EVENTS[: len(values)] == values
    assert last is None


def test_broken_gzip_is_damage():
    """Bytes that do not inflate are a damage with its offset in the inflated text."""
    data = bytearray(gzip.compress(BODY))
    data[-6] ^= 0xFF
    damage = list(read_events(bytes(data)))[-1]

    assert isinstance(damage, Unreadable)
    assert "gzip" in damage.detail


def test_damage_has_the_name_of_its_file(tmp_path):
    """A damage has the name of its file, and its offset."""
    path = tmp_path / "cut.jsonl"
    path.write_bytes(b'{"id": 1}\n{"id": ')
    with path.open("rb") as file:
        damages = [list(read_events(source))[-1] for source in (path, file)]

    assert [(str(path), 10)] * 2 == [(d.source, d.offset) for d in damages]


# --- Types ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "event_type"),
    [
        (f"{BRAZE_S_LAYOUT}/prod/x+0+0.avro", "users.messages.email.Click"),
        (
            "C:\\data\\event_type=users.behaviors.app.SessionEnd\\1.avro",
            "users.behaviors.app.SessionEnd",
        ),
        ("users.messages.email.Click.union.json", "users.messages.email.Click"),
        ("data/users.canvas.Entry.json", "users.canvas.Entry"),
        ("users.UserOrphan-2026.json.gz", "users.UserOrphan"),
        ("agentconsole.ToolInvocation.avro", "agentconsole.ToolInvocation"),
        ("contentoptimizer.ComponentStore", "contentoptimizer.ComponentStore"),
        ("event_type=users.pigeon.Send_v2/x.avro", "users.pigeon.Send_v2"),
        ("body.json", None),
        ("users.json", None),
        ("export.users.canvas.Entry.json", None),
        ("", None),
    ],
)
def test_paths_name_types(path, event_type):
    """
    The type stands in the path as Braze lays it out, or begins the name of the file.
    """
    assert event_type == type_in_path(path)


def test_events_of_a_path_have_its_type(tmp_path):
    """Records from a file have the type in its path."""
    path = tmp_path / "event_type=users.canvas.Entry" / "1.json"
    path.parent.mkdir()
    path.write_text('{"id": "a"}')
    (event,) = read_events(path)

    assert event.event_type == "users.canvas.Entry"


def test_given_type_outranks_the_path(tmp_path):
    """An explicit type has precedence."""
    path = tmp_path / "users.canvas.Entry.json"
    path.write_text('{"id": "a"}')
    (event,) = read_events(path, event_type="users.messages.email.Click")

    assert event.event_type == "users.messages.email.Click"


# --- Large files ----------------------------------------------------------------------


def click(number):
    """Build an event of about a kilobyte."""
    properties = {f"property_{n}": f"{number:x} {'x' * 60}" for n in range(10)}
    return {"event_type": "t", "id": str(number), "time": 1, "properties": properties}


def write_json(file, size, before, between, after, **options):
    """Write *size* bytes of events."""
    file.write(before)
    event = json.dumps(click(10**9), **options)
    for number in range(size // len(event)):
        file.write((between if number else "") + event)
    file.write(after)


def write_avro(path):
    """Write 20 MB of records."""
    event = click(10**9)
    record = {"id": event["id"], **event["properties"]}
    fields = [{"name": name, "type": "string"} for name in record]
    schema = {"type": "record", "name": "R", "fields": fields}
    with path.open("wb") as file:
        count = 20 * MEGABYTE // len(json.dumps(record))
        fastavro.writer(file, schema, (record for _ in range(count)))


LARGE = {
    "lines": lambda file: write_json(file, 50 * MEGABYTE, "", "\n", "\n"),
    "body on one line": lambda file: write_json(
        file, 20 * MEGABYTE, '{"events": [', ", ", "]}"
    ),
    "pretty array": lambda file: write_json(
        file, 20 * MEGABYTE, "[\n", ",\n", "\n]", indent=1
    ),
}


def memory_used_by(path):
    """
    Read *path* in a fresh interpreter: how many events, how many more bytes at most.
    """
    code = f"""
        import pathlib, re
        from braze_heap.wire import RawEvent, read_events
        import fastavro

        def peak():
            status = pathlib.Path("/proc/self/status").read_text("utf-8")
            return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1])

        list(read_events(b'{{"events": [{{"id": 1}}]}}'))
        before = peak()
        events = read_events(pathlib.Path({str(path)!r}))
        print(sum(isinstance(event, RawEvent) for event in events), peak() - before)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(map(int, ran.stdout.split()))


@pytest.mark.slow
@measured
@pytest.mark.parametrize("arrangement", LARGE)
def test_large_json_is_streamed(arrangement, tmp_path):
    """20 to 50 MB of JSON, in whatever arrangement, take 12 MB of memory at most."""
    path = tmp_path / "large.json"
    with path.open("w") as file:
        LARGE[arrangement](file)
    events, memory = memory_used_by(path)

    assert events > 10_000
    assert memory < 12 * MEGABYTE


@measured
def test_large_avro_is_streamed(tmp_path):
    """20 MB of Avro take a few blocks' worth of memory."""
    path = tmp_path / "large.avro"
    write_avro(path)
    events, memory = memory_used_by(path)

    assert events > 10_000
    assert memory < 12 * MEGABYTE


@pytest.mark.slow
@measured
def test_large_gzip_is_streamed(tmp_path):
    """A gzip file is inflated piece by piece."""
    path = tmp_path / "large.json.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        LARGE["pretty array"](file)
    events, memory = memory_used_by(path)

    assert events > 10_000
    assert memory < 12 * MEGABYTE


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_parts_of_a_file_equal_the_whole(mark):
    """Every event, with its offset, is in exactly one of two parts of a file."""
    data = mark + b'{"id": 1}\n{"id": 22}\n\n{"id": 333}\n{"id": 4}'
    given = "users.messages.email.Click"
    whole = list(read_events(data, event_type=given))
    for cut in range(len(data) + 1):
        spans = (0, cut), (cut, len(data))
        parts = (read_lines(io.BytesIO(data), given, *span) for span in spans)

        assert whole == [read for part in parts for read in part]


@pytest.mark.parametrize("written", [b"", BODY[:10]])
def test_a_file_that_is_not_ready_is_not_at_its_end(written):
    """A buffered file that would block returns nothing, as at its end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb") as file, open(writing, "wb", buffering=0) as sender:
        sender.write(written)

        with pytest.raises(BlockingIOError, match="make it blocking"):
            list(read_events(file))


class Odd:
    """A file whose ``read`` returns *data*, whatever that is."""

    def __init__(self, data):
        self.data = data

    def read(self, size=-1):
        return self.data


class Async:
    async def read(self, size=-1):
        return BODY


@pytest.mark.parametrize("file", [Odd(5), Odd([1, 2]), Odd(object()), Async()])
def test_a_file_that_returns_no_bytes_is_an_error(file):
    """An integer would be read as so many zeros."""
    with pytest.raises(TypeError, match=r"read\(\) of the file returned"):
        list(read_events(file))


@pytest.mark.parametrize(
    "text",
    ["events.log", " events.jsonl\n", "events.tar.bz2", "users.messages.email.Open"],
)
def test_a_file_name_is_a_path_whatever_its_extension(text):
    """No JSON looks like that."""
    with pytest.raises(ValueError, match="a str is content, not a path"):
        read_events(text)
