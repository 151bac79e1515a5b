"""
Outcome of a complete event of each type: names of properties, user properties, and what
the policy redacts. It is that of the HTTP form; lines about the storage form, with
unions resolved or spelled out, are there only where it differs. A change of a default
shows up here as a readable diff: ``python -m tests.regenerate`` writes it anew.
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import braze_heap as bh
from braze_heap.events import event_fields
from tests.support import REGENERATE
from tests.support.for_each import for_each
from tests.wire_forms_page import Outcome, documented_forms, outcome_of

GOLDENS = {
    "agentconsole.AgentExecuted": """
Braze Agent Executed
    action agent_id agent_name cache_hit cache_tokens canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    completion_tokens duration_ms error invocation_id invocation_source is_error
    llm_owned_by_customer message_key message_name model_name model_provider
    prompt_tokens provider_request_id reasoning_tokens request_id thinking_level
    total_tokens
redacted: external_user_id input output user_id
""",
    "agentconsole.ToolInvocation": """
Braze Tool Invocation
    action agent_id agent_name duration_ms invocation_source is_error request_id
    tool_call_id tool_name
redacted: external_user_id tool_arguments
""",
    "contentoptimizer.ComponentStore": """
Braze Content Optimizer Component Store Update
    action app_group_id combination_token content.season
    content_optimizer_step_id is_active
redacted: external_user_id
""",
    "users.RandomBucketNumberUpdate": """
Braze Random Bucket Number Update
    action app_group_id prev_random_bucket_number random_bucket_number
user:
    braze_random_bucket_number = 4711
redacted: external_user_id user_id
""",
    "users.UserDeleteRequest": """
Braze User Delete Request
    action app_group_id
redacted: external_user_id user_id
""",
    "users.UserOrphan": """
Braze User Orphan
    action app_group_id app_id device_id
redacted: external_user_id orphaned_by_id user_id
""",
    "users.behaviors.CustomEvent": """
Braze Custom Example name
    action ad_id_type ad_tracking_enabled app_group_id app_id
    custom_properties.cart.currency custom_properties.cart.value
    custom_properties.color custom_properties.gift custom_properties.quantity
    custom_properties.tags device_id device_model name os_version platform
    timezone
redacted: ad_id external_user_id user_id
""",
    "users.behaviors.InstallAttribution": """
Braze Install Attribution
    action app_group_id device_id source
user:
    braze_install_source = Example source
redacted: external_user_id user_id
storage lacks: device_id
""",
    "users.behaviors.Location": """
Braze Location
    action ad_id_type ad_tracking_enabled alt_accuracy app_group_id app_id
    device_id device_model ll_accuracy os_version platform
redacted: ad_id altitude external_user_id latitude longitude user_id
""",
    "users.behaviors.Purchase": """
Braze Purchase
    action ad_id_type ad_tracking_enabled app_group_id app_id currency device_id
    device_model os_version platform price product_id
    purchase_properties.cart.currency purchase_properties.cart.value
    purchase_properties.color purchase_properties.gift
    purchase_properties.quantity purchase_properties.tags
redacted: ad_id external_user_id user_id
""",
    "users.behaviors.Uninstall": """
Braze Uninstall
    action app_group_id app_id device_id
user:
    braze_app_02a2f078-b0b6-5c29-92f7-fc7b769c8158_uninstalled_at =
    2026-01-01T00:00:00+00:00
redacted: external_user_id user_id
""",
    "users.behaviors.app.FirstSession": """
Braze First Session
    action app_group_id app_id device_id device_model os_version platform
    session_id timezone
user:
    braze_app_02a2f078-b0b6-5c29-92f7-fc7b769c8158_first_session_at =
    2026-01-01T00:00:00+00:00
redacted: external_user_id user_id
storage adds: country (redacted), gender (redacted), language (redacted),
    sdk_version
""",
    "users.behaviors.app.SessionEnd": """
Braze Session End
    action app_group_id app_id device_id device_model duration os_version
    platform session_id
redacted: external_user_id user_id
""",
    "users.behaviors.app.SessionStart": """
Braze Session Start
    action app_group_id app_id device_id device_model os_version platform
    session_id
redacted: external_user_id user_id
""",
    "users.behaviors.liveactivity.PushToStartTokenChange": """
Braze Live Activity Push To Start Token Change
    action activity_attributes_type app_group_id app_id channel device_id
    ios_push_token_apns_gateway push_token_state_change_type
redacted: external_user_id push_to_start_token user_id
storage adds: sdk_version
""",
    "users.behaviors.liveactivity.UpdateTokenChange": """
