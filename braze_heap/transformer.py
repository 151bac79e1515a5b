"""
From bytes, or decoded events, to calls that Heap accepts.

The mapper decides what is said about an event. This module adds who, when and the key,
applies the policies, and keeps count: each event is mapped, skipped or rejected.
"""

import copy
import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

import attrs

from braze_heap._batch import Batch, Outcome
from braze_heap._errors import describe_exception
from braze_heap._glance import Glance, glance_of, news_of
from braze_heap._json import decode_events_fast
from braze_heap._json_limits import within_fast_limits
from braze_heap._options import doc, documented, option, takes
from braze_heap._outage import MapperOutages
from braze_heap._short_road import ShortRoad, short_road
from braze_heap.events import EVENT_TYPES, CurrentsEvent, EventTypes, UnknownEvent
from braze_heap.exceptions import DeliveryError
from braze_heap.heap._encoder import Nested, PropertyEncoder, UnsupportedValueError
from braze_heap.heap.calls import (
    Call,
    DeleteUser,
    Track,
    Value,
    timestamp,
    to_idempotency_key,
)
from braze_heap.mappers import (
    DEFAULT_MAPPERS,
    MapperRegistry,
    Mappers,
    Registration,
    standard,
)
from braze_heap.mappers._copies import copy_of, deep_copy
from braze_heap.mappers._custom import custom_of
from braze_heap.mappers._names import is_shipped, missing, names_of
from braze_heap.mappers._registry import check_selection, origin_of, registry_of
from braze_heap.mappers._standard import is_machine_open
from braze_heap.mappers._structure import InvalidValueError, Reader, reader_of
from braze_heap.mappers._user_properties import StandardWithUserProperties
from braze_heap.parsing import EventError, EventParser, Problem, epoch_seconds
from braze_heap.payloads import (
    HeapEvent,
    HeapUserDeletion,
    HeapUserProperties,
    Payload,
    ReturnValueError,
    StandardEvent,
    payloads_of,
)
from braze_heap.policies.identity import (
    PLACEHOLDER_IDENTITIES,
    Identity,
    IdentityError,
    IdentityPolicy,
)
from braze_heap.policies.local_time import local_time as _local_time
from braze_heap.policies.naming import Naming, checked_naming
from braze_heap.policies.privacy import PersonalData, Redaction, Treatment
from braze_heap.policies.privacy import personal_data as _personal_data
from braze_heap.reasons import Reason, SkipReason
from braze_heap.report import InvalidField
from braze_heap.results import TransformResult
from braze_heap.wire import RawEvent, Unreadable, UnreadableError, decode, events_of
from braze_heap.wire._source import PATH_HINT, is_path

__all__ = ["MapperOutages", "Source", "Transformer", "TransformerOptions"]

Source: TypeAlias = (
    bytes
    | bytearray
    | memoryview
    | str
    | CurrentsEvent
    | RawEvent
    | Mapping[str, Any]
    | Iterable[Any]
    | None
)
"""
A request body; a decoded ``{"events": [...]}``; events, raw or typed, or one of them;
what `braze_heap.wire.read_events` gives.
"""


_DEFAULT_NAMING: Final = Naming()

_DISCRIMINATORS: Final = {
    "users.behaviors.CustomEvent": "name",
    "users.behaviors.Purchase": "product_id",
}
"""Event type to the field by which `custom_event` and `purchase` tell classes apart."""


@documented
@attrs.frozen(kw_only=True)
class TransformerOptions:
    """Options of `Transformer` that `TransformConfig` has, too."""

    placeholder_identities: Collection[str] = option(
        PLACEHOLDER_IDENTITIES,
        "Texts that many users can share, such as ``null``: an event with one of them "
        "as its identity is rejected as ``bad_identity``. They replace the default, "
        "`braze_heap.policies.identity.PLACEHOLDER_IDENTITIES`.",
        shown="PLACEHOLDER_IDENTITIES",
    )
    nested: Nested = option(
        "flatten",
        "Form of objects: dotted names (``flatten``), JSON text (``json``), or not "
        "sent (``drop``).",
    )
    machines: Literal["keep", "drop"] = option(
        "keep",
        "Whether opens by machines and clicks of suspected bots are sent, with a flag "
        "(``keep``), or skipped (``drop``).",
    )
    deletions: bool = option(
        False,
        "Whether a mapper may delete users. The shipped one does for "
        "``users.UserDeleteRequest``, which carries only Braze's ``user_id``.",
    )
    local_time: bool = option(
        False, "Whether events have the hour and weekday on the user's clock."
    )
    fixed_properties: Mapping[str, Value] = option(
        {},
        "Properties of every tracked event, such as the name of the workspace. "
        "Properties of the event itself win over them.",
    )


