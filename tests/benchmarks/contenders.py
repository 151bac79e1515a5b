"""
Ways to turn the bytes of a Braze batch into the bytes of a Heap bulk request.

Each is written as someone would write it who needs just that, and gives the same events
for a batch without anything odd. What the others leave out, and `ours` does not: limits
on depth and size before parsing; types that do not fit (the typed ones coerce, or
refuse the event or the batch); identities that many share; repeated ids; lone
surrogates and NUL; integers beyond 2^53; lengths in UTF-16 units; names that collide;
counts and reasons; events kept for a dead letter; user properties; unknown fields (the
typed ones drop them silently); policies.
"""

import datetime as dt
import functools
import json
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs
import cattrs
import msgspec
import orjson
import pydantic

import braze_heap as bh
from braze_heap.events._schema import schema_of
from braze_heap.heap._bulk import EVENTS, USERS, body_of, group_by_endpoint
from braze_heap.mappers._standard import property_names
from braze_heap.policies.derived import (
    DERIVED_PROPERTIES,
    FIRST_OF,
    constants_of,
    varying_of,
)
from tests.benchmarks.batches import MIX

Way: TypeAlias = Callable[[bytes], bytes]

CLASSES = {**bh.EVENT_TYPES}
NAMES = {t: f"Braze {cls.display_name}" for t, cls in CLASSES.items()}
CONSTANTS = {
    t: {"event_type": t, **constants_of(cls, DERIVED_PROPERTIES)}
    for t, cls in CLASSES.items()
}
VARYING = {t: varying_of(cls, DERIVED_PROPERTIES) for t, cls in CLASSES.items()}
NEW_NAMES = {t: property_names(cls) for t, cls in CLASSES.items()}
PERSONAL = {t: schema_of(cls).personal for t, cls in CLASSES.items()}
KEPT = {
    t: [
        (name, NEW_NAMES[t].get(name, name))
        for name in schema_of(cls).places
        if name not in PERSONAL[t]
    ]
    for t, cls in CLASSES.items()
}
TYPES: Mapping[str, Any] = {
    "int": int,
    "boolean": bool,
    "float": float,
    "double": float,
    "array<string>": list[str],
    "json object": dict[str, Any],
}


@attrs.frozen
class Library:
    """A JSON library."""

    name: str
    loads: Callable[[bytes], Any]
    dumps: Callable[[Any], bytes]


STDLIB = Library(
    "json", json.loads, lambda v: json.dumps(v, separators=(",", ":")).encode()
)
ORJSON = Library("orjson", orjson.loads, orjson.dumps)


def legal(value: Any) -> Any:
    """Return a value as Heap takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if len(value) < 1024 else value[:1023]
    if isinstance(value, list):
        if any(isinstance(v, dict | list) for v in value):
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[:1023]
        return "||".join(str(legal(v)) for v in value)[:1023]
    return value


def flat(found: dict[str, Any], name: str, value: Any) -> None:
    """Put *value* into *found*, objects under dotted names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            flat(found, f"{name}.{key}", inner)
    elif value is not None:
        found[name] = legal(value)


