"""The registry of the shipped mappers, and selections of them."""

from collections.abc import Set
from typing import Any, Final

import attrs

from braze_heap.events import EVENT_TYPES, CurrentsEvent
from braze_heap.mappers._registry import (
    Condition,
    Key,
    Mapper,
    MapperRegistry,
    Registration,
)
from braze_heap.mappers._standard import standard
from braze_heap.mappers.shipped import DECISIONS
from braze_heap.payloads import HeapEvent, Payload, StandardEvent, payloads_of

_MAPPERS: Final[tuple[tuple[Key, Mapper], ...]] = (
    (CurrentsEvent, standard),
    *DECISIONS.items(),
)

DEFAULT_MAPPERS: Final = MapperRegistry(
    {key: Registration.of(key, mapper) for key, mapper in _MAPPERS}
).as_fallback()
"""A mapper for every event type. Mappers of a team take precedence."""


def default(
    event: CurrentsEvent, name: str | None = None, /, **changes: Any
) -> tuple[Payload, ...]:
    """
    Return all payloads of the shipped mapper of *event*, with properties added.

    They include the user properties of the shipped mapper; `standard` returns only the
    event.

    Args:
        event: Event to map.
        name: Name of the event in place of Braze's display name.
        changes: Properties of the event to add or to replace; ``None`` removes one.
    """
    mapper = DEFAULT_MAPPERS.mapper_for(event)
    payloads = payloads_of(mapper(event) if mapper else None)
    return tuple(
        _changed(p, name, changes) if isinstance(p, HeapEvent) else p for p in payloads
    )


def _changed(
    payload: HeapEvent, name: str | None, changes: dict[str, Any]
) -> HeapEvent:
    properties = {**payload.properties, **changes}
    if name and isinstance(payload, StandardEvent):
        payload = attrs.evolve(payload, name=name, has_own_name=False)
    return attrs.evolve(payload, properties=properties)


_ENGAGEMENT = frozenset(
    """
    Click Conversion CustomEvent Dismiss Entry FirstSession FormSubmission
    GlobalStateChange Impression InboundReceive InstallAttribution IosForeground
    Location MarkAsSpam MatchedAudience Open PerformedEvent Progression Purchase Read
    Response SessionEnd SessionStart ShortLinkClick SplitEntry StateChange Uninstall
    Unsubscribe
    """.split()
)
_DELIVERY = frozenset(
    """
    Abort Bounce CarrierSend Deferral Delivery DeliveryFailure EnrollInControl Failure
    NotSent Outcome Rejection Retry Send Sent SoftBounce UniqueReceipt
    """.split()
)


def _types(last_parts: Set[str]) -> tuple[str, ...]:
    return tuple(t for t in EVENT_TYPES if t.rpartition(".")[2] in last_parts)


ENGAGEMENT_TYPES: Final = _types(_ENGAGEMENT)
"""Event types of `ENGAGEMENT`."""

DELIVERY_TYPES: Final = _types(_DELIVERY)
"""Event types of `DELIVERY`."""

ENGAGEMENT: Final = DEFAULT_MAPPERS._conditional(
    Condition(ENGAGEMENT_TYPES, keeps=True)
)
"""Actions of people: opens, clicks, sessions, purchases, consent, Canvas steps."""

DELIVERY: Final = DEFAULT_MAPPERS._conditional(Condition(DELIVERY_TYPES, keeps=True))
"""Sends and their results: deliveries, bounces, aborts, retries."""
