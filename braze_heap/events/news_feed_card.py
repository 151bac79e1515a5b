"""News Feed: the predecessor of Content Cards, not sold any more."""

from braze_heap.events.groups import (
    HasAbort,
    HasApp,
    HasDevice,
    HasPlatform,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class NewsFeedCardEvent(HasUser, HasTimezone, HasDevice, HasApp, HasPlatform):
    """Something happened with a News Feed card."""

    card_id: str | None = None
    """The News Feed card."""


class NewsFeedCardAbort(
    NewsFeedCardEvent,
    HasWorkspace,
    HasAbort,
    event_type="users.messages.newsfeedcard.Abort",
    display_name="News Feed Card Abort",
    status="legacy",
    storage=False,
):
    """
    Legacy: Braze held back a News Feed card.

    Content Cards replace the News Feed. Use ``contentcard.Abort``. Comes over HTTP
    only, never in storage files.
    """

    card_id: str | None = None
    """The News Feed card that was held back."""


class NewsFeedCardClick(
    NewsFeedCardEvent,
    event_type="users.messages.newsfeedcard.Click",
    display_name="News Feed Card Click",
    status="legacy",
    storage=False,
):
    """
    Legacy: a user clicked a News Feed card.

    Content Cards replace the News Feed. Use ``contentcard.Click``. Comes over HTTP
    only, never in storage files.
    """

    card_id: str | None = None
    """The News Feed card that was clicked."""


class NewsFeedCardImpression(
    NewsFeedCardEvent,
    event_type="users.messages.newsfeedcard.Impression",
    display_name="News Feed Card Impression",
    status="legacy",
    storage=False,
):
    """
    Legacy: a user saw a News Feed card.

    Content Cards replace the News Feed. Use ``contentcard.Impression``. Comes over HTTP
    only, never in storage files.
    """

    card_id: str | None = None
    """The News Feed card that was viewed."""
