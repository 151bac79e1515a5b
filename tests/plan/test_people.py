"""The plan holds for all people, also if options skip most of them."""

import functools

import pytest

import braze_heap as bh
from braze_heap.events import EmailClick
from braze_heap.plan import TrackingPlan, diff, tracking_plan
from braze_heap.testing import make_raw

TYPES = {EmailClick.event_type: EmailClick}


@functools.cache
def complete() -> TrackingPlan:
    return tracking_plan(bh.Transformer(), TYPES)


def planned(**options: object) -> list[str]:
    """Return what *options* change in the plan of a click."""
    transformer = bh.Transformer(**options)  # type: ignore[arg-type]
    return str(diff(complete(), tracking_plan(transformer, TYPES))).splitlines()


@pytest.mark.parametrize("share", [1e-9, 0.5])
def test_an_event_of_few_people_is_planned_with_all_its_properties(
    share: float,
) -> None:
    added, policy = planned(sample={"EmailClick": share})
    assert added == "+ property sample_rate of Braze Email Click"
    assert policy == f"~ policy sample.EmailClick: none -> {share}"


def test_an_event_of_nobody_is_not_sent() -> None:
    (event,) = tracking_plan(bh.Transformer(sample={"EmailClick": 0}), TYPES).unsent
    assert event.why == "The person is not in the sample of the option sample."


def test_an_event_is_planned_whoever_is_suppressed() -> None:
    assert planned(suppress=lambda identity: True) == [
        "~ policy suppress: none -> a function"
    ]


def test_the_transformer_of_a_plan_keeps_its_options() -> None:
    transformer = bh.Transformer(sample={"EmailClick": 1e-9}, suppress={"cust-1"})
    event = make_raw(EmailClick, external_user_id="cust-1")

    tracking_plan(transformer, TYPES)

    assert [s.reason for s in transformer.transform(event).skipped] == ["suppressed"]
