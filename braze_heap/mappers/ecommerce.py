"""
Braze's recommended e-commerce events as typed custom events.

They are off by default. Pass ``ecommerce=True`` to a transformer, or add
`ECOMMERCE_MAPPERS` to its mappers. Each class has the properties that Braze documents
for one event; other properties of an event are sent, too. Few of them are required,
because older data has fewer and a policy may redact some: ``currency``, ``product_id``
of a view, and ``total_value`` except for carts. A mapper of a team for one of the
classes takes precedence.

Amounts are in units of ``currency`` (not in cents), as the shop sent them, and keep
their sign: the ``total_value`` of a refund is positive.
"""

from typing import Any, Final

import attrs

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


@attrs.frozen(kw_only=True)
class ProductLine:
    """
    One line of a cart, checkout or order.

    Attributes:
        product_id: Product, such as an SKU.
        product_name: Display name of the product.
        variant_id: Variant of the product.
        quantity: Number of units. In a cart with the action ``add`` or ``remove``, the
            number of units added or removed.
        price: Price of one unit.
        image_url: Picture of the product.
        product_url: Page of the product.
        metadata: Whatever the shop adds, such as ``color``.
    """

    product_id: str | None = None
    product_name: str | None = None
    variant_id: str | None = None
    quantity: int | None = None
    price: float | None = None
    image_url: str | None = None
    product_url: str | None = None
    metadata: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class Discount:
    """
    A discount of an order.

    Attributes:
        code: Code that the buyer entered. It may be personal.
        amount: Reduction of the price.
        type: Kind of the discount, such as ``fixed``.
    """

    code: str | None = None
    amount: float | None = None
    type: str | None = None


@attrs.frozen(kw_only=True)
class _EcommerceEvent:
    currency: str
    source: str | None = None
    metadata: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class _WithCosts(_EcommerceEvent):
    products: list[ProductLine] | None = None
    subtotal_value: float | None = None
    tax: float | None = None
    shipping: float | None = None


@attrs.frozen(kw_only=True)
class _Order(_WithCosts):
    total_value: float
    order_id: str | None = None
    total_discounts: float | None = None
    discounts: list[Discount] | None = None


@custom_event("ecommerce.product_viewed")
@attrs.frozen(kw_only=True)
class ProductViewed(_EcommerceEvent):
    """
    A user viewed the page of a product.

    Attributes:
        product_id: Product, such as an SKU.
        product_name: Display name of the product.
        variant_id: Variant of the product.
        price: Price of one unit when it was viewed.
        currency: ISO 4217 code.
        source: Origin of the event, such as ``web``.
        image_url: Picture of the product.
        product_url: Page of the product.
        type: Wanted alerts, such as ``price_drop``.
        metadata: Whatever the shop adds.
    """

    product_id: str
    product_name: str | None = None
    variant_id: str | None = None
    price: float | None = None
    image_url: str | None = None
    product_url: str | None = None
    type: list[str] | dict[str, Any] | None = None


@custom_event("ecommerce.cart_updated")
@attrs.frozen(kw_only=True)
class CartUpdated(_WithCosts):
    """
    The content of a cart changed.

    Attributes:
        cart_id: Cart.
        action: ``add``, ``remove`` or ``replace``, the default. It is ``cart_action``
            in Heap.
        total_value: Value of the cart; missing for ``add`` and ``remove``.
        currency: ISO 4217 code.
        products: The whole cart; for ``add`` and ``remove``, the changed lines.
        subtotal_value: Value after discounts, before tax and shipping.
        tax: Tax.
        shipping: Cost of shipping.
        source: Origin of the event, such as ``web``.
        metadata: Whatever the shop adds.
    """

    cart_id: str | None = None
    action: str | None = None
    total_value: float | None = None


@custom_event("ecommerce.checkout_started")
@attrs.frozen(kw_only=True)
class CheckoutStarted(_WithCosts):
    """
    A user began to check out.

    Attributes:
        checkout_id: Checkout.
        cart_id: Cart.
        total_value: Value of the checkout.
        currency: ISO 4217 code.
        products: The lines.
        subtotal_value: Value after discounts, before tax and shipping.
        tax: Tax.
        shipping: Cost of shipping.
        source: Origin of the event, such as ``web``.
        metadata: Whatever the shop adds, such as ``checkout_url``.
    """

    total_value: float
    checkout_id: str | None = None
    cart_id: str | None = None


@custom_event("ecommerce.order_placed")
@attrs.frozen(kw_only=True)
class OrderPlaced(_Order):
    """
    A user completed an order.

    Attributes:
        order_id: Order.
        cart_id: Cart.
        total_value: Value of the order.
        currency: ISO 4217 code.
        products: The lines. Braze may report them as purchases, too.
        subtotal_value: Value after discounts, before tax and shipping.
        tax: Tax.
        shipping: Cost of shipping.
        total_discounts: Sum of the discounts.
        discounts: The discounts.
        source: Origin of the event, such as ``web``.
        metadata: Whatever the shop adds, such as ``order_status_url``.
    """

    cart_id: str | None = None


@custom_event("ecommerce.order_cancelled")
@attrs.frozen(kw_only=True)
class OrderCancelled(_Order):
    """
    An order was cancelled.

    Attributes:
        order_id: Order.
        total_value: Value of the cancelled order, positive. Braze does not subtract it
            from revenue.
        currency: ISO 4217 code.
        cancel_reason: Reason, as free text or a code.
        products: The lines.
        subtotal_value: Value after discounts, before tax and shipping.
        tax: Tax.
        shipping: Cost of shipping.
        total_discounts: Sum of the discounts.
        discounts: The discounts.
        source: Origin of the event, such as ``web``.
        metadata: Whatever the shop adds, such as ``order_status_url``.
    """

    cancel_reason: str | None = None


@custom_event("ecommerce.order_refunded")
@attrs.frozen(kw_only=True)
class OrderRefunded(_EcommerceEvent):
    """
    An order, or a part of it, was paid back.

    Attributes:
        order_id: The original order.
        total_value: Amount paid back, positive: subtract it from revenue. The price of
            a refunded `Purchase` is negative.
        currency: ISO 4217 code.
        products: Lines paid back.
        total_discounts: Sum of the discounts of the original order.
        discounts: Discounts of the original order.
        source: Origin of the event, such as ``web``.
        metadata: Whatever the shop adds, such as ``order_status_url``.
    """

    total_value: float
    order_id: str | None = None
    products: list[ProductLine] | None = None
    total_discounts: float | None = None
    discounts: list[Discount] | None = None


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
