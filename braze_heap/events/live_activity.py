"""Live Activities: the iOS widgets that Braze starts, updates and ends."""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events._declare import sensitive
from braze_heap.events.groups import (
    HasApp,
    HasDevice,
    HasSdkVersion,
    HasTokenChange,
    HasUser,
    HasWorkspace,
)


class HasLiveActivity(CurrentsEvent):
    """Anything about one running Live Activity."""

    activity_id: str | None = None
    """One running Live Activity. Joins its token changes, sends and outcomes."""

    update_token: str | None = sensitive()
    """
    Apple's key for updating or ending one running Live Activity. A credential: treat
    it as sensitive.
    """


class HasLiveActivityType(CurrentsEvent):
    """Anything about one type of Live Activities."""

    activity_attributes_type: str | None = None
    """
    Name of the app's ActivityKit attributes type. It names the kind of Live Activity
    this is.
    """

    push_to_start_token: str | None = sensitive()
    """
    Apple's key for starting Live Activities of one type on the device. A credential:
    treat it as sensitive.
    """


class LiveActivityEvent(
    HasUser, HasWorkspace, HasApp, HasLiveActivity, HasLiveActivityType
):
    """Something happened with a Live Activity."""

    live_activity_event_type: str | None = None
    """Requested action: ``start``, ``update`` or ``end``."""


class LiveActivityTokenChange(
    HasUser, HasDevice, HasWorkspace, HasApp, HasTokenChange, HasSdkVersion
):
    """A token of a Live Activity changed."""


class LiveActivityPushToStartTokenChange(
    LiveActivityTokenChange,
    HasLiveActivityType,
    event_type="users.behaviors.liveactivity.PushToStartTokenChange",
    display_name="Live Activity Push To Start Token Change",
):
    """
    A token for starting Live Activities remotely was added, changed or removed.

    Technical housekeeping of an iOS device, no user action. The token serves one
    attributes type, not one activity; for a running activity see
    ``liveactivity.UpdateTokenChange``.
    """


class LiveActivityUpdateTokenChange(
    LiveActivityTokenChange,
    HasLiveActivity,
    event_type="users.behaviors.liveactivity.UpdateTokenChange",
    display_name="Live Activity Update Token Change",
):
    """
    A token for updating a running Live Activity was added, changed or removed.

    Technical housekeeping of an iOS device, no user action. Joins with
    ``liveactivity.Send`` and ``liveactivity.Outcome`` on ``activity_id``.
    """


class LiveActivityOutcome(
    LiveActivityEvent,
    event_type="users.messages.liveactivity.Outcome",
    display_name="Live Activity Outcome",
):
    """
    The push provider answered a Live Activity request.

    ``live_activity_event_outcome`` has the answer. The request itself is
    ``liveactivity.Send``; join on ``activity_id`` and ``live_activity_event_type``. An
    answer of the provider is not a view by the user.
    """

    live_activity_event_outcome: str | None = None
    """Answer of the push provider to the request."""


class LiveActivitySend(
    LiveActivityEvent,
    event_type="users.messages.liveactivity.Send",
    display_name="Live Activity Send",
):
    """
    Braze sent a request to start, update or end a Live Activity.

    A request to Apple, so not yet anything on the lock screen: how it went is in
    ``liveactivity.Outcome``. One activity produces many; group by ``activity_id``.
    """
