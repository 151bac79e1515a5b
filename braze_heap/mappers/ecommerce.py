"""
Braze's recommended e-commerce events as typed custom events.

They are off by default. Pass ``ecommerce=True`` to a transformer, or add
`ECOMMERCE_MAPPERS` to its mappers. Each class has the properties that Braze documents
for one event; other properties of an event are sent, too. A mapper of a team for one of
the classes takes precedence. Few properties are required, because older data has fewer
and a policy may redact some. These are ``currency``, ``product_id`` of a view, and
``total_value`` except for carts.

Amounts are in units of ``currency`` (not in cents), as the shop sent them, and keep
their sign: the ``total_value`` of a refund is positive.
"""

from typing import Any, Final

import attrs

from braze_heap._options import doc, documented, option
from braze_heap.events import CurrentsEvent
from braze_heap.mappers._custom import custom_event, takes_event
from braze_heap.mappers._registry import MapperRegistry, Registration
from braze_heap.mappers._standard import standard, unused_name
from braze_heap.payloads import StandardEvent

__all__ = [
    "ECOMMERCE_MAPPERS",
    "CartUpdated",
    "CheckoutStarted",
    "Discount",
    "OrderCancelled",
    "OrderPlaced",
    "OrderRefunded",
    "ProductLine",
    "ProductViewed",
]


@documented
@attrs.frozen(kw_only=True)
class ProductLine:
    """One line of a cart, checkout or order."""

    product_id: str | None = option(None, "Product, such as an SKU.")
    product_name: str | None = option(None, "Display name of the product.")
    variant_id: str | None = option(None, "Variant of the product.")
    quantity: int | None = option(
        None,
        "Number of units. In a cart with the action ``add`` or ``remove``, the number "
        "of units added or removed.",
    )
    price: float | None = option(None, "Price of one unit.")
    image_url: str | None = option(None, "Picture of the product.")
    product_url: str | None = option(None, "Page of the product.")
    metadata: dict[str, Any] | None = option(
        None, "Additional values from the shop, such as ``color``."
    )


@documented
@attrs.frozen(kw_only=True)
class Discount:
    """A discount of an order."""

    code: str | None = option(
        None, "Code that the buyer entered. It may be personal data."
    )
    amount: float | None = option(None, "Reduction of the price.")
    type: str | None = option(None, "Kind of the discount, such as ``fixed``.")


@attrs.frozen(kw_only=True)
class _EcommerceEvent:
    currency: str = attrs.field(metadata=doc("ISO 4217 code."))
    source: str | None = option(None, "Origin of the event, such as ``web``.")
    metadata: dict[str, Any] | None = option(
        None,
        "Additional values from the shop, such as ``checkout_url`` or "
        "``order_status_url``.",
    )


@attrs.frozen(kw_only=True)
class _WithCosts(_EcommerceEvent):
    products: list[ProductLine] | None = option(None, "The lines.")
    subtotal_value: float | None = option(
        None, "Value after discounts, before tax and shipping."
    )
    tax: float | None = option(None, "Tax.")
    shipping: float | None = option(None, "Cost of shipping.")


@attrs.frozen(kw_only=True)
class _Order(_WithCosts):
    total_value: float = attrs.field(metadata=doc("Value of the order."))
    order_id: str | None = option(None, "Order.")
    total_discounts: float | None = option(None, "Sum of the discounts.")
    discounts: list[Discount] | None = option(None, "The discounts.")


@custom_event("ecommerce.product_viewed")
@documented
@attrs.frozen(kw_only=True)
class ProductViewed(_EcommerceEvent):
    """A user viewed the page of a product."""

    product_id: str = attrs.field(metadata=doc("Product, such as an SKU."))
    product_name: str | None = option(None, "Display name of the product.")
    variant_id: str | None = option(None, "Variant of the product.")
    price: float | None = option(None, "Price of one unit when it was viewed.")
    image_url: str | None = option(None, "Picture of the product.")
    product_url: str | None = option(None, "Page of the product.")
    type: list[str] | dict[str, Any] | None = option(
        None, "Alerts that the user wants, such as ``price_drop``."
    )


@custom_event("ecommerce.cart_updated")
@documented
@attrs.frozen(kw_only=True)
class CartUpdated(_WithCosts):
    """The content of a cart changed."""

    products: list[ProductLine] | None = option(
        None, "The whole cart; for ``add`` and ``remove``, the changed lines."
    )
    cart_id: str | None = option(None, "Cart.")
    action: str | None = option(
        None,
        "``add``, ``remove`` or ``replace``, the default. It is ``cart_action`` in "
        "Heap.",
    )
    total_value: float | None = option(
        None, "Value of the cart; missing for ``add`` and ``remove``."
    )


@custom_event("ecommerce.checkout_started")
@documented
@attrs.frozen(kw_only=True)
class CheckoutStarted(_WithCosts):
    """A user began to check out."""

    total_value: float = attrs.field(metadata=doc("Value of the checkout."))
    checkout_id: str | None = option(None, "Checkout.")
    cart_id: str | None = option(None, "Cart.")


@custom_event("ecommerce.order_placed")
@documented
@attrs.frozen(kw_only=True)
class OrderPlaced(_Order):
    """A user completed an order."""

    products: list[ProductLine] | None = option(
        None, "The lines. Braze may report them as purchases, too."
    )
    cart_id: str | None = option(None, "Cart.")


@custom_event("ecommerce.order_cancelled")
@documented
@attrs.frozen(kw_only=True)
class OrderCancelled(_Order):
    """An order was cancelled."""

    total_value: float = attrs.field(
        metadata=doc(
            "Value of the cancelled order, positive. Braze does not subtract it from "
            "revenue."
        )
    )
    cancel_reason: str | None = option(None, "Reason, as free text or a code.")


@custom_event("ecommerce.order_refunded")
@documented
@attrs.frozen(kw_only=True)
class OrderRefunded(_EcommerceEvent):
    """An order, or a part of it, was paid back."""

    total_value: float = attrs.field(
        metadata=doc(
            "Amount paid back, positive: subtract it from revenue. The price of a "
            "refunded `Purchase` is negative."
        )
    )
    order_id: str | None = option(None, "The original order.")
    products: list[ProductLine] | None = option(None, "Lines that were paid back.")
    total_discounts: float | None = option(
        None, "Sum of the discounts of the original order."
    )
    discounts: list[Discount] | None = option(None, "Discounts of the original order.")


@takes_event
def send_ecommerce(event: CurrentsEvent) -> StandardEvent:
    """
    Return *event* with its custom properties under their own names.

    The property ``action`` of a cart is ``cart_action``, because the derived property
    ``action`` means something else. A property with the name of a field of the event
    gets a number: ``platform_2``.
    """
    payload = standard(event)
    properties = dict(payload.properties)
    own_name = properties.get("name")
    renamed = payload.renamed
    for name, value in properties.pop("custom_properties").items():
        is_action = name == "action" and own_name == "ecommerce.cart_updated"
        wanted = "cart_action" if is_action else name
        unused = unused_name(wanted, properties)
        properties[unused] = value
        renamed += unused != wanted
    return attrs.evolve(payload, properties=properties, renamed=renamed)


ECOMMERCE_MAPPERS: Final = MapperRegistry(
    {
        cls: Registration.of(cls, send_ecommerce)
        for cls in (
            *(ProductViewed, CartUpdated, CheckoutStarted),
            *(OrderPlaced, OrderCancelled, OrderRefunded),
        )
    }
).as_fallback()
"""Mappers for the recommended e-commerce events. Mappers of a team take precedence."""
