"""
Simulation of Braze, for tests of a receiver of Currents events.

`SimulatedBraze` sends like the custom HTTP connector of Braze Currents, as documented:
batches, repeats, splits, and the faults that at-least-once delivery brings. The same
seed gives the same requests::

    braze = SimulatedBraze(token="secret", seed=3, lose_answers=0.1, send_twice=0.1)
    simulation = braze.send(make_traffic(500), to=receiver.handle)

    simulation.assert_all_delivered()

| answer | what happens |
| --- | --- |
| 2XX | delivered, never sent again |
| 400 | each event is sent on its own; one that gets a 400 again is dropped |
| 413 | halves are sent; a single event is dropped, which is *assumed* |
| 401, 403, 404 | Braze stops, abandons these events and emails the customer |
| any other, or none | sent again with backoff and jitter, after ``Retry-After`` |

A batch that fails for 5 days disables the integration, and later events are dropped.
Braze does not document the fate of undelivered events after it stops or is disabled:
here they are *pending*. All times are in seconds.
"""

from __future__ import annotations

import contextlib
import heapq
import http.client
import itertools
import json
import math
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from enum import Enum
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from attrs import define, evolve, field, frozen, validators

from braze_heap.heap._answers import Answer, Failure, retry_seconds
from braze_heap.receiver import Request
from braze_heap.testing._samples import TIME

__all__ = [
    "Endpoint",
    "Fate",
    "Outcome",
    "SimulatedBraze",
    "Simulation",
    "VirtualClock",
]

PROBES: Final = (b"", b'{"events": []}')  # with which Braze checks its credentials

Endpoint: TypeAlias = str | Callable[[Request], Any]
"""A URL, or a function from a request to an object with ``status`` and ``headers``."""

Reply: TypeAlias = Answer | Failure

_SHARE: Final = validators.and_(validators.ge(0.0), validators.le(1.0))


class Fate(Enum):
    """Final status of an event."""

    DELIVERED = "delivered"
    DROPPED = "dropped"
    ABANDONED = "abandoned"
    PENDING = "pending"


@frozen
class Outcome:
    """
    Result of one event.

    Attributes:
        fate: Delivered if Braze saw a 2XX for any request with the event.
        status: The deciding status, or the last one; ``None`` without a response.
        sent: Number of requests with the event.
    """

    fate: Fate = Fate.PENDING
    status: int | None = None
    sent: int = 0


@frozen
class Simulation:
    """
    Requests of Braze, and the result of each event.

    Attributes:
        events: As they were given.
        outcomes: One for each of the events, in their order.
        statuses: Number of responses by status, including lost ones.
        failures: Requests without a response, by name of the network error.
        answers_lost: Responses that were discarded on purpose.
        stopped_by: The 401, 403 or 404 after which Braze stopped and emailed the
            customer.
        disabled: Whether 5 days of failure disabled the integration.
        seconds: Seconds from the start to the last response.
    """

    events: Sequence[Any] = field(repr=False, hash=False)
    outcomes: Sequence[Outcome] = field(repr=False)
    statuses: Mapping[int, int] = field(hash=False)
    failures: Mapping[str, int] = field(hash=False)
    answers_lost: int
    stopped_by: int | None
    disabled: bool
    seconds: float

    @property
    def requests(self) -> int:
        """Number of requests, including probes."""
        return sum(self.statuses.values()) + sum(self.failures.values())

    @property
    def fates(self) -> Counter[Fate]:
        """Number of events by fate; the sum is the number of events."""
        return Counter(outcome.fate for outcome in self.outcomes)

    def having(self, fate: Fate) -> list[Any]:
        """Return the events that ended as *fate*, in the order they were given."""
        pairs = zip(self.events, self.outcomes, strict=True)
        return [event for event, outcome in pairs if outcome.fate is fate]

    def assert_all_delivered(self) -> None:
        """
        Raise unless Braze saw a 2XX for each of the events.

        Raises:
            AssertionError: Some were not delivered. It shows counts, but no event.
        """
        missed = {
            index: f"{outcome.fate.value} (answer: {outcome.status})"
            for index, outcome in enumerate(self.outcomes)
            if outcome.fate is not Fate.DELIVERED
        }
        if missed:
            counts = Counter(missed.values())
            counted = ", ".join(f"{number} {why}" for why, number in counts.items())
            raise AssertionError(
                f"{len(missed)} of {len(self.outcomes)} events were not delivered: "
                f"{counted}. The first is events[{min(missed)}]."
            )


