"""Tables about the fields of an event class."""

import ast
import functools
import inspect
import itertools
import sys
import typing
from collections.abc import Iterator, Mapping
from types import MappingProxyType, NoneType
from typing import Any

import attrs

from braze_heap.events._declare import (
    FieldMetadata,
    Place,
    Privacy,
    _EventBase,
    field_metadata,
)
from braze_heap.events._field_types import FIELD_TYPES, FieldType

ENVELOPE = ("id", "time", "extra", "event_type")
"""Fields outside ``user`` and ``properties`` of an event."""


@attrs.frozen
class EventField:
    """
    One field of an event class.

    Attributes:
        name: Its name over HTTP, and on the class.
        kind: Its type as Braze documents it: ``string``, ``int``, ``float`` (32 bits),
            ``double``, ``boolean``, ``array<string>``, ``json text``, ``json object``.
        place: The part of the HTTP form that contains it.
        http: Whether Braze documents it for the HTTP form.
        storage: Its name in storage records; ``None`` if it is not documented for them.
        personal: Whether Braze marks it as personal data.
        sensitive: Whether it is personal data although Braze does not mark it.
        since: The Currents release that added it; ``None`` for version 2 and older.
        deprecated: Whether Braze advises against relying on it.
        declared_by: The class whose body declares it.
    """

    name: str
    kind: str
    place: Place
    http: bool
    storage: str | None
    personal: bool
    sensitive: bool
    since: int | None
    deprecated: bool
    declared_by: type

    @property
    def documented(self) -> bool:
        """
        Whether Braze documents it for the type.

        The keys of ``user`` are fields of every class, because any event may have them
        over HTTP.
        """
        return self.http or self.storage is not None

    @property
    def doc(self) -> str:
        """Meaning and unit: the docstring below its declaration."""
        for owner in self.declared_by.__mro__:
            if doc := docs_in(owner).get(self.name):
                return doc
        return ""


@attrs.frozen
class Schema:
    """
    The tables to read and write events of a class.

    Attributes:
        kinds: Field name to type, without the envelope.
        places: Field name to its place over HTTP.
        storage_names: Name in a storage record to field name. Names over HTTP are
            included, because records may be flattened from the HTTP form.
        personal: Names of the fields that are personal data.
        json_texts: Names of the fields that contain JSON as text.
    """

    kinds: Mapping[str, FieldType]
    places: Mapping[str, Place]
    storage_names: Mapping[str, str]
    personal: frozenset[str]
    json_texts: frozenset[str]

    def names_in(self, place: Place) -> frozenset[str]:
        """Return the names of the fields at *place* over HTTP."""
        return frozenset(name for name, p in self.places.items() if p == place)


def _schema_of(cls: type[_EventBase]) -> Schema:
    attributes = [a for a in cls.__attrs_attrs__ if a.name not in ENVELOPE]
    kinds = {a.name: _kind_of(cls, a) for a in attributes}
    metadata = {a.name: field_metadata(a) for a in attributes}

    return Schema(
        kinds=kinds,
        places={name: each.place for name, each in metadata.items()},
        storage_names={n: n for n in kinds}
        | {each.storage: n for n, each in metadata.items() if each.storage},
        personal=frozenset(n for n, each in metadata.items() if each.privacy),
        json_texts=frozenset(n for n, k in kinds.items() if k.name == "json text"),
    )


def schema_of(cls: type[_EventBase]) -> Schema:
    """
    Return the tables of *cls*.

    Raises:
        TypeError: A field is annotated with a type that Currents fields cannot have.
    """
    schema: Schema | None = cls.__dict__.get("_schema")
    if schema is None:
        schema = cls._schema = _schema_of(cls)
    return schema


def event_fields(cls: type[_EventBase]) -> Mapping[str, EventField]:
    """Return the fields of the event class *cls* by name, in the order of its bases."""
    fields: Mapping[str, EventField] | None = cls.__dict__.get("_event_fields")
    if fields is None:
        fields = MappingProxyType({field.name: field for field in _event_fields(cls)})
        cls._event_fields = fields
    return fields


def _event_fields(cls: type[_EventBase]) -> Iterator[EventField]:
    for attribute in cls.__attrs_attrs__:
        name, metadata = attribute.name, field_metadata(attribute)
        if name in ("extra", "event_type"):
            continue
        yield EventField(
            name=name,
            kind=_kind_of(cls, attribute).name,
            place="envelope" if name in ENVELOPE else metadata.place,
            http=metadata.http and getattr(cls, "http", True),
            storage=_storage_name(cls, name, metadata),
            personal=metadata.privacy is Privacy.MARKED,
            sensitive=metadata.privacy is Privacy.SENSITIVE,
            since=_later_than_type(cls, metadata.since),
            deprecated=metadata.deprecated,
            declared_by=_declaring(cls, name),
        )


def _storage_name(
    cls: type[_EventBase], name: str, metadata: FieldMetadata
) -> str | None:
    if not getattr(cls, "storage", True):
        return None
    return name if metadata.storage == "" else metadata.storage


def _later_than_type(cls: type[_EventBase], since: int | None) -> int | None:
    """Return *since*; ``None`` if the type was added in that release or later."""
    release: Any = getattr(cls, "release", 0)
    if release is ... or since not in range(1, release + 1):  # drift drafts have ...
        return since
    return None


def _declaring(cls: type, name: str) -> type:
    return next(c for c in cls.__mro__ if name in inspect.get_annotations(c))


def _kind_of(cls: type, attribute: "attrs.Attribute[Any]") -> FieldType:
    options = typing.get_args(attribute.type) or (attribute.type,)
    annotation: Any = attribute.type
    if NoneType in options:
        annotation = next(o for o in options if o is not NoneType)
    try:
        return FIELD_TYPES[annotation]
    except (KeyError, TypeError):
        raise TypeError(
            f"{cls.__name__}.{attribute.name} is annotated with {attribute.type!r}, "
            "which is not a type of Currents fields. Use str, int, float, bool, "
            "list[str], JsonText or JsonObject, or one of them | None."
        ) from None


@functools.cache
def docs_in(cls: type) -> Mapping[str, str]:
    """Read the docstrings below the attributes of *cls* from its source."""
    classes = _classes_in(cls.__module__)
    if cls.__name__ not in classes:
        return {}
    body = classes[cls.__name__].body
    return {
        target.id: inspect.cleandoc(below.value.value)
        for above, below in itertools.pairwise(body)
        if isinstance(above, ast.Assign | ast.AnnAssign)
        for target in getattr(above, "targets", [getattr(above, "target", None)])
        if isinstance(target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


@functools.cache
def _classes_in(module: str) -> Mapping[str, ast.ClassDef]:
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError):
        return {}
    return {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
