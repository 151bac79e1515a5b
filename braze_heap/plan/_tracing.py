"""
Trace each property of a call to the fields that it comes from.

Mappers are not inspected. The events of two probes differ in one field, so a difference
between their calls comes from that field.
"""

import copy
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from braze_heap.heap.calls import AddUserProperties, Track, Value
from braze_heap.mapping._batches import BatchMapping
from braze_heap.plan._probes import Probe, ProbeFactory
from braze_heap.reasons import Reason, SkipReason
from braze_heap.results import Rejected, Skipped
from braze_heap.transformer import Transformer

Holder: TypeAlias = str | None
"""Name of an event; ``None`` for the user."""

MAX_BASES: Final = 24
"""Maximum number of complete events of a class that are varied."""


@attrs.define
class Evidence:
    """
    Evidence about one property: the fields on which it depends, and its values.

    Each value, from a sample or not, has the first probe that produced it.
    """

    values: dict[tuple[Value, bool], Probe] = attrs.field(factory=dict)
    sources: set[str] = attrs.field(factory=set)


@attrs.frozen
class _Observation:
    """Result of one probe. All names are readable."""

    properties: Mapping[Holder, Mapping[str, Value]]
    envelope: tuple[Any, ...]  # identity, timestamp and idempotency key
    deletes: bool
    unmapped: Skipped | Rejected | None
    redacted: frozenset[str]

    @property
    def kinds(self) -> set[tuple[Holder, str]]:
        """Its events and user properties."""
        kinds: set[tuple[Holder, str]] = set()
        for holder, properties in self.properties.items():
            names = properties if holder is None else [""]
            kinds.update((holder, name) for name in names)
        return kinds


class Trace:
    """
    Results of the probes of one event class.

    Complete events come first, each with its changes. A change that leads to a new
    event or user property becomes a complete event too. So does a realistic event that
    leads to a new property.

    Attributes:
        properties: Evidence by holder and name.
        redacted: The fields that the policy for personal data redacted.
        envelope_fields: The fields that decide identity, timestamp and idempotency key.
        reasons: Number of probes that were not mapped, by reason.
        details: One detail for each reason.
        deletes: Whether an event deleted the user.
        tried: Number of probes.
    """

    def __init__(self, transformer: Transformer, factory: ProbeFactory) -> None:
        self.properties: defaultdict[Holder, defaultdict[str, Evidence]] = defaultdict(
            lambda: defaultdict(Evidence)
        )
        self.redacted: set[str] = set()
        self.envelope_fields: tuple[set[str], ...] = (set(), set(), set())
        self.reasons: Counter[SkipReason | Reason] = Counter()
        self.details: dict[SkipReason | Reason, str] = {}
        self.deletes = False
        self.tried = 0
        self._transformer = transformer
        self._factory = factory
        self._sentinels = factory.sentinels
        for probe in factory.independent():
            self._add(probe)
        pending, bases = factory.complete(), list[Probe]()
        shown: set[tuple[Holder, str]] = set()
        while pending and len(bases) < MAX_BASES:
            bases.append(pending.pop(0))
            pending += self._vary(bases[-1], shown)
        self._add_samples(bases)

    def _vary(self, complete: Probe, shown: set[tuple[Holder, str]]) -> Iterator[Probe]:
        """Change a complete event in every way. Yield probes with new kinds."""
        whole = self._add(complete)
        shown |= whole.kinds
        for probe in self._factory.changes(complete):
            seen = self._add(probe)
            if probe.changed and not seen.unmapped and not whole.unmapped:
                self._compare(probe.changed, whole, seen)
            if seen.kinds - shown:
                shown |= seen.kinds
                yield probe

    def _add_samples(self, bases: list[Probe]) -> None:
        """Add realistic events, for examples and for mappers that need such values."""
        sample = self._factory.sample()
        known = {(h, name) for h, found in self.properties.items() for name in found}
        seen = self._observe(sample).properties
        if not {(h, name) for h, found in seen.items() for name in found} <= known:
            list(self._vary(sample, set()))
        for base in bases:
            name = base.changed
            self._add(
                sample.with_field(name, base.fields.get(name)) if name else sample
            )

    def _observe(self, probe: Probe) -> _Observation:
        result = self._transformer.transform([self._factory.cls(**probe.fields)])
        unmapped: list[Skipped | Rejected] = [*result.skipped, *result.rejected]
        properties: dict[Holder, dict[str, Value]] = {}
        envelope: tuple[Any, ...] = (None, None, None)
        for call in result.calls:
            holder: Holder = None
            if isinstance(call, Track):
                holder = self._sentinels.readable(call.event)
                envelope = (call.identity, call.timestamp, call.idempotency_key)
            if isinstance(call, Track | AddUserProperties):
                properties.setdefault(holder, {}).update(
                    (self._sentinels.readable(name), value)
                    for name, value in call.properties.items()
                )
        return _Observation(
            properties,
            envelope,
            bool(result.calls) and not properties,
            unmapped[0] if unmapped else None,
            frozenset(result.redacted),
        )

    def _add(self, probe: Probe) -> _Observation:
        """Record the result of one probe."""
        seen = self._observe(probe)
        self.tried += 1
        self.redacted |= seen.redacted
        self.deletes = self.deletes or seen.deletes
        if seen.unmapped:
            self.reasons[seen.unmapped.reason] += 1
            detail = getattr(seen.unmapped, "detail", "")
            self.details.setdefault(seen.unmapped.reason, detail)
        for holder, properties in seen.properties.items():
            found = self.properties[holder]
            for name, value in properties.items():
                evidence, key = found[name], (value, probe.is_sample)
                if key not in evidence.values:
                    evidence.values[key] = probe
                    evidence.sources |= self._sentinels.labels_in(value)
        return seen

    def _compare(self, changed: str, was: _Observation, now: _Observation) -> None:
        """Record what changed with the field *changed*."""
        for fields, before, after in zip(
            self.envelope_fields, was.envelope, now.envelope, strict=True
        ):
            if before != after:
                fields.add(changed)
        for holder in was.properties.keys() & now.properties.keys():
            before, after = was.properties[holder], now.properties[holder]
            for name in before.keys() | after.keys():
                if before.get(name) != after.get(name):
                    self.properties[holder][name].sources.add(changed)


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
