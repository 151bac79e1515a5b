"""
A batch on its way through a transformer: what is known of it, and what became of it.
"""

import itertools
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import attrs

from braze_heap.calls import AddUserProperties, Legalizer
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.identity import IdentityError
from braze_heap.reasons import Reason, SkipReason
from braze_heap.results import Rejected, Skipped, TransformResult
from braze_heap.wire import RawEvent, Unreadable

Outcome: TypeAlias = Skipped | Rejected | None
"""What became of an event; ``None`` if it became calls."""

_MAX_NAMES: Final = 100
_MAX_NAME: Final = 255
"""Unfamiliar names of an event that are counted, and their characters."""


@attrs.define
class Batch:
    """
    A batch on its way through a transformer.
    """

    legalizer: Legalizer
    result: TransformResult = attrs.field(init=False)
    seen: dict[str, Any] = attrs.field(factory=dict)
    outcomes: dict[str, Skipped | Rejected] = attrs.field(factory=dict)
    facts: list[tuple[AddUserProperties, float]] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.result = TransformResult(degraded=self.legalizer.degraded)

    def call_of(
        self, facts: Mapping[str, Any], identity: str, time: float
    ) -> AddUserProperties | None:
        """
        Return the call that states *facts*, which is noted; ``None`` if none is left.

        Args:
            facts: About a user.
            identity: Whose.
            time: Of the event that states them, UTC epoch seconds.
        """
        legal = self.legalizer.user_properties(facts)
        if not legal:
            return None
        call = AddUserProperties(identity, legal)
        self.facts.append((call, time))
        return call

    def note_unfamiliar(self, event: CurrentsEvent) -> None:
        if isinstance(event, UnknownEvent):
            self.result.unfamiliar[event.event_type[:_MAX_NAME]] += 1
            return
        for place in itertools.islice(event.extra, _MAX_NAMES):
            self.result.unfamiliar[f"{event.event_type} {place[:_MAX_NAME]}"] += 1

    def skip(self, reason: SkipReason, event: CurrentsEvent) -> Skipped:
        skipped = Skipped(reason, event.event_type, event.id)
        self.result.skipped.append(skipped)
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
        self.result.rejected.append(rejected)
        return rejected

    def refuse(self, error: IdentityError, item: Any, event: CurrentsEvent) -> Outcome:
        if isinstance(error.reason, SkipReason):
            return self.skip(error.reason, event)
        return self.reject(error.reason, error.detail, item, event)

    def repeat(self, event: CurrentsEvent) -> None:
        outcome = self.outcomes.get(event.id)
        self.result.repeated += 1
        self.result.types.append(event.event_type)
        if isinstance(outcome, Skipped):
            self.result.skipped.append(outcome)
        elif isinstance(outcome, Rejected):
            self.result.rejected.append(outcome)

    def keep_newest_facts(self) -> None:
        """
        Leave to each user, of facts of one name, the newest alone.

        In Heap the last write wins, and calls may be made in any order.
        """
        if len({call.identity for call, _ in self.facts}) == len(self.facts):
            return
        newest: dict[tuple[str, str], AddUserProperties] = {}
        for call, _ in sorted(self.facts, key=lambda fact: fact[1]):
            newest |= {(call.identity, name): call for name in call.properties}
        for call, _ in self.facts:
            for name in [*call.properties]:
                if newest[call.identity, name] is not call:
                    del call.properties[name]
        kept = [
            (call, origin)
            for call, origin in zip(self.result.calls, self.result.origins, strict=True)
            if not isinstance(call, AddUserProperties) or call.properties
        ]
        self.result.calls[:] = [call for call, _ in kept]
        self.result.origins[:] = [origin for _, origin in kept]


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
