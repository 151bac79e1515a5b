"""Category, channel and action of every event type, until the catalog of events has them."""
# ruff: noqa: E501

import functools
from collections.abc import Mapping
from typing import Final

import attrs


@attrs.frozen
class Entry:
    """What is known of an event type besides its fields."""

    class_name: str
    category: str
    channel: str | None
    action: str

    @property
    def http(self) -> bool:
        """Whether Braze documents the type for the HTTP connector."""
        return self.category != "user"


_ROWS: Final = """
agentconsole.AgentExecuted AgentExecuted agent - agent_run
agentconsole.ToolInvocation ToolInvocation agent - tool_call
contentoptimizer.ComponentStore ContentOptimizerComponentStore message_engagement - optimizer_update
users.RandomBucketNumberUpdate RandomBucketNumberUpdate user - bucket_change
users.UserDeleteRequest UserDeleteRequest user - delete
users.UserOrphan UserOrphan user - merge
users.profile.Update ProfileUpdate user - profile_update
users.behaviors.CustomEvent CustomEvent customer_behavior - custom_event
users.behaviors.InstallAttribution InstallAttribution customer_behavior - install
users.behaviors.Location Location customer_behavior - location
users.behaviors.Purchase Purchase customer_behavior - purchase
users.behaviors.Uninstall Uninstall message_engagement - uninstall
users.behaviors.app.FirstSession FirstSession customer_behavior - first_session
users.behaviors.app.SessionStart SessionStart customer_behavior - session_start
users.behaviors.app.SessionEnd SessionEnd customer_behavior - session_end
users.behaviors.liveactivity.PushToStartTokenChange LiveActivityPushToStartTokenChange customer_behavior live_activity token_change
users.behaviors.liveactivity.UpdateTokenChange LiveActivityUpdateTokenChange customer_behavior live_activity token_change
users.behaviors.pushnotification.TokenStateChange PushTokenStateChange customer_behavior push token_change
users.behaviors.subscription.GlobalStateChange SubscriptionGlobalStateChange message_engagement - subscription_change
users.behaviors.subscriptiongroup.StateChange SubscriptionGroupStateChange message_engagement - subscription_change
users.campaigns.Conversion CampaignConversion message_engagement - conversion
users.campaigns.EnrollInControl CampaignEnrollInControl message_engagement - enroll
users.campaigns.UniqueReceipt CampaignUniqueReceipt message_engagement - receive
users.canvas.Conversion CanvasConversion message_engagement - conversion
users.canvas.Entry CanvasEntry message_engagement - enter
users.canvas.costep.Conversion CanvasCoStepConversion message_engagement - conversion
users.canvas.costep.Send CanvasCoStepSend message_engagement - optimizer_send
users.canvas.exit.MatchedAudience CanvasExitMatchedAudience message_engagement - exit
users.canvas.exit.PerformedEvent CanvasExitPerformedEvent message_engagement - exit
users.canvas.experimentstep.Conversion CanvasExperimentStepConversion message_engagement - conversion
users.canvas.experimentstep.SplitEntry CanvasExperimentStepSplitEntry message_engagement - experiment_split
users.canvas.sendtodestination.Sent CanvasSendToDestinationSent message_engagement - forward
users.canvas.sendtodestination.NotSent CanvasSendToDestinationNotSent message_engagement - forward_skip
users.canvasstep.Progression CanvasStepProgression message_engagement - progress
users.messages.banner.Abort BannerAbort message_engagement banner abort
users.messages.banner.Click BannerClick message_engagement banner click
users.messages.banner.Dismiss BannerDismiss message_engagement banner dismiss
users.messages.banner.Impression BannerImpression message_engagement banner impression
users.messages.contentcard.Abort ContentCardAbort message_engagement content_card abort
users.messages.contentcard.Click ContentCardClick message_engagement content_card click
users.messages.contentcard.Dismiss ContentCardDismiss message_engagement content_card dismiss
users.messages.contentcard.Impression ContentCardImpression message_engagement content_card impression
users.messages.contentcard.Send ContentCardSend message_engagement content_card send
users.messages.email.Abort EmailAbort message_engagement email abort
users.messages.email.Bounce EmailBounce message_engagement email bounce
users.messages.email.Click EmailClick message_engagement email click
users.messages.email.Deferral EmailDeferral message_engagement email defer
users.messages.email.Delivery EmailDelivery message_engagement email delivery
users.messages.email.MarkAsSpam EmailMarkAsSpam message_engagement email spam
users.messages.email.Open EmailOpen message_engagement email open
users.messages.email.Retry EmailRetry message_engagement email retry
users.messages.email.Send EmailSend message_engagement email send
users.messages.email.SoftBounce EmailSoftBounce message_engagement email soft_bounce
users.messages.email.Unsubscribe EmailUnsubscribe message_engagement email unsubscribe
users.messages.featureflag.Impression FeatureFlagImpression message_engagement feature_flag impression
users.messages.inappmessage.Abort InAppMessageAbort message_engagement in_app_message abort
users.messages.inappmessage.Click InAppMessageClick message_engagement in_app_message click
users.messages.inappmessage.Impression InAppMessageImpression message_engagement in_app_message impression
users.messages.landingpage.Click LandingPageClick message_engagement landing_page click
users.messages.landingpage.FormSubmission LandingPageFormSubmission message_engagement landing_page submit
users.messages.landingpage.Impression LandingPageImpression message_engagement landing_page impression
users.messages.line.Abort LineAbort message_engagement line abort
users.messages.line.Click LineClick message_engagement line click
users.messages.line.InboundReceive LineInboundReceive message_engagement line inbound
users.messages.line.Retry LineRetry message_engagement line retry
users.messages.line.Send LineSend message_engagement line send
users.messages.liveactivity.Outcome LiveActivityOutcome message_engagement live_activity outcome
users.messages.liveactivity.Send LiveActivitySend message_engagement live_activity send
users.messages.newsfeedcard.Abort NewsFeedCardAbort message_engagement news_feed abort
users.messages.newsfeedcard.Click NewsFeedCardClick message_engagement news_feed click
users.messages.newsfeedcard.Impression NewsFeedCardImpression message_engagement news_feed impression
users.messages.pushnotification.Abort PushAbort message_engagement push abort
users.messages.pushnotification.Bounce PushBounce message_engagement push bounce
users.messages.pushnotification.IosForeground PushIosForeground message_engagement push receive
users.messages.pushnotification.Open PushOpen message_engagement push open
users.messages.pushnotification.Retry PushRetry message_engagement push retry
users.messages.pushnotification.Send PushSend message_engagement push send
users.messages.rcs.Abort RcsAbort message_engagement rcs abort
users.messages.rcs.Click RcsClick message_engagement rcs click
users.messages.rcs.Delivery RcsDelivery message_engagement rcs delivery
users.messages.rcs.InboundReceive RcsInboundReceive message_engagement rcs inbound
users.messages.rcs.Read RcsRead message_engagement rcs read
users.messages.rcs.Rejection RcsRejection message_engagement rcs reject
users.messages.rcs.Send RcsSend message_engagement rcs send
users.messages.sms.Abort SmsAbort message_engagement sms abort
users.messages.sms.CarrierSend SmsCarrierSend message_engagement sms carrier_send
users.messages.sms.Delivery SmsDelivery message_engagement sms delivery
users.messages.sms.DeliveryFailure SmsDeliveryFailure message_engagement sms fail
users.messages.sms.InboundReceive SmsInboundReceive message_engagement sms inbound
users.messages.sms.Rejection SmsRejection message_engagement sms reject
users.messages.sms.Retry SmsRetry message_engagement sms retry
users.messages.sms.Send SmsSend message_engagement sms send
users.messages.sms.ShortLinkClick SmsShortLinkClick message_engagement sms click
users.messages.survey.Response SurveyResponse message_engagement survey submit
users.messages.webhook.Abort WebhookAbort message_engagement webhook abort
users.messages.webhook.Failure WebhookFailure message_engagement webhook fail
users.messages.webhook.Retry WebhookRetry message_engagement webhook retry
users.messages.webhook.Send WebhookSend message_engagement webhook send
users.messages.whatsapp.Abort WhatsAppAbort message_engagement whatsapp abort
users.messages.whatsapp.Click WhatsAppClick message_engagement whatsapp click
users.messages.whatsapp.Delivery WhatsAppDelivery message_engagement whatsapp delivery
users.messages.whatsapp.Failure WhatsAppFailure message_engagement whatsapp fail
users.messages.whatsapp.InboundReceive WhatsAppInboundReceive message_engagement whatsapp inbound
users.messages.whatsapp.Read WhatsAppRead message_engagement whatsapp read
users.messages.whatsapp.Retry WhatsAppRetry message_engagement whatsapp retry
users.messages.whatsapp.Send WhatsAppSend message_engagement whatsapp send
"""


@functools.cache
def catalog() -> Mapping[str, Entry]:
    """Return the entry of every event type."""
    rows = (row.split() for row in _ROWS.strip().splitlines())
    return {t: Entry(n, c, None if ch == "-" else ch, a) for t, n, c, ch, a in rows}
