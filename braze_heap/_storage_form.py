"""Storage records in the HTTP form: unnested fields, Avro unions and 32-bit numbers."""

from typing import Any, Final

from braze_heap.events._field_types import shortest_float32
from braze_heap.events._schema import Schema


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


def nest(record: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Return a storage record in the HTTP form, without unions and 32-bit floats."""
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
        if value is None:
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


def _is_union(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in _UNION_BRANCHES


def _without_union(value: Any) -> Any:
    if not isinstance(value, dict) or not _is_union(value):
        return value
    (inner,) = value.values()
    return [*map(_without_union, inner)] if isinstance(inner, list) else inner
