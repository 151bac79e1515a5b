"""Tests of ledgers: the newest statement wins, whatever the order of arrival."""

from __future__ import annotations

import contextlib
import logging
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import CurrentsEvent
from braze_heap.heap.calls import AddUserProperties, Call
from braze_heap.sinks import MemorySink, Receipt, Rejection
from braze_heap.state import (
    CLAIM_SECONDS,
    DISCARD,
    Ledger,
    LedgerEntry,
    LedgerKey,
    MemoryLedger,
    Sent,
    SqliteLedger,
    Statement,
    purge,
)
from braze_heap.state._ledger import MAX_CLAIMS, claim, compare
from braze_heap.testing import check_ledger, make_raw

pytestmark = pytest.mark.slow

STEP = CLAIM_SECONDS / 200
"""Seconds between two steps of a simulation."""

LAND = 30
"""Steps within which a write of a dead process lands."""

Target = tuple[str, str]
"""Identity and name of a user property."""


def stating(time: float, event_id: str, **properties: Any) -> dict[str, Any]:
    """Return an event whose mapper states *properties*."""
    raw = make_raw("users.behaviors.CustomEvent", id=event_id, time=time)
    raw["properties"]["custom_properties"] = properties
    return raw


def user_properties_only() -> bh.Transformer:
    mappers = bh.Mappers()

    @mappers.maps(CurrentsEvent)
    def state(event: Any) -> bh.HeapUserProperties:
        return bh.HeapUserProperties(event.custom_properties)

    return bh.Transformer(mappers.registry())


TRANSFORMER = user_properties_only()


@attrs.define
class History:
    """
    One random history of deliveries, which interleave and die at any step.

    Attributes:
        now: UTC epoch seconds.
        heap: Values in Heap; the last write wins.
        flying: Writes of dead processes, with their batch and the time.
        bad: Values that Heap rejects.
    """

    ledger: Ledger
    rng: random.Random
    deaths: float
    now: float = 1e9
    heap: dict[Target, Any] = attrs.field(factory=dict)
    flying: list[tuple[list[Call], Any, float]] = attrs.field(factory=list)
    bad: set[Any] = attrs.field(factory=set)
    dead_letter: set[str] = attrs.field(factory=set)
    report: bh.Report = attrs.field(factory=bh.Report)
    pipeline: bh.Pipeline = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        sink = MemorySink()
        sink.send = self.land  # type: ignore[method-assign]
        self.pipeline = bh.Pipeline(
            TRANSFORMER,
            sink,
            DISCARD,
            ledger=self.ledger,
            now=lambda: self.now,
        )

    def land(self, calls: Sequence[Call]) -> Receipt:
        rejections = []
        for index, call in enumerate(calls):
            assert isinstance(call, AddUserProperties)
            if self.bad.intersection(call.properties.values()):
                rejections.append(Rejection(index, "rejected_by_heap"))
            else:
                written = {(call.identity, n): v for n, v in call.properties.items()}
                self.heap |= written
        return Receipt(len(calls) - len(rejections), tuple(rejections))

    def run(self, batches: list[list[Any]]) -> None:
        """Deliver *batches*, each once at least."""
        rng, running = self.rng, list[list[Any]]()
        while batches or running or self.flying:
            self.now += STEP
            late = [f for f in self.flying if self.now - f[2] >= LAND * STEP]
            if late or (self.flying and rng.random() < 0.2):
                flight = (late or self.flying)[0]
                self.flying.remove(flight)
                self.land(flight[0])
                batches.insert(0, flight[1])
                continue
            slow = [task for task in running if self.now - task[3] >= LAND * STEP]
            if batches and not slow and (not running or rng.random() < 0.4):
                batch = batches.pop()
                steps = self.pipeline._process_batch(
                    batch, frozenset(), user_properties=True
                )
                running.append([batch, steps, next(steps), self.now])
            elif running:
                self.advance(running, slow[0] if slow else rng.choice(running), batches)

    def advance(
        self, running: list[list[Any]], task: list[Any], batches: list[list[Any]]
    ) -> None:
        batch, steps, step, _ = task
        if self.rng.random() < self.deaths:
            running.remove(task)
            steps.close()
            if step.func == self.pipeline.sink.send and self.rng.random() < 0.5:
                self.flying.append(([*step.args[0]], batch, self.now))
            else:
                batches.insert(0, batch)
            return
        try:
            task[2:] = steps.send(step()), self.now
        except StopIteration as done:
            running.remove(task)
            self.report += done.value.report
            keys = (record.key for record in done.value.records)
            self.dead_letter |= {key.partition(":")[0] for key in keys}


