"""Tests of `FakeHeap`, over connections on 127.0.0.1."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from attrs import define, frozen

from braze_heap.testing import assert_legal
from braze_heap.testing.fake_heap import (
    Exchange,
    FakeHeap,
    Fault,
    Latency,
    Poison,
    Reset,
    Stall,
    Status,
    WireResponse,
)
from tests.support.faults import (
    CutStatusLine,
    Drip,
    EndlessBody,
    Garbage,
    HalfClose,
    redirect,
)

BROKEN = (OSError, http.client.HTTPException)


@define
class Clock:
    """A clock that a test advances."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Provide a clock that only the test advances."""
    return Clock()


@pytest.fixture
def heap(clock: Clock) -> Iterator[FakeHeap]:
    """Provide a running server with the clock of the test."""
    with FakeHeap(clock=clock) as running:
        yield running


def port_of(heap: FakeHeap) -> int:
    """Return the port of *heap*."""
    return int(heap.url.rpartition(":")[2])


def connect(heap: FakeHeap, timeout: float = 5.0) -> http.client.HTTPConnection:
    """Open a connection that is kept alive."""
    return http.client.HTTPConnection("127.0.0.1", port_of(heap), timeout=timeout)


def raw(heap: FakeHeap, data: bytes = b"") -> socket.socket:
    """Open a bare socket and send *data*."""
    sock = socket.create_connection(("127.0.0.1", port_of(heap)), timeout=5)
    sock.sendall(data)

    return sock


def exchange(
    connection: http.client.HTTPConnection, body: object, path: str = "/api/track"
) -> tuple[int, str]:
    """Send one JSON body, and return status and text."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", path, data, {"Content-Type": "application/json"})
    answer = connection.getresponse()

    return answer.status, answer.read().decode()


def post(
    heap: FakeHeap, body: object, path: str = "/api/track", timeout: float = 5.0
) -> tuple[int, str]:
    """Send one JSON body on a connection of its own."""
    connection = connect(heap, timeout)
    try:
        return exchange(connection, body, path)
    finally:
        connection.close()


def event(key: str = "key-1", **changes: object) -> dict[str, Any]:
    """Build a legal event."""
    return {
        "event": "Braze Email Click",
        "identity": "jane",
        "properties": {"link": "hero"},
        "timestamp": "2017-03-10T22:21:56+00:00",
        "idempotency_key": key,
        **changes,
    }


def bulk(*events: object, app_id: str = "11") -> dict[str, Any]:
    """Build a bulk track."""
    return {"app_id": app_id, "events": list(events)}


def many(number: int, start: int = 0, **changes: object) -> dict[str, Any]:
    """Build a bulk track with so many events."""
    return bulk(*(event(f"key-{n}", **changes) for n in range(start, start + number)))


def users(*items: object, app_id: str = "11") -> dict[str, Any]:
    """Build a bulk call of user properties."""
    return {"app_id": app_id, "users": list(items)}


def request_bytes(body: object, *headers: str) -> bytes:
    """Write a track with ``Content-Length`` by hand."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        "POST /api/track HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(data)}",
        *headers,
    ]

    return "\r\n".join([*lines, "", ""]).encode() + data


def read_all(sock: socket.socket) -> bytes:
    """Read until the other side ends."""
    data = b""
    while piece := sock.recv(65536):
        data += piece

    return data


def eventually(truth: Callable[[], bool]) -> bool:
    """Wait until *truth* returns true, two seconds at most."""
    end = time.monotonic() + 2.0
    while not truth() and time.monotonic() < end:
        time.sleep(0.005)

    return truth()


# --- What Heap takes ------------------------------------------------------------------


def test_single_event_is_stored_by_its_key(heap: FakeHeap) -> None:
    """A single event is answered with 200 and {}, and stored without the app id."""
    answer = post(heap, {"app_id": "11", **event()})

    assert answer == (200, "{}")
    assert {"key-1": event()} == heap.events


def test_bulk_events_are_stored_by_their_keys(heap: FakeHeap) -> None:
    """The events of a bulk call are stored by their keys."""
    answer = post(heap, bulk(event("a"), event("b")))

    assert answer == (200, "{}")
    assert {"a": event("a"), "b": event("b")} == heap.events


def test_stored_event_is_legal(heap: FakeHeap) -> None:
    """A stored event can be checked with `assert_legal`."""
    post(heap, {"app_id": "11", **event()})

    assert_legal(heap.events["key-1"])


def test_repeated_key_has_no_effect(heap: FakeHeap) -> None:
    """A later event with the same key changes nothing, and is counted as a repeat."""
    post(heap, bulk(event("a"), event("a", event="Other")))
    post(heap, {"app_id": "11", **event("a", event="Third")})

    assert {"a": event("a")} == heap.events
    assert (heap.counts.events, heap.counts.duplicates) == (1, 2)


def test_each_event_without_a_key_is_stored(heap: FakeHeap) -> None:
    """Events without an idempotency key are not deduplicated."""
    bare = {"event": "Click", "user_id": "17"}

    post(heap, bulk(bare, bare))

    assert {"unkeyed-1": bare, "unkeyed-2": bare} == heap.events


