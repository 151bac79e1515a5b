"""
From a source to a sink, and a dead letter for what cannot be delivered.

The law of every report: ``received == delivered + skipped + dead_lettered``. Or the run
raised, wrote nothing to the dead letter, and the batch is still yours. Events reach
Heap under Braze's ids, so running a batch again is harmless.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeAlias, TypedDict, TypeVar, Unpack

import attrs

from braze_heap._errors import place_of
from braze_heap.calls import Call
from braze_heap.dead_letters import DeadLetter, DeadRecord, event_id
from braze_heap.observers import BatchDetails, Observer, Outcome
from braze_heap.reasons import Reason
from braze_heap.report import Report
from braze_heap.results import TransformResult
from braze_heap.sinks._drive import drive, drive_async, in_thread
from braze_heap.sinks._interface import AsyncSink, Receipt, Rejection, Sink
from braze_heap.sinks.exceptions import DeadLetterError, DeliveryError, SinkUnavailable
from braze_heap.transformer import Source, Transformer
from braze_heap.wire import UnreadableError, decode, events_of
from braze_heap.wire._source import refuse_path

__all__ = ["AsyncPipeline", "Pipeline", "PipelineOptions"]

logger: logging.Logger = logging.getLogger("braze_heap.pipeline")

SINK_DOWN_AFTER: Final = 72 * 3600.0
"""Seconds. Braze repeats a batch for five days and then disables the feed."""

BATCH_SIZE: Final = 1_000
"""Events of a stream that are settled together."""

DEFAULT_WAIT: Final = 5.0
"""Seconds to wait for a sink that does not say how long."""

_NEVER: Final = datetime.fromtimestamp(0, UTC)

LEAST_WAIT: Final = 0.05
"""Seconds. Nobody is asked again at once."""


@attrs.frozen
class _Send:
    calls: Sequence[Call]


@attrs.frozen
class _Append:
    records: Sequence[DeadRecord]


@attrs.frozen
class _Wait:
    seconds: float


@attrs.frozen
class _Settled:
    """
    A batch that is done with, and what of it lies in the dead letter.
    """

    report: Report
    records: tuple[DeadRecord, ...] = ()


class PipelineOptions(TypedDict, total=False):
    """
    What both pipelines take.

    Attributes:
        observers: Told once a batch.
        batch_size: Events of a stream that are settled together.
        patience: Seconds that one batch may wait for an unavailable sink, on top of
            what the sink itself waits. A receiver has none; a backfill much.
        clock: Monotonic seconds.
        now: UTC epoch seconds.
    """

    observers: Iterable[Observer]
    batch_size: int
    patience: float
    clock: Callable[[], float]
    now: Callable[[], float]


_Steps: TypeAlias = Generator[_Send | _Append | _Wait, Any, Any]
_Closing = TypeVar("_Closing")


class _Health:
    """
    Since when a sink fails without a success. Thread-safe; not kept over a restart.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failing_since: float | None = None

    def succeeded(self) -> None:
        self._failing_since = None

    def is_down(self) -> bool:
        """
        Note a failure, and tell whether it is one too many.
        """
        now = self._clock()
        with self._lock:
            if self._failing_since is None:
                self._failing_since = now
            return now - self._failing_since >= SINK_DOWN_AFTER


