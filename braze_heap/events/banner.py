"""Banners: messages that an app or a website shows in place."""

import braze_heap.events.groups as groups
from braze_heap.events._declare import since


class BannerEvent(
    groups.HasUserOnDevice,
    groups.HasWorkspace,
    groups.HasApp,
    groups.HasPlatform,
    groups.HasAdvertisingId,
    groups.HasCampaignOrCanvas,
    groups.HasServedVariation,
    groups.HasProfileTraits,
    groups.HasBrowser,
    groups.HasSdkVersion,
    groups.HasDeviceDetails,
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


class BannerAbort(BannerEvent, groups.HasAbort):
    """
    Braze held back a banner.

    The user saw nothing; ``abort_type`` is the reason. Neither an impression nor a
    dismissal by the user.
    """


class BannerClick(BannerEvent, groups.HasUniqueness, groups.HasButton):
    """
    A user clicked a banner.

    Banners have no send event: measure against ``banner.Impression``, on
    ``message_variation_id`` and ``banner_placement_id``. Repeated clicks count each
    time; ``is_unique`` marks the first.
    """


class BannerDismiss(
    BannerEvent, groups.HasUniqueness, groups.HasButton, groups.HasProfileTraitsOverHttp
):
    """
    A user closed a banner.

    An act of the user, unlike ``banner.Abort``, where Braze held the banner back.
    ``is_unique`` marks the user's first.
    """

    sdk_version: str | None = None
    resolution: str | None = None
    carrier: str | None = None


class BannerImpression(BannerEvent, groups.HasUniqueness):
    """
    A user saw a banner, or its empty placeholder for the control group.

    Filter on ``is_control`` first. ``is_unique`` marks the user's first view. Banners
    have no send event, so this is the nearest to one.
    """

    is_control: bool | None = since(13)
    """Whether the user is in the control group, so that the banner was empty."""
