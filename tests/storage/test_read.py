"""Reading of objects: streamed, ahead of the reader, with retries from the offset."""

import gzip
import io
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import fastavro
import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import braze_heap as bh
from braze_heap.storage import StoredObject, _objects, find, read, read_each
from braze_heap.storage._objects import ObjectWriter, locate
from braze_heap.wire import RawEvent, Unreadable, read_events
from tests.storage.layout import CLICK, content, key, record

CHUNK = 10_000


class Store(MemoryFileSystem):  # type: ignore[misc]
    """A store that logs its requests, and calls `before` each."""

    protocol = "flaky"
    cachable = False
    requests: ClassVar[list[int]] = []
    before: Callable[[int], Any] = staticmethod(lambda start: None)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(MemoryFileSystem._strip_protocol(path.replace("flaky:", "memory:")))

    def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> Any:
        self.requests.append(start)
        replaced = type(self).before(start)
        return super().cat_file(path, start, end) if replaced is None else replaced


fsspec.register_implementation("flaky", Store, clobber=True)


@pytest.fixture(autouse=True)
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Read in small ranges; return the delays before retries, which take no time."""
    slept: list[float] = []
    monkeypatch.setattr(_objects, "CHUNK", CHUNK)
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(Store, "requests", [])
    monkeypatch.setattr(Store, "before", staticmethod(lambda start: None))
    return slept


@pytest.fixture
def bucket() -> Iterator[str]:
    name = uuid.uuid4().hex
    yield f"flaky://{name}"
    MemoryFileSystem().rm(f"/{name}", recursive=True)


def put(url: str, data: bytes) -> StoredObject:
    fsspec.filesystem("memory").pipe(Store._strip_protocol(url), data)
    (obj,) = find(url)
    return obj


def ids(reads: Any) -> list[str]:
    return [r.value["id"] if isinstance(r, RawEvent) else r.detail for r in reads]


EVENTS = 600  # several ranges
IDS = [f"event-{number}" for number in range(EVENTS)]


def avro(data: list[dict[str, Any]], **fields: Any) -> bytes:
    schema = {
        "type": "record",
        "name": f"dataexport.S3.inner.{CLICK}",
        "fields": [
            {"name": n, "type": fields.get(n) or ("long" if n == "time" else "string")}
            for n in data[0]
        ],
    }
    file = io.BytesIO()
    fastavro.writer(file, schema, data, sync_interval=1_000)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        content(EVENTS),
        gzip.compress(content(EVENTS)),
        avro([record(number) for number in range(EVENTS)]),
        gzip.compress(avro([record(number) for number in range(EVENTS)])),
    ],
    ids=["lines", "gzip", "avro", "avro.gz"],
)
def test_an_object_is_read_as_its_content(bucket: str, data: bytes) -> None:
    """All ways to read an object return the events of its content."""
    obj = put(f"{bucket}/{key(CLICK, '2026-01-15', 7)}", data)
    expected = list(read_events(data, event_type=CLICK))

    ((same, events),) = read_each([obj])

    assert same is obj
    assert list(read(obj)) == list(events) == list(read_events(obj.url)) == expected
    assert len(expected) == EVENTS


def test_ranges_follow_one_another(bucket: str) -> None:
    """Each byte is asked for once."""
    obj = put(f"{bucket}/a.jsonl", content(EVENTS))
    Store.requests.clear()

    assert ids(read(obj)) == IDS
    assert Store.requests == list(range(0, obj.size, CHUNK))


def test_the_next_range_is_fetched_by_one_thread_ahead(bucket: str) -> None:
    """It is on its way while the events of the last are used, and no more than it."""
    obj = put(f"{bucket}/a.jsonl", content(EVENTS))
    Store.requests.clear()
    threads = set()
    second = threading.Event()

    def before(start: int) -> None:
        threads.add(threading.get_ident())
        if start == CHUNK:
            second.set()

    Store.before = staticmethod(before)
    reads = read(obj)
    next(reads)

    assert second.wait(5)
    assert len(Store.requests) < obj.size / CHUNK
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_the_first_ranges_of_the_next_objects_are_fetched_ahead(bucket: str) -> None:
    """`read_each` hides the delay of each of many small objects."""
    objects = [put(f"{bucket}/{n:02}.jsonl", content(1, n)) for n in range(20)]
    Store.requests.clear()

    each = read_each(objects)
    _, events = next(each)
    list(events)

    assert len(Store.requests) <= 5
    assert ids(event for _, events in each for event in events) == IDS[1:20]


def test_a_reader_that_stops_early_leaves_no_thread(bucket: str) -> None:
    """The thread ends with the iterator."""
    others = {*threading.enumerate()}
    obj = put(f"{bucket}/a.jsonl", content(EVENTS))
    reads, each = read(obj), read_each([obj, obj])
    next(reads)
    next(each)

    started = {*threading.enumerate()} - others
    threads = [t for t in started if "braze-heap-prefetch" in t.name]
    reads.close()  # type: ignore[attr-defined]
    each.close()  # type: ignore[attr-defined]

    for thread in threads:
        thread.join(5)
    assert threads
    assert not any(thread.is_alive() for thread in threads)


def test_a_reader_that_stops_early_does_not_wait_for_a_request(bucket: str) -> None:
    """The garbage collector may stop it in any thread, where waiting is a deadlock."""
    obj = put(f"{bucket}/a.jsonl", content(EVENTS))
    asked, answer, ended = (threading.Event() for _ in range(3))

    def before(start: int) -> None:
        if start == CHUNK:
            asked.set()
            answer.wait(5)
            ended.set()

    Store.before = staticmethod(before)
    each = read_each([obj, obj])
    next(next(each)[1])
    assert asked.wait(5)

    each.close()  # type: ignore[attr-defined]

    assert not ended.is_set()
    answer.set()


def failing_at(start: int, errors: list[Exception | bytes]) -> Callable[[int], Any]:
    """Return a hook that raises or returns *errors*, one a request, at *start*."""

    def before(at: int) -> Any:
        if at != start or not errors:
            return None
        error = errors.pop(0)
        if isinstance(error, Exception):
            raise error
        return error

    return staticmethod(before)


class NoOSError(Exception):
    """A client's own class of errors, as botocore and aiohttp have."""


