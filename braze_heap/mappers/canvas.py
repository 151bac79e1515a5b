"""
Mapping rules. Canvas: how people enter, pass and leave a journey.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.canvas.Conversion": standard,
    "users.canvas.Entry": standard,
    "users.canvas.costep.Conversion": standard,
    "users.canvas.costep.Send": standard,
    "users.canvas.exit.MatchedAudience": standard,
    "users.canvas.exit.PerformedEvent": standard,
    "users.canvas.experimentstep.Conversion": standard,
    "users.canvas.experimentstep.SplitEntry": standard,
    "users.canvas.sendtodestination.NotSent": standard,
    "users.canvas.sendtodestination.Sent": standard,
    "users.canvasstep.Progression": standard,
}
