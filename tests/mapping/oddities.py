"""Odd batches in every wire form, and odd options."""

import json
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, get_args, get_origin

import attrs
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap import parsing
from braze_heap._options import types_of
from braze_heap.events import EmailClick
from braze_heap.mapping._options import TransformerArguments
from braze_heap.policies.identity import first_of
from braze_heap.testing import make_raw
from braze_heap.wire import RawEvent

TYPES: Final = sorted(bh.EVENT_TYPES)

USUAL_TYPES: Final = (
    "users.behaviors.CustomEvent",
    "users.behaviors.Purchase",
    "users.behaviors.app.SessionEnd",
    "users.messages.email.Click",
    "users.messages.email.Open",
    "users.messages.email.Send",
    "users.messages.pushnotification.Open",
    "users.behaviors.subscriptiongroup.StateChange",
)

TEXTS: Final = (
    *("", " ", "null", "[REDACTED]", "a\x00b", "\ud800", "é" * 500, "🎉" * 600, "0"),
    *("true", "x" * 1_100, '{"email": "a", "b": [1]}', '{"email": "cut', "[1, 2]"),
    *("Europe/Paris", "Added To Cart", "https://a.example/?email=b"),
)
NUMBERS: Final = (
    0,
    -1,
    5,
    2**53 + 1,
    10**40,
    10**400,
    1.5,
    1e308,
    float("nan"),
    float("inf"),
)
NAMES: Final = (
    *(*TEXTS[:6], "id", "time", "user", "properties", "event_type", "string", "/x"),
    *("email", "first_name", "user_id", "timezone", "brand_new", "is_machine_open"),
    *("machine_open", "name", "local_hour", "custom_properties", "a.b", "a"),
)


def any_json(chance: random.Random, depth: int = 3) -> Any:
    """Return a JSON value, odd more often than not."""
    kind = chance.randrange(8 if depth else 6)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind in (1, 2):
        return chance.choice(NUMBERS)
    if kind in (3, 4):
        return chance.choice([*TEXTS, *TYPES[:3]])
    if kind == 5:
        return chance.choice([[], {}])
    if kind == 6:
        return [any_json(chance, depth - 1) for _ in range(chance.randrange(4))]
    if depth > 1 and chance.random() < 0.3:
        return [{"a": any_json(chance, 0), "b|": "||"} for _ in range(3)]
    return {chance.choice(NAMES): any_json(chance, depth - 1) for _ in range(3)}


def mutated(chance: random.Random, changes: int = 4) -> Any:
    """Return an event of some type and form, with fewer than *changes* changes."""
    form = chance.choice(["http", "http", "http", "storage", "union"])
    types = chance.choice([USUAL_TYPES, TYPES])
    event_type = chance.choice(types)
    event = make_raw(event_type, form=form)
    for _ in range(chance.randrange(changes)):
        places = [event, *(v for v in event.values() if isinstance(v, dict))]
        place = chance.choice(places)
        name = chance.choice([*place, "brand_new", "/odd", "event_type", *NAMES])
        if chance.random() < 0.3:
            place.pop(name, None)
        else:
            place[name] = any_json(chance)
    if chance.random() < 0.9:
        event["id"] = f"{chance.randrange(10**9)}"
    if form == "http":
        return event
    return RawEvent(event, event_type)


def batch(seed: int, size: int = 10) -> list[Any]:
    """Return a batch of events in any form, some of them typed, repeated or damaged."""
    chance = random.Random(seed)
    items: list[Any] = []
    for _ in range(size):
        item = mutated(chance) if chance.random() < 0.9 else any_json(chance)
        if chance.random() < 0.1 and items:
            item = chance.choice(items)
        elif chance.random() < 0.2:
            item = _typed(item)
        items.append(item)
    return items


def body(seed: int, size: int = 10) -> bytes:
    """Return a request body with an odd batch."""
    chance = random.Random(seed)
    events = [mutated(chance) for _ in range(size)]
    return json.dumps({"events": [*map(unwrapped, events)]}).encode()


def unwrapped(item: Any) -> Any:
    """Return *item* as JSON has it: storage records without their event type."""
    return item.value if isinstance(item, RawEvent) else item


def _typed(item: Any) -> Any:
    try:
        if isinstance(item, RawEvent):
            return bh.parse_event(item.value, event_type=item.event_type)
        return bh.parse_event(item)
    except ValueError:
        return item


def by_last_character(event: bh.CurrentsEvent) -> Any:
    """Return an identity; None, a placeholder, or an error for some events."""
    user = event.external_user_id
    if event.id.endswith("7"):
        raise ValueError
    return None if event.id.endswith("8") else user and f"acme-{user}"


def event_name(event: bh.CurrentsEvent) -> Any:
    """Return a name; no text, or an error, for some events."""
    if event.id.endswith("7"):
        raise ValueError
    return 5 if event.id.endswith("8") else f"{event.event_type} é"


def derived(event: bh.CurrentsEvent, payload: bh.HeapEvent) -> dict[str, Any]:
    """Return properties to add to every event."""
    return {"derived": payload.name, "brand_new": event.event_type}


@bh.custom_event("Added To Cart")
@attrs.define
class AddedToCart:
    """A typed custom event."""

    brand_new: str | None = None


def _mappers() -> list[Any]:
    own = bh.Mappers()

    @own.maps(EmailClick)
    def click(event: EmailClick) -> Any:
        if event.id.endswith("7"):
            raise ValueError
        return bh.default(event, more=Decimal("1.5"), none=None)

    typed = bh.Mappers()

    @typed.maps_custom(AddedToCart)
    def added(event: AddedToCart) -> bh.HeapEvent:
        return bh.HeapEvent("Added", {"new": event.brand_new})

    default = bh.DEFAULT_MAPPERS
    return [*(default, default, default), own, default | own, default | typed]


