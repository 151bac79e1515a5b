"""Tests of user properties in order of time: in a batch, across batches, in a year."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap.events import CurrentsEvent
from braze_heap.exceptions import DeadLetterFull, LedgerError, SinkUnavailable
from braze_heap.heap.calls import AddUserProperties, Call, DeleteUser, Track
from braze_heap.pipeline import AsyncPipeline, Pipeline
from braze_heap.sinks import (
    Buffered,
    Filtered,
    JsonLinesSink,
    MemorySink,
    Receipt,
    Rejection,
    Tee,
    ThreadedSink,
)
from braze_heap.sinks._protocol import destination_of
from braze_heap.state import DISCARD, MemoryLedger, SqliteDeadLetter, purge
from braze_heap.testing import FakeHeap, make_raw
from braze_heap.testing.fake_heap import Poison

YEAR = 365 * 86_400
START = 1_700_000_000


def subscription(
    event_id: str, time: int, status: str = "Subscribed", user: str = "jane"
) -> dict[str, Any]:
    raw = make_raw(
        "users.behaviors.subscription.GlobalStateChange",
        id=event_id,
        time=time,
        channel="email",
        subscription_status=status,
    )
    raw["user"]["external_user_id"] = user
    return raw


def only_user_properties(**options: Any) -> bh.Transformer:
    """Return a transformer that sends the custom properties as user properties."""
    mappers = bh.Mappers()

    @mappers.maps(CurrentsEvent)
    def state(event: Any) -> bh.HeapUserProperties:
        return bh.HeapUserProperties(event.custom_properties)

    return bh.Transformer(mappers.registry(), **options)


def stating(
    event_id: str, time: float, user: str = "jane", **values: Any
) -> dict[str, Any]:
    raw = make_raw("users.behaviors.CustomEvent", id=event_id, time=time)
    raw["properties"]["custom_properties"] = values
    raw["user"]["external_user_id"] = user
    return raw


class Heap(MemorySink):
    """A sink with Heap's user properties, which rejects a call with a bad value."""

    def __init__(self, *bad: Any) -> None:
        super().__init__()
        self.bad = set(bad)
        self.people: dict[str, dict[str, Any]] = {}
        self.before: Callable[[Sequence[Call]], object] = lambda _: None

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Store the user properties; the last write wins."""
        self.before(calls)
        super().send(calls)
        rejections = []
        for index, call in enumerate(calls):
            if not isinstance(call, AddUserProperties):
                continue
            if self.bad.intersection(call.properties.values()):
                rejections.append(Rejection(index, "rejected_by_heap", 400))
            else:
                self.people.setdefault(call.identity, {}).update(call.properties)
        return Receipt(len(calls) - len(rejections), tuple(rejections))


def run_undecided(pipeline: Pipeline, sink: Heap, event: dict[str, Any]) -> None:
    """Run *event* while the sink is unavailable, so that its claims stay."""

    def die(_: object) -> None:
        sink.before = lambda _: None
        raise SinkUnavailable("gone")

    sink.before = die
    with pytest.raises(SinkUnavailable):
        pipeline.run([event])


def user_properties_of(sink: MemorySink) -> list[dict[str, Any]]:
    return [c.properties for c in sink.calls if isinstance(c, AddUserProperties)]


# One batch


def test_calls_carry_time_and_event_outside_of_request_and_equality() -> None:
    """Time and event id order user properties, and are no part of what is sent."""
    mapped = bh.Transformer().transform([subscription("e1", START)])
    call = mapped.calls[1]

    assert isinstance(call, AddUserProperties)
    assert (call.time, call.event_id, type(call.time)) == (START, "e1", float)
    assert call == AddUserProperties(call.identity, call.properties)
    assert call.to_dict().keys() == {"identity", "properties"}
    assert "e1" not in repr(call)
    assert str(START) not in repr(call)


@pytest.mark.parametrize("order", [1, -1])
def test_of_equal_times_the_greater_event_id_wins(order: int) -> None:
    """So the outcome does not depend on the order in a batch."""
    events = [stating("a", START, plan="A"), stating("b", START, plan="B")]

    mapped = only_user_properties().transform(events[::order])

    assert [c.to_dict()["properties"] for c in mapped.calls] == [{"plan": "B"}]
    assert [c.properties for c in mapped.outdated] == [{"plan": "A"}]
    assert [*mapped.outdated_origins] == [events[0]]


def test_the_exact_time_decides() -> None:
    """An event with milliseconds is newer than one of the same second."""
    late = make_raw("users.profile.Update", id="a", time_ms=START * 1000 + 500)
    early = make_raw("users.profile.Update", id="b", time_ms=START * 1000 + 400)
    for raw, country in (late, "late"), (early, "early"):
        raw["time"] = START
        raw["user"]["external_user_id"] = "jane"
        raw["properties"] |= {"country": country, "custom_attributes": None}

    mapped = bh.Transformer(personal_data="keep").transform([late, early])

    (call,) = [c for c in mapped.calls if isinstance(c, AddUserProperties)]
    assert call.properties["braze_country"] == "late"


@pytest.mark.parametrize("order", [1, -1])
def test_the_earliest_first_session_of_an_app_wins(order: int) -> None:
    """In a batch and across batches."""
    name = "braze_app_a1_first_session_at"
    events = [
        stating("a", START, **{name: "1"}),
        stating("b", START + 1, **{name: "2"}),
    ]
    sink = Heap()
    pipeline = Pipeline(only_user_properties(), sink, DISCARD)

    mapped = only_user_properties().transform(events[::order])
    for event in events[::order]:
        pipeline.run([event])

    assert [c.to_dict()["properties"] for c in mapped.calls] == [{name: "1"}]
    assert sink.people["jane"] == {name: "1"}


def test_an_event_of_which_nothing_is_sent_is_skipped() -> None:
    """Its repeats too. What was not sent of a delivered event is counted."""
    old, new = stating("a", START, plan="A"), stating("b", START + 1, plan="B")
    batch = [old, new, old]

    mapped = only_user_properties().transform(batch)
    report = Pipeline(only_user_properties(), Heap(), DISCARD).run(batch)
    shipped = bh.Transformer().transform(
        [subscription("a", 100), subscription("b", 200)]
    )

    assert [(s.reason, s.event_type, s.event_id) for s in mapped.skipped] == [
        ("outdated", "users.behaviors.CustomEvent", "a")
    ] * 2
    assert (report.delivered, report.skipped_by_reason) == (1, {"outdated": 2})
    assert (shipped.skipped, shipped.not_sent) == ([], {"outdated": 2})
    assert sum(isinstance(call, Track) for call in shipped.calls) == 2


# Across batches


def test_an_older_event_that_arrives_later_is_outdated() -> None:
    """Its user properties are not sent. It is skipped if it has no other call."""
    sink = Heap()
    pipeline = Pipeline(only_user_properties(), sink, DISCARD)
    pipeline.run([stating("new", START + 1, plan="new")])

    report = pipeline.run([stating("old", START, plan="old")] * 2)
    mixed = pipeline.run([stating("other", START, plan="old", city="Rome")])

    assert report.skipped_by_reason == {"outdated": 2}
    assert (mixed.delivered, mixed.not_sent) == (1, {"outdated": 1})
    assert sink.people["jane"] == {"plan": "new", "city": "Rome"}


def test_an_outdated_event_with_a_track_is_delivered() -> None:
    """The shipped mappers also track it."""
    sink = Heap()
    pipeline = Pipeline(bh.Transformer(), sink, DISCARD)
    pipeline.run([subscription("new", START + 1, "Unsubscribed")])

    report = pipeline.run([subscription("old", START)])

    assert (report.delivered, report.calls, report.not_sent) == (1, 1, {"outdated": 2})
    assert sink.people["jane"]["braze_email_subscription"] == "Unsubscribed"


def test_the_same_event_again_is_sent_again() -> None:
    """So a corrected mapper can correct a value."""
    sink = Heap()
    ledger = MemoryLedger()
    for value in ("wrong", "right"):
        pipeline = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)
        assert pipeline.run([stating("a", START, plan=value)]).delivered == 1

    assert sink.people["jane"] == {"plan": "right"}


def test_a_rejected_value_falls_back_to_the_newest_of_its_batch() -> None:
    """Only the event that stated it is dead-lettered, for that value alone."""
    sink = Heap("bad")
    batch = [
        stating("a", START, plan="A"),
        stating("b", START + 1, plan="bad", city="Rome"),
    ]
    report = Pipeline(only_user_properties(), sink, DISCARD).run(batch)

    assert sink.people["jane"] == {"plan": "A", "city": "Rome"}
    assert report.dead_lettered_by_reason == {"rejected_by_heap": 1}
    assert (report.delivered, report.skipped, report.not_sent) == (1, 0, {})


def test_a_rejected_value_falls_back_to_the_accepted_one() -> None:
    """An older statement that comes after it is outdated still."""
    sink = Heap("bad")
    pipeline = Pipeline(only_user_properties(), sink, DISCARD)
    pipeline.run([stating("b", START + 1, plan="B")])
    assert pipeline.run([stating("c", START + 2, plan="bad")]).dead_lettered == 1
    assert pipeline.run([stating("a", START, plan="A")]).skipped == 1

    assert sink.people["jane"] == {"plan": "B"}


def test_a_value_that_was_accepted_before_may_be_rejected() -> None:
    """It is not sent again and again."""
    sink = Heap()
    pipeline = Pipeline(only_user_properties(), sink, DISCARD)
    pipeline.run([stating("a", START, plan="A")])
    sink.bad = {"A"}

    assert pipeline.run([stating("a", START, plan="A")]).dead_lettered == 1
    assert pipeline.run([stating("older", START - 1, plan="Z")]).skipped == 1
    assert len(user_properties_of(sink)) == 2


def test_the_value_of_another_event_is_a_call_of_its_own() -> None:
    """If Heap rejects it, the event that carried it along is delivered."""
    sink = Heap("bad")
    ledger = MemoryLedger()
    pipeline = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)

    run_undecided(pipeline, sink, stating("new", START + 1, plan="bad"))
    report = pipeline.run([stating("old", START, plan="old", city="Rome")])

    assert (report.delivered, report.dead_lettered) == (1, 0)
    assert sink.people["jane"] == {"plan": "old", "city": "Rome"}
    first, *_ = user_properties_of(sink)
    assert first == {"city": "Rome"}
    assert {"plan": "bad"} in user_properties_of(sink)


def test_a_newer_statement_that_came_meanwhile_is_sent_last() -> None:
    """The write of another request may land before ours, and is repeated."""
    sink = Heap()
    ledger = MemoryLedger()
    slow = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)
    fast = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)

    def overtake(_: object) -> None:
        sink.before = lambda _: None
        fast.run([stating("new", START + 1, plan="new")])

    sink.before = overtake
    slow.run([stating("old", START, plan="old")])

    assert user_properties_of(sink) == [{"plan": v} for v in ("new", "old", "new")]


def test_properties_that_change_all_the_time_do_not_loop_forever() -> None:
    """After fifty rounds the batch is undecided."""
    sink = Heap()
    ledger = MemoryLedger()
    numbers = iter(range(1_000))

    def overtake(calls: Sequence[Call]) -> None:
        sink.before = lambda _: None
        fast = Pipeline(only_user_properties(), Heap(), DISCARD, ledger=ledger)
        number = next(numbers)
        fast.run([stating(f"{number}", START + 1 + number, plan=number)])
        sink.before = overtake

    sink.before = overtake
    pipeline = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)
    with pytest.raises(SinkUnavailable, match="changed 50 times"):
        pipeline.run([stating("old", START, plan="old")])


def test_a_deletion_covers_the_ledger() -> None:
    """After it, a person is new."""
    raw = make_raw("users.UserDeleteRequest", id="d", time=START + 2, user_id="u1")
    raw["user"] = {"user_id": "u1"}
    sink = Heap()
    ledger = MemoryLedger()
    transformer = bh.Transformer(identity="user_id", deletions=True)
    pipeline = Pipeline(transformer, sink, DISCARD, ledger=ledger)
    change = subscription("a", START + 1)
    change["user"]["user_id"] = "u1"
    pipeline.run([change])
    assert [key.identity for key, _ in ledger.read()] == ["u1", "u1"]

    pipeline.run([raw])

    assert [*ledger.read()] == []


def test_a_batch_with_user_properties_and_the_deletion_leaves_nothing() -> None:
    """The user properties are sent once, before the deletion."""
    raw = make_raw("users.UserDeleteRequest", id="d", time=START + 2)
    raw["user"] = {"user_id": "u1"}
    change = subscription("a", START + 1)
    change["user"]["user_id"] = "u1"
    ledger, sink = MemoryLedger(), Heap()
    transformer = bh.Transformer(identity="user_id", deletions=True)

    report = Pipeline(transformer, sink, DISCARD, ledger=ledger).run([change, raw])

    assert (report.delivered, report.calls, [*ledger.read()]) == (2, 3, [])


def test_a_sink_that_is_down_dead_letters_what_it_did_not_take() -> None:
    """A replay then delivers it, in order of time."""
    now = [0.0]

    def fail(_: object) -> None:
        raise SinkUnavailable("down")

    sink = Heap()
    sink.before = fail
    pipeline = Pipeline(
        only_user_properties(), sink, DISCARD, clock=lambda: now[0], now=lambda: now[0]
    )
    event = stating("a", START, plan="A", city="Rome")
    for now[0] in range(0, 72 * 3600, 3600):
        with pytest.raises(SinkUnavailable):
            pipeline.run([event])
    now[0] = 72 * 3600.0

    assert pipeline.run([event]).dead_lettered_by_reason == {"sink_down": 1}
    sink.before = lambda _: None
    assert pipeline.run([stating("older", START - 1, plan="Z")]).delivered == 1
    assert pipeline.run([event]).delivered == 1
    assert sink.people["jane"] == {"plan": "A", "city": "Rome"}


class Watching:
    """A ledger that counts its calls, and fails on demand."""

    def __init__(self) -> None:
        self.inner = MemoryLedger()
        self.threads: list[int] = []
        self.error: Exception | None = None

    def update(self, keys: Any, change: Any, /) -> None:
        """Count, and update."""
        self.threads.append(threading.get_ident())
        if self.error:
            raise self.error
        self.inner.update(keys, change)

    def read(self) -> Any:
        """Read."""
        return self.inner.read()

    def forget(self, identities: Any, /) -> None:
        """Forget."""
        self.inner.forget(identities)

    def close(self) -> None:
        """Do nothing."""


def test_without_user_properties_the_ledger_is_not_called() -> None:
    """With them it is called twice a batch."""
    ledger = Watching()
    pipeline = Pipeline(bh.Transformer(), MemorySink(), DISCARD, ledger=ledger)

    pipeline.run([make_raw("users.messages.email.Click"), {"id": "no event"}])
    assert ledger.threads == []
    pipeline.run([subscription(f"{n}", START, user=f"u{n}") for n in range(50)])
    assert len(ledger.threads) == 2


def test_an_async_pipeline_calls_the_ledger_in_a_thread() -> None:
    """The event loop is not blocked."""
    ledger = Watching()
    sink = Heap()
    pipeline = AsyncPipeline(
        only_user_properties(), ThreadedSink(sink), DISCARD, ledger=ledger
    )

    for event_id, at in (("new", START + 1), ("old", START)):
        asyncio.run(pipeline.run([stating(event_id, at, plan=event_id)]))

    assert sink.people["jane"] == {"plan": "new"}
    assert threading.get_ident() not in ledger.threads


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError(5, "x"), LedgerError), (DeadLetterFull(1), DeadLetterFull)],
)
def test_a_failing_ledger_leaves_the_batch_undecided(
    error: Exception, raised: type[Exception]
) -> None:
    """Nothing is sent before the claim."""
    ledger, sink = Watching(), Heap()
    ledger.error = error
    pipeline = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)

    with pytest.raises(raised):
        pipeline.run([stating("a", START, plan="A")])

    assert sink.calls == []


def test_a_claim_is_renewed_before_each_attempt() -> None:
    """So a pipeline with much patience cannot outlive its claim."""
    now = [0.0]
    claims: list[float] = []
    ledger, sink = MemoryLedger(), Heap()

    def fail_twice(_: object) -> None:
        claims.extend(at for _, e in ledger.read() for at in e.claims.values())
        if len(claims) < 3:
            raise SinkUnavailable("down", retry_after=3000.0)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    sink.before = fail_twice
    pipeline = Pipeline(
        only_user_properties(),
        sink,
        DISCARD,
        ledger=ledger,
        patience=86_400.0,
        clock=lambda: now[0],
        now=lambda: now[0],
        sleep=sleep,
    )
    pipeline.run([stating("a", START, plan="A")])

    assert claims == [0.0, 3000.0, 6000.0]


class Falsy(MemoryLedger):
    """A ledger that has a length, and is empty."""

    def __len__(self) -> int:
        return 0


def test_an_empty_ledger_is_used(tmp_path: Path) -> None:
    """By a pipeline and by a purge, whatever its truth value."""
    ledger = Falsy()
    pipeline = Pipeline(only_user_properties(), Heap(), DISCARD, ledger=ledger)
    assert pipeline.ledger is ledger
    pipeline.run([stating("a", START, plan="A")])

    assert purge(DISCARD, "jane", ledger).forgotten == 1


class Unnamed(Heap):
    """A sink that does not name its destination."""

    destination = None  # type: ignore[assignment]


async def _update(*_: Any) -> None: ...


class Forgetful(MemoryLedger):
    """A ledger that does not call the function."""

    def update(self, keys: Any, change: Any, /) -> None:
        """Do nothing."""


class Coroutines(MemoryLedger):
    """A ledger whose plain methods return coroutines."""

    update = forget = lambda *_: _update()  # type: ignore[assignment]


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("ledger", [Forgetful(), Coroutines()])
def test_a_ledger_that_does_nothing_leaves_the_batch_undecided(ledger: Any) -> None:
    """Its batch would be answered with 200, without its user properties."""
    sink = Heap()
    pipeline = Pipeline(bh.Transformer(), sink, DISCARD, ledger=ledger)

    with pytest.raises(LedgerError, match="the ledger raised TypeError"):
        pipeline.run([subscription("a", START, "Unsubscribed")])

    assert sink.calls == []


@pytest.mark.filterwarnings("ignore:coroutine")
def test_a_ledger_that_forgets_nothing_leaves_the_batch_undecided() -> None:
    """A purge raises, too."""
    ledger = MemoryLedger()
    ledger.forget = lambda _: _update()  # type: ignore[assignment, method-assign]
    pipeline = Pipeline(deleting(), Heap(), DISCARD, ledger=ledger)
    pipeline.run([subscription("a", START)])

    with pytest.raises(LedgerError, match="the ledger raised TypeError"):
        pipeline.run([deletion(START + 1)])
    with pytest.raises(TypeError, match="without await, but is async"):
        purge(DISCARD, "jane", ledger)


@pytest.mark.parametrize(
    ("sink", "ledger", "message"),
    [
        (Heap(), MemoryLedger, "needs a ledger, such as SqliteLedger"),
        (Heap(), [], "not a list"),
        (Unnamed(), MemoryLedger(), "give it an attribute destination"),
        (Heap(), type("Async", (), {"update": _update})(), "update is async"),
        (
            Heap(),
            type("Half", (MemoryLedger,), {"forget": _update})(),
            "forget is async",
        ),
    ],
)
def test_wiring_mistakes_raise(sink: Any, ledger: Any, message: str) -> None:
    """The constructor of the pipeline says what to do."""
    with pytest.raises(TypeError, match=message):
        Pipeline(bh.Transformer(), sink, DISCARD, ledger=ledger)


def test_a_trial_into_another_destination_suppresses_nothing(tmp_path: Path) -> None:
    """A ledger keeps each destination apart."""
    event, old = (
        stating("new", START + 1, plan="new"),
        stating("old", START, plan="old"),
    )
    with bh.SqliteLedger(tmp_path / "state.db") as ledger:
        with JsonLinesSink(tmp_path / "trial.jsonl") as trial:
            Pipeline(only_user_properties(), trial, DISCARD, ledger=ledger).run([event])
        sink = Heap()
        Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger).run([old])

    assert sink.people["jane"] == {"plan": "old"}


def test_destinations_name_kind_host_and_app(tmp_path: Path) -> None:
    """Wrappers have the destination of what they wrap."""
    with (
        bh.HeapSink("11", region="eu") as heap,
        JsonLinesSink(tmp_path / "a.jsonl") as file,
    ):
        memory = MemorySink()
        names = {
            destination_of(sink)
            for sink in (heap, Buffered(heap), ThreadedSink(heap), bh.HeapSink("11"))
        }
        assert names == {
            "heap https://c.eu.heap-api.com 11",
            "heap https://heapanalytics.com 11",
        }
        assert destination_of(file) == f"file {tmp_path / 'a.jsonl'}"
        assert destination_of(Tee(heap, memory)) == f"{heap.destination} + memory"
        named = Filtered(heap, bool, name="clicks")
        assert destination_of(named) == f"{heap.destination}, only clicks"
        assert destination_of(Filtered(heap, bool)) is None
        for unnamed in (Tee(heap, Unnamed()), Filtered(Unnamed(), bool), object()):
            assert destination_of(unnamed) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://HEAPANALYTICS.com",
        "https://heapanalytics.com:443",
        "HTTPS://heapanalytics.com/",
    ],
)
def test_each_spelling_of_a_host_is_one_destination(url: str) -> None:
    """As the region, which names the same host."""
    with bh.HeapSink("11") as by_region, bh.HeapSink("11", base_url=url) as by_url:
        assert by_url.destination == by_region.destination


def test_each_path_of_a_file_is_one_destination(tmp_path: Path) -> None:
    """Also through a link, and after the process has changed its directory."""
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    paths = "there/a.jsonl", "link/a.jsonl", "there/../there/a.jsonl"

    names = set()
    for path in paths:
        with JsonLinesSink(tmp_path / path) as sink:
            names.add(sink.destination)

    assert names == {f"file {tmp_path / 'there/a.jsonl'}"}


# Several destinations


class One(Heap):
    destination = "one"


class Two(Heap):
    destination = "two"


WRAPPERS: dict[str, Callable[[Heap], Any]] = {
    "tee": lambda sink: Tee(sink, MemorySink()),
    "filtered": lambda sink: Filtered(sink, lambda _: True),
    "buffered": lambda sink: Buffered(sink, seconds=0),
    "all": lambda sink: Buffered(
        Tee(MemorySink(), Filtered(Tee(sink), lambda _: True)), seconds=0
    ),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("is_wrapped_first", [True, False])
def test_a_wrapper_does_not_change_what_the_ledger_knows(
    wrap: Callable[[Heap], Any], is_wrapped_first: bool
) -> None:
    """A live service with a wrapper and a backfill without one share a ledger."""
    sink, ledger = One(), MemoryLedger()
    both = [wrap(sink), sink][:: 1 if is_wrapped_first else -1]
    for each, event in zip(
        both,
        [stating("new", START + 1, plan="new"), stating("old", START, plan="old")],
        strict=True,
    ):
        pipeline = Pipeline(only_user_properties(), each, DISCARD, ledger=ledger)
        pipeline.run([event])

    assert sink.people["jane"] == {"plan": "new"}


def test_each_sink_of_a_tee_keeps_the_newest_value_that_it_accepted() -> None:
    """One rejects a value, so only that one falls back. The event is dead-lettered."""
    one, two = One(), Two("bad")
    pipeline = Pipeline(only_user_properties(), Tee(one, two), DISCARD)
    pipeline.run([stating("a", START, plan="A", city="Rome")])
    report = pipeline.run([stating("b", START + 2, plan="bad", city="Oslo")])
    late = pipeline.run([stating("c", START + 1, plan="C", city="Bonn")])

    assert report.dead_lettered_by_reason == {"rejected_by_heap": 1}
    assert (late.delivered, late.not_sent) == (1, {"outdated": 1})
    assert one.people["jane"] == {"plan": "bad", "city": "Oslo"}
    assert two.people["jane"] == {"plan": "C", "city": "Oslo"}


def test_a_tee_sends_a_value_only_where_it_is_the_newest() -> None:
    """What one destination knows does not reach another one."""
    one, two, ledger = One(), Two(), MemoryLedger()
    for sink, event in [
        (one, stating("new", START + 1, plan="new")),
        (Tee(one, two), stating("old", START, plan="old")),
    ]:
        pipeline = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)
        assert pipeline.run([event]).delivered == 1

    assert (one.people["jane"], two.people["jane"]) == (
        {"plan": "new"},
        {"plan": "old"},
    )


def test_the_ledger_does_not_note_what_a_filter_leaves_out() -> None:
    """An older value that passes it is sent."""
    sink, ledger = One(), MemoryLedger()
    only_city = Filtered(sink, lambda call: "plan" not in call.properties)
    for each, event in [
        (only_city, stating("new", START + 1, plan="new")),
        (sink, stating("old", START, plan="old")),
    ]:
        pipeline = Pipeline(only_user_properties(), each, DISCARD, ledger=ledger)
        assert pipeline.run([event]).delivered == 1

    assert sink.people["jane"] == {"plan": "old"}


def is_track(call: Call) -> bool:
    return isinstance(call, Track)


@pytest.mark.parametrize("number", [1, 49, 50, 120])
def test_a_filter_costs_no_further_rounds(number: int) -> None:
    """What it leaves out is delivered, and no older value takes its place."""
    sink, sizes = One(), []
    sink.before = lambda calls: sizes.append(len(calls))
    events = [subscription(f"{n:03}", START + n) for n in range(number)]

    report = Pipeline(bh.Transformer(), Filtered(sink, is_track), DISCARD).run(events)

    assert (report.delivered, sizes) == (number, [number])


@pytest.mark.parametrize("is_in_tee", [False, True])
def test_an_outdated_value_does_not_replace_one_that_a_filter_leaves_out(
    is_in_tee: bool,
) -> None:
    """Neither of the batch nor of the ledger, also if another sink rejects it."""
    one, two, ledger = One(), Two("DE"), MemoryLedger()
    filtered = Filtered(one, lambda call: call.properties.get("country") != "DE")
    sink = Tee(two, filtered) if is_in_tee else filtered
    pipeline = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)
    pipeline.run([stating("a", START, country="FR", plan="A")])
    before = {key: entry for key, entry in ledger.read() if key.destination == "one"}
    one.people.clear()

    report = pipeline.run(
        [
            stating("b", START + 1, country="US", plan="B"),
            stating("c", START + 2, country="DE", plan="C"),
        ]
    )

    assert one.people == {}
    assert before.items() <= dict(ledger.read()).items()
    assert report.dead_lettered == int(is_in_tee)
    if is_in_tee:
        assert two.people["jane"] == {"country": "US", "plan": "C"}


@pytest.mark.parametrize("number", [49, 50, 60])
def test_any_number_of_rejected_values_is_dead_lettered(number: int) -> None:
    """The data of one person do not stop the feed. A replay tries the rest."""
    sink = Heap(*range(number))
    events = [stating(f"{n:03}", START + n, plan=n) for n in range(number)]
    others = [stating("other", START, "joe", plan="ok")]
    pipeline = Pipeline(only_user_properties(), sink, DISCARD)

    report = pipeline.run(events + others)

    assert report.dead_lettered_by_reason == {"rejected_by_heap": number}
    assert (report.delivered, sink.people) == (1, {"joe": {"plan": "ok"}})
    assert pipeline.run([stating("next", START - 1, plan="next")]).delivered == 1
    assert sink.people["jane"] == {"plan": "next"}


def test_many_rejected_values_do_not_stop_at_the_accepted_one() -> None:
    """It is sent again if the rest of the rounds suffices, and stays otherwise."""
    for number in (48, 49, 50, 51):
        sink = Heap(*range(number))
        pipeline = Pipeline(only_user_properties(), sink, DISCARD)
        pipeline.run([stating("a", START - 1, plan="A")])
        events = [stating(f"{n:03}", START + n, plan=n) for n in range(number)]

        assert pipeline.run(events).dead_lettered == number
        assert pipeline.run([stating("0", START - 2, plan="0")]).skipped == 1
        assert sink.people["jane"] == {"plan": "A"}


class Counting:
    """A wrapper of a team: it passes on the name, and nothing else."""

    def __init__(self, sink: Any) -> None:
        self.sink = sink

    @property
    def destination(self) -> str | None:
        """Destination of the sink inside."""
        return destination_of(self.sink)

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Pass on the calls."""
        receipt: Receipt = self.sink.send(calls)
        return receipt

    def close(self) -> None:
        """Do nothing."""


