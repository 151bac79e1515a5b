"""Sample events: plausible, the same on every run, with invented people."""

import copy
import functools
import json
import struct
import uuid
from collections.abc import Collection, Mapping
from importlib import resources
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

import attrs

from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of, several
from braze_heap.events import EVENT_TYPES, CurrentsEvent, EventField, event_fields
from braze_heap.events._field_types import FIELD_TYPES, INVALID, FieldType
from braze_heap.events._schema import schema_of
from braze_heap.mappers._standard import copy_of
from braze_heap.transformer import Transformer

Form: TypeAlias = Literal["http", "storage", "union"]
"""
The three forms of an event on the wire: the nested one of HTTP requests, the flat
record of storage files, and the same record as ``avro-tools tojson`` writes it.
"""

TIME: Final = 1_767_225_600  # of sample events: 2026-01-01 00:00 UTC

_USER: Final = frozenset(("user_id", "external_user_id"))
"""Ids of the user. Without one of them an event would be skipped."""

_Event = TypeVar("_Event", bound=CurrentsEvent)


def make_event(
    cls: type[_Event], /, *, transformer: Transformer | None = None, **fields: Any
) -> _Event:
    """
    Return an event with an id, a time, a user, and *fields*. The rest is ``None``.

    Args:
        cls: An event class, shipped or your own.
        transformer: Makes the event as a mapper of this transformer gets it: redacted,
            guarded, with clean URLs. By default it has all *fields* as they are.
        **fields: Fields of *cls*. ``None`` removes a field: an event with
            ``external_user_id=None`` is one of an anonymous user.

    Raises:
        TypeError: *cls* is not an event type, or lacks the field, or the field cannot
            have the value. Or *transformer* is not a `Transformer`.
    """
    check_class("make_event", cls)
    known, usual = event_fields(cls), ("id", "time", "user_id", "external_user_id")
    documented = [known[name] for name in usual if known[name].documented]
    values = {field.name: _sample(cls, field) for field in documented}
    values |= {name: _fitted(cls, name, value) for name, value in fields.items()}
    event = cls(**values)
    if transformer is None:
        return event
    if not isinstance(transformer, Transformer):
        raise TypeError(f"make_event needs a Transformer, not {kind_of(transformer)}")
    seen = copy_of(event)
    policies = transformer._policies
    custom = policies.custom_of(seen)
    policies.redaction.apply(seen)
    declared = custom.declared(custom.read(seen)) if custom else frozenset()
    policies.redaction.guard(seen, declared)
    return seen


