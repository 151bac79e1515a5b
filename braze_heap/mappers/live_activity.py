"""
Mapping rules. Live Activities: the iOS widgets that Braze starts, updates and ends.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.behaviors.liveactivity.PushToStartTokenChange": standard,
    "users.behaviors.liveactivity.UpdateTokenChange": standard,
    "users.messages.liveactivity.Outcome": standard,
    "users.messages.liveactivity.Send": standard,
}
