"""
Field groups: what events of many channels have in common.

A mapper for a group covers every event type that has its fields: a mapper for
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
    """Events of one user profile."""

    user_id: str | None = personal(place="user")
    """Braze's id of the profile, 24 hex digits. Identifying a user keeps it."""

    external_user_id: str | None = personal(place="user")
    """Your own id of the user. ``None`` until an anonymous user is identified."""


class HasTimezone(CurrentsEvent):
    """Events with the time zone of the user."""

    timezone: str | None = field(place="user")
    """Time zone of the profile, an IANA name (``Europe/Paris``). ``time`` is UTC."""


class HasDevice(CurrentsEvent):
    """Events with the device of the user."""

    device_id: str | None = field(place="user")
    """The device, as the Braze SDK identifies it. ``None`` if it is not known."""


class HasUserOnDevice(HasUser, HasTimezone, HasDevice):
    """Events of one user, with their time zone and device."""


class HasDeviceOverHttp(HasDevice):
    """Events with the device of the user over HTTP, but not in storage."""

    device_id: str | None = http_only(place="user")


class HasWorkspace(CurrentsEvent):
    """Events with the Braze workspace that they come from."""

    app_group_id: str | None = None
    """The Braze workspace. Separates workspaces that feed one destination."""


class HasApp(CurrentsEvent):
    """Events that may concern one app of the workspace."""

    app_id: str | None = None
    """The iOS, Android or web app of the event. ``None`` if no app is involved."""


class HasPlatformFamily(CurrentsEvent):
    """Events with the family of the device."""

    platform: str | None = None
    """``ios``, ``android``, ``kindle``, ``web``, ``tvos`` or ``roku``."""


class HasPlatform(HasPlatformFamily):
    """Events with details of the device."""

    os_version: str | None = None
    """Version of the operating system, as the device reports it."""

    device_model: str | None = None
    """Model name of the hardware, as the device reports it."""


class HasBrowser(CurrentsEvent):
    """Events that may have the name of the browser."""

    browser: str | None = None
    """Name of the browser, if its user agent contains it."""


class HasSdkVersion(CurrentsEvent):
    """Events with the version of the Braze SDK in storage."""

    sdk_version: str | None = storage_only()
    """Version of the Braze SDK in the app or site. Empty for the backend."""


class HasDeviceDetails(CurrentsEvent):
    """Events with the screen and the carrier of the device in storage."""

    resolution: str | None = storage_only()
    """Screen size that the device reports, as text."""

    carrier: str | None = storage_only()
    """Mobile network operator, as the device reports it."""


class HasAdvertisingId(CurrentsEvent):
    """Events with the advertising id of the device, if the app collects it."""

    ad_id: str | None = personal()
    """Advertising id of the device; ``ad_id_type`` is its scheme."""

    ad_id_type: str | None = None
    """``ios_idfa``, ``google_ad_id``, ``windows_ad_id`` or ``roku_ad_id``."""

    ad_tracking_enabled: bool | None = None
    """The device's permission for ad tracking at the time of the event."""


class HasCampaign(CurrentsEvent):
    """Events that a campaign may have caused."""

    campaign_id: str | None = None
    """The campaign. ``None`` if a Canvas, or nothing, caused the event."""

    campaign_name: str | None = None
    """Name of the campaign. Missing or old for an hour after an edit: use the id."""

    message_variation_id: str | None = None
    """
    The variant of the campaign that the user received, to compare in an A/B test. In a
    Canvas, use ``canvas_step_message_variation_id``.
    """


class HasNamedCampaign(HasCampaign):
    """Events that a campaign may have caused, with the name of the variant."""

    message_variation_name: str | None = None
    """Name of the variant. Missing or old for an hour after an edit: use the id."""


class HasCanvas(CurrentsEvent):
    """Events that a Canvas may have caused."""

    canvas_id: str | None = None
    """The Canvas. ``None`` if no Canvas caused the event."""

    canvas_variation_id: str | None = None
    """The variant of the Canvas that the user is in, to compare in an A/B test."""

    canvas_step_id: str | None = None
    """The step of the Canvas at which it happened."""

    canvas_step_name: str | None = None
    """Name of the step. Missing or old for an hour after an edit: use the id."""


class HasNamedCanvas(HasCanvas):
    """Events that a Canvas may have caused, with the names of Canvas and variant."""

    canvas_name: str | None = None
    """Name of the Canvas. Missing or old for an hour after an edit: use the id."""

    canvas_variation_name: str | None = None
    """Name of the variant. Missing or old for an hour after an edit: use the id."""


