"""Tests of the log of a service."""

import errno
import io
import json
import logging
import os
from typing import Any

import pytest

from braze_heap._log_limits import LogRateLimiter
from braze_heap.cli._serve import LineHandler, logging_to


def written(*records: logging.LogRecord, is_json: bool = False) -> list[str]:
    """Return the lines that a handler writes for *records*."""
    stream = io.StringIO()
    journal = LineHandler(stream, is_json=is_json)
    for record in records:
        journal.handle(record)
    return stream.getvalue().splitlines()


def record(
    error: BaseException | None = None, msg: str = "it failed"
) -> logging.LogRecord:
    """Return what a library logs, with an exception or without."""
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("asyncio", logging.ERROR, "", 1, msg, (), info)


def test_no_descriptor_is_one_line_that_says_so() -> None:
    """asyncio logs it a hundred times a second, and its text has no number."""
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    (line,) = written(*(record(error) for _ in range(1_000)))

    assert "error: it failed: OSError errno 24 EMFILE" in line


def test_another_error_is_another_line() -> None:
    """The class and the number of an exception tell causes apart, as the text does."""
    full, gone = OSError(errno.ENOSPC, ""), OSError(errno.ENOENT, "")

    assert len(written(*map(record, (full, gone, full, ValueError(), None)))) == 4


def test_facts_are_members_of_the_json_line() -> None:
    """For machines; they never replace what a line has anyway."""
    odd = record()
    odd.braze_context = {
        "host": "h",
        "status": 404,
        "suppressed": 3,
        "message": "forged",
    }

    (line,) = map(json.loads, written(odd, is_json=True))

    assert (line["host"], line["status"], line["suppressed"]) == ("h", 404, 3)
    assert line["message"] == "it failed"


def test_a_line_that_repeats_is_not_limited_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What the library logs once a minute passes, with its count."""
    now = 0.0
    repeats = LogRateLimiter(lambda: now)
    stream = io.StringIO()
    with logging_to(LineHandler(stream, is_json=False)):
        for now in (0.0, 1.0, 60.0):  # noqa: B007 (the clock reads it)
            logger = logging.getLogger("braze_heap.test")
            repeats.log(logger, logging.WARNING, "down")

    first, second = stream.getvalue().splitlines()
    assert first.endswith("warning: down")
    assert second.endswith("warning: down (1 more since the last line)")


@pytest.mark.parametrize(
    "error", [ValueError("canary"), OSError(), KeyboardInterrupt()]
)
def test_nothing_that_is_logged_breaks_the_caller(
    error: BaseException,
) -> None:
    """
    An exception that was never raised has no place; a message may not fit its values.
    """
    unfit = logging.LogRecord("x", logging.ERROR, "", 1, "%d", ("canary",), None)

    assert "canary" not in "".join(written(record(error), unfit))


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
@pytest.mark.parametrize("context", RECORDS, ids=lambda context: repr(context)[:40])
def test_every_record_is_one_line(context: dict[str, Any], is_json: bool) -> None:
    """
    A faulty record of some library is written as far as it can be, and raises nothing.
    """
    stream = io.StringIO()
    record = logging.makeLogRecord({"levelno": logging.ERROR, **context})

    LineHandler(stream, is_json=is_json).emit(record)

    (line,) = stream.getvalue().splitlines()
    assert "a value" not in line
    if is_json:
        assert json.loads(line)["message"]


def test_the_number_suppressed_is_written_at_the_end() -> None:
    """Of a logger that does not limit itself, such as uvicorn's."""
    stream = io.StringIO()
    journal = LineHandler(stream, is_json=False)
    for _ in range(3):
        journal.emit(record())
    journal.flush_suppressed()

    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("it failed (2 more since the last line)")


def test_a_closed_stream_loses_lines_without_an_error() -> None:
    """A service outlives the terminal that started it."""
    stream = io.StringIO()
    stream.close()

    LineHandler(stream, is_json=False).handle(record())


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["own debug", "own info", "own error", "other error"]),
        ("info", ["own info", "own error", "other error"]),
        ("error", ["own error", "other error"]),
    ],
)
def test_a_level_is_of_this_library(level: str, shown: list[str]) -> None:
    """Below a warning, other libraries may quote requests: they are never logged."""
    stream = io.StringIO()
    with logging_to(LineHandler(stream, is_json=True), level):
        for name, text in (("braze_heap.x", "own"), ("httpcore", "other")):
            for number in (logging.DEBUG, logging.INFO, logging.ERROR):
                name_of = logging.getLevelName(number).lower()
                logging.getLogger(name).log(number, "%s %s", text, name_of)

    lines = map(json.loads, stream.getvalue().splitlines())
    assert [line["message"] for line in lines] == shown
