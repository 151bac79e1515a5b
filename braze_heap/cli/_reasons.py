"""
What reports say about reasons and changes: what it means, and what to do.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from braze_heap import AddUserProperties, Call, DeleteUser, Track
from braze_heap.heap.calls import Adjustment
from braze_heap.reasons import Reason, SkipReason

CALLS: Final[Mapping[type[Call], str]] = MappingProxyType(
    {
        Track: "event",
        AddUserProperties: "update of user properties",
        DeleteUser: "deletion",
    }
)
"""What a call is to a reader."""

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        SkipReason.NO_IDENTITY: (
            "The event names nobody whom Heap could know. "
            "With --identity user_id, Braze's own id of the profile names them."
        ),
        SkipReason.NOT_MAPPED: "The mapping leaves these events out on purpose.",
        SkipReason.MACHINE: "A machine opened or clicked, and machines are left out.",
        Reason.SINK_DOWN: "The sink did not answer for 72 hours.",
        Reason.NOT_AN_OBJECT: "An element of the batch is no event at all.",
        Reason.BAD_EVENT_TYPE: (
            "The type is missing or no text. "
            "Records from storage do not carry it: name it with --event-type."
        ),
        Reason.BAD_USER: "The user is no object.",
        Reason.BAD_PROPERTIES: "The properties are no object.",
        Reason.BAD_TIME: "There is no usable time: UTC epoch seconds up to 2099.",
        Reason.BAD_IDENTITY: (
            "The identity is a placeholder, or not the id of one person. "
            "Heap would merge all users who share it, and cannot undo that."
        ),
        Reason.IDENTITY_TOO_LONG: (
            "The identity has over 255 characters. Cutting it would merge people."
        ),
        Reason.DUPLICATE_ID_CONFLICT: (
            "An earlier event has the same id and another content."
        ),
        Reason.MAPPER_ERROR: "The mapping rule failed on the event: fix the rule.",
        Reason.MAPPER_UNAVAILABLE: (
            "A lookup of the mapper failed for an hour, or for all events for 72 hours."
        ),
        Reason.INTERNAL_ERROR: "A fault of braze_heap: please report it.",
        Reason.UNREADABLE: (
            "Damaged, or neither JSON nor Avro. Everything before it was read."
        ),
        Reason.MAPPER_MISSING: (
            "The mapping that they were sent through is not there today. Name it with "
            "--transformer, or replay with --force."
        ),
        Reason.DAMAGED_RECORD: (
            "The dead letter cannot read them. "
            "`dead-letters show KEY --original` prints what is left."
        ),
        Reason.REJECTED_BY_HEAP: "Heap refuses the call, also when it is sent alone.",
    }
)
"""Every reason for which an event makes no call."""

ADJUSTMENTS: Final[Mapping[Adjustment, str]] = MappingProxyType(
    {
        Adjustment.CUT: "texts, names or lists cut to 1,023 characters",
        Adjustment.RENAMED: "names that were empty, reserved by Heap, or taken",
        Adjustment.CHARACTERS: "texts with characters that Heap does not take",
        Adjustment.NUMBER_AS_TEXT: "numbers beyond 2^53, infinite or NaN, now text",
        Adjustment.TOO_MANY: "properties beyond the first 1,000 of an event",
    }
)
"""Every way in which a value was changed to be legal for Heap."""


def meaning(reason: str) -> str:
    """
    Return what *reason* means; a sink can have words of its own.
    """
    return REASONS.get(reason, "A word of the sink's own.")
