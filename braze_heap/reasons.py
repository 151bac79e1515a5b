"""
Reasons why an event did not become a Heap call.

The values are stable: they are keys of reports, of dead letters and of metrics.
"""

from enum import StrEnum

__all__ = ["Reason", "SkipReason"]


class Reason(StrEnum):
    """Reason why an event was rejected or kept. Sending it again does not help."""

    NOT_AN_OBJECT = "not_an_object"
    """An element of the batch is not a JSON object."""

    BAD_EVENT_TYPE = "bad_event_type"
    """``event_type`` is missing, not text, blank, or over 1,023 UTF-16 units."""

    BAD_USER = "bad_user"
    """``user`` is neither an object nor null."""

    BAD_PROPERTIES = "bad_properties"
    """``properties`` is neither an object nor null."""

    BAD_TIME = "bad_time"
    """``time`` is missing, not a number, not positive, or from 2100 on."""

    BAD_IDENTITY = "bad_identity"
    """It is a placeholder, or several people may share it: Heap would merge them."""

    IDENTITY_TOO_LONG = "identity_too_long"
    """The identity has over 255 UTF-16 units. Truncated, it would merge people."""

    DUPLICATE_ID_CONFLICT = "duplicate_id_conflict"
    """An earlier event of the batch has the same id but different content."""

    MAPPER_ERROR = "mapper_error"
    """The mapper raised, or returned something that is not a payload."""

    MAPPER_UNAVAILABLE = "mapper_unavailable"
    """
    A lookup of the mapper failed for this event for an hour while it worked for others;
    or for all events for 72 hours.
    """

    INTERNAL_ERROR = "internal_error"
    """An unexpected error while the event was read or mapped: please report it."""

    UNREADABLE = "unreadable"
    """
    The bytes are not JSON or Avro with events, or beyond a limit. In a file, everything
    before them was read.
    """

    REJECTED_BY_HEAP = "rejected_by_heap"
    """Heap rejects the call, also when it is sent on its own."""

    SINK_DOWN = "sink_down"
    """The sink could not decide for 72 hours."""

    MAPPER_MISSING = "mapper_missing"
    """A replay kept the record: a mapper that it lists is not in the transformer."""

    DAMAGED_RECORD = "damaged_record"
    """The dead letter cannot read the record, or all of it."""


class SkipReason(StrEnum):
    """Reason why nothing of an event is sent, by a policy of yours."""

    NO_IDENTITY = "no_identity"
    """
    The event has no identity: it is missing, null, empty or blank. The option
    ``identity`` chooses the field.
    """

    NOT_MAPPED = "not_mapped"
    """The event has no mapper, or its mapper returned nothing."""

    EXCLUDED = "excluded"
    """The options ``include`` and ``exclude`` do not select the event."""

    SUPPRESSED = "suppressed"
    """The option ``suppress`` names the identity."""

    SAMPLED = "sampled"
    """The person is not in the sample of the option ``sample``."""

    MACHINE = "machine"
    """``machines="drop"``: a machine opened the email, or is suspected of the click."""

    OUTDATED = "outdated"
    """Newer values replace the user properties that the event states."""

    USER_PROPERTIES = "user_properties"
    """The event states user properties, and the backfill sends none."""
