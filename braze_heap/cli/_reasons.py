"""Meanings of the reasons and adjustments in reports."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from braze_heap import AddUserProperties, Call, DeleteUser, Track
from braze_heap.heap._encoder import Adjustment
from braze_heap.reasons import Reason, SkipReason

CALLS: Final[Mapping[type[Call], str]] = MappingProxyType(
    {
        Track: "event",
        AddUserProperties: "update of user properties",
        DeleteUser: "deletion",
    }
)
"""Name of each kind of call in reports."""

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        SkipReason.NO_IDENTITY: (
            "The event has no identity. "
            "--identity user_id uses Braze's own id of the profile."
        ),
        SkipReason.NOT_MAPPED: "The mapping skips these events on purpose.",
        SkipReason.MACHINE: "A machine opened or clicked, and machines are skipped.",
        SkipReason.OUTDATED: (
            "They only state user properties, and newer events state these too."
        ),
        Reason.SINK_DOWN: "The sink did not answer for 72 hours.",
        Reason.NOT_AN_OBJECT: "One entry of the batch is not an object.",
        Reason.BAD_EVENT_TYPE: (
            "event_type is missing or not a string. "
            "Records from storage do not carry it: name it with --event-type."
        ),
        Reason.BAD_USER: "user is not an object.",
        Reason.BAD_PROPERTIES: "properties is not an object.",
        Reason.BAD_TIME: "time is not between 1970 and 2100, in UTC epoch seconds.",
        Reason.BAD_IDENTITY: (
            "The identity is a placeholder, or not the id of one person. "
            "Heap would merge all users who share it, and cannot undo that."
        ),
        Reason.IDENTITY_TOO_LONG: (
            "The identity has over 255 characters. Truncating it would merge people."
        ),
        Reason.DUPLICATE_ID_CONFLICT: (
            "An earlier event has the same id but different content."
        ),
        Reason.MAPPER_ERROR: "The mapper failed on the event: fix the mapper.",
        Reason.MAPPER_UNAVAILABLE: (
            "A lookup of the mapper failed for an hour, or for all events for 72 hours."
        ),
        Reason.INTERNAL_ERROR: "A bug in braze_heap: please report it.",
        Reason.UNREADABLE: (
            "Damaged, or neither JSON nor Avro. Everything before it was read."
        ),
        Reason.MAPPER_MISSING: (
            "The mappers of these events are missing. Name them with --transformer, or "
            "replay with --force."
        ),
        Reason.DAMAGED_RECORD: (
            "The dead letter cannot read them. "
            "`dead-letters show KEY --original` prints what is left."
        ),
        Reason.REJECTED_BY_HEAP: "Heap rejects the call, even in a request of its own.",
    }
)
"""Meaning of each reason for which an event has no call, and the remedy."""

ADJUSTMENTS: Final[Mapping[Adjustment, str]] = MappingProxyType(
    {
        Adjustment.TRUNCATED: "strings, names or lists truncated to 1,023 characters",
        Adjustment.RENAMED: "names that were empty, reserved by Heap, or taken",
        Adjustment.CHARACTERS: "strings with characters that Heap does not accept",
        Adjustment.NUMBER_AS_TEXT: "numbers beyond 2^53, infinite or NaN, as strings",
        Adjustment.TOO_MANY: "properties beyond the first 1,000 of an event",
    }
)
"""Meaning of each change that makes a value legal for Heap."""


def meaning(reason: str) -> str:
    """Return the meaning of *reason*; a sink can define reasons of its own."""
    return REASONS.get(reason, "Reason defined by the sink.")
