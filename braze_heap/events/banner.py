"""Banners: messages that an app or a website shows in place."""

from braze_heap.events._declare import field, personal, since
from braze_heap.events.groups import (
    HasAbort,
    HasAdvertisingId,
    HasApp,
    HasBrowser,
    HasDevice,
    HasDeviceDetails,
    HasNamedCampaign,
    HasNamedCanvas,
    HasPlatform,
    HasProfileTraits,
    HasSdkVersion,
    HasTimezone,
    HasUniqueness,
    HasUser,
    HasWorkspace,
)


class BannerEvent(
    HasUser,
    HasTimezone,
    HasDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    HasNamedCampaign,
    HasNamedCanvas,
    HasProfileTraits,
    HasBrowser,
    HasSdkVersion,
    HasDeviceDetails,
):
    """Something happened with a banner."""

    banner_placement_id: str | None = None
    """
    The slot in the app or site, named by the customer, that asked for a banner.
    Compare placements with it.
    """

    canvas_name: str | None = since(7)

    canvas_step_name: str | None = since(7)

    canvas_variation_name: str | None = since(7)

    canvas_id: str | None = since(7)

    canvas_step_id: str | None = since(7)

    canvas_step_message_variation_api_id: str | None = field(
        storage="canvas_step_message_variation_id", since=7
    )
    """
    Message variation of the Canvas step that was served. Storage files call the same
    thing ``canvas_step_message_variation_id``.
    """

    canvas_variation_id: str | None = since(7)


class BannerAbort(
    BannerEvent,
    HasAbort,
    event_type="users.messages.banner.Abort",
    display_name="Banner Abort",
):
    """
    Braze held back a banner.

    The user saw nothing. ``abort_type`` is the reason. Count it neither as an
    impression nor as a dismissal by the user.
    """


class BannerClick(
    BannerEvent,
    HasUniqueness,
    event_type="users.messages.banner.Click",
    display_name="Banner Click",
):
    """
    A user clicked a banner.

    Repeated clicks count each time; ``is_unique`` marks the first. Banners have no send
    event: measure against ``banner.Impression``, on ``message_variation_id`` and
    ``banner_placement_id``.
    """

    button_id: str | None = None
    """
    The button that was hit, as text even where it is a number. ``None`` for a click
    elsewhere on the message.
    """

    is_unique: bool | None = since(11)
    """
    ``False`` from a user's second click on the same message variation onwards. The
    sum counts people, the number of events counts clicks.
    """


class BannerDismiss(
    BannerEvent,
    HasUniqueness,
    event_type="users.messages.banner.Dismiss",
    display_name="Banner Dismissal",
    release=8,
):
    """
    A user closed a banner.

    A deliberate act, unlike ``banner.Abort``, where Braze held the banner back.
    ``is_unique`` marks the user's first.
    """

    gender: str | None = personal()

    country: str | None = personal()

    language: str | None = personal()

    sdk_version: str | None = None

    resolution: str | None = None

    carrier: str | None = None

    button_id: str | None = None
    """The button that closed the banner, as text even where it is a number."""

    canvas_id: str | None = None

    canvas_step_id: str | None = None

    canvas_name: str | None = None

    canvas_step_name: str | None = None

    canvas_step_message_variation_api_id: str | None = field(
        storage="canvas_step_message_variation_id"
    )

    canvas_variation_id: str | None = None

    canvas_variation_name: str | None = None

    is_unique: bool | None = since(11)
    """
    ``False`` from a user's second dismissal of the same message variation onwards.
    The sum counts people, the number of events counts dismissals.
    """


class BannerImpression(
    BannerEvent,
    HasUniqueness,
    event_type="users.messages.banner.Impression",
    display_name="Banner Impression",
):
    """
    A user saw a banner, or its empty placeholder for the control group.

    Filter on ``is_control`` first: the control group sees nothing. ``is_unique`` marks
    the user's first view. The nearest thing to a send that banners have.
    """

    is_unique: bool | None = since(11)
    """
    ``False`` from a user's second view of the same message variation onwards. The
    sum counts people, the number of events counts views.
    """

    is_control: bool | None = since(13)
    """
    ``True`` when the user belongs to the control group and the banner was empty.
    Leave these out when counting views.
    """
