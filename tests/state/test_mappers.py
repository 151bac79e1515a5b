"""
Tests of the mappers that a dead letter lists, and of replays without them.
"""

from __future__ import annotations

import functools
import io
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import (
    CurrentsEvent,
    EmailBounce,
    EmailClick,
    EmailDelivery,
    EmailEvent,
    EmailOpen,
    EmailSend,
)
from braze_heap.mappers import Key, Mapper, custom_event, declare, standard
from braze_heap.sinks import MemorySink, Receipt, Rejection
from braze_heap.state import DeadRecord, SqliteDeadLetter
from braze_heap.testing import make_event, make_raw
from braze_heap.wire import RawEvent

pytestmark = pytest.mark.filterwarnings("ignore:No event class has the type")

CLICK = "users.messages.email.Click"
CUSTOM = "users.behaviors.CustomEvent"


def newsletter(event: Any) -> bh.HeapEvent:
    """
    Map to an event of the team's.
    """
    return bh.HeapEvent("Newsletter Click")


def other(event: Any) -> bh.HeapEvent:
    """
    Map to another event of the team's.
    """
    return bh.HeapEvent("Other")


class Instance:
    """
    A mapper with a state.
    """

    def __call__(self, event: Any) -> None: ...

    def method(self, event: Any) -> None: ...


@custom_event("Signup")
@attrs.define
class Signup:
    """
    Properties of a custom event.
    """

    plan: str


NAME = f"{__name__}:newsletter"


def with_mappers(*pairs: tuple[Key, Mapper]) -> bh.Transformer:
    """
    Make a transformer that has these mappers and the shipped ones.
    """
    registry = bh.DEFAULT_MAPPERS
    for key, mapper in pairs:
        registry = registry.override(key, mapper)
    return bh.Transformer(registry)


@pytest.mark.parametrize(
    ("mapper", "name"),
    [
        (newsletter, NAME),
        (functools.partial(functools.partial(newsletter)), NAME),
        (functools.wraps(newsletter)(lambda event: None), NAME),
        (lambda event: None, f"{__name__}:<lambda>"),
        (Instance(), f"{__name__}:Instance"),
        (Instance().method, f"{__name__}:Instance.method"),
        (declare("Newsletter Click"), "braze_heap:declare"),
        (standard, "braze_heap.mappers._standard:standard"),
    ],
)
def test_every_kind_of_mapper_has_a_name(mapper: Any, name: str) -> None:
    """
    Module and qualified name, never code.
    """
    event = make_raw(CLICK)

    assert with_mappers((EmailClick, mapper)).team_mappers(event) == {CLICK: name}


@pytest.mark.parametrize(
    ("item", "keys"),
    [
        (make_raw(CLICK), {CLICK}),
        (make_raw(CLICK) | {"time": 0, "user": 3, "properties": 4}, {CLICK}),
        (RawEvent({"id": "x"}, CLICK), {CLICK}),
        (make_event(EmailClick), {CLICK}),
        (make_raw("users.messages.email.Open"), {"EmailEvent"}),
        (make_raw("users.messages.sms.Send"), set[str]()),
        ({"event_type": "some.new.Type", "time": 1, "id": "x"}, {"some.new.Type"}),
        (make_raw(CUSTOM, name="Signup"), {f"{CUSTOM} Signup"}),
        (RawEvent({"name": "Signup"}, CUSTOM), {f"{CUSTOM} Signup"}),
        (make_raw(CUSTOM, name="Other"), set[str]()),
        ({"event_type": 3}, set[str]()),
        (["a"], set[str]()),
        (None, set[str]()),
        (b"{", {CLICK, "EmailEvent", "some.new.Type", f"{CUSTOM} Signup"}),
    ],
)
def test_the_mappers_of_an_event_are_listed(item: Any, keys: set[str]) -> None:
    """
    Those that would map it, whatever is wrong with it; all for a body that is not read.
    """
    transformer = with_mappers(
        (EmailClick, newsletter),
        (EmailEvent, other),
        ("some.new.Type", other),
        (Signup, other),
    )

    assert transformer.team_mappers(item).keys() == keys


def test_shipped_mappers_are_not_listed() -> None:
    """
    Nor are choices among them.
    """
    for registry in (bh.DEFAULT_MAPPERS, bh.ENGAGEMENT):
        transformer = bh.Transformer(registry)
        assert transformer.team_mappers() == {}
        assert transformer.team_mappers(make_raw(CLICK)) == {}


@pytest.mark.parametrize(
    "pairs",
    [
        [(EmailClick, newsletter)],
        [(CLICK, newsletter)],
        [(EmailEvent, newsletter)],
        [(CurrentsEvent, newsletter)],
        [(EmailEvent, newsletter), (EmailClick, other)],
        [(EmailClick, functools.partial(newsletter)), (EmailOpen, other)],
    ],
)
def test_a_mapper_that_is_there_is_not_missing(pairs: list[tuple[Key, Mapper]]) -> None:
    """
    Also under another key for the same type, and if a nearer mapper was added.
    """
    assert with_mappers(*pairs).missing_mappers({CLICK: NAME}) == {}


@pytest.mark.parametrize(
    "pairs", [[], [(EmailClick, other)], [(EmailOpen, newsletter)]]
)
def test_a_mapper_that_is_not_there_for_the_type_is_missing(
    pairs: list[tuple[Key, Mapper]],
) -> None:
    """
    A mapper for another type is not it.
    """
    assert with_mappers(*pairs).missing_mappers({CLICK: NAME}) == {CLICK: NAME}


