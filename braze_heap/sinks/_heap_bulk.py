"""
From calls to the items of Heap's bulk requests. Pure.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from braze_heap._json import encode, encode_each
from braze_heap.calls import AddUserProperties, Call, Track

MAX_ITEMS: Final = 1_000
"""Heap, Bulk Track and Bulk Add User Properties: items a request."""

MAX_DELETIONS: Final = 10_000
"""Heap, User Deletion: users a request."""

MAX_BYTES: Final = 4 << 20
"""Bytes of a request body. Heap does not name its limit; it answers 413 beyond it."""


@attrs.frozen
class Kind:
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


EVENTS: Final = Kind("/api/track", "events", is_paced=True)
USERS: Final = Kind("/api/add_user_properties", "users")
DELETIONS: Final = Kind(
    "/api/public/v0/user_deletion", "users", MAX_DELETIONS, is_keyed=True
)


@attrs.define(eq=False)
class Item:
    """
    One element of a bulk request, and the calls that it stands for.

    Attributes:
        indexes: The places of the calls in the batch.
        calls: The calls; several facts about one user are one item.
        identity: Whose.
        data: As JSON.
    """

    indexes: tuple[int, ...]
    calls: tuple[Call, ...] = attrs.field(repr=False)
    identity: str = attrs.field(repr=False)
    data: bytes = attrs.field(repr=False)

    def halves(self) -> list[Item]:
        """
        Return two items with half of the calls each, the earlier ones first.
        """
        middle = len(self.calls) // 2
        parts = (slice(None, middle), slice(middle, None))
        return [item_of(self.indexes[part], self.calls[part]) for part in parts]

    def values(self) -> Iterable[Any]:
        """
        Return everything personal in it.
        """
        bags = [getattr(call, "properties", {}) for call in self.calls]
        keys = [getattr(call, "idempotency_key", "") for call in self.calls]
        values = itertools.chain.from_iterable(bag.values() for bag in bags)
        return [self.identity, *keys, *values]


def item_of(indexes: Sequence[int], calls: Sequence[Call]) -> Item:
    """
    Return one item for *calls*; of several user properties the later ones win.

    Raises:
        ValueError: They cannot be written as JSON in UTF-8.
        TypeError: Likewise.
    """
    call, identity = calls[0], calls[0].identity
    if len(calls) > 1:
        merged = {k: v for call in calls for k, v in call.properties.items()}  # type: ignore[union-attr]
        call = AddUserProperties(identity, merged)
    return Item(tuple(indexes), tuple(calls), identity, encode(call.to_dict()))


@attrs.define
class Sorted:
    """
    A batch by endpoint.

    Attributes:
        events: To track, in order.
        users: One item an identity, merged in the order of the calls.
        deletions: In order.
        unwritable: The places of calls that are no JSON.
    """

    events: list[Item] = attrs.field(factory=list)
    users: list[Item] = attrs.field(factory=list)
    deletions: list[Item] = attrs.field(factory=list)
    unwritable: list[int] = attrs.field(factory=list)


def sorted_out(calls: Sequence[Call]) -> Sorted:
    """
    Return *calls* by endpoint.
    """
    out = Sorted()
    tracks: list[tuple[int, Call]] = []
    people: dict[str, list[int]] = {}
    for index, call in enumerate(calls):
        if isinstance(call, Track):
            tracks.append((index, call))
        elif isinstance(call, AddUserProperties):
            people.setdefault(call.identity, []).append(index)
        else:
            _append(out.deletions, (index,), (call,), out.unwritable)
    written = encode_each([call.to_dict() for _, call in tracks])
    if written is None:
        for index, call in tracks:
            _append(out.events, (index,), (call,), out.unwritable)
    else:
        out.events = [
            Item((index,), (call,), call.identity, data)
            for (index, call), data in zip(tracks, written, strict=True)
        ]
    for indexes in people.values():
        _append(out.users, indexes, [calls[i] for i in indexes], out.unwritable)
    return out


def _append(
    bulk: list[Item],
    indexes: Sequence[int],
    calls: Sequence[Call],
    unwritable: list[int],
) -> None:
    try:
        bulk.append(item_of(indexes, calls))
    except (TypeError, ValueError):
        if len(calls) == 1:
            unwritable += indexes
            return
        for index, call in zip(indexes, calls, strict=True):
            _append(bulk, (index,), (call,), unwritable)


def key_of(item: Item) -> str | None:
    """
    Return the idempotency key of a track.
    """
    call = item.calls[0]
    return call.idempotency_key if isinstance(call, Track) else None


def body_of(group: Sequence[Item], kind: Kind, app_id: bytes) -> bytes:
    """
    Return the body of a request with *group*.

    Args:
        group: Of *kind*.
        kind: Which endpoint.
        app_id: As JSON.
    """
    app = b"" if kind.is_keyed else b'"app_id":' + app_id + b","
    items = b",".join([item.data for item in group])
    return b"{" + app + b'"' + kind.name.encode() + b'":[' + items + b"]}"


def cost_of(group: Iterable[Item]) -> Counter[str]:
    """
    Return how many events of each identity are in *group*.
    """
    return Counter([item.identity for item in group])


def halves(group: list[Item]) -> list[list[Item]]:
    """
    Return *group* in two, the first half first.
    """
    middle = len(group) // 2
    return [group[:middle], group[middle:]]
