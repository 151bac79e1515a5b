"""Record batches in, a table of calls out, and calls again."""

import collections
import datetime as dt
import decimal
import json
import random
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.events import EVENT_TYPES
from braze_heap.testing import make_malformed, make_raw, make_traffic
from tests.benchmarks.inputs import as_storage
from tests.engines.data import files, write_files

pa = pytest.importorskip("pyarrow", reason="needs pyarrow: python -m tests.engines")
arrow = pytest.importorskip("braze_heap.arrow")

pytestmark = pytest.mark.engines

CLICK = "users.messages.email.Click"
TIME = 1_763_900_000
TRANSFORMER = bh.Transformer()
MOMENT = dt.datetime.fromtimestamp(TIME, dt.UTC)


def body(events: list[Any]) -> bytes:
    return json.dumps({"events": events}).encode()


def table_of(batches: Any) -> Any:
    return pa.Table.from_batches(batches, arrow.CALLS)


def of_files(*contents: bytes | None, **options: Any) -> Any:
    paths = [f"f/{n}.json" for n in range(len(contents))]
    columns = {"path": paths, "content": pa.array(contents, pa.binary())}
    return table_of(arrow.transform_files(pa.table(columns), TRANSFORMER, **options))


def of_rows(columns: Any, **options: Any) -> list[dict[str, Any]]:
    rows = arrow.transform_rows(pa.table(columns), TRANSFORMER, **options)
    return table_of(rows).to_pylist()


def clicks(**columns: Any) -> dict[str, Any]:
    """Return the columns of one click."""
    base = {"id": ["a"], "time": [TIME], "external_user_id": ["u"]}
    return base | {"event_type": [CLICK]} | columns


def property_of(value: Any) -> Any:
    """Return how a value in a column that no class knows reaches Heap."""
    (row,) = of_rows(clicks(shelf=value))
    properties = json.loads(row["properties"])
    return {n: v for n, v in properties.items() if n.startswith("shelf")}


def events_by_outcome(table: Any) -> dict[str, int]:
    counts: collections.Counter[str] = collections.Counter()
    for row in table.to_pylist():
        counts[row["outcome"]] += row["events"]
    return dict(counts)


# --- Files ----------------------------------------------------------------------------


def test_calls_of_files_are_those_of_the_transformer() -> None:
    """Each comes back from the table as it was made, with the time of its event."""
    events = [make_raw(cls) for cls in EVENT_TYPES.values()] + make_traffic(800)
    expected = TRANSFORMER.transform(events).calls

    made = arrow.calls_of(of_files(body(events)))

    assert made == expected
    assert [getattr(c, "time", 0) for c in made] == [
        getattr(c, "time", 0) for c in expected
    ]


def test_every_event_is_counted_once() -> None:
    """Calls, skipped, rejected and repeated events, and damage, are all that came."""
    good, bad = make_traffic(600), make_malformed(60)
    nobody = [e | {"id": f"n{n}", "user": {}} for n, e in enumerate(good[:7])]
    events = [*good, *bad, *nobody, *good[:5], *nobody[:3]]
    result = TRANSFORMER.transform(body(events))

    table = of_files(body(events), b"a,b\n1,2\n", None, b"", b'{"id": ')

    assert events_by_outcome(table) == {
        "call": 600 + 60 - len(result.rejected),
        "skipped": 7 + 3,
        "rejected": len(result.rejected) + 3,
        "repeated": 5,
    }


def test_a_cut_file_gives_the_events_before_the_damage(tmp_path: Path) -> None:
    """The damage is a rejected row that names the file."""
    folder = write_files(tmp_path, 300, damaged=True)
    columns = {
        "path": [str(f) for f in files(folder)],
        "content": [f.read_bytes() for f in files(folder)],
    }

    rows = table_of(arrow.transform_files(pa.table(columns), TRANSFORMER)).to_pylist()

    damaged = {Path(r["source"]).suffix: r for r in rows if r["outcome"] == "rejected"}
    assert damaged[".avro"]["detail"].count("damaged Avro block") == 1
    assert "CSV" in damaged[".csv"]["detail"]
    assert {row["reason"] for row in damaged.values()} == {"unreadable"}
    assert len({r["event_id"] for r in rows if r["event_id"]}) > 250


