"""Progress of backfills: how much of each object a destination has received."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import attrs


class BackfillKey(NamedTuple):
    """
    One backfill.

    Attributes:
        destination: Kind of sink, host and app; see `Sink`.
        url: URL of the bucket, container or folder, without a slash at its end.
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
