"""
What a sink is: two methods, and what they promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import attrs

from braze_heap._wiring import is_async, kind_of
from braze_heap.heap.calls import Call


@attrs.frozen
class Rejection:
    """
    One call that the destination refuses for good.

    Attributes:
        index: Its place in the batch.
        reason: A word of `braze_heap.Reason`, or one of the sink's own.
        status: The HTTP status, where there was one.
        detail: What the destination said, without values.
    """

    index: int
    reason: str
    status: int | None = None
    detail: str = ""


@attrs.frozen
class Receipt:
    """
    What the destination decided about a batch.

    Each call is accepted or rejected: ``accepted + len(rejections)`` is the size of the
    batch.

    Attributes:
        accepted: How many calls are settled.
        rejections: The others, by index.
    """

    accepted: int = 0
    rejections: tuple[Rejection, ...] = ()

    def checked(self, size: int) -> Receipt:
        """
        Return the receipt, if it can be one for *size* calls.

        Raises:
            ValueError: It does not add up.
        """
        indexes = {rejection.index for rejection in self.rejections}
        is_sane = len(indexes) == len(self.rejections) and indexes <= set(range(size))
        if not is_sane or self.accepted + len(indexes) != size:
            raise ValueError(
                "the sink's receipt does not add up: count every call once"
            )
        return self


class Sink(Protocol):
    """
    Takes calls to where they go. A context manager; usable from threads.

    Keeps no reference to the batch, changes nothing in it, and keeps its order for each
    identity. An empty batch is an empty receipt. `braze_heap.testing.check_sink` tests
    all of it.
    """

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Settle *calls*, all of them.

        Raises:
            SinkUnavailable: Some could not be decided. All are to be sent again.
        """
        ...

    def close(self) -> None:
        """
        Make durable what was taken, and release everything. A second call does nothing.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...


class AsyncSink(Protocol):
    """
    The same for ``async`` code. ``async with`` closes it.
    """

    async def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Settle *calls*; see `Sink.send`.
        """
        ...

    async def close(self) -> None:
        """
        See `Sink.close`.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...


def require_sink(user: str, sink: object) -> None:
    """
    Raise unless *sink* is a `Sink`, for *user* to call without ``await``.

    Raises:
        TypeError: It is an `AsyncSink`, a class, or not a sink at all.
    """
    _require_send(user, "a sink", sink)
    is_both = hasattr(type(sink), "__enter__") and not is_async(sink.send)  # type: ignore[attr-defined]
    if _is_async_sink(sink) and not is_both:
        name = type(sink).__name__
        sync = name.removeprefix("Async") if name.startswith("Async") else "a Sink"
        raise TypeError(
            f"{user} needs a sync sink, but {name} is async: use {sync}, "
            "or AsyncPipeline for async code"
        )


def require_async_sink(user: str, sink: object) -> None:
    """
    Raise unless *sink* is an `AsyncSink`, for *user* to await.

    Raises:
        TypeError: It is a `Sink`, a class, or not a sink at all.
    """
    _require_send(user, "an async sink", sink)
    if not _is_async_sink(sink):
        name = type(sink).__name__
        other = "AsyncHeapSink" if name == "HeapSink" else f"ThreadedSink({name}(...))"
        raise TypeError(
            f"{user} needs an async sink, but {name} is sync: use {other}, or Pipeline"
        )


def _require_send(user: str, wanted: str, sink: object) -> None:
    if isinstance(sink, type):
        raise TypeError(
            f"{user} needs {wanted}, not {kind_of(sink)}: write {sink.__name__}(...)"
        )
    if not callable(getattr(sink, "send", None)):
        hint = ": write open_sink(...)" if isinstance(sink, str) else ""
        raise TypeError(f"{user} needs {wanted}, not {kind_of(sink)}{hint}")


def _is_async_sink(sink: object) -> bool:
    """
    Return whether ``send`` is awaited. One that only returns a coroutine does not say
    so itself; the other methods of `AsyncSink` do.
    """
    return (
        is_async(getattr(sink, "send", None))
        or is_async(getattr(sink, "close", None))
        or hasattr(type(sink), "__aenter__")
    )
