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

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from typing import Any, ParamSpec, TypeVar

from attrs import define, field, frozen

from braze_heap.testing._endpoint import Endpoint, Reply, post_to
from braze_heap.testing._samples import TIME
from braze_heap.testing._simulation import (
    Behavior,
    Fate,
    Outcome,
    PendingBatch,
    Simulation,
    SimulationRun,
)

__all__ = [
    "Endpoint",
    "Fate",
    "Outcome",
    "SimulatedBraze",
    "Simulation",
    "VirtualClock",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")


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
class SimulatedBraze(Behavior):
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
        post = post_to(to, self.token)
        clock, sleep = _time(to, clock, sleep)
        run = SimulationRun(self, events, clock())
        end = min(run.start + limit, sys.float_info.max)
        with (
            _SameThreadExecutor()
            if concurrency == 1
            else ThreadPoolExecutor(concurrency) as pool
        ):

            def submit(body: bytes) -> Future[Reply]:
                return pool.submit(post, body)

            for batch, reply in _exchanges(run, submit, clock, sleep, end, concurrency):
                run.apply_response(batch, reply, clock())
                if watch is not None:
                    watch(run.simulation())
        return run.simulation()


def _time(
    to: Endpoint,
    clock: Callable[[], float] | None,
    sleep: Callable[[float], object] | None,
) -> tuple[Callable[[], float], Callable[[float], object]]:
    if (clock is None) != (sleep is None):
        raise TypeError("Pass both clock and sleep, because they share the time.")
    if clock is not None and sleep is not None:
        return clock, sleep
    if isinstance(to, str):
        return time.time, time.sleep
    virtual = VirtualClock()
    return virtual, virtual.sleep


def _exchanges(
    run: SimulationRun,
    submit: Callable[[bytes], Future[Reply]],
    clock: Callable[[], float],
    sleep: Callable[[float], object],
    end: float,
    concurrency: int,
) -> Iterator[tuple[PendingBatch, Reply]]:
    """Send due batches and yield the replies, until none is due before *end*."""
    now = run.start
    in_flight: dict[Future[Reply], PendingBatch] = {}
    while in_flight or max(run.due, now) <= end:
        while run.due <= now <= end and len(in_flight) < concurrency:
            batch, body = run.take()
            in_flight[submit(body)] = batch
        if not in_flight:
            sleep(run.due - now)
        is_full = len(in_flight) == concurrency or run.due > end
        timeout = None if is_full else run.due - now
        for future in wait(in_flight, timeout, FIRST_COMPLETED).done:
            yield in_flight.pop(future), future.result()
        now = clock()


class _SameThreadExecutor(Executor):
    """Executor that calls each function immediately, in the thread of the caller."""

    def submit(
        self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        future: Future[_T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
