"""
Catalog of event types: what is known of a type besides its fields.

It is read without loading the classes.
"""

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, TypedDict, cast

import attrs

Category: TypeAlias = Literal[
    "message_engagement", "customer_behavior", "user", "agent"
]
"""Braze's own group of an event type."""

Status: TypeAlias = Literal["current", "beta", "deprecated", "legacy"]
"""Life-cycle status of an event type in Braze's documentation."""

_TABLE: Final = """
agentconsole.AgentExecuted | AgentExecuted | Agent Executed | agent | - | agent_run | 5 | current | both
agentconsole.ToolInvocation | ToolInvocation | Tool Invocation | agent | - | tool_call | 5 | current | both
users.messages.banner.Abort | BannerAbort | Banner Abort | message_engagement | banner | abort | 2 | current | both
users.messages.banner.Click | BannerClick | Banner Click | message_engagement | banner | click | 2 | current | both
users.messages.banner.Dismiss | BannerDismiss | Banner Dismissal | message_engagement | banner | dismiss | 8 | current | both
users.messages.banner.Impression | BannerImpression | Banner Impression | message_engagement | banner | impression | 2 | current | both
users.behaviors.CustomEvent | CustomEvent | Custom Event | customer_behavior | - | custom_event | 2 | current | both
users.behaviors.InstallAttribution | InstallAttribution | Install Attribution | customer_behavior | - | install | 2 | current | both
users.behaviors.Location | Location | Location | customer_behavior | - | location | 2 | current | both
users.behaviors.Purchase | Purchase | Purchase | customer_behavior | - | purchase | 2 | current | both
users.behaviors.Uninstall | Uninstall | Uninstall | message_engagement | - | uninstall | 2 | current | both
users.behaviors.app.FirstSession | FirstSession | First Session | customer_behavior | - | first_session | 2 | current | both
users.behaviors.app.SessionEnd | SessionEnd | Session End | customer_behavior | - | session_end | 2 | current | both
users.behaviors.app.SessionStart | SessionStart | Session Start | customer_behavior | - | session_start | 2 | current | both
users.campaigns.Conversion | CampaignConversion | Campaign Conversion | message_engagement | - | conversion | 2 | current | both
users.campaigns.EnrollInControl | CampaignEnrollInControl | Campaign Control Group Enrollment | message_engagement | - | enroll | 2 | current | both
users.campaigns.UniqueReceipt | CampaignUniqueReceipt | Unique User Message Receipt | message_engagement | - | receive | 13 | current | both
users.canvas.Conversion | CanvasConversion | Canvas Conversion | message_engagement | - | conversion | 2 | current | both
users.canvas.Entry | CanvasEntry | Canvas Entry | message_engagement | - | enter | 2 | current | both
users.canvas.costep.Conversion | CanvasCoStepConversion | Canvas Content Optimizer Step Conversion | message_engagement | - | conversion | 11 | current | both
users.canvas.costep.Send | CanvasCoStepSend | Canvas Content Optimizer Step Send | message_engagement | - | optimizer_send | 10 | current | both
users.canvas.exit.MatchedAudience | CanvasExitMatchedAudience | Exit Match Audience | message_engagement | - | exit | 2 | current | both
users.canvas.exit.PerformedEvent | CanvasExitPerformedEvent | Exit Perform Event | message_engagement | - | exit | 2 | current | both
users.canvas.experimentstep.Conversion | CanvasExperimentStepConversion | Experiment Step Conversion | message_engagement | - | conversion | 2 | current | both
users.canvas.experimentstep.SplitEntry | CanvasExperimentStepSplitEntry | Experiment Split Entry | message_engagement | - | experiment_split | 2 | current | both
users.canvas.sendtodestination.NotSent | CanvasSendToDestinationNotSent | User is not sent to destination | message_engagement | - | forward_skip | 13 | current | both
users.canvas.sendtodestination.Sent | CanvasSendToDestinationSent | User is sent to destination | message_engagement | - | forward | 13 | current | both
users.canvasstep.Progression | CanvasStepProgression | Canvas Step Progression | message_engagement | - | progress | 2 | current | both
users.messages.contentcard.Abort | ContentCardAbort | Content Card Abort | message_engagement | content_card | abort | 2 | current | both
users.messages.contentcard.Click | ContentCardClick | Content Card Click | message_engagement | content_card | click | 2 | current | both
users.messages.contentcard.Dismiss | ContentCardDismiss | Content Card Dismiss | message_engagement | content_card | dismiss | 2 | current | both
users.messages.contentcard.Impression | ContentCardImpression | Content Card Impression | message_engagement | content_card | impression | 2 | current | both
users.messages.contentcard.Send | ContentCardSend | Content Card Send | message_engagement | content_card | send | 2 | current | both
contentoptimizer.ComponentStore | ContentOptimizerComponentStore | Content Optimizer Component Store Update | message_engagement | - | optimizer_update | 11 | current | both
users.messages.email.Abort | EmailAbort | Email Abort | message_engagement | email | abort | 2 | current | both
users.messages.email.Bounce | EmailBounce | Email Bounce | message_engagement | email | bounce | 2 | current | both
users.messages.email.Click | EmailClick | Email Click | message_engagement | email | click | 2 | current | both
users.messages.email.Deferral | EmailDeferral | Email Deferral | message_engagement | email | defer | 2 | current | both
users.messages.email.Delivery | EmailDelivery | Email Delivery | message_engagement | email | delivery | 2 | current | both
users.messages.email.MarkAsSpam | EmailMarkAsSpam | Email Mark As Spam | message_engagement | email | spam | 2 | current | both
users.messages.email.Open | EmailOpen | Email Open | message_engagement | email | open | 2 | current | both
users.messages.email.Retry | EmailRetry | Email Retry | message_engagement | email | retry | 5 | current | both
users.messages.email.Send | EmailSend | Email Send | message_engagement | email | send | 2 | current | both
users.messages.email.SoftBounce | EmailSoftBounce | Email Soft Bounce | message_engagement | email | soft_bounce | 2 | current | both
users.messages.email.Unsubscribe | EmailUnsubscribe | Email Unsubscribe | message_engagement | email | unsubscribe | 2 | current | both
users.messages.featureflag.Impression | FeatureFlagImpression | Feature Flag Experiment Impression | message_engagement | feature_flag | impression | 2 | current | both
users.messages.inappmessage.Abort | InAppMessageAbort | In-App Message Abort | message_engagement | in_app_message | abort | 2 | current | both
users.messages.inappmessage.Click | InAppMessageClick | In-App Message Click | message_engagement | in_app_message | click | 2 | current | both
users.messages.inappmessage.Impression | InAppMessageImpression | In-App Message Impression | message_engagement | in_app_message | impression | 2 | current | both
users.messages.landingpage.Click | LandingPageClick | Landing Page Click | message_engagement | landing_page | click | 11 | current | both
users.messages.landingpage.FormSubmission | LandingPageFormSubmission | Landing Page Form Submission | message_engagement | landing_page | submit | 11 | current | both
users.messages.landingpage.Impression | LandingPageImpression | Landing Page Impression | message_engagement | landing_page | impression | 11 | current | both
users.messages.line.Abort | LineAbort | LINE Abort | message_engagement | line | abort | 3 | current | both
users.messages.line.Click | LineClick | LINE Click | message_engagement | line | click | 3 | current | both
users.messages.line.InboundReceive | LineInboundReceive | LINE Inbound Receive | message_engagement | line | inbound | 3 | current | both
users.messages.line.Retry | LineRetry | LINE Retry | message_engagement | line | retry | 5 | current | both
users.messages.line.Send | LineSend | LINE Send | message_engagement | line | send | 3 | current | both
users.behaviors.liveactivity.PushToStartTokenChange | LiveActivityPushToStartTokenChange | Live Activity Push To Start Token Change | customer_behavior | live_activity | token_change | 2 | current | both
users.behaviors.liveactivity.UpdateTokenChange | LiveActivityUpdateTokenChange | Live Activity Update Token Change | customer_behavior | live_activity | token_change | 2 | current | both
users.messages.liveactivity.Outcome | LiveActivityOutcome | Live Activity Outcome | message_engagement | live_activity | outcome | 2 | current | both
users.messages.liveactivity.Send | LiveActivitySend | Live Activity Send | message_engagement | live_activity | send | 2 | current | both
users.messages.newsfeedcard.Abort | NewsFeedCardAbort | News Feed Card Abort | message_engagement | news_feed | abort | 2 | legacy | http
users.messages.newsfeedcard.Click | NewsFeedCardClick | News Feed Card Click | message_engagement | news_feed | click | 2 | legacy | http
users.messages.newsfeedcard.Impression | NewsFeedCardImpression | News Feed Card Impression | message_engagement | news_feed | impression | 2 | legacy | http
users.behaviors.pushnotification.TokenStateChange | PushTokenStateChange | Push Notification Token State Change | customer_behavior | push | token_change | 2 | current | both
users.messages.pushnotification.Abort | PushAbort | Push Notification Abort | message_engagement | push | abort | 2 | current | both
users.messages.pushnotification.Bounce | PushBounce | Push Notification Bounce | message_engagement | push | bounce | 2 | current | both
users.messages.pushnotification.IosForeground | PushIosForeground | Push Notification iOS Foreground Open | message_engagement | push | receive | 2 | deprecated | both
users.messages.pushnotification.Open | PushOpen | Push Notification Open | message_engagement | push | open | 2 | current | both
users.messages.pushnotification.Retry | PushRetry | Push Notification Retry | message_engagement | push | retry | 5 | current | both
users.messages.pushnotification.Send | PushSend | Push Notification Send | message_engagement | push | send | 2 | current | both
users.messages.rcs.Abort | RcsAbort | RCS Abort | message_engagement | rcs | abort | 3 | current | both
users.messages.rcs.Click | RcsClick | RCS Click | message_engagement | rcs | click | 3 | current | both
users.messages.rcs.Delivery | RcsDelivery | RCS Delivery | message_engagement | rcs | delivery | 3 | current | both
users.messages.rcs.InboundReceive | RcsInboundReceive | RCS Inbound Received | message_engagement | rcs | inbound | 3 | current | both
users.messages.rcs.Read | RcsRead | RCS Read | message_engagement | rcs | read | 3 | current | both
users.messages.rcs.Rejection | RcsRejection | RCS Rejection | message_engagement | rcs | reject | 3 | current | both
users.messages.rcs.Send | RcsSend | RCS Send | message_engagement | rcs | send | 3 | current | both
users.messages.sms.Abort | SmsAbort | SMS Abort | message_engagement | sms | abort | 2 | current | both
users.messages.sms.CarrierSend | SmsCarrierSend | SMS Carrier Send | message_engagement | sms | carrier_send | 2 | current | both
users.messages.sms.Delivery | SmsDelivery | SMS Delivery | message_engagement | sms | delivery | 2 | current | both
users.messages.sms.DeliveryFailure | SmsDeliveryFailure | SMS Delivery Failure | message_engagement | sms | fail | 2 | current | both
users.messages.sms.InboundReceive | SmsInboundReceive | SMS Inbound Received | message_engagement | sms | inbound | 2 | current | both
users.messages.sms.Rejection | SmsRejection | SMS Rejection | message_engagement | sms | reject | 2 | current | both
users.messages.sms.Retry | SmsRetry | SMS Retry | message_engagement | sms | retry | 5 | current | both
users.messages.sms.Send | SmsSend | SMS Send | message_engagement | sms | send | 2 | current | both
users.messages.sms.ShortLinkClick | SmsShortLinkClick | SMS Short Link Click | message_engagement | sms | click | 2 | current | both
users.behaviors.subscription.GlobalStateChange | SubscriptionGlobalStateChange | Global Subscription State Change | message_engagement | - | subscription_change | 2 | current | both
users.behaviors.subscriptiongroup.StateChange | SubscriptionGroupStateChange | Subscription Group State Change | message_engagement | - | subscription_change | 2 | current | both
users.messages.survey.Response | SurveyResponse | Survey Response | message_engagement | survey | submit | 11 | current | both
users.RandomBucketNumberUpdate | RandomBucketNumberUpdate | Random Bucket Number Update | user | - | bucket_change | 2 | current | storage
users.UserDeleteRequest | UserDeleteRequest | User Delete Request | user | - | delete | 10 | current | storage
users.UserOrphan | UserOrphan | User Orphan | user | - | merge | 10 | current | storage
users.profile.Update | ProfileUpdate | User Profile Update | user | - | profile_update | 7 | beta | storage
users.messages.webhook.Abort | WebhookAbort | Webhook Abort | message_engagement | webhook | abort | 2 | current | both
users.messages.webhook.Failure | WebhookFailure | Webhook Failure | message_engagement | webhook | fail | 2 | current | both
users.messages.webhook.Retry | WebhookRetry | Webhook Retry | message_engagement | webhook | retry | 5 | current | both
users.messages.webhook.Send | WebhookSend | Webhook Send | message_engagement | webhook | send | 2 | current | both
users.messages.whatsapp.Abort | WhatsAppAbort | WhatsApp Abort | message_engagement | whatsapp | abort | 2 | current | both
users.messages.whatsapp.Click | WhatsAppClick | WhatsApp Tracked Link Click | message_engagement | whatsapp | click | 2 | current | both
users.messages.whatsapp.Delivery | WhatsAppDelivery | WhatsApp Delivery | message_engagement | whatsapp | delivery | 2 | current | both
users.messages.whatsapp.Failure | WhatsAppFailure | WhatsApp Failure | message_engagement | whatsapp | fail | 2 | current | both
users.messages.whatsapp.InboundReceive | WhatsAppInboundReceive | WhatsApp Inbound Received | message_engagement | whatsapp | inbound | 2 | current | both
users.messages.whatsapp.Read | WhatsAppRead | WhatsApp Read | message_engagement | whatsapp | read | 2 | current | both
users.messages.whatsapp.Retry | WhatsAppRetry | WhatsApp Retry | message_engagement | whatsapp | retry | 5 | current | both
users.messages.whatsapp.Send | WhatsAppSend | WhatsApp Send | message_engagement | whatsapp | send | 2 | current | both
"""  # noqa: E501
"""
One row for each type, by family: type, class, display name, category, channel (- if it
has none), action, release, status, and wire forms (both, http or storage).
"""


