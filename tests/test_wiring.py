"""Mistakes in what a program puts together raise while it does, not event by event."""

from __future__ import annotations

import asyncio
import collections
import functools
import io
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from prometheus_client import CollectorRegistry

import braze_heap as bh
from braze_heap import storage
from braze_heap._wiring import kind_of
from braze_heap.backfill import backfill
from braze_heap.events import EmailClick, EmailEvent, EmailOpen, PushOpen
from braze_heap.heap.calls import Call
from braze_heap.observers import BatchDetails
from braze_heap.observers.opentelemetry import OpenTelemetryObserver
from braze_heap.observers.prometheus import PrometheusObserver
from braze_heap.receiver import Limits, Request, Tokens
from braze_heap.receiver.asgi import ASGIReceiver
from braze_heap.receiver.aws_lambda import lambda_handler
from braze_heap.receiver.service import Metrics, Service
from braze_heap.receiver.wsgi import WSGIReceiver
from braze_heap.sinks import (
    Buffered,
    ConsoleSink,
    Filtered,
    Receipt,
    Sink,
    Tee,
    ThreadedSink,
)
from braze_heap.state import (
    UNKNOWN_TIME,
    DeadRecord,
    SqliteDeadLetter,
    SqliteState,
    SqlState,
    purge,
)
from braze_heap.testing import check_sink, make_event, make_raw
from braze_heap.wire import RawEvent


class KakaoSend(bh.CurrentsEvent, event_type="users.messages.kakao.Send"):
    """A class of a team's own, for a type that is newer than this version."""


@bh.custom_event("Order")
@attrs.define
class Order:
    price: float


def mapper(event: Any) -> bh.HeapEvent:
    return bh.HeapEvent("Mine")


class Awaitable:
    """What a plain function returns that hides an async one."""

    def __await__(self) -> Any:
        yield


class TheirSink:
    """A sink of a team: the protocol, and nothing of this package."""

    def send(self, calls: Sequence[Call], /) -> Receipt:
        return Receipt(len(calls))

    def close(self) -> None: ...

    def __enter__(self) -> TheirSink:
        return self

    def __exit__(self, *_: object) -> None: ...


class TheirAsyncSink:
    async def send(self, calls: Sequence[Call], /) -> Receipt:
        return Receipt(len(calls))

    async def close(self) -> None: ...

    async def __aenter__(self) -> TheirAsyncSink:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class TheirRetry(TheirAsyncSink):
    """Hands on what another sink returns: ``send`` is a plain method."""

    def send(self, calls: Sequence[Call], /) -> Any:
        return TheirAsyncSink().send(calls)


class Minimal:
    """Only what a pipeline calls."""

    def send(self, calls: Sequence[Call], /) -> Receipt:
        return Receipt(len(calls))


class MinimalAsync:
    async def send(self, calls: Sequence[Call], /) -> Receipt:
        return Receipt(len(calls))


class CallableSend:
    class Send:
        async def __call__(self, calls: Sequence[Call], /) -> Receipt:
            return Receipt(len(calls))

    def __init__(self) -> None:
        self.send = self.Send()


class NoForget:
    def update(self):
        pass


class AsyncDeadLetter:
    async def append(self, records: Sequence[DeadRecord], /) -> None: ...


class HiddenAsyncDeadLetter:
    """A plain method that returns a coroutine, which nobody awaits."""

    def append(self, records: Sequence[DeadRecord], /) -> Any:
        return Awaitable()


class AsyncObserver:
    async def __call__(self, details: BatchDetails, /) -> None: ...


class AsyncDoor:
    async def is_authorized(self, authorizations: Sequence[str], /) -> bool:
        return False


class HiddenAsyncDoor:
    def is_authorized(self, authorizations: Sequence[str], /) -> Any:
        return Awaitable()


def heap_sink() -> Any:
    return bh.HeapSink("11")


def async_heap_sink() -> Any:
    return bh.AsyncHeapSink("11")


def pipeline(**changes: Any) -> bh.Pipeline:
    given = {"transformer": bh.Transformer(), "sink": bh.MemorySink()}
    return bh.Pipeline(**{**given, "dead_letter": bh.DISCARD, **changes})


def async_pipeline(**changes: Any) -> bh.AsyncPipeline:
    sink = ThreadedSink(bh.MemorySink())
    given = {"transformer": bh.Transformer(), "sink": sink}
    return bh.AsyncPipeline(**{**given, "dead_letter": bh.DISCARD, **changes})


async def not_awaited(*_: object) -> Any: ...


@pytest.mark.parametrize(
    "sink",
    [TheirSink(), Minimal(), ConsoleSink(io.StringIO()), Tee(bh.MemorySink())],
    ids=kind_of,
)
def test_a_pipeline_takes_any_sync_sink(sink: Any) -> None:
    """The protocol decides, not the class."""
    assert pipeline(sink=sink).run(make_raw("users.messages.email.Click")).delivered

    with pytest.raises(TypeError, match=r"needs an async sink.*or ThreadedSink"):
        async_pipeline(sink=sink)


