"""Avro container files: every record in order, up to the end or the first damage."""

import datetime as dt
import decimal
import gzip
import io
import json
import sys
import uuid

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap import Reason, parse_event
from braze_heap.events import EVENT_TYPES, EmailClick, Purchase, event_fields
from braze_heap.testing import make_raw
from braze_heap.wire import RawEvent, Unreadable, read_events
from tests.support.for_each import for_each

CODECS = ["null", "deflate", "snappy", "zstandard"]

AVRO_TYPES = {
    "string": "string",
    "int": "long",
    "boolean": "boolean",
    "float": "float",
    "double": "double",
    "json text": "string",
    "json object": "string",
    "array<string>": {"type": "array", "items": ["null", "string"]},
}

SMALL = {
    "type": "record",
    "name": "dataexport.S3.inner.users.messages.email.Click",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "time", "type": "int"},
        {"name": "link_alias", "type": ["null", "string"]},
    ],
}
"""A schema for files that are damaged byte by byte."""

RECORDS = [
    {"id": f"event-{n}", "time": 1 + n, "link_alias": None if n % 3 else "hero" * n}
    for n in range(12)
]

any_codec = pytest.mark.parametrize("codec", CODECS)


def schema_of(cls):
    """Return the Avro schema of Braze's files for *cls*."""
    fields = [
        {"name": field.storage or name, "type": ["null", AVRO_TYPES[field.kind]]}
        for name, field in event_fields(cls).items()
    ]
    name = f"dataexport.S3.inner.{cls.event_type}"
    return {"type": "record", "name": name, "fields": fields}


def file_of(records, schema=SMALL, codec="null", records_a_block=None):
    """Write *records* as a container file."""
    file = io.BytesIO()
    writer = fastavro.write.Writer(file, schema, codec, sync_marker=b"-sync-marker-16-")
    for count, record in enumerate(records, 1):
        writer.write(record)
        if records_a_block and count % records_a_block == 0:
            writer.flush()
    writer.flush()
    return file.getvalue()


def blocks_of(data):
    """Return offset, end and number of records of each block."""
    blocks = fastavro.block_reader(io.BytesIO(data))
    return [(b.offset, b.offset + b.size, b.num_records) for b in blocks]


def split(source, **options):
    """Return the records of *source*, then its damages."""
    read = list(read_events(source, **options))
    return (
        [part.value for part in read if isinstance(part, RawEvent)],
        [part for part in read if isinstance(part, Unreadable)],
    )


# --- Whole files ----------------------------------------------------------------------


@any_codec
def test_records_are_read_with_any_codec(codec):
    """Every record is delivered, in order, over the blocks of the file."""
    data = file_of(RECORDS, codec=codec, records_a_block=5)

    assert split(data) == (RECORDS, [])


@any_codec
def test_gzipped_files_are_read(codec):
    """A container file may have been compressed once more."""
    assert split(gzip.compress(file_of(RECORDS, codec=codec))) == (RECORDS, [])


def test_empty_files_have_no_records():
    """A container file without records is not damaged."""
    assert split(file_of([])) == ([], [])


@for_each("event_type", sorted(EVENT_TYPES))
def test_stored_events_are_those_of_http(event_type):
    """An event of any type reads from its file as it reads over HTTP."""
    cls = EVENT_TYPES[event_type]
    fields = event_fields(cls)
    names = [n for n, f in fields.items() if f.http and f.storage] or [*fields]
    record = make_raw(cls, form="storage", only=names)
    (read,) = read_events(file_of([record], schema_of(cls)))

    assert parse_event(make_raw(cls, only=names), strict=True) == parse_event(
        read.value, event_type=read.event_type, strict=True
    )


def test_schema_names_the_type():
    """Records carry no type; the full name of their schema does."""
    types = {event.event_type for event in read_events(file_of(RECORDS))}

    assert types == {"users.messages.email.Click"}


def test_schema_may_have_a_namespace():
    """The full name may come in two parts."""
    schema = SMALL | {"name": "Click", "namespace": "dataexport.gcs.inner.users.x.y"}
    types = {event.event_type for event in read_events(file_of(RECORDS, schema))}

    assert types == {"users.x.y.Click"}


def test_given_type_is_used_for_a_schema_without_one():
    """Files of others name their records as they like."""
    data = file_of(RECORDS, SMALL | {"name": "Record"})
    given = "users.messages.email.Click"
    types = {event.event_type for event in read_events(data, event_type=given)}

    assert types == {given}


def test_type_in_the_schema_comes_before_the_given_one():
    """A file in the folder of another type, or passed with it, is what it says."""
    given = read_events(file_of(RECORDS), event_type="users.messages.email.Open")

    assert {event.event_type for event in given} == {"users.messages.email.Click"}


