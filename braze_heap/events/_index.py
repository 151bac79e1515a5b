"""
Where each event class lives, so that its family need not be loaded to find it.
"""

import importlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from braze_heap._wiring import kind_of
from braze_heap.events._base import CurrentsEvent

_CLASSES: Final = MappingProxyType(
    {
        "agent": {
            "agentconsole.AgentExecuted": "AgentExecuted",
            "agentconsole.ToolInvocation": "ToolInvocation",
        },
        "banner": {
            "users.messages.banner.Abort": "BannerAbort",
            "users.messages.banner.Click": "BannerClick",
            "users.messages.banner.Dismiss": "BannerDismiss",
            "users.messages.banner.Impression": "BannerImpression",
        },
        "behaviors": {
            "users.behaviors.CustomEvent": "CustomEvent",
            "users.behaviors.InstallAttribution": "InstallAttribution",
            "users.behaviors.Location": "Location",
            "users.behaviors.Purchase": "Purchase",
            "users.behaviors.Uninstall": "Uninstall",
            "users.behaviors.app.FirstSession": "FirstSession",
            "users.behaviors.app.SessionEnd": "SessionEnd",
            "users.behaviors.app.SessionStart": "SessionStart",
        },
        "campaigns": {
            "users.campaigns.Conversion": "CampaignConversion",
            "users.campaigns.EnrollInControl": "CampaignEnrollInControl",
            "users.campaigns.UniqueReceipt": "CampaignUniqueReceipt",
        },
        "canvas": {
            "users.canvas.Conversion": "CanvasConversion",
            "users.canvas.Entry": "CanvasEntry",
            "users.canvas.costep.Conversion": "CanvasCoStepConversion",
            "users.canvas.costep.Send": "CanvasCoStepSend",
            "users.canvas.exit.MatchedAudience": "CanvasExitMatchedAudience",
            "users.canvas.exit.PerformedEvent": "CanvasExitPerformedEvent",
            "users.canvas.experimentstep.Conversion": "CanvasExperimentStepConversion",
            "users.canvas.experimentstep.SplitEntry": "CanvasExperimentStepSplitEntry",
            "users.canvas.sendtodestination.NotSent": "CanvasSendToDestinationNotSent",
            "users.canvas.sendtodestination.Sent": "CanvasSendToDestinationSent",
            "users.canvasstep.Progression": "CanvasStepProgression",
        },
        "content_card": {
            "users.messages.contentcard.Abort": "ContentCardAbort",
            "users.messages.contentcard.Click": "ContentCardClick",
            "users.messages.contentcard.Dismiss": "ContentCardDismiss",
            "users.messages.contentcard.Impression": "ContentCardImpression",
            "users.messages.contentcard.Send": "ContentCardSend",
        },
        "content_optimizer": {
            "contentoptimizer.ComponentStore": "ContentOptimizerComponentStore",
        },
        "email": {
            "users.messages.email.Abort": "EmailAbort",
            "users.messages.email.Bounce": "EmailBounce",
            "users.messages.email.Click": "EmailClick",
            "users.messages.email.Deferral": "EmailDeferral",
            "users.messages.email.Delivery": "EmailDelivery",
            "users.messages.email.MarkAsSpam": "EmailMarkAsSpam",
            "users.messages.email.Open": "EmailOpen",
            "users.messages.email.Retry": "EmailRetry",
            "users.messages.email.Send": "EmailSend",
            "users.messages.email.SoftBounce": "EmailSoftBounce",
            "users.messages.email.Unsubscribe": "EmailUnsubscribe",
        },
        "feature_flag": {
            "users.messages.featureflag.Impression": "FeatureFlagImpression",
        },
        "in_app_message": {
            "users.messages.inappmessage.Abort": "InAppMessageAbort",
            "users.messages.inappmessage.Click": "InAppMessageClick",
            "users.messages.inappmessage.Impression": "InAppMessageImpression",
        },
        "landing_page": {
            "users.messages.landingpage.Click": "LandingPageClick",
            "users.messages.landingpage.FormSubmission": "LandingPageFormSubmission",
            "users.messages.landingpage.Impression": "LandingPageImpression",
        },
        "line": {
            "users.messages.line.Abort": "LineAbort",
            "users.messages.line.Click": "LineClick",
            "users.messages.line.InboundReceive": "LineInboundReceive",
            "users.messages.line.Retry": "LineRetry",
            "users.messages.line.Send": "LineSend",
        },
        "live_activity": {
            "users.behaviors.liveactivity.PushToStartTokenChange": (
                "LiveActivityPushToStartTokenChange"
            ),
            "users.behaviors.liveactivity.UpdateTokenChange": (
                "LiveActivityUpdateTokenChange"
            ),
            "users.messages.liveactivity.Outcome": "LiveActivityOutcome",
            "users.messages.liveactivity.Send": "LiveActivitySend",
        },
        "news_feed_card": {
            "users.messages.newsfeedcard.Abort": "NewsFeedCardAbort",
            "users.messages.newsfeedcard.Click": "NewsFeedCardClick",
            "users.messages.newsfeedcard.Impression": "NewsFeedCardImpression",
        },
        "push": {
            "users.behaviors.pushnotification.TokenStateChange": "PushTokenStateChange",
            "users.messages.pushnotification.Abort": "PushAbort",
            "users.messages.pushnotification.Bounce": "PushBounce",
            "users.messages.pushnotification.IosForeground": "PushIosForeground",
            "users.messages.pushnotification.Open": "PushOpen",
            "users.messages.pushnotification.Retry": "PushRetry",
            "users.messages.pushnotification.Send": "PushSend",
        },
        "rcs": {
            "users.messages.rcs.Abort": "RcsAbort",
            "users.messages.rcs.Click": "RcsClick",
            "users.messages.rcs.Delivery": "RcsDelivery",
            "users.messages.rcs.InboundReceive": "RcsInboundReceive",
            "users.messages.rcs.Read": "RcsRead",
            "users.messages.rcs.Rejection": "RcsRejection",
            "users.messages.rcs.Send": "RcsSend",
        },
        "sms": {
            "users.messages.sms.Abort": "SmsAbort",
            "users.messages.sms.CarrierSend": "SmsCarrierSend",
            "users.messages.sms.Delivery": "SmsDelivery",
            "users.messages.sms.DeliveryFailure": "SmsDeliveryFailure",
            "users.messages.sms.InboundReceive": "SmsInboundReceive",
            "users.messages.sms.Rejection": "SmsRejection",
            "users.messages.sms.Retry": "SmsRetry",
            "users.messages.sms.Send": "SmsSend",
            "users.messages.sms.ShortLinkClick": "SmsShortLinkClick",
        },
        "subscription": {
            "users.behaviors.subscription.GlobalStateChange": (
                "SubscriptionGlobalStateChange"
            ),
            "users.behaviors.subscriptiongroup.StateChange": (
                "SubscriptionGroupStateChange"
            ),
        },
        "survey": {
            "users.messages.survey.Response": "SurveyResponse",
        },
        "users": {
            "users.RandomBucketNumberUpdate": "RandomBucketNumberUpdate",
            "users.UserDeleteRequest": "UserDeleteRequest",
            "users.UserOrphan": "UserOrphan",
            "users.profile.Update": "ProfileUpdate",
        },
        "webhook": {
            "users.messages.webhook.Abort": "WebhookAbort",
            "users.messages.webhook.Failure": "WebhookFailure",
            "users.messages.webhook.Retry": "WebhookRetry",
            "users.messages.webhook.Send": "WebhookSend",
        },
        "whatsapp": {
            "users.messages.whatsapp.Abort": "WhatsAppAbort",
            "users.messages.whatsapp.Click": "WhatsAppClick",
            "users.messages.whatsapp.Delivery": "WhatsAppDelivery",
            "users.messages.whatsapp.Failure": "WhatsAppFailure",
            "users.messages.whatsapp.InboundReceive": "WhatsAppInboundReceive",
            "users.messages.whatsapp.Read": "WhatsAppRead",
            "users.messages.whatsapp.Retry": "WhatsAppRetry",
            "users.messages.whatsapp.Send": "WhatsAppSend",
        },
    }
)
"""Family to event type to the name of its class."""

