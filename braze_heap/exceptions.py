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
import math
from collections.abc import Mapping
from typing import Any, Final

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

    def __getattr__(self, name: str) -> Any:
        # A subclass whose `__init__` does not call that of its base has the defaults.
        for field in getattr(type(self), "__attrs_attrs__", ()):
            if field.name == name:
                default = field.default
                return default.factory() if hasattr(default, "factory") else default
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


def _seconds(value: object) -> float | None:
    """Return *value* as seconds; ``None`` if it is not a number."""
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return None if math.isnan(seconds) else seconds


def _context(value: object) -> Mapping[str, str | int]:
    """Return the texts and integers in *value*; nothing if it is not a mapping."""
    given = value if isinstance(value, Mapping) else {}
    return {str(k): v for k, v in given.items() if isinstance(v, str | int)}


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
    retry_after: float | None = attrs.field(default=None, converter=_seconds)
    throttled: bool = False
    misconfigured: bool = False
    context: Mapping[str, str | int] = attrs.field(factory=dict, converter=_context)
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
        max_bytes: The cap; ``None`` if the disk is full. A store of your own may pass a
            text that says what is full.
        used_bytes: Used bytes of it; ``None`` if the disk is full.
        free_bytes: Free bytes of the disk, if it is full; else ``None``.
        needed_bytes: Free bytes that the failed operation needs, about.
    """

    max_bytes: int | str | None = None
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
        if isinstance(self.max_bytes, str):
            return self.max_bytes
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
    with contextlib.suppress(Exception):  # of a property of the user
        return _seconds(getattr(error, "retry_after", None))
    return None


def context_of(error: DeliveryError) -> Mapping[str, str | int]:
    """Return the cause for machines that *error* names; empty if it names none."""
    with contextlib.suppress(Exception):
        return _context(getattr(error, "context", None))
    return {}


def text_of(error: DeliveryError) -> str:
    """Return the message of *error*; its class if that raises."""
    with contextlib.suppress(Exception):
        return error.detail if isinstance(error, SinkUnavailable) else str(error)
    return type(error).__name__


def delivery_error_of(error: Exception) -> DeliveryError | None:
    """
    Return the `DeliveryError` that *error* is, or contains as a group, or means because
    memory is short. ``None`` if the event is at fault.
    """
    if isinstance(error, ExceptionGroup):
        found = (delivery_error_of(each) for each in error.exceptions)
        return next((each for each in found if each), None)
    if isinstance(error, MemoryError):
        return DeliveryError("there is not enough memory")
    return error if isinstance(error, DeliveryError) else None


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
