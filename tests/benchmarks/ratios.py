"""
What parsing and mapping cost, as ratios to ``json.loads`` of the same bytes.

``python tests/benchmarks/ratios.py [FILE]`` measures a made-up batch, or a request body
of your own. Everything is interleaved in one process; the medians of the ratios count.
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import braze_heap as bh
from braze_heap.testing import make_raw

ROUNDS = 200

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

FILLED = 0.6
"""How much of its fields an event has: campaign or Canvas, this device or that."""


def made_up_batch() -> bytes:
    """
    Return a request body in the mix of a running workspace, the same each time.
    """
    chance = random.Random(0)
    events = []
    for event_type, count in MIX.items():
        for _ in range(count):
            event = make_raw(event_type)
            event["id"] = f"{chance.getrandbits(128):032x}"
            event["properties"] = {
                name: value
                for name, value in event["properties"].items()
                if chance.random() < FILLED
            }
            events.append(event)
    chance.shuffle(events)
    return json.dumps({"events": events}).encode()


def measure(steps: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """
    Return the seconds of each step in each round, the steps taking turns.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """
    Print a table of what each step costs.
    """
    body = Path(sys.argv[1]).read_bytes() if sys.argv[1:] else made_up_batch()
    batch = json.loads(body)
    events = batch["events"]
    transform = bh.Transformer().transform
    assert transform(body).mapped == len(events)

    seconds = measure(
        {
            "json.loads": lambda: json.loads(body),
            "decoded → typed events": lambda: [bh.parse_event(e) for e in events],
            "decoded → Heap calls": lambda: transform(batch),
            "bytes → Heap calls": lambda: transform(body),
        }
    )

    base = seconds["json.loads"]
    print(f"{len(events)} events of {len(body) / len(events):.0f} bytes on average")
    for name, times in seconds.items():
        ratio = statistics.median(t / b for t, b in zip(times, base, strict=True))
        each = statistics.median(times) / len(events) * 1e6
        print(f"{name:24} {ratio:5.2f} x json.loads {each:8.2f} µs an event")


if __name__ == "__main__":
    main()
