"""Group calls into the items of Heap's bulk requests. Pure."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import attrs

from braze_heap._json import encode
from braze_heap.heap.calls import AddUserProperties, Call, Track

MAX_ITEMS: Final = 1_000
"""Heap, Bulk Track and Bulk Add User Properties: items of a request."""

MAX_DELETIONS: Final = 10_000
"""Heap, User Deletion: users of a request."""

MAX_BYTES: Final = 4 << 20
"""Bytes of a request body. Heap does not document its limit, and answers 413."""


@attrs.frozen
class Endpoint:
    """
    One of Heap's bulk endpoints.

    Attributes:
        path: Path below the host.
        name: Key of the items in the body.
        max_items: Maximum number of items in a request.
        is_paced: Whether Heap limits the rate.
        is_keyed: Whether Heap needs a bearer token instead of the ``app_id``.
    """

    path: str
    name: str
    max_items: int = MAX_ITEMS
    is_paced: bool = False
    is_keyed: bool = False


EVENTS: Final = Endpoint("/api/track", "events", is_paced=True)
USERS: Final = Endpoint("/api/add_user_properties", "users")
DELETIONS: Final = Endpoint(
    "/api/public/v0/user_deletion", "users", MAX_DELETIONS, is_keyed=True
)


@attrs.define(eq=False)
class Item:
    """
    One item of a bulk request.

    Attributes:
        call: The call to send.
        indexes: Indexes in the batch of the calls that are merged into it.
        user_properties: Those calls, if there are several.
    """

    call: Call
    indexes: tuple[int, ...]
    user_properties: tuple[AddUserProperties, ...] = ()

    def parts(self) -> list[Item]:
        """Return an item for each of the merged calls."""
        calls = self.user_properties or (self.call,)
        return [Item(c, (i,)) for c, i in zip(calls, self.indexes, strict=True)]

    def halves(self) -> list[Item]:
        """Return two items with half of the merged calls each, in order."""
        return [merge_user_properties(half) for half in split_in_half(self.parts())]

    def values(self) -> Iterable[Any]:
        """Return all values that may be personal data."""
        calls = self.user_properties or (self.call,)
        keys = [getattr(call, "idempotency_key", "") for call in calls]
        properties = [getattr(call, "properties", {}).values() for call in calls]
        return [self.call.identity, *keys, *itertools.chain(*properties)]


def merge_user_properties(items: Sequence[Item]) -> Item:
    """Merge the user properties of one user into one item. Later values win."""
    if len(items) == 1:
        return items[0]
    calls = tuple(cast("AddUserProperties", item.call) for item in items)
    properties = {n: v for call in calls for n, v in call.properties.items()}
    indexes = itertools.chain.from_iterable(item.indexes for item in items)
    return Item(AddUserProperties(calls[0].identity, properties), (*indexes,), calls)


@attrs.define
class BulkRequests:
    """
    Items of a batch by endpoint.

    Attributes:
        events: Events to track, in order.
        users: User properties, one item per identity, merged in order.
        deletions: Users to delete, in order.
    """

    events: list[Item] = attrs.field(factory=list)
    users: list[Item] = attrs.field(factory=list)
    deletions: list[Item] = attrs.field(factory=list)


def group_by_endpoint(calls: Sequence[Call]) -> BulkRequests:
    """Group *calls* by endpoint."""
    requests = BulkRequests()
    users: dict[str, list[Item]] = defaultdict(list)
    for index, call in enumerate(calls):
        item = Item(call, (index,))
        if isinstance(call, Track):
            requests.events.append(item)
        elif isinstance(call, AddUserProperties):
            users[call.identity].append(item)
        else:
            requests.deletions.append(item)
    requests.users = [*map(merge_user_properties, users.values())]
    return requests


def key_of(item: Item) -> str | None:
    """Return the idempotency key of *item* if it is an event."""
    call = item.call
    return call.idempotency_key if isinstance(call, Track) else None


def body_of(items: Iterable[Item], endpoint: Endpoint, app_id: bytes) -> bytes:
    """
    Return the body of a request to *endpoint*. *app_id* is JSON.

    Raises:
        ValueError, TypeError: An item cannot be written as JSON in UTF-8.
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


def split_in_half(items: list[Item]) -> list[list[Item]]:
    """Return the first and the second half of *items*."""
    middle = len(items) // 2
    return [items[:middle], items[middle:]]
