"""
What a transformer makes of probes, and which field each property comes from.

Nothing is asked of the mapping rules: events go in, calls come out, and what differs
between two calls comes from what differs between their events.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from braze_heap.events import CurrentsEvent
from braze_heap.heap.calls import AddUserProperties, Track, Value
from braze_heap.plan._marks import Marks
from braze_heap.plan._probes import Probe, Prober
from braze_heap.reasons import Reason, SkipReason
from braze_heap.results import Rejected, Skipped
from braze_heap.transformer import Transformer

Holder: TypeAlias = str | None
"""The name of an event; ``None`` for the user."""

MAX_TURNS: Final = 24
"""Complete events of one class that are changed in every way."""


@attrs.frozen
class Observation:
    """
    What became of one probe.

    Attributes:
        probe: The probe.
        said: Its properties under readable names, for each event and for the user.
        envelope: Who, when and the key.
        deletes: Whether it deletes the user.
        refusal: Why it became nothing.
        detail: What the refusal says.
        unsent: The fields that the policy for personal data left out.
    """

    probe: Probe
    said: Mapping[Holder, Mapping[str, Value]]
    envelope: tuple[Any, ...] = (None, None, None)
    deletes: bool = False
    refusal: SkipReason | Reason | None = None
    detail: str = ""
    unsent: frozenset[str] = frozenset()


@attrs.define
class Evidence:
    """
    What was seen of one property.

    Attributes:
        values: Each value, with a probe that it is from.
        sources: The fields that it depends on.
    """

    values: list[tuple[Value, Probe]] = attrs.field(factory=list)
    sources: set[str] = attrs.field(factory=set)
    _seen: set[tuple[Value, bool]] = attrs.field(factory=set)

    def add(self, value: Value, probe: Probe, marks: Marks) -> None:
        """
        Note a value, unless it is known.
        """
        key = value, probe.is_sample
        if key not in self._seen:
            self._seen.add(key)
            self.values.append((value, probe))
            self.sources |= marks.labels_in(value)


@attrs.define
class Trace:
    """
    All that was seen of one event class.

    Attributes:
        marks: Tells whose a value is.
        properties: Evidence by holder and name.
        unsent: The fields that the policy for personal data left out.
        carries: Who, when and the key, each with the fields that decide it.
        refusals: How many probes became nothing, by reason.
        details: What the refusals say.
        deletes: Whether an event deleted the user.
        tried: How many probes there were.
    """

    marks: Marks
    properties: defaultdict[Holder, defaultdict[str, Evidence]] = attrs.field(
        factory=lambda: defaultdict(lambda: defaultdict(Evidence))
    )
    unsent: set[str] = attrs.field(factory=set)
    carries: tuple[set[str], ...] = attrs.field(
        factory=lambda: (set(), set(), set()), init=False
    )
    refusals: Counter[SkipReason | Reason] = attrs.field(factory=Counter)
    details: dict[SkipReason | Reason, str] = attrs.field(factory=dict)
    deletes: bool = False
    tried: int = 0

    def add(self, seen: Observation) -> None:
        """
        Note what one probe shows by itself.
        """
        self.tried += 1
        self.unsent |= seen.unsent
        self.deletes = self.deletes or seen.deletes
        if seen.refusal:
            self.refusals[seen.refusal] += 1
            self.details.setdefault(seen.refusal, seen.detail)
        for holder, properties in seen.said.items():
            found = self.properties[holder]
            for name, value in properties.items():
                found[name].add(value, seen.probe, self.marks)

    def compare(self, complete: Observation, seen: Observation) -> None:
        """
        Note what a probe shows beside the complete one that it was made from.
        """
        changed = seen.probe.changed
        if changed is None or seen.refusal or complete.refusal:
            return
        for fields, was, now in zip(
            self.carries, complete.envelope, seen.envelope, strict=True
        ):
            if was != now:
                fields.add(changed)
        for holder in complete.said.keys() & seen.said.keys():
            was, now = complete.said[holder], seen.said[holder]
            for name in was.keys() | now.keys():
                if was.get(name) != now.get(name):
                    self.properties[holder][name].sources.add(changed)

    @property
    def names(self) -> set[tuple[Holder, str]]:
        """
        Every property that was seen, with its holder.
        """
        return {(h, name) for h, found in self.properties.items() for name in found}


@attrs.frozen
class MappingTracer:
    """
    Sends probes of one class through a transformer.
    """

    transformer: Transformer
    cls: type[CurrentsEvent]
    marks: Marks

    def see(self, probe: Probe) -> Observation:
        """
        Return what becomes of *probe*.
        """
        result = self.transformer.transform([self.cls(**probe.fields)])
        refused: list[Skipped | Rejected] = [*result.skipped, *result.rejected]
        said: dict[Holder, dict[str, Value]] = {}
        envelope: tuple[Any, ...] = (None, None, None)
        for call in result.calls:
            if isinstance(call, Track):
                holder: Holder = self.marks.readable(call.event)
                envelope = (call.identity, call.timestamp, call.idempotency_key)
                said.setdefault(holder, {}).update(self._named(call.properties))
            elif isinstance(call, AddUserProperties):
                said.setdefault(None, {}).update(self._named(call.properties))
        return Observation(
            probe,
            said,
            envelope,
            bool(result.calls) and not said,
            refused[0].reason if refused else None,
            getattr(refused[0], "detail", "") if refused else "",
            frozenset(result.redacted),
        )

    def _named(self, properties: Mapping[str, Value]) -> dict[str, Value]:
        return {self.marks.readable(name): v for name, v in properties.items()}


def trace(observer: MappingTracer, prober: Prober, alone: Iterable[Probe]) -> Trace:
    """
    Send probes through a transformer and note what comes of them.

    Complete events come first, each with its changes. A change that leads to an event
    or a user property that is new is taken for a complete event, too; so is an event
    that reads like a true one, where it shows something new.

    Args:
        observer: Sends them.
        prober: Makes them.
        alone: Events that are changes of no other.
    """
    found = Trace(observer.marks)
    for probe in alone:
        found.add(observer.see(probe))
    news = [*prober.complete()]
    shown: set[tuple[Holder, str]] = set()
    turns: list[Probe] = []
    while news and len(turns) < MAX_TURNS:
        turns.append(news.pop(0))
        news += _turn(observer, prober, found, turns[-1], shown)
    _add_samples(observer, prober, found, turns)
    return found


def _turn(
    observer: MappingTracer,
    prober: Prober,
    found: Trace,
    complete: Probe,
    shown: set[tuple[Holder, str]],
) -> Iterator[Probe]:
    """
    Change a complete event in every way; yield what shows something new.
    """
    whole = observer.see(complete)
    found.add(whole)
    shown |= _kinds(whole)
    for probe in prober.changes(complete):
        seen = observer.see(probe)
        found.add(seen)
        found.compare(whole, seen)
        if _kinds(seen) - shown:
            shown |= _kinds(seen)
            yield probe


def _add_samples(
    observer: MappingTracer, prober: Prober, found: Trace, turns: list[Probe]
) -> None:
    """
    Add events that read like true ones, for examples and for what needs true values.
    """
    sample = prober.sample(found.marks.named)
    if _properties(observer.see(sample)) - found.names:
        list(_turn(observer, prober, found, sample, set()))
    for turn in turns:
        name = turn.changed
        like_turn = sample.but(name, turn.fields.get(name)) if name else sample
        found.add(observer.see(like_turn))


def _properties(seen: Observation) -> set[tuple[Holder, str]]:
    return {(h, name) for h, properties in seen.said.items() for name in properties}


def _kinds(seen: Observation) -> set[tuple[Holder, str]]:
    """
    Return which events, and which properties of the user, *seen* has.
    """
    user_properties = seen.said.get(None, {})
    kinds: set[tuple[Holder, str]] = {(h, "") for h in seen.said if h is not None}
    return kinds | {(None, name) for name in user_properties}
