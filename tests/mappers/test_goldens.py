"""
What a complete event of each type becomes: names of properties, user properties about
the user, and what the policy leaves out. A change of a default shows up here as a
readable diff: ``python -m tests.regenerate`` writes them anew.
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import braze_heap as bh
from braze_heap.testing import make_raw

GOLDENS = {
    "agentconsole.AgentExecuted": """
Braze Agent Executed
    action agent_id agent_name cache_hit cache_tokens canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    completion_tokens duration_ms error invocation_id invocation_source is_error
    llm_owned_by_customer message_key message_name model_name model_provider
    prompt_tokens provider_request_id reasoning_tokens request_id thinking_level
    total_tokens
left out: external_user_id input output user_id
""",
    "agentconsole.ToolInvocation": """
Braze Tool Invocation
    action agent_id agent_name duration_ms invocation_source is_error request_id
    tool_call_id tool_name
left out: external_user_id tool_arguments
""",
    "contentoptimizer.ComponentStore": """
Braze Content Optimizer Component Store Update
    action app_group_id combination_token content.season
    content_optimizer_step_id is_active
left out: external_user_id
""",
    "users.RandomBucketNumberUpdate": """
Braze Random Bucket Number Update
    action app_group_id prev_random_bucket_number random_bucket_number
user:
    braze_random_bucket_number = 4711
left out: external_user_id user_id
""",
    "users.UserDeleteRequest": """
Braze User Delete Request
    action app_group_id
left out: external_user_id user_id
""",
    "users.UserOrphan": """
Braze User Orphan
    action app_group_id app_id device_id
left out: external_user_id orphaned_by_id user_id
""",
    "users.behaviors.CustomEvent": """
Braze Custom Example name
    action ad_id_type ad_tracking_enabled app_group_id app_id
    custom_properties.cart.currency custom_properties.cart.value
    custom_properties.color custom_properties.gift custom_properties.quantity
    custom_properties.tags device_id device_model name os_version platform
    timezone
left out: ad_id external_user_id user_id
""",
    "users.behaviors.InstallAttribution": """
Braze Install Attribution
    action app_group_id device_id source
user:
    braze_install_source = Example source
left out: external_user_id user_id
""",
    "users.behaviors.Location": """
Braze Location
    action ad_id_type ad_tracking_enabled alt_accuracy app_group_id app_id
    device_id device_model ll_accuracy os_version platform
left out: ad_id altitude external_user_id latitude longitude user_id
""",
    "users.behaviors.Purchase": """
Braze Purchase
    action ad_id_type ad_tracking_enabled app_group_id app_id currency device_id
    device_model os_version platform price product_id
    purchase_properties.cart.currency purchase_properties.cart.value
    purchase_properties.color purchase_properties.gift
    purchase_properties.quantity purchase_properties.tags
left out: ad_id external_user_id user_id
""",
    "users.behaviors.Uninstall": """
Braze Uninstall
    action app_group_id app_id device_id
user:
    braze_app_02a2f078-b0b6-5c29-92f7-fc7b769c8158_uninstalled_at =
    2026-01-01T00:00:00+00:00
left out: external_user_id user_id
""",
    "users.behaviors.app.FirstSession": """
Braze First Session
    action app_group_id app_id device_id device_model os_version platform
    session_id timezone
user:
    braze_app_02a2f078-b0b6-5c29-92f7-fc7b769c8158_first_session_at =
    2026-01-01T00:00:00+00:00
left out: external_user_id user_id
""",
    "users.behaviors.app.SessionEnd": """
Braze Session End
    action app_group_id app_id device_id device_model duration os_version
    platform session_id
left out: external_user_id user_id
""",
    "users.behaviors.app.SessionStart": """
Braze Session Start
    action app_group_id app_id device_id device_model os_version platform
    session_id
left out: external_user_id user_id
""",
    "users.behaviors.liveactivity.PushToStartTokenChange": """
Braze Live Activity Push To Start Token Change
    action activity_attributes_type app_group_id app_id channel device_id
    ios_push_token_apns_gateway push_token_state_change_type
