"""Events are chosen in the words of Braze's own screen, and a typo fails at once."""

import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap.events import (
    EVENT_TYPES,
    CurrentsEvent,
    EmailClick,
    HasCampaign,
    UnknownEvent,
)
from braze_heap.policies.selection import DELIVERY, ENGAGEMENT, select_events

EMAIL = {t for t in EVENT_TYPES if t.startswith("users.messages.email.")}
CLICK = "users.messages.email.Click"
FAX = "users.messages.fax.Click"


@pytest.mark.parametrize(
    ("choice", "types"),
    [
        (CLICK, {CLICK}),
        ("EmailClick", {CLICK}),
        (EmailClick, {CLICK}),
        ("users.messages.email.*", EMAIL),
        (
            "users.messages.email.[CD]*",
            {CLICK, *(f"users.messages.email.{n}" for n in ("Deferral", "Delivery"))},
        ),
        ("Email*", EMAIL),
        ("EmailEvent", EMAIL),
        ("channel:email", EMAIL),
        ("*", set(EVENT_TYPES)),
        (CurrentsEvent, set(EVENT_TYPES)),
        ("engagement", ENGAGEMENT),
        ("delivery", DELIVERY),
        (ENGAGEMENT | DELIVERY, ENGAGEMENT | DELIVERY),
        (
            [ENGAGEMENT, "user"],
            ENGAGEMENT
            | {
                "users.UserOrphan",
                "users.profile.Update",
                "users.UserDeleteRequest",
                "users.RandomBucketNumberUpdate",
            },
        ),
        ((), set(EVENT_TYPES)),
    ],
)
def test_a_choice_selects_types(choice: Any, types: set[str]) -> None:
    """Text, classes, and sets of types, alone or in a list."""
    assert select_events(choice).types == types


@pytest.mark.parametrize(
    ("word", "number"),
    [("message_engagement", 90), ("customer_behavior", 10), ("user", 4), ("agent", 2)]
    + [("category:agent", 2), ("channel:push", 7), ("channel:live_activity", 4)]
    + [("action:click", 10), ("action:abort", 11), ("HasCampaign", None)],
)
def test_a_word_selects_as_many_types_as_braze_lists(
    word: str, number: int | None
) -> None:
    expected = number or sum(issubclass(c, HasCampaign) for c in EVENT_TYPES.values())

    assert len(select_events(word).types) == expected


def test_engagement_has_the_control_group_and_no_sessions() -> None:
    assert "users.campaigns.EnrollInControl" in ENGAGEMENT
    assert not any("Session" in event_type for event_type in ENGAGEMENT)
    assert set(EVENT_TYPES) >= ENGAGEMENT | DELIVERY
    assert {"users.campaigns.EnrollInControl"} == ENGAGEMENT & DELIVERY


def test_include_keeps_the_user_properties_of_other_types() -> None:
    """A bounce is stated, even if only clicks are sent; what is excluded is not."""
    selection = select_events("EmailClick", "EmailSend")

    assert selection.selects(CLICK)
    assert not selection.selects("users.messages.email.Bounce")
    assert selection.keeps_user_properties("users.messages.email.Bounce")
    assert not selection.selects("users.messages.email.Send")
    assert not selection.keeps_user_properties("users.messages.email.Send")


@pytest.mark.parametrize(
    ("include", "exclude", "selects", "keeps"),
    [
        ((), (), True, True),
        ("EmailClick", (), False, True),
        ("users.messages.*.Click", (), True, True),
        ((), "users.messages.*.Click", False, False),
        (["EmailClick", UnknownEvent], (), True, True),
        (UnknownEvent, (), True, True),
        (CurrentsEvent, (), True, True),
        ((), UnknownEvent, False, False),
        ("channel:email", (), False, True),
    ],
)
def test_a_type_that_no_class_has_is_selected_by_glob(
    include: Any, exclude: Any, selects: bool, keeps: bool
) -> None:
    """Braze adds types every month."""
    selection = select_events(include, exclude)

    assert selection.selects(FAX) is selects
    assert selection.keeps_user_properties(FAX) is keeps


def test_a_future_type_is_selected_with_a_warning() -> None:
    with pytest.warns(
        UserWarning, match=f"no event class has the type '{FAX}'. Did you mean '.*[.]"
    ):
        selection = select_events({EmailClick, FAX})

    assert selection.types == {CLICK}
    assert selection.selects(FAX)
    assert selection.future_types == [FAX]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("EmailClik", "include: 'EmailClik' is not .* Did you mean 'EmailClick'"),
        ("engagment", "Did you mean 'engagement'"),
        ("email", "Did you mean 'channel:email'"),
        ("Click", "Did you mean 'action:click'"),
        ("channel:emial", "unknown channel 'emial'; .* Did you mean 'email'"),
        ("channel:foo", "unknown channel 'foo'; there are: .*, whatsapp[.]$"),
        ("channel:e.mail", "unknown channel 'e.mail'; there are: banner, .*email"),
        ("channel:click", "Did you mean 'action:click'"),
        ("Message engagement", "Did you mean '.*message_engagement'"),
        ("HasCampain", "Did you mean 'HasCampaign'"),
        (
            "users.mesages.email.*",
            "no event type or class matches 'users.mesages.email",
        ),
        ("", "'' is not an event type"),
        ("EVENT_TYPES", "'EVENT_TYPES' is not an event type"),
    ],
)
@pytest.mark.parametrize("option", ["include", "exclude"])
def test_a_typo_is_an_error_with_a_suggestion(
    option: str, choice: str, message: str
) -> None:
    """A selection that silently selects nothing costs months of data."""
    with pytest.raises(ValueError, match=message.replace("include", option)):
        select_events(**{option: [choice]})