@define
class VirtualClock:
    """
    Clock that only advances by `sleep`, without waiting.

    Attributes:
        now: UTC epoch seconds.
    """

    now: float = float(TIME)

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self.now += seconds


@frozen(kw_only=True)
class SimulatedBraze:
    """
    The sender of Braze's custom HTTP connector, with the faults that you ask for.

    Attributes:
        token: Sent as ``Authorization: Bearer ...``; ``None`` omits the header.
        seed: Random seed.
        batch_size: Maximum number of events in a request; Braze's default is 100.
        lose_answers: Share of the responses that get lost: the endpoint accepted the
            events, and they are sent again.
        send_twice: Share of the events that are sent again later, among others.
        reorder: Share of the events, and of the batches, that move elsewhere.
        probes: Requests without events, with which Braze checks its credentials. The
            first one is sent before everything else.
        rate: Events a second; by default all have happened at the start.
    """

    seed: int = 0
    batch_size: int = field(default=100, validator=validators.ge(1))
    lose_answers: float = field(default=0.0, validator=_SHARE)
    send_twice: float = field(default=0.0, validator=_SHARE)
    reorder: float = field(default=0.0, validator=_SHARE)
    probes: int = field(default=1, validator=validators.ge(0))
    rate: float = field(default=math.inf, validator=validators.gt(0.0))
    token: str | None = field(default=None, repr=False)

    def send(
        self,
        events: Sequence[Any],
        to: Endpoint,
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], object] | None = None,
        concurrency: int = 1,
        limit: float = math.inf,
        watch: Callable[[Simulation], object] | None = None,
    ) -> Simulation:
        """
        Send *events* until Braze would not send any of them again.

        Args:
            events: Any JSON values; some may be malformed.
            to: A URL, or a function from `braze_heap.receiver.Request` to an object
                with ``status`` and ``headers``. Its ``ConnectionError`` or
                ``TimeoutError`` is a failure of the network; any other exception is
                raised.
            clock: UTC epoch seconds. By default virtual for a callable, real for a URL.
            sleep: Sleep function for *clock*. Pass both or none.
            concurrency: Concurrent requests, in threads. Only 1 is deterministic.
            limit: Seconds after which no request begins; other events are pending.
            watch: Called with the simulation so far after each response.

        Raises:
            ValueError: *to* is not a URL for Braze, or the token is invalid.
            TypeError: Only one of *clock* and *sleep* is given.
        """
        post = _post_to(to, self.token)
        if (clock is None) != (sleep is None):
            raise TypeError("Pass both clock and sleep, because they share the time.")
        if clock is None or sleep is None:
            virtual = VirtualClock()
            clock, sleep = virtual, virtual.sleep
            if isinstance(to, str):
                clock, sleep = time.time, time.sleep
        now = clock()
        run = _Run(self, events, now)
        end = min(now + limit, sys.float_info.max)
        in_flight: dict[Future[Reply], _Batch] = {}
        with ThreadPoolExecutor(concurrency) as pool:
            submit = pool.submit if concurrency > 1 else _called
            while in_flight or max(run.due, now) <= end:
                while run.due <= now <= end and len(in_flight) < concurrency:
                    batch, body = run.take()
                    in_flight[submit(post, body)] = batch
                if not in_flight:
                    sleep(run.due - now)
                is_full = len(in_flight) == concurrency or run.due > end
                timeout = None if is_full else run.due - now
                for future in wait(in_flight, timeout, FIRST_COMPLETED).done:
                    run.apply_response(in_flight.pop(future), future.result(), clock())
                    if watch is not None:
                        watch(run.simulation())
                now = clock()
        return run.simulation()


