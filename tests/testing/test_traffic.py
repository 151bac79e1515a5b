"""Traffic: what a workspace sends, the same each time."""

from collections import Counter
from itertools import pairwise

import pytest

from braze_heap import Transformer, parse_event
from braze_heap.reasons import Reason
from braze_heap.testing import make_malformed, make_raw, make_traffic
from tests.benchmarks.batches import MIX

SENT = "users.messages.email.Send"


@pytest.fixture(scope="module")
def traffic():
    """A few thousand events."""
    return make_traffic(4_000, seed=1)


def test_traffic_has_the_requested_length():
    """The number of events is exact."""
    assert [len(make_traffic(number)) for number in (0, 1, 37)] == [0, 1, 37]


def test_equal_seeds_give_equal_traffic():
    """Equal seeds give equal events, and other seeds others."""
    assert make_traffic(50, seed=3) == make_traffic(50, seed=3)
    assert make_traffic(50, seed=3) != make_traffic(50, seed=4)


def test_traffic_is_valid(traffic):
    """Every field is known, and every value has its type."""
    assert [event for event in traffic if parse_event(event, strict=True).extra] == []


def test_ids_of_traffic_are_unique(traffic):
    """Each event has its own id."""
    assert len(traffic) == len({event["id"] for event in traffic})


def test_shares_of_types_are_realistic(traffic):
    """The share of each type differs from the benchmark by at most 1.5 points."""
    counts = Counter(event["event_type"] for event in traffic)
    shares = {name: 100 * count / len(traffic) for name, count in counts.items()}

    assert MIX.keys() == shares.keys()
    assert {n: s for n, s in shares.items() if abs(s - MIX[n]) > 1.5} == {}


def test_traffic_is_nearly_in_the_order_of_time(traffic):
    """Times ascend, except for delays of some seconds."""
    steps = [after["time"] - before["time"] for before, after in pairwise(traffic)]

    assert -60 < min(steps) < 0
    assert sum(step < 0 for step in steps) < len(steps) / 3


def test_open_follows_its_send(traffic):
    """An open has the user of its send, and a later time."""
    sends = {e["properties"]["send_id"]: e for e in traffic if e["event_type"] == SENT}
    opens = [e for e in traffic if e["event_type"] == "users.messages.email.Open"]
    matched = [(e, sends[e["properties"]["send_id"]]) for e in opens]

    assert len(opens) > 400
    assert [e for e, send in matched if send["time"] > e["time"]] == []
    assert [e for e, send in matched if send["user"] != e["user"]] == []


def test_message_has_a_campaign_or_a_canvas(traffic):
    """Sends have a campaign or a Canvas, and both occur."""
    sends = [event["properties"] for event in traffic if event["event_type"] == SENT]
    kinds = Counter(("campaign_id" in sent, "canvas_id" in sent) for sent in sends)

    assert {(True, False), (False, True)} == kinds.keys()


def test_person_has_about_ten_events(traffic):
    """There are about ten events for each person."""
    people = {event["user"]["external_user_id"] for event in traffic}

    assert len(traffic) / 12 < len(people) < len(traffic) / 8


def test_prefix_and_start_are_configurable():
    """User ids have the prefix, and no event is before the start."""
    events = make_traffic(100, start=1_000_000, user_prefix="test-")

    assert all(e["user"]["external_user_id"].startswith("test-") for e in events)
    assert min(event["time"] for event in events) >= 1_000_000


def test_events_of_traffic_share_no_objects():
    """A change of one event does not change another."""
    events = make_traffic(200)
    custom = [e["properties"] for e in events if "custom_properties" in e["properties"]]

    custom[0]["custom_properties"].clear()

    expected = make_raw("users.behaviors.CustomEvent")["properties"]
    assert custom[1]["custom_properties"] == expected["custom_properties"]


def test_malformed_events_are_rejected():
    """Each malformed event is rejected, and all reasons of single events occur."""
    result = Transformer().transform({"events": make_malformed(24)})

    assert (result.mapped, len(result.rejected)) == (0, 24)
    assert {event.reason for event in result.rejected} == {
        Reason.BAD_EVENT_TYPE,
        Reason.BAD_IDENTITY,
        Reason.BAD_PROPERTIES,
        Reason.BAD_TIME,
        Reason.BAD_USER,
        Reason.IDENTITY_TOO_LONG,
        Reason.NOT_AN_OBJECT,
    }


def test_malformed_events_have_other_ids_than_traffic():
    """Malformed events share no id with the traffic of the same seed."""
    malformed = [event for event in make_malformed(24) if isinstance(event, dict)]
    ids = {event["id"] for event in malformed}

    assert len(malformed) == len(ids)
    assert ids.isdisjoint(event["id"] for event in make_traffic(24))
