"""Tests of the Heap sinks over real connections on 127.0.0.1."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import errno
import os
import pickle
import socket
import socketserver
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap import AsyncHeapSink, HeapSink
from braze_heap.heap._answers import Answer
from braze_heap.heap._core import TOKEN_PATH, HeapCore, Secret
from braze_heap.heap._delivery import deliver as delivery_steps
from braze_heap.heap._options import HeapOptions
from braze_heap.heap.calls import AddUserProperties, Call, DeleteUser, Track
from braze_heap.reasons import Reason
from braze_heap.sinks import Receipt
from braze_heap.testing import check_async_sink, check_sink
from braze_heap.testing.fake_heap import FakeHeap, Fault, Poison, Stall, Status
from tests.heap.support import MOMENT, Clock, Deliver, deliver, track, tracks
from tests.support.faults import EndlessBody
from tests.support.for_each import for_each


def is_number(number: int) -> Any:
    """Return a predicate that is true for one event."""
    return lambda item: item.get("properties", {}).get("n") == number


def test_calls_arrive_unchanged(heap: FakeHeap, shell: Deliver) -> None:
    """Events are sent first, then user properties, then deletions."""
    calls: list[Call] = [
        DeleteUser("gone"),
        AddUserProperties("jane", {"braze_email": "opted_in"}),
        track(1, "jane", text="\U0001f600 \u2028 é"),
    ]

    receipt = shell(heap, calls, api_key="secret")

    assert receipt == Receipt(3)
    assert heap.events["key-1"]["properties"] == {"n": 1, "text": "\U0001f600 \u2028 é"}
    assert heap.people == {"jane": {"braze_email": "opted_in"}}
    assert heap.deleted == ["gone"]
    assert [request.path.rsplit("/")[-1] for request in heap.requests] == [
        "track",
        "add_user_properties",
        "auth_token",
        "user_deletion",
    ]


def test_user_properties_are_merged_by_identity(heap: FakeHeap, shell: Deliver) -> None:
    """User properties of an identity become one item. Later values win."""
    properties = [{"a": 1, "b": 1}, {"b": 2}, {"c": 3}]

    receipt = shell(heap, [AddUserProperties("jane", {**each}) for each in properties])

    assert receipt == Receipt(3)
    assert heap.people == {"jane": {"a": 1, "b": 2, "c": 3}}
    assert heap.counts.users == 1


def test_rejected_user_properties_are_isolated(heap: FakeHeap, shell: Deliver) -> None:
    """If Heap rejects merged user properties, only the bad call is rejected."""
    heap.always(Poison(lambda item: "bad" in item.get("properties", {})))
    calls: list[Call] = [AddUserProperties("jane", {"a": 1})]
    calls += [
        AddUserProperties("jane", {"bad": 1}),
        AddUserProperties("jane", {"c": 3}),
    ]

    receipt = shell(heap, [*calls, track(1)])

    assert [rejection.index for rejection in receipt.rejections] == [1]
    assert heap.people == {"jane": {"a": 1, "c": 3}}


def test_request_has_at_most_1000_items(heap: FakeHeap, shell: Deliver) -> None:
    """1,001 events are sent in two requests."""
    assert shell(heap, tracks(1001)) == Receipt(1001)
    assert [request.items for request in heap.requests] == [1000, 1]


def test_body_size_is_bounded(heap: FakeHeap, shell: Deliver) -> None:
    """No body exceeds the limit, unless a single event does."""
    shell(heap, [*tracks(50), track(51, text="x" * 1000)], max_bytes=1000)

    sizes = [request.size for request in heap.requests]
    assert max(sizes[:-1]) <= 1040
    assert heap.counts.events == 51


@pytest.mark.parametrize("named", [True, False])
def test_one_rejected_event_of_1000(
    heap: FakeHeap, shell: Deliver, named: bool
) -> None:
    """999 events are delivered and one is rejected, with 3 or 21 requests."""
    for number in (0, 500, 999):
        heap.clear()
        heap.always(Poison(is_number(number), named=named))

        receipt = shell(heap, tracks(1000))

        (rejection,) = receipt.rejections
        assert (receipt.accepted, rejection.index) == (999, number)
        assert (rejection.reason, rejection.status) == (Reason.REJECTED_BY_HEAP, 400)
        assert heap.events.keys() == {f"key-{n}" for n in range(1000) if n != number}
        assert len(heap.requests) <= (3 if named else 21)


def test_sixty_named_indexes_are_isolated(heap: FakeHeap, shell: Deliver) -> None:
    """
    If Heap names the indexes, 60 rejected events of 1,000 need at most 64 requests.
    """
    heap.always(Poison(lambda item: item["properties"]["n"] % 17 == 0))

    receipt = shell(heap, tracks(1000))

    assert {r.index for r in receipt.rejections} == set(range(0, 1000, 17))
    assert len(heap.requests) <= 64


def test_wrong_index_is_detected(heap: FakeHeap, shell: Deliver) -> None:
    """A wrong index is detected by sending that item alone."""
    lie = "postBody.events[0] should NOT be valid"

    class Liar(Poison):
        def _text(self, path: str) -> str:
            return lie

    heap.always(Liar(is_number(700)))

    receipt = shell(heap, tracks(1000))

    assert [rejection.index for rejection in receipt.rejections] == [700]
    assert len(heap.requests) <= 64


def test_index_right_by_chance_is_not_trusted(heap: FakeHeap, shell: Deliver) -> None:
    """
    A Heap that always names index 0 is right by chance, and is verified each time.
    """

    class Parrot(Poison):
        def _text(self, path: str) -> str:
            return "postBody.events[0] should NOT be valid"

    heap.always(Parrot(lambda item: item["properties"]["n"] in (0, 1, 700)))

    receipt = shell(heap, tracks(1000))

    assert [rejection.index for rejection in receipt.rejections] == [0, 1, 700]
    assert len(heap.requests) <= 64


def test_isolation_is_bounded(heap: FakeHeap, shell: Deliver) -> None:
    """Events that 64 requests do not isolate are rejected."""
    heap.always(Poison(lambda item: item["properties"]["n"] % 2, named=False))

    receipt = shell(heap, tracks(1000))

    assert len(heap.requests) <= 64
    assert receipt.accepted == heap.counts.events > 0
    assert receipt.accepted + len(receipt.rejections) == 1000


def test_body_limit_is_learned(heap: FakeHeap, shell: Deliver) -> None:
    """After a 413 later bodies stay below the limit."""
    with FakeHeap(rate_limits=False, max_body=90_000) as small:
        receipt = shell(small, tracks(1000), tracks(1000))
        statuses = [request.status for request in small.requests]

    assert receipt == Receipt(1000)
    assert statuses.count(413) == 1
    assert small.counts.events == 1000


def test_413_for_everything_raises(heap: FakeHeap, shell: Deliver) -> None:
    """413 for every body is a configuration error, found after 65 requests."""
    heap.always(Status(413))

    with pytest.raises(SinkUnavailable, match="everything too large"):
        shell(heap, tracks(1000))

    assert len(heap.requests) == 65


def test_single_too_large_event_is_rejected(heap: FakeHeap, shell: Deliver) -> None:
    """An event that is too large on its own is rejected."""
    with FakeHeap(rate_limits=False, max_body=3000) as small:
        receipt = shell(small, [track(1), track(2, text="x" * 5000), track(3)])

    assert [(r.index, r.status) for r in receipt.rejections] == [(1, 413)]
    assert small.counts.events == 2


def test_unwritable_calls_are_rejected_locally(heap: FakeHeap, shell: Deliver) -> None:
    """A call that cannot be JSON is not sent, and does not stop the others."""
    bad: list[Call] = [track(1, x=float("nan")), track(2, x="\ud800"), track(3)]
    bad += [AddUserProperties("jane", {"x": object()})]  # type: ignore[dict-item]
    bad += [AddUserProperties("jane", {"a": 1})]

    receipt = shell(heap, bad)

    assert [rejection.index for rejection in receipt.rejections] == [0, 1, 3]
    assert heap.events.keys() == {"key-3"}
    assert heap.people == {"jane": {"a": 1}}


@pytest.mark.parametrize(
    "answer",
    [
        Status(200, body=b'{"x": "%b"}' % (b"x" * 100_000), apply=True),
        Status(204, apply=True),
    ],
    ids=["long", "empty"],
)
def test_long_answer_counts(heap: FakeHeap, shell: Deliver, answer: Fault) -> None:
    """A 2xx with a declared end is accepted after its first 4 kB."""
    heap.always(answer)

    assert shell(heap, tracks(3)) == Receipt(3)
    assert len(heap.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [EndlessBody(), Status(200, body=b"\r\n" * 4096 + b"<html></html>")],
    ids=["endless", "page"],
)
def test_long_answer_that_begins_with_blanks_is_not_a_success(
    heap: FakeHeap, shell: Deliver, answer: Fault
) -> None:
    """A page may begin with empty lines, Heap's JSON does not."""
    heap.always(answer)

    with pytest.raises(SinkUnavailable) as raised:
        shell(heap, tracks(1))

    assert raised.value.misconfigured


