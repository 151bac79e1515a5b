"""Push notifications, and the tokens that they are sent to."""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events._declare import http_only, personal, sensitive, since
from braze_heap.events.groups import *


class HasPushToken(CurrentsEvent):
    """Events of one push token."""

    push_token: str | None = sensitive(since=4)
    """Address of the device with the push service. A credential."""


class PushEvent(
    HasUserOnDevice,
    HasWorkspace,
    HasApp,
    HasPlatformFamily,
    HasCampaignOrCanvas,
    HasDispatch,
    HasSend,
):
    """Something happened with a push notification."""


class PushTokenStateChange(
    HasUser,
    HasWorkspace,
    HasApp,
    HasPlatformFamily,
    HasTokenChange,
    HasPushToken,
    HasSdkVersion,
):
    """
    A push token was added to a profile, updated or removed from it.

    Shows whether a device can be reached, which is not consent: that is
    ``subscription.GlobalStateChange``. A user has a token per device
    (``push_token_device_id``) and app. Order changes by ``time_ms``.
    """

    time_ms: int | None = since(5)
    """``time`` in UTC epoch milliseconds. Orders changes within one second."""

    push_token_device_id: str | None = sensitive()
    """Device of the token, the ``device_id`` of other events."""

    push_token_created_at: int | None = None
    """When the token was created, UTC epoch seconds."""

    push_token_updated_at: int | None = None
    """When the token last changed, UTC epoch seconds."""

    web_push_token_user_auth: str | None = sensitive()
    """Shared secret of the browser's push subscription. A credential."""

    web_push_token_public_key: str | None = sensitive()
    """Key to encrypt payloads for this browser."""

    web_push_token_vapid_public_key: str | None = None
    """Key by which the browser's push service recognizes the sender."""

    push_token_provisionally_opted_in: bool | None = None
    """
    Whether iOS granted provisional permission: notifications arrive quietly and the
    user was never asked. No meaning outside iOS.
    """

    push_token_foreground_push_disabled: bool | None = None
    """Whether only silent pushes arrive. Exclude those tokens from reach figures."""


class PushAbort(PushEvent, HasStepMessageVariation, HasAbortExtras, HasAbort):
    """
    Braze decided not to send a push notification.

    There is no ``pushnotification.Send`` for it. ``abort_type`` is the reason. A token
    that the push service rejects is ``pushnotification.Bounce``.
    """


class PushBounce(PushEvent, HasAdvertisingId, HasPushToken):
    """
    The push service rejected a notification.

    Usually the token is no longer valid, for example after an uninstall. Other devices
    of the user may have got theirs. Joins ``pushnotification.Send`` on ``dispatch_id``
    and ``user_id``.
    """


class PushIosForeground(PushEvent, HasPlatform, HasAdvertisingId):
    """
    Deprecated: a push notification arrived while the iOS app was open.

    Not an open: the user may have touched nothing, so exclude it from open rates.
    Braze's current Swift SDK does not send it.
    """

    device_model: str | None = http_only()
    os_version: str | None = http_only()


class PushOpen(PushEvent, HasPlatform, HasAdvertisingId, HasStepMessageVariation):
    """
    A user opened the app by tapping a push notification or one of its buttons.

    Direct opens only; coming back to the app in another way is not counted. A tap with
    the ``button_action_type`` ``close`` is not a visit. May have an earlier time than
    its send.
    """

    button_action_type: str | None = None
    """Action of the button: ``uri``, ``deep_link``, ``none`` or ``close``."""

    button_string: str | None = None
    """The button that was tapped. ``None`` for a tap on the notification itself."""


class PushRetry(PushEvent, HasStepMessageVariation, HasRetry, HasProfileTraits):
    """
    Braze postponed a push notification and will try again.

    ``retry_type`` is the reason. Neither a send nor a failure yet.
    """


class PushSend(
    PushEvent, HasAdvertisingId, HasMessageExtras, HasMessageArchive, HasPushToken
):
    """
    Braze handed a push notification to Apple, Google or a browser vendor.

    Currents has no delivery event for push. A user with several devices can have
    several. Joins ``pushnotification.Open`` on ``dispatch_id`` and ``user_id``.
    """

    locale_key: str | None = personal()
    """Translation that the message was built from. ``None`` for the default text."""

    click_url: str | None = since(13)
    """Target of a tap on the notification, after personalization."""
