"""Tests of each status, through every transport."""

import gzip
import json
import threading
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.events import EmailClick
from braze_heap.exceptions import DeadLetterError, SinkUnavailable
from braze_heap.receiver import UNAUTHENTICATED, Limits, Receiver, Request
from braze_heap.sinks import MemorySink, Receipt, Rejection
from braze_heap.state import DISCARD
from braze_heap.testing import make_raw
from tests.receiver.transports import TOKEN
from tests.support.for_each import for_each

GZIP = ("Content-Encoding", "gzip")


def batch(*events: Any) -> bytes:
    return json.dumps({"events": events}).encode()


def click(**changes: Any) -> dict[str, Any]:
    return {**make_raw("users.messages.email.Click"), **changes}


class ScriptedSink(MemorySink):
    """Sink that raises or returns its *outcome*."""

    def __init__(self, outcome: Any) -> None:
        super().__init__()
        self.outcome = outcome

    def send(self, calls: Any, /) -> Receipt:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return super().send(calls) if self.outcome is None else self.outcome


def test_200_means_that_the_sink_has_the_events(endpoint):
    """200: the sink accepted every call."""
    there = endpoint()

    response = there.post(batch(click(id="one"), click(id="two")))

    assert (response.status, response.body) == (200, b'{"result":"accepted"}')
    assert [c.idempotency_key for c in there.sink.calls] == ["one", "two"]


def test_200_means_that_the_dead_letter_has_the_rest(endpoint):
    """200: a malformed event goes to the dead letter, and the others are delivered."""
    there = endpoint()
    events = [click(id=f"id-{number}") for number in range(99)]

    response = there.post(batch(*events[:50], click(time="soon"), *events[50:]))

    assert response.status == 200
    assert len(there.sink.calls) == 99
    assert [record.reason for record in there.dead.records] == ["bad_time"]


def test_200_after_heap_rejected_one_event(endpoint):
    """200: a call that Heap rejects is stored as rejected_by_heap."""
    refusal = Rejection(1, "rejected_by_heap", 400, "no")
    there = endpoint(sink=ScriptedSink(Receipt(1, (refusal,))))

    response = there.post(batch(click(id="one"), click(id="two")))

    assert response.status == 200
    assert [record.reason for record in there.dead.records] == ["rejected_by_heap"]


def test_200_if_a_mapper_raises(endpoint):
    """200: only the event whose mapper raises is stored in the dead letter."""
    mappers = bh.Mappers()

    @mappers.maps(EmailClick)
    def fail(event: EmailClick) -> bh.HeapEvent:
        if event.link_alias == "bad":
            raise ZeroDivisionError
        return bh.HeapEvent("Click")

    there = endpoint(transformer=bh.Transformer(mappers.registry()))
    bad = click(id="bad")
    bad["properties"]["link_alias"] = "bad"

    response = there.post(batch(bad, click(id="good")))

    assert response.status == 200
    assert [call.idempotency_key for call in there.sink.calls] == ["good"]
    assert [record.reason for record in there.dead.records] == ["mapper_error"]


def test_503_if_the_sink_is_unavailable(endpoint):
    """503: Retry-After is the time that the sink asks for, rounded up."""
    there = endpoint(sink=ScriptedSink(SinkUnavailable("down", retry_after=6.2)))

    response = there.post(batch(click()))

    assert (response.status, response.headers["retry-after"]) == (503, "7")


def test_503_if_the_sink_raises(endpoint):
    """503: an unexpected exception of a sink does not reject events."""
    there = endpoint(sink=ScriptedSink(ZeroDivisionError("canary")))

    response = there.post(batch(click()))

    assert (response.status, response.body) == (503, b'{"result":"unavailable"}')


def test_a_503_writes_no_dead_letters(endpoint):
    """503: dead letters are written last, because Braze resends the whole batch."""
    there = endpoint(sink=ScriptedSink(SinkUnavailable("down")))

    response = there.post(batch(click(), click(time="soon")))

    assert (response.status, there.dead.records) == (503, [])


def test_503_on_shutdown(endpoint):
    """503: a closing receiver rejects requests."""
    there = endpoint()
    there.close()

    response = there.post(batch(click()))

    assert (response.status, there.sink.calls) == (503, [])