@pytest.mark.parametrize(
    "sink",
    [TheirAsyncSink(), TheirRetry(), MinimalAsync(), CallableSend()],
    ids=kind_of,
)
def test_an_async_pipeline_takes_any_async_sink(sink: Any) -> None:
    """The protocol decides, not the class."""
    event = make_raw("users.messages.email.Click")
    assert asyncio.run(async_pipeline(sink=sink).run(event)).delivered

    with pytest.raises(TypeError, match=r"is async: use .* or AsyncPipeline"):
        pipeline(sink=sink)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (
            lambda: pipeline(sink=async_heap_sink()),
            "such as HeapSink, or AsyncPipeline",
        ),
        (lambda: async_pipeline(sink=heap_sink()), "use AsyncHeapSink"),
        (lambda: async_pipeline(sink=bh.MemorySink()), r"ThreadedSink\(MemorySink"),
        (
            lambda: pipeline(sink=ThreadedSink(bh.MemorySink())),
            "or AsyncPipeline",
        ),
        (lambda: Tee(bh.MemorySink(), async_heap_sink()), "Tee needs a sync sink"),
        (lambda: Filtered(async_heap_sink(), bool), "Filtered needs a sync sink"),
        (lambda: Filtered(bh.MemorySink(), None), "keep must be a function"),
        (lambda: Filtered(bh.MemorySink(), not_awaited), "keep is async"),
        (lambda: Buffered(async_heap_sink()), "Buffered needs a sync sink"),
        (lambda: ThreadedSink(async_heap_sink()), "ThreadedSink needs a sync sink"),
        (lambda: pipeline(sink=bh.MemorySink), r"the class MemorySink: write Mem"),
        (
            lambda: pipeline(sink="heap:?app_id=11"),
            r"such as open_sink\(\.\.\.\), not a str",
        ),
        (lambda: pipeline(sink=None), "needs a sink, such as .*, not None"),
        (lambda: pipeline(sink=bh.DISCARD), "needs a sink"),
        (lambda: async_pipeline(sink=None), "needs an async sink, .*, not None"),
        (lambda: async_pipeline(sink="heap:"), r"such as AsyncHeapSink\(\.\.\.\), not"),
        (lambda: pipeline(ledger=NoForget()), "a NoForget, which has no method forget"),
        (lambda: pipeline(sleep={}), "sleep must be a function of seconds, not a dict"),
        (lambda: async_pipeline(sleep=0), "sleep is awaited, so .*, not an int"),
        (lambda: pipeline(dead_letter=None), "or DISCARD, which"),
        (
            lambda: pipeline(dead_letter="dead.db"),
            r"\(path\), .*, not a str",
        ),
        (lambda: pipeline(dead_letter=[]), "not a list"),
        (lambda: pipeline(dead_letter=bh.MemorySink()), "not a MemorySink"),
        (lambda: pipeline(dead_letter=bh.SqliteDeadLetter), "not the class Sqlite"),
        (lambda: pipeline(dead_letter=AsyncDeadLetter()), "append is async"),
        (lambda: async_pipeline(dead_letter=None), "or DISCARD, which"),
        (lambda: async_pipeline(dead_letter=AsyncDeadLetter()), "append is async"),
        (lambda: pipeline(transformer=bh.DEFAULT_MAPPERS), r"Transformer\(mappers\)"),
        (lambda: pipeline(transformer=bh.Mappers()), r"Transformer\(mappers\)"),
        (lambda: pipeline(transformer=bh.Transformer), "not the class Transformer"),
        (lambda: pipeline(transformer=bh.MemorySink()), "needs a Transformer first"),
        (lambda: async_pipeline(transformer=None), "needs a Transformer first"),
        (lambda: pipeline(observers=print), r"write \[observer\]"),
        (lambda: pipeline(observers=None), r"write \[observer\]"),
        (lambda: pipeline(observers=[AsyncObserver()]), "observer is async"),
        (lambda: pipeline(observers=[AsyncObserver]), r"write AsyncObserver\(\)"),
        (lambda: pipeline(observers=["x"]), "must be a function"),
        (lambda: pipeline(sleep=asyncio.sleep), "sleep is async"),
        (lambda: async_pipeline(sleep=time.sleep), "sleep is awaited"),
        (lambda: bh.HeapSink("11", sleep=asyncio.sleep), "sleep is async"),
        (lambda: bh.AsyncHeapSink("11", sleep=time.sleep), "sleep is awaited"),
        (lambda: pipeline(sink=(x for x in ())), "not a generator"),
        (lambda: pipeline(sink=Socket()), "not a Socket"),
        (lambda: Tee(sink for sink in [bh.MemorySink()]), "not a generator"),
        (lambda: pipeline(ledger={}), "not a dict"),
        (lambda: pipeline(dead_letter=collections.deque()), "not a deque"),
        (lambda: pipeline(transformer=TwoArguments()), r"TwoArguments.transform takes"),
        (lambda: pipeline(patiense=3), "Did you mean 'patience'"),
        (lambda: bh.Receiver(async_pipeline(), "t"), "use AsyncReceiver"),
        (lambda: bh.Receiver(bh.Transformer(), "t"), "needs a Pipeline"),
        (lambda: bh.Receiver("t", pipeline()), "needs a Pipeline"),
        (lambda: bh.Receiver(bh.Pipeline, "t"), "not the class Pipeline"),
        (lambda: bh.Receiver(None, "t"), "not None"),
        (lambda: bh.Receiver(pipeline(), None), "tokens=UNAUTHENTICATED"),
        (lambda: bh.Receiver(pipeline(), b"t"), "not a bytes"),
        (lambda: bh.Receiver(pipeline(), [b"t"]), "each token must be a string"),
        (lambda: bh.Receiver(pipeline(), Tokens), r"write Tokens\("),
        (lambda: bh.Receiver(pipeline(), AsyncDoor()), "is_authorized is async"),
        (lambda: bh.Receiver(pipeline(), {"feed": "secret"}), "not a dict"),
        (
            lambda: bh.Receiver(pipeline(), "t", limits={}),
            "must be Limits",
        ),
        (
            lambda: bh.AsyncReceiver(bh.Transformer(), "t"),
            "an AsyncPipeline",
        ),
        (lambda: bh.AsyncReceiver(pipeline(), "t", nosuch=1), "nosuch"),
        (lambda: bh.tracking_plan(bh.DEFAULT_MAPPERS), r"Transformer\(mappers\)"),
    ],
)
def test_a_wiring_mistake_raises_at_once(wire: Callable[[], Any], message: str) -> None:
    """The TypeError names what was given, and what to write."""
    with pytest.raises(TypeError, match=message):
        wire()


