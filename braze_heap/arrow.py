"""
Record batches of Arrow in, a table of calls out: for Spark, DuckDB, Polars and pandas.

`CALLS` is the schema of the table. Each event that was read is counted once in its
column ``events``, whether it became calls, was skipped or was rejected. Needs the extra
``arrow``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import itertools
import json
import math
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from braze_heap._errors import requires_extra
from braze_heap._json import encode_text
from braze_heap._pipeline_inputs import check_transformer
from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of
from braze_heap.events._field_types import shortest_float32
from braze_heap.heap.calls import AddUserProperties, Call, DeleteUser, Track
from braze_heap.mapping._batch import named
from braze_heap.results import TransformResult
from braze_heap.state import UNKNOWN_TIME, DeadRecord
from braze_heap.transformer import Transformer
from braze_heap.wire import (
    RawEvent,
    Read,
    UnknownFormatError,
    Unreadable,
    type_in_path,
)
from braze_heap.wire._source import check_event_type, read_source

with requires_extra(__name__, "'braze_heap[arrow]'"):
    import pyarrow as pa
    import pyarrow.compute as pc

__all__ = [
    "CALLS",
    "ArrowTable",
    "calls_of",
    "newest_user_properties",
    "transform_files",
    "transform_rows",
]


class ArrowTable(Protocol):
    """Table of any library that exports Arrow, such as Polars or DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


CHUNK: Final = 1_000
"""Events that are transformed together, as in a pipeline."""

CALLS: Final = pa.schema(
    [
        ("outcome", pa.string()),
        ("events", pa.int32()),
        ("call", pa.string()),
        ("event", pa.string()),
        ("identity", pa.string()),
        ("timestamp", pa.string()),
        ("idempotency_key", pa.string()),
        ("properties", pa.string()),
        ("event_type", pa.string()),
        ("event_id", pa.string()),
        ("event_time", pa.timestamp("us", "UTC")),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("original", pa.binary()),
        ("source", pa.string()),
    ]
)
"""
Columns of a table of calls:

* ``outcome``: ``call``, ``skipped``, ``rejected`` or ``repeated``.
* ``events``: number of events that the row accounts for: 0 if it is not the first call
  of its event. The sum is the number of events that were read.
* ``call``: ``track``, ``add_user_properties`` or ``delete_user``.
* ``event``, ``identity``, ``timestamp``, ``idempotency_key``: attributes of the call.
* ``properties``: those of the call, a JSON object.
* ``event_type``, ``event_id``, ``event_time``: of Braze's event, as far as it is known.
* ``reason``, ``detail``: cause of a skipped or rejected event, without a value.
* ``original``: the rejected event as JSON, or the damaged bytes. **Personal data**, not
  redacted: empty unless asked for.
* ``source``: path of the file.
"""

_Row: TypeAlias = tuple[Any, ...]
_NO_CALL: Final = (None,) * 6
_KINDS: Final[Mapping[type[Call], str]] = {
    Track: "track",
    AddUserProperties: "add_user_properties",
    DeleteUser: "delete_user",
}


def transform_files(
    batches: Iterable[pa.RecordBatch] | ArrowTable,
    transformer: Transformer,
    *,
    originals: bool = False,
) -> Iterator[pa.RecordBatch]:
    """
    Transform files of Currents, in any form that `read_events` reads.

    A damaged file gives the events before the damage, and a rejected row.

    Args:
        batches: Batches with the columns ``path`` and ``content``, such as the source
            ``binaryFile`` of Spark gives; or a table.
        transformer: Maps events to calls.
        originals: Whether rejected rows have their ``original``.

    Returns:
        Batches of `CALLS`, for each thousand events of a file.

    Raises:
        TypeError: At once, if *transformer* is not one.
        ValueError: A column is missing.
        DeliveryError: A lookup of a mapper is down.
        ModuleNotFoundError: For Avro files without the extra ``avro``.
    """
    check_transformer("transform_files", transformer)
    return (
        _to_batch(_rows(transformer.transform(chunk), path, originals))
        for batch in _batches_of(batches)
        for path, reads in _files(batch)
        for chunk in _chunks(reads)
    )