def test_originals_are_kept_only_if_you_want_them() -> None:
    """A rejected event is personal data, and can be sent again."""
    bad = {"event_type": CLICK, "id": "a", "time": "noon", "user": {"email": "a@b.c"}}

    (without,) = of_files(body([bad])).to_pylist()
    (row,) = of_files(body([bad]), originals=True).to_pylist()

    assert "a@b.c" not in str(without)
    assert json.loads(row["original"]) == bad
    assert (row["event_type"], row["event_id"]) == (CLICK, "a")


def test_lone_surrogates_are_replaced() -> None:
    """Arrow cannot hold them, which is no reason to fail."""
    bad = {"event_type": "x\ud800", "id": "a\ud800", "time": 1, "user": {}}

    (row,) = of_files(json.dumps(bad).encode()).to_pylist()

    assert (row["outcome"], row["event_id"]) == ("skipped", "a?")


def test_columns_of_files_are_checked() -> None:
    """The message names the column, and a similar one."""
    with pytest.raises(ValueError, match=r"no column 'content'.*mean 'contents'"):
        list(
            arrow.transform_files(
                pa.table({"path": ["a"], "contents": [b""]}), TRANSFORMER
            )
        )
    with pytest.raises(TypeError, match="transform_files needs a Transformer"):
        arrow.transform_files([], bh.DEFAULT_MAPPERS)


# --- Rows -----------------------------------------------------------------------------


def test_rows_give_the_calls_of_files() -> None:
    """Storage records of all types, as one wide table with nulls."""
    reads = as_storage(body(make_traffic(1_500)))
    records = [read.value | {"event_type": read.event_type} for read in reads]
    names = dict.fromkeys(name for record in records for name in record)
    wide = pa.table({name: [r.get(name) for r in records] for name in names})
    expected = [
        call
        for start in (0, 1_000)
        for call in TRANSFORMER.transform(reads[start : start + 1_000]).calls
    ]

    made = table_of(arrow.transform_rows(wide, TRANSFORMER))

    assert arrow.calls_of(made) == expected
    assert events_by_outcome(made) == {"call": 1_500}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", None])
def test_times_are_epoch_seconds(unit: str, zone: str | None) -> None:
    """Any unit and zone; a time without a zone is UTC."""
    kind = pa.timestamp(unit, zone)
    times = pa.array([TIME], pa.timestamp("s")).cast(pa.timestamp(unit)).cast(kind)

    (row,) = of_rows(clicks(time=times))

    assert row["event_time"] == MOMENT
    assert row["timestamp"] == "2025-11-23T12:13:20+00:00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pa.array([decimal.Decimal("9.99")]), {"shelf": 9.99}),
        (pa.array([decimal.Decimal(7)], pa.decimal128(38, 0)), {"shelf": 7}),
        (pa.array([0.1], pa.float32()), {"shelf": 0.1}),
        (pa.array([dt.date(2026, 1, 15)]), {"shelf": "2026-01-15"}),
        (pa.array([2**40], pa.int64()).cast(pa.timestamp("s")), {"shelf": 2**40}),
        (pa.array([1_500], pa.duration("ms")), {"shelf": 1.5}),
        (pa.array(["top"]).dictionary_encode(), {"shelf": "top"}),
        (pa.array([b"top"]), {"shelf": "top"}),
        (pa.array([b"\xff"]), {"shelf": "\ufffd"}),
        (
            pa.array([uuid.UUID(int=7).bytes], pa.uuid()),
            {"shelf": str(uuid.UUID(int=7))},
        ),
        (pa.array([None], pa.null()), {}),
        (pa.array([{"a": {"b": 1, "c": None}}]), {"shelf.a.b": 1}),
        (
            pa.array([[("a", 1), ("b", None)]], pa.map_(pa.string(), pa.int64())),
            {"shelf.a": 1},
        ),
        (pa.array([["a", "b"]]), {"shelf": "a||b"}),
        (pa.array([[1, 2]], pa.list_(pa.int64(), 2)), {"shelf": "1||2"}),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_values_are_as_in_json(value: Any, expected: dict[str, Any]) -> None:
    """Nested and typed values reach Heap as if the event had come over HTTP."""
    assert property_of(value) == expected


