"""The catalog: category, channel and action of every type, and of a team's classes."""

from collections import Counter
from typing import get_args

import attrs
import pytest

from braze_heap.events import (
    EVENT_TYPES,
    Category,
    CurrentsEvent,
    CustomEvent,
    EmailClick,
    HasCampaign,
    SmsInboundReceive,
    UnknownEvent,
    catalog,
    catalog_entry,
)
from tests.events.test_events import families_among, modules_after
from tests.support.for_each import for_each

ENTRIES = catalog().values()


def test_catalog_has_every_type_in_the_order_of_event_types() -> None:
    """The catalog and the classes are about the same types."""
    assert list(catalog()) == list(EVENT_TYPES)


@for_each("entry", ENTRIES)
def test_entry_of_a_type_is_that_of_its_class(entry) -> None:
    """The class that the catalog names has the entry, and no other."""
    assert catalog_entry(EVENT_TYPES[entry.event_type]) == entry


def test_reading_the_catalog_loads_no_event_class() -> None:
    """A program that only asks for channels does not pay for the classes."""
    loaded = modules_after(
        "from braze_heap.events import catalog; catalog()['users.canvas.Entry'].action"
    )

    assert families_among(loaded) == set()


def test_sizes_of_the_categories_are_those_of_braze() -> None:
    """Each type is in one of Braze's four groups."""
    assert Counter(entry.category for entry in ENTRIES) == {
        "message_engagement": 90,
        "customer_behavior": 10,
        "user": 4,
        "agent": 2,
    }
    assert set(get_args(Category)) == {entry.category for entry in ENTRIES}


def test_every_message_engagement_type_has_an_action() -> None:
    """A chart by action shows every message engagement event."""
    missing = [
        entry.event_type
        for entry in ENTRIES
        if entry.category == "message_engagement" and not entry.action
    ]

    assert missing == []


def test_every_event_of_a_message_has_a_channel() -> None:
    """Every type about messages, cards, pages or surveys has a channel."""
    missing = [
        entry.event_type
        for entry in ENTRIES
        if entry.event_type.startswith("users.messages.") and not entry.channel
    ]

    assert missing == []


def test_channels_and_actions_are_one_vocabulary() -> None:
    """15 channels and 47 actions, each one word in lower case with underscores."""
    channels = {entry.channel for entry in ENTRIES} - {None}
    actions = {entry.action for entry in ENTRIES}

    assert (len(channels), len(actions)) == (15, 47)
    assert all(word.replace("_", "").islower() for word in channels | actions)


def test_channel_and_action_identify_a_type() -> None:
    """No two types with a channel are the same act, except two kinds of token."""
    pairs = Counter((e.channel, e.action) for e in ENTRIES if e.channel)

    assert {pair for pair, count in pairs.items() if count > 1} == {
        ("live_activity", "token_change")
    }


def test_catalog_is_read_only() -> None:
    """Nobody can change the catalog for everybody."""
    with pytest.raises(TypeError):
        catalog()["x"] = None
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        catalog_entry(EmailClick).channel = "push"


def test_fields_named_like_the_catalog_stay_fields() -> None:
    """``action`` of an inbound message is a field; the action of the type is not."""
    event = SmsInboundReceive(id="a", time=1, action="Subscribed")

    assert event.action == "Subscribed"
    assert catalog_entry(type(event)).action == "inbound"


def test_own_class_of_a_new_type_has_the_arguments_it_was_given() -> None:
    """A team's class of a type that the catalog lacks states the details itself."""

    class PigeonSend(
        CurrentsEvent,
        event_type="users.messages.pigeon.Send",
        category="message_engagement",
        channel="pigeon",
        action="send",
    ):
        """A pigeon took off."""

    entry = catalog_entry(PigeonSend)

    assert (entry.category, entry.channel) == ("message_engagement", "pigeon")
    assert entry.display_name == PigeonSend.display_name == PigeonSend.event_type
    assert PigeonSend.event_type not in catalog()


def test_own_class_of_a_new_type_may_leave_all_out() -> None:
    """Without arguments, category, channel and action are ``None``."""

    class OwlSend(CurrentsEvent, event_type="users.messages.owl.Send"):
        """An owl took off."""

    entry = catalog_entry(OwlSend)

    assert (entry.category, entry.channel, entry.action) == (None, None, None)


def test_own_class_of_a_shipped_type_has_its_entry() -> None:
    """A team's class keeps what the catalog says, except for its own arguments."""

    class OwnClick(
        CurrentsEvent, event_type="users.messages.email.Click", action="tap"
    ):
        """A click, seen differently."""

    assert catalog_entry(OwnClick) == attrs.evolve(
        catalog_entry(EmailClick), class_name="OwnClick", action="tap"
    )
    assert OwnClick.display_name == "Email Click"


def test_subclass_has_the_entry_of_its_type() -> None:
    """A team's class of typed properties is of the type of its base."""

    class Signup(CustomEvent):
        """Somebody signed up."""

    assert catalog_entry(Signup) == catalog_entry(CustomEvent)


@pytest.mark.parametrize("cls", [HasCampaign, CurrentsEvent, UnknownEvent, int, None])
def test_class_of_no_single_type_is_a_type_error(cls) -> None:
    """A group has no category; the error says what to pass."""
    with pytest.raises(TypeError, match="pass the class of one event type"):
        catalog_entry(cls)


def test_details_without_an_event_type_are_a_type_error() -> None:
    """A forgotten ``event_type=`` is not ignored."""
    with pytest.raises(TypeError, match=r"^Pigeon needs event_type= with channel=$"):
        type("Pigeon", (CurrentsEvent,), {"__annotations__": {}}, channel="pigeon")


def test_misspelled_detail_is_a_type_error() -> None:
    """A misspelled class argument is not ignored."""
    with pytest.raises(TypeError, match="chanel"):

        class Pigeon(CurrentsEvent, event_type="users.messages.p.Send", chanel="p"):
            """A pigeon took off."""
