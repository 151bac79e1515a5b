"""
A Braze of your own, for tests of what receives its Currents events.

`SimulatedBraze` sends like the custom HTTP connector of Braze Currents, as documented:
batches, repeats, splits, and the faults that at-least-once delivery brings. The same
seed gives the same requests::

    braze = SimulatedBraze(token="secret", seed=3, lose_answers=0.1, send_twice=0.1)
    simulation = braze.send(make_traffic(500), to=receiver.handle)

    simulation.assert_all_delivered()

| answer | what happens |
| --- | --- |
| 2XX | delivered, never sent again |
| 400 | each event is sent alone; what gets a 400 alone, again, is dropped for ever |
| 413 | halves are sent; a single event is dropped, which is *assumed* |
| 401, 403, 404 | Braze stops: these events are abandoned, the customer gets a mail |
| any other, or none | sent again with backoff and jitter, not before ``Retry-After`` |

A batch that fails for 5 days disables the integration, and what is new then is dropped.
Undocumented is what becomes of the events that Braze holds when it stops or is
disabled: here they are *pending*. Seconds everywhere.
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
from typing import Any, ParamSpec, TypedDict, TypeVar, Unpack

from attrs import define, field, frozen

from braze_heap.testing._braze_rules import (
    Behavior,
    Fate,
    Outcome,
    PendingBatch,
    Simulation,
    SimulationRun,
)
from braze_heap.testing._braze_wire import Endpoint, Reply, post_to
from braze_heap.testing._samples import TIME
from braze_heap.testing._traffic import make_traffic

__all__ = [
    "Endpoint",
    "Fate",
    "Outcome",
    "SimulatedBraze",
    "Simulation",
    "VirtualClock",
    "simulate",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")


@define
class VirtualClock:
    """
    Time that passes by sleeping alone, and at once.

    Attributes:
        now: UTC epoch seconds.
    """

    now: float = float(TIME)

    def __call__(self) -> float:
        """
        Return the time.
        """
        return self.now

    def sleep(self, seconds: float) -> None:
        """
        Let *seconds* pass.
        """
        self.now += seconds


@frozen(kw_only=True)
class SimulatedBraze(Behavior):
    """
    The sender of Braze's custom HTTP connector, with the faults that you ask for.

    Attributes:
        token: Sent as ``Authorization: Bearer ...``; by default there is no such
            header.
        seed: Decides every chance.
        batch_size: Most events of a request; 100 is Braze's default.
        lose_answers: Share of the answers that get lost on their way back: the endpoint
            took the events, and they come again.
        send_twice: Share of the events that come once more later, among others.
        reorder: Share of the events, and of the batches, that move to any other place.
        probes: Requests without events, by which Braze checks its credentials. The
            first comes before everything else.
        rate: Events a second that happen; by default all have happened at the start.
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
        Send *events*, until Braze would send none of them any more.

        Args:
            events: Whatever JSON can say: some of them may be malformed.
            to: A URL, or what takes a `braze_heap.receiver.Request` and returns
                something with ``status`` and ``headers``. A ``ConnectionError`` or
                ``TimeoutError`` out of it is a failure of the network; what else it
                raises is raised here.
            clock: UTC epoch seconds. By default virtual for a callable, real for a URL.
            sleep: Lets the time of *clock* pass. The two come together.
            concurrency: Requests at a time, in threads. Only one is deterministic.
            limit: Seconds after which no request begins; what is left is pending.
            watch: Is told how things stand after each answer.

        Raises:
            ValueError: *to* is no URL that Braze could post to, or the token no token.
            TypeError: *clock* without *sleep*, or the other way round.
        """
        post = post_to(to, self.token)
        clock, sleep = _time(to, clock, sleep)
        run = SimulationRun(self, events, clock())
        end = min(run.start + limit, sys.float_info.max)
        with _Here() if concurrency == 1 else ThreadPoolExecutor(concurrency) as pool:

            def submit(body: bytes) -> Future[Reply]:
                return pool.submit(post, body)

            for batch, reply in _exchanges(run, submit, clock, sleep, end, concurrency):
                run.apply_response(batch, reply, clock())
                if watch is not None:
                    watch(run.simulation())
        return run.simulation()


class _Settings(TypedDict, total=False):
    token: str | None
    seed: int
    batch_size: int
    lose_answers: float
    send_twice: float
    reorder: float
    probes: int
    rate: float


def simulate(
    to: Endpoint, events: Sequence[Any] | None = None, **settings: Unpack[_Settings]
) -> Simulation:
    """
    Send *events* to a receiver as Braze would, and return what became of them.

    Args:
        to: A URL or a callable, see `SimulatedBraze.send`.
        events: By default 500 of a made-up workspace, see `make_traffic`.
        settings: Of `SimulatedBraze`; ``token`` above all.
    """
    braze = SimulatedBraze(**settings)
    sent = make_traffic(500, seed=braze.seed) if events is None else events
    return braze.send(sent, to)


def _time(
    to: Endpoint,
    clock: Callable[[], float] | None,
    sleep: Callable[[float], object] | None,
) -> tuple[Callable[[], float], Callable[[float], object]]:
    if (clock is None) != (sleep is None):
        raise TypeError("Pass clock and sleep together: they tell the same time.")
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
    """
    Send what is due, and yield what comes back, until nothing is due before *end*.
    """
    now = run.start
    flying: dict[Future[Reply], PendingBatch] = {}
    while flying or max(run.due, now) <= end:
        while run.due <= now <= end and len(flying) < concurrency:
            batch, body = run.take()
            flying[submit(body)] = batch
        if not flying:
            sleep(run.due - now)
        is_full = len(flying) == concurrency or run.due > end
        timeout = None if is_full else run.due - now
        for future in wait(flying, timeout, FIRST_COMPLETED).done:
            yield flying.pop(future), future.result()
        now = clock()


class _Here(Executor):
    """
    Runs what it is given at once, in the thread of the caller.
    """

    def submit(
        self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        future: Future[_T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
