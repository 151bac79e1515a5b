"""Mappers that set user properties besides the standard event."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

from braze_heap.events import CurrentsEvent
from braze_heap.mappers._standard import standard
from braze_heap.payloads import Payload, StandardUserProperties

UserProperties: TypeAlias = dict[str, Any]
"""User properties by name; ``None`` sets nothing."""


class StandardWithUserProperties:
    """
    A mapper that returns the standard event and user properties.

    Args:
        user_properties: From an event to the user properties.
    """

    def __init__(self, user_properties: Callable[[Any], UserProperties]) -> None:
        functools.update_wrapper(self, user_properties)
        self.user_properties = user_properties

    def __reduce__(self) -> str:
        return self.user_properties.__qualname__  # by name, as a function

    def __call__(self, event: CurrentsEvent) -> tuple[Payload, ...]:
        """Return the payloads for *event*."""
        return standard(event), StandardUserProperties(self.user_properties(event))
