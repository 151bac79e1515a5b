"""
Mapping rules. Push notifications, and the tokens that they are sent to.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.behaviors.pushnotification.TokenStateChange": standard,
    "users.messages.pushnotification.Abort": standard,
    "users.messages.pushnotification.Bounce": standard,
    "users.messages.pushnotification.IosForeground": standard,
    "users.messages.pushnotification.Open": standard,
    "users.messages.pushnotification.Retry": standard,
    "users.messages.pushnotification.Send": standard,
}