def random_history(ledger: Ledger, seed: int, deaths: float) -> str:
    """Return what is wrong at the end of a random history; empty if nothing is."""
    rng = random.Random(seed)
    history = History(ledger, rng, deaths)
    users = [f"user-{seed}-{number}" for number in range(2)]
    newest: dict[Target, tuple[Any, Any]] = {}
    events, with_bad = [], set()
    for number in range(rng.randrange(2, 8)):
        time, event_id = rng.randrange(1, 5), f"id{number}"
        user = rng.choice(users)
        names = rng.sample(("a", "b", "braze_app_1_first_session_at"), 2)
        values = {name: f"{name}{number}" for name in names[: rng.randrange(1, 3)]}
        event = stating(time, event_id, **values)
        event["user"]["external_user_id"] = user
        events.append(event)
        for name, value in values.items():
            if rng.random() < 0.2:
                history.bad.add(value)
                with_bad.add(event_id)
                continue
            order = (-time if "first" in name else time, event_id)
            best = newest.get((user, name))
            if best is None or order > best[0]:
                newest[user, name] = order, value
    sent = [event for event in events for _ in range(rng.randrange(1, 3))]
    rng.shuffle(sent)
    batches = []
    while sent:
        size = rng.randrange(1, 4)
        batches.append(sent[:size])
        del sent[:size]
    history.run(batches)
    expected = {target: value for target, (_, value) in newest.items()}
    report = history.report
    if report.received != report.delivered + report.skipped + report.dead_lettered:
        return f"counts: {report}"
    if not history.dead_letter <= with_bad:
        return f"dead-lettered without a fault: {history.dead_letter - with_bad}"
    return "" if history.heap == expected else f"{history.heap} is not {expected}"


@pytest.mark.parametrize("deaths", [0.0, 0.15])
@pytest.mark.parametrize("block", range(3))
def test_random_histories_end_with_the_newest_accepted_values(
    deaths: float, block: int
) -> None:
    """
    In 2,400 histories with concurrency, repeats, rejections and deaths, Heap ends with
    the newest statements that it accepts, and no other event is dead-lettered.
    """
    seeds = range(block * 400, block * 400 + 400)
    wrong = {seed: random_history(MemoryLedger(), seed, deaths) for seed in seeds}

    assert {seed: text for seed, text in wrong.items() if text} == {}


def test_random_histories_with_one_file_end_with_the_newest_values(
    tmp_path: Path,
) -> None:
    """A ledger in a file behaves as one in memory."""
    with SqliteLedger(tmp_path / "state.db") as ledger:
        wrong = {seed: random_history(ledger, seed, 0.15) for seed in range(100)}

    assert {seed: text for seed, text in wrong.items() if text} == {}


@pytest.fixture(params=["memory", "file", "file of the dead letter"])
def make_ledger(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], Ledger]]:
    with bh.SqliteDeadLetter(tmp_path / "dead.db") as store:
        yield {
            "memory": MemoryLedger,
            "file": lambda: SqliteLedger(tmp_path / "ledger.db"),
            "file of the dead letter": lambda: store.ledger,
        }[request.param]


def test_ledgers_fulfill_the_contract(make_ledger: Callable[[], Ledger]) -> None:
    """Both implementations pass the test of the contract."""
    check_ledger(make_ledger, durable=make_ledger is not MemoryLedger)


