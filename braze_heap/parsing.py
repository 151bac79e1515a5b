"""
From one decoded event to a typed event.

Three wire forms give equal events: the HTTP form (nested), storage records (flat), and
storage records with unions spelled out, as ``avro-tools tojson`` writes them. Reading
is exact about types and never converts: what does not fit goes to
`CurrentsEvent.extra`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import attrs

from braze_heap._text import utf16_length
from braze_heap.events import EVENT_TYPES, CurrentsEvent, UnknownEvent
from braze_heap.events._base import extra_key
from braze_heap.events._kinds import INVALID, shortest_float32
from braze_heap.events._schema import Schema, schema_of
from braze_heap.exceptions import BrazeHeapError
from braze_heap.reasons import Reason

if TYPE_CHECKING:
    import cattrs

__all__ = [
    "MAX_EVENT_TYPE",
    "YEAR_2100",
    "EventError",
    "EventParser",
    "Problem",
    "Reader",
    "configure_converter",
    "epoch_seconds",
    "make_converter",
    "parse_event",
]

MAX_EVENT_TYPE: Final = 1023
"""UTF-16 units of an event type: it becomes a text of Heap."""

YEAR_2100: Final = 4_102_444_800
"""UTC epoch seconds. The clock of an event from then on is broken."""

_ENVELOPE = ("event_type", "id", "time", "user", "properties")

_Event = TypeVar("_Event", bound=CurrentsEvent)


@attrs.frozen
class Problem:
    """
    One flaw of an event.

    Attributes:
        path: Where it is, such as ``properties.send_time``; empty for the whole event.
        flaw: What is wrong there. Never the value: it may be personal data.
        reason: Set where the flaw makes the event unusable.
    """

    path: str
    flaw: str
    reason: Reason | None = None

    def __str__(self) -> str:
        return f"{self.path or 'the event'} {self.flaw}"


@attrs.frozen
class EventError(BrazeHeapError, ValueError):
    """
    A decoded value is no event, or with ``strict=True`` no flawless one.

    Attributes:
        problems: Every flaw that was found, the gravest first.
    """

    problems: tuple[Problem, ...]

    @property
    def reason(self) -> Reason | None:
        """
        What reports and dead letters call the gravest flaw; ``None`` if the event is
        usable without ``strict=True``.
        """
        return self.problems[0].reason

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


Reader: TypeAlias = Callable[[dict[str, Any], Any, bool], CurrentsEvent]
"""From a decoded event, its type and whether to be strict, to the typed event."""


def parse_event(
    raw: object,
    *,
    event_type: str | None = None,
    strict: bool = False,
    event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
) -> CurrentsEvent:
    """
    Read one decoded event in any of the three wire forms.

    Args:
        raw: The event as a JSON or Avro decoder gave it.
        event_type: The type, for storage records: they do not carry it. An event that
            does carry its type is read as what it says it is.
        strict: Raise if anything does not fit, instead of keeping it in ``extra``.
            Unknown types and fields are news and no flaw, also then.
        event_types: The classes by type. See `EventTypes` for how to add some.

    Returns:
        An instance of the class of its type; an `UnknownEvent` if there is none.

    Raises:
        EventError: *raw* is no event. With *strict*, it names every invalid at once.
    """
    if event_types is EVENT_TYPES:
        return _KNOWN.parse(raw, event_type, strict)
    return EventParser(event_types).parse(raw, event_type, strict)


class EventParser:
    """
    `parse_event` for many events of the same classes.

    Args:
        event_types: The classes by type.
    """

    def __init__(self, event_types: Mapping[str, type[CurrentsEvent]]) -> None:
        self._event_types = event_types
        self._readers: dict[str, Reader] = {}
        self._unknown = reader_of(UnknownEvent)

    def parse(
        self, raw: object, event_type: str | None = None, strict: bool = False
    ) -> CurrentsEvent:
        """
        Read one decoded event; see `parse_event`.
        """
        if type(raw) is dict:
            try:
                reader = self._readers[raw["event_type"]]
            except (KeyError, TypeError):
                return self._parse_first(raw, event_type, strict)
            return reader(raw, raw["event_type"], strict)
        return self._parse_first(raw, event_type, strict)

    def _parse_first(
        self, raw: object, event_type: str | None, strict: bool
    ) -> CurrentsEvent:
        """
        Read an event that does not carry its type, or is the first of its type.
        """
        if isinstance(raw, Mapping) and not isinstance(raw, dict):
            raw = dict(raw)
        if not isinstance(raw, dict):
            flaw = f"is {_article(raw)}, not an object"
            raise _refusal(Reason.NOT_AN_OBJECT, "", flaw)
        given: Any = raw.get("event_type")
        if given is None:
            given = event_type
        return self._reader(given)(raw, given, strict)

    def _reader(self, event_type: Any) -> Reader:
        if not isinstance(event_type, str) or event_type not in self._event_types:
            _check_unknown(event_type)
            return self._unknown
        reader = reader_of(self._event_types[event_type])
        self._readers[event_type] = reader
        return reader


def _check_unknown(event_type: object) -> None:
    if event_type is None:
        hint = "is missing: name it with event_type=, storage records do not carry it"
        raise _refusal(Reason.BAD_EVENT_TYPE, "event_type", hint)
    if not isinstance(event_type, str):
        flaw = f"is {_article(event_type)}, not text"
        raise _refusal(Reason.BAD_EVENT_TYPE, "event_type", flaw)
    if not event_type.strip() or utf16_length(event_type) > MAX_EVENT_TYPE:
        flaw = f"is blank or has over {MAX_EVENT_TYPE:,} characters"
        raise _refusal(Reason.BAD_EVENT_TYPE, "event_type", flaw)


def reader_of(cls: type[CurrentsEvent]) -> Reader:
    """
    Return the function that reads decoded events into *cls*.

    Whatever does not fit at a glance takes the slow road, which explains.
    """
    schema = schema_of(cls)
    if issubclass(cls, UnknownEvent):
        return functools.partial(_read, cls, schema)
    look = _look_of(schema)
    new = cls.__new__

    def read(raw: dict[str, Any], event_type: Any, strict: bool) -> CurrentsEvent:
        fields = look(raw)
        if fields is None:
            return _read(cls, schema, raw, event_type, strict)
        event = new(cls)
        event.__dict__ = fields
        return event

    return read


def _look_of(schema: Schema) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    """
    Return the function from an event in the HTTP form, complete and with nothing odd
    about it, to its fields; it gives ``None`` for all that need a closer look.
    """
    in_user, in_properties = schema.names_in("user"), schema.names_in("properties")
    others = [(n, kind.fit) for n, kind in schema.kinds.items() if not kind.is_text]

    def look(raw: dict[str, Any]) -> dict[str, Any] | None:
        try:
            user, properties = raw["user"], raw["properties"]
            time, event_id = raw["time"], raw["id"]
        except KeyError:
            return None
        if (
            len(raw) != 5
            or "event_type" not in raw
            or type(user) is not dict
            or type(properties) is not dict
            or type(time) is not int
            or not 0 < time < YEAR_2100
            or type(event_id) is not str
            or not event_id
            or not in_user.issuperset(user)
            or not in_properties.issuperset(properties)
        ):
            return None
        fields = properties | user
        odd = {}
        for name, fit in others:
            if name in fields and (value := fields.pop(name)) is not None:
                odd[name] = value = fit(value)
                if value is INVALID:
                    return None
        try:
            "".join(fields.values())
        except TypeError:
            fields = {name: v for name, v in fields.items() if v is not None}
            if not all(isinstance(value, str) for value in fields.values()):
                return None
        fields |= odd
        fields["id"] = event_id
        fields["time"] = time
        return fields

    return look


def _read(
    cls: type[CurrentsEvent],
    schema: Schema,
    raw: dict[str, Any],
    event_type: Any,
    strict: bool,
) -> CurrentsEvent:
    raw = raw if is_nested(raw, schema) else _nested(raw, schema)
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    problems: list[Problem] = []
    for place, name, value in _values(raw, problems):
        kind = schema.kinds[name] if schema.places.get(name) == place else None
        if kind is None:
            extra[extra_key(place, name)] = value
        elif value is not None:
            fitted = kind.fit(value)
            if fitted is INVALID:
                extra[extra_key(place, name)] = value
                flaw = f"is {_article(value)}, not {kind.name}"
                problems.append(Problem(f"{place}.{name}", flaw))
            else:
                fields[name] = fitted
    _read_time(raw, fields, extra, problems)
    event_id = raw.get("id")
    if not isinstance(event_id, str) or not event_id:
        problems.append(Problem("id", "is not text, or is blank"))
    fatal = [p for p in problems if p.reason]
    if fatal or (strict and problems):
        raise EventError((*fatal, *(p for p in problems if not p.reason)))
    if issubclass(cls, UnknownEvent):
        fields["event_type"] = event_type
    if extra:
        fields["extra"] = extra
    return _identified(cls, event_id, fields)


def is_nested(raw: dict[str, Any], schema: Schema) -> bool:
    """
    Tell the HTTP form from a storage record, which may have gained its type on the way.
    """
    properties = raw.get("properties")
    if isinstance(raw.get("user"), dict):
        return True
    if isinstance(properties, dict) and not _is_union(properties):
        return True
    is_flat = any(n in schema.storage_names for n in raw if n != "properties")
    return "event_type" in raw and ("user" in raw or not is_flat)


def _nested(record: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """
    Return a storage record in the HTTP form, unions resolved and floats shortened.
    """
    nested: dict[str, Any] = {"user": {}, "properties": {}}
    for stored, union in record.items():
        value = _without_union(union)
        name = schema.storage_names.get(stored, stored)
        if name in ("event_type", "id", "time"):
            nested[name] = value
            continue
        if name not in schema.kinds:
            nested["properties"][stored] = value
            continue
        if name in nested[schema.places[name]]:
            (nested if stored == name else nested["properties"])[stored] = value
            continue
        if value.__class__ is float and schema.kinds[name].name == "float":
            value = shortest_float32(value)
        nested[schema.places[name]][name] = value
    return nested


_UNION_BRANCHES: Final = frozenset(
    ("string", "int", "long", "float", "double", "boolean", "array", "bytes", "map")
)


def _without_union(value: Any) -> Any:
    if not isinstance(value, dict) or not _is_union(value):
        return value
    (inner,) = value.values()
    return _without_unions(inner) if isinstance(inner, list) else inner


def _is_union(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in _UNION_BRANCHES


def _without_unions(values: list[Any]) -> list[Any]:
    return [_without_union(value) for value in values]


def _values(
    raw: dict[str, Any], problems: list[Problem]
) -> Iterator[tuple[str, str, Any]]:
    for place, reason in (
        ("user", Reason.BAD_USER),
        ("properties", Reason.BAD_PROPERTIES),
    ):
        part = raw.get(place)
        if isinstance(part, dict):
            yield from ((place, name, value) for name, value in part.items())
        elif part is not None:
            flaw = f"is {_article(part)}, not an object"
            problems.append(Problem(place, flaw, reason))
    for name, value in raw.items():
        if name not in _ENVELOPE:
            yield "envelope", name, value


def _read_time(
    raw: dict[str, Any],
    fields: dict[str, Any],
    extra: dict[str, Any],
    problems: list[Problem],
) -> None:
    time = raw.get("time")
    seconds = epoch_seconds(fields.get("time_ms") if time is None else time)
    if seconds is None:
        flaw = "is missing" if time is None else "is no moment between 1970 and 2100"
        problems.append(Problem("time", flaw, Reason.BAD_TIME))
        return
    fields["time"] = int(seconds)
    if time is None or time.__class__ is not int or time != fields["time"]:
        problems.append(Problem("time", "is no whole number of epoch seconds"))
        if time is not None:
            extra[extra_key("envelope", "time")] = time


_DIGITS: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")

_UNITS: Final = ((1, 0), (10**3, 10**12), (10**6, 10**15), (10**9, 10**18))
"""
Ticks per second, and the smallest number that is read in that unit: September 2001.

