"""Sinks that wrap other sinks."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeAlias

import attrs

from braze_heap._sansio import in_thread
from braze_heap._wiring import OfOneProcess, check_function, check_name, check_number
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import AddUserProperties, Call
from braze_heap.sinks._protocol import (
    AsyncClosingContextManager,
    ClosingContextManager,
    Receipt,
    Rejection,
    Sink,
    destination_of,
    destinations_of,
    require_sink,
)


class Tee(OfOneProcess, ClosingContextManager):
    """
    Send each batch to several sinks in turn.

    A call is accepted if all sinks accept it, and rejected if one rejects it. If one is
    unavailable, the batch is sent again to all. Heap ignores a repeated event; a file
    then contains duplicates. Put Heap first.

    Args:
        sinks: Destinations, at least one, with different names. Those without a name
            share user properties: if one rejects a value, all of them fall back to an
            older one. `close` closes them.
    """

    def __init__(self, *sinks: Sink) -> None:
        if not sinks:
            raise ValueError("a Tee needs at least one sink")
        for sink in sinks:
            require_sink("Tee", sink)
        names = Counter(filter(None, map(destination_of, sinks)))
        if names and max(names.values()) > 1:
            raise ValueError(
                "two sinks of a Tee have the same destination, so the ledger takes "
                "them for one: give each its own attribute destination, a text such "
                "as 'warehouse eu', and each Filtered a name"
            )
        self._sinks = sinks

    @property
    def destination(self) -> str | None:
        """Destinations of the sinks; ``None`` if one does not name its own."""
        names = [destination_of(sink) for sink in self._sinks]
        return None if None in names else " + ".join(map(str, names))

    @property
    def destinations(self) -> frozenset[str]:
        """Destinations of the sinks, each with user properties of its own."""
        return frozenset().union(*map(destinations_of, self._sinks))

    def __repr__(self) -> str:
        return f"Tee({', '.join(map(repr, self._sinks))})"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Send *calls* to every sink.

        Raises:
            SinkUnavailable: A sink is unavailable, or a call is for none of the sinks.
        """
        calls = tuple(calls)
        first: dict[int, Rejection] = {}
        outcomes: list[tuple[frozenset[str], Receipt, _Places]] = []
        destinations = self.destinations
        if not all(_is_for(destinations, call) for call in calls):
            raise SinkUnavailable(
                "a call is for destinations that no sink of the Tee has: a wrapper "
                "around it needs the destinations of the Tee, or none",
                misconfigured=True,
            )
        for sink in self._sinks:
            names = destinations_of(sink)
            addressed = [_to_all(names, call) for call in calls]
            is_for = functools.partial(_is_for, names)
            receipt = _send_chosen(sink, addressed, is_for)
            outcomes.append((names, receipt, receipt.missing_of(names)))
            for rejection in receipt.rejections:
                first.setdefault(rejection.index, rejection)
        rejections = tuple(first[index] for index in sorted(first))
        missing: _Places = {}
        withheld: _Places = {}
        for index in {index for _, _, absent in outcomes for index in absent}:
            accepted, rejected = set[str](), set[str]()
            for names, receipt, absent in outcomes:
                at = absent.get(index, frozenset())
                accepted |= names - at
                rejected |= at - receipt.withheld.get(index, frozenset())
            missing[index] = destinations - accepted
            withheld[index] = missing[index] - rejected
        return Receipt(
            len(calls) - len(rejections),
            rejections,
            missing=missing,
            withheld=withheld,
        )

    def close(self) -> None:
        """Close every sink, even if closing one of them raises."""
        with contextlib.ExitStack() as stack:
            for sink in reversed(self._sinks):
                stack.callback(sink.close)


_Places: TypeAlias = dict[int, frozenset[str]]
"""Destinations by index of a call."""


def _to_all(names: frozenset[str], call: Call) -> Call:
    """Return *call* without destinations if it is for all of these *names*."""
    # A wrapper may have another name than the sinks in it, which then know none of it.
    if isinstance(call, AddUserProperties) and call.destinations >= names:
        return attrs.evolve(call, destinations=frozenset())
    return call


def _is_for(names: frozenset[str], call: Call) -> bool:
    """Return whether *call* is for a destination with one of these *names*."""
    only = call.destinations if isinstance(call, AddUserProperties) else None
    return not only or not only.isdisjoint(names)


def _send_chosen(
    sink: Sink, calls: Sequence[Call], is_chosen: Callable[[Call], bool]
) -> Receipt:
    """Send the chosen *calls*; the receipt is for all. The others are missing."""
    chosen = [index for index, call in enumerate(calls) if is_chosen(call)]
    receipt = sink.send(tuple(calls[index] for index in chosen)).checked(len(chosen))
    receipt = receipt.placed(dict(enumerate(chosen)), len(calls))
    others = {*range(len(calls))}.difference(chosen)
    withheld = dict.fromkeys(others, destinations_of(sink))
    return attrs.evolve(
        receipt,
        missing={**receipt.missing, **withheld},
        withheld={**receipt.withheld, **withheld},
    )


