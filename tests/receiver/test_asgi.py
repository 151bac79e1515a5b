"""
A receiver as an ASGI application, bare and under uvicorn.
"""

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
    """
    Give *messages* to *app*, and return what it sent.
    """
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


def test_nothing_is_received_before_the_token_is_checked(there):
    """
    401: not one message of the body is awaited.
    """
    sent = talk(ASGIReceiver(there.receiver), http(headers=[]))

    assert sent[0]["status"] == 401


def test_a_sender_who_goes_away_has_sent_nothing(there):
    """
    503, to nobody: what came before the disconnect is neither delivered nor kept.
    """
    sent = talk(
        ASGIReceiver(there.receiver),
        http(),
        {"type": "http.request", "body": batch(click()), "more_body": True},
        {"type": "http.disconnect"},
    )

    assert sent[0]["status"] == 503
    assert (there.sink.calls, there.dead.records) == ([], [])


def test_an_answer_to_nobody_is_no_error(there):
    """
    A server that says on sending that the sender is gone hears no exception for it.
    """

    async def receive() -> Any:
        return {"type": "http.request", "body": batch(click())}

    async def send(message: Any) -> None:
        raise BrokenPipeError

    asyncio.run(ASGIReceiver(there.receiver)(http(), receive, send))

    assert len(there.sink.calls) == 1


def test_a_request_that_the_server_cuts_off_is_to_come_again():
    """
    503: a server that shuts down cancels what takes too long, and would say 500.
    """
    sink, sent = BlockingSink(), []
    there = Endpoint(asgi, sink=sink)

    async def receive() -> Any:
        return {"type": "http.request", "body": batch(click())}

    async def send(message: Any) -> None:
        sent.append(message)

    async def cut_off() -> None:
        app = ASGIReceiver(there.receiver)
        task = asyncio.create_task(app(http(), receive, send))
        await asyncio.to_thread(sink.has_begun.wait, 10)
        task.cancel()
        await asyncio.wait([task])
        sink.may_end.set()

    asyncio.run(cut_off())
    there.close()

    assert (sent[0]["status"], sent[0]["headers"][-1]) == (503, (b"retry-after", b"5"))


def test_another_protocol_is_an_error(there):
    """
    A receiver speaks http.
    """
    with pytest.raises(ValueError, match="not websocket"):
        talk(ASGIReceiver(there.receiver), {"type": "websocket"})


def test_the_life_of_the_server_closes_the_receiver(there):
    """
    Both messages of a lifespan are answered, and then nothing more is taken.
    """
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


def test_the_loop_turns_while_a_sink_blocks():
    """
    A blocking sink has a thread: the loop answers others in the meantime.
    """
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


def test_a_large_or_zipped_body_is_opened_beside_the_loop(there, monkeypatch):
    """
    What may take long to decode is decoded in a thread.
    """
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
def test_a_head_is_answered_without_a_body(http):
    """
    405 to a HEAD has no body, so the connection goes on with the next request.
    """
    pytest.importorskip(http)
    request = counted(b"").replace(b"POST", b"HEAD", 1)
    with served(http) as (port, _), Wire(port) as wire:
        wire.send(request)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += wire._file.readline()
        wire.send(counted(b""))

        assert (answer.split()[1], wire.status()) == (b"405", 200)


def test_no_lifespan_is_needed():
    """
    A server that tells nothing of its life is served as well.
    """
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

class ToldReceiver(bh.AsyncReceiver):
    async def close(self, seconds=30.0):
        done = await super().close(seconds)
        pathlib.Path(f"closed with {len(pipeline.sink.calls)} call").touch()
        return done

pipeline = bh.Pipeline(bh.Transformer(), SlowSink(), bh.DISCARD)
app = ASGIReceiver(ToldReceiver(pipeline, sys.argv[1]))
listening = socket.socket(fileno=int(sys.argv[2]))
server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
server.run([listening])
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_sigterm_lets_the_request_in_flight_be_settled(tmp_path):
    """
    A uvicorn that gets SIGTERM answers 200 to what its sink works on, and then exits.
    """
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
