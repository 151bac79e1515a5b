"""
Heap's side of `FakeHeap`, without a network: which calls Heap takes, and what they
change.

What Heap does not document is marked *assumed*.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeAlias

from attrs import define, field, frozen

from braze_heap.testing._fake_wire import WireRequest, WireResponse
from braze_heap.testing._legal import (
    EVENT_UNITS,
    IDENTITY_UNITS,
    PROPERTY_UNITS,
    is_timestamp,
    is_user_id,
    utf16_units,
)

JsonObject: TypeAlias = dict[str, Any]
"""A decoded JSON object."""

TRACK: Final = "/api/track"
ADD_USER_PROPERTIES: Final = "/api/add_user_properties"
ADD_ACCOUNT_PROPERTIES: Final = "/api/add_account_properties"
AUTH_TOKEN: Final = "/api/public/v0/auth_token"  # noqa: S105 (a path)
USER_DELETION: Final = "/api/public/v0/user_deletion"
DELETION_STATUS: Final = "/api/public/v0/deletion_status/"

BULK_ITEMS: Final = 1_000
"""
Events, users or accounts in one request. Heap, Bulk Track and Bulk Add User Properties.
"""

DELETION_ITEMS: Final = 10_000
"""Users in one request. Heap, User Deletion."""

APP_EVENTS_A_MINUTE: Final = 15_000
"""Heap, Bulk Track: events a minute per app."""

PERSON_EVENTS_A_MINUTE: Final = 1_000
"""Heap, Bulk Track: events a minute per identity."""

SINGLE_CALLS: Final = 30
"""Heap, Track and Add User Properties: requests per identity and app ..."""

SINGLE_SECONDS: Final = 30.0
"""... in this many seconds."""

TOKEN_SECONDS: Final = 300.0
"""Life of an access token. Heap, User Deletion: five minutes."""


_ITEMS: Final = MappingProxyType(
    {
        TRACK: "events",
        ADD_USER_PROPERTIES: "users",
        ADD_ACCOUNT_PROPERTIES: "accounts",
        USER_DELETION: "users",
    }
)


@frozen
class AppData:
    """
    What one app id received.

    Attributes:
        events: Idempotency key to the event as first received.
        people: Identity to the merged user properties.
        accounts: Account id to the merged account properties.
    """

    events: dict[str, JsonObject] = field(factory=dict)
    people: dict[str, JsonObject] = field(factory=dict)
    accounts: dict[str, JsonObject] = field(factory=dict)


def items_name(path: str) -> str | None:
    """
    Name the member of a body that holds the items of a bulk call, if *path* takes any.
    """
    return _ITEMS.get(path)


class InvalidRequestError(Exception):
    """Heap does not take the request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.response = WireResponse.text(status, text)


def _refuse(path: str, rule: str) -> NoReturn:
    raise InvalidRequestError(400, f"{path} {rule}")


def _expect(truth: bool, path: str, rule: str) -> None:
    if not truth:
        _refuse(path, rule)


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r}]"


def _object(value: object, path: str) -> JsonObject:
    if not isinstance(value, dict):
        _refuse(path, "should be object")

    return value


def _text(value: object, path: str, most: int | None = None) -> None:
    if not isinstance(value, str):
        _refuse(path, "should be string")
    if not value:
        _refuse(path, "should NOT be shorter than 1 characters")
    if most is not None and utf16_units(value) > most:
        _refuse(path, f"should NOT be longer than {most} characters")


def _present(obj: JsonObject, path: str, *names: str) -> None:
    for name in names:
        _expect(name in obj, path, f"should have required property '{name}'")


def _known(obj: JsonObject, path: str, *names: str) -> None:
    _expect(obj.keys() <= set(names), path, "should NOT have additional properties")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False

    return isinstance(value, int) or math.isfinite(value)


def _properties(value: object, path: str, *, lists: bool = False) -> None:
    for key, content in _object(value, path).items():
        if utf16_units(key) > PROPERTY_UNITS or not key:
            _refuse(path, f"property name {key[:40]!r} is invalid")
        if isinstance(content, str):
            if utf16_units(content) > PROPERTY_UNITS:
                _text(content, _at(path, key), PROPERTY_UNITS)
        elif not _is_number(content):
            _listed(content, _at(path, key), lists=lists)


