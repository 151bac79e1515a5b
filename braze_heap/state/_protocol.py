"""Protocols of stores of state, and operations on every dead letter."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import IO, Final, NamedTuple, Protocol

import attrs

from braze_heap.state._record import DeadRecord


class DeadLetter(Protocol):
    """A store of records. Thread-safe."""

    def append(self, records: Sequence[DeadRecord], /) -> None:
        """
        Keep *records*. They are durable when this returns.

        A key that is already there only gets the new reason. So records that were kept
        before an error may be appended again.

        Raises:
            DeadLetterFull: There is not enough room.
            DeadLetterError: Some of them cannot be kept.
        """
        ...

    def read(self) -> Iterator[DeadRecord]:
        """
        Return the records, as far as possible the oldest first. They may be forgotten
        during iteration.
        """
        ...

    def forget(self, keys: Iterable[str], /) -> None:
        """Remove the records with these keys. Unknown keys are ignored."""
        ...

    def ready(self) -> None:
        """
        Check whether the next records can be kept, such as for ``/readyz``.

        Raises:
            DeadLetterError: They cannot.
        """
        ...

    def close(self) -> None:
        """Release all resources. A second call does nothing."""
        ...


class BackfillKey(NamedTuple):
    """
    Backfills that share their progress, of which only one may run.

    Attributes:
        destination: Kind of sink, host and app; see `Sink`.
        url: URL of the bucket or container, or the root of the local files.
    """

    destination: str
    url: str


@attrs.frozen
class Position:
    """
    Delivered part of one version of an object.

    Attributes:
        url: URL of the object.
        version: See `StoredObject.version`.
        size: Size of the object in bytes.
        events: Number of events from its start that the sink has decided about.
        is_done: Whether these are all events of the object.
    """

    url: str
    version: str
    size: int
    events: int
    is_done: bool = False


class Progress(Protocol):
    """
    A store of positions. Thread-safe.

    `braze_heap.testing.check_progress` tests this contract.
    """

    def positions(self, backfill: BackfillKey, /) -> Iterator[Position]:
        """Return the newest position in each version of an object, in any order."""
        ...

    def commit(self, backfill: BackfillKey, positions: Sequence[Position], /) -> None:
        """
        Note *positions*, all or none, in place of earlier ones in the same versions.

        They are durable when this returns.

        Raises:
            ProgressError: They cannot be noted.
        """
        ...

    def lock(self, backfill: BackfillKey, /) -> AbstractContextManager[None]:
        """
        Prevent the same backfill in any other process or thread, inside the block.

        The lock of a process that dies is released.

        Raises:
            ProgressError: Another one is running.
        """
        ...

    def close(self) -> None:
        """Release all resources. A second call does nothing."""
        ...


class _Discard:
    """A dead letter that keeps nothing."""

    def __repr__(self) -> str:
        return "DISCARD"

    def append(self, records: Sequence[DeadRecord], /) -> None: ...

    def read(self) -> Iterator[DeadRecord]:
        return iter(())

    def forget(self, keys: Iterable[str], /) -> None: ...

    def ready(self) -> None: ...

    def close(self) -> None: ...


DISCARD: Final[DeadLetter] = _Discard()
"""
No dead letter: events that cannot be delivered are counted and **lost**. For dry runs,
and if you have the events elsewhere.
"""


def call_plain(method: Callable[..., object], *arguments: object) -> None:
    """
    Call a *method* of a store that returns nothing.

    Raises:
        TypeError: It returned an awaitable, so it did nothing.
    """
    if inspect.isawaitable(method(*arguments)):
        name = getattr(method, "__name__", "a method")
        raise TypeError(f"{name} is called without await, but is async")


@attrs.frozen
class Stats:
    """
    Counts of a dead letter.

    Attributes:
        by_reason: Number of records by reason.
        size: Bytes of the originals.
        oldest: Time of the oldest record, UTC.
        newest: Time of the newest record, UTC.
        by_destination: Number of records by `DeadRecord.destination`.
    """

    by_reason: Mapping[str, int]
    size: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    by_destination: Mapping[str, int] = attrs.field(factory=dict)

    @classmethod
    def of(
        cls, groups: Iterable[tuple[str, str, int, int, datetime, datetime]]
    ) -> Stats:
        """
        Return the sum of *groups* of records.

        Args:
            groups: Reason, destination, number, bytes, oldest and newest time of each.
        """
        reasons, destinations = Counter[str](), Counter[str]()
        size, times = 0, list[datetime]()
        for reason, destination, number, bytes_, oldest, newest in groups:
            reasons[reason] += number
            destinations[destination] += number
            size += bytes_
            times = [min([oldest, *times]), max([newest, *times])]
        return cls(
            dict(sorted(reasons.items())),
            size,
            min(times, default=None),
            max(times, default=None),
            dict(sorted(destinations.items())),
        )

    @property
    def records(self) -> int:
        """Number of records."""
        return sum(self.by_reason.values())


def stats(dead_letter: DeadLetter) -> Stats:
    """Return the counts of *dead_letter*. Reads all of it."""
    return Stats.of(
        (r.reason, r.destination, 1, len(r.original), r.at, r.at)
        for r in dead_letter.read()
    )


def export(dead_letter: DeadLetter, stream: IO[str]) -> int:
    """
    Write every record as a line of JSON, and return the number of records.

    The output contains personal data: protect it.
    """
    count = 0
    for record in dead_letter.read():
        stream.write(f"{record.to_json()}\n")
        count += 1
    return count