class HasCampaignOrCanvas(HasNamedCampaign, HasNamedCanvas):
    """Events that a campaign or a Canvas may have caused, with all names."""


class HasStepMessageVariation(CurrentsEvent):
    """Events that a message variation of a Canvas step caused, in storage."""

    canvas_step_message_variation_id: str | None = storage_only()
    """Message variation of the Canvas step. ``None`` outside Canvases."""


class HasServedVariation(CurrentsEvent):
    """Events with the message variation of a Canvas step in both wire forms."""

    canvas_step_message_variation_api_id: str | None = field(
        storage="canvas_step_message_variation_id", since=7
    )
    """Message variation of the Canvas step. Storage files name it differently."""


class HasDispatch(CurrentsEvent):
    """Events of one transmission of a message."""

    dispatch_id: str | None = None
    """
    One transmission. Joins a message to its deliveries, opens and clicks, together with
    ``user_id``, because recipients of one scheduled send may share it.
    """


class HasDispatchOverHttp(HasDispatch):
    """Events of one transmission of a message, which storage does not name."""

    dispatch_id: str | None = http_only()


class HasSend(CurrentsEvent):
    """Events of one send."""

    send_id: str | None = None
    """Send identifier, common to the messages of one send. ``None`` if not set."""


class HasMessageExtras(CurrentsEvent):
    """Messages that may have tags set in Liquid."""

    message_extras: JsonText | None = personal()
    """
    JSON text of an object: tags that the author set with the Liquid tag
    ``message_extras``. Cut at 1,000 bytes, which can make it unreadable.
    """


class HasAbortExtras(HasMessageExtras):
    """Aborted messages that may have tags set in Liquid."""

    message_extras: JsonText | None = personal(since=12)


class HasMessageArchive(CurrentsEvent):
    """Messages that Braze can store in the message archive."""

    is_archived: bool | None = since(13)
    """Whether Braze stored the rendered message in your message archive."""


class HasDataObjectProvenance(CurrentsEvent):
    """Events in which Braze data objects can take part."""

    data_object_provenance: str | None = personal(since=13)
    """The Braze data objects that took part in the event, as opaque text."""


class HasSubscriptionGroup(CurrentsEvent):
    """Events that concern a subscription group."""

    subscription_group_id: str | None = None
    """The group that changed, or that the message was sent under or came in through."""


class HasAbort(CurrentsEvent):
    """Messages that Braze aborted before sending them."""

    abort_type: str | None = None
    """
    Reason, such as ``liquid_abort_message``, ``frequency_capped`` or ``rate_limit``. An
    open list; ``abort_log`` has the details.
    """

    abort_log: str | None = personal()
    """Explanation of ``abort_type``, cut at 128 characters."""


class HasRetry(CurrentsEvent):
    """Messages that Braze will try to send again."""

    retry_type: str | None = None
    """Reason for trying again. An open list."""

    retry_log: str | None = sensitive()
    """Explanation of ``retry_type``. Can contain personal data, like ``abort_log``."""


class HasUserAgent(CurrentsEvent):
    """Events with the user agent."""

    user_agent: str | None = None
    """User agent of the browser, mail client, image proxy or scanner, unparsed."""


class HasLinkClick(HasUserAgent):
    """Clicks on a link."""

    url: str | None = None
    """Full target of the link. Its query may contain personal data."""


class HasShortLinkClick(HasLinkClick):
    """Clicks on a link that Braze had shortened."""

    short_url: str | None = None
    """The shortened link in the message; it leads to ``url``."""


class HasBotVerdict(CurrentsEvent):
    """Clicks that Braze can suspect to be made by a bot."""

    is_suspected_bot_click: bool | None = None
    """Whether Braze suspects a machine. ``None`` means that bot filtering is off."""


class HasBotClickReason(HasBotVerdict):
    """Clicks with the reasons for suspecting a bot."""

    suspected_bot_click_reason: list[str] | None = None
    """Signs of a machine: ``user_agent``, ``ip_address``. Set without filtering too."""


class HasButton(CurrentsEvent):
    """Clicks that may hit a button of the message."""

    button_id: str | None = None
    """The button, as text even if it is a number. ``None`` for a click elsewhere."""


class HasUniqueness(CurrentsEvent):
    """Events that mark their first occurrence."""

    is_unique: bool | None = since(11)
    """
    Whether it is the first time for this user and message variation (or feature flag).
    Count the events with ``True`` to count people, all events to count interactions.
    """


