import io
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from rich.console import Console

from braze_heap import (
    DEFAULT_MAPPERS,
    DISCARD,
    CurrentsEvent,
    DeliveryError,
    HeapEvent,
    MemorySink,
    SinkUnavailable,
    Transformer,
)
from braze_heap.cli._delivered import _view
from braze_heap.cli._delivery import Delivery, RetryingSink
from braze_heap.cli._progress import DeliveryProgress
from braze_heap.cli._run import RunOutcome
from braze_heap.events import EmailClick
from braze_heap.heap.calls import Call
from braze_heap.report import InvalidField, Report
from braze_heap.sinks import Receipt
from braze_heap.testing import make_raw


class Failing(MemorySink):
    """Raises each of *errors*, and works then."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)

    def send(self, calls: Sequence[Call], /) -> Receipt:
        if self.errors:
            raise self.errors.pop(0)
        return Receipt(len(calls))


class Clock:
    """A clock that sleeping moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def patient(patience: float, *errors: Exception) -> tuple[RetryingSink, list[str]]:
    """Return a patient sink that fails with *errors*, and what it tells."""
    told: list[str] = []
    progress, clock = DeliveryProgress(0, on_message=told.append), Clock()
    sink = Failing(*errors)
    return RetryingSink(sink, patience, progress, clock, clock.sleep), told


def until_it_works(sink: RetryingSink, seconds: float) -> None:
    """Send as a pipeline does, with pauses of *seconds*."""
    while True:
        try:
            sink.send([])
        except SinkUnavailable:
            sink.sleep(seconds)
        else:
            return


def test_failures_are_told_once_and_so_is_the_end() -> None:
    """One line when it begins, one when it is over."""
    down = SinkUnavailable("503")
    sink, told = patient(60, down, down, down)

    until_it_works(sink, 5)

    assert told == [
        "Waiting: 503. Trying for up to 1 min (--patience); Ctrl-C is harmless.",
        "The sink answers again.",
    ]


def test_patience_ends() -> None:
    """What the sink said last is raised."""
    down = SinkUnavailable("503")
    sink, _ = patient(12, *[down] * 9)

    with pytest.raises(SinkUnavailable, match="503"):
        until_it_works(sink, 5)

    assert len(sink.sink.errors) == 6  # type: ignore[attr-defined]


def test_rates_do_not_cost_patience() -> None:
    """A backfill waits for Heap's rates all the time, and silently."""
    paced = SinkUnavailable("the rate of the app", 60, throttled=True)
    sink, told = patient(10, *[paced] * 100)

    until_it_works(sink, 60)

    assert told == []


def test_success_renews_patience() -> None:
    """Ten short failures in a long run are no long one."""
    down = SinkUnavailable("503")
    sink, _ = patient(12, down, down)
    until_it_works(sink, 5)
    sink.pause(100)
    sink.sink.errors += [down, down]  # type: ignore[attr-defined]

    until_it_works(sink, 5)

    assert sink.since is None


class Lookup:
    """A mapper that raises each of *errors*, and works then."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self, event: CurrentsEvent) -> HeapEvent:
        """Map an event."""
        if self.errors:
            raise self.errors.pop(0)
        return HeapEvent("Click")


@pytest.mark.parametrize(
    ("patience", "status", "delivered"), [(60.0, 0, 1), (0.0, 75, 0)]
)
def test_a_delivery_waits_for_a_mapper_as_for_a_sink(
    patience: float, status: int, delivered: int
) -> None:
    """
    It waits as long as its patience, and ends with the status for a later attempt.
    """
    lookup = Lookup(*[DeliveryError("the CRM is down")] * 2)
    transformer = Transformer(DEFAULT_MAPPERS.override(EmailClick, lookup))
    sink = MemorySink()
    delivery = Delivery("memory:", sink, DISCARD, patience)

    with patch.object(RetryingSink, "sleep", slept):
        outcome = delivery.run(
            transformer,
            lambda pipeline, _: pipeline.run([make_raw(EmailClick, id="a")]),
            1,
            quiet=True,
        )

    assert (outcome.status, delivery.report.delivered) == (status, delivered)
    if outcome.failure:
        assert "a mapper could not decide while mapping" in outcome.failure.message
        assert "id 'a': DeliveryError: the CRM is down" in outcome.failure.message


def slept(self: RetryingSink, seconds: float) -> None:
    """Sleep as a patient sink does, in no time."""
    self.pause = lambda _: None
    PATIENT_SLEEP(self, seconds)


PATIENT_SLEEP = RetryingSink.sleep


def test_a_report_shows_invalid_and_changed_values() -> None:
    """What does not fit a team's class, and what was changed for Heap, is no secret."""
    report = Report(
        1,
        1,
        invalid={InvalidField("Order", "price", "text, not float"): 3},
        adjustments={"truncated": 4},
    )
    delivery = Delivery("memory:", MemorySink(), DISCARD, 0.0, report)
    out = Console(file=io.StringIO(), width=100)

    out.print(_view(delivery, RunOutcome(), "1 file", None))

    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert "Order.price: text, not float  3" in text
    assert "truncated  4" in text
