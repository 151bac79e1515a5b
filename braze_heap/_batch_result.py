"""Outcome of a batch, from the result of the transformer and the sink's receipt."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from braze_heap._ordered_delivery import Decision
from braze_heap.heap.calls import AddUserProperties
from braze_heap.mapping._batch import named
from braze_heap.reasons import SkipReason
from braze_heap.report import Report
from braze_heap.results import Origins, Skipped, TransformResult
from braze_heap.sinks._protocol import Rejection
from braze_heap.state import UNKNOWN_TIME, DeadRecord, event_id
from braze_heap.transformer import Source, Transformer, items_of


@attrs.frozen
class BatchResult:
    """
    Outcome of a batch that was processed.

    Attributes:
        report: Counts of the batch.
        records: Events of the batch for the dead letter, one record a key.
    """

    report: Report
    records: tuple[DeadRecord, ...] = ()


def build_batch_result(
    source: Source,
    result: TransformResult,
    decision: Decision,
    at: datetime,
    transformer: Transformer,
    destination: str,
) -> BatchResult:
    """
    Return the outcome of the batch *source*, which *transformer* mapped to *result*.

    The dead-letter records have the time *at*, UTC, and the *destination*.
    """
    keys = [*Origins.keys(result.origins), *Origins.keys(result.outdated_origins)]
    rejected: dict[int, tuple[Rejection, Any]] = {}
    for rejection in decision.receipt.rejections:  # the first one of an event counts
        if (key := keys[rejection.index]) not in rejected:
            rejected[key] = rejection, _origin(result, rejection.index)
    occurrences = _occurrences(source, result)
    counts = Counter(str(each.reason) for each in result.rejected)
    for rejection, origin in rejected.values():
        counts[str(rejection.reason)] += occurrences(origin)
    skipped = Counter(str(skip.reason) for skip in result.skipped)
    not_sent = Counter({str(reason): n for reason, n in result.not_sent.items()})
    if decision.outdated or result.outdated:
        # The transformer only knows which values are outdated inside the batch. Some of
        # them may have been sent, because newer values were rejected.
        del skipped[SkipReason.OUTDATED], not_sent[SkipReason.OUTDATED]
        sent = _sent(result, decision, keys) - rejected.keys()
        unsent = dict[int, Any]()
        for index, number in decision.outdated.items():
            if keys[index] in sent:
                not_sent[str(SkipReason.OUTDATED)] += number
            elif keys[index] not in rejected:
                unsent[keys[index]] = _origin(result, index)
        skipped[str(SkipReason.OUTDATED)] += sum(map(occurrences, unsent.values()))
    dead: list[tuple[Any, str, str]] = [
        (each.raw, each.reason, each.detail) for each in result.rejected
    ]
    dead += [
        (origin, r.reason, f"{r.status}: {r.detail}" if r.status else r.detail)
        for r, origin in rejected.values()
    ]
    records = [
        DeadRecord.of(
            raw,
            reason,
            detail,
            at,
            mappers=mappers_of(transformer, raw),
            destination=destination,
        )
        for raw, reason, detail in dead
    ]
    report = Report(
        received=result.received,
        delivered=result.received - skipped.total() - counts.total(),
        skipped_by_reason=dict(+skipped),
        dead_lettered_by_reason=dict(counts),
        repeated=result.repeated,
        calls=decision.receipt.accepted,
        unknown=dict(result.unknown),
        invalid=dict(result.invalid),
        adjustments={str(kind): number for kind, number in result.adjustments.items()},
        compiled_errors=dict(result.compiled_errors),
        not_sent=dict(not_sent),
    )
    return BatchResult(report, tuple({each.key: each for each in records}.values()))


def _origin(result: TransformResult, index: int) -> Any:
    """Return the event of a call. Outdated ones come last. It may be decoded again."""
    number = index - len(result.calls)
    return result.origins[index] if number < 0 else result.outdated_origins[number]


def _sent(result: TransformResult, decision: Decision, keys: Sequence[int]) -> set[int]:
    """Return the key of each event of which something was sent."""
    return {
        keys[index]
        for index, call in enumerate((*result.calls, *result.outdated))
        if index not in decision.outdated
        or len(getattr(call, "properties", ())) > decision.outdated[index]
    }


def without_user_properties(source: Source, result: TransformResult) -> TransformResult:
    """
    Return *result*, of the batch *source*, without calls that state user properties.

    They are counted in it. An event without other calls is skipped.
    """
    pairs = [*zip(result.calls, result.origins, strict=True)]
    kept = [pair for pair in pairs if not isinstance(pair[0], AddUserProperties)]
    sent, unsent = {id(origin) for _, origin in kept}, dict[int, Any]()
    skipped, not_sent = [*result.skipped], Counter(result.not_sent)
    for call, origin in pairs:
        if isinstance(call, AddUserProperties) and id(origin) in sent:
            not_sent[SkipReason.USER_PROPERTIES] += len(call.properties)
        elif isinstance(call, AddUserProperties):
            unsent[id(origin)] = origin
    occurrences = _occurrences(source, result)
    for origin in unsent.values():
        event_type, event_id = named(origin)
        skip = Skipped(SkipReason.USER_PROPERTIES, event_type or "", event_id or "")
        skipped += [skip] * occurrences(origin)
    return attrs.evolve(
        result,
        calls=[call for call, _ in kept],
        origins=[origin for _, origin in kept],
        skipped=skipped,
        not_sent=not_sent,
        outdated=[],
        outdated_origins=[],
    )


def mappers_of(transformer: Transformer, item: object) -> Mapping[str, str]:
    """
    Return the mappers that a record of *item* lists; see `Transformer.team_mappers`.

    An object that only has ``transform``, such as a wrapper, lists none.
    """
    team_mappers = getattr(transformer, "team_mappers", None)
    return team_mappers(item) if team_mappers else {}


def _occurrences(source: Source, result: TransformResult) -> Callable[[Any], int]:
    """Return a function that counts the occurrences of an event that was mapped."""
    if not result.repeated:  # spares decoding again
        return lambda _: 1

    @functools.cache
    def count() -> Counter[str]:
        counts = Counter(map(_identity_key, items_of(source)))
        counts.subtract(_identity_key(rejected.raw) for rejected in result.rejected)
        return counts

    return lambda origin: max(1, count()[_identity_key(origin)])


def _identity_key(item: Any) -> str:
    return event_id(item) or DeadRecord.of(item, "", "", UNKNOWN_TIME).key