@pytest.mark.parametrize(
    "error",
    [ConnectionResetError(), NoOSError("reset"), TimeoutError(), b"", EOFError()],
    ids=repr,
)
def test_a_request_is_repeated_from_its_offset(
    bucket: str, error: Any, delays: list[float]
) -> None:
    """After an error in the middle, all events come once, and no byte comes again."""
    obj = put(f"{bucket}/a.jsonl", content(EVENTS))
    Store.requests.clear()
    Store.before = failing_at(2 * CHUNK, [error, error, error])

    assert ids(read(obj)) == IDS
    assert [at for at in Store.requests if at <= CHUNK] == [0, CHUNK]
    assert delays == [0.5, 2.0]


def test_a_short_answer_is_continued(bucket: str) -> None:
    """A store may send less than was asked for."""
    data = content(EVENTS)
    obj = put(f"{bucket}/a.jsonl", data)
    Store.before = failing_at(0, [data[:77]])

    assert ids(read(obj)) == IDS


def test_a_store_that_stays_away_raises_after_the_events_before(
    bucket: str, delays: list[float], dead_letter_at: Any, tmp_path: Path
) -> None:
    """The error is no damage: the pipeline delivers what came, and raises."""
    obj = put(f"{bucket}/{key(CLICK, '2026-01-15', 7)}", content(EVENTS))
    cause = NoOSError("down")
    Store.before = failing_at(2 * CHUNK, [cause] * 9)
    sink, dead = bh.MemorySink(), dead_letter_at(tmp_path / "dead.db")

    with pytest.raises(OSError, match=r"cannot read flaky.*NoOSError: down") as raised:
        bh.Pipeline(bh.Transformer(), sink, dead).run(read(obj))

    assert raised.value.__cause__ is cause
    assert 0 < len(sink.calls) < EVENTS
    assert list(dead.read()) == []
    assert delays == [0.5, 2.0, 8.0]


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), PermissionError("403")])
def test_errors_that_stay_are_not_repeated(
    bucket: str, error: OSError, delays: list[float]
) -> None:
    """A deleted object and an expired token raise at once, as themselves."""
    obj = put(f"{bucket}/a.jsonl", content(EVENTS))
    Store.before = failing_at(CHUNK, [error, error, error])

    with pytest.raises(type(error), match=r"cannot read flaky"):
        list(read(obj))

    assert delays == []


@pytest.mark.parametrize(
    "make", [content, lambda n: avro([record(i) for i in range(n)])]
)
def test_an_object_that_is_overwritten_meanwhile_is_no_damage(
    bucket: str, make: Callable[[int], bytes]
) -> None:
    """The parts of two versions do not fit together: reading raises, and repeats it."""
    obj = put(f"{bucket}/a", make(EVENTS * 5))
    reads = read(obj)
    next(reads)
    put(f"{bucket}/a", bytes(reversed(make(EVENTS * 5))))

    rest = []
    with pytest.raises(OSError, match="was overwritten meanwhile"):
        rest.extend(reads)

    assert not any(isinstance(r, Unreadable) for r in rest)


def test_damage_has_the_url_of_the_object(bucket: str) -> None:
    """A dead letter of a damage says which object to look at."""
    obj = put(f"{bucket}/a.jsonl", b'{"id": "event-0"}\n{"id": \n')

    *_, damage = read(obj)

    assert isinstance(damage, Unreadable)
    assert damage.source == obj.url


