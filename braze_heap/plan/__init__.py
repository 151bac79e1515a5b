"""
Tracking plan: every event and property that a transformer can send to Heap.

>>> plan = tracking_plan(Transformer())
>>> Path("plan.html").write_text(plan.to_html(), "utf-8")
>>> print(diff(TrackingPlan.from_json(old), plan))
> event Braze Email Click (users.messages.email.Click): -> Newsletter Click
"""

from braze_heap.plan._analysis import tracking_plan
from braze_heap.plan._diff import Change, PlanDiff, diff
from braze_heap.plan._model import (
    PlanError,
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
    TrackingPlan,
    UnsentField,
    UnsentType,
)
from braze_heap.plan._observed import PlanObserver

__all__ = [
    "Change",
    "PlanDiff",
    "PlanError",
    "PlanObserver",
    "PlannedEvent",
    "PlannedProperty",
    "PlannedUserProperty",
    "TrackingPlan",
    "UnsentField",
    "UnsentType",
    "diff",
    "tracking_plan",
]
