"""Tests of the pipeline: counts of its reports, failures, waiting, observers, logs."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap._json import SentEvents
from braze_heap.events import CurrentsEvent, EmailClick
from braze_heap.exceptions import (
    DeadLetterError,
    DeadLetterFull,
    DeliveryError,
    SinkUnavailable,
)
from braze_heap.heap.calls import AddUserProperties, Call, Track
from braze_heap.observers import BatchDetails
from braze_heap.pipeline import AsyncPipeline, Pipeline
from braze_heap.receiver.service import Metrics
from braze_heap.report import Report, counts
from braze_heap.sinks import MemorySink, Receipt, Rejection, ThreadedSink
from braze_heap.state import (
    DISCARD,
    DeadLetter,
    DeadRecord,
    SqliteDeadLetter,
)
from braze_heap.testing import make_raw

HOUR = 3600.0


class MemoryDeadLetter:
    """A custom store in memory."""

    def __init__(self, *, is_full: bool = False) -> None:
        self.records: dict[str, DeadRecord] = {}
        self.is_full = is_full

    def append(self, records: Sequence[DeadRecord], /) -> None:
        """Keep all *records*, or none."""
        if self.is_full:
            raise DeadLetterFull(0)
        self.records |= {record.key: record for record in records}

    def read(self) -> Any:
        """Return a snapshot of the records."""
        return iter(list(self.records.values()))

    def forget(self, keys: Iterable[str], /) -> None:
        """Remove records."""
        for key in keys:
            self.records.pop(key, None)

    def ready(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class FailingSink(MemorySink):
    """A sink that rejects events by id, and raises given errors."""

    def __init__(
        self, *rejected: str, failures: Iterable[Exception | None] = ()
    ) -> None:
        super().__init__()
        self.rejected = rejected
        self.failures = iter(failures)

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Raise the next failure, or return a receipt with the rejections."""
        if failure := next(self.failures, None):
            raise failure
        super().send(calls)
        indexes = [
            i for i, call in enumerate(calls) if self._key(call) in self.rejected
        ]
        rejections = tuple(
            Rejection(i, bh.Reason.REJECTED_BY_HEAP, 400, "said Heap") for i in indexes
        )
        return Receipt(len(calls) - len(indexes), rejections)

    @staticmethod
    def _key(call: Call) -> str:
        return call.idempotency_key if isinstance(call, Track) else ""


class FixedReceiptSink(MemorySink):
    """A sink that always returns *receipt*."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__()
        self.receipt = receipt

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Return the receipt."""
        super().send(calls)
        return self.receipt


def down(times: int, retry_after: float | None = None) -> list[Exception | None]:
    """Return failures of a sink that is down for *times* attempts."""
    return [SinkUnavailable("down", retry_after)] * times


def click(event_id: str, **changes: Any) -> dict[str, Any]:
    """Return a Braze event."""
    return {
        "id": event_id,
        "event_type": "users.messages.email.Click",
        "time": 1700000000,
        "user": {"external_user_id": "jane"},
        "properties": {"link_alias": "hero"},
        **changes,
    }


