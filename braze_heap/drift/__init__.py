"""
What Braze sends and the event classes do not say: new types, new fields, other values.

Currents gains types and fields monthly, some unannounced. No value is kept and none is
shown: names, JSON types and counts alone.

>>> drift = observe(read_events(Path("batch.json")))
>>> print(drift)
new type users.messages.pigeon.Send, 2 events
new field users.messages.email.Click properties.link_color: text, 3 events (100%)
"""

from braze_heap.drift._declarations import Lines
from braze_heap.drift._drift import Drift
from braze_heap.drift._findings import (
    NewType,
    Place,
    SeenField,
    UnseenFields,
)
from braze_heap.drift._observer import MAX_NAMES, MAX_TYPES, DriftObserver, observe

__all__ = [
    "MAX_NAMES",
    "MAX_TYPES",
    "Drift",
    "DriftObserver",
    "Lines",
    "NewType",
    "Place",
    "SeenField",
    "UnseenFields",
    "observe",
]