@pytest.mark.parametrize(
    "failure", [DeadLetterError("the disk is full"), OSError(28), StopIteration()]
)
def test_503_if_the_dead_letter_fails(endpoint, failure):
    """503: Braze resends events that cannot be stored."""
    there = endpoint()
    there.dead.failure = failure

    assert there.post(b"no JSON").status == 503
    assert there.post(batch(click(time="soon"))).status == 503


def test_429_if_heap_throttles(endpoint):
    """429: Retry-After is the time until Heap's rate limit allows more."""
    slow = SinkUnavailable("the rate of the app", retry_after=0.2, throttled=True)
    there = endpoint(sink=ScriptedSink(slow))

    response = there.post(batch(click()))

    assert (response.status, response.headers["retry-after"]) == (429, "1")


@pytest.mark.parametrize("asked", [float("nan"), float("inf"), -3.0, 1e9])
def test_retry_after_is_between_one_second_and_one_hour(endpoint, asked):
    """503: the time that a sink asks for is clamped."""
    there = endpoint(sink=ScriptedSink(SinkUnavailable("down", retry_after=asked)))

    response = there.post(batch(click()))

    assert 1 <= int(response.headers["retry-after"]) <= 3600


def test_413_for_more_than_1000_events(endpoint):
    """413: Braze splits more than 1,000 events; 1,000 are accepted."""
    there = endpoint()

    assert there.post(batch(*[{}] * 1001)).status == 413
    assert there.dead.records == []
    assert there.post(batch(*[{}] * 1000)).status == 200


@pytest.mark.parametrize("encoding", [(), (GZIP,)], ids=["plain", "gzip"])
def test_413_for_a_large_body_of_two_events(endpoint, encoding):
    """413: Braze splits a large body of two events, compressed or not."""
    there = endpoint(limits=Limits(body=5000, in_flight=64_000))
    body = batch(click(pad="x" * 2500), click(pad="x" * 2500))

    response = there.post(gzip.compress(body) if encoding else body, *encoding)

    assert (response.status, there.dead.records) == (413, [])


@pytest.mark.parametrize("encoding", [(), (GZIP,)], ids=["plain", "gzip"])
def test_400_for_one_event_that_is_too_large(endpoint, encoding):
    """400: a single event cannot be split, so its bytes are stored unchanged."""
    there = endpoint(limits=Limits(body=5000, in_flight=64_000))
    body = batch(click(pad="x" * 5000))
    sent = gzip.compress(body) if encoding else body

    response = there.post(sent, *encoding)

    assert response.status == 400
    assert [sent] == [record.original for record in there.dead.records]


LARGE = b'{"a":"' + b"x" * 6000 + b'"}'
SMALL = b'{"a":["\\"}",[],{}]}'
TWO_OF_THEM = [
    b'{"events":[' + SMALL + b"," + LARGE + b"]}",
    b'{"events":[' + LARGE + b"," + SMALL + b"]}",
    b'\xef\xbb\xbf {"v":{"events":[1]},"events" : [' + SMALL + b" , " + LARGE + b"]}",
    b'{"events":[null,' + LARGE + b"]}",
    b'{"events":["' + b"x" * 6000 + b'","y"]}',
    b'{"v":1,"events":[' + LARGE + b"," + LARGE + b"]}",
]
ONE_OF_THEM = [
    b'{"events":[' + LARGE + b"]}",
    b'{"events":[{"b":[1,2],"c":' + LARGE + b"}]}",
    b'{"events":[' + LARGE + b'],"more":[1,2,3]}',
    b'{"events":["' + b'\\\\,\\",' * 2000 + b'"]}',
    b'{"events":[],"more":[' + LARGE + b"," + LARGE + b"]}",
    b'{"more":[{},{}],"v":' + LARGE + b"}",
    b'[{"events":[' + LARGE + b"," + LARGE + b"]}]",
    b'{"events":["a, b' + b" " * 6000,
    b'{"events":[ ,' + b"," * 6000,
]


@for_each(
    ("status", "body"),
    [(413, body) for body in TWO_OF_THEM] + [(400, body) for body in ONE_OF_THEM],
)
def test_two_events_are_distinguished_from_one_without_parsing(endpoint, status, body):
    """413 for a large body with a second event anywhere; 400 for any other."""
    there = endpoint(limits=Limits(body=5000, in_flight=64_000))

    response = there.post(body)

    kept = [record.original for record in there.dead.records]
    assert (status, [body] if status == 400 else []) == (response.status, kept)


