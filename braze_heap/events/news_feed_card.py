"""News Feed: the predecessor of Content Cards, not sold any more."""

import braze_heap.events.groups as groups


class NewsFeedCardEvent(groups.HasUserOnDevice, groups.HasApp, groups.HasPlatform):
    """Something happened with a News Feed card."""

    card_id: str | None = None
    """The News Feed card."""


class NewsFeedCardAbort(NewsFeedCardEvent, groups.HasWorkspace, groups.HasAbort):
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
