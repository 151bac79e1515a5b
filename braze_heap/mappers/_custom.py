"""
A team's own custom events and purchases, typed: an attrs class for their properties.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from braze_heap._wiring import kind_of

_MARK = "__braze_heap_custom__"
_T = TypeVar("_T")


@attrs.frozen
class Custom:
    """
    Whose properties a class describes.

    Attributes:
        event_type: ``users.behaviors.CustomEvent`` or ``users.behaviors.Purchase``.
        field: The field of the event that holds the properties.
        discriminator: The field of the event that tells which class describes it.
        name: What that field holds; ``None`` for all.
    """

    event_type: str
    field: str
    discriminator: str
    name: str | None


def custom_event(name: str) -> Callable[[type[_T]], type[_T]]:
    """
    Declare that an attrs class describes the properties of the custom event *name*.

    A mapper for the class gets the properties as an instance of it, checked exactly:
    text is no number. Properties that the class does not know are ignored. Properties
    that do not fit are mapped as those of any `CustomEvent`, and counted in
    `TransformResult.misfits`.

    >>> @custom_event("Added To Cart")
    ... @attrs.define
    ... class AddedToCart:
    ...     sku: str
    ...     price: float | None = None
    """
    _check_name("custom_event", name)
    return _marked(
        Custom("users.behaviors.CustomEvent", "custom_properties", "name", name)
    )


def purchase(product_id: str | None = None) -> Callable[[type[_T]], type[_T]]:
    """
    Declare that an attrs class describes the properties of purchases.

    Args:
        product_id: The product that it is for; ``None`` for all.
    """
    if product_id is not None:
        _check_name("purchase", product_id)
    return _marked(
        Custom(
            "users.behaviors.Purchase", "purchase_properties", "product_id", product_id
        )
    )


def _check_name(decorator: str, name: object) -> None:
    if not isinstance(name, str):
        hint = ""
        if isinstance(name, type):
            hint = f": write @{decorator}('...') above {name.__name__}"
        raise TypeError(f"{decorator} needs a name, not {kind_of(name)}{hint}")
    if not name or name.isspace():
        raise ValueError(f"{decorator} needs a name that is not empty")


def _marked(custom: Custom) -> Callable[[type[_T]], type[_T]]:
    def mark(cls: type[_T]) -> type[_T]:
        if not isinstance(cls, type) or not hasattr(cls, "__attrs_attrs__"):
            name = getattr(cls, "__name__", repr(cls))
            raise TypeError(
                f"{name} is not an attrs class: put @attrs.define below the mark"
            )
        setattr(cls, _MARK, custom)
        return cls

    return mark


def custom_of(cls: object) -> Custom | None:
    """
    Return whose properties *cls* describes; ``None`` if it is no such class.
    """
    custom: Custom | None = getattr(cls, _MARK, None)
    return custom


def structured(properties: Any, cls: type[_T]) -> _T:
    """
    Return *properties* as an instance of *cls*; nothing is converted.

    Raises:
        Exception: They do not fit; cattrs says how.
    """
    given = {} if properties is None else properties
    typed: _T = _converter().structure(given, cls)
    return typed


@functools.cache
def _converter() -> Any:
    import cattrs

    converter = cattrs.Converter()
    for exact in (str, int, bool):
        converter.register_structure_hook(exact, exactly)
    converter.register_structure_hook(float, _number)
    return converter


def exactly(value: Any, cls: type) -> Any:
    """
    Return *value*; a hook for cattrs, which would convert it otherwise.

    Raises:
        TypeError: It is no instance of *cls* itself.
    """
    if type(value) is not cls:
        raise TypeError(f"{type(value).__name__} is no {cls.__name__}")
    return value


def _number(value: Any, _: type) -> Any:
    if type(value) not in (int, float):
        raise TypeError(f"{type(value).__name__} is no number")
    return value