def test_user_properties_are_merged(heap: FakeHeap) -> None:
    """User properties of one identity are merged, and the last write wins."""
    path = "/api/add_user_properties"
    post(heap, users({"identity": "jane", "properties": {"a": 1, "b": 1}}), path)
    post(heap, {"app_id": "11", "identity": "jane", "properties": {"b": 2}}, path)

    assert heap.people == {"jane": {"a": 1, "b": 2}}


def test_wrong_app_id_is_accepted(heap: FakeHeap) -> None:
    """Events for a wrong app id are answered with 200, stored apart and counted."""
    answer = post(heap, bulk(event("a"), app_id="12"))

    assert answer == (200, "{}")
    assert heap.events == {}
    assert {"a": event("a")} == heap.other_apps["12"].events
    assert heap.counts.wrong_app == 1


def without(name: str) -> dict[str, Any]:
    """Build an event that lacks a field."""
    return {key: value for key, value in event().items() if key != name}


INVALID_EVENTS: list[tuple[str, object]] = [
    (" should be object", []),
    (" should have required property 'event'", without("event")),
    (" should match exactly one schema in oneOf", without("identity")),
    (" should match exactly one schema in oneOf", event(user_id="17")),
    (" should NOT have additional properties", event(app_id="11")),
    (".event should be string", event(event=5)),
    (".event should NOT be shorter than 1 characters", event(event="")),
    (".event should NOT be longer than 1024 characters", event(event="e" * 1025)),
    (".identity should be string", event(identity=17)),
    (".identity should NOT be shorter than 1 characters", event(identity="")),
    (".identity should NOT be longer than 255 characters", event(identity="i" * 256)),
    (".properties should be object", event(properties=[])),
    (".properties should be object", event(properties=None)),
    (".properties.b should be array,number,string", event(properties={"b": True})),
    (".properties.b should be array,number,string", event(properties={"b": None})),
    (".properties['a b'] should be array,number,string", event(properties={"a b": {}})),
    (".properties.b[1] should be number,string", event(properties={"b": ["x", None]})),
    (
        ".properties.b should NOT be longer than 1023",
        event(properties={"b": "v" * 1024}),
    ),
    (".properties property name 'kkk", event(properties={"k" * 1024: 1})),
    ('.timestamp should match format "date-time"', event(timestamp="yesterday")),
    (
        '.timestamp should match format "date-time"',
        event(timestamp="2017-03-10T22:21:56"),
    ),
    (
        '.timestamp should match format "date-time"',
        event(timestamp="2017-03-10T22:21:56.1234+00:00"),
    ),
    (
        '.timestamp should match format "date-time"',
        event(timestamp="2017-03-10T22:21:56.1234567Z"),
    ),
    (".timestamp should be string", event(timestamp=1489184516)),
    (".idempotency_key should be string", event(idempotency_key=None)),
    (".session_id should be number,string", event(session_id=None)),
    (
        ".user_id should match pattern",
        {"event": "x", "user_id": "5b3ddc6f1cc18cd8f2a3d9c1"},
    ),
]


@pytest.mark.parametrize(("rule", "invalid"), INVALID_EVENTS)
def test_invalid_event_rejects_the_whole_call(
    heap: FakeHeap, rule: str, invalid: object
) -> None:
    """One invalid event rejects the whole call, and the text names its index."""
    status, text = post(heap, bulk(event("a"), invalid, 5))

    assert status == 400
    assert text.startswith(f"postBody.events[1]{rule}")
    assert heap.events == {}
    assert heap.counts.invalid == 1


def test_rejection_of_a_single_call_has_no_index(heap: FakeHeap) -> None:
    """The text about an invalid single call has no index."""
    answer = post(heap, {"app_id": "11", **event(properties=[])})

    assert answer == (400, "postBody.properties should be object")


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("postBody should be object", []),
        ("postBody should have required property 'app_id'", {"events": []}),
        ("postBody.app_id should be string", {"app_id": 11, "events": []}),
        ("postBody.events should be array", {"app_id": "11", "events": {}}),
        ("postBody.events should NOT have more than 1000 items", many(1001)),
        ("postBody should NOT have additional properties", {**bulk(), "library": "x"}),
        ("request body should be JSON in UTF-8", b'{"app_id": "11"'),
        ("request body should be JSON in UTF-8", b'{"app_id": NaN}'),
        ("request body should be JSON in UTF-8", b"\xff{}"),
        ("request body should be JSON in UTF-8", b"[" * 100_000),
        ("request body should be JSON in UTF-8", b""),
    ],
)
def test_invalid_body_is_rejected(heap: FakeHeap, text: str, body: object) -> None:
    """A body that is not a valid call is answered with 400 and a reason."""
    assert (400, text) == post(heap, body)