class CatalogArguments(TypedDict, total=False):
    """
    Arguments of an event class, besides its ``event_type``: see `CatalogEntry`.

    By default they are those that the catalog has for the type.
    """

    display_name: str
    category: Category | None
    channel: str | None
    action: str | None
    release: int
    status: Status
    http: bool
    storage: bool


@attrs.frozen
class CatalogEntry:
    """
    Details of one event type.

    Attributes:
        event_type: The type as Braze writes it.
        class_name: Name of its class in `braze_heap.events`.
        display_name: The name that Braze's documentation gives the type.
        category: Braze's own group of the type.
        channel: Messaging channel, such as ``email``; ``None`` if the type has none, or
            if it varies and is a field of the event.
        action: Action, such as ``click``; the same word on every channel.
        release: The Currents release that added the type; 2 for version 2 and older.
        status: Life-cycle status in Braze's documentation.
        http: Whether Braze documents the type for the HTTP connector.
        storage: Whether Braze documents the type for storage.
    """

    event_type: str
    class_name: str
    display_name: str
    category: Category | None = None
    channel: str | None = None
    action: str | None = None
    release: int = 2
    status: Status = "current"
    http: bool = True
    storage: bool = True


@functools.cache
def catalog() -> Mapping[str, CatalogEntry]:
    """
    Return the details of every event type up to Currents release 13 (2026-10-07).

    Loads no event class. `catalog_entry` has those of a class, also of your own.
    """
    rows = _TABLE.strip().splitlines()
    return MappingProxyType({(entry := _entry(row)).event_type: entry for row in rows})


@functools.cache
def types_by_class() -> Mapping[str, str]:
    """Return the event type of each class name in the catalog."""
    return {entry.class_name: event_type for event_type, entry in catalog().items()}


def category_of(event_type: str) -> str:
    """Return Braze's own group of *event_type*; ``other`` if that is not known."""
    entry = catalog().get(event_type)
    return (entry and entry.category) or "other"


def _entry(row: str) -> CatalogEntry:
    cells = row.split(" | ")
    type_, name, shown, category, channel, action, release, status, forms = cells
    return CatalogEntry(
        event_type=type_,
        class_name=name,
        display_name=shown,
        category=cast("Category", category),
        channel=None if channel == "-" else channel,
        action=action,
        release=int(release),
        status=cast("Status", status),
        http=forms != "storage",
        storage=forms != "http",
    )
