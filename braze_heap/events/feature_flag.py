"""Feature flags: who saw which side of an experiment."""

from braze_heap.events.groups import *


class FeatureFlagImpression(
    HasUserOnDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasCampaignOrCanvas,
    HasStepMessageVariation,
    HasUniqueness,
    HasProfileTraits,
    HasBrowser,
    HasSdkVersion,
    HasDeviceDetails,
):
    """
    A user met a feature flag in the app.

    The exposure record of feature flag experiments, logged by the app's own code.
    ``is_unique`` marks the first exposure to the flag; ``message_variation_id`` or
    ``canvas_variation_id`` distinguishes the groups.
    """

    feature_flag_id_name: str | None = None
    """Id of the flag in the app's code."""
