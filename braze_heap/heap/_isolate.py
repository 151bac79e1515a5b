"""One bulk request, divided until each item is accepted or rejected."""

import logging
from typing import Final

import attrs

from braze_heap.heap import _answers, _bulk
from braze_heap.heap._answers import Answer, Verdict
from braze_heap.heap._bulk import Endpoint, Item
from braze_heap.heap._core import HeapCore, Steps
from braze_heap.heap._retry import RetryingSender
from braze_heap.reasons import Reason
from braze_heap.sinks._protocol import Rejection

logger = logging.getLogger("braze_heap.sinks.heap")

MAX_REQUESTS: Final = 64
"""
Maximum number of requests to isolate the rejected items of one bulk request, and of
413 answers in one batch while nothing is accepted.
"""


@attrs.define
class _Isolation:
    """
    Search for the rejected items of one bulk request.

    Attributes:
        requests_left: Requests that the search may still send.
        trusts_index: Whether Heap names the right index; ``None`` if unknown.
        probe: Item that is sent in its own request to find out.
        last_index: Index that Heap named last.
    """

    requests_left: int = MAX_REQUESTS
    trusts_index: bool | None = None
    probe: Item | None = None
    last_index: int = -1


@attrs.frozen
class _ItemGroup:
    """
    Items to send in one request.

    Attributes:
        items: At least one item.
        is_suspect: Whether Heap rejected a request with these items.
    """

    items: list[Item]
    is_suspect: bool = False


class Isolator:
    """
    Finds out which items of a batch Heap accepts.

    Attributes:
        rejections: Rejected calls, in any order.
        accepted_keys: Idempotency keys of the accepted events.
        is_anything_accepted: Whether Heap accepted anything of the batch.
    """

    def __init__(self, core: HeapCore, sender: RetryingSender) -> None:
        self._core = core
        self._sender = sender
        self._host = core.host
        self.rejections: list[Rejection] = []
        self.accepted_keys: list[str] = []
        self.is_anything_accepted = False
        self._isolation = _Isolation()
        self._too_large = 0
        self._last_rejection: Answer | None = None

    def send_until_decided(self, bulk: list[Item], endpoint: Endpoint) -> Steps:
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
            answer = yield from self._sender.send_until_final(
                group.items, body, endpoint
            )
            self._isolation.requests_left -= group.is_suspect
            verdict = _answers.verdict(answer)
            if verdict is Verdict.ACCEPTED:
                self._accept(group.items)
            elif verdict is Verdict.TOO_LARGE:
                stack += self._split_too_large(group, len(body), answer)
            else:
                if not group.is_suspect:
                    self._isolation = _Isolation(MAX_REQUESTS - 1)
                stack += self._isolate(group, answer, endpoint)

    def check_configuration(self) -> None:
        """Raise `SinkUnavailable` if Heap rejects everything, as for a wrong app id."""
        answer = self._last_rejection
        if answer is not None and not self._is_configuration_proven():
            text = next((r.detail for r in self.rejections if r.status), "")
            self._sender.raise_misconfigured(
                answer,
                f"{self._host} rejects everything ({answer.status}) and accepted "
                "nothing lately: check app_id, region and base_url",
                text and f". Heap says: {text}",
            )

    def _is_configuration_proven(self) -> bool:
        return self.is_anything_accepted or self._core.accepted_lately()

    def _accept(self, items: list[Item]) -> None:
        self.is_anything_accepted = True
        self._core.note_acceptance()
        self.accepted_keys += [key for item in items if (key := _bulk.key_of(item))]
        if len(items) == 1 and items[0] is self._isolation.probe:
            self._isolation.trusts_index = False

    def _without_unwritable(self, group: _ItemGroup) -> list[_ItemGroup]:
        """Reject the calls of *group* that cannot be JSON, and return the rest."""
        rest: list[Item] = []
        for item in group.items:
            for part in [item] if _bulk.is_writable(item) else item.parts():
                if _bulk.is_writable(part):
                    rest.append(part)
                else:
                    self._add_rejections(part, None, "cannot be written as JSON")
        return [_ItemGroup(rest, group.is_suspect)] if rest else []

    def _split_too_large(
        self, group: _ItemGroup, size: int, answer: Answer
    ) -> list[_ItemGroup]:
        self._core.lower_max_bytes(size)
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
        items = group.items
        if len(items) > 1:
            parts = _bulk.split_in_half(items)
        elif len(items[0].indexes) > 1:
            parts = [[half] for half in items[0].halves()]
        else:
            self._reject(items, answer)
            return []
        return [_ItemGroup(part, group.is_suspect) for part in reversed(parts)]

    def _isolate(
        self, group: _ItemGroup, answer: Answer, endpoint: Endpoint
    ) -> list[_ItemGroup]:
        """
        Return the groups to send after Heap rejected *group*, the last one first.

        Heap's error names an index. Verify the first one by a request with only it. If
        it is confirmed, trust later indexes while they increase, otherwise bisect. An
        index that does not increase is verified again: Heap may always name the same.
        """
        items, isolation = group.items, self._isolation
        if len(items) == 1 and items[0] is isolation.probe:
            isolation.trusts_index = True
        index = _answers.rejected_index(answer.text, endpoint.name, len(items))
        if index is None or isolation.trusts_index is False or len(items) == 1:
            return self._split(_ItemGroup(items, is_suspect=True), answer)
        rest = _ItemGroup(items[:index] + items[index + 1 :], is_suspect=True)
        named, last_index = items[index], isolation.last_index
        isolation.last_index = index
        if isolation.trusts_index and index > last_index and len(named.indexes) == 1:
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
        self._core.repeats.log(
            logger,
            logging.WARNING,
            f"{self._host} rejects calls of a batch ({status})",
            context={"host": self._host, "status": status},
            heap_items=len(items),
        )

    def _add_rejections(self, item: Item, status: int | None, detail: str) -> None:
        reason = Reason.REJECTED_BY_HEAP
        self.rejections += [Rejection(i, reason, status, detail) for i in item.indexes]