async def stream() -> Any:
    yield make_raw("users.messages.email.Click")


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (lambda: pipeline().run(stream()), "read without await.*async_generator"),
        (lambda: pipeline().run(Awaitable()), "read without await"),
        (lambda: asyncio.run(async_pipeline().run(stream())), "read without await"),
        (lambda: bh.replay(bh.DISCARD, async_pipeline()), "not an AsyncPipeline"),
        (lambda: bh.replay(bh.DISCARD, bh.Transformer()), "not a Transformer"),
        (lambda: check_sink(bh.MemorySink()), "write lambda: "),
        (lambda: bh.JsonLinesSink(None), "a path or a stream, not None"),
        (lambda: bh.open_sink(None), "needs a string, not None"),
        (lambda: bh.HeapSink("11", regoin="eu"), "Did you mean 'region'"),
        (lambda: bh.DEFAULT_MAPPERS.mapper_for("EmailClick"), "not a str"),
        (lambda: bh.DEFAULT_MAPPERS.explain("EmailClick"), "not a str"),
        (lambda: make_raw(5), "needs an event type, not an int"),
        (lambda: make_raw(EmailClick, only="url"), r"a list, not a str.*\[field\]"),
        (lambda: bh.replay(bh.DISCARD, pipeline(), force="no"), "True or False"),
        (lambda: run_backfill(progress=SqliteState), "state.progress, not the class"),
        (lambda: run_backfill(progress=None), "state.progress, not None"),
        (lambda: run_backfill(user_properties="no"), "True or False, not a str"),
        (lambda: purge(bh.DISCARD, "jane", pipeline()), "pipeline.ledger, not a Pipe"),
        (lambda: purge(bh.DISCARD, "jane", None), "ledgers, .*, not None"),
        (lambda: PrometheusObserver("x"), "a CollectorRegistry .*, not a str"),
        (lambda: OpenTelemetryObserver("x"), "a Meter of OpenTelemetry, not a str"),
        (lambda: storage.read("a.jsonl"), "read_events reads a path"),
        (lambda: list(storage.read_each("folder")), "must be a list, not a str"),
        (lambda: list(storage.read_each([Path("a")])), "not a PosixPath"),
        (lambda: make_event("users.messages.email.Click"), "an event class, not a str"),
    ],
)
def test_a_wrong_argument_of_a_call_raises(
    wire: Callable[[], Any], message: str
) -> None:
    """It is not taken for data, of which some is unreadable."""
    with pytest.raises(TypeError, match=message):
        wire()


class Socket(Minimal):
    def recv(self, size: int) -> bytes: ...


class TwoArguments:
    def transform(self, source: Any, other: Any) -> Any: ...


def run_backfill(**changes: Any) -> Any:
    return backfill("folder", pipeline(), **{"progress": None, **changes})


