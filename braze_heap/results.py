"""Result of transforming a batch."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, overload

import attrs

from braze_heap.heap._encoder import Adjustment
from braze_heap.heap.calls import AddUserProperties, Call
from braze_heap.reasons import Reason, SkipReason
from braze_heap.report import InvalidField

__all__ = ["Rejected", "Skipped", "TransformResult"]


@attrs.frozen
class Skipped:
    """
    An event that is not sent because of a policy.

    Attributes:
        reason: The policy.
        event_type: Event type as Braze writes it.
        event_id: Braze's id of the event.
    """

    reason: SkipReason
    event_type: str
    event_id: str


@attrs.frozen
class Rejected:
    """
    An event that cannot become a Heap call, because of its data.

    Attributes:
        reason: The fault, as dead letters and metrics name it.
        detail: Place of the fault, and advice. Never a value.
        raw: The whole original, to keep for a replay.
        event_type: Event type as Braze writes it; ``None`` if it cannot be read.
        event_id: Braze's id of the event; ``None`` if it cannot be read.
    """

    reason: Reason
    detail: str
    raw: Any = attrs.field(repr=False)
    event_type: str | None = None
    event_id: str | None = None


class Origins(Sequence[Any]):
    """
    The event of each call, as it was passed.

    A request body is decoded again when the first event is read, to save memory.

    Args:
        numbers: Number of the event of each call.
        read: Returns the event with a number.
    """

    def __init__(self, numbers: list[int], read: Callable[[int], Any]) -> None:
        self._numbers = numbers
        self._read = read

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [*map(self._read, self._numbers[index])]
        return self._read(self._numbers[index])

    def __eq__(self, other: object) -> bool:
        return [*self] == other if isinstance(other, list | Origins) else NotImplemented

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr([*self])

    def __reduce__(self) -> tuple[Any, ...]:
        return list, ([*self],)


@attrs.define
class TransformResult:
    """
    Result for a batch. Each event is mapped, skipped or rejected, and counted once.

    Attributes:
        received: Number of events; an unreadable body counts as one.
        calls: Calls of Heap, in the order of the events.
        origins: The event of each call, as it was passed.
        skipped: Events that are not sent because of a policy.
        rejected: Events that cannot be mapped.
        repeated: Number of events that equal an earlier one of the batch. They share
            its outcome, and have no calls.
        invalid: Number of custom events and purchases that do not fit the class that a
            team declared for them, by class, field and reason.
        adjustments: Number of values that were changed to be legal, by kind of change.
        types: Type of each event that can be read.
        redacted_fields: Name of each redacted personal field, once for each event.
        unknown: Number of occurrences of each type, or type and field
            (``users.messages.email.Click link_color``), that no class declares or whose
            value has another type. `braze_heap.drift` has the details.
        outdated: User properties that are not in the calls, because a newer event of
            the batch states them. A pipeline falls back to them if Heap rejects the
            newer values.
        outdated_origins: The event of each outdated call.
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
        """Number of events that can be read, by type."""
        return Counter(self.types)

    @property
    def redacted(self) -> Counter[str]:
        """Number of events from which each personal field was redacted."""
        return Counter(self.redacted_fields)

    @property
    def mapped(self) -> int:
        """Number of events that became calls, or that repeat one that did."""
        return self.received - len(self.skipped) - len(self.rejected)