Braze Live Activity Update Token Change
    action activity_id app_group_id app_id channel device_id
    ios_push_token_apns_gateway push_token_state_change_type
redacted: external_user_id update_token user_id
storage adds: sdk_version
""",
    "users.behaviors.pushnotification.TokenStateChange": """
Braze Push Notification Token State Change
    action app_group_id app_id channel ios_push_token_apns_gateway platform
    push_token_created_at push_token_foreground_push_disabled
    push_token_provisionally_opted_in push_token_state_change_type
    push_token_updated_at time_ms web_push_token_vapid_public_key
user:
    braze_app_02a2f078-b0b6-5c29-92f7-fc7b769c8158_push_permission = provisional
    braze_app_02a2f078-b0b6-5c29-92f7-fc7b769c8158_push_permission_at =
    2026-01-01T00:00:00.123+00:00
redacted: external_user_id push_token push_token_device_id user_id
    web_push_token_public_key web_push_token_user_auth
storage adds: sdk_version
""",
    "users.behaviors.subscription.GlobalStateChange": """
Braze Global Subscription State Change
    action app_group_id app_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel message_key message_name message_variation_id message_variation_name
    send_id state_change_source subscription_channel subscription_status
    timezone
user:
    braze_email_subscription = Subscribed
    braze_email_subscription_changed_at = 2026-01-01T00:00:00+00:00
redacted: channel_identifier email_address external_user_id user_id
storage lacks: message_variation_name
""",
    "users.behaviors.subscriptiongroup.StateChange": """
Braze Subscription Group State Change
    action app_group_id app_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id message_key message_name message_variation_id
    message_variation_name send_id state_change_source subscription_channel
    subscription_group_id subscription_status timezone
user:
    braze_subscription_group_e7fea58d-b1b6-58bb-9288-c473b17e6d88 = Subscribed
    braze_subscription_group_e7fea58d-b1b6-58bb-9288-c473b17e6d88_changed_at =
    2026-01-01T00:00:00+00:00
redacted: channel_identifier email_address external_user_id phone_number user_id
storage lacks: device_id
""",
    "users.campaigns.Conversion": """
Braze Campaign Conversion
    action app_group_id app_id campaign_id campaign_name
    conversion_behavior.name conversion_behavior.type conversion_behavior_index
    device_id dispatch_id message_key message_name message_variation_id
    message_variation_name send_id timezone
redacted: external_user_id user_id
storage lacks: device_id, dispatch_id
""",
    "users.campaigns.EnrollInControl": """
Braze Campaign Control Group Enrollment
    action app_group_id app_id campaign_id campaign_name device_id dispatch_id
    message_key message_name message_variation_id message_variation_name send_id
    timezone
redacted: external_user_id user_id
storage lacks: device_id, dispatch_id
""",
    "users.campaigns.UniqueReceipt": """
Braze Unique User Message Receipt
    action app_group_id app_id campaign_id campaign_name device_id dispatch_id
    message_key message_name message_variation_id message_variation_name send_id
    timezone
redacted: country external_user_id gender language user_id
""",
    "users.canvas.Conversion": """
Braze Canvas Conversion
    action app_group_id app_id canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name
    conversion_behavior.name conversion_behavior.type conversion_behavior_index
    device_id message_key message_name timezone
redacted: external_user_id user_id
storage lacks: device_id
""",
    "users.canvas.Entry": """
Braze Canvas Entry
    action app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name device_id in_control_group
    message_key message_name timezone
redacted: data_object_provenance external_user_id user_id
storage lacks: device_id
""",
    "users.canvas.costep.Conversion": """
Braze Canvas Content Optimizer Step Conversion
    action app_group_id channel combination_token conversion_type dispatch_id
    step_channel
redacted: external_user_id user_id
""",
    "users.canvas.costep.Send": """
Braze Canvas Content Optimizer Step Send
    action app_group_id canvas_variation_id channel combination_token
    content_optimizer_step_id dispatch_id step_channel
redacted: external_user_id user_id
""",
    "users.canvas.exit.MatchedAudience": """
Braze Exit Match Audience
    action app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name message_key message_name
redacted: external_user_id user_id
storage adds: app_group_api_id, canvas_api_id, canvas_step_api_id,
    canvas_variation_api_id
""",
    "users.canvas.exit.PerformedEvent": """
Braze Exit Perform Event
    action app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name message_key message_name
