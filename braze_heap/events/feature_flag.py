"""Feature flags: who saw which side of an experiment."""

import braze_heap.events.groups as groups


class FeatureFlagImpression(
    groups.HasUserOnDevice,
    groups.HasWorkspace,
    groups.HasApp,
    groups.HasPlatform,
    groups.HasCampaignOrCanvas,
    groups.HasStepMessageVariation,
    groups.HasUniqueness,
    groups.HasProfileTraits,
    groups.HasBrowser,
    groups.HasSdkVersion,
    groups.HasDeviceDetails,
):
    """
    A user met a feature flag in the app.

    The exposure record of feature flag experiments, logged by the app's own code.
    ``is_unique`` marks the first exposure to the flag; ``message_variation_id`` or
    ``canvas_variation_id`` distinguishes the groups.
    """

    feature_flag_id_name: str | None = None
    """Id of the flag in the app's code."""
