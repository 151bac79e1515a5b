"""
Field groups: what events of many channels have in common.

A mapping rule for a group covers every event type that has its fields: a rule for
`HasCampaign` covers whatever a campaign may have caused.
"""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events._declare import (
    JsonText,
    Privacy,
    field,
    http_only,
    personal,
    sensitive,
    since,
    storage_only,
)


class HasUser(CurrentsEvent):
    """Anything that happened to one user profile."""

    user_id: str | None = personal(place="user")
    """
    Braze's id of the profile, 24 hexadecimal digits. Stays the same when an
    anonymous user is identified.
    """

    external_user_id: str | None = personal(place="user")
    """
    Your own id of the user. ``None`` for anonymous profiles; after identification,
    events follow with the same ``user_id`` and this filled in.
    """


class HasTimezone(CurrentsEvent):
    """Events with the time zone of the user."""

    timezone: str | None = field(place="user")
    """
    Zone on the profile, by IANA name such as ``Europe/Paris``. Use it for local
    hours; ``time`` itself is UTC.
    """


class HasDevice(CurrentsEvent):
    """Anything that names the device of the user."""

    device_id: str | None = field(place="user")
    """
    The device, as the Braze SDK identifies it. ``None`` for what happens without a
    known device, such as events from the backend.
    """


class HasDeviceOverHttp(HasDevice):
    """Anything that names the device of the user over HTTP, but not in storage."""

    device_id: str | None = http_only(place="user")


class HasWorkspace(CurrentsEvent):
    """Anything that names the Braze workspace it comes from."""

    app_group_id: str | None = None
    """
    The Braze workspace that the event belongs to. Tells workspaces apart when
    several feed one destination.
    """


class HasApp(CurrentsEvent):
    """Anything that concerns one app of the workspace."""

    app_id: str | None = None
    """
    The app within the workspace (one iOS, Android or web app each) in which it
    happened. ``None`` when no app is involved.
    """


class HasPlatform(CurrentsEvent):
    """Events with details of the device."""

    platform: str | None = None
    """
    Family of the device: ``ios``, ``android``, ``kindle``, ``web``, ``tvos`` or
    ``roku``.
    """

    os_version: str | None = None
    """Version of the operating system, as the device reports it."""

    device_model: str | None = None
    """Model name of the hardware, as the device or its user agent reports it."""


class HasBrowser(CurrentsEvent):
    """Anything that can name the browser."""

    browser: str | None = None
    """
    Name of the browser in use, as far as its user agent gives it away. ``None``
    otherwise.
    """


class HasSdkVersion(CurrentsEvent):
    """Anything with the version of the Braze SDK in storage."""

    sdk_version: str | None = storage_only()
    """
    Version of the Braze SDK inside the app or site. Empty when the event came from
    the backend.
    """


class HasDeviceDetails(CurrentsEvent):
    """Anything with the screen and the carrier of the device in storage."""

    resolution: str | None = storage_only()
    """Screen size that the device reports, as text."""

    carrier: str | None = storage_only()
    """Mobile network operator, as the device reports it."""


class HasAdvertisingId(CurrentsEvent):
    """Anything that carries the advertising identifier of the device."""

    ad_id: str | None = personal()
    """
    Advertising id of the device; ``ad_id_type`` is its scheme. ``None`` unless the app
    collects it.
    """

    ad_id_type: str | None = None
    """
    Scheme of ``ad_id``: ``ios_idfa``, ``google_ad_id``, ``windows_ad_id`` or
    ``roku_ad_id``.
    """

    ad_tracking_enabled: bool | None = None
    """
    The device's ad-tracking permission at event time. ``None`` unless the app
    collects it.
    """


class HasCampaign(CurrentsEvent):
    """Anything that a campaign may have caused."""

    campaign_id: str | None = None
    """
    The campaign behind the event; joins every event of one campaign. ``None`` when a
    Canvas or nothing is behind it.
    """

    campaign_name: str | None = None
    """
    Label of the campaign in the dashboard. Absent or outdated for up to an hour
    after an edit: key on ``campaign_id``.
    """

    message_variation_id: str | None = None
    """
    The campaign's variant that the user received; the unit to compare in an A/B test.
    Within a Canvas, use ``canvas_step_message_variation_id`` instead.
    """


class HasNamedCampaign(HasCampaign):
    """Anything that a campaign may have caused, with the name of the variation."""

    message_variation_name: str | None = None
    """
    Label of the variant. Can be stale or missing for an hour after an edit: key on
    ``message_variation_id``.
    """


class HasCanvas(CurrentsEvent):
    """Anything that a Canvas may have caused."""

    canvas_id: str | None = None
    """
    The Canvas behind the event; joins every event of one Canvas. ``None`` when it
    did not come from a Canvas.
    """

    canvas_variation_id: str | None = None
    """
    The Canvas variant the user is in; the unit to compare in an A/B test. ``None``
    outside Canvases.
    """

    canvas_step_id: str | None = None
    """The step of the Canvas at which it happened. ``None`` outside Canvases."""

    canvas_step_name: str | None = None
    """
    Label of the step in the dashboard. Can be stale or missing for an hour after an
    edit: key on ``canvas_step_id``.
    """