class _Wrapper(OfOneProcess):
    def __init__(self, sink: Sink) -> None:
        require_sink(type(self).__name__, sink)
        self._sink = sink

    @property
    def destination(self) -> str | None:
        """Destination of the wrapped sink."""
        return destination_of(self._sink)

    @property
    def destinations(self) -> frozenset[str]:
        """Destinations in the wrapped sink."""
        return destinations_of(self._sink)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._sink!r})"


class Filtered(_Wrapper, ClosingContextManager):
    """
    Send only the calls for which *keep* is true. The others count as accepted.

    Args:
        sink: Destination. `close` closes it.
        keep: Function of a call.
        name: Name of the filter. A backfill needs it. Its progress, and dead letters,
            are kept under it, so another filter needs another name. Without a name,
            dead letters are kept under the destination of the sink.
    """

    def __init__(
        self, sink: Sink, keep: Callable[[Call], bool], *, name: str = ""
    ) -> None:
        super().__init__(sink)
        check_function("keep", keep, takes="a call")
        if name != "":
            check_name("a Filtered needs a text as name", name)
        self._keep = keep
        self._name = name

    @property
    def destination(self) -> str | None:
        """Destination of the wrapped sink and name of the filter; see `Sink`."""
        place = super().destination
        return f"{place}, only {self._name}" if place and self._name else None

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """Send the calls for which *keep* is true."""
        return _send_chosen(self._sink, calls, self._keep)

    def close(self) -> None:
        """Close the wrapped sink."""
        self._sink.close()


@attrs.define(eq=False)
class _SharedBatch:
    """Batches of several threads that are sent as one."""

    send_at: float
    calls: list[Call] = attrs.field(factory=list)
    receipt: Future[Receipt] = attrs.field(factory=Future)

    def receipt_for(self, start: int, size: int) -> Receipt:
        """Wait for the receipt, and return that of the *size* calls from *start* on."""
        if error := self.receipt.exception():
            raise error.with_traceback(None)
        places = {start + index: index for index in range(size)}
        return self.receipt.result().placed(places, size)


class Buffered(_Wrapper, ClosingContextManager):
    """
    Combine the batches of several threads into large bulk requests.

    `send` returns after the destination has decided. A shared batch succeeds or fails
    as a whole. A single caller always waits *seconds*, so use it only with several
    threads.

    Args:
        sink: Destination. `close` closes it.
        size: Number of calls at which a shared batch is sent without waiting.
        seconds: Longest time that a batch waits for others.
    """

    def __init__(self, sink: Sink, *, size: int = 1000, seconds: float = 0.2) -> None:
        check_number("size", size)
        check_number("seconds", seconds, float, least=0)
        super().__init__(sink)
        self._size = size
        self._seconds = seconds
        self._changed = threading.Condition()
        self._batch: _SharedBatch | None = None
        self._undecided = 0
        self._is_closing = False

    def __repr__(self) -> str:
        return f"Buffered({self._sink!r}, size={self._size})"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Send *calls* together with those of other threads, and wait for the receipt.

        Raises:
            SinkUnavailable: The sink is unavailable; raised in each of the threads.
        """
        if not calls:
            return Receipt()
        with self._changed:
            is_leader = self._batch is None
            batch = self._batch or _SharedBatch(time.monotonic() + self._seconds)
            if is_leader:
                self._batch = batch
                self._undecided += 1
            start = len(batch.calls)
            batch.calls += calls
            self._changed.notify_all()
        if is_leader:
            self._send_as_leader(batch)
        return batch.receipt_for(start, len(calls))

    def close(self) -> None:
        """Send waiting batches now, and close the wrapped sink when all are decided."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._undecided)
        self._sink.close()

    def _send_as_leader(self, batch: _SharedBatch) -> None:
        """Wait for other threads, send *batch*, and wake the other threads."""
        try:
            self._wait_until_full(batch)
            receipt = self._sink.send(tuple(batch.calls)).checked(len(batch.calls))
            batch.receipt.set_result(receipt)
        except Exception as error:
            batch.receipt.set_exception(error)
        except BaseException:
            interrupted = SinkUnavailable("the sending thread was interrupted")
            batch.receipt.set_exception(interrupted)
            raise
        finally:
            with self._changed:
                self._batch = None if self._batch is batch else self._batch
                self._undecided -= 1
                self._changed.notify_all()

    def _wait_until_full(self, batch: _SharedBatch) -> None:
        def is_full() -> bool:
            return self._is_closing or len(batch.calls) >= self._size

        with self._changed:
            self._changed.wait_for(is_full, max(0.0, batch.send_at - time.monotonic()))
            self._batch = None


class ThreadedSink(_Wrapper, AsyncClosingContextManager):
    """
    Adapt a `Sink` to `AsyncSink`. The sink runs in threads.

    Args:
        sink: Destination. `close` closes it.
    """

    async def send(self, calls: Sequence[Call], /) -> Receipt:
        """Send *calls*; see `Sink.send`."""
        return await in_thread(self._sink.send, calls)

    async def close(self) -> None:
        """Close the wrapped sink."""
        await in_thread(self._sink.close)
