"""Public names of the package, each listed once."""

from braze_heap.drift._declarations import Lines as Lines
from braze_heap.drift._model import (
    Drift as Drift,
    NewType as NewType,
    Place as Place,
    RedactedField as RedactedField,
    SeenField as SeenField,
    UnseenFields as UnseenFields,
)
from braze_heap.drift._observer import (
    MAX_NAMES as MAX_NAMES,
    MAX_TYPES as MAX_TYPES,
    DriftObserver as DriftObserver,
    observe as observe,
)
