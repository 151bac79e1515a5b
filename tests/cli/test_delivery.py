import io
from collections.abc import Sequence

import pytest
from rich.console import Console, Group

from braze_heap import (
    DEFAULT_MAPPERS,
    DISCARD,
    CurrentsEvent,
    DeliveryError,
    HeapEvent,
    MemorySink,
    Pipeline,
    SinkUnavailable,
    Transformer,
)
from braze_heap.cli._options import Setup
from braze_heap.cli._progress import RunProgress
from braze_heap.cli._report import Ending, RunOutcome, RunReport, RunResult, to_values
from braze_heap.cli._run import Delivery, RetryingPipeline
from braze_heap.config import Config, SinkConfig
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


Attempts = tuple[RetryingPipeline, Failing, list[str]]


def retrying(limit: float, *errors: Exception) -> Attempts:
    """Return a pipeline whose sink fails with *errors*, the sink, and its messages."""
    messages: list[str] = []
    progress = RunProgress(on_message=lambda line: messages.append(str(line)))
    clock, sink = Clock(), Failing(*errors)
    pipeline = RetryingPipeline(
        *(Transformer(), sink, DISCARD),
        limit=limit,
        progress=progress,
        clock=clock,
        sleep=clock.sleep,
    )
    return pipeline, sink, messages


def batch() -> list[object]:
    """Return a batch of one event."""
    return [make_raw(EmailClick, id="a")]


def test_failures_are_shown_once_and_so_is_the_end() -> None:
    """One line when it begins, one when it is over."""
    pipeline, _, messages = retrying(60, *[SinkUnavailable("503", 5)] * 3)

    pipeline.run(batch())

    assert messages == [
        "Waiting: 503. Trying for up to 1 min (--patience); Ctrl-C is harmless.",
        "The delivery goes on.",
    ]


def test_the_limit_ends_the_attempts() -> None:
    """The last error of the sink is raised."""
    pipeline, sink, _ = retrying(12, *[SinkUnavailable("503", 5)] * 9)

    with pytest.raises(SinkUnavailable, match="503"):
        pipeline.run(batch())

    assert len(sink.errors) == 6


def test_rate_limits_do_not_count() -> None:
    """A backfill waits for Heap's rates all the time, without messages."""
    paced = SinkUnavailable("the rate of the app", 60, throttled=True)
    pipeline, sink, messages = retrying(10, *[paced] * 100)

    pipeline.run(batch())

    assert (sink.errors, messages) == ([], [])


def test_a_success_starts_the_limit_again() -> None:
    """Several short failures in a long run are not one long failure."""
    down = SinkUnavailable("503", 5)
    pipeline, sink, _ = retrying(12, down, down)
    pipeline.run(batch())
    sink.errors += [down, down]

    pipeline.run(batch())

    assert sink.errors == []


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
    patience: float, status: int, delivered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It waits as long as its patience, and ends with the status for a later attempt.
    """
    lookup = Lookup(*[DeliveryError("the CRM is down")] * 2)
    transformer = Transformer(DEFAULT_MAPPERS.override(EmailClick, lookup))
    sink = MemorySink()
    monkeypatch.setattr(Pipeline, "_wait", lambda *_: None)
    setup = Setup(Config(sink=SinkConfig(spec="memory:")))
    ending = Ending(strict=False, quiet=True, as_json=False)
    delivery = Delivery(setup, yes=True, patience=patience, ending=ending)
    result = delivery.deliver(
        *(sink, (DISCARD, None), transformer),
        lambda pipeline, _: pipeline.run(batch()),
    )
    outcome = result.outcome

    assert (outcome.status, result.report.counts.delivered) == (status, delivered)
    if outcome.failure:
        assert "a mapper could not decide while mapping" in outcome.failure.message
        assert "id 'a': DeliveryError: the CRM is down" in outcome.failure.message


def test_a_report_shows_invalid_and_changed_values() -> None:
    """What does not fit a team's class, and what was changed for Heap, is no secret."""
    report = Report(
        1,
        1,
        invalid={InvalidField("Order", "price", "text, not float"): 3},
        adjustments={"truncated": 4},
    )
    result = RunResult(report=RunReport(counts=report), outcome=RunOutcome(), seconds=1)
    out = Console(file=io.StringIO(), width=100)

    out.print(Group(*result.sections()))

    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert "Order.price: text, not float  3" in text
    assert "truncated  4" in text
    assert to_values(result.sections())["invalid"] == {
        "Order.price: text, not float": 3
    }
