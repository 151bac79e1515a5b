"""
The tracking plan: all that a transformer can ever send to Heap, for those who ask.

>>> plan = tracking_plan(Transformer())
>>> Path("plan.html").write_text(plan.to_html(), "utf-8")
>>> print(diff(TrackingPlan.from_json(old), plan))
> event Braze Email Click (users.messages.email.Click): -> Newsletter Click
"""

from braze_heap.plan._diff import Change, PlanDiff, diff
from braze_heap.plan._plan import tracking_plan
from braze_heap.plan._tracking_plan import PlanError, TrackingPlan
from braze_heap.plan._values import (
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
    UnsentField,
    UnsentType,
)

__all__ = [
    "Change",
    "PlanDiff",
    "PlanError",
    "PlannedEvent",
    "PlannedProperty",
    "PlannedUserProperty",
    "TrackingPlan",
    "UnsentField",
    "UnsentType",
    "diff",
    "tracking_plan",
]
