"""
Exceptions of the package, by what the caller can do.

`BrazeHeapError` is the base of all; modules define more of its kinds.

* `DeliveryError`: send the batch again later, because nothing of it is lost.
    * `SinkUnavailable`: the sink could not decide.
    * `DeadLetterError`: the rejected events are not on disk.
        * `DeadLetterFull`: make room: replay, purge, or raise the cap.
    * `LedgerError`: the ledger of user properties cannot be read or written.
* `StateError`: a store of state cannot be opened, read or written.
    * `DeadLetterError` and `LedgerError`, see above.
    * `ProgressError`: the progress of a backfill cannot be noted, or it is already
      running.
* `SinkSpecError`: correct the text that names a sink.

A mapper raises a `DeliveryError` if a lookup that it needs is down. The messages of
these exceptions quote no value, identity or secret.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Final

import attrs

__all__ = [
    "BrazeHeapError",
    "DeadLetterError",
    "DeadLetterFull",
    "DeliveryError",
    "LedgerError",
    "ProgressError",
    "SinkSpecError",
    "SinkUnavailable",
    "StateError",
]


class BrazeHeapError(Exception):
    """Base of all exceptions that this package defines."""


class StateError(BrazeHeapError):
    """A store of state, such as the state file, cannot be opened, read or written."""

    _is_damaged = False


class DeliveryError(BrazeHeapError):
    """
    Nothing of a batch is lost: the caller can send it again.

    Sinks, dead letters and mappers raise it. A receiver answers 503, or 429 if the
    error has a true ``throttled``, and takes the seconds until the next attempt from
    ``retry_after``. `SinkUnavailable` has both attributes.
    """


@attrs.frozen
class SinkUnavailable(DeliveryError):  # noqa: N818 (the word of the contract)
    """
    The sink could not decide about a batch. Send all of it again.

    Calls that were accepted before stay accepted, and sending them again is harmless.

    Attributes:
        detail: Cause, and advice. It is logged, so it contains no value of an event.
        retry_after: Seconds until the next attempt, if the destination names them.
        throttled: Whether the destination limits the rate. A receiver then answers 429
            instead of 503.
        misconfigured: Whether the configuration has to be corrected.
        context: The cause for machines, if known: ``host``, ``error`` (a class),
            ``errno``, ``status``. Logged too.
        answer: Text of the destination's answer, redacted. Not logged.
    """

    detail: str = "the sink could not decide"
    retry_after: float | None = None
    throttled: bool = False
    misconfigured: bool = False
    context: Mapping[str, str | int] = attrs.field(factory=dict)
    answer: str = ""

    def __str__(self) -> str:
        after = self.retry_after
        when = "later" if after is None else f"in {after:g} seconds"
        return f"{self.detail}{self.answer}; send the batch again {when}"


class DeadLetterError(StateError, DeliveryError):
    """The dead letter cannot be written or read."""


@attrs.frozen
class DeadLetterFull(DeadLetterError):  # noqa: N818 (the word of the contract)
    """
    The dead letter has reached its cap, or its disk is full.

    Attributes:
        max_bytes: The cap; ``None`` if the disk is full.
        used_bytes: Used bytes of it; ``None`` if the disk is full.
        free_bytes: Free bytes of the disk, if it is full; else ``None``.
        needed_bytes: Free bytes that the failed operation needs, about.
    """

    max_bytes: int | None = None
    used_bytes: int | None = None
    free_bytes: int | None = None
    needed_bytes: int = 0

    def __str__(self) -> str:
        if self.free_bytes is not None:
            return (
                f"the disk of the state file is full: {self.free_bytes:,} bytes are "
                f"free, about {self.needed_bytes:,} are needed. Free them; or stop "
                "what uses the file and move it, with its -wal file, to a larger disk"
            )
        used, cap = self.used_bytes or 0, self.max_bytes or 0
        return (
            f"the dead letter is full: {used:,} of {cap:,} bytes are used, "
            f"{self.needed_bytes:,} more are needed. Replay or purge it, or raise its "
            "cap (max_bytes, --max-bytes)"
        )


class LedgerError(StateError, DeliveryError):
    """The ledger of user properties cannot be read or written."""


class ProgressError(StateError):
    """The progress of a backfill cannot be read or noted, or it is already running."""


@attrs.frozen
class SinkSpecError(BrazeHeapError, ValueError):
    """
    A text does not name a sink.

    Attributes:
        detail: Cause and advice. Never the value of an option.
    """

    detail: str

    def __str__(self) -> str:
        return self.detail


def retry_after_of(error: DeliveryError) -> float | None:
    """Return the seconds to wait that *error* names; ``None`` if it names none."""
    seconds = getattr(error, "retry_after", None)
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return seconds if is_number else None


def name_event(error: DeliveryError, event_type: str, event_id: str) -> None:
    """
    Add a note to *error* that names the event.

    An earlier note is replaced, because a mapper may raise one instance repeatedly.
    """
    names = f"type {event_type[:_MAX_NAME]!r}, id {event_id[:_MAX_NAME]!r}"
    others = [n for n in getattr(error, "__notes__", ()) if not n.startswith(_MAPPING)]
    with contextlib.suppress(Exception):  # an error of the user that cannot be changed
        error.__notes__ = [*others, f"{_MAPPING}{names}"]


def is_of_mapper(error: DeliveryError) -> bool:
    """Return whether a mapper raised *error* while it mapped an event."""
    notes = getattr(error, "__notes__", ())
    return any(note.startswith(_MAPPING) for note in notes)


_MAPPING: Final = "while mapping the event of "
_MAX_NAME: Final = 64
