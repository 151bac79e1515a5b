"""
Events of the HTTP form with nothing odd about them, to their calls in one step.

Most events are such, and most are told the standard way. For the class of those a
function is generated, from what is known beforehand: which fields there can be, which
of them are no texts, and which are left out. Where an event needs a closer look, it has
done nothing and gives ``None``. Tests compare it with the roads that look closer.
"""

import functools
import linecache
import re
from collections.abc import Callable, Container, Iterator
from types import CodeType, MappingProxyType
from typing import Any, Final, TypeAlias

from braze_heap._short_road import ShortRoad, is_small
from braze_heap.calls import (
    MAX_INTEGER,
    Legalizer,
    Track,
    Value,
    are_plain,
    legal_key,
    plain_value,
    second,
)
from braze_heap.events import CurrentsEvent
from braze_heap.events._kinds import MISFIT
from braze_heap.events._schema import schema_of
from braze_heap.identity import flaw_of
from braze_heap.mappers._standard import decoded
from braze_heap.parsing import YEAR_2100

Glance: TypeAlias = Callable[
    [dict[str, Any], Container[str], Legalizer, list[str]], Track | None
]
"""
From a decoded event to its call; ``None``, and nothing done, if it needs a closer look.

Gets the ids that were seen already, what makes values legal, and the list for the names
of what is left out.
"""


def glance_of(road: ShortRoad, identity: str) -> Glance:
    """
    Return the function that goes *road* in one step.

    Args:
        road: Where to.
        identity: The field that names the user.
    """
    schema = schema_of(road.cls)
    known = {
        "in_user": schema.names_in("user"),
        "in_properties": schema.names_in("properties"),
        "fits": {name: kind.fit for name, kind in schema.kinds.items()},
        "name": road.name,
        "named": road.named,
        "dress": road.dress,
    }
    names: dict[str, Any] = {**_NAMES, **known}
    exec(_compiled("".join(_source(road, identity))), names)  # noqa: S102 (own text)
    glance: Glance = names["glance"]
    return glance


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
        told = plain_value(value)
        is_new = name not in schema.places and name not in _TAKEN
        if told is None or not is_new or not _is_usual_name(name):
            return None
        news[name] = told
    return news if 0 < len(news) <= _MOST_NEWS else None


_MOST_NEWS: Final = 20
_TAKEN: Final = frozenset(("braze_user_id", "event_type", "extra", "is_machine_open"))
"""Names that the properties of an event get besides those of its fields."""

_is_usual_name: Final = re.compile("[a-z][a-z0-9_]{0,99}").fullmatch


@functools.lru_cache(1024)
def _compiled(source: str) -> CodeType:
    """
    Return the code of *source*, which tracebacks and debuggers then show.
    """
    file = f"<braze_heap glance {hash(source):x}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    return compile(source, file, "exec")


def _source(road: ShortRoad, identity: str) -> Iterator[str]:
    """
    Generate the function. It works on a copy, until nothing can come between.
    """
    schema = schema_of(road.cls)
    kinds = {n: "text" if k.is_text else k.name for n, k in schema.kinds.items()}
    kinds |= dict.fromkeys(road.json_texts, "json text")
    in_user = [name for name in kinds if schema.places[name] == "user"]
    in_properties = [name for name in kinds if schema.places[name] == "properties"]

    asides = sorted(
        {_ASIDE[kinds[name]] for name in in_properties if kinds[name] in _ASIDE}
    )

    yield _BEGIN.replace("IDENTITY", repr(identity))
    for aside in asides:
        yield f"    {aside} = {{}}\n"
    for name in in_user:
        step = _IS_TEXT if name in road.dropped else _TAKE_OVER
        yield step.replace("NAME", repr(name))
    for name in in_properties:
        step = _LOOK_AT[kinds[name]]
        if store := _ASIDE.get(kinds[name]):
            is_gone = name in road.dropped
            kept = "gone.append(NAME)" if is_gone else f"{store}[NAME] = value"
            step = step.replace("KEPT", kept)
        yield step.replace("NAME", repr(name))
    yield _JOIN
    for name in in_properties:
        if name in road.dropped and kinds[name] not in _ASIDE:
            yield _LEAVE_OUT.replace("NAME", repr(name))
    yield _SETTLE.replace("NAMED", _OWN_NAME if road.named else "name")
    for aside in asides:
        yield _PUT[aside]
    yield _END


