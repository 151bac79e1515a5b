"""In-app messages: shown while somebody uses the app or website."""

from braze_heap.events._declare import personal, storage_only
from braze_heap.events.groups import *


class InAppMessageEvent(
    HasUserOnDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    HasCampaignOrCanvas,
    HasDispatch,
    HasSend,
):
    """Something happened with an in-app message."""

    card_id: str | None = None
    """Card of the message. For joins prefer ``campaign_id`` or ``canvas_step_id``."""


class InAppMessageAbort(
    InAppMessageEvent, HasStepMessageVariation, HasAbort, HasDeviceDetails
):
    """
    Braze held back an in-app message.

    The user saw nothing; ``abort_type`` is the reason. There is no event for a user who
    closes the message.
    """

    browser: str | None = storage_only()
    """Name of the browser, if its user agent contains it."""

    version: str | None = storage_only(deprecated=True)
    """Deprecated by Braze. Generation of the message: ``legacy`` or ``triggered``."""


class InAppMessageClick(InAppMessageEvent, HasDispatchOverHttp, HasButton):
    """
    A user clicked an in-app message.

    ``button_id`` is set if the click hit a button. In-app messages have no send event:
    measure against ``inappmessage.Impression``.
    """


class InAppMessageImpression(InAppMessageEvent, HasDispatchOverHttp, HasMessageExtras):
    """
    A user saw an in-app message.

    In-app messages have no send event, so this is the base for click rates.
    """

    locale_key: str | None = personal()
    """Translation that the message was built from. ``None`` for the default text."""
