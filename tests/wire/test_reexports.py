"""Files that other tools wrote from Currents: other types, names and paths."""

import datetime as dt
import decimal
import io
import json
import uuid
from typing import Any

import fastavro
import pytest

import braze_heap as bh
from braze_heap.wire import RawEvent, read_events, type_in_path

CLICK = "users.messages.email.Click"
TIME = 1_763_900_000
MOMENT = dt.datetime.fromtimestamp(TIME, dt.UTC)


def column(schema: Any, value: Any) -> Any:
    """Return *value* as it is read from an Avro column of *schema*."""
    record = {"type": "record", "name": "spark", "fields": []}
    record["fields"] = [{"name": "value", "type": ["null", schema]}]
    file = io.BytesIO()
    fastavro.writer(file, record, [{"value": value}])
    file.seek(0)
    (read,) = read_events(file)
    assert isinstance(read, RawEvent)
    json.dumps(read.value)
    return read.value["value"]


@pytest.mark.parametrize(
    "kind",
    [
        "timestamp-millis",
        "timestamp-micros",
        "local-timestamp-millis",
        "local-timestamp-micros",
    ],
)
def test_times_are_epoch_seconds(kind: str) -> None:
    """A time is in UTC epoch seconds, as Braze writes it."""
    value = MOMENT.replace(tzinfo=None) if kind.startswith("local") else MOMENT
    schema = {"type": "long", "logicalType": kind}

    whole = column(schema, value)
    part = column(schema, value + dt.timedelta(milliseconds=250))

    assert (whole, type(whole), part) == (TIME, int, TIME + 0.25)


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
            decimal.Decimal("9.99"),
            9.99,
        ),
        (
            {"type": "string", "logicalType": "uuid"},
            uuid.UUID(int=7),
            "00000000-0000-0000-0000-000000000007",
        ),
        ({"type": "int", "logicalType": "date"}, MOMENT.date(), "2025-11-23"),
        ({"type": "int", "logicalType": "time-millis"}, dt.time(7, 30), "07:30:00"),
        ({"type": "long", "logicalType": "time-micros"}, dt.time(7, 30), "07:30:00"),
    ],
    ids=lambda value: value["logicalType"] if isinstance(value, dict) else "",
)
def test_other_types_are_as_in_json(schema: Any, value: Any, expected: Any) -> None:
    """Decimals are numbers; UUIDs, dates and times of day are text."""
    assert column(schema, value) == expected


def test_a_time_in_milliseconds_gives_the_event_of_braze() -> None:
    """An event with a ``timestamp-millis`` is equal to the one with a number."""
    schema = {
        "type": "record",
        "name": "spark",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "external_user_id", "type": "string"},
            {
                "name": "time",
                "type": {"type": "long", "logicalType": "timestamp-millis"},
            },
        ],
    }
    record = {"id": "a", "external_user_id": "ada", "time": MOMENT}
    file = io.BytesIO()
    fastavro.writer(file, schema, [record])
    line = json.dumps(record | {"time": TIME})

    copied = bh.Transformer().transform(
        list(read_events(file.getvalue(), event_type=CLICK))
    )

    original = bh.Transformer().transform(list(read_events(line, event_type=CLICK)))
    assert copied.calls == original.calls
    assert len(copied.calls) == 1


RECORD = {"id": "a", "external_user_id": "ada", "time": TIME, "link_url": "https://x"}


def test_columns_in_upper_case_are_read() -> None:
    """A warehouse may write all names in upper case; values stay as they are."""
    upper = json.dumps({name.upper(): value for name, value in RECORD.items()})

    (read,) = read_events(upper, event_type=CLICK)

    assert isinstance(read, RawEvent)
    assert read.value == RECORD


def test_columns_in_upper_case_give_the_event_of_braze() -> None:
    """The calls are those of the original, as is the type in a column."""
    upper = json.dumps(
        {name.upper(): value for name, value in RECORD.items()} | {"EVENT_TYPE": CLICK}
    )

    copied = bh.Transformer().transform(list(read_events(upper)))

    line = json.dumps(RECORD)
    original = bh.Transformer().transform(list(read_events(line, event_type=CLICK)))
    assert copied.calls == original.calls
    assert len(copied.calls) == 1


@pytest.mark.parametrize(
    "record",
    [
        {"id": "a", "ID": "b"},
        {"id": "a", "Custom": 1, "NAME": 2},
        {"properties": {"ID": 1}},
    ],
)
def test_other_names_stay(record: dict[str, Any]) -> None:
    """Names of a team, and names that differ by case alone, are not changed."""
    (read,) = read_events(json.dumps(record), event_type=CLICK)

    assert isinstance(read, RawEvent)
    assert read.value == record


@pytest.mark.parametrize(
    "path",
    [
        f"copy/event_type%3D{CLICK}/date%3D2026-01-15-07/part.avro",
        f"copy/event_type%3d{CLICK}/part.avro",
        f"copy/event_type%253D{CLICK}/part.avro",
    ],
)
def test_encoded_paths_name_the_type(path: str) -> None:
    """Tools that copy buckets may encode the equals sign of ``event_type=``."""
    assert type_in_path(path) == CLICK
