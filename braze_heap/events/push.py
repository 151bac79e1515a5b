"""Push notifications, and the tokens that they are sent to."""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events._declare import (
    http_only,
    personal,
    sensitive,
    since,
)
from braze_heap.events.groups import (
    HasAbort,
    HasAbortExtras,
    HasAdvertisingId,
    HasApp,
    HasDevice,
    HasDispatch,
    HasMessageArchive,
    HasMessageExtras,
    HasNamedCampaign,
    HasNamedCanvas,
    HasPlatform,
    HasProfileTraits,
    HasRetry,
    HasSdkVersion,
    HasSend,
    HasStepMessageVariation,
    HasTimezone,
    HasTokenChange,
    HasUser,
    HasWorkspace,
)


class HasPushToken(CurrentsEvent):
    """Anything about one push token."""

    push_token: str | None = sensitive(since=4)
    """
    The device's address with the push service. A credential: treat it as
    sensitive.
    """


class PushEvent(
    HasUser,
    HasTimezone,
    HasDevice,
    HasWorkspace,
    HasApp,
    HasNamedCampaign,
    HasNamedCanvas,
    HasDispatch,
    HasSend,
):
    """Something happened with a push notification."""

    platform: str | None = None
    """
    Family of the device: ``ios``, ``android``, ``kindle``, ``web``, ``tvos`` or
    ``roku``.
    """


class PushTokenStateChange(
    HasUser,
    HasWorkspace,
    HasApp,
    HasTokenChange,
    HasPushToken,
    HasSdkVersion,
    event_type="users.behaviors.pushnotification.TokenStateChange",
    display_name="Push Notification Token State Change",
):
    """
    A push token was added to a profile, updated or removed from it.

    Shows whether a device can be reached, which is not consent: that is
    ``subscription.GlobalStateChange``. Several tokens per user are normal, one per
    device and app. The device is in ``push_token_device_id``; order changes by
    ``time_ms``.
    """

    time_ms: int | None = since(5)
    """
    The same moment as ``time`` in UTC epoch milliseconds. Order changes within one
    second by it.
    """

    platform: str | None = None
    """
    Family of the device: ``ios``, ``android``, ``kindle``, ``web``, ``tvos`` or
    ``roku``.
    """

    push_token_device_id: str | None = sensitive()
    """
    The device that owns the token. Same id as ``device_id`` elsewhere. Treat it as
    sensitive.
    """

    push_token_created_at: int | None = None
    """Start of the token's life, UTC epoch seconds."""

    push_token_updated_at: int | None = None
    """When the token last changed, UTC epoch seconds."""

    web_push_token_user_auth: str | None = sensitive()
    """
    Shared secret of the browser's push subscription. A credential: treat it as
    sensitive.
    """

    web_push_token_public_key: str | None = sensitive()
    """Key with which payloads for this browser are encrypted. Treat it as sensitive."""

    web_push_token_vapid_public_key: str | None = None
    """Key by which the browser's push service recognises the sender."""

    push_token_provisionally_opted_in: bool | None = None
    """
    ``True`` for iOS provisional permission: notifications arrive quietly and the
    user was never asked. Means nothing off iOS.
    """

    push_token_foreground_push_disabled: bool | None = None
    """
    ``True`` when visible notifications are off and the token serves silent pushes
    only. Leave those out of reach figures.
    """


class PushAbort(
    PushEvent,
    HasStepMessageVariation,
    HasAbortExtras,
    HasAbort,
    event_type="users.messages.pushnotification.Abort",
    display_name="Push Notification Abort",
):
    """
    Braze decided not to send a push notification.

    Happens before the send, so there is no ``pushnotification.Send`` for it.
    ``abort_type`` is the reason. A token that the push service rejects is
    ``pushnotification.Bounce``.
    """


class PushBounce(
    PushEvent,
    HasAdvertisingId,
    HasPushToken,
    event_type="users.messages.pushnotification.Bounce",
    display_name="Push Notification Bounce",
):
    """
    The push service refused a notification.

    Usually the token is no longer valid, for example after an uninstall. It concerns
    one token: the user's other devices may have got theirs. Joins with
    ``pushnotification.Send`` on ``dispatch_id`` and ``user_id``.
    """


class PushIosForeground(
    PushEvent,
    HasPlatform,
    HasAdvertisingId,
    event_type="users.messages.pushnotification.IosForeground",
    display_name="Push Notification iOS Foreground Open",
    status="deprecated",
):
    """
    Deprecated: a push notification arrived while the iOS app was open.

    Not an open: the user need not have touched anything, so keep it out of open rates.
    Braze's current Swift SDK does not send it.
    """

    device_model: str | None = http_only()

    os_version: str | None = http_only()


class PushOpen(
    PushEvent,
    HasPlatform,
    HasAdvertisingId,
    HasStepMessageVariation,
    event_type="users.messages.pushnotification.Open",
    display_name="Push Notification Open",
):
    """
    A user opened the app by tapping a push notification or one of its buttons.

    Direct opens only; coming back to the app in some other way is not counted here. The
    button, if any, is in ``button_string``; one whose ``button_action_type`` is
    ``close`` is not a visit. May carry an earlier time than its send.
    """

    button_action_type: str | None = None
    """
    Action of the tapped push button: ``uri``, ``deep_link``, ``none`` or ``close``.
    ``None`` when the notification itself was tapped.
    """

    button_string: str | None = None
    """Button of the notification that was tapped. ``None`` for a tap on its body."""


class PushRetry(
    PushEvent,
    HasStepMessageVariation,
    HasRetry,
    HasProfileTraits,
    event_type="users.messages.pushnotification.Retry",
    display_name="Push Notification Retry",
    release=5,
):
    """
    Braze put a push notification aside to try it again.

    ``retry_type`` is the reason. Nothing has been decided yet, so count it neither as a
    send nor as a failure.
    """


class PushSend(
    PushEvent,
    HasAdvertisingId,
    HasMessageExtras,
    HasMessageArchive,
    HasPushToken,
    event_type="users.messages.pushnotification.Send",
    display_name="Push Notification Send",
):
    """
    Braze handed a push notification to the push service.

    Handed to Apple, Google or a browser vendor, not shown: Currents has no delivery
    event for push. A user with several devices can have several. Joins with
    ``pushnotification.Open`` on ``dispatch_id`` and ``user_id``.
    """

    locale_key: str | None = personal()
    """Translation that the message was built from. ``None`` means the default text."""

    click_url: str | None = since(13)
    """Target of a tap on the notification, after personalization."""