def test_nested_values_keep_their_rows() -> None:
    """Slices, nulls and empty values of nested columns do not shift their neighbors."""
    maps = pa.array(
        [[], [("a", 1)], None, [("a", 2)]], pa.map_(pa.string(), pa.int64())
    )
    lists = pa.array([["x"], ["y", "z"], None, []])
    structs = pa.array([{"n": 1}, None, {"n": 3}, {"n": None}])
    columns = pa.table(
        {
            "id": ["a", "b", "c", "d"],
            "time": [TIME] * 4,
            "external_user_id": ["u"] * 4,
            "m": maps,
            "l": lists,
            "s": structs,
        }
    )

    rows = of_rows(columns.slice(1), event_type=CLICK)

    assert [
        {
            n: v
            for n, v in json.loads(r["properties"]).items()
            if n[0] in "mls" and n[1:2] in ("", ".")
        }
        for r in rows
    ] == [{"m.a": 1, "l": "y||z"}, {"s.n": 3}, {"m.a": 2, "l": "[]"}]


def test_rows_in_upper_case_and_with_a_partition_column_are_read() -> None:
    """As a warehouse and a folder of partitions give them."""
    columns = {
        name.upper(): values for name, values in clicks(date=["2026-01-15"]).items()
    }

    (upper,) = of_rows(columns)
    (lower,) = of_rows(clicks(date=["2026-01-15"]))

    assert upper == lower
    assert "date" not in json.loads(lower["properties"])


def test_rows_need_a_type() -> None:
    """It is in a column, or an argument for the rows without one."""
    untyped = {name: v for name, v in clicks().items() if name != "event_type"}

    assert of_rows(untyped, event_type=CLICK) == of_rows(clicks())
    assert of_rows(clicks(event_type=pa.array([None], pa.string())), event_type=CLICK)
    with pytest.raises(ValueError, match="no column 'event_type': add it, or pass"):
        of_rows(untyped)
    (row,) = of_rows(clicks(event_type=pa.array([None], pa.string())))
    assert row["outcome"] == "rejected"


def test_two_columns_of_one_name_raise() -> None:
    """One of the values would be lost."""
    double = pa.table([["a"], ["b"]], names=["id", "id"])

    with pytest.raises(ValueError, match="several columns are named 'id'"):
        of_rows(double, event_type=CLICK)


# --- Calls ----------------------------------------------------------------------------

