"""
What can go wrong on the way out, by what the caller can do about it:

* DeliveryError
  x SinkUnavailable     try again later: nobody decided, the events are still yours
  x DeadLetterError     try again later: the rejected events are not on disk
    + DeadLetterFull    make room: replay, purge, or raise the cap
* SinkSpecError         fix the configuration

None of them quotes a value, an identity or a secret.
"""

from __future__ import annotations

import attrs

__all__ = [
    "DeadLetterError",
    "DeadLetterFull",
    "DeliveryError",
    "SinkSpecError",
    "SinkUnavailable",
]


class DeliveryError(Exception):
    """
    The events could not be handed over. They are still the caller's.
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
        used_bytes: How much of it is used; ``None`` if that is not known.
        free_bytes: Free bytes of the disk, if the disk is what is full; else ``None``.
        needed_bytes: About how many free bytes the failed operation needs.
    """

    max_bytes: int
    used_bytes: int | None = None
    free_bytes: int | None = None
    needed_bytes: int = 0

    def __str__(self) -> str:
        if self.free_bytes is not None:
            return (
                f"the disk of the dead letter is full: {self.free_bytes:,} bytes are "
                f"free, about {self.needed_bytes:,} are needed. Free them; or stop "
                "what uses the dead letter and move it, with its -wal file, to a "
                "larger disk"
            )
        used = self.max_bytes if self.used_bytes is None else self.used_bytes
        return (
            f"the dead letter is full: {used:,} of {self.max_bytes:,} bytes are used, "
            f"{self.needed_bytes:,} more are needed. Replay or purge it, or raise its "
            "cap (max_bytes, --max-bytes)"
        )


@attrs.frozen
class SinkSpecError(ValueError):
    """
    A text that names no sink.

    Attributes:
        detail: What is wrong with it, and what would be right. Never an option's value.
    """

    detail: str

    def __str__(self) -> str:
        return self.detail