class ManualClock:
    """A clock that advances only by `sleep`."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += seconds


Runner = Callable[..., Report]


def run_sync(source: Any, sink: Any, dead: DeadLetter, **options: Any) -> Report:
    """Run the sync pipeline."""
    options.setdefault("transformer", bh.Transformer())
    return Pipeline(sink=sink, dead_letter=dead, **options).run(source)


def run_async(source: Any, sink: Any, dead: DeadLetter, **options: Any) -> Report:
    """Run the async pipeline."""
    options.setdefault("transformer", bh.Transformer())
    if sleep := options.pop("sleep", None):

        async def asleep(seconds: float) -> None:
            sleep(seconds)

        options["sleep"] = asleep
    pipeline = AsyncPipeline(sink=ThreadedSink(sink), dead_letter=dead, **options)
    return asyncio.run(pipeline.run(source))


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Runner:
    """Return a function that runs a pipeline, sync or async."""
    chosen: Runner = request.param
    return chosen


MIXED = [
    click("good"),
    click("good"),
    click("rejected"),
    click("rejected"),
    click("rejected", time=1700000001),
    click("nobody", user={}),
    click("late", time=-1),
    "no object",
    click("shared", user={"external_user_id": "null"}),
]


def test_each_event_is_counted_once(run: Runner) -> None:
    """
    An event is delivered, skipped or dead-lettered; repeats count like their first.
    """
    dead = MemoryDeadLetter()

    report = run(MIXED, FailingSink("rejected"), dead)

    assert report == Report(
        received=9,
        delivered=2,
        skipped_by_reason={"no_identity": 1},
        dead_lettered_by_reason={
            "rejected_by_heap": 2,
            "duplicate_id_conflict": 1,
            "bad_time": 1,
            "not_an_object": 1,
            "bad_identity": 1,
        },
        repeated=2,
        calls=1,
    )
    assert report.received == report.delivered + report.skipped + report.dead_lettered
    assert str(report) == "9 events = 2 delivered + 1 skipped + 6 dead-lettered"
    assert len(dead.records) == 5


@pytest.mark.parametrize("form", ["bytes", "text", "object", "iterator", "typed"])
def test_run_accepts_every_source_type(run: Runner, form: str) -> None:
    """Counts of bodies, documents, streams and typed events add up."""
    good: Any = MIXED[:7]
    body = json.dumps({"events": good})
    sources: dict[str, Any] = {
        "bytes": body.encode(),
        "text": body,
        "object": {"events": good},
        "iterator": iter(good),
        "typed": [bh.parse_event(event) for event in good[:6]],
    }

    report = run(sources[form], FailingSink("rejected"), MemoryDeadLetter())

    assert report.received == report.delivered + report.skipped + report.dead_lettered
    assert report.dead_lettered_by_reason["rejected_by_heap"] == 2
    assert report.repeated == 2


def test_an_unreadable_body_is_one_record(run: Runner) -> None:
    """All bytes of the body are kept."""
    dead = MemoryDeadLetter()

    report = run(b'{"events": [', MemorySink(), dead)

    (record,) = dead.records.values()
    assert report.dead_lettered_by_reason == {"unreadable": 1}
    assert (record.original, record.format) == (b'{"events": [', "bytes")


def test_an_unavailable_sink_leaves_no_dead_letter(run: Runner) -> None:
    """The run raises, and nothing is in the dead letter."""
    dead = MemoryDeadLetter()

    with pytest.raises(SinkUnavailable) as caught:
        run(MIXED, FailingSink(failures=down(1, 9.0)), dead)

    assert caught.value.retry_after == 9.0
    assert dead.records == {}


def test_a_batch_without_calls_does_not_use_the_sink(run: Runner) -> None:
    """Rejected and skipped events are reported while the sink is down."""
    report = run(MIXED[5:], FailingSink(failures=down(1)), MemoryDeadLetter())

    assert (report.received, report.skipped, report.dead_lettered) == (4, 1, 3)


def test_patience_waits_and_retries(run: Runner) -> None:
    """A backfill sleeps as long as the sink asks, within its patience."""
    time = ManualClock()
    options: dict[str, Any] = {"clock": time, "sleep": time.sleep}
    sink = FailingSink(failures=down(3, 30.0))

    report = run([click("a")], sink, DISCARD, patience=100.0, **options)
    assert (report.delivered, time.now) == (1, 90.0)

    with pytest.raises(SinkUnavailable):
        run(
            [click("a")],
            FailingSink(failures=down(9)),
            DISCARD,
            patience=12.0,
            **options,
        )
    assert time.now == 100.0


def test_waiting_keeps_no_batch_alive() -> None:
    """Calls of failed attempts are freed without the garbage collector."""
    watched: list[weakref.ref[Call]] = []

    class Watching(MemorySink):
        def send(self, calls: Sequence[Call], /) -> Receipt:
            watched.extend(map(weakref.ref, calls))
            if len(watched) < 3:
                raise SinkUnavailable(retry_after=0.0)
            return Receipt(len(calls))

    options: dict[str, Any] = {"patience": 9.0, "sleep": lambda seconds: None}
    gc.disable()
    try:
        run_sync([click("a")], Watching(), DISCARD, **options)
        alive = [call for ref in watched if (call := ref()) is not None]
    finally:
        gc.enable()

    assert (len(watched), alive) == (3, [])


def test_a_full_dead_letter_raises(run: Runner) -> None:
    """The run raises, so the caller repeats the batch."""
    with pytest.raises(DeadLetterFull):
        run(MIXED, MemorySink(), MemoryDeadLetter(is_full=True))


def test_a_bug_in_a_dead_letter_raises_a_dead_letter_error(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """Any exception of a store becomes a `DeadLetterError` without its text."""

    class Broken(MemoryDeadLetter):
        def append(self, records: Sequence[DeadRecord], /) -> None:
            raise OSError("canary")

    seen: list[BatchDetails] = []
    with pytest.raises(DeadLetterError, match="OSError") as caught:
        run(MIXED, MemorySink(), Broken(), observers=[seen.append])

    assert [details.outcome for details in seen] == ["dead_letter"]
    assert "canary" not in caplog.text + str(caught.value)


def test_a_stop_iteration_is_an_error_like_any_other(run: Runner) -> None:
    """A `StopIteration` of a sink or a store does not end the generator or a future."""

    class Broken(MemoryDeadLetter):
        def append(self, records: Sequence[DeadRecord], /) -> None:
            raise StopIteration

    with pytest.raises(DeadLetterError):
        run(MIXED, MemorySink(), Broken())
    with pytest.raises(SinkUnavailable):
        run(MIXED, FailingSink(failures=[StopIteration()]), MemoryDeadLetter())


def test_a_rejected_event_with_the_same_id_is_not_a_repeat(run: Runner) -> None:
    """A rejected event is not counted again with a valid one that has its id."""
    batch = [click("a", time=0), click("a"), click("a")]

    report = run(batch, FailingSink("a"), MemoryDeadLetter())

    assert (report.received, report.delivered) == (3, 0)
    assert report.dead_lettered_by_reason == {"bad_time": 1, "rejected_by_heap": 2}


@pytest.mark.parametrize("form", [list, tuple, iter, lambda batch: {"events": batch}])
@pytest.mark.parametrize("named", [True, False])
def test_a_rejected_event_counts_with_its_repeats(
    run: Runner, form: Callable[[list[Any]], Any], named: bool
) -> None:
    """
    Repeats of a rejected event are counted in every form of batch, with or without ids.
    """
    batch = [click("a"), click("a"), click("b", time=1), click("b", time=1)]
    if not named:
        for event in batch:
            del event["id"]
    rejected = Rejection(0, bh.Reason.REJECTED_BY_HEAP, None, "said the sink")
    dead = MemoryDeadLetter()

    report = run(form(batch), FixedReceiptSink(Receipt(1, (rejected,))), dead)

    assert (report.received, report.delivered, report.repeated) == (4, 2, 2)
    assert report.dead_lettered_by_reason == {"rejected_by_heap": 2}
    assert [record.detail for record in dead.records.values()] == ["said the sink"]


@pytest.mark.parametrize(
    "form",
    [
        iter,
        tuple,
        lambda batch: {"events": batch},
        lambda batch: MappingProxyType({"events": batch}),
        lambda batch: json.dumps({"events": batch}),
        lambda batch: json.dumps({"events": batch}).encode(),
        lambda batch: bytearray(json.dumps({"events": batch}).encode()),
        lambda batch: memoryview(json.dumps(batch).encode()),
    ],
)
def test_a_single_batch_counts_the_repeats_of_a_rejected_event(
    form: Callable[[list[Any]], Any],
) -> None:
    """In every form that `Pipeline.run_batch` takes."""
    pipeline = Pipeline(bh.Transformer(), FailingSink("a"), DISCARD)

    report = pipeline.run_batch(form([click("a"), click("a"), click("b")])).report

    assert (report.received, report.delivered, report.repeated) == (3, 1, 1)
    assert report.dead_lettered_by_reason == {"rejected_by_heap": 2}


def test_counting_repeats_decodes_the_batch_once() -> None:
    """A thousand rejected events and one repeat do not cause a thousand decodings."""
    batch = [click(f"{n}") for n in range(1000)]
    body = json.dumps({"events": [*batch, batch[0]]}).encode()
    sink = FailingSink(*(event["id"] for event in batch))
    start = time.process_time()

    report = run_sync(body, sink, DISCARD)

    assert report.dead_lettered == 1001
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize("failure", [TypeError("canary"), OSError("canary")])
def test_a_bug_in_a_sink_raises_sink_unavailable(
    run: Runner, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Any exception of a sink becomes a `SinkUnavailable` without its text."""
    dead = MemoryDeadLetter()

    with pytest.raises(SinkUnavailable, match=type(failure).__name__) as caught:
        run(MIXED, FailingSink(failures=[failure]), dead)

    assert dead.records == {}
    assert "test_pipeline.py" in caplog.text
    assert "canary" not in caplog.text + str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt(0),
        Receipt(2),
        Receipt(0, (Rejection(1, "x"),)),
        Receipt(0, (Rejection(-1, "x"),)),
        Receipt(-1, (Rejection(0, "x"), Rejection(0, "x"))),
    ],
)
def test_invalid_receipt_raises(run: Runner, receipt: Receipt) -> None:
    """A receipt that does not add up is not a decision."""

    with pytest.raises(SinkUnavailable):
        run([click("a")], FixedReceiptSink(receipt), DISCARD)