redacted: external_user_id user_id
storage adds: app_group_api_id, canvas_api_id, canvas_step_api_id,
    canvas_variation_api_id
""",
    "users.canvas.experimentstep.Conversion": """
Braze Experiment Step Conversion
    action app_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name conversion_behavior.name
    conversion_behavior.type conversion_behavior_index experiment_split_id
    experiment_split_name experiment_step_id message_key message_name
redacted: external_user_id user_id
""",
    "users.canvas.experimentstep.SplitEntry": """
Braze Experiment Split Entry
    action canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name experiment_split_id
    experiment_split_name experiment_step_id in_control_group message_key
    message_name
redacted: external_user_id user_id
""",
    "users.canvas.sendtodestination.NotSent": """
Braze User is not sent to destination
    action app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_step_type canvas_variation_id canvas_variation_name
    destination_api_id destination_name destination_type message_key
    message_name reason
redacted: external_user_id user_id
""",
    "users.canvas.sendtodestination.Sent": """
Braze User is sent to destination
    action app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_step_type canvas_variation_id canvas_variation_name
    destination_api_id destination_name destination_type
    destination_variant_type destination_variation_name message_key message_name
redacted: external_user_id user_id
""",
    "users.canvasstep.Progression": """
Braze Canvas Step Progression
    action app_group_id canvas_entry_id canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    exit_reason is_canvas_entry message_key message_name next_step_id
    progression_type
redacted: external_user_id user_id
""",
    "users.messages.banner.Abort": """
Braze Banner Abort
    abort_type action ad_id_type ad_tracking_enabled app_group_id app_id
    banner_placement_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_message_variation_id canvas_step_name
    canvas_variation_id canvas_variation_name channel device_id device_model
    message_key message_name message_variation_id message_variation_name
    os_version platform timezone
redacted: abort_log ad_id external_user_id user_id
storage adds: carrier, country (redacted), gender (redacted), language (redacted),
    resolution, sdk_version
""",
    "users.messages.banner.Click": """
Braze Banner Click
    action ad_id_type ad_tracking_enabled app_group_id app_id
    banner_placement_id browser button_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_message_variation_id canvas_step_name
    canvas_variation_id canvas_variation_name channel device_id device_model
    is_unique message_key message_name message_variation_id
    message_variation_name os_version platform timezone
redacted: ad_id external_user_id user_id
storage adds: carrier, country (redacted), gender (redacted), language (redacted),
    resolution, sdk_version
""",
    "users.messages.banner.Dismiss": """
Braze Banner Dismissal
    action ad_id_type ad_tracking_enabled app_group_id app_id
    banner_placement_id browser button_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_message_variation_id canvas_step_name
    canvas_variation_id canvas_variation_name carrier channel device_id
    device_model is_unique message_key message_name message_variation_id
    message_variation_name os_version platform resolution sdk_version timezone
redacted: ad_id country external_user_id gender language user_id
""",
    "users.messages.banner.Impression": """
Braze Banner Impression
    action ad_id_type ad_tracking_enabled app_group_id app_id
    banner_placement_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_message_variation_id canvas_step_name
    canvas_variation_id canvas_variation_name channel device_id device_model
    is_control is_unique message_key message_name message_variation_id
    message_variation_name os_version platform timezone
redacted: ad_id external_user_id user_id
storage adds: carrier, country (redacted), gender (redacted), language (redacted),
    resolution, sdk_version
""",
    "users.messages.contentcard.Abort": """
Braze Content Card Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id dispatch_id message_key message_name
    message_variation_id message_variation_name send_id timezone
redacted: abort_log external_user_id user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.contentcard.Click": """
Braze Content Card Click
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel content_card_id device_id
    device_model dispatch_id is_unique message_key message_name
    message_variation_id message_variation_name os_version platform send_id
    timezone
redacted: ad_id external_user_id user_id
storage lacks: dispatch_id
""",
    "users.messages.contentcard.Dismiss": """
Braze Content Card Dismiss
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel content_card_id device_id
    device_model dispatch_id is_unique message_key message_name
    message_variation_id message_variation_name os_version platform send_id
    timezone
redacted: ad_id external_user_id user_id
storage lacks: dispatch_id
""",
    "users.messages.contentcard.Impression": """
Braze Content Card Impression
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel content_card_id device_id
    device_model dispatch_id is_unique message_key message_name
    message_variation_id message_variation_name os_version platform send_id
    timezone
redacted: ad_id external_user_id user_id
storage lacks: dispatch_id
""",
    "users.messages.contentcard.Send": """
