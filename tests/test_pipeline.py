"""
Tests of the pipeline: the law of its reports, in fair weather and foul.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import io
import json
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap.events import CurrentsEvent
from braze_heap.exceptions import DeadLetterError, DeadLetterFull, SinkUnavailable
from braze_heap.heap.calls import AddUserProperties, Call, Track
from braze_heap.observers import BatchDetails
from braze_heap.pipeline import AsyncPipeline, Pipeline
from braze_heap.receiver._metrics import Metrics
from braze_heap.report import Report
from braze_heap.sinks import MemorySink, Receipt, Rejection, ThreadedSink
from braze_heap.state.dead_letters import (
    DISCARD,
    DeadLetter,
    DeadRecord,
    SqliteDeadLetter,
    replay,
)
from braze_heap.testing import make_raw

HOUR = 3600.0


class MemoryDeadLetter:
    """
    A store as a stranger would write it.
    """

    def __init__(self, *, is_full: bool = False) -> None:
        self.records: dict[str, DeadRecord] = {}
        self.is_full = is_full

    def append(self, records: Sequence[DeadRecord], /) -> None:
        """
        Keep them all, or none.
        """
        if self.is_full:
            raise DeadLetterFull(0)
        self.records |= {record.key: record for record in records}

    def read(self) -> Any:
        """
        Give a snapshot.
        """
        return iter(list(self.records.values()))

    def forget(self, keys: Iterable[str], /) -> None:
        """
        Remove some.
        """
        for key in keys:
            self.records.pop(key, None)

    def close(self) -> None:
        """
        Nothing to do.
        """


class FickleSink(MemorySink):
    """
    Refuses events by their id, and fails on demand.
    """

    def __init__(
        self, *refused: str, failures: Iterable[Exception | None] = ()
    ) -> None:
        super().__init__()
        self.refused = refused
        self.failures = iter(failures)

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Fail, or refuse some, or take all.
        """
        if failure := next(self.failures, None):
            raise failure
        super().send(calls)
        places = [i for i, call in enumerate(calls) if self._key(call) in self.refused]
        rejections = tuple(
            Rejection(i, bh.Reason.REJECTED_BY_HEAP, 400, "said Heap") for i in places
        )
        return Receipt(len(calls) - len(places), rejections)

    @staticmethod
    def _key(call: Call) -> str:
        return call.idempotency_key if isinstance(call, Track) else ""


