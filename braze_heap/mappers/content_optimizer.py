"""
Mapping rules. Content optimizer: the combinations of content that it tries.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "contentoptimizer.ComponentStore": standard,
}