class HasRecipientPhone(CurrentsEvent):
    """Messages sent to a phone number."""

    to_phone_number: str | None = personal()
    """Number of the recipient, in E.164 form (``+15551234567``)."""


class HasSenderPhone(CurrentsEvent):
    """Messages sent from a phone number."""

    from_phone_number: str | None = None
    """Business number of the sender, in E.164 form (``+15551234567``)."""


class HasUserPhone(CurrentsEvent):
    """Events that a user caused from a phone number."""

    user_phone_number: str | None = personal()
    """Number of the user, in E.164 form. Several profiles can share it."""


class HasConversion(CurrentsEvent):
    """Conversions: the user met a goal of the campaign or Canvas."""

    conversion_behavior_index: int | None = None
    """The goal: 0 is the primary conversion event (A), 1 to 3 are B, C and D."""

    conversion_behavior: JsonText | None = None
    """Definition of the goal, normally JSON text. May be other text."""


class HasLandingPage(CurrentsEvent):
    """Events of a landing page."""

    landing_page_api_id: str | None = None
    """The page. Joins its impressions, clicks, form submissions and survey answers."""

    landing_page_name: str | None = None
    """Name of the landing page. Use ``landing_page_api_id`` as the key."""


class HasContentCombination(CurrentsEvent):
    """Events about a combination that the content optimizer chose."""

    combination_token: str | None = None
    """
    One combination of content components. Joins ``contentoptimizer.ComponentStore``,
    ``costep.Send`` and ``costep.Conversion``.
    """


class HasInboundMessage(CurrentsEvent):
    """Messages from a user."""

    message_body: str | None = sensitive()
    """Text that the user wrote. Not marked by Braze, but can contain anything."""


class HasInboundPhoneMessage(HasInboundMessage):
    """Messages from a user to a phone number."""

    action: str | None = None
    """Effect on the subscription: ``Subscribed``, ``Unsubscribed`` or text ``None``."""

    media_urls: list[str | None] | None = sensitive()
    """Links to pictures and files that the user sent. Anyone with a link sees them."""


class HasEmailProvider(CurrentsEvent):
    """Events that the email service provider reports about a sent email."""

    esp: str | None = None
    """Email service provider: ``SparkPost``, ``SendGrid`` or ``Amazon SES``."""

    from_domain: str | None = None
    """Domain that the email was sent from. Compare deliverability by it."""

    send_time: int | None = since(12)
    """When the email was sent, UTC epoch seconds. ``time`` minus it is the delay."""


class HasProfileTraits(CurrentsEvent):
    """Events with traits of the profile in storage."""

    gender: str | None = storage_only(privacy=Privacy.MARKED)
    """``M`` male, ``F`` female, ``O`` other, ``N`` not applicable, ``P`` withheld."""

    country: str | None = storage_only(privacy=Privacy.MARKED)
    """Country on the profile, usually ISO-3166-1 alpha-2. Not that of the event."""

    language: str | None = storage_only(privacy=Privacy.MARKED)
    """Language on the profile, usually ISO-639-1. Not always that of the message."""


class HasProfileTraitsOverHttp(HasProfileTraits):
    """Events with traits of the profile over HTTP and in storage."""

    gender: str | None = personal()
    country: str | None = personal()
    language: str | None = personal()


class HasEmailClient(HasBrowser):
    """Events in a program for reading email."""

    is_amp: bool | None = None
    """Whether it happened in the AMP version of the email."""

    device_class: str | None = None
    """``mobile``, ``desktop`` or ``tablet``, if the user agent shows it."""

    device_os: str | None = None
    """Operating system, if the user agent contains it."""

    device_model: str | None = None
    """Model name of the hardware, if the user agent contains it."""

    mailbox_provider: str | None = None
    """Provider of the recipient's mailbox, according to the email provider."""


class HasFailureCause(CurrentsEvent):
    """Failures that the provider of a text message explained."""

    error: str | None = None
    """The provider's name of the error."""

    provider_error_code: str | None = None
    """The provider's code of the failure, as text. Group failures by it."""


class HasTokenChange(CurrentsEvent):
    """Changes of a push token."""

    ios_push_token_apns_gateway: int | None = None
    """Apple environment: 1 development, 2 production. Count production for reach."""

    push_token_state_change_type: str | None = None
    """Change of the token: ``add``, ``update`` or ``remove``."""
