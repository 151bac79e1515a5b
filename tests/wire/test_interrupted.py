"""Streams that fail while they are read: the error is raised, and nothing is damage."""

import asyncio
import gzip
import http.client
import io
import json
import zlib

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap import DISCARD, AsyncPipeline, MemorySink, Pipeline, Transformer
from braze_heap.wire import RawEvent, UnreadableError, read_events
from tests.support.for_each import for_each

EVENTS = [{"id": f"e-{n}", "time": 1 + n, "text": "x" * (n % 50)} for n in range(300)]
LINES = "".join(json.dumps(event) + "\n" for event in EVENTS).encode()


class StoreError(Exception):
    """An error of a cloud library: not an OSError."""


ERRORS = [
    ConnectionResetError("reset"),
    TimeoutError("timed out"),
    PermissionError("token expired"),
    StoreError("503 SlowDown"),
    EOFError("connection closed"),
    asyncio.IncompleteReadError(b"", 5),
    http.client.IncompleteRead(b""),
    zlib.error("of another layer"),
    UnreadableError("of another layer"),
    ValueError("I/O operation on closed file"),
    KeyError("Body"),
    MemoryError(),
]


def avro(codec):
    """Write the events as an Avro file of many blocks."""
    types = {"id": "string", "time": "int", "text": "string"}
    fields = [{"name": name, "type": type_} for name, type_ in types.items()]
    schema = {"type": "record", "name": "R", "fields": fields}
    out = io.BytesIO()
    fastavro.writer(out, schema, EVENTS, codec, sync_interval=1_000)
    return out.getvalue()


FORMS = {
    "lines": LINES,
    "body": json.dumps({"events": EVENTS}).encode(),
    "array": json.dumps(EVENTS).encode(),
    "pretty": json.dumps(EVENTS, indent=2).encode(),
    "documents": "".join(json.dumps(e, indent=1) + "\n" for e in EVENTS).encode(),
    "avro": avro("null"),
    "avro, deflate": avro("deflate"),
}
FORMS |= {f"{name}, gzip": gzip.compress(data) for name, data in FORMS.items()}
FORMS["lines, gzip twice"] = gzip.compress(FORMS["lines, gzip"])


class Raw(io.RawIOBase):
    """A raw stream that gives *data* up to *end*, then raises *error*."""

    def __init__(self, data, end, error):
        self._file, self._end, self._error = io.BytesIO(data), end, error

    def readable(self):
        """Tell that it can be read."""
        return True

    def readinto(self, buffer):
        """Read up to the end, or raise."""
        left = self._end - self._file.tell()
        if left <= 0:
            raise self._error
        return self._file.readinto(memoryview(buffer)[:left])


class OnlyRead:
    """A stream as cloud libraries have it, with only ``read``."""

    def __init__(self, raw):
        self.read = raw.read


class NoRead1(io.BufferedIOBase):
    """A stream that inherits a ``read1`` which only raises."""

    def __init__(self, raw):
        self._raw = raw

    def read(self, size=-1):
        """Read some bytes."""
        return self._raw.read(size)


WRAPPED = {
    "raw": lambda raw: raw,
    "buffered": io.BufferedReader,
    "read alone": OnlyRead,
    "no read1": NoRead1,
}


CLICK = "users.messages.email.Click"


def read_until_error(source):
    """Read *source* to its error; return what came before it, and the error."""
    parts = []
    try:
        for part in read_events(source, event_type=CLICK):
            parts.append(part)
    except Exception as error:
        return parts, error
    return parts, None