@pytest.mark.parametrize(
    ("rule", "invalid"),
    [
        (" should have required property 'properties'", {"identity": "jane"}),
        (" should have required property 'identity'", {"properties": {}}),
        (" should NOT have additional properties", {"identity": "a", "user_id": "1"}),
        (".properties should be object", {"identity": "jane", "properties": []}),
        (
            ".properties property name 'ID' is",
            {"identity": "jane", "properties": {"ID": 1}},
        ),
        (
            ".properties property name 'user_id'",
            {"identity": "j", "properties": {"user_id": 1}},
        ),
        (
            ".properties.b should be number,string",
            {"identity": "j", "properties": {"b": ["x"]}},
        ),
    ],
)
def test_invalid_user_rejects_the_whole_call(
    heap: FakeHeap, rule: str, invalid: object
) -> None:
    """One invalid user rejects the whole call, and the text names its index."""
    good = {"identity": "jane", "properties": {}}

    status, text = post(heap, users(good, invalid), "/api/add_user_properties")

    assert status == 400
    assert text.startswith(f"postBody.users[1]{rule}")
    assert heap.people == {}


def test_limits_are_inclusive(heap: FakeHeap) -> None:
    """A thousand events with the greatest legal lengths are accepted."""
    longest = {"k" * 1023: "v" * 1023, "list": ["a", 1]}

    status, _ = post(
        heap, many(1000, identity="i" * 255, event="e" * 1024, properties=longest)
    )

    assert status == 200
    assert len(heap.events) == 1000


def test_content_type_has_to_be_json(heap: FakeHeap) -> None:
    """A body that is not declared as JSON is rejected."""
    connection = connect(heap)
    connection.request("POST", "/api/track", b"{}", {"Content-Type": "text/plain"})

    assert connection.getresponse().status == 400
    connection.close()


def test_response_to_head_has_no_body(heap: FakeHeap) -> None:
    """After the response to a HEAD request, the connection serves another request."""
    port = int(heap.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        for _ in range(2):
            connection.request("HEAD", "/")
            answer = connection.getresponse()

            assert (answer.status, answer.read()) == (404, b"")

    assert heap.counts.connections == 1


@pytest.mark.parametrize(
    ("status", "method", "path"),
    [
        (404, "POST", "/api/tracks"),
        (404, "GET", "/"),
        (405, "GET", "/api/track"),
        (405, "PATCH", "/api/track"),
        (405, "OPTIONS", "/api/track"),
        (405, "POST", "/api/public/v0/deletion_status/1"),
    ],
)
def test_unknown_route_is_rejected(
    heap: FakeHeap, status: int, method: str, path: str
) -> None:
    """An unknown path is answered with 404, and a wrong method with 405."""
    connection = connect(heap)
    connection.request(method, path)

    assert status == connection.getresponse().status
    connection.close()


# --- Rate limits ----------------------------------------------------------------------


def test_identity_is_limited_to_a_thousand_events_a_minute(
    heap: FakeHeap, clock: Clock
) -> None:
    """The next event of an identity within a sliding minute is answered with 429."""
    assert post(heap, many(999))[0] == 200
    clock.now += 30
    assert post(heap, many(1, start=999))[0] == 200

    assert post(heap, many(1, start=1000))[0] == 429
    assert post(heap, many(1, start=2000, identity="john"))[0] == 200

    clock.now += 29.999
    assert post(heap, many(1, start=1000))[0] == 429
    clock.now += 0.001
    assert post(heap, many(999, start=1000))[0] == 200
    assert post(heap, many(1, start=3000))[0] == 429
    assert heap.counts.rate_limited == 3


def test_app_is_limited_to_fifteen_thousand_events_a_minute(
    heap: FakeHeap, clock: Clock
) -> None:
    """A call beyond 15,000 events in a minute is answered with 429, and not counted."""
    for n in range(14):
        post(heap, many(1000, start=1000 * n, identity=f"person-{n}"))
    assert post(heap, many(999, start=14_000, identity="last"))[0] == 200

    assert (
        post(heap, bulk(event("x", identity="x"), event("y", identity="y")))[0] == 429
    )
    assert post(heap, bulk(event("x", identity="x")))[0] == 200
    assert post(heap, bulk(event("y", identity="y")))[0] == 429
    assert post(heap, bulk(event("y"), app_id="other"))[0] == 200

    clock.now += 60
    assert post(heap, bulk(event("y", identity="y")))[0] == 200
    assert len(heap.events) == 15_001


def test_repeats_count_against_the_rate(heap: FakeHeap) -> None:
    """A repeated event counts against the rate limits."""
    post(heap, many(1000))

    assert post(heap, many(1))[0] == 429


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/api/track", event()),
        ("/api/add_user_properties", {"identity": "jane", "properties": {"a": 1}}),
    ],
)
def test_single_calls_are_limited_to_thirty_in_thirty_seconds(
    heap: FakeHeap, clock: Clock, path: str, call: dict[str, Any]
) -> None:
    """The 31st single call of an identity in thirty seconds is answered with 429."""
    connection = connect(heap)

    statuses = [
        exchange(connection, {"app_id": "11", **call}, path)[0] for _ in range(31)
    ]
    clock.now += 30
    later, _ = exchange(connection, {"app_id": "11", **call}, path)

    assert statuses == [200] * 30 + [429]
    assert later == 200
    connection.close()


