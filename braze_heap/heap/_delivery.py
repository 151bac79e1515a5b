"""
Sans-I/O delivery protocol: yields `Post` and `Sleep`, receives `Answer` or `Failure`.

    accept           2xx
    isolate          400, 422       find the rejected items in at most 64 requests
    split            413
    retry            408, 429, 5xx, no answer; with jitter, inside one deadline
    misconfigured    any other status: raise, and reject no event

Heap documents its answers in its server-side API; comments mark what is *assumed*.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap import _bulk
from braze_heap.heap._bulk import Endpoint, Item, key_of
from braze_heap.heap._core import HeapCore, Steps
from braze_heap.heap._isolate import Isolator
from braze_heap.heap._retry import RetryingSender
from braze_heap.heap.calls import Call
from braze_heap.sinks._protocol import Receipt


def deliver(core: HeapCore, calls: Sequence[Call]) -> Steps:
    """
    Return the steps that deliver *calls*. Their value is a `Receipt`.

    The deadline begins now. A step raises `SinkUnavailable` if Heap did not decide in
    time, or if the configuration is wrong.
    """
    return _BatchDelivery(core, calls).run()


class _BatchDelivery:
    def __init__(self, core: HeapCore, calls: Sequence[Call]) -> None:
        self._core = core
        self._size = len(calls)
        self._sender = RetryingSender(core)
        self._isolator = Isolator(core, self._sender)
        self._batch = _bulk.group_by_endpoint(calls)

    def run(self) -> Steps:
        batch, isolator = self._batch, self._isolator
        if batch.deletions and not self._core.settings.api_key:
            detail = "deletions need the API key of the app: pass api_key"
            raise SinkUnavailable(detail, misconfigured=True)
        try:
            events = self._not_yet_accepted(batch.events)
            yield from self._send_all(events, _bulk.EVENTS)
            yield from self._send_all(batch.users, _bulk.USERS)
            yield from self._send_all(batch.deletions, _bulk.DELETIONS)
            isolator.check_configuration()
        except BaseException:  # also if the caller is canceled
            self._core.mark_accepted(isolator.accepted_keys)
            raise
        self._core.unmark_accepted(k for item in batch.events if (k := key_of(item)))
        rejections = tuple(sorted(isolator.rejections, key=lambda r: r.index))
        return Receipt(self._size - len(rejections), rejections)

    def _not_yet_accepted(self, events: list[Item]) -> list[Item]:
        rest = [e for e in events if not self._core.is_marked_accepted(key_of(e))]
        self._isolator.is_anything_accepted |= len(rest) < len(events)
        return rest

    def _send_all(self, items: list[Item], endpoint: Endpoint) -> Steps:
        waiting = deque(items)
        while waiting:
            bulk = yield from self._next_bulk(waiting, endpoint)
            if bulk:
                yield from self._isolator.send_until_decided(bulk, endpoint)
            else:
                seconds = yield from self._seconds_until_room(waiting)
                yield from self._sender.sleep(seconds, "the rate of an identity")

    def _next_bulk(self, waiting: deque[Item], endpoint: Endpoint) -> Steps:
        """
        Remove the items of the next request from *waiting*, in order.

        Items of an identity at its limit stay, so that they do not delay the others.
        """
        limit = min(endpoint.max_items, self._core.pacer.limit)
        rooms: dict[str, int] = {}
        if endpoint.is_paced:
            identities, now = _bulk.cost_of(waiting).keys(), self._core.pacer_now()
            rooms = dict((yield from self._core.call_pacer("room", identities, now)))
        bulk: list[Item] = []
        kept: list[Item] = []
        while waiting and len(bulk) < limit:
            item = waiting.popleft()
            identity = item.call.identity
            has_room = not endpoint.is_paced or rooms[identity] > 0
            (bulk if has_room else kept).append(item)
            if endpoint.is_paced:
                rooms[identity] -= 1
        waiting.extendleft(reversed(kept))
        return bulk

    def _seconds_until_room(self, items: Iterable[Item]) -> Steps:
        core, waits = self._core, []
        for identity, number in _bulk.cost_of(items).items():
            cost = {identity: min(number, core.pacer.identity_limit)}
            waits.append((yield from core.call_pacer("wait", cost, core.pacer_now())))
        return min(waits)
