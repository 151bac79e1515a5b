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
    agent_id agent_name cache_hit cache_tokens canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    completion_tokens duration error invocation_id invocation_source is_error
    llm_owned_by_customer model_name model_provider prompt_tokens
    provider_request_id reasoning_tokens request_id thinking_level total_tokens
left out: external_user_id input output user_id
""",
    "agentconsole.ToolInvocation": """
Braze Tool Invocation
    agent_id agent_name duration invocation_source is_error request_id
    tool_call_id tool_name
left out: external_user_id tool_arguments
""",
    "contentoptimizer.ComponentStore": """
Braze Content Optimizer Component Store Update
    app_group_id combination_token content.season content_optimizer_step_id
    is_active
left out: external_user_id
""",
    "users.RandomBucketNumberUpdate": """
Braze Random Bucket Number Update
    app_group_id prev_random_bucket_number random_bucket_number
user:
    braze_random_bucket_number = 4711
left out: external_user_id user_id
""",
    "users.UserDeleteRequest": """
Braze User Delete Request
    app_group_id
left out: external_user_id user_id
""",
    "users.UserOrphan": """
Braze User Orphan
    app_group_id app_id device_id
left out: external_user_id orphaned_by_id user_id
""",
    "users.behaviors.CustomEvent": """
Braze Example name
    ad_id_type ad_tracking_enabled app_group_id app_id
    custom_properties.cart.currency custom_properties.cart.value
    custom_properties.color custom_properties.gift custom_properties.quantity
    custom_properties.tags device_id device_model name os_version platform
    timezone
left out: ad_id external_user_id user_id
""",
    "users.behaviors.InstallAttribution": """
Braze Install Attribution
    app_group_id device_id source
user:
    braze_install_source = Example source
left out: external_user_id user_id
""",
    "users.behaviors.Location": """
Braze Location
    ad_id_type ad_tracking_enabled alt_accuracy app_group_id app_id device_id
    device_model ll_accuracy os_version platform
left out: ad_id altitude external_user_id latitude longitude user_id
""",
    "users.behaviors.Purchase": """
Braze Purchase
    ad_id_type ad_tracking_enabled app_group_id app_id currency device_id
    device_model os_version platform price product_id
    purchase_properties.cart.currency purchase_properties.cart.value
    purchase_properties.color purchase_properties.gift
    purchase_properties.quantity purchase_properties.tags
left out: ad_id external_user_id user_id
""",
    "users.behaviors.Uninstall": """
Braze Uninstall
    app_group_id app_id device_id
user:
    braze_app_02a2f078-b0b6-5c29-92f7-fc7b769c8158_uninstalled_at =
    2026-01-01T00:00:00+00:00
left out: external_user_id user_id
""",
    "users.behaviors.app.FirstSession": """
Braze First Session
    app_group_id app_id device_id device_model os_version platform session_id
    timezone
user:
    braze_first_session_at = 2026-01-01T00:00:00+00:00
left out: external_user_id user_id
""",
    "users.behaviors.app.SessionEnd": """
Braze Session End
    app_group_id app_id device_id device_model duration os_version platform
    session_id
left out: external_user_id user_id
""",
    "users.behaviors.app.SessionStart": """
Braze Session Start
    app_group_id app_id device_id device_model os_version platform session_id
left out: external_user_id user_id
""",
    "users.behaviors.liveactivity.PushToStartTokenChange": """
Braze Live Activity Push To Start Token Change
    activity_attributes_type app_group_id app_id device_id
    ios_push_token_apns_gateway push_token_state_change_type
left out: external_user_id push_to_start_token user_id
""",
    "users.behaviors.liveactivity.UpdateTokenChange": """
Braze Live Activity Update Token Change
    activity_id app_group_id app_id device_id ios_push_token_apns_gateway
    push_token_state_change_type
left out: external_user_id update_token user_id
""",
    "users.behaviors.pushnotification.TokenStateChange": """
