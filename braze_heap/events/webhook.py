"""Webhooks: requests that Braze sends to other services."""

from braze_heap.events._declare import sensitive
from braze_heap.events.groups import *


class WebhookEvent(HasUser, HasWorkspace, HasCampaignOrCanvas, HasDispatch, HasSend):
    """Something happened with a webhook."""


class WebhookAbort(
    WebhookEvent,
    HasTimezone,
    HasDevice,
    HasStepMessageVariation,
    HasAbortExtras,
    HasAbort,
):
    """
    Braze decided not to call a webhook.

    There is no ``webhook.Send`` for it. ``abort_type`` is the reason. A call that went
    wrong is ``webhook.Failure``.
    """


class WebhookFailure(WebhookEvent, HasStepMessageVariation):
    """
    A webhook call failed.

    One message can have several; the last one has ``is_terminal``.
    ``http_status_code`` and ``raw_response`` have the endpoint's answer. Joins the
    other webhook events on ``dispatch_id`` and ``user_id``.
    """

    http_status_code: int | None = None
    """Status of the endpoint's answer. ``None`` without one, as after a timeout."""

    endpoint_url: str | None = sensitive()
    """
    Address of the endpoint, personalization included. Not marked by Braze, but its path
    and query may contain secrets or personal data.
    """

    content_length: int | None = None
    """Size of the endpoint's answer, in bytes."""

    host: str | None = None
    """Host name of the endpoint. Group failures by it."""

    raw_response: str | None = sensitive()
    """Beginning of the endpoint's answer. Not marked by Braze; can contain anything."""

    retry_count: int | None = None
    """Number of attempts so far."""

    url_path: str | None = sensitive()
    """Path at the endpoint. Not marked by Braze, but may contain a user's id."""

    webhook_duration: int | None = None
    """Duration of the call, in milliseconds."""

    webhook_failure_source: str | None = None
    """Side that caused it; ``External Endpoint`` is the receiving server."""

    is_terminal: bool | None = None
    """Whether the failure is final. If not, another attempt follows."""


class WebhookRetry(
    WebhookEvent,
    HasTimezone,
    HasDevice,
    HasStepMessageVariation,
    HasRetry,
    HasProfileTraits,
):
    """
    Braze postponed the call of a webhook and will try again.

    ``retry_type`` is the reason. Neither a send nor a failure yet; a failed call is
    ``webhook.Failure``.
    """


class WebhookSend(WebhookEvent, HasTimezone, HasDeviceOverHttp, HasMessageExtras):
    """
    Braze called a webhook for a user.

    Whether the receiving system acted on it is not known. Failed calls are
    ``webhook.Failure``. A message to a system, so exclude it from counts of messages to
    people.
    """
