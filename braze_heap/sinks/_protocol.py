"""Sink protocol, receipts, and the checks of sinks that are passed as arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

import attrs

from braze_heap._wiring import is_async, kind_of, require
from braze_heap.exceptions import BrazeHeapError
from braze_heap.heap.calls import Call


class InvalidReceiptError(BrazeHeapError, ValueError):
    """The receipt of a sink is wrong. The message quotes no value."""


@attrs.frozen
class Rejection:
    """
    One call that the destination rejects permanently.

    Attributes:
        index: Position in the batch.
        reason: A `braze_heap.Reason`, or a reason defined by the sink.
        status: HTTP status, if the destination sent one.
        detail: Answer of the destination, without values of the event.
    """

    index: int
    reason: str
    status: int | None = None
    detail: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether each value has its type. Stores and reports rely on that."""
        texts = self.reason, self.detail
        status = 0 if self.status is None else self.status
        return all(isinstance(text, str) for text in texts) and (
            type(self.index) is type(status) is int
        )


@attrs.frozen
class Receipt:
    """
    Decision of the destination about each call of a batch.

    ``accepted + len(rejections)`` is the size of the batch.

    Attributes:
        accepted: Number of accepted calls.
        rejections: The other calls.
        missing: Destinations that do not have a call, by its index, if that differs:
            some sinks of a `Tee` accepted a rejected call, or a filter left it out.
        withheld: Those of the missing destinations to which it was not sent, because a
            filter left it out, for example.
    """

    accepted: int = 0
    rejections: tuple[Rejection, ...] = ()
    missing: Mapping[int, frozenset[str]] = attrs.field(
        factory=dict, eq=False, repr=False, kw_only=True
    )
    withheld: Mapping[int, frozenset[str]] = attrs.field(
        factory=dict, eq=False, repr=False, kw_only=True
    )

    def checked(self, size: int) -> Receipt:
        """
        Return the receipt if it is valid for *size* calls.

        Raises:
            InvalidReceiptError: The receipt does not account for each call exactly
                once, or a value has the wrong type.
        """
        if not isinstance(self.rejections, tuple | list):
            raise InvalidReceiptError("invalid receipt: rejections must be a tuple")
        for rejection in self.rejections:
            if not (isinstance(rejection, Rejection) and rejection.is_valid):
                raise InvalidReceiptError(
                    "invalid receipt: a Rejection needs an int as index, texts as "
                    "reason and detail, and an int or None as status"
                )
        indexes = {rejection.index for rejection in self.rejections}
        is_sane = len(indexes) == len(self.rejections) and indexes <= set(range(size))
        accepted = self.accepted if isinstance(self.accepted, int) else None
        if not is_sane or accepted != size - len(indexes):
            raise InvalidReceiptError(
                "invalid receipt: accepted + rejections must equal the batch size"
            )
        for places in self.missing, self.withheld:
            if not (
                isinstance(places, Mapping) and all(map(_is_place, places.items()))
            ):
                raise InvalidReceiptError(
                    "invalid receipt: missing and withheld must have a frozenset of "
                    "texts for an index"
                )
        return self

    def placed(self, places: Mapping[int, int], size: int) -> Receipt:
        """Return the receipt of *size* calls, with indexes mapped by *places*."""
        rejections = tuple(
            attrs.evolve(rejection, index=places[rejection.index])
            for rejection in self.rejections
            if rejection.index in places
        )
        missing, withheld = (
            {places[i]: at for i, at in given.items() if i in places}
            for given in (self.missing, self.withheld)
        )
        return Receipt(
            size - len(rejections), rejections, missing=missing, withheld=withheld
        )

    def missing_of(self, destinations: frozenset[str]) -> dict[int, frozenset[str]]:
        """Return those of the *destinations* that do not have a call, by its index."""
        rejected = (rejection.index for rejection in self.rejections)
        some = {index: at & destinations for index, at in self.missing.items()}
        known = {index: at for index, at in some.items() if at}
        return {**dict.fromkeys(rejected, destinations), **known}


def _is_place(item: tuple[object, object]) -> bool:
    index, names = item
    return (
        isinstance(index, int)
        and isinstance(names, frozenset)
        and all(isinstance(name, str) for name in names)
    )