def make_raw(
    event_type: str | type[CurrentsEvent],
    /,
    *,
    form: Form = "http",
    only: Collection[str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """
    Return a decoded event as Braze sends it, with every field filled.

    Args:
        event_type: The type as Braze writes it, or its class.
        form: The wire form. ``"http"`` is nested and carries the type; ``"storage"`` is
            the flat record that an Avro reader gives, and ``"union"`` the one that
            ``avro-tools tojson`` writes: pass their type to `parse_event`.
        only: The fields to fill, in addition to ``id``, ``time`` and *fields*. The
            user's ids are filled too, unless *only* contains one of them. The default
            is every field that Braze documents for the form, or for the type if Braze
            does not document the form.
        **fields: Values by field name, as the event class spells it. They are not
            checked, and may be invalid. ``None`` removes a field.

    Raises:
        ValueError: The event type or the form does not exist.
        TypeError: The type does not have the field, or *only* is a single text.
    """
    cls = class_of(event_type)
    if form not in get_args(Form):
        raise ValueError(
            f"form must be one of {', '.join(get_args(Form))}, not {form!r}"
        )
    known = event_fields(cls)
    for name in (*fields, *several("only", only or (), "field")):
        if name not in known:
            raise TypeError(_unknown(f"{cls.__name__} has no field", name, known))
    if only is None:
        in_form = attrgetter("http" if form == "http" else "storage")
        filled = {name for name, field in known.items() if in_form(field)}
        filled = filled or {name for name, field in known.items() if field.documented}
    else:
        ids = {name for name in _USER if name in known and known[name].documented}
        filled = {"id", "time", *(ids if _USER.isdisjoint(only) else ()), *only}
    values = {
        name: _sample(cls, field) for name, field in known.items() if name in filled
    }
    given = {name: v for name, v in (values | fields).items() if v is not None}
    if form == "http":
        return _http(cls, known, given)
    return {
        known[name].storage or name: _stored(cls, name, value, form)
        for name, value in given.items()
    }


def _fitted(cls: type[CurrentsEvent], name: str, value: Any) -> Any:
    kind = schema_of(cls).kinds.get(name)
    if kind is None or value is None:
        return value
    fitted = kind.validate(value)
    if fitted is INVALID:
        raise TypeError(
            f"{cls.__name__}.{name} holds {kind.name}, never {type(value).__name__}. "
            "Use make_raw for invalid events."
        )
    return fitted


def check_class(user: str, cls: type[_Event]) -> None:
    """Raise a `TypeError` if *cls*, given to *user*, is not the class of an event."""
    if not isinstance(cls, type) or not issubclass(cls, CurrentsEvent):
        raise TypeError(f"{user} needs an event class, not {kind_of(cls)}")
    if not hasattr(cls, "event_type") and "event_type" not in attrs.fields_dict(cls):
        raise TypeError(
            f"{cls.__name__} is not an event type: pass a class derived from it"
        )


def class_of(event_type: str | type[CurrentsEvent]) -> type[CurrentsEvent]:
    """Return the class of *event_type*, which may be the class."""
    if not isinstance(event_type, str):
        if hasattr(event_type, "event_type"):
            return event_type
        raise TypeError(f"make_raw needs an event type, not {kind_of(event_type)}")
    if event_type not in EVENT_TYPES:
        raise ValueError(_unknown("No event type is called", event_type, EVENT_TYPES))
    return EVENT_TYPES[event_type]


def _unknown(flaw: str, name: str, known: Collection[str]) -> str:
    return f"{flaw} {name!r}.{did_you_mean(name, known)}"


def _http(
    cls: type[CurrentsEvent], fields: Mapping[str, EventField], given: dict[str, Any]
) -> dict[str, Any]:
    raw: dict[str, Any] = {"event_type": cls.event_type}
    parts: dict[str, dict[str, Any]] = {"envelope": raw, "user": {}, "properties": {}}
    for name, value in given.items():
        parts[fields[name].place][name] = value
    return raw | {"user": parts["user"], "properties": parts["properties"]}


def _stored(cls: type[CurrentsEvent], name: str, value: Any, form: Form) -> Any:
    kind = schema_of(cls).kinds.get(name)
    if kind is None:
        return value
    if kind.name == "json object" and not isinstance(value, str):
        value = json.dumps(value)
    if kind.name in ("float", "double") and type(value) is int:
        value = float(value)
    if form == "union" and name not in _NEVER_NULL:
        return _in_union(value, kind)
    if kind.name == "float" and type(value) is float:
        return struct.unpack("f", struct.pack("f", value))[0]
    return value


def _in_union(value: Any, kind: FieldType | None = None) -> Any:
    if isinstance(value, list):
        has_null = kind is FIELD_TYPES[list[str | None]]
        return {"array": [_in_union(item) for item in value] if has_null else value}
    branch = _BRANCHES.get(type(value))
    if branch == "double" and kind and kind.name == "float":
        branch = "float"
    if branch == "int" and not -(2**31) <= value < 2**31:
        branch = "long"
    return value if branch is None else {branch: value}


_BRANCHES: Final = MappingProxyType(
    {str: "string", bool: "boolean", float: "double", int: "int"}
)
"""Type to its name in a union of Avro."""


def _sample(cls: type[CurrentsEvent], field: EventField) -> Any:
    if field.name == "id":
        return uuid_of(getattr(cls, "event_type", cls.__name__))
    if field.name == "time":
        return TIME
    samples = _samples()[_SAMPLE_GROUPS.get(field.kind, field.kind)]
    sample = samples.get(field.name, samples.get(""))
    if sample is None and field.name.endswith("_id"):
        sample = uuid_of(field.name)
    elif sample is None:
        sample = f"Example {field.name.removesuffix('_name').replace('_', ' ')}"
    return [sample] if field.kind == "array<string>" else copy.deepcopy(sample)


def uuid_of(name: str) -> str:
    """Return the UUID for *name*, always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _samples() -> Mapping[str, Mapping[str, Any]]:
    """
    Read the sample values, by group and field name. The name "" is the default.

    Persons, hosts, addresses and numbers are of the ranges reserved for examples
    (RFC 2606, RFC 5737, 555-0100 to -0199).
    """
    samples: Mapping[str, Mapping[str, Any]] = read_data("samples.json")
    return samples


@functools.cache
def read_data(name: str) -> Any:
    """Return the JSON of a file beside this module."""
    file = resources.files("braze_heap.testing").joinpath(name)
    return json.loads(file.read_text("utf-8"))


_SAMPLE_GROUPS: Final = MappingProxyType(
    {"string": "text", "array<string>": "text", "float": "number", "double": "number"}
)

_NEVER_NULL: Final = frozenset(("user_id", "custom_properties", "purchase_properties"))
"""Required by the Avro schemas like id and time, so they are not unions."""
