"""Landing pages: hosted by Braze, seen by known and by anonymous people."""

from braze_heap.events._declare import personal
from braze_heap.events.groups import HasLandingPage, HasUser, HasWorkspace


class LandingPageEvent(HasUser, HasWorkspace, HasLandingPage):
    """Something happened on a landing page."""

    user_id: str | None = personal(place="user")
    """
    Braze's id for the visitor. Braze calls landing page events anonymous: do not
    join on it.
    """


class LandingPageClick(
    LandingPageEvent,
    event_type="users.messages.landingpage.Click",
    display_name="Landing Page Click",
    release=11,
):
    """
    A visitor clicked an element of a landing page.

    ``target`` is the element. Treat it as anonymous, like ``landingpage.Impression``:
    do not join on ``user_id``. Joins with the page's other events on
    ``landing_page_api_id``.
    """

    target: str | None = None
    """Name for tracking that the page's author gave to what was clicked."""


class LandingPageFormSubmission(
    LandingPageEvent,
    event_type="users.messages.landingpage.FormSubmission",
    display_name="Landing Page Form Submission",
    release=11,
):
    """
    A visitor sent the form on a landing page.

    Says that the form was sent, not what it contained. A completed survey gives
    ``survey.Response`` instead. ``landing_page_api_id`` may be missing here, unlike in
    the page's other events.
    """


class LandingPageImpression(
    LandingPageEvent,
    event_type="users.messages.landingpage.Impression",
    display_name="Landing Page Impression",
    release=11,
):
    """
    A visitor viewed a landing page.

    Braze's schema has a ``user_id``, yet its survey page calls these events anonymous:
    count views per page and do not join them to users.
    """

    liquid_enabled: bool | None = None
    """``True`` when the page was personalised with Liquid for this view."""
