"""
From bytes, or decoded events, to calls that Heap accepts.

The mapper decides what is said about an event. This module adds who, when and the key,
applies the policies, and keeps count: each event is mapped, skipped or rejected.
"""

import copy
import functools
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, Literal, TypeAlias

import attrs

from braze_heap.calls import (
    AddUserProperties,
    Call,
    Degradation,
    Legalizer,
    Nested,
    Track,
    legal_key,
    timestamp,
)
from braze_heap.events import EVENT_TYPES, CurrentsEvent
from braze_heap.identity import IdentityError, checked_identity
from braze_heap.mappers import DEFAULT_MAPPERS, MapperRegistry
from braze_heap.parsing import EventError, EventParser, Problem, epoch_seconds
from braze_heap.payloads import (
    HeapEvent,
    HeapUserDeletion,
    HeapUserProperties,
    Mapped,
    Payload,
    StandardEvent,
)
from braze_heap.privacy import PersonalData, Redaction, Treatment
from braze_heap.privacy import personal_data as _personal_data
from braze_heap.reasons import Reason, SkipReason
from braze_heap.wire import RawEvent, Unreadable, UnreadableError, decode, events_of

Source: TypeAlias = (
    bytes | str | CurrentsEvent | RawEvent | Mapping[str, Any] | Iterable[Any] | None
)
"""
A request body; a decoded ``{"events": [...]}``; events, raw or typed, or one of them;
what `braze_heap.wire.read_events` gives.
"""

Identity: TypeAlias = (
    Literal["external_user_id", "user_id"] | Callable[[CurrentsEvent], Any]
)
"""The field that names the user, or a function that gives a value to name them."""


@attrs.frozen
class Skipped:
    """
    An event that the user's own policy leaves out.

    Attributes:
        reason: Which policy.
        event_type: As Braze writes it.
        event_id: Braze's id of the event.
    """

    reason: SkipReason
    event_type: str
    event_id: str


@attrs.frozen
class Rejected:
    """
    An event that cannot become a Heap call, for a fault in its data.

    Attributes:
        reason: The fault, as dead letters and metrics name it.
        detail: Where it is and what to look for. Never a value.
        raw: The whole original, to be kept for a replay.
        event_type: As Braze writes it, where it could be read.
        event_id: Braze's id, where it could be read.
    """

    reason: Reason
    detail: str
    raw: Any = attrs.field(repr=False)
    event_type: str | None = None
    event_id: str | None = None


@attrs.define
class TransformResult:
    """
    What became of a batch. Each event is mapped, skipped or rejected, and counted once.

    Attributes:
        received: How many events came in; an unreadable body counts as one.
        calls: What Heap is to do, in the order of the events.
        origins: The event behind each of the calls, as it came in.
        skipped: The events that a policy leaves out.
        rejected: The events that cannot be mapped.
        repeated: How many were equal repeats of an earlier event of the batch; each
            shares the outcome of the first, and makes no calls of its own.
        event_types: How many events of each type could be read.
        left_out: How often each personal field was left out.
        degraded: How often a value had to be changed to be legal, by kind of change.
    """

    received: int = 0
    calls: list[Call] = attrs.field(factory=list)
    origins: list[Any] = attrs.field(factory=list, repr=False)
    skipped: list[Skipped] = attrs.field(factory=list)
    rejected: list[Rejected] = attrs.field(factory=list)
    repeated: int = 0
    event_types: Counter[str] = attrs.field(factory=Counter)
    left_out: Counter[str] = attrs.field(factory=Counter)
    degraded: Counter[Degradation] = attrs.field(factory=Counter)

    @property
    def mapped(self) -> int:
        """
        How many events became calls, or repeat one that did.
        """
        return self.received - len(self.skipped) - len(self.rejected)