def test_rate_limits_can_be_disabled(clock: Clock) -> None:
    """Without rate limits, any number of events is accepted."""
    with FakeHeap(clock=clock, rate_limits=False) as heap:
        statuses = {post(heap, many(1000, start=1000 * n))[0] for n in range(16)}

    assert {200} == statuses
    assert len(heap.events) == 16_000


# --- Deletion -------------------------------------------------------------------------


def ask(
    heap: FakeHeap, method: str, path: str, authorization: str, body: object = None
) -> tuple[int, Any]:
    """Send one request with credentials."""
    connection = connect(heap)
    data = None if body is None else json.dumps(body)
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    connection.request(method, f"/api/public/v0/{path}", data, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()

    return answer.status, json.loads(text) if answer.status < 300 else text.decode()


def basic(text: str) -> str:
    """Write HTTP Basic credentials."""
    return "Basic " + base64.b64encode(text.encode()).decode()


def bearer(heap: FakeHeap) -> str:
    """Fetch a token."""
    status, answer = ask(heap, "POST", "auth_token", basic("11:secret"))
    assert status == 200

    return f"Bearer {answer['access_token']}"


@pytest.mark.parametrize(
    "authorization",
    ["", basic("11:wrong"), basic("12:secret"), "Basic %", "Bearer 11:secret"],
)
def test_token_needs_the_api_key(heap: FakeHeap, authorization: str) -> None:
    """Without the API key of the app, no token is issued."""
    assert ask(heap, "POST", "auth_token", authorization)[0] == 401


def test_users_are_deleted_with_a_token(heap: FakeHeap) -> None:
    """
    A deletion with a token removes the people, and is first pending, then complete.
    """
    post(
        heap,
        users({"identity": "jane", "properties": {"a": 1}}),
        "/api/add_user_properties",
    )
    token = bearer(heap)
    body = {"users": [{"identity": "jane"}, {"user_id": "17"}]}

    status, answer = ask(heap, "POST", "user_deletion", token, body)
    path = f"deletion_status/{answer['deletion_request_id']}"
    states = [ask(heap, "GET", path, token) for _ in range(2)]

    assert status == 201
    assert states == [(200, {"status": "pending"}), (200, {"status": "complete"})]
    assert heap.deleted == ["jane", "17"]
    assert heap.people == {}


def test_deleted_user_is_forgotten_with_all_events(heap: FakeHeap) -> None:
    """A deletion removes events by identity and by user id, and no others."""
    by_id = event("of-17", user_id="17")
    del by_id["identity"]
    post(heap, bulk(event("of-jane"), event("of-john", identity="john"), by_id))
    body = {"users": [{"identity": "jane"}, {"user_id": "17"}]}

    ask(heap, "POST", "user_deletion", bearer(heap), body)

    assert heap.events.keys() == {"of-john"}


def test_later_call_makes_a_new_user(heap: FakeHeap) -> None:
    """After a deletion, the same identity is a new user, who has only what is new."""
    update = {"identity": "jane", "properties": {"a": 1}}
    post(heap, users(update), "/api/add_user_properties")
    post(heap, bulk(event("old")))
    body = {"users": [{"identity": "jane"}]}
    ask(heap, "POST", "user_deletion", bearer(heap), body)

    later = {"identity": "jane", "properties": {"b": 2}}
    post(heap, users(later), "/api/add_user_properties")
    post(heap, bulk(event("old"), event("new")))

    assert heap.people == {"jane": {"b": 2}}
    assert heap.events.keys() == {"old", "new"}


def test_token_expires_after_five_minutes(heap: FakeHeap, clock: Clock) -> None:
    """A token is valid for five minutes of the clock."""
    token = bearer(heap)
    body = {"users": [{"identity": "jane"}]}

    clock.now += 299.9
    before = ask(heap, "POST", "user_deletion", token, body)
    clock.now += 0.1
    after = ask(heap, "POST", "user_deletion", token, body)

    assert (before[0], after[0]) == (201, 401)
    assert heap.deleted == ["jane"]


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer nonsense", basic("11:secret")]
)
def test_deletion_needs_a_token(heap: FakeHeap, authorization: str) -> None:
    """Without a token, nobody is deleted and no status is shown."""
    body = {"users": [{"identity": "jane"}]}

    assert ask(heap, "POST", "user_deletion", authorization, body)[0] == 401
    assert ask(heap, "GET", "deletion_status/1", authorization)[0] == 401
    assert heap.deleted == []


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        ("postBody should have required property 'users'", {}),
        ("postBody.users[0] should match exactly one", {"users": [{}]}),
        ("postBody.users[0] should NOT have additional", {"users": [{"email": "a"}]}),
        (
            "postBody.users should NOT have more than 10000",
            {"users": [{"identity": "a"}] * 10_001},
        ),
    ],
)
def test_invalid_deletion_is_rejected(heap: FakeHeap, rule: str, body: object) -> None:
    """An invalid deletion deletes nobody."""
    status, text = ask(heap, "POST", "user_deletion", bearer(heap), body)

    assert status == 400
    assert text.startswith(rule)
    assert heap.deleted == []