KEY: Final = b"0123456789abcdef"
PERSONAL: Final = (
    *("drop", "keep"),
    bh.PersonalData("hash", key=KEY),
    {"user_id": "keep"},
    {"custom_properties.email": "drop", "message_extras.email": "drop"},
    {"custom_properties.email": "keep"},
    {"name": "drop", "timezone": "drop", "time_ms": "drop", "machine_open": "drop"},
    bh.PersonalData("drop", {"name": "hash", "user_id": "hash"}, key=KEY),
    {"brand_new": "drop", "url": "drop", "send_time": "drop"},
    bh.PersonalData("keep", {"custom_properties.a": "hash", "name.a": "drop"}, key=KEY),
)
NAMINGS: Final = (
    bh.Naming(),
    bh.Naming("type"),
    bh.Naming(event_name),
    bh.Naming(event_prefix="é" * 500),
    bh.Naming(event_renames={"Braze Email Click": "Click", "Braze Email Open": "x\0"}),
    bh.Naming(property_prefix="p_"),
    bh.Naming(property_renames={"send_id": "send", "dispatch_id": "send"}),
    bh.Naming(property_renames={"event_type": "type", "url": "\0"}, event_prefix=""),
)
IDENTITIES: Final = (
    *("external_user_id", "external_user_id", "user_id", by_last_character),
    first_of("external_user_id", "user_id", prefix="braze:"),
    first_of("user_id", "external_user_id", "device_id", prefix=""),
)

VALUES: Final[Mapping[str, Callable[[], Any]]] = {
    "mappers": lambda: st.sampled_from(_mappers()),
    "identity": lambda: st.sampled_from(IDENTITIES),
    "personal_data": lambda: st.sampled_from(PERSONAL),
    "naming": lambda: st.sampled_from(NAMINGS),
    "fixed_properties": lambda: st.sampled_from(
        ({}, {"workspace": "a", "send_id": "b"}, {"brand_new": 1})
    ),
    "url_parameters": lambda: st.sampled_from(((), ("utm_*",), ("*",), ("email",))),
    "derived_properties": lambda: st.sampled_from(
        ((), ("channel", "action"), ("message_key", "link_domain"))
    ),
    "include": lambda: st.sampled_from(
        ((), "engagement", ("channel:email", "users.behaviors.*"))
    ),
    "exclude": lambda: st.sampled_from(((), "EmailOpen", "users.behaviors.*")),
    "sample": lambda: st.sampled_from(({}, {"EmailSend": 0.5}, {"*": 0.3})),
    "suppress": lambda: st.sampled_from(
        (None, {"example-user-1"}, lambda identity: 1 / len(identity[14:]))
    ),
    "derive": lambda: st.sampled_from((None, None, None, derived)),
    "delete_identity": lambda: st.just(None),
    "placeholder_identities": lambda: st.sampled_from(((), {"null", "0"})),
    "event_types": lambda: st.just(bh.EVENT_TYPES),
}
"""Values of the options whose type does not list them."""


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    """Return options of a transformer; about half of them are the default."""
    drawn = {}
    for name, kind in types_of(TransformerArguments).items():
        if draw(st.booleans()):
            drawn[name] = draw(_values(name, kind))
    if drawn.get("deletions"):
        drawn["delete_identity"] = lambda event: event.user_id
        if isinstance(drawn.get("mappers"), bh.Mappers):  # none of them deletes
            drawn["mappers"] = bh.DEFAULT_MAPPERS | drawn["mappers"]
    else:
        drawn.pop("delete_identity", None)
    return drawn


def _values(name: str, kind: Any) -> st.SearchStrategy[Any]:
    if kind is bool:
        return st.booleans()
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    return VALUES[name]()  # type: ignore[no-any-return]


def generic(*mappers: Any, **chosen: Any) -> bh.Transformer:
    """Return a transformer without compiled functions, for mapping or for parsing."""
    transformer = bh.Transformer(*mappers, **chosen)
    transformer._mapping._compiled = _None()
    parser = parsing.EventParser(transformer._policies.options.event_types)
    parser._readers = _Uncompiled(parser)
    transformer._mapping.generic._parse = parser.parse
    return transformer


class _None(dict[str, Any]):
    def __missing__(self, name: str) -> None:
        return None


class _Uncompiled(dict[str, Any]):
    """Readers of a parser that never take its compiled path."""

    def __init__(self, parser: parsing.EventParser) -> None:
        super().__init__()
        self._classes = parser._event_types

    def __missing__(self, name: str) -> Any:
        cls = self._classes[name]
        schema = parsing.schema_of(cls)
        return lambda raw, kind, strict: parsing._read(cls, schema, raw, kind, strict)


def observed(result: bh.TransformResult, items: list[Any] | None = None) -> Any:
    """Return everything in *result*, to be compared; origins as numbers of *items*."""
    origins: list[Any] = [*result.origins]
    if items is not None:
        numbers = {id(item): number for number, item in reversed([*enumerate(items)])}
        origins = [numbers.get(id(origin), origin) for origin in origins]
    return [
        [(type(c).__name__, sorted(_flat(c.to_dict()))) for c in result.calls],
        repr(origins),
        result.skipped,
        [(r.reason, r.detail, r.event_type, r.event_id) for r in result.rejected],
        repr([r.raw for r in result.rejected]),
        (result.received, result.repeated, result.adjustments, result.redacted),
        (result.types, result.unknown, result.invalid, result.compiled_errors),
    ]


def _flat(call: dict[str, Any]) -> list[str]:
    properties = call.pop("properties", {})
    return [repr(pair) for pair in (*call.items(), *properties.items())]
