"""A batch while it is mapped: its result so far, and the mappers that are down."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import attrs

from braze_heap._errors import describe_exception
from braze_heap._outage import MapperOutages
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.exceptions import DeliveryError, name_event
from braze_heap.heap._encoder import PropertyEncoder
from braze_heap.heap.calls import AddUserProperties, Call
from braze_heap.mappers._registry import origin_of
from braze_heap.parsing import id_text
from braze_heap.policies.identity import IdentityError
from braze_heap.policies.naming import Naming
from braze_heap.reasons import Reason, SkipReason
from braze_heap.results import Rejected, Skipped, TransformResult
from braze_heap.wire import RawEvent, Unreadable


class NotSent(Exception):  # noqa: N818 (it is an outcome)
    """
    An event without calls.

    Attributes:
        reason: A `SkipReason` if it is skipped, a `Reason` if it is rejected.
        detail: Detail of a rejection.
    """

    def __init__(self, reason: Reason | SkipReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


_MAX_FAILURES: Final = 5
"""Failures in a row after which a lookup counts as down for all events."""

_MAX_NAMES: Final = 100
_MAX_NAME: Final = 255
"""Maximum number of unknown names of an event to count, and of their characters."""


@attrs.define
class Batch:
    """
    A batch while it is mapped.

    Attributes:
        encoder: Makes properties legal, and counts the changes.
        number: Number of the event that is mapped.
        item: That event as it was passed.
        origins: Number of the event of each call.
        outages: Failing mappers of this and earlier batches, if a pipeline keeps them.
        result: The result so far.
        seen: Each event that could be read, by id.
        outcomes: Outcome of each event without calls, by id.
        user_properties: Calls that state user properties.
        repeats: Number of repeats of each event without another outcome, by id.
        undecided: Error of the first event that is not decided, if there is one.
        failures: Number of undecided events since a mapper last worked, by id of it.
        suspects: Error, mapper and id of each event to dead-letter if its mapper works
            for other events.
        down: Error of each mapper that counts as down, by id of the mapper.
    """

    encoder: PropertyEncoder
    number: int = 0
    item: Any = None
    origins: list[int] = attrs.field(factory=list)
    outages: MapperOutages | None = None
    result: TransformResult = attrs.field(init=False)
    seen: dict[str, Any] = attrs.field(factory=dict)
    outcomes: dict[str, Skipped | Rejected] = attrs.field(factory=dict)
    user_properties: list[AddUserProperties] = attrs.field(factory=list)
    repeats: Counter[str] = attrs.field(factory=Counter)
    undecided: DeliveryError | None = None
    failures: Counter[int] = attrs.field(factory=Counter)
    suspects: list[tuple[DeliveryError, object, str]] = attrs.field(factory=list)
    down: dict[int, DeliveryError] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.result = TransformResult(adjustments=self.encoder.adjustments)

    def call_of(
        self,
        user_properties: Mapping[str, Any],
        identity: str,
        time: float,
        event_id: str,
        naming: Naming | None = None,
    ) -> AddUserProperties | None:
        """
        Return the call for *user_properties*; ``None`` if they are empty.

        *naming* is the policy for their names, if it applies to them.
        """
        legal = self.encoder.user_properties(user_properties)
        if naming is not None:
            legal = naming.user_properties(legal, self.encoder)
        if not legal:
            return None
        return AddUserProperties(identity, legal, time=float(time), event_id=event_id)

    def count_unknown(self, event: CurrentsEvent) -> None:
        if isinstance(event, UnknownEvent):
            self.result.unknown[event.event_type[:_MAX_NAME]] += 1
            return
        for place in itertools.islice(event.extra, _MAX_NAMES):
            self.result.unknown[f"{event.event_type} {place[:_MAX_NAME]}"] += 1

    def note_not_sent(
        self, error: NotSent | IdentityError, event: CurrentsEvent
    ) -> Skipped | Rejected:
        """Add *event* to the skipped or rejected ones, and return its outcome."""
        if not isinstance(error.reason, SkipReason):
            return self.reject(error.reason, error.detail, event)
        skipped = Skipped(error.reason, event.event_type, event.id)
        self.result.skipped.append(skipped)
        return skipped

    def reject(
        self, reason: Reason | None, detail: str, event: CurrentsEvent | None = None
    ) -> Rejected:
        item = self.item
        names = (event.event_type, event.id) if event else named(item)
        raw = item.raw if isinstance(item, Unreadable) else item
        rejected = Rejected(reason or Reason.INTERNAL_ERROR, detail, raw, *names)
        self.result.rejected.append(rejected)
        return rejected

    def add(self, calls: list[Call]) -> None:
        """Add the *calls* of the event with the current number."""
        self.result.calls += calls
        self.origins += [self.number] * len(calls)
        self.user_properties += [c for c in calls if isinstance(c, AddUserProperties)]

    def put_off(
        self, error: DeliveryError, function: Callable[..., Any], event: CurrentsEvent
    ) -> NoReturn:
        """
        Reject *event* because *function* cannot decide about it.

        The rest of the batch is mapped too, so that events which fail together are
        dead-lettered together; `check_decided` raises later. After several failures in
        a row, raise *error*, and the rest is not mapped.
        """
        if id(function) not in self.down:
            name_event(error, event.event_type, event.id)
            if self.outages is None:
                raise error
            verdict = self.outages.failed(function, event.id)
            if verdict == "undecided":
                self.undecided = self.undecided or error
            elif verdict == "suspect":
                self.suspects.append((error, function, event.id))
            elif verdict == "down":
                self.down[id(function)] = error
            self.failures[id(function)] += verdict in ("undecided", "suspect")
            if self.failures[id(function)] >= _MAX_FAILURES:
                raise error
        detail = f"{origin_of(function)}: {describe_exception(error)}"
        raise NotSent(Reason.MAPPER_UNAVAILABLE, detail)

    def note_success(self, function: object, event: CurrentsEvent) -> None:
        """Record that a function of a team decided about *event*."""
        if self.outages is not None:
            self.outages.succeeded(function, event.id)
            self.failures.pop(id(function), None)

    def check_decided(self) -> None:
        """Raise, to send the batch again, unless all undecided are dead-lettered."""
        if self.undecided:
            raise self.undecided
        for error, function, event_id in self.suspects:
            outages = self.outages
            if not (outages and outages.is_event_at_fault(function, event_id)):
                raise error

    def repeat(self, event: CurrentsEvent) -> None:
        outcome = self.outcomes.get(event.id)
        self.result.repeated += 1
        self.result.types.append(event.event_type)
        if isinstance(outcome, Skipped):
            self.result.skipped.append(outcome)
        elif isinstance(outcome, Rejected):
            self.result.rejected.append(outcome)
        else:
            self.repeats[event.id] += 1

    def drop_outdated_user_properties(self, items: list[Any]) -> list[int]:
        """
        Keep only the winning value of each user property of each user.

        In Heap the last write wins, and calls may be sent in any order. Other values
        move to the outdated ones of the result. Events without calls are then skipped.
        Return the number of the event, in *items*, of each outdated call.
        """
        stated, result = self.user_properties, self.result
        if len({call.identity for call in stated}) == len(stated):
            return []
        newest: dict[tuple[str, str], AddUserProperties] = {}
        for each in stated:
            for name in each.properties:
                other = newest.setdefault((each.identity, name), each)
                if each.order(name) >= other.order(name):
                    newest[each.identity, name] = each
        kept: list[tuple[Call, int]] = []
        outdated: list[tuple[AddUserProperties, int]] = []
        for call, number in zip(result.calls, self.origins, strict=True):
            if isinstance(call, AddUserProperties):
                dropped = {
                    name: call.properties.pop(name)
                    for name in [*call.properties]
                    if newest[call.identity, name] is not call
                }
                if dropped:
                    outdated.append((attrs.evolve(call, properties=dropped), number))
            if not isinstance(call, AddUserProperties) or call.properties:
                kept.append((call, number))
        result.calls[:] = [call for call, _ in kept]
        self.origins[:] = [number for _, number in kept]
        result.outdated += [call for call, _ in outdated]
        sent, skipped = {*self.origins}, dict[int, AddUserProperties]()
        for old, number in outdated:
            if number in sent:
                result.not_sent[SkipReason.OUTDATED] += len(old.properties)
            else:
                skipped[number] = old
        for number, old in skipped.items():
            event_type, _ = named(items[number])
            skip = Skipped(SkipReason.OUTDATED, event_type or "", old.event_id)
            result.skipped += [skip] * (1 + self.repeats[old.event_id])
        return [number for _, number in outdated]


def named(item: Any) -> tuple[str | None, str | None]:
    """Return the type and id of *item*, an event in any form, if it has them."""
    if isinstance(item, CurrentsEvent):
        return item.event_type, item.id
    raw = item.value if isinstance(item, RawEvent) else item
    if not isinstance(raw, Mapping):
        return None, None
    event_type = raw.get("event_type")
    if event_type is None and isinstance(item, RawEvent):
        event_type = item.event_type
    return event_type if isinstance(event_type, str) else None, id_text(raw.get("id"))
