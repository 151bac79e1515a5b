"""Transports by which a request reaches a receiver in production."""

import asyncio
import base64
import io
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from braze_heap import AsyncPipeline, Pipeline, Transformer
from braze_heap.receiver import AsyncReceiver, Receiver, Request
from braze_heap.receiver.asgi import ASGIReceiver
from braze_heap.receiver.aws_lambda import lambda_handler
from braze_heap.receiver.wsgi import WSGIReceiver
from braze_heap.sinks import MemorySink
from braze_heap.state import DeadLetter, DeadRecord

TOKEN = "a-token-of-the-tests"
AUTHORIZED = ("Authorization", f"Bearer {TOKEN}")

Pairs = Iterable[tuple[str, str]]


@attrs.frozen
class Answer:
    """Response as the sender sees it."""

    status: int
    headers: dict[str, str]
    body: bytes


class MemoryDeadLetter:
    """Dead letter in a list; raises `failure` if it is set."""

    def __init__(self) -> None:
        self.records: list[DeadRecord] = []
        self.failure: Exception | None = None

    def append(self, records: Iterable[DeadRecord], /) -> None:
        if self.failure:
            raise self.failure
        self.records += records

    def ready(self) -> None:
        self.append(())

    def read(self) -> Iterable[DeadRecord]:
        return iter(list(self.records))

    def forget(self, keys: Iterable[str], /) -> None:
        gone = set(keys)
        self.records = [record for record in self.records if record.key not in gone]

    def close(self) -> None: ...


class AwaitedSink:
    """Async sink that wraps a sync one."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    async def send(self, calls: Any, /) -> Any:
        return await asyncio.to_thread(self._sink.send, calls)

    async def close(self) -> None: ...


Handle = Callable[[str, Pairs, bytes], Answer]


def library(pipeline: Pipeline, **options: Any) -> tuple[Handle, Any]:
    """Call `Receiver.handle`."""
    receiver = Receiver(pipeline, **options)

    def handle(method: str, headers: Pairs, body: bytes) -> Answer:
        return _plain(receiver.handle(Request(method, headers, body)))

    return handle, receiver


def awaited(pipeline: Pipeline, **options: Any) -> tuple[Handle, Any]:
    """Await `AsyncReceiver.handle`, over an asynchronous pipeline."""
    twin = AsyncPipeline(
        pipeline.transformer, AwaitedSink(pipeline.sink), pipeline.dead_letter
    )
    receiver = AsyncReceiver(twin, **options)

    def handle(method: str, headers: Pairs, body: bytes) -> Answer:
        return _plain(asyncio.run(receiver.handle(Request(method, headers, body))))

    return handle, receiver


def _plain(response: Any) -> Answer:
    return Answer(response.status, dict(response.headers), response.body)


def asgi(pipeline: Pipeline, **options: Any) -> tuple[Handle, Any]:
    """Send ASGI messages, the body in two; the pipeline runs in threads."""
    receiver = AsyncReceiver(pipeline, **options)
    app = ASGIReceiver(receiver)

    def handle(method: str, headers: Pairs, body: bytes) -> Answer:
        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        middle = len(body) // 2
        waiting = [
            {"type": "http.request", "body": body[:middle], "more_body": True},
            {"type": "http.request", "body": body[middle:]},
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return waiting.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": "/any", "headers": raw}
        asyncio.run(app(scope, receive, send))
        start, end = sent
        pairs = {k.decode(): v.decode() for k, v in start["headers"]}
        return Answer(start["status"], pairs, end["body"])

    return handle, receiver


def wsgi(pipeline: Pipeline, **options: Any) -> tuple[Handle, Any]:
    """Send a WSGI environment with a content length."""
    receiver = Receiver(pipeline, **options)
    app = WSGIReceiver(receiver)

    def handle(method: str, headers: Pairs, body: bytes) -> Answer:
        environ = {
            "REQUEST_METHOD": method,
            "QUERY_STRING": "feed=1",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        for name, value in headers:
            key = f"HTTP_{name.upper().replace('-', '_')}"
            environ[key] = f"{environ[key]}, {value}" if key in environ else value
        started: list[Any] = []
        pieces = app(environ, lambda *args: started.append(args))
        ((status, pairs),) = started
        return Answer(int(status[:3]), dict(pairs), b"".join(pieces))

    return handle, receiver


def aws_lambda(pipeline: Pipeline, **options: Any) -> tuple[Handle, Any]:
    """Call the handler as a Lambda Function URL does, with a base64 body."""
    receiver = Receiver(pipeline, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the ledger of a test may be in memory
        handler = lambda_handler(receiver)

    def handle(method: str, headers: Pairs, body: bytes) -> Answer:
        joined: dict[str, str] = {}
        for name, value in headers:
            name = name.lower()
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        event = {
            "version": "2.0",
            "requestContext": {"http": {"method": method}},
            "headers": joined,
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        reply = handler(event, None)
        return Answer(reply["statusCode"], reply["headers"], reply["body"].encode())

    return handle, receiver


TRANSPORTS = [library, awaited, asgi, wsgi, aws_lambda]


class Endpoint:
    """Receiver behind a transport, with its sink and dead letter."""

    def __init__(self, transport: Any, **options: Any) -> None:
        self.dead: MemoryDeadLetter = options.pop("dead", None) or MemoryDeadLetter()
        self.sink: Any = options.pop("sink", None) or MemorySink()
        transformer = options.pop("transformer", None) or Transformer()
        dead_letter: DeadLetter = self.dead  # type: ignore[assignment]
        self.pipeline = Pipeline(transformer, self.sink, dead_letter)
        self._handle, self.receiver = transport(
            self.pipeline, **{"tokens": TOKEN, **options}
        )

    def post(
        self,
        body: bytes = b"",
        *headers: tuple[str, str],
        method: str = "POST",
        authorized: bool = True,
    ) -> Answer:
        """Send a request, with the valid token by default."""
        pairs = [AUTHORIZED, *headers] if authorized else list(headers)
        return self._handle(method, pairs, body)

    def close(self) -> None:
        """Close the receiver at once."""
        closing = self.receiver.close(0)
        if asyncio.iscoroutine(closing):
            asyncio.run(closing)