def _listed(value: object, path: str, *, lists: bool) -> None:
    if not lists or not isinstance(value, list):
        _refuse(path, f"should be {'array,' if lists else ''}number,string")
    for index, element in enumerate(value):
        _expect(
            isinstance(element, str) or _is_number(element),
            f"{path}[{index}]",
            "should be number,string",
        )


def _person(item: JsonObject, path: str) -> None:
    one = ("identity" in item) != ("user_id" in item)
    _expect(one, path, "should match exactly one schema in oneOf")
    if "identity" in item:
        _text(item["identity"], f"{path}.identity", IDENTITY_UNITS)
    else:
        _text(item["user_id"], f"{path}.user_id")
        _expect(
            is_user_id(item["user_id"]),
            f"{path}.user_id",
            'should match pattern "^[0-9]+$"',
        )


_EVENT_FIELDS: Final = (
    "event",
    "identity",
    "user_id",
    "properties",
    "timestamp",
    "idempotency_key",
    "session_id",
)


def _check_event(value: object, path: str) -> None:
    item = _object(value, path)
    _known(item, path, *_EVENT_FIELDS)
    _present(item, path, "event")
    _text(item["event"], f"{path}.event", EVENT_UNITS)
    _person(item, path)
    _properties(item.get("properties", {}), f"{path}.properties", lists=True)
    _check_event_origin(item, path)


def _check_event_origin(item: JsonObject, path: str) -> None:
    if "timestamp" in item:
        _text(item["timestamp"], f"{path}.timestamp")
        right = is_timestamp(item["timestamp"])
        _expect(right, f"{path}.timestamp", 'should match format "date-time"')
    if "idempotency_key" in item:
        _text(item["idempotency_key"], f"{path}.idempotency_key")
    session = item.get("session_id", 0)
    right = isinstance(session, str) or _is_number(session)
    _expect(right, f"{path}.session_id", "should be number,string")


def _check_user(value: object, path: str) -> None:
    item = _object(value, path)
    _known(item, path, "identity", "properties")
    _present(item, path, "identity", "properties")
    _text(item["identity"], f"{path}.identity", IDENTITY_UNITS)
    _properties(item["properties"], f"{path}.properties")
    for key in item["properties"]:
        reserved = key == "user_id" or key.lower() == "id"
        _expect(not reserved, f"{path}.properties", f"property name '{key}' is invalid")


def _check_account(value: object, path: str) -> None:
    item = _object(value, path)
    _known(item, path, "account_id", "properties")
    _present(item, path, "account_id", "properties")
    _text(item["account_id"], f"{path}.account_id", IDENTITY_UNITS)
    _properties(item["properties"], f"{path}.properties")


def _check_deletion(value: object, path: str) -> None:
    item = _object(value, path)
    _known(item, path, "identity", "user_id")
    _person(item, path)


def without_app(document: JsonObject) -> JsonObject:
    return {key: value for key, value in document.items() if key != "app_id"}


@frozen
class _Batch:
    """The items of one call, checked."""

    app_id: str
    items: list[JsonObject]
    bulk: bool


def _batch(
    document: object,
    name: str,
    check: Callable[[object, str], None],
    *,
    single: bool = True,
) -> _Batch:
    body = _object(document, "postBody")
    _present(body, "postBody", "app_id")
    _text(body["app_id"], "postBody.app_id")
    if single and name not in body:
        item = without_app(body)
        check(item, "postBody")
        return _Batch(body["app_id"], [item], bulk=False)
    _known(body, "postBody", "app_id", name)

    return _Batch(body["app_id"], _items(body, name, check, BULK_ITEMS), bulk=True)