Braze Push Notification Token State Change
    app_group_id app_id ios_push_token_apns_gateway platform
    push_token_created_at push_token_foreground_push_disabled
    push_token_provisionally_opted_in push_token_state_change_type
    push_token_updated_at time_ms web_push_token_vapid_public_key
left out: external_user_id push_token push_token_device_id user_id
    web_push_token_public_key web_push_token_user_auth
""",
    "users.behaviors.subscription.GlobalStateChange": """
Braze Global Subscription State Change
    app_group_id app_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel message_variation_id message_variation_name send_id
    state_change_source subscription_status timezone
user:
    braze_email_subscription = Subscribed
    braze_email_subscription_changed_at = 2026-01-01T00:00:00+00:00
left out: channel_identifier email_address external_user_id user_id
""",
    "users.behaviors.subscriptiongroup.StateChange": """
Braze Subscription Group State Change
    app_group_id app_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    channel device_id dispatch_id message_variation_id message_variation_name
    send_id state_change_source subscription_group_id subscription_status
    timezone
user:
    braze_subscription_group_e7fea58d-b1b6-58bb-9288-c473b17e6d88 = Subscribed
    braze_subscription_group_e7fea58d-b1b6-58bb-9288-c473b17e6d88_changed_at =
    2026-01-01T00:00:00+00:00
left out: channel_identifier email_address external_user_id phone_number user_id
""",
    "users.campaigns.Conversion": """
Braze Campaign Conversion
    app_group_id app_id campaign_id campaign_name conversion_behavior.name
    conversion_behavior.type conversion_behavior_index device_id dispatch_id
    message_variation_id message_variation_name send_id timezone
left out: external_user_id user_id
""",
    "users.campaigns.EnrollInControl": """
Braze Campaign Control Group Enrollment
    app_group_id app_id campaign_id campaign_name device_id dispatch_id
    message_variation_id message_variation_name send_id timezone
left out: external_user_id user_id
""",
    "users.campaigns.UniqueReceipt": """
Braze Unique User Message Receipt
    app_group_id app_id campaign_id campaign_name device_id dispatch_id
    message_variation_id message_variation_name send_id timezone
left out: country external_user_id gender language user_id
""",
    "users.canvas.Conversion": """
Braze Canvas Conversion
    app_group_id app_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name conversion_behavior.name
    conversion_behavior.type conversion_behavior_index device_id timezone
left out: external_user_id user_id
""",
    "users.canvas.Entry": """
Braze Canvas Entry
    app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name device_id in_control_group
    timezone
left out: data_object_provenance external_user_id user_id
""",
    "users.canvas.costep.Conversion": """
Braze Canvas Content Optimizer Step Conversion
    app_group_id channel combination_token conversion_type dispatch_id
left out: external_user_id user_id
""",
    "users.canvas.costep.Send": """
Braze Canvas Content Optimizer Step Send
    app_group_id canvas_variation_id channel combination_token
    content_optimizer_step_id dispatch_id
left out: external_user_id user_id
""",
    "users.canvas.exit.MatchedAudience": """
Braze Exit Match Audience
    app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name
left out: external_user_id user_id
""",
    "users.canvas.exit.PerformedEvent": """
Braze Exit Perform Event
    app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name
left out: external_user_id user_id
""",
    "users.canvas.experimentstep.Conversion": """
Braze Experiment Step Conversion
    app_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name conversion_behavior.name
    conversion_behavior.type conversion_behavior_index experiment_split_id
    experiment_split_name experiment_step_id
left out: external_user_id user_id
""",
    "users.canvas.experimentstep.SplitEntry": """
Braze Experiment Split Entry
    canvas_id canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name experiment_split_id experiment_split_name
    experiment_step_id in_control_group
left out: external_user_id user_id
""",
    "users.canvas.sendtodestination.NotSent": """
Braze User is not sent to destination
    app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_step_type canvas_variation_id canvas_variation_name
    destination_api_id destination_name destination_type reason
left out: external_user_id user_id
""",
    "users.canvas.sendtodestination.Sent": """
Braze User is sent to destination
    app_group_id canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_step_type canvas_variation_id canvas_variation_name
    destination_api_id destination_name destination_type
    destination_variant_type destination_variation_name