Braze Content Card Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel content_card_id device_id dispatch_id message_key message_name
    message_variation_id message_variation_name send_id timezone
redacted: external_user_id message_extras user_id
storage lacks: dispatch_id
""",
    "users.messages.email.Abort": """
Braze Email Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id dispatch_id ip_pool message_key
    message_name message_variation_id message_variation_name send_id timezone
redacted: abort_log data_object_provenance email_address external_user_id
    message_extras user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.email.Bounce": """
Braze Email Bounce
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id esp from_domain ip_pool is_drop message_key
    message_name message_variation_id message_variation_name seconds_since_send
    send_id send_time sending_ip timezone
user:
    braze_email_bounced_at = 2026-01-01T00:00:00+00:00
redacted: bounce_reason email_address external_user_id user_id
storage lacks: device_id
""",
    "users.messages.email.Click": """
Braze Email Click
    action app_group_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_class device_id device_model device_os dispatch_id esp
    from_domain has_url_parameters ip_pool is_amp is_suspected_bot_click
    link_alias link_aliasing_enabled link_domain link_id mailbox_provider
    message_key message_name message_variation_id message_variation_name
    seconds_since_send send_id send_time suspected_bot_click_reason timezone url
    user_agent
redacted: data_object_provenance email_address external_user_id user_id
storage lacks: device_id
""",
    "users.messages.email.Deferral": """
Braze Email Deferral
    action app_group_id attempt_count campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel dispatch_id esp from_domain ip_pool
    message_key message_name message_variation_id message_variation_name
    recipient_domain seconds_since_send send_id send_time sending_ip timezone
redacted: deferral_reason email_address external_user_id user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.email.Delivery": """
Braze Email Delivery
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id esp from_domain ip_pool message_key
    message_name message_variation_id message_variation_name seconds_since_send
    send_id send_time sending_ip timezone
redacted: data_object_provenance email_address external_user_id user_id
storage lacks: device_id
""",
    "users.messages.email.MarkAsSpam": """
Braze Email Mark As Spam
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id esp from_domain ip_pool message_key
    message_name message_variation_id message_variation_name seconds_since_send
    send_id send_time timezone user_agent
user:
    braze_email_marked_as_spam_at = 2026-01-01T00:00:00+00:00
redacted: data_object_provenance email_address external_user_id user_id
storage lacks: device_id
""",
    "users.messages.email.Open": """
Braze Email Open
    action app_group_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_class device_id device_model device_os dispatch_id esp
    from_domain ip_pool is_amp is_machine_open machine_open mailbox_provider
    message_key message_name message_variation_id message_variation_name
    seconds_since_send send_id send_time timezone user_agent
redacted: data_object_provenance email_address external_user_id user_id
storage lacks: device_id
""",
    "users.messages.email.Retry": """
Braze Email Retry
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id ip_pool message_key message_name
    message_variation_id message_variation_name retry_type send_id timezone
redacted: email_address external_user_id retry_log user_id
storage adds: canvas_step_message_variation_id, country (redacted), gender
    (redacted), language (redacted)
""",
    "users.messages.email.Send": """
Braze Email Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id ip_pool is_archived message_key message_name
    message_variation_id message_variation_name send_id timezone
redacted: data_object_provenance email_address external_user_id message_extras
    user_id
storage adds: from_domain
storage lacks: device_id
""",
    "users.messages.email.SoftBounce": """
Braze Email Soft Bounce
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id esp from_domain ip_pool message_key
    message_name message_variation_id message_variation_name seconds_since_send
    send_id send_time sending_ip timezone
redacted: bounce_reason email_address external_user_id user_id
storage lacks: device_id
""",
    "users.messages.email.Unsubscribe": """
Braze Email Unsubscribe
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id ip_pool message_key message_name
    message_variation_id message_variation_name send_id timezone
redacted: email_address external_user_id user_id
storage lacks: device_id
""",
    "users.messages.featureflag.Impression": """
Braze Feature Flag Experiment Impression
    action app_group_id app_id browser campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id device_model feature_flag_id_name
    is_unique message_key message_name message_variation_id
    message_variation_name os_version platform timezone
redacted: external_user_id user_id
storage adds: canvas_step_message_variation_id, carrier, country (redacted), gender
    (redacted), language (redacted), resolution, sdk_version
""",
    "users.messages.inappmessage.Abort": """
Braze In-App Message Abort
    abort_type action ad_id_type ad_tracking_enabled app_group_id app_id
    campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name card_id channel
    device_id device_model dispatch_id message_key message_name
    message_variation_id message_variation_name os_version platform send_id
    timezone
