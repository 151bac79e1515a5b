"""
What Heap's answers mean. Pure; nothing here can raise for what an answer holds.
"""

from __future__ import annotations

import codecs
import email.utils
import errno
import json
import math
import re
import ssl
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

import attrs

from braze_heap._errors import errno_of, system_error

MAX_ANSWER: Final = 4096
"""Bytes of an answer that are read. Heap's longest documented one is `{}`."""

MAX_RETRY_AFTER: Final = 3600.0
"""Longest wait in seconds that an answer can ask for."""

MAX_DETAIL: Final = 300
"""Characters of Heap's text that are kept."""


@attrs.frozen
class Answer:
    """
    An answer, as much of it as matters.

    Attributes:
        status: Of the final answer.
        retry_after: The header as it came.
        text: The first `MAX_ANSWER` bytes of the body, if so many came.
        complete: Whether the head says where the body ends, and that end was seen. Of
            a longer body than `MAX_ANSWER` nobody waits for the end.
    """

    status: int
    retry_after: str | None = None
    text: bytes = attrs.field(default=b"", repr=False)
    complete: bool = True


@attrs.frozen
class Failure:
    """
    No answer. The texts of exceptions are left out, as they may quote what we sent.

    Attributes:
        kind: Class of the HTTP library's exception.
        error: Class of the operating system's error below it, if there is one; of TLS
            with OpenSSL's reason.
        errno: Number of that error.
    """

    kind: str
    error: str = ""
    errno: int | None = None

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """
        Return what is known about *error*.
        """
        system, kind = system_error(error), type(error).__name__
        if system is None:
            return cls(kind)
        name = type(system).__name__
        if isinstance(system, ssl.SSLError):  # its errno is not one of the system
            return cls(kind, f"{name} {system.reason or ''}".rstrip())
        return cls(kind, name, system.errno)


class Verdict(Enum):
    """
    What follows from an answer.
    """

    SETTLED = "settled"
    REFUSED = "refused"
    TOO_LARGE = "too large"
    RETRY = "retry"
    HOLD = "hold"


def verdict(reply: Answer | Failure) -> Verdict:
    """
    Judge *reply*. A 2xx counts only if it is complete, and its body empty or JSON.

    Heap answers in JSON. A page of HTML is of something else: a proxy, a login page, a
    wrong host.
    """
    if isinstance(reply, Failure) or reply.status < 200:
        return Verdict.RETRY
    if reply.status < 300 and not reply.complete:
        return Verdict.RETRY
    if reply.status < 300:
        return Verdict.SETTLED if _is_json_or_empty(reply.text) else Verdict.HOLD
    if reply.status >= 500:
        return Verdict.RETRY
    return _VERDICTS.get(reply.status, Verdict.HOLD)


_VERDICTS: Final = {
    400: Verdict.REFUSED,
    422: Verdict.REFUSED,
    413: Verdict.TOO_LARGE,
    408: Verdict.RETRY,
    429: Verdict.RETRY,
}


def _is_json_or_empty(text: bytes) -> bool:
    """
    Tell whether a body can be Heap's. Only the beginning of a long one is known.
    """
    text = text.removeprefix(codecs.BOM_UTF8)
    body = text.strip()
    if len(text) >= MAX_ANSWER:
        return body[:1] in (b"{", b"[")
    if not body:
        return True
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def problem(reply: Answer | Failure, host: str, path: str) -> str:
    """
    Describe in a sentence why *host* did not accept a request to *path*.
    """
    if isinstance(reply, Failure):
        names = filter(None, (reply.kind, reply.error, errno_of(reply.errno)))
        return f"{_network_problem(reply, host)} ({', '.join(names)})"
    said = f"{host} answers {reply.status} to {path}"
    if reply.status >= 300:
        return said
    if not reply.complete:
        return f"{said} without an end of the body"
    return f"{said} with a page that is not JSON: a proxy or another host answers"


