"""
What a sink is: two methods, and what they promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import attrs

from braze_heap.calls import Call


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
