"""Campaigns: conversions, control groups and unique recipients."""

import braze_heap.events.groups as groups


class CampaignEvent(
    groups.HasUserOnDevice,
    groups.HasWorkspace,
    groups.HasApp,
    groups.HasNamedCampaign,
    groups.HasDispatch,
    groups.HasSend,
):
    """Something happened in a campaign."""


class CampaignConversion(
    CampaignEvent,
    groups.HasDeviceOverHttp,
    groups.HasDispatchOverHttp,
    groups.HasConversion,
):
    """
    A user met a conversion goal of a campaign.

    Braze's own attribution, within the window set in the campaign. One user can meet
    several goals (``conversion_behavior_index``). Do not add these to the purchases or
    custom events: they are the same acts.
    """


class CampaignEnrollInControl(
    CampaignEvent, groups.HasDeviceOverHttp, groups.HasDispatchOverHttp
):
    """
    A user fell into a campaign's control group and got no message.

    Comes instead of the send. Count it as the baseline for ``campaigns.Conversion``,
    never as a recipient.
    """


class CampaignUniqueReceipt(CampaignEvent, groups.HasProfileTraitsOverHttp):
    """
    A campaign's message reached a user, by Braze's unique count of recipients.

    Counts recipients instead of messages. Braze's page mentions flags for daily and
    total uniqueness and Canvas steps, but the released schema has neither, so expect
    more fields.
    """