def test_unknown_deletion_is_not_found(heap: FakeHeap) -> None:
    """The status of an unknown deletion is answered with 404."""
    assert ask(heap, "GET", "deletion_status/none", bearer(heap))[0] == 404


# --- HTTP -----------------------------------------------------------------------------


def test_connection_is_kept_alive(heap: FakeHeap) -> None:
    """One connection serves several requests, including rejected ones."""
    connection = connect(heap)

    statuses = [
        exchange(connection, bulk(event(str(n)), *[0] * (n % 2)))[0] for n in range(6)
    ]

    assert statuses == [200, 400] * 3
    assert heap.counts.connections == 1
    connection.close()


def test_pipelined_requests_are_answered_in_order(heap: FakeHeap) -> None:
    """Requests that arrive together are answered in their order."""
    data = request_bytes(bulk(event("a"))) + request_bytes(b"x", "Connection: close")

    with raw(heap, data) as sock:
        answer = read_all(sock)

    assert answer.index(b"HTTP/1.1 200 OK") < answer.index(b"HTTP/1.1 400 Bad Request")


def test_expect_continue_is_answered_before_the_body(heap: FakeHeap) -> None:
    """``Expect: 100-continue`` is answered before the body arrives."""
    data = request_bytes(bulk(event()), "Expect: 100-continue", "Connection: close")
    head, _, body = data.partition(b"\r\n\r\n")

    with raw(heap, head + b"\r\n\r\n") as sock:
        first = sock.recv(1000)
        sock.sendall(body)
        answer = read_all(sock)

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_http_1_0_connection_is_closed(heap: FakeHeap) -> None:
    """After an answer to an HTTP/1.0 client, the connection is closed."""
    with raw(
        heap, request_bytes(bulk(event())).replace(b"HTTP/1.1", b"HTTP/1.0")
    ) as sock:
        answer = read_all(sock)

    assert b"Connection: close" in answer
    assert answer.endswith(b"{}")


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (400, b"nonsense\r\n\r\n"),
        (400, b"GET /\r\n\r\n"),
        (400, b"POST /api/track HTTP/1.1\r\nno colon\r\n\r\n"),
        (400, b"POST /api/track HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        (400, b"POST /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        (411, b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"),
        (431, b"POST /a HTTP/1.1\r\nX: " + b"x" * 100_000),
        (505, b"POST /a HTTP/2.0\r\n\r\n"),
    ],
)
def test_request_that_is_not_http_is_rejected(
    heap: FakeHeap, status: int, data: bytes
) -> None:
    """A request that cannot be read is rejected, and its connection is closed."""
    with raw(heap, data) as sock:
        answer = read_all(sock)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert [status] == [record.status for record in heap.requests]


@pytest.mark.parametrize(
    "data",
    [
        request_bytes(bulk(event()))[:-1],
        b"POST /api/tr",
    ],
)
def test_incomplete_request_has_no_effect(heap: FakeHeap, data: bytes) -> None:
    """A request that ends too early changes nothing, and gets no answer."""
    with raw(heap, data) as sock:
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)

    assert answer == b""
    assert heap.events == {}
    assert heap.requests == []


def test_large_body_is_rejected() -> None:
    """A body beyond the limit is answered with 413 while the client still sends."""
    with FakeHeap(max_body=100_000) as heap:
        connection = connect(heap)
        connection.request("POST", "/api/track", b" " * 400_000)
        status = connection.getresponse().status
        connection.close()
        within = post(heap, b" " * 100_000)

    assert (status, within[0]) == (413, 400)


# --- Faults ---------------------------------------------------------------------------


def test_each_request_takes_one_scripted_fault(heap: FakeHeap) -> None:
    """Each request takes one fault of the script, and then answers are normal."""
    heap.script(Status(500), Status(503), Status(429))
    connection = connect(heap)

    statuses = [exchange(connection, bulk(event()))[0] for _ in range(4)]

    assert statuses == [500, 503, 429, 200]
    assert statuses == [record.status for record in heap.requests]
    assert heap.scripted == ()
    assert (heap.counts.faults, heap.counts.connections) == (3, 1)
    connection.close()


def test_status_has_headers_and_a_body(heap: FakeHeap) -> None:
    """A scripted answer has its headers and its body."""
    heap.script(Status(503, {"Retry-After": "7"}, b"<html>"))
    connection = connect(heap)
    connection.request("POST", "/api/track", b"{}")
    answer = connection.getresponse()

    assert (answer.status, answer.getheader("Retry-After"), answer.read()) == (
        503,
        "7",
        b"<html>",
    )
    connection.close()


@pytest.mark.parametrize("code", [200, 204, 304, 404, 500, 599, 999])
def test_status_keeps_the_connection_open(heap: FakeHeap, code: int) -> None:
    """After any status, the connection serves another request."""
    heap.script(Status(code, body=b"x"))
    connection = connect(heap)

    statuses = [exchange(connection, bulk(event()))[0] for _ in range(2)]

    assert [code, 200] == statuses
    assert heap.counts.connections == 1
    connection.close()