left out: external_user_id push_to_start_token user_id
""",
    "users.behaviors.liveactivity.UpdateTokenChange": """
Braze Live Activity Update Token Change
    action activity_id app_group_id app_id channel device_id
    ios_push_token_apns_gateway push_token_state_change_type
left out: external_user_id update_token user_id
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
left out: external_user_id push_token push_token_device_id user_id
    web_push_token_public_key web_push_token_user_auth
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
left out: channel_identifier email_address external_user_id user_id
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
left out: channel_identifier email_address external_user_id phone_number user_id
""",
    "users.campaigns.Conversion": """
Braze Campaign Conversion
    action app_group_id app_id campaign_id campaign_name
    conversion_behavior.name conversion_behavior.type conversion_behavior_index
    device_id dispatch_id message_key message_name message_variation_id
    message_variation_name send_id timezone
left out: external_user_id user_id
""",
    "users.campaigns.EnrollInControl": """
Braze Campaign Control Group Enrollment
    action app_group_id app_id campaign_id campaign_name device_id dispatch_id
    message_key message_name message_variation_id message_variation_name send_id
    timezone
left out: external_user_id user_id
""",
    "users.campaigns.UniqueReceipt": """
Braze Unique User Message Receipt
    action app_group_id app_id campaign_id campaign_name device_id dispatch_id
    message_key message_name message_variation_id message_variation_name send_id
    timezone
left out: country external_user_id gender language user_id
""",
    "users.canvas.Conversion": """
Braze Canvas Conversion
    action app_group_id app_id canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name
    conversion_behavior.name conversion_behavior.type conversion_behavior_index
    device_id message_key message_name timezone
left out: external_user_id user_id
""",
    "users.canvas.Entry": """
Braze Canvas Entry
    action app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name device_id in_control_group
    message_key message_name timezone
left out: data_object_provenance external_user_id user_id
""",
    "users.canvas.costep.Conversion": """
Braze Canvas Content Optimizer Step Conversion
    action app_group_id channel combination_token conversion_type dispatch_id
    step_channel
left out: external_user_id user_id
""",
    "users.canvas.costep.Send": """
Braze Canvas Content Optimizer Step Send
    action app_group_id canvas_variation_id channel combination_token
    content_optimizer_step_id dispatch_id step_channel
left out: external_user_id user_id
""",
    "users.canvas.exit.MatchedAudience": """
Braze Exit Match Audience
    action app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name message_key message_name
left out: external_user_id user_id
""",
    "users.canvas.exit.PerformedEvent": """
Braze Exit Perform Event
    action app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name message_key message_name
left out: external_user_id user_id
""",
    "users.canvas.experimentstep.Conversion": """
Braze Experiment Step Conversion
    action app_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name conversion_behavior.name
    conversion_behavior.type conversion_behavior_index experiment_split_id
    experiment_split_name experiment_step_id message_key message_name
left out: external_user_id user_id
""",
    "users.canvas.experimentstep.SplitEntry": """
Braze Experiment Split Entry
    action canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name experiment_split_id
    experiment_split_name experiment_step_id in_control_group message_key
    message_name
left out: external_user_id user_id
""",
    "users.canvas.sendtodestination.NotSent": """
Braze User is not sent to destination
    action app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_step_type canvas_variation_id canvas_variation_name
    destination_api_id destination_name destination_type message_key
    message_name reason
left out: external_user_id user_id
""",
    "users.canvas.sendtodestination.Sent": """
Braze User is sent to destination
    action app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_step_type canvas_variation_id canvas_variation_name
    destination_api_id destination_name destination_type
    destination_variant_type destination_variation_name message_key message_name
left out: external_user_id user_id
""",
    "users.canvasstep.Progression": """
Braze Canvas Step Progression
    action app_group_id canvas_entry_id canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    exit_reason is_canvas_entry message_key message_name next_step_id
    progression_type
left out: external_user_id user_id
""",
    "users.messages.banner.Abort": """
