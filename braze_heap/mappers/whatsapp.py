"""
Mapping rules. WhatsApp: messages of the WhatsApp Business Platform.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.whatsapp.Abort": standard,
    "users.messages.whatsapp.Click": standard,
    "users.messages.whatsapp.Delivery": standard,
    "users.messages.whatsapp.Failure": standard,
    "users.messages.whatsapp.InboundReceive": standard,
    "users.messages.whatsapp.Read": standard,
    "users.messages.whatsapp.Retry": standard,
    "users.messages.whatsapp.Send": standard,
}