def test_answer_without_framing_is_retried(heap: FakeHeap, shell: Deliver) -> None:
    """If only the closed connection ends a body, it may be incomplete."""
    heap.script(EndlessBody(chunked=False, apply=True))

    assert shell(heap, tracks(3)) == Receipt(3)
    assert (len(heap.requests), heap.counts.duplicates) == (2, 3)


@pytest.mark.parametrize("status", [300, 301, 401, 402, 403, 404, 405, 410, 415, 451])
def test_configuration_error_raises(
    heap: FakeHeap, shell: Deliver, status: int
) -> None:
    """A configuration error raises at once, and no event is rejected."""
    heap.always(Status(status))
    host = heap.url.removeprefix("http://")

    with pytest.raises(SinkUnavailable, match=f"{host} answers {status}.*check app_id"):
        shell(heap, tracks(5))

    assert len(heap.requests) == 1


PAGES = {
    "html": b"<!DOCTYPE html><html><body>Please log in</body></html>",
    "blank first": b"\r\n  <html></html>",
    "long": b"<html>" + b"x" * 10_000,
    "text": b"OK",
    "cut": b'{"status": ',
    "nested": b"[" * 4_000,
    "utf-16": "<html>".encode("utf-16"),
}
CALLS: dict[str, Call] = {
    "track": track(1),
    "user properties": AddUserProperties("person", {"plan": "a"}),
    "deletion": DeleteUser("person"),
}