@pytest.mark.parametrize("text", ["cust-7", b"cust-7", Path("cust-7")], ids=kind_of)
@pytest.mark.parametrize("store", [SqliteState, lambda _: SqlState("sqlite:///sql.db")])
def test_one_text_is_not_a_list_of_its_letters(
    store: Callable[[str], Any], text: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """To forget ``cust-7`` would keep it, and forget the users ``c`` and ``7``."""
    monkeypatch.chdir(tmp_path)
    with store("state.db") as state:
        parts = [bh.MemoryLedger(), state.ledger, state.dead_letter]
        for part in parts:
            with pytest.raises(TypeError, match=r"must be a list, not .*: write \["):
                part.forget(text)
            part.forget(each for each in [])


@pytest.mark.parametrize("entry", ["cust-21\n", " cust-21", "cust-21 ", "", " \n"])
def test_a_suppressed_identity_without_an_equal_raises(entry: str) -> None:
    """Lines of a file end in a line break, which no identity has."""
    with pytest.raises(ValueError, match=r"line\.strip\(\)"):
        bh.Transformer(suppress={"cust-1", entry})


CLICK = make_raw("users.messages.email.Click")
JSON_VALUES: dict[str, Any] = {
    "lines": [json.dumps(CLICK), json.dumps(CLICK)],
    "bodies": [json.dumps({"events": [CLICK]})],
    "decoded bodies": [{"events": [CLICK]}],
    "batches": [[CLICK], [CLICK]],
    "names of files": ["a.jsonl", "b.jsonl"],
    "URLs": ["s3://bucket/key"],
    "lines of CSV": ["id,time", "1,2"],
}
"""What a sender may send in a body."""

NOT_EVENTS: dict[str, Any] = {
    "encoded lines": [json.dumps(CLICK).encode()],
    "paths": {Path("a.jsonl")},
    "a path and a number": [5, Path("a")],
    "objects of a store": [storage.StoredObject("s3://bucket/a", 5)],
    "objects with events": [(storage.StoredObject("s3://bucket/a", 5), iter([CLICK]))],
    "typed batches": [[make_event(EmailClick)]],
    "generators": [iter([CLICK])],
    "items": {"a": CLICK}.items(),
    "calls": bh.Transformer().transform(CLICK).calls,
    "a result": bh.Transformer().transform(CLICK),
    "a dead letter": [DeadRecord.of(CLICK, "", "", UNKNOWN_TIME)],
}


RUNS: dict[str, Callable[[Any], Any]] = {
    "run": lambda source: pipeline().run(source),
    "iterator": lambda source: pipeline().run(
        iter([source] if no_list(source) else source)
    ),
    "run_batch": lambda source: pipeline().run_batch(source),
    "async": lambda source: asyncio.run(async_pipeline().run(source)),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("source", JSON_VALUES.values(), ids=JSON_VALUES)
def test_a_pipeline_does_not_take_json_values_for_events(
    run: Callable[[Any], Any], source: Any
) -> None:
    """Otherwise all of it would become dead letters. A transformer rejects them."""
    with pytest.raises(TypeError, match="an event is a dict, not "):
        run(source)

    assert len(bh.Transformer().transform(source).rejected) == len(source)


@pytest.mark.parametrize(
    "run", [bh.Transformer().transform, *RUNS.values()], ids=["transform", *RUNS]
)
@pytest.mark.parametrize("source", NOT_EVENTS.values(), ids=NOT_EVENTS)
def test_a_source_without_an_event_raises(
    run: Callable[[Any], Any], source: Any
) -> None:
    """Otherwise all of it would become dead letters."""
    with pytest.raises(TypeError, match="an event is a dict, not "):
        run(source)


class WithoutTests:
    """A wrapper of a team: it leaves out test users, and copies the events."""

    def transform(self, source: Any, *, outages: Any = None) -> bh.TransformResult:
        events = [e for e in source if not (isinstance(e, dict) and e.get("test"))]
        return bh.Transformer().transform(events, outages=outages)


@pytest.mark.parametrize(
    "sent",
    [*JSON_VALUES.values(), [{"events": []}], [[{"id": "1"}]], ["x", None, 5, []]],
)
def test_a_wrapper_of_the_transformer_takes_what_a_sender_sent(sent: Any) -> None:
    """Braze repeats what is not answered with 200, so it would be sent forever."""
    there = pipeline(transformer=WithoutTests())
    body = json.dumps({"events": sent}).encode()
    request = Request("POST", {"Authorization": "Bearer t"}, body)

    assert bh.Receiver(there, "t").handle(request).status == 200


def test_a_cursor_over_lines_raises() -> None:
    """As a list of them, and it is read once."""

    class Cursor:
        def __iter__(self) -> Any:
            return iter(JSON_VALUES["lines"])

    for run in pipeline().run, pipeline().run_batch:
        with pytest.raises(TypeError, match="as with map"):
            run(Cursor())


def test_a_source_that_can_be_read_once_is_read_once() -> None:
    """A cursor of a database is iterable, but neither an iterator nor a list."""

    class Cursor:
        def __init__(self) -> None:
            self.rows = iter([CLICK])

        def __iter__(self) -> Any:
            return self.rows

    assert pipeline().run(Cursor()).delivered == 1
    assert asyncio.run(async_pipeline().run(Cursor())).delivered == 1


def no_list(source: Any) -> bool:
    return isinstance(source, bh.TransformResult)


@pytest.mark.parametrize("entry", [*JSON_VALUES["lines"], Path("a"), [CLICK], "x", 5])
def test_an_odd_entry_beside_an_event_is_rejected_alone(entry: Any) -> None:
    """One bad event changes no other one."""
    report = pipeline().run([entry, CLICK])

    assert (report.delivered, report.dead_lettered) == (1, 1)


def test_a_sender_may_send_what_a_program_may_not(tmp_path: Path) -> None:
    """A body is rejected event by event, and so is its replay; neither raises."""
    body = {"events": [json.dumps(CLICK), [CLICK]]}
    dead = SqliteDeadLetter(tmp_path / "dead.db")
    there = pipeline(dead_letter=dead)
    request = Request("POST", {"Authorization": "Bearer t"}, json.dumps(body).encode())

    assert bh.Receiver(there, "t").handle(request).status == 200
    assert there.run(json.dumps(body)).dead_lettered == 2
    assert bh.replay(dead, there).dead_lettered == 2


@pytest.mark.parametrize("path", ["events.jsonl", Path("a.jsonl"), io.BytesIO()])
def test_a_batch_is_not_a_path_either(path: Any) -> None:
    with pytest.raises(ValueError, match="read_events"):
        pipeline().run_batch(path)


@pytest.mark.parametrize("url", ["", " ", "s3://", "file://"])
def test_an_empty_url_is_not_the_working_directory(url: str, tmp_path: Path) -> None:
    """A variable that is set to nothing would deliver what is there."""
    sink = bh.MemorySink()
    with pytest.raises(ValueError, match="the URL or path is empty"):
        next(storage.find(url))
    with (
        SqliteState(tmp_path / "state.db") as state,
        pytest.raises(ValueError, match="the URL or path is empty"),
    ):
        backfill(url, pipeline(sink=sink), progress=state.progress)

    assert not sink.calls


def test_an_empty_option_of_a_sink_is_not_its_default() -> None:
    """The default host is the one of production."""
    for name in ("base_url", "api_key"):
        with pytest.raises(ValueError, match=f"{name} must not be empty"):
            bh.HeapSink("11", **{name: ""})


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ("EmailClick", ValueError, "write a type such as 'users.messages.email.Click'"),
        (EmailOpen, TypeError, "such as 'users.messages.email.Open', not the class"),
        (EmailEvent, TypeError, "not the class EmailEvent"),
        ("", ValueError, "empty"),
        (5, TypeError, "not an int"),
        ("users.messages.email.Clik", UserWarning, "mean 'users.messages.email.Click'"),
    ],
)
def test_an_event_type_of_records_is_checked(
    given: Any, error: type[Exception], text: str
) -> None:
    """Otherwise its events get names of their own, and use up their keys."""
    with pytest.raises(error, match=text):  # a warning is an error in the tests
        bh.read_events(b'{"id": "a"}', event_type=given)


