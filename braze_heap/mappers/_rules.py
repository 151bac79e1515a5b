"""
How a family states its rules, and facts about users.
"""

import functools
from collections.abc import Callable, Mapping
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

Facts: TypeAlias = dict[str, Any]
"""User properties by name; ``None`` states nothing."""


class StandardWith:
    """
    A mapper that tells its events the standard way, and states facts about the user.

    Args:
        facts: From an event to the facts.
    """

    def __init__(self, facts: Callable[[Any], Facts]) -> None:
        functools.update_wrapper(self, facts)
        self.facts = facts

    def __call__(self, event: CurrentsEvent) -> tuple[Payload, ...]:
        """
        Return what is said about *event*.
        """
        return standard(event), HeapUserProperties(self.facts(event))


def about_user(**facts: Any) -> Facts:
    """
    Return *facts*, each under its prefixed name.
    """
    return {f"{PREFIX}{name}": value for name, value in facts.items()}


def at(event: CurrentsEvent) -> str:
    """
    Return the time of *event* as a property: ISO 8601, UTC.
    """
    return timestamp(event.time)
