"""
Trace each property of a call to the fields that it comes from, with probes.

Probes are complete events of a class with values that are recognized wherever a mapper
puts them, and the same events with one field changed. Mappers are not inspected: a
difference between the calls of two probes comes from that field.
"""

import datetime as dt
import re
import types
import typing
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from types import MappingProxyType, NoneType
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import attrs

from braze_heap.events import CurrentsEvent, EventField, UnknownEvent, event_fields
from braze_heap.heap.calls import AddUserProperties, Track, Value
from braze_heap.mappers._custom import custom_of, is_event_taker
from braze_heap.mappers._structure import (
    DICTS,
    LISTS,
    has_members,
    members_of,
    unwrapped,
)
from braze_heap.parsing import parse_event
from braze_heap.reasons import Reason, SkipReason
from braze_heap.results import Rejected, Skipped
from braze_heap.testing import make_raw
from braze_heap.testing._samples import TIME
from braze_heap.transformer import Transformer

Variant: TypeAlias = Literal["a", "b", "c"]
"""Distinguishes values of one field."""

ANY_KEY: Final = "q7anyx"  # A name within an object that represents all names

_QUOTED: Final = re.compile(r"``([A-Za-z][\w -]{1,30})``")
_TEXT: Final = re.compile(r"q7f(\d{4})x[abc]", re.IGNORECASE)
_ANY_KEY: Final = re.compile(ANY_KEY, re.IGNORECASE)
_HEX_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

_PLACEHOLDERS: Final = {"name": "name of the custom event", "event_type": "event type"}


class SentinelValues:
    """
    Provide values for the fields of one event class, and find the field of a value.

    Attributes:
        fields_in_names: The fields whose values were found in names.
    """

    def __init__(self) -> None:
        self.fields_in_names: set[str] = set()
        self._labels: list[str] = []
        self._numbers: dict[float, str] = {}
        self._readable: dict[str, str] = {}

    def text(self, label: str, variant: Variant = "a") -> str:
        """Return a string that represents *label*. It is recognized in any case."""
        return f"q7f{self._index(label):04d}x{variant}"

    def number(self, label: str, variant: Variant = "a", fraction: float = 0) -> float:
        """Return a number that represents *label*; an integer without *fraction*."""
        number = 70_000 + 10 * self._index(label) + "abc".index(variant)
        self._numbers[number] = self._numbers[number + fraction] = label
        return number + fraction

    def _index(self, label: str) -> int:
        if label not in self._labels:
            self._labels.append(label)
        return self._labels.index(label)

    def labels_in(self, value: Any) -> set[str]:
        """Return the labels of the values in *value*."""
        if isinstance(value, str):
            return {self._labels[int(number)] for number in _TEXT.findall(value)}
        label = self._numbers.get(value)
        return {label} if label else set()

    def readable(self, name: str) -> str:
        """Return *name* with placeholders, such as ``Braze <channel>``, ``tags.*``."""
        if name not in self._readable:
            self.fields_in_names |= self.labels_in(name)
            named = _TEXT.sub(lambda found: self._placeholder(found[1]), name)
            self._readable[name] = _ANY_KEY.sub("*", named)
        return self._readable[name]

    def _placeholder(self, index: str) -> str:
        return _placeholder(self._labels[int(index)])

    def labels_named_in(self, name: str) -> set[str]:
        """Return the labels of the placeholders in a readable *name*."""
        return {label for label in self.fields_in_names if _placeholder(label) in name}


def _placeholder(label: str) -> str:
    return f"<{_PLACEHOLDERS.get(label, label)}>"


def without_sentinels(value: Any) -> str:
    """Return *value* as an example that people understand."""
    text = _ANY_KEY.sub("name", _TEXT.sub("example", str(value)))
    return "<64 hexadecimal digits>" if _HEX_DIGEST.fullmatch(text) else text


