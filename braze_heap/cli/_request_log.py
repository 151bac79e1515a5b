"""The log of a service: one line per request, with counts and reasons but no values."""

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from braze_heap import Report
from braze_heap._errors import describe_exception, error_context
from braze_heap._log_limits import LogRateLimiter, suppressed_note
from braze_heap.cli._console import plural, safe
from braze_heap.receiver.service import RequestMetrics


def fates(report: Report) -> str:
    """Return ``10 events = 8 delivered + 1 skipped + 1 dead-lettered``."""
    parts = (
        f"{report.delivered:,} delivered",
        f"{report.skipped:,} skipped",
        f"{report.dead_lettered:,} dead-lettered",
    )
    return f"{plural(report.received, 'event')} = {' + '.join(parts)}"


class RequestLog(logging.Handler):
    """
    Handler that writes one line per request and per log record, with the time in UTC.

    Args:
        stream: Stream to write to. If it is closed, lines are lost without an error.
        is_json: Whether each line is a JSON object.
        level: Least severe records to write; ``info`` has a line for each request.
    """

    def __init__(self, stream: TextIO, *, is_json: bool, level: str = "info") -> None:
        super().__init__("ERROR" if level == "error" else "WARNING")
        self._has_requests = level in ("debug", "info")
        self._stream = stream
        self._repeats = LogRateLimiter()
        self.is_json = is_json

    def request(self, exchange: RequestMetrics) -> None:
        """Write the line of a request, at the level info."""
        if not self._has_requests:
            return
        report, ms = exchange.report, exchange.seconds * 1000
        text = f"{exchange.status}  {plural(report.received, 'event')}  {ms:,.0f} ms"
        if report.received != report.delivered:
            text += f"  ({fates(report).partition(' = ')[2]})"
        ms = round(ms, 1)
        self._write(text, {"status": exchange.status, **counts(report), "ms": ms})

    def message(self, text: str, **context: Any) -> None:
        """Write *text*; as JSON, with *context*."""
        self._write(text, {"message": text, **context})

    def total(self, text: str, report: Report) -> None:
        """Write suppressed records, then *text* with the counts of all events."""
        self._repeats.flush(at_end=True)
        self._write(f"{text} {fates(report)}", {"message": text, **counts(report)})

    def emit(self, record: logging.LogRecord) -> None:
        """
        Write a record, the same one at most once a minute.

        Of an exception it writes class, number and place, because its text may quote
        events. A record that cannot be formatted is written as far as possible.
        """
        try:
            self._emit(record)
        except Exception:
            self.handleError(record)

    def _emit(self, record: logging.LogRecord) -> None:
        message, info = _message(record), record.exc_info
        error = info[1] if isinstance(info, tuple) and len(info) > 1 else None
        context = dict(getattr(record, "braze_context", {}))
        if isinstance(error, Exception):
            message = f"{message}: {describe_exception(error)}"
            context |= error_context(error)
        elif error is not None:
            return  # a cancellation, at the end
        if "suppressed" in context:  # limited by the library already
            self._write_record(record, message, context)
            return

        def write(number: int) -> None:
            text = f"{message}{suppressed_note(number)}"
            self._write_record(record, text, {**context, "suppressed": number})

        text = record.msg if isinstance(record.msg, str) else message
        number = self._repeats.record((record.name, text, *context.values()), write)
        if number is not None:
            write(number)

    def _write_record(
        self, record: logging.LogRecord, message: str, context: dict[str, Any]
    ) -> None:
        level, text = str(record.levelname).lower(), safe(message, 500)
        own = {"level": level, "logger": str(record.name), "message": text}
        if not context["suppressed"]:
            del context["suppressed"]
        self._write(f"{level}: {text}", {**own, **context, **own})

    def _write(self, text: str, context: Mapping[str, Any]) -> None:
        now = datetime.now(UTC)
        if self.is_json:
            at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line = json.dumps({"time": at, **context})
        else:
            line = f"{now:%Y-%m-%dT%H:%M:%SZ}  {text}"
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            return


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage().strip()
    except Exception as error:  # wrong arguments, or a value without a text
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{text} (cannot be formatted: {type(error).__name__})".strip()


def counts(report: Report) -> dict[str, Any]:
    """Return the counts of *report* as JSON values."""
    return {
        "events": report.received,
        "delivered": report.delivered,
        "skipped": dict(report.skipped_by_reason),
        "dead_lettered": dict(report.dead_lettered_by_reason),
    }


@contextlib.contextmanager
def logging_to(handler: logging.Handler) -> Iterator[None]:
    """Send the records of every logger of the process to *handler* in the block."""
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
