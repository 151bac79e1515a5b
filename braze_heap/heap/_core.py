"""
How Heap is talked to, without a network: yields what to send and how long to sleep, is
told the answers, and decides.

    settle      2xx                   the calls are Heap's
    isolate     400, 422              find the culprits in at most 64 calls
    halve       413
    retry       408, 429, 5xx, none   with jitter, inside one deadline for the batch
    hold        any other             our configuration: say so, and give nothing away

Seconds everywhere. Heap's answers are documented in its server-side API; what it leaves
open is marked *assumed*.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Final, NoReturn, TypeAlias

import attrs

from braze_heap._log_limits import LogRateLimiter
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap._answers import (
    Answer,
    Failure,
    Verdict,
    culprit,
    problem,
    redacted,
    reply_context,
    retry_seconds,
    verdict,
)
from braze_heap.heap._bulk import (
    DELETIONS,
    EVENTS,
    MAX_BYTES,
    USERS,
    Endpoint,
    Item,
    Sorted,
    body_of,
    cost_of,
    halves,
    is_writable,
    key_of,
    sorted_out,
)
from braze_heap.heap._pacing import Pacer, Ticket
from braze_heap.heap.calls import Call
from braze_heap.reasons import Reason
from braze_heap.sinks._protocol import Receipt, Rejection

logger = logging.getLogger("braze_heap.sinks.heap")

MAX_CALLS: Final = 64
"""
Calls that may be spent on the culprits of one bulk request, and on finding everything
too large.
"""

LATELY: Final = 300.0
"""Seconds for which an accepted call proves that our configuration is right."""

TOKEN_LIFE: Final = 240.0
"""Seconds that an access token is used. Heap, User Deletion: it is good for 300."""

FIRST_BACKOFF: Final = 0.1
MAX_BACKOFF: Final = 2.0
"""Seconds before the second attempt, and at most before a later one."""

LEAST_BODY: Final = 64 << 10
"""Bytes under which a 413 does not lower the bound of later requests."""

MAX_REMEMBERED: Final = 100_000
"""Keys of events that Heap took from batches that are still to come again."""

TOKEN_PATH: Final = "/api/public/v0/auth_token"  # noqa: S105 (a path)


class Secret:
    """
    A text that no repr, log or pickle shows.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")

    def reveal(self) -> str:
        """
        Return the text.
        """
        return self._text


@attrs.frozen
class Post:
    """
    A request to send. Reply with an `Answer` or a `Failure`.

    Attributes:
        path: Below the host.
        body: JSON.
        items: How many are in it.
        timeout: Seconds for the whole exchange.
        authorization: The header, if there is to be one.
    """

    path: str
    body: bytes = attrs.field(repr=False)
    items: int
    timeout: float
    authorization: Secret | None = None


@attrs.frozen
class Sleep:
    """
    Seconds to sleep. Reply with anything.
    """

    seconds: float


Step: TypeAlias = Post | Sleep
Steps: TypeAlias = Generator[Step, Any, Any]


@attrs.frozen
class Settings:
    """
    What does not change in the life of a sink.

    Attributes:
        app_id: App that the events belong to.
        clock: Monotonic seconds.
        now: UTC epoch seconds, for dates in ``Retry-After``.
        random: 0 to 1, for jitter.
        api_key: For deletions.
        deadline: Seconds for a batch, all attempts and pauses included.
        timeout: Seconds for one exchange.
        max_bytes: Of a body.
        host: Name of the host, as messages show it.
    """

    app_id: str
    clock: Callable[[], float]
    now: Callable[[], float]
    random: Callable[[], float]
    api_key: Secret | None = None
    deadline: float = 10.0
    timeout: float = 5.0
    max_bytes: int = MAX_BYTES
    host: str = "Heap"


