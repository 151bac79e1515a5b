"""Hypothesis strategies: what they draw is what Braze may send."""

import json
import math

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from braze_heap import EVENT_TYPES, UnknownEvent, parse_event
from braze_heap.events import EmailClick, EmailOpen, event_fields
from braze_heap.testing.strategies import batches, events, json_values, raw_events

CLICK = "users.messages.email.Click"


def first_of(strategy, condition):
    """Return the first value of *strategy* that meets *condition*."""
    quick = settings(max_examples=200, phases=[Phase.generate])
    return find(strategy, condition, settings=quick)


def extra_of(raw):
    """Return what of *raw* the class does not know or hold."""
    return parse_event(raw, event_type=CLICK).extra


@given(json_values())
def test_json_values_are_json(value):
    """Each value survives being written and read."""
    assert value == json.loads(json.dumps(value, allow_nan=False))


@given(events(EmailClick, EmailOpen))
def test_events_are_of_the_classes(event):
    """Events are of the classes that were named."""
    assert type(event) in (EmailClick, EmailOpen)


@given(events())
def test_events_are_of_shipped_classes(event):
    """Without a class, any shipped one is drawn."""
    assert EVENT_TYPES[event.event_type] is type(event)


@given(events(UnknownEvent))
def test_unknown_events_have_a_type(event):
    """An unknown event says what it is, and that is unknown."""
    assert event.event_type not in EVENT_TYPES


@given(raw_events())
def test_raw_events_fit(raw):
    """By default a raw event has no flaw."""
    assert not parse_event(raw, strict=True).extra


@pytest.mark.parametrize("form", ["storage", "union"])
@given(data=st.data())
def test_stored_events_fit(form, data):
    """That holds for each form."""
    record = data.draw(raw_events(CLICK, form=form))

    assert not parse_event(record, event_type=CLICK, strict=True).extra


@pytest.mark.parametrize("form", ["storage", "union"])
@pytest.mark.parametrize("event_types", [(), (CLICK, "users.messages.email.Open")])
def test_records_without_a_type_are_of_one_type(form, event_types):
    """Where the form does not carry the type, one has to be named."""
    with pytest.raises(ValueError, match="name one type"):
        raw_events(*event_types, form=form)


@pytest.mark.parametrize("form", ["http", "storage", "union"])
def test_fields_may_be_null(form):
    """With ``nulls`` some fields are null."""
    raw = first_of(
        raw_events(CLICK, form=form, nulls=True), lambda raw: None in leaves(raw)
    )

    assert not extra_of(raw)


@pytest.mark.parametrize("form", ["http", "storage", "union"])
def test_fields_may_be_unknown(form):
    """With ``unknown_fields`` some are not the class's."""
    raw = first_of(raw_events(CLICK, form=form, unknown_fields=True), extra_of)

    assert extra_of(raw).keys().isdisjoint(event_fields(EmailClick))


@pytest.mark.parametrize("form", ["http", "storage", "union"])
def test_fields_may_be_invalid(form):
    """With ``invalid`` some have a value of another type."""
    raw = first_of(raw_events(CLICK, form=form, invalid=True), extra_of)
    names = {key.rpartition("/")[2] for key in extra_of(raw)}

    assert names <= event_fields(EmailClick).keys()


@given(raw_events(CLICK))
def test_oddities_are_asked_for(raw):
    """None of these come by themselves."""
    assert None not in leaves(raw)
    assert not extra_of(raw)


@given(raw_events("users.behaviors.Location"))
def test_numbers_are_finite(raw):
    """JSON knows neither NaN nor infinities."""
    numbers = [v for v in raw["properties"].values() if isinstance(v, float)]

    assert all(map(math.isfinite, numbers))


@given(batches(max_size=3))
def test_batches_are_request_bodies(batch):
    """A batch is an envelope of at most so many events."""
    assert list(batch) == ["events"]
    assert len(batch["events"]) <= 3


@given(batches(raw_events(CLICK), max_size=3))
def test_batches_hold_what_is_given(batch):
    """A batch can be one of your own raw events."""
    assert {event["event_type"] for event in batch["events"]} <= {CLICK}


def leaves(raw):
    """List the values of a raw event, of either form."""
    parts = [raw, raw.get("user"), raw.get("properties")]
    return [v for part in parts if isinstance(part, dict) for v in part.values()]
