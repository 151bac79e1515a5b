"""A bucket in the layout of Currents."""

import json
from typing import Any

CLICK = "users.messages.email.Click"
OPEN = "users.messages.email.Open"
CUSTOM = "users.behaviors.CustomEvent"
TYPES = (CUSTOM, CLICK, OPEN)
DAYS = ("2026-01-15", "2026-01-16", "2026-02-01")
HOURS = (0, 7, 12, 23)
EXPORT = "dataexport.prod-03.S3.integration.0a"


def key(event_type: str, day: str, hour: int, name: str = "part+0.jsonl") -> str:
    """Return the key of an object, as Braze writes it."""
    return f"{EXPORT}/event_type={event_type}/date={day}-{hour:02}/445/zone/{name}"


def keys() -> list[str]:
    """Return the keys of a bucket: each type, day and hour."""
    return [key(t, day, hour) for t in TYPES for day in DAYS for hour in HOURS]


def content(number: int, start: int = 0) -> bytes:
    """Return *number* storage records as JSON lines, with ids from *start*."""
    lines = [record(n) for n in range(start, start + number)]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def record(number: int) -> dict[str, Any]:
    """Return one storage record."""
    return {
        "id": f"event-{number}",
        "time": 1_763_900_000 + number,
        "user_id": "6",
        "external_user_id": "ada",
        "app_id": "app",
    }
