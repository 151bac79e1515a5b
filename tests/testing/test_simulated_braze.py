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
from attrs import define, field, fields_dict
from hypothesis import given
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap.receiver import Receiver, Request
from braze_heap.testing import (
    SimulatedBraze,
    make_malformed,
    make_traffic,
    simulate,
    simulated_braze,
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


def test_requests_are_those_of_the_custom_connector() -> None:
    """A POST of JSON, with the token and the version of the protocol."""
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


def test_a_token_is_optional() -> None:
    """Without a token there is no header for one."""
    endpoint = Endpoint()

    BRAZE.send(FEW, endpoint)

    assert endpoint.requests[0].values("authorization") == []


def test_batches_hold_up_to_a_hundred_events_in_their_order() -> None:
    """Events go out a hundred at a time, first come first."""
    endpoint = Endpoint()

    BRAZE.send(EVENTS, endpoint)

    assert endpoint.batches == [EVENTS[:100], EVENTS[100:200], EVENTS[200:]]


def test_the_size_of_batches_is_yours() -> None:
    """Customers may have agreed on another size."""
    endpoint = Endpoint()

    SimulatedBraze(batch_size=3, probes=0).send(FEW, endpoint)

    assert [len(batch) for batch in endpoint.batches] == [3, 1]


def test_a_probe_comes_first() -> None:
    """Credentials are checked by requests without events, in both forms."""
    endpoint = Endpoint()

    SimulatedBraze(probes=2).send(FEW, endpoint)

    bodies = [request.body for request in endpoint.requests]
    assert bodies[0] == b""
    assert b'{"events": []}' in bodies[1:]


# --- The answers ----------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_events_with_a_2xx_are_never_sent_again(status: int) -> None:
    """2XX: delivered."""
    simulation = BRAZE.send(FEW, Endpoint(then=status))

    assert outcomes(simulation) == {Outcome(Fate.DELIVERED, status, sent=1)}
    simulation.assert_all_delivered()


def test_a_batch_with_a_400_is_sent_again_one_by_one() -> None:
    """400: the batch is split into single events, and these are delivered."""
    endpoint = Endpoint([400])

    simulation = BRAZE.send(FEW, endpoint)

    assert endpoint.batches == [FEW, *([event] for event in FEW)]
    assert outcomes(simulation) == {Outcome(Fate.DELIVERED, 200, sent=2)}


def test_a_single_event_with_another_400_is_dropped_for_ever() -> None:
    """400, twice: only the event that got the second one is lost."""
    simulation = BRAZE.send(FEW, Endpoint([400, 200, 400]))

    assert simulation.having(Fate.DROPPED) == [FEW[1]]
    assert simulation.outcomes[1] == Outcome(Fate.DROPPED, 400, sent=2)
    assert simulation.fates == {Fate.DELIVERED: 3, Fate.DROPPED: 1}


def test_an_event_that_was_alone_from_the_start_gets_its_second_chance() -> None:
    """400 to a batch of one: sent again once, then dropped."""
    simulation = BRAZE.send(FEW[:1], Endpoint(then=400))

    assert simulation.outcomes == (Outcome(Fate.DROPPED, 400, sent=2),)


def test_a_5xx_between_two_400s_changes_nothing() -> None:
    """A single event that waited for a 503 is dropped by the next 400."""
    simulation = BRAZE.send(FEW[:1], Endpoint([400, 503, 400]))

    assert simulation.outcomes == (Outcome(Fate.DROPPED, 400, sent=3),)


def test_a_batch_with_a_413_is_sent_in_halves() -> None:
    """413: halves, and halves of them, until they fit."""
    endpoint = Endpoint([413, 413])

    simulation = BRAZE.send(FEW, endpoint)

    assert [len(batch) for batch in endpoint.batches] == [4, 2, 2, 1, 1]
    assert simulation.fates == {Fate.DELIVERED: 4}


def test_an_event_that_a_413_left_alone_has_its_400_yet_before_it() -> None:
    """413 is no 400: the first one after it is followed by another try."""
    simulation = BRAZE.send(FEW[:2], Endpoint([413, 400]))

    assert [outcome.sent for outcome in simulation.outcomes] == [3, 2]
    simulation.assert_all_delivered()


def test_a_single_event_with_a_413_is_dropped() -> None:
    """413 to one event: not documented, assumed to be the end."""
    simulation = BRAZE.send(FEW[:1], Endpoint(then=413))

    assert simulation.outcomes == (Outcome(Fate.DROPPED, 413, sent=1),)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_braze_stops_at_an_answer_about_access(status: int) -> None:
    """
    401, 403, 404: these events are abandoned, the customer is mailed, the rest waits.
    """
    endpoint = Endpoint([200, status])

    simulation = BRAZE.send(EVENTS, endpoint)

    assert simulation.having(Fate.DELIVERED) == EVENTS[:100]
    assert simulation.having(Fate.ABANDONED) == EVENTS[100:200]
    assert simulation.having(Fate.PENDING) == EVENTS[200:]
    assert (status, 2) == (simulation.stopped_by, len(endpoint.requests))


def test_a_refused_probe_keeps_everything_back() -> None:
    """401 to the first probe: no event leaves Braze."""
    endpoint = Endpoint(then=401)

    simulation = SimulatedBraze().send(FEW, endpoint)

    assert endpoint.batches == [[]]
    assert outcomes(simulation) == {Outcome()}


@pytest.mark.parametrize(
    "answer", [429, 500, 502, 503, 301, 308, 402, 405, 418, 422, ConnectionResetError]
)
def test_what_is_not_listed_is_tried_again_later(answer: Answer) -> None:
    """
    429, 5XX, anything unlisted, or no answer: the same batch again, after a pause.
    """
    times = Times()
    endpoint = Endpoint([answer])

    simulation = times.send(endpoint)

    assert endpoint.batches == [FEW, FEW]
    assert 0.5 <= simulation.seconds <= 1
    simulation.assert_all_delivered()


def test_pauses_double_up_to_an_hour_and_are_never_the_same() -> None:
    """Backoff is exponential, with up to half of it taken away."""
    times = Times()

    times.send(Endpoint([503] * 20))

    assert 19 < len(times.slept) == len({*times.slept})
    for number, pause in enumerate(times.slept):
        longest = min(2.0**number, 3600)
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
def test_a_retry_after_in_seconds_is_honoured(name: str) -> None:
    """Nothing is sent before the seconds are over."""
    times = Times()

    times.send(Endpoint([(503, {name: "40"})]))

    assert times.slept == [40]


def test_a_retry_after_with_a_date_is_honoured() -> None:
    """The date counts from the time of the simulation."""
    times = Times()
    date = formatdate(times.clock.now + 90, usegmt=True)

    times.send(Endpoint([(429, {"Retry-After": date})]))

    assert times.slept == [90]


@pytest.mark.parametrize("value", ["soon", "", "-5", "0", "1e400"])
def test_a_retry_after_without_sense_leaves_the_backoff(value: str) -> None:
    """Braze goes on, whatever the header holds."""
    times = Times()

    times.send(Endpoint([(503, {"Retry-After": value})]))

    assert 0.5 <= times.slept[0] <= 1


def test_a_batch_in_backoff_keeps_no_other_back() -> None:
    """While one batch waits, the next are delivered."""
    endpoint = Endpoint([503])

    BRAZE.send(EVENTS, endpoint)

    assert endpoint.batches == [
        EVENTS[:100],
        EVENTS[100:200],
        EVENTS[200:],
        EVENTS[:100],
    ]


def test_five_days_of_failure_disable_the_integration() -> None:
    """Braze holds what it tried in vain, and drops what is new."""
    braze = SimulatedBraze(batch_size=10, rate=30 / DAY, probes=0)

    simulation = braze.send(EVENTS, Endpoint(then=503))

    tried = {outcome.sent > 0: outcome.fate for outcome in simulation.outcomes}
    assert simulation.disabled
    assert 5 * DAY <= simulation.seconds < 5 * DAY + 3600
    assert tried == {True: Fate.PENDING, False: Fate.DROPPED}
    assert {503: simulation.requests} == simulation.statuses


def test_less_than_five_days_of_failure_lose_nothing() -> None:
    """An endpoint that is back after four days gets everything."""
    clock = VirtualClock()
    back = clock() + 4 * DAY

    def endpoint(request: Request) -> Any:
        return Endpoint(then=200 if clock() > back else 500)(request)

    simulation = BRAZE.send(FEW, endpoint, clock=clock, sleep=clock.sleep)

    assert not simulation.disabled
    simulation.assert_all_delivered()


# --- Faults of its own ----------------------------------------------------------------


def test_a_lost_answer_brings_the_events_again() -> None:
    """The endpoint took a batch, Braze does not know, and sends it again."""
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


def test_events_come_twice_among_others() -> None:
    """A share of the events comes once more, later and in another batch."""
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


def test_an_event_that_was_delivered_once_stays_delivered() -> None:
    """What becomes of a repeat takes nothing back."""
    braze = SimulatedBraze(send_twice=1, batch_size=1, probes=0)

    simulation = braze.send(FEW[:1], Endpoint([200], then=400))

    assert simulation.outcomes == (Outcome(Fate.DELIVERED, 200, sent=3),)


def test_events_and_batches_lose_their_order() -> None:
    """With reorder=1, all come, in any order."""
    endpoint = Endpoint()

    SimulatedBraze(reorder=1, probes=0).send(EVENTS, endpoint)

    assert ids(endpoint.taken) != ids(EVENTS)
    assert sorted(ids(endpoint.taken)) == sorted(ids(EVENTS))
    assert sorted(len(batch) for batch in endpoint.batches) == [50, 100, 100]


def test_malformed_events_are_sent_as_they_are() -> None:
    """Anything that JSON can say may be an event."""
    endpoint = Endpoint()
    malformed = make_malformed(12)

    BRAZE.send(malformed, endpoint)

    assert [malformed] == endpoint.batches


def test_events_come_at_the_rate_that_they_happen() -> None:
    """A batch goes out when the events before it have happened."""
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
def test_every_event_is_delivered_or_named(
    script: list[Answer], seed: int, number: int, faults: dict[str, float]
) -> None:
    """
    Whatever an endpoint answers before it recovers, each event has the one fate that
    the answers to it explain.
    """
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


def test_the_seed_decides_every_request() -> None:
    """Equal seeds give equal requests and equal results, other seeds others."""
    runs = []
    for seed in (1, 1, 2):
        endpoint = Endpoint([503, 400, 413, ConnectionError])
        braze = SimulatedBraze(
            seed=seed, lose_answers=0.3, send_twice=0.3, reorder=0.3, probes=3
        )
        runs.append((braze.send(EVENTS, endpoint), endpoint.requests))

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_receiver_delivers_everything_once(tmp_path: Any) -> None:
    """Under all faults of Braze, the receiver loses nothing and doubles nothing."""
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


def test_the_assertion_tells_what_was_not_delivered() -> None:
    """It counts by fate and answer, and shows no event."""
    simulation = BRAZE.send(FEW, Endpoint([400, 200, 400, 413]))

    with pytest.raises(AssertionError) as raised:
        simulation.assert_all_delivered()

    assert str(raised.value) == (
        "2 of 4 events were not delivered: 1 dropped (answer: 400), "
        "1 dropped (answer: 413). The first is events[1]."
    )


def test_no_repr_shows_a_secret_or_an_event() -> None:
    """Neither settings nor results show more than counts."""
    braze = SimulatedBraze(token="canary", probes=0)
    event = {"id": "canary", "user": {"external_user_id": "canary"}}

    shown = repr((braze, braze.send([event], Endpoint())))

    assert "canary" not in shown


def test_the_limit_ends_a_simulation() -> None:
    """What is left when the time is over is pending, and nothing more is sent."""
    simulation = BRAZE.send(FEW, Endpoint(then=503), limit=60)

    assert outcomes(simulation) == {Outcome(Fate.PENDING, 503, simulation.requests)}
    assert 30 < simulation.seconds <= 60


def test_whoever_watches_is_told_after_each_answer() -> None:
    """There is a snapshot for each request, the last one is the result."""
    told: list[Simulation] = []

    simulation = BRAZE.send(EVENTS, Endpoint([503]), watch=told.append)

    assert [one.fates[Fate.DELIVERED] for one in told] == [0, 100, 150, 250]
    assert simulation == told[-1]


def test_what_an_endpoint_raises_is_raised() -> None:
    """A mistake in the endpoint under test is no failure of the network."""
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
def test_settings_out_of_range_are_refused(options: dict[str, Any]) -> None:
    """A share is 0 to 1, a batch has an event, a rate is above 0."""
    with pytest.raises(ValueError, match=next(iter(options))):
        SimulatedBraze(**options)


@pytest.mark.parametrize("token", ["", "two words", "line\r\nbreak", "naïve", "=a"])
def test_a_token_that_no_header_carries_is_refused(token: str) -> None:
    """Tokens are those of RFC 6750, and the error does not quote one."""
    with pytest.raises(ValueError, match="RFC 6750") as raised:
        SimulatedBraze(token=token).send(FEW, Endpoint())

    assert not token or token not in str(raised.value)


def test_a_clock_alone_is_refused() -> None:
    """Sleeping in another time than the clock's would never end."""
    with pytest.raises(TypeError, match="both clock and sleep"):
        BRAZE.send(FEW, Endpoint(), clock=VirtualClock())


# --- Over HTTP ------------------------------------------------------------------------


def test_a_url_gets_the_same_requests() -> None:
    """
    Over the network go the method, the headers and the bytes that a callable gets.
    """
    braze = SimulatedBraze(token="secret", batch_size=100, lose_answers=0.3, probes=2)
    here, there = Endpoint([503, 400]), Endpoint([503, 400])
    clock = VirtualClock()

    expected = braze.send(EVENTS, here)
    with listening(there) as url:
        simulation = braze.send(EVENTS, url, clock=clock, sleep=clock.sleep)

    assert [r.body for r in here.requests] == [r.body for r in there.requests]
    assert {*here.requests[0].headers} <= {*there.requests[0].headers}
    assert expected == simulation


def test_path_and_query_are_kept() -> None:
    """The URL is posted to as it is, blanks and umlauts percent-encoded."""
    with hasty(204) as (url, seen):
        simulation = BRAZE.send(FEW, f"{url}/cürrents/x?feed=1&to=a b#part")

    assert seen[0].startswith(b"POST /c%C3%BCrrents/x?feed=1&to=a%20b HTTP/1.1\r\n")
    simulation.assert_all_delivered()


def test_an_answer_before_the_body_was_read_counts() -> None:
    """Who answers 401 and hangs up does not need a megabyte of events for it."""
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


def test_a_redirect_is_not_followed() -> None:
    """What a redirect names is never asked."""
    other = Endpoint()
    clock = VirtualClock()
    with listening(other) as target:
        endpoint = Endpoint([(307, {"Location": target})])
        with listening(endpoint) as url:
            simulation = BRAZE.send(FEW, url, clock=clock, sleep=clock.sleep)

    assert other.requests == []
    assert simulation.statuses == {307: 1, 200: 1}


def test_failures_of_the_network_are_named_and_tried_again() -> None:
    """A connection that is cut, and a port that nobody listens on, are failures."""
    clock = VirtualClock()
    with listening(Endpoint([ConnectionError])) as url:
        cut = BRAZE.send(FEW, url, clock=clock, sleep=clock.sleep)
    refused = BRAZE.send(FEW, url, limit=0)

    assert cut.failures == {"RemoteDisconnected": 1}
    cut.assert_all_delivered()
    assert refused.failures == {"ConnectionRefusedError": 1}
    assert outcomes(refused) == {Outcome(Fate.PENDING, None, sent=1)}


def test_tls_is_verified() -> None:
    """What does not speak TLS, or is not trusted, gets no event."""
    endpoint = Endpoint()
    with listening(endpoint) as url:
        simulation = BRAZE.send(FEW, url.replace("http:", "https:"), limit=0)

    (failure,) = simulation.failures
    assert issubclass(getattr(ssl, failure), ssl.SSLError)
    assert endpoint.requests == []


def test_requests_may_go_out_at_the_same_time() -> None:
    """With concurrency=3, three requests are in the endpoint at once."""
    together = threading.Barrier(3, timeout=10)

    def endpoint(request: Request) -> Any:
        together.wait()
        return Endpoint()(request)

    simulation = BRAZE.send(EVENTS[:250], endpoint, concurrency=3)

    simulation.assert_all_delivered()


def test_concurrent_requests_lose_nothing() -> None:
    """
    Faults and threads together: every event is delivered, none is unaccounted for.
    """
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
def test_what_is_no_url_is_refused(url: str) -> None:
    """A URL that Braze could not post to is an error before anything is sent."""
    with pytest.raises(ValueError, match=r"https://host/path|Port|IPv6") as raised:
        BRAZE.send(FEW, url)

    assert "secret" not in str(raised.value)


def test_one_call_sends_traffic_to_a_receiver() -> None:
    """`simulate` makes up events where none are given, and takes every setting."""
    endpoint = Endpoint([])

    simulation = simulate(endpoint, seed=3, batch_size=50)

    assert ids(endpoint.taken) == ids(make_traffic(500, seed=3))
    assert simulation.requests == 11


def test_simulate_takes_every_setting():
    """Its signature, which type checkers read, lists those of `SimulatedBraze`."""
    settings = fields_dict(SimulatedBraze)

    assert simulated_braze._Settings.__annotations__.keys() == settings.keys()
