"""
Declaration of event classes: the class *is* the schema.

A class body lists the fields of one event type, or of a group of types. The specifiers
below add details to the annotation. These are whether the field is personal data, the
Currents release that added it, and its place in the wire forms.
"""

from enum import Enum
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    TypeAlias,
    Unpack,
    dataclass_transform,
)

import attrs

from braze_heap._text import did_you_mean
from braze_heap.events._catalog import (
    CatalogArguments,
    CatalogEntry,
    Status,
    catalog,
    types_by_class,
)

Place: TypeAlias = Literal["envelope", "user", "properties"]
"""Part of the HTTP form of an event that contains a field."""

Float32: TypeAlias = Annotated[float, "32-bit"]
"""A number that Avro stores in 32 bits, read as its shortest decimal."""

JsonText: TypeAlias = Annotated[str, "JSON"]
"""JSON as text in both wire forms. May be truncated or not be JSON at all."""

JsonObject: TypeAlias = Annotated[dict[str, Any], "JSON"]
"""An object over HTTP, JSON text in storage."""


class Privacy(Enum):
    """Reason to treat a field as personal data."""

    MARKED = "marked as personal data by Braze"
    SENSITIVE = "not marked by Braze, but sensitive"


@attrs.frozen
class FieldMetadata:
    """
    Properties of a field beyond its annotation.

    Attributes:
        place: The part of the HTTP form that contains the field.
        privacy: Reason to treat it as personal data; ``None`` if it is not.
        since: The Currents release that added it; ``None`` for version 2 and older.
        http: Whether the HTTP form documents it.
        storage: Its name in a storage record; ``""`` for the same name, ``None`` if it
            is not documented for storage.
        deprecated: Whether Braze advises against relying on it.
    """

    place: Place = "properties"
    privacy: Privacy | None = None
    since: int | None = None
    http: bool = True
    storage: str | None = ""
    deprecated: bool = False


_KEY = "braze_heap"


def field(
    *,
    place: Place = "properties",
    privacy: Privacy | None = None,
    since: int | None = None,
    http: bool = True,
    storage: str | None = "",
    deprecated: bool = False,
) -> Any:
    """Declare a field. See `FieldMetadata` for the arguments."""
    metadata = FieldMetadata(place, privacy, since, http, storage, deprecated)
    return attrs.field(default=None, metadata={_KEY: metadata})


def personal(*, place: Place = "properties", since: int | None = None) -> Any:
    """Declare a field that Braze's documentation marks as personal data."""
    return field(place=place, privacy=Privacy.MARKED, since=since)


def sensitive(*, since: int | None = None) -> Any:
    """Declare a field that Braze does not mark as personal data although it is."""
    return field(privacy=Privacy.SENSITIVE, since=since)


def since(release: int, /) -> Any:
    """Declare a field that Currents release *release* added."""
    return field(since=release)


def http_only(*, place: Place = "properties", privacy: Privacy | None = None) -> Any:
    """Declare a field that storage records do not have."""
    return field(place=place, privacy=privacy, storage=None)


def storage_only(
    *,
    privacy: Privacy | None = None,
    since: int | None = None,
    deprecated: bool = False,
) -> Any:
    """Declare a field that the HTTP form does not document."""
    return field(http=False, privacy=privacy, since=since, deprecated=deprecated)


def field_metadata(attribute: "attrs.Attribute[Any]") -> FieldMetadata:
    """Return the metadata that *attribute* was declared with."""
    metadata: FieldMetadata = attribute.metadata.get(_KEY, FieldMetadata())
    return metadata


@dataclass_transform(kw_only_default=True)
class _EventBase:
    """
    Makes each subclass an attrs class whose instances store only the fields they have.

    An absent field is the class attribute ``None``, so an event takes memory only for
    the fields that it has. The arguments of a class are its ``event_type`` and, for a
    type that the catalog lacks, `CatalogArguments`. A class of this package has the
    type that the catalog lists with its name.

    Attributes:
        event_type: The type as Braze writes it. Classes without one are groups.
        display_name: See `CatalogEntry`, also for the others.
    """

    __attrs_attrs__: ClassVar[Any]
    _names: ClassVar[frozenset[str]] = frozenset()
    _entry: ClassVar[CatalogEntry]

    event_type: str
    display_name: str
    release: int
    status: Status
    http: bool
    storage: bool

    def __init_subclass__(
        cls, *, event_type: str | None = None, **details: Unpack[CatalogArguments]
    ) -> None:
        super().__init_subclass__()
        if event_type is None and cls.__module__.startswith("braze_heap.events."):
            event_type = types_by_class().get(cls.__name__)
        declared = [n for n in cls.__annotations__ if n in cls.__dict__]
        attrs.define(cls, slots=False, kw_only=True, init=False, repr=False, eq=False)
        cls._names = frozenset(a.name for a in cls.__attrs_attrs__)
        for name in declared:
            default = getattr(cls.__attrs_attrs__, name).default
            setattr(cls, name, None if default is attrs.NOTHING else default)
        if details and event_type is None:
            raise TypeError(f"{cls.__name__} needs event_type= with {min(details)}=")
        if event_type is not None:
            entry = catalog().get(event_type) or CatalogEntry(
                event_type, cls.__name__, display_name=event_type
            )
            if details or entry.class_name != cls.__name__:
                entry = attrs.evolve(entry, class_name=cls.__name__, **details)
            cls._entry = entry
            cls.event_type = event_type
            for name in ("display_name", "release", "status", "http", "storage"):
                setattr(cls, name, getattr(entry, name))

    def __init__(self, **fields: Any) -> None:
        cls = type(self)
        if unknown := fields.keys() - self._names:
            hint = did_you_mean(min(unknown), self._names)
            raise TypeError(f"{cls.__name__} has no field {min(unknown)!r}.{hint}")
        given = {n: v for n, v in fields.items() if v is not getattr(cls, n, None)}
        required = (a.name for a in self.__attrs_attrs__ if a.default is attrs.NOTHING)
        if missing := [name for name in required if name not in given]:
            raise TypeError(f"{cls.__name__} needs {' and '.join(missing)}")
        self.__dict__.update(given)