def test_an_unknown_event_type_is_used() -> None:
    """Braze may have added it."""
    with pytest.warns(UserWarning, match="no class for the type"):
        (read,) = bh.read_events(b'{"id": "a"}', event_type="users.messages.kakao.Open")

    assert read == RawEvent({"id": "a"}, "users.messages.kakao.Open")


NAN = float("nan")


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (
            lambda: pipeline(batch_size=2.5),
            "a whole number, not a float",
        ),
        (lambda: pipeline(batch_size="100"), "batch_size must be a whole number"),
        (lambda: pipeline(batch_size=True), "batch_size must be a whole number"),
        (lambda: pipeline(patience="60"), "patience must be a number, not a str"),
        (lambda: pipeline(now=time.time()), "now must be a function of no arguments"),
        (lambda: pipeline(clock=5.0), "clock must be a function of no arguments"),
        (lambda: pipeline(clock=not_awaited), "clock is async"),
        (lambda: bh.HeapSink("11", clock=5), "clock must be a function"),
        (lambda: bh.HeapSink("11", deadline="10"), "deadline must be a number"),
        (lambda: bh.HeapSink("11", events_a_minute=1.5), "a whole number, not a float"),
        (lambda: bh.Receiver(pipeline(), "t", now=5.0), "now must be a function"),
        (lambda: Limits(requests=2.5), "requests must be a whole number"),
        (lambda: Limits(body="16"), "body must be a whole number"),
        (lambda: Limits(body_seconds=NAN), "body_seconds must be at least 0.001"),
        (lambda: Buffered(bh.MemorySink(), seconds=NAN), "seconds must be at least 0"),
        (lambda: Buffered(bh.MemorySink(), size=2.5), "size must be a whole number"),
        (lambda: bh.MemoryLedger(2.5), "capacity must be a whole number"),
        (
            lambda: bh.JsonLinesSink("x.jsonl", max_bytes="5"),
            "max_bytes must be a whole",
        ),
        (lambda: bh.SqliteState("x.db", max_bytes="1e9"), "max_bytes must be a whole"),
        (lambda: bh.replay(bh.DISCARD, pipeline(), batch_size=0), "must be at least 1"),
        (lambda: bh.replay(bh.DISCARD, pipeline(), batch_size=2.5), "a whole number"),
    ],
)
def test_a_number_or_function_that_cannot_work_raises_at_once(
    wire: Callable[[], Any], error: str
) -> None:
    """And not with the first batch, or after it was delivered."""
    with pytest.raises((TypeError, ValueError), match=error):
        wire()


class Wrapper:
    """A transformer of a team, with only what `Transformer.transform` needs."""

    def __init__(self) -> None:
        self.transformer = bh.Transformer()

    def transform(self, source: Any) -> bh.TransformResult:
        return self.transformer.transform(source)


def test_a_wrapper_of_a_transformer_needs_no_more_than_a_source() -> None:
    assert pipeline(transformer=Wrapper()).run([CLICK]).delivered == 1
    assert asyncio.run(async_pipeline(transformer=Wrapper()).run(CLICK)).delivered == 1


def test_a_second_observer_of_a_registry_raises_with_advice() -> None:
    registry = CollectorRegistry()
    PrometheusObserver(registry)

    with pytest.raises(ValueError, match="one PrometheusObserver to all pipelines"):
        PrometheusObserver(registry)


def test_patience_in_a_receiver_is_warned_of() -> None:
    """Braze sends the batch again, but a request that waits takes up a slot."""
    with pytest.warns(UserWarning, match="has a patience"):
        bh.Receiver(pipeline(patience=600), "t")


def test_one_text_stands_for_a_list_of_it() -> None:
    assert bh.TransformConfig(identity="user_id").identity == ("user_id",)


def starlette_endpoint(receiver: Any) -> object:
    from braze_heap.receiver.starlette import endpoint

    return endpoint(receiver)


def flask_view(receiver: Any) -> object:
    from braze_heap.receiver.flask import view

    return view(receiver)


def django_view(receiver: Any) -> object:
    from braze_heap.receiver.django import view

    return view(receiver)


ADAPTERS: dict[Callable[[Any], object], str] = {
    flask_view: "a Receiver",
    django_view: "a Receiver",
    lambda_handler: "a Receiver",
    WSGIReceiver: "a Receiver",
    ASGIReceiver: "an AsyncReceiver",
    starlette_endpoint: "an AsyncReceiver",
    functools.partial(Service, metrics=Metrics()): "an AsyncReceiver",
}


@pytest.mark.filterwarnings("ignore:lambda_handler:UserWarning")
@pytest.mark.parametrize(("adapter", "wanted"), ADAPTERS.items())
def test_an_adapter_takes_only_its_receiver(
    adapter: Callable[[Any], object], wanted: str
) -> None:
    """The other kind, a class, a pipeline or nothing is a TypeError that names it."""
    kinds = {
        "a Receiver": bh.Receiver(pipeline(), "t"),
        "an AsyncReceiver": bh.AsyncReceiver(pipeline(), "t"),
    }
    adapter(kinds.pop(wanted))

    for wrong in (*kinds.values(), bh.Receiver, bh.AsyncReceiver, pipeline(), None):
        with pytest.raises(TypeError, match=f"needs {wanted}, not"):
            adapter(wrong)