redacted: abort_log ad_id external_user_id user_id
storage adds: browser, canvas_step_message_variation_id, carrier, resolution,
    version
""",
    "users.messages.inappmessage.Click": """
Braze In-App Message Click
    action ad_id_type ad_tracking_enabled app_group_id app_id button_id
    campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name card_id channel
    device_id device_model dispatch_id message_key message_name
    message_variation_id message_variation_name os_version platform send_id
    timezone
redacted: ad_id external_user_id user_id
storage lacks: dispatch_id
""",
    "users.messages.inappmessage.Impression": """
Braze In-App Message Impression
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name card_id channel device_id
    device_model dispatch_id message_key message_name message_variation_id
    message_variation_name os_version platform send_id timezone
redacted: ad_id external_user_id locale_key message_extras user_id
storage lacks: dispatch_id
""",
    "users.messages.landingpage.Click": """
Braze Landing Page Click
    action app_group_id channel landing_page_api_id landing_page_name target
redacted: external_user_id user_id
""",
    "users.messages.landingpage.FormSubmission": """
Braze Landing Page Form Submission
    action app_group_id channel landing_page_api_id landing_page_name
redacted: external_user_id user_id
""",
    "users.messages.landingpage.Impression": """
Braze Landing Page Impression
    action app_group_id channel landing_page_api_id landing_page_name
    liquid_enabled
redacted: external_user_id user_id
""",
    "users.messages.line.Abort": """
Braze LINE Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_step_id canvas_step_name canvas_variation_id channel device_id
    dispatch_id line_channel_id line_channel_name message_key message_name
    message_variation_id send_id subscription_group_id timezone
redacted: abort_log external_user_id message_extras native_line_id user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.line.Click": """
Braze LINE Click
    action app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id channel device_id dispatch_id
    is_suspected_bot_click line_channel_id line_channel_name link_domain
    message_key message_name message_variation_id send_id short_url
    subscription_group_id timezone url user_agent
redacted: external_user_id native_line_id user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.line.InboundReceive": """
Braze LINE Inbound Receive
    action app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id channel device_id dispatch_id
    line_channel_id line_channel_name message_key message_name
    message_variation_id send_id subscription_group_id timezone
redacted: external_user_id media_id message_body native_line_id user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.line.Retry": """
Braze LINE Retry
    action app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id channel device_id dispatch_id
    line_channel_id line_channel_name message_key message_name
    message_variation_id retry_type send_id subscription_group_id timezone
redacted: external_user_id native_line_id retry_log user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.line.Send": """
Braze LINE Send
    action app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id channel device_id dispatch_id
    line_channel_id line_channel_name message_key message_name
    message_variation_id send_id subscription_group_id timezone
redacted: external_user_id message_extras native_line_id user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.liveactivity.Outcome": """
Braze Live Activity Outcome
    action activity_attributes_type activity_id app_group_id app_id channel
    live_activity_event_outcome live_activity_event_type
redacted: external_user_id push_to_start_token update_token user_id
""",
    "users.messages.liveactivity.Send": """
Braze Live Activity Send
    action activity_attributes_type activity_id app_group_id app_id channel
    live_activity_event_type
redacted: external_user_id push_to_start_token update_token user_id
""",
    "users.messages.newsfeedcard.Abort": """
Braze News Feed Card Abort
    abort_type action app_group_id app_id card_id channel device_id device_model
    os_version platform timezone
redacted: abort_log external_user_id user_id
""",
    "users.messages.newsfeedcard.Click": """
Braze News Feed Card Click
    action app_id card_id channel device_id device_model os_version platform
    timezone
redacted: external_user_id user_id
""",
    "users.messages.newsfeedcard.Impression": """
Braze News Feed Card Impression
    action app_id card_id channel device_id device_model os_version platform
    timezone
redacted: external_user_id user_id
""",
    "users.messages.pushnotification.Abort": """
Braze Push Notification Abort
    abort_type action app_group_id app_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id dispatch_id message_key message_name
    message_variation_id message_variation_name platform send_id timezone
redacted: abort_log external_user_id message_extras user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.pushnotification.Bounce": """
Braze Push Notification Bounce
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel device_id dispatch_id
    message_key message_name message_variation_id message_variation_name
    platform send_id timezone
redacted: ad_id external_user_id push_token user_id
""",
    "users.messages.pushnotification.IosForeground": """