def _called(post: Callable[[bytes], Reply], body: bytes) -> Future[Reply]:
    """Return the reply of *post*, which is called in this thread."""
    future: Future[Reply] = Future()
    future.set_result(post(body))
    return future


@define(eq=False)
class _Batch:
    """Events of one request."""

    events: tuple[int, ...] = ()  # their indexes; none for a probe
    was_rejected: bool = False  # an earlier 400 isolated the event
    failures: int = 0  # attempts since the last deciding response
    failing_since: float | None = None  # time of the first of them


class _Run:
    """State of a simulation: pending requests and results so far, in epoch seconds."""

    def __init__(
        self, braze: SimulatedBraze, events: Sequence[Any], start: float
    ) -> None:
        self._braze = braze
        self._events = events
        self._chance = random.Random(braze.seed)  # noqa: S311 (no secret)
        self._queue: list[tuple[float, float, int, _Batch]] = []
        self._order = itertools.count()
        self._outcomes = [Outcome()] * len(events)
        self._statuses: Counter[int] = Counter()
        self._failures: Counter[str] = Counter()
        self._answers_lost = 0
        self._probes = 0
        self._stopped_by: int | None = None
        self._is_disabled = False
        self._now = start
        self._start = start
        self._fill()

    @property
    def due(self) -> float:
        """Time of the next batch; infinite if none is left."""
        is_over = self._is_disabled or self._stopped_by is not None
        return math.inf if is_over or not self._queue else self._queue[0][0]

    def take(self) -> tuple[_Batch, bytes]:
        """Return the next batch with its body, and count it as sent."""
        batch = heapq.heappop(self._queue)[-1]
        if not batch.events:
            self._probes += 1
            return batch, PROBES[(self._probes - 1) % len(PROBES)]
        for index in batch.events:
            before = self._outcomes[index]
            self._outcomes[index] = evolve(before, sent=before.sent + 1)
        events = [self._events[index] for index in batch.events]
        return batch, json.dumps({"events": events}).encode()

    def apply_response(self, batch: _Batch, reply: Reply, now: float) -> None:
        """React to *reply* to *batch* as Braze does."""
        self._now = now
        received = self._received(reply)
        status = None if isinstance(received, Failure) else received.status
        if status is not None and 200 <= status < 300:
            self._mark(batch, Fate.DELIVERED, status)
        elif status in (401, 403, 404):
            self._mark(batch, Fate.ABANDONED, status)
            self._stopped_by = status
        elif status == 400 or status == 413:
            self._divide(batch, status)
        else:
            self._mark(batch, Fate.PENDING, status)
            self._repeat(batch, received)

    def simulation(self) -> Simulation:
        """Return the results so far."""
        return Simulation(
            self._events,
            tuple(self._outcomes),
            Counter(self._statuses),
            Counter(self._failures),
            self._answers_lost,
            self._stopped_by,
            self._is_disabled,
            self._now - self._start,
        )

    def _fill(self) -> None:
        size = self._braze.batch_size
        stream = self._stream()
        batches = [_Batch(part) for part in _parts(stream, size)]
        places = [self._place(number, len(batches)) for number in range(len(batches))]
        for number in range(self._braze.probes):
            batches.append(_Batch())
            places.append(self._chance.uniform(0, len(places)) if number else -1.0)
        for place, batch in zip(places, batches, strict=True):
            happened = max(place, 0.0) * size / self._braze.rate
            self._put(batch, self._start + happened, place)

    def _stream(self) -> tuple[int, ...]:
        number = len(self._events)
        places = [(self._place(index, number), index) for index in range(number)]
        places += [
            (self._chance.uniform(place, number), index)
            for place, index in places
            if self._chance.random() < self._braze.send_twice
        ]
        return tuple(index for _, index in sorted(places))

    def _place(self, index: int, number: int) -> float:
        is_moved = self._chance.random() < self._braze.reorder
        return self._chance.uniform(0, number) if is_moved else float(index)

    def _put(self, batch: _Batch, due: float, place: float = 0.0) -> None:
        heapq.heappush(self._queue, (due, place, next(self._order), batch))

    def _received(self, reply: Reply) -> Reply:
        if isinstance(reply, Failure):
            self._failures[reply.kind] += 1
            return reply
        self._statuses[reply.status] += 1
        if self._chance.random() >= self._braze.lose_answers:
            return reply
        self._answers_lost += 1
        return Failure("lost on purpose")

    def _mark(self, batch: _Batch, fate: Fate, status: int | None) -> None:
        for index in batch.events:
            before = self._outcomes[index]
            if before.fate is not Fate.DELIVERED:
                self._outcomes[index] = Outcome(fate, status, before.sent)

    def _divide(self, batch: _Batch, status: int) -> None:
        if len(batch.events) == 1 and (status == 413 or batch.was_rejected):
            self._mark(batch, Fate.DROPPED, status)
            return
        self._mark(batch, Fate.PENDING, status)
        size = 1 if status == 400 else -(-len(batch.events) // 2)
        for part in _parts(batch.events, size):
            self._put(_Batch(part, was_rejected=status == 400), self._now)

    def _repeat(self, batch: _Batch, received: Reply) -> None:
        since = self._now if batch.failing_since is None else batch.failing_since
        if self._now - since >= 5 * 86_400.0:
            self._is_disabled = True
            dropped = Outcome(Fate.DROPPED)
            self._outcomes = [o if o.sent else dropped for o in self._outcomes]
            return
        asked = None if isinstance(received, Failure) else received.retry_after
        backoff = min(2.0**batch.failures, 3600.0)  # assumed
        jittered = backoff * self._chance.uniform(0.5, 1.0)
        pause = max(jittered, retry_seconds(asked, self._now) or 0.0)
        again = evolve(batch, failures=batch.failures + 1, failing_since=since)
        self._put(again, self._now + pause)


def _parts(indexes: tuple[int, ...], size: int) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(indexes), max(size, 1)):
        yield indexes[start : start + size]


