"""One request to Heap, retried until its answer is final or the deadline ends."""

import base64
import functools
import itertools
import json
import logging
from collections.abc import Callable
from typing import Final, NoReturn

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap import _answers
from braze_heap.heap._answers import Answer, Failure, Verdict
from braze_heap.heap._bulk import Endpoint, Item, cost_of
from braze_heap.heap._core import HeapCore, Post, Secret, Sleep, Steps
from braze_heap.heap._pacing import Ticket

logger = logging.getLogger("braze_heap.sinks.heap")

TOKEN_LIFE: Final = 240.0
"""Seconds to use an access token. Heap, User Deletion: it is valid for 300 s."""

FIRST_BACKOFF: Final = 0.1
MAX_BACKOFF: Final = 2.0
"""Seconds before the second attempt, and maximum before a later one."""

TOKEN_PATH: Final = "/api/public/v0/auth_token"  # noqa: S105 (a path)


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