Braze Banner Abort
    abort_type action ad_id_type ad_tracking_enabled app_group_id app_id
    banner_placement_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_message_variation_id canvas_step_name
    canvas_variation_id canvas_variation_name channel device_id device_model
    message_key message_name message_variation_id message_variation_name
    os_version platform timezone
left out: abort_log ad_id external_user_id user_id
""",
    "users.messages.banner.Click": """
Braze Banner Click
    action ad_id_type ad_tracking_enabled app_group_id app_id
    banner_placement_id browser button_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_message_variation_id canvas_step_name
    canvas_variation_id canvas_variation_name channel device_id device_model
    is_unique message_key message_name message_variation_id
    message_variation_name os_version platform timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.banner.Dismiss": """
Braze Banner Dismissal
    action ad_id_type ad_tracking_enabled app_group_id app_id
    banner_placement_id browser button_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_message_variation_id canvas_step_name
    canvas_variation_id canvas_variation_name carrier channel device_id
    device_model is_unique message_key message_name message_variation_id
    message_variation_name os_version platform resolution sdk_version timezone
left out: ad_id country external_user_id gender language user_id
""",
    "users.messages.banner.Impression": """
Braze Banner Impression
    action ad_id_type ad_tracking_enabled app_group_id app_id
    banner_placement_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_message_variation_id canvas_step_name
    canvas_variation_id canvas_variation_name channel device_id device_model
    is_control is_unique message_key message_name message_variation_id
    message_variation_name os_version platform timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.contentcard.Abort": """
Braze Content Card Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id dispatch_id message_key message_name
    message_variation_id message_variation_name send_id timezone
left out: abort_log external_user_id user_id
""",
    "users.messages.contentcard.Click": """
Braze Content Card Click
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel content_card_id device_id
    device_model dispatch_id is_unique message_key message_name
    message_variation_id message_variation_name os_version platform send_id
    timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.contentcard.Dismiss": """
Braze Content Card Dismiss
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel content_card_id device_id
    device_model dispatch_id is_unique message_key message_name
    message_variation_id message_variation_name os_version platform send_id
    timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.contentcard.Impression": """
Braze Content Card Impression
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel content_card_id device_id
    device_model dispatch_id is_unique message_key message_name
    message_variation_id message_variation_name os_version platform send_id
    timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.contentcard.Send": """
Braze Content Card Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel content_card_id device_id dispatch_id message_key message_name
    message_variation_id message_variation_name send_id timezone
left out: external_user_id message_extras user_id
""",
    "users.messages.email.Abort": """
Braze Email Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id dispatch_id ip_pool message_key
    message_name message_variation_id message_variation_name send_id timezone
left out: abort_log data_object_provenance email_address external_user_id
    message_extras user_id
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
left out: bounce_reason email_address external_user_id user_id
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
left out: data_object_provenance email_address external_user_id user_id
""",
    "users.messages.email.Deferral": """
Braze Email Deferral
    action app_group_id attempt_count campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel dispatch_id esp from_domain ip_pool
    message_key message_name message_variation_id message_variation_name
    recipient_domain seconds_since_send send_id send_time sending_ip timezone
left out: deferral_reason email_address external_user_id user_id
""",
    "users.messages.email.Delivery": """
Braze Email Delivery
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id esp from_domain ip_pool message_key
    message_name message_variation_id message_variation_name seconds_since_send
    send_id send_time sending_ip timezone
left out: data_object_provenance email_address external_user_id user_id
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
left out: data_object_provenance email_address external_user_id user_id
""",
    "users.messages.email.Open": """
Braze Email Open
    action app_group_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_class device_id device_model device_os dispatch_id esp
    from_domain ip_pool is_amp is_machine_open machine_open mailbox_provider
    message_key message_name message_variation_id message_variation_name
    seconds_since_send send_id send_time timezone user_agent
left out: data_object_provenance email_address external_user_id user_id
""",
    "users.messages.email.Retry": """