class Transformer:
    """
    Turns Currents events into Heap calls. Pure: no I/O, no clock, usable from threads.

    Args:
        mappers: Which mapper says what an event becomes.
        identity: Who an event is about. Heap must know the same people by it.
        personal_data: ``"drop"`` leaves personal fields out; ``"keep"`` sends them; a set
            names all that are left out; a mapping overrides single fields; see
            `PersonalData` for hashing.
        event_prefix: What the names of standard events begin with.
        nested: Whether objects become dotted names (``"flatten"``), JSON text
            (``"json"``), or nothing (``"drop"``).
        event_types: The event classes by type.
    """

    def __init__(
        self,
        mappers: MapperRegistry = DEFAULT_MAPPERS,
        *,
        identity: Identity = "external_user_id",
        personal_data: PersonalData
        | Treatment
        | Set[str]
        | Mapping[str, Treatment] = "drop",
        event_prefix: str = "Braze ",
        nested: Nested = "flatten",
        event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
    ) -> None:
        self._mappers = mappers
        self._identify = _identify(identity)
        self._redaction = Redaction(_personal_data(personal_data))
        self._nested: Nested = nested
        self._parse = EventParser(event_types).parse
        self._standard_name = functools.lru_cache(4096)(event_prefix.__add__)

    def transform(self, source: Source) -> TransformResult:
        """
        Turn a batch into calls. Never raises for what is in it.

        Events with the same id are taken for one if they are equal; the second is
        rejected if they are not.
        """
        batch = _Batch(Legalizer(self._nested))
        result = batch.result
        for item in _items(source):
            result.received += 1
            outcome = self._outcome(item, batch)
            if isinstance(outcome, Skipped):
                result.skipped.append(outcome)
            elif outcome is not None:
                result.rejected.append(outcome)
        result.degraded = batch.legalizer.degraded
        result.left_out = Counter(batch.left_out)
        result.event_types = Counter(batch.event_types)
        return result

    def _outcome(self, item: Any, batch: "_Batch") -> "_Outcome":
        try:
            event = self._parse(item) if type(item) is dict else self._typed(item)
            batch.event_types.append(event.event_type)
            if event.id in batch.seen:
                return self._repeated(event, item, batch)
            outcome = self._mapped(event, item, batch)
            batch.seen[event.id] = item, outcome
        except EventError as error:
            reason = error.reason or Reason.INTERNAL_ERROR
            raw = item.raw if isinstance(item, Unreadable) else item
            return Rejected(reason, str(error), raw, *_named(item))
        except Exception as error:
            return Rejected(Reason.INTERNAL_ERROR, _place(error), item, *_named(item))
        return outcome

    def _typed(self, item: Any) -> CurrentsEvent:
        """
        Return *item* as an event that may be changed.
        """
        if isinstance(item, Unreadable):
            raise EventError((Problem("source", item.detail, item.reason),))
        if isinstance(item, CurrentsEvent):
            if epoch_seconds(item.time) is None:
                raise EventError((Problem("time", "is unfit", Reason.BAD_TIME),))
            return copy.copy(item)
        if isinstance(item, RawEvent):
            return self._parse(item.value, item.event_type)
        return self._parse(item)

    def _repeated(self, event: CurrentsEvent, item: Any, batch: "_Batch") -> "_Outcome":
        earlier, outcome = batch.seen[event.id]
        if self._typed(earlier) == event:
            batch.result.repeated += 1
            return outcome
        flaw = "an earlier event of the batch has this id and another content"
        reason = Reason.DUPLICATE_ID_CONFLICT
        return Rejected(reason, flaw, item, event.event_type, event.id)

    def _mapped(self, event: CurrentsEvent, item: Any, batch: "_Batch") -> "_Outcome":
        try:
            identity = checked_identity(self._identify(event))
        except IdentityError as error:
            if isinstance(error.reason, SkipReason):
                return Skipped(error.reason, event.event_type, event.id)
            return Rejected(
                error.reason, "the identity", item, event.event_type, event.id
            )
        rule = self._mappers.rule_for(event)
        if rule is None:
            return Skipped(SkipReason.NOT_MAPPED, event.event_type, event.id)
        legalizer = batch.legalizer
        batch.left_out += self._redaction.apply(event)
        try:
            mapped = rule.mapper(event)
            if isinstance(mapped, HeapEvent):
                calls: list[Call] = [
                    self._track(mapped, event, event.id, identity, legalizer)
                ]
            else:
                calls = self._calls(mapped, event, identity, legalizer)
        except Exception as error:
            detail = f"{rule.origin}: {_place(error)}"
            return Rejected(
                Reason.MAPPER_ERROR, detail, item, event.event_type, event.id
            )
        if not calls:
            return Skipped(SkipReason.NOT_MAPPED, event.event_type, event.id)
        batch.result.calls += calls
        batch.result.origins += [item] * len(calls)
        return None

    def _calls(
        self, mapped: Mapped, event: CurrentsEvent, identity: str, legalizer: Legalizer
    ) -> list[Call]:
        calls: list[Call] = []
        for payload in _payloads(mapped):
            if isinstance(payload, HeapEvent):
                key = f"{event.id}:{len(calls) + 1}" if calls else event.id
                calls.append(self._track(payload, event, key, identity, legalizer))
            elif isinstance(payload, HeapUserProperties):
                facts = legalizer.user_properties(payload.properties)
                calls.append(AddUserProperties(identity, facts))
            else:
                raise TypeError(f"a mapper returned {type(payload).__name__}")
        return calls

    def _track(
        self,
        payload: HeapEvent,
        event: CurrentsEvent,
        key: str,
        identity: str,
        legalizer: Legalizer,
    ) -> Track:
        name = payload.name
        if isinstance(payload, StandardEvent):
            name = self._standard_name(name)
        if not name:
            raise ValueError("a mapper returned an event without a name")
        return Track(
            legalizer.text(name),
            identity,
            timestamp(_seconds(event)),
            legal_key(key),
            legalizer.properties(payload.properties),
        )


