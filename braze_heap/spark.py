"""
A table of calls from Spark: a thin layer over ``mapInArrow``.

Uses data frames only, so it also works with Spark Connect. Each function returns a data
frame with the columns of `braze_heap.arrow.CALLS`, and runs when Spark needs its rows.
The executors need braze_heap, its extra ``arrow`` and the modules of your mappers.
Lambdas and mappers of a notebook travel with the query.
"""

from __future__ import annotations

import functools
from typing import Any, Final, TypeVar

from braze_heap import arrow
from braze_heap._pipeline_inputs import check_transformer
from braze_heap.transformer import Transformer
from braze_heap.wire._source import check_event_type

__all__ = ["calls", "newest_user_properties", "read_files"]

_DataFrame = TypeVar("_DataFrame")

_TYPES: Final = {"int32": "int", "timestamp[us, tz=UTC]": "timestamp"}
_CALLS: Final = ", ".join(
    f"{field.name} {_TYPES.get(str(field.type), field.type)}" for field in arrow.CALLS
)


def read_files(spark: Any, path: str | list[str]) -> Any:
    """
    Return the files below *path* as a data frame of ``path`` and ``content``.

    Spark lists and reads them with its own credentials. Names that begin with ``.`` or
    ``_`` are ignored.

    Args:
        spark: The session.
        path: URLs or paths of folders or files, or one of them.
    """
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    return reader.load(path).select("path", "content")


def calls(
    df: _DataFrame,
    transformer: Transformer,
    *,
    event_type: str | None = None,
    originals: bool = False,
) -> _DataFrame:
    """
    Transform the files or the storage records in *df*.

    A task that fails is repeated by Spark, and gives the same rows.

    Args:
        df: Files, with the columns ``path`` and ``content``; see
            `braze_heap.arrow.transform_files`. Or storage records; see
            `braze_heap.arrow.transform_rows`.
        transformer: Maps events to calls. It is pickled.
        event_type: Type of records without a value in a column ``event_type``.
        originals: Whether rejected rows have their ``original``: personal data.

    Raises:
        TypeError: At once, if *transformer* is not one.
        ValueError: At once, if *df* are files and *event_type* is given, or if the type
            of records is unknown.
    """
    check_transformer("calls", transformer)
    frame: Any = df
    if {"path", "content"} <= {*frame.columns}:
        if event_type is not None:
            raise ValueError("event_type is for records: files name their own")
        function = functools.partial(
            arrow.transform_files, transformer=transformer, originals=originals
        )
    else:
        check_event_type(event_type)
        arrow.check_names(frame.columns, event_type)
        function = functools.partial(
            arrow.transform_rows,
            transformer=transformer,
            event_type=event_type,
            originals=originals,
        )
    result: _DataFrame = frame.mapInArrow(function, _CALLS)
    return result


def newest_user_properties(df: _DataFrame) -> _DataFrame:
    """
    Keep only the statement of each user property of each user that wins.

    Rows of *df*, a data frame of calls, that are not user properties are ignored. See
    `braze_heap.arrow.newest_user_properties`.
    """
    frame: Any = df
    stated = frame.where("call = 'add_user_properties'").repartition("identity")
    result: _DataFrame = stated.mapInArrow(arrow.newest_user_properties, _CALLS)
    return result