class _Course(Generic[_Closing]):
    """
    What both pipelines share: everything but the waiting.
    """

    def __init__(
        self,
        transformer: Transformer,
        sink: _Closing,
        dead_letter: DeadLetter,
        options: PipelineOptions,
    ) -> None:
        self.transformer = transformer
        self.sink = sink
        self.dead_letter = dead_letter
        self._observers = tuple(options.get("observers", ()))
        self._batch_size = options.get("batch_size", BATCH_SIZE)
        self._patience = options.get("patience", 0.0)
        self._clock = options.get("clock", time.monotonic)
        self._now = options.get("now", time.time)
        self._health = _Health(self._clock)
        if unknown := options.keys() - PipelineOptions.__annotations__.keys():
            raise TypeError(f"a pipeline has no option {min(unknown)!r}")
        if self._batch_size < 1 or not self._patience >= 0:
            raise ValueError("batch_size is 1 at least, patience not negative")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.sink!r}, else {self.dead_letter!r}>"

    def _batches(self, source: Source) -> Iterable[Source]:
        """
        Return *source* in batches: an iterator is cut, anything else is one batch.

        Raises:
            ValueError: *source* is a path or an open file, which `read_events` reads.
        """
        _refuse_unread(source)
        if not isinstance(source, Iterator):
            return (source,)
        return _cut(source, self._batch_size)

    def _observed(self, source: Source) -> _Steps:
        """
        Settle a batch, and tell the observers.
        """
        start = self._clock()
        details: dict[str, Any] = {"outcome": "unavailable", "report": None}
        try:
            settled = yield from self._settle(source)
            details = {"outcome": "settled", "report": settled.report}
        except DeliveryError as error:
            details["outcome"] = _outcome(error)
            details["retry_after"] = getattr(error, "retry_after", None)
            raise
        finally:
            seconds = self._clock() - start
            sink = type(self.sink).__name__
            self._tell(BatchDetails(seconds=seconds, sink=sink, **details))
        return settled

    def _tell(self, details: BatchDetails) -> None:
        _log(details)
        for observer in self._observers:
            try:
                observer(details)
            except Exception as error:
                name = type(observer).__name__
                logger.error("The observer %s raised %s", name, place_of(error))

    def _settle(self, source: Source) -> _Steps:
        result = self.transformer.transform(source)
        calls = result.calls
        receipt = (yield from self._deliver(calls)) if calls else Receipt()
        at = datetime.fromtimestamp(self._now(), UTC)
        settled = _settled(source, result, receipt, at)
        if settled.records:
            yield from self._keep(settled.records)
        return settled

    def _keep(self, records: Sequence[DeadRecord]) -> _Steps:
        """
        Have *records* in the dead letter. What is unexpected there is ours to mend.
        """
        try:
            yield _Append(records)
            return
        except DeadLetterError:
            raise
        except Exception as error:
            logger.error("The dead letter raised %s", place_of(error))
            name = type(error).__name__
        raise DeadLetterError(f"the dead letter raised {name}, see the log")

    def _deliver(self, calls: Sequence[Call]) -> _Steps:
        """
        Send until the sink decides; the value is ``None`` if it is down for good.
        """
        end = self._clock() + self._patience
        while True:
            try:
                receipt: Receipt = (yield _Send(calls)).checked(len(calls))
            except Exception as error:
                unavailable = _as_unavailable(error).with_traceback(None)
            else:
                self._health.succeeded()
                return receipt
            if self._health.is_down():
                logger.error("The sink had no success for 72 hours: %s", unavailable)
                return None
            asked = unavailable.retry_after
            wait = max(LEAST_WAIT, DEFAULT_WAIT if asked is None else asked)
            if self._clock() + wait > end:
                raise unavailable
            yield _Wait(wait)


def _refuse_unread(source: object) -> None:
    """
    Raise a ValueError that says what to write, if *source* has to be read first.
    """
    if isinstance(source, str):
        refuse_path(source)
    is_list_of_paths = isinstance(source, list | tuple) and any(
        isinstance(item, os.PathLike) for item in source[:1]
    )
    if (
        isinstance(source, os.PathLike)
        or is_list_of_paths
        or callable(getattr(source, "read", None))
    ):
        raise ValueError(
            f"a pipeline takes events, not {type(source).__name__}: write "
            "run(read_events(path_or_file))"
        )


