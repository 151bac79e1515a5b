"""Finding of objects: by type and hour, once each, and never silently nothing."""

import datetime as dt
import logging
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.registry import _registry

from braze_heap.storage import StoredObject, find, read
from braze_heap.storage._find import Hours
from tests.storage.layout import CLICK, CUSTOM, DAYS, EXPORT, HOURS, OPEN, key, keys

UTC = dt.UTC


def filled(kind: str, folder: Path) -> Iterator[str]:
    """Fill a folder in memory, or on disk as a URL and as a path; yield its name."""
    name = uuid.uuid4().hex
    roots = {"memory": f"memory://{name}", "file": f"file://{folder}/{name}"}
    url = roots.get(kind, f"{folder}/{name}")
    put(url, keys())
    yield url
    file_system, path = fsspec.url_to_fs(url)
    file_system.rm(path, recursive=True)


@pytest.fixture(scope="module", params=["memory", "file", "path"])
def root(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A filled folder that tests only read."""
    yield from filled(request.param, tmp_path_factory.mktemp("root"))


@pytest.fixture(params=["memory", "file", "path"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A filled folder that a test may change."""
    yield from filled(request.param, tmp_path)


def put(root: str, names: list[str], data: bytes = b"{}\n") -> None:
    file_system, path = fsspec.url_to_fs(root)
    for name in names:
        file_system.makedirs(f"{path}/{name}".rpartition("/")[0], exist_ok=True)
        file_system.pipe(f"{path}/{name}", data)


def found(root: str, **options: Any) -> list[str]:
    return [obj.url.removeprefix(f"{root}/") for obj in find(root, **options)]


def test_all_objects_are_found_once(root: str) -> None:
    """Objects come by type and by path, each once."""
    assert found(root) == sorted(keys())


def test_an_object_has_what_identifies_it(root: str) -> None:
    """An object has its URL, size, version and event type."""
    first = next(find(root))

    assert first.url == f"{root}/{keys()[0]}"
    assert (first.size, first.event_type) == (3, CUSTOM)
    assert first.version


def test_storage_options_are_not_shown(root: str) -> None:
    """Options contain secrets, so neither text nor equality includes them."""
    secret = StoredObject("s3://b/k", 1, storage_options={"secret": "hunter2"})

    assert "hunter2" not in repr(secret)
    assert secret == StoredObject("s3://b/k", 1)


@pytest.mark.parametrize(
    ("options", "types"),
    [
        ({"include": CLICK}, [CLICK]),
        ({"include": "channel:email"}, [CLICK, OPEN]),
        ({"exclude": "Email*"}, [CUSTOM]),
        ({"include": "channel:email", "exclude": [OPEN]}, [CLICK]),
    ],
)
def test_types_are_chosen_in_the_words_of_the_transformer(
    root: str, options: dict[str, Any], types: list[str]
) -> None:
    """Choices are those of a transformer: types, classes, channels, globs."""
    assert found(root, **options) == [k for k in keys() if any(t in k for t in types)]


WINDOWS = [
    (dt.date(2026, 1, 15), dt.date(2026, 1, 16)),
    (dt.datetime(2026, 1, 15, 7, tzinfo=UTC), dt.datetime(2026, 1, 15, 8, tzinfo=UTC)),
    (dt.datetime(2026, 1, 15, 12, tzinfo=UTC), dt.datetime(2026, 1, 16, 8, tzinfo=UTC)),
    (dt.date(2026, 1, 16), dt.date(2026, 2, 2)),
    (dt.date(2025, 12, 31), dt.date(2026, 2, 2)),
    (dt.date(2025, 1, 1), dt.date(2026, 1, 16)),
    (dt.date(2000, 1, 1), dt.date(9999, 1, 1)),
    (dt.date(2026, 1, 16), None),
    (None, dt.datetime(2026, 1, 16, 7, tzinfo=UTC)),
]


@pytest.mark.parametrize(("since", "until"), WINDOWS)
def test_hours_are_chosen_by_path(root: str, since: Any, until: Any) -> None:
    """Hours from *since* to before *until* are found, UTC; a date is its midnight."""
    first = moment(since or dt.date(2000, 1, 1))
    end = moment(until or dt.date(9999, 1, 1))
    expected = [
        key(CLICK, day, hour)
        for day in DAYS
        for hour in HOURS
        if first <= dt.datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00") < end
    ]

    assert found(root, include=CLICK, since=since, until=until) == expected
    assert expected


def moment(value: Any) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return value
    return dt.datetime(value.year, value.month, value.day, tzinfo=UTC)


def test_an_hour_is_found_if_a_part_of_it_is_asked_for(root: str) -> None:
    """A path has no minutes, so the hours of both limits are found."""
    start = dt.datetime(2026, 1, 15, 7, 30, tzinfo=UTC)

    shown = found(
        root, include=CLICK, since=start, until=start + dt.timedelta(minutes=1)
    )

    assert shown == [key(CLICK, "2026-01-15", 7)]


def test_hours_are_utc(root: str) -> None:
    """A time of another zone is converted."""
    zone = dt.timezone(dt.timedelta(hours=5))
    start = dt.datetime(2026, 1, 15, 12, tzinfo=zone)

    shown = found(root, include=CLICK, since=start, until=start + dt.timedelta(hours=1))

    assert shown == [key(CLICK, "2026-01-15", 7)]


@pytest.mark.parametrize("below", ["", EXPORT, f"{EXPORT}/event_type={CLICK}"])
def test_the_root_can_be_any_level(root: str, below: str) -> None:
    """A bucket, the export in it, and a type can be named."""
    shown = find(f"{root}/{below}", include=CLICK, until=dt.date(2026, 1, 16))

    assert [obj.url.removeprefix(f"{root}/") for obj in shown] == [
        key(CLICK, "2026-01-15", hour) for hour in HOURS
    ]


def test_the_root_can_be_an_hour_or_an_object(root: str) -> None:
    """What is named is found, and has its type."""
    name = key(CLICK, "2026-01-15", 7)
    hour = name.partition("/445")[0]

    for url in (f"{root}/{hour}", f"{root}/{hour}/", f"{root}/{name}"):
        (obj,) = find(url)
        assert (obj.url, obj.event_type) == (f"{root}/{name}", CLICK)


def test_hidden_names_are_not_found(own: str) -> None:
    """Markers and temporary folders of Spark and others contain no events."""
    folder = key(CLICK, "2026-01-15", 7, "")
    names = ["_SUCCESS", ".part.crc", "_temporary/0/part.jsonl"]
    put(own, [f"{folder}{name}" for name in names])

    assert found(own) == sorted(keys())


def test_links_and_special_files_are_not_taken_for_objects(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A link to a file is read, with the version of the file."""
    file, link = tmp_path / "file.json", tmp_path / "in" / "file.json"
    link.parent.mkdir()
    file.write_bytes(b'{"id": "a"' + b" " * 3_000_000 + b"}")
    link.symlink_to(file)
    (link.parent / "folder").symlink_to(tmp_path)
    (link.parent / "nothing").symlink_to("nowhere")
    os.mkfifo(link.parent / "pipe")

    (obj,) = find(link.parent)

    assert obj.version == next(find(file)).version
    assert len([*read(obj)]) == 1
    names = {
        record.getMessage().partition(" is not read")[0] for record in caplog.records
    }
    assert {Path(name).name for name in names} == {"folder", "nothing", "pipe"}


def test_encoded_paths_of_copies_are_found(own: str) -> None:
    """Tools that copy buckets may encode the equals signs of the names."""
    name = f"copy/event_type%3D{CLICK}/date%3D2026-01-15-07/part.jsonl"
    put(own, [name])

    options = {"since": dt.date(2026, 1, 15), "until": dt.date(2026, 1, 16)}
    shown = [*find(f"{own}/copy", include=CLICK, **options)]

    assert [(obj.url, obj.event_type) for obj in shown] == [(f"{own}/{name}", CLICK)]
    assert [*find(f"{own}/copy", include=OPEN)] == []


def test_a_level_between_type_and_hour_hides_nothing(own: str) -> None:
    """The layout may change; folders of hours need not be directly below the type."""
    name = f"deep/event_type={CLICK}/version=3/date=2026-01-15-07/part.jsonl"
    put(own, [name])

    shown = found(own, since=dt.date(2026, 1, 15), until=dt.date(2026, 1, 16))

    assert name in shown


def test_objects_without_a_type_are_found(own: str) -> None:
    """The transformer decides about their events, so no choice hides them."""
    put(own, ["bodies/1.json"])

    assert "bodies/1.json" in found(own, include=CLICK)


def test_objects_without_an_hour_are_reported(
    own: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Hours cannot choose them, so a line says how many there are."""
    put(own, ["bodies/1.json"])

    with caplog.at_level(logging.WARNING):
        shown = found(own, since=dt.date(2026, 1, 15), until=dt.date(2026, 1, 16))

    assert "bodies/1.json" not in shown
    assert "in their path: 1, such as" in caplog.text


def test_hours_without_a_layout_are_an_error(own: str) -> None:
    """A folder without hours in its paths is not a success of nothing."""
    put(own, ["bodies/1.json"])

    with pytest.raises(
        ValueError, match="files without date=YYYY-MM-DD-HH in their path"
    ):
        list(find(f"{own}/bodies", since=dt.date(2026, 1, 15)))


def test_hours_without_events_are_a_success(root: str) -> None:
    """Nothing may have arrived in the hours asked for."""
    day = dt.date(2026, 1, 20)

    assert found(root, since=day, until=day + dt.timedelta(days=1)) == []


def test_new_objects_are_found_by_the_next_search(own: str) -> None:
    """No listing is cached, so a process that runs for days finds new objects."""
    found(own)
    put(own, [key(CLICK, "2026-02-02", 0)])

    assert key(CLICK, "2026-02-02", 0) in found(own)


def test_hours_until_now_are_found(own: str) -> None:
    """Without *until*, the hours end a day from now."""
    now = dt.datetime.now(UTC)
    today = key(CLICK, f"{now:%Y-%m-%d}", now.hour)
    put(own, [today])

    assert today in found(own, since=now - dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("hours", "prefixes"),
    [
        (1, ["date=2026-01-15-07"]),
        (3, ["date=2026-01-15-0"]),
        (24 * 7, ["date=2026-01-1", "date=2026-01-2"]),
        (24 * 60, ["date=2026-01-", "date=2026-02-", "date=2026-03-"]),
        (24 * 400, [""]),
    ],
)
def test_few_prefixes_cover_the_hours(
    hours: int, prefixes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each prefix of names is a request to a store. They are in UTC everywhere."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    zone = dt.timezone(dt.timedelta(hours=9))
    since = dt.datetime(2026, 1, 15, 16, tzinfo=zone)
    until = since + dt.timedelta(hours=hours)

    try:
        assert Hours.of(since, until).prefixes() == prefixes
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_local_name_may_have_colons(tmp_path: Path) -> None:
    """Two colons in a path do not separate file systems."""
    put(str(tmp_path), [key(CLICK, DAYS[0], 7)])
    folder = tmp_path.rename(tmp_path.with_name("a::b"))

    assert found(str(folder)) == [key(CLICK, DAYS[0], 7)]


def test_nothing_at_a_url_is_an_error(root: str) -> None:
    """A typo in a URL is not a success of nothing."""
    with pytest.raises(FileNotFoundError, match="Check its name"):
        list(find(f"{root}-typo"))


NOON = dt.datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"since": NOON.replace(tzinfo=None)}, ValueError, "has no time zone"),
        ({"since": NOON, "until": NOON}, ValueError, "is not before until"),
        ({"since": "2026-01-15"}, TypeError, "since must be a datetime or a date"),
        ({"include": "Emial*"}, ValueError, "include: no event type"),
    ],
)
def test_wrong_arguments_raise_at_once(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    """They raise before anything is listed."""
    with pytest.raises(error, match=text):
        find("memory://anything", **options)


@pytest.mark.parametrize(
    ("url", "error", "text"),
    [
        ("s4://bucket", ValueError, "unknown scheme"),
        ("s3://bucket", ModuleNotFoundError, r"pip install 'braze_heap\[s3\]'"),
        ("gs://bucket", ModuleNotFoundError, r"pip install 'braze_heap\[gcs\]'"),
        ("abfs://c", ModuleNotFoundError, r"pip install 'braze_heap\[azure\]'"),
    ],
)
def test_a_missing_extra_is_named(
    url: str, error: type[Exception], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the extra of the store, at once."""
    for module in ("s3fs", "gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, module, None)
    for scheme in ("s3", "gs", "abfs"):
        monkeypatch.delitem(_registry, scheme, raising=False)

    with pytest.raises(error, match=text):
        find(url)


def test_missing_fsspec_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any extra, the message names the package."""
    monkeypatch.setitem(sys.modules, "fsspec", None)

    with pytest.raises(ModuleNotFoundError, match="pip install 'fsspec'"):
        find("memory://bucket")