def test_wrong_content_length_truncates_the_body(heap: FakeHeap) -> None:
    """An answer with a longer ``Content-Length`` ends before its declared end."""
    heap.script(Status(200, {"content-length": "100"}, b"{}"))

    with pytest.raises(http.client.IncompleteRead):
        post(heap, bulk(event()))


APPLYING: list[tuple[Fault, Fault]] = [
    (Status(500), Status(500, apply=True)),
    (Reset(), Reset(after_applying=True)),
    (Stall(0.01), Stall(0.01, apply=True)),
    (CutStatusLine(), CutStatusLine(apply=True)),
    (EndlessBody(seconds=0.01), EndlessBody(seconds=0.01, apply=True)),
    (redirect("http://127.0.0.1:9/"), redirect("http://127.0.0.1:9/", apply=True)),
    (Garbage(), Garbage(apply=True)),
]


@pytest.mark.parametrize(("lost", "applied"), APPLYING)
def test_fault_can_come_before_or_after_the_effect(
    heap: FakeHeap, lost: Fault, applied: Fault
) -> None:
    """A fault prevents the answer, and optionally also the effect of the request."""
    heap.script(lost, applied)

    for key in ("lost", "applied"):
        try:
            status, _ = post(heap, bulk(event(key)))
        except BROKEN:
            status = 0
        assert status != 200

    assert {"applied"} == heap.events.keys()
    assert len(heap.requests) == 2
    assert heap.scripted == ()


def test_paused_server_refuses_connections(heap: FakeHeap) -> None:
    """A paused server refuses connections, and keeps its data until it resumes."""
    post(heap, bulk(event("a")))
    connection = connect(heap)
    exchange(connection, bulk(event("b")))
    url = heap.url

    heap.pause()
    with pytest.raises(ConnectionRefusedError):
        post(heap, bulk(event("c")))
    with pytest.raises(BROKEN):
        exchange(connection, bulk(event("c")))
    heap.resume()

    assert post(heap, bulk(event("d")))[0] == 200
    assert url == heap.url
    assert {"a", "b", "d"} == heap.events.keys()
    connection.close()


def test_reset_sends_rst(heap: FakeHeap) -> None:
    """The client sees a reset instead of the end of the connection."""
    heap.script(Reset())

    with (
        raw(heap, request_bytes(bulk(event()))) as sock,
        pytest.raises(ConnectionResetError),
    ):
        read_all(sock)


def test_stall_ends_when_the_client_leaves(heap: FakeHeap) -> None:
    """A stalled request gets no byte, and ends when the client closes."""
    heap.script(Stall(60))

    with pytest.raises(TimeoutError):
        post(heap, bulk(event()), timeout=0.1)

    assert eventually(lambda: not connection_threads())
    assert [record.status for record in heap.requests] == [None]


def connection_threads() -> list[threading.Thread]:
    """List the threads of open connections."""
    return [
        thread
        for thread in threading.enumerate()
        if thread.name.startswith("FakeHeap-conn")
    ]


def test_drip_sends_the_answer_in_pieces(heap: FakeHeap) -> None:
    """A dripping answer arrives completely, in many pieces."""
    heap.script(Drip(0.002))

    with raw(heap, request_bytes(bulk(event()))) as sock:
        pieces = list(iter(lambda: sock.recv(65536), b""))

    assert b"".join(pieces).startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(pieces) > 40
    assert [record.status for record in heap.requests] == [200]


@pytest.mark.parametrize("apply", [False, True])
def test_half_close_ends_only_one_direction(heap: FakeHeap, apply: bool) -> None:
    """The client reads the end at once, but can go on sending."""
    heap.script(HalfClose(apply=apply))

    with raw(heap, request_bytes(bulk(event()))) as sock:
        answer = read_all(sock)
        for _ in range(3):
            sock.sendall(b"still here")
            time.sleep(0.01)

    assert answer == b""
    assert apply == bool(heap.events)


def test_cut_status_line_sends_half_a_line(heap: FakeHeap) -> None:
    """The answer ends in the middle of the status line."""
    heap.script(CutStatusLine())

    with raw(heap, request_bytes(bulk(event()))) as sock:
        answer = read_all(sock)

    assert answer == b"HTTP/1.1 20"


@pytest.mark.parametrize("chunked", [True, False])
def test_endless_body_is_sent_until_the_client_leaves(
    heap: FakeHeap, chunked: bool
) -> None:
    """The body goes on as long as the client reads it."""
    heap.script(EndlessBody(chunked=chunked))
    connection = connect(heap)
    connection.request("POST", "/api/track", b"{}")
    answer = connection.getresponse()

    read = sum(len(answer.read(1000)) for _ in range(50))
    connection.close()
    answer.close()

    assert (answer.status, read) == (200, 50_000)
    assert eventually(lambda: not connection_threads())


