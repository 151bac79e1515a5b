"""Webhooks: requests that Braze sends to other services."""

from braze_heap.events._declare import sensitive
from braze_heap.events.groups import (
    HasAbort,
    HasAbortExtras,
    HasDevice,
    HasDeviceOverHttp,
    HasDispatch,
    HasMessageExtras,
    HasNamedCampaign,
    HasNamedCanvas,
    HasProfileTraits,
    HasRetry,
    HasSend,
    HasStepMessageVariation,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class WebhookEvent(
    HasUser, HasWorkspace, HasNamedCampaign, HasNamedCanvas, HasDispatch, HasSend
):
    """Something happened with a webhook."""


class WebhookAbort(
    WebhookEvent,
    HasTimezone,
    HasDevice,
    HasStepMessageVariation,
    HasAbortExtras,
    HasAbort,
    event_type="users.messages.webhook.Abort",
    display_name="Webhook Abort",
):
    """
    Braze decided not to call a webhook.

    Happens before the call, so there is no ``webhook.Send`` for it. ``abort_type`` is
    the reason. A call that went wrong is ``webhook.Failure``.
    """


class WebhookFailure(
    WebhookEvent,
    HasStepMessageVariation,
    event_type="users.messages.webhook.Failure",
    display_name="Webhook Failure",
):
    """
    A webhook call failed.

    Can come several times for one message; only ``is_terminal`` means that Braze gave
    up. ``http_status_code`` and ``raw_response`` have the endpoint's answer. Joins with
    the other webhook events on ``dispatch_id`` and ``user_id``.
    """

    http_status_code: int | None = None
    """
    Status that the endpoint answered with. ``None`` when no answer came, for example
    after a timeout.
    """

    endpoint_url: str | None = sensitive()
    """
    Address that Braze called, personalization included. Not marked as personal data by
    Braze, yet its path and query may contain secrets or personal data.
    """

    content_length: int | None = None
    """Size of the endpoint's answer, in bytes."""

    host: str | None = None
    """Host name of the endpoint that Braze called. Group failures by it."""

    raw_response: str | None = sensitive()
    """
    Beginning of the endpoint's answer, cut short. Not marked as personal data by
    Braze, yet it can contain anything.
    """

    retry_count: int | None = None
    """Number of attempts when the failure was recorded."""

    url_path: str | None = sensitive()
    """
    Path of the endpoint that Braze called, without host. Read together with
    ``host``. Not marked as personal data by Braze, yet it may contain a user's id.
    """

    webhook_duration: int | None = None
    """Duration of the call to the endpoint, in milliseconds."""

    webhook_failure_source: str | None = None
    """Side that is to blame; ``External Endpoint`` is the receiving server."""

    is_terminal: bool | None = None
    """``True`` when Braze gives up; ``False`` when another attempt follows."""


class WebhookRetry(
    WebhookEvent,
    HasTimezone,
    HasDevice,
    HasStepMessageVariation,
    HasRetry,
    HasProfileTraits,
    event_type="users.messages.webhook.Retry",
    display_name="Webhook Retry",
    release=5,
):
    """
    Braze put a webhook aside to call it again.

    ``retry_type`` is the reason. Nothing has been decided yet, so count it neither as a
    send nor as a failure; a failed call is ``webhook.Failure``.
    """


class WebhookSend(
    WebhookEvent,
    HasTimezone,
    HasDeviceOverHttp,
    HasMessageExtras,
    event_type="users.messages.webhook.Send",
    display_name="Webhook Send",
):
    """
    Braze called a webhook for a user.

    The request went out; whether the receiving system acted on it is not known to
    Braze. Failed calls are ``webhook.Failure``. It is a message to a system, so keep it
    out of counts of messages to people.
    """
