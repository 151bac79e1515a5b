"""LINE: messages of the LINE messenger."""

from braze_heap.events._declare import personal, sensitive
from braze_heap.events.groups import *


class LineEvent(
    HasUserOnDevice,
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
    """Your LINE channel of the message."""

    line_channel_name: str | None = None
    """Name of the LINE channel. Use ``line_channel_id`` as the key."""

    native_line_id: str | None = personal()
    """LINE's id of the person, unique within the LINE provider."""


class LineAbort(LineEvent, HasAbortExtras, HasAbort):
    """
    Braze decided not to send a LINE message.

    There is no ``line.Send`` for it. ``abort_type`` is the reason.
    """


class LineClick(LineEvent, HasShortLinkClick, HasBotVerdict):
    """
    Someone, or a link scanner, followed a link in a LINE message.

    Exclude clicks with ``is_suspected_bot_click``; it is ``None`` unless bot filtering
    is on. Joins ``line.Send`` on ``dispatch_id`` and ``user_id``.
    """


class LineInboundReceive(LineEvent, HasInboundMessage):
    """
    A user wrote to the business on LINE.

    Text is in ``message_body``, media is behind ``media_id``. Do not count it among the
    messages sent. A campaign or Canvas is Braze's attribution.
    """

    media_id: str | None = sensitive()
    """Leads to the picture, video or file that the user sent. ``None`` for text."""


class LineRetry(LineEvent, HasRetry):
    """
    Braze postponed a LINE message and will try again.

    ``retry_type`` is the reason. Neither a send nor a failure yet.
    """


class LineSend(LineEvent, HasMessageExtras):
    """
    Braze sent a LINE message to LINE.

    Not read yet: Currents has neither a delivery nor a read event for LINE. Joins
    ``line.Click`` on ``dispatch_id`` and ``user_id``.
    """
