"""Public names of the package, each listed once. The event classes are generated."""

from braze_heap.events import groups as groups
from braze_heap.events._base import CurrentsEvent as CurrentsEvent
from braze_heap.events._catalog import (
    CatalogArguments as CatalogArguments,
    CatalogEntry as CatalogEntry,
    Category as Category,
    Status as Status,
    catalog as catalog,
)
from braze_heap.events._declare import (
    Float32 as Float32,
    JsonObject as JsonObject,
    JsonText as JsonText,
    Place as Place,
    Privacy as Privacy,
    field as field,
    http_only as http_only,
    personal as personal,
    sensitive as sensitive,
    since as since,
    storage_only as storage_only,
)
from braze_heap.events._index import (
    EVENT_TYPES as EVENT_TYPES,
    EventTypes as EventTypes,
    catalog_entry as catalog_entry,
)
from braze_heap.events._schema import (
    EventField as EventField,
    event_fields as event_fields,
)
from braze_heap.events.agent import (
    AgentEvent as AgentEvent,
    AgentExecuted as AgentExecuted,
    ToolInvocation as ToolInvocation,
)
from braze_heap.events.banner import (
    BannerAbort as BannerAbort,
    BannerClick as BannerClick,
    BannerDismiss as BannerDismiss,
    BannerEvent as BannerEvent,
    BannerImpression as BannerImpression,
)
from braze_heap.events.behaviors import (
    CustomEvent as CustomEvent,
    FirstSession as FirstSession,
    InstallAttribution as InstallAttribution,
    Location as Location,
    Purchase as Purchase,
    SessionEnd as SessionEnd,
    SessionEvent as SessionEvent,
    SessionStart as SessionStart,
    Uninstall as Uninstall,
)
from braze_heap.events.campaigns import (
    CampaignConversion as CampaignConversion,
    CampaignEnrollInControl as CampaignEnrollInControl,
    CampaignEvent as CampaignEvent,
    CampaignUniqueReceipt as CampaignUniqueReceipt,
)
from braze_heap.events.canvas import (
    CanvasCoStepConversion as CanvasCoStepConversion,
    CanvasCoStepEvent as CanvasCoStepEvent,
    CanvasCoStepSend as CanvasCoStepSend,
    CanvasConversion as CanvasConversion,
    CanvasDestinationEvent as CanvasDestinationEvent,
    CanvasEntry as CanvasEntry,
    CanvasEvent as CanvasEvent,
    CanvasExitEvent as CanvasExitEvent,
    CanvasExitMatchedAudience as CanvasExitMatchedAudience,
    CanvasExitPerformedEvent as CanvasExitPerformedEvent,
    CanvasExperimentStepConversion as CanvasExperimentStepConversion,
    CanvasExperimentStepEvent as CanvasExperimentStepEvent,
    CanvasExperimentStepSplitEntry as CanvasExperimentStepSplitEntry,
    CanvasSendToDestinationNotSent as CanvasSendToDestinationNotSent,
    CanvasSendToDestinationSent as CanvasSendToDestinationSent,
    CanvasStepProgression as CanvasStepProgression,
)
from braze_heap.events.content_card import (
    ContentCardAbort as ContentCardAbort,
    ContentCardClick as ContentCardClick,
    ContentCardDismiss as ContentCardDismiss,
    ContentCardEvent as ContentCardEvent,
    ContentCardImpression as ContentCardImpression,
    ContentCardInteraction as ContentCardInteraction,
    ContentCardSend as ContentCardSend,
    HasContentCard as HasContentCard,
)
from braze_heap.events.content_optimizer import (
    ContentOptimizerComponentStore as ContentOptimizerComponentStore,
)
from braze_heap.events.email import (
    EmailAbort as EmailAbort,
    EmailBounce as EmailBounce,
    EmailBounceEvent as EmailBounceEvent,
    EmailClick as EmailClick,
    EmailDeferral as EmailDeferral,
    EmailDelivery as EmailDelivery,
    EmailEvent as EmailEvent,
    EmailMarkAsSpam as EmailMarkAsSpam,
    EmailOpen as EmailOpen,
    EmailRetry as EmailRetry,
    EmailSend as EmailSend,
    EmailSoftBounce as EmailSoftBounce,
    EmailUnsubscribe as EmailUnsubscribe,
    HasSendingIp as HasSendingIp,
)
from braze_heap.events.feature_flag import (
    FeatureFlagImpression as FeatureFlagImpression,
)
from braze_heap.events.groups import (
    HasAbort as HasAbort,
    HasAbortExtras as HasAbortExtras,
    HasAdvertisingId as HasAdvertisingId,
    HasApp as HasApp,
    HasBotClickReason as HasBotClickReason,
    HasBotVerdict as HasBotVerdict,
    HasBrowser as HasBrowser,
    HasButton as HasButton,
    HasCampaign as HasCampaign,
    HasCampaignOrCanvas as HasCampaignOrCanvas,
    HasCanvas as HasCanvas,
    HasContentCombination as HasContentCombination,
    HasConversion as HasConversion,
    HasDataObjectProvenance as HasDataObjectProvenance,
    HasDevice as HasDevice,
    HasDeviceDetails as HasDeviceDetails,
    HasDeviceOverHttp as HasDeviceOverHttp,
    HasDispatch as HasDispatch,
    HasDispatchOverHttp as HasDispatchOverHttp,
    HasEmailClient as HasEmailClient,
    HasEmailProvider as HasEmailProvider,
    HasFailureCause as HasFailureCause,
    HasInboundMessage as HasInboundMessage,
    HasInboundPhoneMessage as HasInboundPhoneMessage,
    HasLandingPage as HasLandingPage,
    HasLinkClick as HasLinkClick,
    HasMessageArchive as HasMessageArchive,
    HasMessageExtras as HasMessageExtras,
    HasNamedCampaign as HasNamedCampaign,
    HasNamedCanvas as HasNamedCanvas,
    HasPlatform as HasPlatform,
    HasPlatformFamily as HasPlatformFamily,
    HasProfileTraits as HasProfileTraits,
    HasProfileTraitsOverHttp as HasProfileTraitsOverHttp,
    HasRecipientPhone as HasRecipientPhone,
    HasRetry as HasRetry,
    HasSdkVersion as HasSdkVersion,
    HasSend as HasSend,
    HasSenderPhone as HasSenderPhone,
    HasServedVariation as HasServedVariation,
    HasShortLinkClick as HasShortLinkClick,
    HasStepMessageVariation as HasStepMessageVariation,
    HasSubscriptionGroup as HasSubscriptionGroup,
    HasTimezone as HasTimezone,
    HasTokenChange as HasTokenChange,
    HasUniqueness as HasUniqueness,
    HasUser as HasUser,
    HasUserAgent as HasUserAgent,
    HasUserOnDevice as HasUserOnDevice,
    HasUserPhone as HasUserPhone,
    HasWorkspace as HasWorkspace,
)
from braze_heap.events.in_app_message import (
    InAppMessageAbort as InAppMessageAbort,
    InAppMessageClick as InAppMessageClick,
    InAppMessageEvent as InAppMessageEvent,
    InAppMessageImpression as InAppMessageImpression,
)
from braze_heap.events.landing_page import (
    LandingPageClick as LandingPageClick,
    LandingPageEvent as LandingPageEvent,
    LandingPageFormSubmission as LandingPageFormSubmission,
    LandingPageImpression as LandingPageImpression,
)
from braze_heap.events.line import (
    LineAbort as LineAbort,
    LineClick as LineClick,
    LineEvent as LineEvent,
    LineInboundReceive as LineInboundReceive,
    LineRetry as LineRetry,
    LineSend as LineSend,
)
from braze_heap.events.live_activity import (
    HasLiveActivity as HasLiveActivity,
    HasLiveActivityType as HasLiveActivityType,
    LiveActivityEvent as LiveActivityEvent,
    LiveActivityOutcome as LiveActivityOutcome,
    LiveActivityPushToStartTokenChange as LiveActivityPushToStartTokenChange,
    LiveActivitySend as LiveActivitySend,
    LiveActivityTokenChange as LiveActivityTokenChange,
    LiveActivityUpdateTokenChange as LiveActivityUpdateTokenChange,
)
from braze_heap.events.news_feed_card import (
    NewsFeedCardAbort as NewsFeedCardAbort,
    NewsFeedCardClick as NewsFeedCardClick,
    NewsFeedCardEvent as NewsFeedCardEvent,
    NewsFeedCardImpression as NewsFeedCardImpression,
)
from braze_heap.events.push import (
    HasPushToken as HasPushToken,
    PushAbort as PushAbort,
    PushBounce as PushBounce,
    PushEvent as PushEvent,
    PushIosForeground as PushIosForeground,
    PushOpen as PushOpen,
    PushRetry as PushRetry,
    PushSend as PushSend,
    PushTokenStateChange as PushTokenStateChange,
)
from braze_heap.events.rcs import (
    RcsAbort as RcsAbort,
    RcsClick as RcsClick,
    RcsDelivery as RcsDelivery,
    RcsEvent as RcsEvent,
    RcsInboundReceive as RcsInboundReceive,
    RcsMessageEvent as RcsMessageEvent,
    RcsRead as RcsRead,
    RcsRejection as RcsRejection,
    RcsSend as RcsSend,
)
from braze_heap.events.sms import (
    SmsAbort as SmsAbort,
    SmsCarrierSend as SmsCarrierSend,
    SmsDelivery as SmsDelivery,
    SmsDeliveryFailure as SmsDeliveryFailure,
    SmsEvent as SmsEvent,
    SmsInboundReceive as SmsInboundReceive,
    SmsMessageEvent as SmsMessageEvent,
    SmsOutcomeEvent as SmsOutcomeEvent,
    SmsRejection as SmsRejection,
    SmsRetry as SmsRetry,
    SmsSend as SmsSend,
    SmsShortLinkClick as SmsShortLinkClick,
)
from braze_heap.events.subscription import (
    SubscriptionEvent as SubscriptionEvent,
    SubscriptionGlobalStateChange as SubscriptionGlobalStateChange,
    SubscriptionGroupStateChange as SubscriptionGroupStateChange,
)
from braze_heap.events.survey import SurveyResponse as SurveyResponse
from braze_heap.events.unknown import UnknownEvent as UnknownEvent
from braze_heap.events.users import (
    ProfileUpdate as ProfileUpdate,
    RandomBucketNumberUpdate as RandomBucketNumberUpdate,
    UserDeleteRequest as UserDeleteRequest,
    UserOrphan as UserOrphan,
)
from braze_heap.events.webhook import (
    WebhookAbort as WebhookAbort,
    WebhookEvent as WebhookEvent,
    WebhookFailure as WebhookFailure,
    WebhookRetry as WebhookRetry,
    WebhookSend as WebhookSend,
)
from braze_heap.events.whatsapp import (
    HasBsuid as HasBsuid,
    HasWhatsAppMessage as HasWhatsAppMessage,
    WhatsAppAbort as WhatsAppAbort,
    WhatsAppClick as WhatsAppClick,
    WhatsAppDelivery as WhatsAppDelivery,
    WhatsAppEvent as WhatsAppEvent,
    WhatsAppFailure as WhatsAppFailure,
    WhatsAppInboundReceive as WhatsAppInboundReceive,
    WhatsAppMessageEvent as WhatsAppMessageEvent,
    WhatsAppRead as WhatsAppRead,
    WhatsAppRetry as WhatsAppRetry,
    WhatsAppSend as WhatsAppSend,
)
