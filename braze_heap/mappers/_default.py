"""
The shipped rules, and choices among them.
"""

import importlib
from collections.abc import Set
from typing import Final

from braze_heap.events import EVENT_TYPES, CurrentsEvent
from braze_heap.events._index import FAMILIES
from braze_heap.mappers._registry import MapperRegistry
from braze_heap.mappers._standard import standard


def _shipped() -> MapperRegistry:
    registry = MapperRegistry().add(CurrentsEvent, standard)
    for family in FAMILIES:
        module = importlib.import_module(f"braze_heap.mappers.{family}")
        for event_type, mapper in module.RULES.items():
            registry = registry.add(event_type, mapper)
    return registry.as_fallback()


DEFAULT_MAPPERS: Final = _shipped()
"""Every event type, each decided on purpose. Rules of a team come before them."""


_DID = frozenset(
    """
    Click Conversion CustomEvent Dismiss Entry FirstSession FormSubmission
    GlobalStateChange Impression InboundReceive InstallAttribution IosForeground
    Location MarkAsSpam MatchedAudience Open PerformedEvent Progression Purchase Read
    Response SessionEnd SessionStart ShortLinkClick SplitEntry StateChange Uninstall
    Unsubscribe
    """.split()
)
_WAS_SENT = frozenset(
    """
    Abort Bounce CarrierSend Deferral Delivery DeliveryFailure EnrollInControl Failure
    NotSent Outcome Rejection Retry Send Sent SoftBounce UniqueReceipt
    """.split()
)


def _types(last_parts: Set[str]) -> tuple[str, ...]:
    return tuple(t for t in EVENT_TYPES if t.rpartition(".")[2] in last_parts)


ENGAGEMENT_TYPES: Final = _types(_DID)
"""Event types of `ENGAGEMENT`."""

DELIVERY_TYPES: Final = _types(_WAS_SENT)
"""Event types of `DELIVERY`."""

ENGAGEMENT: Final = DEFAULT_MAPPERS.only(*ENGAGEMENT_TYPES)
"""What people did: opens, clicks, sessions, purchases, consent, steps of a Canvas."""

DELIVERY: Final = DEFAULT_MAPPERS.only(*DELIVERY_TYPES)
"""What was sent, and what came of the sending: deliveries, bounces, aborts, retries."""
