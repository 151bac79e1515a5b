"""
Delivery of events from a source to a sink, and to a dead letter if that fails.

Either a batch is reported, with ``received == delivered + skipped + dead_lettered``, or
the run raises, and you run the batch again. That is harmless: events reach Heap under
Braze's ids, and the newest user properties are sent, as far as the ledger knows them.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import operator
import time
from collections.abc import (
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
    Set,
)
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs

from braze_heap._batch_result import (
    BatchResult,
    build_batch_result,
    without_user_properties,
)
from braze_heap._errors import describe_exception, error_context
from braze_heap._json import UncheckedEvents
from braze_heap._json_limits import UnreadableError
from braze_heap._log_limits import LogRateLimiter
from braze_heap._options import doc, documented, option, takes
from braze_heap._ordered_delivery import Decision, OrderedDelivery
from braze_heap._outage import MapperOutages, Outage
from braze_heap._pipeline_inputs import (
    check_observers,
    check_source,
    check_transformer,
    checked_calls,
    missing_destination,
    split_into_batches,
)
from braze_heap._sansio import in_thread, run_steps, run_steps_async
from braze_heap._wiring import (
    OfOneProcess,
    check_async,
    check_function,
    kind_of,
    require,
)
from braze_heap.exceptions import (
    DeadLetterError,
    DeadLetterFull,
    DeliveryError,
    LedgerError,
    SinkUnavailable,
    StateError,
    context_of,
    is_of_mapper,
    retry_after_of,
    text_of,
)
from braze_heap.heap.calls import Call, Track
from braze_heap.observers import BatchDetails, Observer, Outcome
from braze_heap.reasons import Reason
from braze_heap.report import Report, counts
from braze_heap.results import TransformResult
from braze_heap.sinks._protocol import (
    AsyncSink,
    InvalidReceiptError,
    Receipt,
    Rejection,
    Sink,
    destinations_of,
    place_of,
    require_async_sink,
    require_sink,
)
from braze_heap.state import DeadLetter, DeadRecord, Ledger, MemoryLedger
from braze_heap.state._protocol import call_plain
from braze_heap.transformer import Source, Transformer

__all__ = ["AsyncPipeline", "BatchResult", "Pipeline", "PipelineOptions"]

logger: logging.Logger = logging.getLogger("braze_heap.pipeline")

BATCH_SIZE: Final = 1_000
"""Default number of events in a batch of a stream."""

DEFAULT_WAIT: Final = 5.0
"""Delay before the next attempt if the error has no ``retry_after``, in seconds."""

MIN_WAIT: Final = 0.05
"""Minimum delay between attempts, in seconds."""

_DEAD_LETTER: Final = (
    "a dead letter, such as SqliteDeadLetter(path), or DISCARD, which only counts "
    "events that cannot be delivered and loses them"
)
_LEDGER: Final = "a ledger, such as SqliteLedger(path)"


class _InThread(functools.partial[Any]):
    """A step that an `AsyncPipeline` performs in a thread. It awaits the others."""


AnySink = TypeVar("AnySink", bound=Sink | AsyncSink)


@documented
@attrs.frozen(kw_only=True)
class PipelineOptions(Generic[AnySink]):
    """Arguments that both pipelines take."""

    transformer: Transformer = attrs.field(
        kw_only=False, metadata=doc("Maps events to calls.")
    )
    sink: AnySink = attrs.field(
        kw_only=False, metadata=doc("Destination. The pipeline does not close it.")
    )
    dead_letter: DeadLetter = attrs.field(
        kw_only=False,
        metadata=doc(
            "Keeps records that cannot be delivered. `DISCARD` only counts them, and "
            "they are lost."
        ),
    )
    ledger: Ledger | None = option(
        None,
        "Keeps the newest statement about each user property, so that it wins across "
        "batches. By default a `MemoryLedger`, which a restart empties.",
    )
    observers: Iterable[Observer] = option((), "Called once per batch.")
    batch_size: int = option(
        BATCH_SIZE, "Events of a stream that form one batch.", positive=True
    )
    patience: float = option(
        0.0,
        "Seconds that one batch may wait for an unavailable sink, or for a mapper that "
        "raises a `DeliveryError`. The waits of the sink itself do not count. Use 0 in "
        "a receiver, and a long time in a backfill.",
        between=(0, math.inf),
    )
    clock: Callable[[], float] = option(time.monotonic, "Monotonic seconds.")
    now: Callable[[], float] = option(time.time, "UTC epoch seconds.")
    sleep: Callable[[float], Any] | None = option(
        None,
        "Sleeps for seconds; an `AsyncPipeline` awaits it. By default that of ``time`` "
        "or of ``asyncio``.",
    )


_Steps: TypeAlias = Generator[functools.partial[Any], Any, Any]


class _PipelineBase(OfOneProcess, Generic[AnySink]):
    """Both pipelines, without I/O: steps that a subclass performs."""

    _sleep: Callable[[float], object]

    def _configure(self, options: PipelineOptions[AnySink]) -> None:
        user = type(self).__name__
        self._takes_outages = check_transformer(user, options.transformer)
        require(user, _DEAD_LETTER, options.dead_letter, "append")
        self.transformer: Transformer = options.transformer
        self.sink: AnySink = options.sink
        self.dead_letter: DeadLetter = options.dead_letter
        if options.ledger is not None:
            for method in ("update", "forget"):
                require(user, _LEDGER, options.ledger, method)
            if "" in destinations_of(options.sink):
                raise missing_destination("a ledger keeps user properties", self.sink)
        ledger = options.ledger
        self.has_default_ledger: bool = ledger is None
        self.ledger: Ledger = MemoryLedger() if ledger is None else ledger
        self._observers = check_observers(options.observers)
        self.batch_size: int = options.batch_size
        self._patience = options.patience
        self._clock = options.clock
        self._now = options.now
        self._outage = Outage(self._clock)
        self._mapper_outages = MapperOutages(self._clock)
        self._log_limiter = LogRateLimiter(self._clock)

    @property
    def destination(self) -> str:
        """Name of the place under which dead letters are kept; empty if unnamed."""
        return place_of(self.sink)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.sink!r}, else {self.dead_letter!r}>"

    def _observe_batch(
        self,
        source: Source,
        stored: Set[str] = frozenset(),
        user_properties: bool = True,
    ) -> _Steps:
        """Process a batch, and call the observers. The value is a `BatchResult`."""
        source = check_source(source)
        start = self._clock()
        details: dict[str, Any] = {"outcome": "unavailable", "report": None}
        is_readable = True
        try:
            result = yield from self._process_batch(source, stored, user_properties)
            details = {"outcome": "processed", "report": result.report}
            self._log_limiter.flush()
        except UnreadableError:  # a receiver rejects the body
            is_readable = not isinstance(source, UncheckedEvents)
            raise
        except DeliveryError as error:
            details["outcome"] = _outcome(error)
            details["retry_after"] = retry_after_of(error)
            self._log_failure(error, details["outcome"])
            raise
        finally:
            if is_readable:
                seconds = self._clock() - start
                sink = type(self.sink).__name__
                self._notify(BatchDetails(seconds=seconds, sink=sink, **details))
        return result

    def _log_failure(self, error: DeliveryError, outcome: Outcome) -> None:
        """Log the cause: at WARNING if a retry may help, at ERROR otherwise."""
        is_state = isinstance(error, StateError)
        needs_fix = is_state or getattr(error, "misconfigured", False)
        cause = text_of(error)
        if outcome == "mapper":
            cause = f"a mapper cannot map now: {cause}"
        self._log_limiter.log(
            logger,
            logging.ERROR if needs_fix else logging.WARNING,
            f"A batch was not delivered, and the sender has to repeat it: {cause}",
            context={**context_of(error), "outcome": outcome},
        )

    def _notify(self, details: BatchDetails) -> None:
        if details.report and logger.isEnabledFor(logging.DEBUG):
            context = {
                "outcome": details.outcome,
                "seconds": round(details.seconds, 6),
                **counts(details.report),
                "unknown": dict(details.report.unknown),
                "invalid": {str(each): n for each, n in details.report.invalid.items()},
                "adjustments": dict(details.report.adjustments),
            }
            logger.debug("A batch is processed", extra={"braze_context": context})
        for observer in self._observers:
            try:
                observer(details)
            except Exception as error:
                cause = f"{type(observer).__name__} raised {describe_exception(error)}"
                text = f"The observer {cause}"
                self._log_limiter.log(logger, logging.ERROR, text)

    def _process_batch(
        self, source: Source, stored: Set[str], user_properties: bool
    ) -> _Steps:
        mapped: TransformResult = yield from self._transform(source)
        if not user_properties:
            mapped = without_user_properties(source, mapped)
        decision = yield from self._decide(mapped)
        at = datetime.fromtimestamp(self._now(), UTC)
        result = build_batch_result(
            source, mapped, decision, at, self.transformer, self.destination
        )
        if result.records:
            yield from self._keep(result.records, stored)
        return result

    def _transform(self, source: Source) -> _Steps:
        """Map *source*. If a mapper raises a `DeliveryError`, retry in the patience."""
        end = self._clock() + self._patience
        while True:
            try:
                if not self._takes_outages:
                    return self.transformer.transform(source)
                return self.transformer.transform(source, outages=self._mapper_outages)
            except DeliveryError as error:
                cause = error
            yield from self._pause(cause, end)

    def _pause(self, cause: DeliveryError, end: float) -> _Steps:
        """Wait before another attempt. Raise *cause* if that is only after *end*."""
        asked = retry_after_of(cause)
        wait = max(MIN_WAIT, DEFAULT_WAIT if asked is None else asked)
        if self._clock() + wait > end:
            raise cause
        yield functools.partial(self._wait, wait, cause.with_traceback(None))

    def _wait(self, seconds: float, cause: DeliveryError) -> object:  # noqa: ARG002
        return self._sleep(seconds)

    def _decide(self, mapped: TransformResult) -> _Steps:
        """Send the calls of *mapped*. The value is a `Decision`."""
        calls = mapped.calls
        if all(type(call) is Track for call in calls):
            receipt = (yield from self._deliver(calls)) if calls else Receipt()
            return Decision(receipt)
        names = destinations_of(self.sink)
        delivery = OrderedDelivery(mapped, self.ledger, names, self._now)
        return (yield from delivery.steps(self._deliver, self._call_ledger))

    def _call_ledger(self, work: Callable[[], object]) -> _Steps:
        return self._call_store(work, "ledger", LedgerError, DeliveryError)

    def _keep(self, records: Sequence[DeadRecord], stored: Set[str]) -> _Steps:
        """
        Append *records*.

        A full dead letter can be replayed: records with *stored* keys need no room.
        """
        work = functools.partial(call_plain, self.dead_letter.append, records)
        try:
            yield from self._call_store(work, "dead letter", DeadLetterError)
        except DeadLetterFull:
            if not all(record.key in stored for record in records):
                raise

    def _call_store(
        self,
        work: Callable[[], object],
        name: str,
        kind: type[DeliveryError],
        *expected: type[DeliveryError],
    ) -> _Steps:
        """Do *work*. An exception that is not *expected* is raised as *kind*."""
        try:
            return (yield _InThread(work))
        except (kind, *expected):
            raise
        except Exception as error:
            cause = describe_exception(error)
        raise kind(f"the {name} raised {cause}")

    def _send(self, calls: Sequence[Call]) -> object:
        return self.sink.send(calls)

    def _deliver(
        self, calls: Sequence[Call], renew: Callable[[], object] | None = None
    ) -> _Steps:
        """
        Send until the sink decides. The value is its receipt.

        If the sink is down, it rejects all. Call *renew* before another attempt.
        """
        end = self._clock() + self._patience
        calls = tuple(calls)  # which a sink cannot change before another attempt
        while True:
            began = self._clock()
            try:
                given = yield functools.partial(self._send, calls)
                if not isinstance(given, Receipt):
                    text = f"send returned {kind_of(given)}, not a Receipt"
                    raise InvalidReceiptError(text)
                receipt = given.checked(len(calls))
            except SinkUnavailable as error:
                unavailable = error.with_traceback(None)
            except Exception as error:  # a bug of the sink
                text = f"the sink raised {describe_exception(error)}"
                if isinstance(error, InvalidReceiptError):
                    text = f"{type(self.sink).__name__} has a bug: {error}"
                unavailable = SinkUnavailable(text, context=error_context(error))
            else:
                self._outage.succeeded()
                return receipt
            if self._outage.failed(began):
                logger.error("The sink accepted nothing for 72 hours: %s", unavailable)
                return _reject_all(len(calls))
            yield from self._pause(unavailable, end)
            if renew:
                yield from self._call_ledger(renew)


def _reject_all(size: int) -> Receipt:
    detail = "the sink accepted nothing for 72 hours"
    down = (Rejection(index, Reason.SINK_DOWN, None, detail) for index in range(size))
    return Receipt(0, tuple(down))


def _outcome(error: DeliveryError) -> Outcome:
    if isinstance(error, DeadLetterError):
        return "dead_letter"
    if isinstance(error, LedgerError):
        return "ledger"
    if is_of_mapper(error):
        return "mapper"
    return "throttled" if getattr(error, "throttled", False) else "unavailable"


class Pipeline(_PipelineBase[Sink]):
    """Deliver events through a transformer to a sink, at least once. Thread-safe."""

    @takes(PipelineOptions[Sink])
    def __init__(self, options: PipelineOptions[Sink]) -> None:
        self._configure(options)
        require_sink("Pipeline", options.sink)
        self._sleep = time.sleep if options.sleep is None else options.sleep
        check_function("sleep", self._sleep, takes="seconds")

    def run(self, source: Source) -> Report:
        """
        Deliver *source*, and return the counts of its events.

        Args:
            source: See `braze_heap.transformer.Source`. An iterator, such as
                `read_events` returns, is split into independent batches. Anything else
                is one batch.

        Raises:
            ValueError: *source* is a path, a URL or an open file: `read_events` reads
                files. Or an iterator raised it; the events before are delivered.
            TypeError: Nothing in a batch is an event: *source* contains lines, paths or
                objects of a store, for example.
            SinkUnavailable: The sink did not decide about a batch. Nothing of it is in
                the dead letter. The batches before it are complete.
            DeliveryError: The same, because a mapper raised it.
            DeadLetterError: The rejected events of a batch could not be kept.
            LedgerError: The ledger could not be read or written.
        """
        return sum(self.batches(source), Report())

    def batches(self, source: Source) -> Iterator[Report]:
        """Deliver *source*, and yield a report after each batch. See `run`."""
        for batch in split_into_batches(source, self.batch_size):
            yield self.run_batch(batch).report

    def run_batch(
        self,
        batch: Source,
        *,
        stored_keys: Set[str] = frozenset(),
        user_properties: bool = True,
    ) -> BatchResult:
        """
        Deliver *batch*, and return its counts and its dead-letter records.

        Args:
            batch: One batch, whatever its size.
            stored_keys: Keys of records that are in the dead letter already, so that
                nothing is lost if it is full.
            user_properties: Whether to send user properties. If not, they are counted
                as ``user_properties``, and events that state nothing else are skipped.

        Raises:
            DeliveryError: See `run`.
        """
        if isinstance(batch, Iterator):
            check_source(batch)
            batch = list(batch)  # it is read twice if it has repeats
        steps = self._observe_batch(batch, stored_keys, user_properties)
        result: BatchResult = run_steps(steps, operator.call)
        return result

    def send_calls(self, calls: Iterable[Call]) -> Receipt:
        """
        Send *calls*, such as those of a table, with user properties in order of time.

        Returns:
            Receipt of the calls. Outdated ones count as accepted. Rejected ones are
            not in the dead letter.

        Raises:
            ValueError: They state user properties, and the pipeline has no ledger of
                the user, so that old values could replace those of a live service. Or
                the time of one is not that of an event, or it has destinations.
            TypeError: One is not a call, or has a value of the wrong type.
            DeliveryError: See `run`.
        """
        calls = checked_calls(calls, has_ledger=not self.has_default_ledger)
        steps = self._decide(TransformResult(calls=calls))
        rejections = run_steps(steps, operator.call).receipt.rejections
        return Receipt(len(calls) - len(rejections), rejections)


class AsyncPipeline(_PipelineBase[AsyncSink]):
    """`Pipeline` for asyncio. Dead letter and ledger are called in threads."""

    @takes(PipelineOptions[AsyncSink])
    def __init__(self, options: PipelineOptions[AsyncSink]) -> None:
        self._configure(options)
        require_async_sink("AsyncPipeline", options.sink)
        self._sleep = asyncio.sleep if options.sleep is None else options.sleep
        check_async("sleep", self._sleep)

    async def run(self, source: Source) -> Report:
        """Deliver *source*; see `Pipeline.run`."""
        report = Report()
        async for done in self.batches(source):
            report += done
        return report

    async def batches(self, source: Source) -> AsyncIterator[Report]:
        """Deliver *source*, and yield a report after each batch. See `Pipeline.run`."""
        for batch in split_into_batches(source, self.batch_size):
            steps = self._observe_batch(batch)
            result: BatchResult = await run_steps_async(steps, _perform)
            yield result.report


async def _perform(step: functools.partial[Any]) -> Any:
    return await (in_thread(step) if isinstance(step, _InThread) else step())