@attrs.frozen(kw_only=True)
class _TransformerArguments(TransformerOptions):
    mappers: MapperRegistry | Mappers = attrs.field(
        default=DEFAULT_MAPPERS,
        kw_only=False,
        metadata=doc(
            "A registry; or a `Mappers`, of which those count that it has collected "
            "so far."
        ),
    )
    identity: Identity = option(
        "external_user_id",
        "Field that names the user of an event, or a function such as `first_of` "
        "makes. Heap must know the same people by its value.",
    )
    personal_data: PersonalData | Treatment | Mapping[str, Treatment] = option(
        "drop",
        '``"drop"`` removes personal fields; ``"keep"`` sends them; a mapping changes '
        'single fields of ``"drop"``; see `PersonalData` for both in one, and for '
        "hashing.",
    )
    naming: Naming = option(_DEFAULT_NAMING, "Names of events and properties in Heap.")
    event_types: Mapping[str, type[CurrentsEvent]] = option(
        EVENT_TYPES, "The event classes by type."
    )


class Transformer:
    """
    Turns Currents events into Heap calls. Pure: no I/O, no clock, usable from threads.

    Attributes:
        mappers: The registry that it was made with.
        naming: The policy for names.
        personal_data: The policy for personal data.

    Raises:
        ValueError: An option has a wrong value, or *mappers* map no event type.
        TypeError: An option is of another type, or a function that cannot be called.

    Warns:
        UserWarning: *personal_data* or *naming* names a field, or *naming* an event,
            that no event class has.
    """

    @takes(_TransformerArguments)
    def __init__(self, options: _TransformerArguments) -> None:
        event_types = options.event_types
        if not isinstance(event_types, EventTypes):
            EventTypes(event_types)  # raises for what is not an event class
        self.mappers: MapperRegistry = registry_of(options.mappers)
        check_selection(self.mappers, event_types)
        self._identity = IdentityPolicy(
            options.identity, options.placeholder_identities
        )
        module = getattr(self._identity.function, "__module__", "")
        self._identity_is_ours = module == "braze_heap.policies.identity"
        self.personal_data: PersonalData = _personal_data(
            options.personal_data, event_types
        )
        self._redaction = Redaction(self.personal_data)
        self.naming: Naming = checked_naming(options.naming, self.mappers, event_types)
        self._nested: Nested = options.nested
        self._drops_machines = options.machines == "drop"
        self._deletions = options.deletions
        self._local_time = options.local_time
        self._fixed = _legal_fixed(options.fixed_properties)
        self._customs = {
            key: _Custom.of(rule)
            for key, rule in self.mappers.custom_registrations().items()
        }
        self._custom_types = {event_type for event_type, _ in self._customs}
        self._plain_names: set[str] = set()
        self._roads: dict[type[CurrentsEvent], ShortRoad | None] = {}
        self._glances = _Glances(self._glance)
        self._event_types = event_types
        self._parse = EventParser(event_types).parse

    def __repr__(self) -> str:
        who = self._identity.field or "a function"
        return (
            f"<Transformer: {len(self.mappers.registrations)} mappers, identity {who}, "
            f"personal data {self.personal_data.default}>"
        )

    def transform(
        self, source: Source, *, outages: MapperOutages | None = None
    ) -> TransformResult:
        """
        Turn a batch into calls. Never raises because of the events in it.

        Events with the same id are taken for one if they are equal; the second is
        rejected if they are not.

        Args:
            source: The batch.
            outages: Decides, for a pipeline, which events to reject because their
                mapper could not decide about them for too long.

        Raises:
            DeliveryError: A mapper, or a function that names the user, raised it
                because a lookup is down. Nothing is decided: send the batch again. A
                note names the event.
        """
        glimpsed = decode_events_fast(source) if type(source) is bytes else None
        if glimpsed is not None:
            try:
                return self._mapped(glimpsed, within_fast_limits, outages)
            except _InexactError:
                pass
        return self._mapped(_items(source), lambda _: True, outages)

    def team_mappers(self, item: object = b"") -> dict[str, str]:
        """
        Return the mappers that take part in mapping *item* and are not shipped.

        Args:
            item: An event in any form, even one that cannot be mapped. Bytes are a body
                that may hold any event, so all mappers that are not shipped take part.

        Returns:
            ``module:qualname`` by event key: a type, or the name of a class that the
            mapper is registered for.
        """
        if isinstance(item, bytes) or not self._team_registrations:
            return names_of(self._team_registrations)
        event = self._typed_anyway(item)
        rule = self.mappers.registration_for(event) if event else None
        custom = self._custom_of(event) if event else None
        rules = (rule, custom.rule if custom else None)
        return names_of(r for r in rules if r and not is_shipped(r))

    def missing_mappers(self, listed: Mapping[str, str]) -> dict[str, str]:
        """Return those of *listed*, as `team_mappers` gives them, that are not here."""
        return missing(listed, self.mappers.registrations.values(), self._event_types)

    @functools.cached_property
    def _team_registrations(self) -> tuple[Registration, ...]:
        return tuple(
            r for r in self.mappers.registrations.values() if not is_shipped(r)
        )

    def _typed_anyway(self, item: Any) -> CurrentsEvent | None:
        """
        Return *item* typed, as if everything but its type and properties were valid;
        ``None`` if it has no type.
        """
        if isinstance(item, RawEvent) and isinstance(item.value, dict):
            item = {"event_type": item.event_type, **item.value}
        if isinstance(item, dict):
            item = {**item, "time": 1} | dict.fromkeys(item.keys() & {"user"})
            if not isinstance(item.get("properties", {}), dict):
                item["properties"] = None
        try:
            return self._typed(item)
        except Exception:
            return None

    def _mapped(
        self,
        items: Iterable[Any],
        is_exact: Callable[[Any], bool],
        outages: MapperOutages | None,
    ) -> TransformResult:
        """
        Map *items*.

        Raises:
            _InexactError: One of those that need a closer look is not exact.
        """
        batch = Batch(PropertyEncoder(self._nested, self._plain_names), outages)
        result, seen, glances = batch.result, batch.seen, self._glances
        for result.received, item in enumerate(items, 1):
            raw = item.value if type(item) is RawEvent else item
            user_properties = track = call = None
            try:
                glance = glances[raw["event_type"]]
                if glance is not None:
                    if glance.road.user_properties is not None:
                        user_properties = glance.user_properties(raw)
                    track = glance.track(raw, batch)
                if track is None:
                    track = self._track_with_news(raw, batch)
                elif user_properties:
                    call = batch.call_of(user_properties, track.identity, raw["time"])
            except Exception:
                track = None  # a closer look tells what is wrong
            if track is None:
                self._map_closely(item, is_exact, batch)
                continue
            result.calls.append(track)
            result.origins.append(item)
            result.types.append(raw["event_type"])
            seen[raw["id"]] = item
            if call is not None:
                result.calls.append(call)
                result.origins.append(item)
        batch.check_decided()
        batch.drop_outdated_user_properties()
        return result

    def _track_with_news(self, raw: dict[str, Any], batch: Batch) -> Track | None:
        """
        Return the track of a decoded event, told at a glance but for what its class
        does not know; ``None``, and nothing done, if it needs a closer look.

        When Braze adds a field to a type, all of its events have it.
        """
        event_type = raw["event_type"]
        glance = self._glances[event_type]
        if glance is None or glance.road.user_properties or type(raw) is not dict:
            return None
        cls = self._event_types[event_type]
        news = news_of(raw, cls)
        if not news or any(
            self._redaction.treatment_of_unknown(cls, name) != "keep" for name in news
        ):
            return None
        known = {n: v for n, v in raw["properties"].items() if n not in news}
        track = glance.track({**raw, "properties": known}, batch)
        if track is not None:
            track.properties.update(news)
            for name in news:
                batch.result.unknown[f"{event_type} {name}"] += 1
        return track

    def _map_closely(
        self, item: Any, is_exact: Callable[[Any], bool], batch: Batch
    ) -> None:
        """
        Map one event.

        Raises:
            _InexactError: It is not exact.
            DeliveryError: Its mapper raised it.
        """
        if not is_exact(item):
            raise _InexactError
        try:
            self._read_and_map(item, batch)
        except EventError as error:
            batch.reject(error.reason, str(error), item)
        except DeliveryError:
            raise
        except Exception as error:
            batch.reject(Reason.INTERNAL_ERROR, describe_exception(error), item)

    def _read_and_map(self, item: Any, batch: Batch) -> None:
        event = self._typed(item)
        if event.id in batch.seen:
            return self._repeat(event, item, batch)
        event_id = event.id
        outcome = self._map(event, item, batch)
        batch.seen[event_id] = item
        if outcome is not None:
            batch.outcomes[event_id] = outcome
        return None

    def _typed(self, item: Any) -> CurrentsEvent:
        """Return *item* as an event that may be changed."""
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
        if _is_same(self._typed(batch.seen[event.id]), event):
            batch.repeat(event)
        else:
            detail = (
                "an earlier event of the batch has this id and another content "
                "(the test samples that Braze publishes share one id)"
            )
            batch.reject(Reason.DUPLICATE_ID_CONFLICT, detail, item, event)

    def _map(self, event: CurrentsEvent, item: Any, batch: Batch) -> Outcome:
        """Add the calls that *event* becomes; return why it becomes none."""
        batch.result.types.append(event.event_type)
        fields = event.__dict__
        if "extra" in fields or type(event) is UnknownEvent:
            batch.count_unknown(event)
        identity = fields.get(self._identity.field)
        if type(identity) is not str or not self._identity.is_legal(identity):
            try:
                own = event if self._identity_is_ours else copy_of(event)
                identity = self._identity.identity_of(own)
            except IdentityError as error:
                return batch.refuse(error, item, event)
            except DeliveryError as error:
                identify = self._identity.function
                origin = origin_of(identify)
                return batch.put_off(error, identify, origin, item, event)
            batch.note_success(self._identity.function, event)
        road = self._road(type(event))
        if (
            road
            and not road.user_properties
            and "extra" not in fields
            and road.takes(fields)
        ):
            try:
                call = road.track(
                    fields, identity, batch.encoder, batch.result.redacted_fields
                )
            except UnsupportedValueError as error:
                return batch.reject(Reason.MAPPER_ERROR, str(error), item, event)
            batch.result.calls.append(call)
            batch.result.origins.append(item)
            return None
        return self._map_at_length(event, identity, item, batch)

    def _map_at_length(
        self, event: CurrentsEvent, identity: str, item: Any, batch: Batch
    ) -> Outcome:
        rule = self.mappers.registration_for(event)
        custom = self._custom_of(event) if self._customs else None
        if rule is None and custom is None:
            return batch.skip(SkipReason.NOT_MAPPED, event)
        if self._drops_machines and is_machine(event):
            return batch.skip(SkipReason.MACHINE, event)
        zone = event.timezone if self._local_time else None
        batch.result.redacted_fields += self._redaction.apply(event)
        typed = None
        if custom:
            own = custom.rule
            try:
                typed = custom.read(event)
            except DeliveryError as down:  # a converter of the class looks something up
                return batch.put_off(down, own.mapper, own.origin, item, event)
        if custom and isinstance(typed, InvalidField):
            batch.result.invalid[typed] += 1
        elif custom:
            rule = custom.rule
        if rule is None:
            return batch.skip(SkipReason.NOT_MAPPED, event)
        if error := batch.down.get(id(rule.mapper)):
            return batch.put_off(error, rule.mapper, rule.origin, item, event)
        said = _Said(event, identity, _local_time(event.time, zone) if zone else {})
        noted = len(batch.user_properties)
        try:
            is_custom = custom is not None and rule is custom.rule
            given = (
                typed if is_custom else event if is_shipped(rule) else copy_of(event)
            )
            payloads = payloads_of(rule.mapper(given))
            calls = self._calls(payloads, said, batch)
        except DeliveryError as error:
            return batch.put_off(error, rule.mapper, rule.origin, item, event)
        except Exception as error:
            del batch.user_properties[noted:]
            is_ours = isinstance(error, ReturnValueError | UnsupportedValueError)
            detail = f"{rule.origin}: {error if is_ours else describe_exception(error)}"
            return batch.reject(Reason.MAPPER_ERROR, detail, item, event)
        batch.note_success(rule.mapper, event)
        if not calls:
            return batch.skip(SkipReason.NOT_MAPPED, event)
        batch.result.calls += calls
        batch.result.origins += [item] * len(calls)
        return None

    def _custom_of(self, event: CurrentsEvent) -> "_Custom | None":
        """Return the mapper for the typed properties of *event*, if there is one."""
        kind = event.event_type
        name = getattr(event, _DISCRIMINATORS.get(kind, ""), None)
        custom = self._customs.get((kind, name)) or self._customs.get((kind, None))
        return custom if custom and custom.rule.admits(type(event), kind) else None

    def _road(self, cls: type[CurrentsEvent]) -> ShortRoad | None:
        """
        Return the short road for events of *cls*; ``None`` if they need the long one.
        """
        try:
            return self._roads[cls]
        except KeyError:
            road = self._roads[cls] = self._new_road(cls)
            return road

    def _new_road(self, cls: type[CurrentsEvent]) -> ShortRoad | None:
        rule = self.mappers.registration_for(cls)
        mapper = rule.mapper if rule else None
        user_properties = (
            mapper.user_properties
            if isinstance(mapper, StandardWithUserProperties)
            else None
        )
        if mapper is not standard and not user_properties:
            return None
        if self._local_time or self._drops_machines:
            return None
        if getattr(cls, "event_type", "") in self._custom_types:
            return None
        return short_road(
            cls, self.naming, self._redaction, self._fixed, user_properties
        )

    def _glance(self, event_type: str) -> Glance | None:
        """
        Return what maps events of a type at a glance; ``None`` if nothing does.

        Raises:
            KeyError: No class is for that type.
        """
        cls = self._event_types[event_type]
        if cls.event_type != event_type or not self._identity.field:
            return None
        road = self._road(cls)
        return glance_of(road, self._identity) if road else None

    def _calls(
        self, payloads: list[Payload], said: "_Said", batch: Batch
    ) -> list[Call]:
        if any(isinstance(p, HeapUserDeletion) for p in payloads) and self._deletions:
            return [DeleteUser(said.identity)]
        calls: list[Call] = []
        for payload in payloads:
            if isinstance(payload, HeapEvent):
                key = f"{said.event.id}:{len(calls) + 1}" if calls else said.event.id
                calls.append(self._track(payload, key, said, batch.encoder))
            elif isinstance(payload, HeapUserProperties):
                user_properties, time = payload.properties, _seconds(said.event)
                if call := batch.call_of(user_properties, said.identity, time):
                    calls.append(call)
        return calls

    def _track(
        self, payload: HeapEvent, key: str, said: "_Said", encoder: PropertyEncoder
    ) -> Track:
        event = said.event
        legal = encoder.properties({**said.local_time, **payload.properties})
        if isinstance(payload, StandardEvent):
            legal = self.naming.properties(legal, encoder)
        named = copy_of(event) if callable(self.naming.event_names) else event
        return Track(
            encoder.text(self.naming.event_name(payload, named)),
            said.identity,
            timestamp(_seconds(event)),
            to_idempotency_key(key),
            {**self._fixed, **legal} if self._fixed else legal,
        )