def test_an_async_receiver_runs_either_pipeline() -> None:
    """A `Pipeline` works in threads there, as documented."""
    body = json.dumps({"events": [make_raw("users.messages.email.Click")]}).encode()
    request = Request("POST", {"Authorization": "Bearer t"}, body)
    sinks = [bh.MemorySink(), bh.MemorySink()]
    both = (
        pipeline(sink=sinks[0]),
        async_pipeline(sink=ThreadedSink(sinks[1])),
    )

    answers = [asyncio.run(bh.AsyncReceiver(p, "t").handle(request)) for p in both]

    assert [answer.status for answer in answers] == [200, 200]
    assert [len(sink.calls) for sink in sinks] == [1, 1]


class NotRun(bh.Pipeline):
    """A subclass that overrides `run` by a coroutine, which nobody awaits."""

    def run(self, source: Any) -> Any:
        return Awaitable()


@pytest.mark.parametrize(
    "receiver",
    [
        lambda: bh.Receiver(NotRun(bh.Transformer(), bh.MemorySink(), bh.DISCARD), "t"),
        lambda: bh.Receiver(pipeline(sink=HiddenSink()), "t"),
        lambda: bh.Receiver(pipeline(dead_letter=HiddenAsyncDeadLetter()), "t"),
        lambda: bh.Receiver(pipeline(), HiddenAsyncDoor()),
    ],
)
def test_what_is_only_found_at_work_is_never_200(
    receiver: Callable[[], bh.Receiver],
) -> None:
    """Where nobody awaits a coroutine nothing was done, so Braze is to come again."""
    bad = {**make_raw("users.messages.email.Click"), "id": "b", "time": None}
    events = {"events": [make_raw("users.messages.email.Click"), bad]}
    request = Request(
        "POST", {"Authorization": "Bearer t"}, json.dumps(events).encode()
    )

    assert receiver().handle(request).status == 503


def test_an_unreadable_body_that_was_not_kept_is_not_given_away() -> None:
    """400 makes Braze drop it, so it is for what is in the dead letter."""
    receiver = bh.Receiver(pipeline(dead_letter=HiddenAsyncDeadLetter()), "t")
    request = Request("POST", {"Authorization": "Bearer t"}, b"{")

    assert receiver.handle(request).status == 503


class HiddenSink(TheirSink):
    def send(self, calls: Sequence[Call], /) -> Any:
        return Awaitable()


def test_a_sink_that_is_both_may_be_used_as_either() -> None:
    """A double such as a mock has every method."""
    from unittest.mock import MagicMock

    both: Sink = MagicMock()
    pipeline(sink=both)
    async_pipeline(sink=both)


NO_CLASS = "o event class has the type 'users.messages.email.Clik'. Did you mean"


@pytest.mark.parametrize(
    "wire",
    [
        lambda key: bh.Transformer(include=[EmailOpen, key]),
        lambda key: bh.Transformer(exclude=key),
        lambda key: bh.Transformer(sample={key: 0.1}),
        lambda key: bh.TransformConfig(include=("EmailOpen", key)).transformer(),
        lambda key: bh.TransformConfig(exclude=(key,)).transformer(),
        lambda key: bh.Mappers().maps(key)(mapper),
        lambda key: bh.MapperRegistry().add(key, mapper),
        lambda key: bh.DEFAULT_MAPPERS.override(key, mapper),
    ],
)
def test_a_name_that_no_class_has_is_never_silent(wire: Callable[[str], Any]) -> None:
    """A full type may be newer than this version; anything else is a mistake."""
    with pytest.warns(UserWarning, match=NO_CLASS) as caught:
        wire("users.messages.email.Clik")
    assert [warning.filename for warning in caught] == [__file__]

    for key in ("EmailClik", "users.messages.*.Clik", "Click", "", " EmailClick"):
        with pytest.raises(ValueError, match=r"not an event type|pattern|matches"):
            wire(key)
    with pytest.raises(ValueError, match="Did you mean 'EmailClick'"):
        wire("EmailClik")


@pytest.mark.parametrize(
    "wire",
    [
        lambda: bh.Transformer(include=EmailEvent, exclude="users.messages.email.*"),
        lambda: bh.Transformer(include=EmailClick.event_type, exclude=EmailEvent),
        lambda: bh.Transformer(include=bh.ENGAGEMENT, exclude=["engagement"]),
        lambda: bh.Transformer(exclude=bh.CurrentsEvent),
        lambda: bh.Transformer(exclude="*"),
        lambda: bh.TransformConfig(exclude=("CurrentsEvent",)).transformer(),
        lambda: bh.Transformer(bh.Mappers()),
        lambda: bh.Transformer(bh.MapperRegistry()),
        lambda: bh.TransformConfig().transformer(bh.Mappers()),
    ],
)
def test_a_choice_that_leaves_nothing_is_an_error(wire: Callable[[], Any]) -> None:
    """It would skip every event, and answer 200."""
    with pytest.raises(ValueError, match="every event would be skipped"):
        wire()


@pytest.mark.filterwarnings("ignore:include. no event class has the type")
def test_a_choice_of_one_unknown_type_needs_a_class_for_it() -> None:
    """A typo would skip every event; a type that Braze added can be given a class."""
    with pytest.raises(ValueError, match=r"Did you mean .*email\.Click"):
        bh.Transformer(include="users.messages.email.Clik")

    event_types = bh.EVENT_TYPES | {KakaoSend.event_type: KakaoSend}
    for choice in (KakaoSend, KakaoSend.event_type):
        transformer = bh.Transformer(include=choice, event_types=event_types)
        raw = make_raw(EmailClick)
        events = [raw, raw | {"event_type": KakaoSend.event_type, "id": "kakao"}]
        result = transformer.transform(events)
        assert [e.event_type for e in result.skipped] == [EmailClick.event_type]
        assert len(result.calls) == 1