left out: external_user_id user_id
""",
    "users.canvasstep.Progression": """
Braze Canvas Step Progression
    app_group_id canvas_entry_id canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    exit_reason is_canvas_entry next_step_id progression_type
left out: external_user_id user_id
""",
    "users.messages.banner.Abort": """
Braze Banner Abort
    abort_type ad_id_type ad_tracking_enabled app_group_id app_id
    banner_placement_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_message_variation_api_id canvas_step_name
    canvas_variation_id canvas_variation_name device_id device_model
    message_variation_id message_variation_name os_version platform timezone
left out: abort_log ad_id external_user_id user_id
""",
    "users.messages.banner.Click": """
Braze Banner Click
    ad_id_type ad_tracking_enabled app_group_id app_id banner_placement_id
    browser button_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_message_variation_api_id canvas_step_name
    canvas_variation_id canvas_variation_name device_id device_model is_unique
    message_variation_id message_variation_name os_version platform timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.banner.Dismiss": """
Braze Banner Dismissal
    ad_id_type ad_tracking_enabled app_group_id app_id banner_placement_id
    browser button_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_message_variation_api_id canvas_step_name
    canvas_variation_id canvas_variation_name carrier device_id device_model
    is_unique message_variation_id message_variation_name os_version platform
    resolution sdk_version timezone
left out: ad_id country external_user_id gender language user_id
""",
    "users.messages.banner.Impression": """
Braze Banner Impression
    ad_id_type ad_tracking_enabled app_group_id app_id banner_placement_id
    browser campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_message_variation_api_id canvas_step_name canvas_variation_id
    canvas_variation_name device_id device_model is_control is_unique
    message_variation_id message_variation_name os_version platform timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.contentcard.Abort": """
Braze Content Card Abort
    abort_type app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    device_id dispatch_id message_variation_id message_variation_name send_id
    timezone
left out: abort_log external_user_id user_id
""",
    "users.messages.contentcard.Click": """
Braze Content Card Click
    ad_id_type ad_tracking_enabled app_group_id app_id campaign_id campaign_name
    canvas_id canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name content_card_id device_id device_model dispatch_id
    is_unique message_variation_id message_variation_name os_version platform
    send_id timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.contentcard.Dismiss": """
Braze Content Card Dismiss
    ad_id_type ad_tracking_enabled app_group_id app_id campaign_id campaign_name
    canvas_id canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name content_card_id device_id device_model dispatch_id
    is_unique message_variation_id message_variation_name os_version platform
    send_id timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.contentcard.Impression": """
Braze Content Card Impression
    ad_id_type ad_tracking_enabled app_group_id app_id campaign_id campaign_name
    canvas_id canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name content_card_id device_id device_model dispatch_id
    is_unique message_variation_id message_variation_name os_version platform
    send_id timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.contentcard.Send": """
Braze Content Card Send
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name content_card_id
    device_id dispatch_id message_variation_id message_variation_name send_id
    timezone
left out: external_user_id message_extras user_id
""",
    "users.messages.email.Abort": """
Braze Email Abort
    abort_type app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    device_id dispatch_id ip_pool message_variation_id message_variation_name
    send_id timezone
left out: abort_log data_object_provenance email_address external_user_id
    message_extras user_id
""",
    "users.messages.email.Bounce": """
Braze Email Bounce
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id esp from_domain ip_pool is_drop message_variation_id
    message_variation_name send_id send_time sending_ip timezone
user:
    braze_email_bounced = true
    braze_email_bounced_at = 2026-01-01T00:00:00+00:00
left out: bounce_reason email_address external_user_id user_id
""",
    "users.messages.email.Click": """
Braze Email Click
    app_group_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    device_class device_id device_model device_os dispatch_id esp from_domain
    has_url_parameters ip_pool is_amp is_suspected_bot_click link_alias
    link_aliasing_enabled link_id mailbox_provider message_variation_id
    message_variation_name send_id send_time suspected_bot_click_reason timezone
    url user_agent