Braze Push Notification iOS Foreground Open
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel device_id device_model
    dispatch_id message_key message_name message_variation_id
    message_variation_name os_version platform send_id timezone
redacted: ad_id external_user_id user_id
storage lacks: device_model, os_version
""",
    "users.messages.pushnotification.Open": """
Braze Push Notification Open
    action ad_id_type ad_tracking_enabled app_group_id app_id button_action_type
    button_string campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name channel device_id
    device_model dispatch_id message_key message_name message_variation_id
    message_variation_name os_version platform send_id timezone
redacted: ad_id external_user_id user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.pushnotification.Retry": """
Braze Push Notification Retry
    action app_group_id app_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id message_key message_name message_variation_id
    message_variation_name platform retry_type send_id timezone
redacted: external_user_id retry_log user_id
storage adds: canvas_step_message_variation_id, country (redacted), gender
    (redacted), language (redacted)
""",
    "users.messages.pushnotification.Send": """
Braze Push Notification Send
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel click_url device_id
    dispatch_id is_archived message_key message_name message_variation_id
    message_variation_name platform send_id timezone
redacted: ad_id external_user_id locale_key message_extras push_token user_id
""",
    "users.messages.rcs.Abort": """
Braze RCS Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel message_key message_name message_variation_id
    message_variation_name subscription_group_id
redacted: abort_log external_user_id message_extras user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.rcs.Click": """
Braze RCS Click
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id element_label element_type interaction_type
    is_suspected_bot_click link_domain message_key message_name
    message_variation_id message_variation_name send_id short_url
    subscription_group_id suspected_bot_click_reason url user_agent
redacted: external_user_id user_id user_phone_number
storage adds: canvas_step_message_variation_id
""",
    "users.messages.rcs.Delivery": """
Braze RCS Delivery
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id from_rcs_sender message_key message_name
    message_variation_id message_variation_name send_id subscription_group_id
redacted: external_user_id to_phone_number user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.rcs.InboundReceive": """
Braze RCS Inbound Received
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel message_key message_name message_variation_id message_variation_name
    send_id subscription_action subscription_group_id to_rcs_sender
redacted: external_user_id media_urls message_body user_id user_phone_number
storage adds: canvas_step_message_variation_id
""",
    "users.messages.rcs.Read": """
Braze RCS Read
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel message_key message_name message_variation_id message_variation_name
redacted: external_user_id to_phone_number user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.rcs.Rejection": """
Braze RCS Rejection
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id error from_rcs_sender is_sms_fallback
    message_key message_name message_variation_id message_variation_name
    provider_error_code send_id subscription_group_id
redacted: external_user_id to_phone_number user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.rcs.Send": """
Braze RCS Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    category channel device_id dispatch_id from_rcs_sender message_key
    message_name message_variation_id message_variation_name send_id
    subscription_group_id
redacted: external_user_id message_extras to_phone_number user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.sms.Abort": """
Braze SMS Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel message_key message_name message_variation_id
    message_variation_name subscription_group_id
redacted: abort_log external_user_id message_extras user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.sms.CarrierSend": """
Braze SMS Carrier Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id from_phone_number message_key message_name
    message_variation_id message_variation_name send_id subscription_group_id
    timezone
redacted: external_user_id to_phone_number user_id
storage lacks: device_id
""",
    "users.messages.sms.Delivery": """
Braze SMS Delivery
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id from_phone_number is_sms_fallback message_key
    message_name message_variation_id message_variation_name send_id
    subscription_group_id timezone
redacted: external_user_id to_phone_number user_id
storage lacks: device_id
""",
    "users.messages.sms.DeliveryFailure": """
Braze SMS Delivery Failure
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id error is_sms_fallback message_key message_name
    message_variation_id message_variation_name provider_error_code send_id
    subscription_group_id timezone
redacted: external_user_id to_phone_number user_id
storage lacks: device_id
""",
    "users.messages.sms.InboundReceive": """
Braze SMS Inbound Received
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel message_key message_name message_variation_id message_variation_name
    subscription_action subscription_group_id
redacted: external_user_id inbound_phone_number media_urls message_body user_id
    user_phone_number
""",
    "users.messages.sms.Rejection": """
Braze SMS Rejection
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id error from_phone_number is_sms_fallback
    message_key message_name message_variation_id message_variation_name
    provider_error_code send_id subscription_group_id timezone
redacted: external_user_id to_phone_number user_id
storage lacks: device_id
""",
    "users.messages.sms.Retry": """
Braze SMS Retry
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel message_key message_name message_variation_id message_variation_name
    retry_type subscription_group_id
