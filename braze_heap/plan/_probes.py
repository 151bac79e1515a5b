"""Complete events of a class, and the same events with one change."""

import datetime as dt
import re
import types
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from types import MappingProxyType, NoneType
from typing import Any, Final
from uuid import UUID

import attrs

from braze_heap.events import CurrentsEvent, EventField, event_fields
from braze_heap.mappers._structure import (
    DICTS,
    LISTS,
    has_members,
    members_of,
    unwrapped,
)
from braze_heap.parsing import parse_event
from braze_heap.plan._sentinels import ANY_KEY, SentinelValues, Variant
from braze_heap.testing import make_raw
from braze_heap.testing._samples import TIME

LATER: Final = TIME + 29 * 3_600
"""Another time, on another day and at another hour."""

IDENTIFYING: Final = ("id", "time", "user_id", "external_user_id")

CHOICES: Final = MappingProxyType(
    {
        "channel": ("email", "push", "sms", "whatsapp", "line", "rcs"),
        "machine_open": ("true",),
        "subscription_status": ("Subscribed", "Unsubscribed", "Opted In"),
        "timezone": ("Europe/Paris", "Asia/Tokyo"),
    }
)
"""
Values of fields on which mappers branch. For other fields the docstring's quoted values
are used.
"""


@attrs.frozen
class Probe:
    """
    An event for a trial mapping.

    Attributes:
        fields: Its fields.
        changed: Field in which it differs from the complete event.
        is_sample: Whether its values are realistic.
    """

    fields: Mapping[str, Any]
    changed: str | None = None
    is_sample: bool = False

    def with_field(self, name: str, value: Any) -> "Probe":
        """Return the same event with one field changed; ``None`` removes it."""
        fields = {**self.fields, name: value}
        given = {n: v for n, v in fields.items() if v is not None}
        return Probe(given, name, self.is_sample)


@attrs.frozen
class Hints:
    """
    Names in the options of a transformer, which probes cannot guess.

    Attributes:
        event_names: Names of custom events.
        paths: Dotted names of properties within objects.
    """

    event_names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@attrs.frozen