@for_each("page", PAGES.values())
@for_each("code", [200, 201, 206])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_success_that_is_not_json_is_a_configuration_error(
    heap: FakeHeap, shell: Deliver, call: Call, page: bytes, code: int
) -> None:
    """A proxy or a wrong host answers 200 with a page: nothing was delivered."""
    heap.clear()
    heap.always(Status(code, body=page, headers={"Content-Type": "text/html"}))

    with pytest.raises(SinkUnavailable, match=r"not JSON: a proxy.*url") as raised:
        shell(heap, [call], api_key="secret")

    assert raised.value.misconfigured
    assert raised.value.context["status"] == code
    assert len(heap.requests) == 1


@pytest.mark.parametrize("path", ["user_deletion", "add_user_properties"])
def test_page_after_other_successes_is_an_error(
    heap: FakeHeap, shell: Deliver, path: str
) -> None:
    """Each request needs a JSON answer, whatever Heap accepted before."""
    heap.always(Status(200, body=PAGES["html"], path=f"/api/public/v0/{path}"))
    heap.script(Status(200, body=PAGES["html"], path=f"/api/{path}"))

    with pytest.raises(SinkUnavailable, match="not JSON"):
        shell(heap, [*CALLS.values()], api_key="secret")


@pytest.mark.parametrize(
    "body",
    [b"", b" \r\n", b"{}", b"[]", b"null", b"\xef\xbb\xbf{}", b' {"a": 1} \n', b'"ok"'],
)
def test_success_is_json_or_empty(heap: FakeHeap, shell: Deliver, body: bytes) -> None:
    """Heap documents ``{}``. Other JSON and an empty body are accepted too."""
    heap.always(Status(200, body=body, apply=True))

    assert shell(heap, tracks(3)) == Receipt(3)