def _network_problem(failure: Failure, host: str) -> str:
    if failure.errno in (errno.EMFILE, errno.ENFILE):
        return f"no file descriptor is left to connect to {host}: raise ulimit -n"
    if failure.error in ("gaierror", "herror"):
        return f"{host} cannot be resolved: check its name and the DNS"
    if failure.error.startswith("SSL"):
        return f"TLS with {host} fails: check certificates and proxies"
    if failure.errno == errno.ECONNREFUSED:
        return f"{host} refuses the connection"
    if failure.kind == "ConnectTimeout":
        return (
            f"no connection to {host} in time, TCP or TLS: check firewall and proxies"
        )
    if "Timeout" in failure.kind:
        return f"{host} does not answer in time"
    return f"the connection to {host} fails"


def reply_context(reply: Answer | Failure, host: str) -> dict[str, str | int]:
    """
    Return what a log line tells about *reply* to machines.
    """
    if isinstance(reply, Answer):
        return {"host": host, "status": reply.status}
    context: dict[str, str | int] = {"host": host, "error": reply.error or reply.kind}
    return context if reply.errno is None else {**context, "errno": reply.errno}


def retry_seconds(value: str | None, now: float) -> float | None:
    """
    Return the seconds that a ``Retry-After`` asks for, 0 to `MAX_RETRY_AFTER`.

    Args:
        value: Seconds (also fractions, also several), or a date in one of the three
            grammars of RFC 9110, 5.6.7. ``None`` and nonsense give ``None``.
        now: UTC epoch seconds.
    """
    if value is None or len(value) > 256:
        return None
    if (seconds := _moment(value)) is not None:
        return _bounded(seconds - now)
    numbers = [_number(part) for part in value.split(",")]
    known = [number for number in numbers if number is not None]
    return _bounded(max(known)) if known else None


def _number(text: str) -> float | None:
    found = _SECONDS.fullmatch(text.strip())
    return float(found[0]) if found else None


def _moment(text: str) -> float | None:
    try:
        parsed = email.utils.parsedate_tz(text) if ":" in text else None
        return None if parsed is None else email.utils.mktime_tz(parsed)
    except (ValueError, OverflowError, TypeError, IndexError, OSError):
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if math.isfinite(seconds) else 0.0


_SECONDS: Final = re.compile(r"[+-]?[0-9]{1,200}(\.[0-9]{0,200})?")


def culprit(text: bytes, name: str, length: int) -> int | None:
    """
    Return the index that Heap names: ``postBody.events[7].event should be string``.

    Args:
        text: The body of a 400.
        name: ``events`` or ``users``.
        length: How many items the call had.
    """
    found = re.search(rb"\b%b\[([0-9]{1,6})\]" % name.encode(), text)
    index = int(found[1]) if found else length
    return index if index < length else None


def redacted(text: bytes, values: Iterable[Any]) -> str:
    """
    Return what Heap said, without what it may quote: at most `MAX_DETAIL` characters.

    Gone are *values* (of the refused call), what stands in quotes and is no word of
    Heap's schema, addresses, and runs of six digits and more.
    """
    plain = _UNPRINTABLE.sub(" ", text.decode("utf-8", "replace"))
    for value in sorted(_telling(values), key=len, reverse=True):
        plain = plain.replace(value, "…")
    plain = _QUOTED.sub(_unquoted, plain)
    plain = _PERSONAL.sub("…", plain).strip()
    return plain if len(plain) <= MAX_DETAIL else f"{plain[: MAX_DETAIL - 1]}…"


def _telling(values: Iterable[Any]) -> set[str]:
    texts = {str(value) for value in values if isinstance(value, str | int | float)}
    texts |= {json.dumps(text)[1:-1] for text in texts}
    return {text for text in texts if len(text) > 2 and text not in _SCHEMA}


def _unquoted(found: re.Match[str]) -> str:
    return found[0] if found[0][1:-1] in _SCHEMA else "…"


_SCHEMA: Final = frozenset(
    "app_id event events identity user_id users properties timestamp idempotency_key "
    "session_id postBody object string number array integer date-time id".split()
)
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffc]+")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_PERSONAL: Final = re.compile(r"\S+@\S+|[0-9]{6,}")