def test_a_sink_without_success_for_72_hours_is_down() -> None:
    """Calls go to the dead letter before Braze disables the feed."""
    time, dead = ManualClock(), MemoryDeadLetter()
    sink = FailingSink(failures=down(75))
    pipeline = Pipeline(bh.Transformer(), sink, dead, clock=time)
    raised = 0
    for _ in range(72):
        with pytest.raises(SinkUnavailable):
            pipeline.run([click("a"), click("a"), click("b")])
        time.sleep(HOUR)
        raised += 1

    report = pipeline.run(
        [click("a"), click("a"), click("b"), click("nobody", user={})]
    )

    assert raised == 72
    assert report.dead_lettered_by_reason == {"sink_down": 3}
    assert (report.received, report.delivered, report.skipped) == (4, 0, 1)
    assert [record.reason for record in dead.records.values()] == ["sink_down"] * 2


def test_one_success_starts_the_72_hours_again() -> None:
    """Any success restarts the 72 hours."""
    time = ManualClock()
    failures = [*down(1), None, *down(1), *down(1)]
    pipeline = Pipeline(
        bh.Transformer(), FailingSink(failures=failures), DISCARD, clock=time
    )
    for is_down in (True, False, True, True):
        if is_down:
            with pytest.raises(SinkUnavailable):
                pipeline.run([click("a")])
        else:
            pipeline.run([click("a")])
        time.sleep(40 * HOUR)


