"""Outcome of the events of a batch."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import attrs

from braze_heap.heap._encoder import Adjustment
from braze_heap.heap.calls import AddUserProperties, Call
from braze_heap.reasons import Reason, SkipReason
from braze_heap.report import InvalidField

__all__ = ["Rejected", "Skipped", "TransformResult"]


@attrs.frozen
class Skipped:
    """
    An event that a policy of yours skips.

    Attributes:
        reason: The policy.
        event_type: As Braze writes it.
        event_id: Braze's id of the event.
    """

    reason: SkipReason
    event_type: str
    event_id: str


@attrs.frozen
class Rejected:
    """
    An event that cannot become a Heap call, because its data is invalid.

    Attributes:
        reason: The fault, as dead letters and metrics name it.
        detail: Place and description of the fault. Never a value.
        raw: The whole original, for a replay.
        event_type: As Braze writes it; ``None`` if it cannot be read.
        event_id: Braze's id; ``None`` if it cannot be read.
    """

    reason: Reason
    detail: str
    raw: Any = attrs.field(repr=False)
    event_type: str | None = None
    event_id: str | None = None


class Origins(Sequence[Any]):
    """
    The event of each call, as it was passed.

    Events of a request body are decoded again when the first one is read, because a
    result takes less memory without them.
    """

    def __init__(self, numbers: list[int], read: Callable[[int], Any]) -> None:
        self._numbers = numbers
        self._read = read

    @staticmethod
    def keys(origins: Sequence[Any]) -> list[int]:
        """Return a number for each of *origins*, which calls of one event share."""
        if isinstance(origins, Origins):
            return origins._numbers
        return [id(origin) for origin in origins]

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [*map(self._read, self._numbers[index])]
        return self._read(self._numbers[index])

    def __eq__(self, other: object) -> bool:
        return [*self] == other if isinstance(other, list | Origins) else NotImplemented

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} origins>"  # without values

    def __reduce__(self) -> tuple[Any, ...]:
        return list, ([*self],)


@attrs.define
class TransformResult:
    """
    Outcome of a batch. Each event is mapped, skipped or rejected, and counted once.

    Attributes:
        received: Number of events; an unreadable body counts as one.
        calls: Calls for Heap, in the order of the events.
        origins: The event of each call, as it was passed.
        skipped: Events that a policy skips.
        rejected: Events that cannot be mapped.
        repeated: Number of equal repeats of an earlier event of the batch. Each shares
            the outcome of the first, and has no calls.
        invalid: Number of custom events and purchases that do not fit the class that a
            team declared for them, by class, field and reason.
        adjustments: Number of values that were changed to be legal, by kind of change.
        types: Type of each event that could be read.
        redacted_fields: Name of each redacted personal field, once per event.
        unknown: Number of events by unknown type, or by unknown or invalid field of a
            type (``users.messages.email.Click link_color``); see `braze_heap.drift`.
        outdated: User properties that are not in the calls, because a newer event of
            the batch states them. A pipeline sends them if Heap rejects the newer
            values.
        outdated_origins: The event of each of them.
        not_sent: Number of parts of mapped events that are not in the calls, by reason:
            events that are excluded or sampled, and outdated user properties.
        compiled_errors: Number of events by type for which the compiled mapping raised,
            a bug of this library. The generic mapping took them.
    """

    received: int = 0
    calls: list[Call] = attrs.field(factory=list)
    origins: Sequence[Any] = attrs.field(factory=list, repr=False)
    skipped: list[Skipped] = attrs.field(factory=list)
    rejected: list[Rejected] = attrs.field(factory=list)
    repeated: int = 0
    invalid: Counter[InvalidField] = attrs.field(factory=Counter)
    adjustments: Counter[Adjustment] = attrs.field(factory=Counter)
    types: list[str] = attrs.field(factory=list, repr=False)
    redacted_fields: list[str] = attrs.field(factory=list, repr=False)
    unknown: Counter[str] = attrs.field(factory=Counter)
    compiled_errors: Counter[str] = attrs.field(factory=Counter)
    outdated: list[AddUserProperties] = attrs.field(factory=list)
    outdated_origins: Sequence[Any] = attrs.field(factory=list, repr=False)
    not_sent: Counter[SkipReason] = attrs.field(factory=Counter)

    @property
    def event_types(self) -> Counter[str]:
        """Number of events that could be read, by type."""
        return Counter(self.types)

    @property
    def redacted(self) -> Counter[str]:
        """Number of events by redacted personal field."""
        return Counter(self.redacted_fields)

    @property
    def mapped(self) -> int:
        """Number of events that became calls, or repeat one that did."""
        return self.received - len(self.skipped) - len(self.rejected)
