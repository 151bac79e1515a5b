"""WhatsApp: messages of the WhatsApp Business Platform."""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events._declare import JsonText, http_only, personal, sensitive, since
from braze_heap.events.groups import *


class HasBsuid(CurrentsEvent):
    """Events with WhatsApp's business-scoped id of the user."""

    bsuid: str | None = sensitive(since=8)
    """WhatsApp's id of the user, different for each business. Identifies a person."""


class HasWhatsAppMessage(HasBsuid):
    """Events of one message on WhatsApp."""

    flow_id: str | None = since(3)
    """The WhatsApp Flow of the message, or of the form in ``flow_response_json``."""

    message_id: str | None = sensitive(since=3)
    """
    Meta's id of the message. Joins send, delivery, read and failure, and the
    ``in_reply_to`` of an answer. Not marked by Braze, but it contains the phone number
    in Base64.
    """


class WhatsAppEvent(
    HasUserOnDevice, HasWorkspace, HasCampaignOrCanvas, HasStepMessageVariation
):
    """Something happened with a WhatsApp message."""


class WhatsAppMessageEvent(
    WhatsAppEvent,
    HasDispatch,
    HasSend,
    HasSenderPhone,
    HasSubscriptionGroup,
    HasRecipientPhone,
    HasWhatsAppMessage,
):
    """Braze sent a WhatsApp message, or something became of one that it had sent."""

    template_name: str | None = personal(since=3)
    """The approved WhatsApp template. ``None`` for a free-form reply."""


class WhatsAppAbort(
    WhatsAppEvent,
    HasDispatch,
    HasAbortExtras,
    HasSubscriptionGroup,
    HasAbort,
    HasRecipientPhone,
    HasBsuid,
):
    """
    Braze decided not to send a WhatsApp message.

    There is no ``whatsapp.Send`` for it. ``abort_type`` is the reason. A failure after
    the send is ``whatsapp.Failure``.
    """


class WhatsAppClick(WhatsAppEvent, HasShortLinkClick, HasUserPhone):
    """
    A user followed a tracked link in a WhatsApp message.

    Only links with click tracking appear. Unlike for SMS, there is no verdict on bots.
    It has neither ``dispatch_id`` nor ``message_id``: match the campaign or Canvas step
    and ``user_id``.
    """


class WhatsAppDelivery(WhatsAppMessageEvent):
    """
    A WhatsApp message reached the user's device.

    Not read yet: that is ``whatsapp.Read``. Joins ``whatsapp.Send`` on ``message_id``.
    """


class WhatsAppFailure(WhatsAppMessageEvent):
    """
    A WhatsApp message could not be delivered.

    Messages that Braze itself held back are ``whatsapp.Abort``. Joins ``whatsapp.Send``
    on ``message_id``.
    """

    provider_error_code: str | None = None
    """WhatsApp's code of the failure, as text. Group failures by it."""

    provider_error_title: str | None = None
    """WhatsApp's wording of the failure."""


class WhatsAppInboundReceive(
    WhatsAppEvent,
    HasSubscriptionGroup,
    HasUserPhone,
    HasInboundPhoneMessage,
    HasWhatsAppMessage,
):
    """
    A user wrote to the business on WhatsApp.

    Text, media, a quick reply, a Flow response or a question about a product, depending
    on the fields. ``in_reply_to`` is the ``message_id`` that was answered. Several
    profiles can share the number: count each ``message_id`` once.
    """

    inbound_phone_number: str | None = sensitive()
    """Business number or short code that received the message."""

    quick_reply_text: str | None = sensitive()
    """The user's answer: text of a quick-reply button. ``None`` for anything else."""

    catalog_id: str | None = since(3)
    """Catalog of the product that the user asks about, ``product_id``."""

    product_id: str | None = since(3)
    """SKU, in ``catalog_id``, of the product that the user asks about."""

    flow_response_json: JsonText | None = personal(since=3)
    """Completed form of a Flow response: JSON text of an object, field to answer."""

    in_reply_to: str | None = sensitive(since=3)
    """``message_id`` of the ``whatsapp.Send`` answered. Contains the phone number."""


class WhatsAppRead(WhatsAppMessageEvent):
    """
    A user read a WhatsApp message.

    A lower bound, because users can switch read receipts off. Joins ``whatsapp.Send``
    on ``message_id``.
    """


class WhatsAppRetry(
    WhatsAppEvent,
    HasDispatch,
    HasSubscriptionGroup,
    HasRetry,
    HasRecipientPhone,
    HasBsuid,
):
    """
    Braze postponed a WhatsApp message and will try again.

    ``retry_type`` is the reason. Neither a send nor a failure yet.
    """


class WhatsAppSend(WhatsAppMessageEvent, HasMessageExtras):
    """
    Braze handed a WhatsApp message to WhatsApp.

    ``whatsapp.Delivery``, ``whatsapp.Read`` or ``whatsapp.Failure`` follows, joined on
    ``message_id``. Messages from users are ``whatsapp.InboundReceive``.
    """

    canvas_variation_name: str | None = http_only()
