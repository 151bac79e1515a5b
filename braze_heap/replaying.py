"""Redelivery of dead letters through today's transformer and sink."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from braze_heap._json import SentEvents
from braze_heap._wiring import check_number, check_switch, require, several
from braze_heap.exceptions import DeadLetterError
from braze_heap.pipeline import Pipeline
from braze_heap.reasons import Reason
from braze_heap.report import Report
from braze_heap.state import DeadLetter, DeadRecord
from braze_heap.state._protocol import call_plain
from braze_heap.transformer import Transformer
from braze_heap.wire import UnreadableError, decode, events_of

__all__ = ["replay"]

logger: logging.Logger = logging.getLogger("braze_heap.replaying")


def replay(
    dead_letter: DeadLetter,
    pipeline: Pipeline,
    *,
    destinations: Collection[str] | None = None,
    force: bool = False,
    batch_size: int = 100,
) -> Report:
    """
    Run the records of *dead_letter* through today's transformer and sink.

    Only records that failed at the destination of the sink are replayed, unless
    *destinations* names others. `Report.other_destinations` counts the rest. An event
    from another destination that is rejected again moves to the one of the sink.

    A record is removed only after the sink accepted its calls, or a policy skipped its
    event. An event that is rejected again, and a damaged record, stay under their keys.
    An unreadable body that can be read today may become several records. Heap keeps the
    first event of an id. So it ignores another event with the same id
    (``duplicate_id_conflict``) as a repeat.

    A record also stays, as ``mapper_missing``, if today's transformer lacks a mapper
    that the record lists. Without it, the event would get the shipped name, under the
    same idempotency key. `Report.missing_mappers` counts these mappers. Corrected and
    additional mappers do not keep a record back.

    Args:
        dead_letter: The store.
        pipeline: Today's transformer and sink, with *dead_letter* as its dead letter.
        destinations: Each `DeadRecord.destination` to replay; by default
            `Pipeline.destination`.
        force: Whether to also replay records whose mappers are missing.
        batch_size: Number of events that are sent together.

    Returns:
        The counts of the records of these destinations; those that stay are counted as
        dead-lettered.

    Raises:
        SinkUnavailable: The sink failed. Records that were delivered before are
            removed; the others stay.
        DeadLetterError: Another replay of this dead letter is running, or it failed.
        ValueError: *pipeline* has another dead letter.
        TypeError: *pipeline* is not a `Pipeline`, or *destinations* is a single text.
    """
    require("replay", "a Pipeline", pipeline, "run_batch")
    if pipeline.dead_letter is not dead_letter:
        raise ValueError("replay through a pipeline that has this dead letter")
    check_switch("force", force)
    check_number("batch_size", batch_size)
    wanted = {pipeline.destination}
    if destinations is not None:
        wanted = {*several("destinations", destinations, "destination")}
    others, lacked = Counter[str](), Counter[str]()
    report, kept = Report(), set[str]()
    lacking = _lacking(pipeline.transformer)

    def is_replayed(record: DeadRecord) -> bool:
        nonlocal report
        if record.key in kept:  # a store may return it again if it was appended again
            return False
        if record.destination not in wanted and not record.is_damaged:
            others[record.destination] += 1
            return False
        names = [] if force else lacking(tuple(record.mappers.items()))
        for name in names:
            if name not in lacked:
                logger.warning("Not replayed, the transformer has no mapper %s", name)
        lacked.update(names)
        if names:
            report += _MAPPER_MISSING
        return not names

    with _exclusive_replay(dead_letter):
        for batch in _batches(filter(is_replayed, dead_letter.read()), batch_size):
            done, keys = _replay_batch(pipeline, batch)
            done_with = [record.key for record in batch if record.key not in keys]
            call_plain(dead_letter.forget, done_with)
            kept |= keys
            report += done
    return report + Report(missing_mappers=lacked, other_destinations=others)


_MAPPER_MISSING: Final = Report(
    1, dead_lettered_by_reason={str(Reason.MAPPER_MISSING): 1}
)


def _lacking(
    transformer: Transformer,
) -> Callable[[tuple[tuple[str, str], ...]], list[str]]:
    """Return a function that returns which of some mappers *transformer* lacks."""
    # A wrapper that only has `transform` lacks all of them.
    missing = getattr(transformer, "missing_mappers", dict)

    @functools.cache
    def lacking(listed: tuple[tuple[str, str], ...]) -> list[str]:
        return [f"{key} {name}" for key, name in missing(dict(listed)).items()]

    return lacking


def _replay_batch(
    pipeline: Pipeline, records: Sequence[DeadRecord]
) -> tuple[Report, set[str]]:
    """Return the report of *records*, and the keys of the records that stay."""
    sources: list[Any] = []
    damaged: list[DeadRecord] = []
    for record in records:
        try:
            sources.append(record.source())
        except DeadLetterError as error:
            logger.error("Not replayed: %s", error)
            damaged.append(record)
    if len(sources) == 1 and isinstance(sources[0], bytes):
        sources = _events_in(sources[0])
        damaged = [] if sources else [*records]
    reasons = Counter(
        str(Reason.DAMAGED_RECORD) if record.format == "json" else record.reason
        for record in damaged
    )
    report = Report(len(damaged), dead_lettered_by_reason=dict(reasons))
    kept = {record.key for record in damaged}
    if sources:
        stored = frozenset(record.key for record in records)
        result = pipeline.run_batch(SentEvents(sources), stored_keys=stored)
        report = result.report + report
        kept |= {record.key for record in result.records}
    return report, kept


def _events_in(body: bytes) -> list[Any]:
    """Return the events of *body*; an empty list if it is still unreadable."""
    try:
        return events_of(decode(body))
    except UnreadableError:
        # A new record would lose the name of the file and the place of the damage.
        return []


_RUNNING: Final[dict[int, object]] = {}
"""Replays that run in this process, by the `id` of their store."""


@contextlib.contextmanager
def _exclusive_replay(dead_letter: DeadLetter) -> Iterator[None]:
    """
    Raise if another replay of *dead_letter* is running; in any process, if the store
    has a method ``replay_lock`` as `SqliteDeadLetter.replay_lock`.
    """
    token = object()
    if _RUNNING.setdefault(id(dead_letter), token) is not token:
        raise DeadLetterError("another replay of this dead letter is running")
    try:
        with getattr(dead_letter, "replay_lock", contextlib.nullcontext)():
            yield
    finally:
        del _RUNNING[id(dead_letter)]


def _batches(
    records: Iterable[DeadRecord], size: int
) -> Iterator[Sequence[DeadRecord]]:
    """Yield *records* in batches. Each body is a batch of its own."""
    for is_event, group in itertools.groupby(records, lambda r: r.format == "json"):
        most = size if is_event else 1
        waiting = iter(group)
        while batch := list(itertools.islice(waiting, most)):
            yield batch
