"""Email: from send to click, and everything that can go wrong between."""

from braze_heap.events._declare import (
    personal,
    since,
    storage_only,
)
from braze_heap.events.groups import (
    HasAbort,
    HasAbortExtras,
    HasBotClickReason,
    HasDataObjectProvenance,
    HasDevice,
    HasDeviceOverHttp,
    HasDispatch,
    HasEmailClient,
    HasEmailProvider,
    HasLinkClick,
    HasMessageArchive,
    HasMessageExtras,
    HasNamedCampaign,
    HasNamedCanvas,
    HasProfileTraits,
    HasRetry,
    HasSend,
    HasStepMessageVariation,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class HasSendingIp(HasEmailProvider):
    """Anything about an email with the address of the server that sent it."""

    sending_ip: str | None = None
    """
    Address of the server that handed the email over. Look here when one IP is being
    blocked.
    """


class EmailEvent(
    HasUser,
    HasTimezone,
    HasWorkspace,
    HasNamedCampaign,
    HasNamedCanvas,
    HasDispatch,
    HasSend,
):
    """Something happened with an email."""

    email_address: str | None = personal()
    """
    Address that the email was addressed to. The profile may have another one by now.
    """

    ip_pool: str | None = None
    """
    Pool of IP addresses that the email was assigned to. Compare deliverability by
    it.
    """


class EmailAbort(
    EmailEvent,
    HasDevice,
    HasStepMessageVariation,
    HasAbortExtras,
    HasAbort,
    HasDataObjectProvenance,
    event_type="users.messages.email.Abort",
    display_name="Email Abort",
):
    """
    Braze decided not to send an email.

    Happens before the send, so there is no ``email.Send`` for it. ``abort_type`` is the
    reason: Liquid, frequency capping and so on. Failures after the send are
    ``email.Bounce`` and ``email.SoftBounce``.
    """


class EmailBounce(
    EmailEvent,
    HasDeviceOverHttp,
    HasSendingIp,
    event_type="users.messages.email.Bounce",
    display_name="Email Bounce",
):
    """
    The mailbox provider refused an email for good (a hard bounce).

    The address is unusable. Temporary refusals are ``email.SoftBounce`` and
    ``email.Deferral``. Joins with ``email.Send`` on ``dispatch_id`` and ``user_id``.
    """

    bounce_reason: str | None = personal()
    """
    Answer of the receiving server, status code and text, verbatim. It may contain
    the recipient's address.
    """

    is_drop: bool | None = None
    """Tells drops (``True``) from ordinary bounces. Report the two apart."""


class EmailClick(
    EmailEvent,
    HasDeviceOverHttp,
    HasLinkClick,
    HasBotClickReason,
    HasEmailProvider,
    HasEmailClient,
    HasDataObjectProvenance,
    event_type="users.messages.email.Click",
    display_name="Email Click",
):
    """
    Someone, or a link scanner, followed a link in an email.

    Exclude clicks with ``is_suspected_bot_click``; it is ``None`` until bot filtering
    is on. Clicks on the unsubscribe link are not engagement. Joins with ``email.Send``
    on ``dispatch_id`` and ``user_id``.
    """

    user_agent: str | None = None
    """
    User agent of the clicking browser or scanner, unparsed. Braze's reading of it is in
    ``device_class``, ``device_os`` and ``browser``.
    """

    link_id: str | None = None
    """Braze's own key of the link that was clicked; ``link_alias`` is the author's."""

    link_alias: str | None = None
    """
    Name that the author gave the link. A steadier reporting key than a personalised
    ``url``.
    """

    has_url_parameters: bool | None = since(12)
    """``True`` when the clicked link carried a query string."""

    link_aliasing_enabled: bool | None = since(12)
    """
    ``True`` when the workspace used link aliasing at the time. Tells whether
    ``link_alias`` can be expected.
    """


class EmailDeferral(
    EmailEvent,
    HasStepMessageVariation,
    HasSendingIp,
    event_type="users.messages.email.Deferral",
    display_name="Email Deferral",
):
    """
    The mailbox provider asked to deliver an email later.

    A delay, not a failure: delivery or a bounce still follows, and there can be several
    of these for one email (``attempt_count``). Retries by Braze itself are
    ``email.Retry``.
    """

    recipient_domain: str | None = None
    """
    The address's part after the ``@``. Shows which mail systems slow you down,
    without personal data.
    """

    deferral_reason: str | None = personal()
    """
    Why the receiving server wants to be asked again later: its status code and text,
    verbatim.
    """

    attempt_count: int | None = None
    """Number of delivery attempts for this email up to the event."""


class EmailDelivery(
    EmailEvent,
    HasDeviceOverHttp,
    HasSendingIp,
    HasDataObjectProvenance,
    event_type="users.messages.email.Delivery",
    display_name="Email Delivery",
):
    """
    The mailbox provider accepted an email.

    Accepted, not read, and possibly filed as spam. Use it rather than ``email.Send`` as
    the denominator of open and click rates. Joins on ``dispatch_id`` and ``user_id``.
    """


class EmailMarkAsSpam(
    EmailEvent,
    HasDeviceOverHttp,
    HasEmailProvider,
    HasDataObjectProvenance,
    event_type="users.messages.email.MarkAsSpam",
    display_name="Email Mark As Spam",
):
    """
    A user reported an email as spam.

    The user pressed the button; it says nothing about mail that a filter put aside, and
    only providers that pass complaints on appear here. The change of subscription, if
    any, is ``subscription.GlobalStateChange``.
    """

    user_agent: str | None = None
    """User agent of the mail client behind the complaint, unparsed."""


class EmailOpen(
    EmailEvent,
    HasDeviceOverHttp,
    HasEmailProvider,
    HasEmailClient,
    HasDataObjectProvenance,
    event_type="users.messages.email.Open",
    display_name="Email Open",
):
    """
    An email was opened, by a person or by a machine.

    Opens are counted when the images load, so mail privacy proxies produce them too:
    leave out those with ``machine_open``. Several opens by one user are normal. Joins
    with ``email.Send`` on ``dispatch_id`` and ``user_id``.
    """

    user_agent: str | None = None
    """
    User agent of the mail client or image proxy that fetched the email. Braze's reading
    of it is in ``device_class``, ``device_os`` and ``browser``.
    """

    machine_open: str | None = None
    """
    The text ``true`` when a machine fetched the email, a mail privacy proxy for
    example. ``None`` for an open that looks human: filter on it before computing open
    rates.
    """


class EmailRetry(
    EmailEvent,
    HasDevice,
    HasStepMessageVariation,
    HasRetry,
    HasProfileTraits,
    event_type="users.messages.email.Retry",
    display_name="Email Retry",
    release=5,
):
    """
    Braze put an email aside to try it again.

    ``retry_type`` is the reason. Nothing has been decided yet, so count it neither as a
    send nor as a failure. A delay on the side of the mailbox provider is
    ``email.Deferral``.
    """


class EmailSend(
    EmailEvent,
    HasDeviceOverHttp,
    HasMessageExtras,
    HasDataObjectProvenance,
    HasMessageArchive,
    event_type="users.messages.email.Send",
    display_name="Email Send",
):
    """
    Braze handed an email to the email service provider.

    Handed over, not delivered: that is ``email.Delivery`` or a bounce. The anchor for
    all later events of the email, on ``dispatch_id`` and ``user_id``. Users in the
    control group get ``campaigns.EnrollInControl`` instead.
    """

    from_domain: str | None = storage_only(since=9)
    """Domain that the email was sent from. Compare deliverability by it."""


class EmailSoftBounce(
    EmailEvent,
    HasDeviceOverHttp,
    HasSendingIp,
    event_type="users.messages.email.SoftBounce",
    display_name="Email Soft Bounce",
):
    """
    The mailbox provider could not take an email for a passing reason.

    A full mailbox or a server that is down, for example; the address stays valid. The
    permanent case is ``email.Bounce``. Joins with ``email.Send`` on ``dispatch_id`` and
    ``user_id``.
    """

    bounce_reason: str | None = personal()
    """
    Answer of the receiving server, status code and text, verbatim. It may contain
    the recipient's address.
    """


class EmailUnsubscribe(
    EmailEvent,
    HasDeviceOverHttp,
    event_type="users.messages.email.Unsubscribe",
    display_name="Email Unsubscribe",
):
    """
    A user clicked the unsubscribe link in an email.

    A click, not a change of state: that is ``subscription.GlobalStateChange`` or
    ``subscriptiongroup.StateChange``. Use it to blame a message, the others to know who
    is subscribed.
    """
