"""Invented traffic of a workspace: people, journeys and malformed events."""

from __future__ import annotations

import copy
import itertools
import random
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from braze_heap.testing._samples import TIME, make_raw, read_data, uuid_of


def make_traffic(
    number: int,
    *,
    seed: int | str = 0,
    start: float = TIME,
    user_prefix: str = "example-user-",
) -> list[dict[str, Any]]:
    """
    Return realistic decoded events, the same for the same *seed*.

    People get emails, open some, use the app and buy. The events of a journey share
    person, campaign or Canvas, and session. All ids are unique.

    Args:
        number: Number of events.
        seed: Random seed.
        start: Time of the first event, UTC epoch seconds. A thousand events take about
            an hour, with opens up to a few hours later.
        user_prefix: Prefix of all external user ids, before a number.

    Returns:
        The events in the order of their arrival: by time, except for some seconds.
    """
    chance = random.Random(seed)  # noqa: S311 (no secret)
    crowd = [
        _person(chance, f"{user_prefix}{index}")
        for index in range(1, number // 10 + 2)  # 10 events a person
    ]
    samples = {
        event_type: make_raw(event_type)
        for journey in _workspace()["journeys"]
        for event_type, _, _ in journey["steps"]
    }
    events: list[dict[str, Any]] = []
    while len(events) < number:
        start += chance.expovariate(1 / 10.0)  # on average every 10 seconds
        events += _journey(chance, samples, chance.choice(crowd), start)
    # Events arrive 2 seconds late on average, so their order is not by time.
    events.sort(key=lambda event: event["time"] + chance.expovariate(1 / 2.0))
    return events[:number]


def make_malformed(
    number: int, *, seed: int | str = 0, user_prefix: str = "example-user-"
) -> list[Any]:
    """
    Return events that cannot be delivered, with a dozen defects in turn. A receiver
    accepts and dead-letters them, and delivers the other events of their batch.

    Args:
        number: Number of events.
        seed: Random seed; the ids differ from those of `make_traffic`.
        user_prefix: Prefix of all external user ids.
    """
    good = make_traffic(number, seed=f"malformed {seed}", user_prefix=user_prefix)
    return [
        "not an event" if flaw is None else event | copy.deepcopy(flaw)
        for event, flaw in zip(good, itertools.cycle(_FLAWS), strict=False)
    ]


_FLAWS: Final[tuple[Any, ...]] = (
    {"time": "yesterday"},
    {"event_type": None},
    {"properties": "none"},
    {"user": ["nobody"]},
    {"user": {"external_user_id": ["one", "two"]}},
    {"user": {"external_user_id": "x" * 300}},
    {"user": {"external_user_id": "null"}},
    {"time": -1},
    {"time": None},
    {"event_type": " "},
    {"event_type": 7},
    None,
)
"""Changes that make an event malformed; ``None`` makes it a string."""


def _workspace() -> Mapping[str, Any]:
    """
    Read the invented workspace: half of the journeys are email, the others of an app.

    Each step of a journey has an event type, the share of the journeys that reach it,
    and the average seconds since the previous one. A journey with a rare step has the
    frequent ones too.
    """
    workspace: Mapping[str, Any] = read_data("traffic.json")
    return workspace


def _person(chance: random.Random, external_user_id: str) -> dict[str, Any]:
    return {
        "external_user_id": external_user_id,
        "user_id": f"{chance.getrandbits(96):024x}",
        "device_id": _uuid(chance),
        "timezone": chance.choice(_workspace()["zones"]),
        "email_address": f"{external_user_id}@example.com",
    }


def _journey(
    chance: random.Random,
    samples: Mapping[str, dict[str, Any]],
    person: Mapping[str, Any],
    start: float,
) -> Iterator[dict[str, Any]]:
    journeys = _workspace()["journeys"]
    weights = [journey["weight"] for journey in journeys]
    (journey,) = chance.choices(journeys, weights)
    name = chance.choice(_workspace()["campaigns"])
    kind, other = chance.choice((("campaign", "canvas"), ("canvas", "campaign")))
    shared = {
        **person,
        f"{kind}_id": uuid_of(name),
        f"{kind}_name": name,
        "dispatch_id": _uuid(chance),
        "send_id": _uuid(chance),
        "send_time": int(start),
        "session_id": _uuid(chance),
    }
    interest = chance.random()
    for event_type, share, wait in journey["steps"]:
        start += chance.expovariate(1 / wait)
        if interest < share:
            values = shared | _step_values(chance)
            yield _event(chance, samples[event_type], values, other, int(start))


def _step_values(chance: random.Random) -> dict[str, Any]:
    return {
        "duration": round(chance.expovariate(1 / 120.0), 2),
        "machine_open": "true" if chance.random() < 0.2 else None,
        "name": chance.choice(_workspace()["custom_events"]),
        "price": chance.randint(100, 9_999) / 100,
        "product_id": f"sku-{chance.randint(1, 40)}",
    }


def _event(
    chance: random.Random,
    sample: dict[str, Any],
    values: Mapping[str, Any],
    other: str,
    time: int,
) -> dict[str, Any]:
    properties = sample["properties"]
    has_both = "campaign_id" in properties and "canvas_id" in properties
    omitted = (f"{other}_", "ad_") if has_both else ("ad_",)
    filled = {
        name: copy.deepcopy(values.get(name, value))
        for name, value in properties.items()
        if not name.startswith(omitted)
    }
    return sample | {
        "id": _uuid(chance),
        "time": time,
        "user": {name: values[name] for name in sample["user"]},
        "properties": {k: v for k, v in filled.items() if v is not None},
    }


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
