"""Delivery of a batch whose user properties go through a ledger, without I/O."""

from __future__ import annotations

import functools
import itertools
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import attrs

from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap.calls import AddUserProperties, Call, DeleteUser
from braze_heap.reasons import Reason
from braze_heap.results import TransformResult
from braze_heap.sinks._protocol import Receipt, Rejection
from braze_heap.state._ledger import (
    Ledger,
    LedgerKey,
    Sent,
    Statement,
    claim,
    compare,
    renew,
)
from braze_heap.state._protocol import call_plain

MAX_ROUNDS: Final = 50
"""Times that a batch is sent because other deliveries change the same properties."""

Steps: TypeAlias = Generator[Any, Any, Any]


@attrs.frozen
class Decision:
    """
    Decision about a batch.

    Attributes:
        receipt: Accepted calls, in sum, and the rejections. Their indexes count the
            calls of the result first, and its outdated ones after them.
        outdated: Number of user properties that were not sent, by index of the call.
    """

    receipt: Receipt
    outdated: Mapping[int, int] = attrs.field(factory=dict)


@attrs.define  # frozen ones are made more slowly, and there is one for each call
class _Part:
    """A call to send, whole or a part of a call of the batch."""

    call: Call
    index: int | None
    """Index of the call of the batch; ``None`` if it sends a value of another batch."""
    statements: Mapping[LedgerKey, Statement] = MappingProxyType({})

    @classmethod
    def of(
        cls,
        statements: Mapping[LedgerKey, Statement],
        index: int | None,
        destinations: frozenset[str],
    ) -> _Part:
        """Return the part with *statements* of one event about one user."""
        key, first = next(iter(statements.items()))
        only = frozenset(key.destination for key in statements)
        call = AddUserProperties(
            key.identity,
            {key.name: statement.value for key, statement in statements.items()},
            time=abs(first.rank),
            event_id=first.event_id,
            destinations=frozenset() if only == destinations else only,
        )
        return cls(call, index, statements)

    @property
    def place(self) -> tuple[bool, bool, int]:
        """Position in the batch. Deletions are last: they cover what precedes them."""
        is_deletion = isinstance(self.call, DeleteUser)
        return is_deletion, self.index is None, self.index or 0


