"""Raw events with nulls, unknown fields and invalid values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from braze_heap.events import EVENT_TYPES, CurrentsEvent, event_fields
from braze_heap.events._field_types import FIELD_TYPES, INVALID, FieldType
from braze_heap.events._schema import schema_of
from braze_heap.testing import Form, make_raw
from braze_heap.testing.strategies import fields_of, json_values

_T = TypeVar("_T")

Raw = dict[str, Any]


def odd_raw_events(
    *event_types: str,
    form: Form = "http",
    nulls: bool = False,
    unknown_fields: bool = False,
    invalid: bool = False,
) -> SearchStrategy[Raw]:
    """
    `raw_events` with oddities.

    Args:
        *event_types: Types as Braze writes them. The default is all of them.
        form: The wire form.
        nulls: Whether fields may be null instead of absent.
        unknown_fields: Whether there may be fields that the class does not have.
        invalid: Whether values may have another type than the field.
    """
    return st.one_of(
        [
            _raw(EVENT_TYPES[event_type], form, nulls, unknown_fields, invalid)
            for event_type in event_types or EVENT_TYPES
        ]
    )


@st.composite
def _raw(
    draw: st.DrawFn,
    cls: type[CurrentsEvent],
    form: Form,
    nulls: bool,
    unknown_fields: bool,
    invalid: bool,
) -> Raw:
    fields = draw(fields_of(cls))
    if invalid:
        fields |= draw(_invalid_fields(cls))
    raw = make_raw(cls, form=form, only=(), **fields)
    if nulls:
        _add_nulls(draw, cls, form, raw, fields.keys())
    if unknown_fields:
        parts = [raw, raw["user"], raw["properties"]] if form == "http" else [raw]
        for part in parts:
            part.update(draw(_UNKNOWN_FIELDS))
    return raw


def _add_nulls(
    draw: st.DrawFn,
    cls: type[CurrentsEvent],
    form: Form,
    raw: Raw,
    present: Collection[str],
) -> None:
    absent = [f for f in event_fields(cls).values() if f.name not in present]
    for field in draw(_some(absent)):
        if form == "http":
            raw[field.place][field.name] = None
        else:
            raw[field.storage or field.name] = None


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


_TEXTS: Final = st.text(max_size=20)
_INTEGERS: Final = st.integers(-(2**63), 2**63 - 1)

_JSON_TYPES: Final[tuple[tuple[Any, SearchStrategy[Any]], ...]] = (
    (True, st.booleans()),
    (5, _INTEGERS),
    (2.5, st.floats(allow_nan=False, allow_infinity=False)),
    ("text", _TEXTS),
    ([5], st.lists(_INTEGERS, min_size=1, max_size=3)),
    ({}, st.dictionaries(_TEXTS, _TEXTS, max_size=3)),
)
"""A value of each JSON type, and a strategy for others."""

_INVALID: Final = {kind: _invalid_value(kind) for kind in FIELD_TYPES.values()}

_UNKNOWN_FIELDS: Final = st.dictionaries(
    _TEXTS.map("new_".__add__), json_values(max_leaves=3), max_size=2
)
