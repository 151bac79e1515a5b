"""The stand-in for Braze: what it does after each answer, as Braze documents it."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap.receiver import Receiver, Request
from braze_heap.testing import (
    SimulatedBraze,
    make_malformed,
    make_traffic,
)
from braze_heap.testing.simulated_braze import Fate, Outcome, Simulation, VirtualClock
from tests.testing.endpoint import Answer, Endpoint, ids, listening

DAY = 86_400.0
EVENTS = make_traffic(250)
FEW = EVENTS[:4]
BRAZE = SimulatedBraze(probes=0)


@define
class Times:
    """A virtual clock that remembers how long was slept."""

    clock: VirtualClock = field(factory=VirtualClock)
    slept: list[float] = field(factory=list)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.clock.sleep(seconds)

    def send(self, endpoint: Any, braze: SimulatedBraze = BRAZE, **options: Any) -> Any:
        """Send a few events in this time."""
        return braze.send(FEW, endpoint, clock=self.clock, sleep=self.sleep, **options)


def outcomes(simulation: Simulation) -> set[Outcome]:
    """Return the different outcomes."""
    return {*simulation.outcomes}


# --- The requests ---------------------------------------------------------------------


def test_request_has_the_documented_headers() -> None:
    """A request is a POST of JSON, with the token and the version of the protocol."""
    endpoint = Endpoint()

    SimulatedBraze(token="secret", probes=0).send(FEW, endpoint)

    (request,) = endpoint.requests
    assert request.method == "POST"
    assert dict(request.headers) == {
        "content-type": "application/json",
        "authorization": "Bearer secret",
        "braze-currents-version": "1",
    }
    assert json.loads(request.body) == {"events": FEW}  # type: ignore[arg-type]


def test_request_without_a_token_has_no_authorization() -> None:
    """Without a token there is no ``Authorization`` header."""
    endpoint = Endpoint()

    BRAZE.send(FEW, endpoint)

    assert endpoint.requests[0].values("authorization") == []


def test_batch_has_a_hundred_events_in_order() -> None:
    """Events are sent in batches of a hundred, in their order."""
    endpoint = Endpoint()

    BRAZE.send(EVENTS, endpoint)

    assert endpoint.batches == [EVENTS[:100], EVENTS[100:200], EVENTS[200:]]


def test_batch_size_is_configurable() -> None:
    """The number of events of a batch can be changed."""
    endpoint = Endpoint()

    SimulatedBraze(batch_size=3, probes=0).send(FEW, endpoint)

    assert [len(batch) for batch in endpoint.batches] == [3, 1]


def test_probe_is_sent_first() -> None:
    """Requests without events, in both forms, are sent before the events."""
    endpoint = Endpoint()

    SimulatedBraze(probes=2).send(FEW, endpoint)

    bodies = [request.body for request in endpoint.requests]
    assert bodies[0] == b""
    assert b'{"events": []}' in bodies[1:]


# --- The answers ----------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_event_with_a_2xx_is_not_sent_again(status: int) -> None:
    """Events of a batch that is answered with 2XX are delivered."""
    simulation = BRAZE.send(FEW, Endpoint(then=status))

    assert outcomes(simulation) == {Outcome(Fate.DELIVERED, status, sent=1)}
    simulation.assert_all_delivered()


def test_batch_with_a_400_is_split_into_single_events() -> None:
    """After a 400 to a batch, each event is sent alone."""
    endpoint = Endpoint([400])

    simulation = BRAZE.send(FEW, endpoint)

    assert endpoint.batches == [FEW, *([event] for event in FEW)]
    assert outcomes(simulation) == {Outcome(Fate.DELIVERED, 200, sent=2)}


def test_single_event_with_a_second_400_is_dropped() -> None:
    """Only the event that gets a second 400 is dropped."""
    simulation = BRAZE.send(FEW, Endpoint([400, 200, 400]))

    assert simulation.having(Fate.DROPPED) == [FEW[1]]
    assert simulation.outcomes[1] == Outcome(Fate.DROPPED, 400, sent=2)
    assert simulation.fates == {Fate.DELIVERED: 3, Fate.DROPPED: 1}


def test_batch_of_one_event_with_a_400_is_sent_again() -> None:
    """A batch of one event is sent again after a 400, and then dropped."""
    simulation = BRAZE.send(FEW[:1], Endpoint(then=400))

    assert simulation.outcomes == (Outcome(Fate.DROPPED, 400, sent=2),)


def test_second_400_after_a_503_drops_the_event() -> None:
    """A 503 between two 400s does not change the fate of the event."""
    simulation = BRAZE.send(FEW[:1], Endpoint([400, 503, 400]))

    assert simulation.outcomes == (Outcome(Fate.DROPPED, 400, sent=3),)


def test_batch_with_a_413_is_sent_in_halves() -> None:
    """After a 413 a batch is halved until it is accepted."""
    endpoint = Endpoint([413, 413])

    simulation = BRAZE.send(FEW, endpoint)

    assert [len(batch) for batch in endpoint.batches] == [4, 2, 2, 1, 1]
    assert simulation.fates == {Fate.DELIVERED: 4}


def test_first_400_after_a_413_is_not_final() -> None:
    """An event that a 413 isolated is sent again after its first 400."""
    simulation = BRAZE.send(FEW[:2], Endpoint([413, 400]))

    assert [outcome.sent for outcome in simulation.outcomes] == [3, 2]
    simulation.assert_all_delivered()


def test_single_event_with_a_413_is_dropped() -> None:
    """A single event is dropped after a 413, which is assumed."""
    simulation = BRAZE.send(FEW[:1], Endpoint(then=413))

    assert simulation.outcomes == (Outcome(Fate.DROPPED, 413, sent=1),)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_braze_stops_after_401_403_or_404(status: int) -> None:
    """Events with such an answer are abandoned, and the others are pending."""
    endpoint = Endpoint([200, status])

    simulation = BRAZE.send(EVENTS, endpoint)

    assert simulation.having(Fate.DELIVERED) == EVENTS[:100]
    assert simulation.having(Fate.ABANDONED) == EVENTS[100:200]
    assert simulation.having(Fate.PENDING) == EVENTS[200:]
    assert (status, 2) == (simulation.stopped_by, len(endpoint.requests))


def test_rejected_probe_stops_braze() -> None:
    """After a 401 to the first probe, no event is sent."""
    endpoint = Endpoint(then=401)

    simulation = SimulatedBraze().send(FEW, endpoint)

    assert endpoint.batches == [[]]
    assert outcomes(simulation) == {Outcome()}


@pytest.mark.parametrize(
    "answer", [429, 500, 502, 503, 301, 308, 402, 405, 418, 422, ConnectionResetError]
)
def test_other_answer_is_retried(answer: Answer) -> None:
    """After any other answer or none, the same batch is sent again after a pause."""
    times = Times()
    endpoint = Endpoint([answer])

    simulation = times.send(endpoint)

    assert endpoint.batches == [FEW, FEW]
    assert 0.5 <= simulation.seconds <= 1
    simulation.assert_all_delivered()


def test_backoff_is_exponential_with_jitter() -> None:
    """Pauses double up to an hour, and up to half of each is subtracted."""
    times = Times()

    times.send(Endpoint([503] * 20))

    assert 19 < len(times.slept) == len({*times.slept})
    for number, pause in enumerate(times.slept):
        longest = min(2.0**number, 3600)
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
def test_retry_after_in_seconds_is_respected(name: str) -> None:
    """Nothing is sent before the seconds of ``Retry-After`` are over."""
    times = Times()

    times.send(Endpoint([(503, {name: "40"})]))

    assert times.slept == [40]


def test_retry_after_with_a_date_is_respected() -> None:
    """The date is compared with the time of the simulation."""
    times = Times()
    date = formatdate(times.clock.now + 90, usegmt=True)

    times.send(Endpoint([(429, {"Retry-After": date})]))

    assert times.slept == [90]


@pytest.mark.parametrize("value", ["soon", "", "-5", "0", "1e400"])
def test_invalid_retry_after_is_ignored(value: str) -> None:
    """After an invalid ``Retry-After`` the backoff applies."""
    times = Times()

    times.send(Endpoint([(503, {"Retry-After": value})]))

    assert 0.5 <= times.slept[0] <= 1


def test_backoff_does_not_delay_other_batches() -> None:
    """While one batch waits, the next ones are delivered."""
    endpoint = Endpoint([503])

    BRAZE.send(EVENTS, endpoint)

    assert endpoint.batches == [
        EVENTS[:100],
        EVENTS[100:200],
        EVENTS[200:],
        EVENTS[:100],
    ]


def test_five_days_of_failure_disable_the_integration() -> None:
    """Sent events are pending, and later ones are dropped."""
    braze = SimulatedBraze(batch_size=10, rate=30 / DAY, probes=0)

    simulation = braze.send(EVENTS, Endpoint(then=503))

    tried = {outcome.sent > 0: outcome.fate for outcome in simulation.outcomes}
    assert simulation.disabled
    assert 5 * DAY <= simulation.seconds < 5 * DAY + 3600
    assert tried == {True: Fate.PENDING, False: Fate.DROPPED}
    assert {503: simulation.requests} == simulation.statuses


def test_less_than_five_days_of_failure_lose_nothing() -> None:
    """An endpoint that recovers after four days gets all events."""
    clock = VirtualClock()
    back = clock() + 4 * DAY

    def endpoint(request: Request) -> Any:
        return Endpoint(then=200 if clock() > back else 500)(request)

    simulation = BRAZE.send(FEW, endpoint, clock=clock, sleep=clock.sleep)

    assert not simulation.disabled
    simulation.assert_all_delivered()


# --- Faults of its own ----------------------------------------------------------------


def test_batch_with_a_lost_answer_is_sent_again() -> None:
    """A batch whose answer is lost is sent again."""
    endpoint = Endpoint()
    braze = SimulatedBraze(seed=1, lose_answers=0.5, probes=0)

    simulation = braze.send(EVENTS, endpoint)

    assert simulation.answers_lost > 0
    assert len(endpoint.requests) == 3 + simulation.answers_lost
    assert Counter(ids(endpoint.taken)) == {
        event["id"]: outcome.sent
        for event, outcome in zip(EVENTS, simulation.outcomes, strict=True)
    }
    simulation.assert_all_delivered()


def test_share_of_events_is_sent_twice() -> None:
    """A share of the events is sent again later, in another batch."""
    endpoint = Endpoint()

    simulation = SimulatedBraze(send_twice=0.2).send(EVENTS, endpoint)

    twice = [
        event for event, count in Counter(ids(endpoint.taken)).items() if count > 1
    ]
    assert 30 < len(twice) < 70
    assert len(endpoint.taken) == len(EVENTS) + len(twice)
    neighbours = sum(one == other for one, other in pairwise(ids(endpoint.taken)))
    assert neighbours < len(twice) / 3
    simulation.assert_all_delivered()


def test_delivered_event_stays_delivered() -> None:
    """The answer to a repeat does not change the fate of a delivered event."""
    braze = SimulatedBraze(send_twice=1, batch_size=1, probes=0)

    simulation = braze.send(FEW[:1], Endpoint([200], then=400))

    assert simulation.outcomes == (Outcome(Fate.DELIVERED, 200, sent=3),)


def test_reorder_changes_the_order_only() -> None:
    """With ``reorder=1`` all events are sent, in another order."""
    endpoint = Endpoint()

    SimulatedBraze(reorder=1, probes=0).send(EVENTS, endpoint)

    assert ids(endpoint.taken) != ids(EVENTS)
    assert sorted(ids(endpoint.taken)) == sorted(ids(EVENTS))
    assert sorted(len(batch) for batch in endpoint.batches) == [50, 100, 100]


def test_malformed_event_is_sent_unchanged() -> None:
    """Any JSON value may be an event."""
    endpoint = Endpoint()
    malformed = make_malformed(12)

    BRAZE.send(malformed, endpoint)

    assert [malformed] == endpoint.batches


def test_events_are_sent_at_the_rate() -> None:
    """A batch is sent after the time that its events take to happen."""
    simulation = SimulatedBraze(rate=10).send(EVENTS, Endpoint())

    assert simulation.seconds == 20


# --- The whole ------------------------------------------------------------------------

ANSWERS: st.SearchStrategy[Answer] = st.sampled_from(
    [200, 201, 302, 400, 401, 404, 413, 429, 500, 503, ConnectionError, TimeoutError]
)
SHARES = st.sampled_from([0.0, 0.1, 0.5])


@given(
    script=st.lists(ANSWERS, max_size=30),
    seed=st.integers(0, 1_000),
    number=st.integers(0, 30),
    faults=st.fixed_dictionaries(
        {"lose_answers": SHARES, "send_twice": SHARES, "reorder": SHARES}
    ),
)
def test_every_event_has_the_fate_of_its_answers(
    script: list[Answer], seed: int, number: int, faults: dict[str, float]
) -> None:
    """Each event has the fate that follows from the answers of the endpoint."""
    endpoint = Endpoint([*script])
    braze = SimulatedBraze(seed=seed, batch_size=7, **faults)
    events = EVENTS[:number]

    simulation = braze.send(events, endpoint)

    taken = {*ids(endpoint.taken)}
    fates = {fate: {*ids(simulation.having(fate))} for fate in Fate}
    assert simulation.fates.total() == number
    assert fates[Fate.DELIVERED] <= taken
    if not simulation.answers_lost:
        assert fates[Fate.DELIVERED] == taken
    assert bool(fates[Fate.PENDING]) <= (simulation.stopped_by is not None)
    assert bool(fates[Fate.ABANDONED]) <= (simulation.stopped_by is not None)
    assert bool(fates[Fate.DROPPED]) <= bool({400, 413} & {*script})
    assert simulation.requests == len(endpoint.requests)


def test_equal_seeds_give_equal_requests() -> None:
    """Equal seeds give equal requests and results, and other seeds others."""
    runs = []
    for seed in (1, 1, 2):
        endpoint = Endpoint([503, 400, 413, ConnectionError])
        braze = SimulatedBraze(
            seed=seed, lose_answers=0.3, send_twice=0.3, reorder=0.3, probes=3
        )
        runs.append((braze.send(EVENTS, endpoint), endpoint.requests))

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_receiver_delivers_every_event_once(tmp_path: Any) -> None:
    """Under all faults of Braze, the receiver neither loses nor duplicates events."""
    sink = bh.MemorySink()
    with bh.SqliteDeadLetter(tmp_path / "dead.db") as dead_letter:
        pipeline = bh.Pipeline(bh.Transformer(), sink, dead_letter=dead_letter)
        receiver = Receiver(pipeline, "secret")
        braze = SimulatedBraze(
            token="secret", seed=2, lose_answers=0.3, send_twice=0.2, reorder=0.2
        )

        simulation = braze.send([*EVENTS, *make_malformed(12)], receiver.handle)

        dead = len([*dead_letter.read()])
    simulation.assert_all_delivered()
    keys = {call.idempotency_key for call in sink.calls if isinstance(call, bh.Track)}
    assert {*ids(EVENTS)} == keys
    assert dead == 12


def test_assertion_counts_undelivered_events() -> None:
    """The error counts events by fate and answer, and shows no event."""
    simulation = BRAZE.send(FEW, Endpoint([400, 200, 400, 413]))

    with pytest.raises(AssertionError) as raised:
        simulation.assert_all_delivered()

    assert str(raised.value) == (
        "2 of 4 events were not delivered: 1 dropped (answer: 400), "
        "1 dropped (answer: 413). The first is events[1]."
    )


def test_repr_shows_no_token_and_no_event() -> None:
    """The repr of settings and results has neither token nor events."""
    braze = SimulatedBraze(token="canary", probes=0)
    event = {"id": "canary", "user": {"external_user_id": "canary"}}

    shown = repr((braze, braze.send([event], Endpoint())))

    assert "canary" not in shown


def test_limit_ends_a_simulation() -> None:
    """After the limit nothing is sent, and other events are pending."""
    simulation = BRAZE.send(FEW, Endpoint(then=503), limit=60)

    assert outcomes(simulation) == {Outcome(Fate.PENDING, 503, simulation.requests)}
    assert 30 < simulation.seconds <= 60


def test_watch_is_called_after_each_answer() -> None:
    """There is a snapshot for each answer, and the last one is the result."""
    snapshots: list[Simulation] = []

    simulation = BRAZE.send(EVENTS, Endpoint([503]), watch=snapshots.append)

    assert [one.fates[Fate.DELIVERED] for one in snapshots] == [0, 100, 150, 250]
    assert simulation == snapshots[-1]


def test_error_of_the_endpoint_is_raised() -> None:
    """An error of the endpoint that is not a network error is raised."""
    with pytest.raises(ZeroDivisionError):
        BRAZE.send(FEW, Endpoint(then=ZeroDivisionError))


@pytest.mark.parametrize(
    "options",
    [
        {"lose_answers": 1.5},
        {"send_twice": -0.1},
        {"reorder": 2},
        {"batch_size": 0},
        {"probes": -1},
        {"rate": 0},
    ],
)
def test_setting_out_of_range_raises(options: dict[str, Any]) -> None:
    """A share is 0 to 1, a batch has an event, and a rate is positive."""
    with pytest.raises(ValueError, match=next(iter(options))):
        SimulatedBraze(**options)


@pytest.mark.parametrize("token", ["", "two words", "line\r\nbreak", "naïve", "=a"])
def test_invalid_token_raises(token: str) -> None:
    """Tokens follow RFC 6750, and the error does not show them."""
    with pytest.raises(ValueError, match="RFC 6750") as raised:
        SimulatedBraze(token=token).send(FEW, Endpoint())

    assert not token or token not in str(raised.value)


def test_clock_without_sleep_raises() -> None:
    """A clock without its sleep function would never advance."""
    with pytest.raises(TypeError, match="both clock and sleep"):
        BRAZE.send(FEW, Endpoint(), clock=VirtualClock())


# --- Over HTTP ------------------------------------------------------------------------


def test_url_gets_the_same_requests_as_a_callable() -> None:
    """A URL gets the method, headers and body that a callable gets."""
    braze = SimulatedBraze(token="secret", batch_size=100, lose_answers=0.3, probes=2)
    here, there = Endpoint([503, 400]), Endpoint([503, 400])
    clock = VirtualClock()

    expected = braze.send(EVENTS, here)
    with listening(there) as url:
        simulation = braze.send(EVENTS, url, clock=clock, sleep=clock.sleep)

    assert [r.body for r in here.requests] == [r.body for r in there.requests]
    assert {*here.requests[0].headers} <= {*there.requests[0].headers}
    assert expected == simulation


def test_path_and_query_are_percent_encoded() -> None:
    """Path and query of the URL are sent, with blanks and umlauts percent-encoded."""
    with hasty(204) as (url, seen):
        simulation = BRAZE.send(FEW, f"{url}/cürrents/x?feed=1&to=a b#part")

    assert seen[0].startswith(b"POST /c%C3%BCrrents/x?feed=1&to=a%20b HTTP/1.1\r\n")
    simulation.assert_all_delivered()


def test_answer_before_the_end_of_the_body_counts() -> None:
    """An endpoint may answer 401 without reading the body."""
    braze = SimulatedBraze(batch_size=2_000, probes=0)

    with hasty(401) as (url, _):
        simulation = braze.send(EVENTS * 8, url)

    assert (simulation.stopped_by, simulation.failures) == (401, {})


@contextlib.contextmanager
def hasty(status: int) -> Iterator[tuple[str, list[bytes]]]:
    """
    Give the URL of a server that answers at once and hangs up, and what it has read.
    """
    seen: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            seen.append(connection.recv(1024))
            answer = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
        thread.join()


def test_redirect_is_not_followed() -> None:
    """The target of a redirect gets no request."""
    other = Endpoint()
    clock = VirtualClock()
    with listening(other) as target:
        endpoint = Endpoint([(307, {"Location": target})])
        with listening(endpoint) as url:
            simulation = BRAZE.send(FEW, url, clock=clock, sleep=clock.sleep)

    assert other.requests == []
    assert simulation.statuses == {307: 1, 200: 1}


def test_network_error_is_counted_and_retried() -> None:
    """Reset and refused connections are counted by name and retried."""
    clock = VirtualClock()
    with listening(Endpoint([ConnectionError])) as url:
        cut = BRAZE.send(FEW, url, clock=clock, sleep=clock.sleep)
    refused = BRAZE.send(FEW, url, limit=0)

    assert cut.failures == {"RemoteDisconnected": 1}
    cut.assert_all_delivered()
    assert refused.failures == {"ConnectionRefusedError": 1}
    assert outcomes(refused) == {Outcome(Fate.PENDING, None, sent=1)}


def test_tls_certificate_is_verified() -> None:
    """A server without TLS, or without a trusted certificate, gets no event."""
    endpoint = Endpoint()
    with listening(endpoint) as url:
        simulation = BRAZE.send(FEW, url.replace("http:", "https:"), limit=0)

    (failure,) = simulation.failures
    assert issubclass(getattr(ssl, failure), ssl.SSLError)
    assert endpoint.requests == []


def test_requests_are_sent_concurrently() -> None:
    """With ``concurrency=3``, three requests are in flight at once."""
    together = threading.Barrier(3, timeout=10)

    def endpoint(request: Request) -> Any:
        together.wait()
        return Endpoint()(request)

    simulation = BRAZE.send(EVENTS[:250], endpoint, concurrency=3)

    simulation.assert_all_delivered()


def test_concurrent_requests_lose_no_event() -> None:
    """With faults and threads, every event is delivered."""
    lock = threading.Lock()
    inner = Endpoint([503, 400, 413, ConnectionError] * 3)

    def endpoint(request: Request) -> Any:
        with lock:
            return inner(request)

    braze = SimulatedBraze(batch_size=10, lose_answers=0.2, send_twice=0.2)
    simulation = braze.send(EVENTS, endpoint, concurrency=8)

    assert {*ids(EVENTS)} >= {*ids(inner.taken)}
    assert simulation.fates.total() == 250
    assert simulation.fates[Fate.PENDING] == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://127.0.0.1/",
        "https://",
        "https://user:secret@host/",
        "http://127.0.0.1:99999/",
        "http://[::1",
    ],
)
def test_invalid_url_raises(url: str) -> None:
    """An invalid URL raises before anything is sent."""
    with pytest.raises(ValueError, match=r"https://host/path|Port|IPv6") as raised:
        BRAZE.send(FEW, url)

    assert "secret" not in str(raised.value)
