"""What can go wrong between a client and `FakeHeap`, as values."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from attrs import field, frozen, validators

from braze_heap.testing._fake_rules import JsonObject, decoded, items_name, without_app
from braze_heap.testing._fake_wire import (
    IDLE,
    Connection,
    RequestRecord,
    WireRequest,
    WireResponse,
    reason,
)

MAX_WAIT: Final = 600.0
"""Longest wait that a fault may ask for, in seconds."""


def _waiting(default: float | None = None) -> Any:
    checks = [validators.ge(0.0), validators.le(MAX_WAIT)]
    if default is None:
        return field(validator=checks)

    return field(default=default, validator=checks)


@frozen
class Fault:
    """
    Something that goes wrong with one request. Subclass it and override `play` for your
    own.

    Attributes:
        path: The only path that the fault touches; None for every path.
    """

    path: str | None = field(default=None, kw_only=True)

    def touches(self, path: str) -> bool:
        """Tell whether the fault has to do with requests for *path*."""
        return self.path is None or self.path == path

    def play(self, exchange: Exchange) -> WireResponse | None:
        """
        Answer the request, or spoil it.

        Args:
            exchange: The request and its connection. ``exchange.proceed()`` gives the
                answer that would be given without this fault, after applying the
                request.

        Returns:
            The answer to send; None to close the connection, with whatever was sent by
            hand.
        """
        return exchange.proceed()


@frozen
class Status(Fault):
    """
    Answer with a status of your choice. The connection stays open.

    Attributes:
        code: 200 to 999.
        headers: Such as ``{"Retry-After": "1"}``. A ``Content-Length`` that lies makes
            a cut body.
        body: Sent as it is.
        apply: Whether the request takes effect before the answer.
    """

    code: int = field(validator=[validators.ge(200), validators.le(999)])
    headers: Mapping[str, str] = field(factory=dict, hash=False)
    body: bytes = b""
    apply: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Give the status."""
        exchange.proceed_if(self.apply)

        return WireResponse(self.code, self.body, self.headers)


@frozen
class Refuse(Fault):
    """
    Refuse a connection: accept it and reset it (RST) before a byte is read.

    Takes effect when a client connects and the fault is the next of the script. On a
    connection that is already open, and with a *path*, it resets when a request has
    been read, and nothing takes effect. For a port that nobody listens on
    (``ECONNREFUSED``) see `FakeHeap.pause`.
    """

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Reset the connection."""
        exchange.reset()

        return None


@frozen
class Reset(Fault):
    """
    Read the request, then reset the connection (RST) in place of an answer.

    Attributes:
        after_applying: Whether the request takes effect first.
    """

    after_applying: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Reset the connection."""
        exchange.proceed_if(self.after_applying)
        exchange.reset()

        return None


@frozen
class Stall(Fault):
    """
    Read the request and answer nothing, then close the connection.

    Ends early when the client hangs up.

    Attributes:
        seconds: How long the client is kept waiting.
        apply: Whether the request takes effect, before the wait.
    """

    seconds: float = _waiting()
    apply: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Wait, and leave."""
        exchange.proceed_if(self.apply)
        exchange.note(None)
        exchange.hold(self.seconds)

        return None


@frozen
class Drip(Fault):
    """
    Answer as usual, but one byte at a time, then close the connection.

    Each read of the client succeeds in time; the whole answer takes *interval* times
    its length, about 90 bytes. The request takes effect before the first byte.

    Attributes:
        interval: Seconds after each byte.
    """

    interval: float = _waiting()

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Send the answer in pieces."""
        response = exchange.proceed()
        if response is None:
            return None
        exchange.note(response.status)
        for byte in response.to_bytes(keep_alive=False):
            exchange.send(bytes((byte,)))
            if not exchange.hold(self.interval):
                break

        return None


