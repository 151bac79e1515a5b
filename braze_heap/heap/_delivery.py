"""
Sans-I/O delivery protocol: yields `Post` and `Sleep`, receives `Answer` or `Failure`.

    accept           2xx
    isolate          400, 422       find the rejected items in at most 64 requests
    split            413
    retry            408, 429, 5xx, no answer; with jitter, inside one deadline
    misconfigured    any other status: raise, and reject no event

Heap documents its answers in its server-side API; comments mark what is *assumed*.
"""

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap import _answers, _bulk
from braze_heap.heap._answers import Answer, Verdict
from braze_heap.heap._bulk import EVENTS, Endpoint, Item
from braze_heap.heap._core import HeapCore, RetryingSender, Steps
from braze_heap.heap.calls import Call
from braze_heap.reasons import Reason
from braze_heap.sinks._protocol import Receipt, Rejection

logger = logging.getLogger("braze_heap.sinks.heap")

MAX_REQUESTS: Final = 64
"""Requests to isolate the rejected items of one request, and 413 answers in a batch."""

LEAST_BODY: Final = 64 << 10
"""Bytes. A 413 for a smaller body does not lower the limit of later requests."""


def deliver(core: HeapCore, calls: Sequence[Call]) -> Steps:
    """
    Return the steps that deliver *calls*. Their value is a `Receipt`.

    The deadline begins now. A step raises `SinkUnavailable` if Heap did not decide in
    time, or if the configuration is wrong.
    """
    return _BatchDelivery(core, calls).run()


@attrs.define
class _Isolation:
    """
    Search for the rejected items of one bulk request.

    It *trusts_index* if Heap names the right one; ``None`` if that is unknown. To find
    out, *probe* is sent in its own request.
    """

    requests_left: int = MAX_REQUESTS
    trusts_index: bool | None = None
    probe: Item | None = None
    last_index: int = -1


@attrs.frozen
class _ItemGroup:
    """Items to send in one request; suspect if Heap rejected one that had them."""

    items: list[Item]
    is_suspect: bool = False