def test_values_that_json_does_not_have_become_numbers_and_text():
    """Other tools write them: times are UTC epoch seconds, dates and ids are text."""
    kinds = {
        "time": {"type": "long", "logicalType": "timestamp-millis"},
        "naive": {"type": "long", "logicalType": "local-timestamp-millis"},
        "day": {"type": "int", "logicalType": "date"},
        "key": {"type": "string", "logicalType": "uuid"},
        "price": {
            "type": "bytes",
            "logicalType": "decimal",
            "precision": 4,
            "scale": 2,
        },
        "odd": {"type": "string", "logicalType": "made-up"},
    }
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    moment = dt.datetime(2025, 11, 23, 12, 13, 20, 500_000, tzinfo=dt.UTC)
    key = uuid.UUID(int=1)
    record = {
        "time": moment,
        "naive": moment.replace(tzinfo=None, microsecond=0),
        "day": moment.date(),
        "key": key,
        "price": decimal.Decimal("3.14"),
        "odd": "text",
    }

    (event,) = read_events(file_of([record], SMALL | {"fields": fields}))

    assert event.value == {
        "time": 1763900000.5,
        "naive": 1763900000,
        "day": "2025-11-23",
        "key": str(key),
        "price": 3.14,
        "odd": "text",
    }


def test_offset_is_that_of_the_block():
    """Each record has the offset of its block."""
    data = file_of(RECORDS, records_a_block=4)
    offsets = [event.offset for event in read_events(data)]

    assert [
        offset for offset, _, count in blocks_of(data) for _ in range(count)
    ] == offsets


@any_codec
def test_32_bit_numbers_are_shortened(codec):
    """
    A price of 3.14 reads 3.14, not 3.140000104904175; also in arrays, maps, records.
    """
    inner = {
        "type": "record",
        "name": "Inner",
        "fields": [{"name": "a", "type": "float"}],
    }
    types = [
        "float",
        ["null", "float"],
        {"type": "array", "items": "float"},
        {"type": "array", "items": ["null", "float"]},
        {"type": "map", "values": "float"},
        ["null", inner],
    ]
    values = [3.14, 3.14, [3.14], [None, 3.14], {"a": 3.14}, {"a": 3.14}]
    fields = [{"name": f"f{n}", "type": t} for n, t in enumerate(types)]
    record = {f"f{n}": value for n, value in enumerate(values)}
    schema = {"type": "record", "name": "R", "fields": fields}

    assert split(file_of([record], schema, codec)) == ([record], [])


def test_unions_with_several_kinds_are_read():
    """A union of float and other types returns each value."""
    fields = [{"name": "a", "type": ["null", "string", "float"]}]
    schema = {"type": "record", "name": "R", "fields": fields}
    records = [{"a": None}, {"a": "x"}, {"a": 3.14}]

    assert (records, []) == split(file_of(records, schema))


def test_64_bit_numbers_are_unchanged():
    """A double is what it is."""
    fields = [{"name": "a", "type": "double"}]
    schema = {"type": "record", "name": "R", "fields": fields}
    records = [{"a": 3.140000104904175}]

    assert (records, []) == split(file_of(records, schema))


def test_files_can_be_read_in_small_pieces():
    """A stream may give less than it is asked for."""

    class Dripping(io.BytesIO):
        """Three bytes at a time."""

        def read(self, size=-1):
            """Give some of them."""
            return super().read(min(size, 3) if size > 0 else 3)

    data = file_of(RECORDS, codec="deflate", records_a_block=4)

    assert split(Dripping(data)) == (RECORDS, [])


def test_missing_extra_is_named(monkeypatch):
    """Without fastavro, the error says what to install."""
    monkeypatch.setitem(sys.modules, "fastavro", None)

    with pytest.raises(ModuleNotFoundError, match=r"pip install 'braze_heap\[avro\]'"):
        list(read_events(b"Obj\x01"))


# --- Damage ---------------------------------------------------------------------------


@any_codec
def test_truncated_files_give_everything_before_the_end(codec):
    """A file that ends at any byte gives only the records of its complete blocks."""
    data = file_of(RECORDS, codec=codec, records_a_block=4)
    blocks = blocks_of(data)
    for end in range(4, len(data)):
        records, _ = split(data[:end])
        whole = sum(count for _, stop, count in blocks if stop <= end)

        assert RECORDS[: len(records)] == records
        assert whole <= len(records)


@any_codec
def test_truncation_is_reported_once_with_its_block(codec):
    """The damage has the offset of the block that is cut, and its bytes."""
    data = file_of(RECORDS, codec=codec, records_a_block=4)
    blocks = blocks_of(data)
    starts = [start for start, _, _ in blocks]
    for end in range(starts[0] + 1, len(data)):
        expected = [
            (start, data[start:end]) for start, stop, _ in blocks if start < end < stop
        ]
        _, damages = split(data[:end])

        assert expected == [(damage.offset, damage.raw) for damage in damages]


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_records_of_a_truncated_block_are_delivered(codec):
    """Of a block that is cut in its last byte, all records are there."""
    data = file_of(RECORDS, codec=codec)
    cut = len(data) - len(b"-sync-marker-16-") - 1
    records, damages = split(data[:cut])

    assert len(records) >= len(RECORDS) - 1
    assert len(damages) == 1