def _post_to(endpoint: Endpoint, token: str | None) -> Callable[[bytes], Reply]:
    """
    Return a function that posts a body to *endpoint*. It does not follow redirects.

    Raises:
        ValueError: *endpoint* is not a URL for Braze, or *token* is not a bearer token.
    """
    headers = {"Content-Type": "application/json", "Braze-Currents-Version": "1"}
    if token is not None:
        if not re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", token):
            raise ValueError(
                "The token has characters that a bearer token cannot have (RFC 6750): "
                "use letters, digits and - . _ ~ + / with = at the end."
            )
        headers["Authorization"] = f"Bearer {token}"
    if isinstance(endpoint, str):
        return _post_to_url(endpoint, headers)

    def post(body: bytes) -> Reply:
        try:
            response = endpoint(Request("POST", headers.items(), body))
        except (ConnectionError, TimeoutError) as error:
            return Failure(type(error).__name__)
        answered = dict(Request(headers=response.headers).headers)
        return Answer(response.status, answered.get("retry-after"))

    return post


def _post_to_url(url: str, headers: Mapping[str, str]) -> Callable[[bytes], Reply]:
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port
    if parts.scheme not in ("http", "https") or not host or parts.username:
        raise ValueError("Write the URL as https://host/path, without a user name.")
    connect: type[http.client.HTTPConnection] = http.client.HTTPConnection
    if parts.scheme == "https":
        connect = http.client.HTTPSConnection
    target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    target = quote(target, safe="/?:@!$&'()*+,;=%~")  # RFC 3986, 3.3 and 3.4

    def post(body: bytes) -> Reply:
        # The timeout is assumed.
        with contextlib.closing(connect(host, port, timeout=30.0)) as connection:
            try:
                connection.connect()
                # An endpoint that answers 401 may close without reading. That counts.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.request("POST", target, body, headers)
                response = connection.getresponse()
                response.read1(4096)
            except (OSError, http.client.HTTPException) as error:
                return Failure(type(error).__name__)
            return Answer(response.status, response.headers.get("Retry-After"))

    return post