A lower limit would read a date far in the future as another one: year 9999 in seconds
as 1978 in milliseconds.
"""


def epoch_seconds(time: object) -> float | int | None:
    """
    Return *time* in UTC epoch seconds; ``None`` if it is not between 1970 and 2100.

    Braze sends whole seconds. A number from 10^12 on is read as milliseconds, from
    10^15 on as microseconds and from 10^18 on as nanoseconds, which begin in 2001.
    Digits in text are read too.
    """
    if isinstance(time, str):
        if not _DIGITS.fullmatch(time):
            return None
        time = float(time) if "." in time else int(time)
    if isinstance(time, bool) or not isinstance(time, int | float):
        return None
    if not 0 < time < YEAR_2100 * 10**9:
        return None
    ticks = max(ticks for ticks, least in _UNITS if time >= least)
    seconds, rest = divmod(time, ticks)
    if seconds >= YEAR_2100:
        return None
    return time if ticks == 1 else seconds + rest * 10**6 // ticks / 10**6


def id_text(value: object) -> str | None:
    """
    Return the id of an event as text; ``None`` if *value* cannot identify one.

    A number is its decimal text, 5.0 the same as 5. Neither a boolean nor a float
    beyond 2^53, which two ids may have been rounded to, identifies an event.
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        if not -_EXACT <= value <= _EXACT:
            return None
        return str(int(value)) if value == int(value) else repr(value)
    return str(value) if value.bit_length() <= _MAX_ID_BITS else None


