"""JSON Schema of the events in a tracking plan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from braze_heap.heap.calls import MAX_IDENTITY, MAX_TEXT
from braze_heap.plan._tables import privacy

if TYPE_CHECKING:
    from braze_heap.plan._model import PlannedEvent, PlannedProperty

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema, or a part of one."""

_TEXT: Final[Schema] = {"type": "string", "maxLength": MAX_TEXT}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_EITHER: Final[Schema] = {"type": ["string", "number"], "maxLength": MAX_TEXT}

_NUMBER: Final[Schema] = {
    "type": ["number", "string"],
    "pattern": r"^(-?[0-9]{16,}|-?Infinity|NaN)$",  # of text alone
}
"""Numbers that Heap cannot represent are text."""

_VALUES: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "any": _EITHER,
        "boolean as text": {"enum": ["true", "false"]},
        "number": _NUMBER,
        "text or number": _EITHER,
        # A number that is not a time between 1970 and 2100 stays a number.
        "time as text": {**_TIME, "type": ["string", "number"]},
    }
)
"""Type of a property to the schema of its values; the others are text."""


def json_schemas(events: Sequence[PlannedEvent]) -> Iterator[Schema]:
    """Yield a document for each name of an event in Heap, sorted by name."""
    by_name = attrgetter("name")
    for name, same in groupby(sorted(events, key=by_name), key=by_name):
        yield _document(name, [*same])


def pattern_of(name: str) -> str:
    """
    Return a regular expression for the names that a planned name represents.

    It means the same in Python and in JavaScript, as JSON Schema demands.
    """
    parts = (_SPECIAL.sub(r"\\\g<0>", part) for part in _PLACEHOLDER.split(name))
    return f"^{_ANYTHING.join(parts)}$"


def is_pattern(name: str) -> bool:
    """Return whether a planned name represents names that are not known beforehand."""
    return bool(_PLACEHOLDER.search(name))


_PLACEHOLDER: Final = re.compile(r"<[^<>]+>|\*")
_SPECIAL: Final = re.compile(r"[\\^$.+?()\[\]{}|]")
_ANYTHING: Final = r"[\s\S]+"


def _document(name: str, events: Sequence[PlannedEvent]) -> Schema:
    by_name = attrgetter("name")
    planned = sorted((p for e in events for p in e.properties), key=by_name)
    found = {n: _property([*same]) for n, same in groupby(planned, key=by_name)}
    takes_new = any(event.takes_new_fields for event in events)
    properties = {
        "type": "object",
        "properties": {n: p for n, p in found.items() if not is_pattern(n)},
        "patternProperties": {
            pattern_of(n): p for n, p in found.items() if is_pattern(n)
        },
        "additionalProperties": _EITHER if takes_new else False,
    }
    envelope = {
        "event": {"pattern": pattern_of(name)} if is_pattern(name) else {"const": name},
        "identity": {"type": "string", "minLength": 1, "maxLength": MAX_IDENTITY},
        "timestamp": _TIME,
        "idempotency_key": {"type": "string", "minLength": 1},
        "properties": properties,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        "description": " ".join(dict.fromkeys(event.meaning for event in events)),
        "type": "object",
        "properties": envelope,
        "required": [*envelope],
        "additionalProperties": False,
    }


def _property(same: Sequence[PlannedProperty]) -> Schema:
    """Return the schema of a property, which several types of events may have."""
    kinds = [_VALUES.get(kind, _TEXT) for kind in dict.fromkeys(p.type for p in same)]
    marks = sorted(filter(None, {privacy(planned) for planned in same}))
    return {
        **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds}),
        "description": " ".join(dict.fromkeys(p.doc for p in same)),
        **({"$comment": f"Personal data: {', '.join(marks)}."} if marks else {}),
    }
