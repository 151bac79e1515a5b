"""Tests of the contracts of dead letters, ledgers and progress, for your own stores."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from braze_heap.exceptions import ProgressError
from braze_heap.state import (
    BackfillKey,
    DeadLetter,
    DeadRecord,
    Entries,
    Ledger,
    LedgerEntry,
    LedgerKey,
    Position,
    Progress,
    Statement,
)
from braze_heap.testing._checks import (
    MANY_KEYS,
    THREADS,
    expect,
    expect_error,
    expect_no_error,
    in_threads,
    require_factory,
)

_AT: Final = datetime(2024, 2, 29, 23, 59, 58, 123456, UTC)
_MANY: Final = 120  # records to forget in one loop: more than a page of most stores

_ENTRY: Final = LedgerEntry(
    Statement(1_700_000_000.25, "newer", "café 🚀"),
    Statement(-1_600_000_000.0, "older", 2**53),
    {"token": 1_700_000_001.5},
)


def check_dead_letter(
    factory: Callable[[], DeadLetter], *, durable: bool = True
) -> None:
    """
    Raise unless the stores of *factory* fulfill the contract of `DeadLetter`.

    The records have made-up keys. They are removed again; others stay.

    Args:
        factory: Returns a store that is ready for use. Called twice, for two stores
            that are open at the same time.
        durable: Whether a store has the records of the others at once. Only a store for
            tests may lack them.

    Raises:
        AssertionError: A store violates the contract. The message says which part.
        TypeError: *factory* is a store, not a function that returns one.
    """
    require_factory("check_dead_letter", factory, "MyDeadLetter")
    check = _DeadLetterCheck(factory())
    try:
        with expect_no_error("a store that can keep records should be ready"):
            check.store.ready()
        for name in ("records", "repeats", "keys", "nothing", "iteration", "threads"):
            getattr(check, name)()
            check.clear()
        if durable:
            check.store.append([check.record("kept")])
            first, check.store = check.store, factory()
            is_kept = check.names() == ["kept"]
            first.close()
            expect(is_kept, "a record should be durable when append returns")
    finally:
        check.clear()
        _close_twice(check.store)


class _DeadLetterCheck:
    def __init__(self, store: DeadLetter) -> None:
        self.store = store
        self.prefix = f"check-dead-letter-{uuid.uuid4().hex}:"

    def record(self, name: str, detail: str = "", **changes: Any) -> DeadRecord:
        original = b'{"id":"%d"}' % len(name)
        record = DeadRecord(self.prefix + name, "bad_time", detail, _AT, original)
        return attrs.evolve(record, **changes)

    def found(self) -> list[DeadRecord]:
        return [r for r in self.store.read() if r.key.startswith(self.prefix)]

    def names(self) -> list[str]:
        return sorted(record.key.removeprefix(self.prefix) for record in self.found())

    def clear(self) -> None:
        self.store.forget(iter([record.key for record in self.found()]))

    def records(self) -> None:
        records = [
            self.record("event", event_type="users.messages.email.Click"),
            self.record("bytes", original=bytes(range(256)), format="bytes"),
            self.record("large", original=b"\x1f\x8b\0" * 100_000, format="gzip"),
            self.record("text", "café 🚀, NUL \0, lone surrogate \ud800"),
            self.record("type", event_type="NUL \0, lone surrogate \udfff"),
            self.record("mappers", mappers={"users.custom": "team.mappers:purchase"}),
            self.record("one", destination="heap one"),
            self.record("two", destination="heap two"),
        ]
        self.store.append(records)
        found = {record.key: record for record in self.found()}
        expect(found.keys() == {r.key for r in records}, "append should keep all")
        for record in records:
            for field in attrs.fields_dict(DeadRecord):
                is_kept = getattr(found[record.key], field) == getattr(record, field)
                expect(is_kept, f"append should keep {field} as it is")

    def repeats(self) -> None:
        first, other = self.record("same", "first"), self.record("other")
        again = attrs.evolve(first, reason="mapper_error", detail="again")
        self.store.append((first, other))
        self.store.append([attrs.evolve(again, at=_AT + timedelta(days=1))])
        found = {record.key: record for record in self.found()}
        expect(self.names() == ["other", "same"], "a repeated key should be one record")
        expect(found[first.key] == again, "a repeated key should only change its cause")
        self.clear()
        self.store.append([first, again])
        expect(self.names() == ["same"], "a key twice in a batch should be one record")

    def keys(self) -> None:
        odd = ["a/b/../c:1", "%2e", "*", "' \"", "é", "CASE", "case", "A" * 220]
        self.store.append([self.record(name) for name in odd])
        expect(self.names() == sorted(odd), "different keys should not collide")
        self.store.forget([self.prefix + name for name in odd[1:]])
        expect(self.names() == odd[:1], "forget should remove these records, no others")

    def nothing(self) -> None:
        self.store.append([self.record("kept")])
        requirement = "an empty batch and an unknown key should change nothing"
        with expect_no_error(requirement):
            self.store.append([])
            self.store.forget([])
            self.store.forget([f"{self.prefix}unknown"])
        expect(self.names() == ["kept"], requirement)

    def iteration(self) -> None:
        self.store.append([self.record(str(number)) for number in range(_MANY)])
        requirement, seen = "records may be forgotten during iteration", 0
        with expect_no_error(requirement):
            for record in self.store.read():
                if record.key.startswith(self.prefix):
                    seen += 1
                    self.store.forget([record.key])
        expect(seen == _MANY and not self.found(), requirement)

    def threads(self) -> None:
        def append(thread: int) -> None:
            for number in range(5):
                names = [f"{thread}-{number}", "shared"]
                self.store.append([self.record(name) for name in names])

        in_threads(append, range(THREADS))
        is_all = len(self.names()) == THREADS * 5 + 1
        expect(is_all, "no record of any thread should be lost")


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
        _check_rollback(ledger, mine)
        _check_threads(ledger, mine)
        if durable:
            first, ledger = ledger, factory()
            found = dict(ledger.read())
            first.close()
            expect({mine, another} <= found.keys(), "a durable ledger should keep all")
        ledger.forget(iter([identity, "check-ledger-nobody"]))
        found = dict(ledger.read())
        is_gone = found.keys().isdisjoint((mine, another))
        expect(is_gone, "forget should remove an identity for every destination")
        is_kept = {others, in_capitals} <= found.keys()
        expect(is_kept, "forget should remove nothing else")
    finally:
        ledger.forget([identity, others.identity, in_capitals.identity])
        _close_twice(ledger)


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
    requirement = "update should keep an entry as it is, apart from other destinations"
    expect(_entries_of(ledger, *keys) == {mine: _ENTRY}, requirement)
    ledger.update(frozenset(keys), lambda _: dict.fromkeys(keys, LedgerEntry()))
    is_replaced = _entries_of(ledger, mine) == {mine: LedgerEntry()}
    expect(is_replaced, "update should replace an entry")
    found = {key for key, _ in ledger.read()}
    expect({*keys} <= found, "read should return every entry")
    each = (LedgerKey("heap many", mine.identity, f"{n}") for n in range(MANY_KEYS))
    many = dict.fromkeys(each, _ENTRY)
    ledger.update(many.keys(), lambda _: many)
    is_kept = _entries_of(ledger, *many) == many
    expect(is_kept, "update should take any number of keys")


def _check_rollback(ledger: Ledger, key: LedgerKey) -> None:
    def fail(_: Entries) -> Entries:
        raise ZeroDivisionError

    before = _entries_of(ledger, key)
    with expect_error(
        ZeroDivisionError, "update should raise the error of its function"
    ):
        ledger.update(frozenset([key]), fail)
    unchanged = _entries_of(ledger, key) == before
    expect(unchanged, "an update that raises should change nothing")


def _check_threads(ledger: Ledger, key: LedgerKey) -> None:
    def add(number: int) -> None:
        def change(entries: Entries) -> Entries:
            entry = entries[key]
            return {key: attrs.evolve(entry, claims={**entry.claims, str(number): 1.0})}

        ledger.update(frozenset([key]), change)

    numbers = range(THREADS * 5)
    in_threads(add, numbers)
    claims = _entries_of(ledger, key)[key].claims
    is_all = claims.keys() == {str(number) for number in numbers}
    expect(is_all, "updates of one key should not interleave")


def check_progress(factory: Callable[[], Progress], *, durable: bool = True) -> None:
    """
    Raise unless the stores of *factory* fulfill the contract of `Progress`.

    The positions are those of made-up backfills. They stay in the store.

    Args:
        factory: Returns a store that is ready for use. Called twice, for two stores
            that are open at the same time.
        durable: Whether a store has the positions, and respects the locks, of the
            others at once. Only a store for tests may lack them.

    Raises:
        AssertionError: A store violates the contract. The message says which part.
        TypeError: *factory* is a store, not a function that returns one.
    """
    require_factory("check_progress", factory, "MyProgress")
    mine = BackfillKey(f"check-progress-{uuid.uuid4().hex}", "s3://bucket/currents é")
    others = [
        mine._replace(destination=f"{mine.destination}-2"),
        mine._replace(url="s3://b"),
    ]
    progress = factory()
    try:
        _check_positions(progress, mine, others)
        _check_lock(progress, progress, mine, others)
        if durable:
            first, progress = progress, factory()
            try:
                _check_lock(first, progress, mine, others)
                is_kept = {*first.positions(mine)} == {*progress.positions(mine)}
                expect(is_kept, "positions should be durable when commit returns")
            finally:
                first.close()
    finally:
        _close_twice(progress)


def _close_twice(store: DeadLetter | Ledger | Progress) -> None:
    store.close()
    with expect_no_error("a second close should do nothing"):
        store.close()


def _check_positions(
    progress: Progress, mine: BackfillKey, others: Sequence[BackfillKey]
) -> None:
    expected: dict[tuple[str, str], Position] = {}

    def compare(requirement: str) -> None:
        found = list(progress.positions(mine))
        is_unique = len({(p.url, p.version) for p in found}) == len(found)
        expect(is_unique, "a version of an object should have one position")
        expect({*found} == {*expected.values()}, requirement)
        is_separate = not any([*progress.positions(other)] for other in others)
        expect(is_separate, "destinations and URLs should have positions of their own")

    def commit(requirement: str, *positions: Position) -> None:
        progress.commit(mine, positions)
        expected.update({(p.url, p.version): p for p in positions})
        compare(requirement)

    commit("an unknown backfill should have no position")
    first = Position("s3://bucket/currents é/a.avro", '"etag"', 2**40, 1_000)
    second = attrs.evolve(first, url=f"{first.url}?b", version="")
    commit("commit should keep positions as they are", first, second)
    similar = [
        attrs.evolve(first, events=2**33, is_done=True),
        *(attrs.evolve(first, version=version) for version in ("2", '"ETAG"')),
        *(attrs.evolve(first, url=url) for url in (first.url.upper(), f"{first.url}/")),
    ]
    requirement = "commit should replace the position in the same version, and no other"
    commit(requirement, *similar)
    commit("commit should replace a position also by an earlier one", first)
    invalid: Any = [attrs.evolve(first, url="s3://bucket/broken"), None]
    with expect_error(Exception, "commit should raise if it cannot note a position"):
        progress.commit(mine, invalid)
    compare("a commit that fails should note nothing")
    many = {attrs.evolve(first, url=f"{n}") for n in range(MANY_KEYS)}
    progress.commit(others[0], [*many])
    is_kept = {*progress.positions(others[0])} == many
    expect(is_kept, "commit and positions should take any number")


def _check_lock(
    holder: Progress, other: Progress, mine: BackfillKey, others: Sequence[BackfillKey]
) -> None:
    def is_free(backfill: BackfillKey = mine) -> bool:
        try:
            with other.lock(backfill):
                return True
        except ProgressError:
            return False

    with ThreadPoolExecutor(1) as thread:
        for _ in range(2):
            with holder.lock(mine):
                refused = not thread.submit(is_free).result()
                expect(refused, "lock should refuse the same backfill")
                are_free = all(thread.map(is_free, others))
                expect(are_free, "lock should not refuse another destination or URL")
            free = thread.submit(is_free).result()
            expect(free, "lock should be released at the end of its block")
        requirement = "lock should not suppress the error of its block"
        with expect_error(ZeroDivisionError, requirement), holder.lock(mine):
            raise ZeroDivisionError
        free = thread.submit(is_free).result()
        expect(free, "lock should be released after an error in its block")
