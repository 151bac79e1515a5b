"""Email: from send to click, and everything that can go wrong between."""

from braze_heap.events._declare import personal, since, storage_only
from braze_heap.events.groups import *


class HasSendingIp(HasEmailProvider):
    """Events of an email with the address of the server that sent it."""

    sending_ip: str | None = None
    """Address of the server that sent the email, to find an IP that is blocked."""


class EmailEvent(
    HasUser, HasTimezone, HasWorkspace, HasCampaignOrCanvas, HasDispatch, HasSend
):
    """Something happened with an email."""

    email_address: str | None = personal()
    """Address of the recipient. The profile may have another one by now."""

    ip_pool: str | None = None
    """Pool of IP addresses that sent the email. Compare deliverability by it."""


class EmailBounceEvent(EmailEvent, HasDeviceOverHttp, HasSendingIp):
    """The mailbox provider rejected an email."""

    bounce_reason: str | None = personal()
    """Answer of the receiving server, verbatim. May contain the address."""


class EmailAbort(
    EmailEvent,
    HasDevice,
    HasStepMessageVariation,
    HasAbortExtras,
    HasAbort,
    HasDataObjectProvenance,
):
    """
    Braze decided not to send an email.

    There is no ``email.Send`` for it. ``abort_type`` is the reason, such as Liquid or
    frequency capping. Failures after the send are ``email.Bounce`` and
    ``email.SoftBounce``.
    """


class EmailBounce(EmailBounceEvent):
    """
    The mailbox provider rejected an email permanently (a hard bounce).

    The address is unusable. Temporary rejections are ``email.SoftBounce`` and
    ``email.Deferral``. Joins ``email.Send`` on ``dispatch_id`` and ``user_id``.
    """

    is_drop: bool | None = None
    """Whether it is a drop, not an ordinary bounce. Report the two separately."""


class EmailClick(
    EmailEvent,
    HasDeviceOverHttp,
    HasLinkClick,
    HasBotClickReason,
    HasEmailProvider,
    HasEmailClient,
    HasDataObjectProvenance,
):
    """
    Someone, or a link scanner, followed a link in an email.

    Exclude clicks with ``is_suspected_bot_click``; it is ``None`` unless bot filtering
    is on. Clicks on the unsubscribe link are not engagement. Joins ``email.Send`` on
    ``dispatch_id`` and ``user_id``.
    """

    link_id: str | None = None
    """Braze's own key of the link; ``link_alias`` is the author's."""

    link_alias: str | None = None
    """The author's name of the link. Steadier than a personalized ``url``."""

    has_url_parameters: bool | None = since(12)
    """Whether the link had a query string."""

    link_aliasing_enabled: bool | None = since(12)
    """Whether the workspace used link aliasing, so that ``link_alias`` is set."""


class EmailDeferral(EmailEvent, HasStepMessageVariation, HasSendingIp):
    """
    The mailbox provider asked to deliver an email later.

    A delay, not a failure: delivery or a bounce follows, and one email can have several
    (``attempt_count``). Retries by Braze itself are ``email.Retry``.
    """

    recipient_domain: str | None = None
    """Domain of the address, without personal data. Shows which servers are slow."""

    deferral_reason: str | None = personal()
    """Answer of the receiving server, status code and text, verbatim."""

    attempt_count: int | None = None
    """Number of delivery attempts for this email so far."""


class EmailDelivery(
    EmailEvent, HasDeviceOverHttp, HasSendingIp, HasDataObjectProvenance
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
    HasUserAgent,
):
    """
    A user reported an email as spam.

    Mail that a filter put aside is not reported, nor are complaints that the provider
    does not pass on. The change of subscription, if any, is
    ``subscription.GlobalStateChange``.
    """


class EmailOpen(
    EmailEvent,
    HasDeviceOverHttp,
    HasEmailProvider,
    HasEmailClient,
    HasDataObjectProvenance,
    HasUserAgent,
):
    """
    An email was opened, by a person or by a machine.

    Counted when the images load, so mail privacy proxies cause it too: exclude those
    with ``machine_open``. One user can open several times. Joins ``email.Send`` on
    ``dispatch_id`` and ``user_id``.
    """

    machine_open: str | None = None
    """
    The text ``true`` if a machine opened the email, such as a mail privacy proxy.
    ``None`` if a person seems to have. Filter on it before you compute open rates.
    """


class EmailRetry(
    EmailEvent, HasDevice, HasStepMessageVariation, HasRetry, HasProfileTraits
):
    """
    Braze postponed an email and will try again.

    ``retry_type`` is the reason. Neither a send nor a failure yet. Delays by the
    mailbox provider are ``email.Deferral``.
    """


class EmailSend(
    EmailEvent,
    HasDeviceOverHttp,
    HasMessageExtras,
    HasDataObjectProvenance,
    HasMessageArchive,
):
    """
    Braze handed an email to the email service provider.

    Not delivered yet: that is ``email.Delivery`` or a bounce. All later events of the
    email join it on ``dispatch_id`` and ``user_id``. Users in the control group get
    ``campaigns.EnrollInControl`` instead.
    """

    from_domain: str | None = storage_only(since=9)
    """Domain that the email was sent from. Compare deliverability by it."""


class EmailSoftBounce(EmailBounceEvent):
    """
    The mailbox provider could not take an email for a temporary reason.

    For example a full mailbox; the address stays valid. The permanent case is
    ``email.Bounce``. Joins ``email.Send`` on ``dispatch_id`` and ``user_id``.
    """


class EmailUnsubscribe(EmailEvent, HasDeviceOverHttp):
    """
    A user clicked the unsubscribe link in an email.

    A click, which shows the message that caused it. The change of state is
    ``subscription.GlobalStateChange`` or ``subscriptiongroup.StateChange``.
    """
