"""
Errors of sinks. Those that leave a batch undecided live in `braze_heap.exceptions`.
"""

from __future__ import annotations

import attrs

from braze_heap.exceptions import (
    DeadLetterError,
    DeadLetterFull,
    DeliveryError,
    SinkUnavailable,
)

__all__ = [
    "DeadLetterError",
    "DeadLetterFull",
    "DeliveryError",
    "SinkSpecError",
    "SinkUnavailable",
]


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
