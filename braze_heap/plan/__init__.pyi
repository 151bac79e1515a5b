"""Public names of the package, each listed once."""

from braze_heap.plan._analysis import tracking_plan as tracking_plan
from braze_heap.plan._diff import (
    Change as Change,
    PlanDiff as PlanDiff,
    diff as diff,
)
from braze_heap.plan._model import (
    PlanError as PlanError,
    PlannedEvent as PlannedEvent,
    PlannedProperty as PlannedProperty,
    PlannedUserProperty as PlannedUserProperty,
    TrackingPlan as TrackingPlan,
    UnsentField as UnsentField,
    UnsentType as UnsentType,
)
from braze_heap.plan._observed import PlanObserver as PlanObserver
