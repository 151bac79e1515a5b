"""
How an event class is declared: the class *is* the schema.

A class body lists the fields of one event type, or of a group of types. The specifiers
below add what an annotation cannot say: whether Braze marks the field as personal
data, which Currents release added it, and where it stands on the wire.
"""

import difflib
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, dataclass_transform

import attrs

Place: TypeAlias = Literal["envelope", "user", "properties"]
"""Where a field stands in the HTTP form of an event."""

Status: TypeAlias = Literal["current", "beta", "deprecated", "legacy"]
"""What Braze says about the life of an event type."""

Float32: TypeAlias = Annotated[float, "32-bit"]
"""A number that Avro stores in 32 bits: read back as its shortest decimal."""

JsonText: TypeAlias = Annotated[str, "JSON"]
"""JSON as text in both wire forms. May be cut or be no JSON at all."""

JsonObject: TypeAlias = Annotated[dict[str, Any], "JSON"]
"""An object over HTTP, JSON text in storage."""


class Privacy(Enum):
    """
    Why a field is treated as personal data.
    """

    MARKED = "marked as personal data by Braze"
    SENSITIVE = "not marked by Braze, and still sensitive"


@attrs.frozen
class FieldMetadata:
    """
    What the annotation of a field cannot say.

    Attributes:
        place: The part of the HTTP form that holds the field.
        privacy: Why the field is personal data; ``None`` if it is not.
        since: The Currents release that added it; ``None`` for version 2 and older.
        http: Whether the HTTP form documents it.
        storage: Its name in a storage record; ``""`` for the same name, ``None`` where
            it is not documented for storage.
        deprecated: Whether Braze asks not to rely on it any more.
    """

    place: Place = "properties"
    privacy: Privacy | None = None
    since: int | None = None
    http: bool = True
    storage: str | None = ""
    deprecated: bool = False


_KEY = "braze_heap"
_PLAIN = FieldMetadata()


def field(
    *,
    place: Place = "properties",
    privacy: Privacy | None = None,
    since: int | None = None,
    http: bool = True,
    storage: str | None = "",
    deprecated: bool = False,
) -> Any:
    """
    Declare a field, with what its annotation cannot say. See `FieldMetadata`.
    """
    wire = FieldMetadata(place, privacy, since, http, storage, deprecated)
    return attrs.field(default=None, metadata={_KEY: wire})


def personal(
    *,
    place: Place = "properties",
    since: int | None = None,
    http: bool = True,
    storage: str | None = "",
) -> Any:
    """
    Declare a field that Braze's documentation marks as personal data.
    """
    return field(
        place=place,
        privacy=Privacy.MARKED,
        since=since,
        http=http,
        storage=storage,
    )


def sensitive(*, since: int | None = None) -> Any:
    """
    Declare a field that Braze does not mark as personal data although it is.
    """
    return field(privacy=Privacy.SENSITIVE, since=since)


def since(release: int, /) -> Any:
    """
    Declare a field that Currents release *release* added.
    """
    return field(since=release)


def http_only(*, place: Place = "properties", privacy: Privacy | None = None) -> Any:
    """
    Declare a field that storage records do not carry.
    """
    return field(place=place, privacy=privacy, storage=None)


def storage_only(
    *,
    privacy: Privacy | None = None,
    since: int | None = None,
    deprecated: bool = False,
) -> Any:
    """
    Declare a field that the HTTP form does not document.
    """
    return field(
        http=False,
        privacy=privacy,
        since=since,
        deprecated=deprecated,
    )


def field_metadata(attribute: "attrs.Attribute[Any]") -> FieldMetadata:
    """
    Return what was declared beside the annotation of *attribute*.
    """
    wire: FieldMetadata = attribute.metadata.get(_KEY, _PLAIN)
    return wire


@dataclass_transform(kw_only_default=True)
class _EventBase:
    """
    Makes each subclass an attrs class whose instances hold only what is set.

    A field that is absent is the class attribute ``None``, so an event costs memory for
    the fields that it has and not for those that its type could have.

    Attributes:
        event_type: The type as Braze writes it. Classes without one are groups.
        display_name: The name that Braze's documentation gives the type.
        release: The Currents release that added the type; 2 for it and all before.
        status: What Braze says about the life of the type.
        http: Whether Braze documents the type for the HTTP connector.
        storage: Whether Braze documents the type for storage.
    """

    __attrs_attrs__: ClassVar[Any]
    _names: ClassVar[frozenset[str]] = frozenset()
    _schema: ClassVar[Any]

    event_type: str
    display_name: str
    release: int
    status: Status
    http: bool
    storage: bool

    def __init_subclass__(
        cls,
        *,
        event_type: str | None = None,
        display_name: str | None = None,
        release: int = 2,
        status: Status = "current",
        http: bool = True,
        storage: bool = True,
    ) -> None:
        super().__init_subclass__()
        declared = [n for n in cls.__annotations__ if n in cls.__dict__]
        attrs.define(cls, slots=False, kw_only=True, init=False, repr=False, eq=False)
        cls._names = frozenset(a.name for a in cls.__attrs_attrs__)
        for name in declared:
            default = getattr(cls.__attrs_attrs__, name).default
            setattr(cls, name, None if default is attrs.NOTHING else default)
        if event_type is not None:
            cls.event_type = event_type
            cls.display_name = display_name or event_type
            cls.release = release
            cls.status = status
            cls.http = http
            cls.storage = storage

    def __init__(self, **fields: Any) -> None:
        if fields.keys() - self._names:
            raise TypeError(_unexpected(type(self), fields.keys() - self._names))
        absent = type(self)
        given = {n: v for n, v in fields.items() if v is not getattr(absent, n, None)}
        missing = [
            a.name
            for a in self.__attrs_attrs__
            if a.default is attrs.NOTHING and a.name not in given
        ]
        if missing:
            raise TypeError(f"{type(self).__name__} needs {' and '.join(missing)}")
        self.__dict__.update(given)


def _unexpected(cls: type[_EventBase], names: set[str]) -> str:
    name = min(names)
    close = difflib.get_close_matches(name, cls._names, 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{cls.__name__} has no field {name!r}.{hint}"
