"""RCS: rich messages to phone numbers."""

from braze_heap.events._declare import (
    JsonText,
    personal,
    sensitive,
    since,
    storage_only,
)
from braze_heap.events.groups import (
    HasAbort,
    HasAbortExtras,
    HasBotClickReason,
    HasDevice,
    HasDispatch,
    HasFailureCause,
    HasInboundPhoneMessage,
    HasMessageExtras,
    HasNamedCampaign,
    HasNamedCanvas,
    HasRecipientPhone,
    HasSend,
    HasShortLinkClick,
    HasStepMessageVariation,
    HasSubscriptionGroup,
    HasUser,
    HasUserPhone,
    HasWorkspace,
)


class RcsEvent(
    HasUser, HasWorkspace, HasNamedCampaign, HasNamedCanvas, HasStepMessageVariation
):
    """Something happened with an RCS message."""

    canvas_id: str | None = since(10)


class RcsMessageEvent(RcsEvent, HasDevice, HasDispatch, HasSend):
    """Braze sent an RCS message, or something became of one that it had sent."""

    from_rcs_sender: str | None = None
    """The business's RCS agent on whose behalf the message went out."""


class RcsAbort(
    RcsEvent,
    HasAbortExtras,
    HasSubscriptionGroup,
    HasAbort,
    event_type="users.messages.rcs.Abort",
    display_name="RCS Abort",
    release=3,
):
    """
    Braze decided not to send an RCS message.

    Happens before the send, so there is no ``rcs.Send`` for it. ``abort_type`` is the
    reason. A rejection afterwards is ``rcs.Rejection``.
    """


class RcsClick(
    RcsEvent,
    HasDevice,
    HasSend,
    HasSubscriptionGroup,
    HasShortLinkClick,
    HasBotClickReason,
    HasUserPhone,
    event_type="users.messages.rcs.Click",
    display_name="RCS Click",
    release=3,
):
    """
    A user tapped a link, suggestion or button in an RCS message.

    Not every tap opens a page: ``interaction_type`` distinguishes links from replies.
    Exclude taps with ``is_suspected_bot_click``; it is ``None`` until bot filtering is
    on. There is no ``dispatch_id``: join on ``send_id`` or the campaign.
    """

    user_phone_number: str | None = personal()
    """Number of the user who tapped, in E.164 form."""

    interaction_type: str | None = None
    """Action of the tap: ``Text URL`` (link in the text), ``Reply`` or ``OpenURL``."""

    element_label: str | None = None
    """Text on the suggestion or button that was tapped."""

    element_type: str | None = None
    """Widget that the user hit: ``Suggestion`` or ``Button``."""

    url: str | None = None
    """
    Full target of the clicked link. ``None`` for taps that open nothing, such as a
    suggested reply.
    """

    canvas_variation_name: str | None = since(4)


class RcsDelivery(
    RcsMessageEvent,
    HasSubscriptionGroup,
    HasRecipientPhone,
    event_type="users.messages.rcs.Delivery",
    display_name="RCS Delivery",
    release=3,
):
    """
    An RCS message reached the user's device.

    Delivered, not read: that is ``rcs.Read``. Joins with ``rcs.Send`` on
    ``dispatch_id`` and ``user_id``.
    """


class RcsInboundReceive(
    RcsEvent,
    HasSend,
    HasSubscriptionGroup,
    HasUserPhone,
    HasInboundPhoneMessage,
    event_type="users.messages.rcs.InboundReceive",
    display_name="RCS Inbound Received",
    release=3,
):
    """
    A user wrote to the business by RCS.

    The user's message, not one that was sent to them. ``action`` marks an opt-in or
    opt-out keyword. Several profiles can share the number, so deduplicate before
    counting messages.
    """

    to_rcs_sender: str | None = None
    """The business's RCS agent that received the message."""

    canvas_variation_name: str | None = since(6)


class RcsRead(
    RcsEvent,
    HasRecipientPhone,
    event_type="users.messages.rcs.Read",
    display_name="RCS Read",
    release=3,
):
    """
    A user read an RCS message.

    Depends on read receipts, so a lower bound. It has no ``dispatch_id``: match the
    campaign or Canvas step and ``user_id``.
    """


class RcsRejection(
    RcsMessageEvent,
    HasSubscriptionGroup,
    HasRecipientPhone,
    HasFailureCause,
    event_type="users.messages.rcs.Rejection",
    display_name="RCS Rejection",
    release=3,
):
    """
    An RCS message was rejected and not delivered.

    ``provider_error_code`` has the reason. When ``is_sms_fallback`` is set, Braze tried
    SMS instead, and the message may have arrived after all: see the ``sms`` events with
    the same flag.
    """

    is_sms_fallback: bool | None = None
    """
    ``True`` when Braze went on to try the same message by SMS. The SMS then has
    events of its own.
    """

    canvas_step_message_variation_id: str | None = storage_only(since=4)


class RcsSend(
    RcsMessageEvent,
    HasMessageExtras,
    HasSubscriptionGroup,
    HasRecipientPhone,
    event_type="users.messages.rcs.Send",
    display_name="RCS Send",
    release=3,
):
    """
    Braze handed an RCS message to the provider.

    Handed over, not delivered: ``rcs.Delivery`` or ``rcs.Rejection`` follows, joined on
    ``dispatch_id`` and ``user_id``. Automatic keyword replies are included,
    recognisable by ``category``.
    """

    category: str | None = None
    """
    Keyword group that this message answers: ``opt-in``, ``opt-out`` or ``help``.
    ``None`` unless it is an automatic reply.
    """

    message_extras: JsonText | None = sensitive()