def transform_rows(
    batches: Iterable[pa.RecordBatch] | ArrowTable,
    transformer: Transformer,
    *,
    event_type: str | None = None,
    originals: bool = False,
) -> Iterator[pa.RecordBatch]:
    """
    Transform storage records that another tool has read, a row an event.

    Times become epoch seconds, naive ones as UTC. Decimals become numbers, dates and
    bytes text, structs and maps objects. Nulls are ignored, and so is a column
    ``date``, which comes from the paths. Names may be in upper case.

    Args:
        batches: Batches with the columns of Currents; or a table of any library that
            exports Arrow, such as Polars or DuckDB.
        transformer: Maps events to calls.
        event_type: Type of rows without a value in a column ``event_type``.
        originals: Whether rejected rows have their ``original``.

    Returns:
        Batches of `CALLS`, for each thousand rows.

    Raises:
        TypeError: At once, if *transformer* is not one.
        ValueError: The type of the rows is missing, or the name of a class. Or two
            columns have one name.
        DeliveryError: A lookup of a mapper is down.
    """
    check_transformer("transform_rows", transformer)
    check_event_type(event_type)
    return (
        _to_batch(_rows(transformer.transform(chunk), None, originals))
        for batch in _batches_of(batches)
        for chunk in _chunks(_records(batch, event_type))
    )


def newest_user_properties(
    batches: Iterable[pa.RecordBatch] | ArrowTable,
) -> Iterator[pa.RecordBatch]:
    """
    Keep only the statement of each user property of each user that wins.

    In Heap the last write wins, whatever its age. After this, the rows may be sent in
    any order. Keeps the user properties of all users in memory.

    Args:
        batches: Batches of `CALLS`. Rows that are not user properties are ignored.

    Raises:
        ValueError: See `calls_of`.
    """
    newest: dict[tuple[str, str], AddUserProperties] = {}
    kept: list[tuple[dict[str, Any], AddUserProperties]] = []
    for batch in _batches_of(batches):
        is_one = pc.equal(_column(batch, "call"), "add_user_properties")
        stated = batch.filter(is_one)
        for row, call in zip(stated.to_pylist(), calls_of(stated), strict=True):
            assert isinstance(call, AddUserProperties)  # noqa: S101 (by the filter)
            kept.append((row, call))
            for name in call.properties:
                other = newest.setdefault((call.identity, name), call)
                if call.order(name) >= other.order(name):
                    newest[call.identity, name] = call
    for chunk in _chunks(_winning(kept, newest)):
        yield pa.RecordBatch.from_pylist(chunk, schema=CALLS)


def calls_of(batch: pa.RecordBatch) -> list[Call]:
    """
    Return the calls in *batch*, so that a sink can send them.

    Rows that are not calls are ignored: their ``outcome`` is not ``call``.

    Args:
        batch: A batch or a table with the columns of `CALLS` that describe calls.
            ``event_time`` and ``event_id`` may be missing, and the others be added.

    Raises:
        ValueError: A column is missing, or a row is not a call.
        TypeError: *batch* is not from Arrow.
    """
    calls: list[Call] = []
    for number, row in enumerate(_call_rows(batch)):
        if row.get("outcome", "call") not in _OTHER_OUTCOMES:
            try:
                calls.append(_call(row))
            except ValueError as error:
                raise ValueError(f"row {number} is not a call: {error}") from None
    return calls


# --- Out ------------------------------------------------------------------------------


def _rows(
    result: TransformResult, source: str | None, originals: bool
) -> Iterator[_Row]:
    events: set[int] = set()
    for call, origin in zip(result.calls, result.origins, strict=True):
        is_first = id(origin) not in events
        events.add(id(origin))
        yield _call_row(call, int(is_first), origin, source)
    for skip in result.skipped:
        yield (
            *("skipped", 1, *_NO_CALL, skip.event_type, skip.event_id, None),
            *(str(skip.reason), None, None, source),
        )
    for each in result.rejected:
        record = DeadRecord.of(each.raw, each.reason, each.detail, UNKNOWN_TIME)
        data = record.original if originals else None
        yield (
            *("rejected", 1, *_NO_CALL, each.event_type, each.event_id, None),
            *(record.reason, record.detail, data, source),
        )
    if repeated := result.mapped - len(events):
        yield ("repeated", repeated, *_NO_CALL, *_NO_CALL, source)


def _call_row(call: Call, events: int, origin: Any, source: str | None) -> _Row:
    event = timestamp = key = properties = time = None
    if isinstance(call, Track):
        event, timestamp, key = call.event, call.timestamp, call.idempotency_key
        time = dt.datetime.fromisoformat(timestamp)
    elif isinstance(call, AddUserProperties):
        time = dt.datetime.fromtimestamp(call.time, dt.UTC)
    if not isinstance(call, DeleteUser):
        properties = encode_text(call.properties)
    # fmt: off
    return (
        "call", events, _KINDS[type(call)], event, call.identity, timestamp, key,
        properties, *named(origin), time, None, None, None, source,
    )
    # fmt: on


