"""
Hypothesis strategies: every event that Braze may send.

>>> @given(events(EmailClick))
... def test_clicks_are_named(event):
...     assert click(event).name == "Newsletter Click"

Needs Hypothesis. Values have the right type and are otherwise arbitrary, because Braze
documents types, not contents: a time zone may be any text.
"""

import functools
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar, overload

from braze_heap._errors import requires_extra
from braze_heap.events import EVENT_TYPES, CurrentsEvent, UnknownEvent
from braze_heap.events._field_types import FIELD_TYPES, FieldType
from braze_heap.events._schema import schema_of
from braze_heap.parsing import YEAR_2100
from braze_heap.testing._samples import Form, check_class, class_of, make_raw

with requires_extra(__name__, "'braze_heap[testing]'"):
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy

__all__ = ["batches", "events", "json_values", "raw_events"]

_Event = TypeVar("_Event", bound=CurrentsEvent)

_Raw: TypeAlias = dict[str, Any]


def json_values(*, max_leaves: int = 8) -> SearchStrategy[Any]:
    """
    Values that a JSON decoder returns, except NaN and infinities.

    Args:
        max_leaves: Maximum number of values that are neither an object nor an array.
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
        *classes: Event classes, shipped or your own. The default is all shipped ones.
    """
    for cls in classes:
        check_class("events", cls)
    return st.one_of([_built(cls) for cls in classes or EVENT_TYPES.values()])


def raw_events(
    *event_types: str | type[CurrentsEvent], form: Form = "http"
) -> SearchStrategy[_Raw]:
    """
    Decoded events as Braze sends them, each with some of the fields of its type.

    Args:
        *event_types: Types as Braze writes them, or classes. By default all of them.
        form: The wire form, see `braze_heap.testing.make_raw`.

    Raises:
        ValueError: A type does not exist. Or *form* does not carry the type, and
            *event_types* is not one type, so that the type of a drawn event would be
            unknown.
    """
    if form != "http" and len(event_types) != 1:
        raise ValueError(f"The form {form!r} does not carry its type: pass one type.")
    return st.one_of(
        [
            fields_of(cls).map(functools.partial(_raw, cls, form))
            for cls in map(class_of, event_types or EVENT_TYPES)
        ]
    )


def batches(
    events: SearchStrategy[_Raw] | None = None, /, *, max_size: int = 20
) -> SearchStrategy[dict[str, list[_Raw]]]:
    """
    Decoded request bodies: ``{"events": [...]}``.

    Args:
        events: Events of the bodies. The default is `raw_events` of every type.
        max_size: Maximum number of events in a body. Braze sends 100 by default.
    """
    drawn = raw_events() if events is None else events
    return st.fixed_dictionaries({"events": st.lists(drawn, max_size=max_size)})


def _built(cls: type[_Event]) -> SearchStrategy[_Event]:
    return fields_of(cls).map(lambda fields: cls(**fields))


def _raw(cls: type[CurrentsEvent], form: Form, fields: dict[str, Any]) -> _Raw:
    return make_raw(cls, form=form, only=(), **fields)


def fields_of(cls: type[CurrentsEvent]) -> SearchStrategy[dict[str, Any]]:
    """Values of some fields of *cls*, always including ``id`` and ``time``."""
    kinds = schema_of(cls).kinds
    required = {"id": st.uuids().map(str), "time": st.integers(1, YEAR_2100 - 1)}
    if issubclass(cls, UnknownEvent):
        required["event_type"] = st.just("users.messages.example.Send")
    return st.fixed_dictionaries(
        required, optional={name: _values(kind) for name, kind in kinds.items()}
    )


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
"""Six digits, which 32 bits can store, so that all wire forms are equal."""

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