@pytest.mark.parametrize("key", [EmailClick, EmailEvent, EmailClick.event_type])
def test_a_mapper_of_a_team_beats_a_shipped_one_on_either_side(key: Any) -> None:
    """Whether the shipped mapper is for the class, the type, or all events."""
    team = bh.Mappers()
    team.maps(key)(mapper)
    registry = team.registry()

    for joined in (
        bh.DEFAULT_MAPPERS | team,
        team | bh.DEFAULT_MAPPERS,
        bh.DEFAULT_MAPPERS | registry,
        registry | bh.DEFAULT_MAPPERS,
    ):
        assert joined.mapper_for(EmailClick) is mapper
        assert joined.mapper_for(PushOpen) is bh.DEFAULT_MAPPERS.mapper_for(PushOpen)


def test_a_collector_stands_wherever_a_registry_may() -> None:
    """What it has collected so far counts."""
    team, other = bh.Mappers(), bh.Mappers()
    team.maps(EmailClick)(mapper)
    other.maps(PushOpen)(mapper)

    for registry in (
        bh.Transformer(team).mappers,
        bh.TransformConfig().transformer(team).mappers,
        team | other,
    ):
        assert registry.mapper_for(EmailClick) is mapper
        assert registry.mapper_for(EmailOpen) is None
    assert repr(team) == "<Mappers: 1 mappers>"
    assert repr(bh.Transformer(team)) == (
        "<Transformer: 1 mappers, identity external_user_id, personal data drop>"
    )


class AsyncMapper:
    async def __call__(self, event: Any) -> None: ...


class PlainMapper:
    def __call__(self, event: Any) -> None: ...


async def async_generator(event: Any) -> Any:
    yield bh.HeapEvent("X")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (not_awaited, "is async"),
        (functools.partial(not_awaited), "is async"),
        (AsyncMapper(), "is async"),
        (async_generator, "is async"),
        (PlainMapper, "the class PlainMapper: pass an instance"),
        (lambda: None, "takes"),
        (lambda event, more: None, "missing a required argument: 'more'"),
        (lambda event, *, more: None, "missing a required .*argument: 'more'"),
        (None, "not None"),
        ("click", "not a str"),
        (bh.HeapEvent("X"), "not a HeapEvent"),
    ],
)
def test_a_mapper_that_cannot_work_is_an_error_at_registration(
    wrong: Any, message: str
) -> None:
    """However it is registered; the collector and the registry stay as they are."""
    team = bh.Mappers()
    for register in (
        team.maps(EmailClick),
        team.maps(EmailClick, EmailOpen),
        team.maps_custom(Order),
        functools.partial(bh.MapperRegistry().add, EmailClick),
        functools.partial(bh.DEFAULT_MAPPERS.override, EmailClick),
    ):
        with pytest.raises(TypeError, match=message):
            register(wrong)
    if callable(wrong) and wrong is not PlainMapper:
        with pytest.raises(TypeError, match=message):
            bh.declare("X", {"a": wrong})
        with pytest.raises(TypeError, match=message):
            bh.Transformer(identity=wrong)
        with pytest.raises(TypeError, match=message):
            bh.Naming(wrong)
    assert team.registry().registrations == {}


@pytest.mark.parametrize(
    "right",
    [
        lambda event: None,
        functools.partial(lambda more, event: None, 1),
        lambda event, more=1: None,
        lambda *events: None,
        PlainMapper(),
        bh.standard,
        bh.declare("Click"),
    ],
)
def test_any_callable_of_one_event_is_a_mapper(right: Any) -> None:
    """Functions, lambdas, partials, callable objects."""
    assert bh.MapperRegistry().add(EmailClick, right).mapper_for(EmailClick) is right


