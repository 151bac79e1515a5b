"""
Order of user properties across batches: the newest statement wins, whatever arrives
last.

A ledger has an entry for each user property of each user: the newest statement, the
newest accepted one, and the claims of unfinished deliveries. A delivery takes 3 steps:

1. `claim`: note the own statements, unless they are outdated, and learn what to send.
2. Send the newest values, which other events may have stated.
3. `compare`: note what was accepted and rejected. If a newer statement came meanwhile,
   send that and compare again; else the claim ends.

While a claim counts, an older value may be on its way to the destination. So another
delivery of an older statement does not skip it, but sends the newest value once more.
The claim of a process that dies ends after an hour.
"""

from __future__ import annotations

import heapq
import json
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import attrs

from braze_heap._wiring import check_number, several
from braze_heap.heap.calls import AddUserProperties, Value
from braze_heap.sinks._protocol import ClosingContextManager
from braze_heap.state._protocol import call_plain

logger: logging.Logger = logging.getLogger("braze_heap.state")

CLAIM_SECONDS: Final = 3600.0
"""Seconds that a claim counts. No sink may take that long for one batch."""

MAX_CLAIMS: Final = 16
"""Claims of a user property that end on their own; more become one for an hour."""

CAPACITY: Final = 100_000
"""Default number of user properties in a `MemoryLedger`, in about 60 MB."""


class LedgerKey(NamedTuple):
    """
    One user property of one user.

    Attributes:
        destination: Kind of sink, host and app; see `Sink`.
        identity: Identity of the user.
        name: Name of the user property.
    """

    destination: str
    identity: str
    name: str

    def __repr__(self) -> str:
        return f"LedgerKey(destination={self.destination!r}, name={self.name!r})"


@attrs.frozen
class Statement:
    """
    A value of a user property, as one event states it.

    Attributes:
        rank: Time of the event in UTC epoch seconds; negative if the earliest wins.
        event_id: Id of the event.
        value: Legal value.
    """

    rank: float
    event_id: str
    value: Value = attrs.field(repr=False)

    @classmethod
    def of(cls, call: AddUserProperties, name: str) -> Statement:
        """Return the statement of *call* about *name*."""
        return cls(*call.order(name), call.properties[name])

    @property
    def order(self) -> tuple[float, str]:
        """Position among the statements. The greatest wins."""
        return self.rank, self.event_id


@attrs.frozen
class Sent:
    """
    A statement that was sent.

    Attributes:
        statement: The statement.
        is_rejected: Whether the destination rejected it.
        own: Newest statement of the sender's own events that is not rejected.
        is_last: Whether the claim ends, because nothing is sent in its place.
    """

    statement: Statement
    is_rejected: bool = False
    own: Statement | None = None
    is_last: bool = False


_NO_CLAIMS: Final[Mapping[str, float]] = MappingProxyType({})
_MANY: Final = ""
"""Token of a claim that stands for several."""


