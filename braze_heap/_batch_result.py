"""Outcome of a batch, from the result of the transformer and the sink's receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from braze_heap._ordered_delivery import Decision
from braze_heap.heap.calls import AddUserProperties
from braze_heap.mapping._batch import named
from braze_heap.reasons import SkipReason
from braze_heap.report import Report
from braze_heap.results import Skipped, TransformResult
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
    Return the outcome of a batch.

    Args:
        source: The batch.
        result: *source*, mapped.
        decision: Decision of the sink, and of the ledger.
        at: Time of the dead-letter records, UTC.
        transformer: The one that mapped *source*.
        destination: See `DeadRecord.destination`.
    """
    origins = result.origins
    if decision.outdated or result.outdated:
        origins = [*result.origins, *result.outdated_origins]
    rejected = _first_rejections(origins, decision.receipt.rejections)
    dead: list[tuple[Any, str, str]] = [
        (r.raw, r.reason, r.detail) for r in result.rejected
    ]
    dead += [(origin, r.reason, _rejection_detail(r)) for r, origin in rejected]
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
    unique = {record.key: record for record in records}
    counts = _dead_lettered(source, result, rejected)
    skipped, not_sent = _skipped(source, result, decision, origins, rejected)
    report = Report(
        received=result.received,
        delivered=result.received - skipped.total() - counts.total(),
        skipped_by_reason=dict(skipped),
        dead_lettered_by_reason=dict(counts),
        repeated=result.repeated,
        calls=decision.receipt.accepted,
        unknown=dict(result.unknown),
        invalid=dict(result.invalid),
        adjustments={str(kind): number for kind, number in result.adjustments.items()},
        compiled_errors=dict(result.compiled_errors),
        not_sent={str(reason): number for reason, number in not_sent.items()},
    )
    return BatchResult(report, tuple(unique.values()))


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
    occurrences = _occurrences(source, result) if unsent else Counter[str]()
    for origin in unsent.values():
        event_type, event_id = named(origin)
        skip = Skipped(SkipReason.USER_PROPERTIES, event_type or "", event_id or "")
        skipped += [skip] * max(1, occurrences[_identity_key(origin)])
    return attrs.evolve(
        result,
        calls=[call for call, _ in kept],
        origins=[origin for _, origin in kept],
        skipped=skipped,
        not_sent=not_sent,
        outdated=[],
        outdated_origins=[],
    )


def _skipped(
    source: Source,
    result: TransformResult,
    decision: Decision,
    origins: Sequence[Any],
    rejected: list[tuple[Rejection, Any]],
) -> tuple[Counter[str], Counter[SkipReason]]:
    """
    Count the skipped events, and the parts of delivered events that were not sent.

    The transformer only knows which values are outdated inside the batch. Some of them
    may have been sent, because newer values were rejected.
    """
    skipped = Counter(str(skip.reason) for skip in result.skipped)
    if not (decision.outdated or result.outdated):
        return skipped, result.not_sent
    not_sent = Counter(result.not_sent)
    del skipped[SkipReason.OUTDATED], not_sent[SkipReason.OUTDATED]
    dead = {id(origin) for _, origin in rejected}
    sent = {
        id(origins[index])
        for index, call in enumerate((*result.calls, *result.outdated))
        if index not in decision.outdated
        or len(getattr(call, "properties", ())) > decision.outdated[index]
    }
    unsent: dict[int, Any] = {}
    for index, number in decision.outdated.items():
        origin = origins[index]
        if id(origin) in sent - dead:
            not_sent[SkipReason.OUTDATED] += number
        elif id(origin) not in dead:
            unsent[id(origin)] = origin
    occurrences = _occurrences(source, result) if unsent else Counter[str]()
    for origin in unsent.values():
        number = max(1, occurrences[_identity_key(origin)])
        skipped[str(SkipReason.OUTDATED)] += number
    return skipped, not_sent


def _dead_lettered(
    source: Source, result: TransformResult, rejected: list[tuple[Rejection, Any]]
) -> Counter[str]:
    """Count the dead-lettered events by reason. A repeat counts like the first one."""
    counts = Counter(str(each.reason) for each in result.rejected)
    occurrences = _occurrences(source, result) if rejected else Counter[str]()
    for rejection, origin in rejected:
        counts[str(rejection.reason)] += max(1, occurrences[_identity_key(origin)])
    return counts


def mappers_of(transformer: Transformer, item: object) -> Mapping[str, str]:
    """
    Return the mappers that a record of *item* lists; see `Transformer.team_mappers`.

    An object that only has ``transform``, such as a wrapper, lists none.
    """
    team_mappers = getattr(transformer, "team_mappers", None)
    return team_mappers(item) if team_mappers else {}


def _first_rejections(
    origins: Sequence[Any], rejections: Iterable[Rejection]
) -> list[tuple[Rejection, Any]]:
    """Return each event with a rejected call, and the first rejection of its calls."""
    first: dict[int, tuple[Rejection, Any]] = {}
    for rejection in rejections:
        origin = origins[rejection.index]
        first.setdefault(id(origin), (rejection, origin))
    return list(first.values())


def _rejection_detail(rejection: Rejection) -> str:
    status = f"{rejection.status}: " if rejection.status else ""
    return f"{status}{rejection.detail}"


def _occurrences(source: Source, result: TransformResult) -> Counter[str]:
    """Count the occurrences of each event that the transformer did not reject."""
    if not result.repeated:  # spares decoding again
        return Counter()
    counts = Counter(_identity_key(item) for item in items_of(source))
    counts.subtract(_identity_key(rejected.raw) for rejected in result.rejected)
    return counts


def _identity_key(item: Any) -> str:
    return event_id(item) or DeadRecord.of(item, "", "", UNKNOWN_TIME).key