TIMES: Final = MappingProxyType(
    {
        "time": (TIME, TIME + 29 * 3_600),
        "time_ms": (TIME * 1_000 + 123, TIME * 1_000 + 456),
    }
)
"""Time of the events, and another one, on another day and at another hour."""

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
    An event for a trial mapping; a sample has realistic values.

    It differs from a complete event in the field *changed*.
    """

    fields: Mapping[str, Any]
    changed: str | None = None
    is_sample: bool = False

    def with_field(self, name: str, value: Any) -> "Probe":
        """Return the same event with one field changed; ``None`` removes it."""
        fields = {**self.fields, name: value}
        given = {n: v for n, v in fields.items() if v is not None}
        return Probe(given, name, self.is_sample)


class ProbeFactory:
    """
    Factory of the probes of one event class.

    Args:
        transformer: Its options have names that probes cannot guess.
        cls: The class.
        event_type: Type of the events if it has no class; ``None`` for all such types.

    Attributes:
        sentinels: Source of the values.
        fields: Fields of the class that Braze sends.
        names_read: Dotted names of the values that mappers read within objects.
    """

    def __init__(
        self,
        transformer: Transformer,
        cls: type[CurrentsEvent],
        event_type: str | None = None,
    ) -> None:
        self.cls = cls
        self.sentinels = SentinelValues()
        self.names_read: set[str] = set()
        # Braze sends some types without a user. Probes with a user would plan events
        # that never come.
        self.fields: Mapping[str, EventField] = {
            name: field
            for name, field in event_fields(cls).items()
            if field.documented or name not in IDENTIFYING
        }
        self._transformer = transformer
        self._unknown_type = {}
        if cls is UnknownEvent:
            event_type = event_type or self.sentinels.text("event_type")
            self._unknown_type = {"event_type": event_type}

    def complete(self) -> list[Probe]:
        """Return two complete events: all true, and all false without a machine."""
        values = {name: self._values(field) for name, field in self.fields.items()}
        yes, no = ({name: v[i] for name, v in values.items()} for i in (0, 1))
        no.pop("machine_open", None)
        return [Probe(yes | self._unknown_type), Probe(no | self._unknown_type)]

    def independent(self) -> Iterator[Probe]:
        """Yield an event with identifying fields only, and events of typed classes."""
        if self._unknown_type:
            return
        yield self._with_sentinels(IDENTIFYING)
        complete, _ = self.complete()
        customs = self._transformer.mappers.custom_registrations()
        for (event_type, name), entry in customs.items():
            custom = custom_of(entry.key)
            is_of_class = event_type == getattr(self.cls, "event_type", "")
            if custom and isinstance(entry.key, type) and is_of_class:
                properties = self._instance(entry.key, custom.field)
                if is_event_taker(entry.mapper):  # it also sends undeclared ones
                    properties[ANY_KEY] = self.sentinels.text(custom.field)
                typed = complete.with_field(custom.field, properties)
                yield typed.with_field(custom.discriminator, name) if name else typed

    def sample(self) -> Probe:
        """Return a realistic event, except for the fields that are in names."""
        if self._unknown_type:
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
        marked = self._with_sentinels(self.sentinels.fields_in_names)
        return Probe({**fields, **marked.fields}, is_sample=True)

    def changes(self, complete: Probe) -> Iterator[Probe]:
        """Yield *complete* with one field changed, for every possible change."""
        for name, field in self.fields.items():
            first, second, *others = self._values(field)
            usual = [first, second] if first != second else [first]
            for value in (*others, *usual):
                if value != complete.fields.get(name):
                    yield complete.with_field(name, value)
            if name not in ("id", "time") and name in complete.fields:
                yield complete.with_field(name, None)
        # A field that the class does not know.
        yield complete.with_field("extra", {ANY_KEY: self.sentinels.text("*")})

    def _with_sentinels(self, names: Iterable[str]) -> Probe:
        known = [self.fields[name] for name in names if name in self.fields]
        return Probe({field.name: self._values(field)[0] for field in known})

    def _values(self, field: EventField) -> list[Any]:
        """Return those of the two complete events, and others that may matter."""
        name, kind = field.name, field.kind
        if name in TIMES:
            return [TIMES[name][0], *TIMES[name]]
        if kind == "boolean":
            return [True, False]
        if kind in ("int", "float", "double"):
            fraction = 0 if kind == "int" else 0.25
            return [self.sentinels.number(name, v, fraction) for v in ("a", "b")]
        a, b, c = (self.sentinels.text(name, variant) for variant in ("a", "b", "c"))
        if kind == "array<string>":
            return [[a, c], [b, c]]
        if kind == "json object":
            any_key = _AnyKeyDict({ANY_KEY: c}, name, self.names_read)
            hinted = self._hinted(name, c)
            return [{ANY_KEY: a}, {ANY_KEY: b}, {}, any_key, *hinted]
        if kind == "json text":
            objects = (f'{{"{ANY_KEY}": "{text}"}}' for text in (a, b))
            return [*objects, c, "{}", f'["{c}"]']
        if name in CHOICES:
            return [CHOICES[name][0], *CHOICES[name], a]
        known = {*self.fields, "None", "True", "False"}
        words = [word for word in _QUOTED.findall(field.doc) if word not in known]
        if name == "name":
            prefix = self._transformer.naming.own_prefix
            renamed = self._transformer.naming.event_renames
            own = [name for name in renamed if name.startswith(prefix)]
            words += [name.removeprefix(prefix) for name in own]
        return [a, b, *words]

    def _hinted(self, name: str, text: str) -> Iterator[dict[str, Any]]:
        """Yield objects with the names in the options that are within field *name*."""
        naming = self._transformer.naming
        renamed = (
            n.removeprefix(naming.property_prefix) for n in naming.property_renames
        )
        for path in (*self._transformer.personal_data.overrides, *renamed):
            root, _, inner = path.partition(".")
            if root == name and inner:
                value: Any = text
                for step in reversed(inner.split(".")):
                    value = {step: value}
                yield value

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
        is_deep = path.count(".") > 6  # a class that contains itself
        if outer is typing.Literal:
            return getattr(arguments[0], "value", arguments[0])
        if outer in (typing.Union, types.UnionType):
            options = [o for o in arguments if o is not NoneType]
            is_null = is_deep and len(options) < len(arguments)
            return None if is_null else self._fitting(options[0], path)
        if outer in DICTS:
            key, value = arguments or (str, str)
            name = ANY_KEY if key in (str, Any) else self._fitting(key, path)
            return {name: self._fitting(value, path)}
        if outer is tuple and arguments and arguments[-1] is not ...:
            return [self._fitting(argument, path) for argument in arguments]
        if outer in LISTS:
            items = arguments[:1] or (str,)
            return [] if is_deep else [self._fitting(item, path) for item in items]
        if isinstance(hint, type) and issubclass(hint, Enum):
            return next(iter(hint)).value
        if has_members(hint):
            return self._instance(hint, path)
        if hint in (int, float, Decimal):
            return self.sentinels.number(path)
        return _VALUES.get(hint) or self.sentinels.text(path)


_VALUES: Final[Mapping[Any, Any]] = {
    bool: True,
    dt.date: "2026-01-02",
    dt.datetime: "2026-01-02T03:04:05Z",
    dt.time: "03:04:05",
    UUID: "7c6e5b0b-6987-4f37-8f8d-1b9df686f646",
}
"""Values for types that no text or number with a name fits."""


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


Holder: TypeAlias = str | None
"""Name of an event; ``None`` for the user."""

MAX_BASES: Final = 24  # Maximum number of complete events of a class that are varied


@attrs.define
class Evidence:
    """
    Evidence about one property: the fields on which it depends, and its values.

    Each value, from a sample or not, has the first probe that produced it.
    """

    values: dict[tuple[Value, bool], Probe] = attrs.field(factory=dict)
    sources: set[str] = attrs.field(factory=set)


@attrs.frozen
class _Observation:
    """Result of one probe. All names are readable."""

    properties: Mapping[Holder, Mapping[str, Value]]
    envelope: tuple[Any, ...]  # identity, timestamp and idempotency key
    is_mapped: bool

    @property
    def kinds(self) -> set[tuple[Holder, str]]:
        """Its events and user properties."""
        found = self.properties.items()
        return _names(
            {holder: names if holder is None else [""] for holder, names in found}
        )


class Trace:
    """
    Results of the probes of *factory*, which *transformer* maps.

    Complete events come first, each with its changes. A change that leads to a new
    event or user property becomes a complete event too. So does a realistic event that
    leads to a new property.

    Attributes:
        properties: Evidence by holder and name.
        redacted: The fields that the policy for personal data redacted.
        envelope_fields: The fields that decide identity, timestamp and idempotency key.
        reasons: Number of probes that were not mapped, by reason.
        details: One detail for each reason.
        deletes: Whether an event deleted the user.
        tried: Number of probes.
    """

    def __init__(self, transformer: Transformer, factory: ProbeFactory) -> None:
        self.properties: defaultdict[Holder, defaultdict[str, Evidence]] = defaultdict(
            lambda: defaultdict(Evidence)
        )
        self.redacted: set[str] = set()
        self.envelope_fields: tuple[set[str], ...] = (set(), set(), set())
        self.reasons: Counter[SkipReason | Reason] = Counter()
        self.details: dict[SkipReason | Reason, str] = {}
        self.deletes = False
        self.tried = 0
        self._transformer = transformer
        self._factory = factory
        self._sentinels = factory.sentinels
        for probe in factory.independent():
            self._add(probe)
        bases: list[Probe] = []
        shown: set[tuple[Holder, str]] = set()
        pending = factory.complete()
        while pending and len(bases) < MAX_BASES:
            bases.append(pending.pop(0))
            pending += self._vary(bases[-1], shown)
        self._add_samples(bases)

    def _vary(self, complete: Probe, shown: set[tuple[Holder, str]]) -> Iterator[Probe]:
        """Change a complete event in every way. Yield probes with new kinds."""
        whole = self._add(complete)
        shown |= whole.kinds
        for probe in self._factory.changes(complete):
            seen = self._add(probe)
            if probe.changed and seen.is_mapped and whole.is_mapped:
                self._compare(probe.changed, whole, seen)
            if seen.kinds - shown:
                shown |= seen.kinds
                yield probe

    def _add_samples(self, bases: list[Probe]) -> None:
        """Add realistic events, for examples and for mappers that need such values."""
        sample = self._factory.sample()
        known = _names(self.properties)
        if not _names(self._add(sample).properties) <= known:
            list(self._vary(sample, set()))
        for base in bases:
            if name := base.changed:
                self._add(sample.with_field(name, base.fields.get(name)))

    def _add(self, probe: Probe) -> _Observation:
        """Map one probe, and record the result."""
        result = self._transformer.transform([self._factory.cls(**probe.fields)])
        self.tried += 1
        self.redacted.update(result.redacted)
        unmapped: list[Skipped | Rejected] = [*result.skipped, *result.rejected]
        for item in unmapped:
            self.reasons[item.reason] += 1
            self.details.setdefault(item.reason, getattr(item, "detail", ""))
        properties: dict[Holder, dict[str, Value]] = {}
        envelope: tuple[Any, ...] = (None, None, None)
        for call in result.calls:
            holder: Holder = None
            if isinstance(call, Track):
                holder = self._sentinels.readable(call.event)
                envelope = (call.identity, call.timestamp, call.idempotency_key)
            elif not isinstance(call, AddUserProperties):
                self.deletes = True
                continue
            seen, found = properties.setdefault(holder, {}), self.properties[holder]
            for name, value in call.properties.items():
                readable, key = self._sentinels.readable(name), (value, probe.is_sample)
                seen[readable] = value
                if key not in found[readable].values:
                    found[readable].values[key] = probe
                    found[readable].sources |= self._sentinels.labels_in(value)
        return _Observation(properties, envelope, not unmapped)

    def _compare(self, changed: str, was: _Observation, now: _Observation) -> None:
        """Record what changed with the field *changed*."""
        for fields, before, after in zip(
            self.envelope_fields, was.envelope, now.envelope, strict=True
        ):
            if before != after:
                fields.add(changed)
        for holder in was.properties.keys() & now.properties.keys():
            before, after = was.properties[holder], now.properties[holder]
            for name in before.keys() | after.keys():
                if before.get(name) != after.get(name):
                    self.properties[holder][name].sources.add(changed)


def _names(found: Mapping[Holder, Iterable[str]]) -> set[tuple[Holder, str]]:
    return {(holder, name) for holder, names in found.items() for name in names}


def of_everybody(transformer: Transformer) -> Transformer:
    """
    Return *transformer* without the options that skip people.

    The person in the probes may be suppressed, or in no sample; others are not.
    """
    sampling = transformer._policies.sampling
    return transformer._with_policies(
        suppresses=None, sampling=sampling and sampling.of_everybody()
    )