_BASES: Final = MappingProxyType(
    {
        "agent": ("AgentEvent",),
        "banner": ("BannerEvent",),
        "behaviors": ("SessionEvent",),
        "campaigns": ("CampaignEvent",),
        "canvas": (
            "CanvasEvent",
            "CanvasExitEvent",
            "CanvasExperimentStepEvent",
            "CanvasDestinationEvent",
        ),
        "content_card": (
            "HasContentCard",
            "ContentCardEvent",
        ),
        "email": (
            "HasSendingIp",
            "EmailEvent",
        ),
        "in_app_message": ("InAppMessageEvent",),
        "landing_page": ("LandingPageEvent",),
        "line": ("LineEvent",),
        "live_activity": (
            "HasLiveActivity",
            "HasLiveActivityType",
            "LiveActivityEvent",
            "LiveActivityTokenChange",
        ),
        "news_feed_card": ("NewsFeedCardEvent",),
        "push": (
            "HasPushToken",
            "PushEvent",
        ),
        "rcs": (
            "RcsEvent",
            "RcsMessageEvent",
        ),
        "sms": (
            "SmsEvent",
            "SmsMessageEvent",
            "SmsOutcomeEvent",
        ),
        "subscription": ("SubscriptionEvent",),
        "webhook": ("WebhookEvent",),
        "whatsapp": (
            "HasBsuid",
            "HasWhatsAppMessage",
            "WhatsAppEvent",
            "WhatsAppMessageEvent",
        ),
    }
)
"""Family to the names of the classes that its events share."""