def test_garbage_sends_its_bytes(heap: FakeHeap) -> None:
    """The bytes of the fault are sent unchanged."""
    heap.script(Garbage(b"\0\xff"))

    with raw(heap, request_bytes(bulk(event()))) as sock:
        answer = read_all(sock)

    assert answer == b"\0\xff"


def test_latency_delays_the_answer(heap: FakeHeap) -> None:
    """The answer comes after the wait."""
    heap.script(Latency(0.1))
    start = time.monotonic()

    status, _ = post(heap, bulk(event()))

    assert status == 200
    assert time.monotonic() - start >= 0.1


def test_delayed_request_takes_effect_after_the_client_left(heap: FakeHeap) -> None:
    """A delayed request is applied even if the client has closed the connection."""
    heap.script(Latency(0.2))

    with pytest.raises(TimeoutError):
        post(heap, bulk(event()), timeout=0.05)

    assert heap.events == {}
    assert eventually(lambda: {"key-1"} == heap.events.keys())


def bad(item: dict[str, Any]) -> bool:
    """Return whether an item is marked as bad."""
    return bool(item.get("properties", {}).get("bad"))


def test_poison_names_the_first_matching_item(heap: FakeHeap) -> None:
    """A call with matching items is rejected with the index of the first."""
    heap.always(Poison(bad))
    poisoned = event("bad", properties={"bad": 1})

    answer = post(heap, bulk(event("a"), event("b"), poisoned, poisoned))
    clean = post(heap, bulk(event("c")))

    assert answer == (400, "postBody.events[2] should NOT be valid")
    assert clean[0] == 200
    assert {"c"} == heap.events.keys()


def test_poison_can_omit_the_index(heap: FakeHeap) -> None:
    """With ``named=False`` the answer does not name the item."""
    heap.always(Poison(bad, named=False))

    answer = post(heap, bulk(event("bad", properties={"bad": 1})))

    assert answer == (400, "Bad Request")


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("postBody", "/api/track", {"app_id": "11", **event(properties={"bad": 1})}),
        (
            "postBody.users[0]",
            "/api/add_user_properties",
            users({"identity": "jane", "properties": {"bad": 1}}),
        ),
    ],
)
def test_poison_checks_single_calls_and_users(
    heap: FakeHeap, name: str, path: str, body: object
) -> None:
    """The predicate is called with single calls and with users."""
    heap.always(Poison(bad))

    assert (400, f"{name} should NOT be valid") == post(heap, body, path)