Braze Email Retry
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id ip_pool message_key message_name
    message_variation_id message_variation_name retry_type send_id timezone
left out: email_address external_user_id retry_log user_id
""",
    "users.messages.email.Send": """
Braze Email Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id ip_pool is_archived message_key message_name
    message_variation_id message_variation_name send_id timezone
left out: data_object_provenance email_address external_user_id message_extras
    user_id
""",
    "users.messages.email.SoftBounce": """
Braze Email Soft Bounce
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id esp from_domain ip_pool message_key
    message_name message_variation_id message_variation_name seconds_since_send
    send_id send_time sending_ip timezone
left out: bounce_reason email_address external_user_id user_id
""",
    "users.messages.email.Unsubscribe": """
Braze Email Unsubscribe
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id ip_pool message_key message_name
    message_variation_id message_variation_name send_id timezone
left out: email_address external_user_id user_id
""",
    "users.messages.featureflag.Impression": """
Braze Feature Flag Experiment Impression
    action app_group_id app_id browser campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id device_model feature_flag_id_name
    is_unique message_key message_name message_variation_id
    message_variation_name os_version platform timezone
left out: external_user_id user_id
""",
    "users.messages.inappmessage.Abort": """
Braze In-App Message Abort
    abort_type action ad_id_type ad_tracking_enabled app_group_id app_id
    campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name card_id channel
    device_id device_model dispatch_id message_key message_name
    message_variation_id message_variation_name os_version platform send_id
    timezone
left out: abort_log ad_id external_user_id user_id
""",
    "users.messages.inappmessage.Click": """
Braze In-App Message Click
    action ad_id_type ad_tracking_enabled app_group_id app_id button_id
    campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name card_id channel
    device_id device_model dispatch_id message_key message_name
    message_variation_id message_variation_name os_version platform send_id
    timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.inappmessage.Impression": """
Braze In-App Message Impression
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name card_id channel device_id
    device_model dispatch_id message_key message_name message_variation_id
    message_variation_name os_version platform send_id timezone
left out: ad_id external_user_id locale_key message_extras user_id
""",
    "users.messages.landingpage.Click": """
Braze Landing Page Click
    action app_group_id channel landing_page_api_id landing_page_name target
left out: external_user_id user_id
""",
    "users.messages.landingpage.FormSubmission": """
Braze Landing Page Form Submission
    action app_group_id channel landing_page_api_id landing_page_name
left out: external_user_id user_id
""",
    "users.messages.landingpage.Impression": """
Braze Landing Page Impression
    action app_group_id channel landing_page_api_id landing_page_name
    liquid_enabled
left out: external_user_id user_id
""",
    "users.messages.line.Abort": """
Braze LINE Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_step_id canvas_step_name canvas_variation_id channel device_id
    dispatch_id line_channel_id line_channel_name message_key message_name
    message_variation_id send_id subscription_group_id timezone
left out: abort_log external_user_id message_extras native_line_id user_id
""",
    "users.messages.line.Click": """
Braze LINE Click
    action app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id channel device_id dispatch_id
    is_suspected_bot_click line_channel_id line_channel_name link_domain
    message_key message_name message_variation_id send_id short_url
    subscription_group_id timezone url user_agent
left out: external_user_id native_line_id user_id
""",
    "users.messages.line.InboundReceive": """
Braze LINE Inbound Receive
    action app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id channel device_id dispatch_id
    line_channel_id line_channel_name message_key message_name
    message_variation_id send_id subscription_group_id timezone
left out: external_user_id media_id message_body native_line_id user_id
""",
    "users.messages.line.Retry": """
Braze LINE Retry
    action app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id channel device_id dispatch_id
    line_channel_id line_channel_name message_key message_name
    message_variation_id retry_type send_id subscription_group_id timezone
left out: external_user_id native_line_id retry_log user_id
""",
    "users.messages.line.Send": """
Braze LINE Send
    action app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id channel device_id dispatch_id
    line_channel_id line_channel_name message_key message_name
    message_variation_id send_id subscription_group_id timezone
