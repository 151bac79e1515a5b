"""Landing pages: hosted by Braze, seen by known and by anonymous people."""

from braze_heap.events._declare import personal
from braze_heap.events.groups import *


class LandingPageEvent(HasUser, HasWorkspace, HasLandingPage):
    """Something happened on a landing page."""

    user_id: str | None = personal(place="user")
    """Braze's id of the visitor. Braze calls these events anonymous: do not join it."""


class LandingPageClick(LandingPageEvent):
    """
    A visitor clicked an element of a landing page.

    Anonymous, like ``landingpage.Impression``: do not join on ``user_id``. Joins the
    page's other events on ``landing_page_api_id``.
    """

    target: str | None = None
    """The author's name of the element that was clicked."""


class LandingPageFormSubmission(LandingPageEvent):
    """
    A visitor sent the form on a landing page.

    It does not have the content of the form. A completed survey gives
    ``survey.Response`` instead. ``landing_page_api_id`` may be missing, unlike in the
    page's other events.
    """


class LandingPageImpression(LandingPageEvent):
    """
    A visitor viewed a landing page.

    Braze's schema has a ``user_id``, but its survey page calls these events anonymous:
    count views per page and do not join them to users.
    """

    liquid_enabled: bool | None = None
    """Whether Liquid personalized the page for this view."""