redacted: external_user_id retry_log user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.sms.Send": """
Braze SMS Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    category channel device_id dispatch_id is_archived message_key message_name
    message_variation_id message_variation_name send_id subscription_group_id
    timezone
redacted: external_user_id message_extras to_phone_number user_id
storage lacks: device_id
""",
    "users.messages.sms.ShortLinkClick": """
Braze SMS Short Link Click
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id is_suspected_bot_click link_domain message_key
    message_name message_variation_id message_variation_name short_url
    suspected_bot_click_reason timezone url user_agent
redacted: external_user_id user_id user_phone_number
storage lacks: device_id
""",
    "users.messages.survey.Response": """
Braze Survey Response
    action ad_id_type ad_tracking_enabled answer_type app_group_id app_id
    browser campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_message_variation_id canvas_step_name canvas_variation_id
    canvas_variation_name carrier channel device_model landing_page_api_id
    landing_page_name message_key message_name message_variation_id
    message_variation_name os_version platform question_id question_reporting_id
    response_id sdk_version survey_completion_status survey_id survey_session_id
    timezone
redacted: ad_id answer_long_string answer_multiple_strings answer_single_boolean
    answer_single_number answer_single_string country device_id external_user_id
    gender message_extras user_id
""",
    "users.messages.webhook.Abort": """
Braze Webhook Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id dispatch_id message_key message_name
    message_variation_id message_variation_name send_id timezone
redacted: abort_log external_user_id message_extras user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.webhook.Failure": """
Braze Webhook Failure
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel content_length dispatch_id host http_status_code is_terminal
    message_key message_name message_variation_id message_variation_name
    retry_count send_id webhook_duration webhook_failure_source
redacted: endpoint_url external_user_id raw_response url_path user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.webhook.Retry": """
Braze Webhook Retry
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id message_key message_name message_variation_id
    message_variation_name retry_type send_id timezone
redacted: external_user_id retry_log user_id
storage adds: canvas_step_message_variation_id, country (redacted), gender
    (redacted), language (redacted)
""",
    "users.messages.webhook.Send": """
Braze Webhook Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id message_key message_name message_variation_id
    message_variation_name send_id timezone
redacted: external_user_id message_extras user_id
storage lacks: device_id
""",
    "users.messages.whatsapp.Abort": """
Braze WhatsApp Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id dispatch_id message_key message_name
    message_variation_id message_variation_name subscription_group_id timezone
redacted: abort_log bsuid external_user_id message_extras to_phone_number user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.whatsapp.Click": """
Braze WhatsApp Tracked Link Click
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id link_domain message_key message_name message_variation_id
    message_variation_name short_url timezone url user_agent
redacted: external_user_id user_id user_phone_number
storage adds: canvas_step_message_variation_id
""",
    "users.messages.whatsapp.Delivery": """
Braze WhatsApp Delivery
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id flow_id from_phone_number message_key
    message_name message_variation_id message_variation_name send_id
    subscription_group_id timezone
redacted: bsuid external_user_id message_id template_name to_phone_number user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.whatsapp.Failure": """
Braze WhatsApp Failure
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id flow_id from_phone_number message_key
    message_name message_variation_id message_variation_name provider_error_code
    provider_error_title send_id subscription_group_id timezone
redacted: bsuid external_user_id message_id template_name to_phone_number user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.whatsapp.InboundReceive": """
Braze WhatsApp Inbound Received
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    catalog_id channel device_id flow_id message_key message_name
    message_variation_id message_variation_name product_id subscription_action
    subscription_group_id timezone
redacted: bsuid external_user_id flow_response_json in_reply_to inbound_phone_number
    media_urls message_body message_id quick_reply_text user_id user_phone_number
storage adds: canvas_step_message_variation_id
""",
    "users.messages.whatsapp.Read": """
Braze WhatsApp Read
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id flow_id from_phone_number message_key
    message_name message_variation_id message_variation_name send_id
    subscription_group_id timezone
redacted: bsuid external_user_id message_id template_name to_phone_number user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.whatsapp.Retry": """
Braze WhatsApp Retry
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id message_key message_name message_variation_id
    message_variation_name retry_type subscription_group_id timezone
redacted: bsuid external_user_id retry_log to_phone_number user_id
storage adds: canvas_step_message_variation_id
""",
    "users.messages.whatsapp.Send": """
Braze WhatsApp Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id flow_id from_phone_number message_key
    message_name message_variation_id message_variation_name send_id
    subscription_group_id timezone
