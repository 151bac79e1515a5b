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

from collections.abc import Mapping

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
        detail: The cause, and what to do about it. It is logged, so it holds no value
            of an event.
        retry_after: Seconds that the destination asks for; ``None`` if it says nothing.
        throttled: Whether we are too fast; the receiver answers 429 then, not 503.
        misconfigured: Whether the configuration is at fault: waiting alone is no help.
        facts: The same cause for machines: ``host``, ``error`` (a class), ``errno``,
            ``status``, as far as they are known. Logged too.
        answer: Text of the destination's answer, redacted. Not logged.
    """

    detail: str = "the sink could not decide"
    retry_after: float | None = None
    throttled: bool = False
    misconfigured: bool = False
    facts: Mapping[str, str | int] = attrs.field(factory=dict)
    answer: str = ""

    def __str__(self) -> str:
        after = self.retry_after
        when = "later" if after is None else f"in {after:g} seconds"
        return f"{self.detail}{self.answer}; send the batch again {when}"


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