def unused_port() -> int:
    """Return a port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])


@contextlib.contextmanager
def garbage_server() -> Iterator[int]:
    """Answer everything with bytes that are not TLS."""

    class Answering(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1024)
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_network_errors_are_distinguished(shell: Deliver) -> None:
    """DNS, refused connection, TLS and timeout have different messages."""
    with FakeHeap() as heap, garbage_server() as port:
        heap.always(Stall(30.0))
        secure = f"https://127.0.0.1:{port}"
        refused = f"http://127.0.0.1:{unused_port()}"
        errors = {}
        options: Any = {"deadline": 1.5, "sleep": time.sleep}
        for base_url in ("http://heap.invalid", refused, secure, heap.url):
            with pytest.raises(SinkUnavailable) as raised:
                shell(heap, tracks(1), base_url=base_url, **options)
            errors[base_url] = raised.value

    texts = {url: str(error) for url, error in errors.items()}
    assert "heap.invalid cannot be resolved" in texts["http://heap.invalid"]
    assert "gaierror" in texts["http://heap.invalid"]
    assert "refuses the connection" in texts[refused]
    assert "ConnectionRefusedError, errno 111 ECONNREFUSED" in texts[refused]
    assert f"TLS with {secure[8:]} fails" in texts[secure]
    assert "SSLError WRONG_VERSION_NUMBER" in texts[secure]
    assert "errno" not in texts[secure]  # OpenSSL's 1 is not EPERM
    assert f"{heap.url[7:]} does not answer in time" in texts[heap.url]
    assert [errors[url].context["host"] for url in errors] == [
        url.partition("//")[2] for url in errors
    ]
    assert errors[refused].context["errno"] == errno.ECONNREFUSED
    assert not any(error.misconfigured for error in errors.values())


def test_everything_rejected_is_a_configuration_error(
    heap: FakeHeap, shell: Deliver
) -> None:
    """If Heap rejects all and accepted nothing lately, the events are not at fault."""
    heap.always(Status(400, body=b"postBody.app_id should be string"))

    with pytest.raises(SinkUnavailable, match="accepted nothing lately") as caught:
        shell(heap, tracks(100))

    assert "Heap says: postBody.app_id should be string" in str(caught.value)

    assert len(heap.requests) <= 64


def test_single_event_is_rejected_if_heap_accepted_others(
    heap: FakeHeap, shell: Deliver
) -> None:
    """After Heap accepted something, a single bad event is rejected."""
    heap.always(Poison(is_number(7)))

    assert shell(heap, tracks(3), [track(7)]).rejections[0].index == 0


def test_throttling_is_reported(heap: FakeHeap, shell: Deliver) -> None:
    """A 429 with a long wait raises as throttled, with Heap's seconds."""
    heap.always(Status(429, headers={"Retry-After": "77"}))

    with pytest.raises(SinkUnavailable) as caught:
        shell(heap, tracks(1))

    assert (caught.value.retry_after, caught.value.throttled) == (77.0, True)
    assert len(heap.requests) == 1


def test_retry_after_is_honored(heap: FakeHeap, shell: Deliver) -> None:
    """A short ``Retry-After`` is slept. Without one, the sink backs off with jitter."""
    slept: list[float] = []
    heap.script(Status(503, headers={"Retry-After": "3"}), Status(503), Status(503))

    shell(heap, tracks(1), sleep=slept.append, random=lambda: 0.5)

    assert slept == pytest.approx([3.0, 0.15, 0.3])


def test_accepted_calls_are_not_sent_again(heap: FakeHeap) -> None:
    """
    If a batch is sent again, accepted calls are skipped, so that a batch larger than
    the rate limit makes progress.
    """
    calls = [track(number, "hot") for number in range(1000, 3500)]
    clock = Clock()
    options: dict[str, Any] = {"base_url": heap.url, "allow_http": True}
    with HeapSink("11", clock=clock, sleep=clock.sleep, **options) as sink:
        for _ in range(2):
            with pytest.raises(SinkUnavailable) as caught:
                sink.send(calls)
            assert caught.value.throttled
            clock.sleep(caught.value.retry_after or 0)
        receipt = sink.send(calls)

    assert receipt == Receipt(2500)
    assert [request.items for request in heap.requests] == [1000, 1000, 500]


