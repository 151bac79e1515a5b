"""Banners: messages that an app or a website shows in place."""

from braze_heap.events._declare import since
from braze_heap.events.groups import *


class BannerEvent(
    HasUserOnDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    HasCampaignOrCanvas,
    HasServedVariation,
    HasProfileTraits,
    HasBrowser,
    HasSdkVersion,
    HasDeviceDetails,
):
    """Something happened with a banner."""

    banner_placement_id: str | None = None
    """The slot in the app or site that asked for a banner, as you named it."""

    canvas_name: str | None = since(7)
    canvas_step_name: str | None = since(7)
    canvas_variation_name: str | None = since(7)
    canvas_id: str | None = since(7)
    canvas_step_id: str | None = since(7)
    canvas_variation_id: str | None = since(7)


class BannerAbort(BannerEvent, HasAbort):
    """
    Braze held back a banner.

    The user saw nothing; ``abort_type`` is the reason. Neither an impression nor a
    dismissal by the user.
    """


class BannerClick(BannerEvent, HasUniqueness, HasButton):
    """
    A user clicked a banner.

    Banners have no send event: measure against ``banner.Impression``, on
    ``message_variation_id`` and ``banner_placement_id``. Repeated clicks count each
    time; ``is_unique`` marks the first.
    """


class BannerDismiss(BannerEvent, HasUniqueness, HasButton, HasProfileTraitsOverHttp):
    """
    A user closed a banner.

    An act of the user, unlike ``banner.Abort``, where Braze held the banner back.
    ``is_unique`` marks the user's first.
    """

    sdk_version: str | None = None
    resolution: str | None = None
    carrier: str | None = None


class BannerImpression(BannerEvent, HasUniqueness):
    """
    A user saw a banner, or its empty placeholder for the control group.

    Filter on ``is_control`` first. ``is_unique`` marks the user's first view. Banners
    have no send event, so this is the nearest to one.
    """

    is_control: bool | None = since(13)
    """Whether the user is in the control group, so that the banner was empty."""
