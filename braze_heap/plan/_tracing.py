"""
Trace each property of a call to the fields that it comes from.

Mappers are not inspected. The events of two probes differ in one field, so a difference
between their calls comes from that field.
"""

import copy
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from braze_heap.events import CurrentsEvent
from braze_heap.heap.calls import AddUserProperties, Track, Value
from braze_heap.mapping._batches import BatchMapping
from braze_heap.plan._probes import Probe, ProbeFactory
from braze_heap.plan._sentinels import SentinelValues
from braze_heap.reasons import Reason, SkipReason
from braze_heap.results import Rejected, Skipped
from braze_heap.transformer import Transformer

Holder: TypeAlias = str | None
"""Name of an event; ``None`` for the user."""

MAX_BASES: Final = 24
"""Maximum number of complete events of a class that are varied."""


@attrs.frozen
class Observation:
    """
    Result of one probe.

    Attributes:
        probe: The probe.
        properties: Properties under readable names, by event and for the user.
        envelope: Identity, timestamp and idempotency key.
        deletes: Whether it deletes the user.
        reason: Reason for which it was skipped or rejected.
        detail: Detail of the rejection.
        unsent: The fields that the policy for personal data redacted.
    """

    probe: Probe
    properties: Mapping[Holder, Mapping[str, Value]]
    envelope: tuple[Any, ...] = (None, None, None)
    deletes: bool = False
    reason: SkipReason | Reason | None = None
    detail: str = ""
    unsent: frozenset[str] = frozenset()


@attrs.define
class Evidence:
    """
    Observed values of one property.

    Attributes:
        values: Each value, with a probe that produced it.
        sources: The fields on which it depends.
    """

    values: list[tuple[Value, Probe]] = attrs.field(factory=list)
    sources: set[str] = attrs.field(factory=set)
    _seen: set[tuple[Value, bool]] = attrs.field(factory=set)

    def add(self, value: Value, probe: Probe, sentinels: SentinelValues) -> None:
        """Record a value, unless it is already there."""
        key = value, probe.is_sample
        if key not in self._seen:
            self._seen.add(key)
            self.values.append((value, probe))
            self.sources |= sentinels.labels_in(value)


@attrs.define
class Trace:
    """
    All observations of one event class.

    Attributes:
        sentinels: Finds the field of a value.
        properties: Evidence by holder and name.
        unsent: The fields that the policy for personal data redacted.
        envelope_fields: The fields that decide identity, timestamp and idempotency key.
        reasons: Number of probes that were not mapped, by reason.
        details: One detail for each reason.
        deletes: Whether an event deleted the user.
        tried: Number of probes.
    """

    sentinels: SentinelValues
    properties: defaultdict[Holder, defaultdict[str, Evidence]] = attrs.field(
        factory=lambda: defaultdict(lambda: defaultdict(Evidence))
    )
    unsent: set[str] = attrs.field(factory=set)
    envelope_fields: tuple[set[str], ...] = attrs.field(
        factory=lambda: (set(), set(), set()), init=False
    )
    reasons: Counter[SkipReason | Reason] = attrs.field(factory=Counter)
    details: dict[SkipReason | Reason, str] = attrs.field(factory=dict)
    deletes: bool = False
    tried: int = 0

    def add(self, seen: Observation) -> None:
        """Record the result of one probe."""
        self.tried += 1
        self.unsent |= seen.unsent
        self.deletes = self.deletes or seen.deletes
        if seen.reason:
            self.reasons[seen.reason] += 1
            self.details.setdefault(seen.reason, seen.detail)
        for holder, properties in seen.properties.items():
            found = self.properties[holder]
            for name, value in properties.items():
                found[name].add(value, seen.probe, self.sentinels)

    def compare(self, complete: Observation, seen: Observation) -> None:
        """Record the differences between a probe and the event that it changes."""
        changed = seen.probe.changed
        if changed is None or seen.reason or complete.reason:
            return
        for fields, was, now in zip(
            self.envelope_fields, complete.envelope, seen.envelope, strict=True
        ):
            if was != now:
                fields.add(changed)
        for holder in complete.properties.keys() & seen.properties.keys():
            was, now = complete.properties[holder], seen.properties[holder]
            for name in was.keys() | now.keys():
                if was.get(name) != now.get(name):
                    self.properties[holder][name].sources.add(changed)

    @property
    def names(self) -> set[tuple[Holder, str]]:
        """Every observed property, with its holder."""
        return {(h, name) for h, found in self.properties.items() for name in found}