left out: external_user_id message_extras native_line_id user_id
""",
    "users.messages.liveactivity.Outcome": """
Braze Live Activity Outcome
    action activity_attributes_type activity_id app_group_id app_id channel
    live_activity_event_outcome live_activity_event_type
left out: external_user_id push_to_start_token update_token user_id
""",
    "users.messages.liveactivity.Send": """
Braze Live Activity Send
    action activity_attributes_type activity_id app_group_id app_id channel
    live_activity_event_type
left out: external_user_id push_to_start_token update_token user_id
""",
    "users.messages.newsfeedcard.Abort": """
Braze News Feed Card Abort
    abort_type action app_group_id app_id card_id channel device_id device_model
    os_version platform timezone
left out: abort_log external_user_id user_id
""",
    "users.messages.newsfeedcard.Click": """
Braze News Feed Card Click
    action app_id card_id channel device_id device_model os_version platform
    timezone
left out: external_user_id user_id
""",
    "users.messages.newsfeedcard.Impression": """
Braze News Feed Card Impression
    action app_id card_id channel device_id device_model os_version platform
    timezone
left out: external_user_id user_id
""",
    "users.messages.pushnotification.Abort": """
Braze Push Notification Abort
    abort_type action app_group_id app_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id dispatch_id message_key message_name
    message_variation_id message_variation_name platform send_id timezone
left out: abort_log external_user_id message_extras user_id
""",
    "users.messages.pushnotification.Bounce": """
Braze Push Notification Bounce
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel device_id dispatch_id
    message_key message_name message_variation_id message_variation_name
    platform send_id timezone
left out: ad_id external_user_id push_token user_id
""",
    "users.messages.pushnotification.IosForeground": """
Braze Push Notification iOS Foreground Open
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel device_id device_model
    dispatch_id message_key message_name message_variation_id
    message_variation_name os_version platform send_id timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.pushnotification.Open": """
Braze Push Notification Open
    action ad_id_type ad_tracking_enabled app_group_id app_id button_action_type
    button_string campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name channel device_id
    device_model dispatch_id message_key message_name message_variation_id
    message_variation_name os_version platform send_id timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.pushnotification.Retry": """
Braze Push Notification Retry
    action app_group_id app_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id message_key message_name message_variation_id
    message_variation_name platform retry_type send_id timezone
left out: external_user_id retry_log user_id
""",
    "users.messages.pushnotification.Send": """
Braze Push Notification Send
    action ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name channel click_url device_id
    dispatch_id is_archived message_key message_name message_variation_id
    message_variation_name platform send_id timezone
left out: ad_id external_user_id locale_key message_extras push_token user_id
""",
    "users.messages.rcs.Abort": """
Braze RCS Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel message_key message_name message_variation_id
    message_variation_name subscription_group_id
left out: abort_log external_user_id message_extras user_id
""",
    "users.messages.rcs.Click": """
Braze RCS Click
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id element_label element_type interaction_type
    is_suspected_bot_click link_domain message_key message_name
    message_variation_id message_variation_name send_id short_url
    subscription_group_id suspected_bot_click_reason url user_agent
left out: external_user_id user_id user_phone_number
""",
    "users.messages.rcs.Delivery": """
Braze RCS Delivery
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id from_rcs_sender message_key message_name
    message_variation_id message_variation_name send_id subscription_group_id
left out: external_user_id to_phone_number user_id
""",
    "users.messages.rcs.InboundReceive": """
Braze RCS Inbound Received
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel message_key message_name message_variation_id message_variation_name
    send_id subscription_action subscription_group_id to_rcs_sender
left out: external_user_id media_urls message_body user_id user_phone_number
""",
    "users.messages.rcs.Read": """
Braze RCS Read
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel message_key message_name message_variation_id message_variation_name
left out: external_user_id to_phone_number user_id
""",
    "users.messages.rcs.Rejection": """
