"""Faults between a client and `FakeHeap`, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from attrs import define, field, frozen, validators

from braze_heap.testing._fake_api import JsonObject, decode, items_of
from braze_heap.testing._fake_server import Connection, WireRequest, WireResponse

MAX_WAIT: Final = 600.0
"""Longest wait of a fault, in seconds."""

_WAIT: Final = (validators.ge(0.0), validators.le(MAX_WAIT))


@frozen
class Fault:
    """
    Something that goes wrong with one request; nothing for this class itself.

    Derive from it and override `play` for a fault of your own.

    Attributes:
        path: The only path that the fault affects; ``None`` for every path.
    """

    path: str | None = field(default=None, kw_only=True)

    def touches(self, path: str) -> bool:
        """Return whether the fault affects requests for *path*."""
        return self.path is None or self.path == path

    def play(self, exchange: Exchange) -> WireResponse | None:
        """
        Answer the request, or prevent the answer.

        Args:
            exchange: The request and its connection. ``exchange.proceed()`` applies the
                request, and returns the response without this fault.

        Returns:
            The response to send; ``None`` to close the connection, after whatever the
            fault sent with ``exchange.connection`` itself.
        """
        return exchange.proceed()


@frozen
class Status(Fault):
    """
    Answer with a status of your choice. The connection stays open.

    Attributes:
        code: 200 to 999.
        headers: Such as ``{"Retry-After": "1"}``. A wrong ``Content-Length`` truncates
            the body.
        body: Sent unchanged.
        apply: Whether the request takes effect before the answer.
    """

    code: int = field(validator=[validators.ge(200), validators.le(999)])
    headers: Mapping[str, str] = field(factory=dict, hash=False)
    body: bytes = b""
    apply: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Return the status."""
        if self.apply:
            exchange.proceed()
        return WireResponse(self.code, self.body, self.headers)


@frozen
class Reset(Fault):
    """
    Read the request, then reset the connection (RST) instead of an answer.

    Attributes:
        after_applying: Whether the request takes effect first.
    """

    after_applying: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Reset the connection."""
        if self.after_applying:
            exchange.proceed()
        exchange.connection.reset()
        return None


@frozen
class Stall(Fault):
    """
    Read the request, send nothing, then close the connection.

    It ends early when the client closes the connection.

    Attributes:
        seconds: Time until the connection is closed.
        apply: Whether the request takes effect before the wait.
    """

    seconds: float = field(validator=_WAIT)
    apply: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Wait, and close the connection."""
        if self.apply:
            exchange.proceed()
        exchange.connection.wait_for_client(self.seconds)
        return None


@frozen
class Latency(Fault):
    """
    Wait, then answer as usual.

    The request takes effect even if the client has closed the connection meanwhile.

    Attributes:
        seconds: Time of the wait.
    """

    seconds: float = field(validator=_WAIT)

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Answer late."""
        return exchange.proceed() if exchange.connection.sleep(self.seconds) else None


@frozen
class Poison(Fault):
    """
    Reject (400) every call with an item for which *predicate* is true.

    Other calls are answered as usual. Meant for `FakeHeap.always`.

    Attributes:
        predicate: Called with each element of ``events`` or ``users``, or with the item
            of a single call without its ``app_id``.
        named: Whether the answer names the first such item, ``postBody.events[7] ...``.
            If not, clients have to bisect.
    """

    predicate: Callable[[JsonObject], bool]
    named: bool = True

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Reject the request if an item matches."""
        for path, item in exchange.items.items():
            if self.predicate(item):
                named = f"{path} should NOT be valid"
                return WireResponse.text(400, named if self.named else "Bad Request")
        return exchange.proceed()


@define
class RequestRecord:
    """
    One request that `FakeHeap` has read, without its body.

    Attributes:
        method: HTTP method.
        path: Path without the query.
        status: Status of the response; ``None`` without a complete response.
        items: Number of events or users in the body; 0 if it cannot be read.
        size: Bytes of the body.
    """

    method: str
    path: str
    status: int | None
    items: int
    size: int


class Exchange:
    """
    A request that is being answered, for faults.

    Attributes:
        request: The request.
        connection: The connection, with `send`, `reset`, `sleep`, `wait_for_client`,
            and ``connection``, its socket.
        items: Events or users of the call by Heap's name for them:
            ``postBody.events[3]``, or ``postBody`` for a single call.
        record: The entry in `FakeHeap.requests`.
    """

    def __init__(
        self,
        connection: Connection,
        request: WireRequest,
        faults: Iterator[Fault],
        answer: Callable[[WireRequest, object], WireResponse],
    ) -> None:
        self.request: Final = request
        self.connection: Final = connection
        self._faults = faults
        self._answer = answer
        self.record: Final = RequestRecord(
            request.method, request.path, None, len(self.items), len(request.body)
        )

    @cached_property
    def items(self) -> Mapping[str, JsonObject]:
        return items_of(self.request.path, self._document)

    @cached_property
    def _document(self) -> Any:
        return decode(self.request)

    def proceed(self) -> WireResponse | None:
        """
        Apply the request, and return the response without the calling fault.

        It is ``None`` if another fault closes the connection.
        """
        fault = next(self._faults, None)
        return fault.play(self) if fault else self._answer(self.request, self._document)
