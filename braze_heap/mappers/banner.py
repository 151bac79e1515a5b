"""
Mapping rules. Banners: messages that an app or a website shows in place.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.banner.Abort": standard,
    "users.messages.banner.Click": standard,
    "users.messages.banner.Dismiss": standard,
    "users.messages.banner.Impression": standard,
}