def _winning(
    stated: Iterable[tuple[dict[str, Any], AddUserProperties]],
    newest: Mapping[tuple[str, str], AddUserProperties],
) -> Iterator[dict[str, Any]]:
    for row, call in stated:
        winning = {
            name: value
            for name, value in call.properties.items()
            if newest[call.identity, name] is call
        }
        if winning:
            yield row | {"properties": encode_text(winning)}


def _to_batch(rows: Iterable[_Row]) -> pa.RecordBatch:
    columns = [*zip(*rows, strict=True)] or [()] * len(CALLS)
    arrays = [
        _array(column, field.type) for column, field in zip(columns, CALLS, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=CALLS)


def _array(column: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(column, kind)
    except UnicodeEncodeError:  # lone surrogates of a rejected event
        clean = [text and text.encode(errors="replace").decode() for text in column]
        return pa.array(clean, kind)


# --- In -------------------------------------------------------------------------------


def _batches_of(source: Any) -> Iterator[pa.RecordBatch]:
    """Yield the batches of *source*, which may also be a batch or a table."""
    if isinstance(source, pa.RecordBatch):
        yield source
    elif hasattr(source, "__arrow_c_stream__"):
        yield from pa.RecordBatchReader.from_stream(source)
    elif isinstance(source, Iterable) and not isinstance(source, str | bytes | Mapping):
        for batch in source:
            yield from _batches_of(batch)
    else:
        raise TypeError(
            "a table of Arrow, pandas, Polars or DuckDB, or an iterable of batches is "
            f"needed, not {kind_of(source)}"
        )


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := [*itertools.islice(iterator, CHUNK)]:
        yield chunk


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    names = batch.schema.names
    if name in names and names.count(name) > 1:
        raise ValueError(f"several columns are named {name!r}: rename them")
    if name not in names:
        hint = did_you_mean(name, names)
        raise ValueError(f"the batch has no column {name!r}, but needs one.{hint}")
    return batch.column(name)


def _files(batch: pa.RecordBatch) -> Iterator[tuple[str, Iterator[Read]]]:
    paths, contents = _column(batch, "path"), _column(batch, "content")
    for path, content in zip(paths.to_pylist(), contents, strict=True):
        yield path, _read_file(path or "", content.as_buffer())


def _read_file(path: str, content: pa.Buffer | None) -> Iterator[Read]:
    if content is None:
        yield Unreadable(0, "the content is null", source=path)
        return
    try:
        yield from read_source(io.BytesIO(content), type_in_path(path))
    except UnknownFormatError as error:
        yield Unreadable(0, str(error), source=path)


def check_names(names: Sequence[str], event_type: str | None) -> list[str]:
    """
    Return the *names* of the columns of storage records, in lower case if they are not.

    Raises:
        ValueError: Their event type is unknown, or two columns have one name.
    """
    if "ID" in names:  # a warehouse that writes names in upper case
        names = [name.lower() if name.isupper() else name for name in names]
    if event_type is None and "event_type" not in names:
        raise ValueError(
            "the records have no column 'event_type': add it, or pass event_type='...'"
        )
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"several columns are named {repeated[0]!r}: rename them")
    return [*names]


def _records(batch: pa.RecordBatch, event_type: str | None) -> Iterator[RawEvent]:
    names = check_names(batch.schema.names, event_type)
    for start in range(0, batch.num_rows, CHUNK):
        piece = batch.slice(start, CHUNK)
        size = piece.num_rows
        columns = {
            name: _values(column)
            for name, column in zip(names, piece.columns, strict=True)
            if column.null_count < size and name != "date"
        }
        for _, *values in zip(range(size), *columns.values(), strict=True):
            pairs = zip(columns, values, strict=True)
            record = {name: value for name, value in pairs if value is not None}
            yield RawEvent(record, record.pop("event_type", event_type))


_UNITS: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def _values(array: pa.Array) -> list[Any]:
    """Return the values of *array* as JSON would have them."""
    kind, types = array.type, pa.types
    if types.is_dictionary(kind):
        return _values(array.dictionary_decode())
    if types.is_timestamp(kind) or types.is_duration(kind):
        # As datetime, nanoseconds and years over 9999 would raise.
        unit, numbers = _UNITS[kind.unit], array.cast(pa.int64()).to_pylist()
        return [n and (n / unit if n % unit else n // unit) for n in numbers]
    if types.is_date(kind) or types.is_time(kind):
        return _texts(array.cast(pa.string()))
    if types.is_struct(kind):
        return _objects(array)
    if types.is_map(kind):
        return _maps(array)
    if types.is_nested(kind) and hasattr(kind, "value_field"):
        items = iter(_values(array.flatten()))
        sizes = pc.list_value_length(array).to_pylist()
        return [n if n is None else [*itertools.islice(items, n)] for n in sizes]
    values = _texts(array)
    if types.is_float32(kind) or types.is_float16(kind):
        return [v if v is None else shortest_float32(float(v)) for v in values]
    if types.is_decimal(kind):
        number = float if kind.scale > 0 else int
        return [v if v is None else number(v) for v in values]
    return values


def _texts(array: pa.Array) -> list[Any]:
    """Return the values of *array*, with text for bytes and UUIDs."""
    try:
        values: list[Any] = array.to_pylist()
    except UnicodeDecodeError:
        values = array.cast(pa.large_binary()).to_pylist()
    first = next((v for v in values if v is not None), None)
    if isinstance(first, bytes):
        return [v and v.decode(errors="replace") for v in values]
    if isinstance(first, uuid.UUID):
        return [v and str(v) for v in values]
    return values


def _objects(array: pa.StructArray) -> list[Any]:
    names = [field.name for field in array.type]
    children = [iter(_values(child)) for child in array.flatten()]
    objects: list[Any] = []
    for is_valid in array.is_valid().to_pylist():
        pairs = zip(names, map(next, children), strict=True)
        values = {name: value for name, value in pairs if value is not None}
        objects.append(values if is_valid else None)
    return objects


def _maps(array: pa.MapArray) -> list[Any]:
    offsets = array.offsets.to_pylist()
    start, size = offsets[0], offsets[-1] - offsets[0]
    keys = map(str, _values(array.keys.slice(start, size)))
    pairs = [*zip(keys, _values(array.items.slice(start, size)), strict=True)]
    ranges = zip(offsets, offsets[1:], array.is_valid().to_pylist(), strict=False)
    return [
        dict(pairs[a - start : b - start]) if is_valid else None
        for a, b, is_valid in ranges
    ]


_OF_CALL: Final = "call event identity timestamp idempotency_key properties".split()
_OPTIONAL: Final = ("outcome", "event_id", "event_time")
_OTHER_OUTCOMES: Final = ("skipped", "rejected", "repeated")


def _call_rows(batch: Any) -> Iterator[dict[str, Any]]:
    for each in _batches_of(batch):
        names = [*_OF_CALL, *(n for n in _OPTIONAL if n in each.schema.names)]
        columns = [_values(_column(each, name)) for name in names]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


def _call(row: dict[str, Any]) -> Call:
    if row.get("outcome", "call") != "call":
        raise ValueError(f"'outcome' is not one of call, {', '.join(_OTHER_OUTCOMES)}")
    kind, identity = row["call"], _text(row, "identity")
    if kind == "delete_user":
        return DeleteUser(identity)
    properties = _properties(row["properties"])
    if kind == "add_user_properties":
        time, event_id = row.get("event_time") or 0.0, row.get("event_id") or ""
        if not isinstance(time, int | float):
            raise ValueError(f"'event_time' is {kind_of(time)}, not a timestamp")
        return AddUserProperties(identity, properties, time=time, event_id=event_id)
    if kind != "track":
        raise ValueError(f"'call' is not one of {', '.join(_KINDS.values())}")
    event, key = _text(row, "event"), _text(row, "idempotency_key")
    timestamp = _text(row, "timestamp")
    with contextlib.suppress(ValueError):
        if dt.datetime.fromisoformat(timestamp).tzinfo:
            return Track(event, identity, timestamp, key, properties)
    raise ValueError("'timestamp' is not ISO 8601 with an offset, such as +00:00")


def _text(row: dict[str, Any], name: str) -> str:
    value = row[name]
    if isinstance(value, str) and value:
        return value
    raise ValueError(f"{name!r} is {'empty' if value == '' else kind_of(value)}")


def _properties(text: Any) -> dict[str, Any]:
    with contextlib.suppress(ValueError, TypeError):
        values = json.loads(text)
        if isinstance(values, dict) and all(
            type(value) in (str, int) or (type(value) is float and math.isfinite(value))
            for value in values.values()
        ):
            return values
    raise ValueError("'properties' is not a JSON object of texts and numbers")