NESTED: dict[str, Callable[[Any, Any], Any]] = {
    "around": lambda one, two: Counting(Tee(one, two)),
    "buffered": lambda one, two: Buffered(Counting(Tee(one, two)), seconds=0),
    "inside": lambda one, two: Tee(MemorySink(), Counting(Tee(one, two))),
    "deep": lambda one, two: Tee(
        MemorySink(), Buffered(Counting(Tee(one, Counting(two))), seconds=0)
    ),
    "each": lambda one, two: Tee(Counting(one), Counting(Filtered(two, bool))),
}


@pytest.mark.parametrize("nest", NESTED.values(), ids=NESTED)
def test_a_wrapper_without_destinations_loses_nothing(
    nest: Callable[[Any, Any], Any],
) -> None:
    """The ledger knows it under one name, or does not know its name."""
    one, two, ledger = One(), Two("bad"), MemoryLedger()
    pipeline = Pipeline(only_user_properties(), nest(one, two), DISCARD)
    pipeline.ledger = ledger
    pipeline.run([stating("a", START, plan="A")])
    report = pipeline.run([stating("b", START + 1, plan="bad", city="Rome")])

    assert report.dead_lettered == 1
    assert two.people["jane"] == {"plan": "A", "city": "Rome"}
    assert one.people["jane"]["city"] == "Rome"


