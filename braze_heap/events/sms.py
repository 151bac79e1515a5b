"""SMS and MMS."""

from braze_heap.events._declare import sensitive, since
from braze_heap.events.groups import *


class SmsEvent(HasUser, HasWorkspace, HasCampaignOrCanvas):
    """Something happened with an SMS or MMS."""


class SmsMessageEvent(
    SmsEvent,
    HasTimezone,
    HasDeviceOverHttp,
    HasDispatch,
    HasSend,
    HasSubscriptionGroup,
    HasRecipientPhone,
):
    """Braze sent an SMS, or something became of one that it had sent."""


class SmsOutcomeEvent(SmsMessageEvent):
    """An SMS reached the user's phone, or did not."""

    is_sms_fallback: bool | None = since(3)
    """Whether this SMS replaces an RCS message that was rejected."""


class SmsAbort(
    SmsEvent, HasStepMessageVariation, HasAbortExtras, HasSubscriptionGroup, HasAbort
):
    """
    Braze decided not to send an SMS.

    There is no ``sms.Send`` for it. ``abort_type`` is the reason. Failures after the
    send are ``sms.DeliveryFailure`` and ``sms.Rejection``.
    """


class SmsCarrierSend(SmsMessageEvent, HasSenderPhone):
    """
    An SMS was passed on to the mobile carrier.

    The stage between ``sms.Send`` (to the provider) and ``sms.Delivery`` (to the
    phone), of the same message: do not add it to the sends. Joins on ``dispatch_id``
    and ``user_id``.
    """


class SmsDelivery(SmsOutcomeEvent, HasSenderPhone):
    """
    An SMS reached the user's phone, according to the carrier.

    ``is_sms_fallback`` marks messages that began as RCS. Joins ``sms.Send`` on
    ``dispatch_id`` and ``user_id``.
    """


class SmsDeliveryFailure(SmsOutcomeEvent, HasFailureCause):
    """
    An SMS could not be delivered.

    ``provider_error_code`` has the reason. Rejections by the carrier itself are
    ``sms.Rejection``; add both for the total. Joins ``sms.Send`` on ``dispatch_id`` and
    ``user_id``.
    """


class SmsInboundReceive(
    SmsEvent, HasSubscriptionGroup, HasUserPhone, HasInboundPhoneMessage
):
    """
    A user texted the business by SMS.

    Every profile with that phone number gets an event: deduplicate on number, time and
    ``message_body`` before you count. ``action`` marks keywords that opt in or out; the
    resulting state is ``subscriptiongroup.StateChange``.
    """

    inbound_phone_number: str | None = sensitive()
    """Business number or short code that received the message."""


class SmsRejection(SmsOutcomeEvent, HasFailureCause, HasSenderPhone):
    """
    The carrier rejected an SMS.

    ``provider_error_code`` has the reason. Other failures are ``sms.DeliveryFailure``.
    Joins ``sms.Send`` on ``dispatch_id`` and ``user_id``.
    """


class SmsRetry(SmsEvent, HasStepMessageVariation, HasSubscriptionGroup, HasRetry):
    """
    Braze postponed an SMS and will try again.

    ``retry_type`` is the reason. Neither a send nor a failure yet. It has no
    ``dispatch_id``.
    """


class SmsSend(SmsMessageEvent, HasMessageExtras, HasMessageArchive):
    """
    Braze handed an SMS to the SMS provider.

    ``sms.CarrierSend`` and ``sms.Delivery`` follow, or a failure, joined on
    ``dispatch_id`` and ``user_id``. Automatic replies to keywords are included; they
    have a ``category``.
    """

    category: str | None = None
    """``opt-in``, ``opt-out`` or ``help`` if the message answers such a keyword."""


class SmsShortLinkClick(
    SmsEvent,
    HasTimezone,
    HasDeviceOverHttp,
    HasShortLinkClick,
    HasBotClickReason,
    HasUserPhone,
):
    """
    Someone, or a link scanner, followed a shortened link in an SMS.

    Only links that Braze shortened are tracked. Exclude clicks with
    ``is_suspected_bot_click``; it is ``None`` unless bot filtering is on. There is no
    ``dispatch_id``: match the campaign or Canvas step and ``user_id``.
    """