class _Glances(dict[str, Glance | None]):
    """What maps the events of a type at a glance, made when the first of them comes."""

    def __init__(self, make: Callable[[str], Glance | None]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, event_type: str) -> Glance | None:
        glance = self[event_type] = self._make(event_type)
        return glance


_FILES: Final = (b"\x1f\x8b", b"Obj\x01")
"""How gzip and Avro begin, which are formats of files, not of decoded bodies."""

_MAX_SOURCE: Final = 300
"""Characters of the name of a file in a detail; the end tells one from another."""


class _InexactError(ValueError):
    """An event may have been read in another way than `decode` reads it."""


@attrs.frozen
class _Custom:
    """
    The mapper for a class that `custom_event` or `purchase` marks.

    Attributes:
        rule: The mapper.
        field: Field of the event that holds the properties.
        reader: Reads them into the class.
    """

    rule: Registration
    field: str
    reader: Reader

    @classmethod
    def of(cls, rule: Registration) -> "_Custom":
        """
        Return *rule* with what reads properties for it.

        Raises:
            TypeError: No JSON value fits one of the fields of the class.
        """
        mark = custom_of(rule.key)
        if mark is None or not isinstance(rule.key, type):
            raise TypeError(f"{rule.key!r} is not marked with custom_event or purchase")
        try:
            return cls(rule, mark.field, reader_of(rule.key))
        except NameError as error:
            raise TypeError(
                f"a field of {rule.key.__name__} has a type that is not defined in "
                f"{rule.key.__module__}: {error}"
            ) from None

    def read(self, event: CurrentsEvent) -> Any:
        """
        Return the properties of *event* as an instance of the class; a `InvalidField`
        if they do not fit.
        """
        given = event.__dict__.get(self.field, event.extra.get(self.field, {}))
        try:
            return self.reader(deep_copy(given))
        except InvalidValueError as invalid:
            cls = cast("type", self.rule.key)
            return InvalidField(cls.__name__, invalid.path, invalid.reason)


