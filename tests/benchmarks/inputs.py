"""Four mixes of events, as request bodies and as storage records, and options."""

import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

import braze_heap as bh
from braze_heap.events import event_fields
from braze_heap.events._catalog import catalog
from braze_heap.policies.identity import first_of
from braze_heap.testing import make_raw
from braze_heap.wire import RawEvent
from tests.benchmarks.batches import body

_TEXTS: Final = {
    "message_extras": json.dumps(
        {"cart": {"value": 42.5, "items": [{"sku": "A-1", "qty": 2}]}, "gift": False}
    ),
    "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit",
    "url": "https://shop.example/p/42?utm_source=braze&utm_medium=email#top",
    "canvas_name": "Welcome Series",
}


def full(seed: int) -> bytes:
    """
    Return 100 events of the usual types with all fields of their campaign or Canvas.

    Texts are as long as in real bodies, and extras of messages are JSON text.
    """
    chance = random.Random(seed)
    events = json.loads(body(seed, "dense"))["events"]
    for event in events:
        other = chance.choice(["campaign_", "canvas_"])
        event["properties"] = {
            name: _TEXTS.get(name, value)
            for name, value in event["properties"].items()
            if not name.startswith(other)
        }
    return _body(events)


def every_type(seed: int) -> bytes:
    """Return a complete event of every type that can arrive over HTTP."""
    chance = random.Random(seed)
    types = [event_type for event_type, entry in catalog().items() if entry.http]
    events: list[Any] = [make_raw(event_type) for event_type in types]
    chance.shuffle(events)
    for number, event in enumerate(events):
        event["user"]["external_user_id"] = f"cust-{number}"
        event["id"] = f"{chance.getrandbits(128):032x}"
    return _body(events)


def workspace(seed: int) -> bytes:
    """
    Return 100 events, half of them custom events with 5 to 20 nested properties.

    All names of campaigns and Canvases, and some custom properties, have accents.
    """
    chance = random.Random(seed)
    events = json.loads(body(seed, "accents"))["events"]
    for event in chance.sample(events, 50):
        custom = make_raw("users.behaviors.CustomEvent")
        names = {"name": "Ajout\u00e9 au panier"}
        custom["properties"] |= names | {"custom_properties": _nested(chance)}
        event |= {
            "event_type": custom["event_type"],
            "properties": custom["properties"],
        }
    return _body(events)


def _nested(chance: random.Random) -> dict[str, Any]:
    """Return 5 to 20 properties, some of them in objects and lists."""
    values: tuple[Any, ...] = ("d\u00e9t\u00e9", "plain", 42.5, 7, True, ["a", "b"])
    found: dict[str, Any] = {"cart": {}, "page": {"section": {}}}
    places = (found, found["cart"], found["page"], found["page"]["section"])
    for number in range(chance.randint(5, 20)):
        chance.choice(places)[f"property_{number}"] = chance.choice(values)
    return found


def _body(events: list[Any]) -> bytes:
    return json.dumps({"events": events}).encode()


MIXES: Final[Mapping[str, Callable[[int], bytes]]] = {
    "benchmark": body,
    "full": full,
    "every type": every_type,
    "workspace": workspace,
}
"""Name of a mix to the function that returns a request body for a seed."""


def with_new_field(given: bytes) -> bytes:
    """Return the body with a field in each event that no class knows."""
    events = json.loads(given)["events"]
    for event in events:
        event["properties"]["brand_new_field"] = "news"
    return _body(events)


def as_storage(given: bytes) -> list[RawEvent]:
    """
    Return the events as records of storage files.

    A record has every column that Braze documents for its type, and ``None`` in those
    without a value. Objects are JSON text.
    """
    return [_record(event) for event in json.loads(given)["events"]]


def _record(event: Mapping[str, Any]) -> RawEvent:
    event_type = event["event_type"]
    columns = make_raw(event_type, form="storage")
    record: dict[str, Any] = dict.fromkeys(columns)
    record |= {"id": event["id"], "time": event["time"]}
    fields = event_fields(bh.EVENT_TYPES[event_type])
    for name, value in (event["user"] | event["properties"]).items():
        column = fields[name].storage or name
        if column in columns:
            is_text = isinstance(value, dict)
            record[column] = json.dumps(value) if is_text else value
    return RawEvent(record, event_type)


OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "default": {},
    "`first_of`": {
        "identity": first_of("external_user_id", "user_id", prefix="braze:")
    },
    '`machines="drop"`': {"machines": "drop"},
    '`personal_data="keep"`': {"personal_data": "keep"},
    "`local_time`": {"local_time": True},
    "prefix and a new name": {
        "naming": bh.Naming(
            property_prefix="braze_", property_renames={"braze_send_id": "send"}
        )
    },
    "hash": {"personal_data": bh.PersonalData("hash", key=b"0123456789abcdef")},
    "a function for names": {"naming": bh.Naming(lambda event: event.event_type)},
}
"""Options of a transformer by their name in the table; each changes one thing."""
