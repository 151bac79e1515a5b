"""
Batches of events to calls: compiled functions first, the generic mapping after.

The compiled functions take an envelope: the three forms of a usual event in one. The
generic mapping reads all other events, and explains what is wrong with them.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from braze_heap._errors import describe_exception
from braze_heap._json import UncheckedEvents
from braze_heap._json_limits import within_fast_limits
from braze_heap._outage import MapperOutages
from braze_heap.events import CurrentsEvent
from braze_heap.events._field_types import shortest_float32
from braze_heap.events._schema import cached_by_class, schema_of
from braze_heap.heap._encoder import PropertyEncoder
from braze_heap.heap.calls import MAX_IDENTITY, Track
from braze_heap.mapping._batch import Batch
from braze_heap.mapping._compiled import MapEvent, compile_mapping
from braze_heap.mapping._generic import GenericMapping
from braze_heap.mapping._policies import Policies
from braze_heap.parsing import YEAR_2100
from braze_heap.reasons import SkipReason
from braze_heap.results import Origins, Skipped, TransformResult
from braze_heap.wire import RawEvent

_log: Final = logging.getLogger("braze_heap")

RAISE_ERRORS: bool = False
"""Whether exceptions in compiled functions are raised, as in the tests."""


class BatchMapping:
    """Maps batches, by *policies*. Usable from threads."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._compiled = _CompiledMappings(policies)
        self._failed: set[str] = set()
        self.generic = GenericMapping(policies)

    def __reduce__(self) -> tuple[Any, ...]:
        return BatchMapping, (self._policies,)

    def map(self, items: list[Any], outages: MapperOutages | None) -> TransformResult:
        """
        Map *items*.

        Args:
            items: Events in any form. All of `UncheckedEvents` are exact afterwards.
            outages: See `Batch`.

        Raises:
            DeliveryError: A lookup is down: send the batch again.
            UnreadableError: *items* are `UncheckedEvents` over the limits of `decode`.
        """
        unchecked = items if type(items) is UncheckedEvents else None
        options = self._policies.options
        encoder = PropertyEncoder(options.nested, options.lists)
        encoder.legal_names = self._policies.legal_names
        batch = Batch(encoder, outages=outages)
        result, seen, compiled = batch.result, batch.seen, self._compiled
        result.received, origins = len(items), batch.origins
        event_types = options.event_types
        event_id = event_type = ""
        for number, item in enumerate(items):
            made = None
            envelope = _read_envelope(item, event_types)
            if envelope is not None:
                event_type, event_id, time, user, properties = envelope
                map_event = compiled[event_type]
                if map_event is not None and event_id not in seen:
                    try:
                        made = map_event(event_id, time, user, properties, batch)
                    except Exception as error:
                        self._note_failure(event_type, error, result)
            if made is None:
                if unchecked is not None and not within_fast_limits(item):
                    item = unchecked[number] = unchecked.body.exact(number)
                batch.number = number
                self.generic.map(item, batch)
                continue
            seen[event_id] = item
            result.types.append(event_type)
            if type(made) is Track:
                result.calls.append(made)
                origins.append(number)
            elif type(made) is SkipReason:
                skipped = Skipped(made, event_type, event_id)
                result.skipped.append(skipped)
                batch.outcomes[event_id] = skipped
            elif type(made) is list:
                batch.number = number
                batch.add(made)
        batch.check_decided()
        outdated = batch.drop_outdated_user_properties(items)
        read = items.__getitem__ if unchecked is None else unchecked.body.exact
        result.origins = Origins(batch.origins, read)
        result.outdated_origins = Origins(outdated, read)
        return result

    def _note_failure(
        self, event_type: str, error: Exception, result: TransformResult
    ) -> None:
        """Count an exception of a compiled function, a bug, and log the first one."""
        if RAISE_ERRORS:
            raise error
        result.compiled_errors[event_type] += 1
        if event_type not in self._failed:
            self._failed.add(event_type)
            _log.error(
                "The compiled mapping of %s failed, and the generic mapping took the "
                "event. This is a bug of braze_heap: please report it. %s",
                event_type,
                describe_exception(error),
                exc_info=error,
            )