_EXACT: Final = 2.0**53
_MAX_ID_BITS: Final = 3_000
"""Python refuses to write integers of over 4,300 digits."""


def _identified(cls: type[_Event], event_id: object, fields: dict[str, Any]) -> _Event:
    event = cls.__new__(cls)
    event.__dict__ = fields
    if isinstance(event_id, str) and event_id:
        event.id = event_id
        return event
    if event_id is not None and event_id != "":
        event.extra = {**event.extra, extra_key("envelope", "id"): event_id}
    if text := id_text(event_id):
        event.id = text
        return event
    event.id = ""
    event.id = _digest(event.to_raw())
    return event


def _digest(raw: dict[str, Any]) -> str:
    """
    Return an id for an event without one: the same for the same content.
    """
    canonical = json.dumps(raw, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _refusal(reason: Reason, path: str, flaw: str) -> EventError:
    return EventError((Problem(path, flaw, reason),))


def _article(value: object) -> str:
    names: dict[type, str] = {dict: "an object", list: "a list", str: "text"}
    if value is None or isinstance(value, bool):
        return "null" if value is None else "a boolean"
    name = type(value).__name__
    other = f"a number ({name})" if isinstance(value, int | float) else f"a {name}"
    return names.get(type(value), other)


_KNOWN: Final = EventParser(EVENT_TYPES)


def configure_converter(
    converter: cattrs.BaseConverter,
    *,
    strict: bool = False,
    event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
) -> None:
    """
    Teach a cattrs *converter* to read and write Currents events.

    ``converter.structure(raw, EmailClick)`` then reads *raw* in any wire form, exactly
    as `parse_event` does, and ``converter.unstructure(event)`` is ``event.to_raw()``.
    For a base or a group, such as `CurrentsEvent`, the event has to name its type.

    Raises:
        EventError: While structuring: no event, or one of another class.
    """
    parser = EventParser(event_types)

    def structure(raw: Any, cls: type[CurrentsEvent]) -> CurrentsEvent:
        event = parser.parse(raw, getattr(cls, "event_type", None), strict)
        if not isinstance(event, cls):
            flaw = f"is {event.event_type}, which is no {cls.__name__}"
            raise _refusal(Reason.BAD_EVENT_TYPE, "event_type", flaw)
        return event

    converter.register_structure_hook_func(_is_event, structure)
    converter.register_unstructure_hook_func(_is_event, lambda event: event.to_raw())


def make_converter(*, strict: bool = False) -> cattrs.Converter:
    """
    Return a new cattrs converter that knows Currents events.
    """
    import cattrs

    converter = cattrs.Converter()
    configure_converter(converter, strict=strict)
    return converter


def _is_event(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, CurrentsEvent)
