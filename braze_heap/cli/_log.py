"""Log of a service: one line per record, with counts and reasons but no values."""

import contextlib
import functools
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from braze_heap._errors import describe_exception, error_context
from braze_heap._log_limits import LogRateLimiter, suppressed_note
from braze_heap.cli._console import safe

logger: Final = logging.getLogger("braze_heap.serve")


class LineHandler(logging.StreamHandler[TextIO]):
    """
    Write each record as one line with the time in UTC, the same warning once a minute.

    Of an exception it writes class, number and place, because its text may quote
    events. If the stream is closed, lines are lost without an error.
    """

    def __init__(self, stream: TextIO, *, is_json: bool) -> None:
        super().__init__(stream)
        self._repeats = LogRateLimiter()
        self.is_json = is_json

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless the same warning was written in the last minute."""
        error, context = _exception(record), getattr(record, "braze_context", {})
        if error is not None and not isinstance(error, Exception):
            return  # a cancellation, at the end
        if record.levelno < logging.WARNING or "suppressed" in context:
            super().emit(record)  # the library limits its own warnings
            return
        text = record.msg if isinstance(record.msg, str) else _message(record)
        cause = error_context(error).items() if error else ()
        write = functools.partial(self._write, record)
        number = self._repeats.record((record.name, text, *cause), write)
        if number is not None:
            write(number)

    def _write(self, record: logging.LogRecord, suppressed: int) -> None:
        record.suppressed = suppressed
        super().emit(record)

    def flush_suppressed(self) -> None:
        """Write the warnings that were suppressed, with their number."""
        self._repeats.flush(at_end=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*; of a faulty record as far as possible."""
        suppressed = getattr(record, "suppressed", 0)
        context = {**getattr(record, "braze_context", {})}
        message = _message(record)
        if error := _exception(record):
            message += f": {describe_exception(error)}"
            context |= error_context(error)
        if number := suppressed or context.pop("suppressed", 0):
            context["suppressed"] = number
        level = str(record.levelname).lower()
        message = safe(message + suppressed_note(suppressed), 500)
        at = datetime.fromtimestamp(record.created, UTC)
        if self.is_json:
            time = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            own = {"level": level, "logger": str(record.name), "message": message}
            return json.dumps({"time": time, **own, **context, **own})
        prefix = f"{level}: " if record.levelno >= logging.WARNING else ""
        return f"{at:%Y-%m-%dT%H:%M:%SZ}  {prefix}{message}"

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's)
        """Lose a line that cannot be written."""


def _exception(record: logging.LogRecord) -> Any:
    info = record.exc_info
    return info[1] if isinstance(info, tuple) and len(info) > 1 else None


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage().strip()
    except Exception as error:  # wrong arguments, or a value without a text
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{text} (cannot be formatted: {type(error).__name__})".strip()


@contextlib.contextmanager
def logging_to(handler: logging.Handler, level: str = "info") -> Iterator[None]:
    """
    Send the records of every logger of the process to *handler* in the block.

    The *level* is for this library. Of other libraries only warnings are logged,
    because other records may quote requests.
    """
    root, own = logging.getLogger(), logging.getLogger("braze_heap")
    before = own.level
    own.setLevel(level.upper())
    handler.setLevel(level.upper())
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        own.setLevel(before)
