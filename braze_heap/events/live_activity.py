"""Live Activities: the iOS widgets that Braze starts, updates and ends."""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events._declare import sensitive
from braze_heap.events.groups import *


class HasLiveActivity(CurrentsEvent):
    """Events of one running Live Activity."""

    activity_id: str | None = None
    """One running Live Activity. Joins its token changes, sends and outcomes."""

    update_token: str | None = sensitive()
    """Apple's key to update or end one running Live Activity. A credential."""


class HasLiveActivityType(CurrentsEvent):
    """Events of one type of Live Activities."""

    activity_attributes_type: str | None = None
    """Name of the app's ActivityKit attributes type, the kind of Live Activity."""

    push_to_start_token: str | None = sensitive()
    """Apple's key to start Live Activities of one type on the device. A credential."""


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


class LiveActivityPushToStartTokenChange(LiveActivityTokenChange, HasLiveActivityType):
    """
    A token to start Live Activities remotely was added, changed or removed.

    Housekeeping of an iOS device, not an act of the user. The token serves one
    attributes type; for a running activity see ``liveactivity.UpdateTokenChange``.
    """


class LiveActivityUpdateTokenChange(LiveActivityTokenChange, HasLiveActivity):
    """
    A token to update a running Live Activity was added, changed or removed.

    Housekeeping of an iOS device, not an act of the user. Joins ``liveactivity.Send``
    and ``liveactivity.Outcome`` on ``activity_id``.
    """


class LiveActivityOutcome(LiveActivityEvent):
    """
    The push provider answered a Live Activity request.

    Not a view by the user. The request is ``liveactivity.Send``; join on
    ``activity_id`` and ``live_activity_event_type``.
    """

    live_activity_event_outcome: str | None = None
    """Answer of the push provider to the request."""


class LiveActivitySend(LiveActivityEvent):
    """
    Braze sent a request to start, update or end a Live Activity.

    A request to Apple, whose result is ``liveactivity.Outcome``. One activity has many;
    group by ``activity_id``.
    """
