"""One feed for several Heap apps: two pipelines get every batch, and lose nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

import braze_heap as bh
from braze_heap.report import Report
from braze_heap.sinks import Receipt
from braze_heap.testing import make_raw
from braze_heap.testing._samples import Form
from braze_heap.wire import RawEvent

FORMS: Final[tuple[Form, ...]] = ("http", "storage")
FEED = [
    RawEvent(make_raw(event_type, form=form, id=f"{event_type} {form}"), event_type)
    for event_type in bh.EVENT_TYPES
    for form in FORMS
]
EMAIL = {"include": "channel:email"}
OTHERS = {"include": [t for t in bh.EVENT_TYPES if ".messages.email." not in t]}
"""Selections of two apps that have every type between them, some of them both."""


@pytest.fixture
def pipeline_of(tmp_path: Path) -> Callable[..., bh.Pipeline]:
    """Make a pipeline of a sink and the options of a transformer."""

    def make(sink: Any, **options: Any) -> bh.Pipeline:
        path = tmp_path / f"{id(sink)}.db"
        return bh.Pipeline(bh.Transformer(**options), sink, bh.SqliteDeadLetter(path))

    return make


def events(sink: bh.MemorySink) -> dict[str, dict[str, Any]]:
    """Return the events that *sink* got, by idempotency key."""
    tracked = [call for call in sink.calls if isinstance(call, bh.Track)]
    return {call.idempotency_key: call.to_dict() for call in tracked}


def user_properties(sink: bh.MemorySink) -> list[dict[str, Any]]:
    """Return the updates of user properties that *sink* got."""
    return [c.to_dict() for c in sink.calls if isinstance(c, bh.AddUserProperties)]


def test_two_apps_have_every_event_and_all_user_properties(
    pipeline_of: Callable[..., bh.Pipeline],
) -> None:
    """Each app has its events; both have what any event states of a person."""
    whole, email, others = bh.MemorySink(), bh.MemorySink(), bh.MemorySink()
    expected = pipeline_of(whole).run(FEED)

    reports = [
        pipeline_of(email, **EMAIL).run(FEED),
        pipeline_of(others, **OTHERS).run(FEED),
    ]

    assert events(email) | events(others) == events(whole)
    assert 0 < len(events(email)) < len(events(whole))
    assert user_properties(email) == user_properties(others) == user_properties(whole)
    assert user_properties(whole)
    for report in reports:
        assert report.received == report.delivered + report.skipped == len(FEED)
        assert report.dead_lettered == expected.dead_lettered == 0
        assert report.not_sent["excluded"] > 0


def test_excluded_events_state_nothing_in_that_app_only(
    pipeline_of: Callable[..., bh.Pipeline],
) -> None:
    sinks = [bh.MemorySink(), bh.MemorySink()]
    feed = [make_raw("users.messages.email.Bounce")]

    for sink, options in zip(sinks, [{"exclude": "action:bounce"}, {}], strict=True):
        pipeline_of(sink, **options).run(feed)

    assert [len(user_properties(sink)) for sink in sinks] == [0, 1]


class Down(bh.MemorySink):
    """A sink that is down at first."""

    is_down = True

    def send(self, calls: Any, /) -> Receipt:
        if self.is_down:
            raise bh.SinkUnavailable("down")
        return super().send(calls)


def test_a_batch_that_one_app_did_not_take_is_passed_to_both_again(
    pipeline_of: Callable[..., bh.Pipeline],
) -> None:
    """The other app gets the same keys twice, which Heap takes once."""
    up, down = bh.MemorySink(), Down()
    pipelines = [pipeline_of(up, **EMAIL), pipeline_of(down, **OTHERS)]
    pipelines[0].run(FEED)
    with pytest.raises(bh.SinkUnavailable):
        pipelines[1].run(FEED)
    first = events(up)

    down.is_down = False
    reports = [pipeline.run(FEED) for pipeline in pipelines]

    whole = bh.MemorySink()
    pipeline_of(whole).run(FEED)
    assert events(up) == first
    assert events(up) | events(down) == events(whole)
    assert all(r.received == r.delivered + r.skipped for r in reports)


def test_reports_of_batches_add_up_what_was_omitted(
    pipeline_of: Callable[..., bh.Pipeline],
) -> None:
    pipeline = pipeline_of(bh.MemorySink(), **EMAIL)
    whole = pipeline.run(FEED)

    parts = [pipeline.run(FEED[:100]), pipeline.run(FEED[100:])]

    assert sum(parts, Report()) == whole
    assert whole.not_sent["excluded"] > parts[0].not_sent["excluded"]
    slow = Report(compiled_errors={"a": 1}) + Report(compiled_errors={"a": 2, "b": 1})
    assert slow.compiled_errors == {"a": 3, "b": 1}
