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
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeAlias

from attrs import field, frozen

from braze_heap.testing._contract import ItemKind, rejections
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


def items_of(path: str, document: object) -> dict[str, JsonObject]:
    """
    Return the items of a call by Heap's name for them, such as ``postBody.events[3]``.

    A single call is one item, ``postBody``. What is not a call has no items.
    """
    if path not in _LISTS or not isinstance(document, dict):
        return {}
    items = _named_items(path, document).items()
    return {name: item for name, item in items if isinstance(item, dict)}


def _named_items(path: str, document: JsonObject) -> dict[str, Any]:
    name, _, _ = _LISTS[path]
    if name not in document:
        single = {key: value for key, value in document.items() if key != "app_id"}
        return {"postBody": single}
    items = document[name] if isinstance(document[name], list) else []
    return {f"postBody.{name}[{index}]": item for index, item in enumerate(items)}


def _expect(condition: bool, text: str) -> None:
    if not condition:
        raise HttpError(400, text)


@frozen
class _CheckedCall:
    """Valid items of one call."""

    app_id: str
    items: list[JsonObject]
    is_bulk: bool

    @property
    def people(self) -> _Cost:
        """Number of items for each person of the app."""
        return Counter(
            (self.app_id, name, item[name])
            for item in self.items
            for name in ("identity", "user_id")
            if name in item
        )


def _checked(path: str, document: object) -> _CheckedCall:
    """Return a call, or raise `HttpError` with the first violation in Heap's words."""
    (listed, kind, limit), has_app_id = _LISTS[path], path != USER_DELETION
    if not isinstance(document, dict):
        raise HttpError(400, "postBody should be object")
    app_id = document.get("app_id", "")
    if has_app_id:
        _expect("app_id" in document, "postBody should have required property 'app_id'")
        _expect(isinstance(app_id, str), "postBody.app_id should be string")
        _expect(app_id, "postBody.app_id should NOT be shorter than 1 characters")
    is_bulk = listed in document or not has_app_id
    if is_bulk:
        known = {"app_id", listed} if has_app_id else {listed}
        is_known = document.keys() <= known
        _expect(is_known, "postBody should NOT have additional properties")
        missing = f"postBody should have required property '{listed}'"
        _expect(listed in document, missing)
        items, at = document[listed], f"postBody.{listed}"
        _expect(isinstance(items, list), f"{at} should be array")
        too_many = f"{at} should NOT have more than {limit} items"
        _expect(len(items) <= limit, too_many)
    named = _named_items(path, document)
    for name, item in named.items():
        for text in rejections(item, kind, name):
            raise HttpError(400, text)
    return _CheckedCall(app_id, [*named.values()], is_bulk)


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


class HeapApi:
    """Heap without its network. Thread-safe; *lock* guards the other attributes."""

    def __init__(
        self,
        app_id: str,
        api_key: str,
        clock: Callable[[], float],
        *,
        rate_limits: bool,
    ) -> None:
        self._app_id = app_id
        self._api_key = api_key
        self._clock = clock
        self._rate_limits = rate_limits
        self._issued = 0
        self._tokens: dict[str, float] = {}
        self.lock = threading.RLock()
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
            if error.status == 400:
                with self.lock:
                    self.counts["invalid"] += 1
            return error.response

    def _route(self, request: WireRequest, document: object) -> WireResponse:
        path = request.path
        is_status = path.startswith(DELETION_STATUS)
        if not is_status and path not in (*_LISTS, AUTH_TOKEN):
            raise HttpError(404)
        if request.method != ("GET" if is_status else "POST"):
            raise HttpError(405)
        if path == AUTH_TOKEN:
            return self._issue_token(request)
        if is_status or path == USER_DELETION:
            self._expect_token(request)
        if is_status:
            return self._deletion_status(path.removeprefix(DELETION_STATUS))
        _expect_json(request, document)
        call = _checked(path, document)
        return self._delete(call) if path == USER_DELETION else self._store(path, call)

    def _store(self, path: str, call: _CheckedCall) -> WireResponse:
        if self._rate_limits and not self._admit(path, call):
            self.counts["rate_limited"] += 1
            raise HttpError(429)
        data = self.apps[call.app_id]
        for item in call.items:
            if path == TRACK:
                self._add_event(call.app_id, item)
            else:
                known = data.people.get(item["identity"], {})
                data.people[item["identity"]] = known | item["properties"]
                self.counts["users"] += 1
        if call.app_id != self._app_id:
            self.counts["wrong_app"] += len(call.items)
        return WireResponse.json(200, {})

    def _add_event(self, app_id: str, event: JsonObject) -> None:
        if "idempotency_key" not in event:
            self._unkeyed[app_id] += 1
        key = event.get("idempotency_key", f"unkeyed-{self._unkeyed[app_id]}")
        events = self.apps[app_id].events
        self.counts["duplicates" if key in events else "events"] += 1
        events.setdefault(key, event)

    def _admit(self, path: str, call: _CheckedCall) -> bool:
        costs: list[tuple[_Window, _Cost]] = []
        if path == TRACK:
            total: _Cost = Counter({(call.app_id,): len(call.items)})
            costs += [(self._app_events, total), (self._person_events, call.people)]
        if not call.is_bulk:
            costs.append((self._single_calls[path], call.people))
        now = self._clock()
        if not all(window.has_room(now, cost) for window, cost in costs):
            return False
        for window, cost in costs:
            window.add(now, cost)
        return True

    def _issue_token(self, request: WireRequest) -> WireResponse:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        expected = f"{self._app_id}:{self._api_key}".encode()
        if scheme.lower() != "basic" or value != base64.b64encode(expected).decode():
            raise HttpError(401)
        self._issued += 1
        token = f"access-token-{self._issued}"
        self._tokens[token] = self._clock() + 300.0  # Heap, User Deletion
        return WireResponse.json(200, {"access_token": token})

    def _expect_token(self, request: WireRequest) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        end = self._tokens.get(token, -math.inf)
        if scheme.lower() != "bearer" or self._clock() >= end:
            raise HttpError(401)

    def _delete(self, call: _CheckedCall) -> WireResponse:
        number = f"deletion-{len(self._status_requests) + 1}"
        self._status_requests[number] = 0
        self.deleted += [user.get("identity") or user["user_id"] for user in call.items]
        self.apps[self._app_id].forget(call.items)
        return WireResponse.json(201, {"deletion_request_id": number})

    def _deletion_status(self, number: str) -> WireResponse:
        if number not in self._status_requests:
            raise HttpError(404)
        self._status_requests[number] += 1
        is_first = self._status_requests[number] == 1
        return WireResponse.json(200, {"status": "pending" if is_first else "complete"})


def _expect_json(request: WireRequest, document: object) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    _expect(kind == "application/json", "content type should be application/json")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    _expect(coding == "identity", "content encoding should be identity")
    is_json = document is not None or request.body.strip() == b"null"
    _expect(is_json, "request body should be JSON in UTF-8")