def test_413_if_the_body_cannot_be_stored(endpoint):
    """413: a body beyond `in_flight` is not stored, so a 400 would lose it."""
    there = endpoint(limits=Limits(body=2000, in_flight=4000))

    response = there.post(batch(click(pad="x" * 5000)))

    assert (response.status, there.dead.records) == (413, [])


@for_each(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Bearer {TOKEN} {TOKEN}",
        f"Bearer {TOKEN}, Bearer {TOKEN}",
        "Bearer schlüssel",
        "Bearer " + "x" * 100_000,
    ],
)
def test_401_without_the_token(endpoint, authorization):
    """401: the token is missing, wrong or malformed."""
    there = endpoint()
    headers = [] if authorization is None else [("Authorization", authorization)]

    response = there.post(batch(click()), *headers, authorized=False)

    assert (response.status, response.headers["www-authenticate"]) == (401, "Bearer")
    assert (there.sink.calls, there.dead.records) == ([], [])


def test_401_for_two_credentials(endpoint):
    """401: two credentials are rejected, even if both are valid."""
    there = endpoint()

    response = there.post(batch(click()), ("Authorization", f"Bearer {TOKEN}"))

    assert response.status == 401


@pytest.mark.parametrize("body", [b"", b"{}", b'{"events": []}'])
def test_401_comes_before_the_probe(endpoint, body):
    """401: a probe needs the token too."""
    assert endpoint().post(body, authorized=False).status == 401


@for_each("space", [" ", "   "])
@for_each("around", ["", " ", "\t"])
def test_spaces_around_a_credential_are_ignored(endpoint, space, around):
    """200: spaces around the value and after the scheme are ignored."""
    value = f"{around}Bearer{space}{TOKEN}{around}"

    response = endpoint().post(b"", ("Authorization", value), authorized=False)

    assert response.status == 200


@pytest.mark.parametrize("token", ["old-token", "new-token"])
def test_tokens_rotate(endpoint, token):
    """200: each of several tokens is valid during a rotation."""
    there = endpoint(tokens=["old-token", "new-token"])
    header = ("authorization", f"bEARER {token}")

    response = there.post(batch(click()), header, authorized=False)

    assert response.status == 200


def test_authentication_can_be_disabled_explicitly(endpoint):
    """200: UNAUTHENTICATED accepts requests without a token."""
    there = endpoint(tokens=UNAUTHENTICATED)

    assert there.post(batch(click()), authorized=False).status == 200