class Lying(Counting):
    destinations = frozenset(["three"])


def test_a_call_that_no_sink_of_a_tee_takes_is_not_lost() -> None:
    """The cause is the configuration."""
    call = AddUserProperties("jane", {"plan": "A"}, destinations=frozenset(["three"]))
    with pytest.raises(SinkUnavailable, match="that no sink of the Tee has") as raised:
        Tee(One(), Lying(Tee(Two()))).send([attrs.evolve(call, destinations={"four"})])
    assert raised.value.misconfigured
    with pytest.raises(SinkUnavailable, match="that no sink of the Tee has"):
        Tee(One(), Two()).send([call])


@pytest.mark.parametrize(
    "names", [["one"], {"one"}, ("one",), "one", frozenset([1]), 5]
)
def test_destinations_are_a_frozenset_of_texts(names: Any) -> None:
    """Otherwise the pipeline is not made."""
    sink = Counting(One())
    sink.destinations = names  # type: ignore[attr-defined]
    for wrap in (lambda each: each, Buffered, lambda each: Tee(Two(), each)):
        with pytest.raises(TypeError, match="must be a frozenset of the names"):
            Pipeline(bh.Transformer(), wrap(sink), DISCARD)


def test_a_sink_may_have_another_name_each_day() -> None:
    """Its name is read for each batch."""
    one, two = One(), Two()
    pipeline = Pipeline(only_user_properties(), Tee(one, two), DISCARD)
    pipeline.run([stating("a", START, plan="A")])
    one.destination = "one of tomorrow"

    assert pipeline.run([stating("b", START + 1, plan="B")]).delivered == 1
    assert pipeline.destination == "one of tomorrow + two"
    assert one.people == two.people == {"jane": {"plan": "B"}}


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_destination_gets_an_older_value_after_a_newer_one(data: Any) -> None:
    """Whatever sinks share the ledger, wrap each other, and reject values."""
    one, two = One(), Two()
    times: dict[str, list[int]] = {}
    for sink in one, two:
        written = times.setdefault(sink.destination, [])
        sink.before = lambda calls, sink=sink, written=written: written.extend(
            call.properties["plan"]
            for call in calls
            if call.properties["plan"] not in sink.bad
        )
        sink.bad = data.draw(st.sets(st.integers(0, 9), max_size=5))
    kept = data.draw(st.sets(st.integers(0, 9)))
    sinks = [
        one,
        two,
        Tee(one, two),
        Tee(Filtered(one, lambda call: call.properties["plan"] in kept), two),
        Buffered(Tee(two, Tee(one)), seconds=0),
    ]
    ledger = MemoryLedger()
    for _ in range(data.draw(st.integers(1, 8))):
        sink = data.draw(st.sampled_from(sinks))
        numbers = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=3))
        events = [stating(f"{n}", START + n, plan=n) for n in numbers]
        pipeline = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)
        report = pipeline.run(events)
        assert report.received == (
            report.delivered + report.skipped + report.dead_lettered
        )

    for written in times.values():
        assert written == sorted(written)