class Forgetful(MemoryLedger):
    """Drops the claims that it should keep."""

    def update(self, keys: Any, change: Any, /) -> None:
        """Write entries without claims."""
        drop = attrs.evolve
        super().update(
            keys, lambda e: {k: drop(v, claims={}) for k, v in change(e).items()}
        )


class Mixing(MemoryLedger):
    """Forgets nothing."""

    def forget(self, identities: Any, /) -> None:
        """Do nothing."""


class IgnoringCase(MemoryLedger):
    """Takes identities that differ by case for one."""

    def forget(self, identities: Any, /) -> None:
        """Forget these identities in any case."""
        wanted = {identity.lower() for identity in identities}
        found = {key.identity for key, _ in self.read()}
        super().forget(each for each in found if each.lower() in wanted)


class Few(MemoryLedger):
    """Writes up to a thousand entries."""

    def update(self, keys: Any, change: Any, /) -> None:
        """Write some of the entries."""
        super().update(keys, lambda e: dict([*change(e).items()][:1_000]))


@pytest.mark.parametrize(
    ("ledger", "durable", "requirement"),
    [
        (Forgetful, False, "update should keep an entry"),
        (Mixing, False, "forget should remove"),
        (IgnoringCase, False, "forget should remove nothing else"),
        (Few, False, "update should take any number of keys"),
        (MemoryLedger, True, "a durable ledger should keep all"),
    ],
)
def test_the_contract_rejects_a_faulty_ledger(
    ledger: Callable[[], Ledger], durable: bool, requirement: str
) -> None:
    """The message names the requirement."""
    with pytest.raises(AssertionError, match=requirement):
        check_ledger(ledger, durable=durable)


def test_a_single_identity_is_not_taken_for_its_letters(
    make_ledger: Callable[[], Ledger],
) -> None:
    """The person ``7`` is not ``cust-7``."""
    with make_ledger() as ledger:  # type: ignore[attr-defined]
        ledger.update({PLAN}, lambda _: {PLAN._replace(identity="7"): LedgerEntry()})
        with pytest.raises(TypeError, match=r"write \[identity\]"):
            ledger.forget("cust-7")

        assert len([*ledger.read()]) == 1


def test_the_contract_needs_a_factory() -> None:
    """A ledger in place of a function that makes one is an error with advice."""
    with pytest.raises(TypeError, match="write lambda"):
        check_ledger(MemoryLedger())  # type: ignore[arg-type]


PLAN = LedgerKey("heap", "jane", "plan")


def statement(rank: float, event_id: str = "a", value: Any = "v") -> Statement:
    return Statement(rank, event_id, value)


def accept_one(ledger: Ledger, key: LedgerKey, own: Statement, now: float) -> None:
    assert claim(ledger, {key: own}, "t", now)
    assert compare(ledger, {key: Sent(own)}, "t", now) == {}


def test_an_older_statement_is_outdated_only_if_no_claim_counts() -> None:
    """While a claim is younger than an hour, the newest value is sent once more."""
    ledger = MemoryLedger()
    newest = statement(2.0, value="new")
    accept_one(ledger, PLAN, newest, 0.0)
    assert claim(ledger, {PLAN: newest}, "dead", 0.0) == {PLAN: newest}

    assert claim(ledger, {PLAN: statement(1.0)}, "b", 3600.0) == {PLAN: newest}
    assert compare(ledger, {PLAN: Sent(newest)}, "b", 3600.0) == {}
    assert claim(ledger, {PLAN: statement(1.0)}, "c", 3600.5) == {}


def test_a_statement_that_nobody_sent_in_full_is_not_skipped_for() -> None:
    """A newest statement that Heap may not have is sent, also after an hour."""
    ledger = MemoryLedger()
    newest = statement(2.0, value="new")
    claim(ledger, {PLAN: newest}, "dead", 0.0)

    assert claim(ledger, {PLAN: statement(1.0)}, "b", 9999.0) == {PLAN: newest}


