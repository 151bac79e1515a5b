"""Tests with curl, httpx2 and bare sockets against uvicorn."""

import gzip
import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from braze_heap.receiver import Limits
from tests.receiver.serving import Wire, chunked, counted, head, served
from tests.receiver.test_contract import batch, click
from tests.receiver.transports import TOKEN

LARGE = 8 << 20
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SMALL = Limits(body_seconds=0.2)

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")


@pytest.fixture(scope="module", params=["h11", "httptools"])
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    pytest.importorskip(request.param)
    with served(request.param) as found:
        yield found


@pytest.fixture
def there(server: Any) -> Any:
    _, endpoint = server
    endpoint.sink.calls.clear()
    endpoint.dead.records.clear()
    return endpoint


@pytest.fixture
def port(server: Any) -> int:
    return server[0]


def curl(port: int, body: bytes, *options: str) -> str:
    command = ["curl", "-sS", "-m", "10", "-o", "-", "-w", " %{http_code}"]
    command += ["-H", f"Authorization: Bearer {TOKEN}", "--data-binary", "@-"]
    url = f"http://127.0.0.1:{port}/braze"
    done = subprocess.run([*command, *options, url], input=body, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@needs_curl
@pytest.mark.parametrize(
    "options",
    [(), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue")],
    ids=["plain", "chunked", "expect"],
)
def test_curl_can_send_in_each_way(there, port, options):
    """200: a batch, with each of curl's ways to send one."""
    answer = curl(port, batch(click()), *options)

    assert (answer, len(there.sink.calls)) == ('{"result":"accepted"} 200', 1)


@needs_curl
def test_curl_sees_a_401_to_a_large_upload(there, port):
    """401 is not a connection reset, after which Braze would retry."""
    answer = curl(port, b" " * LARGE, "-H", "Authorization: Bearer other")

    assert answer.endswith(" 401")


@pytest.mark.parametrize("is_zipped", [False, True])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_httpx2_can_send_in_each_way(there, port, is_zipped, in_chunks):
    """200: chunked or with a length, compressed or not."""
    body = batch(click(pad="x" * 100_000))
    body = gzip.compress(body) if is_zipped else body
    headers = {**BEARER, "Content-Encoding": "gzip"} if is_zipped else BEARER
    content = (body[at : at + 1000] for at in range(0, len(body), 1000))

    answer = httpx2.post(
        f"http://127.0.0.1:{port}/",
        content=content if in_chunks else body,
        headers=headers,
    )

    assert (answer.status_code, len(there.sink.calls)) == (200, 1)


@pytest.mark.parametrize("refused", [b"", b" " * LARGE], ids=["small", "large"])
def test_a_connection_is_reused_after_a_401(there, port, refused):
    """200: the unread body of a rejected request does not affect the next request."""
    with Wire(port) as wire:
        wire.send(counted(refused, token="other"))
        assert wire.status() == 401
        wire.send(counted(batch(click())))
        assert wire.status() == 200
        wire.send(counted(b""))
        assert wire.status() == 200

    assert len(there.sink.calls) == 1


def test_requests_may_be_pipelined(there, port):
    """200, 401, 200: responses have the order of the requests."""
    one, other = counted(batch(click())), counted(b"x", token="other")
    with Wire(port) as wire:
        wire.send(one + other + chunked(batch(click()), 50))

        assert [wire.status() for _ in range(3)] == [200, 401, 200]
    assert len(there.sink.calls) == 2


def test_half_a_body_is_not_processed(there, port):
    """A sender that disconnects within a body does not affect the receiver."""
    body = batch(click())
    halves = [counted(body)[:-1], chunked(body, 50)[:-20]]
    for half in halves:
        with Wire(port) as wire:
            wire.send(half)

    with Wire(port) as wire:
        wire.send(counted(b""))
        assert wire.status() == 200
    assert (there.sink.calls, there.dead.records) == ([], [])


def test_expect_is_answered_before_the_body_is_sent(there, port):
    """100 with a valid token; 401 at once without."""
    body = batch(click())
    told = (f"Content-Length: {len(body)}", "Expect: 100-continue")
    with Wire(port) as wire:
        wire.send(head(*told))
        assert wire.status() == 100
        wire.send(body)
        assert wire.status() == 200
    with Wire(port) as wire:
        wire.send(head(*told, token="other"))
        assert wire.status() == 401


def test_a_slow_body_gets_a_503():
    """503 if a body takes too long; other requests are served."""
    with served(limits=SMALL) as (port, there), Wire(port) as slow:
        slow.send(head("Content-Length: 1000") + b'{"events"')
        with Wire(port) as quick:
            quick.send(counted(batch(click())))
            assert quick.status() == 200
        assert slow.status() == 503

        assert (len(there.sink.calls), there.dead.records) == (1, [])


def test_the_response_is_json(there, port):
    """The body has the result as JSON."""
    answer = httpx2.post(f"http://127.0.0.1:{port}/", headers=BEARER)

    assert json.loads(answer.content) == {"result": "accepted"}
