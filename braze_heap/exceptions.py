"""
Errors that leave a batch undecided, by what the caller can do about them:

* DeliveryError         try again later: the events are still the caller's
  x SinkUnavailable     the sink could not decide
  x DeadLetterError     the rejected events are not on disk
    + DeadLetterFull    make room: replay, purge, or raise the cap

A mapper raises a `DeliveryError` if a lookup that it needs is down. The messages of the
errors raised here quote no value, identity or secret.
"""

from __future__ import annotations

import contextlib
from typing import Final

import attrs

__all__ = [
    "DeadLetterError",
    "DeadLetterFull",
    "DeliveryError",
    "SinkUnavailable",
]


class DeliveryError(Exception):
    """
    A batch is not decided: it is still the caller's, who can send it again.

    Sinks, dead letters and mappers raise it. A receiver answers 503, or 429 if the
    error has a true ``throttled``, and takes the seconds until the next attempt from
    ``retry_after``. `SinkUnavailable` has both attributes.
    """


@attrs.frozen
class SinkUnavailable(DeliveryError):  # noqa: N818 (the word of the contract)
    """
    The sink could not decide about a batch: all of it is to be sent again.

    What was settled before is settled; sending it again is harmless.

    Attributes:
        detail: What kept it, and what to do if that is ours to mend.
        retry_after: Seconds that the destination asks for; ``None`` if it says nothing.
        throttled: Whether we are too fast; the receiver answers 429 then, not 503.
    """

    detail: str = "the sink could not decide"
    retry_after: float | None = None
    throttled: bool = False

    def __str__(self) -> str:
        after = self.retry_after
        when = "later" if after is None else f"in {after:g} seconds"
        return f"{self.detail}; send the batch again {when}"


class DeadLetterError(DeliveryError):
    """
    The dead letter cannot be written or read.
    """


@attrs.frozen
class DeadLetterFull(DeadLetterError):  # noqa: N818 (the word of the contract)
    """
    The dead letter has reached its cap, or its disk is full.

    Attributes:
        max_bytes: The cap.
    """

    max_bytes: int

    def __str__(self) -> str:
        return (
            f"the dead letter is full ({self.max_bytes:,} bytes): "
            "replay or purge it, or raise max_bytes"
        )


def retry_after_of(error: DeliveryError) -> float | None:
    """
    Return the seconds that *error* asks to wait; ``None`` if it does not say.
    """
    seconds = getattr(error, "retry_after", None)
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return seconds if is_number else None


def name_event(error: DeliveryError, event_type: str, event_id: str) -> None:
    """
    Add a note to *error* that names the event; an earlier note of this kind is replaced
    because a mapper may raise one instance again and again.
    """
    names = f"type {event_type[:_MAX_NAME]!r}, id {event_id[:_MAX_NAME]!r}"
    others = [n for n in getattr(error, "__notes__", ()) if not n.startswith(_MAPPING)]
    with contextlib.suppress(Exception):  # an error of the user that cannot be changed
        error.__notes__ = [*others, f"{_MAPPING}{names}"]


def is_of_mapper(error: DeliveryError) -> bool:
    """
    Return whether a mapper raised *error* while it mapped an event.
    """
    notes = getattr(error, "__notes__", ())
    return any(note.startswith(_MAPPING) for note in notes)


_MAPPING: Final = "while mapping the event of "
_MAX_NAME: Final = 64
