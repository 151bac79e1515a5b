import json

import pytest

from braze_heap import EVENT_TYPES
from braze_heap.cli._events import find
from braze_heap.events import event_fields
from tests.cli.conftest import Run


def test_catalogue_has_one_line_for_each_type(run: Run) -> None:
    """A table that is piped can be searched with grep."""
    head, *rows = run("events").stdout.splitlines()

    assert head.split() == (
        "event type class name display name category channel action "
        "fields release status".split()
    )
    assert list(EVENT_TYPES) == [row.split()[0] for row in rows]


def test_part_of_a_type_filters_the_catalogue(run: Run) -> None:
    """What is no type shows all types that contain it."""
    rows = run("events", "liveactivity").stdout.splitlines()[1:]

    assert rows
    assert all("liveactivity" in row for row in rows)


@pytest.mark.parametrize(
    "query", ["users.messages.email.Click", "EmailClick", "email click"]
)
def test_type_is_found_by_any_of_its_names(query: str) -> None:
    """The type, its class and its words all lead to it."""
    assert [cls.__name__ for cls in find(query)] == ["EmailClick"]


def test_type_shows_its_meaning_and_its_fields(run: Run) -> None:
    """One type is described in full: class, doc, and each field with its marks."""
    shown = run("events", "users.messages.email.Bounce").stdout

    assert shown.startswith(
        "users.messages.email.Bounce\n"
        "EmailBounce (Email Bounce, current, since release 2)\n"
        "category message_engagement, channel email, action bounce\n\n"
        "The mailbox provider rejected an email permanently (a hard bounce).\n"
    )
    words = " ".join(shown.split())
    assert "bounce_reason string, properties, personal data Answer of the re" in words
    assert "device_id string, user, HTTP only" in words
    assert "send_time int, properties, since release 12" in words


def test_sensitive_fields_are_told_from_those_that_braze_marks(run: Run) -> None:
    """A reader sees whose judgement a mark is."""
    shown = run("events", "PushSend").stdout

    marks = "string, properties, personal data (not marked by Braze)"
    assert f"push_token {marks}" in " ".join(shown.split())


def test_unknown_type_gets_a_suggestion(run: Run) -> None:
    """A misspelt word or type is an error that knows better."""
    result = run("events", "emial")
    whole = run("events", "users.messages.email.Opne")

    assert (result.exit_code, whole.exit_code) == (2, 2)
    assert "Did you mean 'users.messages.email.Open'?" in whole.stderr
    assert "no event type matches 'emial'. Did you mean 'email'?" in result.stderr


def test_json_holds_every_type_with_every_field(run: Run) -> None:
    """--json is always a list, and always complete."""
    described = json.loads(run("events", "--json").stdout)

    assert {t: [*event_fields(cls)] for t, cls in EVENT_TYPES.items()} == {
        d["event_type"]: [field["name"] for field in d["fields"]] for d in described
    }


def test_json_of_a_type_is_a_list_of_one(run: Run) -> None:
    """Machines get the same shape whatever was asked for."""
    (described,) = json.loads(run("events", "EmailBounce", "--json").stdout)

    assert {
        key: value
        for field in described["fields"]
        for key, value in field.items()
        if field["name"] == "bounce_reason" and key != "doc"
    } == {
        "name": "bounce_reason",
        "type": "string",
        "place": "properties",
        "documented": True,
        "http": True,
        "storage": "bounce_reason",
        "personal": True,
        "sensitive": False,
        "release": None,
        "deprecated": False,
    }


def test_options_filter_by_category_channel_and_action(run: Run) -> None:
    """Each option takes several words; a type must satisfy every option."""
    found = find("", ["channel:email", "channel:sms"], ["action:click"])

    assert [cls.__name__ for cls in found] == ["EmailClick", "SmsShortLinkClick"]
    shown = run("events", "--channel", "sms", "--channel", "email", "--action", "click")
    assert [row.split()[1] for row in shown.stdout.splitlines()[1:]] == [
        "EmailClick",
        "SmsShortLinkClick",
    ]


@pytest.mark.parametrize(("category", "count"), [("user", 4), ("agent", 2)])
def test_json_has_category_channel_and_action(
    run: Run, category: str, count: int
) -> None:
    """Programs read the same words that the options filter by."""
    described = json.loads(run("events", "--category", category, "--json").stdout)

    assert [d["category"] for d in described] == [category] * count
    assert all(d["action"] and d["channel"] is None for d in described)


def test_search_and_options_combine(run: Run) -> None:
    """A word of the type and an option restrict each other."""
    rows = run("events", "canvas", "--action", "conversion").stdout.splitlines()[1:]

    assert rows
    assert all("canvas" in row and "conversion" in row for row in rows)


def test_options_that_no_type_satisfies_are_an_error(run: Run) -> None:
    """Nothing to show is said, with the options that caused it."""
    result = run("events", "EmailClick", "--channel", "push")

    assert result.exit_code == 2
    assert "no event type matches 'EmailClick' channel:push." in result.stderr


@pytest.mark.parametrize(
    ("option", "word", "hint"),
    [
        ("channel", "e-mail", "Did you mean 'email'?"),
        ("action", "clicked", "Did you mean 'click'?"),
        ("category", "x", "customer_behavior, message_engagement, user.\n"),
    ],
)
def test_unknown_words_get_advice(run: Run, option: str, word: str, hint: str) -> None:
    """A misspelled word is an error that knows better."""
    result = run("events", f"--{option}", word)

    assert result.exit_code == 2
    assert f"unknown {option} {word!r}; there are: " in result.stderr
    assert hint in result.stderr
