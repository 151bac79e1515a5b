"""
Parse decoded events into typed events.

Three wire forms give equal events: the HTTP form (nested), storage records (not
nested), and storage records with explicit unions, as ``avro-tools tojson`` writes them.
Types are exact and values are never converted: invalid ones go to
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

from braze_heap._json_limits import MAX_EXACT
from braze_heap._text import json_kind, utf16_length
from braze_heap.events import EVENT_TYPES, CurrentsEvent, UnknownEvent
from braze_heap.events._base import extra_key
from braze_heap.events._field_types import INVALID, shortest_float32
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
"""UTF-16 units of an event type, which becomes a Heap property."""

YEAR_2100: Final = 4_102_444_800
"""UTC epoch seconds. Later times come from a wrong clock."""

_ENVELOPE = ("event_type", "id", "time", "user", "properties")

_Event = TypeVar("_Event", bound=CurrentsEvent)


@attrs.frozen
class Problem:
    """
    One flaw of an event.

    Attributes:
        path: Its place, such as ``properties.send_time``; empty for the whole event.
        flaw: Description. Never the value, because it may be personal data.
        reason: Set if the flaw makes the event unusable.
    """

    path: str
    flaw: str
    reason: Reason | None = None

    def __str__(self) -> str:
        return f"{self.path or 'the event'} {self.flaw}"


@attrs.frozen
class EventError(BrazeHeapError, ValueError):
    """
    A decoded value is not an event or, with ``strict=True``, has flaws.

    Attributes:
        problems: All flaws, the most serious first.
    """

    problems: tuple[Problem, ...]

    @property
    def reason(self) -> Reason | None:
        """
        Reason of the most serious flaw, as in reports and dead letters; ``None`` if the
        event is usable without ``strict=True``.
        """
        return self.problems[0].reason

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


Reader: TypeAlias = Callable[[dict[str, Any], Any, bool], CurrentsEvent]
"""Function of a decoded event, its type and ``strict`` to the typed event."""


def parse_event(
    raw: object,
    *,
    event_type: str | None = None,
    strict: bool = False,
    event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
) -> CurrentsEvent:
    """
    Parse one decoded event in any of the three wire forms.

    Args:
        raw: The event as returned by a JSON or Avro decoder.
        event_type: The type of a storage record, which does not contain it. Ignored if
            the event contains its type.
        strict: Raise on invalid values, instead of keeping them in ``extra``. Unknown
            types and fields are not invalid.
        event_types: The classes by type. `EventTypes` shows how to add some.

    Returns:
        An instance of the class of its type; an `UnknownEvent` if the type is unknown.

    Raises:
        EventError: *raw* is not an event. With *strict*, it lists all invalid values.
    """
    if event_types is EVENT_TYPES:
        return _KNOWN.parse(raw, event_type, strict)
    return EventParser(event_types).parse(raw, event_type, strict)


class EventParser:
    """
    A reusable `parse_event` for many events.

    Args:
        event_types: The classes by type.
    """

    def __init__(self, event_types: Mapping[str, type[CurrentsEvent]]) -> None:
        self._event_types = event_types
        self._readers: dict[str, Reader] = {}
        self._unknown = compile_reader(UnknownEvent)

    def parse(
        self, raw: object, event_type: str | None = None, strict: bool = False
    ) -> CurrentsEvent:
        """Parse one decoded event; see `parse_event`."""
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
        """Parse an event that lacks its type, or is the first of its type."""
        if isinstance(raw, Mapping) and not isinstance(raw, dict):
            raw = dict(raw)
        if not isinstance(raw, dict):
            flaw = f"is {_article(raw)}, not an object"
            raise _error(Reason.NOT_AN_OBJECT, "", flaw)
        actual: Any = raw.get("event_type")
        if actual is None:
            actual = event_type
        return self._reader(actual)(raw, actual, strict)

    def _reader(self, event_type: Any) -> Reader:
        if not isinstance(event_type, str) or event_type not in self._event_types:
            _check_unknown(event_type)
            return self._unknown
        reader = compile_reader(self._event_types[event_type])
        self._readers[event_type] = reader
        return reader


def _check_unknown(event_type: object) -> None:
    if event_type is None:
        flaw = "is missing: pass event_type=..., storage records do not contain it"
    elif not isinstance(event_type, str):
        flaw = f"is {_article(event_type)}, not text"
    elif not event_type.strip() or utf16_length(event_type) > MAX_EVENT_TYPE:
        flaw = f"is blank or has over {MAX_EVENT_TYPE:,} characters"
    else:
        return
    raise _error(Reason.BAD_EVENT_TYPE, "event_type", flaw)


def compile_reader(cls: type[CurrentsEvent]) -> Reader:
    """Return the function that parses decoded events into *cls*."""
    schema = schema_of(cls)
    if issubclass(cls, UnknownEvent):
        return functools.partial(_read, cls, schema)
    convert = _compile_convert(schema)
    new = cls.__new__

    def read(raw: dict[str, Any], event_type: Any, strict: bool) -> CurrentsEvent:
        fields = convert(raw)
        if fields is None:  # `_read` accepts more, and explains flaws
            return _read(cls, schema, raw, event_type, strict)
        event = new(cls)
        event.__dict__ = fields
        return event

    return read


def _compile_convert(
    schema: Schema,
) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    """
    Return the function of a valid event in the HTTP form, without unknown fields, to
    its typed fields. It returns ``None`` for any other event.
    """
    in_user, in_properties = schema.names_in("user"), schema.names_in("properties")
    others = [
        (n, kind.validate) for n, kind in schema.kinds.items() if not kind.is_text
    ]

    def convert(raw: dict[str, Any]) -> dict[str, Any] | None:
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
        not_text = {}
        for name, validate in others:
            if name in fields and (value := fields.pop(name)) is not None:
                not_text[name] = value = validate(value)
                if value is INVALID:
                    return None
        try:  # one join checks all strings, faster than one by one
            "".join(fields.values())
        except TypeError:
            fields = {name: v for name, v in fields.items() if v is not None}
            if not all(isinstance(value, str) for value in fields.values()):
                return None
        fields |= not_text
        fields["id"] = event_id
        fields["time"] = time
        return fields

    return convert


def _read(
    cls: type[CurrentsEvent],
    schema: Schema,
    raw: dict[str, Any],
    event_type: Any,
    strict: bool,
) -> CurrentsEvent:
    raw = raw if is_nested(raw, schema) else _nest(raw, schema)
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    problems: list[Problem] = []
    for place, name, value in _values(raw, problems):
        kind = schema.kinds[name] if schema.places.get(name) == place else None
        if kind is None:
            extra[extra_key(place, name)] = value
        elif value is not None:
            typed = kind.validate(value)
            if typed is INVALID:
                extra[extra_key(place, name)] = value
                flaw = f"is {_article(value)}, not {kind.name}"
                problems.append(Problem(f"{place}.{name}", flaw))
            else:
                fields[name] = typed
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
    return _with_id(cls, event_id, fields)


def is_nested(raw: dict[str, Any], schema: Schema) -> bool:
    """
    Return whether *raw* is in the HTTP form, not a storage record.

    A storage record may have gained an ``event_type`` on its way.
    """
    properties = raw.get("properties")
    if isinstance(raw.get("user"), dict):
        return True
    if isinstance(properties, dict) and not _is_union(properties):
        return True
    is_flat = any(n in schema.storage_names for n in raw if n != "properties")
    return "event_type" in raw and ("user" in raw or not is_flat)


def _nest(record: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Return a storage record in the HTTP form, without unions and 32-bit floats."""
    nested: dict[str, Any] = {"user": {}, "properties": {}}
    for stored, union in record.items():
        value = _without_union(union)
        name = schema.storage_names.get(stored, stored)
        place = schema.places.get(name)
        if name in ("event_type", "id", "time"):
            nested[name] = value
        elif place is None:
            nested["properties"][stored] = value
        elif value is not None and name in nested[place]:
            (nested if stored == name else nested["properties"])[stored] = value
        elif value is not None:
            if value.__class__ is float and schema.kinds[name].name == "float":
                value = shortest_float32(value)
            nested[place][name] = value
    return nested