left out: data_object_provenance email_address external_user_id user_id
""",
    "users.messages.email.Deferral": """
Braze Email Deferral
    app_group_id attempt_count campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    dispatch_id esp from_domain ip_pool message_variation_id
    message_variation_name recipient_domain send_id send_time sending_ip
    timezone
left out: deferral_reason email_address external_user_id user_id
""",
    "users.messages.email.Delivery": """
Braze Email Delivery
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id esp from_domain ip_pool message_variation_id
    message_variation_name send_id send_time sending_ip timezone
left out: data_object_provenance email_address external_user_id user_id
""",
    "users.messages.email.MarkAsSpam": """
Braze Email Mark As Spam
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id esp from_domain ip_pool message_variation_id
    message_variation_name send_id send_time timezone user_agent
user:
    braze_email_marked_as_spam = true
    braze_email_marked_as_spam_at = 2026-01-01T00:00:00+00:00
left out: data_object_provenance email_address external_user_id user_id
""",
    "users.messages.email.Open": """
Braze Email Open
    app_group_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    device_class device_id device_model device_os dispatch_id esp from_domain
    ip_pool is_amp is_machine_open machine_open mailbox_provider
    message_variation_id message_variation_name send_id send_time timezone
    user_agent
left out: data_object_provenance email_address external_user_id user_id
""",
    "users.messages.email.Retry": """
Braze Email Retry
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id ip_pool message_variation_id message_variation_name retry_type
    send_id timezone
left out: email_address external_user_id retry_log user_id
""",
    "users.messages.email.Send": """
Braze Email Send
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id ip_pool is_archived message_variation_id message_variation_name
    send_id timezone
left out: data_object_provenance email_address external_user_id message_extras
    user_id
""",
    "users.messages.email.SoftBounce": """
Braze Email Soft Bounce
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id esp from_domain ip_pool message_variation_id
    message_variation_name send_id send_time sending_ip timezone
left out: bounce_reason email_address external_user_id user_id
""",
    "users.messages.email.Unsubscribe": """
Braze Email Unsubscribe
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id ip_pool message_variation_id message_variation_name send_id
    timezone
left out: email_address external_user_id user_id
""",
    "users.messages.featureflag.Impression": """
Braze Feature Flag Experiment Impression
    app_group_id app_id browser campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    device_id device_model feature_flag_id_name is_unique message_variation_id
    message_variation_name os_version platform timezone
left out: external_user_id user_id
""",
    "users.messages.inappmessage.Abort": """
Braze In-App Message Abort
    abort_type ad_id_type ad_tracking_enabled app_group_id app_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name card_id device_id device_model
    dispatch_id message_variation_id message_variation_name os_version platform
    send_id timezone
left out: abort_log ad_id external_user_id user_id
""",
    "users.messages.inappmessage.Click": """
Braze In-App Message Click
    ad_id_type ad_tracking_enabled app_group_id app_id button_id campaign_id
    campaign_name canvas_id canvas_name canvas_step_id canvas_step_name
    canvas_variation_id canvas_variation_name card_id device_id device_model
    dispatch_id message_variation_id message_variation_name os_version platform
    send_id timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.inappmessage.Impression": """
Braze In-App Message Impression
    ad_id_type ad_tracking_enabled app_group_id app_id campaign_id campaign_name
    canvas_id canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name card_id device_id device_model dispatch_id
    message_variation_id message_variation_name os_version platform send_id
    timezone
left out: ad_id external_user_id locale_key message_extras user_id
""",
    "users.messages.landingpage.Click": """
Braze Landing Page Click
    app_group_id landing_page_api_id landing_page_name target
left out: external_user_id user_id
""",
    "users.messages.landingpage.FormSubmission": """
Braze Landing Page Form Submission
    app_group_id landing_page_api_id landing_page_name
left out: external_user_id user_id
""",
    "users.messages.landingpage.Impression": """
Braze Landing Page Impression
    app_group_id landing_page_api_id landing_page_name liquid_enabled
left out: external_user_id user_id
""",
    "users.messages.line.Abort": """
