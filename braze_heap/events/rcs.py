"""RCS: rich messages to phone numbers."""

from braze_heap.events._declare import JsonText, sensitive, since, storage_only
from braze_heap.events.groups import *


class RcsEvent(HasUser, HasWorkspace, HasCampaignOrCanvas, HasStepMessageVariation):
    """Something happened with an RCS message."""

    canvas_id: str | None = since(10)


class RcsMessageEvent(
    RcsEvent, HasDevice, HasDispatch, HasSend, HasSubscriptionGroup, HasRecipientPhone
):
    """Braze sent an RCS message, or something became of one that it had sent."""

    from_rcs_sender: str | None = None
    """Your RCS agent that sent the message."""


class RcsAbort(RcsEvent, HasAbortExtras, HasSubscriptionGroup, HasAbort):
    """
    Braze decided not to send an RCS message.

    There is no ``rcs.Send`` for it. ``abort_type`` is the reason. A rejection after the
    send is ``rcs.Rejection``.
    """


class RcsClick(
    RcsEvent,
    HasDevice,
    HasSend,
    HasSubscriptionGroup,
    HasShortLinkClick,
    HasBotClickReason,
    HasUserPhone,
):
    """
    A user tapped a link, suggestion or button in an RCS message.

    A tap that opens nothing, such as a suggested reply (``interaction_type``), has no
    ``url``. Exclude taps with ``is_suspected_bot_click``; it is ``None`` unless bot
    filtering is on. There is no ``dispatch_id``: join on ``send_id`` or the campaign.
    """

    interaction_type: str | None = None
    """Action of the tap: ``Text URL`` (link in the text), ``Reply`` or ``OpenURL``."""

    element_label: str | None = None
    """Text on the suggestion or button."""

    element_type: str | None = None
    """Element that was tapped: ``Suggestion`` or ``Button``."""

    canvas_variation_name: str | None = since(4)


class RcsDelivery(RcsMessageEvent):
    """
    An RCS message reached the user's device.

    Not read yet: that is ``rcs.Read``. Joins ``rcs.Send`` on ``dispatch_id`` and
    ``user_id``.
    """


class RcsInboundReceive(
    RcsEvent, HasSend, HasSubscriptionGroup, HasUserPhone, HasInboundPhoneMessage
):
    """
    A user wrote to the business by RCS.

    ``action`` marks a keyword that opts in or out. Several profiles can share the
    number, so deduplicate before you count messages.
    """

    to_rcs_sender: str | None = None
    """Your RCS agent that received the message."""

    canvas_variation_name: str | None = since(6)


class RcsRead(RcsEvent, HasRecipientPhone):
    """
    A user read an RCS message.

    A lower bound, because it needs read receipts. It has no ``dispatch_id``: match the
    campaign or Canvas step and ``user_id``.
    """


class RcsRejection(RcsMessageEvent, HasFailureCause):
    """
    An RCS message was rejected and not delivered.

    ``provider_error_code`` has the reason. If ``is_sms_fallback`` is set, Braze tried
    SMS instead: see the ``sms`` events with the same flag.
    """

    is_sms_fallback: bool | None = None
    """Whether Braze then tried SMS. The SMS has events of its own."""

    canvas_step_message_variation_id: str | None = storage_only(since=4)


class RcsSend(RcsMessageEvent, HasMessageExtras):
    """
    Braze handed an RCS message to the provider.

    ``rcs.Delivery`` or ``rcs.Rejection`` follows, joined on ``dispatch_id`` and
    ``user_id``. Automatic replies to keywords are included; they have a ``category``.
    """

    category: str | None = None
    """``opt-in``, ``opt-out`` or ``help`` if the message answers such a keyword."""

    message_extras: JsonText | None = sensitive()