@pytest.mark.parametrize(
    ("wire", "error", "message"),
    [
        (lambda: bh.Mappers().maps(mapper), TypeError, r"@mappers\.maps\(EmailClick\)"),
        (lambda: bh.Mappers().maps(EmailClick, mapper), TypeError, "above mapper"),
        (lambda: bh.Mappers().maps([Order])(mapper), TypeError, "not a list"),
        (lambda: bh.Mappers().maps(), TypeError, "needs an event class"),
        (lambda: bh.Mappers().maps_custom(mapper), TypeError, "not a function"),
        (lambda: bh.Mappers().maps_custom(EmailClick), TypeError, "@custom_event"),
        (lambda: bh.custom_event(Order), TypeError, "not the class Order"),
        (lambda: bh.custom_event(" "), ValueError, "not empty"),
        (lambda: bh.purchase(Order), TypeError, "not the class Order"),
        (lambda: bh.declare("X", ["link_alias"]), TypeError, "must be a mapping"),
        (lambda: bh.declare(EmailClick), TypeError, "the name of a Heap event"),
        (lambda: bh.declare(""), ValueError, "not empty"),
        (lambda: bh.Transformer(include=None), TypeError, "include takes.* not None"),
        (lambda: bh.Transformer(exclude=0), TypeError, "exclude takes.* not an int"),
        (lambda: bh.Transformer(exclude=Order), TypeError, "not the class Order"),
        (lambda: bh.Transformer(include=[int]), TypeError, "not the class int"),
        (lambda: bh.Transformer(mapper), TypeError, "MapperRegistry or Mappers, not"),
        (lambda: bh.Transformer({}), TypeError, "not a dict"),
        (lambda: bh.Transformer(identity=["user_id"]), TypeError, r"first_of\("),
        (lambda: bh.Transformer(identity=None), TypeError, "not None"),
        (lambda: bh.Transformer(identity=str), TypeError, "not the class str"),
        (lambda: bh.first_of(prefix=""), TypeError, "names of fields"),
        (lambda: bh.first_of(["user_id"], prefix=""), TypeError, "names of fields"),
        (lambda: bh.first_of("user_id", prefix=None), TypeError, "must be text"),
        (lambda: bh.Transformer(naming="x"), TypeError, "must be a Naming, not a str"),
        (lambda: bh.Transformer(naming=None), TypeError, "not None"),
        (lambda: bh.Naming(event_prefix=None), TypeError, "must be text, not None"),
        (lambda: bh.Naming(event_renames=["a"]), TypeError, "must be a mapping"),
        (lambda: bh.Naming(event_renames={"a": 5}), TypeError, "text to text"),
        (lambda: bh.Naming(property_renames={"a": ""}), ValueError, "empty name"),
        (lambda: bh.Transformer(deletions="no"), ValueError, "one of True, False"),
        (lambda: bh.Transformer(local_time=1), ValueError, "one of True, False"),
        (lambda: bh.Transformer(fixed_properties=[]), TypeError, "must be a mapping"),
        (lambda: bh.Transformer(event_types=[EmailClick]), TypeError, "a mapping"),
        (lambda: bh.Transformer(event_types={"x": int}), TypeError, "CurrentsEvent"),
        (lambda: bh.EVENT_TYPES | {"x": "y"}, TypeError, "CurrentsEvent"),
        (
            lambda: bh.TransformConfig(exclude="x").transformer(),
            ValueError,
            "'x' is no",
        ),
    ],
)
def test_a_wrong_option_raises_at_once(
    wire: Callable[[], Any], error: type[Exception], message: str
) -> None:
    """The message says what was expected, and what was given."""
    with pytest.raises(error, match=message):
        wire()


@pytest.mark.parametrize(
    ("naming", "meant"),
    [
        (bh.Naming(event_renames={"Braze Email Clik": "x"}), "'Braze Email Click'"),
        (bh.Naming(event_renames={"Email Click": "x"}), "'Braze Email Click'"),
        (bh.Naming(event_renames={"Nonsense": "x"}), "'Nonsense'"),
        (
            bh.Naming("type", event_renames={"Braze users.messages.email.Clik": "x"}),
            "'Braze users.messages.email.Click'",
        ),
        (bh.Naming(property_renames={"link_alais": "x"}), "'link_alias'"),
        (
            bh.Naming(property_renames={"custom_propertys.a": "x"}),
            "'custom_properties'",
        ),
        (bh.Naming(property_prefix="b_", property_renames={"url": "x"}), "'b_url'"),
    ],
)
def test_renaming_what_nothing_is_called_is_a_warning(
    naming: bh.Naming, meant: str
) -> None:
    """The name that may be meant is named."""
    with pytest.warns(UserWarning, match=f"_renames: .*{meant}") as caught:
        bh.Transformer(naming=naming)

    assert [warning.filename for warning in caught] == [__file__]


def test_renaming_what_may_be_there_is_silent() -> None:
    """Names of classes, of custom events, and of what a team's functions may give."""
    team = bh.Mappers()
    team.maps(EmailClick)(mapper)
    team.maps(EmailOpen)(bh.declare("Newsletter Open"))

    bh.Transformer(
        bh.DEFAULT_MAPPERS | team,
        naming=bh.Naming(
            event_renames={
                "Braze Email Send": "a",
                "Braze Order Placed": "b",
                "Newsletter Open": "c",
                "Weekly": "d",
            },
            property_renames={
                "link_alias": "e",
                "custom_properties.cart.value": "f",
                "braze_user_id": "g",
                "team": "h",
            },
        ),
    )


@pytest.mark.parametrize(
    "source",
    [
        object(),
        bh.Transformer,
        len,
        [b'{"event_type": "t"}'],
        iter([b'{"event_type": "t"}']),
        (memoryview(b"{}"),),
    ],
)
def test_a_pipeline_refuses_what_holds_no_events(source: Any) -> None:
    """A stream of lines as bytes would be dead-lettered as a whole."""
    sink = bh.MemorySink()

    with pytest.raises(TypeError, match=r"takes events|event is a dict"):
        bh.Pipeline(bh.Transformer(), sink, bh.DISCARD).run(source)

    assert sink.calls == []


def test_a_path_within_a_body_is_an_element_like_any_other(tmp_path: Path) -> None:
    """It is dead-lettered, and can be replayed."""
    with bh.SqliteDeadLetter(tmp_path / "dead.db") as dead_letter:
        pipeline = bh.Pipeline(bh.Transformer(), bh.MemorySink(), dead_letter)

        report = pipeline.run(b'{"events": ["a/b.jsonl"]}')
        replayed = bh.replay(dead_letter, pipeline)

    assert report.dead_lettered_by_reason == {bh.Reason.NOT_AN_OBJECT: 1}
    assert replayed.dead_lettered_by_reason == {bh.Reason.NOT_AN_OBJECT: 1}


@pytest.mark.parametrize(
    "sleep", [lambda seconds: asyncio.sleep(seconds), functools.partial(asyncio.sleep)]
)
def test_a_plain_function_that_returns_an_awaitable_can_sleep(sleep: Any) -> None:
    """It is awaited as an async function is; one written in C cannot be."""
    async_pipeline(sleep=sleep)

    with pytest.raises(TypeError, match="sleep is awaited"):
        async_pipeline(sleep=time.sleep)