Braze LINE Abort
    abort_type app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id device_id dispatch_id line_channel_id
    line_channel_name message_variation_id send_id subscription_group_id
    timezone
left out: abort_log external_user_id message_extras native_line_id user_id
""",
    "users.messages.line.Click": """
Braze LINE Click
    app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id device_id dispatch_id
    is_suspected_bot_click line_channel_id line_channel_name
    message_variation_id send_id short_url subscription_group_id timezone url
    user_agent
left out: external_user_id native_line_id user_id
""",
    "users.messages.line.InboundReceive": """
Braze LINE Inbound Receive
    app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id device_id dispatch_id line_channel_id
    line_channel_name message_variation_id send_id subscription_group_id
    timezone
left out: external_user_id media_id message_body native_line_id user_id
""",
    "users.messages.line.Retry": """
Braze LINE Retry
    app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id device_id dispatch_id line_channel_id
    line_channel_name message_variation_id retry_type send_id
    subscription_group_id timezone
left out: external_user_id native_line_id retry_log user_id
""",
    "users.messages.line.Send": """
Braze LINE Send
    app_group_id campaign_id campaign_name canvas_id canvas_step_id
    canvas_step_name canvas_variation_id device_id dispatch_id line_channel_id
    line_channel_name message_variation_id send_id subscription_group_id
    timezone
left out: external_user_id message_extras native_line_id user_id
""",
    "users.messages.liveactivity.Outcome": """
Braze Live Activity Outcome
    activity_attributes_type activity_id app_group_id app_id
    live_activity_event_outcome live_activity_event_type
left out: external_user_id push_to_start_token update_token user_id
""",
    "users.messages.liveactivity.Send": """
Braze Live Activity Send
    activity_attributes_type activity_id app_group_id app_id
    live_activity_event_type
left out: external_user_id push_to_start_token update_token user_id
""",
    "users.messages.newsfeedcard.Abort": """
Braze News Feed Card Abort
    abort_type app_group_id app_id card_id device_id device_model os_version
    platform timezone
left out: abort_log external_user_id user_id
""",
    "users.messages.newsfeedcard.Click": """
Braze News Feed Card Click
    app_id card_id device_id device_model os_version platform timezone
left out: external_user_id user_id
""",
    "users.messages.newsfeedcard.Impression": """
Braze News Feed Card Impression
    app_id card_id device_id device_model os_version platform timezone
left out: external_user_id user_id
""",
    "users.messages.pushnotification.Abort": """
Braze Push Notification Abort
    abort_type app_group_id app_id campaign_id campaign_name canvas_id
    canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name device_id dispatch_id message_variation_id
    message_variation_name platform send_id timezone
left out: abort_log external_user_id message_extras user_id
""",
    "users.messages.pushnotification.Bounce": """
Braze Push Notification Bounce
    ad_id_type ad_tracking_enabled app_group_id app_id campaign_id campaign_name
    canvas_id canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name device_id dispatch_id message_variation_id
    message_variation_name platform send_id timezone
left out: ad_id external_user_id push_token user_id
""",
    "users.messages.pushnotification.IosForeground": """
Braze Push Notification iOS Foreground Open
    ad_id_type ad_tracking_enabled app_group_id app_id campaign_id campaign_name
    canvas_id canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name device_id device_model dispatch_id
    message_variation_id message_variation_name os_version platform send_id
    timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.pushnotification.Open": """
Braze Push Notification Open
    ad_id_type ad_tracking_enabled app_group_id app_id button_action_type
    button_string campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    device_model dispatch_id message_variation_id message_variation_name
    os_version platform send_id timezone
left out: ad_id external_user_id user_id
""",
    "users.messages.pushnotification.Retry": """
Braze Push Notification Retry
    app_group_id app_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    device_id dispatch_id message_variation_id message_variation_name platform
    retry_type send_id timezone
left out: external_user_id retry_log user_id
""",
    "users.messages.pushnotification.Send": """
