"""
Schema drift: types, fields and values of Braze that the event classes do not have.

Braze adds types and fields monthly, some without announcement. Values are neither kept
nor shown, only names, JSON types and counts.

>>> drift = observe(read_events(Path("batch.json")))
>>> print(drift)
new type users.messages.pigeon.Send, 2 events
new field users.messages.email.Click properties.link_color: text, 3 events (100%)
"""

from braze_heap.drift._declarations import Lines
from braze_heap.drift._model import (
    Drift,
    NewType,
    Place,
    RedactedField,
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
    "RedactedField",
    "SeenField",
    "UnseenFields",
    "observe",
]
