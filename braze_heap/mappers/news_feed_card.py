"""
Mapping rules. News Feed: the predecessor of Content Cards, not sold any more.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.newsfeedcard.Abort": standard,
    "users.messages.newsfeedcard.Click": standard,
    "users.messages.newsfeedcard.Impression": standard,
}
