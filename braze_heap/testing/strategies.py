"""
Hypothesis strategies: any event that Braze may send, and some that it never should.

>>> @given(events(EmailClick))
... def test_clicks_are_named(event):
...     assert click(event).name == "Newsletter Click"

Needs Hypothesis. Values are of the right type and otherwise arbitrary, because Braze
promises types, not contents: a time zone may be any text.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar, overload

from braze_heap._errors import requires_extra
from braze_heap.events import EVENT_TYPES, CurrentsEvent, UnknownEvent, event_fields
from braze_heap.events._field_types import FIELD_TYPES, INVALID, FieldType
from braze_heap.events._schema import schema_of
from braze_heap.parsing import YEAR_2100
from braze_heap.testing._samples import Form, make_raw

with requires_extra(__name__, "hypothesis"):
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy

__all__ = ["batches", "events", "json_values", "raw_events"]

_Event = TypeVar("_Event", bound=CurrentsEvent)
_T = TypeVar("_T")

_Raw: TypeAlias = dict[str, Any]


def json_values(*, max_leaves: int = 8) -> SearchStrategy[Any]:
    """
    Any value that a JSON decoder gives, save NaN and infinities.

    Args:
        max_leaves: The most values that are neither an object nor an array.
    """
    return st.recursive(
        st.none() | st.booleans() | _INTEGERS | _DOUBLES | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=max_leaves,
    )


@overload
def events() -> SearchStrategy[CurrentsEvent]: ...


@overload
def events(cls: type[_Event], /, *classes: type[_Event]) -> SearchStrategy[_Event]: ...


def events(*classes: type[Any]) -> SearchStrategy[Any]:
    """
    Typed events, each with some of the fields of its class.

    Args:
        *classes: Event classes, shipped or your own. By default every shipped one.
    """
    return st.one_of([_built(cls) for cls in classes or EVENT_TYPES.values()])


def raw_events(
    *event_types: str,
    form: Form = "http",
    nulls: bool = False,
    unknown_fields: bool = False,
    invalid: bool = False,
) -> SearchStrategy[_Raw]:
    """
    Decoded events as Braze sends them, each with some of the fields of its type.

    Args:
        *event_types: Types as Braze writes them. By default every one.
        form: The wire form, see `braze_heap.testing.make_raw`.
        nulls: Whether fields may be null instead of absent.
        unknown_fields: Whether there may be fields that the class does not have.
        invalid: Whether values may be of another type than the field's.

    Raises:
        ValueError: *form* is one that does not carry the type, and there is not exactly
            one *event_types*: nobody could tell what was drawn.
    """
    if form != "http" and len(event_types) != 1:
        raise ValueError(f"The form {form!r} does not carry its type: name one type.")
    return st.one_of(
        [
            _raw(
                cls,
                _fields(cls),
                _invalid_fields(cls) if invalid else st.just({}),
                form,
                nulls,
                unknown_fields,
            )
            for cls in map(EVENT_TYPES.__getitem__, event_types or EVENT_TYPES)
        ]
    )


def batches(
    events: SearchStrategy[_Raw] | None = None, /, *, max_size: int = 20
) -> SearchStrategy[dict[str, list[_Raw]]]:
    """
    Decoded request bodies: ``{"events": [...]}``.

    Args:
        events: What is in them; by default `raw_events` of every type.
        max_size: The most events in one. Braze sends 100 by default.
    """
    drawn = raw_events() if events is None else events
    return st.fixed_dictionaries({"events": st.lists(drawn, max_size=max_size)})


def _built(cls: type[_Event]) -> SearchStrategy[_Event]:
    return _fields(cls).map(lambda fields: cls(**fields))


@st.composite
def _raw(
    draw: st.DrawFn,
    cls: type[CurrentsEvent],
    some_fields: SearchStrategy[dict[str, Any]],
    some_invalid: SearchStrategy[dict[str, Any]],
    form: Form,
    nulls: bool,
    unknown_fields: bool,
) -> _Raw:
    fields = draw(some_fields) | draw(some_invalid)
    raw = make_raw(cls, form=form, only=(), **fields)
    if nulls:
        _add_nulls(draw, cls, form, raw, fields.keys())
    if unknown_fields:
        _add_unknown_fields(draw, form, raw)
    return raw


def _add_nulls(
    draw: st.DrawFn,
    cls: type[CurrentsEvent],
    form: Form,
    raw: _Raw,
    present: Collection[str],
) -> None:
    absent = [f for f in event_fields(cls).values() if f.name not in present]
    for field in draw(_some(absent)):
        if form == "http":
            raw[field.place][field.name] = None
        else:
            raw[field.storage or field.name] = None


def _add_unknown_fields(draw: st.DrawFn, form: Form, raw: _Raw) -> None:
    parts = [raw, raw["user"], raw["properties"]] if form == "http" else [raw]
    for part in parts:
        part.update(draw(_UNKNOWN_FIELDS))


def _fields(cls: type[CurrentsEvent]) -> SearchStrategy[dict[str, Any]]:
    kinds = schema_of(cls).kinds
    required = {"id": st.uuids().map(str), "time": st.integers(1, YEAR_2100 - 1)}
    if issubclass(cls, UnknownEvent):
        required["event_type"] = st.just("users.messages.example.Send")
    return st.fixed_dictionaries(
        required, optional={name: _values(kind) for name, kind in kinds.items()}
    )


def _invalid_fields(cls: type[CurrentsEvent]) -> SearchStrategy[dict[str, Any]]:
    invalid = {name: _INVALID[kind] for name, kind in schema_of(cls).kinds.items()}
    return _some(list(invalid)).flatmap(
        lambda names: st.fixed_dictionaries({name: invalid[name] for name in names})
    )


def _invalid_value(kind: FieldType) -> SearchStrategy[Any]:
    others = [
        values for typical, values in _JSON_TYPES if kind.validate(typical) is INVALID
    ]
    return st.one_of(others).filter(lambda value: kind.validate(value) is INVALID)


def _some(choices: Sequence[_T]) -> SearchStrategy[list[_T]]:
    if not choices:
        return st.just([])
    chosen = st.lists(st.integers(0, len(choices) - 1), max_size=4, unique=True)
    return chosen.map(lambda indices: [choices[i] for i in indices])


def _values(kind: FieldType) -> SearchStrategy[Any]:
    if kind is FIELD_TYPES[list[str | None]]:
        return st.lists(st.none() | _TEXTS, max_size=4)
    return _VALUES[kind.name]


_TEXTS: Final = st.text(max_size=20)

_INTEGERS: Final = st.integers(-(2**63), 2**63 - 1)

_DOUBLES: Final = st.floats(allow_nan=False, allow_infinity=False)

_FLOATS: Final = st.floats(
    width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False
).map(lambda value: float(f"{value:.6g}"))
"""Six digits, as many as 32 bits hold of any decimal: equal in all wire forms."""

_OBJECTS: Final = st.dictionaries(_TEXTS, json_values(), max_size=3)

_VALUES: Final[Mapping[str, SearchStrategy[Any]]] = MappingProxyType(
    {
        "string": _TEXTS,
        "int": _INTEGERS,
        "boolean": st.booleans(),
        "double": _DOUBLES,
        "float": _FLOATS,
        "array<string>": st.lists(_TEXTS, max_size=4),
        "json text": _TEXTS | json_values().map(json.dumps),
        "json object": _OBJECTS,
    }
)

_JSON_TYPES: Final[tuple[tuple[Any, SearchStrategy[Any]], ...]] = (
    (True, st.booleans()),
    (5, _INTEGERS),
    (2.5, _DOUBLES),
    ("text", _TEXTS),
    ([5], st.lists(_INTEGERS, min_size=1, max_size=3)),
    ({}, st.dictionaries(_TEXTS, _TEXTS, max_size=3)),
)
"""A value of each JSON type, and how to draw others."""

_INVALID: Final = MappingProxyType(
    {kind: _invalid_value(kind) for kind in FIELD_TYPES.values()}
)

_UNKNOWN_FIELDS: Final = st.dictionaries(
    _TEXTS.map("new_".__add__), json_values(max_leaves=3), max_size=2
)
