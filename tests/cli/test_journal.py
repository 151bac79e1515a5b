"""
The log of a service takes whatever a logger gives it.
"""

import io
import json
import logging
from typing import Any

import pytest

from braze_heap.cli._journal import Journal


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError


RECORDS: list[dict[str, Any]] = [
    {"msg": "never raised", "exc_info": (ValueError, ValueError("a value"), None)},
    {"msg": "%d of %d", "args": (1,)},
    {"msg": "%d", "args": ("text",)},
    {"msg": Unprintable()},
    {"msg": "%s", "args": (Unprintable(),)},
    {"msg": None},
    {"msg": "no exception", "exc_info": (None, None, None)},
    {"msg": "odd", "exc_info": ()},
    {"msg": "odd", "exc_info": True},
    {"msg": "odd", "levelname": None, "name": None},
    {"msg": "two\nlines \u202e\ud800"},
]


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("facts", RECORDS, ids=lambda facts: repr(facts)[:40])
def test_every_record_is_one_line(facts: dict[str, Any], is_json: bool) -> None:
    """
    A faulty record of some library is written as far as it can be, and raises nothing.
    """
    stream = io.StringIO()
    record = logging.makeLogRecord({"levelno": logging.ERROR, **facts})

    Journal(stream, is_json=is_json).emit(record)

    (line,) = stream.getvalue().splitlines()
    assert "a value" not in line
    if is_json:
        assert json.loads(line)["message"]
