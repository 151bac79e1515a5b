"""
From calls to the items of Heap's bulk requests. Pure.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import attrs

from braze_heap._json import encode
from braze_heap.heap.calls import AddUserProperties, Call, Track

MAX_ITEMS: Final = 1_000
"""Heap, Bulk Track and Bulk Add User Properties: items a request."""

MAX_DELETIONS: Final = 10_000
"""Heap, User Deletion: users a request."""

MAX_BYTES: Final = 4 << 20
"""Bytes of a request body. Heap does not name its limit; it answers 413 beyond it."""


@attrs.frozen
class Endpoint:
    """
    One of Heap's bulk endpoints.

    Attributes:
        path: Below the host.
        name: What its items are called in the body.
        max_items: In one request.
        is_paced: Whether Heap limits its rate.
        is_keyed: Whether it wants a bearer token, in the place of the ``app_id``.
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
    One element of a bulk request.

    Attributes:
        call: What it says.
        indexes: The places in the batch of the calls that it stands for.
        user_properties: Those calls, where several user properties about one user are
            one item.
    """

    call: Call
    indexes: tuple[int, ...]
    user_properties: tuple[AddUserProperties, ...] = ()

    def parts(self) -> list[Item]:
        """
        Return an item for each of its calls.
        """
        calls = self.user_properties or (self.call,)
        return [Item(c, (i,)) for c, i in zip(calls, self.indexes, strict=True)]

    def halves(self) -> list[Item]:
        """
        Return two items with half of the calls each, the earlier ones first.
        """
        return [merged(half) for half in halves(self.parts())]

    def values(self) -> Iterable[Any]:
        """
        Return everything personal in it.
        """
        calls = self.user_properties or (self.call,)
        bags = [getattr(call, "properties", {}) for call in calls]
        keys = [getattr(call, "idempotency_key", "") for call in calls]
        values = itertools.chain.from_iterable(bag.values() for bag in bags)
        return [self.call.identity, *keys, *values]


def merged(items: Sequence[Item]) -> Item:
    """
    Return one item for user properties about one user; the later ones win.
    """
    if len(items) == 1:
        return items[0]
    user_properties = tuple(cast("AddUserProperties", item.call) for item in items)
    properties = {n: v for fact in user_properties for n, v in fact.properties.items()}
    indexes = itertools.chain.from_iterable(item.indexes for item in items)
    return Item(
        AddUserProperties(user_properties[0].identity, properties),
        (*indexes,),
        user_properties,
    )


@attrs.define
class Sorted:
    """
    A batch by endpoint.

    Attributes:
        events: To track, in order.
        users: One item an identity, merged in the order of the calls.
        deletions: In order.
    """

    events: list[Item] = attrs.field(factory=list)
    users: list[Item] = attrs.field(factory=list)
    deletions: list[Item] = attrs.field(factory=list)


def sorted_out(calls: Sequence[Call]) -> Sorted:
    """
    Return *calls* by endpoint.
    """
    out = Sorted()
    people: dict[str, list[Item]] = defaultdict(list)
    for index, call in enumerate(calls):
        item = Item(call, (index,))
        if isinstance(call, Track):
            out.events.append(item)
        elif isinstance(call, AddUserProperties):
            people[call.identity].append(item)
        else:
            out.deletions.append(item)
    out.users = [*map(merged, people.values())]
    return out


def key_of(item: Item) -> str | None:
    """
    Return the idempotency key of a track.
    """
    call = item.call
    return call.idempotency_key if isinstance(call, Track) else None


def body_of(group: Iterable[Item], kind: Endpoint, app_id: bytes) -> bytes:
    """
    Return the body of a request with *group*.

    Args:
        group: Of *kind*.
        kind: Which endpoint.
        app_id: As JSON.

    Raises:
        ValueError: One of them cannot be written as JSON in UTF-8.
        TypeError: Likewise.
    """
    app = b"" if kind.is_keyed else b'"app_id":' + app_id + b","
    items = encode([item.call.to_dict() for item in group])
    return b"{" + app + b'"' + kind.name.encode() + b'":' + items + b"}"


def is_writable(item: Item) -> bool:
    """
    Tell whether *item* can be written as JSON in UTF-8.
    """
    try:
        encode(item.call.to_dict())
    except (TypeError, ValueError):
        return False
    return True


def cost_of(group: Iterable[Item]) -> Counter[str]:
    """
    Return how many events of each identity are in *group*.
    """
    return Counter([item.call.identity for item in group])


def halves(group: list[Item]) -> list[list[Item]]:
    """
    Return *group* in two, the first half first.
    """
    middle = len(group) // 2
    return [group[:middle], group[middle:]]
