"""
Heap's API in `FakeHeap`, without a network: which calls it accepts, and their effect.

What Heap does not document is marked *assumed*.
"""

from __future__ import annotations

import base64
import json
import math
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeAlias

from attrs import define, field, frozen

from braze_heap.testing._contract import ItemKind, rejections, text_problems
from braze_heap.testing._fake_server import HttpError, WireRequest, WireResponse

JsonObject: TypeAlias = dict[str, Any]
"""A decoded JSON object."""

TRACK: Final = "/api/track"
ADD_USER_PROPERTIES: Final = "/api/add_user_properties"
AUTH_TOKEN: Final = "/api/public/v0/auth_token"  # noqa: S105 (a path)
USER_DELETION: Final = "/api/public/v0/user_deletion"
DELETION_STATUS: Final = "/api/public/v0/deletion_status/"

_Cost: TypeAlias = Counter[tuple[str, ...]]
"""Number of items by app, or by app and person."""


_LISTS: Final[Mapping[str, tuple[str, ItemKind, int]]] = MappingProxyType(
    {
        TRACK: ("events", "event", 1_000),
        ADD_USER_PROPERTIES: ("users", "user", 1_000),
        USER_DELETION: ("users", "deletion", 10_000),
    }
)
"""Path of a bulk call to the name of its list, kind of the items, and their limit."""


@frozen
class AppData:
    """
    Data that one app id received.

    Attributes:
        events: Events as first received, by idempotency key.
        people: Merged user properties by identity.
    """

    events: dict[str, JsonObject] = field(factory=dict)
    people: dict[str, JsonObject] = field(factory=dict)

    def forget(self, users: Sequence[JsonObject]) -> None:
        """
        Remove *users*, each an identity or a user id, with their events.

        The idempotency keys of the events are free again, which is assumed.
        """
        names = ("identity", "user_id")
        gone = {(name, user[name]) for user in users for name in names if name in user}
        for identity in [p for p in self.people if ("identity", p) in gone]:
            del self.people[identity]
        for key, event in [*self.events.items()]:
            if any((name, event.get(name)) in gone for name in names):
                del self.events[key]