def _cut(events: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """
    Cut *events* into batches. What came before an error is a batch, too.
    """
    batch: list[Any] = []
    try:
        for event in events:
            batch.append(event)
            if len(batch) == size:
                full, batch = batch, []
                yield full
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _outcome(error: DeliveryError) -> Outcome:
    if isinstance(error, DeadLetterError):
        return "dead_letter"
    return "throttled" if getattr(error, "throttled", False) else "unavailable"


def _log(details: BatchDetails) -> None:
    report = details.report or Report()
    level = logging.DEBUG if details.report else logging.WARNING
    logger.log(
        level,
        "A batch is %s",
        details.outcome,
        extra={
            "braze_outcome": details.outcome,
            "braze_received": report.received,
            "braze_delivered": report.delivered,
            "braze_skipped": dict(report.skipped_by_reason),
            "braze_dead_lettered": dict(report.dead_lettered_by_reason),
            "braze_unfamiliar": dict(report.unfamiliar),
            "braze_seconds": details.seconds,
        },
    )


def _as_unavailable(error: Exception) -> SinkUnavailable:
    """
    Return *error* as a sink may raise it: what is unexpected there is ours to mend.
    """
    if isinstance(error, SinkUnavailable):
        return error
    logger.error("The sink raised %s", place_of(error))
    return SinkUnavailable(f"the sink raised {type(error).__name__}, see the log")


def _settled(
    source: Source,
    result: TransformResult,
    receipt: Receipt | None,
    at: datetime,
) -> _Settled:
    """
    Return what became of a batch. *receipt* is ``None`` if the sink is down for good.
    """
    rejections = receipt.rejections if receipt else _all_down(len(result.calls))
    refused = _by_event(result.origins, rejections)
    lost = Counter(str(rejected.reason) for rejected in result.rejected)
    numbers = _numbers(source, result) if refused else Counter[str]()
    for rejection, origin in refused:
        lost[str(rejection.reason)] += max(1, numbers[_name(origin)])
    records = [DeadRecord.of(r.raw, r.reason, r.detail, at) for r in result.rejected]
    records += [DeadRecord.of(o, r.reason, _said(r), at) for r, o in refused]
    report = Report(
        received=result.received,
        delivered=result.received - len(result.skipped) - lost.total(),
        skipped_by_reason=dict(Counter(str(skip.reason) for skip in result.skipped)),
        dead_lettered_by_reason=dict(lost),
        repeated=result.repeated,
        calls=receipt.accepted if receipt else 0,
        unfamiliar=dict(result.unfamiliar),
    )
    return _Settled(report, tuple({record.key: record for record in records}.values()))


def _all_down(size: int) -> tuple[Rejection, ...]:
    detail = "the sink had no success for 72 hours"
    return tuple(
        Rejection(index, Reason.SINK_DOWN, None, detail) for index in range(size)
    )


def _by_event(
    origins: list[Any], rejections: Iterable[Rejection]
) -> list[tuple[Rejection, Any]]:
    """
    Return the events that were refused, in part or in all, each with its first refusal.
    """
    first: dict[int, tuple[Rejection, Any]] = {}
    for rejection in rejections:
        origin = origins[rejection.index]
        first.setdefault(id(origin), (rejection, origin))
    return list(first.values())


def _said(rejection: Rejection) -> str:
    status = f"{rejection.status}: " if rejection.status else ""
    return f"{status}{rejection.detail}"


def _events_in(body: bytes) -> list[Any]:
    """
    Return the events of a dead-lettered body; none if it is still unreadable. Its
    record then stays as it is, with the file and the place of the damage.
    """
    try:
        return events_of(decode(body))
    except UnreadableError:
        return []


def _numbers(source: Source, result: TransformResult) -> Counter[str]:
    """
    Return how often each event that was not rejected came; costs another decoding.
    """
    if not result.repeated:
        return Counter()
    numbers = Counter(_name(item) for item in _items(source))
    numbers.subtract(_name(rejected.raw) for rejected in result.rejected)
    return numbers


def _name(item: Any) -> str:
    return event_id(item) or DeadRecord.of(item, "", "", _NEVER).key


def _items(source: Source) -> Iterable[Any]:
    """
    Return the events of a batch that has repeats, and so is neither unreadable nor one.
    """
    if isinstance(source, str):
        source = source.encode("utf-8", "surrogatepass")
    value: Any = decode(source) if isinstance(source, bytes) else source
    return events_of(value) if isinstance(value, dict) else value


class Pipeline(_Course[Sink]):
    """
    Transformer, sink and dead letter: delivers at least once. Usable from threads.

    Args:
        transformer: Makes calls of events.
        sink: Where to. Not closed by the pipeline.
        dead_letter: Where what cannot be delivered is kept; `DISCARD`, by name, to
            count it and throw it away.
        sleep: Takes seconds.
        options: See `PipelineOptions`.
    """

    def __init__(
        self,
        transformer: Transformer,
        sink: Sink,
        dead_letter: DeadLetter,
        *,
        sleep: Callable[[float], object] = time.sleep,
        **options: Unpack[PipelineOptions],
    ) -> None:
        super().__init__(transformer, sink, dead_letter, options)
        self._sleep = sleep

    def run(self, source: Source) -> Report:
        """
        Settle *source* and return what became of each of its events.

        Args:
            source: See `braze_heap.transformer.Source`. An iterator (such as
                `read_events` gives) is cut into batches, and each batch stands for
                itself; anything else is one batch.

        Raises:
            ValueError: *source* is a path, a URL or an open file: `read_events` reads
                files. Or it is what an iterator raised, after the events before it.
            SinkUnavailable: Nobody decided about a batch. Nothing of it is in the dead
                letter; the batches before it are settled.
            DeadLetterError: The rejected events of a batch could not be kept.
        """
        return sum(self.batches(source), Report())

    def batches(self, source: Source) -> Iterator[Report]:
        """
        Settle *source* batch by batch; see `run`. For progress, and for long streams.
        """
        for batch in self._batches(source):
            yield self._run(batch).report

    def run_records(
        self, records: Sequence[DeadRecord]
    ) -> tuple[Report, frozenset[str]]:
        """
        Settle dead letters again; also return the keys that stay dead.
        """
        sources: list[Any] = []
        damaged: list[DeadRecord] = []
        for record in records:
            try:
                sources.append(record.source())
            except DeadLetterError as error:
                logger.error("Not replayed: %s", error)
                damaged.append(record)
        is_body = len(sources) == 1 and isinstance(sources[0], bytes)
        if is_body and not (sources := _events_in(sources[0])):
            damaged = [*records]
        settled = self._run(sources) if sources else _Settled(Report())
        lost = dict(Counter(record.reason for record in damaged))
        report = Report(len(damaged), dead_lettered_by_reason=lost)
        kept = frozenset(record.key for record in (*settled.records, *damaged))
        return settled.report + report, kept

    def _run(self, batch: Source) -> _Settled:
        settled: _Settled = drive(self._observed(batch), self._perform)
        return settled

    def _perform(self, step: _Send | _Append | _Wait) -> object:
        match step:
            case _Send(calls):
                return self.sink.send(calls)
            case _Append(records):
                return self.dead_letter.append(records)  # type: ignore[func-returns-value]
            case _Wait(seconds):
                return self._sleep(seconds)


class AsyncPipeline(_Course[AsyncSink]):
    """
    `Pipeline` for asyncio: the same, awaited. The dead letter works in a thread.

    Args:
        transformer: Makes calls of events.
        sink: Where to. Not closed by the pipeline.
        dead_letter: As for `Pipeline`.
        sleep: Takes seconds; awaited.
        options: See `PipelineOptions`.
    """

    def __init__(
        self,
        transformer: Transformer,
        sink: AsyncSink,
        dead_letter: DeadLetter,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        **options: Unpack[PipelineOptions],
    ) -> None:
        super().__init__(transformer, sink, dead_letter, options)
        self._sleep = sleep

    async def run(self, source: Source) -> Report:
        """
        Settle *source*; see `Pipeline.run`.
        """
        report = Report()
        async for done in self.batches(source):
            report += done
        return report

    async def batches(self, source: Source) -> AsyncIterator[Report]:
        """
        Settle *source* batch by batch; see `Pipeline.run`.
        """
        for batch in self._batches(source):
            settled = await drive_async(self._observed(batch), self._perform)
            yield settled.report

    async def _perform(self, step: _Send | _Append | _Wait) -> object:
        match step:
            case _Send(calls):
                return await self.sink.send(calls)
            case _Append(records):
                await in_thread(self.dead_letter.append, records)
            case _Wait(seconds):
                await self._sleep(seconds)
        return None