@functools.lru_cache(8192)
def timestamp(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()


@functools.lru_cache(8192)
def domain(url: str) -> str | None:
    return urllib.parse.urlsplit(url).hostname


def derive(event_type: str, time: int, properties: dict[str, Any]) -> None:
    """Add what the library derives from the other properties."""
    for name in VARYING[event_type]:
        if name == "link_domain":
            if "url" in properties:
                properties[name] = domain(properties["url"])
        elif name == "seconds_since_send":
            if "send_time" in properties:
                sent = properties["send_time"]
                properties["send_time"] = timestamp(sent)
                properties[name] = time - sent
        else:
            for field in FIRST_OF[name]:
                if properties.get(field):
                    properties[name] = properties[field]
                    break


def a_track(
    event_type: str, event: Mapping[str, Any], fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the call for an event, whose *fields* are no personal data."""
    properties: dict[str, Any] = {**CONSTANTS[event_type]}
    new_names = NEW_NAMES[event_type]
    for name, value in fields.items():
        flat(properties, new_names.get(name, name), value)
    derive(event_type, event["time"], properties)
    if event_type == "users.messages.email.Open":
        is_machine = fields.get("machine_open") == "true"
        properties["is_machine_open"] = "true" if is_machine else "false"
    name = NAMES[event_type]
    if event_type == "users.behaviors.CustomEvent":
        name = f"Braze Custom {fields['name']}" if fields.get("name") else name
    return {
        "event": name,
        "identity": event["user"]["external_user_id"],
        "timestamp": timestamp(event["time"]),
        "idempotency_key": event["id"],
        "properties": properties,
    }


def request(events: list[Any], library: Library) -> bytes:
    return library.dumps({"app_id": "11", "events": events})


def untyped(body: bytes, library: Library) -> bytes:
    """An ordinary loop over dictionaries."""
    calls = []
    for event in library.loads(body)["events"]:
        if not event["user"].get("external_user_id"):
            continue
        personal = PERSONAL[event["event_type"]]
        given = {**event["user"], **event["properties"]}
        fields = {n: v for n, v in given.items() if n not in personal}
        calls.append(a_track(event["event_type"], event, fields))
    return request(calls, library)


def hand_tuned(body: bytes, library: Library) -> bytes:
    """
    One loop with everything known beforehand written into it; it believes the input.
    """
    calls = []
    for event in library.loads(body)["events"]:
        event_type, user = event["event_type"], event["user"]
        given = {**user, **event["properties"]}
        properties = {**CONSTANTS[event_type]}
        for name, new in KEPT[event_type]:
            if name in given:
                value = given[name]
                if type(value) is str:
                    properties[new] = value if len(value) < 1024 else value[:1023]
                else:
                    flat(properties, new, value)
        derive(event_type, event["time"], properties)
        name = NAMES[event_type]
        if event_type == "users.messages.email.Open":
            is_machine = given.get("machine_open") == "true"
            properties["is_machine_open"] = "true" if is_machine else "false"
        elif event_type == "users.behaviors.CustomEvent" and given.get("name"):
            name = f"Braze Custom {given['name']}"
        calls.append(
            {
                "event": name,
                "identity": user["external_user_id"],
                "timestamp": timestamp(event["time"]),
                "idempotency_key": event["id"],
                "properties": properties,
            }
        )
    return request(calls, library)


def annotations(event_type: str) -> dict[str, Any]:
    kinds = schema_of(CLASSES[event_type]).kinds
    return {name: TYPES.get(kind.name, str) for name, kind in kinds.items()}


@functools.cache
def attrs_classes() -> dict[str, type]:
    return {
        t: attrs.make_class(
            CLASSES[t].__name__,
            {
                name: attrs.field(default=None, type=kind | None)
                for name, kind in annotations(t).items()
            },
        )
        for t in MIX
    }


@functools.cache
def converter() -> cattrs.Converter:
    return cattrs.Converter()


def naive_cattrs(body: bytes, library: Library) -> bytes:
    """
    An attrs class for each type, structured and unstructured by an ordinary converter.
    """
    classes, convert = attrs_classes(), converter()
    calls = []
    for event in library.loads(body)["events"]:
        event_type = event["event_type"]
        given = {**event["user"], **event["properties"]}
        typed = convert.unstructure(convert.structure(given, classes[event_type]))
        fields = {n: v for n, v in typed.items() if n not in PERSONAL[event_type]}
        calls.append(a_track(event_type, event, fields))
    return request(calls, library)


@functools.cache
def pydantic_models() -> dict[str, type[pydantic.BaseModel]]:
    return {
        t: pydantic.create_model(
            CLASSES[t].__name__,
            **{name: (kind | None, None) for name, kind in annotations(t).items()},  # type: ignore[call-overload]
        )
        for t in MIX
    }


def by_pydantic(body: bytes, library: Library) -> bytes:
    """A pydantic model for each type."""
    models = pydantic_models()
    calls = []
    for event in library.loads(body)["events"]:
        event_type = event["event_type"]
        model = models[event_type].model_validate(event["user"] | event["properties"])
        fields = model.model_dump(exclude_none=True, exclude=PERSONAL[event_type])  # type: ignore[arg-type]
        calls.append(a_track(event_type, event, fields))
    return request(calls, library)


@functools.cache
def msgspec_decoder() -> msgspec.json.Decoder[Any]:
    structs = []
    for event_type in MIX:
        names = schema_of(CLASSES[event_type])
        parts = {
            place: msgspec.defstruct(
                place,
                [
                    (name, kind | None, None)
                    for name, kind in annotations(event_type).items()
                    if names.places[name] == place
                ],
            )
            for place in ("user", "properties")
        }
        fields = [("id", str), ("time", int), *parts.items()]
        structs.append(
            msgspec.defstruct(
                CLASSES[event_type].__name__,
                fields,
                tag_field="event_type",
                tag=event_type,
            )
        )
    union = functools.reduce(lambda one, other: one | other, structs)  # type: ignore[arg-type, return-value]
    batch = msgspec.defstruct("Batch", [("events", list[union])])  # type: ignore[valid-type]
    return msgspec.json.Decoder(batch)


def by_msgspec(body: bytes) -> bytes:
    """msgspec structs for the whole batch, read and written by msgspec."""
    calls = []
    for event in msgspec_decoder().decode(body).events:
        event_type = event.__struct_config__.tag
        given = [*_items(event.user), *_items(event.properties)]
        personal = PERSONAL[event_type]
        fields = {n: v for n, v in given if v is not None and n not in personal}
        user = {"external_user_id": event.user.external_user_id}
        envelope = {"user": user, "time": event.time, "id": event.id}
        calls.append(a_track(event_type, envelope, fields))
    return msgspec.json.encode({"app_id": "11", "events": calls})


def _items(struct: Any) -> list[tuple[str, Any]]:
    return [(name, getattr(struct, name)) for name in struct.__struct_fields__]


def ours(transformer: bh.Transformer) -> Way:
    """`Transformer`, and the requests that `HeapSink` makes of its calls."""

    def way(body: bytes) -> bytes:
        calls = group_by_endpoint(transformer.transform(body).calls)
        body_of(calls[USERS], USERS, b'"11"')
        return body_of(calls[EVENTS], EVENTS, b'"11"')

    return way


def floor(answers: Mapping[bytes, Any], library: Library) -> Way:
    """Reading the batch and writing the ready answer: no work at all between."""

    def way(body: bytes) -> bytes:
        library.loads(body)
        return library.dumps(answers[body])

    return way
