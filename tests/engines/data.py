"""Files of Currents, as Braze writes them to storage."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import braze_heap as bh
from braze_heap.testing import make_traffic
from tests.benchmarks.inputs import as_storage
from tests.wire.test_avro import file_of, schema_of


def write_files(folder: Path, number: int, *, damaged: bool = False) -> Path:
    """
    Write *number* events of invented traffic as Avro files by type and hour.

    Args:
        folder: Folder to write to.
        number: Number of events.
        damaged: Whether one file is cut, and one is no file of Currents.
    """
    files: dict[tuple[str, int], list[Any]] = defaultdict(list)
    body = json.dumps({"events": make_traffic(number)}).encode()
    for read in as_storage(body):
        hour = read.value["time"] // 36_000
        files[read.event_type or "", hour].append(read.value)
    for (event_type, hour), records in files.items():
        name = f"event_type={event_type}/date=2026-01-15-{hour % 24:02}/{hour}.avro"
        path = folder / "dataexport.prod-03.S3.integration.0a" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        schema = schema_of(bh.EVENT_TYPES[event_type])
        path.write_bytes(file_of(records, schema, "deflate", 500))
    if damaged:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) - 100])
        (folder / "list.csv").write_text("id,time\n1,2\n")
        (folder / "empty.avro").write_bytes(b"")
    return folder


def files(folder: Path) -> list[Path]:
    """Return the files in *folder*."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
