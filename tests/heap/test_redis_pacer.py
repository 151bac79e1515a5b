"""
The pacer of the documentation that keeps its reservations in Redis.

Needs the extra ``engines``, and the command of ``apt-get install redis-server``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap import HeapSink, Pacer
from braze_heap.testing import check_pacer
from braze_heap.testing.fake_heap import FakeHeap
from tests.heap.support import track, tracks

pytestmark = pytest.mark.engines

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "share-the-rate-limit.md"


@pytest.fixture(scope="module")
def redis_pacer() -> Callable[..., Pacer]:
    """Return the class of the page."""
    code = re.search(r"# redis_pacer.py\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert code
    names: dict[str, Any] = {}
    exec(code[1], names)
    pacer: Callable[..., Pacer] = names["RedisPacer"]
    return pacer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    """Start Redis on a socket of its own; return its process and a client."""
    redis = pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server: apt-get install redis-server")
    path = str(tmp_path / "redis.sock")
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", path, "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(unix_socket_path=path, socket_timeout=10.0)
    for _ in range(100):
        try:
            client.ping()
            break
        except redis.exceptions.ConnectionError:
            time.sleep(0.1)
    yield process, client
    client.close()
    process.kill()
    process.wait()


def test_redis_pacer_fulfills_the_contract(
    server: Any, redis_pacer: Callable[..., Pacer]
) -> None:
    """Pacers with one server keep one limit together, from many threads."""
    _, client = server
    check_pacer(lambda: redis_pacer(client, "check", own_clock=False), shared=True)


def test_two_sinks_keep_the_limit_in_redis(
    server: Any, redis_pacer: Callable[..., Pacer]
) -> None:
    """With the clock of the server, both together send the limit and no more."""
    _, client = server
    refused: list[SinkUnavailable] = []

    def send(name: str, url: str) -> None:
        options = {"base_url": url, "allow_http": True, "deadline": 30.0}
        with HeapSink("11", **options, pacer=redis_pacer(client, "11", 5_000)) as sink:
            for start in range(0, 5_000, 500):
                numbers = range(start, start + 500)
                try:
                    sink.send([track(n, f"{name} {n}") for n in numbers])
                except SinkUnavailable as error:
                    refused.append(error)
                    return

    with FakeHeap() as heap:
        threads = [threading.Thread(target=send, args=(n, heap.url)) for n in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [error.throttled for error in refused] == [True, True]
    assert len(heap.requests) == 10
    assert heap.counts.rate_limited == 0


def test_redis_that_is_down_makes_the_sink_unavailable(
    server: Any, redis_pacer: Callable[..., Pacer]
) -> None:
    """The error names the cause, and nothing is sent."""
    process, client = server
    with FakeHeap() as heap:
        options = {"base_url": heap.url, "allow_http": True}
        with HeapSink("11", **options, pacer=redis_pacer(client, "11")) as sink:
            sink.send(tracks(1))
            process.kill()
            process.wait()

            with pytest.raises(SinkUnavailable, match="a RedisPacer, raises Connecti"):
                sink.send([track(2)])

    assert len(heap.events) == 1