TRACK = {
    "call": "track",
    "event": "E",
    "identity": "u",
    "timestamp": "2026-01-15T07:00:00+00:00",
    "idempotency_key": "k",
    "properties": '{"a":1}',
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"call": "trak"},
            "'call' is not one of track, add_user_properties, delete_user",
        ),
        ({"identity": None}, "'identity' is None"),
        ({"identity": ""}, "'identity' is empty"),
        ({"event": None}, "'event' is None"),
        ({"idempotency_key": None}, "'idempotency_key' is None"),
        ({"timestamp": "2026-01-15T07:00:00"}, "'timestamp' is not ISO 8601 with an"),
        ({"timestamp": "noon"}, "'timestamp' is not ISO 8601 with an offset"),
        ({"properties": "{"}, "'properties' is not a JSON object"),
        ({"properties": None}, "'properties' is not a JSON object"),
        ({"properties": '{"a": null}'}, "'properties' is not a JSON object"),
        ({"properties": '{"a": true}'}, "'properties' is not a JSON object"),
        ({"properties": '{"a": NaN}'}, "'properties' is not a JSON object"),
        ({"properties": '{"a": 1e999}'}, "'properties' is not a JSON object"),
        ({"outcome": "calls"}, "'outcome' is not one of call, skipped, rejected"),
        (
            {"call": "add_user_properties", "event_time": "2026-01-15"},
            "'event_time' is a str, not a timestamp",
        ),
    ],
    ids=str,
)
def test_a_row_that_is_not_a_call_raises(change: dict[str, Any], message: str) -> None:
    """The message names row and column, and no value."""
    row = {"outcome": "call", "event_time": None} | TRACK
    rows = pa.Table.from_pylist([row, row | change])

    with pytest.raises(ValueError, match=f"row 1 is not a call: {message}"):
        arrow.calls_of(rows)


def test_calls_need_their_columns() -> None:
    """A missing one is named, and one that is there twice."""
    table = pa.Table.from_pylist([TRACK])

    with pytest.raises(ValueError, match="no column 'identity', but needs one"):
        arrow.calls_of(table.drop(["identity"]))
    with pytest.raises(ValueError, match="several columns are named 'call': rename"):
        arrow.calls_of(table.append_column("call", table["call"]))


@pytest.mark.parametrize("batches", [None, 5, "text", {"call": []}, [TRACK], ["text"]])
@pytest.mark.parametrize(
    "function",
    [
        arrow.calls_of,
        lambda batches: [*arrow.newest_user_properties(batches)],
        lambda batches: [*arrow.transform_rows(batches, TRANSFORMER)],
        lambda batches: [*arrow.transform_files(batches, TRANSFORMER)],
    ],
)
def test_only_tables_of_arrow_are_taken(function: Any, batches: Any) -> None:
    """The message names what else was given."""
    with pytest.raises(TypeError, match="a table of Arrow, pandas, Polars or DuckDB"):
        function(batches)


def test_deletions_are_calls() -> None:
    """A table has all three kinds of calls."""
    request = make_raw("users.UserDeleteRequest")
    transformer = bh.Transformer(deletions=True, delete_identity=lambda e: e.user_id)
    columns = {"path": ["a"], "content": [body([request])]}

    table = table_of(arrow.transform_files(pa.table(columns), transformer))

    assert arrow.calls_of(table) == transformer.transform([request]).calls
    assert len(table) == 1


def test_the_newest_user_properties_win_in_any_order() -> None:
    """Also where the earliest wins, and in the columns of the event."""
    events = make_traffic(4_000)
    expected = TRANSFORMER.transform(events).calls
    random.Random(1).shuffle(events)
    table = of_files(*(body(events[n : n + 500]) for n in range(0, 4_000, 500)))

    newest = table_of(arrow.newest_user_properties(table))

    wanted = [c for c in expected if isinstance(c, bh.AddUserProperties)]
    calls = arrow.calls_of(newest)
    assert statements(calls) == statements(wanted)
    assert sum(len(c.properties) for c in calls) == len(statements(calls))
    assert newest["event_time"].null_count == 0


def statements(calls: list[Any]) -> dict[tuple[str, str], Any]:
    return {(c.identity, n): v for c in calls for n, v in c.properties.items()}


def test_the_missing_extra_is_named() -> None:
    """The message says what to install."""
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "try: import braze_heap.spark\n"
        "except ModuleNotFoundError as error: print(error)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout == (
        "braze_heap.arrow needs pyarrow: pip install 'braze_heap[arrow]'\n"
    )


def test_spark_is_not_imported() -> None:
    """The module works on data frames that it is given."""
    code = "import sys, braze_heap.spark; print('pyspark' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout == "False\n"
