"""Feature flags: who saw which side of an experiment."""

from braze_heap.events._declare import since
from braze_heap.events.groups import (
    HasApp,
    HasBrowser,
    HasDevice,
    HasDeviceDetails,
    HasNamedCampaign,
    HasNamedCanvas,
    HasPlatform,
    HasProfileTraits,
    HasSdkVersion,
    HasStepMessageVariation,
    HasTimezone,
    HasUniqueness,
    HasUser,
    HasWorkspace,
)


class FeatureFlagImpression(
    HasUser,
    HasTimezone,
    HasDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasNamedCampaign,
    HasNamedCanvas,
    HasStepMessageVariation,
    HasUniqueness,
    HasProfileTraits,
    HasBrowser,
    HasSdkVersion,
    HasDeviceDetails,
    event_type="users.messages.featureflag.Impression",
    display_name="Feature Flag Experiment Impression",
):
    """
    A user met a feature flag in the app.

    The exposure record of feature flag experiments, logged by the app's own code.
    ``is_unique`` marks the first exposure to the flag; ``message_variation_id`` or
    ``canvas_variation_id`` distinguishes the groups.
    """

    feature_flag_id_name: str | None = None
    """The flag, under the id that the app asks for in code."""

    is_unique: bool | None = since(11)
    """
    ``False`` from a user's second exposure to the same flag onwards. The sum counts
    people, the number of events counts exposures.
    """
