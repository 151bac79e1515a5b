"""
Sinks around sinks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import attrs

from braze_heap._sansio import in_thread
from braze_heap._wiring import check_function
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import Call
from braze_heap.sinks._protocol import (
    AsyncClosingContextManager,
    ClosingContextManager,
    Receipt,
    Rejection,
    Sink,
    require_sink,
)


class Tee(ClosingContextManager):
    """
    Sends each batch to several sinks, one after the other.

    A call is settled when all have it, and refused when one refuses it. If one is
    unavailable, so is the whole; those before it get the batch again, which Heap takes
    as a repeat, and a file does not. Put Heap first.

    Args:
        sinks: At least one. They are closed with the tee.
    """

    def __init__(self, *sinks: Sink) -> None:
        if not sinks:
            raise ValueError("a Tee needs at least one sink")
        for sink in sinks:
            require_sink("Tee", sink)
        self._sinks = sinks

    def __repr__(self) -> str:
        return f"Tee({', '.join(map(repr, self._sinks))})"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Send *calls* to every sink.

        Raises:
            SinkUnavailable: One of them could not decide.
        """
        first: dict[int, Rejection] = {}
        for sink in self._sinks:
            for rejection in sink.send(calls).checked(len(calls)).rejections:
                first.setdefault(rejection.index, rejection)
        rejections = tuple(first[index] for index in sorted(first))
        return Receipt(len(calls) - len(rejections), rejections)

    def close(self) -> None:
        """
        Close every sink, also if one of them fails to.
        """
        _close_all(list(self._sinks))


def _close_all(sinks: list[Sink]) -> None:
    if not sinks:
        return
    try:
        sinks[0].close()
    finally:
        _close_all(sinks[1:])


class Filtered(ClosingContextManager):
    """
    Sends on only the calls that *keep* is true for. The others count as accepted.

    Args:
        sink: Where to. Closed with the filter.
        keep: Takes a call.
    """

    def __init__(self, sink: Sink, keep: Callable[[Call], bool]) -> None:
        require_sink("Filtered", sink)
        check_function("keep", keep, takes="a call")
        self._sink = sink
        self._keep = keep

    def __repr__(self) -> str:
        return f"Filtered({self._sink!r})"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Send the calls to keep.
        """
        kept = [index for index, call in enumerate(calls) if self._keep(call)]
        receipt = self._sink.send([calls[index] for index in kept]).checked(len(kept))
        rejections = tuple(
            attrs.evolve(rejection, index=kept[rejection.index])
            for rejection in receipt.rejections
        )
        return Receipt(len(calls) - len(rejections), rejections)

    def close(self) -> None:
        """
        Close the sink behind it.
        """
        self._sink.close()


@attrs.define(eq=False)
class _Load:
    """
    The batches of several threads on their way together.
    """

    closes_at: float
    calls: list[Call] = attrs.field(factory=list)
    is_done: bool = False
    receipt: Receipt | None = None
    error: Exception | None = None

    def share(self, start: int, size: int) -> Receipt:
        """
        Return what became of the calls from *start* on.
        """
        if self.error is not None:
            raise self.error.with_traceback(None)
        assert self.receipt is not None  # noqa: S101 (done, and no error)
        ours = tuple(
            attrs.evolve(rejection, index=rejection.index - start)
            for rejection in self.receipt.rejections
            if start <= rejection.index < start + size
        )
        return Receipt(size - len(ours), ours)


class Buffered(ClosingContextManager):
    """
    Joins the batches of several threads into full bulk calls.

    `send` returns when the destination has decided: acknowledgements stay true. What
    was taken together is settled or fails together. So a lonely thread waits *seconds*
    for company that does not come; and in one thread it buys nothing.

    Args:
        sink: Where to. Closed with the buffer.
        size: Calls from which on nobody is waited for.
        seconds: How long the first batch waits at most.
    """

    def __init__(self, sink: Sink, *, size: int = 1000, seconds: float = 0.2) -> None:
        if size < 1 or seconds < 0:
            raise ValueError("a Buffered needs a size of 1 and seconds of 0 at least")
        require_sink("Buffered", sink)
        self._sink = sink
        self._size = size
        self._seconds = seconds
        self._changed = threading.Condition()
        self._load: _Load | None = None
        self._undecided = 0
        self._is_closing = False

    def __repr__(self) -> str:
        return f"Buffered({self._sink!r}, size={self._size})"

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Send *calls* together with those of other threads, and wait for the outcome.

        Raises:
            SinkUnavailable: For every batch of the load.
        """
        if not calls:
            return Receipt()
        with self._changed:
            is_first = self._load is None
            load = self._load or self._begun()
            start = len(load.calls)
            load.calls += calls
            self._changed.notify_all()
            if not is_first:
                self._changed.wait_for(lambda: load.is_done)
        if is_first:
            self._lead(load)
        return load.share(start, len(calls))

    def close(self) -> None:
        """
        Let what waits go now, and close the sink behind when all is decided.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._undecided)
        self._sink.close()

    def _begun(self) -> _Load:
        self._undecided += 1
        self._load = _Load(time.monotonic() + self._seconds)
        return self._load

    def _lead(self, load: _Load) -> None:
        """
        Wait for company, send *load*, and tell the others. Nobody is left waiting.
        """
        try:
            self._gather(load)
            load.receipt = self._sink.send(load.calls).checked(len(load.calls))
        except Exception as error:
            load.error = error
        except BaseException:
            load.error = SinkUnavailable("the thread that sent for all was interrupted")
            raise
        finally:
            self._finish(load)

    def _gather(self, load: _Load) -> None:
        def is_full() -> bool:
            return self._is_closing or len(load.calls) >= self._size

        with self._changed:
            self._changed.wait_for(is_full, max(0.0, load.closes_at - time.monotonic()))
            self._load = None

    def _finish(self, load: _Load) -> None:
        with self._changed:
            self._load = None if self._load is load else self._load
            self._undecided -= 1
            load.is_done = True
            self._changed.notify_all()


class ThreadedSink(AsyncClosingContextManager):
    """
    Makes an `AsyncSink` of a `Sink`: it works in a thread. For asyncio.

    Args:
        sink: Closed with it.
    """

    def __init__(self, sink: Sink) -> None:
        require_sink("ThreadedSink", sink)
        self._sink = sink

    def __repr__(self) -> str:
        return f"ThreadedSink({self._sink!r})"

    async def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Settle *calls*; see `Sink.send`.
        """
        return await in_thread(self._sink.send, calls)

    async def close(self) -> None:
        """
        Close the sink behind it.
        """
        await in_thread(self._sink.close)