class FixedSink(MemorySink):
    """
    Takes all, and says *receipt* whatever became of it.
    """

    def __init__(self, receipt: Receipt) -> None:
        super().__init__()
        self.receipt = receipt

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Take all.
        """
        super().send(calls)
        return self.receipt


def down(times: int, retry_after: float | None = None) -> list[Exception | None]:
    """
    Make a sink that is down so many times.
    """
    return [SinkUnavailable("down", retry_after)] * times


def click(event_id: str, **changes: Any) -> dict[str, Any]:
    """
    Make an event of Braze.
    """
    return {
        "id": event_id,
        "event_type": "users.messages.email.Click",
        "time": 1700000000,
        "user": {"external_user_id": "jane"},
        "properties": {"link_alias": "hero"},
        **changes,
    }


class Time:
    """
    A clock that only sleeping moves.
    """

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """
        Give seconds.
        """
        return self.now

    def sleep(self, seconds: float) -> None:
        """
        Let time go by.
        """
        self.now += seconds


Runner = Callable[..., Report]


def run_sync(source: Any, sink: Any, dead: DeadLetter, **options: Any) -> Report:
    """
    Run the sync pipeline.
    """
    options.setdefault("transformer", bh.Transformer())
    return Pipeline(sink=sink, dead_letter=dead, **options).run(source)


def run_async(source: Any, sink: Any, dead: DeadLetter, **options: Any) -> Report:
    """
    Run the async pipeline.
    """
    options.setdefault("transformer", bh.Transformer())
    if sleep := options.pop("sleep", None):

        async def asleep(seconds: float) -> None:
            sleep(seconds)

        options["sleep"] = asleep
    pipeline = AsyncPipeline(sink=ThreadedSink(sink), dead_letter=dead, **options)
    return asyncio.run(pipeline.run(source))


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Runner:
    """
    Give each way to run.
    """
    chosen: Runner = request.param
    return chosen


MIXED = [
    click("good"),
    click("good"),
    click("refused"),
    click("refused"),
    click("refused", time=1700000001),
    click("nobody", user={}),
    click("late", time=-1),
    "no object",
    click("shared", user={"external_user_id": "null"}),
]


def test_each_event_has_one_fate(run: Runner) -> None:
    """
    Delivered, skipped or dead-lettered; repeats share the fate of their first.
    """
    dead = MemoryDeadLetter()

    report = run(MIXED, FickleSink("refused"), dead)

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
    assert len(dead.records) == 5


@pytest.mark.parametrize("form", ["bytes", "text", "object", "iterator", "typed"])
def test_sources_in_every_form(run: Runner, form: str) -> None:
    """
    The law holds for bodies, documents, streams and typed events.
    """
    good: Any = MIXED[:7]
    body = json.dumps({"events": good})
    sources: dict[str, Any] = {
        "bytes": body.encode(),
        "text": body,
        "object": {"events": good},
        "iterator": iter(good),
        "typed": [bh.parse_event(event) for event in good[:6]],
    }

    report = run(sources[form], FickleSink("refused"), MemoryDeadLetter())

    assert report.received == report.delivered + report.skipped + report.dead_lettered
    assert report.dead_lettered_by_reason["rejected_by_heap"] == 2
    assert report.repeated == 2


def test_an_unreadable_body_is_one_record(run: Runner) -> None:
    """
    All its bytes are kept.
    """
    dead = MemoryDeadLetter()

    report = run(b'{"events": [', MemorySink(), dead)

    (record,) = dead.records.values()
    assert report.dead_lettered_by_reason == {"unreadable": 1}
    assert (record.original, record.coding) == (b'{"events": [', "bytes")


def test_an_unavailable_sink_leaves_no_trace(run: Runner) -> None:
    """
    The run raises, and nothing is in the dead letter.
    """
    dead = MemoryDeadLetter()

    with pytest.raises(SinkUnavailable) as caught:
        run(MIXED, FickleSink(failures=down(1, 9.0)), dead)

    assert caught.value.retry_after == 9.0
    assert dead.records == {}


def test_no_calls_need_no_sink(run: Runner) -> None:
    """
    What is rejected and skipped is settled while the sink is down.
    """
    report = run(MIXED[5:], FickleSink(failures=down(1)), MemoryDeadLetter())

    assert (report.received, report.skipped, report.dead_lettered) == (4, 1, 3)


def test_patience_waits_and_tries_again(run: Runner) -> None:
    """
    A backfill sleeps as long as the sink asks, within its patience.
    """
    time = Time()
    options: dict[str, Any] = {"clock": time, "sleep": time.sleep}
    sink = FickleSink(failures=down(3, 30.0))

    report = run([click("a")], sink, DISCARD, patience=100.0, **options)
    assert (report.delivered, time.now) == (1, 90.0)

    with pytest.raises(SinkUnavailable):
        run(
            [click("a")],
            FickleSink(failures=down(9)),
            DISCARD,
            patience=12.0,
            **options,
        )
    assert time.now == 100.0


def test_waiting_keeps_no_batch_alive() -> None:
    """
    What a failed attempt leaves is gone with its batch, not with the next collection.
    """
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


def test_a_full_dead_letter_is_ours(run: Runner) -> None:
    """
    The run raises; what the sink settled is repeated without harm.
    """
    with pytest.raises(DeadLetterFull):
        run(MIXED, MemorySink(), MemoryDeadLetter(is_full=True))


def test_a_bug_in_a_dead_letter_is_ours(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Whatever a store raises is told as its failure; its text is not shown.
    """

    class Broken(MemoryDeadLetter):
        def append(self, records: Sequence[DeadRecord], /) -> None:
            raise OSError("canary")

    seen: list[BatchDetails] = []
    with pytest.raises(DeadLetterError, match="OSError") as caught:
        run(MIXED, MemorySink(), Broken(), observers=[seen.append])

    assert [details.outcome for details in seen] == ["dead_letter"]
    assert "canary" not in caplog.text + str(caught.value)


