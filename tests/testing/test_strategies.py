"""Hypothesis strategies draw what Braze may send."""

import json
import math

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from braze_heap import EVENT_TYPES, UnknownEvent, parse_event
from braze_heap.events import EmailClick, EmailOpen, event_fields
from braze_heap.testing.strategies import batches, events, json_values, raw_events
from tests.support.strategies import odd_raw_events

CLICK = "users.messages.email.Click"


def first_of(strategy, condition):
    """Return the first value of *strategy* that meets *condition*."""
    quick = settings(max_examples=200, phases=[Phase.generate])
    return find(strategy, condition, settings=quick)


def extra_of(raw):
    """Return the unknown and invalid fields of *raw*."""
    return parse_event(raw, event_type=CLICK).extra


@given(json_values())
def test_json_values_can_be_written_and_read(value):
    """A JSON value is equal after it was written and read."""
    assert value == json.loads(json.dumps(value, allow_nan=False))


@given(events(EmailClick, EmailOpen))
def test_events_have_the_given_classes(event):
    """With classes, each event has one of them."""
    assert type(event) in (EmailClick, EmailOpen)


@given(events())
def test_events_have_shipped_classes_by_default(event):
    """Without classes, each event has the shipped class of its type."""
    assert EVENT_TYPES[event.event_type] is type(event)


@given(events(UnknownEvent))
def test_unknown_events_have_an_unknown_type(event):
    """An unknown event has a type without a class."""
    assert event.event_type not in EVENT_TYPES


@given(raw_events())
def test_raw_events_are_valid(raw):
    """A raw event is parsed without unknown or invalid fields."""
    assert not parse_event(raw, strict=True).extra


@pytest.mark.parametrize("form", ["storage", "union"])
@given(data=st.data())
def test_storage_records_are_valid(form, data):
    """A record of a storage form is parsed without unknown or invalid fields."""
    record = data.draw(raw_events(CLICK, form=form))

    assert not parse_event(record, event_type=CLICK, strict=True).extra


@pytest.mark.parametrize("form", ["storage", "union"])
@pytest.mark.parametrize("event_types", [(), (CLICK, "users.messages.email.Open")])
def test_storage_form_needs_one_type(form, event_types):
    """A form that does not carry the type needs exactly one type."""
    with pytest.raises(ValueError, match="pass one type"):
        raw_events(*event_types, form=form)


@pytest.mark.parametrize("form", ["http", "storage", "union"])
def test_nulls_are_valid(form):
    """With ``nulls`` some fields are null, which is parsed like an absent field."""
    raw = first_of(
        odd_raw_events(CLICK, form=form, nulls=True), lambda raw: None in leaves(raw)
    )

    assert not extra_of(raw)


@pytest.mark.parametrize("form", ["http", "storage", "union"])
def test_unknown_fields_are_not_in_the_class(form):
    """With ``unknown_fields`` some fields are not in the class."""
    raw = first_of(odd_raw_events(CLICK, form=form, unknown_fields=True), extra_of)

    assert extra_of(raw).keys().isdisjoint(event_fields(EmailClick))


@pytest.mark.parametrize("form", ["http", "storage", "union"])
def test_invalid_values_are_in_fields_of_the_class(form):
    """With ``invalid`` some fields of the class have a value of another type."""
    raw = first_of(odd_raw_events(CLICK, form=form, invalid=True), extra_of)
    names = {key.rpartition("/")[2] for key in extra_of(raw)}

    assert names <= event_fields(EmailClick).keys()


@given(raw_events(CLICK))
def test_raw_events_have_no_nulls(raw):
    """A raw event omits fields instead of setting them to null."""
    assert None not in leaves(raw)


@given(raw_events("users.behaviors.Location"))
def test_numbers_are_finite(raw):
    """A raw event has no NaN and no infinity."""
    numbers = [v for v in raw["properties"].values() if isinstance(v, float)]

    assert all(map(math.isfinite, numbers))


@given(batches(max_size=3))
def test_batch_is_a_request_body(batch):
    """A batch is an envelope of at most ``max_size`` events."""
    assert list(batch) == ["events"]
    assert len(batch["events"]) <= 3


@given(batches(raw_events(CLICK), max_size=3))
def test_batch_has_the_given_events(batch):
    """The events of a batch come from the given strategy."""
    assert {event["event_type"] for event in batch["events"]} <= {CLICK}


def leaves(raw):
    """Return the values of a raw event, in either form."""
    parts = [raw, raw.get("user"), raw.get("properties")]
    return [v for part in parts if isinstance(part, dict) for v in part.values()]
