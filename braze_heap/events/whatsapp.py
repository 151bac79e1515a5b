"""WhatsApp: messages of the WhatsApp Business Platform."""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events._declare import JsonText, http_only, personal, sensitive, since
from braze_heap.events.groups import (
    HasAbort,
    HasAbortExtras,
    HasDevice,
    HasDispatch,
    HasInboundPhoneMessage,
    HasMessageExtras,
    HasNamedCampaign,
    HasNamedCanvas,
    HasRecipientPhone,
    HasRetry,
    HasSend,
    HasSenderPhone,
    HasShortLinkClick,
    HasStepMessageVariation,
    HasSubscriptionGroup,
    HasTimezone,
    HasUser,
    HasUserPhone,
    HasWorkspace,
)


class HasBsuid(CurrentsEvent):
    """Anything with WhatsApp's business-scoped id of the user."""

    bsuid: str | None = sensitive(since=8)
    """
    WhatsApp's business-scoped id of the recipient: the same person has another one
    at another business. Not marked as personal data by Braze, yet it identifies a
    person.
    """


class HasWhatsAppMessage(HasBsuid):
    """Anything about one message on WhatsApp."""

    flow_id: str | None = since(3)
    """The WhatsApp Flow attached to the message. ``None`` for messages without one."""

    message_id: str | None = sensitive(since=3)
    """
    Meta's id of the message. Joins send, delivery, read and failure, and the
    ``in_reply_to`` of an answer. Not marked as personal data by Braze, yet it contains
    the phone number in Base64.
    """


class WhatsAppEvent(
    HasUser,
    HasTimezone,
    HasDevice,
    HasWorkspace,
    HasNamedCampaign,
    HasNamedCanvas,
    HasStepMessageVariation,
):
    """Something happened with a WhatsApp message."""


class WhatsAppMessageEvent(WhatsAppEvent, HasDispatch, HasSend, HasSenderPhone):
    """Braze sent a WhatsApp message, or something became of one that it had sent."""

    template_name: str | None = personal(since=3)
    """
    The approved WhatsApp template that the message was made from. ``None`` for a
    free-form reply.
    """


class WhatsAppAbort(
    WhatsAppEvent,
    HasDispatch,
    HasAbortExtras,
    HasSubscriptionGroup,
    HasAbort,
    HasRecipientPhone,
    HasBsuid,
    event_type="users.messages.whatsapp.Abort",
    display_name="WhatsApp Abort",
):
    """
    Braze decided not to send a WhatsApp message.

    Happens before the send, so there is no ``whatsapp.Send`` for it. ``abort_type`` is
    the reason. A failure afterwards is ``whatsapp.Failure``.
    """


class WhatsAppClick(
    WhatsAppEvent,
    HasShortLinkClick,
    HasUserPhone,
    event_type="users.messages.whatsapp.Click",
    display_name="WhatsApp Tracked Link Click",
):
    """
    A user followed a tracked link in a WhatsApp message.

    Only links with click tracking appear. Unlike for SMS, there is no verdict on bots.
    It has neither ``dispatch_id`` nor ``message_id``: match the campaign or Canvas step
    and ``user_id``.
    """

    user_phone_number: str | None = personal()
    """Number of the user who clicked, in E.164 form."""


class WhatsAppDelivery(
    WhatsAppMessageEvent,
    HasSubscriptionGroup,
    HasRecipientPhone,
    HasWhatsAppMessage,
    event_type="users.messages.whatsapp.Delivery",
    display_name="WhatsApp Delivery",
):
    """
    A WhatsApp message reached the user's device.

    Delivered, not read: that is ``whatsapp.Read``. Joins with ``whatsapp.Send`` on
    ``message_id``.
    """


class WhatsAppFailure(
    WhatsAppMessageEvent,
    HasSubscriptionGroup,
    HasRecipientPhone,
    HasWhatsAppMessage,
    event_type="users.messages.whatsapp.Failure",
    display_name="WhatsApp Failure",
):
    """
    A WhatsApp message could not be delivered.

    WhatsApp's reason is in ``provider_error_code`` and ``provider_error_title``.
    Messages that Braze itself held back are ``whatsapp.Abort``. Joins with
    ``whatsapp.Send`` on ``message_id``.
    """

    provider_error_code: str | None = None
    """
    The provider's code for the failure, kept as text. The stable key for grouping
    failures.
    """

    provider_error_title: str | None = None
    """WhatsApp's wording of the failure. Group by ``provider_error_code``."""


