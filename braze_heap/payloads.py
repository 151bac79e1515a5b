"""
What a mapper says about an event. The transformer adds who, when, and the key.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import attrs

__all__ = [
    "HeapEvent",
    "HeapUserDeletion",
    "HeapUserProperties",
    "Mapped",
    "Payload",
    "StandardEvent",
]


@attrs.define
class HeapEvent:
    """
    Something to track.

    Attributes:
        name: The name in Heap, at most 1,024 characters. Heap advises few broad names
            told apart by properties.
        properties: Any JSON. What Heap does not take is made legal later on: nested
            objects become dotted names, null is left out.
    """

    name: str
    properties: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.define
class StandardEvent(HeapEvent):
    """
    Something to track under Braze's own names.

    The naming policies of the transformer (style, prefixes, renames) apply to it, where
    they leave the names of a `HeapEvent` alone. `standard` makes one of an event.
    """


@attrs.define
class HeapUserProperties:
    """
    Facts of state about the user. In Heap the last write wins.

    Attributes:
        properties: As for `HeapEvent`. The keys ``id`` and ``user_id`` are Heap's own.
    """

    properties: Mapping[str, Any]


@attrs.define
class HeapUserDeletion:
    """
    The user is to be deleted in Heap, with all events. There is no way back.
    """


Payload: TypeAlias = HeapEvent | HeapUserProperties | HeapUserDeletion
"""One thing that a mapper says."""

Mapped: TypeAlias = Payload | Iterable[Payload] | None
"""What a mapper returns: one payload, several, or nothing for this event."""