@for_each("error", ERRORS)
@for_each("form", FORMS)
def test_any_error_of_a_stream_is_raised(form, error):
    """The very exception is raised, after events and without any damage."""
    data = FORMS[form]
    parts, raised = read_until_error(Raw(data, len(data) // 2, error))

    assert raised is error
    assert all(isinstance(part, RawEvent) for part in parts)
    assert [part.value for part in parts] == EVENTS[: len(parts)]
    assert parts


@for_each("wrapped", WRAPPED)
@for_each("form", FORMS)
def test_any_kind_of_file_object_may_fail(form, wrapped):
    """Whatever lies around the stream that fails."""
    data, error = FORMS[form], StoreError("503")
    raw = Raw(data, len(data) // 2, error)
    parts, raised = read_until_error(WRAPPED[wrapped](raw))

    assert raised is error
    assert parts
    assert [part.value for part in parts] == EVENTS[: len(parts)]


@given(st.sampled_from(sorted(FORMS)), st.floats(0, 1), st.sampled_from(ERRORS))
def test_a_stream_may_fail_anywhere(form, part, error):
    """Wherever it fails, also at its very end, that is an error and not damage."""
    data = FORMS[form]
    parts, raised = read_until_error(Raw(data, int(part * len(data)), error))

    assert raised is error
    assert [getattr(part, "value", None) for part in parts] == EVENTS[: len(parts)]


@pytest.mark.parametrize("form", ["lines", "body", "array"])
@given(st.integers(1, len(FORMS["lines"])))
def test_events_before_the_failure_are_delivered(form, end):
    """Every event whose last byte was read is there."""
    data = FORMS[form]
    ends = [data.index(json.dumps(e).encode()) + len(json.dumps(e)) for e in EVENTS]
    parts, _ = read_until_error(Raw(data, end, StoreError()))
    whole = sum(stop < end for stop in ends)

    assert whole <= len(parts) <= whole + 1


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_that_ends_early_is_damaged(form):
    """A file that was cut, and read without an error, is one damage."""
    data = FORMS[form]
    parts, raised = read_until_error(io.BytesIO(data[: len(data) // 2]))
    damages = [part for part in parts if not isinstance(part, RawEvent)]

    assert raised is None
    assert damages == parts[-1:]


@pytest.mark.parametrize("form", ["lines", "avro, deflate, gzip"])
def test_pipelines_deliver_what_came_before_the_failure(form):
    """
    Also the last events before it, which fill no batch; the dead letter stays empty.
    """

    class DeadLetter(list):
        """A dead letter that is a list."""

        append = list.extend

    data, error = FORMS[form], StoreError("503")
    half = len(data) // 2
    sound, _ = read_until_error(Raw(data, half, error))
    sink, dead = MemorySink(), DeadLetter()
    pipeline = Pipeline(Transformer(), sink, dead, batch_size=7)
    reports = pipeline.batches(read_events(Raw(data, half, error), event_type=CLICK))
    received = [next(reports).received for _ in range(-(-len(sound) // 7))]

    with pytest.raises(StoreError):
        next(reports)

    assert sum(received) == len(sound) > 7
    assert dead == []


def test_async_pipelines_deliver_it_too():
    """The error comes out of an AsyncPipeline after the events before it."""

    class Nowhere:
        """A sink that gets nothing: the events have no identity."""

        async def send(self, calls):
            """Take nothing."""

        async def close(self):
            """Close nothing."""

    async def receive():
        reads = read_events(Raw(data, half, error), event_type=CLICK)
        pipeline = AsyncPipeline(Transformer(), Nowhere(), DISCARD, batch_size=1_000)
        received = []
        try:
            async for report in pipeline.batches(reads):
                received.append(report.received)
        except StoreError as raised:
            return received, raised

    data, error = FORMS["lines"], StoreError("503")
    half = len(data) // 2
    sound, _ = read_until_error(Raw(data, half, error))

    assert asyncio.run(receive()) == ([len(sound)], error)


def test_a_path_whose_reading_fails_raises(tmp_path):
    """A disk that fails is the error of the system."""
    path = tmp_path / "memory"
    path.symlink_to("/proc/self/mem")
    if not path.exists():
        pytest.skip("needs Linux")

    with pytest.raises(OSError, match="Input/output error"):
        list(read_events(path))


def test_a_stream_that_is_not_ready_raises():
    """A file without data at the moment has not ended."""

    class NotReady:
        """A non-blocking stream."""

        def read(self, size):
            """Give nothing yet."""

    with pytest.raises(BlockingIOError):
        list(read_events(NotReady()))


def test_a_missing_codec_is_not_damage(monkeypatch):
    """A file that needs another package is not read, rather than dead-lettered."""

    def missing(*_):
        raise ValueError("snappy codec is supported but you need to install cramjam")

    class Blocks:
        """Blocks of a codec that is missing."""

        writer_schema, codec = {}, "snappy"
        __next__ = missing

    monkeypatch.setattr(fastavro, "block_reader", lambda _: Blocks())

    with pytest.raises(ModuleNotFoundError, match="you need to install cramjam"):
        list(read_events(FORMS["avro"]))