@attrs.define
class _Said:
    """What all calls about one event share."""

    event: CurrentsEvent
    identity: str
    local_time: Mapping[str, Any]


def _is_same(first: CurrentsEvent, second: CurrentsEvent) -> bool:
    """
    Return whether two typed events with the same id say the same.

    How the id and the time were written, such as 5 or "5", makes no difference.
    """
    if type(first) is not type(second) or _seconds(first) != _seconds(second):
        return False
    contents = [
        event.__dict__
        | {"extra": {k: v for k, v in event.extra.items() if k not in _SPELLINGS}}
        for event in (first, second)
    ]
    return _is_equal(*contents)


_SPELLINGS: Final = ("/id", "/time")
"""Where an event keeps an id or a time that was not written as Braze writes it."""


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


def _items(source: Source) -> Iterable[Any]:
    if isinstance(source, bytearray | memoryview):
        source = bytes(source)
    elif isinstance(source, Mapping) and not isinstance(source, dict):
        source = dict(source)
    if source is None or isinstance(source, bytes | str | dict):
        hint = ""
        if isinstance(source, str):
            hint = f" ({PATH_HINT})" if is_path(source) else ""
            source = source.encode("utf-8", "surrogatepass")
        try:
            return events_of(decode(source) if isinstance(source, bytes) else source)
        except UnreadableError as error:
            if isinstance(source, bytes) and source.startswith(_FILES):
                hint = " (these are bytes of a file, gzip or Avro: use read_events)"
            return [Unreadable(0, f"{error}{hint}", source)]
    return source if isinstance(source, Iterable) else [source]


def _legal_fixed(properties: Mapping[str, Value]) -> dict[str, Value]:
    try:
        return PropertyEncoder().properties(properties)
    except UnsupportedValueError as error:
        raise TypeError(f"fixed_properties: {error}") from None


def _seconds(event: CurrentsEvent) -> float:
    """Return the time of *event* in UTC epoch seconds, as exactly as it is known."""
    exact = event.extra.get("/time", event.__dict__.get("time_ms"))
    seconds = None if exact is None else epoch_seconds(exact)
    return event.time if seconds is None or int(seconds) != event.time else seconds


def is_machine(event: CurrentsEvent) -> bool:
    """Tell whether a machine made an open, or is suspected to have made a click."""
    fields = event.__dict__
    return is_machine_open(fields) or fields.get("is_suspected_bot_click") is True