FAMILIES: Final = tuple(_CLASSES)
"""The families of event types, each with a module here."""

_PLACES: Final = {
    event_type: (family, name)
    for family, classes in _CLASSES.items()
    for event_type, name in classes.items()
}

FAMILY_OF: Final = MappingProxyType(
    {name: family for family, name in _PLACES.values()}
    | {name: family for family, names in _BASES.items() for name in names}
)
"""Name of a class to the module that defines it."""


class EventTypes(Mapping[str, type[CurrentsEvent]]):
    """
    Event types, as Braze writes them, to their classes. Loads a family when asked.

    A team's own classes join with ``EVENT_TYPES | {"users.messages.x.Send": XSend}``;
    the right side wins.

    Raises:
        TypeError: One of the classes added does not derive from `CurrentsEvent`.
    """

    def __init__(self, added: Mapping[str, type[CurrentsEvent]] | None = None) -> None:
        self._added = dict(added or {})
        for event_type, cls in self._added.items():
            if not isinstance(cls, type) or not issubclass(cls, CurrentsEvent):
                raise TypeError(
                    f"the class of the event type {event_type!r} must derive from "
                    f"CurrentsEvent, not be {kind_of(cls)}"
                )
        self._loaded = dict(self._added)

    def __getitem__(self, event_type: str) -> type[CurrentsEvent]:
        if event_type not in self._loaded:
            family, name = _PLACES[event_type]
            module = importlib.import_module(f"braze_heap.events.{family}")
            self._loaded[event_type] = getattr(module, name)
        return self._loaded[event_type]

    def __contains__(self, event_type: object) -> bool:
        return event_type in self._added or event_type in _PLACES

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES | self._added)

    def __len__(self) -> int:
        return len(_PLACES | self._added)

    def __or__(self, added: Mapping[str, type[CurrentsEvent]]) -> "EventTypes":
        return EventTypes(self._added | dict(added))

    def __repr__(self) -> str:
        return f"<EventTypes: {len(self)} types>"


EVENT_TYPES: Final = EventTypes()
"""Every event type up to Currents release 13 (2026-10-07)."""