def test_canceled_send_stores_accepted_calls(heap: FakeHeap) -> None:
    """After a cancellation only the rest is sent."""
    heap.script(Fault(), Stall(30))

    async def run() -> Receipt:
        options: dict[str, Any] = {"base_url": heap.url, "allow_http": True}
        async with AsyncHeapSink("11", max_bytes=1500, **options) as sink:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(sink.send(tracks(16)), 0.2)
            return await sink.send(tracks(16))

    assert asyncio.run(run()) == Receipt(16)
    items = [request.items for request in heap.requests]
    assert items[0] + sum(items[2:]) == 16


def test_trio(heap: FakeHeap) -> None:
    """The async sink retries, times out and sleeps under trio."""
    trio = pytest.importorskip("trio")
    heap.script(Status(503), Stall(30), Fault())

    async def run() -> Receipt:
        options: dict[str, Any] = {"base_url": heap.url, "allow_http": True}
        async with AsyncHeapSink("11", timeout=0.1, **options) as sink:
            return await sink.send(tracks(3))

    assert trio.run(run) == Receipt(3)
    assert [request.status for request in heap.requests] == [503, None, 200]


FORKED = """
import os, sys
from braze_heap.heap.calls import Track
from braze_heap.heap import HeapSink
def call(n): return Track("E", "jane", "2024-01-01T00:00:00+00:00", f"k{n}", {})
with HeapSink("11", base_url=sys.argv[1], allow_http=True) as sink:
    sink.send([call(0)])
    child = os.fork()
    for n in range(1, 20):
        sink.send([call(n if child else -n)])
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_shares_no_connection(heap: FakeHeap) -> None:
    """With a shared connection, parent and child would read each other's answers."""
    subprocess.run([sys.executable, "-c", FORKED, heap.url], check=True, timeout=30)

    assert (heap.counts.events, heap.counts.connections) == (39, 2)


