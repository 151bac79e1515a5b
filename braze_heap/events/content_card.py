"""Content Cards: messages that wait in a feed of the app or website."""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events._declare import http_only, since
from braze_heap.events.groups import (
    HasAbort,
    HasAdvertisingId,
    HasApp,
    HasDevice,
    HasDispatch,
    HasMessageExtras,
    HasNamedCampaign,
    HasNamedCanvas,
    HasPlatform,
    HasSend,
    HasStepMessageVariation,
    HasTimezone,
    HasUniqueness,
    HasUser,
    HasWorkspace,
)


class HasContentCard(CurrentsEvent):
    """Anything about one Content Card."""

    content_card_id: str | None = None
    """One Content Card. Joins its send, impressions, clicks and dismissals."""


class ContentCardEvent(
    HasUser,
    HasTimezone,
    HasDevice,
    HasWorkspace,
    HasNamedCampaign,
    HasNamedCanvas,
    HasDispatch,
    HasSend,
):
    """Something happened with a Content Card."""

    dispatch_id: str | None = http_only()


class ContentCardAbort(
    ContentCardEvent,
    HasStepMessageVariation,
    HasAbort,
    event_type="users.messages.contentcard.Abort",
    display_name="Content Card Abort",
):
    """
    Braze held back a Content Card.

    The user got no card, and the event has no ``content_card_id``. ``abort_type`` is
    the reason.
    """

    dispatch_id: str | None = None


class ContentCardClick(
    ContentCardEvent,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    HasUniqueness,
    HasContentCard,
    event_type="users.messages.contentcard.Click",
    display_name="Content Card Click",
):
    """
    A user clicked a Content Card.

    Repeated clicks count each time; ``is_unique`` marks the first. Joins with the
    card's other events on ``content_card_id`` and ``user_id``.
    """

    is_unique: bool | None = since(11)
    """
    ``False`` from a user's second click on the same message variation onwards. The
    sum counts people, the number of events counts clicks.
    """


class ContentCardDismiss(
    ContentCardEvent,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    HasUniqueness,
    HasContentCard,
    event_type="users.messages.contentcard.Dismiss",
    display_name="Content Card Dismiss",
):
    """
    A user swiped a Content Card away.

    A deliberate act of the user, not the expiry of the card. Joins with the card's
    other events on ``content_card_id`` and ``user_id``.
    """

    is_unique: bool | None = since(11)
    """
    ``False`` from a user's second dismissal of the same message variation onwards.
    The sum counts people, the number of events counts dismissals.
    """


class ContentCardImpression(
    ContentCardEvent,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    HasUniqueness,
    HasContentCard,
    event_type="users.messages.contentcard.Impression",
    display_name="Content Card Impression",
):
    """
    A user saw a Content Card.

    A card stays in the feed, so one user can see it many times: ``is_unique`` marks the
    first. Joins with ``contentcard.Send`` on ``content_card_id`` and ``user_id``.
    """

    is_unique: bool | None = since(11)
    """
    ``False`` from a user's second view of the same message variation onwards. The
    sum counts people, the number of events counts views.
    """


class ContentCardSend(
    ContentCardEvent,
    HasMessageExtras,
    HasContentCard,
    event_type="users.messages.contentcard.Send",
    display_name="Content Card Send",
):
    """
    A Content Card was made available to a user.

    Not seen yet: the view is ``contentcard.Impression``, which follows when the user
    opens the feed, if ever. Joins on ``content_card_id`` and ``user_id``.
    """