@pytest.mark.parametrize("seed", range(10))
def test_each_destination_ends_with_its_newest_value(seed: int) -> None:
    """Also if threads deliver to one or both, and sinks fail before or after."""
    rng, lock, ledger = random.Random(seed), threading.Lock(), MemoryLedger()

    class Flaky(Heap):
        def __init__(self, name: str) -> None:
            super().__init__(*rng.sample(range(30), 6))
            self.destination = name

        def send(self, calls: Sequence[Call], /) -> Receipt:
            """Raise, or send, or both."""
            if rng.random() < 0.1:
                raise SinkUnavailable("before")
            time.sleep(rng.random() / 1000)
            with lock:
                receipt = super().send(calls)
            time.sleep(rng.random() / 1000)
            if rng.random() < 0.1:
                raise SinkUnavailable("after")
            return receipt

    one, two = Flaky("one"), Flaky("two")
    sinks = [(one,), (two,), (one, two)]
    jobs = [(rng.choice(sinks), rng.sample(range(30), 2)) for _ in range(30)]

    def deliver(job: tuple[Sequence[Flaky], list[int]]) -> None:
        events = [stating(f"{n}", START + n, plan=n) for n in job[1]]
        pipeline = Pipeline(
            only_user_properties(), Tee(*job[0]), DISCARD, ledger=ledger
        )
        while True:
            with contextlib.suppress(SinkUnavailable):
                pipeline.run(events)
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, jobs))

    for sink in one, two:
        numbers = {n for targets, stated in jobs if sink in targets for n in stated}
        assert sink.people["jane"] == {"plan": max(numbers - sink.bad)}


