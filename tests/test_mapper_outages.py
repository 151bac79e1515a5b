"""
Tests of mappers whose lookups are down: nothing is decided, and nothing waits for ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap._outage import MAX_EVENTS, MapperOutages
from braze_heap.pipeline import Pipeline
from braze_heap.receiver import Receiver, Request
from braze_heap.sinks import MemorySink
from braze_heap.state import DISCARD
from tests.test_pipeline import (
    HOUR,
    ManualClock,
    MemoryDeadLetter,
    Runner,
    click,
    run_async,
    run_sync,
)


class Lookup:
    """A mapper that needs a lookup, which is down for some events or for all."""

    def __init__(self, *down_for: str, error: Exception | None = None) -> None:
        self.down_for = set(down_for)
        self.error = error
        self.calls: list[str] = []

    def __call__(self, event: bh.CurrentsEvent) -> bh.HeapEvent:
        """Map an event."""
        self.calls.append(event.id)
        if self.down_for & {event.id, "all"}:
            raise self.error or bh.SinkUnavailable("the CRM is down", 3)
        return bh.HeapEvent("Click")


def transformer_of(lookup: Callable[[Any], Any]) -> bh.Transformer:
    """Map clicks with *lookup*."""
    return bh.Transformer(
        bh.DEFAULT_MAPPERS.override("users.messages.email.Click", lookup)
    )


def run_until_decided(
    lookup: Lookup, *batches: list[Any], hours: float = 200, step: float = 0.5
) -> tuple[dict[str, int], float, MemoryDeadLetter]:
    """
    Send batches again and again as Braze does, each until it is decided.

    Returns:
        The dead-lettered events by reason, the hours until all is decided, the store.
    """
    time, dead = ManualClock(), MemoryDeadLetter()
    pipeline = Pipeline(transformer_of(lookup), MemorySink(), dead, clock=time)
    waiting, report = list(batches), bh.Report()
    while waiting and time.now <= hours * HOUR:
        for batch in list(waiting):
            try:
                report += pipeline.run(batch)
            except bh.DeliveryError:
                continue
            waiting.remove(batch)
        if waiting:
            time.sleep(step * HOUR)
    assert not waiting, "some batches were never decided"
    return dict(report.dead_lettered_by_reason), time.now / HOUR, dead


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Runner:
    """Give each way to run."""
    chosen: Runner = request.param
    return chosen


@attrs.frozen
class CrmError(bh.DeliveryError):
    """A team's own error, which cannot be changed."""

    retry_after: Any = None
    throttled: bool = False


@pytest.mark.parametrize("form", ["decoded", "typed", "bytes"])
@pytest.mark.parametrize(
    "error", [bh.DeliveryError("down"), bh.SinkUnavailable("down"), CrmError()]
)
def test_transform_raises_what_the_mapper_raised_and_names_the_event(
    form: str, error: Exception
) -> None:
    """The same error, with the type and the id of the event as a note."""
    batch: list[Any] = [click("a"), click("b")]
    sources: dict[str, Any] = {
        "decoded": batch,
        "typed": [bh.parse_event(event) for event in batch],
        "bytes": json.dumps({"events": batch}).encode(),
    }
    transformer = transformer_of(Lookup("b", error=error))

    for _ in range(3):
        with pytest.raises(bh.DeliveryError) as caught:
            transformer.transform(sources[form])

    assert caught.value is error
    assert caught.value.__notes__ == [
        "while mapping the event of type 'users.messages.email.Click', id 'b'"
    ]


