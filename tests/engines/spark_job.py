"""
Transform a folder with Spark: ``python -m tests.engines.spark_job MASTER IN OUT``.

Writes calls and newest user properties as Parquet, and prints a line of JSON with the
seconds of the start and of the calls.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import braze_heap as bh
from braze_heap import spark
from braze_heap.events import EmailClick


def session(master: str) -> Any:
    """Return a session of Spark Connect, a local cluster or threads."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder: Any = SparkSession.builder
    if master == "connect":
        return builder.remote("local[2]").getOrCreate()
    options = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
    }
    return builder.master(master).config(map=options).getOrCreate()


def slowly(batches: Any) -> Iterator[Any]:
    """Return *batches* so slowly that an executor can be killed meanwhile."""
    for batch in batches:
        time.sleep(0.05)
        yield batch


def main(master: str, folder: str, out: str) -> None:
    start = time.time()
    spark_session = session(master)
    spark_session.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    started = time.time()
    # A lambda, which travels by value.
    mappers = bh.DEFAULT_MAPPERS.override(
        EmailClick, lambda event: bh.HeapEvent("Own Click", {"link": event.url})
    )
    files = spark.read_files(spark_session, folder).repartition(20)
    calls = spark.calls(files, bh.Transformer(mappers), originals=True)
    if "cluster" in master:
        calls = calls.mapInArrow(slowly, calls.schema)
    calls.write.parquet(f"{out}/calls")
    written = time.time()
    newest = spark.newest_user_properties(spark_session.read.parquet(f"{out}/calls"))
    newest.write.parquet(f"{out}/newest")
    seconds = {"start": started - start, "calls": written - started}
    print(json.dumps({**seconds, "class": type(spark_session).__module__}))
    spark_session.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
