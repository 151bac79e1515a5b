"""Campaigns: conversions, control groups and unique recipients."""

from braze_heap.events.groups import *


class CampaignEvent(
    HasUserOnDevice, HasWorkspace, HasApp, HasNamedCampaign, HasDispatch, HasSend
):
    """Something happened in a campaign."""


class CampaignConversion(
    CampaignEvent, HasDeviceOverHttp, HasDispatchOverHttp, HasConversion
):
    """
    A user met a conversion goal of a campaign.

    Braze's own attribution, within the window set in the campaign. One user can meet
    several goals (``conversion_behavior_index``). Do not add these to the purchases or
    custom events: they are the same acts.
    """


class CampaignEnrollInControl(CampaignEvent, HasDeviceOverHttp, HasDispatchOverHttp):
    """
    A user fell into a campaign's control group and got no message.

    Comes instead of the send. Count it as the baseline for ``campaigns.Conversion``,
    never as a recipient.
    """


class CampaignUniqueReceipt(CampaignEvent, HasProfileTraitsOverHttp):
    """
    A campaign's message reached a user, by Braze's unique count of recipients.

    Counts recipients instead of messages. Braze's page mentions flags for daily and
    total uniqueness and Canvas steps, but the released schema has neither, so expect
    more fields.
    """
