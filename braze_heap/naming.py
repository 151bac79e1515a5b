"""
What things are called in Heap: policies for the names that `standard` gives.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import attrs

from braze_heap.calls import Legalizer, Value
from braze_heap.events import CurrentsEvent
from braze_heap.payloads import HeapEvent, ReturnValueError, StandardEvent

__all__ = ["Naming", "Style"]

Style: TypeAlias = Literal["display", "type"] | Callable[[CurrentsEvent], str]
"""
Braze's display name (``Email Click``), its event type
(``users.messages.email.Click``), or a function of the event.
"""


@attrs.frozen
class Naming:
    """
    The names of events and properties.

    Attributes:
        event_names: What a standard event is called. Custom events keep the names that
            the team gave them.
        event_prefix: What the names of standard events begin with.
        event_renames: Name in Heap, prefix included, to the name to send instead. For
            all events, whatever mapper named them.
        property_prefix: What the names of the properties of standard events begin with.
        property_renames: Property name, flattened and prefixed, to the name to send
            instead. For standard events.
    """

    event_names: Style = "display"
    event_prefix: str = "Braze "
    event_renames: Mapping[str, str] = MappingProxyType({})
    property_prefix: str = ""
    property_renames: Mapping[str, str] = MappingProxyType({})

    def __attrs_post_init__(self) -> None:
        if self.event_names not in ("display", "type") and not callable(
            self.event_names
        ):
            raise ValueError(
                "event_names is 'display', 'type' or a function, "
                f"not {self.event_names!r}"
            )

    @property
    def touches_properties(self) -> bool:
        """
        Whether properties are renamed at all.
        """
        return bool(self.property_prefix or self.property_renames)

    def event_name(self, payload: HeapEvent, event: CurrentsEvent) -> str:
        """
        Return what *payload*, said about *event*, is called.
        """
        name = payload.name
        if isinstance(payload, StandardEvent):
            if name == getattr(event, "display_name", None):
                name = self.standard_name(event)
            name = f"{self.event_prefix}{name}"
        return self.event_renames.get(name, name)

    def standard_name(self, event: CurrentsEvent) -> str:
        """
        Return what *event* is called in the chosen style, without prefix.
        """
        if callable(self.event_names):
            name: object = self.event_names(event)
            if isinstance(name, str):
                return name
            kind = type(name).__name__
            raise ReturnValueError(f"event_names returned a {kind}, not text")
        return event.display_name if self.event_names == "display" else event.event_type

    def properties(
        self, given: dict[str, Value], legalizer: Legalizer
    ) -> dict[str, Any]:
        """
        Return the legal properties *given* under their names, still legal and distinct.
        """
        if not self.touches_properties:
            return given
        renamed: dict[str, Any] = {}
        for name, value in given.items():
            prefixed = f"{self.property_prefix}{name}"
            wanted = self.property_renames.get(prefixed, prefixed)
            renamed[legalizer.free_name(wanted, renamed)] = value
        return renamed