class HasNamedCanvas(HasCanvas):
    """Anything that a Canvas may have caused, with the names of Canvas and variant."""

    canvas_name: str | None = None
    """
    Label of the Canvas in the dashboard. Can be stale or missing for an hour after
    an edit: key on ``canvas_id``.
    """

    canvas_variation_name: str | None = None
    """
    Label of the Canvas variant. Can be stale or missing for an hour after an edit:
    key on ``canvas_variation_id``.
    """


class HasStepMessageVariation(CurrentsEvent):
    """Anything that a message variation of a Canvas step caused."""

    canvas_step_message_variation_id: str | None = storage_only()
    """Message variation of the Canvas step that was used. ``None`` outside Canvases."""


class HasDispatch(CurrentsEvent):
    """Anything that belongs to one transmission of a message."""

    dispatch_id: str | None = None
    """
    One transmission. With ``user_id`` it joins a message to its deliveries, opens and
    clicks, but not on its own, because recipients of one scheduled send may share it.
    """


class HasSend(CurrentsEvent):
    """Anything that belongs to one send."""

    send_id: str | None = None
    """
    Send identifier: the messages of one send have it in common. ``None`` when none
    was set.
    """


class HasMessageExtras(CurrentsEvent):
    """Any message that may carry tags set in Liquid."""

    message_extras: JsonText | None = personal()
    """
    Tags that the author attached with the ``message_extras`` Liquid tag: JSON text
    of an object. Cut at 1,000 bytes, which can leave it unparsable.
    """


class HasAbortExtras(HasMessageExtras):
    """Any aborted message that may carry tags set in Liquid."""

    message_extras: JsonText | None = personal(since=12)


class HasMessageArchive(CurrentsEvent):
    """Any message that Braze can store in the message archive."""

    is_archived: bool | None = since(13)
    """
    ``True`` when Braze stored the message as rendered in the customer's message
    archive.
    """


class HasDataObjectProvenance(CurrentsEvent):
    """Anything in which Braze data objects can take part."""

    data_object_provenance: str | None = personal(since=13)
    """
    Trace from the event to the Braze data objects that took part in it. Treat as
    opaque text.
    """


class HasSubscriptionGroup(CurrentsEvent):
    """Anything that concerns a subscription group."""

    subscription_group_id: str | None = None
    """
    The subscription group that the message was sent under, or that it came in
    through.
    """


class HasAbort(CurrentsEvent):
    """Any message that Braze gave up before sending it."""

    abort_type: str | None = None
    """
    Reason code for stopping the message, such as ``liquid_abort_message``,
    ``frequency_capped`` or ``rate_limit``. The list is long and open; ``abort_log`` has
    the details.
    """

    abort_log: str | None = personal()
    """
    Human-readable explanation behind ``abort_type``, cut at 128 characters. It can
    contain personal data.
    """


class HasRetry(CurrentsEvent):
    """Any message that Braze will try to send again."""

    retry_type: str | None = None
    """Reason code for trying again. An open list."""

    retry_log: str | None = sensitive()
    """
    Human-readable explanation behind ``retry_type``. Not marked as personal data by
    Braze, yet it can contain some, like ``abort_log``.
    """


class HasLinkClick(CurrentsEvent):
    """Any click on a link."""

    url: str | None = None
    """Full target of the clicked link. Its query string may contain personal data."""

    user_agent: str | None = None
    """User agent of the clicking browser or scanner, unparsed."""


class HasShortLinkClick(HasLinkClick):
    """Any click on a link that Braze had shortened."""

    short_url: str | None = None
    """
    The link as it stood in the message, shortened by Braze. See ``url`` for where it
    leads.
    """


class HasBotVerdict(CurrentsEvent):
    """Any click that Braze can suspect to be made by a bot."""

    is_suspected_bot_click: bool | None = None
    """
    Braze's verdict that a machine, not a person, clicked. ``None`` means that bot
    filtering is off, not that the click is human.
    """


class HasBotClickReason(HasBotVerdict):
    """Any click with the reasons for suspecting a bot."""

    suspected_bot_click_reason: list[str] | None = None
    """
    Signals that point to a machine: ``user_agent``, ``ip_address``. Filled even with
    bot filtering off, when ``is_suspected_bot_click`` is ``None``.
    """


class HasUniqueness(CurrentsEvent):
    """Events that mark their first occurrence."""

    is_unique: bool | None = since(11)
    """
    ``True`` the first time that this user does this with this message variation. Sum
    it to count people instead of interactions.
    """


class HasRecipientPhone(CurrentsEvent):
    """Any message sent to a phone number."""

    to_phone_number: str | None = personal()
    """Number that the message was addressed to, in E.164 form (``+15551234567``)."""