redacted: bsuid external_user_id message_extras message_id template_name
    to_phone_number user_id
storage adds: canvas_step_message_variation_id
storage lacks: canvas_variation_name
""",
    "users.profile.Update": """
Braze User Profile Update
    action app_group_id app_id archived custom_attributes.cart.currency
    custom_attributes.cart.value custom_attributes.color custom_attributes.gift
    custom_attributes.quantity custom_attributes.tags time_ms timezone
    update_source
user:
    braze_archived = false
    braze_custom_attributes.cart.currency = EUR
    braze_custom_attributes.cart.value = 49.95
    braze_custom_attributes.color = green
    braze_custom_attributes.gift = false
    braze_custom_attributes.quantity = 2
    braze_custom_attributes.tags = new||sale
    braze_timezone = Europe/Paris
redacted: country dob email_address external_user_id first_name gender home_city
    language last_name phone_number user_id
""",
}
"""Event type to outcome of a complete event, as `summary_of` writes it."""


def summary_of(event_type: str) -> str:
    """Return the outcome of a complete event of a type, as text."""
    return "\n" + "\n".join(_lines(event_type)) + "\n"


def _lines(event_type: str) -> Iterator[str]:
    http, storage, union = (
        outcome_of(event_type, form) for form in ("http", "storage", "union")
    )
    yield http.event
    names = " ".join(sorted(http.properties.keys() - {"event_type"}))
    yield from _wrapped(names, 80, "    ", "    ")
    if http.user_properties:
        yield "user:"
        for name, value in sorted(http.user_properties.items()):
            yield from _wrapped(f"{name} = {value}", 84, "    ", "    ")
    yield from _wrapped(f"redacted: {' '.join(sorted(http.redacted))}", 84, "", "    ")
    yield from _differences("storage", _items(http), _items(storage))
    yield from _differences("union", _items(storage), _items(union))


def _items(outcome: Outcome) -> set[str]:
    return {
        f"event {outcome.event}",
        *outcome.properties,
        *(f"user {name} = {v}" for name, v in outcome.user_properties.items()),
        *(f"{name} (redacted)" for name in outcome.redacted),
    }


def _differences(form: str, before: set[str], after: set[str]) -> Iterator[str]:
    """Yield the lines about a form that differs from the one *before*."""
    for verb, items in (("adds", after - before), ("lacks", before - after)):
        if items:
            text = f"{form} {verb}: {', '.join(sorted(items))}"
            yield from _wrapped(text, 84, "", "    ")


def _wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


@for_each("event_type", sorted(bh.EVENT_TYPES))
def test_a_complete_event_becomes_what_was_decided(event_type: str) -> None:
    """A change of the default mapping changes a golden."""
    assert summary_of(event_type) == GOLDENS[event_type], REGENERATE


@for_each("event_type", sorted(bh.EVENT_TYPES))
def test_all_forms_give_the_same_names_where_braze_documents_the_field_for_both(
    event_type: str,
) -> None:
    """A property is missing in a form only if Braze does not document its field."""
    http, storage = (
        outcome_of(event_type, form).treatments() for form in ("http", "storage")
    )
    fields = event_fields(bh.EVENT_TYPES[event_type])
    allowed = {n for n, f in fields.items() if f.http != (f.storage is not None)}

    differing = {name for name, _ in http.items() ^ storage.items()}

    if all(documented_forms(event_type)):
        assert differing <= allowed
    else:
        assert differing == set()


@for_each("event_type", sorted(bh.EVENT_TYPES))
def test_a_property_has_the_same_value_in_all_forms(event_type: str) -> None:
    """Unions and 32-bit floats leave no trace in the values."""
    http, storage, union = (
        outcome_of(event_type, form) for form in ("http", "storage", "union")
    )

    assert union == storage
    assert storage.user_properties == http.user_properties
    for name in http.properties.keys() & storage.properties.keys():
        assert storage.properties[name] == http.properties[name]


def regenerated(source: str) -> str:
    """Return *source*, that of this module, with the present outcome of every type."""
    start, end = "GOLDENS = {\n", '}\n"""Event type to outcome'
    head, _, rest = source.partition(start)
    _, _, tail = rest.partition(end)
    rows = (f'    "{t}": """{summary_of(t)}""",\n' for t in sorted(bh.EVENT_TYPES))
    return f"{head}{start}{''.join(rows)}{end}{tail}"


if __name__ == "__main__":
    HERE = Path(__file__)
    HERE.write_text(regenerated(HERE.read_text("utf-8")), "utf-8")
