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
from typing import Any, Final, Literal, TypeAlias, cast

import attrs

from braze_heap._short_road import ShortRoad, fits, short_road
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
from braze_heap.mappers import DEFAULT_MAPPERS, MapperRegistry, standard
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
        degraded: How often a value had to be changed to be legal, by kind of change.
        types: The type of each event that could be read.
        dropped: The name of each personal field that was left out, once an event.
    """

    received: int = 0
    calls: list[Call] = attrs.field(factory=list)
    origins: list[Any] = attrs.field(factory=list, repr=False)
    skipped: list[Skipped] = attrs.field(factory=list)
    rejected: list[Rejected] = attrs.field(factory=list)
    repeated: int = 0
    degraded: Counter[Degradation] = attrs.field(factory=Counter)
    types: list[str] = attrs.field(factory=list, repr=False)
    dropped: list[str] = attrs.field(factory=list, repr=False)

    @property
    def event_types(self) -> Counter[str]:
        """
        How many events of each type could be read.
        """
        return Counter(self.types)

    @property
    def left_out(self) -> Counter[str]:
        """
        How often each personal field was left out.
        """
        return Counter(self.dropped)

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
        personal_data: ``"drop"`` leaves personal fields out; ``"keep"`` sends them; a
            set names all that are left out; a mapping overrides single fields; see
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
        self._plain_names: set[str] = set()
        self._roads: dict[type[CurrentsEvent], ShortRoad | None] = {}
        self._parse = EventParser(event_types).parse
        self._standard_name = functools.lru_cache(4096)(event_prefix.__add__)

    def transform(self, source: Source) -> TransformResult:
        """
        Turn a batch into calls. Never raises for what is in it.

        Events with the same id are taken for one if they are equal; the second is
        rejected if they are not.
        """
        batch = _Batch(Legalizer(self._nested, self._plain_names))
        for item in _items(source):
            batch.received += 1
            try:
                event = self._parse(item) if type(item) is dict else self._typed(item)
                event_id = event.id
                if event_id in batch.seen:
                    self._repeat(event, item, batch)
                else:
                    batch.seen[event_id] = item, self._map(event, item, batch)
            except EventError as error:
                batch.reject(error.reason, str(error), item)
            except Exception as error:
                batch.reject(Reason.INTERNAL_ERROR, _place(error), item)
        return batch.result()

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

    def _repeat(self, event: CurrentsEvent, item: Any, batch: "_Batch") -> None:
        earlier, outcome = batch.seen[event.id]
        if self._typed(earlier) == event:
            batch.repeat(event, outcome)
        else:
            detail = "an earlier event of the batch has this id and another content"
            batch.reject(Reason.DUPLICATE_ID_CONFLICT, detail, item, event)

    def _map(self, event: CurrentsEvent, item: Any, batch: "_Batch") -> "_Outcome":
        """
        Add the calls that *event* becomes; return why it becomes none.
        """
        batch.event_types.append(event.event_type)
        try:
            identity = checked_identity(self._identify(event))
        except IdentityError as error:
            return batch.refuse(error.reason, item, event)
        rule = self._mappers.rule_for(event)
        if rule is None:
            return batch.skip(SkipReason.NOT_MAPPED, event)
        road = self._road(type(event)) if rule.mapper is standard else None
        if road and fits(event):
            batch.calls.append(
                road.track(event, identity, batch.legalizer, batch.left_out)
            )
            batch.origins.append(item)
            return None
        batch.left_out += self._redaction.apply(event)
        try:
            payloads = _payloads(rule.mapper(event))
        except Exception as error:
            detail = f"{rule.origin}: {_place(error)}"
            return batch.reject(Reason.MAPPER_ERROR, detail, item, event)
        calls = self._calls(payloads, event, identity, batch.legalizer)
        if not calls:
            return batch.skip(SkipReason.NOT_MAPPED, event)
        batch.calls += calls
        batch.origins += [item] * len(calls)
        return None

    def _road(self, cls: type[CurrentsEvent]) -> ShortRoad | None:
        try:
            return self._roads[cls]
        except KeyError:
            road = short_road(cls, self._standard_name, self._redaction)
            return self._roads.setdefault(cls, road)

    def _calls(
        self,
        payloads: list[Payload],
        event: CurrentsEvent,
        identity: str,
        legalizer: Legalizer,
    ) -> list[Call]:
        calls: list[Call] = []
        for payload in payloads:
            if isinstance(payload, HeapEvent):
                key = f"{event.id}:{len(calls) + 1}" if calls else event.id
                calls.append(self._track(payload, event, key, identity, legalizer))
            elif isinstance(payload, HeapUserProperties):
                facts = legalizer.user_properties(payload.properties)
                calls.append(AddUserProperties(identity, facts))
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
    calls: list[Call] = attrs.field(factory=list)
    origins: list[Any] = attrs.field(factory=list)
    skipped: list[Skipped] = attrs.field(factory=list)
    rejected: list[Rejected] = attrs.field(factory=list)
    seen: dict[str, tuple[Any, _Outcome]] = attrs.field(factory=dict)
    received: int = 0
    repeated: int = 0
    event_types: list[str] = attrs.field(factory=list)
    left_out: list[str] = attrs.field(factory=list)

    def skip(self, reason: SkipReason, event: CurrentsEvent) -> Skipped:
        skipped = Skipped(reason, event.event_type, event.id)
        self.skipped.append(skipped)
        return skipped

    def reject(
        self,
        reason: Reason | None,
        detail: str,
        item: Any,
        event: CurrentsEvent | None = None,
    ) -> Rejected:
        names = (event.event_type, event.id) if event else _named(item)
        raw = item.raw if isinstance(item, Unreadable) else item
        rejected = Rejected(reason or Reason.INTERNAL_ERROR, detail, raw, *names)
        self.rejected.append(rejected)
        return rejected

    def refuse(
        self, reason: Reason | SkipReason, item: Any, event: CurrentsEvent
    ) -> _Outcome:
        if isinstance(reason, SkipReason):
            return self.skip(reason, event)
        return self.reject(reason, "the identity cannot be one person's", item, event)

    def repeat(self, event: CurrentsEvent, outcome: _Outcome) -> None:
        self.repeated += 1
        self.event_types.append(event.event_type)
        if isinstance(outcome, Skipped):
            self.skipped.append(outcome)
        elif isinstance(outcome, Rejected):
            self.rejected.append(outcome)

    def result(self) -> TransformResult:
        return TransformResult(
            received=self.received,
            calls=self.calls,
            origins=self.origins,
            skipped=self.skipped,
            rejected=self.rejected,
            repeated=self.repeated,
            types=self.event_types,
            dropped=self.left_out,
            degraded=self.legalizer.degraded,
        )


def _items(source: Source) -> Iterable[Any]:
    if source is None or isinstance(source, bytes | str | dict):
        if isinstance(source, str):
            source = source.encode("utf-8", "surrogatepass")
        try:
            return events_of(decode(source) if isinstance(source, bytes) else source)
        except UnreadableError as error:
            return [Unreadable(0, str(error), source)]
    is_batch = isinstance(source, Iterable) and not isinstance(source, Mapping)
    return cast("Iterable[Any]", source) if is_batch else [source]


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


def _payloads(mapped: Mapped) -> list[Payload]:
    """
    Return what a mapper said as a list.

    Raises:
        TypeError: It is no payload.
        ValueError: It is an event without a name.
    """
    if mapped is None:
        return []
    payloads = [mapped] if isinstance(mapped, _PAYLOADS) else [*mapped]
    for payload in payloads:
        if not isinstance(payload, _PAYLOADS):
            raise TypeError(f"a mapper returned {type(payload).__name__}")
        if isinstance(payload, HeapEvent) and not payload.name:
            raise ValueError("a mapper returned an event without a name")
    return payloads


_PAYLOADS: Final = (HeapEvent, HeapUserProperties, HeapUserDeletion)


def _seconds(event: CurrentsEvent) -> float:
    """
    Return the time of *event* in UTC epoch seconds, as exactly as it is known.
    """
    exact = event.extra.get("/time", event.__dict__.get("time_ms"))
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
