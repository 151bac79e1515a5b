"""Campaigns: conversions, control groups and unique recipients."""

from braze_heap.events._declare import field, http_only, personal
from braze_heap.events.groups import (
    HasApp,
    HasConversion,
    HasDeviceOverHttp,
    HasDispatch,
    HasNamedCampaign,
    HasProfileTraits,
    HasSend,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class CampaignEvent(
    HasUser,
    HasTimezone,
    HasDeviceOverHttp,
    HasWorkspace,
    HasApp,
    HasNamedCampaign,
    HasDispatch,
    HasSend,
):
    """Something happened in a campaign."""

    dispatch_id: str | None = http_only()


class CampaignConversion(
    CampaignEvent,
    HasConversion,
    event_type="users.campaigns.Conversion",
    display_name="Campaign Conversion",
):
    """
    A user met a conversion goal of a campaign.

    Braze's own attribution, within the window set in the campaign.
    ``conversion_behavior_index`` is the goal (0 is the primary one); one user can meet
    several. Do not add these to the underlying purchases or custom events: they are the
    same acts seen again.
    """


class CampaignEnrollInControl(
    CampaignEvent,
    event_type="users.campaigns.EnrollInControl",
    display_name="Campaign Control Group Enrollment",
):
    """
    A user fell into a campaign's control group and got no message.

    Stands in place of the send. Count it as the baseline for ``campaigns.Conversion``,
    never as a recipient.
    """


class CampaignUniqueReceipt(
    CampaignEvent,
    HasProfileTraits,
    event_type="users.campaigns.UniqueReceipt",
    display_name="Unique User Message Receipt",
    release=13,
):
    """
    A campaign's message reached a user, by Braze's unique count of recipients.

    For counting recipients instead of messages. Added in release v13. Braze's page
    speaks of flags for daily and total uniqueness and of Canvas steps, but the released
    schema has neither, so expect fields to be added.
    """

    country: str | None = personal()

    device_id: str | None = field(place="user")

    dispatch_id: str | None = None

    gender: str | None = personal()

    language: str | None = personal()
