"""Group calls into the items of Heap's bulk requests. Pure."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

import attrs

from braze_heap._json import encode
from braze_heap._wiring import kind_of
from braze_heap.heap.calls import AddUserProperties, Call, DeleteUser, Track

MAX_ITEMS: Final = 1_000
"""Heap, Bulk Track and Bulk Add User Properties: items of a request."""

MAX_BYTES: Final = 4 << 20
"""Bytes of a request body. Heap does not document its limit, and answers 413."""


@attrs.frozen(eq=False)
class Endpoint:
    """
    One of Heap's bulk endpoints. *name* is the key of the items in the body.

    Heap documents *max_items*, limits the rate if it *is_paced*, and needs a bearer
    token instead of the ``app_id`` if it *is_keyed*.
    """

    path: str
    name: str
    max_items: int = MAX_ITEMS
    is_paced: bool = False
    is_keyed: bool = False


EVENTS: Final = Endpoint("/api/track", "events", is_paced=True)
USERS: Final = Endpoint("/api/add_user_properties", "users")
DELETIONS: Final = Endpoint(
    "/api/public/v0/user_deletion", "users", 10_000, is_keyed=True
)


@attrs.define(eq=False)
class Item:
    """
    One item of a bulk request, for the calls of the batch at *indexes*.

    *merged* has an item for each of these calls, if there are several.
    """

    call: Call
    indexes: tuple[int, ...]
    merged: tuple[Item, ...] = ()

    @property
    def parts(self) -> tuple[Item, ...]:
        """An item for each of the merged calls."""
        return self.merged or (self,)

    @property
    def key(self) -> str | None:
        """Idempotency key of an event."""
        return self.call.idempotency_key if isinstance(self.call, Track) else None

    def values(self) -> Iterator[Any]:
        """Yield all values that may be personal data."""
        for part in self.parts:
            yield from (part.call.identity, part.key)
            yield from getattr(part.call, "properties", {}).values()


def merge_user_properties(items: Sequence[Item]) -> Item:
    """Merge the user properties of one user into one item. Later values win."""
    if len(items) == 1:
        return items[0]
    calls = [cast("AddUserProperties", item.call) for item in items]
    properties = {n: v for call in calls for n, v in call.properties.items()}
    indexes = itertools.chain.from_iterable(item.indexes for item in items)
    merged = AddUserProperties(calls[0].identity, properties)
    return Item(merged, (*indexes,), (*items,))


def split_in_half(items: Sequence[Item]) -> list[list[Item]]:
    """Return halves of *items*, or of the calls of one; nothing for a single call."""
    parts = items if len(items) > 1 else items[0].parts
    if len(parts) == 1:
        return []
    halves = [parts[: len(parts) // 2], parts[len(parts) // 2 :]]
    if len(items) == 1:
        return [[merge_user_properties(half)] for half in halves]
    return [list(half) for half in halves]


def group_by_endpoint(calls: Sequence[Call]) -> dict[Endpoint, list[Item]]:
    """Return the items for each endpoint in order, with one item of each user."""
    users: dict[str, list[Item]] = defaultdict(list)
    requests: dict[Endpoint, list[Item]] = {EVENTS: [], USERS: [], DELETIONS: []}
    for index, call in enumerate(calls):
        item = Item(call, (index,))
        if isinstance(call, AddUserProperties):
            users[call.identity].append(item)
        else:
            if not isinstance(call, Track | DeleteUser):
                raise TypeError(f"Heap takes calls, not {kind_of(call)}")
            requests[EVENTS if isinstance(call, Track) else DELETIONS].append(item)
    requests[USERS] = [*map(merge_user_properties, users.values())]
    return requests


def body_of(items: Iterable[Item], endpoint: Endpoint, app_id: bytes) -> bytes:
    """
    Return the body of a request to *endpoint*. *app_id* is JSON. `ValueError` or
    `TypeError` is raised if an item cannot be written as JSON in UTF-8.
    """
    app = b"" if endpoint.is_keyed else b'"app_id":' + app_id + b","
    encoded = encode([item.call.to_dict() for item in items])
    return b"{" + app + b'"' + endpoint.name.encode() + b'":' + encoded + b"}"


def is_writable(item: Item) -> bool:
    """Return whether *item* can be written as JSON in UTF-8."""
    try:
        encode(item.call.to_dict())
    except (TypeError, ValueError):
        return False
    return True


def cost_of(items: Iterable[Item]) -> Counter[str]:
    """Count the events of each identity."""
    return Counter([item.call.identity for item in items])
