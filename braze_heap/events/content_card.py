"""Content Cards: messages that wait in a feed of the app or website."""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events.groups import *


class HasContentCard(CurrentsEvent):
    """Events of one Content Card."""

    content_card_id: str | None = None
    """One Content Card. Joins its send, impressions, clicks and dismissals."""


class ContentCardEvent(
    HasUserOnDevice, HasWorkspace, HasCampaignOrCanvas, HasDispatch, HasSend
):
    """Something happened with a Content Card."""


class ContentCardInteraction(
    ContentCardEvent,
    HasDispatchOverHttp,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    HasUniqueness,
    HasContentCard,
):
    """A user saw, clicked or dismissed a Content Card."""


class ContentCardAbort(ContentCardEvent, HasStepMessageVariation, HasAbort):
    """
    Braze held back a Content Card.

    The user got no card, so the event has no ``content_card_id``. ``abort_type`` is the
    reason.
    """


class ContentCardClick(ContentCardInteraction):
    """
    A user clicked a Content Card.

    Repeated clicks count each time; ``is_unique`` marks the first. Joins the card's
    other events on ``content_card_id`` and ``user_id``.
    """


class ContentCardDismiss(ContentCardInteraction):
    """
    A user swiped a Content Card away.

    An act of the user, not the expiry of the card. Joins the card's other events on
    ``content_card_id`` and ``user_id``.
    """


class ContentCardImpression(ContentCardInteraction):
    """
    A user saw a Content Card.

    A card stays in the feed, so one user can see it many times: ``is_unique`` marks the
    first. Joins ``contentcard.Send`` on ``content_card_id`` and ``user_id``.
    """


class ContentCardSend(
    ContentCardEvent, HasDispatchOverHttp, HasMessageExtras, HasContentCard
):
    """
    A Content Card was made available to a user.

    Not seen yet: ``contentcard.Impression`` follows if the user opens the feed. Joins
    it on ``content_card_id`` and ``user_id``.
    """
