"""SMS and MMS."""

from braze_heap.events._declare import personal, sensitive, since
from braze_heap.events.groups import (
    HasAbort,
    HasAbortExtras,
    HasBotClickReason,
    HasDeviceOverHttp,
    HasDispatch,
    HasFailureCause,
    HasInboundPhoneMessage,
    HasMessageArchive,
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


class SmsEvent(HasUser, HasWorkspace, HasNamedCampaign, HasNamedCanvas):
    """Something happened with an SMS or MMS."""


class SmsMessageEvent(SmsEvent, HasTimezone, HasDeviceOverHttp, HasDispatch, HasSend):
    """Braze sent an SMS, or something became of one that it had sent."""


class SmsOutcomeEvent(SmsMessageEvent, HasSubscriptionGroup, HasRecipientPhone):
    """An SMS reached the user's phone, or did not."""

    is_sms_fallback: bool | None = since(3)
    """
    ``True`` when this SMS replaces an RCS message that was rejected. ``None`` or
    ``False`` for an ordinary SMS.
    """


class SmsAbort(
    SmsEvent,
    HasStepMessageVariation,
    HasAbortExtras,
    HasSubscriptionGroup,
    HasAbort,
    event_type="users.messages.sms.Abort",
    display_name="SMS Abort",
):
    """
    Braze decided not to send an SMS.

    Happens before the send, so there is no ``sms.Send`` for it. ``abort_type`` is the
    reason. Failures after the send are ``sms.DeliveryFailure`` and ``sms.Rejection``.
    """


class SmsCarrierSend(
    SmsMessageEvent,
    HasSubscriptionGroup,
    HasRecipientPhone,
    HasSenderPhone,
    event_type="users.messages.sms.CarrierSend",
    display_name="SMS Carrier Send",
):
    """
    An SMS was passed on to the mobile carrier.

    The stage between ``sms.Send`` (to the provider) and ``sms.Delivery`` (to the
    phone). Do not add it to the sends: it is the same message. Joins on ``dispatch_id``
    and ``user_id``.
    """


class SmsDelivery(
    SmsOutcomeEvent,
    HasSenderPhone,
    event_type="users.messages.sms.Delivery",
    display_name="SMS Delivery",
):
    """
    An SMS reached the user's phone, according to the carrier.

    As good as the carrier's receipts. ``is_sms_fallback`` marks messages that began as
    RCS. Joins with ``sms.Send`` on ``dispatch_id`` and ``user_id``.
    """


class SmsDeliveryFailure(
    SmsOutcomeEvent,
    HasFailureCause,
    event_type="users.messages.sms.DeliveryFailure",
    display_name="SMS Delivery Failure",
):
    """
    An SMS could not be delivered.

    ``provider_error_code`` has the reason. A rejection by the carrier itself is
    ``sms.Rejection``; add both for the total of failed messages. Joins with
    ``sms.Send`` on ``dispatch_id`` and ``user_id``.
    """


class SmsInboundReceive(
    SmsEvent,
    HasSubscriptionGroup,
    HasUserPhone,
    HasInboundPhoneMessage,
    event_type="users.messages.sms.InboundReceive",
    display_name="SMS Inbound Received",
):
    """
    A user texted the business by SMS.

    Attributed to every profile with that phone number, so one text can give several
    events: deduplicate on number, time and ``message_body`` before counting. ``action``
    marks opt-in and opt-out keywords; the resulting state is
    ``subscriptiongroup.StateChange``.
    """

    inbound_phone_number: str | None = sensitive()
    """Business number or short code that received the message."""


class SmsRejection(
    SmsOutcomeEvent,
    HasFailureCause,
    HasSenderPhone,
    event_type="users.messages.sms.Rejection",
    display_name="SMS Rejection",
):
    """
    The carrier rejected an SMS.

    ``provider_error_code`` has the reason. Other failures on the way are
    ``sms.DeliveryFailure``. Joins with ``sms.Send`` on ``dispatch_id`` and ``user_id``.
    """


class SmsRetry(
    SmsEvent,
    HasStepMessageVariation,
    HasSubscriptionGroup,
    HasRetry,
    event_type="users.messages.sms.Retry",
    display_name="SMS Retry",
    release=5,
):
    """
    Braze put an SMS aside to try it again.

    ``retry_type`` is the reason. Nothing has been decided yet, so count it neither as a
    send nor as a failure. It has no ``dispatch_id``.
    """


class SmsSend(
    SmsMessageEvent,
    HasMessageExtras,
    HasSubscriptionGroup,
    HasRecipientPhone,
    HasMessageArchive,
    event_type="users.messages.sms.Send",
    display_name="SMS Send",
):
    """
    Braze handed an SMS to the SMS provider.

    The first stage only; ``sms.CarrierSend`` and ``sms.Delivery`` follow, or a failure,
    joined on ``dispatch_id`` and ``user_id``. Automatic keyword replies are included,
    recognisable by ``category``.
    """

    category: str | None = None
    """
    Keyword group that this message answers: ``opt-in``, ``opt-out`` or ``help``.
    ``None`` unless it is an automatic reply.
    """


class SmsShortLinkClick(
    SmsEvent,
    HasTimezone,
    HasDeviceOverHttp,
    HasShortLinkClick,
    HasBotClickReason,
    HasUserPhone,
    event_type="users.messages.sms.ShortLinkClick",
    display_name="SMS Short Link Click",
):
    """
    Someone, or a link scanner, followed a shortened link in an SMS.

    Only links that Braze shortened are tracked. Exclude clicks with
    ``is_suspected_bot_click``; it is ``None`` until bot filtering is on. There is no
    ``dispatch_id``: match the campaign or Canvas step and ``user_id``.
    """

    user_phone_number: str | None = personal()
    """Number of the user who clicked, in E.164 form."""