Braze RCS Rejection
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id error from_rcs_sender is_sms_fallback
    message_key message_name message_variation_id message_variation_name
    provider_error_code send_id subscription_group_id
left out: external_user_id to_phone_number user_id
""",
    "users.messages.rcs.Send": """
Braze RCS Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    category channel device_id dispatch_id from_rcs_sender message_key
    message_name message_variation_id message_variation_name send_id
    subscription_group_id
left out: external_user_id message_extras to_phone_number user_id
""",
    "users.messages.sms.Abort": """
Braze SMS Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel message_key message_name message_variation_id
    message_variation_name subscription_group_id
left out: abort_log external_user_id message_extras user_id
""",
    "users.messages.sms.CarrierSend": """
Braze SMS Carrier Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id from_phone_number message_key message_name
    message_variation_id message_variation_name send_id subscription_group_id
    timezone
left out: external_user_id to_phone_number user_id
""",
    "users.messages.sms.Delivery": """
Braze SMS Delivery
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id from_phone_number is_sms_fallback message_key
    message_name message_variation_id message_variation_name send_id
    subscription_group_id timezone
left out: external_user_id to_phone_number user_id
""",
    "users.messages.sms.DeliveryFailure": """
Braze SMS Delivery Failure
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id error is_sms_fallback message_key message_name
    message_variation_id message_variation_name provider_error_code send_id
    subscription_group_id timezone
left out: external_user_id to_phone_number user_id
""",
    "users.messages.sms.InboundReceive": """
Braze SMS Inbound Received
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel message_key message_name message_variation_id message_variation_name
    subscription_action subscription_group_id
left out: external_user_id inbound_phone_number media_urls message_body user_id
    user_phone_number
""",
    "users.messages.sms.Rejection": """
Braze SMS Rejection
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id error from_phone_number is_sms_fallback
    message_key message_name message_variation_id message_variation_name
    provider_error_code send_id subscription_group_id timezone
left out: external_user_id to_phone_number user_id
""",
    "users.messages.sms.Retry": """
Braze SMS Retry
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel message_key message_name message_variation_id message_variation_name
    retry_type subscription_group_id
left out: external_user_id retry_log user_id
""",
    "users.messages.sms.Send": """
Braze SMS Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    category channel device_id dispatch_id is_archived message_key message_name
    message_variation_id message_variation_name send_id subscription_group_id
    timezone
left out: external_user_id message_extras to_phone_number user_id
""",
    "users.messages.sms.ShortLinkClick": """
Braze SMS Short Link Click
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id is_suspected_bot_click link_domain message_key
    message_name message_variation_id message_variation_name short_url
    suspected_bot_click_reason timezone url user_agent
left out: external_user_id user_id user_phone_number
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
left out: ad_id answer_long_string answer_multiple_strings answer_single_boolean
    answer_single_number answer_single_string country device_id external_user_id
    gender message_extras user_id
""",
    "users.messages.webhook.Abort": """
Braze Webhook Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id dispatch_id message_key message_name
    message_variation_id message_variation_name send_id timezone
left out: abort_log external_user_id message_extras user_id
""",
    "users.messages.webhook.Failure": """
Braze Webhook Failure
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel content_length dispatch_id host http_status_code is_terminal
    message_key message_name message_variation_id message_variation_name
    retry_count send_id webhook_duration webhook_failure_source
left out: endpoint_url external_user_id raw_response url_path user_id
""",
    "users.messages.webhook.Retry": """
Braze Webhook Retry
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id message_key message_name message_variation_id
    message_variation_name retry_type send_id timezone
left out: external_user_id retry_log user_id
""",
    "users.messages.webhook.Send": """
Braze Webhook Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id message_key message_name message_variation_id
    message_variation_name send_id timezone
left out: external_user_id message_extras user_id
""",
    "users.messages.whatsapp.Abort": """
Braze WhatsApp Abort
    abort_type action app_group_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name channel device_id dispatch_id message_key message_name
    message_variation_id message_variation_name subscription_group_id timezone
left out: abort_log bsuid external_user_id message_extras to_phone_number user_id
""",
    "users.messages.whatsapp.Click": """
