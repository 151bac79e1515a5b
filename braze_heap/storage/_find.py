"""Find and read the objects of Currents in a store, with few requests."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import logging
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from braze_heap._wiring import kind_of, several
from braze_heap.policies.selection import Events, select_events
from braze_heap.storage._objects import (
    FileSystem,
    ObjectFile,
    StoredObject,
    call_store,
    open_file_system,
    open_object,
    prefetch_thread,
    shown,
    stored_object,
)
from braze_heap.wire import Read, type_in_path
from braze_heap.wire._source import read_object

logger: logging.Logger = logging.getLogger("braze_heap.storage")

AHEAD: Final = 4
"""Objects of which the first bytes are fetched before they are read."""

_DATE: Final = re.compile(
    r"date(?:=|%(?:25)*3D)(\d{4}-\d\d-\d\d)(?:-(\d\d))?", re.IGNORECASE
)
_HOUR: Final = dt.timedelta(hours=1)
_DAY: Final = dt.timedelta(days=1)
_TYPE: Final = re.compile(r"event_type(?:=|%(?:25)*3D)", re.IGNORECASE)


def find(
    url: str | os.PathLike[str],
    *,
    include: Events = (),
    exclude: Events = (),
    since: dt.datetime | dt.date | None = None,
    until: dt.datetime | dt.date | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Iterator[StoredObject]:
    """
    Find the objects below *url*, of some event types and hours.

    Types and hours are those in the paths, ``event_type=.../date=2026-01-15-07/``. The
    hour is the UTC hour in which Braze queued the events. They can be older. Objects
    without an event type in their path are found, whatever is chosen, because only the
    transformer can decide about their events. Names that begin with ``.`` or ``_`` are
    ignored. So are local links to folders and what is not a file, with a warning.

    Args:
        url: URL of a bucket, container, folder or object, or a local path.
        include: Event types to find, as in `Transformer`; empty for all.
        exclude: Event types not to find.
        since: First hour. A date is its midnight, UTC.
        until: End of the last hour. By default, a day from now, if *since* is given.
        storage_options: Arguments of the fsspec file system, such as ``profile``.

    Returns:
        The objects, by type and then by path. It lists while you iterate.

    Raises:
        ValueError: At once, if a time has no time zone, *since* is not before *until*,
            or nothing is selected. At the end, if only objects without an hour in their
            path were found, and *since* or *until* is given.
        ModuleNotFoundError: At once, if the extra for *url* is missing.
        OSError: There is nothing at *url*, or it is not accessible. The message says
            what to do.
    """
    wanted = PathFilter(select_events(include, exclude).selects, Hours.of(since, until))
    found = find_wanted(os.fsdecode(url), wanted, storage_options or {})
    return _checked(found, wanted)


def _checked(
    objects: Iterator[StoredObject], wanted: PathFilter
) -> Iterator[StoredObject]:
    yield from objects
    wanted.check()


def find_wanted(
    url: str, wanted: PathFilter, storage_options: Mapping[str, Any]
) -> Iterator[StoredObject]:
    """Find the objects below *url* whose paths are *wanted*; see `find`."""
    file_system, root = open_file_system(url, storage_options)
    return _Listing(
        file_system, url, root.rstrip("/"), wanted, storage_options
    ).objects()


def read(obj: StoredObject) -> Iterator[Read]:
    """
    Read the events of *obj*, as `read_events` does, in bounded memory.

    The next bytes are fetched while you use the events. A failed request is repeated
    from its offset.

    Raises:
        OSError: The store failed again and again, or the object was overwritten. All
            events before were returned, so read the object again.
    """
    return _read(_checked_object("read", obj))


def _read(obj: StoredObject) -> Iterator[Read]:
    with open_object(obj) as file:
        yield from _events(obj, file)


def _checked_object(user: str, obj: object) -> StoredObject:
    if not isinstance(obj, StoredObject):
        raise TypeError(
            f"{user} needs a StoredObject, as find(url) returns, not {kind_of(obj)}: "
            "read_events reads a path or URL"
        )
    return obj


def read_each(
    objects: Iterable[StoredObject],
) -> Iterator[tuple[StoredObject, Iterator[Read]]]:
    """
    Yield each object with its events, as `read` returns them.

    Faster than `read` for many small objects, because it fetches the first bytes of the
    next ones early. Read the events of an object before you ask for the next.
    """
    return ((obj, _events(obj, file)) for obj, file in open_each(objects))


def open_each(
    objects: Iterable[StoredObject],
) -> Iterator[tuple[StoredObject, ObjectFile]]:
    """Yield each object as a file, and fetch the first bytes of the next ones."""
    opened: deque[tuple[StoredObject, ObjectFile]] = deque()
    with prefetch_thread() as thread:
        for each in several("objects", objects, "object"):
            obj = _checked_object("read_each", each)
            opened.append((obj, ObjectFile(obj, thread)))
            if len(opened) > AHEAD:
                yield opened.popleft()
        yield from opened


def _events(obj: StoredObject, file: ObjectFile) -> Iterator[Read]:
    return read_object(file, obj.event_type or type_in_path(obj.url))


@attrs.frozen
class Hours:
    """Hours from *since* to before *until*, UTC; ``None`` for no limit."""

    since: dt.datetime | None
    until: dt.datetime | None

    @classmethod
    def of(
        cls, since: dt.datetime | dt.date | None, until: dt.datetime | dt.date | None
    ) -> Hours:
        first, end = _utc("since", since), _utc("until", until)
        if first and not end:
            end = max(first, dt.datetime.now(dt.UTC)) + _DAY
        if first and end and first >= end:
            raise ValueError(f"since ({first}) is not before until ({end})")
        return cls(first, end)

    @property
    def is_limited(self) -> bool:
        return bool(self.since or self.until)

    def has(self, hours: tuple[dt.datetime, dt.datetime]) -> bool:
        """Return whether a part of *hours*, a start and an end, is in it."""
        start, end = hours
        is_after = not self.since or end > self.since
        return is_after and (not self.until or start < self.until)

    def prefixes(self) -> list[str]:
        """
        Return beginnings of names that cover the hours.

        Each prefix is a request, so they cover more than the hours: up to nine days
        more for a month, and up to a month more for a year.
        """
        if not (self.since and self.until):
            return [""]
        length = self.until - self.since
        if length > 366 * _DAY:
            return [""]
        last = self.until - dt.timedelta.resolution
        hours = (self.since + n * _HOUR for n in range(int(length / _HOUR) + 1))
        names = [f"{hour:date=%Y-%m-%d-%H}" for hour in (*hours, last) if hour <= last]
        shared = len("date=2026-01-1" if length <= 31 * _DAY else "date=2026-01")
        return [
            os.path.commonprefix([*group])  # noqa: RUF071 (by character, as needed)
            for _, group in itertools.groupby(names, key=lambda name: name[:shared])
        ]


def _utc(name: str, value: dt.datetime | dt.date | None) -> dt.datetime | None:
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise ValueError(f"{name} ({value}) has no time zone: add tzinfo=UTC")
        return value.astimezone(dt.UTC)
    if not isinstance(value, dt.date):
        raise TypeError(f"{name} must be a datetime or a date, not {kind_of(value)}")
    return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)


def hours_in_path(path: str) -> tuple[dt.datetime, dt.datetime] | None:
    """Return start and end of the hour or day in *path*; ``None`` without one."""
    found = _DATE.findall(path)
    if not found:
        return None
    day, hour = found[-1]
    try:
        start = dt.datetime.fromisoformat(f"{day}T{hour or '00'}:00:00+00:00")
    except ValueError:
        return None
    return start, start + (_HOUR if hour else _DAY)


@attrs.define
class PathFilter:
    """
    Event types and hours of the files to read, by their paths.

    Attributes:
        selects: Function that returns whether an event type is wanted.
        hours: The hours that are wanted.
        found: Number of paths that are wanted.
        undated: Number of paths without an hour, which are not, and the last of them.
    """

    selects: Callable[[str], bool]
    hours: Hours
    found: int = 0
    undated: tuple[int, str] = (0, "")

    def has(self, path: str) -> bool:
        """Return whether *path* is wanted."""
        event_type = type_in_path(path)
        return (not event_type or self.selects(event_type)) and self.has_hour(path)

    def has_hour(self, path: str) -> bool:
        """Return whether the hour in *path* is wanted."""
        hours = hours_in_path(path)
        if self.hours.is_limited and hours is None:
            self.undated = self.undated[0] + 1, path
            return False
        is_wanted = not hours or self.hours.has(hours)
        self.found += is_wanted
        return is_wanted

    def check(self) -> None:
        """Warn of paths without an hour; raise `ValueError` if no others are found."""
        number, path = self.undated
        text = (
            f"files without date=YYYY-MM-DD-HH in their path: {number:,}, such as "
            f"{shown(path)}"
        )
        if number and not self.found:
            raise ValueError(f"{text}. Read them without since and until")
        if number:
            logger.warning("%s. They are not read", text)


@attrs.define
class _Listing:
    """One search in a file system."""

    fs: FileSystem
    url: str
    root: str
    wanted: PathFilter
    options: Mapping[str, Any]
    _has_dates: bool | None = None  # whether type folders contain folders of dates

    def objects(self) -> Iterator[StoredObject]:
        for info in self._below(self.root, is_root=True):
            path = info["name"]
            if any(n.startswith((".", "_")) for n in path[len(self.root) :].split("/")):
                continue
            if self.wanted.has(path) and (file := self._file(info)):
                yield stored_object(
                    self._url_of(path),
                    file,
                    event_type=type_in_path(path),
                    storage_options=self.options,
                )

    def _file(self, info: dict[str, Any]) -> dict[str, Any] | None:
        """Return *info*, or that of the file it links to; ``None`` without a file."""
        if info.get("islink"):
            with contextlib.suppress(OSError):  # of a link to nothing
                info = self.fs.info(info["name"])
        if info["type"] == "file":
            return info
        logger.warning("%s is not read, because it is not a file", info["name"])
        return None

    def _url_of(self, path: str) -> str:
        return self.url.rstrip("/") + path[len(self.root) :]

    def _below(self, folder: str, *, is_root: bool = False) -> Iterator[dict[str, Any]]:
        """Yield descriptions of at least the wanted objects below *folder*."""
        event_type = type_in_path(folder) if _TYPE.search(folder) else None
        hours = hours_in_path(folder)
        if event_type and not self.wanted.selects(event_type):
            return
        if hours and not self.wanted.hours.has(hours):
            return
        if _TYPE.match(folder.rpartition("/")[2]):
            yield from self._of_type(folder)
        elif (event_type or hours) and not is_root:
            yield from self._found(folder, "")
        else:
            for info in sorted(self._ls(folder), key=lambda info: info["name"]):
                if info["type"] == "directory":
                    yield from self._below(info["name"].rstrip("/"))
                else:
                    yield info

    def _of_type(self, folder: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a folder of one event type, by prefixes of its hours."""
        is_encoded = "%" in folder.rpartition("/")[2]
        prefixes = [""] if is_encoded else self.wanted.hours.prefixes()
        if self._has_dates is False:
            prefixes = [""]
        found: dict[str, dict[str, Any]] = {}
        for prefix in prefixes:
            listed = {info["name"]: info for info in self._found(folder, prefix)}
            found |= listed
            if not all(path.startswith(f"{folder}/{prefix}") for path in listed):
                break  # this file system ignores prefixes, and lists all
        if found or prefixes == [""]:
            yield from (found[path] for path in sorted(found))
        elif self._has_dates is None:
            names = [info["name"][len(folder) + 1 :] for info in self._ls(folder)]
            self._has_dates = all(name.startswith("date=") for name in names)
            if not self._has_dates:
                yield from self._of_type(folder)

    def _ls(self, folder: str) -> list[dict[str, Any]]:
        url = self._url_of(folder)
        return [*call_store(url, self.options, self.fs.ls, folder, detail=True)]

    def _found(self, folder: str, prefix: str) -> Iterator[dict[str, Any]]:
        url, find_ = self._url_of(folder), self.fs.find
        found = call_store(url, self.options, find_, folder, prefix=prefix, detail=True)
        for path, info in sorted(found.items()):
            if info["type"] != "directory":
                yield {**info, "name": path}