class HasSenderPhone(CurrentsEvent):
    """Any message sent from a phone number."""

    from_phone_number: str | None = None
    """Business number that the message left from, in E.164 form (``+15551234567``)."""


class HasUserPhone(CurrentsEvent):
    """Anything that a user did from a phone number."""

    user_phone_number: str | None = personal()
    """Number that the user wrote from, in E.164 form. Several profiles can share it."""


class HasConversion(CurrentsEvent):
    """Any conversion: the user did what the campaign or Canvas hoped for."""

    conversion_behavior_index: int | None = None
    """
    Position of the goal that was met: 0 is the primary conversion event (A), 1 to 3
    are B, C and D.
    """

    conversion_behavior: JsonText | None = None
    """
    Definition of the goal that was met, normally JSON text. Some senders put other
    text here: do not insist on parsing it.
    """


class HasLandingPage(CurrentsEvent):
    """Anything that happened on a landing page."""

    landing_page_api_id: str | None = None
    """
    Braze's key of the page. Joins its impressions, clicks, form submissions and
    survey answers.
    """

    landing_page_name: str | None = None
    """Label of the landing page in the dashboard. Key on ``landing_page_api_id``."""


class HasContentCombination(CurrentsEvent):
    """Anything about a combination that the content optimizer chose."""

    combination_token: str | None = None
    """
    Stands for one mix of content components. Joins
    ``contentoptimizer.ComponentStore``, ``costep.Send`` and ``costep.Conversion``.
    """


class HasInboundMessage(CurrentsEvent):
    """Anything that a user wrote to the sender."""

    message_body: str | None = sensitive()
    """
    Text that the user wrote. Not marked as personal data by Braze, yet it can contain
    anything.
    """


class HasInboundPhoneMessage(HasInboundMessage):
    """Anything that a user wrote to a phone number of the sender."""

    action: str | None = None
    """
    Effect of the inbound keyword on the subscription: ``Subscribed``, ``Unsubscribed``
    or ``None`` (the text ``None``, for a message without effect).
    """

    media_urls: list[str | None] | None = sensitive()
    """
    Links to the pictures and files that the user sent. Entries can be ``None``. Not
    marked as personal data by Braze, yet whoever has a link sees the file.
    """


class HasEmailProvider(CurrentsEvent):
    """Events that the email service provider reports about a sent email."""

    esp: str | None = None
    """
    Email service provider that carried the message: ``SparkPost``, ``SendGrid`` or
    ``Amazon SES``.
    """

    from_domain: str | None = None
    """Domain that the email was sent from. Compare deliverability by it."""

    send_time: int | None = since(12)
    """
    When the email in question was sent, UTC epoch seconds. Subtract from ``time``
    for the delay, without a join.
    """


class HasProfileTraits(CurrentsEvent):
    """Events that have traits of the profile in storage."""

    gender: str | None = storage_only(privacy=Privacy.MARKED)
    """
    Gender on the profile: ``M`` male, ``F`` female, ``O`` other, ``N`` not
    applicable, ``P`` prefer not to say. ``None`` when unknown.
    """

    country: str | None = storage_only(privacy=Privacy.MARKED)
    """
    Country of the user according to the profile, usually an ISO-3166-1 alpha-2 code
    such as ``FR``. Not the place of the event.
    """

    language: str | None = storage_only(privacy=Privacy.MARKED)
    """
    Preferred language on the profile, as a rule an ISO-639-1 code such as ``en``.
    Not necessarily that of the message.
    """


class HasEmailClient(HasBrowser):
    """Anything that somebody did in a program for reading email."""

    is_amp: bool | None = None
    """``True`` when the interaction took place in the AMP version of the email."""

    device_class: str | None = None
    """
    FieldType of device behind the user agent: ``mobile``, ``desktop`` or ``tablet``.
    ``None`` when undecided.
    """

    device_os: str | None = None
    """System in use, as far as the user agent gives it away. ``None`` otherwise."""

    device_model: str | None = None
    """Model name of the hardware, as the device or its user agent reports it."""

    mailbox_provider: str | None = None
    """Provider of the recipient's mailbox, according to the email service provider."""


class HasFailureCause(CurrentsEvent):
    """Any failure that the provider of a text message explained."""

    error: str | None = None
    """
    Name of the error, as the provider calls it. Group failures by
    ``provider_error_code``.
    """

    provider_error_code: str | None = None
    """
    The provider's code for the failure, kept as text. The stable key for grouping
    failures.
    """


class HasTokenChange(CurrentsEvent):
    """Any change of a push token in its life."""

    ios_push_token_apns_gateway: int | None = None
    """
    Apple environment of the token: 1 is development, 2 is production. Leave
    development tokens out of reach figures.
    """

    push_token_state_change_type: str | None = None
    """Change of the token: ``add``, ``update`` or ``remove``."""