def test_a_stop_iteration_stops_nothing(run: Runner) -> None:
    """
    It is an error of a sink or a store like any other; no future waits for it.
    """

    class Broken(MemoryDeadLetter):
        def append(self, records: Sequence[DeadRecord], /) -> None:
            raise StopIteration

    with pytest.raises(DeadLetterError):
        run(MIXED, MemorySink(), Broken())
    with pytest.raises(SinkUnavailable):
        run(MIXED, FickleSink(failures=[StopIteration()]), MemoryDeadLetter())


def test_a_rejected_namesake_is_no_repeat(run: Runner) -> None:
    """
    An event that cannot be read is not counted again with another one of its id.
    """
    batch = [click("a", time=0), click("a"), click("a")]

    report = run(batch, FickleSink("a"), MemoryDeadLetter())

    assert (report.received, report.delivered) == (3, 0)
    assert report.dead_lettered_by_reason == {"bad_time": 1, "rejected_by_heap": 2}


@pytest.mark.parametrize("form", [list, tuple, iter, lambda batch: {"events": batch}])
@pytest.mark.parametrize("named", [True, False])
def test_a_refused_event_is_lost_as_often_as_it_came(
    run: Runner, form: Callable[[list[Any]], Any], named: bool
) -> None:
    """
    In whatever form the batch came, and whether its events have ids or not.
    """
    batch = [click("a"), click("a"), click("b", time=1), click("b", time=1)]
    if not named:
        for event in batch:
            del event["id"]
    refused = Rejection(0, bh.Reason.REJECTED_BY_HEAP, None, "said the sink")
    dead = MemoryDeadLetter()

    report = run(form(batch), FixedSink(Receipt(1, (refused,))), dead)

    assert (report.received, report.delivered, report.repeated) == (4, 2, 2)
    assert report.dead_lettered_by_reason == {"rejected_by_heap": 2}
    assert [record.detail for record in dead.records.values()] == ["said the sink"]


