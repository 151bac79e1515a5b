"""LINE: messages of the LINE messenger."""

import braze_heap.events.groups as groups
from braze_heap.events._declare import personal, sensitive


class LineEvent(
    groups.HasUserOnDevice,
    groups.HasWorkspace,
    groups.HasCampaign,
    groups.HasCanvas,
    groups.HasStepMessageVariation,
    groups.HasDispatch,
    groups.HasSend,
    groups.HasSubscriptionGroup,
):
    """Something happened with a LINE message."""

    line_channel_id: str | None = None
    """Your LINE channel of the message."""

    line_channel_name: str | None = None
    """Name of the LINE channel. Use ``line_channel_id`` as the key."""

    native_line_id: str | None = personal()
    """LINE's id of the person, unique within the LINE provider."""


class LineAbort(LineEvent, groups.HasAbortExtras, groups.HasAbort):
    """
    Braze decided not to send a LINE message.

    There is no ``line.Send`` for it. ``abort_type`` is the reason.
    """


class LineClick(LineEvent, groups.HasShortLinkClick, groups.HasBotVerdict):
    """
    Someone, or a link scanner, followed a link in a LINE message.

    Exclude clicks with ``is_suspected_bot_click``; it is ``None`` unless bot filtering
    is on. Joins ``line.Send`` on ``dispatch_id`` and ``user_id``.
    """


class LineInboundReceive(LineEvent, groups.HasInboundMessage):
    """
    A user wrote to the business on LINE.

    Text is in ``message_body``, media is behind ``media_id``. Do not count it among the
    messages sent. A campaign or Canvas is Braze's attribution.
    """

    media_id: str | None = sensitive()
    """
    Id to get the picture, video or file from LINE. ``None`` for text. Not marked by
    Braze, but it leads to what the user sent.
    """


class LineRetry(LineEvent, groups.HasRetry):
    """
    Braze postponed a LINE message and will try again.

    ``retry_type`` is the reason. Neither a send nor a failure yet.
    """


class LineSend(LineEvent, groups.HasMessageExtras):
    """
    Braze sent a LINE message to LINE.

    Not read yet: Currents has neither a delivery nor a read event for LINE. Joins
    ``line.Click`` on ``dispatch_id`` and ``user_id``.
    """