class ProbeFactory:
    """
    Factory of the probes of one event class.

    Attributes:
        cls: The class.
        sentinels: Source of the values.
        hints: Names from the options of the transformer.
        event_type: Type of the events if the type has no class.
        names_read: Dotted names of the values that mappers read within objects.
    """

    cls: type[CurrentsEvent]
    sentinels: SentinelValues
    hints: Hints = Hints()
    event_type: str = ""
    fields: Mapping[str, EventField] = attrs.field(init=False)
    names_read: set[str] = attrs.field(init=False, factory=set)

    @fields.default
    def _fields_of_class(self) -> Mapping[str, EventField]:
        # Braze sends some types without a user. Probes with a user would plan events
        # that never come.
        return {
            name: field
            for name, field in event_fields(self.cls).items()
            if field.documented or name not in IDENTIFYING
        }

    def complete(self) -> list[Probe]:
        """Return two complete events: all true, and all false without a machine."""
        yes = {n: self._value(f, "a", truth=True) for n, f in self.fields.items()}
        no = {n: self._value(f, "b", truth=False) for n, f in self.fields.items()}
        no.pop("machine_open", None)
        typed = {"event_type": self.event_type} if self.event_type else {}
        return [Probe(yes | typed), Probe(no | typed)]

    def minimal(self) -> Probe:
        """Return an event with only the identifying fields."""
        known = [name for name in IDENTIFYING if name in self.fields]
        return Probe({n: self._value(self.fields[n], "a", truth=True) for n in known})

    def sample(self, marked: set[str]) -> Probe:
        """Return a realistic event, except for the fields *marked*."""
        if self.event_type:
            return self.complete()[0]
        raw = make_raw(self.cls, only=self.fields.keys())
        event_types = {self.cls.event_type: self.cls}
        fields = dict(parse_event(raw, event_types=event_types).__dict__)
        fields.pop("extra", None)
        for name, field in self.fields.items():
            if field.kind == "json object":
                fields[name] = {ANY_KEY: "green"}
            elif field.kind == "json text":
                fields[name] = f'{{"{ANY_KEY}": "green"}}'
        known = marked & self.fields.keys()
        fields |= {n: self._value(self.fields[n], "a", truth=True) for n in known}
        return Probe(fields, is_sample=True)

    def typed(self, probe: Probe, field: str, cls: type[Any]) -> Probe:
        """Return *probe* with properties that fit the attrs class *cls* in *field*."""
        return probe.with_field(field, self._instance(cls, field))

    def changes(self, complete: Probe) -> Iterator[Probe]:
        """Yield *complete* with one field changed, for every possible change."""
        variant: Variant = (
            "b" if self.sentinels.variant_of(complete.fields["id"]) == "a" else "a"
        )
        for name, field in self.fields.items():
            for value in self._alternatives(field, complete.fields.get(name), variant):
                yield complete.with_field(name, value)
            if name not in ("id", "time") and name in complete.fields:
                yield complete.with_field(name, None)
        # A field that the class does not know.
        yield complete.with_field("extra", {ANY_KEY: self.sentinels.text("*")})

    def _value(self, field: EventField, variant: Variant, *, truth: bool) -> Any:
        name, sentinels = field.name, self.sentinels
        if name in CHOICES and field.kind == "string":
            return CHOICES[name][0]
        if name == "time":
            return TIME
        if name == "time_ms":
            return TIME * 1_000 + 123
        if field.kind == "boolean":
            return truth
        if field.kind == "int":
            return sentinels.number(name, variant)
        if field.kind in ("float", "double"):
            return sentinels.fraction(name, variant)
        if field.kind == "array<string>":
            return [sentinels.text(name, variant), sentinels.text(name, "c")]
        if field.kind == "json object":
            return {ANY_KEY: sentinels.text(name, variant)}
        if field.kind == "json text":
            return f'{{"{ANY_KEY}": "{sentinels.text(name, variant)}"}}'
        return sentinels.text(name, variant)

    def _alternatives(
        self, field: EventField, value: Any, variant: Variant
    ) -> Iterator[Any]:
        name = field.name
        if name in ("time", "time_ms"):
            yield {"time": LATER, "time_ms": TIME * 1_000 + 456}[name]
            return
        if field.kind == "json object":
            yield {}
            text = self.sentinels.text(name, "c")
            yield _AnyKeyDict({ANY_KEY: text}, name, self.names_read)
            yield from self._hinted(name)
        elif field.kind == "json text":
            yield from (self.sentinels.text(name, "c"), "{}")
            yield f'["{self.sentinels.text(name, "c")}"]'
        elif field.kind == "string":
            yield from self._choices(field, variant)
        yield self._value(field, variant, truth=value is not True)

    def _choices(self, field: EventField, variant: Variant) -> Iterator[str]:
        if field.name in CHOICES:
            yield from CHOICES[field.name][1:]
            yield self.sentinels.text(field.name, variant)
        else:
            yield from filter(self._is_value, _QUOTED.findall(field.doc))
        if field.name == "name":
            yield from self.hints.event_names

    def _is_value(self, quoted: str) -> bool:
        return quoted not in self.fields and quoted not in ("None", "True", "False")

    def _hinted(self, name: str) -> Iterator[dict[str, Any]]:
        for path in self.hints.paths:
            root, _, inner = path.partition(".")
            if root == name and inner:
                yield _nested(inner.split("."), self.sentinels.text(name, "c"))

    def _instance(self, cls: type[Any], path: str) -> dict[str, Any]:
        return {
            member.name: self._fitting(member.hint, f"{path}.{member.name}")
            for member in members_of(cls)
        }

    def _fitting(self, hint: Any, path: str) -> Any:
        """Return a JSON value that fits the type *hint*."""
        hint = unwrapped(hint)
        arguments = typing.get_args(hint)
        outer = typing.get_origin(hint) or hint
        is_deep = path.count(".") > _MAX_STEPS  # a class that contains itself
        if outer is typing.Literal:
            return getattr(arguments[0], "value", arguments[0])
        if outer in (typing.Union, types.UnionType):
            options = [o for o in arguments if o is not NoneType]
            is_null = is_deep and len(options) < len(arguments)
            return None if is_null else self._fitting(options[0], path)
        if outer in DICTS:
            return self._fitting_dict(arguments or (str, str), path)
        if outer is tuple and arguments and arguments[-1] is not ...:
            return [self._fitting(argument, path) for argument in arguments]
        if outer in LISTS:
            items = arguments[:1] or (str,)
            return [] if is_deep else [self._fitting(item, path) for item in items]
        if isinstance(hint, type) and issubclass(hint, Enum):
            return next(iter(hint)).value
        if has_members(hint):
            return self._instance(hint, path)
        return self._fitting_scalar(hint, path)

    def _fitting_dict(self, arguments: tuple[Any, ...], path: str) -> dict[Any, Any]:
        key, value = arguments
        name = ANY_KEY if key in (str, Any) else self._fitting(key, path)
        return {name: self._fitting(value, path)}

    def _fitting_scalar(self, hint: Any, path: str) -> Any:
        if hint in (int, float, Decimal):
            return self.sentinels.number(path)
        if hint is bool:
            return True
        return _TEXTS.get(hint) or self.sentinels.text(path)


_MAX_STEPS: Final = 6
"""Levels of objects in the properties of a typed event."""

_TEXTS: Final[Mapping[Any, str]] = {
    dt.date: "2026-01-02",
    dt.datetime: "2026-01-02T03:04:05Z",
    dt.time: "03:04:05",
    UUID: "7c6e5b0b-6987-4f37-8f8d-1b9df686f646",
}
"""Values for types that are strings of one format."""


_QUOTED: Final = re.compile(r"``([A-Za-z][\w -]{1,30})``")


class _AnyKeyDict(dict[str, Any]):
    """Object that contains every key. Adds the dotted names that are read to *read*."""

    def __init__(self, given: Mapping[str, Any], path: str, read: set[str]) -> None:
        super().__init__(given)
        self._path = path
        self._read = read

    def __deepcopy__(self, _: Any) -> "_AnyKeyDict":
        return _AnyKeyDict(self, self._path, self._read)

    def __missing__(self, key: str) -> Any:
        self._read.add(f"{self._path}.{key}")
        return self[ANY_KEY]

    def __contains__(self, key: object) -> bool:
        return True

    def get(self, key: str, *_: Any) -> Any:
        """Return the value of all keys."""
        return self[key]


def _nested(steps: list[str], value: Any) -> dict[str, Any]:
    first, *rest = steps
    return {first: _nested(rest, value) if rest else value}