class _BatchDelivery:
    """Finds out which calls of one batch Heap accepts."""

    def __init__(self, core: HeapCore, calls: Sequence[Call]) -> None:
        self._core = core
        self._sender = RetryingSender(core)
        self._size = len(calls)
        self._batch = _bulk.group_by_endpoint(calls)
        self._rejections: list[Rejection] = []
        self._accepted_keys: list[str] = []
        self._is_anything_accepted = False
        self._isolation = _Isolation()
        self._too_large = 0
        self._last_rejection: Answer | None = None

    def run(self) -> Steps:
        core = self._core
        if self._batch[_bulk.DELETIONS] and not core.settings.api_key:
            detail = "deletions need the API key of the app: pass api_key"
            raise SinkUnavailable(detail, misconfigured=True)
        events = self._batch[EVENTS]
        undecided = [item for item in events if not core.is_marked_accepted(item.key)]
        self._is_anything_accepted = len(undecided) < len(events)
        try:
            for endpoint, items in (self._batch | {EVENTS: undecided}).items():
                yield from self._send_all(items, endpoint)
            self._check_configuration()
        except BaseException:  # also if the caller is canceled
            core.mark_accepted(self._accepted_keys)
            raise
        core.unmark_accepted(key for item in events if (key := item.key))
        rejections = tuple(sorted(self._rejections, key=lambda r: r.index))
        return Receipt(self._size - len(rejections), rejections)

    def _send_all(self, items: list[Item], endpoint: Endpoint) -> Steps:
        waiting = deque(items)
        while waiting:
            bulk = yield from self._next_bulk(waiting, endpoint)
            if bulk:
                yield from self._send_until_decided(bulk, endpoint)
            else:
                seconds = yield from self._seconds_until_room(waiting)
                yield from self._sender.sleep(seconds, "the rate of an identity")

    def _next_bulk(self, waiting: deque[Item], endpoint: Endpoint) -> Steps:
        """
        Remove the items of the next request from *waiting*, in order.

        Items of an identity at its limit stay, so that they do not delay the others.
        """
        limit = min(endpoint.max_items, self._core.pacer.limit)
        if not endpoint.is_paced:
            return [waiting.popleft() for _ in range(min(limit, len(waiting)))]
        identities, now = _bulk.cost_of(waiting).keys(), self._core.pacer_now()
        rooms = dict((yield from self._core.call_pacer("room", identities, now)))
        bulk: list[Item] = []
        kept: list[Item] = []
        while waiting and len(bulk) < limit:
            item = waiting.popleft()
            (bulk if rooms[item.call.identity] > 0 else kept).append(item)
            rooms[item.call.identity] -= 1
        waiting.extendleft(reversed(kept))
        return bulk

    def _seconds_until_room(self, items: Iterable[Item]) -> Steps:
        core, waits = self._core, []
        for identity, number in _bulk.cost_of(items).items():
            cost = {identity: min(number, core.pacer.identity_limit)}
            waits.append((yield from core.call_pacer("wait", cost, core.pacer_now())))
        return min(waits)

    def _send_until_decided(self, bulk: list[Item], endpoint: Endpoint) -> Steps:
        """Send *bulk* until every item is accepted or rejected."""
        self._isolation = _Isolation()
        stack = [_ItemGroup(bulk)]
        while stack:
            group = stack.pop()
            if group.is_suspect and not self._isolation.requests_left:
                detail = f"not isolated in {MAX_REQUESTS} calls"
                self._reject(group.items, self._last_rejection, detail)
                continue
            try:
                body = _bulk.body_of(group.items, endpoint, self._core.app_id)
            except (TypeError, ValueError):
                stack += self._without_unwritable(group)
                continue
            if len(body) > self._core.max_bytes and len(group.items) > 1:
                stack += self._split(group)
                continue
            answer = yield from self._sender.send(group.items, body, endpoint)
            self._isolation.requests_left -= group.is_suspect
            verdict = _answers.verdict(answer)
            if verdict is Verdict.ACCEPTED:
                self._accept(group.items)
            elif verdict is Verdict.TOO_LARGE:
                stack += self._split_too_large(group, len(body), answer)
            else:
                if not group.is_suspect:
                    self._isolation = _Isolation(MAX_REQUESTS - 1)
                stack += self._isolate(group.items, answer, endpoint)

    def _check_configuration(self) -> None:
        """Raise `SinkUnavailable` if Heap rejects everything, as for a wrong app id."""
        answer = self._last_rejection
        if answer is not None and not self._is_configuration_proven():
            text = next((r.detail for r in self._rejections if r.status), "")
            self._sender.raise_misconfigured(
                answer,
                f"{self._core.host} rejects everything ({answer.status}) and accepted "
                "nothing lately: check app_id, region and base_url",
                text and f". Heap says: {text}",
            )

    def _is_configuration_proven(self) -> bool:
        return self._is_anything_accepted or self._core.accepted_lately()

    def _accept(self, items: list[Item]) -> None:
        self._is_anything_accepted = True
        self._core.note_acceptance()
        self._accepted_keys += [key for item in items if (key := item.key)]
        if items == [self._isolation.probe]:
            self._isolation.trusts_index = False

    def _without_unwritable(self, group: _ItemGroup) -> list[_ItemGroup]:
        """Reject the calls of *group* that cannot be JSON, and return the rest."""
        rest: list[Item] = []
        for item in group.items:
            for part in [item] if _bulk.is_writable(item) else item.parts:
                if _bulk.is_writable(part):
                    rest.append(part)
                else:
                    self._add_rejections(part, None, "cannot be written as JSON")
        return [_ItemGroup(rest, group.is_suspect)] if rest else []

    def _split_too_large(
        self, group: _ItemGroup, size: int, answer: Answer
    ) -> list[_ItemGroup]:
        core = self._core
        core.max_bytes = min(core.max_bytes, max(size // 2, LEAST_BODY))
        self._too_large += 1
        if self._too_large > MAX_REQUESTS and not self._is_configuration_proven():
            self._sender.raise_misconfigured(
                answer,
                "Heap finds everything too large (413) and accepted nothing lately: "
                "check base_url, and limits of proxies for request bodies",
            )
        return self._split(group, answer)

    def _split(
        self, group: _ItemGroup, answer: Answer | None = None
    ) -> list[_ItemGroup]:
        """Return the halves of *group*, last one first. Reject a single call."""
        halves = _bulk.split_in_half(group.items)
        if not halves:
            self._reject(group.items, answer)
        return [_ItemGroup(half, group.is_suspect) for half in reversed(halves)]

    def _isolate(
        self, items: list[Item], answer: Answer, endpoint: Endpoint
    ) -> list[_ItemGroup]:
        """
        Return the groups to send after Heap rejected *items*, the last one first.

        Heap's error names an index. Verify the first one by a request with only it. If
        it is confirmed, trust later indexes while they increase, otherwise bisect. An
        index that does not increase is verified again: Heap may always name the same.
        """
        isolation = self._isolation
        if items == [isolation.probe]:
            isolation.trusts_index = True
        index = _answers.rejected_index(answer.text, endpoint.name, len(items))
        if index is None or isolation.trusts_index is False or len(items) == 1:
            return self._split(_ItemGroup(items, is_suspect=True), answer)
        rest = _ItemGroup(items[:index] + items[index + 1 :], is_suspect=True)
        named, last_index = items[index], isolation.last_index
        isolation.last_index = index
        if isolation.trusts_index and index > last_index and not named.merged:
            self._reject([named], answer)
            return [rest]
        isolation.probe = named
        return [rest, _ItemGroup([named], is_suspect=True)]

    def _reject(
        self, items: list[Item], answer: Answer | None, detail: str = ""
    ) -> None:
        self._last_rejection = answer
        status, text = (answer.status, answer.text) if answer else (None, b"")
        for item in items:
            redacted = detail or _answers.redact_reply(text, item.values())
            self._add_rejections(item, status, redacted)
        host = self._core.host
        self._core.repeats.log(
            logger,
            logging.WARNING,
            f"{host} rejects calls of a batch ({status})",
            context={"host": host, "status": status, "items": len(items)},
        )

    def _add_rejections(self, item: Item, status: int | None, detail: str) -> None:
        reason = Reason.REJECTED_BY_HEAP
        self._rejections += [Rejection(i, reason, status, detail) for i in item.indexes]
