"""In-app messages: shown while somebody uses the app or website."""

from braze_heap.events._declare import http_only, personal, storage_only
from braze_heap.events.groups import (
    HasAbort,
    HasAdvertisingId,
    HasApp,
    HasDevice,
    HasDeviceDetails,
    HasDispatch,
    HasMessageExtras,
    HasNamedCampaign,
    HasNamedCanvas,
    HasPlatform,
    HasSend,
    HasStepMessageVariation,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class InAppMessageEvent(
    HasUser,
    HasTimezone,
    HasDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    HasNamedCampaign,
    HasNamedCanvas,
    HasDispatch,
    HasSend,
):
    """Something happened with an in-app message."""

    card_id: str | None = None
    """
    Card behind the in-app message. For joins prefer ``campaign_id`` or
    ``canvas_step_id``.
    """

    dispatch_id: str | None = http_only()


class InAppMessageAbort(
    InAppMessageEvent,
    HasStepMessageVariation,
    HasAbort,
    HasDeviceDetails,
    event_type="users.messages.inappmessage.Abort",
    display_name="In-App Message Abort",
):
    """
    Braze held back an in-app message.

    The user saw nothing. ``abort_type`` is the reason. Not the same as a user closing
    the message, for which there is no event.
    """

    browser: str | None = storage_only()
    """
    Name of the browser in use, as far as its user agent gives it away. ``None``
    otherwise.
    """

    dispatch_id: str | None = None

    version: str | None = storage_only(deprecated=True)
    """
    Generation of the in-app message, ``legacy`` or ``triggered``. Deprecated by
    Braze.
    """


class InAppMessageClick(
    InAppMessageEvent,
    event_type="users.messages.inappmessage.Click",
    display_name="In-App Message Click",
):
    """
    A user clicked an in-app message.

    ``button_id`` is set when the click hit a button. In-app messages have no send
    event: measure against ``inappmessage.Impression``.
    """

    button_id: str | None = None
    """
    The button that was hit, as text even where it is a number. ``None`` for a click
    elsewhere on the message.
    """


class InAppMessageImpression(
    InAppMessageEvent,
    HasMessageExtras,
    event_type="users.messages.inappmessage.Impression",
    display_name="In-App Message Impression",
):
    """
    A user saw an in-app message.

    The message came up on the screen. In-app messages have no send event, so this is
    the base for click rates.
    """

    locale_key: str | None = personal()
    """Translation that the message was built from. ``None`` means the default text."""
