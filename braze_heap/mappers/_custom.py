"""Typed custom events and purchases: an attrs class for their properties."""

from collections.abc import Callable
from typing import Final, TypeVar

import attrs

from braze_heap._wiring import check_name

_MARK = "__braze_heap_custom__"
_TAKES_EVENT = "__braze_heap_takes_event__"
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., object])

DISCRIMINATORS: Final = {
    "users.behaviors.CustomEvent": "name",
    "users.behaviors.Purchase": "product_id",
}
"""Event type to the field that selects a class of `custom_event` or `purchase`."""


@attrs.frozen
class Custom:
    """
    Events whose properties a class describes.

    Attributes:
        event_type: ``users.behaviors.CustomEvent`` or ``users.behaviors.Purchase``.
        field: Field of the event with the properties.
        name: Value of `discriminator`; ``None`` for all.
    """

    event_type: str
    field: str
    name: str | None

    @property
    def discriminator(self) -> str:
        """Field of the event that selects the class."""
        return DISCRIMINATORS[self.event_type]


def custom_event(name: str) -> Callable[[type[_T]], type[_T]]:
    """
    Declare that an attrs class describes the properties of the custom event *name*.

    A mapper for the class gets the properties as an instance of it. Types are exact:
    a string is not a number, and true is not 1. A string is read as a ``Decimal``,
    ``date``, ``datetime``, ``time``, ``UUID`` or enum if the class asks for one. An
    integer fits ``float``. Properties that the class does not have are ignored. Events
    whose properties do not fit fall back to the mapper of any
    `CustomEvent`, and `TransformResult.invalid` counts them.

    A field type that fits no JSON value raises TypeError when the mapper is added.

    >>> @custom_event("Added To Cart")
    ... @attrs.define
    ... class AddedToCart:
    ...     sku: str
    ...     price: float | None = None
    """
    check_name("@custom_event(...) needs a name", name)
    return _marked(Custom("users.behaviors.CustomEvent", "custom_properties", name))


def purchase(product_id: str | None = None) -> Callable[[type[_T]], type[_T]]:
    """
    Declare that an attrs class describes the properties of purchases.

    Args:
        product_id: Product of the purchases; ``None`` for all.
    """
    if product_id is not None:
        check_name("@purchase(...) needs a name", product_id)
    return _marked(
        Custom("users.behaviors.Purchase", "purchase_properties", product_id)
    )


def _marked(custom: Custom) -> Callable[[type[_T]], type[_T]]:
    def mark(cls: type[_T]) -> type[_T]:
        if not isinstance(cls, type) or not hasattr(cls, "__attrs_attrs__"):
            name = getattr(cls, "__name__", repr(cls))
            raise TypeError(
                f"{name} is not an attrs class: put @attrs.define below this decorator"
            )
        setattr(cls, _MARK, custom)
        return cls

    return mark


def custom_of(cls: object) -> Custom | None:
    """Return the events that *cls* describes; ``None`` if it is not marked."""
    custom: Custom | None = getattr(cls, _MARK, None)
    return custom


def takes_event(mapper: _F) -> _F:
    """
    Mark the mapper of a class so that it gets the event instead of an instance.

    It is called only if the properties fit the class. They are guarded like those of
    any custom event, even if the class declares them.
    """
    setattr(mapper, _TAKES_EVENT, True)
    return mapper


def is_event_taker(mapper: object) -> bool:
    """Return whether `takes_event` marks *mapper*."""
    return getattr(mapper, _TAKES_EVENT, False)
