"""Tests of the contract of ledgers, for ledgers of your own."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs

from braze_heap.state import Entries, Ledger, LedgerEntry, LedgerKey, Statement
from braze_heap.testing._checks import MANY_KEYS, THREADS, expect, require_factory

__all__ = ["check_ledger"]

_ENTRY: Final = LedgerEntry(
    Statement(1_700_000_000.25, "newer", "café 🚀"),
    Statement(-1_600_000_000.0, "older", 2**53),
    {"token": 1_700_000_001.5},
)


def check_ledger(factory: Callable[[], Ledger], *, durable: bool = False) -> None:
    """
    Raise unless the ledgers of *factory* fulfill the contract of `Ledger`.

    The entries have made-up identities. They are removed again.

    Args:
        factory: Returns a ledger that is ready for use. If *durable*, it is called
            twice, for two ledgers that are open at the same time.
        durable: Whether a ledger has the entries of the others at once.

    Raises:
        AssertionError: A ledger violates the contract. The message says which part.
        TypeError: *factory* is a ledger, not a function that returns one.
    """
    require_factory("check_ledger", factory, "MyLedger")
    identity = f"check-ledger-{uuid.uuid4().hex}"
    mine = LedgerKey("heap one", identity, "plan")
    another = LedgerKey("heap two", identity, "plan")
    others = LedgerKey("heap one", f"{identity}-é", "plan")
    in_capitals = LedgerKey("heap one", identity.upper(), "plan")
    ledger = factory()
    try:
        _check_entries(ledger, mine, another, others, in_capitals)
        _check_many(ledger, identity)
        _check_rollback(ledger, mine)
        _check_threads(ledger, mine)
        if durable:
            first, ledger = ledger, factory()
            found = dict(ledger.read())
            first.close()
            expect({mine, another} <= found.keys(), "a durable ledger should keep all")
        ledger.forget(iter([identity, "check-ledger-nobody"]))
        found = dict(ledger.read())
        expect(
            not found.keys() & {mine, another},
            "forget should remove an identity for every destination",
        )
        expect(
            {others, in_capitals} <= found.keys(), "forget should remove nothing else"
        )
    finally:
        ledger.forget([identity, others.identity, in_capitals.identity])
        ledger.close()
        ledger.close()


def _entries_of(ledger: Ledger, *keys: LedgerKey) -> Entries:
    found: Entries = {}

    def change(entries: Entries) -> Entries:
        nonlocal found
        found = dict(entries)
        return {}

    ledger.update(frozenset(keys), change)
    return found


def _check_entries(ledger: Ledger, *keys: LedgerKey) -> None:
    mine, *_ = keys
    expect(_entries_of(ledger, *keys) == {}, "an unknown key should have no entry")
    ledger.update(frozenset(keys), lambda _: {mine: _ENTRY})
    expect(
        _entries_of(ledger, *keys) == {mine: _ENTRY},
        "update should keep an entry as it is, apart from other destinations",
    )
    ledger.update(frozenset(keys), lambda _: dict.fromkeys(keys, LedgerEntry()))
    expect(
        _entries_of(ledger, mine) == {mine: LedgerEntry()},
        "update should replace an entry",
    )
    found = {key for key, _ in ledger.read()}
    expect({*keys} <= found, "read should return every entry")


def _check_many(ledger: Ledger, identity: str) -> None:
    keys = {LedgerKey("heap many", identity, f"{n}") for n in range(MANY_KEYS)}
    ledger.update(keys, lambda _: dict.fromkeys(keys, _ENTRY))
    expect(
        _entries_of(ledger, *keys) == dict.fromkeys(keys, _ENTRY),
        "update should take any number of keys",
    )


def _check_rollback(ledger: Ledger, key: LedgerKey) -> None:
    def fail(_: Entries) -> Entries:
        raise ZeroDivisionError

    before = _entries_of(ledger, key)
    try:
        ledger.update(frozenset([key]), fail)
    except ZeroDivisionError:
        unchanged = _entries_of(ledger, key) == before
        expect(unchanged, "an update that raises should change nothing")
        return
    raise AssertionError("update should raise the error of its function")


def _check_threads(ledger: Ledger, key: LedgerKey) -> None:
    def add(number: int) -> None:
        def change(entries: Entries) -> Entries:
            entry = entries[key]
            return {key: attrs.evolve(entry, claims={**entry.claims, str(number): 1.0})}

        ledger.update(frozenset([key]), change)

    numbers = range(THREADS * 5)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(add, numbers))
    claims = _entries_of(ledger, key)[key].claims
    expect(
        claims.keys() == {str(number) for number in numbers},
        "updates of one key should not interleave",
    )
