"""Users: what happens to the profile itself."""

from braze_heap.events._declare import JsonObject, personal, sensitive
from braze_heap.events.groups import *


class RandomBucketNumberUpdate(HasUser, HasWorkspace):
    """
    A profile got a new random bucket number.

    The number decides membership in random segments, so a change can move the user to
    another test group. In storage only.
    """

    random_bucket_number: int | None = None
    """New number for random segmentation, from 0 to 9999."""

    prev_random_bucket_number: int | None = None
    """Number of the profile before. ``None`` if this is its first."""


class UserDeleteRequest(HasWorkspace):
    """
    Deletion of a profile was requested.

    Erase the user's data downstream as well. It has no ``external_user_id``, so keep
    your own mapping from earlier events. Known from storage; Braze's pages mention an
    HTTP form too.
    """

    user_id: str | None = personal(place="user")
    """The profile to be deleted, 24 hex digits."""


class UserOrphan(HasUser, HasDevice, HasWorkspace, HasApp):
    """
    A profile was merged into another one and ceased to exist.

    ``user_id`` is the absorbed profile, ``orphaned_by_id`` the survivor: do not swap
    them. Known from storage; Braze's pages mention an HTTP form too.
    """

    user_id: str | None = personal(place="user")
    """The profile that ceased to exist, 24 hex digits."""

    orphaned_by_id: str | None = sensitive()
    """
    ``user_id`` of the profile that survived, to which earlier events of the absorbed
    one belong. Not marked by Braze, but the id of a person.
    """


class ProfileUpdate(HasUser, HasTimezone, HasWorkspace, HasApp, HasProfileTraits):
    """
    Beta: a user's profile was changed.

    Fields have the state after the update. Not always an act of the user: imports and
    API calls cause it too (``update_source``), without an ``app_id``. Names, contact
    details and birthday are personal data. Known from storage; Braze's pages mention an
    HTTP form too.
    """

    time_ms: int | None = None
    """``time`` in UTC epoch milliseconds. Orders changes within one second."""

    update_source: str | None = None
    """Source of the change, as Braze names it."""

    archived: bool | None = None
    """Whether Braze has archived the profile."""

    first_name: str | None = personal()
    """Given name."""

    last_name: str | None = personal()
    """Family name."""

    email_address: str | None = personal()
    """Email address."""

    phone_number: str | None = personal()
    """Phone number, in E.164 form."""

    dob: str | None = personal()
    """Birthday, as an ISO-8601 timestamp: use its date."""

    home_city: str | None = personal()
    """City of residence."""

    custom_attributes: JsonObject | None = None
    """Custom attributes that changed: JSON text of an object, name to new value."""