def test_slow_resolver_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline holds while the system still resolves the host."""
    answered = threading.Event()

    def getaddrinfo(*args: Any, **kwargs: Any) -> list[Any]:
        answered.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    start = time.monotonic()
    with (
        HeapSink("11", timeout=0.05, deadline=0.1) as sink,
        pytest.raises(SinkUnavailable, match="ConnectTimeout"),
    ):
        sink.send(tracks(1))
    answered.set()

    assert time.monotonic() - start < 1.0


def test_invalid_host_name(shell: Deliver) -> None:
    """A label that is too long for the resolver raises `SinkUnavailable`."""
    url = f"https://{'x' * 70}.example"

    with FakeHeap() as heap, pytest.raises(SinkUnavailable):
        shell(heap, tracks(1), base_url=url, deadline=0.2)


def test_hot_identity_does_not_delay_others_of_the_batch(heap: FakeHeap) -> None:
    """Events of other identities are sent before the sink waits for the hot one."""
    hot = [track(number, "hot") for number in range(1500)]
    others = [track(number, f"cool-{number}") for number in range(2000, 2100)]
    clock = Clock()

    with pytest.raises(SinkUnavailable) as caught:
        deliver(heap, [*hot, *others], clock=clock, sleep=clock.sleep)

    assert caught.value.retry_after == pytest.approx(60.0, abs=1)
    assert heap.events.keys() >= {f"key-{number}" for number in range(2000, 2100)}
    assert heap.counts.events == 1100


def test_short_waits_for_the_rate_are_slept(heap: FakeHeap, shell: Deliver) -> None:
    """Within the deadline the sink itself waits for the rate limit."""
    clock = Clock()
    options = {"clock": clock, "sleep": clock.sleep, "deadline": 100.0}
    options |= {"events_a_minute": 1_500}

    assert shell(heap, tracks(1_600), **options) == Receipt(1_600)
    assert clock.now == pytest.approx(1060.25, abs=0.2)


def test_rate_limit_of_heap_is_never_exceeded() -> None:
    """Against a Heap that enforces its limits, no request gets a 429."""
    with FakeHeap() as strict:
        with pytest.raises(SinkUnavailable) as caught:
            deliver(strict, tracks(16_000))

        assert caught.value.throttled
        assert strict.counts.rate_limited == 0
        assert strict.counts.events == 15_000


def test_deletion_needs_the_api_key(heap: FakeHeap, shell: Deliver) -> None:
    """Without an API key nothing of the batch is sent."""
    with pytest.raises(SinkUnavailable, match="pass api_key"):
        shell(heap, [track(1), DeleteUser("gone")])

    assert heap.requests == []


def test_token_is_cached_and_renewed(shell: Deliver) -> None:
    """A token is used for four minutes, then renewed."""
    clock = Clock()
    with FakeHeap(clock=clock) as heap:

        def later() -> list[Call]:
            clock.sleep(130)
            return [DeleteUser(f"gone-{clock.now}")]

        shell(heap, *[later] * 4, clock=clock, api_key="secret")

        paths = [request.path.rsplit("/")[-1] for request in heap.requests]
    assert paths.count("user_deletion") == 4
    assert paths.count("auth_token") == 2


def test_revoked_token_is_renewed_once(heap: FakeHeap, shell: Deliver) -> None:
    """A 401 on a deletion fetches a new token. A second 401 raises."""
    path = "/api/public/v0/user_deletion"
    heap.script(Status(401, path=path))
    assert shell(heap, [DeleteUser("gone")], api_key="secret") == Receipt(1)

    heap.always(Status(401, path=path))
    with pytest.raises(SinkUnavailable, match="401"):
        shell(heap, [DeleteUser("gone")], api_key="secret")


def test_401_for_events_keeps_the_token(heap: FakeHeap, shell: Deliver) -> None:
    """
    Only deletions send a token: elsewhere a 401 raises at once, and the token is kept.
    """
    heap.always(Status(401, path="/api/track"))

    with pytest.raises(SinkUnavailable, match="401"):
        shell(heap, [DeleteUser("gone")], [track(1)], api_key="secret")

    assert [request.status for request in heap.requests] == [200, 201, 401]


def test_two_batches_renew_an_expired_token() -> None:
    """Two concurrent deletions both fetch a new token, and neither raises."""
    core = HeapCore(
        HeapOptions("11", clock=Clock(), now=Clock(), random=lambda: 0.5, api_key="k")
    )
    core.token = Secret("Bearer old"), 2000.0
    one, other = (delivery_steps(core, [DeleteUser(who)]) for who in "ab")
    next(one), next(other)

    asked = [steps.send(Answer(401)).path for steps in (one, other)]

    assert asked == [TOKEN_PATH, TOKEN_PATH]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"access_token": 5}', b'{"access_token": "a\\nb"}']
)
def test_unusable_token_is_a_configuration_error(
    heap: FakeHeap, shell: Deliver, body: bytes
) -> None:
    """An answer without a usable token raises."""
    heap.script(Status(200, body=body))

    with pytest.raises(SinkUnavailable, match="auth_token"):
        shell(heap, [DeleteUser("gone")], api_key="secret")


def test_wrong_api_key_raises(heap: FakeHeap, shell: Deliver) -> None:
    """The error contains Heap's 401."""
    with pytest.raises(SinkUnavailable, match="401"):
        shell(heap, [DeleteUser("gone")], api_key="wrong")


def test_threads_share_a_sink(heap: FakeHeap) -> None:
    """Sixteen threads deliver concurrently."""
    batches = [[track(n * 100 + i) for i in range(100)] for n in range(32)]
    with (
        HeapSink("11", base_url=heap.url, allow_http=True) as sink,
        ThreadPoolExecutor(16) as pool,
    ):
        receipts = list(pool.map(sink.send, batches))

    assert receipts == [Receipt(100)] * 32
    assert heap.counts.events == 3200


