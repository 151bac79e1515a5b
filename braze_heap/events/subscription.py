"""Subscriptions: who may be contacted, and on which channel."""

from braze_heap.events._declare import http_only, personal
from braze_heap.events.groups import *


class SubscriptionEvent(
    HasUser, HasTimezone, HasWorkspace, HasApp, HasCampaignOrCanvas, HasSend
):
    """
    The user changed what they want to receive.

    A campaign or Canvas is the one that the change is attributed to.
    """

    state_change_source: str | None = None
    """
    Source of the change, such as ``SDK``, ``REST API``, ``Preference Center``,
    ``List-Unsubscribe`` or ``User Merge``. Separates users' choices from bulk changes.
    """

    subscription_status: str | None = None
    """
    State from now on: ``Subscribed``, ``Unsubscribed`` or, for a channel, ``Opted In``
    (on the user's own request). The previous state is not sent.
    """

    channel: str | None = None
    """Channel that changed, or that the group serves. An open list."""

    channel_identifier: str | None = personal()
    """Address on the channel, such as an email address or a phone number."""

    email_address: str | None = personal()
    """Email address of the profile at the time of the change, if it has one."""


class SubscriptionGlobalStateChange(SubscriptionEvent):
    """
    A user's subscription to a whole channel changed.

    The record of opt-ins and opt-outs, whatever caused them (``state_change_source``).
    ``email.Unsubscribe`` is only a click on a link. Membership in a single group is
    ``subscriptiongroup.StateChange``.
    """

    message_variation_name: str | None = http_only()


class SubscriptionGroupStateChange(
    SubscriptionEvent, HasDeviceOverHttp, HasDispatch, HasSubscriptionGroup
):
    """
    A user joined or left a subscription group.

    The channel as a whole is ``subscription.GlobalStateChange``: a user who stays in a
    group can still be unsubscribed globally. ``state_change_source`` separates users'
    choices from imports and merges.
    """

    phone_number: str | None = personal()
    """Phone number of the profile at the time, in E.164 form, if it has one."""