class NoDeletions(Two):
    """A sink that rejects every deletion."""

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Send the others."""
        super().send(calls)
        rejections = tuple(
            Rejection(index, "no_deletions")
            for index, call in enumerate(calls)
            if isinstance(call, DeleteUser)
        )
        return Receipt(len(calls) - len(rejections), rejections)


def deletion(time: int) -> dict[str, Any]:
    raw = make_raw("users.UserDeleteRequest", id="d", time=time, user_id="u1")
    raw["user"] = {"user_id": "u1"}
    return raw


def deleting() -> bh.Transformer:
    return bh.Transformer(deletions=True, delete_identity=lambda _: "jane")


@pytest.mark.parametrize("order", [1, -1])
def test_the_ledger_forgets_a_person_whom_one_sink_of_a_tee_deleted(order: int) -> None:
    """The event is dead-lettered, because the other sink rejects the deletion."""
    ledger = MemoryLedger()
    sink = Tee(*[One(), NoDeletions()][::order])
    pipeline = Pipeline(deleting(), sink, DISCARD, ledger=ledger)
    pipeline.run([subscription("a", START)])

    assert pipeline.run([deletion(START + 1)]).dead_lettered == 1
    assert [*ledger.read()] == []


def test_the_ledger_keeps_a_person_whose_deletion_is_filtered() -> None:
    """Nobody was deleted."""
    ledger = MemoryLedger()
    sink = Filtered(One(), lambda call: not isinstance(call, DeleteUser))
    pipeline = Pipeline(deleting(), sink, DISCARD, ledger=ledger)
    pipeline.run([subscription("a", START), deletion(START + 1)])

    assert {key.identity for key, _ in ledger.read()} == {"jane"}


def test_nothing_of_a_person_follows_the_deletion_in_a_batch() -> None:
    """Also no value of another event, which is still on its way for all we know."""
    sink, ledger = One(), MemoryLedger()
    pipeline = Pipeline(deleting(), sink, DISCARD, ledger=ledger)

    run_undecided(pipeline, sink, subscription("new", START + 1, "Unsubscribed"))
    pipeline.run([deletion(START + 2), subscription("old", START)])

    kinds = [type(call) for call in sink.calls]
    assert kinds == [Track, AddUserProperties, DeleteUser]
    assert [*ledger.read()] == []


# Calls of a table


def test_calls_of_a_table_do_not_replace_newer_values() -> None:
    """They go through the ledger of the live service. A receipt counts each of them."""
    sink, ledger = Heap("bad"), MemoryLedger()
    live = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)
    live.run([stating("new", START + 1, plan="new")])
    table = [
        AddUserProperties("jane", {"plan": "old", "city": "Rome"}, time=START),
        Track("Click", "jane", "2023-11-14T22:13:20+00:00", "click", {}),
        AddUserProperties("joe", {"plan": "bad"}, time=START),
    ]

    receipt = live.send_calls(iter(table))

    assert receipt == Receipt(2, (Rejection(2, "rejected_by_heap", 400),))
    assert sink.people == {"jane": {"plan": "new", "city": "Rome"}}


def test_calls_with_user_properties_need_a_ledger() -> None:
    """The default one knows nothing of the live service. Events do not need it."""
    pipeline = Pipeline(bh.Transformer(), Heap(), DISCARD)
    click = Track("Click", "jane", "2023-11-14T22:13:20+00:00", "click", {})

    assert pipeline.send_calls([click]) == Receipt(1)
    with pytest.raises(ValueError, match="need the ledger of the live service"):
        pipeline.send_calls([AddUserProperties("jane", {"plan": "old"})])


def stated(**changes: Any) -> AddUserProperties:
    given = {"identity": "jane", "properties": {"plan": "A"}, "time": START}
    return AddUserProperties(**{**given, **changes})


INVALID_CALLS: dict[str, tuple[Any, type[Exception]]] = {
    "NaN": (stated(time=math.nan), ValueError),
    "infinite": (stated(time=math.inf), ValueError),
    "no time": (stated(time=0.0), ValueError),
    "before 1970": (stated(time=-1.0), ValueError),
    "milliseconds": (stated(time=START * 1000), ValueError),
    "datetime": (stated(time=datetime.now(UTC)), TypeError),
    "text": (stated(time="1700000000"), TypeError),
    "missing": (stated(time=None), TypeError),
    "bool": (stated(time=True), TypeError),
    "no id": (stated(event_id=None), TypeError),
    "number as id": (stated(event_id=5), TypeError),
    "number as identity": (stated(identity=5), TypeError),
    "deletion of nobody": (DeleteUser(None), TypeError),  # type: ignore[arg-type]
    "properties": (stated(properties=None), TypeError),
    "value": (stated(properties={"plan": None}), TypeError),
    "NaN as value": (stated(properties={"plan": math.nan}), ValueError),
    "destinations": (stated(destinations=frozenset(["two"])), ValueError),
    "dict": ({"a": 1}, TypeError),
    "str": ("x", TypeError),
    "None": (None, TypeError),
    "payload": (bh.HeapEvent("Click"), TypeError),
}


@pytest.mark.parametrize(("call", "error"), INVALID_CALLS.values(), ids=INVALID_CALLS)
def test_an_invalid_call_leaves_the_ledger_as_it_is(
    call: Any, error: type[Exception]
) -> None:
    """The message names its index. Nothing is sent."""
    sink, ledger = One(), MemoryLedger()
    live = Pipeline(only_user_properties(), sink, DISCARD, ledger=ledger)

    with pytest.raises(error, match=r"call 1\b"):
        live.send_calls([stated(), call])

    assert (sink.calls, [*ledger.read()]) == ([], [])
    for calls in None, 5, "x":
        with pytest.raises(TypeError, match="calls must be a list"):
            live.send_calls(calls)  # type: ignore[arg-type]


@pytest.mark.parametrize("call", [bh.HeapEvent("Click"), {"identity": "jane"}, "jane"])
def test_what_is_not_a_call_deletes_nobody(call: Any) -> None:
    """Heap deletes for good."""
    with (
        FakeHeap(app_id="11") as heap,
        bh.HeapSink("11", base_url=heap.url, allow_http=True, api_key="k") as sink,
    ):
        with pytest.raises(TypeError, match="Heap takes calls, not a"):
            sink.send([call])
        assert not heap.deleted


# A simulated year

STATUSES = ("Subscribed", "Unsubscribed", "Opted in", "Poisoned")


@st.composite
def years(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw events of a year that state user properties, some at the same second."""
    events = []
    for number in range(draw(st.integers(5, 40))):
        time = START + draw(st.integers(0, 20)) * YEAR // 20
        user = draw(st.sampled_from(["jane", "joe"]))
        status = draw(st.sampled_from(STATUSES))
        kind = draw(st.sampled_from(["global", "group", "bounce", "push", "complaint"]))
        event_id = f"{draw(st.integers(0, 999))}-{number}"
        raw = subscription(event_id, time, status, user)
        if kind == "push":
            raw["properties"]["channel"] = "push"
        elif kind != "global":
            event_type, values = {
                "group": (
                    "users.behaviors.subscriptiongroup.StateChange",
                    {"subscription_group_id": "g1", "subscription_status": status},
                ),
                "bounce": ("users.messages.email.Bounce", {}),
                "complaint": ("users.messages.email.MarkAsSpam", {}),
            }[kind]
            raw = make_raw(event_type, id=event_id, time=time, **values)
            raw["user"]["external_user_id"] = user
        events.append(raw)
    return events


