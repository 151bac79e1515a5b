"""The connections of ``braze-heap serve``: without delay, and bounded."""

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from braze_heap import DISCARD, MemorySink, Pipeline, Transformer
from braze_heap.cli._server import BACKLOG, RESERVED, bound, bounded_protocol
from braze_heap.receiver import AsyncReceiver
from braze_heap.receiver.service import Metrics, Service
from tests.cli.conftest import MAIN, click_event
from tests.cli.test_serve import Serve, serve
from tests.receiver.serving import uvicorn_of

__all__ = ["serve"]

FEW_DESCRIPTORS = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
{MAIN}
"""


@contextlib.contextmanager
def idle_connections(port: int, number: int, data: bytes = b"") -> Iterator[None]:
    """Open connections that send *data*, and then nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            address = ("127.0.0.1", port)
            wire = stack.enter_context(socket.create_connection(address, timeout=10))
            with contextlib.suppress(OSError):
                wire.sendall(data)
        yield


def test_small_packets_are_not_held_back() -> None:
    """An accepted connection has TCP_NODELAY."""
    with (
        bound("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_kept_alive_connection_is_quick(serve: Serve) -> None:
    """No answer waits for a delayed acknowledgement, which takes 40 ms."""
    served = serve("--sink", "file:out.jsonl")
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        seconds.append(time.perf_counter() - began)
    connection.close()

    assert sorted(seconds)[10] < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"", b"POST / HTTP/1.1\r\nHost: x\r\nX-Y: "])
def test_idle_connections_leave_room_for_requests(
    serve: Serve, tmp_path: Path, data: bytes
) -> None:
    """
    With more of them than descriptors every request is answered, and the log says why
    they were closed: the first time, and at the end with the number.
    """
    served = serve("--sink", "file:out.jsonl", code=FEW_DESCRIPTORS)
    with idle_connections(served.port, 400, data):
        statuses = {served.post(click_event(n)) for n in range(5)}
    after = served.post(click_event(6))
    served.stop()

    most = 256 - RESERVED - BACKLOG
    told = [line for line in served.lines if "connections are open" in line]
    assert (statuses, after) == ({200}, 200)
    assert len((tmp_path / "out.jsonl").read_text("utf-8").splitlines()) == 6
    assert all(f"{most} connections are open" in line for line in told)
    assert ["more since the last line" in line for line in told] == [False, True]


def test_endless_headers_are_refused(serve: Serve) -> None:
    """The connection ends after some 64 KiB, long before 45 MiB are sent."""
    served = serve("--sink", "file:out.jsonl")
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as wire:
        wire.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 45:
                wire.sendall(b"X-Name: %b\r\n" % (b"x" * 1000) * 1000)
                sent += 1
    status = served.post(click_event())

    assert (sent < 20, status) == (True, 200)


@pytest.mark.slow
def test_a_head_that_does_not_come_ends_its_connection() -> None:
    """Silence and half a head last so many seconds, on a kept-alive connection too."""
    pipeline = Pipeline(Transformer(), MemorySink(), DISCARD)
    service = Service(AsyncReceiver(pipeline, "a" * 16), Metrics())
    whole, half = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /heal"
    ended = []
    with uvicorn_of(service, http=bounded_protocol(0.3)) as port:
        for data in (b"", half, whole + half):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
                wire.sendall(data)
                answer = b"".join(iter(lambda w=wire: w.recv(4096), b""))
                ended.append(answer[9:12])

    assert ended == [b"", b"", b"200"]
