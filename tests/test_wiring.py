"""
Mistakes in what a program puts together raise while it does, not event by event.
"""

from __future__ import annotations

import asyncio
import functools
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.calls import Call
from braze_heap.dead_letters import DeadRecord
from braze_heap.observers import BatchDetails
from braze_heap.receiver import Request, Tokens
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
from braze_heap.testing import make_raw


class Awaitable:
    """
    What a plain function returns that hides an async one.
    """

    def __await__(self) -> Any:
        yield


class TheirSink:
    """
    A sink of a team: the protocol, and nothing of this package.
    """

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
    """
    Hands on what another sink returns: ``send`` is a plain method.
    """

    def send(self, calls: Sequence[Call], /) -> Any:
        return TheirAsyncSink().send(calls)


class Minimal:
    """
    Only what a pipeline calls.
    """

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


class AsyncDeadLetter:
    async def append(self, records: Sequence[DeadRecord], /) -> None: ...


class HiddenAsyncDeadLetter:
    """
    A plain method that returns a coroutine, which nobody awaits.
    """

    def append(self, records: Sequence[DeadRecord], /) -> Any:
        return Awaitable()


class AsyncObserver:
    async def __call__(self, details: BatchDetails, /) -> None: ...


class AsyncDoor:
    async def admits(self, authorizations: Sequence[str], /) -> bool:
        return False


class HiddenAsyncDoor:
    def admits(self, authorizations: Sequence[str], /) -> Any:
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
    ids=repr,
)
def test_a_pipeline_takes_any_sync_sink(sink: Any) -> None:
    """
    The protocol decides, not the class.
    """
    assert pipeline(sink=sink).run(make_raw("users.messages.email.Click")).delivered

    with pytest.raises(TypeError, match=r"needs an async sink.*use ThreadedSink"):
        async_pipeline(sink=sink)


@pytest.mark.parametrize(
    "sink",
    [TheirAsyncSink(), TheirRetry(), MinimalAsync(), CallableSend()],
    ids=repr,
)
def test_an_async_pipeline_takes_any_async_sink(sink: Any) -> None:
    """
    The protocol decides, not the class.
    """
    event = make_raw("users.messages.email.Click")
    assert asyncio.run(async_pipeline(sink=sink).run(event)).delivered

    with pytest.raises(TypeError, match=r"is async: use .*AsyncPipeline"):
        pipeline(sink=sink)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (lambda: pipeline(sink=async_heap_sink()), "use HeapSink, or AsyncPipeline"),
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
        (lambda: pipeline(sink="heap:?app_id=11"), r"a str: write open_sink\("),
        (lambda: pipeline(sink=None), "needs a sink, not None"),
        (lambda: pipeline(sink=bh.DISCARD), "needs a sink"),
        (lambda: async_pipeline(sink=None), "needs an async sink, not None"),
        (lambda: pipeline(dead_letter=None), "write DISCARD"),
        (
            lambda: pipeline(dead_letter="dead.db"),
            r"\(path\), not a str",
        ),
        (lambda: pipeline(dead_letter=[]), "not a list"),
        (lambda: pipeline(dead_letter=bh.MemorySink()), "not a MemorySink"),
        (lambda: pipeline(dead_letter=bh.SqliteDeadLetter), "not the class Sqlite"),
        (lambda: pipeline(dead_letter=AsyncDeadLetter()), "append is async"),
        (lambda: async_pipeline(dead_letter=None), "write DISCARD"),
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
        (lambda: pipeline(patiense=3), "Did you mean 'patience'"),
        (lambda: bh.Receiver(async_pipeline(), "t"), "use AsyncReceiver"),
        (lambda: bh.Receiver(bh.Transformer(), "t"), "needs a Pipeline"),
        (lambda: bh.Receiver("t", pipeline()), "needs a Pipeline"),
        (lambda: bh.Receiver(bh.Pipeline, "t"), "not the class Pipeline"),
        (lambda: bh.Receiver(None, "t"), "not None"),
        (lambda: bh.Receiver(pipeline(), None), "tokens=UNAUTHENTICATED"),
        (lambda: bh.Receiver(pipeline(), b"t"), "not a bytes"),
        (lambda: bh.Receiver(pipeline(), [b"t"]), "each token must be text"),
        (lambda: bh.Receiver(pipeline(), Tokens), r"write Tokens\("),
        (lambda: bh.Receiver(pipeline(), AsyncDoor()), "admits is async"),
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
    """
    The TypeError names what was given, and what to write.
    """
    with pytest.raises(TypeError, match=message):
        wire()


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


@pytest.mark.parametrize(("adapter", "wanted"), ADAPTERS.items())
def test_an_adapter_takes_only_its_receiver(
    adapter: Callable[[Any], object], wanted: str
) -> None:
    """
    The other kind, a class, a pipeline or nothing is a TypeError that names it.
    """
    kinds = {
        "a Receiver": bh.Receiver(pipeline(), "t"),
        "an AsyncReceiver": bh.AsyncReceiver(pipeline(), "t"),
    }
    adapter(kinds.pop(wanted))

    for wrong in (*kinds.values(), bh.Receiver, bh.AsyncReceiver, pipeline(), None):
        with pytest.raises(TypeError, match=f"needs {wanted}, not"):
            adapter(wrong)


def test_an_async_receiver_runs_either_pipeline() -> None:
    """
    A `Pipeline` works in threads there, as documented.
    """
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
    """
    A subclass that overrides `run` by a coroutine, which nobody awaits.
    """

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
    """
    Where nobody awaits a coroutine nothing was done, so Braze is to come again.
    """
    bad = {**make_raw("users.messages.email.Click"), "id": "b", "time": None}
    events = {"events": [make_raw("users.messages.email.Click"), bad]}
    request = Request(
        "POST", {"Authorization": "Bearer t"}, json.dumps(events).encode()
    )

    assert receiver().handle(request).status == 503


class HiddenSink(TheirSink):
    def send(self, calls: Sequence[Call], /) -> Any:
        return Awaitable()


def test_a_sink_that_is_both_may_be_used_as_either() -> None:
    """
    A double such as a mock has every method.
    """
    from unittest.mock import MagicMock

    both: Sink = MagicMock()
    pipeline(sink=both)
    async_pipeline(sink=both)
