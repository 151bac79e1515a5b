"""
Mapping rules. Webhooks: requests that Braze sends to other services.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.webhook.Abort": standard,
    "users.messages.webhook.Failure": standard,
    "users.messages.webhook.Retry": standard,
    "users.messages.webhook.Send": standard,
}