def test_sink_contract(heap: FakeHeap) -> None:
    """The public contract test passes."""
    refused = Track("Poison", "check-sink", MOMENT, "poison", {})
    heap.always(Poison(lambda item: item.get("event") == "Poison"))

    def factory() -> HeapSink:
        heap.clear()
        return HeapSink("11", base_url=heap.url, allow_http=True)

    def unavailable() -> HeapSink:
        return HeapSink("11", base_url="https://127.0.0.1:9", deadline=0.2)

    check_sink(
        factory,
        received=lambda: list(heap.events.values()),
        rejected=refused,
        unavailable=unavailable,
    )


def test_async_sink_contract(heap: FakeHeap) -> None:
    """The public contract test passes."""
    refused = Track("Poison", "check-sink", MOMENT, "poison", {})
    heap.always(Poison(lambda item: item.get("event") == "Poison"))

    def factory() -> AsyncHeapSink:
        heap.clear()
        return AsyncHeapSink("11", base_url=heap.url, allow_http=True)

    def unavailable() -> AsyncHeapSink:
        return AsyncHeapSink("11", base_url="https://127.0.0.1:9", deadline=0.2)

    asyncio.run(
        check_async_sink(
            factory,
            received=lambda: list(heap.events.values()),
            rejected=refused,
            unavailable=unavailable,
        )
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"region": "asia"}, "one of us, eu"),
        ({"base_url": "http://heap.example"}, "allow_http"),
        ({"base_url": "ftp://heap.example", "allow_http": True}, "https"),
        ({"base_url": "https://"}, "https"),
        ({"base_url": "https://user:pass@heap.example"}, "only a host and a path"),
        ({"base_url": "https://heap.example?x=1"}, "only a host and a path"),
        ({"deadline": 0}, "deadline"),
        ({"timeout": float("nan")}, "timeout"),
        ({"events_a_minute": 0}, "events_a_minute must be at least 1, not 0"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"base_url": "https://heap.example:99999"}, "host and port"),
        ({"app_id": " "}, "app_id"),
        ({"app_id": "11\n"}, "app_id must be that under Manage > Projects"),
        ({"app_id": "YOUR_APP_ID"}, "Heap: a number, such as 11"),
        ({"app_id": "11#x"}, "Heap: a number, such as 11"),
        ({"region": "eu", "base_url": "https://x.y"}, "region has no effect beside"),
        ({"allow_http": True}, "allow_http has no effect without base_url"),
        ({"deadline": 3, "timeout": 4}, "timeout has no effect, because it is over"),
        ({"events_a_minute": 15_001}, "is over Heap's limit, 15,000"),
        ({"identity_events_a_minute": 1_001}, "is over Heap's limit, 1,000"),
        ({"app_id": 11}, "app_id"),
    ],
)
@pytest.mark.parametrize("kind", [HeapSink, AsyncHeapSink])
def test_invalid_options_raise(
    kind: Any, options: dict[str, Any], message: str
) -> None:
    """
    An invalid option raises in the constructor, and the message contains no secret.
    """
    with pytest.raises(ValueError, match=message) as caught:
        kind(**{"app_id": "11", **options})

    assert "pass@" not in str(caught.value)


def test_another_host_has_its_own_limits() -> None:
    """Heap's limits do not apply to a host for load tests."""
    HeapSink("11", base_url="https://heap.example", events_a_minute=10**9).close()


def test_closed_sink_raises() -> None:
    """A closed sink raises `SinkUnavailable`, not an error of its HTTP client."""
    sink, async_sink = HeapSink("11"), AsyncHeapSink("11")

    async def use_async() -> None:
        await async_sink.close()
        await async_sink.close()
        await async_sink.send(tracks(1))

    sink.close()
    sink.close()

    with pytest.raises(SinkUnavailable, match="HeapSink is closed"):
        sink.send(tracks(1))
    with pytest.raises(SinkUnavailable, match="AsyncHeapSink is closed"):
        asyncio.run(use_async())