_Outcome: TypeAlias = Skipped | Rejected | None
"""What became of an event; ``None`` if it became calls."""


@attrs.define
class _Batch:
    """
    A batch on its way through a transformer.
    """

    legalizer: Legalizer
    result: TransformResult = attrs.field(factory=TransformResult)
    seen: dict[str, tuple[Any, _Outcome]] = attrs.field(factory=dict)
    event_types: list[str] = attrs.field(factory=list)
    left_out: list[str] = attrs.field(factory=list)


def _items(source: Source) -> Iterable[Any]:
    try:
        if isinstance(source, bytes | str):
            source = decode(source)
        if isinstance(source, RawEvent | CurrentsEvent):
            return [source]
        if source is None or isinstance(source, dict | list):
            return events_of(source)
    except UnreadableError as error:
        return [Unreadable(0, str(error), _bytes(source))]
    is_batch = isinstance(source, Iterable) and not isinstance(source, Mapping)
    return source if is_batch else [source]


def _bytes(source: Any) -> bytes:
    if isinstance(source, str):
        return source.encode("utf-8", "surrogatepass")
    return source if isinstance(source, bytes) else b""


def _named(item: Any) -> tuple[str | None, str | None]:
    """
    Return the type and the id of an event that could not be read, if it has them.
    """
    raw = item.value if isinstance(item, RawEvent) else item
    if not isinstance(raw, dict):
        return None, None
    names = (raw.get("event_type"), raw.get("id"))
    event_type, event_id = (n if isinstance(n, str) else None for n in names)
    return event_type, event_id


def _place(error: Exception) -> str:
    """
    Name an exception by its class and place; its text may quote personal data.
    """
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name} ({frame.filename}:{frame.lineno})"


def _payloads(mapped: Mapped) -> Iterable[Payload]:
    if mapped is None:
        return ()
    if isinstance(mapped, HeapEvent | HeapUserProperties | HeapUserDeletion):
        return (mapped,)
    return mapped


def _seconds(event: CurrentsEvent) -> float:
    """
    Return the time of *event* in UTC epoch seconds, as exactly as it is known.
    """
    fields = event.__dict__
    if "time_ms" not in fields and "extra" not in fields:
        return event.time
    exact = event.extra.get("/time", fields.get("time_ms"))
    seconds = None if exact is None else epoch_seconds(exact)
    return event.time if seconds is None or int(seconds) != event.time else seconds


def _identify(identity: Identity) -> Callable[[CurrentsEvent], Any]:
    if not isinstance(identity, str):
        return identity
    if identity not in ("external_user_id", "user_id"):
        raise ValueError(
            f"identity is 'external_user_id', 'user_id' or a function, not {identity!r}"
        )
    misfit = f"/user/{identity}"

    def identify(event: CurrentsEvent) -> Any:
        value = event.__dict__.get(identity)
        return event.extra.get(misfit) if value is None and event.extra else value

    return identify