@pytest.mark.parametrize("error", [ValueError(), OSError(), bh.EventError(())])
def test_transform_raises_nothing_else(error: Exception) -> None:
    """Any other exception of a mapper rejects its event alone."""
    result = transformer_of(Lookup("b", error=error)).transform(
        [click("a"), click("b")]
    )

    assert len(result.calls) == 1
    assert [rejected.reason for rejected in result.rejected] == ["mapper_error"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ExceptionGroup("lookups", [bh.SinkUnavailable("down")]), bh.SinkUnavailable),
        (
            ExceptionGroup("a", [KeyError(), ExceptionGroup("b", [MemoryError()])]),
            bh.DeliveryError,
        ),
        (MemoryError(), bh.DeliveryError),
    ],
)
def test_a_group_of_lookups_or_little_memory_is_undecided_too(
    error: Exception, raised: type[Exception]
) -> None:
    """The event is not at fault: the same may succeed later."""

    def derive(event: Any, payload: Any) -> Any:
        raise error

    for transformer in (
        transformer_of(Lookup("b", error=error)),
        bh.Transformer(derive=derive),
    ):
        with pytest.raises(raised):
            transformer.transform([click("a"), click("b")])


def test_a_generator_that_fails_halfway_is_undecided_too() -> None:
    """The error may come while payloads are fetched one by one."""

    def mapper(event: Any) -> Any:
        yield bh.HeapEvent("One")
        raise bh.DeliveryError("down")

    with pytest.raises(bh.DeliveryError):
        transformer_of(mapper).transform([click("a")])


def test_a_function_for_identity_may_be_down_too() -> None:
    """A lookup of the identity is a lookup."""

    def identify(event: Any) -> str:
        raise bh.SinkUnavailable("the CRM is down")

    with pytest.raises(bh.SinkUnavailable) as caught:
        bh.Transformer(identity=identify).transform([click("a")])

    assert "id 'a'" in caught.value.__notes__[0]


def test_a_pipeline_decides_nothing(run: Runner) -> None:
    """Nothing is sent and nothing is dead-lettered, not even what is malformed."""
    sink, dead = MemorySink(), MemoryDeadLetter()

    with pytest.raises(bh.DeliveryError):
        run(
            [click("a"), "no event", click("b")],
            sink,
            dead,
            transformer=transformer_of(Lookup("b")),
        )

    assert (sink.calls, dead.records) == ([], {})


def test_patience_is_for_mappers_too(run: Runner) -> None:
    """A pipeline that may wait asks the mapper again after the seconds it asks for."""
    time, lookup = ManualClock(), Lookup("all")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)
        if len(waits) == 3:
            lookup.down_for.clear()

    report = run(
        [click("a")],
        MemorySink(),
        DISCARD,
        transformer=transformer_of(lookup),
        clock=time,
        sleep=sleep,
        patience=60.0,
    )

    assert (report.delivered, waits) == (1, [3, 3, 3])


@pytest.mark.parametrize(
    ("error", "status", "after"),
    [
        (bh.SinkUnavailable("down", 7), 503, "7"),
        (bh.SinkUnavailable("too fast", 7, throttled=True), 429, "7"),
        (bh.DeliveryError("down"), 503, "5"),
        (CrmError(30, throttled=True), 429, "30"),
        (CrmError("soon"), 503, "5"),
    ],
)
def test_a_receiver_asks_braze_to_send_the_batch_again(
    error: Exception, status: int, after: str
) -> None:
    """503, or 429 for an error that is throttled, with the seconds that it asks for."""
    pipeline = Pipeline(
        transformer_of(Lookup("all", error=error)), MemorySink(), DISCARD
    )
    body = json.dumps({"events": [click("a")]}).encode()

    answer = Receiver(pipeline, "t").handle(
        Request("POST", {"Authorization": "Bearer t"}, body)
    )

    assert answer.status == status
    assert dict(answer.headers)["retry-after"] == after


def test_an_event_is_given_up_after_an_hour_if_its_mapper_works_for_others() -> None:
    """The rest of its batch is delivered then."""
    lookup = Lookup("bad")
    lost, hours, dead = run_until_decided(
        lookup, [click("bad"), click("good")], [click("other")]
    )
    assert (lost, hours) == ({"mapper_unavailable": 1}, 1)

    (record,) = dead.records.values()
    assert record.reason == "mapper_unavailable"
    assert "SinkUnavailable" in record.detail
    assert json.loads(record.original) == click("bad")


