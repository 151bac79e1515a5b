"""Subscriptions: who may be contacted, and on which channel."""

from braze_heap.events._declare import http_only, personal
from braze_heap.events.groups import (
    HasApp,
    HasDeviceOverHttp,
    HasDispatch,
    HasNamedCampaign,
    HasNamedCanvas,
    HasSend,
    HasSubscriptionGroup,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class SubscriptionEvent(
    HasUser,
    HasTimezone,
    HasWorkspace,
    HasApp,
    HasNamedCampaign,
    HasNamedCanvas,
    HasSend,
):
    """The user changed what they want to receive."""

    state_change_source: str | None = None
    """
    Source of the change, for example ``SDK``, ``REST API``, ``Preference Center``,
    ``List-Unsubscribe`` or ``User Merge``. Separates users' own choices from bulk
    changes.
    """

    subscription_status: str | None = None
    """State from now on. The previous one is not sent."""

    channel: str | None = None
    """Channel in question, in Braze's spelling. An open list."""

    channel_identifier: str | None = personal()
    """
    The address that the change applies to, on the channel in ``channel``: an email
    address or a phone number, for example.
    """

    message_variation_name: str | None = http_only()

    email_address: str | None = personal()
    """
    Email address of the profile at the time of the change. ``None`` when it has
    none.
    """

    campaign_id: str | None = None
    """
    The campaign that the change is attributed to. ``None`` for a change made outside
    any campaign.
    """

    canvas_id: str | None = None
    """
    The Canvas that the change is attributed to. ``None`` for a change made outside
    any Canvas.
    """


class SubscriptionGlobalStateChange(
    SubscriptionEvent,
    event_type="users.behaviors.subscription.GlobalStateChange",
    display_name="Global Subscription State Change",
):
    """
    A user's subscription to a whole channel changed.

    The authoritative record of opt-ins and opt-outs, whatever caused them
    (``state_change_source``). ``email.Unsubscribe`` is only a click on a link.
    Membership in a single group is ``subscriptiongroup.StateChange``.
    """

    subscription_status: str | None = None
    """
    State of the channel from now on: ``Subscribed``, ``Unsubscribed`` or
    ``Opted In`` (the user asked for it explicitly).
    """

    channel: str | None = None
    """
    Channel whose subscription changed. ``channel_identifier`` has the address on it.
    """


class SubscriptionGroupStateChange(
    SubscriptionEvent,
    HasDeviceOverHttp,
    HasDispatch,
    HasSubscriptionGroup,
    event_type="users.behaviors.subscriptiongroup.StateChange",
    display_name="Subscription Group State Change",
):
    """
    A user joined or left a subscription group.

    Concerns one ``subscription_group_id`` only: the channel as a whole is
    ``subscription.GlobalStateChange``, and a user who stays in a group can still be
    unsubscribed globally. ``state_change_source`` separates users' choices from imports
    and merges.
    """

    phone_number: str | None = personal()
    """
    Phone number of the profile at the time of the change, in E.164 form. ``None``
    when it has none.
    """

    message_variation_name: str | None = None

    subscription_group_id: str | None = None
    """The subscription group that was joined or left."""

    subscription_status: str | None = None
    """Membership in the group from now on: ``Subscribed`` or ``Unsubscribed``."""

    channel: str | None = None
    """
    Channel that the subscription group serves. ``channel_identifier`` has the address
    on it.
    """