_BEGIN: Final = f"""\
def glance(raw, seen, legalizer, left_out):
    try:
        user, event_id, time = raw["user"], raw["id"], raw["time"]
        who, fields = user[IDENTITY], raw["properties"].copy()
    except (KeyError, TypeError, AttributeError):
        return None
    if (
        type(raw) is not dict
        or len(raw) != 5
        or type(fields) is not dict
        or type(user) is not dict
        or type(time) is not int
        or not 0 < time < {YEAR_2100}
        or type(event_id) is not str
        or not event_id
        or event_id in seen
        or type(who) is not str
        or flaw_of(who)
        or not in_properties.issuperset(fields)
        or not in_user.issuperset(user)
    ):
        return None
    gone = []
"""

_IS_TEXT: Final = """\
    if NAME in user:
        value = user[NAME]
        if type(value) is str:
            gone.append(NAME)
        elif value is not None:
            return None
"""

_TAKE_OVER: Final = """\
    if NAME in user:
        fields[NAME] = user[NAME]
"""


def _number(*types: str) -> str:
    is_number = " or ".join(f"type(value) is {name}" for name in types)
    return f"""\
    if NAME in fields and (value := fields.pop(NAME)) is not None:
        if not (({is_number}) and {-MAX_INTEGER} <= value <= {MAX_INTEGER}):
            return None
        KEPT
"""


_LOOK_AT: Final = MappingProxyType(
    {
        "text": "",
        "boolean": """\
    if NAME in fields:
        value = fields[NAME]
        if value is True:
            fields[NAME] = "true"
        elif value is False:
            fields[NAME] = "false"
        elif value is not None:
            return None
""",
        "int": _number("int"),
        "float": _number("int", "float"),
        "double": _number("int", "float"),
        "array<string>": """\
    if NAME in fields and (value := fields[NAME]) is not None:
        if type(value) is not list or (value := plain_value(value)) is None:
            return None
        fields[NAME] = value
""",
        "json object": """\
    if NAME in fields and (value := fields.pop(NAME)) is not None:
        if not is_small(value) or (value := fits[NAME](value)) is MISFIT:
            return None
        KEPT
""",
        "json text": """\
    if NAME in fields and (value := fields.pop(NAME)) is not None:
        if type(value) is not str or not is_small(value):
            return None
        value = decoded(value)
        KEPT
""",
    }
)
"""Kind of a property to what is done before all that is text is looked at in one."""

_ASIDE: Final = MappingProxyType(
    {
        **dict.fromkeys(("int", "float", "double"), "numbers"),
        **dict.fromkeys(("json object", "json text"), "nested"),
    }
)
"""Kind of a property to where it is kept while the texts are looked at."""

_JOIN: Final = """\
    try:
        joined = "".join(fields.values())
    except TypeError:
        fields = {field: v for field, v in fields.items() if v is not None}
        if not all(isinstance(value, str) for value in fields.values()):
            return None
        joined = "".join(fields.values())
    is_plain = are_plain(fields.values(), joined)
"""

_LEAVE_OUT: Final = """\
    if NAME in fields:
        del fields[NAME]
        gone.append(NAME)
"""

_OWN_NAME: Final = 'named(fields.get("name"), legalizer)'

_SETTLE: Final = """\
    left_out += gone
    called = NAMED
    if not is_plain:
        legalizer.settle(fields, [*fields])
"""

_PUT: Final = MappingProxyType(
    {
        "numbers": """\
    fields |= numbers
""",
        "nested": """\
    for field, value in nested.items():
        legalizer.add(fields, field, value)
""",
    }
)

_END: Final = """\
    dress(fields)
    return Track(called, who, second(time), legal_key(event_id), fields)
"""


_NAMES: Final = {
    "MISFIT": MISFIT,
    "Track": Track,
    "are_plain": are_plain,
    "decoded": decoded,
    "flaw_of": flaw_of,
    "is_small": is_small,
    "plain_value": plain_value,
    "legal_key": legal_key,
    "second": second,
}
"""What the generated functions use."""
