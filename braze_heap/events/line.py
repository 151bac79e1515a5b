"""LINE: messages of the LINE messenger."""

from braze_heap.events._declare import personal, sensitive
from braze_heap.events.groups import (
    HasAbort,
    HasAbortExtras,
    HasBotVerdict,
    HasCampaign,
    HasCanvas,
    HasDevice,
    HasDispatch,
    HasInboundMessage,
    HasMessageExtras,
    HasRetry,
    HasSend,
    HasShortLinkClick,
    HasStepMessageVariation,
    HasSubscriptionGroup,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class LineEvent(
    HasUser,
    HasTimezone,
    HasDevice,
    HasWorkspace,
    HasCampaign,
    HasCanvas,
    HasStepMessageVariation,
    HasDispatch,
    HasSend,
    HasSubscriptionGroup,
):
    """Something happened with a LINE message."""

    line_channel_id: str | None = None
    """The business's LINE channel through which the message passed."""

    line_channel_name: str | None = None
    """Label of the LINE channel. Key on ``line_channel_id``."""

    native_line_id: str | None = personal()
    """
    LINE's id of the person, scoped to the LINE provider. Personal data: it addresses
    one person.
    """


class LineAbort(
    LineEvent,
    HasAbortExtras,
    HasAbort,
    event_type="users.messages.line.Abort",
    display_name="LINE Abort",
    release=3,
):
    """
    Braze decided not to send a LINE message.

    Happens before the send, so there is no ``line.Send`` for it. ``abort_type`` is the
    reason.
    """


class LineClick(
    LineEvent,
    HasShortLinkClick,
    HasBotVerdict,
    event_type="users.messages.line.Click",
    display_name="LINE Click",
    release=3,
):
    """
    Someone, or a link scanner, followed a link in a LINE message.

    Exclude clicks with ``is_suspected_bot_click``; it is ``None`` until bot filtering
    is on. Joins with ``line.Send`` on ``dispatch_id`` and ``user_id``.
    """


class LineInboundReceive(
    LineEvent,
    HasInboundMessage,
    event_type="users.messages.line.InboundReceive",
    display_name="LINE Inbound Receive",
    release=3,
):
    """
    A user wrote to the business on LINE.

    The user's message, text in ``message_body`` or media behind ``media_id``. Do not
    count it among the messages sent. A campaign or Canvas named here is Braze's
    attribution.
    """

    media_id: str | None = sensitive()
    """
    Handle for fetching the picture, video or file from LINE. ``None`` for plain
    text. Not marked as personal data by Braze, yet it leads to what the user sent.
    """


class LineRetry(
    LineEvent,
    HasRetry,
    event_type="users.messages.line.Retry",
    display_name="LINE Retry",
    release=5,
):
    """
    Braze put a LINE message aside to try it again.

    ``retry_type`` is the reason. Nothing has been decided yet, so count it neither as a
    send nor as a failure.
    """


class LineSend(
    LineEvent,
    HasMessageExtras,
    event_type="users.messages.line.Send",
    display_name="LINE Send",
    release=3,
):
    """
    Braze sent a LINE message to LINE.

    Sent, not read: Currents has neither a delivery nor a read event for LINE. Joins
    with ``line.Click`` on ``dispatch_id`` and ``user_id``.
    """
