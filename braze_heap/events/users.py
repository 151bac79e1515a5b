"""Users: what happens to the profile itself."""

from braze_heap.events._declare import JsonObject, personal, sensitive
from braze_heap.events.groups import (
    HasApp,
    HasDevice,
    HasProfileTraits,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class RandomBucketNumberUpdate(
    HasUser,
    HasWorkspace,
    event_type="users.RandomBucketNumberUpdate",
    display_name="Random Bucket Number Update",
    http=False,
):
    """
    A profile got a new random bucket number.

    The number decides membership in random segments, so a change can move the user to
    another test group. Braze sends this to storage only, not over HTTP.
    """

    random_bucket_number: int | None = None
    """The profile's new draw for random segmentation, from 0 to 9999."""

    prev_random_bucket_number: int | None = None
    """Number that the profile had until now. ``None`` when this is its first."""


class UserDeleteRequest(
    HasWorkspace,
    event_type="users.UserDeleteRequest",
    display_name="User Delete Request",
    release=10,
    http=False,
):
    """
    Deletion of a profile was requested.

    A cue to erase the user's data downstream as well. It carries ``user_id`` only, no
    ``external_user_id``, so keep your own mapping from earlier events. Known from
    storage; Braze's pages mention an HTTP form too.
    """

    user_id: str | None = personal(place="user")
    """
    The profile to be deleted, 24 hexadecimal digits. The only key: no
    ``external_user_id`` comes along.
    """


class UserOrphan(
    HasUser,
    HasDevice,
    HasWorkspace,
    HasApp,
    event_type="users.UserOrphan",
    display_name="User Orphan",
    release=10,
    http=False,
):
    """
    A profile was merged into another one and ceased to exist.

    ``user_id`` is the absorbed profile, ``orphaned_by_id`` the survivor: do not swap
    them. Move earlier events of the absorbed profile to the survivor. Known from
    storage; Braze's pages mention an HTTP form too.
    """

    user_id: str | None = personal(place="user")
    """
    The profile that ceased to exist, 24 hexadecimal digits. The survivor is
    ``orphaned_by_id``.
    """

    orphaned_by_id: str | None = sensitive()
    """
    ``user_id`` of the profile that survived the merge. Move the history of
    ``user_id`` over to it. Not marked as personal data by Braze, yet it is an id of a
    person like ``user_id``.
    """


class ProfileUpdate(
    HasUser,
    HasTimezone,
    HasWorkspace,
    HasApp,
    HasProfileTraits,
    event_type="users.profile.Update",
    display_name="User Profile Update",
    release=7,
    status="beta",
    http=False,
):
    """
    Beta: a user's profile was changed.

    A statement of state, not an act of the user: imports and API calls can cause it as
    well (``update_source``), and ``time_ms`` gives the order. Carries names, contact
    details and birthday, so all of it is personal data. Known from storage; Braze's
    pages mention an HTTP form too.
    """

    time_ms: int | None = None
    """
    The same moment as ``time`` in UTC epoch milliseconds. Order changes within one
    second by it.
    """

    app_id: str | None = None
    """
    The app through which the profile changed. ``None`` for changes from the backend
    or the dashboard.
    """

    update_source: str | None = None
    """Source of the change, as Braze names it."""

    archived: bool | None = None
    """State of the profile after the update: ``True`` once Braze has archived it."""

    first_name: str | None = personal()
    """Given name after the update."""

    last_name: str | None = personal()
    """Family name after the update."""

    email_address: str | None = personal()
    """Email address after the update."""

    gender: str | None = personal()
    """
    Gender after the update: ``M`` male, ``F`` female, ``O`` other, ``N`` not
    applicable, ``P`` prefer not to say.
    """

    phone_number: str | None = personal()
    """Number after the update, in E.164 form."""

    dob: str | None = personal()
    """
    Birthday after the update, written as an ISO-8601 timestamp: take its date
    part.
    """

    home_city: str | None = personal()
    """City of residence after the update."""

    country: str | None = personal()
    """Country of residence after the update, as a rule an ISO-3166-1 alpha-2 code."""

    language: str | None = personal()
    """Preferred language after the update, as a rule an ISO-639-1 code."""

    custom_attributes: JsonObject | None = None
    """
    The custom attributes that this update touched: JSON text of an object, name to
    new value.
    """
