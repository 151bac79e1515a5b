"""
Simulation of Heap on the loopback interface, for tests of delivery.

`FakeHeap` is a real HTTP server. It checks calls as Heap's documentation says, rejects
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
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from attrs import frozen

from braze_heap.testing._fake_faults import (
    CutStatusLine,
    Drip,
    EndlessBody,
    Exchange,
    Fault,
    Garbage,
    HalfClose,
    Latency,
    Poison,
    Redirect,
    Refuse,
    Reset,
    Script,
    Stall,
    Status,
)
from braze_heap.testing._fake_rules import AppData, Heap, JsonObject
from braze_heap.testing._fake_wire import (
    Connection,
    NotHttpError,
    RequestRecord,
    Server,
    WireRequest,
    WireResponse,
)

__all__ = [
    "AppData",
    "Counts",
    "CutStatusLine",
    "Drip",
    "EndlessBody",
    "Exchange",
    "FakeHeap",
    "Fault",
    "Garbage",
    "HalfClose",
    "Latency",
    "Poison",
    "Redirect",
    "Refuse",
    "RequestRecord",
    "Reset",
    "Stall",
    "Status",
    "WireRequest",
    "WireResponse",
]

MAX_BODY: Final = 10 * 1024 * 1024
"""Largest body in bytes; assumed, Heap does not name its limit."""


@frozen
class Counts:
    """
    Counts since the start or the last `FakeHeap.clear`.

    Attributes:
        connections: Connections accepted, without refused ones.
        refused: Connections that `Refuse` reset before a request.
        requests: Requests read completely, or rejected as too large or not HTTP.
        faults: Scripted and permanent faults that were applied.
        events: Events accepted, without repeats.
        duplicates: Events with a known idempotency key; they changed nothing.
        users: User updates accepted.
        accounts: Account updates accepted.
        invalid: Requests rejected with a 400 because of Heap's rules.
        rate_limited: Requests answered with 429 because of their rate.
        wrong_app: Events, users and accounts accepted for another app id.
    """

    connections: int = 0
    refused: int = 0
    requests: int = 0
    faults: int = 0
    events: int = 0
    duplicates: int = 0
    users: int = 0
    accounts: int = 0
    invalid: int = 0
    rate_limited: int = 0
    wrong_app: int = 0


class FakeHeap:
    """
    Simulation of Heap's server-side API on 127.0.0.1. A context manager; thread-safe.

    Supports Track, Add User Properties, Add Account Properties and user deletion. Like
    Heap, it accepts events and user properties for a wrong app id without an error, and
    stores them in `other_apps`. It rejects what Heap's contract forbids, and unknown
    fields, which is assumed.

    Args:
        app_id: The app that this Heap belongs to.
        api_key: With *app_id* the credentials of the deletion API.
        clock: Seconds for the rate limits and the age of tokens.
        rate_limits: Whether calls over Heap's limits are answered with 429. The windows
            slide.
        max_body: Bytes from which on a body is answered with 413.
    """

    def __init__(
        self,
        app_id: str = "11",
        api_key: str = "secret",
        clock: Callable[[], float] = time.monotonic,
        *,
        rate_limits: bool = True,
        max_body: int = MAX_BODY,
    ) -> None:
        self._app_id = app_id
        self._max_body = max_body
        self._heap = Heap(app_id, api_key, clock, rate_limits=rate_limits)
        self._script = Script()
        self._requests: list[RequestRecord] = []
        self._errors: list[Exception] = []
        self._server: Server | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<FakeHeap at {self.url if self._server else 'no port yet'}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> Self:
        """Listen on a free port. The ``with`` statement does it for you."""
        if self._closed:
            raise RuntimeError("This FakeHeap is closed: make a new one.")
        if self._server is None:
            self._server = Server("127.0.0.1", self._max_body, self._serve)
            self._server.listen(self._refuses)

        return self

    def close(self) -> None:
        """
        End the server, its connections and every wait. What was received stays
        readable.
        """
        self._closed = True
        if self._server is not None:
            self._server.close()

    def pause(self) -> None:
        """
        Hang up and stop listening, on a port that stays ours: clients get
        ``ECONNREFUSED``.
        """
        self._running.pause()

    def resume(self) -> None:
        """Listen again, on the same port, after `pause`."""
        self._running.listen(self._refuses)

    def script(self, *faults: Fault) -> None:
        """
        Add faults for the next requests, one each.

        A request takes the first fault of the script that touches its path. When the
        script is used up, normal behaviour resumes.
        """
        self._script.extend(faults)

    def always(self, *faults: Fault) -> None:
        """
        Set the faults of every request from now on, in the place of those set before.

        They come after the scripted fault, unless that one keeps the request from
        proceeding. Without an argument: none any more.
        """
        self._script.replace(faults)

    def calm(self) -> None:
        """Forget every fault, scripted or permanent."""
        self._script.calm()

    def clear(self) -> None:
        """
        Forget everything received, idempotency keys, rate limits and counts too. Tokens
        stay good.
        """
        self._heap.clear()
        with self._heap.lock:
            self._requests.clear()
            self._errors.clear()

    @property
    def url(self) -> str:
        """Where it listens: ``http://127.0.0.1:<port>``, without a slash at the end."""
        return f"http://127.0.0.1:{self._running.port}"

    @property
    def scripted(self) -> tuple[Fault, ...]:
        """The faults of the script that no request has taken yet."""
        return self._script.once

    @property
    def events(self) -> dict[str, JsonObject]:
        """
        Idempotency key to the event as first received; arrays not joined, deleted
        people kept.

        An event without a key is found as ``unkeyed-1`` and so on.
        """
        return self._snapshot(self._app_id).events

    @property
    def people(self) -> dict[str, JsonObject]:
        """
        Identity to its user properties, the last write wins. Deleted people are gone.

        Heap also creates people from events alone; those are not listed.
        """
        return self._snapshot(self._app_id).people

    @property
    def accounts(self) -> dict[str, JsonObject]:
        """Account id to its properties, the last write wins."""
        return self._snapshot(self._app_id).accounts

    @property
    def other_apps(self) -> dict[str, AppData]:
        """What came for app ids that are not ours, by app id."""
        with self._heap.lock:
            names = [name for name in self._heap.apps if name != self._app_id]

        return {name: self._snapshot(name) for name in names}

    @property
    def deleted(self) -> list[str]:
        """The identities (or user ids) to delete, in order, repeats included."""
        with self._heap.lock:
            return list(self._heap.deleted)

    @property
    def requests(self) -> list[RequestRecord]:
        """
        The requests in the order of their answers; each is here before its answer
        arrives.
        """
        with self._heap.lock:
            return list(self._requests)

    @property
    def counts(self) -> Counts:
        """What happened how often."""
        with self._heap.lock:
            return Counts(**self._heap.counts)

    @property
    def errors(self) -> list[Exception]:
        """
        What your predicates, faults and clock raised. Their requests were answered with
        500.
        """
        with self._heap.lock:
            return list(self._errors)

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("FakeHeap has not started: use it in a with statement.")

        return self._server

    def _snapshot(self, app_id: str) -> AppData:
        with self._heap.lock:
            data = self._heap.apps[app_id].data

            return AppData(dict(data.events), dict(data.people), dict(data.accounts))

    def _refuses(self) -> bool:
        refused = self._script.take_refusal()
        if refused:
            self._heap.count("faults")
        self._heap.count("refused" if refused else "connections")

        return refused

    def _serve(self, wire: Connection) -> None:
        try:
            while self._answer_next(wire):
                pass
        except NotHttpError as problem:
            self._record(RequestRecord("", "", problem.response.status, 0, 0))
            wire.send(problem.response.to_bytes(keep_alive=False))
            wire.linger()

    def _answer_next(self, wire: Connection) -> bool:
        request = wire.read_request()
        faults = self._script.take(request.path)
        self._heap.count("faults", len(faults))
        exchange = Exchange(request, wire, faults, self._heap.answer, self._record)
        response = self._played(exchange)
        exchange.note(response.status if response else None)
        if response is None:
            return False
        keep_alive = request.keep_alive and response.keeps_alive
        is_head = request.method == "HEAD"
        wire.send(response.to_bytes(keep_alive=keep_alive, is_head=is_head))

        return keep_alive

    def _played(self, exchange: Exchange) -> WireResponse | None:
        try:
            return exchange.proceed()
        except OSError:
            raise
        except Exception as error:
            with self._heap.lock:
                self._errors.append(error)
            return WireResponse.text(
                500, f"FakeHeap was given code that raised {type(error).__name__}"
            )

    def _record(self, record: RequestRecord) -> None:
        with self._heap.lock:
            self._requests.append(record)
            self._heap.counts["requests"] += 1
