"""
Mapping rules. Campaigns: conversions, control groups and unique recipients.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.campaigns.Conversion": standard,
    "users.campaigns.EnrollInControl": standard,
    "users.campaigns.UniqueReceipt": standard,
}
