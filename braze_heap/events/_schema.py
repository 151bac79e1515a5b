"""Tables about the fields of an event class."""

import ast
import functools
import inspect
import itertools
import sys
import typing
from collections.abc import Callable, Mapping
from types import MappingProxyType, NoneType
from typing import Any, TypeVar, cast

import attrs

from braze_heap.events._declare import (
    Place,
    Privacy,
    _EventBase,
    field_metadata,
)
from braze_heap.events._field_types import FIELD_TYPES, FieldType

_F = TypeVar("_F", bound=Callable[..., Any])

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


def cached_by_class(function: _F) -> _F:
    """Cache *function* of a class. For mypy, an event class is not hashable."""
    return cast("_F", functools.cache(function))


@cached_by_class
def schema_of(cls: type[_EventBase]) -> Schema:
    """
    Return the tables of *cls*.

    Raises:
        TypeError: A field is annotated with a type that Currents fields cannot have.
    """
    attributes = [a for a in cls.__attrs_attrs__ if a.name not in ENVELOPE]
    metadata = {a.name: field_metadata(a) for a in attributes}
    kinds = {a.name: _kind_of(cls, a) for a in attributes}
    return Schema(
        kinds=kinds,
        places={name: each.place for name, each in metadata.items()},
        storage_names={name: name for name in metadata}
        | {each.storage: name for name, each in metadata.items() if each.storage},
        personal=frozenset(name for name, each in metadata.items() if each.privacy),
        json_texts=frozenset(n for n, k in kinds.items() if k.name == "json text"),
    )


@cached_by_class
def event_fields(cls: type[_EventBase]) -> Mapping[str, EventField]:
    """Return the fields of the event class *cls* by name, in the order of its bases."""
    fields = {}
    has_storage, release = getattr(cls, "storage", True), getattr(cls, "release", 0)
    older = () if release is ... else range(1, release + 1)  # drift drafts have ...
    for attribute in cls.__attrs_attrs__:
        name, metadata = attribute.name, field_metadata(attribute)
        if name in ("extra", "event_type"):
            continue
        stored = name if metadata.storage == "" else metadata.storage
        fields[name] = EventField(
            name=name,
            kind=_kind_of(cls, attribute).name,
            place="envelope" if name in ENVELOPE else metadata.place,
            http=metadata.http and getattr(cls, "http", True),
            storage=stored if has_storage else None,
            personal=metadata.privacy is Privacy.MARKED,
            sensitive=metadata.privacy is Privacy.SENSITIVE,
            since=None if metadata.since in older else metadata.since,
            deprecated=metadata.deprecated,
            declared_by=next(
                owner for owner in cls.__mro__ if name in inspect.get_annotations(owner)
            ),
        )
    return MappingProxyType(fields)


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
