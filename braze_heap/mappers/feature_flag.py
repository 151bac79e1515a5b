"""
Mapping rules. Feature flags: who saw which side of an experiment.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.featureflag.Impression": standard,
}