Braze Push Notification Send
    ad_id_type ad_tracking_enabled app_group_id app_id campaign_id campaign_name
    canvas_id canvas_name canvas_step_id canvas_step_name canvas_variation_id
    canvas_variation_name click_url device_id dispatch_id is_archived
    message_variation_id message_variation_name platform send_id timezone
left out: ad_id external_user_id locale_key message_extras push_token user_id
""",
    "users.messages.rcs.Abort": """
Braze RCS Abort
    abort_type app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    message_variation_id message_variation_name subscription_group_id
left out: abort_log external_user_id message_extras user_id
""",
    "users.messages.rcs.Click": """
Braze RCS Click
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    element_label element_type interaction_type is_suspected_bot_click
    message_variation_id message_variation_name send_id short_url
    subscription_group_id suspected_bot_click_reason url user_agent
left out: external_user_id user_id user_phone_number
""",
    "users.messages.rcs.Delivery": """
Braze RCS Delivery
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id from_rcs_sender message_variation_id message_variation_name
    send_id subscription_group_id
left out: external_user_id to_phone_number user_id
""",
    "users.messages.rcs.InboundReceive": """
Braze RCS Inbound Received
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    message_variation_id message_variation_name send_id subscription_group_id
    to_rcs_sender
left out: external_user_id media_urls message_body user_id user_phone_number
""",
    "users.messages.rcs.Read": """
Braze RCS Read
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name
    message_variation_id message_variation_name
left out: external_user_id to_phone_number user_id
""",
    "users.messages.rcs.Rejection": """
Braze RCS Rejection
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id error from_rcs_sender is_sms_fallback message_variation_id
    message_variation_name provider_error_code send_id subscription_group_id
left out: external_user_id to_phone_number user_id
""",
    "users.messages.rcs.Send": """
Braze RCS Send
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name category
    device_id dispatch_id from_rcs_sender message_variation_id
    message_variation_name send_id subscription_group_id
left out: external_user_id message_extras to_phone_number user_id
""",
    "users.messages.sms.Abort": """
Braze SMS Abort
    abort_type app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    message_variation_id message_variation_name subscription_group_id
left out: abort_log external_user_id message_extras user_id
""",
    "users.messages.sms.CarrierSend": """
Braze SMS Carrier Send
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id from_phone_number message_variation_id message_variation_name
    send_id subscription_group_id timezone
left out: external_user_id to_phone_number user_id
""",
    "users.messages.sms.Delivery": """
Braze SMS Delivery
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id from_phone_number is_sms_fallback message_variation_id
    message_variation_name send_id subscription_group_id timezone
left out: external_user_id to_phone_number user_id
""",
    "users.messages.sms.DeliveryFailure": """
Braze SMS Delivery Failure
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id error is_sms_fallback message_variation_id
    message_variation_name provider_error_code send_id subscription_group_id
    timezone
left out: external_user_id to_phone_number user_id
""",
    "users.messages.sms.InboundReceive": """
Braze SMS Inbound Received
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    message_variation_id message_variation_name subscription_group_id
left out: external_user_id inbound_phone_number media_urls message_body user_id
    user_phone_number
""",
    "users.messages.sms.Rejection": """
Braze SMS Rejection
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id error from_phone_number is_sms_fallback message_variation_id
    message_variation_name provider_error_code send_id subscription_group_id
    timezone
left out: external_user_id to_phone_number user_id
""",
    "users.messages.sms.Retry": """
Braze SMS Retry
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name
    message_variation_id message_variation_name retry_type subscription_group_id
left out: external_user_id retry_log user_id
""",
    "users.messages.sms.Send": """
Braze SMS Send
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name category
    device_id dispatch_id is_archived message_variation_id
    message_variation_name send_id subscription_group_id timezone
left out: external_user_id message_extras to_phone_number user_id
""",
    "users.messages.sms.ShortLinkClick": """
Braze SMS Short Link Click
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    is_suspected_bot_click message_variation_id message_variation_name short_url
    suspected_bot_click_reason timezone url user_agent
left out: external_user_id user_id user_phone_number
""",
    "users.messages.survey.Response": """