@pytest.mark.parametrize(("gap", "fate"), [(6, "sink_down"), (7, "unavailable")])
def test_72_hours_need_attempts_all_the_time(gap: float, fate: str) -> None:
    """A gap of more than six hours between attempts restarts the 72 hours."""
    time = ManualClock()
    sink = FailingSink(failures=down(20))
    pipeline = Pipeline(bh.Transformer(), sink, DISCARD, clock=time)
    fates = []
    for _ in range(20):
        try:
            report = pipeline.run([click("a")])
        except SinkUnavailable:
            fates.append("unavailable")
        else:
            fates += report.dead_lettered_by_reason
        time.sleep(gap * HOUR)

    assert fates[-1] == fate
    assert fates[:12] == ["unavailable"] * 12


def test_a_batch_before_and_after_a_weekend_is_not_an_outage() -> None:
    """
    A feed that is idle for four days, with a failure on either side, loses nothing.
    """
    time = ManualClock()
    pipeline = Pipeline(
        bh.Transformer(), FailingSink(failures=down(2)), DISCARD, clock=time
    )
    for _ in range(2):
        with pytest.raises(SinkUnavailable):
            pipeline.run([click("a")])
        time.sleep(96 * HOUR)

    assert pipeline.run([click("a")]).delivered == 1


