"""News Feed: the predecessor of Content Cards, not sold any more."""

from braze_heap.events.groups import *


class NewsFeedCardEvent(HasUserOnDevice, HasApp, HasPlatform):
    """Something happened with a News Feed card."""

    card_id: str | None = None
    """The News Feed card."""


class NewsFeedCardAbort(NewsFeedCardEvent, HasWorkspace, HasAbort):
    """
    Legacy: Braze held back a News Feed card.

    Content Cards replace the News Feed: use ``contentcard.Abort``. Over HTTP only.
    """


class NewsFeedCardClick(NewsFeedCardEvent):
    """
    Legacy: a user clicked a News Feed card.

    Content Cards replace the News Feed: use ``contentcard.Click``. Over HTTP only.
    """


class NewsFeedCardImpression(NewsFeedCardEvent):
    """
    Legacy: a user saw a News Feed card.

    Content Cards replace the News Feed: use ``contentcard.Impression``. Over HTTP only.
    """
