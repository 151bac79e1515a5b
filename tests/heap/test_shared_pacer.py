"""A pacer of the user: its limit, its failures, and threads instead of the loop."""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap import AsyncHeapSink, HeapSink, LocalPacer, Ticket
from braze_heap.testing.fake_heap import FakeHeap, Stall, Status
from tests.heap.support import Clock, Deliver, track, tracks


class StoreDownError(Exception):
    """Error of the store of a pacer."""


class Recorder(LocalPacer):
    """A pacer that records its calls, and fails in some."""

    def __init__(self, *limits: int, failing: str = "") -> None:
        super().__init__(*limits)
        self.failing = failing
        self.calls: list[tuple[str, Any]] = []
        self.threads: set[int] = set()
        self.committed = threading.Event()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("room", "reserve", "wait", "commit", "refund"):
            return found

        def call(first: Any, now: float | None = None, /) -> Any:
            self.calls.append((name, now))
            self.threads.add(threading.get_ident())
            if name == "commit":
                self.committed.set()
            if name == self.failing:
                raise StoreDownError("redis://:secret@host")
            return found(first) if now is None else found(first, now)

        return call

    @property
    def names(self) -> list[str]:
        """Names of the called methods."""
        return [name for name, _ in self.calls]


def test_two_sinks_keep_one_limit(heap: FakeHeap) -> None:
    """A sink is throttled by what another one with the same pacer sent."""
    pacer = LocalPacer(1_500)
    options = {"base_url": heap.url, "allow_http": True, "pacer": pacer}
    with HeapSink("11", **options) as one, HeapSink("11", **options) as other:
        one.send(tracks(1_000))

        with pytest.raises(SinkUnavailable, match="the rate of the app") as caught:
            other.send([track(n) for n in range(1_000, 2_000)])

    assert caught.value.throttled
    assert len(heap.events) == 1_000


def test_a_pacer_gets_epoch_seconds_of_the_sink(heap: FakeHeap, shell: Deliver) -> None:
    """Each method gets the time of the option *now*, once for each request."""
    pacer = Recorder()

    shell(heap, tracks(1_500), pacer=pacer, now=lambda: 1.7e9, clock=Clock())

    assert pacer.calls == [("room", 1.7e9), ("reserve", 1.7e9), ("commit", 1.7e9)] * 2


@pytest.mark.parametrize("failing", ["room", "reserve", "wait"])
def test_failing_pacer_makes_the_sink_unavailable(
    heap: FakeHeap, shell: Deliver, failing: str
) -> None:
    """The error names pacer, cause and method, not its text. Nothing was sent."""
    pacer = Recorder(10, 1, failing=failing)

    with pytest.raises(SinkUnavailable) as caught:
        shell(heap, [track(1, "a"), track(2, "a")], pacer=pacer)

    error = caught.value
    assert str(error).startswith("the pacer, a Recorder, raises StoreDownError in")
    assert f"in {failing}: check the store" in str(error)
    assert "secret" not in str(error)
    assert error.context == {"error": "StoreDownError"}
    assert isinstance(error.__cause__, StoreDownError)
    assert len(heap.events) == (failing == "wait")


def test_batch_is_delivered_when_the_pacer_works_again(
    heap: FakeHeap, shell: Deliver
) -> None:
    """The same batch again delivers everything."""
    pacer = Recorder(failing="reserve")
    with pytest.raises(SinkUnavailable):
        shell(heap, tracks(10), pacer=pacer)
    pacer.failing = ""

    receipt = shell(heap, tracks(10), pacer=pacer)

    assert receipt.accepted == len(heap.events) == 10


@pytest.mark.parametrize("failing", ["commit", "refund"])
def test_error_after_the_answer_is_logged(
    heap: FakeHeap,
    shell: Deliver,
    caplog: pytest.LogCaptureFixture,
    failing: str,
) -> None:
    """Heap has decided, so the batch does not fail."""
    heap.script(Status(413))

    with caplog.at_level(logging.WARNING, "braze_heap"):
        receipt = shell(heap, tracks(2), pacer=Recorder(failing=failing))

    assert receipt.accepted == len(heap.events) == 2
    assert f"in {failing}: check the store" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("method", "result", "shown"),
    [
        ("room", {}, "a dict"),
        ("room", None, "None"),
        ("room", {"a": "5"}, "a dict"),
        ("reserve", None, "None"),
        ("reserve", {"a": 1}, "a dict"),
        ("reserve", -1.0, "-1.0"),
        ("reserve", 0.0, "0.0"),
        ("reserve", True, "True"),
        ("reserve", float("nan"), "nan"),
        ("reserve", float("inf"), "inf"),
        ("wait", Ticket({}), "a Ticket"),
        ("wait", "5", "a str"),
    ],
)
def test_wrong_result_of_a_pacer_is_a_configuration_error(
    heap: FakeHeap, method: str, result: object, shown: str
) -> None:
    """The error names the method and what it returned."""
    pacer = Recorder(10, 1)
    setattr(pacer, method, lambda first, now=None, /: result)
    options = {"base_url": heap.url, "allow_http": True, "pacer": pacer}

    with (
        HeapSink("11", **options) as sink,
        pytest.raises(SinkUnavailable, match=f"returns {shown} from {method}, ") as got,
    ):
        sink.send([track(1, "a"), track(2, "a")])

    assert got.value.misconfigured


class Lacking:
    limit = identity_limit = 10

    def room(self, identities: Any, now: Any) -> Any: ...
    def reserve(self, cost: Any, now: Any) -> Any: ...


