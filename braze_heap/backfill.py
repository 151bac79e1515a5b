"""
Delivery of the objects of a store, continued by the next run wherever it stops.

>>> with SqliteState("state.db") as state, open_sink("heap:?app_id=11") as sink:
>>>     pipeline = Pipeline(Transformer(), sink, state.dead_letter, patience=600)
>>>     report = backfill("s3://bucket/currents", pipeline, progress=state.progress)
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from braze_heap._pipeline_inputs import LIVE_LEDGER, missing_destination
from braze_heap._wiring import (
    check_arguments,
    check_function,
    check_switch,
    require,
)
from braze_heap.pipeline import Pipeline
from braze_heap.policies.selection import Events, select_events
from braze_heap.reasons import SkipReason
from braze_heap.report import Report
from braze_heap.sinks._protocol import destination_of
from braze_heap.state import BackfillKey, Position, Progress
from braze_heap.state._protocol import call_plain
from braze_heap.storage._find import Hours, PathFilter, find_wanted, open_each
from braze_heap.storage._objects import (
    ObjectFile,
    StoredObject,
    call_store,
    is_chain,
    open_file_system,
    shown,
)
from braze_heap.transformer import Transformer
from braze_heap.wire import Read, UnknownFormatError, type_in_path
from braze_heap.wire._source import read_object

__all__ = ["BackfillReport", "backfill"]

_NOT_SENT: Final = str(SkipReason.USER_PROPERTIES)


@attrs.frozen(kw_only=True)
class BackfillReport:
    """
    Outcome of one run of a backfill, so far.

    Attributes:
        events: Counts of the events that this run has decided about.
        objects: Number of objects that were found.
        done: Number of those that are delivered whole, by this run or earlier ones.
        done_before: Number of those that earlier runs have delivered.
        events_before: Number of events that were read again but not sent again, because
            earlier runs delivered them.
        bytes: Size of the objects that earlier runs have not delivered whole.
        bytes_read: Number of those bytes that were read.
        failures: Error of each object that could not be read to its end, by URL. The
            next run continues with it.
        skipped: Error of each object that contains no events, such as CSV, by URL.
        is_stopped: Whether *stop* ended the run before all objects were read.
    """

    events: Report = attrs.field(factory=Report)
    objects: int = 0
    done: int = 0
    done_before: int = 0
    events_before: int = 0
    bytes: int = 0
    bytes_read: int = 0
    failures: Mapping[str, str] = attrs.field(factory=dict)
    skipped: Mapping[str, str] = attrs.field(factory=dict)
    is_stopped: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether no other run is needed: this one was neither stopped, nor failed."""
        return not self.is_stopped and not self.failures

    @property
    def skipped_user_properties(self) -> int:
        """
        Number of user properties that were not sent, and of skipped events that only
        state user properties.
        """
        skipped, not_sent = self.events.skipped_by_reason, self.events.not_sent
        return skipped.get(_NOT_SENT, 0) + not_sent.get(_NOT_SENT, 0)