@for_each("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
def test_405_for_anything_but_a_post(endpoint, method):
    """405: the method is not POST. Methods are case-sensitive."""
    response = endpoint().post(batch(click()), method=method)

    assert (response.status, response.headers["allow"]) == (405, "POST")


@for_each(
    "encoding",
    ["br", "deflate", "gzip, gzip", "zstd", "identity,br", "gzip;q=1", "x-identity"],
)
def test_415_for_another_encoding(endpoint, encoding):
    """415: the content encoding is not gzip."""
    there = endpoint()

    response = there.post(batch(click()), ("Content-Encoding", encoding))

    assert (response.status, response.headers["accept-encoding"]) == (415, "gzip")


@for_each("encoding", ["gzip", "GZIP", "X-Gzip", "identity, gzip", "gzip ,"])
def test_gzip_is_read(endpoint, encoding):
    """200: all spellings of gzip are accepted."""
    there = endpoint()

    response = there.post(gzip.compress(batch(click())), ("Content-Encoding", encoding))

    assert (response.status, len(there.sink.calls)) == (200, 1)


NO_OPS = [
    b"",
    b"  \r\n ",
    b"\xef\xbb\xbf",
    b"null",
    b"{}",
    b"[]",
    b'{"events": null}',
    b'{"events": []}',
    b'{"events": [], "version": 2}',
]


@for_each("body", NO_OPS)
@for_each("encoding", [(), (GZIP,)])
def test_200_for_a_probe(endpoint, body, encoding):
    """200: a request without events, in any spelling."""
    there = endpoint()

    response = there.post(gzip.compress(body) if encoding else body, *encoding)

    assert (response.status, there.dead.records) == (200, [])


EVENT = json.dumps(click()).encode()
UNREADABLE = [
    b"no JSON",
    b'{"events": [' + EVENT,
    b'{"event": [' + EVENT + b"]}",
    b'{"event_type": "users.messages.email.Click", "time": 1763900000}',
    b'{"id": "a", "time": 1763900000, "external_user_id": "u"}',
    b'{"id": {"string": "a"}, "time": {"int": 1763900000}}',
    b'{"events": {}}',
    b'{"events": 5}',
    b'{"events": "[]"}',
    b'{"events": [], "events": [' + EVENT + b"]}",
    b'{"events": [], "ev\\u0065nts": [' + EVENT + b"]}",
    b"[" + EVENT + b"]",
    b"5",
    b"false",
    b'""',
    b'{"events": []} x',
    b'{"events": []}{"events": []}',
    '{"events": []}'.encode("utf-16"),
    '{"events": []}'.encode("utf-16-le"),
    '{"events": []}'.encode("utf-32"),
    b'{"events": [' + b"[" * 64 + b"]" * 64 + b"]}",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"{}," * 400_000,
]


def test_200_for_one_bare_event(endpoint):
    """200: a body that is one event is a batch of one."""
    there = endpoint()

    response = there.post(EVENT)

    assert (response.status, there.dead.records) == (200, [])
    assert [call.idempotency_key for call in there.sink.calls] == [click()["id"]]


def test_a_bare_record_without_a_type_is_explained(endpoint):
    """400: the detail says that a storage record needs its type."""
    there = endpoint()

    there.post(b'{"id": "a", "time": 1763900000, "external_user_id": "u"}')

    (record,) = there.dead.records
    assert "without its type: add event_type" in record.detail


@for_each("body", UNREADABLE)
def test_400_after_the_body_is_stored(endpoint, body):
    """400: the bytes of an unreadable body are in the dead letter."""
    there = endpoint()

    response = there.post(body)

    assert (response.status, there.sink.calls) == (400, [])
    assert [("unreadable", body)] == [
        (r.reason, r.original) for r in there.dead.records
    ]


def test_413_for_very_much_structure_in_a_batch(endpoint):
    """413: Braze splits millions of tiny events, which are not parsed."""
    there = endpoint()

    response = there.post(b'{"events":[' + b"{}," * 3_000_000 + b"{}]}")

    assert (response.status, there.dead.records) == (413, [])


def test_413_for_few_events_with_very_much_structure(endpoint):
    """413: Braze splits two events with a million commas; one such event is stored."""
    there = endpoint()
    event = b'{"a":[' + b"0," * 600_000 + b"0]}"

    statuses = [
        there.post(b'{"events":[' + event + b"," + event + b"]}").status,
        there.post(b'{"events":[' + event.replace(b"0", b"[]") + b",{}]}").status,
        there.post(b'{"events":[' + event.replace(b"0,", b"0,0,") + b"]}").status,
    ]

    assert (statuses, len(there.dead.records)) == ([413, 413, 400], 1)


@for_each(
    "body",
    [
        b"",
        b"no gzip",
        gzip.compress(batch(click()))[:-9],
        gzip.compress(batch(click()))[:-1],
        gzip.compress(batch(click()))[:-8] + b"\0" * 8,
        gzip.compress(batch(click())) + b"x",
        gzip.compress(b"") * 200,
        zlib.compress(batch(click())),
    ],
)
def test_invalid_gzip_is_unreadable(endpoint, body):
    """
    400: damaged gzip is stored unchanged, with its format; an empty body is a probe.
    """
    there = endpoint()

    response = there.post(body, GZIP)

    kept = [(record.original, record.format) for record in there.dead.records]
    expected = (400, [(body, "gzip")]) if body else (200, [])
    assert expected == (response.status, kept)


def test_gzip_in_several_members_is_one_body(endpoint):
    """200: gzip members may be concatenated and padded with zeros."""
    there = endpoint()
    body = batch(click())
    zipped = gzip.compress(body[:99]) + gzip.compress(body[99:]) + b"\0\0\0"

    response = there.post(zipped, GZIP)

    assert (response.status, len(there.sink.calls)) == (200, 1)


@pytest.mark.slow
def test_a_gzip_bomb_is_not_decompressed(endpoint):
    """400: the compressed bytes are stored."""
    there = endpoint()
    bomb = gzip.compress(b" " * (64 << 20))

    response = there.post(bomb, GZIP)

    assert (400, [bomb]) == (response.status, [r.original for r in there.dead.records])


@for_each(
    "body",
    [
        b"\xef\xbb\xbf" + batch(click()),
        b"\r\n\t " + batch(click()) + b" \n",
        json.dumps({"version": 1, "events": [click()], "more": {}}).encode(),
        batch(click(huge=1)).replace(b'"huge": 1', b'"huge": ' + b"9" * 5001),
        batch(click(huge=1)).replace(b'"huge": 1', b'"huge": NaN'),
        batch(click(text="?")).replace(b'"?"', b'"\xff\xfe"'),
        batch(click(text="?")).replace(b'"?"', b'"\\ud800\\u0000"'),
        batch(click(twice=1)).replace(b'"twice": 1', b'"twice": 1, "twice": 2'),
        batch(click(events=1)).replace(b'"events": 1', b'"events": 1, "events": 2'),
        batch(click()).replace(b"events", b"\\u0065vents", 1),
        batch(click(key=1)).replace(b'"key"', b'"\xff\\u0000"'),
        batch(click(deep=1)).replace(b'"deep": 1', b'"deep": ' + b"[" * 61 + b"]" * 61),
        batch(click(text="[{" * 100_000 + '\\"[{')),
        batch(click(event_type="users.messages.pigeon.Send", time="1763900000.5")),
        batch(click(id=None, time=1763900000123456789, properties=None)),
        batch(click(user={"external_user_id": 12, "new": [None]})),
    ],
)
def test_200_for_unusual_but_valid_events(endpoint, body):
    """200: these events are delivered."""
    there = endpoint()

    response = there.post(body)

    assert (response.status, len(there.sink.calls), there.dead.records) == (200, 1, [])


@for_each(
    ("event", "reason"),
    [
        (5, "not_an_object"),
        (None, "not_an_object"),
        ([], "not_an_object"),
        ("x", "not_an_object"),
        ({}, "bad_event_type"),
        (click(event_type=" "), "bad_event_type"),
        (click(event_type="x" * 1024), "bad_event_type"),
        (click(properties=[]), "bad_properties"),
        (click(user="somebody"), "bad_user"),
        (click(user={"external_user_id": True}), "bad_identity"),
        (click(user={"external_user_id": "null"}), "bad_identity"),
        (click(user={"external_user_id": "[REDACTED]"}), "bad_identity"),
        (click(user={"external_user_id": 1.0}), "bad_identity"),
        (click(user={"external_user_id": -0}), "bad_identity"),
        (click(user={"external_user_id": ["a"]}), "bad_identity"),
        (click(user={"external_user_id": " Guest"}), "bad_identity"),
        (click(user={"external_user_id": "a\n"}), "bad_identity"),
        (click(user={"external_user_id": "a\ud800"}), "bad_identity"),
        (click(user={"external_user_id": "\U0001f600" * 128}), "identity_too_long"),
        (click(user={"external_user_id": 10**300}), "identity_too_long"),
        (click(user={"external_user_id": "x" * 256}), "identity_too_long"),
        (click(time=0), "bad_time"),
        (click(time=None), "bad_time"),
        (click(time=4102444800), "bad_time"),
        (click(time=4102444800 * 10**9), "bad_time"),
        (click(time=True), "bad_time"),
        (click(time="-1"), "bad_time"),
        (click(time=float("nan")), "bad_time"),
        (click(time="2025-11-23T12:13:20Z"), "bad_time"),
    ],
)
def test_a_malformed_event_is_stored_with_its_reason(endpoint, event, reason):
    """200: each flaw of an event has a reason in the dead letter."""
    there = endpoint()

    response = there.post(batch(event))

    assert (200, [reason]) == (response.status, [r.reason for r in there.dead.records])


def test_a_conflicting_duplicate_id_is_stored(endpoint):
    """200: the same id with different content is a conflict; an equal event is not."""
    there = endpoint()
    first, other = click(id="same", time=1), click(id="same", time=2)

    response = there.post(batch(first, first, other))

    assert (response.status, len(there.sink.calls)) == (200, 1)
    assert [r.reason for r in there.dead.records] == ["duplicate_id_conflict"]


def test_an_event_without_identity_is_skipped(endpoint):
    """200: an event without an external ID is skipped by policy."""
    there = endpoint()

    response = there.post(batch(click(user={})))

    assert (response.status, there.sink.calls, there.dead.records) == (200, [], [])


class BlockingSink(MemorySink):
    """Sink that blocks until `may_end` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def send(self, calls: Any, /) -> Receipt:
        self.has_begun.set()
        assert self.may_end.wait(10)
        return super().send(calls)


@pytest.mark.parametrize(
    ("limits", "size"),
    [(Limits(requests=1), 0), (Limits(body=8000, in_flight=9000), 4000)],
    ids=["requests", "bytes"],
)
def test_503_without_a_free_slot(endpoint, limits, size):
    """503: requests and bytes in flight are bounded, and released afterwards."""
    there = endpoint(sink=BlockingSink(), limits=limits)
    responses: list[int] = []
    first = threading.Thread(
        target=lambda: responses.append(there.post(batch(click(pad="x" * size))).status)
    )
    first.start()
    assert there.sink.has_begun.wait(10)

    responses.append(there.post(batch(click(pad="x" * size))).status)
    there.sink.may_end.set()
    first.join()
    responses.append(there.post(batch(click(pad="x" * size))).status)

    assert responses == [503, 200, 200]


def test_another_version_of_the_protocol_is_accepted_and_logged_once(endpoint, caplog):
    """200: only the first unsupported Braze-Currents-Version is a warning."""
    there, warnings = endpoint(), list[int]()

    for version in ("1", "2", "3\x0aforged"):
        response = there.post(batch(click()), ("Braze-Currents-Version", version))
        assert response.status == 200
        warnings.append(sum("Currents-Version" in r.message for r in caplog.records))

    assert warnings == [0, 1, 1]


def test_a_stored_body_has_the_time_of_the_clock(dead_letter_at, tmp_path):
    """400: the time of arrival is stored in UTC."""
    store = dead_letter_at(tmp_path / "dead.db")
    pipeline = bh.Pipeline(bh.Transformer(), MemorySink(), store)
    receiver = Receiver(pipeline, TOKEN, now=lambda: 1700000000.0)
    headers = [("Authorization", f"Bearer {TOKEN}")]

    assert receiver.handle(Request("POST", headers, b"no JSON")).status == 400

    (kept,) = store.read()
    assert kept.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_responses_and_logs_contain_no_request_data(endpoint, caplog):
    """A response or a log line does not contain a value, an identity or the token."""
    there = endpoint(sink=ScriptedSink(ZeroDivisionError("canary")))
    caplog.set_level("DEBUG")
    user = {"external_user_id": "canary"}

    responses = [
        there.post(body, *headers)
        for body, headers in [
            (batch(click(user=user)), []),
            (batch(click(event_type="canary\n", time="canary")), []),
            (b"canary\nforged", []),
            (b"", [("Content-Encoding", "canary")]),
            (b"", [("Braze-Currents-Version", "canary")]),
        ]
    ]

    shown = [str(response) for response in responses]
    shown += [str(vars(record)) for record in caplog.records]
    shown += [repr(there.receiver)]
    assert [text for text in shown if "canary" in text or TOKEN in text] == []


@pytest.mark.parametrize(
    ("tokens", "advice"),
    [
        ("", "UNAUTHENTICATED"),
        ([], "UNAUTHENTICATED"),
        ([""], "UNAUTHENTICATED"),
        (["two words"], "spaces"),
        (["schlüssel"], "printable ASCII"),
        (["a\n"], "spaces"),
        ("Bearer canary", "without the word Bearer"),
        ("bearer:canary", "without the word Bearer"),
        ("Bearer", "without the word Bearer"),
        ('"canary"', "without quotes"),
        ("'canary'", "without quotes"),
    ],
)
def test_a_receiver_needs_a_valid_token(tokens, advice):
    """A token that is missing or not valid in a header raises."""
    pipeline = bh.Pipeline(bh.Transformer(), MemorySink(), DISCARD)

    with pytest.raises(ValueError, match=advice) as raised:
        Receiver(pipeline, tokens=tokens)

    assert "canary" not in str(raised.value)


def test_a_receiver_needs_a_dead_letter():
    """A pipeline without a dead letter raises and suggests DISCARD."""
    with pytest.raises(TypeError, match="or DISCARD"):
        bh.Pipeline(bh.Transformer(), MemorySink(), None)  # type: ignore[arg-type]