def test_a_long_attempt_is_not_a_gap() -> None:
    """An attempt that takes eight hours counts as continuous attempts."""
    time = ManualClock()

    class Slow(MemorySink):
        def send(self, calls: Sequence[Call], /) -> Receipt:
            time.sleep(8 * HOUR)
            raise SinkUnavailable("down")

    pipeline = Pipeline(bh.Transformer(), Slow(), DISCARD, clock=time)
    for _ in range(8):
        with pytest.raises(SinkUnavailable):
            pipeline.run([click("a")])

    assert pipeline.run([click("a")]).dead_lettered_by_reason == {"sink_down": 1}


def test_a_partly_rejected_event_counts_once(run: Runner) -> None:
    """An event with two calls, one of them rejected, is one dead letter."""
    mappers = bh.Mappers()

    @mappers.maps(CurrentsEvent)
    def twice(event: CurrentsEvent) -> list[bh.HeapEvent]:
        return [bh.HeapEvent("One"), bh.HeapEvent("Two")]

    transformer = bh.Transformer(mappers.registry())
    dead = MemoryDeadLetter()

    report = run(
        [click("a"), click("b")], FailingSink("a:2"), dead, transformer=transformer
    )

    assert (report.delivered, report.dead_lettered, report.calls) == (1, 1, 3)
    (record,) = dead.records.values()
    assert record.source() == click("a")


def test_user_properties_are_sent_in_order_of_event_time(run: Runner) -> None:
    """Properties of the newest event are sent last, because Heap's last write wins."""
    mappers = bh.Mappers()

    @mappers.maps(CurrentsEvent)
    def fact(event: CurrentsEvent) -> bh.HeapUserProperties:
        return bh.HeapUserProperties({"state": event.id})

    sink = MemorySink()
    events = [click("new", time=1700000002), click("old", time=1700000001)]

    run(events, sink, DISCARD, transformer=bh.Transformer(mappers.registry()))

    states = [
        call.properties["state"]
        for call in sink.calls
        if isinstance(call, AddUserProperties)
    ]
    assert states[-1] == "new"


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"patience": -1}, {"patience": float("nan")}]
)
def test_invalid_options_raise(options: dict[str, Any]) -> None:
    """Invalid and unknown options raise in the constructor."""
    with pytest.raises(ValueError, match=r"batch_size|patience"):
        Pipeline(bh.Transformer(), MemorySink(), DISCARD, **options)
    with pytest.raises(TypeError, match="no option 'pateince'"):
        Pipeline(bh.Transformer(), MemorySink(), DISCARD, pateince=1)


def test_streams_are_split_into_batches() -> None:
    """Each batch has a report; their sum is the report of the run."""
    seen: list[BatchDetails] = []
    pipeline = Pipeline(
        bh.Transformer(), MemorySink(), DISCARD, batch_size=100, observers=[seen.append]
    )

    reports = list(pipeline.batches(click(f"{n}") for n in range(250)))

    assert [report.received for report in reports] == [100, 100, 50]
    assert sum(reports, Report()).delivered == 250
    assert [details.report for details in seen] == reports