def test_bisection_delivers_all_other_events(heap: FakeHeap) -> None:
    """
    A client that halves rejected calls delivers all events except the rejected one.
    """
    heap.always(Poison(bad, named=False))
    events = many(64)["events"]
    events[37]["properties"]["bad"] = 1
    connection = connect(heap)

    def deliver(part: list[dict[str, Any]]) -> None:
        if exchange(connection, bulk(*part))[0] == 400 and len(part) > 1:
            deliver(part[: len(part) // 2])
            deliver(part[len(part) // 2 :])

    deliver(events)

    assert {f"key-{n}" for n in range(64) if n != 37} == heap.events.keys()
    assert len(heap.requests) == 13
    connection.close()


def test_error_of_a_predicate_is_stored(heap: FakeHeap) -> None:
    """A predicate that raises is answered with 500, and its error is stored."""
    heap.always(Poison(lambda item: bool(item["nothing"])))

    status, text = post(heap, bulk(event()))

    assert (status, text) == (500, "FakeHeap was given code that raised KeyError")
    assert [KeyError] == [type(error) for error in heap.errors]


def test_fault_affects_only_its_path(heap: FakeHeap) -> None:
    """A fault for one path waits for a request for that path."""
    heap.script(Status(500, path="/api/track"), Status(503))
    person = users({"identity": "jane", "properties": {}})

    statuses = [
        post(heap, person, "/api/add_user_properties")[0],
        post(heap, person, "/api/add_user_properties")[0],
        post(heap, bulk(event()))[0],
        post(heap, bulk(event()))[0],
    ]

    assert statuses == [503, 200, 500, 200]


def test_permanent_fault_affects_every_request(heap: FakeHeap) -> None:
    """A permanent fault affects every request until it is replaced."""
    heap.always(Status(500))
    before = [post(heap, bulk(event()))[0] for _ in range(3)]
    heap.always()
    after = post(heap, bulk(event()))[0]

    assert [*before, after] == [500, 500, 500, 200]


def test_scripted_fault_comes_before_permanent_ones(heap: FakeHeap) -> None:
    """A scripted answer prevents permanent faults, and a scripted wait does not."""
    heap.always(Latency(0), Status(418))
    heap.script(Status(500), Latency(0))

    statuses = [post(heap, bulk(event()))[0] for _ in range(3)]

    assert statuses == [500, 418, 418]


def test_calm_removes_all_faults(heap: FakeHeap) -> None:
    """After `calm`, requests are answered as usual."""
    heap.script(Status(500), Reset())
    heap.always(Stall(60))

    heap.calm()

    assert post(heap, bulk(event()))[0] == 200
    assert heap.scripted == ()


@frozen
class Teapot(Fault):
    """A fault of somebody else."""

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Count the items."""
        return WireResponse.text(418, ",".join(exchange.items))


def test_own_fault_is_played(heap: FakeHeap) -> None:
    """A subclass of `Fault` can be scripted."""
    heap.script(Teapot())

    assert post(heap, many(2)) == (418, "postBody.events[0],postBody.events[1]")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Status(100),
        lambda: Status(1000),
        lambda: Stall(-1),
        lambda: Stall(float("inf")),
        lambda: Latency(float("nan")),
        lambda: Latency(601),
    ],
)
def test_invalid_fault_raises_at_once(make: Callable[[], Fault]) -> None:
    """A fault with an invalid status or wait cannot be created."""
    with pytest.raises(ValueError, match=r"must be"):
        make()


def test_faults_compare_by_content() -> None:
    """Faults are immutable, and compare by content."""
    fault = Status(503, {"Retry-After": "1"})

    assert Status(503, {"Retry-After": "1"}) == fault
    with pytest.raises(AttributeError):
        fault.code = 500  # type: ignore[misc]


# --- Life -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [None, Stall(60), Latency(60), Drip(60), HalfClose(), EndlessBody()]
)
def test_closing_ends_every_wait(fault: Fault | None) -> None:
    """Closing ends all connections and threads at once."""
    with FakeHeap() as heap:
        if fault is not None:
            heap.script(fault)
            sock = raw(heap, request_bytes(bulk(event(), 5)))
        else:
            sock = raw(heap)
        assert eventually(lambda: heap.scripted == () and heap.counts.connections == 1)
        start = time.monotonic()

    assert time.monotonic() - start < 1.0
    assert not [thread for thread in threading.enumerate() if "FakeHeap" in thread.name]
    sock.close()


def test_closing_does_not_apply_a_delayed_request() -> None:
    """A request that is delayed when the server closes has no effect."""
    with FakeHeap() as heap:
        heap.script(Latency(60))
        sock = raw(heap, request_bytes(bulk(event())))
        assert eventually(lambda: heap.scripted == ())

    assert heap.events == {}
    sock.close()


def test_received_events_are_readable_after_closing() -> None:
    """After closing, the port is closed, and the events are still readable."""
    with FakeHeap() as heap:
        post(heap, bulk(event("a")))
        heap.close()

    with pytest.raises(ConnectionRefusedError):
        post(heap, bulk(event("b")))
    assert {"a"} == heap.events.keys()


def test_use_outside_of_with_raises() -> None:
    """There is no URL before the start, and no start after closing."""
    heap = FakeHeap()

    with pytest.raises(RuntimeError, match="with statement"):
        _ = heap.url
    heap.close()
    with pytest.raises(RuntimeError, match="make a new one"):
        heap.start()


def test_clear_removes_data_and_rates(heap: FakeHeap) -> None:
    """After `clear`, events, requests, counts and rates start again."""
    post(heap, many(1000))

    heap.clear()

    assert (heap.events, heap.requests, heap.counts.requests) == ({}, [], 0)
    assert post(heap, many(1000))[0] == 200


def test_properties_are_snapshots(heap: FakeHeap) -> None:
    """The events that a test has read do not change afterwards."""
    post(heap, bulk(event("a")))
    before = heap.events

    post(heap, bulk(event("b")))
    before.clear()

    assert {"a", "b"} == heap.events.keys()


def test_concurrent_clients_lose_no_event(heap: FakeHeap) -> None:
    """Sixteen clients send each event twice, and each is stored once."""
    heap.always(Latency(0.001))

    def deliver(worker: int) -> int:
        connection = connect(heap)
        calls = [
            many(5, start=5 * n, identity=f"i{worker}")
            for n in range(worker % 8, 48, 8)
        ]
        statuses = {exchange(connection, call)[0] for call in calls}
        connection.close()
        assert {200} == statuses
        return len(calls)

    with ThreadPoolExecutor(16) as pool:
        calls = sum(pool.map(deliver, range(16)))

    assert {f"key-{n}" for n in range(240)} == heap.events.keys()
    assert (heap.counts.events, heap.counts.duplicates) == (240, 240)
    assert calls == len(heap.requests)


def test_servers_are_independent() -> None:
    """Each server has its own port, script and events."""
    with FakeHeap() as one, FakeHeap() as two:
        one.script(Status(500))
        answers = [post(two, bulk(event()))[0], post(one, bulk(event()))[0]]

    assert answers == [200, 500]
    assert (len(one.events), len(two.events)) == (0, 1)


def test_repr_hides_the_api_key() -> None:
    """The API key is not in the repr."""
    with FakeHeap(api_key="canary") as heap:
        assert "canary" not in repr(heap)
        assert heap.url in repr(heap)


def test_fixture_provides_a_running_server(fake_heap: FakeHeap) -> None:
    """The pytest fixture accepts events."""
    assert post(fake_heap, bulk(event()))[0] == 200