def of_everybody(transformer: Transformer) -> Transformer:
    """
    Return *transformer* without the options that skip people.

    The person in the probes may be suppressed, or in no sample; others are not.
    """
    everybody, policies = copy.copy(transformer), copy.copy(transformer._policies)
    policies.suppresses = None
    policies.sampling = policies.sampling and policies.sampling.of_everybody()
    everybody._policies, everybody._mapping = policies, BatchMapping(policies)
    return everybody


@attrs.frozen
class MappingTracer:
    """Sends probes of one class through a transformer."""

    transformer: Transformer
    cls: type[CurrentsEvent]
    sentinels: SentinelValues

    def observe(self, probe: Probe) -> Observation:
        """Return the result of *probe*."""
        result = self.transformer.transform([self.cls(**probe.fields)])
        unmapped: list[Skipped | Rejected] = [*result.skipped, *result.rejected]
        properties: dict[Holder, dict[str, Value]] = {}
        envelope: tuple[Any, ...] = (None, None, None)
        for call in result.calls:
            if isinstance(call, Track):
                holder: Holder = self.sentinels.readable(call.event)
                envelope = (call.identity, call.timestamp, call.idempotency_key)
                properties.setdefault(holder, {}).update(
                    self._readable(call.properties)
                )
            elif isinstance(call, AddUserProperties):
                properties.setdefault(None, {}).update(self._readable(call.properties))
        return Observation(
            probe,
            properties,
            envelope,
            bool(result.calls) and not properties,
            unmapped[0].reason if unmapped else None,
            getattr(unmapped[0], "detail", "") if unmapped else "",
            frozenset(result.redacted),
        )

    def _readable(self, properties: Mapping[str, Value]) -> dict[str, Value]:
        return {self.sentinels.readable(name): v for name, v in properties.items()}


def trace(
    observer: MappingTracer, factory: ProbeFactory, independent: Iterable[Probe]
) -> Trace:
    """
    Send probes through a transformer and record the results.

    Complete events come first, each with its changes. A change that leads to a new
    event or user property becomes a complete event too. So does a realistic event that
    leads to a new property.

    Args:
        observer: Sends the probes.
        factory: Makes the probes.
        independent: Probes that are not changes of another one.
    """
    found = Trace(observer.sentinels)
    for probe in independent:
        found.add(observer.observe(probe))
    pending = [*factory.complete()]
    shown: set[tuple[Holder, str]] = set()
    bases: list[Probe] = []
    while pending and len(bases) < MAX_BASES:
        bases.append(pending.pop(0))
        pending += _vary(observer, factory, found, bases[-1], shown)
    _add_samples(observer, factory, found, bases)
    return found


def _vary(
    observer: MappingTracer,
    factory: ProbeFactory,
    found: Trace,
    complete: Probe,
    shown: set[tuple[Holder, str]],
) -> Iterator[Probe]:
    """Change a complete event in every way. Yield probes with new kinds of results."""
    whole = observer.observe(complete)
    found.add(whole)
    shown |= _kinds(whole)
    for probe in factory.changes(complete):
        seen = observer.observe(probe)
        found.add(seen)
        found.compare(whole, seen)
        if _kinds(seen) - shown:
            shown |= _kinds(seen)
            yield probe


def _add_samples(
    observer: MappingTracer, factory: ProbeFactory, found: Trace, bases: list[Probe]
) -> None:
    """Add realistic events, for examples and for mappers that need realistic values."""
    sample = factory.sample(found.sentinels.fields_in_names)
    properties = observer.observe(sample).properties.items()
    if {(h, name) for h, names in properties for name in names} - found.names:
        list(_vary(observer, factory, found, sample, set()))
    for base in bases:
        name = base.changed
        like_base = sample.with_field(name, base.fields.get(name)) if name else sample
        found.add(observer.observe(like_base))


def _kinds(seen: Observation) -> set[tuple[Holder, str]]:
    """Return the events and the user properties in *seen*."""
    user_properties = seen.properties.get(None, {})
    kinds: set[tuple[Holder, str]] = {(h, "") for h in seen.properties if h is not None}
    return kinds | {(None, name) for name in user_properties}
