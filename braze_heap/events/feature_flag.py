"""
Feature flags: who saw which side of an experiment.
"""

from braze_heap.events._declare import since, storage_only
from braze_heap.events.groups import (
    HasApp,
    HasDevice,
    HasNamedCampaign,
    HasNamedCanvas,
    HasPlatform,
    HasProfileTraits,
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
    event_type="users.messages.featureflag.Impression",
    display_name="Feature Flag Experiment Impression",
):
    """
    A user met a feature flag in the app.

    The exposure record of feature flag experiments, logged by the app's own code.
    ``is_unique`` marks the first exposure to the flag; ``message_variation_id`` or
    ``canvas_variation_id`` tells the groups apart.
    """

    feature_flag_id_name: str | None = None
    """The flag, under the id that the app asks for in code."""

    browser: str | None = None
    """
    Name of the browser in use, as far as its user agent gives it away. ``None``
    otherwise.
    """

    carrier: str | None = storage_only()
    """Mobile network operator, as the device reports it."""

    resolution: str | None = storage_only()
    """Screen size that the device reports, as text."""

    sdk_version: str | None = storage_only()
    """
    Version of the Braze SDK inside the app or site. Empty when the event came from
    the backend.
    """

    is_unique: bool | None = since(11)
    """
    ``False`` from a user's second exposure to the same flag onwards. The sum counts
    people, the number of events counts exposures.
    """
