"""
Mapping rules. SMS and MMS.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.sms.Abort": standard,
    "users.messages.sms.CarrierSend": standard,
    "users.messages.sms.Delivery": standard,
    "users.messages.sms.DeliveryFailure": standard,
    "users.messages.sms.InboundReceive": standard,
    "users.messages.sms.Rejection": standard,
    "users.messages.sms.Retry": standard,
    "users.messages.sms.Send": standard,
    "users.messages.sms.ShortLinkClick": standard,
}
