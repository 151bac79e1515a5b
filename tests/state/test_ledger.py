"""Tests of ledgers: the newest statement wins, whatever the order of arrival."""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import CurrentsEvent
from braze_heap.heap.calls import AddUserProperties, Call, DeleteUser
from braze_heap.pipeline import _Append, _CallLedger, _Send
from braze_heap.sinks import MemorySink, Receipt, Rejection
from braze_heap.state import (
    DISCARD,
    CLAIM_SECONDS,
    Ledger,
    LedgerEntry,
    LedgerKey,
    MemoryLedger,
    SqliteLedger,
    Statement,
)
from braze_heap.state._ledger import MAX_CLAIMS, claim
from braze_heap.testing import check_ledger, make_raw

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
        self.pipeline = bh.Pipeline(
            TRANSFORMER,
            MemorySink(),
            DISCARD,
            ledger=self.ledger,
            now=lambda: self.now,
        )

    def land(self, calls: list[Call]) -> Receipt:
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
                steps = self.pipeline._process_batch(batch, frozenset())
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
            if isinstance(step, _Send) and self.rng.random() < 0.5:
                self.flying.append(([*step.calls], batch, self.now))
            else:
                batches.insert(0, batch)
            return
        reply: Any = None
        match step:
            case _CallLedger(work):
                reply = work()
            case _Send(calls):
                reply = self.land([*calls])
            case _Append(records):
                self.dead_letter |= {r.key.partition(":")[0] for r in records}
        try:
            task[2:] = steps.send(reply), self.now
        except StopIteration as done:
            running.remove(task)
            self.report += done.value.report


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
@pytest.mark.parametrize("block", range(4))
def test_random_histories_end_with_the_newest_accepted_values(
    deaths: float, block: int
) -> None:
    """
    In 4,000 histories with concurrency, repeats, rejections and deaths, Heap ends with
    the newest statements that it accepts, and no other event is dead-lettered.
    """
    seeds = range(block * 500, block * 500 + 500)
    wrong = {seed: random_history(MemoryLedger(), seed, deaths) for seed in seeds}

    assert {seed: text for seed, text in wrong.items() if text} == {}


def test_random_histories_with_one_file_end_with_the_newest_values(
    tmp_path: Path,
) -> None:
    """A ledger in a file behaves as one in memory."""
    with SqliteLedger(tmp_path / "state.db") as ledger:
        wrong = {seed: random_history(ledger, seed, 0.15) for seed in range(100)}

    assert {seed: text for seed, text in wrong.items() if text} == {}