class HeapCore:
    """
    What a Heap sink knows between batches. Thread-safe.
    """

    def __init__(self, settings: Settings, pacer: Pacer) -> None:
        self.settings = settings
        self.pacer = pacer
        self.repeats = LogRateLimiter(settings.clock)
        self.app_id = json.dumps(settings.app_id).encode()
        self.max_bytes = settings.max_bytes
        self.token: tuple[Secret, float] | None = None
        self._accepted_at: float | None = None
        self._lock = threading.Lock()
        self._remembered: dict[str, None] = {}

    def deliver(self, calls: Sequence[Call]) -> Steps:
        """
        Return the steps that settle *calls*; their value is a `Receipt`.

        Raises:
            SinkUnavailable: From a step on, if nobody can decide in time.
        """
        return _Delivery(self, calls).run()

    def remember(self, keys: Iterable[str]) -> None:
        """
        Note *keys* as Heap's, to be skipped when their batch comes again.
        """
        with self._lock:
            self._remembered.update(dict.fromkeys(keys))
            for key in list(self._remembered)[:-MAX_REMEMBERED]:
                del self._remembered[key]

    def forget(self, keys: Iterable[str]) -> None:
        """
        Forget *keys*: their batch is done with.
        """
        with self._lock:
            for key in keys if self._remembered else ():
                self._remembered.pop(key, None)

    def is_remembered(self, key: str | None) -> bool:
        """
        Tell whether Heap took *key* from a batch that failed later on.
        """
        return key in self._remembered

    def accepted(self) -> None:
        """
        Note that Heap accepted something now.
        """
        self._accepted_at = self.settings.clock()

    def accepted_lately(self) -> bool:
        """
        Tell whether Heap accepted something in the last five minutes.
        """
        at = self._accepted_at
        return at is not None and self.settings.clock() - at <= LATELY

    def shrink(self, size: int) -> None:
        """
        Lower the bound of bodies after Heap found one of *size* bytes too large.
        """
        self.max_bytes = min(self.max_bytes, max(size // 2, LEAST_BODY))


@attrs.define
class _Suspicion:
    """
    The search for the culprits of one bulk request.

    Attributes:
        left: Calls that it may still cost.
        is_trusted: Whether Heap names the right index; ``None`` if that is not known.
        trial: The item that is sent alone to find out.
        place: The index that was named last.
    """

    left: int = MAX_CALLS
    is_trusted: bool | None = None
    trial: Item | None = None
    place: int = -1


@attrs.frozen
class _ItemGroup:
    """
    Items to send in one request, and whether Heap refused a request they were in.
    """

    items: list[Item]
    is_suspect: bool = False


class _Delivery:
    """
    One batch on its way.
    """

    def __init__(self, core: HeapCore, calls: Sequence[Call]) -> None:
        self._core = core
        self._set = core.settings
        self._clock = core.settings.clock
        self._end = self._clock() + core.settings.deadline
        self._size = len(calls)
        self._batch: Sorted = sorted_out(calls)
        self._rejections: list[Rejection] = []
        self._settled: list[str] = []
        self._is_anything_accepted = False
        self._too_large = 0
        self._last_refusal: Answer | None = None

    def run(self) -> Steps:
        batch = self._batch
        if batch.deletions and self._set.api_key is None:
            detail = "deletions need the API key of the app: pass api_key"
            raise SinkUnavailable(detail, misconfigured=True)
        try:
            yield from self._send_all(self._fresh(batch.events), EVENTS)
            yield from self._send_all(batch.users, USERS)
            yield from self._send_all(batch.deletions, DELETIONS)
            self._check_refusals()
        except BaseException:
            self._core.remember(self._settled)
            raise
        self._core.forget(k for item in batch.events if (k := key_of(item)))
        rejections = tuple(sorted(self._rejections, key=lambda r: r.index))
        return Receipt(self._size - len(rejections), rejections)

    def _fresh(self, events: list[Item]) -> list[Item]:
        fresh = [e for e in events if not self._core.is_remembered(key_of(e))]
        self._is_anything_accepted |= len(fresh) < len(events)
        return fresh

    def _send_all(self, items: list[Item], kind: Endpoint) -> Steps:
        waiting = deque(items)
        while waiting:
            bulk = self._bulk(waiting, kind)
            if bulk:
                yield from self._settle(bulk, kind)
            else:
                wait = self._room_in(waiting)
                yield from self._sleep(wait, "the rate of an identity")

    def _bulk(self, waiting: deque[Item], kind: Endpoint) -> list[Item]:
        """
        Take out of *waiting* what goes into the next request, in order.

        An identity that is too fast stays behind; the others go on.
        """
        most = min(kind.max_items, self._core.pacer.limit)
        now, rooms = self._clock(), dict[str, int]()
        bulk: list[Item] = []
        kept: list[Item] = []
        while waiting and len(bulk) < most:
            item = waiting.popleft()
            if kind.is_paced and not self._has_room(item.call.identity, rooms, now):
                kept.append(item)
            else:
                bulk.append(item)
        waiting.extendleft(reversed(kept))
        return bulk

    def _has_room(self, identity: str, rooms: dict[str, int], now: float) -> bool:
        if identity not in rooms:
            rooms[identity] = self._core.pacer.room(identity, now)
        rooms[identity] -= 1
        return rooms[identity] >= 0

    def _room_in(self, items: Iterable[Item]) -> float:
        pacer, now = self._core.pacer, self._clock()
        return min(
            pacer.wait({identity: min(number, pacer.identity_limit)}, now)
            for identity, number in cost_of(items).items()
        )

    def _settle(self, bulk: list[Item], kind: Endpoint) -> Steps:
        """
        Have each item of *bulk* accepted or refused.
        """
        suspicion = _Suspicion()
        stack = [_ItemGroup(bulk)]
        while stack:
            group = stack.pop()
            if group.is_suspect and not suspicion.left:
                detail = f"not isolated in {MAX_CALLS} calls"
                self._refuse(group.items, self._last_refusal, detail)
                continue
            try:
                body = body_of(group.items, kind, self._core.app_id)
            except (TypeError, ValueError):
                stack += self._writable(group)
                continue
            if len(body) > self._core.max_bytes and len(group.items) > 1:
                stack += self._parts(group)
                continue
            answer = yield from self._decided(group.items, body, kind)
            suspicion.left -= group.is_suspect
            if verdict(answer) is Verdict.SETTLED:
                self._accept(group.items, suspicion)
            elif verdict(answer) is Verdict.TOO_LARGE:
                stack += self._halved(group, len(body), answer)
            else:
                if not group.is_suspect:
                    suspicion = _Suspicion(MAX_CALLS - 1)
                stack += self._split(group, answer, kind, suspicion)

    def _accept(self, group: list[Item], suspicion: _Suspicion) -> None:
        self._is_anything_accepted = True
        self._core.accepted()
        self._settled += [key for item in group if (key := key_of(item))]
        if len(group) == 1 and group[0] is suspicion.trial:
            suspicion.is_trusted = False

    def _writable(self, group: _ItemGroup) -> list[_ItemGroup]:
        """
        Reject the calls of *group* that are no JSON; return the rest.
        """
        rest: list[Item] = []
        for item in group.items:
            for part in [item] if is_writable(item) else item.parts():
                if is_writable(part):
                    rest.append(part)
                else:
                    self._reject(part.indexes, None, "cannot be written as JSON")
        return [_ItemGroup(rest, group.is_suspect)] if rest else []

    def _halved(self, group: _ItemGroup, size: int, answer: Answer) -> list[_ItemGroup]:
        self._core.shrink(size)
        self._too_large += 1
        if self._too_large > MAX_CALLS and not self._is_proven():
            self._hold(
                answer,
                "Heap finds everything too large (413) and accepted nothing lately: "
                "check base_url, and what limits bodies on the way",
            )
        return self._parts(group, answer)

    def _parts(
        self, group: _ItemGroup, answer: Answer | None = None
    ) -> list[_ItemGroup]:
        """
        Return *group* in two, the later one first; a single call is refused.
        """
        items = group.items
        if len(items) > 1:
            parts = halves(items)
        elif len(items[0].indexes) > 1:
            parts = [[half] for half in items[0].halves()]
        else:
            self._refuse(items, answer)
            return []
        return [_ItemGroup(part, group.is_suspect) for part in reversed(parts)]

    def _split(
        self, group: _ItemGroup, answer: Answer, kind: Endpoint, suspicion: _Suspicion
    ) -> list[_ItemGroup]:
        """
        Return what to send next of a *group* that Heap refused, the last one first.

        Heap names the first culprit. The first name is put to the test by sending that
        item alone; from then on Heap is believed, or the group is bisected. It is
        believed as long as it comes forward: one that names the same place again may
        always do, and is put to the test anew.
        """
        items = group.items
        if len(items) == 1 and items[0] is suspicion.trial:
            suspicion.is_trusted = True
        place = culprit(answer.text, kind.name, len(items))
        if place is None or suspicion.is_trusted is False or len(items) == 1:
            return self._parts(_ItemGroup(items, is_suspect=True), answer)
        rest = _ItemGroup(items[:place] + items[place + 1 :], is_suspect=True)
        named, last = items[place], suspicion.place
        suspicion.place = place
        if suspicion.is_trusted and place > last and len(named.indexes) == 1:
            self._refuse([named], answer)
            return [rest]
        suspicion.trial = named
        return [rest, _ItemGroup([named], is_suspect=True)]

    def _refuse(
        self, items: list[Item], answer: Answer | None, detail: str = ""
    ) -> None:
        self._last_refusal = answer
        status = answer.status if answer else None
        for item in items:
            said = detail or redacted(answer.text if answer else b"", item.values())
            self._reject(item.indexes, status, said)
        self._core.repeats.log(
            logger,
            logging.WARNING,
            f"{self._set.host} rejects {len(items)} of a batch's calls ({status})",
            cause=status,
            context={"host": self._set.host, "status": status},
        )

    def _reject(self, indexes: Iterable[int], status: int | None, said: str) -> None:
        reason = Reason.REJECTED_BY_HEAP
        self._rejections += [Rejection(i, reason, status, said) for i in indexes]

    def _check_refusals(self) -> None:
        refusal = self._last_refusal
        if refusal is not None and not self._is_proven():
            said = next((r.detail for r in self._rejections if r.status), "")
            self._hold(
                refusal,
                f"{self._set.host} refuses everything ({refusal.status}) and accepted "
                "nothing lately: check app_id, region and base_url",
                said and f". Heap says: {said}",
            )

    def _is_proven(self) -> bool:
        """
        Tell whether Heap takes what we send, as far as our configuration goes.
        """
        return self._is_anything_accepted or self._core.accepted_lately()

    def _decided(self, group: list[Item], body: bytes, kind: Endpoint) -> Steps:
        """
        Send *group* until Heap decides about it; the value is its `Answer`.
        """
        attempt = lambda: self._attempt(group, body, kind)  # noqa: E731
        return (yield from self._persist(attempt, kind.path, is_keyed=kind.is_keyed))

    def _persist(
        self, attempt: Callable[[], Steps], path: str, *, is_keyed: bool = False
    ) -> Steps:
        """
        Attempt it until Heap decides. Where a token is sent, it may be outdated once.
        """
        may_renew = is_keyed
        for number in range(1_000_000):
            reply = yield from attempt()
            judged = verdict(reply)
            if judged is Verdict.HOLD:
                if reply.status != 401 or not may_renew:
                    self._hold(reply, self._advice(reply, path))
                self._core.token = None
                may_renew = False
            elif judged is Verdict.RETRY:
                yield from self._pause(number, reply, path)
            else:
                return reply
        raise AssertionError("a deadline ends earlier")  # pragma: no cover

    def _attempt(self, group: list[Item], body: bytes, kind: Endpoint) -> Steps:
        token = (yield from self._token()) if kind.is_keyed else None
        if not kind.is_paced:
            return (yield from self._post(kind.path, body, len(group), token))
        ticket = yield from self._ticket(group)
        reply: Answer | Failure | None = None
        try:
            reply = yield from self._post(kind.path, body, len(group), token)
        finally:
            self._spend(ticket, reply)
        return reply

    def _ticket(self, group: list[Item]) -> Steps:
        cost = cost_of(group)
        while True:
            ticket = self._core.pacer.reserve(cost, self._clock())
            if isinstance(ticket, Ticket):
                return ticket
            yield from self._sleep(ticket, "the rate of the app")

    def _spend(self, ticket: Ticket, reply: Answer | Failure | None) -> None:
        """
        Count a request, unless Heap refused it: that costs nothing (assumed).
        """
        is_refused = isinstance(reply, Answer) and 300 <= reply.status < 500
        if is_refused and reply.status not in (408, 429):  # type: ignore[union-attr]
            self._core.pacer.refund(ticket)
        else:
            self._core.pacer.settle(ticket, self._clock())

    def _post(
        self, path: str, body: bytes, items: int, authorization: Secret | None
    ) -> Steps:
        left = self._end - self._clock()
        if left <= 0:
            raise SinkUnavailable(
                f"the deadline of {self._set.deadline:g} s is over before a request "
                f"to {path} of {self._set.host}",
                context={"host": self._set.host},
            )
        timeout = min(left, self._set.timeout)
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

    def _pause(self, number: int, reply: Answer | Failure, path: str) -> Steps:
        asked = None
        if isinstance(reply, Answer):
            asked = retry_seconds(reply.retry_after, self._set.now())
        jitter = 0.5 + self._set.random() / 2
        backoff = min(FIRST_BACKOFF * 2 ** min(number, 16), MAX_BACKOFF) * jitter
        wait = max(backoff, asked or 0.0)
        if self._clock() + wait >= self._end:
            is_throttled = isinstance(reply, Answer) and reply.status == 429
            detail = problem(reply, self._set.host, path)
            limit = f"{self._set.deadline:g} s"
            detail = f"{detail}; the deadline of {limit} leaves no time to try again"
            context = reply_context(reply, self._set.host)
            raise SinkUnavailable(detail, asked, is_throttled, context=context)
        yield Sleep(wait)

    def _sleep(self, seconds: float, cause: str) -> Steps:
        if self._clock() + seconds >= self._end:
            detail = f"{cause} is at Heap's limit"
            raise SinkUnavailable(detail, seconds, throttled=True)
        yield Sleep(seconds)

    def _token(self) -> Steps:
        """
        Have an access token that Heap takes; the value is the header with it.
        """
        token = self._core.token
        if token is not None and self._clock() < token[1]:
            return token[0]
        self._core.token = None
        basic = self._basic()
        answer = yield from self._persist(
            lambda: self._post(TOKEN_PATH, b"{}", 0, basic), TOKEN_PATH
        )
        header = _bearer(answer)
        if header is None:
            detail = f"{self._set.host} answers {TOKEN_PATH} without an access token"
            self._hold(answer, f"{detail}: check base_url and proxies")
        self._core.token = header, self._clock() + TOKEN_LIFE
        return header

    def _basic(self) -> Secret:
        key = self._set.api_key.reveal() if self._set.api_key else ""
        pair = f"{self._set.app_id}:{key}".encode()
        return Secret(f"Basic {base64.b64encode(pair).decode()}")

    def _hold(self, answer: Answer, detail: str, said: str = "") -> NoReturn:
        """
        Raise because our configuration is wrong. Every event stays with the caller.
        """
        context = reply_context(answer, self._set.host)
        raise SinkUnavailable(detail, misconfigured=True, context=context, answer=said)

    def _advice(self, answer: Answer, path: str) -> str:
        advice = "check app_id, api_key, region, base_url and proxies"
        return f"{problem(answer, self._set.host, path)}; {advice}"


def _bearer(answer: Answer) -> Secret | None:
    if verdict(answer) is not Verdict.SETTLED:
        return None
    try:
        token = json.loads(answer.text)["access_token"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_header = isinstance(token, str) and token.isascii() and token.isprintable()
    return Secret(f"Bearer {token}") if is_header and token else None
