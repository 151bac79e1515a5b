"""Batches of events to calls: compiled functions first, the generic mapping after."""

import logging
from typing import Any, Final

from braze_heap._errors import describe_exception
from braze_heap._json import UncheckedEvents
from braze_heap._json_limits import within_fast_limits
from braze_heap._outage import MapperOutages
from braze_heap.heap._encoder import PropertyEncoder
from braze_heap.heap.calls import Track
from braze_heap.mapping._batch import Batch
from braze_heap.mapping._compiled import MapEvent, compile_mapping
from braze_heap.mapping._envelopes import read_envelope
from braze_heap.mapping._generic import GenericMapping
from braze_heap.mapping._policies import Policies
from braze_heap.reasons import SkipReason
from braze_heap.results import Origins, Skipped, TransformResult

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
            envelope = read_envelope(item, event_types)
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