@contextlib.contextmanager
def proxy_that_refuses() -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a proxy that answers 407, and the requests that it received."""
    seen: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            seen.append(self.request.recv(65536))
            self.request.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server.server_address[1], seen
        server.shutdown()


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_proxy_of_the_environment_needs_trust_env(
    heap: FakeHeap, shell: Deliver, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy and its password are used only with ``trust_env=True``."""
    with proxy_that_refuses() as (port, seen):
        proxy = f"{scheme}joe:canary-key@127.0.0.1:{port}"
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        options: dict[str, Any] = {"base_url": "https://127.0.0.1:9", "deadline": 1.0}
        with pytest.raises(SinkUnavailable, match="ConnectError"):
            shell(heap, tracks(1), **options)
        assert seen == []

        with pytest.raises(SinkUnavailable, match="ProxyError") as caught:
            shell(heap, tracks(1), trust_env=True, **options)

    password = base64.b64encode(b"joe:canary-key")
    assert b"Proxy-Authorization: Basic " + password in seen[0]
    assert leaks(str(caught.value), repr(caught.value)) == []


@pytest.mark.parametrize(
    "proxy", ["socks5://joe:canary-key@h:1", "foo:canary-key@h:x", "http://:1", "://"]
)
@pytest.mark.parametrize("kind", [HeapSink, AsyncHeapSink])
def test_unusable_proxy_raises(
    kind: Any, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error contains advice, but not the password."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    with pytest.raises(ValueError, match="http://host:port") as caught:
        kind("11", trust_env=True)

    assert leaks("".join(traceback.format_exception(caught.value))) == []


def test_hosts_by_region() -> None:
    """The US host is the default."""
    assert "https://heapanalytics.com" in repr(HeapSink("11"))
    assert "https://c.eu.heap-api.com" in repr(HeapSink("11", region="eu"))


def test_cookies_are_not_sent_back(heap: FakeHeap) -> None:
    """A cookie of an answer is not sent with the next request."""
    seen: list[httpx2.Headers] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers)
        headers = {"set-cookie": "a=b; Path=/", "content-length": "2"}
        return httpx2.Response(200, headers=headers, content=b"{}")

    sink = HeapSink("11", transport=httpx2.MockTransport(answer))
    sink.send(tracks(1))
    sink.send(tracks(1))

    assert len(seen) == 2
    assert all("cookie" not in headers for headers in seen)


CANARIES = ("canary-key", "canary-person", "canary-value", "Y2FuYXJ5")


def leaks(*texts: str) -> list[str]:
    """Return the canaries in *texts*. The last canary is base64."""
    return [canary for canary in CANARIES for text in texts if canary in text]


@pytest.mark.parametrize(
    "fault",
    [
        Status(401),
        Status(400, body=b"'canary-value' of canary-person is bad"),
        Status(503, headers={"X-Echo": "nothing"}),
        Fault(),
    ],
)
def test_no_secret_and_no_value_leaks(
    shell: Deliver, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Logs at DEBUG (also httpx2's), receipts, exceptions and tracebacks contain none.
    """
    caplog.set_level("DEBUG")
    calls: list[Call] = [
        track(1, "canary-person", text="canary-value"),
        track(2, "canary-person", text="canary-value"),
        AddUserProperties("canary-person", {"text": "canary-value"}),
        DeleteUser("canary-person"),
    ]
    shown, key = "", CANARIES[0]
    with FakeHeap(api_key=key) as heap:
        heap.always(fault)
        try:
            shown = repr(shell(heap, calls, api_key=key, deadline=0.3))
        except SinkUnavailable as error:
            shown = repr(error) + str(error) + traceback.format_exc()
            shown += repr(error.__context__) + repr(error.__cause__)
            shown += repr(pickle.loads(pickle.dumps(error)))
    logged = [str(record.__dict__) + record.getMessage() for record in caplog.records]

    assert leaks(shown, *logged) == []


@pytest.mark.parametrize("kind", [HeapSink, AsyncHeapSink])
def test_no_secret_in_repr_or_pickle(kind: Any) -> None:
    """The repr of a sink contains no secret, and it cannot be pickled or copied."""
    sink = kind("11", api_key="canary-key")

    assert leaks(repr(sink), repr(vars(sink)), repr(sink._core.settings)) == []
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=f"^{kind.__name__} cannot be pickled"):
            take(sink)


def test_region_and_base_url_exclude_each_other() -> None:
    """One of them would have no effect."""
    with pytest.raises(ValueError, match="region has no effect beside base_url"):
        HeapSink("11", region="eu", base_url="https://heap.example.com")
