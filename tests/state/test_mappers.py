"""Tests of the mappers that a dead letter lists, and of replays without them."""

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
    """Map to a custom event name."""
    return bh.HeapEvent("Newsletter Click")


def other(event: Any) -> bh.HeapEvent:
    """Map to another custom event name."""
    return bh.HeapEvent("Other")


class Instance:
    """A mapper with a state."""

    def __call__(self, event: Any) -> None: ...

    def method(self, event: Any) -> None: ...


@custom_event("Signup")
@attrs.define
class Signup:
    """Properties of a custom event."""

    plan: str


NAME = f"{__name__}:newsletter"


def with_mappers(*pairs: tuple[Key, Mapper]) -> bh.Transformer:
    """Return a transformer with these mappers and the shipped ones."""
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
    """The name is the module and the qualified name."""
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
    The mappers of the event's type are listed; for an unreadable body all of them.
    """
    transformer = with_mappers(
        (EmailClick, newsletter),
        (EmailEvent, other),
        ("some.new.Type", other),
        (Signup, other),
    )

    assert transformer.team_mappers(item).keys() == keys


def test_shipped_mappers_are_not_listed() -> None:
    """Shipped mappers are not listed, with a selection or without."""
    for transformer in (bh.Transformer(), bh.Transformer(include=bh.ENGAGEMENT)):
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
def test_a_mapper_of_the_transformer_is_not_missing(
    pairs: list[tuple[Key, Mapper]],
) -> None:
    """
    A mapper may have another key for the same type, or be overridden by a nearer one.
    """
    assert with_mappers(*pairs).missing_mappers({CLICK: NAME}) == {}


@pytest.mark.parametrize(
    "pairs", [[], [(EmailClick, other)], [(EmailOpen, newsletter)]]
)
def test_a_mapper_that_the_type_lacks_is_missing(
    pairs: list[tuple[Key, Mapper]],
) -> None:
    """A mapper that is there only for another type is missing."""
    assert with_mappers(*pairs).missing_mappers({CLICK: NAME}) == {CLICK: NAME}


class RejectingSink(MemorySink):
    """A sink that rejects every call."""

    def send(self, calls: Sequence[Any], /) -> Receipt:
        rejections = [Rejection(n, "rejected_by_heap") for n in range(len(calls))]
        return Receipt(0, tuple(rejections))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteDeadLetter]:
    """
    Yield a store with a click that took a custom mapper, an open that did not, and an
    unreadable body.
    """
    with SqliteDeadLetter(tmp_path / "dead.db") as store:
        pipeline = bh.Pipeline(
            with_mappers((EmailClick, newsletter)), RejectingSink(), store
        )
        pipeline.run([make_raw(CLICK, id="click")])
        pipeline.run([make_raw("users.messages.email.Open", id="open")])
        pipeline.run(b'{"events": [')
        yield store


def test_records_list_their_mappers(store: SqliteDeadLetter) -> None:
    """Records in the file and in an export list their mappers."""
    stream = io.StringIO()
    store.export(stream)
    exported = [json.loads(line)["mappers"] for line in stream.getvalue().splitlines()]

    assert exported == [{CLICK: NAME}, {}, {CLICK: NAME}]
    assert [record.mappers for record in store.read()] == exported


def test_replay_keeps_events_that_the_shipped_mapper_would_rename(
    store: SqliteDeadLetter, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The report counts the missing mapper by records; the other records are delivered.
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
    """A record that is rejected again still lists its mappers."""
    transformer = bh.Transformer()

    bh.replay(store, bh.Pipeline(transformer, RejectingSink(), store), force=True)
    assert [r.mappers for r in store.read()] == [{CLICK: NAME}, {}, {CLICK: NAME}]
    sink = MemorySink()
    report = bh.replay(store, bh.Pipeline(transformer, sink, store), force=True)

    assert report.delivered == 2
    assert {call.event for call in sink.calls} == {  # type: ignore[union-attr]
        "Braze Email Click",
        "Braze Email Open",
    }


def test_replay_with_the_mapper_delivers_its_event(store: SqliteDeadLetter) -> None:
    """A record is delivered if its mapper is there, also with additional mappers."""
    sink = MemorySink()
    today = with_mappers((EmailClick, newsletter), (EmailSend, other))

    report = bh.replay(store, bh.Pipeline(today, sink, store))

    assert report.dead_lettered_by_reason == {"unreadable": 1}
    assert sink.calls[0].event == "Newsletter Click"  # type: ignore[union-attr]


class CustomStore:
    """A custom store with the methods of the protocol."""

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


def test_replay_works_with_another_store() -> None:
    """Missing mappers are found in records of a custom store."""
    store = CustomStore()
    mapped = with_mappers((EmailBounce, newsletter), (EmailDelivery, newsletter))
    event = make_raw("users.messages.email.Bounce")
    bh.Pipeline(mapped, RejectingSink(), store).run([event])

    kept = bh.replay(store, bh.Pipeline(bh.Transformer(), MemorySink(), store))
    delivered = bh.replay(store, bh.Pipeline(mapped, MemorySink(), store))

    assert kept.dead_lettered_by_reason == {"mapper_missing": 1}
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
    """A script has the same mapper names if it is run and if it is imported."""
    (tmp_path / "team_script.py").write_text(SCRIPT)
    command = [sys.executable, "team_script.py"], [sys.executable, "-m", "team_script"]
    run = functools.partial(subprocess.check_output, cwd=tmp_path, text=True)

    assert [run(words).strip() for words in command] == ["team_script:click"] * 2
