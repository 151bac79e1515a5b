"""
Mapping rules. LINE: messages of the LINE messenger.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.line.Abort": standard,
    "users.messages.line.Click": standard,
    "users.messages.line.InboundReceive": standard,
    "users.messages.line.Retry": standard,
    "users.messages.line.Send": standard,
}