class WithAsync(LocalPacer):
    async def reserve(self, cost: Any, now: Any) -> Any: ...  # type: ignore[override]


class WithoutNow(LocalPacer):
    def commit(self, ticket: Any) -> Any: ...  # type: ignore[override]


class WithText(LocalPacer):
    limit = "15000"  # type: ignore[assignment]

    def __init__(self) -> None:
        pass

    identity_limit = 5


class WithZero(WithText):
    limit = 0  # type: ignore[assignment]


@pytest.mark.parametrize("sink", [HeapSink, AsyncHeapSink])
@pytest.mark.parametrize(
    ("pacer", "error", "message"),
    [
        (LocalPacer, TypeError, r"pacer is the class LocalPacer: pass an instance"),
        (Lacking(), TypeError, r"pacer has no wait, commit, refund, but is a Lacking"),
        (5, TypeError, r"pacer has no limit, identity_limit, room, .* but is an int"),
        (WithAsync(), TypeError, r"pacer.reserve is async, .* write a plain function"),
        (WithoutNow(), TypeError, r"pacer.commit takes \(ticket: 'Any'\)"),
        (WithText(), TypeError, r"pacer.limit must be a whole number, not a str"),
        (WithZero(), ValueError, r"pacer.limit must be at least 1, not 0"),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_what_is_not_a_pacer_is_an_error_at_once(
    sink: Callable[..., Any], pacer: object, error: type[Exception], message: str
) -> None:
    """The constructor names the flaw."""
    with pytest.raises(error, match=message):
        sink("11", pacer=pacer)


@pytest.mark.parametrize("sink", [HeapSink, AsyncHeapSink])
@pytest.mark.parametrize("name", ["events_a_minute", "identity_events_a_minute"])
def test_limits_belong_to_the_pacer(sink: Callable[..., Any], name: str) -> None:
    """A limit beside a pacer is an error, even if it is Heap's."""
    with pytest.raises(ValueError, match=f"remove {name}, or set"):
        sink("11", pacer=LocalPacer(), **{name: 15_000})


@pytest.mark.parametrize("rate", ["5", 1.5, None])
def test_rate_is_an_int(rate: Any) -> None:
    """Another value is an error that names the argument."""
    with pytest.raises(TypeError, match=r"^events_a_minute must be a whole number"):
        LocalPacer(rate)


def test_local_pacer_describes_itself() -> None:
    """Its repr has the limits. It cannot be pickled, and the error says what to do."""
    pacer = LocalPacer(7, 5)

    assert repr(pacer) == "LocalPacer(events_a_minute=7, identity_events_a_minute=5)"
    with pytest.raises(TypeError, match="LocalPacer cannot be pickled or copied"):
        pickle.dumps(pacer)


def test_pacer_does_not_block_the_event_loop(heap: FakeHeap) -> None:
    """A pacer that waits for something of the event loop gets it."""
    free = threading.Event()

    class Blocking(LocalPacer):
        def reserve(self, *args: Any) -> Any:
            return super().reserve(*args) if free.wait(10) else None

    async def run() -> int:
        options = {"base_url": heap.url, "allow_http": True, "pacer": Blocking()}
        async with AsyncHeapSink("11", **options) as sink:
            sending = asyncio.create_task(sink.send([track(1)]))
            await asyncio.sleep(0.01)
            free.set()
            return (await sending).accepted

    assert asyncio.run(run()) == 1


def test_canceled_request_is_committed(heap: FakeHeap) -> None:
    """Heap may count a request whose task is canceled, so the pacer does, too."""
    heap.always(Stall(30))
    pacer = Recorder()

    async def run() -> None:
        options = {"base_url": heap.url, "allow_http": True, "pacer": pacer}
        async with AsyncHeapSink("11", **options) as sink:
            sending = asyncio.create_task(sink.send([track(1)]))
            while not heap.requests:
                await asyncio.sleep(0.01)
            sending.cancel()
            await asyncio.wait([sending])

    asyncio.run(run())

    assert pacer.committed.wait(10)
    assert pacer.names == ["room", "reserve", "commit"]
    assert threading.get_ident() not in pacer.threads


def test_reservation_is_refunded_if_nothing_was_sent(heap: FakeHeap) -> None:
    """A pacer that answers after the deadline gets its reservation back."""
    clock = Clock()

    class Slow(Recorder):
        def reserve(self, *args: Any) -> Any:
            clock.now += 60
            return super().reserve(*args)

    pacer = Slow()
    options = {"base_url": heap.url, "allow_http": True, "pacer": pacer}
    with (
        HeapSink("11", **options, clock=clock) as sink,
        pytest.raises(SinkUnavailable, match="the deadline of 10 s is over"),
    ):
        sink.send([track(1)])

    assert pacer.names == ["room", "reserve", "refund"]
    assert heap.requests == []


def test_canceled_sinks_leave_nothing_in_a_local_pacer(heap: FakeHeap) -> None:
    """A local pacer is called without a thread, so no reservation is lost."""
    clock, pacer = Clock(), LocalPacer(1)

    async def run() -> None:
        options = {"base_url": heap.url, "allow_http": True, "clock": clock}
        async with AsyncHeapSink("11", pacer=pacer, **options) as sink:
            sending = asyncio.create_task(sink.send([track(1)]))
            await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait([sending])

    asyncio.run(run())

    assert pacer.wait({"a": 1}, clock.now + 61.0) == 0.0
