"""Base class of all Currents events."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from braze_heap.events._declare import Privacy, _EventBase, field
from braze_heap.events._schema import schema_of


class CurrentsEvent(_EventBase):
    """
    One event of Braze Currents.

    Only `id` and `time` are always set, because Braze has made required fields optional
    before. Any event can have the four keys of ``user`` over HTTP, even if Braze does
    not document them for its type. Two events are equal if their types and fields are.
    """

    id: str
    """Identifier of the event; the same if Braze delivers the event again."""

    time: int
    """When it happened, UTC epoch seconds."""

    user_id: str | None = field(
        place="user", privacy=Privacy.MARKED, http=False, storage=None
    )
    """Braze's id of the profile. Braze does not document it for the type."""

    external_user_id: str | None = field(
        place="user", privacy=Privacy.MARKED, http=False, storage=None
    )
    """Your own id of the user. Braze does not document it for the type."""

    device_id: str | None = field(place="user", http=False, storage=None)
    """Device of the user. Braze does not document it for the type."""

    timezone: str | None = field(place="user", http=False, storage=None)
    """Time zone of the user, an IANA name. Braze does not document it for the type."""

    extra: Mapping[str, Any] = MappingProxyType({})
    """
    Unknown fields and invalid values, as Braze sent them.

    The key of a property is its name. Anything outside ``properties`` has its JSON
    Pointer (RFC 6901) as key, such as ``/user/loyalty_tier``.
    """

    def to_raw(self) -> dict[str, Any]:
        """Return the event in the HTTP form, including everything in `extra`."""
        raw: dict[str, Any] = {
            "event_type": self.event_type,
            "id": self.id,
            "time": self.time,
            "user": {},
            "properties": {},
        }
        places = schema_of(type(self)).places
        for name, value in self._given():
            if name in places:
                raw[places[name]][name] = value
        for key, value in self.extra.items():
            *parents, name = split_pointer(key)
            (raw[parents[0]] if parents else raw)[name] = value
        return raw

    def _given(self) -> Iterator[tuple[str, Any]]:
        return ((n, v) for n, v in self.__dict__.items() if v is not None)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__ or (
            dict(self._given()) | {"extra": self.extra}
            == dict(other._given()) | {"extra": other.extra}
        )

    def __repr__(self) -> str:
        """Return a text without personal data, links, objects and lists."""
        schema = schema_of(type(self))
        shown = [f"id={self.id!r}", f"time={self.time!r}"]
        for name, value in self._given():
            if name in schema.places:
                hidden = name in schema.personal or isinstance(value, dict | list)
                hidden = hidden or name.endswith("url")
                shown.append(f"{name}={'...' if hidden else repr(value)}")
        if self.extra:
            shown.append(f"extra=<{len(self.extra)} more>")
        return f"{type(self).__name__}({', '.join(shown)})"


def split_pointer(key: str) -> list[str]:
    """Return the path in the HTTP form of *key* of `CurrentsEvent.extra`."""
    if not key.startswith("/"):
        return ["properties", key]
    return [s.replace("~1", "/").replace("~0", "~") for s in key[1:].split("/")]


def extra_key(place: str, name: str) -> str:
    """Return the key in `CurrentsEvent.extra` of the field *name* at *place*."""
    if place == "properties" and not name.startswith("/"):
        return name
    steps = (name,) if place == "envelope" else (place, name)
    return "".join("/" + s.replace("~", "~0").replace("/", "~1") for s in steps)