@pytest.mark.parametrize("choice", [None, 5, b"EmailClick", int, {"EmailClick": 1}])
def test_a_choice_of_another_type_is_an_error(choice: Any) -> None:
    with pytest.raises(TypeError, match="include takes event types, event classes"):
        select_events([CLICK, choice])


@pytest.mark.parametrize(
    ("include", "exclude"),
    [((), "*"), ("EmailClick", "channel:email"), ("EmailClick", CurrentsEvent)],
)
def test_a_selection_of_nothing_is_an_error(include: Any, exclude: Any) -> None:
    with pytest.raises(ValueError, match="every event would be skipped"):
        select_events(include, exclude)


def test_the_error_of_a_selection_of_nothing_names_the_choices() -> None:
    message = f"include ({CLICK}, EmailOpen) and exclude (channel:email) select none"
    with pytest.raises(ValueError, match=re.escape(message)):
        select_events([CLICK, "EmailOpen"], "channel:email")


@pytest.mark.filterwarnings("ignore:include")
def test_a_misspelled_type_alone_selects_nothing() -> None:
    with pytest.raises(
        ValueError, match=r"Did you mean 'users\.messages\.email\.Click'"
    ):
        select_events("users.messages.email.Clik")


def test_a_team_can_choose_its_own_types() -> None:
    """By class, by its name, by type, and by the type of a mapper without class."""

    class FaxClick(EmailClick, event_type=FAX):
        pass

    types = EVENT_TYPES | {FAX: FaxClick}

    for choice in (FaxClick, "FaxClick", FAX, "Fax*", "users.messages.fax.*"):
        assert select_events(choice, event_types=types).types == {FAX}
    assert select_events(EmailClick, event_types=types).types == {CLICK, FAX}
    assert select_events("acme.Seen", other_types=["acme.Seen"]).types == {"acme.Seen"}


@pytest.mark.parametrize("choice", ["EmailEvent", EmailClick, "engagement"])
def test_a_choice_of_none_of_the_types_is_an_error(choice: Any) -> None:
    """Even beside another choice, and with a table of few types."""
    types = {"users.UserOrphan": EVENT_TYPES["users.UserOrphan"]}

    with pytest.raises(ValueError, match="none of the event types has"):
        select_events(["UserOrphan", choice], event_types=types)


def test_the_channel_of_a_type_of_a_team_can_be_chosen() -> None:
    """As its class states it; a class that states nothing has no such words."""

    class FaxOpen(
        EmailClick, event_type="users.messages.fax.Open", channel="fax", action="open"
    ):
        pass

    added = {"users.messages.fax.Open": FaxOpen}

    for types in (EVENT_TYPES | added, dict(EVENT_TYPES) | added):
        assert len(select_events("channel:fax", event_types=types).types) == 1
        assert len(select_events("action:open", event_types=types).types) == 3
        assert len(select_events("message_engagement", event_types=types).types) == 90


def test_choices_that_never_arrive_over_http_are_named() -> None:
    choices = ["user", "UserOrphan", "EmailClick", "acme.Seen"]
    selection = select_events(choices, other_types=["acme.Seen"])

    assert selection.only_in_storage() == ["user", "UserOrphan"]


def test_words_are_resolved_without_loading_event_classes() -> None:
    """A program that selects by channel starts as fast as before."""
    code = (
        "import sys; from braze_heap.policies.selection import select_events;"
        "select_events(['channel:email', 'engagement', 'Email*', 'PushOpen'], 'user');"
        "assert 'braze_heap.events.email' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


CHOICES = st.lists(
    st.sampled_from(
        ["channel:email", "action:click", "engagement", "delivery", "Push*", "agent"]
        + ["users.messages.*", "HasCampaign", CLICK, EmailClick, DELIVERY]
    ),
    max_size=4,
)


@given(CHOICES, CHOICES)
def test_include_is_a_union_and_exclude_is_taken_from_it(
    include: list[Any], exclude: list[Any]
) -> None:
    def union(choices: list[Any]) -> set[str]:
        return {t for choice in choices for t in select_events(choice).types}

    expected = (union(include) if include else set(EVENT_TYPES)) - union(exclude)
    if not expected:
        return
    selection = select_events(include, exclude)

    assert selection.types == expected
    assert {t for t in EVENT_TYPES if selection.selects(t)} == expected
