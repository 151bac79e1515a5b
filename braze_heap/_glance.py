"""
Events of the HTTP form with nothing odd about them, to their calls in one step.

Most events are such, and most are told the standard way. For the class of those it is
known beforehand which fields there can be, which of them are no texts, and which are
left out; so a function is generated that takes the fields one by one, and looks at all
texts in one. Where an event needs a closer look, nothing is done. Tests compare what
comes of it with the roads that look closer.
"""

import functools
import linecache
import re
from collections.abc import Callable, Iterator
from types import CodeType, MappingProxyType
from typing import Any, Final, TypeAlias

import attrs

from braze_heap._batch import Batch
from braze_heap._json import is_json_text
from braze_heap._short_road import ShortRoad, is_small
from braze_heap.events import CurrentsEvent
from braze_heap.events._field_types import INVALID
from braze_heap.events._schema import schema_of
from braze_heap.heap._encoder import PropertyEncoder, are_legal_texts, to_simple_value
from braze_heap.heap.calls import (
    MAX_INTEGER,
    MAX_TEXT,
    Track,
    Value,
    timestamp_of_second,
    to_idempotency_key,
)
from braze_heap.mappers._standard import decoded
from braze_heap.mappers._user_properties import UserProperties
from braze_heap.parsing import YEAR_2100
from braze_heap.policies.identity import IdentityPolicy

Look: TypeAlias = Callable[
    [dict[str, Any], PropertyEncoder, list[str]], dict[str, Any] | None
]
"""
From the fields of an event, which it uses up, to legal properties; ``None``, and
nothing done, if they need a closer look.

Gets what makes values legal, and the list for the names of what is left out.
"""


@attrs.frozen
class Glance:
    """
    What maps the events of one class; `glance_of` makes one.

    Attributes:
        road: What they become.
        identity: The policy for identities; it has a field that names the user.
        in_user: The fields that there can be in their user.
        in_properties: And in their properties.
        look: Makes properties of their fields.
    """

    road: ShortRoad
    identity: IdentityPolicy
    in_user: frozenset[str]
    in_properties: frozenset[str]
    look: Look

    def track(self, raw: dict[str, Any], batch: Batch) -> Track | None:
        """
        Return the track of a decoded event of *batch*; ``None``, and nothing done, if
        it needs a closer look. Whatever is raised means the same.
        """
        user, properties = raw["user"], raw["properties"]
        event_id, time, who = raw["id"], raw["time"], user[self.identity.field]
        if not (
            type(raw) is dict
            and len(raw) == 5
            and type(time) is int
            and 0 < time < YEAR_2100
            and type(event_id) is str
            and event_id
            and event_id not in batch.seen
            and type(who) is str
            and self.identity.is_legal(who)
            and type(user) is dict
            and self.in_user.issuperset(user)
            and type(properties) is dict
            and self.in_properties.issuperset(properties)
        ):
            return None
        encoder, redacted = batch.encoder, batch.result.redacted_fields
        fields = self.look(properties | user, encoder, redacted)
        if fields is None:
            return None
        road = self.road
        name = road.name
        if road.named is not None:
            name = road.named(properties.get("name"), encoder)
        fields["event_type"] = road.cls.event_type
        if road.dress is not None:
            road.dress(fields)
        track = _new(Track)  # as its __init__ does, at half the price
        track.event = name
        track.identity = who
        track.timestamp = timestamp_of_second(time)
        track.idempotency_key = to_idempotency_key(event_id)
        track.properties = fields
        return track

    def user_properties(self, raw: dict[str, Any]) -> UserProperties:
        """
        Return the user properties that a decoded event states, which turns out to have
        a track.
        """
        road = self.road
        if road.user_properties is None:
            return {}
        fields = raw["properties"] | raw["user"]
        for name in road.dropped:
            fields.pop(name, None)
        kinds = schema_of(road.cls).kinds
        for name in road.nested:
            if fields.get(name) is not None:
                fields[name] = kinds[name].validate(fields[name])
        fields["id"], fields["time"] = raw["id"], raw["time"]
        event = _new(road.cls)
        event.__dict__ = fields
        return road.user_properties(event)


_new: Final = object.__new__


def glance_of(road: ShortRoad, identity: IdentityPolicy) -> Glance:
    """
    Return what goes *road* in one step.

    Args:
        road: Where to.
        identity: The policy for identities; it has a field that names the user.
    """
    schema = schema_of(road.cls)
    in_user, in_properties = schema.names_in("user"), schema.names_in("properties")
    return Glance(road, identity, in_user, in_properties, _look_of(road))


def _look_of(road: ShortRoad) -> Look:
    """Generate the function for a class."""
    fits = {name: kind.validate for name, kind in schema_of(road.cls).kinds.items()}
    names: dict[str, Any] = {**_NAMES, "fits": fits}
    exec(_compiled("".join(_source(road))), names)  # noqa: S102 (own text)
    look: Look = names["look"]
    return look


@functools.lru_cache(1024)
def _compiled(source: str) -> CodeType:
    """Return the code of *source*, which tracebacks and debuggers then show."""
    file = f"<braze_heap glance {hash(source):x}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    return compile(source, file, "exec")