def backfill(
    url: str | os.PathLike[str],
    pipeline: Pipeline,
    *,
    progress: Progress,
    include: Events = (),
    exclude: Events = (),
    since: dt.datetime | dt.date | None = None,
    until: dt.datetime | dt.date | None = None,
    storage_options: Mapping[str, Any] | None = None,
    user_properties: bool = False,
    stop: Callable[[], object] = lambda: False,
    on_progress: Callable[[BackfillReport], object] = lambda _: None,
) -> BackfillReport:
    """
    Deliver the events of all objects below *url*, and note how far it has come.

    Another call continues there, also after a crash. It skips objects that are
    delivered whole, and reads a partly delivered object again without sending its first
    events again. At most one batch is repeated. An object that was overwritten is
    delivered again. Progress is kept for each destination of a sink.

    If the store fails while an object is read, its events before are delivered, and the
    other objects, too. Damaged parts go to the dead letter. They count as read.

    Args:
        url: URL of a bucket, container, folder or object, or a local path.
        pipeline: Its sink names its `destination`. Its `batch_size` limits what a crash
            repeats, and `patience` is how long it waits for an unavailable sink.
        progress: Store of the progress, such as that of `SqliteState`.
        include: Event types to read; see `find`. Types of which the transformer sends
            nothing are not read in any case.
        exclude: Event types not to read.
        since: First hour of arrival; see `find`.
        until: End of the last hour.
        storage_options: Arguments of the fsspec file system.
        user_properties: Whether to send user properties. Old ones would replace newer
            ones that the live service has sent, unless the ledger of *pipeline* is the
            one of that service.
        stop: Called between batches; if the result is true, the run ends. For example,
            a function that compares the clock.
        on_progress: Called with the report so far, before the first batch and after
            each one.

    Returns:
        The report. If no object was found between *since* and *until*, it has none.

    Raises:
        ProgressError: A backfill of the same bucket, or of local files, into the same
            destination is running, or the progress cannot be noted.
        DeliveryError: A batch is not decided; see `Pipeline.run`. Those before are.
        OSError: There is nothing at *url*, or it cannot be listed.
        UnknownFormatError: No object contains events.
        ValueError: A time, or a choice of events, is wrong; see `find`. Or
            *user_properties* are to be sent, and *pipeline* has no ledger of the user.
        TypeError: *pipeline* is not a `Pipeline`, or its sink names no destination.
        ModuleNotFoundError: The extra for *url*, or for its objects, is missing.
    """
    require("backfill", "a Pipeline", pipeline, "run_batch")
    check_switch("user_properties", user_properties)
    if user_properties and pipeline.has_default_ledger:
        raise ValueError(f"user_properties=True needs {LIVE_LEDGER}")
    destination = destination_of(pipeline.sink)
    if destination is None:
        raise missing_destination("a backfill keeps its progress", pipeline.sink)
    require("backfill", "progress=state.progress", progress, "lock")
    check_arguments("stop", stop, ())
    check_function("on_progress", on_progress, takes="a BackfillReport")
    options = storage_options or {}
    url = _canonical(os.fsdecode(url), options)
    chosen, sends = select_events(include, exclude), _sends(pipeline.transformer)
    hours = Hours.of(since, until)
    wanted = PathFilter(lambda kind: chosen.selects(kind) and sends(kind), hours)
    found = find_wanted(url, wanted, options)
    key = BackfillKey(destination, shown(_store_of(url)))
    run = _Backfill(pipeline, progress, key, user_properties, stop)
    with progress.lock(key):
        run.find(found)
        wanted.check()
        if not run.counts["objects"]:
            _check_not_empty(url, options, is_limited=hours.is_limited)
        on_progress(run.report())
        for _ in run.batches():
            on_progress(run.report())
    if run.skipped and len(run.skipped) == run.counts["objects"]:
        raise next(iter(run.skipped.values()))
    return run.report()


def _sends(transformer: Transformer) -> Callable[[str], bool]:
    """Return a function that returns whether a type of events can have calls."""
    # An object that only has `transform`, such as a wrapper, may send all.
    mapping = getattr(transformer, "_mapping", None)
    return mapping.generic.sends_type if mapping else lambda _: True


def _canonical(url: str, options: Mapping[str, Any]) -> str:
    """Return the one form of all texts that name the place *url*."""
    file_system, path = open_file_system(url, options)
    authority = url.partition("://")[2].partition("/")[0]
    if is_chain(url) or "@" in authority:  # the file system does not know all of it
        return url.rstrip("/")
    kinds = file_system.protocol
    if "file" in ([kinds] if isinstance(kinds, str) else kinds):
        return os.path.realpath(path)
    return str(file_system.unstrip_protocol(path.rstrip("/")))


def _store_of(url: str) -> str:
    """
    Return the store of *url*: a bucket, a container or a root folder.

    It has one progress, so that objects that two backfills find are delivered once.
    """
    scheme, separator, rest = url.partition("://")
    if is_chain(url):
        return url
    return f"{scheme}://{rest.partition('/')[0]}" if separator else Path(url).anchor


def _check_not_empty(url: str, options: Mapping[str, Any], *, is_limited: bool) -> None:
    """Raise a `FileNotFoundError`, unless the search *is_limited* to some hours."""
    file_system, path = open_file_system(url, options)
    if not call_store(url, options, file_system.ls, path, detail=False):
        raise FileNotFoundError(f"cannot read {shown(url)}: there are no objects in it")
    if not is_limited:
        raise FileNotFoundError(
            f"no objects of these events are in {shown(url)}. Check include and exclude"
        )