Braze Survey Response
    ad_id_type ad_tracking_enabled answer_type app_group_id app_id browser
    campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_message_variation_api_id canvas_step_name canvas_variation_id
    canvas_variation_name carrier device_model landing_page_api_id
    landing_page_name message_variation_id message_variation_name os_version
    platform question_id question_reporting_id response_id sdk_version
    survey_completion_status survey_id survey_session_id timezone
left out: ad_id answer_long_string answer_multiple_strings answer_single_boolean
    answer_single_number answer_single_string country device_id external_user_id
    gender message_extras user_id
""",
    "users.messages.webhook.Abort": """
Braze Webhook Abort
    abort_type app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    device_id dispatch_id message_variation_id message_variation_name send_id
    timezone
left out: abort_log external_user_id message_extras user_id
""",
    "users.messages.webhook.Failure": """
Braze Webhook Failure
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name content_length
    dispatch_id host http_status_code is_terminal message_variation_id
    message_variation_name retry_count send_id webhook_duration
    webhook_failure_source
left out: endpoint_url external_user_id raw_response url_path user_id
""",
    "users.messages.webhook.Retry": """
Braze Webhook Retry
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id message_variation_id message_variation_name retry_type send_id
    timezone
left out: external_user_id retry_log user_id
""",
    "users.messages.webhook.Send": """
Braze Webhook Send
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id message_variation_id message_variation_name send_id timezone
left out: external_user_id message_extras user_id
""",
    "users.messages.whatsapp.Abort": """
Braze WhatsApp Abort
    abort_type app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    device_id dispatch_id message_variation_id message_variation_name
    subscription_group_id timezone
left out: abort_log bsuid external_user_id message_extras to_phone_number user_id
""",
    "users.messages.whatsapp.Click": """
Braze WhatsApp Tracked Link Click
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    message_variation_id message_variation_name short_url timezone url
    user_agent
left out: external_user_id user_id user_phone_number
""",
    "users.messages.whatsapp.Delivery": """
Braze WhatsApp Delivery
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id flow_id from_phone_number message_variation_id
    message_variation_name send_id subscription_group_id timezone
left out: bsuid external_user_id message_id template_name to_phone_number user_id
""",
    "users.messages.whatsapp.Failure": """
Braze WhatsApp Failure
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id flow_id from_phone_number message_variation_id
    message_variation_name provider_error_code provider_error_title send_id
    subscription_group_id timezone
left out: bsuid external_user_id message_id template_name to_phone_number user_id
""",
    "users.messages.whatsapp.InboundReceive": """
Braze WhatsApp Inbound Received
    action app_group_id campaign_id campaign_name canvas_id canvas_name
    canvas_step_id canvas_step_name canvas_variation_id canvas_variation_name
    catalog_id device_id flow_id message_variation_id message_variation_name
    product_id subscription_group_id timezone
left out: bsuid external_user_id flow_response_json in_reply_to inbound_phone_number
    media_urls message_body message_id quick_reply_text user_id user_phone_number
""",
    "users.messages.whatsapp.Read": """
Braze WhatsApp Read
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id flow_id from_phone_number message_variation_id
    message_variation_name send_id subscription_group_id timezone
left out: bsuid external_user_id message_id template_name to_phone_number user_id
""",
    "users.messages.whatsapp.Retry": """
Braze WhatsApp Retry
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id message_variation_id message_variation_name retry_type
    subscription_group_id timezone
left out: bsuid external_user_id retry_log to_phone_number user_id
""",
    "users.messages.whatsapp.Send": """
Braze WhatsApp Send
    app_group_id campaign_id campaign_name canvas_id canvas_name canvas_step_id
    canvas_step_name canvas_variation_id canvas_variation_name device_id
    dispatch_id flow_id from_phone_number message_variation_id
    message_variation_name send_id subscription_group_id timezone
left out: bsuid external_user_id message_extras message_id template_name
    to_phone_number user_id
""",
    "users.profile.Update": """
Braze User Profile Update
    app_group_id app_id archived custom_attributes.cart.currency
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
