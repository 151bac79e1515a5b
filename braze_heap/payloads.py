"""
Payloads: the return values of mappers.

The transformer adds identity, time and idempotency key.
"""

import datetime as dt
import inspect
from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from braze_heap.exceptions import BrazeHeapError

__all__ = [
    "HeapEvent",
    "HeapUserDeletion",
    "HeapUserProperties",
    "Mapped",
    "Payload",
    "StandardEvent",
    "StandardUserProperties",
]


@attrs.define
class HeapEvent:
    """
    Something to track.

    Attributes:
        name: The name in Heap, truncated to 1,023 UTF-16 units. Heap recommends a few
            broad names, distinguished by properties.
        properties: Any JSON. The transformer makes it legal for Heap: nested objects
            become dotted names, and null is omitted.
        identity: Identity of the user, if it differs from that of the event.
        time: Time in Heap, if it differs from that of the event: UTC epoch seconds, or
            a datetime with a time zone.
    """

    name: str
    properties: Mapping[str, Any] = attrs.field(factory=dict)
    identity: str | None = attrs.field(default=None, kw_only=True, repr=False)
    time: float | dt.datetime | None = attrs.field(default=None, kw_only=True)


@attrs.define
class StandardEvent(HeapEvent):
    """
    Something to track under Braze's own names.

    The naming policies of the transformer (style, prefixes, renames) apply to it. They
    do not change the names of a `HeapEvent`. `standard` makes one of an event.

    Attributes:
        has_own_name: Whether *name* is the own name of a custom event.
        renamed: Number of properties that were renamed because their name is taken.
    """

    has_own_name: bool = attrs.field(default=False, kw_only=True, eq=False)
    renamed: int = attrs.field(default=0, kw_only=True, eq=False)


@attrs.define
class HeapUserProperties:
    """
    User properties. The newest event that states one wins; see `braze_heap.state`.

    Attributes:
        properties: As for `HeapEvent`. The keys ``id`` and ``user_id`` are Heap's own.
    """

    properties: Mapping[str, Any]


@attrs.define
class StandardUserProperties(HeapUserProperties):
    """
    User properties under the names of the shipped mappers.

    The prefix and the renames of the transformer for properties apply to it.
    """


@attrs.define
class HeapUserDeletion:
    """
    Deletion of the user in Heap, with all events. It cannot be undone.

    It needs ``Transformer(deletions=True)``. Other payloads of the same event are then
    not sent.
    """


Payload: TypeAlias = HeapEvent | HeapUserProperties | HeapUserDeletion
"""One result of a mapper."""

Mapped: TypeAlias = Payload | Iterable[Payload] | None
"""Return value of a mapper: a payload, several, or ``None`` to skip the event."""


class ReturnValueError(BrazeHeapError, TypeError):
    """A mapper returned something other than payloads. The message has no value."""


def payloads_of(mapped: object) -> list[Payload]:
    """Return the payloads that a mapper returned, or raise `ReturnValueError`."""
    if mapped is None:
        return []
    if isinstance(mapped, PAYLOADS):
        payloads: list[Any] = [mapped]
    elif isinstance(mapped, _NOT_SEVERAL) or not isinstance(mapped, Iterable):
        raise ReturnValueError(f"{_RETURN}; it returned {described(mapped)}")
    else:
        payloads = [*mapped]
    for number, payload in enumerate(payloads, 1):
        if not isinstance(payload, PAYLOADS):
            raise ReturnValueError(
                f"{_RETURN}; item {number} of the {type(mapped).__name__} that it "
                f"returned is {described(payload)}"
            )
        if not isinstance(payload, HeapUserDeletion):
            _check(payload)
    return payloads


def _check(payload: HeapEvent | HeapUserProperties) -> None:
    cls, name = type(payload).__name__, getattr(payload, "name", "-")
    properties: object = payload.properties
    if not isinstance(name, str):
        raise ReturnValueError(f"the name of a {cls} is {described(name)}, not text")
    if not name or name.isspace():
        raise ReturnValueError(f"the mapper returned a {cls} without a name")
    if not isinstance(properties, Mapping):
        flaw = described(properties)
        raise ReturnValueError(f"the properties of a {cls} are {flaw}, not a dict")


def described(value: object) -> str:
    """Return the kind of a wrong return value, and advice."""
    if inspect.iscoroutine(value):
        value.close()  # else Python warns that it was never awaited
    if isinstance(value, Awaitable | AsyncIterable):
        kind = type(value).__name__.replace("_", " ")
        return f"a {kind}: write def instead of async def, and fetch before mapping"
    if isinstance(value, type):
        return f"the class {value.__name__}, not an instance of it"
    kinds: dict[type, str] = {str: "text", type(None): "None"}
    return kinds.get(type(value), f"a value of the type {type(value).__name__}")


PAYLOADS: Final = (HeapEvent, HeapUserProperties, HeapUserDeletion)

_NOT_SEVERAL: Final = (str, bytes, bytearray, Mapping, type, Awaitable, AsyncIterable)
"""Values that are iterable, or may be, and are never several payloads."""

_RETURN: Final = (
    "a mapper has to return HeapEvent(name, properties), "
    "HeapUserProperties(properties), a list of these, or None"
)