_Version: TypeAlias = tuple[str, str, int]


def _version(item: StoredObject | Position) -> _Version:
    """Return URL, version and size, which identify the content."""
    version = item.version
    if not version and (query := item.url.partition("?")[2]):  # which is not shown
        version = hashlib.sha256(query.encode("utf-8", "replace")).hexdigest()
    return shown(item.url), version, item.size


@attrs.define
class _Backfill:
    """
    One run of a backfill.

    Attributes:
        counts: Numbers of the report by name.
        waiting: Objects that are not delivered whole.
        before: Number of their events that are delivered.
        pending: Number of their events that are delivered after the batch.
        ended: Objects without further events.
    """

    pipeline: Pipeline
    progress: Progress
    key: BackfillKey
    user_properties: bool
    stop: Callable[[], object]
    counts: Counter[str] = attrs.field(factory=Counter)
    events: Report = attrs.field(factory=Report)
    waiting: list[StoredObject] = attrs.field(factory=list)
    before: dict[_Version, int] = attrs.field(factory=dict)
    batch: list[Read] = attrs.field(factory=list)
    pending: dict[_Version, int] = attrs.field(factory=dict)
    ended: set[_Version] = attrs.field(factory=set)
    failures: dict[str, str] = attrs.field(factory=dict)
    skipped: dict[str, UnknownFormatError] = attrs.field(factory=dict)
    is_stopped: bool = False

    def find(self, found: Iterator[StoredObject]) -> None:
        """List the objects, and look up what earlier runs delivered of them."""
        positions = {_version(each): each for each in self.progress.positions(self.key)}
        for obj in found:
            position = positions.get(_version(obj))
            if position and position.is_done:
                self.counts.update(objects=1, done=1, done_before=1)
                continue
            self.waiting.append(obj)
            self.counts.update(objects=1, bytes=obj.size)
            if position:
                self.before[_version(obj)] = position.events

    def report(self) -> BackfillReport:
        return BackfillReport(
            **self.counts,
            events=self.events,
            failures=dict(self.failures),
            skipped={url: str(error) for url, error in self.skipped.items()},
            is_stopped=self.is_stopped,
        )

    def batches(self) -> Iterator[None]:
        """Deliver the objects in batches, and yield after each one."""
        for read in self._reads():
            self.batch.append(read)
            if len(self.batch) >= self.pipeline.batch_size:
                self._deliver()
                yield
                if self._is_to_stop():
                    return
        if not self.is_stopped and (self.batch or self.pending):
            self._deliver()
            yield

    def _is_to_stop(self) -> bool:
        self.is_stopped = bool(self.stop())
        return self.is_stopped

    def _reads(self) -> Iterator[Read]:
        """Yield the events of all objects that are not delivered, until the stop."""
        for obj, file in open_each(self.waiting):
            if self._is_to_stop():
                return
            file.on_read = lambda size: self.counts.update(bytes_read=size)
            yield from self._read(obj, file)
            if self.is_stopped:
                return

    def _read(self, obj: StoredObject, file: ObjectFile) -> Iterator[Read]:
        """Yield the events of *obj* that are not delivered, and count them."""
        version = _version(obj)
        number, before = 0, self.before.get(version, 0)
        event_type = obj.event_type or type_in_path(obj.url)
        try:
            for number, read in enumerate(read_object(file, event_type), 1):
                if number > before:
                    self.pending[version] = number
                    yield read
                    continue
                self.counts["events_before"] += 1
                if not number % self.pipeline.batch_size and self._is_to_stop():
                    return
        except OSError as error:
            self.failures[version[0]] = str(error)
        except UnknownFormatError as error:
            self.skipped[version[0]] = error
        else:
            self.pending[version] = number
            self.ended.add(version)

    def _deliver(self) -> None:
        """Deliver the batch, and commit the positions after it."""
        if self.batch:
            result = self.pipeline.run_batch(
                self.batch, user_properties=self.user_properties
            )
            self.events += result.report
        positions = [
            Position(*version, events, is_done=version in self.ended)
            for version, events in self.pending.items()
        ]
        call_plain(self.progress.commit, self.key, positions)
        self.counts["done"] += len(self.ended)
        self.batch, self.pending, self.ended = [], {}, set()
