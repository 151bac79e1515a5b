"""
The generic mapping: any event, any mapper and every option, step by step.

It maps the events that the compiled mapping declines, and is its oracle in the tests.
"""

import copy
import datetime as dt
from collections.abc import Callable, Mapping, Set
from typing import Any, Final

import attrs

from braze_heap._errors import describe_exception
from braze_heap._wiring import kind_of
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.exceptions import delivery_error_of
from braze_heap.heap._encoder import Adjustment
from braze_heap.heap._json_values import UnsupportedValueError
from braze_heap.heap.calls import Call, DeleteUser, Track, timestamp, to_idempotency_key
from braze_heap.mappers import Registration
from braze_heap.mappers._names import is_shipped
from braze_heap.mappers._registry import origin_of
from braze_heap.mappers._standard import copy_of, is_machine, standard
from braze_heap.mappers.shipped import StandardWithUserProperties
from braze_heap.mapping._batch import Batch, NotSent
from braze_heap.mapping._options import Derive
from braze_heap.mapping._policies import DELETION, Policies
from braze_heap.parsing import (
    YEAR_2100,
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
    StandardUserProperties,
    described,
    payloads_of,
)
from braze_heap.policies.derived import derive
from braze_heap.policies.identity import IdentityError
from braze_heap.policies.local_time import local_time
from braze_heap.reasons import Reason, SkipReason
from braze_heap.report import InvalidField
from braze_heap.wire import RawEvent, Unreadable


@attrs.frozen
class _Context:
    """Values that all calls of one event share; *local_time* are properties."""

    event: CurrentsEvent
    identity: str
    local_time: Mapping[str, Any]