def decode(request: WireRequest) -> object:
    """Return the JSON of a request; ``None`` if it is not JSON."""
    try:
        return json.loads(request.body.decode("utf-8"), parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        return None


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(name)


def items_of(path: str, document: object) -> dict[str, Any]:
    """
    Return the items of a call by Heap's name for them, such as ``postBody.events[3]``.

    A single call is one item, ``postBody``. What is not a call has no items.
    """
    if path not in _LISTS or not isinstance(document, dict):
        return {}
    name = _LISTS[path][0]
    if name not in document:
        return {"postBody": {k: v for k, v in document.items() if k != "app_id"}}
    items = document[name] if isinstance(document[name], list) else []
    return {f"postBody.{name}[{index}]": item for index, item in enumerate(items)}


def _problems(path: str, request: WireRequest, call: object) -> Iterator[str]:
    """Yield what Heap's contract forbids in a call, in Heap's words."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        yield "content type should be application/json"
    if (
        request.headers.get("content-encoding", "identity").strip().lower()
        != "identity"
    ):
        yield "content encoding should be identity"
    if call is None and request.body.strip() != b"null":
        yield "request body should be JSON in UTF-8"
    if not isinstance(call, dict):
        yield "postBody should be object"
        return
    listed, item_kind, limit = _LISTS[path]
    required = listed if path == USER_DELETION else "app_id"
    if required not in call:
        yield f"postBody should have required property '{required}'"
    elif required == "app_id":
        yield from text_problems(call["app_id"], "postBody.app_id")
    if listed in call:
        if not call.keys() <= {required, listed}:
            yield "postBody should NOT have additional properties"
        if not isinstance(call[listed], list):
            yield f"postBody.{listed} should be array"
        elif len(call[listed]) > limit:
            yield f"postBody.{listed} should NOT have more than {limit} items"
    for name, item in items_of(path, call).items():
        yield from rejections(item, item_kind, name)


def _people(app_id: str, items: Sequence[JsonObject]) -> _Cost:
    """Return the number of *items* for each person of the app."""
    return Counter(
        (app_id, name, item[name])
        for item in items
        for name in ("identity", "user_id")
        if name in item
    )


class _Window:
    """At most *limit* in any *seconds*, for each key."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._recent: deque[tuple[float, _Cost]] = deque()
        self._sums: _Cost = Counter()

    def has_room(self, now: float, cost: _Cost) -> bool:
        """Return whether *cost* is within the limit at *now*."""
        while self._recent and now - self._recent[0][0] >= self._seconds:
            self._sums -= self._recent.popleft()[1]
        return all(self._sums[key] + n <= self._limit for key, n in cost.items())

    def add(self, now: float, cost: _Cost) -> None:
        """Count *cost* at *now*; *assumed* not to happen for rejected calls."""
        self._recent.append((now, cost))
        self._sums.update(cost)


@define(eq=False, slots=False)
class HeapApi:
    """Heap without its network. Thread-safe; *lock* guards the other attributes."""

    app_id: str
    api_key: str
    clock: Callable[[], float]
    rate_limits: bool
    lock: Any = field(factory=threading.RLock, init=False)
    _tokens: dict[str, float] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything except tokens."""
        with self.lock:
            self.apps: defaultdict[str, AppData] = defaultdict(AppData)
            self.counts: Counter[str] = Counter()
            self.deleted: list[str] = []
            self._status_requests: dict[str, int] = {}
            self._unkeyed: Counter[str] = Counter()
            # Heap, Bulk Track: events a minute per app, and per identity.
            self._app_events = _Window(15_000, 60.0)
            self._person_events = _Window(1_000, 60.0)
            # Heap, Track and Add User Properties: requests per identity and app.
            paths = (TRACK, ADD_USER_PROPERTIES)
            self._single_calls = {path: _Window(30, 30.0) for path in paths}

    def answer(self, request: WireRequest, document: object) -> WireResponse:
        """Apply a request whose body is *document*, and return the response."""
        try:
            with self.lock:
                return self._route(request, document)
        except HttpError as error:
            return error.response

    def _route(self, request: WireRequest, document: Any) -> WireResponse:
        path = request.path
        is_status = path.startswith(DELETION_STATUS)
        if not is_status and path not in (*_LISTS, AUTH_TOKEN):
            raise HttpError(404)
        if request.method != ("GET" if is_status else "POST"):
            raise HttpError(405)
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if path == AUTH_TOKEN:
            return self._issue_token(scheme.lower(), value)
        if is_status or path == USER_DELETION:
            end = self._tokens.get(value, -math.inf)
            if scheme.lower() != "bearer" or self.clock() >= end:
                raise HttpError(401)
        if is_status:
            return self._deletion_status(path.removeprefix(DELETION_STATUS))
        for text in _problems(path, request, document):
            self.counts["invalid"] += 1
            raise HttpError(400, text)
        items = [*items_of(path, document).values()]
        if path == USER_DELETION:
            return self._delete(items)
        is_single = _LISTS[path][0] not in document
        return self._store(path, document["app_id"], items, is_single=is_single)

    def _store(
        self, path: str, app_id: str, items: Sequence[JsonObject], *, is_single: bool
    ) -> WireResponse:
        people = _people(app_id, items)
        costs: list[tuple[_Window, _Cost]] = []
        if path == TRACK:
            total: _Cost = Counter({(app_id,): len(items)})
            costs += [(self._app_events, total), (self._person_events, people)]
        if is_single:
            costs.append((self._single_calls[path], people))
        now = self.clock()
        if self.rate_limits:
            if not all(window.has_room(now, cost) for window, cost in costs):
                self.counts["rate_limited"] += 1
                raise HttpError(429)
            for window, cost in costs:
                window.add(now, cost)
        for item in items:
            self._add(path, app_id, item)
        if app_id != self.app_id:
            self.counts["wrong_app"] += len(items)
        return WireResponse.json(200, {})

    def _add(self, path: str, app_id: str, item: JsonObject) -> None:
        data = self.apps[app_id]
        if path == ADD_USER_PROPERTIES:
            known = data.people.get(item["identity"], {})
            data.people[item["identity"]] = known | item["properties"]
            self.counts["users"] += 1
            return
        if "idempotency_key" not in item:
            self._unkeyed[app_id] += 1
        key = item.get("idempotency_key", f"unkeyed-{self._unkeyed[app_id]}")
        self.counts["duplicates" if key in data.events else "events"] += 1
        data.events.setdefault(key, item)

    def _issue_token(self, scheme: str, value: str) -> WireResponse:
        expected = f"{self.app_id}:{self.api_key}".encode()
        if scheme != "basic" or value != base64.b64encode(expected).decode():
            raise HttpError(401)
        token = f"access-token-{len(self._tokens) + 1}"
        self._tokens[token] = self.clock() + 300.0  # Heap, User Deletion
        return WireResponse.json(200, {"access_token": token})

    def _delete(self, users: Sequence[JsonObject]) -> WireResponse:
        number = f"deletion-{len(self._status_requests) + 1}"
        self._status_requests[number] = 0
        self.deleted += [user.get("identity") or user["user_id"] for user in users]
        self.apps[self.app_id].forget(users)
        return WireResponse.json(201, {"deletion_request_id": number})

    def _deletion_status(self, number: str) -> WireResponse:
        if number not in self._status_requests:
            raise HttpError(404)
        self._status_requests[number] += 1
        is_first = self._status_requests[number] == 1
        return WireResponse.json(200, {"status": "pending" if is_first else "complete"})