class DyingSink(bh.HeapSink):
    """A Heap sink whose process seems to die before or after a request."""

    chance = random.Random()

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Raise, or send, or both."""
        fate = self.chance.random()
        if fate < 0.1:
            raise SinkUnavailable("died before")
        receipt = super().send(calls)
        if fate > 0.9:
            raise SinkUnavailable("died after")
        return receipt


def _is_bad(item: dict[str, Any]) -> bool:
    return "Poisoned" in item.get("properties", {}).values()


@pytest.fixture(scope="module")
def heaps() -> Iterator[tuple[FakeHeap, FakeHeap]]:
    with FakeHeap(rate_limits=False) as one, FakeHeap(rate_limits=False) as other:
        for heap in (one, other):
            heap.always(Poison(_is_bad, path="/api/add_user_properties"))
        yield one, other


@given(events=years(), seed=st.integers(0, 2**32))
@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # threads make shrinking slow and useless
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_year_in_any_order_ends_with_the_same_user_properties(
    heaps: tuple[FakeHeap, FakeHeap],
    tmp_path_factory: pytest.TempPathFactory,
    events: list[dict[str, Any]],
    seed: int,
) -> None:
    """
    Random order, concurrent requests, repeats, rejections, deaths, restarts, a replay
    and a backfill of the older half end with the user properties of the ordered year.
    """
    heap, ordered_heap = heaps
    heap.clear()
    ordered_heap.clear()
    rng = DyingSink.chance = random.Random(seed)
    ordered = sorted(events, key=lambda e: (e["time"], e["id"]))
    with bh.HeapSink("11", base_url=ordered_heap.url, allow_http=True) as sink:
        one_by_one = Pipeline(bh.Transformer(), sink, DISCARD)
        for event in ordered:
            one_by_one.run([event])

    path = tmp_path_factory.mktemp("year") / "state.db"
    arriving = [event for event in events for _ in range(rng.randrange(1, 3))]
    rng.shuffle(arriving)
    rest = arriving
    while rest:
        part, rest = rest[:20], rest[20:]
        batches = [part[n : n + 3] for n in range(0, len(part), 3)]
        _run_process(heap, path, batches)
    with (
        bh.HeapSink("11", base_url=heap.url, allow_http=True) as sink,
        SqliteDeadLetter(path) as store,
    ):
        pipeline = Pipeline(bh.Transformer(), sink, store, ledger=store.ledger)
        arrived = heap.people
        bh.replay(store, pipeline)
        old = ordered[: len(ordered) // 2]
        backfill = pipeline.run(iter(old))

    assert arrived == ordered_heap.people
    assert heap.people == ordered_heap.people
    assert heap.events.keys() == {event["id"] for event in events}
    assert backfill.received == len(old)


def _run_process(heap: FakeHeap, path: Path, batches: list[Any]) -> None:
    """Deliver *batches* in threads of one process, each until it is decided."""
    with (
        DyingSink("11", base_url=heap.url, allow_http=True) as sink,
        SqliteDeadLetter(path) as store,
        ThreadPoolExecutor(4) as pool,
    ):
        pipeline = Pipeline(bh.Transformer(), sink, store, ledger=store.ledger)

        def deliver(batch: Any) -> None:
            while True:
                try:
                    report = pipeline.run(batch)
                except SinkUnavailable:
                    continue
                assert report.received == (
                    report.delivered + report.skipped + report.dead_lettered
                )
                return

        list(pool.map(deliver, batches))