class _CompiledMappings(dict[str, MapEvent | None]):
    """Event type to its compiled function, made for the first event."""

    def __init__(self, policies: Policies) -> None:
        super().__init__()
        self._policies = policies

    def __missing__(self, event_type: str) -> MapEvent | None:
        cls = self._policies.options.event_types.get(event_type)
        if cls is None:  # an unknown type; there may be any number
            return None
        is_own_type = cls.event_type == event_type
        self[event_type] = compile_mapping(cls, self._policies) if is_own_type else None
        return self[event_type]


Envelope: TypeAlias = tuple[str, str, int, dict[str, Any], dict[str, Any]]
"""
Event type, id, UTC epoch seconds, fields of the user, properties.

The id is not empty, and a legal idempotency key as it is.
"""


def _read_envelope(
    item: Any, event_types: Mapping[str, type[CurrentsEvent]]
) -> Envelope | None:
    """
    Return the envelope of *item*, an event in any form; ``None`` if it is unusual.

    Args:
        item: The event. It is not changed, and the envelope may share its dicts.
        event_types: The event classes by type.
    """
    if type(item) is dict:
        raw: Any = item
    elif type(item) is RawEvent:
        raw, event_type = item.value, item.event_type
        if type(raw) is dict and "event_type" not in raw:
            cls = event_types.get(event_type) if event_type else None
            return _of_storage(raw, str(event_type), cls) if cls else None
    else:
        is_typed = isinstance(item, CurrentsEvent)
        return _of_typed(item, event_types) if is_typed else None
    if type(raw) is not dict or len(raw) != 5:
        return None
    try:
        event_type, event_id, time = raw["event_type"], raw["id"], raw["time"]
        user, properties = raw["user"], raw["properties"]
    except KeyError:
        return None
    is_envelope = type(event_type) is str and type(user) is dict is type(properties)
    if is_envelope and _is_usual(event_id, time):
        return event_type, event_id, time, user, properties
    return None


def _of_typed(
    event: CurrentsEvent, event_types: Mapping[str, type[CurrentsEvent]]
) -> Envelope | None:
    properties = event.__dict__.copy()
    cls, event_id, time = type(event), properties.pop("id"), properties.pop("time")
    is_known = event_types.get(event.event_type) is cls and "extra" not in properties
    if not is_known or not _is_usual(event_id, time):
        return None
    names = schema_of(cls).names_in("user")
    user = {name: properties.pop(name) for name in names & properties.keys()}
    return event.event_type, event_id, time, user, properties


def _of_storage(
    record: dict[str, Any], event_type: str, cls: type[CurrentsEvent]
) -> Envelope | None:
    """Return the envelope of a storage record without Avro unions."""
    if "user" in record:
        return None
    columns = _columns_of(cls)
    user: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for stored, value in record.items():
        if value is None:
            if stored not in columns:
                return None
            continue
        kind = type(value)
        if kind is dict:  # may be a union
            return None
        name, is_user, is_float = columns.get(stored, (stored, False, False))
        if kind is float and is_float:
            value = shortest_float32(value)
        elif kind is list and not _TEXTS.issuperset(map(type, value)):
            return None
        fields = user if is_user else properties
        if name in fields:
            return None
        fields[name] = value
    event_id, time = properties.pop("id", None), properties.pop("time", None)
    if not _is_usual(event_id, time):
        return None
    return event_type, event_id, time, user, properties


def _is_usual(event_id: Any, time: Any) -> bool:
    """Return whether *event_id* and *time* are what Braze sends."""
    return (
        type(event_id) is str
        and event_id != ""
        and len(event_id) <= MAX_IDENTITY
        and event_id.isascii()
        and event_id.isprintable()
        and type(time) is int
        and 0 < time < YEAR_2100
    )


_TEXTS: Final = frozenset((str,))


@cached_by_class
def _columns_of(cls: type[CurrentsEvent]) -> Mapping[str, tuple[str, bool, bool]]:
    """
    Return the columns of storage records of *cls*, by name.

    Each has the name of its field, whether it describes the user, and whether it has
    floats of 32 bits.
    """
    schema = schema_of(cls)
    return {
        stored: (
            name,
            schema.places[name] == "user",
            schema.kinds[name].name == "float",
        )
        for stored, name in schema.storage_names.items()
    }