class OrderedDelivery:
    """
    Delivery of one batch.

    The outdated user properties of *mapped* are sent if Heap rejects newer ones.
    """

    def __init__(
        self,
        mapped: TransformResult,
        ledger: Ledger,
        destinations: frozenset[str],
        now: Callable[[], float],
    ) -> None:
        self._calls: Sequence[Call] = [*mapped.calls, *mapped.outdated]
        self._ledger = ledger
        self._destinations = destinations
        self._now = now
        self._token = uuid.uuid4().hex
        self._own: dict[LedgerKey, list[tuple[Statement, int]]] = {}
        self._unsent: dict[int, set[str]] = {}
        self._rejections: dict[int, Rejection] = {}
        self._accepted = 0
        for index, call in enumerate(self._calls):
            if isinstance(call, AddUserProperties):
                self._unsent[index] = {*call.properties}
                for name in call.properties:
                    statement = Statement.of(call, name), index
                    for destination in destinations:
                        key = LedgerKey(destination, call.identity, name)
                        self._own.setdefault(key, []).append(statement)
        for statements in self._own.values():
            if len(statements) > 1:
                statements.sort(key=lambda each: each[0].order)

    def steps(
        self,
        send: Callable[[Sequence[Call], Callable[[], object]], Steps],
        call_ledger: Callable[[Callable[[], object]], Steps],
    ) -> Steps:
        """
        Deliver the batch. The value is a `Decision`.

        Args:
            send: Returns the steps that send calls; their value is a `Receipt`. Before
                a retry they call its second argument, which renews the claims.
            call_ledger: Returns the steps that call a function of the ledger.
        """
        own = {key: statements[-1][0] for key, statements in self._own.items()}
        waiting = (yield from call_ledger(self._call(claim, own))) if own else {}
        calls = enumerate(self._calls)
        parts = [_Part(call, i) for i, call in calls if i not in self._unsent]
        parts += self._parts_of(waiting)
        parts.sort(key=lambda part: part.place)
        deleted = set[str]()
        for more in reversed(range(MAX_ROUNDS)):
            if not parts:
                break
            again = self._call(
                renew, [key for part in parts for key in part.statements]
            )
            receipt = yield from send([part.call for part in parts], again)
            is_down = any(r.reason == Reason.SINK_DOWN for r in receipt.rejections)
            sent, singles = self._note(parts, receipt, is_down, is_last=not more)
            waiting = {}
            if sent:
                waiting = yield from call_ledger(self._call(compare, sent))
            if now_deleted := self._deleted(parts, receipt):
                deleted |= now_deleted
                forget = functools.partial(call_plain, self._ledger.forget, now_deleted)
                yield from call_ledger(forget)
            if is_down:
                break
            parts = [
                part
                for part in (*singles, *self._parts_of(waiting))
                if part.call.identity not in deleted
            ]
        else:
            if parts:
                raise SinkUnavailable(
                    f"user properties changed {MAX_ROUNDS} times while they were sent"
                )
        return self._decision()

    def _call(
        self, function: Callable[..., object], argument: object
    ) -> Callable[[], object]:
        """Return a call of `claim`, `compare` or `renew`."""
        return lambda: function(self._ledger, argument, self._token, self._now())

    def _parts_of(self, waiting: Mapping[LedgerKey, Statement]) -> list[_Part]:
        """Return the parts that state *waiting*, by event and destinations."""
        places: dict[Any, list[LedgerKey]] = {}
        for key, statement in waiting.items():
            index = self._index_of(key, statement)
            places.setdefault((index, *key[1:], statement), []).append(key)
        groups: dict[Any, dict[LedgerKey, Statement]] = {}
        for (index, identity, _, statement), keys in places.items():
            event = abs(statement.rank), statement.event_id
            group = index, identity, event, frozenset(key.destination for key in keys)
            groups.setdefault(group, {}).update(dict.fromkeys(keys, statement))
        every = self._destinations
        return [_Part.of(group, index, every) for (index, *_), group in groups.items()]

    def _index_of(self, key: LedgerKey, statement: Statement) -> int | None:
        """Return the index of the call that states it; ``None`` if no call does."""
        for own, index in self._own[key]:
            if own is statement or own == statement:
                return index
        return None

    def _note(
        self, parts: Sequence[_Part], receipt: Receipt, is_down: bool, is_last: bool
    ) -> tuple[dict[LedgerKey, Sent], list[_Part]]:
        """
        Note the decision about *parts*, and return what was sent and what to send next.

        A destination rejects all user properties of a call for one of them. So the next
        parts state one each. Nothing is sent in place of what a filter omits.
        After the last round, older statements are rejected like the newer ones.
        """
        self._accepted += receipt.accepted
        rejections = {rejection.index: rejection for rejection in receipt.rejections}
        missing = receipt.missing_of(self._destinations)
        sent: dict[LedgerKey, Sent] = {}
        singles: list[_Part] = []
        for position, part in enumerate(parts):
            rejection, index = rejections.get(position), part.index
            if not (rejection or part.statements):
                continue
            absent = missing.get(position, frozenset())
            withheld = receipt.withheld.get(position, ()) if rejection else absent
            by_name: dict[str, dict[LedgerKey, Statement]] = {}
            for key, statement in part.statements.items():
                if key.destination in withheld:
                    sent[key] = Sent(statement, is_rejected=True, is_last=True)
                else:
                    by_name.setdefault(key.name, {})[key] = statement
            if rejection and len(by_name) > 1 and not (is_down or is_last):
                every = self._destinations
                singles += [_Part.of(each, index, every) for each in by_name.values()]
                continue
            if index is not None and rejection:
                first = attrs.evolve(rejection, index=index)
                self._rejections.setdefault(index, first)
            if index in self._unsent:
                self._unsent[index] -= {key.name for key in part.statements}
            for key, statement in itertools.chain(*map(dict.items, by_name.values())):
                own = self._own[key]
                is_missing = key.destination in absent
                if is_missing:
                    own[:] = [each for each in own if each[0] != statement]
                if is_missing and rejection and is_last:
                    for _, older in own:
                        rest = attrs.evolve(rejection, index=older)
                        self._rejections.setdefault(older, rest)
                    own.clear()
                mine = own[-1][0] if own else None
                sent[key] = Sent(statement, is_missing, mine, is_missing and is_last)
        return sent, singles

    def _deleted(self, parts: Sequence[_Part], receipt: Receipt) -> set[str]:
        """Return the identities of the deletions that a destination accepted."""
        missing = receipt.missing_of(self._destinations)
        return {
            part.call.identity
            for position, part in enumerate(parts)
            if isinstance(part.call, DeleteUser)
            and missing.get(position) != self._destinations
        }

    def _decision(self) -> Decision:
        rejections = tuple(self._rejections[i] for i in sorted(self._rejections))
        unsent = {
            index: len(names)
            for index, names in self._unsent.items()
            if names and index not in self._rejections
        }
        return Decision(Receipt(self._accepted, rejections), unsent)
