"""
What senders and networks do, against uvicorn: with curl, httpx2 and bare sockets.
"""

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
def test_curl(there, port, options):
    """
    200: a batch, in each way that curl knows to send one.
    """
    answer = curl(port, batch(click()), *options)

    assert (answer, len(there.sink.calls)) == ('{"result":"accepted"} 200', 1)


@needs_curl
def test_curl_is_told_that_it_is_not_known(there, port):
    """
    401 to a large upload is seen as a 401, not as a reset; Braze would try again.
    """
    answer = curl(port, b" " * LARGE, "-H", "Authorization: Bearer other")

    assert answer.endswith(" 401")


@pytest.mark.parametrize("is_zipped", [False, True])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_httpx2(there, port, is_zipped, in_chunks):
    """
    200: chunked or counted, gzipped or not.
    """
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
def test_a_connection_is_kept_after_a_401(there, port, refused):
    """
    200: a refused request, its body unread, does not spoil the next on its connection.
    """
    with Wire(port) as wire:
        wire.send(counted(refused, token="other"))
        assert wire.status() == 401
        wire.send(counted(batch(click())))
        assert wire.status() == 200
        wire.send(counted(b""))
        assert wire.status() == 200

    assert len(there.sink.calls) == 1


def test_requests_may_be_pipelined(there, port):
    """
    200, 401, 200: answers come in the order of their requests.
    """
    one, other = counted(batch(click())), counted(b"x", token="other")
    with Wire(port) as wire:
        wire.send(one + other + chunked(batch(click()), 50))

        assert [wire.status() for _ in range(3)] == [200, 401, 200]
    assert len(there.sink.calls) == 2


def test_half_a_body_is_nothing(there, port):
    """
    A sender that goes away in mid-body has sent nothing, and the receiver lives on.
    """
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
    """
    100 to whom we know; 401 at once to whom we do not.
    """
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


def test_a_body_that_drips_is_put_off():
    """
    503 when a body takes too long, however alive its sender is; others are served.
    """
    with served(limits=SMALL) as (port, there), Wire(port) as slow:
        slow.send(head("Content-Length: 1000") + b'{"events"')
        with Wire(port) as quick:
            quick.send(counted(batch(click())))
            assert quick.status() == 200
        assert slow.status() == 503

        assert (len(there.sink.calls), there.dead.records) == (1, [])


def test_the_answer_is_json(there, port):
    """
    A word, as JSON.
    """
    answer = httpx2.post(f"http://127.0.0.1:{port}/", headers=BEARER)

    assert json.loads(answer.content) == {"result": "accepted"}