@frozen
class HalfClose(Fault):
    """
    Read the request, then end our side of the connection (FIN) without a byte, and keep
    reading.

    Lasts until the client hangs up, a minute at most.

    Attributes:
        apply: Whether the request takes effect first.
    """

    apply: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Say goodbye, but stay."""
        exchange.proceed_if(self.apply)
        exchange.end_sending()
        exchange.hold(IDLE)

        return None


@frozen
class CutStatusLine(Fault):
    """
    Read the request, send ``HTTP/1.1 20`` and close the connection.

    Attributes:
        apply: Whether the request takes effect first.
    """

    apply: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Send half a status line."""
        exchange.proceed_if(self.apply)
        exchange.send(b"HTTP/1.1 20")

        return None


@frozen
class EndlessBody(Fault):
    """
    Answer with a complete head and a body without end.

    Lasts until the client hangs up, or *seconds*; then the connection closes, the body
    unfinished.

    Attributes:
        code: The status in the head.
        chunked: Whether the body comes in chunks, or runs until the connection ends.
        apply: Whether the request takes effect first.
        seconds: How long at most.
    """

    code: int = 200
    chunked: bool = True
    apply: bool = False
    seconds: float = _waiting(60.0)

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Send until nobody listens."""
        exchange.proceed_if(self.apply)
        exchange.send(self._head())
        end = time.monotonic() + self.seconds
        piece = b"400\r\n" + b" " * 1024 + b"\r\n" if self.chunked else b" " * 1024
        while time.monotonic() < end and exchange.hold(0.001):
            exchange.send(piece)

        return None

    def _head(self) -> bytes:
        framing = "Transfer-Encoding: chunked" if self.chunked else "Connection: close"

        return f"HTTP/1.1 {self.code} {reason(self.code)}\r\n{framing}\r\n\r\n".encode()


@frozen
class Redirect(Fault):
    """
    Answer with a redirect.

    Attributes:
        to: The ``Location``.
        code: 301, 302, 303, 307 or 308.
        apply: Whether the request takes effect first.
    """

    to: str
    code: int = field(default=307, validator=validators.in_((301, 302, 303, 307, 308)))
    apply: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Send the client elsewhere."""
        exchange.proceed_if(self.apply)

        return WireResponse(self.code, headers={"Location": self.to})


@frozen
class Garbage(Fault):
    """
    Read the request, answer with bytes that are no HTTP, and close the connection.

    Attributes:
        data: The bytes.
        apply: Whether the request takes effect first.
    """

    data: bytes = b"\x16\x03\x01\x00\xff\xfe\x00 not HTTP at all\r\n\r\n\x00\x80"
    apply: bool = False

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Send the bytes."""
        exchange.proceed_if(self.apply)
        exchange.send(self.data)

        return None


@frozen
class Latency(Fault):
    """
    Wait, then go on as usual: the request takes effect even if the client gave up
    meanwhile.

    Attributes:
        seconds: How long.
    """

    seconds: float = _waiting()

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Be slow."""
        return exchange.proceed() if exchange.sleep(self.seconds) else None


@frozen
class Poison(Fault):
    """
    Refuse (400) every call that contains an item for which *predicate* is true; go on
    as usual with the others. Meant for `FakeHeap.always`.

    Attributes:
        predicate: Gets an element of ``events``, ``users`` or ``accounts``, or the
            whole item of a single call without its ``app_id``.
        named: Whether the answer names the first such item, ``postBody.events[7] ...``.
            False leaves clients to bisect.
    """

    predicate: Callable[[JsonObject], bool]
    named: bool = True

    def play(self, exchange: Exchange) -> WireResponse | None:
        """Reject the request if an item matches."""
        for path, item in exchange.items.items():
            if self.predicate(item):
                return WireResponse.text(400, self._text(path))

        return exchange.proceed()

    def _text(self, path: str) -> str:
        return f"{path} should NOT be valid" if self.named else "Bad Request"


