"""Made-up request bodies in the mix of a running workspace, the same each time."""

import json
import random
from typing import Any

from braze_heap.testing import make_raw

MIX = {
    "users.messages.email.Send": 20,
    "users.messages.email.Delivery": 19,
    "users.messages.email.Open": 12,
    "users.messages.pushnotification.Send": 9,
    "users.behaviors.CustomEvent": 7,
    "users.behaviors.app.SessionStart": 6,
    "users.messages.email.Click": 5,
    "users.messages.contentcard.Impression": 5,
    "users.behaviors.app.SessionEnd": 4,
    "users.messages.pushnotification.Open": 4,
    "users.messages.inappmessage.Impression": 3,
    "users.behaviors.Purchase": 2,
    "users.canvas.Entry": 2,
    "users.behaviors.subscription.GlobalStateChange": 1,
    "users.behaviors.subscriptiongroup.StateChange": 1,
}
"""Events of each type in a batch of 100: half email, the rest what an app does."""

FILLED = 0.8
"""How much an event has of the fields that are neither of a campaign nor a Canvas."""

KINDS = ("usual", "sparse", "dense", "news", "long", "accents")


def body(seed: int, kind: str = "usual") -> bytes:
    """
    Return a request body of 100 events.

    Args:
        seed: Another seed is another batch.
        kind: ``sparse`` and ``dense`` have few and all of their fields, ``news`` has a
            field that no class knows in every tenth event, ``long`` texts of 3,000
            characters, ``accents`` an accent in every text of a campaign or Canvas.
    """
    chance = random.Random(seed)
    types = [event_type for event_type, count in MIX.items() for _ in range(count)]
    chance.shuffle(types)
    events = [an_event(event_type, chance, kind) for event_type in types]
    return json.dumps({"events": events}).encode()


def an_event(event_type: str, chance: random.Random, kind: str) -> dict[str, Any]:
    event = make_raw(event_type)
    event["id"] = f"{chance.getrandbits(128):032x}"
    event["time"] += chance.randrange(3600)
    event["user"]["external_user_id"] = f"cust-{chance.randrange(9000)}"
    if kind != "dense":
        filled = 0.2 if kind == "sparse" else FILLED
        other = chance.choice(["campaign_", "canvas_"])
        event["properties"] = {
            name: value
            for name, value in event["properties"].items()
            if not name.startswith(other) and chance.random() < filled
        }
    properties = event["properties"]
    if kind == "news" and chance.random() < 0.1:
        properties["brand_new_field"] = "news"
    for name, value in properties.items():
        if isinstance(value, str) and name.endswith("_name"):
            if kind == "accents" or (kind == "usual" and chance.random() < 0.1):
                properties[name] = f"{value} d\u2019\u00e9t\u00e9"
            if kind == "long":
                properties[name] = value * (3000 // len(value) + 1)
    return event