def test_an_event_is_given_up_even_if_its_batch_is_the_only_one() -> None:
    """After an hour the mapper is tried with the next event of the batch."""
    lost, hours, _ = run_until_decided(
        Lookup("bad"), [click("bad"), click("good"), click("bad")]
    )

    assert (lost, hours) == ({"mapper_unavailable": 2}, 1)


def test_events_that_fail_together_are_given_up_together() -> None:
    """A batch with many of them does not take an hour for each."""
    bad = [f"bad {number}" for number in range(40)]
    batch = [click(name) for each in bad for name in (each, f"good, not {each}")]

    lost, hours, _ = run_until_decided(Lookup(*bad), batch)

    assert (lost, hours) == ({"mapper_unavailable": 40}, 1)


def test_a_lookup_that_is_down_for_all_is_not_tried_for_all() -> None:
    """Five failures in a row are enough to send a batch again."""
    lookup = Lookup("all")
    pipeline = Pipeline(transformer_of(lookup), MemorySink(), DISCARD)

    with pytest.raises(bh.DeliveryError):
        pipeline.run([click(str(number)) for number in range(1000)])

    assert len(lookup.calls) == 5


def test_a_mapper_that_works_for_none_is_given_up_after_72_hours() -> None:
    """Each batch is dead-lettered after one attempt then."""
    lookup = Lookup("all")
    batches = [[click("a"), click("b")], [click("c")]]

    lost, hours, _ = run_until_decided(lookup, *batches)

    assert (lost, hours) == ({"mapper_unavailable": 3}, 72)
    assert lookup.calls[-2:] == ["a", "c"]


def test_72_hours_of_a_mapper_need_attempts_all_the_time() -> None:
    """After more than six hours without an attempt they start again."""
    with pytest.raises(AssertionError, match="never decided"):
        run_until_decided(Lookup("all"), [click("a")], step=7)


def test_a_mapper_that_comes_back_loses_nothing() -> None:
    """An outage of ten hours delays all events, and dead-letters none."""
    time, dead, lookup = ManualClock(), MemoryDeadLetter(), Lookup("all")
    pipeline = Pipeline(transformer_of(lookup), MemorySink(), dead, clock=time)
    for _ in range(20):
        for name in "abc":
            with pytest.raises(bh.DeliveryError):
                pipeline.run([click(name)])
        time.sleep(HOUR / 2)
    lookup.down_for.clear()

    reports = [pipeline.run([click(name)]) for name in "abc"]

    assert [report.delivered for report in reports] == [1, 1, 1]
    assert dead.records == {}


def test_other_mappers_do_not_prove_that_a_mapper_works() -> None:
    """Successes count for the mapper that had them alone."""
    lookup = Lookup("all")
    registry = bh.DEFAULT_MAPPERS.override("users.messages.email.Click", lookup)
    registry = registry.override(
        "users.messages.email.Open", lambda event: bh.HeapEvent("Open")
    )
    time = ManualClock()
    pipeline = Pipeline(bh.Transformer(registry), MemorySink(), DISCARD, clock=time)
    other = click("b", event_type="users.messages.email.Open")
    for _ in range(10):
        with pytest.raises(bh.DeliveryError):
            pipeline.run([other, click("a")])
        assert pipeline.run([other]).delivered == 1
        time.sleep(HOUR)


def test_failing_events_are_remembered_in_bounded_memory() -> None:
    """A new one is remembered as soon as an old one is not tried any more."""
    time = ManualClock()
    outages, mapper = MapperOutages(time), object()
    for number in range(MAX_EVENTS + 10):
        outages.failed(mapper, str(number))

    assert len(outages._events) == MAX_EVENTS
    time.sleep(7 * HOUR)
    outages.failed(mapper, "new")
    assert len(outages._events) == 1
