"""Meaning of Heap's answers. Pure: no content of an answer raises here."""

from __future__ import annotations

import codecs
import contextlib
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
"""Maximum number of bytes to read of an answer. Heap documents only `{}`."""

MAX_RETRY_AFTER: Final = 3600.0
"""Maximum seconds that an answer can ask to wait."""

MAX_DETAIL: Final = 300
"""Maximum number of characters to keep of Heap's text."""


@attrs.frozen
class Answer:
    """
    The parts of an HTTP response that decide about a request.

    It is *complete* if the head declares the end of the body, and *text* is the body to
    its end or to `MAX_ANSWER` bytes.
    """

    status: int
    retry_after: str | None = None
    text: bytes = attrs.field(default=b"", repr=False)
    complete: bool = True


@attrs.frozen
class Failure:
    """
    Lack of an answer. Has no text of an exception, which may quote the request.

    *kind* is the class of the HTTP library's exception, *error* that of the system's
    error that caused it, for TLS with OpenSSL's reason.
    """

    kind: str
    error: str = ""
    errno: int | None = None

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Describe *error* and its cause."""
        system, kind = system_error(error), type(error).__name__
        if system is None:
            return cls(kind)
        name = type(system).__name__
        if isinstance(system, ssl.SSLError):  # its errno is not the system's
            return cls(kind, f"{name} {system.reason or ''}".rstrip())
        return cls(kind, name, system.errno)


class Verdict(Enum):
    """Consequence of an answer."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    TOO_LARGE = "too large"
    RETRY = "retry"
    MISCONFIGURED = "misconfigured"


def verdict(reply: Answer | Failure) -> Verdict:
    """
    Return the consequence of *reply*.

    A 2xx counts only if it is complete, and its body empty or JSON. Another body, such
    as HTML, comes from a proxy, a login page or a wrong host.
    """
    if isinstance(reply, Failure) or not 200 <= reply.status < 500:
        return Verdict.RETRY
    if reply.status >= 300:
        return _VERDICTS.get(reply.status, Verdict.MISCONFIGURED)
    if not reply.complete:
        return Verdict.RETRY
    is_heap = _is_json_or_empty(reply.text)
    return Verdict.ACCEPTED if is_heap else Verdict.MISCONFIGURED


_VERDICTS: Final = {
    400: Verdict.REJECTED,
    422: Verdict.REJECTED,
    413: Verdict.TOO_LARGE,
    408: Verdict.RETRY,
    429: Verdict.RETRY,
}


def _is_json_or_empty(text: bytes) -> bool:
    text = text.removeprefix(codecs.BOM_UTF8)
    body = text.strip()
    if len(text) >= MAX_ANSWER:  # only the start of a long body was read
        return body[:1] in (b"{", b"[")
    if not body:
        return True
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def describe_reply(reply: Answer | Failure, host: str, path: str) -> str:
    """Describe why *host* did not accept a request to *path*."""
    if isinstance(reply, Failure):
        names = filter(None, (reply.kind, reply.error, errno_of(reply.errno)))
        return f"{_network_problem(reply, host)} ({', '.join(names)})"
    text = f"{host} answers {reply.status} to {path}"
    if reply.status >= 300:
        return text
    if not reply.complete:
        return f"{text}, and the body is incomplete"
    return f"{text} with a page that is not JSON: a proxy or another host answers"


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
        problem = f"no connection to {host} in time, TCP or TLS"
        return f"{problem}: check firewall and proxies"
    if "Timeout" in failure.kind:
        return f"{host} does not answer in time"
    return f"the connection to {host} fails"


def reply_context(reply: Answer | Failure, host: str) -> dict[str, str | int]:
    """Return the fields about *reply* for structured logs."""
    if isinstance(reply, Answer):
        return {"host": host, "status": reply.status}
    context: dict[str, str | int] = {"host": host, "error": reply.error or reply.kind}
    return context if reply.errno is None else {**context, "errno": reply.errno}


def retry_seconds(value: str | None, now: float) -> float | None:
    """
    Parse a ``Retry-After`` header to seconds, 0 to `MAX_RETRY_AFTER`.

    It has one or more numbers of seconds, or a date in one of the three grammars of
    RFC 9110, 5.6.7. Anything else gives ``None``. *now* is in UTC epoch seconds.
    """
    if value is None or len(value) > 256:
        return None
    seconds = None
    with contextlib.suppress(ValueError, OverflowError, TypeError, IndexError, OSError):
        if ":" in value and (date := email.utils.parsedate_tz(value)):
            seconds = email.utils.mktime_tz(date) - now
    if seconds is None:
        matches = [_SECONDS.fullmatch(part.strip()) for part in value.split(",")]
        seconds = max((float(match[0]) for match in matches if match), default=None)
    if seconds is None:
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if math.isfinite(seconds) else 0.0


_SECONDS: Final = re.compile(r"[+-]?[0-9]{1,200}(\.[0-9]{0,200})?")


def rejected_index(text: bytes, name: str, length: int) -> int | None:
    """
    Parse the index that Heap names, as in ``postBody.events[7] should be object``.

    One beyond *length*, the number of items in the request, gives ``None``.
    """
    found = re.search(rb"\b%b\[([0-9]{1,6})\]" % name.encode(), text)
    index = int(found[1]) if found else length
    return index if index < length else None


def redact_reply(text: bytes, values: Iterable[Any]) -> str:
    """
    Return Heap's text without personal data, at most `MAX_DETAIL` characters.

    Removed: *values* of the rejected call, quoted text that is not a schema term,
    e-mail addresses, runs of six or more digits.
    """
    texts = {str(value) for value in values if isinstance(value, str | int | float)}
    texts |= {json.dumps(text)[1:-1] for text in texts}
    clean = _UNPRINTABLE.sub(" ", text.decode("utf-8", "replace"))
    for value in sorted(texts - _SCHEMA_TERMS, key=len, reverse=True):
        if len(value) > 2:
            clean = clean.replace(value, "…")
    clean = _QUOTED.sub(lambda m: m[0] if m[0][1:-1] in _SCHEMA_TERMS else "…", clean)
    clean = _PERSONAL.sub("…", clean).strip()
    return clean if len(clean) <= MAX_DETAIL else f"{clean[: MAX_DETAIL - 1]}…"


_SCHEMA_TERMS: Final = frozenset(
    "app_id event events identity user_id users properties timestamp idempotency_key "
    "session_id postBody object string number array integer date-time id".split()
)
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffc]+")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_PERSONAL: Final = re.compile(r"\S+@\S+|[0-9]{6,}")
