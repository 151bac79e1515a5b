"""Tests of the ASGI application, called directly and under uvicorn."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from braze_heap.receiver.asgi import ASGIReceiver
from tests.receiver.serving import Wire, counted, served, uvicorn_of
from tests.receiver.test_contract import BlockingSink, batch, click
from tests.receiver.transports import TOKEN, Endpoint, asgi

AUTHORIZED = [(b"authorization", f"Bearer {TOKEN}".encode())]


def http(*, headers: Any = AUTHORIZED, method: str = "POST") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": "/", "headers": headers}


def talk(app: Any, scope: Any, *messages: Any) -> list[Any]:
    """Pass *messages* to *app*, and return the messages that it sent."""
    waiting, sent = list(messages), []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


@pytest.fixture
def there() -> Any:
    endpoint = Endpoint(asgi)
    yield endpoint
    endpoint.close()


def test_the_body_is_not_received_before_the_token_is_checked(there):
    """401: no message of the body is awaited."""
    sent = talk(ASGIReceiver(there.receiver), http(headers=[]))

    assert sent[0]["status"] == 401


def test_an_incomplete_body_is_not_processed(there):
    """503: the part before the disconnect is neither delivered nor stored."""
    sent = talk(
        ASGIReceiver(there.receiver),
        http(),
        {"type": "http.request", "body": batch(click()), "more_body": True},
        {"type": "http.disconnect"},
    )

    assert sent[0]["status"] == 503
    assert (there.sink.calls, there.dead.records) == ([], [])


def test_a_response_after_a_disconnect_is_not_an_error(there):
    """An `OSError` of sending is ignored."""

    async def receive() -> Any:
        return {"type": "http.request", "body": batch(click())}

    async def send(message: Any) -> None:
        raise BrokenPipeError

    asyncio.run(ASGIReceiver(there.receiver)(http(), receive, send))

    assert len(there.sink.calls) == 1


def sent_when_cancelled(make, scope):
    """Return what the app of *make* sends when its server cancels a request."""
    sink, sent = BlockingSink(), []
    there = Endpoint(asgi, sink=sink)

    async def receive() -> Any:
        return {"type": "http.request", "body": batch(click())}

    async def send(message: Any) -> None:
        sent.append(message)

    async def cut_off() -> None:
        task = asyncio.create_task(make(there)(scope, receive, send))
        await asyncio.to_thread(sink.has_begun.wait, 10)
        task.cancel()
        await asyncio.wait([task])
        sink.may_end.set()

    asyncio.run(cut_off())
    there.close()
    return sent


def test_a_request_that_the_server_cancels_gets_a_503():
    """503: without it, a server that shuts down would respond 500."""
    sent = sent_when_cancelled(lambda there: ASGIReceiver(there.receiver), http())

    assert (sent[0]["status"], sent[0]["headers"][-1]) == (503, (b"retry-after", b"5"))


def test_another_protocol_is_an_error(there):
    """A receiver supports only HTTP."""
    with pytest.raises(ValueError, match="not websocket"):
        talk(ASGIReceiver(there.receiver), {"type": "websocket"})


def test_the_lifespan_closes_the_receiver(there):
    """After both messages of the lifespan, requests are rejected."""
    sent = talk(
        ASGIReceiver(there.receiver),
        {"type": "lifespan"},
        {"type": "lifespan.startup"},
        {"type": "lifespan.shutdown"},
    )

    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert there.post(batch(click())).status == 503


def test_a_blocking_sink_does_not_block_the_loop():
    """Other requests are answered while a sink blocks its thread."""
    there = Endpoint(asgi, sink=BlockingSink())
    app = ASGIReceiver(there.receiver)
    with uvicorn_of(app) as port, Wire(port) as slow, Wire(port) as quick:
        slow.send(counted(batch(click())))
        assert there.sink.has_begun.wait(10)

        quick.send(counted(b""))
        assert quick.status() == 200
        assert there.sink.calls == []

        there.sink.may_end.set()
        assert slow.status() == 200


def test_a_large_or_zipped_body_is_decoded_in_a_thread(there, monkeypatch):
    """Only a small body is decoded on the event loop."""
    threads = []
    receiver = there.receiver
    opened = receiver._decode_body

    def seen(*args: Any, **options: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return opened(*args, **options)

    monkeypatch.setattr(receiver, "_decode_body", seen)
    there.post(batch(click()))
    there.post(batch(click(pad="x" * 300_000)))
    there.post(b"", ("Content-Encoding", "gzip"))

    assert threads == [True, False, False]


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_the_response_to_head_has_no_body(http):
    """405 to a HEAD has no body, so that the connection can be reused."""
    pytest.importorskip(http)
    request = counted(b"").replace(b"POST", b"HEAD", 1)
    with served(http) as (port, _), Wire(port) as wire:
        wire.send(request)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += wire._file.readline()
        wire.send(counted(b""))

        assert (answer.split()[1], wire.status()) == (b"405", 200)


def test_lifespan_is_optional():
    """A server without lifespan messages is supported."""
    there = Endpoint(asgi)
    app = ASGIReceiver(there.receiver)
    with uvicorn_of(app, lifespan="off") as port, Wire(port) as wire:
        wire.send(counted(batch(click())))

        assert wire.status() == 200
    there.close()


SERVER = """
import pathlib, socket, sys, time
import uvicorn
import braze_heap as bh
from braze_heap.receiver.asgi import ASGIReceiver

class SlowSink(bh.MemorySink):
    def send(self, calls, /):
        pathlib.Path("begun").touch()
        while not pathlib.Path("may_end").exists():
            time.sleep(0.01)
        return super().send(calls)

class ObservedReceiver(bh.AsyncReceiver):
    async def close(self, seconds=30.0):
        done = await super().close(seconds)
        pathlib.Path(f"closed with {len(pipeline.sink.calls)} call").touch()
        return done

pipeline = bh.Pipeline(bh.Transformer(), SlowSink(), bh.DISCARD)
app = ASGIReceiver(ObservedReceiver(pipeline, sys.argv[1]))
listening = socket.socket(fileno=int(sys.argv[2]))
server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
server.run([listening])
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_sigterm_waits_for_the_request_in_flight(tmp_path):
    """After SIGTERM, uvicorn answers the request in flight with 200, and then exits."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number, port = listening.fileno(), listening.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, TOKEN, str(number)],
            cwd=tmp_path,
            pass_fds=[number],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
    with process, Wire(port) as wire:
        wire.send(counted(batch(click()), "Connection: close"))
        _until((tmp_path / "begun").exists)
        process.send_signal(signal.SIGTERM)
        _until(lambda: _is_refused(port))
        (tmp_path / "may_end").touch()

        assert wire.status() == 200
        assert process.wait(10) in (0, -signal.SIGTERM)
        assert (tmp_path / "closed with 1 call").exists()


def _until(happened: Any) -> None:
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def _is_refused(port: int) -> bool:
    try:
        Wire(port).__exit__()
    except ConnectionRefusedError:
        return True
    return False