def _source(road: ShortRoad) -> Iterator[str]:
    """
    Write the function: what is said in `_STEPS` for each field, a look at all texts in
    one, and what is said there for after it.
    """
    schema = schema_of(road.cls)
    kinds = {n: "text" if k.is_text else k.name for n, k in schema.kinds.items()}
    kinds |= dict.fromkeys(road.json_texts, "json text")
    later: list[str] = []

    yield "def look(fields, encoder, redacted):\n"
    for number, (name, kind) in enumerate(kinds.items()):
        is_text = kind == "text"
        if name in road.dropped:
            first, then = (_IS_TEXT if is_text else _FITS), _LEAVE_OUT
        else:
            first, then = _STEPS[kind]
        first, then = (
            step.replace("NAME", repr(name)).replace("_N", f"_{number}")
            for step in (first, then)
        )
        yield first
        later.append(then)
    yield _JOIN
    yield from later
    yield "    return fields\n"


_IS_TEXT: Final = """\
    value_N = fields.pop(NAME, None)
    if value_N is not None and type(value_N) is not str:
        return None
"""

_FITS: Final = """\
    value_N = fields.pop(NAME, None)
    if value_N is not None and fits[NAME](value_N) is INVALID:
        return None
"""

_LEAVE_OUT: Final = """\
    if value_N is not None:
        redacted.append(NAME)
"""

_IS_BOOLEAN: Final = """\
    value = fields.get(NAME)
    if value is True:
        fields[NAME] = "true"
    elif value is False:
        fields[NAME] = "false"
    elif value is not None:
        return None
"""

_ARE_TEXTS: Final = """\
    value = fields.get(NAME)
    if value is not None:
        if type(value) is not list or (value := to_simple_value(value)) is None:
            return None
        fields[NAME] = value
"""

_IS_INTEGER: Final = f"""\
    value_N = fields.pop(NAME, None)
    if value_N is not None and not (
        type(value_N) is int and {-MAX_INTEGER} <= value_N <= {MAX_INTEGER}
    ):
        return None
"""

_IS_NUMBER: Final = f"""\
    value_N = fields.pop(NAME, None)
    if value_N is not None and not (
        (type(value_N) is float or type(value_N) is int)
        and {-MAX_INTEGER} <= value_N <= {MAX_INTEGER}
    ):
        return None
"""

_PUT_BACK: Final = """\
    if value_N is not None:
        fields[NAME] = value_N
"""

_IS_OBJECT: Final = """\
    value_N = fields.pop(NAME, None)
    flat_N = encoder.flatten_plain(NAME, value_N)
    if flat_N is None and value_N is not None:
        if not is_small(value_N) or (value_N := fits[NAME](value_N)) is INVALID:
            return None
"""

_IS_JSON_TEXT: Final = """\
    value_N = fields.pop(NAME, None)
    if value_N is not None:
        if type(value_N) is not str or not is_small(value_N):
            return None
        value_N = decoded(value_N)
    flat_N = encoder.flatten_plain(NAME, value_N)
"""

_ADD: Final = """\
    if flat_N and fields.keys().isdisjoint(flat_N):
        fields |= flat_N
    elif value_N is not None:
        encoder.add(fields, NAME, value_N)
"""

_STEPS: Final = MappingProxyType(
    {
        "text": ("", ""),
        "boolean": (_IS_BOOLEAN, ""),
        "int": (_IS_INTEGER, _PUT_BACK),
        "float": (_IS_NUMBER, _PUT_BACK),
        "double": (_IS_NUMBER, _PUT_BACK),
        "array<string>": (_ARE_TEXTS, ""),
        "json object": (_IS_OBJECT, _ADD),
        "json text": (_IS_JSON_TEXT, _ADD),
    }
)
"""
Type of a field to what is done with it, before and after all texts are looked at in
one: it becomes text, or is put aside.
"""

_JOIN: Final = f"""\
    try:
        joined = "".join(fields.values())
    except TypeError:
        fields = {{field: v for field, v in fields.items() if v is not None}}
        if not all(isinstance(value, str) for value in fields.values()):
            return None
        joined = "".join(fields.values())
    if len(joined) > {MAX_TEXT} or not joined.isascii() or "\\0" in joined:
        if not are_legal_texts(fields.values(), joined):
            encoder.legalize_in_place(fields, [*fields])
"""

_NAMES: Final = {
    "INVALID": INVALID,
    "are_legal_texts": are_legal_texts,
    "decoded": decoded,
    "is_small": is_small,
    "to_simple_value": to_simple_value,
}
"""What the generated functions use."""


def news_of(raw: dict[str, Any], cls: type[CurrentsEvent]) -> dict[str, Value] | None:
    """
    Return the properties of a decoded event that *cls* does not know, as they are told;
    ``None`` if there are none, or one of them needs a closer look.
    """
    schema, properties = schema_of(cls), raw.get("properties")
    if type(properties) is not dict:
        return None
    news: dict[str, Value] = {}
    for name, value in properties.items():
        if schema.places.get(name) == "properties":
            continue
        told = None if is_json_text(value) else to_simple_value(value)
        is_new = name not in schema.places and name not in _TAKEN
        if told is None or not is_new or not _is_usual_name(name):
            return None
        news[name] = told
    return news if 0 < len(news) <= _MOST_NEWS else None


_MOST_NEWS: Final = 20
_TAKEN: Final = frozenset(("braze_user_id", "event_type", "extra", "is_machine_open"))
"""Names that the properties of an event get besides those of its fields."""

_is_usual_name: Final = re.compile("[a-z][a-z0-9_]{0,99}").fullmatch