_UNION_BRANCHES: Final = frozenset(
    ("string", "int", "long", "float", "double", "boolean", "array", "bytes", "map")
)


def _is_union(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in _UNION_BRANCHES


def _without_union(value: Any) -> Any:
    if not isinstance(value, dict) or not _is_union(value):
        return value
    (inner,) = value.values()
    return [*map(_without_union, inner)] if isinstance(inner, list) else inner


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
        flaw = "is missing" if time is None else "is not between 1970 and 2100"
        problems.append(Problem("time", flaw, Reason.BAD_TIME))
        return
    fields["time"] = int(seconds)
    if time is None or time.__class__ is not int or time != fields["time"]:
        problems.append(Problem("time", "is not a whole number of epoch seconds"))
        if time is not None:
            extra[extra_key("envelope", "time")] = time


_DIGITS: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")

_UNITS: Final = ((1, 0), (10**3, 10**12), (10**6, 10**15), (10**9, 10**18))
"""
Ticks per second, and the smallest number read in that unit: September 2001.

With a lower limit, the year 9999 in seconds would be read as 1978 in milliseconds.
"""


def epoch_seconds(time: object) -> float | int | None:
    """
    Return *time* in UTC epoch seconds; ``None`` if it is not between 1970 and 2100.

    Braze sends whole seconds. A number from 10^12 on is read as milliseconds, from
    10^15 on as microseconds, and from 10^18 on as nanoseconds. These begin in 2001.
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


def exact_time(time: int, exact: object) -> float:
    """Return *exact* in epoch seconds if it is in the second *time*, else *time*."""
    seconds = None if exact is None else epoch_seconds(exact)
    return time if seconds is None or int(seconds) != time else seconds


def id_text(value: object) -> str | None:
    """
    Return the id of an event as text; ``None`` if *value* cannot identify one.

    A number becomes its decimal text, 5.0 the same as 5. A boolean cannot identify an
    event. Neither can a float over 2^53, because two ids may round to it.
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        if not -MAX_EXACT <= value <= MAX_EXACT:
            return None
        return str(int(value)) if value == int(value) else repr(value)
    return str(value) if value.bit_length() <= _MAX_ID_BITS else None


_MAX_ID_BITS: Final = 3_000
"""Maximum size. Python does not convert integers of over 4,300 digits to text."""


def _with_id(cls: type[_Event], event_id: object, fields: dict[str, Any]) -> _Event:
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
    """Return an id derived from the content of an event."""
    canonical = json.dumps(raw, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _error(reason: Reason, path: str, flaw: str) -> EventError:
    return EventError((Problem(path, flaw, reason),))


def _article(value: object) -> str:
    kind = json_kind(value)
    return f"{kind} ({type(value).__name__})" if kind == "a number" else kind


_KNOWN: Final = EventParser(EVENT_TYPES)


def configure_converter(
    converter: cattrs.BaseConverter,
    *,
    strict: bool = False,
    event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
) -> None:
    """
    Register hooks on a cattrs *converter* that read and write Currents events.

    ``converter.structure(raw, EmailClick)`` then parses *raw* in any wire form, exactly
    as `parse_event` does, and ``converter.unstructure(event)`` is ``event.to_raw()``.
    For a base or a group, such as `CurrentsEvent`, the event must contain its type.

    Raises:
        EventError: While structuring: not an event, or one of another class.
    """
    parser = EventParser(event_types)

    def structure(raw: Any, cls: type[CurrentsEvent]) -> CurrentsEvent:
        event = parser.parse(raw, getattr(cls, "event_type", None), strict)
        if not isinstance(event, cls):
            flaw = f"is {event.event_type}, not of the class {cls.__name__}"
            raise _error(Reason.BAD_EVENT_TYPE, "event_type", flaw)
        return event

    converter.register_structure_hook_func(_is_event, structure)
    converter.register_unstructure_hook_func(_is_event, lambda event: event.to_raw())


def make_converter(*, strict: bool = False) -> cattrs.Converter:
    """Return a new cattrs converter for Currents events; see `configure_converter`."""
    import cattrs

    converter = cattrs.Converter()
    configure_converter(converter, strict=strict)
    return converter


def _is_event(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, CurrentsEvent)