class GenericMapping:
    """Maps events one by one, by *policies*."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._parse = EventParser(policies.options.event_types).parse

    def map(self, item: Any, batch: Batch) -> None:
        """
        Add the calls of *item*, an event in any form, or the reason that it has none.

        Raises:
            DeliveryError: A mapper, or the function for identities, raised it.
        """
        batch.item = item
        try:
            event = self.typed(item)
            if event.id in batch.seen:
                return self._repeat(event, batch)
            event_id = event.id
            try:
                self._map(event, batch)
            except _OUTCOMES as error:
                batch.outcomes[event_id] = batch.note_not_sent(error, event)
            batch.seen[event_id] = item
        except EventError as error:
            batch.reject(error.reason, str(error))
        except Exception as error:
            if unavailable := delivery_error_of(error):
                raise unavailable from None
            batch.reject(Reason.INTERNAL_ERROR, describe_exception(error))

    def typed(self, item: Any) -> CurrentsEvent:
        """Return *item* as an event that may be changed, or raise `EventError`."""
        if isinstance(item, Unreadable):
            flaw = f"is unreadable at byte {item.offset:,}: {item.detail}"
            name = item.source[-300:] or "source"
            raise EventError((Problem(name, flaw, item.reason),))
        if isinstance(item, CurrentsEvent):
            if epoch_seconds(item.time) is None:
                raise EventError(
                    (Problem("time", "is not between 1970 and 2100", Reason.BAD_TIME),)
                )
            return copy.copy(item)
        if isinstance(item, RawEvent):
            return self._parse(item.value, item.event_type)
        return self._parse(item)

    def _repeat(self, event: CurrentsEvent, batch: Batch) -> None:
        if _is_same(self.typed(batch.seen[event.id]), event):
            batch.repeat(event)
        else:
            detail = (
                "an earlier event of the batch has the same id but different content "
                "(the test samples that Braze publishes share one id)"
            )
            batch.reject(Reason.DUPLICATE_ID_CONFLICT, detail, event)

    def _map(self, event: CurrentsEvent, batch: Batch) -> None:
        """Add the calls of *event*, or raise `NotSent`."""
        policies = self._policies
        batch.result.types.append(event.event_type)
        entry = policies.mappers.registration_for(event)
        custom = policies.custom_of(event) if policies.customs else None
        has_own = custom is not None and not custom.takes_event
        if not self._may_send(event.event_type, entry, has_own=has_own):
            raise NotSent(SkipReason.EXCLUDED)
        if event.extra or type(event) is UnknownEvent:
            batch.count_unknown(event)
        identity = self._identity_of(event, batch)
        is_standard = custom is None and entry is not None and is_shipped(entry)
        is_standard = is_standard and not self._is_deletion(event.event_type)
        if is_standard and (suppresses := policies.suppresses):
            with _Calling(suppresses, event, batch):
                if policies.is_suppressed(identity):
                    raise NotSent(SkipReason.SUPPRESSED)

        if entry is None and custom is None:
            raise NotSent(SkipReason.NOT_MAPPED)
        if policies.options.machines == "drop" and is_machine(event):
            raise NotSent(SkipReason.MACHINE)
        if is_standard and not self._states(event.event_type, entry):
            sampling = policies.sampling
            if sampling and not sampling.keeps(identity, event.event_type):
                raise NotSent(SkipReason.SAMPLED)
        zone = event.timezone if policies.options.local_time else None
        context = _Context(event, identity, local_time(event.time, zone))
        batch.result.redacted_fields += policies.redaction.apply(event)
        given: Any = event
        declared: Set[str] = frozenset()
        if custom is not None:
            with _Calling(custom.entry.mapper, event, batch):  # it may look things up
                given = custom.read(event)
            declared = custom.declared(given)
        batch.result.redacted_fields += policies.redaction.guard(event, declared)
        if isinstance(given, InvalidField):
            batch.result.invalid[given] += 1
            given = event
        elif custom is not None:
            entry, given = custom.entry, event if custom.takes_event else given
        self._call(entry, given, context, batch)

    def sends_type(self, event_type: str) -> bool:
        """Return whether events of *event_type* can have calls, by the selection."""
        policies = self._policies
        cls = policies.options.event_types.get(event_type)
        has_own = cls is None or any(key[0] == event_type for key in policies.customs)
        entry = policies.mappers.registration_for(cls) if cls else None
        return self._may_send(event_type, entry, has_own=has_own)

    def _may_send(
        self, event_type: str, entry: Registration | None, *, has_own: bool
    ) -> bool:
        policies = self._policies
        if policies.selects(event_type) or self._is_deletion(event_type):
            return True
        keeps = policies.keeps_user_properties(event_type)
        return keeps and (has_own or self._states(event_type, entry))

    def _states(self, event_type: str, entry: Registration | None) -> bool:
        """Return whether a mapper may return more of an event than the event itself."""
        if entry and isinstance(entry.mapper, StandardWithUserProperties):
            return self._policies.keeps_user_properties(event_type)
        return entry is not None and entry.mapper is not standard

    def _is_deletion(self, event_type: str) -> bool:
        return event_type == DELETION and self._policies.options.deletions

    def _identity_of(self, event: CurrentsEvent, batch: Batch) -> str:
        """Return the identity of *event*, or raise `NotSent` or `IdentityError`."""
        policy, options = self._policies.identity, self._policies.options
        is_deletion = self._is_deletion(event.event_type)
        function: Callable[[Any], Any] = policy.function
        try:
            if is_deletion and options.delete_identity is not None:
                function = options.delete_identity
                with _Calling(function, event, batch):
                    return policy.check(function(copy_of(event)))
            if policy.fields:
                return policy.identity_of(event)
            with _Calling(function, event, batch):
                identity = policy.identity_of(copy_of(event))
        except IdentityError as error:
            if not is_deletion or isinstance(error.reason, Reason):
                raise
            whose = "identity of the user to delete"
            detail = error.detail.replace("identity", whose, 1)
            raise NotSent(Reason.BAD_IDENTITY, detail) from None
        batch.note_success(function, event)
        return identity

    def _call(
        self, entry: Registration | None, given: Any, context: _Context, batch: Batch
    ) -> None:
        """Call the mapper of *entry* with *given*: the event or its properties."""
        event = context.event
        if entry is None:
            raise NotSent(SkipReason.NOT_MAPPED)
        if down := batch.down.get(id(entry.mapper)):
            batch.put_off(down, entry.mapper, event)
        try:
            with _Calling(entry.mapper, event, batch):
                if given is event and not is_shipped(entry):
                    given = copy_of(event)
                payloads = payloads_of(entry.mapper(given))
                calls, omitted = self._calls(payloads, context, batch)
        except IdentityError as error:
            detail = f"{entry.origin}: {error.detail}"
            raise NotSent(Reason.BAD_IDENTITY, detail) from None
        batch.note_success(entry.mapper, event)
        if not calls:
            reasons = [reason for reason in _SKIPPING if reason in omitted]
            raise NotSent((*reasons, SkipReason.NOT_MAPPED)[0])
        batch.result.not_sent.update(omitted)
        batch.add(calls)

    def _calls(
        self, payloads: list[Payload], context: _Context, batch: Batch
    ) -> tuple[list[Call], list[SkipReason]]:
        """Return the calls for *payloads*, and the reason for each that is omitted."""
        policies, event = self._policies, context.event
        is_deletion = any(isinstance(p, HeapUserDeletion) for p in payloads)
        if is_deletion and policies.options.deletions:
            return [DeleteUser(context.identity)], []
        if is_deletion and event.event_type != DELETION:
            raise ReturnValueError(
                "a HeapUserDeletion needs deletions to be on: pass deletions=True"
            )
        calls: list[Call] = []
        omitted: list[SkipReason] = []
        for payload in payloads:
            identity = context.identity
            if isinstance(payload, HeapEvent) and payload.identity is not None:
                identity = policies.identity.check(payload.identity)
            if reason := self._reason_to_omit(payload, identity, event):
                omitted.append(reason)
            elif isinstance(payload, HeapEvent):
                number = len(calls) + len(omitted) + 1
                key = f"{event.id}:{number}" if number > 1 else event.id
                calls.append(self._track(payload, identity, key, context, batch))
            elif isinstance(payload, HeapUserProperties):
                stated, time = payload.properties, exact_seconds(event)
                if not policies.keeps_user_properties(event.event_type):
                    continue
                is_standard = isinstance(payload, StandardUserProperties)
                naming = policies.naming if is_standard else None
                if call := batch.call_of(stated, identity, time, event.id, naming):
                    calls.append(call)
        return calls, omitted

    def _reason_to_omit(
        self, payload: Payload, identity: str, event: CurrentsEvent
    ) -> SkipReason | None:
        policies, event_type = self._policies, event.event_type
        is_event, sampling = isinstance(payload, HeapEvent), policies.sampling
        if policies.is_suppressed(identity):
            return SkipReason.SUPPRESSED
        if is_event and not policies.selects(event_type):
            return SkipReason.EXCLUDED
        if is_event and sampling and not sampling.keeps(identity, event_type):
            return SkipReason.SAMPLED
        return None

    def _track(
        self,
        payload: HeapEvent,
        identity: str,
        key: str,
        context: _Context,
        batch: Batch,
    ) -> Track:
        event, policies, encoder = context.event, self._policies, batch.encoder
        naming, options = policies.naming, policies.options
        properties = {**context.local_time, **payload.properties}
        if (rate := policies.rate_of(event.event_type)) < 1:
            properties["sample_rate"] = rate
        if options.derive is not None:
            own = attrs.evolve(payload, properties=dict(payload.properties))
            properties |= _derived_by(options.derive, copy_of(event), own)
        legal = encoder.properties(properties)
        if isinstance(payload, StandardEvent):
            if payload.renamed:
                encoder.adjustments[Adjustment.RENAMED] += payload.renamed
            sent = event.__dict__.get("send_time")
            names = policies.derived
            derived = derive(type(event), names, legal, sent, event.time)
            legal = naming.properties({**derived, **legal}, encoder)
        named = copy_of(event) if callable(naming.event_names) else event
        return Track(
            encoder.text(naming.event_name(payload, named)),
            identity,
            timestamp(seconds_of(payload, event)),
            to_idempotency_key(key),
            encoder.limit_count({**policies.fixed, **legal}),
        )


@attrs.frozen
class _Calling:
    """Context that raises `NotSent` in place of the errors of a team's *function*."""

    function: Callable[..., Any]
    event: CurrentsEvent
    batch: Batch

    def __enter__(self) -> None:
        pass

    def __exit__(self, cls: Any, error: BaseException | None, traceback: Any) -> None:
        if not isinstance(error, Exception) or isinstance(error, _OUTCOMES):
            return
        if unavailable := delivery_error_of(error):
            self.batch.put_off(unavailable, self.function, self.event)
        else:
            detail = f"{origin_of(self.function)}: {_flaw_of(error)}"
            raise NotSent(Reason.MAPPER_ERROR, detail) from error