def test_a_server_without_ranges_is_named(bucket: str) -> None:
    """A web server may send the whole file each time, which would repeat events."""
    data = content(EVENTS)
    obj = put(f"{bucket}/a.jsonl", data)
    Store.before = failing_at(0, [data] * 9)

    with pytest.raises(OSError, match="the server does not support ranges"):
        list(read(obj))


def test_a_folder_is_not_an_object(bucket: str) -> None:
    """`read_events` reads one object, and names what reads a folder."""
    put(f"{bucket}/folder/a.jsonl", content(1))

    with pytest.raises(IsADirectoryError, match=r"braze_heap\.storage\.find"):
        list(read_events(f"{bucket}/folder"))


def test_an_object_travels_to_another_process(bucket: str) -> None:
    """Engines send what was found to their workers."""
    obj = put(f"{bucket}/a.jsonl", content(1))

    assert pickle.loads(pickle.dumps(obj)) == obj


def made(name: str, text: str = "", **more: Any) -> Exception:
    """Return an error of a class called *name*, as a client of a store raises it."""
    error: Exception = type(name, (Exception,), more)(text)
    return error


@pytest.mark.parametrize(
    ("error", "kind", "advice"),
    [
        (made("NoCredentialsError"), PermissionError, "AWS_PROFILE"),
        (made("ProfileNotFound"), PermissionError, "credentials"),
        (made("HttpError", "Anonymous caller", code=401), PermissionError, "GOOGLE_"),
        (made("ClientAuthenticationError"), PermissionError, "AZURE_STORAGE"),
        (ValueError("Must provide account_name"), PermissionError, "storage_options"),
        (made("RefreshError"), PermissionError, "expired"),
        (made("ResourceNotFoundError"), FileNotFoundError, "Check its name"),
        (made("HttpError", "b", status=404), FileNotFoundError, "no such bucket"),
        (OSError("PermanentRedirect: use the endpoint"), OSError, "AWS_REGION"),
        (OSError("the region 'x' is wrong; expecting 'y'"), OSError, "region_name"),
        (made("HttpError", "SlowDown", status=503), OSError, "HttpError 503: SlowDown"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_errors_of_stores_say_what_to_do(
    error: Exception, kind: type[OSError], advice: str
) -> None:
    """Missing buckets, credentials and regions raise classes of Python, with advice."""
    with pytest.raises(kind, match=advice), _objects.explain_errors("s3://bucket/key"):
        raise error


def test_a_local_file_has_permissions_and_no_credentials() -> None:
    """The advice is about the file system."""
    denied = PermissionError(13, "Permission denied", "/data/1.jsonl")

    with (
        pytest.raises(PermissionError) as raised,
        _objects.explain_errors("/data/1.jsonl"),
    ):
        raise denied

    assert str(raised.value) == (
        "cannot read /data/1.jsonl: Permission denied. Check the permissions of the "
        "file and of the folders above it"
    )


def test_secrets_in_urls_are_not_shown() -> None:
    """Passwords and signatures stay out of messages."""
    url = "https://ada:hunter2@example.com/a?sig=hunter3"

    with (
        pytest.raises(OSError, match="cannot read") as raised,
        _objects.explain_errors(url),
    ):
        raise OSError(f"cannot connect to {url}")

    assert "hunter" not in str(raised.value)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measured by Linux")
def test_a_long_object_needs_little_memory(tmp_path: Path) -> None:
    """An object of 75 MiB adds at most 25 MiB."""
    folder = tmp_path / f"event_type={CLICK}"
    folder.mkdir()
    lines = content(100).replace(b'"app"', b'"%s"' % (b"x" * 2_000))
    with (folder / "long.jsonl").open("wb") as file:
        for _ in range((75 << 20) // len(lines)):
            file.write(lines)
    code = """
        import sys
        from braze_heap.storage import find, read
        def peak():
            lines = open("/proc/self/status").read().splitlines()
            return next(int(l.split()[1]) for l in lines if l.startswith("VmHWM"))
        (obj,) = find(f"file://{sys.argv[1]}")
        before = peak()
        assert sum(1 for _ in read(obj)) > 30_000
        print(peak() - before)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    assert int(done.stdout) / 1024 < 25


def test_an_object_is_written_at_the_end_of_the_block() -> None:
    """Each write returns its number of bytes; an error leaves no object."""
    url = f"memory://{uuid.uuid4().hex}/part"
    with ObjectWriter(url, {}) as file:
        assert file.write(b"abc") == 3
    with pytest.raises(KeyError), ObjectWriter(f"{url}-2", {}) as file:
        raise KeyError

    assert locate(url).size == 3
    with pytest.raises(FileNotFoundError, match=f"{url}-2: there is no such"):
        locate(f"{url}-2")