def _items(
    body: JsonObject, name: str, check: Callable[[object, str], None], most: int
) -> list[JsonObject]:
    _present(body, "postBody", name)
    path, items = f"postBody.{name}", body[name]
    if not isinstance(items, list):
        _refuse(path, "should be array")
    _expect(len(items) <= most, path, f"should NOT have more than {most} items")
    for index, item in enumerate(items):
        check(item, f"{path}[{index}]")

    return items


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def decoded(request: WireRequest) -> object:
    try:
        return json.loads(request.body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return InvalidRequestError(400, "request body should be JSON in UTF-8")


class _Window:
    """At most *limit* per key in any *seconds*. Refused calls do not count; assumed."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._taken: deque[tuple[float, Counter[str]]] = deque()
        self._sums: Counter[str] = Counter()

    def has_room(self, now: float, cost: Counter[str]) -> bool:
        while self._taken and now - self._taken[0][0] >= self._seconds:
            self._forget(self._taken.popleft()[1])

        return all(
            self._sums[key] + number <= self._limit for key, number in cost.items()
        )

    def take(self, now: float, cost: Counter[str]) -> None:
        self._taken.append((now, cost))
        self._sums.update(cost)

    def _forget(self, cost: Counter[str]) -> None:
        for key, number in cost.items():
            self._sums[key] -= number
            if not self._sums[key]:
                del self._sums[key]


@define
class _App:
    """One app id: what it received and how fast."""

    data: AppData = field(factory=AppData)
    unkeyed: int = 0
    per_app: _Window = field(factory=lambda: _Window(APP_EVENTS_A_MINUTE, 60.0))
    per_person: _Window = field(factory=lambda: _Window(PERSON_EVENTS_A_MINUTE, 60.0))
    single_events: _Window = field(
        factory=lambda: _Window(SINGLE_CALLS, SINGLE_SECONDS)
    )
    single_users: _Window = field(factory=lambda: _Window(SINGLE_CALLS, SINGLE_SECONDS))

    def key_of(self, event: JsonObject) -> str:
        if "idempotency_key" in event:
            return str(event["idempotency_key"])
        self.unkeyed += 1

        return f"unkeyed-{self.unkeyed}"

    def windows(self, batch: _Batch) -> Iterator[tuple[_Window, Counter[str]]]:
        people = Counter(_name_of(item) for item in batch.items)
        yield self.per_app, Counter({"": len(batch.items)})
        yield self.per_person, people
        if not batch.bulk:
            yield self.single_events, people


def _name_of(item: JsonObject) -> str:
    return (
        f"identity:{item['identity']}"
        if "identity" in item
        else f"user_id:{item['user_id']}"
    )


_OK: Final = WireResponse.json(200, {})


class Heap:
    """Heap without its network: a request in, an answer out."""

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
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self.lock:
            self.apps: defaultdict[str, _App] = defaultdict(_App)
            self.counts: Counter[str] = Counter()
            self.deleted: list[str] = []
            self._asked: dict[str, int] = {}

    def count(self, name: str, number: int = 1) -> None:
        with self.lock:
            self.counts[name] += number

    def answer(self, request: WireRequest, document: object) -> WireResponse:
        try:
            return self._route(request, document)
        except InvalidRequestError as error:
            if error.response.status == 400:
                self.count("invalid")
            return error.response

    def _route(self, request: WireRequest, document: object) -> WireResponse:
        if request.path.startswith(DELETION_STATUS):
            _expect_method(request, "GET")
            return self._deletion_status(request)
        _expect_route(request)
        if request.path == AUTH_TOKEN:
            return self._auth_token(request)
        if request.path == USER_DELETION:
            return self._user_deletion(request, document)
        _expect_json(request, document)

        return self._ingest(request.path, document)

    def _ingest(self, path: str, document: object) -> WireResponse:
        if path == TRACK:
            return self._track(_batch(document, "events", _check_event))
        if path == ADD_USER_PROPERTIES:
            return self._add_user_properties(_batch(document, "users", _check_user))

        return self._add_account_properties(
            _batch(document, "accounts", _check_account, single=False)
        )

    def _track(self, batch: _Batch) -> WireResponse:
        with self.lock:
            app = self.apps[batch.app_id]
            if not self._admit(app.windows(batch)):
                return self._too_many()
            for event in batch.items:
                self._take_event(app, event)
            self._count_wrong_app(batch)

        return _OK

    def _take_event(self, app: _App, event: JsonObject) -> None:
        key = app.key_of(event)
        repeat = key in app.data.events
        self.counts["duplicates" if repeat else "events"] += 1
        app.data.events.setdefault(key, event)

    def _add_user_properties(self, batch: _Batch) -> WireResponse:
        with self.lock:
            app = self.apps[batch.app_id]
            people = Counter(_name_of(item) for item in batch.items)
            if not batch.bulk and not self._admit([(app.single_users, people)]):
                return self._too_many()
            _merge(app.data.people, batch.items, "identity")
            self.counts["users"] += len(batch.items)
            self._count_wrong_app(batch)

        return _OK

    def _add_account_properties(self, batch: _Batch) -> WireResponse:
        with self.lock:
            _merge(self.apps[batch.app_id].data.accounts, batch.items, "account_id")
            self.counts["accounts"] += len(batch.items)
            self._count_wrong_app(batch)

        return _OK

    def _count_wrong_app(self, batch: _Batch) -> None:
        if batch.app_id != self._app_id:
            self.counts["wrong_app"] += len(batch.items)

    def _admit(self, costs: Iterable[tuple[_Window, Counter[str]]]) -> bool:
        if not self._rate_limits:
            return True
        now, windows = self._clock(), list(costs)
        if not all(window.has_room(now, cost) for window, cost in windows):
            return False
        for window, cost in windows:
            window.take(now, cost)

        return True

    def _too_many(self) -> WireResponse:
        self.counts["rate_limited"] += 1

        return WireResponse.text(429, "Too Many Requests")

    def _auth_token(self, request: WireRequest) -> WireResponse:
        if _basic_of(request) != f"{self._app_id}:{self._api_key}":
            raise InvalidRequestError(401, "Unauthorized")
        with self.lock:
            self._issued += 1
            token = f"access-token-{self._issued}"
            self._tokens[token] = self._clock() + TOKEN_SECONDS

        return WireResponse.json(200, {"access_token": token})

    def _expect_token(self, request: WireRequest) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        with self.lock:
            end = self._tokens.get(token, -math.inf)
            if scheme.lower() != "bearer" or self._clock() >= end:
                raise InvalidRequestError(401, "Unauthorized")

    def _user_deletion(self, request: WireRequest, document: object) -> WireResponse:
        self._expect_token(request)
        _expect_json(request, document)
        body = _object(document, "postBody")
        _known(body, "postBody", "users")
        users = _items(body, "users", _check_deletion, DELETION_ITEMS)
        with self.lock:
            number = f"deletion-{len(self._asked) + 1}"
            self._asked[number] = 0
            self._delete(users)

        return WireResponse.json(201, {"deletion_request_id": number})

    def _delete(self, users: list[JsonObject]) -> None:
        people = self.apps[self._app_id].data.people
        for user in users:
            self.deleted.append(user.get("identity") or user["user_id"])
            people.pop(user.get("identity", ""), None)

    def _deletion_status(self, request: WireRequest) -> WireResponse:
        self._expect_token(request)
        number = request.path.removeprefix(DELETION_STATUS)
        with self.lock:
            if number not in self._asked:
                raise InvalidRequestError(404, "Not Found")
            self._asked[number] += 1
            status = "pending" if self._asked[number] == 1 else "complete"

        return WireResponse.json(200, {"status": status})


def _merge(store: dict[str, JsonObject], items: list[JsonObject], name: str) -> None:
    for item in items:
        store[item[name]] = {**store.get(item[name], {}), **item["properties"]}


def _expect_method(request: WireRequest, method: str) -> None:
    if request.method != method:
        raise InvalidRequestError(405, "Method Not Allowed")


def _expect_route(request: WireRequest) -> None:
    if items_name(request.path) is None and request.path != AUTH_TOKEN:
        raise InvalidRequestError(404, "Not Found")
    _expect_method(request, "POST")


def _expect_json(request: WireRequest, document: object) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    _expect(kind == "application/json", "content type", "should be application/json")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    _expect(coding == "identity", "content encoding", "should be identity")
    if isinstance(document, InvalidRequestError):
        raise document


def _basic_of(request: WireRequest) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        return (
            base64.b64decode(value, validate=True).decode()
            if scheme.lower() == "basic"
            else ""
        )
    except (binascii.Error, ValueError):
        return ""
