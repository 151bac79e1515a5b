"""Mappers without code: an event name, and a field or function for each property."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from braze_heap._text import similar
from braze_heap._wiring import check_function, check_name, kind_of
from braze_heap.events import CurrentsEvent
from braze_heap.exceptions import BrazeHeapError
from braze_heap.payloads import HeapEvent

Filling: TypeAlias = str | Callable[[Any], Any]
"""The name of a field of the event, or a function of the event."""


@attrs.frozen
class UnknownFieldError(BrazeHeapError, ValueError):
    """
    A mapper reads a field that its event class does not have.

    Attributes:
        event: The class that the mapper was added for.
        field: The name as the mapper spells it.
        close: Fields of *event* with similar names, best first.
    """

    event: type[CurrentsEvent]
    field: str
    close: tuple[str, ...]

    def __str__(self) -> str:
        hint = f" Did you mean {self.close[0]!r}?" if self.close else ""
        return f"{self.event.__name__} has no field {self.field!r}.{hint}"


@attrs.frozen
class Declared:
    """
    A mapper from `declare`. Its fields are checked when it is added to a registry.

    Attributes:
        name: The name of the Heap event.
        properties: Property name to field or function.
    """

    name: str
    properties: Mapping[str, Filling]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are read by name."""
        return tuple(f for f in self.properties.values() if isinstance(f, str))

    def __call__(self, event: CurrentsEvent) -> HeapEvent:
        """Return the Heap event for *event*."""
        return HeapEvent(
            self.name,
            {
                name: getattr(event, filling)
                if isinstance(filling, str)
                else filling(event)
                for name, filling in self.properties.items()
            },
        )

    def check(self, event: type[CurrentsEvent]) -> None:
        """
        Raise if the class *event* lacks a field that is read by name.

        Raises:
            UnknownFieldError: A field is missing.
        """
        known = {*event._names, "event_type", "display_name"}
        for field in self.fields:
            if field not in known:
                close = similar(field, known, 3)
                raise UnknownFieldError(event, field, tuple(close))


def declare(name: str, properties: Mapping[str, Filling] | None = None) -> Declared:
    """
    Return a mapper that needs no code.

    Args:
        name: The name of the Heap event, sent as it is.
        properties: Property name to the name of the field that fills it, or to a
            function of the event.

    Raises:
        TypeError: *name* is not a string, *properties* is not a mapping, or a function
            cannot be called with an event.
        ValueError: *name* is empty.

    >>> registry.override(
    ...     EmailClick, declare("Newsletter Click", {"link": "link_alias"})
    ... )
    """
    check_name("declare needs the name of a Heap event", name)
    given = {} if properties is None else properties
    if not isinstance(given, Mapping):
        raise TypeError(
            f"the properties of {name!r} must be a mapping from name to field, not "
            f"{kind_of(given)}"
        )
    for each, filling in given.items():
        if not isinstance(each, str):
            raise TypeError(
                f"the properties of {name!r} need names that are text, not "
                f"{kind_of(each)}"
            )
        if not isinstance(filling, str):
            check_function(f"the property {each!r} of {name!r}", filling)
    return Declared(name, dict(given))
