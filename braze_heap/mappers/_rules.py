"""
How a family states its rules, and facts about users.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from braze_heap.calls import timestamp
from braze_heap.events import CurrentsEvent
from braze_heap.mappers._registry import Mapper
from braze_heap.mappers._standard import standard
from braze_heap.payloads import HeapUserProperties, Payload

Rules: TypeAlias = Mapping[str, Mapper]
"""
Event type to mapper, for each type of a family. Types by name, so that the rules load
without the event classes.
"""

PREFIX = "braze_"
"""What the names of user properties begin with."""


def standard_with(event: CurrentsEvent, **facts: Any) -> tuple[Payload, Payload]:
    """
    Tell *event* the standard way, and state *facts* about its user.
    """
    return standard(event), user_facts(facts)


def user_facts(facts: Mapping[str, Any]) -> HeapUserProperties:
    """
    Return *facts* as user properties, each under its prefixed name.
    """
    return HeapUserProperties({f"{PREFIX}{name}": v for name, v in facts.items()})


def at(event: CurrentsEvent) -> str:
    """
    Return the time of *event* as a property: ISO 8601, UTC.
    """
    return timestamp(event.time)
