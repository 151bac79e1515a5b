"""
The generic mapping: any event, any mapper, every option, one step after the other.

It takes what the compiled mapping declines, and is its oracle in the tests.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

import attrs

from braze_heap._errors import describe_exception
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.exceptions import DeliveryError
from braze_heap.heap._encoder import PropertyEncoder, UnsupportedValueError
from braze_heap.heap.calls import (
    Call,
    DeleteUser,
    Track,
    timestamp,
    to_idempotency_key,
)
from braze_heap.mappers import Registration
from braze_heap.mappers._copies import copy_of
from braze_heap.mappers._names import is_shipped
from braze_heap.mappers._registry import origin_of
from braze_heap.mappers._standard import is_machine
from braze_heap.mapping._batch import Batch, Outcome
from braze_heap.mapping._policies import Policies
from braze_heap.parsing import (
    EventError,
    EventParser,
    Problem,
    epoch_seconds,
    exact_time,
)
from braze_heap.payloads import (
    HeapEvent,
    HeapUserDeletion,
    HeapUserProperties,
    Payload,
    ReturnValueError,
    StandardEvent,
    payloads_of,
)
from braze_heap.policies.identity import IdentityError
from braze_heap.policies.local_time import local_time
from braze_heap.reasons import Reason, SkipReason
from braze_heap.report import InvalidField
from braze_heap.wire import RawEvent, Unreadable

_MAX_SOURCE: Final = 300
"""Characters of the name of a file in a detail; the end tells one from another."""


@attrs.frozen
class _Context:
    """What all calls of one event share; *local_time* are properties."""

    event: CurrentsEvent
    identity: str
    local_time: Mapping[str, Any]


class GenericMapping:
    """
    Maps events one by one.

    Args:
        policies: What to do with them.
    """

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._parse = EventParser(policies.options.event_types).parse
        module = getattr(policies.identity.function, "__module__", "")
        self._identity_is_ours = module == "braze_heap.policies.identity"

    def map(self, item: Any, batch: Batch) -> None:
        """
        Add the calls of *item*, an event in any form, or the reason for none.

        Raises:
            DeliveryError: A mapper, or the function for identities, raised it.
        """
        try:
            event = self.typed(item)
            if event.id in batch.seen:
                return self._repeat(event, item, batch)
            event_id = event.id
            outcome = self._map(event, item, batch)
            batch.seen[event_id] = item
            if outcome is not None:
                batch.outcomes[event_id] = outcome
        except EventError as error:
            batch.reject(error.reason, str(error), item)
        except DeliveryError:
            raise
        except Exception as error:
            batch.reject(Reason.INTERNAL_ERROR, describe_exception(error), item)

    def typed(self, item: Any) -> CurrentsEvent:
        """
        Return *item* as an event that may be changed.

        Raises:
            EventError: It is not an event.
        """
        if isinstance(item, Unreadable):
            flaw = f"is unreadable at byte {item.offset:,}: {item.detail}"
            name = item.source[-_MAX_SOURCE:] or "source"
            raise EventError((Problem(name, flaw, item.reason),))
        if isinstance(item, CurrentsEvent):
            if epoch_seconds(item.time) is None:
                raise EventError((Problem("time", "is unfit", Reason.BAD_TIME),))
            return copy.copy(item)
        if isinstance(item, RawEvent):
            return self._parse(item.value, item.event_type)
        return self._parse(item)

    def _repeat(self, event: CurrentsEvent, item: Any, batch: Batch) -> None:
        if _is_same(self.typed(batch.seen[event.id]), event):
            batch.repeat(event)
        else:
            detail = (
                "an earlier event of the batch has this id and another content "
                "(the test samples that Braze publishes share one id)"
            )
            batch.reject(Reason.DUPLICATE_ID_CONFLICT, detail, item, event)

    def _map(self, event: CurrentsEvent, item: Any, batch: Batch) -> Outcome:
        """Add the calls of *event*; return the reason if there is none."""
        policies = self._policies
        batch.result.types.append(event.event_type)
        if event.extra or type(event) is UnknownEvent:
            batch.count_unknown(event)
        try:
            own = event if self._identity_is_ours else copy_of(event)
            identity = policies.identity.identity_of(own)
        except IdentityError as error:
            return batch.reject_identity(error, item, event)
        except DeliveryError as error:
            identify = policies.identity.function
            return batch.put_off(error, identify, origin_of(identify), item, event)
        if not self._identity_is_ours:
            batch.note_success(policies.identity.function, event)

        entry = policies.mappers.registration_for(event)
        custom = policies.custom_of(event) if policies.customs else None
        if entry is None and custom is None:
            return batch.skip(SkipReason.NOT_MAPPED, event)
        if policies.options.machines == "drop" and is_machine(event.__dict__):
            return batch.skip(SkipReason.MACHINE, event)
        zone = event.timezone if policies.options.local_time else None
        context = _Context(event, identity, local_time(event.time, zone))
        batch.result.redacted_fields += policies.redaction.apply(event)
        if custom is None:
            return self._call(entry, event, context, item, batch)
        try:
            typed = custom.read(event)
        except DeliveryError as down:  # a converter of the class looks something up
            own_entry = custom.entry
            return batch.put_off(down, own_entry.mapper, own_entry.origin, item, event)
        if isinstance(typed, InvalidField):
            batch.result.invalid[typed] += 1
            return self._call(entry, event, context, item, batch)
        return self._call(custom.entry, typed, context, item, batch)

    def _call(
        self,
        entry: Registration | None,
        given: Any,
        context: _Context,
        item: Any,
        batch: Batch,
    ) -> Outcome:
        """
        Call the mapper of *entry* with *given*: the event, or its typed properties.
        """
        event = context.event
        if entry is None:
            return batch.skip(SkipReason.NOT_MAPPED, event)
        if error := batch.down.get(id(entry.mapper)):
            return batch.put_off(error, entry.mapper, entry.origin, item, event)
        statements = len(batch.user_properties)
        try:
            if given is event and not is_shipped(entry):
                given = copy_of(event)
            calls = self._calls(payloads_of(entry.mapper(given)), context, batch)
        except DeliveryError as error:
            return batch.put_off(error, entry.mapper, entry.origin, item, event)
        except Exception as error:
            del batch.user_properties[statements:]
            is_ours = isinstance(error, ReturnValueError | UnsupportedValueError)
            flaw = str(error) if is_ours else describe_exception(error)
            detail = f"{entry.origin}: {flaw}"
            return batch.reject(Reason.MAPPER_ERROR, detail, item, event)
        batch.note_success(entry.mapper, event)
        if not calls:
            return batch.skip(SkipReason.NOT_MAPPED, event)
        batch.add(calls)
        return None

    def _calls(
        self, payloads: list[Payload], context: _Context, batch: Batch
    ) -> list[Call]:
        is_deletion = any(isinstance(p, HeapUserDeletion) for p in payloads)
        if is_deletion and self._policies.options.deletions:
            return [DeleteUser(context.identity)]
        calls: list[Call] = []
        for payload in payloads:
            if isinstance(payload, HeapEvent):
                event_id = context.event.id
                key = f"{event_id}:{len(calls) + 1}" if calls else event_id
                calls.append(self._track(payload, key, context, batch.encoder))
            elif isinstance(payload, HeapUserProperties):
                stated, time = payload.properties, exact_seconds(context.event)
                event_id, identity = context.event.id, context.identity
                if call := batch.call_of(stated, identity, time, event_id):
                    calls.append(call)
        return calls

    def _track(
        self,
        payload: HeapEvent,
        key: str,
        context: _Context,
        encoder: PropertyEncoder,
    ) -> Track:
        event, naming = context.event, self._policies.naming
        legal = encoder.properties({**context.local_time, **payload.properties})
        if isinstance(payload, StandardEvent):
            legal = naming.properties(legal, encoder)
        named = copy_of(event) if callable(naming.event_names) else event
        return Track(
            encoder.text(naming.event_name(payload, named)),
            context.identity,
            timestamp(exact_seconds(event)),
            to_idempotency_key(key),
            {**self._policies.fixed, **legal},
        )


def exact_seconds(event: CurrentsEvent) -> float:
    """Return the time of *event* in UTC epoch seconds, as exactly as it is known."""
    exact = event.extra.get("/time", event.__dict__.get("time_ms"))
    return exact_time(event.time, exact)


def _is_same(first: CurrentsEvent, second: CurrentsEvent) -> bool:
    """
    Return whether two typed events with the same id are equal.

    The form of the id and of the time, such as 5 or "5", makes no difference.
    """
    if type(first) is not type(second):
        return False
    if exact_seconds(first) != exact_seconds(second):
        return False
    contents = [
        event.__dict__
        | {"extra": {k: v for k, v in event.extra.items() if k not in _ENVELOPE_KEYS}}
        for event in (first, second)
    ]
    return _is_equal(*contents)


_ENVELOPE_KEYS: Final = ("/id", "/time")
"""Keys of ``extra`` for an id or a time that is not written as Braze writes it."""


def _is_equal(first: Any, second: Any) -> bool:
    """Return whether two JSON values are equal: true is not 1, and NaN is NaN."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(
            _is_equal(value, second[name]) for name, value in first.items()
        )
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_is_equal, first, second))
    if isinstance(first, bool) is not isinstance(second, bool):
        return False
    return bool(first == second or (first != first and second != second))