def test_counting_repeats_reads_the_batch_once() -> None:
    """
    A thousand refused events beside one repeat cost no thousand decodings.
    """
    batch = [click(f"{n}") for n in range(1000)]
    body = json.dumps({"events": [*batch, batch[0]]}).encode()
    sink = FickleSink(*(event["id"] for event in batch))
    start = time.process_time()

    report = run_sync(body, sink, DISCARD)

    assert report.dead_lettered == 1001
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize("failure", [TypeError("canary"), OSError("canary")])
def test_a_bug_in_a_sink_is_ours(
    run: Runner, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Whatever a sink raises, the events stay with the caller; its text is not shown.
    """
    dead = MemoryDeadLetter()

    with pytest.raises(SinkUnavailable, match=type(failure).__name__) as caught:
        run(MIXED, FickleSink(failures=[failure]), dead)

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
def test_a_receipt_must_add_up(run: Runner, receipt: Receipt) -> None:
    """
    A sink that miscounts has not decided.
    """

    with pytest.raises(SinkUnavailable):
        run([click("a")], FixedSink(receipt), DISCARD)


def test_down_for_72_hours() -> None:
    """
    Then payloads go to the dead letter, before Braze gives the feed up.
    """
    time, dead = Time(), MemoryDeadLetter()
    sink = FickleSink(failures=down(75))
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
    """
    Only a sink without any success is down.
    """
    time = Time()
    failures = [*down(1), None, *down(1), *down(1)]
    pipeline = Pipeline(
        bh.Transformer(), FickleSink(failures=failures), DISCARD, clock=time
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
    """
    After more than six hours without an attempt the 72 hours start again.
    """
    time = Time()
    sink = FickleSink(failures=down(20))
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
    time = Time()
    pipeline = Pipeline(
        bh.Transformer(), FickleSink(failures=down(2)), DISCARD, clock=time
    )
    for _ in range(2):
        with pytest.raises(SinkUnavailable):
            pipeline.run([click("a")])
        time.sleep(96 * HOUR)

    assert pipeline.run([click("a")]).delivered == 1


def test_a_long_attempt_is_not_a_gap() -> None:
    """
    A sink that itself retries for eight hours tries all the time.
    """
    time = Time()

    class Slow(MemorySink):
        def send(self, calls: Sequence[Call], /) -> Receipt:
            time.sleep(8 * HOUR)
            raise SinkUnavailable("down")

    pipeline = Pipeline(bh.Transformer(), Slow(), DISCARD, clock=time)
    for _ in range(8):
        with pytest.raises(SinkUnavailable):
            pipeline.run([click("a")])

    assert pipeline.run([click("a")]).dead_lettered_by_reason == {"sink_down": 1}


def test_a_partly_refused_event_counts_once(run: Runner) -> None:
    """
    An event with two calls, one of them refused, is one dead letter.
    """
    mappers = bh.Mappers()

    @mappers.maps(CurrentsEvent)
    def twice(event: CurrentsEvent) -> list[bh.HeapEvent]:
        return [bh.HeapEvent("One"), bh.HeapEvent("Two")]

    transformer = bh.Transformer(mappers.registry())
    dead = MemoryDeadLetter()

    report = run(
        [click("a"), click("b")], FickleSink("a:2"), dead, transformer=transformer
    )

    assert (report.delivered, report.dead_lettered, report.calls) == (1, 1, 3)
    (record,) = dead.records.values()
    assert record.source() == click("a")


def test_user_properties_go_by_event_time(run: Runner) -> None:
    """
    Heap's last write wins, so the newest event of a batch speaks last.
    """
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
def test_wiring_fails_early(options: dict[str, Any]) -> None:
    """
    Options that make no sense are an error before the first event.
    """
    with pytest.raises(ValueError, match="batch_size"):
        Pipeline(bh.Transformer(), MemorySink(), DISCARD, **options)
    with pytest.raises(TypeError, match="no option 'pateince'"):
        Pipeline(bh.Transformer(), MemorySink(), DISCARD, pateince=1)


def test_streams_are_cut_into_batches() -> None:
    """
    A report a batch; together they are the report of the run.
    """
    seen: list[BatchDetails] = []
    pipeline = Pipeline(
        bh.Transformer(), MemorySink(), DISCARD, batch_size=100, observers=[seen.append]
    )

    reports = list(pipeline.batches(click(f"{n}") for n in range(250)))

    assert [report.received for report in reports] == [100, 100, 50]
    assert sum(reports, Report()).delivered == 250
    assert [details.report for details in seen] == reports


def test_observers_are_told_and_cannot_harm(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Every batch is told once, whatever became of it.
    """
    seen: list[BatchDetails] = []

    def broken(details: BatchDetails) -> None:
        raise ValueError("canary")

    observers = [broken, seen.append]
    run(MIXED, FickleSink("refused"), DISCARD, observers=observers)
    with pytest.raises(SinkUnavailable):
        run(MIXED, FickleSink(failures=down(1, 3.0)), DISCARD, observers=observers)
    throttled = FickleSink(failures=[SinkUnavailable(throttled=True)])
    with pytest.raises(SinkUnavailable):
        run(MIXED, throttled, DISCARD, observers=observers)
    with pytest.raises(DeadLetterFull):
        run(MIXED, MemorySink(), MemoryDeadLetter(is_full=True), observers=observers)

    outcomes = [details.outcome for details in seen]
    assert outcomes == ["processed", "unavailable", "throttled", "dead_letter"]
    assert seen[1].retry_after == 3.0
    assert "ValueError" in caplog.text
    assert "canary" not in caplog.text


def test_observers_get_the_time_it_took_and_where_it_went() -> None:
    """
    Seconds by the pipeline's own clock, waiting included; the class of the sink.
    """
    time, seen = Time(), list[BatchDetails]()
    time.now = 100.0
    sink = FickleSink(failures=down(1, 3.0))
    options: Any = {"clock": time, "sleep": time.sleep, "observers": [seen.append]}

    Pipeline(bh.Transformer(), sink, DISCARD, patience=10, **options).run([click("a")])

    assert [(each.seconds, each.sink) for each in seen] == [(3.0, "FickleSink")]


def test_what_went_well_is_no_warning(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A settled batch is told at DEBUG, one that is still the caller's as a warning.
    """
    caplog.set_level("DEBUG")

    run([click("a")], MemorySink(), DISCARD)
    with pytest.raises(SinkUnavailable):
        run([click("a")], FickleSink(failures=down(1)), DISCARD)

    told = [r for r in caplog.records if r.name == "braze_heap.pipeline"]
    levels = {vars(r).get("braze_outcome"): r.levelname for r in told}
    assert levels == {"processed": "DEBUG", "unavailable": "WARNING"}


def test_records_have_the_time_of_the_clock(run: Runner) -> None:
    """
    When an event was given up is told in UTC, and never read from the event.
    """
    dead = MemoryDeadLetter()

    run([click("a", time=0)], MemorySink(), dead, now=lambda: 1700000000.0)

    (record,) = dead.records.values()
    assert record.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_logs_hold_counts_and_no_values(
    run: Runner,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    dead_letter_at: Callable[..., SqliteDeadLetter],
) -> None:
    """
    At DEBUG too: reasons and numbers, nobody's name or link.
    """
    caplog.set_level("DEBUG")
    events = [
        click("a", user={"external_user_id": "canary"}, properties={"url": "canary"}),
        click("b", user={"external_user_id": ["canary"]}),
        click("c", time="canary"),
        "canary",
    ]
    store = dead_letter_at(tmp_path / "dead.db")

    run(events, FickleSink("a"), store)
    with pytest.raises(SinkUnavailable):
        run(events, FickleSink(failures=down(1)), store)

    store.close()
    told = [str(r.__dict__) for r in caplog.records if r.name.startswith("braze_heap")]
    assert "rejected_by_heap" in "".join(told)
    assert not [text for text in told if "canary" in text]


def test_replay_delivers_what_can_be_delivered(
    tmp_path: Path, dead_letter_at: Callable[..., SqliteDeadLetter]
) -> None:
    """
    Records leave when the sink settled them, and stay when they are refused again.
    """
    store = dead_letter_at(tmp_path / "dead.db")
    sink = FickleSink("a", "b")
    pipeline = Pipeline(bh.Transformer(), sink, store)
    pipeline.run([click("a"), click("b"), click("late", time=0), click("ok")])
    pipeline.run(b"no JSON")
    sink.refused = ("b",)

    report = store.replay(pipeline)

    assert report.received == 4
    assert (report.delivered, report.dead_lettered) == (1, 3)
    assert sorted(record.reason for record in store.read()) == [
        "bad_time",
        "rejected_by_heap",
        "unreadable",
    ]
    store.close()


def test_replay_leaves_the_damaged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    A damaged record stays, is counted and named, and keeps nobody back.
    """
    dead = MemoryDeadLetter()
    at = datetime(2024, 1, 1, tzinfo=UTC)
    bad = DeadRecord("bad", "bad_time", "", at, b"{", "json")
    zipped = DeadRecord("zipped", "unreadable", "", at, b"no gzip", "gzip")
    dead.append([bad, zipped, DeadRecord.of(click("a"), "bad_time", "", at)])

    report = replay(dead, Pipeline(bh.Transformer(), MemorySink(), dead))

    assert (report.received, report.delivered) == (3, 1)
    assert report.dead_lettered_by_reason == {"damaged_record": 1, "unreadable": 1}
    assert list(dead.records) == ["bad", "zipped"]
    assert "'bad' is damaged" in caplog.text


def test_replay_ends_with_a_store_that_appends_at_the_end() -> None:
    """
    What stays dead is not tried for ever.
    """

    class Queue(MemoryDeadLetter):
        appended = 0

        def append(self, records: Sequence[DeadRecord], /) -> None:
            self.appended += len(records)
            super().append(records)

        def read(self) -> Iterator[DeadRecord]:
            seen = 0
            while seen < self.appended:
                seen = self.appended
                yield from list(self.records.values())

    dead = Queue()
    pipeline = Pipeline(bh.Transformer(), FickleSink("a"), dead)
    pipeline.run([click("a")])

    assert replay(dead, pipeline, batch_size=1).received == 1


def test_replay_takes_each_body_by_itself_and_events_in_batches() -> None:
    """
    What could not be read once and can be read today is delivered, body by body.
    """
    dead = MemoryDeadLetter()
    at = datetime(2024, 1, 1, tzinfo=UTC)
    bodies = [json.dumps({"events": [click(name)]}).encode() for name in "ab"]
    dead.append([DeadRecord.of(body, "unreadable", "", at) for body in bodies])
    events = [click(f"{number}") for number in range(5)]
    dead.append([DeadRecord.of(event, "sink_down", "", at) for event in events])
    seen: list[BatchDetails] = []
    pipeline = Pipeline(bh.Transformer(), MemorySink(), dead, observers=[seen.append])

    assert replay(dead, pipeline, batch_size=2).delivered == 7

    reports = [details.report for details in seen]
    assert [report.received for report in reports if report] == [1, 1, 2, 2, 1]
    assert dead.records == {}


def test_replay_stops_when_the_sink_does(
    tmp_path: Path, dead_letter_at: Callable[..., SqliteDeadLetter]
) -> None:
    """
    What was not settled is still there.
    """
    store = dead_letter_at(tmp_path / "dead.db")
    sink = FickleSink("a")
    pipeline = Pipeline(bh.Transformer(), sink, store)
    pipeline.run([click("a")])
    sink.failures = iter(down(1))

    with pytest.raises(SinkUnavailable):
        store.replay(pipeline)

    assert store.stats().records == 1
    store.close()


def test_replay_works_with_any_store() -> None:
    """
    Another store needs three methods; another pipeline is an error.
    """
    dead = MemoryDeadLetter()
    sink = FickleSink("a")
    pipeline = Pipeline(bh.Transformer(), sink, dead)
    pipeline.run([click("a"), click("a", x=1)])
    sink.refused = ()

    replay(dead, pipeline, batch_size=1)

    assert dead.records == {}
    with pytest.raises(ValueError, match="this dead letter"):
        replay(MemoryDeadLetter(), pipeline)


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
def test_the_law(events: list[Any], refused: set[str], is_down: bool) -> None:
    """
    For any batch and any refusals the numbers add up, and the dead are on record.
    """
    dead = MemoryDeadLetter()
    sink = FickleSink(*refused, failures=down(1) if is_down else ())
    try:
        report = run_sync(events, sink, dead)
    except SinkUnavailable:
        assert dead.records == {}
        report = run_sync(events, sink, dead)

    assert report.received == len(events)
    assert report.received == report.delivered + report.skipped + report.dead_lettered
    assert report.delivered >= 0
    assert (report.dead_lettered == 0) == (not dead.records)
    taken = {FickleSink._key(call) for call in sink.calls} - refused
    dead_ids = {r.key.split(":")[0] for r in dead.records.values()}
    assert (taken & refused) == set()
    assert {FickleSink._key(call) for call in sink.calls} & refused <= dead_ids


def test_a_report_names_what_the_classes_do_not_know() -> None:
    """
    New types, new fields and values of another type are counted by name, never shown.
    """
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
    """
    Whoever makes up names without end fills no memory; the sum stays right.
    """
    reports = [Report(unknown={f"{n}-{m}": 2 for m in range(700)}) for n in range(4)]

    total = sum(reports, Report()).unknown

    assert len(total) == 1_001
    assert sum(total.values()) == 5_600
    assert total["(others)"] == 3_600


def test_a_report_of_a_thousand_names_has_no_others() -> None:
    """
    What fits is named.
    """
    names = {f"{number}": 1 for number in range(1_000)}

    assert Report(unknown=names).unknown == names


def test_reports_logs_and_metrics_count_invalid_and_changed_values(
    run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """
    By class, field and reason, and by kind of change; reports add up.
    """

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
    assert report.adjustments == {"cut": 2}
    logged = vars(caplog.records[-1])
    assert logged["braze_invalid"] == {"Order.price: text, not float": 1}
    assert logged["braze_adjustments"] == {"cut": 1}
    lines = metrics.text(0, 0, {}).splitlines()
    labels = 'class="Order",field="price",reason="text, not float"'
    assert f"braze_heap_invalid_total{{{labels}}} 2" in lines
    assert 'braze_heap_adjustments_total{kind="cut"} 2' in lines
    assert 'braze_heap_adjustments_total{kind="renamed"} 0' in lines


# --- What has to be read first --------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "events.jsonl",
        "s3://bucket/events.jsonl",
        Path("events.jsonl"),
        Path("s3://bucket/events.jsonl"),
        [Path("a.jsonl"), Path("b.jsonl")],
        io.BytesIO(b"{}\n{}\n"),
    ],
    ids=["text", "URL", "path", "URL as path", "paths", "file"],
)
def test_files_are_not_events(run: Runner, source: Any) -> None:
    """
    A path, a URL or an open file is no batch: the error says to read it.
    """
    dead = MemoryDeadLetter()

    with pytest.raises(ValueError, match=r"read_events|open binary file"):
        run(source, MemorySink(), dead)

    assert dead.records == {}


@pytest.mark.parametrize("body", [b"events.jsonl", ["a.jsonl"], '{"id": "a/b.jsonl"}'])
def test_what_a_sender_controls_raises_nothing(run: Runner, body: Any) -> None:
    """
    A body, and an element of a batch, is rejected whatever text it is.
    """
    report = run(body, MemorySink(), MemoryDeadLetter())

    assert report.dead_lettered == 1


def test_damage_of_files_is_kept_through_replay(tmp_path: Path) -> None:
    """
    Files that are damaged alike are two records, with name and offset; replay leaves
    them as they are, also if nothing could be read of the damage.
    """
    torn, cut = tmp_path / "torn.jsonl", tmp_path / "cut.jsonl.gz"
    line = json.dumps(click("good")).encode() + b"\n"
    torn.write_bytes(line + b'{"torn')
    (tmp_path / "torn-2.jsonl").write_bytes(line + b'{"torn')
    cut.write_bytes(gzip.compress(line)[:-4])
    with SqliteDeadLetter(tmp_path / "dead.db") as store:
        pipeline = Pipeline(bh.Transformer(), MemorySink(), store)
        for path in sorted(tmp_path.glob("*.jsonl*")):
            pipeline.run(bh.read_events(path))
        before = [*store.read()]

        report = replay(store, pipeline)

        assert [*store.read()] == before
    assert report.dead_lettered_by_reason == {"unreadable": 3}
    for path in (torn, cut, tmp_path / "torn-2.jsonl"):
        place = f"{path} is unreadable at byte {len(line)}: "
        assert sum(place in record.detail for record in before) == 1


def test_a_damage_that_can_be_read_today_is_delivered(tmp_path: Path) -> None:
    """
    A body that was unreadable once is replayed as its events.
    """
    body = json.dumps({"events": [click("one"), click("two")]}).encode()
    with SqliteDeadLetter(tmp_path / "dead.db") as store:
        store.append([DeadRecord.of(body, "unreadable", "x", datetime.now(UTC))])
        sink = MemorySink()

        report = replay(store, Pipeline(bh.Transformer(), sink, store))

        assert (report.delivered, [*store.read()]) == (2, [])