Braze WhatsApp Tracked Link Click
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id link_domain message_key message_name message_variation_id
    message_variation_name short_url timezone url user_agent
left out: external_user_id user_id user_phone_number
""",
    "users.messages.whatsapp.Delivery": """
Braze WhatsApp Delivery
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id flow_id from_phone_number message_key
    message_name message_variation_id message_variation_name send_id
    subscription_group_id timezone
left out: bsuid external_user_id message_id template_name to_phone_number user_id
""",
    "users.messages.whatsapp.Failure": """
Braze WhatsApp Failure
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id flow_id from_phone_number message_key
    message_name message_variation_id message_variation_name provider_error_code
    provider_error_title send_id subscription_group_id timezone
left out: bsuid external_user_id message_id template_name to_phone_number user_id
""",
    "users.messages.whatsapp.InboundReceive": """
Braze WhatsApp Inbound Received
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    catalog_id channel device_id flow_id message_key message_name
    message_variation_id message_variation_name product_id subscription_action
    subscription_group_id timezone
left out: bsuid external_user_id flow_response_json in_reply_to inbound_phone_number
    media_urls message_body message_id quick_reply_text user_id user_phone_number
""",
    "users.messages.whatsapp.Read": """
Braze WhatsApp Read
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id flow_id from_phone_number message_key
    message_name message_variation_id message_variation_name send_id
    subscription_group_id timezone
left out: bsuid external_user_id message_id template_name to_phone_number user_id
""",
    "users.messages.whatsapp.Retry": """
Braze WhatsApp Retry
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id message_key message_name message_variation_id
    message_variation_name retry_type subscription_group_id timezone
left out: bsuid external_user_id retry_log to_phone_number user_id
""",
    "users.messages.whatsapp.Send": """
Braze WhatsApp Send
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id flow_id from_phone_number message_key
    message_name message_variation_id message_variation_name send_id
    subscription_group_id timezone
left out: bsuid external_user_id message_extras message_id template_name
    to_phone_number user_id
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
left out: country dob email_address external_user_id first_name gender home_city
    language last_name phone_number user_id
""",
}
"""Event type to what becomes of a complete event, as `told` writes it."""


def told(event_type: str) -> str:
    """Write down what becomes of a complete event of a type."""
    raw = make_raw(event_type)
    raw["user"].setdefault("external_user_id", "golden")
    return "\n" + "\n".join(_lines(bh.Transformer().transform(raw))) + "\n"


def _lines(result: bh.TransformResult) -> Iterator[str]:
    for call in result.calls:
        if isinstance(call, bh.Track):
            names = " ".join(sorted(call.properties.keys() - {"event_type"}))
            yield call.event
            yield from _wrapped(names, 80, "    ", "    ")
        elif isinstance(call, bh.AddUserProperties):
            yield "user:"
            for name, value in sorted(call.properties.items()):
                yield from _wrapped(f"{name} = {value}", 84, "    ", "    ")
    yield from _wrapped(
        f"left out: {' '.join(sorted(result.redacted))}", 84, "", "    "
    )


def _wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


@pytest.mark.parametrize("event_type", sorted(bh.EVENT_TYPES))
def test_a_complete_event_becomes_what_was_decided(event_type: str) -> None:
    """Each type is told as its family decided."""
    assert told(event_type) == GOLDENS[event_type]


def told_anew(source: str) -> str:
    """Return this module, its *source* given, with every type told as it is now."""
    start, end = "GOLDENS = {\n", '}\n"""Event type to what becomes'
    head, _, rest = source.partition(start)
    _, _, tail = rest.partition(end)
    rows = (f'    "{t}": """{told(t)}""",\n' for t in sorted(bh.EVENT_TYPES))
    return f"{head}{start}{''.join(rows)}{end}{tail}"


if __name__ == "__main__":
    HERE = Path(__file__)
    HERE.write_text(told_anew(HERE.read_text("utf-8")), "utf-8")