_OUTCOMES: Final = (NotSent, IdentityError)


def _derived_by(
    derive: Derive, event: CurrentsEvent, payload: HeapEvent
) -> Mapping[str, Any]:
    """Return the properties that the function *derive* of a team adds."""
    try:
        added: object = derive(event, payload)
        if not isinstance(added, Mapping):
            raise ReturnValueError(f"it returned {described(added)}, not a mapping")
    except Exception as error:
        if unavailable := delivery_error_of(error):
            raise unavailable from None
        detail = f"derive, {origin_of(derive)}: {_flaw_of(error)}"
        raise ReturnValueError(detail) from error
    return added


def _flaw_of(error: Exception) -> str:
    """Describe *error* without values of the event."""
    is_ours = isinstance(error, ReturnValueError | UnsupportedValueError)
    return str(error) if is_ours else describe_exception(error)


_SKIPPING: Final = (SkipReason.SUPPRESSED, SkipReason.EXCLUDED, SkipReason.SAMPLED)


def seconds_of(payload: HeapEvent, event: CurrentsEvent) -> float:
    """Return the time of *payload* in UTC epoch seconds."""
    time: Any = payload.time
    if time is None:
        return exact_seconds(event)
    if isinstance(time, dt.datetime) and time.tzinfo is not None:
        time = time.timestamp()
    is_number = isinstance(time, int | float) and not isinstance(time, bool)
    if not is_number or not 0 < time < YEAR_2100:
        raise ReturnValueError(
            "the time of a HeapEvent must be UTC epoch seconds between 1970 and 2100, "
            f"or a datetime with a time zone, not {kind_of(payload.time)}"
        )
    return int(time) if time == int(time) else time


def exact_seconds(event: CurrentsEvent) -> float:
    """Return the time of *event* in UTC epoch seconds, if possible with fractions."""
    exact = event.extra.get("/time", event.__dict__.get("time_ms"))
    return exact_time(event.time, exact)


def _is_same(first: CurrentsEvent, second: CurrentsEvent) -> bool:
    """
    Return whether two typed events with the same id are equal.

    The form of id and time, such as 5 or "5", is ignored.
    """
    if type(first) is not type(second) or exact_seconds(first) != exact_seconds(second):
        return False
    contents = [
        event.__dict__
        | {"extra": {k: v for k, v in event.extra.items() if k not in _ENVELOPE_KEYS}}
        for event in (first, second)
    ]
    return _is_equal(*contents)


_ENVELOPE_KEYS: Final = ("/id", "/time")
"""Keys of ``extra`` for an id or time in another form than Braze's."""


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
