"""Event types to their classes, which load when they are first used."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from braze_heap import events
from braze_heap._wiring import kind_of
from braze_heap.events._base import CurrentsEvent

_CLASS_NAMES: Final = MappingProxyType(
    {
        "agentconsole.AgentExecuted": "AgentExecuted",
        "agentconsole.ToolInvocation": "ToolInvocation",
        "users.messages.banner.Abort": "BannerAbort",
        "users.messages.banner.Click": "BannerClick",
        "users.messages.banner.Dismiss": "BannerDismiss",
        "users.messages.banner.Impression": "BannerImpression",
        "users.behaviors.CustomEvent": "CustomEvent",
        "users.behaviors.InstallAttribution": "InstallAttribution",
        "users.behaviors.Location": "Location",
        "users.behaviors.Purchase": "Purchase",
        "users.behaviors.Uninstall": "Uninstall",
        "users.behaviors.app.FirstSession": "FirstSession",
        "users.behaviors.app.SessionEnd": "SessionEnd",
        "users.behaviors.app.SessionStart": "SessionStart",
        "users.campaigns.Conversion": "CampaignConversion",
        "users.campaigns.EnrollInControl": "CampaignEnrollInControl",
        "users.campaigns.UniqueReceipt": "CampaignUniqueReceipt",
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
        "users.messages.contentcard.Abort": "ContentCardAbort",
        "users.messages.contentcard.Click": "ContentCardClick",
        "users.messages.contentcard.Dismiss": "ContentCardDismiss",
        "users.messages.contentcard.Impression": "ContentCardImpression",
        "users.messages.contentcard.Send": "ContentCardSend",
        "contentoptimizer.ComponentStore": "ContentOptimizerComponentStore",
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
        "users.messages.featureflag.Impression": "FeatureFlagImpression",
        "users.messages.inappmessage.Abort": "InAppMessageAbort",
        "users.messages.inappmessage.Click": "InAppMessageClick",
        "users.messages.inappmessage.Impression": "InAppMessageImpression",
        "users.messages.landingpage.Click": "LandingPageClick",
        "users.messages.landingpage.FormSubmission": "LandingPageFormSubmission",
        "users.messages.landingpage.Impression": "LandingPageImpression",
        "users.messages.line.Abort": "LineAbort",
        "users.messages.line.Click": "LineClick",
        "users.messages.line.InboundReceive": "LineInboundReceive",
        "users.messages.line.Retry": "LineRetry",
        "users.messages.line.Send": "LineSend",
        "users.behaviors.liveactivity.PushToStartTokenChange": (
            "LiveActivityPushToStartTokenChange"
        ),
        "users.behaviors.liveactivity.UpdateTokenChange": (
            "LiveActivityUpdateTokenChange"
        ),
        "users.messages.liveactivity.Outcome": "LiveActivityOutcome",
        "users.messages.liveactivity.Send": "LiveActivitySend",
        "users.messages.newsfeedcard.Abort": "NewsFeedCardAbort",
        "users.messages.newsfeedcard.Click": "NewsFeedCardClick",
        "users.messages.newsfeedcard.Impression": "NewsFeedCardImpression",
        "users.behaviors.pushnotification.TokenStateChange": "PushTokenStateChange",
        "users.messages.pushnotification.Abort": "PushAbort",
        "users.messages.pushnotification.Bounce": "PushBounce",
        "users.messages.pushnotification.IosForeground": "PushIosForeground",
        "users.messages.pushnotification.Open": "PushOpen",
        "users.messages.pushnotification.Retry": "PushRetry",
        "users.messages.pushnotification.Send": "PushSend",
        "users.messages.rcs.Abort": "RcsAbort",
        "users.messages.rcs.Click": "RcsClick",
        "users.messages.rcs.Delivery": "RcsDelivery",
        "users.messages.rcs.InboundReceive": "RcsInboundReceive",
        "users.messages.rcs.Read": "RcsRead",
        "users.messages.rcs.Rejection": "RcsRejection",
        "users.messages.rcs.Send": "RcsSend",
        "users.messages.sms.Abort": "SmsAbort",
        "users.messages.sms.CarrierSend": "SmsCarrierSend",
        "users.messages.sms.Delivery": "SmsDelivery",
        "users.messages.sms.DeliveryFailure": "SmsDeliveryFailure",
        "users.messages.sms.InboundReceive": "SmsInboundReceive",
        "users.messages.sms.Rejection": "SmsRejection",
        "users.messages.sms.Retry": "SmsRetry",
        "users.messages.sms.Send": "SmsSend",
        "users.messages.sms.ShortLinkClick": "SmsShortLinkClick",
        "users.behaviors.subscription.GlobalStateChange": (
            "SubscriptionGlobalStateChange"
        ),
        "users.behaviors.subscriptiongroup.StateChange": "SubscriptionGroupStateChange",
        "users.messages.survey.Response": "SurveyResponse",
        "users.RandomBucketNumberUpdate": "RandomBucketNumberUpdate",
        "users.UserDeleteRequest": "UserDeleteRequest",
        "users.UserOrphan": "UserOrphan",
        "users.profile.Update": "ProfileUpdate",
        "users.messages.webhook.Abort": "WebhookAbort",
        "users.messages.webhook.Failure": "WebhookFailure",
        "users.messages.webhook.Retry": "WebhookRetry",
        "users.messages.webhook.Send": "WebhookSend",
        "users.messages.whatsapp.Abort": "WhatsAppAbort",
        "users.messages.whatsapp.Click": "WhatsAppClick",
        "users.messages.whatsapp.Delivery": "WhatsAppDelivery",
        "users.messages.whatsapp.Failure": "WhatsAppFailure",
        "users.messages.whatsapp.InboundReceive": "WhatsAppInboundReceive",
        "users.messages.whatsapp.Read": "WhatsAppRead",
        "users.messages.whatsapp.Retry": "WhatsAppRetry",
        "users.messages.whatsapp.Send": "WhatsAppSend",
    }
)
"""Event type to the name of its class, by family. Generated."""


class EventTypes(Mapping[str, type[CurrentsEvent]]):
    """
    Event types, as Braze writes them, to their classes. Loads families on demand.

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
            self._loaded[event_type] = getattr(events, _CLASS_NAMES[event_type])
        return self._loaded[event_type]

    def __contains__(self, event_type: object) -> bool:
        return event_type in self._added or event_type in _CLASS_NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASS_NAMES | self._added)

    def __len__(self) -> int:
        return len(_CLASS_NAMES | self._added)

    def __or__(self, added: Mapping[str, type[CurrentsEvent]]) -> "EventTypes":
        return EventTypes(self._added | dict(added))

    def __repr__(self) -> str:
        return f"<EventTypes: {len(self)} types>"


EVENT_TYPES: Final = EventTypes()
"""All event types up to Currents release 13 (2026-10-07)."""
