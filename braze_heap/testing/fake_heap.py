"""
Simulation of Heap on the loopback interface, for tests of delivery.

`FakeHeap` is a real HTTP server. It checks calls by Heap's documentation, rejects
invalid ones with Heap's messages, and deduplicates by idempotency key. It enforces the
rate limits, and fails on demand::

    with FakeHeap() as heap:
        heap.script(Status(503), Reset(after_applying=True))
        deliver(to=heap.url)

        assert {"key-1", "key-2"} == heap.events.keys()

All times are in seconds. Rate limits and the age of tokens follow the clock that you
pass. The waits of faults are real time, at most ten minutes, and end when the server
closes. Behavior that Heap does not document is marked *assumed*.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Self

from attrs import define, evolve, field, frozen, validators

from braze_heap.sinks._protocol import ClosingContextManager
from braze_heap.testing._fake_api import AppData, HeapApi, JsonObject, decode, items_of
from braze_heap.testing._fake_server import (
    Connection,
    FakeServer,
    WireRequest,
    WireResponse,
)

__all__ = [
    "AppData",
    "Counts",
    "Exchange",
    "FakeHeap",
    "Fault",
    "Latency",
    "Poison",
    "RequestRecord",
    "Reset",
    "Stall",
    "Status",
    "WireRequest",
    "WireResponse",
]


_WAIT: Final = (validators.ge(0.0), validators.le(600.0))


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
        self._document = decode(request)
        items = items_of(request.path, self._document).items()
        self.items: Mapping[str, JsonObject]
        self.items = {name: item for name, item in items if isinstance(item, dict)}
        self.record: Final = RequestRecord(
            request.method, request.path, None, len(self.items), len(request.body)
        )

    def proceed(self) -> WireResponse | None:
        """
        Apply the request, and return the response without the calling fault.

        It is ``None`` if another fault closes the connection.
        """
        fault = next(self._faults, None)
        return fault.play(self) if fault else self._answer(self.request, self._document)


@frozen
class Counts:
    """
    Counts since the start or the last `FakeHeap.clear`.

    Attributes:
        connections: Accepted connections.
        requests: Requests, including those that are too large or not HTTP.
        faults: Scripted and permanent faults that affected a request.
        events: Accepted events without repeats.
        duplicates: Events with a known idempotency key. They have no effect.
        users: Accepted user updates.
        invalid: Requests answered with 400 because of Heap's contract.
        rate_limited: Requests answered with 429 because of their rate.
        wrong_app: Accepted events and users for another app id.
    """

    connections: int = 0
    requests: int = 0
    faults: int = 0
    events: int = 0
    duplicates: int = 0
    users: int = 0
    invalid: int = 0
    rate_limited: int = 0
    wrong_app: int = 0


class FakeHeap(ClosingContextManager):
    """
    Simulation of Heap's server-side API on 127.0.0.1. A context manager; thread-safe.

    Supports Track, Add User Properties and user deletion, in their single and bulk
    forms. Like Heap, it accepts events and user properties for a wrong app id without
    an error, and stores them in `other_apps`. It rejects what Heap's contract forbids,
    and unknown fields, which is assumed. A deletion removes the events and properties
    of a user; a later call with the same identity makes a new user.

    Args:
        app_id: The app that this Heap belongs to.
        api_key: Together with *app_id* the credentials of the deletion API.
        clock: Seconds for the rate limits and the age of tokens.
        rate_limits: Whether calls beyond Heap's limits are answered with 429. The
            windows slide.
        max_body: Maximum size of a body in bytes. Larger ones are answered with 413.
            The default is assumed.
    """

    def __init__(
        self,
        app_id: str = "11",
        api_key: str = "secret",
        clock: Callable[[], float] = time.monotonic,
        *,
        rate_limits: bool = True,
        max_body: int = 10 * 1024 * 1024,
    ) -> None:
        self._app_id = app_id
        self._max_body = max_body
        self._api = HeapApi(app_id, api_key, clock, rate_limits)
        self._lock = self._api.lock
        self._script: list[Fault] = []
        self._always: tuple[Fault, ...] = ()
        self._requests: list[RequestRecord] = []
        self._errors: list[Exception] = []
        self._server: FakeServer | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<FakeHeap at {self.url if self._server else 'no port yet'}>"

    def __enter__(self) -> Self:
        return self.start()

    def start(self) -> Self:
        """Listen on a free port. The ``with`` statement does it for you."""
        if self._closed:
            raise RuntimeError("This FakeHeap is closed: make a new one.")
        if self._server is None:
            self._server = FakeServer(
                self._max_body, self._connected, self._respond, self._reject
            )
            self._server.listen()
        return self

    def close(self) -> None:
        """Close the server and end every wait. Received data stays readable."""
        self._closed = True
        if self._server is not None:
            self._server.close()

    def pause(self) -> None:
        """
        Close all connections and stop listening, but keep the port.

        Clients get ``ECONNREFUSED``.
        """
        self._running.pause()

    def resume(self) -> None:
        """Listen again on the same port, after `pause`."""
        self._running.listen()

    def script(self, *faults: Fault) -> None:
        """
        Add faults for the next requests, one for each.

        A request takes the first fault of the script that affects its path. After the
        last one, requests are answered as usual.
        """
        with self._lock:
            self._script += faults

    def always(self, *faults: Fault) -> None:
        """
        Replace the faults of every request. Without an argument, remove them.

        They come after the scripted fault, unless that one does not proceed.
        """
        with self._lock:
            self._always = faults

    def calm(self) -> None:
        """Remove every fault, scripted or permanent."""
        with self._lock:
            self._script.clear()
            self._always = ()

    def clear(self) -> None:
        """Remove received data, keys, rates and counts. Tokens stay valid."""
        with self._lock:
            self._api.clear()
            self._requests.clear()
            self._errors.clear()

    @property
    def url(self) -> str:
        """Base URL, ``http://127.0.0.1:<port>``, without a slash at the end."""
        return f"http://127.0.0.1:{self._running.server_address[1]}"

    @property
    def scripted(self) -> tuple[Fault, ...]:
        """Faults of the script that no request has taken yet."""
        with self._lock:
            return tuple(self._script)

    @property
    def events(self) -> dict[str, JsonObject]:
        """
        Events as first received, by idempotency key, without those of deleted users.

        An event without a key is ``unkeyed-1`` and so on.
        """
        return self._snapshot(self._app_id).events

    @property
    def people(self) -> dict[str, JsonObject]:
        """
        User properties by identity, the last write wins. Deleted people are removed.

        Heap also creates people from events. Those are not listed.
        """
        return self._snapshot(self._app_id).people

    @property
    def other_apps(self) -> dict[str, AppData]:
        """Data for other app ids, by app id."""
        with self._lock:
            others = self._api.apps.keys() - {self._app_id}
            return {app_id: self._snapshot(app_id) for app_id in sorted(others)}

    @property
    def deleted(self) -> list[str]:
        """Identities (or user ids) to delete, in order, including repeats."""
        with self._lock:
            return list(self._api.deleted)

    @property
    def requests(self) -> list[RequestRecord]:
        """Requests in the order of their arrival. Copies, which do not change."""
        with self._lock:
            return [evolve(record) for record in self._requests]

    @property
    def counts(self) -> Counts:
        """Counts since the start or the last `clear`."""
        with self._lock:
            return Counts(**self._api.counts)

    @property
    def errors(self) -> list[Exception]:
        """Errors of your predicates, faults and clock. They were answered with 500."""
        with self._lock:
            return list(self._errors)

    @property
    def _running(self) -> FakeServer:
        if self._server is None:
            raise RuntimeError("FakeHeap has not started: use it in a with statement.")
        return self._server

    def _snapshot(self, app_id: str) -> AppData:
        with self._lock:
            data = self._api.apps[app_id]
            return AppData(dict(data.events), dict(data.people))

    def _connected(self) -> None:
        with self._lock:
            self._api.counts["connections"] += 1

    def _reject(self, status: int) -> None:
        self._add(RequestRecord("", "", status, 0, 0))

    def _add(self, record: RequestRecord) -> None:
        with self._lock:
            self._requests.append(record)
            self._api.counts["requests"] += 1

    def _respond(
        self, connection: Connection, request: WireRequest
    ) -> WireResponse | None:
        faults = self._take_faults(request.path)
        exchange = Exchange(connection, request, iter(faults), self._api.answer)
        self._add(exchange.record)
        try:
            response = exchange.proceed()
        except OSError:
            raise
        except Exception as error:
            with self._lock:
                self._errors.append(error)
            text = f"FakeHeap was given code that raised {type(error).__name__}"
            response = WireResponse.text(500, text)
        if response is not None:
            exchange.record.status = response.status
        return response

    def _take_faults(self, path: str) -> list[Fault]:
        with self._lock:
            faults = [fault for fault in self._always if fault.touches(path)]
            for index, fault in enumerate(self._script):
                if fault.touches(path):
                    faults.insert(0, self._script.pop(index))
                    break
            self._api.counts["faults"] += len(faults)
        return faults
