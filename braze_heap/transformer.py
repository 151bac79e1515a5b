"""Transform events, as bytes or decoded, to calls that Heap accepts."""

import contextlib
import copy
import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from braze_heap._json import UncheckedEvents, decode_events_fast
from braze_heap._options import takes
from braze_heap._outage import MapperOutages
from braze_heap._wiring import kind_of
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.mappers import MapperRegistry, Registration
from braze_heap.mappers._declared import Declared
from braze_heap.mappers._names import is_shipped, missing, names_of
from braze_heap.mapping._batches import BatchMapping
from braze_heap.mapping._options import TransformerArguments, TransformerOptions
from braze_heap.mapping._policies import Policies
from braze_heap.policies.naming import Naming
from braze_heap.policies.privacy import PersonalData
from braze_heap.results import TransformResult
from braze_heap.wire import RawEvent, Unreadable, UnreadableError, decode, events_of
from braze_heap.wire._source import AVRO, GZIP, is_path, path_hint

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
A request body; a decoded ``{"events": [...]}``; one event or several, raw or typed; or
the return value of `braze_heap.wire.read_events`.
"""


class Transformer:
    """
    Transform Currents events to Heap calls. Thread-safe, without I/O or clock.

    Attributes:
        mappers: Registry of the mappers.
        naming: Policy for names.
        personal_data: Policy for personal data.

    Raises:
        ValueError: An option is invalid, *mappers* is empty, or a declared mapper reads
            a field that is redacted.
        TypeError: An option has another type, or is a function that cannot be called.

    Warns:
        UserWarning: *personal_data* or *naming* names a field or event that no event
            class has.
    """

    @takes(TransformerArguments)
    def __init__(self, options: TransformerArguments) -> None:
        policies = Policies(options)
        _check_declared(policies)
        self.mappers: MapperRegistry = policies.mappers
        self.naming: Naming = policies.naming
        self.personal_data: PersonalData = policies.personal_data
        self._policies = policies
        self._identity = policies.identity
        self._deletions = options.deletions
        self._mapping = BatchMapping(policies)

    def _with_policies(self, **changes: Any) -> "Transformer":
        """Return a copy whose prepared policies have other attributes."""
        changed, policies = copy.copy(self), copy.copy(self._policies)
        vars(policies).update(changes)
        changed._policies, changed._mapping = policies, BatchMapping(policies)
        return changed

    def __repr__(self) -> str:
        identity = self._identity.field or "a function"
        return (
            f"<Transformer: {len(self.mappers.registrations)} mappers, "
            f"identity {identity}, personal data {self.personal_data.default}>"
        )

    def transform(
        self, source: Source, *, outages: MapperOutages | None = None
    ) -> TransformResult:
        """
        Transform a batch. Does not raise because of invalid events.

        Events with the same id count as one if they are equal. If they are not equal,
        the second is rejected.

        Args:
            source: The batch.
            outages: Decides for a pipeline which events to reject because their mapper
                was unavailable for too long.

        Raises:
            DeliveryError: A mapper, or the function for identities, raised it because a
                lookup is down. The batch is undecided: send it again. A note names the
                event.
            TypeError: Nothing in *source* is an event: it contains paths, for example.
                JSON values that are not events, such as texts, are rejected.
        """
        if isinstance(source, UncheckedEvents):
            return self._mapping.map(source, outages)
        data = _bytes_of(source)
        events = decode_events_fast(data) if data is not None else None
        if events is not None:
            with contextlib.suppress(UnreadableError):
                return self._mapping.map(events, outages)
        items = [*items_of(source)]
        check_events(items, is_sent=True)
        return self._mapping.map(items, outages)

    def team_mappers(self, item: object = b"") -> dict[str, str]:
        """
        Return the mappers that map *item* and are not shipped.

        Args:
            item: An event in any form, even one that cannot be mapped. For bytes, a
                body with unknown events, all mappers that are not shipped are returned.

        Returns:
            ``module:qualname`` by event key: a type, or the name of a class that the
            mapper is registered for.
        """
        if isinstance(item, bytes) or not self._team_registrations:
            return names_of(self._team_registrations)
        event = self._typed_anyway(item)
        entry = self.mappers.registration_for(event) if event else None
        custom = self._policies.custom_of(event) if event else None
        entries = (entry, custom.entry if custom else None)
        return names_of(e for e in entries if e and not is_shipped(e))

    def missing_mappers(self, listed: Mapping[str, str]) -> dict[str, str]:
        """Return the mappers in *listed*, by `team_mappers`, that are missing here."""
        entries = self.mappers.registrations.values()
        return missing(listed, entries, self._policies.options.event_types)

    @functools.cached_property
    def _team_registrations(self) -> tuple[Registration, ...]:
        return tuple(
            r for r in self.mappers.registrations.values() if not is_shipped(r)
        )

    def _typed_anyway(self, item: Any) -> CurrentsEvent | None:
        """Return *item* typed, with an invalid time, user or properties replaced."""
        if isinstance(item, RawEvent) and isinstance(item.value, dict):
            item = {"event_type": item.event_type, **item.value}
        if isinstance(item, dict):
            item = {**item, "time": 1} | dict.fromkeys(item.keys() & {"user"})
            if not isinstance(item.get("properties", {}), dict):
                item["properties"] = None
        try:
            return self._mapping.generic.typed(item)
        except Exception:
            return None


def _check_declared(policies: Policies) -> None:
    """Raise `ValueError` if a declared mapper reads a field that is always redacted."""
    for name, field, where in _redacted_reads(policies):
        raise ValueError(
            f"declare({name!r}) reads {field}, which is redacted from {where}, so the "
            f"property would never be sent: keep the field with personal_data="
            f"{{{field!r}: 'keep'}}, or remove the property"
        )


def _redacted_reads(policies: Policies) -> Iterator[tuple[str, str, str]]:
    """Yield event name, field, and event type or class of each such read."""
    registry, redaction = policies.mappers, policies.redaction
    event_types = dict(policies.options.event_types) if registry.fields() else {}
    for key in registry.fields():
        if isinstance(key, str):  # maybe a type without a class
            event_types.setdefault(key, UnknownEvent)
    for event_type, cls in event_types.items():
        entry = (
            registry.registrations[event_type]
            if cls is UnknownEvent
            else registry.registration_for(cls)
        )
        mapper = entry and entry.mapper
        if isinstance(mapper, Declared) and policies.selects(event_type):
            for field in mapper.fields:
                if redaction.always_redacts(cls, field):
                    yield mapper.name, field, event_type
    overrides = policies.personal_data.overrides
    for custom in policies.customs.values():
        if isinstance(custom.entry.mapper, Declared):
            for field in custom.entry.mapper.fields:
                path = f"{custom.field}.{field}"
                if "drop" in (overrides.get(custom.field), overrides.get(path)):
                    yield custom.entry.mapper.name, path, f"the {custom.field}"


def _bytes_of(source: Source) -> bytes | None:
    """Return the bytes of a body; ``None`` if *source* is decoded."""
    if isinstance(source, str):
        return source.encode("utf-8", "surrogatepass")
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    return None


_ADVICE: Final = {
    str: "decode each one first, as with map(json.loads, lines), or pass a whole file "
    "to read_events",
    os.PathLike: "pass the events of each one, as in run(read_events(path))",
    Iterable: "pass each batch on its own, as in run(batch)",
    object: "pass events, such as those of read_events, or of storage.read(object)",
}
"""Advice by type of what was given as an event. The first one applies."""


def check_events(items: Iterable[Any], *, is_sent: bool) -> None:
    """
    Raise a `TypeError` with advice if no item is an event, but one is a mistake.

    The program would dead-letter all of its input.

    Args:
        items: Events in any form, or anything else.
        is_sent: Whether a sender may have made them: then no JSON value is a mistake.
    """
    mistake = None
    for item in items:
        if isinstance(item, _EVENTS) and not _is_body(item):
            return
        if mistake is None and _is_mistake(item, is_sent):
            mistake = item
    if mistake is None:
        return
    kind = type(mistake)
    if issubclass(kind, bytes | bytearray | memoryview):
        kind = str
    advice = next(text for base, text in _ADVICE.items() if issubclass(kind, base))
    name = "a whole body" if kind is dict else kind_of(mistake)
    raise TypeError(f"an event is a dict, not {name}: {advice}")


_EVENTS: Final = (CurrentsEvent, RawEvent, Unreadable, Mapping)


def _is_body(item: object) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("events"), list)
        and "event_type" not in item
    )


def _is_mistake(item: object, is_sent: bool) -> bool:
    """Return whether *item*, which is not an event, was not made by a sender."""
    if item is None or isinstance(item, float | int):  # a line of JSON, for example
        return False
    if isinstance(item, list):
        first = next(iter(item), None)
        return isinstance(first, _EVENTS) and not (is_sent and isinstance(first, dict))
    return not (is_sent and isinstance(item, str | dict))


def items_of(source: Source) -> Iterable[Any]:
    """Return the events of *source* in any form; an `Unreadable` if it is invalid."""
    data = _bytes_of(source)
    if isinstance(source, Mapping) and not isinstance(source, dict):
        source = dict(source)
    if data is None and not (source is None or isinstance(source, dict)):
        return source if isinstance(source, Iterable) else [source]
    try:
        if isinstance(source, str):
            return events_of(decode(source))
        return events_of(source if data is None else decode(data))
    except UnreadableError as error:
        hint = ""
        if isinstance(source, str) and is_path(source):
            hint = f" ({path_hint(source)})"
        elif data is not None and data.startswith((GZIP, AVRO)):
            hint = " (these are bytes of a file, gzip or Avro: use read_events)"
        return [Unreadable(0, f"{error}{hint}", source if data is None else data)]