class Exchange:
    """One request that is being answered, as its faults see it."""

    def __init__(
        self,
        request: WireRequest,
        wire: Connection,
        faults: Iterable[Fault],
        answer: Callable[[WireRequest, object], WireResponse],
        record: Callable[[RequestRecord], None],
    ) -> None:
        self.request: Final = request
        """The request."""

        self._wire = wire
        self._faults = iter(faults)
        self._answer = answer
        self._record = record
        self._noted = False

    @cached_property
    def items(self) -> Mapping[str, JsonObject]:
        """
        Heap's name to each event, user or account of the call: ``postBody.events[3]``.

        A single call is one item, ``postBody``. Empty if the body cannot be read.
        """
        name, document = items_name(self.request.path), self._document
        if name is None or not isinstance(document, dict):
            return {}
        if name not in document:
            return {"postBody": without_app(document)}

        return _objects(document[name], f"postBody.{name}")

    def proceed(self) -> WireResponse | None:
        """
        Answer as if the fault that calls this were not there.

        Returns:
            The answer, not sent yet; the request has taken effect. None if another
            fault dealt with the connection.
        """
        fault = next(self._faults, None)

        return fault.play(self) if fault else self._answer(self.request, self._document)

    def proceed_if(self, wanted: bool) -> None:
        """Let the request take effect, and forget the answer."""
        if wanted:
            self.proceed()

    def note(self, status: int | None) -> None:
        """
        Write the request into `FakeHeap.requests`, once. Sending by hand notes None
        before.
        """
        if not self._noted:
            self._noted = True
            request, items = self.request, len(self.items)
            self._record(
                RequestRecord(
                    request.method, request.path, status, items, len(request.body)
                )
            )

    def send(self, data: bytes) -> None:
        """Send bytes by hand."""
        self.note(None)
        self._wire.send(data)

    def end_sending(self) -> None:
        """End our side of the connection (FIN)."""
        self.note(None)
        self._wire.end_sending()

    def reset(self) -> None:
        """Reset the connection (RST)."""
        self.note(None)
        self._wire.reset()

    def hold(self, seconds: float) -> bool:
        """
        Wait until the client hangs up, or the server closes, or the time is over.

        Returns:
            Whether the whole time went by.
        """
        return self._wire.hold(seconds)

    def sleep(self, seconds: float) -> bool:
        """
        Wait, whatever the client does.

        Returns:
            False if the server closed meanwhile.
        """
        return self._wire.sleep(seconds)

    @cached_property
    def _document(self) -> object:
        return decoded(self.request) if items_name(self.request.path) else None


def _objects(items: object, path: str) -> dict[str, JsonObject]:
    listed = items if isinstance(items, list) else []

    return {
        f"{path}[{i}]": item for i, item in enumerate(listed) if isinstance(item, dict)
    }


class Script:
    """The faults to come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._once: deque[Fault] = deque()
        self._always: tuple[Fault, ...] = ()

    def extend(self, faults: Iterable[Fault]) -> None:
        with self._lock:
            self._once.extend(faults)

    def replace(self, always: tuple[Fault, ...]) -> None:
        with self._lock:
            self._always = always

    def calm(self) -> None:
        with self._lock:
            self._once.clear()
            self._always = ()

    @property
    def once(self) -> tuple[Fault, ...]:
        with self._lock:
            return tuple(self._once)

    def take(self, path: str) -> list[Fault]:
        with self._lock:
            first = next((fault for fault in self._once if fault.touches(path)), None)
            if first is not None:
                self._drop(first)
            always = [fault for fault in self._always if fault.touches(path)]

        return always if first is None else [first, *always]

    def take_refusal(self) -> bool:
        with self._lock:
            if not self._once:
                return any(_refuses_all(fault) for fault in self._always[:1])
            if refused := _refuses_all(self._once[0]):
                self._once.popleft()

        return refused

    def _drop(self, fault: Fault) -> None:
        place = next(place for place, other in enumerate(self._once) if other is fault)
        del self._once[place]


def _refuses_all(fault: Fault) -> bool:
    return isinstance(fault, Refuse) and fault.path is None
