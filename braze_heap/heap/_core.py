"""
State of a Heap sink between batches, and requests that are retried until their answer
is final or the deadline ends: steps of its sans-I/O delivery protocol.

All durations are seconds.
"""

import base64
import functools
import itertools
import json
import logging
import math
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, Final, NoReturn, TypeAlias

import attrs

from braze_heap._errors import describe_exception, error_context
from braze_heap._log_limits import LogRateLimiter
from braze_heap._sansio import run_steps
from braze_heap._wiring import kind_of
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap import _answers
from braze_heap.heap._answers import Answer, Failure, Verdict
from braze_heap.heap._bulk import Endpoint, Item, cost_of
from braze_heap.heap._options import HeapOptions
from braze_heap.heap._pacing import LocalPacer, Pacer, Ticket, require_pacer

logger = logging.getLogger("braze_heap.sinks.heap")

PROOF_LIFE: Final = 300.0
"""Seconds for which an accepted request proves that the configuration is right."""

MAX_ACCEPTED_KEYS: Final = 100_000
"""Keys of accepted events to keep, from batches that failed later on."""

TOKEN_LIFE: Final = 240.0
"""Seconds to use an access token. Heap, User Deletion: it is valid for 300 s."""

FIRST_BACKOFF: Final = 0.1
MAX_BACKOFF: Final = 2.0
"""Seconds before the second attempt, and maximum before a later one."""

TOKEN_PATH: Final = "/api/public/v0/auth_token"  # noqa: S105 (a path)