class ClosingContextManager(Protocol):
    """Context manager that calls `close` at the end of the block."""

    def close(self) -> None:
        """Flush accepted calls to durable storage and release resources. Idempotent."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        self.close()


class AsyncClosingContextManager(Protocol):
    """Async context manager that awaits `close` at the end of the block."""

    async def close(self) -> None:
        """See `Sink.close`."""
        ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        await self.close()


class Sink(ClosingContextManager, Protocol):
    """
    Destination of calls. A context manager; thread-safe.

    A sink does not modify a batch or keep a reference to it, and keeps its order for
    each identity. An empty batch returns an empty receipt.
    `braze_heap.testing.check_sink` tests this contract.

    A sink may have an attribute ``destination``, a text with the kind of sink and the
    place to which it sends. Dead letters, user properties and progress are stored under
    this name. A ledger that is used after the sink needs it. A wrapper may also have
    ``destinations``, a frozenset with the names of the sinks inside, under which the
    ledger keeps user properties: whatever wraps a sink, its place is the same.
    """

    def send(self, calls: Sequence[Call], /) -> Receipt:
        """
        Send *calls* and return the decision about each of them.

        Raises:
            SinkUnavailable: Some calls are undecided. Send the whole batch again.
        """
        ...


class AsyncSink(AsyncClosingContextManager, Protocol):
    """`Sink` for asyncio. An async context manager."""

    async def send(self, calls: Sequence[Call], /) -> Receipt:
        """Send *calls*; see `Sink.send`."""
        ...


def require_sink(user: str, sink: object) -> None:
    """Raise `TypeError` unless *sink* is a `Sink`, which *user* does not await."""
    needed = "a sink, such as open_sink(...)"
    _require_send(user, needed, sink)
    is_both = hasattr(type(sink), "__enter__") and not is_async(sink.send)  # type: ignore[attr-defined]
    if _is_async_sink(sink) and not is_both:
        raise TypeError(
            f"{user} needs a sync sink, but {type(sink).__name__} is async: use a sync "
            "one, such as HeapSink, or AsyncPipeline for async code"
        )


def require_async_sink(user: str, sink: object) -> None:
    """Raise `TypeError` unless *sink* is an `AsyncSink`, which *user* awaits."""
    _require_send(user, "an async sink, such as AsyncHeapSink(...)", sink)
    if not _is_async_sink(sink):
        name = type(sink).__name__
        raise TypeError(
            f"{user} needs an async sink, but {name} is sync: use AsyncHeapSink or "
            f"ThreadedSink({name}(...)), or Pipeline"
        )


def _require_send(user: str, needed: str, sink: object) -> None:
    if hasattr(type(sink), "recv"):  # a socket or connection
        raise TypeError(f"{user} needs {needed}, not {kind_of(sink)}")
    require(user, needed, sink, "send", is_awaited=True)
    destinations_of(sink)  # raises if they are wrong


def destination_of(sink: object) -> str | None:
    """Return the `destination` of *sink*; ``None`` if it does not name one."""
    destination = getattr(sink, "destination", None)
    if not isinstance(destination, str) or not destination.strip():
        return None
    return destination.encode("utf-8", "replace").decode()  # stores take no surrogates


def destinations_of(sink: object) -> frozenset[str]:
    """
    Return the names of all destinations of *sink*; empty texts for unnamed ones.

    Raises:
        TypeError: Its ``destinations`` are not a frozenset of texts.
    """
    inside = getattr(sink, "destinations", None)
    if not isinstance(inside, frozenset | _NO_NAMES):  # of a mock, for example
        return frozenset([destination_of(sink) or ""])
    is_valid = isinstance(inside, frozenset) and len(inside) > 0
    if is_valid and all(isinstance(name, str) for name in inside):
        return frozenset(inside)
    raise TypeError(
        f"{type(sink).__name__}.destinations must be a frozenset of the names of the "
        "sinks inside, such as frozenset(['warehouse eu'])"
    )


_NO_NAMES: Final = str | bytes | list | tuple | set | dict | int


def place_of(sink: object) -> str:
    """
    Return the name under which dead letters of *sink* are kept; empty if unnamed.

    It is its destination, or all of those inside, because a filter may have no name.
    """
    inside = sorted(destinations_of(sink))
    return destination_of(sink) or ("" if "" in inside else " + ".join(inside))


def _is_async_sink(sink: object) -> bool:
    """Return whether ``send`` must be awaited."""
    # A plain `send` that returns a coroutine is not recognized: the other methods are.
    return (
        is_async(getattr(sink, "send", None))
        or is_async(getattr(sink, "close", None))
        or hasattr(type(sink), "__aenter__")
    )