def test_every_record_before_truncation_is_delivered():
    """Without compression, a record whose last byte is there is delivered."""
    data = file_of(RECORDS)
    (start, _, _) = blocks_of(data)[0]
    sizes = []
    for record in RECORDS:
        encoded = io.BytesIO()
        fastavro.schemaless_writer(encoded, SMALL, record)
        sizes.append(len(encoded.getvalue()))
    first = len(data) - sum(sizes) - len(b"-sync-marker-16-")
    ends = [first + sum(sizes[: n + 1]) for n in range(len(sizes))]
    for cut in range(start + 1, len(data)):
        records, _ = split(data[:cut])

        assert sum(end <= cut for end in ends) == len(records)


@pytest.mark.parametrize("end", [4, 5, 20, 60])
def test_a_truncated_header_is_damaged(end):
    """A file with a truncated header gives one damage and no records."""
    records, (damage,) = split(file_of(RECORDS)[:end])

    assert (records, damage.offset) == ([], 0)
    assert damage.detail.startswith("damaged Avro header")


@any_codec
def test_a_lost_sync_marker_is_damage_after_the_block(codec):
    """
    The records of a block with a wrong end are delivered, and the damage is reported.
    """
    data = bytearray(file_of(RECORDS, codec=codec, records_a_block=4))
    start, stop, _ = blocks_of(bytes(data))[1]
    data[stop - 1] ^= 0xFF
    records, damages = split(bytes(data))

    assert RECORDS[: len(records)] == records
    assert len(records) >= 4
    assert [start] == [damage.offset for damage in damages]


@any_codec
def test_a_damaged_byte_costs_nothing_before_its_block(codec):
    """
    Whichever byte is wrong, the blocks before it are delivered, and nothing raises.
    """
    data = file_of(RECORDS, codec=codec, records_a_block=4)
    blocks = blocks_of(data)
    for place in range(blocks[0][0], len(data)):
        scratched = bytearray(data)
        scratched[place] ^= 0xA5
        records, damages = split(bytes(scratched))
        whole = sum(count for _, stop, count in blocks if stop <= place)

        assert RECORDS[:whole] == records[:whole]
        assert len(damages) <= 1


@given(st.integers(4, 10_000), st.binary(min_size=1, max_size=8))
def test_a_damaged_header_raises_nothing(place, scratch):
    """Whatever the header says, reading ends with a damage or without."""
    data = bytearray(file_of(RECORDS[:2]))
    place = 4 + place % (blocks_of(bytes(data))[0][0] - 4)
    data[place : place + len(scratch)] = scratch
    _, damages = split(bytes(data))

    assert len(damages) <= 1


@given(st.binary(max_size=200))
def test_any_bytes_behind_the_magic_are_read(data):
    """A file that only begins like a container file raises nothing."""
    parts = list(read_events(b"Obj\x01" + data))

    assert all(isinstance(part, RawEvent | Unreadable) for part in parts)


def test_unknown_codecs_are_damage():
    """An unknown codec is a damage, not an exception."""
    data = file_of(RECORDS, codec="deflate").replace(b"\x0edeflate", b"\x0eunheard")
    records, (damage,) = split(data)

    assert (records, damage.reason) == ([], Reason.UNREADABLE)


def test_trailing_bytes_are_damage():
    """Bytes after the last block that are not a block are reported."""
    data = file_of(RECORDS)
    records, damages = split(data + b"trailing")

    assert (RECORDS, [len(data)]) == (records, [damage.offset for damage in damages])


@pytest.mark.parametrize("size", [2**20, 2**40, 2**62])
def test_a_block_that_lies_about_its_size_is_damage(size):
    """A size that the file does not have is neither believed nor reserved."""
    data = file_of(RECORDS)
    start, _, _ = blocks_of(data)[0]
    lie = io.BytesIO()
    fastavro.schemaless_writer(lie, "long", len(RECORDS))
    fastavro.schemaless_writer(lie, "long", size)
    _, damages = split(data[:start] + lie.getvalue() + b"x" * 20)

    assert [start] == [damage.offset for damage in damages]


def test_details_contain_no_values():
    """A damage names only its kind, because records may contain personal data."""
    records = [{"id": "a", "time": 1, "link_alias": "jane@example.com" * 9}] * 3
    data = file_of(records)
    found = [damage for end in range(1, len(data)) for damage in split(data[:end])[1]]

    assert "jane" not in json.dumps([damage.detail for damage in found])


@pytest.mark.parametrize("cls", [EmailClick, Purchase])
def test_a_damaged_block_still_names_its_type(cls):
    """Records from the sound part of a damaged block know their type."""
    record = make_raw(cls, form="storage")
    data = file_of([record] * 3, schema_of(cls))
    events = [e for e in read_events(data[:-20]) if isinstance(e, RawEvent)]

    assert {cls.event_type} == {event.event_type for event in events}