class WhatsAppInboundReceive(
    WhatsAppEvent,
    HasSubscriptionGroup,
    HasUserPhone,
    HasInboundPhoneMessage,
    HasWhatsAppMessage,
    event_type="users.messages.whatsapp.InboundReceive",
    display_name="WhatsApp Inbound Received",
):
    """
    A user wrote to the business on WhatsApp.

    Text, media, a quick reply, a Flow response or a question about a product, depending
    on the fields filled. ``in_reply_to`` leads to the ``message_id`` that was answered.
    Several profiles can share the number: count each ``message_id`` once.
    """

    inbound_phone_number: str | None = sensitive()
    """Business number or short code that received the message."""

    quick_reply_text: str | None = sensitive()
    """
    Caption of the button, when the user answered by quick reply. ``None`` for
    anything typed or sent otherwise. Not marked as personal data by Braze, yet it is
    what the user answered.
    """

    catalog_id: str | None = since(3)
    """
    Catalog with the product a WhatsApp user asks about. Read together with
    ``product_id``.
    """

    product_id: str | None = since(3)
    """
    SKU of the catalog item that the user asks about; ``catalog_id`` names the
    catalogue. ``None`` unless the message refers to a product.
    """

    flow_id: str | None = since(3)
    """
    Tells which WhatsApp Flow the form in ``flow_response_json`` belongs to. ``None``
    for any other message.
    """

    flow_response_json: JsonText | None = personal(since=3)
    """
    The completed form of the Flow: JSON text of an object, field name to answer.
    ``None`` unless the message is a Flow response.
    """

    message_id: str | None = sensitive(since=3)
    """
    Meta's id of the message that the user sent. Not that of the message it answers,
    which is ``in_reply_to``. Not marked as personal data by Braze, yet it contains the
    phone number in Base64.
    """

    in_reply_to: str | None = sensitive(since=3)
    """
    The message that the user answered: equals ``message_id`` of the
    ``whatsapp.Send``. ``None`` for a message that quotes nothing. Contains the phone
    number like ``message_id``.
    """

    bsuid: str | None = sensitive(since=8)
    """
    Sender, under WhatsApp's business-scoped id: other businesses see another one. Not
    marked as personal data by Braze, yet it identifies a person.
    """


class WhatsAppRead(
    WhatsAppMessageEvent,
    HasSubscriptionGroup,
    HasRecipientPhone,
    HasWhatsAppMessage,
    event_type="users.messages.whatsapp.Read",
    display_name="WhatsApp Read",
):
    """
    A user read a WhatsApp message.

    Users can switch read receipts off, so a lower bound. Joins with ``whatsapp.Send``
    on ``message_id``.
    """


class WhatsAppRetry(
    WhatsAppEvent,
    HasDispatch,
    HasSubscriptionGroup,
    HasRetry,
    HasRecipientPhone,
    HasBsuid,
    event_type="users.messages.whatsapp.Retry",
    display_name="WhatsApp Retry",
    release=5,
):
    """
    Braze put a WhatsApp message aside to try it again.

    ``retry_type`` is the reason. Nothing has been decided yet, so count it neither as a
    send nor as a failure.
    """


class WhatsAppSend(
    WhatsAppMessageEvent,
    HasMessageExtras,
    HasSubscriptionGroup,
    HasRecipientPhone,
    HasWhatsAppMessage,
    event_type="users.messages.whatsapp.Send",
    display_name="WhatsApp Send",
):
    """
    Braze handed a WhatsApp message to WhatsApp.

    Handed over, not delivered: ``whatsapp.Delivery``, ``whatsapp.Read`` or
    ``whatsapp.Failure`` follows, joined on ``message_id``. Messages written by users
    are ``whatsapp.InboundReceive``.
    """

    canvas_variation_name: str | None = http_only()
