"""
Mapping rules. Content Cards: messages that wait in a feed of the app or website.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.contentcard.Abort": standard,
    "users.messages.contentcard.Click": standard,
    "users.messages.contentcard.Dismiss": standard,
    "users.messages.contentcard.Impression": standard,
    "users.messages.contentcard.Send": standard,
}