class Secret:
    """A text that is not shown in a repr, logged or pickled."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")

    def reveal(self) -> str:
        """Return the text."""
        return self._text


@attrs.frozen
class Post:
    """
    A request to send. Reply with an `Answer` or a `Failure`.

    The *timeout* is for the whole exchange; *items* are those in the body.
    """

    path: str
    body: bytes = attrs.field(repr=False)
    items: int
    timeout: float
    authorization: Secret | None = None


@attrs.frozen
class Sleep:
    """Seconds to sleep. The reply is ignored."""

    seconds: float


@attrs.frozen
class PacerCall:
    """A call of a pacer, which may block. Reply with its result."""

    method: Callable[[], Any]


Step: TypeAlias = Post | Sleep | PacerCall
Steps: TypeAlias = Generator[Step, Any, Any]


class HeapCore:
    """State of a Heap sink between batches. Thread-safe."""

    def __init__(self, settings: HeapOptions, host: str = "Heap") -> None:
        self.settings = settings
        self.host = host
        self.pacer = _pacer_of(settings)
        self._is_local = type(self.pacer) is LocalPacer
        self.repeats = LogRateLimiter(settings.clock)
        self.app_id = json.dumps(settings.app_id).encode()
        self.max_bytes = settings.max_bytes
        self.token: tuple[Secret, float] | None = None
        self._accepted_at = -math.inf
        self._lock = threading.Lock()
        self._accepted_keys: dict[str, None] = {}

    def mark_accepted(self, keys: Iterable[str]) -> None:
        """Store *keys* of accepted events, to skip if their batch is sent again."""
        with self._lock:
            self._accepted_keys.update(dict.fromkeys(keys))
            for key in list(self._accepted_keys)[:-MAX_ACCEPTED_KEYS]:
                del self._accepted_keys[key]

    def unmark_accepted(self, keys: Iterable[str]) -> None:
        """Delete *keys*, because their batch is complete."""
        with self._lock:
            for key in keys if self._accepted_keys else ():
                self._accepted_keys.pop(key, None)

    def is_marked_accepted(self, key: str | None) -> bool:
        """Return whether Heap accepted *key* from a batch that failed later on."""
        return key in self._accepted_keys

    def note_acceptance(self) -> None:
        """Store the time as that of the last accepted request."""
        self._accepted_at = self.settings.clock()

    def accepted_lately(self) -> bool:
        """Return whether Heap accepted a request in the last five minutes."""
        return self.settings.clock() - self._accepted_at <= PROOF_LIFE

    def call_pacer(self, name: str, *args: Any) -> Steps:
        """
        Call the method *name* of the pacer, and return its result.

        A pacer of the user may block, and its exceptions become `SinkUnavailable`.
        """
        method = functools.partial(getattr(self.pacer, name), *args)
        if self._is_local:
            return method()
        kind = kind_of(self.pacer)
        try:
            result = yield PacerCall(method)
            is_valid = _is_result(name, args, result)
        except Exception as error:
            raise SinkUnavailable(
                f"the pacer, {kind}, raises {describe_exception(error)} in {name}: "
                "check the store that it shares",
                context=error_context(error),
            ) from error
        if not is_valid:
            shown = result if isinstance(result, int | float) else kind_of(result)
            raise SinkUnavailable(
                f"the pacer, {kind}, returns {shown} from {name}, which violates the "
                "protocol: test it with braze_heap.testing.check_pacer",
                misconfigured=True,
            )
        return result

    def pacer_now(self) -> float:
        """Return UTC epoch seconds for a pacer of the user, else monotonic seconds."""
        return self.settings.clock() if self._is_local else self.settings.now()

    def release(self, ticket: Ticket, *, is_counted: bool) -> Steps:
        """Commit *ticket* if Heap counts the request, else refund it."""
        try:
            if is_counted:
                yield from self.call_pacer("commit", ticket, self.pacer_now())
            else:
                yield from self.call_pacer("refund", ticket)
        except SinkUnavailable as error:  # Heap has decided: the batch must not fail
            self.repeats.log(
                logger, logging.WARNING, error.detail, context=error.context
            )

    def commit_canceled(self, ticket: Ticket) -> None:
        """Commit *ticket* of a canceled batch, whose steps do not run any more."""
        if self._is_local:
            self.pacer.commit(ticket, self.pacer_now())
            return
        steps = self.release(ticket, is_counted=True)
        perform = lambda step: step.method()  # noqa: E731
        threading.Thread(target=run_steps, args=(steps, perform)).start()


def _is_result(name: str, args: tuple[Any, ...], result: object) -> bool:
    if name == "room":
        return isinstance(result, Mapping) and all(
            type(result.get(identity)) is int for identity in args[0]
        )
    if name in ("commit", "refund"):
        return True
    if isinstance(result, int | float) and not isinstance(result, bool):
        is_endless = name == "reserve" and result == 0  # it would be tried again
        return 0 <= result < math.inf and not is_endless
    return name == "reserve" and isinstance(result, Ticket)


def _pacer_of(settings: HeapOptions) -> Pacer:
    names = ("events_a_minute", "identity_events_a_minute")
    rates = {name: getattr(settings, name) for name in names}
    given = {name: rate for name, rate in rates.items() if rate is not None}
    if settings.pacer is None:
        return LocalPacer(**given)
    if given:
        raise ValueError(
            f"a pacer has limits of its own: remove {' and '.join(given)}, or set them "
            "in the pacer"
        )
    require_pacer(settings.pacer)
    return settings.pacer


class RetryingSender:
    """
    Sends the requests of one batch, and retries each until its answer is final.

    Every method that returns steps raises `SinkUnavailable` at the deadline.
    """

    def __init__(self, core: HeapCore) -> None:
        self._core = core
        self._settings = core.settings
        self._host = core.host
        self._clock = core.settings.clock
        self._end = self._clock() + core.settings.deadline

    def send(self, items: list[Item], body: bytes, endpoint: Endpoint) -> Steps:
        """Send *items*, and return the `Answer` that accepts or rejects the request."""
        send = functools.partial(self._send_once, items, body, endpoint)
        return self._retry(send, endpoint.path, is_keyed=endpoint.is_keyed)

    def sleep(self, seconds: float, cause: str) -> Steps:
        """Sleep for *seconds* because *cause* is at Heap's limit."""
        if self._clock() + seconds >= self._end:
            detail = f"{cause} is at Heap's limit"
            raise SinkUnavailable(detail, seconds, throttled=True)
        yield Sleep(max(seconds, 0.01))  # a pacer may return less

    def raise_misconfigured(
        self, answer: Answer, detail: str, reply_text: str = ""
    ) -> NoReturn:
        """Raise for a wrong configuration. *reply_text*, from Heap, is not logged."""
        context = _answers.reply_context(answer, self._host)
        raise SinkUnavailable(
            detail, misconfigured=True, context=context, answer=reply_text
        )

    def _retry(
        self, send: Callable[[], Steps], path: str, *, is_keyed: bool = False
    ) -> Steps:
        may_renew = is_keyed  # two batches may find the same token expired
        for attempt in itertools.count():
            reply = yield from send()
            outcome = _answers.verdict(reply)
            if outcome is Verdict.MISCONFIGURED:
                if reply.status != 401 or not may_renew:
                    problem = _answers.describe_reply(reply, self._host, path)
                    advice = "check app_id, api_key, region, base_url and proxies"
                    self.raise_misconfigured(reply, f"{problem}; {advice}")
                self._core.token = None
                may_renew = False
            elif outcome is Verdict.RETRY:
                yield from self._back_off(attempt, reply, path)
            else:
                return reply

    def _send_once(self, items: list[Item], body: bytes, endpoint: Endpoint) -> Steps:
        token = (yield from self._token()) if endpoint.is_keyed else None
        if not endpoint.is_paced:
            return (yield from self._post(endpoint.path, body, len(items), token))
        ticket = yield from self._reserve(items)
        try:
            reply = yield from self._post(endpoint.path, body, len(items), token)
        except SinkUnavailable:  # at the deadline, before the request
            yield from self._core.release(ticket, is_counted=False)
            raise
        except BaseException:
            self._core.commit_canceled(ticket)
            raise
        # Assumed: a rejected request does not count towards Heap's rate.
        is_rejected = isinstance(reply, Answer) and 300 <= reply.status < 500
        is_counted = not is_rejected or reply.status in (408, 429)
        yield from self._core.release(ticket, is_counted=is_counted)
        return reply

    def _reserve(self, items: list[Item]) -> Steps:
        core, cost = self._core, cost_of(items)
        while True:
            ticket = yield from core.call_pacer("reserve", cost, core.pacer_now())
            if isinstance(ticket, Ticket):
                return ticket
            yield from self.sleep(ticket, "the rate of the app")

    def _post(
        self, path: str, body: bytes, items: int, authorization: Secret | None
    ) -> Steps:
        left = self._end - self._clock()
        host = self._host
        if left <= 0:
            raise SinkUnavailable(
                f"the deadline of {self._settings.deadline:g} s is over before a "
                f"request to {path} of {host}",
                context={"host": host},
            )
        timeout = min(left, self._settings.timeout)
        reply = yield Post(path, body, items, timeout, authorization)
        logger.debug(
            "Heap was called",
            extra={
                "heap_path": path,
                "heap_items": items,
                "heap_bytes": len(body),
                "heap_status": getattr(reply, "status", None),
                "heap_failure": getattr(reply, "kind", None),
            },
        )
        return reply

    def _back_off(self, attempt: int, reply: Answer | Failure, path: str) -> Steps:
        settings = self._settings
        retry_after = None
        if isinstance(reply, Answer):
            retry_after = _answers.retry_seconds(reply.retry_after, settings.now())
        jitter = 0.5 + settings.random() / 2
        backoff = min(FIRST_BACKOFF * 2 ** min(attempt, 16), MAX_BACKOFF) * jitter
        wait = max(backoff, retry_after or 0.0)
        if self._clock() + wait >= self._end:
            is_throttled = isinstance(reply, Answer) and reply.status == 429
            problem = _answers.describe_reply(reply, self._host, path)
            raise SinkUnavailable(
                f"{problem}; the deadline of {settings.deadline:g} s leaves no time to "
                "try again",
                retry_after,
                is_throttled,
                context=_answers.reply_context(reply, self._host),
            )
        yield Sleep(wait)

    def _token(self) -> Steps:
        """Return a valid ``Authorization`` header, and fetch a token if needed."""
        token = self._core.token
        if token is not None and self._clock() < token[1]:
            return token[0]
        self._core.token = None
        key = self._settings.api_key or ""
        pair = base64.b64encode(f"{self._settings.app_id}:{key}".encode())
        basic = Secret(f"Basic {pair.decode()}")
        answer = yield from self._retry(
            lambda: self._post(TOKEN_PATH, b"{}", 0, basic), TOKEN_PATH
        )
        header = _bearer(answer)
        if header is None:
            host = self._host
            detail = f"{host} answers {TOKEN_PATH} without an access token"
            self.raise_misconfigured(answer, f"{detail}: check base_url and proxies")
        self._core.token = header, self._clock() + TOKEN_LIFE
        return header


def _bearer(answer: Answer) -> Secret | None:
    if _answers.verdict(answer) is not Verdict.ACCEPTED:
        return None
    try:
        token = json.loads(answer.text)["access_token"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_header = isinstance(token, str) and token.isascii() and token.isprintable()
    return Secret(f"Bearer {token}") if is_header and token else None
