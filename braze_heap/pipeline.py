"""
From a source to a sink, and a dead letter for what cannot be delivered.

The law of every report: ``received == delivered + skipped + dead_lettered``. Or the run
raised, wrote nothing to the dead letter, and the batch is still yours. Events reach
Heap under Braze's ids, so running a batch again is harmless.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import time
from collections import Counter
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs

from braze_heap._errors import error_context, place_of
from braze_heap._options import doc, documented, option, takes
from braze_heap._outage import MapperOutages, Outage
from braze_heap._repeats import Repeats
from braze_heap._sansio import drive, drive_async, in_thread
from braze_heap._wiring import check_function, is_async, kind_of
from braze_heap.events import CurrentsEvent
from braze_heap.exceptions import (
    DeadLetterError,
    DeadLetterFull,
    DeliveryError,
    SinkUnavailable,
    retry_after_of,
)
from braze_heap.heap.calls import Call
from braze_heap.mappers import MapperRegistry, Mappers
from braze_heap.observers import BatchDetails, Observer, Outcome
from braze_heap.reasons import Reason
from braze_heap.report import Report
from braze_heap.results import TransformResult
from braze_heap.sinks._protocol import (
    AsyncSink,
    Receipt,
    Rejection,
    Sink,
    require_async_sink,
    require_sink,
)
from braze_heap.state.dead_letters import DeadLetter, DeadRecord, event_id
from braze_heap.transformer import Source, Transformer
from braze_heap.wire import RawEvent, Unreadable, UnreadableError, decode, events_of
from braze_heap.wire._source import refuse_path

__all__ = ["AsyncPipeline", "Pipeline", "PipelineOptions"]

logger: logging.Logger = logging.getLogger("braze_heap.pipeline")

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
    cause: DeliveryError


@attrs.frozen
class _Settled:
    """
    A batch that is done with, and what of it lies in the dead letter.
    """

    report: Report
    records: tuple[DeadRecord, ...] = ()


_SinkT = TypeVar("_SinkT")


@documented
@attrs.frozen(kw_only=True)
class PipelineOptions(Generic[_SinkT]):
    """
    Arguments that both pipelines take.
    """

    transformer: Transformer = attrs.field(
        kw_only=False, metadata=doc("Maps events to calls.")
    )
    sink: _SinkT = attrs.field(
        kw_only=False, metadata=doc("Destination. The pipeline does not close it.")
    )
    dead_letter: DeadLetter = attrs.field(
        kw_only=False,
        metadata=doc(
            "Keeps records that cannot be delivered; `DISCARD`, by name, counts them "
            "and throws them away."
        ),
    )
    observers: Iterable[Observer] = option((), "Called once per batch.")
    batch_size: int = option(BATCH_SIZE, "Events of a stream that form one batch.")
    patience: float = option(
        0.0,
        "Seconds that one batch may wait for an unavailable sink, on top of what the "
        "sink itself waits, or for a mapper that raises a `DeliveryError`. None for a "
        "receiver, much for a backfill.",
    )
    clock: Callable[[], float] = option(time.monotonic, "Monotonic seconds.")
    now: Callable[[], float] = option(time.time, "UTC epoch seconds.")


@attrs.frozen(kw_only=True)
class _Arguments(PipelineOptions[Sink]):
    sleep: Callable[[float], object] = option(time.sleep, "Sleeps for seconds.")


@attrs.frozen(kw_only=True)
class _AsyncArguments(PipelineOptions[AsyncSink]):
    sleep: Callable[[float], Awaitable[object]] = option(
        asyncio.sleep, "Sleeps for seconds; awaited."
    )


_Steps: TypeAlias = Generator[_Send | _Append | _Wait, Any, Any]


class _PipelineBase(Generic[_SinkT]):
    """
    What both pipelines share: everything but the waiting.
    """

    def _configure(self, options: PipelineOptions[_SinkT]) -> None:
        self._check(options.transformer, options.dead_letter)
        self.transformer: Transformer = options.transformer
        self.sink: _SinkT = options.sink
        self.dead_letter: DeadLetter = options.dead_letter
        self._observers = _observers(options.observers)
        self._batch_size = options.batch_size
        self._patience = options.patience
        self._clock = options.clock
        self._now = options.now
        self._outage = Outage(self._clock)
        self._mapper_outages = MapperOutages(self._clock)
        self._repeats = Repeats(self._clock)
        if self._batch_size < 1 or not self._patience >= 0:
            raise ValueError("batch_size is 1 at least, patience not negative")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.sink!r}, else {self.dead_letter!r}>"

    def _check(self, transformer: object, dead_letter: object) -> None:
        """
        Raise if one of the arguments cannot do its work.
        """
        user = type(self).__name__
        if isinstance(transformer, type) or not hasattr(transformer, "transform"):
            is_rules = isinstance(transformer, MapperRegistry | Mappers)
            hint = ": write Transformer(mappers)" if is_rules else ""
            raise TypeError(
                f"{user} needs a Transformer first, not {kind_of(transformer)}{hint}"
            )
        append = getattr(dead_letter, "append", None)
        if (
            isinstance(dead_letter, type)
            or type(dead_letter) is list
            or not callable(append)
        ):
            raise TypeError(
                f"{user} needs a dead letter, such as SqliteDeadLetter(path), "
                f"not {kind_of(dead_letter)}. To count what cannot be delivered and "
                "throw it away, write DISCARD"
            )
        if is_async(append):
            raise TypeError(
                f"{user} calls the dead letter without await, but "
                f"{type(dead_letter).__name__}.append is async: make it a plain method"
            )

    def _batches(self, source: Source) -> Iterable[Source]:
        """
        Return *source* in batches: an iterator is cut, anything else is one batch.

        Raises:
            TypeError: *source* is a coroutine, an asynchronous stream, or anything else
                that holds no events.
            ValueError: *source* is a path or an open file, which `read_events` reads.
        """
        if isinstance(source, AsyncIterable | Awaitable):
            raise TypeError(
                f"a source is read without await, but this is {kind_of(source)}: pass "
                "a list of events, such as [event async for event in stream]"
            )
        _refuse_unread(source)
        if isinstance(source, bytearray | memoryview):
            source = bytes(source)
        if not isinstance(source, Iterator):
            return (dict(source) if isinstance(source, Mapping) else source,)
        return _cut(source, self._batch_size)

    def _observed(self, source: Source, stored: Set[str] = frozenset()) -> _Steps:
        """
        Settle a batch, and tell the observers.
        """
        start = self._clock()
        details: dict[str, Any] = {"outcome": "unavailable", "report": None}
        try:
            settled = yield from self._settle(source, stored)
            details = {"outcome": "settled", "report": settled.report}
            self._repeats.flush()
        except DeliveryError as error:
            details["outcome"] = _outcome(error)
            details["retry_after"] = retry_after_of(error)
            self._log_failure(error, details["outcome"])
            raise
        finally:
            seconds = self._clock() - start
            sink = type(self.sink).__name__
            self._tell(BatchDetails(seconds=seconds, sink=sink, **details))
        return settled

    def _log_failure(self, error: DeliveryError, outcome: Outcome) -> None:
        """
        Log why a batch was not delivered. An error needs somebody; a warning may pass.
        """
        is_ours = outcome == "dead_letter" or getattr(error, "misconfigured", False)
        cause = error.detail if isinstance(error, SinkUnavailable) else str(error)
        self._repeats.log(
            logger,
            logging.ERROR if is_ours else logging.WARNING,
            f"A batch was not delivered, and is still the sender's: {cause}",
            context=getattr(error, "context", None),
            braze_outcome=outcome,
        )

    def _tell(self, details: BatchDetails) -> None:
        if details.report:
            _log(details, details.report)
        for observer in self._observers:
            try:
                observer(details)
            except Exception as error:
                text = (
                    f"The observer {type(observer).__name__} raised {place_of(error)}"
                )
                self._repeats.log(logger, logging.ERROR, text)

    def _settle(self, source: Source, stored: Set[str]) -> _Steps:
        result: TransformResult = yield from self._transformed(source)
        calls = result.calls
        receipt = (yield from self._deliver(calls)) if calls else Receipt()
        at = datetime.fromtimestamp(self._now(), UTC)
        settled = _settled(source, result, receipt, at, self.transformer)
        if settled.records:
            yield from self._keep(settled.records, stored)
        return settled

    def _transformed(self, source: Source) -> _Steps:
        """
        Map *source*. A mapper may say that it cannot decide now.
        """
        end = self._clock() + self._patience
        while True:
            try:
                return self.transformer.transform(source, outages=self._mapper_outages)
            except DeliveryError as error:
                wait = _seconds_to_wait(error)
                if self._clock() + wait > end:
                    raise
                cause = error.with_traceback(None)
            yield _Wait(wait, cause)

    def _keep(self, records: Sequence[DeadRecord], stored: Set[str]) -> _Steps:
        """
        Append *records* to the dead letter. An unexpected exception is logged.

        Where there is no room, those that have *stored* keys are there already: a full
        dead letter can be replayed.
        """
        try:
            yield _Append(records)
            return
        except DeadLetterFull:
            if all(record.key in stored for record in records):
                return
            raise
        except DeadLetterError:
            raise
        except Exception as error:
            place = place_of(error)
        raise DeadLetterError(f"the dead letter raised {place}")

    def _deliver(self, calls: Sequence[Call]) -> _Steps:
        """
        Send until the sink decides; the value is ``None`` if it is down for good.
        """
        end = self._clock() + self._patience
        while True:
            began = self._clock()
            try:
                receipt = _receipt((yield _Send(calls)), len(calls))
            except Exception as error:
                unavailable = _as_unavailable(error).with_traceback(None)
            else:
                self._outage.succeeded()
                return receipt
            if self._outage.failed(began):
                logger.error("The sink had no success for 72 hours: %s", unavailable)
                return None
            wait = _seconds_to_wait(unavailable)
            if self._clock() + wait > end:
                raise unavailable
            yield _Wait(wait, unavailable)


def _seconds_to_wait(error: DeliveryError) -> float:
    asked = retry_after_of(error)
    return max(LEAST_WAIT, DEFAULT_WAIT if asked is None else asked)


def append_to(dead_letter: DeadLetter, records: Sequence[DeadRecord]) -> None:
    """
    Keep *records* in *dead_letter*.

    Raises:
        TypeError: ``append`` only returned something to await, so nothing is kept.
    """
    append: Callable[[Sequence[DeadRecord]], object] = dead_letter.append
    if inspect.isawaitable(append(records)):
        raise TypeError("append is called without await, but is async")


def _receipt(given: Any, size: int) -> Receipt:
    if not isinstance(given, Receipt):
        raise TypeError(f"send returned {kind_of(given)}, not a Receipt")
    return given.checked(size)


def _observers(given: Iterable[Observer]) -> tuple[Observer, ...]:
    if callable(given) or not isinstance(given, Iterable):
        raise TypeError(
            f"observers is a list of observers, not {kind_of(given)}: write [observer]"
        )
    observers = tuple(given)
    for observer in observers:
        if isinstance(observer, type):
            raise TypeError(
                f"an observer is {kind_of(observer)}: write {observer.__name__}()"
            )
        check_function("an observer", observer, takes="BatchDetails")
    return observers


def _refuse_unread(source: object) -> None:
    """
    Raise, and say what to write, if *source* has to be read first or holds no events.
    """
    if isinstance(source, str):
        refuse_path(source)
    is_list = isinstance(source, list | tuple) and len(source) > 0
    first = source[0] if is_list and isinstance(source, list | tuple) else source
    if isinstance(first, os.PathLike) or callable(getattr(source, "read", None)):
        raise ValueError(
            f"a pipeline takes events, not {type(source).__name__}: write "
            "run(read_events(path_or_file))"
        )
    if is_list:
        _refuse_bytes(first)
    if isinstance(source, type) or not isinstance(source, _SOURCES):
        raise TypeError(f"a pipeline takes events, not {kind_of(source)}")


_SOURCES: Final = (Iterable, CurrentsEvent, RawEvent, Unreadable, float, int, NoneType)
"""What `run` takes. Numbers are JSON, though no batch: a dead letter keeps them."""


def _refuse_bytes(event: object) -> None:
    """
    Raise a TypeError if *event*, the first of several, is not decoded.
    """
    if isinstance(event, bytes | bytearray | memoryview):
        raise TypeError(
            f"an event is a dict, not {type(event).__name__}: decode each one first, "
            "as with map(json.loads, lines), or pass a whole file to read_events"
        )


def _cut(events: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """
    Cut *events* into batches. What came before an error is a batch, too.
    """
    batch: list[Any] = []
    try:
        for event in events:
            if not batch:
                _refuse_bytes(event)
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


def _log(details: BatchDetails, report: Report) -> None:
    logger.debug(
        "A batch is %s",
        details.outcome,
        extra={
            "braze_outcome": details.outcome,
            "braze_received": report.received,
            "braze_delivered": report.delivered,
            "braze_skipped": dict(report.skipped_by_reason),
            "braze_dead_lettered": dict(report.dead_lettered_by_reason),
            "braze_unknown": dict(report.unknown),
            "braze_invalid": {str(invalid): n for invalid, n in report.invalid.items()},
            "braze_adjustments": dict(report.adjustments),
            "braze_seconds": details.seconds,
        },
    )


def _as_unavailable(error: Exception) -> SinkUnavailable:
    """
    Return *error* as a sink may raise it: what is unexpected there is ours to mend.
    """
    if isinstance(error, SinkUnavailable):
        return error
    context = error_context(error)
    return SinkUnavailable(f"the sink raised {place_of(error)}", context=context)


def _settled(
    source: Source,
    result: TransformResult,
    receipt: Receipt | None,
    at: datetime,
    transformer: Transformer,
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
    kept: list[tuple[Any, str, str]] = [
        (r.raw, r.reason, r.detail) for r in result.rejected
    ]
    kept += [(origin, r.reason, _said(r)) for r, origin in refused]
    records = [
        DeadRecord.of(raw, reason, detail, at, mappers=mappers_of(transformer, raw))
        for raw, reason, detail in kept
    ]
    report = Report(
        received=result.received,
        delivered=result.received - len(result.skipped) - lost.total(),
        skipped_by_reason=dict(Counter(str(skip.reason) for skip in result.skipped)),
        dead_lettered_by_reason=dict(lost),
        repeated=result.repeated,
        calls=receipt.accepted if receipt else 0,
        unknown=dict(result.unknown),
        invalid=dict(result.invalid),
        adjustments={str(kind): number for kind, number in result.adjustments.items()},
    )
    return _Settled(report, tuple({record.key: record for record in records}.values()))


def mappers_of(transformer: Transformer, item: object) -> Mapping[str, str]:
    """
    Return what a dead letter lists for *item*; see `Transformer.team_mappers`.

    An object that only has ``transform``, such as a wrapper, lists nothing.
    """
    team_mappers = getattr(transformer, "team_mappers", None)
    return team_mappers(item) if team_mappers else {}


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


class Pipeline(_PipelineBase[Sink]):
    """
    Transformer, sink and dead letter: delivers at least once. Usable from threads.
    """

    @takes(_Arguments)
    def __init__(self, options: _Arguments) -> None:
        self._configure(options)
        require_sink("Pipeline", options.sink)
        check_function("sleep", options.sleep, takes="seconds")
        self._sleep = options.sleep

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
            DeliveryError: The same, because a mapper raised it.
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
        lost: Counter[str] = Counter()
        for record in records:
            try:
                sources.append(record.source())
            except DeadLetterError as error:
                logger.error("Not replayed: %s", error)
                damaged.append(record)
                is_json = record.coding == "json"
                lost[str(Reason.DAMAGED_RECORD) if is_json else record.reason] += 1
        is_body = len(sources) == 1 and isinstance(sources[0], bytes)
        if is_body and not (sources := _events_in(sources[0])):
            damaged = [*records]
            lost = Counter(record.reason for record in records)
        stored = frozenset(record.key for record in records)
        settled = self._run(sources, stored) if sources else _Settled(Report())
        report = Report(len(damaged), dead_lettered_by_reason=dict(lost))
        kept = frozenset(record.key for record in (*settled.records, *damaged))
        return settled.report + report, kept

    def _run(self, batch: Source, stored: Set[str] = frozenset()) -> _Settled:
        settled: _Settled = drive(self._observed(batch, stored), self._perform)
        return settled

    def _perform(self, step: _Send | _Append | _Wait) -> object:
        match step:
            case _Send(calls):
                return self.sink.send(calls)
            case _Append(records):
                append_to(self.dead_letter, records)
            case _Wait(seconds, cause):
                self._wait(seconds, cause)
        return None

    def _wait(self, seconds: float, cause: DeliveryError) -> object:  # noqa: ARG002
        return self._sleep(seconds)


class AsyncPipeline(_PipelineBase[AsyncSink]):
    """
    `Pipeline` for asyncio: the same, awaited. The dead letter works in a thread.
    """

    @takes(_AsyncArguments)
    def __init__(self, options: _AsyncArguments) -> None:
        self._configure(options)
        require_async_sink("AsyncPipeline", options.sink)
        self._sleep = options.sleep

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
                await in_thread(append_to, self.dead_letter, records)
            case _Wait(seconds):
                await self._sleep(seconds)
        return None
