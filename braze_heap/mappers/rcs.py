"""
Mapping rules. RCS: rich messages to phone numbers.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.rcs.Abort": standard,
    "users.messages.rcs.Click": standard,
    "users.messages.rcs.Delivery": standard,
    "users.messages.rcs.InboundReceive": standard,
    "users.messages.rcs.Read": standard,
    "users.messages.rcs.Rejection": standard,
    "users.messages.rcs.Send": standard,
}
