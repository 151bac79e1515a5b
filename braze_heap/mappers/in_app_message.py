"""
Mapping rules. In-app messages: shown while somebody uses the app or website.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.inappmessage.Abort": standard,
    "users.messages.inappmessage.Click": standard,
    "users.messages.inappmessage.Impression": standard,
}