class Refusing(MemorySink):
    """
    Heap, on a day on which it refuses everything.
    """

    def send(self, calls: Sequence[Any], /) -> Receipt:
        refused = [Rejection(n, "rejected_by_heap") for n in range(len(calls))]
        return Receipt(0, tuple(refused))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteDeadLetter]:
    """
    Give a store with a click that the team's mapper took part in, an open that it did
    not, and an unreadable body.
    """
    with SqliteDeadLetter(tmp_path / "dead.db") as store:
        pipeline = bh.Pipeline(
            with_mappers((EmailClick, newsletter)), Refusing(), store
        )
        pipeline.run([make_raw(CLICK, id="click")])
        pipeline.run([make_raw("users.messages.email.Open", id="open")])
        pipeline.run(b'{"events": [')
        yield store


def test_records_list_their_mappers(store: SqliteDeadLetter) -> None:
    """
    In the file and in an export.
    """
    stream = io.StringIO()
    store.export(stream)
    exported = [json.loads(line)["mappers"] for line in stream.getvalue().splitlines()]

    assert exported == [{CLICK: NAME}, {}, {CLICK: NAME}]
    assert [record.mappers for record in store.read()] == exported


def test_replay_keeps_what_the_shipped_mapping_would_rename(
    store: SqliteDeadLetter, caplog: pytest.LogCaptureFixture
) -> None:
    """
    It says which mapper is missing, and for how many records; the others go on.
    """
    sink = MemorySink()

    report = bh.replay(store, bh.Pipeline(bh.Transformer(), sink, store))

    assert [call.idempotency_key for call in sink.calls] == ["open"]  # type: ignore[union-attr]
    assert (report.received, report.delivered) == (3, 1)
    assert report.dead_lettered_by_reason == {"mapper_missing": 2}
    assert report.missing_mappers == {f"{CLICK} {NAME}": 2}
    assert [r.reason for r in store.read()] == ["rejected_by_heap", "unreadable"]
    assert caplog.text.count(NAME) == 1


def test_force_replays_without_the_mappers(store: SqliteDeadLetter) -> None:
    """
    What is refused again still lists them.
    """
    transformer = bh.Transformer()

    bh.replay(store, bh.Pipeline(transformer, Refusing(), store), force=True)
    assert [r.mappers for r in store.read()] == [{CLICK: NAME}, {}, {CLICK: NAME}]
    sink = MemorySink()
    report = bh.replay(store, bh.Pipeline(transformer, sink, store), force=True)

    assert report.delivered == 2
    assert {call.event for call in sink.calls} == {  # type: ignore[union-attr]
        "Braze Email Click",
        "Braze Email Open",
    }


def test_replay_with_the_mapper_delivers_its_event(store: SqliteDeadLetter) -> None:
    """
    Also if it was corrected, and others were added.
    """
    sink = MemorySink()
    today = with_mappers((EmailClick, newsletter), (EmailSend, other))

    report = bh.replay(store, bh.Pipeline(today, sink, store))

    assert report.dead_lettered_by_reason == {"unreadable": 1}
    assert sink.calls[0].event == "Newsletter Click"  # type: ignore[union-attr]


class Plain:
    """
    A store of a team's own, as the protocol has it.
    """

    def __init__(self) -> None:
        self.records: dict[str, DeadRecord] = {}

    def append(self, records: Sequence[DeadRecord], /) -> None:
        self.records |= {record.key: record for record in records}

    def read(self) -> Iterator[DeadRecord]:
        return iter(list(self.records.values()))

    def forget(self, keys: Iterable[str], /) -> None:
        for key in keys:
            self.records.pop(key, None)

    def close(self) -> None: ...


def test_other_stores_hold_records_too() -> None:
    """
    Whatever stores the whole record.
    """
    store = Plain()
    mapped = with_mappers((EmailBounce, newsletter), (EmailDelivery, newsletter))
    event = make_raw("users.messages.email.Bounce")
    bh.Pipeline(mapped, Refusing(), store).run([event])

    held = bh.replay(store, bh.Pipeline(bh.Transformer(), MemorySink(), store))
    delivered = bh.replay(store, bh.Pipeline(mapped, MemorySink(), store))

    assert held.dead_lettered_by_reason == {"mapper_missing": 1}
    assert (delivered.delivered, store.records) == (1, {})


SCRIPT = """
import braze_heap as bh
from braze_heap.events import EmailClick
mappers = bh.Mappers()
@mappers.maps(EmailClick)
def click(event): return None
transformer = bh.Transformer(bh.DEFAULT_MAPPERS | mappers.registry())
if __name__ == "__main__":
    print(*transformer.team_mappers().values())
"""


def test_a_script_has_the_name_by_which_it_is_imported(tmp_path: Path) -> None:
    """
    What a script sent can be replayed by a program that imports it.
    """
    (tmp_path / "team_script.py").write_text(SCRIPT)
    command = [sys.executable, "team_script.py"], [sys.executable, "-m", "team_script"]
    run = functools.partial(subprocess.check_output, cwd=tmp_path, text=True)

    assert [run(words).strip() for words in command] == ["team_script:click"] * 2