@attrs.frozen
class LedgerEntry:
    """
    Entry of a ledger: one user property of one user. Immutable.

    Attributes:
        newest: Newest statement that is not rejected.
        accepted: Newest statement that the destination accepted.
        claims: Time of each claim, in UTC epoch seconds, by token.
    """

    newest: Statement | None = None
    accepted: Statement | None = None
    claims: Mapping[str, float] = _NO_CLAIMS

    def claimed(self, own: Statement, token: str, now: float) -> LedgerEntry | None:
        """Return the entry after a claim; ``None`` if *own* is outdated."""
        claims = {t: at for t, at in self.claims.items() if now - at <= CLAIM_SECONDS}
        newest = self.newest
        if newest is None or own.order >= newest.order:
            newest = own
        elif not claims and newest == self.accepted:
            return None
        if len(claims) >= MAX_CLAIMS:
            claims = {_MANY: max(claims.values())}
        return LedgerEntry(newest, self.accepted, {**claims, token: now})

    def renewed(self, token: str, now: float) -> LedgerEntry:
        """Return the entry with a claim that counts from *now* on."""
        return attrs.evolve(self, claims={**self.claims, token: now})

    def compared(self, sent: Sent, token: str, now: float) -> LedgerEntry:
        """Return the entry after *sent*. If it has the claim, send the newest value."""
        newest, accepted, statement = self.newest, self.accepted, sent.statement
        if sent.is_rejected:
            if newest == statement:
                newest = accepted
            if sent.own and (newest is None or sent.own.order > newest.order):
                newest = sent.own
            is_over = newest is None or newest == statement  # accepted before
        else:
            if accepted is None or statement.order >= accepted.order:
                accepted = statement
            if newest is None or statement.order > newest.order:
                newest, is_over = statement, False  # others fell back meanwhile
            else:
                is_over = newest == statement
        claims = {t: at for t, at in self.claims.items() if t != token}
        if not (is_over or sent.is_last):
            claims[token] = now
        return LedgerEntry(newest, accepted, claims or _NO_CLAIMS)

    def to_json(self) -> str:
        """Return the entry as JSON, for `from_json`."""
        accepted: Any = self.accepted and attrs.astuple(self.accepted)
        if self.accepted is not None and self.accepted == self.newest:
            accepted = True
        newest = self.newest and attrs.astuple(self.newest)
        return json.dumps([newest, accepted, dict(self.claims)], separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> LedgerEntry:
        """
        Return the entry that `to_json` wrote.

        Raises:
            ValueError, TypeError: The text is damaged.
        """
        first, second, claims = json.loads(text)
        newest = Statement(*first) if first else None
        accepted = Statement(*second) if isinstance(second, list) else None
        return cls(newest, newest if second is True else accepted, claims or _NO_CLAIMS)


_NO_ENTRY: Final = LedgerEntry()

Entries: TypeAlias = Mapping[LedgerKey, LedgerEntry]
"""Entries of a ledger by key."""


class Ledger(Protocol):
    """
    A store of the newest statement about each user property. Thread-safe.

    `braze_heap.testing.check_ledger` tests this contract. An error that is not a
    `DeliveryError` is raised by pipelines as `LedgerError`: the batch is sent again.
    """

    def update(
        self, keys: AbstractSet[LedgerKey], change: Callable[[Entries], Entries], /
    ) -> None:
        """
        Change entries in one transaction, which no other update of the same keys
        interleaves. They are durable when this returns, if the ledger is.

        Args:
            keys: Keys of the entries.
            change: Pure function from those of the entries that exist to the entries to
                write. It may be called again if the transaction has to be repeated.
        """
        ...

    def read(self) -> Iterator[tuple[LedgerKey, LedgerEntry]]:
        """Return all entries. Entries may be forgotten during iteration."""
        ...

    def forget(self, identities: Iterable[str], /) -> None:
        """Remove the entries of these users, for every destination."""
        ...

    def close(self) -> None:
        """Release all resources. A second call does nothing."""
        ...


def claim(
    ledger: Ledger, own: Mapping[LedgerKey, Statement], token: str, now: float
) -> dict[LedgerKey, Statement]:
    """
    Claim user properties, and return the statements to send. Outdated ones are missing.

    Args:
        ledger: The ledger.
        own: Newest statement about each of the user properties.
        token: Unique text of this delivery.
        now: UTC epoch seconds.
    """
    return _update(
        ledger,
        own,
        token,
        lambda key, entry: (entry or _NO_ENTRY).claimed(own[key], token, now),
    )


def compare(
    ledger: Ledger, sent: Mapping[LedgerKey, Sent], token: str, now: float
) -> dict[LedgerKey, Statement]:
    """Note what was *sent*, and return what is to be sent next. See `claim`."""
    return _update(
        ledger,
        sent,
        token,
        lambda key, entry: entry and entry.compared(sent[key], token, now),
    )


def renew(
    ledger: Ledger, keys: Collection[LedgerKey], token: str, now: float
) -> dict[LedgerKey, Statement]:
    """Let the claims count from *now* on, before another attempt. See `claim`."""
    return _update(
        ledger, keys, token, lambda _, entry: entry and entry.renewed(token, now)
    )


def _update(
    ledger: Ledger,
    keys: Collection[LedgerKey],
    token: str,
    change: Callable[[LedgerKey, LedgerEntry | None], LedgerEntry | None],
) -> dict[LedgerKey, Statement]:
    """Change the entry of each key, unless it was purged or *change* returns none."""
    written: dict[LedgerKey, LedgerEntry] | None = None

    def change_all(entries: Entries) -> Entries:
        nonlocal written
        changed = {key: change(key, entries.get(key)) for key in keys}
        written = {key: entry for key, entry in changed.items() if entry}
        return written

    call_plain(ledger.update, frozenset(keys), change_all)
    if written is None:
        raise TypeError("update of the ledger must call the function that changes it")
    return {
        key: entry.newest
        for key, entry in written.items()
        if entry.newest and token in entry.claims
    }


class MemoryLedger(ClosingContextManager):
    """
    A ledger in memory. A restart empties it.

    If it is full, the statements with the oldest times are evicted. For those the last
    arrival wins. A warning says so once.

    Args:
        capacity: Maximum number of user properties of users.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        check_number("capacity", capacity)
        self._capacity = capacity
        self._lock = threading.Lock()
        self._entries: dict[LedgerKey, LedgerEntry] = {}
        self.evicted: int = 0
        """Number of evicted user properties."""

    def __repr__(self) -> str:
        return f"<MemoryLedger with {len(self._entries)} of {self._capacity} entries>"

    def update(
        self, keys: AbstractSet[LedgerKey], change: Callable[[Entries], Entries], /
    ) -> None:
        """Change entries; see `Ledger.update`."""
        with self._lock:
            known = self._entries
            known.update(change({key: known[key] for key in keys if key in known}))
            if len(known) > self._capacity:
                self._evict()

    def _evict(self) -> None:
        """Evict a tenth, so that it is rare. Entries with claims go last."""
        if not self.evicted:
            logger.warning(
                "The ledger in memory is full, with %s user properties. The oldest are "
                "removed, and of these the last value to arrive wins. Raise the limit "
                "with MemoryLedger(capacity=...), or use a SqliteLedger",
                f"{self._capacity:,}",
            )
        excess = len(self._entries) - self._capacity + self._capacity // 10
        for key, _ in heapq.nsmallest(excess, self._entries.items(), key=_age):
            del self._entries[key]
        self.evicted += excess

    def read(self) -> Iterator[tuple[LedgerKey, LedgerEntry]]:
        """Return all entries, as of now."""
        with self._lock:
            return iter([*self._entries.items()])

    def forget(self, identities: Iterable[str], /) -> None:
        """Remove the entries of these users."""
        wanted = {*several("identities", identities, "identity")}
        with self._lock:
            for key in [key for key in self._entries if key.identity in wanted]:
                del self._entries[key]

    def close(self) -> None:
        """Do nothing."""


def _age(item: tuple[LedgerKey, LedgerEntry]) -> tuple[bool, float]:
    entry = item[1]
    return bool(entry.claims), abs(entry.newest.rank) if entry.newest else 0.0