def test_claims_of_dead_deliveries_are_bounded() -> None:
    """A batch that fails again and again does not fill the ledger."""
    ledger = MemoryLedger()
    for number in range(1_000):
        claim(ledger, {PLAN: statement(1.0)}, f"dead-{number}", number / 10)

    ((_, entry),) = ledger.read()
    assert len(entry.claims) <= MAX_CLAIMS + 1
    assert max(entry.claims.values()) == 99.9


@pytest.mark.parametrize(
    "entry",
    [
        LedgerEntry(),
        LedgerEntry(statement(1.5), statement(1.5), {"t": 2.5}),
        LedgerEntry(statement(-1.5, value=7), None),
        LedgerEntry(statement(2.0), statement(1.0)),
    ],
)
def test_an_entry_survives_json(entry: LedgerEntry) -> None:
    """What is written is read."""
    assert LedgerEntry.from_json(entry.to_json()) == entry


def test_a_full_ledger_evicts_the_oldest_statements(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It counts them, and warns once. Entries with claims stay."""
    ledger = MemoryLedger(capacity=10)
    keys = [LedgerKey("", f"user-{number}", "plan") for number in range(30)]
    claim(ledger, {keys[0]: statement(0.0)}, "open", 0.0)
    with caplog.at_level(logging.WARNING):
        for number in [*range(29, 0, -1)]:
            accept_one(ledger, keys[number], statement(float(number)), 0.0)

    left = {key.identity for key, _ in ledger.read()}
    assert ledger.evicted == 30 - len(left) > 0
    assert {"user-0", "user-29", "user-28"} <= left
    (warning,) = [r for r in caplog.records if "ledger" in r.message]
    assert "is full, with 10 user properties" in warning.message
    with pytest.raises(ValueError, match="capacity must be at least 1"):
        MemoryLedger(0)


def test_a_damaged_row_does_not_stop_delivery(tmp_path: Path) -> None:
    """It counts as unknown, is read as an empty entry, and is replaced."""
    path = tmp_path / "state.db"
    with SqliteLedger(path) as ledger:
        accept_one(ledger, PLAN, statement(5.0), 0.0)
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE user_properties SET entry = '[1, {'")

        assert [*ledger.read()] == [(PLAN, LedgerEntry())]
        assert claim(ledger, {PLAN: statement(1.0)}, "t", 0.0)


@pytest.mark.parametrize("person", ["jane", "jane.doe@example.com", "+4915112345678"])
def test_a_purge_covers_the_ledger(tmp_path: Path, person: str) -> None:
    """
    A person is found by identity and by values, in the file and in other ledgers.
    """
    values = {"mail": "Jane.Doe@example.com", "phone": "+49 151 12345678"}
    with bh.SqliteDeadLetter(tmp_path / "state.db") as store:
        memory = MemoryLedger()
        for ledger in (store.ledger, memory):
            for name, value in values.items():
                key = LedgerKey("heap", "jane", name)
                accept_one(ledger, key, statement(1.0, value=value), 0.0)
            accept_one(ledger, LedgerKey("heap", "joe", "x"), statement(1.0), 0.0)

        done = purge(store, person, memory)

        assert str(done) == "0 removed, 1 forgotten by the ledger"
        for ledger in (store.ledger, memory):
            assert {key.identity for key, _ in ledger.read()} == {"joe"}
        assert str(store.purge("joe")) == "0 removed, 1 forgotten by the ledger"
    files = [file.read_bytes() for file in tmp_path.iterdir()]
    assert not any(b"Doe@example" in data for data in files)


def test_repr_of_a_key_hides_the_identity() -> None:
    """The name of the user property is shown."""
    shown = repr(LedgerKey("heap app.heap.io 11", "secret-person", "braze_country"))

    assert "secret" not in shown
    assert "braze_country" in shown