def test_observers_are_called_once_a_batch_and_may_raise(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Observers are called for each outcome; their exceptions are logged without text.
    """
    seen: list[BatchDetails] = []

    def broken(details: BatchDetails) -> None:
        raise ValueError("canary")

    observers = [broken, seen.append]
    run(MIXED, FailingSink("rejected"), DISCARD, observers=observers)
    with pytest.raises(SinkUnavailable):
        run(MIXED, FailingSink(failures=down(1, 3.0)), DISCARD, observers=observers)
    throttled = FailingSink(failures=[SinkUnavailable(throttled=True)])
    with pytest.raises(SinkUnavailable):
        run(MIXED, throttled, DISCARD, observers=observers)
    with pytest.raises(DeadLetterFull):
        run(MIXED, MemorySink(), MemoryDeadLetter(is_full=True), observers=observers)

    outcomes = [details.outcome for details in seen]
    assert outcomes == ["processed", "unavailable", "throttled", "dead_letter"]
    assert seen[1].retry_after == 3.0
    assert "ValueError" in caplog.text
    assert "canary" not in caplog.text


def test_observers_get_seconds_and_sink() -> None:
    """
    Seconds are measured by the clock, including waits; the sink is named by its class.
    """
    time, seen = ManualClock(), list[BatchDetails]()
    time.now = 100.0
    sink = FailingSink(failures=down(1, 3.0))
    options: Any = {"clock": time, "sleep": time.sleep, "observers": [seen.append]}

    Pipeline(bh.Transformer(), sink, DISCARD, patience=10, **options).run([click("a")])

    assert [(each.seconds, each.sink) for each in seen] == [(3.0, "FailingSink")]


def test_a_delivered_batch_is_logged_at_debug(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """A delivered batch is logged at DEBUG, one to repeat at WARNING."""
    caplog.set_level("DEBUG")

    run([click("a")], MemorySink(), DISCARD)
    with pytest.raises(SinkUnavailable):
        run([click("a")], FailingSink(failures=down(1)), DISCARD)

    told = [r for r in caplog.records if r.name == "braze_heap.pipeline"]
    levels = {vars(r)["braze_context"]["outcome"]: r.levelname for r in told}
    assert levels == {"processed": "DEBUG", "unavailable": "WARNING"}


def test_records_have_the_time_of_the_clock(run: Runner) -> None:
    """The time of a record is UTC, from the clock, never from the event."""
    dead = MemoryDeadLetter()

    run([click("a", time=0)], MemorySink(), dead, now=lambda: 1700000000.0)

    (record,) = dead.records.values()
    assert record.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_logs_contain_counts_and_no_values(
    run: Runner,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    dead_letter_at: Callable[..., SqliteDeadLetter],
) -> None:
    """Logs, also at DEBUG, contain reasons and numbers, but not values."""
    caplog.set_level("DEBUG")
    events = [
        click("a", user={"external_user_id": "canary"}, properties={"url": "canary"}),
        click("b", user={"external_user_id": ["canary"]}),
        click("c", time="canary"),
        "canary",
    ]
    store = dead_letter_at(tmp_path / "dead.db")

    run(events, FailingSink("a"), store)
    with pytest.raises(SinkUnavailable):
        run(events, FailingSink(failures=down(1)), store)

    store.close()
    told = [str(r.__dict__) for r in caplog.records if r.name.startswith("braze_heap")]
    assert "rejected_by_heap" in "".join(told)
    assert not [text for text in told if "canary" in text]


EVENTS = st.lists(
    st.one_of(
        st.builds(
            lambda name, time, user: click(
                name, time=time, user={"external_user_id": user}
            ),
            st.sampled_from("abcdef"),
            st.sampled_from([0, 1700000000, 1700000001, "x"]),
            st.sampled_from(["jane", "joe", None, "null", 7, True]),
        ),
        st.sampled_from([None, 1, [], {}, "x"]),
    ),
    max_size=12,
)


@given(EVENTS, st.sets(st.sampled_from("abcdef")), st.booleans())
def test_the_counts_of_any_batch_add_up(
    events: list[Any], rejected: set[str], is_down: bool
) -> None:
    """Counts of any batch with any rejections add up, and dead letters are stored."""
    dead = MemoryDeadLetter()
    sink = FailingSink(*rejected, failures=down(1) if is_down else ())
    try:
        report = run_sync(SentEvents(events), sink, dead)
    except SinkUnavailable:
        assert dead.records == {}
        report = run_sync(SentEvents(events), sink, dead)

    assert report.received == len(events)
    assert report.received == report.delivered + report.skipped + report.dead_lettered
    assert report.delivered >= 0
    assert (report.dead_lettered == 0) == (not dead.records)
    taken = {FailingSink._key(call) for call in sink.calls} - rejected
    dead_ids = {r.key.split(":")[0] for r in dead.records.values()}
    assert (taken & rejected) == set()
    assert {FailingSink._key(call) for call in sink.calls} & rejected <= dead_ids


def test_a_report_names_unknown_types_and_fields() -> None:
    """Unknown types and fields are counted by name, without values."""
    click = make_raw("users.messages.email.Click")
    click["properties"] |= {"link_color": "canary", "is_amp": "canary"}
    unknown = {**click, "id": "other", "event_type": "users.messages.email.Read"}
    pipeline = Pipeline(bh.Transformer(), MemorySink(), DISCARD)

    report = pipeline.run([click, unknown])

    assert report.unknown == {
        "users.messages.email.Click link_color": 1,
        "users.messages.email.Click is_amp": 1,
        "users.messages.email.Read": 1,
    }


def test_a_report_names_a_thousand_at_most() -> None:
    """The number of names is bounded; their sum is exact."""
    reports = [Report(unknown={f"{n}-{m}": 2 for m in range(700)}) for n in range(4)]

    total = sum(reports, Report()).unknown

    assert len(total) == 1_001
    assert sum(total.values()) == 5_600
    assert total["(others)"] == 3_600


def test_a_report_of_a_thousand_names_has_no_others() -> None:
    """A thousand names are all reported."""
    names = {f"{number}": 1 for number in range(1_000)}

    assert Report(unknown=names).unknown == names


def test_counts_of_a_report() -> None:
    """A line of a log, and a summary, have every outcome."""
    report = Report(4, 1, {"sampled": 1, "excluded": 1}, {"bad_time": 1})

    assert counts(report) == {
        "events": 4,
        "delivered": 1,
        "skipped": {"sampled": 1, "excluded": 1},
        "dead_lettered": {"bad_time": 1},
    }
    assert str(report) == "4 events = 1 delivered + 2 skipped + 1 dead-lettered"


def test_reports_logs_and_metrics_count_invalid_and_changed_values(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """Invalid values are counted by class, field and reason; adjustments by kind."""

    @bh.custom_event("Order")
    @attrs.define
    class Order:
        price: float

    registry = bh.DEFAULT_MAPPERS.add(Order, lambda order: None)
    order = make_raw("users.behaviors.CustomEvent", name="Order")
    order["properties"]["custom_properties"] = {"price": "1", "note": "x" * 2_000}
    metrics = Metrics()
    caplog.set_level("DEBUG", "braze_heap.pipeline")

    report = run(
        iter([order, {**order, "id": "other"}]),
        MemorySink(),
        DISCARD,
        transformer=bh.Transformer(registry),
        observers=[metrics],
        batch_size=1,
    )

    assert report.invalid == {("Order", "price", "text, not float"): 2}
    assert report.adjustments == {"truncated": 2}
    logged = vars(caplog.records[-1])["braze_context"]
    assert logged["seconds"] >= 0
    assert logged["invalid"] == {"Order.price: text, not float": 1}
    assert logged["adjustments"] == {"truncated": 1}
    lines = metrics.text().splitlines()
    labels = 'class="Order",field="price",reason="text, not float"'
    assert f"braze_heap_invalid_total{{{labels}}} 2.0" in lines
    assert 'braze_heap_adjustments_total{kind="truncated"} 2.0' in lines
    assert 'braze_heap_adjustments_total{kind="renamed"} 0.0' in lines


# --- What has to be read first --------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "events.jsonl",
        "s3://bucket/events.jsonl",
        Path("events.jsonl"),
        Path("s3://bucket/events.jsonl"),
        io.BytesIO(b"{}\n{}\n"),
    ],
    ids=["text", "URL", "path", "URL as path", "file"],
)
def test_files_are_not_events(run: Runner, source: Any) -> None:
    """A path, a URL or an open file raises with the advice to read it."""
    dead = MemoryDeadLetter()

    with pytest.raises(ValueError, match="read_events"):
        run(source, MemorySink(), dead)

    assert dead.records == {}


@pytest.mark.parametrize(
    "body", [b"events.jsonl", b'["a.jsonl"]', '{"id": "a/b.jsonl"}']
)
def test_input_of_a_sender_never_raises(run: Runner, body: Any) -> None:
    """A body or an element that is any text is rejected, and does not raise."""
    report = run(body, MemorySink(), MemoryDeadLetter())

    assert report.dead_lettered == 1


class NoInit(SinkUnavailable):
    """An error whose attributes are not set."""

    def __init__(self) -> None:
        pass


class BadPropertyError(DeliveryError):
    """An error whose attributes and text raise."""

    @property
    def retry_after(self) -> float:
        raise ZeroDivisionError

    context = "host"

    def __str__(self) -> str:
        raise ZeroDivisionError


ODD_ERRORS = [
    SinkUnavailable("x", retry_after="30"),  # type: ignore[arg-type]
    SinkUnavailable("x", retry_after=object()),  # type: ignore[arg-type]
    SinkUnavailable("x", retry_after=10**400),
    SinkUnavailable("x", retry_after=float("nan")),
    SinkUnavailable("x", context="host"),  # type: ignore[arg-type]
    SinkUnavailable("x", context={1: object(), "host": "h"}),  # type: ignore[dict-item]
    NoInit(),
    BadPropertyError(),
]


@pytest.mark.parametrize("error", ODD_ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_an_error_with_odd_attributes_is_reported_as_it_is(
    error: DeliveryError, patience: float, caplog: pytest.LogCaptureFixture
) -> None:
    """The sender gets it, and the log has one line."""
    clock = [0.0]

    def mapper(event: Any) -> Any:
        raise error

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    mappers = bh.Mappers()
    mappers.maps(EmailClick)(mapper)
    pipeline = Pipeline(
        bh.Transformer(mappers.registry()),
        MemorySink(),
        DISCARD,
        patience=patience,
        clock=lambda: clock[0],
        sleep=sleep,
    )
    with pytest.raises(type(error)):
        pipeline.run([make_raw(EmailClick)])

    assert [r.levelname for r in caplog.records] == ["WARNING"]


def test_attributes_of_an_error_have_their_types() -> None:
    """Numbers as text are numbers. What is not one counts as missing."""
    errors = [e for e in ODD_ERRORS if isinstance(e, SinkUnavailable)]

    assert [e.retry_after for e in errors] == [30.0, *[None] * 6]
    assert [dict(e.context) for e in errors] == [*[{}] * 5, {"host": "h"}, {}]
    assert str(errors[0]) == "x; send the batch again in 30 seconds"
    assert str(NoInit()) == "the sink could not decide; send the batch again later"


def test_a_store_of_your_own_says_what_is_full() -> None:
    """Its text is the message."""
    assert str(DeadLetterFull("the bucket is full")) == "the bucket is full"
